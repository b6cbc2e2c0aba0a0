"""Pictures for decisions on value: response curves, the split, the ratio, referrals, whom to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, OptionError, check_kind, check_positive, check_share
from crmlab.base.look import COLOURS, axes, label_line
from crmlab.base.table import localized
from crmlab.base.words import Language, word
from crmlab.data.tables import missing_columns
from crmlab.strategy.allocation import Allocation, Side
from crmlab.strategy.referral import referral_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = (COLOURS["expected"], COLOURS["second"], COLOURS["third"], COLOURS["actual"])


def plot_responses(allocation: Allocation, *, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What does each side bring, by the money that it gets? Dots: the best split. Grey: what the money costs."""
    check_kind("allocation", allocation, Allocation, "give the result of crm.allocate(...)")
    ax = axes(ax, title=_w("responses_title", language), x=_w("money", language), y=_w("brings", language))
    money = np.linspace(0, allocation.budget, 201)
    ax.plot(money, money, color=COLOURS["quiet"], lw=1, ls=":")
    ax.annotate(
        _w("cost", language), (money[60], money[60]), xytext=(4, -9), textcoords="offset points", color=COLOURS["quiet"]
    )
    best = (allocation.to_acquisition, allocation.to_retention)
    for side, spent, colour in zip(get_args(Side), best, _LINES, strict=False):
        (line,) = ax.plot(money, allocation.brought(side, money), color=colour, lw=1.8)
        ax.plot(spent, allocation.brought(side, spent), "o", color=colour, ms=8)
        label_line(ax, line, _w(side, language))
    ax.margins(x=0.14)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    return _thousands(ax, "xy", language)


