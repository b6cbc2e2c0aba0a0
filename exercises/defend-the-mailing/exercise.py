"""Which segments should get the catalogue, what does that bring, and how is the decision defended?"""

import numpy as np
import pandas as pd

lesson = 5
level = 3
tags = ("segments", "mailing", "reasons")
SEGMENTS = ("champions", "loyal", "potential", "new", "at_risk", "hibernating")
answers = {
    "mail": {"kind": "choices", "choices": SEGMENTS},
    "profit": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.6},
    "reasons": {"kind": "essay", "weight": 2.0},
}


def draw(rng):
    while True:
        responses = np.sort(rng.uniform(0.01, 0.12, 6))[::-1][[0, 1, 2, 4, 3, 5]] + rng.uniform(-0.008, 0.008, 6)
        table = pd.DataFrame(
            {
                "customers": rng.integers(8, 60, 6) * 50,
                "response": np.round(np.clip(responses, 0.005, 1), 3),
                "basket": rng.permutation(rng.integers([20, 30, 40, 60, 80, 100], [30, 40, 60, 80, 100, 140])),
            },
            pd.Index(SEGMENTS, name="segment"),
        )
        drawn = {
            "segments": table, "cost": int(rng.integers(9, 18)) / 10, "margin": int(rng.choice([25, 30, 35, 40])) / 100
        }  # fmt: skip
        chosen = {tuple(way(**drawn)["mail"]) for way in (solve, revenue_pays, above_the_mean, everyone)}
        if len(chosen) == 4 and min(abs(_gain(**drawn))) > 0.02 and len(solve(**drawn)["mail"]) > 1:
            return drawn


def _gain(segments, cost, margin):
    """Dollars for each catalogue."""
    return segments["response"] * segments["basket"] * margin - cost


def _mailed(who, segments, cost, margin):
    gain = (_gain(segments, cost, margin) * segments["customers"])[who]
    return {"mail": list(gain.index), "profit": float(gain.sum())}


def solve(segments, cost, margin):
    return _mailed(_gain(segments, cost, margin) > 0, segments, cost, margin)


def revenue_pays(segments, cost, margin):
    return _mailed(_gain(segments, cost, 1.0) > 0, segments, cost, margin)


def above_the_mean(segments, cost, margin):
    mean = np.average(segments["response"], weights=segments["customers"])
    return _mailed(segments["response"] > mean, segments, cost, margin)


def everyone(segments, cost, margin):
    return _mailed(segments["response"] > 0, segments, cost, margin)


mistakes = {"revenue_pays": revenue_pays, "above_the_mean": above_the_mean, "everyone": everyone}
