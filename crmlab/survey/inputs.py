"""What the survey functions take in: which construct has which items, and the answers, checked once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, check_option
from crmlab.survey.syntax import parse

if TYPE_CHECKING:
    from crmlab.survey.instrument import Instrument

Spec: TypeAlias = "Instrument | str | Mapping[str, Sequence[str]]"
Missing = Literal["listwise", "keep", "refuse"]
MIN_ROWS = 3


def model_text(spec: Any, structural: bool = True) -> str:
    """The model as lavaan's syntax: a text as it is, an instrument's own (with its paths where `structural`)."""
    if isinstance(spec, str):
        return spec
    if hasattr(spec, "model"):
        return str(spec.model(structural))
    if isinstance(spec, Mapping):
        return "\n".join(f"{construct} =~ {' + '.join(items)}" for construct, items in spec.items())
    kind = type(spec).__name__
    raise DataError(
        Fault("", f"it is a {kind}", "Give lavaan's syntax as text, an Instrument, or {construct: [items]}."),
        "the model",
    )


def measurement(spec: Spec) -> dict[str, tuple[str, ...]]:
    """Which items measure which construct? From an Instrument, a model in lavaan's syntax, or a mapping.

    Constructs that are made of constructs (second order) are left out. Raises DataError where an item stands in
    two constructs.

    >>> measurement("visual =~ x1 + x2; textual =~ x4 + x5; visual ~~ textual")
    {'visual': ('x1', 'x2'), 'textual': ('x4', 'x5')}
    """
    if hasattr(spec, "measurement"):
        return dict(spec.measurement)
    if isinstance(spec, Mapping):
        blocks = {str(construct): tuple(items) for construct, items in spec.items()}
    else:
        blocks = {}
        for term in parse(model_text(spec)):
            if term.op in ("=~", "<~"):
                blocks[term.lhs] = (*blocks.get(term.lhs, ()), term.rhs)
        blocks = {name: items for name, items in blocks.items() if not set(items) <= set(blocks)}
    faults = []
    home: dict[str, str] = {}
    for construct, items in blocks.items():
        if not items:
            faults.append(Fault("", f"construct '{construct}' has no items", "Name them, or take the construct out."))
        for item in items:
            if item in home:
                remedy = "Let each item stand once."
                faults.append(Fault(item, f"it stands in '{home[item]}' and in '{construct}'", remedy))
            home[item] = construct
    if not blocks:
        faults.append(Fault("", "no construct has items", "Write 'construct =~ item1 + item2 + item3'."))
    if faults:
        raise DataError(faults, "the measurement model")
    return blocks


def nearest(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' with the nearest known names, or nothing."""
    near = difflib.get_close_matches(str(name), [str(one) for one in known], n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(one) for one in near)}?" if near else ""


def item_table(answers: pd.DataFrame, items: Sequence[str], *, missing: Missing = "listwise") -> pd.DataFrame:
    """The items' columns as numbers, in order, checked.

    `missing` says what becomes of empty answers: "listwise" leaves their rows out, "keep" leaves them as NaN,
    "refuse" raises. Raises DataError with every fault: columns that are missing (the nearest names are given),
    text, infinite values, no variation, fewer than three usable rows.
    """
    check_option("missing", missing, get_args(Missing))
    if not isinstance(answers, pd.DataFrame):
        kind = type(answers).__name__
        raise DataError(Fault("", f"they are a {kind}, no DataFrame", "Read them with Instrument.read."), "the answers")
    y = _numbers(answers, items)
    gap = np.isnan(y)
    complete = ~gap.any(axis=1)
    if missing == "refuse" and not complete.all():
        counts = zip(items, gap.sum(axis=0), strict=True)
        raise DataError(
            [Fault(c, "answers are missing", "Fill or drop them first.", int(n)) for c, n in counts if n], "the answers"
        )
    index = answers.index
    if missing == "listwise" and not complete.all():
        y, gap, index = y[complete], gap[complete], index[complete]
    if (len(y) - gap.sum(axis=0) < MIN_ROWS).any():
        few = f"only {int(complete.sum())} of {len(answers)} rows are complete in {len(items)} items"
        raise DataError(
            Fault("", few, "Collect more, or leave out the item that is most often missing."), "the answers"
        )
    flat = np.nanmax(y, axis=0) == np.nanmin(y, axis=0)
    if flat.any():
        raise DataError(
            [
                Fault(c, "every answer is the same", "Leave the item out.", example=np.nanmax(column))
                for c, column, constant in zip(items, y.T, flat, strict=True)
                if constant
            ],
            "the answers",
        )
    return pd.DataFrame(y, index=index, columns=list(items))


def _numbers(answers: pd.DataFrame, items: Sequence[str]) -> np.ndarray:
    """The items' columns as one array of floats; the faults are looked for where there are any."""
    kinds = [*map(answers.dtypes.to_dict().get, items)] if answers.columns.is_unique else [None]
    if all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in kinds):
        y = answers[list(items)].to_numpy(dtype=float)
        if not (np.isinf(y).any() or np.isnan(y).all(axis=0).any()):
            return y
    if faults := list(_column_faults(answers, items)):
        raise DataError(faults, "the answers")
    return answers[list(items)].to_numpy(dtype=float, na_value=np.nan)


def _column_faults(answers: pd.DataFrame, items: Sequence[str]) -> Iterator[Fault]:
    for item in dict.fromkeys(items):
        if item not in answers.columns:
            yield Fault(item, "it is missing", f"Add the column, or correct the name.{nearest(item, answers.columns)}")
            continue
        column = answers[item]
        if isinstance(column, pd.DataFrame):
            yield Fault(item, f"{column.shape[1]} columns have this name", "Rename all but one.")
            continue
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
            example = next(iter(column.dropna()), None)
            remedy = "Read the file with Instrument.read, or code it as numbers."
            yield Fault(item, "it is not numeric", remedy, example=example)
            continue
        values = column.to_numpy(dtype=float, na_value=np.nan)
        if infinite := int(np.isinf(values).sum()):
            yield Fault(item, "infinite values", "Replace them by an empty cell.", infinite)
        elif np.isnan(values).all():
            yield Fault(item, "it holds no answer", "Leave the item out.")
