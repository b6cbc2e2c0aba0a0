"""The gradebook: what students gave is kept in one file; scores are worked out from it whenever it is read."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, is_number
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Piece
from crmlab.course.judging import State, fold
from crmlab.course.packing import Unusable, from_json
from crmlab.course.roster import Roster, Student
from crmlab.course.running import Run, Trouble
from crmlab.course.submissions import Submission

_VERSION = 2
_OURS = b"crml"  # SQLite's application id, in the file's head: no other database is taken for a gradebook
_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE run (student TEXT, sha256 TEXT, ran TEXT NOT NULL, sandboxed INTEGER NOT NULL, fault TEXT, fault_key TEXT,
  troubles TEXT NOT NULL, answers TEXT NOT NULL, meant_for TEXT, own TEXT, PRIMARY KEY (student, sha256));
CREATE TABLE handed_in (student TEXT, sha256 TEXT, time TEXT, name TEXT NOT NULL, PRIMARY KEY (student, sha256, time));
CREATE TABLE mark (student TEXT, slug TEXT, answer TEXT, given_for TEXT, points TEXT NOT NULL, comment TEXT NOT NULL,
  PRIMARY KEY (student, slug, answer, given_for))
"""


class Mark(NamedTuple):
    """Points for each criterion of a rubric, and a comment. `old`: given for another answer, so it does not count."""

    points: tuple[float, ...]
    comment: str
    old: bool


@dataclass(frozen=True)
class PieceResult:
    """One exercise of one attempt. `share` is what was judged automatically; `hand` the marks (None: it waits)."""

    number: int
    slug: str
    points: float
    share: float
    hand: dict[str, float | None]
    states: dict[str, State]
    mistake: str | None
    forms: dict[str, tuple[str, dict[str, Any]]]
    score: float
    waiting: float = 0.0
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptResult:
    """One attempt, by time. `counts` is False where it cannot be read, or comes after the last one allowed."""

    attempt: int
    time: datetime
    late_factor: float
    sandboxed: bool
    fault: str | None
    troubles: tuple[Trouble, ...]
    pieces: tuple[PieceResult, ...]
    score: float
    waiting: float = 0.0
    counts: bool = True
    fault_key: tuple[str, dict[str, Any]] | None = None

    def why(self, language: Language) -> str:
        """Why can it not be read? Empty where it can."""
        return word(self.fault_key[0], language, **self.fault_key[1]) if self.fault_key else self.fault or ""


@dataclass(frozen=True)
class Result:
    """One student: every attempt, the one that counts, its score, the points to be had, those that wait for marks."""

    student: Student
    language: Language
    attempts: tuple[AttemptResult, ...]
    counted: int | None
    score: float
    most: float
    waiting: float

    @property
    def chosen(self) -> AttemptResult | None:
        """The attempt that counts."""
        return next((one for one in self.attempts if one.attempt == self.counted), None)


class Handed(NamedTuple):
    """One attempt as it is kept. answers: number -> (slug, name -> packed JSON); own: a digest of their code."""

    attempt: int
    sha256: str
    time: datetime
    name: str
    sandboxed: bool
    fault: str | None
    fault_key: tuple[str, dict[str, Any]] | None
    troubles: tuple[Trouble, ...]
    answers: dict[int, tuple[str, dict[str, str]]]
    meant_for: str | None
    own: str | None


