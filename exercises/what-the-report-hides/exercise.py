"""What does a letter really bring, and what does the report of the campaign hide?"""

import pandas as pd

lesson = 2
level = 3
tags = ("selection", "control group", "reasons")
answers = {
    "claimed": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.006},
    "gain": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.006},
    "reasons": {"kind": "essay", "weight": 2.0},
}


def draw(rng):
    customers = [int(rng.integers(20, 40)) * 100, int(rng.integers(8, 14)) * 100, int(rng.integers(60, 120)) * 100]
    usual, effect, rest = rng.uniform(0.12, 0.2), rng.uniform(0.012, 0.035), rng.uniform(0.03, 0.06)
    orders = [round(n * p) for n, p in zip(customers, (usual + effect, usual, rest), strict=True)]
    names = ["chosen, mailed", "chosen, held back by lots", "all others, not mailed"]
    return {
        "groups": pd.DataFrame({"group": names, "customers": customers, "orders": orders}),
        "margin": int(rng.integers(18, 40)),
        "cost": int(rng.integers(7, 16)) / 10,
    }


def _rates(groups):
    return (groups["orders"] / groups["customers"]).tolist()


def solve(groups, margin, cost):
    mailed, control, rest = _rates(groups)
    return {"claimed": (mailed - rest) * margin - cost, "gain": (mailed - control) * margin - cost}


def believed(groups, margin, cost):
    return dict.fromkeys(("claimed", "gain"), solve(groups, margin, cost)["claimed"])


def without_cost(groups, margin, cost):
    return {name: value + cost for name, value in solve(groups, margin, cost).items()}


def pooled(groups, margin, cost):
    others = groups.iloc[1:].sum(numeric_only=True)
    gain = (_rates(groups)[0] - others["orders"] / others["customers"]) * margin - cost
    return solve(groups, margin, cost) | {"gain": gain}


def no_comparison(groups, margin, cost):
    return solve(groups, margin, cost) | {"gain": _rates(groups)[0] * margin - cost}


mistakes = {"believed": believed, "without_cost": without_cost, "pooled": pooled, "no_comparison": no_comparison}
