"""Two raters agree nearly always, and still kappa is low: what are the numbers, and why?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 1
level = 2
tags = ("agreement", "kappa", "skewed codes", "reasons")
answers = {
    "agreement": {"kind": "number", "tolerance": 0.006},
    "kappa": {"kind": "number", "tolerance": 0.006},
    "reasons": {"kind": "essay", "weight": 2.0},
}


def draw(rng):
    while True:
        first, second, neither = (int(n) for n in rng.integers([2, 2, 1], [7, 7, 5]))
        drawn = {"both": int(rng.integers(55, 95)), "first": first, "second": second, "neither": neither}
        agreed, likely = _shares(**drawn)
        found = [(agreed - likely) / (1 - likely), *(way(**drawn)["kappa"] for way in mistakes.values())]
        if 0.05 < found[0] < 0.5 and min(np.diff(sorted(found))) > 0.02:
            return drawn


def solve(both, first, second, neither):
    codes = ["ss"] * both + ["so"] * first + ["os"] * second + ["oo"] * neither
    pair = crm.kappa(pd.DataFrame(map(list, codes)), draws=100).pairs.iloc[0]
    return {"agreement": float(pair["agreement"]), "kappa": float(pair["kappa"])}


def _shares(both, first, second, neither):
    n = both + first + second + neither
    a, b = (both + first) / n, (both + second) / n
    return (both + neither) / n, a * b + (1 - a) * (1 - b)


def a_coin_each(**drawn):
    return {"agreement": _shares(**drawn)[0], "kappa": 2 * _shares(**drawn)[0] - 1}


def not_divided(**drawn):
    agreed, likely = _shares(**drawn)
    return {"agreement": agreed, "kappa": agreed - likely}


def without_neither(both, first, second, neither):
    return {"agreement": both / (both + first + second + neither), "kappa": _shares(both, first, second, 0)[0]}


mistakes = {"a_coin_each": a_coin_each, "not_divided": not_divided, "without_neither": without_neither}
