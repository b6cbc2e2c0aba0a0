"""PLS estimates: numbers of R's seminr 2.3.1 on mobi, populations known exactly, regressions that PLS reduces to."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.outliers_influence import variance_inflation_factor

from crmlab.survey.pls import pls
from crmlab.survey.validity import fornell_larcker, htmt

MOBI = """
    Image =~ IMAG1 + IMAG2 + IMAG3 + IMAG4 + IMAG5
    Expectation =~ CUEX1 + CUEX2 + CUEX3
    Quality =~ PERQ1 + PERQ2 + PERQ3 + PERQ4 + PERQ5 + PERQ6 + PERQ7
    Value =~ PERV1 + PERV2
    Satisfaction =~ CUSA1 + CUSA2 + CUSA3
    Complaints =~ CUSCO
    Loyalty =~ CUSL1 + CUSL2 + CUSL3
    Expectation ~ Image
    Quality ~ Expectation
    Value ~ Expectation + Quality
    Satisfaction ~ Image + Expectation + Quality + Value
    Complaints ~ Satisfaction
    Loyalty ~ Image + Satisfaction + Complaints
"""
EXACT = {"abs": 1e-6, "rel": 1e-6}  # both programs stop when weights move less than 1e-7


def matrix(rows):
    """A reference table as a DataFrame; R leaves out cells that do not apply."""
    return pd.DataFrame(rows).set_index("_row").astype(float)


@pytest.fixture(scope="module")
def ecsi(mobi):
    return pls(MOBI, mobi, bootstrap=0)


@pytest.fixture(scope="module")
def ecsi_c(mobi):
    return pls(MOBI, mobi, bootstrap=0, consistent=True)


def square(fit, table, value):
    """A long table (from, to, value) as a matrix of constructs with 0 elsewhere."""
    names = list(fit.measurement)
    return table.pivot(index="from", columns="to", values=value).reindex(index=names, columns=names).fillna(0)


def same(ours, theirs):
    assert ours.loc[theirs.index, theirs.columns].to_numpy() == pytest.approx(theirs.to_numpy(), nan_ok=True, **EXACT)


@pytest.mark.parametrize("which", ["path_weighting", "plsc"])
def test_paths_reliability_and_loadings_of_seminr(which, pls_tables, ecsi, ecsi_c):
    fit, theirs = (ecsi if which == "path_weighting" else ecsi_c), pls_tables[which]
    same(square(fit, fit.paths, "est"), matrix(theirs["path_coef"]))
    same(fit.r2.T.rename({"r2": "R^2", "r2_adj": "AdjR^2"}), matrix(theirs["paths"]).loc[["R^2", "AdjR^2"]])
    same(square(fit, fit.paths, "est").replace(0, np.nan), matrix(theirs["paths"]).drop(["R^2", "AdjR^2"]))
    names = {"rho_a": "rhoA", "rho_c": "rhoC", "ave": "AVE"}
    same(fit.reliability.rename(columns=names), matrix(theirs["rel"]))
    same(fit.loadings, matrix(theirs["loadings"]))


def test_everything_else_of_seminr(pls_tables, ecsi):
    theirs = pls_tables["path_weighting"]
    same(ecsi.weights, matrix(theirs["weights"]))
    same(square(ecsi, ecsi.f2, "f2"), matrix(theirs["f2"]))
    same(square(ecsi, ecsi.total_effects, "est"), matrix(theirs["total"]))
    same(ecsi.r2[["aic", "bic"]].T.rename(str.upper), matrix(theirs["itc"]))
    same(ecsi.r2[["r2", "r2_adj"]].T.rename({"r2": "Rsq", "r2_adj": "AdjRsq"}), matrix(theirs["rsq"]))
    for name, values in theirs["vif_items"].items():
        ours = ecsi.item_vif.set_index("construct").loc[[name], "vif"]
        assert ours.to_numpy() == pytest.approx(np.atleast_1d(values), **EXACT)
    for name, values in theirs["vif_ant"].items():  # seminr gives none for a single cause, where it is 1
        causes = [c for c in ecsi.measurement if c in set(ecsi.paths.loc[ecsi.paths["to"] == name, "from"])]
        ours = ecsi.vif[ecsi.vif["to"] == name].set_index("from").loc[causes, "vif"]
        assert ours.to_numpy() == pytest.approx(np.atleast_1d(1 if values is None else values), **EXACT)
    assert ecsi.iterations == theirs["iter"] + 1  # seminr counts from 0


def test_validity_of_seminr(pls_tables, mobi, ecsi):
    names = list(ecsi.measurement)
    ours = fornell_larcker(ecsi).loc[names, names]
    same(ours, matrix(pls_tables["path_weighting"]["fl"]))
    below = htmt(mobi, ecsi.measurement).where(np.tri(7, k=-1, dtype=bool))
    same(below, matrix(pls_tables["path_weighting"]["htmt"]))
    long = ecsi.htmt.pivot(index="construct", columns="other", values="est").reindex(index=names, columns=names)
    same(long, matrix(pls_tables["path_weighting"]["htmt"]))


def test_short_list_of_seminr(reference, ecsi):
    rows = {quantity: value for (data, quantity), value in reference.items() if data == "mobi ECSI PLS"}
    assert len(rows) == 46
    f2 = ecsi.f2.set_index(["from", "to"])["f2"]
    column = {"alpha": "alpha", "rhoC": "rho_c", "AVE": "ave", "rhoA": "rho_a"}
    for quantity, value in rows.items():
        kind, name = quantity.split(" ")
        if kind == "R2":
            ours = ecsi.r2.loc[name, "r2"]
        elif kind == "f2":
            ours = f2[tuple(name.split("->"))]
        else:
            ours = ecsi.reliability.loc[name, column[kind]]
        assert ours == pytest.approx(value, **EXACT), quantity


def exact(corr, names, n=200, seed=0):
    """Data whose sample correlations are `corr` to rounding."""
    x = np.random.default_rng(seed).normal(size=(n, len(corr)))
    x -= x.mean(axis=0)
    q, _ = np.linalg.qr(x)
    return pd.DataFrame(q @ np.linalg.cholesky(corr).T * np.sqrt(n - 1), columns=names)


def population(blocks, phi, within, common=False):
    """Correlations of items with composites (or common factors) that correlate as `phi`; and their loadings.

    `blocks` are weights (or loadings of factors); items of a composite correlate as `within` among each other.
    """
    loads = []
    for w in blocks:
        r = within * np.ones((len(w), len(w))) + (1 - within) * np.eye(len(w))
        loads.append(np.array(w) if common else r @ w / np.sqrt(w @ r @ w))
    corr = np.block([[np.outer(a, b) * phi[i, j] for j, b in enumerate(loads)] for i, a in enumerate(loads)])
    at = 0
    for w in blocks:
        own = slice(at, at := at + len(w))
        if not common:
            corr[own, own] = within
    np.fill_diagonal(corr, 1)
    return corr, loads


PHI = np.array([[1, 0.3, 0.47], [0.3, 1, 0.52], [0.47, 0.52, 1]])
PATHS = np.array([0.47 - 0.3 * 0.52, 0.52 - 0.3 * 0.47]) / (1 - 0.09)  # of the third on the first two
NAMES = [f"{block}{i}" for block in "abc" for i in range(1, 4)]
TEXT = "A {op} a1 + a2 + a3\nB {op} b1 + b2 + b3\nC {op} c1 + c2 + c3\nC ~ A + B"


@pytest.mark.parametrize("scheme", ["path", "factorial"])
def test_mode_b_finds_the_weights_of_composites(scheme):
    weights = [np.array(w) for w in ([0.6, 0.3, 0.5], [0.2, 0.9, 0.1], [0.4, 0.4, 0.5])]
    corr, loads = population(weights, PHI, 0.4)
    fit = pls(TEXT.format(op="<~"), exact(corr, NAMES), scheme=scheme, bootstrap=0)
    r = np.full((3, 3), 0.4) + 0.6 * np.eye(3)
    for name, w, load in zip("ABC", weights, loads, strict=True):
        own = [item for item in NAMES if item.startswith(name.lower())]
        assert fit.weights.loc[own, name].to_numpy() == pytest.approx(w / np.sqrt(w @ r @ w), abs=1e-7)
        assert fit.loadings.loc[own, name].to_numpy() == pytest.approx(load, abs=1e-7)
    assert fit.params.to_numpy() == pytest.approx(PATHS, abs=1e-7)
    assert fit.construct_correlations.to_numpy() == pytest.approx(PHI, abs=1e-7)
    assert fit.srmr < 1e-7  # the composite model holds exactly
    assert fit.reliability.isna().all(axis=None)
    assert fit.r2.loc["C", "r2"] == pytest.approx(PATHS @ PHI[:2, 2], abs=1e-7)


def test_mode_a_of_composites_weighs_by_loadings():
    # items correlate with other scores in proportion to their loadings, and mode A's weights are these correlations
    corr, loads = population([np.array([0.6, 0.3, 0.5])] * 3, PHI, 0.4)
    fit = pls(TEXT.format(op="=~"), exact(corr, NAMES), bootstrap=0)
    ours = fit.weights.loc[["a1", "a2", "a3"], "A"]
    assert (ours / ours["a1"]).to_numpy() == pytest.approx(loads[0] / loads[0][0], abs=1e-6)
    mixed = pls(TEXT.format(op="=~"), exact(corr, NAMES), bootstrap=0, modes=dict.fromkeys("ABC", "B"))
    assert mixed.params.to_numpy() == pytest.approx(PATHS, abs=1e-7)


def test_plsc_finds_the_paths_of_common_factors():
    loadings = [np.array(one) for one in ([0.8, 0.7, 0.6], [0.9, 0.5, 0.7], [0.75, 0.85, 0.65])]
    corr, _ = population(loadings, PHI, 0, common=True)
    data = exact(corr, NAMES)
    fit = pls(TEXT.format(op="=~"), data, consistent=True, bootstrap=0)
    assert fit.params.to_numpy() == pytest.approx(PATHS, abs=1e-6)
    assert fit.loadings.to_numpy()[:3, 0] == pytest.approx(loadings[0], abs=1e-6)
    assert fit.reliability.loc["A", "ave"] == pytest.approx((loadings[0] ** 2).mean(), abs=1e-6)
    assert fit.srmr < 1e-6
    plain = pls(TEXT.format(op="=~"), data, bootstrap=0)
    assert (plain.params.to_numpy() < fit.params.to_numpy() - 0.02).all()  # attenuated


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(3)
    x, m = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 300).T
    y = 0.4 * x + 0.3 * m + 0.25 * x * m + rng.normal(0, 0.8, 300)
    return pd.DataFrame({"x": 3 + x, "m": 10 * m, "y": 5 - 2 * y})


SINGLE = "X =~ x; M =~ m; Y =~ y; Y ~ X + M"


def test_single_items_are_a_regression(people):
    fit = pls(SINGLE, people, bootstrap=0)
    z = (people - people.mean()) / people.std()
    ols = sm.OLS(z["y"], sm.add_constant(z[["x", "m"]])).fit()
    assert fit.params.to_numpy() == pytest.approx(ols.params[["x", "m"]].to_numpy(), abs=1e-12)
    assert fit.r2.loc["Y", ["r2", "r2_adj"]].to_numpy() == pytest.approx([ols.rsquared, ols.rsquared_adj], abs=1e-12)
    assert fit.scores[["X", "M", "Y"]].to_numpy() == pytest.approx(z.to_numpy(), abs=1e-12)
    consistent = pls(SINGLE, people, bootstrap=0, consistent=True)
    assert consistent.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-12)


def test_moderation_is_a_regression_on_the_product(people):
    fit = pls(SINGLE + " + X:M", people, bootstrap=400, rng=5)
    z = (people - people.mean()) / people.std()
    design = sm.add_constant(z[["x", "m"]].assign(xm=z["x"] * z["m"]))
    ols = sm.OLS(z["y"], design).fit()
    assert fit.params.to_numpy() == pytest.approx(ols.params[["x", "m", "xm"]].to_numpy(), abs=1e-12)
    slopes = fit.simple_slopes()
    for at, est, se in slopes[["at", "est", "se"]].itertuples(index=False):
        test = ols.get_robustcov_results("HC3").t_test([0, 1, 0, at])
        assert est == pytest.approx(test.effect[0], abs=1e-12)
        assert se == pytest.approx(test.sd[0, 0], rel=0.15)  # 400 draws: 3.5%; HC3 is itself estimated
    one_sd = fit.params["Y~X"] + fit.params["Y~X:M"]
    assert slopes["est"].iloc[2] == pytest.approx(one_sd, abs=1e-12)
    assert fit.f2.set_index("from")["f2"]["X:M"] == pytest.approx(
        (ols.rsquared - sm.OLS(z["y"], design.drop(columns="xm")).fit().rsquared) / (1 - ols.rsquared), abs=1e-10
    )


def test_second_order_is_two_models_one_after_the_other(mobi, ecsi):
    head = [line for line in MOBI.strip().splitlines() if "=~" in line]
    two = "\n".join([*head, "Whole <~ Image + Quality + Value", "Satisfaction ~ Expectation + Whole"])
    two += "\nLoyalty ~ Satisfaction + Whole; Complaints ~ Satisfaction"
    fit = pls(two, mobi, bootstrap=0)
    one = "\n".join([*head, "Satisfaction ~ Expectation + Image + Quality + Value"])
    one += "\nLoyalty ~ Satisfaction + Image + Quality + Value; Complaints ~ Satisfaction"
    first = pls(one, mobi, bootstrap=0)
    parts = first.scores[["Image", "Quality", "Value"]].add_prefix("score_")
    keep = [line for line in head if line.split()[0] not in ("Image", "Quality", "Value")]
    again = "\n".join([*keep, "Whole <~ score_Image + score_Quality + score_Value", *two.split("\n")[-2:]])
    second = pls(again, mobi.join(parts), bootstrap=0)
    assert fit.params.to_numpy() == pytest.approx(second.params.to_numpy(), abs=1e-9)
    ours = fit.weights.loc[["Image", "Quality", "Value"], "Whole"].to_numpy()
    assert ours == pytest.approx(second.weights.loc[list(parts), "Whole"].to_numpy(), abs=1e-9)
    assert fit.weights.loc["IMAG1", "Image"] == pytest.approx(first.weights.loc["IMAG1", "Image"], abs=1e-9)
    assert fit.scores["Whole"].to_numpy() == pytest.approx(second.scores["Whole"].to_numpy(), abs=1e-9)
    assert fit.srmr == pytest.approx(second.srmr, abs=1e-9)


def test_moderated_mediation_is_a_regression_on_scores_of_the_main_effects(mobi):
    text = MOBI + "    Satisfaction ~ Image:Quality\n"
    fit, scores = pls(text, mobi, bootstrap=0), pls(MOBI, mobi, bootstrap=0).scores
    causes = ["Image", "Expectation", "Quality", "Value", "Image:Quality"]
    design = sm.add_constant(scores.assign(**{"Image:Quality": scores["Image"] * scores["Quality"]})[causes])
    ols = sm.OLS(scores["Satisfaction"], design).fit()
    ours = fit.params[[f"Satisfaction~{cause}" for cause in causes]]
    assert ours.to_numpy() == pytest.approx(ols.params[causes].to_numpy(), abs=1e-10)
    assert fit.r2.loc["Satisfaction", "r2_adj"] == pytest.approx(ols.rsquared_adj, abs=1e-10)
    inflation = [variance_inflation_factor(design.to_numpy(), i) for i in range(1, 6)]
    vif = fit.vif[fit.vif["to"] == "Satisfaction"].set_index("from").loc[causes, "vif"]
    assert vif.to_numpy() == pytest.approx(inflation, abs=1e-10)
    index = fit.indirect_effects.set_index(["from", "to", "through"])["est"]
    by_hand = fit.params["Satisfaction~Image:Quality"] * fit.params["Loyalty~Satisfaction"]
    assert index["Image:Quality", "Loyalty", "Satisfaction"] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Satisfaction ~ Image + Quality; Loyalty ~ Satisfaction + Image", "Image"),
        ("Whole <~ Image + Quality; Satisfaction ~ Whole; Loyalty ~ Satisfaction + Whole", "Whole"),
        ("Satisfaction ~ Image + Quality + Image:Quality; Loyalty ~ Satisfaction + Image", "Image"),
    ],
    ids=["first order", "second order", "moderation"],
)
def test_f2_is_that_of_the_model_without_the_path(mobi, text, path):
    head = "\n".join(
        line for line in MOBI.splitlines() if line.strip().startswith(("Im", "Q", "S", "L")) and "=" in line
    )
    full = pls(f"{head}\n{text}", mobi, bootstrap=0, modes={"Image": "B"})
    less = pls(f"{head}\n{text.removesuffix(f' + {path}')}", mobi, bootstrap=0, modes={"Image": "B"})
    r2, without = full.r2.loc["Loyalty", "r2"], less.r2.loc["Loyalty", "r2"]
    assert full.f2.set_index(["from", "to"]).loc[(path, "Loyalty"), "f2"] == pytest.approx((r2 - without) / (1 - r2))


def test_what_is_explained_in_full(mobi):
    fit = pls("A =~ IMAG1; B =~ twice; B ~ A", mobi.assign(twice=2.5 * mobi["IMAG1"] - 1), bootstrap=100, rng=1)
    assert fit.f2["f2"].tolist() == [np.inf] and fit.r2.loc["B", "r2"] == pytest.approx(1)
    assert np.isnan(fit.paths.loc[0, "t"]) and fit.paths.loc[0, "low_bca"] == pytest.approx(1)


def test_effects_are_products_and_sums_of_paths(ecsi):
    b = ecsi.params
    chains = ecsi.indirect_effects.set_index(["from", "to", "through"])["est"]
    by_hand = b["Expectation~Image"] * b["Quality~Expectation"] * b["Satisfaction~Quality"]
    assert chains["Image", "Satisfaction", "Expectation -> Quality"] == pytest.approx(by_hand, abs=1e-12)
    table = ecsi.effects()
    sums = table[table["kind"] != "total"].groupby(["from", "to"])["est"].sum()
    totals = table[table["kind"] == "total"].set_index(["from", "to"])["est"]
    assert totals.sort_index().to_numpy() == pytest.approx(sums.sort_index().to_numpy(), abs=1e-12)


def test_srmr_by_hand(mobi, ecsi):
    items = [item for block in ecsi.measurement.values() for item in block]
    corr, load = mobi[items].corr().to_numpy(), ecsi.loadings.loc[items].to_numpy()
    implied = load @ ecsi.construct_correlations.to_numpy() @ load.T
    own = (load != 0).astype(float)
    implied = np.where(own @ own.T > 0, corr, implied)
    lower = np.tril_indices(len(items))
    by_hand = np.sqrt(((corr - implied)[lower] ** 2).mean())
    assert ecsi.fit_indices["srmr_saturated"] == pytest.approx(by_hand, abs=1e-12)
    assert ecsi.srmr > by_hand


def test_units_and_directions_do_not_matter(mobi, ecsi):
    turned = mobi * 7 - 3
    turned[["IMAG1", "IMAG2", "IMAG3", "IMAG4", "IMAG5"]] *= -1
    fit = pls(MOBI, turned, bootstrap=0)
    assert fit.params.drop(["Expectation~Image", "Satisfaction~Image", "Loyalty~Image"]).to_numpy() == pytest.approx(
        ecsi.params.drop(["Expectation~Image", "Satisfaction~Image", "Loyalty~Image"]).to_numpy(), abs=1e-9
    )
    assert fit.params["Loyalty~Image"] == pytest.approx(-ecsi.params["Loyalty~Image"], abs=1e-9)
    assert (fit.loadings.sum() > 0).all()  # signs follow the items: a score is high where they are high


def test_tables_and_cross_loadings_are_of_scores(mobi, ecsi):
    together = mobi.join(ecsi.scores).corr()
    names, items = list(ecsi.measurement), list(ecsi.loadings.index)
    assert ecsi.cross_loadings.to_numpy() == pytest.approx(together.loc[items, names].to_numpy(), abs=1e-10)
    assert ecsi.construct_correlations.to_numpy() == pytest.approx(together.loc[names, names].to_numpy(), abs=1e-10)
    assert ecsi.outer("weights")["est"].to_numpy() == pytest.approx(ecsi.weights.to_numpy()[ecsi.weights != 0])
    assert "Loyalty~Image" in str(ecsi) and "answers: 250" in str(ecsi)


def test_rows_with_gaps_are_left_out_and_said(mobi):
    gaps = mobi.astype(float)
    gaps.iloc[[3, 17], [0, 5]] = np.nan
    fit = pls(MOBI, gaps, bootstrap=0)
    whole = pls(MOBI, gaps.dropna(), bootstrap=0)
    assert fit.n == 248 and "2 of 250 rows" in fit.notes[0]
    assert fit.params.to_numpy() == pytest.approx(whole.params.to_numpy(), abs=1e-12)
    assert list(fit.scores.index) == list(gaps.dropna().index)
