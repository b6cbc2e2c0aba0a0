"""A variant as a question for any learning platform: prompt, places for answers, what is right, usual mistakes."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal

import pandas as pd

from crmlab.base.errors import require
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Slot
from crmlab.course.exercise import Exercise, Variant, as_frame, markdown_table
from crmlab.course.forms import flat, fold
from crmlab.course.judging import Answer

_ROWS_WHOLE = 30  # longer tables go along as a CSV file
_MOST_CELLS = 20  # a table with more cells to fill is marked by hand
ROOT = "@@PLUGINFILE@@/"  # stands in links for where a platform keeps a question's files

_FieldKind = Literal["number", "choice", "choices", "text", "essay", "function", "figure"]
BY_HAND = ("essay", "function", "figure")


@dataclass(frozen=True)
class Field:
    """A place for an answer. `key`: a float, a choice, a tuple of choices or of accepted wordings; None by hand.

    share: its part of the question's points. cell: row and column of a table that it is a cell of.
    """

    name: str
    kind: _FieldKind
    key: Any
    share: Fraction
    unit: str = ""
    tolerance: float = 0.0
    relative: float = 0.0
    choices: tuple[str, ...] = ()
    cell: tuple[str, str] | None = None

    def within(self, value: float) -> float:
        """How far off may a number be that stands for `value`?"""
        return max(self.tolerance, self.relative * abs(value))

    def differs(self, other: Field) -> bool:
        """Is the other's key wrong here? Not where a person marks."""
        if self.kind == "number" == other.kind:
            return bool(abs(other.key - self.key) > self.within(self.key))
        if self.kind == "text" == other.kind:
            return {fold(one) for one in self.key}.isdisjoint(fold(one) for one in other.key)
        told = bool(other.key) or other.kind == "choices"  # to choose none is an answer there
        return told and self.kind == other.kind and self.kind not in BY_HAND and self.key != other.key


@dataclass(frozen=True)
class Mistake:
    """A usual mistake: what to say of it, and the wrong value at each place (by its number, from 0) that shows it."""

    name: str
    html: str
    values: Mapping[int, Any]


@dataclass(frozen=True)
class Question:
    """One variant. Texts are XHTML; `solution` also holds the rubrics; `notes` say what no platform marks."""

    id: str
    title: str
    points: float
    prompt: str
    hints: tuple[str, ...]
    solution: str
    fields: tuple[Field, ...]
    mistakes: tuple[Mistake, ...]
    files: Mapping[str, bytes]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pool:
    """The variants of one exercise at one place (from 1) of the assignment; `slot` says how many are drawn there."""

    place: int
    slot: Slot
    exercise: Exercise
    questions: tuple[Question, ...]

    def title(self, language: Language) -> str:
        """The exercise's title, or its name where each variant has another title."""
        title = self.exercise.texts[language].title
        return self.exercise.slug if "{" in title else clean(title)


def pools(assignment: Assignment, secret: bytes, variants: int, language: Language) -> list[Pool]:
    """Which questions does this assignment come to? So many variants of each exercise that it may ask.

    A variant's seed hangs on the secret and its number alone. No student has an id with a space in it, so that no
    student's own variant is among them.
    """
    fixed = {slot.slug for slot in assignment.slots}
    found: list[Pool] = []
    for place, slot in enumerate(assignment.slots, 1):
        for slug, exercise in sorted(assignment.exercises.items()):
            if slot.takes(exercise) and (slot.slug or slug not in fixed):
                name = f"{slug}-{place}" if any(pool.exercise is exercise for pool in found) else slug
                seeds = {f"{i:04d}": assignment.seed(secret, f"pool {i}", slug) for i in range(1, variants + 1)}
                made = (question(f"{name}-{i}", exercise.variant(s), slot.points, language) for i, s in seeds.items())
                found.append(Pool(place, slot, exercise, tuple(made)))
    return found


