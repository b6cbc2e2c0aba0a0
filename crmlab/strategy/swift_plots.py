"""Pictures of Swift's cycle: profit, regret, Qini curves, uplift by decile, the four stages with a run's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, OptionError, check_kind
from crmlab.base.look import COLOURS, axes
from crmlab.base.words import Language, word
from crmlab.data.tables import missing_columns
from crmlab.strategy.policies import POLICIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmlab.strategy.swift import Run
    from crmlab.strategy.swift_compare import Comparison, Qini

# colour and line differ, so that the curves are told apart in grey too
LINES = {
    "nobody": ("quiet", "-"), "random": ("quiet", "--"), "best_rfm": ("second", "-."), "best_clv": ("third", ":"),
    "learned": ("expected", "-"), "oracle": ("actual", "--"),
}  # fmt: skip


def _name(policy: str, language: Language) -> str:
    if policy not in POLICIES:
        return policy
    return word("swift.learner" if policy == "learned" else f"swift.{policy}", language)


def _curves(ax: Axes, table: pd.DataFrame, x: str, y: str, low: str, high: str, language: Language) -> None:
    """A band and a line a policy, each named at its end; names that would touch are moved apart."""
    ends = []
    for policy, rows in table.groupby("policy", sort=False):
        colour, style = LINES.get(str(policy), ("accent", "-"))
        ax.fill_between(rows[x], rows[low], rows[high], color=COLOURS[colour], alpha=0.15, linewidth=0)
        ax.plot(rows[x], rows[y], style, color=COLOURS[colour])
        ends.append((rows[y].iloc[-1], rows[x].iloc[-1], str(policy), COLOURS[colour]))
    bottom, top = ax.get_ylim()
    place = -np.inf
    for height, at, policy, colour in sorted(ends):
        place = max(height, place + 0.05 * (top - bottom))
        ax.annotate(_name(policy, language), (at, height), xytext=(at, place), color=colour, fontsize=9, va="center",
                    annotation_clip=False).set_position((at + 0.015 * float(np.ptp(ax.get_xlim())), place))  # fmt: skip
    ax.margins(x=0.0)


def plot_swift_profit(comparison: Comparison, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Which policy earns most? Profit above that of contacting nobody, summed over rounds, with bands for the mean."""
    from crmlab.strategy.swift_compare import Comparison

    check_kind("comparison", comparison, Comparison, "give the result of cycle.compare(...)")
    ax = axes(ax, title=word("swift.profit_title", language), x=word("swift.round", language),
              y=word("swift.cumulative", language))  # fmt: skip
    names = ("round", "cumulative", "cumulative_low", "cumulative_high")
    _curves(ax, comparison.rounds, *names, language)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    return ax


def plot_swift_regret(comparison: Comparison, ax: Axes | None = None, language: Language = "en") -> Axes:
    """How much do the policies lose to one that knows the truth, summed over rounds? Needs the oracle."""
    from crmlab.strategy.swift_compare import Comparison

    check_kind("comparison", comparison, Comparison, "give the result of cycle.compare(...)")
    ax = axes(ax, title=word("swift.regret_title", language), x=word("swift.round", language),
              y=word("swift.regret", language))  # fmt: skip
    _curves(ax, comparison.regret, "round", "regret", "low", "high", language)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    return ax


