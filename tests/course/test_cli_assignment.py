"""The verbs of `crmlab assignment`: what they print, what they hand on, and how they refuse."""

import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import crmlab
from crmlab.cli import app
from crmlab.course.assignment import read_secret

RUN = CliRunner()
SPEC = 'id = "hw"\ntitle = "Homework"\n[[exercises]]\nslug = "break-even-response"\npoints = 5\n'


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with a spec, a roster and a secret, to work in."""
    monkeypatch.chdir(tmp_path)
    Path("hw.toml").write_text(SPEC, encoding="utf-8")
    Path("roster.csv").write_text("id,name\n401,Ali Example\n402,سارا نمونه\n", encoding="utf-8")
    assert RUN.invoke(app, ["assignment", "secret", "secret.key"]).exit_code == 0
    return tmp_path


def said(*arguments: str) -> str:
    result = RUN.invoke(app, ["assignment", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


MAKE = ("make", "hw.toml", "--students", "roster.csv", "--secret", "secret.key", "--out", "hw", "--jobs", "1")


def test_a_secret_is_made_once(desk):
    assert len(read_secret("secret.key")) == 64
    with pytest.raises(crmlab.base.errors.OptionError, match="is there already"):
        said("secret", "secret.key")


def test_make_says_what_to_hand_out(desk):
    text = said(*MAKE)
    assert text.splitlines() == [
        "hw: exercises: 1, students: 2.",
        f"Hand out: {Path('hw/for-students')}, to each student the folder with their id.",
        f"Keep to yourself: {Path('hw/keep-private')} and secret.key.",
    ]
    assert (desk / "hw/for-students/402/hw.ipynb").exists()
    assert "students: 2 (2 were there already, the same)." in said(*MAKE)
    said(*MAKE[:-3], "fa", "--language", "fa")
    assert "این دفترچه" in (desk / "fa/for-students/401/hw.ipynb").read_text(encoding="utf-8")


def test_errors_become_a_message_and_exit_code_2(desk):
    (desk / "roster.csv").write_text("name\nAli\n", encoding="utf-8")
    command = [sys.executable, "-m", "crmlab.cli", "assignment", *MAKE]
    root = str(Path(crmlab.__file__).parent.parent)
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": root}, check=False)
    assert done.returncode == 2 and "no column holds ids" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == "" and not (desk / "hw").exists()


def test_export_hands_on_its_options_and_shows_notes(desk, monkeypatch):
    given = []

    def export_assignment(*arguments):
        given.append(arguments)
        warnings.warn("an essay is marked by hand.", UserWarning, stacklevel=1)
        return Path("out.xml")

    monkeypatch.setattr("crmlab.course.export.export_assignment", export_assignment)
    text = said("export", "hw.toml", "--secret", "secret.key", "--to", "moodle", "--out", "out.xml", "--variants", "3")
    assert given == [(Path("hw.toml"), None, Path("secret.key"), "moodle", Path("out.xml"), 3, None)]
    assert "Note: an essay is marked by hand." in text and "Written: out.xml" in text
    assert RUN.invoke(app, ["assignment", "export", "hw.toml", "--to", "word"]).exit_code == 2


def test_grade_hands_on_its_options(desk, monkeypatch):
    given = []

    def grade_assignment(*arguments, **options):
        given.append((arguments, options))
        return "2 submissions"

    monkeypatch.setitem(sys.modules, "crmlab.course.grading", SimpleNamespace(grade_assignment=grade_assignment))
    common = ["grade", "hw.toml", "--submissions", "in", "--secret", "secret.key", "--out", "hw"]
    assert said(*common) == "2 submissions\n"
    said(*common, "--only", "401", "--only", "402", "--again", "--unsafe", "--jobs", "3", "--show-key")
    paths = (Path("hw.toml"), Path("in"), Path("secret.key"), Path("hw"))
    assert given == [
        (paths, dict(students=None, jobs=None, unsafe=False, only=(), again=False, show_key=False)),
        (paths, dict(students=None, jobs=3, unsafe=True, only=("401", "402"), again=True, show_key=True)),
    ]


def test_marks_before_any_grading_say_what_is_missing(desk):
    said(*MAKE)
    (desk / "marks.csv").write_text("student,attempt,exercise,answer,criterion,most,points,comment\n", encoding="utf-8")
    with pytest.raises(crmlab.base.errors.CrmlabError, match="gradebook"):
        said("marks", "hw.toml", "--marks", "marks.csv", "--secret", "secret.key", "--out", "hw")
    with pytest.raises(crmlab.base.errors.DataError, match="it is no list of students"):
        said("marks", "hw.toml", "--marks", "marks.csv", "--secret", "secret.key", "--out", "none")


def test_help_names_every_verb():
    text = said("--help")
    for verb in ("secret", "make", "export", "grade", "marks"):
        assert verb in text
