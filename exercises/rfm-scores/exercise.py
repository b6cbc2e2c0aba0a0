"""Which R, F and M scores has one of ten customers, ties included?"""

import pandas as pd

import crmlab as crm

lesson = 5
level = 2
tags = ("rfm", "ties")
answers = {"R": {"kind": "number"}, "F": {"kind": "number"}, "M": {"kind": "number"}}


def draw(rng):
    while True:
        customers = pd.DataFrame(
            {
                "customer": list("ABCDEFGHIJ"),
                "days_since_last": rng.choice(rng.choice(270, 7, replace=False) + 1, 10),
                "orders": rng.choice([1, 2, 3, 4, 8], 10, p=[0.35, 0.25, 0.2, 0.1, 0.1]),
                "revenue": rng.choice(rng.integers(10, 200, 8), 10),
            }
        )
        bins = int(rng.integers(4, 6))
        middle, below, above, width = (_scored(customers, bins, how) for how in ("average", "min", "max", "width"))
        for who, right in middle.iterrows():
            others = [tuple(table.loc[who]) for table in (below, above, width)]
            different = len({tuple(right), *others}) == 4 and 2 * right["R"] != bins + 1
            if different and (bins + 1 - right["R"], right["F"], right["M"]) not in others:
                return {"customers": customers, "who": who, "bins": bins}


def solve(customers, who, bins):
    rows = customers.loc[customers.index.repeat(customers["orders"])]
    back = rows["days_since_last"] + rows.groupby(level=0).cumcount()
    log = pd.DataFrame(
        {
            "customer_id": rows["customer"],
            "date": pd.Timestamp("2025-12-31") - pd.to_timedelta(back, unit="D"),
            "amount": rows["revenue"] / rows["orders"],
        }
    )
    scores = crm.rfm(log, end="2025-12-31", bins=bins).set_index("customer_id")
    return {name: int(scores.loc[who, name]) for name in "RFM"}


def _scored(customers, bins, how):
    """Scores by rank: a tied group stands at its middle ("average"), lowest or highest rank; or by equal widths."""
    table = customers.set_index("customer")
    values = pd.DataFrame({"R": -table["days_since_last"], "F": table["orders"], "M": table["revenue"]})
    if how == "width":
        place = (values - values.min()) / (values.max() - values.min())
    else:
        place = (values.rank(method=how) - {"average": 0.5, "min": 1, "max": 0}[how]) / len(values)
    return ((bins * place + 1e-9).astype(int) + 1).clip(upper=bins)


def _one(customers, who, bins, how):
    return {name: int(score) for name, score in _scored(customers, bins, how).loc[who].items()}


def upside_down(customers, who, bins):
    right = _one(customers, who, bins, "average")
    flipped = customers.assign(days_since_last=-customers["days_since_last"])
    return right | {"R": _one(flipped, who, bins, "average")["R"]}


def only_below(customers, who, bins):
    return _one(customers, who, bins, "min")


def all_equals(customers, who, bins):
    return _one(customers, who, bins, "max")


def equal_widths(customers, who, bins):
    return _one(customers, who, bins, "width")


mistakes = {
    "upside_down": upside_down,
    "only_below": only_below,
    "all_equals": all_equals,
    "equal_widths": equal_widths,
}
