"""The built wheel, installed elsewhere: the command works and a lesson runs, without the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

RUN_A_LESSON = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
print(sum(cell.cell_type == "code" for cell in notebook.cells))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new venv with the wheel alone; its dependencies are read from this environment by a .pth line.

    A .pth file only adds a path: it does not run the .pth files there, so an editable install of the
    checkout stays out of reach.
    """
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    site = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (venv / site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return venv


@pytest.fixture
def run(installed, tmp_path):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_", "COVERAGE"))}
    clean |= {"PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(installed)}
    clean |= {"IPYTHONDIR": str(tmp_path / "ipython"), "COLUMNS": "200"}

    def run(program, *arguments):
        command = [str(installed / "bin" / program), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_wheel_carries_everything_and_no_litter(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("notebooks", "datasets", "exercises"):
        ours = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts
        }
        prefix = "crmlab/_share/"
        carried = {name.removeprefix(prefix) for name in names if name.startswith(f"{prefix}{folder}/")}
        assert carried == ours and ours
    assert "crmlab/py.typed" in names and "crmlab/base/locale/fa.toml" in names
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2 and "crmlab" in tops  # the other is the dist-info


def test_the_package_is_the_installed_one(run, installed):
    where = run("python", "-c", "import crmlab; print(crmlab.__file__)")
    assert Path(where.strip()).is_relative_to(installed)


def test_command_and_a_lesson_run_from_a_students_folder(run, tmp_path):
    assert "copied to mine" in run("crmlab", "lab", "mine", "--no-open")
    assert "cdnow" in run("crmlab", "datasets")
    assert "minutes" in run("crmlab", "lessons")
    (lesson,) = (tmp_path / "mine").glob("05-*.ipynb")
    script = tmp_path / "run_a_lesson.py"
    script.write_text(RUN_A_LESSON)
    assert int(run("python", str(script), str(lesson))) > 10
