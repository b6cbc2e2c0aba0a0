"""A business case against hand arithmetic, numpy-financial, and distributions whose moments are known."""

import itertools
import math

import matplotlib
import numpy as np
import numpy_financial as npf
import pytest
from matplotlib import pyplot as plt

import crmlab as crm
from crmlab.base.errors import DataError, FitError, OptionError

matplotlib.use("Agg")

COSTS = {"software": [100, 10, 10, 10], "people": [(20, 30, 50), 5, 5, 5]}
BENEFITS = {"orders": (20, 60, 80), "calls": [0, 10, 10, 10]}


@pytest.fixture
def case():
    return crm.BusinessCase(COSTS, BENEFITS, years=3, discount=0.10)


def test_flows_and_measures_by_hand(case):
    flows = case.flows()
    assert flows["costs"].tolist() == [130, 15, 15, 15] and flows["benefits"].tolist() == [0, 70, 70, 70]
    assert flows["net"].tolist() == [-130, 55, 55, 55] and flows["cumulative"].tolist() == [-130, -75, -20, 35]
    found = case.measures()
    npv = -130 + 55 / 1.1 + 55 / 1.21 + 55 / 1.331
    assert float(found["net_present_value"]) == pytest.approx(npv) == flows["discounted"].iloc[-1]
    assert float(found["internal_rate_of_return"]) == pytest.approx(npf.irr([-130, 55, 55, 55]))
    assert float(found["payback_period"]) == pytest.approx(2 + 20 / 55)
    assert float(found["return_on_investment"]) == pytest.approx((210 - 175) / 175)
    assert float(found["total_cost_of_ownership"]) == pytest.approx(130 + 15 / 1.1 + 15 / 1.21 + 15 / 1.331)
    assert float(case.discounted_payback()) == pytest.approx(2 + (130 - 50 - 55 / 1.21) / (55 / 1.331))
    assert "3 years at 10.0%" in repr(case) and "2.364 years" in repr(case)


def test_a_case_without_a_rate_has_no_irr():
    assert "internal_rate_of_return" not in crm.BusinessCase({"a": [1, 0, 3]}, {"b": [0, 3, 0]}, years=2).measures()


def test_a_case_that_never_pays_has_no_irr():
    case = crm.BusinessCase({"a": [10, 10]}, {"b": [0, 2]}, years=1)
    assert "internal_rate_of_return" not in case.measures()
    assert case.measures()["payback_period"].estimate == math.inf


def test_tornado_by_hand(case):
    table = case.tornado()
    annuity = 1 / 1.1 + 1 / 1.21 + 1 / 1.331
    npv = float(case.measures()["net_present_value"])
    assert table.index.tolist() == ["orders", "people", "software", "calls"]
    assert table.loc["orders", "at_low"] == pytest.approx(npv - 40 * annuity)
    assert table.loc["orders", "at_high"] == pytest.approx(npv + 20 * annuity)
    # a cost's low is the good end
    assert table.loc["people", "at_low"] == pytest.approx(npv + 10)
    assert table.loc["people", "at_high"] == pytest.approx(npv - 20)
    assert table.loc["software", "swing"] == 0 and table.loc["people", "kind"] == "cost"


def test_break_even_zeroes_the_npv(case):
    factor = case.break_even("orders")
    scaled = crm.BusinessCase(COSTS, BENEFITS | {"orders": 60 * factor}, years=3, discount=0.10)
    assert float(scaled.measures()["net_present_value"]) == pytest.approx(0, abs=1e-9)
    dear = {"software": [100 * case.break_even("software")] + [10 * case.break_even("software")] * 3}
    scaled = crm.BusinessCase(COSTS | dear, BENEFITS, years=3, discount=0.10)
    assert float(scaled.measures()["net_present_value"]) == pytest.approx(0, abs=1e-9)
    with pytest.raises(FitError, match="without it"):
        crm.BusinessCase({"a": [1, 1]}, {"b": 50, "c": 1}, years=1).break_even("c")
    with pytest.raises(OptionError, match="line="):
        case.break_even("nothing")


@pytest.mark.parametrize(("shape", "mean", "variance"), [
    ("triangular", (20 + 60 + 80) / 3, (20**2 + 60**2 + 80**2 - 20 * 60 - 20 * 80 - 60 * 80) / 18),
    # PERT is a beta: mean (low + 4 likely + high) / 6, variance (mean - low)(high - mean) / 7
    ("pert", (20 + 240 + 80) / 6, ((340 / 6) - 20) * (80 - 340 / 6) / 7),
])  # fmt: skip
def test_monte_carlo_has_the_distributions_moments(shape, mean, variance):
    case = crm.BusinessCase({"a": [0, 50]}, {"b": (20, 60, 80)}, years=1, discount=0.0)
    risk = case.monte_carlo(40_000, rng=1, shape=shape)
    sd = math.sqrt(variance)
    assert risk.mean == pytest.approx(mean - 50, abs=4 * sd / 200)  # four standard errors
    assert risk.npv.std() == pytest.approx(sd, rel=0.02)  # the standard error of an sd is about 0.35%
    assert risk.npv.min() >= -30 and risk.npv.max() <= 30


