"""Which file is whose, and what a hostile upload can do: nothing."""

from __future__ import annotations

import io
import json
import os
import random
import re
import socket
import struct
import tracemalloc
import unicodedata
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmlab.base.errors import DataError
from crmlab.base.words import word
from crmlab.course.assignment import Assignment
from crmlab.course.roster import Roster, Student
from crmlab.course.submissions import Found, find_submissions
from crmlab.course.upload import LARGEST, Submission, read_upload, shown

ALI, SARA, TWIN, TWIN2 = (
    Student("9812", "Ali Example", "ali@example.org", given={"Identifier": "Participant 501", "ID number": "9812"}),
    Student("9813", "سارا نمونه‌ای", given={"Identifier": "Participant 502"}),
    Student("9814", "Mina Sample"),
    Student("9815", "Sample Mina"),
)
ROSTER = Roster((ALI, SARA, TWIN, TWIN2), "moodle", ("Identifier", "ID number"))
NAMES_ONLY = Roster(tuple(replace(student, given={}) for student in ROSTER.students), "plain", ())
CANVAS = Roster(
    (
        Student("s1", "Example, Ali", given={"ID": "4711", "SIS User ID": "s1"}),
        Student("s2", "Beispiel, Eva", given={"ID": "4712", "SIS User ID": "s2"}),
    ),
    "canvas",
    ("ID", "SIS User ID"),
)
NOON = datetime(2026, 12, 4, 12, tzinfo=UTC)
HOMEWORK = Assignment(
    "hw-1", {"en": "Homework"}, (), {}, due=datetime(2026, 12, 4, tzinfo=timezone(timedelta(hours=3.5)))
)


def notebook(*cells: Any, **more: Any) -> bytes:
    code = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code, **more}).encode()


