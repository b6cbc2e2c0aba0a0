"""What a transaction log and a customer summary must hold, and everything that is wrong with one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.data.tables import Source, fetch, missing_columns

if TYPE_CHECKING:
    import ibis.expr.types as ir

REQUIRED = ("customer_id", "date", "amount")
OPTIONAL = (
    "order_id", "product", "category", "brand", "channel", "store", "seller", "quantity", "price", "discount", "cost",
)  # fmt: skip
EARLIEST = dt.date(1900, 1, 1)  # nobody's log is older; a Jalali year read as Gregorian is

# The zone itself is not told: engines report their own, not the column's.
ZONE = "has a time zone, and the day depends on it"
ZONE_REMEDY = (
    "Convert to the shop's own zone, then take the zone off: "
    "log['date'] = log['date'].dt.tz_convert('Europe/Berlin').dt.tz_localize(None)."
)
_ISO = r"^\s*\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*$"


@dataclass(frozen=True)
class Transactions:
    """A checked log: `table` with customer_id, date (whole days) and, if asked for, amount (float)."""

    table: ir.Table
    rows: int
    first: dt.date
    last: dt.date
    name: str = "the log"

    def until(self, end: dt.date | None) -> dt.date:
        """The last day that counts: `end`, or else the log's last; DataError if the log starts after it."""
        day = end or self.last
        if day < self.first:
            raise DataError(Fault("date", f"starts on {self.first}, after end={day}", "Choose a later end."), self.name)
        return day


def iso_day(text: ir.StringValue) -> ir.DateValue:
    """The day that a text such as 2024-02-29 or 2024-02-29 18:30 names; null for anything else."""
    import ibis

    return ibis.ifelse(text.re_search(_ISO), text.strip().substr(0, 10), None).try_cast("date")


