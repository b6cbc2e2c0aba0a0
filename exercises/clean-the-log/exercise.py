"""How many rows of a small faulty log are left after cleaning?"""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 4
level = 2
tags = ("cleaning", "duplicates", "returns")
answers = {"kept": {"kind": "number", "unit": {"en": "rows", "fa": "سطر"}}}
END = pd.Timestamp("2025-06-30")


def draw(rng):
    good = int(rng.integers(3, 6))
    days = rng.choice(150, size=good + 7, replace=False)
    dates = [f"{pd.Timestamp('2025-01-01') + pd.Timedelta(days=int(day)):%Y-%m-%d}" for day in days]
    names = [f"K{i:02d}" for i in rng.choice(np.arange(1, 40), size=good + 7, replace=False)]
    amounts = [f"{cents / 100:.2f}" for cents in rng.integers(500, 9000, size=good + 7)]
    rows = list(zip(names, dates, amounts, strict=True))
    clean, spare = rows[:good], iter(rows[good:])
    doubled, future, returned = (int(n) for n in rng.permutation([1, 2, 3]))
    log = clean + [clean[int(i)] for i in rng.choice(good, size=doubled)]
    log += [(name, day.replace("2025", "2026"), amount) for name, day, amount in (next(spare) for _ in range(future))]
    log += [(name, day, f"-{amount}") for name, day, amount in (next(spare) for _ in range(returned))]
    log.append(("", "2025-02-30", next(spare)[2]))  # two faults in one row
    log = [log[int(i)] for i in rng.permutation(len(log))]
    return {"log": pd.DataFrame(log, columns=["customer_id", "date", "amount"]), "end": END}


def solve(log, end):
    return {"kept": len(crm.clean(log, end=end)[0])}


def usable(log, end, *, copies=False, returns=False, future=False):
    """Rows left by hand, for the mistakes to leave a step out."""
    left = log[log["customer_id"] != ""]
    left = left if copies else left.drop_duplicates()
    left = left if returns else left[~left["amount"].str.startswith("-")]
    left = left if future else left[left["date"] <= f"{end:%Y-%m-%d}"]
    return len(left)


def kept_duplicates(log, end):
    return {"kept": usable(log, end, copies=True)}


def kept_returns(log, end):
    return {"kept": usable(log, end, returns=True)}


def kept_future(log, end):
    return {"kept": usable(log, end, future=True)}


def counted_twice(log, end):
    return {"kept": usable(log, end) - 1}


def kept_all(log, end):
    return {"kept": len(log)}


mistakes = {
    "kept_duplicates": kept_duplicates,
    "kept_returns": kept_returns,
    "kept_future": kept_future,
    "counted_twice": counted_twice,
    "kept_all": kept_all,
}
