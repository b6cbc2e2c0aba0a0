"""Roadmaps: by hand, against every order there is, and the rules kept in random cases."""

from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from crmlab.base.errors import DataError, OptionError
from crmlab.data.datasets import load_hotel_ratings
from crmlab.strategy import gartner_plots
from crmlab.strategy.gartner import MaturityModel
from crmlab.strategy.roadmap import compare_weights, roadmap


def made(needs, projects, weights=None, ready=3.0):
    """A model with these needs {block: blocks} and projects [(id, block, cost, gain, effort)]."""
    names = list(needs)
    blocks = pd.DataFrame(
        {"en": names, "fa": names, "weight": weights or [1 / len(names)] * len(names), "needs": list(needs.values())},
        index=names,
    )
    table = pd.DataFrame(projects, columns=["id", "block", "cost", "gain", "effort"]).set_index("id")
    return MaturityModel("made", {"en": "", "fa": ""}, ready, blocks, pd.DataFrame(), table, {})


# b needs a, which stands at 2 and is ready from 3 on
CHAIN = made(
    {"a": (), "b": ("a",), "c": ()},
    [("pa", "a", 50, 1.0, 2), ("pb", "b", 10, 2.0, 2), ("pc", "c", 20, 0.6, 2)], weights=[0.2, 0.5, 0.3],
)  # fmt: skip
TODAY = {"a": 2.0, "b": 1.0, "c": 3.0}


def test_by_hand():
    plan = roadmap(TODAY, 4, 2, model=CHAIN)
    # values: pa .2 x 1 = .2, pb .5 x 2 = 1, pc .3 x .6 = .18. One project a period, three periods.
    # pa, pb, pc: 3 x .2 + 2 x 1 + 1 x .18 = 2.78; pc first would be 3 x .18 + 2 x .2 + 1 x 1 = 1.94
    assert plan.table["period"].to_dict() == {"pa": 1, "pb": 2, "pc": 3}
    assert plan.worth == pytest.approx(2.78)
    assert plan.table["value"].tolist() == pytest.approx([0.2, 1.0, 0.18])
    assert plan.path["maturity"].tolist() == pytest.approx([1.8, 2.0, 3.0, 3.18])
    assert plan.path["spent"].tolist() == [0, 50, 60, 80]
    assert plan.table["after"].to_dict() == {"pa": (), "pb": ("pa",), "pc": ()}
    assert plan.left_out.empty and "1.80 -> 3.18" in str(plan)


def test_greedy_does_not_see_what_a_project_opens():
    plan = roadmap(TODAY, 4, 2, model=CHAIN, method="greedy")
    # value per cost: pc .009, pa .004, and pb may not start: pc comes first
    assert plan.table.index.tolist() == ["pc", "pa", "pb"]
    assert plan.worth == pytest.approx(1.94)


def test_capacity_lets_two_start_together_but_not_what_waits():
    plan = roadmap(TODAY, 4, 4, model=CHAIN)
    assert plan.table["period"].to_dict() == {"pa": 1, "pc": 1, "pb": 2}


def test_gain_counts_up_to_the_target():
    plan = roadmap(TODAY, {"a": 3, "b": 2.5, "c": 3}, 2, model=CHAIN)
    assert plan.table.loc["pb", "gain"] == pytest.approx(1.5)
    assert plan.left_out.to_dict() == {"pc": "its block is at the target"}


def test_budget_and_periods_leave_out_and_say_why():
    plan = roadmap(TODAY, 4, 2, model=CHAIN, budget=60)
    assert plan.table.index.tolist() == ["pa", "pb"] and plan.left_out["pc"] == "beyond the budget"
    plan = roadmap(TODAY, 4, 2, model=CHAIN, periods=1)
    assert plan.table.index.tolist() == ["pa"] and plan.left_out["pb"] == "no room in these periods"
    plan = roadmap(TODAY, 4, 2, model=CHAIN, budget=30)
    assert plan.table.index.tolist() == ["pc"] and "waits for a (2.00 of 3)" in plan.left_out["pb"]


