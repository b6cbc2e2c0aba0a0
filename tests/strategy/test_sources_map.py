"""The map of data sources: gaps counted by hand, and everything that is wrong with a file said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crmlab as crm
from crmlab.base.errors import DataError

pytestmark = pytest.mark.usefixtures("agg")


def source(**changed: Any) -> dict[str, Any]:
    usual = {"serves": ["know:database"], "customer_id": True, "updated": "daily", "owner": "Ada", "consent": "yes"}
    return usual | changed


def test_the_bookshop_by_hand() -> None:
    """12 of 16 cells are served; web visits and help desk have no id, the desk no owner, the survey is old, unasked."""
    found = crm.check_sources(crm.example_sources())
    gaps = list(found.gaps[["where", "gap"]].itertuples(index=False, name=None))
    assert gaps == [
        ("know:production", "no_source"), ("relate:database", "no_source"), ("relate:production", "no_source"),
        ("relate:channel", "no_source"), ("web_visits", "no_customer_id"), ("help_desk", "no_customer_id"),
        ("help_desk", "no_owner"), ("reader_survey", "no_consent"), ("reader_survey", "stale"),
    ]  # fmt: skip
    assert len(found.cells) == 16
    assert found.cells["question"].is_unique
    know = found.cells.query("stage == 'know' and function == 'database'")["sources"].item()
    assert know == ("orders", "reader_survey")


def test_a_map_without_gaps() -> None:
    cells = [f"{s}:{f}" for s, f in crm.check_sources(crm.example_sources()).cells[["stage", "function"]].to_numpy()]
    found = crm.check_sources({"sources": {"one": source(serves=cells)}})
    assert found.gaps.empty
    assert list(found.gaps.columns) == ["where", "gap", "what", "remedy"]
    assert len(crm.check_sources({"sources": {"one": source()}}).gaps) == 15


def test_a_filled_file_and_a_changed_copy(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[sources.till]\nserves = ["interact:database"]\ncustomer_id = false\nupdated = "live"\nowner = ""\n'
        'consent = "not_needed"\n', encoding="utf-8",
    )  # fmt: skip
    assert crm.check_sources(path).gaps["gap"].value_counts().to_dict() == {
        "no_source": 15, "no_customer_id": 1, "no_owner": 1
    }  # fmt: skip
    example = crm.example_sources()
    example["sources"]["help_desk"]["owner"] = "service"
    assert "no_owner" not in set(crm.check_sources(example).gaps["gap"])
    assert "no_owner" in set(crm.check_sources(crm.example_sources()).gaps["gap"])  # the copy alone was changed


def test_all_faults_at_once_with_near_names(tmp_path: Path) -> None:
    wrong = {
        "frim": "x",
        "sources": {
            "a": source(serves=["know:databse"], owned=1),
            "b": source(updated="dayly", consent="perhaps", customer_id="yes"),
            "c": {"serves": [], "owner": 3},
            "d": "orders",
        },
    }
    with pytest.raises(DataError) as caught:
        crm.check_sources(wrong)
    message = str(caught.value)
    for piece in (
        "'frim'", "Did you mean 'firm'", "sources.a has the key 'owned'", "Did you mean 'know:database'",
        "Did you mean 'daily'", "'perhaps'", "sources.b.customer_id is 'yes'", "sources.c.serves is []",
        "sources.c does not say updated", "sources.c.owner is 3", "sources.d is 'orders', no table",
    ):  # fmt: skip
        assert piece in message
    nothings: list[dict[str, Any]] = [{}, {"sources": {}}, {"sources": ["orders"]}]
    for nothing in nothings:
        with pytest.raises(DataError, match="no source is given"):
            crm.check_sources(nothing)
    with pytest.raises(DataError, match="no file has this name"):
        crm.check_sources(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("firm = ", encoding="utf-8")
    with pytest.raises(DataError, match="it is no TOML"):
        crm.check_sources(str(tmp_path / "broken.toml"))


def test_the_picture_shows_the_gaps() -> None:
    found = crm.check_sources(crm.example_sources())
    texts = [t.get_text() for t in crm.plot_sources(found).texts]
    assert texts.count("no source") == 4
    assert "web visits\n(no customer id)" in texts
    assert [t.get_text() for t in crm.plot_sources(found, language="fa").texts].count("بی‌منبع") == 4
