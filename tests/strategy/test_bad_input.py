"""Bad input of any kind is refused by name: no bare error, no NaN, no number out of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import CrmlabError, OptionError, check_count, check_positive
from crmlab.base.fit import generator, z_value
from crmlab.data.schemas import as_day

WON, STAY = crm.Response(0.40, 5, 0.20), crm.Response(0.90, 5, 0.70, floor=0.50)
SPLIT = crm.allocate(1000, WON, STAY, prospects=100, customers=100, value_new=50, value_kept=50)
CODES = pd.DataFrame({"A": list("aabbc"), "B": list("ababc")})
CHAIN = pd.DataFrame({"customer_id": 1, "period": range(8), "stage": list("uuuuvuvu")})
CASE = crm.BusinessCase({"licence": [100, 10, 10]}, {"margin": (50, 80, 90)}, years=2)
FOUR = pd.DataFrame({"margin": [12, 7, 5, 1], "cost_to_serve": [2, 1, 1, 3]})
COUNTS = pd.Series({"x": 3, "y": 1})
STRANGE: list[Any] = [None, "abc", "5", "۵", np.nan, [], {}, pd.DataFrame(), np.array([1.0, 2.0]), object()]

TABLES: dict[str, Callable[[Any], Any]] = {
    "kappa": crm.kappa, "icc": crm.icc, "majority": lambda x: crm.majority(None if isinstance(x, pd.DataFrame) else x),
    "word_counts": crm.word_counts, "plan_gaps": lambda x: crm.plan_gaps([x], []),  # type: ignore[arg-type]
    "allocate": lambda x: crm.allocate(1, x, STAY, prospects=1, customers=1, value_new=1, value_kept=1),
    "split_sensitivity": crm.split_sensitivity, "ratio_test": crm.ratio_test,
    "customer_profit": lambda x: crm.customer_profit(x, fixed_costs=1),
    "death_spiral": lambda x: crm.death_spiral(x, fixed_costs=1),
    "did": lambda x: crm.difference_in_differences(x, "y"),
    "stage_moves": crm.stage_moves, "steady_state": lambda x: crm.steady_state(x, rng=1),
    "rules": lambda x: crm.lifecycle(CHAIN, rules=object() if x is None else x),  # type: ignore[arg-type]
    "check_sources": crm.check_sources, "maturity_file": crm.MaturityModel.from_toml,
    "case": lambda x: crm.BusinessCase(x, {"margin": 1}, years=1),
    "programmes": crm.programmes, "ledger": lambda x: crm.points_ledger([1], x),
    "world": lambda x: crm.SwiftCycle(x, 10, ["email"]), "choice_index": lambda x: crm.choice_index(x, COUNTS),
    "grocer": lambda x: crm.simulate_grocer(9, rng=1, mix=x),
}  # fmt: skip
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "count": lambda x: check_count("n", x), "positive": lambda x: check_positive("n", x, zero=True), "level": z_value,
    "flat": SPLIT.flat,
    "clv": lambda x: crm.simple_clv(100, x), "referral": lambda x: crm.referral_value(40, 0.5, delay=x),
    "npv": lambda x: crm.net_present_value(x, [1.0]), "shares": lambda x: crm.penetration(x, 10),
    "average": lambda x: crm.average_clv([1.0, 2.0], level=x), "wait": lambda x: crm.response_time([1] * 6, level=x),
    "discount": lambda x: crm.BusinessCase({"a": 1}, {"b": 1}, years=1, discount=x),
    "world": lambda x: crm.SwiftWorld(correlation=x),
    "cards": lambda x: crm.cards(lesson=5, seed=x), "quiz": lambda x: crm.quiz(lesson=5, n=x),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_is_no_table_or_result_is_refused(name: str) -> None:
    for bad in STRANGE:
        with pytest.raises(CrmlabError):
            TABLES[name](bad)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_refused(name: str) -> None:
    for bad in STRANGE:
        with pytest.raises(OptionError if name != "shares" else CrmlabError):
            NUMBERS[name](bad)


def test_huge_numbers_and_truth_values_are_no_amounts() -> None:
    for bad in (True, 1e300, np.inf):
        with pytest.raises(OptionError):
            crm.referral_value(bad, 0.5)
    with pytest.raises(CrmlabError):
        crm.penetration(1, 1e300)  # type: ignore[arg-type]


def test_seeds_are_asked_for_and_checked() -> None:
    for bad in (None, "abc", -1, 2.5):
        for draw in (
            lambda r: generator(r, "x"), lambda r: crm.kappa(CODES, rng=r), lambda r: CASE.monte_carlo(rng=r),
            lambda r: crm.value_of_information(SPLIT, rng=r), lambda r: crm.SwiftWorld().open(1, rng=r),
            lambda r: crm.drop_or_reprice(FOUR, fixed_costs=1, fee=1, saving=0.1, leave=0.1, rng=r),
            lambda r: crm.steady_state(crm.stage_moves(CHAIN), rng=r), lambda r: crm.simulate_grocer(9, rng=r),
        ):  # fmt: skip
            with pytest.raises(OptionError, match="rng"):
                draw(bad)  # type: ignore[no-untyped-call]


def test_a_number_is_no_day() -> None:
    for bad in (0, -1, 2.5, np.nan, pd.NaT, "۱۴۰۳-۰۱-۰۱"):
        with pytest.raises(OptionError, match="no date"):
            as_day(bad, "start")  # type: ignore[arg-type]


def test_raters_who_rate_everything_alike_have_no_icc() -> None:
    with pytest.raises(CrmlabError, match="same number"):
        crm.icc(pd.DataFrame({"A": [1, 1, 1], "B": [2, 2, 2]}))


def test_codes_may_be_numbers_and_groups_without_words() -> None:
    assert crm.majority(pd.DataFrame({"A": [1, 1], "B": [2, 1], "C": [2, 3]})).tolist() == [2, 1]
    assert crm.word_counts(pd.Series(["the", "a customer"]), by=[1, 2]).loc["customer"].tolist() == [0, 100, 100]
    with pytest.raises(CrmlabError, match="group for each"):
        crm.word_counts(pd.Series(["one text", "two"]), by=["x"])


def test_measures_refuse_what_would_be_a_false_certainty() -> None:
    with pytest.raises(CrmlabError, match="too few"):
        crm.response_time([1, 2, 3, 4, 5, 6], level=0.99)  # 1 - 2^-5 is the most that six answers can give
    log = pd.DataFrame({"customer_id": 1, "date": pd.date_range("2024-01-01", "2024-12-31", freq="7D"), "amount": 1.0})
    with pytest.raises(CrmlabError, match="fewer than two customers"):
        crm.revenue_growth(log, start="2024-01-01", end="2024-12-31")
    with pytest.raises(OptionError, match="above market_revenue"):
        crm.market_share(20, 10)
    for lines in ({}, {"a": [1, 2], "b": [1]}):
        with pytest.raises(CrmlabError, match="different length"):
            crm.total_cost_of_ownership(lines)


def test_scorecard_takes_the_last_quarter_of_a_stock_wherever_it_stands() -> None:
    finance = pd.DataFrame(
        {"quarter": ["2024Q1", "2024Q2"], "net_income": [10.0, 10], "shares": [100.0, 200], "share_price": [1.0, 2]}
    )
    one, two = (crm.Scorecard(finance=f, period=("2024-01-01", "2024-06-30")) for f in (finance, finance[::-1]))
    assert one.table.loc["income_to_share", "estimate"] == two.table.loc["income_to_share", "estimate"] == 0.05
    for bad in (["2024Q1", None], [2024, 2025]):
        with pytest.raises(CrmlabError, match="bare number"):
            crm.Scorecard(finance=finance.assign(quarter=bad), period=("2024-01-01", "2024-06-30"))


def test_flat_band_holds_the_best_split() -> None:
    best = SPLIT.to_acquisition / SPLIT.budget
    assert SPLIT.flat(0.0) == pytest.approx((best, best), abs=1e-9)
    with pytest.raises(OptionError):
        SPLIT.gain(1001)


def test_customers_without_id_and_text_bases() -> None:
    table = FOUR.assign(customer_id=[1, 2, np.nan, 4], brought_by=np.nan)
    with pytest.raises(CrmlabError, match="Give each customer an id"):
        crm.customer_profit(table, fixed_costs=1)
    with pytest.raises(CrmlabError, match="margin"):
        crm.customer_profit(FOUR.assign(margin=pd.array([1, None, 2, 3], dtype="Int64")), fixed_costs=1)
    text = crm.customer_base(20, rng=1).customers.astype(str)
    assert crm.CustomerBase(text).monthly_spend.dtype == float


def test_values_that_stand_twice() -> None:
    model = crm.MaturityModel.bundled()
    twice = pd.Series(3.0, index=[*model.blocks.index, "vision"])
    with pytest.raises(CrmlabError, match="more than one score"):
        model.may_start(twice)
    with pytest.raises(CrmlabError, match="unknown: vision"):
        crm.roadmap(dict.fromkeys(model.blocks.index, 3.0), 4, 5, weights=twice)
    with pytest.raises(CrmlabError, match="stands twice"):
        crm.choice_index(pd.Series([2, 2], index=["x", "x"]), COUNTS)
    with pytest.raises(CrmlabError, match="is missing"):
        table = pd.DataFrame({"y": [1.0, 2] * 4, "treated": [0, 0, 0, 0, 1, 1, 1, 1], "after": [0, 0, 1, 1] * 2})
        crm.difference_in_differences(table.assign(c=[1, 2, 3, 4, 5, 6, 7, None]), "y", cluster="c")


OURS = ("crmlab.strategy.", "crmlab.customers.loyalty", "crmlab.clv.iso_value")
PLOTS = [n for n, module in crm._NAMES.items() if n.startswith("plot_") and module.startswith(OURS)]


@pytest.mark.parametrize("name", PLOTS)
def test_pictures_refuse_what_they_cannot_draw(name: str) -> None:
    more = ("nobody",) if name == "plot_loyalty" else ()
    for bad in (None, "abc", -5, {}, pd.DataFrame()):
        with pytest.raises(CrmlabError):
            getattr(crm, name)(bad, *more)
