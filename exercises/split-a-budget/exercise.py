"""How much of a budget goes to winning customers, given what managers expect of money?"""

import crmlab as crm

lesson = 7
level = 3
tags = ("allocation", "response", "decision calculus")
answers = {"to_winning": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 500}}


def draw(rng):
    while True:
        floor = int(rng.integers(40, 61))
        drawn = {
            "prospects": 10_000 * int(rng.integers(20, 60)),
            "customers": 1000 * int(rng.integers(20, 60)),
            "top_won": int(rng.integers(6, 13)),
            "won": int(rng.integers(2, 5)),
            "floor": floor,
            "kept": floor + int(rng.integers(6, 12)),
            "top_kept": floor + int(rng.integers(18, 30)),
            "value_new": int(rng.integers(35, 60)),
            "value_kept": int(rng.integers(61, 110)),
            "budget": 10_000 * int(rng.integers(20, 50)),
        }
        key = solve(**drawn)["to_winning"]
        if not 0.1 * drawn["budget"] < key < 0.9 * drawn["budget"]:
            continue
        found = [key, *(wrong(**drawn)["to_winning"] for wrong in mistakes.values())]
        if all(abs(a - b) > 2000 for i, a in enumerate(found) for b in found[:i]):
            return drawn


def split(prospects, customers, top_won, won, floor, kept, top_kept, value_new, value_kept, budget):
    winning = crm.Response(top_won / 100, at_spend=1, reaches=won / 100)
    keeping = crm.Response(top_kept / 100, at_spend=5, reaches=kept / 100, floor=floor / 100)
    heads = {"prospects": prospects, "customers": customers}
    found = crm.allocate(budget, winning, keeping, **heads, value_new=value_new, value_kept=value_kept)
    return {"to_winning": found.to_acquisition}


def solve(prospects, customers, top_won, won, floor, kept, top_kept, value_new, value_kept, budget):
    return split(prospects, customers, top_won, won, floor, kept, top_kept, value_new, value_kept, budget)


def no_floor(**drawn):
    return split(**(drawn | {"floor": 0}))


def values_swapped(value_new, value_kept, **drawn):
    return split(**drawn, value_new=value_kept, value_kept=value_new)


def half(budget, **drawn):
    return {"to_winning": budget / 2}


def the_rest(budget, **drawn):
    return {"to_winning": budget - split(budget=budget, **drawn)["to_winning"]}


def named(function):
    """The bank reads the names of the parameters: the same as solve's."""

    def wrong(prospects, customers, top_won, won, floor, kept, top_kept, value_new, value_kept, budget):
        return function(
            prospects=prospects,
            customers=customers,
            top_won=top_won,
            won=won,
            floor=floor,
            kept=kept,
            top_kept=top_kept,
            value_new=value_new,
            value_kept=value_kept,
            budget=budget,
        )

    return wrong


mistakes = {
    "no_floor": named(no_floor),
    "values_swapped": named(values_swapped),
    "half": named(half),
    "the_rest": named(the_rest),
}
