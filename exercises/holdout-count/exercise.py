"""How many purchases in the holdout count for a test of the calibration period's customers?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 2
tags = ("holdout", "calibration")
answers = {"purchases": {"kind": "number", "unit": {"en": "purchases", "fa": "خرید"}}}
KNOWN, LATE = ("Ali", "Bita", "Cyrus"), "Dina"


def draw(rng):
    end = pd.Timestamp("2025-03-31")
    counted = int(rng.integers(1, 4))
    # no two mistakes lead to the same number
    on_the_day, doubled, late = ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1))[int(rng.integers(0, 4))]
    rows = [(name, end - pd.Timedelta(days=int(rng.integers(10, 80)))) for name in KNOWN]
    rows += [(name, end) for name in rng.permutation(KNOWN)[:on_the_day]]
    days = [end + pd.Timedelta(days=int(day)) for day in rng.choice(range(1, 90), size=counted, replace=False)]
    later = [(str(rng.choice(KNOWN)), day) for day in days]
    rows += later + [later[int(i)] for i in rng.choice(counted, size=doubled)]
    rows += [(LATE, end + pd.Timedelta(days=int(d))) for d in rng.choice(range(1, 90), size=late, replace=False)]
    log = pd.DataFrame(sorted((str(name), day) for name, day in rows), columns=["customer_id", "date"])
    log["amount"] = rng.integers(10, 60, size=len(log)).astype(float)
    return {"log": log, "end": end, "holdout_end": pd.Timestamp("2025-06-30")}


def solve(log, end, holdout_end):
    customers = crm.summarize(log, end=end, holdout_end=holdout_end)
    return {"purchases": int(customers["holdout_frequency"].sum())}


def counted_new(log, end, holdout_end):
    return {"purchases": len(log.loc[log["date"] > end, ["customer_id", "date"]].drop_duplicates())}


def counted_the_end(log, end, holdout_end):
    known = log[(log["date"] >= end) & (log["customer_id"] != LATE)]
    return {"purchases": len(known[["customer_id", "date"]].drop_duplicates())}


def counted_receipts(log, end, holdout_end):
    return {"purchases": int(((log["date"] > end) & (log["customer_id"] != LATE)).sum())}


def counted_rows(log, end, holdout_end):
    return {"purchases": int((log["date"] > end).sum())}


mistakes = {
    "counted_new": counted_new,
    "counted_the_end": counted_the_end,
    "counted_receipts": counted_receipts,
    "counted_rows": counted_rows,
}
