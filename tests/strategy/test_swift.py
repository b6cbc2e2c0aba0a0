"""Swift's cycle against BG/NBD's expectation, hand-worked curves, a linear programme, and the hidden truth."""

import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import crmlab as crm
from crmlab.base.errors import DataError, OptionError
from crmlab.clv import bgnbd_math
from crmlab.strategy import policies, swift
from crmlab.strategy.swift_compare import mean_interval

matplotlib.use("Agg")
SMALL = crm.SwiftWorld(n_customers=400)


@pytest.fixture(scope="module")
def comparison():
    """A shop where contacts move much, so that few replications show the order of the policies."""
    world = crm.SwiftWorld(n_customers=800, response=0.5, correlation=0.0)
    cycle = crm.SwiftCycle(world, 24, ["email"], offers=["novelty"])
    return cycle.compare([*policies.POLICIES], 4, 5, rng=3)


def test_past_purchases_follow_bgnbd():
    world = crm.SwiftWorld(n_customers=40_000)
    shop = world.open(1, rng=5)
    theta = np.array([world.r, world.alpha, world.a, world.b])
    for age in (3.0, 12.0, 24.0):
        orders = shop.past.loc[shop.past["T"] == age, "frequency"]
        expected = bgnbd_math.expected_if_alive(theta, 0.0, np.zeros(1), np.array([age]))[0][0]
        # 5,000 customers a cohort; 4 standard errors, which chance passes once in 16,000
        assert abs(orders.mean() - expected) < 4 * orders.std() / np.sqrt(len(orders))


def test_months_of_the_run_follow_bgnbd_too():
    world = crm.SwiftWorld(n_customers=40_000)
    shop = world.open(12, rng=6)
    theta = np.array([world.r, world.alpha, world.a, world.b])
    ages = 3.0 * np.arange(1, 9)[:, None] + [0, 13]  # eight cohorts of equal size, thirteen months
    until = bgnbd_math.expected_if_alive(theta, 0.0, np.zeros(16), ages.ravel())[0].reshape(ages.shape)
    expected = np.diff(until, axis=1).mean() / 13
    assert abs(shop.orders.mean() - expected) < 4 * shop.orders.sum(axis=1).std() / np.sqrt(40_000) / 13


def test_effect_is_what_the_outcomes_show():
    shop = crm.SwiftWorld(n_customers=60_000, response=0.3).open(1, rng=8)
    for arm in (0, 4, 8):
        sent = np.full(60_000, arm)
        change = shop.outcome(sent)[0] - shop.outcome(np.full(60_000, -1))[0]
        assert abs(change.mean() - shop.effect(sent).mean()) < 4 * change.std() / np.sqrt(60_000)


def test_contacts_tire_and_the_tiredness_goes():
    shop = SMALL.open(3, rng=1)
    everyone, nobody = np.zeros(400, dtype=int), np.full(400, -1)
    movable = (shop.kind == 2) & (shop.left > 3)
    fresh = shop.effect(everyone)[movable]
    shop.advance(everyone, *shop.outcome(everyone))
    assert np.allclose(shop.effect(everyone)[movable], fresh / 1.5)  # 1 + 0.5 x 1
    shop.advance(nobody, *shop.outcome(nobody))
    assert np.allclose(shop.effect(everyone)[movable], fresh / 1.25)  # half of it is left


