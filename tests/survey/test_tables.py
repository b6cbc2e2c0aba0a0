"""A thesis's tables: every number is the fit's, every decision follows the rule."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import OptionError
from crmlab.data.datasets import load_holzinger_swineford, load_mobi, load_political_democracy
from crmlab.survey import answer_tables, tables
from crmlab.survey.instrument import Instrument
from crmlab.survey.invariance import invariance
from crmlab.survey.pls import pls
from crmlab.survey.pls_groups import pls_groups
from crmlab.survey.reliability import reliability
from crmlab.survey.sem import cfa, sem

HS = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"


@pytest.fixture(scope="module")
def measured():
    return cfa(HS, load_holzinger_swineford())


@pytest.fixture(scope="module")
def mobi():
    inst = Instrument.bundled("mobi")
    return inst, pls(inst, load_mobi(), bootstrap=200, rng=1)


@pytest.mark.parametrize(
    "estimate, p, sign, decision",
    [
        (0.3, 0.049, "+", "supported"), (0.3, 0.05, "+", "not_supported"), (-0.3, 0.001, "+", "opposite"),
        (-0.3, 0.001, "-", "supported"), (0.3, 0.001, "-", "opposite"), (-0.3, 0.001, "", "supported"),
        (-0.3, 0.4, "+", "not_supported"), (0.3, np.nan, "+", "not_tested"), (np.nan, np.nan, "+", "not_tested"),
    ],
)  # fmt: skip
def test_the_rule(estimate, p, sign, decision):
    assert tables.decide(estimate, p, sign) == decision


def test_the_level_matters():
    assert tables.decide(0.3, 0.03, "+", alpha=0.01) == "not_supported"
    with pytest.raises(OptionError, match="alpha=5"):
        tables.decide(0.3, 0.03, "+", alpha=5)


def made_up():
    """A fit with two paths and one chain, by hand; of C -> D nothing was estimated."""
    chain = {"kind": "indirect", "from": "A", "through": "B", "to": "C", "est": -0.12, "se": 0.05, "z": -2.4}
    rows = pd.DataFrame([chain | {"pvalue": 0.016, "ci.lower": -0.22, "ci.upper": -0.02, "std": -0.12}])
    paths = pd.DataFrame(
        {"from": ["A", "B"], "to": ["B", "C"], "est": [0.4, -0.3], "se": [0.1, 0.1], "t": [4.0, -3.0],
         "pvalue": [1e-4, 0.003], "low": [0.2, -0.5], "high": [0.6, -0.1]}
    )  # fmt: skip
    inst = Instrument.from_dict(
        {
            "scales": {"s": {"low": 1, "high": 5}},
            "constructs": {c: {"label": {"en": f"Construct {c}"}, "items": [f"{c.lower()}1"]} for c in "ABCD"},
            "hypotheses": {
                "H1": {"from": "A", "to": "B", "sign": "+"}, "H2": {"from": "B", "to": "C", "sign": "+"},
                "H3": {"from": "A", "through": ["B"], "to": "C", "sign": "-"}, "H4": {"from": "C", "to": "D"},
            },
        }
    )  # fmt: skip
    return SimpleNamespace(paths=paths, effects=lambda: rows), inst


def test_hypotheses_by_hand():
    fit, inst = made_up()
    assert tables.decisions(fit, inst) == {"H1": "supported", "H2": "opposite", "H3": "supported", "H4": "not_tested"}
    table = tables.hypotheses_table(fit, inst)
    assert table.frame["β"].tolist()[:3] == [0.4, -0.3, -0.12] and np.isnan(table.frame["β"].iloc[3])
    assert table.cells()[2] == [
        "H3", "Construct A → Construct B → Construct C", "−0.120", "0.050", "−2.40", ".016", "−0.220", "−0.020", "−",
        "supported",
    ]  # fmt: skip
    assert table.cells()[1][-1] == "not supported: opposite sign" and "not show what causes what" in table.note
    persian = tables.hypotheses_table(fit, inst, "fa")
    assert persian.frame["نتیجه"].tolist() == ["پشتیبانی شد", "پشتیبانی نشد: جهت مخالف", "پشتیبانی شد", "آزموده نشد"]
    assert persian.cells()[0][1] == "Construct A ← Construct B" and persian.cells()[0][2] == "۰٫۴۰۰"
    assert persian.frame["β"].equals(table.frame["β"])


def test_fit_beside_its_limits(measured):
    table = tables.fit_table(measured.fit_indices)
    shown = {row[0]: row[1:] for row in table.cells()}
    # lavaan 0.6-14 (tests/reference/survey_r.json): chisq 85.306, df 24, cfi .931, rmsea .092, srmr .065
    assert shown["χ²"][0] == "85.31" and shown["df"][0] == "24" and shown["p"][0] == "< .001"
    assert shown["χ²/df"] == ["3.55", "≤ 3", "Carmines & McIver, 1981"]
    assert shown["CFI"] == [".931", "≥ 0.95", "Hu & Bentler, 1999"]
    assert shown["RMSEA"][0] == ".092" and shown["SRMR"][0] == ".065"
    assert "no tests" in table.note


def test_robust_indices_stand_beside_the_plain_ones():
    fit = cfa(HS, load_holzinger_swineford(), estimator="MLR")
    frame = tables.fit_table(fit.fit_indices).frame.set_index("Index")
    assert frame.loc["χ²", "Robust"] == fit.fit_indices["chisq.scaled"] != frame.loc["χ²", "Value"]
    assert frame.loc["CFI", "Robust"] == fit.fit_indices["cfi.robust"]
    assert np.isnan(frame.loc["SRMR", "Robust"])


def test_numbers_of_a_cfa_go_through(measured):
    made = measured.tables()
    assert list(made) == ["fit", "loadings", "convergent", "fornell_larcker", "htmt"]
    rows = measured.estimates.query("op == '=~'")
    loadings = made["loadings"].frame
    assert loadings["Standardised"].tolist() == rows["std.all"].tolist()
    assert loadings["Construct"].tolist()[:4] == ["visual", "", "", "textual"]
    assert loadings["SE"].isna().tolist() == [True, False, False] * 3  # the first of each is fixed at 1
    assert made["loadings"].cells()[1][5] == "< .001"
    std = measured.loadings["visual"].dropna()
    assert made["convergent"].frame["AVE"].iloc[0] == pytest.approx((std[std != 0] ** 2).mean(), rel=1e-12)
    larcker = made["fornell_larcker"].frame
    assert larcker["1"].iloc[1] == pytest.approx(measured.latent_correlations.loc["textual", "visual"], rel=1e-12)
    assert np.isnan(larcker["2"].iloc[0])
    assert made["htmt"].frame["1"].iloc[1] == pytest.approx(0.4243, abs=5e-5)  # as in validity.htmt, by R's semTools


def test_numbers_of_a_sem_go_through():
    model = "ind =~ x1 + x2 + x3; d60 =~ y1 + y2 + y3 + y4; d65 =~ y5 + y6 + y7 + y8; d60 ~ ind; d65 ~ ind + d60"
    fit = sem(model, load_political_democracy())
    made = fit.tables("fa")
    paths = fit.estimates.query("op == '~'")
    assert made["hypotheses"].frame["β"].tolist() == paths["std.all"].tolist()
    assert made["hypotheses"].frame["مسیر"].tolist()[2] == "d60 ← d65"
    product = paths["est"].iloc[0] * paths["est"].iloc[2]
    assert made["mediation"].frame["B"].tolist() == pytest.approx([product], rel=1e-9)
    assert made["explained"].frame["R²"].tolist() == fit.r2[["d60", "d65"]].tolist()


def test_numbers_of_pls_go_through(mobi):
    inst, fit = mobi
    made = fit.tables("en", inst)
    expected = {(a, b): e for a, b, e in fit.paths[["from", "to", "est"]].itertuples(index=False)}
    shown = made["hypotheses"].frame
    assert shown["β"].tolist() == [expected[h.source, h.target] for h in inst.hypotheses]
    assert made["convergent"].frame["ρA"].dropna().tolist() == fit.reliability["rho_a"].dropna().tolist()
    assert made["effect_sizes"].frame["f²"].tolist() == fit.f2["f2"].tolist()
    ratios = made["htmt"].frame.set_index("Construct")
    pair = fit.htmt.set_index(["construct", "other"]).loc[("Quality", "Image"), "est"]
    assert ratios.loc["3. Perceived quality", "1"] == pair
    assert made["explained"].frame["R²"].tolist() == fit.r2["r2"].tolist()
    assert made["cross_loadings"].frame.shape == (24, 8)


def test_before_the_model(mobi):
    inst, _ = mobi
    answers = load_mobi()
    found = reliability(answers, inst)
    table = answer_tables.reliability_table(found, "en", inst)
    assert table.frame["α"].dropna().tolist() == found.scales["alpha"].dropna().tolist()
    complaints = table.frame["Construct"].tolist().index("Complaints")
    assert table.cells()[complaints][4:] == [""] * 4  # a single item has no reliability
    assert "95%" in table.note


def test_background_questions_are_counted():
    inst = Instrument.from_dict(
        {
            "scales": {"s": {"low": 1, "high": 5}},
            "constructs": {"A": {"items": ["a1"]}},
            "background": {"sex": {"label": "Sex", "labels": {"1": "woman", "2": "man"}}},
        }
    )
    answers = pd.DataFrame({"a1": [1.0, 2, 3, 4], "sex": [1.0, 1, 2, np.nan]})
    rows = answer_tables.demographics_table(answers, inst).cells()
    assert rows[:2] == [["Sex", "woman", "2", "50.0"], ["", "man", "1", "25.0"]] and rows[2][2:] == ["1", "25.0"]


def test_groups():
    answers = load_holzinger_swineford()
    compared = invariance(HS, answers, "school")
    table = tables.invariance_table(compared)
    # lavaan 0.6-14: configural 115.851 (48), metric 124.044 (54)
    assert table.cells()[0][1:3] == ["115.85", "48"] and table.cells()[1][1:3] == ["124.04", "54"]
    assert table.frame["ΔCFI"].tolist()[1:] == compared["cfi_diff"].tolist()[1:] and table.cells()[0][-1] == ""
    assert len(tables.invariance_table(compared, "fa").frame) == 4
    found = pls_groups(
        "visual =~ x1 + x2 + x3; speed =~ x7 + x8 + x9; speed ~ visual", answers, "sex", permutations=20, rng=1
    )
    shown = tables.groups_table(found).frame
    assert shown.columns.tolist() == ["Path", "β (1)", "β (2)", "Difference", "p"]
    assert shown["β (1)"].iloc[0] - shown["β (2)"].iloc[0] == pytest.approx(shown["Difference"].iloc[0], rel=1e-9)
    assert found.paths.columns.tolist()[:2] == ["from", "to"]
