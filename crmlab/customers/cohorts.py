"""Cohorts: customers by the period of their first purchase, and how many still buy later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import check_option
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import fetch, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir


def cohorts(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    period: Literal["M", "Q", "W"] = "M",
    value: Literal["customers", "orders", "revenue"] = "customers",
    share: bool = False,
    end: str | dt.date | None = None,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Of the customers who first bought in a period, how many (or how much) came back in the later ones?

    Parameters
    ----------
    log
        Transactions: a DataFrame, a path or glob of CSV or Parquet files, or an Ibis table.
    period
        Calendar months "M" (default), quarters "Q", or weeks "W" from Monday to Sunday.
    value
        "customers" with a purchase in the period (default), "orders" (days with a purchase) or "revenue".
    share
        Divide by the cohort's customers: the share of them, or orders or revenue per customer.
    end
        Last day that counts, by default the last in the log. The period that holds it may be cut short.
    columns
        Their column names to ours, such as ``{"client": "customer_id"}``.

    Returns
    -------
    A DataFrame, whatever comes in: a row per period of the first purchase (its first day; periods without
    new customers are left out), columns 0, 1, 2, ... periods since then, NaN where not observed yet.

    Raises
    ------
    DataError
        With every fault of the log at once; see `crmlab.data.schemas.check_transactions`.

    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 2, 3], "date": ["2024-01-03", "2024-03-01", "2024-01-09", "2024-02-07"],
    ...     "amount": 1.0,
    ... })
    >>> cohorts(log)
    since         0    1    2
    cohort
    2024-01-01  2.0  0.0  1.0
    2024-02-01  1.0  0.0  NaN
    """
    import ibis

    check_option("period", period, ("M", "Q", "W"))
    check_option("value", value, ("customers", "orders", "revenue"))
    last = as_day(end, "end")
    source = open_table(log, columns, only=("customer_id", "date", "amount"))
    checked = check_transactions(source)
    last = checked.until(last)
    rows = checked.table.filter(checked.table.date <= ibis.literal(last))
    days = rows.group_by("customer_id", "date").agg(amount=rows.amount.sum())
    days = days.mutate(active=days.date.truncate(period).cast("date"))
    active = days.group_by("customer_id", "active").agg(orders=days.count(), revenue=days.amount.sum())
    first = active.group_by(_who=active.customer_id).agg(cohort=active.active.min())
    joined = active.join(first, active.customer_id == first._who)
    long = joined.group_by("cohort", "active").agg(
        customers=joined.count(), orders=joined.orders.sum(), revenue=joined.revenue.sum()
    )
    return _table(fetch(long, source), period, value, share, last)


def _table(long: pd.DataFrame, period: str, value: str, share: bool, last: dt.date) -> pd.DataFrame:
    """From (cohort, active, numbers) to the triangle."""
    starts, active = pd.DatetimeIndex(long["cohort"]), pd.DatetimeIndex(long["active"])
    long = long.assign(since=_number(active, period) - _number(starts, period))
    table = long.pivot(index="cohort", columns="since", values=value).astype(float).sort_index()
    index = pd.DatetimeIndex(table.index)
    observed = _number(pd.DatetimeIndex([pd.Timestamp(last)]), period)[0] - _number(index, period)
    table = table.reindex(columns=range(int(observed.max()) + 1)).fillna(0.0)
    table = table.where(table.columns.to_numpy()[None, :] <= observed[:, None])
    if share:
        size = long[long["since"] == 0].set_index("cohort")["customers"].reindex(table.index)
        table = table.div(size, axis=0)
    table.index.name, table.columns.name = "cohort", "since"
    return table


def _number(days: pd.DatetimeIndex, period: str) -> np.ndarray:
    """Consecutive numbers of the periods that start on (or hold) these days."""
    if period == "W":  # 1970-01-01 was a Thursday
        return (days.to_numpy().astype("datetime64[D]").astype(np.int64) + 3) // 7
    months = np.asarray(days.year * 12 + days.month - 1, dtype=np.int64)
    return months // 3 if period == "Q" else months
