"""Who ticked the same answer all the way down, and how many are they?"""

import numpy as np
import pandas as pd

from crmlab.survey.screening import longest_run

lesson = 9
level = 2
tags = ("screening", "straight-lining", "longstring")
PEOPLE = tuple(f"r{i:02d}" for i in range(1, 13))
answers = {"count": {"kind": "number"}, "who": {"kind": "choices", "choices": PEOPLE}}

LIMIT = 6


def draw(rng):
    turned = (int(rng.integers(1, 4)), int(rng.integers(4, 7)))
    lengths = [8, 7, 6, *rng.choice([6, 7, 8], rng.integers(0, 3))]
    rows = [_line(rng, int(length)) for length in lengths]
    rows += [_often(rng), _agreeing(rng, turned)]
    while len(rows) < len(PEOPLE):
        row = rng.integers(1, 6, 8)
        if max(_longest(row), _longest(_recoded(row, turned))) < 4 and np.bincount(row).max() < 5:
            rows.append(row)
    people = pd.Index(PEOPLE, name="respondent")
    table = pd.DataFrame(rng.permutation(np.array(rows)), people, [f"q{i}" for i in range(1, 9)])
    return {"ticked": table, "turned": [f"q{i + 1}" for i in turned]}


def _line(rng, length):
    """A run of `length`, not on the middle, which recoding would leave alone."""
    value, start = rng.choice([1, 2, 4, 5]), rng.integers(0, 9 - length)
    row = rng.choice([v for v in range(1, 6) if v != value], 8)
    row[start : start + length] = value
    return row


def _often(rng):
    """One answer six times, but never six times running."""
    value = rng.choice([2, 4])
    row = np.full(8, value)
    row[[rng.integers(1, 3), rng.integers(4, 6)]] = rng.choice([1, 3, 5], 2)
    return row


def _agreeing(rng, turned):
    """An attentive respondent, whose answers look alike only after recoding."""
    row = np.full(8, rng.choice([1, 2, 4, 5]))
    return _recoded(row, turned)


def _recoded(row, turned):
    row = np.array(row)
    row[list(turned)] = 6 - row[list(turned)]
    return row


def _longest(row):
    return longest_run(np.atleast_2d(row))[0]


def _flag(table, marked):
    who = [name for name, row in zip(table.index, table.to_numpy(), strict=True) if marked(row)]
    return {"count": len(who), "who": who}


def solve(ticked, turned):
    return _flag(ticked, lambda row: _longest(row) >= LIMIT)


def all_eight(ticked, turned):
    return _flag(ticked, lambda row: row.std() == 0)


def how_often(ticked, turned):
    return _flag(ticked, lambda row: np.bincount(row).max() >= LIMIT)


def more_than_six(ticked, turned):
    return _flag(ticked, lambda row: _longest(row) > LIMIT)


def after_recoding(ticked, turned):
    places = [ticked.columns.get_loc(name) for name in turned]
    return _flag(ticked, lambda row: _longest(_recoded(row, places)) >= LIMIT)


mistakes = {
    "all_eight": all_eight,
    "how_often": how_often,
    "more_than_six": more_than_six,
    "after_recoding": after_recoding,
}
