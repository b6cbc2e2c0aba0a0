"""What is a customer's mean repeat purchase, once the returns are taken off?"""

import pandas as pd

import crmlab as crm

lesson = 4
level = 3
tags = ("cleaning", "returns", "monetary value")
answers = {"monetary_value": {"kind": "number", "unit": {"en": "euros", "fa": "یورو"}, "tolerance": 0.01}}


def draw(rng):
    gaps = rng.integers(25, 60, size=5).cumsum()
    days = [pd.Timestamp("2024-01-20") + pd.Timedelta(days=int(gap)) for gap in gaps]
    bought = [float(euros) for euros in rng.choice(range(20, 90), size=5, replace=False)]
    part = float(rng.integers(5, 16))  # of the third purchase
    stray = float(rng.integers(5, 16))  # bought before the log begins
    rows = list(zip(days, bought, strict=True))
    rows.append((days[2] + pd.Timedelta(days=int(rng.integers(3, 15))), -part))
    rows.append((days[3] + pd.Timedelta(days=int(rng.integers(3, 15))), -bought[3]))
    rows.append((days[0] - pd.Timedelta(days=int(rng.integers(3, 15))), -stray))
    log = pd.DataFrame(sorted(rows), columns=["date", "amount"])
    log.insert(0, "customer_id", "Mina")
    return {"log": log}


def solve(log):
    kept, _ = crm.clean(log, returns="net")
    return {"monetary_value": float(crm.summarize(kept)["monetary_value"].iloc[0])}


def parts(log):
    """The five purchases, and the three returns in the order of their days."""
    amounts = log["amount"]
    return amounts[amounts > 0].tolist(), (-amounts[amounts < 0]).tolist()


def dropped_returns(log):
    bought, _ = parts(log)
    return {"monetary_value": sum(bought[1:]) / 4}


def kept_the_empty_day(log):
    bought, (_, part, whole) = parts(log)
    return {"monetary_value": (sum(bought[1:]) - part - whole) / 4}


def with_the_first(log):
    bought, (_, part, whole) = parts(log)
    return {"monetary_value": (sum(bought) - part - whole) / 4}


def took_the_stray(log):
    bought, back = parts(log)
    return {"monetary_value": (sum(bought[1:]) - sum(back)) / 3}


def returns_as_purchases(log):
    return {"monetary_value": log["amount"].iloc[1:].mean()}


mistakes = {
    "dropped_returns": dropped_returns,
    "kept_the_empty_day": kept_the_empty_day,
    "with_the_first": with_the_first,
    "took_the_stray": took_the_stray,
    "returns_as_purchases": returns_as_purchases,
}
