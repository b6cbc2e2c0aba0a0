"""crm.practice: what the student sees."""

import numpy as np
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.course.practice import laid_out


def right(task):
    d = task.data
    return d["amount"] / (1 + d["discount"]) ** d["years"]


@pytest.fixture
def task():
    return crm.practice("discount-to-today", seed=3)


def test_right_wrong_and_the_usual_mistake(task):
    d = task.data
    assert task.check(right(task)).verdict.right and "Right" in str(task.check(value=right(task)))
    simple = task.check(d["amount"] * (1 - d["discount"]) ** d["years"])
    assert simple.verdict.mistake == "taken_off" and "You took" in simple.text
    assert "hint" in str(task.check(right(task) + 1))


@pytest.mark.parametrize("value", [..., "text", [1], float("nan"), object(), None, np.array([1, 2])])
def test_check_never_raises_and_says_what_is_expected(task, value):
    feedback = task.check(value)
    assert not (feedback.verdict and feedback.verdict.right)
    assert ("expected" in feedback.text) or ("No answer yet" in feedback.text)


def test_names_that_are_not_asked_for(task):
    assert "`valu` is not asked for" in str(task.check(valu=3))


def test_everything_is_stateless(task):
    again = crm.practice("discount-to-today", seed=3)
    assert repr(task) == repr(again) == task._repr_markdown_()
    assert repr(task.check(1)) == repr(task.check(1)) == again.check(1)._repr_markdown_()
    assert repr(task.hint(1)) == repr(again.hint(1)) != repr(task.hint(2))


def test_persian_is_laid_out_from_right_to_left():
    task = crm.practice("discount-to-today", seed=3, language="fa")
    shown = [task._repr_markdown_(), task.hint(1)._repr_markdown_(), task.check("?")._repr_markdown_()]
    assert all(one.startswith('<div dir="rtl">\n\n') and one.endswith("\n\n</div>") for one in shown)
    assert "<div" not in repr(task)
    assert laid_out("`a - b` 2026-01-02", "en") == "`a - b` 2026-01-02"
    code = "```python\nx = `1`  # 2026-01-02\n```"
    inside = laid_out(f"تا 2026-01-02: `a - b`\n{code}", "fa")
    assert "\u20662026-01-02\u2069: \u2066`a - b`\u2069" in inside and code in inside


def test_data_are_copies(task):
    task.data["amount"] = 0
    assert task.data["amount"] > 0


def test_hints_and_solution(task):
    assert "There are 3 hints" in str(task.hint(4)) and "There are 3 hints" in str(task.hint("x"))
    assert f"{right(task):,.2f}" in str(task.solution())


def test_persian_has_its_own_words_and_the_same_numbers(task):
    persian = crm.practice("discount-to-today", seed=3, language="fa")
    assert persian.data == task.data
    assert "درست" in str(persian.check(right(task))) and f"{right(task):,.2f}" in str(persian.solution())


def test_unknown_language_and_name():
    with pytest.raises(OptionError, match="'en', 'fa'"):
        crm.practice("discount-to-today", language="de")
    with pytest.raises(OptionError, match="discount-to-today"):
        crm.practice("discount-to-tody")
