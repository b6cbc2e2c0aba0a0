"""Answers as data: what a student's code holds, as JSON that can be read without running anything."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault

LARGEST = 2_000_000  # bytes of JSON for one answer
DEEPEST = 8
MOST_CELLS = 200_000
MOST_COLUMNS = 2_000  # of all tables of an answer; each costs half a millisecond
MOST_PIXELS = 25_000_000  # a small file may stand for a picture that fills a browser's memory
LARGEST_INT = 2**1024  # what a float can hold, and so what can be compared
SIGN = "$"


@dataclass(frozen=True)
class Unusable:
    """A value that is no answer of any kind: an object of a class of one's own, say. `kind` names its type."""

    kind: str


@dataclass(frozen=True)
class Picture:
    """A figure as PNG."""

    png: bytes


@dataclass(frozen=True)
class Calls:
    """What a function gave for each hidden input; an `Unusable` stands where it failed."""

    results: tuple[Any, ...]


def pack(value: Any, depth: int = 0) -> Any:
    """What is this value as JSON? Numbers, text, lists, sets, dicts, dates, arrays, Series, DataFrames, figures.

    Anything else, and what nests deeper than eight levels, becomes a note of its type. A strange object never raises.

    >>> pack({"alpha": 0.5, "items": {"q1"}})
    {'$': 'dict', 'v': [['alpha', 0.5], ['items', ['q1']]]}
    """
    try:
        return _pack(value, depth)
    except Exception:  # a student's object may raise anything
        return {SIGN: "other", "v": str(type(value).__name__)[:80]}


