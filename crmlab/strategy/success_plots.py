"""Pictures of success: the scorecard, what decides a business case, how likely a loss is, when the money is back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmlab.base.errors import OptionError, check_kind
from crmlab.base.look import COLOURS, axes
from crmlab.base.words import Language, word
from crmlab.strategy.business_case import BusinessCase, Risk
from crmlab.strategy.measures import catalogue
from crmlab.strategy.scorecard import Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MET = {"yes": ("third", "o", True), "not_sure": ("quiet", "o", False), "no": ("second", "X", True)}
MOST = 60  # percent of the target; what lies further off is an arrow at the edge


def plot_scorecard(card: Scorecard, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Which targets are met? Each measure with its interval, as percent of its target; right of the line is better.

    Filled circles are met, crosses missed, open circles not sure; an arrow lies beyond 60%. A target of 0 is compared
    in the measure's own unit.
    Measures without a target are left out; OptionError if all are.
    """
    check_kind("card", card, Scorecard, "give a crm.Scorecard(...)")
    table = card.words(language)
    table = table[table["target"].notna()].iloc[::-1]
    if table.empty:
        raise OptionError("No measure of this scorecard has a target: give targets={'nps': 30, ...}.")
    counts = {key: int((card.table["met"] == key).sum()) for key in _MET}
    ax = axes(
        ax, title=word("success.scorecard_title", language, **counts), size=(9, 1.3 + 0.34 * len(table)),
        x=word("success.scorecard_x", language),
    )  # fmt: skip
    kinds = catalogue()["kpi"]
    scaled = {}
    for name, row in table.iterrows():
        size = abs(row["target"]) or 1.0
        sign = 100 if kinds[str(name)]["better"] == "up" else -100
        scaled[name] = [sign * (row[c] - row["target"]) / size for c in ("estimate", "low", "high")]
    reach = min(MOST, 1.15 * np.nanmax(np.abs(list(scaled.values()))))
    for y, (name, row) in enumerate(table.iterrows()):
        at, low, high = np.clip(scaled[name], -reach, reach)
        key, marker, filled = _MET[str(card.table.loc[str(name), "met"])]
        colour = COLOURS[key]
        if math.isfinite(low):
            ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        if abs(scaled[name][0]) > reach:
            marker, filled = "<" if at < 0 else ">", True
        ax.plot([at], [y], marker, color=colour, markersize=8, markerfacecolor=colour if filled else "white")
        text = word("success.value_of", language, value=_short(row["estimate"]), target=_short(row["target"]))
        ax.annotate(text, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    ax.set_xlim(-1.04 * reach, 1.04 * reach)
    ax.axvline(0, color=COLOURS["actual"], linewidth=1)
    ax.annotate(word("success.target", language), (0, 1), xycoords=("data", "axes fraction"), ha="center",
                va="bottom", fontsize=9)  # fmt: skip
    groups = table["group"].to_numpy()
    for edge in np.flatnonzero(groups[1:] != groups[:-1]):
        ax.axhline(float(edge) + 0.5, color=COLOURS["faint"], linewidth=1)
    ax.set_yticks(range(len(table)), list(table["label"]))
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=12, pad=16)
    return ax


