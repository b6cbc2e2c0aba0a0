"""Where does the next 100,000 belong: to winning, to keeping, or to neither?"""

import pandas as pd

lesson = 7
level = 2
tags = ("marginal return", "budget", "average")
answers = {
    "next": {"kind": "choice", "choices": ("win", "keep", "neither")},
    "brings": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.02},
}
STEP = 100_000


def draw(rng):
    value_new, value_kept = int(rng.integers(30, 61)), int(rng.integers(70, 121))
    target = str(rng.choice(["win", "keep", "neither"]))
    best = rng.uniform(0.6, 0.9) if target == "neither" else rng.uniform(1.15, 1.7)
    other = best * rng.uniform(0.6, 0.85)
    win, keep = (best, other) if rng.random() < 0.5 else (other, best)
    if target != "neither":
        win, keep = (best, other) if target == "win" else (other, best)
    fade = rng.uniform(1.25, 1.5)  # each step before brought more
    won = [round(STEP * win * fade**k / value_new) for k in (2, 1, 0)]
    saved = [round(STEP * keep * fade**k / value_kept) for k in (2, 1, 0)]
    start = 500 * int(rng.integers(40, 90))
    table = pd.DataFrame({"spent": [0, STEP, 2 * STEP, 3 * STEP], "won": 0, "kept": start})
    for i in range(3):
        table.loc[i + 1 :, "won"] += won[i]
        table.loc[i + 1 :, "kept"] += saved[i]
    return {"levels": table, "value_new": value_new, "value_kept": value_kept}


def answered(win, keep):
    best = max(win, keep)
    return {"next": "neither" if best < 1 else "win" if win >= keep else "keep", "brings": float(best)}


def last(levels, column):
    return levels[column].iloc[3] - levels[column].iloc[2]


def solve(levels, value_new, value_kept):
    return answered(value_new * last(levels, "won") / STEP, value_kept * last(levels, "kept") / STEP)


def average_of_all(levels, value_new, value_kept):
    won, kept = levels["won"].iloc[2], levels["kept"].iloc[2]
    return answered(value_new * won / (2 * STEP), value_kept * kept / (2 * STEP))


def average_of_the_extra(levels, value_new, value_kept):
    won, kept = levels["won"].iloc[2], levels["kept"].iloc[2] - levels["kept"].iloc[0]
    return answered(value_new * won / (2 * STEP), value_kept * kept / (2 * STEP))


def values_swapped(levels, value_new, value_kept):
    return solve(levels, value_kept, value_new)


def less_the_dollar(levels, value_new, value_kept):
    key = solve(levels, value_new, value_kept)
    return {"next": key["next"], "brings": key["brings"] - 1}


mistakes = {
    "average_of_all": average_of_all,
    "average_of_the_extra": average_of_the_extra,
    "values_swapped": values_swapped,
    "less_the_dollar": less_the_dollar,
}
