"""The fitted BG/NBD model: published numbers, known truth, hard samples, bad input."""

import warnings

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import DataError, FitError, FlatLikelihoodWarning, OptionError
from crmlab.clv import bgnbd_math

HISTORY = ["frequency", "recency", "T"]
TRUTH = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}


def test_maximum_is_one(fit, cdnow):
    # the five-digit refit in reports/published.csv has b = 2.42589: ours is higher up the same hill
    columns = [cdnow[c].to_numpy(float) for c in HISTORY]
    weight = np.ones(len(cdnow))
    value, slope, _ = bgnbd_math.loglik(fit.theta, *columns, weight)
    printed = bgnbd_math.loglik(np.array([0.24259, 4.41360, 0.79292, 2.42589]), *columns, weight)[0]
    assert value > printed
    assert np.abs(fit.theta * slope).max() < 1e-5  # of 9,582: flat to ten digits
    assert fit.converged and not fit.flat and fit.n == 2357 and fit.unit == "W"


def test_printed_expectation_is_a_series_cut_short(fit):
    # Hardie's spreadsheet prints E[X(78)] = 1.8576: the sum of 150 terms of 2F1; the whole is 1.8580
    r, alpha, a, b = map(mp.mpf, fit.theta)
    z, term, total = 78 / (alpha + 78), mp.mpf(1), mp.mpf(1)
    for k in range(150):
        term *= (r + k) * (b + k) / (a + b - 1 + k) / (k + 1) * z
        total += term
    cut = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + 78)) ** r * total)
    assert round(float(cut), 4) == 1.8576
    assert round(fit.expected_purchases_new(78), 4) == 1.8580


def test_covariance_is_symmetric_and_of_the_hessian(fit, cdnow):
    hessian = bgnbd_math.loglik(fit.theta, *(cdnow[c].to_numpy(float) for c in HISTORY), np.ones(len(cdnow)))[2]
    assert np.array_equal(fit.cov, fit.cov.T)
    assert -hessian @ fit.cov.to_numpy() == pytest.approx(np.eye(4), abs=1e-6)


def test_agrees_with_lifetimes(fit, cdnow):
    lifetimes = pytest.importorskip("lifetimes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifetimes is archived, and its dependencies warn
        peer = lifetimes.BetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        theirs = peer.conditional_expected_number_of_purchases_up_to_time(
            39, cdnow["frequency"], cdnow["recency"], cdnow["T"]
        )
        alive = peer.conditional_probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    # lifetimes' optimiser stops at about five digits
    assert fit.params.to_numpy() == pytest.approx(peer.params_.to_numpy(), rel=2e-4)
    assert fit.expected_purchases(cdnow, 39).to_numpy() == pytest.approx(np.asarray(theirs), rel=2e-4)
    assert fit.p_alive(cdnow).to_numpy() == pytest.approx(np.asarray(alive), abs=2e-4)


def test_units_agree():
    log = crm.load_cdnow(sample=True)
    days, weeks = (crm.BGNBD().fit(crm.summarize(log, unit=u, end="1997-09-30")) for u in ("D", "W"))
    assert days.params["alpha"] == pytest.approx(7 * weeks.params["alpha"], rel=1e-6)
    assert days.params[["r", "a", "b"]].to_numpy() == pytest.approx(weeks.params[["r", "a", "b"]].to_numpy(), rel=1e-6)
    # the densities of 4,139... repeat purchases are per day instead of per week, and nothing else
    assert days.expected_purchases_new("1Y") == pytest.approx(weeks.expected_purchases_new("1Y"), rel=1e-6)


def test_grouped_customers_give_the_same(fit, cdnow):
    grouped = crm.summarize(crm.load_cdnow(sample=True), unit="W", end="1997-09-30", grouped=True)
    again = crm.BGNBD().fit(grouped)
    assert again.n == fit.n and len(grouped) < 2357
    assert again.loglik == pytest.approx(fit.loglik, rel=1e-12)
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), rel=1e-7)
    total = (again.expected_purchases(grouped, 39) * grouped["n_customers"]).sum()
    assert total == pytest.approx(fit.expected_purchases(cdnow, 39).sum(), rel=1e-7)


def test_order_and_index_do_not_matter(fit, cdnow):
    mixed = cdnow.sample(frac=1, random_state=1).set_index("customer_id")
    same = fit.expected_purchases(mixed, 39).sort_index().to_numpy()
    assert same == pytest.approx(fit.expected_purchases(cdnow, 39).to_numpy(), rel=1e-12)


def test_recovers_the_truth(simulated):
    found = crm.BGNBD().fit(simulated(100_000, 5, **TRUTH))
    off = (found.params - pd.Series(TRUTH)) / found.se
    assert (off.abs() < 3.5).all()  # 3.5 standard errors: four parameters, a chance of 1 in 500
    assert (found.se / found.params < 0.05).all()


def test_flat_likelihood_is_said():
    # nobody ever leaves: any small a with any b explains that
    rng = np.random.default_rng(3)
    seen = crm.simulate_customers(200, r=2, alpha=2, a=1e-6, b=10, T=40, rng=rng)
    with pytest.warns(FlatLikelihoodWarning, match=r"flat in a"):
        found = crm.BGNBD().fit(seen, unit="W")
    assert "a" in found.flat and "a" in found.summary()
    assert found.expected_purchases_new(10) == pytest.approx(10.0, rel=0.2)  # r / alpha a week, still usable


