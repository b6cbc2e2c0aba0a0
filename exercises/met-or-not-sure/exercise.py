"""Which of three targets are met, which are missed, and where can nobody tell?"""

import pandas as pd

import crmlab as crm

lesson = 11
level = 1
tags = ("scorecard", "interval")
verdicts = ("met", "missed", "not sure")
answers = {name: {"kind": "choice", "choices": verdicts} for name in ("on_time", "complaints", "conversion")}
worse_below = {"on_time": True, "complaints": False, "conversion": True}
measures = {"on_time": crm.on_time_delivery, "complaints": crm.complaint_rate, "conversion": crm.conversion_rate}


def draw(rng):
    wanted = dict(zip(measures, rng.permutation(verdicts), strict=True))
    base, size = {"on_time": 0.92, "complaints": 0.03, "conversion": 0.08}, int(rng.integers(8, 20)) * 100
    rows = []
    for name, verdict in wanted.items():
        k = round(size * base[name] * rng.uniform(0.97, 1.03))
        found = measures[name](k, size)
        width = found.high - found.low
        up = 1 if worse_below[name] else -1
        gap = {"met": -0.7, "missed": 0.7, "not sure": float(rng.choice([-0.15, 0.15]))}[verdict]
        rows.append([name, round(found.estimate, 4), round(found.low, 4), round(found.high, 4),
                     round(found.estimate + up * gap * width, 4)])  # fmt: skip
    # not rounded to two digits as other tables are: complaints are a few percent
    card = pd.DataFrame(rows, columns=["measure", "estimate", "low", "high", "target"])
    return {"card": card.astype(dict.fromkeys(card.columns[1:], str))}


def _verdicts(card, sure_only=True, all_up=False):
    found = {}
    for name, *cells in card.itertuples(index=False):
        estimate, low, high, target = map(float, cells)
        reached = estimate >= target if worse_below[name] or all_up else estimate <= target
        open_ = sure_only and low <= target <= high
        found[name] = "not sure" if open_ else "met" if reached else "missed"
    return found


def solve(card):
    return _verdicts(card)


def estimate_alone(card):
    return _verdicts(card, sure_only=False)


def more_is_better(card):
    """As if more complaints were better; where that changes nothing, as if less of the rest were."""
    found = _verdicts(card, all_up=True)
    return (
        found if found != solve(card) else {n: {"met": "missed", "missed": "met"}.get(v, v) for n, v in found.items()}
    )


mistakes = {"estimate_alone": estimate_alone, "more_is_better": more_is_better}
