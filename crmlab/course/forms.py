"""The form of an answer: what it must look like before anything is compared."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from crmlab.course.packing import Calls, Picture

LONGEST_ESSAY = 20_000  # characters
_MOST_CHOSEN = 1_000
BY_HAND = ("figure", "essay")  # kinds that a person marks


class Form(Exception):
    """A value has not the form that is asked for: `reason` is a key of the [practice] words, `values` fill it."""

    def __init__(self, reason: str, **values: Any) -> None:
        super().__init__(reason)
        self.reason, self.values = f"form_{reason}", values


def form_problem(form: Mapping[str, Any], value: Any) -> tuple[str, dict[str, Any]] | None:
    """What is wrong with the form of this answer? A key of the [practice] words and its values; None if nothing.

    form: one entry of `Variant.forms()`, straight or read again from JSON. Never raises.

    >>> form_problem({"kind": "number"}, "12")
    ('form_number', {})
    >>> form_problem({"kind": "choices", "choices": ["q1", "q2"]}, ["q1"])
    """
    if value is None or value is ...:
        return "unanswered", {}
    try:
        read(form, value)
    except Form as problem:
        return problem.reason, problem.values
    return None


def read(form: Mapping[str, Any], value: Any) -> Any:
    """The value in the form that is asked for; whatever it does when it is looked at, else `Form` is raised."""
    try:
        return _READ[form["kind"]](form, value)
    except Form:
        raise
    except Exception:  # a student's object may raise anything; it is then no answer of this form
        raise _wrong(form) from None


def _wrong(form: Mapping[str, Any]) -> Form:
    reason = "series" if "rows" in form else str(form["kind"])
    return Form(reason, **{name: form[name] for name in ("choices", "columns", "rows") if name in form})


def table_form(table: pd.DataFrame | pd.Series) -> dict[str, Any]:
    """Which rows, index or columns are asked for, where this table is the right one?"""
    if isinstance(table, pd.Series):
        return {"kind": "table", "rows": len(table), "index": list(table.index.names)}
    return {"kind": "table", "columns": list(flat(table).columns)}


def flat(table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """The table with its index as columns, unless the index only counts the rows."""
    if isinstance(table, pd.Series):
        return table.rename("value").reset_index()
    return table.reset_index(drop=isinstance(table.index, pd.RangeIndex))


def fold(text: str) -> str:
    """Text as it is compared: case, spaces, Persian and Arabic digits, ya and kaf folded.

    >>> fold("  BG/NBD   ۱۲ ") == fold("bg/nbd 12")
    True
    """
    text = re.sub("[\u064b-\u0652\u0640]", "", text).translate(_FOLD)
    return " ".join(text.casefold().split())


_FOLD = str.maketrans("يىك\u200c" + "۰۱۲۳۴۵۶۷۸۹" + "٠١٢٣٤٥٦٧٨٩", "ییک " + "0123456789" * 2)


def _read_number(form: Mapping[str, Any], value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise Form("number")
    if not math.isfinite(value):
        raise Form("finite")
    return float(value)


def _read_choice(form: Mapping[str, Any], value: Any) -> str:
    chosen = {fold(choice): choice for choice in form["choices"]}
    if not isinstance(value, str) or fold(value) not in chosen:
        raise _wrong(form)
    return str(chosen[fold(value)])


def _read_choices(form: Mapping[str, Any], value: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _wrong(form)
    try:
        return frozenset(_read_choice(form, one) for one in islice(value, _MOST_CHOSEN))
    except Form:
        raise _wrong(form) from None


def _read_text(form: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise Form("text")
    return fold(value)


def _read_table(form: Mapping[str, Any], value: Any) -> pd.DataFrame:
    if "columns" not in form:
        if isinstance(value, dict):
            value = pd.Series(value)
        if isinstance(value, pd.DataFrame) and value.shape[1] == 1:
            value = value.iloc[:, 0]
        if not isinstance(value, pd.Series) or (value.index.nlevels, len(value)) != (len(form["index"]), form["rows"]):
            raise _wrong(form)
        return flat(value.set_axis(value.index.set_names(form["index"])).rename("value"))
    if not isinstance(value, pd.DataFrame):
        raise _wrong(form)
    found = flat(value)
    if missing := [column for column in form["columns"] if column not in found]:
        raise Form("columns", columns=missing)
    return found[form["columns"]]


def _read_function(form: Mapping[str, Any], value: Any) -> Any:
    if not (isinstance(value, Calls) or callable(value)):
        raise Form("function")
    return value


def _read_figure(form: Mapping[str, Any], value: Any) -> Any:
    if not (isinstance(value, Picture) or hasattr(type(value), "savefig") or hasattr(type(value), "get_figure")):
        raise Form("figure")
    return value


def _read_essay(form: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ESSAY:
        raise Form("essay", most=LONGEST_ESSAY)
    return value


_READ: dict[str, Callable[[Mapping[str, Any], Any], Any]] = {
    "number": _read_number,
    "choice": _read_choice,
    "choices": _read_choices,
    "text": _read_text,
    "table": _read_table,
    "function": _read_function,
    "figure": _read_figure,
    "essay": _read_essay,
}
