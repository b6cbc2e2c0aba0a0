"""What did a mailing change, and did it pay?"""

lesson = 2
level = 1
tags = ("uplift", "control group")
answers = {
    "uplift": {"kind": "number", "tolerance": 0.0005},
    "profit": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "relative": 0.005},
}


def draw(rng):
    mailed, control = int(rng.integers(16, 40)) * 100, int(rng.integers(4, 10)) * 100
    usual, extra = rng.uniform(0.04, 0.09), rng.uniform(0.02, 0.05)
    return {
        "mailed": mailed,
        "control": control,
        "mailed_orders": round(mailed * (usual + extra)),
        "control_orders": round(control * usual),
        "margin": int(rng.integers(9, 16)),
        "cost": int(rng.integers(10, 60)) / 100,
    }


def _answers(uplift, mailed, margin, cost):
    return {"uplift": uplift, "profit": mailed * (uplift * margin - cost)}


def solve(mailed, control, mailed_orders, control_orders, margin, cost):
    return _answers(mailed_orders / mailed - control_orders / control, mailed, margin, cost)


def all_to_the_mailing(mailed, control, mailed_orders, control_orders, margin, cost):
    return _answers(mailed_orders / mailed, mailed, margin, cost)


def counts_not_rates(mailed, control, mailed_orders, control_orders, margin, cost):
    return _answers((mailed_orders - control_orders) / mailed, mailed, margin, cost)


def ratio(mailed, control, mailed_orders, control_orders, margin, cost):
    return _answers(mailed_orders / mailed / (control_orders / control) - 1, mailed, margin, cost)


mistakes = {"all_to_the_mailing": all_to_the_mailing, "counts_not_rates": counts_not_rates, "ratio": ratio}