def plot_split(
    allocation: Allocation, *, within: float = 0.01, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """How much does a wrong split cost? What the budget brings at every split; the band is within 1% of the best."""
    check_kind("allocation", allocation, Allocation, "give the result of crm.allocate(...)")
    ax = axes(ax, title=_w("split_title", language), x=_w("share", language), y=_w("brings", language))
    curve, best = allocation.curve(), allocation.to_acquisition / allocation.budget
    ax.axvspan(*allocation.flat(within), color=COLOURS["faint"], lw=0)
    ax.plot(curve["share_to_acquisition"], curve["gain"], color=COLOURS["expected"], lw=1.8)
    ax.plot(best, allocation.gain(allocation.to_acquisition), "o", color=COLOURS["expected"], ms=8)
    ax.axhline(allocation.budget, color=COLOURS["quiet"], lw=1, ls=":")
    first, last = np.abs(curve["gain"].iloc[[0, -1]] - allocation.budget)  # the label stands where the curve is far off
    right = last > first
    ax.annotate(
        _w("budget", language), (float(right), allocation.budget), xytext=(0, 4), textcoords="offset points",
        ha="right" if right else "left", color=COLOURS["quiet"],
    )  # fmt: skip
    ax.text(best, ax.get_ylim()[0], _w("band", language, percent=f"{within:.0%}"), ha="center", va="bottom", fontsize=9)
    return _thousands(_percent(ax, "x", language), "y", language)


def plot_ratio(tables: Mapping[str, pd.DataFrame], *, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Does the cost ratio say where the money belongs? Tables of `ratio_test` by their labels, a line each."""
    check_kind("tables", tables, Mapping, "give tables of crm.ratio_test by their labels")
    if not tables:
        raise OptionError("tables is empty; give one or more of crm.ratio_test by their labels.")
    for label, table in tables.items():
        check_kind(f"tables[{label!r}]", table, pd.DataFrame, "give the result of crm.ratio_test(...)")
    ax = axes(ax, title=_w("ratio_title", language), x=_w("ratio", language), y=_w("share", language))
    ax.axvspan(5, 11, color=COLOURS["faint"], lw=0)
    ax.text(8, 1.0, _w("folklore", language), ha="center", va="top", fontsize=9)
    for (label, table), colour in zip(tables.items(), _LINES, strict=False):
        (line,) = ax.plot(table.index, table["share_to_acquisition"], color=colour, lw=1.8, marker="o", ms=3)
        label_line(ax, line, label)
    ax.set_ylim(-0.06, 1.02)  # a label at 0% clears the axis
    ax.margins(x=0.25)
    ax.set_xlim(left=min(table.index[0] for table in tables.values()) - 0.3)
    return _percent(ax, "y", language)


def plot_referral(
    value: float, *, annual_discount: float = 0.10, delay: float = 1.0, reward: float = 0.0, top: float = 0.95,
    ax: Axes | None = None, language: Language = "en",
) -> Axes:  # fmt: skip
    """How does a customer's value grow with those whom she brings? To R = `top` / delta: at 1 / delta it has no end."""
    check_share("top", top)
    for name, number in (("annual_discount", annual_discount), ("delay", delay)):
        check_positive(name, number, zero=True)
    ax = axes(ax, title=_w("referral_title", language), x=_w("referrals", language), y=_w("value", language))
    edge = (1 + annual_discount) ** delay
    terms = {"annual_discount": annual_discount, "delay": delay, "reward": reward}
    brought = np.linspace(0, min(top * edge, 0.999), 100)
    total = np.array([referral_value(value, r, **terms)["value"] for r in brought])
    first = value + brought / edge * (value - reward)
    ax.plot(brought, total, color=COLOURS["expected"], lw=1.8)
    (naive,) = ax.plot(brought, first, color=COLOURS["second"], lw=1.4, ls="--")
    ax.annotate(
        _w("all_generations", language), (brought[70], total[70]), xytext=(-6, 6), textcoords="offset points",
        ha="right", color=COLOURS["expected"], fontsize=9,
    )  # fmt: skip
    label_line(ax, naive, _w("first_generation", language), at=60, dx=-20, dy=-16)
    ax.axvline(edge, color=COLOURS["quiet"], ls=":")
    ax.annotate(
        _w("no_end", language), (edge, total[-1]), xytext=(-4, -8), textcoords="offset points", ha="right",
        color=COLOURS["quiet"], fontsize=9,
    )  # fmt: skip
    ax.set_ylim(bottom=0)
    return ax


def plot_options(table: pd.DataFrame, *, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What does it bring to drop or reprice the unprofitable? Against keeping all; from `drop_or_reprice`."""
    check_kind("table", table, pd.DataFrame, "give the result of crm.drop_or_reprice(...)")
    if faults := missing_columns(("against_keep", "against_low", "against_high"), [str(c) for c in table.columns]):
        raise DataError(faults, "the table")
    ax = axes(ax, title=_w("options_title", language), x=_w("against_keep", language), size=(7, 3))
    table = table.drop(index="keep", errors="ignore").iloc[::-1]
    place = np.arange(len(table))
    middle = table["against_keep"].to_numpy()
    reach = np.abs(table[["against_low", "against_high"]].to_numpy().T - middle)
    colours = [COLOURS["expected"] if value >= 0 else COLOURS["second"] for value in middle]
    ax.barh(place, middle, 0.6, color=colours, xerr=reach, error_kw={"lw": 1.2, "capsize": 3})
    ax.axvline(0, color=COLOURS["actual"], lw=0.8)
    ax.set_yticks(place, [_w(str(option), language) for option in table.index])
    return _thousands(ax, "x", language)


def _w(key: str, language: Language, **values: Any) -> str:
    return localized(word(f"value.{key}", language, **values), language)


def _thousands(ax: Axes, which: str, language: Language) -> Axes:
    for name in which:
        axis = ax.xaxis if name == "x" else ax.yaxis
        axis.set_major_formatter(lambda value, _: localized(f"{value:,.0f}", language))
    return ax


def _percent(ax: Axes, which: str, language: Language) -> Axes:
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(lambda value, _: localized(f"{value:.0%}", language))
    return ax
