"""How much does the whole rise when one block reaches its target?"""

import numpy as np
import pandas as pd

lesson = 3
level = 1
tags = ("gap", "weights")
answers = {"rise": {"kind": "number", "tolerance": 0.003}}


def draw(rng):
    names = ["strategy", "collaboration", "information", "technology"]
    while True:
        today = np.round(rng.uniform(1.6, 3.4, 4), 1)
        target = np.round(today + rng.uniform(0.4, 1.6, 4), 1)
        weight = rng.permutation([0.4, 0.3, 0.2, 0.1])
        table = pd.DataFrame({"today": today, "target": target, "weight": weight}, index=pd.Index(names, name="block"))
        drawn = {"blocks": table, "who": str(rng.choice(names))}
        found = sorted(way(**drawn)["rise"] for way in (solve, *mistakes.values()))
        if min(np.diff(found)) > 0.02:
            return drawn


def solve(blocks, who):
    row = blocks.loc[who]
    return {"rise": float(row["weight"] * (row["target"] - row["today"]))}


def gap_alone(blocks, who):
    return {"rise": float(blocks.loc[who, "target"] - blocks.loc[who, "today"])}


def divided_by_four(blocks, who):
    return {"rise": gap_alone(blocks, who)["rise"] / 4}


def all_blocks(blocks, who):
    return {"rise": float((blocks["weight"] * (blocks["target"] - blocks["today"])).sum())}


mistakes = {"gap_alone": gap_alone, "divided_by_four": divided_by_four, "all_blocks": all_blocks}
