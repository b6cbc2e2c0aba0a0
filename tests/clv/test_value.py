"""Lifetime value: by hand, across units, against simulation; and its interval."""

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import DataError, OptionError


def test_by_hand_from_the_parts(fit, spend, cdnow):
    """Daily steps of expected purchases, each discounted at its middle: exact to the square of a day's discount."""
    value = crm.lifetime_value(fit, spend, cdnow.head(50), horizon="1Y", annual_discount=0.10, margin=0.30)
    days = np.linspace(0, 365.25 / 7, 366)
    orders = np.stack([fit.expected_purchases(cdnow.head(50), t) for t in days])
    middle = (days[1:] + days[:-1]) / 2 * 7 / 365.25
    worth = (np.diff(orders, axis=0) * 1.10 ** -middle[:, None]).sum(axis=0)
    assert value["discounted_orders"].to_numpy() == pytest.approx(worth, rel=1e-6)
    by_hand = worth * 0.30 * spend.expected_spend(cdnow.head(50)).to_numpy()
    assert value["value"].to_numpy() == pytest.approx(by_hand, rel=1e-6)
    assert value["customer_id"].tolist() == cdnow["customer_id"].head(50).tolist()


@pytest.mark.parametrize("unit", ["D", "M"])
def test_every_unit_gives_the_same_value(fit, spend, cdnow, unit):
    other = crm.summarize(crm.load_cdnow(sample=True), unit=unit, end="1997-09-30")
    again = crm.lifetime_value(crm.BGNBD().fit(other), crm.GammaGamma().fit(other), other)
    value = crm.lifetime_value(fit, spend, cdnow)
    for column in ("value", "se", "low", "high"):
        assert again[column].to_numpy() == pytest.approx(value[column].to_numpy(), rel=1e-5)


def test_costs_come_off(fit, spend, cdnow):
    plain = crm.lifetime_value(fit, spend, cdnow)
    cost = crm.lifetime_value(fit, spend, cdnow, cost_per_order=2.0, acquisition_cost=5.0)
    expected = plain["value"] - 2.0 * plain["discounted_orders"] - 5.0
    assert cost["value"].to_numpy() == pytest.approx(expected.to_numpy())


def test_no_discount_and_no_time(fit, spend, cdnow):
    flat = crm.lifetime_value(fit, spend, cdnow, annual_discount=0.0)
    assert flat["discounted_orders"].to_numpy() == pytest.approx(flat["expected_orders"].to_numpy(), rel=1e-12)
    none = crm.lifetime_value(fit, spend, cdnow, horizon=0)
    assert (none["value"] == 0).all()


def test_total_is_the_sum_and_its_error_is_shared(fit, spend, cdnow):
    value, total = crm.lifetime_value(fit, spend, cdnow), crm.total_value(fit, spend, cdnow)
    assert total["value"] == pytest.approx(value["value"].sum(), rel=1e-10)
    # parameters err for all alike: between independence and full dependence
    assert np.sqrt((value["se"] ** 2).sum()) < total["se"] <= value["se"].sum() * (1 + 1e-9)
    one = crm.total_value(fit, spend, cdnow.head(1))
    assert one["se"] == pytest.approx(value["se"].iloc[0], rel=1e-10)


def test_delta_interval_agrees_with_a_bootstrap(fit, spend, cdnow):
    """Refit to simulated customers, total revalued. 120 draws: the se is known to about 6.5%."""
    rng, draws = np.random.default_rng(12), []
    x, T = cdnow["frequency"].to_numpy(), cdnow["T"].to_numpy()
    p, q, v = spend.theta
    for _ in range(120):
        again = crm.simulate_customers(len(cdnow), **fit.params.to_dict(), T=T, rng=rng)
        money = rng.gamma(p * np.maximum(x, 1)) / np.maximum(x, 1) / rng.gamma(q, 1 / v, len(x))
        paid = pd.DataFrame({"frequency": x, "monetary_value": np.where(x > 0, money, 0)})
        refit, respend = crm.BGNBD().fit(again, unit="W"), crm.GammaGamma().fit(paid)
        draws.append(crm.new_customer_value(refit, respend)["value"])
    assert crm.new_customer_value(fit, spend)["se"] == pytest.approx(np.std(draws), rel=0.25)


def test_new_customer_against_simulation(fit, spend):
    """Mean discounted margin of simulated customers; agreement to 4 standard errors of that mean."""
    from crmlab.data.simulate import purchase_times

    rng, n = np.random.default_rng(21), 200_000
    r, alpha, a, b = fit.theta
    who, when, _ = purchase_times(rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), np.full(n, 3 * 365.25 / 7), rng)
    level = spend.params["p"] / rng.gamma(spend.params["q"], 1 / spend.params["v"], n)  # each one's mean spend
    orders = 1 + np.bincount(who, 1.10 ** -(when * 7 / 365.25), minlength=n)
    worth = 0.30 * level * orders
    ours = crm.new_customer_value(fit, spend, horizon="3Y", annual_discount=0.10, margin=0.30)
    assert abs(ours["value"] - worth.mean()) < 4 * worth.std() / np.sqrt(n)
    less = crm.new_customer_value(fit, spend, acquisition_cost=10.0, first_order=False)
    assert less["value"] == pytest.approx(ours["value"] - 10 - 0.30 * ours["spend"])


@pytest.mark.parametrize(
    "bad",
    [{"margin": 30}, {"margin": 0}, {"annual_discount": -1}, {"annual_discount": float("nan")}, {"horizon": "soon"},
     {"cost_per_order": -1}, {"acquisition_cost": float("inf")}],
)  # fmt: skip
def test_refusals(fit, spend, cdnow, bad):
    with pytest.raises(OptionError, match=next(iter(bad))):
        crm.lifetime_value(fit, spend, cdnow, **bad)


def test_no_value_without_money(fit, spend):
    grouped = crm.summarize(crm.load_cdnow(sample=True), unit="W", end="1997-09-30", grouped=True)
    with pytest.raises(DataError, match="monetary_value"):
        crm.lifetime_value(fit, spend, grouped)
    with pytest.raises(DataError, match="monetary_value"):
        crm.total_value(fit, spend, grouped)


def test_missing_money_never_yields_a_number(fit, spend, cdnow):
    holed = cdnow.assign(monetary_value=cdnow["monetary_value"].where(cdnow["customer_id"] != 4))
    for valued in (crm.lifetime_value, crm.total_value):
        with pytest.raises(DataError, match="monetary_value.* in 1 row"):
            valued(fit, spend, holed)
