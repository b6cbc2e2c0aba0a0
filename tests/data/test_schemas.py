"""The contracts: every fault of a log or a summary at once, with column, rows, example and remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.data.schemas import check_summary


def faults_of(log: pd.DataFrame, **options: Any) -> dict[tuple[str, str], tuple[int | None, str, str]]:
    with pytest.raises(crm.DataError) as error:
        crm.summarize(log, **options)
    for fault in error.value.faults:
        assert fault.remedy.endswith(".")
        assert str(fault) in str(error.value)
    return {(f.column, f.what): (f.rows, str(f.example), f.remedy) for f in error.value.faults}


def test_all_faults_of_a_log_at_once() -> None:
    log = pd.DataFrame({
        "customer_id": ["a", " ", None, "b", "c", "d"],
        "date": ["2024-01-01", "2024-02-30", None, "1402-05-12", "2024-01-01T10:30:00", "2024-01-01T10:30:00Z"],
        "amount": [1.0, -np.inf, np.nan, -3.0, np.inf, 2.0],
    })  # fmt: skip
    found = faults_of(log)
    assert {k: v[:2] for k, v in found.items()} == {
        ("customer_id", "names no customer"): (2, "a row dated 2024-02-30"),
        ("date", "is missing"): (1, "None"),
        ("date", "is no date in ISO form"): (2, "2024-01-01T10:30:00Z"),
        ("date", "lies before 1900-01-01"): (1, "1402-05-12"),
        ("amount", "is missing"): (1, "None"),
        ("amount", "is infinite"): (2, "-inf"),
        ("amount", "is negative"): (2, "-inf"),
    }
    assert "Jalali" in found["date", "lies before 1900-01-01"][2]
    assert "crm.clean(log, returns=" in found["amount", "is negative"][2]
    assert "crm.clean(log)" in found["customer_id", "names no customer"][2]


def test_missing_columns_name_the_nearest_and_other_faults_still_show() -> None:
    log = pd.DataFrame({"Customer ID": [1.0, 2.0], "date": "2024-01-01", "amount": ["12,50", "free"]})
    found = faults_of(log)
    assert "columns={'Customer ID': 'customer_id'}" in found["customer_id", "is missing"][2]
    assert found["amount", "is no number but string"][:2] == (2, "12,50")
    assert len(faults_of(pd.DataFrame({"x": [1]}))) == 3


def test_time_zones_dates_that_are_numbers_and_float_ids() -> None:
    date = pd.Timestamp("2024-01-01", tz="Asia/Tehran")
    log = pd.DataFrame({"customer_id": [1.0, np.nan], "date": date, "amount": 1.0})
    found = faults_of(log)
    rows, _, remedy = found["date", "has a time zone, and the day depends on it"]
    assert rows == 2
    assert "dt.tz_convert('Europe/Berlin').dt.tz_localize(None)" in remedy
    assert found["customer_id", "names no customer"][0] == 1
    assert faults_of(log.dropna().assign(date=20240101))["date", "is no date but int64"][0] == 1


def test_nan_inside_parquet(tmp_path: Any) -> None:
    """pandas turns NaN into a missing value on the way in; a file of another program may hold NaN itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"customer_id": [1.0, float("nan")], "date": ["2024-01-01"] * 2, "amount": [float("nan"), 1.0]})
    pq.write_table(table, tmp_path / "log.parquet")
    found = faults_of(tmp_path / "log.parquet")  # type: ignore[arg-type]
    assert found["amount", "is not a number (NaN)"][0] == 1
    assert found["customer_id", "names no customer"][0] == 1


def test_empty() -> None:
    log = pd.DataFrame({"customer_id": [1], "date": ["2024-01-01"], "amount": [1.0]}).head(0)
    assert ("", "the log has no rows") in faults_of(log)


GOOD = {
    "frequency": [0, 2], "recency": [0.0, 3.0], "T": [5.0, 6.0], "monetary_value": [0.0, 4.5], "n_customers": [1, 2],
}  # fmt: skip


def summary_faults(needs: tuple[str, ...] = ("frequency", "recency", "T"), **columns: Any) -> list[Any]:
    with pytest.raises(crm.DataError) as error:
        check_summary(pd.DataFrame(GOOD | columns), needs)
    assert all(f.remedy.endswith(".") for f in error.value.faults)
    return [(f.column, f.what, f.rows, f.example) for f in error.value.faults]


def test_a_good_summary_passes() -> None:
    check_summary(pd.DataFrame(GOOD), ("frequency", "recency", "T", "monetary_value"))
    check_summary(pd.DataFrame(GOOD | {"recency": [0.0, 6.0 + 1e-12]}))  # equal but for rounding
    check_summary(crm.summarize(crm.load_cdnow(sample=True), unit="W"))


@pytest.mark.parametrize(
    ("columns", "what", "example"),
    [
        ({"recency": [0.0, 7.0]}, "is greater than T", "row 1: recency 7.0, T 6.0"),
        ({"recency": [1.0, 3.0]}, "is above 0 where frequency is 0", "row 0: recency 1.0, frequency 0"),
        ({"recency": [0.0, 0.0]}, "is 0 where frequency is above 0", "row 1: recency 0.0, frequency 2"),
        ({"frequency": [0, 1.5]}, "is not a whole number", "row 1: frequency 1.5"),
        ({"frequency": [-1, 2]}, "is negative", "row 0: frequency -1"),
        ({"T": [np.nan, 6.0]}, "is missing or NaN", "row 0: T nan"),
        ({"T": [np.inf, 6.0]}, "is infinite", "row 0: T inf"),
        ({"T": ["5", "6"]}, "is no number but str", "row 0: T 5"),
        ({"n_customers": [0, 1]}, "is not a positive whole number", "row 0: n_customers 0"),
        ({"n_customers": [1, 1.5]}, "is not a positive whole number", "row 1: n_customers 1.5"),
    ],
)
def test_each_fault_of_a_summary(columns: Any, what: str, example: str) -> None:
    ((column, found, _, shown),) = summary_faults(**columns)
    assert (column, found, shown) == (next(iter(columns)), what, example)


def test_all_faults_of_a_summary_at_once() -> None:
    found = summary_faults(
        ("frequency", "recency", "T", "monetary_value", "cost"),
        frequency=[0, -2], recency=[1.0, 9.0], T=[np.nan, 6.0], monetary_value=[-1.0, np.inf],
    )  # fmt: skip
    assert {(c, w) for c, w, _, _ in found} == {
        ("cost", "is missing"), ("frequency", "is negative"), ("recency", "is above 0 where frequency is 0"),
        ("recency", "is greater than T"), ("T", "is missing or NaN"), ("monetary_value", "is negative"),
        ("monetary_value", "is infinite"),
    }  # fmt: skip


def test_zero_spend_matters_only_where_money_is_needed() -> None:
    check_summary(pd.DataFrame(GOOD | {"monetary_value": [0.0, 0.0]}))
    needs = ("frequency", "monetary_value")
    assert summary_faults(needs, monetary_value=[0.0, 0.0])[0][1:3] == ("is 0 where frequency is above 0", 1)


def test_no_frame_and_no_rows() -> None:
    with pytest.raises(crm.DataError, match="no rows"):
        check_summary(pd.DataFrame(GOOD).head(0))
    with pytest.raises(crm.DataError, match="no DataFrame"):
        check_summary([1, 2])  # type: ignore[arg-type]
