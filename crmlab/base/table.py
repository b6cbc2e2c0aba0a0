"""A table as a reader sees it: numbers with their decimals, a title and a note, in English or in Persian."""

from __future__ import annotations

import html
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crmlab.base.errors import OptionError
from crmlab.base.words import Language

Format = int | str
_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
# not the year of a Latin citation: (Hu & Bentler, 1999)
_NUMBER = re.compile(
    r"(?!(?<=[A-Za-z.],\s)(?:19|20)\d\d(?!\d))(?:(?<![A-Za-z_\d.])\d+(?:[.,]\d+)*|(?<![A-Za-z_\d])\.\d+)"
)
# In Persian text: what begins with a Latin or Greek letter and runs on over numbers and signs (χ²(24) = 85.3, R², H1),
# but not over the end of a sentence; and a sign with its number (≤ 0.08)
_INNER = r"[A-Za-zΑ-Ωα-ω0-9۰-۹²³_,/=<>≤≥±−+–~&'’٫٬ \u00a0-]|[.:](?! )"
_LTR = re.compile(
    rf"[A-Za-zΑ-Ωα-ω](?:(?:{_INNER}|\((?:{_INNER})*\))*(?:[A-Za-zΑ-Ωα-ω0-9۰-۹²³]|\((?:{_INNER})*\)))?"
    r"|[≤≥<>−+]\s?[0-9۰-۹][0-9۰-۹٫٬]*"
)


@dataclass(frozen=True, eq=False)
class Table:
    """A DataFrame with what its reader needs: `title`, `note`, and how each column is shown.

    `frame` keeps numbers as numbers, at full precision. `formats` maps a column to a number of decimals (2), to
    ".2" (two decimals and, in English, no zero before the point: APA's rule for what cannot exceed 1) or to "p"
    (three decimals, "< .001" below that); a sequence gives one for each row. Columns that are not named: whole numbers
    without decimals, others with three, and `p` or `pvalue` as p-values. Empty cells are missing values.

    >>> Table(pd.DataFrame({"item": ["Q1"], "loading": [0.71], "p": [1e-5]}), formats={"loading": ".2"}).cells()
    [['Q1', '.71', '< .001']]
    """

    frame: pd.DataFrame
    title: str = ""
    note: str = ""
    formats: Mapping[str, Format | Sequence[Format]] = field(default_factory=dict)
    language: Language = "en"

    def __post_init__(self) -> None:
        frame = self.frame.set_axis([str(c) for c in self.frame.columns], axis=1)
        if frame.columns.has_duplicates:
            twice = ", ".join(repr(c) for c in frame.columns[frame.columns.duplicated()].unique())
            raise OptionError(f"The table has several columns called {twice}; give each its own name.")
        object.__setattr__(self, "frame", frame)

    def format_of(self, column: str, row: int) -> Format:
        """How is the number in this column and row shown?"""
        if column not in self.formats:
            if pd.api.types.is_integer_dtype(self.frame[column]):
                return 0
            return "p" if column.lower() in ("p", "pvalue", "p-value") else 3
        form = self.formats[column]
        return form if isinstance(form, (int, str)) else form[row]

    def is_number(self, column: str) -> bool:
        """Does the column hold numbers (and gaps) alone?"""
        values = [value for value in self.frame[column] if not _missing(value)]
        return bool(values) and all(_is_number(value) for value in values)

    def cells(self, language: Language | None = None) -> list[list[str]]:
        """The texts that are shown, a list for each row."""
        language = language or self.language
        return [
            [cell(value, self.format_of(c, i), language) for c, value in zip(self.frame.columns, row, strict=True)]
            for i, row in enumerate(self.frame.itertuples(index=False, name=None))
        ]

    def to_html(self, language: Language | None = None) -> str:
        """The `<table>` alone, with its heads."""
        language = language or self.language
        kinds = ['class="number"' if self.is_number(c) else 'class="text"' for c in self.frame.columns]
        heads = "".join(
            f'<th scope="col" {kind}>{text_html(c, language)}</th>'
            for c, kind in zip(self.frame.columns, kinds, strict=True)
        )
        rows = "\n".join(
            "<tr>" + "".join(_cell_html(text, kind, language) for text, kind in zip(row, kinds, strict=True)) + "</tr>"
            for row in self.cells(language)
        )
        way = "rtl" if language == "fa" else "ltr"
        return f'<table class="apa" dir="{way}">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'

    def _repr_html_(self) -> str:
        note = f"<p>{text_html(self.note, self.language)}</p>" if self.note else ""
        way = "rtl" if self.language == "fa" else "ltr"
        title = text_html(self.title, self.language)
        return f'<div dir="{way}"><p><b>{title}</b></p>{self.to_html()}{note}</div>'


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its caption: matplotlib's Figure or Axes, or the path of a PNG file."""

    figure: Any
    title: str = ""
    note: str = ""


