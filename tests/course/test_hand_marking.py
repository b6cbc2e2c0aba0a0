"""Marks by hand: the form in Chromium, its template, and what reading a filled-in file accepts and refuses."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crmlab.base.errors import DataError
from crmlab.course.feedback import write_all
from crmlab.course.hand_marking import HEADS, Handmade, read_marks, write_marking_form
from crmlab.course.roster import Roster, Student
from tests.course.handed_in import SECRET, assignment_in, hand_in, keys, new_gradebook

HOSTILE = "</textarea></script><script>alert(1)</script>\u202e\x1b[31m=cmd()"
STUDENTS = (Student("007", "Ali Example"), Student("40013", "سارا نمونه"), Student("-4", f"Evil {HOSTILE}"))
ROSTER = Roster(STUDENTS, "plain", ("id", "name"))


@pytest.fixture
def marked(tmp_path: Path) -> Any:
    assignment = assignment_in(tmp_path)
    gradebook = new_gradebook(tmp_path / "out" / "keep-private", assignment)
    for student in STUDENTS:
        given = keys(assignment, student)
        if student.id == "-4":
            given[4]["advice"] = HOSTILE + "word " * 3000 + "end"
        hand_in(gradebook, student, given)
    write_all(gradebook, assignment, ROSTER, SECRET, tmp_path / "out")
    yield assignment, gradebook, tmp_path / "out" / "keep-private"
    gradebook.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def write(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8-sig", delimiter: str = ",") -> Path:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, HEADS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(file.getvalue().encode(encoding))
    return path


def filled(path: Path) -> list[dict[str, str]]:
    """All that is on the template for 007, with points."""
    points = {("advice", "1"): "1.5", ("advice", "2"): "1", ("plot", "1"): "2"}
    rows = [row for row in rows_of(path) if row["student"] == "007"]
    for row in rows:
        row["points"] = points[row["answer"], row["criterion"][0]]
        row["comment"] = "Well seen." if row["criterion"][0] == "1" else ""
    return rows


def again(marked: Any) -> dict[str, Path]:
    assignment, gradebook, folder = marked
    results = gradebook.results(assignment, ROSTER, SECRET)
    return write_marking_form(results, assignment, gradebook, SECRET, folder)


def test_the_template_has_a_row_for_each_criterion_and_no_names(marked: Any) -> None:
    rows = rows_of(marked[2] / "marks.csv")
    assert len(rows) == 9 and {row["student"] for row in rows} == {"007", "40013", "'-4"}
    assert {(row["answer"], row["most"]) for row in rows} == {("advice", "2"), ("advice", "1"), ("plot", "2")}
    assert not any(row["points"] for row in rows)
    assert (marked[2] / "marks.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("utf-16", "\t")])
def test_a_filled_in_template_is_read_as_spreadsheets_save_it(marked: Any, encoding: str, delimiter: str) -> None:
    assignment, _, folder = marked
    rows = filled(folder / "marks.csv")
    rows[0]["points"] = "۱٫۵" if delimiter == "," else "1,5"
    rows[1]["student"] = "7"  # Excel drops the zeros
    rows += [row for row in rows_of(folder / "marks.csv") if row["student"] == "40013"]  # not marked yet
    found = read_marks(write(folder / "filled.csv", rows, encoding, delimiter), assignment, ROSTER)
    assert found == [
        Handmade("007", 1, "tell-the-manager", "advice", (1.5, 1.0), "Well seen."),
        Handmade("007", 1, "tell-the-manager", "plot", (2.0,), "Well seen."),
    ]


def test_all_faults_are_listed_at_once(marked: Any) -> None:
    assignment, _, folder = marked
    rows = filled(folder / "marks.csv")
    wrong: list[dict[str, str]] = [
        {"student": "nobody"}, {"exercise": "top-share"}, {"answer": "essay"}, {"criterion": "9. none"},
        {"points": "2.01"}, {"points": "-1"}, {"points": "good"}, {"attempt": "x"}, {},
    ]  # fmt: skip
    rows += [rows[0] | one for one in wrong]
    rows.append(next(row for row in rows_of(folder / "marks.csv") if row["student"] == "40013") | {"points": "1"})
    with pytest.raises(DataError) as error:
        read_marks(write(folder / "filled.csv", rows), assignment, ROSTER)
    said = str(error.value)
    parts = """nobody in the list|'top-share' has no such answer|'tell-the-manager' has no such|it is no number
        |no such criterion|above the most in 2 rows|no whole number|stands twice|others none"""
    for part in map(str.strip, parts.split("|")):
        assert part in said
    assert "row 5: 'nobody'" in said


def test_other_files_are_refused_with_a_remedy(marked: Any) -> None:
    assignment, _, folder = marked
    for content, part in (
        (b"", "is missing"),
        (b"a,b\n1,2\n", "student, attempt"),
        (b"\x00\x01\x02", "cannot be read"),
    ):
        (folder / "x.csv").write_bytes(content)
        with pytest.raises(DataError, match=part):
            read_marks(folder / "x.csv", assignment, ROSTER)
    with pytest.raises(DataError, match="cannot be read"):
        read_marks(folder / "not-there.csv", assignment, ROSTER)


def test_what_somebody_filled_in_is_never_lost(marked: Any) -> None:
    assignment, gradebook, folder = marked
    path = write(folder / "marks.csv", filled_rows := filled(folder / "marks.csv"))
    kept = path.read_bytes()
    assert again(marked)["marks"].name == "marks-2.csv" and path.read_bytes() == kept
    assert again(marked)["marks"].name == "marks-2.csv"  # an empty template may go
    for one in read_marks(path, assignment, ROSTER):
        gradebook.set_marks(one.student, one.slug, one.answer, one.points, one.comment, attempt=one.attempt)
    assert again(marked)["marks"].name == "marks.csv"  # all of it is in the gradebook
    assert {row["student"] for row in rows_of(path)} == {"40013", "'-4"} and len(filled_rows) == 3
    write(path, [row | {"comment": "Another."} for row in filled_rows])  # the same points, another comment
    assert again(marked)["marks"].name == "marks-2.csv"
    write(path, [row | {"points": "0.5"} for row in filled_rows])  # other points than those that were imported
    assert again(marked)["marks"].name == "marks-2.csv"
    path.write_bytes(b"my own notes")
    assert again(marked)["marks"].name == "marks-2.csv" and path.read_bytes() == b"my own notes"


def test_nothing_waits_or_nothing_is_marked_by_hand(marked: Any, tmp_path: Path) -> None:
    assignment, gradebook, folder = marked
    for student in STUDENTS:
        gradebook.set_marks(student.id, "tell-the-manager", "advice", [1, 1])
        gradebook.set_marks(student.id, "tell-the-manager", "plot", [1])
    again(marked)
    assert "Nothing waits" in (folder / "marking.html").read_text(encoding="utf-8")
    plain = replace(assignment, exercises={"top-share": assignment.exercises["top-share"]})
    assert write_marking_form([], plain, gradebook, SECRET, tmp_path) == {}


def test_the_form_is_blind_and_holds_no_markup_of_students(marked: Any) -> None:
    page = (marked[2] / "marking.html").read_text(encoding="utf-8")
    assert (
        page.count("<script>") == 1
        and "&lt;script&gt;alert(1)" in page
        and "word end<" in page
        and "\u202e" not in page
    )
    assert "http" not in page.replace("http-equiv", "") and "gini" not in page


@pytest.mark.slow
def test_marks_typed_in_chromium_are_kept_saved_and_imported(marked: Any, browser: Any, tmp_path: Path) -> None:
    assignment, _, folder = marked
    saved = tmp_path / "downloads"
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(saved)})
    address = (folder / "marking.html").as_uri()
    browser.get(address)
    assert not browser.find_element("css selector", ".name").is_displayed()
    browser.find_element("css selector", "#names").click()
    assert browser.find_element("css selector", ".name").is_displayed()
    ali = '.answer[data-student="007"][data-answer="advice"] '
    first = browser.find_element("css selector", f"{ali}input")
    first.send_keys("9")
    browser.find_element("css selector", "#save").click()
    assert "between 0 and" in browser.find_element("css selector", ".say").text  # and nothing was saved
    first.clear()
    first.send_keys("1.5", "\ue007")  # Enter goes on
    browser.switch_to.active_element.send_keys("0.75")
    browser.find_element("css selector", f"{ali}textarea").send_keys('=a, "b"\nc')
    browser.get(address)  # what was typed is still there
    assert browser.find_element("css selector", f"{ali}input").get_attribute("value") == "1.5"
    assert browser.find_element("css selector", ".count b").text == "1"
    browser.find_element("css selector", "#save").click()
    until = time.monotonic() + 20
    while not (saved / "marks.csv").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert read_marks(saved / "marks.csv", assignment, ROSTER) == [
        Handmade("007", 1, "tell-the-manager", "advice", (1.5, 0.75), '=a, "b"\nc')
    ]
    assert rows_of(saved / "marks.csv")[0].keys() == dict.fromkeys(HEADS).keys()
    assert browser.execute_script("return document.scripts.length") == 1 and browser.get_log("browser") == []


@pytest.mark.slow
@pytest.mark.parametrize("browser", [False], indirect=True)
def test_without_scripts_the_form_points_to_the_template(marked: Any, browser: Any) -> None:
    browser.get((marked[2] / "marking.html").as_uri())
    assert "marks.csv" in browser.find_element("css selector", "noscript").text
