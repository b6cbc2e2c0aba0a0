"""When has a project's money come back?"""

import math

import crmlab as crm

lesson = 11
level = 1
tags = ("payback",)
answers = {"years": {"kind": "number", "tolerance": 0.02}}


def draw(rng):
    while True:
        gains = [int(g) for g in rng.integers(10, 45, 5)]
        start = int(rng.integers(50, 110))
        if start >= sum(gains):
            continue
        drawn = {"flows": [-start, *gains]}
        key = solve(**drawn)["years"]
        others = [wrong(**drawn)["years"] for wrong in mistakes.values()]
        if (
            math.isfinite(key)
            and key % 1
            and min(abs(a - b) for i, a in enumerate([key, *others]) for b in others[i:]) > 0.05
        ):
            return drawn


def solve(flows):
    return {"years": float(crm.payback_period(flows))}


def rounded_up(flows):
    return {"years": float(math.ceil(solve(flows)["years"]))}


def mean_gain(flows):
    return {"years": -flows[0] / (sum(flows[1:]) / (len(flows) - 1))}


def first_gain(flows):
    return {"years": -flows[0] / flows[1]}


mistakes = {"rounded_up": rounded_up, "mean_gain": mean_gain, "first_gain": first_gain}
