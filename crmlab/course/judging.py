"""Judging an answer against its key: one pure function for practice and for assignments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import Fault
from crmlab.course.forms import BY_HAND, Form, flat, read, table_form
from crmlab.course.forms import fold as fold
from crmlab.course.packing import Calls, Unusable, pack, unpack

Kind = Literal["number", "choice", "choices", "text", "table", "function", "figure", "essay"]
State = Literal["right", "wrong", "form", "unanswered", "by_hand"]


@dataclass(frozen=True)
class Answer:
    """What form has an answer, and how exact must it be? One entry of an exercise's `answers`.

    kind: "number" (right within `tolerance`, absolute, or within `relative` x the key, whichever is
    wider), "choice" (one of `choices`), "choices" (a set of them), "text" (the key is one accepted
    wording or a list of them), "table" (a Series or DataFrame; rows in any order unless `ordered`), "function"
    (the key is a list of arguments with the right result, which are never shown: `[((2, 3), 6.0), ...]`), "figure" or
    "essay" (marked by hand; no key). unit: text, or a text per language. weight: the answer's part of the score.
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

    @property
    def by_hand(self) -> bool:
        """Does a person mark it?"""
        return self.kind in BY_HAND

    def form(self, key: Any = None) -> dict[str, Any]:
        """What must an answer look like? Plain data for `form_problem`; of the key only a table's index and columns."""
        form: dict[str, Any] = {"kind": self.kind}
        if self.kind in ("choice", "choices"):
            form["choices"] = list(self.choices)
        elif self.kind == "table":
            form = table_form(key)
        return form | ({"unit": self.unit} if self.unit else {})


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
            what = f"{where}: {tolerance} is not a number of 0 or more"
            faults.append(Fault("", what, "Write a number.", example=value))
    weight = spec.get("weight", 1.0)
    if not (isinstance(weight, int | float) and 0 < weight < math.inf):
        faults.append(Fault("", f"{where}: weight is not a number above 0", "Write a number.", example=weight))
    return faults


@dataclass(frozen=True)
class Verdict:
    """How good is a set of answers? The state of each, the `share` of the score (0 to 1), a known `mistake`.

    `forms` says for each answer of a wrong form which form is expected: a key of the [practice] words
    and the values of its placeholders. `waiting` is the share of the score that a person has yet to mark.
    """

    states: dict[str, State]
    share: float
    mistake: str | None = None
    forms: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    waiting: float = 0.0

    @property
    def right(self) -> bool:
        """True where every answer is right."""
        return all(state == "right" for state in self.states.values())


def judge(
    answers: Mapping[str, Answer],
    key: Mapping[str, Any],
    mistakes: Mapping[str, Mapping[str, Any]] | Callable[[], Mapping[str, Mapping[str, Any]]],
    given: Mapping[str, Any],
) -> Verdict:
    """Which answers are right, what share of the score is that, and which known mistake do they look like?

    key: the right values by name. mistakes: the wrong values that each known mistake leads to (it may
    leave answers out), or a function that gives them, asked only where an answer is wrong. given: the
    student's values; a missing one, None or `...` is unanswered. Pure: the same input gives the same
    Verdict, and a strange value never raises.
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
    right = {name: outcomes(one) if answers[name].kind == "function" else one for name, one in key.items()}
    for name, answer in answers.items():
        value = given.get(name)
        if value is None or value is ...:
            states[name] = "unanswered"
            continue
        try:
            found = read(answer.form(key.get(name)), value)
            if answer.by_hand:
                states[name] = "by_hand"
                continue
            values[name] = outcomes(found, key[name]) if answer.kind == "function" else found
            states[name] = "right" if same(answer, right[name], values[name]) else "wrong"
        except Form as form:
            states[name], forms[name] = "form", (form.reason, form.values)
    total = sum(answer.weight for answer in answers.values())
    share, waiting = (
        sum(answers[name].weight for name, state in states.items() if state == counted) / total
        for counted in ("right", "by_hand")
    )
    if "wrong" not in states.values():
        return Verdict(states, share, None, forms, waiting)
    known = mistakes() if callable(mistakes) else mistakes
    return Verdict(states, share, _match(answers, right, known, values), forms, waiting)


def _match(
    answers: Mapping[str, Answer],
    key: Mapping[str, Any],
    mistakes: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Any],
) -> str | None:
    best, most = None, 0
    for name, wrong in mistakes.items():
        telling = [a for a in wrong if a in values and not same(answers[a], key[a], wrong[a])]
        if len(telling) > most and all(same(answers[a], wrong[a], values[a]) for a in telling):
            best, most = name, len(telling)
    return best


def same(answer: Answer, key: Any, value: Any) -> bool:
    """Is `value` equal to `key`, as exactly as `answer` asks? Both have the answer's form."""
    try:
        return _SAME[answer.kind](answer, key, value)
    except Exception:  # inside a student's table or list anything may stand; what cannot be compared differs
        return False


