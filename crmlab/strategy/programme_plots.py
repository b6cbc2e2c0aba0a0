"""Pictures of loyalty programmes: what they gain, what they owe, and when they pay back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_kind
from crmlab.base.look import COLOURS, axes, label_line
from crmlab.base.words import Language, word
from crmlab.strategy.programme_examples import label
from crmlab.strategy.programme_simulation import ProgrammeResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_programmes(table: pd.DataFrame, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Which programme pays? Net gain of each row of `compare_programmes`, with its interval and chance of loss."""
    check_kind("table", table, pd.DataFrame, "give the result of crm.compare_programmes(...)")
    needs = ("net_gain", "net_gain_low", "net_gain_high", "p_loss")
    if faults := [
        Fault(n, "is missing", "Make the table with crm.compare_programmes.") for n in needs if n not in table
    ]:
        raise DataError(faults, "the table")
    rows = table.sort_values("net_gain")
    gaining = int((rows["net_gain"] > 0).sum())
    ax = axes(
        ax, size=(8, 1.2 + 0.42 * len(rows)),
        title=word("programmes.gain_title", language, gaining=gaining, all=len(rows)),
        x=word("programmes.gain_x", language, currency=table.attrs.get("currency", ""),
               level=f"{table.attrs.get('level', 0.95):.0%}"),
    )  # fmt: skip
    at = np.arange(len(rows))
    sides = [rows["net_gain"] - rows["net_gain_low"], rows["net_gain_high"] - rows["net_gain"]]
    ax.errorbar(rows["net_gain"], at, xerr=sides, fmt="none", ecolor=COLOURS["quiet"], linewidth=2)
    for sign, mark, colour in ((rows["net_gain"] > 0, "o", "expected"), (rows["net_gain"] <= 0, "D", "second")):
        ax.plot(rows["net_gain"][sign], at[sign], mark, color=COLOURS[colour])
    ax.axvline(0, color=COLOURS["actual"], linewidth=1)
    ax.set_yticks(at, [label(str(name), language) for name in rows.index])
    for y, loss in zip(at, rows["p_loss"], strict=True):
        text = word("programmes.p_loss", language, p=f"{loss:.0%}")
        ax.annotate(text, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.xaxis.set_major_locator(_few())
    return ax


def plot_liability(result: ProgrammeResult, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Where do the points go? Issued so far, and of them redeemed, expired and outstanding (means of the runs)."""
    check_kind("result", result, ProgrammeResult, "give the result of crm.simulate_programme(...)")
    book = result.monthly
    if not book["issued"].sum() > 0:
        raise OptionError(f"{result.name}: it issues no points; a ledger needs Points, Partners or a Hybrid of them.")
    ax = axes(
        ax, title=word("programmes.ledger_title", language, owed=f"{book['liability'].iloc[-1]:,.0f}",
                       currency=result.currency),
        x=word("programmes.month", language), y=word("programmes.points", language),
    )  # fmt: skip
    parts = [book["redeemed"].cumsum(), book["expired"].cumsum(), book["outstanding"]]
    colours = [COLOURS["expected"], COLOURS["actual"], COLOURS["accent"]]
    ax.stackplot(book.index, parts, colors=colours, alpha=0.8)
    (issued,) = ax.plot(book.index, book["issued"].cumsum(), color=COLOURS["actual"], linewidth=1)
    top, gap, last = 0.0, 0.055 * float(book["issued"].sum()), -np.inf
    for name, part, colour in zip(("redeemed", "expired", "outstanding"), parts, colours, strict=True):
        last = max(top + part.iloc[-1] / 2, last + gap)  # thin layers keep their labels apart
        ax.annotate(word(f"programmes.{name}", language), (book.index[-1], last), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize=9, color=colour)  # fmt: skip
        top += part.iloc[-1]
    label_line(ax, issued, word("programmes.issued", language), dx=6, dy=8)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    return ax


def plot_programme_profit(
    results: ProgrammeResult | Mapping[str, ProgrammeResult], ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """When has a programme paid for itself? Cumulative profit less what is owed, with the runs' interval."""
    check_kind("results", results, (ProgrammeResult, Mapping), "give a result of crm.simulate_programme, or several")
    shown = {results.name: results} if isinstance(results, ProgrammeResult) else dict(results)
    if not shown:
        raise OptionError("results is empty; give a result of crm.simulate_programme, or several by name.")
    for name, result in shown.items():
        check_kind(f"results[{name!r}]", result, ProgrammeResult, "give a result of crm.simulate_programme")
    first = next(iter(shown.values()))
    ax = axes(
        ax, title=word("programmes.profit_title", language), x=word("programmes.month", language),
        y=word("programmes.profit_y", language, currency=first.currency),
    )  # fmt: skip
    styles = ("-", "--", "-.", ":")
    colours = [COLOURS[name] for name in ("expected", "second", "third", "actual", "accent", "quiet")]
    for i, (name, result) in enumerate(shown.items()):
        run, colour = result.monthly, colours[i % len(colours)]
        if len(shown) <= 2:
            ax.fill_between(run.index, run["cumulative_low"], run["cumulative_high"], color=colour, alpha=0.15)
        (line,) = ax.plot(run.index, run["cumulative"], styles[i % 4], color=colour)
        label_line(ax, line, label(name, language))
        payback: Any = result.summary().loc["payback_month", "estimate"]
        if np.isfinite(payback):
            ax.plot([payback], [run["cumulative"].to_numpy()[int(payback) - 1]], "o", color=colour)
    ax.axhline(0, color=COLOURS["actual"], linewidth=1)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    return ax


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(6)
