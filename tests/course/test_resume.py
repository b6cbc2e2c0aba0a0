"""Killed at any moment, grading loses nothing and goes on: with a quick stand-in, and in the real sandbox."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crmlab.course.gradebook import Gradebook
from tests.course.handing_in import DUE, SECRET, code, hand_in, klass, right, small

ROOT = Path(__file__).parents[2]
JOBS = 2
# grades in a process of its own; each run leaves a line, and the line "ready" comes when all is imported
GRADE = """
import os, sys, time
import crmlab.course.grading as grading
from tests.course.handing_in import stand_in
folder, quick = sys.argv[1], sys.argv[2] == "quick"
real = grading.run_notebook

def run(cells, *values, **more):
    if quick:
        time.sleep(0.03)
    given = (stand_in if quick else real)(cells, *values, **more)
    with open(f"{folder}/log", "a") as log:
        log.write(cells[-1] + "\\n")
    return given

grading.run_notebook = run
if quick:
    grading.sandbox_problem = lambda: None

def grade(out):
    files = [f"{folder}/{name}" for name in ("small.toml", "in", "secret.key", out)]
    return grading.grade_assignment(*files, students=f"{folder}/roster.csv", jobs=JOBS, progress=False)

if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:  # "delay out": fork, grade, and be killed after so many seconds
        delay, out = line.split()
        if not (child := os.fork()):
            try:
                grade(out)
            finally:
                os._exit(0)
        print(child, flush=True)
        ended, until = 0, time.monotonic() + float(delay)
        while not ended and time.monotonic() < until:
            ended, _ = os.waitpid(child, os.WNOHANG)
            time.sleep(0.002)
        if not ended:
            print("kill", flush=True)
            sys.stdin.readline()  # the test looks round, and says when
            os.kill(child, 9)
            os.waitpid(child, 0)
        print("ended" if ended else "killed", flush=True)
""".replace("JOBS", str(JOBS))


def descendants(pid: int) -> dict[int, str]:
    """The processes below this one, each with the time that it began at."""
    parents, began = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)], began[int(stat.parent.name)] = int(fields[1]), fields[19]
    found, more = {}, {pid}
    while more := {child for child, parent in parents.items() if parent in more}:
        found |= {child: began[child] for child in more}
    return found


class Grader:
    """A process that grades when it is told to, and is killed."""

    def __init__(self, folder: Path, kind: str, students: int) -> None:
        self.folder, self.assignment, self.roster = folder, small(folder), klass(students)
        (folder / "secret.key").write_bytes(SECRET)
        (folder / "roster.csv").write_text("id\n" + "".join(f"{one.id}\n" for one in self.roster.students))
        for at, one in enumerate(self.roster.students):
            given = right(self.assignment, one.id, **({"twice": 0} if at % 3 == 0 else {}))
            hand_in(folder / "in", one.id, (*code(given), f"# {one.id}"), DUE)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", "-c", GRADE, str(folder), kind]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout.readline() == "ready\n"

    def grade(self, delay: float, out: str = "killed") -> tuple[str, dict[int, str]]:
        """Grade, and be killed after so many seconds; the processes that were there then."""
        self._say(f"{delay} {out}")
        child, below = int(self.process.stdout.readline()), {}
        if (said := self.process.stdout.readline().strip()) == "kill":
            below = descendants(child)
            self._say("now")
            said = self.process.stdout.readline().strip()
        return said, below

    def _say(self, text: str) -> None:
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def standing(self, out: str = "killed") -> set[str]:
        """Whose submissions stand?"""
        file = self.folder / out / "keep-private" / "gradebook.sqlite"
        if not file.exists():
            return set()
        with Gradebook(file, new=True) as book:
            return {student for student, _ in book.standing()}

    def results(self, out: str) -> list[object]:
        with Gradebook(self.folder / out / "keep-private" / "gradebook.sqlite") as book:
            return book.results(self.assignment, self.roster, SECRET)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


@pytest.fixture
def grader(tmp_path, request):
    made = Grader(tmp_path, *request.param)
    yield made
    made.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the graders are forked, which only Unix can")
@pytest.mark.parametrize("grader", [("quick", 24)], indirect=True)
def test_killed_at_twenty_moments_nothing_is_lost_and_little_repeated(grader):
    assert grader.grade(600, "calm")[0] == "ended"
    log = grader.folder / "log"
    assert len(log.read_text().splitlines()) == 24
    log.unlink()
    rng, rounds, stood = random.Random(11), 1, set()
    # the first few while the gradebook is made, the others while it fills and the tables are written
    delays = [0.01, 0.02, 0.03, 0.04, *(rng.uniform(0.05, 0.7) for _ in range(16))]
    while delays:
        out = f"killed-{rounds}"
        if grader.grade(delays[0], out)[0] == "killed":
            del delays[0]
            now = grader.standing(out)
            assert stood <= now
            stood = now
        else:  # it was too quick for this moment: another class
            assert grader.results(out) == grader.results("calm")
            rounds, stood = rounds + 1, set()
    out = f"killed-{rounds}"
    assert grader.grade(600, out)[0] == "ended"
    ran = log.read_text().splitlines()
    assert set(ran) == {f"# {one.id}" for one in grader.roster.students}
    assert 24 * rounds <= len(ran) <= 24 * rounds + 2 * JOBS * 20  # none but those under way ran again
    assert grader.results(out) == grader.results("calm")
    assert all(len(one.attempts) == 1 for one in grader.results(out))
    assert grader.grade(600, out)[0] == "ended" and len(log.read_text().splitlines()) == len(ran)
    files = [path.relative_to(grader.folder / "calm") for path in (grader.folder / "calm").rglob("*") if path.is_file()]
    kept = [path for path in files if path.suffix != ".sqlite"]
    assert len(kept) > 24
    for path in kept:
        assert (grader.folder / out / path).read_bytes() == (grader.folder / "calm" / path).read_bytes()


@pytest.mark.parametrize("grader", [("real", 5)], indirect=True)
def test_killed_in_the_sandbox_no_process_survives(grader, sandboxed):
    kills, rng = 0, random.Random(3)
    for _ in range(3):
        said, below = grader.grade(rng.uniform(0.8, 2.5))
        kills += said == "killed" and len(below) > 0
        until = time.monotonic() + 20
        while (left := {pid for pid, began in below.items() if _alive(pid, began)}) and time.monotonic() < until:
            time.sleep(0.05)
        assert not left
    assert kills >= 1
    assert grader.grade(600)[0] == "ended"
    assert [one.score for one in grader.results("killed")] == [13, 18, 18, 13, 18]
    assert all(one.attempts[0].sandboxed and len(one.attempts) == 1 for one in grader.results("killed"))


def _alive(pid: int, began: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == began and fields[0] not in "ZX"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the graders are forked, which only Unix can")
@pytest.mark.parametrize("grader", [("quick", 2)], indirect=True)
def test_two_graders_at_a_time_are_refused(grader):
    (grader.folder / "other" / "keep-private").mkdir(parents=True)
    with Gradebook(grader.folder / "other" / "keep-private" / "gradebook.sqlite", new=True):
        assert grader.grade(600, "other")[0] == "ended"  # with an error
    assert not (grader.folder / "log").exists() and grader.standing("other") == set()
    assert grader.grade(600, "other")[0] == "ended"
    assert grader.standing("other") == {"s001", "s002"}
