"""Running a notebook: what its answers are, what goes wrong, what stands between it and the host."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import OptionError
from crmlab.base.share import share
from crmlab.course import sandbox
from crmlab.course.packing import Calls, Picture, Unusable, from_json
from crmlab.course.running import Run, Wanted, clean, run_notebook
from crmlab.course.sandbox import Limits, Sandbox, sandbox_problem
from crmlab.course.seccomp import filter_program
from crmlab.course.wire import Garbled, Shell

LOG = {"data/1-log.csv": "customer,amount\nالف,10\nb,20.5\n".encode()}


def values(run: Run, number: int) -> dict[str, Any]:
    return {name: from_json(text) for name, text in run.answers[number].items()}


@pytest.fixture(params=[False, True], ids=["sandbox", "unsafe"])
def unsafe(request: pytest.FixtureRequest) -> bool:
    if not request.param:
        request.getfixturevalue("sandboxed")
    return bool(request.param)


def test_an_honest_notebook(unsafe: bool) -> None:
    """Every kind of answer, from a notebook as a student hands it in; an error costs its cell only."""
    cells = [
        'import pandas as pd, crmlab as crm\nlog = pd.read_csv("data/1-log.csv")\nlog',
        'answer1 = {"total": log.amount.sum(), "names": set(log.customer[:1]), "later": ..., "unknown": 1}',
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nlog.plot(y='amount')\nanswer2 = plt.gcf()",
        "answer3 = log.set_index('customer')",
        "1 / 0",
        "def answer4(x, table):\n    table.loc[:, 'x'] = 0\n    return len(table) * 10 / x",
        "answer5 = None",
        'await __import__("asyncio").sleep(0)\nanswer6 = {"v": "متن"}',
        "",
    ]
    table = pd.DataFrame({"x": [1, 2]})
    wanted = [
        Wanted(1, ("total", "names", "later")), Wanted(2, ("figure",)), Wanted(3, ("table",)),
        Wanted(4, ("share",), {"share": [(2, table), (4, table), (0, table)]}), Wanted(5, ("v",)), Wanted(6, ("v",)),
        Wanted(7, ("v",)),
    ]  # fmt: skip
    run = run_notebook(cells, wanted, LOG, unsafe=unsafe)
    assert values(run, 1) == {"total": 30.5, "names": ["الف"]}
    assert isinstance(values(run, 2)["figure"], Picture)
    assert values(run, 3)["table"].loc["b", "amount"] == 20.5
    assert values(run, 4)["share"] == Calls((10.0, 5.0, Unusable("ZeroDivisionError")))
    assert table["x"].tolist() == [1, 2]
    assert [values(run, number) for number in (5, 6, 7)] == [{}, {"v": "متن"}, {}]
    assert [(one.cell, one.kind, one.text) for one in run.troubles] == [
        (5, "error", "ZeroDivisionError: division by zero")
    ]
    assert run.sandboxed is not unsafe


def test_hidden_inputs_keep_their_types(sandboxed: None) -> None:
    """A function gets what the exercise made: a set, a tuple, an array of small numbers, dates."""
    code = "def answer1(*args):\n    return [type(one).__name__ for one in args] + [str(args[2].dtype)]"
    args = ({1, 2}, (1, 2), np.array([1, 2], dtype="int8"), pd.Timestamp("2024-05-01"))
    run = run_notebook([code], [Wanted(1, ("f",), {"f": [args]})], {})
    assert values(run, 1)["f"] == Calls((["set", "tuple", "ndarray", "Timestamp", "int8"],))


def test_a_function_that_never_returns(sandboxed: None) -> None:
    """Each hidden input has its own time; one that cannot be stopped costs its exercise only."""
    cells = [
        "def answer1(x):\n    while x == 2: pass\n    return x",
        "def answer2(x):\n  while True:\n    try:\n      while True: str()\n    except BaseException: pass",
        "import os\ndef answer3(x): os._exit(x)",
        "answer4 = 4",
    ]
    calls = {"v": [(1,), (2,), (3,)]}
    wanted = [Wanted(1, ("v",), calls), Wanted(2, ("v",), calls), Wanted(3, ("v",), calls), Wanted(4, ("v",))]
    run = run_notebook(cells, wanted, {}, Limits(cell_s=4))
    assert values(run, 1) == {"v": Calls((1, Unusable("late"), 3))}
    assert [values(run, number) for number in (2, 3, 4)] == [{}, {}, {"v": 4}]
    assert [(one.cell, one.kind) for one in run.troubles] == [(2, "timeout"), (3, "died")]
    assert "answer2 cannot be read" in run.troubles[0].text


def test_the_last_value_counts(sandboxed: None) -> None:
    """A value that is taken away again still counts; a later one replaces it."""
    cells = ["answer1 = 1", "answer1 = ...", "answer2 = 1", "globals()['answer' + '2'] = 2", "answer3 = {'b': 1}"]
    wanted = [Wanted(1, ("v",)), Wanted(2, ("v",)), Wanted(3, ("a", "b"))]
    run = run_notebook(cells, wanted, {})
    assert [values(run, number) for number in (1, 2, 3)] == [{"v": 1}, {"v": 2}, {"b": 1}]


def test_a_cell_that_kills_costs_itself_only(sandboxed: None) -> None:
    """The notebook runs again without the cell; not more than four times."""
    cells = ["x = 1", "import os; os._exit(3)", "answer1 = x", "os._exit(4)", "import os", "answer2 = x + 1"]
    run = run_notebook(cells, [Wanted(1, ("v",)), Wanted(2, ("v",))], {})
    assert (values(run, 1), values(run, 2)) == ({"v": 1}, {"v": 2})
    assert [(one.cell, one.kind, one.text) for one in run.troubles] == [
        (2, "died", "The kernel died (status 3)."),
        (4, "error", "NameError: name 'os' is not defined"),
    ]
    many = run_notebook(["import os; os._exit(1)"] * 7 + ["answer1 = 1"], [Wanted(1, ("v",))], {})
    assert values(many, 1) == {}
    assert [one.cell for one in many.troubles] == [1, 2, 3, 4, 5]


def test_time_is_over(sandboxed: None) -> None:
    """What was answered before the whole time was over counts; processor time has an end, too."""
    cells = ["answer1 = 1", "import time; time.sleep(60)", "answer2 = 2"]
    run = run_notebook(cells, [Wanted(1, ("v",)), Wanted(2, ("v",))], {}, Limits(total_s=20, cell_s=60))
    assert values(run, 1) == {"v": 1}
    assert (run.troubles[0].cell, run.troubles[0].kind) == (2, "timeout")
    busy = run_notebook(["while True: pass", "answer1 = 1"], [Wanted(1, ("v",))], {}, Limits(cpu_s=4))
    assert (busy.troubles[0].kind, values(busy, 1)) == ("timeout", {"v": 1})
    assert "processor time" in busy.troubles[0].text


def test_several_at_once(sandboxed: None) -> None:
    """Threads of the grader do not get in each other's way."""
    cells = ["import os, time; time.sleep(0.2)", "answer1 = open('data/n').read()", "answer2 = os.getuid()"]

    def one(number: int) -> Run:
        return run_notebook(cells, [Wanted(1, ("v",)), Wanted(2, ("v",))], {"data/n": str(number).encode()})

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(one, range(4)))
    assert [values(run, 1)["v"] for run in runs] == ["0", "1", "2", "3"]
    users = [values(run, 2)["v"] for run in runs]
    assert os.getuid() not in users or os.getuid() == 65534
    assert len(set(users)) == (4 if os.geteuid() == 0 else 1)


