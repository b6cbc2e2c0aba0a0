"""A small class that handed in, for the tests of what is written from the gradebook."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from crmlab.course.assignment import Assignment, read_assignment
from crmlab.course.gradebook import Gradebook
from crmlab.course.packing import Picture, to_json
from crmlab.course.roster import Roster, Student
from crmlab.course.running import Run, Trouble
from crmlab.course.submissions import Submission

SECRET = b"a secret for the tests only"
SPEC = """
id = "homework-1"
bank = "bank"
due = 2027-01-15T23:59:00+03:30
attempts = 2
counts = "best"
language = "LANGUAGE"
[title]
en = "From receipts to lifetime value"
fa = "از رسید تا ارزش طول عمر مشتری"
[late]
per_day = 0.1
days = 5
[[exercises]]
slug = "discount-to-today"
points = 5
[[exercises]]
slug = "top-share"
points = 10
[[exercises]]
slug = "reverse-items"
points = 10
[[exercises]]
slug = "tell-the-manager"
points = 10
"""
EXERCISE = '''"""What would you tell the manager?"""

lesson = 5
level = 1
tags = ("writing",)
answers = {"advice": {"kind": "essay"}, "plot": {"kind": "figure"}, "share": {"kind": "number", "tolerance": 0.01}}
mistakes = {}


def draw(rng):
    return {"top": int(rng.integers(10, 40))}


def solve(top):
    return {"share": top / 100}
'''
TEXT = {
    "en": """# What do you tell the manager?
Draw the Lorenz curve of the {top} best customers and advise the manager.

## Hint
Begin with the number that decides.

## Rubric: advice
- 2: It names one action that follows from the {top} customers.
- 1: It says what the action costs.

## Rubric: plot
- 2: The axes have titles and units.

## Solution
Anything that follows from the curve.
""",
    "fa": """# به مدیر چه می‌گویید؟
منحنی لورنتس {top} مشتری برتر را بکشید و به مدیر پیشنهاد دهید.

## Hint
با عددی آغاز کنید که تصمیم را می‌سازد.

## Rubric: advice
- 2: یک اقدام را نام می‌برد که از {top} مشتری برتر برمی‌آید.
- 1: می‌گوید آن اقدام چه هزینه‌ای دارد.

## Rubric: plot
- 2: محورها عنوان و واحد دارند.

## Solution
هر آنچه از منحنی برآید.
""",
}


def assignment_in(folder: Path, language: str = "en") -> Assignment:
    bank = folder / "bank" / "tell-the-manager"
    bank.mkdir(parents=True, exist_ok=True)
    (bank / "exercise.py").write_text(EXERCISE, encoding="utf-8")
    for name, text in TEXT.items():
        (bank / f"{name}.md").write_text(text, encoding="utf-8")
    spec = folder / "homework.toml"
    spec.write_text(SPEC.replace("LANGUAGE", language), encoding="utf-8")
    return read_assignment(spec)


@cache
def picture() -> Picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2.5))
    figure.subplots().plot([0, 0.5, 1], [0, 0.2, 1])
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80, metadata={"Software": None})
    return Picture(file.getvalue())


def keys(assignment: Assignment, student: Student) -> dict[int, dict[str, Any]]:
    """The right answers, with an essay and a figure."""
    found = {piece.number: dict(piece.variant.key) for piece in assignment.pieces(SECRET, student.id)}
    found[4] |= {"advice": "Write to the best customers first.\nIt costs a stamp each.", "plot": picture()}
    return found


def hand_in(
    gradebook: Gradebook, student: Student, given: dict[int, dict[str, Any]], when: str = "2027-01-14T10:20",
    troubles: tuple[Trouble, ...] = (), fault: str | None = None, sandboxed: bool = True, attempt: int = 1,
    slugs: tuple[str, ...] = ("discount-to-today", "top-share", "reverse-items", "tell-the-manager"),
) -> None:  # fmt: skip
    time = datetime.fromisoformat(when).replace(tzinfo=UTC)
    submission = Submission(
        student, attempt, Path("x.ipynb"), "x.ipynb", time, f"{student.id}-{attempt}", ("1",), fault=fault
    )
    answers = {number: {name: to_json(value) for name, value in named.items()} for number, named in given.items()}
    if isinstance(plot := given.get(4, {}).get("plot"), Picture):
        answers[4]["plot"] = json.dumps({"$": "png", "v": base64.b64encode(plot.png).decode()})
    run = None if fault else Run(answers, troubles, 1.0, sandboxed)
    gradebook.record([submission], "ran", run, dict(enumerate(slugs, 1)))


def first_mistake(assignment: Assignment, student: Student, number: int, at: int = 0) -> dict[str, Any]:
    """The wrong answers of the exercise's first (second, ...) usual mistake."""
    return list(assignment.pieces(SECRET, student.id)[number - 1].variant.mistakes.values())[at]


def crowd(assignment: Assignment, n: int, gradebook: Gradebook) -> Roster:
    """n students whose ability decides how much is right; the last three hand in nothing."""
    rng = np.random.default_rng(5)
    students = tuple(Student(f"s{i:02d}", f"Test {i:02d}") for i in range(1, n + 1))
    for student in students[: n - 3]:
        given, ability = keys(assignment, student), rng.normal()
        for number, hard in ((1, -0.8), (2, 0.3), (3, 0.9)):
            if rng.normal(ability) < hard:
                given[number] = first_mistake(assignment, student, number, int(rng.integers(2)))
        if rng.random() < 0.1:
            del given[3]
        hand_in(gradebook, student, given, sandboxed=student.id != "s07")
        gradebook.set_marks(student.id, "tell-the-manager", "advice", [float(rng.integers(0, 3)), 0.5])
        if student.id != "s09":
            gradebook.set_marks(student.id, "tell-the-manager", "plot", [float(rng.integers(1, 3))])
    return Roster(students, "plain", ("id", "name"))


def new_gradebook(folder: Path, assignment: Assignment) -> Gradebook:
    folder.mkdir(parents=True, exist_ok=True)
    gradebook = Gradebook(folder / "gradebook.sqlite", new=True)
    gradebook.bind(assignment, SECRET)
    return gradebook
