"""Each measure against arithmetic on paper, numpy-financial, published intervals, or a resampled truth."""

import importlib
import math

import numpy as np
import numpy_financial as npf
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, CrmlabError, DataError, OptionError
from crmlab.strategy import success

LOG = pd.DataFrame({
    "customer_id": ["a", "a", "a", "b", "b", "c", "d", "d"],
    "date": [f"2024-{day}" for day in ("01-05", "01-05", "02-01", "01-09", "04-02", "03-30", "04-10", "06-30")],
    "amount": [10.0, 5.0, 20.0, 30.0, 60.0, 40.0, 25.0, 15.0],
    "cost": [6.0, 3.0, 12.0, 20.0, 30.0, 30.0, 15.0, 10.0],
    "category": ["x", "y", "x", "x", "x", "y", "x", "y"],
})  # fmt: skip


def test_every_measure_exists_says_what_it_is_in_both_languages_and_can_be_called():
    table = crm.kpis()
    assert len(table) == 31 and table["name"].is_unique
    for name, path in table.set_index("name")["function"].items():
        module, function = path.rsplit(".", 1)
        found = getattr(importlib.import_module(module), function)
        assert found.__doc__ and function == name
        assert not found.__module__.startswith("crmlab.strategy") or (hasattr(success, name) and hasattr(crm, name))
    persian = crm.kpis(language="fa")
    assert persian["label"].str.contains("[ء-ی]").all() and (persian["name"] == table["name"]).all()
    assert set(table["group"]) == {"satisfaction", "profit", "market", "finance", "growth", "savings"}
    with pytest.raises(OptionError, match="language"):
        crm.kpis(language="de")


def test_thirteen_effects_name_measures_that_exist():
    effects = crm.expected_effects()
    assert len(effects) == 13 and set(effects["kpi"]) - {""} <= set(crm.kpis()["name"])
    assert set(effects["direction"]) == {"up", "down"}
    assert crm.expected_effects("fa")["effect"].str.contains("[ء-ی]").all()


def test_repeat_purchase_by_hand():
    found = crm.repeat_purchase_rate(LOG)  # a, b and d bought on two days; c on one
    assert found.estimate == 3 / 4 and found.n == 4
    # in the first quarter only a: the two orders of 5 January are one day
    assert crm.repeat_purchase_rate(LOG, "2024-01-01", "2024-03-31").estimate == 1 / 3


def test_wilson_against_the_published_example():
    # Newcombe 1998, Statistics in Medicine 17: 81 of 263 gives 0.2553 to 0.3662
    found = crm.conversion_rate(81, 263)
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_retention_and_churn_by_hand():
    # January to March: a, b, c bought; of these b alone in April to June
    kept = crm.retention_rate(LOG, "2024-04-01", "2024-06-30", before="2024-01-01")
    assert kept.estimate == pytest.approx(1 / 3) and kept.n == 3
    lost = crm.churn_rate(LOG, "2024-04-01", "2024-06-30", before="2024-01-01")
    assert lost.estimate == pytest.approx(2 / 3)
    assert lost.low == pytest.approx(1 - kept.high) and lost.high == pytest.approx(1 - kept.low)
    # by default the period before is as long: 91 days before 1 April begin on 1 January
    assert crm.retention_rate(LOG, "2024-04-01", "2024-06-30").estimate == kept.estimate
    with pytest.raises(OptionError, match="before"):
        crm.retention_rate(LOG, "2024-04-01", "2024-06-30", before="2024-05-01")
    with pytest.raises(OptionError, match="start first"):
        crm.retention_rate(LOG, "2024-04-01", "2024-03-01")


def test_cross_sell_and_income_per_purchase_by_hand():
    assert crm.cross_sell_rate(LOG).estimate == 2 / 4  # a and d
    found = crm.income_per_purchase(LOG)
    assert found.estimate == pytest.approx(205 / 7)  # 205 euros on 7 days
    # linearised: residuals a 35-2r, b 90-2r, c 40-r, d 40-2r with r = 205/7
    r = 205 / 7
    residuals = np.array([35 - 2 * r, 90 - 2 * r, 40 - r, 40 - 2 * r])
    se = math.sqrt(4 / 3 * (residuals**2).sum()) / 7
    assert found.high - found.estimate == pytest.approx(1.959964 * se, rel=1e-6)


