"""The split by hand, against an optimiser, at its corners; the ratio, the simple value, what a test is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from crmlab.base.errors import OptionError
from crmlab.strategy.allocation import (
    PARAMETERS,
    Allocation,
    Response,
    allocate,
    ratio_test,
    simple_clv,
    split_sensitivity,
    value_of_information,
)

WON, STAY = Response(0.06, 0.5, 0.015), Response(0.75, 4.0, 0.66, floor=0.60)
HEADS = {"prospects": 2e6, "customers": 136_800.0}
VALUES = {"value_new": 41.0, "value_kept": 79.0}


@pytest.fixture(scope="module")
def shop() -> Allocation:
    return allocate(1e6, WON, STAY, **HEADS, **VALUES)


def test_a_curve_goes_through_the_managers_answers() -> None:
    assert STAY.share(0) == pytest.approx(0.60)
    assert STAY.share(4.0) == pytest.approx(0.66)
    assert STAY.share(1e9) == pytest.approx(0.75)
    # half the room at 5 a head, so three quarters at 10 (exp(-2 ln 2) = 1/4)
    assert Response(0.4, 5, 0.2).share(np.array([5.0, 10.0])) == pytest.approx([0.2, 0.3])


def test_two_equal_sides_share_equally_and_the_better_one_gets_more_by_hand() -> None:
    """speed = ln 2 / 5, heads 100: money moves by ln(ratio of values) x heads / (2 speed) from the half."""
    won, stay = Response(0.40, 5, 0.20), Response(0.90, 5, 0.70, floor=0.50)
    even = allocate(1000, won, stay, prospects=100, customers=100, value_new=50, value_kept=50)
    assert even.to_acquisition == pytest.approx(500)
    better = allocate(1000, won, stay, prospects=100, customers=100, value_new=100, value_kept=50)
    assert better.to_acquisition == pytest.approx(500 + 100 * np.log(2) / (2 * np.log(2) / 5))


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_an_optimiser(seed: int) -> None:
    """Brent's method on the gain, written out here anew; its tolerance in money, relative 1e-5, bounds ours."""
    rng = np.random.default_rng(seed)
    floor = rng.uniform(0.2, 0.5)
    won = Response(rng.uniform(0.06, 0.3), rng.uniform(1, 4), rng.uniform(0.01, 0.05))
    stay = Response(rng.uniform(0.75, 0.95), rng.uniform(2, 6), rng.uniform(0.55, 0.7), floor)
    n, m, new, kept, budget = *rng.uniform(500, 5000, 2), *rng.uniform(40, 200, 2), rng.uniform(1000, 20_000)
    best = allocate(budget, won, stay, prospects=n, customers=m, value_new=new, value_kept=kept)

    def loss(x: float) -> float:
        return -float(n * new * won.share(x / n) + m * kept * stay.share((budget - x) / m))

    found = minimize_scalar(loss, bounds=(0, budget), method="bounded", options={"xatol": 1e-6 * budget})
    assert loss(best.to_acquisition) <= found.fun + 1e-9 * abs(found.fun)
    assert best.to_acquisition == pytest.approx(found.x, abs=1e-4 * budget)


def test_inside_the_marginal_returns_are_equal_and_at_a_corner_they_are_not(shop: Allocation) -> None:
    returns = shop.table()["marginal_return"]
    assert returns["acquisition"] == pytest.approx(returns["retention"])
    step = np.diff(shop.gain(np.array([shop.to_acquisition - 1, shop.to_acquisition])) * 1.0)[0]
    assert step == pytest.approx(0, abs=1e-3)  # moving a dollar of a million changes nothing
    corner = allocate(1e6, WON, STAY, **HEADS, value_new=400, value_kept=79).table()
    assert corner.loc["retention", "money"] == 0 and np.isnan(corner.loc["retention", "cost_per_extra"])
    assert corner.loc["acquisition", "marginal_return"] > corner.loc["retention", "marginal_return"]
    other = allocate(1e6, WON, STAY, **HEADS, value_new=4, value_kept=790)
    assert other.to_acquisition == 0 and other.to_retention == 1e6


