"""The same rows from every engine and every way to hand a log over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest

import crmlab as crm

pytestmark = [
    # ibis 12 asks for an option that pandas 3 has retired, whenever it makes or reads a table of another engine
    pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:DeprecationWarning"),
    # pyspark 4.3 gives pandas 3 an argument that has no effect any more, and says that it is not fully tested with it
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

END = "2025-06-30"
COLUMNS = [
    "customer_id",
    "order_id",
    "date",
    "product",
    "category",
    "quantity",
    "price",
    "discount",
    "amount",
    "channel",
]

CALLS = {
    "summary": lambda log: crm.summarize(log, unit="W", end="2025-01-31", holdout_end=END),
    "months": lambda log: crm.summarize(log, unit="M"),
    "grouped": lambda log: crm.summarize(log, unit="D", grouped=True),
    "rfm": lambda log: crm.rfm(log, end=END),
    "rfm, 3 bins": lambda log: crm.rfm(log, bins=3),
    "months of first purchase": lambda log: crm.cohorts(log),
    "weeks, revenue": lambda log: crm.cohorts(log, period="W", value="revenue"),
    "quarters, share": lambda log: crm.cohorts(log, period="Q", share=True),
}


@pytest.fixture(scope="module")
def clean_log() -> pd.DataFrame:
    return crm.clean(crm.load_messy_log(), end=END)[0]


def in_duckdb(frame: pd.DataFrame) -> ibis.Table:
    """A table in a database of the user's own (made by SQL: ibis 12's create_table stumbles over DuckDB 2)."""
    con = ibis.duckdb.connect()
    con.con.register("frame", pa.Table.from_pandas(frame, preserve_index=False))
    con.con.execute("CREATE TABLE log AS SELECT * FROM frame").fetchall()
    return con.table("log")


def rows(result: Any, by: list[str]) -> pd.DataFrame:
    if not isinstance(result, pd.DataFrame):
        result = result.to_pyarrow().to_pandas().sort_values(by).reset_index(drop=True)
    return result


def same(one: pd.DataFrame, other: Any) -> None:
    # sums of money may differ in their last bit, as engines add in another order
    by = list(one.columns) if "order_id" in one.columns else list(one.columns[:3])
    pd.testing.assert_frame_equal(
        rows(one, by).reset_index(drop=isinstance(one.index, pd.RangeIndex)),
        rows(other, by).reset_index(drop=isinstance(one.index, pd.RangeIndex)),
        rtol=1e-12, check_dtype=False, check_column_type=False,
    )  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("form", ["csv", "parquet glob", "duckdb"])
def test_duckdb_files_and_tables_equal_the_frame(clean_log: pd.DataFrame, call: Any, form: str, tmp_path: Path) -> None:
    source: Any
    if form == "csv":
        source = tmp_path / "log.csv"
        clean_log.to_csv(source, index=False)
    elif form == "parquet glob":
        for i in range(3):
            clean_log.iloc[i::3].to_parquet(tmp_path / f"part{i}.parquet")
        source = str(tmp_path / "part*.parquet")
    else:
        source = in_duckdb(clean_log)
    expected = call(clean_log)
    result = call(source)
    if form == "duckdb" and "since" not in (expected.columns.name,):
        assert isinstance(result, ibis.Table)
        assert result.get_backend() is source.get_backend()
    same(expected, result)


@pytest.mark.parametrize("returns", ["drop", "net", "keep"])
def test_clean_is_lazy_on_the_users_own_connection(returns: Any) -> None:
    raw = crm.load_messy_log()
    table = in_duckdb(raw)
    lazy, report = crm.clean(table, returns=returns, end=END)
    assert isinstance(lazy, ibis.Table)
    assert lazy.get_backend() is table.get_backend()
    frame, expected = crm.clean(raw, returns=returns, end=END)
    same_log(frame, lazy)
    pd.testing.assert_frame_equal(report, expected, rtol=1e-12)


def same_log(frame: pd.DataFrame, lazy: Any) -> None:
    by = [c for c in COLUMNS if c not in ("amount", "quantity")]
    one = frame.sort_values(by).reset_index(drop=True)
    other = lazy.to_pyarrow().to_pandas().sort_values(by).reset_index(drop=True)
    pd.testing.assert_frame_equal(one, other, rtol=1e-12, check_dtype=False)


@pytest.fixture(scope="module")
def raw(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("raw") / "raw.parquet"
    crm.load_messy_log().to_parquet(path)
    return spark.read_parquet(str(path), table_name="raw")


class TestSpark:
    @pytest.mark.parametrize("returns", ["drop", "net", "keep"])
    def test_clean(self, raw: Any, returns: Any) -> None:
        frame, expected = crm.clean(crm.load_messy_log(), returns=returns, end=END)
        lazy, report = crm.clean(raw, returns=returns, end=END)
        assert isinstance(lazy, ibis.Table)
        same_log(frame, lazy)
        # the example shows an amount as the engine writes it
        pd.testing.assert_frame_equal(report.drop(columns="example"), expected.drop(columns="example"), rtol=1e-12)

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_the_rest(self, spark: Any, clean_log: pd.DataFrame, call: Any, tmp_path: Path) -> None:
        path = tmp_path / "log.parquet"
        clean_log.to_parquet(path)
        same(call(clean_log), call(spark.read_parquet(str(path), table_name="log")))

    def test_faults_are_found_there_too(self, raw: Any) -> None:
        with pytest.raises(crm.DataError, match="no date in ISO form in 24 rows") as error:
            crm.summarize(raw)
        assert {f.column for f in error.value.faults} == {"customer_id", "date", "amount"}
