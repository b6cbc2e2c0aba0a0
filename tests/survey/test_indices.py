"""Indices: formulas by hand, statsmodels' Wilson interval, simulations, and seminr's weights for ECSI."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from crmlab.base.errors import AssumptionWarning, DataError, OptionError
from crmlab.survey.indices import acsi, ces, component, csat, ecsi, nps
from crmlab.survey.instrument import Instrument
from crmlab.survey.pls import pls

ECSI = Instrument.bundled("mobi").model()
SATISFACTION = ["CUSA1", "CUSA2", "CUSA3"]


def test_nps_by_hand():
    answers = pd.Series([10] * 30 + [9] * 20 + [8] * 15 + [7] * 10 + [6] * 15 + [0] * 10 + [np.nan] * 5, name="q")
    row = nps(answers).loc["q"]
    assert row[["nps", "n", "promoters", "passives", "detractors"]].tolist() == pytest.approx([25, 100, 50, 25, 25])
    se = 100 * np.sqrt((0.5 + 0.25 - 0.25**2) / 100)
    assert row["se"] == pytest.approx(se)
    assert [row["low"], row["high"]] == pytest.approx([25 - 1.959964 * se, 25 + 1.959964 * se], rel=1e-6)


def test_nps_spread_and_coverage():
    # 1,000 surveys of 200 answers: the standard error of their spread is 2.2%, of a share near 95% 0.7%.
    rng, p = np.random.default_rng(1), {10: 0.45, 8: 0.3, 3: 0.25}
    surveys = rng.choice(list(p), p=list(p.values()), size=(1000, 200))
    found = nps(pd.DataFrame(surveys.T))
    assert found["se"].mean() == pytest.approx(found["nps"].std(), rel=0.07)
    assert ((found["low"] <= 20) & (found["high"] >= 20)).mean() == pytest.approx(0.95, abs=0.02)


def test_nps_weights():
    answers = pd.Series([10, 10, 5, 8], name="q")
    copies = pd.Series([10, 10, 10, 10, 5, 8, 8, 8], name="q")
    weighted, plain = nps(answers, weights=[2, 2, 1, 3]).loc["q"], nps(copies).loc["q"]
    assert weighted["nps"] == pytest.approx(plain["nps"])
    assert weighted["se"] > plain["se"]  # four people, not eight
    assert nps(answers, weights=[7, 7, 7, 7]).equals(nps(answers))
    with pytest.raises(DataError, match="each of 4 answers"):
        nps(answers, weights=[1, 2])
    with pytest.raises(DataError, match="some above 0"):  # the only weight is of a person who gave no answer
        nps(pd.Series([9, 10, np.nan]), weights=[0, 0, 1])
    with pytest.raises(DataError, match="named otherwise"):
        nps(answers, weights=pd.Series([2, 2, 1, 3], index=[3, 2, 1, 0]))


def test_nps_weights_are_those_of_a_survey():
    """Linearised variance of a ratio of totals, Hajek: HC0 of a weighted regression on a constant (statsmodels)."""
    rng = np.random.default_rng(0)
    x, w = rng.integers(0, 11, 300), rng.gamma(2, size=300)
    side = np.where(x >= 9, 100.0, np.where(x <= 6, -100.0, 0.0))
    truth = sm.WLS(side, np.ones(300), weights=w).fit(cov_type="HC0")
    row = nps(pd.Series(x, name="q"), weights=w).loc["q"]
    assert [row["nps"], row["se"]] == pytest.approx([truth.params[0], truth.bse[0]])


def test_nps_bad_answers():
    bad = pd.DataFrame({"a": [10, 11, 3], "b": [1.5, 2, 3], "c": ["ten", 9, 8], "d": [1, 2, 3]})
    with pytest.raises(DataError) as error:
        nps(bad)
    assert [fault.column for fault in error.value.faults] == ["a", "b", "c"]
    with pytest.raises(DataError, match="more than one column"):
        nps(pd.DataFrame([[9, 10], [2, 3]], columns=["a", "a"]))
    assert "0 to 10" in str(error.value) and "ten" in str(error.value)
    assert nps([10, 9, 9, 8, 7, 6, 0, 10]).loc["answers", "nps"] == pytest.approx(25)
    with pytest.warns(AssumptionWarning, match="no width"):
        nps(pd.Series([10, 10, 9], name="happy"))


@pytest.mark.parametrize(("k", "n"), [(0, 12), (7, 12), (12, 12), (310, 500)])
def test_csat_wilson(k, n):
    answers = pd.Series([5] * k + [3] * (n - k), name="q")
    row = csat(answers, (1, 5), level=0.9).loc["q"]
    low, high = proportion_confint(k, n, alpha=0.1, method="wilson")
    assert [row["low"], row["high"]] == pytest.approx([100 * low, 100 * high], abs=1e-9)
    assert row["csat"] == pytest.approx(100 * k / n)


def test_csat_boxes():
    answers = pd.Series(range(1, 11), name="q")
    assert csat(answers, (1, 10)).loc["q", "satisfied"] == 2
    assert csat(answers, (1, 10), top=3).loc["q", "satisfied"] == 3
    assert csat(answers, (1, 10), threshold=6).loc["q", "satisfied"] == 5
    for wrong in ({"top": 0}, {"top": 10}, {"threshold": 1}, {"threshold": 11}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            csat(answers, (1, 10), **wrong)
    with pytest.raises(OptionError, match="scale"):
        csat(answers, (5, 1))


def test_ces():
    x = pd.Series([7, 6, 5, 6, 2, 4], name="easy")
    row = ces(x).loc["easy"]
    low, high = stats.t.interval(0.95, 5, loc=x.mean(), scale=stats.sem(x))
    assert [row["low"], row["high"]] == pytest.approx([low, high])
    assert row["scale"] == "1 to 7"
    two = ces(pd.Series([7, 6], name="q")).loc["q"]  # t with 1 degree of freedom reaches 6.4: the scale ends first
    assert two[["ces", "se", "low", "high"]].tolist() == [6.5, 0.5, 1, 7]
    with pytest.warns(AssumptionWarning, match="no width"):
        ces(pd.Series([7, 7], name="q"))
    with pytest.raises(DataError, match="fewer than two answers"):
        ces(pd.Series([7, np.nan], name="q"))
    with pytest.raises(DataError, match="1 to 5"):
        ces(x, (1, 5))


def test_acsi_by_hand():
    answers = pd.DataFrame({"a": [1, 10, 4], "b": [1, 10, 7], "c": [1, 10, 10]})
    found = acsi(answers, ["a", "b", "c"], {"a": 2, "b": 1, "c": 1})
    scores = [0, 100, 100 * (2 * 3 + 6 + 9) / (4 * 9)]
    assert found.scores.tolist() == pytest.approx(scores)
    assert found.estimate == pytest.approx(np.mean(scores))
    assert found.se == pytest.approx(np.std(scores, ddof=1) / np.sqrt(3))
    assert found.weights.to_dict() == {"a": 0.5, "b": 0.25, "c": 0.25}
    assert "of 100" in repr(found)


def test_acsi_ends(mobi):
    single = acsi(mobi, ["CUSCO"])  # one item: its mean on 0 to 100
    assert single.estimate == pytest.approx(100 * (mobi["CUSCO"].mean() - 1) / 9)
    high = acsi(pd.DataFrame({"a": [10, 10, 10, 10, 2], "b": [10, 10, 10, 9, 8]}), ["a", "b"], "equal")
    assert high.estimate + 1.96 * high.se > 100 and high.high == 100  # a normal interval would end above the scale
    with pytest.raises(OptionError, match="items"):
        acsi(mobi, [])


def test_acsi_component(mobi):
    x = mobi[SATISFACTION]
    values, vectors = np.linalg.eig(x.corr().to_numpy())
    first = np.abs(vectors[:, values.argmax()]) / x.std().to_numpy()
    found = acsi(mobi, SATISFACTION)
    assert found.weighting == "component"
    assert found.weights.tolist() == pytest.approx((first / first.sum()).tolist())
    assert component(x.corr().to_numpy()).min() > 0
    # Weights move the index little: the bootstrap, which estimates them again, must agree within its own error
    # (2.2% of a standard error from 1,000 draws) and the few percent that weights add or take.
    drawn = acsi(mobi, SATISFACTION, bootstrap=1000, rng=1)
    assert drawn.se == pytest.approx(found.se, rel=0.12)
    assert drawn.low < found.estimate < drawn.high
    rng = np.random.default_rng(3)
    again = [
        acsi(mobi.iloc[rng.integers(250, size=250)].reset_index(drop=True), SATISFACTION).estimate for _ in range(300)
    ]
    assert drawn.se == pytest.approx(np.std(again), rel=0.15)  # the same by resampled rows; 300 draws: 4%


def test_acsi_refusals(mobi):
    with pytest.raises(DataError, match="CUSA1"):
        acsi(mobi, SATISFACTION, scale=(1, 7))
    with pytest.raises(OptionError, match="'component', 'equal'"):
        acsi(mobi, SATISFACTION, "best")
    with pytest.raises(OptionError, match="weights are for CUSA1"):
        acsi(mobi, SATISFACTION, {"CUSA1": 1.0})
    with pytest.raises(OptionError, match="sum above 0"):
        acsi(mobi, SATISFACTION, dict.fromkeys(SATISFACTION, 0.0))
    with pytest.raises(OptionError, match="No construct of the model"):
        acsi(mobi, ["CUSA1", "PERQ1"], pls(ECSI, mobi, bootstrap=0))
    with pytest.raises(OptionError, match="a weight per item"):
        acsi(mobi, SATISFACTION, 3)
    with pytest.warns(AssumptionWarning, match="CUSA3: the weight is negative"):
        acsi(mobi, SATISFACTION, {"CUSA1": 1.0, "CUSA2": 1.0, "CUSA3": -0.5})


def test_ecsi(mobi, pls_tables):
    weights = pd.DataFrame(pls_tables["path_weighting"]["weights"]).set_index("_row").astype(float)
    found = ecsi(mobi)
    for construct in ("Image", "Satisfaction", "Loyalty"):
        own = weights.index[weights[construct].fillna(0) != 0]
        w = weights.loc[own, construct] / mobi[own].std()
        by_hand = 100 * ((mobi[own] - 1) @ w / (9 * w.sum()))
        assert found.loc[construct, "estimate"] == pytest.approx(by_hand.mean(), abs=1e-4)  # weights to 1e-6
        assert found.loc[construct, "se"] == pytest.approx(by_hand.std() / np.sqrt(250), rel=1e-4)
    assert found.loc["Complaints", "estimate"] == pytest.approx(100 * (mobi["CUSCO"].mean() - 1) / 9)
    assert found.index.tolist() == ["Image", "Expectation", "Quality", "Value", "Satisfaction", "Complaints", "Loyalty"]
    assert ecsi(mobi, fit=pls(ECSI, mobi, bootstrap=0)).equals(found)
