"""A rehearsal's answers are what its roles say, for every kind of answer."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.course.assignment import Piece, read_assignment
from crmlab.course.exercise import load_exercise
from crmlab.course.rehearsal import ROLES, answer_code, rehearse

# one of every kind that the bank has: number, choice, choices, table, function, figure, essay
EVERY = ("break-even-response", "which-end", "p-alive-who", "reverse-items", "count-customers", "five-customers",
         "hypotheses-table", "score-function", "payback-function", "lorenz-plot", "why-kappa-is-low")  # fmt: skip
SPEC = 'id = "hw"\ndue = 2027-01-15T23:59:00+03:30\ntitle = "Homework"\n' + "".join(
    f'[[exercises]]\nslug = "{slug}"\npoints = 1\n' for slug in ("break-even-response", "lorenz-plot")
)


def answered(piece: Piece, role: str) -> dict:
    space = {"np": np, "pd": pd, "crm": crm}
    exec(answer_code(piece, 1, role), space)
    return space["answer1"]


@pytest.mark.parametrize("slug", EVERY)
def test_right_has_all_points_that_need_no_person(agg, slug):
    exercise = load_exercise(slug)
    variant = exercise.variant(5)
    verdict = variant.judge(answered(Piece(1, 1, variant), "right"))
    assert verdict.share == pytest.approx(exercise.automatic)
    marked = {name for name, answer in exercise.answers.items() if answer.by_hand}
    assert {name for name, state in verdict.states.items() if state == "by_hand"} == marked


@pytest.mark.parametrize("slug", ["break-even-response", "reverse-items", "lorenz-plot"])
def test_mistaken_makes_a_mistake_that_is_recognised(agg, slug):
    variant = load_exercise(slug).variant(5)
    verdict = variant.judge(answered(Piece(1, 1, variant), "mistaken"))
    assert verdict.mistake == sorted(variant.mistakes)[0]
    assert verdict.share < variant.exercise.automatic


def test_the_kinds_above_are_all_that_the_bank_has():
    kinds = {answer.kind for slug in EVERY for answer in load_exercise(slug).answers.values()}
    assert kinds == {"number", "choice", "choices", "table", "function", "figure", "essay"}


def test_the_roles_go_round_the_list_of_students(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hw.toml").write_text(SPEC, encoding="utf-8")
    rows = ["id,name,extra_days", "1,Ali,", "2,Bita,", "3,Cyrus,", "4,Dana,3", "5,سارا,", "6,Ali,"]
    Path("roster.csv").write_text("\n".join(rows), encoding="utf-8")
    Path("key").write_text("a secret for tests only", encoding="utf-8")
    played = rehearse("hw.toml", "roster.csv", "key", "in")
    assert list(played.values()) == [*ROLES, "right"]
    with Path("in/times.csv").open(encoding="utf-8") as file:
        times = {row["id"]: row["time"] for row in csv.DictReader(file)}
    assert times["4"] == "2027-01-20T23:59:00+03:30"  # two days after her own date
    code = {
        one: ["".join(cell["source"]) for cell in json.loads(Path(f"in/{one}/hw.ipynb").read_text())["cells"]]
        for one in played
    }
    assert "while True:\n    pass" in code["3"]
    assert not any("while True" in cell for one in "12456" for cell in code[one])
    assert set(code["2"]) & {cell for cell in code["1"] if "answer1 =" in cell}  # copied to the letter
    with pytest.raises(OptionError, match="is there already"):
        rehearse("hw.toml", "roster.csv", "key", "in")


def test_nothing_is_copied_where_the_neighbour_has_no_such_exercise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = 'id = "hw"\ntitle = "Homework"\n[[exercises]]\nlesson = 6\ndraw = 1\npoints = 1\n'
    Path("hw.toml").write_text(spec, encoding="utf-8")
    secret = b"a secret for tests only"
    Path("key").write_bytes(secret)
    assignment = read_assignment("hw.toml")
    other = next(id for id in "23456789" if assignment.slugs(secret, id) != assignment.slugs(secret, "1"))
    Path("roster.csv").write_text(f"id\n1\n{other}\n", encoding="utf-8")
    assert rehearse("hw.toml", "roster.csv", "key", "in")[other] == "copies"
    cells = json.loads(Path(f"in/{other}/hw.ipynb").read_text())["cells"]
    assert any("answer1 = {" in (code := "".join(cell["source"])) and "...," in code for cell in cells)
