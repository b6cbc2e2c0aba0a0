"""What may it cost at most to win a customer, and is an offered price a good one?"""

from functools import lru_cache

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 6
level = 3
tags = ("clv", "acquisition", "decision")
answers = {
    "most": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.1},
    "buy": {"kind": "choice", "choices": ("yes", "no", "not sure")},
}


def draw(rng):
    n = 800
    T = np.round(rng.uniform(26, 52, n), 2)
    seen = crm.simulate_customers(
        n,
        r=rng.uniform(0.6, 1.0),
        alpha=rng.uniform(6, 9),
        a=rng.uniform(0.8, 1.2),
        b=rng.uniform(2, 3),
        T=T,
        rng=rng,
    )
    x = seen["frequency"].to_numpy()
    level = rng.gamma(4.0, 1 / 16, n)  # each customer's own level of spending, as in Gamma-Gamma
    seen["recency"] = np.ceil(seen["recency"] * 100) / 100  # never 0 after a repeat purchase
    customers = seen[["frequency", "recency", "T"]].copy()
    customers["monetary_value"] = np.where(
        x > 0, rng.gamma(6.0 * np.maximum(x, 1)) / (level * np.maximum(x, 1)), 0
    ).round(2)
    terms = {
        "margin": float(rng.choice([0.25, 0.35, 0.40, 0.45])),
        "discount": int(rng.integers(8, 17)) / 100,
        "cost_per_order": int(rng.integers(3, 9)) / 2,
    }
    value = worth(customers, **terms)
    place = rng.choice([value["low"] * 0.9, value["value"], value["high"] * 1.1])
    return {"customers": customers, **terms, "price": float(np.round(place, 0))}


@lru_cache(maxsize=2)
def fitted(table):
    """The fits are the slow part: once for the key and all mistakes of a draw."""
    columns = ["frequency", "recency", "T", "monetary_value"]
    customers = pd.DataFrame(np.frombuffer(table).reshape(-1, 4), columns=columns)
    return crm.BGNBD().fit(customers, unit="W"), crm.GammaGamma().fit(customers)


def worth(customers, margin, discount, cost_per_order, **other):
    fit, spend = fitted(customers.to_numpy(float).tobytes())
    terms = {"margin": margin, "annual_discount": discount, "cost_per_order": cost_per_order, "horizon": "2Y"}
    return crm.new_customer_value(fit, spend, **(terms | other))


def solve(customers, margin, discount, cost_per_order, price):
    value = worth(customers, margin, discount, cost_per_order)
    buy = "yes" if price < value["low"] else "no" if price > value["high"] else "not sure"
    return {"most": float(value["value"]), "buy": buy}


def repeat_alone(customers, margin, discount, cost_per_order, price):
    return {"most": float(worth(customers, margin, discount, cost_per_order, first_order=False)["value"])}


def not_served(customers, margin, discount, cost_per_order, price):
    return {"most": float(worth(customers, margin, discount, 0.0)["value"])}


def given_margin(customers, margin, discount, cost_per_order, price):
    return {"most": float(worth(customers, 0.30, discount, cost_per_order)["value"])}


def three_years(customers, margin, discount, cost_per_order, price):
    return {"most": float(worth(customers, margin, discount, cost_per_order, horizon="3Y")["value"])}


def price_taken_off(customers, margin, discount, cost_per_order, price):
    return {"most": float(worth(customers, margin, discount, cost_per_order)["value"]) - price}


mistakes = {
    "repeat_alone": repeat_alone,
    "not_served": not_served,
    "given_margin": given_margin,
    "three_years": three_years,
    "price_taken_off": price_taken_off,
}
