"""lavaan's syntax: Rosseel (2012), and the tutorial's forms."""

import numpy as np
import pytest

from crmlab.base.errors import DataError
from crmlab.survey.syntax import evaluate, names_in, parse


def said(model):
    return [(t.lhs, t.op, t.rhs) for t in parse(model)]


def test_formulas_end_with_a_line_or_a_semicolon_and_go_on_where_they_are_open():
    model = """
      # comment
      ind60 =~ x1 + x2 +   ! another
          x3
      dem60 =~ y1
        + y2; dem60 ~ ind60
    """
    assert said(model) == [
        ("ind60", "=~", "x1"), ("ind60", "=~", "x2"), ("ind60", "=~", "x3"),
        ("dem60", "=~", "y1"), ("dem60", "=~", "y2"), ("dem60", "~", "ind60"),
    ]  # fmt: skip


def test_several_names_on_the_left_share_the_right():
    assert said("y1 + y2 ~ x") == [("y1", "~", "x"), ("y2", "~", "x")]


@pytest.mark.parametrize(
    ("text", "fixed", "labels", "starts"),
    [
        ("x1", (), (), ()),
        ("0.5*x1", (0.5,), (), ()),
        ("-1e-1*x1", (-0.1,), (), ()),
        ("NA*x1", (None,), (), ()),
        ("a*x1", (), ("a",), ()),
        ("c(a, b)*x1", (), ("a", "b"), ()),
        ("c(1, NA)*x1", (1.0, None), (), ()),
        ("start(0.8)*x1", (), (), (0.8,)),
        ("start(c(0.8, 0.9))*x1", (), (), (0.8, 0.9)),
        ('label("k")*x1', (), ("k",), ()),
        ('equal("k")*x1', (), ("k",), ()),
        ("a*x1 + start(0.8)*x1", (), ("a",), (0.8,)),
    ],
)
def test_modifiers(text, fixed, labels, starts):
    (term,) = parse(f"f =~ {text}")
    assert (term.rhs, term.fixed, term.labels, term.starts) == ("x1", fixed, labels, starts)


def test_intercepts_thresholds_products_definitions_and_equalities():
    terms = parse("x1 ~ 0*1; x2 | t1 + t2; y ~ A:B; ind := a*b; a == b + 1")
    assert [(t.lhs, t.op, t.rhs, t.fixed) for t in terms] == [
        ("x1", "~1", "", (0.0,)), ("x2", "|", "t1", ()), ("x2", "|", "t2", ()), ("y", "~", "A:B", ()),
        ("ind", ":=", "a*b", ()), ("a", "==", "b + 1", ()),
    ]  # fmt: skip


def test_persian_names():
    assert said("کیفیت =~ س۱ + س۲") == [("کیفیت", "=~", "س۱"), ("کیفیت", "=~", "س۲")]


def test_a_covariance_written_both_ways_is_one():
    assert said("a ~~ b; b ~~ a") == [("a", "~~", "b")]


def test_every_fault_is_told_with_its_line():
    with pytest.raises(DataError) as caught:
        parse("f =~ x1 + x2\nf = x3\nz < 3\ng := a b\ny ~ (a*x")
    assert len(caught.value.faults) == 4
    for piece in ("line 2: there is no operator", "line 3: inequalities", "line 4: 'a b'", "line 5: parentheses"):
        assert piece in str(caught.value)


@pytest.mark.parametrize("text", ["", "   # nothing", "f =~ 1x", "f =~ ", "f =~ x1*2", "f =~ 1"])
def test_what_is_no_model(text):
    with pytest.raises(DataError):
        parse(text)


def test_a_model_is_text():
    with pytest.raises(DataError, match="it is a list"):
        parse(["f =~ x1"])


def test_expressions_are_arithmetic_and_nothing_else():
    assert evaluate("-a*b^2 + sqrt(c)/2", {"a": 2.0, "b": 3.0, "c": 16.0}) == -16.0
    assert names_in("a*b + a - log(c)") == ("a", "b", "c")
    step = 1e-30  # complex step: the derivative of a*b in a is b, to the last digit
    assert evaluate("a*b", {"a": 2 + step * 1j, "b": 3.0}).imag / step == pytest.approx(3.0, rel=1e-15)
    np.testing.assert_allclose(evaluate("exp(a)", {"a": np.array([0.0, 1.0])}), [1, np.e])
    for text in ("__import__('os')", "[a]", "a if b else c", "a @ b", "'a'"):
        with pytest.raises(ValueError, match="not understood|no expression"):
            names_in(text)
