"""The bundled data are what their datasheets say, and can be made again."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd

import crmlab as crm
from crmlab.base.share import share
from crmlab.data import datasets


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
    survey = runpy.run_path(str(share("datasets", "crm_survey", "build.py")))["build"](tmp_path)
    assert survey.read_bytes() == share("datasets", "crm_survey", "crm_survey.csv").read_bytes()


def test_the_list_of_data_sets_is_true() -> None:
    table = crm.datasets().set_index("name")
    for name in table.index:
        assert table.rows[name] == len(getattr(datasets, f"load_{name}")())
        assert share("datasets", name, "README.md").read_text(encoding="utf-8").startswith("# ")
    assert table.what.str.contains("Synthetic")[["messy_log", "crm_survey"]].all()
    for name in table.index[table.licence.str.contains("GPL")]:  # their terms ask for a notice beside the file
        assert "gnu.org/licenses" in share("datasets", name, "LICENSE.md").read_text(encoding="utf-8")
    assert (table != "").all(axis=None)


def test_surveys_are_what_their_datasheets_say() -> None:
    """Counts and codes of the datasheets; psych's manual and Tenenhaus et al. (2005) for bfi and mobi."""
    mobi, bfi = datasets.load_mobi(), datasets.load_bfi()
    assert mobi.shape == (250, 24) and mobi.stack().between(1, 10).all()
    assert bfi.iloc[:, :25].isna().sum().sum() == 508 and bfi["age"].min() == 3
    assert len(bfi.iloc[:, :25].dropna()) == 2436
    pupils = datasets.load_holzinger_swineford()
    assert pupils["school"].value_counts().to_dict() == {"Pasteur": 156, "Grant-White": 145}
    assert datasets.load_political_democracy().columns.tolist() == [*(f"y{i}" for i in range(1, 9)), "x1", "x2", "x3"]


def test_crm_survey_is_what_its_datasheet_says() -> None:
    raw = datasets.load_crm_survey()
    items = raw.columns[5:30]
    assert (raw[items].isna().sum().sum(), (raw[items] == 99).sum().sum()) == (121, 87)
    odd = ~(raw[items].isin([1, 2, 3, 4, 5, 99]) | raw[items].isna())
    planted = runpy.run_path(str(share("datasets", "crm_survey", "build.py")))["survey"]()[1]
    assert (raw.index[odd.any(axis=1)] + 1).tolist() == planted["impossible"]
    sheet = share("datasets", "crm_survey", "README.md").read_text(encoding="utf-8")
    for who in planted.values():
        assert f"| {', '.join(map(str, who))} |" in sheet
    copies = raw.drop(columns=["respondent", "seconds"])
    assert (raw.index[copies.duplicated(keep="last")] + 1).tolist() == planted["copied"]


def test_messy_log_is_text() -> None:
    raw = crm.load_messy_log()
    assert all(pd.api.types.is_string_dtype(t) for t in raw.dtypes)
    assert "n/a" in set(raw.date)