def plot_tornado(case: BusinessCase, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What decides? The net present value with each line at its low and its high; the widest bar on top."""
    check_kind("case", case, BusinessCase, "give a crm.BusinessCase(...)")
    table = case.tornado()
    table = table[table["swing"] > 0].iloc[::-1]
    if table.empty:
        raise OptionError("No line of this case is a range: give (low, likely, high).")
    base = case.measures()["net_present_value"].estimate
    ax = axes(
        ax, title=word("success.tornado_title", language, line=table.index[-1]), size=(8, 1.4 + 0.5 * len(table)),
        x=word("success.tornado_x", language),
    )  # fmt: skip
    for y, (_, row) in enumerate(table.iterrows()):
        for key, colour in (("at_low", "accent"), ("at_high", "expected")):
            ax.barh(y, row[key] - base, left=base, color=COLOURS[colour], height=0.6)
            text = f"{word(f'success.{key}', language)}: \u200e{row[key]:,.0f}"
            right = row[key] > base
            ax.annotate(text, (row[key], y), xytext=(4 if right else -4, 0), fontsize=9, va="center",
                        textcoords="offset points", ha="left" if right else "right")  # fmt: skip
    ax.axvline(base, color=COLOURS["actual"], linewidth=1)
    ax.axvline(0, color=COLOURS["second"], linewidth=1, linestyle="--")
    ax.set_yticks(range(len(table)), list(table.index))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.22)
    return ax


def plot_npv(risk: Risk, ax: Axes | None = None, language: Language = "en") -> Axes:
    """How likely is a loss? The simulated net present values, losses coloured; their share is the title."""
    check_kind("risk", risk, Risk, "give the result of case.monte_carlo(...)")
    p = risk.p_loss.estimate
    ax = axes(
        ax, title=word("success.npv_title", language, p=f"{p:.1%}"), x=word("success.npv_x", language),
        y=word("success.npv_y", language),
    )  # fmt: skip
    width = (risk.npv.max() - risk.npv.min()) / 40 or 1.0
    # 0 is an edge of the bins: no bar is half loss, half gain
    edges = width * np.arange(math.floor(risk.npv.min() / width), math.ceil(risk.npv.max() / width) + 1)
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0] + width])
    for part, colour, key in ((risk.npv < 0, "second", "loss"), (risk.npv >= 0, "expected", "gain")):
        if part.any():
            ax.hist(risk.npv[part], bins=list(edges), color=COLOURS[colour], edgecolor="white", linewidth=0.4)
            ax.annotate(word(f"success.{key}", language), (0, 1), xycoords=("data", "axes fraction"), va="top",
                        xytext=(-6 if key == "loss" else 6, 0), textcoords="offset points", color=COLOURS[colour],
                        ha="right" if key == "loss" else "left", weight="bold")  # fmt: skip
    ax.axvline(0, color=COLOURS["actual"], linewidth=1)
    ax.margins(y=0.14)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return ax


def plot_cash_flow(case: BusinessCase, ax: Axes | None = None, language: Language = "en") -> Axes:
    """When is the money back? Each year's net flow, and the sums so far, plain and discounted."""
    check_kind("case", case, BusinessCase, "give a crm.BusinessCase(...)")
    flows = case.flows()
    back = case.measures()["payback_period"].estimate
    title = (
        word("success.cash_title_year", language, year=f"{back:.1f}") if math.isfinite(back)
        else word("success.cash_title_never", language, years=case.years)
    )  # fmt: skip
    ax = axes(ax, title=title, x=word("success.cash_x", language), y=word("success.cash_y", language))
    ax.bar(flows.index, flows["net"], color=[COLOURS["quiet"] if v >= 0 else COLOURS["faint"] for v in flows["net"]],
           edgecolor=COLOURS["quiet"], width=0.5)  # fmt: skip
    for key, colour, style in (("cumulative", "expected", "-"), ("discounted", "second", "--")):
        ax.plot(flows.index, flows[key], style, color=COLOURS[colour], marker="o")
    # the line at 0 ends before the labels, and labels keep a line's height apart
    ends = {"net": flows["net"].iloc[-1] / 2} | {key: flows[key].iloc[-1] for key in ("cumulative", "discounted")}
    figure = ax.get_figure(root=True)
    inches = figure.get_size_inches()[1] * ax.get_position().height if figure else 3.0
    low, high = ax.get_ylim()
    places = _apart(list(ends.values()), (high - low) * 13 / 72 / inches)
    for key, place, colour in zip(ends, places, ("#555555", COLOURS["expected"], COLOURS["second"]), strict=True):
        ax.text(case.years + 0.35, place, word(f"success.{key}", language), va="center", fontsize=9, color=colour)
    ax.plot([-0.5, case.years + 0.3], [0, 0], color=COLOURS["actual"], linewidth=1)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xticks(flows.index)
    ax.set_xlim(-0.5, case.years * 1.25 + 0.7)
    return ax


def _apart(places: list[float], gap: float) -> list[float]:
    """The same places, moved as little as is needed for neighbours to be `gap` apart; their order stays."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)[order]
    for _ in range(50):
        for i in range(len(moved) - 1):
            short = gap - (moved[i + 1] - moved[i])
            if short > 0:
                moved[i], moved[i + 1] = moved[i] - short / 2, moved[i + 1] + short / 2
    back = np.empty_like(moved)
    back[order] = moved
    return [float(place) for place in back]


def _short(value: float) -> str:
    return "\u200e" + (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")  # a minus stays in front in Persian