def test_growth_by_hand():
    quarters = crm.revenue_growth(LOG, start="2024-01-01")
    row = quarters.loc["2024Q2"]
    assert (row["value"], row["before"]) == (100.0, 105.0) and row["growth"] == pytest.approx(100 / 105 - 1)
    assert row["low"] < row["growth"] < row["high"]
    margin = crm.margin_growth(LOG, start="2024-01-01")
    assert margin.loc["2024Q2", "growth"] == pytest.approx(45 / 34 - 1)
    # 5 January is not the quarter's first day: without start= the first quarter is not whole
    with pytest.raises(DataError, match="whole quarter"):
        crm.revenue_growth(LOG)
    with pytest.raises(DataError, match="whole year"):
        crm.revenue_growth(LOG, "year", start="2024-01-01")


def test_growth_by_year_and_against_last_year():
    dates = pd.date_range("2021-01-01", "2023-12-31", freq="D")
    amount = np.where(dates.quarter == 4, 2.0, 1.0) * 1.1 ** (dates.year - 2021)
    log = pd.DataFrame({"customer_id": np.arange(len(dates)) % 50, "date": dates, "amount": amount})
    assert crm.revenue_growth(log, "year")["growth"].round(3).tolist() == [0.1, 0.1]
    season = crm.revenue_growth(log, "quarter_last_year")["growth"]
    assert len(season) == 8 and np.allclose(season, 0.1)
    assert crm.revenue_growth(log)["growth"].max() > 0.9  # the fourth quarter against the third: season, not growth


def test_growth_interval_covers():
    # customers are drawn, so the true growth of the population is known; 400 draws, binomial 99.9% bounds of 95%
    rng = np.random.default_rng(1)
    caught = 0
    for _ in range(400):
        then = rng.gamma(1, 30, 150)
        now = then * rng.gamma(4, 0.3, 150)  # mean factor 1.2
        _, low, high = success._change(now[:, None], then[:, None], 1.96)
        caught += low[0] <= 0.2 <= high[0]
    assert 364 <= caught <= 394


def test_what_is_divided_and_saved():
    assert float(crm.market_share(20, 80)) == 0.25
    assert float(crm.acquisition_cost(900, 30)) == 30 and float(crm.cost_per_contact(90, 30)) == 3
    assert float(crm.cost_to_serve(0, 30)) == 0
    assert float(crm.cost_saving(1100, 110, 1200, 100)) == 12 * 110 - 1100
    assert float(crm.income_to_share(5000, 1000, 50)) == 0.1
    wallet = crm.share_of_wallet([30, 20, 0], [60, 20, 20])
    assert wallet.estimate == 0.5 and wallet.n == 3
    for bad in (
        lambda: crm.market_share(1, 0),
        lambda: crm.cost_saving(1, 0, 1, 1),
        lambda: crm.income_to_share(1, 0, 1),
    ):
        with pytest.raises(OptionError):
            bad()


def test_median_interval_is_the_textbooks():
    # n = 10: the 2nd smallest and 2nd largest hold the median with 97.9% (binomial table)
    found = crm.response_time([10, 1, 2, 9, 3, 8, 4, 7, 5, 6])
    assert (found.estimate, found.low, found.high) == (5.5, 2, 9)


def test_average_clv():
    found = crm.average_clv([10.0, 20.0, 30.0])
    assert found.estimate == 20 and found.high == pytest.approx(20 + 4.302653 * 10 / math.sqrt(3), rel=1e-6)
    total = pd.Series({"customers": 4.0, "value": 80.0, "se": 5.0, "low": 70.0, "high": 90.0})
    assert crm.average_clv(total).low == 17.5
    assert crm.average_clv(pd.DataFrame({"value": [10.0, 30.0]})).estimate == 20


