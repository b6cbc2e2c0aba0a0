"""Proving an exercise: many draws, each solved, judged, and told apart from its mistakes."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from typing import Any, get_args

import numpy as np
import pandas as pd
from scipy.stats import binom

from crmlab.base.errors import Fault
from crmlab.base.words import Language
from crmlab.course.exercise import Exercise, Variant, placeholders
from crmlab.course.judging import fold, outcomes
from crmlab.course.packing import pack

_MOST_GUESSABLE = {"choice": 0.4, "choices": 0.4, "text": 0.4, "number": 0.6}  # largest share of draws for one key
_LEAST_TOLD_APART = 0.9


def prove(exercise: Exercise, draws: int = 100, seed: int = 0) -> list[Fault]:
    """Does an exercise hold for any student? Everything that is wrong in `draws` variants; empty if nothing.

    Each variant must solve and fill its texts, its key must score 1 (less what is marked by hand), its seed must give
    it again; what leaves this process (forms, hidden inputs) must be plain data. Over the draws, each mistake must be
    recognised as itself in at least 90%, and no key may stand in more than 40% (choices, texts) or 60% (numbers), by
    a binomial test at 1%.
    """
    faults: dict[tuple[str, str], list[int]] = defaultdict(list)
    keys: dict[str, Counter[str]] = {n: Counter() for n, a in exercise.answers.items() if a.kind in _MOST_GUESSABLE}
    missed: dict[str, list[int]] = {name: [] for name in exercise.mistakes}
    seeds = [int(s) for s in np.random.default_rng(seed).integers(0, 2**31, size=draws)]
    asked = {name for text in exercise.texts.values() for name in placeholders(text.prompt)}
    for one in seeds:
        try:
            variant = exercise.variant(one)
            for name in variant.shown.keys() - asked:
                if not isinstance(variant.shown[name], pd.DataFrame | pd.Series):  # those are shown below the prompt
                    what = f"'{name}' is given to the student, but no prompt names it"
                    remedy = f"Place {{{name}}} in the prompt, or call it '_{name}': then it is hidden."
                    faults[what, remedy].append(one)
            for language in get_args(Language):
                variant.text(language)
            key = _as_given(variant, variant.key)
            if not math.isclose(variant.judge(key).share, exercise.automatic):
                faults["the official answer does not score 1", "Compare solve with `answers`."].append(one)
            if json.loads(json.dumps(variant.forms())) != variant.forms() or _unusable(variant.calls()):
                faults["a form or a hidden input is no plain data", "Use numbers, text, lists, tables."].append(one)
            for name, wrong in variant.mistakes.items():
                if variant.judge(key | _as_given(variant, wrong)).mistake != name:
                    missed[name].append(one)
        except Exception as error:
            faults[f"it fails with {error!r}", "Every draw must be solved, judged and told."].append(one)
            continue
        for name, told in keys.items():
            told[_as_text(variant.key[name])] += 1
    if len(seeds) and not faults and exercise.variant(seeds[0]).text() != exercise.variant(seeds[0]).text():
        faults["a seed does not give the same variant again", "Draw from `rng` alone."].append(seeds[0])
    found = [
        Fault("", f"{what} in {len(some)} of {draws} draws", remedy, example=f"seed {some[0]}")
        for (what, remedy), some in faults.items()
    ]
    for name, lost in missed.items():
        if draws - len(lost) < _LEAST_TOLD_APART * draws:
            what = f"mistake '{name}' is not told apart in {len(lost)} of {draws} draws"
            found.append(Fault("", what, "Draw so that it differs from key and mistakes.", example=f"seed {lost[0]}"))
    for name, counts in keys.items():
        limit = _MOST_GUESSABLE[exercise.answers[name].kind]
        value, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
        if binom.sf(most - 1, draws, limit) < 0.01:  # more than luck explains, were the limit just kept
            what = f"answer '{name}' is {value} in {most} of {draws} draws"
            found.append(Fault("", what, f"Spread the draws: at most {limit:.0%} may share a key."))
    return found


def _as_given(variant: Variant, values: dict[str, Any]) -> dict[str, Any]:
    """The values as a student would give them: of several accepted wordings, the first; of a function, its results."""
    kinds = {name: answer.kind for name, answer in variant.exercise.answers.items()}
    several = {name for name, value in values.items() if kinds[name] == "text" and not isinstance(value, str)}
    return {
        name: outcomes(value) if kinds[name] == "function" else value[0] if name in several else value
        for name, value in values.items()
    }


def _unusable(value: Any) -> bool:
    """Is there anything in it that cannot leave as data?"""
    return '"$": "other"' in json.dumps(pack(value))


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return fold(value)
    return ", ".join(sorted(map(fold, value))) if isinstance(value, set | frozenset | list | tuple) else str(value)
