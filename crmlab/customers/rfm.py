"""RFM: scores for recency, frequency and money, and segments from one rule table."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.base.fit import z_value
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import finish, missing_columns, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

Rule = Mapping[str, Any]


@cache
def _bundled() -> tuple[Rule, ...]:
    text = files("crmlab.customers").joinpath("segments.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["rule"])


def segment_rules() -> list[dict[str, Any]]:
    """Which rules make the segments? A list of {segment, R, FM}; change a copy and pass it as `rules`.

    >>> segment_rules()[0]
    {'segment': 'champions', 'R': [0.65, 1.0], 'FM': [0.65, 1.0]}
    """
    return [dict(rule) for rule in _bundled()]


def rfm(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    end: str | dt.date | None = None,
    bins: int = 5,
    columns: Mapping[str, str] | None = None,
    rules: Sequence[Rule] | None = None,
) -> Any:
    """Who bought lately, often and for much? Scores and a segment for each customer.

    Parameters
    ----------
    log
        Transactions: a DataFrame, a path or glob of CSV or Parquet files, or an Ibis table.
    end
        Last day that counts, by default the last in the log; later rows are left out.
    bins
        Scores run from 1 to `bins` (2 to 10), higher is better: R is high for few days since the last purchase.
    columns
        Their column names to ours, such as ``{"client": "customer_id"}``.
    rules
        Instead of the bundled table (`segment_rules`): each a mapping with `segment` and, as it needs,
        R, F, M or FM as a range [from, to) of shares. A customer whom no rule matches is "other".

    Returns
    -------
    A DataFrame sorted by customer (a lazy Ibis table if one came in): customer_id, days_since_last (days
    from the last purchase to `end`), orders (days with a purchase), revenue, R, F, M, segment.

    Raises
    ------
    DataError
        With every fault of the log at once; see `crmlab.data.schemas.check_transactions`.

    Notes
    -----
    Let `below` be the number of customers with a worse value, `equal` those with the same one (the
    customer included) and n all of them. The score is floor(bins x (below + equal / 2) / n) + 1, the bin
    in which the middle of the tied group lies. So equal values have equal scores, a better value
    never has a lower score, and without ties the bins are equally full. With many ties some scores stay
    empty: if 60% bought once, they all score floor(5 x 0.3) + 1 = 2 of 5. Revenues are compared after
    rounding to a millionth, so that the order of a sum does not break a tie.
    Scores by quantile after Hughes (1994), Strategic Database Marketing.

    Examples
    --------
    >>> log = pd.DataFrame({
    ...     "customer_id": list("aabcd"),
    ...     "date": ["2024-01-01", "2024-03-01", "2024-02-01", "2024-02-01", "2024-01-10"],
    ...     "amount": [10.0, 20.0, 10.0, 10.0, 10.0],
    ... })
    >>> rfm(log, bins=3)[["customer_id", "days_since_last", "R", "F", "M", "segment"]]
      customer_id  days_since_last  R  F  M          segment
    0           a                0  3  3  3        champions
    1           b               29  2  2  2  needs_attention
    2           c               29  2  2  2  needs_attention
    3           d               51  1  2  2          at_risk
    """
    import ibis

    if isinstance(bins, bool) or not isinstance(bins, int) or not 2 <= bins <= 10:
        raise OptionError(f"bins={bins!r} is not usable; it must be a whole number from 2 to 10.")
    rules = _checked(rules) if rules is not None else _bundled()
    last = as_day(end, "end")
    source = open_table(log, columns, only=("customer_id", "date", "amount"))
    checked = check_transactions(source)
    last = checked.until(last)
    literal: Any = ibis.literal(last)
    rows = checked.table.filter(checked.table.date <= literal)
    days = rows.group_by("customer_id", "date").agg(amount=rows.amount.sum())
    customers = days.group_by("customer_id").agg(
        days_since_last=literal.delta(days.date.max(), unit="day").cast("int64"),
        orders=days.count().cast("int64"),
        revenue=days.amount.sum(),
    )
    scored = customers.mutate(
        R=_score(-customers.days_since_last, bins),
        F=_score(customers.orders, bins),
        M=_score(customers.revenue.round(6), bins),
    )
    share = {name: (2 * scored[name] - 1).cast("float64") / (2 * bins) for name in "RFM"}
    share["FM"] = (scored.F + scored.M - 1).cast("float64") / (2 * bins)
    cases = [(_matches(rule, share), rule["segment"]) for rule in rules]
    segment = ibis.cases(*cases, else_="other")
    return finish(scored.mutate(segment=segment), source, ["customer_id"])


def segment_migration(before: pd.DataFrame, after: pd.DataFrame, *, share: bool = False) -> pd.DataFrame:
    """Which segments did customers move between, from one date to another?

    `before` and `after` are `rfm` tables of the same log with two ends. Rows are the segments before,
    columns those after, cells customers; customers who are in one table only are "absent" in the other.
    With `share`, each row adds up to 1.

    >>> one = pd.DataFrame({"customer_id": [1, 2], "segment": ["new", "loyal"]})
    >>> two = pd.DataFrame({"customer_id": [1, 2, 3], "segment": ["loyal", "at_risk", "new"]})
    >>> segment_migration(one, two).loc[["new", "absent"], ["new", "loyal"]].to_numpy().tolist()
    [[0, 1], [1, 0]]
    """
    for name, table in (("before", before), ("after", after)):
        faults = missing_columns(("customer_id", "segment"), list(table.columns))
        if not faults and table["customer_id"].duplicated().any():
            double = table["customer_id"].duplicated()
            example = table.loc[double, "customer_id"].iloc[0]
            faults = [Fault("customer_id", "stands twice", "A row per customer is needed.", int(double.sum()), example)]
        if faults:
            raise DataError(faults, f"the table '{name}'")
    both = before[["customer_id", "segment"]].merge(
        after[["customer_id", "segment"]], on="customer_id", how="outer", suffixes=("_before", "_after")
    )
    pair = both[["segment_before", "segment_after"]].astype(object)
    pair = pair.where(pair.notna(), "absent")
    order = _order({*pair["segment_before"], *pair["segment_after"]} - {"absent"})
    counts = pd.crosstab(pair["segment_before"], pair["segment_after"])
    counts = counts.reindex(index=[*order, "absent"], columns=[*order, "absent"], fill_value=0)
    counts = counts.rename_axis(index="before", columns="after")
    return counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0) if share else counts


def segment_lift(rfm: pd.DataFrame, holdout: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Which segments bought in the holdout, and how much more than all customers?

    Parameters
    ----------
    rfm
        Result of `rfm(log, end=end)`.
    holdout
        Result of `summarize(log, end=end, holdout_end=...)`: the same customers, with holdout_frequency and
        holdout_monetary_value.
    level
        Of all intervals.

    Returns
    -------
    A row per segment, in the rule table's order, then "all": customers; bought (share with a purchase in
    the holdout) with its Wilson interval; orders (mean purchase days); revenue (mean per customer, buyers or
    not) with its t interval; lift (revenue over that of all customers) and bought_lift (share over
    that of all), with delta-method intervals on the log scale, which know that the segment is a
    part of "all". A lift of 0 has no interval.

    Notes
    -----
    Wilson (1927), JASA 22(158). The lift's standard error comes from its influence function: customer i adds
    (1[i in s] (y_i - m_s) / p_s) / m - (m_s / m)(y_i - m) / m, with p_s the segment's share of customers.
    """
    from scipy import stats

    needs = ("customer_id", "holdout_frequency", "holdout_monetary_value")
    faults = missing_columns(needs, list(holdout.columns))
    faults += missing_columns(("customer_id", "segment"), list(rfm.columns))
    if faults:
        raise DataError(faults, "the rfm table and the holdout")
    both = rfm[["customer_id", "segment"]].merge(holdout[list(needs)], on="customer_id", validate="1:1")
    lost = len(rfm) - len(both)
    if lost or len(holdout) != len(both):
        missing = set(rfm["customer_id"]) ^ set(holdout["customer_id"])
        remedy = "Give both the same `end`, so that they hold the same customers."
        raise DataError(Fault("customer_id", "is in one table only", remedy, len(missing), min(missing)), "the tables")
    orders = both["holdout_frequency"].to_numpy(dtype=float)
    revenue = orders * both["holdout_monetary_value"].to_numpy(dtype=float)
    bought = (orders > 0).astype(float)
    z = z_value(level)
    rows = []
    for key in [*_order(set(both["segment"])), "all"]:
        inside = np.ones(len(both), dtype=bool) if key == "all" else (both["segment"] == key).to_numpy()
        n = int(inside.sum())
        if n == 0:
            continue
        low, high = stats.binomtest(int(bought[inside].sum()), n).proportion_ci(level, method="wilson")
        mean = revenue[inside].mean()
        se = revenue[inside].std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
        half = stats.t.ppf(0.5 + level / 2, max(n - 1, 1)) * se
        lift, bought_lift = _lift(revenue, inside, z), _lift(bought, inside, z)
        rows.append((
            key, n, bought[inside].mean(), low, high, orders[inside].mean(), mean, mean - half, mean + half, *lift,
            *bought_lift,
        ))  # fmt: skip
    names = "segment customers bought bought_low bought_high orders revenue revenue_low revenue_high"
    names += " lift lift_low lift_high bought_lift bought_lift_low bought_lift_high"
    return pd.DataFrame(rows, columns=names.split())


