"""Which share of a mailing must order for it to pay for itself?"""

lesson = 5
level = 1
tags = ("mailing", "break-even")
answers = {"response": {"kind": "number", "tolerance": 0.0005}}


def draw(rng):
    return {
        "cost": int(rng.integers(8, 30)) / 10,
        "order_value": int(rng.integers(30, 90)),
        "margin": int(rng.choice([20, 25, 30, 35, 40, 45])) / 100,
    }


def solve(cost, order_value, margin):
    return {"response": cost / (margin * order_value)}


def without_margin(cost, order_value, margin):
    return {"response": cost / order_value}


def goods_for_margin(cost, order_value, margin):
    return {"response": cost / ((1 - margin) * order_value)}


def inverted(cost, order_value, margin):
    return {"response": margin * order_value / cost}


def in_percent(cost, order_value, margin):
    return {"response": 100 * cost / (margin * order_value)}


mistakes = {
    "without_margin": without_margin,
    "goods_for_margin": goods_for_margin,
    "inverted": inverted,
    "in_percent": in_percent,
}
