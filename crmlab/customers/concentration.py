"""How much of the value comes from how few: Lorenz curve, Gini, and the 80/20 claim put to a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_positive

Verdict = Literal["less_than_claimed", "compatible", "more_than_claimed"]


@dataclass(frozen=True)
class Concentration:
    """Result of `concentration`: the estimates, their 95% intervals, the curve and the verdict on the claim."""

    n: int
    gini: float
    gini_interval: tuple[float, float]
    top: float
    top_share: float
    top_share_interval: tuple[float, float]
    claim: float
    p_value: float
    verdict: Verdict
    draws: int
    lorenz: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """The estimates with their intervals, a row each, and the claim's p-value."""
        rows = [
            ("gini", self.gini, *self.gini_interval, np.nan, np.nan),
            ("top_share", self.top_share, *self.top_share_interval, self.claim, self.p_value),
        ]
        names = ["measure", "estimate", "low", "high", "claim", "p_value"]
        return pd.DataFrame(rows, columns=names).set_index("measure")

    def _repr_html_(self) -> str:
        verdict = self.verdict.replace("_", " ")
        caption = f"Top {self.top:.0%} of {self.n:,} customers; claim {self.claim:.0%}: {verdict}"
        return self.summary().round(4).to_html(na_rep="") + f"<p>{caption}</p>"


def concentration(
    values: Any,
    *,
    top: float = 0.20,
    claim: float = 0.80,
    draws: int = 2000,
    rng: np.random.Generator | None = None,
) -> Concentration:
    """Do the best 20% of customers bring 80% of the value?

    Parameters
    ----------
    values
        A number per customer, such as ``rfm(log).revenue``: finite, not negative, not all 0.
    top, claim
        Share of the customers, and the share of the value that they are said to bring.
    draws
        Bootstrap samples. Each costs as much as there are customers: 2,000 draws of 25,000 take a few seconds.
    rng
        Default ``np.random.default_rng(0)``, so that the result is the same every time.

    Returns
    -------
    A `Concentration`: gini and top_share with 95% percentile intervals from resampled customers,
    the Lorenz curve (share_of_customers from the smallest up, share_of_value), and for the claim a two-sided
    bootstrap p_value and a verdict at 5%: "less_than_claimed", "compatible" or "more_than_claimed".

    Raises
    ------
    DataError
        Values that are missing, infinite, negative, or all 0.

    Notes
    -----
    Gini = 2 sum(i x_i) / (n sum x) - (n + 1) / n with x ascending: 0 when all are equal, (n - 1) / n when one has
    all. Where `top` x n is no whole number, the Lorenz curve is read on a straight line between two customers.
    Gini (1914); the bootstrap after Mills & Zandvakili (1997), Journal of Applied Econometrics 12(2). Where
    very few customers hold most of the value, a sample's top share is too low and the interval too narrow.

    >>> result = concentration([1, 1, 2, 4, 12], draws=200)
    >>> round(result.gini, 4), round(result.top_share, 4)
    (0.5, 0.6)
    """
    for name, share in (("top", top), ("claim", claim)):
        check_positive(name, share)
        if share >= 1:
            raise OptionError(f"{name}={share!r} is not usable; it is a share between 0 and 1, such as 0.20.")
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise OptionError(f"draws={draws!r} is not usable; it must be a whole number, 100 or more.")
    x = np.sort(_checked(values))
    n = len(x)
    generator = np.random.default_rng(0) if rng is None else rng
    gini, top_share = _measures(np.ones(n, dtype=np.int64), x, top)
    drawn = np.empty((draws, 2))
    for i in range(draws):
        counts = np.bincount(generator.integers(0, n, n), minlength=n)
        drawn[i] = _measures(counts, x, top)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    below, above = (drawn[:, 1] <= claim).sum(), (drawn[:, 1] >= claim).sum()
    p_value = min(1.0, 2 * (min(below, above) + 1) / (draws + 1))
    verdict: Verdict = "compatible"
    if p_value < 0.05:
        verdict = "less_than_claimed" if top_share < claim else "more_than_claimed"
    curve = np.concatenate([[0.0], np.cumsum(x)]) / x.sum()
    lorenz = pd.DataFrame({"share_of_customers": np.arange(n + 1) / n, "share_of_value": curve})
    return Concentration(
        n, gini, (float(low[0]), float(high[0])), top, top_share, (float(low[1]), float(high[1])), claim,
        float(p_value), verdict, draws, lorenz,
    )  # fmt: skip


def _measures(counts: np.ndarray, x: np.ndarray, top: float) -> tuple[float, float]:
    """Gini and top share of the ascending `x`, each value standing `counts` times."""
    customers, value = np.cumsum(counts), np.cumsum(counts * x)
    n, total = customers[-1], value[-1]
    if total == 0:
        return 0.0, top  # a sample of customers without value: all are equal
    # the ranks of a value's copies add up to counts x (their mean rank)
    # (a plain sum: BLAS threads cost more than they bring here)
    gini = 2 * (counts * (customers - (counts - 1) / 2) * x).sum() / (n * total) - (n + 1) / n
    at = (1 - top) * n
    i = int(np.searchsorted(customers, at - 1e-9))
    below = value[i] - (customers[i] - at) * x[i]
    return float(gini), float(1 - below / total)


def _checked(values: Any) -> np.ndarray:
    name = "values"
    try:
        x = np.asarray(values, dtype=float).ravel()
    except (TypeError, ValueError):
        raise DataError(Fault("", "they are no numbers", "Turn them into numbers: pd.to_numeric(...)."), name) from None
    faults = []
    for what, wrong in (
        ("are missing or NaN", np.isnan(x)), ("are infinite", np.isinf(x)), ("are negative", x < 0),
    ):  # fmt: skip
        if wrong.any():
            at = int(np.argmax(wrong))
            remedy = "Leave these customers out, or net their returns first: crm.clean(log, returns='net')."
            faults.append(Fault("", what, remedy, int(wrong.sum()), f"position {at}: {x[at]}"))
    if not faults and (len(x) < 2 or x.sum() == 0):
        faults.append(Fault("", "there are fewer than two customers, or no value", "Give a number per customer."))
    if faults:
        raise DataError(faults, name)
    return x
