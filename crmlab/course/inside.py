"""The first to run in the sandbox, called by sandbox.py: gives up its rights, then becomes a Jupyter kernel."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from typing import Any


def give_up_rights(told: dict[str, Any]) -> None:
    """Set the limits, and become the unprivileged user that root chose; a right that stays ends the process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):  # a grader in the background ignores some
        signal.signal(number, signal.SIG_DFL)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # the first to go where memory runs out
            file.write("1000")
    except OSError:
        pass  # not Linux
    for name, most in told["limits"].items():
        if (kind := getattr(resource, f"RLIMIT_{name}", None)) is None:
            continue
        hard = most + 2 if name == "CPU" else most  # first a signal that tells why, then the end
        if (old := resource.getrlimit(kind)[1]) != resource.RLIM_INFINITY:
            most, hard = min(most, old), min(hard, old)
        try:
            resource.setrlimit(kind, (most, hard))
        except (OSError, ValueError):
            if told["user"] is not None:  # in a sandbox every limit must hold
                raise
    if not told["user"]:
        return
    os.setgroups([])
    os.setresgid(*[told["user"]] * 3)
    os.setresuid(*[told["user"]] * 3)
    system = ctypes.CDLL(None)
    system.capset(struct.pack("II", 0x20080522, 0), bytes(24))  # no capability, not even to be inherited
    system.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: its own /proc belongs to it again
    with open("/proc/self/status") as file:
        rights = [line.split()[1] for line in file if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb"))]
    if os.getresuid() != (told["user"],) * 3 or os.getgroups() or any(int(right, 16) for right in rights):
        sys.exit("The rights could not be given up.")


def serve(listening: int) -> None:
    """Run a Jupyter kernel whose shell channel is this listening socket; the other channels lead nowhere."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # 0.1 s, and no debugger is wanted
    import zmq
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    from crmlab.course import collecting

    class Kernel(IPythonKernel):
        async def do_execute(
            self, code: str, silent: bool, store_history: bool = True, user_expressions: Any = None,
            allow_stdin: bool = False, *, cell_meta: Any = None, cell_id: str | None = None,
        ) -> dict[str, Any]:  # fmt: skip
            if code.startswith(collecting.MARK):
                shell: Any = self.shell
                found = collecting.reply(shell.user_ns, code)
                return {"status": "ok", "execution_count": 0, "payload": [], "user_expressions": {"crmlab": found}}
            try:
                told = await super().do_execute(code, silent, store_history, user_expressions, allow_stdin)
            except BaseException as error:  # one whose text raises, too
                told = {"status": "error", "ename": type(error).__name__}
            kept = {name: str(told.get(name, ""))[:2000].encode("utf-8", "replace").decode() for name in _SHOWN}
            return {"status": told["status"], "execution_count": 0, "user_expressions": {}, "payload": [], **kept}

    class App(IPKernelApp):
        def _try_bind_socket(self, socket: Any, port: int) -> int:
            if socket is self.shell_socket:
                socket.setsockopt(zmq.USE_FD, listening)
                socket.bind("ipc:///tmp/shell")  # a name only: the socket listens already
            else:
                socket.bind(f"inproc://{id(socket)}")
            return 1

        def init_heartbeat(self) -> None:
            pass

        def write_connection_file(self, **_: Any) -> None:
            pass

    app = App.instance(
        kernel_class=Kernel, transport="ipc", connection_file="-", log_level=50,
        capture_fd_output=False, ignore_cwd=True,
    )  # fmt: skip
    app.config.HistoryManager.enabled = False
    app.config.Session.key = b""  # no one else can reach the channel
    app.initialize([])
    shell: Any = app.shell
    shell.ask_exit = lambda: None  # exit() ends nothing
    shell.showtraceback = lambda *_, **__: None  # nobody looks at it, and after a recursion it takes seconds
    shell._format_exception_for_storage = lambda *_, **__: {}
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    app.start()


_SHOWN = ("ename", "evalue")

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    give_up_rights(told)
    sys.path += [path for path in told["path"] if path not in sys.path]
    serve(told["listening"])
