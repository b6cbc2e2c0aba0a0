"""Which items does a rotated loading table leave out, and what do its squares say?"""

import numpy as np
import pandas as pd

lesson = 9
level = 3
tags = ("efa", "loadings", "communality")
ITEMS = tuple(f"q{i}" for i in range(1, 10))
answers = {
    "out": {"kind": "choices", "choices": ITEMS},
    "communality": {"kind": "number", "tolerance": 0.005},
    "share": {"kind": "number", "tolerance": 0.005},
}

LIMIT = 0.40


def draw(rng):
    while True:
        load = rng.integers(-15, 32, (9, 3)) / 100
        own = np.arange(9) // 3
        load[np.arange(9), own] = rng.integers(52, 85, 9) / 100
        cross, orphan, against, asked = rng.permutation(9)[:4]
        load[cross, own[cross]] = rng.integers(48, 60) / 100
        load[cross, (own[cross] + rng.integers(1, 3)) % 3] = rng.integers(42, 48) / 100
        load[orphan, own[orphan]] = rng.integers(28, 38) / 100
        load[against, own[against]] *= -1
        names = pd.Index(ITEMS, name="item")
        drawn = {
            "loadings": pd.DataFrame(load, names, ["F1", "F2", "F3"]),
            "item": ITEMS[asked],
            "factor": f"F{rng.integers(1, 4)}",
        }
        key, *wrong = (way(**drawn) for way in (solve, *mistakes.values()))
        if (load**2).sum(axis=1).max() < 0.9 and all(
            min(np.diff(sorted({round(found[name], 9) for found in (key, *wrong) if name in found}))) > 0.015
            for name in ("communality", "share")
        ):
            return drawn


def _out(loadings, size):
    return loadings.index[(size >= LIMIT).sum(axis=1) != 1].to_list()


def solve(loadings, item, factor):
    squares = loadings**2
    return {
        "out": _out(loadings, loadings.abs()),
        "communality": float(squares.loc[item].sum()),
        "share": float(squares[factor].mean()),
    }


def cross_alone(loadings, item, factor):
    return {"out": loadings.index[(loadings.abs() >= LIMIT).sum(axis=1) > 1].to_list()}


def by_sign(loadings, item, factor):
    return {"out": _out(loadings, loadings)}


def not_squared(loadings, item, factor):
    return {"communality": float(loadings.loc[item].sum()), "share": float(loadings[factor].mean())}


def uniqueness(loadings, item, factor):
    return {"communality": 1 - solve(loadings, item, factor)["communality"]}


def largest_alone(loadings, item, factor):
    return {"communality": float((loadings.loc[item] ** 2).max())}


def of_the_common(loadings, item, factor):
    squares = (loadings**2).sum()
    return {"share": float(squares[factor] / squares.sum())}


mistakes = {
    "cross_alone": cross_alone,
    "by_sign": by_sign,
    "not_squared": not_squared,
    "uniqueness": uniqueness,
    "largest_alone": largest_alone,
    "of_the_common": of_the_common,
}
