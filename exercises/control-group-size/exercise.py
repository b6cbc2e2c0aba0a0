"""How large must a control group be, for the uplift to be known well enough?"""

import math

from crmlab.base.fit import z_value

lesson = 2
level = 2
tags = ("control group", "standard error")
answers = {"control": {"kind": "number", "unit": {"en": "customers", "fa": "مشتری"}, "relative": 0.01}}


def draw(rng):
    return {
        "rate": int(rng.integers(4, 13)) / 100,
        "mailed": int(rng.integers(20, 60)) * 100,
        "reach": int(rng.integers(20, 31)) / 1000,
    }


def _size(variance, mailed, se):
    return math.ceil(1 / (se**2 / variance - 1 / mailed))


def solve(rate, mailed, reach):
    return {"control": _size(rate * (1 - rate), mailed, reach / z_value(0.95))}


def mailed_forgotten(rate, mailed, reach):
    return {"control": math.ceil(rate * (1 - rate) * (z_value(0.95) / reach) ** 2)}


def reach_as_error(rate, mailed, reach):
    return {"control": _size(rate * (1 - rate), mailed, reach)}


def whole_width(rate, mailed, reach):
    return {"control": math.ceil(rate * (1 - rate) * (2 * z_value(0.95) / reach) ** 2)}


mistakes = {"mailed_forgotten": mailed_forgotten, "reach_as_error": reach_as_error, "whole_width": whole_width}
