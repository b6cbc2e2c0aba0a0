"""Did it work? The measures of a CRM programme in six groups, each with its formula, unit, source and interval."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_option, check_positive
from crmlab.base.fit import z_value
from crmlab.base.words import Language
from crmlab.data.schemas import as_day, check_transactions, iso_day
from crmlab.data.tables import fetch, missing_columns, open_table
from crmlab.strategy.finance import (
    income_to_share,
    internal_rate_of_return,
    net_present_value,
    payback_period,
    return_on_investment,
    total_cost_of_ownership,
)
from crmlab.strategy.measures import Measure, Values, catalogue, divided, numbers, ratio, share

__all__ = [
    "income_to_share", "internal_rate_of_return", "net_present_value", "payback_period", "return_on_investment",
    "total_cost_of_ownership",
]  # fmt: skip

Day = str | dt.date | None
Names = Mapping[str, str] | None
Step = Literal["quarter", "year", "quarter_last_year"]


def kpis(language: Language = "en") -> pd.DataFrame:
    """How can success be measured? Every measure: name, group, label, unit, formula, source, needs, function.

    `needs` are columns of the log, the survey or the finance table (`input` says of which), or arguments.

    >>> kpis().groupby("group", sort=False).size().to_dict()
    {'satisfaction': 6, 'profit': 6, 'market': 5, 'finance': 6, 'growth': 2, 'savings': 6}
    """
    check_option("language", language, get_args(Language))
    words = catalogue()
    rows = [
        {
            "name": name, "group": k["group"], "label": k["label"][language],
            "unit": words["units"][k["unit"]][language], "formula": k["formula"], "source": k["source"],
            "input": k["input"], "needs": ", ".join(k["needs"]),
            "function": f"{k.get('module', 'crmlab.strategy.success')}.{name}",
        }
        for name, k in words["kpi"].items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def expected_effects(language: Language = "en") -> pd.DataFrame:
    """What is a working CRM said to bring? Thirteen effects: name, effect, the kpi that would show it, direction.

    An empty kpi means that no measure of `kpis()` shows the effect: it cannot be tested with them.

    >>> len(expected_effects()), int((expected_effects().kpi == "").sum())
    (13, 5)
    """
    check_option("language", language, get_args(Language))
    rows = [{"name": e["name"], "effect": e["label"][language], **e} for e in catalogue()["effect"]]
    return pd.DataFrame(rows)[["name", "effect", "kpi", "direction"]]


def repeat_purchase_rate(
    log: Any, start: Day = None, end: Day = None, *, level: float = 0.95, columns: Names = None
) -> Measure:
    """Which share of the period's customers bought on two or more days? With Wilson's (1927) interval.

    `log` is any table with customer_id and date; `start` and `end` (both count) bound the period.

    >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "date": ["2024-01-01", "2024-01-09", "2024-01-02"]})
    >>> repeat_purchase_rate(log)
    repeat_purchase_rate: 0.5 (95% 0.09453 to 0.9055) share, n 2
    """
    days = _sums(log, ("date",), (), start, end, columns).groupby("customer_id").size()
    return share("repeat_purchase_rate", int((days > 1).sum()), len(days), level)


def retention_rate(
    log: Any, start: Day, end: Day, *, before: Day = None, level: float = 0.95, columns: Names = None
) -> Measure:
    """Which share of the customers of the period before bought again between `start` and `end`?

    The period before runs from `before` (default: as many days as the period has) to the day before `start`.
    """
    first, last = as_day(start, "start"), as_day(end, "end")
    if first is None or last is None or last < first:
        raise OptionError(f"start={start!r}, end={end!r} is not usable; give both days, the start first.")
    base = as_day(before, "before") or first - (last - first) - dt.timedelta(days=1)
    if base >= first:
        raise OptionError(f"before={before!r} is not usable; it must lie before start={start!r}.")
    rows = _sums(log, ("date",), (), base, last, columns)
    again = rows["date"] >= pd.Timestamp(first)
    old, new = set(rows.loc[~again, "customer_id"]), set(rows.loc[again, "customer_id"])
    return share("retention_rate", len(old & new), len(old), level)


def churn_rate(
    log: Any, start: Day, end: Day, *, before: Day = None, level: float = 0.95, columns: Names = None
) -> Measure:
    """Which share of the period before's customers bought nothing between `start` and `end`? 1 - retention rate.

    Without a contract silence is not always goodbye: a long period misjudges fewer customers.
    """
    kept = retention_rate(log, start, end, before=before, level=level, columns=columns)
    return share("churn_rate", round((1 - kept.estimate) * (kept.n or 0)), kept.n or 0, level)


def cross_sell_rate(
    log: Any, start: Day = None, end: Day = None, *, level: float = 0.95, columns: Names = None
) -> Measure:
    """Which share of the period's customers bought from two or more categories? Needs the column category."""
    found = _sums(log, ("category",), (), start, end, columns).groupby("customer_id").size()
    return share("cross_sell_rate", int((found > 1).sum()), len(found), level)


