"""WLSMV: lavaan's numbers on bfi, known truth in simulation, what must not change the result, bad input."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.survey.model import Model
from crmlab.survey.ordinal import ordinal_moments, polychoric
from crmlab.survey.partable import build
from crmlab.survey.sem import cfa, sem
from crmlab.survey.syntax import parse
from crmlab.survey.wlsmv import Moments

AC = "A =~ A1+A2+A3+A4+A5; C =~ C1+C2+C3+C4+C5"
TWO = "f =~ a1+a2+a3; g =~ b1+b2+b3"
ITEMS = ["a1", "a2", "a3", "b1", "b2", "b3"]
LOADING = np.array([0.8, 0.7, 0.6, 0.75, 0.65, 0.55])
CUTS = ([-0.8, 0.0, 0.9], [0.2], [-1.2, -0.4, 0.4, 1.2], [-0.5, 0.5], [-1.0, 0.3], [-0.3, 0.2, 1.0])


def known_answers(n, seed):
    """Six items of 2 to 5 categories cut from two factors that correlate 0.4."""
    rng = np.random.default_rng(seed)
    factors = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)[:, [0, 0, 0, 1, 1, 1]]
    latent = LOADING * factors + np.sqrt(1 - LOADING**2) * rng.standard_normal((n, 6))
    codes = [np.searchsorted(cuts, x) + 1.0 for cuts, x in zip(CUTS, latent.T, strict=True)]
    return pd.DataFrame(dict(zip(ITEMS, codes, strict=True)))


@pytest.fixture(scope="module")
def fit(bfi):
    return cfa(AC, bfi, estimator="WLSMV")


def test_fit_indices_of_lavaan(fit, r_tables):
    # lavaan's search ends 3e-6 above our chi-square of 407; the rest follows from that
    for name, value in r_tables["bfi_wlsmv"].items():
        assert fit.fit_indices[name] == pytest.approx(value, rel=1e-7, abs=1e-15), name


def test_parameter_table_of_lavaan(fit, r_tables):
    # estimates agree to lavaan's convergence (1e-6); it prints scales (~*~) and item means (~1), which are fixed
    keys = ["lhs", "op", "rhs"]
    table = pd.DataFrame(r_tables["bfi_wlsmv_pe"]).query("op not in ('~*~', '~1')").set_index(keys)
    ours = fit.estimates.set_index(keys)
    ours = ours.loc[table.index]
    for column in ("est", "se", "ci.lower", "ci.upper", "std.lv", "std.all"):
        assert ours[column].to_numpy() == pytest.approx(table[column].to_numpy(dtype=float), rel=2e-6), column
    errors = fit.standardized().set_index(keys).loc[table.index, "se"].to_numpy()
    assert errors == pytest.approx(table["std.se"].to_numpy(), rel=2e-6, abs=1e-9)


@pytest.mark.parametrize(
    "model", [TWO + "; g ~ f", TWO + "; a1 ~~ b1; a2 ~~ a3", "f =~ a1+a2+a3; g =~ b1+b2; h =~ f + g + b3"]
)
def test_derivatives(model):
    table = known_answers(200, 1)
    terms = parse(model)
    names = list(build(terms).observed)
    found = ordinal_moments(table[names].to_numpy(), names)
    ordered = dict(zip(names, np.bincount(found.owner).tolist(), strict=True))
    moments = Moments(Model(build(terms, ordered=ordered)), [found])
    theta = moments.begin() + 0.05
    for k, column in enumerate(moments.jacobian(theta).T):
        step = 1e-6 * np.eye(len(theta))[k]
        numeric = (moments.implied(theta + step) - moments.implied(theta - step)) / 2e-6
        assert column == pytest.approx(numeric, abs=1e-8)


def test_loadings_are_recovered():
    fit = cfa(TWO, known_answers(4000, 3), estimator="WLSMV", std_lv=True)
    table = fit.estimates.query("op == '=~'")
    assert (np.abs(table["est"] - LOADING) < 3 * table["se"]).all()
    assert fit.latent_correlations.loc["f", "g"] == pytest.approx(0.4, abs=0.08)  # 3 standard errors
    thresholds = fit.estimates.query("op == '|'")
    assert (np.abs(thresholds["est"] - np.concatenate(CUTS)) < 3.5 * thresholds["se"]).all()


def test_intervals_and_test_keep_their_level():
    # 200 samples of 300: a share of 95% has a standard error of 1.5%, of 5% the same; df has one of 0.28
    inside, chisq, pvalues = [], [], []
    for seed in range(200):
        fit = cfa(TWO, known_answers(300, seed), estimator="WLSMV", std_lv=True)
        bounds = fit.conf_int().filter(like="=~", axis=0)
        inside.append((bounds["low"] <= LOADING) & (bounds["high"] >= LOADING))
        chisq.append(fit.fit_indices["chisq.scaled"])
        pvalues.append(fit.fit_indices["pvalue.scaled"])
    cover = np.mean(inside, axis=0)
    assert (cover > 0.91).all()
    assert (cover < 0.99).all()
    assert np.mean(chisq) == pytest.approx(8, abs=4 * 0.28)
    assert np.mean(np.array(pvalues) < 0.05) < 0.10


def test_a_reversed_item_changes_signs_only(fit, bfi):
    turned = cfa(AC, bfi.assign(A3=7 - bfi["A3"]), estimator="WLSMV")
    pd.testing.assert_series_equal(turned.fit_indices, fit.fit_indices, rtol=1e-7)
    sign = np.where(fit.loadings.index == "A3", -1, 1)
    assert turned.loadings["A"].to_numpy() == pytest.approx(fit.loadings["A"].to_numpy() * sign, abs=1e-7)


def test_marker_and_unit_variance_are_one_model(fit, bfi):
    unit = cfa(AC, bfi, estimator="WLSMV", std_lv=True)
    assert unit.fit_indices["chisq.scaled"] == pytest.approx(fit.fit_indices["chisq.scaled"], rel=1e-8)
    assert unit.loadings.abs().to_numpy() == pytest.approx(fit.loadings.abs().to_numpy(), abs=1e-6)


def test_a_threshold_fixed_at_its_value_frees_one_degree(fit, bfi):
    at = fit.params["A1|t1"]
    fixed = cfa(f"{AC}; A1 | {at:.17g}*t1", bfi, estimator="WLSMV").fit_indices
    assert fixed["df"] == 35
    assert fixed["chisq"] == pytest.approx(fit.fit_indices["chisq"], rel=1e-9)


def test_groups_are_fitted_each_by_itself():
    table = pd.concat([known_answers(400, 1).assign(who="x"), known_answers(300, 2).assign(who="y")])
    both = cfa(TWO, table, estimator="WLSMV", group="who")
    alone = [cfa(TWO, part, estimator="WLSMV") for _, part in table.groupby("who")]
    assert both.groups == ("x", "y")
    for name in ("chisq", "df", "npar"):
        assert both.fit_indices[name] == pytest.approx(sum(f.fit_indices[name] for f in alone), rel=1e-9)
    ours = both.estimates
    for group, one in zip("xy", alone, strict=True):
        part = ours[ours["group"] == group]
        assert part["est"].to_numpy() == pytest.approx(one.estimates["est"].to_numpy(), abs=1e-6)
        # n - 1 answers of each group stand against n - 2 of both
        assert part["se"].to_numpy() == pytest.approx(one.estimates["se"].to_numpy(), rel=2e-3)


def test_missing_answers_leave_their_rows_out():
    table = known_answers(300, 4)
    holes = table.copy()
    holes.iloc[::10, 2] = np.nan
    fit = cfa(TWO, holes, estimator="WLSMV")
    assert fit.n == 270
    assert "30 of 300 rows are left out" in fit.notes[0]
    full = cfa(TWO, holes.dropna(), estimator="WLSMV")
    assert fit.params.to_numpy() == pytest.approx(full.params.to_numpy(), rel=1e-12)


def test_a_saturated_model_fits_perfectly():
    fit = cfa("f =~ a1+a2+a3", known_answers(300, 4), estimator="WLSMV")
    assert fit.fit_indices["df"] == 0
    assert fit.fit_indices["chisq"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(fit.fit_indices["cfi.robust"])


def test_correlations_that_cannot_be_have_no_robust_indices():
    # pairwise correlations of 40 answers: their matrix, or the one of the solution, has a negative eigenvalue
    table = known_answers(40, 54)
    with pytest.warns(AssumptionWarning, match="Heywood case"):
        fit = cfa(TWO, table, estimator="WLSMV")
    implied = polychoric(table) - fit.residuals()
    assert min(np.linalg.eigvalsh(m)[0] for m in (polychoric(table), implied)) < 0
    assert fit.fit_indices.filter(like=".robust").isna().all()
    assert fit.fit_indices[["cfi.scaled", "srmr"]].notna().all()


@pytest.mark.parametrize(
    ("model", "change", "kind", "message"),
    [
        (TWO, {"a1": "drift"}, DataError, "'a1': has 300 different values, too many for an ordinal item"),
        (TWO + "; f ~ b4", {"b4": "shuffled"}, DataError, "'b4': it is no construct and explains f"),
        (TWO + "; a1 ~ 1", {}, DataError, "'a1': it has an intercept"),
        (TWO + "; a1 ~~ 0.5*a1", {}, DataError, "'a1': its residual variance is given"),
        (TWO + "; a2 | t4", {}, DataError, "'a2': it has 2 categories, and the model other thresholds"),
        (TWO + "; a2 | u*t1; f =~ u*a3", {}, OptionError, "label joins a threshold"),
        ("f =~ a1 + a2", {}, FitError, "not identified: f=~a2, f~~f can"),
        ("f =~ a1+a2+a3; g =~ b1 + b2; f ~~ 0*g", {}, FitError, "not identified: g=~b2, g~~g can"),
    ],
)
def test_bad_models_and_items(model, change, kind, message):
    table = known_answers(300, 5)
    made = {"drift": np.arange(300.0), "shuffled": table["b1"].to_numpy()[::-1]}
    with pytest.raises(kind, match=message):
        sem(model, table.assign(**{k: made[v] for k, v in change.items()}), estimator="WLSMV")


def test_what_groups_cannot_share():
    table = known_answers(300, 5).assign(who=np.repeat(["x", "y"], 150))
    with pytest.raises(OptionError, match="values of their own"):
        cfa(TWO, table, estimator="WLSMV", group="who", equal=("loadings",))
    table.loc[table["who"] == "y", "a3"] = table["a3"].clip(upper=4)
    with pytest.raises(DataError, match="'a3': it has 4 categories in group y"):
        cfa(TWO, table, estimator="WLSMV", group="who")
    with pytest.raises(OptionError, match="fiml"):
        cfa(TWO, table, estimator="WLSMV", missing="fiml")


def test_a_heywood_case_is_named():
    with pytest.warns(AssumptionWarning, match="Heywood case: the residual variance of item a1 is negative"):
        fit = cfa(TWO, known_answers(40, 0), estimator="WLSMV")
    assert fit.r2["a1"] > 1


def test_what_is_not_known_for_ordinal_items_is_refused(fit):
    for ask in (
        fit.modification_indices,
        fit.scores,
        lambda: fit.bootstrap(10, rng=1),
        lambda: fit.residuals("standardized"),
    ):
        with pytest.raises(OptionError, match="not for WLSMV"):
            ask()
    assert fit.residuals("cor").abs().to_numpy().max() < 0.2
