"""Pictures of maturity: the radar, who disagrees on what, the roadmap as a timeline, and what it brings when."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_kind, check_option
from crmlab.base.look import COLOURS, axes, heat, label_line
from crmlab.base.table import localized
from crmlab.base.words import Language, word
from crmlab.strategy.assessment import Assessment
from crmlab.strategy.gartner import MaturityModel
from crmlab.strategy.roadmap import Roadmap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_maturity(assessment: Assessment, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Where does the firm stand, and where does it want to be? A radar: today with its interval, and the target."""
    check_kind("assessment", assessment, Assessment, "give the result of model.assess(...)")
    check_option("language", language, get_args(Language))
    a, names = assessment, assessment.model.blocks[language]
    worst = names.iloc[int((a.scores["gap"] if "gap" in a.scores else -a.scores["score"]).argmax())]
    key = "maturity.radar_title" if "gap" in a.scores else "maturity.radar_title_low"
    ax = axes(ax, size=(7, 6), title=word(key, language, block=worst))
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(names) + 1) / len(names)
    x, y = np.cos(angle), np.sin(angle)

    def ring(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        closed = np.append(values, values[0])
        return closed * x, closed * y

    for level in range(1, 6):
        ax.plot(*ring(np.full(len(names), float(level))), color=COLOURS["faint"], linewidth=0.8, zorder=0)
        ax.text(0.05, level, localized(str(level), language), fontsize=7, color=COLOURS["quiet"], va="bottom")
    ax.plot([0 * x[:-1], 5 * x[:-1]], [0 * y[:-1], 5 * y[:-1]], color=COLOURS["faint"], linewidth=0.6, zorder=0)
    low, high = ring(a.scores["low"].to_numpy()), ring(a.scores["high"].to_numpy())
    ax.fill(
        np.append(high[0], low[0][::-1]), np.append(high[1], low[1][::-1]), color=COLOURS["expected"], alpha=0.22, lw=0
    )
    lines = {"today": (a.scores["score"], "o-", "expected", (-6, -12), "right")}
    if "target" in a.scores:
        lines["target"] = (a.scores["target"], "--", "second", (6, -10), "left")
    at = int(a.scores["score"].argmin())
    for key, (values, dash, colour, shift, side) in lines.items():
        px, py = ring(values.to_numpy())
        ax.plot(px, py, dash, color=COLOURS[colour], ms=4, lw=1.5)
        ax.annotate(word(f"maturity.{key}", language), (px[at], py[at]), xytext=shift, textcoords="offset points",
                    color=COLOURS[colour], fontsize=9, ha=side)  # fmt: skip
    for i, (name, today) in enumerate(zip(names, a.scores["score"], strict=True)):
        score = localized(f"{today:.1f}", language)
        side = "center" if abs(x[i]) < 0.1 else "left" if x[i] > 0 else "right"
        ax.text(5.25 * x[i], 5.25 * y[i], f"{textwrap.fill(name, 14)}\n{score}", ha=side, va="center", fontsize=9)
    ax.set(aspect="equal", xlim=(-7.4, 7.4), ylim=(-6.2, 6.2))
    ax.set_axis_off()
    return ax


def plot_block_agreement(assessment: Assessment, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Do the raters see the same? A dot a respondent in each block, the mean with its interval, and r_wg.

    The respondent who is furthest from the others is named where the distance is half a level or more.
    """
    check_kind("assessment", assessment, Assessment, "give the result of model.assess(...)")
    check_option("language", language, get_args(Language))
    a = assessment
    means = a.ratings.T.groupby(a.model.indicators["block"], sort=False).mean()
    least = a.model.blocks[language].iloc[int(a.agreement["r_wg"].drop("all").argmin())]
    ax = axes(
        ax, size=(8, 4.6), title=word("maturity.agreement_title", language, block=least),
        x=word("maturity.level_x", language),
    )  # fmt: skip
    columns = zip(a.scores["score"], a.scores["low"], a.scores["high"], *(
        a.agreement[c].drop("all") for c in ("furthest", "by", "r_wg")), strict=True)  # fmt: skip
    for row, (score, low, high, who, by, r_wg) in enumerate(columns):
        ax.plot([low, high], [row, row], color=COLOURS["expected"], lw=6, alpha=0.3, solid_capstyle="butt")
        values = means.iloc[row].sort_values()
        shift = 0.13 * values.groupby(values.round(3)).cumcount()  # equal dots side by side
        ax.plot(values, row - shift, "o", color=COLOURS["actual"], ms=4)
        ax.plot(score, row, "|", color=COLOURS["expected"], ms=16, mew=2)
        if abs(by) >= 0.5:
            ax.annotate(str(who).replace("_", " "), (values[who], row - shift[who]), xytext=(6 if by > 0 else -6, 5),
                        textcoords="offset points", fontsize=8, ha="left" if by > 0 else "right",
                        color=COLOURS["second"])  # fmt: skip
        ax.text(5.15, row, localized(f"{r_wg:.2f}", language), va="center", fontsize=9)
    ax.text(5.15, -0.85, "r_wg", fontsize=9, color=COLOURS["quiet"])
    ax.set_yticks(range(len(a.scores)), a.model.blocks[language])
    ax.set(xlim=(1, 5), ylim=(len(a.scores) - 0.4, -0.6), xticks=range(1, 6))
    return ax


def plot_roadmap(roadmap: Roadmap, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What comes when, and what waits for what? A bar a project in its period; arrows lead to what had to wait."""
    check_kind("roadmap", roadmap, Roadmap, "give the result of crm.roadmap(...)")
    check_option("language", language, get_args(Language))
    r, table = roadmap, roadmap.table
    last = int(table["period"].max())
    first, final = (localized(f"{r.path['maturity'].iloc[i]:.1f}", language) for i in (0, -1))
    ax = axes(
        ax, size=(9.5, 1.4 + 0.42 * len(table)), x=word("maturity.period_cost_x", language),
        title=word("maturity.roadmap_title", language, first=first, last=final),
    )  # fmt: skip
    offered = r.projects[language] if language in r.projects else pd.Series(dtype=object)
    rows = {name: row for row, name in enumerate(table.index)}
    for name, p in table.iterrows():
        row, left = rows[str(name)], p["period"] - 1
        ax.barh(row, 0.94, left=left + 0.03, height=0.62, color=COLOURS["accent"], alpha=0.75)
        ax.text(left + 0.5, row, localized(f"{p['cost']:g}", language), ha="center", va="center", fontsize=9)
        for earlier in p["after"]:
            start = (table.loc[earlier, "period"], rows[earlier])
            # down along the line between the periods, then to the bar: crosses no number
            ax.annotate("", (left + 0.04, row), xytext=start, zorder=3, arrowprops={
                "arrowstyle": "-|>", "color": COLOURS["expected"], "lw": 1, "shrinkA": 0, "shrinkB": 0,
                "connectionstyle": "angle,angleA=180,angleB=90,rad=0"})  # fmt: skip
    for period in range(1, last):
        ax.axvline(period, color=COLOURS["faint"], lw=0.8, zorder=0)
    blocks = r.model.blocks[language]
    ax.set_yticks(range(len(table)), [f"{offered.get(n, n)} ({blocks[b]})" for n, b in table["block"].items()])
    ax.set_xticks(np.arange(last) + 0.5, [localized(str(i + 1), language) for i in range(last)])
    ax.set(xlim=(0, last), ylim=(len(table) - 0.4, -0.6))
    return ax


def plot_maturity_path(
    roadmaps: Roadmap | Mapping[str, Roadmap], ax: Axes | None = None, language: Language = "en", *, spent: bool = False
) -> Axes:
    """How quickly does maturity rise? A line a roadmap over the periods, or over the money `spent`."""
    check_kind("roadmaps", roadmaps, (Roadmap, Mapping), "give a result of crm.roadmap(...), or several by name")
    named = {"": roadmaps} if isinstance(roadmaps, Roadmap) else dict(roadmaps)
    if not named:
        raise OptionError("roadmaps is empty; give one, or several by name.")
    for name, r in named.items():
        check_kind(f"roadmaps[{name!r}]", r, Roadmap, "give the result of crm.roadmap(...)")
    label = word("maturity.spent_x" if spent else "maturity.period_x", language)
    ax = axes(ax, size=(7.5, 4), title=word("maturity.path_title", language), x=label, y=word("maturity.y", language))
    styles = zip(("expected", "second", "third", "actual"), ("-", "--", "-.", ":"), strict=True)
    ends: list[tuple[float, float]] = []  # labels of roads with the same end stand below one another
    for (name, r), (colour, dash) in zip(named.items(), styles, strict=False):
        at = (r.path["spent"] if spent else r.path.index).to_numpy()
        (line,) = ax.step(at, r.path["maturity"], dash, where="post", color=COLOURS[colour], marker="o", ms=4)
        end = (float(at[-1]), round(float(r.path["maturity"].iloc[-1]), 2))
        ends.append(end)
        label_line(ax, line, name, dx=7, dy=1 - 12 * ends.count(end) if len(named) > 1 else 0)
    ax.margins(x=0.12)
    if not spent:
        ax.set_xticks(range(max(len(r.path) for r in named.values())))
    return ax


def plot_weights(table: pd.DataFrame, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What changes in the order when the weights change? `compare_weights` as a grid of periods, early ones dark."""
    check_kind("table", table, pd.DataFrame, "give the result of crm.compare_weights(...)")
    if table.empty:
        raise OptionError("table is empty; give the result of crm.compare_weights(...).")
    grid = table.to_numpy(dtype=float, na_value=np.nan)
    title = word("maturity.weights_title", language)
    ax = axes(ax, size=(4 + 1.3 * grid.shape[1], 1.2 + 0.4 * len(table)), title=title)
    image = heat(ax, np.ma.masked_invalid(grid), label=word("maturity.period_x", language))
    image.colorbar.set_ticks(np.unique(grid[~np.isnan(grid)]))
    middle = np.nanmean([np.nanmin(grid), np.nanmax(grid)])
    for (row, column), value in np.ndenumerate(grid):
        text = "–" if np.isnan(value) else localized(f"{value:.0f}", language)
        ink = "white" if value < middle else "black"
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9, color=ink)
    ax.set_xticks(np.arange(grid.shape[1]) + 0.5, [textwrap.fill(str(c), 14) for c in table.columns])
    known = MaturityModel.bundled("gartner").projects[language]
    ax.set_yticks(np.arange(len(table)) + 0.5, [str(known.get(name, name)) for name in table.index])
    ax.invert_yaxis()
    return ax
