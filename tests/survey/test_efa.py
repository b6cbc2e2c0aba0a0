"""Factor analysis against R (psych 2.2.9, GPArotation, factanal), by hand, and on data with a known structure."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, linear_sum_assignment

from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.survey import extraction
from crmlab.survey.efa import efa
from crmlab.survey.factorability import bartlett, harman, kmo, map_test, parallel_analysis
from crmlab.survey.rotation import oblimin, promax, rotate, varimax

# R stops varimax when its criterion gains less than 1e-5 of itself, which leaves loadings up to 1.2e-3 from the
# optimum; psych's oblimin stops at a slope of 1e-5, its extractions at about 1e-6.
WITHIN = {"none": 2e-5, "varimax": 2e-3, "promax": 2e-3, "oblimin": 1e-4}
TRUE = np.kron(np.eye(3), np.array([[0.8], [0.7], [0.6], [0.7]]))


def frame(rows):
    return pd.DataFrame(rows).set_index("_row")


def matched(ours, theirs):
    """`theirs` with columns in the order and with the signs of `ours`; the order; the signs."""
    order = linear_sum_assignment(-np.abs(ours.T @ theirs))[1]
    sign = np.sign((ours * theirs[:, order]).sum(axis=0))
    return theirs[:, order] * sign, order, sign


def exact(corr, n=200, seed=0):
    """A table whose sample correlations are `corr` to the last digit."""
    data = np.random.default_rng(seed).normal(size=(n, len(corr)))
    white = np.linalg.qr(data - data.mean(axis=0))[0]
    return pd.DataFrame(white @ np.linalg.cholesky(corr).T).add_prefix("q")


def drawn(load, phi, n, rng):
    common = rng.multivariate_normal(np.zeros(len(phi)), phi, n) @ load.T
    own = 1 - np.diag(load @ phi @ load.T)
    return pd.DataFrame(common + rng.normal(size=common.shape) * np.sqrt(own)).add_prefix("q")


def compound(p, r):
    return (1 - r) * np.eye(p) + r


@pytest.mark.parametrize("rotation", WITHIN)
@pytest.mark.parametrize("method", ["ml", "minres", "paf"])
def test_as_psych(bfi, r_tables, method, rotation):
    psych = r_tables[f"fa_{'ml' if method == 'ml' else 'minres'}_{rotation}"]
    fit = efa(bfi, 5, extraction=method, rotation=rotation)
    theirs, order, sign = matched(fit.loadings.to_numpy(), frame(psych["L"]).loc[fit.loadings.index].to_numpy())
    assert np.abs(fit.loadings.to_numpy() - theirs).max() < WITHIN[rotation]
    assert (order == range(5)).all() and (sign == 1).all()  # psych's order and signs
    assert np.abs(fit.communalities - pd.Series(psych["h2"])).max() < 1e-5
    variance = frame(psych["vacc"]).loc["SS loadings"].tolist()
    assert fit.variance.loc["ss_loadings"].tolist() == pytest.approx(variance, abs=5 * WITHIN[rotation])
    if psych["Phi"]:
        phi = frame(psych["Phi"]).to_numpy()[np.ix_(order, order)] * np.outer(sign, sign)
        assert np.abs(fit.factor_correlations.to_numpy() - phi).max() < WITHIN[rotation]
    assert fit.chisq == pytest.approx(psych["chi"], rel=1e-6)
    assert fit.df == psych["dof"]
    # psych divides by n in one place and by n - 1 in another: 1e-5 apart
    assert [fit.rmsea, *fit.rmsea_interval] == pytest.approx(psych["RMSEA"][:3], abs=2e-5)
    assert fit.tli == pytest.approx(psych["TLI"], abs=1e-6)
    assert fit.rms == pytest.approx(psych["rms"], rel=1e-6)


def test_short_list(bfi, reference):
    fit = efa(bfi, 5)
    assert fit.chisq == pytest.approx(reference["bfi 25 items n=2436", "ML EFA chi2"], rel=1e-8)
    assert fit.df == reference["bfi 25 items n=2436", "ML EFA df"]
    found = bartlett(bfi)
    assert found["chisq"] == pytest.approx(reference["bfi 25 items n=2436", "Bartlett chi2"], rel=1e-10)
    assert found["df"] == reference["bfi 25 items n=2436", "Bartlett df"]
    assert kmo(bfi).overall == pytest.approx(reference["bfi 25 items n=2436", "KMO"], rel=1e-9)


def test_factanal(bfi, r_tables):
    ours = efa(bfi, 5).loadings.to_numpy()
    theirs, _, _ = matched(ours, frame(r_tables["factanal"]["L"]).to_numpy())
    assert np.abs(ours - theirs).max() < WITHIN["varimax"]


def test_rotations_are_better_than_where_r_stops(bfi, r_tables):
    ours, theirs = efa(bfi, 5).loadings.to_numpy(), frame(r_tables["fa_ml_varimax"]["L"]).to_numpy()

    def spread(load):
        return ((load**2 / (load**2).sum(axis=1, keepdims=True)).var(axis=0)).sum()

    assert spread(theirs) <= spread(ours) < spread(theirs) * (1 + 1e-4)
    ours = efa(bfi, 5, rotation="oblimin").loadings.to_numpy()
    theirs = frame(r_tables["fa_ml_oblimin"]["L"]).to_numpy()

    def crossing(load):
        return sum((load[:, j] ** 2) @ (load[:, k] ** 2) for j in range(5) for k in range(j))

    assert crossing(theirs) * (1 - 1e-4) < crossing(ours) <= crossing(theirs)


def test_kmo_by_item_and_pairwise(bfi, r_tables):
    from crmlab.data.datasets import load_bfi

    assert kmo(bfi).items.to_dict() == pytest.approx(r_tables["bfi_kmo"]["MSAi"], rel=1e-9)
    pairwise = kmo(load_bfi(), list(bfi.columns), missing="pairwise")
    assert pairwise.overall == pytest.approx(r_tables["bfi_kmo"]["MSA_pairwise"], rel=1e-9)
    assert pairwise.word == "meritorious" and "meritorious" in pairwise._repr_html_()


def test_by_hand_on_equal_correlations():
    p, r, n = 6, 0.4, 200
    answers = exact(compound(p, r), n)
    partial = r / (1 + (p - 2) * r)
    assert kmo(answers).items.to_numpy() == pytest.approx(r**2 / (r**2 + partial**2))
    logdet = (p - 1) * np.log(1 - r) + np.log(1 + (p - 1) * r)
    assert bartlett(answers)["chisq"] == pytest.approx(-(n - 1 - (2 * p + 5) / 6) * logdet)
    fit = efa(answers, 1)
    assert fit.loadings["F1"].to_numpy() == pytest.approx(np.sqrt(r), abs=1e-6)
    assert fit.chisq == pytest.approx(0, abs=1e-8) and fit.rmsea == 0 and fit.rmsea_interval == (0, 0)
    assert map_test(answers).table[0] == pytest.approx(r**2)
    share = harman(answers)
    assert share.component == pytest.approx((1 + (p - 1) * r) / p)
    assert share.factor == pytest.approx(r, abs=1e-6)


def test_map(bfi, reference):
    found = map_test(bfi)
    assert found.n_components == 5
    for m in range(1, 9):
        assert found.table[m] == pytest.approx(reference["bfi", f"MAP {m}"], rel=1e-9)


def test_parallel(bfi, r_tables, reference):
    found, psych = parallel_analysis(bfi, draws=40, rng=1), r_tables["parallel"]
    assert (found.n_factors, found.n_components) == (psych["nfact"], psych["ncomp"]) == (6, 5)
    assert found.table["components"].tolist() == pytest.approx(psych["pc"], rel=1e-9)
    assert found.table["components"].tolist() == pytest.approx(r_tables["bfi_eig"], rel=1e-9)
    assert found.table["components"][6] == pytest.approx(reference["bfi 25 items n=2436", "eig6"], rel=1e-9)
    assert found.table["factors"].tolist() == pytest.approx(psych["fa"], abs=1e-6)
    # both are means of random eigenvalues (psych's of 20 or more draws), each with a spread of 0.02 at the most
    assert found.table["components_mean"].tolist() == pytest.approx(psych["pcr"], abs=0.02)


def test_parallel_by_seed_and_noise():
    answers = drawn(TRUE, np.eye(3), 300, np.random.default_rng(3))
    one, same = (parallel_analysis(answers, draws=20, rng=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, same.table)
    assert efa(answers, "parallel", rng=5).n_factors == parallel_analysis(answers, rng=5).n_components
    normal = parallel_analysis(answers, draws=20, noise="normal", rng=np.random.default_rng(5))
    assert (one.n_components, normal.n_components) == (3, 3)
    assert not one.table["components_mean"].equals(normal.table["components_mean"])
    for asked in (parallel_analysis, efa):
        with pytest.raises(OptionError, match="rng=None"):
            asked(answers, rng=None)


def test_nothing_in_common():
    noise = pd.DataFrame(np.random.default_rng(2).normal(size=(300, 8))).add_prefix("q")
    assert parallel_analysis(noise, draws=50).n_components == 0
    for number in ("parallel", "map"):
        with pytest.raises(FitError, match="finds no factor"):
            efa(noise, number)


def test_harman(mobi, r_tables):
    scales = [item for item in mobi if item != "CUSCO"]  # the reference leaves the single item out
    found = harman(mobi, scales)
    assert found.component == pytest.approx(r_tables["mobi_harman"]["pca1"], rel=1e-9)
    assert found.factor == pytest.approx(r_tables["mobi_harman"]["paf1"], rel=1e-6)
    assert not found.majority and "does not show" in found.summary()


@pytest.mark.parametrize("method", ["ml", "minres", "paf"])
@pytest.mark.parametrize("rotation", ["varimax", "promax", "oblimin"])
def test_known_structure(method, rotation):
    phi = np.eye(3) if rotation == "varimax" else compound(3, 0.4)
    corr = TRUE @ phi @ TRUE.T
    np.fill_diagonal(corr, 1)
    fit = efa(exact(corr), 3, method, rotation)
    ours, _, _ = matched(TRUE, fit.loadings.to_numpy())
    # promax bends loadings a little towards its target, even where the structure is perfect
    assert np.abs(ours - TRUE).max() < (0.03 if rotation == "promax" else 1e-4)
    assert fit.communalities.to_numpy() == pytest.approx((TRUE**2).sum(axis=1), abs=1e-5)
    off = fit.factor_correlations.to_numpy()[np.triu_indices(3, 1)]
    assert off == pytest.approx(phi[0, 1], abs=0.04 if rotation == "promax" else 1e-4)
    pd.testing.assert_frame_equal(fit.structure, fit.loadings @ fit.factor_correlations)


def test_number_of_factors_is_found():
    for seed in range(5):
        answers = drawn(TRUE, compound(3, 0.3), 400, np.random.default_rng(seed))
        assert efa(answers, "parallel", rotation="oblimin").n_factors == 3
        assert efa(answers, "map").n_factors == 3


def test_chisq_and_rmsea_interval_in_simulation():
    rng, found = np.random.default_rng(11), []
    for _ in range(300):
        fit = efa(drawn(TRUE, compound(3, 0.3), 500, rng), 3, rotation="none")
        found.append((fit.chisq, fit.pvalue, fit.rmsea_interval[0]))
    chisq, pvalue, low = np.array(found).T
    assert chisq.mean() == pytest.approx(33, abs=3 * np.sqrt(66 / 300))  # df 33, variance 66
    assert (pvalue < 0.05).mean() == pytest.approx(0.05, abs=0.038)  # 3 standard errors
    assert (low > 0).mean() == pytest.approx(0.05, abs=0.038)  # the 90% interval leaves 0 out in 5%


@pytest.mark.parametrize("objective", [extraction._ml, extraction._least_squares])
def test_derivatives(bfi, objective):
    corr = bfi.corr().to_numpy()
    psi = np.random.default_rng(0).uniform(0.2, 0.9, 25)
    _, slope = objective(psi, corr, 4)
    assert slope == pytest.approx(approx_fprime(psi, lambda x: objective(x, corr, 4)[0], 1e-7), abs=1e-5)


def test_rotations_keep_what_they_must(bfi):
    load, _ = extraction.extract(bfi.corr().to_numpy(), 4, "minres")
    turned = varimax(load)
    assert turned @ turned.T == pytest.approx(load @ load.T)
    for found, phi in (promax(load), oblimin(load)):
        assert found @ phi @ found.T == pytest.approx(load @ load.T)
        assert np.diag(phi) == pytest.approx(1)
    again = rotate(load[:, [2, 0, 3, 1]] * [1, -1, -1, 1], "oblimin")[0]
    assert again == pytest.approx(rotate(load, "oblimin")[0], abs=1e-5)  # the same from any start
    row = np.vstack([load, np.zeros(4)])
    assert varimax(row)[-1] == pytest.approx(0)


def test_heywood_case_is_named(mobi):
    with pytest.warns(AssumptionWarning, match="Heywood case: the communality of IMAG2"):
        fit = efa(mobi, 7)
    assert "IMAG2" in fit.notes[0] and "IMAG2 would pass 1" in fit.summary() and "Heywood" in fit._repr_html_()
    assert fit.communalities.idxmax() == "IMAG2" and 0.995 <= fit.communalities.max() < 1


def test_saturated_has_no_test():
    fit = efa(exact(compound(3, 0.5)), 1)
    assert fit.df == 0 and np.isnan([fit.pvalue, fit.rmsea, fit.tli]).all()


def test_what_is_shown(bfi):
    fit = efa(bfi, 5, rotation="oblimin")
    table = fit.table(0.3)
    assert table.index[:3].tolist() == ["N1", "N2", "N3"]
    assert table.notna().sum().sum() == 25 + (fit.loadings.abs() >= 0.3).sum().sum()
    assert fit.table(0.3, sort=False).index.tolist() == bfi.columns.tolist()
    for part in ("Correlations of the factors", "maximum likelihood", "1490.59", "RMSEA: 0.054"):
        assert part in fit.summary()
    assert "RMSEA: 0.054" in fit._repr_html_() and "Heywood" not in fit._repr_html_()


def test_items_from_a_measurement_model(mobi):
    model = {"Image": ["IMAG1", "IMAG2", "IMAG3"], "Quality": ["PERQ1", "PERQ2", "PERQ3", "PERQ4"]}
    answers = mobi.assign(gender="f")
    fit = efa(answers, 2, items=model)
    assert fit.loadings.index.tolist() == [item for items in model.values() for item in items]


def test_refusals(mobi):
    with pytest.raises(OptionError, match=r"n_factors=4 .* from 1 to 3 for 7 items"):
        efa(mobi, 4, items=[f"PERQ{i}" for i in range(1, 8)])
    for bad in (0, 2.0, True, None):
        with pytest.raises(OptionError, match=f"n_factors={bad!r}"):
            efa(mobi, bad)
    with pytest.raises(OptionError, match="n_factors='kaiser'"):
        efa(mobi, "kaiser")
    with pytest.raises(OptionError, match="rotation='equamax'.*'oblimin'"):
        efa(mobi, 2, rotation="equamax")
    with pytest.raises(OptionError, match="extraction='pca'.*'minres'"):
        efa(mobi, 2, extraction="pca")
    with pytest.raises(DataError, match="2 items"):
        efa(mobi, 1, items=["IMAG1", "IMAG2"])
    with pytest.raises(DataError, match="'IMAG9'.*missing"):
        kmo(mobi, ["IMAG1", "IMAG9"])
    with pytest.raises(DataError, match="'gender'.*not numeric"):
        harman(mobi.assign(gender="f"))
    with pytest.raises(DataError, match="no DataFrame"):
        efa(mobi.to_numpy(), 2)
    for bad in ({"draws": 3}, {"quantile": 95}, {"noise": "uniform"}):
        with pytest.raises(OptionError, match=next(iter(bad))):
            parallel_analysis(mobi, **bad)


def test_what_explains_itself_is_named(mobi):
    quality = [f"PERQ{i}" for i in range(1, 4)]
    total = mobi.assign(total=mobi[quality].sum(axis=1))
    with pytest.raises(FitError, match=r"each other: PERQ1, PERQ2, PERQ3, total\. Leave one"):
        efa(total, 2)
    with pytest.raises(FitError, match="20 answers to 24 items"):
        efa(mobi.head(20), 2)


def test_pairwise_correlations_may_not_fit_together():
    # a goes with b, b with c, and c against a: each in other people
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    answers = pd.DataFrame({"a": x, "b": x + 0.1 * rng.normal(size=60), "c": np.nan})
    answers.loc[:19, "b"] = np.nan
    answers.loc[:19, "c"] = -x[:20] + 0.1 * rng.normal(size=20)
    answers.loc[20:39, "a"] = np.nan
    answers.loc[20:39, "c"] = x[20:40] + 0.1 * rng.normal(size=20)
    with pytest.raises(FitError, match="listwise"):
        efa(answers, 1, missing="pairwise")
    answers["c"] = answers["c"].where(answers["b"].isna())
    with pytest.raises(DataError, match="'b'.*too few answered both"):
        kmo(answers, missing="pairwise")