def outcomes(value: Any, key: Sequence[tuple[tuple[Any, ...], Any]] = ()) -> Calls:
    """What does a function give for the arguments of a key? Of what was called elsewhere, its results.

    value: a callable (called on copies; where it raises, an `Unusable` stands), a Calls, a key, or a list of results.
    """
    if isinstance(value, Calls):
        return value
    if callable(value):
        return Calls(tuple(_call(value, arguments) for arguments, _ in key))
    pairs = all(isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], tuple) for one in value)
    return Calls(tuple(unpack(pack(one[1] if pairs else one)) for one in value))


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """As in grading: arguments and result pass through `pack`."""
    try:
        return unpack(pack(function(*unpack(pack(arguments)))))
    except Exception as error:  # a student's function may raise anything
        return Unusable(type(error).__name__)


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
    left, read_ = flat(key), isinstance(key, pd.Series) and isinstance(value, pd.DataFrame)
    right = value if read_ else flat(value)
    if len(left) != len(right) or any(column not in right for column in left):
        return False
    right = right[list(left)]
    inexact = {column: pd.api.types.is_float_dtype(left[column]) for column in left}
    pairs = (c for c in left if not inexact[c] and left[c].is_unique and left[c].tolist() == right[c].tolist())
    if not answer.ordered and next(pairs, None) is None:  # no column says that the rows stand as in the key
        # inexact columns last, so that a small difference does not change the order of the rows
        by: list[Any] = sorted(left, key=inexact.__getitem__)
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


def _same_function(answer: Answer, key: Any, value: Any) -> bool:
    left, right = outcomes(key).results, outcomes(value).results
    return len(left) == len(right) and all(_same_result(answer, *both) for both in zip(left, right, strict=True))


def _same_result(answer: Answer, key: Any, value: Any) -> bool:
    if isinstance(value, np.ndarray) or (isinstance(value, pd.Series) and not isinstance(key, pd.Series)):
        value = value.tolist()
    if isinstance(key, pd.Series | pd.DataFrame):
        return _same_table(answer, key, read(table_form(key), value))
    if isinstance(key, np.ndarray | list):
        listed = isinstance(value, list) and len(key) == len(value)
        return listed and all(_same_result(answer, *both) for both in zip(list(key), value, strict=True))
    if isinstance(key, dict):
        known = isinstance(value, dict) and set(key) == set(value)
        return known and all(_same_result(answer, key[name], value[name]) for name in key)
    if key is None or isinstance(key, bool):
        return key is value
    if isinstance(key, Real):
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        exact = not math.isfinite(key)
        return str(float(key)) == str(float(value)) if exact else _same_number(answer, key, value)
    if isinstance(key, str):
        return isinstance(value, str) and fold(key) == fold(value)
    return type(key) is type(value) and (isinstance(key, Unusable) or key == value)  # a mistake may fail, too


_SAME: dict[str, Callable[[Answer, Any, Any], bool]] = {
    "number": _same_number,
    "choice": _same_choice,
    "choices": _same_choices,
    "text": _same_text,
    "table": _same_table,
    "function": _same_function,
}
