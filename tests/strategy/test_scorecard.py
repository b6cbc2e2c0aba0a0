"""A scorecard against its measures called one by one, hand arithmetic for changes, and tables with gaps."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import crmlab as crm
from crmlab.base.errors import DataError, OptionError
from crmlab.strategy.measures import Measure
from crmlab.survey import indices

matplotlib.use("Agg")

NOW, BEFORE = ("2024-07-01", "2024-12-31"), ("2024-01-01", "2024-06-30")


@pytest.fixture(scope="module")
def tables():
    return {name: crm.load_crm_project(name) for name in ("log", "survey", "finance")}


@pytest.fixture(scope="module")
def card(tables):
    targets = {
        "nps": 40, "response_time": 60, "on_time_delivery": 0.90, "market_share": 0.5, "acquisition_cost": 20.0,
        "net_present_value": 0.0,
    }  # fmt: skip
    given = {"net_present_value": Measure("net_present_value", 5.0, -1.0, 9.0)}
    return crm.Scorecard(**tables, period=NOW, previous=BEFORE, targets=targets, given=given)


def test_each_row_is_the_measure_itself(card, tables):
    found = card.table
    assert found.loc["repeat_purchase_rate", "estimate"] == crm.repeat_purchase_rate(tables["log"], *NOW).estimate
    assert found.loc["retention_rate", "low"] == crm.retention_rate(tables["log"], *NOW).low
    answers = tables["survey"][tables["survey"]["date"] >= NOW[0]]
    nps = indices.nps(answers["recommend"]).iloc[0]
    assert found.loc["nps", ["estimate", "low", "high"]].tolist() == nps[["nps", "low", "high"]].tolist()
    assert found.loc["acsi", "estimate"] == indices.acsi(answers, ["overall", "expected", "ideal"], "equal").estimate
    half = tables["finance"][tables["finance"]["quarter"].isin(["2024Q3", "2024Q4"])]
    assert found.loc["on_time_delivery", "estimate"] == half["on_time"].sum() / half["orders"].sum()
    assert found.loc["income_to_share", "estimate"] == pytest.approx(half["net_income"].sum() / 5000 / 22)


def test_growth_and_saving_compare_with_the_period_before(card, tables):
    log, finance = tables["log"], tables["finance"]
    revenue = [log.loc[log["date"].between(*days), "amount"].sum() for days in (NOW, BEFORE)]
    assert card.table.loc["revenue_growth", "estimate"] == pytest.approx(revenue[0] / revenue[1] - 1)
    quarters = finance.set_index("quarter")[["service_cost", "orders"]]
    now, then = quarters.loc["2024Q3":"2024Q4"].sum(), quarters.loc["2024Q1":"2024Q2"].sum()
    saved = then["service_cost"] / then["orders"] * now["orders"] - now["service_cost"]
    assert card.table.loc["cost_saving", "estimate"] == pytest.approx(saved)


def test_targets_are_met_missed_or_not_sure(card):
    met = card.table["met"]
    assert met["on_time_delivery"] == "yes"  # 92% of thousands, target 90%
    assert met["market_share"] == "no" and met["acquisition_cost"] == "yes"  # no interval; lower is better
    assert met["net_present_value"] == "not_sure"  # -1 to 9 holds 0
    assert met["nps"] == "no" and met["csat"] == ""
    low, high = card.table.loc["response_time", ["low", "high"]]
    assert (met["response_time"] == "not_sure") == (low <= 60 <= high)


def test_the_change_is_newcombes_for_two_shares():
    # Newcombe 1998, Statistics in Medicine 17(8), method 10: 56/70 - 48/80 is 0.2, interval 0.0524 to 0.3339
    finance = pd.DataFrame({"quarter": ["2024Q1", "2024Q2"], "converted": [48, 56], "prospects": [80, 70]})
    days = {"period": ("2024-04-01", "2024-06-30"), "previous": ("2024-01-01", "2024-03-31")}
    row = crm.Scorecard(finance=finance, **days).table.loc["conversion_rate"]
    assert row[["change", "change_low", "change_high"]].tolist() == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)


def test_missing_inputs_are_named_and_the_rest_is_computed(tables):
    log = tables["log"].drop(columns=["category", "cost"])
    card = crm.Scorecard(log, period=NOW)
    assert {"repeat_purchase_rate", "income_per_purchase", "retention_rate"} <= set(card.table.index)
    assert card.not_computed["cross_sell_rate"] == "log lacks category"
    assert card.not_computed["nps"] == "there is no survey"
    assert card.not_computed["revenue_growth"] == "there is no previous period"
    assert len(card.table) + len(card.not_computed) == 31
    assert "log lacks category" in repr(card) and card.table["change"].isna().all()
    # the first half-year has no customers of the period before
    first = crm.Scorecard(log, period=("2023-01-01", "2023-06-30"))
    assert "repeat_purchase_rate" in first.table.index and "0 of 0" in first.not_computed["retention_rate"]
    # a survey without rows in the period before: no change, and no error
    late = tables["survey"][tables["survey"]["date"] >= NOW[0]]
    assert np.isnan(crm.Scorecard(survey=late, period=NOW, previous=BEFORE).table.loc["nps", "change"])
    assert crm.Scorecard(survey=late, period=BEFORE).not_computed["nps"] == "survey has no rows in the period"


def test_wrong_tables_raise(tables):
    with pytest.raises(DataError, match="negative"):
        crm.Scorecard(tables["log"].assign(amount=-1.0), period=NOW)
    with pytest.raises(DataError) as caught:
        wrong = tables["finance"].assign(quarter="spring")
        crm.Scorecard(survey=tables["survey"].drop(columns="date"), finance=wrong, period=NOW)
    assert [fault.column for fault in caught.value.faults] == ["date", "quarter"]
    for targets in ({"happiness": 1}, {"nps": np.nan}, {"nps": "high"}, {"nps": True}):
        with pytest.raises(OptionError, match="targets"):
            crm.Scorecard(period=NOW, targets=targets)
    for period in (("2024-07-01",), ("2024-07-01", "2024-01-01"), ("x", "y"), "2024"):
        with pytest.raises(OptionError, match="period"):
            crm.Scorecard(period=period)


def test_targets_from_toml(tables, tmp_path):
    path = tmp_path / "targets.toml"
    path.write_text("on_time_delivery = 0.9\n")
    assert crm.Scorecard(finance=tables["finance"], period=NOW, targets=path).table["met"]["on_time_delivery"] == "yes"
    path.write_text("= 1")
    with pytest.raises(DataError, match="it is no TOML"):
        crm.Scorecard(period=NOW, targets=path)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_words_and_picture(card, language):
    words = card.words(language)
    assert len(words) == len(card.table) and words["label"].is_unique
    assert words["label"].str.contains("[ء-ی]").all() == (language == "fa")
    ax = crm.plot_scorecard(card, language=language)
    assert len(ax.get_yticklabels()) == len(card.targets)
    assert ax.get_yticklabels()[-1].get_text() == words.loc["nps", "label"]
    plt.close("all")


def test_nothing_to_draw(tables):
    with pytest.raises(OptionError, match="target"):
        crm.plot_scorecard(crm.Scorecard(tables["log"], period=NOW))
