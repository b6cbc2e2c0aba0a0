"""What is a block's score, if its indicators do not all count the same?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 3
level = 1
tags = ("maturity", "weights")
answers = {"score": {"kind": "number", "tolerance": 0.006}}
ROLES = ["general manager", "marketing", "it", "finance", "hr"]


def draw(rng):
    while True:
        shift = rng.normal(0, 1.1, 3)
        levels = np.clip(np.round(3 + shift + rng.normal(0, 0.7, (5, 3))), 1, 5).astype(int)
        ratings = pd.DataFrame(levels, index=ROLES, columns=["PRO1", "PRO2", "PRO3"]).rename_axis("respondent")
        weights = rng.permutation([0.5, 0.3, 0.2]).tolist()
        drawn = {"ratings": ratings, "w1": weights[0], "w2": weights[1], "w3": weights[2]}
        found = sorted([levels.mean(axis=0) @ weights, *(way(**drawn)["score"] for way in mistakes.values())])
        if min(np.diff(found)) > 0.03:
            return drawn


def solve(ratings, w1, w2, w3):
    words = {"en": "Processes", "fa": "Processes"}
    blocks = pd.DataFrame([words | {"weight": 1.0, "needs": ()}], index=["processes"])
    indicators = pd.DataFrame({"block": "processes", "weight": [w1, w2, w3]}, index=ratings.columns)
    model = crm.MaturityModel("one block", words, 3.0, blocks, indicators, pd.DataFrame(), {})
    return {"score": float(model.assess(ratings, draws=100, rng=0).scores.loc["processes", "score"])}


def plain_mean(ratings, w1, w2, w3):
    return {"score": float(ratings.to_numpy().mean())}


def heaviest_alone(ratings, w1, w2, w3):
    return {"score": float(ratings.iloc[:, int(np.argmax([w1, w2, w3]))].mean())}


def median_manager(ratings, w1, w2, w3):
    return {"score": float((ratings.median() * [w1, w2, w3]).sum())}


mistakes = {"plain_mean": plain_mean, "heaviest_alone": heaviest_alone, "median_manager": median_manager}