def test_table_counts_people(shop: Allocation) -> None:
    table = shop.table()
    by_hand = 136_800 * STAY.share(shop.to_retention / 136_800)
    assert table.loc["retention", "people"] == pytest.approx(by_hand)
    assert table.loc["retention", "extra"] == pytest.approx(by_hand - 0.60 * 136_800)
    assert table["money"].sum() == pytest.approx(1e6)
    assert (table["money"] / table["extra"]).to_numpy() == pytest.approx(table["cost_per_extra"].to_numpy())
    brought = sum(shop.brought(side, money) for side, money in table["money"].items())
    assert brought == pytest.approx(float(shop.gain(shop.to_acquisition)))


def test_enough_is_where_the_next_unit_just_pays(shop: Allocation) -> None:
    enough = shop.enough()
    whole = allocate(enough.sum(), WON, STAY, **HEADS, **VALUES)
    assert whole.table()["marginal_return"].to_numpy() == pytest.approx([1, 1])
    assert whole.to_acquisition == pytest.approx(enough["acquisition"])
    never = allocate(1e6, WON, STAY, **HEADS, value_new=41, value_kept=10)
    assert never.enough()["retention"] == 0


def test_flat_region_holds_the_best_and_ends_at_one_percent(shop: Allocation) -> None:
    low, high = shop.flat()
    assert low < shop.to_acquisition / shop.budget < high
    edges = shop.gain(np.array([low, high]) * 1e6) / shop.gain(shop.to_acquisition)
    assert edges == pytest.approx([0.99, 0.99], abs=2e-4)  # a grid of 2,001 splits


def test_sensitivity_is_the_split_of_the_changed_problem(shop: Allocation) -> None:
    table = split_sensitivity(shop, change=0.10)
    assert list(table.index) == list(PARAMETERS)
    richer = allocate(1e6, WON, STAY, **HEADS, value_new=41 * 1.1, value_kept=79)
    assert table.loc["value_new", "share_high"] == pytest.approx(richer.to_acquisition / 1e6)
    lost = richer.gain(richer.to_acquisition) - richer.gain(shop.to_acquisition)
    assert table.loc["value_new", "loss_high"] == pytest.approx(float(lost))
    assert (table[["loss_low", "loss_high"]] >= 0).all(axis=None)


def test_no_share_is_moved_above_one() -> None:
    tight = allocate(1e6, WON, Response(0.99, 4, 0.8, floor=0.6), **HEADS, **VALUES)
    table = split_sensitivity(tight, change=0.5)
    capped = replace(tight, retention=replace(tight.retention, ceiling=1.0))
    speed = tight.retention.speed
    reaches = 1 - 0.4 * np.exp(-speed * 4)  # the same speed in the larger room
    whole = replace(capped, retention=Response(1.0, 4, reaches, floor=0.6))
    again = allocate(1e6, WON, whole.retention, **HEADS, **VALUES)
    assert table.loc["retention_room", "share_high"] == pytest.approx(again.to_acquisition / 1e6)


def test_information_on_a_coin_toss_by_brute_force(shop: Allocation) -> None:
    """With value_new alone uncertain: worth = mean over draws of (best then) - (best on the mean), worked out one by
    one. The gain is linear in value_new, so that not knowing means splitting by its mean. Grid of 401: rel 1e-3."""
    table = value_of_information(shop, spread={"value_new": 0.3}, draws=500, rng=5)
    z = np.random.default_rng(5).standard_normal((len(PARAMETERS), 500))[PARAMETERS.index("value_new")]
    new = 41 * np.exp(0.3 * z)
    splits = [allocate(1e6, WON, STAY, **HEADS, value_new=v, value_kept=79) for v in new]
    mean = allocate(1e6, WON, STAY, **HEADS, value_new=new.mean(), value_kept=79)
    worth = np.mean([s.gain(s.to_acquisition) - s.gain(mean.to_acquisition) for s in splits])
    assert table.loc["value_new", "worth"] == pytest.approx(worth, rel=1e-3)
    assert table.loc["all", "worth"] == table.loc["value_new", "worth"]
    assert list(table.index) == ["value_new", "all"]
    # today's split is linear in value_new: the quantiles of its gain are the gain at the quantiles
    ends = np.quantile(new, [0.025, 0.975])
    gains = [replace(shop, value_new=v).gain(shop.to_acquisition) for v in ends]
    assert table.loc["all", ["gain_low", "gain_high"]].tolist() == pytest.approx(gains)


