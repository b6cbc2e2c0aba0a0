"""Many samples: the intervals cover the truth, and no sample is lost."""

import warnings

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import FlatLikelihoodWarning
from crmlab.clv import bgnbd_math

HISTORY = ["frequency", "recency", "T"]
TRUTH = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}


@pytest.mark.slow
def test_intervals_cover_the_truth(simulated):
    """95% intervals in 400 samples of 2,000 customers: 92 to 98%, for parameters and a prediction."""
    truth = pd.Series(TRUTH)
    year = bgnbd_math.expected_if_alive(truth.to_numpy(), 0.0, np.zeros(1), np.array([52.0]))[0][0]
    hits, year_hits = [], []
    for seed in range(400):
        found = crm.BGNBD().fit(simulated(2000, 1000 + seed, **TRUTH))
        bounds = found.conf_int()
        hits.append((bounds["low"] <= truth) & (truth <= bounds["high"]))
        bound = found.expected_purchases_new([52.0], interval=0.95).iloc[0]
        year_hits.append(bound["low"] <= year <= bound["high"])
    assert pd.DataFrame(hits).mean().between(0.92, 0.98).all()
    assert 0.92 <= np.mean(year_hits) <= 0.98


HARD = {
    "low dropout": {"r": 0.5, "alpha": 5.0, "a": 0.05, "b": 5.0},
    "like CDNOW": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    "high frequency": {"r": 5.0, "alpha": 0.5, "a": 0.5, "b": 10.0},
    "nearly alike": {"r": 10.0, "alpha": 40.0, "a": 20.0, "b": 60.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_no_sample_is_lost(simulated, name):
    """200 samples of 200 customers: each converges above the truth's likelihood, or names what is open."""
    theta = np.array(list(HARD[name].values()))
    for seed in range(200):
        seen = simulated(200, seed, **HARD[name])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = crm.BGNBD().fit(seen)
        columns = [seen[c].to_numpy(float) for c in HISTORY]
        assert found.converged and np.isfinite(found.theta).all()
        assert found.loglik >= bgnbd_math.loglik(theta, *columns, np.ones(200))[0] - 1e-6
        assert {w.category for w in caught} <= {FlatLikelihoodWarning}
        assert bool(caught) == bool(found.flat)
        if found.flat:
            assert all(n in str(caught[0].message) for n in found.flat)
        else:
            assert np.isfinite(found.se).all() and (found.se > 0).all()
