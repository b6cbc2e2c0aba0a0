"""Grading: every submission runs in a sandbox, is kept in the gradebook, and judged against that student's variant."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, check_count
from crmlab.base.parallel import progress_bar
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, read_assignment, read_secret
from crmlab.course.feedback import write_all
from crmlab.course.gradebook import Gradebook, Result
from crmlab.course.handout import FORMS, student_files
from crmlab.course.judging import fold
from crmlab.course.making import KEEP_PRIVATE, check_handed_out
from crmlab.course.packing import pack
from crmlab.course.roster import Roster, read_roster
from crmlab.course.running import Run, Wanted, run_notebook
from crmlab.course.sandbox import Limits, sandbox_problem
from crmlab.course.submissions import Submission, find_submissions

_LEAST_OWN = 10  # lines of a student's own code; fewer may be the same by accident


@dataclass(frozen=True)
class Graded:
    """What a grading did: submissions that are new, and that stood already; `faults` to look at; the files written."""

    results: tuple[Result, ...]
    new: int
    kept: int
    flagged: int
    faults: tuple[Fault, ...]
    paths: dict[str, Path]
    changed: bool = False

    @property
    def faulty(self) -> int:
        """Submissions that could not be read, or had troubles."""
        return sum(bool(one.fault or one.troubles) for result in self.results for one in result.attempts)

    @property
    def unsafe(self) -> int:
        """Submissions that ran without a sandbox."""
        return sum(not (one.fault or one.sandboxed) for result in self.results for one in result.attempts)

    @property
    def waiting(self) -> int:
        """Students of whom something waits for marks."""
        return sum(result.waiting > 0 for result in self.results)

    def __str__(self) -> str:
        none = sum(not result.attempts for result in self.results)
        paths = {name: self.paths.get(name) for name in ("marking", "flagged", "gradebook", "report")}
        said = {
            "The assignment or its exercises have changed since: all is judged anew.": self.changed,
            f"Submissions: {self.new:,} new, {self.kept:,} that stood already. Students without any: {none:,}.": True,
            f"With troubles (the feedback says which): {self.faulty:,}.": self.faulty,
            f"Run WITHOUT a sandbox, where a student could change the scores: {self.unsafe:,}.": self.unsafe,
            f"Students whose answers wait for marks: {self.waiting:,}; open {paths['marking']}.": self.waiting,
            f"Flags to look at: {self.flagged:,}, in {paths['flagged']}.": self.flagged,
            **{f"To be looked at: {fault}": True for fault in self.faults},
            f"Scores: {paths['gradebook']}. Overview: {paths['report']}.": True,
        }
        return "\n".join(line for line, shown in said.items() if shown)


def grade_assignment(
    spec: str | Path, submissions: str | Path, secret: str | Path, out: str | Path, *,
    students: str | Path | None = None, jobs: int | None = None, unsafe: bool = False, only: Sequence[str] = (),
    again: bool = False, show_key: bool = False, progress: bool = True,
) -> Graded:  # fmt: skip
    """What is each submission worth? Runs what has not run yet, and writes gradebook, feedback and tables into `out`.

    students: the roster (default: the one that `make` kept in `out`). jobs: notebooks at a time (default: the number
    of CPUs). only: ids of the students whose submissions are looked at. again: what has run runs once more. unsafe:
    where there is no sandbox run without; the gradebook says so. Otherwise a submission runs once more only where its
    file or what it reads has changed. After a kill or Ctrl-C the same call goes on where it was.
    Raises before anything runs: OptionError where there is no sandbox, or the secret or an id is wrong; DataError where
    other numbers are drawn now than `make` handed out; what is wrong with specification, roster and gradebook as
    read_assignment, read_roster and Gradebook do.
    """
    workers = check_count("jobs", jobs) if jobs is not None else os.cpu_count() or 1
    assignment, key, private = read_assignment(spec), read_secret(secret), Path(out) / KEEP_PRIVATE
    roster = _roster(students, private / "roster.json")
    wanted = {fold(one) for one in only} or {fold(student.id) for student in roster.students}
    if unknown := wanted - {fold(student.id) for student in roster.students}:
        raise OptionError(f"only: the list of students has no {', '.join(sorted(unknown))}. Write ids as it does.")
    found = find_submissions(submissions, roster, assignment)
    files: dict[tuple[str, str], list[Submission]] = {}  # the same file may be handed in several times
    tried: Counter[str] = Counter()
    for one in found.submissions:  # of a student by time
        at = (fold(one.student.id), one.sha256)
        if at not in files and not one.fault:
            tried[at[0]] += 1
            if tried[at[0]] > assignment.attempts:  # it cannot count, and fifty of them would hold up the others
                said = ("upload.beyond", {"n": assignment.attempts})
                one = replace(one, fault=word(said[0], n=assignment.attempts), fault_key=said)
        if at[0] in wanted:
            files.setdefault(at, []).append(one)
    handed_out = check_handed_out(private, assignment, key, roster.students, progress)
    try:
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
        if students is not None:
            roster.write(private / "roster.json")
    except OSError as error:
        raise CrmlabError(f"{private} cannot be written ({error}). Choose another folder.") from error
    with Gradebook(private / "gradebook.sqlite", new=True) as gradebook:
        changed = gradebook.bind(assignment, key, handed_out)
        work = _Work(gradebook, assignment, key, again, unsafe)
        with progress_bar(progress, len(files)) as work.show:
            work.grade(files, workers)
        results, flags, paths = write_all(gradebook, assignment, roster, key, out, show_key)
    faults = (*found.faults, *work.failed())
    return Graded(tuple(results), work.new, work.kept, len(flags), faults, paths, changed)


def _roster(students: str | Path | None, kept: Path) -> Roster:
    """The list that is given, in the languages that `make` wrote in; or else the one that it kept."""
    if students is None:
        if not kept.exists():
            raise OptionError(f"{kept.parent} holds no list of students. Give it: --students roster.csv.")
        return Roster.read(kept)
    spoken: dict[str, Language | None] = {}
    with suppress(DataError):
        spoken = {fold(one.id): one.language for one in (Roster.read(kept).students if kept.exists() else ())}
    return read_roster(students).speaking(lambda student: spoken.get(fold(student.id)))


@dataclass(frozen=True)
class _Task:
    handed: Sequence[Submission]
    wanted: Sequence[Wanted]
    data: dict[str, bytes]
    slugs: dict[int, str]
    own: str | None

    def ran_against(self) -> str:
        """A mark of everything that the notebook meets: no key, no tolerance. Forms do not change an answer."""
        files = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(self.data.items()) if name != FORMS]
        asked = [(self.slugs[w.number], w.number, w.names, sorted((n, pack(c)) for n, c in w.calls.items()))
                 for w in self.wanted]  # fmt: skip
        return hashlib.sha256(json.dumps([files, asked]).encode()).hexdigest()[:32]


class _Work:
    """Submissions on their way. This thread makes the data and writes the gradebook; others wait for the sandboxes."""

    def __init__(self, gradebook: Gradebook, assignment: Assignment, secret: bytes, again: bool, unsafe: bool) -> None:
        self.gradebook, self.assignment, self.secret, self.again = gradebook, assignment, secret, again
        self.new = self.kept = self.faulty = 0
        self.unrun: dict[str, list[str]] = {}  # why -> whose
        self.problem = sandbox_problem()
        self.unsafe = unsafe and self.problem is not None  # where there is a sandbox it is used
        self.running: dict[Future[Run], _Task] = {}
        self.show: Callable[[int, str], None]

    def grade(self, files: dict[tuple[str, str], list[Submission]], workers: int) -> None:
        """Run what has not run, `workers` at a time."""
        standing = {} if self.again else self.gradebook.standing()
        if any(at not in standing and not handed[0].fault for at, handed in files.items()):
            self._check_sandbox()
        with ThreadPoolExecutor(workers) as pool:
            try:
                for at, handed in files.items():
                    self._begin(handed, standing.get(at), pool)
                    while len(self.running) >= 2 * workers:
                        self._settle()
                    self._tell()
                while self.running:
                    self._settle()
                    self._tell()
            except BaseException as error:
                for future in [future for future in self.running if future.cancel()]:
                    del self.running[future]
                while self.running and isinstance(error, KeyboardInterrupt):  # what runs is waited for, and kept
                    self._settle()
                raise

    def _begin(self, handed: Sequence[Submission], stands: str | None, pool: ThreadPoolExecutor) -> None:
        if handed[0].fault:
            self.gradebook.record(handed)
            self.new, self.kept = self.new + (stands is None), self.kept + (stands is not None)
            self.faulty += 1
            return
        student = handed[0].student
        pieces = self.assignment.pieces(self.secret, student.id)
        files = student_files(self.assignment, student, pieces, student.language or self.assignment.language)
        task = _Task(
            handed,
            [Wanted(one.number, tuple(one.exercise.answers), one.variant.calls()) for one in pieces],
            {name: content for name, content in files.items() if name.startswith("data/")},
            {one.number: one.exercise.slug for one in pieces},
            _own_code(handed[0].cells, files[f"{self.assignment.id}.ipynb"]),
        )
        if stands == task.ran_against():
            self.gradebook.record(handed, again=False)
            self.kept += 1
            return
        self._check_sandbox()
        limits = Limits(**self.assignment.limits)
        future = pool.submit(run_notebook, handed[0].cells, task.wanted, task.data, limits, unsafe=self.unsafe)
        self.running[future] = task

    def _check_sandbox(self) -> None:
        if self.problem is not None and not self.unsafe:
            what = "Students' code would run as you: it could read the keys and change the scores."
            raise OptionError(f"{self.problem} {what} Only --unsafe (unsafe=True) allows that.")

    def _settle(self) -> None:
        """Wait until a notebook has run, and keep what it gave."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            task = self.running.pop(future)
            try:
                run = future.result()
            except OptionError:
                raise
            except Exception as error:  # whatever one submission leads to, or the machine, the others are graded
                why = str(error) if isinstance(error, CrmlabError) else repr(error)
                self.unrun.setdefault(why[:300], []).append(task.handed[0].student.id)
                continue
            self.gradebook.record(task.handed, task.ran_against(), run, task.slugs, task.own)
            self.new, self.faulty = self.new + 1, self.faulty + bool(run.troubles)

    def _tell(self) -> None:
        done = self.new + self.kept + sum(map(len, self.unrun.values()))
        self.show(done, f"{self.faulty} with troubles")

    def failed(self) -> list[Fault]:
        """What did not run, and is not in the gradebook?"""
        remedy = "They are not graded yet: grade again; where it stays, report it to crmlab."
        return [
            Fault("", f"submissions could not be run ({why})", remedy, rows=len(ids), example=", ".join(ids[:20]))
            for why, ids in self.unrun.items()
        ]


def _own_code(cells: Sequence[str], given: bytes) -> str | None:
    """A digest of the lines that the student wrote, without comments, spaces and digits; None where they are few."""

    def lines(source: str) -> Iterable[str]:
        return (re.sub(r"#.*|\s|\d", "", line) for line in source.splitlines())

    known = {line for cell in json.loads(given)["cells"] for line in lines("".join(cell["source"]))}
    own = [line for cell in cells for line in lines(cell) if line and line not in known]
    return hashlib.sha256("\n".join(own).encode("utf-8", "replace")).hexdigest() if len(own) >= _LEAST_OWN else None