def _pack(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return {SIGN: "other", "v": "deeply nested"}
    if value is ...:
        return None
    if isinstance(value, np.generic):
        value = value.item() if not isinstance(value, np.datetime64) else pd.Timestamp(value)
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return _text(value)
    if kind is int and abs(value) < LARGEST_INT:
        return value if abs(value) < 2**53 else {SIGN: "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {SIGN: "float", "v": repr(value)}
    if kind in (list, tuple, range):
        return [pack(one, depth + 1) for one in value]
    if kind in (set, frozenset):  # their order is another one in each process
        return sorted((pack(one, depth + 1) for one in value), key=json.dumps)
    if kind in (pd.Index, pd.RangeIndex):
        return [pack(one, depth + 1) for one in value.tolist()]
    if isinstance(value, Mapping):
        return {SIGN: "dict", "v": [[pack(k, depth + 1), pack(v, depth + 1)] for k, v in value.items()]}
    if value is pd.NaT or value is pd.NA:
        return {SIGN: "float", "v": "nan"}
    if isinstance(value, date | pd.Timestamp):  # datetime is a date
        return {SIGN: "time", "v": pd.Timestamp(value).isoformat()}
    if isinstance(value, np.ndarray):
        return {SIGN: "array", "v": _pack(value.tolist(), depth)}
    if isinstance(value, pd.Series):
        return {SIGN: "series", "v": _pack_frame(value.to_frame("value"), depth)}
    if isinstance(value, pd.DataFrame):
        return {SIGN: "frame", "v": _pack_frame(value, depth)}
    if (png := _png(value)) is not None:
        return {SIGN: "png", "v": base64.b64encode(png).decode("ascii")}
    return {SIGN: "other", "v": kind.__name__[:80]}


def _text(text: str) -> str:
    """Text that every file can hold: half a pair of surrogates becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _pack_frame(frame: pd.DataFrame, depth: int) -> dict[str, Any]:
    if frame.size > MOST_CELLS or frame.shape[1] > MOST_COLUMNS:
        raise ValueError("too large")
    counted = isinstance(frame.index, pd.RangeIndex)
    index = [] if counted else [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    columns = [*index, *(frame.iloc[:, place] for place in range(frame.shape[1]))]
    return {
        "names": [pack(name, depth + 1) for name in (*([] if counted else frame.index.names), *frame.columns)],
        "index": len(index),
        "rows": len(frame),
        "columns": [[pack(one, depth + 2) for one in column.tolist()] for column in columns],
    }


def _png(value: Any) -> bytes | None:
    figure = value.get_figure() if hasattr(value, "get_figure") else value
    if not hasattr(figure, "savefig"):
        return None
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80, metadata={"Software": None})
    return file.getvalue()


def unpack(packed: Any, depth: int = 0) -> Any:
    """Which value does this JSON stand for? The counterpart of `pack`; anything malformed becomes `Unusable`.

    >>> unpack(pack({"alpha": 0.5}))
    {'alpha': 0.5}
    """
    try:
        return _unpack(packed, depth)
    except Exception:  # whoever wrote it may have written anything
        return Unusable("malformed")


def _unpack(packed: Any, depth: int) -> Any:
    if depth > 2 * DEEPEST:
        return Unusable("deeply nested")
    if isinstance(packed, str):
        return _text(packed)
    if isinstance(packed, int) and abs(packed) >= LARGEST_INT:
        return Unusable("int")
    if packed is None or isinstance(packed, bool | int | float):
        return packed
    if isinstance(packed, list):
        return [unpack(one, depth + 1) for one in packed]
    kind, body = packed[SIGN], packed["v"]
    if kind == "dict":
        return {_hashable(unpack(k, depth + 1)): unpack(v, depth + 1) for k, v in body}
    if kind == "int":
        return int(body, 16) if len(body) <= 300 else Unusable("int")
    if kind == "float":
        return float(body)
    if kind == "time":
        return pd.Timestamp(datetime.fromisoformat(body))  # pandas alone would take "now", too
    if kind == "array":
        return np.asarray(unpack(body, depth + 1))
    if kind in ("series", "frame"):
        frame = _unpack_frame(body, depth)
        return frame.iloc[:, 0].rename(None) if kind == "series" else frame
    if kind == "png":
        png = base64.b64decode(body, validate=True)
        wide, high = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        fits = png.startswith(b"\x89PNG\r\n\x1a\n") and wide * high <= MOST_PIXELS
        return Picture(png) if fits else Unusable("malformed picture")
    if kind == "calls":
        return Calls(tuple(unpack(one, depth + 1) for one in body))
    return Unusable(_text(str(body)[:80]))


def _unpack_frame(body: Mapping[str, Any], depth: int) -> pd.DataFrame:
    names, levels, rows = [unpack(one, depth + 1) for one in body["names"]], int(body["index"]), int(body["rows"])
    columns = [[_bounded(unpack(one, depth + 2)) for one in column] for column in body["columns"]]
    fits = len(names) == len(columns) and 0 <= levels <= len(columns)
    fits &= 0 <= rows * max(1, len(columns)) <= 2 * MOST_CELLS
    if not fits or any(len(column) != rows for column in columns):
        raise ValueError("the columns do not fit")
    made = [pd.Series(column) for column in columns]
    if levels == 0:
        index: pd.Index = pd.RangeIndex(rows)
    elif levels == 1:
        index = pd.Index(made[0], name=names[0])
    else:
        index = pd.MultiIndex.from_arrays(made[:levels], names=names[:levels])
    frame = pd.concat(made[levels:], axis=1) if made[levels:] else pd.DataFrame(index=range(rows))
    frame.columns = pd.Index([_hashable(name) for name in names[levels:]])
    return frame.set_axis(index, axis=0)


def _hashable(value: Any) -> Any:
    value = _bounded(value)
    return value if isinstance(value, str | int | float | bool | pd.Timestamp | None) else str(type(value))


def _bounded(value: Any) -> Any:
    """Larger integers as floats: with chosen ones, all of one hash, a dict or an index would take minutes."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value


def to_json(value: Any) -> str:
    """A packed value as one line of JSON; what is too large is noted as such."""
    text = json.dumps(pack(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text if len(text) <= LARGEST else json.dumps({SIGN: "other", "v": "too large"})


def from_json(text: str | bytes) -> Any:
    """The value of a line that `to_json` wrote. DataError where it is no such line."""
    fault = Fault("", "it is no JSON of an answer, or too large", "Run the notebook again.")
    columns = 0

    def counted(one: dict[str, Any]) -> dict[str, Any]:
        nonlocal columns
        columns += 1 + len(one["columns"]) if isinstance(one.get("columns"), list | dict | str) else 0
        if columns > MOST_COLUMNS + 100:
            raise ValueError("too many columns")
        return one

    if len(text) > 2 * LARGEST:
        raise DataError(fault, "an answer")
    try:
        return unpack(json.loads(text, object_hook=counted))
    except (ValueError, RecursionError) as error:
        raise DataError(fault, "an answer") from error
