"""Which items must be turned round before they are added up, and what is alpha then?"""

import numpy as np
import pandas as pd

from crmlab.survey.reliability import alpha, item_rest

lesson = 9
level = 2
tags = ("reverse-coding", "alpha", "item-rest correlation")
ITEMS = ("q1", "q2", "q3", "q4", "q5")
answers = {
    "reverse": {"kind": "choices", "choices": ITEMS},
    "alpha": {"kind": "number", "tolerance": 0.005},
    "score": {"kind": "number", "tolerance": 0.011},
}


def draw(rng):
    while True:
        trait = rng.normal(0, 1, (10, 1))
        x = np.clip(np.round(3 + trait + rng.normal(0, 0.6, (10, 5))), 1, 5)
        if x.std(axis=0).min() < 0.4 or np.corrcoef(x, rowvar=False).min() < 0.2:
            continue
        turned = rng.choice([1, 2, 3, 4], 2, replace=False)  # q1 and one other at least stay
        x[:, turned] = 6 - x[:, turned]
        people = pd.Index([f"r{i:02d}" for i in range(1, 11)], name="respondent")
        table = pd.DataFrame(x.astype(int), people, list(ITEMS))
        drawn = {"answers_given": table, "who": str(rng.choice(people))}
        key, plain, worst = (way(**drawn) for way in (solve, as_they_stand, only_the_worst))
        alphas = sorted(found["alpha"] for found in (key, plain, worst))
        if min(np.diff(alphas)) > 0.015 and len({3.0, key["score"], plain["score"]}) == 3:
            return drawn


def solve(answers_given, who):
    corr = answers_given.corr()["q1"]
    return _turned(answers_given, who, corr.index[corr < 0])


def _turned(table, who, reverse, ends=6):
    table = table.assign(**{item: ends - table[item] for item in reverse})
    return {"reverse": sorted(reverse), "alpha": alpha(table.cov().to_numpy()), "score": float(table.loc[who].mean())}


def as_they_stand(answers_given, who):
    return _turned(answers_given, who, [])


def only_the_worst(answers_given, who):
    worst = item_rest(answers_given.cov().to_numpy()).argmin()
    return _turned(answers_given, who, [ITEMS[worst]])


def other_side(answers_given, who):
    return _turned(answers_given, who, [item for item in ITEMS if item not in solve(answers_given, who)["reverse"]])


def five_minus(answers_given, who):
    return _turned(answers_given, who, solve(answers_given, who)["reverse"], ends=5)


mistakes = {
    "as_they_stand": as_they_stand,
    "only_the_worst": only_the_worst,
    "other_side": other_side,
    "five_minus": five_minus,
}
