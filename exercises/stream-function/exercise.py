"""A function for what a customer is worth who may leave at the end of each year."""

import crmlab as crm

lesson = 6
level = 2
tags = ("clv", "retention", "discount", "function")
answers = {"worth": {"kind": "function", "tolerance": 0.01}}


def draw(rng):
    def customer(retention, discount, years):
        return int(rng.integers(20, 200)), retention, discount, years

    kept, off = int(rng.integers(60, 90)) / 100, int(rng.integers(5, 16)) / 100
    shown = customer(kept, off, int(rng.integers(3, 7)))
    cases = [shown, customer(0.9, 0.12, 10), customer(1.0, 0.1, 5), customer(0.8, 0.0, 4), customer(1.0, 0.0, 3),
             customer(0.0, 0.1, 6), customer(0.75, 0.08, 1), customer(0.75, 0.08, 0)]  # fmt: skip
    return {**dict(zip(("margin", "retention", "discount", "years"), shown, strict=True)), "_cases": cases}


def right(margin, retention, discount, years):
    return float(crm.net_present_value(discount, [0.0, *(margin * retention**t for t in range(1, years + 1))]))


def solve(margin, retention, discount, years, _cases):
    return {"worth": [(case, right(*case)) for case in _cases]}


def endless(**drawn):
    return {"worth": lambda m, r, d, n: m * r / (1 + d - r)}


def closed_form(**drawn):
    return {"worth": lambda m, r, d, n: m * r / (1 + d - r) * (1 - (r / (1 + d)) ** n)}


def from_today(**drawn):
    return {"worth": lambda m, r, d, n: sum(m * r**t / (1 + d) ** t for t in range(n))}


def stays_at_first(**drawn):
    return {"worth": lambda m, r, d, n: sum(m * r ** (t - 1) / (1 + d) ** t for t in range(1, n + 1))}


def not_discounted(**drawn):
    return {"worth": lambda m, r, d, n: sum(m * r**t for t in range(1, n + 1))}


mistakes = {
    "endless": endless,
    "closed_form": closed_form,
    "from_today": from_today,
    "stays_at_first": stays_at_first,
    "not_discounted": not_discounted,
}
