"""How much of a mailing's apparent success is selection?"""

import pandas as pd

lesson = 2
level = 2
tags = ("selection", "control group")
answers = {"uplift": {"kind": "number", "tolerance": 0.0005}, "selection": {"kind": "number", "tolerance": 0.0005}}


def draw(rng):
    customers = [int(rng.integers(9, 16)) * 100, int(rng.integers(2, 5)) * 100, int(rng.integers(30, 60)) * 100]
    usual, effect, rest = rng.uniform(0.12, 0.2), rng.uniform(0.01, 0.03), rng.uniform(0.03, 0.06)
    orders = [round(n * p) for n, p in zip(customers, (usual + effect, usual, rest), strict=True)]
    names = ["best, mailed", "best, held back by lots", "all others, not mailed"]
    return {"groups": pd.DataFrame({"group": names, "customers": customers, "orders": orders})}


def _rates(groups):
    return (groups["orders"] / groups["customers"]).tolist()


def solve(groups):
    mailed, control, rest = _rates(groups)
    return {"uplift": mailed - control, "selection": control - rest}


def naive(groups):
    mailed, _, rest = _rates(groups)
    return {"uplift": mailed - rest, "selection": 0.0}


def swapped(groups):
    mailed, control, rest = _rates(groups)
    return {"uplift": control - rest, "selection": mailed - control}


def pooled(groups):
    mailed, control, _ = _rates(groups)
    others = groups.iloc[1:]
    rate = others["orders"].sum() / others["customers"].sum()
    return {"uplift": mailed - rate, "selection": control - rate}


mistakes = {"naive": naive, "swapped": swapped, "pooled": pooled}
