"""The lessons: which there are, a student's copy of them, and what a teacher needs to know of each."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from crmlab.base.errors import CrmlabError, check_option
from crmlab.base.share import share
from crmlab.base.words import Language

# what a lesson's notebook says of itself, in its metadata under "crmlab"
FIELDS = (
    "lesson",
    "title",
    "question",
    "minutes",
    "objectives",
    "parts",
    "mistakes_to_expect",
    "skip_when_short",
)


def lessons(language: Language = "en") -> pd.DataFrame:
    """Which lessons are there? One row each: lesson (its number), title, question, minutes and more.

    The columns are the notebook's metadata (FIELDS) and `file`. A language without lessons raises
    CrmlabError.

    >>> lessons()["lesson"].is_monotonic_increasing
    True
    """
    rows = [_metadata(path) | {"file": path.name} for path in _files(language)]
    return pd.DataFrame(rows, columns=[*FIELDS, "file"]).sort_values("lesson", ignore_index=True)


def _files(language: Language) -> list[Path]:
    check_option("language", language, get_args(Language))
    root = share("notebooks")
    if found := sorted((root / language).glob("[0-9][0-9]-*.ipynb")):
        return found
    there = ", ".join(sorted({path.parent.name for path in root.glob("*/*.ipynb")}))
    raise CrmlabError(f"There are no lessons in '{language}' yet; there are some in: {there or 'none'}.")


def _metadata(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("crmlab", {})
    if missing := [name for name in FIELDS if not found.get(name)]:
        raise CrmlabError(f"{path.name}: its metadata 'crmlab' lacks {', '.join(missing)}.")
    return {name: found[name] for name in FIELDS}


@dataclass(frozen=True)
class Copied:
    """What copy_lessons did: file names that it wrote, and those that it left as they were."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.written)} lessons copied to {self.folder}."]
        if self.kept:
            lines.append(f"Left as they are, for they are yours now: {', '.join(self.kept)}.")
        return "\n".join(lines)


def copy_lessons(folder: Path | str, language: Language = "en") -> Copied:
    """Where does a student work? In a copy of the lessons in `folder`; what is there is never touched.

    The folder is made if needed. A file appears under its name only when it is complete.
    A folder that cannot be written to raises CrmlabError.
    """
    folder = Path(folder)
    sources = _files(language)
    written: list[str] = []
    kept: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            (written if _copy(source, folder / source.name) else kept).append(source.name)
    except OSError as error:
        raise CrmlabError(f"The lessons cannot be copied to {folder}: {error}. Choose another folder.") from error
    return Copied(folder, tuple(written), tuple(kept))


def _copy(source: Path, target: Path) -> bool:
    if target.exists() or target.is_symlink():
        return False
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        os.chmod(name, 0o644)
        os.rename(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def teaching_notes(language: Language = "en") -> str:
    """What does a teacher need for each lesson? Markdown: minutes per part, mistakes to expect, what to skip.

    docs/teaching.md is this text: python -m crmlab.course.lessons > docs/teaching.md.
    """
    lines = [
        "# Teaching with crmlab",
        "",
        "Made from the lessons' metadata by `make notes`; change it there.",
    ]
    for row in lessons(language).to_dict("records"):
        lines += [
            "",
            f"## Lesson {row['lesson']:02d}: {row['title']} ({row['minutes']} minutes)",
            "",
            row["question"],
        ]
        lines += ["", "Afterwards a student can:", "", *(f"- {one}" for one in row["objectives"])]
        lines += ["", "| part | minutes |", "|---|---|"]
        lines += [f"| {part['title']} | {part['minutes']} |" for part in row["parts"]]
        lines += ["", "Mistakes to expect:", "", *(f"- {one}" for one in row["mistakes_to_expect"])]
        lines += ["", f"When time is short: {row['skip_when_short']}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(teaching_notes(), end="")
