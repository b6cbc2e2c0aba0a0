"""Of the customers in one stage, which share is in another a period later?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 2
level = 2
tags = ("lifecycle", "transition matrix")
answers = {"share": {"kind": "number", "tolerance": 0.005}}
SHARES = {
    "acquired": ("enhanced", "retained", "at_risk", "at_risk"), "enhanced": ("enhanced", "retained", "at_risk"),
    "retained": ("enhanced", "retained", "at_risk"), "at_risk": ("retained", "enhanced", "lost"), "lost": ("lost",),
}  # fmt: skip


def draw(rng):
    while True:
        rows = []
        for customer in "abcdefghij":
            row = ["acquired"]
            while len(row) < 4:
                row.append(str(rng.choice(SHARES[row[-1]])))
            rows.append([customer, *row])
        table = pd.DataFrame(rows, columns=["customer", "Q1", "Q2", "Q3", "Q4"])
        stage = str(rng.choice(["enhanced", "retained", "at_risk"]))
        drawn = {"stages": table, "stage": stage, "next_stage": str(rng.choice(SHARES[stage]))}
        pair, hits = _hits(**drawn)
        if (pair["before"] == stage).sum() < 3 or hits == 0:
            continue
        found = sorted([_share(**drawn), *(way(**drawn)["share"] for way in mistakes.values())])
        if min(np.diff(found)) > 0.011:
            return drawn


def _pairs(stages):
    wide = stages[["Q1", "Q2", "Q3", "Q4"]].to_numpy()
    return pd.DataFrame({"before": wide[:, :-1].ravel(), "after": wide[:, 1:].ravel()})


def _hits(stages, stage, next_stage):
    pair = _pairs(stages)
    return pair, ((pair["before"] == stage) & (pair["after"] == next_stage)).sum()


def _share(stages, stage, next_stage):
    pair, hits = _hits(stages, stage, next_stage)
    return hits / (pair["before"] == stage).sum()


def solve(stages, stage, next_stage):
    long = stages.melt("customer", var_name="period", value_name="stage").rename(columns={"customer": "customer_id"})
    return {"share": float(crm.stage_moves(long).shares.loc[stage, next_stage])}


def of_all_moves(stages, stage, next_stage):
    pair, hits = _hits(stages, stage, next_stage)
    return {"share": hits / len(pair)}


def of_the_column(stages, stage, next_stage):
    pair, hits = _hits(stages, stage, next_stage)
    return {"share": hits / (pair["after"] == next_stage).sum()}


def last_quarter_counted(stages, stage, next_stage):
    _, hits = _hits(stages, stage, next_stage)
    return {"share": hits / (stages[["Q1", "Q2", "Q3", "Q4"]] == stage).to_numpy().sum()}


mistakes = {
    "of_all_moves": of_all_moves,
    "of_the_column": of_the_column,
    "last_quarter_counted": last_quarter_counted,
}
