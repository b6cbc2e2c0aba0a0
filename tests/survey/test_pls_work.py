"""PLS at work: prediction against regression's leave-one-out formula, importance-performance by hand, groups."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.survey.instrument import Construct, Hypothesis, Instrument, Item, Scale
from crmlab.survey.pls import pls
from crmlab.survey.pls_groups import pls_groups

MODEL = """
    Image =~ IMAG1 + IMAG2 + IMAG4
    Value =~ PERV1 + PERV2
    Satisfaction =~ CUSA1 + CUSA2 + CUSA3
    Value ~ Image
    Satisfaction ~ Image + Value
"""


@pytest.fixture(scope="module")
def fit(mobi):
    return pls(MODEL, mobi, bootstrap=0)


def test_prediction_with_single_items_is_leave_one_out_of_regression(mobi):
    one = pls("X =~ IMAG1; M =~ PERV1; Y =~ CUSA1; Y ~ X + M", mobi, bootstrap=0)
    row = one.predict(folds=250, repeats=1, rng=1).iloc[0]
    ols = sm.OLS(mobi["CUSA1"], sm.add_constant(mobi[["IMAG1", "PERV1"]])).fit()
    left_out = ols.resid / (1 - ols.get_influence().hat_matrix_diag)  # Allen's PRESS residuals
    mean = (mobi["CUSA1"] - mobi["CUSA1"].mean()) * 250 / 249
    assert row["rmse"] == pytest.approx(np.sqrt((left_out**2).mean()), abs=1e-10)
    assert row["mae"] == pytest.approx(left_out.abs().mean(), abs=1e-10)
    assert row["q2_predict"] == pytest.approx(1 - (left_out**2).sum() / (mean**2).sum(), abs=1e-10)
    assert row[["rmse_lm", "mae_lm"]].to_numpy() == pytest.approx(row[["rmse", "mae"]].to_numpy(), abs=1e-10)


@pytest.mark.parametrize("technique", ["direct", "earliest"])
def test_prediction_by_hand(mobi, fit, technique):
    folds, rng = 5, np.random.default_rng(6)
    fold = rng.permutation(np.arange(250) % folds)
    wrong = {}
    for f in range(folds):
        train, test = mobi[fold != f], mobi[fold == f]
        one = pls(MODEL, train, bootstrap=0)
        items = list(one.weights.index)
        scores = ((test[items] - train[items].mean()) / train[items].std()) @ one.weights
        if technique == "earliest":
            scores["Value"] = one.params["Value~Image"] * scores["Image"]
        guess = one.params["Satisfaction~Image"] * scores["Image"] + one.params["Satisfaction~Value"] * scores["Value"]
        wrong[f] = test["CUSA3"] - (
            guess * one.loadings.loc["CUSA3", "Satisfaction"] * train["CUSA3"].std() + train["CUSA3"].mean()
        )
        base = ["IMAG1", "IMAG2", "IMAG4", *(["PERV1", "PERV2"] if technique == "direct" else [])]
        ols = sm.OLS(train["CUSA3"], sm.add_constant(train[base])).fit()
        wrong[f, "lm"] = test["CUSA3"] - ols.predict(sm.add_constant(test[base]))
    ours = fit.predict(folds, 1, rng=6, technique=technique).set_index("item").loc["CUSA3"]
    pls_wrong, lm_wrong = (
        np.concatenate([wrong[key] for key in wrong if isinstance(key, tuple) == lm]) for lm in (False, True)
    )
    assert ours["rmse"] == pytest.approx(np.sqrt((pls_wrong**2).mean()), abs=1e-8)
    assert ours["mae_lm"] == pytest.approx(np.abs(lm_wrong).mean(), abs=1e-8)


def test_prediction_repeats_with_its_seed_and_says_what_it_cannot(mobi, fit):
    pd.testing.assert_frame_equal(fit.predict(rng=3), fit.predict(rng=np.random.default_rng(3)))
    with pytest.raises(OptionError, match=r"predict\(\).*rng=1"):
        fit.predict()
    for folds, repeats in ((1, 1), (2.5, 1), (5, 1.5), (251, 1), (5, 0)):
        with pytest.raises(OptionError, match=f"folds={folds}, repeats={repeats}"):
            fit.predict(folds, repeats, rng=1)
    with pytest.raises(OptionError, match="technique"):
        fit.predict(rng=1, technique="best")
    with pytest.raises(OptionError, match="PLSc"):
        pls(MODEL, mobi, bootstrap=0, consistent=True).predict(rng=1)
    with pytest.raises(FitError, match=r"5 items and a training set has 5 rows"):
        pls(MODEL, mobi.iloc[40:50], bootstrap=0).predict(2, rng=1)


def test_earliest_knows_the_unexplained_constructs_only(mobi, fit):
    # Value is explained, so that Image's items alone predict, with and without a product of the two
    product = pls(MODEL + "    Satisfaction ~ Image:Value", mobi, bootstrap=0)
    one, other = (each.predict(rng=2, technique="earliest")["rmse_lm"] for each in (fit, product))
    assert other.to_numpy() == pytest.approx(one.to_numpy(), abs=1e-12)


def test_prediction_reaches_items_through_parts(mobi):
    text = "I =~ IMAG1 + IMAG2; V =~ PERV1 + PERV2; S =~ CUSA1 + CUSA2; W =~ V + S; W ~ I"
    table = pls(text, mobi, bootstrap=0).predict(rng=1)
    assert list(table["item"]) == ["PERV1", "PERV2", "CUSA1", "CUSA2"]
    assert (table["q2_predict"] > 0).all()


def test_importance_and_performance_by_hand(mobi, fit):
    table = fit.importance_performance("Satisfaction", low=1, high=10)
    points = (mobi - 1) / 9 * 100
    score = {}
    for name, items in fit.measurement.items():
        w = fit.weights.loc[list(items), name] / mobi[list(items)].std()
        score[name] = points[list(items)] @ (w / w.sum())
    score = pd.DataFrame(score)
    both = sm.OLS(score["Satisfaction"], sm.add_constant(score[["Image", "Value"]])).fit().params
    first = sm.OLS(score["Value"], sm.add_constant(score[["Image"]])).fit().params
    assert table.loc["Value", "importance"] == pytest.approx(both["Value"], abs=1e-10)
    assert table.loc["Image", "importance"] == pytest.approx(both["Image"] + first["Image"] * both["Value"], abs=1e-10)
    assert table["performance"].to_numpy() == pytest.approx(score[["Image", "Value"]].mean().to_numpy(), abs=1e-10)
    by_item = fit.importance_performance("Satisfaction", dict.fromkeys(mobi, 1), dict.fromkeys(mobi, 10))
    pd.testing.assert_frame_equal(table, by_item)


def test_an_instrument_brings_modes_and_ends_of_scales(mobi, fit):
    ten = Scale("ten", 1, 10)
    items = tuple(Item(item, name, {}, False, ten) for name, block in fit.measurement.items() for item in block)
    modes = {"Image": "A", "Value": "B", "Satisfaction": "A"}
    constructs = tuple(Construct(name, {}, block, modes[name]) for name, block in fit.measurement.items())
    ways = [("Image", "Value"), ("Image", "Satisfaction"), ("Value", "Satisfaction")]
    asked = tuple(Hypothesis(f"H{i}", a, b, "+") for i, (a, b) in enumerate(ways, 1))
    inst = Instrument("mobi", {}, items, constructs, asked)
    ours, text = pls(inst, mobi, bootstrap=0), pls(MODEL, mobi, bootstrap=0, modes={"Value": "B"})
    assert ours.params[text.params.index].to_numpy() == pytest.approx(text.params.to_numpy(), abs=1e-12)
    by_hand = text.importance_performance("Satisfaction", 1, 10)
    pd.testing.assert_frame_equal(ours.importance_performance("Satisfaction"), by_hand)


def test_importance_says_what_is_missing(mobi, fit):
    with pytest.raises(OptionError, match=r"low is not known for IMAG1"):
        fit.importance_performance("Satisfaction")
    with pytest.raises(OptionError, match=r"high is not known for PERV2:"):
        fit.importance_performance("Satisfaction", 1, dict.fromkeys(mobi, 10) | {"PERV2": np.nan})
    with pytest.raises(OptionError, match="Did you mean 'Value'"):
        fit.importance_performance("Valu", 1, 10)
    with pytest.raises(DataError, match="answers beyond the scale"):
        fit.importance_performance("Satisfaction", 1, 7)
    back = pls(MODEL, mobi.assign(PERV2=11 - mobi["PERV2"], IMAG2=11 - mobi["IMAG2"]), bootstrap=0)
    with pytest.warns(AssumptionWarning, match=r"IMAG2 of 'Image'"):
        back.importance_performance("Satisfaction", 1, 10)


TWO = "X =~ x1 + x2 + x3; Y =~ y1 + y2; Y ~ X"


def crowd(n, rng, slopes=(0.5, 0.5), shift=0.0):
    """Two groups of n: answers to items that measure X (loadings 0.8) and Y, with the slope of each group."""
    g = np.repeat([0, 1], n)
    x = rng.normal(size=2 * n)
    b = np.array(slopes)[g]
    y = b * x + np.sqrt(1 - b**2) * rng.normal(size=2 * n) + shift * g
    items = {f"x{i}": 0.8 * x + 0.6 * rng.normal(size=2 * n) for i in (1, 2, 3)}
    items |= {f"y{i}": 0.8 * y + 0.6 * rng.normal(size=2 * n) for i in (1, 2)}
    return pd.DataFrame(items).assign(g=np.where(g, "late", "early"))


def test_groups_that_do_not_differ_are_called_so():
    # 80 tests at 10%: a binomial(80, 0.1) lies in 2 to 16 with probability 0.995
    rng, rejected = np.random.default_rng(21), np.zeros(3)
    for _ in range(80):
        found = pls_groups(TWO, crowd(40, rng), "g", permutations=99, rng=rng)
        rejected[0] += found.paths["pvalue"].iloc[0] <= 0.1
        rejected[1:] += found.micom.loc[1, ["mean_pvalue", "variance_pvalue"]].to_numpy(dtype=float) <= 0.1
    assert (rejected >= 2).all() and (rejected <= 16).all()


def test_groups_that_differ_are_found():
    data = crowd(300, np.random.default_rng(5), slopes=(0.1, 0.7), shift=0.6)
    found = pls_groups(TWO, data, "g", permutations=199, rng=1)
    row = found.paths.iloc[0]
    each = [pls(TWO, data[data["g"] == g], bootstrap=0).params.iloc[0] for g in ("early", "late")]
    assert row[["early", "late"]].to_numpy(dtype=float) == pytest.approx(each, abs=1e-9)
    assert row["difference"] == pytest.approx(each[0] - each[1]) and row["pvalue"] == 1 / 200
    micom = found.micom.set_index("construct")
    assert micom.loc["Y", "invariance"] == "partial" and micom.loc["Y", "mean_pvalue"] == 1 / 200
    assert micom.loc["X", "invariance"] == "full" and micom.loc["X", "correlation"] > 0.99
    both = pls(TWO, data, bootstrap=0).scores.groupby(data["g"])
    gap = both["Y"].mean()["early"] - both["Y"].mean()["late"]
    assert micom.loc["Y", "mean_difference"] == pytest.approx(gap)
    spread = np.log(both["Y"].var())
    assert micom.loc["Y", "variance_difference"] == pytest.approx(spread["early"] - spread["late"])
    assert "early (300), late (300)" in repr(found) and found.fits["late"].n == 300


def test_items_that_mean_something_else_in_a_group_are_found():
    data = crowd(300, np.random.default_rng(6))
    other = data["g"] == "late"
    data.loc[other, "x1"] = np.random.default_rng(7).normal(size=300)
    micom = pls_groups(TWO, data, "g", permutations=199, rng=1).micom.set_index("construct")
    assert micom.loc["X", "invariance"] == "none" and micom.loc["Y", "invariance"] != "none"


def test_groups_that_cannot_be_compared():
    data = crowd(40, np.random.default_rng(1))
    with pytest.raises(DataError, match="Did you mean 'g'|'group'.*it is missing"):
        pls_groups(TWO, data, "group", rng=1)
    with pytest.raises(DataError, match=r"the answers with g = early:\n.*'x2': every answer is the same"):
        pls_groups(TWO, data.assign(x2=data["x2"].where(data["g"] == "late", 3.0)), "g", rng=1)
    apart = pd.DataFrame({"x": [1, 1, -1, -1] * 5, "y": [1, -1, 1, -1] * 5, "g": "a"})  # uncorrelated
    whole = pd.concat([apart, apart.assign(y=apart["x"] + 0.1 * apart["y"], g="b")])
    with pytest.raises(FitError, match=r"g = a: No weights were found"):
        pls_groups("X =~ x; Y =~ y; Y ~ X", whole, "g", rng=1)
    with pytest.raises(OptionError, match="permutations=2.5"):
        pls_groups(TWO, data, "g", permutations=2.5, rng=1)
    with pytest.raises(DataError, match=r"it has 1 values"):
        pls_groups(TWO, data[data["g"] == "late"], "g", rng=1)
    with pytest.raises(OptionError, match="rng=1"):
        pls_groups(TWO, data, "g")


def test_rows_that_groups_leave_out_are_said():
    data = crowd(60, np.random.default_rng(2)).iloc[:90]  # 60 and 30
    gaps = pd.concat([data, data.head(5).assign(g=None), data.tail(3).assign(g=" "), data.head(2).assign(x1=np.nan)])
    found = pls_groups(TWO, gaps, "g", permutations=99, rng=4)
    assert "8 of 100 rows were left out, as 'g' is empty" in found.notes[0] and "2 of 92 rows" in found.notes[1]
    assert found.notes[0] in repr(found) and "early (60), late (30)" in repr(found)
    plain = pls_groups(TWO, data, "g", permutations=99, rng=4)
    pd.testing.assert_frame_equal(found.paths, plain.paths)
    pd.testing.assert_frame_equal(found.micom, plain.micom)
    assert plain.notes == ()
