"""How long has a customer been observed (T), when several days could be the end?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 1
tags = ("summary", "T", "observation period")
answers = {"T": {"kind": "number", "unit": {"en": "weeks", "fa": "هفته"}, "tolerance": 0.01}}


def draw(rng):
    first = pd.Timestamp("2024-02-01") + pd.Timedelta(days=int(rng.integers(0, 60)))
    last = first + pd.Timedelta(days=int(rng.integers(30, 90)))
    weeks, days = int(rng.integers(20, 45)), int(rng.integers(1, 7))  # never whole weeks
    end = first + pd.Timedelta(days=7 * weeks + days)
    exported = end + pd.Timedelta(days=int(rng.integers(8, 30)))
    today = exported + pd.Timedelta(days=int(rng.integers(60, 400)))
    return {"first": first, "last": last, "end": end, "exported": exported, "today": today}


def solve(first, last, end, exported, today):
    log = pd.DataFrame({"customer_id": "Reza", "date": [first, last], "amount": 1.0})
    return {"T": float(crm.summarize(log, unit="W", end=end)["T"].iloc[0])}


def until_today(first, last, end, exported, today):
    return {"T": (today - first).days / 7}


def until_the_export(first, last, end, exported, today):
    return {"T": (exported - first).days / 7}


def until_the_last(first, last, end, exported, today):
    return {"T": (last - first).days / 7}


def in_days(first, last, end, exported, today):
    return {"T": (end - first).days}


def whole_weeks(first, last, end, exported, today):
    return {"T": (end - first).days // 7}


mistakes = {
    "until_today": until_today,
    "until_the_export": until_the_export,
    "until_the_last": until_the_last,
    "in_days": in_days,
    "whole_weeks": whole_weeks,
}