def put(path: Path, data: bytes | None = None, hour: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook(f"x = {path.name!r}") if data is None else data)
    stamp = (NOON + timedelta(hours=hour)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def zipped(*members: tuple[Any, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def whose(found: Found) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for one in found.submissions:
        owners.setdefault(one.student.id, []).append(one.path.name)
    return owners


def key(submission: Submission) -> str:
    assert submission.fault_key and submission.cells == ()
    name, values = submission.fault_key
    assert submission.fault == word(name, **values) and word(name, "fa", **values) != submission.fault
    return name.removeprefix("upload.")


# Whose is it?


def test_by_id_in_folders_and_files_with_data_and_litter_beside(tmp_path: Path) -> None:
    put(tmp_path / "9812" / "deep" / "er" / "answer.IPYNB")
    put(tmp_path / "9812" / "data" / "1-log.csv", b"a,b\n")
    put(tmp_path / "9812" / ".ipynb_checkpoints" / "answer-checkpoint.ipynb")
    put(tmp_path / "__MACOSX" / "9812" / "._answer.ipynb")
    put(tmp_path / ".DS_Store", b"x")
    put(tmp_path / "۹۸۱۳ تمرین.ipynb")
    put(tmp_path / "9814_homework.zip", zipped(("in/hw.ipynb", notebook("y = 1"))))
    put(tmp_path / "9815.ipynb")
    put(tmp_path / "worksheet.csv", b"x")
    found = find_submissions(tmp_path, ROSTER)
    assert whose(found) == {
        "9812": ["answer.IPYNB"], "9813": ["۹۸۱۳ تمرین.ipynb"], "9814": ["9814_homework.zip"], "9815": ["9815.ipynb"]
    }  # fmt: skip
    assert found.faults == ()
    third = found.submissions[2]
    assert (third.name, third.cells, third.fault, third.attempt) == ("in/hw.ipynb", ("y = 1",), None, 1)


def test_our_own_folder_and_a_folder_that_an_archive_made(tmp_path: Path) -> None:
    put(tmp_path / "hw" / "for-students" / "9812" / "hw-1.ipynb")
    put(tmp_path / "hw" / "for-students" / "9812" / "data" / "forms.json", b"{}")
    put(tmp_path / "hw" / "keep-private" / "key.json", b"{}")
    found = find_submissions(tmp_path, ROSTER)
    assert whose(found) == {"9812": ["hw-1.ipynb"]} and found.faults == ()


def test_an_id_that_begins_another_is_not_taken_for_it(tmp_path: Path) -> None:
    roster = Roster((Student("98"), Student("981"), Student("98-2")), "plain", ())
    put(tmp_path / "981.ipynb")
    put(tmp_path / "98-2.ipynb")
    put(tmp_path / "98-2-again.ipynb")
    put(tmp_path / "9811.ipynb")
    found = find_submissions(tmp_path, roster)
    assert whose(found) == {"981": ["981.ipynb"], "98-2": ["98-2.ipynb"]}
    assert len(found.faults) == 2 and "nobody" in found.faults[1].what
    assert "98 ()" in found.faults[0].what and "98-2 ()" in found.faults[0].what


@pytest.mark.parametrize("roster", [ROSTER, NAMES_ONLY], ids=["with numbers", "by name"])
@pytest.mark.parametrize(
    "form", ["{}_{}_assignsubmission_file_/a.ipynb", "{}_{}_assignsubmission_file/a.ipynb",
             "{}_{}_assignsubmission_file_a.ipynb"]
)  # fmt: skip
def test_moodle_folders_and_flat_files(tmp_path: Path, roster: Roster, form: str) -> None:
    put(tmp_path / form.format("example ALI", 501))  # last name first, another case
    put(tmp_path / form.format("سارا نمونه اي", 502))  # Arabic yeh, a blank for the half-space
    found = find_submissions(tmp_path, roster)
    assert list(whose(found)) == ["9812", "9813"] and found.faults == ()


def test_moodle_names_as_a_mac_unpacks_them_and_without_apostrophes(tmp_path: Path) -> None:
    roster = Roster((Student("1", "Zoë O'Example"), Student("2", "آرش نمونه")), "plain", ())
    for name in ("Zoë OExample", "آرش نمونه"):
        put(tmp_path / unicodedata.normalize("NFD", f"{name}_77_assignsubmission_file") / "a.ipynb")
    assert list(whose(find_submissions(tmp_path, roster))) == ["1", "2"]


def test_equal_names_are_never_guessed(tmp_path: Path) -> None:
    put(tmp_path / "Mina Sample_503_assignsubmission_file_" / "a.ipynb")
    put(tmp_path / "Nobody Known_504_assignsubmission_file_" / "9812.ipynb")  # not Ali's: Moodle says whose it is
    found = find_submissions(tmp_path, ROSTER)
    assert found.submissions == () and len(found.faults) == 2
    assert all(part in str(found.faults[0]) for part in ("9814", "9815", "Mina Sample", "several"))
    assert "Nobody Known" in str(found.faults[1]) and "nobody" in found.faults[1].what


def test_a_moodle_number_tells_equal_names_apart_but_must_not_contradict_the_name(tmp_path: Path) -> None:
    mina = replace(TWIN, given={"Identifier": "Participant 503"})
    roster = Roster((ALI, mina, TWIN2), "moodle", ("Identifier",))
    put(tmp_path / "Mina Sample_503_assignsubmission_file_a.ipynb")
    put(tmp_path / "Participant_501_assignsubmission_file_a.ipynb")  # anonymous marking
    assert list(whose(find_submissions(tmp_path, roster))) == ["9812", "9814"]
    put(tmp_path / "Ali Example_503_assignsubmission_file_b.ipynb")
    (fault,) = find_submissions(tmp_path, roster).faults
    assert "9812" in fault.what and "9814" in fault.what


def test_what_a_student_calls_the_file_changes_no_owner(tmp_path: Path) -> None:
    put(tmp_path / "Ali Example_501_assignsubmission_file_سارا نمونه‌ای_502_assignsubmission_file_9813.ipynb")
    assert list(whose(find_submissions(tmp_path, ROSTER))) == ["9812"]
    canvas = tmp_path / "canvas"
    put(canvas / "exampleali_4711_88_beispieleva_4712_89_s2.ipynb")
    put(canvas / "anon_x1_99_a_4712_89_b.ipynb")  # anonymous: cannot be told
    found = find_submissions(canvas, CANVAS)
    assert list(whose(found)) == ["s1"] and len(found.faults) == 1


def test_canvas_files_late_or_not(tmp_path: Path) -> None:
    put(tmp_path / "exampleali_LATE_4711_90001_hw-1-2.ipynb")
    put(tmp_path / "beispieleva_4712_90002_hw 1.zip", zipped(("hw.ipynb", notebook())))
    put(tmp_path / "niemandjo_4799_90003_hw.ipynb")
    found = find_submissions(tmp_path, CANVAS)
    assert list(whose(found)) == ["s1", "s2"] and "gradebook" in found.faults[0].remedy
    assert find_submissions(tmp_path, ROSTER).submissions == ()  # no Canvas numbers in this list


def test_what_belongs_to_nobody_is_named_once_and_cleaned(tmp_path: Path) -> None:
    put(tmp_path / "a\x1b[31m\nb\u202e<b>.ipynb")
    put(tmp_path / "essay.docx", b"x")
    put(tmp_path / "9812.ipynb")
    found = find_submissions(tmp_path, ROSTER)
    assert [fault.example for fault in found.faults] == ["a b<b>.ipynb", "essay.docx"]
    assert all(fault.remedy for fault in found.faults)


def test_a_student_without_files_is_no_fault_but_one_without_a_notebook_is_told(tmp_path: Path) -> None:
    (tmp_path / "9812").mkdir()
    put(tmp_path / "9813" / "answers.docx", b"x", hour=2)
    put(tmp_path / "Mina Other_7_assignsubmission_onlinetext_" / "onlinetext.html", b"x")
    (tmp_path / "9814" / "x.ipynb").mkdir(parents=True)
    found = find_submissions(tmp_path, ROSTER)
    essay, folder = found.submissions
    assert (essay.student.id, key(essay), essay.time.hour) == ("9813", "none", 14)
    assert key(folder) == "special" and len(found.faults) == 1


def test_a_folder_that_is_none_raises(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        find_submissions(tmp_path / "gone", ROSTER)
    assert find_submissions(tmp_path, ROSTER) == Found((), ())


# When was it handed in?


def test_attempts_are_in_the_order_of_time_then_of_names(tmp_path: Path) -> None:
    put(tmp_path / "9812-2.ipynb", hour=-1)
    for name in ("9812-10", "9812-3", "9812"):
        put(tmp_path / f"{name}.ipynb")
    found = find_submissions(tmp_path, ROSTER).submissions
    assert [one.path.stem for one in found] == ["9812-2", "9812", "9812-3", "9812-10"]
    assert [one.attempt for one in found] == [1, 2, 3, 4]
    assert found[0].time == NOON - timedelta(hours=1) and found[0].time.tzinfo


def test_the_time_inside_a_zip_says_nothing(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("hw.ipynb", (1999, 1, 1, 0, 0, 0))
    put(tmp_path / "9812.zip", zipped((info, notebook())))
    assert find_submissions(tmp_path, ROSTER).submissions[0].time == NOON


def test_listed_times_go_first_by_file_or_by_student(tmp_path: Path) -> None:
    put(tmp_path / "9812" / "a.ipynb")
    put(tmp_path / "9812" / "b.ipynb")
    put(tmp_path / "9813.ipynb")
    (tmp_path / "times.csv").write_text(
        "\ufefffile;id;time\n9812/a.ipynb;;2026-12-04T23:59:00+03:30\n9812\\b.ipynb;;2026-12-04T20:00Z\n"
        ";۹۸۱۳;2026-12-01 08:00+00:00\n", encoding="utf-8",
    )  # fmt: skip
    found = find_submissions(tmp_path, ROSTER)
    assert found.faults == ()
    assert [(one.path.name, one.time.isoformat()) for one in found.submissions] == [
        ("b.ipynb", "2026-12-04T20:00:00+00:00"),
        ("a.ipynb", "2026-12-04T20:29:00+00:00"),
        ("9813.ipynb", "2026-12-01T08:00:00+00:00"),
    ]


def test_everything_wrong_with_the_list_of_times_at_once(tmp_path: Path) -> None:
    put(tmp_path / "9812.ipynb")
    put(tmp_path / "9813.ipynb")
    (tmp_path / "times.csv").write_text(
        "id,time\n9812,2026-12-04T10:00Z\n9812,2026-12-04T11:00Z\n1,2026-12-04T10:00Z\n9813,yesterday\n"
        "9814,2026-12-04T10:00\n9815,2026-12-04\n", encoding="utf-8",
    )  # fmt: skip
    found = find_submissions(tmp_path, ROSTER)
    said = [(fault.rows, fault.example) for fault in found.faults]
    assert said == [
        (1, "row 3"),
        (1, "row 4"),
        (3, "row 5: yesterday, row 6: 2026-12-04T10:00, row 7: 2026-12-04"),
        (None, None),
    ]
    assert found.submissions[0].time.hour == 10 and "1 files have no time" in found.faults[3].what
    for text in (b"", b"a,b\n1,2\n", b"id,time,ID\n", b"\xff\xfe\x00", b'id,time\n"x'):
        (tmp_path / "times.csv").write_bytes(text)
        assert len(find_submissions(tmp_path, ROSTER).faults) == 2, text


def test_moodles_worksheet_is_read_in_the_zone_of_the_due_date(tmp_path: Path) -> None:
    for name, number in (("Ali Example", 501), ("سارا نمونه‌ای", 502)):
        put(tmp_path / f"{name}_{number}_assignsubmission_file_" / "hw.ipynb")
    sheet = (
        "\ufeffIdentifier,Full name,Email address,Status,Grade,Last modified (submission),Feedback comments\n"
        'Participant 501,Ali Example,ali@example.org,Submitted,,"Friday, 4 December 2026, 2:14 PM","two\nlines"\n'
        'Participant 502,سارا نمونه‌ای,,Submitted,,"Friday, December 4, 2026, 9:05\u202fAM",\n'
        "Participant 999,Somebody Gone,,No submission,,-,\n"
    )
    (tmp_path / "times.csv").write_text(sheet, encoding="utf-8")
    found = find_submissions(tmp_path, ROSTER, HOMEWORK)
    assert found.faults == ()
    assert [one.time.strftime("%d %H:%M") for one in found.submissions] == ["04 10:44", "04 05:35"]
    assert "2 files have no time" in str(find_submissions(tmp_path, ROSTER).faults[-1])  # no zone without the due date


def test_a_download_without_times_is_told_where_lateness_matters(tmp_path: Path) -> None:
    put(tmp_path / "Ali Example_501_assignsubmission_file_" / "hw.ipynb")
    (fault,) = find_submissions(tmp_path, ROSTER, HOMEWORK).faults
    assert "times.csv" in fault.remedy
    assert find_submissions(tmp_path, ROSTER, replace(HOMEWORK, due=None)).faults == ()


# What is in it?


def read(path: Path, data: bytes) -> Submission:
    return read_upload(ALI, put(path, data), "hw-1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_and_both_formats(tmp_path: Path, encoding: str) -> None:
    new = json.dumps({"cells": [{"cell_type": "code", "source": ["# سلام\n", "x"]}]}, ensure_ascii=False)
    old = json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "y"}]}, {}], "nbformat": 3})
    assert read(tmp_path / "x.ipynb", new.encode(encoding)).cells == ("# سلام\nx",)
    assert read(tmp_path / "y.ipynb", old.encode(encoding)).cells == ("y",)


