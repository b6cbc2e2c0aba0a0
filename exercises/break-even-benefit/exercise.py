"""How much of the hoped-for benefit must come true for a project to pay?"""

import crmlab as crm
from crmlab.base.errors import FitError

lesson = 11
level = 3
tags = ("break-even", "npv")
answers = {"factor": {"kind": "number", "tolerance": 0.001}}


def draw(rng):
    while True:
        drawn = {
            "setup": int(rng.integers(40, 90)), "running": int(rng.integers(3, 9)),
            "orders": int(rng.integers(18, 45)), "calls": int(rng.integers(4, 12)),
            "years": int(rng.integers(3, 6)), "rate": int(rng.choice([8, 10, 12, 15])) / 100,
        }  # fmt: skip
        try:
            found = [solve(**drawn)["factor"], *(wrong(**drawn)["factor"] for wrong in mistakes.values())]
        except FitError:
            continue
        gaps = [abs(a - b) for i, a in enumerate(found) for b in found[i + 1 :]]
        if min(found) > 0.2 and max(found) < 2.5 and min(gaps) > 0.004:
            return drawn


def _case(setup, running, orders, calls, years, rate):
    return crm.BusinessCase(
        {"setup": [setup] + [0] * years, "running": running}, {"orders": orders, "calls": calls}, years, rate
    )


def solve(setup, running, orders, calls, years, rate):
    return {"factor": _case(setup, running, orders, calls, years, rate).break_even("orders")}


def not_discounted(setup, running, orders, calls, years, rate):
    return {"factor": _case(setup, running, orders, calls, years, 0.0).break_even("orders")}


def both_benefits(setup, running, orders, calls, years, rate):
    return {"factor": _case(setup, running, orders + calls, 0, years, rate).break_even("orders")}


def without_running(setup, running, orders, calls, years, rate):
    return {"factor": _case(setup, 0, orders, calls, years, rate).break_even("orders")}


mistakes = {"not_discounted": not_discounted, "both_benefits": both_benefits, "without_running": without_running}
