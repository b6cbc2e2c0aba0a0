"""A student's own notebook with its data files: the questions of one variant, and nothing that answers them."""

from __future__ import annotations

import io
import json
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from crmlab import __version__
from crmlab.base.errors import CrmlabError
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Piece
from crmlab.course.exercise import as_frame
from crmlab.course.practice import laid_out
from crmlab.course.roster import Student

FORMS = "data/forms.json"
_LONGEST_WORD = 60  # characters; a drawn text that is longer is part of the prompt, and not in the data
_WIDEST = 100  # characters of a line of code
_LIKE_MISSING = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
}  # fmt: skip
_OWN_DATA = re.compile(r"""\bex\.data\[["'](\w+)["']\]""")  # how a lesson's practice names its tables


def student_files(
    assignment: Assignment, student: Student, pieces: Sequence[Piece], language: Language
) -> dict[str, bytes]:
    """What is given to this student? The notebook, its data files and the forms of its answers, by relative path.

    The same input gives the same bytes. CrmlabError where a table is not the same when it is read again from CSV.
    """
    files: dict[str, bytes] = {}
    cells = [
        _markdown("title", laid_out(_head(assignment, student, language), language)),
        _code("setup", "import numpy as np\nimport pandas as pd\n\nimport crmlab as crm"),
    ]
    for piece in pieces:
        here = f"q{piece.number:02d}"
        cells.append(_markdown(f"{here}-prompt", laid_out(_prompt(piece, language), language)))
        lines = []
        for name, value in piece.variant.shown.items():
            line, file = _given(name, value, f"data/{piece.number}-{name}.csv")
            lines += line
            files |= file
        if lines:
            cells.append(_code(f"{here}-data", "\n".join(lines)))
        cells.append(_code(f"{here}-answer", _answers(piece, language)))
    forms = {"assignment": assignment.id, "language": language, "exercises": _forms(pieces, language)}
    files[FORMS] = _json(forms, in_order=True)
    files[f"{assignment.id}.ipynb"] = _json(
        {
            "cells": cells,
            "metadata": {
                "crmlab": {"assignment": assignment.id, "student": student.id, "version": __version__},
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    return dict(sorted(files.items()))


def _json(value: Any, in_order: bool = False) -> bytes:
    return f"{json.dumps(value, ensure_ascii=False, indent=1, sort_keys=not in_order)}\n".encode()


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(name: str, text: str) -> dict[str, Any]:
    return _markdown(name, text) | {"cell_type": "code", "execution_count": None, "outputs": []}


def _head(assignment: Assignment, student: Student, language: Language) -> str:
    """Title, whose notebook it is, how it works, until when."""

    def say(key: str, **values: Any) -> str:
        return word(f"handout.{key}", language, **values)

    total = say("total", n=assignment.size, points=f"{assignment.points:g}")
    counted = "once" if assignment.attempts == 1 else "best" if assignment.counts == "best" else "last_counts"
    times = say(counted, n=assignment.attempts)
    parts = [say("whose", id=student.id, total=total), say("how"), say("hand_in", file=f"{assignment.id}.ipynb")]
    return "\n\n".join(
        [f"# {assignment.title_in(language)}", *parts, " ".join([*_until(assignment, student, say), times])]
    )


def _until(assignment: Assignment, student: Student, say: Callable[..., str]) -> list[str]:
    """The due date, and what lateness costs."""
    if assignment.due is None:
        return [say("no_due")]
    late, due = assignment.late, assignment.due + timedelta(days=student.extra_days)
    free = due + timedelta(minutes=late.grace_minutes)
    last = max(free, due + timedelta(days=late.days))
    said = [say("due", time=_time(due))]
    if free > due:
        said.append(say("grace", time=_time(free)))
    if last > free:
        said.append(say("late", share=f"{100 * late.per_day:g}"))
    return [*said, say("last", time=_time(last))]


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC{time.isoformat()[-6:]}"


def _prompt(piece: Piece, language: Language) -> str:
    text = piece.variant.text(language)
    head = word("handout.head", language, n=piece.number, title=text.title, points=f"{piece.points:g}")
    prompt = re.sub(r"\n{3,}", "\n\n", _OWN_DATA.sub(r"\1", text.prompt)).strip()
    return f"## {head}\n\n{prompt}"


def _forms(pieces: Sequence[Piece], language: Language) -> dict[str, Any]:
    """What `check_form` reads: the form of each answer, the unit in the student's language."""
    forms: dict[str, Any] = {}
    for piece in pieces:
        forms[str(piece.number)] = {
            name: {**form, "unit": piece.exercise.answers[name].unit_in(language)}
            for name, form in piece.variant.forms().items()
        }
    return forms


def _answers(piece: Piece, language: Language) -> str:
    """The cell that the student fills: a dict with a place for each answer, and what belongs there."""
    lines = [f"# {word('handout.answer', language, n=piece.number)}", f"answer{piece.number} = {{"]
    for name, form in piece.variant.forms().items():
        values = {what: ", ".join(map(_quoted, form[what])) for what in ("choices", "columns") if what in form}
        kind = "series" if "rows" in form else form["kind"]
        comment = word(f"handout.is_{kind}", language, **values, rows=form.get("rows", ""))
        if unit := piece.exercise.answers[name].unit_in(language):
            comment += f" ({unit})"
        place = '"""\n\n"""' if kind == "essay" else "..."
        line = f"    {_quoted(name)}: {place},"
        if len(line) + len(comment) + 4 <= _WIDEST and kind != "essay":
            lines.append(f"{line}  # {comment}")
        else:
            lines += [f"    # {one}" for one in textwrap.wrap(comment, _WIDEST - 6)] + [line]
    return "\n".join([*lines, "}", f"crm.check_form({piece.number}, answer{piece.number})"])


def _quoted(text: Any) -> str:
    return json.dumps(text, ensure_ascii=False) if isinstance(text, str) else repr(text)


def _given(name: str, value: Any, path: str) -> tuple[list[str], dict[str, bytes]]:
    """The line of code that gives the student this drawn value, and the file that it reads."""
    if isinstance(value, pd.DataFrame | pd.Series):
        code, file = _table(value, path)
        return [f"{name} = {code}"], {path: file}
    if isinstance(value, str) and (len(value) > _LONGEST_WORD or "\n" in value):
        return [], {}
    return [f"{name} = {_literal(value)}"], {}


def _literal(value: Any) -> str:
    """A value as Python writes it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        return f'pd.Timestamp("{value.date() if value == value.normalize() else value}")'
    if isinstance(value, np.ndarray):
        return f"np.array({_literal(value.tolist())})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        inside = ", ".join(map(_literal, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or type(value) in (bool, int, float, str):
        return _quoted(value)
    raise CrmlabError(f"a {type(value).__name__} cannot be given to a student; draw numbers, texts, lists, tables.")


def _table(table: pd.DataFrame | pd.Series, path: str) -> tuple[str, bytes]:
    """The code that reads a table, and its CSV; what is read is equal to the table, types and index included."""
    frame = as_frame(table)
    counted = isinstance(frame.index, pd.RangeIndex)
    file = frame.to_csv(index=not counted, lineterminator="\n").encode()
    options: dict[str, Any] = {}
    if not counted:
        index = [at if name is None else name for at, name in enumerate(frame.index.names)]
        options["index_col"] = index[0] if len(index) == 1 else index
    whole = frame if counted else frame.reset_index()
    if dates := [name for name, kind in whole.dtypes.items() if kind.kind == "M"]:
        options["parse_dates"] = dates
    texts = {n: [t for t in whole[n] if isinstance(t, str)] for n, kind in whole.dtypes.items() if kind == "str"}
    if numbers := {name: "str" for name, said in texts.items() if not said or any(map(_like_number, said))}:
        options["dtype"] = numbers
    if not _LIKE_MISSING.isdisjoint(text for said in texts.values() for text in said):
        options["keep_default_na"] = False
        if gaps := {name: [""] for name in whole if whole[name].isna().any()}:
            options["na_values"] = gaps
    try:
        read = pd.read_csv(io.BytesIO(file), **options)
        if not (read.equals(frame) and read.index.names == frame.index.names and (read.dtypes == frame.dtypes).all()):
            # before pandas 3.1 the last digit of a float may differ
            pd.testing.assert_frame_equal(read, frame, rtol=1e-14, atol=0)
    except (AssertionError, ValueError) as error:
        raise CrmlabError(
            f"table '{path}' is not the same when it is read again; draw named columns of numbers, dates or texts, "
            "and an index that has names or only counts."
        ) from error
    code = f"pd.read_csv({', '.join([_quoted(path), *(f'{k}={_literal(v)}' for k, v in options.items())])})"
    if isinstance(table, pd.Series):
        code += '["value"].rename(None)' if table.name is None else f"[{_quoted(table.name)}]"
    return code, file


def _like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip().casefold() in ("true", "false")
    return True