def question(name: str, variant: Variant, points: float, language: Language) -> Question:
    """How is this variant asked outside a notebook?"""
    text, answers, notes = variant.text(language), variant.exercise.answers, list[str]()
    prompt, files = whole_tables(variant, text.prompt, language)
    total = sum(Fraction(str(answer.weight)) for answer in answers.values())
    fields: list[Field] = []
    for one, answer in answers.items():
        made, note = _fields(one, answer, variant.key.get(one), Fraction(str(answer.weight)) / total, language)
        fields += made
        notes += [f"{variant.exercise.slug}: '{one}' {note}"] if note else []
    places = {(field.name, field.cell): place for place, field in enumerate(fields)}
    mistakes = []
    for mistake, wrong in variant.mistakes.items():
        values: dict[int, Any] = {}
        for one, value in wrong.items():
            for field in _fields(one, answers[one], value, Fraction(1), language)[0]:
                place = places.get((one, field.cell))
                if place is not None and fields[place].differs(field):
                    values[place] = field.key
        if values:
            mistakes.append(Mistake(mistake, as_html(text.mistakes[mistake]), values))
    mistakes.sort(key=lambda one: -len(one.values))  # as judging prefers them
    solution = as_html(text.solution)
    for one, rubric in text.rubrics.items():
        criteria = "\n".join(f"- {marks:g}: {criterion}" for marks, criterion in rubric)
        solution += as_html(f"**{word('export.rubric', language)}** `{one}`\n\n{criteria}")
    return Question(
        name, clean(text.title), points, as_html(prompt), tuple(map(as_html, text.hints)), solution, tuple(fields),
        tuple(mistakes), files, tuple(notes),
    )  # fmt: skip


def _fields(name: str, answer: Answer, key: Any, share: Fraction, language: Language) -> tuple[list[Field], str]:
    """The places of one answer, and why a person must mark it where no platform can."""
    unit, kind = answer.unit_in(language), answer.kind
    by_hand = [Field(name, "essay", None, share)]
    if kind == "number" and math.isfinite(key):
        return [Field(name, "number", float(key), share, unit, answer.tolerance, answer.relative)], ""
    if kind == "choice" or kind == "choices":
        chosen = {fold(one) for one in ([key] if isinstance(key, str) else key)}
        right = tuple(choice for choice in answer.choices if fold(choice) in chosen)
        note = "" if right else "has no right choice in some variant: in Moodle a person marks it there"
        return [Field(name, kind, right, share, unit, choices=answer.choices)], note
    if kind == "text":
        return [Field(name, "text", _wordings(key), share, unit)], ""
    if kind == "table":
        cells = list(_cells(key))
        if len(cells) > _MOST_CELLS or any(value is None for _, value, _ in cells):
            return by_hand, f"is a table of more than {_MOST_CELLS} cells or with gaps, and is asked as free text"
        return [
            Field(name, "text" if isinstance(value, tuple) else "number", value, share / len(cells), unit,
                  *((0.0, 0.0) if exact else (answer.tolerance, answer.relative)), cell=cell)
            for cell, value, exact in cells
        ], ""  # fmt: skip
    if kind == "function":
        return [Field(name, "function", None, share)], "is a function, which no platform runs; mark it by hand"
    return [
        Field(name, "figure", None, share)
    ] if kind == "figure" else by_hand, "is marked by hand, in Moodle with its whole exercise"


def _cells(table: pd.DataFrame | pd.Series) -> Iterator[tuple[tuple[str, str], Any, bool]]:
    """Each cell to fill: its row and column, its value (None for a gap), whether it must be exact.

    The index, else a first column of text, names the rows and is given; rows without names of their own are numbered.
    """
    frame, levels = flat(table), table.index.nlevels
    if isinstance(table.index, pd.RangeIndex) and isinstance(table, pd.DataFrame):
        levels = 0 if pd.api.types.is_numeric_dtype(frame.iloc[:, 0]) or frame.shape[1] == 1 else 1
    rows = frame.astype(object).to_numpy().tolist()
    labels = [" · ".join(map(_shown, row[:levels])) for row in rows]
    if len(set(labels)) < len(labels):
        labels = [f"{number}. {label}".strip() for number, label in enumerate(labels, 1)]
    for label, row in zip(labels, rows, strict=True):
        for column, value in list(zip(frame.columns, row, strict=True))[levels:]:
            kind = frame[column].dtype
            counted = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
            held = None if pd.isna(value) else float(value) if counted else _wordings(_shown(value))
            yield (label, _shown(column)), held, not pd.api.types.is_float_dtype(kind)


