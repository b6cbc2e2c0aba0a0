"""Pictures of customers: concentration, cohorts, the RFM grid, and purchases on a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.base.look import COLOURS, axes, heat
from crmlab.base.words import Language, word
from crmlab.customers.concentration import Concentration
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import fetch, missing_columns, open_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_lorenz(concentration: Concentration, ax: Axes | None = None, language: Language = "en") -> Axes:
    """How unequal are customers? The Lorenz curve, with the claim (such as 80/20) as a point beside it."""
    c = concentration
    top, claim, share = f"{c.top:.0%}", f"{c.claim:.0%}", f"{c.top_share:.0%}"
    ax = axes(
        ax, size=(6, 5), title=word("customers.lorenz_title", language, top=top, share=share),
        x=word("customers.lorenz_x", language), y=word("customers.lorenz_y", language),
    )  # fmt: skip
    (equal,) = ax.plot([0, 1], [0, 1], color=COLOURS["quiet"], linewidth=1)
    (curve,) = ax.plot(c.lorenz["share_of_customers"], c.lorenz["share_of_value"], color=COLOURS["actual"])
    x = 1 - c.top
    ax.plot([x], [1 - c.top_share], "o", color=COLOURS["actual"])
    (point,) = ax.plot([x], [1 - c.claim], "D", color=COLOURS["second"])
    ax.annotate(word("customers.equality", language), (0.45, 0.45), xytext=(-4, 6), textcoords="offset points",
                ha="right", color=equal.get_color(), fontsize=9)  # fmt: skip
    middle = int(0.6 * c.n)
    ax.annotate(
        word("customers.curve", language, gini=f"{c.gini:.2f}"),
        (0.6, c.lorenz["share_of_value"].iloc[middle]), xytext=(-6, 6), textcoords="offset points", ha="right",
        color=curve.get_color(), fontsize=9,
    )  # fmt: skip
    below = c.top_share < c.claim  # keep the label off the curve
    ax.annotate(
        word("customers.claim", language, top=top, claim=claim), (x, 1 - c.claim),
        xytext=(8, -12 if below else 8), textcoords="offset points", ha="right" if not below else "center",
        color=point.get_color(), fontsize=9,
    )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:.0%}")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    return ax


def plot_cohorts(table: pd.DataFrame, ax: Axes | None = None, language: Language = "en", *, label: str = "") -> Axes:
    """Do later cohorts come back more? A heat map of `cohorts(...)` with its numbers, the oldest on top.

    `label` says what the colour means; by default "Share" if no cell is above 1, otherwise "Customers".
    """
    values = table.to_numpy(dtype=float)
    if values.size == 0:
        raise DataError(Fault("", "the table has no cells", "Make one with crm.cohorts(log)."), "the table")
    shares = bool(np.nanmax(values) <= 1)
    rows, columns = values.shape
    ax = axes(
        ax, size=(max(5.0, 1.6 + 0.62 * columns), max(2.6, 1.2 + 0.36 * rows)),
        title=word("customers.cohort_title", language), x=word("customers.cohort_x", language),
        y=word("customers.cohort_y", language),
    )  # fmt: skip
    # Column 0 is everyone by definition; colour by what came later, so that differences can be seen.
    later = values[:, 1:][np.isfinite(values[:, 1:])]
    top = float(np.quantile(later, 0.95)) if later.size else float(np.nanmax(values))  # one tiny cohort is no scale
    label = label or word("customers.share" if shares else "customers.customers", language)
    heat(ax, np.ma.masked_invalid(values), label=label, vmin=0, vmax=top)
    numbers = [[_cell(v, shares) for v in row] for row in values]
    _write(ax, values, numbers, top)
    ax.set_xticks(np.arange(columns) + 0.5, [str(c) for c in table.columns])
    ax.set_yticks(np.arange(rows) + 0.5, [f"{i:%Y-%m-%d}" if hasattr(i, "strftime") else str(i) for i in table.index])
    ax.invert_yaxis()
    return ax


def plot_rfm(
    rfm: pd.DataFrame, values: str = "customers", ax: Axes | None = None, language: Language = "en", *, label: str = ""
) -> Axes:
    """Where do the customers, or the money, sit? The grid of R and F scores with its numbers.

    `values` is "customers" for counts, or a column of `rfm` (join a summary's holdout columns to it) whose mean
    per customer is shown. `label` names the colour; bundled words are used for known columns.
    """
    needs = ("R", "F") if values == "customers" else ("R", "F", values)
    faults = missing_columns(needs, [str(c) for c in rfm.columns])
    if faults:
        raise DataError(faults, "the rfm table")
    bins = int(max(rfm["R"].max(), rfm["F"].max()))
    groups = rfm.groupby(["F", "R"])
    cells = groups.size() if values == "customers" else groups[values].mean()
    scores = range(1, bins + 1)
    grid = cells.unstack("R").reindex(index=scores, columns=scores).to_numpy(dtype=float)
    known = values in ("customers", "orders", "revenue", "holdout_frequency")
    ax = axes(
        ax, size=(6.4, 5), x=word("customers.rfm_x", language), y=word("customers.rfm_y", language),
        title=word("customers.rfm_title" if values == "customers" else "customers.rfm_values_title", language),
    )  # fmt: skip
    top = float(np.nanmax(grid))
    label = label or (word(f"customers.{values}", language) if known else values)
    heat(ax, np.ma.masked_invalid(grid), label=label, vmin=0)
    _write(ax, grid, [[_cell(v, False) for v in row] for row in grid], top)
    ax.set_xticks(np.arange(bins) + 0.5, [str(s) for s in scores])
    ax.set_yticks(np.arange(bins) + 0.5, [str(s) for s in scores])
    return ax


def plot_purchases(
    log: Any,
    customers: Sequence[Any] | int = 20,
    end: str | dt.date | None = None,
    ax: Axes | None = None,
    language: Language = "en",
    *,
    columns: Mapping[str, str] | None = None,
) -> Axes:
    """Who bought when? A line per customer from the first purchase to the end, with a dot per day of purchase.

    `customers` are ids, drawn from the top in the order given, or how many (by default the first 20 by id).
    A dashed line marks `end`, if one is given; dots after it are hollow.
    """
    last = as_day(end, "end")
    source = open_table(log, columns, only=("customer_id", "date"))
    checked = check_transactions(source, needs=("customer_id", "date"))
    days = checked.table.distinct()
    if isinstance(customers, int):
        ids = days.select("customer_id").distinct().order_by("customer_id").limit(customers)
        chosen = fetch(ids, source)["customer_id"].tolist()
    else:
        chosen = list(customers)
    frame = fetch(days.filter(days.customer_id.isin(chosen)).order_by("customer_id", "date"), source)
    unknown = [c for c in chosen if c not in set(frame["customer_id"])]
    if unknown or not chosen:
        listed = ", ".join(map(repr, unknown[:5])) or "nobody"
        raise OptionError(f"customers: {listed} bought nothing in this log; choose from its customer_id.")
    ax = axes(
        ax, size=(7.5, max(2.2, 0.9 + 0.24 * len(chosen))), title=word("customers.purchases_title", language),
        x=word("customers.purchases_x", language), y=word("customers.purchases_y", language),
    )  # fmt: skip
    stop = pd.Timestamp(last or checked.last)
    for row, customer in enumerate(chosen):
        dates = frame.loc[frame["customer_id"] == customer, "date"]
        ax.plot([dates.iloc[0], max(stop, dates.iloc[-1])], [row, row], color=COLOURS["faint"], linewidth=1, zorder=1)
        for later, face in ((dates[dates <= stop], COLOURS["actual"]), (dates[dates > stop], "white")):
            ax.plot(later, [row] * len(later), "o", markersize=4, color=COLOURS["actual"], mfc=face, zorder=2)
    if last is not None:
        from matplotlib.dates import date2num

        line = ax.axvline(float(date2num(stop)), color=COLOURS["second"], linestyle="--", linewidth=1)
        ax.annotate(word("customers.end", language), (stop, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                    textcoords="offset points", color=line.get_color(), va="top", fontsize=9)  # fmt: skip
    ax.set_yticks(range(len(chosen)), [str(c) for c in chosen])
    ax.invert_yaxis()
    ax.tick_params(axis="x", rotation=30)
    return ax


def _cell(value: float, share: bool) -> str:
    if not np.isfinite(value):
        return ""
    if share:
        return f"{value:.0%}"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def _write(ax: Axes, values: np.ndarray, texts: list[list[str]], top: float) -> None:
    """Numbers into the cells, dark on light and light on dark."""
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value < 0.55 * top else "black"
        ax.text(column + 0.5, row + 0.5, texts[row][column], ha="center", va="center", fontsize=8, color=colour)
