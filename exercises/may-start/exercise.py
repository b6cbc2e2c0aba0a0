"""On which of the proposed blocks may work start today?"""

import pandas as pd

import crmlab as crm

BLOCKS = ["vision", "strategy", "experience", "collaboration", "processes", "information", "technology", "metrics"]

lesson = 3
level = 2
tags = ("dependencies", "roadmap")
answers = {"block": {"kind": "choice", "choices": BLOCKS}}
AFTER_STRATEGY = ["experience", "collaboration", "information", "metrics"]


def draw(rng):
    key = str(rng.choice(["vision", "strategy", *AFTER_STRATEGY]))
    if key in AFTER_STRATEGY:  # these wait for others, whatever the levels below
        others, ready = ["processes", "technology"], ["vision", "strategy"]
    else:
        waiting = [*AFTER_STRATEGY, "processes", "technology", *(["strategy"] if key == "vision" else [])]
        others, ready = rng.choice(waiting, 3, replace=False).tolist(), ["vision"] if key == "strategy" else []
    while True:
        levels = {b: round(float(rng.uniform(3.0, 3.9) if b in ready else rng.uniform(1.4, 2.9)), 1) for b in BLOCKS}
        table = pd.DataFrame({"level": pd.Series(levels)[BLOCKS]}).rename_axis("block")
        drawn = {"today": table, "proposed": sorted([key, *others])}
        if len({way(**drawn)["block"] for way in (solve, *mistakes.values())}) == 3:
            return drawn


def solve(today, proposed):
    start = crm.MaturityModel.bundled("gartner").may_start(today["level"])["may_start"]
    (block,) = [name for name in proposed if start[name]]
    return {"block": block}


def lowest_first(today, proposed):
    return {"block": str(today.loc[proposed, "level"].idxmin())}


def build_on_strength(today, proposed):
    return {"block": str(today.loc[proposed, "level"].idxmax())}


mistakes = {"lowest_first": lowest_first, "build_on_strength": build_on_strength}