def test_nothing_is_left(sandboxed: None) -> None:
    """No thread, no open file, no child process, after honest and after deadly notebooks."""
    run_notebook(["pass"], [], {})
    before = len(os.listdir("/proc/self/fd")), threading.active_count(), sandbox._children(os.getpid())
    run_notebook(["import os; os._exit(0)", "answer1 = 1"], [Wanted(1, ("v",))], LOG)
    with pytest.raises(ZeroDivisionError), Sandbox({}, Limits()):
        _ = 1 / 0
    after = len(os.listdir("/proc/self/fd")), threading.active_count(), sandbox._children(os.getpid())
    assert after == before


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "data/../../up", "", "~/x", "a\0b"])
def test_data_stay_in_their_folder(name: str) -> None:
    with pytest.raises(OptionError, match="path of a data file"):
        run_notebook([], [], {name: b""}, unsafe=True)


def test_limits_are_numbers() -> None:
    for wrong in ({"cell_s": 0}, {"memory_mb": float("nan")}, {"processes": "many"}):
        with pytest.raises(OptionError, match="not usable"):
            Limits(**wrong)


def test_without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, with what to install and what --unsafe means."""
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    assert "apt-get install bubblewrap" in str(sandbox_problem())
    with pytest.raises(OptionError, match="without a sandbox, as you"):
        run_notebook(["1"], [], {})
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "needs Linux" in str(sandbox_problem())


def test_a_bubblewrap_that_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are said."""
    false = tmp_path / "bwrap"
    false.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    false.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: str(false))
    sandbox._tried.cache_clear()
    try:
        assert "No permissions to create new namespace" in str(sandbox_problem())
    finally:
        sandbox._tried.cache_clear()


