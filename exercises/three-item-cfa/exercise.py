"""What are the loadings of one factor behind three items, solved on paper?"""

import numpy as np
import pandas as pd

lesson = 10
level = 1
tags = ("cfa", "loadings", "identification")
answers = {
    "l1": {"kind": "number", "tolerance": 0.01},
    "l2": {"kind": "number", "tolerance": 0.01},
    "l3": {"kind": "number", "tolerance": 0.01},
    "residual1": {"kind": "number", "tolerance": 0.01},
}

NAMES = ("l1", "l2", "l3")


def draw(rng):
    while True:
        load = rng.uniform(0.5, 1.4, 3)
        cov = np.outer(load, load) + np.diag(rng.uniform(0.3, 1.2, 3))
        items = pd.Index(["q1", "q2", "q3"], name="item")
        drawn = {"covariances": pd.DataFrame(cov.round(2), items, items.to_list())}
        found = [way(**drawn) for way in (solve, *mistakes.values())]
        firsts = sorted(f["l1"] for f in found if "l1" in f)
        rests = sorted(f["residual1"] for f in found if "residual1" in f)
        if min(np.diff(firsts)) > 0.03 and min(np.diff(rests)) > 0.03:
            return drawn


def solve(covariances):
    squares = _squares(covariances.to_numpy())
    return _loadings(np.sqrt(squares)) | {"residual1": float(covariances.iloc[0, 0] - squares[0])}


def _squares(cov):
    """Each squared loading: the item's covariances with the two others, over that of the two others."""
    a, b, c = cov[0, 1], cov[0, 2], cov[1, 2]
    return np.array([a * b / c, a * c / b, b * c / a])


def _loadings(values):
    return dict(zip(NAMES, map(float, values), strict=True))


def first_is_one(covariances):
    loadings = np.sqrt(_squares(covariances.to_numpy()))
    return _loadings(loadings / loadings[0])


def standardised(covariances):
    cov = covariances.to_numpy()
    squares = _squares(cov) / np.diag(cov)
    return _loadings(np.sqrt(squares)) | {"residual1": float(1 - squares[0])}


def no_root(covariances):
    return _loadings(_squares(covariances.to_numpy()))


def from_one(covariances):
    return {"residual1": float(1 - _squares(covariances.to_numpy())[0])}


mistakes = {
    "first_is_one": first_is_one,
    "standardised": standardised,
    "no_root": no_root,
    "from_one": from_one,
}