def income_per_purchase(
    log: Any, start: Day = None, end: Day = None, *, level: float = 0.95, columns: Names = None
) -> Measure:
    """What does a purchase bring? Revenue / days of purchase; the interval lets a customer's purchases be alike."""
    rows = _sums(log, ("date",), ("amount",), start, end, columns)
    by = rows.groupby("customer_id")["amount"].agg(["sum", "size"])
    return ratio("income_per_purchase", by["sum"], by["size"], level)


def average_clv(values: Values | pd.DataFrame, *, level: float = 0.95) -> Measure:
    """What is a customer worth on average? `values`: one a customer, `lifetime_value(...)` or `total_value(...)`.

    From single values, Student's t interval over customers; from `total_value`, its interval / customers.
    """
    z_value(level)
    if isinstance(values, pd.Series) and {"customers", "value", "low", "high"} <= set(values.index):
        n = values["customers"]
        return Measure("average_clv", values["value"] / n, values["low"] / n, values["high"] / n, int(n), level)
    if isinstance(values, pd.DataFrame):
        if faults := missing_columns(("value",), [str(c) for c in values.columns]):
            raise DataError(faults, "the values")
        values = values["value"]
    x = numbers("values", values, least=2, signed=True)
    from scipy.stats import t as student

    reach = student.ppf(0.5 + level / 2, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return Measure("average_clv", x.mean(), x.mean() - reach, x.mean() + reach, len(x), level)


def revenue_growth(
    log: Any, by: Step = "quarter", *, start: Day = None, end: Day = None, level: float = 0.95, columns: Names = None
) -> pd.DataFrame:
    """How fast does revenue grow, against the period before? One row a period: value, before, growth, low, high, n.

    `by`: "quarter" or "year" against the one before; "quarter_last_year" against the same quarter a year ago,
    which the season does not disturb. Periods that reach beyond `start` or `end` (default: the log's first and last
    day) are left out. growth = value / before - 1; the interval is exp(log ratio +- z se), with customers as the
    sample: se^2 = sum of (a / value - b / before)^2 over the n customers, who spent a and b. Raises DataError
    where there are no two periods to compare.
    """
    return _growth(log, ("amount",), by, start, end, level, columns)


def margin_growth(
    log: Any, by: Step = "quarter", *, start: Day = None, end: Day = None, level: float = 0.95, columns: Names = None
) -> pd.DataFrame:
    """How fast does the margin (amount - cost) grow? As `revenue_growth`; needs the column cost."""
    return _growth(log, ("amount", "cost"), by, start, end, level, columns)


def penetration(panel_buyers: int, panel_asked: int, *, level: float = 0.95) -> Measure:
    """Which share of the market buys from us? From a random sample of the market, with Wilson's interval."""
    return share("penetration", panel_buyers, panel_asked, level)


def conversion_rate(converted: int, prospects: int, *, level: float = 0.95) -> Measure:
    """Which share of the prospects bought?"""
    return share("conversion_rate", converted, prospects, level)


def win_back_rate(won_back: int, lapsed: int, *, level: float = 0.95) -> Measure:
    """Which share of the lost customers who got an offer bought again?"""
    return share("win_back_rate", won_back, lapsed, level)


def first_contact_resolution(settled_first: int, contacts: int, *, level: float = 0.95) -> Measure:
    """Which share of the contacts was settled at once?"""
    return share("first_contact_resolution", settled_first, contacts, level)


def complaint_rate(complaints: int, orders: int, *, level: float = 0.95) -> Measure:
    """On which share of the orders was there a complaint?"""
    return share("complaint_rate", complaints, orders, level)


def on_time_delivery(on_time: int, orders: int, *, level: float = 0.95) -> Measure:
    """Which share of the orders came on time?

    >>> on_time_delivery(90, 100)
    on_time_delivery: 0.9 (95% 0.8256 to 0.9448) share, n 100
    """
    return share("on_time_delivery", on_time, orders, level)


def share_of_wallet(spend_here: Values, spend_all: Values, *, level: float = 0.95) -> Measure:
    """Which part of what they spend on such goods do customers spend with us? One pair of numbers a customer."""
    here, everywhere = numbers("spend_here", spend_here, least=2), numbers("spend_all", spend_all, least=2)
    if len(here) != len(everywhere) or (here > everywhere).any():
        what = "they are not one pair a customer with spend_here at most spend_all"
        raise DataError(Fault("spend_all", what, "Ask for all spending, ours included."), "the answers")
    return ratio("share_of_wallet", here, everywhere, level)


def response_time(response_minutes: Values, *, level: float = 0.95) -> Measure:
    """How long do customers wait for an answer? The median; interval from order statistics, for any distribution.

    The k-th smallest and k-th largest, k the binomial(n, 1/2) quantile of (1 - level) / 2; six answers are the least.
    """
    from scipy.stats import binom

    z_value(level)
    x = np.sort(numbers("response_minutes", response_minutes, least=6))
    k = int(binom.ppf((1 - level) / 2, len(x), 0.5))
    if k < 1:
        what = f"{len(x)} answers are too few for a {level:g} interval"
        raise DataError(Fault("", what, "Time more answers, or take a lower level."), "response_minutes")
    return Measure("response_time", float(np.median(x)), float(x[k - 1]), float(x[-k]), len(x), level)


def cost_to_serve(service_cost: float, orders: float) -> Measure:
    """What does serving an order cost?"""
    return divided("cost_to_serve", service_cost=service_cost, orders=orders)


def market_share(revenue: float, market_revenue: float) -> Measure:
    """Which share of the market's revenue is ours?"""
    found = divided("market_share", revenue=revenue, market_revenue=market_revenue)
    if found.estimate > 1:
        raise OptionError(f"revenue={revenue!r} is above market_revenue={market_revenue!r}, of which it is a part.")
    return found


def acquisition_cost(acquisition_spend: float, new_customers: float) -> Measure:
    """What does winning a customer cost?"""
    return divided("acquisition_cost", acquisition_spend=acquisition_spend, new_customers=new_customers)


def cost_per_contact(contact_cost: float, contacts: float) -> Measure:
    """What does a contact with a customer cost?"""
    return divided("cost_per_contact", contact_cost=contact_cost, contacts=contacts)


def cost_saving(service_cost: float, orders: float, service_cost_before: float, orders_before: float) -> Measure:
    """What was saved? Today's orders at the former cost per order, less what they cost.

    >>> cost_saving(900, 100, 1000, 100)
    cost_saving: 100 money
    """
    unit = divided("cost_saving", service_cost_before=service_cost_before, orders_before=orders_before).estimate
    check_positive("service_cost", service_cost, zero=True)
    check_positive("orders", orders)
    return Measure("cost_saving", float(unit * orders - service_cost))


def _sums(log: Any, by: tuple[str, ...], money: tuple[str, ...], start: Day, end: Day, columns: Names) -> pd.DataFrame:
    """The log's rows of the period, added up per customer and `by`; one query on the log's own engine."""
    first, last = as_day(start, "start"), as_day(end, "end")
    extra = [c for c in (*by, *money) if c not in ("date", "amount")]
    source = open_table(log, columns, only=("customer_id", "date", *money, *by))
    source = dataclasses.replace(source, faults=(*source.faults, *missing_columns(extra, source.columns)))
    base = ("customer_id", "date", "amount") if "amount" in money else ("customer_id", "date")
    check_transactions(source, needs=base)
    t = source.table
    t = t.mutate(date=iso_day(t.date) if t.date.type().is_string() else t.date.cast("date"))
    t = t.filter(t.date >= first) if first else t
    t = t.filter(t.date <= last) if last else t
    asked = {c: t[c].cast("float64").sum() for c in money} | {f"{c}_empty": t[c].isnull().sum() for c in extra}
    rows = fetch(t.group_by(*dict.fromkeys(("customer_id", *by))).agg(**(asked or {"rows": t.count()})), source)
    faults = [
        Fault(c, "is missing", "Fill it, or leave these rows out.", int(rows[f"{c}_empty"].sum()))
        for c in extra if rows[f"{c}_empty"].sum() or (c in money and not np.isfinite(rows[c]).all())
    ]  # fmt: skip
    if not len(rows):
        faults.append(Fault("date", f"no purchase lies between {first} and {last}", "Choose another period."))
    if faults:
        raise DataError(faults, source.name)
    return rows.sort_values(["customer_id", *by], ignore_index=True)


def _growth(
    log: Any, money: tuple[str, ...], by: Step, start: Day, end: Day, level: float, columns: Names
) -> pd.DataFrame:
    check_option("by", by, get_args(Step))
    z = z_value(level)
    rows = _sums(log, ("date",), money, start, end, columns)
    period = rows["date"].dt.to_period("Y" if by == "year" else "Q")
    value = rows["amount"] - rows["cost"] if "cost" in money else rows["amount"]
    table = value.groupby([rows["customer_id"], period]).sum().unstack().fillna(0.0)
    first = pd.Timestamp(as_day(start, "start") or rows["date"].min())
    last = pd.Timestamp(as_day(end, "end") or rows["date"].max())
    every = pd.period_range(table.columns.min(), table.columns.max(), freq=period.dt.freq)
    whole = every[(every.start_time >= first) & (every.end_time.normalize() <= last)]
    lag = 4 if by == "quarter_last_year" else 1
    if len(whole) <= lag:
        what = f"holds {len(whole)} whole {'year' if by == 'year' else 'quarter'}(s); {lag + 1} are the least"
        raise DataError(
            Fault("date", what, "Give a longer log, or say with start= and end= what it covers."), "the log"
        )
    x = table.reindex(columns=whole, fill_value=0.0).to_numpy()
    now, then = x[:, lag:], x[:, :-lag]
    g, low, high = _change(now, then, z)
    seen = ((now != 0) | (then != 0)).sum(axis=0)
    found = {"value": now.sum(axis=0), "before": then.sum(axis=0), "growth": g, "low": low, "high": high, "n": seen}
    return pd.DataFrame(found, index=pd.Index(whole[lag:].astype(str), name=by.split("_")[0]))


def growth_between(
    log: Any, name: str, period: tuple[Day, Day], previous: tuple[Day, Day], level: float = 0.95
) -> Measure:
    """revenue_growth or margin_growth (`name`) from any `previous` to any `period`, each (first day, last day)."""
    money = ("amount", "cost") if name == "margin_growth" else ("amount",)
    parts = [_sums(log, (), money, *days, None).set_index("customer_id") for days in (period, previous)]
    both = [part["amount"] - part["cost"] if "cost" in money else part["amount"] for part in parts]
    x = pd.concat(both, axis=1).fillna(0.0).to_numpy()
    g, low, high = _change(x[:, :1], x[:, 1:], z_value(level))
    return Measure(name, float(g[0]), float(low[0]), float(high[0]), len(x), level)


def _change(now: np.ndarray, then: np.ndarray, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Growth of the columns' sums, with its interval; rows are customers."""
    up, down, n = now.sum(axis=0), then.sum(axis=0), len(now)
    if (((now != 0) | (then != 0)).sum(axis=0) < 2).any():
        what = "fewer than two customers bought in two periods to compare"
        raise DataError(Fault("customer_id", what, "Choose longer periods."), "the log")
    if (up <= 0).any() or (down <= 0).any():
        raise DataError(Fault("amount", "a period's total is not above 0", "Growth needs totals above 0."), "the log")
    spread = np.exp(z * np.sqrt(n / max(n - 1, 1) * ((now / up - then / down) ** 2).sum(axis=0)))
    return up / down - 1, up / down / spread - 1, up / down * spread - 1