def test_the_bank_is_covered_where_it_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel the exercises lie inside the package, which the sandbox shows."""
    monkeypatch.setattr(sandbox, "seen_folders", lambda: ("/usr", str(share("exercises").parent)))
    box = Sandbox.__new__(Sandbox)
    box.limits, box._files = Limits(), []
    command = box._bwrap({}, 1, 9)
    for number in box._files:
        os.close(number)
    at = command.index(str(share("exercises")))
    assert command[at - 1] == "--tmpfs"
    assert at > command.index(str(share("exercises").parent))


@pytest.fixture
def talk() -> Iterator[tuple[Shell, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield Shell(ours), theirs
    ours.close()
    theirs.close()


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n" * 10,
        GREETING + b"\x02" + b"\xff" * 8,
        GREETING + b"\x01\x01x" * 17,
        GREETING + b"\x04\x01x" * 3000,
        GREETING + b"\x00\x01x" * 3000,
    ],
    ids=["no ZeroMQ", "a huge frame", "many parts", "many commands", "many messages"],
)
def test_a_kernel_that_talks_nonsense(said: bytes, talk: tuple[Shell, socket.socket]) -> None:
    shell, theirs = talk
    theirs.sendall(said)
    with pytest.raises(Garbled):
        shell.read("crmlab-1")


@pytest.mark.parametrize("part", [b"[" * 9000, b"null", b"{}", b"\xff", b'{"msg_id": 1}', b"9" * 9999])
def test_a_reply_of_nonsense_is_passed_over(part: bytes, talk: tuple[Shell, socket.socket]) -> None:
    shell, theirs = talk
    parts = [b"<IDS|MSG>", b"", part, part, part, part]
    frames = [struct.pack(">BQ", 2 | (i < 5), len(one)) + one for i, one in enumerate(parts)]
    theirs.sendall(GREETING + b"".join(frames))
    assert shell.read("crmlab-1") is None


def test_text_is_cleaned() -> None:
    assert clean("a\x1b[31mb\x1b]0;title\x07c\x00\u202e\r\n d" + "x" * 999)[:8] == "abc d" + "xxx"
    assert len(clean("x" * 10**6)) == 500


def test_the_filter_of_system_calls() -> None:
    """Whole instructions, jumps inside; machines that are not listed get none."""
    for machine in ("x86_64", "aarch64"):
        program = filter_program(machine)
        assert program is not None
        steps = list(struct.iter_unpack("<HBBI", program))
        assert all(at + 1 + max(true, false) < len(steps) for at, (_, true, false, _) in enumerate(steps[:-1]))
        assert steps[-1][0] == 0x06
    assert filter_program("pdp11") is None


def test_where_the_kernel_runs_is_what_was_asked(sandboxed: None) -> None:
    """No capability, no new rights, a filter, its own namespaces, the folder and the environment that we chose."""
    code = """
import os, re
status = open("/proc/self/status").read()
answer1 = {"rights": re.findall(r"Cap(?:Inh|Prm|Eff|Amb):\\s+(\\w+)", status), "no_new": "NoNewPrivs:\\t1" in status,
           "filter": "Seccomp:\\t2" in status, "folder": os.getcwd(), "host": os.uname().nodename,
           "own": [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "net", "ipc", "uts")]}
"""
    run = run_notebook([code], [Wanted(1, ("rights", "no_new", "filter", "folder", "host", "own"))], {})
    found = values(run, 1)
    assert set(found["rights"]) == {"0" * 16}
    assert (found["no_new"], found["folder"], found["host"]) == (True, sandbox.WORK, "sandbox")
    assert found["filter"] is (filter_program() is not None)
    ours = {os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "net", "ipc", "uts")}
    assert not ours & set(found["own"])
