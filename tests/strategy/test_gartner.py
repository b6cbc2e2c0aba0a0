"""Maturity: scores, intervals and agreement against hand calculation; every fault of a model and of ratings named."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from crmlab.base.errors import AssumptionWarning, DataError, OptionError
from crmlab.data.datasets import load_hotel_ratings
from crmlab.strategy.agreement import icc
from crmlab.strategy.gartner import LEVELS, MaturityModel
from crmlab.strategy.orientation import statements

SMALL = """
title = { en = "Small", fa = "کوچک" }
[levels]
en = ["a", "b", "c", "d", "e"]
fa = ["آ", "ب", "پ", "ت", "ث"]
[blocks.one]
label = { en = "One", fa = "یک" }
what = { en = "w", fa = "و" }
weight = 0.6
[blocks.one.indicators]
A1 = { text = { en = "A1", fa = "آ۱" }, weight = 0.5 }
A2 = { text = { en = "A2", fa = "آ۲" }, weight = 0.3 }
A3 = { text = { en = "A3", fa = "آ۳" }, weight = 0.2 }
[blocks.two]
label = { en = "Two", fa = "دو" }
what = { en = "w", fa = "و" }
weight = 0.4
needs = ["one"]
[blocks.two.indicators]
B1 = { text = { en = "B1", fa = "ب۱" } }
B2 = { text = { en = "B2", fa = "ب۲" } }
B3 = { text = { en = "B3", fa = "ب۳" } }
[projects.p]
block = "two"
label = { en = "P", fa = "پ" }
cost = 10
gain = 1.0
effort = 2
"""
RATINGS = pd.DataFrame(
    {"A1": [4, 2, 3, 3, 3], "A2": [5, 2, 3, 3, 2], "A3": [3, 3, 3, 3, 3], "B1": [1, 2, 1, 1, 2], "B2": [3, 3, 3, 2, 3],
     "B3": [5, 4, 5, 5, 4]}, index=pd.Index(["ceo", "it", "hr", "cfo", "cmo"], name="respondent"),
)  # fmt: skip


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return MaturityModel.from_toml(path)


def broken(tmp_path, *changes):
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        MaturityModel.from_toml(path)
    return error.value


@pytest.mark.parametrize(("name", "blocks", "indicators"), [("gartner", 8, 40), ("readiness", 8, 39)])
def test_bundled_models_are_whole(name, blocks, indicators):
    model = MaturityModel.bundled(name)
    assert (len(model.blocks), len(model.indicators)) == (blocks, indicators)
    for indicator in model.indicators.index:
        for language in ("en", "fa"):
            texts = model.levels(indicator, language)
            assert texts.index.tolist() == list(LEVELS) and texts.is_unique
    place = {block: i for i, block in enumerate(model.order())}
    assert all(place[n] < place[b] for b, needs in model.blocks["needs"].items() for n in needs)


def test_gartner_has_five_indicators_a_block_and_a_project_for_each():
    model = MaturityModel.bundled("gartner")
    assert (model.indicators.groupby("block").size() == 5).all()
    assert set(model.projects["block"]) == set(model.blocks.index)


def test_the_readers_changes_stay_the_readers():
    mine = MaturityModel.bundled("gartner")
    mine.blocks["weight"] = 0.0
    assert MaturityModel.bundled("gartner").blocks["weight"].sum() == pytest.approx(1)


def test_readiness_has_the_ten_steps_the_design_variables_and_the_five_kinds():
    sizes = MaturityModel.bundled("readiness").indicators.groupby("block").size()
    expected = {"steps": 10, "task": 3, "structure": 4, "decisions": 3, "rewards": 5, "people": 4, "customers": 5}
    assert {k: sizes[k] for k in expected} == expected


def test_scores_by_hand(small):
    result = small.assess(RATINGS, target={"one": 4, "two": 3.5}, rng=1)
    # one: .5 A1 + .3 A2 + .2 A3 = 4.1, 2.2, 3.0, 3.0, 2.7; two: 3, 3, 3, 8/3, 3
    assert result.scores["score"].tolist() == pytest.approx([3.0, 44 / 15])
    assert result.scores["gap"].tolist() == pytest.approx([1.0, 3.5 - 44 / 15])
    assert result.overall["score"] == pytest.approx(0.6 * 3.0 + 0.4 * 44 / 15)
    # the others of "ceo" have (2.2 + 3 + 3 + 2.7) / 4 = 2.725
    assert result.deviations.loc["ceo", "one"] == pytest.approx(4.1 - 2.725)
    assert result.agreement.loc["one", "furthest"] == "ceo"
    assert result.agreement.loc["two", "furthest"] == "cfo" and result.agreement.loc["two", "by"] < 0


def test_agreement_by_hand(small):
    table = small.assess(RATINGS, rng=1).agreement
    # B1: variance .3, B2: .2, B3: .3; r_wg = 1 - variance / 2, their mean
    assert table.loc["two", "r_wg"] == pytest.approx((0.85 + 0.9 + 0.85) / 3)
    # mean absolute deviations: B1 and B3 (3 x .4 + 2 x .6) / 5 = .48, B2 (4 x .2 + .8) / 5 = .32
    assert table.loc["two", "spread"] == pytest.approx((0.48 + 0.32 + 0.48) / 3)
    expected = icc(RATINGS[["B1", "B2", "B3"]].T).loc["single", ["icc", "low", "high"]].tolist()
    assert table.loc["two", ["icc", "low", "high"]].tolist() == pytest.approx(expected)


def test_bootstrap_has_the_moments_of_resampling_respondents(small):
    result = small.assess(RATINGS, rng=2, draws=20_000)
    means = np.array([4.1, 2.2, 3.0, 3.0, 2.7])
    # the variance of a resampled mean is the plain variance over n; 4 standard errors of 20,000 draws
    assert result.draws["one"].mean() == pytest.approx(3.0, abs=4 * np.sqrt(means.var() / 5 / 20_000))
    assert result.draws["one"].var() == pytest.approx(means.var() / 5, rel=0.05)
    tail = norm.cdf(-student.ppf(0.975, 4) * np.sqrt(5 / 4))
    assert result.scores.loc["one", "low"] == pytest.approx(np.quantile(result.draws["one"], tail))
    assert means.min() <= result.scores.loc["one", "low"] < 3 < result.scores.loc["one", "high"] <= means.max()


def test_resampling_indicators_too_is_wider_where_they_differ(small):
    one, both = (small.assess(RATINGS, rng=3, resample=r).scores.loc["two"] for r in ("respondents", "both"))
    assert both["high"] - both["low"] > 3 * (one["high"] - one["low"])  # B1 to B3 go from 1 to 5


def test_six_respondents_cover_about_what_is_promised(small):
    # ratings of a rounded normal: the truth is the mean of a large sample; the plain percentiles fall short
    def ratings(n, rng):
        x = 3 + rng.normal(0, 0.6, (n, 1)) + rng.normal(0, 0.7, (n, 6))
        return pd.DataFrame(np.clip(np.round(x), 1, 5), columns=RATINGS.columns)

    rng = np.random.default_rng(5)
    hit, plain = 0, 0
    for _ in range(100):
        result = small.assess(ratings(6, rng), rng=rng, draws=1000)
        low, high = np.quantile(result.draws["one"], [0.025, 0.975])
        plain += low <= 3 <= high  # symmetric about 3, so that rounding leaves the mean there
        hit += result.scores.loc["one", "low"] <= 3 <= result.scores.loc["one", "high"]
    # 0.95 less two standard errors of 100 runs, less what discrete ratings cost; plain lies near 0.86
    assert hit / 100 > 0.90 and plain < hit


def test_same_seed_same_numbers_and_long_is_wide(small):
    before = RATINGS.copy()
    wide = small.assess(RATINGS, rng=7)
    long = RATINGS.reset_index().melt("respondent", var_name="indicator", value_name="rating")
    pd.testing.assert_frame_equal(wide.scores, small.assess(long, rng=7).scores)
    pd.testing.assert_frame_equal(wide.scores, small.assess(RATINGS.reset_index(), rng=7).scores)
    pd.testing.assert_frame_equal(RATINGS, before)
    assert "overall" in str(wide)


def test_no_variance_is_said_and_not_hidden(small):
    flat = RATINGS.assign(B1=3, B2=3, B3=3)
    table = small.assess(flat, rng=1).agreement
    assert np.isnan(table.loc["two", "icc"]) and "read r_wg" in table.loc["two", "note"]
    assert table.loc["two", "r_wg"] == 1 and table.loc["two", "spread"] == 0


def test_few_respondents_bring_a_warning(small):
    with pytest.warns(AssumptionWarning, match="4 respondents"):
        small.assess(RATINGS.iloc[:4], rng=1)
    with pytest.raises(DataError, match="there are 2 respondents"):
        small.assess(RATINGS.iloc[:2], rng=1)


def test_all_faults_of_ratings_at_once(small):
    bad = RATINGS.astype(object).drop(columns="A3").assign(Z9=1)
    bad.loc["it", "A1"], bad.loc["hr", "B1"], bad.loc["cfo", "B2"] = 6, None, "four"
    with pytest.raises(DataError) as error:
        small.assess(bad, rng=1)
    text = str(error.value)
    assert len(error.value.faults) == 5
    for part in ("'Z9'", "'A3'", "it: 6", "missing in 1 row", "cfo: four"):
        assert part in text


def test_faults_of_long_tables(small):
    long = RATINGS.reset_index().melt("respondent", var_name="indicator", value_name="rating")
    with pytest.raises(DataError, match="rated twice by one respondent in 1 row"):
        small.assess(pd.concat([long, long.iloc[[0]]]), rng=1)
    with pytest.raises(DataError, match="'respondent': is missing"):
        small.assess(long.drop(columns="respondent"), rng=1)


def test_targets_are_checked(small):
    with pytest.raises(DataError, match=r"'one': the target 2.5 lies below today's 3.00"):
        small.assess(RATINGS, target=2.5, rng=1)
    with pytest.raises(DataError) as error:
        small.assess(RATINGS, target={"one": 6, "three": 2}, rng=1)
    assert {f.column for f in error.value.faults} == {"one", "two", "three"}


def test_may_start(small):
    below, above = (small.may_start({"one": x, "two": 1})["may_start"].tolist() for x in (2.9, 3.0))
    assert (below, above) == ([True, False], [True, True])


def test_options(small):
    with pytest.raises(OptionError, match="'respondents', 'both'"):
        small.assess(RATINGS, rng=1, resample="rows")
    with pytest.raises(OptionError, match="'gartner', 'readiness'"):
        MaturityModel.bundled("swift")
    with pytest.raises(OptionError, match="'Q1' is not known"):
        small.levels("Q1")


def test_a_circle_of_needs_is_named(tmp_path):
    error = broken(tmp_path, ("weight = 0.6", 'weight = 0.6\nneeds = ["two"]'))
    assert "one -> two -> one" in str(error) or "two -> one -> two" in str(error)


def test_all_faults_of_a_model_at_once(tmp_path):
    error = broken(
        tmp_path, ("weight = 0.6", "weight = 0.7"), ('needs = ["one"]', 'needs = ["nine"]'),
        ("weight = 0.3", "weight = 0.4"), ('"d", "e"]', '"d"]'), ("B3 = {", "A1 = {"), ("gain = 1.0", "gain = -1.0"),
    )  # fmt: skip
    text = str(error)
    for part in ("the blocks sum to 1.1", "'nine', which is no block", "the indicators sum to 1.1",
                 "4 level texts in en, not 5", "'A1' also stands in block 'one'", "its gain is -1.0"):  # fmt: skip
        assert part in text


def test_what_is_no_model_is_said(tmp_path):
    assert "it is no TOML" in str(broken(tmp_path, ("[levels]", "[levels")))
    assert "missing in fa" in str(broken(tmp_path, (', fa = "یک"', "")))


def test_hotel_ratings_show_what_was_planted():
    model = MaturityModel.bundled("gartner")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = model.assess(load_hotel_ratings(), rng=1)
    order = result.scores["score"].sort_values()
    assert order.index[0] == "collaboration" and order.index[-1] == "technology"
    assert result.agreement.loc["technology", "furthest"] == "it"


def test_statements():
    table = statements()
    assert table[["en", "fa", "source"]].notna().all().all() and table.index.is_unique
    assert set(table["firm"]) == {"Tesla", "Amazon", "Google", "a hotel group"}
    with pytest.raises(OptionError, match="'mission', 'vision', 'goal'"):
        statements("slogan")
