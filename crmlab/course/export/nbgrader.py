"""An assignment as a course folder of nbgrader's: source notebooks with solutions, tests and points."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crmlab.base.errors import CrmlabError
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Piece
from crmlab.course.grade_tables import guarded
from crmlab.course.handout import student_files
from crmlab.course.judging import Answer, judge
from crmlab.course.packing import pack, unpack
from crmlab.course.pages import clean
from crmlab.course.roster import Roster, Student
from crmlab.course.whole import whole

_CONFIG = """# A course folder for nbgrader. Work in this folder: the commands find this file.
import os

c = get_config()
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.course_id = {course!r}
c.ClearSolutions.code_stub = {{"python": ""}}  # the places for the answers stand above each solution
c.Execute.timeout = 120
"""


def write_nbgrader(
    assignment: Assignment, roster: Roster, secret: bytes, out: Path, variants: int, language: Language | None = None
) -> Path:
    """Which folder does nbgrader release, autograde and export from? One with so many variants, an assignment each.

    Answer cells hold the official solution between nbgrader's marks, a locked test after each gives its points in part,
    figures and essays wait for marks by hand. students.csv deals the variants out in the roster's order. The same input
    gives the same bytes. OptionError where `out` is there already; CrmlabError where a solution fails its own test.
    """
    spoken = language or assignment.language
    names = [f"{assignment.id}-v{i:02d}" for i in range(1, variants + 1)]
    files: dict[str, bytes] = {}
    for i, name in enumerate(names, 1):  # drawn as if for a student with an id that no student can have
        pieces = assignment.pieces(secret, f"variant {i}")
        made = student_files(assignment, Student(name), pieces, spoken)
        for path, content in made.items():
            notebook = path.endswith(".ipynb")
            files[f"source/{name}/{path}"] = _source(content, pieces, spoken) if notebook else content
    files["nbgrader_config.py"] = _CONFIG.format(course=assignment.id).encode()
    files["README.md"] = word(
        "print.nbgrader", spoken, id=assignment.id, names=", ".join(names), name=names[0]
    ).encode()
    files["students.csv"] = _students(roster, names)
    with whole(out) as folder:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return out


def earned(given: Any, test: str, points: float, most: float) -> float:
    """How many of the points has this answer? What the hidden tests call; `most` of them need no person's mark.

    >>> test = '{"answers": {"n": {"kind": "number"}}, "key": {"n": 2}}'
    >>> earned({"n": 2}, test, 10, 10), earned(3, test, 10, 10), earned(None, test, 10, 10)
    (10.0, 0.0, 0.0)
    """
    said = json.loads(test)
    answers = {name: Answer(**spec) for name, spec in said["answers"].items()}
    key = {name: unpack(value) for name, value in said["key"].items()}
    for name in key:
        if answers[name].kind == "function":
            key[name] = [(tuple(arguments), result) for arguments, result in key[name]]
    if len(answers) == 1 and not (isinstance(given, Mapping) and set(given) == set(answers)):
        given = {next(iter(answers)): given}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader takes what stands on stderr for a failure
        share = judge(answers, key, {}, given if isinstance(given, Mapping) else {}).share
    return min(float(most), round(float(points * share), 6))


def _source(notebook: bytes, pieces: tuple[Piece, ...], language: Language) -> bytes:
    """The student's notebook with what nbgrader wants: cells locked, solutions, tests, points."""
    made = json.loads(notebook)
    by_cell = {f"q{piece.number:02d}-answer": piece for piece in pieces}
    cells: list[dict[str, Any]] = []
    for cell in made["cells"]:
        cells.append(cell)
        piece = by_cell.get(cell["id"])
        if piece is None:
            if cell["cell_type"] == "code":
                cell["metadata"]["nbgrader"] = _says(cell["id"], locked=True)
            continue
        most = round(piece.points * piece.exercise.automatic, 6)
        by_hand = {"grade": True, "points": round(piece.points - most, 6)} if most < piece.points else {}
        cell["metadata"]["nbgrader"] = _says(f"answer{piece.number}", solution=True, **by_hand)
        cell["source"] = _with_solution("".join(cell["source"]), piece, language).splitlines(keepends=True)
        if most > 0:
            said = _says(f"test{piece.number}", grade=True, locked=True, points=most)
            test = _test(piece, most).splitlines(keepends=True)
            cells.append(cell | {"id": f"q{piece.number:02d}-test", "metadata": {"nbgrader": said}, "source": test})
    return f"{json.dumps(made | {'cells': cells}, ensure_ascii=False, indent=1, sort_keys=True)}\n".encode()


def _says(grade_id: str, **roles: Any) -> dict[str, Any]:
    none = {"grade": False, "solution": False, "locked": False, "task": False}
    return none | roles | {"grade_id": grade_id, "schema_version": 3}


def _with_solution(cell: str, piece: Piece, language: Language) -> str:
    """The answer cell; the solution stands before its last line, which checks the form."""
    places, _, last = cell.rpartition("\n")
    lines = []
    for name, answer in piece.exercise.answers.items():
        if not answer.by_hand and answer.kind != "function":
            code = f"answer{piece.number}[{name!r}] = {_code(_official(answer, piece.variant.key[name]))}"
            lines.append(code)
    for name, criteria in piece.variant.text(language).rubrics.items():
        lines += [f"# {name}: {points:g}: {' '.join(criterion.split())}" for points, criterion in criteria]
    return "\n".join([places, "### BEGIN SOLUTION", *lines, "### END SOLUTION", last])


def _official(answer: Answer, value: Any) -> Any:
    """The right answer as a student would give it: of several accepted wordings, the first."""
    return value[0] if answer.kind == "text" and not isinstance(value, str) else value


def _code(value: Any) -> str:
    plain = unpack(packed := pack(sorted(value) if isinstance(value, set | frozenset) else value))
    inside = plain if isinstance(plain, list) else [plain]
    if all(isinstance(one, str | int | float) for one in inside):
        return repr(plain)
    return f"__import__('crmlab.course.packing').course.packing.unpack({packed!r})"


def _test(piece: Piece, most: float) -> str:
    answers = piece.exercise.answers
    specs = {name: asdict(answer) | {"unit": ""} for name, answer in answers.items()}
    key = {name: pack(value) for name, value in piece.variant.key.items()}
    test = json.dumps({"answers": specs, "key": key}, ensure_ascii=False)
    right = {name: _official(answer, piece.variant.key.get(name)) for name, answer in answers.items()}
    told = not any(answer.kind == "function" for answer in answers.values())
    if told and earned(right, test, piece.points, most) != most:
        raise CrmlabError(f"exercises/{piece.exercise.slug}: the key is not the same as JSON; nbgrader cannot test it.")
    return (
        f"# The test of exercise {piece.number}: {most:g} points\n### BEGIN HIDDEN TESTS\n"
        "from crmlab.course.export.nbgrader import earned\n\n"
        f"earned(globals().get('answer{piece.number}'), {test!r}, {piece.points!r}, {most!r})\n### END HIDDEN TESTS"
    )


def _students(roster: Roster, names: list[str]) -> bytes:
    """For `nbgrader db student import`, which leaves out the column that it does not know."""
    file = io.StringIO(newline="")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["id", "last_name", "first_name", "email", "assignment"])
    for i, student in enumerate(roster.students):
        name, email = (guarded(clean(text)) for text in (student.name, student.email))
        rows.writerow([student.id, name, "", email, names[i % len(names)]])
    return file.getvalue().encode()
