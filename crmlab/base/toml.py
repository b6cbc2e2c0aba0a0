"""TOML files: those of the reader, with what is wrong said, and those that come with crmlab."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from crmlab.base.errors import DataError, Fault, check_kind


def read_toml(path: str | Path) -> dict[str, Any]:
    """What does this file say? DataError where there is none or where it is no TOML."""
    check_kind("path", path, (str, Path), "give the name of a TOML file")
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError:
        fault = Fault("", "no file has this name, or it cannot be read", "Check the path and the folder.")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fault = Fault("", f"it is no TOML: {error}", "Mend that line; a name may stand once.")
    raise DataError(fault, f"'{path}'")


@cache
def bundled_toml(package: str, name: str) -> dict[str, Any]:
    """A file of a package of ours; what is read is shared, so do not change it."""
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
