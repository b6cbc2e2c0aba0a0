"""From a log as it was exported to one that can be analysed, with an account of every row that went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from crmlab.base.errors import DataError, Fault, check_option
from crmlab.data.schemas import REQUIRED, ZONE, ZONE_REMEDY, as_day, iso_day
from crmlab.data.tables import fetch, finish, missing_columns, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

# In this order: a row is counted under the first reason that applies.
WHY = {
    "read": "All rows that came in.",
    "no_customer": "Nobody is named, so the purchase cannot be followed.",
    "bad_date": "The date is missing or is no day of the calendar.",
    "before_start": "The day lies before the start.",
    "after_end": "The day lies after the end, so it cannot have happened yet.",
    "infinite_amount": "The amount is infinite.",
    "bad_amount": "The amount is missing or is no number.",
    "duplicate": "The same row, equal in every column, stands there already.",
    "return": "Money went back to the customer (a negative amount).",
    "unmatched_return": "A return without an earlier purchase of that customer.",
    "return_excess": "A return greater than what was left of its purchase day; the rest is lost.",
    "netted_return": "A return that was taken off its purchase day, whose amounts are smaller now.",
    "returned_purchase": "A purchase day that was returned whole.",
    "kept": "The rows that go on.",
}
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
_WHOLE = 1 - 1e-9  # a day is returned whole up to the rounding of sums


def clean(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    returns: Literal["drop", "net", "keep"] = "drop",
    duplicates: Literal["drop", "keep"] = "drop",
    columns: Mapping[str, str] | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
) -> tuple[Any, pd.DataFrame]:
    """Which rows of a raw log can be used, and what happened to the others?

    Dates and amounts that are text are read (ISO dates, decimal points); rows that cannot be read
    are dropped and counted. All other columns go through unchanged.

    Parameters
    ----------
    log
        Transactions: a DataFrame, a path or glob of CSV or Parquet files, or an Ibis table.
    returns
        What a negative amount means. "drop" (default) leaves such rows out. "net" takes each return off
        the same customer's latest purchase day on or before it, in proportion among that day's rows
        (`quantity` too, if it is there); all returns of one purchase day count together, and a day
        returned whole disappears. What exceeds the day's total is lost and counted. "keep" leaves the
        rows in.
    duplicates
        "drop" (default) leaves one of several rows that are equal in every column.
    columns
        Their column names to ours, such as ``{"client": "customer_id"}``.
    start, end
        First and last day that can be true; `end` is usually the day of the export.

    Returns
    -------
    (log, report). The log is a DataFrame sorted by customer, date and the other columns, or a lazy Ibis
    table if one came in. `date` is a timestamp (whole days if dates came in), `amount` a float. The
    report, always a DataFrame, has a row for each reason in the order in which they are tried:

    - reason: "read", the reasons of `WHY`, "kept"; the rows of the reasons and "kept" add up to "read"
    - rows, share: how many, and of all that were read
    - amount: the readable money on these rows as they stood in the log, for "kept" as they are now
    - customers: how many different ones
    - example: customer, date and amount of one row
    - why: the reason in a sentence

    Raises
    ------
    DataError
        A required column is missing, the log has no rows, or a time zone leaves the day open.

    Examples
    --------
    >>> raw = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a", None],
    ...     "date": ["2024-01-05", "2024-01-05", "2024-02-30", "2024-02-01"],
    ...     "amount": ["10.5", "10.5", "7", "3"],
    ... })
    >>> log, report = clean(raw)
    >>> log
      customer_id       date  amount
    0           a 2024-01-05    10.5
    >>> report.loc[report.rows > 0, ["reason", "rows"]].to_dict("tight")["data"]
    [['read', 4], ['no_customer', 1], ['bad_date', 1], ['duplicate', 1], ['kept', 1]]
    """
    import ibis

    check_option("returns", returns, ("drop", "net", "keep"))
    check_option("duplicates", duplicates, ("drop", "keep"))
    first, last = as_day(start, "start"), as_day(end, "end")
    source = open_table(log, columns)
    faults = [*source.faults, *missing_columns(REQUIRED, source.columns)]
    if "date" in source.table.columns:
        faults += _zone_faults(source.table["date"])
    if faults:
        raise DataError(faults, source.name)
    marked = _parse(source.table, first, last)
    good = marked.filter(marked._reason.isnull()).drop("_reason", "_raw", "_who")
    counts = [_count(marked, "read"), _count(marked.filter(marked._reason.notnull()), marked._reason)]
    if duplicates == "drop":
        doubled = good.group_by(good.columns).agg(_copies=lambda t: t.count())
        counts.append(_count(doubled.filter(doubled._copies > 1), "duplicate", doubled._copies - 1))
        good = doubled.drop("_copies")
    if returns == "drop":
        counts.append(_count(good.filter(good.amount < 0), "return"))
        kept = good.filter(good.amount >= 0)
    elif returns == "net":
        kept, gone = _net(good)
        counts.append(_count(gone, gone._reason))
    else:
        kept = good
    counts.append(_count(kept, "kept"))
    asked = {"before_start": first, "after_end": last, "duplicate": duplicates == "drop"}
    asked |= dict.fromkeys(
        ("unmatched_return", "return_excess", "netted_return", "returned_purchase"), returns == "net"
    )
    asked |= {"return": returns == "drop"}
    report = _report(fetch(ibis.union(*counts), source), [key for key in WHY if asked.get(key, True)])
    if report.rows.iloc[0] == 0:
        raise DataError(Fault("", "the log has no rows", "Check the file or the query."), source.name)
    order = ["customer_id", "date", *(c for c in kept.columns if c not in ("customer_id", "date"))]
    return finish(kept.select(source.table.columns), source, order), report


def _zone_faults(date: Any) -> list[Fault]:
    kind = date.type()
    if kind.is_timestamp() and kind.timezone is not None:
        return [Fault("date", ZONE, ZONE_REMEDY)]
    if not (kind.is_date() or kind.is_timestamp() or kind.is_string()):
        remedy = "Give dates or ISO text: pd.to_datetime(log['date'], format=...)."
        return [Fault("date", f"is no date but {kind}", remedy)]
    return []


def _parse(table: ir.Table, first: dt.date | None, last: dt.date | None) -> ir.Table:
    """The table with date and amount read, and in _reason the first reason to drop a row (null: none)."""
    import ibis

    who: Any = table["customer_id"]
    date: Any = table["date"]
    money: Any = table["amount"]
    nobody = who.isnull()
    if who.type().is_string():
        nobody = nobody | (who.strip() == "")
    elif who.type().is_floating():
        nobody = nobody | who.isnan()
    if date.type().is_string():
        day = iso_day(date)
        text = date.strip().replace("T", " ")
        stamp = ibis.ifelse(day.notnull(), text, None).try_cast("timestamp")
    else:
        day, stamp = date.cast("date"), date.cast("timestamp")
    if money.type().is_string():
        number = ibis.ifelse(money.re_search(_NUMBER), money.strip(), None).try_cast("float64")
        infinite = money.strip().lower().isin(_INFINITE) | number.isinf().fill_null(False)
    elif money.type().is_numeric():
        number = money.cast("float64")
        infinite = number.isinf().fill_null(False)
        number = ibis.ifelse(number.isnan(), None, number)
    else:
        number, infinite = ibis.null("float64"), ibis.literal(False)
    known = ibis.ifelse(nobody, None, who)
    raw = ibis.literal(", ").join([
        ibis.coalesce(column.cast("string"), "nothing") for column in (who, date, money)
    ])  # fmt: skip
    cases = [
        (nobody, "no_customer"),
        (day.isnull(), "bad_date"),
        *([(day < ibis.literal(first), "before_start")] if first else []),
        *([(day > ibis.literal(last), "after_end")] if last else []),
        (infinite, "infinite_amount"),  # text such as "inf" is no number either, so this is asked first
        (number.isnull(), "bad_amount"),
    ]
    amount = ibis.ifelse(infinite, None, number)
    return table.mutate(date=stamp, amount=amount, _who=known, _raw=raw, _reason=ibis.cases(*cases, else_=None))


def _count(table: ir.Table, reason: Any, copies: Any = None) -> ir.Table:
    """Rows, money, customers and an example by reason."""
    import ibis

    one = ibis.literal(1) if copies is None else copies
    raw = (
        table["_raw"] if "_raw" in table.columns else ibis.literal(", ").join([
            table.customer_id.cast("string"), table.date.cast("string").substr(0, 10), table.amount.cast("string"),
        ])
    )  # fmt: skip
    marked = table.mutate(reason=ibis.literal(reason) if isinstance(reason, str) else reason, _one=one, _example=raw)
    return marked.group_by("reason").agg(
        rows=lambda t: t._one.sum().cast("int64"),
        amount=lambda t: (t.amount * t._one).sum(),
        customers=lambda t: t["_who" if "_who" in t.columns else "customer_id"].nunique(),
        example=lambda t: t._example.min(),
    )


def _net(good: ir.Table) -> tuple[ir.Table, ir.Table]:
    """What is left of the purchases, and the rows that went with their reasons."""
    import ibis

    dated = good.mutate(_day=good.date.cast("date"))
    bought, back = dated.filter(dated.amount >= 0), dated.filter(dated.amount < 0)
    days = bought.group_by(_who=bought.customer_id, _bought=bought._day).agg(_total=bought.amount.sum())
    returns = back.group_by(_who=back.customer_id, _returned=back._day).agg(_back=-back.amount.sum())
    target = returns.join(
        days.filter(days._total > 0), [returns._who == days._who, days._bought <= returns._returned]
    ).group_by(returns._who, returns._returned, returns._back).agg(_bought=days._bought.max())  # fmt: skip
    per_day = target.group_by("_who", "_bought").agg(_back=lambda t: t._back.sum())
    per_day = per_day.join(days, ["_who", "_bought"]).select("_who", "_bought", "_back", "_total")

    lines = bought.left_join(per_day, [bought.customer_id == per_day._who, bought._day == per_day._bought])
    share = (1 - lines._back / lines._total).fill_null(1.0)
    whole = (lines._back >= lines._total * _WHOLE).fill_null(False)
    less: dict[str, Any] = {"amount": lines.amount * share}
    if "quantity" in good.columns:
        quantity = lines.quantity
        number = quantity.try_cast("float64") if quantity.type().is_string() else quantity.cast("float64")
        less["quantity"] = number * share
    kept = lines.filter(~whole).mutate(**less).select(good.columns)
    returned = lines.filter(whole).mutate(_reason=ibis.literal("returned_purchase"))

    found = target.join(per_day, ["_who", "_bought"]).select(
        _who="_who", _returned="_returned", _excess=per_day._back > per_day._total / _WHOLE
    )
    lines = back.left_join(found, [back.customer_id == found._who, back._day == found._returned])
    reason = ibis.cases(
        (lines._excess.isnull(), "unmatched_return"), (lines._excess, "return_excess"), else_="netted_return"
    )
    columns = ["customer_id", "date", "amount", "_reason"]
    return kept, ibis.union(returned.select(columns), lines.mutate(_reason=reason).select(columns))


def _report(found: pd.DataFrame, reasons: list[str]) -> pd.DataFrame:
    report = found.set_index("reason").reindex(pd.Index(reasons, name="reason")).reset_index()
    report["rows"] = report["rows"].fillna(0).astype("int64")
    report["customers"] = report["customers"].fillna(0).astype("int64")
    report["amount"] = report["amount"].fillna(0.0).astype(float)
    report.loc[report.reason.isin(["read", "kept"]), "example"] = None
    report["example"] = report["example"].fillna("")
    report["share"] = report["rows"] / max(int(report["rows"].iloc[0]), 1)
    report["why"] = report["reason"].map(WHY)
    return report[["reason", "rows", "share", "amount", "customers", "example", "why"]]
