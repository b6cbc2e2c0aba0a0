"""cfa() and sem() against lavaan 0.6-14 (tests/reference) and against what can be solved by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import multivariate_normal

from crmlab.data.datasets import load_bfi, load_holzinger_swineford, load_political_democracy
from crmlab.survey.invariance import STEPS, compare, invariance
from crmlab.survey.sem import cfa, sem

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "survey_r.json").read_text())
HS = "visual =~ x1+x2+x3; textual =~ x4+x5+x6; speed =~ x7+x8+x9"
PD = """ind60 =~ x1+x2+x3; dem60 =~ y1+y2+y3+y4; dem65 =~ y5+y6+y7+y8; dem60 ~ ind60; dem65 ~ ind60+dem60
y1~~y5; y2~~y4+y6; y3~~y7; y4~~y8; y6~~y8"""
BFI = "A =~ A1+A2+A3+A4+A5; C =~ C1+C2+C3+C4+C5"
X = [f"x{i}" for i in range(1, 10)]

# lavaan stops its search where the parameters still move in the 6th digit; indices depend on them by squares.
ESTIMATE, INDEX = 1e-5, 1e-6


@pytest.fixture(scope="module")
def hs():
    return load_holzinger_swineford()


@pytest.fixture(scope="module")
def pdem():
    return load_political_democracy()


@pytest.fixture(scope="module")
def gaps():
    return pd.read_csv(REFERENCE.parents[1] / "datasets/holzinger_swineford/hs_na.csv")


@pytest.fixture(scope="module")
def fits(hs, pdem, gaps):
    complete = load_bfi().iloc[:, :25].dropna()
    return {
        "hs": cfa(HS, hs), "pd": sem(PD, pdem), "bfi": cfa(BFI, complete), "fiml": cfa(HS, gaps, missing="fiml"),
        "MLM": cfa(HS, hs, estimator="MLM"), "MLR": cfa(HS, hs, estimator="MLR"),
        **{step: cfa(HS, hs, group="school", equal=equal) for step, equal in STEPS.items()},
    }  # fmt: skip


KNOWN = {
    "hs": R["hs_fit"], "pd": R["pd_fit"], "bfi": R["bfi_ml"], "fiml": R["hs_fiml"], "MLM": R["hs_MLM"],
    "MLR": R["hs_MLR"], "configural": R["hs_inv"]["config"],
    **{step: R["hs_inv"][step] for step in ("metric", "scalar", "strict")},
}  # fmt: skip


@pytest.mark.parametrize("which", KNOWN)
def test_every_index_of_fit(fits, which):
    ours = fits[which].fit_indices
    for name, value in KNOWN[which].items():
        assert ours[name] == pytest.approx(value, abs=INDEX, rel=INDEX), name


def test_the_short_list(fits):
    listed = pd.read_csv(REFERENCE / "survey.csv")
    names = {"HS1939 3-factor CFA ML n=301": "hs", "PoliticalDemocracy SEM ML n=75": "pd", "hs_na.csv FIML": "fiml"}
    seen = 0
    for row in listed[listed["data"].isin(names)].itertuples():
        assert fits[names[row.data]].fit_indices[row.quantity] == pytest.approx(row.value, abs=1e-6, rel=1e-6)
        seen += 1
    rows = listed["data"].isin(["HS", "PD"]) & listed["quantity"].str.endswith((" est", " se", " std.all"))
    for row in listed[rows].itertuples():
        name, _, column = row.quantity.rpartition(" ")
        table = fits[row.data.lower()].estimates
        key = (table["lhs"] + table["op"] + table["rhs"]) == name
        assert table.loc[key, column].item() == pytest.approx(row.value, abs=1e-6, rel=ESTIMATE)
        seen += 1
    assert seen > 150


@pytest.mark.parametrize("which", ["hs", "pd", "fiml"])
def test_every_estimate(fits, which):
    ours = fits[which].estimates.set_index(["lhs", "op", "rhs"])
    spread = fits[which].standardized().set_index(["lhs", "op", "rhs"])["se"]
    for row in R[{"hs": "hs_pe", "pd": "pd_pe", "fiml": "hs_fiml_pe"}[which]]:
        key = row["lhs"], row["op"], row["rhs"]
        for column in ("est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std.lv", "std.all"):
            if row[column] is None:
                assert np.isnan(ours.loc[key, column])
            else:
                assert ours.loc[key, column] == pytest.approx(row[column], rel=ESTIMATE, abs=2e-6), (key, column)
        assert spread[key] == pytest.approx(row["std.se"], rel=ESTIMATE, abs=1e-6)


def test_standardised_solution(fits):
    ours = fits["hs"].standardized().set_index(["lhs", "op", "rhs"])
    for row in R["hs_std"]:
        for column in ("est.std", "se", "ci.lower", "ci.upper"):
            known = row[column]
            assert ours.loc[(row["lhs"], row["op"], row["rhs"]), column] == pytest.approx(known, rel=ESTIMATE, abs=1e-6)
    assert fits["pd"].r2.to_dict() == pytest.approx(R["pd_r2"], rel=ESTIMATE)
    assert fits["hs"].latent_correlations.loc["visual", "speed"] == pytest.approx(0.4705349, rel=ESTIMATE)
    loadings = fits["hs"].loadings
    assert loadings.loc["x1", "visual"] == pytest.approx(0.77188042035, rel=ESTIMATE)
    assert (loadings != 0).sum().tolist() == [3, 3, 3]


@pytest.mark.parametrize("estimator", ["MLM", "MLR"])
def test_robust_standard_errors(fits, estimator):
    ours = fits[estimator].estimates.set_index(["lhs", "op", "rhs"])["se"]
    for row, se in zip(R["hs_pe"], R[f"hs_se_{estimator}"], strict=True):
        assert ours[row["lhs"], row["op"], row["rhs"]] == pytest.approx(se, rel=ESTIMATE)


def test_modification_indices(fits):
    ours = fits["hs"].modification_indices()
    for mine, known in zip(ours.head(len(R["hs_mi"])).to_dict("records"), R["hs_mi"], strict=True):
        assert [mine[c] for c in ("lhs", "op", "rhs")] == [known[c] for c in ("lhs", "op", "rhs")]
        for column in ("mi", "epc", "sepc.lv", "sepc.all"):
            assert mine[column] == pytest.approx(known[column], rel=ESTIMATE)
    assert len(ours) == 2 * 9 + 9 * 8 / 2  # cross-loadings and residual covariances, nothing else
    assert fits["hs"].modification_indices(minimum=10)["mi"].min() > 10


def test_invariance_table(hs):
    table = invariance(HS, hs, "school")
    assert table["chisq_diff"].iloc[1:].to_numpy() == pytest.approx(np.diff(table["chisq"]), abs=1e-9)
    assert table["df_diff"].tolist()[1:] == [6, 6, 9]
    assert table["pvalue_diff"]["metric"] == pytest.approx(0.2244, abs=1e-4)  # chi-square 8.192 on 6
    scaled = invariance(HS, hs, "school", estimator="MLR", steps=("configural", "metric"))
    assert scaled.loc["metric", "chisq"] != pytest.approx(table.loc["metric", "chisq"], rel=1e-3)


def test_three_items_by_hand():
    # cov_12 = l2 phi, cov_13 = l3 phi, cov_23 = l2 l3 phi: l2 = c23/c13, l3 = c23/c12, phi = c12 c13 / c23
    cov = np.array([[2.0, 0.6, 0.8], [0.6, 1.5, 0.48], [0.8, 0.48, 1.0]])
    raw = np.random.default_rng(1).normal(size=(50, 3))
    raw -= raw.mean(axis=0)
    y = raw @ np.linalg.inv(np.linalg.cholesky(raw.T @ raw / 50)).T @ np.linalg.cholesky(cov).T
    fit = cfa("f =~ a + b + c", pd.DataFrame(y, columns=list("abc")))
    values = {"f=~b": 0.6, "f=~c": 0.8, "a~~a": 1.0, "b~~b": 1.14, "c~~c": 0.36, "f~~f": 1.0}
    assert fit.params.to_dict() == pytest.approx(values, abs=1e-6)
    assert fit.fit_indices["chisq"] == 0 and fit.fit_indices["df"] == 0
    assert fit.loglik == pytest.approx(-25 * (3 * math.log(2 * math.pi) + math.log(np.linalg.det(cov)) + 3))


def test_units_change_nothing_standardised(hs, fits):
    units = np.array([1e-3, 7, 100, 1, 0.2, 3, 1e4, 1, 5])
    scaled = cfa(HS, hs[X] * units + 12)
    assert scaled.fit_indices["chisq"] == pytest.approx(fits["hs"].fit_indices["chisq"], rel=1e-8)
    ours, theirs = scaled.standardized(), fits["hs"].standardized()
    for column in ("est.std", "se"):
        assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), abs=1e-6)


def test_two_equal_halves_are_one_group_twice(hs):
    both = pd.concat([hs.assign(half="a"), hs.assign(half="b")])
    one, two = cfa(HS, hs, meanstructure=True), cfa(HS, both, group="half")
    assert two.groups == ("a", "b")
    k = len(one.params)
    assert two.params.to_numpy() == pytest.approx(np.tile(one.params.to_numpy(), 2), abs=1e-8)
    assert two.se.to_numpy()[:k] == pytest.approx(one.se.to_numpy(), rel=1e-6)
    assert two.fit_indices["chisq"] == pytest.approx(2 * one.fit_indices["chisq"], rel=1e-9)
    shared = cfa(HS, both, group="half", equal=STEPS["strict"])
    assert shared.fit_indices["chisq"] == pytest.approx(two.fit_indices["chisq"], rel=1e-9)
    assert two.loadings.loc["b"].to_numpy() == pytest.approx(one.loadings.to_numpy(), abs=1e-8)


def test_regression_is_least_squares(hs):
    # observed predictors only: ML is least squares, its standard errors have n instead of n - k
    fit = sem("x1 ~ x2 + x3; x4 ~ x1", hs)
    first = sm.OLS(hs["x1"], sm.add_constant(hs[["x2", "x3"]])).fit()
    second = sm.OLS(hs["x4"], sm.add_constant(hs["x1"])).fit()
    names = ["x1~x2", "x1~x3"]
    assert fit.params[names].to_numpy() == pytest.approx(first.params[1:].to_numpy(), rel=1e-8)
    assert fit.se[names].to_numpy() == pytest.approx(first.bse[1:].to_numpy() * math.sqrt(298 / 301), rel=1e-6)
    assert fit.loglik == pytest.approx(first.llf + second.llf, rel=1e-10)
    assert fit.fit_indices[["npar", "df"]].tolist() == [5, 2]
    assert fit.r2["x1"] == pytest.approx(first.rsquared, rel=1e-8)


def test_gaps_have_the_likelihood_of_what_is_there(gaps, fits):
    fit = fits["fiml"]
    model, theta = fit.fitted.model, fit.fitted.solution.theta
    Sigma, mu = model.implied(theta)
    total = 0.0
    for row in gaps[X].to_numpy():
        seen = ~np.isnan(row)
        if seen.any():
            total += multivariate_normal(mu[seen], Sigma[np.ix_(seen, seen)]).logpdf(row[seen])
    assert fit.loglik == pytest.approx(total, rel=1e-10)
    assert any("FIML" in note for note in fit.notes)


def test_complete_answers_need_no_fiml(hs, fits):
    fit = cfa(HS, hs, missing="fiml")
    assert fit.params[fits["hs"].params.index].to_numpy() == pytest.approx(fits["hs"].params.to_numpy(), abs=1e-8)
    assert fit.fit_indices["chisq"] == pytest.approx(fits["hs"].fit_indices["chisq"], rel=1e-9)


def test_one_gap_changes_robust_tests_little(hs, fits):
    # the code for gaps is another than that for complete answers; with one gap in 2,709 both must nearly agree
    one = hs.copy()
    one.loc[0, "x1"] = np.nan
    fit = cfa(HS, one, missing="fiml", estimator="MLR")
    known = fits["MLR"].fit_indices
    for name in ("chisq.scaled", "chisq.scaling.factor", "baseline.chisq.scaled", "cfi.robust", "rmsea.robust"):
        assert fit.fit_indices[name] == pytest.approx(known[name], rel=0.01), name
    assert fit.se[fits["MLR"].params.index].to_numpy() == pytest.approx(fits["MLR"].se.to_numpy(), rel=0.1)


def test_second_order_of_three_is_the_same_model(hs, fits):
    fit = cfa(HS + "; ability =~ visual + textual + speed", hs)
    assert fit.fit_indices[["chisq", "df"]].tolist() == pytest.approx([85.30552177, 24], rel=1e-6)
    assert fit.measurement == fits["hs"].measurement
    paths = fit.estimates.query("lhs == 'ability' and op == '=~'").set_index("rhs")["std.all"]
    known = fits["hs"].latent_correlations
    assert paths["visual"] * paths["speed"] == pytest.approx(known.loc["visual", "speed"], rel=1e-5)


def test_scaling_by_variance_is_the_same_model(hs, fits):
    fit = cfa(HS, hs, std_lv=True)
    assert fit.fit_indices["chisq"] == pytest.approx(fits["hs"].fit_indices["chisq"], rel=1e-9)
    assert fit.params["visual=~x1"] == pytest.approx(0.89961990923, rel=ESTIMATE)  # std.lv of lavaan


def test_labels_and_constraints(hs):
    shared = cfa("visual =~ x1 + a*x2 + a*x3; textual =~ x4 + x5 + x6", hs)
    written = cfa("visual =~ x1 + a*x2 + b*x3; textual =~ x4 + x5 + x6; a == b", hs)
    double = cfa("visual =~ x1 + a*x2 + b*x3; textual =~ x4 + x5 + x6; b == 2*a - 0.25", hs)
    assert written.fit_indices["chisq"] == pytest.approx(shared.fit_indices["chisq"], rel=1e-9)
    assert shared.fit_indices["df"] == written.fit_indices["df"] == 9
    values = double.estimates.set_index("label")["est"]
    assert values["b"] == pytest.approx(2 * values["a"] - 0.25, rel=1e-12)
    free = cfa("visual =~ x1 + a*x2 + b*x3; textual =~ x4 + x5 + x6; gap := b - a", hs)
    gap = free.estimates.query("op == ':='").iloc[0]
    cov = free.cov.loc[["a", "b"], ["a", "b"]].to_numpy()
    assert gap["se"] == pytest.approx(math.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]), rel=1e-9)
    # the Wald and the likelihood ratio test of a == b agree in large samples only: 301 answers, not far from 0
    assert compare(shared, free)["chisq_diff"] == pytest.approx(gap["z"] ** 2, rel=0.25)


def test_labels_by_group(hs):
    fit = cfa("visual =~ x1 + c(a, b)*x2 + x3; gap := a - b", hs, group="school")
    same = cfa("visual =~ x1 + c(a, a)*x2 + x3", hs, group="school")
    table = fit.estimates
    assert table.query("rhs == 'x2' and op == '=~'")["label"].tolist() == ["a", "b"]
    assert compare(same, fit)["df_diff"] == 1


def test_comparison_with_a_saturated_model_is_the_test_itself(hs):
    wide = cfa("f =~ x1 + x2 + x3", hs, estimator="MLM")
    narrow = cfa("f =~ x1 + a*x2 + a*x3; x1 ~~ r*x1; x2 ~~ r*x2", hs, estimator="MLM")
    found = compare(narrow, wide)
    assert found["chisq_diff"] == pytest.approx(narrow.fit_indices["chisq.scaled"], rel=1e-9)
    assert found["pvalue"] == pytest.approx(narrow.fit_indices["pvalue.scaled"], rel=1e-6)


def test_effects_by_the_rules_of_paths(fits, pdem):
    fit = fits["pd"]
    table = fit.effects().set_index(["kind", "from", "to"])
    a, b, c = (fit.params[name] for name in ("dem60~ind60", "dem65~dem60", "dem65~ind60"))
    indirect, total = (table.loc[(kind, "ind60", "dem65")] for kind in ("indirect", "total"))
    assert indirect["est"] == pytest.approx(a * b, rel=1e-12) and indirect["through"] == "dem60"
    assert total["est"] == pytest.approx(a * b + c, rel=1e-12)
    names = ["dem60~ind60", "dem65~dem60", "dem65~ind60"]
    cov = fit.cov.loc[names, names].to_numpy()
    assert indirect["se"] == pytest.approx(math.sqrt(np.array([b, a, 0]) @ cov @ [b, a, 0]), rel=1e-9)  # Sobel (1982)
    assert total["se"] == pytest.approx(math.sqrt(np.array([b, a, 1]) @ cov @ [b, a, 1]), rel=1e-9)
    assert indirect["std"] == pytest.approx(0.44671298078 * 0.88522897088, rel=ESTIMATE)  # lavaan's std.all
    labelled = PD.replace("dem60 ~ ind60", "dem60 ~ a*ind60").replace("ind60+dem60", "ind60+b*dem60")
    defined = sem(labelled + "; ab := a*b", pdem).estimates.iloc[-1]
    known = [indirect[name] for name in ("est", "se", "std")]
    assert [defined[name] for name in ("est", "se", "std.all")] == pytest.approx(known, rel=1e-9)


def test_factor_scores(fits, hs, gaps):
    fit = fits["hs"]
    scores = fit.scores()
    A, S, _ = fit.fitted.model.matrices(fit.fitted.solution.theta)
    L, Phi, Theta = A[:9, 9:], S[9:, 9:], S[:9, :9]
    centred = hs[X].to_numpy() - hs[X].mean().to_numpy()
    # the same by Bayes' rule: precision of the prior plus that of the items
    posterior = np.linalg.inv(np.linalg.inv(Phi) + L.T @ np.linalg.inv(Theta) @ L)
    assert scores.to_numpy() == pytest.approx(centred @ np.linalg.inv(Theta) @ L @ posterior, abs=1e-9)
    part = fits["fiml"].scores()
    assert part.index.equals(gaps.index) and part.notna().all(axis=None)
    assert np.corrcoef(part["textual"], scores["textual"])[0, 1] > 0.95


def test_residuals(fits, hs):
    fit = fits["hs"]
    S = np.cov(hs[X].to_numpy().T, ddof=0)
    Sigma = fit.fitted.model.implied(fit.fitted.solution.theta)[0]
    assert fit.residuals().to_numpy() == pytest.approx(S - Sigma, abs=1e-12)
    cor = fit.residuals("cor")
    assert cor.loc["x7", "x8"] == pytest.approx(hs[["x7", "x8"]].corr().iloc[0, 1] - 0.569515 * 0.723044, abs=1e-5)
    strange = fit.residuals("standardized")
    assert strange.abs().stack().idxmax() == ("x7", "x8") and strange.loc["x7", "x8"] > 4


def test_result_reads_well(fits):
    text = str(fits["MLR"].summary())
    assert "scaled:     87.132   df: 24   p < .001" in text and "visual =~ x2" in text
    assert "RMSEA: 0.035 [0.000, 0.092]" in fits["pd"].summary()
    assert "Group Pasteur" in fits["scalar"].summary(level=0.9) and "95%" in fits["scalar"].summary(level=0.9)
    assert fits["hs"].tidy().shape == (21, 5) and fits["hs"].aic == pytest.approx(7517.4898532524)
    before, given = fits["hs"].estimates, fits["hs"].estimates
    given["est"] = 0.0
    assert fits["hs"].estimates.equals(before)
