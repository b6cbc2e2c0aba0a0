"""How well do two raters agree beyond chance, from a table of two by two?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 1
level = 2
tags = ("agreement", "kappa")
answers = {"kappa": {"kind": "number", "tolerance": 0.006}}


def draw(rng):
    while True:
        both, first, second, neither = (int(n) for n in rng.integers([10, 2, 2, 4], [30, 9, 9, 20]))
        drawn = {"both": both, "first": first, "second": second, "neither": neither}
        found = sorted(way(**drawn)["kappa"] for way in (solve, *mistakes.values()))
        if min(np.diff(found)) > 0.02:
            return drawn


def solve(both, first, second, neither):
    codes = ["ss"] * both + ["so"] * first + ["os"] * second + ["oo"] * neither
    return {"kappa": float(crm.kappa(pd.DataFrame(map(list, codes)), draws=100).pairs["kappa"].iloc[0])}


def _shares(both, first, second, neither):
    n = both + first + second + neither
    a, b = (both + first) / n, (both + second) / n
    return (both + neither) / n, a * b + (1 - a) * (1 - b)


def agreement_alone(**drawn):
    return {"kappa": _shares(**drawn)[0]}


def not_divided(**drawn):
    observed, chance = _shares(**drawn)
    return {"kappa": observed - chance}


def a_coin_each(**drawn):
    observed, _ = _shares(**drawn)
    return {"kappa": (observed - 0.5) / 0.5}


mistakes = {"agreement_alone": agreement_alone, "not_divided": not_divided, "a_coin_each": a_coin_each}
