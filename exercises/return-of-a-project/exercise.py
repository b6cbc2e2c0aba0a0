"""What is the return on a project's money?"""

import crmlab as crm

lesson = 11
level = 1
tags = ("roi",)
answers = {"roi": {"kind": "number", "tolerance": 0.0006}}


def draw(rng):
    costs = [int(rng.integers(30, 60)), *map(int, rng.integers(3, 12, 3))]
    benefits = [0, *map(int, rng.integers(15, 45, 3))]
    return {"costs": costs, "benefits": benefits}


def solve(costs, benefits):
    return {"roi": float(crm.return_on_investment(benefits, costs))}


def benefits_over_costs(costs, benefits):
    return {"roi": sum(benefits) / sum(costs)}


def margin_on_benefits(costs, benefits):
    return {"roi": (sum(benefits) - sum(costs)) / sum(benefits)}


def only_the_start(costs, benefits):
    return {"roi": (sum(benefits) - costs[0]) / costs[0]}


mistakes = {
    "benefits_over_costs": benefits_over_costs,
    "margin_on_benefits": margin_on_benefits,
    "only_the_start": only_the_start,
}
