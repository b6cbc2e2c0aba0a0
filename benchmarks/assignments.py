"""How long do assignments take? Writes docs/benchmarks-assignments.md; the machine should have nothing else to do.

`python -m benchmarks.assignments` (about 20 minutes on 2 cores): notebooks for 1,000 students, then 200 submissions
graded by crmlab and, the same files, by nbgrader (`make nbgrader`). `--students 50 --submissions 6` tries it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.nbgrader_peer import find_nbgrader, run_nbgrader, seconds_per_submission
from benchmarks.page import machine, write
from crmlab.course.assignment import read_assignment, read_secret
from crmlab.course.rehearsal import answer_code

ROOT = Path(__file__).resolve().parent.parent
SPEC = "lifetime-value"  # six exercises, one of them drawn
AIM = 60  # seconds for 1,000 students on 2 cores


def timed(command: list[str]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a command, start of Python, imports and all its processes included."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def generate(students: int) -> list[str]:
    """Lines of a table: notebooks, data and keys of a class by processes, and once more with nothing to write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roster = "id,name\n" + "".join(f"{401_000_000 + i},Student {i}\n" for i in range(students))
        (folder / "roster.csv").write_text(roster, encoding="utf-8")
        command = [sys.executable, "-m", "crmlab.cli", "assignment"]
        subprocess.run([*command, "secret", str(folder / "secret.key")], cwd=ROOT, capture_output=True, check=True)
        make = [*command, "make", SPEC, "--students", f"{folder}/roster.csv", "--secret", f"{folder}/secret.key"]
        lines = [
            f"{SPEC}: {students:,} students, 6 exercises each; load of the machine before: {os.getloadavg()[0]:.1f}.",
            "",
            "| what | processes | seconds | CPU seconds | ms of CPU a student | aim, s |",
            "|---|---|---|---|---|---|",
        ]
        cores = os.cpu_count() or 1
        for what, jobs, out in (("make", 1, "one"), ("make", cores, "all"), ("make again", cores, "all")):
            wall, cpu = timed([*make, "--out", str(folder / out), "--jobs", str(jobs)])
            aim = f"{AIM}" if students == 1000 and what == "make" and jobs > 1 else ""
            lines.append(f"| {what} | {jobs} | {wall:.1f} | {cpu:.1f} | {1000 * cpu / students:.0f} | {aim} |")
        same = subprocess.run(["diff", "-r", folder / "one", folder / "all"], check=False).returncode == 0
        return [*lines, "", "The folders of one process and of several are " + ("the same." if same else "DIFFERENT.")]


def handed_in(released: Path, students: list[str], secret: bytes, folder: Path) -> dict[str, Path]:
    """The released notebook with answers put in, one for each student, each with a line of their own."""
    assignment = read_assignment(SPEC)
    pieces = assignment.pieces(secret, students[0])
    found = {}
    for student in students:
        notebook = json.loads(released.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            for piece in pieces:
                if cell["id"] == f"q{piece.number:02d}-answer":
                    cell["source"] = f"me = {student!r}\n{answer_code(piece, piece.number)}"
        found[student] = folder / student / f"{assignment.id}.ipynb"
        found[student].parent.mkdir(parents=True)
        found[student].write_text(json.dumps(notebook), encoding="utf-8")
    return found


def grade(submissions: int) -> list[str]:
    """Lines of a table: the same notebooks graded by crmlab in its sandboxes, and by nbgrader."""
    if (command := find_nbgrader()) is None:
        raise SystemExit("nbgrader is missing: make nbgrader")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        students = [f"{401_000_000 + i}" for i in range(submissions)]
        roster = "id,name\n" + "".join(f"{one},Student {one}\n" for one in students)
        (folder / "roster.csv").write_text(roster, encoding="utf-8")
        ours = [sys.executable, "-m", "crmlab.cli", "assignment"]
        given = ["--students", f"{folder}/roster.csv", "--secret", f"{folder}/secret.key"]
        timed([*ours, "secret", f"{folder}/secret.key"])
        timed([*ours, "export", SPEC, *given, "--to", "nbgrader", "--variants", "1", "--out", f"{folder}/course"])
        course, release = folder / "course", f"{SPEC}-v01"
        run_nbgrader(command, course, "db", "student", "import", "students.csv")
        run_nbgrader(command, course, "generate_assignment", release)
        released = course / "release" / release / f"{SPEC}.ipynb"
        notebooks = handed_in(released, students, read_secret(folder / "secret.key"), folder / "in")
        lines = [
            f"{submissions:,} submissions of 6 exercises; load of the machine before: {os.getloadavg()[0]:.1f}.",
            "",
            "| what | at a time | seconds | seconds each | CPU seconds each | submissions a minute |",
            "|---|---|---|---|---|---|",
        ]
        rates = {}
        for jobs in dict.fromkeys((os.cpu_count() or 1, 1)):
            where = ["--submissions", f"{folder}/in", "--out", f"{folder}/out-{jobs}", "--jobs", str(jobs)]
            wall, cpu = timed([*ours, "grade", SPEC, *given, *where])
            rates[jobs] = submissions / wall
            each = f"{wall / submissions:.2f} | {cpu / submissions:.2f}"
            lines.append(f"| crmlab, sandboxed | {jobs} | {wall:.0f} | {each} | {60 * rates[jobs]:.0f} |")
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        each = seconds_per_submission(command, course, release, notebooks)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = f"{each:.2f} | {cpu / submissions:.2f} | {60 / each:.0f}"
        lines.append(f"| nbgrader autograde, no sandbox | 1 | {wall:.0f} | {said} |")
        ratios = ", ".join(f"{rate * each:.1f} times with {jobs} at a time" for jobs, rate in rates.items())
        return [
            *lines,
            "",
            f"Throughput of crmlab beside nbgrader: {ratios} (asked: 2). nbgrader has no way to run several.",
        ]


PAGE = """# How long assignments take

Measured by `python -m benchmarks.assignments` on {machine}

## Notebooks for a class

{generate}

## Grading

The same notebooks, as nbgrader released them, with answers put in. crmlab runs each in a sandbox of its own and judges
it against that student's variant; nbgrader runs it with its tests inside. Feedback, tables and report are part of
crmlab's time.

{grade}
"""


def main() -> None:
    """Measure and write the page, or try it and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=1000)
    parser.add_argument("--submissions", type=int, default=200)
    given = parser.parse_args()
    made, graded = "\n".join(generate(given.students)), "\n".join(grade(given.submissions))
    page = PAGE.format(machine=machine("numpy", "pandas", "ipykernel"), generate=made, grade=graded)
    print(page)
    if (given.students, given.submissions) == (1000, 200):
        write("benchmarks-assignments.md", page)


if __name__ == "__main__":
    main()