def test_information_repeats_and_certainty_is_worth_nothing(shop: Allocation) -> None:
    first, again = (value_of_information(shop, draws=300, rng=1) for _ in range(2))
    assert first.equals(again)
    assert (first["worth"] >= 0).all() and first.loc["all", "worth"] > first.drop("all")["worth"].max()
    known = value_of_information(shop, spread=0.0, draws=300, rng=1)
    assert known.loc["all", "worth"] == pytest.approx(0, abs=1) and known["low"].equals(known["high"])


def test_ratio_by_hand(shop: Allocation) -> None:
    """Kept: 4 / 0.66 each; saved: 4 / 0.06. At ratio 10 a customer won costs 60.61 at half a dollar a prospect."""
    table = ratio_test(shop, [5.5, 10])
    assert table["cost_per_kept"].to_numpy() == pytest.approx(4 / 0.66)
    assert table["cost_per_saved"].to_numpy() == pytest.approx(4 / 0.06)
    assert table.loc[10, "cost_per_won"] == pytest.approx(40 / 0.66)
    # at 5.5 the scaled curve is the managers' own: 0.5 / 0.015 = 33.33 = 5.5 x 6.06
    assert table.loc[5.5, "share_to_acquisition"] == pytest.approx(shop.to_acquisition / 1e6)


def test_one_ratio_two_answers(shop: Allocation) -> None:
    """Equal costs per customer kept, other shares that stay anyway: the ratio cannot know."""
    loyal = allocate(1e6, WON, replace(STAY, floor=0.40), **HEADS, **VALUES)
    one, other = ratio_test(shop, [6]).iloc[0], ratio_test(loyal, [6]).iloc[0]
    assert one["cost_per_kept"] == other["cost_per_kept"]
    assert one["share_to_acquisition"] > 0.6 and other["share_to_acquisition"] < 0.2


def test_simple_value_is_the_sum_of_its_years() -> None:
    years = np.arange(1, 500)
    for first in (False, True):
        by_hand = (100 * 0.8**years / 1.1**years).sum() + 100 * first - 30
        assert simple_clv(100, 0.8, acquisition_cost=30, first=first) == pytest.approx(by_hand)
    # Gupta & Lehmann's multiple r / (1 + i - r): 0.9 at 12% is 4.09
    assert simple_clv(1, 0.9, discount=0.12) == pytest.approx(4.0909, abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ceiling": 1.2}, {"reaches": 0.9}, {"floor": 0.7}, {"floor": -0.1}, {"at_spend": 0}, {"at_spend": -1},
        {"ceiling": float("nan")},
    ],
)  # fmt: skip
def test_answers_that_contradict_each_other(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="not usable|do not fit"):
        Response(**({"ceiling": 0.75, "at_spend": 4, "reaches": 0.66, "floor": 0.6} | wrong))


@pytest.mark.parametrize("name", ["budget", "prospects", "customers", "value_new", "value_kept"])
@pytest.mark.parametrize("bad", [-1.0, 0.0, float("nan"), float("inf"), "many"])
def test_amounts_that_are_none(name: str, bad: object) -> None:
    given = {"budget": 1e6, **HEADS, **VALUES} | {name: bad}
    with pytest.raises(OptionError, match=name):
        allocate(given.pop("budget"), WON, STAY, **given)  # type: ignore[arg-type]


def test_other_wrong_options(shop: Allocation) -> None:
    with pytest.raises(OptionError, match="winning more prospects than there are"):
        ratio_test(shop, [0.01])
    with pytest.raises(OptionError, match="change"):
        split_sensitivity(shop, change=1.0)
    with pytest.raises(OptionError, match="wealth"):
        value_of_information(shop, spread={"wealth": 1}, rng=1)
    with pytest.raises(OptionError, match="side"):
        shop.brought("both", 5)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="spend"):
        WON.share(-1)
    with pytest.raises(OptionError, match="retention"):
        simple_clv(10, 1.2)
