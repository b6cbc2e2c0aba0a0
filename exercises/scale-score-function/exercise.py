"""A function that turns reverse items round and takes the mean of those answered."""

import numpy as np
import pandas as pd

import crmlab as crm

lesson = 9
level = 2
tags = ("reverse-coding", "missing values", "function")
answers = {"score": {"kind": "function", "tolerance": 0.005}}


def draw(rng):
    def people(n, items, low, high, missing):
        codes = rng.integers(low, high + 1, (n, items)).astype(float)
        codes[rng.random((n, items)) < missing] = np.nan
        codes[0], codes[1, 1:] = low, np.nan  # one with all answers, one with a single one
        names = [f"q{i}" for i in range(1, items + 1)]
        return pd.DataFrame(codes, pd.Index([f"r{i:02d}" for i in range(1, n + 1)], name="respondent"), names)

    shown = people(6, 4, 1, 5, 0.2)
    turned = ["q2", "q4"] if rng.random() < 0.5 else ["q3"]
    likert, zero = people(9, 5, 1, 7, 0.25), people(7, 3, 0, 10, 0.2)
    zero.iloc[2] = np.nan
    cases = [(shown, turned, 1, 5, 3), (likert, ["q1", "q5"], 1, 7, 3), (zero, [], 0, 10, 1)]
    return {"answers_given": shown, "turned": turned, "_cases": cases}


def right(answers, reverse, low, high, least):
    asked = crm.Instrument.from_items({"A": list(answers)}, (low, high), reverse=reverse)
    turned = {item.name: low + high - answers[item.name] for item in asked.items if item.reverse}
    table = answers.assign(**turned)
    return table.mean(axis=1).where(table.notna().sum(axis=1) >= least)


def solve(answers_given, turned, _cases):
    return {"score": [(case, right(*case)) for case in _cases]}


def six_minus(**drawn):
    return {"score": lambda answers, reverse, low, high, least: right(answers, reverse, 1, 5, least)}


def missing_is_nothing(**drawn):
    def score(answers, reverse, low, high, least):
        table = answers.assign(**{item: low + high - answers[item] for item in reverse})
        return (table.sum(axis=1) / table.shape[1]).where(table.notna().sum(axis=1) >= least)

    return {"score": score}


def whoever_answered(**drawn):
    return {"score": lambda answers, reverse, low, high, least: right(answers, reverse, low, high, 1)}


def not_turned(**drawn):
    return {"score": lambda answers, reverse, low, high, least: right(answers, [], low, high, least)}


mistakes = {
    "six_minus": six_minus,
    "missing_is_nothing": missing_is_nothing,
    "whoever_answered": whoever_answered,
    "not_turned": not_turned,
}
