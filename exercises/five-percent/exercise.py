"""By how much does a customer's value rise if five points more of the customers stay?"""

import crmlab as crm

lesson = 7
level = 1
tags = ("retention", "clv", "folklore")
answers = {"rise": {"kind": "number", "unit": {"en": "percent", "fa": "درصد"}, "tolerance": 0.1}}


def draw(rng):
    return {
        "margin": 5 * int(rng.integers(6, 31)),
        "stay": int(rng.integers(55, 88)),
        "discount": int(rng.integers(8, 16)),
    }


def rise(margin, stay, more, discount):
    before, after = (crm.simple_clv(margin, share / 100, discount=discount / 100) for share in (stay, more))
    return {"rise": 100 * (after / before - 1)}


def solve(margin, stay, discount):
    return rise(margin, stay, stay + 5, discount)


def five_percent_of(margin, stay, discount):
    return rise(margin, stay, stay * 1.05, discount)


def not_discounted(margin, stay, discount):
    return rise(margin, stay, stay + 5, 1e-7)


def in_proportion(margin, stay, discount):
    return {"rise": 500 / stay}


def whole(margin, stay, discount):
    return {"rise": 100 + rise(margin, stay, stay + 5, discount)["rise"]}


mistakes = {
    "five_percent_of": five_percent_of,
    "not_discounted": not_discounted,
    "in_proportion": in_proportion,
    "whole": whole,
}
