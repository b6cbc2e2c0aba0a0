"""How many completed questionnaires estimate a share, and how many people must be invited?"""

import math

from crmlab.survey.samplesize import cochran

lesson = 9
level = 1
tags = ("sample size", "cochran")
answers = {
    "n": {"kind": "number", "unit": {"en": "answers", "fa": "پاسخ"}, "tolerance": 1.0},
    "invite": {"kind": "number", "unit": {"en": "customers", "fa": "مشتری"}, "tolerance": 5.0},
}

Z = 1.96


def draw(rng):
    return {
        "population": int(rng.integers(60, 500)) * 10,
        "points": int(rng.integers(4, 8)),
        "rate": int(rng.integers(5, 13)) * 5,
    }


def solve(population, points, rate):
    return _both(cochran(points / 100, population=population), rate)


def _both(n, rate):
    return {"n": math.ceil(n), "invite": math.ceil(100 * math.ceil(n) / rate)}


def _corrected(n, population):
    return n / (1 + (n - 1) / population)


def no_population(population, points, rate):
    return _both(cochran(points / 100), rate)


def halved_margin(population, points, rate):
    return _both(cochran(points / 200, population=population), rate)


def z_not_squared(population, points, rate):
    return _both(_corrected(Z * 0.25 / (points / 100) ** 2, population), rate)


def times_the_rate(population, points, rate):
    n = cochran(points / 100, population=population)
    return {"n": n, "invite": n * rate / 100}


def added_the_silent(population, points, rate):
    n = cochran(points / 100, population=population)
    return {"n": n, "invite": n * (2 - rate / 100)}


mistakes = {
    "no_population": no_population,
    "halved_margin": halved_margin,
    "z_not_squared": z_not_squared,
    "times_the_rate": times_the_rate,
    "added_the_silent": added_the_silent,
}
