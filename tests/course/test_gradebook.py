"""The gradebook: what is kept, what is refused, and scores worked out by hand."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from crmlab.base.errors import CrmlabError, DataError, OptionError
from crmlab.base.words import word
from crmlab.course.assignment import Late, read_assignment
from crmlab.course.gradebook import Gradebook
from crmlab.course.running import Trouble
from crmlab.course.upload import read_upload
from tests.course.handing_in import DUE, SECRET, klass, late, right, run_of, small, submission, write_bank

SLUGS = {1: "double-it", 2: "sum-it", 3: "say-why"}


@pytest.fixture
def book(tmp_path):
    with Gradebook(tmp_path / "gradebook.sqlite", new=True) as book:
        yield book


def keep(book, student, given, time=DUE, sha="aa", **more):
    book.record([submission(student, time, sha, **more)], "ran", run_of(given), SLUGS)


def test_scores_are_those_worked_out_by_hand(tmp_path, book):
    assignment, roster = small(tmp_path), klass(3)
    first, second, _ = roster.students
    keep(book, first, right(assignment, first.id))
    # one of two answers of the first exercise wrong: 5 of 10; the table missing: 3 of 6; of the third 1/4 of 8
    keep(book, second, right(assignment, second.id, twice=-1, sums=None))
    one, two, none = book.results(assignment, roster, SECRET)
    assert (one.score, one.most, one.waiting, one.counted) == (10 + 6 + 2, 24, 6, 1)
    assert (two.score, two.waiting) == (5 + 3 + 2, 6)
    assert [piece.states for piece in two.attempts[0].pieces] == [
        {"twice": "wrong", "odd": "right"}, {"total": "right", "sums": "unanswered"}, {"why": "by_hand", "n": "right"},
    ]  # fmt: skip
    assert (none.attempts, none.counted, none.score, none.waiting, none.most) == ((), None, 0.0, 0.0, 24)
    assert [piece.score for piece in two.attempts[0].pieces] == [5, 3, 2]


def test_a_known_mistake_and_a_wrong_form_are_told(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    (student,) = roster.students
    n = assignment.pieces(SECRET, student.id)[0].variant.drawn["n"]
    keep(book, student, right(assignment, student.id, twice=n, total="much"))
    first, second, _ = book.results(assignment, roster, SECRET)[0].attempts[0].pieces
    assert first.mistake == "once"
    assert second.states["total"] == "form" and second.forms["total"][0] == "form_number"


@pytest.mark.parametrize(
    ("hours", "factor"),
    [(-100, 1.0), (0, 1.0), (10 / 60, 1.0), (10.1 / 60, 0.9), (24, 0.9), (24.1, 0.8), (120, 0.5), (120.1, 0.0)],
)
def test_each_day_begun_costs_a_tenth_after_ten_minutes_of_grace(tmp_path, book, hours, factor):
    assignment, roster = small(tmp_path), klass(1)
    keep(book, roster.students[0], right(assignment, "s001"), late(hours))
    (result,) = book.results(assignment, roster, SECRET)
    assert result.attempts[0].late_factor == factor
    assert (result.score, result.waiting) == (pytest.approx(18 * factor), pytest.approx(6 * factor))


def test_an_extension_moves_the_due_time_of_one_student(tmp_path, book):
    assignment, roster = small(tmp_path), klass(2, s002=1.5)
    for student in roster.students:
        keep(book, student, right(assignment, student.id), late(30))
    assert [one.attempts[0].late_factor for one in book.results(assignment, roster, SECRET)] == [0.8, 1.0]
    longer = replace(roster, students=(roster.students[0], replace(roster.students[1], extra_days=1.0)))
    assert [one.attempts[0].late_factor for one in book.results(assignment, longer, SECRET)] == [0.8, 0.9]


def test_lateness_is_counted_in_time_that_passes_in_any_zone(tmp_path, book):
    # Berlin put the clocks forward in the night to 2026-03-29: from 20:00 to 20:00 there are 23 hours
    berlin = ZoneInfo("Europe/Berlin")
    due = datetime(2026, 3, 28, 20, 0, tzinfo=berlin)
    assignment = replace(small(tmp_path), due=due, late=Late(per_day=0.1, days=5))
    roster = klass(3)
    keep(book, roster.students[0], right(assignment, "s001"), datetime(2026, 3, 29, 21, 0, tzinfo=berlin))
    # 23:30 in Tehran is 20:00 in UTC, 21:00 in Berlin: an hour late
    keep(
        book,
        roster.students[1],
        right(assignment, "s002"),
        datetime(2026, 3, 28, 23, 30, tzinfo=ZoneInfo("Asia/Tehran")),
    )
    keep(
        book,
        roster.students[2],
        right(assignment, "s003"),
        datetime(2026, 3, 28, 22, 30, tzinfo=timezone(timedelta(hours=3.5))),
    )
    assert [one.attempts[0].late_factor for one in book.results(assignment, roster, SECRET)] == [0.9, 0.9, 1.0]
    later = datetime(2026, 3, 29, 21, 1, tzinfo=berlin)  # 24 hours and a minute
    book.record([submission(roster.students[0], later)], again=False)
    assert book.results(assignment, roster, SECRET)[0].attempts[0].late_factor == 0.8
    assert book.results(replace(assignment, due=None), roster, SECRET)[0].attempts[0].late_factor == 1.0


def test_which_attempt_counts(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    (student,) = roster.students
    keep(book, student, right(assignment, "s001", twice=0), late(-3), "aa")
    keep(book, student, right(assignment, "s001", why=None), late(-2), "bb")
    keep(book, student, right(assignment, "s001"), late(-1), "cc")
    (result,) = book.results(assignment, roster, SECRET)
    assert [one.score for one in result.attempts] == [13, 18, 18]
    assert [one.counts for one in result.attempts] == [True, True, False]  # two are allowed
    # with full marks the first may still be worth 13 + 6, the second has no essay
    assert (result.counted, result.score, result.waiting) == (1, 13, 6)
    book.set_marks("s001", "say-why", "why", [1, 1], attempt=1)  # 13 + 4 < 18
    (result,) = book.results(assignment, roster, SECRET)
    assert (result.counted, result.score, result.waiting) == (2, 18, 0)
    assert book.results(replace(assignment, counts="last"), roster, SECRET)[0].counted == 2
    assert book.results(replace(assignment, counts="last", attempts=3), roster, SECRET)[0].counted == 3
    assert book.results(replace(assignment, attempts=1), roster, SECRET)[0].counted == 1


def test_a_file_that_cannot_be_read_uses_no_attempt_up(tmp_path, book):
    assignment, roster = replace(small(tmp_path), attempts=1), klass(1)
    (student,) = roster.students
    book.record([submission(student, late(-2), "bad", fault="it is no notebook")])
    (result,) = book.results(assignment, roster, SECRET)
    assert (result.counted, result.score, result.attempts[0].fault) == (None, 0.0, "it is no notebook")
    keep(book, student, right(assignment, "s001"), late(-1), "good")
    (result,) = book.results(assignment, roster, SECRET)
    assert (result.counted, result.score) == (2, 18)


def test_the_same_file_again_is_an_attempt_but_no_run_of_its_own(tmp_path, book):
    assignment, roster = small(tmp_path, counts="last", attempts=3), klass(1)
    (student,) = roster.students
    keep(book, student, right(assignment, "s001", twice=0), late(-2), "bb")
    book.record([submission(student, late(t), "aa") for t in (-3, -1)], "ran", run_of(right(assignment, "s001")), SLUGS)
    (result,) = book.results(assignment, roster, SECRET)
    assert [one.score for one in result.attempts] == [18, 13, 18] and result.counted == 3
    assert book.standing() == {("s001", "aa"): "ran", ("s001", "bb"): "ran"}


def test_marks_hold_for_their_answer_and_survive_grading_again(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    (student,) = roster.students
    keep(book, student, right(assignment, "s001"))
    with pytest.raises(OptionError, match="0 or more"):
        book.set_marks("s001", "say-why", "why", [2, -1])
    with pytest.raises(OptionError, match="nothing was handed in"):
        book.set_marks("s001", "say-why", "when", [2, 1])
    with pytest.raises(OptionError, match="no attempt 2"):
        book.set_marks("s001", "say-why", "why", [2, 1], attempt=2)
    book.set_marks("S001", "say-why", "why", [2, 0], "Good, but <long>.")
    for _ in range(2):
        (result,) = book.results(assignment, roster, SECRET)
        # the essay is 3 of 4 parts of 8 points, and has 2 of 3 points of its rubric
        assert (result.score, result.waiting) == (10 + 6 + 2 + 4, 0)
        assert result.attempts[0].pieces[2].hand == {"why": 2 / 3}
        assert result.attempts[0].pieces[2].marks["why"] == ((2.0, 0.0), "Good, but <long>.", False)
        keep(book, student, right(assignment, "s001"))  # the same attempt, run once more
    keep(book, student, right(assignment, "s001", why="Another reason."), late(1), "bb")
    (result,) = book.results(assignment, roster, SECRET)
    new = result.attempts[1].pieces[2]
    assert new.hand == {"why": None} and new.marks["why"].old and new.waiting == 6
    assert not result.attempts[0].pieces[2].marks["why"].old
    keep(book, student, right(assignment, "s001", twice=0), late(2), "cc")  # the essay as before
    assert book.results(assignment, roster, SECRET)[0].attempts[2].pieces[2].hand == {"why": 2 / 3}


def test_marks_that_fit_the_rubric_no_more_wait_again(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    keep(book, roster.students[0], right(assignment, "s001"))
    for points in ([3, 1], [2], [2, 1, 1]):
        book.set_marks("s001", "say-why", "why", points)
        (result,) = book.results(assignment, roster, SECRET)
        assert (result.score, result.waiting) == (18, 6)
        assert result.attempts[0].pieces[2].marks["why"].old


def test_an_essay_that_is_none_waits_for_nobody(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    keep(book, roster.students[0], right(assignment, "s001", why="  "))
    (result,) = book.results(assignment, roster, SECRET)
    assert (result.score, result.waiting) == (18, 0)
    assert result.attempts[0].pieces[2].hand == {"why": 0.0}


def test_what_was_given_comes_back(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    (student,) = roster.students
    given = right(assignment, "s001", twice=float("nan"))
    troubles = (Trouble(3, "error", "half a letter: \ud800"),)
    run = run_of(given, *troubles)
    run.answers[2]["total"] = "[" * 100_000  # whoever wrote this was no friend
    run.answers[99] = {"evil": "1"}
    book.record([submission(student, name="a\udcff.ipynb", meant_for="s\ud800")], "ran", run, SLUGS, "own")
    back = book.given("s001", 1)
    assert set(back) == {1, 2, 3} and back[1]["odd"] == given[1]["odd"] and back[1]["twice"] != back[1]["twice"]
    assert back[2]["sums"].tolist() == given[2]["sums"].tolist()
    (one,) = book.handed_in("S001")
    assert (one.attempt, one.sha256, one.time, one.name, one.own) == (1, "aa", DUE, "a?.ipynb", "own")
    assert (one.troubles[0].text, one.meant_for) == ("half a letter: ?", "s?")
    (result,) = book.results(assignment, roster, SECRET)
    assert result.attempts[0].pieces[1].states == {"total": "form", "sums": "right"}


def test_why_an_upload_cannot_be_read_is_said_in_the_readers_language(tmp_path, book):
    (tmp_path / "work.ipynb").write_bytes(b"")
    assignment, roster = small(tmp_path), klass(1)
    book.record([read_upload(roster.students[0], tmp_path / "work.ipynb")])
    (attempt,) = book.results(assignment, roster, SECRET)[0].attempts
    assert attempt.fault == attempt.why("en") == word("upload.empty", "en", name="work.ipynb")
    assert attempt.why("fa") == word("upload.empty", "fa", name="work.ipynb") != attempt.fault


def test_a_changed_assignment_is_told_from_what_was_graded_or_handed_out(tmp_path, book):
    assignment = small(tmp_path)
    assert book.bind(assignment, SECRET, handed_out="another digest")
    assert not book.bind(assignment, SECRET, handed_out="another digest")  # it is graded by this one now
    write_bank(tmp_path, tolerance=5)
    assert book.bind(small_again := read_assignment(tmp_path / "small.toml"), SECRET)
    assert not book.bind(small_again, SECRET)


def test_another_secret_or_assignment_is_refused_and_nothing_is_lost(tmp_path, book):
    assignment, roster = small(tmp_path), klass(1)
    keep(book, roster.students[0], right(assignment, "s001"))
    before = book.results(assignment, roster, SECRET)
    with pytest.raises(OptionError, match="another secret"):
        book.results(assignment, roster, SECRET + b"?")
    with pytest.raises(OptionError, match="gradebook of 'small', not of 'large'"):
        book.results(replace(assignment, id="large"), roster, SECRET)
    assert book.results(assignment, roster, SECRET) == before


def test_there_is_one_user_at_a_time(tmp_path):
    path = tmp_path / "gradebook.sqlite"
    opens = f"from crmlab.course.gradebook import Gradebook; Gradebook({str(path)!r}, new=True).close()"
    with Gradebook(path, new=True):
        other = subprocess.run([sys.executable, "-c", opens], capture_output=True, text=True)
        assert other.returncode == 1 and "another grading under way" in other.stderr
        with pytest.raises(CrmlabError, match="another grading under way"):
            Gradebook(path)
    assert subprocess.run([sys.executable, "-c", opens], capture_output=True).returncode == 0


def foreign(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE precious (x)")
    db.commit()
    db.close()


def damaged(path):
    Gradebook(path, new=True).close()
    content = bytearray(path.read_bytes())
    content[4096:9000] = b"?" * (9000 - 4096)
    path.write_bytes(content)


def newer(path):
    Gradebook(path, new=True).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("id,score\ns001,3\n"), "no gradebook"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\0" * 50), "no gradebook"),
        (foreign, "no gradebook"),
        (damaged, "damaged"),
        (newer, "version 99"),
    ],
)
@pytest.mark.parametrize("new", [True, False])
def test_what_is_no_gradebook_stays_as_it_is(tmp_path, make, said, new):
    path = tmp_path / "gradebook.sqlite"
    make(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match=said):
        Gradebook(path, new=new)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["gradebook.sqlite"]


def test_there_is_none_yet(tmp_path):
    with pytest.raises(OptionError, match="Grade first"):
        Gradebook(tmp_path / "gradebook.sqlite")
    with pytest.raises(OptionError, match="Grade first"):
        Gradebook(tmp_path / "nowhere" / "gradebook.sqlite", new=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "gradebook.sqlite").touch()  # a kill at the very first moment leaves this
    with Gradebook(tmp_path / "gradebook.sqlite", new=True) as book:
        assert book.standing() == {}


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path, book):
    assignment, roster = small(tmp_path), klass(2)
    first, second = roster.students
    keep(book, first, right(assignment, first.id))
    before = book.results(assignment, roster, SECRET)
    (pages,) = book._db.execute("PRAGMA page_count").fetchone()
    book._db.execute(f"PRAGMA max_page_count={pages}")  # SQLite then answers as on a full disk
    with pytest.raises(CrmlabError, match=r"cannot be written \(database or disk is full\)"):
        keep(book, second, right(assignment, second.id, why="long " * 3000))
    assert book.results(assignment, roster, SECRET) == before
    assert book.standing() == {("s001", "aa"): "ran"}
    book._db.execute("PRAGMA max_page_count=1000000")
    keep(book, second, right(assignment, second.id, why="long " * 3000))
    assert [one.score for one in book.results(assignment, roster, SECRET)] == [18, 18]


def test_times_are_kept_to_the_second_in_utc(tmp_path, book):
    (student,) = klass(1).students
    at = datetime(2026, 3, 21, 1, 2, 3, 456789, tzinfo=ZoneInfo("Asia/Tehran"))
    book.record([submission(student, at)])
    (one,) = book.handed_in("s001")
    assert one.time == at and one.time.tzinfo == UTC