class Heading(str):
    """A heading among tables, figures and sentences."""

    __slots__ = ()


def _cell_html(text: str, kind: str, language: Language) -> str:
    return (
        f'<td {kind} dir="ltr">{html.escape(text)}</td>'
        if "number" in kind
        else f"<td {kind}>{text_html(text, language)}</td>"
    )


def as_table(thing: Table | pd.DataFrame, language: Language = "en") -> Table:
    """A Table of a DataFrame; an index with names or labels becomes the first columns."""
    if isinstance(thing, Table):
        return thing
    frame = thing
    if frame.columns.nlevels > 1:
        frame = frame.set_axis([" ".join(map(str, c)).strip() for c in frame.columns], axis=1)
    if not isinstance(frame.index, pd.RangeIndex):
        names = ["" if name is None else str(name) for name in frame.index.names]
        frame = frame.rename_axis(names[0] if len(names) == 1 else names).reset_index(names=names)
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    if frame.columns.has_duplicates:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise OptionError(
            f"The table has several columns called {', '.join(map(repr, twice))}; give each its own name."
        )
    return Table(frame, language=language)


def cell(value: Any, form: Format, language: Language = "en") -> str:
    """The text of one cell; a missing value is empty."""
    if _missing(value):
        return ""
    return number_text(float(value), form, language) if _is_number(value) else localized(str(value), language)


def number_text(value: float, form: Format = 3, language: Language = "en") -> str:
    """A number as it is printed: decimals, minus sign and, in Persian, Persian digits and separators.

    >>> number_text(-0.204, ".2"), number_text(0.0002, "p"), number_text(1234.5, 1, "fa")
    ('−.20', '< .001', '۱٬۲۳۴٫۵')
    """
    unit = isinstance(form, str)
    digits = form if isinstance(form, int) else 3 if form == "p" else int(form.removeprefix("."))
    if not math.isfinite(value):
        return ("−" if value < 0 else "") + "∞"
    below = form == "p" and value < 0.001
    text = f"{abs(0.001 if below else value):,.{digits}f}"
    if unit and language == "en" and text.startswith("0."):
        text = text[1:]
    sign = "< " if below else "−" if value < 0 and float(text.replace(",", "")) else ""
    return localized(sign + text, language)


def localized(text: str, language: Language) -> str:
    """In Persian, numbers in Persian digits; those of a Latin name (Q12, H1) or citation stay as they are.

    >>> localized("H1: CFI = 0.95 (1,200; Hu & Bentler, 1999)", "fa")
    'H1: CFI = ۰٫۹۵ (۱٬۲۰۰; Hu & Bentler, 1999)'
    """
    if language != "fa":
        return text
    text = _NUMBER.sub(lambda m: m[0].replace(",", "٬").replace(".", "٫").translate(_DIGITS), text)
    return re.sub(r"(?<=[۰-۹])\s?%", "٪", text)


def pieces(text: str) -> list[tuple[str, bool]]:
    """Persian text cut into pieces, each with whether it runs from left to right (symbols, Latin names, signs)."""
    found: list[tuple[str, bool]] = []
    at = 0
    for match in _LTR.finditer(text):
        found += [(text[at : match.start()], False), (match[0], True)]
        at = match.end()
    found = [piece for piece in [*found, (text[at:], False)] if piece[0]]
    return [(_mark(i, piece, ltr) + piece, ltr) for i, (piece, ltr) in enumerate(found)]


def _mark(i: int, piece: str, ltr: bool) -> str:
    """The invisible mark of direction that a piece needs beside its neighbours (Unicode, annex 9, rules W7 and N1)."""
    if ltr:
        return "" if piece[0].isalpha() else "\u200e"
    return "\u200f" if i else ""


def text_html(text: str, language: Language) -> str:
    """Text for a page, escaped, its Latin pieces kept apart in Persian."""
    text = localized(text, language)
    if language != "fa":
        return html.escape(text)
    return "".join(f'<bdi dir="ltr">{html.escape(t)}</bdi>' if ltr else html.escape(t) for t, ltr in pieces(text))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
