"""How well does a measurement model fit, and how is that reported?"""

import math

from crmlab.survey.fitmeasures import from_chisq

lesson = 10
level = 2
tags = ("cfa", "fit", "reasons")
answers = {
    "rmsea": {"kind": "number", "tolerance": 0.0006},
    "cfi": {"kind": "number", "tolerance": 0.0006},
    "paragraph": {"kind": "essay", "weight": 2.0},
}


def draw(rng):
    while True:
        df, n = int(rng.integers(24, 90)), int(rng.integers(180, 600))
        chisq, base = round(df * rng.uniform(1.3, 3.6), 1), round(df * rng.uniform(12, 40), 1)
        drawn = {
            "chisq": chisq, "df": df, "n": n, "base": base, "base_df": df + int(rng.integers(8, 22)),
            "srmr": round(rng.uniform(0.03, 0.09), 3),
        }  # fmt: skip
        if abs(nfi(**drawn)["cfi"] - solve(**drawn)["cfi"]) > 0.002:
            return drawn


def solve(chisq, df, n, base, base_df, srmr):
    found = from_chisq(chisq, df, base, base_df, n, 30)
    return {"rmsea": found["rmsea"], "cfi": found["cfi"]}


def without_df(chisq, df, n, base, base_df, srmr):
    return {"rmsea": math.sqrt(chisq / (df * n))}


def squared(chisq, df, n, base, base_df, srmr):
    return {"rmsea": (chisq - df) / (df * n)}


def nfi(chisq, df, n, base, base_df, srmr):
    return {"cfi": 1 - chisq / base}


def upside_down(chisq, df, n, base, base_df, srmr):
    return {"cfi": (chisq - df) / (base - base_df)}


mistakes = {"without_df": without_df, "squared": squared, "nfi": nfi, "upside_down": upside_down}
