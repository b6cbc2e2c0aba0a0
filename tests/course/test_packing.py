"""Answers as data: what goes out comes back the same, and nothing that is strange or hostile raises or runs."""

import json
import subprocess
import sys
from collections import UserDict
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError
from crmlab.course.packing import LARGEST, Calls, Picture, Unusable, from_json, pack, to_json, unpack

SAME = [
    None, True, 0, -3, 2**53 - 1, 2**60, -(10**40), 0.1, -0.0, 1e300, "", "متن ✔", [1, "a", None], {"a": 1, "b": [2.5]},
    {1: "x", None: "y"}, {"a": {"b": {"c": 1}}}, pd.Timestamp("2025-01-31"), pd.Timestamp("2025-01-31 10:00+03:30"),
]  # fmt: skip


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_what_comes_back_is_the_same(value):
    back = from_json(to_json(value))
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (..., None), ((1, 2), [1, 2]), (range(3), [0, 1, 2]), (np.int64(3), 3), (np.float32(0.5), 0.5),
        (np.bool_(True), True), (np.str_("a"), "a"), (UserDict(a=1), {"a": 1}), (pd.Index(["a"]), ["a"]),
        (np.datetime64("2025-01-31"), pd.Timestamp("2025-01-31")), (date(2025, 1, 31), pd.Timestamp("2025-01-31")),
        (datetime(2025, 1, 31, 4), pd.Timestamp("2025-01-31 04:00")), (float("inf"), float("inf")),
    ],
    ids=repr,
)  # fmt: skip
def test_what_means_the_same_comes_back_as_that(value, back):
    assert from_json(to_json(value)) == back


def test_not_a_number_in_each_of_its_kinds():
    for value in (float("nan"), np.nan, pd.NaT, pd.NA):
        assert np.isnan(from_json(to_json(value)))


def frames() -> list[pd.DataFrame | pd.Series]:
    plain = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "s": ["a", "ب"], "b": [True, False]})
    dates = pd.DataFrame(
        {"when": pd.to_datetime(["2024-01-01 00:00", "2024-02-01 05:30"])}, index=pd.Index([5, 7], name="i")
    )
    two = pd.DataFrame(
        {"v": [1, 2, 3]}, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", "n"])
    )
    return [
        plain,
        dates,
        two,
        plain.iloc[:0],
        pd.Series([1.5, 2.5], index=pd.Index(["a", "b"], name="k")),
        pd.Series([1, 2]),
    ]


@pytest.mark.parametrize("table", frames())
def test_tables_come_back_with_index_names_and_kinds(table):
    back = from_json(to_json(table))
    assert type(back) is type(table)
    if len(table):
        same = pd.testing.assert_series_equal if isinstance(table, pd.Series) else pd.testing.assert_frame_equal
        same(back, table, check_names=isinstance(table, pd.DataFrame))
    else:
        assert back.empty and list(back.columns) == list(table.columns)


def test_arrays():
    assert np.array_equal(from_json(to_json(np.arange(6).reshape(2, 3))), np.arange(6).reshape(2, 3))


def test_sets_come_out_in_one_order_whatever_the_hashes():
    code = "from crmlab.course.packing import to_json; print(to_json({'q1', 'q2', 'q3', 'q4', 'q5', 'q6'}))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in "123"
    }
    assert said == {'["q1","q2","q3","q4","q5","q6"]\n'}
    assert sorted(from_json(to_json({1, "a"})), key=str) == [1, "a"]


def test_a_figure_is_a_png_of_the_same_bytes_each_time(agg):
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    ax.plot([1, 2], [3, 1])
    once, again = from_json(to_json(ax)), from_json(to_json(ax.get_figure()))
    assert isinstance(once, Picture) and once == again and once.png.startswith(b"\x89PNG")


