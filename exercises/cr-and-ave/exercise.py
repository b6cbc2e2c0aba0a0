"""Do the items of a construct agree enough: composite reliability and average variance extracted?"""

import numpy as np

from crmlab.survey.reliability import composite_reliability

lesson = 10
level = 2
tags = ("cfa", "convergent validity", "ave", "composite reliability")
MEETS = ("both", "CR only", "AVE only", "neither")
answers = {
    "cr": {"kind": "number", "tolerance": 0.005},
    "ave": {"kind": "number", "tolerance": 0.005},
    "meets": {"kind": "choice", "choices": MEETS},
}

RANGES = {"both": (62, 92), "CR only": (52, 82), "neither": (35, 65)}


def draw(rng):
    wanted = str(rng.choice(list(RANGES)))
    while True:
        drawn = {"loadings": [int(one) / 100 for one in rng.integers(*RANGES[wanted], rng.integers(3, 6))]}
        key, *wrong = (way(**drawn) for way in (solve, *mistakes.values()))
        clear = abs(key["cr"] - 0.7) > 0.01 and abs(key["ave"] - 0.5) > 0.01
        if (
            key["meets"] == wanted
            and clear
            and all(
                min(np.diff(sorted(found[name] for found in (key, *wrong) if name in found))) > 0.015
                for name in ("cr", "ave")
            )
        ):
            return drawn


def solve(loadings):
    load = np.array(loadings)
    cr, ave = composite_reliability(load), float((load**2).mean())
    names = {(True, True): "both", (True, False): "CR only", (False, True): "AVE only", (False, False): "neither"}
    return {"cr": cr, "ave": ave, "meets": names[bool(cr >= 0.7), bool(ave >= 0.5)]}


def residual_not_squared(loadings):
    load = np.array(loadings)
    return {"cr": composite_reliability(load, 1 - load)}


def squared_too_early(loadings):
    load = np.array(loadings)
    return {"cr": float((load**2).mean())}  # the sum of squares over itself plus the residuals


def mean_loading(loadings):
    return {"ave": float(np.mean(loadings))}


def ave_over_residuals(loadings):
    squares = np.square(loadings)
    return {"ave": float(squares.sum() / (1 - squares).sum())}


mistakes = {
    "residual_not_squared": residual_not_squared,
    "squared_too_early": squared_too_early,
    "mean_loading": mean_loading,
    "ave_over_residuals": ave_over_residuals,
}
