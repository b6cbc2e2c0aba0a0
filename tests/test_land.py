"""The top level: pyproject.toml, constraints.txt and environment.yml agree; the public names are whole."""

import os
import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import crmlab

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    Requirement(line)
    for lines in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in lines
    if not line.startswith("crmlab[")
]
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

# conda-forge's name -> PyPI's, where they differ; None is no Python package
CONDA = {
    "ibis-duckdb": "ibis-framework",
    "python-duckdb": "duckdb",
    "python-build": "build",
    "pip": None,
    "openjdk": None,
}


def test_constraints_are_pins_alone():
    assert len(PINS) > 50
    wrong = [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[0-9][\w.]*", line)]
    assert not wrong
    names = [canonicalize_name(line.split("==")[0]) for line in PINS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_is_pinned_within_its_bounds(requirement):
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in PINS)}
    assert requirement.specifier, "it has no lower bound"
    assert Version(pins[canonicalize_name(requirement.name)]) in requirement.specifier


def test_conda_environment_has_every_dependency_with_the_same_bounds():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda, pip = [e for e in entries if isinstance(e, str)], [e for e in entries if isinstance(e, dict)]
    *others, last = pip[0]["pip"]
    assert len(pip) == 1 and last == "-e ."
    bounds = {r.name: r.specifier for r in map(Requirement, others)}
    for entry in conda:
        name, _, bound = entry.partition(" ")
        if CONDA.get(name, name) is not None:
            bounds[CONDA.get(name, name)] = SpecifierSet(bound)
    lowest = PROJECT["requires-python"].removeprefix(">=")
    python = bounds.pop("python")
    assert all(f"{lowest}.0" in python and f"{v}.0" in python for v in ("3.12", "3.13")) and "3.10.9" not in python
    assert bounds == {r.name: r.specifier for r in REQUIREMENTS}


def test_the_workflow_runs_the_versions_that_are_promised():
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    versions = yaml.safe_load(text)["jobs"]["test"]["strategy"]["matrix"]["python"]
    promised = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if c.startswith("Programming Language")]
    assert versions == promised


def test_the_version_is_the_same_everywhere():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cff["version"] == crmlab.__version__
    assert f"\n## {crmlab.__version__} ({cff['date-released']})" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_import_is_light():
    heavy = ["numpy", "pandas", "scipy", "matplotlib", "ibis", "duckdb", "statsmodels", "typer"]
    code = f"import sys, crmlab; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", crmlab._NAMES)
def test_public_name_is_there_and_documented(name):
    thing = getattr(crmlab, name)
    assert thing.__doc__ and thing.__doc__.strip()
    assert thing.__module__ == crmlab._NAMES[name], "the table names the module that defines it"
    assert name in dir(crmlab)


def test_unknown_public_name_says_what_there_is():
    with pytest.raises(AttributeError, match="no 'sumarize'; it has .*summarize"):
        crmlab.sumarize  # noqa: B018


def test_locales_have_the_same_keys_and_placeholders():
    locales = {}
    for path in sorted((ROOT / "crmlab/base/locale").glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        locales[path.stem] = {
            f"{table}.{key}": sorted({name for _, name, _, _ in string.Formatter().parse(text) if name is not None})
            for table, entries in tables.items()
            for key, text in entries.items()
        }
    assert set(locales) == {"en", "fa"}
    assert locales["en"] == locales["fa"]


def test_the_readmes_python_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "BG/NBD" in done.stdout and "probability of loss" in done.stdout and (tmp_path / "tables.docx").exists()
