"""Pictures of a fitted model: what was expected beside what happened, and what it says of whom."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.look import COLOURS, axes, heat, label_line
from crmlab.base.words import Language, word
from crmlab.clv.bgnbd import BGNBDFit
from crmlab.clv.checks import alive_history, frequency_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_frequency(
    fit: BGNBDFit, customers: pd.DataFrame, *, top: int = 7, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """Do as many customers buy 0, 1, 2, ... times again as the model says? Bars of `frequency_table`."""
    table = frequency_table(fit, customers, top=top)
    ax = axes(
        ax, title=word("clv.frequency_title", language), x=word("clv.repeat_purchases", language),
        y=word("axis.customers", language),
    )  # fmt: skip
    place = np.arange(len(table))
    ax.bar(place - 0.2, table["actual"], 0.4, color=COLOURS["actual"], label=word("clv.actual", language))
    ax.bar(place + 0.2, table["expected"], 0.4, color=COLOURS["expected"], label=word("clv.expected", language))
    ax.set_xticks(place, table.index)
    ax.legend(frameon=False)
    return ax


def plot_tracking(
    table: pd.DataFrame, *, cumulative: bool = False, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """Do repeat purchases run as expected, also after the model stopped looking? From `crm.tracking`."""
    prefix = "cumulative_" if cumulative else ""
    title = "clv.cumulative_title" if cumulative else "clv.tracking_title"
    unit = word(f"unit.{table.index.name}", language)
    ax = axes(
        ax, title=word(title, language), x=word("axis.time", language, unit=unit),
        y=word("clv.repeat_purchases", language),
    )  # fmt: skip
    for key in ("actual", "expected"):
        (line,) = ax.plot(
            table.index, table[prefix + key], color=COLOURS[key], lw=1.6, ls="-" if key == "actual" else "--"
        )
        # the two lines may end close to each other: the higher one is labelled above, the lower one below
        ends = table[[f"{prefix}actual", f"{prefix}expected"]].iloc[-1]
        higher = ends.iloc[0] >= ends.iloc[1]
        label_line(ax, line, word(f"clv.{key}", language), dy=7 if (key == "actual") == higher else -7)
    if table["holdout"].any():
        edge = table.index[~table["holdout"]].max() + 0.5
        ax.axvline(edge, color=COLOURS["quiet"], lw=1, ls=":")
        top = ax.get_ylim()[1]
        ax.text(edge, top, " " + word("clv.holdout", language), va="top", color=COLOURS["quiet"], fontsize=9)
    ax.margins(x=0.12)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    return ax


def plot_p_alive(fit: BGNBDFit, *, T: float, top: int = 20, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Who is still a customer? P(alive) by number of repeat purchases and time of the last one, seen for T."""
    return _matrix(fit, T, top, None, ax, language)


def plot_expected_purchases(
    fit: BGNBDFit, *, T: float, horizon: float | str, top: int = 20, ax: Axes | None = None,
    language: Language = "en",
) -> Axes:  # fmt: skip
    """Who will buy? Expected purchases in `horizon`, by repeat purchases and time of the last one, seen for T."""
    return _matrix(fit, T, top, horizon, ax, language)


def _matrix(
    fit: BGNBDFit, T: float, top: int, horizon: float | str | None, ax: Axes | None, language: Language
) -> Axes:
    recency = np.linspace(0, T, 41)[1:]
    frequency = np.arange(1, top + 1)
    grid = pd.DataFrame(
        {"frequency": np.repeat(frequency, len(recency)), "recency": np.tile(recency, top), "T": float(T)}
    )
    if horizon is None:
        values, key = fit.p_alive(grid), "p_alive"
    else:
        values, key = fit.expected_purchases(grid, horizon), "expected_purchases"
    unit = word(f"unit.{fit.unit}", language)
    ax = axes(
        ax, title=word(f"clv.{key}_title", language), x=word("clv.recency", language, unit=unit),
        y=word("clv.repeat_purchases", language),
    )  # fmt: skip
    image = heat(
        ax, np.asarray(values).reshape(top, -1), label=word(f"clv.{key}", language),
        vmin=0, vmax=1 if horizon is None else None, x=np.linspace(0, T, 41), y=np.arange(top + 1) + 0.5,
    )  # fmt: skip
    image.set_edgecolor("face")
    ax.locator_params(axis="y", integer=True)
    return ax


def plot_history(
    fit: BGNBDFit, dates: Any, *, end: str | dt.date, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """When would we have thought that this customer had left? P(alive) day by day; ticks are purchases."""
    table = alive_history(fit, dates, end=end)
    ax = axes(ax, title=word("clv.history_title", language), y=word("clv.p_alive", language), size=(7, 3))
    ax.plot(table["date"], table["p_alive"], color=COLOURS["expected"], lw=1.6)
    bought = table["date"][table["frequency"].diff().fillna(1) > 0]
    ax.plot(bought, np.full(len(bought), 0.02), "|", color=COLOURS["actual"], ms=12, mew=1.5)
    ax.annotate(
        word("clv.purchases", language), (bought.iloc[0], 0.02), xytext=(0, 10), textcoords="offset points",
        fontsize=9, color=COLOURS["actual"],
    )  # fmt: skip
    ax.set_ylim(0, 1.03)
    ax.xaxis.set_major_formatter(_month_format(ax))
    return ax


def _month_format(ax: Axes) -> Any:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    return ConciseDateFormatter(locator)
