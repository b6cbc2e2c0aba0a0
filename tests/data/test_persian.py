"""Persian and Arabic text: the code points of Unicode are the reference."""

import pytest

from crmlab.data.persian import fold, normalise, number


@pytest.mark.parametrize("zero", ["0", "\u06f0", "\u0660", "\uff10"])  # Latin, Persian, Arabic, full-width
def test_every_digit(zero):
    for digit in range(10):
        assert number(chr(ord(zero) + digit)) == digit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("۱۲٫۵", 12.5),
        ("١٬٢٣٤٫٥", 1234.5),
        ("\u2212۳", -3.0),
        (" 3.0 ", 3.0),
        ("۳\u200f", 3.0),
        ("+2", 2.0),
        (".5", 0.5),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "1,5", "five", "inf", "nan", "1e400", "3 4", "۳الف", "--2"])
def test_no_numbers(text):
    assert number(text) is None


def test_letters():
    assert normalise("\u0643\u064a") == "\u06a9\u06cc"  # Arabic kaf and yeh
    assert normalise("\u0649") == "\u06cc"
    assert normalise("مـــن") == "من"  # tatweel
    assert normalise("می\u200cدانم") == "می\u200cدانم"  # the half-space belongs to the word
    assert normalise("a\u00a0 \u2009b\n") == "a b"
    assert normalise("\ufefb") == "لا"  # a presentation form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("کاملاً مخالفم", "كاملا مخالفم"), ("می\u200cدانم", "می دانم"), ("بی‌نظر", "بي نظر"), ("مسئول", "مسيول"),
        ("Strongly  Agree", "strongly agree."), ("تا ۵۰ نفر", "تا 50 نفر"), ("آری", "اری"),
    ],
)  # fmt: skip
def test_equal_words_fold_alike(one, other):
    assert fold(one) == fold(other) != ""


def test_different_words_stay_apart():
    assert fold("موافقم") != fold("مخالفم")
    assert fold("?!") == fold("\u200c") == ""
