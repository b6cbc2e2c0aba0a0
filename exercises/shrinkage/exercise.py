"""What will a customer spend per order, where few orders were seen?"""

lesson = 6
level = 2
tags = ("gamma-gamma", "spend", "shrinkage")
answers = {"spend": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.05}}


def draw(rng):
    return {
        "p": int(rng.integers(40, 81)) / 10,
        "q": int(rng.integers(25, 46)) / 10,
        "v": int(rng.integers(12, 25)),
        "x": int(rng.integers(2, 6)),
        "z": int(rng.integers(120, 240)) / 2,
    }


def solve(p, q, v, x, z):
    return {"spend": p * (v + x * z) / (p * x + q - 1)}


def own_mean(p, q, v, x, z):
    return {"spend": z}


def everybodys_mean(p, q, v, x, z):
    return {"spend": p * v / (q - 1)}


def half_and_half(p, q, v, x, z):
    return {"spend": (z + p * v / (q - 1)) / 2}


def as_one_order(p, q, v, x, z):
    return {"spend": p * (v + z) / (p + q - 1)}


def without_the_one(p, q, v, x, z):
    return {"spend": p * (v + x * z) / (p * x + q)}


mistakes = {
    "own_mean": own_mean,
    "everybodys_mean": everybodys_mean,
    "half_and_half": half_and_half,
    "as_one_order": as_one_order,
    "without_the_one": without_the_one,
}
