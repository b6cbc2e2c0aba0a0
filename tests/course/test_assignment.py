"""What an assignment file says, what is wrong with it, and whose variant is whose."""

import hashlib
import hmac
import json
import os
import stat
import sys
from datetime import timedelta

import numpy as np
import pytest

from crmlab.base.errors import CrmlabError, DataError, OptionError
from crmlab.base.share import share
from crmlab.course.assignment import Late, read_assignment, read_secret, write_secret

SECRET = b"5" * 64
HEAD = 'id = "hw-1"\ntitle = {en = "Homework", fa = "تکلیف"}\n'
ONE = '[[exercises]]\nslug = "lift"\npoints = 10\n'


def spec(folder, text):
    path = folder / "hw.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder, text):
    with pytest.raises(DataError) as error:
        read_assignment(spec(folder, text))
    return str(error.value)


@pytest.mark.parametrize("path", sorted(share("exercises", "assignments").glob("*.toml")), ids=lambda path: path.stem)
def test_bundled_assignments_are_read_by_name_and_can_be_drawn(path):
    assignment = read_assignment(path.stem)
    assert assignment.id == path.stem and set(assignment.title) == {"en", "fa"}
    for student in ("1", "2", "3"):
        slugs = assignment.slugs(SECRET, student)
        assert len({slug for slug, _ in slugs}) == len(slugs) == assignment.size
        assert sum(points for _, points in slugs) == assignment.points


def test_what_is_read(tmp_path):
    more = "due = 2026-12-04T23:59:00+03:30\nattempts = 2\ncounts = 'last'\nlanguage = 'fa'\n"
    assignment = read_assignment(
        spec(tmp_path, HEAD + more + ONE + "[late]\nper_day = 0.1\ngrace_minutes = 5\ndays = 3\n")
    )
    assert (assignment.id, assignment.attempts, assignment.counts, assignment.language) == ("hw-1", 2, "last", "fa")
    assert assignment.due.isoformat() == "2026-12-04T23:59:00+03:30"
    assert assignment.late == Late(0.1, 5, 3)
    assert assignment.title_in("fa") == "تکلیف"
    plain = read_assignment(spec(tmp_path, 'id = "x"\ntitle = "T"\n' + ONE))
    assert plain.title_in("fa") == "T" and plain.due is None and plain.late.factor(timedelta(days=9)) == 0


def test_all_faults_at_once(tmp_path):
    text = (
        'id = "a b"\ntitle = {de = "x"}\n'
        'due = 2026-12-04\nattempts = 0\ncounts = "mean"\nlanguage = "de"\nbank = 3\n'
        "colour = 1\n"
        "limits = {cell_s = 0, net = 1}\n"
        "[late]\nper_day = 2\ngrace_minutes = -1\ndays = 1.5\nweeks = 1\n"
        '[[exercises]]\nslug = "lift"\npoints = 0\ndraw = 2\n[[exercises]]\npoints = nan\n'
        '[[exercises]]\nslug = "lift"\ntag = "rfm"\npoints = true\nname = "x"\n'
        '[[exercises]]\nlesson = "4"\npoints = 1\n'
    )
    message = faults(tmp_path, text)
    for part in (
        "'colour' is not known",
        "id is no name",
        "title has an unknown language (for example de)",
        "due is no time with a zone",
        "attempts is no whole number",
        "counts is none of best, last",
        "language is none of en, fa",
        "bank is no folder's name",
        "limits: cell_s is no known limit, or no number for it (for example 0)",
        "limits: net is no known limit",
        "late: 'weeks' is not known",
        "late: per_day is no share",
        "late: grace_minutes is no time",
        "late: days is no whole",
        "entry 1: points is no number above 0",
        "entry 1: draw is a whole number",
        "entry 2: points is no number above 0",
        "entry 2: it needs a slug, or else",
        "entry 3: 'name' is not known",
        "entry 3: it needs a slug, or else",
        "entry 4: lesson is no whole number",
        "an exercise stands twice (for example lift)",
    ):
        assert part in message, part


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there are no exercises"),
        (HEAD + "exercises = 3", "there are no exercises"),
        (HEAD + "late = 3\n" + ONE, "late is no table"),
        (HEAD + '[[exercises]]\nslug = "lifd"\npoints = 1\n', "Near: lift"),
        (HEAD + '[[exercises]]\ntag = "no such tag"\npoints = 1\n', "entry 1: only 0 exercises fit"),
        (HEAD + "[[exercises]]\nlesson = 4\nlevel = 1\ndraw = 99\npoints = 1\n", "entry 1: only"),
        (HEAD + 'bank = "none"\n' + ONE, "holds no exercise"),
        ('id = ""\ntitle = "x"\n' + ONE, "id is no name"),
        ('id = "-"\ntitle = "x"\n' + ONE, "id is no name"),
        (f'id = "{"x" * 65}"\ntitle = "x"\n' + ONE, "id is no name"),
        ('id = "x"\ntitle = "two\\nlines"\n' + ONE, "there is no title"),
        ("id =", "it is no TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    assert said in faults(tmp_path, text)


def test_slots_that_draw_from_the_same_exercises_have_enough(tmp_path):
    slot = '[[exercises]]\ntag = "kappa"\ndraw = {}\npoints = 1\n'
    assert "entry 2: only 3 exercises fit" in faults(tmp_path, HEAD + slot.format(2) + slot.format(2))
    assignment = read_assignment(spec(tmp_path, HEAD + slot.format(2) + slot.format(1)))
    for student in map(str, range(20)):
        assert len({slug for slug, _ in assignment.slugs(SECRET, student)}) == 3
    fixed = HEAD + slot.format(3) + '[[exercises]]\nslug = "kappa-by-hand"\npoints = 1\n'
    assert "only 2 exercises fit" in faults(tmp_path, fixed)


def test_no_file():
    with pytest.raises(DataError, match="no file has this name"):
        read_assignment("no-such-assignment")


def test_seeds_are_hmac_of_assignment_student_and_part(tmp_path):
    assignment = read_assignment(spec(tmp_path, HEAD + ONE))
    message = json.dumps(["crmlab", "hw-1", "401", "lift"]).encode()
    wanted = int(hmac.new(SECRET, message, hashlib.sha256).hexdigest(), 16)
    assert assignment.seed(SECRET, "401", "lift") == wanted
    same = {assignment.seed(SECRET, student) for student in ("Ali-1", " ali-1 ", "ALI-۱", "ali-١")}
    assert len(same) == 1
    seeds = {
        assignment.seed(secret, student, part)
        for secret in (SECRET, b"6" * 64) for student in ("401", "402", "40", "4011") for part in ("", "lift", "1lift")
    }  # fmt: skip
    assert len(seeds) == 24
    other = read_assignment(spec(tmp_path, HEAD.replace("hw-1", "hw-2") + ONE))
    assert other.seed(SECRET, "401") != assignment.seed(SECRET, "401")


def test_pieces_are_the_same_again_and_others_for_others(tmp_path):
    assignment = read_assignment(
        spec(tmp_path, HEAD + ONE + '[[exercises]]\nslug = "discount-to-today"\npoints = 2.5\n')
    )
    pieces = assignment.pieces(SECRET, "401")
    assert [(one.number, one.points, one.exercise.slug) for one in pieces] == [
        (1, 10, "lift"),
        (2, 2.5, "discount-to-today"),
    ]
    assert pieces[1].variant.drawn == assignment.pieces(SECRET, "401")[1].variant.drawn
    assert assignment.points == 12.5
    keys = {assignment.pieces(SECRET, str(student))[1].variant.key["value"] for student in range(20)}
    assert len(keys) > 15


def test_drawn_slots_spread_over_what_fits(tmp_path):
    assignment = read_assignment(spec(tmp_path, HEAD + "[[exercises]]\nlesson = 4\nlevel = 1\npoints = 1\n"))
    fitting = sorted(assignment.exercises)
    counts = [0] * len(fitting)
    for student in range(400):
        counts[fitting.index(assignment.slugs(SECRET, str(student))[0][0])] += 1
    # chance of any count outside 5 standard errors: below 1e-5
    expected = 400 / len(fitting)
    assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts), counts


