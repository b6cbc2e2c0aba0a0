"""How much likelier than all customers was a segment to buy in the holdout?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 5
level = 2
tags = ("lift", "holdout")
answers = {"lift": {"kind": "number", "tolerance": 0.01}}


def draw(rng):
    names = ["champions", "potential", "at_risk", "lost"]
    while True:
        customers = rng.integers(8, 60, 4) * 10
        buyers = np.round(customers * np.array([0.6, 0.35, 0.2, 0.1]) * rng.uniform(0.8, 1.2, 4)).astype(int)
        table = pd.DataFrame({"segment": names, "customers": customers, "buyers": buyers})
        drawn = {"segments": table, "who": str(rng.choice(names))}
        found = sorted(way(**drawn)["lift"] for way in mistakes.values())
        if min(np.diff(found)) > 0.03:
            return drawn


def solve(segments, who):
    rfm = pd.DataFrame({"segment": segments["segment"].repeat(segments["customers"]).to_numpy()})
    place = rfm.groupby("segment").cumcount()
    bought = place < rfm["segment"].map(segments.set_index("segment")["buyers"])
    rfm["customer_id"] = rfm.index
    holdout = rfm[["customer_id"]].assign(holdout_frequency=bought.astype(int), holdout_monetary_value=1.0)
    table = crm.segment_lift(rfm, holdout).set_index("segment")
    return {"lift": float(table.loc[who, "bought_lift"])}


def _parts(segments, who):
    table = segments.set_index("segment")
    return table, table.loc[who, "buyers"] / table.loc[who, "customers"]


def rate_alone(segments, who):
    return {"lift": _parts(segments, who)[1]}


def share_of_buyers(segments, who):
    table, _ = _parts(segments, who)
    return {"lift": table.loc[who, "buyers"] / table["buyers"].sum()}


def against_the_rest(segments, who):
    table, rate = _parts(segments, who)
    rest = table.drop(index=who).sum()
    return {"lift": rate / (rest["buyers"] / rest["customers"])}


def mean_of_rates(segments, who):
    table, rate = _parts(segments, who)
    return {"lift": rate / (table["buyers"] / table["customers"]).mean()}


mistakes = {
    "rate_alone": rate_alone,
    "share_of_buyers": share_of_buyers,
    "against_the_rest": against_the_rest,
    "mean_of_rates": mean_of_rates,
}
