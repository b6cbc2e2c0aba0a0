"""How often would two raters agree by chance, given how often each uses each code?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 1
level = 1
tags = ("agreement", "chance")
answers = {"by_chance": {"kind": "number", "tolerance": 0.002}}


def draw(rng):
    while True:
        first, second = (rng.multinomial(40, p) for p in rng.dirichlet([2.0, 2.0, 2.0], 2))
        table = pd.DataFrame(
            {"rater 1": first, "rater 2": second}, pd.Index(["strategy", "process", "technology"], name="code")
        )
        drawn = {"used": table}
        found = sorted(way(**drawn)["by_chance"] for way in (solve, *mistakes.values()))
        if min(first.min(), second.min()) > 1 and min(np.diff(found)) > 0.01:
            return drawn


def solve(used):
    codes = pd.DataFrame({name: used.index.repeat(used[name]) for name in used})
    return {"by_chance": float(crm.kappa(codes, draws=100).pairs["by_chance"].iloc[0])}


def every_code_alike(used):
    return {"by_chance": 1 / len(used)}


def one_rater_only(used):
    return {"by_chance": float(((used["rater 1"] / 40) ** 2).sum())}


def smaller_counts(used):
    return {"by_chance": float(used.min(axis=1).sum() / 40)}


mistakes = {"every_code_alike": every_code_alike, "one_rater_only": one_rater_only, "smaller_counts": smaller_counts}
