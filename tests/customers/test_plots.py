"""Plots draw on the Axes given, say what was computed, and speak both languages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError

pytestmark = pytest.mark.usefixtures("agg")


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.texts]


@pytest.mark.parametrize("language", ["en", "fa"])
def test_all_plots_draw_on_the_axes_given(small_log: pd.DataFrame, language: Any) -> None:
    from matplotlib import pyplot

    rfm = crm.rfm(small_log)
    for draw in (
        lambda ax: crm.plot_lorenz(crm.concentration(rfm.revenue, draws=100), ax, language),
        lambda ax: crm.plot_cohorts(crm.cohorts(small_log), ax, language),
        lambda ax: crm.plot_rfm(rfm, "customers", ax, language),
        lambda ax: crm.plot_rfm(rfm, "revenue", ax, language),
        lambda ax: crm.plot_purchases(small_log, 3, "2024-02-15", ax, language),
    ):
        ax = pyplot.subplots()[1]
        assert draw(ax) is ax
        assert ax.get_title(loc="left")
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        ax.figure.canvas.draw()


def test_cohort_numbers(small_log: pd.DataFrame) -> None:
    assert texts(crm.plot_cohorts(crm.cohorts(small_log))) == ["3", "0", "1", "1", "1", "", "1", "", ""]
    assert texts(crm.plot_cohorts(crm.cohorts(small_log, share=True)))[:3] == ["100%", "0%", "33%"]
    with pytest.raises(crm.DataError, match="no cells"):
        crm.plot_cohorts(pd.DataFrame())


def test_rfm_cells_hold_all_customers() -> None:
    rfm = crm.rfm(crm.load_cdnow(sample=True))
    shown = [t for t in texts(crm.plot_rfm(rfm)) if t]
    assert sum(int(t.replace(",", "")) for t in shown) == 2357
    with pytest.raises(crm.DataError, match="'profit': is missing"):
        crm.plot_rfm(rfm, "profit")


def test_lorenz_ends_at_one() -> None:
    ax = crm.plot_lorenz(crm.concentration([1, 1, 2, 4, 12], draws=100))
    assert np.asarray(ax.lines[1].get_ydata())[-1] == 1
    assert "60%" in ax.get_title(loc="left")


def test_purchases_have_a_dot_a_day(small_log: pd.DataFrame) -> None:
    ax = crm.plot_purchases(small_log, ["d", "a"], end="2024-02-15")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["d", "a"]
    dots = [len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [2, 2, 3, 0]  # d: two before the end and two after; a: three and none
    with pytest.raises(OptionError, match="'nobody' bought nothing"):
        crm.plot_purchases(small_log, ["nobody"])
