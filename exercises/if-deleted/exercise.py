"""Which item would raise alpha if it were left out, and what would twice as many items do?"""

import numpy as np
import pandas as pd

from crmlab.survey.reliability import alpha

lesson = 9
level = 2
tags = ("reliability", "alpha if deleted", "spearman-brown")
ITEMS = ("q1", "q2", "q3", "q4", "q5")
answers = {
    "drop": {"kind": "choice", "choices": ITEMS},
    "gain": {"kind": "number", "tolerance": 0.003},
    "doubled": {"kind": "number", "tolerance": 0.005},
}


def draw(rng):
    while True:
        size = rng.uniform(0.8, 1.5, 5)
        common = size * rng.uniform(0.55, 0.85, 5)
        weak = rng.integers(5)
        common[weak] = size[weak] * rng.uniform(0.05, 0.25)
        cov = np.outer(common, common)
        np.fill_diagonal(cov, size**2)
        drawn = {"covariances": pd.DataFrame(cov.round(2), pd.Index(ITEMS, name="item"), list(ITEMS))}
        if np.argmin(size) == weak or min(np.diff(np.sort(size))) < 0.02:
            continue
        key, *wrong = (way(**drawn) for way in (solve, *mistakes.values()))
        gains = sorted(found["gain"] for found in (key, *wrong) if "gain" in found)
        longer = sorted(found["doubled"] for found in (key, *wrong) if "doubled" in found)
        if key["gain"] > 0.01 and min(np.diff(gains)) > 0.008 and min(np.diff(longer)) > 0.011:
            return drawn


def solve(covariances):
    full = alpha(covariances.to_numpy())
    if_deleted = _if_deleted(covariances)
    best = if_deleted.idxmax()
    return {"drop": best, "gain": float(if_deleted[best] - full), "doubled": _longer(full, 2)}


def _if_deleted(covariances):
    cov = covariances.to_numpy()
    return pd.Series([alpha(np.delete(np.delete(cov, i, 0), i, 1)) for i in range(len(cov))], covariances.index)


def _longer(reliability, times):
    """Spearman and Brown: the reliability of a scale `times` as long."""
    return float(times * reliability / (1 + (times - 1) * reliability))


def smallest_variance(covariances):
    smallest = pd.Series(np.diag(covariances), covariances.index).idxmin()
    return {"drop": smallest, "gain": float(_if_deleted(covariances)[smallest] - alpha(covariances.to_numpy()))}


def five_items_still(covariances):
    key = solve(covariances)
    full = alpha(covariances.to_numpy())
    return {"gain": (full + key["gain"]) * (3 / 4) * (5 / 4) - full}


def alpha_itself(covariances):
    return {"gain": float(_if_deleted(covariances).max())}


def from_the_new_alpha(covariances):
    return {"doubled": _longer(float(_if_deleted(covariances).max()), 2)}


def three_times(covariances):
    return {"doubled": _longer(alpha(covariances.to_numpy()), 3)}


mistakes = {
    "smallest_variance": smallest_variance,
    "five_items_still": five_items_still,
    "alpha_itself": alpha_itself,
    "from_the_new_alpha": from_the_new_alpha,
    "three_times": three_times,
}