def _lift(y: np.ndarray, inside: np.ndarray, z: float) -> tuple[float, float, float]:
    overall, part, p = y.mean(), y[inside].mean(), inside.mean()
    if overall == 0 or part == 0:
        return (0.0 if overall else np.nan), np.nan, np.nan
    lift = part / overall
    influence = np.where(inside, (y - part) / p, 0.0) / overall - lift * (y - overall) / overall
    spread = np.exp(z * influence.std() / np.sqrt(len(y)) / lift)
    return float(lift), float(lift / spread), float(lift * spread)


def _score(value: Any, bins: int) -> Any:
    """1..bins by the middle of the tied group, in whole numbers so that no rounding moves a customer."""
    import ibis

    n = value.count().over(ibis.window())
    below = ibis.rank().over(order_by=value)
    above = ibis.rank().over(order_by=value.desc())
    twice = below + (n - above)  # 2 below + equal
    return ((twice * bins) // (2 * n) + 1).cast("int64")


def _matches(rule: Rule, share: Mapping[str, Any]) -> Any:
    import ibis

    match: Any = ibis.literal(True)
    for name, (low, high) in ((k, v) for k, v in rule.items() if k != "segment"):
        match = match & (share[name] >= low) & (share[name] < high)
    return match


def _checked(rules: Sequence[Rule]) -> Sequence[Rule]:
    for rule in rules:
        wrong = sorted(set(rule) - {"segment", "R", "F", "M", "FM"})
        if wrong or "segment" not in rule or any(len(v) != 2 for k, v in rule.items() if k != "segment"):
            raise OptionError(
                f"The rule {dict(rule)!r} is not usable; write {{'segment': name, 'R': [from, to], 'FM': [from, to]}} "
                "with any of R, F, M and FM."
            )
    return rules


def _order(present: set[str]) -> list[str]:
    """The rule table's order, then names of other tables by the alphabet."""
    known = [rule["segment"] for rule in _bundled()]
    return known + sorted(present - set(known)) if present - set(known) else known
