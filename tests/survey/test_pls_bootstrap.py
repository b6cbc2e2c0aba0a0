"""The PLS bootstrap: standard errors of regression, scipy's BCa, coverage, seeds, failing samples."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm

from crmlab.base.errors import FitError, OptionError
from crmlab.survey import pls_bootstrap
from crmlab.survey.pls import pls
from crmlab.survey.resample import bca, bootstrap_counts

LINE = "X =~ x; M =~ m; Y =~ y; M ~ X; Y ~ X + M"


def people(n, rng, b=0.4):
    x = rng.normal(size=n)
    m = 0.5 * x + rng.normal(0, 0.9, n)
    return pd.DataFrame({"x": x, "m": m, "y": b * m + 0.2 * x + rng.normal(0, 0.8, n)})


@pytest.fixture(scope="module")
def line():
    return people(400, np.random.default_rng(11))


@pytest.fixture(scope="module")
def fit(line):
    return pls(LINE, line, bootstrap=2000, rng=1)


def test_standard_errors_are_those_of_regression(line, fit):
    # standardised slopes know that the sds are estimated: the yardstick is resampled OLS, 300 samples (4% of the se)
    rng, slopes = np.random.default_rng(2), []
    for _ in range(300):
        again = line.iloc[rng.integers(0, 400, 400)]
        z = (again - again.mean()) / again.std()
        slopes.append(sm.OLS(z["y"], z[["x", "m"]]).fit().params.to_numpy())
    assert fit.paths["se"].to_numpy()[1:] == pytest.approx(np.std(slopes, axis=0, ddof=1), rel=0.12)
    z = (line - line.mean()) / line.std()
    one = pls("X =~ x; Y =~ m; Y ~ X", line, bootstrap=2000, rng=1)
    r = np.corrcoef(z["x"], z["m"])[0, 1]
    assert one.se.iloc[0] == pytest.approx((1 - r**2) / np.sqrt(399), rel=0.08)  # of a normal correlation


def test_tests_of_paths_and_of_chains(fit):
    table = fit.paths
    assert table["t"].to_numpy() == pytest.approx((table["est"] / table["se"]).to_numpy())
    assert table["pvalue"].to_numpy() == pytest.approx(2 * scipy.stats.norm.sf(table["t"].abs()))
    assert (table["low"] < table["est"]).all() and (table["est"] < table["high"]).all()
    chain = fit.indirect_effects.iloc[0]
    a, b = fit.paths["est"].to_numpy()[[0, 2]]
    sobel = np.sqrt(a**2 * fit.se.iloc[2] ** 2 + b**2 * fit.se.iloc[0] ** 2)
    assert chain["est"] == pytest.approx(a * b)
    assert chain["se"] == pytest.approx(sobel, rel=0.1)  # first order, and 2,000 draws
    effects = fit.effects().set_index(["kind", "from", "to", "through"])
    assert effects.loc[("indirect", "X", "Y", "M"), "ci.lower"] == chain["low"]
    assert fit.cov.loc["M~X", "M~X"] == pytest.approx(fit.se["M~X"] ** 2)


def test_bca_is_scipys():
    x = np.random.default_rng(4).exponential(size=40)
    theirs = scipy.stats.bootstrap((x,), np.mean, n_resamples=2000, method="BCa", rng=5)
    boot, jack = theirs.bootstrap_distribution[:, None], (x.sum() - x)[:, None] / 39
    low, high = bca(np.array([x.mean()]), boot, jack, 0.95)
    assert (low[0], high[0]) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)
    lone = np.zeros((1000, 1))
    lone[0] = 1  # the most skewed jackknife: below the formula's pole the bound is the least draw, not the greatest
    assert bca(np.array([0.0]), boot, lone, 1 - 1e-9)[0, 0] == boot.min()


def test_same_seed_same_numbers_whatever_the_chunks(line, fit, monkeypatch):
    monkeypatch.setattr(pls_bootstrap, "_ROOM", 60_000)  # chunks of about 50 samples
    seen = []
    again = pls(LINE, line, bootstrap=2000, rng=np.random.default_rng(1), progress=lambda *at: seen.append(at))
    pd.testing.assert_frame_equal(fit.paths, again.paths, rtol=1e-9)
    assert len(seen) > 10 and seen[-1] == (2000, 2000)
    assert pls(LINE, line, bootstrap=2000, rng=2).paths["se"].iloc[0] != fit.paths["se"].iloc[0]


def test_percentile_intervals_cover():
    # 300 samples: a true 95% lies in 92.0 to 97.7% with probability 0.98
    rng, truth, hits = np.random.default_rng(8), 0.5 / np.sqrt(0.25 + 0.81), 0
    for _ in range(300):
        row = pls("X =~ x; M =~ m; M ~ X", people(120, rng), bootstrap=199, rng=rng).paths.iloc[0]
        hits += row["low"] <= truth <= row["high"]
    assert 0.92 <= hits / 300 <= 0.98


def test_signs_of_samples_follow_the_estimate(mobi):
    # a construct whose loadings nearly cancel: without alignment its weights would jump between two signs
    text = "A =~ IMAG1 + IMAG2; B =~ CUSA1 + back; B ~ A"
    data = mobi.assign(back=-mobi["CUSA2"])
    fit = pls(text, data, bootstrap=300, rng=3)
    weights = fit.outer("weights").set_index("item")
    assert weights["se"].max() < 0.2
    assert np.sign(weights.loc["CUSA1", "low"]) == np.sign(weights.loc["CUSA1", "high"])


def test_samples_whose_causes_are_the_same_fail():
    # two causes that differ in 3 of 30 answers are the same in exp(-3) = 5% of the samples
    rng = np.random.default_rng(3)
    x = np.repeat([0.0, 1.0], 15)
    data = pd.DataFrame({"x": x, "m": np.where(np.arange(30) % 14 == 1, 1 - x, x), "y": x + rng.normal(size=30)})
    counts = bootstrap_counts(30, 300, np.random.default_rng(7))
    apart = data["x"] != data["m"]
    good = int((counts[:, apart].sum(axis=1) > 0).sum())
    fit = pls("X =~ x; M =~ m; Y =~ y; Y ~ X + M", data, bootstrap=300, rng=7)
    assert apart.sum() == 3 and 270 < good < 300 and f"from {good} bootstrap" in fit.notes[-1]
    with pytest.raises(FitError, match=r"found no estimates in \d+ of 200 samples"):
        pls("X =~ x; M =~ m; Y =~ y; Y ~ X + M", data.iloc[[0, 1, 5, 20, 29]], bootstrap=200, rng=7)


def test_samples_that_fail_are_counted(mobi, monkeypatch):
    rare = np.zeros(250)
    rare[:5] = 1  # absent from exp(-5) = 0.7% of the samples
    text = "A =~ IMAG1 + IMAG2; B =~ rare; B ~ A"
    fit = pls(text, mobi.assign(rare=rare), bootstrap=3000, rng=1)
    used = int(fit.notes[-1].split("from ")[1].split(" ")[0].replace(",", ""))
    assert 2960 <= used <= 2995 and f"{3000 - used} more failed" in fit.notes[-1]
    rare[3:] = 0  # the first samples of some chunks fail
    monkeypatch.setattr(pls_bootstrap, "_ROOM", 8_000)  # chunks of 9
    again = pls(text, mobi.assign(rare=rare), bootstrap=400, rng=1)
    counts = bootstrap_counts(250, 400, np.random.default_rng(1))
    assert f"from {(counts[:, :3].sum(axis=1) > 0).sum()} bootstrap" in again.notes[-1]
    assert again.outer("weights")["item"].tolist() == ["IMAG1", "IMAG2", "rare"]
    monkeypatch.undo()
    rare[1:] = 0  # in none of 37%
    with pytest.raises(FitError, match=r"of 3,000 samples"):
        pls(text, mobi.assign(rare=rare), bootstrap=3000, rng=1)


@pytest.mark.parametrize("bootstrap", [-1, 10, 2.5, "5000"])
def test_numbers_of_samples(line, bootstrap):
    with pytest.raises(OptionError, match="bootstrap="):
        pls(LINE, line, bootstrap=bootstrap, rng=1)
    with pytest.raises(OptionError, match="give rng=1"):
        pls(LINE, line)
    with pytest.raises(OptionError, match="rng=-1 is not usable"):
        pls(LINE, line, rng=-1)
    assert pls(LINE, line, bootstrap=0).paths["se"].isna().all()