def as_day(value: str | dt.date | None, name: str) -> dt.date | None:
    """The day that an argument means; OptionError unless it is a date or ISO text."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return dt.date.fromisoformat(value)
        if isinstance(value, dt.date | np.datetime64) and not pd.isna(value):  # a number would be taken as nanoseconds
            return pd.Timestamp(value).date()
    except ValueError:
        pass
    raise OptionError(f"{name}={value!r} is no date; write it as '1997-09-30'.")


def check_transactions(
    source: Source, *, needs: Sequence[str] = REQUIRED, no_later_than: dt.date | None = None
) -> Transactions:
    """Can this log be analysed? Its checked columns, or every fault at once.

    One aggregate pass over the log decides; a second one, for counts and examples, runs only when
    something is wrong. Dates may be dates, timestamps without a time zone, or text in ISO form.

    Raises
    ------
    DataError
        A column is missing; the log is empty; dates that are no dates, are missing, carry a time zone,
        lie before 1900 or after `no_later_than`; amounts that are text, missing, negative or infinite;
        rows without a customer.
    """
    faults = [*source.faults, *missing_columns(needs, source.columns)]
    table, names = source.table, [n for n in needs if n in source.table.columns]
    facts: dict[str, Any] = {"rows": table.count()}
    for name in names:
        facts |= _FACTS[name](table[name])
    found = fetch(table.aggregate(**facts), source).iloc[0]
    rows = int(found["rows"])
    if rows == 0:
        remedy = "Check the file, the query or the filter that made it."
        raise DataError([*faults, Fault("", "the log has no rows", remedy)], source.name)
    last = None if "date" not in names or "last" not in found else _as_date(found["last"])
    suspects = [suspect for name in names for suspect in _SUSPECTS[name](table, found)]
    if no_later_than is not None and last is not None and last > no_later_than:
        day = _day(table["date"])
        remedy = f"Filter them away: log[log['date'] < '{no_later_than + dt.timedelta(days=1)}']."
        late = day > no_later_than
        suspects.append(("date", f"lies after {no_later_than}", remedy, late, day.max(where=late)))
    if suspects:
        faults += _count(table, source, suspects)
    if faults:
        raise DataError(faults, source.name)
    checked = {name: table[name] for name in names}
    if "date" in checked:
        checked["date"] = _day(table["date"])
    if "amount" in checked:
        checked["amount"] = table["amount"].cast("float64")
    return Transactions(table.select(**checked), rows, _as_date(found["first"]), _as_date(found["last"]), source.name)


# A suspect is (column, what, remedy, condition of the rows, example): its rows are counted later, all in one query.
_Suspect = tuple[str, str, str, Any, Any]


def _day(column: ir.Column) -> Any:
    return iso_day(column) if column.type().is_string() else column.cast("date")


def _as_date(value: Any) -> dt.date:
    return pd.Timestamp(value).date()


def _id_facts(column: Any) -> dict[str, Any]:
    facts = {"ids": column.count()}
    if column.type().is_string():
        facts["blank_ids"] = column.count(where=column.strip() == "")
    elif column.type().is_floating():
        facts["blank_ids"] = column.count(where=column.isnan())
    return facts


def _id_suspects(table: ir.Table, found: pd.Series) -> list[_Suspect]:
    column: Any = table["customer_id"]
    if found["ids"] == found["rows"] and not found.get("blank_ids", 0):
        return []
    without = column.isnull()
    if column.type().is_string():
        without = without | (column.strip() == "")
    elif column.type().is_floating():
        without = without | column.isnan()
    example = None
    if "date" in table.columns:
        example = ("a row dated " + table["date"].cast("string")).min(where=without)
    remedy = "A purchase of nobody cannot be followed: crm.clean(log) drops such rows and counts them."
    return [("customer_id", "names no customer", remedy, without, example)]


def _date_facts(column: Any) -> dict[str, Any]:
    kind = column.type()
    if kind.is_string():
        day = iso_day(column)
        return {"dates": column.count(), "days": day.count(), "first": day.min(), "last": day.max()}
    if kind.is_date() or (kind.is_timestamp() and kind.timezone is None):
        return {"dates": column.count(), "first": column.min(), "last": column.max()}
    return {"dates": column.count()}


def _date_suspects(table: ir.Table, found: pd.Series) -> list[_Suspect]:
    column: Any = table["date"]
    kind, text = column.type(), column.cast("string")
    suspects: list[_Suspect] = []
    if found["dates"] < found["rows"]:
        remedy = "crm.clean(log) drops such rows and counts them."
        suspects.append(("date", "is missing", remedy, column.isnull(), None))
    if "first" not in found:
        everywhere = column.notnull()
        if kind.is_timestamp():
            what = ZONE
            remedy = ZONE_REMEDY
        else:
            what = f"is no date but {kind}"
            remedy = "Give dates or ISO text: log['date'] = pd.to_datetime(log['date'], format=...)."
        return [*suspects, ("date", what, remedy, everywhere, text.min(where=everywhere))]
    day = _day(column)
    if found.get("days", found["dates"]) < found["dates"]:
        wrong = column.notnull() & day.isnull()
        remedy = (
            "Write YYYY-MM-DD (pd.to_datetime(log['date'], format=...)), or let crm.clean(log) drop and count them."
        )
        suspects.append(("date", "is no date in ISO form", remedy, wrong, text.min(where=wrong)))
    if not pd.isna(found["first"]) and _as_date(found["first"]) < EARLIEST:
        old = day < EARLIEST
        remedy = "Convert Jalali or other calendars to Gregorian dates first; drop placeholders."
        suspects.append(("date", f"lies before {EARLIEST}", remedy, old, day.min(where=old)))
    return suspects


def _amount_facts(column: Any) -> dict[str, Any]:
    facts = {"amounts": column.count()}
    return facts | ({"low": column.min(), "high": column.max()} if column.type().is_numeric() else {})


def _amount_suspects(table: ir.Table, found: pd.Series) -> list[_Suspect]:
    column: Any = table["amount"]
    suspects: list[_Suspect] = []
    clean = "crm.clean(log) drops such rows and counts them."
    if found["amounts"] < found["rows"]:
        suspects.append(("amount", "is missing", clean, column.isnull(), None))
    if not column.type().is_numeric():
        remedy = "log, report = crm.clean(log) reads numbers from text, drops the rest and counts it."
        there = column.notnull()
        example = column.cast("string").min(where=there)
        return [*suspects, ("amount", f"is no number but {column.type()}", remedy, there, example)]
    low, high = (found["low"], found["high"]) if found["amounts"] else (0, 0)
    # In SQL NaN is the greatest of all numbers, so the largest and the smallest amount tell of any.
    if not (np.isfinite(float(low)) and np.isfinite(float(high))):
        amount = column.cast("float64")
        nan, infinite = amount.isnan(), amount.isinf()
        suspects.append(("amount", "is not a number (NaN)", clean, nan, amount.min(where=nan).cast("string")))
        suspects.append(("amount", "is infinite", clean, infinite, amount.min(where=infinite).cast("string")))
    if not np.isnan(float(low)) and low < 0:
        remedy = "Say what returns are: crm.clean(log, returns='drop') or crm.clean(log, returns='net')."
        negative = column < 0
        suspects.append(("amount", "is negative", remedy, negative, column.min(where=negative)))
    return suspects


_FACTS: dict[str, Any] = {"customer_id": _id_facts, "date": _date_facts, "amount": _amount_facts}
_SUSPECTS: dict[str, Any] = {"customer_id": _id_suspects, "date": _date_suspects, "amount": _amount_suspects}


def _count(table: ir.Table, source: Source, suspects: list[_Suspect]) -> list[Fault]:
    """Count all suspects' rows in one query; those with rows are faults."""
    asked = {}
    for i, (_, _, _, rows, example) in enumerate(suspects):
        asked[f"rows{i}"] = table.count(where=rows)
        if example is not None:
            asked[f"example{i}"] = example
    found = fetch(table.aggregate(**asked), source).iloc[0]
    faults = []
    for i, (column, what, remedy, _, _) in enumerate(suspects):
        if found[f"rows{i}"]:
            example = found.get(f"example{i}")
            if isinstance(example, pd.Timestamp):
                example = example.date()
            faults.append(Fault(column, what, remedy, int(found[f"rows{i}"]), example))
    return faults


