"""A store closes: how many of six customers go, and with how much revenue?"""

import numpy as np
import pandas as pd

from crmlab.customers.loyalty import LoyaltyProfile

lesson = 8
level = 2
tags = ("loyalty", "what-if")
answers = {
    "leavers": {"kind": "number", "tolerance": 0.02},
    "at_risk": {"kind": "number", "relative": 0.005},
}


def draw(rng):
    while True:
        store = rng.permutation(["Corner"] * 3 + ["Station", "Park", "Park"])
        table = pd.DataFrame(
            {
                "customer": list("ABCDEF"),
                "main_store": store,
                "place_index": rng.choice(np.arange(0, 0.95, 0.05), 6).round(2),
                "revenue": rng.integers(10, 90, 6) * 100,
            }
        )
        corner = store == "Corner"
        index, revenue = table["place_index"][corner], table["revenue"][corner]
        spread = abs((index * revenue).sum() - index.mean() * revenue.sum())
        if index.sum() > 0.5 and (index > 0.5).any() and (index <= 0.5).any() and spread > 300:
            return {"customers": table}


def solve(customers):
    frame = customers.set_index("customer").rename(
        columns={"main_store": "store", "place_index": "place", "revenue": "window_revenue"}
    )
    profile = LoyaltyProfile(frame.assign(main="place"), frame, frame, {}, 182, 0.2)
    found = profile.what_if(closes="Corner").loc["all"]
    return {"leavers": found["leavers"], "at_risk": found["at_risk"]}


def _corner(customers):
    return customers[customers["main_store"] == "Corner"]


def everybody_goes(customers):
    here = _corner(customers)
    return {"leavers": len(here), "at_risk": here["revenue"].sum()}


def all_stores(customers):
    index = customers["place_index"]
    return {"leavers": index.sum(), "at_risk": (index * customers["revenue"]).sum()}


def stays(customers):
    here = _corner(customers)
    return {"leavers": (1 - here["place_index"]).sum(), "at_risk": ((1 - here["place_index"]) * here["revenue"]).sum()}


def means_multiplied(customers):
    here = _corner(customers)
    return {"at_risk": here["place_index"].mean() * here["revenue"].sum()}


def above_a_half(customers):
    here = _corner(customers)
    loyal = here[here["place_index"] > 0.5]
    return {"leavers": len(loyal), "at_risk": loyal["revenue"].sum()}


mistakes = {
    "everybody_goes": everybody_goes,
    "all_stores": all_stores,
    "stays": stays,
    "means_multiplied": means_multiplied,
    "above_a_half": above_a_half,
}