def test_probability_of_loss_is_the_triangles_area():
    # loss if b < 50: (50 - 20)^2 / ((80 - 20)(60 - 20)) = 0.375
    case = crm.BusinessCase({"a": [0, 50]}, {"b": (20, 60, 80)}, years=1, discount=0.0)
    p = case.monte_carlo(20_000, rng=2).p_loss
    assert p.low <= 0.375 <= p.high and p.high - p.low < 0.015


def test_years_share_a_draw_and_lines_do_not():
    # one line over 2 years: sd doubles; two lines of one year each: sd grows by the root of 2
    one = crm.BusinessCase({"x": [0, 1, 1]}, {"a": (0, 5, 10)}, years=2, discount=0.0).monte_carlo(20_000, rng=3)
    two = crm.BusinessCase({"x": [0, 1, 1]}, {"a": [0, (0, 5, 10), 0], "b": [0, 0, (0, 5, 10)]}, years=2, discount=0.0)
    sd = 10 / math.sqrt(24)
    assert one.npv.std() == pytest.approx(2 * sd, rel=0.03)
    assert two.monte_carlo(20_000, rng=3).npv.std() == pytest.approx(math.sqrt(2) * sd, rel=0.03)


def test_monte_carlo_is_repeatable_and_refuses(case):
    a, b = case.monte_carlo(500, rng=7), case.monte_carlo(500, rng=np.random.default_rng(7))
    assert (a.npv == b.npv).all() and a.percentiles()[50] == np.median(a.npv)
    assert "probability of loss" in repr(a) and a.p_loss.unit == "share" and "share" in repr(a.p_loss)
    ranged = case.measures(a)["net_present_value"]
    assert (ranged.low, ranged.high) == (a.low, a.high)
    for wrong in ({"n": 5}, {"shape": "normal"}, {"level": 2}):
        with pytest.raises(OptionError):
            case.monte_carlo(**({"rng": 1} | wrong))


def test_toml_gives_the_same_case(tmp_path, case):
    path = tmp_path / "case.toml"
    path.write_text("""
years = 3
discount = 0.10
[costs]
software = [100, 10, 10, 10]
people = [[20, 30, 50], 5, 5, 5]
[benefits]
orders = {low = 20, likely = 60, high = 80}
calls = [0, 10, 10, 10]
""")
    read = crm.BusinessCase.from_toml(path)
    assert read.tornado().equals(case.tornado()) and read.flows().equals(case.flows())
    path.write_text("years = 3\ncosts = 5\nother = 1\n")
    with pytest.raises(DataError) as caught:
        crm.BusinessCase.from_toml(path)
    assert {fault.column for fault in caught.value.faults} == {"benefits", "costs", "other"}
    path.write_text("years = = 3")
    with pytest.raises(DataError, match="it is no TOML"):
        crm.BusinessCase.from_toml(path)


def test_all_faults_at_once():
    costs = {"short": [1, 2], "minus": [-5, 1, 1], "both": 1, "text": ["x", 1, 1]}
    benefits = {"fall": (9, 5, 7), "both": 1, "gap": [0, math.nan, 1], "two": [0, (1, 2), 1]}
    with pytest.raises(DataError) as caught:
        crm.BusinessCase(costs, benefits, years=2)
    assert {fault.column for fault in caught.value.faults} == {"short", "minus", "both", "text", "fall", "gap", "two"}
    with pytest.raises(DataError, match="no benefits"):
        crm.BusinessCase({"a": 1}, {}, years=1)
    for wrong in ({"years": 0}, {"years": 1.5}, {"years": 1, "discount": -1}):
        with pytest.raises(OptionError):
            crm.BusinessCase({"a": 1}, {"b": 1}, **wrong)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_pictures_show_the_numbers(case, language):
    ax = crm.plot_tornado(case, language=language)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["people", "orders"]
    risk = case.monte_carlo(1000, rng=1)
    ax = crm.plot_npv(risk, language=language)
    assert f"{risk.p_loss.estimate:.1%}" in ax.get_title(loc="left")
    heights = sum(patch.get_height() for patch in ax.patches)
    assert heights == 1000
    ax = crm.plot_cash_flow(case, language=language)
    assert [bar.get_height() for bar in ax.patches] == [-130, 55, 55, 55]
    places = sorted(text.get_position() for text in ax.texts)
    ys = [y for _, y in places]
    assert min(b - a for a, b in itertools.pairwise(ys)) > 0.05 * np.ptp(ax.get_ylim())  # a line of text each
    assert max(ax.lines[-1].get_xdata()) < places[0][0]  # the line at 0 ends before them
    plt.close("all")
    with pytest.raises(OptionError, match="range"):
        crm.plot_tornado(crm.BusinessCase({"a": 1}, {"b": 2}, years=1))
