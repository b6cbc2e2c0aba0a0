"""How many repeat purchases (x) does a short list of receipts show?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 1
tags = ("summary", "frequency")
answers = {"frequency": {"kind": "number", "unit": {"en": "repeat purchases", "fa": "خرید تکراری"}}}


def draw(rng):
    days = sorted(rng.choice(120, size=int(rng.integers(4, 8)), replace=False))
    twice = rng.choice(days, size=int(rng.integers(2, 4)), replace=False)
    dates = pd.Timestamp("2025-01-01") + pd.to_timedelta(sorted([*days, *twice]), unit="D")
    amounts = rng.integers(300, 6000, size=len(dates)) / 100
    return {"receipts": pd.DataFrame({"customer_id": "Sara", "date": dates, "amount": amounts})}


def solve(receipts):
    customers = crm.summarize(receipts, unit="D", end=receipts["date"].max())
    return {"frequency": int(customers["frequency"].iloc[0])}


def counted_the_first(receipts):
    return {"frequency": receipts["date"].nunique()}


def counted_receipts(receipts):
    return {"frequency": len(receipts) - 1}


def counted_all(receipts):
    return {"frequency": len(receipts)}


mistakes = {
    "counted_the_first": counted_the_first,
    "counted_receipts": counted_receipts,
    "counted_all": counted_all,
}
