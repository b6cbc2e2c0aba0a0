"""Lessons as files: listing, a student's copy, the teacher's notes."""

import json
import os
from pathlib import Path

import pytest

from crmlab.base.errors import CrmlabError, OptionError
from crmlab.course import lessons as module
from crmlab.course.lessons import FIELDS, copy_lessons, lessons, teaching_notes

ROOT = Path(__file__).resolve().parents[2]

ABOUT = {
    "lesson": 4, "title": "Logs", "question": "How many?", "minutes": 60, "objectives": ["count"],
    "parts": [{"title": "Look", "minutes": 60}], "mistakes_to_expect": ["the first"],
    "skip_when_short": "the end",
}  # fmt: skip


@pytest.fixture
def bank(tmp_path, monkeypatch):
    """Two small lessons, 05 before 04 by time."""
    for number in (5, 4):
        path = tmp_path / "notebooks" / "en" / f"{number:02d}-x.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": [], "metadata": {"crmlab": ABOUT | {"lesson": number}}}))
    monkeypatch.setattr(module, "share", lambda *parts: tmp_path.joinpath(*parts))
    return tmp_path


def test_listed_in_order(bank):
    table = lessons()
    assert list(table["lesson"]) == [4, 5] and list(table["file"]) == ["04-x.ipynb", "05-x.ipynb"]
    assert list(table.columns) == [*FIELDS, "file"]


def test_missing_metadata_is_named(bank):
    (bank / "notebooks/en/06-y.ipynb").write_text(json.dumps({"metadata": {"crmlab": ABOUT | {"parts": []}}}))
    with pytest.raises(CrmlabError, match=r"06-y.ipynb.*lacks parts"):
        lessons()


def test_language_without_lessons(bank):
    with pytest.raises(CrmlabError, match="no lessons in 'fa' yet.*: en"):
        copy_lessons(bank / "mine", "fa")
    with pytest.raises(OptionError):
        lessons("de")


def test_copy_never_overwrites(bank):
    mine = bank / "a" / "mine"
    mine.mkdir(parents=True)
    (mine / "04-x.ipynb").write_text("my work")
    (mine / "05-x.ipynb").symlink_to("nowhere")
    assert copy_lessons(mine).written == () and (mine / "04-x.ipynb").read_text() == "my work"
    (mine / "05-x.ipynb").unlink()
    report = copy_lessons(mine)
    assert (report.written, report.kept) == (("05-x.ipynb",), ("04-x.ipynb",))
    assert "1 lessons copied" in str(report) and "04-x.ipynb" in str(report)
    assert sorted(os.listdir(mine)) == ["04-x.ipynb", "05-x.ipynb"]


def test_copy_of_a_read_only_lesson_can_be_written_to(bank):
    (bank / "notebooks/en/04-x.ipynb").chmod(0o444)
    copy_lessons(bank / "mine")
    assert (bank / "mine/04-x.ipynb").stat().st_mode & 0o200


def test_copy_cut_off_leaves_nothing_half_written(bank, monkeypatch):
    def cut_off(source, target):
        Path(target).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(module.shutil, "copyfile", cut_off)
    with pytest.raises(CrmlabError, match="disk full"):
        copy_lessons(bank / "mine")
    assert os.listdir(bank / "mine") == []


def test_notes_hold_everything_a_teacher_needs(bank):
    notes = teaching_notes()
    assert notes.index("Lesson 04") < notes.index("Lesson 05")
    for part in ("How many?", "- count", "| Look | 60 |", "- the first", "When time is short: the end"):
        assert part in notes


def test_the_committed_notes_are_the_lessons_own():
    committed = (ROOT / "docs/teaching.md").read_text(encoding="utf-8")
    assert committed == teaching_notes(), "run: make notes"
