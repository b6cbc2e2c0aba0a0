"""Marks by hand: a form with every answer that waits, its template as CSV, and reading what was filled in."""

from __future__ import annotations

import csv
import hashlib
import html
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.base.errors import DataError, Fault
from crmlab.base.table import text_html
from crmlab.base.words import Language, word
from crmlab.course.feedback import shown
from crmlab.course.forms import LONGEST_ESSAY
from crmlab.course.grade_tables import csv_text, unguarded
from crmlab.course.judging import fold
from crmlab.course.pages import clean, page, part, points_text, write_whole
from crmlab.course.roster import csv_rows
from crmlab.data.persian import number

if TYPE_CHECKING:
    from crmlab.course.assignment import Assignment
    from crmlab.course.gradebook import Gradebook, Result
    from crmlab.course.roster import Roster, Student

HEADS = ("student", "attempt", "exercise", "answer", "criterion", "most", "points", "comment")
# (folded id, attempt, exercise, answer) -> what somebody gave for it
_Known = dict[tuple[str, float | None, str, str], tuple[tuple[float | None, ...], str]]
_LEAVE = "Leave this column as it was."


@dataclass(frozen=True)
class Handmade:
    """The marks of one answer, as somebody typed them: points for each criterion, and what the student is told."""

    student: str
    attempt: int
    slug: str
    answer: str
    points: tuple[float, ...]
    comment: str


@dataclass(frozen=True)
class _Waiting:
    student: Student
    attempt: int
    slug: str
    answer: str
    given: Any
    rubric: tuple[tuple[float, str], ...]
    title: str


def write_marking_form(
    results: list[Result], assignment: Assignment, gradebook: Gradebook, secret: bytes, folder: Path
) -> dict[str, Path]:
    """Which answers wait for marks? Writes marking.html and marks.csv where the assignment has such answers at all.

    A marks.csv with points or comments that are not in the gradebook stays; the template is then marks-2.csv.
    """
    if not any(exercise.texts["en"].rubrics for exercise in assignment.exercises.values()):
        return {}
    waiting = list(_waiting(results, assignment, gradebook, secret))
    rows = [
        (one.student.id, one.attempt, one.slug, one.answer, f"{place}. {criterion}", points_text(most, "en"), "", "")
        for one in waiting
        for place, (most, criterion) in enumerate(one.rubric, 1)
    ]
    known: _Known = {
        (fold(result.student.id), attempt.attempt, piece.slug, name): (mark.points, mark.comment)
        for result in results for attempt in result.attempts for piece in attempt.pieces
        for name, mark in piece.marks.items() if not mark.old
    }  # fmt: skip
    target, count = folder / "marks.csv", 2
    while target.exists() and not _imported(target, known):
        target, count = folder / f"marks-{count}.csv", count + 1
    return {
        "marking": write_whole(folder / "marking.html", _form(waiting, assignment)),
        "marks": write_whole(target, csv_text([HEADS, *rows])),
    }