def test_oracle_earns_most_and_learning_beats_mailing_the_best(comparison):
    totals = comparison.totals.set_index("policy")
    assert (totals.loc["oracle", "incremental"] > totals["incremental"].drop("oracle")).all()
    assert totals.loc["nobody", "incremental"] == 0
    assert comparison.difference("learned", "best_rfm")["low"] > 0
    assert (comparison.regret.query("policy != 'oracle' and round == 4")["regret"] > 0).all()
    found = comparison.qini_coefficients.set_index("policy")
    assert found.loc["oracle", "coefficient"] > found.loc["learned", "coefficient"] > 0
    assert found.loc["random", "low"] < 0 < found.loc["random", "high"]


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_without_response_a_contact_only_costs(policy):
    world = replace(SMALL, persuadable=0.0, averse=0.0)
    table = crm.SwiftCycle(world, 12, ["email", "sms"]).run(3, policy, rng=2).table
    assert np.allclose(table["incremental"], -table["cost"])


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_accounts_add_up_and_the_budget_holds(policy):
    table = crm.SwiftCycle(SMALL, 12, ["email", "post"]).run(3, policy, rng=4).table
    assert np.allclose(table["profit"], 0.35 * table["sales"] - table["contact_cost"] - table["discount_cost"])
    assert (table["contact_cost"] <= 12 + 1e-9).all()
    assert np.allclose(table["budget_spent"], table["contact_cost"] / 12)


def test_learned_finds_who_responds():
    """Where opens and fiction explain everything, both must raise the answer to a contact."""
    world = crm.SwiftWorld(n_customers=5000, explained=1.0, correlation=0.0, response=0.5, mismatch=1.0, fatigue=0.0)
    run = crm.SwiftCycle(world, 150, ["email"], 0.3, offers=["novelty"]).run(5, "learned", rng=1)
    model = run.model.set_index("coefficient")
    assert (model.loc[["contact", "contact x opens", "contact x fiction"], "estimate"] > 0).all()
    _, change = policies.uplift_by_cell(run.log.learned.fit, run.log.arms)
    mean = pd.Series(change[policies.cells(run.log.customers), 0]).groupby(run.shop.truth()["kind"]).mean()
    assert mean["persuadable"] > 2 * mean["unmoved"] and mean["persuadable"] > 2 * mean["averse"]


def test_grouped_logit_is_the_logit_of_single_customers():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    arms = SMALL.arms.iloc[[2]]
    tally = np.zeros((2, policies.CELLS, 2))
    tally[..., 0] = rng.integers(1, 8, (2, policies.CELLS))
    tally[..., 1] = rng.binomial(tally[..., 0].astype(int), 0.3)
    (beta, cov), _ = policies.fit_uplift(tally, arms)
    counts, x = tally.reshape(-1, 2).astype(int), policies.design(arms)
    made_up = np.repeat(np.eye(x.shape[1])[1:], 4, axis=0)
    rows = np.vstack([np.repeat(x, counts[:, 0], axis=0), made_up])
    bought = [np.arange(n) < k for n, k in counts] + [np.arange(4) < 2] * (x.shape[1] - 1)
    fit = sm.Logit(np.concatenate(bought).astype(float), rows).fit(disp=0)
    assert np.allclose(beta, fit.params, atol=1e-6) and np.allclose(cov, fit.cov_params(), atol=1e-6)


def test_plan_is_as_good_as_a_linear_programme():
    """The budget problem relaxed to shares of contacts; a whole-number plan loses at most one contact to it."""
    run = crm.SwiftCycle(SMALL, 12, ["email", "sms"], 0.0).run(1, "random", rng=1)
    rng, cost = np.random.default_rng(2), run.log.arms["cost"].to_numpy()
    scores = rng.normal(0.1, 1.0, (400, len(cost)))
    made = swift.plan(swift.Knowledge(run.log, scores, 0.0), 12)
    chosen = made["arm"].to_numpy() >= 0
    got = scores[chosen, run.log.arms.index.get_indexer(pd.Index(made["arm"][chosen]))].sum()
    each = np.kron(np.eye(400), np.ones((1, len(cost))))
    best = optimize.linprog(
        -scores.ravel(), A_ub=np.vstack([each, np.tile(cost, 400)]), b_ub=np.append(np.ones(400), 12), bounds=(0, 1)
    )
    assert -best.fun - scores.max() <= got <= -best.fun + 1e-9


