"""The survey simulator against its own truth, by simple statistics; no model of ours is asked."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import OptionError
from crmlab.data.simulate_survey import CORRELATIONS, LOADINGS, PATHS, latent_covariance, simulate_survey

N = 40_000  # standard errors of correlations are then 0.005
CHAIN = {("A", "B"): 0.6, ("B", "C"): 0.5, ("A", "C"): 0.2}
THREE = {"A": [0.8, 0.7], "B": [0.9, 0.6], "C": [0.7, 0.7, 0.5]}


def test_covariance_by_path_tracing():
    """Wright's rules: r_AB = a, r_AC = c + a b, r_BC = b + a c."""
    cov = latent_covariance("ABC", CHAIN, {})
    assert cov[np.triu_indices(3, 1)].tolist() == pytest.approx([0.6, 0.2 + 0.6 * 0.5, 0.5 + 0.6 * 0.2])
    assert np.diag(cov).tolist() == [1, 1, 1]
    two = latent_covariance("ABC", {("A", "C"): 0.3, ("B", "C"): 0.4}, {("A", "B"): 0.5})
    assert two[2].tolist() == pytest.approx([0.3 + 0.4 * 0.5, 0.4 + 0.3 * 0.5, 1])
    np.testing.assert_allclose(latent_covariance("CBA", CHAIN, {})[::-1, ::-1], cov)  # order does not matter


def test_continuous_items_correlate_as_loadings_and_paths_say():
    survey = simulate_survey(N, rng=np.random.default_rng(1), loadings=THREE, paths=CHAIN, categories=None, shift=0.5)
    truth = survey.attrs["truth"]
    weight = np.array(list(truth["loadings"].values()))
    home = [0, 0, 1, 1, 2, 2, 2]
    expected = latent_covariance("ABC", CHAIN, {})[np.ix_(home, home)] * np.outer(weight, weight)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(np.cov(survey.to_numpy().T), expected, atol=0.03)  # four standard errors of a variance
    np.testing.assert_allclose(survey.mean(), 0.5, atol=4 / np.sqrt(N))
    assert truth["paths"] == {"A -> B": 0.6, "B -> C": 0.5, "A -> C": 0.2}


def test_cut_items_have_the_cut_normals_shares():
    from scipy.stats import norm

    survey = simulate_survey(
        N,
        rng=np.random.default_rng(2),
        loadings={"A": [0.7, 0.7]},
        shift={"A1": 0.0, "A2": 0.8},
        reverse=["A2"],
        categories=7,
    )
    cuts = np.linspace(-1.5, 1.5, 6)
    for item, mean, turned in (("A1", 0.0, False), ("A2", 0.8, True)):
        expected = np.diff(norm.cdf([-np.inf, *(cuts - mean), np.inf]))
        found = survey[item].value_counts(normalize=True).sort_index().to_numpy()
        np.testing.assert_allclose(found, expected[::-1] if turned else expected, atol=4 * 0.5 / np.sqrt(N))
    assert survey.corr().iloc[0, 1] < -0.4


def test_the_default_is_the_crm_survey_of_the_datasheet():
    survey = simulate_survey(N, rng=np.random.default_rng(3))
    assert survey.shape == (N, 25) and set(np.unique(survey)) == {1, 2, 3, 4, 5}
    turned = survey.assign(**{i: 6 - survey[i] for i in ("KCF4", "KM4", "ORG4")})
    means = pd.DataFrame({c: turned.filter(regex=rf"^{c}\d").mean(axis=1) for c in LOADINGS})
    r, true = means.corr(), latent_covariance(tuple(LOADINGS), PATHS, CORRELATIONS)
    # means of items correlate less than the constructs, by the square root of their reliabilities (about 0.8)
    ratio = (r.to_numpy() / true)[np.triu_indices(7, 1)]
    assert (ratio > 0.65).all() and (ratio < 0.9).all()
    # knowledge goes through the organisation: with it held constant little is left
    fit = np.linalg.lstsq(np.column_stack([means[["ORG", "KM"]], np.ones(N)]), means["MKT"], rcond=None)[0]
    assert fit[0] > 2.5 * fit[1] > 0
    # and TEC4 is the weak item
    inside = turned.filter(like="TEC").corr().sum()
    assert inside.idxmin() == "TEC4"


def test_groups_differ_where_they_should():
    groups = {"small": (0.6, {("A", "B"): 0.2}), "large": (0.4, {("A", "B"): 0.7})}
    survey = simulate_survey(
        N,
        rng=np.random.default_rng(4),
        loadings={"A": [0.9], "B": [0.9]},
        paths={("A", "B"): 0.5},
        groups=groups,
        categories=None,
    )
    assert survey["group"].value_counts(normalize=True)["small"] == pytest.approx(0.6, abs=0.01)
    r = survey.groupby("group")[["A1", "B1"]].corr().xs("A1", level=1)["B1"]
    assert r.to_dict() == pytest.approx({"large": 0.7 * 0.81, "small": 0.2 * 0.81}, abs=0.03)
    assert survey.attrs["truth"]["groups"]["large"] == {"A -> B": 0.7}


def test_planted_respondents_are_told():
    survey = simulate_survey(1000, rng=np.random.default_rng(5), straight_liners=0.05, careless=0.1, missing=0.03)
    truth = survey.attrs["truth"]
    straight, careless = truth["straight_liners"], truth["careless"]
    assert (len(straight), len(careless)) == (50, 100) and not set(straight) & set(careless)
    same = survey.nunique(axis=1) == 1
    assert sorted(same.index[same]) == straight
    assert survey.isna().mean().mean() == pytest.approx(0.03, abs=4 * np.sqrt(0.03 / 25_000))
    assert (
        abs(survey.loc[careless, "KCF1"].corr(survey.loc[careless, "KCF2"])) < 0.4 < survey["KCF1"].corr(survey["KCF2"])
    )


def test_the_same_seed_gives_the_same_survey():
    one, two = (simulate_survey(50, rng=np.random.default_rng(6), missing=0.1) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 0}, "n must be above 0"),
        ({"missing": 1.2}, "missing=1.2 is no share"),
        ({"loadings": {"A": [1.2]}}, "loadings must lie between -1 and 1"),
        ({"loadings": {"A": []}}, "loadings must lie"),
        ({"loadings": THREE, "paths": {("A", "X"): 0.1}}, "unknown constructs .'X'."),
        ({"loadings": THREE, "paths": {("A", "B"): 0.1, ("B", "A"): 0.1}}, "in a circle among A, B"),
        ({"loadings": THREE, "paths": {("A", "B"): 1.1}}, "paths to B explain 1.21"),
        ({"loadings": THREE, "paths": CHAIN, "correlations": {("A", "B"): 0.1}}, "constructs that no path goes to"),
        ({"loadings": THREE, "correlations": {("A", "B"): 0.9, ("B", "C"): 0.9, ("A", "C"): -0.9}}, "hold together"),
        ({"reverse": ["Z1"]}, "unknown items .'Z1'."),
        ({"groups": {"a": (0.5, {})}}, "add up to 1"),
        ({"categories": 1}, "categories=1"),
        ({"shift": {"KM1": 0.0}}, "shift lacks the items"),
    ],
)
def test_refusals(changes, said):
    with pytest.raises(OptionError, match=said):
        simulate_survey(**({"n": 10, "rng": np.random.default_rng(0)} | changes))
