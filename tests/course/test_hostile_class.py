"""A class of which half means harm, graded at once in the real sandbox: exact scores, and nobody else is touched."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crmlab.course import grading
from crmlab.course.assignment import read_assignment
from crmlab.course.grading import grade_assignment
from crmlab.course.running import run_notebook
from crmlab.course.sandbox import Limits
from tests.course.handing_in import SECRET, code, notebook, right, write_spec

NAMES = {
    "s001": "Ali Example", "s002": "سارا نمونه", "s003": "Owner Edited", "s004": "Whole Copy", "s005": "Other Data",
    "s006": "=cmd|' /C calc'!A0", "s007": "<script>alert('name')</script>", "s008": "Large Output",
    "s009": "Linked Zip", "s010": "Judge Patcher", "s011": "Kernel Killer", "s012": "Endless Loop",
    "s013": "Sudden Wealth",
}  # fmt: skip
MARK = "HARM"  # stands in everything that a hostile student writes
COMPUTED = """
log = pd.read_csv("data/2-log.csv")
answer2 = {"total": float(log["amount"].sum()), "sums": log.groupby("shop")["amount"].sum()}
"""
PATCH = f"""
import sys, crmlab.course.judging as judging, crmlab.course.packing as packing, crmlab.course.collecting as collecting
judging.same = judging.judge = lambda *args: True
packing.to_json = packing.pack = lambda *args: "{MARK}"
collecting.send = lambda *args: {{"twice": "{MARK}"}}
class Equal(float):
    def __eq__(self, other): return True
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
answer1 = {{"twice": Equal(0), "odd": "{MARK}"}}
answer2 = {{"total": Equal(0), "sums": Equal(0)}}
answer3 = {{"why": "", "n": Equal(0)}}
"""
WIDE = f"""
answer2["sums"] = pd.DataFrame({{str(n): [0.0] for n in range(1900)}})
answer3["n"] = 10**4000
answer3["{MARK}"] = "x" * 1_900_000
"""


def _state(folder: Path, but: Path) -> dict[str, tuple[float, str]]:
    return {
        str(path): (path.stat().st_mtime, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(but)
    }


@pytest.fixture
def course(tmp_path: Path) -> tuple[Path, Any]:
    """The folder with everything handed in, and the assignment."""
    spec, handed = write_spec(tmp_path, due="none"), tmp_path / "handed-in"
    (tmp_path / "secret.key").write_bytes(SECRET)
    with (tmp_path / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "name"), *NAMES.items()])
    assignment = read_assignment(spec)
    cells = {student: code(right(assignment, student)) for student in NAMES}
    cells["s002"] = tuple(one if not one.startswith("answer2") else COMPUTED for one in cells["s002"])
    cells["s004"] = cells["s001"]
    fake = 'answer2 = {"total": float(pd.read_csv("data/2-log.csv")["amount"].sum()), "sums": pd.Series({"a": 1.0})}'
    cells["s005"] = tuple(fake if one.startswith("answer2") else one for one in cells["s005"])
    error = (
        f"raise ValueError('\\x1b[31m{MARK}\\x1b]0;{MARK}\\x07</pre><script>alert(1)</script><img src=x onerror=1>')"
    )
    cells["s006"] = (*cells["s006"], error)
    cells["s007"] = (*cells["s007"], f"answer3['why'] = '</div><script>alert(2)</script><b onclick=1>{MARK} &amp;'")
    cells["s010"] = ("import pandas as pd", PATCH)
    cells["s011"] = (cells["s011"][0], f"import os; print('{MARK}'); os.kill(os.getpid(), 9)", *cells["s011"][1:])
    cells["s012"] = (cells["s012"][0], f"# {MARK}\nwhile True: pass", *cells["s012"][1:])
    cells["s013"] = (*cells["s013"], WIDE)
    for student in NAMES:
        folder = handed / student
        folder.mkdir(parents=True)
        made = json.loads(notebook(cells[student], "s001" if student in ("s003", "s004") else student))
        if student == "s008":
            shown = {"data": {"text/html": f"<script>{MARK}</script>" + "x" * 10_000_000}, "metadata": {}}
            made["cells"][0]["outputs"] = [{"output_type": "display_data", **shown}]
        if student != "s009":
            (folder / "small.ipynb").write_text(json.dumps(made), encoding="utf-8")
    (handed / "s005" / "data").mkdir()
    (handed / "s005" / "data" / "2-log.csv").write_text("shop,amount\na,1.0\n")
    with zipfile.ZipFile(handed / "s009" / "small.zip", "w") as archive:
        archive.writestr("small.ipynb", notebook(cells["s009"], "s009"))
        link = zipfile.ZipInfo("data/log.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../../../secret.key")
    return tmp_path, assignment


def test_a_hostile_class(course: tuple[Path, Any], sandboxed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, assignment = course
    quick = Limits(cell_s=4, total_s=60, memory_mb=700)
    monkeypatch.setattr(grading, "run_notebook", lambda *said, **more: run_notebook(*said[:3], quick, **more))
    out = folder / "hw"
    before = _state(folder, out)
    said = {"students": folder / "roster.csv", "jobs": 2, "progress": False}
    graded = grade_assignment(folder / "small.toml", folder / "handed-in", folder / "secret.key", out, **said)
    assert _state(folder, out) == before

    odd = [right(assignment, student)[1]["odd"] for student in ("s001", "s004")]
    expected = dict.fromkeys(NAMES, 18.0)  # 10 + 6 + 2; the essay waits
    expected |= {"s004": 5.0 * (odd[0] == odd[1]), "s005": 15.0, "s009": 0.0, "s010": 0.0, "s013": 13.0}
    assert {one.student.id: one.score for one in graded.results} == pytest.approx(expected)
    attempts = {one.student.id: one.attempts[0] for one in graded.results}
    troubles = {student: [trouble.kind for trouble in one.troubles] for student, one in attempts.items()}
    assert {student: kinds for student, kinds in troubles.items() if kinds} == {
        "s006": ["error"], "s011": ["died"], "s012": ["timeout"],
    }  # fmt: skip
    assert [student for student, one in attempts.items() if one.fault] == ["s009"]
    assert all(one.sandboxed for one in attempts.values() if not one.fault)
    assert "right" not in [state for piece in attempts["s010"].pieces for state in piece.states.values()]
    with (out / "keep-private" / "flagged.csv").open(encoding="utf-8-sig", newline="") as file:
        flagged = list(csv.DictReader(file))
    assert {(row["student"], row["other"]) for row in flagged} == {("s003", "s001"), ("s004", "s001")}
    assert {(row["student"], row["kind"]) for row in flagged} >= {
        ("s003", "owner"),
        ("s004", "owner"),
        ("s004", "file"),
    }

    pages = {path.stem: path.read_text(encoding="utf-8") for path in (out / "feedback").glob("*.html")}
    assert set(pages) == set(NAMES)
    for student, page in pages.items():  # each holds its own, and nobody else's
        others = {one for one in NAMES if one != student}
        assert not others & set(re.findall(r"\bs0\d\d\b", page)), student
        assert (MARK in page) == (student in ("s006", "s007")), student
    private = out / "keep-private"
    for page in [*pages.values(), *(path.read_text(encoding="utf-8") for path in private.glob("*.html"))]:
        assert not re.search(r"<script>alert|<img src=x|<b onclick|\x1b", page)
    for table in private.glob("*.csv"):
        with table.open(encoding="utf-8-sig", newline="") as file:
            assert not [cell for row in csv.reader(file) for cell in row if cell.startswith(("=", "+", "@", "\t"))]
    kept = {path.relative_to(out).parts[0] for path in out.rglob("*") if path.is_file()}
    assert kept == {"feedback", "keep-private"}
