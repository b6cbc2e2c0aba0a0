"""What a measure of success is: a number with its interval, its unit, and the checks that it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, check_positive, is_number
from crmlab.base.fit import Shown, Summary, z_value
from crmlab.base.toml import bundled_toml

Values = Sequence[float] | np.ndarray | pd.Series


def catalogue() -> dict[str, Any]:
    """The bundled kpis.toml: groups, units, kpi, effect."""
    return bundled_toml("crmlab.strategy", "kpis.toml")


@dataclass(frozen=True, repr=False)
class Measure(Shown):
    """A measure's value: `low` to `high` is its `level` interval, None where it is a sum and no estimate."""

    name: str
    estimate: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        for name in ("estimate", "low", "high"):  # plain floats, whatever numpy gave
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))

    @property
    def unit(self) -> str:
        """In what it is counted (English)."""
        words = catalogue()
        unit = words["extra"].get(self.name) or words["kpi"][self.name]["unit"]
        return str(words["units"][unit]["en"])

    def __float__(self) -> float:
        return self.estimate

    def summary(self) -> Summary:
        """The measure as one line."""
        shown = [
            "" if x is None else f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
            for x in (self.estimate, self.low, self.high)
        ]
        around = "" if self.low is None else f" ({self.level:.0%} {shown[1]} to {shown[2]})"
        return Summary(f"{self.name}: {shown[0]}{around} {self.unit}" + (f", n {self.n:,}" if self.n else ""))


def share(name: str, k: float, n: float, level: float = 0.95) -> Measure:
    """k of n, with Wilson's (1927) interval, as the measure `name`; both whole, 0 <= k <= n, n above 0."""
    from scipy.stats import binomtest

    z_value(level)
    if not (is_number(k) and is_number(n) and 0 <= k <= n < 2**53 and n > 0 and k == int(k) and n == int(n)):
        what = f"{k} of {n} is no share of a count"
        remedy = "Give whole numbers, the first at most the second, the second above 0 (is the period empty?)."
        raise DataError(Fault("", what, remedy), name)
    low, high = binomtest(int(k), int(n)).proportion_ci(level, method="wilson")
    return Measure(name, k / n, float(low), float(high), int(n), level)


def ratio(name: str, above: Any, below: Any, level: float = 0.95) -> Measure:
    """Sum / sum over customers, as the measure `name`; the variance is the linearised one of a ratio of means."""
    a, b = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    n, total = len(a), b.sum()
    if n < 2 or total <= 0:
        raise DataError(Fault("", "fewer than two customers, or nothing to divide by", "Choose a longer period."), name)
    r = a.sum() / total
    reach = z_value(level) * math.sqrt(n / (n - 1) * ((a - r * b) ** 2).sum()) / total
    return Measure(name, r, max(r - reach, 0.0), r + reach, n, level)


def divided(name: str, **parts: float) -> Measure:
    """The first of the two named `parts` over the second, as the measure `name`: sums, and no estimate."""
    (above, a), (below, b) = parts.items()
    check_positive(above, a, zero=True)
    check_positive(below, b)
    return Measure(name, a / b)


def numbers(name: str, values: Any, *, least: int = 1, signed: bool = False) -> np.ndarray:
    """A finite array of at least `least` numbers, none below 0 unless `signed`."""
    try:
        x = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(Fault("", "they are no numbers", "Turn them into numbers: pd.to_numeric(...)."), name) from None
    checks = {
        f"they are not a list of {least} or more": x.ndim != 1 or x.size < least,
        "some are missing or infinite": not np.isfinite(x).all(),
        "some are negative": not signed and bool((x < 0).any()),
    }
    faults = [Fault("", what, "Correct them, or leave them out.") for what, wrong in checks.items() if wrong]
    if faults:
        raise DataError(faults, name)
    return x
