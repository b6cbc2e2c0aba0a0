"""Which hypotheses do the estimates support, leave open, or contradict?"""

import numpy as np
import pandas as pd

from crmlab.survey.tables import decide

lesson = 10
level = 2
tags = ("hypotheses", "decision", "p-value")
NAMES = ("H1", "H2", "H3", "H4", "H5")
DECISIONS = ("supported", "not supported", "opposite")
answers = {name: {"kind": "choice", "choices": DECISIONS} for name in NAMES}


def draw(rng):
    def p(low, high):
        return int(rng.integers(low, high)) / 1000

    signs = rng.choice([-1, 1], 5)
    small, large = rng.integers(4, 13, 5) / 100, rng.integers(15, 46, 5) / 100
    kinds = [  # expected sign, estimate, p
        (signs[0], signs[0] * large[0], p(1, 49)),  # as expected
        (signs[1], -signs[1] * large[1], p(1, 40)),  # against it
        (signs[2], signs[2] * small[2], p(55, 99)),  # as expected, above 0.05 but with half its p below
        (signs[3], -signs[3] * small[3], p(110, 600)),  # against it, by chance
        (0, signs[4] * large[4], p(1, 49)),  # no direction said
    ]
    rows = [kinds[i] for i in rng.permutation(5)]
    table = pd.DataFrame(rows, pd.Index(NAMES, name="hypothesis"), ["expected", "estimate", "p"])
    return {"results": table.assign(expected=table["expected"].map({1: "+", -1: "-", 0: "any"}))}


def solve(results):
    sign = results["expected"].replace("any", "")
    made = {name: decide(results["estimate"][name], results["p"][name], sign[name]) for name in NAMES}
    return {name: decision.replace("_", " ") for name, decision in made.items()}


def _decide(results, rule):
    """By a rule of the direction (1 as expected, -1 against it, 0 where none was said) and p."""
    direction = results["expected"].map({"+": 1, "-": -1, "any": 0}) * np.sign(results["estimate"])
    return {name: rule(direction[name], results["p"][name]) for name in NAMES}


def p_alone(results):
    return _decide(results, lambda direction, p: "supported" if p < 0.05 else "not supported")


def sign_alone(results):
    return _decide(results, lambda direction, p: "opposite" if direction < 0 else "supported")


def opposite_by_chance(results):
    return {
        name: "opposite" if sign_alone(results)[name] == "opposite" else made for name, made in solve(results).items()
    }


def halved_p(results):
    return solve(results.assign(p=results["p"] / 2))


def p_upside_down(results):
    return _decide(results, lambda direction, p: "supported" if p >= 0.05 else "not supported")


mistakes = {
    "p_alone": p_alone,
    "sign_alone": sign_alone,
    "opposite_by_chance": opposite_by_chance,
    "halved_p": halved_p,
    "p_upside_down": p_upside_down,
}
