"""Makes cdnow.parquet again from the copies of the log that the lifetimes package carries.

Run from anywhere: python datasets/cdnow/build.py. The lifetimes modules are not imported: its `datasets`
module needs the retired pkg_resources.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write cdnow.parquet into `folder` and return its path."""
    spec = find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("This needs lifetimes: python -m pip install lifetimes.")
    there = Path(spec.submodule_search_locations[0]) / "datasets"
    names = ["customer_id", "date", "quantity", "amount"]
    options = {"sep": r"\s+", "header": None, "dtype": {"date": str}}
    log = pd.read_csv(there / "CDNOW_master.txt", skiprows=1, names=names, **options)
    sample = pd.read_csv(there / "CDNOW_sample.txt", names=["customer_id", "sample_id", *names[1:]], **options)
    log["date"] = pd.to_datetime(log["date"], format="%Y%m%d")
    log["in_sample"] = log["customer_id"].isin(sample["customer_id"])
    # The file's own order is kept: a customer's purchases by date, a day's in the order of the source.
    table = pa.table({
        "customer_id": pa.array(log["customer_id"], pa.int32()),
        "date": pa.array(log["date"].dt.date, pa.date32()),
        "quantity": pa.array(log["quantity"], pa.int16()),
        "amount": pa.array(log["amount"], pa.float64()),
        "in_sample": pa.array(log["in_sample"], pa.bool_()),
    })  # fmt: skip
    path = folder / "cdnow.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=19)
    return path


if __name__ == "__main__":
    print(build())
