"""The nbgrader folder: its cells by themselves, and what the real nbgrader makes of it."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.nbgrader_peer import find_nbgrader, run_nbgrader, seconds_per_submission
from crmlab.base.errors import OptionError
from crmlab.base.share import share
from crmlab.course.assignment import Assignment, read_assignment
from crmlab.course.exercise import slugs
from crmlab.course.export.nbgrader import earned, write_nbgrader
from crmlab.course.roster import Roster, Student

SECRET = b"a secret of thirty-two bytes ..."
ROSTER = Roster(
    (Student("s1", "Ali Example", "ali@example.org"), Student("s2", "سارا نمونه"), Student("s3", "=1+1")),
    "plain",
    ("id",),
)
EXERCISE = '''
"""A number, a function, a figure and an essay."""
lesson, level, tags = 1, 1, ("test",)
answers = {
    "double": {"kind": "number"},
    "half": {"kind": "function"},
    "picture": {"kind": "figure", "weight": 2.0},
    "why": {"kind": "essay", "weight": 4.0},
}
mistakes = {}


def draw(rng):
    return {"n": int(rng.integers(2, 99))}


def solve(n):
    return {"double": 2 * n, "half": [((n,), n / 2), ((8,), 4.0)], "picture": None, "why": None}
'''
TEXT = """# Twice {n}

Double it, halve it, draw it, say why.

## Hint
Count.

## Rubric: picture
- 2: axes are named

## Rubric: why
- 4: a reason

## Solution
{double}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    bank = tmp_path / "bank" / "twice"
    bank.mkdir(parents=True)
    (bank / "exercise.py").write_text(EXERCISE, encoding="utf-8")
    for language in ("en", "fa"):
        (bank / f"{language}.md").write_text(TEXT, encoding="utf-8")
    slots = "".join(
        f'[[exercises]]\nslug = "{slug}"\npoints = {points}\n'
        for slug, points in (("top-share", 10), ("count-customers", 3), ("who-to-drop", 5), ("twice", 8))
    )
    file = tmp_path / "paper.toml"
    file.write_text(f'id = "week-1"\ntitle = "Week 1"\nbank = "bank"\n{slots}', encoding="utf-8")
    return file


@pytest.fixture
def assignment(spec: Path) -> Assignment:
    return read_assignment(spec)


def cells(course: Path, name: str) -> list[dict[str, Any]]:
    notebook = json.loads((course / "source" / name / "week-1.ipynb").read_text(encoding="utf-8"))
    return list(notebook["cells"])


def test_cells_are_what_nbgrader_wants(assignment: Assignment, tmp_path: Path) -> None:
    course = write_nbgrader(assignment, ROSTER, SECRET, tmp_path / "course", 2)
    assert sorted(path.name for path in (course / "source").iterdir()) == ["week-1-v01", "week-1-v02"]
    found = cells(course, "week-1-v01")
    assert len({cell["id"] for cell in found}) == len(found)
    said = [cell["metadata"]["nbgrader"] for cell in found if "nbgrader" in cell["metadata"]]
    assert len({one["grade_id"] for one in said}) == len(said)
    for one in said:
        assert set(one) - {"points"} == {"grade", "solution", "locked", "task", "grade_id", "schema_version"}
        assert one["schema_version"] == 3 and ("points" in one) == one["grade"]
    roles = {one["grade_id"]: (one["grade"], one["solution"], one["locked"], one.get("points")) for one in said}
    assert roles["setup"] == (False, False, True, None)
    assert roles["answer1"] == (False, True, False, None)
    assert roles["test1"] == (True, False, True, 10.0)
    # of eight points one is the number's, one the function's, two the figure's and four the essay's
    assert roles["test4"] == (True, False, True, 2.0) and roles["answer4"] == (True, True, False, 6.0)
    assert sum(one.get("points", 0) for one in said) == assignment.points
    answer = "".join(next(cell for cell in found if cell["id"] == "q04-answer")["source"])
    assert "# why: 4: a reason" in answer.split("### BEGIN SOLUTION")[1]


