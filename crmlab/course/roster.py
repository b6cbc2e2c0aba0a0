"""The list of students: read from what Moodle, Canvas or a spreadsheet exports, with all faults at once."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crmlab.base.errors import DataError, Fault, require
from crmlab.base.words import Language
from crmlab.course.judging import fold as compared
from crmlab.data.persian import fold, normalise, number

Source = Literal["moodle", "canvas", "plain"]
_LONGEST_ID = 64
_LONGEST_TEXT = 200
_MOST_LISTED = 20
_MOODLE = ("ID number", "شماره شناسایی", "شماره‌ی شناسایی")
# what a column may be called; the first name that is there counts
HEADERS: Mapping[str, tuple[str, ...]] = {
    "id": (
        "SIS User ID", *_MOODLE, "Student ID", "Student number",
        "شماره دانشجویی", "شماره‌ی دانشجویی", "کد دانشجویی", "id",
    ),
    "name": ("name", "Full name", "Student", "Student name", "نام و نام خانوادگی", "نام کامل"),
    "first": ("First name", "Given name", "نام"),
    "last": ("Last name", "Surname", "Family name", "نام خانوادگی"),
    "email": (
        "Email address", "email", "ایمیل", "پست الکترونیک", "پست الکترونیکی", "آدرس پست الکترونیک",
        "آدرس پست الکترونیکی", "نشانی پست الکترونیک", "نشانی پست الکترونیکی", "رایانامه", "نشانی رایانامه",
    ),
    "language": ("language", "lang", "زبان"),
    "extra_days": ("extra_days", "روزهای اضافه", "روز اضافه"),
}  # fmt: skip
_LANGUAGES: Mapping[str, Language] = {
    **dict.fromkeys(map(fold, ("en", "English", "انگلیسی")), "en"),
    **dict.fromkeys(map(fold, ("fa", "fas", "per", "Persian", "Farsi", "فارسی")), "fa"),
}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Student:
    """One student. `given` holds the row as it was read, for the tables that go back to the LMS."""

    id: str
    name: str = ""
    email: str = ""
    language: Language | None = None
    extra_days: float = 0.0
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Roster:
    """The students in the file's order, where the list is from, and its columns."""

    students: tuple[Student, ...]
    source: Source
    columns: tuple[str, ...]

    def speaking(self, language: Callable[[Student], Language | None]) -> Roster:
        """The same students; where a row names no language, it is what `language` says of the student."""
        said = (replace(one, language=one.language or language(one)) for one in self.students)
        return replace(self, students=tuple(said))

    def write(self, path: str | Path) -> None:
        """Keep the list as JSON. The file appears whole or not at all; only its owner may read it."""
        write_private(Path(path), json.dumps(asdict(self), ensure_ascii=False, indent=1))

    @classmethod
    def read(cls, path: str | Path) -> Roster:
        """The list that `write` kept. DataError where it is none."""
        try:
            said = json.loads(Path(path).read_text(encoding="utf-8"))
            students = tuple(Student(**one) for one in said["students"])
            return cls(students, said["source"], tuple(said["columns"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            remedy = "Run `crmlab assignment make` again, or give the list with --students."
            raise DataError(Fault("", f"it is no list of students: {error}", remedy), f"'{path}'") from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all; a line's end is added."""
    half = path.with_name(f".{path.name}.part")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(f"{text}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)


class _Row(NamedTuple):
    number: int  # as a spreadsheet counts
    cells: list[str]


def read_roster(path: str | Path) -> Roster:
    """Who are the students? A CSV or XLSX file, as Moodle (participants, grades), Canvas (gradebook) or a sheet has it.

    Columns are found by their heads, in English or Persian: id, name (or first and last name), email, language ("en",
    "fa"), extra_days. CSV: UTF-8, UTF-16 or cp1256; comma, semicolon or tab. Ids are compared and kept with Latin
    digits and Persian letters. Every row counts; only blank lines and Canvas' rows without a student are left out.
    DataError lists everything that is wrong: unreadable or empty files, no id column, ids that are missing, stand
    twice, were damaged by a spreadsheet or make no folder's name; unknown languages, extra_days that are no number.
    """
    file, name = Path(path), f"'{Path(path).name}'"
    if not file.is_file():
        raise DataError(Fault("", "no file has this name", "Check the path and the folder."), name)
    try:
        rows = _sheet(file) if file.suffix.lower() in (".xlsx", ".xlsm") else csv_rows(file)
    except (OSError, ValueError, KeyError, SyntaxError, csv.Error, zipfile.BadZipFile) as error:
        fault = Fault("", f"it cannot be read: {error}", "Save it again, as 'CSV UTF-8' or XLSX.")
        raise DataError(fault, name) from error
    rows = [row for row in rows if any(map(str.strip, row.cells))]
    if not rows:
        raise DataError(Fault("", "it is empty", "Export the list again, with its heads."), name)
    heads = [normalise(head) or f"column {i}" for i, head in enumerate(rows.pop(0).cells, 1)]
    folded = [fold(head) for head in heads]
    heads = [head if head not in heads[:i] else f"{head} ({i + 1})" for i, head in enumerate(heads)]
    canvas = {"student", "id"} <= set(folded) and not {"sisuserid", "sisloginid", "section"}.isdisjoint(folded)
    if canvas:
        at = folded.index("student")
        rows = [row for row in rows if not _without_student(row.cells, "".join(row.cells[at : at + 1]))]
    faults = _Faults()
    place = {what: found for what, names in HEADERS.items() if (found := _places(names, folded))}
    if not canvas:
        place = {what: found[:1] for what, found in place.items()}
    for at in (places[0] for places in place.values()):
        if folded.count(folded[at]) > 1:
            faults.add(heads[at], "several columns have this head", "Rename or drop all but one.")
    if "id" not in place:
        known = f"Name one of them: {', '.join(HEADERS['id'])}."
        faults.add("", f"no column holds ids; the heads are {', '.join(heads[:30])}", known)
    if not rows:
        faults.add("", "it has heads, but no students", "Export the list again.")
    students = [_student(heads, place, row, faults) for row in rows]
    _compare(students, rows, heads[place["id"][0]] if "id" in place else "", faults)
    if listed := faults.listed():
        raise DataError(listed, name)
    moodle = any(fold(head) in folded for head in _MOODLE)
    return Roster(tuple(students), "canvas" if canvas else "moodle" if moodle else "plain", tuple(heads))


def _without_student(cells: Sequence[str], student: str) -> bool:
    """Is it one of the rows that Canvas puts between heads and students?"""
    return fold(student) == "pointspossible" or (not student.strip() and "manualposting" in map(fold, cells))


class _Faults:
    """What is wrong, each kind once, with the rows where it is."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], list[str]] = {}

    def add(self, column: str, what: str, remedy: str, row: int = 0, value: str = "") -> None:
        rows = self._found.setdefault((column, what, remedy), [])
        if row:
            rows.append(f"row {row}: {value[:_LONGEST_ID]!r}" if value else f"row {row}")

    def listed(self) -> list[Fault]:
        return [
            Fault(*kind, rows=len(rows) or None, example=", ".join(rows[:_MOST_LISTED]) or None)
            for kind, rows in self._found.items()
        ]


def _places(names: Sequence[str], folded: Sequence[str]) -> list[int]:
    """The columns that have one of these heads, the first name's first."""
    return [folded.index(short) for short in dict.fromkeys(map(fold, names)) if short in folded]


def _student(heads: Sequence[str], place: Mapping[str, list[int]], row: _Row, faults: _Faults) -> Student:
    cells = [*row.cells, *[""] * (len(heads) - len(row.cells))]
    if any(map(str.strip, cells[len(heads) :])):
        remedy = "Put quotation marks round a cell with the separator in it."
        faults.add("", f"there are more cells than the {len(heads)} heads", remedy, row.number)

    def said(what: str) -> str:
        texts = (normalise(cells[at]) for at in place.get(what, ()))  # Canvas has two ids: the SIS id or else its own
        return "".join(c for c in next(filter(None, texts), "") if c.isprintable() or c == "\u200c")[:_LONGEST_TEXT]

    extra, language = said("extra_days"), said("language")
    days = number(extra) if extra else 0.0
    if days is None or days < 0:
        faults.add("extra_days", "it is no number of 0 or more", "Write 2, or leave it empty.", row.number, extra)
    if language and fold(language) not in _LANGUAGES:
        faults.add("language", "it is not known", "Write en or fa, or leave it empty.", row.number, language)
    name = said("name") or " ".join(filter(None, (said("first"), said("last"))))
    given = dict(zip(heads, cells, strict=False))
    return Student(_id(said("id")), name, said("email"), _LANGUAGES.get(fold(language)), days or 0.0, given)


def _id(text: str) -> str:
    """An id without what spreadsheets put round it: ="0123", '0123, 123.0."""
    text = text.removeprefix("=").strip("\"'")
    return whole[1] if (whole := re.fullmatch(r"(\d+)\.0+", text)) else text


def _compare(students: Sequence[Student], rows: Sequence[_Row], column: str, faults: _Faults) -> None:
    """Is each id there, usable as the name of a folder, and another one for each student?"""
    first: dict[str, int] = {}
    for student, row in zip(students, rows, strict=True) if column else ():
        if not student.id:
            remedy = "Fill it in, or export with ids; to use another column, give it the head 'id' and rename this one."
            faults.add(column, "there is no id", remedy, row.number)
        elif re.fullmatch(r"\d+(\.\d+)?E\+?\d+", student.id, re.I):
            remedy = "Format the column as text in the spreadsheet, enter the ids again, and save."
            faults.add(column, "a spreadsheet has rounded the id", remedy, row.number, student.id)
        elif not re.fullmatch(rf"(?!\.)[\w.@-]{{1,{_LONGEST_ID}}}(?<!\.)", student.id) or _RESERVED.match(student.id):
            remedy = (
                f"An id has letters, digits, . _ - @, at most {_LONGEST_ID}, no dot at its ends, no name of Windows'."
            )
            faults.add(column, "the id makes no safe name of a folder", remedy, row.number, student.id)
        elif (at := first.setdefault(compared(student.id), row.number)) != row.number:
            what = f"the id stands in row {at}, too (capitals and kinds of digits make no difference)"
            faults.add(column, what, "Give each student an id, and a row.", row.number, student.id)


def csv_rows(file: Path) -> list[_Row]:
    """The rows of a CSV file with their numbers, in whichever encoding and with whichever separator it is.

    OSError, ValueError or csv.Error, with the reason, where it cannot be read.
    """
    raw = file.read_bytes()
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        text = raw.decode("utf-16")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1256")  # decodes any bytes, so that what comes out is looked at
            if re.search("[A-Za-z][\u0600-\u06ff]|[\u0600-\u06ff][A-Za-z]", text):
                raise ValueError("its letters are in no encoding that is known here") from None
    if re.search("[\x00-\x08\x0e-\x1f]", text):
        raise ValueError("it is no text, or in an encoding that is not known here")
    told = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    text = text[told.end() :] if told else text

    def cut(separator: str) -> Iterator[list[str]]:
        return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def heads(separator: str) -> int:
        try:
            return len(next(filter(None, cut(separator)), []))
        except csv.Error:
            return 0

    separator = told[1] if told else max(_SEPARATORS, key=heads)
    return [_Row(i, cells) for i, cells in enumerate(cut(separator), 2 if told else 1)]


def _sheet(file: Path) -> list[_Row]:
    openpyxl = require("openpyxl", "course")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # styles and controls that openpyxl does not know
        sheet = openpyxl.load_workbook(file, data_only=True).worksheets[0]
    return [_Row(i, [_cell(cell) for cell in row]) for i, row in enumerate(sheet.iter_rows(), 1)]


def _cell(cell: Any) -> str:
    """What a reader sees in the cell, but never rounded."""
    value = cell.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**15:  # a spreadsheet keeps fifteen digits
            return f"{value:.2E}"
        form = str(cell.number_format)
        return f"{value:0{len(form)}d}" if set(form) == {"0"} else str(value)
    return "" if value is None else str(value)
