"""The gradebook as tables: all of it, what was flagged, and what Moodle and Canvas take back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.base.words import word
from crmlab.course.pages import clean, write_whole
from crmlab.course.roster import HEADERS
from crmlab.data.persian import fold

if TYPE_CHECKING:
    from crmlab.course.assignment import Assignment
    from crmlab.course.copied import Flag
    from crmlab.course.gradebook import Result
    from crmlab.course.roster import Roster

# what the LMS knows a student by; its import ignores or asks about other columns
_MOODLE = {fold(head) for key in ("first", "last", "id", "email") for head in HEADERS[key]} | {"username", "نامکاربری"}
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def write_grade_tables(
    results: list[Result], roster: Roster, assignment: Assignment, flags: Sequence[Flag], folder: Path
) -> dict[str, Path]:
    """gradebook.csv and flagged.csv; gradebook-moodle.csv or gradebook-canvas.csv where the roster came from there.

    The LMS's tables leave a grade empty where nothing was handed in or marks by hand are awaited, so that the LMS's own
    rule for missing work holds.
    """
    title = assignment.title_in(assignment.language)
    flagged: list[tuple[Any, ...]] = [("student", "attempt", "kind", "other", "answers", "chance", "text")]
    flagged += [
        (f.student, f.attempt, f.kind, f.other, ", ".join(f.answers), f"{f.chance:g}", f.text("en")) for f in flags
    ]
    made = {
        "gradebook": write_whole(folder / "gradebook.csv", csv_text(_everything(results, assignment))),
        "flagged": write_whole(folder / "flagged.csv", csv_text(flagged)),
    }
    if roster.source == "moodle":
        columns = [column for column in roster.columns if fold(column) in _MOODLE]
        rows = [[*columns, title, f"{title} (feedback)"]]
        rows += [[*_given(one, columns), _grade(one), _comment(one)] for one in results]
        made["moodle"] = write_whole(folder / "gradebook-moodle.csv", csv_text(rows, bom=False))
    if roster.source == "canvas":
        columns = [column for column in _CANVAS if column in roster.columns]
        rows = [[*columns, title], ["    Points Possible", *[""] * (len(columns) - 1), _two(assignment.points)]]
        rows += [[*_given(one, columns), _grade(one)] for one in results]
        made["canvas"] = write_whole(folder / "gradebook-canvas.csv", csv_text(rows, bom=False))
    return made


def _everything(results: list[Result], assignment: Assignment) -> Iterable[Sequence[Any]]:
    own = ("exercise", "points", "most", "states", "mistake")
    yield [
        "id", "name", "email", "attempts", "counted", "handed_in", "left_after_lateness", "sandboxed", "score", "most",
        "waiting", "unreadable", *(f"{n}_{head}" for n in range(1, assignment.size + 1) for head in own),
    ]  # fmt: skip
    for result in results:
        student, counted = result.student, result.chosen
        faults = "; ".join(f"{one.attempt}: {one.fault}" for one in result.attempts if one.fault)
        row: list[Any] = [student.id, student.name, student.email, len(result.attempts)]
        if counted is None:
            row += ["", "", "", ""]
        else:
            row += [counted.attempt, counted.time.isoformat(timespec="seconds"), f"{counted.late_factor:g}",
                    "yes" if counted.sandboxed else "no"]  # fmt: skip
        row += [_two(result.score), _two(result.most), _two(result.waiting), faults]
        for piece in counted.pieces if counted else ():
            states = "; ".join(f"{name}: {state}" for name, state in piece.states.items())
            row += [piece.slug, _two(piece.score), _two(piece.points), states, piece.mistake or ""]
        yield row


def _given(result: Result, columns: Sequence[str]) -> list[str]:
    return [result.student.given.get(column, "") for column in columns]


def _grade(result: Result) -> str:
    return "" if result.counted is None or result.waiting > 0 else _two(result.score)


def _comment(result: Result) -> str:
    """A line for the LMS's feedback column, in the student's language."""
    if result.chosen is None:
        return word("feedback.none", result.language)
    said = [
        f"{one.number}: {word('feedback.of', result.language, points=_two(one.score), most=_two(one.points))}"
        for one in result.chosen.pieces
    ]
    waiting = word("feedback.waiting", result.language, points=_two(result.waiting)) if result.waiting else ""
    return "; ".join(filter(None, [*said, waiting]))


def _two(value: float) -> str:
    return f"{value:.2f}"


def csv_text(rows: Iterable[Sequence[Any]], bom: bool = True) -> str:
    """Rows as CSV in which no spreadsheet finds a formula; with the mark by which Excel knows UTF-8."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([guarded(clean(cell, 5000)) for cell in row] for row in rows)
    return ("\ufeff" if bom else "") + file.getvalue()


def guarded(text: str) -> str:
    """The text of a cell, with an apostrophe before what a spreadsheet would run.

    >>> guarded("=1+1"), guarded("plain"), unguarded(guarded("-5"))
    ("'=1+1", 'plain', '-5')
    """
    return f"'{text}" if re.match(r"\s*[=+\-@\t\r＝＋－＠]", text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and guarded(text[1:]) != text[1:] else text
