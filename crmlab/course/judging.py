"""Judging an answer against its key: one pure function for practice and for assignments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import Fault

Kind = Literal["number", "choice", "choices", "text", "table"]
State = Literal["right", "wrong", "form", "unanswered"]


@dataclass(frozen=True)
class Answer:
    """What form has an answer, and how exact must it be? One entry of an exercise's `answers`.

    kind: "number" (right within `tolerance`, absolute, or within `relative` x the key, whichever is
    wider), "choice" (one of `choices`), "choices" (a set of them), "text" (the key is one accepted
    wording or a list of them) or "table" (a Series or DataFrame; rows in any order unless `ordered`).
    unit: text, or a text per language. weight: the answer's part of the score.
    """

    kind: Kind
    unit: str | Mapping[str, str] = ""
    tolerance: float = 0.0
    relative: float = 1e-9
    choices: tuple[str, ...] = ()
    ordered: bool = False
    weight: float = 1.0

    def unit_in(self, language: str) -> str:
        """The unit in a language; plain text stands for English alone."""
        if isinstance(self.unit, str):
            return self.unit if language == "en" else ""
        return self.unit.get(language, "")


def answer_faults(name: str, spec: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with one entry of an exercise's `answers`?"""
    where = f"answers['{name}']"
    faults = []
    if spec.get("kind") not in get_args(Kind):
        kinds = ", ".join(get_args(Kind))
        faults.append(Fault("", f"{where} has no known kind", f"Write one of {kinds}.", example=spec.get("kind")))
    if unknown := set(spec) - set(Answer.__dataclass_fields__):
        known = ", ".join(Answer.__dataclass_fields__)
        faults.append(Fault("", f"{where} has unknown fields", f"Known are {known}.", example=sorted(unknown)[0]))
    if spec.get("kind") in ("choice", "choices") and len(spec.get("choices", ())) < 2:
        faults.append(Fault("", f"{where} has fewer than two choices", "Add choices=(...)."))
    for tolerance in ("tolerance", "relative"):
        value = spec.get(tolerance, 0)
        if not (isinstance(value, int | float) and 0 <= value < math.inf):
            faults.append(
                Fault("", f"{where}: {tolerance} is not a number of 0 or more", "Write a number.", example=value)
            )
    return faults


@dataclass(frozen=True)
class Verdict:
    """How good is a set of answers? The state of each, the `share` of the score (0 to 1), a known `mistake`.

    `forms` says for each answer of a wrong form which form is expected: a key of the [practice] words
    and the values of its placeholders.
    """

    states: dict[str, State]
    share: float
    mistake: str | None = None
    forms: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """True where every answer is right."""
        return all(state == "right" for state in self.states.values())


class _Form(Exception):
    def __init__(self, reason: str, **values: Any) -> None:
        super().__init__(reason)
        self.reason, self.values = f"form_{reason}", values


def judge(
    answers: Mapping[str, Answer],
    key: Mapping[str, Any],
    mistakes: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any],
) -> Verdict:
    """Which answers are right, what share of the score is that, and which known mistake do they look like?

    key: the right values by name. mistakes: the wrong values that each known mistake leads to (it may
    leave answers out). given: the student's values; a missing one, None or `...` is unanswered. Pure:
    the same input gives the same Verdict, and a strange value never raises.
    A mistake is matched when it explains at least one wrong answer and contradicts no given one; what it
    shares with the key does not count. Of several, the one that explains most, then the first.

    >>> orders = {"orders": Answer("number")}
    >>> verdict = judge(orders, {"orders": 2}, {"counted_the_first": {"orders": 3}}, {"orders": 3})
    >>> verdict.right, verdict.share, verdict.mistake
    (False, 0.0, 'counted_the_first')
    """
    states: dict[str, State] = {}
    forms: dict[str, tuple[str, dict[str, Any]]] = {}
    values: dict[str, Any] = {}
    for name, answer in answers.items():
        value = given.get(name)
        if value is None or value is ...:
            states[name] = "unanswered"
            continue
        try:
            values[name] = _READ[answer.kind](answer, value, key[name])
            states[name] = "right" if same(answer, key[name], values[name]) else "wrong"
        except _Form as form:
            states[name], forms[name] = "form", (form.reason, form.values)
        except Exception:  # a student's object may raise anything; it is then no answer of this form
            states[name], forms[name] = "form", (f"form_{answer.kind}", {"choices": answer.choices})
    total = sum(answer.weight for answer in answers.values())
    share = sum(answers[name].weight for name, state in states.items() if state == "right") / total
    return Verdict(states, share, _match(answers, key, mistakes, values, states), forms)


def _match(
    answers: Mapping[str, Answer],
    key: Mapping[str, Any],
    mistakes: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Any],
    states: Mapping[str, State],
) -> str | None:
    best, most = None, 0
    if "wrong" not in states.values():
        return None
    for name, wrong in mistakes.items():
        telling = [a for a in wrong if a in values and not same(answers[a], key[a], wrong[a])]
        if len(telling) > most and all(same(answers[a], wrong[a], values[a]) for a in telling):
            best, most = name, len(telling)
    return best


def same(answer: Answer, key: Any, value: Any) -> bool:
    """Is `value` equal to `key`, as exactly as `answer` asks? Both have the answer's form."""
    return _SAME[answer.kind](answer, key, value)


