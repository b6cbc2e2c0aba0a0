"""Shared by the tests of grading: three quick exercises, a class that hands in, a runner without a sandbox."""

from __future__ import annotations

import csv
import json
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crmlab.course.assignment import Assignment, read_assignment
from crmlab.course.packing import to_json
from crmlab.course.roster import Roster, Student
from crmlab.course.running import Run, Trouble
from crmlab.course.submissions import Submission

SECRET = b"a secret for tests only"
DUE = datetime(2026, 3, 20, 23, 59, tzinfo=UTC)
EXERCISES = {
    "double-it": (
        """
        choice = {"kind": "choice", "choices": ("yes", "no")}
        answers = {"twice": {"kind": "number", "tolerance": TOLERANCE}, "odd": choice}


        def draw(rng):
            return {"n": int(rng.integers(1, 10**9))}


        def solve(n):
            return {"twice": 2 * n, "odd": "yes" if n % 2 else "no"}


        mistakes = {"once": lambda n: {"twice": n}}
        """,
        "What is twice {n}, and is {n} odd?",
        "## Mistake: once\nThat is {n} itself.",
    ),
    "sum-it": (
        """
        import pandas as pd

        answers = {"total": {"kind": "number", "tolerance": 0.001}, "sums": {"kind": "table"}}


        def draw(rng):
            return {"log": pd.DataFrame({"shop": ["a", "b", "a"], "amount": rng.uniform(0, 100, 3).round(2)})}


        def solve(log):
            return {"total": float(log["amount"].sum()), "sums": log.groupby("shop")["amount"].sum()}


        mistakes = {}
        """,
        "What is the sum, and that of each shop?",
        "",
    ),
    "say-why": (
        """
        answers = {"why": {"kind": "essay", "weight": 3.0}, "n": {"kind": "number", "weight": 1.0}}


        def draw(rng):
            return {"n_": int(rng.integers(1, 10**9))}


        def solve(n_):
            return {"n": n_ + 1}


        mistakes = {}
        """,
        "What comes after {n_}, and why?",
        "## Rubric: why\n- 2: It names a reason.\n- 1: It is short.",
    ),
}
SPEC = """
id = "small"
title = "Small"
bank = "bank"
due = {due}
attempts = {attempts}
counts = "{counts}"

[late]
per_day = 0.1
grace_minutes = 10
days = 5

[[exercises]]
slug = "double-it"
points = 10

[[exercises]]
slug = "sum-it"
points = 6

[[exercises]]
slug = "say-why"
points = 8
"""


def write_bank(folder: Path, tolerance: float = 0.5) -> None:
    """The bank beside the specification; `tolerance` is that of double-it."""
    for slug, (code, prompt, more) in EXERCISES.items():
        there = folder / "bank" / slug
        there.mkdir(parents=True, exist_ok=True)
        head = '"""A quick exercise."""\n\nlesson = 1\nlevel = 1\ntags = ("quick",)\n'
        source = head + textwrap.dedent(code).replace("TOLERANCE", str(tolerance))
        (there / "exercise.py").write_text(source, encoding="utf-8")
        text = f"# Title\n\n{prompt}\n\n## Hint\nCount.\n\n## Solution\nCounted.\n\n{more}\n"
        for language in ("en", "fa"):
            (there / f"{language}.md").write_text(text, encoding="utf-8")


def write_spec(
    folder: Path, due: str = DUE.isoformat(), attempts: int = 2, counts: str = "best", more: str = ""
) -> Path:
    """The specification, with its bank."""
    write_bank(folder)
    spec = folder / "small.toml"
    spec.write_text(SPEC.format(due=due, attempts=attempts, counts=counts).replace("due = none\n", "") + more)
    return spec


def small(folder: Path, **said: object) -> Assignment:
    """The assignment, read."""
    return read_assignment(write_spec(folder, **said))


def klass(count: int, **more: float) -> Roster:
    """So many students; `more` gives extra days by id."""
    ids = [f"s{n:03d}" for n in range(1, count + 1)]
    return Roster(tuple(Student(one, f"Student {one}", extra_days=more.get(one, 0.0)) for one in ids), "plain", ("id",))


def right(assignment: Assignment, student: str, **changed: object) -> dict[int, dict[str, object]]:
    """The student's right answers, an essay, and what is changed by name; None leaves an answer out."""
    given = {
        piece.number: dict(piece.variant.key)
        | {name: "Since I counted." for name in piece.exercise.answers if name == "why"}
        for piece in assignment.pieces(SECRET, student)
    }
    for answers in given.values():
        answers.update({name: value for name, value in changed.items() if name in answers})
    return given


def code(given: dict[int, dict[str, object]]) -> tuple[str, ...]:
    """The cells that give these answers."""

    def literal(value: object) -> str:
        return f"pd.Series({value.to_dict()!r})" if hasattr(value, "to_dict") else repr(value)

    cells = [
        f"answer{number} = {{" + ", ".join(f"{name!r}: {literal(value)}" for name, value in answers.items()) + "}"
        for number, answers in given.items()
    ]
    return ("import pandas as pd", *cells)


def notebook(cells: tuple[str, ...], student: str) -> str:
    """The .ipynb of these cells."""
    made = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "source": one, "outputs": [], "execution_count": None}
        for at, one in enumerate(cells)
    ]
    owner = {"crmlab": {"assignment": "small", "student": student}}
    return json.dumps({"cells": made, "metadata": owner, "nbformat": 4, "nbformat_minor": 5})


def hand_in(folder: Path, student: str, cells: tuple[str, ...], time: datetime = DUE, name: str = "small") -> None:
    """Put the student's notebook into the folder of submissions, and its time into times.csv."""
    path = folder / student / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(cells, student), encoding="utf-8")
    times = folder / "times.csv"
    rows = list(csv.reader(times.read_text().splitlines())) if times.exists() else [["file", "time"]]
    said = f"{student}/{name}.ipynb"
    rows = [row for row in rows if row[0] != said] + [[said, time.isoformat()]]
    times.write_text("\n".join(map(",".join, rows)) + "\n")


def submission(student: Student, time: datetime = DUE, sha: str = "aa", **more: object) -> Submission:
    """A submission as find_submissions gives it."""
    said = {"attempt": 1, "path": Path("x"), "name": "x.ipynb", "cells": (), "meant_for": student.id}
    return Submission(student=student, time=time, sha256=sha, **(said | more))


def run_of(given: dict[int, dict[str, object]], *troubles: Trouble, sandboxed: bool = True) -> Run:
    """What running a notebook with these answers gives."""
    answers = {number: {name: to_json(value) for name, value in said.items()} for number, said in given.items()}
    return Run(answers, troubles, 0.1, sandboxed)


def stand_in(cells, wanted, data, limits=None, *, unsafe=False) -> Run:
    """run_notebook without a kernel and without a sandbox: for notebooks of these tests only."""
    names: dict[str, object] = {}
    troubles = []
    for at, cell in enumerate(cells, 1):
        try:
            exec(cell, names)  # the tests' own code
        except Exception as error:
            troubles.append(Trouble(at, "error", repr(error)))
    given = {one.number: names.get(f"answer{one.number}", {}) for one in wanted}
    return run_of(given, *troubles, sandboxed=not unsafe)


def late(hours: float) -> datetime:
    """So many hours after the due time."""
    return DUE + timedelta(hours=hours)