class Gradebook:
    """What did each student hand in, and what is it worth? One SQLite file, to be used in a `with`.

    path: the file; `new=True` makes it where there is none. While it is open here nobody else can open it; a process
    that dies lets it go. Each submission is a transaction of its own that survives a crash. Ids are compared folded.
    OptionError where there is no file, DataError where it is no gradebook or damaged (it stays as it is), CrmlabError
    where another process has it open or it cannot be written.
    """

    def __init__(self, path: str | Path, *, new: bool = False) -> None:
        self.path = Path(path)
        _check_head(self.path, new)
        try:
            self._db = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        except sqlite3.Error as error:
            raise CrmlabError(f"{self.path} cannot be opened ({error}). Look at the folder and its rights.") from error
        try:
            self._open()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.OperationalError):
                remedy = "Is another grading under way? Wait for its end."
                raise CrmlabError(f"{self.path} cannot be used ({error}). {remedy}") from error
            if isinstance(error, sqlite3.DatabaseError):
                fault = Fault("", f"it is damaged: {error}", "Take a copy of it back, or grade into another folder.")
                raise DataError(fault, f"'{self.path}'") from error
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with self._writing():  # before WAL, so that the file's head shows at once whose it is
                for statement in [*_SCHEMA.split(";"), f"PRAGMA application_id={int.from_bytes(_OURS, 'big')}"]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_VERSION}")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"version {version}; this crmlab knows version {_VERSION}")
        elif (state := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(state)
        for said in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {said}")
        self._db.execute("BEGIN EXCLUSIVE")  # takes the lock now, not at the first submission
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def bind(self, assignment: Assignment, secret: bytes, handed_out: str = "") -> bool:
        """Has the assignment changed since it was last graded, or `handed_out` (its digest then)? A new book takes it.

        OptionError where it is the gradebook of another assignment or another secret.
        """
        said = {"assignment": assignment.id, "secret": hmac.digest(secret, b"crmlab gradebook", "sha256").hex()[:32]}
        about = dict(self._db.execute("SELECT name, value FROM about"))
        if about.get("assignment", assignment.id) != assignment.id:
            what = f"of '{about['assignment']}', not of '{assignment.id}'. Choose another folder"
            raise OptionError(f"{self.path} is the gradebook {what} (--out).")
        if not hmac.compare_digest(about.get("secret", said["secret"]), said["secret"]):
            what = "with this one every number is another. Give the one that the notebooks were made with"
            raise OptionError(f"{self.path} was made with another secret: {what}.")
        before = about.get("digest", handed_out or assignment.digest)
        said["digest"] = assignment.digest
        if said.items() - about.items():
            with self._writing():
                self._db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", said.items())
        return before != assignment.digest

    def standing(self) -> dict[tuple[str, str], str]:
        """What has run? (folded student id, sha256 of the file) -> what it ran against."""
        return {(student, sha): ran for student, sha, ran in self._db.execute("SELECT student, sha256, ran FROM run")}

    def record(
        self, handed: Sequence[Submission], ran: str = "", run: Run | None = None,
        slugs: Mapping[int, str] | None = None, own: str | None = None, *, again: bool = True,
    ) -> None:  # fmt: skip
        """Keep a submission in one transaction: each time at which this file was handed in, and what its run gave.

        run: None where the file cannot be read. again=False: the run stands already, and only the times are new.
        """
        one = handed[0]
        at = (fold(one.student.id), one.sha256)
        times = {s.time.astimezone(UTC).isoformat(): _clean(s.name) for s in handed}
        stands = dict(self._db.execute("SELECT time, name FROM handed_in WHERE student=? AND sha256=?", at))
        if not again and stands == times:
            return
        with self._writing():
            self._db.execute("DELETE FROM handed_in WHERE student=? AND sha256=?", at)
            rows = [(*at, *said) for said in times.items()]
            self._db.executemany("INSERT INTO handed_in VALUES (?, ?, ?, ?)", rows)
            if again:
                given = {} if run is None else run.answers
                answers = {
                    number: (slug, {_clean(name): _clean(text) for name, text in given.get(number, {}).items()})
                    for number, slug in (slugs or {}).items()
                }
                troubles = [(t.cell, t.kind, _clean(t.text)) for t in run.troubles] if run else []
                fault, meant_for = (text and _clean(text) for text in (one.fault, one.meant_for))
                row = (*at, ran, bool(run and run.sandboxed), fault, json.dumps(one.fault_key), json.dumps(troubles),
                       json.dumps(answers, ensure_ascii=False), meant_for, own)  # fmt: skip
                self._db.execute(f"INSERT OR REPLACE INTO run VALUES ({', '.join('?' * len(row))})", row)

    def handed_in(self, student_id: str) -> list[Handed]:
        """What stands here of a student? By time; attempts count from 1."""
        rows = self._db.execute(
            "SELECT sha256, time, name, sandboxed, fault, fault_key, troubles, answers, meant_for, own "
            "FROM handed_in JOIN run USING (student, sha256) WHERE student = ? ORDER BY time, sha256",
            (fold(student_id),),
        )
        return [
            Handed(attempt, sha, datetime.fromisoformat(time), name, bool(sandboxed), fault, json.loads(key),
                   tuple(Trouble(*one) for one in json.loads(troubles)),
                   {int(number): (slug, said) for number, (slug, said) in json.loads(answers).items()}, *rest)
            for attempt, (sha, time, name, sandboxed, fault, key, troubles, answers, *rest) in enumerate(rows, 1)
        ]  # fmt: skip

    def given(self, student_id: str, attempt: int) -> dict[int, dict[str, Any]]:
        """What did the student answer in this attempt? Exercise number -> name -> value (see crmlab.course.packing)."""
        answers = self._attempt(student_id, attempt).answers
        return {number: {name: _value(text) for name, text in said.items()} for number, (_, said) in answers.items()}

    def set_marks(
        self, student_id: str, slug: str, answer: str, criterion_points: Sequence[float], comment: str = "",
        attempt: int | None = None,
    ) -> None:  # fmt: skip
        """Keep the marks that a person gave: points for each line of the rubric, and a comment.

        They hold for what was answered in this `attempt` (the newest by default), in whichever attempt it stands again.
        OptionError where nothing was answered, or a mark is no number of 0 or more.
        """
        where = f"Marks of {student_id}, {slug}, {answer}:"
        if not all(is_number(one) and 0 <= one < 1e6 for one in criterion_points):
            raise OptionError(f"{where} {list(criterion_points)} are not numbers of 0 or more. Give one a criterion.")
        tried = self.handed_in(student_id)[::-1] if attempt is None else [self._attempt(student_id, attempt)]
        said = [given for one in tried for name, given in one.answers.values() if name == slug and answer in given]
        if not said:
            raise OptionError(f"{where} nothing was handed in. Look at the id, the exercise and the answer.")
        points = json.dumps([float(one) for one in criterion_points])
        row = (fold(student_id), slug, answer, _sha(said[0][answer]), points, _clean(comment))
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)", row)

    def results(self, assignment: Assignment, roster: Roster, secret: bytes) -> list[Result]:
        """What is each student's work worth, by this specification, this roster and the marks so far?

        All students of the roster, in its order; one who handed in nothing has no attempts and the score 0.
        Everything is judged anew: late policy, extensions (days of 24 hours), tolerances, points. Of what can be read,
        the first `assignment.attempts` count. The best is what is worth most if all that waits got full marks.
        """
        self.bind(assignment, secret)
        return [self._result(assignment, student, secret) for student in roster.students]

    def _result(self, assignment: Assignment, student: Student, secret: bytes) -> Result:
        attempts: list[AttemptResult] = []
        for one in self.handed_in(student.id):
            answers = dict(one.answers.values())
            pieces = tuple(
                self._piece(fold(student.id), piece, answers.get(piece.exercise.slug, {}))
                for piece in assignment.pieces(secret, student.id)
            )
            factor = _late_factor(assignment, student, one.time)
            score = round(factor * sum(piece.score for piece in pieces), 10)
            waiting = round(factor * sum(piece.waiting for piece in pieces), 10)
            counts = one.fault is None and sum(before.counts for before in attempts) < assignment.attempts
            said = (one.attempt, one.time, factor, one.sandboxed, one.fault, one.troubles)
            attempts.append(AttemptResult(*said, pieces, score, waiting, counts, one.fault_key))
        counting = [attempt for attempt in attempts if attempt.counts]
        best = max(counting, key=lambda attempt: attempt.score + attempt.waiting, default=None)  # of equals the first
        chosen = counting[-1] if counting and assignment.counts == "last" else best
        counted, score, waiting = (chosen.attempt, chosen.score, chosen.waiting) if chosen else (None, 0.0, 0.0)
        language = student.language or assignment.language
        return Result(student, language, tuple(attempts), counted, score, assignment.points, waiting)

    def _piece(self, student: str, piece: Piece, said: Mapping[str, str]) -> PieceResult:
        verdict = piece.variant.judge({name: _value(text) for name, text in said.items()})
        answers, slug = piece.exercise.answers, piece.exercise.slug
        hand: dict[str, float | None] = {name: 0.0 for name, answer in answers.items() if answer.by_hand}
        marks = {}
        for name in (name for name in hand if verdict.states[name] == "by_hand"):
            most = [points for points, _ in piece.exercise.texts["en"].rubrics[name]]
            if mark := self._mark(student, slug, name, _sha(said[name])):
                fits = len(mark.points) == len(most) and all(p <= m for p, m in zip(mark.points, most, strict=True))
                marks[name] = mark._replace(old=mark.old or not fits)
            hand[name] = sum(marks[name].points) / sum(most) if name in marks and not marks[name].old else None
        total = sum(answer.weight for answer in answers.values())
        share = verdict.share + sum(answers[name].weight * (mark or 0.0) for name, mark in hand.items()) / total
        waits = sum(answers[name].weight for name, mark in hand.items() if mark is None) / total
        return PieceResult(
            piece.number, slug, piece.points, verdict.share, hand, verdict.states, verdict.mistake, verdict.forms,
            round(piece.points * share, 10), round(piece.points * waits, 10), marks,
        )  # fmt: skip

    def _mark(self, student: str, slug: str, answer: str, given_for: str) -> Mark | None:
        """The mark of this answer, or else the last one that was given for another one."""
        row = self._db.execute(
            "SELECT points, comment, given_for != ?4 FROM mark WHERE student=?1 AND slug=?2 AND answer=?3 "
            "ORDER BY given_for = ?4 DESC, rowid DESC",
            (student, slug, answer, given_for),
        ).fetchone()
        return row and Mark(tuple(json.loads(row[0])), row[1], bool(row[2]))

    def _attempt(self, student_id: str, attempt: int) -> Handed:
        handed = self.handed_in(student_id)
        if not 1 <= attempt <= len(handed):
            raise OptionError(f"{self.path} holds no attempt {attempt} of {student_id}.")
        return handed[attempt - 1]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and "locked" not in str(error):
                remedy = "What it holds is kept; make room, and run the same again."
                raise CrmlabError(f"{self.path} cannot be written ({error}). {remedy}") from error
            raise


def _check_head(path: Path, new: bool) -> None:
    """Look at the first bytes only, since SQLite may change a file that it opens."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        if new and path.parent.is_dir():
            return
        raise OptionError(f"There is no {path}. Grade first: crmlab assignment grade.") from None
    except OSError as error:
        raise CrmlabError(f"{path} cannot be read ({error}). Look at the folder and its rights.") from error
    if head and not (head.startswith(b"SQLite format 3\0") and head[68:72] == _OURS):
        raise DataError(Fault("", "it is no gradebook", "Move it away, or choose another folder."), f"'{path}'")


def _late_factor(assignment: Assignment, student: Student, time: datetime) -> float:
    if assignment.due is None:
        return 1.0
    # in UTC, since within one zone Python subtracts what the clocks show
    due = assignment.due.astimezone(UTC) + timedelta(days=min(student.extra_days, 36_500))
    return assignment.late.factor(time.astimezone(UTC) - due)


def _value(text: str) -> Any:
    try:
        return from_json(text)
    except DataError:
        return Unusable("malformed")


def _clean(text: str) -> str:
    """Text that any file can hold: half a letter becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
