"""How many aims does a firm pursue without any figure that would show success?"""

import pandas as pd

import crmlab as crm

lesson = 1
level = 3
tags = ("aims", "kpi", "plans")
answers = {"blind": {"kind": "number"}}
PLANS = ("club card", "new software", "call centre", "home delivery")


def draw(rng):
    aims = crm.aims()
    names = sorted({kpi for kpis in aims["kpis"] for kpi in kpis})
    while True:
        ids = [str(one) for one in rng.choice(aims["id"], 7, replace=False)]
        plans = pd.DataFrame({"aims": [", ".join(ids[:2]), ", ".join(ids[2:4]), ids[4], ", ".join(ids[5:])]},
                             pd.Index(PLANS, name="plan"))  # fmt: skip
        measured = [str(one) for one in rng.choice(names, int(rng.integers(5, 11)), replace=False)]
        drawn = {"plans": plans, "measured": ", ".join(sorted(measured))}
        found = [way(**drawn)["blind"] for way in (solve, *mistakes.values())]
        if min(found) > 0 and len(set(found)) == len(found):
            return drawn


def _gaps(plans, measured):
    served = {plan: row.split(", ") for plan, row in plans["aims"].items()}
    return crm.plan_gaps(served, measured.split(", "))


def solve(plans, measured):
    return {"blind": int((_gaps(plans, measured)["status"] == "blind").sum())}


def any_missing(plans, measured):
    table = _gaps(plans, measured)
    return {"blind": int(((table["status"] != "no plan") & (table["lack"] != "")).sum())}


def without_a_plan(plans, measured):
    return {"blind": int((_gaps(plans, measured)["status"] == "no plan").sum())}


def plans_not_aims(plans, measured):
    table = _gaps(plans, measured)
    return {"blind": int(table.loc[table["status"] == "blind", "plan"].nunique())}


mistakes = {"any_missing": any_missing, "without_a_plan": without_a_plan, "plans_not_aims": plans_not_aims}
