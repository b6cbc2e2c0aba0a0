"""What is a customer's next three years worth, from orders, spend, margin, cost to serve and discount?"""

import pandas as pd

lesson = 6
level = 2
tags = ("clv", "discount", "margin")
answers = {"value": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.02}}


def draw(rng):
    first = rng.integers(20, 45) / 10
    orders = [round(float(first * fade), 1) for fade in (1.0, rng.uniform(0.6, 0.8), rng.uniform(0.35, 0.55))]
    return {
        "orders": pd.DataFrame({"year": [1, 2, 3], "expected_orders": orders}),
        "spend": int(rng.integers(30, 90)),
        "margin": int(rng.integers(25, 46)) / 100,
        "cost_per_order": int(rng.integers(4, 13)) / 2,
        "discount": int(rng.integers(8, 16)) / 100,
    }


def worth(orders, per_order, discount, shift=0):
    return {"value": float((orders["expected_orders"] * per_order / (1 + discount) ** (orders["year"] - shift)).sum())}


def solve(orders, spend, margin, cost_per_order, discount):
    return worth(orders, margin * spend - cost_per_order, discount)


def revenue(orders, spend, margin, cost_per_order, discount):
    return worth(orders, spend, discount)


def not_served(orders, spend, margin, cost_per_order, discount):
    return worth(orders, margin * spend, discount)


def not_discounted(orders, spend, margin, cost_per_order, discount):
    return worth(orders, margin * spend - cost_per_order, 0.0)


def paid_at_once(orders, spend, margin, cost_per_order, discount):
    return worth(orders, margin * spend - cost_per_order, discount, shift=1)


def margin_of_the_rest(orders, spend, margin, cost_per_order, discount):
    return worth(orders, margin * (spend - cost_per_order), discount)


mistakes = {
    "revenue": revenue,
    "not_served": not_served,
    "not_discounted": not_discounted,
    "paid_at_once": paid_at_once,
    "margin_of_the_rest": margin_of_the_rest,
}
