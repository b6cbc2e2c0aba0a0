"""The BG/NBD formulas against 60-digit arithmetic, written down again from the paper with mpmath."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmlab.clv import bgnbd_math as m

# The issue is 1e-8 relative; the functions keep 1e-10 and better where the tests look.
TOLERANCE = 1e-8


def spread(low, high):
    return st.floats(np.log10(low), np.log10(high)).map(lambda e: 10**e)


counts = st.sampled_from([0, 1, 2, 7, 50, 500, 5000])
# a = 1 and its neighbourhood is where the usual closed form divides by a - 1
dropout_a = st.one_of(spread(0.01, 30), st.sampled_from([1.0, 1 + 1e-12, 1 - 1e-9, 1 + 1e-6]))
theta = st.tuples(spread(0.03, 30), spread(0.1, 1000), dropout_a, spread(0.02, 100))
histories = st.tuples(counts, spread(0.1, 1e4), st.floats(0, 1)).map(lambda h: (h[0], h[1] * h[2] * (h[0] > 0), h[1]))
grid = settings(max_examples=120, deadline=None)


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(60):
        yield


def row(x, tx, T):
    return np.array([float(x)]), np.array([float(tx)]), np.array([float(T)])


def exact(*values):
    return [mp.mpf(float(v)) for v in values]


def off(ours, truth):
    return float(abs(mp.mpf(float(ours)) / truth - 1))


@grid
@given(theta, histories)
@example((0.5, 5.0, 0.3, 0.4), (5000, 100.0, 100.0))  # t_x = T, a + b < 1
def test_loglik_and_p_alive(theta, history):
    x, tx, T = history
    r, alpha, a, b, X, TX, TT = exact(*theta, x, tx, T)
    stay = mp.beta(a, b + X) / mp.beta(a, b) * (alpha + TT) ** (-r - X)
    left = mp.beta(a + 1, b + X - 1) / mp.beta(a, b) * (alpha + TX) ** (-r - X) if x else mp.mpf(0)
    truth = mp.loggamma(r + X) - mp.loggamma(r) + r * mp.log(alpha) + mp.log(stay + left)
    ours = m.loglik(np.array(theta), *row(x, tx, T), np.ones(1))[0]
    # a log-likelihood may be 0, so that the error is measured against at least 1
    assert abs(ours - float(truth)) <= TOLERANCE * max(abs(float(truth)), 1)
    chance = stay / (stay + left)
    if chance > 1e-290:
        assert off(m.p_alive(np.array(theta), *row(x, tx, T))[0], chance) < TOLERANCE


@grid
@given(theta, counts, spread(0.1, 1e4), spread(1e-3, 1e3))
@example((0.24, 4.4, 1.0, 2.4), 0, 39.0, 1.0)
@example((0.24, 4.4, 0.2, 0.3), 0, 39.0, 1.0)
def test_expected_purchases(theta, x, T, ratio):
    r, alpha, a, b, X, TT = exact(*theta, x, T)
    t = ratio * float(alpha + TT)
    if abs(a - 1) < mp.mpf(10) ** -20:
        a = 1 + mp.mpf(10) ** -20  # the limit, to 20 digits
    c = a + b + X - 1
    if abs(c) < 1e-6:
        return  # the closed form has its other pole there; ours does not
    closed = c / (a - 1) * (1 - mp.hyp2f1(r + X, a - 1, c, -mp.mpf(t) / (alpha + TT)))
    ours = m.expected_if_alive(np.array(theta), float(x), np.array([T]), np.array([t]))[0][0]
    assert off(ours, closed) < TOLERANCE


@pytest.mark.parametrize("theta", [(0.24, 4.4, 0.8, 2.4), (0.5, 30.0, 1.0, 0.5), (5.0, 0.5, 0.1, 9.0)])
@pytest.mark.parametrize("x, T, length, rate", [(0, 0.0, 156.0, 0.0018), (7, 39.0, 1000.0, 0.01), (50, 5.0, 12.0, 0.5)])
def test_discounted_purchases(theta, x, T, length, rate):
    r, alpha, a, b, X, TT, d = exact(*theta, x, T, rate)

    def worth(t):  # purchases at t ahead, of customers alive at T: R/A 2F1(R + 1, a; a + b + x; -t/A)
        return (r + X) / (alpha + TT) * mp.hyp2f1(r + X + 1, a, a + b + X, -t / (alpha + TT)) * mp.exp(-d * t)

    with mp.workdps(25):
        truth = mp.quad(worth, [0, 1, 10, length] if length > 10 else [0, 1, length])
    ours = m.discounted_if_alive(np.array(theta), float(x), np.array([T]), length, rate)[0][0]
    assert off(ours, truth) < TOLERANCE


@grid
@given(theta, st.sampled_from([0, 1, 2, 10, 171, 300, 1000]), spread(0.01, 1e4))
def test_pmf(theta, n, t):
    r, alpha, a, b, N, tt = exact(*theta, n, t)
    z = tt / (alpha + tt)
    truth = mp.beta(a, b + N) / mp.beta(a, b) * mp.gamma(r + N) / mp.gamma(r) / mp.factorial(n) * (1 - z) ** r * z**N
    if n:
        truth += mp.beta(a + 1, b + N - 1) / mp.beta(a, b) * mp.betainc(N, r, 0, z, regularized=True)
    if truth > 1e-290:
        assert off(m.pmf(np.array(theta), np.float64(n), np.float64(t)), truth) < TOLERANCE


def test_pmf_sums_to_one_and_has_the_mean():
    # E[X(t)] comes from another formula: the sum of n P(n) checks both. b is large, so that the tail is thin.
    theta, t = np.array([2.0, 10.0, 3.0, 20.0]), 15.0
    n = np.arange(400.0)
    chance = m.pmf(theta, n, np.float64(t))
    mean = m.expected_if_alive(theta, 0.0, np.zeros(1), np.array([t]))[0][0]
    assert chance.sum() == pytest.approx(1, abs=1e-12)
    assert n @ chance == pytest.approx(mean, rel=1e-10)


def test_nothing_happens_in_no_time():
    theta = np.array([0.5, 5.0, 1.0, 3.0])
    assert m.pmf(theta, np.array([0.0, 1.0]), np.float64(0)).tolist() == [1.0, 0.0]
    assert m.expected_if_alive(theta, 3.0, np.array([9.0]), np.zeros(1))[0][0] == 0
    assert m.p_alive(theta, *row(0, 0, 1e9))[0] == 1


def numeric(function, theta, step=1e-5):
    """Central differences; the tests below compare to 1e-6, ten times the error of this step."""
    columns = []
    for k in range(len(theta)):
        h = step * theta[k] * np.eye(len(theta))[k]
        columns.append((np.asarray(function(theta + h)) - np.asarray(function(theta - h))) / (2 * h[k]))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("theta", [(0.24, 4.4, 0.79, 2.4), (3.0, 0.7, 1.0, 9.0), (0.5, 20.0, 0.2, 0.3)])
def test_derivatives(theta):
    theta = np.array(theta)
    x, tx, T = np.array([0.0, 2, 7, 30]), np.array([0.0, 30, 39, 12]), np.full(4, 39.0)
    weight = np.array([3.0, 1, 2, 1])
    _, gradient, hessian = m.loglik(theta, x, tx, T, weight)
    assert np.array_equal(hessian, hessian.T)
    assert gradient == pytest.approx(numeric(lambda p: m.loglik(p, x, tx, T, weight)[0], theta), rel=1e-6, abs=1e-6)
    assert hessian == pytest.approx(numeric(lambda p: m.loglik(p, x, tx, T, weight)[1], theta), rel=1e-6, abs=1e-6)
    odds = numeric(lambda p: m.log_odds_alive(p, x[1:], tx[1:], T[1:])[0], theta)
    assert m.log_odds_alive(theta, x, tx, T)[1][1:] == pytest.approx(odds, rel=1e-6, abs=1e-8)
    for function, more in ((m.expected_if_alive, (T[:1],)), (m.discounted_if_alive, (52.0, 0.002))):
        for count in (0.0, 7.0):
            rest = (count, T[:1], *more)
            check = numeric(lambda p, f=function, rest=rest: f(p, *rest)[0], theta)
            assert function(theta, *rest)[1] == pytest.approx(check, rel=1e-6)