def test_control_group_is_the_same_for_all_and_never_contacted():
    cycle = crm.SwiftCycle(SMALL, 12, ["email"], 0.25)
    tables = [cycle.run(1, name, rng=9).responses.table for name in ("random", "best_rfm", "learned", "oracle")]
    held = [t["group"] == "control" for t in tables]
    assert all((h == held[0]).all() for h in held) and 60 < held[0].sum() < 140
    assert all((t["arm"][h] == -1).all() for t, h in zip(tables, held, strict=True))


def test_rfm_scores_are_those_of_rfm():
    rng = np.random.default_rng(3)
    log = pd.DataFrame({
        "customer_id": rng.integers(0, 80, 300), "amount": rng.gamma(2, 10, 300).round(1),
        "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200, 300), unit="D"),
    })  # fmt: skip
    table = crm.rfm(log)
    columns = (-table["days_since_last"], table["orders"], table["revenue"])
    ours = policies.rfm_scores(*(c.to_numpy(dtype=float) for c in columns))
    assert (ours == table[["R", "F", "M"]].to_numpy()).all()


def test_qini_by_hand():
    """Six customers, best score first: contacted bought 1, 1, 0; controls 0, 0, 1.

    After 1: 1/3. After 2: (1 - 0)/3. After 3: (2 - 0 x 2/1)/3. After 4 and 5: 2/3. After 6: (2 - 1 x 3/3)/3.
    Area by trapezia: (0/2 + 1/3 + 1/3 + 2/3 + 2/3 + 2/3 + 1/6) / 6 = 17/36, less the triangle 1/6.
    """
    found = crm.qini([6, 5, 4, 3, 2, 1], [1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1])
    assert np.allclose(found.curve["incremental"], np.array([0, 1, 1, 2, 2, 2, 1]) / 3)
    assert found.coefficient == pytest.approx(17 / 36 - 1 / 6)
    tied = crm.qini([2, 2, 2, 1, 1, 1], [1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1]).curve
    assert tied["share"].tolist() == [0, 0.5, 1] and np.allclose(tied["incremental"], [0, 2 / 3, 1 / 3])


def test_perfect_order_has_the_largest_qini():
    """None of the 720 orders beats: contacted buyers first, controls who bought last."""
    treated, bought = np.array([1, 0, 1, 0, 1, 0]), np.array([1, 0, 1, 0, 0, 1])
    values = [crm.qini(order, treated, bought).coefficient for order in itertools.permutations(range(6))]
    assert crm.qini([6, 4, 5, 3, 2, 1], treated, bought).coefficient == pytest.approx(max(values))


def test_qini_and_deciles_of_known_uplift():
    rng = np.random.default_rng(4)
    n = 40_000
    uplift = rng.uniform(-0.1, 0.3, n)
    treated = rng.integers(0, 2, n)
    bought = rng.random(n) < 0.2 + treated * uplift
    # Perfect order: uplift falls evenly from .3 to -.1, the curve is .3 s - .2 s^2, the area .4/12 above the line.
    assert crm.qini(uplift, treated, bought).coefficient == pytest.approx(0.4 / 12, abs=0.008)
    assert crm.qini(rng.random(n), treated, bought).coefficient == pytest.approx(0, abs=0.008)
    table = crm.uplift_deciles(uplift, treated, bought)
    expected = np.arange(0.28, -0.1, -0.04)
    assert (np.abs(table["uplift"] - expected) < 4 * table["se"]).all() and len(table) == 10


def test_intervals_are_those_of_scipy():
    draws = np.random.default_rng(5).normal(size=(12, 3))
    low, high = stats.t.interval(0.9, 11, draws.mean(axis=0), stats.sem(draws))
    assert np.allclose(mean_interval(draws, 0.9), [draws.mean(axis=0), low, high])


