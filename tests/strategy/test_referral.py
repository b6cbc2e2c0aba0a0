"""Referrals: by hand, generation by generation, and against simulated family trees."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from crmlab.base.errors import AssumptionWarning, OptionError
from crmlab.strategy.referral import referral_value


def test_by_hand() -> None:
    """100 each, half a friend a year later at 25%: 100 (1 + 0.4 + 0.16 + ...) = 100 / 0.6; with a reward of 20,
    (100 - 0.4 x 20) / 0.6."""
    plain = referral_value(100, 0.5, annual_discount=0.25)
    assert plain["value"] == pytest.approx(100 / 0.6) and plain["reproduction"] == pytest.approx(0.4)
    assert plain["referred"] == pytest.approx(100 / 0.6 - 100) and plain["customers"] == pytest.approx(2)
    assert referral_value(100, 0.5, annual_discount=0.25, reward=20)["value"] == pytest.approx(92 / 0.6)
    none = referral_value(100, 0.0, value_se=10)
    assert none[["value", "low", "high"]].tolist() == pytest.approx([100, 100 - 19.59964, 100 + 19.59964])


def test_generations_add_up() -> None:
    delta = 1.1**-0.5
    by_hand = sum((0.8 * delta) ** k * 50 - (k > 0) * (0.8 * delta) ** k * 6 for k in range(400))
    assert referral_value(50, 0.8, delay=0.5, reward=6)["value"] == pytest.approx(by_hand)


def test_against_simulated_trees() -> None:
    """40,000 Galton-Watson trees, Poisson(0.6) friends, each after a year, values exponential with mean 40. The mean
    of the trees lies within 4 of its standard errors of the formula (by chance outside: 1 in 16,000)."""
    rng, n, delta = np.random.default_rng(3), 40_000, 1 / 1.1
    tree, factor, total = np.arange(n), 1.0, np.zeros(n)
    total += rng.exponential(40, n)
    while len(tree):
        tree = np.repeat(tree, rng.poisson(0.6, len(tree)))
        factor *= delta
        total += np.bincount(tree, factor * (rng.exponential(40, len(tree)) - 5), minlength=n)
    expected = referral_value(40, 0.6, reward=5)["value"]
    assert abs(total.mean() - expected) < 4 * total.std() / np.sqrt(n)
    assert 4 * total.std() / np.sqrt(n) < 0.03 * expected  # the test can tell 3%


def test_interval_covers() -> None:
    """95% of 2,000 intervals from noisy estimates hold the truth; the count's standard deviation is 10."""
    rng, truth, caught = np.random.default_rng(8), referral_value(40, 0.5)["value"], 0
    for value, brought in zip(rng.normal(40, 2, 2000), rng.normal(0.5, 0.08, 2000), strict=True):
        row = referral_value(value, brought, value_se=2, referrals_se=0.08)
        caught += row["low"] <= truth <= row["high"]
    assert abs(caught - 1900) < 40


def test_interval_is_lopsided_and_grows_with_uncertainty() -> None:
    row = referral_value(40, 0.5, referrals_se=0.1)
    assert row["high"] - row["value"] > row["value"] - row["low"] > 0
    # only R uncertain and no reward: the bounds are the formula at R -+ 1.96 x 0.1
    ends = [referral_value(40, 0.5 + sign * 0.1 * 1.959964)["value"] for sign in (-1, 1)]
    assert row[["low", "high"]].tolist() == pytest.approx(ends)


def test_no_end() -> None:
    with pytest.raises(OptionError, match="has no end"):
        referral_value(40, 1.2)
    with pytest.raises(OptionError, match="has no end"):
        referral_value(40, 1.1)  # exactly 1 / delta
    with pytest.warns(AssumptionWarning, match="larger than the last"):
        row = referral_value(40, 1.05)
    assert row["customers"] == np.inf and row["value"] == pytest.approx(40 / (1 - 1.05 / 1.1))
    with pytest.warns(AssumptionWarning, match="no upper limit"):
        row = referral_value(40, 0.9, referrals_se=0.2)
    assert row["high"] == np.inf and 40 < row["low"] < row["value"]
    with pytest.raises(OptionError, match="ask more"):
        referral_value(1, 0.9, value_se=50, referrals_se=5)


@pytest.mark.parametrize("name", ["value", "referrals", "delay", "annual_discount", "reward", "value_se"])
def test_wrong_numbers(name: str) -> None:
    for bad in (-1, float("nan"), None):
        with warnings.catch_warnings(), pytest.raises(OptionError, match=name):
            referral_value(**({"value": 40, "referrals": 0.2} | {name: bad}))
