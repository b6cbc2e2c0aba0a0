"""Expected beside actual: against the published tables, and against counting by hand."""

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import DataError, OptionError


def test_frequency_table_adds_up(fit, cdnow):
    table = crm.frequency_table(fit, cdnow, top=4)
    assert table["actual"].tolist() == [1411, 439, 214, 100, 193]
    assert table["expected"].sum() == pytest.approx(2357)
    by_hand = sum(fit.pmf(2, float(T)) for T in cdnow["T"])
    assert table.loc["2", "expected"] == pytest.approx(by_hand)
    with pytest.raises(OptionError, match="top"):
        crm.frequency_table(fit, cdnow, top=0)


def test_holdout_table(fit, cdnow):
    table = crm.holdout_table(fit, cdnow)
    assert table["customers"].sum() == 2357
    assert (table["customers"] * table["actual"]).sum() == pytest.approx(1882)
    with pytest.raises(DataError, match="holdout_end"):
        crm.holdout_table(fit, cdnow.drop(columns="holdout_frequency"))


def test_tracking_counts_repeat_purchases(fit):
    log = crm.load_cdnow(sample=True)
    table = crm.tracking(fit, log, end="1997-09-30", holdout_end="1998-06-30")
    days = log.drop_duplicates(["customer_id", "date"])
    first = days.groupby("customer_id")["date"].transform("min")
    repeat = days.loc[days["date"] > first, "date"]
    assert len(table) == 78 and table["date"].iloc[38] == pd.Timestamp("1997-09-30")
    assert table["holdout"].sum() == 39
    assert table["cumulative_actual"].iloc[-1] == len(repeat)
    assert table["actual"].iloc[0] == (repeat <= "1997-01-07").sum()
    # in the calibration period the model meets the total (3%: the likelihood is not a moment condition)
    assert table["cumulative_expected"].iloc[38] == pytest.approx(table["cumulative_actual"].iloc[38], rel=0.03)


def test_tracking_by_hand(fit):
    dates = ["2024-01-01", "2024-01-03", "2024-01-09", "2024-01-20"]
    log = pd.DataFrame({"customer_id": [1, 2, 1, 3], "date": pd.to_datetime(dates)})
    table = crm.tracking(fit, log, end="2024-01-14", holdout_end="2024-01-21")
    assert table["actual"].tolist() == [0, 1, 0]  # customer 3 came after `end`
    weeks = np.array([20 / 7, 18 / 7])  # on 2024-01-21, since 1 and 3 January
    assert table["cumulative_expected"].iloc[-1] == pytest.approx(fit.expected_purchases_new(weeks).sum())
    with pytest.raises(DataError, match="later end"):
        crm.tracking(fit, log, end="2023-01-01")
    with pytest.raises(OptionError, match="holdout_end"):
        crm.tracking(fit, log, end="2024-01-14", holdout_end="2024-01-01")


def test_alive_history(fit):
    dates = ["2024-01-01", "2024-02-12", "2024-02-12", "2024-03-04", "2024-09-09"]
    table = crm.alive_history(fit, dates, end="2024-06-30")
    assert table["date"].iloc[-1] == pd.Timestamp("2024-06-30") and len(table) == 182
    last = pd.DataFrame({"frequency": [2], "recency": [9.0], "T": [181 / 7]})
    assert table["p_alive"].iloc[-1] == pytest.approx(fit.p_alive(last).iloc[0])
    assert (table["p_alive"][:42] == 1).all() and table["frequency"].max() == 2
    silent = table["p_alive"][63:]
    assert (silent.diff().dropna() < 0).all()  # silence never raises the chance
    with pytest.raises(DataError, match="no purchase"):
        crm.alive_history(fit, dates, end="2023-12-31")


@pytest.mark.parametrize("language", ["en", "fa"])
def test_plots_show_the_tables(fit, cdnow, language):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    log = crm.load_cdnow(sample=True)
    table = crm.tracking(fit, log, end="1997-09-30", holdout_end="1998-06-30")
    counts = crm.frequency_table(fit, cdnow)
    ax = crm.plot_frequency(fit, cdnow, language=language)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([*counts["actual"], *counts["expected"]])
    ax = crm.plot_tracking(table, cumulative=True, language=language)
    assert ax.lines[1].get_ydata() == pytest.approx(table["cumulative_expected"].to_numpy())
    ax = crm.plot_p_alive(fit, T=39, top=5, language=language)
    shown = np.asarray(ax.collections[0].get_array()).reshape(5, 40)
    one = pd.DataFrame({"frequency": [3], "recency": [39.0], "T": [39.0]})
    assert shown[2, -1] == pytest.approx(fit.p_alive(one).iloc[0])
    ax = crm.plot_expected_purchases(fit, T=39, horizon=39, top=5, language=language)
    shown = np.asarray(ax.collections[0].get_array()).reshape(5, 40)
    assert shown[2, -1] == pytest.approx(fit.expected_purchases(one, 39).iloc[0])
    own = pyplot.subplots()[1]
    assert crm.plot_history(fit, log.loc[log["customer_id"] == 111, "date"], end="1998-06-30", ax=own) is own
    pyplot.close("all")