def test_nothing_can_start():
    with pytest.raises(OptionError, match=r"No project can start. pb: waits for a \(2.00 of 3\)"):
        roadmap(TODAY, 4, 2, model=CHAIN, projects=CHAIN.projects.loc[["pb"]])
    with pytest.raises(OptionError, match="pa: beyond the budget"):
        roadmap(TODAY, 4, 2, model=CHAIN, budget=5)


def every_order(model, today, goal, capacity, budget, horizon):
    """The largest worth over all orders of all projects: each goes into the first period it may, or not at all."""
    table, weights = model.projects, model.blocks["weight"]
    best = 0.0
    for k in range(1, len(table) + 1):
        for order in permutations(table.index, k):
            level, period, room, cash, worth = dict(today), 1, capacity, budget, 0.0
            start, ok = dict(level), True
            for name in order:
                p = table.loc[name]
                while period <= horizon:
                    met = all(start[n] >= model.ready - 1e-9 for n in model.blocks["needs"][p["block"]])
                    if met and p["effort"] <= room + 1e-9:
                        break
                    period, room, start = period + 1, capacity, dict(level)
                if period > horizon or p["cost"] > cash + 1e-9:
                    ok = False
                    break
                new = min(level[p["block"]] + p["gain"], goal[p["block"]])
                worth += (horizon - period + 1) * weights[p["block"]] * (new - level[p["block"]])
                level[p["block"]], room, cash = new, room - p["effort"], cash - p["cost"]
            best = max(best, worth if ok else 0.0)
    return best


def drawn(rng, n):
    names = ["a", "b", "c", "d"]
    needs = {name: tuple(x for x in names[:i] if rng.random() < 0.4) for i, name in enumerate(names)}
    weights = rng.dirichlet(np.full(4, 3.0))
    projects = [
        (f"p{i}", str(rng.choice(names)), float(rng.integers(1, 9)), round(float(rng.uniform(0.3, 1.6)), 2),
         float(rng.integers(1, 4)))
        for i in range(n)
    ]  # fmt: skip
    model = made(needs, projects, weights.tolist())
    today = {name: round(float(rng.uniform(1.5, 3.2)), 2) for name in names}
    goal = {name: min(5.0, value + 1.0) for name, value in today.items()}
    return model, today, goal


@pytest.mark.parametrize("seed", range(12))
def test_exact_is_the_best_of_all_orders(seed):
    rng = np.random.default_rng(seed)
    model, today, goal = drawn(rng, 5)
    horizon, budget = int(rng.integers(2, 6)), float(rng.integers(8, 30))
    best = every_order(model, today, goal, 3.0, budget, horizon)
    if best == 0:
        with pytest.raises(OptionError):
            roadmap(today, goal, 3.0, model=model, budget=budget, periods=horizon)
        return
    plan = roadmap(today, goal, 3.0, model=model, budget=budget, periods=horizon)
    assert plan.worth == pytest.approx(best)
    greedy = roadmap(today, goal, 3.0, model=model, budget=budget, periods=horizon, method="greedy")
    assert greedy.worth <= plan.worth + 1e-9


@pytest.mark.parametrize("method", ["exact", "greedy"])
def test_rules_are_kept(method):
    found = 0
    for seed in range(30):
        model, today, goal = drawn(np.random.default_rng(seed), 8)
        try:
            plan = roadmap(today, goal, 4, model=model, budget=25, periods=4, method=method)
        except OptionError:
            continue
        found += 1
        assert (plan.table.groupby("period")["effort"].sum() <= 4).all()
        assert plan.table["cost"].sum() <= 25 and plan.path["spent"].iloc[-1] == plan.table["cost"].sum()
        for period, block in zip(plan.table["period"], plan.table["block"], strict=True):
            before = plan.path.loc[period - 1]
            assert all(before[n] >= model.ready - 1e-9 for n in model.blocks["needs"][block])
        assert (plan.path[list(goal)] <= pd.Series(goal) + 1e-9).all().all()
        gained = plan.path["maturity"].iloc[-1] - plan.path["maturity"].iloc[0]
        assert plan.table["value"].sum() == pytest.approx(gained)
        assert set(plan.table.index).isdisjoint(plan.left_out.index)
        assert len(plan.table) + len(plan.left_out) == 8
    assert found > 20


