"""Screening finds what was planted, and nothing else; the indices are worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmlab.base.errors import DataError, OptionError
from crmlab.base.share import share
from crmlab.data.simulate_survey import simulate_survey
from crmlab.survey.instrument import Instrument
from crmlab.survey.screening import even_odd_consistency, longest_run, screen

# datasets/crm_survey/README.md; rows are one less than the respondent's number
STRAIGHT = [19, 34, 49, 107, 118, 193, 209, 241, 283, 314, 396, 404, 406, 429, 496]
CARELESS = [11, 41, 89, 129, 207, 345, 362, 437, 476, 492]
IMPOSSIBLE = [15, 18, 179, 249, 410, 478]


@pytest.fixture(scope="module")
def crm():
    return Instrument.bundled("crm_survey")


@pytest.fixture(scope="module")
def seen(crm):
    return crm.read(share("datasets", "crm_survey", "crm_survey.csv"), on_invalid="missing")


def flagged(screening, check):
    return (screening.flags.index[[check in w.split(", ") for w in screening.flags["which"]]] + 1).tolist()


def test_what_was_planted_is_found(seen):
    _, screening = seen
    assert flagged(screening, "longstring") == flagged(screening, "seconds") == STRAIGHT
    assert flagged(screening, "duplicate") == [498, 499, 500]
    assert flagged(screening, "invalid") == IMPOSSIBLE
    outliers = flagged(screening, "mahalanobis")
    assert set(outliers) <= set(CARELESS) and len(outliers) >= 7  # chance alone would flag 0.5 of 500 honest ones
    assert screening.mcar["pvalue"] > 0.05  # cells were emptied at random
    assert set(screening.flags.loc[screening.flags["n_flags"] > 1, "respondent"].astype(int)) == set(STRAIGHT)


def test_nothing_is_left_out(seen):
    answers, screening = seen
    assert len(answers) == len(screening.flags) == len(screening.missing_map) == 500
    kept = screening.keep(max_flags=0, without=["duplicate"])
    assert kept.sum() == (screening.flags["n_flags"] == 0).sum() < screening.keep().sum() == 485
    assert (~screening.keep(9, without=["longstring", "invalid"])).sum() == len(STRAIGHT) + len(IMPOSSIBLE)
    with pytest.raises(OptionError, match="without='speed' was not checked; there are missing, longstring"):
        screening.keep(without=["speed"])


def test_missing_answers_are_counted(seen, crm):
    answers, screening = seen
    gaps = answers[list(crm.item_names)].isna()
    assert screening.missing_by_item["missing"].sum() == gaps.sum().sum() == 121 + 87 + 6  # empty, 99, impossible
    patterns = screening.missing_patterns
    assert patterns["respondents"].sum() == 500 and patterns["respondents"].is_monotonic_decreasing
    assert (patterns["respondents"] * patterns["missing"]).sum() == gaps.sum().sum()
    assert patterns.loc[0, ["missing", "items"]].tolist() == [0, ""]
    assert flagged(screening, "missing") == (gaps.index[gaps.sum(axis=1) > 3.75] + 1).tolist()


@pytest.mark.parametrize("language", ["en", "fa"])
def test_report(seen, language):
    _, screening = seen
    report = screening.report(language)
    assert report["flagged"].tolist() == [len(flagged(screening, check)) for check in screening.rules]
    assert report["who"].iloc[1] == "19, 34, 49, 107, 118, ..."
    assert report["rule"].str.contains("15%").iloc[0] and not report.astype(str).apply(
        lambda c: c.str.contains("{")
    ).any(axis=None)
    assert "respondents: 500" in repr(screening) and "<table" in screening._repr_html_()


def test_longest_run():
    nan = np.nan
    codes = np.array(
        [[1, 1, 1, 2, 2], [1, nan, 1, nan, 1], [1, 2, 3, 4, 5], [nan, nan, nan, nan, nan], [2, 1, 1, nan, 2]]
    )
    assert longest_run(codes).tolist() == [3, 3, 1, 0, 2]


def test_longstring_counts_the_codes_as_given_in_the_files_order():
    asked = Instrument.from_items({"A": ["a1", "a2"], "B": ["b1", "b2"]}, reverse=["a2", "b2"])
    raw = pd.DataFrame({"b1": [4, 1, 2], "a1": [4, 2, 3], "a2": [4, 2, 4], "b2": [4, 1, 2]})
    answers, screening = asked.read(raw)
    assert answers["a2"].tolist() == [2, 4, 2]
    assert screening.flags["longstring"].tolist() == [4, 2, 1]
    assert screen(answers, asked).flags["longstring"].tolist() == [4, 2, 2]  # a1 a2 b1 b2: 4444, 2211, 3422


def test_even_odd_by_hand():
    """Three constructs of two items: the correlation of three pairs, stepped up (Spearman 1910, Brown 1910)."""
    rows = np.array([[1, 2, 3, 3, 5, 4], [5, 1, 3, 3, 1, 5], [2, 2, 2, 2, 2, 2], [1, 2, 3, np.nan, 5, 4]], dtype=float)
    blocks = [rows[:, :2], rows[:, 2:4], rows[:, 4:]]
    r = stats.pearsonr([1, 3, 5], [2, 3, 4])[0]
    found = even_odd_consistency(blocks)
    assert found[:2].tolist() == pytest.approx([2 * r / (1 + r), -1.0])
    assert np.isnan(found[2:]).all()  # no variation; two constructs answered
    longer = even_odd_consistency([np.array([[1.0, 2, 3]]), np.array([[2.0, 5, 4]]), np.array([[5.0, 3, 5]])])
    r = stats.pearsonr([2, 3, 5], [2, 5, 3])[0]
    assert longer[0] == pytest.approx(2 * r / (1 + r))


def test_even_odd_is_told_and_flags_only_if_asked(seen, crm):
    answers, screening = seen
    assert "even_odd" not in screening.rules and screening.flags["even_odd"].notna().sum() > 480
    asked = screen(answers, crm, even_odd=0.0)
    assert len(flagged(asked, "even_odd")) == (screening.flags["even_odd"] < 0).sum() > 0


def test_mahalanobis_of_complete_answers_is_the_textbooks(crm):
    survey = simulate_survey(200, rng=np.random.default_rng(1))
    survey.attrs = {}
    answers, screening = crm.read(
        survey.assign(respondent=range(200), seconds=300, firm_size=1, industry=1, role=1, years=3)
    )
    x = answers[list(crm.item_names)].to_numpy()
    off = x - x.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", off, np.linalg.inv(np.cov(x.T)), off)
    np.testing.assert_allclose(screening.flags["mahalanobis"], expected, rtol=1e-9)
    np.testing.assert_allclose(screening.flags["mahalanobis_p"], stats.chi2.sf(expected, 25), rtol=1e-7)
    assert screening.mcar.isna().all()


def test_littles_test_by_hand():
    """Two items, the second empty for some: the statistic is the first's sum of squares between, over its variance."""
    rng = np.random.default_rng(2)
    x = rng.integers(1, 6, 60).astype(float)
    y = np.clip(x + rng.integers(-1, 2, 60), 1, 5)
    y[:20] = np.nan
    screening = screen(pd.DataFrame({"a1": x, "a2": y}), Instrument.from_items({"A": ["a1", "a2"]}))
    found = screening.mcar
    between = 20 * (x[:20].mean() - x.mean()) ** 2 + 40 * (x[20:].mean() - x.mean()) ** 2
    assert found["chisq"] == pytest.approx(between / x.var(ddof=1), rel=1e-6)  # EM's tolerance is 1e-8
    assert (found["df"], found["patterns"]) == (1, 2)
    assert found["pvalue"] == pytest.approx(stats.chi2.sf(found["chisq"], 1))
    # and who left the second empty counts with the first alone
    alone = (x[:20] - x.mean()) ** 2 / x.var(ddof=1)
    np.testing.assert_allclose(screening.flags["mahalanobis"][:20], alone, rtol=1e-6)
    np.testing.assert_allclose(screening.flags["mahalanobis_p"][:20], stats.chi2.sf(alone, 1), rtol=1e-5)


