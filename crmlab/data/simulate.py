"""Customers and logs with known truth. No model is imported here, so that a recovery test stays independent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_positive
from crmlab.base.period import Unit, days_per


def purchase_times(
    rate: np.ndarray, dropout: np.ndarray, until: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When do customers buy again? Exponential gaps; after each repeat purchase a coin decides on leaving.

    Arguments are arrays of one entry a customer: purchases per unit, chance to leave after a repeat
    purchase, and the length of observation. Returns (customer number, time since the first purchase) of
    every repeat purchase, and the time at which each customer left (infinite where still there).
    """
    left_at = np.full(len(rate), np.inf)
    active = np.flatnonzero(rate > 0)
    clock = np.zeros(len(rate))
    who, when = [], []
    while len(active):
        clock[active] += rng.exponential(1 / rate[active])
        active = active[clock[active] <= until[active]]
        who.append(active)
        when.append(clock[active])
        left = rng.random(len(active)) < dropout[active]
        left_at[active[left]] = clock[active[left]]
        active = active[~left]
    if not who:
        return np.zeros(0, dtype=np.int64), np.zeros(0), left_at
    return np.concatenate(who), np.concatenate(when), left_at


def simulate_customers(
    n: int, *, r: float, alpha: float, a: float, b: float, T: float | np.ndarray, rng: np.random.Generator,
    holdout: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """What would n customers of the BG/NBD story do? (Fader, Hardie & Lee 2005, section 2)

    Purchase rates are Gamma(r, rate alpha), dropout chances Beta(a, b). `T` is the length of observation
    of each customer (a number or n numbers), `holdout` of the time after it, all in one unit. Returns
    frequency, recency, T, holdout_frequency and the truth that no firm sees: rate, dropout, alive (at T).

    >>> simulate_customers(3, r=1, alpha=2, a=1, b=3, T=10, rng=np.random.default_rng(1)).shape
    (3, 7)
    """
    for name, value in (("r", r), ("alpha", alpha), ("a", a), ("b", b)):
        check_positive(name, value)
    check_positive("holdout", holdout, zero=True)
    observed = np.broadcast_to(np.asarray(T, dtype=float), (n,))
    if n and not (np.isfinite(observed).all() and (observed > 0).all()):
        raise OptionError("T must be finite and above 0.")
    rate = rng.gamma(r, 1 / alpha, n)
    dropout = rng.beta(a, b, n)
    who, when, left_at = purchase_times(rate, dropout, observed + holdout, rng)
    seen = when <= observed[who]
    frequency = np.bincount(who[seen], minlength=n)
    recency = np.zeros(n)
    np.maximum.at(recency, who[seen], when[seen])
    later = np.bincount(who[~seen], minlength=n)
    return pd.DataFrame(
        {
            "frequency": frequency, "recency": recency, "T": observed, "holdout_frequency": later,
            "rate": rate, "dropout": dropout, "alive": left_at > observed,
        }
    )  # fmt: skip


def simulate_log(
    n: int, *, r: float, alpha: float, a: float, b: float, p: float, q: float, v: float, unit: Unit,
    start: str, end: str, acquired_until: str | None = None, rng: np.random.Generator, first_id: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """What would the shop's log look like? One row a purchase: customer_id, date, amount.

    First purchases fall evenly on the days from `start` to `acquired_until` (default: `start`); repeat
    purchases follow the BG/NBD story (rates per `unit`) until `end`; amounts follow the Gamma-Gamma story
    with p, q, v (Fader & Hardie 2013): a customer's mean level, and gamma noise around it.
    """
    for name, value in (("p", p), ("q", q), ("v", v), ("r", r), ("alpha", alpha), ("a", a), ("b", b)):
        check_positive(name, value)
    day0, last = np.datetime64(start, "D"), np.datetime64(end, "D")
    acquired = np.datetime64(acquired_until or start, "D")
    if not day0 <= acquired <= last:
        raise OptionError(f"start={start}, acquired_until={acquired}, end={end} must be in this order.")
    joined = rng.integers(0, int((acquired - day0).astype(int)) + 1, n)
    until = int((last - day0).astype(int)) - joined
    rate = rng.gamma(r, 1 / alpha, n) / days_per(unit)
    # purchases count until the end of the last day, hence + 1
    who, when, _ = purchase_times(rate, rng.beta(a, b, n), until + 1.0, rng)
    customer = np.concatenate([np.arange(n), who])
    day = np.concatenate([joined, joined[who] + np.minimum(np.floor(when).astype(int), until[who])])
    level = rng.gamma(q, 1 / v, n)
    amount = np.maximum(np.round(rng.gamma(p, 1.0, len(customer)) / level[customer], 2), 0.01)
    order = np.lexsort((customer, day))
    log = {
        "customer_id": customer + first_id,
        "date": (day0 + day).astype("datetime64[us]"),
        "amount": amount,
    }
    return pd.DataFrame({name: column[order] for name, column in log.items()})