def test_more_money_is_never_worse():
    model = MaturityModel.bundled("gartner")
    today = model.assess(load_hotel_ratings(), rng=1).scores["score"]
    worth = [roadmap(today, 4, 5, budget=b, periods=4).worth for b in (60, 100, 140, 250)]
    assert all(a <= b + 1e-9 for a, b in pairwise(worth))


def test_weights_move_what_is_free_and_not_what_is_needed():
    sets = {"as given": CHAIN.blocks["weight"], "c": {"a": 0.05, "b": 0.05, "c": 0.9}}
    table = compare_weights(TODAY, 4, 2, sets, model=CHAIN)
    assert table["as given"].to_dict() == {"pa": 1, "pb": 2, "pc": 3}
    assert table["c"].to_dict() == {"pa": 2, "pb": 3, "pc": 1}  # pb waits for pa whatever the weights


def test_bad_input_all_at_once():
    bad = CHAIN.projects.assign(cost=[50, -1, 20], effort=[2, 2, "x"], block=["a", "z", "c"])
    with pytest.raises(DataError) as error:
        roadmap(TODAY, 4, 2, model=CHAIN, projects=bad, weights={"a": 0.5, "b": 0.2, "c": 0.2})
    for part in ("'pb': its block is 'z'", "'pb': its cost is -1", "its effort is 'x'", "weights sum to 0.9"):
        assert part in str(error.value)
    with pytest.raises(DataError, match="'pa': takes 2 of effort, and a period has 1.5"):
        roadmap(TODAY, 4, 1.5, model=CHAIN)
    with pytest.raises(DataError, match="'c': the target 2.5 lies below today's 3.00"):
        roadmap(TODAY, 2.5, 2, model=CHAIN)
    with pytest.raises(DataError, match="'b': no score is given"):
        roadmap({"a": 2, "c": 3}, 4, 2, model=CHAIN)
    with pytest.raises(DataError, match="'gain': is missing"):
        roadmap(TODAY, 4, 2, model=CHAIN, projects=CHAIN.projects.drop(columns="gain"))
    with pytest.raises(DataError, match="weights are missing or unknown: c"):
        roadmap(TODAY, 4, 2, model=CHAIN, weights={"a": 0.5, "b": 0.5})


def test_options():
    for wrong in ({"capacity": 0}, {"periods": 0}, {"periods": 1.5}, {"method": "best"}, {"budget": -1}):
        with pytest.raises(OptionError):
            roadmap(TODAY, 4, **({"capacity": 2} | wrong), model=CHAIN)
    many = pd.concat([CHAIN.projects.add_suffix("", axis=0).rename(index=lambda n, k=k: f"{n}{k}") for k in range(5)])
    with pytest.raises(OptionError, match="15 projects are too many"):
        roadmap(TODAY, 4, 2, model=CHAIN, projects=many, method="exact")
    assert roadmap(TODAY, 4, 2, model=CHAIN, projects=many).method == "greedy"


def texts(ax):
    shown = [*ax.texts, ax.title, ax._left_title, *ax.get_yticklabels()]
    return " ".join(t.get_text() for t in shown)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_plots_say_what_is_in_the_results(language):
    model = MaturityModel.bundled("gartner")
    result = model.assess(load_hotel_ratings(), target=4.5, rng=1)
    plan = roadmap(result, 4.5, 5)
    radar = texts(gartner_plots.plot_maturity(result, language=language))
    assert model.blocks.loc["collaboration", language] in radar
    assert texts(gartner_plots.plot_maturity(model.assess(load_hotel_ratings(), rng=1), language=language))
    assert "general manager" in texts(gartner_plots.plot_block_agreement(result, language=language))
    assert model.projects.loc["crm_software", language] in texts(gartner_plots.plot_roadmap(plan, language=language))
    ax = gartner_plots.plot_maturity_path({"x": plan, "y": plan}, language=language, spent=True)
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(plan.path["maturity"].iloc[-1])
    table = compare_weights(result, 4.5, 5, {"as given": model.blocks["weight"]}, periods=3)
    assert model.projects.loc["guest_segments", language] in texts(gartner_plots.plot_weights(table, language=language))
    with pytest.raises(OptionError, match="empty"):
        gartner_plots.plot_maturity_path({})
    plt.close("all")
