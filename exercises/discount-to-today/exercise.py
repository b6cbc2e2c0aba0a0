"""What is an amount that comes in some years worth today?"""

from math import exp

from crmlab.base.period import discount_rate, periods

lesson = 6
level = 1
tags = ("clv", "discount")
answers = {"value": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.01}}


def draw(rng):
    return {
        "amount": int(rng.integers(20, 200)) * 5,
        "years": int(rng.integers(2, 7)),
        "discount": int(rng.integers(6, 17)) / 100,
    }


def solve(amount, years, discount):
    return {"value": amount * exp(-discount_rate(discount, "M") * periods(f"{years}Y", "M"))}


def taken_off(amount, years, discount):
    return {"value": amount * (1 - discount) ** years}


def twelfths(amount, years, discount):
    return {"value": amount / (1 + discount / 12) ** (12 * years)}


def one_year(amount, years, discount):
    return {"value": amount / (1 + discount)}


def no_compounding(amount, years, discount):
    return {"value": amount / (1 + discount * years)}


def grown(amount, years, discount):
    return {"value": amount * (1 + discount) ** years}


mistakes = {
    "taken_off": taken_off,
    "twelfths": twelfths,
    "one_year": one_year,
    "no_compounding": no_compounding,
    "grown": grown,
}
