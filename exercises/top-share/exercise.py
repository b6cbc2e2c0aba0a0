"""What share do the top 20% of ten customers bring, and how large is the Gini coefficient?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 5
level = 2
tags = ("concentration", "gini")
answers = {
    "top_share": {"kind": "number", "tolerance": 0.005},
    "gini": {"kind": "number", "tolerance": 0.005},
}


def draw(rng):
    while True:
        revenue = np.round(rng.lognormal(3.6, 1.0, 10)).astype(int) + 5
        table = pd.DataFrame({"customer": list("ABCDEFGHIJ"), "revenue": revenue})
        top = np.sort(revenue)[-2:].sum() / revenue.sum()
        first = revenue[:2].sum() / revenue.sum()
        if min(abs(top - first), abs(2 * top - 1)) > 0.02:  # told apart from the first two, and from the other eight
            return {"customers": table}


def solve(customers):
    result = crm.concentration(customers["revenue"], draws=100)
    return {"top_share": result.top_share, "gini": result.gini}


def _gini(values):
    n = len(values)
    return 2 * (np.arange(1, n + 1) * values).sum() / (n * values.sum()) - (n + 1) / n


def unsorted(customers):
    values = customers["revenue"].to_numpy()
    return {"top_share": values[:2].sum() / values.sum(), "gini": _gini(values)}


def other_end(customers):
    values = np.sort(customers["revenue"].to_numpy())
    return {"top_share": values[:-2].sum() / values.sum()}


def from_the_top(customers):
    return {"gini": _gini(np.sort(customers["revenue"].to_numpy())[::-1])}


def without_last_term(customers):
    values = np.sort(customers["revenue"].to_numpy())
    return {"gini": _gini(values) + 1 / len(values)}


mistakes = {
    "unsorted": unsorted,
    "other_end": other_end,
    "from_the_top": from_the_top,
    "without_last_term": without_last_term,
}