@pytest.mark.parametrize(
    ("hours", "factor"),
    [(-100, 1), (0, 1), (0.25, 1), (0.26, 0.9), (24, 0.9), (24.01, 0.8), (48, 0.8), (48.01, 0), (1e5, 0)],
)
def test_lateness_by_hand(hours, factor):
    assert Late(per_day=0.1, grace_minutes=15, days=2).factor(timedelta(hours=hours)) == factor


def test_lateness_never_goes_below_nothing():
    assert Late(per_day=0.6, days=5).factor(timedelta(days=2.5)) == 0
    assert Late().factor(timedelta(0)) == 1 and Late().factor(timedelta(microseconds=1)) == 0


def test_the_digest_changes_with_what_scores_depend_on(tmp_path):
    before = read_assignment(spec(tmp_path, HEAD + ONE)).digest
    assert read_assignment(spec(tmp_path, HEAD.replace("Homework", "Other") + ONE)).digest == before
    changed = [
        HEAD + ONE.replace("10", "9"),
        HEAD + "attempts = 2\n" + ONE,
        HEAD + "due = 2026-12-04T23:59:00Z\n" + ONE,
        HEAD + ONE + "[late]\ndays = 1\n",
        HEAD + ONE.replace("lift", "top-share"),
    ]
    assert len({before, *(read_assignment(spec(tmp_path, text)).digest for text in changed)}) == 6


def test_a_bank_of_ones_own_goes_before_the_bundled_one(tmp_path):
    folder = tmp_path / "mine" / "lift"
    folder.mkdir(parents=True)
    for name in ("en.md", "fa.md", "exercise.py"):
        text = (share("exercises", "discount-to-today") / name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
    assignment = read_assignment(spec(tmp_path, HEAD + 'bank = "mine"\n' + ONE))
    assert list(assignment.exercises["lift"].answers) == ["value"]


def test_secrets(tmp_path):
    path = write_secret(tmp_path / "secret.key")
    assert len(read_secret(path)) == 64
    assert read_secret(path) != read_secret(write_secret(tmp_path / "other.key"))
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(OptionError, match="is there already"):
        write_secret(path)
    assert path.read_bytes() == before
    with pytest.raises(CrmlabError, match="cannot be written"):
        write_secret(tmp_path / "none" / "secret.key")
    with pytest.raises(OptionError, match="crmlab assignment secret"):
        read_secret(tmp_path / "none.key")
    (tmp_path / "short.key").write_text("123456789012345\n" + os.linesep)
    with pytest.raises(OptionError, match="15 bytes, fewer than 16"):
        read_secret(tmp_path / "short.key")
