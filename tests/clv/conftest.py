"""The CDNOW sample in weeks, as in the papers."""

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
