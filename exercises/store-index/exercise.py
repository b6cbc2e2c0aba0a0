"""How loyal is a customer to the place, once chance is taken off? From visit counts, by hand."""

import pandas as pd

import crmlab as crm

lesson = 8
level = 2
tags = ("loyalty", "hhi", "simpson")
answers = {
    "agreement": {"kind": "number", "tolerance": 0.002},
    "index": {"kind": "number", "tolerance": 0.005},
}
STORES = ["Corner", "Station", "Market", "Park"]


def draw(rng):
    while True:
        hers = rng.multinomial(int(rng.integers(5, 10)), rng.dirichlet([2.5, 0.7, 0.6, 0.4]))
        market = 10 * rng.permutation([45, 30, 15, 10]) + hers
        table = pd.DataFrame({"store": STORES, "her visits": hers, "all visits": market})
        found = solve(table)
        if found["index"] > 0.12 and found["agreement"] < 0.95:
            return {"visits": table}


def solve(visits):
    found = crm.choice_index(visits["her visits"], visits["all visits"])
    return {"agreement": found["agreement"], "index": found["index"]}


def with_itself(visits):
    found = crm.choice_index(visits["her visits"], visits["all visits"])
    return {"agreement": found["hhi"], "index": (found["hhi"] - found["chance"]) / (1 - found["chance"])}


def main_store(visits):
    share = visits["her visits"].max() / visits["her visits"].sum()
    return {"agreement": share, "index": share}


def not_scaled(visits):
    found = crm.choice_index(visits["her visits"], visits["all visits"])
    return {"index": found["agreement"] - found["chance"]}


def equal_stores(visits):
    found = crm.choice_index(visits["her visits"], visits["all visits"])
    return {"index": (found["agreement"] - 1 / 4) / (3 / 4)}


mistakes = {
    "with_itself": with_itself,
    "main_store": main_store,
    "not_scaled": not_scaled,
    "equal_stores": equal_stores,
}
