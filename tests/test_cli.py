"""The `crmlab` command, run as a student runs it."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

import crmlab as crm
from crmlab import cli
from crmlab.base.errors import MissingExtraError
from crmlab.course.lessons import lessons


def crmlab(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "crmlab.cli", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "COLUMNS": "200"} | environment,
    )  # fmt: skip


def test_lab_copies_and_keeps_what_is_there(tmp_path):
    files = set(lessons()["file"])
    first = crmlab("lab", "mine", "--no-open", cwd=tmp_path)
    assert first.returncode == 0 and f"{len(files)} lessons copied to mine" in first.stdout
    assert {path.name for path in (tmp_path / "mine").iterdir()} == files
    again = crmlab("lab", "mine", "--no-open", cwd=tmp_path)
    assert "0 lessons copied" in again.stdout and all(name in again.stdout.replace("\n", " ") for name in files)


def test_errors_are_a_message_and_exit_2(tmp_path):
    (tmp_path / "file").write_text("x")
    done = crmlab("lab", "file", "--no-open", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be copied to file" in done.stderr and "Traceback" not in done.stderr


def test_missing_jupyter_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    result = CliRunner().invoke(cli.app, ["lab", str(tmp_path / "mine")])
    assert isinstance(result.exception, MissingExtraError) and "crmlab[course]" in str(result.exception)
    assert not (tmp_path / "mine").exists()


def test_lessons_and_datasets_are_listed(tmp_path):
    listed = crmlab("lessons", cwd=tmp_path)
    assert listed.returncode == 0
    for row in lessons().to_dict("records"):
        assert row["title"] in listed.stdout and str(row["minutes"]) in listed.stdout
    assert "cdnow" in crmlab("datasets", cwd=tmp_path).stdout


def test_reproduce_exits_0_on_this_package(tmp_path):
    done = crmlab("reproduce", "--all", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers agree" in done.stdout and "0.24259" in done.stdout  # r of the BG/NBD on CDNOW
    assert "85.3055" in done.stdout  # the chi-square of the textbook's factor model


@pytest.mark.parametrize("ok, code", [([True, True], 0), ([True, False], 1)])
def test_reproduce_exits_1_on_a_miss(monkeypatch, ok, code):
    import crmlab.reports.reproduce as module

    row = {
        "model": "BG/NBD",
        "data": "CDNOW",
        "quantity": "r",
        "published": 0.243,
        "decimals": 3,
        "ours": 0.25,
    }
    table = pd.DataFrame([row | {"ok": one, "source": "paper", "note": ""} for one in ok])
    monkeypatch.setattr(module, "reproduce", lambda: table)
    result = CliRunner().invoke(cli.app, ["reproduce"])
    assert result.exit_code == code and f"{sum(ok)} of 2 numbers agree" in result.output


def test_cards_are_listed_and_written(tmp_path):
    listed = crmlab("cards", "--lesson", "5", cwd=tmp_path)
    assert listed.returncode == 0 and "Gini coefficient" in listed.stdout
    written = crmlab("cards", "--anki", "deck.apkg", "--language", "fa", cwd=tmp_path)
    assert written.returncode == 0 and f"{len(crm.load_flashcards())} cards are in deck.apkg" in written.stdout
    assert (tmp_path / "deck.apkg").read_bytes()[:2] == b"PK"
    again = crmlab("cards", "--anki", "deck.apkg", cwd=tmp_path)
    assert again.returncode == 2 and "is there already" in again.stderr


def test_an_exercise_begins_and_is_proved(tmp_path):
    begun = crmlab("exercise", "new", "which-price", cwd=tmp_path)
    assert begun.returncode == 0 and "crmlab exercise test which-price" in begun.stdout
    assert {path.name for path in (tmp_path / "exercises/which-price").iterdir()} == {"exercise.py", "en.md", "fa.md"}
    proved = crmlab("exercise", "test", "--root", "exercises", "--draws", "200", cwd=tmp_path)
    assert proved.returncode == 0 and "1 of 1 exercises hold in 200 draws" in proved.stdout
    code = tmp_path / "exercises/which-price/exercise.py"
    code.write_text(code.read_text().replace("100 * cost", "cost"))  # the mistake is none any more
    spoilt = crmlab("exercise", "test", "which-price", "--root", "exercises", cwd=tmp_path)
    assert spoilt.returncode == 1 and "'in_percent' is not told apart in 100 of 100" in spoilt.stdout
    for name, message in (("which-price", "is there already"), ("Which Price", "no name for an exercise")):
        done = crmlab("exercise", "new", name, cwd=tmp_path)
        assert done.returncode == 2 and message in done.stderr
    empty = crmlab("exercise", "test", "--root", "nothing", cwd=tmp_path)
    assert empty.returncode == 2 and "holds no exercise" in empty.stderr
