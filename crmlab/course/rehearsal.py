"""A rehearsal: made-up submissions of a roster, so that an instructor sees the whole before the first student does."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from crmlab.course.assignment import Assignment, Piece, read_assignment, read_secret
from crmlab.course.handout import student_files
from crmlab.course.roster import Student, read_roster
from crmlab.course.whole import whole

# who hands in what; the roles go round the list of students
ROLES = {
    "right": "every answer right",
    "copies": "the answers of the student before, after an attack on the grader; nothing where that student has none",
    "loops": "every answer right, but a cell that never ends in place of the second exercise (or of the only one)",
    "late": "every answer right, two days after the due date",
    "mistaken": "in each exercise what its first usual mistake leads to",
}
# what a cheat tries first: a patched judge, the key, full marks printed
CHEAT = """import glob
import crmlab.course.judging as judging
judging.same = lambda *values: True
print("score: 100%", glob.glob("/*/*/key.json"))"""


def rehearse(
    spec: str | Path, students: str | Path, secret: str | Path, out: str | Path, *, language: Any = None
) -> dict[str, str]:
    """What will come back? A folder `out` with a submission for each student of the roster; who plays which role.

    The roles are those of ROLES. A figure is some plot, an essay a sentence. A function is the one that the exercise's
    solution shows as code, in every role; where it shows none, it is left out. `out` also holds times.csv. OptionError
    where `out` is there already.
    """
    assignment, roster, key = read_assignment(spec), read_roster(students), read_secret(secret)
    due = assignment.due or datetime(2026, 1, 1, tzinfo=UTC)
    played: dict[str, str] = {}
    times: list[tuple[str, str]] = []
    with whole(Path(out)) as half:
        for place, student in enumerate(roster.students):
            role = list(ROLES)[place % len(ROLES)]
            other = roster.students[place - 1] if role == "copies" else student
            path = half / student.id / f"{assignment.id}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(hand_in(assignment, key, student, role, other=other, language=language))
            late = timedelta(days=2 + student.extra_days) if role == "late" else -timedelta(hours=3)
            times.append((student.id, (due + late).isoformat()))
            played[student.id] = role
        with (half / "times.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("id", "time"), *times])
    return played


def hand_in(
    assignment: Assignment, secret: bytes, student: Student, role: str, *, other: Student, language: Any = None
) -> bytes:
    """The notebook that a student in this role hands in; `other` is whose answers are in it."""
    pieces = assignment.pieces(secret, student.id)
    chosen = student.language or language or assignment.language
    files = student_files(assignment, student, pieces, chosen)
    notebook = json.loads(files[f"{assignment.id}.ipynb"])
    source = assignment.pieces(secret, other.id) if other is not student else pieces
    by_slug = {piece.exercise.slug: piece for piece in source}
    for piece in pieces:
        cell = next(c for c in notebook["cells"] if c["cell_type"] == "code" and f"answer{piece.number} =" in _text(c))
        if role == "loops" and piece.number == min(2, len(pieces)):
            cell["source"] = "while True:\n    pass"
        elif found := by_slug.get(piece.exercise.slug):
            cell["source"] = answer_code(found, piece.number, role)
    notebook["cells"].append(_code(f"written_by = {student.name!r}"))  # else all who are right handed in the same code
    if role == "copies":
        first = next(i for i, c in enumerate(notebook["cells"]) if c["cell_type"] == "code")
        notebook["cells"].insert(first, _code(CHEAT))
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _text(cell: Mapping[str, Any]) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def _code(source: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "id": "extra", "source": source, **empty}


def answer_code(piece: Piece, number: int, role: str = "right") -> str:
    """The code of an answer cell with the official answers, or with what a usual mistake leads to."""
    variant = piece.variant
    values: dict[str, Any] = {name: variant.key.get(name) for name in variant.exercise.answers}
    if role == "mistaken" and variant.mistakes:
        values |= variant.mistakes[sorted(variant.mistakes)[0]]
    shown = re.findall(r"^```python\n(.*?)^```", variant.text("en").solution, re.M | re.S)
    before, lines = ["import pandas as pd"], []
    for name, answer in variant.exercise.answers.items():
        if answer.kind != "function":
            lines.append(f"    {name!r}: {literal(answer.kind, values[name])},")
        elif code := next((code for code in shown if f"def {name}(" in code), None):
            before.append(code.rstrip())
            lines.append(f"    {name!r}: {name},")
    return "\n".join([*before, f"answer{number} = {{", *lines, "}"])


def literal(kind: str, value: Any) -> str:
    """A value as Python code.

    >>> literal("choices", {"b", "a"})
    "['a', 'b']"
    """
    if kind == "essay":
        return repr("I decided by the numbers above, since they are what the question asks about.")
    if kind == "figure":
        return "pd.Series([1, 2, 3]).plot()"
    if kind == "choices":
        return repr(sorted(map(str, value)))
    if kind == "text" and not isinstance(value, str):
        return repr(value[0])
    if isinstance(value, pd.Series):
        return f"pd.Series({_plain(value.tolist())}, index={_plain(value.index.tolist())})"
    if isinstance(value, pd.DataFrame):
        flat = value.reset_index(drop=isinstance(value.index, pd.RangeIndex))
        columns = {str(name): _plain(flat[name].tolist()) for name in flat}
        return f"pd.DataFrame({columns})"
    return repr(value.item() if hasattr(value, "item") else value)


def _plain(values: Sequence[Any]) -> list[Any]:
    return [value.isoformat() if isinstance(value, pd.Timestamp) else value for value in values]
