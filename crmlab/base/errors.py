"""What can go wrong, said so that the reader knows what, where and what to do."""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
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
    if not isinstance(value, Hashable) or value not in allowed:
        listed = ", ".join(repr(a) for a in allowed)
        raise OptionError(f"{name}={value!r} is not known; it must be one of {listed}.")


def check_positive(name: str, value: float, *, zero: bool = False) -> None:
    """Raise OptionError unless `value` is a number above 0 (or at least 0 where `zero`), below 1e100."""
    if not (is_number(value) and 0 <= value < 1e100 and (zero or value > 0)):  # squares must stay finite, too
        bound = ("0 or more" if zero else "above 0") + (", below 1e100" if is_number(value) and value >= 1e100 else "")
        raise OptionError(f"{name}={value!r} is not usable; it must be a finite number, {bound}.")


def is_number(value: object) -> bool:
    """Is it a number: no text, no truth value, no array?"""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_share(name: str, value: float) -> None:
    """Raise OptionError unless `value` is between 0 and 1."""
    check_positive(name, value, zero=True)
    if value > 1:
        raise OptionError(f"{name}={value!r} is not usable; it is a share between 0 and 1, such as 0.05.")


def check_count(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int; raises OptionError unless it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise OptionError(f"{name}={value!r} is not usable; it must be a whole number, {least} or more.")
    return int(value)


def check_kind(name: str, value: object, kind: type | tuple[type, ...], remedy: str) -> None:
    """Raise OptionError, with the `remedy`, unless `value` is an object of this kind."""
    if not isinstance(value, kind):
        raise OptionError(f"{name} is of type {type(value).__name__}, which is not usable here; {remedy}.")


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This needs {module.split('.')[0]}: python -m pip install 'crmlab[{extra}]'."
        ) from error
