"""How well do six managers agree on one indicator?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 3
level = 2
tags = ("agreement", "r_wg")
answers = {"r_wg": {"kind": "number", "tolerance": 0.01}}
ROLES = ["general manager", "marketing", "it", "front office", "finance", "hr"]


def draw(rng):
    while True:
        levels = np.clip(np.round(rng.uniform(2, 4) + rng.normal(0, 0.9, 6)), 1, 5).astype(int)
        drawn = {"ratings": pd.DataFrame({"level": levels}, index=pd.Index(ROLES, name="respondent"))}
        r_wg = 1 - levels.var(ddof=1) / 2
        found = sorted([r_wg, *(way(**drawn)["r_wg"] for way in mistakes.values())])
        if 0.2 < r_wg < 0.95 and min(np.diff(found)) > 0.025:
            return drawn


def solve(ratings):
    words = {"en": "Block", "fa": "Block"}
    blocks = pd.DataFrame([words | {"weight": 1.0, "needs": ()}], index=["block"])
    indicators = pd.DataFrame({"block": "block", "weight": [1.0]}, index=["level"])
    model = crm.MaturityModel("one indicator", words, 3.0, blocks, indicators, pd.DataFrame(), {})
    return {"r_wg": float(model.assess(ratings, draws=100, rng=0).agreement.loc["block", "r_wg"])}


def no_yardstick(ratings):
    return {"r_wg": float(1 - ratings["level"].var(ddof=1))}


def divided_by_six(ratings):
    return {"r_wg": float(1 - ratings["level"].var(ddof=0) / 2)}


def share_of_the_mode(ratings):
    return {"r_wg": float(ratings["level"].value_counts(normalize=True).max())}


mistakes = {"no_yardstick": no_yardstick, "divided_by_six": divided_by_six, "share_of_the_mode": share_of_the_mode}
