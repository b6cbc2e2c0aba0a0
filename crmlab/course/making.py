"""An assignment made for a class: a folder for each student, and what the instructor keeps."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, get_args

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, check_count, check_option
from crmlab.base.parallel import progress_bar, spread
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, read_assignment, read_secret
from crmlab.course.handout import student_files
from crmlab.course.packing import pack
from crmlab.course.roster import Student, read_roster, write_private

FOR_STUDENTS, KEEP_PRIVATE = "for-students", "keep-private"
_load = lru_cache(maxsize=1)(read_assignment)  # once in each process


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
    number of CPUs). Made again, the files are the same byte for byte; folders of students appear whole or not at all.
    DataError, before anything is written, where a student's file is there already and differs (another secret, or a
    changed specification or bank). OptionError where the secret lies among what is handed out.
    """
    if language is not None:
        check_option("language", language, get_args(Language))
    workers = check_count("jobs", jobs) if jobs is not None else os.cpu_count() or 1
    assignment, roster, key = read_assignment(spec), read_roster(students), read_secret(secret)
    folder = Path(out)
    if Path(secret).resolve().is_relative_to((folder / FOR_STUDENTS).resolve()):
        raise OptionError(f"The secret {secret} lies in {folder / FOR_STUDENTS}, which is handed out. Move it first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as half:
            work = partial(_make, str(spec), key, language, half)
            keys = {}
            with progress_bar(progress, len(roster.students)) as show:
                for done, (student, answers) in enumerate(spread(work, roster.students, workers), 1):
                    keys[student] = answers
                    show(done, assignment.id)
            written, kept = _move(Path(half), folder / FOR_STUDENTS, [one.id for one in roster.students])
        private = folder / KEEP_PRIVATE
        private.mkdir(mode=0o700, exist_ok=True)
        roster.write(private / "roster.json")
        said = {"assignment": assignment.id, "digest": assignment.digest, "students": keys}
        write_private(private / "key.json", json.dumps(said, ensure_ascii=False, indent=1))
        title = assignment.title_in(language or assignment.language)
        text = word("handout.readme", language or assignment.language, title=title, id=assignment.id)
        write_private(private / "README.txt", text.strip())
    except OSError as error:
        raise CrmlabError(f"{folder} cannot be written ({error}). Choose another folder.") from error
    return Made(assignment, folder, tuple(written), tuple(kept))


def _make(spec: str, secret: bytes, language: Language | None, half: str, student: Student) -> tuple[str, Any]:
    """Write one student's files into the half-made folder; the key of the student's variants."""
    assignment = _load(spec)
    try:
        pieces = assignment.pieces(secret, student.id)
        files = student_files(assignment, student, pieces, student.language or language or assignment.language)
        for name, content in files.items():
            path = Path(half, student.id, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError:
        raise
    except Exception as error:  # of an exercise's code
        raise CrmlabError(f"The variants of student {student.id} cannot be made: {error!r}.") from None
    keys = [{"exercise": one.exercise.slug, "answers": _packed(one.variant.key)} for one in pieces]
    return student.id, keys


def _packed(key: dict[str, Any]) -> dict[str, Any]:
    return {name: pack(sorted(one) if isinstance(one, set | frozenset) else one) for name, one in key.items()}


def _move(half: Path, target: Path, students: list[str]) -> tuple[list[str], list[str]]:
    """Move each student's folder to its place unless it is there already; nothing if one there differs."""
    kept = [student for student in students if (target / student).exists()]
    if differing := [name for student in kept for name in _differing(half / student, target / student)]:
        what = f"{len(differing)} files are there already and differ from what would be written"
        remedy = (
            "Is it the same secret, specification and bank? To replace what was handed out, move the folder away first."
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
