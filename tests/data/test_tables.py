"""Opening tables: broken files and columns never give rows, and the message says where and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.data.tables import fetch, nearest, open_table

ROWS = "".join(f"{i % 50},2024-01-{i % 28 + 1:02d},{i}.5\n" for i in range(30_000))
WHOLE = "customer_id,date,amount\n" + ROWS


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("7,2024-0", r"header's 3 columns in 1 row \(for example line 30002: 7,2024-0\)"),
        ("7", r"header's 3 columns in 1 row \(for example line 30002: 7\)"),
        ('7,"2024-01-01', r"quotation mark that is never closed \(for example the row after line 30001\)"),
        ("7,2024-01-01,5,5\n8,2024-01-01\n", "header's 3 columns in 2 rows"),
    ],
)
@pytest.mark.parametrize("where", ["one file", "second of a glob"])
def test_a_csv_cut_off_gives_no_rows(tmp_path: Path, ending: str, message: str, where: str) -> None:
    path: Any = tmp_path / "b.csv"
    path.write_text(WHOLE + ending)
    if where != "one file":
        (tmp_path / "a.csv").write_text(WHOLE)
        path = str(tmp_path / "*.csv")
    with pytest.raises(crm.DataError, match=message) as error:
        crm.summarize(path)
    assert "export it again" in str(error.value)
    assert "b.csv" in str(error.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_whole_csv_files(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(WHOLE.rstrip("\n").replace(",", separator))  # a last line without its end is whole
    assert crm.summarize(path).shape == (50, 5)


def test_a_fault_late_in_a_csv_is_judged_by_the_checks(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(WHOLE + "7,01/02/2024,1\n")  # may be January or February: never guessed
    with pytest.raises(crm.DataError, match=r"no date in ISO form in 1 row \(for example 01/02/2024\)"):
        crm.summarize(path)


def test_parquet_that_is_none(tmp_path: Path) -> None:
    pd.read_csv(__import__("io").StringIO(WHOLE)).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-50])
    (tmp_path / "c.parquet").write_text("customer_id,date,amount\n")
    for name in ("b.parquet", "c.parquet", "*.parquet"):
        with pytest.raises(crm.DataError, match="is not a whole Parquet file") as error:
            crm.summarize(tmp_path / name)
        assert len(error.value.faults) == (2 if "*" in name else 1)


def test_no_such_file_and_unknown_kinds(tmp_path: Path) -> None:
    (tmp_path / "log.xlsx").write_text("x")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("customer_id,date,amount\n")
    for name, message in {
        "none.csv": "no file has this name",
        "none*.parquet": "no file has this name",
        "log.xlsx": "ending in .xlsx are not known.*csv or .parquet",
        "empty.csv": "first line is empty",
        "header.csv": "the log has no rows",
    }.items():
        with pytest.raises(crm.DataError, match=message):
            crm.summarize(tmp_path / name)
    with pytest.raises(OptionError, match="A list is not a table"):
        crm.summarize([1, 2])  # type: ignore[arg-type]


def test_mixed_columns_are_all_named() -> None:
    frame = pd.DataFrame({
        "customer_id": pd.Series([1, 2, "x"], dtype=object), "date": pd.Timestamp("2024-01-01"),
        "amount": pd.Series([1.0, [2], 3.0], dtype=object),
    })  # fmt: skip
    with pytest.raises(crm.DataError) as error:
        crm.summarize(frame)
    first, second = error.value.faults
    assert (first.column, first.rows, first.example) == ("customer_id", 1, "'x'")
    assert (second.column, second.rows, second.example) == ("amount", 1, "[2]")
    assert "astype" in first.remedy


def test_a_mixed_column_does_not_hide_the_other_faults() -> None:
    frame = pd.DataFrame({
        "customer_id": [1.0, None, 2.0], "date": ["2024-01-01", "2024-02-30", "2024-01-03"],
        "amount": pd.Series([1.0, "12,5", 3.0], dtype=object),
    })  # fmt: skip
    with pytest.raises(crm.DataError) as error:
        crm.summarize(frame)
    assert [(f.column, f.rows) for f in error.value.faults] == [("amount", 1), ("customer_id", 1), ("date", 1)]
    with pytest.raises(crm.DataError, match="mixes"):
        crm.clean(frame)


def test_none_of_the_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    for log in (frame, tmp_path / "log.csv", tmp_path / "log.parquet"):
        with pytest.raises(crm.DataError, match="The columns are a, b") as error:
            crm.summarize(log)
        assert [f.column for f in error.value.faults] == ["customer_id", "date", "amount"]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_time_zones_in_any_resolution(unit: str) -> None:
    dates = pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("Asia/Tehran").as_unit(unit)
    frame = pd.DataFrame({"customer_id": [1, 2], "date": dates, "amount": 1.0})
    with pytest.raises(crm.DataError, match="has a time zone, .* in 2 rows"):
        crm.summarize(frame)


def test_wrong_names_in_columns() -> None:
    frame = pd.DataFrame({"client": [1], "customer_id": [1], "date": "2024-01-01", "amount": 1.0})
    with pytest.raises(crm.DataError, match="Did you mean 'client'") as error:
        crm.summarize(frame, columns={"cliemt": "customer_id", "x": "y"})
    assert len(error.value.faults) == 2
    with pytest.raises(crm.DataError, match="'customer_id': would stand twice"):
        crm.summarize(frame, columns={"client": "customer_id"})


def test_each_call_has_its_own_connection() -> None:
    one = open_table(pd.DataFrame({"a": [1]}))
    two = open_table(pd.DataFrame({"a": [2]}))
    assert one.table.get_backend() is not two.table.get_backend()
    assert fetch(one.table, one).a.tolist() == [1]


def test_nearest() -> None:
    assert nearest("amount", ["Amount (EUR)", "date"]) == "Amount (EUR)"
    assert nearest("date", ["InvoiceDate", "x"]) == "InvoiceDate"
    assert nearest("amount", ["x", "y"]) is None
