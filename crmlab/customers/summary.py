"""From a transaction log to a row per customer: the four numbers that the CLV models need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from crmlab.base.errors import OptionError, check_option
from crmlab.base.period import Unit, days_per
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import finish, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir


def summarize(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    unit: Unit = "D",
    end: str | dt.date | None = None,
    holdout_end: str | dt.date | None = None,
    columns: Mapping[str, str] | None = None,
    grouped: bool = False,
    after_end: Literal["ignore", "error"] = "ignore",
) -> Any:
    """How often, how recently, for how long and for how much has each customer bought?

    Whole days are counted and divided by the unit's length (1, 7 or 365.25 / 12 days); there are no
    calendar bins. Several purchases of a customer on one day are one purchase.

    Parameters
    ----------
    log
        Transactions: a DataFrame, a path or glob of CSV or Parquet files, or an Ibis table.
    unit
        The unit of `recency`, `T` and `holdout_T`: "D" days (default), "W" weeks or "M" months.
    end
        Last day of observation; by default the last day in the log. Rows after it do not count, and
        customers whose first purchase is later are left out.
    holdout_end
        Last day of the holdout, which starts the day after `end`.
    columns
        Their column names to ours, such as ``{"client": "customer_id"}``.
    grouped
        Give the distinct (frequency, recency, T) with `n_customers` instead of customers.
    after_end
        "error" refuses a log with rows after `end` (after `holdout_end`, if there is one).

    Returns
    -------
    A DataFrame sorted by customer, or a lazy Ibis table if one came in (only the checks run), with

    - customer_id
    - frequency: days with a purchase, after the first such day
    - recency: from the first to the last purchase; 0 if there was one
    - T: from the first purchase to `end`
    - monetary_value: mean over the repeat days of the day's total; 0 if there is none
    - with `holdout_end`: holdout_frequency (days with a purchase in the holdout),
      holdout_monetary_value (mean of their totals; 0 if none) and holdout_T (length of the holdout).

    A DataFrame's ``attrs`` hold unit, end and holdout_end.

    Raises
    ------
    DataError
        With every fault of the log at once; see `crmlab.data.schemas.check_transactions`.

    Notes
    -----
    The definitions are those of Fader, Hardie & Lee (2005), "Counting your customers" the easy way,
    Marketing Science 24(2), section 3, with the first purchase left out of the mean spend as in Fader,
    Hardie & Lee (2005), RFM and CLV, Journal of Marketing Research 42(4).

    Examples
    --------
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 1, 2],
    ...     "date": ["2024-01-01", "2024-01-15", "2024-02-05", "2024-02-01"],
    ...     "amount": [30.0, 10.0, 20.0, 5.0],
    ... })
    >>> summarize(log, unit="W", end="2024-02-12")
       customer_id  frequency  recency         T  monetary_value
    0            1          2      5.0  6.000000            15.0
    1            2          0      0.0  1.571429             0.0
    """
    length = days_per(unit)
    check_option("after_end", after_end, ("ignore", "error"))
    last, holdout = as_day(end, "end"), as_day(holdout_end, "holdout_end")
    if holdout is not None and last is None:
        raise OptionError("holdout_end needs end: the last day of the calibration period.")
    if holdout is not None and last is not None and holdout <= last:
        raise OptionError(f"holdout_end={holdout} must lie after end={last}.")
    needs = ("customer_id", "date") if grouped else ("customer_id", "date", "amount")
    source = open_table(log, columns, only=needs)
    limit = (holdout or last) if after_end == "error" else None
    checked = check_transactions(source, needs=needs, no_later_than=limit)
    last = checked.until(last)
    customers = _customers(checked.table, last, holdout, length)
    if grouped:
        keys = ["frequency", "recency", "T"] + (["holdout_frequency", "holdout_T"] if holdout else [])
        customers = customers.group_by(keys).agg(n_customers=lambda t: t.count())
        result = finish(customers, source, keys)
    else:
        result = finish(customers, source, ["customer_id"])
    if isinstance(result, pd.DataFrame):
        result.attrs = {"unit": unit, "end": str(last), "holdout_end": str(holdout) if holdout else None}
    return result


def _customers(log: ir.Table, last: dt.date, holdout: dt.date | None, length: float) -> ir.Table:
    """A row per customer: first the customer's days, then the customer (no join, no window)."""
    import ibis

    money = "amount" in log.columns
    end = ibis.literal(last)
    days = log.filter(log.date <= ibis.literal(holdout or last))
    total: dict[str, Any] = {"total": days.amount.sum()} if money else {}
    days = days.group_by("customer_id", "date").agg(**total)
    seen = days.date <= end if holdout else None
    agg: dict[str, Any] = {
        "days": days.count(where=seen),
        "first": days.date.min(),
        "latest": days.date.max(where=seen),
    }
    if money:
        # The repeat days' money is the sum less the first day's. Whole and broken parts are summed apart, so that
        # a first purchase of a billion does not swallow a later cent; a join on the first day costs a third more.
        part, first = days.total % 1, days.total.argmin(days.date)
        agg |= {"whole": (days.total - part).sum(where=seen), "part": part.sum(where=seen), "opening": first}
    if holdout:
        agg |= {"later": days.count(where=days.date > end)}
        if money:
            agg |= {"later_money": days.total.mean(where=days.date > end)}
    c = days.group_by("customer_id").agg(**agg)
    if holdout:
        c = c.filter(c.first <= end)
    # Numbers such as 7.0 are decimals in Spark's SQL, and dividing whole numbers by them loses digits: hence the casts.
    columns: dict[str, Any] = {
        "customer_id": c.customer_id,
        "frequency": (c.days - 1).cast("int64"),
        "recency": c.latest.delta(c.first, unit="day").cast("float64") / length,
        "T": end.delta(c.first, unit="day").cast("float64") / length,
    }
    if money:
        part = c.opening % 1
        repeats = (c.whole - (c.opening - part)) + (c.part - part)
        columns["monetary_value"] = ibis.ifelse(c.days > 1, repeats / (c.days - 1), 0.0).cast("float64")
    if holdout:
        columns["holdout_frequency"] = c.later.cast("int64")
        if money:
            columns["holdout_monetary_value"] = c.later_money.fill_null(0.0)
        columns["holdout_T"] = ibis.literal((holdout - last).days / length, "float64")
    return c.select(**columns)