def read_marks(path: str | Path, assignment: Assignment, roster: Roster) -> list[Handmade]:
    """Which marks are in this file, as the form or a spreadsheet saved it? Answers without points are left out.

    Commas, semicolons or tabs; digits may be Persian; 2,5 is read as 2.5. DataError lists everything that is wrong:
    students, exercises, answers and criteria that are not known or stand twice, points that are no number from 0 to
    the most of the rubric, and answers of which only some criteria have points.
    """
    students = {fold(one.id): one.id for one in roster.students}
    for one in roster.students:  # a spreadsheet drops the zeros before a number
        students.setdefault(fold(one.id).lstrip("0"), one.id)
    wrong: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    found: dict[tuple[str, int, str, str], dict[int, tuple[float | None, str]]] = {}
    for line, row in _rows(Path(path)):
        student, slug, answer = students.get(fold(row["student"]), ""), row["exercise"].strip(), row["answer"].strip()
        rubric = _most(assignment, slug, answer)
        attempt, place = (number(row[head].partition(".")[0]) or 0 for head in ("attempt", "criterion"))
        points, at = _points(row["points"]), int(place) if place in range(1, len(rubric) + 1) else 0
        said = found.setdefault((student, int(attempt), slug, answer), {})
        problems = {
            ("student", "nobody in the list of students has this id", "Write the id as the list has it."): not student,
            ("attempt", "it is no whole number from 1", _LEAVE): attempt < 1 or attempt % 1 > 0,
            ("answer", f"exercise '{clean(slug, 40)}' has no such answer to be marked", _LEAVE): not rubric,
            ("criterion", "the rubric has no such criterion", _LEAVE): bool(rubric) and not at,
            ("criterion", "the same criterion stands twice", "Keep one of the rows."): at > 0 and at in said,
            ("points", "it is no number", "Write a number such as 2.5, or nothing."):
                points is None and bool(row["points"].strip()),
            ("points", "it is below 0 or above the most", "Write what the rubric allows."):
                points is not None and at > 0 and not 0 <= points <= rubric[at - 1],
        }  # fmt: skip
        for problem in (problem for problem, is_there in problems.items() if is_there):
            wrong[problem].append(f"row {line}: {clean(row[problem[0]], 40)!r}")
        said[at] = points, row["comment"]
    marks = []
    for (student, try_, slug, answer), said in found.items():
        points_ = [said.get(at, (None, ""))[0] for at in range(1, len(_most(assignment, slug, answer)) + 1)]
        given = tuple(one for one in points_ if one is not None)
        if 0 < len(given) < len(points_):
            key = ("points", "some criteria of an answer have points, others none", "Fill them all, 0 where nothing.")
            wrong[key].append(f"{student}, {slug}, {answer}")
        if given:
            marks.append(Handmade(student, try_, slug, answer, given, _joined(text for _, text in said.values())))
    if wrong:
        faults = [Fault(*key, rows=len(rows), example="; ".join(rows[:5])) for key, rows in wrong.items()]
        raise DataError(faults, f"'{Path(path).name}'")
    return marks


def _joined(comments: Iterable[str]) -> str:
    return clean("\n".join(dict.fromkeys(filter(None, (unguarded(text).strip() for text in comments)))))


