"""A function for the time until a project's money is back, for good."""

import math

import numpy as np

import crmlab as crm

lesson = 11
level = 3
tags = ("payback", "function")
answers = {"payback": {"kind": "function", "tolerance": 0.005}}


def draw(rng):
    gains = [int(g) for g in rng.integers(20, 60, 4)]
    start = sum(gains[:2]) + int(rng.integers(3, gains[2] - 2))  # back within the third year
    dip = int(rng.integers(110, 140))
    cases = [
        [-start, *gains],
        [-100, dip, -60, 40, 60],  # back, below again, back for good
        [-100, 30, 30, 20],  # never
        [-100, 70, 60, -80],  # lost again in the end
        [-90, 40, 50, 10],  # exactly at the end of year 2
        [20, 10],  # nothing was ever paid
        [-50, int(rng.integers(60, 90))],
    ]
    return {"flows": cases[0], "_cases": [(case,) for case in cases]}


def right(flows):
    years = float(crm.payback_period(flows))
    return None if math.isinf(years) else years


def solve(flows, _cases):
    return {"payback": [(case, right(*case)) for case in _cases]}


def _first(flows):
    """Where the sum is first not below 0, within the year; None if nowhere."""
    total = np.cumsum(flows)
    place = int(np.argmax(total >= 0))
    if total[place] < 0:
        return None
    return float(place - total[place] / flows[place]) if place else 0.0


def first_time(**drawn):
    return {"payback": _first}


def infinite(**drawn):
    return {"payback": lambda flows: float(crm.payback_period(flows))}


def whole_years(**drawn):
    return {"payback": lambda flows: None if right(flows) is None else math.ceil(right(flows))}


def mean_gain(**drawn):
    return {"payback": lambda flows: -flows[0] / np.mean(flows[1:])}


mistakes = {"first_time": first_time, "infinite": infinite, "whole_years": whole_years, "mean_gain": mean_gain}
