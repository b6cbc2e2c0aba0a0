"""Loyalty programmes against ledgers worked by hand, the theory of thinned Poisson processes, and identities."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

import crmlab as crm
from crmlab.base.errors import DataError, OptionError
from crmlab.data.simulate import simulate_customers
from crmlab.strategy.programme_base import COLUMNS
from crmlab.strategy.programme_rules import Appeal, Entry, Month
from crmlab.strategy.programme_simulation import _counts

NONE = crm.LoyaltyResponse.none()
FAST = {"months": 12, "replications": 6, "rng": 3}


@pytest.fixture(scope="module")
def base():
    return crm.customer_base(150, rng=1)


def people(rates, spends, **others):
    """Customers of known habits, all sensitivities 1."""
    table = pd.DataFrame(dict.fromkeys(COLUMNS, np.ones(len(rates)))).assign(rate=rates, spend=spends, dropout=0.0)
    return crm.CustomerBase(table.assign(**others), basket_cv=0.0)


def month(spend, active=None, luck=0.0):
    spend = np.asarray(spend, dtype=float)
    luck = np.broadcast_to(luck, spend.shape)
    return Month((spend > 0) * 1.0, spend, np.ones(len(spend), bool) if active is None else active, luck, luck)


# ---- books worked by hand


def test_ledger_of_one_customer_by_hand():
    points = crm.Points(earn=1, point_value=0.1, threshold=100, expiry=3)
    ledger = crm.points_ledger([60, 30, 0, 50, 80, 10, 0], points)
    # 60 of month 1 lapse at the end of month 3, 30 of month 2 at the end of 4; in month 5 the 100 points are
    # the 50 of month 4 and 50 of the 80; the other 30 lapse in month 7 (newest first, 30 would lapse in month 6)
    assert ledger["issued"].tolist() == [60, 30, 0, 50, 80, 10, 0]
    assert ledger["redeemed"].tolist() == [0, 0, 0, 0, 100, 0, 0]
    assert ledger["expired"].tolist() == [0, 0, 60, 30, 0, 0, 30]
    assert ledger["outstanding"].tolist() == [60, 90, 30, 50, 30, 40, 10]
    assert ledger["cost"].tolist() == pytest.approx([0, 0, 0, 0, 10, 0, 0])


def test_points_that_never_expire_and_whole_rewards():
    points = crm.Points(earn=2, point_value=0.1, threshold=100, expiry=None)
    ledger = crm.points_ledger([40, 0, 0, 90, 5], points)
    assert ledger["redeemed"].tolist() == [0, 0, 0, 200, 0]
    assert ledger["outstanding"].tolist() == [80, 80, 80, 60, 70]
    assert crm.points_ledger([40, 10], replace(points, threshold=0))["redeemed"].tolist() == [80, 20]


def test_liability_is_face_value_times_the_share_redeemed_so_far():
    points, base = crm.Points(earn=1, point_value=0.1, threshold=100, expiry=1), people([1, 1], [100, 100])
    state, first = points.settle(points.start(base), month([100, 30]), base)
    assert (first.redeemed.tolist(), first.expired.tolist()) == ([100, 0], [0, 30])
    longer = replace(points, expiry=2)
    state, first = longer.settle(longer.start(base), month([100, 30]), base)
    assert first.liability.tolist() == pytest.approx([0, 3])  # nothing lapsed yet: 30 points at 0.1
    state, _ = longer.settle(state, month([0, 0]), base)  # the 30 lapse: 100 of 130 settled points were redeemed
    _, third = longer.settle(state, month([0, 50]), base)
    assert third.liability.tolist() == pytest.approx([0, 50 * 0.1 * 100 / 130])


def test_partners_pay_for_their_points():
    partners = crm.Partners(earn=1, point_value=0.02, partner_spend=0.5, funded=0.5)
    base = people([2, 2], [50, 50])  # 100 a month: 50 at partners
    _, entry = partners.settle(partners.start(base), month([80, 0], active=np.array([True, False])), base)
    assert entry.issued.tolist() == [130, 0]
    assert entry.income.tolist() == pytest.approx([0.5 * 50 * 0.02, 0])


def test_spend_by_hand():
    programme, base = crm.Spend(threshold=100, voucher=10, cashback=0.02, period=3), people([1], [50])
    state, cost, owed = programme.start(base), [], []
    for spent in (40, 70, 0, 90, 0, 0):
        state, entry = programme.settle(state, month([spent]), base)
        cost.append(float(np.sum(entry.cost)))
        owed.append(float(np.sum(entry.liability)))
    assert cost == pytest.approx([0, 0, 10 + 0.02 * 110, 0, 0, 0])
    assert owed == pytest.approx([0, 12.2, 0, 0, 0, 0])


def test_tiers_by_hand():
    tiers = crm.Tiers(thresholds=(120, 200), benefits=(0.01, 0.05), window=3)
    ledger = crm.points_ledger([120, 100, 10, 50, 100], tiers)
    # levels at the start of each month: 0, 1 (just 120), 2 (220), 2 (230), 1 (160: the 120 has left the window)
    assert ledger["cost"].tolist() == pytest.approx([0, 1, 0.5, 2.5, 1])


def test_who_joins_a_paid_membership_by_hand():
    paid, base = crm.PaidMembership(fee=4, discount=0.05, period=2), people([2, 1, 1], [50, 60, 39])
    assert paid.joins(base).tolist() == [True, True, False]  # savings in two months: 10, 6, 3.9
    state, first = paid.settle(paid.start(base), month([200, 100, 50]), base)
    state, second = paid.settle(state, month([20, 0, 0]), base)
    state, third = paid.settle(state, month([0, 0, 0], active=np.array([False, True, True])), base)
    assert first.cost.tolist() == pytest.approx([10, 5, 0])
    assert [np.sum(e.income) for e in (first, second, third)] == [8, 0, 4]


def test_shared_values_of_the_pet_shop():
    assert crm.points_ledger([50_000], crm.SharedValues(share=0.1))["cost"].tolist() == [5_000]


def test_game_by_hand_and_on_average():
    game = crm.Game(prizes=((0.2, 5), (0.1, 10)), level_every=2, level_prize=3)
    n = 20_000
    base = people(np.ones(n), np.ones(n))
    state, entry = game.settle(game.start(base), month([1] * n, luck=np.resize([0.1, 0.25, 0.5, 0.9], n)), base)
    assert entry.cost[:4].tolist() == [5, 10, 0, 0]
    luck = np.random.default_rng(1).random(n)
    state, entry = game.settle(state, month(np.arange(n) % 2, luck=luck), base)
    assert (entry.cost[::2] == 0).all()  # no purchase, no draw
    # of the players each gets 3 for the second month; prizes have mean 2 and variance 11
    assert entry.cost[1::2].mean() == pytest.approx(5, abs=4 * np.sqrt(11 / (n / 2)))


# ---- the ledger adds up, whatever customers do

purchases = st.lists(
    st.tuples(*[st.floats(0, 500) | st.just(0.0)] * 3, st.floats(0, 0.999)), min_size=1, max_size=16
)  # fmt: skip
points_of = st.builds(
    crm.Points, earn=st.floats(0, 10), point_value=st.floats(0.001, 1),
    threshold=st.just(0.0) | st.just(5e-324) | st.floats(1, 800), expiry=st.none() | st.integers(1, 8),
    redeem=st.floats(0, 1),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(purchases, points_of, points_of, st.floats(0, 2))
def test_issued_is_redeemed_and_expired_and_outstanding(months, points, others, partner_spend):
    partners = crm.Partners(**vars(others), partner_spend=partner_spend)
    base = people([1, 2, 3], [50, 10, 100])
    for programme in (points, partners, crm.Hybrid(points, partners, others)):
        state, sums = programme.start(base), np.zeros((3, 3))
        for *spend, luck in months:
            state, entry = programme.settle(state, month(spend, luck=luck), base)
            booked = np.array([entry.issued, entry.redeemed, entry.expired])
            assert (booked >= 0).all() and (entry.outstanding >= 0).all()
            sums += booked
            # sums of at most 48 numbers below 1e5: rounding stays far below 1e-6
            np.testing.assert_allclose(sums[0], sums[1] + sums[2] + entry.outstanding, rtol=1e-9, atol=1e-6)


# ---- the simulation against what is known


def test_counts_are_poisson_quantiles():
    rng = np.random.default_rng(2)
    u, rate = rng.random(5000), rng.gamma(0.7, 20, 5000)
    rate[:5] = 0, 1e-9, 30, 31, 400
    np.testing.assert_array_equal(_counts(u, rate), poisson.ppf(u, rate))


def test_sales_without_a_programme_fall_as_a_thinned_poisson_process():
    n, rate, dropout, runs = 400, 1.5, 0.1, 60
    base = people(np.full(n, rate), np.full(n, 10.0), dropout=dropout)
    idle = crm.SharedValues(share=0)
    result = crm.simulate_programme(base, idle, rng=5, months=8, replications=runs)
    still = np.exp(-rate * dropout * np.arange(8))  # leaving purchases come at the rate 1.5 x 0.1
    # the count of n runs has at most the variance of a Poisson count
    error = 10 * np.sqrt(n * rate / runs)
    np.testing.assert_allclose(result.monthly["sales_without"], 10 * n * rate * still, atol=4 * error)


def test_status_keeps_the_share_assumed():
    @dataclass(frozen=True, kw_only=True)
    class Badge(crm.Programme):
        def appeal(self, state, base):
            return Appeal(status=1.0)

        def settle(self, state, month, base):
            return state, Entry()

    n, rate, dropout, runs = 400, 1.5, 0.1, 60
    base = people(np.full(n, rate), np.full(n, 10.0), dropout=dropout)
    strong = crm.LoyaltyResponse(status=1.0, cap=0.9)
    result = crm.simulate_programme(
        base, Badge(), rng=5, months=12, replications=runs, response=strong, uncertainty=0
    )  # fmt: skip
    leave = rate * dropout * (1 - 0.9 * (1 - np.exp(-1 / 0.9)))
    error = 10 * np.sqrt(n * rate / runs)
    expected = 10 * n * rate * np.exp(-leave * np.arange(12))
    np.testing.assert_allclose(result.monthly["sales_with"], expected, atol=4 * error)


def test_the_uplift_is_the_one_assumed():
    base = people(np.full(500, 2.0), np.full(500, 10.0))
    free = crm.PaidMembership(fee=0, discount=0.05)
    result = crm.simulate_programme(base, free, rng=5, months=12, replications=40, uncertainty=0)
    assumed = 0.30 * (1 - np.exp(-2 * 0.05 / 0.30))
    error = result.draws["sales_uplift"].std() / np.sqrt(40)
    assert error < 0.001  # two independent runs would give 0.002: the numbers are the same
    assert result.draws["sales_uplift"].mean() == pytest.approx(assumed, abs=4 * error)
    assert set(result.draws["return_on_cost"] < 0) == {True}  # 8.5% more at a margin of 25% for 5% of all


def test_without_effect_a_programme_costs_what_it_gives(base):
    deaf = crm.CustomerBase(base.customers.assign(reward=0, price=0, status=0, cause=0, fun=0))
    for there, response in ((base, NONE), (deaf, None)):
        for programme in crm.programmes(base).values():
            result = crm.simulate_programme(there, programme, response=response, **FAST)
            assert (result.monthly["sales_with"] == result.monthly["sales_without"]).all()
            draws = result.draws
            np.testing.assert_allclose(draws["net_gain"], draws["income"] - draws["cost"], rtol=1e-9)
            assert (draws["cost"] > 0).all() and (draws["sales_uplift"] == 0).all()


def test_break_even_by_hand(base):
    # 2% of sales given at a margin of 25%: sales must rise by 0.02 / 0.25 = 8%
    gift = crm.simulate_programme(base, crm.SharedValues(share=0.02), response=NONE, **FAST)
    np.testing.assert_allclose(gift.draws["break_even_uplift"], 0.08, rtol=1e-12)
    fixed = crm.SharedValues(share=0, setup=100, running=10)
    only = crm.simulate_programme(base, fixed, response=NONE, annual_discount=0, **FAST)
    np.testing.assert_allclose(only.draws["cost"], 100 + 12 * 10)
    np.testing.assert_allclose(only.draws["break_even_uplift"], 220 / (0.25 * only.draws["sales_without"]))


def test_a_gain_is_a_rise_above_break_even(base):
    for programme in crm.programmes(base).values():
        draws = crm.simulate_programme(base, programme, uncertainty=1.0, **FAST).draws
        assert ((draws["net_gain"] > 0) == (draws["sales_uplift"] > draws["break_even_uplift"])).all()


def test_cumulative_profit_and_payback_by_hand(base):
    points = crm.Points(earn=1, point_value=0.005, threshold=50, setup=500)
    eager = crm.LoyaltyResponse(reward=30)
    result = crm.simulate_programme(base, points, response=eager, uncertainty=0, months=12, replications=1, rng=2)
    book, today = result.monthly, 1.10 ** (-np.arange(1, 13) / 12)
    net = 0.25 * (book["sales_with"] - book["sales_without"]) - book["cost"]
    cumulative = (net * today).cumsum() - book["liability"] * today
    np.testing.assert_allclose(book["cumulative"], cumulative)
    payback = int(result.summary().loc["payback_month", "estimate"])
    assert 1 < payback < 12
    assert (cumulative.loc[payback:] > 0).all() and cumulative.loc[payback - 1] <= 0
    assert result.summary().loc["net_gain", "estimate"] == pytest.approx(cumulative.iloc[-1])


def test_probability_of_loss_has_wilsons_interval(base):
    result = crm.simulate_programme(base, crm.SharedValues(share=0.1), response=NONE, months=2, replications=20, rng=1)
    # 20 of 20 lose: the lower bound is n / (n + z^2)
    assert result.summary().loc["p_loss", ["estimate", "low", "high"]].tolist() == pytest.approx(
        [1, 20 / (20 + 1.959964**2), 1], abs=1e-6
    )


# ---- hybrids


def test_hybrid_of_one_is_that_one_and_order_is_nothing(base):
    given = crm.programmes(base)
    points, tiers, game = given["points"], given["tiers"], given["game"]
    alone = crm.simulate_programme(base, points, **FAST)
    pd.testing.assert_frame_equal(alone.monthly, crm.simulate_programme(base, crm.Hybrid(points), **FAST).monthly)
    one, other = crm.Hybrid(points, tiers, game), crm.Hybrid(game, points, tiers)
    assert one == other == crm.Hybrid(crm.Hybrid(tiers, game), points) and len(one.parts) == 3
    a, b = (crm.simulate_programme(base, hybrid, **FAST) for hybrid in (one, other))
    pd.testing.assert_frame_equal(a.draws, b.draws)


def test_hybrid_adds_books_and_saturates_effects(base):
    given = crm.programmes(base)
    points, tiers = given["points"], given["tiers"]
    both = crm.Hybrid(points, tiers, setup=7)
    assert both.setup == pytest.approx(points.setup + tiers.setup + 7)
    assert crm.Hybrid(both).setup == both.setup and crm.Hybrid(both, running=1).running == both.running + 1
    books = [crm.simulate_programme(base, p, response=NONE, **FAST).monthly for p in (points, tiers, both)]
    for name in ("cost", "issued", "redeemed", "expired", "outstanding", "liability"):
        extra = 7 * (books[2].index == 1) if name == "cost" else 0
        np.testing.assert_allclose(books[2][name], books[0][name] + books[1][name] + extra)
    response = crm.LoyaltyResponse()
    first, second = Appeal(reward=0.05, status=0.5), Appeal(discount=0.10, status=0.5)
    together = Appeal.together([first, second])
    assert (together.reward, together.discount, together.status) == (0.05, 0.10, 0.75)
    for one, other, joint in zip(*(response.effects(x, base) for x in (first, second, together)), strict=True):
        assert (np.maximum(one, other) <= joint).all() and (joint <= one + other).all()
        assert (joint <= response.cap).all()


def test_a_ninth_programme_is_two_functions(base):
    @dataclass(frozen=True, kw_only=True)
    class Coffee(crm.Programme):
        price: float

        def appeal(self, state, base):
            return Appeal(fun=1.0)

        def settle(self, state, month, base):
            return state, Entry(cost=self.price * month.purchases)

    result = crm.simulate_programme(base, crm.Hybrid(Coffee(price=1.0), crm.SharedValues(share=0.01)), **FAST)
    assert result.draws["cost"].min() > 0 and result.draws["sales_uplift"].min() > 0


# ---- the same numbers


def test_same_seed_same_numbers_on_any_number_of_workers(base):
    given = {name: programme for name, programme in crm.programmes(base).items() if name in ("points", "game", "paid")}
    options = {"months": 4, "replications": 3, "rng": 9}
    table = crm.compare_programmes(base, given, **options)
    pd.testing.assert_frame_equal(table, crm.compare_programmes(base, given, **options, workers=2))
    assert not table.equals(crm.compare_programmes(base, given, **{**options, "rng": 10}))
    single = crm.simulate_programme(base, given["game"], **options).summary()
    assert table.loc["game", "net_gain_low"] == single.loc["net_gain", "low"]
    assert table["net_gain"].is_monotonic_decreasing and table.attrs["currency"] == "EUR"


def test_ten_times_the_amounts_give_ten_times_the_results(base):
    tenfold = crm.CustomerBase(base.customers.assign(spend=10 * base.customers["spend"]), currency="Rial")
    small, large = (crm.compare_programmes(b, crm.programmes(b), **FAST) for b in (base, tenfold))
    amounts = ["net_gain", "net_gain_low", "net_gain_high", "margin_gain", "cost", "income", "liability"]
    large[amounts] /= 10
    pd.testing.assert_frame_equal(small, large.loc[small.index], rtol=1e-9)
    assert large.attrs["currency"] == "Rial"


def test_generosity_multiplies_what_is_given(base):
    usual, double = crm.programmes(base), crm.programmes(base, generosity=2)
    assert double["points"].point_value == pytest.approx(2 * usual["points"].point_value)
    assert double["points"].threshold == usual["points"].threshold
    assert [p for p, _ in double["game"].prizes] == [p for p, _ in usual["game"].prizes]
    gift = [crm.simulate_programme(base, g["values"], response=NONE, **FAST).monthly["cost"] for g in (usual, double)]
    running = usual["values"].running
    np.testing.assert_allclose(gift[1][2:] - running, 2 * (gift[0][2:] - running))


def test_a_base_from_fitted_models():
    seen = simulate_customers(1500, r=0.8, alpha=6, a=0.8, b=3, T=40, rng=np.random.default_rng(4))
    seen["monetary_value"] = np.where(seen["frequency"] > 0, np.random.default_rng(5).gamma(4, 10, len(seen)), 0)
    before = seen.copy()
    fit, spend = crm.BGNBD().fit(seen, unit="W"), crm.GammaGamma().fit(seen)
    base = crm.CustomerBase.from_fits(fit, spend, seen, rng=1, currency="Toman")
    pd.testing.assert_frame_equal(seen, before)
    alive = fit.p_alive(seen)
    assert len(base) == pytest.approx(alive.sum(), abs=4 * np.sqrt((alive * (1 - alive)).sum()))
    r, alpha, *_ = fit.theta
    expected = np.average((r + seen["frequency"]) / (alpha + 40), weights=alive) * 365.25 / 12 / 7
    rate = base.column("rate")
    assert rate.mean() == pytest.approx(expected, abs=4 * rate.std() / np.sqrt(len(rate)))


# ---- bad input


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: crm.Points(earn=-1, point_value=1), "earn=-1"),
        (lambda: crm.Points(earn=1, point_value=0), "point_value=0"),
        (lambda: crm.Points(earn=1, point_value=1, threshold=-5), "threshold=-5"),
        (lambda: crm.Points(earn=1, point_value=1, expiry=0), "expiry=0"),
        (lambda: crm.Points(earn=1, point_value=1, redeem=1.2), "redeem=1.2"),
        (lambda: crm.Points(earn=float("nan"), point_value=1), "earn=nan"),
        (lambda: crm.Spend(threshold=0, voucher=1), "threshold=0"),
        (lambda: crm.Spend(threshold=1, period=1.5), "period=1.5"),
        (lambda: crm.Tiers(thresholds=(), benefits=()), "one or more rising"),
        (lambda: crm.Tiers(thresholds=(2, 1), benefits=(0.1, 0.2)), "rising"),
        (lambda: crm.Tiers(thresholds=(1, 2), benefits=(0.1,)), "as many"),
        (lambda: crm.PaidMembership(fee=-1, discount=0.1), "fee=-1"),
        (lambda: crm.SharedValues(share=1.1), "share=1.1"),
        (lambda: crm.Game(prizes=((0.7, 1), (0.4, 1))), "sum of the chances"),
        (lambda: crm.Game(prizes=((0.7, -1),)), "prize=-1"),
        (lambda: crm.SharedValues(share=0.1, setup=-1), "setup=-1"),
        (lambda: crm.Hybrid(), "no parts"),
        (lambda: crm.Hybrid("points"), "'points' is no programme"),
        (lambda: crm.LoyaltyResponse(reward=-1), "reward=-1"),
        (lambda: crm.LoyaltyResponse(cap=0), "cap=0"),
        (lambda: crm.customer_base(0, rng=1), "n=0"),
        (lambda: crm.customer_base(5, rng=None), "rng=1"),
        (lambda: crm.customer_base(5, rng=1, margin=2), "margin=2"),
        (lambda: crm.programmes(crm.customer_base(5, rng=1), generosity=0), "generosity=0"),
    ],
)
def test_bad_options_are_named(make, says):
    with pytest.raises(OptionError, match=says):
        make()


@pytest.mark.parametrize(
    ("option", "says"),
    [({"months": 0}, "months=0"), ({"replications": 0}, "replications=0"), ({"level": 1}, "level=1"),
     ({"annual_discount": -0.1}, "annual_discount"), ({"uncertainty": -1}, "uncertainty"), ({"workers": 0}, "workers")],
)  # fmt: skip
def test_bad_runs_are_refused(base, option, says):
    with pytest.raises(OptionError, match=says):
        crm.simulate_programme(base, crm.SharedValues(share=0.1), **{**FAST, **option})


def test_no_programmes_or_something_else(base):
    for wrong in ({}, {"points": 3}):
        with pytest.raises(OptionError, match="programmes"):
            crm.compare_programmes(base, wrong, **FAST)


def test_all_faults_of_a_base_at_once(base):
    table = base.customers.drop(columns="fun").astype(object)
    table.loc[3, "rate"] = "often"
    table.loc[[1, 2], "dropout"] = 1.5
    with pytest.raises(DataError) as error:
        crm.CustomerBase(table)
    assert {fault.column: fault.rows for fault in error.value.faults} == {"rate": 1, "dropout": 2, "fun": None}
    with pytest.raises(DataError, match="nobody buys"):
        people([0], [10])
    with pytest.raises(DataError, match="in some run nobody buys"):
        crm.simulate_programme(people([1e-9], [10]), crm.SharedValues(share=0.1), **FAST)
    for spend in ([], [-1], [np.nan]):
        with pytest.raises(DataError, match="spend"):
            crm.points_ledger(spend, crm.Points(earn=1, point_value=1))


# ---- pictures


@pytest.mark.parametrize(("language", "points"), [("en", "Points"), ("fa", "امتیازی")])
def test_pictures_show_the_numbers(base, language, points):
    given = crm.programmes(base)
    table = crm.compare_programmes(base, given, **FAST)
    ax = crm.plot_programmes(table, language=language)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert len(names) == 8 and names[::-1].index(points) == table.index.get_loc("points")
    shown = sorted(x for line in ax.lines[:-1] for x in line.get_xdata())
    assert [x for x in table["net_gain"].sort_values() if x not in shown] == []
    result = crm.simulate_programme(base, given["points"], **FAST)
    ledger = crm.plot_liability(result, language=language)
    assert ledger.lines[0].get_ydata()[-1] == pytest.approx(result.monthly["issued"].sum())
    profit = crm.plot_programme_profit({"points": result, "own": result}, language=language)
    assert [text.get_text() for text in profit.texts] == [points, "own"]
    np.testing.assert_allclose(profit.lines[0].get_ydata(), result.monthly["cumulative"])


def test_pictures_refuse_what_they_cannot_show(base):
    result = crm.simulate_programme(base, crm.SharedValues(share=0.1), **FAST)
    with pytest.raises(OptionError, match="issues no points"):
        crm.plot_liability(result)
    with pytest.raises(OptionError, match="empty"):
        crm.plot_programme_profit({})
    with pytest.raises(DataError, match="p_loss"):
        crm.plot_programmes(result.draws)
