"""Sample sizes: the papers' tables, R's semTools, and hand calculation."""

import numpy as np
import pytest
from scipy.stats import chi2

from crmlab.base.errors import OptionError
from crmlab.survey.samplesize import cochran, items_rule, krejcie_morgan, rmsea_power, rmsea_sample_size


def test_cochran_by_hand():
    assert cochran() == 385  # 1.959964^2 x 0.25 / 0.0025 = 384.15
    assert cochran(0.03) == 1068  # 1067.07
    assert cochran(0.05, 0.2) == 246  # 245.85
    assert cochran(level=0.99) == 664  # 663.49
    assert cochran(population=500) == 218  # 384.15 / (1 + 383.15 / 500) = 217.49
    assert cochran(population=1) == 1


@pytest.mark.parametrize(
    ("population", "printed"),
    [(10, 10), (20, 19), (50, 44), (100, 80), (250, 152), (500, 217), (1000, 278), (5000, 357), (10_000, 370),
     (15, 14), (75, 63), (220, 140), (1200, 291), (1500, 306), (2800, 338), (9000, 368), (75_000, 382),
     (1_000_000, 384)],
)  # fmt: skip
def test_krejcie_morgan_1970_table_1(population, printed):
    assert krejcie_morgan(population) == printed


def test_rmsea_as_semtools(r_tables):
    assert rmsea_sample_size(24) == r_tables["rmsea_n"]
    assert rmsea_power(301, 24) == pytest.approx(r_tables["rmsea_power"], rel=1e-9)


@pytest.mark.parametrize(("df", "printed"), [(10, 782), (50, 214), (100, 132)])
def test_maccallum_1996_table_4(df, printed):
    assert rmsea_sample_size(df) == printed


def test_maccallum_1996_table_2():
    # close fit, df 5 and n 100: 0.127; not-close fit is the same test with the values exchanged
    assert rmsea_power(100, 5) == pytest.approx(0.127, abs=0.0005)
    n = rmsea_sample_size(40, rmsea0=0.05, rmsea1=0.01)
    assert rmsea_power(n - 1, 40, 0.05, 0.01) < 0.80 <= rmsea_power(n, 40, 0.05, 0.01)


def test_power_at_exact_fit_is_simulated():
    # rmsea0 = 0 is the ordinary chi-square test: reject above its 95% point
    n, df, draws = 200, 24, 200_000
    drawn = np.random.default_rng(1).noncentral_chisquare(df, (n - 1) * df * 0.05**2, draws)
    share = (drawn > chi2.ppf(0.95, df)).mean()
    assert rmsea_power(n, df, 0.0, 0.05) == pytest.approx(share, abs=0.004)  # 3.6 standard errors


def test_rules():
    rules = items_rule(25, 200, arrows=4, path=0.197)
    assert rules["needs"].tolist() == [125, 250, 100, 200, 40, 160]  # 160: Kock & Hadaya (2018), for 0.197
    assert rules["met"].tolist() == [True, False, True, True, True, True]
    assert (rules["source"].str.len() > 5).all() and (rules["caveat"].str.len() > 20).all()
    assert "met" not in items_rule(25)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: cochran(margin=5), "margin=5"),
        (lambda: cochran(p=0), "p=0"),
        (lambda: cochran(level=95), "level=95"),
        (lambda: cochran(population=-3), "population=-3"),
        (lambda: krejcie_morgan(10.5), "population=10.5"),
        (lambda: krejcie_morgan(True), "population=True"),
        (lambda: rmsea_power(1, 24), "n=1"),
        (lambda: rmsea_power(100, 0), "df=0"),
        (lambda: rmsea_power(100, 24, rmsea1=-0.1), "rmsea1=-0.1"),
        (lambda: rmsea_power(100, 24, 0.05, 0.05), "both 0.05"),
        (lambda: rmsea_sample_size(24, power=1), "power=1"),
        (lambda: rmsea_sample_size(1, rmsea0=0.05, rmsea1=0.0501), "too near"),
        (lambda: items_rule(0), "n_items=0"),
        (lambda: items_rule(5, arrows=-1), "arrows=-1"),
    ],
)
def test_refusals(call, named):
    with pytest.raises(OptionError, match=named):
        call()


def test_numpy_integers_count():
    assert krejcie_morgan(np.int64(1000)) == 278
