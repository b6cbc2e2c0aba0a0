"""The retention table by hand, and its totals on a real log."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError

NAN = np.nan


def test_months_by_hand(small_log: pd.DataFrame) -> None:
    table = crm.cohorts(small_log)
    assert [str(d.date()) for d in table.index] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert table.columns.tolist() == [0, 1, 2]
    # January: a, b, c; of these c comes back in March. February: d, back in March. March: e.
    np.testing.assert_array_equal(table, [[3, 0, 1], [1, 1, NAN], [1, NAN, NAN]])
    np.testing.assert_array_equal(crm.cohorts(small_log, value="orders"), [[5, 0, 1], [2, 2, NAN], [1, NAN, NAN]])
    np.testing.assert_allclose(crm.cohorts(small_log, value="revenue"), [[100, 0, 30], [24, 14, NAN], [99, NAN, NAN]])
    np.testing.assert_allclose(crm.cohorts(small_log, share=True).iloc[0], [1, 0, 1 / 3])
    np.testing.assert_allclose(crm.cohorts(small_log, value="revenue", share=True).iloc[0], [100 / 3, 0, 10])


def test_end_cuts_and_a_later_end_adds_empty_periods(small_log: pd.DataFrame) -> None:
    np.testing.assert_array_equal(crm.cohorts(small_log, end="2024-02-01"), [[3, 0], [1, NAN]])
    np.testing.assert_array_equal(crm.cohorts(small_log, end="2024-04-02").iloc[:, 3], [0, NAN, NAN])
    with pytest.raises(crm.DataError, match="starts on 2024-01-01"):
        crm.cohorts(small_log, end="2023-12-31")


def test_weeks_start_on_monday_and_run_over_the_year() -> None:
    dates = pd.to_datetime(["2024-12-29", "2024-12-30", "2025-01-05", "2025-01-06"])  # Sunday, Monday, Sunday, Monday
    log = pd.DataFrame({"customer_id": [1, 1, 2, 2], "date": dates, "amount": 1.0})
    table = crm.cohorts(log, period="W")
    assert [str(d.date()) for d in table.index] == ["2024-12-23", "2024-12-30"]
    np.testing.assert_array_equal(table, [[1, 1, 0], [1, 1, NAN]])


@pytest.mark.parametrize("period", ["M", "Q", "W"])
def test_nobody_and_nothing_is_lost(period: str) -> None:
    log = crm.load_cdnow()
    assert crm.cohorts(log, period=period)[0].sum() == 23_570  # type: ignore[arg-type]
    money = crm.cohorts(log, period=period, value="revenue").sum().sum()  # type: ignore[arg-type]
    assert money == pytest.approx(log.amount.sum())
    days = crm.cohorts(log, period=period, value="orders").sum().sum()  # type: ignore[arg-type]
    assert days == len(log.drop_duplicates(["customer_id", "date"]))


def test_wrong_options(small_log: pd.DataFrame) -> None:
    with pytest.raises(OptionError, match="'M', 'Q', 'W'"):
        crm.cohorts(small_log, period="Y")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'customers', 'orders', 'revenue'"):
        crm.cohorts(small_log, value="money")  # type: ignore[arg-type]
