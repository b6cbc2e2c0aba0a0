"""Iso-value curves: which histories of purchases are worth the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_count, check_kind, check_positive
from crmlab.base.look import COLOURS, axes
from crmlab.base.words import Language, word
from crmlab.clv.bgnbd import BGNBDFit
from crmlab.clv.gamma_gamma import GammaGammaFit
from crmlab.clv.value import lifetime_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def iso_value(
    fit: BGNBDFit, spend: GammaGammaFit, *, T: float, top: int = 20, points: int = 40,
    monetary_value: float | None = None, horizon: float | str = "3Y", annual_discount: float = 0.10,
    margin: float = 0.30,
) -> pd.DataFrame:  # fmt: skip
    """What is each history worth: how often (rows) and how lately (columns) a customer bought?

    `lifetime_value` of customers seen for `T` with 1 to `top` repeat purchases, the last one at `points` times up to T,
    all of the same `monetary_value` (default: everybody's mean spend). After Fader, Hardie & Lee (2005), Journal of
    Marketing Research 42(4), who draw them from a Pareto/NBD; here a BG/NBD, a finite horizon. Rows are
    frequency, columns recency in the fit's unit, cells in the data's currency; `idxmax()` finds, for each
    recency, the frequency above which more purchases mean less value.

    >>> from crmlab import BGNBD, GammaGamma, load_cdnow, summarize
    >>> customers = summarize(load_cdnow(sample=True), unit="W", end="1997-09-30")
    >>> table = iso_value(BGNBD().fit(customers), GammaGamma().fit(customers), T=39, points=3)
    >>> table.loc[[1, 10], [13.0, 39.0]].round(1).to_numpy().tolist()
    [[13.3, 20.3], [0.2, 173.0]]
    """
    check_kind("fit", fit, BGNBDFit, "give crm.BGNBD().fit(customers)")
    check_kind("spend", spend, GammaGammaFit, "give crm.GammaGamma().fit(customers)")
    check_positive("T", T)
    for name, least_two in (("top", top), ("points", points)):
        check_count(name, least_two, 2)
    money = spend.mean_spend()[0] if monetary_value is None else monetary_value
    check_positive("monetary_value", money)
    frequency, recency = np.arange(1, top + 1), np.linspace(0, T, points + 1)[1:]
    grid = pd.DataFrame({"frequency": np.repeat(frequency, points), "recency": np.tile(recency, top), "T": float(T)})
    value = lifetime_value(
        fit, spend, grid.assign(monetary_value=money), horizon=horizon, annual_discount=annual_discount, margin=margin
    )["value"]
    index, columns = pd.Index(frequency, name="frequency"), pd.Index(recency, name="recency")
    table = pd.DataFrame(value.to_numpy().reshape(top, points), index=index, columns=columns)
    table.attrs["unit"] = fit.unit
    return table


def plot_iso_value(
    table: pd.DataFrame, *, levels: list[float] | None = None, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """Who is worth the same? Curves of equal value from `iso_value`; beyond the dashed line more orders mean less."""
    if not isinstance(table, pd.DataFrame) or "unit" not in table.attrs:
        raise OptionError("table is not usable; give the result of crm.iso_value(...), as it is.")
    ax = axes(
        ax, title=word("value.iso_title", language),
        x=word("clv.recency", language, unit=word(f"unit.{table.attrs['unit']}", language)),
        y=word("clv.repeat_purchases", language), size=(7, 4.6),
    )  # fmt: skip
    recency, frequency = table.columns.to_numpy(dtype=float), table.index.to_numpy(dtype=float)
    values = table.to_numpy(dtype=float)
    check_kind("levels", levels, (list, tuple, np.ndarray, type(None)), "give a list of amounts, or None")
    for amount in () if levels is None else levels:
        check_positive("levels", float(amount) if isinstance(amount, np.number) else amount)
    if levels is None:
        steps = np.outer(10.0 ** np.arange(0, 10), [1, 2, 5]).ravel()
        levels = [step for step in steps if values.min() < step < values.max()] or [float(values.mean())]
    curves = ax.contour(recency, frequency, values, levels=levels, colors=COLOURS["expected"], linewidths=1.4)
    ax.clabel(curves, fmt="%g", fontsize=9)
    best = table.idxmax().to_numpy()
    inside = best < frequency[-1]
    ax.plot(recency[inside], best[inside], color=COLOURS["second"], ls="--", lw=1.4)
    ax.text(
        0.02, 0.97, word("value.more_is_less", language), transform=ax.transAxes, va="top", fontsize=9,
        color=COLOURS["second"], bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )  # fmt: skip
    ax.locator_params(axis="y", integer=True)
    ax.set_xlim(0, recency[-1])
    return ax
