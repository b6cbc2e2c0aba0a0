"""To which groups does a mailing go after a test, and what does it earn?"""

import numpy as np
import pandas as pd

lesson = 5
level = 3
tags = ("mailing", "profit")
answers = {
    "catalogues": {"kind": "number", "unit": {"en": "catalogues", "fa": "کاتالوگ"}},
    "profit": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 1.0},
}


def draw(rng):
    while True:
        cost, order_value = int(rng.integers(12, 26)) / 10, int(rng.integers(35, 80))
        margin = int(rng.choice([25, 30, 35, 40])) / 100
        needed = cost / (margin * order_value)
        around = np.array([3.0, 0.85, 1.9, 1.15, 0.7, 0.3]) * rng.uniform(0.93, 1.07, 6)
        test = rng.integers(3, 6, 6) * 100
        groups = pd.DataFrame(
            {
                "group": list("ABCDEF"),
                "customers": rng.integers(10, 60, 6) * 100,
                "test_catalogues": test,
                "test_orders": np.round(test * around * needed).astype(int),
            }
        )
        fixed = int(groups["customers"].sum() * cost * rng.uniform(0.2, 0.4) / 100) * 100
        drawn = {"groups": groups, "cost": cost, "order_value": order_value, "margin": margin, "fixed": fixed}
        ways = (solve, *mistakes.values())
        found = [tuple(round(v) for v in way(**drawn).values()) for way in ways]
        if len(set(found)) == len(ways) and found[0][1] > 0 and needed < 0.3:
            return drawn


def _earned(groups, cost, order_value, margin, fixed, chosen):
    rate = groups["test_orders"] / groups["test_catalogues"]
    gain = groups["customers"] * (rate * margin * order_value - cost)
    return {"catalogues": int(groups.loc[chosen, "customers"].sum()), "profit": float(gain[chosen].sum() - fixed)}


def _pays(groups, cost, per_order):
    return groups["test_orders"] / groups["test_catalogues"] > cost / per_order


def solve(groups, cost, order_value, margin, fixed):
    return _earned(groups, cost, order_value, margin, fixed, _pays(groups, cost, margin * order_value))


def stopped_early(groups, cost, order_value, margin, fixed):
    pays = _pays(groups, cost, margin * order_value)
    return _earned(groups, cost, order_value, margin, fixed, pays.cummin())


def as_long_as_profit(groups, cost, order_value, margin, fixed):
    rate = groups["test_orders"] / groups["test_catalogues"]
    order = rate.sort_values(ascending=False).index
    gain = (groups["customers"] * (rate * margin * order_value - cost))[order].cumsum() - fixed
    chosen = groups.index.isin(order[: int(np.flatnonzero(gain > 0).max(initial=0)) + 1])
    return _earned(groups, cost, order_value, margin, fixed, chosen)


def without_margin(groups, cost, order_value, margin, fixed):
    return _earned(groups, cost, order_value, 1.0, fixed, _pays(groups, cost, order_value))


def fixed_spread(groups, cost, order_value, margin, fixed):
    share = fixed / groups["customers"].sum()
    return _earned(groups, cost, order_value, margin, fixed, _pays(groups, cost + share, margin * order_value))


def without_fixed(groups, cost, order_value, margin, fixed):
    return solve(groups, cost, order_value, margin, 0)


mistakes = {
    "stopped_early": stopped_early,
    "as_long_as_profit": as_long_as_profit,
    "without_margin": without_margin,
    "fixed_spread": fixed_spread,
    "without_fixed": without_fixed,
}
