"""docs/instructors.md runs as it stands, from an empty folder, and gives what it says."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from crmlab.cli import app
from crmlab.course.assignment import read_assignment, read_secret

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)


class Desk:
    """An empty folder, with a `crmlab` of this checkout on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.here, programs = folder / "desk", folder / "bin"
        self.here.mkdir()
        programs.mkdir()
        command = programs / "crmlab"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m crmlab.cli "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.env = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}

    def run(self, block: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", block], cwd=self.here, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def grades(self) -> dict[str, dict[str, str]]:
        with (self.here / "hw1/keep-private/gradebook.csv").open(encoding="utf-8-sig", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def feedback(self) -> dict[str, str]:
        return {path.stem: path.read_text(encoding="utf-8") for path in (self.here / "hw1/feedback").glob("*.html")}


def shown(html: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>", " ", html, flags=re.S).split())


@pytest.mark.slow
def test_from_roster_to_gradebook(sandboxed, tmp_path):
    desk = Desk(tmp_path)
    roster, secret, make, rehearse, grade, show_key, once_more = blocks("bash")
    for block in (roster, secret, make):
        desk.run(block)
    made = sorted(path.name for path in (desk.here / "hw1/for-students").iterdir())
    assert made == ["401001", "401002", "401003", "401004", "401005"]
    assert "401003: loops" in desk.run(rehearse)
    assert "Submissions: 5 new, 0 that stood already." in desk.run(grade)

    grades, pages = desk.grades(), desk.feedback()
    assert sorted(grades) == sorted(pages) == made
    most = float(grades["401001"]["most"])
    scores = {student: float(row["score"]) for student, row in grades.items()}
    assert scores["401001"] == most == 50
    assert {row["sandboxed"] for row in grades.values()} == {"yes"}

    # the neighbour's numbers are worth nothing, unless the same value is right for both
    assignment, key = read_assignment("lifetime-value"), read_secret(desk.here / "secret.key")
    theirs = {piece.exercise.slug: piece for piece in assignment.pieces(key, "401001")}
    earned = 0.0
    for piece in assignment.pieces(key, "401002"):
        other = theirs.get(piece.exercise.slug)
        earned += piece.points * (piece.variant.judge(other.variant.key).share if other else 0)
    assert scores["401002"] == pytest.approx(earned, abs=0.01)
    assert earned < 0.4 * most
    with (desk.here / "hw1/keep-private/flagged.csv").open(encoding="utf-8-sig", newline="") as file:
        flags = [(row["student"], row["kind"], row["other"]) for row in csv.DictReader(file)]
    assert flags == [("401002", "key", "401001")]

    looped = grades["401003"]  # one exercise of six
    assert scores["401003"] == most - float(looped["2_most"])
    assert float(looped["2_points"]) == 0
    late = grades["401004"]
    assert late["left_after_lateness"] == "0.8"
    assert scores["401004"] == pytest.approx(0.8 * most)

    persian = pages["401005"]
    assert 'lang="fa"' in persian
    assert 'dir="rtl"' in persian
    pieces = {piece.exercise.slug: piece.variant for piece in assignment.pieces(key, "401005")}
    mistakes = {grades["401005"][f"{i}_exercise"]: grades["401005"][f"{i}_mistake"] for i in range(1, 7)}
    assert all(mistakes.values()), mistakes
    for slug, mistake in mistakes.items():
        said = pieces[slug].text("fa").mistakes[mistake]
        words = re.findall("[\u0600-\u06ff\u200c]{4,}", said)
        assert words
        assert all(word in persian for word in words), slug

    solutions = {
        student: [
            max(re.findall("[^\\W\\d_ ]+(?: [^\\W\\d_ ]+)+", piece.variant.text(row_language).solution), key=len)
            for piece in assignment.pieces(key, student)
        ]
        for student, row_language in [(id, "fa" if id == "401005" else "en") for id in made]
    }
    for student, page in pages.items():
        assert not any(said in shown(page) for said in solutions[student]), student
    for student in ("401002", "401005"):  # those who were wrong are not told what is right
        wrote = (desk.here / f"submissions/{student}/lifetime-value.ipynb").read_text(encoding="utf-8")
        for i, piece in enumerate(assignment.pieces(key, student), 1):
            states = dict(one.split(": ") for one in grades[student][f"{i}_states"].split("; "))
            for name, value in piece.variant.key.items():
                if states[name] != "wrong" or not isinstance(value, float) or not value % 1:
                    continue
                said = f"{value:.4f}"
                if said[:-1] not in wrote:  # a usual mistake may be the right number with another sign
                    assert said not in shown(pages[student]), (student, name)

    assert "Submissions: 0 new, 5 that stood already." in desk.run(grade)
    assert desk.feedback() == pages
    assert "Submissions: 0 new, 5 that stood already." in desk.run(show_key)
    for student, page in desk.feedback().items():
        assert all(said in shown(page) for said in solutions[student]), student
    assert desk.grades() == grades

    assert "Submissions: 1 new" in desk.run(once_more)
    assert desk.grades() == grades


COMMANDS = [line for kind in ("bash", "console") for block in blocks(kind) for line in block.splitlines()
            if line.startswith("crmlab ")]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_parses(command):
    words, group = shlex.split(command)[1:], typer.main.get_command(app)
    context = typer.Context(group, info_name="crmlab")
    while hasattr(group, "commands"):
        name = words.pop(0)
        assert name in group.commands, name
        group = group.commands[name]
    with group.make_context(group.name, list(words), parent=context) as made:
        assert made.params


def test_the_page_shows_every_verb_and_platform():
    for verb in typer.main.get_command(app).commands["assignment"].commands:
        assert f"crmlab assignment {verb} " in PAGE, verb
    for platform in ("moodle", "qti", "nbgrader", "html", "pdf"):
        assert f"--to {platform} " in PAGE, platform


def test_the_specification_of_the_page_is_read(tmp_path):
    (spec,) = blocks("toml")
    (tmp_path / "hw.toml").write_text(spec.replace('bank = "my-exercises"', ""), encoding="utf-8")
    assert read_assignment(tmp_path / "hw.toml").size == 3
