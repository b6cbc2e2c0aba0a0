"""From stable keys (`at_risk`) to the words that a person reads, in English or in Persian."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from crmlab.base.errors import CrmlabError, check_option

Language = Literal["en", "fa"]


@cache
def _locale(language: str) -> dict[str, str]:
    text = files("crmlab.base").joinpath("locale", f"{language}.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return {f"{t}.{k}": word for t, entries in tables.items() for k, word in entries.items()}


def word(key: str, language: Language = "en", **values: Any) -> str:
    """What does `key` read as in `language`?

    Keys are `table.name` of `locale/en.toml` and `locale/fa.toml`, which hold the same keys.
    `values` fill the placeholders of the text. An unknown key or language raises.

    >>> word("axis.customers")
    'Customers'
    >>> word("axis.time", unit="weeks")
    'Time (weeks)'
    """
    check_option("language", language, get_args(Language))
    words = _locale(language)
    if key not in words:
        raise CrmlabError(f"No word for '{key}' in locale/{language}.toml; add it to every locale.")
    return words[key].format(**values)
