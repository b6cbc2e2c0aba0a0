"""What are five flows of money worth today?"""

import crmlab as crm

lesson = 11
level = 1
tags = ("npv", "discount")
answers = {"npv": {"kind": "number", "tolerance": 0.02}}


def draw(rng):
    start = int(rng.integers(40, 90))
    gains = [int(g) for g in rng.integers(12, 40, 4)]
    return {"flows": [-start, *gains], "rate": int(rng.choice([6, 8, 10, 12, 15])) / 100}


def solve(flows, rate):
    return {"npv": float(crm.net_present_value(rate, flows))}


def not_discounted(flows, rate):
    return {"npv": float(sum(flows))}


def first_discounted_too(flows, rate):
    return {"npv": float(crm.net_present_value(rate, flows)) / (1 + rate)}


def one_divisor(flows, rate):
    return {"npv": flows[0] + sum(flows[1:]) / (1 + rate)}


def gains_only(flows, rate):
    return {"npv": float(crm.net_present_value(rate, [0, *flows[1:]]))}


mistakes = {
    "not_discounted": not_discounted,
    "first_discounted_too": first_discounted_too,
    "one_divisor": one_divisor,
    "gains_only": gains_only,
}
