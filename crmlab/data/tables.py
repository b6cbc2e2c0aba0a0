"""The one place that opens a file or a database: whatever comes in, an Ibis table goes on."""

from __future__ import annotations

import csv
import difflib
import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_kind

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

# Dates stay text in a CSV: an engine's guess of day and month would be silent. The checks cast ISO dates.
_CSV_TYPES = ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"]


@dataclass(frozen=True)
class Source:
    """An opened table, whether its results stay lazy, and what messages call it.

    `columns` are all columns that the source has, under our names; `table` may hold fewer. `faults` are of
    columns that could not be read at all; the checks report them with what else is wrong.
    """

    table: ir.Table
    lazy: bool
    name: str
    columns: tuple[str, ...]
    files: tuple[str, ...] = ()
    dtypes: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def open_table(
    source: pd.DataFrame | str | Path | ir.Table,
    columns: Mapping[str, str] | None = None,
    *,
    only: Iterable[str] | None = None,
) -> Source:
    """Which table is meant? A DataFrame, a path or glob of CSV or Parquet files, or an Ibis table.

    Parameters
    ----------
    source
        Files are read by DuckDB in this process; each call has its own connection. Ids made of digits
        alone are numbers in a CSV, so that 007 is 7; give a DataFrame where zeros count. An Ibis table
        stays on the engine that it came from, and nothing is fetched.
    columns
        Their names to ours, such as ``{"client": "customer_id"}``. Other columns keep their names.
    only
        The columns (our names) that are needed; those that are missing are left to the checks.

    Raises
    ------
    DataError
        No such file, an unknown extension, a CSV with rows of the wrong length or an open quotation
        mark, a Parquet file that is not one, wrong `columns`. (A DataFrame's columns of mixed types are noted
        in `faults`, so that the checks tell of them together with the rest.)
    """
    import ibis.expr.types as ir

    if isinstance(source, pd.DataFrame):
        return _from_frame(source, columns, only)
    if isinstance(source, ir.Table):
        names = _renamed(source.columns, columns, "the table")
        return Source(_pick(source, names, only), True, "the table", tuple(names.values()))
    if isinstance(source, str | Path):
        return _from_files(str(source), columns, only)
    raise OptionError(f"A {type(source).__name__} is not a table; give a DataFrame, a path or an Ibis table.")


def finish(expr: ir.Table, source: Source, order_by: Sequence[str]) -> Any:
    """What does the caller get? A lazy Ibis table if one came in, otherwise a DataFrame sorted by `order_by`.

    The dtype of `customer_id` is that of the DataFrame that came in. A lazy table has no order.
    """
    if source.lazy:
        return expr
    frame = fetch(expr.order_by(list(order_by)), source)
    dtype = source.dtypes.get("customer_id")
    if dtype is not None and "customer_id" in frame and frame["customer_id"].dtype != dtype:
        frame["customer_id"] = frame["customer_id"].astype(dtype)
    return frame


def fetch(expr: ir.Table, source: Source) -> pd.DataFrame:
    """Run `expr` and give its rows, with dates as datetime64; an engine's fault names the file."""
    import duckdb

    try:
        arrow = expr.to_pyarrow()
    except duckdb.Error as error:
        if source.lazy:
            raise
        raise _file_error(source.files, source.name, error) from error
    frame = arrow.to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)
    for name in frame.columns[[t.is_date() for t in expr.schema().types]]:
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    return frame


def nearest(name: str, existing: Iterable[str]) -> str | None:
    """Which of the existing column names was probably meant by `name`? None if nothing is near.

    >>> nearest("customer_id", ["InvoiceNo", "Customer ID"])
    'Customer ID'
    """
    plain = {re.sub(r"[^a-z0-9]", "", e.lower()): e for e in existing}
    wanted = re.sub(r"[^a-z0-9]", "", name.lower())
    found = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.6) or [
        p for p in plain if wanted in p or any(part in p for part in name.split("_") if len(part) > 3)
    ]
    return plain[found[0]] if found else None


def missing_columns(needs: Iterable[str], existing: Sequence[str]) -> list[Fault]:
    """A fault for each needed column that is not there, with the nearest existing name."""
    faults = []
    for name in needs:
        if name not in existing:
            near = nearest(name, existing)
            listed = ", ".join(map(str, existing))
            remedy = f"Name yours: columns={{'{near or '...'}': '{name}'}}. The columns are {listed}."
            faults.append(Fault(name, "is missing", remedy))
    return faults


def _renamed(existing: Sequence[str], columns: Mapping[str, str] | None, name: str) -> dict[str, str]:
    """Existing names to ours; faults for names that are not there or would stand twice."""
    columns = {} if columns is None else columns
    check_kind("columns", columns, Mapping, "give your names and ours, such as {'client': 'customer_id'}")
    faults = []
    for theirs in columns:
        if theirs not in existing:
            near = nearest(theirs, existing)
            hint = f"Did you mean '{near}'?" if near else f"The columns are {', '.join(map(str, existing))}."
            faults.append(Fault(theirs, "is named in columns= but is not there", hint))
    names = {e: columns.get(e, e) for e in existing}
    ours = list(names.values())
    for double in sorted({str(o) for o in ours if ours.count(o) > 1}):
        faults.append(Fault(double, "would stand twice", "Rename or drop one of the two columns."))
    if faults:
        raise DataError(faults, name)
    return names


