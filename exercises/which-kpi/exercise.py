"""Which figure would show that an aim of CRM is reached?"""

import crmlab as crm

lesson = 1
level = 1
tags = ("aims", "kpi")
ALWAYS_WRONG = ("revenue_growth", "csat")
RIGHT = (
    "retention_rate",
    "win_back_rate",
    "acquisition_cost",
    "cross_sell_rate",
    "average_clv",
    "on_time_delivery",
    "nps",
    "share_of_wallet",
)
answers = {"kpi": {"kind": "choice", "choices": (*RIGHT, *ALWAYS_WRONG)}}


def draw(rng):
    aims = crm.aims()
    fitting = [i for i, kpis in enumerate(aims["kpis"]) if kpis[0] in RIGHT]
    at = fitting[rng.integers(len(fitting))]
    return {"_id": aims.at[at, "id"], "aim_en": aims.at[at, "aim"], "aim_fa": crm.aims(language="fa").at[at, "aim"]}


def solve(_id, aim_en, aim_fa):
    return {"kpi": crm.aims().set_index("id").at[_id, "kpis"][0]}


def sales_for_everything(_id, aim_en, aim_fa):
    return {"kpi": "revenue_growth"}


def satisfaction_for_everything(_id, aim_en, aim_fa):
    return {"kpi": "csat"}


mistakes = {"sales_for_everything": sales_for_everything, "satisfaction_for_everything": satisfaction_for_everything}
