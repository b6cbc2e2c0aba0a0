"""Grading a class: what runs and what need not, by whose key, and who copied."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import crmlab.course.grading as grading
from crmlab.base.errors import CrmlabError, DataError, OptionError
from crmlab.cli_assignment import app
from crmlab.course.assignment import Assignment, Slot, read_assignment
from crmlab.course.copied import find_copies
from crmlab.course.exercise import load_exercise
from crmlab.course.gradebook import Gradebook
from crmlab.course.grading import grade_assignment
from crmlab.course.making import make_assignment
from tests.course.handing_in import (
    DUE,
    SECRET,
    code,
    hand_in,
    klass,
    late,
    right,
    run_of,
    small,
    stand_in,
    submission,
    write_bank,
    write_spec,
)  # fmt: skip

# keys of all kinds: small whole numbers, money, shares
QUICK = (
    "control-group-size",
    "degrees-of-freedom",
    "saved-not-kept",
    "uplift-by-subtraction",
    "how-many-answers",
    "indirect-effect",
    "discount-to-today",
    "return-of-a-project",
)


class Class:
    """A folder with a specification, a roster, a secret and submissions; `ran` lists what the stand-in ran."""

    def __init__(self, folder: Path, students: int) -> None:
        self.folder, self.submissions, self.out = folder, folder / "handed-in", folder / "hw"
        self.ran, self.limits = [], []
        self.spec, self.secret, self.roster = write_spec(folder), folder / "secret.key", folder / "roster.csv"
        self.secret.write_bytes(SECRET)
        self.students = klass(students).students
        self.roster.write_text("id,name\n" + "".join(f"{one.id},{one.name}\n" for one in self.students))
        self.submissions.mkdir()

    @property
    def assignment(self) -> Assignment:
        return read_assignment(self.spec)

    def hand_in(self, student, time=DUE, name="small", extra="", **changed):
        cells = code(right(self.assignment, student, **changed))
        hand_in(self.submissions, student, (*cells, extra) if extra else cells, time, name)

    def grade(self, **more):
        said = {"students": self.roster, "jobs": 2, "progress": False} | more
        return grade_assignment(self.spec, self.submissions, self.secret, self.out, **said)

    def scores(self, **more):
        return [one.score for one in self.grade(**more).results]


@pytest.fixture
def course(tmp_path, monkeypatch):
    made = Class(tmp_path, 4)

    def run(cells, wanted, data, limits=None, *, unsafe=False):
        made.ran.append(tuple(cells))
        made.limits.append(limits)
        return stand_in(cells, wanted, data, limits, unsafe=unsafe)

    monkeypatch.setattr(grading, "run_notebook", run)
    monkeypatch.setattr(grading, "sandbox_problem", lambda: None)
    return made


def test_a_class_is_graded_and_nothing_runs_twice(course):
    course.hand_in("s001")
    course.hand_in("s002", late(25), twice=0)
    course.hand_in("s003", extra="1 / 0")
    graded = course.grade()
    assert [one.score for one in graded.results] == [18, (5 + 6 + 2) * 0.8, 18, 0]
    assert (graded.new, graded.kept, graded.faulty, graded.unsafe, graded.waiting, len(course.ran)) == (
        3,
        0,
        1,
        0,
        3,
        3,
    )
    assert "says which): 1." in str(graded) and "Students without any: 1." in str(graded)
    assert graded.paths["gradebook"].exists() and (course.out / "feedback" / "s004.html").exists()
    again = course.grade(students=None)  # the roster was kept
    assert again.results == graded.results and (again.new, again.kept, len(course.ran)) == (0, 3, 3)


def test_what_changed_runs_and_nothing_else(course):
    for student in ("s001", "s002", "s003"):
        course.hand_in(student)
    course.grade()
    course.ran.clear()
    course.hand_in("s002", twice=0)  # another file
    course.hand_in("s003", late(-1), "second")  # another attempt
    assert course.scores() == [18, 18, 18, 0]  # what stood of the second student still stands, and is an attempt
    assert len(course.ran) == 2 - 1  # the third's second file is the same as the first
    course.ran.clear()
    assert course.grade(only=("S001",), again=True).new == 1 and len(course.ran) == 1
    exercise = course.folder / "bank" / "sum-it" / "exercise.py"
    exercise.write_text(exercise.read_text().replace("0, 100", "0, 200"))  # other data: everything runs again
    course.ran.clear()
    assert course.scores() == [12, 12, 12, 0] and len(course.ran) == 3


def test_other_rules_are_judged_without_running(course):
    course.hand_in("s001", late(25))
    course.hand_in("s002", twice=2 * course.assignment.pieces(SECRET, "s002")[0].variant.drawn["n"] + 3)
    assert course.scores() == pytest.approx([18 * 0.8, 13, 0, 0])
    course.ran.clear()
    write_bank(course.folder, tolerance=5)
    assert course.scores() == pytest.approx([18 * 0.8, 18, 0, 0])
    write_bank(course.folder, tolerance=0.5)
    course.spec.write_text(
        course.spec.read_text().replace("per_day = 0.1", "per_day = 0.5").replace("points = 6", "points = 60")
    )
    assert course.scores() == pytest.approx([0, 67, 0, 0])
    course.roster.write_text("id,name,extra_days\ns001,One,2\ns002,Two,0\n")
    assert course.scores() == pytest.approx([72, 67])
    assert course.ran == []


def rewritten(path, change):
    said = json.loads(path.read_text(encoding="utf-8"))
    change(said)
    path.write_text(json.dumps(said), encoding="utf-8")


def test_nobody_is_judged_by_other_numbers_than_they_were_given(course, monkeypatch):
    make_assignment(course.spec, course.roster, course.secret, course.out)
    key = course.out / "keep-private" / "key.json"
    course.hand_in("s001")
    course.hand_in("s002")
    assert course.scores() == [18, 18, 0, 0] and not course.grade().changed
    # a key that is mended later: the numbers are the same, and it is said
    write_bank(course.folder, tolerance=5)
    graded = course.grade()
    assert graded.changed and "have changed since" in str(graded) and not course.grade().changed
    gradebook = (course.out / "keep-private" / "gradebook.sqlite").read_bytes()
    table = (course.out / "keep-private" / "gradebook.csv").read_bytes()
    course.ran.clear()
    # other numbers: refused before anything runs or is judged
    exercise = course.folder / "bank" / "sum-it" / "exercise.py"
    before = exercise.read_text()
    exercise.write_text(before.replace("0, 100", "0, 200"))
    with pytest.raises(DataError, match=r"4 students were given other numbers .*s001, s002.* changed since"):
        course.grade()
    marks = course.folder / "marks.csv"
    marks.write_text("student,attempt,exercise,answer,criterion,most,points,comment\n")
    said = ["marks", course.spec, "--marks", marks, "--secret", course.secret, "--out", course.out]
    assert isinstance(CliRunner().invoke(app, [str(one) for one in said]).exception, DataError)
    exercise.write_text(before)
    # as another NumPy draws: whole numbers by their digest, fractions by their sum
    rewritten(key, lambda said: said["made_with"].update(numpy="1.0"))
    rewritten(key, lambda said: said["students"]["s003"][0].update(drawn="0" * 16))
    with pytest.raises(DataError, match=r"1 students were given .*s003.*numpy 1\.0; here: .* changed since"):
        course.grade()
    made_again = course.folder / "again"
    make_assignment(course.spec, course.roster, course.secret, made_again)
    key.write_bytes((made_again / "keep-private" / "key.json").read_bytes())
    rewritten(key, lambda said: said["students"]["s003"][1].update(sum=said["students"]["s003"][1]["sum"] + 0.01))
    with pytest.raises(DataError, match="s003.* did not change since"):
        course.grade()
    assert course.ran == [] and (course.out / "keep-private" / "gradebook.csv").read_bytes() == table
    assert (course.out / "keep-private" / "gradebook.sqlite").read_bytes() == gradebook
    # the last digit of a fraction is another processor's; who came later was given nothing
    rewritten(key, lambda said: said["students"]["s003"][1].update(
        sum=said["students"]["s003"][1]["sum"] - 0.01 + 1e-12))  # fmt: skip
    rewritten(key, lambda said: said["students"].pop("s004"))
    assert course.scores() == [18, 18, 0, 0]
    key.write_text("{}")
    with pytest.raises(DataError, match="no key that `make` wrote"):
        course.grade()


def test_another_secret_or_another_choice_is_seen_at_the_first_grading(course):
    make_assignment(course.spec, course.roster, course.secret, course.out)
    course.hand_in("s001")
    course.secret.write_bytes(b"another secret, long enough")
    with pytest.raises(DataError, match="4 students were given other numbers"):
        course.grade()
    course.secret.write_bytes(SECRET)
    before = course.spec.read_text()
    course.spec.write_text(before.replace('slug = "say-why"', 'slug = "lift"'))
    with pytest.raises(DataError, match="4 students were given other numbers"):
        course.grade()
    course.spec.write_text(before.replace("points = 8", "points = 80"))
    assert course.grade().changed and course.ran


def test_marks_are_kept_when_it_is_graded_again(course):
    course.hand_in("s001")
    course.grade()
    with Gradebook(course.out / "keep-private" / "gradebook.sqlite") as book:
        book.set_marks("s001", "say-why", "why", [2, 1], "Well said.")
    assert course.scores() == [24, 0, 0, 0]
    assert course.scores(again=True) == [24, 0, 0, 0] and len(course.ran) == 2


def test_marks_given_by_hand_are_imported(course):
    course.hand_in("s001")
    course.hand_in("s002", why="A long reason.", twice=0)
    graded = course.grade()
    rows = list(csv.DictReader(graded.paths["marks"].read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 4  # two criteria of each
    marks = course.folder / "marked.csv"
    with marks.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(row | {"points": row["most"] if row["student"] == "s001" else "0.5"} for row in rows)
    said = ["marks", course.spec, "--marks", marks, "--secret", course.secret, "--out", course.out]
    assert CliRunner().invoke(app, [str(one) for one in said]).exit_code == 0
    # 6 points for the essay; the second has 1 of its 3 criteria's points
    assert course.scores() == [24, 13 + 2, 0, 0] and len(course.ran) == 2


def test_nothing_runs_without_a_sandbox_unless_it_is_said(course, monkeypatch):
    monkeypatch.setattr(grading, "sandbox_problem", lambda: "bubblewrap is not installed.")
    course.hand_in("s001")
    course.hand_in("s002")
    with pytest.raises(OptionError, match=r"bubblewrap is not installed\..*--unsafe"):
        course.grade()
    assert course.ran == []
    graded = course.grade(unsafe=True)
    assert graded.unsafe == 2 and "WITHOUT a sandbox" in str(graded)
    assert not any(one.sandboxed for result in graded.results for one in result.attempts)
    assert course.grade().kept == 2  # what stands needs no sandbox
    course.hand_in("s001", twice=0)
    with pytest.raises(OptionError, match="--unsafe"):
        course.grade()
    with pytest.raises(OptionError, match="--unsafe"):
        course.grade(only=("s002",), again=True)
    monkeypatch.setattr(grading, "sandbox_problem", lambda: None)
    assert course.grade(unsafe=True, again=True).results[0].attempts[0].sandboxed  # where there is one it is used


FAILURES = {"a fault of ours": RuntimeError, "The sandbox did not start.": CrmlabError}


@pytest.mark.parametrize("said", FAILURES)
def test_one_that_fails_holds_up_nobody(course, monkeypatch, said):
    for student in ("s001", "s002", "s003"):
        course.hand_in(student, extra=f"name = {student!r}")

    def run(cells, wanted, data, limits=None, *, unsafe=False):
        if "s002" in cells[-1]:
            raise FAILURES[said](said)
        return stand_in(cells, wanted, data)

    monkeypatch.setattr(grading, "run_notebook", run)
    graded = course.grade()
    assert [one.score for one in graded.results] == [18, 0, 18, 0]
    assert said in str(graded) and graded.faults[-1].example == "s002" and graded.new == 2
    assert not graded.results[1].attempts  # the machine's failure is no result of the student's
    monkeypatch.setattr(grading, "run_notebook", stand_in)
    assert course.grade().new == 1 and course.scores() == [18, 18, 18, 0]


def test_ctrl_c_keeps_what_is_done_and_what_is_under_way(course, monkeypatch):
    for student in ("s001", "s002", "s003", "s004"):
        course.hand_in(student)
    record = Gradebook.record

    def interrupted(self, *values, **more):
        record(self, *values, **more)
        monkeypatch.setattr(Gradebook, "record", record)
        raise KeyboardInterrupt

    monkeypatch.setattr(Gradebook, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        course.grade(jobs=1)
    first = len(course.ran)
    graded = course.grade()
    assert [one.score for one in graded.results] == [18] * 4
    assert graded.kept == first < 4 and len(course.ran) == 4


def test_a_full_disk_stops_it_and_it_goes_on(course, monkeypatch):
    for student in ("s001", "s002", "s003"):
        course.hand_in(student)
    record = Gradebook.record

    def full(self, *values, **more):
        if len(self.standing()) == 1:
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            self._db.execute(f"PRAGMA max_page_count={pages}")
            values = (values[0], values[1], replace(values[2], seconds=0.0), values[3], "long " * 10_000)
        record(self, *values, **more)

    monkeypatch.setattr(Gradebook, "record", full)
    with pytest.raises(CrmlabError, match="disk is full"):
        course.grade(jobs=1)
    monkeypatch.setattr(Gradebook, "record", record)
    graded = course.grade()
    assert (graded.kept, graded.new) == (1, 2) and [one.score for one in graded.results] == [18, 18, 18, 0]


def test_what_cannot_be_graded_is_said_before_anything_runs(course):
    course.hand_in("s001")
    with pytest.raises(OptionError, match="has no nobody"):
        course.grade(only=("s001", "nobody"))
    with pytest.raises(OptionError, match="holds no list of students"):
        course.grade(students=None)
    with pytest.raises(OptionError, match="jobs"):
        course.grade(jobs=0)
    assert course.ran == [] and not (course.out / "keep-private" / "gradebook.sqlite").exists()
    course.grade()
    course.secret.write_bytes(b"another secret, long enough")
    with pytest.raises(OptionError, match="another secret"):
        course.grade()
    course.secret.write_bytes(SECRET)
    assert course.grade().kept == 1


def test_a_file_that_is_no_notebook_scores_nothing(course):
    course.hand_in("s001")
    (course.submissions / "s002.ipynb").write_text("{}")
    graded = course.grade()
    assert (graded.results[1].score, graded.results[1].attempts[0].fault is not None) == (0, True)
    assert (graded.new, graded.faulty) == (2, 1) and len(course.ran) == 1
    assert course.grade().kept == 2


def test_feedback_is_in_the_language_of_the_notebook(course):
    make_assignment(course.spec, course.roster, course.secret, course.out, "fa")
    course.hand_in("s001")
    for students in (None, course.roster):
        course.grade(students=students)
        assert '<html lang="fa" dir="rtl">' in (course.out / "feedback" / "s001.html").read_text()


def test_what_comes_after_the_last_attempt_is_not_run(course):
    for hour in (-4, -3, -2, -1):
        course.hand_in("s001", late(hour), f"try{hour}", twice=hour)
    graded = course.grade()
    assert len(course.ran) == 2  # two are allowed
    attempts = graded.results[0].attempts
    assert [one.fault is None for one in attempts] == [True, True, False, False]
    assert "last of 2 allowed" in attempts[2].fault and graded.results[0].counted == 1
    write_spec(course.folder, attempts=3)
    assert course.grade().new == 1 and len(course.ran) == 3


def test_limits_of_the_specification_hold(course):
    write_spec(course.folder, more="[limits]\ncell_s = 7\nmemory_mb = 900\n")
    course.hand_in("s001")
    course.grade()
    assert [(one.cell_s, one.memory_mb, one.total_s) for one in course.limits] == [(7, 900, 180)]


def test_the_same_submissions_give_the_same_files(course):
    course.hand_in("s001")
    course.hand_in("s002", twice=0)
    course.grade()
    before = {path: path.read_bytes() for path in course.out.rglob("*") if path.suffix != ".sqlite" and path.is_file()}
    course.grade(again=True, jobs=1)
    assert {path: path.read_bytes() for path in before} == before and len(before) > 5


def test_in_the_sandbox_the_scores_are_the_same(tmp_path, sandboxed):
    course = Class(tmp_path, 3)
    course.hand_in("s001")
    course.hand_in("s002", twice=0, extra="import os; os._exit(3)")
    course.hand_in("s003", late(1), total=None, sums=None, why=None)
    first = course.grade()
    assert [one.score for one in first.results] == [18, 13, pytest.approx(0.9 * 12)]
    assert [[one.kind for one in result.attempts[0].troubles] for result in first.results] == [[], ["died"], []]
    assert all(result.attempts[0].sandboxed for result in first.results)
    assert course.grade().kept == 3


# who copied


def flags_of(tmp_path, assignment, roster, given):
    with Gradebook(tmp_path / "copies.sqlite", new=True) as book:
        for one in roster.students:
            slugs = {piece.number: piece.exercise.slug for piece in assignment.pieces(SECRET, one.id)}
            answers = given(one.id) if callable(given) else given[one.id]
            book.record([submission(one, sha=f"sha of {one.id}")], "ran", run_of(answers), slugs)
        return find_copies(book, assignment, roster, SECRET, book.results(assignment, roster, SECRET))


def test_a_copied_answer_is_flagged_and_a_choice_is_not(tmp_path):
    assignment, roster = small(tmp_path), klass(30)
    given = {one.id: right(assignment, one.id) for one in roster.students}
    theirs = right(assignment, "s009")
    given["s004"] = right(assignment, "s004", twice=theirs[1]["twice"])
    given["s005"] = right(assignment, "s005", sums=theirs[2]["sums"])
    given["s006"] = right(assignment, "s006", twice=7, odd="no", total=7.0)  # wrong in a way of one's own
    flags = flags_of(tmp_path, assignment, roster, given)
    assert [(one.student, one.other, one.answers, one.kind) for one in flags] == [
        ("s004", "s009", ("double-it/twice",), "key"), ("s005", "s009", ("sum-it/sums",), "key"),
    ]  # fmt: skip
    assert all(0 < one.chance <= 0.02 for one in flags)
    assert flags[0].text("en") == "wrong here, but right for s009: double-it/twice"
    assert flags[0].chance == 0.0097  # 29 others; none of 78 keys agree: 29 x 1 / (78 x 77 / 2 + 1)


def test_five_students_of_whom_one_copies(tmp_path):
    assignment = read_assignment("lifetime-value")
    roster = klass(5)
    given = {}
    for one in roster.students:
        source = "s001" if one.id == "s002" else one.id
        keys = {piece.exercise.slug: piece.variant.key for piece in assignment.pieces(SECRET, source)}
        pieces = assignment.pieces(SECRET, one.id)
        given[one.id] = {p.number: keys.get(p.exercise.slug, p.variant.key) for p in pieces}
    flags = flags_of(tmp_path, assignment, roster, given)
    assert [(one.student, one.other, one.kind) for one in flags] == [("s002", "s001", "key")]
    assert len(flags[0].answers) >= 3


def test_the_same_file_the_same_code_and_another_ones_notebook(tmp_path):
    assignment, roster = small(tmp_path), klass(5)
    with Gradebook(tmp_path / "copies.sqlite", new=True) as book:
        said = {
            "s001": {"time": late(-5), "sha": "same"}, "s002": {"time": late(-9), "sha": "same", "meant_for": "s002"},
            "s003": {"time": late(-9), "sha": "b"}, "s004": {"time": late(-8), "sha": "c"},
            "s005": {"sha": "d", "meant_for": "s001"},
        }  # fmt: skip
        for student in roster.students:
            own = "code" if student.id in ("s003", "s004") else None
            book.record([submission(student, **said[student.id])], "ran", run_of({}), {}, own)
        flags = find_copies(book, assignment, roster, SECRET, book.results(assignment, roster, SECRET))
    assert [(one.student, one.other, one.kind, one.chance) for one in flags] == [
        ("s001", "s002", "file", 0), ("s004", "s003", "file", 0), ("s005", "s001", "owner", 0),
    ]  # fmt: skip


def test_code_is_compared_without_what_was_given_and_comments(course):
    written = "\n".join(f"step_{n} = {n} * 3" for n in range(12))
    course.hand_in("s001", extra=written, odd=None)
    course.hand_in("s002", extra=written.replace(" = ", "=") + "  # mine", odd=None)
    course.hand_in("s003", extra=written.replace("* 3", "+ 3"), odd=None)
    graded = course.grade()
    assert graded.flagged == 1 and "Flags to look at: 1," in str(graded)
    rows = list(csv.reader(graded.paths["flagged"].read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 2 and "s002" in str(rows[1]) and "same file or code" in str(rows[1])


def test_honest_mistakes_are_hardly_ever_flagged_and_copies_are(tmp_path):
    """200 students: a third of the answers wrong in usual ways, rounded, or slips; ten copy everything."""
    exercises = {slug: load_exercise(slug) for slug in QUICK}
    slots = tuple(Slot(10, slug) for slug in QUICK)
    assignment = Assignment("class", {"en": "Class"}, slots, exercises)
    roster, rng = klass(200), np.random.default_rng(5)

    def honest(variant):
        given = dict(variant.key)
        wrong = list(variant.mistakes.values())
        for name, answer in variant.exercise.answers.items():
            if rng.random() < 1 / 3 and answer.kind == "number":
                key = float(given[name])
                usual = [float(one[name]) for one in wrong if name in one] or [key]
                slips = [
                    rng.choice(usual),
                    round(key),
                    round(key, 1),
                    2 * key,
                    100 * key,
                    1 - key,
                    rng.choice(usual) + key,
                ]
                given[name] = float(rng.choice(slips))
        return given

    cheats = {f"s{n:03d}": f"s{n + 100:03d}" for n in range(1, 11)}

    def given(student):
        made = assignment.pieces(SECRET, cheats.get(student, student))
        return {p.number: p.variant.key if student in cheats else honest(p.variant) for p in made}

    flags = flags_of(tmp_path, assignment, roster, given)
    assert {one.student: one.other for one in flags if one.student in cheats} == cheats
    others = [one for one in flags if one.student not in cheats]
    assert len(others) <= 4  # of 190 students, each with about two wrong answers
