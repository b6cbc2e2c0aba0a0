"""Thresholds and polychoric correlations: lavaan's numbers, closed forms of 2x2 tables, quadrature, bad input."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from crmlab.base.errors import AssumptionWarning, DataError
from crmlab.survey.ordinal import MOST_CATEGORIES, binormal, ordinal_moments, polychoric

ITEMS = [f"{trait}{k}" for trait in "AC" for k in range(1, 6)]


def cut(latent, *cuts):
    return np.stack([np.searchsorted(c, x) + 1.0 for x, c in zip(latent.T, cuts, strict=True)], axis=1)


def three_items(n=400, seed=5):
    latent = np.random.default_rng(seed).multivariate_normal(np.zeros(3), 0.5 + 0.5 * np.eye(3), n)
    return cut(latent, [-1, 0.2, 1.1], [-0.3, 0.9], [-1.5, -0.4, 0.3, 1.2])


def test_correlations_of_lavaan(bfi, reference):
    # lavCor prints 11 digits; its optimiser stops at about 1e-8
    found = polychoric(bfi)
    for other in ("A2", "A3", "A4", "A5"):
        expected = reference["bfi A n=2436", f"polychoric A1-{other}"]
        assert found.loc["A1", other] == pytest.approx(expected, abs=1e-7)


def test_thresholds_of_lavaan(bfi, r_tables):
    # lavaan divides by n - 1 where the variance is gamma / n
    found = ordinal_moments(bfi[ITEMS].to_numpy(), ITEMS)
    table = pd.DataFrame(r_tables["bfi_wlsmv_pe"]).query("op == '|'")
    assert [ITEMS[k] for k in found.owner] == table["lhs"].tolist()
    assert found.thresholds == pytest.approx(table["est"].to_numpy(), abs=1e-9)
    se = np.sqrt(np.diag(found.gamma)[:50] / (found.n - 1))
    assert se == pytest.approx(table["se"].to_numpy(), rel=1e-8)


def test_normal_rectangles_against_quadrature():
    # Plackett (1954): the derivative in rho is the density; 30 digits
    def plackett(h, k, r):
        h, k, r = map(mp.mpf, (h, k, r))
        inner = lambda t: mp.exp(-(h * h + k * k - 2 * h * k * mp.sin(t)) / (2 * mp.cos(t) ** 2))  # noqa: E731
        return mp.ncdf(h) * mp.ncdf(k) + mp.quad(inner, mp.linspace(0, mp.asin(r), 6)) / (2 * mp.pi)

    rng = np.random.default_rng(0)
    edge = [(0, 0, 0.5), (0, -1, 0.5), (1, 0, -0.5), (40, -1.2, 0.99), (-5, -5, 0.5), (1, 1, 0.9995), (1, -1, -0.9995)]
    points = np.array(edge + [(*rng.normal(0, 2, 2), rng.uniform(-0.999, 0.999)) for _ in range(40)])
    with mp.workdps(30):
        truth = [float(plackett(*map(float, point))) for point in points]
    assert binormal(*points.T) == pytest.approx(truth, abs=1e-15)


@pytest.mark.parametrize("counts", [(40, 10, 10, 40), (5, 45, 45, 5)])
def test_tetrachoric_of_medians_in_closed_form(counts):
    # both thresholds 0: p11 = 1/4 + asin(rho) / (2 pi), so that rho = sin(2 pi (p11 - 1/4)) (Sheppard 1899)
    codes = np.repeat([[1, 1], [1, 2], [2, 1], [2, 2]], counts, axis=0).astype(float)
    found = ordinal_moments(codes, ["a", "b"])
    assert found.correlation[0, 1] == pytest.approx(np.sin(2 * np.pi * (counts[0] / 100 - 0.25)), abs=1e-11)


def test_covariance_of_a_2x2_table_is_that_of_its_frequencies():
    # all three are functions of the four frequencies: the delta method is exact, but for its numeric slopes
    counts = np.array([310, 120, 90, 480])
    cells = np.array([[1, 1], [1, 2], [2, 1], [2, 2]], dtype=float)

    def estimate(counts):
        found = ordinal_moments(np.repeat(cells, counts, axis=0), ["a", "b"])
        return np.r_[found.thresholds, found.correlation[0, 1]]

    many, step = 1000 * counts, 100 * np.eye(4, dtype=int)
    slope = np.array([(estimate(many + one) - estimate(many - one)) / 2e-4 for one in step]).T  # per share of 1e6
    p = counts / counts.sum()
    truth = slope @ (np.diag(p) - np.outer(p, p)) @ slope.T
    assert ordinal_moments(np.repeat(cells, counts, axis=0), ["a", "b"]).gamma == pytest.approx(truth, rel=1e-5)


def test_covariance_is_that_of_repeated_samples():
    # 300 samples: a variance is known to 8%, a covariance to at most as much of the standard deviations; four of those
    draws, gammas = [], []
    for seed in range(300):
        found = ordinal_moments(three_items(300, seed), list("abc"))
        draws.append(np.r_[found.thresholds, found.correlation[found.pairs]])
        gammas.append(found.gamma)
    truth, mean = 300 * np.cov(np.array(draws).T), np.mean(gammas, axis=0)
    scale = np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
    assert np.abs((mean - truth) / scale).max() < 4 * np.sqrt(2 / 300)


def test_it_is_the_likelihoods_maximum_beside_empty_cells():
    # scipy's own normal integral and a search by golden section
    table = np.array([[12, 5, 0, 0], [6, 20, 7, 1], [0, 3, 9, 11]])
    codes = np.array([(a, b) for a in range(3) for b in range(4) for _ in range(table[a, b])], dtype=float)
    found = ordinal_moments(codes, ["a", "b"])
    h = np.r_[-9, found.thresholds[:2], 9]
    k = np.r_[-9, found.thresholds[2:], 9]

    def minus(rho):
        normal = multivariate_normal(cov=[[1, rho], [rho, 1]])
        below = np.array([[normal.cdf([x, y]) for y in k] for x in h])
        p = np.diff(np.diff(below, axis=0), axis=1)
        return -(table[table > 0] * np.log(p[table > 0])).sum()

    best = minimize_scalar(minus, bounds=(-0.99, 0.99), method="bounded", options={"xatol": 1e-9}).x
    assert found.correlation[0, 1] == pytest.approx(best, abs=1e-6)


def test_a_reversed_item_changes_signs_only():
    codes = three_items()
    there, back = ordinal_moments(codes, list("abc")), ordinal_moments(codes * [1, -1, 1] + [0, 4, 0], list("abc"))
    assert back.correlation == pytest.approx(there.correlation * np.outer([1, -1, 1], [1, -1, 1]), abs=1e-10)
    assert back.thresholds[3:5] == pytest.approx(-there.thresholds[3:5][::-1], abs=1e-14)
    turn = np.eye(12)[[0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11]]
    turn = turn * np.array([1, 1, 1, -1, -1, 1, 1, 1, 1, -1, 1, -1])[:, None]
    assert back.gamma == pytest.approx(turn @ there.gamma @ turn.T, abs=1e-7)


def test_codes_that_do_not_occur_count_for_nothing():
    codes = three_items()
    gaps = codes.copy()
    gaps[:, 1] = np.array([np.nan, 1, 2, 5])[gaps[:, 1].astype(int)]
    found = ordinal_moments(gaps, list("abc"))
    assert found.levels[1].tolist() == [1, 2, 5]
    assert found.correlation.tolist() == ordinal_moments(codes, list("abc")).correlation.tolist()


def test_an_empty_cell_of_a_2x2_table_gets_a_half():
    # by hand: 30 20 / 0 50 becomes 29.5 20.5 / 0.5 49.5 with the same margins
    codes = np.repeat([[1, 1], [1, 2], [2, 2]], (30, 20, 50), axis=0).astype(float)
    with pytest.warns(AssumptionWarning, match=r"empty cell.*\(a-b\)"):
        found = ordinal_moments(codes, ["a", "b"])
    doubled = np.repeat([[1, 1], [1, 2], [2, 1], [2, 2]], (59, 41, 1, 99), axis=0).astype(float)
    assert found.correlation[0, 1] == pytest.approx(ordinal_moments(doubled, ["a", "b"]).correlation[0, 1], abs=1e-9)


def test_the_same_item_twice_is_said():
    item = three_items()[:, :1]
    with pytest.warns(AssumptionWarning, match="bound of -1 or 1.*first-second"):
        ordinal_moments(np.hstack([item, item]), ["first", "second"])


def test_missing_answers_leave_their_rows_out(bfi):
    holes = bfi[["A1", "A2", "A3"]].head(500).copy()
    holes.iloc[::7, 1] = np.nan
    pd.testing.assert_frame_equal(polychoric(holes), polychoric(holes.dropna()))


def test_all_faults_at_once():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(three_items(60), columns=["good", "b", "c"])
    table["amount"] = np.arange(60.0)
    table["mean_score"] = rng.integers(2, 10, 60) / 2
    with pytest.raises(DataError) as caught:
        polychoric(table)
    assert [fault.column for fault in caught.value.faults] == ["amount", "mean_score"]
    assert f"60 different values, too many for an ordinal item (at most {MOST_CATEGORIES})" in str(caught.value)
    assert "not whole numbers" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"b": 2.0}, "'b': every answer is the same"), ({"b": "agree"}, "'b': it is not numeric")],
)
def test_unusable_items(change, message):
    with pytest.raises(DataError, match=message):
        polychoric(pd.DataFrame(three_items(60), columns=list("abc")).assign(**change))
