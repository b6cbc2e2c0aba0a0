"""Answers that are functions, figures and essays: judged, left to a person, hidden from the student."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import CrmlabError, DataError
from crmlab.course.exercise import exercises, load_exercise
from crmlab.course.forms import LONGEST_ESSAY, form_problem
from crmlab.course.judging import Answer, judge, outcomes
from crmlab.course.packing import Calls, Picture, Unusable, from_json, to_json
from crmlab.course.proving import prove

PNG = b"\x89PNG\r\n\x1a\n"
HALVES = [((4,), 2.0), ((0,), 0.0), ((-3,), -1.5)]
FUNCTION = Answer("function", tolerance=0.01)


def state(value, key=HALVES, answer=FUNCTION):
    verdict = judge({"f": answer}, {"f": key}, {}, {"f": value})
    return verdict.forms["f"][0] if verdict.states["f"] == "form" else verdict.states["f"]


class Always:
    """Claims to equal everything, and to be every array."""

    def __eq__(self, other):
        return True

    def __array__(self, *args, **options):
        return np.array(2.0)

    __hash__ = None


class Lying(float):
    """A float that says another number when it is read."""

    def __float__(self):
        return 2.0


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda n: n / 2, "right"), (lambda n: n / 2 + 0.009, "right"), (lambda n: np.float64(n) / 2, "right"),
        (lambda n: np.array(n / 2), "right"), (abs, "wrong"), (lambda n: n / 2 + 0.02, "wrong"),
        (lambda n: 8 / n - 0.0, "wrong"), (lambda: 2, "wrong"), (lambda n: [n / 2], "wrong"),
        (lambda n: Always(), "wrong"), (lambda n: Lying(n / 2), "wrong"), (lambda n: math.nan, "wrong"),
        (lambda n: math.inf, "wrong"), (lambda n: 10**400, "wrong"), (lambda n: None, "wrong"),
        (lambda n: str(n / 2), "wrong"), (lambda n: n / 2 if n else False, "wrong"),
        (3, "form_function"), ("n / 2", "form_function"), (Unusable("function"), "form_function"),
        (Calls((2.0, 0.0, -1.5)), "right"), (Calls((2, 0, -1.5)), "right"), (Calls((2.0, 0.0)), "wrong"),
        (Calls((2.0, 0.0, -1.5, 9)), "wrong"), (Calls(()), "wrong"), (Calls((2.0, Unusable("x"), -1.5)), "wrong"),
        (..., "unanswered"), (None, "unanswered"),
    ],
)  # fmt: skip
def test_a_function_is_judged_by_what_it_gives(function, expected):
    assert state(function) == expected


TABLE = pd.DataFrame({"segment": ["b", "a"], "n": [3, 4]})
SCORES = pd.Series([1.0, np.nan], index=pd.Index(["x", "y"], name="who"))


@pytest.mark.parametrize(
    "right, same, other",
    [
        (None, None, 0.0),
        (True, np.True_, 1),
        (math.inf, np.inf, 1e300),
        (math.nan, np.nan, None),
        ("Loyal", " loyal", "new"),
        ([1, 2.5], np.array([1, 2.504]), [2.5, 1]),
        ((1, 2), pd.Series([1, 2]), [1, 2, 2]),
        (np.array([[1.0], [2.0]]), [[1], [2]], [1, 2]),
        ({"a": 1.0}, {"a": 1.001}, {"a": 1.0, "b": 2}),
        (pd.Timestamp("2025-01-02"), pd.Timestamp("2025-01-02"), "2025-01-02"),
        (SCORES, SCORES.iloc[::-1] + 0.001, SCORES.fillna(0)),
        (SCORES, SCORES.to_dict(), [1.0, np.nan]),
        (TABLE, TABLE.iloc[::-1], TABLE.assign(n=4)),
    ],
)
def test_results_of_every_form_are_compared(right, same, other):
    key = [((1,), right)]
    assert state(lambda n: same, key) == "right"
    assert state(lambda n: other, key) == "wrong"
    sent = from_json('{"$": "calls", "v": [' + to_json(same) + "]}")  # as it comes out of the sandbox
    assert state(sent, key) == "right"


def test_a_function_cannot_change_what_the_next_one_gets():
    key = [(([3, 1, 2],), 3), (([3, 1, 2],), 3)]

    def spoils(values):
        values.sort()
        return values.pop()

    assert state(spoils, key) == "right" and key[0][0] == ([3, 1, 2],)


def test_a_function_is_matched_with_the_mistake_that_gives_the_same():
    mistakes = {
        "turned": {"f": [-2.0, 0.0, 1.5]},
        "fails": {"f": outcomes(lambda n: 1 / n, HALVES)},
        "pairs": {"f": [((4,), 8), ((0,), 0), ((-3,), -6)]},
    }
    found = [judge({"f": FUNCTION}, {"f": HALVES}, mistakes, {"f": f}).mistake for f in
             (lambda n: -n / 2, lambda n: 1 / n, lambda n: 2 * n, lambda n: 7, lambda n: n / 2)]  # fmt: skip
    assert found == ["turned", "fails", "pairs", None, None]


class Draws:
    """Says that it has every attribute."""

    def __getattr__(self, name):
        return lambda *values, **options: PNG


def test_figures_and_essays_wait_for_a_person():
    axes = __import__("matplotlib.figure").figure.Figure().subplots()
    figure, essay = Answer("figure"), Answer("essay")
    assert [state(one, None, figure) for one in (axes, axes.figure, Picture(PNG))] == ["by_hand"] * 3
    assert {state(one, None, figure) for one in (Draws(), Always(), PNG, "a.png", [axes])} == {"form_figure"}
    assert [state(one, None, essay) for one in ("Because.", "x" * LONGEST_ESSAY)] == ["by_hand"] * 2
    assert {state(one, None, essay) for one in ("", " \n", "x" * (LONGEST_ESSAY + 1), 3, Always())} == {"form_essay"}


def test_shares_count_over_the_weight_of_all():
    answers = {"n": Answer("number"), "f": FUNCTION, "why": Answer("essay", weight=2.0)}
    key = {"n": 1, "f": HALVES}
    verdict = judge(answers, key, {}, {"n": 1, "f": abs, "why": "So."})
    assert verdict.states == {"n": "right", "f": "wrong", "why": "by_hand"}
    assert (verdict.share, verdict.waiting, verdict.right) == (0.25, 0.5, False)
    empty = judge(answers, key, {}, {"n": 1, "why": ""})
    assert (empty.share, empty.waiting, empty.states["f"]) == (0.25, 0.0, "unanswered")


def test_the_form_tells_what_is_asked_but_not_the_key():
    forms = load_exercise("defend-the-mailing").variant(1).forms()
    assert json.loads(json.dumps(forms)) == forms and "customers" not in json.dumps(forms)
    assert form_problem(forms["mail"], ["loyal"]) is None and form_problem(forms["mail"], 3)[0] == "form_choices"
    assert form_problem(forms["profit"], ...) == ("unanswered", {})
    series = Answer("table").form(SCORES)
    assert form_problem(series, 3) == ("form_series", {"rows": 2}) and form_problem(series, SCORES + 5) is None
    assert form_problem(Answer("table").form(TABLE), TABLE[["n"]]) == ("form_columns", {"columns": ["segment"]})
    for form in (*forms.values(), series):
        assert form_problem(form, Always()) is not None


CODE = '''"""How much is twice n, and why?"""
lesson, level, tags = 4, 1, ("x",)
answers = {"twice": {"kind": "function"}, "why": {"kind": "essay", "weight": 3}}
def draw(rng): return {"n": int(rng.integers(5, 50)), "_asked": [2, 0, -1], "_cases": [(2,), (0,), (-1,)]}
def solve(n, _asked, _cases): return {"twice": [(case, 2 * case[0]) for case in _cases]}
mistakes = {"square": lambda n, _asked, _cases: {"twice": lambda k: k * k}}
'''
TEXT = "# Twice\n\nTwice {n}?\n\n## Hint\nAdd.\n\n## Mistake: square\nA square.\n\n## Rubric: why\n- 2: Says {n}.\n- 0.5: Short.\n\n## Solution\n{n} + {n}, asked of {_asked}\n"  # noqa: E501


def folder(tmp_path, code=CODE, en=TEXT, fa=TEXT):
    here = tmp_path / "twice"
    here.mkdir()
    for name, text in (("exercise.py", code), ("en.md", en), ("fa.md", fa)):
        (here / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_hidden_inputs_stay_hidden(tmp_path):
    exercise = load_exercise("twice", folder(tmp_path))
    variant = exercise.variant(3)
    assert set(variant.shown) == {"n"} and variant.calls() == {"twice": [(2,), (0,), (-1,)]}
    assert set(variant.key) == {"twice"} and exercise.automatic == 0.25
    assert "_cases" not in variant.text("fa").prompt and variant.text().solution.endswith("asked of 2, 0, -1")
    assert variant.text().rubrics == {"why": ((2.0, f"Says {variant.shown['n']}."), (0.5, "Short."))}
    assert variant.judge({"twice": lambda k: k * k, "why": "x"}).mistake == "square"
    assert prove(exercise, draws=20) == []


def test_an_exercise_may_be_marked_by_hand_alone(tmp_path):
    code = CODE.replace('"twice": {"kind": "function"}, ', "").replace("mistakes = {", "mistakes = {} and {")
    code = code.replace('{"twice": [(case, 2 * case[0]) for case in _cases]}', "{'why': None}")
    text = TEXT.replace("## Mistake: square\nA square.\n\n", "")
    exercise = load_exercise("twice", folder(tmp_path, code, text, text))
    assert prove(exercise, draws=5) == [] and exercise.automatic == 0
    assert exercise.variant(0).judge({"why": "x"}).waiting == 1.0


def test_proof_finds_inputs_that_are_no_data_and_a_key_that_is_incomplete(tmp_path):
    exercise = load_exercise("twice", folder(tmp_path, CODE.replace("[(2,), (0,), (-1,)]", "[(2,), (1j,)]")))
    assert "a form or a hidden input is no plain data in 3 of 3 draws" in str(prove(exercise, draws=3)[0])
    (tmp_path / "twice" / "exercise.py").write_text(CODE.replace('return {"twice":', 'return {"twic":'))
    with pytest.raises(CrmlabError, match=r"solve gives \['twic'\], not \['twice'\]"):
        load_exercise("twice", tmp_path).variant(0)


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("## Rubric: why\n- 2: Says {n}.\n- 0.5: Short.\n\n", "", "answer 'why' is marked by hand, but has no rubric"),
        ("Rubric: why", "Rubric: twice", "'## Rubric: twice' is of no answer that is marked by hand"),
        ("- 0.5: Short.", "- Short.", "'## Rubric: why' has lines without points"),
        ("- 0.5: Short.", "- 0: Short.", "'## Rubric: why' has lines without points"),
        ("- 0.5: Short.", "- 1: Short.", "the languages have rubrics of different points"),
        ("Says {n}.", "Says {twice}.", "rubric why: placeholder {twice} is not known"),
        ("Twice {n}?", "Twice {_cases}?", "prompt: placeholder {_cases} is not known"),
        ("{n} + {n}", "{twice}", "solution: placeholder {twice} is not known"),
    ],
)
def test_faults_of_rubrics_and_hidden_names(tmp_path, old, new, fault):
    with pytest.raises(DataError) as error:
        load_exercise("twice", folder(tmp_path, en=TEXT.replace(old, new)))
    assert fault in str(error.value)


def test_weights_must_be_above_zero(tmp_path):
    with pytest.raises(DataError, match="weight is not a number above 0"):
        load_exercise("twice", folder(tmp_path, CODE.replace('"weight": 3', '"weight": 0')))


def test_practice_calls_a_function_and_shows_what_a_person_marks_by():
    task = crm.practice("stream-function", seed=2)
    assert set(task.data) == {"margin", "retention", "discount", "years"} and "_cases" not in str(task)
    assert "Right" in str(task.check(lambda m, r, d, n: sum(m * (r / (1 + d)) ** t for t in range(1, n + 1))))
    assert "divides by" in str(task.check(lambda m, r, d, n: m * r / (1 + d - r) * (1 - (r / (1 + d)) ** n)))
    assert "A function is expected" in str(task.check(12.5))
    task = crm.practice("why-kappa-is-low", seed=2, language="fa")
    said = str(task.check(reasons="چون تصادف زیاد است."))
    assert "دستی نمره" in said and "- 2 نمره از 6: با عدد می‌گوید" in said and "هنوز بی‌پاسخ" in said
    assert "1 to 20000 characters" in str(crm.practice("why-kappa-is-low").check(reasons=" "))


def test_the_bank_has_every_kind_and_lessons_divide_it():
    bank = exercises()
    kinds = [answer.kind for exercise in bank for answer in exercise.answers.values()]
    assert min(kinds.count(kind) for kind in ("function", "figure", "essay")) >= 3
    assert [e.slug for e in bank] == [e.slug for n in range(1, 13) for e in exercises(n)]
