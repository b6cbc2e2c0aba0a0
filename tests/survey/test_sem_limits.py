"""cfa() and sem() on samples with known truth, derivatives, the bootstrap, and what must not give a number."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, brentq
from scipy.stats import ncx2

from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.data.datasets import load_holzinger_swineford, load_political_democracy
from crmlab.survey.estimate import casewise, deviance, fit_ml, objective, observed_information, start
from crmlab.survey.fitmeasures import rmsea
from crmlab.survey.invariance import compare
from crmlab.survey.model import Model, derivative, vech_index
from crmlab.survey.moments import sample
from crmlab.survey.partable import build
from crmlab.survey.robust import _saturated_trace
from crmlab.survey.sem import cfa, estimate, sem, wrap
from crmlab.survey.syntax import parse

HS = "visual =~ x1+x2+x3; textual =~ x4+x5+x6; speed =~ x7+x8+x9"
PATHS = "f =~ a1+a2+a3; g =~ b1+b2+b3; h =~ c1+c2+c3; g ~ f; h ~ f + g"
TRUTH = {"f=~a2": 0.8, "f=~a3": 1.2, "g=~b2": 1.0, "h=~c3": 0.7, "g~f": 0.5, "h~f": 0.3, "h~g": 0.4, "g~~g": 0.6}


@pytest.fixture(scope="module")
def hs():
    return load_holzinger_swineford()


def draw(n, rng, tail=None):
    """Answers of the model PATHS at TRUTH; with `tail` degrees of freedom every answer is multiplied by one factor."""
    f = rng.normal(size=n)
    g = 0.5 * f + np.sqrt(0.6) * rng.normal(size=n)
    h = 0.3 * f + 0.4 * g + np.sqrt(0.5) * rng.normal(size=n)
    loading = {"a": (f, (1, 0.8, 1.2)), "b": (g, (1, 1, 0.9)), "c": (h, (1, 1.1, 0.7))}
    items = {
        f"{k}{i}": size * v + np.sqrt(0.7) * rng.normal(size=n)
        for k, (v, sizes) in loading.items()
        for i, size in enumerate(sizes, 1)
    }
    table = pd.DataFrame(items)
    return table if tail is None else table.mul(np.sqrt((tail - 2) / rng.chisquare(tail, n)), axis=0)


@pytest.fixture(scope="module")
def simulated():
    """400 samples of 500: estimates, standard errors, chi-squares and standardised residuals."""
    rng = np.random.default_rng(20240607)
    model = Model(build(parse(PATHS)))
    names = list(model.table.names)
    found, spread, chisq, strange = [], [], [], []
    for k in range(400):
        y = draw(500, rng)[list(model.table.observed)]
        samples = (sample(y.to_numpy()),)
        fitted = estimate(model, samples, "ML", start(model, samples))
        found.append(fitted.solution.theta)
        spread.append(np.sqrt(np.diag(fitted.solution.cov)))
        chisq.append(fitted.indices["pvalue"])
        if k < 100:
            fit = wrap(fitted, "ML", "listwise", y, np.zeros(500, dtype=int))
            strange.append(fit.residuals("standardized").to_numpy()[vech_index(9)])
    return pd.DataFrame(found, columns=names), pd.DataFrame(spread, columns=names), np.array(chisq), np.array(strange)


@pytest.mark.parametrize("name", TRUTH)
def test_intervals_cover_the_truth(simulated, name):
    est, se = simulated[0][name], simulated[1][name]
    share = ((est - TRUTH[name]).abs() <= 1.959964 * se).mean()
    assert 0.92 <= share <= 0.98  # 400 draws at 95%: three binomial standard errors are 0.033
    assert est.mean() == pytest.approx(TRUTH[name], abs=4 * est.std() / 20 + 0.01)  # 0.01: bias of order 1/n


def test_chi_square_rejects_as_often_as_it_should(simulated):
    # df = 24, n = 500; three binomial standard errors of 5% in 400 samples
    assert abs((simulated[2] < 0.05).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 400)


def test_standardised_residuals_are_like_z(simulated):
    z = simulated[3]
    z = z[:, (z != 0).all(axis=0)]
    assert z.shape[1] >= 27
    assert z.std() == pytest.approx(1, abs=0.05)  # 100 samples of about 30 residuals, which are correlated


@pytest.mark.parametrize("estimator", ["MLM", "MLR"])
def test_robust_tests_on_heavy_tails(estimator):
    # an elliptical law with 7 degrees of freedom: the chi-square of normal theory rejects right models far too often
    rng, model, plain, scaled = np.random.default_rng(5), Model(build(parse(PATHS))), [], []
    for _ in range(60):
        samples = (sample(draw(600, rng, tail=7)[list(model.table.observed)].to_numpy()),)
        indices = estimate(model, samples, estimator, start(model, samples)).indices
        plain.append(indices["pvalue"] < 0.05)
        scaled.append(indices["pvalue.scaled"] < 0.05)
    assert np.mean(plain) > 0.2
    assert np.mean(scaled) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.parametrize("means", [False, True])
def test_derivatives(means):
    table = build(parse(PATHS + "; a1 ~~ b1; f =~ k*b2"), meanstructure=means, groups=("u", "v"), equal=("loadings",))
    model, rng = Model(table), np.random.default_rng(3)
    theta = rng.uniform(0.4, 1.2, len(table.names))
    answers = draw(80, rng)[list(table.observed)].to_numpy().copy()
    answers[rng.random(answers.shape) < (0.1 if means else 0)] = np.nan
    samples = (sample(answers[:50]), sample(answers[50:]))
    for g in (0, 1):
        J, Jm = model.jacobian(theta, g)
        assert pytest.approx(derivative(lambda t, g=g: model.implied(t, g)[0][vech_index(9)], theta), abs=1e-12) == J
        assert pytest.approx(derivative(lambda t, g=g: model.implied(t, g)[1], theta), abs=1e-12) == Jm
    _, slope, info = objective(model, samples, theta)
    numeric = approx_fprime(theta, lambda t: deviance(model, samples, t), 1e-7)
    assert slope == pytest.approx(numeric, rel=1e-4, abs=1e-4)
    assert -2 * casewise(model, samples, theta).mean(axis=0) == pytest.approx(slope, abs=1e-10)
    H = observed_information(model, samples, theta)
    rows = [approx_fprime(theta, lambda t, k=k: objective(model, samples, t, False)[1][k] / 2, 1e-7) for k in range(5)]
    assert H[:5] == pytest.approx(np.array(rows), rel=1e-4, abs=1e-4)
    assert np.linalg.eigvalsh(info).min() > 0


def test_the_trace_of_the_unrestricted_model_with_gaps(hs):
    # against a model whose parameters are the moments themselves, by the general functions
    answers = hs[["x1", "x2", "x3", "x4"]].to_numpy().copy()
    answers[np.random.default_rng(6).random(answers.shape) < 0.2] = np.nan
    names = ["x1", "x2", "x3", "x4"]
    text = "; ".join(f"{a} ~~ {' + '.join(names[i:])}" for i, a in enumerate(names))
    model, group = Model(build(parse(text), meanstructure=True)), sample(answers)
    at = {name: i for i, name in enumerate(names)}
    theta = np.zeros(len(model.table.names))
    for row in model.table.rows:
        theta[row.slot] = group.cov[at[row.lhs], at[row.rhs]] if row.op == "~~" else group.mean[at[row.lhs]]
    score = casewise(model, (group,), theta)
    info = observed_information(model, (group,), theta)
    expected = np.trace(np.linalg.solve(info, score.T @ score / group.n))
    assert _saturated_trace(model, (group,), None) == pytest.approx(expected, rel=1e-10)


def test_information_is_the_scores_covariance(hs):
    # at a true model the two agree: 20,000 normal answers drawn from the implied moments
    model = Model(build(parse(HS), meanstructure=True))
    samples = (sample(hs[list(model.table.observed)].to_numpy()),)
    theta = fit_ml(model, samples, start(model, samples)).theta
    Sigma, mu = model.implied(theta)
    drawn = (sample(np.random.default_rng(4).multivariate_normal(mu, Sigma, 20_000)),)
    score = casewise(model, drawn, theta)
    info = objective(model, drawn, theta)[2] / 2
    ratio = np.diag(score.T @ score / 20_000) / np.diag(info)
    assert ratio == pytest.approx(np.ones(len(ratio)), abs=0.06)  # 4 standard errors of a variance of squares


@pytest.mark.parametrize(("chisq", "df", "n"), [(85.3, 24, 301), (12.0, 8, 100), (2900.0, 265, 400), (5.0, 8, 200)])
def test_rmsea_interval(chisq, df, n):
    point, low, high, close = rmsea(chisq, df, n)
    assert point == pytest.approx(np.sqrt(max(chisq - df, 0) / (df * n)))

    def bound(p):
        reached = ncx2(df, 1e-12).cdf(chisq) > p
        return np.sqrt(brentq(lambda c: ncx2(df, c).cdf(chisq) - p, 1e-9, 10 * chisq) / (df * n)) if reached else 0

    assert [low, high] == pytest.approx([bound(0.95), bound(0.05)], abs=1e-6)
    assert close == pytest.approx(1 - ncx2(df, 0.0025 * df * n).cdf(chisq), abs=1e-9)


def test_bootstrap_is_reproducible_and_agrees_with_the_delta_method():
    fit = sem(PATHS + "; twice := 2*0.5", draw(400, np.random.default_rng(8)))
    seen = []
    one = fit.bootstrap(200, rng=3, progress=lambda done, draws: seen.append((done, draws)))
    again = fit.bootstrap(200, rng=np.random.default_rng(3))
    pd.testing.assert_frame_equal(one.effects, again.effects)
    assert one.draws == 200 and one.failed == 0 and seen[-1] == (200, 200)
    known = fit.effects()
    assert one.effects["se"].to_numpy() == pytest.approx(known["se"].to_numpy(), rel=0.25)  # 200 draws: 5% each, x 5
    assert one.effects["est"].to_numpy() == pytest.approx(known["est"].to_numpy(), rel=1e-12)
    assert (one.effects["ci.lower"] < one.effects["ci.upper"]).all()
    assert ((one.effects["bc.lower"] - one.effects["ci.lower"]).abs() < one.effects["se"]).all()
    fixed = one.estimates.query("lhs == 'f' and rhs == 'a1'").iloc[0]
    assert fixed["se"] == 0 and fixed["ci.lower"] == fixed["ci.upper"] == 1
    assert "0 of them" in one._repr_html_()


def test_a_circle_of_paths_has_no_chains(hs):
    fit = sem(HS + "; visual ~ textual; textual ~ speed; speed ~ visual", hs)
    with pytest.raises(FitError, match="circle through visual, textual, speed"):
        fit.effects()


def test_formative_construct_fits_as_its_regression(hs):
    # a composite that acts on one construct is the same model as its items acting on it
    one = sem("c <~ x1 + x2 + x3; t =~ x4 + x5 + x6; t ~ c", hs)
    same = sem("t =~ x4 + x5 + x6; t ~ x1 + x2 + x3", hs)
    assert one.fit_indices["chisq"] == pytest.approx(same.fit_indices["chisq"], rel=1e-8)
    assert one.params["c<~x2"] * one.params["t~c"] == pytest.approx(same.params["t~x2"], rel=1e-5)


def test_product_of_observed_predictors(hs):
    fit = sem("x1 ~ x2 + x3 + x2:x3", hs)
    same = sem("x1 ~ x2 + x3 + both", hs.assign(both=hs["x2"] * hs["x3"]))
    assert fit.params["x1~x2:x3"] == pytest.approx(same.params["x1~both"], rel=1e-12)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("f =~ x1 + x2", "construct f"),
        ("f =~ x1 + x2; g =~ x4 + x5 + x6; f ~~ 0*g", "construct f"),
        ("f =~ NA*x1 + x2 + x3; g =~ x4 + x5 + x6", "f=~x1.*construct"),
        ("f =~ NA*x1; g =~ x4 + x5 + x6", "f=~x1"),
        (HS + "; visual ~ textual; textual ~ visual; x1 ~~ x4", "textual~visual|visual~textual"),
    ],
)
def test_unidentified_models_name_the_construct(hs, model, words):
    with pytest.raises(FitError, match=f"not identified.*{words}"):
        sem(model, hs)


def test_two_items_and_a_covariance_are_enough(hs):
    assert cfa("f =~ x1 + x2; g =~ x4 + x5 + x6", hs).fit_indices["df"] == 4


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("f =~ x1 + x2 + xx3; g =~ x4 + x5 + X6", "2 faults.*'x3'.*'x6'"),
        ("f =~ x1 + x2 + x3; g =~ x4 + x5 + school", "school.*not numeric"),
        ("f =~ a*x1 + x2 + x3; q := a*bb", "'bb'.*no parameter has this label"),
        ("f =~ x1 + a*x2 + b*x3; a*b == 1", "not linear"),
        ("f =~ x1 + a*x2 + b*x3; a == 0.5; a == 0.6", "cannot hold"),
        ("f =~ c(a, b)*x1 + x2 + x3", "2 labels for 1 group"),
        ("f =~ x1 + x2 + x3; f ~ f", "explains itself"),
    ],
)
def test_faults_of_the_model_and_the_answers(hs, model, words):
    with pytest.raises(DataError, match=f"(?s){words}"):
        sem(model, hs)


def test_dependent_items_and_few_answers(hs):
    with pytest.raises(FitError, match="x4, x5, total depend"):
        cfa("f =~ x1 + x2 + x3; g =~ x4 + x5 + total", hs.assign(total=hs["x4"] + hs["x5"]))
    with pytest.raises(FitError, match="10 answers are fewer than the model's 13 parameters"):
        cfa("f =~ x1 + x2 + x3; g =~ x4 + x5 + x6", hs.head(10))
    with pytest.raises(DataError, match="5 answers in group 'b' for 9 items"):
        cfa(HS, hs.assign(g=["a"] * 296 + ["b"] * 5), group="g")


def test_options(hs):
    for wrong in ({"estimator": "ULS"}, {"missing": "pairwise"}, {"missing": "fiml", "estimator": "MLM"}):
        with pytest.raises(OptionError):
            cfa(HS, hs, **wrong)
    with pytest.raises(OptionError, match="'loadings'"):
        cfa(HS, hs, group="school", equal=("loading",))
    with pytest.raises(OptionError, match="asks for groups"):
        cfa(HS, hs, equal=("loadings",))
    with pytest.raises(DataError, match="'school'"):
        cfa(HS, hs, group="schol")
    with pytest.raises(DataError, match="holds 1 group"):
        cfa(HS, hs.assign(school="a"), group="school")
    fit = cfa(HS, hs)
    for call in (
        lambda: fit.residuals("best"),
        lambda: fit.bootstrap(3, rng=1),
        lambda: fit.bootstrap(20, rng=1, level=2),
    ):
        with pytest.raises(OptionError):
            call()
    with pytest.raises(FitError, match="neither is nested"):
        compare(fit, fit)
    with pytest.raises(FitError, match="other answers"):
        compare(fit, cfa(HS, hs.head(200)))


def moments_table(correlation, n, names):
    """Answers with exactly these correlations."""
    raw = np.random.default_rng(0).normal(size=(n, len(names)))
    raw -= raw.mean(axis=0)
    whitened = raw @ np.linalg.inv(np.linalg.cholesky(raw.T @ raw / n)).T
    return pd.DataFrame(whitened @ np.linalg.cholesky(np.array(correlation)).T, columns=names)


def test_heywood_case_names_the_item():
    # by hand: the loading of the first item is .8 * .8 / .4 = 1.6 in squares, its residual variance 1 - 1.6
    answers = moments_table([[1, 0.8, 0.8], [0.8, 1, 0.4], [0.8, 0.4, 1]], 200, ["one", "two", "three"])
    with pytest.warns(AssumptionWarning, match=r"residual variance of item one is negative \(-0.600\)"):
        fit = cfa("f =~ one + two + three", answers)
    assert "Heywood" in fit.notes[0] and fit.converged


def test_correlation_beyond_one_names_the_constructs():
    # two items a factor: cov(f, g)^2 / (var f var g) = (.6 .6) / (.5 .5) > 1
    items = ["a", "b", "c", "d"]
    answers = moments_table(
        np.full((4, 4), 0.6) + 0.4 * np.eye(4) - 0.1 * np.kron(np.eye(2), 1 - np.eye(2)), 200, items
    )
    with pytest.warns(AssumptionWarning, match="correlation of f and g is beyond 1"):
        cfa("f =~ a + b; g =~ c + d", answers)


def test_no_convergence_is_said_with_a_parameter():
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 6)), columns=list("abcdef"))
    said = []
    for seed in range(4):
        answers = noise.sample(frac=1, replace=True, random_state=seed, ignore_index=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit = cfa("one =~ a + b + c; two =~ d + e + f", answers)
            except FitError as error:
                said.append(str(error))
                continue
        assert all(issubclass(w.category, AssumptionWarning) for w in caught)
        if not fit.converged:
            said.append(str(caught[0].message))
    assert said
    for text in said:
        assert "not identified in these data" in text or "furthest from rest in" in text


def test_rows_left_out_are_told(hs):
    holes = hs.copy()
    holes.loc[:9, "x2"] = np.nan
    fit = cfa(HS, holes)
    assert fit.n == 291 and "10 of 301 rows are left out" in fit.notes[0]
    assert fit.scores().index.equals(holes.index[10:])


def test_political_democracy_bootstrap_counts_failures():
    fit = sem("d60 =~ y1+y2+y3+y4; d65 =~ y5+y6+y7+y8; d65 ~ d60", load_political_democracy().head(30))
    found = fit.bootstrap(60, rng=2)
    assert 0 <= found.failed < 30 and found.draws == 60
