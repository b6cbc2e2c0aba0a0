"""What is the net promoter score of a small survey, and how sure is it?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 11
level = 2
tags = ("nps", "standard error")
answers = {"nps": {"kind": "number", "tolerance": 0.06}, "se": {"kind": "number", "tolerance": 0.06}}


def draw(rng):
    while True:
        counts = rng.integers(1, 14, 6)
        table = pd.DataFrame({"answer": [10, 9, 8, 7, 6, 3], "customers": counts})
        d = abs(counts[:2].sum() - counts[4:].sum())
        if counts[:2].sum() != counts[4:].sum() and d > 3 and counts[0] != counts[1]:
            return {"answers_given": table}


def _answers(table):
    return table["answer"].repeat(table["customers"])


def _from_shares(p, d, n):
    return {"nps": 100 * (p - d), "se": 100 * np.sqrt((p + d - (p - d) ** 2) / n)}


def solve(answers_given):
    found = crm.survey.nps(_answers(answers_given).rename("recommend")).iloc[0]
    return {"nps": float(found["nps"]), "se": float(found["se"])}


def eight_promotes(answers_given):
    x = _answers(answers_given)
    return _from_shares((x >= 8).mean(), (x <= 6).mean(), len(x))


def six_is_neutral(answers_given):
    x = _answers(answers_given)
    return _from_shares((x >= 9).mean(), (x <= 5).mean(), len(x))


def without_passives(answers_given):
    x = _answers(answers_given)
    x = x[(x >= 9) | (x <= 6)]
    return _from_shares((x >= 9).mean(), (x <= 6).mean(), len(x))


def error_of_promoters(answers_given):
    x = _answers(answers_given)
    p = (x >= 9).mean()
    return solve(answers_given) | {"se": 100 * np.sqrt(p * (1 - p) / len(x))}


mistakes = {
    "eight_promotes": eight_promotes,
    "six_is_neutral": six_is_neutral,
    "without_passives": without_passives,
    "error_of_promoters": error_of_promoters,
}
