"""One upload: bytes that a student controls, read as the code cells of a notebook; nothing is run or unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crmlab.base.words import word
from crmlab.course.roster import Student
from crmlab.data.persian import fold

ENDINGS = (".ipynb", ".zip")
LARGEST = 20_000_000  # bytes of a notebook
LARGEST_ZIP = 100_000_000  # bytes of a zip file, and of all that it holds
MOST_MEMBERS = 200
MOST_RATIO = 200  # bytes for each one that is stored, above a megabyte; notebooks stay below 50
MOST_BRACKETS = 2_000_000  # each may cost Python 64 bytes and more
MOST_CELLS = 500
LONGEST_CELL = 200_000  # bytes
LONGEST_CODE = 2_000_000  # bytes, all cells
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_SKIPPED = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Submission:
    """One attempt of one student, counted from 1 by time.

    `name` is the notebook's, inside a zip too. `sha256` is that of the notebook, or of the upload where none was read,
    or a mark of student, file name and fault where nothing was. `meant_for` is the student whom the notebook's own
    metadata name. `fault` says in English why it cannot be read, `fault_key` as a word's key and values; then `cells`
    is empty.
    """

    student: Student
    attempt: int
    path: Path
    name: str
    time: datetime
    sha256: str
    cells: tuple[str, ...] = ()
    meant_for: str | None = None
    fault: str | None = None
    fault_key: tuple[str, dict[str, Any]] | None = None


class _Refused(Exception):
    def __init__(self, key: str, **values: Any) -> None:
        self.key, self.values = key, values


def read_upload(student: Student, path: Path, assignment: str = "") -> Submission:
    """What did the student hand in as this file (.ipynb or .zip)? Never raises, whatever the file holds.

    The time is the file's own. Of a zip's several notebooks the one that is named as the `assignment` counts. Links
    are not followed. The cells are the text of the code cells, in order, empty ones too.
    """
    name, digest, time = shown(path.name), "", datetime.fromtimestamp(0, UTC)
    try:
        found = os.lstat(path)
        time = datetime.fromtimestamp(found.st_mtime, UTC)
        data = _bytes(path, found)
        digest = hashlib.sha256(data).hexdigest()
        if data.startswith(b"PK"):  # the bytes decide, not the ending: equal bytes read alike
            name, data = _unzipped(data, fold(assignment))
            digest = hashlib.sha256(data).hexdigest()
        cells, meant_for = read_notebook(data)
        return Submission(student, 1, path, name, time, digest, cells, meant_for)
    except _Refused as refused:
        key, values = f"upload.{refused.key}", {"name": name, **refused.values}
    except (OSError, ValueError, OverflowError):
        key, values = "upload.unreadable", {"name": name}
    digest = digest or hashlib.sha256(f"{student.id}\0{name}\0{key}".encode()).hexdigest()
    return Submission(student, 1, path, name, time, digest, fault=word(key, **values), fault_key=(key, values))


def shown(text: str, most: int = 120) -> str:
    """A name as it may be shown: one line without control characters, marks of direction or half of a character."""
    plain = " ".join(_ANSI.sub("", text[: 10 * most]).split())
    kept = "".join(c for c in plain if c == "\u200c" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return kept if len(kept) <= most else f"{kept[: most - 1]}…"


def hidden(name: str) -> bool:
    """Is it a file that systems and editors leave behind?"""
    return name.startswith((".", "~$")) or name in _SKIPPED


def _bytes(path: Path, found: os.stat_result) -> bytes:
    if path.suffix.lower() not in ENDINGS:
        raise _Refused("none")
    if stat.S_ISLNK(found.st_mode):
        raise _Refused("link")
    if not stat.S_ISREG(found.st_mode):
        raise _Refused("special")
    zipped = path.suffix.lower() == ".zip"
    most = LARGEST_ZIP if zipped else LARGEST
    # without waiting for a pipe, and without following a link, that was put in its place since
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _Refused("special")
        data = file.read(min(found.st_size, most) + 1)
    if len(data) > most:
        raise _Refused("large", most=most // 1_000_000)
    if not data:
        raise _Refused("empty")
    return data


def _unzipped(data: bytes, assignment: str) -> tuple[str, bytes]:
    """The name and the bytes of the one notebook that counts. What the headers say is checked, but not believed."""
    if data.count(b"PK\x01\x02") > MOST_MEMBERS:  # before the list is made: each entry begins with this
        raise _Refused("zip_crowded", most=MOST_MEMBERS)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            chosen = _chosen(archive.infolist(), assignment)
            with archive.open(chosen) as member:
                return shown(chosen.filename), member.read(chosen.file_size + 1)
    except _Refused:
        raise
    except Exception as error:  # zipfile, zlib and struct raise many kinds for a damaged file
        raise _Refused("zip_broken") from error


def _chosen(members: list[zipfile.ZipInfo], assignment: str) -> zipfile.ZipInfo:
    kinds = {stat.S_IFMT(member.external_attr >> 16) for member in members}
    if kinds - {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _Refused("zip_link")
    if any(member.flag_bits & 0x41 for member in members):
        raise _Refused("zip_locked")
    if len({member.filename for member in members}) < len(members):
        raise _Refused("zip_twice")
    if sum(member.file_size for member in members) > LARGEST_ZIP:
        raise _Refused("zip_large", most=LARGEST_ZIP // 1_000_000)
    paths = {member.filename: [p for p in re.split(r"[/\\]", member.filename) if p] for member in members}
    notebooks = [
        member
        for member in members
        if not member.is_dir()
        and member.filename.lower().endswith(".ipynb")
        and not any(hidden(part) for part in paths[member.filename] if part != "..")
    ]
    named = [m for m in notebooks if assignment and fold(paths[m.filename][-1][: -len(".ipynb")]) == assignment]
    if len(named or notebooks) != 1:
        raise _Refused("zip_several" if notebooks else "zip_none", count=len(notebooks))
    chosen = (named or notebooks)[0]
    size = chosen.file_size
    if size > LARGEST or (size > 1_000_000 and size > MOST_RATIO * chosen.compress_size):
        raise _Refused("large", most=LARGEST // 1_000_000)
    if chosen.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a limit
        raise _Refused("zip_broken")
    return chosen


def read_notebook(data: bytes) -> tuple[tuple[str, ...], str | None]:
    """The code cells of a notebook (nbformat 3 or 4) and the student whom its metadata name; else _Refused.

    A name that stands twice counts as Jupyter reads it: the last one.
    """
    if data.count(b"[") + data.count(b"{") > MOST_BRACKETS:
        raise _Refused("not_json")
    try:
        notebook = json.loads(data)  # with or without a byte order mark, in UTF-8, 16 or 32
    except (ValueError, RecursionError, MemoryError) as error:
        raise _Refused("not_json") from error
    if not isinstance(notebook, dict):
        raise _Refused("no_notebook")
    cells = tuple(_cells(notebook))
    if sum(map(_size, cells)) > LONGEST_CODE:
        raise _Refused("long_code", most=LONGEST_CODE // 1000)
    said: Any = notebook
    for key in ("metadata", "crmlab", "student"):
        said = said.get(key) if isinstance(said, Mapping) else None
    return cells, (shown(said) or None) if isinstance(said, str) else None


def _cells(notebook: Mapping[str, Any]) -> Iterator[str]:
    cells = notebook.get("cells")
    sheets = notebook.get("worksheets")  # nbformat 3
    if cells is None and isinstance(sheets, list) and all(isinstance(sheet, dict) for sheet in sheets):
        lists = [sheet.get("cells", []) for sheet in sheets]
        cells = [cell for some in lists for cell in some] if all(isinstance(some, list) for some in lists) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise _Refused("no_notebook")
    code = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
    if len(code) > MOST_CELLS:
        raise _Refused("many_cells", most=MOST_CELLS)
    for number, source in enumerate(code, 1):
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise _Refused("odd_cell", number=number)
        text = "".join(lines).encode("utf-8", "replace").decode("utf-8")  # half of a character cannot be written
        if _size(text) > LONGEST_CELL:
            raise _Refused("long_cell", number=number, most=LONGEST_CELL // 1000)
        yield text


def _size(text: str) -> int:
    return len(text.encode("utf-8"))