def test_differences_are_paired_and_tables_agree(comparison):
    profits = comparison.profits.groupby(["policy", "replication"])["incremental"].sum().unstack("policy")
    gap = profits["learned"] - profits["random"]
    row = comparison.difference("learned", "random")
    assert row["difference"] == pytest.approx(gap.mean()) and row["won"] == (gap > 0).mean()
    last = comparison.rounds.query("round == 4").set_index("policy")["cumulative"]
    assert np.allclose(last, comparison.totals.set_index("policy")["incremental"])
    assert "oracle" in comparison._repr_html_()


def test_same_seed_same_numbers_on_any_number_of_workers():
    cycle = crm.SwiftCycle(SMALL, 12, ["email"])
    one, two = (cycle.compare(["best_clv", "learned"], 2, 3, rng=7, workers=n) for n in (1, 2))
    assert (one.draws == two.draws).all() and np.array_equal(one.tests, two.tests, equal_nan=True)
    other = cycle.compare(["learned"], 2, 3, rng=7)  # alone or beside another: a policy meets the same luck
    assert (other.draws[:, 0] == one.draws[:, 1]).all()


def test_naive_estimate_deceives_and_control_does_not():
    cycle = crm.SwiftCycle(crm.SwiftWorld(), 150, ["email"], offers=["novelty"])
    found = [cycle.run(4, "best_rfm", rng=seed).naive() for seed in range(6)]
    assert all(t.loc["naive", "low"] > 5 * t.loc["truth", "estimate"] for t in found)
    z = [(t.loc["control", "estimate"] - t.loc["truth", "estimate"]) / t.loc["control", "se"] for t in found]
    assert abs(np.sum(z)) / np.sqrt(6) < 3.5  # the sum of six standard normals, once in 2,000 beyond


def test_a_students_own_stages_and_policy_are_used():
    seen = []

    def plan_none(knowledge, budget):
        seen.append(budget)
        return pd.DataFrame({"arm": np.full(len(knowledge.log.customers), -1)})

    def refine_nothing(responses):
        return policies.Learned(0.5, 0.1, 1.0, 0.0)

    def newest(log):
        return 100 - log.customers["T"]

    with pytest.raises(OptionError, match="notebook"):
        crm.SwiftCycle(SMALL, 12, ["email"]).compare([newest], 1, 2, rng=1, workers=2)
    run = crm.SwiftCycle(SMALL, 12, ["email"], plan=plan_none, refine=refine_nothing).run(2, newest, rng=1)
    assert seen == [12, 12] and run.policy == "newest"
    assert run.table["contacts"].tolist() == [0, 0] and run.table["uplift"].tolist() == [0.5, 0.5]
    run = crm.SwiftCycle(SMALL, 3, ["email"]).run(1, newest, rng=1)
    asked = run.responses.table["arm"] >= 0  # 50 customers are new, and about 5 of them in the control group
    assert asked.sum() == 30 and (run.shop.past["T"][asked] == 3).all()


def test_control_value_compares_shares_on_the_same_luck():
    cycle = crm.SwiftCycle(SMALL, 12, ["email"], offers=["novelty"])
    table = crm.control_value(cycle, [0.1, 0.5], rounds=2, replications=3, rng=1, policy="random")
    assert table.loc[0, ["difference", "difference_low", "difference_high"]].tolist() == [0, 0, 0]
    alone = cycle.compare(["random"], 2, 3, rng=1).totals["incremental"][0]
    assert table.loc[0, "incremental"] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": -1}, "budget"), ({"control_share": 1.0}, "control"), ({"control_share": -0.1}, "control_share"),
        ({"channels": ["fax"]}, "'email', 'sms', 'post'"), ({"channels": []}, "channels"), ({"explore": 2}, "explore"),
        ({"offers": ["gift"]}, "'discount'"), ({"standard": ("post", "none")}, "email"), ({"channels": "sms"}, "list"),
    ],
)  # fmt: skip
def test_bad_cycles(change, message):
    with pytest.raises(OptionError, match=message):
        crm.SwiftCycle(SMALL, **{"budget": 10, "channels": ["email"], **change})


