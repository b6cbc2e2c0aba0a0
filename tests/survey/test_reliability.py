"""Alpha, Feldt's interval and omega: R's numbers (psych 2.2.9, lavaan 0.6-14), hand calculation, known truth."""

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.survey.reliability import alpha, composite_reliability, feldt_interval, item_rest, omega, reliability

SCALES = {"agree": "A", "conscientious": "C", "extraversion": "E", "neuroticism": "N", "openness": "O"}
BIG5 = {name: [f"{letter}{i}" for i in range(1, 6)] for name, letter in SCALES.items()}
# The reference has 11 digits; omega is lavaan's, whose search stops at about 1e-7.
DIGITS = 1e-9


@pytest.fixture(scope="module")
def turned():
    """bfi with the seven reverse-worded items turned round, as psych's keys do it; all 2,800 people."""
    answers = crm.load_bfi()
    reverse = ["A1", "C4", "C5", "E1", "E2", "O2", "O5"]
    return answers.assign(**{item: 7 - answers[item] for item in reverse})


def compound(k, r, n, rng):
    """Normal answers to k parallel items that correlate r: alpha and omega are both k r / (1 + (k - 1) r)."""
    common = rng.normal(size=(n, 1))
    return pd.DataFrame(np.sqrt(r) * common + np.sqrt(1 - r) * rng.normal(size=(n, k))).add_prefix("q")


@pytest.mark.parametrize("name", BIG5)
def test_pairwise_as_psych(turned, reference, r_tables, name):
    found = reliability(turned, BIG5, missing="pairwise")
    row, items = found.scales.loc[name], found.items[found.items["construct"] == name]
    psych = r_tables["bfi_alpha"][name]
    assert row["alpha"] == pytest.approx(reference["bfi n=2800", f"alpha {name}"], rel=DIGITS)
    expected = [psych["total"][key] for key in ("raw_alpha", "std.alpha", "average_r", "mean", "sd")]
    assert row[["alpha", "alpha_std", "mean_r", "mean", "sd"]].tolist() == pytest.approx(expected, rel=DIGITS)
    bounds = [psych["feldt"][key][0]["raw_alpha"] for key in ("lower.ci", "upper.ci")]
    assert row[["low", "high"]].tolist() == pytest.approx(bounds, rel=DIGITS)
    assert items["item_total"].tolist() == pytest.approx(psych["r.drop"], rel=DIGITS)
    assert items["alpha_if_deleted"].tolist() == pytest.approx(psych["drop"], rel=DIGITS)
    assert row["n"] == 2800


def test_listwise_is_by_scale(turned, r_tables):
    found = reliability(turned, BIG5).scales
    assert found["alpha"].to_dict() == pytest.approx(
        {k: r_tables["bfi_alpha"][k]["listwise"] for k in BIG5}, rel=DIGITS
    )
    assert found.loc["agree", "n"] == turned[BIG5["agree"]].dropna().shape[0]


def test_omega_as_lavaan(turned, r_tables):
    complete = turned.dropna(subset=[item for items in BIG5.values() for item in items])
    found = reliability(complete, BIG5).scales
    assert (found["n"] == 2436).all()
    for name, row in found.iterrows():
        assert row["alpha"] == pytest.approx(r_tables["bfi_omega"][name]["alpha"], rel=DIGITS)
        assert row["omega"] == pytest.approx(r_tables["bfi_omega"][name]["omega"], rel=1e-6)


def test_mobi(mobi, reference):
    blocks = {k: [c for c in mobi if c.startswith(k)] for k in ("IMAG", "CUEX", "PERQ", "PERV", "CUSA", "CUSL")}
    found = reliability(mobi, blocks).scales
    for name, row in found.iterrows():
        assert row["alpha"] == pytest.approx(reference["mobi", f"raw alpha {name}"], rel=DIGITS)
    assert np.isnan(found.loc["PERV", "omega"]) and "two items" in found.loc["PERV", "note"]
    assert found.drop("PERV")["omega"].notna().all()


def test_by_hand():
    cov = np.array([[2.0, 1.0, 0.5], [1.0, 5.0, 1.5], [0.5, 1.5, 4.0]])
    assert alpha(cov) == pytest.approx(1.5 * (1 - 11 / 17))
    assert item_rest(cov)[0] == pytest.approx(1.5 / np.sqrt(2 * (5 + 4 + 2 * 1.5)))
    # three items determine one factor exactly: loadings^2 are c_ij c_ik / c_jk
    load = np.sqrt([1 * 0.5 / 1.5, 1 * 1.5 / 0.5, 0.5 * 1.5 / 1])
    truth = load.sum() ** 2 / (load.sum() ** 2 + (np.diag(cov) - load**2).sum())
    assert omega(cov) == pytest.approx(truth, rel=1e-6)  # the search stops at a slope of 1e-7
    assert composite_reliability([0.6, 0.8]) == pytest.approx(1.96 / (1.96 + 0.64 + 0.36))
    assert composite_reliability([3.0, 1.0], [2.0, 6.0]) == pytest.approx(16 / 24)