def test_variants_differ_and_the_same_input_gives_the_same_bytes(assignment: Assignment, tmp_path: Path) -> None:
    one, two = (write_nbgrader(assignment, ROSTER, SECRET, tmp_path / name, 2) for name in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)
    data = "data/1-customers.csv"
    assert (one / "source/week-1-v01" / data).read_text() != (one / "source/week-1-v02" / data).read_text()
    assert str(tmp_path) not in "".join((one / path).read_text(encoding="utf-8") for path in files)
    with (one / "students.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["assignment"] for row in rows] == ["week-1-v01", "week-1-v02", "week-1-v01"]
    assert [row["last_name"] for row in rows] == ["Ali Example", "سارا نمونه", "'=1+1"]
    with pytest.raises(OptionError, match="there already"):
        write_nbgrader(assignment, ROSTER, SECRET, one, 2)


def test_released_cells_hold_no_answer(assignment: Assignment, tmp_path: Path) -> None:
    """What is left when the marked parts are taken out, as nbgrader does."""
    course = write_nbgrader(assignment, ROSTER, SECRET, tmp_path / "course", 1, "fa")
    for piece, number in zip(assignment.pieces(SECRET, "variant 1"), range(1, 9), strict=False):
        found = {cell["id"]: "".join(cell["source"]) for cell in cells(course, "week-1-v01")}
        begin, _, end = found[f"q{number:02d}-answer"].partition("### BEGIN SOLUTION")
        released = begin + end.partition("### END SOLUTION")[2]
        compile(released, "answer", "exec")
        compile(found[f"q{number:02d}-test"], "test", "exec")
        for name in piece.exercise.answers:
            assert f'"{name}": ' in released
        assert "earned" not in found[f"q{number:02d}-test"].partition("### BEGIN HIDDEN TESTS")[0]


def test_every_exercise_of_the_bank_survives_as_a_test(tmp_path: Path) -> None:
    slots = "".join(f'[[exercises]]\nslug = "{slug}"\npoints = 1.1\n' for slug in slugs(share("exercises")))
    (tmp_path / "all.toml").write_text(f'id = "all"\ntitle = "All"\n{slots}', encoding="utf-8")
    course = write_nbgrader(read_assignment(tmp_path / "all.toml"), ROSTER, SECRET, tmp_path / "course", 1)
    for notebook in (course / "source").glob("*/all.ipynb"):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                compile("".join(cell["source"]), cell["id"], "exec")


@pytest.mark.parametrize(
    ("given", "points"),
    [(None, 0.0), (..., 0.0), ({"n": 2, "c": ["a", "b"]}, 3.0), ({"n": 2}, 1.0), ({"c": {"B", "a"}}, 2.0), (2, 0.0),
     ({"n": float("nan"), "c": "a"}, 0.0), ([1, 2], 0.0), ({"n": "2", "x": 3}, 0.0)],
)  # fmt: skip
def test_points_are_given_in_part(given: Any, points: float) -> None:
    answers = {"n": {"kind": "number"}, "c": {"kind": "choices", "choices": ["a", "b", "c"], "weight": 2.0}}
    test = json.dumps({"answers": answers, "key": {"n": 2, "c": ["a", "b"]}})
    got = earned(given, test, 3, 3)
    assert got == points and type(got) is float  # nbgrader reads the printed value


@pytest.fixture
def nbgrader() -> Path:
    """The real nbgrader. Skipped without it, but failed in CI."""
    if found := find_nbgrader():
        return found
    reason = "nbgrader is not installed; make nbgrader, or name its command in CRMLAB_NBGRADER"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def solved(course: Path, name: str, path: Path, wrong: str = "") -> Path:
    """The released notebook with the official solutions put in, but for those of the cell `wrong`."""
    notebook = json.loads((course / "release" / name / "week-1.ipynb").read_text(encoding="utf-8"))
    official = {cell["id"]: "".join(cell["source"]) for cell in cells(course, name)}
    for cell in notebook["cells"]:
        assert "BEGIN" not in "".join(cell["source"]) and "earned" not in "".join(cell["source"])
        if cell["id"].endswith("-answer"):
            lines = official[cell["id"]]
            extra = (
                "answer4['half'] = lambda x: x / 2\nanswer4['why'] = 'Because.'" if cell["id"] == "q04-answer" else ""
            )
            cell["source"] = lines + "\n" + (extra if cell["id"] != wrong else "answer1['gini'] = 7")
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_real_nbgrader_releases_grades_and_exports(nbgrader: Path, assignment: Assignment, tmp_path: Path) -> None:
    course, name = write_nbgrader(assignment, ROSTER, SECRET, tmp_path / "course", 1), "week-1-v01"
    run_nbgrader(nbgrader, course, "db", "student", "import", "students.csv")
    run_nbgrader(nbgrader, course, "generate_assignment", name)
    assert (course / "release" / name / "data" / "1-customers.csv").exists()
    (tmp_path / "empty.ipynb").write_bytes((course / "release" / name / "week-1.ipynb").read_bytes())
    submitted = {
        "s1": solved(course, name, tmp_path / "right.ipynb"),
        "s2": solved(course, name, tmp_path / "wrong.ipynb", wrong="q01-answer"),
        "s3": tmp_path / "empty.ipynb",
    }
    assert seconds_per_submission(nbgrader, course, name, submitted) > 0
    run_nbgrader(nbgrader, course, "generate_feedback", name)
    run_nbgrader(nbgrader, course, "export")
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    # six points, for figure and essay, wait for marks by hand; half of top-share's ten points are the wrong Gini's
    assert {student: float(row["score"]) for student, row in rows.items()} == {"s1": 20.0, "s2": 15.0, "s3": 0.0}
    assert {float(row["max_score"]) for row in rows.values()} == {26.0}
    assert rows["s2"]["last_name"] == "سارا نمونه"
    for student in submitted:
        assert "week-1" in (course / "feedback" / student / name / "week-1.html").read_text(encoding="utf-8")
