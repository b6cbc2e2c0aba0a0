"""Which file is whose: a folder of submissions, as collected by hand, by Moodle or by Canvas."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from crmlab.base.errors import DataError, Fault
from crmlab.course.assignment import Assignment
from crmlab.course.judging import fold as compared
from crmlab.course.roster import Roster, Student
from crmlab.course.upload import ENDINGS, Submission, hidden, read_upload, shown
from crmlab.data.persian import fold, normalise

TIMES = "times.csv"
DEEPEST = 10  # folders in a student's folder
MOST_ATTEMPTS = 50
_LISTS = (".csv", ".xlsx", ".ods")  # the instructor's own, among the submissions
# the first match counts: what follows it was named by the student
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_|$)", re.S)
_CANVAS = re.compile(r"(?!anon_)(?P<name>.+?)_(?:LATE_)?(?P<number>\d+)_\d+_", re.S)
_MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%A, %B %d, %Y, %I:%M %p", "%A, %B %d, %Y, %H:%M")
_MOODLE_HEAD = fold("Last modified (submission)")


@dataclass(frozen=True)
class Found:
    """The submissions, in the order of the list of students, and what the instructor has to look at."""

    submissions: tuple[Submission, ...]
    faults: tuple[Fault, ...]


def find_submissions(folder: str | Path, roster: Roster, assignment: Assignment | None = None) -> Found:
    """Who handed in what, and when?

    Folders and files are recognised by the student's id (`<id>/...`, `<id>.ipynb`, `<id>-2.ipynb`), by Moodle's form
    (the number of a worksheet's Identifier column, or the full name) or by Canvas' (its own user number). Each .ipynb
    or .zip is an attempt. Its time is that in `times.csv` (columns id or file, and time; or Moodle's grading
    worksheet), or else the file's own; a time without a zone is in that of the assignment's due date. What belongs
    to nobody, or to several, is a fault. Nothing that a student did raises; a folder that is none is a DataError.
    """
    top = Path(folder)
    if not top.is_dir():
        raise DataError(Fault("", "it is no folder", "Give the folder that holds the submissions."), f"'{top}'")
    whose, faults = _Whose(roster), list[Fault]()
    root = _inner(top, whose)
    uploads: dict[str, list[Path]] = {student.id: [] for student in roster.students}
    others: dict[str, list[Path]] = {student.id: [] for student in roster.students}
    exported = False
    for entry in _entries(root, faults):
        students, form = whose(entry.name)
        if len(students) == 1:
            exported |= form != "id"
            for file in _files(entry, faults):
                kind = uploads if Path(file.name).suffix.lower() in ENDINGS else others
                kind[students[0].id].append(Path(file.path))
        elif students or not (entry.name == "data" or entry.name.lower().endswith(_LISTS)):
            faults.append(_unclear(entry.name, students, form))
    for student in roster.students:
        if len(crowd := uploads[student.id]) > MOST_ATTEMPTS:
            what = f"there are {len(crowd)} files of one student; {MOST_ATTEMPTS} were read"
            faults.append(Fault("", what, "Leave those that count.", example=student.id))
    list_ = next((place / TIMES for place in (root, top) if (place / TIMES).is_file()), None)
    files: dict[str, list[Path]] = {}
    for path in (path for paths in uploads.values() for path in paths):
        for name in {path.name, path.relative_to(root).as_posix()}:
            files.setdefault(normalise(name), []).append(path)
    zone = assignment.due.tzinfo if assignment and assignment.due else None
    times = _times(list_, files, whose, zone, faults) if list_ else {}
    found, missing = list[Submission](), 0
    for student in roster.students:
        paths = sorted(uploads[student.id], key=_natural)[:MOST_ATTEMPTS] or others[student.id][:1]
        made = []
        for path in paths:
            one = read_upload(student, path, assignment.id if assignment else "")
            time = times.get(path) or times.get(student.id)
            missing += time is None
            made.append(replace(one, time=time or one.time))
        made.sort(key=lambda one: one.time)
        found += [replace(one, attempt=attempt) for attempt, one in enumerate(made, 1)]
    if missing and (list_ or (exported and zone)):
        what = f"{missing} files have no time in {TIMES}; the file's own was taken"
        remedy = f"Save Moodle's grading worksheet, or a list of id and time, as {TIMES}: a download is dated anew."
        faults.append(Fault("", what, remedy))
    return Found(tuple(found), tuple(faults))


def _inner(root: Path, whose: _Whose) -> Path:
    """The folder that holds the submissions: ours in for-students, or the one that an archive was unpacked into."""
    entries = [entry for entry in _entries(root, []) if not entry.name.lower().endswith(_LISTS)]
    for entry in entries:
        wrapper = len(entries) == 1 and whose(entry.name) == ([], "id")
        if entry.is_dir(follow_symlinks=False) and (wrapper or entry.name == "for-students"):
            return _inner(Path(entry.path), whose)
    return root


def _entries(folder: str | Path, faults: list[Fault]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        faults.append(Fault("", f"a folder cannot be read: {error.strerror}", "Allow it.", example=shown(str(folder))))
        return []


def _files(entry: os.DirEntry[str], faults: list[Fault], depth: int = 0) -> Iterator[os.DirEntry[str]]:
    """What lies in a student's folder (an empty folder in it, too), or the file itself. Links are not followed."""
    if not entry.is_dir(follow_symlinks=False):
        if not entry.is_file(follow_symlinks=False):
            what = "there is a link, a pipe or a device, which is left alone"
            faults.append(Fault("", what, "Put the file itself in its place.", example=shown(entry.name)))
        yield entry
        return
    inner = _entries(entry.path, faults) if depth < DEEPEST else []
    if not inner and depth:
        yield entry
    for one in inner:
        yield from _files(one, faults, depth + 1)


def _unclear(name: str, students: Sequence[Student], form: str) -> Fault:
    if students:
        listed = ", ".join(f"{student.id} ({shown(student.name)})" for student in students[:5])
        remedy = "Rename it to <id>.ipynb, or its folder to <id>."
        return Fault("", f"it may belong to several students: {listed}", remedy, example=shown(name))
    remedy = {
        "moodle": "Write the name into the list of students as Moodle has it, or rename the folder to the id.",
        "canvas": "Take Canvas' gradebook export as the list of students, or rename it to <id>.ipynb.",
        "id": "Rename it to <id>.ipynb, or its folder to <id>; or add the student to the list.",
    }[form]
    return Fault("", "it belongs to nobody in the list of students", remedy, example=shown(name))


def _natural(path: Path) -> list[tuple[int, str]]:
    """x-2 before x-10, and x before both."""
    parts = re.findall(r"\d{1,18}|\D+", path.with_suffix("").as_posix())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


class _Whose:
    """Whom does a name of a file or folder mean? All who fit, and the form that it has: id, moodle, canvas."""

    def __init__(self, roster: Roster) -> None:
        self.canvas = roster.source == "canvas"
        self.ids = {_plain(student.id): student for student in roster.students}
        self.numbers: dict[str, list[Student]] = {}
        self.names: dict[str, list[Student]] = {}
        for student in roster.students:
            given = {fold(head): cell for head, cell in (student.given or {}).items()}
            if number := _number(given.get("id" if self.canvas else "identifier", "")):
                self.numbers.setdefault(number, []).append(student)
            for turned in _turned(student.name):
                self.names.setdefault(turned, []).append(student)

    def __call__(self, name: str) -> tuple[list[Student], str]:
        if match := _MOODLE.match(name):
            return self.both(self.numbers.get(match["number"], []) if not self.canvas else [], match["name"]), "moodle"
        if self.canvas and (match := _CANVAS.match(name)):
            return self.numbers.get(match["number"], []), "canvas"
        plain = _plain(name.removesuffix(Path(name).suffix) if Path(name).suffix.lower() in ENDINGS else name)
        if plain in self.ids:
            return [self.ids[plain]], "id"
        return [s for id, s in self.ids.items() if plain.startswith(id) and not plain[len(id)].isalnum()], "id"

    def both(self, numbered: list[Student], name: str) -> list[Student]:
        """Who has this number and this name? The number alone will do, and the name, if they do not disagree."""
        named = list({s.id: s for turned in _turned(name) for s in self.names.get(turned, [])}.values())
        return [student for student in numbered if student in named] or [*numbered, *named]


def _plain(text: str) -> str:
    return compared(normalise(text))


def _number(text: str) -> str:
    """The number at the end: of 'Participant 123', 123."""
    match = re.search(r"[0-9]+$", normalise(text))
    return match[0] if match else ""


def _turned(name: str) -> set[str]:
    """A name in every order that keeps what stands together: first name first, last name first."""
    words = [short for part in re.split(r"[\s,_\u060c]+", normalise(name)) if (short := fold(part))]
    return {"".join(words[place:] + words[:place]) for place in range(len(words))}


def _times(
    list_: Path, files: Mapping[str, list[Path]], whose: _Whose, zone: tzinfo | None, faults: list[Fault]
) -> dict[Path | str, datetime]:
    """When was what handed in, as far as the instructor's list says? By file or by the student's id."""
    try:
        text = list_.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        faults.append(Fault("", f"{TIMES} cannot be read: {error}", "Save it again, as 'CSV UTF-8'."))
        return {}
    heads = [fold(head) for head in rows[0]] if rows else []
    column = next((head for head in ("time", _MOODLE_HEAD) if head in heads), "")
    if not column or len(set(heads)) < len(heads):
        faults.append(Fault("", f"{TIMES} has no usable heads", "Name the columns id (or file) and time, each once."))
        return {}
    times: dict[Path | str, datetime] = {}
    wrong: dict[tuple[str, str], list[str]] = {}
    for number, cells in enumerate(rows[1:], 2):
        row = dict(zip(heads, cells, strict=False))
        said = row.get(column, "").strip()
        if said in ("", "-"):  # Moodle: nothing handed in
            continue
        named, time = _named(row, files, whose), _time(said, zone)
        if len(named) != 1:
            what = "rows name several students or files" if named else "rows name no student and no file"
            wrong.setdefault((what, "Name the student by id, a file by its path."), []).append(f"row {number}")
        elif time is None:
            remedy = "Write 2026-12-04T23:59:00+03:30, with the zone."
            wrong.setdefault(("times cannot be read", remedy), []).append(f"row {number}: {shown(said, 40)}")
        elif named[0] in times:
            wrong.setdefault(("rows name what an earlier row names", "Leave one."), []).append(f"row {number}")
        else:
            times[named[0]] = time
    for (what, remedy), where in wrong.items():
        faults.append(Fault("", f"{TIMES}: {what}", remedy, rows=len(where), example=", ".join(where[:5])))
    return times


def _named(row: Mapping[str, str], files: Mapping[str, list[Path]], whose: _Whose) -> Sequence[Path | str]:
    """The files that a row names, or else the ids of the students."""
    if file := normalise(row.get("file", "").replace("\\", "/").removeprefix("./")):
        return files.get(file, [])
    for head in ("id", "idnumber", "username", "emailaddress"):
        if student := whose.ids.get(_plain(row.get(head, ""))):
            return [student.id]
    numbered = whose.numbers.get(_number(row.get("identifier", "")), [])
    return [student.id for student in whose.both(numbered, row.get("fullname", ""))]


def _time(text: str, zone: tzinfo | None) -> datetime | None:
    """The time that is written here, in UTC; None where it cannot be read or its zone is not known."""
    plain = normalise(text)
    for form in ("", *_MOODLE_TIMES):
        try:
            time = datetime.strptime(plain, form) if form else datetime.fromisoformat(plain)
            zoned = time if time.tzinfo else time.replace(tzinfo=zone)
            return zoned.astimezone(UTC) if zoned.tzinfo and ":" in plain else None
        except (ValueError, OverflowError):
            continue
    return None