def test_only_code_is_taken_and_empty_cells_keep_their_place(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "text"}, {"cell_type": "code", "source": ""}, {"cell_type": "raw"},
        {"cell_type": "code"}, {"cell_type": "code", "source": "z\ud800", "outputs": [float("nan"), 1e300]},
    ]  # fmt: skip
    data = json.dumps({"cells": cells, "metadata": {"crmlab": {"student": " 98\u202e13\n"}}}).encode()
    one = read(tmp_path / "x.ipynb", data.replace(b"1e+300", b"1e999"))
    assert one.cells == ("", "", "z?") and one.meant_for == "9813" and one.fault is None
    odd: list[Any] = [None, [], {"crmlab": 1}, {"crmlab": {"student": 5}}, {"crmlab": {"student": "\u202e"}}]
    for metadata in odd:
        assert read(tmp_path / "x.ipynb", notebook("a", metadata=metadata)).meant_for is None
    long = read(tmp_path / "x.ipynb", notebook(metadata={"crmlab": {"student": "9" * 5000}})).meant_for
    assert long is not None and len(long) == 120


BAD = {
    "empty": [b""],
    "not_json": [
        b"\x00\x01\xff" * 50, b"{", b"[" * 100_000, b'{"a":' * 50_000, b"[" + b"[]," * 2_000_000 + b"0]", b"x" * 1000,
        b'{"cells": ' + b"9" * 5000 + b"}", b"\xff\xfe\x00\xd8", "{\u202e".encode(),
    ],
    "no_notebook": [
        b"[]", b"NaN", b"1e999", b'"text"', b"{}", b"null", b'{"cells": {}}', b'{"cells": [1]}', b'{"cells": null}',
        b'{"worksheets": [1]}', b'{"worksheets": [{"cells": 3}]}', b'{"worksheets": [{"cells": [[]]}]}',
    ],
    "odd_cell": [notebook("a", 5), notebook("a", None), notebook("a", [1]), notebook("a", {"b": "c"})],
    "many_cells": [notebook(*["a"] * 501)],
    "long_cell": [notebook("a" * 200_001), notebook("س" * 100_001)],
    "long_code": [notebook(*["a" * 199_000] * 11)],
    "large": [b" " * (LARGEST + 1), b" " * 30_000_000],
}  # fmt: skip


