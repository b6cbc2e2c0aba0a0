"""The bundled data are what their datasheets say, and can be made again."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd

import crmlab as crm
from crmlab.base.share import share


def test_cdnow_is_the_published_log() -> None:
    """Fader & Hardie (2001): 23,570 customers, 69,659 transactions, 1997-01-01 to 1998-06-30."""
    log = crm.load_cdnow()
    assert (len(log), log.customer_id.nunique()) == (69_659, 23_570)
    assert (str(log.date.min().date()), str(log.date.max().date())) == ("1997-01-01", "1998-06-30")
    assert str(log.groupby("customer_id").date.min().max().date()) == "1997-03-25"
    sample = crm.load_cdnow(sample=True)
    assert (len(sample), sample.customer_id.nunique()) == (6_919, 2_357)
    merged = sample.merge(log.drop_duplicates(), how="left", indicator=True)
    assert (merged["_merge"] == "both").all()
    # the counts that the datasheet names
    assert (int((log.amount == 0).sum()), int(log.duplicated().sum())) == (80, 255)


def test_build_makes_the_same_data_again(tmp_path: Path) -> None:
    messy = runpy.run_path(str(share("datasets", "messy_log", "build.py")))["build"](tmp_path)
    assert messy.read_bytes() == share("datasets", "messy_log", "messy_log.csv").read_bytes()
    cdnow = runpy.run_path(str(share("datasets", "cdnow", "build.py")))["build"](tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(cdnow), pd.read_parquet(share("datasets", "cdnow", "cdnow.parquet")))
    assert cdnow.stat().st_size < 600_000


def test_the_list_of_data_sets_is_true() -> None:
    table = crm.datasets().set_index("name")
    assert table.rows["cdnow"] == len(crm.load_cdnow())
    assert table.rows["messy_log"] == len(crm.load_messy_log())
    for name in table.index:
        assert share("datasets", name, "README.md").read_text(encoding="utf-8").startswith("# ")
    assert table.what.str.contains("Synthetic")["messy_log"]
    assert (table != "").all(axis=None)


def test_messy_log_is_text() -> None:
    raw = crm.load_messy_log()
    assert all(pd.api.types.is_string_dtype(t) for t in raw.dtypes)
    assert "n/a" in set(raw.date)