def _most(assignment: Assignment, slug: str, answer: str) -> list[float]:
    exercise = assignment.exercises.get(slug)
    return [most for most, _ in exercise.texts["en"].rubrics.get(answer, ())] if exercise else []


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the heads, with the numbers that a spreadsheet gives them."""
    try:
        rows = csv_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(Fault("", f"it cannot be read: {error}", "Save it as CSV UTF-8."), f"'{path.name}'") from error
    heads = [cell.strip().lower() for cell in rows[0].cells] if rows else []
    if missing := [head for head in HEADS if head not in heads]:
        raise DataError(
            Fault(", ".join(missing), "it is missing", f"The heads are {', '.join(HEADS)}."), f"'{path.name}'"
        )
    for row in rows[1:]:
        if any(map(str.strip, row.cells)):
            cells = dict(zip(heads, [*row.cells, *[""] * len(heads)], strict=False))
            yield row.number, {**cells, "student": unguarded(cells["student"])}


def _points(text: str) -> float | None:
    """A decimal comma counts here, where no number is as large as a thousand."""
    return number(text.replace("،", ",").replace(",", ".", 1))


def _waiting(
    results: Sequence[Result], assignment: Assignment, gradebook: Gradebook, secret: bytes
) -> Iterator[_Waiting]:
    """Exercise by exercise; within one in an order that says nothing about who it is."""
    found = []
    for result, attempt in ((result, result.chosen) for result in results):
        names = [(piece, name) for piece in (attempt.pieces if attempt else ())
                 for name, share in piece.hand.items() if share is None]  # fmt: skip
        if attempt and names:
            given = gradebook.given(result.student.id, attempt.attempt)
            made = {one.number: one for one in assignment.pieces(secret, result.student.id)}
            for piece, name in names:
                text = made[piece.number].variant.text(assignment.language)
                value = given.get(piece.number, {}).get(name)
                found.append(
                    _Waiting(result.student, attempt.attempt, piece.slug, name, value, text.rubrics[name], text.title)
                )
    order = list(assignment.exercises)
    yield from sorted(found, key=lambda one: (order.index(one.slug), one.answer, hashlib.sha256(
        f"{assignment.id}/{one.slug}/{one.student.id}".encode()).digest()))  # fmt: skip


def _imported(path: Path, known: _Known) -> bool:
    """Is everything that somebody filled in here in the gradebook, so that the file may go?"""
    typed = defaultdict(list)
    try:
        for _, row in _rows(path):
            if row["points"].strip() or row["comment"].strip():
                typed[fold(row["student"]), number(row["attempt"]), row["exercise"], row["answer"]].append(row)
    except DataError:
        return False
    said = {at: (tuple(_points(row["points"]) for row in rows), _joined(row["comment"] for row in rows))
            for at, rows in typed.items()}  # fmt: skip
    return all(known.get(at) == one for at, one in said.items())


def _form(waiting: Sequence[_Waiting], assignment: Assignment) -> str:
    language = assignment.language

    def said(key: str, **values: Any) -> str:
        return text_html(word(f"marking.{key}", language, **values), language)

    title = word("marking.title", language, title=assignment.title_in(language))
    parts = [f"<h1>{text_html(title, language)}</h1>"]
    if not waiting:
        return page(title, f"{parts[0]}<p>{said('nothing')}</p>", language)
    data = html.escape(json.dumps({
        "assignment": assignment.id, "half": word("marking.half", language), "wrong": word("marking.wrong", language),
    }, ensure_ascii=False))  # fmt: skip
    parts.append(
        f'<p class="note">{said("how")}</p><noscript><p><b>{said("no_script")}</b></p></noscript>\n'
        f'<div class="tools" data-said="{data}"><span class="count"><b>0</b>/{len(waiting)} {said("done")}</span>'
        f'<label><input type="checkbox" id="names"> {said("show")}</label>'
        f'<button type="button" id="save">{said("save")}</button><span class="say" role="status"></span></div>'
    )
    for place, one in enumerate(waiting):
        before = waiting[place - 1] if place else None
        if before is None or (before.slug, before.answer) != (one.slug, one.answer):
            parts.append("</section>" if before else "")
            parts.append(f"<section><h2>{text_html(one.title, language)} <code>{html.escape(one.answer)}</code></h2>")
        parts.append(_answer(place + 1, one, language, said))
    return page(title, "\n".join([*parts, "</section>"]), language, part("marking.js"), kind="wide")


def _answer(place: int, one: _Waiting, language: Language, said: Any) -> str:
    who = f"{clean(one.student.name, 100)} ({one.student.id})"
    given = f"<p>{said('empty')}</p>" if one.given is None else shown(one.given, language, LONGEST_ESSAY)
    fields = "".join(
        f"<label><span>{text_html(criterion, language)}</span>"
        f'<input type="number" min="0" max="{most:g}" step="0.25" inputmode="decimal" data-criterion="'
        f'{html.escape(f"{at}. {criterion}")}"> {said("of", most=points_text(most, language))}</label>'
        for at, (most, criterion) in enumerate(one.rubric, 1)
    )
    at = {"student": one.student.id, "attempt": one.attempt, "exercise": one.slug, "answer": one.answer}
    data = " ".join(f'data-{key}="{html.escape(str(value))}"' for key, value in at.items())
    return (
        f'<div class="answer" {data}><h3>{said("answer", n=place)} <bdi class="name">{html.escape(who)}</bdi></h3>'
        f"{given}{fields}"
        f'<label>{said("comment")} <textarea rows="2" dir="auto"></textarea></label></div>'
    )
