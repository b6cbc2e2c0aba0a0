"""The list of students as LMSs and spreadsheets export it, and everything that can be wrong with it."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from crmlab.base.errors import DataError
from crmlab.course.roster import Roster, Student, csv_rows, read_roster


def written(folder: Path, text: str, encoding: str = "utf-8", name: str = "roster.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def sheet(folder: Path, rows: list[list[object]], formats: dict[str, str] | None = None) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, form in (formats or {}).items():
        book.active[cell].number_format = form
    path = folder / "roster.xlsx"
    book.save(path)
    return path


def faults(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_roster(path)
    return str(error.value)


MOODLE = (
    "First name,Last name,ID number,Institution,Department,Email address,Quiz: one (Real)\n"
    "Ali,Example,401100001,,,ali@example.org,9.5\nسارا,نمونه,401100002,,,sara@example.org,-\n"
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (77)\n,,,,,Manual Posting\n"
    '    Points Possible,,,,,10\n"Example, Ali",501,S-1,ali,A,\n"Student, Test",502,,x,A,\n'
)


def test_moodle(tmp_path):
    roster = read_roster(written(tmp_path, MOODLE))
    assert roster.source == "moodle"
    assert [(one.id, one.name, one.email) for one in roster.students] == [
        ("401100001", "Ali Example", "ali@example.org"),
        ("401100002", "سارا نمونه", "sara@example.org"),
    ]
    assert roster.columns == ("First name", "Last name", "ID number", "Institution", "Department", "Email address",
                              "Quiz: one (Real)")  # fmt: skip
    assert roster.students[0].given["Quiz: one (Real)"] == "9.5"


def test_canvas_leaves_out_its_rows_without_students_alone(tmp_path):
    roster = read_roster(written(tmp_path, CANVAS))
    assert roster.source == "canvas"
    assert [(one.id, one.name) for one in roster.students] == [("S-1", "Example, Ali"), ("502", "Student, Test")]


def test_persian_moodle_in_every_encoding_and_with_every_separator(tmp_path):
    rows = [
        ["نام", "نام خانوادگی", "شمارهٔ شناسایی", "نشانی رایانامه"],
        ["علي", "كاظمي", "\u200f۴۰۱۱۰۰۰۰۱\u200e", "ali@example.org"],
    ]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        for mark in ",;\t":
            roster = read_roster(written(tmp_path, "\r\n".join(map(mark.join, rows)) + "\r\n", encoding))
            assert (roster.source, roster.students[0].id, roster.students[0].name) == (
                "moodle",
                "401100001",
                "علی کاظمی",
            )
    plain = "شماره دانشجویی;نام و نام خانوادگی;زبان\n401;سارا نمونه;\n402;علي نمونه;\n"
    roster = read_roster(written(tmp_path, plain.replace("ی", "ي"), "cp1256"))
    assert [one.name for one in roster.students] == ["سارا نمونه", "علی نمونه"]  # ی is not in cp1256


def test_plain_sheet_with_language_and_extra_days(tmp_path):
    text = "id,name,email,language,extra_days\n7,A,,fa,۲\nali-b,B,,English,0.5\n\nc@x.org,C,,,\n"
    roster = read_roster(written(tmp_path, text))
    assert roster.source == "plain"
    assert [(one.id, one.language, one.extra_days) for one in roster.students] == [
        ("7", "fa", 2.0), ("ali-b", "en", 0.5), ("c@x.org", None, 0.0),
    ]  # fmt: skip


def test_xlsx_keeps_whole_numbers_and_leading_zeros(tmp_path):
    rows = [["id", "name"], [401100001, "A"], [401100002.0, "B"], ["۴۰۱۱۰۰۰۰۳", "C"], [42, "D"]]
    roster = read_roster(sheet(tmp_path, rows, {"A5": "000000"}))
    assert [one.id for one in roster.students] == ["401100001", "401100002", "401100003", "000042"]


def test_what_spreadsheets_put_round_ids_is_taken_off(tmp_path):
    roster = read_roster(written(tmp_path, 'sep=;\nid;name\n="007";A\n\'008;B\n401123.0;C\n'))
    assert [one.id for one in roster.students] == ["007", "008", "401123"]


def test_all_faults_at_once_with_their_rows(tmp_path):
    text = (
        "id,name,language,extra_days\n401,A,fa,1\n,B,,\n۴۰۱,C,,\nali,D,de,\nALI,E,,two\n4.01E+08,F,,\n"
        ".x,G,,\na/b,H,,-1\nCON,I,,\n" + "9" * 65 + ",J,,\n../up,K,,\n"
    )
    message = faults(written(tmp_path, text))
    for part in (
        "there is no id in 1 row (for example row 3)",
        "the id stands in row 2, too (capitals and kinds of digits make no difference) in 1 row (for example row 4:",
        "the id stands in row 5, too",
        "a spreadsheet has rounded the id in 1 row (for example row 7: '4.01E+08'). Format the column as text",
        "the id makes no safe name of a folder in 5 rows (for example row 8: '.x', row 9: 'a/b', row 10: 'CON',",
        "row 12: '../up'",
        "column 'language': it is not known in 1 row (for example row 5: 'de')",
        "column 'extra_days': it is no number of 0 or more in 2 rows (for example row 6: 'two', row 9: '-1')",
    ):
        assert part in message, part


def test_numbers_that_a_sheet_has_rounded(tmp_path):
    assert "a spreadsheet has rounded the id" in faults(sheet(tmp_path, [["id"], [12345678901234567]]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"id,name\n", "it has heads, but no students"),
        (b"First name,Email\nAli,a@example.org\n", "no column holds ids; the heads are First name, Email"),
        (b'id,name\n1,"open\n', "it cannot be read"),
        (b"id,name\n1,a,b\n", "there are more cells than the 2 heads in 1 row (for example row 2)"),
        (b"id,ID\n1,2\n", "several columns have this head"),
        ("id,name\n1,Ali".encode("utf-16")[2:], "it is no text, or in an encoding that is not known"),
        (b"PK\x03\x04\x00\x00", "it is no text"),
        ("id,name\n1,Großmann\n".encode("cp1252"), "its letters are in no encoding that is known here"),
    ],
)
def test_unusable_files(tmp_path, text, said):
    path = tmp_path / "roster.csv"
    path.write_bytes(text)
    assert said in faults(path)


def test_no_column_names_those_that_would_do(tmp_path):
    message = faults(written(tmp_path, "x\n1\n"))
    assert "SIS User ID" in message and "شماره دانشجویی" in message


def test_no_file_and_no_workbook(tmp_path):
    assert "no file has this name" in faults(tmp_path / "none.csv")
    path = tmp_path / "roster.xlsx"
    path.write_bytes(b"not a workbook")
    assert "it cannot be read" in faults(path)


def test_names_are_cleaned_and_cut(tmp_path):
    text = f'id,name\n1,"a\x7f\u202eb\n c{"x" * 500}"\n'
    name = read_roster(written(tmp_path, text)).students[0].name
    assert name.startswith("ab cx") and len(name) == 200


def test_repeated_heads_that_do_not_matter_are_kept(tmp_path):
    roster = read_roster(written(tmp_path, "id,Quiz,Quiz\n1,2,3\n"))
    assert dict(roster.students[0].given) == {"id": "1", "Quiz": "2", "Quiz (3)": "3"}


def test_written_and_read_again(tmp_path):
    roster = read_roster(written(tmp_path, MOODLE))
    path = tmp_path / "roster.json"
    roster.write(path)
    roster.write(path)
    assert Roster.read(path) == roster
    assert sorted(os.listdir(tmp_path)) == ["roster.csv", "roster.json"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for broken in ("", "[]", '{"students": [{"id": "1", "x": 2}], "source": "plain", "columns": []}'):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(DataError, match="it is no list of students"):
            Roster.read(path)


def test_a_student_alone():
    assert Student("1") == Student("1", "", "", None, 0.0, {})
    assert json.dumps(Student("1").given) == "{}"


def test_rows_are_numbered_as_a_spreadsheet_does(tmp_path):
    rows = csv_rows(written(tmp_path, 'id,name\n\n1,"two\nlines"\n2,b\n'))
    assert [(row.number, row.cells) for row in rows] == [
        (1, ["id", "name"]), (2, []), (3, ["1", "two\nlines"]), (4, ["2", "b"]),
    ]  # fmt: skip
