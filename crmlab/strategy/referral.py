"""Word of mouth: what a customer is worth together with those whom that customer brings."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, OptionError, check_positive
from crmlab.base.fit import z_value


def referral_value(
    value: float, referrals: float, *, delay: float = 1.0, annual_discount: float = 0.10, reward: float = 0.0,
    value_se: float = 0.0, referrals_se: float = 0.0, level: float = 0.95,
) -> pd.Series:  # fmt: skip
    """What is a customer worth who brings others, who bring others in turn?

    Each customer has the own `value` (money) and brings `referrals` = R new ones on average, each `delay` years after
    her own start and each for a `reward` paid then. The total repeats itself in every generation (a branching process):

        total = value + R delta (total - reward),  so  total = (value - R delta reward) / (1 - R delta),

    with delta = (1 + annual_discount)^-delay. It is finite only where R delta < 1, else OptionError; between
    1 <= R < 1 / delta the value is finite but the crowd grows without end, which no market does (AssumptionWarning).

    Returns own, referred (total - own), value (the total), low, high, multiplier (total / own), reproduction
    (R delta) and customers (all generations, 1 / (1 - R)). The interval is Fieller's (1954), for a ratio of two
    uncertain numbers, from independent normal errors `value_se` and `referrals_se`: lopsided, and without an upper end
    (inf, and an AssumptionWarning) where R might reach 1 / delta. The branching value of referrals: cf. Kumar, Petersen
    & Leone (2007), Harvard Business Review 85(10), who measure it customer by customer.

    >>> referral_value(40, 0.5, delay=0)[["own", "referred", "value"]].tolist()
    [40.0, 40.0, 80.0]
    """
    check_positive("value", value)
    for name, number in (
        ("referrals", referrals), ("delay", delay), ("annual_discount", annual_discount), ("reward", reward),
        ("value_se", value_se), ("referrals_se", referrals_se),
    ):  # fmt: skip
        check_positive(name, number, zero=True)
    z = z_value(level)
    delta = (1 + annual_discount) ** -delay
    below, above = 1 - referrals * delta, value - referrals * delta * reward
    if below <= 0:
        raise OptionError(
            f"referrals={referrals!r}: each customer brings {referrals * delta:.2f} others in today's money, so every "
            "generation is worth at least as much as the one before and the sum has no end. No market is that large: "
            f"take the average over all customers, new and old (below {1 / delta:.2f}), or a horizon."
        )
    if referrals >= 1:
        text = (
            f"referrals={referrals:g}: each generation is larger than the last. The value is finite, the crowd is not."
        )
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    total = above / below
    spread = (delta * referrals_se) ** 2
    variances = value_se**2 + reward**2 * spread, reward * spread, spread
    low, high = _fieller(above, below, *variances, z)
    if high == np.inf:
        text = f"R may be as high as {1 / delta:.2f}, where the value has no end: no upper limit. Ask more customers."
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    crowd = 1 / (1 - referrals) if referrals < 1 else np.inf
    return pd.Series(
        {
            "own": value, "referred": total - value, "value": total, "low": low, "high": high,
            "multiplier": total / value, "reproduction": referrals * delta, "customers": crowd,
        },
        dtype=float,
    )  # fmt: skip


def _fieller(a: float, b: float, var_a: float, cov: float, var_b: float, z: float) -> tuple[float, float]:
    """Bounds t of a / b with (a - t b)^2 <= z^2 var(a - t b), for b > 0."""
    square, middle, rest = b**2 - z**2 * var_b, a * b - z**2 * cov, a**2 - z**2 * var_a
    root = np.sqrt(max(middle**2 - square * rest, 0.0))
    if square > 0:
        return (middle - root) / square, (middle + root) / square
    if square == 0 or middle**2 <= square * rest:
        raise OptionError(
            "The standard errors are so large that the data say nothing on the value; ask more customers."
        )
    return (middle - root) / square, np.inf
