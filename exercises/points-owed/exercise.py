"""What becomes of one customer's points: how many lapse, and what is still owed?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 8
level = 2
tags = ("programme", "points", "breakage", "liability")
answers = {
    "expired": {"kind": "number", "tolerance": 0.5},
    "owed": {"kind": "number", "tolerance": 0.05},
}


def draw(rng):
    while True:
        months = int(rng.integers(6, 9))
        spend = rng.choice([0, 20, 30, 40, 50, 60, 80, 90], months)
        table = pd.DataFrame({"month": np.arange(1, months + 1), "spend": spend})
        given = {
            "spend": table,
            "expiry": int(rng.choice([2, 3])),
            "threshold": int(rng.choice([100, 150])),
            "value": float(rng.choice([0.02, 0.05, 0.1])),
        }
        found = solve(**given)
        if found["expired"] > 0 and found["owed"] > 0.3 and _ledger(**given)["redeemed"].sum() > 0:
            return given


def _ledger(spend, expiry, threshold, value):
    programme = crm.Points(earn=1.0, point_value=value, threshold=threshold, expiry=expiry)
    return crm.points_ledger(spend["spend"], programme)


def solve(spend, expiry, threshold, value):
    ledger = _ledger(spend, expiry, threshold, value)
    return {"expired": ledger["expired"].sum(), "owed": value * ledger["outstanding"].iloc[-1]}


def nothing_lapses(spend, expiry, threshold, value):
    programme = crm.Points(earn=1.0, point_value=value, threshold=threshold, expiry=None)
    return {"expired": 0, "owed": value * crm.points_ledger(spend["spend"], programme)["outstanding"].iloc[-1]}


def never_redeemed(spend, expiry, threshold, value):
    total, last = spend["spend"].sum(), spend["spend"].iloc[-expiry + 1 :].sum()
    return {"expired": total - last, "owed": value * last}


def points_for_money(spend, expiry, threshold, value):
    return {"owed": _ledger(spend, expiry, threshold, value)["outstanding"].iloc[-1]}


def all_issued(spend, expiry, threshold, value):
    return {"owed": value * _ledger(spend, expiry, threshold, value)["issued"].sum()}


mistakes = {
    "nothing_lapses": nothing_lapses,
    "never_redeemed": never_redeemed,
    "points_for_money": points_for_money,
    "all_issued": all_issued,
}
