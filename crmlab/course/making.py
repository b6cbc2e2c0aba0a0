"""An assignment made for a class: a folder for each student, and what the instructor keeps."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from crmlab import __version__
from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, check_count, check_option
from crmlab.base.parallel import progress_bar, spread
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Piece, read_assignment, read_secret
from crmlab.course.handout import student_files
from crmlab.course.judging import fold
from crmlab.course.packing import pack
from crmlab.course.roster import Student, read_roster, write_private

FOR_STUDENTS, KEEP_PRIVATE = "for-students", "keep-private"
_KEY = "key.json"
_VERSIONS = {"crmlab": __version__, "numpy": np.__version__}
_load = lru_cache(maxsize=1)(read_assignment)  # once in each process, which lives for one call


@dataclass(frozen=True)
class Made:
    """What `make_assignment` did: the ids of those whose folders it wrote, and of those that were there already."""

    assignment: Assignment
    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def for_students(self) -> Path:
        """The folder of what may be handed out: a folder for each student."""
        return self.folder / FOR_STUDENTS

    @property
    def keep_private(self) -> Path:
        """The folder of what no student may see: the key, the roster, later the gradebook."""
        return self.folder / KEEP_PRIVATE


def make_assignment(
    spec: str | Path,
    students: str | Path,
    secret: str | Path,
    out: str | Path,
    language: Language | None = None,
    jobs: int | None = None,
    *,
    progress: bool = False,
) -> Made:
    """Where are the notebooks for these students? In `out`/for-students/ID; the key is in `out`/keep-private.

    spec: a TOML file, or a bundled one's name. students: see read_roster. secret: the file with the secret. language:
    where neither the student's row nor, then, this says one, it is the assignment's. jobs: processes (default: the
    number of CPUs, and one for a small class). Made again, the files are the same byte for byte; folders of students
    appear whole or not at all. DataError, before anything is written, where a student's file is there already and
    differs (another secret, or a changed specification or bank). OptionError where the secret lies among what is
    handed out.
    """
    if language is not None:
        check_option("language", language, get_args(Language))
    assignment, key = read_assignment(spec), read_secret(secret)
    roster = read_roster(students).speaking(lambda _: language)  # kept so, for the feedback
    # a process takes seconds to begin, as long as some fifty students take
    few = min(os.cpu_count() or 1, 1 + len(roster.students) // 100)
    workers = few if jobs is None else check_count("jobs", jobs)
    folder = Path(out)
    if Path(secret).resolve().is_relative_to((folder / FOR_STUDENTS).resolve()):
        raise OptionError(f"The secret {secret} lies in {folder / FOR_STUDENTS}, which is handed out. Move it first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as half:
            work = partial(_make, assignment if workers == 1 else str(spec), key, half)
            keys = {}
            with progress_bar(progress, len(roster.students)) as show:
                for done, (student, pieces) in enumerate(spread(work, roster.students, workers), 1):
                    keys[student] = pieces
                    show(done, assignment.id)
            written, kept = _move(Path(half), folder / FOR_STUDENTS, [one.id for one in roster.students])
        private = folder / KEEP_PRIVATE
        private.mkdir(mode=0o700, exist_ok=True)
        roster.write(private / "roster.json")
        said = {"assignment": assignment.id, "digest": assignment.digest, "made_with": _VERSIONS, "students": keys}
        write_private(private / _KEY, json.dumps(said, ensure_ascii=False, indent=1))
        title = assignment.title_in(language or assignment.language)
        text = word("handout.readme", language or assignment.language, title=title, id=assignment.id)
        write_private(private / "README.txt", text.strip())
    except OSError as error:
        raise CrmlabError(f"{folder} cannot be written ({error}). Choose another folder.") from error
    return Made(assignment, folder, tuple(written), tuple(kept))


def _make(spec: str | Assignment, secret: bytes, half: str, student: Student) -> tuple[str, Any]:
    """Write one student's files into the half-made folder; the key of the student's variants."""
    assignment = _load(spec) if isinstance(spec, str) else spec  # exercises cannot be sent to another process
    try:
        pieces = assignment.pieces(secret, student.id)
        files = student_files(assignment, student, pieces, student.language or assignment.language)
        for name, content in files.items():
            path = Path(half, student.id, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError:
        raise
    except Exception as error:  # of an exercise's code
        raise CrmlabError(f"The variants of student {student.id} cannot be made: {error!r}.") from None
    return student.id, [{**_numbers(one), "answers": _packed(one.variant.key)} for one in pieces]


def _numbers(piece: Piece) -> dict[str, Any]:
    """Marks of what was drawn: of fractions their sum, whose last digits another processor may change; of the rest all.

    A change of what `solve` makes of it is none: that is how a faulty key is mended after the fact.
    """
    fractions: list[float] = []

    def rest(packed: Any) -> Any:
        if isinstance(packed, float):
            fractions.append(abs(packed) * (1 + len(fractions) % 97))  # another order is another sum
            return None
        if isinstance(packed, dict):
            return {name: rest(one) for name, one in packed.items()}
        return list(map(rest, packed)) if isinstance(packed, list) else packed

    said = json.dumps(rest(pack(piece.variant.drawn)), sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return {"exercise": piece.exercise.slug, "drawn": digest, "sum": math.fsum(fractions)}


def check_handed_out(
    private: Path, assignment: Assignment, secret: bytes, students: Sequence[Student], progress: bool = False
) -> str:
    """Is every student judged by the numbers that they were given? The assignment's digest when `make` handed it out.

    Compares what is drawn now with the key that `make` kept in `private`; "" where there is none. DataError where
    other numbers are drawn: after a change of exercises or specification, with another NumPy or another secret.
    """
    file = private / _KEY
    if not file.exists():
        return ""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        given = {fold(student): [(one["exercise"], one["drawn"], float(one["sum"])) for one in pieces]
                 for student, pieces in kept["students"].items()}  # fmt: skip
        digest, versions = str(kept["digest"]), dict(kept["made_with"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "Take a copy of it back, or run `crmlab assignment make` again with the same files."
        raise DataError(Fault("", f"it is no key that `make` wrote: {error!r}", remedy), f"'{file}'") from error
    other = []
    known = [student.id for student in students if fold(student.id) in given]
    with progress_bar(progress, len(known)) as show:
        for done, student in enumerate(known, 1):
            now = [tuple(_numbers(piece).values()) for piece in assignment.pieces(secret, student)]
            if not (len(now) == len(given[fold(student)]) and all(map(_alike, given[fold(student)], now))):
                other.append(student)
            show(done, "comparing with what was handed out")
    if other:
        made, here = (", ".join(f"{n} {v}" for n, v in one.items()) for one in (versions, _VERSIONS))
        what = f"{len(other)} students were given other numbers than are drawn now; nothing is judged"
        changed = "changed" if digest != assignment.digest else "did not change"
        remedy = (
            f"Grade with the secret and the versions of `make` ({made}; here: {here}). Specification and exercises "
            f"{changed} since: only texts, keys and points may, not what draw does or which exercises there are."
        )
        raise DataError(Fault("", what, remedy, example=", ".join(other[:5])), f"'{file}'")
    return digest


def _alike(old: tuple[str, str, float], new: tuple[str, str, float]) -> bool:
    return old[:2] == new[:2] and math.isclose(old[2], new[2], rel_tol=1e-9, abs_tol=1e-9)


def _packed(key: dict[str, Any]) -> dict[str, Any]:
    return {name: pack(sorted(one) if isinstance(one, set | frozenset) else one) for name, one in key.items()}


def _move(half: Path, target: Path, students: list[str]) -> tuple[list[str], list[str]]:
    """Move each student's folder to its place unless it is there already; nothing if one there differs."""
    kept = [student for student in students if (target / student).exists()]
    if differing := [name for student in kept for name in _differing(half / student, target / student)]:
        what = f"files that differ from what would be written are there already: {len(differing)}"
        remedy = (
            "Is it the same secret, specification and bank? To replace what was handed out, move the folder away "
            "first; if only a text was mended, the numbers stay the same."
        )
        raise DataError(Fault("", what, remedy, example=differing[0]), f"{target}")
    written = [student for student in students if student not in set(kept)]
    target.mkdir(exist_ok=True)
    for student in written:
        os.rename(half / student, target / student)
    return written, kept


def _differing(made: Path, there: Path) -> Iterator[str]:
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        name = file.relative_to(made)
        old = there / name
        if not old.is_file() or old.read_bytes() != file.read_bytes():
            yield str(Path(there.name) / name)
