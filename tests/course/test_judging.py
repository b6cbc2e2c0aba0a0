"""judge: each kind of answer, right, wrong, of a wrong form, and matched with a mistake."""

import numpy as np
import pandas as pd
import pytest

from crmlab.course.judging import Answer, judge


def state(answer, key, value):
    verdict = judge({"a": answer}, {"a": key}, {}, {"a": value})
    return verdict.forms["a"][0] if verdict.states["a"] == "form" else verdict.states["a"]


@pytest.mark.parametrize(
    "value, expected",
    [
        (10, "right"), (np.float64(10.009), "right"), (np.int64(10), "right"), (np.array(10.0), "right"),
        (10.011, "wrong"), (-10, "wrong"), ("10", "form_number"), ([10], "form_number"),
        (True, "form_number"),
        (np.nan, "form_finite"), (np.inf, "form_finite"), (pd.NA, "form_number"), (10 + 0j, "form_number"),
        (pd.Series([10]), "form_number"), (..., "unanswered"), (None, "unanswered"),
    ],
)  # fmt: skip
def test_number(value, expected):
    assert state(Answer("number", tolerance=0.01), 10.0, value) == expected


def test_number_relative():
    answer = Answer("number", relative=0.05)
    assert [state(answer, 1000.0, v) for v in (951, 949, 1049, 1051)] == ["right", "wrong", "right", "wrong"]


@pytest.mark.parametrize(
    "value, expected",
    [("Mail", "right"), (" mail ", "right"), ("skip", "wrong"), ("post", "form_choice"), (1, "form_choice")],
)
def test_choice(value, expected):
    assert state(Answer("choice", choices=("mail", "skip", "wait")), "mail", value) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (["a", "b"], "right"), ({"b", "A"}, "right"), (("a",), "wrong"), (["a", "b", "c"], "wrong"),
        ([], "wrong"),
        ("a", "form_choices"), (["a", "d"], "form_choices"), (3, "form_choices"),
    ],
)  # fmt: skip
def test_choices(value, expected):
    assert state(Answer("choices", choices=("a", "b", "c")), {"a", "b"}, value) == expected


@pytest.mark.parametrize(
    "key, value, expected",
    [
        ("مشتری ۱۲", "مشتري 12", "right"),  # Arabic ya, Persian against Latin digits
        ("کلید", "كلید", "right"),  # Arabic kaf
        ("می‌خرد", "می خرد", "right"),  # half-space against space
        (["churn", "attrition"], " Attrition", "right"),
        ("churn", "churns", "wrong"),
        ("churn", 3, "form_text"),
    ],
)
def test_text(key, value, expected):
    assert state(Answer("text"), key, value) == expected


SERIES = pd.Series([2.0, 0.0, 1.0], index=pd.Index(["x", "y", "z"], name="customer_id"), name="frequency")
TABLE = pd.DataFrame({"segment": ["b", "a"], "n": [3, 4], "mean": [1.5, np.nan]})


@pytest.mark.parametrize(
    "value, expected",
    [
        (SERIES, "right"), (SERIES.iloc[::-1], "right"), (SERIES.rename("other") + 0.009, "right"),
        (SERIES.to_frame(), "right"), ({"z": 1, "x": 2, "y": 0}, "right"), (SERIES.astype(int), "right"),
        (SERIES.rename_axis("id"), "right"), (SERIES + 0.02, "wrong"), (SERIES.iloc[:2], "form_series"),
        (SERIES.astype(str), "wrong"), (SERIES.rename({"x": "w"}), "wrong"),
        ([2, 0, 1], "form_series"), (3, "form_series"), (TABLE, "form_series"),
    ],
)  # fmt: skip
def test_series(value, expected):
    assert state(Answer("table", tolerance=0.01), SERIES, value) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (TABLE, "right"), (TABLE.iloc[::-1], "right"), (TABLE[["mean", "n", "segment"]], "right"),
        (TABLE.assign(more=1), "right"), (TABLE.set_index("segment"), "right"),
        (TABLE.assign(n=[3, 5]), "wrong"),
        (TABLE.assign(mean=[1.5, 0]), "wrong"), (pd.concat([TABLE, TABLE]), "wrong"),
        (TABLE.drop(columns="n"), "form_columns"), (SERIES, "form_table"), ("a", "form_table"),
    ],
)  # fmt: skip
def test_table(value, expected):
    assert state(Answer("table"), TABLE, value) == expected


def test_ordered_table():
    answer = Answer("table", ordered=True)
    assert state(answer, TABLE, TABLE) == "right"
    assert state(answer, TABLE, TABLE.iloc[::-1]) == "wrong"


def test_tables_of_dates():
    key = pd.DataFrame({"date": pd.to_datetime(["2025-01-02", "2025-01-01"]), "n": [1, 2]})
    assert state(Answer("table"), key, key.iloc[::-1].astype({"date": "datetime64[ns]"})) == "right"
    assert state(Answer("table"), key, key.assign(date=key["date"] + pd.Timedelta(days=1))) == "wrong"


class Liar:
    """Claims to equal everything, and raises at whatever else is asked."""

    def __eq__(self, other):
        return True

    def __getattr__(self, name):
        raise RuntimeError(name)

    __hash__ = None


@pytest.mark.parametrize(
    "kind, key",
    [("number", 1), ("choice", "a"), ("choices", {"a"}), ("text", "a"), ("table", TABLE), ("table", SERIES),
     ("function", [((1,), 1)]), ("figure", None), ("essay", None)],
)  # fmt: skip
def test_a_lying_object_is_of_a_wrong_form(kind, key):
    assert state(Answer(kind, choices=("a", "b")), key, Liar()).startswith("form_")


TWO = {"x": Answer("number"), "t": Answer("number", weight=3.0)}
KEY = {"x": 2, "t": 30}
MISTAKES = {"first": {"x": 3}, "weeks": {"t": 4}, "both": {"x": 3, "t": 4}, "harmless": {"x": 2, "t": 30}}


@pytest.mark.parametrize(
    "given, share, mistake",
    [
        ({"x": 2, "t": 30}, 1.0, None),
        ({"x": 3, "t": 30}, 0.75, "first"),
        ({"x": 2, "t": 4}, 0.25, "weeks"),
        ({"x": 3, "t": 4}, 0.0, "both"),  # explains more than either alone
        ({"x": 3}, 0.0, "first"),
        ({"x": 9, "t": 9}, 0.0, None),
        ({"x": 2}, 0.25, None),
        ({}, 0.0, None),
    ],
)
def test_score_and_mistake_of_several_answers(given, share, mistake):
    verdict = judge(TWO, KEY, MISTAKES, given)
    assert (verdict.share, verdict.mistake, verdict.right) == (share, mistake, share == 1.0)


def test_a_mistake_that_gives_the_right_number_is_not_matched():
    assert judge({"x": Answer("number")}, {"x": 4}, {"square": {"x": 4}}, {"x": 5}).mistake is None


def test_a_cell_that_cannot_be_compared_differs():
    class Unspeakable:
        def __str__(self):
            raise RuntimeError

    assert state(Answer("table"), TABLE, TABLE.assign(segment=["b", Unspeakable()])) == "wrong"


def test_mistakes_are_asked_for_only_where_an_answer_is_wrong():
    answers, asked = {"x": Answer("number")}, []
    assert judge(answers, {"x": 1}, lambda: asked.append(1) or {"two": {"x": 2}}, {"x": 1}).right and not asked
    assert judge(answers, {"x": 1}, lambda: asked.append(1) or {"two": {"x": 2}}, {"x": 2}).mistake == "two"
