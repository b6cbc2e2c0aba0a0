"""docs/coverage.md: each section, function and test that it names exists."""

import json
import re
from functools import reduce
from pathlib import Path

import pytest

import crmlab as crm

ROOT = Path(__file__).resolve().parent.parent
LINES = (ROOT / "docs/coverage.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if re.match(r"\| (\d\d|all) \|", line)]


def headings(lesson):
    (path,) = (ROOT / "notebooks/en").glob(f"{lesson}-*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return {line for text in texts for line in re.findall(r"^#{2,3} (.+?)\s*$", text, flags=re.M)}


def test_every_lesson_has_rows():
    lessons = {path.name[:2] for path in (ROOT / "notebooks/en").glob("*.ipynb")}
    assert {row[0] for row in ROWS} == lessons | {"all"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1][:30]}")
def test_the_row_is_true(row):
    lesson, _, section, functions, tests = row
    assert lesson == "all" or section in headings(lesson)
    for name in (named := re.findall(r"`([\w.]+)`", functions)):
        assert reduce(getattr, name.split("."), crm).__doc__
    found = re.findall(r"`([\w/.]+)::(\w+)`", tests)
    assert named and found
    for path, test in found:
        assert re.search(rf"^def {test}\(", (ROOT / path).read_text(encoding="utf-8"), flags=re.M), test