def test_littles_test_under_chance_and_not():
    asked = Instrument.from_items({"A": ["A1", "A2", "A3"]})
    p = []
    for seed in range(60):
        survey = simulate_survey(
            200, rng=np.random.default_rng(seed), loadings={"A": [0.7] * 3}, categories=None, missing=0.1
        )
        p.append(screen(survey, asked).mcar["pvalue"])
    # 5% of 60 within four standard errors (the test is asymptotic)
    assert np.mean(np.array(p) < 0.05) < 0.05 + 4 * 0.028
    assert stats.kstest(p, "uniform").pvalue > 0.001
    survey["A2"] = survey["A2"].mask(survey["A1"] > 1)  # who has much of A1 leaves out A2
    assert screen(survey, asked).mcar["pvalue"] < 1e-6


def test_few_rows_and_items_that_say_the_same():
    asked = Instrument.from_items({"A": ["a1", "a2"]})
    two = screen(pd.DataFrame({"a1": [1, 2], "a2": [1, 5]}), asked)
    assert two.flags["mahalanobis"].isna().all() and "No Mahalanobis" in two.notes[0]
    same = screen(pd.DataFrame({"a1": [1, 2, 3, 4, 5] * 4, "a2": [1, 2, 3, 4, 5] * 4}), asked)
    assert same.flags["mahalanobis"].isna().all()
    nobody = screen(pd.DataFrame({"a1": [np.nan] * 3, "a2": [np.nan] * 3}), asked)
    assert flagged(nobody, "missing") == [1, 2, 3] and flagged(nobody, "duplicate") == []
    constant = screen(pd.DataFrame({"a1": [3] * 9, "a2": [1, 2, 3] * 3}), asked)
    assert constant.flags["mahalanobis"].isna().all()


def test_identifiers_that_stand_twice():
    asked = Instrument.from_dict(
        {
            "scales": {"s": {"low": 1, "high": 5}},
            "constructs": {"A": {"items": ["a1", "a2"]}},
            "columns": {"respondent": "id"},
        }
    )
    _, screening = asked.read(pd.DataFrame({"id": ["x", "y", "x", "z"], "a1": [1, 2, 3, 2], "a2": [5, 4, 1, 4]}))
    assert flagged(screening, "duplicate") == [3, 4]  # the same number; the same answers


def test_rules_can_be_changed(seen, crm):
    answers, _ = seen
    strict = screen(answers, crm, max_missing=0.0, longstring=0.32, seconds_per_item=5, mahalanobis=0.05)
    assert len(flagged(strict, "missing")) == answers[list(crm.item_names)].isna().any(axis=1).sum()
    assert len(flagged(strict, "seconds")) > len(STRAIGHT) + 5
    assert (strict.flags["longstring"] >= 8).sum() == len(flagged(strict, "longstring"))
    own = screen(answers, crm, seconds=pd.Series(10.0, index=answers.index))
    assert len(flagged(own, "seconds")) == 500
    with pytest.raises(OptionError, match="longstring=-1"):
        screen(answers, crm, longstring=-1)
    with pytest.raises(DataError, match="'KM2': it is missing"):
        screen(answers.drop(columns="KM2"), crm)
