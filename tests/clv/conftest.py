"""The CDNOW sample in weeks, as in the papers."""

import numpy as np
import pytest

import crmlab as crm


@pytest.fixture(scope="session")
def cdnow():
    return crm.summarize(crm.load_cdnow(sample=True), unit="W", end="1997-09-30", holdout_end="1998-06-30")


@pytest.fixture(scope="session")
def fit(cdnow):
    return crm.BGNBD().fit(cdnow)


@pytest.fixture(scope="session")
def spend(cdnow):
    return crm.GammaGamma().fit(cdnow)


@pytest.fixture(scope="session")
def simulated():
    """A function: n customers in weeks with known r, alpha, a, b."""

    def draw(n, seed, **theta):
        rng = np.random.default_rng(seed)
        seen = crm.simulate_customers(n, **theta, T=rng.uniform(27, 39, n), rng=rng)
        seen.attrs["unit"] = "W"
        return seen

    return draw
