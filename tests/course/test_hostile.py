"""Students' code that means harm: its neighbours' answers stand, nothing outside is read or changed, nothing stays."""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crmlab.base.errors import DataError
from crmlab.base.share import share
from crmlab.course import running
from crmlab.course.packing import from_json
from crmlab.course.running import Run, Wanted, run_notebook
from crmlab.course.sandbox import Limits, Sandbox, _children

TABLE = tomllib.loads(Path(__file__).with_name("hostile.toml").read_text(encoding="utf-8"))
ROOT = share("exercises").parent
LIMITS = Limits(memory_mb=400, cell_s=5, total_s=120, file_mb=32, tmp_mb=64, processes=64)
DATA = {"data/1-log.csv": b"x\n1\n2\n"}
pytestmark = pytest.mark.usefixtures("sandboxed")


class Outside:
    """What of the host a notebook must not reach, and what it must not leave behind."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret.key"
        self.secret.write_text("what no student may read")
        self.name = f"crmlab-test-{os.getpid()}"
        self.listeners = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        self.listeners[1].bind(f"\0{self.name}")
        self.listeners[1].listen()
        self.port = self.listeners[0].getsockname()[1]
        self.seen: dict[int, str] = {}

    def fill(self, code: str) -> str:
        values = {"root": str(ROOT), "secret": str(self.secret), "port": str(self.port), "abstract": self.name}
        for name, value in values.items():
            code = code.replace("{" + name + "}", value)
        return code

    def check(self) -> None:
        """Nobody called, nobody wrote, nobody is left."""
        for one in self.listeners:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.accept()
        assert self.secret.read_text() == "what no student may read"
        assert not list(ROOT.rglob("made-by-a-student"))
        assert self.seen
        assert not [pid for pid, born in self.seen.items() if _born(pid) == born]


def _born(pid: int) -> str:
    """When a process began, in ticks: with its number a name that no other one ever has."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if told[0] == "Z" else told[19]  # a zombie runs no more
    except OSError:
        return ""


def _tree(pid: int) -> list[int]:
    return [pid, *(one for child in _children(pid) for one in _tree(child))]


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    made = Outside(tmp_path)
    monkeypatch.setenv("INSTRUCTORS_TOKEN", "hush")

    class Watched(Sandbox):
        def close(self) -> None:
            made.seen |= {pid: born for pid in _tree(self.pid) if (born := _born(pid))}
            super().close()

    monkeypatch.setattr(running, "Sandbox", Watched)
    monkeypatch.setattr(running, "GRACE_S", 1.0)
    yield made
    for one in made.listeners:
        one.close()


def given(run: Run, number: int) -> Any:
    return from_json(run.answers[number]["v"]) if "v" in run.answers[number] else "nothing"


def test_together(outside: Outside) -> None:
    """All the cells that leave the kernel alive, with an honest cell after each."""
    cells, wanted, cases = ["answer999 = 0"], [Wanted(999, ("v",))], TABLE["together"]
    for number, case in enumerate(cases, 1):
        cells += [outside.fill(case["code"]).replace("answer", f"answer{number}"), f"answer{500 + number} = {number}"]
        wanted += [Wanted(number, ("v",)), Wanted(500 + number, ("v",))]
    run = run_notebook(cells, wanted, DATA, LIMITS)
    troubles = {trouble.cell: trouble for trouble in run.troubles}
    wrong = []
    for number, case in enumerate(cases, 1):
        value, trouble = given(run, number), troubles.get(2 * number)
        found = (trouble.kind if trouble else "", value, given(run, 500 + number))
        kinds = {"kind": case["kind"]} if "kind" in case else {}
        right = found[0] == case.get("trouble", "") and found[2] == number and 2 * number + 1 not in troubles
        right &= type(value).__name__ == kinds["kind"] if kinds else value == case.get("gives", "nothing")
        right &= trouble.text.startswith(case["says"]) if "says" in case and trouble else "says" not in case
        if not right:
            wrong.append((case["name"], str(found)[:300], trouble, troubles.get(2 * number + 1)))
    assert not wrong, "\n".join(map(str, wrong))
    assert all(trouble.text.isprintable() and len(trouble.text) <= 500 for trouble in run.troubles)
    outside.check()


@pytest.mark.parametrize("case", TABLE["alone"], ids=[case["name"] for case in TABLE["alone"]])
def test_alone(case: dict[str, Any], outside: Outside) -> None:
    """A cell that kills or disturbs: what stood before it and what comes after it counts all the same."""
    cells = ["answer1 = 11", outside.fill(case["code"]), "answer2 = {'v': 22}", "answer4 = 44"]
    wanted = [Wanted(number, ("v",)) for number in (1, 2, 3, 4)]
    run = run_notebook(cells, wanted, DATA, replace(LIMITS, cell_s=2))
    kinds = {trouble.cell: trouble.kind for trouble in run.troubles}
    assert given(run, 1) == case.get("first", 11)
    if "later" in case:
        value = given(run, 3)
        assert case["later"]["3"] in (value, type(value).__name__)
    if "first" not in case:
        after = given(run, 2), given(run, 4)
        assert after == (22, 44) or "costs_later" in case
    assert kinds.get(2, "") in case.get("trouble", "").split("|")
    outside.check()
    assert threading.active_count() < 20


TABLE_OF = '{"$": "frame", "v": {"names": [%s], "index": 0, "rows": %d, "columns": [%s]}}'
COLLIDING = ",".join('[{"$": "int", "v": "%x"}, 1]' % (n * (2**61 - 1)) for n in range(1, 20_000))
BOMB = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 60_000, 60_000)).decode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TABLE_OF % (",".join("1" * 5000), 0, ",".join(["[]"] * 5000)), "refused"),
        ("[" + ",".join([TABLE_OF % ("1", 0, "[]")] * 3000) + "]", "refused"),
        (f'{{"$": "dict", "v": [{COLLIDING}]}}', "dict"),
        ('{"$": "int", "v": "%s"}' % ("f" * 10**6), "Unusable"),
        ("1" * 4000, "Unusable"),
        (f'{{"$": "png", "v": "{BOMB}"}}', "Unusable"),
    ],
    ids=["wide", "many tables", "equal hashes", "a huge integer", "a huge number", "a picture of 3.6 gigapixels"],
)
def test_answers_made_to_cost_the_grader_minutes(text: str, kind: str) -> None:
    """A kernel may say anything; what would take long to read is refused or made harmless."""
    try:
        value = from_json(text)
    except DataError:
        assert kind == "refused"
        return
    assert type(value).__name__ == kind
    assert kind != "dict" or {type(key) for key in value if abs(key) > 2**63} == {float}


def test_counts() -> None:
    """As many kinds as promised, each once."""
    names = [case["name"] for cases in TABLE.values() for case in cases]
    assert len(names) == len(set(names)) >= 70
