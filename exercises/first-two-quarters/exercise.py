"""Two quarters, one project in each: which two, and in which order?"""

import numpy as np
import pandas as pd

import crmlab as crm

NAMES = ["collaboration", "processes", "metrics"]
PLANS = [f"{a}, then {b}" for a in NAMES for b in NAMES if a != b]

lesson = 3
level = 3
tags = ("roadmap", "dependencies", "capacity")
answers = {"plan": {"kind": "choice", "choices": PLANS}}


def draw(rng):
    wanted = rng.choice(["collaboration, then processes", "collaboration, then metrics", "metrics, then collaboration"])
    while True:
        table = pd.DataFrame(
            {
                "level": [2.2, 2.0, 2.4], "gain": np.round(rng.uniform(0.8, 1.6, 3), 1),
                "weight": rng.permutation([0.5, 0.3, 0.2]), "needs": ["", "collaboration", ""],
            }, index=pd.Index(NAMES, name="block"),
        )  # fmt: skip
        worth = sorted(_worths(table).values())
        if worth[-1] - worth[-2] > 0.04 and _best(_worths(table)) == wanted:
            return {"blocks": table}


def _worths(blocks):
    value = blocks["gain"] * blocks["weight"]
    plans = {f"{a}, then {b}": 2 * value[a] + value[b] for a in NAMES for b in NAMES if a != b}
    return {p: w for p, w in plans.items() if not p.startswith("processes") and p != "metrics, then processes"}


def _best(worths):
    return max(worths, key=worths.get)


def solve(blocks):
    frame = blocks.assign(en=blocks.index, fa=blocks.index, needs=[tuple(n.split()) for n in blocks["needs"]])
    projects = blocks.assign(block=blocks.index, cost=1.0, effort=1.0)
    model = crm.MaturityModel("three blocks", {}, 3.0, frame, pd.DataFrame(), projects, {})
    plan = crm.roadmap(blocks["level"], 5, 1, model=model, periods=2)
    return {"plan": ", then ".join(plan.table.index)}


def forgot_the_need(blocks):
    value = (blocks["gain"] * blocks["weight"]).drop("collaboration").sort_values(ascending=False)
    return {"plan": ", then ".join(value.index)}


def other_way_round(blocks):
    first, second = solve(blocks)["plan"].split(", then ")
    return {"plan": f"{second}, then {first}"}


mistakes = {"forgot_the_need": forgot_the_need, "other_way_round": other_way_round}
