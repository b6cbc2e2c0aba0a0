"""A file or folder that appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crmlab.base.errors import CrmlabError, OptionError


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A place for a file or folder, which is called `out` when it is made. OptionError where `out` is there already."""
    if out.exists():
        raise OptionError(f"{out} is there already; choose another name, or clear it away first.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".crmlab-", dir=out.parent) as half:
            yield Path(half) / out.name
            os.replace(Path(half) / out.name, out)
    except OSError as error:
        raise CrmlabError(f"{out} cannot be written ({error}). Choose another folder.") from error
