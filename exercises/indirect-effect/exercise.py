"""How large is an indirect effect, how sure is it, and what is the effect in all?"""

import numpy as np

lesson = 10
level = 2
tags = ("mediation", "indirect effect", "sobel")
answers = {
    "indirect": {"kind": "number", "tolerance": 0.002},
    "se": {"kind": "number", "tolerance": 0.001},
    "total": {"kind": "number", "tolerance": 0.002},
}


def draw(rng):
    while True:
        a, b, direct, se_a, se_b = (
            int(rng.integers(*ends)) / 100 for ends in ((25, 75), (25, 75), (8, 40), (4, 14), (4, 14))
        )
        drawn = {"a": a, "se_a": se_a, "b": b, "se_b": se_b, "direct": direct}
        key, *wrong = (way(**drawn) for way in (solve, *mistakes.values()))
        if all(
            min(np.diff(sorted(found[name] for found in (key, *wrong) if name in found))) > 0.004
            for name in ("indirect", "se", "total")
        ):
            return drawn


def solve(a, se_a, b, se_b, direct):
    return {"indirect": a * b, "se": float(np.hypot(b * se_a, a * se_b)), "total": direct + a * b}


def added(a, se_a, b, se_b, direct):
    return {"indirect": a + b, "total": direct + a + b}


def direct_alone(a, se_a, b, se_b, direct):
    return {"total": direct}


def indirect_alone(a, se_a, b, se_b, direct):
    return {"total": a * b}


def crossed(a, se_a, b, se_b, direct):
    return {"se": float(np.hypot(a * se_a, b * se_b))}


def product_of_errors(a, se_a, b, se_b, direct):
    return {"se": se_a * se_b}


def error_of_a_sum(a, se_a, b, se_b, direct):
    return {"se": float(np.hypot(se_a, se_b))}


mistakes = {
    "added": added,
    "direct_alone": direct_alone,
    "indirect_alone": indirect_alone,
    "crossed": crossed,
    "product_of_errors": product_of_errors,
    "error_of_a_sum": error_of_a_sum,
}
