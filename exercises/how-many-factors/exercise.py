"""How many factors does parallel analysis keep, and how much of the variance do they explain?"""

import numpy as np
import pandas as pd

lesson = 9
level = 2
tags = ("efa", "parallel analysis", "eigenvalues")
answers = {"factors": {"kind": "number"}, "share": {"kind": "number", "tolerance": 0.005}}

ITEMS = 12


def draw(rng):
    while True:
        n, k = int(rng.integers(70, 110)), int(rng.integers(2, 5))
        fake = rng.normal(size=(40, n, ITEMS))
        fake -= fake.mean(axis=1, keepdims=True)
        fake /= np.sqrt((fake**2).sum(axis=1, keepdims=True))
        limit = np.quantile(np.linalg.eigvalsh(fake.swapaxes(1, 2) @ fake)[:, ::-1], 0.95, axis=0)
        low, high = max(1.02, limit[k + 1] + 0.02), limit[k] - 0.02
        if high - low < 0.02:
            continue
        seen = np.sort(rng.uniform(low, high, 2))[::-1]  # below, then above its limit, both above one
        for place in range(k - 1, -1, -1):
            seen = np.insert(seen, 0, max(seen[0], limit[place]) + rng.uniform(0.1, 0.3))
        seen[0] += rng.uniform(0.8, 1.5)
        tail = np.sort(rng.uniform(0.2, 1, ITEMS - len(seen)))[::-1]
        seen = np.append(seen, tail * (ITEMS - seen.sum()) / tail.sum())
        table = pd.DataFrame({"number": range(1, ITEMS + 1), "eigenvalue": seen, "random_95": limit})
        drawn = {"eigenvalues": table.round(2), "n": n}
        counts = [way(**drawn)["factors"] for way in (solve, *mistakes.values())]
        falling = seen[-1] > 0.08 and min(-np.diff(seen)) > 0.005
        if falling and len(set(counts)) == 4 and (table["eigenvalue"] - table["random_95"]).abs().min() > 0.015:
            return drawn


def _kept(eigenvalues, count):
    return {"factors": int(count), "share": float(eigenvalues["eigenvalue"].iloc[: int(count)].sum() / ITEMS)}


def solve(eigenvalues, n):
    above = eigenvalues["eigenvalue"] > eigenvalues["random_95"]
    return _kept(eigenvalues, above.cummin().sum())


def above_one(eigenvalues, n):
    return _kept(eigenvalues, (eigenvalues["eigenvalue"] > 1).sum())


def all_above(eigenvalues, n):
    above = eigenvalues["eigenvalue"] > eigenvalues["random_95"]
    return {"factors": int(above.sum()), "share": float(eigenvalues["eigenvalue"][above].sum() / ITEMS)}


def largest_drop(eigenvalues, n):
    return _kept(eigenvalues, np.argmin(np.diff(eigenvalues["eigenvalue"])) + 1)


mistakes = {"above_one": above_one, "all_above": all_above, "largest_drop": largest_drop}