@pytest.mark.parametrize("expected", BAD)
def test_malformed_notebooks_are_told_as_such(tmp_path: Path, expected: str) -> None:
    for data in BAD[expected]:
        assert key(read(tmp_path / "x.ipynb", data)) == expected, data[:40]


def test_a_name_that_stands_twice_counts_as_in_jupyter(tmp_path: Path) -> None:
    assert read(tmp_path / "x.ipynb", b'{"cells": [], "cells": [{"cell_type": "code", "source": "b"}]}').cells == ("b",)


def test_hostile_names_are_cleaned() -> None:
    assert shown("a\x1b[2J\r\n\tb\u202egpj\u2066\x00\ud800.ipynb") == "a bgpj.ipynb"
    assert shown("نمونه\u200cای") == "نمونه\u200cای" and len(shown("x" * 999)) == 120


# Zip files


def test_the_one_notebook_or_the_one_that_is_named_as_the_assignment(tmp_path: Path) -> None:
    mine, other = notebook("mine"), notebook("other")
    both = zipped(("a/HW-1.ipynb", mine), ("scratch.ipynb", other), ("data/1.csv", b"x"))
    assert read(tmp_path / "x.zip", both).cells == ("mine",)
    assert key(read_upload(ALI, put(tmp_path / "x.zip", both))) == "zip_several"
    unnamed = zipped(("-.ipynb", mine), ("b.ipynb", other))
    assert key(read_upload(ALI, put(tmp_path / "x.zip", unnamed))) == "zip_several"
    litter = zipped(
        ("__MACOSX/._a.ipynb", b"x"), (".ipynb_checkpoints/a.ipynb", b"x"), ("d.ipynb/", b""), ("a.ipynb", mine)
    )
    assert read(tmp_path / "x.zip", litter).cells == ("mine",)
    assert read(tmp_path / "x.ipynb", litter).cells == ("mine",)  # a zip that is called a notebook
    assert read(tmp_path / "x.zip", zipped(("a.ipynb", mine))).sha256 == read(tmp_path / "y.ipynb", mine).sha256


