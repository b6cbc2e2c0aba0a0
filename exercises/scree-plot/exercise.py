"""What share has the first eigenvalue, what does the scree plot look like, and how many factors would you keep?"""

import numpy as np

import crmlab as crm
from crmlab.survey.factorability import harman

lesson = 9
level = 2
tags = ("efa", "eigenvalues", "plot", "reasons")
answers = {
    "share": {"kind": "number", "tolerance": 0.005},
    "plot": {"kind": "figure"},
    "reasons": {"kind": "essay"},
}


def draw(rng):
    mobi = crm.load_mobi()
    while True:
        items = sorted(rng.choice(mobi.columns, 9, replace=False))
        drawn = {"answers_given": mobi.loc[np.sort(rng.choice(len(mobi), 120, replace=False)), items]}
        drawn["answers_given"] = drawn["answers_given"].dropna().reset_index(drop=True)
        found = sorted(way(**drawn)["share"] for way in (solve, *mistakes.values()))
        if min(np.diff(found)) > 0.012:
            return drawn


def _eigenvalues(matrix):
    return np.linalg.eigvalsh(matrix)[::-1]


def solve(answers_given):
    return {"share": float(harman(answers_given).component)}


def eigenvalue(answers_given):
    return {"share": _eigenvalues(answers_given.corr())[0]}


def covariances(answers_given):
    seen = _eigenvalues(answers_given.cov())
    return {"share": seen[0] / seen.sum()}


def all_above_one(answers_given):
    seen = _eigenvalues(answers_given.corr())
    return {"share": seen[seen > 1].sum() / seen.sum()}


mistakes = {"eigenvalue": eigenvalue, "covariances": covariances, "all_above_one": all_above_one}
