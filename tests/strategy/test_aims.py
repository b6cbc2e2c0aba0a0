"""The aims tree names only KPIs that exist; gaps of plans counted by hand."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

import crmlab as crm
from crmlab.base.errors import DataError, OptionError


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_lists_are_complete() -> None:
    """17 aims; 3 + 4 + 3 by level; 3 of Kalakota & Robinson, 3 of Galbreath & Rogers, 5 of Newell, 3 of Burnett."""
    every = crm.aims(None)
    sizes = every.groupby("list").size().to_dict()
    assert sizes == {
        "seventeen": 17, "three_levels": 10, "kalakota_robinson": 3, "galbreath_rogers": 3, "newell": 5, "burnett": 3,
    }  # fmt: skip
    assert crm.aims("three_levels").groupby("level").size().to_dict() == {"primary": 3, "secondary": 4, "ultimate": 3}
    assert every["id"].is_unique
    assert set(every["level"]) == {"primary", "secondary", "ultimate"}
    assert every.groupby("kind")["benefit"].nunique().to_dict() == {"intangible": 7, "tangible": 6}
    persian = crm.aims(None, "fa")
    assert persian["id"].tolist() == every["id"].tolist()
    assert persian["aim"].str.contains("[آ-ی]").all() and persian["benefit"].str.contains("[آ-ی]").all()


def test_each_kpi_named_exists() -> None:
    named = {kpi for kpis in crm.aims(None)["kpis"] for kpi in kpis}
    assert named <= set(crm.kpis()["name"])
    assert crm.aims(None)["kpis"].map(len).between(1, 3).all()
    assert {name for name, group in zip(*crm.kpis()[["name", "group"]].to_numpy().T, strict=True)
            if group == "satisfaction"} - named == {"ces"}  # fmt: skip


def test_gaps_by_hand() -> None:
    plans = {"club": ["keep_customers", "personal_ties"], "site": ["win_new"]}
    found = crm.plan_gaps(plans, ["nps", "conversion_rate"])
    first = found.iloc[:3][["plan", "id", "have", "lack", "status"]].to_numpy().tolist()
    assert first == [
        ["club", "keep_customers", "", "retention_rate, churn_rate", "blind"],
        ["club", "personal_ties", "nps", "repeat_purchase_rate", "shown"],
        ["site", "win_new", "conversion_rate", "acquisition_cost", "shown"],
    ]
    assert found["status"].value_counts().to_dict() == {"no plan": 14, "shown": 2, "blind": 1}
    assert set(found["id"]) == set(crm.aims()["id"])


def test_bad_plans() -> None:
    with pytest.raises(OptionError, match="happiness: no such aim"):
        crm.plan_gaps({"club": ["happiness"]}, [])
    with pytest.raises(OptionError, match="profits: no such KPI"):
        crm.plan_gaps({"club": ["keep_customers"]}, ["profits"])
    with pytest.raises(OptionError, match="which"):
        crm.aims("eighteen")
    with pytest.raises(DataError, match="no aims"):
        crm.plot_aims(crm.aims().iloc[:0])
    with pytest.raises(DataError, match="'kpis'"):
        crm.plot_aims(crm.aims().drop(columns="kpis"))


@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_tree_has_every_node_once(language) -> None:
    table = crm.aims(language=language)
    ax = crm.plot_aims(table, ["nps"], language=language)
    labels = crm.kpis(language).set_index("name")["label"]
    nodes = [*table["aim"], *table["benefit"].unique(), *labels[table["kpis"].explode().unique()]]
    assert sorted(t.get_text() for t in ax.texts) == sorted(nodes)
    assert {"en": "measured: 1 of 23", "fa": "۱ از ۲۳"}[language] in ax.get_xlabel()