def test_equal_bytes_read_alike_and_nothing_read_has_a_mark_of_its_own(tmp_path: Path) -> None:
    one, two = (read(tmp_path / f"x{ending}", notebook("x")) for ending in (".zip", ".ipynb"))
    assert (one.cells, one.sha256) == (two.cells, two.sha256)
    (tmp_path / "a.ipynb").symlink_to("/etc/passwd")
    marks = [read_upload(student, tmp_path / "a.ipynb").sha256 for student in (ALI, ALI, SARA)]
    marks.append(read(tmp_path / "b.ipynb", b"").sha256)
    assert marks[0] == marks[1] and len(set(marks)) == 3 and all(re.fullmatch("[0-9a-f]{64}", mark) for mark in marks)


def test_names_inside_are_never_paths(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    for name in (
        "../../evil.ipynb",
        "/etc/evil.ipynb",
        "..\\evil.ipynb",
        "C:\\evil.ipynb",
        "a\x1b[1m\n\u202e<b>.ipynb",
    ):
        one = read(inside / "x.zip", zipped((name, notebook("x"))))
        assert one.cells == ("x",) and one.path == inside / "x.zip"
        assert not re.search("[\x00-\x1f\u202e]", one.name)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "x.zip"]


def _special(mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("a.ipynb")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    return info


def _patched(data: bytes, **fields: int) -> bytes:
    """The headers of the one member, lying: of the file and of the list at the end."""
    places = {"flags": (6, 8, "<H"), "size": (22, 24, "<I"), "method": (8, 10, "<H")}
    made = bytearray(data)
    for field, value in fields.items():
        local, central, form = places[field]
        for start, offset in ((data.index(b"PK\x03\x04"), local), (data.index(b"PK\x01\x02"), central)):
            struct.pack_into(form, made, start + offset, value)
    return bytes(made)


def _twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped(("a.ipynb", notebook("x")), ("a.ipynb", notebook("y")))


def test_hostile_zips(tmp_path: Path) -> None:
    plain = zipped(("a.ipynb", notebook("x" * 3000)))
    bomb = zipped(("a.ipynb", b" " * 15_000_000))
    assert len(bomb) * 900 < 15_000_000
    hostile = {
        "large": [bomb, zipped(("a.ipynb", b" " * 30_000_000)), _patched(plain, size=3_000_000_000 % 2**26)],
        "zip_large": [zipped(("a.ipynb", notebook()), ("b.bin", bytes(100_000_001))), _patched(plain, size=2**31)],
        "zip_crowded": [zipped(*((f"{n}.txt", b"") for n in range(10_000)))],
        "zip_link": [zipped((_special(0o120000), b"/etc/passwd")), zipped((_special(0o010000), b""))],
        "zip_locked": [_patched(plain, flags=1)],
        "zip_twice": [_twice()],
        "zip_none": [zipped(), zipped(("inner.zip", plain)), zipped(("x.txt", b"x"))],
        "zip_several": [zipped((f"{a}.ipynb", b""), (f"{b}.ipynb", b"")) for a, b in ("ab", ("a/hw-1", "hw-1"))],
        "zip_broken": [
            b"PK\x03\x04" + bytes(50), b"PK", plain[:-30], plain[:60] + b"\xff" * 9 + plain[69:],
            _patched(plain, size=100), _patched(plain, method=9), _patched(plain, method=99),
            zipped(("a.ipynb", notebook("x")), method=zipfile.ZIP_LZMA),
            zipped(("a.ipynb", notebook("x")), method=zipfile.ZIP_BZIP2),
        ],
        "not_json": [zipped(("a.ipynb", b"{")), b"no zip", b"Rar!\x1a\x07"],
    }  # fmt: skip
    for expected, uploads in hostile.items():
        for place, data in enumerate(uploads):
            one = read(tmp_path / "x.zip", data)
            assert one.fault and key(one) == expected, (expected, place, one.fault)


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    """A header that says 900 kB before 50 MB of data: no more is unpacked than is believed."""
    lying = put(tmp_path / "x.zip", _patched(zipped(("a.ipynb", b" " * 50_000_000)), size=900_000))
    tracemalloc.start()
    assert key(read_upload(ALI, lying)) == "zip_broken"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


# Links, pipes, sockets


def test_links_pipes_and_sockets_are_left_alone(tmp_path: Path) -> None:
    folder, secret = tmp_path / "in", put(tmp_path / "secret" / "key.ipynb", notebook("secret"))
    put(folder / "9813.ipynb", notebook("hers"))
    (folder / "9812").mkdir()
    (folder / "9812" / "a.ipynb").symlink_to("/etc/passwd")
    (folder / "9812" / "b.ipynb").symlink_to(folder / "9813.ipynb")
    (folder / "9812" / "c.ipynb").symlink_to(tmp_path / "gone")
    (folder / "9812" / "more").symlink_to(secret.parent)
    os.mkfifo(folder / "9812" / "d.ipynb")
    (folder / "9814").symlink_to(secret.parent)
    (folder / "unknown").symlink_to(secret.parent)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "9815.ipynb"))
    found = find_submissions(folder, ROSTER)
    listening.close()
    said = {one.path.name: key(one) for one in found.submissions if one.student != SARA}
    assert said == {
        "a.ipynb": "link", "b.ipynb": "link", "c.ipynb": "link", "d.ipynb": "special",
        "9814": "none", "9815.ipynb": "special",
    }  # fmt: skip
    assert [fault.example for fault in found.faults] == [
        "a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb", "more", "9814", "9815.ipynb", "unknown"
    ]  # fmt: skip
    assert not any("secret" in cell for one in found.submissions for cell in one.cells)


