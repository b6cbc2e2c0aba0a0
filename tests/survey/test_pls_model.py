"""Models and answers that PLS cannot take: the message names what is wrong."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError
from crmlab.survey import pls_math
from crmlab.survey.pls import pls

A, B, C = "A =~ IMAG1 + IMAG2 + IMAG3", "B =~ PERV1 + PERV2", "C =~ CUSA1 + CUSA2 + CUSA3"
FAULTS = {
    f"{A}; {B}; {C}; B ~ A; C ~ B; A ~ C": r"circle: (A -> B -> C -> A|B -> C -> A -> B|C -> A -> B -> C)",
    f"{A}; {B}; B ~ A + Bb": r"'Bb' stands in a path and has no items.*Did you mean 'B'",
    f"{A}; B =~ PERV1 + IMAG1; B ~ A": r"column 'IMAG1': it stands in 'A' and in 'B'",
    f"{A}; {B}; {C}; B ~ A": r"'C' is not connected",
    f"{A}; {B}": r"no paths",
    f"{A}; {B}; B ~ B + A": r"'B' acts on itself",
    f"{A}; {B}; {C}; C ~ A + A:B": r"'C' has 'A:B' without 'B'",
    f"{A}; {B}; {C}; C ~ A + B + A:B + B:A": r"'A:B' twice|'B:A' twice",
    f"{A}; {B}; C =~ CUSA1; C ~ A + A:A": r"'A:A' is a square",
    f"{A}; {B}; {C}; A:B ~ C; B ~ C": r"'A:B' cannot be explained",
    f"{A}; {B}; {C}; W =~ A + B + CUSL1; C ~ W": r"'W' mixes constructs with the item 'CUSL1'",
    f"{A}; {B}; {C}; W =~ A + B; C ~ W + A": r"'A' is a part of 'W' and has a path",
    f"{A}; {B}; {C}; W =~ A + B; V =~ W + C; D =~ CUSL1; D ~ V": r"'W' is made of constructs and a part itself",
    f"{A}; {B}; A <~ IMAG4; B ~ A": r"'A' stands before =~ and before <~",
    f"{A}; {B}; B ~ A; IMAG1 ~~ IMAG2": r"PLS has no covariances \(~~\)",
    f"{A}; {B}; B ~ 0.5*A": r"PLS cannot fix 'B ~ A'",
    f"{A}; {B}; {C}; C ~ b*A + b*B": r"label 'b' stands 2 times, and PLS cannot hold paths equal",
    f"{C}; W =~ A; A =~ A + B; {B}; C ~ W": r"'A', .*name of a construct and of its item|column 'A'.*of its item",
    f"{A}; B =~ PERV1:PERV2; B ~ A": r"'PERV1:PERV2' is no item",
    f"{A}; {B}; B =~ PERVX; B ~ A": r"column 'PERVX': it is missing.*'PERV\d'",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_of_models(mobi, text):
    with pytest.raises(DataError, match=FAULTS[text]):
        pls(text, mobi, bootstrap=0)


def test_all_faults_at_once(mobi):
    with pytest.raises(DataError) as caught:
        pls(f"{A}; B =~ IMAG1; {C}; B ~ A + D", mobi, bootstrap=0)
    assert len(caught.value.faults) == 3  # the item in two, D without items, C alone


def test_derived_rows_are_left_out_and_said(mobi):
    fit = pls(f"{A}; {B}; {C}; B ~ a*A; C ~ b*B; ab := a*b", mobi, bootstrap=0)
    assert ":=" in fit.notes[0] and list(fit.params.index) == ["B~A", "C~B"]


def test_options(mobi):
    text = f"{A}; {B}; {C}; C ~ A + B"
    for options, message in (
        ({"scheme": "centroid"}, "'path', 'factorial'"),
        ({"modes": {"AA": "B"}}, r"'AA', which is no construct"),
        ({"modes": {"A": "C"}}, r"modes\['A'\]='C'"),
        ({"level": 95}, "level=95"),
    ):
        with pytest.raises(OptionError, match=message):
            pls(text, mobi, bootstrap=0, **options)
    for other in (f"{text} + A:B", f"{A}; {B}; {C}; W =~ A + B; C ~ W"):
        with pytest.raises(OptionError, match="consistent=True has no correction for the (interaction|second-order)"):
            pls(other, mobi, bootstrap=0, consistent=True)
    with pytest.raises(OptionError, match="no product"):
        pls(text, mobi, bootstrap=0).simple_slopes()


def test_answers_that_do_not_do(mobi):
    text = f"{A}; {B}; B ~ A"
    with pytest.raises(DataError, match=r"column 'IMAG2': every answer is the same"):
        pls(text, mobi.assign(IMAG2=3), bootstrap=0)
    with pytest.raises(DataError, match=r"4 complete rows for a regression on 3 columns"):
        pls(text.replace("A =~", "A <~"), mobi.head(4), bootstrap=0)
    twice = mobi.assign(IMAG2=mobi["IMAG1"] * 2 + 1)
    with pytest.raises(FitError, match=r"items of 'A' \(mode B\).*IMAG1, IMAG2, IMAG3"):
        pls(text, twice, bootstrap=0, modes={"A": "B"})
    assert np.isinf(pls(text, twice, bootstrap=0).item_vif["vif"]).tolist() == [True] * 3 + [False] * 2  # A is fine
    same = mobi.assign(PERV1=mobi["IMAG1"], PERV2=mobi["IMAG2"])
    with pytest.raises(FitError, match=r"causes of 'C' determine each other: leave one of A, B|alike are 'A' and 'B'"):
        pls(f"A =~ IMAG1 + IMAG2; {B}; {C}; C ~ A + B", same, bootstrap=0)


def test_weights_that_are_not_found(mobi, monkeypatch):
    apart = pd.DataFrame({"x": [1, 1, -1, -1] * 5, "y": [1, -1, 1, -1] * 5})  # uncorrelated to the last digit
    with pytest.raises(FitError, match=r"does not correlate with those that it is linked to"):
        pls("X =~ x; Y =~ y; Y ~ X", apart, bootstrap=0)
    data = mobi.assign(sum=mobi["IMAG1"] + mobi["PERV1"])
    with pytest.raises(FitError, match=r"causes of 'C' determine each other: leave one of A, B, D out"):
        pls("A =~ IMAG1; B =~ PERV1; D =~ sum; C =~ CUSA1; C ~ A + B + D", data, bootstrap=0, scheme="factorial")
    opposite = mobi.assign(back=11 - mobi["IMAG1"])  # their sum is constant
    with pytest.raises(FitError, match=r"No weights were found"):
        pls(f"A =~ IMAG1 + back; {B}; B ~ A", opposite, bootstrap=0)
    monkeypatch.setattr(pls_math, "MAX_ROUNDS", 2)
    with pytest.raises(FitError, match=r"No weights were found in 2 rounds"):
        pls(f"{A}; {B}; {C}; C ~ A + B", mobi, bootstrap=0)


def test_plsc_that_has_no_correction(mobi):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    data = pd.DataFrame({"a1": x, "a2": -0.3 * x + rng.normal(size=300), "b1": rng.normal(size=300)})
    data["b1"] += data["a1"] + data["a2"]
    with pytest.raises(FitError, match=r"rho_A is not positive for 'A' \(-"):
        pls("A =~ a1 + a2; B =~ b1; B ~ A", data, bootstrap=0, consistent=True)
    # items of two constructs agree more than those of one: 0.396 = 0.6 * 0.6 * 1.1 against 0.36
    corr = np.full((4, 4), 0.396)
    corr[:2, :2] = corr[2:, 2:] = 0.36
    np.fill_diagonal(corr, 1)
    q, _ = np.linalg.qr(rng.normal(size=(100, 5)) * [0, 1, 1, 1, 1] + [1, 0, 0, 0, 0])
    exact = pd.DataFrame(q[:, 1:] @ np.linalg.cholesky(corr).T, columns=["a1", "a2", "b1", "b2"])
    with pytest.warns(AssumptionWarning, match=r"improper.*'B with A' \(1\.100\)"):
        pls("A =~ a1 + a2; B =~ b1 + b2; B ~ A", exact, bootstrap=0, consistent=True)


def test_names_may_be_persian_and_construct_and_item_may_share_one(mobi):
    data = mobi.rename(columns={"CUSCO": "شکایت", "CUSA1": "رضایت۱", "CUSA2": "رضایت۲"})
    fit = pls("رضایت =~ رضایت۱ + رضایت۲; شکایت =~ شکایت; شکایت ~ رضایت", data, bootstrap=0)
    plain = pls("S =~ CUSA1 + CUSA2; K =~ CUSCO; K ~ S", mobi, bootstrap=0)
    assert fit.params.index[0] == "شکایت~رضایت" and fit.params.iloc[0] == plain.params.iloc[0]