def plot_qini(result: Comparison | Qini, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Do the best-scored customers hold most of the effect? Qini curves of a comparison, or one of an experiment."""
    from crmlab.strategy.swift_compare import Comparison, Qini

    check_kind("result", result, (Comparison, Qini), "give the result of cycle.compare(...) or of crm.qini(...)")
    ax = axes(ax, title=word("swift.qini_title", language), x=word("swift.qini_x", language),
              y=word("swift.qini_y", language))  # fmt: skip
    if isinstance(result, Qini):
        share, height = result.curve["share"].to_numpy(), 1000 * result.curve["incremental"].to_numpy()
        label = word("swift.qini_label", language, value=f"{1000 * result.coefficient:.1f}")
        ax.plot(share, height, color=COLOURS["expected"])
        middle = len(share) // 2
        ax.annotate(label, (share[middle], height[middle]), xytext=(-4, 8), textcoords="offset points", ha="right",
                    color=COLOURS["expected"], fontsize=9)  # fmt: skip
        ax.plot([0, 1], [0, height[-1]], color=COLOURS["quiet"], linewidth=1)
        ax.annotate(word("swift.chance", language), (0.6, 0.6 * height[-1]), xytext=(4, -10),
                    textcoords="offset points", color=COLOURS["quiet"], fontsize=9)  # fmt: skip
    else:
        _curves(ax, result.qini, "share", "incremental", "low", "high", language)
    ax.xaxis.set_major_formatter("{x:.0%}")
    return ax


def plot_uplift(
    result: Comparison | pd.DataFrame, policy: str = "learned", ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """Do customers with higher scores answer more? Uplift by decile with intervals, of a comparison's policy or of
    an `uplift_deciles` table."""
    from crmlab.strategy.swift_compare import Comparison

    check_kind("result", result, (Comparison, pd.DataFrame), "give the result of cycle.compare or crm.uplift_deciles")
    table = result if isinstance(result, pd.DataFrame) else result.deciles
    if faults := missing_columns(("decile", "uplift", "low", "high"), [str(c) for c in table.columns]):
        raise DataError(faults, "the table")
    if "policy" in table:
        check_kind("policy", policy, str, "give a name")
        if policy not in set(table["policy"]):
            raise OptionError(
                f"policy={policy!r} has no deciles here; there are {', '.join(table['policy'].unique())}."
            )
        table = table[table["policy"] == policy]
    title = word("swift.uplift_title", language, policy=_name(policy, language))
    ax = axes(ax, title=title, x=word("swift.decile", language), y=word("swift.uplift_y", language))
    value = 100 * table["uplift"].to_numpy()
    reach = 100 * np.abs(table[["low", "high"]].to_numpy().T - table["uplift"].to_numpy())
    ax.bar(table["decile"], value, color=COLOURS["faint"], edgecolor=COLOURS["quiet"])
    ax.errorbar(table["decile"], value, yerr=reach, fmt="o", color=COLOURS["expected"], capsize=2, markersize=4)
    ax.axhline(0, color=COLOURS["actual"], linewidth=0.8)
    ax.set_xticks(table["decile"].to_numpy())
    return ax


def plot_swift_cycle(run: Run, round: int | None = None, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What did one turn of the cycle do? The four stages as boxes with the numbers of a round (default: the last)."""
    from crmlab.strategy.swift import Run

    check_kind("run", run, Run, "give the result of cycle.run(...)")
    check_kind("round", round, (int, type(None)), "give a whole number, or None")
    stages, at = run.stages_by_round, len(run.table) if round is None else round
    if at not in stages.index:
        raise OptionError(f"round={round!r} is not in this run; it has the rounds 1 to {len(stages)}.")
    n, row = stages.loc[at], run.table.set_index("round").loc[at]
    counts = {name: f"{value:,}" for name, value in n.items()}
    # the marks keep the signs of numbers on the left where the text runs from right to left
    bounds = [f"\u200e{100 * (row['uplift'] + z * row['uplift_se']):+.1f}\u200e" for z in (0, -1.96, 1.96)]
    answer = word("swift.learned", language, **dict(zip(("uplift", "low", "high"), bounds, strict=True)))
    if not np.isfinite(row["uplift"]):
        answer = word("swift.learned_none", language)
    model = word("swift.rows", language, n=counts["learned"]) if n["learned"] else word("swift.no_model", language)
    lines = {
        "discover": word("swift.analysed", language, n=counts["analysed"]),
        "plan": word("swift.planned", language, n=counts["planned"], explored=counts["explored"],
                     control=counts["control"]),
        "interact": word("swift.contacted", language, n=counts["contacted"], responses=counts["responses"]),
        "refine": f"{answer}\n{model}",
    }  # fmt: skip
    title = word("swift.cycle_title", language, policy=_name(run.policy, language), round=at)
    ax = axes(ax, title=title, size=(8, 4.2))
    shades = ("expected", "third", "accent", "second")
    places = ((0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.2, 0.2))
    for (key, text), (x, y), shade in zip(lines.items(), places, shades, strict=True):
        box = {"boxstyle": "round,pad=0.8", "facecolor": "white", "edgecolor": COLOURS[shade], "linewidth": 2}
        ax.text(x, y, f"{word(f'swift.{key}', language)}\n\n{text}", ha="center", va="center", fontsize=9.5, bbox=box)
    for start, end in (((0.44, 0.8), (0.56, 0.8)), ((0.8, 0.58), (0.8, 0.42)), ((0.56, 0.2), (0.44, 0.2)),
                       ((0.2, 0.42), (0.2, 0.58))):  # fmt: skip
        ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": COLOURS["actual"], "lw": 1.5})
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_axis_off()
    return ax
