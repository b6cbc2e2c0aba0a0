"""From a questionnaire's answers to reliability, validity, CFA, SEM and PLS-SEM. Names load on first use."""

from __future__ import annotations

import importlib
from typing import Any

# public name -> module; nothing is imported until its name is used
_NAMES: dict[str, str] = {
    "Instrument": "instrument",
    "parse": "syntax",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"crmlab.survey.{_NAMES[name]}"), name)
    raise AttributeError(f"crmlab.survey has no '{name}'; it has {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return list(__all__)
