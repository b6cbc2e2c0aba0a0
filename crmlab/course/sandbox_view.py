"""What is seen inside the sandbox: which folders of the host, which environment, which fonts."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import crmlab
from crmlab.base.share import share


def package_folders() -> list[str]:
    """The folders of installed packages."""
    named = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return [path for path in named if os.path.isdir(path)]


@functools.cache
def seen_folders() -> tuple[str, ...]:
    """What of the host is seen in the sandbox, read-only: the system's programs, Python, crmlab and its data sets."""
    system = [f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "share")]
    system += ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
    own = [str(Path(crmlab.__file__).parent), str(share("datasets"))]
    # not all of a folder that Python, or an environment, may share with somebody's course (/usr/src, `venv .`)
    parts = ("bin", "lib", "lib64", "pyvenv.cfg", "share/zoneinfo")
    prefixes = dict.fromkeys(["/usr/local", sys.prefix, sys.base_prefix])
    python: Iterable[str] = [*(f"{prefix}/{part}" for prefix in prefixes for part in parts), *package_folders()]
    chosen: list[str] = []
    for path in [*system, "/etc/fonts", *python, *own]:
        for one in dict.fromkeys((path, os.path.realpath(path))):
            inside = any(not is_link(seen) and Path(one).is_relative_to(seen) for seen in chosen)
            if one != "/" and os.path.exists(one) and not inside:
                chosen.append(one)
    return tuple(chosen)


def is_link(path: str) -> bool:
    """Is it one of the links that newer systems have at the top?"""
    return os.path.islink(path) and path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64")


@functools.cache
def known_option(name: str) -> tuple[str, ...]:
    """The option, where this bubblewrap knows it."""
    told = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False)
    return (name,) if name in told.stdout + told.stderr else ()


@functools.cache
def font_list() -> tuple[str, bytes]:
    """matplotlib's list of fonts, which takes it a second to make: the file's name, and its content."""
    from matplotlib import font_manager

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "fonts")
        font_manager.json_dump(font_manager.fontManager, file)
        said = json.loads(file.read_bytes())
    said["ttflist"] = [font for font in said["ttflist"] if font["fname"].startswith(("/usr/", "fonts/"))]
    return f"fontlist-v{font_manager.FontManager.__version__}.json", json.dumps(said).encode()


def clean_environment(home: str) -> dict[str, str]:
    """Everything that a notebook sees of the environment: nothing of the instructor's."""
    return {
        "HOME": home, "TMPDIR": home, "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib",
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }  # fmt: skip
