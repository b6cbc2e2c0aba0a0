"""The data and the reference numbers that the survey tests share."""

import json
from pathlib import Path

import pandas as pd
import pytest

import crmlab as crm

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


@pytest.fixture(scope="session")
def reference():
    """(data, quantity) -> value, from R; tests/reference/README.md says which programs."""
    table = pd.read_csv(REFERENCE / "survey.csv")
    return {(row.data, row.quantity): row.value for row in table.itertuples()}


@pytest.fixture(scope="session")
def r_tables():
    return json.loads((REFERENCE / "survey_r.json").read_text())


@pytest.fixture(scope="session")
def pls_tables():
    return json.loads((REFERENCE / "pls_r.json").read_text())


@pytest.fixture(scope="session")
def hs():
    return crm.load_holzinger_swineford()


@pytest.fixture(scope="session")
def hs_na():
    return pd.read_csv(REFERENCE.parents[1] / "datasets/holzinger_swineford/hs_na.csv")


@pytest.fixture(scope="session")
def pd_data():
    return crm.load_political_democracy()


@pytest.fixture(scope="session")
def mobi():
    return crm.load_mobi()


@pytest.fixture(scope="session")
def bfi():
    """bfi's 25 items, complete cases: 2,436 people."""
    return crm.load_bfi().iloc[:, :25].dropna().astype(float)
