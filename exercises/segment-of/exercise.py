"""Which segment does the rule table give to a customer's scores?"""

from itertools import product

import pandas as pd

import crmlab as crm

lesson = 5
level = 1
tags = ("rfm", "segments")
NAMES = tuple(rule["segment"] for rule in crm.segment_rules())
answers = {"segment": {"kind": "choice", "choices": NAMES}}


def _read(r, fm):
    """The first rule of the table that holds for the two shares."""
    shares = {"R": r, "FM": fm}
    for rule in crm.segment_rules():
        ranges = {name: rule[name] for name in shares if name in rule}
        if all(low <= shares[name] < high for name, (low, high) in ranges.items()):
            return rule["segment"]
    return "other"


def draw(rng):
    rules = pd.DataFrame(crm.segment_rules())
    for name in ("R", "FM"):
        rules[name] = [f"{v[0]:.2f} to {v[1]:.2f}" if isinstance(v, list) else "any" for v in rules[name]]
    ways = (solve, *mistakes.values())
    telling: dict[str, list] = {}  # scores for which the mistakes lead elsewhere, by segment
    for R, F, M in product(range(1, 6), repeat=3):
        found = [way(rules, R, F, M)["segment"] for way in ways]
        if len(set(found)) == len(ways):
            telling.setdefault(found[0], []).append({"R": R, "F": F, "M": M})
    fitting = telling[rng.choice(sorted(telling))]
    return {"rules": rules, **fitting[rng.integers(len(fitting))]}


def solve(rules, R, F, M):
    return {"segment": _read((R - 0.5) / 5, (F + M - 1) / 10)}


def upside_down(rules, R, F, M):
    return {"segment": _read((5.5 - R) / 5, (F + M - 1) / 10)}


def without_money(rules, R, F, M):
    return {"segment": _read((R - 0.5) / 5, (F - 0.5) / 5)}


def without_middle(rules, R, F, M):
    return {"segment": _read((R - 1) / 5, (F + M - 2) / 10)}


mistakes = {"upside_down": upside_down, "without_money": without_money, "without_middle": without_middle}
