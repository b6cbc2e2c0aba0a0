"""The bundled project: the same bytes again, sums that agree, and a comparison that finds the planted truth."""

import runpy

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import crmlab as crm
from crmlab.base.errors import DataError, OptionError
from crmlab.base.share import share

BUILD = runpy.run_path(str(share("datasets", "crm_project", "build.py")))
TRUTH = BUILD["EFFECT"]


def by_district(log):
    """Revenue a district and quarter, and whether the project was there and then."""
    table = log.groupby(["store", "region", log["date"].dt.to_period("Q")])["amount"].sum().reset_index()
    return table.assign(treated=table["region"] == "north", after=table["date"] >= "2024Q3")


def test_build_gives_the_same_bytes(tmp_path):
    BUILD["build"](tmp_path)
    for name in ("crm_project.csv", "survey.csv", "finance.csv"):
        assert (tmp_path / name).read_bytes() == share("datasets", "crm_project", name).read_bytes()


def test_tables_agree_with_one_another():
    log, survey, finance = (crm.load_crm_project(t) for t in ("log", "survey", "finance"))
    assert len(log) == crm.datasets().set_index("name").loc["crm_project", "rows"]
    sums = (
        log.groupby([log["date"].dt.to_period("Q").astype(str), "region"])["amount"].agg(["sum", "size"]).reset_index()
    )
    assert np.allclose(finance["revenue"], sums["sum"]) and (finance["orders"] == sums["size"]).all()
    assert finance["new_customers"].sum() == log["customer_id"].nunique()
    assert set(survey["customer_id"]) <= set(log["customer_id"])
    assert (survey["spend_here"] <= survey["spend_all"]).all()
    assert (log["amount"] > log["cost"]).mean() > 0.99 and log["date"].is_monotonic_increasing
    with pytest.raises(OptionError, match="table="):
        crm.load_crm_project("costs")


def test_the_fair_comparison_finds_the_truth_and_the_others_do_not():
    found = crm.difference_in_differences(by_district(crm.load_crm_project()), "amount", cluster="store")
    low, high = found.loc["difference_in_differences", ["low", "high"]]
    assert low <= TRUTH <= high and low > 0
    # season and trend are in the one, larger baskets in the other
    assert found.loc["before_after", "low"] > TRUTH and found.loc["treated_control", "estimate"] > 2 * TRUTH


def test_it_covers_the_truth_over_other_histories():
    # 12 histories: 95% intervals miss 3 or more with a chance of 2% (binomial); the mean error has a standard
    # error of about 0.04 / sqrt(12) = 0.012, and the bound is three of them
    found = []
    for seed in range(12):
        panel = by_district(BUILD["log"](np.random.default_rng(seed)))
        found.append(crm.difference_in_differences(panel, "amount", cluster="store").iloc[-1])
    table = pd.DataFrame(found)
    assert ((table["low"] <= TRUTH) & (table["high"] >= TRUTH)).sum() >= 10
    assert abs(table["estimate"].mean() - TRUTH) < 0.036


def test_differences_by_hand_and_by_statsmodels():
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"shop": np.repeat(np.arange(8), 10), "after": np.tile([0] * 5 + [1] * 5, 8)})
    table["treated"] = (table["shop"] < 4).astype(int)
    table["y"] = (
        10 + 2 * table["after"] + 3 * table["treated"] + 1.5 * table["after"] * table["treated"] + rng.normal(size=80)
    )
    found = crm.difference_in_differences(table, "y", cluster="shop", scale="difference")
    m = table.groupby(["treated", "after"])["y"].mean()
    assert found.loc["before_after", "estimate"] == pytest.approx(m[1, 1] - m[1, 0])
    assert found.loc["treated_control", "estimate"] == pytest.approx(m[1, 1] - m[0, 1])
    row = found.loc["difference_in_differences"]
    assert row["estimate"] == pytest.approx((m[1, 1] - m[1, 0]) - (m[0, 1] - m[0, 0]))
    peer = smf.ols("y ~ treated * after", table).fit(cov_type="cluster", cov_kwds={"groups": table["shop"]}, use_t=True)
    assert row[["low", "high"]].tolist() == pytest.approx(peer.conf_int().loc["treated:after"].tolist())
    ratio = crm.difference_in_differences(table, "y")
    assert ratio.loc["difference_in_differences", "estimate"] == pytest.approx(
        m[1, 1] / m[1, 0] / (m[0, 1] / m[0, 0]) - 1
    )
    assert found["n"].tolist() == [40, 40, 80]


def test_bad_tables():
    table = pd.DataFrame({"y": [1.0, 2, 3, 4] * 2, "treated": [0, 0, 1, 1] * 2, "after": [0] * 4 + [1] * 4})
    crm.difference_in_differences(table, "y")
    with pytest.raises(DataError, match="is missing"):
        crm.difference_in_differences(table, "z", cluster="shop")
    with pytest.raises(DataError) as caught:
        crm.difference_in_differences(table.assign(treated="north", y=-1.0), "y")
    assert {fault.column for fault in caught.value.faults} == {"treated", "y"}
    with pytest.raises(DataError, match="one of the four"):
        crm.difference_in_differences(table.assign(treated=1), "y")
    means = table.groupby(["treated", "after"], as_index=False)["y"].mean()
    with pytest.raises(DataError, match="does not vary"):
        crm.difference_in_differences(pd.concat([means, means]), "y")
    with pytest.raises(DataError, match="fewer than three"):
        crm.difference_in_differences(table.assign(shop=table["treated"]), "y", cluster="shop")
    with pytest.raises(OptionError, match="scale"):
        crm.difference_in_differences(table, "y", scale="log")