def _pick(table: ir.Table, names: Mapping[str, str], only: Iterable[str] | None) -> ir.Table:
    wanted = set(names.values()) if only is None else set(only)
    picked = {ours: table[theirs] for theirs, ours in names.items() if ours in wanted}
    return table.select(**picked) if picked else table  # none of them is there: the checks say so


def _from_frame(frame: pd.DataFrame, columns: Mapping[str, str] | None, only: Iterable[str] | None) -> Source:
    import pyarrow as pa

    names = _renamed([str(c) for c in frame.columns], columns, "the DataFrame")
    wanted = set(names.values()) if only is None else set(only)
    arrays: dict[str, pa.Array] = {}
    faults: list[Fault] = []
    dtypes = {}
    for position, ours in enumerate(names.values()):
        if ours not in wanted:
            continue
        series = frame.iloc[:, position]
        dtypes[ours] = series.dtype
        try:
            arrays[ours] = _arrow(series)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            faults.append(_mixed(ours, series))
    con = _connect()
    # where none of the needed columns is there, the checks still count rows
    con.con.register("log", pa.table(arrays or {"nothing": np.zeros(len(frame), dtype=np.int8)}))
    return Source(con.table("log"), False, "the DataFrame", tuple(names.values()), dtypes=dtypes, faults=tuple(faults))


def _arrow(series: pd.Series) -> pa.Array:
    import pyarrow as pa

    array = pa.Array.from_pandas(series)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type) and array.type.tz and array.type.unit == "ns":
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)  # Ibis has no name for it in nanoseconds
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array


def _mixed(name: str, series: pd.Series) -> Fault:
    kinds = series.dropna().map(lambda value: type(value).__name__)
    counts = kinds.value_counts()
    rare = kinds[kinds == counts.index[-1]]
    what = f"mixes {' and '.join(counts.index)}" if len(counts) > 1 else f"holds {counts.index[0]} objects"
    remedy = f"Make it one type, such as log['{name}'].astype(str)."
    return Fault(name, what, remedy, len(rare), repr(series[rare.index[0]]))


def _connect() -> Any:
    import ibis

    con = ibis.duckdb.connect()
    # in Jupyter without ipywidgets the bar is off, and DuckDB refuses to be told so
    if con.raw_sql("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        con.con.execute("SET enable_progress_bar = false").fetchall()  # an unread result would block the connection
    return con


def _from_files(path: str, columns: Mapping[str, str] | None, only: Iterable[str] | None) -> Source:
    import duckdb

    files = tuple(sorted(glob.glob(path, recursive=True)))
    if not files and Path(path).is_file():  # a name with brackets in it is no glob
        files = (path,)
    name = f"'{path}'"
    if not files:
        raise DataError(Fault("", "no file has this name", "Check the path and the folder."), name)
    endings = {Path(f).suffix.lower() for f in files}
    con = _connect()
    try:
        if endings == {".parquet"}:
            table = con.read_parquet(list(files))
        elif endings <= {".csv", ".txt", ".tsv"}:
            table = con.read_csv(
                list(files), sample_size=-1, header=True, delim=_delimiter(files[0]), quote='"', escape='"',
                auto_type_candidates=_CSV_TYPES, strict_mode=True, null_padding=False,
            )  # fmt: skip
        else:
            what = f"files ending in {', '.join(sorted(e or 'nothing' for e in endings))} are not known"
            raise DataError(Fault("", what, "Give .csv or .parquet files, all of one kind."), name)
    except duckdb.Error as error:
        raise _file_error(files, name, error) from error
    names = _renamed(table.columns, columns, name)
    return Source(_pick(table, names, only), False, name, tuple(names.values()), files)


def _delimiter(path: str) -> str:
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    if not header.strip():
        remedy = "The first line must name the columns. Export the file again."
        raise DataError(Fault("", "the first line is empty", remedy), f"'{path}'")
    return max(",;\t|", key=header.count)


def _file_error(files: Sequence[str], name: str, error: Exception) -> DataError:
    """Which of the files is broken, and where?"""
    faults = [fault for f in files for fault in (_parquet_fault(f) if f.endswith("parquet") else _csv_fault(f))]
    first_line = str(error).strip().split("\n")[0]
    return DataError(faults or Fault("", f"the engine stopped: {first_line}", "Export the file again."), name)


def _parquet_fault(path: str) -> list[Fault]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetFile(path).close()
    except (pa.ArrowInvalid, OSError):
        remedy = "It may be cut off or have another format: export it again."
        return [Fault("", f"{path} is not a whole Parquet file", remedy)]
    return []


def _csv_fault(path: str) -> list[Fault]:
    """Rows whose length is not the header's, and a quotation mark that is never closed."""
    bad, example, line, width = 0, "", 0, None
    remedy = "The file may be cut off: export it again, or mend these lines."
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=_delimiter(path), strict=True)
        try:
            for row in rows:
                line, width = rows.line_num, width or len(row)
                if row and len(row) != width:
                    bad += 1
                    example = example or f"line {line}: {','.join(row)[:60]}"
        except csv.Error:
            what = f"{path} has a quotation mark that is never closed"
            return [Fault("", what, remedy, example=f"the row after line {line}")]
    if not bad:
        return []
    return [Fault("", f"{path} does not have the header's {width} columns", remedy, bad, example)]
