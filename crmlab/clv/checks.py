"""Is a fitted model any good? What was expected beside what happened, as tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.base.period import Unit, days_per
from crmlab.clv import bgnbd_math
from crmlab.clv.bgnbd import BGNBDFit
from crmlab.clv.inputs import check_unit, histories
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import fetch, open_table


def frequency_table(fit: BGNBDFit, customers: pd.DataFrame, *, top: int = 7) -> pd.DataFrame:
    """How many customers bought 0, 1, 2, ... times again, and how many did the model expect?

    Rows 0 to `top` (the last: `top` or more) with actual and expected, the latter being the sum over the
    customers of P(X(T) = n) with each one's own T (Fader, Hardie & Lee 2005, figure 1). The sum of
    (actual - expected)^2 / expected is the chi-square of that figure.
    """
    if top < 1:
        raise OptionError(f"top={top!r} is not usable; it must be 1 or more.")
    check_unit(customers, fit.unit)
    seen = histories(customers, "frequency", "T")
    x, T = seen.columns
    actual = np.bincount(np.minimum(x, top).astype(int), seen.weight, minlength=top + 1)
    counts = np.arange(top, dtype=float)
    lengths, where = np.unique(T, return_inverse=True)
    chances = bgnbd_math.pmf(fit.theta, counts[None, :], lengths[:, None])
    below = np.bincount(where, seen.weight) @ chances
    expected = np.append(below, seen.weight.sum() - below.sum())
    labels = pd.Index([*map(str, range(top)), f"{top}+"], name="frequency")
    return pd.DataFrame({"actual": actual.astype(int), "expected": expected}, index=labels)


def holdout_table(fit: BGNBDFit, customers: pd.DataFrame, *, top: int = 7) -> pd.DataFrame:
    """How many purchases did customers make in the holdout, by how often they had bought before?

    Rows by frequency, 0 to `top` (the last: `top` or more) with customers, and the mean of actual and
    expected purchases over `holdout_T` (Fader, Hardie & Lee 2005, figure 4). `customers` comes from
    `crm.summarize(..., holdout_end=...)`.
    """
    if "holdout_frequency" not in customers or "holdout_T" not in customers:
        fault = Fault("holdout_frequency", "is missing", "Summarize with holdout_end= to have a holdout.")
        raise DataError(fault, "the customers")
    expected = fit.expected_purchases(customers, float(customers["holdout_T"].iloc[0]))
    table = pd.DataFrame({"actual": customers["holdout_frequency"].astype(float), "expected": expected})
    row = np.minimum(customers["frequency"].to_numpy(), top).astype(int)
    labels = {n: str(n) for n in range(top)} | {top: f"{top}+"}
    grouped = table.groupby(pd.Series(row, index=table.index, name="frequency"))
    means = grouped.mean()
    means.insert(0, "customers", grouped.size())
    return means.rename(index=labels)


def tracking(
    fit: BGNBDFit, log: Any, *, end: str | dt.date, holdout_end: str | dt.date | None = None,
    period: Unit = "W", columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """How do repeat purchases run over time, actual and expected, before and after the model saw them?

    Follows the customers won until `end`. A row a `period` of whole days since the first day of the log,
    the last one cut by `holdout_end` (default: `end`) left out: date (its last day), actual and expected
    repeat purchases, both also cumulated, and whether the period ends in the holdout. Expected is the sum
    of E[X(age)] over the customers, each from the own first purchase (Fader, Hardie & Lee 2005, figures 2, 3).
    """
    first_day, last_day = as_day(end, "end"), as_day(holdout_end or end, "holdout_end")
    assert first_day is not None and last_day is not None
    if last_day < first_day:
        raise OptionError(f"holdout_end={last_day} must not lie before end={first_day}.")
    won, bought, start = _daily(log, first_day, last_day, columns)
    ages = np.arange(len(won))
    expected_by_age = fit.expected_purchases_new(ages / days_per(str(fit.unit)))
    expected = np.convolve(won, expected_by_age)[: len(won)]
    ends = np.arange(1, int(len(won) / days_per(period)) + 1) * days_per(period)
    last = np.floor(ends + 1e-9).astype(int) - 1  # the period's last day, counted from 0
    actual = np.cumsum(bought)[last]
    cumulative = expected[last]
    dates = pd.Timestamp(start) + pd.to_timedelta(last, unit="D")
    return pd.DataFrame(
        {
            "date": dates,
            "actual": np.diff(actual, prepend=0),
            "expected": np.diff(cumulative, prepend=0.0),
            "cumulative_actual": actual,
            "cumulative_expected": cumulative,
            "holdout": dates > pd.Timestamp(first_day),
        },
        index=pd.RangeIndex(1, len(last) + 1, name=period),
    )


def _daily(
    log: Any, end: dt.date, last: dt.date, columns: Mapping[str, str] | None
) -> tuple[np.ndarray, np.ndarray, dt.date]:
    """Customers won and repeat purchases (distinct customer-days) on each day since the log's first."""
    import ibis

    needs = ("customer_id", "date")
    source = open_table(log, columns, only=needs)
    checked = check_transactions(source, needs=needs)
    checked.until(end)
    days = checked.table.filter(checked.table.date <= ibis.literal(last)).distinct()
    first = days.group_by("customer_id").agg(first=days.date.min())
    cohort = first.filter(first.first <= ibis.literal(end))
    won = fetch(cohort.group_by("first").agg(n=cohort.count()), source)
    repeat = days.join(cohort, "customer_id")
    repeat = repeat.filter(repeat.date > repeat.first)
    bought = fetch(repeat.group_by("date").agg(n=repeat.count()), source)

    def by_day(days: pd.Series, counts: pd.Series) -> np.ndarray:
        offset = (pd.to_datetime(days) - pd.Timestamp(checked.first)).dt.days
        return np.bincount(offset, counts, minlength=(last - checked.first).days + 1)

    return by_day(won["first"], won["n"]), by_day(bought["date"], bought["n"]).astype(int), checked.first


def alive_history(fit: BGNBDFit, dates: Any, *, end: str | dt.date) -> pd.DataFrame:
    """How did the chance that this customer is still active move, day by day?

    `dates` are the days on which one customer bought. A row a day from the first purchase to `end`: date,
    frequency so far, p_alive (as it would have been said on that day, after that day's purchase).
    """
    bought = pd.DatetimeIndex(pd.to_datetime(pd.Series(dates))).normalize().unique().sort_values()
    day = as_day(end, "end")
    assert day is not None
    last = pd.Timestamp(day)
    bought = bought[bought <= last]
    if not len(bought):
        raise DataError(Fault("date", f"has no purchase until end={last.date()}", "Choose a later end."), "dates")
    days = pd.date_range(bought[0], last, freq="D")
    frequency = np.searchsorted(bought, days, side="right") - 1
    length = days_per(str(fit.unit))
    recency = (bought[frequency] - bought[0]).days.to_numpy() / length
    age = (days - bought[0]).days.to_numpy() / length
    chance = bgnbd_math.p_alive(fit.theta, frequency.astype(float), recency, age)
    return pd.DataFrame({"date": days, "frequency": frequency, "p_alive": chance})
