"""How many customers bring half of the revenue, and what does the Lorenz curve look like?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 5
level = 2
tags = ("concentration", "lorenz", "plot")
answers = {"half": {"kind": "number"}, "plot": {"kind": "figure"}}
N = 40


def draw(rng):
    while True:
        revenue = np.round(rng.lognormal(3.5, rng.uniform(0.7, 1.4), N), 2)
        people = pd.Index([f"c{i:02d}" for i in range(1, N + 1)], name="customer_id")
        drawn = {"revenue": pd.Series(revenue, people, name="revenue")}
        if len({way(**drawn)["half"] for way in (solve, *mistakes.values())}) == len(mistakes) + 1:
            return drawn


def solve(revenue):
    curve = crm.concentration(revenue, draws=100).lorenz["share_of_value"].to_numpy()
    return {"half": N - int(np.flatnonzero(curve <= 0.5)[-1])}


def _needed(values):
    return int(np.argmax(np.cumsum(values) >= 0.5 * np.sum(values))) + 1


def from_the_smallest(revenue):
    return {"half": _needed(np.sort(revenue))}


def as_listed(revenue):
    return {"half": _needed(revenue.to_numpy())}


def as_a_share(revenue):
    return {"half": solve(revenue)["half"] / N}


mistakes = {"from_the_smallest": from_the_smallest, "as_listed": as_listed, "as_a_share": as_a_share}
