"""Every lesson as a file: run in order, quiet, portable, small cells, exercises and pictures in it."""

import json
import re
from pathlib import Path

import pytest

from crmlab.base.share import share
from crmlab.course.exercise import load_exercise
from crmlab.course.lessons import lessons

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))
LONGEST_CELL = 14
OURS = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users|private)/|[A-Z]:\\\\Users")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def practised(path):
    pattern = r"practice\(\s*[\"']([\w-]+)[\"']"
    return [slug for cell in code_cells(path) for slug in re.findall(pattern, "".join(cell["source"]))]


each = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")


def test_the_foundation_has_its_three_lessons():
    assert {4, 5, 6} <= set(lessons("en")["lesson"])


@each
def test_ran_once_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_quiet_and_without_errors(path):
    loud = [output for output in outputs(path) if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not loud


@each
def test_no_trailing_semicolon(path):
    assert not [cell["source"] for cell in code_cells(path) if "".join(cell["source"]).rstrip().endswith(";")]


@each
def test_nothing_of_the_authors_machine(path):
    texts = ["".join(cell["source"]) for cell in read(path)["cells"]]
    for output in outputs(path):
        texts += [str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/")]
        texts.append("".join(output.get("text", "")))
    assert not [match.group() for text in texts for match in OURS.finditer(text)]


@each
def test_cells_are_small(path):
    long = ["".join(cell["source"]) for cell in code_cells(path)]
    assert not [source for source in long if len(source.strip().splitlines()) > LONGEST_CELL]


@each
def test_metadata(path):
    about = read(path)["metadata"]
    assert about["kernelspec"]["name"] == "python3"
    row = lessons(path.parent.name).set_index("file").loc[path.name]  # raises where a field is missing
    assert path.name.startswith(f"{row['lesson']:02d}-")
    assert sum(part["minutes"] for part in row["parts"]) == row["minutes"]
    assert 1 <= len(row["objectives"]) <= 5 and 45 <= row["minutes"] <= 75


@each
def test_at_least_four_exercises_that_exist(path):
    slugs = set(practised(path))
    assert len(slugs) >= 4
    number = int(path.name[:2])
    assert {load_exercise(slug).lesson for slug in slugs} == {number}


@each
def test_at_least_three_pictures(path):
    assert sum("image/png" in output.get("data", {}) for output in outputs(path)) >= 3


@each
def test_cards_and_quiz_of_the_lesson(path):
    sources = ["".join(cell["source"]) for cell in code_cells(path)]
    number = int(path.name[:2])
    assert f"crm.cards(lesson={number})" in sources and f"crm.quiz(lesson={number})" in sources


def test_no_exercise_is_forgotten():
    used = {slug for path in PATHS for slug in practised(path)}
    taught = set(lessons("en")["lesson"])
    bank = {path.parent.name for path in share("exercises").glob("*/exercise.py")}
    exercises = [load_exercise(slug) for slug in bank]
    # functions, figures and essays are handed in: their marks come from the grader and from a person
    later = {"function", "figure", "essay"}
    at_once = {one.slug for one in exercises if not later & {answer.kind for answer in one.answers.values()}}
    assert {one.slug for one in exercises if one.lesson in taught and one.slug in at_once} == used & at_once
    assert used <= bank and len(used) >= 72
