"""Which of four customers is most likely still active?"""

import pandas as pd

lesson = 6
level = 1
tags = ("bgnbd", "p-alive")
answers = {"who": {"kind": "choice", "choices": ("Arash", "Banu", "Cyrus", "Dana")}}

CDNOW = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # published: Fader, Hardie & Lee (2005)


def draw(rng):
    frequency = [rng.integers(14, 22), rng.integers(1, 3), rng.integers(7, 11), rng.integers(3, 6)]
    recency = [rng.integers(16, 22), rng.integers(22, 25), rng.integers(25, 28), rng.integers(6, 12)]
    order = rng.permutation(4)
    names = pd.Series(answers["who"]["choices"], name="name")
    table = pd.DataFrame({"frequency": frequency, "recency": recency, "T": 39}).iloc[order]
    return {"customers": table.astype(int).set_axis(names)}


def solve(customers):
    return {"who": p_alive(customers).idxmax()}


def p_alive(customers):
    """Fader, Hardie & Lee (2008), Computing P(alive) using the BG/NBD model."""
    r, alpha, a, b = CDNOW.values()
    x, recency, T = (customers[name] for name in ("frequency", "recency", "T"))
    return 1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + recency)) ** (r + x))


def most_purchases(customers):
    return {"who": customers["frequency"].idxmax()}


def latest_purchase(customers):
    return {"who": customers["recency"].idxmax()}


mistakes = {"most_purchases": most_purchases, "latest_purchase": latest_purchase}
