"""RFM: scores by hand and by their definition, one rule for every combination, migration and lift."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.base.words import word

COLUMNS = ["customer_id", "days_since_last", "orders", "revenue", "R", "F", "M", "segment"]


def test_ten_customers_by_hand() -> None:
    """Seven of ten bought once: the middle of their group is 3.5 of 10, so they score floor(5 x 0.35) + 1 = 2."""
    orders = [1] * 7 + [2, 3, 4]
    rows = [
        (c, pd.Timestamp("2024-06-30") - pd.Timedelta(days=c + 10 * k), 10.0 * c / n)
        for c, n in enumerate(orders, 1) for k in range(n)
    ]  # fmt: skip
    rows.append((10, pd.Timestamp("2024-07-15"), 500.0))  # after the end
    result = crm.rfm(pd.DataFrame(rows, columns=["customer_id", "date", "amount"]), end="2024-06-30")
    assert result.columns.tolist() == COLUMNS
    assert result.days_since_last.tolist() == list(range(1, 11))
    assert result.orders.tolist() == orders
    np.testing.assert_allclose(result.revenue, np.arange(10, 101, 10))
    assert result.R.tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert result.F.tolist() == [2] * 7 + [4, 5, 5]
    assert result.M.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(2, 10),
)
def test_scores_follow_their_definition(rows: list[tuple[int, int, int]], bins: int) -> None:
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(log.day, unit="D")
    result = crm.rfm(log, bins=bins)
    for score, value in (("R", -result.days_since_last), ("F", result.orders), ("M", result.revenue)):
        v = value.to_numpy()
        for i, x in enumerate(v):
            twice = 2 * (v < x).sum() + (v == x).sum()
            assert result[score].iloc[i] == twice * bins // (2 * len(v)) + 1
    assert result[["R", "F", "M"]].to_numpy().min() >= 1
    assert result[["R", "F", "M"]].to_numpy().max() <= bins
    assert result.segment.isin([r["segment"] for r in crm.segment_rules()]).all()


def test_distinct_values_fill_the_bins_equally() -> None:
    n = 1000
    log = pd.DataFrame({"customer_id": range(n), "date": pd.Timestamp("2024-01-01"), "amount": np.arange(n) + 1.0})
    result = crm.rfm(log, bins=10)
    assert result.M.value_counts().tolist() == [100] * 10
    assert set(result.F) == {6}  # all equal: nobody is better, all in the middle


def matching(r: int, f: int, m: int, bins: int) -> list[str]:
    share = {"R": (r - 0.5) / bins, "F": (f - 0.5) / bins, "M": (m - 0.5) / bins}
    share["FM"] = (f + m - 1) / (2 * bins)
    return [
        rule["segment"] for rule in crm.segment_rules()
        if all(v[0] <= share[k] < v[1] for k, v in rule.items() if k != "segment")
    ]  # fmt: skip


@pytest.mark.parametrize("bins", [3, 5])
def test_every_combination_has_a_rule_and_no_rule_is_dead(bins: int) -> None:
    firsts = {s: matching(*s, bins)[0] for s in itertools.product(range(1, bins + 1), repeat=3)}
    assert len(firsts) == bins**3
    keys = [rule["segment"] for rule in crm.segment_rules()]
    assert len(set(keys)) == len(keys)
    assert set(firsts.values()) == set(keys)
    for key in keys:
        assert word(f"segment.{key}", "en")
        assert word(f"segment.{key}", "fa")


def test_the_segments_of_a_real_log_follow_the_rules() -> None:
    result = crm.rfm(crm.load_cdnow(sample=True), end="1997-09-30", bins=5)
    seen = result.drop_duplicates(["R", "F", "M"])
    assert len(seen) > 20
    for row in seen.itertuples():
        assert matching(row.R, row.F, row.M, 5)[0] == row.segment


def test_own_rules(small_log: pd.DataFrame) -> None:
    rules = [{"segment": "vip", "M": [0.6, 1.0]}, {"segment": "rest", "R": [0.0, 0.6], "F": [0.0, 0.7]}]
    result = crm.rfm(small_log, rules=rules).set_index("customer_id")
    assert set(result.segment) <= {"vip", "rest", "other"}
    assert result.segment["e"] == "vip"
    for wrong in ([{"segment": "x", "Z": [0, 1]}], [{"R": [0, 1]}], [{"segment": "x", "R": [1]}]):
        with pytest.raises(OptionError, match="with any of R, F, M and FM"):
            crm.rfm(small_log, rules=wrong)


@pytest.mark.parametrize("bins", [1, 11, 5.0, "5", True])
def test_wrong_bins(small_log: pd.DataFrame, bins: Any) -> None:
    with pytest.raises(OptionError, match="whole number from 2 to 10"):
        crm.rfm(small_log, bins=bins)


def test_end_before_the_log(small_log: pd.DataFrame) -> None:
    with pytest.raises(crm.DataError, match="starts on 2024-01-01"):
        crm.rfm(small_log, end="2023-01-01")


def test_migration() -> None:
    log = crm.load_cdnow(sample=True)
    before, after = crm.rfm(log, end="1997-02-15"), crm.rfm(log, end="1998-06-30")
    table = crm.segment_migration(before, after)
    assert table.loc["absent"].sum() == len(after) - len(before) > 0
    assert table["absent"].sum() == 0
    assert table.to_numpy().sum() == len(after)
    both = before.merge(after, on="customer_id")
    there = ((both.segment_x == "champions") & (both.segment_y == "lost")).sum()
    assert table.loc["champions", "lost"] == there
    shares = crm.segment_migration(before, after, share=True)
    np.testing.assert_allclose(shares.sum(axis=1)[table.sum(axis=1) > 0], 1)
    with pytest.raises(crm.DataError, match="stands twice in 1 row"):
        crm.segment_migration(pd.concat([before, before.head(1)]), after)
    with pytest.raises(crm.DataError, match="'segment': is missing"):
        crm.segment_migration(before.drop(columns="segment"), after)


def test_lift_by_hand_and_against_statsmodels() -> None:
    rfm = pd.DataFrame({"customer_id": range(8), "segment": ["champions"] * 4 + ["lost"] * 4})
    holdout = pd.DataFrame({
        "customer_id": range(8), "holdout_frequency": [2, 1, 1, 0, 1, 0, 0, 0],
        "holdout_monetary_value": [10.0, 5.0, 5.0, 0.0, 10.0, 0.0, 0.0, 0.0],
    })  # fmt: skip
    table = crm.segment_lift(rfm, holdout).set_index("segment")
    top = table.loc["champions"]
    assert (top.customers, top.bought, top.orders, top.revenue) == (4, 0.75, 1.0, 7.5)
    assert top.lift == pytest.approx(7.5 / 5)  # all: 40 of money over 8 customers
    assert top.bought_lift == pytest.approx(0.75 / 0.5)
    low, high = proportion_confint(3, 4, method="wilson")
    assert (top.bought_low, top.bought_high) == pytest.approx((low, high))
    assert table.loc["all", ["lift", "lift_low", "lift_high"]].tolist() == [1, 1, 1]
    assert top.lift_low < top.lift < top.lift_high


def test_lift_intervals_agree_with_the_bootstrap() -> None:
    log = crm.load_cdnow(sample=True)
    holdout = crm.summarize(log, end="1997-09-30", holdout_end="1998-06-30")
    rfm = crm.rfm(log, end="1997-09-30")
    table = crm.segment_lift(rfm, holdout).set_index("segment")
    both = rfm.merge(holdout, on="customer_id")
    y = (both.holdout_frequency * both.holdout_monetary_value).to_numpy()
    inside = (both.segment == "champions").to_numpy()
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(1000):
        i = rng.integers(0, len(y), len(y))
        drawn.append(y[i][inside[i]].mean() / y[i].mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    width = table.lift_high["champions"] - table.lift_low["champions"]
    # 1,000 draws place a 2.5% quantile within about a tenth of the interval's width
    assert table.lift_low["champions"] == pytest.approx(low, abs=0.12 * width)
    assert table.lift_high["champions"] == pytest.approx(high, abs=0.12 * width)


def test_lift_needs_the_same_customers() -> None:
    log = crm.load_cdnow(sample=True)
    holdout = crm.summarize(log, end="1997-09-30", holdout_end="1998-06-30")
    with pytest.raises(crm.DataError, match="is in one table only in 1 row"):
        crm.segment_lift(crm.rfm(log).iloc[1:], holdout)
    with pytest.raises(crm.DataError, match="'holdout_frequency': is missing"):
        crm.segment_lift(crm.rfm(log), crm.summarize(log))
