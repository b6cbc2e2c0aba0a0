"""The optimiser and the Fit, on likelihoods that can be maximised on paper."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma, polygamma
from scipy.stats import norm

from crmlab.base.errors import FlatLikelihoodWarning, OptionError
from crmlab.base.fit import Fit, from_optimum, with_interval, z_value
from crmlab.base.mle import maximize


def exponential(data):
    """log L = n log(rate) - rate sum(x): the maximum is 1 / mean, its variance rate^2 / n."""
    n, total = len(data), data.sum()

    def objective(theta):
        rate = theta[0]
        return n * np.log(rate) - rate * total, np.array([n / rate - total]), np.array([[-n / rate**2]])

    return objective


def test_exponential_by_hand():
    data = np.array([1.0, 2.0, 3.0, 6.0])
    best = maximize(exponential(data), [np.array([100.0])], ["rate"], 4)
    assert best.theta[0] == pytest.approx(1 / 3, rel=1e-8)
    assert best.cov[0, 0] == pytest.approx((1 / 3) ** 2 / 4, rel=1e-6)
    assert best.loglik == pytest.approx(4 * np.log(1 / 3) - 4, rel=1e-12)
    assert best.converged and best.flat == ()


def test_flat_directions_are_named():
    """Only the product a b is seen, c has its own data: a and b are open, c is not."""

    def objective(theta):
        a, b, c = theta
        value = 50 * np.log(a * b) - 10 * a * b + 50 * np.log(c) - 20 * c
        gradient = np.array([50 / a - 10 * b, 50 / b - 10 * a, 50 / c - 20])
        hessian = np.array([[-50 / a**2, -10, 0], [-10, -50 / b**2, 0], [0, 0, -50 / c**2]])
        return value, gradient, hessian

    best = maximize(objective, [np.array([1.0, 1.0, 1.0])], ["a", "b", "c"], 50)
    assert best.theta[0] * best.theta[1] == pytest.approx(5, rel=1e-6)
    assert best.flat == ("a", "b")
    assert np.isnan(best.cov[0, 0]) and np.isnan(best.cov[0, 1])
    assert best.cov[2, 2] == pytest.approx(2.5**2 / 50, rel=1e-6)
    with pytest.warns(FlatLikelihoodWarning, match="flat in a, b"):
        fields = from_optimum(best, ["a", "b", "c"], model="test", n=50, unit=None)
    assert Fit(**fields).se.isna().tolist() == [True, True, False]


def test_the_better_of_two_hills_is_kept_when_the_first_is_no_maximum():
    def objective(theta):  # a hill at 5; from far below only a plateau is seen
        e = np.log(theta[0])
        height = np.exp(-((e - np.log(5)) ** 2) * 4)
        d = -8 * (e - np.log(5)) * height
        dd = (64 * (e - np.log(5)) ** 2 - 8) * height
        t = theta[0]
        return height, np.array([d / t]), np.array([[(dd - d) / t**2]])

    best = maximize(objective, [np.array([1e-9]), np.array([4.0])], ["x"], 1)
    assert best.theta[0] == pytest.approx(5, rel=1e-6)


@pytest.fixture
def fit():
    data = np.random.default_rng(0).gamma(2.0, 3.0, 500)
    n, logs, total = len(data), np.log(data).sum(), data.sum()
    from scipy.special import gammaln

    def objective(theta):
        k, rate = theta
        value = n * (k * np.log(rate) - gammaln(k)) + (k - 1) * logs - rate * total
        gradient = np.array([n * (np.log(rate) - digamma(k)) + logs, n * k / rate - total])
        hessian = np.array([[-n * polygamma(1, k), n / rate], [n / rate, -n * k / rate**2]])
        return value, gradient, hessian

    best = maximize(objective, [np.ones(2)], ["k", "rate"], n)
    return Fit(**from_optimum(best, ["k", "rate"], model="Gamma", n=n, unit="W"))


def test_contract(fit):
    assert fit.aic == pytest.approx(4 - 2 * fit.loglik)
    assert fit.bic == pytest.approx(2 * np.log(500) - 2 * fit.loglik)
    assert fit.se.to_numpy() == pytest.approx(np.sqrt(np.diag(fit.cov)))
    bounds = fit.conf_int(0.9)
    assert (bounds["low"] * bounds["high"]).to_numpy() == pytest.approx(fit.params.to_numpy() ** 2)
    assert fit.tidy().columns.tolist() == ["parameter", "estimate", "se", "low", "high"]
    text = fit.summary()
    assert all(part in text for part in ("Gamma", "500", "log-likelihood", "AIC", "rate", "2.5%", "97.5%"))
    assert repr(text) == str(text) == repr(fit) and fit._repr_html_().startswith("<pre")
    with pytest.raises(AttributeError):
        fit.n = 3  # a result does not change


def test_intervals():
    assert z_value(0.95) == pytest.approx(norm.ppf(0.975))
    with pytest.raises(OptionError, match="level"):
        z_value(95)
    index, value, variance = pd.Index(["x"]), np.array([0.9]), np.array([0.01])
    z = norm.ppf(0.975)
    linear = with_interval(value, variance, 0.95, index).loc["x"]
    assert [linear["low"], linear["high"]] == pytest.approx([0.9 - z * 0.1, 0.9 + z * 0.1])
    log = with_interval(value, variance, 0.95, index, "log").loc["x"]
    assert log["low"] * log["high"] == pytest.approx(0.81)
    logit = with_interval(value, variance, 0.95, index, "logit").loc["x"]
    odds = [bound / (1 - bound) for bound in (logit["low"], logit["high"])]
    assert np.sqrt(odds[0] * odds[1]) == pytest.approx(9)  # symmetric on the log odds
    assert logit["high"] < 1 < linear["high"]