def check_summary(
    frame: pd.DataFrame, needs: Sequence[str] = ("frequency", "recency", "T"), *, free_orders: bool = False
) -> None:
    """Can a model be fitted to this customer summary? Raises DataError with every fault at once.

    Parameters
    ----------
    frame
        A row per customer, or per group with `n_customers`.
    needs
        The columns that the model uses. With "monetary_value", it must be positive wherever
        frequency is above 0, unless `free_orders`.
    """
    name = "the customer summary"
    if not isinstance(frame, pd.DataFrame):
        remedy = "Make one with crm.summarize(log)."
        raise DataError(Fault("", f"it is a {type(frame).__name__}, no DataFrame", remedy), name)
    faults = missing_columns(needs, [str(c) for c in frame.columns])
    if len(frame) == 0:
        raise DataError([*faults, Fault("", "it has no rows", "Check the filter that made it.")], name)
    values: dict[str, np.ndarray] = {}
    summarize = "Take it from crm.summarize(log)."

    def fault(column: str, what: str, remedy: str, rows: np.ndarray, *show: str) -> None:
        count = int(np.count_nonzero(rows))
        if count:
            at = int(np.argmax(rows))
            cells = ", ".join(f"{c} {frame[c].iloc[at]}" for c in (column, *show))
            faults.append(Fault(column, what, remedy, count, f"row {frame.index[at]}: {cells}"))

    optional = ("n_customers",) if "n_customers" in frame else ()
    for column in dict.fromkeys((*needs, *optional)):
        if column not in frame:
            continue
        series = frame[column]
        if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
            remedy = "Turn it into numbers: pd.to_numeric(...)."
            fault(column, f"is no number but {series.dtype}", remedy, np.ones(len(series), dtype=bool))
            continue
        x = series.to_numpy(dtype=float, na_value=np.nan)
        values[column] = x
        # A sum is finite unless something in it is not: one fast pass for the usual, clean case.
        with np.errstate(invalid="ignore", over="ignore"):
            finite = bool(np.isfinite(x.sum()))
        if not finite:
            fault(column, "is missing or NaN", summarize, np.isnan(x))
            fault(column, "is infinite", summarize, np.isinf(x))
        if x.min() < 0 or not finite:
            fault(column, "is negative", summarize, x < 0)

    x, t_x, T = (values.get(c) for c in ("frequency", "recency", "T"))
    if x is not None:
        with np.errstate(invalid="ignore"):
            whole = "It counts repeat purchases: 0, 1, 2, ... " + summarize
            fault("frequency", "is not a whole number", whole, np.isfinite(x) & (x != np.floor(x)))
        if t_x is not None:
            remedy = "A customer without a repeat purchase has recency 0. " + summarize
            fault("recency", "is above 0 where frequency is 0", remedy, (x == 0) & (t_x > 0), "frequency")
            remedy = "Repeat purchases lie after the first, on other days. " + summarize
            fault("recency", "is 0 where frequency is above 0", remedy, (x > 0) & (t_x == 0), "frequency")
        money = values.get("monetary_value")
        if money is not None:
            remedy = "A spend model is fitted to money above 0: fit it to customers[customers.monetary_value > 0]."
            wrong = (x > 0) & (money == 0) & (not free_orders)
            fault("monetary_value", "is 0 where frequency is above 0", remedy, wrong, "frequency")
    if t_x is not None and T is not None:
        remedy = "The last purchase cannot lie after the end of observation; are both in the same unit? "
        fault("recency", "is greater than T", remedy + summarize, t_x > T + 1e-9, "T")
    n = values.get("n_customers")
    if n is not None:
        with np.errstate(invalid="ignore"):
            remedy = "It counts the customers of a group: 1, 2, ..."
            fault("n_customers", "is not a positive whole number", remedy, (n >= 0) & ((n == 0) | (n != np.floor(n))))
    if faults:
        raise DataError(faults, name)
