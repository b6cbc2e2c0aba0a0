"""What do people mean by marketing and by CRM? Definitions coded, counted and drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_count, check_kind, check_option
from crmlab.base.look import COLOURS, axes
from crmlab.base.toml import bundled_toml
from crmlab.base.words import Language, word
from crmlab.data.tables import missing_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Subject = Literal["crm", "marketing"]


def _book() -> dict[str, Any]:
    return bundled_toml("crmlab.strategy", "definitions.toml")


def code_book(subject: Subject = "crm", language: Language = "en") -> pd.DataFrame:
    """Under which heading does a definition fall? The five perspectives on CRM, or the four of marketing.

    Columns perspective, meaning, asks (the question to put to a text); the names are fixed, `meaning` is in `language`.
    Zablah, Bellenger & Johnston (2004), Industrial Marketing Management 33(6), tell the five apart.

    >>> code_book().perspective.tolist()
    ['strategy', 'process', 'technology', 'philosophy', 'capability']
    """
    check_option("subject", subject, ("crm", "marketing"))
    check_option("language", language, ("en", "fa"))
    rows = [(p["name"], p[language], p["asks"]) for p in _book()["perspective"] if p["subject"] == subject]
    return pd.DataFrame(rows, columns=["perspective", "meaning", "asks"])


def majority(codes: pd.DataFrame) -> pd.Series:
    """What do most raters say? For each item the code that more raters gave than any other, or "undecided".

    `codes` has a row an item, a column a rater; empty cells do not count.

    >>> majority(pd.DataFrame({"A": ["x", "x"], "B": ["y", "y"], "C": ["y", "z"]})).tolist()
    ['y', 'undecided']
    """
    check_kind("codes", codes, pd.DataFrame, "give a DataFrame with a row an item, a column a rater")
    found = []
    for row in codes.itertuples(index=False, name=None):
        ranked = Counter(code for code in row if not pd.isna(code) and code != "").most_common(2)
        alone = ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1])
        found.append(ranked[0][0] if alone else "undecided")
    return pd.Series(found, index=codes.index, name="perspective")


def word_counts(texts: pd.Series, by: Iterable[str] | None = None) -> pd.DataFrame:
    """Which words do texts use? For each word the percentage of the texts that have it, the commonest first.

    `texts` are English; a list of small words is left out and forms such as customer and customers are one word.
    `by` names a group for each text: then a column a group, and `difference`, the last group's percentage less
    the first's. Without it, columns percent and texts. Raises DataError for no texts or empty ones.

    >>> word_counts(pd.Series(["Managing customers", "A customer is a person"])).loc["customer"].tolist()
    [100.0, 2.0]
    """
    check_kind("texts", texts, pd.Series, "give a Series of texts")
    empty = ~texts.map(lambda text: isinstance(text, str) and bool(text.strip())).astype(bool)
    if empty.any() or texts.empty:
        raise DataError(
            Fault("", "there are no texts, or empty ones", "Leave them out.", int(empty.sum())), "the texts"
        )
    given = ["percent"] * len(texts) if by is None else list(by) if isinstance(by, Iterable) else []
    if len(given) != len(texts) or pd.isna(np.asarray(given, dtype=object)).any():
        raise DataError(Fault("by", "has not a group for each text", "Give as many names as texts."), "the texts")
    lists = _book()["words"]
    left_out, same = set(lists["left_out"].split()), lists["same"]
    words = texts.map(lambda text: {same.get(w, w) for w in re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())} - left_out)
    groups = pd.Series(given, index=texts.index)
    long = pd.DataFrame({"word": words.map(sorted), "group": groups}).explode("word")
    counts = pd.crosstab(long["word"], long["group"]).reindex(columns=list(dict.fromkeys(given)), fill_value=0)
    total = counts.sum(axis=1)
    table = 100 * counts / groups.value_counts()[counts.columns]
    table = table.assign(texts=total) if by is None else table.assign(difference=table.iloc[:, -1] - table.iloc[:, 0])
    return table.rename_axis(None, axis=1).loc[total.sort_values(ascending=False, kind="stable").index]


def plot_timeline(
    definitions: pd.DataFrame, ax: Axes | None = None, language: Language = "en", *, line: str = "AMA"
) -> Axes:
    """Did marketing turn from products to relationships? Its definitions by year and by what they put in the middle.

    `definitions` has author, year and perspective, as `load_definitions()` has; those of marketing are drawn. The
    definitions of the author `line` are joined.
    """
    check_kind("line", line, str, "give the name of an author")
    table = _with(definitions, ("author", "year", "perspective"))
    places = {name: i for i, name in enumerate(code_book("marketing")["perspective"])}
    table = table[table["perspective"].isin([*places])].sort_values("year")
    if table.empty:
        raise DataError(Fault("perspective", f"no {', '.join(places)}", "Give definitions of marketing."), "the table")
    ax = axes(ax, size=(9, 4.6), title=word("definitions.timeline", language), x=word("definitions.year", language))
    joined = table[table["author"] == line]
    ax.plot(joined["year"], joined["perspective"].map(places), color=COLOURS["actual"], linewidth=1)
    for name, y in places.items():
        row = table[table["perspective"] == name]
        for i, (author, year) in enumerate(zip(row["author"], row["year"], strict=True)):
            colour, size = (COLOURS["actual"], 7) if author == line else (COLOURS["expected"], 6)
            ax.plot([year], [y], "o", color=colour, markersize=size)
            ax.annotate(f"{author} {year}", (year, y), xytext=(0, (8, -15, 19, -26)[i % 4]), ha="center", fontsize=8,
                        textcoords="offset points", color=colour,
                        bbox={"pad": 0.5, "facecolor": "white", "edgecolor": "none", "alpha": 0.8})  # fmt: skip
    ax.set_yticks([*places.values()], [word(f"definitions.{name}", language) for name in places])
    ax.set(ylim=(-0.5, len(places) - 0.5), xlim=(table["year"].min() - 5, table["year"].max() + 7))
    return ax


def plot_perspectives(
    definitions: pd.DataFrame, ax: Axes | None = None, language: Language = "en", *, raters: Iterable[str] = "ABC"
) -> Axes:
    """Who calls CRM what? A map of definitions by perspective: darker where more raters agree, with their names.

    `definitions` has author, year, perspective and a column of codes for each of `raters`.
    """
    check_kind("raters", raters, Iterable, "give the names of the raters' columns")
    names = [str(rater) for rater in raters]
    table = _with(definitions, ("author", "year", "perspective", *names))
    places = {name: i for i, name in enumerate(code_book()["perspective"])}
    table = table[table[names].isin([*places]).any(axis=1)]
    table = table.assign(place=table["perspective"].map(places).fillna(len(places))).sort_values(["place", "year"])
    if table.empty:
        raise DataError(Fault("", f"no code {', '.join(places)}", "Give coded definitions."), "the table")
    ax = axes(ax, size=(8, 1 + 0.24 * len(table)), title=word("definitions.map", language))
    for y, row in enumerate(table.to_dict("records")):
        for name, x in places.items():
            who = [rater for rater in names if row[rater] == name]
            shade = 0.06 + 0.64 * len(who) / len(names)
            ax.barh(y, 0.96, 0.9, x - 0.48, color=COLOURS["expected"], alpha=shade, linewidth=0)
            ax.text(x, y, " ".join(who), ha="center", va="center", fontsize=8)
    ax.set_yticks(np.arange(len(table)), table["author"] + " " + table["year"].astype(str), fontsize=8)
    ax.set_xticks([*places.values()], [word(f"definitions.{name}", language) for name in places])
    ax.xaxis.tick_top()
    ax.set(ylim=(len(table) - 0.5, -0.5), xlim=(-0.5, len(places) - 0.5))
    return ax


def plot_words(counts: pd.DataFrame, ax: Axes | None = None, language: Language = "en", *, top: int = 14) -> Axes:
    """Which words tell two groups apart? Those whose share differs most in `word_counts(texts, by=...)`."""
    check_count("top", top)
    if not isinstance(counts, pd.DataFrame) or "difference" not in counts or counts.shape[1] != 3:
        raise OptionError("counts must be word_counts(texts, by=...) with two groups in `by`.")
    first, last = counts.columns[:2]
    chosen = counts.reindex(counts["difference"].abs().sort_values(ascending=False, kind="stable").index[:top])
    chosen = chosen.sort_values("difference", kind="stable")
    ax = axes(ax, size=(7.5, 1.4 + 0.27 * len(chosen)), title=word("definitions.words", language),
              x=word("definitions.share", language))  # fmt: skip
    y = np.arange(len(chosen))
    ax.hlines(y, chosen[first], chosen[last], color=COLOURS["faint"], linewidth=3)
    for name, colour, mark in ((first, "second", "o"), (last, "expected", "s")):
        ax.plot(chosen[name], y, mark, color=COLOURS[colour])
        ax.annotate(name, (chosen[name].iloc[-1], y[-1]), xytext=(0, 8), textcoords="offset points", ha="center",
                    fontsize=9, color=COLOURS[colour])  # fmt: skip
    ax.set_yticks(y, list(chosen.index))
    ax.xaxis.set_major_formatter("{x:.0f}%")
    ax.set_ylim(-0.6, len(chosen) + 0.2)
    return ax


def _with(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    check_kind("definitions", table, pd.DataFrame, "give one such as crm.load_definitions()")
    if faults := missing_columns(columns, [str(c) for c in table.columns]):
        raise DataError(faults, "the definitions")
    return table
