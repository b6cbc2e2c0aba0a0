"""Kappa and the intraclass correlation against published tables, hand calculation and a simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import AssumptionWarning, DataError, OptionError
from crmlab.strategy.agreement import icc, kappa

# Shrout & Fleiss (1979), table 2: six targets, four judges
SHROUT_FLEISS = pd.DataFrame(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    columns=["J1", "J2", "J3", "J4"],
)
# Fleiss (1971), table 1: how many of six psychiatrists gave each of 30 patients each of five diagnoses
FLEISS = """
0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6
"""


def _fleiss() -> pd.DataFrame:
    counts = [list(map(int, one.split())) for line in FLEISS.split("\n") if line for one in line.split("|")]
    return pd.DataFrame([np.repeat(list("dpsno"), row) for row in counts])


def _two(both_yes: int, a_yes: int, b_yes: int, both_no: int) -> pd.DataFrame:
    codes = ["yy"] * both_yes + ["yn"] * a_yes + ["ny"] * b_yes + ["nn"] * both_no
    return pd.DataFrame([list(code) for code in codes], columns=["A", "B"])


def test_cohen_by_hand() -> None:
    """20, 5, 10, 15 of 50: they agree on 0.7; by chance 0.5 x 0.6 + 0.5 x 0.4 = 0.5; so kappa = 0.2 / 0.5 = 0.4.

    Fleiss, Cohen & Everitt (1969) for this table: terms a, b and c below.
    """
    pair = kappa(_two(20, 5, 10, 15), draws=100).pairs.iloc[0]
    assert pair[["agreement", "by_chance", "kappa"]].tolist() == pytest.approx([0.7, 0.5, 0.4])
    a = 0.4 * (1 - 1.1 * 0.6) ** 2 + 0.3 * (1 - 0.9 * 0.6) ** 2
    # of an item that A calls yes and B no: B's share of yes plus A's share of no
    b = 0.6**2 * (0.1 * (0.6 + 0.5) ** 2 + 0.2 * (0.5 + 0.4) ** 2)
    c = (0.4 - 0.5 * 0.6) ** 2
    assert pair["se"] == pytest.approx(np.sqrt((a + b - c) / 0.5**2 / 50))
    assert pair["high"] - pair["low"] == pytest.approx(2 * 1.959964 * pair["se"])


def test_fleiss_published() -> None:
    """Fleiss (1971) reports an agreement of 0.5556, 0.2201 by chance, and kappa = 0.430 for his 30 patients."""
    found = kappa(_fleiss(), draws=500)
    assert found.fleiss == pytest.approx(0.430, abs=5e-4)
    low, high = found.fleiss_interval
    assert low < 0.430 < high
    assert (found.items, len(found.raters), found.categories) == (30, 6, ("d", "n", "o", "p", "s"))
    assert len(found.pairs) == 15


def test_fleiss_small_example_by_hand() -> None:
    """Three raters: items aaa, aab, bbb. Agreement (1 + 1/3 + 1) / 3 = 7/9; by chance (5/9)^2 + (4/9)^2 = 41/81;
    kappa = (63 - 41) / (81 - 41) = 0.55."""
    found = kappa(pd.DataFrame([list("aaa"), list("aab"), list("bbb")]), draws=100)
    assert found.fleiss == pytest.approx(0.55)


def test_the_bootstrap_covers_the_truth() -> None:
    """Two raters see the true one of two equal categories with probability 0.9: agreement 0.82, so kappa = 0.64.

    120 logs of 60 items; a 95% interval should hold 0.64 in about 114; fewer than 105 has a probability below 1%
    even if its coverage were 92%, which is what percentiles reach at this size.
    """
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(120):
        truth = generator.integers(0, 2, (60, 1))
        codes = pd.DataFrame(np.where(generator.random((60, 2)) < 0.9, truth, 1 - truth))
        low, high = kappa(codes, draws=200, rng=generator).fleiss_interval
        held += low <= 0.64 <= high
    assert held >= 105


def test_same_seed_same_interval_and_input_untouched() -> None:
    codes = _fleiss()
    before = codes.copy()
    assert kappa(codes, draws=200, rng=3).fleiss_interval == kappa(codes, draws=200, rng=3).fleiss_interval
    assert kappa(codes, draws=200, rng=4).fleiss_interval != kappa(codes, draws=200, rng=3).fleiss_interval
    pd.testing.assert_frame_equal(codes, before)
    assert kappa(pd.DataFrame({"A": [1, "b", 1], "B": [1, "b", "b"]}), draws=100).categories == ("1", "b")
    assert "Fleiss' kappa of all raters: 0.430" in str(kappa(codes, draws=200))


def test_a_rater_with_one_code_is_named() -> None:
    codes = pd.DataFrame({"A": list("xxxx"), "B": list("xxxy")})
    with pytest.warns(AssumptionWarning, match="A used one category only"):
        assert kappa(codes, draws=200).pairs["kappa"].iloc[0] == pytest.approx(0)
    with pytest.warns(AssumptionWarning, match="no width"):
        kappa(_two(5, 0, 0, 5), draws=100)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (pd.DataFrame({"A": ["x", None, "y"], "B": ["x", " ", "y"]}), ["2 faults", "'A'", "'B'", "item 1"]),
        (pd.DataFrame({"A": ["x", "y", "x"]}), ["fewer than two raters"]),
        (pd.DataFrame({"A": ["x"], "B": ["x"]}), ["fewer than three items"]),
        (pd.DataFrame([["x", "y"]] * 3, columns=["A", "A"]), ["the same name"]),
        (pd.DataFrame({"A": list("xxx"), "B": list("xxx")}), ["0 / 0", "A and B"]),
    ],
)
def test_bad_codes(codes: pd.DataFrame, words: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        with pytest.raises(DataError) as error:
            kappa(codes)
    for one in words:
        assert one in str(error.value)


def test_bad_options() -> None:
    with pytest.raises(OptionError, match="level"):
        kappa(_fleiss(), level=95)
    with pytest.raises(OptionError, match="draws"):
        kappa(_fleiss(), draws=10)
    with pytest.raises(OptionError, match="level"):
        icc(SHROUT_FLEISS, level=0)


def test_icc_published() -> None:
    """Shrout & Fleiss (1979), table 4: ICC(2,1) = 0.29, ICC(2,4) = 0.62.

    The bounds are those of R's psych::ICC for this table: 0.019 to 0.76, and 0.071 to 0.93.
    """
    found = icc(SHROUT_FLEISS)
    assert found["icc"].tolist() == pytest.approx([0.29, 0.62], abs=0.005)
    assert found.loc["single", ["low", "high"]].tolist() == pytest.approx([0.019, 0.76], abs=0.0015)
    assert found.loc["mean", ["low", "high"]].tolist() == pytest.approx([0.071, 0.93], abs=0.0035)
    assert found[["targets", "raters"]].iloc[0].tolist() == [6, 4]


def test_icc_by_anova() -> None:
    """The mean squares of their table 3: 11.24 between targets, 32.49 between judges, 1.02 the rest."""
    x = SHROUT_FLEISS.to_numpy(float)
    long = SHROUT_FLEISS.rename_axis("target").reset_index().melt("target", var_name="judge")
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    table = anova_lm(ols("value ~ C(target) + C(judge)", long).fit())
    R, C, E = table["mean_sq"]
    np.testing.assert_allclose([R, C, E], [11.24, 32.49, 1.02], atol=0.005)
    n, k = x.shape
    expected = [(R - E) / (R + (k - 1) * E + k * (C - E) / n), (R - E) / (R + (C - E) / n)]
    assert icc(SHROUT_FLEISS)["icc"].tolist() == pytest.approx(expected)


def test_icc_recovers_the_truth() -> None:
    """Variances 4 (targets), 1 (raters), 1 (rest): ICC(2,1) = 4 / 6. Over 60 tables of 40 targets and 8 raters
    the mean estimate lies within 0.04 (its standard error is about 0.01; the estimator's bias is of the same size)."""
    generator = np.random.default_rng(2)
    found = []
    for _ in range(60):
        x = generator.normal(0, 2, (40, 1)) + generator.normal(0, 1, (1, 8)) + generator.normal(0, 1, (40, 8))
        found.append(icc(pd.DataFrame(x)).loc["single"])
    table = pd.DataFrame(found)
    assert table["icc"].mean() == pytest.approx(2 / 3, abs=0.04)
    assert table["low"].le(2 / 3).mul(table["high"].ge(2 / 3)).sum() >= 51


def test_icc_at_its_ends() -> None:
    with pytest.warns(AssumptionWarning, match="agree on every target"):
        assert icc(pd.DataFrame({"A": [1, 2, 5], "B": [1, 2, 5]}))["icc"].tolist() == [1, 1]
    with pytest.warns(AssumptionWarning, match="set to 0"):
        found = icc(pd.DataFrame({"A": [1, 2, 3], "B": [3, 2, 1]}))
    assert found[["icc", "low"]].to_numpy().tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        (pd.DataFrame({"A": [1, "four", 3], "B": [1, 2, 3]}), "no numbers.*four"),
        (pd.DataFrame({"A": [3, 3, 3], "B": [3, 3, 3]}), "the same number"),
        (pd.DataFrame({"A": [1, 2, np.nan], "B": [1, 2, 3]}), "empty cells"),
    ],
)
def test_bad_ratings(ratings: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        icc(ratings)
