"""Which constructs are hardly told apart, by Fornell and Larcker and by HTMT?"""

from itertools import combinations

import numpy as np
import pandas as pd

lesson = 10
level = 2
tags = ("discriminant validity", "fornell-larcker", "htmt")
CONSTRUCTS = ("quality", "trust", "satisfaction", "loyalty")
PAIRS = tuple(f"{a}-{b}" for a, b in combinations(CONSTRUCTS, 2))
answers = {"by_larcker": {"kind": "choices", "choices": PAIRS}, "by_htmt": {"kind": "choices", "choices": PAIRS}}

MOST = 0.90


def draw(rng):
    first, second = np.triu_indices(4, 1)
    while True:
        ave, r = rng.integers(46, 78, 4) / 100, rng.integers(45, 88, 6) / 100
        htmt = np.minimum(r * rng.uniform(1.03, 1.25, 6), 0.98).round(2)
        least, other = np.sqrt(np.sort([ave[first], ave[second]], axis=0))
        fails = [(r > least).sum(), (htmt > MOST).sum()]
        tempting = [(r > least) & (r < other), (r < least) & (htmt > least), (htmt > 0.85) & (htmt < MOST)]
        if not {*fails} <= {1, 2} or min(abs(r - least)) < 0.003 or not all(one.any() for one in tempting):
            continue
        drawn = {
            "ave": pd.Series(ave, pd.Index(CONSTRUCTS, name="construct"), name="ave"),
            "pairs": pd.DataFrame({"correlation": r, "htmt": htmt}, pd.Index(PAIRS, name="pair")),
        }
        ways = [way(**drawn) for way in (solve, *mistakes.values())]
        sets = [[frozenset(found[name]) for found in ways if name in found] for name in answers]
        if all(len(set(found)) == len(found) for found in sets):
            return drawn


def _roots(ave):
    """For each pair the square roots of both AVE."""
    return pd.DataFrame({pair: np.sqrt(ave[pair.split("-")]).to_numpy() for pair in PAIRS}).T


def _above(values, limits):
    return values.index[values > limits].to_list()


def solve(ave, pairs):
    return {
        "by_larcker": _above(pairs["correlation"], _roots(ave).min(axis=1)),
        "by_htmt": _above(pairs["htmt"], MOST),
    }


def no_root(ave, pairs):
    return {"by_larcker": _above(pairs["correlation"], (_roots(ave) ** 2).min(axis=1))}


def one_is_enough(ave, pairs):
    return {"by_larcker": _above(pairs["correlation"], _roots(ave).max(axis=1))}


def htmt_for_r(ave, pairs):
    return {"by_larcker": _above(pairs["htmt"], _roots(ave).min(axis=1))}


def stricter_limit(ave, pairs):
    return {"by_htmt": _above(pairs["htmt"], 0.85)}


def r_for_htmt(ave, pairs):
    return {"by_htmt": _above(pairs["correlation"], MOST)}


mistakes = {
    "no_root": no_root,
    "one_is_enough": one_is_enough,
    "htmt_for_r": htmt_for_r,
    "stricter_limit": stricter_limit,
    "r_for_htmt": r_for_htmt,
}
