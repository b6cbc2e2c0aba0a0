"""A function that scores customers from 1 to a number of bins, ties included."""

import numpy as np
import pandas as pd

from crmlab.strategy.policies import rfm_scores

lesson = 5
level = 3
tags = ("rfm", "ties", "function")
answers = {"score": {"kind": "function"}}


def draw(rng):
    def customers(values):
        return pd.Series(values, index=pd.Index(rng.permutation(len(values)) + 101, name="customer_id"))

    values = customers(rng.choice([1, 2, 3, 4, 8], 10, p=[0.35, 0.25, 0.2, 0.1, 0.1]))
    tied = customers(rng.choice(rng.integers(-90, 90, 6), 17))  # days are negated, so that few are better
    spread = customers(np.round(rng.lognormal(3, 1, 23), 2))
    equal, one = customers([float(rng.integers(1, 50))] * 7), customers([float(rng.integers(1, 50))])
    bins = int(rng.integers(4, 6))
    cases = [(values, bins), (tied, bins), (spread, 10), (equal, 5), (one, bins)]
    return {"values": values, "bins": bins, "_scores": right(values, bins), "_cases": cases}


def right(values, bins):
    return rfm_scores(values.to_numpy(float), bins=bins).ravel().tolist()


def solve(values, bins, _scores, _cases):
    return {"score": [(case, right(*case)) for case in _cases]}


def _ranked(method, shift):
    def score(values, bins):
        return np.floor(bins * (values.rank(method=method) - shift) / len(values)).clip(upper=bins - 1) + 1

    return lambda **drawn: {"score": score}


def quantiles(**drawn):
    return {"score": lambda values, bins: pd.qcut(values, bins, labels=False, duplicates="drop") + 1}


def equal_widths(**drawn):
    return {"score": lambda values, bins: pd.cut(values, bins, labels=False) + 1}


mistakes = {
    "only_below": _ranked("min", 1),
    "all_equals": _ranked("max", 0),
    "by_the_list": _ranked("first", 0.5),
    "quantiles": quantiles,
    "equal_widths": equal_widths,
}
