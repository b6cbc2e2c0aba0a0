"""Item descriptives, Mardia's test and the table of respondents, against R and hand calculation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import crmlab as crm
from crmlab.base.errors import DataError
from crmlab.base.share import share
from crmlab.survey.descriptives import demographics, describe_items, mardia
from crmlab.survey.instrument import Instrument

REFERENCE = Path(__file__).parents[1] / "reference"
HS = [f"x{i}" for i in range(1, 10)]


@pytest.fixture(scope="module")
def asked():
    return Instrument.bundled("crm_survey")


@pytest.fixture(scope="module")
def answers(asked):
    return asked.read(share("datasets", "crm_survey", "crm_survey.csv"), on_invalid="missing")[0]


def test_mardia_is_psychs():
    """psych 2.2.9, mardia(); the reference has ten digits."""
    reference = json.loads((REFERENCE / "survey_r.json").read_text(encoding="utf-8"))["hs_mardia"]
    found = mardia(crm.load_holzinger_swineford(), HS)
    assert found[list(reference)].to_dict() == pytest.approx(reference, rel=1e-9)
    assert found["skew_df"] == 165 and found["skew_p"] == pytest.approx(stats.chi2.sf(reference["skew"], 165))


def test_mardia_of_one_item_is_its_skewness_and_kurtosis():
    x = np.random.default_rng(1).gamma(2.0, size=200)
    found, shrink = mardia(pd.DataFrame({"x": x})), 199 / 200
    assert found["b1p"] == pytest.approx(stats.skew(x) ** 2 * shrink**3)
    assert found["b2p"] == pytest.approx((stats.kurtosis(x) + 3) * shrink**2)


def test_mardia_of_normal_items():
    p = [
        mardia(pd.DataFrame(np.random.default_rng(s).standard_normal((300, 3))))[["skew_p", "kurt_p"]]
        for s in range(150)
    ]
    # about 5%, within four standard errors of 150 draws (the tests are asymptotic and err on the small side)
    assert (pd.DataFrame(p) < 0.05).mean().between(0, 0.05 + 4 * 0.018).all()
    assert (pd.DataFrame(p) < 0.5).mean().between(0.3, 0.66).all()


def test_mardia_refuses():
    table = pd.DataFrame(np.random.default_rng(2).standard_normal((30, 3)), columns=list("abc"))
    with pytest.raises(DataError, match="do not span 4 items"):
        mardia(table.assign(d=table["a"] + table["b"]))
    with pytest.raises(DataError, match="do not span 3 items"):
        mardia(table.iloc[:3])
    with pytest.raises(DataError, match="'z': it is missing"):
        mardia(table, ["a", "z"])


def test_items_described(answers, asked):
    found = describe_items(answers, asked)
    assert found.index.tolist() == list(asked.item_names)
    for item in ("KM4", "EXP2"):
        x = answers[item].dropna().to_numpy()
        assert found.loc[item, ["n", "missing"]].tolist() == [len(x), 500 - len(x)]
        expected = [
            x.mean(), x.std(ddof=1), stats.skew(x, bias=False), stats.kurtosis(x, bias=False),
            np.mean(x == 1), np.mean(x == 5),
        ]  # fmt: skip
        assert found.loc[item, "mean":"ceiling"].tolist() == pytest.approx(expected, rel=1e-9)


def test_items_that_say_little():
    asked = Instrument.from_items({"A": ["a1", "a2", "a3"]})
    nan = np.nan
    found = describe_items(pd.DataFrame({"a1": [5.0] * 4, "a2": [1.0, nan, nan, nan], "a3": [nan] * 4}), asked)
    assert found["n"].tolist() == [4, 1, 0]
    assert found[["skewness", "kurtosis"]].isna().all(axis=None)
    assert found.loc["a1", "ceiling"] == 1 and np.isnan(found.loc["a3", "ceiling"]) and np.isnan(found.loc["a2", "sd"])
    with pytest.raises(DataError, match="'a3': it is missing"):
        describe_items(pd.DataFrame({"a1": [1, 2, 3], "a2": [1, 2, 3]}), asked)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_who_answered(answers, asked, language):
    found = demographics(answers, asked, language)
    assert found.groupby("question")["n"].sum().eq(500).all()
    assert found.groupby("question")["share"].sum().round(12).eq(1).all()
    raw = crm.load_crm_survey()
    size = found[found["question"] == asked.label("firm_size", language)]
    assert size["n"].tolist() == [(raw["firm_size"] == 1).sum(), (raw["firm_size"] == 2).sum()]
    role = found[found["question"] == asked.label("role", language)]
    assert role["n"].iloc[-1] == 2 and role["answer"].iloc[-1] in ("No answer", "بدون پاسخ")
    years = found[found["question"] == asked.label("years", language)]
    assert len(years) == 4 and years["n"].min() > 60  # quartiles of whole years are not quite quarters


def test_who_answered_in_words():
    asked = Instrument.from_dict(
        {
            "scales": {"s": {"low": 1, "high": 5}},
            "constructs": {"A": {"items": ["a1"]}},
            "background": {"city": {}, "plan": {"labels": {"p": "Prepaid", "c": "Contract", "x": "None", "y": "Both"}}},
        }
    )
    raw = pd.DataFrame(
        {"a1": [1, 2, 3, 4], "city": ["Yazd", "Rasht", "Yazd", ""], "plan": ["P", "contract", "p", "none"]}
    )
    answers, _ = asked.read(raw)
    rows = demographics(answers, asked)[["answer", "n"]].to_numpy().tolist()
    assert rows == [
        ["Rasht", 1], ["Yazd", 2], ["No answer", 1], ["Prepaid", 2], ["Contract", 1], ["None", 1], ["Both", 0],
    ]  # fmt: skip
    with pytest.raises(DataError, match="'city': it is missing"):
        demographics(answers.drop(columns="city"), asked)
