"""The Gamma-Gamma model: published numbers are in tests/reports; here truth, limits and bad input."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, DataError, FitError
from crmlab.clv import gamma_gamma


def spenders(n, p, q, v, rng, x=None):
    x = rng.poisson(2, n) + 1 if x is None else x
    level = rng.gamma(q, 1 / v, n)
    return pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(p * x) / x / level})


def test_loglik_against_50_digits():
    theta, x, z = (6.25, 3.74, 15.44), [1, 5, 5000], [0.01, 35.17, 1e9]
    with mp.workdps(50):
        p, q, v = map(mp.mpf, theta)
        truth = mp.mpf(0)
        for n, m in zip(x, z, strict=True):
            n, m = mp.mpf(n), mp.mpf(m)
            truth += mp.log(
                mp.gamma(p * n + q) / mp.gamma(p * n) / mp.gamma(q) * v**q * m ** (p * n - 1) * n ** (p * n)
                / (n * m + v) ** (p * n + q)
            )  # fmt: skip
    ours = gamma_gamma.loglik(np.array(theta), np.array(x, float), np.array(z), np.ones(3))[0]
    assert ours == pytest.approx(float(truth), rel=1e-10)


@pytest.mark.parametrize("theta", [(6.25, 3.74, 15.44), (0.8, 1.2, 300.0)])
def test_derivatives(theta):
    x, z, w = np.array([1.0, 3, 40]), np.array([5.0, 35, 80]), np.array([2.0, 1, 1])
    theta, step = np.array(theta), 1e-5
    _, gradient, hessian = gamma_gamma.loglik(theta, x, z, w)
    for k in range(3):
        h = step * theta[k] * np.eye(3)[k]
        up, down = (gamma_gamma.loglik(theta + s * h, x, z, w) for s in (1, -1))
        assert gradient[k] == pytest.approx((up[0] - down[0]) / (2 * h[k]), rel=1e-6, abs=1e-7)
        assert hessian[k] == pytest.approx((up[1] - down[1]) / (2 * h[k]), rel=1e-6, abs=1e-7)


def test_currency_only_scales(spend, cdnow):
    rials = cdnow.assign(monetary_value=cdnow["monetary_value"] * 1e7)
    fit = crm.GammaGamma().fit(rials)
    assert fit.params[["p", "q"]].to_numpy() == pytest.approx(spend.params[["p", "q"]].to_numpy(), rel=1e-6)
    assert fit.params["v"] == pytest.approx(spend.params["v"] * 1e7, rel=1e-6)
    assert fit.loglik == pytest.approx(spend.loglik - 946 * np.log(1e7), rel=1e-9)


def test_money_from_a_cent_to_a_billion():
    rng = np.random.default_rng(2)
    seen = spenders(20_000, 1.5, 2.0, 100.0, rng)
    seen["monetary_value"] = seen["monetary_value"].clip(0.01, 1e9)
    fit = crm.GammaGamma().fit(seen)
    assert fit.converged
    edge = pd.DataFrame({"frequency": [1, 5000], "monetary_value": [0.01, 1e9]})
    p, q, v = fit.theta
    by_hand = [p * (v + 0.01) / (p + q - 1), p * (v + 5e12) / (5000 * p + q - 1)]
    assert fit.expected_spend(edge).tolist() == pytest.approx(by_hand, rel=1e-12)


def test_weights_are_customers(spend, cdnow):
    grouped = cdnow.groupby(["frequency", "monetary_value"]).size().rename("n_customers").reset_index()
    again = crm.GammaGamma().fit(grouped)
    assert again.n == spend.n == 946
    assert again.loglik == pytest.approx(spend.loglik, rel=1e-12)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    truth = pd.Series({"p": 6.0, "q": 4.0, "v": 15.0})
    hits = []
    for seed in range(400):
        found = crm.GammaGamma().fit(spenders(2000, *truth, np.random.default_rng(seed)))
        bounds = found.conf_int()
        hits.append((bounds["low"] <= truth) & (truth <= bounds["high"]))
    assert pd.DataFrame(hits).mean().between(0.92, 0.98).all()


def test_shrinks_towards_everybody(spend):
    mean, _ = spend.mean_spend()
    seen = pd.DataFrame({"frequency": [0, 1, 10, 1000], "monetary_value": [0.0, 100.0, 100.0, 100.0]})
    expected = spend.expected_spend(seen)
    assert expected.iloc[0] == pytest.approx(mean)
    assert mean < expected.iloc[1] < expected.iloc[2] < expected.iloc[3] < 100
    bounds = spend.expected_spend(seen, interval=0.95)
    assert (bounds["low"] < expected).all() and (expected < bounds["high"]).all()


def test_no_finite_mean_is_said():
    rng = np.random.default_rng(4)
    seen = spenders(3000, 3.0, 0.7, 20.0, rng)
    with pytest.warns(AssumptionWarning, match="q = 0\\.\\d+ is not above 1"):
        fit = crm.GammaGamma().fit(seen)
    nobody = pd.DataFrame({"frequency": [0, 4], "monetary_value": [0.0, 20.0]})
    with pytest.raises(FitError, match="1 customers with too few orders is infinite"):
        fit.expected_spend(nobody)
    assert fit.expected_spend(nobody[1:]).iloc[0] > 0


def test_correlation_is_reported(spend):
    assert spend.correlation == pytest.approx(0.11, abs=0.005)  # Fader, Hardie & Lee 2005 (RFM and CLV), section 3
    assert "correlation" in spend.summary()
    rng = np.random.default_rng(6)
    seen = spenders(2000, 5.0, 4.0, 30.0, rng)
    seen["monetary_value"] *= seen["frequency"]  # who buys often spends more
    with pytest.warns(AssumptionWarning, match="correlation of frequency"):
        crm.GammaGamma().fit(seen)


def test_free_orders_can_be_expected_but_not_fitted(spend):
    free = pd.DataFrame({"frequency": [0, 1, 2], "monetary_value": [0.0, 0.0, 9.0]})
    with pytest.raises(DataError, match=r"in 1 row .*monetary_value > 0"):
        crm.GammaGamma().fit(free)
    p, q, v = spend.theta
    assert spend.expected_spend(free).iloc[1] == pytest.approx(p * v / (p + q - 1))


def test_refusals(spend):
    with pytest.raises(DataError, match="monetary_value"):
        crm.GammaGamma().fit(pd.DataFrame({"frequency": [1, 2, 3]}))
    with pytest.raises(DataError, match="monetary_value"):
        crm.GammaGamma().fit(pd.DataFrame({"frequency": [1, 2], "monetary_value": [-5.0, 3.0]}))
    with pytest.raises(FitError, match="repeat buyers"):
        crm.GammaGamma().fit(pd.DataFrame({"frequency": [0, 1], "monetary_value": [0.0, 3.0]}))
    with pytest.raises(FitError, match="did not all spend the same"):
        crm.GammaGamma().fit(pd.DataFrame({"frequency": [1, 2], "monetary_value": [3.0, 3.0]}))
