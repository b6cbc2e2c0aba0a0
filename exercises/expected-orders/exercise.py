"""How many purchases will all customers of a small shop make in the coming half year?"""

from functools import lru_cache

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 6
level = 2
tags = ("bgnbd", "expected purchases")
answers = {
    "orders": {
        "kind": "number",
        "unit": {"en": "purchases", "fa": "خرید"},
        "tolerance": 1.0,
        "relative": 0.002,
    }
}


def draw(rng):
    T = np.round(rng.uniform(26, 52, 800), 2)
    seen = crm.simulate_customers(
        800,
        r=rng.uniform(0.6, 1.0),
        alpha=rng.uniform(6, 9),
        a=rng.uniform(0.8, 1.2),
        b=rng.uniform(2, 3),
        T=T,
        rng=rng,
    )
    seen["recency"] = np.ceil(seen["recency"] * 100) / 100  # never 0 after a repeat purchase
    customers = seen[["frequency", "recency", "T"]]
    return {"customers": customers, "horizon": int(rng.integers(20, 31))}


@lru_cache(maxsize=2)
def fitted(table):
    """The fit is the slow part: once for the key and all mistakes of a draw."""
    customers = pd.DataFrame(np.frombuffer(table).reshape(-1, 3), columns=["frequency", "recency", "T"])
    return crm.BGNBD().fit(customers, unit="W")


def solve(customers, horizon):
    fit = fitted(customers.to_numpy(float).tobytes())
    return {"orders": float(fit.expected_purchases(customers, horizon).sum())}


def all_new(customers, horizon):
    fit = fitted(customers.to_numpy(float).tobytes())
    return {"orders": len(customers) * fit.expected_purchases_new(horizon)}


def as_before(customers, horizon):
    return {"orders": float(customers["frequency"].sum() / customers["T"].sum() * horizon * len(customers))}


def one_customer(customers, horizon):
    fit = fitted(customers.to_numpy(float).tobytes())
    return {"orders": float(fit.expected_purchases(customers, horizon).mean())}


def days(customers, horizon):
    fit = fitted(customers.to_numpy(float).tobytes())
    return {"orders": float(fit.expected_purchases(customers, f"{horizon}D").sum())}


mistakes = {"all_new": all_new, "as_before": as_before, "one_customer": one_customer, "days": days}
