"""Iso-value curves: the map is lifetime_value's, and the paradox of the frequent and silent is in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError


@pytest.fixture(scope="module")
def table(fit, spend):
    return crm.iso_value(fit, spend, T=39, top=20, points=39)


def test_a_cell_is_that_customers_value(fit, spend, table):
    """Purchases of three years in weekly steps from equation 10, each discounted at its week's middle, by hand."""
    one = pd.DataFrame({"frequency": [4], "recency": [30.0], "T": [39.0]})
    weeks = np.linspace(0, 3 * 365.25 / 7, 1001)
    orders = np.diff([fit.expected_purchases(one, week).iloc[0] for week in weeks])
    middle = (weeks[1:] + weeks[:-1]) / 2 * 7 / 365.25
    p, q, v = spend.theta
    mean = p * v / (q - 1)
    money = p * (v + 4 * mean) / (4 * p + q - 1)  # note 025, equation 5, at the mean spend
    assert table.loc[4, 30.0] == pytest.approx(0.30 * money * (orders * 1.10**-middle).sum(), rel=1e-4)


def test_later_is_always_worth_more_but_more_is_not(table):
    assert (table.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
    assert table[39.0].is_monotonic_increasing  # bought just now: the more the better
    silent = table[13.0]  # last bought in week 13 of 39
    assert silent.idxmax() < 5 and silent[20] < 0.05 * silent.max()
    turning = table.idxmax()
    assert turning.is_monotonic_increasing  # the later the last purchase, the later more turns into less


def test_money_scales_it(fit, spend, table):
    """The expected spend is linear in the mean observed, so that the map is, at every frequency."""
    low, high = (crm.iso_value(fit, spend, T=39, top=3, points=3, monetary_value=m) for m in (20, 40))
    middle = crm.iso_value(fit, spend, T=39, top=3, points=3, monetary_value=30)
    assert ((low + high) / 2).to_numpy() == pytest.approx(middle.to_numpy())


@pytest.mark.parametrize(
    "wrong", [{"T": 0}, {"T": 39, "top": 1}, {"T": 39, "points": 0}, {"T": 39, "monetary_value": -3}]
)
def test_wrong_options(fit, spend, wrong):
    with pytest.raises(OptionError, match=list(wrong)[-1]):
        crm.iso_value(fit, spend, **wrong)


@pytest.mark.usefixtures("agg")
@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_picture_labels_its_curves(table, language):
    ax = crm.plot_iso_value(table, levels=[10, 50, 100], language=language)
    assert {text.get_text() for text in ax.texts} >= {"10", "50", "100"}
    own = crm.plot_iso_value(table, language=language)
    assert "20" in {text.get_text() for text in own.texts}
