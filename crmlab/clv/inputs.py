"""What the models take in: customer summaries, checked once and grouped so that a fit sees counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.base.period import days_per
from crmlab.data.schemas import check_summary


@dataclass(frozen=True)
class Groups:
    """Distinct rows of some columns: `columns` (each distinct row once), `weight` (customers in it), and
    `inverse` (the distinct row of every original row)."""

    columns: tuple[np.ndarray, ...]
    weight: np.ndarray
    inverse: np.ndarray

    @property
    def n(self) -> int:
        """How many customers there are."""
        return int(self.weight.sum())


def group(columns: Sequence[np.ndarray], weight: np.ndarray | None = None) -> Groups:
    """Which distinct rows are there, and how many customers has each?"""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, uniques = pd.factorize(column)
        code = code * len(uniques) + codes  # the product of distinct counts stays far below 2^63
    inverse, _ = pd.factorize(code)
    first = np.zeros(inverse.max() + 1, dtype=np.int64)
    first[inverse[::-1]] = np.arange(len(inverse))[::-1]  # the earliest row wins
    return Groups(tuple(c[first] for c in columns), np.bincount(inverse, weight), inverse)


def by_count(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many customers have each count of purchases that occurs? (weights, counts)"""
    n = np.bincount(x.astype(np.int64), weight)
    occurs = np.flatnonzero(n)
    return n[occurs], occurs.astype(float)


def as_frame(customers: Any) -> pd.DataFrame:
    """A customer summary as a DataFrame; a lazy Ibis table is fetched (group it first where it is large)."""
    if isinstance(customers, pd.DataFrame):
        return customers
    if hasattr(customers, "to_pyarrow"):
        return pd.DataFrame(customers.to_pyarrow().to_pandas())
    kind = type(customers).__name__
    raise DataError(
        Fault("", f"it is a {kind}, no DataFrame", "Make one with crm.summarize(log)."), "the customer summary"
    )


def histories(customers: pd.DataFrame, *names: str) -> Groups:
    """The distinct histories in a customer summary, by the columns named; `n_customers` weighs where it is there."""
    weighted = "n_customers" in customers
    check_summary(customers, needs=(*names, "n_customers") if weighted else names)
    columns = [customers[name].to_numpy(dtype=float) for name in names]
    return group(columns, customers["n_customers"].to_numpy(dtype=float) if weighted else None)


def unit_of(customers: pd.DataFrame, unit: str | None) -> str:
    """The time unit of a summary: as `summarize` noted it, or as the caller says; it is never guessed."""
    noted = customers.attrs.get("unit")
    if unit is None and noted is None:
        raise DataError(
            Fault(
                "T",
                "the unit of time is not known",
                "Say it: fit(customers, unit='W') for weeks ('D', 'W', 'M').",
            )
        )
    if unit is not None and noted is not None and unit != noted:
        raise OptionError(f"unit={unit!r}, but these customers were summarized with unit={noted!r}.")
    chosen = str(unit or noted)
    days_per(chosen)
    return chosen


def check_unit(customers: Any, unit: str | None) -> None:
    """Raise if a summary notes another unit than the fit's: its numbers would be wrong by that factor."""
    noted = getattr(customers, "attrs", {}).get("unit")
    if noted is not None and noted != unit:
        raise OptionError(
            f"The fit is in unit {unit!r}, these customers in {noted!r}: summarize them with unit={unit!r}."
        )
