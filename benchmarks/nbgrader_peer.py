"""nbgrader beside crmlab's own grading: how long does `nbgrader autograde` take for each submission?

nbgrader is installed apart (`make nbgrader`), or anywhere: CRMLAB_NBGRADER names its command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find_nbgrader() -> Path | None:
    """The nbgrader command: what CRMLAB_NBGRADER names, else that of .venv-nbgrader."""
    named = os.environ.get("CRMLAB_NBGRADER")
    command = Path(named) if named else ROOT / ".venv-nbgrader" / "bin" / "nbgrader"
    return command if command.exists() else None


def run_nbgrader(command: Path, course: Path, *arguments: str) -> str:
    """Run `nbgrader ...` in a course folder, with this Python as the kernel; what it said. Raises where it fails."""
    home = course.parent / f".{course.name}-home"  # nothing of the user's own settings
    kernel = home / "share" / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    said = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3", "language": "python", "env": {"PYTHONPATH": str(ROOT)},
    }  # fmt: skip
    (kernel / "kernel.json").write_text(json.dumps(said))
    places = {"HOME": "home", "IPYTHONDIR": "ipython", "JUPYTER_PATH": "share"}
    places |= {f"JUPYTER_{name}_DIR": name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    given = {name: str(home / place) for name, place in places.items()}
    given["PATH"] = f"{command.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it calls alembic by name
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    run = subprocess.run(
        [str(command), *arguments], cwd=course, env=kept | given, capture_output=True, text=True, timeout=3600
    )
    if run.returncode:
        raise RuntimeError(f"nbgrader {' '.join(arguments)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout + run.stderr


def seconds_per_submission(command: Path, course: Path, assignment: str, notebooks: dict[str, Path]) -> float:
    """How many seconds does autograding take for each of these submissions (student id -> notebook)?

    course: a folder that `write_nbgrader` wrote; assignment: one of its source folders, released already
    (`generate_assignment`). The notebooks go with the data of the release.
    """
    (notebook,) = (course / "source" / assignment).glob("*.ipynb")
    for student, submitted in notebooks.items():
        folder = course / "submitted" / student / assignment
        folder.mkdir(parents=True)
        shutil.copy(submitted, folder / notebook.name)
        shutil.copytree(course / "release" / assignment / "data", folder / "data")
    start = time.perf_counter()
    run_nbgrader(command, course, "autograde", assignment)
    spent = time.perf_counter() - start
    graded = list((course / "autograded").glob(f"*/{assignment}/{notebook.name}"))
    if len(graded) != len(notebooks):
        raise RuntimeError(f"nbgrader graded {len(graded)} of {len(notebooks)} submissions.")
    return spent / len(notebooks)