@pytest.mark.parametrize(
    "change",
    [{"n_customers": 10}, {"margin": 0}, {"persuadable": 0.9, "averse": 0.2}, {"correlation": 0.9}, {"q": 1.0},
     {"channels": {}}, {"channels": {"fax": (0.0, 1.0)}}, {"offers": {"half": (1.0, 1.0)}}, {"response": 0.9},
     {"alpha": float("nan")}, {"fatigue": -1}],
)  # fmt: skip
def test_bad_worlds(change):
    with pytest.raises(OptionError):
        crm.SwiftWorld(**change)


def test_bad_calls():
    cycle = crm.SwiftCycle(SMALL, 10, ["email"])
    with pytest.raises(OptionError, match=r"best_rfm.*oracle"):
        cycle.run(1, "best", rng=1)
    with pytest.raises(OptionError, match="rounds"):
        cycle.run(0, "random", rng=1)
    with pytest.raises(OptionError, match="2 or more"):
        cycle.compare(["random"], 1, 1, rng=1)
    with pytest.raises(OptionError, match="once"):
        cycle.compare(["random", "random"], 1, 2, rng=1)
    with pytest.raises(OptionError, match="shape"):
        cycle.run(1, lambda log: np.ones(3), rng=1)
    with pytest.raises(OptionError, match="oracle"):
        cycle.compare(["random"], 1, 2, rng=1).regret  # noqa: B018
    greedy = crm.SwiftCycle(SMALL, 10, ["email"], plan=lambda k, b: pd.DataFrame({"arm": np.full(400, 2)}))
    with pytest.raises(OptionError, match=r"40\.00 of a budget of 10\.00"):
        greedy.run(1, "random", rng=1)
    lost = crm.SwiftCycle(SMALL, 10, ["email"], plan=lambda k, b: pd.DataFrame({"arm": np.full(400, 7)}))
    with pytest.raises(OptionError, match="arm 7"):
        lost.run(1, "random", rng=1)
    with pytest.raises(DataError, match=r"length(?s:.*)score"):
        crm.qini([1, np.nan], [1, 0, 1], [1, 0, 1])
    with pytest.raises(DataError, match="control group"):
        crm.uplift_deciles([1, 2], [1, 1], [0, 1])


@pytest.mark.parametrize("language", ["en", "fa"])
def test_pictures_show_the_runs_numbers(comparison, language):
    from matplotlib import pyplot

    run = crm.SwiftCycle(SMALL, 12, ["email"]).run(2, "learned", rng=1)
    axes = [
        crm.plot_swift_profit(comparison, language=language), crm.plot_swift_regret(comparison, language=language),
        crm.plot_qini(comparison, language=language), crm.plot_uplift(comparison, language=language),
        crm.plot_qini(crm.qini([3, 2, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]), language=language),
        crm.plot_swift_cycle(run, language=language), crm.plot_swift_cycle(run, 1, language=language),
    ]  # fmt: skip
    last = comparison.totals.set_index("policy").loc["learned", "incremental"]
    assert any(np.isclose(line.get_ydata()[-1], last) for line in axes[0].lines)
    drawn = " ".join(text.get_text() for text in axes[5].texts)
    assert all(f"{run.stages[name]:,}" in drawn for name in ("analysed", "explored", "control", "contacted", "learned"))
    pyplot.close("all")


def test_pictures_refuse_what_is_not_there(comparison):
    run = crm.SwiftCycle(SMALL, 12, ["email"]).run(1, "random", rng=1)
    with pytest.raises(OptionError, match="rounds 1 to 1"):
        crm.plot_swift_cycle(run, 5)
    with pytest.raises(OptionError, match="deciles"):
        crm.plot_uplift(comparison, "nobody")