def fold(text: str) -> str:
    """Text as it is compared: case, spaces, Persian and Arabic digits, ya and kaf folded.

    >>> fold("  BG/NBD   ۱۲ ") == fold("bg/nbd 12")
    True
    """
    text = re.sub("[\u064b-\u0652\u0640]", "", text).translate(_FOLD)
    return " ".join(text.casefold().split())


_FOLD = str.maketrans("يىك\u200c" + "۰۱۲۳۴۵۶۷۸۹" + "٠١٢٣٤٥٦٧٨٩", "ییک " + "0123456789" * 2)


# Reading: the student's value in the answer's form, or _Form.


def _read_number(answer: Answer, value: Any, key: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise _Form("number")
    if not math.isfinite(value):
        raise _Form("finite")
    return float(value)


def _read_choice(answer: Answer, value: Any, key: Any) -> str:
    chosen = {fold(choice): choice for choice in answer.choices}
    if not isinstance(value, str) or fold(value) not in chosen:
        raise _Form("choice", choices=answer.choices)
    return chosen[fold(value)]


def _read_choices(answer: Answer, value: Any, key: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _Form("choices", choices=answer.choices)
    try:
        return frozenset(_read_choice(answer, one, key) for one in value)
    except _Form:
        raise _Form("choices", choices=answer.choices) from None


def _read_text(answer: Answer, value: Any, key: Any) -> str:
    if not isinstance(value, str):
        raise _Form("text")
    return fold(value)


def _read_table(answer: Answer, value: Any, key: Any) -> pd.DataFrame:
    if isinstance(key, pd.Series):
        if isinstance(value, dict):
            value = pd.Series(value)
        if isinstance(value, pd.DataFrame) and value.shape[1] == 1:
            value = value.iloc[:, 0]
        if not isinstance(value, pd.Series) or value.index.nlevels != key.index.nlevels:
            raise _Form("series", rows=len(key))
        return _flat(value.set_axis(value.index.set_names(key.index.names)).rename("value"))
    if not isinstance(value, pd.DataFrame):
        raise _Form("table", columns=tuple(_flat(key).columns))
    wanted, flat = _flat(key), _flat(value)
    if missing := tuple(column for column in wanted if column not in flat):
        raise _Form("columns", columns=missing)
    return flat[list(wanted)]


def _flat(table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """The table with its index as columns, unless the index only counts the rows."""
    if isinstance(table, pd.Series):
        return table.rename("value").reset_index()
    return table.reset_index(drop=isinstance(table.index, pd.RangeIndex))


# Comparing: the key (raw) and a value in the answer's form (or a mistake's raw value).


def _same_number(answer: Answer, key: Any, value: Any) -> bool:
    return bool(abs(float(value) - float(key)) <= max(answer.tolerance, answer.relative * abs(float(key))))


def _same_choice(answer: Answer, key: Any, value: Any) -> bool:
    return fold(key) == fold(value)


def _same_choices(answer: Answer, key: Any, value: Any) -> bool:
    return {fold(one) for one in key} == {fold(one) for one in value}


def _same_text(answer: Answer, key: Any, value: Any) -> bool:
    def wordings(text: Any) -> set[str]:
        return {fold(one) for one in ([text] if isinstance(text, str) else text)}

    return not wordings(key).isdisjoint(wordings(value))


def _same_table(answer: Answer, key: Any, value: Any) -> bool:
    left, right = (
        _flat(key),
        value if isinstance(key, pd.Series) and isinstance(value, pd.DataFrame) else _flat(value),
    )
    if len(left) != len(right) or any(column not in right for column in left):
        return False
    right = right[list(left)]
    if not answer.ordered:
        # inexact columns last, so that a small difference does not change the order of the rows
        by: list[Any] = sorted(left, key=lambda column: pd.api.types.is_float_dtype(left[column]))
        left, right = (t.sort_values(by, key=_sortable).reset_index(drop=True) for t in (left, right))
    return all(_same_column(answer, left[column], right[column]) for column in left)


def _sortable(column: pd.Series) -> pd.Series:
    return column if pd.api.types.is_numeric_dtype(column) else column.map(_plain)


def _plain(value: Any) -> str:
    return fold(str(pd.Timestamp(value).isoformat() if hasattr(value, "isoformat") else value))


def _same_column(answer: Answer, key: pd.Series, value: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype
    if numeric(key) != numeric(value):
        return False
    if not numeric(key):
        return bool((key.map(_plain).to_numpy() == value.map(_plain).to_numpy()).all())
    exact = not pd.api.types.is_float_dtype(key)
    wide, relative = (0.0, 0.0) if exact else (answer.tolerance, answer.relative)
    return bool(np.isclose(value.to_numpy(float), key.to_numpy(float), rtol=relative, atol=wide, equal_nan=True).all())


_READ: dict[str, Callable[[Answer, Any, Any], Any]] = {
    "number": _read_number,
    "choice": _read_choice,
    "choices": _read_choices,
    "text": _read_text,
    "table": _read_table,
}
_SAME: dict[str, Callable[[Answer, Any, Any], bool]] = {
    "number": _same_number,
    "choice": _same_choice,
    "choices": _same_choices,
    "text": _same_text,
    "table": _same_table,
}
