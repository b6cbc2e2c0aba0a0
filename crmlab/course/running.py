"""Running a stranger's notebook from top to bottom, and what its answers are."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from crmlab.base.errors import DataError, OptionError
from crmlab.course import collecting, packing
from crmlab.course.sandbox import START_S, Limits, Sandbox, check_data, sandbox_problem
from crmlab.course.wire import Garbled, Shell

TroubleKind = Literal["error", "timeout", "died", "memory", "flood"]
RESTARTS = 4
GRACE_S = 3.0  # for a cell to end after Ctrl-C
LAST_S = 10.0  # for all that is answered still to be read once the whole time is over
MOST_SAID = 16_000_000  # characters of all answers; an honest notebook's are a thousandth of it
LOOK_S = 0.2  # how often the memory is looked at
LONGEST = 500


@dataclass(frozen=True)
class Wanted:
    """Which answers belong to exercise `number`: their names, and hidden inputs to those that are functions."""

    number: int
    names: tuple[str, ...]
    calls: Mapping[str, list[tuple]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """What went wrong in a cell (from 1): an exception, no end in time, a dead kernel, too much memory or noise."""

    cell: int
    kind: TroubleKind
    text: str


@dataclass(frozen=True)
class Run:
    """What running a notebook gave: exercise number -> answer name -> JSON for packing.from_json, which reads it."""

    answers: dict[int, dict[str, str]]
    troubles: tuple[Trouble, ...]
    seconds: float
    sandboxed: bool


class _Dead(Exception):
    """The kernel is gone, for this reason."""

    def __init__(self, kind: TroubleKind, text: str) -> None:
        super().__init__(text)
        self.kind: TroubleKind = kind


def run_notebook(
    cells: Sequence[str],
    wanted: Sequence[Wanted],
    data: Mapping[str, bytes],
    limits: Limits | None = None,
    *,
    unsafe: bool = False,
) -> Run:
    """What does this notebook answer? Its code cells run in order in a kernel of their own, in a sandbox.

    cells: the sources of the code cells. wanted: the answers to take, from the variables answer1, answer2, ...: a dict
    by answer name, or the bare value where there is one name. data: path in the notebook's folder -> content; nothing
    else is there. An exception ends its cell only. Where the kernel dies, the others run again in a new sandbox without
    the cell that killed it (four times at most). Answers are taken after each cell that names them and at the end; the
    last value counts. What a student's code does ends as a Trouble, never as an exception.

    unsafe: without a sandbox, as this user, with network and files: for notebooks that you trust only. OptionError
    where there is no sandbox otherwise, and for a path in `data` that leads elsewhere.
    """
    limits, begun = limits or Limits(), time.monotonic()
    check_data(data)
    if not unsafe and (problem := sandbox_problem()):
        raise OptionError(f"{problem} --unsafe (unsafe=True) runs students' code without a sandbox, as you.")
    notebook = _Notebook(cells, wanted, limits, begun + limits.total_s)
    for _ in range(1 + RESTARTS):
        if notebook.run(data, unsafe):
            break
    troubles = tuple(notebook.troubles[cell] for cell in sorted(notebook.troubles))
    return Run(notebook.answers, troubles, time.monotonic() - begun, not unsafe)


class _Notebook:
    """A notebook on its way: what it answered so far, what went wrong, what is not tried again."""

    def __init__(self, cells: Sequence[str], wanted: Sequence[Wanted], limits: Limits, until: float) -> None:
        self.cells, self.limits, self.until = cells, limits, until
        self.answers: dict[int, dict[str, str]] = {one.number: {} for one in wanted}
        self.troubles: dict[int, Trouble] = {}
        self._wanted = {one.number: one for one in wanted}
        self._deadly: set[int] = set()  # cells
        self._unreadable: set[int] = set()  # exercises

    def run(self, data: Mapping[str, bytes], unsafe: bool) -> bool:
        """Run all cells in a new kernel; False where it died and it is worth another try."""
        cell, number, left = 0, None, max(1.0, self.until - time.monotonic())
        try:
            with Sandbox(data, self.limits, unsafe) as box:
                try:
                    kernel = _Kernel(box)
                    kernel.ask(collecting.request(0, (), {}, 1.0), min(START_S, left))
                    box.started()
                    for cell, source in enumerate(self.cells, 1):
                        if cell in self._deadly or not source.strip():
                            continue
                        number = None
                        self._run_cell(kernel, cell, source)
                        for number in self._named(source):
                            self._collect(kernel, number)
                    for number in self._wanted:
                        self._collect(kernel, number)
                except EOFError:
                    why = "" if cell else f" {box.why()}"  # later the words are the student's
                    kind, text = _reason(box.status(), self.limits)
                    raise _Dead(kind, text + why) from None
        except _Dead as death:
            if number is not None:
                self._unreadable.add(number)
                self._note(cell, death.kind, f"answer{number} cannot be read: {death}")
            else:
                self._deadly.add(cell)
                self._note(max(cell, 1), death.kind, str(death))
            return time.monotonic() >= self.until or cell == 0
        return True

    def _run_cell(self, kernel: _Kernel, cell: int, source: str) -> None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise _Dead("timeout", f"The whole notebook ran longer than {self.limits.total_s:g} s.")
        reply, late = kernel.ask(source, min(self.limits.cell_s, left))
        if late:
            self._note(cell, "timeout", f"The cell ran longer than {min(self.limits.cell_s, left):.3g} s.")
            return
        try:
            said = json.loads(reply) if len(reply) < 100_000 else {}
        except (ValueError, RecursionError):
            said = {}
        if not isinstance(said, dict) or said.get("status") != "ok":
            told = said if isinstance(said, dict) else {}
            self._note(cell, "error", f"{told.get('ename', 'error')}: {told.get('evalue', '')}")

    def _named(self, source: str) -> list[int]:
        return [number for number in self._wanted if re.search(rf"\banswer{number}\b", source)]

    def _collect(self, kernel: _Kernel, number: int) -> None:
        """Take the answers to an exercise as they are now."""
        left = self.until + LAST_S - time.monotonic()
        if number in self._unreadable or left <= 0:
            return
        one = self._wanted[number]
        calls = sum(len(inputs) for inputs in one.calls.values())
        each = max(1.0, self.limits.cell_s / max(1, calls) - 0.1)
        reply, _ = kernel.ask(collecting.request(number, one.names, one.calls, each), min(self.limits.cell_s, left))
        found = re.search(rb'"crmlab": ?"([A-Za-z0-9+/=]*)"', reply)
        try:
            lines = base64.b64decode(found[1], validate=True).decode().splitlines() if found else []
        except ValueError:
            lines = []
        for line in lines[: len(one.names)]:
            name, _, text = line.partition("\t")
            held = sum(len(told) for said in self.answers.values() for told in said.values())
            if name in one.names and held + len(text) <= MOST_SAID and _readable(text):
                self.answers[number][name] = text

    def _note(self, cell: int, kind: TroubleKind, text: Any) -> None:
        self.troubles.setdefault(cell, Trouble(cell, kind, clean(text)))


class _Kernel:
    """Requests to the kernel of a sandbox, each with its time."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._shell = Shell(box.channel)

    def ask(self, code: str, seconds: float) -> tuple[bytes, bool]:
        """Run code: the reply's content, and whether it had to be interrupted. _Dead where none comes, or EOFError."""
        box, late = self._box, False
        box.channel.settimeout(seconds + GRACE_S)
        until = time.monotonic() + seconds
        try:
            name = self._shell.ask(code)
            while True:
                if box.wait(LOOK_S) and (reply := self._shell.read(name)) is not None:
                    return reply, late
                if box.ended:
                    raise EOFError
                most = 1.25 * box.limits.memory_mb
                if box.memory_mb() > most and box.memory_mb(shared=True) > most:
                    raise _Dead("memory", f"It took more than {box.limits.memory_mb:g} MB of memory.")
                if time.monotonic() > until and late:
                    raise _Dead("timeout", f"It ran longer than {seconds:.3g} s and could not be stopped.")
                if time.monotonic() > until:
                    until, late = time.monotonic() + GRACE_S, True
                    box.interrupt()
        except Garbled as error:
            raise _Dead("flood", "The kernel sent too much, or what is no message of Jupyter's.") from error
        except OSError as error:  # it takes nothing any more
            raise EOFError from error


def _reason(status: int | None, limits: Limits) -> tuple[TroubleKind, str]:
    """Why did the kernel die? From the status it ended with."""
    if status in (152, -24):  # SIGXCPU
        return "timeout", f"It used more than {limits.cpu_s:g} s of processor time."
    return "died", "The kernel closed its channel." if status is None else f"The kernel died (status {status})."


def _readable(text: str) -> bool:
    try:
        packing.from_json(text)
    except DataError:
        return False
    return True


def clean(text: Any) -> str:
    """A student's text on one line, without control characters and terminal codes, at most 500 characters.

    >>> clean("ValueError: " + chr(27) + "[31mred" + chr(10) + "line two")
    'ValueError: red line two'
    """
    plain = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)", "", str(text)[: 20 * LONGEST])
    plain = "".join(one if one.isprintable() else " " for one in plain)
    return " ".join(plain.split())[:LONGEST]