def test_a_loop_and_a_deep_and_a_crowded_folder_end(tmp_path: Path) -> None:
    put(tmp_path / "9812" / "/".join("d" * 30) / "a.ipynb")
    (tmp_path / "9812" / "loop").symlink_to(tmp_path)
    for n in range(60):
        put(tmp_path / "9813" / f"{n}.ipynb")
    found = find_submissions(tmp_path, ROSTER)
    assert [len(files) for files in whose(found).values()] == [1, 50] and key(found.submissions[0]) == "none"
    assert any("60 files" in fault.what for fault in found.faults)


# Never an exception

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "worksheets", "source", "input", "cell_type", "metadata", "crmlab", "student"]),
            inner | st.just("code"), max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip
_FIXED = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _holds(one: Submission) -> None:
    assert isinstance(one.cells, tuple) and all(isinstance(cell, str) for cell in one.cells)
    for cell in one.cells:
        cell.encode("utf-8")
    assert (one.fault is None) == (one.fault_key is None) and (one.fault is None or key(one))


@_FIXED
@given(data=st.binary(max_size=400), ending=st.sampled_from([".ipynb", ".zip"]))
def test_random_bytes_never_raise(tmp_path: Path, data: bytes, ending: str) -> None:
    _holds(read(tmp_path / f"x{ending}", data))


@_FIXED
@given(said=_JSON)
def test_random_json_never_raises(tmp_path: Path, said: Any) -> None:
    _holds(read(tmp_path / "x.ipynb", json.dumps(said).encode()))
    _holds(read(tmp_path / "x.ipynb", json.dumps({"cells": said}).encode()))
    _holds(read(tmp_path / "x.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": said}]}).encode()))


def test_mutated_uploads_never_raise(tmp_path: Path) -> None:
    rng = random.Random(7)
    whole = [notebook("x = 1", ["a\n", "b"]), zipped(("a.ipynb", notebook("x")), ("b/c.csv", b"1,2"))]
    for turn in range(600):
        data = bytearray(whole[turn % 2])
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        _holds(read(tmp_path / f"x{['.ipynb', '.zip'][turn % 2]}", bytes(data)))


def test_the_same_folder_gives_the_same_each_time(tmp_path: Path) -> None:
    for name in ("9813.ipynb", "9812-2.ipynb", "9812.ipynb", "nobody.ipynb"):
        put(tmp_path / name)
    assert find_submissions(tmp_path, ROSTER) == find_submissions(str(tmp_path), ROSTER)
