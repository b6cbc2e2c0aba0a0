"""Which customers should a firm let go, and what is left then?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 7
level = 3
tags = ("unprofitable", "fixed costs", "contribution")
NAMES = ("Ali", "Bita", "Dara", "Elham", "Farid", "Giti")
answers = {
    "drop": {"kind": "choices", "choices": NAMES},
    "profit": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.5},
}


def draw(rng):
    fixed = 6 * int(rng.integers(15, 26))
    each = fixed // 6
    good = each + rng.integers(60, 130, 2)
    part = rng.integers(5, each - 4, 2)  # covers a part of its fixed costs
    bad = -rng.integers(5, 40, 2)
    contribution = np.array([*good, *part, *bad])
    serve = rng.integers(45, 90, 6)
    brought = np.array([None, None, None, None, None, None], dtype=object)
    order = rng.permutation(6)
    names = np.array(NAMES, dtype=object)[order]
    brought[0] = names[4]  # a good customer came with a bad one: together they are worth keeping
    table = pd.DataFrame(
        {"customer_id": names, "margin": contribution + serve, "cost_to_serve": serve, "brought_by": brought}
    )
    return {"customers": table.sort_values("customer_id", ignore_index=True), "fixed_costs": fixed}


def read(customers, fixed_costs):
    """Contribution, profit in the books, and company of each, by name."""
    table = crm.customer_profit(customers, fixed_costs=fixed_costs)
    names = table["customer_id"].tolist()
    company = {name: [n for n, by in zip(names, table["brought_by"], strict=True) if by == name] for name in names}
    return dict(zip(names, table["contribution"], strict=True)), dict(zip(names, table["profit"], strict=True)), company


def answered(drop, company, amounts, costs):
    gone = set(drop).union(*(company[name] for name in drop))
    return {"drop": drop, "profit": float(sum(x for name, x in amounts.items() if name not in gone) - costs)}


def right(brings, company):
    return [name for name, x in brings.items() if x < 0 and x + sum(brings[n] for n in company[name]) < 0]


def solve(customers, fixed_costs):
    brings, _, company = read(customers, fixed_costs)
    return answered(right(brings, company), company, brings, fixed_costs)


def shows_a_loss(customers, fixed_costs):
    brings, books, company = read(customers, fixed_costs)
    return answered([name for name, x in books.items() if x < 0], company, brings, fixed_costs)


def company_forgotten(customers, fixed_costs):
    brings, _, company = read(customers, fixed_costs)
    alone = dict.fromkeys(company, ())
    return answered([name for name, x in brings.items() if x < 0], alone, brings, fixed_costs)


def costs_vanish(customers, fixed_costs):
    brings, books, company = read(customers, fixed_costs)
    return answered(right(brings, company), company, books, 0)


def nobody(customers, fixed_costs):
    brings, _, company = read(customers, fixed_costs)
    return answered([], company, brings, fixed_costs)


mistakes = {
    "shows_a_loss": shows_a_loss,
    "company_forgotten": company_forgotten,
    "costs_vanish": costs_vanish,
    "nobody": nobody,
}
