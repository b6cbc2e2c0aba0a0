"""Whom is the budget to reach, and where should it stop?"""

import numpy as np
import pandas as pd

lesson = 2
level = 3
tags = ("uplift", "budget")
answers = {"gain": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "relative": 0.005}}


def draw(rng):
    while True:
        usual = np.sort(rng.integers(20, 250, 5))[::-1]
        uplift = rng.permutation([-9, 14, 30, 45, 60]) + rng.integers(-4, 5, 5)
        table = pd.DataFrame({
            "segment": list("ABCDE"), "customers": rng.integers(4, 12, 5) * 100,
            "orders_if_contacted": usual + uplift, "orders_if_not": usual,
        })  # fmt: skip
        drawn = {"segments": table, "margin": int(rng.integers(14, 25)), "budget": int(rng.integers(14, 19)) * 100}
        found = [solve(**drawn)["gain"], *(way(**drawn)["gain"] for way in mistakes.values())]
        if min(np.diff(np.sort(found))) > 0.03 * abs(found[0]) and found[0] > 300:
            return drawn


COST = 0.5


def _gain(segments, margin, budget, by, worth):
    """Contacts go to the highest `by` of the segments that are `worth` it, until the money ends."""
    table = segments[worth].sort_values(by, ascending=False)
    before = table["customers"].cumsum() - table["customers"]
    contacts = np.clip(budget / COST - before, 0, table["customers"])
    return {"gain": float((contacts * (table["uplift"] * margin / 1000 - COST)).sum())}


def _with_uplift(segments):
    return segments.assign(uplift=segments["orders_if_contacted"] - segments["orders_if_not"])


def solve(segments, margin, budget):
    table = _with_uplift(segments)
    return _gain(table, margin, budget, "uplift", table["uplift"] * margin / 1000 > COST)


def spend_it_all(segments, margin, budget):
    table = _with_uplift(segments)
    return _gain(table, margin, budget, "uplift", table["customers"] > 0)


def best_buyers(segments, margin, budget):
    table = _with_uplift(segments)
    return _gain(table, margin, budget, "orders_if_contacted", table["customers"] > 0)


def cost_forgotten(segments, margin, budget):
    table = _with_uplift(segments)
    gain = solve(segments, margin, budget)["gain"]
    reached = table.loc[table["uplift"] * margin / 1000 > COST, "customers"].sum()
    return {"gain": gain + COST * min(float(reached), budget / COST)}


mistakes = {"spend_it_all": spend_it_all, "best_buyers": best_buyers, "cost_forgotten": cost_forgotten}
