"""A place where a stranger's notebook can run: bubblewrap, limits, an own user, nothing to be read or reached."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import crmlab
from crmlab.base.errors import CrmlabError, OptionError, check_positive
from crmlab.base.share import share
from crmlab.course.sandbox_view import (
    clean_environment,
    font_list,
    is_link,
    known_option,
    package_folders,
    seen_folders,
)
from crmlab.course.seccomp import filter_program

WORK = "/notebook"  # where the notebook stands in the sandbox
START_S = 60
MB = 2**20


@dataclass(frozen=True)
class Limits:
    """How much may a notebook take?

    memory_mb: of all its processes together (a quarter more for a moment). cpu_s: of one process. cell_s, total_s: on
    the clock, for a cell and for the whole. processes: with threads. file_mb: one file; tmp_mb: all files in /tmp, and
    as many in its own folder. What cells print and show never leaves the sandbox, and so needs no limit.
    """

    memory_mb: float = 2048
    cpu_s: float = 120
    cell_s: float = 30
    total_s: float = 180
    processes: int = 64
    file_mb: float = 64
    tmp_mb: float = 256

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_positive(name, value)

    def for_kernel(self) -> dict[str, int]:
        """The limits that the operating system keeps for each process, as resource.RLIMIT_*."""
        memory = int(self.memory_mb * MB) + 1024 * MB  # pyarrow reserves a gigabyte that it does not use
        return {
            "CPU": int(self.cpu_s) + 1, "FSIZE": int(self.file_mb * MB), "NPROC": int(self.processes), "CORE": 0,
            "NOFILE": 256, "DATA": memory, "AS": memory + 4096 * MB, "MSGQUEUE": 0, "MEMLOCK": 0,
        }  # fmt: skip


class Sandbox:
    """One kernel in one sandbox, to be used in a `with` statement; after it no process of it is left.

    `channel` is the kernel's shell channel, a stream socket. No folder of the host can be written from inside; the
    socket has no name by the time that the notebook runs. Must be closed by the thread that made it: the sandbox
    dies with that thread (Linux's parent-death signal), and so with the grader, however that ends.
    """

    def __init__(self, data: Mapping[str, bytes], limits: Limits, unsafe: bool = False) -> None:
        self.limits, self.unsafe = limits, unsafe
        self._files: list[int] = []
        self._folder: str | None = None
        self._init = self._kernel = 0  # pidfds
        self._told = b""
        self._cpu: int | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._start(check_data(data))
            undo.pop_all()

    def _start(self, data: Mapping[str, bytes]) -> None:
        listening, self.channel = _socket_pair()
        self._errors, errors = os.pipe()
        self._files.append(self._errors)
        info, said = os.pipe()
        told: dict[str, Any] = {"limits": self.limits.for_kernel(), "listening": listening.fileno(), "user": None}
        told["path"] = [str(Path(crmlab.__file__).parent.parent), *package_folders()]
        passed = [listening.fileno(), said]
        environment: dict[str, str] = {}  # not even bubblewrap's own, which /proc/1/environ would show
        cwd = None
        if self.unsafe:
            self._folder = cwd = tempfile.mkdtemp(prefix="crmlab-")
            for name, content in data.items():
                target = Path(cwd, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            environment, command = clean_environment(cwd), []
            told["limits"].pop("NPROC")  # counted over everything of this user
        else:
            told["user"] = _new_user() if os.geteuid() == 0 else 0
            command = self._bwrap(data, told["user"], said)
            passed += [number for number in self._files if number != self._errors]
        command += [sys.executable, "-s", "-P", str(Path(__file__).with_name("inside.py")), json.dumps(told)]
        try:
            with self._own_cpu():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=passed,
                    env=environment, cwd=cwd, start_new_session=True,
                )  # fmt: skip
        finally:
            listening.close()
            os.close(errors)
            os.close(said)
            with os.fdopen(info, "rb") as file:
                told_by_bwrap = file.read(4096) if not self.unsafe and hasattr(self, "_process") else b""
        pid = re.search(rb'"child-pid": (\d+)', told_by_bwrap)
        self.pid = int(pid[1]) if pid else self._process.pid
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(ProcessLookupError):
                self._init = os.pidfd_open(self.pid)

    @contextlib.contextmanager
    def _own_cpu(self) -> Iterator[None]:
        """What begins here keeps to the CPU that fewest sandboxes have, so that none can starve the others."""
        if self.unsafe or not hasattr(os, "sched_setaffinity"):
            yield
            return
        allowed = os.sched_getaffinity(0)  # this thread's, which the process that it starts takes over
        with _counting:
            self._cpu = min(allowed, key=lambda one: (_busy[one], secrets.randbelow(1000)))
            _busy[self._cpu] += 1
        os.sched_setaffinity(0, {self._cpu})
        try:
            yield
        finally:
            os.sched_setaffinity(0, allowed)

    def _bwrap(self, data: Mapping[str, bytes], user: int, info: int) -> list[str]:
        limits = self.limits

        def put(content: bytes, target: str, how: str = "--ro-bind-data") -> list[str]:
            return ["--perms", "0644" if how == "--ro-bind-data" else "0666", how, str(self._file(content)), target]

        command = [shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        command += ["--unshare-cgroup-try", "--new-session", "--die-with-parent", "--hostname", "sandbox"]
        command += ["--info-fd", str(info), "--clearenv", "--cap-drop", "ALL"]
        if user:
            command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user", "--uid", "65534", "--gid", "65534", *known_option("--disable-userns")]
        if program := filter_program():
            command += ["--seccomp", str(self._file(program))]
        for name, value in clean_environment("/tmp").items():
            command += ["--setenv", name, value]
        size = str(int(limits.tmp_mb * MB))
        for folder in ("/tmp", WORK):  # before what may lie beneath them
            command += ["--perms", "0777", "--size", size, "--tmpfs", folder]
        command += ["--proc", "/proc", "--dev", "/dev"]
        command += ["--perms", "0777", "--size", str(64 * MB), "--tmpfs", "/dev/shm"]
        bound = seen_folders()
        parents = {str(parent) for path in bound for parent in Path(path).parents[:-1]}
        for folder in sorted(parents - {"/tmp", WORK}):  # for its own user they would be closed
            if not any(Path(folder).is_relative_to(path) for path in bound):
                command += ["--perms", "0755", "--dir", folder]
        for path in bound:
            command += ["--symlink", os.readlink(path), path] if is_link(path) else ["--ro-bind", path, path]
        for hidden in {str(share("exercises")), str(share("exercises").resolve())}:
            if any(Path(hidden).is_relative_to(path) for path in bound):
                command += ["--tmpfs", hidden, "--remount-ro", hidden]
        number = user or 65534
        command += put(f"student:x:{number}:{number}::/tmp:/bin/sh\n".encode(), "/etc/passwd")
        command += put(f"student:x:{number}:\n".encode(), "/etc/group")
        fonts = font_list()
        command += ["--perms", "0777", "--dir", "/tmp/matplotlib"]
        command += put(fonts[1], f"/tmp/matplotlib/{fonts[0]}", "--file")
        for name, content in data.items():
            for parent in reversed(PurePosixPath(name).parents[:-1]):
                command += ["--perms", "0777", "--dir", f"{WORK}/{parent}"]
            command += put(content, f"{WORK}/{name}", "--file")
        return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK, "--"]

    def _file(self, content: bytes) -> int:
        """A file without a name that bubblewrap reads."""
        number = os.memfd_create("crmlab")
        self._files.append(number)
        with os.fdopen(number, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(number, 0, os.SEEK_SET)
        return number

    @property
    def ended(self) -> bool:
        """Is the kernel dead?"""
        if self._init:
            return bool(select.select([self._init], [], [], 0)[0])
        return self._process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the channel to say something or the kernel to die; is there something to read?"""
        watched: list[Any] = [self.channel, *([self._init] if self._init else [])]
        return self.channel in select.select(watched, [], [], seconds)[0]

    def started(self) -> None:
        """Note which process is the kernel; to be called before any of the notebook's code runs."""
        if not self.unsafe and (children := _children(self.pid)):
            self._kernel = os.pidfd_open(children[0])

    def interrupt(self) -> None:
        """What Ctrl-C does: KeyboardInterrupt in the cell that runs."""
        with contextlib.suppress(ProcessLookupError):
            if self._kernel:
                signal.pidfd_send_signal(self._kernel, signal.SIGINT)
            elif self.unsafe:
                self._process.send_signal(signal.SIGINT)

    def memory_mb(self, shared: bool = False) -> float:
        """How much memory do its processes, files and sockets hold? 0.0 where /proc is missing.

        Files of the system do not count. shared: what several processes have in common counts once; takes longer.
        """
        file, field = (
            ("smaps_rollup", rb"^Pss_(?:Anon|Shmem):\s+(\d+)")
            if shared
            else ("status", rb"^Rss(?:Anon|Shmem):\s+(\d+)")
        )
        total, waiting = 0, [self.pid]
        while waiting:
            pid = waiting.pop()
            waiting += _children(pid)
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{file}", "rb") as opened:
                total += sum(map(int, re.findall(field, opened.read(), re.MULTILINE)))
        return (total + (0 if self.unsafe else self._kernel_kb())) / 1024

    def _kernel_kb(self) -> int:
        """What no process maps: files in memory, with a kilobyte for each one's name, and sockets at their fullest."""
        found = 0
        with contextlib.suppress(OSError):
            for folder in ("/tmp", WORK, "/dev/shm"):  # mounts, which no link can stand in place of
                held = os.statvfs(f"/proc/{self.pid}/root{folder}")
                found += (held.f_blocks - held.f_bfree) * held.f_frsize // 1024 + held.f_files - held.f_ffree
            with open(f"/proc/{self.pid}/net/sockstat", "rb") as file:
                found += 208 * int(file.read().split(None, 3)[2])
        return found

    def why(self) -> str:
        """What did bubblewrap, or Python before the kernel, say last?"""
        if select.select([self._errors], [], [], 0)[0]:
            self._told += os.read(self._errors, 20_000)
        return self._told.decode("utf-8", "replace").strip()[-500:]

    def status(self) -> int | None:
        """How did the kernel end (its exit status, 128 + a signal)? None where it does not within a second."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1.0)
        return None

    def close(self) -> None:
        """Kill everything that still runs in it."""
        if hasattr(self, "_process"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self.unsafe:
                    os.killpg(self._process.pid, signal.SIGKILL)
                elif self._init:
                    signal.pidfd_send_signal(self._init, signal.SIGKILL)
                    select.select([self._init], [], [], 30)  # the first process of the sandbox goes last
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(5)  # bubblewrap buries it
            self._process.kill()
            self._process.wait()
        self.channel.close()
        for number in [*self._files, self._init, self._kernel]:
            if number:
                os.close(number)
        self._files, self._init, self._kernel = [], 0, 0
        if self._cpu is not None:
            with _counting:
                _busy[self._cpu] -= 1
            self._cpu = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sandbox_problem() -> str | None:
    """Why can no notebook be run in a sandbox here? None where it works. Tried once, and remembered."""
    if sys.platform != "linux":
        return "The sandbox needs Linux; grade in a virtual machine or a container, or with --unsafe."
    if shutil.which("bwrap") is None:
        return "The sandbox needs bubblewrap, which is not installed: apt-get install bubblewrap."
    return _tried()


@functools.cache
def _tried() -> str | None:
    try:
        with Sandbox({}, Limits()) as box:
            until = time.monotonic() + START_S
            while not box.ended and time.monotonic() < until:
                if box.wait(0.5):
                    with contextlib.suppress(ConnectionError):
                        if box.channel.recv(1):  # the kernel greets before anything is asked
                            return None
                    break
            why = box.why() or "no word from it"
    except (OSError, CrmlabError) as error:
        why = str(error)
    return (
        f"bubblewrap is installed, but a trial failed: {why.splitlines()[-1]}. Where it says that a namespace or a "
        "uid map is not permitted, the system forbids user namespaces (sysctl kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns, a container without CAP_SYS_ADMIN): allow them, or be root."
    )


def check_data(data: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """`data`, whose names must be paths beneath the notebook's folder; OptionError otherwise."""
    for name in data:
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or {"..", "~"} & set(path.parts) or "\0" in name:
            raise OptionError(f"{name!r} is no path of a data file; it must lie beneath the notebook: data/1-log.csv.")
    return data


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """A listening socket, and one that is connected with it; the name between them is gone."""
    if not hasattr(socket, "AF_UNIX"):
        raise OptionError("Notebooks are graded on Linux or macOS.")
    listening, channel = (socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2))
    with tempfile.TemporaryDirectory(prefix="crmlab-") as folder:  # mode 700
        listening.bind(f"{folder}/s")
        listening.listen(1)
        channel.connect(f"{folder}/s")
    return listening, channel


def _new_user() -> int:
    """A user of its own for each sandbox: the limit of processes counts by user, and never for root."""
    with open("/proc/self/uid_map") as file:
        spans = [tuple(map(int, line.split())) for line in file]
    whole = any(first <= 2_000_000_000 and first + count > 2_100_000_000 for first, _, count in spans)
    return 2_000_000_000 + secrets.randbelow(100_000_000) if whole else 60_100 + secrets.randbelow(1_000)


_busy: Counter[int] = Counter()  # CPU -> sandboxes of this process
_counting = threading.Lock()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    return found
