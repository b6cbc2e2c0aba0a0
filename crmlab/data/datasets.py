"""The bundled data sets: where they lie, what they are, and one loader each."""

from __future__ import annotations

import tomllib

import pandas as pd

from crmlab.base.share import share


def datasets() -> pd.DataFrame:
    """Which data sets come with the course? Name, rows, what they are, source and licence of each.

    >>> datasets().name.tolist()
    ['cdnow', 'messy_log']
    """
    found = [
        tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(share("datasets").glob("*/dataset.toml"))
    ]
    return pd.DataFrame(found)[["name", "rows", "what", "source", "licence"]]


def load_cdnow(sample: bool = False) -> pd.DataFrame:
    """What did CDNOW's new customers of early 1997 buy until mid-1998?

    Columns customer_id, date, quantity (CDs) and amount (US dollars): 69,659 orders of 23,570 customers,
    or with `sample` those of the 2,357 in the systematic 10% sample that the papers use, under the same
    numbers. Fader & Hardie (2001), Interfaces 31(3); limits in datasets/cdnow/README.md.

    >>> load_cdnow(sample=True).customer_id.nunique()
    2357
    """
    log = pd.read_parquet(share("datasets", "cdnow", "cdnow.parquet"))
    if sample:
        log = log[log["in_sample"]].reset_index(drop=True)
    log["date"] = log["date"].astype("datetime64[us]")
    return log.drop(columns="in_sample").astype({"customer_id": "int64", "quantity": "int64"})


def load_messy_log() -> pd.DataFrame:
    """What does a raw export look like? A made-up bookshop's log with planted faults, all columns text.

    Columns customer_id, order_id, date, product, category, quantity, price, discount, amount and channel;
    an empty cell is missing. What was planted, and how often: datasets/messy_log/README.md.

    >>> load_messy_log().columns[:3].tolist()
    ['customer_id', 'order_id', 'date']
    """
    path = share("datasets", "messy_log", "messy_log.csv")
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
