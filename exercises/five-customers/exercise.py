"""What are x, t_x and T of five customers, from their receipts?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 2
tags = ("summary", "recency", "T")
answers = {"summary": {"kind": "table", "unit": {"en": "days", "fa": "روز"}, "tolerance": 0.001}}
NAMES = ("Amir", "Leila", "Navid", "Parisa", "Sara")
RECEIPTS = (1, 2, 2, 3, 4)  # twelve in all, so that the table is shown whole


def draw(rng):
    start = pd.Timestamp("2025-01-01")
    rows = []
    for name, count in zip(NAMES, rng.permutation(RECEIPTS), strict=True):
        days = sorted(int(day) for day in rng.choice(150, size=count, replace=False))
        if count == 4:
            days[2] = days[1]  # two receipts of one day
        rows += [(name, start + pd.Timedelta(days=day), int(rng.integers(5, 90))) for day in days]
    receipts = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return {"receipts": receipts, "end": start + pd.Timedelta(days=int(rng.integers(160, 200)))}


def solve(receipts, end):
    customers = crm.summarize(receipts, unit="D", end=end)
    return {"summary": customers[["customer_id", "frequency", "recency", "T"]]}


def by_customer(receipts, end):
    """The three numbers in plain pandas, for the mistakes to change."""
    days = receipts.groupby("customer_id")["date"].agg(["nunique", "min", "max"])
    return pd.DataFrame(
        {
            "customer_id": days.index,
            "frequency": days["nunique"].to_numpy() - 1,
            "recency": (days["max"] - days["min"]).dt.days.to_numpy(dtype=float),
            "T": (end - days["min"]).dt.days.to_numpy(dtype=float),
        }
    )


def counted_the_first(receipts, end):
    table = by_customer(receipts, end)
    return {"summary": table.assign(frequency=table["frequency"] + 1)}


def counted_receipts(receipts, end):
    rows = receipts.groupby("customer_id").size().to_numpy()
    return {"summary": by_customer(receipts, end).assign(frequency=rows - 1)}


def since_the_last(receipts, end):
    table = by_customer(receipts, end)
    return {"summary": table.assign(recency=table["T"] - table["recency"])}


def from_the_window(receipts, end):
    table = by_customer(receipts, end)
    return {"summary": table.assign(T=table["T"].max())}


mistakes = {
    "counted_the_first": counted_the_first,
    "counted_receipts": counted_receipts,
    "since_the_last": since_the_last,
    "from_the_window": from_the_window,
}
