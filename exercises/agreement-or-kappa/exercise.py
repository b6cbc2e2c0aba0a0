"""Which pair of raters agrees best beyond chance?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 1
level = 2
tags = ("agreement", "kappa", "skewed codes")
PAIRS = ("P", "Q", "R", "S")
answers = {"pair": {"kind": "choice", "choices": PAIRS}}


def draw(rng):
    while True:
        rare = rng.permutation([0.06, 0.2, 0.35, 0.5])
        first, second = rng.integers(2, 7, (2, 4))
        both = rng.binomial(50 - first - second, 1 - rare)
        counts = np.column_stack([both, first, second, 50 - both - first - second])
        agreed, likely = _shares(counts)
        beyond = (agreed - likely) / (1 - likely)
        tops = {int(one.argmax()) for one in (beyond, agreed, both)}
        (_, _, a, b), (_, _, c, d) = np.sort(beyond), np.sort(agreed)
        if len(tops) == 3 and b - a > 0.05 and d > c and counts.min() > 0:
            return {
                "pairs": pd.DataFrame(counts, pd.Index(PAIRS, name="pair"), ["both yes", "only 1", "only 2", "both no"])
            }


def _shares(counts):
    """Agreement, and agreement by chance, of each pair."""
    yes, first, second, no = np.asarray(counts).T / 50
    return yes + no, (yes + first) * (yes + second) + (no + first) * (no + second)


def solve(pairs):
    kappas = {}
    for pair, counts in pairs.iterrows():
        codes = [list(both) for both, n in zip(("yy", "yn", "ny", "nn"), counts, strict=True) for _ in range(n)]
        kappas[pair] = crm.kappa(pd.DataFrame(codes), draws=100).pairs["kappa"].iloc[0]
    return {"pair": max(kappas, key=kappas.get)}


def most_agreement(pairs):
    return {"pair": PAIRS[int(_shares(pairs)[0].argmax())]}


def most_yes(pairs):
    return {"pair": str(pairs["both yes"].idxmax())}


mistakes = {"most_agreement": most_agreement, "most_yes": most_yes}
