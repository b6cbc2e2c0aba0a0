"""Concentration against hand calculation and distributions whose Gini and top share are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError


def test_five_customers_by_hand() -> None:
    """1, 1, 2, 4, 12: the sum of i x_i is 1 + 2 + 6 + 16 + 60 = 85, so Gini = 2 x 85 / (5 x 20) - 6 / 5 = 0.5.

    The best brings 12 of 20.
    """
    result = crm.concentration([4, 1, 12, 1, 2], draws=100)
    assert result.gini == pytest.approx(0.5)
    assert result.top_share == pytest.approx(0.6)
    np.testing.assert_allclose(result.lorenz.share_of_customers, [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(result.lorenz.share_of_value, [0, 0.05, 0.1, 0.2, 0.4, 1])
    # 30% of 5 customers is one and a half: 12 and half of 4
    assert crm.concentration([4, 1, 12, 1, 2], top=0.3, draws=100).top_share == pytest.approx(14 / 20)


def test_extremes() -> None:
    equal = crm.concentration(np.full(50, 7.0), draws=100)
    assert equal.gini == pytest.approx(0, abs=1e-12)
    assert equal.top_share == pytest.approx(0.2)
    one = crm.concentration([0] * 49 + [1], draws=100)
    assert one.gini == pytest.approx(49 / 50)
    assert one.top_share == pytest.approx(1)


def test_exponential_has_gini_one_half() -> None:
    """Gini 1/2; the top fifth brings 0.2 (1 + ln 5) = 52.2%. The standard error of 20,000 draws is about 0.002."""
    values = np.random.default_rng(1).exponential(size=20_000)
    result = crm.concentration(values, draws=200)
    assert result.gini == pytest.approx(0.5, abs=0.01)
    assert result.top_share == pytest.approx(0.2 * (1 + np.log(5)), abs=0.01)
    assert result.gini_interval[0] < 0.5 < result.gini_interval[1]
    assert result.verdict == "less_than_claimed"


def test_pareto_with_alpha_log4_of_5_is_80_20() -> None:
    """Means of 1,000 equal slices, from the Lorenz curve 1 - (1 - p)^(1 - 1/alpha); Gini is 1 / (2 alpha - 1)."""
    alpha = np.log(5) / np.log(4)
    slices = np.diff(1 - (1 - np.linspace(0, 1, 1001)) ** (1 - 1 / alpha))
    result = crm.concentration(slices, draws=300)
    assert result.top_share == pytest.approx(0.8, abs=1e-12)
    # the slices leave out the inequality within them: below 1/1000 of the area
    assert result.gini == pytest.approx(1 / (2 * alpha - 1), abs=1e-3)
    assert result.verdict == "compatible"
    assert result.p_value > 0.2


def test_verdicts() -> None:
    values = np.random.default_rng(1).exponential(size=500)
    assert crm.concentration(values, claim=0.3, draws=200).verdict == "more_than_claimed"
    assert crm.concentration(values, claim=0.52, draws=200).verdict == "compatible"


def test_same_again_by_default_and_other_with_another_generator() -> None:
    values = pd.Series([1.0, 5.0, 9.0, 30.0])
    one, two = crm.concentration(values, draws=100), crm.concentration(values, draws=100)
    assert one.gini_interval == two.gini_interval
    other = crm.concentration(np.arange(1, 200) ** 2, draws=100, rng=np.random.default_rng(5))
    assert other.gini_interval != crm.concentration(np.arange(1, 200) ** 2, draws=100).gini_interval


def test_bootstrap_interval_covers_the_truth() -> None:
    """Of 200 samples of 300 exponential customers, 95% should cover Gini 1/2; below 90% has probability 0.002."""
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(200):
        low, high = crm.concentration(rng.exponential(size=300), draws=200, rng=rng).gini_interval
        hits += low < 0.5 < high
    assert 0.89 <= hits / 200 <= 0.99


def test_summary_and_html() -> None:
    result = crm.concentration([1, 1, 2, 4, 12], draws=100)
    assert result.summary().loc["gini", "estimate"] == pytest.approx(0.5)
    assert "top_share" in result._repr_html_()


def test_bad_values_all_at_once() -> None:
    with pytest.raises(crm.DataError) as error:
        crm.concentration([1, -2, np.nan, np.inf, -3])
    assert [(f.what, f.rows, f.example) for f in error.value.faults] == [
        ("are missing or NaN", 1, "position 2: nan"),
        ("are infinite", 1, "position 3: inf"),
        ("are negative", 2, "position 1: -2.0"),
    ]
    for values in ([0, 0], [1], []):
        with pytest.raises(crm.DataError, match="fewer than two customers, or no value"):
            crm.concentration(values)
    with pytest.raises(crm.DataError, match="pd.to_numeric"):
        crm.concentration(["a", "b"])


@pytest.mark.parametrize("options", [{"top": 1.0}, {"top": 0}, {"claim": 2}, {"draws": 5}, {"draws": 1e3}])
def test_wrong_options(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="is not usable"):
        crm.concentration([1, 2, 3], **options)  # type: ignore[arg-type]
