"""crm.summarize against hand calculation, the published CDNOW summary, and a plain pandas version."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab as crm
from crmlab.base.errors import OptionError


def test_small_log_by_hand(small_log: pd.DataFrame) -> None:
    result = crm.summarize(small_log, unit="W", end="2024-02-29", holdout_end="2024-03-14")
    # e bought first after the end; c's first day has two rows; the holdout is 14 days
    assert result.customer_id.tolist() == ["a", "b", "c", "d"]
    assert result.frequency.tolist() == [2, 0, 0, 1]
    assert result.recency.to_numpy() == pytest.approx([4, 0, 0, 1 / 7])
    assert result["T"].to_numpy() == pytest.approx([59 / 7, 50 / 7, 45 / 7, 4])
    assert result.monetary_value.to_numpy() == pytest.approx([(25 + 15) / 2, 0, 0, 12])
    assert result.holdout_frequency.tolist() == [0, 0, 1, 2]
    assert result.holdout_monetary_value.to_numpy() == pytest.approx([0, 0, 30, 7])
    assert result.holdout_T.tolist() == [2.0] * 4
    assert result.attrs == {"unit": "W", "end": "2024-02-29", "holdout_end": "2024-03-14"}


def test_end_is_the_last_day_of_the_log(small_log: pd.DataFrame) -> None:
    result = crm.summarize(small_log)
    assert result.attrs["end"] == "2024-03-11"
    assert result.set_index("customer_id")["T"]["a"] == 70


def test_cdnow_sample_equals_the_published_summary() -> None:
    spec = find_spec("lifetimes")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "datasets"
    published = pd.read_csv(folder / "cdnow_customers_summary.csv").set_index("ID")
    ours = crm.summarize(crm.load_cdnow(sample=True), unit="W", end="1997-09-30")
    assert len(ours) == 2357
    # the published file numbers the sample's customers from 1, in an order of its own
    sample = pd.read_csv(folder / "CDNOW_sample.txt", sep=r"\s+", header=None, usecols=[0, 1]).drop_duplicates()
    published = published.loc[ours.customer_id.map(sample.set_index(0)[1])]
    # the file prints two digits
    for column in ("frequency", "recency", "T"):
        np.testing.assert_allclose(ours[column].round(2), published[column], atol=1e-9)
    # Fader & Hardie (2013), The Gamma-Gamma model of monetary value: 946 repeat buyers, mean spend $35.08
    repeat = ours[ours.frequency > 0]
    assert len(repeat) == 946
    assert round(repeat.monetary_value.mean(), 2) == 35.08


def test_grouped_counts_the_same_customers(small_log: pd.DataFrame) -> None:
    log = crm.load_cdnow(sample=True)
    groups = crm.summarize(log, unit="W", end="1997-09-30", grouped=True)
    keys = ["frequency", "recency", "T"]
    expected = crm.summarize(log, unit="W", end="1997-09-30").groupby(keys).size().rename("n_customers").reset_index()
    pd.testing.assert_frame_equal(groups, expected)
    assert "holdout_frequency" in crm.summarize(small_log, end="2024-02-01", holdout_end="2024-03-01", grouped=True)


def test_money_of_all_sizes_stays_exact() -> None:
    """A first purchase of a billion must not swallow later cents (a sum less the first day would lose five digits)."""
    amounts = [1e9, 0.01, 0.02, 1e9, 0.01, 123456.78, 0.01]
    ids = [1, 1, 1, 2, 2, 3, 3]
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 1, 2, 0, 1, 4, 8], unit="D")
    result = crm.summarize(pd.DataFrame({"customer_id": ids, "date": dates, "amount": amounts}))
    np.testing.assert_allclose(result.monetary_value, [0.015, 0.01, 0.01], rtol=1e-13)


logs = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 60), st.integers(1, 10**11)), min_size=1, max_size=40
)  # customer, day, cents


@settings(max_examples=40, deadline=None)
@given(logs, st.integers(0, 60), st.sampled_from(["D", "W", "M"]))
def test_equals_plain_pandas(rows: list[tuple[int, int, int]], last: int, unit: Any) -> None:
    start = pd.Timestamp("2024-01-01")
    log = pd.DataFrame(rows, columns=["customer_id", "day", "cents"])
    log["date"], log["amount"] = start + pd.to_timedelta(log["day"], unit="D"), log["cents"] / 100
    end, holdout_end = start + pd.Timedelta(days=last), start + pd.Timedelta(days=last + 30)
    if last < log["day"].min():
        with pytest.raises(crm.DataError, match="Choose a later end"):
            crm.summarize(log, end=str(end.date()))
        return
    result = crm.summarize(log, unit=unit, end=str(end.date()), holdout_end=str(holdout_end.date()))
    length = {"D": 1, "W": 7, "M": 365.25 / 12}[unit]
    expected = []
    for customer, mine in log.groupby("customer_id"):
        cents = mine.groupby("day")["cents"].sum()
        seen, later = cents[cents.index <= last], cents[(cents.index > last) & (cents.index <= last + 30)]
        if len(seen):
            first = seen.index[0]
            expected.append((
                customer, len(seen) - 1, (seen.index[-1] - first) / length, (last - first) / length,
                seen.iloc[1:].sum() / max(len(seen) - 1, 1) / 100, len(later), later.sum() / max(len(later), 1) / 100,
                30 / length,
            ))  # fmt: skip
    np.testing.assert_allclose(result.to_numpy(dtype=float), np.array(expected, dtype=float), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["int32", "int64", "category", "object", "string", "str", "Int64"])
def test_customer_id_keeps_its_dtype_and_nothing_is_mutated(small_log: pd.DataFrame, dtype: str) -> None:
    if "int" in dtype.lower():
        small_log["customer_id"] = small_log["customer_id"].map(ord)
    small_log["customer_id"] = small_log["customer_id"].astype(dtype)
    before = small_log.copy(deep=True)
    assert crm.summarize(small_log)["customer_id"].dtype == small_log["customer_id"].dtype
    pd.testing.assert_frame_equal(small_log, before)


def test_columns_names_text_dates_and_other_columns(small_log: pd.DataFrame) -> None:
    theirs = small_log.rename(columns={"customer_id": "client", "date": "day", "amount": "paid"})
    theirs["day"] = theirs["day"].dt.strftime("%Y-%m-%d 18:30")
    theirs["note"] = [1, "mixed"] + [None] * (len(theirs) - 2)  # not needed, so not judged
    result = crm.summarize(theirs, columns={"client": "customer_id", "day": "date", "paid": "amount"})
    pd.testing.assert_frame_equal(result, crm.summarize(small_log))


def test_after_end(small_log: pd.DataFrame) -> None:
    with pytest.raises(crm.DataError, match=r"lies after 2024-02-29 in 4 rows \(for example 2024-03-11\)"):
        crm.summarize(small_log, end="2024-02-29", after_end="error")
    with pytest.raises(crm.DataError, match="lies after 2024-03-10 in 1 row "):
        crm.summarize(small_log, end="2024-02-29", holdout_end="2024-03-10", after_end="error")
    crm.summarize(small_log, end="2024-02-29", holdout_end="2024-03-11", after_end="error")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "weeks"}, "'D', 'W', 'M'"),
        ({"after_end": "drop"}, "'ignore', 'error'"),
        ({"end": "30.09.1997"}, "is no date; write it as"),
        ({"holdout_end": "2024-03-01"}, "needs end"),
        ({"end": "2024-03-01", "holdout_end": "2024-03-01"}, "must lie after end"),
    ],
)
def test_wrong_options(small_log: pd.DataFrame, options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        crm.summarize(small_log, **options)


def test_end_before_the_log(small_log: pd.DataFrame) -> None:
    with pytest.raises(crm.DataError, match="starts on 2024-01-01, after end=2023-12-31"):
        crm.summarize(small_log, end="2023-12-31")
