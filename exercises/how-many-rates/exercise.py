"""Which project has no internal rate of return, and which has more than one?"""

import warnings

import pandas as pd

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, OptionError

lesson = 11
level = 2
tags = ("irr",)
names = ("A", "B", "C", "D")
answers = {"none": {"kind": "choice", "choices": names}, "several": {"kind": "choice", "choices": names}}


def draw(rng):
    size = int(rng.integers(5, 20)) * 10
    # one ordinary, one that loses money and still has a rate below 0, one all gain, one with a clean-up at the end
    ordinary = [-size, size // 2, size // 2, int(rng.integers(5, 30))]
    losing = [-size, size // 4, size // 4, int(rng.integers(1, size // 4))]
    gain = [0, *(int(g) for g in rng.integers(5, 40, 3))]
    clean_up = [-size, 3 * size, -2 * size - int(rng.integers(1, size // 5)), 0]
    rows = [(kind, flows) for kind, flows in zip("olgc", (ordinary, losing, gain, clean_up), strict=True)]
    order = rng.permutation(4)
    table = pd.DataFrame([rows[i][1] for i in order], columns=["today", "year 1", "year 2", "year 3"])
    table.insert(0, "project", list(names))
    return {"projects": table}


def _flows(projects):
    return {row[0]: list(map(float, row[1:])) for row in projects.itertuples(index=False)}


def solve(projects):
    found = {}
    for name, flows in _flows(projects).items():
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                crm.internal_rate_of_return(flows)
            except OptionError:
                found["none"] = name
        if any(w.category is AssumptionWarning for w in heard):
            found["several"] = name
    return found


def exchanged(projects):
    key = solve(projects)
    return {"none": key["several"], "several": key["none"]}


def loss_has_none(projects):
    flows = _flows(projects)
    key = solve(projects)
    losing = min((n for n in flows if n not in key.values()), key=lambda n: sum(flows[n]))
    return key | {"none": losing}


mistakes = {"exchanged": exchanged, "loss_has_none": loss_has_none}