def test_simulate_from_the_fit(fit):
    again = fit.simulate(20_000, "1Y", rng=np.random.default_rng(1))
    assert again.attrs["unit"] == "W"
    # 4 standard errors of the mean of 20,000 counts
    assert abs(again["frequency"].mean() - fit.expected_purchases_new("1Y")) < 4 * again["frequency"].sem()
    share = (again["frequency"] == 0).mean()
    assert share == pytest.approx(fit.pmf(0, "1Y"), abs=4 * np.sqrt(share * (1 - share) / 20_000))
    same = fit.simulate(20_000, "1Y", rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(again, same)


def test_predictions_hold_in_a_simulated_future():
    rng = np.random.default_rng(11)
    seen = crm.simulate_customers(60_000, **TRUTH, T=39, holdout=39, rng=rng)
    theta = pd.Series(TRUTH)
    truth = crm.BGNBD().fit(seen, unit="W")
    expected, alive = truth.expected_purchases(seen, 39), truth.p_alive(seen)
    later = seen["holdout_frequency"]
    assert later.sum() == pytest.approx(expected.sum(), rel=0.03)
    assert seen["alive"].mean() == pytest.approx(alive.mean(), abs=0.01)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 0.999)):  # calibrated within bands, too
        band = (alive > low) & (alive <= high)
        assert seen.loc[band, "alive"].mean() == pytest.approx(alive[band].mean(), abs=0.02)
    assert theta.index.tolist() == truth.params.index.tolist()


def test_intervals_of_predictions(fit, cdnow):
    alive = fit.p_alive(cdnow, interval=0.95)
    assert alive["low"].between(0, 1).all() and alive["high"].between(0, 1).all()
    once = cdnow["frequency"] == 0
    assert (alive.loc[once, ["estimate", "low", "high"]] == 1).all(axis=None)
    orders = fit.expected_purchases(cdnow, 39, interval=0.95)
    assert (orders["low"] > 0).all() and (orders["low"] < orders["estimate"]).all()
    assert orders["estimate"].to_numpy() == pytest.approx(fit.expected_purchases(cdnow, 39).to_numpy())


def test_delta_method_agrees_with_a_bootstrap(fit, cdnow):
    """Parametric bootstrap of E[Y(39)] for one history. 200 draws give the se to about 1 / sqrt(400) = 5%."""
    one = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    rng, draws = np.random.default_rng(8), []
    for _ in range(200):
        again = crm.simulate_customers(len(cdnow), **fit.params.to_dict(), T=cdnow["T"].to_numpy(), rng=rng)
        draws.append(crm.BGNBD().fit(again, unit="W").expected_purchases(one, 39).iloc[0])
    assert fit.expected_purchases(one, 39, interval=0.95)["se"].iloc[0] == pytest.approx(np.std(draws), rel=0.2)


def test_faulty_customers_are_refused_all_at_once(fit):
    bad = pd.DataFrame({"frequency": [1, 0, 2.5, 1], "recency": [50.0, 3, 4, np.nan], "T": [39.0, 39, 39, 39]})
    with pytest.raises(DataError) as caught:
        crm.BGNBD().fit(bad, unit="W")
    text = str(caught.value)
    assert len(caught.value.faults) >= 4
    assert all(c in text for c in ("frequency", "recency"))
    with pytest.raises(DataError):
        fit.expected_purchases(bad, 39)
    with pytest.raises(DataError, match="frequency"):
        fit.p_alive(pd.DataFrame({"recency": [1.0], "T": [2.0]}))


def test_refusals(fit, cdnow):
    plain = pd.DataFrame(cdnow[HISTORY].to_numpy(), columns=HISTORY)
    with pytest.raises(DataError, match="unit='W'"):
        crm.BGNBD().fit(plain)
    with pytest.raises(OptionError, match="'D', 'W', 'M'"):
        crm.BGNBD().fit(plain, unit="weeks")
    with pytest.raises(OptionError, match="summarized with unit='W'"):
        crm.BGNBD().fit(cdnow, unit="D")
    days = crm.summarize(crm.load_cdnow(sample=True), unit="D", end="1997-09-30")
    with pytest.raises(OptionError, match="'D'"):
        fit.expected_purchases(days, 39)
    with pytest.raises(FitError, match="Nobody bought again"):
        crm.BGNBD().fit(plain[plain["frequency"] == 0], unit="W")
    with pytest.raises(FitError, match="distinct histories"):
        crm.BGNBD().fit(plain[plain["frequency"] > 0].head(2), unit="W")
    for horizon in (-1, float("nan"), "3 years", "inf"):
        with pytest.raises(OptionError, match="horizon"):
            fit.expected_purchases(cdnow, horizon)
    with pytest.raises(OptionError, match="whole numbers"):
        fit.pmf(1.5, 39)
    with pytest.raises(OptionError, match="level"):
        fit.conf_int(95)


def test_a_lazy_table_is_fetched(fit):
    import ibis
    import pyarrow as pa

    log = ibis.memtable(pa.Table.from_pandas(crm.load_cdnow(sample=True)))
    lazy = crm.summarize(log, unit="W", end="1997-09-30", grouped=True)
    assert not isinstance(lazy, pd.DataFrame)
    assert crm.BGNBD().fit(lazy, unit="W").loglik == pytest.approx(fit.loglik, rel=1e-12)
    with pytest.raises(DataError, match="list"):
        crm.BGNBD().fit([1, 2, 3])
    with pytest.raises(DataError, match="list"):
        fit.p_alive([1, 2, 3])
