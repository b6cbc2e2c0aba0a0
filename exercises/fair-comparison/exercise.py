"""What did a project change, beyond what changed anyway?"""

from itertools import pairwise

import pandas as pd

import crmlab as crm

lesson = 11
level = 2
tags = ("difference in differences", "control group")
answers = {"effect": {"kind": "number", "tolerance": 0.0006}}


def draw(rng):
    while True:
        before = rng.integers(30, 90, 2) * 10
        trend, effect = rng.uniform(1.08, 1.4), rng.choice([-0.05, 0.04, 0.08, 0.12, 0.16])
        after = [round(before[0] * trend * (1 + effect)), round(before[1] * trend)]
        table = pd.DataFrame({"shops": ["with project", "without"], "before": before, "after": after})
        drawn = {"revenue": table}
        found = sorted([solve(**drawn)["effect"], *(wrong(**drawn)["effect"] for wrong in mistakes.values())])
        if min(b - a for a, b in pairwise(found)) > 0.005:
            return drawn


def solve(revenue):
    rows = [
        {"y": part * value, "treated": shops == "with project", "after": when == "after"}
        for shops, *values in revenue.itertuples(index=False)
        for when, value in zip(("before", "after"), values, strict=True)
        for part in (0.9, 1.1)  # two of each, so that there is an error to speak of
    ]
    found = crm.difference_in_differences(pd.DataFrame(rows), "y")
    return {"effect": float(found.loc["difference_in_differences", "estimate"])}


def before_after(revenue):
    return {"effect": revenue["after"][0] / revenue["before"][0] - 1}


def after_alone(revenue):
    return {"effect": revenue["after"][0] / revenue["after"][1] - 1}


def minus_the_others_money(revenue):
    change = revenue["after"] - revenue["before"]
    return {"effect": (change[0] - change[1]) / revenue["before"][0]}


mistakes = {"before_after": before_after, "after_alone": after_alone, "minus_the_others_money": minus_the_others_money}
