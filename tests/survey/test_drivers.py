"""Drivers: closed forms for two predictors, a brute-force sum over models, statsmodels' standard errors."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crmlab.base.errors import DataError, FitError, OptionError
from crmlab.survey.drivers import drivers, importance, resampled_moments


def correlated(*rows):
    return np.array(rows, dtype=float)


def test_two_predictors():
    # Orthogonal: squared correlations. Correlated by r: half of what it adds alone and half of what it adds last.
    assert importance(correlated([1, 0.5, 0.3], [0.5, 1, 0], [0.3, 0, 1])) == pytest.approx([0.25, 0.09])
    a, b, r = 0.5, 0.4, 0.6
    r2 = (a**2 + b**2 - 2 * a * b * r) / (1 - r**2)
    truth = [(a**2 + r2 - b**2) / 2, (b**2 + r2 - a**2) / 2]
    assert importance(correlated([1, a, b], [a, 1, r], [b, r, 1])) == pytest.approx(truth)
    assert importance(correlated([1, -0.7], [-0.7, 1])) == pytest.approx([0.49])


def test_against_all_models():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6))
    corr = np.corrcoef(x, rowvar=False)

    def r2(which):
        k = [1 + i for i in which]
        return corr[0, k] @ np.linalg.solve(corr[np.ix_(k, k)], corr[k, 0]) if k else 0.0

    p = 5
    truth = np.zeros(p)
    for order in itertools.permutations(range(p)):
        for place, j in enumerate(order):
            truth[j] += (r2(order[: place + 1]) - r2(order[:place])) / math.factorial(p)
    found = importance(np.stack([corr, np.eye(6)]))
    assert found[0] == pytest.approx(truth, abs=1e-12)
    assert found[0].sum() == pytest.approx(r2(range(p)), abs=1e-12)
    assert found[1] == pytest.approx(np.zeros(p), abs=1e-15)


def test_against_statsmodels(mobi):
    names = ["PERQ1", "PERQ4", "PERV1", "IMAG1"]
    z = (mobi - mobi.mean()) / mobi.std()
    ols = sm.OLS(z["CUSA1"], sm.add_constant(z[names])).fit()
    table = drivers(mobi, "CUSA1", names, "standardised", scale=(1, 10))
    assert table["beta"].to_dict() == pytest.approx(ols.params[names].to_dict())
    assert table["se"].to_dict() == pytest.approx(ols.bse[names].to_dict())
    assert table["pvalue"].to_dict() == pytest.approx(ols.pvalues[names].to_dict())
    assert table["importance"].is_monotonic_decreasing and table["share"].sum() == pytest.approx(1)
    assert table.loc["PERV1", "performance"] == pytest.approx(100 * (mobi["PERV1"].mean() - 1) / 9)
    shares = drivers(mobi, "CUSA1", names)
    assert shares["importance"].sum() == pytest.approx(ols.rsquared)
    assert shares.attrs == {"r2": pytest.approx(ols.rsquared), "n": 250}
    assert drivers(mobi, "CUSA1", names, "shapley").equals(shares)


def test_fifteen_predictors(mobi):
    names = [c for c in mobi if c != "CUSA1"][:15]
    z = (mobi - mobi.mean()) / mobi.std()
    assert drivers(mobi, "CUSA1", names)["importance"].sum() == pytest.approx(
        sm.OLS(z["CUSA1"], z[names]).fit().rsquared
    )


def test_intervals():
    # y = x1 + 0.5 x2 + noise, all orthogonal with variance 1: importances 1/2.25 and 0.25/2.25. 100 intervals:
    # a share near 95% has a standard error of 2.2%.
    hits = []
    for seed in range(100):
        x = np.random.default_rng(seed).normal(size=(400, 3))
        table = pd.DataFrame({"y": x @ [1, 0.5, 1], "x1": x[:, 0], "x2": x[:, 1]})
        found = drivers(table, "y", ["x1", "x2"], bootstrap=200, rng=1000 + seed).loc[["x1", "x2"]]
        truth = np.array([1, 0.25]) / 2.25
        hits.append((found["low"].to_numpy() <= truth) & (truth <= found["high"].to_numpy()))
    assert (np.abs(np.mean(hits, axis=0) - 0.95) < 0.06).all()


def test_resampled_moments_are_of_rows(mobi):
    x = mobi.to_numpy(dtype=float)[:40, :4]
    mean, sd, corr = next(resampled_moments(x, 3, 5))
    rows = np.random.default_rng(5).integers(0, 40, size=(3, 40))
    for k, drawn in enumerate(x[rows]):
        assert mean[k] == pytest.approx(drawn.mean(axis=0)) and sd[k] == pytest.approx(drawn.std(axis=0, ddof=1))
        assert corr[k] == pytest.approx(np.corrcoef(drawn, rowvar=False))
    many = np.concatenate([c for _, _, c in resampled_moments(x, 250, 5)])
    assert len(many) == 250


def test_refusals(mobi):
    with pytest.raises(OptionError, match="1 to 15"):
        drivers(mobi, "CUSA1", [c for c in mobi if c != "CUSA1"][:16])
    with pytest.raises(OptionError, match="the target not among them"):
        drivers(mobi, "CUSA1", ["CUSA1", "PERQ1"])
    with pytest.raises(OptionError, match="method='beta'"):
        drivers(mobi, "CUSA1", ["PERQ1"], "beta")
    with pytest.raises(FitError, match="PERQ1, PERQ2, total"):
        drivers(mobi.assign(total=mobi["PERQ1"] + mobi["PERQ2"]), "CUSA1", ["PERQ1", "PERQ2", "total"])
    with pytest.raises(DataError) as error:
        drivers(mobi.assign(flat=1.0), "CUSA1", ["PERQ9", "flat"])
    assert "Did you mean" in str(error.value)
    with pytest.raises(FitError, match="determine sum exactly"):  # R2 is 1: no standard errors
        drivers(mobi.assign(sum=mobi["PERQ1"] + mobi["PERQ2"]), "sum", ["PERQ1", "PERQ2"])
    with pytest.raises(OptionError, match=r"scale=\(1, 1\)"):
        drivers(mobi, "CUSA1", ["PERQ1"], scale=(1, 1))
    with pytest.raises(DataError, match=r"'PERQ1'.*from 1 to 5 in 236 rows"):
        drivers(mobi, "CUSA1", ["PERQ1"], scale=(1, 5))
    with pytest.raises(FitError, match="too few"):
        drivers(mobi.head(5), "CUSA1", ["PERQ1", "PERQ2", "PERQ4"])
    with pytest.raises(OptionError, match="rng"):
        drivers(mobi, "CUSA1", ["PERQ1"], bootstrap=10)