@pytest.mark.parametrize("k", [3, 8])
def test_parallel_items(k):
    r = 0.3
    cov = 4 * ((1 - r) * np.eye(k) + r)
    truth = k * r / (1 + (k - 1) * r)
    assert alpha(cov) == pytest.approx(truth, rel=1e-12)
    assert omega(cov) == pytest.approx(truth, rel=1e-7)


def test_feldt_covers_the_truth():
    k, r, n = 5, 0.4, 60
    truth, hits = k * r / (1 + (k - 1) * r), []
    for seed in range(1000):
        low, high = feldt_interval(alpha(compound(k, r, n, np.random.default_rng(seed)).cov().to_numpy()), n, k)
        hits.append(low <= truth <= high)
    # exact for such data: 95% with a standard error of 0.7% over 1,000 samples
    assert np.mean(hits) == pytest.approx(0.95, abs=0.021)


def test_negative_item_is_named(mobi):
    turned = mobi.assign(CUSA2=11 - mobi["CUSA2"])
    with pytest.warns(AssumptionWarning, match=r"^CUSA2: .*not reverse-coded"):  # though all three are negative
        found = reliability(turned, {"Satisfaction": ["CUSA1", "CUSA2", "CUSA3"]})
    assert (found.items["item_total"] < 0).all()
    assert found.items["alpha_if_deleted"].idxmax() == "CUSA2"


def test_what_has_no_reliability(mobi):
    before = mobi.copy()
    found = reliability(mobi, "Complaints =~ CUSCO\nValue =~ PERV1 + PERV2\nImage <~ IMAG1 + IMAG2 + IMAG3")
    assert found.scales["alpha"].isna().tolist() == [True, False, True]
    assert found.scales["omega"].isna().all()
    for name, part in (("Complaints", "one item"), ("Value", "two items"), ("Image", "formative")):
        assert part in found.scales.loc[name, "note"]
        assert part in found.summary() and part in found._repr_html_()
    assert found.items["alpha_if_deleted"].isna().all()
    assert found.items["item_total"].notna().sum() == 2  # of the two items of Value
    pd.testing.assert_frame_equal(mobi, before)


def test_repeated_item_has_alpha_but_no_omega(mobi):
    doubled = mobi.assign(again=2 * mobi["CUSA1"])
    found = reliability(doubled, {"S": ["CUSA1", "CUSA2", "again"]}).scales.loc["S"]
    assert np.isnan(found["omega"]) and "repeats" in found["note"] and 0 < found["alpha"] < 1
    with pytest.raises(FitError, match="no inverse"):
        omega(doubled[["CUSA1", "CUSA2", "again"]].cov().to_numpy())


def test_heywood_case_is_said():
    cov = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])  # item 1 would have a communality of 1.44
    data = np.random.default_rng(0).normal(size=(50, 3))
    white = np.linalg.qr(data - data.mean(axis=0))[0] * np.sqrt(49)
    answers = pd.DataFrame(white @ np.linalg.cholesky(cov).T, columns=list("abc"))
    assert "Heywood" in reliability(answers, {"S": ["a", "b", "c"]}).scales.loc["S", "note"]


def test_nobody_answered_both():
    answers = pd.DataFrame({"a": [1.0, 2, 3, 4] + [np.nan] * 4, "b": [np.nan] * 4 + [2.0, 3, 4, 1]})
    found = reliability(answers, {"S": ["a", "b"]}, missing="pairwise").scales.loc["S"]
    assert np.isnan(found["alpha"]) and "too few answered" in found["note"]
    with pytest.raises(DataError, match="only 0 of 8 rows"):
        reliability(answers, {"S": ["a", "b"]})


def test_refusals(mobi):
    bad = mobi.assign(IMAG2="good")
    with pytest.raises(DataError) as caught:
        reliability(bad, {"Image": ["IMAG1", "IMAG2", "IMG3"]})
    assert [fault.column for fault in caught.value.faults] == ["IMAG2", "IMG3"]
    assert "'IMAG3'" in str(caught.value)
    with pytest.raises(DataError, match="IMAG1.*'A' and in 'B'"):
        reliability(mobi, {"A": ["IMAG1", "IMAG2"], "B": ["IMAG1", "IMAG3"]})
    with pytest.raises(OptionError, match="level=95"):
        reliability(mobi, {"A": ["IMAG1", "IMAG2"]}, level=95)
    with pytest.raises(OptionError, match="missing='casewise'.*'pairwise'"):
        reliability(mobi, {"A": ["IMAG1", "IMAG2"]}, missing="casewise")