def test_npv_irr_and_payback_by_hand_and_by_numpy_financial():
    flows = [-1000, 300, 400, 500, 200]
    by_hand = -1000 + 300 / 1.1 + 400 / 1.21 + 500 / 1.331 + 200 / 1.4641
    assert float(crm.net_present_value(0.10, flows)) == pytest.approx(by_hand)
    irr = float(crm.internal_rate_of_return(flows))
    assert irr == pytest.approx(npf.irr(flows)) and npf.npv(irr, flows) == pytest.approx(0, abs=1e-6)
    assert float(crm.payback_period(flows)) == pytest.approx(2 + 300 / 500)
    assert float(crm.payback_period(flows, 0.10)) == pytest.approx(
        3 + (1000 - 272.7273 - 330.5785 - 375.6574) / 136.6027, abs=1e-4
    )
    assert crm.payback_period([-10, 5, 4]).estimate == math.inf
    # a new outlay in year 2: back for good only in year 3
    assert float(crm.payback_period([-10, 12, -8, 12])) == pytest.approx(2 + 6 / 12)
    assert float(crm.payback_period([5, 1])) == 0
    assert float(crm.return_on_investment([0, 60, 90], [100, 10, 10])) == 0.25
    assert float(crm.total_cost_of_ownership({"licence": [100, 20], "people": [0, 13]}, 0.10)) == pytest.approx(130)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=8), st.floats(100, 3000))
def test_irr_of_an_ordinary_project_is_unique_and_zeroes_the_npv(gains, outlay):
    flows = [-outlay, *gains]
    rate = float(crm.internal_rate_of_return(flows))
    assert npf.npv(rate, flows) == pytest.approx(0, abs=1e-6 * (outlay + sum(gains)))


def test_irr_without_sign_change_without_a_rate_and_with_two():
    for flows in ([100, 50, 20], [-100, -50], [0, 0, 0]):
        assert math.isnan(npf.irr(flows)) if any(flows) else True
        with pytest.raises(OptionError, match="never change sign"):
            crm.internal_rate_of_return(flows)
    with pytest.raises(OptionError, match="no rate"):
        crm.internal_rate_of_return([100, -200, 150])  # the discriminant is below 0
    # -1000 + 2500 x - 1540 x^2: x = 1/1.1 and 1/1.4
    with pytest.warns(AssumptionWarning, match=r"0\.1, 0\.4"):
        crm.internal_rate_of_return([-1000, 2500, -1540])
    assert float(crm.internal_rate_of_return([-100, 220, -121])) == pytest.approx(0.1, abs=1e-4)  # a double root


@pytest.mark.parametrize("rate", [-1, -2.0, math.nan, math.inf])
def test_impossible_rates(rate):
    with pytest.raises(OptionError, match="rate="):
        crm.net_present_value(rate, [-1, 2])
    with pytest.raises(OptionError, match="rate="):
        crm.payback_period([-1, 2], rate)


@pytest.mark.parametrize(
    "call",
    [
        lambda: crm.conversion_rate(5, 4), lambda: crm.conversion_rate(0, 0), lambda: crm.conversion_rate(1.5, 4),
        lambda: crm.penetration(math.nan, 4), lambda: crm.response_time([1, 2, 3]), lambda: crm.response_time([-1] * 9),
        lambda: crm.share_of_wallet([3, 2], [1, 2]), lambda: crm.share_of_wallet([3, 2], [4]),
        lambda: crm.net_present_value(0.1, [1, math.nan]), lambda: crm.net_present_value(0.1, []),
        lambda: crm.net_present_value(0.1, ["a"]), lambda: crm.return_on_investment([1], [0]),
        lambda: crm.return_on_investment([1], [-5]), lambda: crm.average_clv([1.0]),
        lambda: crm.repeat_purchase_rate(LOG, "2030-01-01"), lambda: crm.conversion_rate(1, 2, level=95),
    ],
)  # fmt: skip
def test_bad_input_never_yields_a_number(call):
    with pytest.raises(CrmlabError):
        call()


def test_a_missing_column_is_named_with_all_other_faults():
    with pytest.raises(DataError) as caught:
        crm.margin_growth(LOG.drop(columns="cost").assign(amount=-1.0))
    assert {fault.column for fault in caught.value.faults} == {"cost", "amount"}
    with pytest.raises(DataError, match="'category': is missing"):
        crm.cross_sell_rate(LOG.assign(category=[None, *LOG["category"][1:]]))
    with pytest.raises(DataError, match="'cost': is missing"):
        crm.margin_growth(LOG.assign(cost=[None, *LOG["cost"][1:]]), start="2024-01-01")
    renamed = LOG.rename(columns={"customer_id": "client"})
    assert crm.repeat_purchase_rate(renamed, columns={"client": "customer_id"}).estimate == 0.75


def test_a_measure_says_what_it_is():
    found = crm.on_time_delivery(90, 100)
    assert "share" in repr(found) and "0.8256" in found.summary() and found._repr_html_().startswith("<pre")
    assert found.unit == "share" and crm.cost_per_contact(9, 3).low is None
