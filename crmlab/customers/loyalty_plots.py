"""Pictures of loyalty: one customer's six indices, the main kinds, and who goes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_kind
from crmlab.base.look import COLOURS, axes
from crmlab.base.words import Language, word
from crmlab.customers.loyalty import KINDS, LoyaltyProfile
from crmlab.data.tables import missing_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_loyalty(profile: LoyaltyProfile, customer: Any, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What is this customer loyal to? The six indices as dots, against the average customer's (hollow)."""
    check_kind("profile", profile, LoyaltyProfile, "give the result of crm.loyalty_profile(log)")
    check_kind("customer", customer, Hashable, "give an id of profile.customers.index")
    if customer not in profile.customers.index:
        raise OptionError(f"customer={customer!r} is not in the log; choose from profile.customers.index.")
    own, mean = profile.customers.loc[customer], profile.customers[list(KINDS)].mean()
    ax = axes(
        ax, size=(7, 3.6), title=word("loyalty.profile_title", language, customer=customer),
        x=word("loyalty.index", language),
    )  # fmt: skip
    for row, kind in enumerate(KINDS):
        ax.axhline(row, color=COLOURS["faint"], linewidth=0.8, zorder=0)
        value = own[kind]
        if np.isfinite(value):
            ax.plot([mean[kind], value], [row, row], color=COLOURS["expected"], linewidth=2)
            ax.plot([value], [row], "o", markersize=9, color=COLOURS["expected"])
            ax.annotate(f"{value:.2f}", (value, row), xytext=(0, 7), textcoords="offset points", ha="center",
                        color=COLOURS["expected"], fontsize=9)  # fmt: skip
        elif kind not in profile.missing:
            ax.annotate(word("loyalty.no_index", language), (0.5, row), ha="center", va="center", fontsize=8,
                        color=COLOURS["quiet"], backgroundcolor="white")  # fmt: skip
        ax.plot([mean[kind]], [row], "o", markersize=7, mfc="white", color=COLOURS["quiet"])
    ax.annotate(word("loyalty.average", language), (mean[KINDS[0]], 0), xytext=(8, 6), textcoords="offset points",
                color=COLOURS["quiet"], fontsize=9)  # fmt: skip
    ax.set_yticks(range(len(KINDS)), [word(f"loyalty.{kind}", language) for kind in KINDS])
    ax.set(xlim=(-0.03, 1.03), ylim=(len(KINDS) - 0.5, -0.7))
    return ax


def plot_loyalty_kinds(profile: LoyaltyProfile, ax: Axes | None = None, language: Language = "en") -> Axes:
    """What are our customers loyal to? The share of each main kind with its interval, and its share of the revenue."""
    check_kind("profile", profile, LoyaltyProfile, "give the result of crm.loyalty_profile(log)")
    table = profile.shares()
    ax = axes(
        ax, size=(7, 3.8), title=word("loyalty.kinds_title", language), x=word("loyalty.share", language),
        y=word("loyalty.main", language),
    )  # fmt: skip
    rows = np.arange(len(table))
    reach = np.abs(table[["low", "high"]].to_numpy().T - table["share"].to_numpy())
    ax.barh(rows, table["share"], height=0.55, color=COLOURS["faint"], xerr=reach, ecolor=COLOURS["quiet"])
    ax.plot(table["revenue_share"], rows, "D", color=COLOURS["second"])
    for row, (share, high, revenue) in enumerate(table[["share", "high", "revenue_share"]].to_numpy()):
        ax.annotate(f"{share:.0%}", (0, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
        ax.annotate(f"{revenue:.0%}", (max(high, revenue), row), xytext=(8, 0), textcoords="offset points",
                    va="center", color=COLOURS["second"], fontsize=9)  # fmt: skip
    ax.annotate(word("loyalty.customers", language), (0, -0.62), xytext=(4, 0), textcoords="offset points", fontsize=9)
    right = table.iloc[0]
    ax.annotate(word("loyalty.revenue", language), (max(right["high"], right["revenue_share"]), -0.62),
                xytext=(8, 0), textcoords="offset points", color=COLOURS["second"], fontsize=9)  # fmt: skip
    ax.set_yticks(rows, [word(f"loyalty.{kind}", language) for kind in table.index])
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_ylim(len(table) - 0.5, -0.9)
    return ax


def plot_what_if(table: pd.DataFrame, ax: Axes | None = None, language: Language = "en", *, days: int = 182) -> Axes:
    """Who goes, and with how much? Exposed revenue by main kind, and the part at risk, from `profile.what_if(...)`.

    `days` is the profile's window, for the axis.
    """
    check_kind("table", table, pd.DataFrame, "give the result of profile.what_if(...)")
    faults = missing_columns(("exposed", "leavers", "at_risk", "at_risk_low", "at_risk_high"), list(table.columns))
    if "all" not in table.index:
        faults.append(Fault("", "there is no row 'all'", "Give the result of profile.what_if(...), whole."))
    if faults:
        raise DataError(faults, "the what-if table")
    parts, whole = table.drop(index="all").query("exposed > 0"), table.loc["all"]
    share = f"{whole['at_risk'] / whole['exposed']:.0%}" if whole["exposed"] else "0%"
    ax = axes(
        ax, size=(7, 3.8), x=word("loyalty.money", language, days=days), y=word("loyalty.main", language),
        title=word("loyalty.what_if_title", language, leavers=f"{whole['leavers']:.0f}", share=share),
    )  # fmt: skip
    rows = np.arange(len(parts))
    reach = np.abs(parts[["at_risk_low", "at_risk_high"]].to_numpy().T - parts["at_risk"].to_numpy())
    ax.barh(rows, parts["exposed"], height=0.7, color=COLOURS["faint"])
    ax.barh(rows, parts["at_risk"], height=0.4, color=COLOURS["second"], xerr=reach, ecolor=COLOURS["actual"])
    top = parts["exposed"].to_numpy()
    for row, (exposed, risk) in enumerate(parts[["exposed", "at_risk"]].to_numpy()):
        ax.annotate(f"{risk:,.0f} / {exposed:,.0f}", (exposed, row), xytext=(5, 0), textcoords="offset points",
                    va="center", fontsize=9)  # fmt: skip
    for key, colour, way, shift in (("at_risk", "second", "right", -5), ("exposed", "quiet", "left", 5)):
        ax.annotate(word(f"loyalty.{key}", language), (top.max(initial=0) / 4, -0.62), xytext=(shift, 0),
                    textcoords="offset points", ha=way, color=COLOURS[colour], fontsize=9)  # fmt: skip
    ax.set_yticks(rows, [word(f"loyalty.{kind}", language) for kind in parts.index])
    ax.set(xlim=(0, 1.25 * top.max(initial=1)), ylim=(len(parts) - 0.5, -0.9))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return ax
