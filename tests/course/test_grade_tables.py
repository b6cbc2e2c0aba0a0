"""Tables of the gradebook: what Moodle and Canvas map, and no formula in any cell."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from crmlab.course.copied import Flag
from crmlab.course.grade_tables import csv_text, guarded, unguarded, write_grade_tables
from crmlab.course.roster import Roster, read_roster
from tests.course.handed_in import SECRET, assignment_in, first_mistake, hand_in, keys, new_gradebook

MOODLE = (
    "First name,Last name,ID number,Email address,Groups\n"
    "Ali,Example,40012,ali@example.org,A\n=1+1,نمونه,40013,,B\nNo,Body,40014,,B\n"
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Old task (77)\n    Points Possible,,,,,5\n"
    '"Example, Ali",11,40012,ali,S1,3\n"نمونه, سارا",12,40013,sara,S1,\n"Body, No",13,40014,no,S1,\n'
)


def tables(folder: Path, text: str) -> tuple[Roster, dict[str, list[list[str]]]]:
    (folder / "roster.csv").write_text(text, encoding="utf-8")
    assignment, roster = assignment_in(folder), read_roster(folder / "roster.csv")
    gradebook = new_gradebook(folder, assignment)
    ali, sara, _ = roster.students
    hand_in(gradebook, ali, keys(assignment, ali))
    gradebook.set_marks(ali.id, "tell-the-manager", "advice", [1.5, 1])
    gradebook.set_marks(ali.id, "tell-the-manager", "plot", [2])
    given = keys(assignment, sara) | {2: first_mistake(assignment, sara, 2)}
    hand_in(gradebook, sara, given, when="2027-01-16T10:20")
    results = gradebook.results(assignment, roster, SECRET)
    gradebook.close()
    flags = [Flag(ali.id, 1, "=cmd", ("a", "b"), "key", 0.001)]
    made = write_grade_tables(results, roster, assignment, flags, folder)
    return roster, {
        name: list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))) for name, path in made.items()
    }


def test_moodle_gets_its_own_columns_with_grade_and_feedback(tmp_path: Path) -> None:
    _, made = tables(tmp_path, MOODLE)
    assert set(made) == {"gradebook", "flagged", "moodle"}
    title = "From receipts to lifetime value"
    heads, ali, sara, nobody = made["moodle"]
    assert heads == ["First name", "Last name", "ID number", "Email address", title, f"{title} (feedback)"]
    assert ali[:5] == ["Ali", "Example", "40012", "ali@example.org", "34.44"] and "4: 9.44 of 10.00" in ali[5]
    assert sara[0] == "'=1+1" and sara[4] == "" and "wait for marks" in sara[5]  # awaited: no grade yet
    assert nobody[4:] == ["", "Nothing was handed in."]


def test_canvas_gets_its_own_columns_and_the_points_possible(tmp_path: Path) -> None:
    _, made = tables(tmp_path, CANVAS)
    assert set(made) == {"gradebook", "flagged", "canvas"}
    heads, possible, ali, sara, _ = made["canvas"]
    assert heads == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "From receipts to lifetime value"]
    assert possible == ["    Points Possible", "", "", "", "", "35.00"]
    assert ali == ["Example, Ali", "11", "40012", "ali", "S1", "34.44"] and sara[-1] == ""
    assert not (tmp_path / "gradebook-canvas.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_persian_heads_of_moodle_are_kept(tmp_path: Path) -> None:
    heads = "نام,نام خانوادگی,شماره شناسایی,نشانی پست الکترونیک,گروه‌ها\n"
    _, made = tables(tmp_path, heads + "علی,نمونه,40012,a@example.org,۱\nسارا,نمونه,40013,,۱\nنگار,نمونه,40014,,۱\n")
    assert made["moodle"][0][:4] == heads.strip().split(",")[:4] and made["moodle"][1][2:5] == [
        "40012",
        "a@example.org",
        "34.44",
    ]


def test_the_gradebook_has_everything(tmp_path: Path) -> None:
    _, made = tables(tmp_path, MOODLE)
    heads, *rows = made["gradebook"]
    ali, sara, nobody = (dict(zip(heads, row, strict=False)) for row in rows)
    assert (ali["score"], ali["most"], ali["waiting"], ali["attempts"]) == ("34.44", "35.00", "0.00", "1")
    assert ali["4_exercise"] == "tell-the-manager" and ali["4_states"].startswith("advice: by_hand")
    assert sara["left_after_lateness"] == "0.9" and sara["2_mistake"] == "unsorted" and sara["waiting"] == "6.00"
    assert sara["handed_in"] == "2027-01-16T10:20:00+00:00" and sara["sandboxed"] == "yes"
    assert (nobody["attempts"], nobody["counted"], nobody["score"]) == ("0", "", "0.00")
    assert (tmp_path / "gradebook.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert made["flagged"][1][:6] == ["40012", "1", "key", "'=cmd", "a, b", "0.001"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    row = next(csv.reader(io.StringIO(csv_text([[text, "plain"]], bom=False))))
    assert row[0].startswith("'") and row[1] == "plain"
    assert unguarded(guarded(text)) == text and unguarded("'quoted'") == "'quoted'"


def test_plain_rosters_have_no_table_for_an_lms(tmp_path: Path) -> None:
    assert set(tables(tmp_path, "id,name\n40012,Ali\n40013,Sara\n40014,No\n")[1]) == {"gradebook", "flagged"}
