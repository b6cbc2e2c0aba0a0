"""How likely is a customer still active, where the purchase rate and the dropout chance are known?"""

from math import exp

lesson = 6
level = 2
tags = ("bgnbd", "p-alive", "bayes")
answers = {"p_alive": {"kind": "number", "tolerance": 0.005}}


def draw(rng):
    recency = int(rng.integers(12, 26))
    silence = int(rng.integers(6, 15))
    return {
        "rate": int(rng.integers(10, 26)) / 100,
        "dropout": int(rng.integers(15, 41)) / 100,
        "x": int(rng.integers(3, 7)),
        "recency": recency,
        "T": recency + silence,
    }


def solve(rate, dropout, x, recency, T):
    stayed = (1 - dropout) * exp(-rate * (T - recency))
    return {"p_alive": stayed / (stayed + dropout)}


def clock_alone(rate, dropout, x, recency, T):
    return {"p_alive": exp(-rate * (T - recency))}


def coin_alone(rate, dropout, x, recency, T):
    return {"p_alive": 1 - dropout}


def not_divided(rate, dropout, x, recency, T):
    return {"p_alive": (1 - dropout) * exp(-rate * (T - recency))}


def from_the_first(rate, dropout, x, recency, T):
    stayed = (1 - dropout) * exp(-rate * T)
    return {"p_alive": stayed / (stayed + dropout)}


def the_other_way(rate, dropout, x, recency, T):
    stayed = (1 - dropout) * exp(-rate * (T - recency))
    return {"p_alive": dropout / (stayed + dropout)}


mistakes = {
    "clock_alone": clock_alone,
    "coin_alone": coin_alone,
    "not_divided": not_divided,
    "from_the_first": from_the_first,
    "the_other_way": the_other_way,
}
