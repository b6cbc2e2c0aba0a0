"""The small things that everything stands on."""

import math
import string
import tomllib
from importlib.resources import files

import pytest

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, check_option, check_positive, require
from crmlab.base.period import days_per, discount_rate, periods
from crmlab.base.share import share
from crmlab.base.words import word


def test_a_fault_says_what_where_and_what_to_do():
    faults = [Fault("amount", "is text", "Convert it.", 3, "'12,5'"), Fault("date", "is missing", "Name it.")]
    error = DataError(faults, "'log.csv'")
    assert str(error).splitlines() == [
        "2 faults in 'log.csv':",
        "  1. column 'amount': is text in 3 rows (for example '12,5'). Convert it.",
        "  2. column 'date': is missing. Name it.",
    ]
    assert isinstance(error, ValueError) and isinstance(error, CrmlabError)


def test_options_are_listed():
    with pytest.raises(OptionError, match="'a', 'b'"):
        check_option("letter", "c", ("a", "b"))
    for bad in (0, -1, float("nan"), float("inf"), "3"):
        with pytest.raises(OptionError, match="above 0"):
            check_positive("size", bad)
    check_positive("size", 0, zero=True)


def test_a_missing_extra_names_its_command():
    with pytest.raises(ImportError, match=r"pip install 'crmlab\[spark\]'"):
        require("no_such_library.part", "spark")
    assert require("math", "spark") is math


def test_units():
    assert [days_per(u) for u in "DWM"] == [1, 7, 30.4375]
    assert periods("3Y", "D") == 3 * 365.25
    assert periods("1.5 M", "M") == 1.5
    assert periods("2W", "D") == 14
    with pytest.raises(OptionError, match="'D', 'W', 'M'"):
        days_per("Y")
    for bad in ("3", "Y", "-1Y", "1Q", -2, float("inf")):
        with pytest.raises(OptionError, match="horizon"):
            periods(bad, "W")


@pytest.mark.parametrize("unit", ["D", "W", "M"])
def test_a_year_of_discount_is_the_yearly_discount(unit):
    rate = discount_rate(0.10, unit)
    assert math.exp(-rate * 365.25 / days_per(unit)) == pytest.approx(1 / 1.10, rel=1e-14)


def test_locales_have_the_same_keys_and_placeholders():
    tables = {}
    for language in ("en", "fa"):
        text = files("crmlab.base").joinpath("locale", f"{language}.toml").read_text(encoding="utf-8")
        tables[language] = {
            (table, key): {name for _, name, _, _ in string.Formatter().parse(value) if name}
            for table, entries in tomllib.loads(text).items()
            for key, value in entries.items()
        }
    assert tables["en"] == tables["fa"]


def test_words():
    assert word("unit.W", "fa") == "هفته"
    with pytest.raises(OptionError, match="'en', 'fa'"):
        word("unit.W", "de")
    with pytest.raises(CrmlabError, match=r"unit\.Z"):
        word("unit.Z")


def test_share():
    assert (share("datasets", "cdnow") / "README.md").exists()
    with pytest.raises(CrmlabError, match="install crmlab again"):
        share("datasets", "nothing")
