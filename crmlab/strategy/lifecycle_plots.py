"""Pictures of the lifecycle: the moves between stages, and the stages over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, check_kind
from crmlab.base.look import COLOURS, axes, heat
from crmlab.base.words import Language, word
from crmlab.data.tables import missing_columns
from crmlab.strategy.lifecycle import StageMoves, stage_rules

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    "acquired": "accent", "won_back": "second", "enhanced": "third", "retained": "expected", "at_risk": "quiet",
    "lost": "faint",
}  # fmt: skip


def plot_moves(moves: StageMoves, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Which stage follows which? The transition matrix as a heat map with its shares; rows add up to 100%."""
    check_kind("moves", moves, StageMoves, "give the result of crm.stage_moves(...)")
    values = moves.shares.to_numpy()
    k = len(values)
    ax = axes(ax, size=(2.6 + 0.85 * k, 1.6 + 0.6 * k), title=word("lifecycle.moves_title", language),
              x=word("lifecycle.moves_to", language), y=word("lifecycle.moves_from", language))  # fmt: skip
    heat(ax, np.ma.masked_invalid(values), label=word("lifecycle.share", language), vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and moves.counts.iat[row, column]:
            colour = "white" if value < 0.55 else "black"
            ax.text(column + 0.5, row + 0.5, f"{value:.0%}", ha="center", va="center", fontsize=9, color=colour)
    labels = [_label(stage, language) for stage in moves.shares.index]
    ax.set_xticks(np.arange(k) + 0.5, labels)
    ax.set_yticks(np.arange(k) + 0.5, labels)
    ax.invert_yaxis()
    return ax


def plot_stages(stages: pd.DataFrame, ax: Axes | None = None, language: Language = "en") -> Axes:
    """In which stage are the customers? Of all who have bought so far, the share in each stage, by period."""
    check_kind("stages", stages, pd.DataFrame, "give the result of crm.lifecycle(log)")
    if faults := missing_columns(("period", "stage"), [str(c) for c in stages.columns]):
        raise DataError(faults, "the stages")
    ax = axes(ax, size=(8, 4.2), title=word("lifecycle.stages_title", language),
              x=word("lifecycle.stages_x", language), y=word("lifecycle.stages_y", language))  # fmt: skip
    shares = pd.crosstab(stages["period"], stages["stage"], normalize="index")
    order = [*_COLOURS, *(s for s in shares.columns if s not in _COLOURS)]
    shares = shares[[s for s in order if s in shares.columns]]
    x, bottom = np.arange(len(shares)), np.zeros(len(shares))
    ends = []
    for stage in shares.columns:
        height = shares[stage].to_numpy()
        colour = COLOURS[_COLOURS.get(str(stage), "actual")]
        ax.bar(x, height, 0.8, bottom, color=colour, edgecolor="white", linewidth=0.8)
        if height[-1] > 0:
            ends.append((bottom[-1] + height[-1] / 2, str(stage), height[-1]))
        else:
            top = int(height.argmax())
            ax.text(
                x[top], bottom[top] + height[top] / 2, _label(stage, language), ha="center", va="center", fontsize=9
            )
        bottom = bottom + height
    at = -1.0
    for middle, stage, height in ends:
        at = max(middle, at + 0.055)  # thin layers: labels keep their distance
        ax.annotate(f"{_label(stage, language)}  {height:.0%}", (x[-1] + 0.42, middle), xytext=(x[-1] + 0.6, at),
                    va="center", fontsize=9, arrowprops={"arrowstyle": "-", "color": COLOURS["quiet"]},
                    annotation_clip=False)  # fmt: skip
    ax.set_xlim(-0.6, x[-1] + 1.0 + 0.18 * len(x))
    ax.set_xticks(x, [f"{p:%Y-%m-%d}" if hasattr(p, "strftime") else str(p) for p in shares.index], rotation=30)
    ax.yaxis.set_major_formatter("{x:.0%}")
    return ax


def _label(stage: object, language: Language) -> str:
    known = {"other", *(rule["stage"] for rule in stage_rules())}
    return word(f"lifecycle.{stage}", language) if stage in known else str(stage)
