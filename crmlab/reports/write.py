"""Tables and figures into a file: Word, Excel, LaTeX or one HTML page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from crmlab.base.errors import CrmlabError, OptionError, check_option
from crmlab.base.table import Picture, Table, as_table
from crmlab.base.words import Language
from crmlab.reports.docx import write_docx
from crmlab.reports.excel import write_xlsx
from crmlab.reports.latex import write_tex
from crmlab.reports.page import write_html
from crmlab.reports.parts import Part


def write_tables(
    tables: Mapping[str, Any] | Table | pd.DataFrame,
    path: str | Path,
    *,
    language: Language | None = None,
    title: str | None = None,
    overwrite: bool = False,
    font: str | None = None,
    chapter: int | None = None,
) -> Path:
    """Which file holds these tables, ready to hand in? Word (.docx), Excel (.xlsx), LaTeX (.tex) or HTML (.html).

    `tables` maps names to Tables or DataFrames, and may hold figures (`Picture`, matplotlib's Figure or Axes), headings
    and sentences between them; a single table will do. `language` is that of the tables ("en" without any); "fa" writes
    from right to left with Persian digits. `chapter=4` numbers Table 4-1, 4-2. `font` is Word's (Times New Roman; in
    Persian B Nazanin, in whose place Word puts another where it is not installed). LaTeX keeps figures beside
    the file. The file appears whole or not at all. Raises OptionError for an unknown ending, a missing folder, and a
    file that is there already without `overwrite=True`.

    Style: American Psychological Association (2020), Publication manual, 7th edition, sections 6.36 and 7.8 to 7.21.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_tables(pd.DataFrame({"item": ["Q1"], "mean": [3.52]}), f"{folder}/one.html").name
    'one.html'
    """
    target = Path(path)
    parts = _parts(tables, language)
    chosen = language or next((part.language for _, part in parts if isinstance(part, Table)), "en")
    check_option("language", chosen, get_args(Language))
    writer = check_target(target, overwrite)
    try:
        with tempfile.TemporaryDirectory(prefix=".crmlab-", dir=target.parent) as folder:
            half = Path(folder) / target.name
            writer(parts, half, chosen, title or "", font, chapter)
            made = sorted(half.parent.iterdir(), key=lambda file: file == half)  # figures first, the file last
            there = [f.name for f in made if (target.parent / f.name).exists()]
            if there and not overwrite:
                raise OptionError(f"{', '.join(there)} is there already; replace it with overwrite=True.")
            for file in made:
                os.replace(file, target.parent / file.name)
    except OSError as error:
        raise CrmlabError(f"{target} cannot be written ({error}). Close it where it is open, and try again.") from error
    return target


def check_target(path: str | Path, overwrite: bool = False) -> Callable[..., None]:
    """Who writes this file? Raises OptionError if its ending is not known, or it cannot or must not be written."""
    target = Path(path)
    writer = _WRITERS.get(target.suffix.lower())
    if writer is None:
        raise OptionError(
            f"'{target.name}': the ending '{target.suffix}' is not known; it must be one of {', '.join(_WRITERS)}."
        )
    if not target.parent.is_dir():
        raise OptionError(f"The folder {target.parent} does not exist; make it first, or choose another.")
    if target.is_dir() or (target.exists() and not overwrite):
        raise OptionError(
            f"{target} is there already; choose another name, or replace it (overwrite=True, --overwrite)."
        )
    return writer


def _parts(tables: Any, language: Language | None) -> list[Part]:
    given = tables.items() if isinstance(tables, Mapping) else [("table", tables)]
    parts: list[Part] = []
    for name, thing in given:
        if isinstance(thing, (Table, pd.DataFrame)):
            parts.append((str(name), as_table(thing, language or "en")))
        elif isinstance(thing, (Picture, str)):
            parts.append((str(name), thing))
        elif isinstance(thing, Path) or hasattr(getattr(thing, "figure", thing), "savefig"):
            parts.append((str(name), Picture(thing, str(name))))
        else:
            raise OptionError(
                f"'{name}' is a {type(thing).__name__}; a Table, a DataFrame, a figure or text is expected."
            )
    if not parts:
        raise OptionError("There is no table to write.")
    return parts


_WRITERS: dict[str, Callable[..., None]] = {
    ".docx": write_docx, ".xlsx": write_xlsx, ".tex": write_tex, ".html": write_html,
}  # fmt: skip