class Liar:
    """Raises at whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError

    __eq__ = __len__ = __iter__ = __float__ = __array__ = __repr__  # type: ignore[assignment]
    __hash__ = None


class LyingInt(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class LyingFrame(pd.DataFrame):
    @property
    def columns(self):
        raise RuntimeError


STRANGE = {
    "liar": Liar, "int": lambda: LyingInt(3), "frame": lambda: LyingFrame({"a": [1]}), "object": object,
    "len": lambda: len, "bytes": lambda: b"bytes", "complex": lambda: 1j, "type": lambda: type,
    "ours": lambda: Unusable("x"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_strange_objects_are_noted_and_nothing_more(name):
    value = STRANGE[name]()
    back = from_json(to_json({"a": 1, "b": value, "c": [value]}))
    assert back["a"] == 1
    assert isinstance(back["b"], Unusable) and isinstance(back["c"][0], Unusable)


def test_depth_size_and_circles_end():
    circle: list = []
    circle.append(circle)
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    for value in (circle, deep):
        text = to_json(value)
        assert len(text) < 200 and "deeply nested" in text
        from_json(text)
    assert from_json(to_json("x" * LARGEST)) == Unusable("too large")
    assert from_json(to_json(pd.DataFrame(np.zeros((2001, 100))))) == Unusable("DataFrame")


def test_a_whole_number_is_kept_whole_or_not_at_all():
    assert from_json(to_json(16**100 + 1)) == 16**100 + 1
    assert isinstance(from_json(to_json(16**5000 + 1)), Unusable)  # never another number


def test_text_that_no_file_can_hold_is_made_harmless():
    for value in ("a\ud800b", ["\udfff"], {"\ud800": 1}, pd.Series(["\ud800"], dtype=object)):
        text = to_json(value)
        text.encode("utf-8")
        from_json(text)
    assert from_json('"a\\ud800b"') == "a?b"
    assert next(iter(from_json('{"$": "dict", "v": [["\\ud800", 1]]}'))) == "?"
    assert from_json('{"$": "other", "v": "\\ud800"}') == Unusable("?")


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "'a'", "[" * 100_000, "1" * 5000, b"\xff\xfe\x00", "x" * (2 * LARGEST + 1)],
    ids=lambda text: repr(text[:8]),
)
def test_what_is_no_json_is_a_fault(text):
    with pytest.raises(DataError, match="it is no JSON of an answer, or too large"):
        from_json(text)


@pytest.mark.parametrize(
    "packed",
    [
        {}, {"$": "dict"}, {"$": "dict", "v": 3}, {"$": "dict", "v": [[1]]}, {"$": "int", "v": 7},
        {"$": "int", "v": "zz"}, {"$": "float", "v": []},
        {"$": "time", "v": "yesterday"}, {"$": "time", "v": "now"}, {"$": "time", "v": "today"},
        {"$": "array", "v": [[1], [1, 2]]}, {"$": "frame", "v": {}}, {"$": "png", "v": "!!"}, {"$": "calls", "v": 3},
        {"$": "frame", "v": {"names": ["a"], "index": 0, "rows": 2, "columns": [[1]]}},
        {"$": "frame", "v": {"names": ["a"], "index": 5, "rows": 1, "columns": [[1]]}},
        {"$": "series", "v": {"names": [], "index": 0, "rows": 0, "columns": []}},
        {"$": "frame", "v": {"names": [], "index": 0, "rows": 10**15, "columns": []}},
        {"$": "png", "v": "aGVsbG8="}, {"$": "pickle", "v": "gASVAAAA"}, {"$": ["a"], "v": 1}, {"$": {}, "v": 1},
    ],
    ids=lambda packed: json.dumps(packed)[:60],
)  # fmt: skip
def test_what_is_malformed_is_unusable(packed):
    assert isinstance(unpack(packed), Unusable)


def test_a_name_in_a_note_is_cut():
    assert unpack({"$": "other", "v": "x" * 1000}) == Unusable("x" * 80)


def test_calls():
    assert unpack({"$": "calls", "v": [1, {"$": "other", "v": "error"}]}) == Calls((1, Unusable("error")))


def test_packing_leaves_the_value_as_it_was():
    table = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="k"))
    before = table.copy(deep=True)
    pack({"t": table})
    pd.testing.assert_frame_equal(table, before)
