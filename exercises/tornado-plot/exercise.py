"""Which line of a business case matters most, by how much, and what does the tornado look like?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 11
level = 3
tags = ("tornado", "npv", "plot")
LINES = ("licence", "staff", "orders", "calls", "returns")
answers = {
    "line": {"kind": "choice", "choices": LINES},
    "swing": {"kind": "number", "unit": {"en": "thousand euros", "fa": "هزار یورو"}, "tolerance": 0.06},
    "plot": {"kind": "figure", "weight": 2.0},
}


def draw(rng):
    while True:
        likely = rng.integers(10, 60, 5)
        low, high = (np.round(likely * (1 + sign * rng.uniform(0.08, 0.6, 5))).astype(int) for sign in (-1, 1))
        kind = ["cost"] * 2 + ["benefit"] * 3
        table = pd.DataFrame({"kind": kind, "low": low, "likely": likely, "high": high}, pd.Index(LINES, name="line"))
        drawn = {
            "lines": table, "setup": int(rng.integers(60, 140)),
            "years": int(rng.integers(3, 6)), "rate": int(rng.integers(6, 16)) / 100,
        }  # fmt: skip
        wide = np.sort(high - low)
        first = {int(found.argmax()) for found in (high - low, likely, (high - low) / likely)}
        if len(first) == 3 and wide[-1] - wide[-2] > 1 and likely[2:].sum() > likely[:2].sum():
            return drawn


def _case(lines, setup, years, rate):
    ranges = {name: (row["low"], row["likely"], row["high"]) for name, row in lines.iterrows()}
    costs = {name: ranges[name] for name in ("licence", "staff")} | {"setup": [setup] + [0] * years}
    return crm.BusinessCase(costs, {name: ranges[name] for name in LINES[2:]}, years, rate)


def _swing(line, lines, setup, years, rate):
    return {"line": line, "swing": float(_case(lines, setup, years, rate).tornado().loc[line, "swing"])}


def solve(lines, setup, years, rate):
    return _swing(_case(lines, setup, years, rate).tornado().index[0], lines, setup, years, rate)


def largest(lines, setup, years, rate):
    return _swing(lines["likely"].idxmax(), lines, setup, years, rate)


def relative(lines, setup, years, rate):
    return _swing(((lines["high"] - lines["low"]) / lines["likely"]).idxmax(), lines, setup, years, rate)


def not_discounted(lines, setup, years, rate):
    return solve(lines, setup, years, 0.0)


def one_year(lines, setup, years, rate):
    return solve(lines, setup, 1, 0.0)


def half_the_bar(lines, setup, years, rate):
    line = solve(lines, setup, years, rate)["line"]
    return _swing(line, lines.assign(low=lines["likely"]), setup, years, rate)


mistakes = {
    "largest": largest,
    "relative": relative,
    "not_discounted": not_discounted,
    "one_year": one_year,
    "half_the_bar": half_the_bar,
}
