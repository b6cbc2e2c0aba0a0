"""How many customers does a small log have, by three definitions?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 1
tags = ("customers", "definitions")
answers = {"customers": {"kind": "table"}}
WINDOW = 90


def draw(rng):
    end = pd.Timestamp("2025-12-31")

    def old(count):
        return [end - pd.Timedelta(days=int(d)) for d in rng.choice(range(100, 300), size=count, replace=False)]

    def late():
        return end - pd.Timedelta(days=int(rng.integers(1, 85)))

    back_early, back_late = ((1, 1), (1, 2), (2, 1))[int(rng.integers(0, 3))]
    visits = [old(1) for _ in range(int(rng.integers(1, 3)))]
    visits += [[late()] for _ in range(int(rng.integers(1, 3)))]
    visits += [old(1) * 2]  # two receipts of one day
    visits += [old(2) for _ in range(back_early)]
    visits += [[*old(1), late()] for _ in range(back_late)]
    names = [f"K{number:02d}" for number in rng.choice(range(1, 60), size=len(visits), replace=False)]
    rows = [(name, day) for name, days in zip(names, visits, strict=True) for day in days]
    log = pd.DataFrame(sorted(rows), columns=["customer_id", "date"])
    log["amount"] = rng.integers(8, 80, size=len(log)).astype(float)
    return {"log": log, "end": end}


def solve(log, end):
    customers = crm.summarize(log, end=end)
    silent = customers["T"] - customers["recency"]
    return _three(len(customers), (customers["frequency"] > 0).sum(), (silent < WINDOW).sum())


def _three(ever, again, recent):
    return {"customers": pd.Series({"ever": int(ever), "again": int(again), "recent": int(recent)})}


def counts(log, end):
    """By hand: ever, again, recent, those with several receipts, and those who are recent and came again."""
    days = log.groupby("customer_id")["date"].agg(["nunique", "max", "size"])
    again, recent = days["nunique"] > 1, (end - days["max"]).dt.days < WINDOW
    return len(days), again.sum(), recent.sum(), (days["size"] > 1).sum(), (again & recent).sum()


def counted_rows(log, end):
    _, again, recent, _, _ = counts(log, end)
    return _three(len(log), again, recent)


def same_day_is_again(log, end):
    ever, _, recent, several, _ = counts(log, end)
    return _three(ever, several, recent)


def recent_and_again(log, end):
    ever, again, _, _, both = counts(log, end)
    return _three(ever, again, both)


mistakes = {
    "counted_rows": counted_rows,
    "same_day_is_again": same_day_is_again,
    "recent_and_again": recent_and_again,
}