def _wordings(key: Any) -> tuple[str, ...]:
    """The accepted wordings, each also as judging folds it: platforms fold nothing but case."""
    said = [key] if isinstance(key, str) else list(key)
    return tuple(dict.fromkeys(clean(form) for one in said for form in (one, one.replace("\u200c", " "), fold(one))))


def _shown(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)


def whole_tables(variant: Variant, prompt: str, language: Language) -> tuple[str, dict[str, bytes]]:
    """The prompt with its tables whole and exact: there is no data file beside it but those returned."""
    files: dict[str, bytes] = {}
    for name, table in variant.shown.items():
        if not isinstance(table, pd.DataFrame | pd.Series):
            continue
        shown = markdown_table(_exact(table), _ROWS_WHOLE)
        if len(table) > _ROWS_WHOLE:
            shown = markdown_table(_exact(table))
            counted = isinstance(table.index, pd.RangeIndex)
            files[f"{name}.csv"] = as_frame(table).to_csv(index=not counted, lineterminator="\n").encode()
            shown += f"\n\n[{name}.csv]({ROOT}{name}.csv) ({word('export.rows', language, rows=len(table))})"
        prompt = prompt.replace(markdown_table(table), shown)
    return prompt, files


def _exact(table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Numbers that two decimals would cut, as text."""
    frame = as_frame(table).copy()
    for column in frame.select_dtypes("float"):
        if (frame[column] - frame[column].round(2)).abs().max() > 1e-9:
            frame[column] = frame[column].map(lambda x: "" if pd.isna(x) else f"{x:.10g}")
    return frame


def answer_form(question: Question, place: Callable[[int, Field], str], language: Language) -> str:
    """The places for the answers as XHTML; `place(number, field)` writes one."""
    parts = []
    for name, group in groupby(enumerate(question.fields), key=lambda pair: pair[1].name):
        fields = list(group)
        first = fields[0][1]
        unit = f" ({as_text(first.unit)})" if first.unit else ""
        label = f"<code>{as_text(name)}</code>{unit}"
        if first.cell is None:
            parts.append(f'<div class="answer">{label}: {place(*fields[0])}</div>')
            continue
        columns = dict.fromkeys(field.cell[1] for _, field in fields if field.cell)
        heads = "".join(f"<th>{as_text(column)}</th>" for column in columns)
        rows = ""
        for row, cells in groupby(fields, key=lambda pair: pair[1].cell and pair[1].cell[0]):
            rows += f"<tr><th>{as_text(str(row))}</th>{''.join(f'<td>{place(*one)}</td>' for one in cells)}</tr>"
        head = f"<thead><tr><th></th>{heads}</tr></thead>"
        parts.append(f'<div class="answer">{label}:<table>{head}<tbody>{rows}</tbody></table></div>')
    return f"<p>{as_text(word('export.how', language))}</p>{''.join(parts)}"


def clean(text: str) -> str:
    """Text without what XML cannot hold: control characters, lone surrogates."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def as_text(text: str) -> str:
    """Plain text as XHTML."""
    return html.escape(clean(text), quote=False)


def as_html(text: str) -> str:
    r"""Markdown as XHTML, without raw HTML or pictures; formulas as \(...\), which MathJax reads.

    >>> as_html("**a** < $b_1$")
    '<p><strong>a</strong> &lt; \\(b_1\\)</p>\n'
    """
    reader = require("markdown_it", "course").MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})
    formulas = re.findall(r"\$+([^$\n]+)\$+", clean(text))
    kept = re.sub(r"\$+[^$\n]+\$+", "\ue000", clean(text).replace("\ue000", ""))
    shown = str(reader.enable("table").disable("image").render(kept))
    for formula in formulas:
        shown = shown.replace("\ue000", rf"\({html.escape(formula, quote=False)}\)", 1)
    return shown


def number(value: float) -> str:
    """A number as platforms read it.

    >>> number(7.0), number(0.25)
    ('7', '0.25')
    """
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
