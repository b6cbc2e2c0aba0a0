"""Up to which level is a measurement model the same in two groups?"""

import numpy as np
import pandas as pd
from scipy.stats import chi2

lesson = 10
level = 3
tags = ("invariance", "groups", "difference test")
LEVELS = ("configural", "metric", "scalar", "strict")
answers = {
    "highest": {"kind": "choice", "choices": LEVELS},
    "p": {"kind": "number", "tolerance": 0.003},
    "dcfi": {"kind": "number", "tolerance": 0.0005},
}


def draw(rng):
    while True:
        holds = int(rng.integers(0, 3))  # the last level that holds
        factors, items = int(rng.integers(2, 5)), int(rng.integers(3, 5))
        p = factors * items
        first = 2 * (p * (p + 1) // 2 - 2 * p - factors * (factors - 1) // 2)
        more = np.array([p - factors, p - factors, p])
        tails = rng.uniform(0.12, 0.9, 3)
        tails[holds] = rng.uniform(0.002, 0.03)
        tails[holds + 1 :] = 10 ** rng.uniform(-4, -0.3, 2 - holds)
        chisq = np.cumsum([first * rng.uniform(1.05, 1.4), *chi2.isf(tails, more)]).round(2)
        df = np.cumsum([first, *more])
        cfi = (1 - (chisq - df) / rng.uniform(700, 2500)).round(3)
        step, change = int(rng.integers(2, 4)), np.diff(cfi)
        if cfi.max() > 0.995 or change[holds] < -0.0095 or abs(change[step - 1]) < 0.0015:
            continue  # the usual rule on CFI must go further than the test
        table = pd.DataFrame({"chisq": chisq, "df": df, "cfi": cfi}, pd.Index(LEVELS, name="model"))
        drawn = {"models": table, "step": LEVELS[step]}
        key, *wrong = (way(**drawn) for way in (solve, *mistakes.values()))
        apart = sorted(found["p"] for found in (key, *wrong) if "p" in found)
        if key["highest"] == LEVELS[holds] and min(np.diff(apart)) > 0.008:
            return drawn


def solve(models, step):
    at = LEVELS.index(step)
    return {
        "highest": _highest(_differences(models)["p"] >= 0.05),
        "p": float(_differences(models)["p"].loc[step]),
        "dcfi": float(models["cfi"].iloc[at] - models["cfi"].iloc[at - 1]),
    }


def _differences(models):
    """Each model against the one before it."""
    table = models.diff().iloc[1:]
    return table.assign(p=chi2.sf(table["chisq"], table["df"]))


def _highest(passed):
    return LEVELS[int(passed.cummin().sum())]


def by_cfi(models, step):
    return {"highest": _highest(_differences(models)["cfi"].round(3) >= -0.010)}


def own_p(models, step):
    return {"p": float(chi2.sf(*models.loc[step, ["chisq", "df"]]))}


def against_configural(models, step):
    chisq, df = models.loc[step, ["chisq", "df"]] - models.loc["configural", ["chisq", "df"]]
    return {"p": float(chi2.sf(chisq, df)), "dcfi": float(models["cfi"][step] - models["cfi"]["configural"])}


def turned_sign(models, step):
    return {"dcfi": -solve(models, step)["dcfi"]}


mistakes = {
    "by_cfi": by_cfi,
    "own_p": own_p,
    "against_configural": against_configural,
    "turned_sign": turned_sign,
}
