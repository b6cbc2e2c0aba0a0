"""The package's public names: what crm.survey offers, whichever way it was imported first."""

import subprocess
import sys

import pytest

from crmlab import survey


@pytest.mark.parametrize("name", survey._NAMES)
def test_public_name_is_there_documented_and_where_the_table_says(name):
    thing = getattr(survey, name)
    assert thing.__module__ == f"crmlab.survey.{survey._NAMES[name]}"
    assert thing.__doc__ and thing.__doc__.strip()
    assert name in dir(survey)


@pytest.mark.parametrize("name", sorted(set(survey._NAMES) & set(survey._MODULES)))
def test_a_function_named_as_its_module_stays_the_function(name):
    code = (
        f"import importlib, crmlab as crm; importlib.import_module('crmlab.survey.{name}'); first = crm.survey.{name}\n"
        f"from crmlab.survey.{name} import {name} as second; from crmlab.survey import {name} as third\n"
        f"print(callable(first), first is second, third is first, crm.survey.{name} is first)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="no 'relability'; it has .*reliability"):
        survey.relability  # noqa: B018
