"""Validity: semTools 0.5-6 and seminr 2.3.1 (tests/reference), hand calculation, a simulation with known truth."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError, FitError, OptionError
from crmlab.survey.instrument import Instrument
from crmlab.survey.pls import pls
from crmlab.survey.sem import cfa, sem
from crmlab.survey.validity import convergent_validity, cross_loadings, fornell_larcker, htmt, htmt_matrix, validity

ECSI = Instrument.bundled("mobi").model()
HS = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"
PD = """ind60 =~ x1+x2+x3; dem60 =~ y1+y2+y3+y4; dem65 =~ y5+y6+y7+y8; dem60 ~ ind60; dem65 ~ ind60+dem60
        y1~~y5; y2~~y4+y6; y3~~y7; y4~~y8; y6~~y8"""


@pytest.fixture(scope="module")
def fit(hs):
    return cfa(HS, hs)


@pytest.fixture(scope="module")
def pls_fit(mobi):
    return pls(ECSI, mobi, bootstrap=0)


def square(rows):
    table = pd.DataFrame(rows).set_index("_row").astype(float)
    return table.loc[table.index, table.index].to_numpy()


def test_both_conventions(fit, r_tables):
    table = convergent_validity(fit)
    rel = pd.DataFrame(r_tables["hs_rel"]).set_index("_row")
    assert table["omega"].tolist() == pytest.approx(rel.loc["omega", table.index].tolist(), rel=1e-4)
    assert table["ave_unstd"].tolist() == pytest.approx(rel.loc["avevar", table.index].tolist(), rel=1e-4)
    std = {row["rhs"]: row["std.all"] for row in r_tables["hs_pe"] if row["op"] == "=~"}
    textual = np.array([std[x] for x in ("x4", "x5", "x6")])
    assert table.loc["textual", "ave"] == pytest.approx((textual**2).mean(), rel=1e-4)
    cr = textual.sum() ** 2 / (textual.sum() ** 2 + (1 - textual**2).sum())
    assert table.loc["textual", "cr"] == pytest.approx(cr, rel=1e-4)


def test_residual_covariances_count_in_omega(pd_data, r_tables):
    table = convergent_validity(sem(PD, pd_data))
    rows = {(r["lhs"], r["op"], r["rhs"]): r for r in r_tables["pd_pe"]}
    own = ["y1", "y2", "y3", "y4"]  # y2 ~~ y4 lies within dem60
    common = sum(rows["dem60", "=~", y]["std.lv"] for y in own) ** 2
    theta = sum(rows[y, "~~", y]["est"] for y in own) + 2 * rows["y2", "~~", "y4"]["est"]
    assert table.loc["dem60", "omega"] == pytest.approx(common / (common + theta), rel=1e-4)


def test_fornell_larcker(fit, pls_fit, r_tables, pls_tables):
    table = fornell_larcker(fit)
    truth = square(r_tables["hs_lvcor"])
    below = np.tril_indices(3, -1)
    assert table.to_numpy()[below] == pytest.approx(truth[below], abs=1e-4)
    assert np.diag(table) ** 2 == pytest.approx(convergent_validity(fit)["ave"].to_numpy(), rel=1e-12)
    assert np.isnan(table.to_numpy()[np.triu_indices(3, 1)]).all()
    seminr = pd.DataFrame(pls_tables["path_weighting"]["fl"]).set_index("_row").astype(float)
    ours = fornell_larcker(pls_fit).loc[seminr.index, seminr.columns]
    assert ours.to_numpy() == pytest.approx(seminr.to_numpy(), abs=1e-6, nan_ok=True)


def test_htmt(hs, mobi, r_tables, pls_tables):
    # plain arithmetic on the same data: only the printed digits differ
    assert htmt(hs, HS).to_numpy() == pytest.approx(square(r_tables["hs_htmt"]), abs=1e-9)
    assert htmt(hs, HS, "htmt2").to_numpy() == pytest.approx(square(r_tables["hs_htmt2"]), abs=1e-9)
    seminr = pd.DataFrame(pls_tables["path_weighting"]["htmt"]).set_index("_row").astype(float)
    ours = htmt(mobi, ECSI).loc[seminr.index, seminr.columns].to_numpy()  # Complaints has a single item
    below = np.tril_indices(7, -1)
    assert ours[below] == pytest.approx(seminr.to_numpy()[below], abs=1e-9)


def test_htmt_by_hand():
    corr = np.array([[1, 0.5, 0.2, -0.3], [0.5, 1, 0.4, 0.1], [0.2, 0.4, 1, 0.8], [-0.3, 0.1, 0.8, 1]])
    plain = htmt_matrix(corr, [(0, 1), (2, 3)])[0, 1]
    assert plain == pytest.approx((0.2 + 0.3 + 0.4 + 0.1) / 4 / np.sqrt(0.5 * 0.8))
    roots = htmt_matrix(np.stack([corr, corr]), [(0, 1), (2, 3)], "htmt2")[1, 0, 1]
    assert roots == pytest.approx((0.2 * 0.3 * 0.4 * 0.1) ** 0.25 / np.sqrt(0.5 * 0.8))
    single = htmt_matrix(corr, [(0,), (2, 3)])[0, 1]
    assert single == pytest.approx(0.25 / np.sqrt(0.8))


def test_htmt_interval_covers_the_truth():
    # Parallel items of loading sqrt(.6): HTMT is then the constructs' correlation, 0.7 here. With 120 samples a
    # 95% interval's share has a standard error of 0.02, bootstrap percentiles err a little more.
    hits = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        factors = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 300)
        x = np.sqrt(0.6) * factors.repeat(3, axis=1) + np.sqrt(0.4) * rng.normal(size=(300, 6))
        row = htmt(
            pd.DataFrame(x, columns=list("abcdef")), {"A": list("abc"), "B": list("def")}, bootstrap=300, rng=seed
        ).iloc[0]
        hits.append(row["low"] <= 0.7 <= row["high"])
    assert 0.88 <= np.mean(hits) <= 0.99


def test_bootstrap_is_that_of_rows(hs):
    """Correlations of resampled rows, taken row by row, have the same spread as ours from counts."""
    ours = htmt(hs, HS, bootstrap=2000, rng=1).set_index(["first", "second"]).loc[("visual", "textual")]
    x, rng = hs[[f"x{i}" for i in range(1, 7)]].to_numpy(), np.random.default_rng(2)
    blocks = [(0, 1, 2), (3, 4, 5)]
    draws = [
        htmt_matrix(np.corrcoef(x[rng.integers(len(x), size=len(x))], rowvar=False), blocks)[0, 1] for _ in range(2000)
    ]
    # A 2.5% percentile of 2,000 draws has a standard error of about 0.006 (sd 0.075).
    assert [ours["low"], ours["high"]] == pytest.approx(np.quantile(draws, [0.025, 0.975]).tolist(), abs=0.025)
    again = htmt(hs, HS, bootstrap=2000, rng=np.random.default_rng(1)).iloc[0]
    assert again["low"] == ours["low"]


def test_cross_loadings(fit, hs, pls_fit, mobi):
    table = cross_loadings(fit)
    assert table.loc["x1", "textual"] == pytest.approx(0.77188042 * 0.45850930, rel=1e-4)  # lavaan: std.all, lv cor
    plain = cross_loadings(hs, HS)
    x = hs[[f"x{i}" for i in range(1, 10)]]
    z = (x - x.mean()) / x.std()
    assert plain.loc["x1", "visual"] == pytest.approx(np.corrcoef(z["x1"], z["x2"] + z["x3"])[0, 1])
    assert plain.loc["x1", "speed"] == pytest.approx(np.corrcoef(z["x1"], z["x7"] + z["x8"] + z["x9"])[0, 1])
    assert cross_loadings(mobi, ECSI).loc["CUSCO", "Complaints"] == pytest.approx(1)
    own = cross_loadings(pls_fit)
    assert own.loc["PERQ1", "Quality"] == pytest.approx(
        np.corrcoef(mobi["PERQ1"], pls_fit.scores["Quality"])[0, 1], abs=1e-9
    )


def test_verdicts(fit, hs, pls_fit, mobi):
    found = validity(fit, hs)
    assert found.verdicts["cr"].tolist() == [False, True, False]
    assert found.verdicts["ave"].tolist() == [False, True, False]
    assert found.verdicts[["fornell_larcker", "htmt", "cross_loadings"]].all(axis=None)
    strict = validity(fit, hs, htmt_below=0.45, cr=0.6, ave=0.3)
    assert strict.verdicts["htmt"].tolist() == [False, True, False]  # visual and speed: 0.467
    assert strict.verdicts[["cr", "ave"]].all(axis=None)
    mobile = validity(pls_fit, mobi).verdicts
    assert mobile["htmt"].to_dict() == {
        "Image": False, "Expectation": True, "Quality": False, "Value": True, "Satisfaction": False,
        "Complaints": True, "Loyalty": False,
    }  # fmt: skip
    assert not mobile.loc["Image", "fornell_larcker"]  # 0.692 against 0.749 with Quality
    assert "0.885" in repr(found) and "<pre" in found._repr_html_()


def test_second_order_and_formative(hs, mobi):
    high = validity(cfa("g =~ visual + textual + speed; " + HS, hs), hs)
    assert high.verdicts.loc["g", "fornell_larcker"]  # not judged against its own part visual (0.873)
    assert high.verdicts["htmt"].isna().tolist() == [True, False, False, False]
    forms = pls("A <~ IMAG1 + IMAG2 + IMAG3; B =~ PERQ1 + PERQ2 + PERQ3; B ~ A", mobi, bootstrap=0)
    verdicts = validity(forms, mobi).verdicts
    assert verdicts.loc["A", ["cr", "ave", "fornell_larcker"]].isna().all()
    assert verdicts.loc["B", "cr"]


def test_an_item_of_two_constructs(hs):
    """x9 measures speed (.562) more than visual (.387): HTMT takes it there, AVE is the mean of all squares."""
    fit = cfa("visual =~ x1 + x2 + x3 + x9; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9", hs)
    found = validity(fit, hs)
    assert found.htmt.to_numpy() == pytest.approx(htmt(hs, HS).to_numpy())
    squares = fit.loadings["visual"].drop(["x4", "x5", "x6", "x7", "x8"]) ** 2
    assert found.convergent.loc["visual", "ave"] == pytest.approx(squares.mean())
    assert found.verdicts.loc["speed", "cross_loadings"]  # x9: .562 with speed, .518 with visual


def test_signs_and_single_items(hs):
    """HTMT is of absolute correlations: an item worded against the others changes nothing."""
    turned = hs.assign(x2=-hs["x2"], x5=-hs["x5"])
    assert htmt(turned, HS).to_numpy() == pytest.approx(htmt(hs, HS).to_numpy())
    assert htmt(turned, HS, "htmt2").to_numpy() == pytest.approx(htmt(hs, HS, "htmt2").to_numpy())
    alone = validity(cfa("v =~ x1 + x2 + x3; s =~ x9; x9 ~~ 0*x9", hs), hs)  # a single item is its construct
    assert alone.convergent.loc["s"].tolist() == pytest.approx([1, 1, 1, 1, 1])
    r = hs[["x1", "x2", "x3", "x9"]].corr().to_numpy()
    assert alone.htmt.loc["v", "s"] == pytest.approx(r[3, :3].mean() / np.sqrt((r[0, 1] + r[0, 2] + r[1, 2]) / 3))


def test_refusals(hs, mobi):
    with pytest.raises(DataError, match=r"'x99'.*missing"):
        htmt(hs, {"a": ["x1", "x99"], "b": ["x2", "x3"]})
    with pytest.raises(OptionError, match="only visual"):
        htmt(hs, "visual =~ x1 + x2 + x3")
    with pytest.raises(OptionError, match="kind='both'"):
        htmt(hs, HS, "both")
    with pytest.raises(OptionError, match="rng"):
        htmt(hs, HS, bootstrap=100)
    with pytest.raises(OptionError, match="bootstrap=-5"):
        htmt(hs, HS, bootstrap=-5, rng=1)
    with pytest.raises(OptionError, match="level=95"):
        htmt(hs, HS, bootstrap=50, rng=1, level=95)
    with pytest.raises(OptionError, match="needs spec"):
        cross_loadings(mobi)
    with pytest.raises(OptionError, match="several groups"):
        convergent_validity(cfa(HS, hs, group="school"))
    rare = hs.assign(x1=(np.arange(len(hs)) == 3).astype(float))  # constant in a third of all samples
    with pytest.raises(FitError, match="does not vary"):
        htmt(rare, HS, bootstrap=100, rng=1)


def test_items_without_any_correlation_have_no_ratio():
    ratio = htmt_matrix(np.eye(4), [[0, 1], [2, 3]])
    assert np.isnan(ratio[0, 1]) and ratio[0, 0] == 1
