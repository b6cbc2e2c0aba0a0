"""The simulators against probabilities worked out on paper; no model of ours is asked."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.data.simulate import purchase_times

BGNBD = {"r": 0.8, "alpha": 6.0, "a": 0.8, "b": 2.5}
MONEY = {"p": 6.0, "q": 4.0, "v": 90.0}


def test_coin_and_clock_of_equal_customers():
    """With given lambda and p, E[X(t)] = (1 - exp(-lambda p t)) / p (Fader, Hardie & Lee 2005, section 2)."""
    n, rate, p, t = 100_000, 0.2, 0.25, 30.0
    rng = np.random.default_rng(1)
    who, when, left_at = purchase_times(np.full(n, rate), np.full(n, p), np.full(n, t), rng)
    counts = np.bincount(who, minlength=n)
    assert abs(counts.mean() - (1 - np.exp(-rate * p * t)) / p) < 4 * counts.std() / np.sqrt(n)
    assert (when > 0).all() and (when <= t).all()
    # nobody leaves without a purchase; P(alive at t) = exp(-lambda p t)
    assert np.isinf(left_at[counts == 0]).all()
    assert np.mean(left_at > t) == pytest.approx(np.exp(-rate * p * t), abs=4 * 0.5 / np.sqrt(n))


def test_nobody_leaves_where_the_coin_never_falls():
    n = 20_000
    who, _, left_at = purchase_times(np.full(n, 0.5), np.zeros(n), np.full(n, 10.0), np.random.default_rng(2))
    assert np.isinf(left_at).all()
    counts = np.bincount(np.bincount(who, minlength=n), minlength=20)[:14]
    chances = stats.poisson.pmf(np.arange(14), 5.0)  # the counts are then Poisson
    assert stats.chisquare(counts, chances / chances.sum() * counts.sum()).pvalue > 0.001


def test_customers():
    rng = np.random.default_rng(3)
    seen = crm.simulate_customers(50_000, **BGNBD, T=39.0, holdout=39.0, rng=rng)
    assert seen.columns.tolist() == ["frequency", "recency", "T", "holdout_frequency", "rate", "dropout", "alive"]
    assert ((seen["recency"] > 0) == (seen["frequency"] > 0)).all() and (seen["recency"] <= 39).all()
    assert seen["rate"].mean() == pytest.approx(0.8 / 6, rel=0.03)
    assert seen["dropout"].mean() == pytest.approx(0.8 / 3.3, rel=0.03)
    assert (seen.loc[~seen["alive"], "holdout_frequency"] == 0).all()
    assert seen.loc[seen["frequency"] == 0, "alive"].all()
    one = crm.simulate_customers(500, **BGNBD, T=39.0, rng=np.random.default_rng(4))
    two = crm.simulate_customers(500, **BGNBD, T=39.0, rng=np.random.default_rng(4))
    pd.testing.assert_frame_equal(one, two)
    assert one["holdout_frequency"].sum() == 0


def test_log():
    dates = {"start": "2024-01-01", "acquired_until": "2024-01-31", "end": "2024-12-31"}
    log = crm.simulate_log(20_000, **BGNBD, **MONEY, unit="W", **dates, rng=np.random.default_rng(5), first_id=101)
    assert log["date"].is_monotonic_increasing and (log["amount"] > 0).all()
    assert log["customer_id"].min() == 101 and log["customer_id"].nunique() == 20_000
    first = log.groupby("customer_id")["date"].min()
    assert first.min() == pd.Timestamp("2024-01-01") and first.max() == pd.Timestamp("2024-01-31")
    assert log["date"].max() <= pd.Timestamp("2024-12-31")
    # a customer's mean amount is p / nu with 1 / nu inverse gamma: mean p v / (q - 1) = 180
    mean = log.drop_duplicates("customer_id")["amount"]
    assert abs(mean.mean() - 180) < 4 * mean.std() / np.sqrt(len(mean))
    again = crm.simulate_log(20_000, **BGNBD, **MONEY, unit="W", **dates, rng=np.random.default_rng(5), first_id=101)
    pd.testing.assert_frame_equal(log, again)


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(OptionError, match="alpha"):
        crm.simulate_customers(3, r=1, alpha=0, a=1, b=1, T=5, rng=rng)
    with pytest.raises(OptionError, match="T must be"):
        crm.simulate_customers(3, **BGNBD, T=0, rng=rng)
    with pytest.raises(OptionError, match="in this order"):
        crm.simulate_log(3, **BGNBD, **MONEY, unit="W", start="2024-02-01", end="2024-01-01", rng=rng)
    with pytest.raises(OptionError, match="'D', 'W', 'M'"):
        crm.simulate_log(3, **BGNBD, **MONEY, unit="Q", start="2024-01-01", end="2024-02-01", rng=rng)
