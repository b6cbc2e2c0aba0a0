"""Where the lessons, data sets and exercises lie: inside an installed wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from crmlab.base.errors import CrmlabError

_PACKAGE = Path(__file__).resolve().parent.parent


def share(*parts: str) -> Path:
    """The path of a bundled folder or file, such as share("datasets", "cdnow"). Raises if it is not there."""
    for root in (_PACKAGE / "_share", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise CrmlabError(f"{'/'.join(parts)} is not part of this installation; install crmlab again.")
