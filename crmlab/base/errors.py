"""What can go wrong, said so that the reader knows what, where and what to do."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any


class CrmlabError(Exception):
    """Parent of every error that crmlab raises on purpose."""


class OptionError(CrmlabError, ValueError):
    """An argument has a value outside its list or range."""


class FitError(CrmlabError, RuntimeError):
    """A model cannot be estimated from these data."""


class MissingExtraError(CrmlabError, ImportError):
    """An optional library is not installed."""


class FlatLikelihoodWarning(UserWarning):
    """The data hardly say anything about a parameter; the message names it."""


class AssumptionWarning(UserWarning):
    """The data contradict something that the model takes for granted."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault in a table: what it is, in which column, how often, an example, the remedy."""

    column: str
    what: str
    remedy: str
    rows: int | None = None
    example: Any = None

    def __str__(self) -> str:
        where = f"column '{self.column}': " if self.column else ""
        count = "" if self.rows is None else f" in {self.rows:,} row{'s' if self.rows != 1 else ''}"
        example = "" if self.example is None else f" (for example {self.example})"
        return f"{where}{self.what}{count}{example}. {self.remedy}"


class DataError(CrmlabError, ValueError):
    """A table cannot be used as it is. `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Fault | Iterable[Fault], source: str = "the data") -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        lines = "\n".join(f"  {i}. {fault}" for i, fault in enumerate(self.faults, 1))
        many = "faults" if len(self.faults) > 1 else "fault"
        super().__init__(f"{len(self.faults)} {many} in {source}:\n{lines}")


def check_option(name: str, value: object, allowed: Sequence[object]) -> None:
    """Raise OptionError, listing what is allowed, unless `value` is one of `allowed`."""
    if value not in allowed:
        listed = ", ".join(repr(a) for a in allowed)
        raise OptionError(f"{name}={value!r} is not known; it must be one of {listed}.")


def check_positive(name: str, value: float, *, zero: bool = False) -> None:
    """Raise OptionError unless `value` is a finite number above 0 (or at least 0 where `zero`)."""
    try:
        ok = 0 <= float(value) < float("inf") and (zero or value > 0)
    except (TypeError, ValueError):
        ok = False
    if not ok:
        bound = "0 or more" if zero else "above 0"
        raise OptionError(f"{name}={value!r} is not usable; it must be a finite number, {bound}.")


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This needs {module.split('.')[0]}: python -m pip install 'crmlab[{extra}]'."
        ) from error
