"""What both pages of measurements share: the machine that they were made on, and how they are written."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def machine(*packages: str) -> str:
    """Cores, Python and the versions of packages."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


def write(name: str, page: str) -> None:
    """Put the page into docs/, whole or not at all."""
    new = DOCS / f"{name}.new"
    new.write_text(page, encoding="utf-8")
    new.replace(DOCS / name)
