"""The tables of a questionnaire's answers before any model: respondents, screening, items, reliability, factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from crmlab.base.table import Format, Table
from crmlab.base.words import Language, word
from crmlab.survey.descriptives import demographics

if TYPE_CHECKING:
    from crmlab.survey.efa import EFA
    from crmlab.survey.factorability import KMO, Harman
    from crmlab.survey.instrument import Instrument
    from crmlab.survey.reliability import Reliability
    from crmlab.survey.screening import Screening


def make(
    name: str, language: Language, columns: Mapping[str, tuple[Iterable[Any], Format | Sequence[Format] | None]],
    note: str = "", **values: Any,
) -> Table:  # fmt: skip
    """A Table whose title, heads and note are the words of these keys."""
    heads = {key: word(f"survey_table.{key}", language) for key in columns}
    frame = pd.DataFrame({heads[key]: list(column) for key, (column, _) in columns.items()})
    formats = {heads[key]: form for key, (_, form) in columns.items() if form is not None}
    note = word(f"survey_table.{note}", language, **values) if note else ""
    return Table(frame, word(f"survey_table.{name}_title", language), note, formats, language)


def label(instrument: Instrument | None, name: str, language: Language) -> str:
    """What a name reads as: its words in the instrument, or the name itself."""
    return name if instrument is None else instrument.label(name, language)


def arrow(names: Iterable[str], language: Language) -> str:
    """A path in words, in the direction of reading."""
    return (" ← " if language == "fa" else " → ").join(names)


def demographics_table(answers: pd.DataFrame, instrument: Instrument, language: Language = "en") -> Table:
    """Who answered? Number and share of each answer to the background questions."""
    rows = demographics(answers, instrument, language)
    question = rows["question"].where(rows["question"] != rows["question"].shift(), "")
    columns: dict[str, Any] = {"question": (question, None), "answer": (rows["answer"], None)}
    return make("demographics", language, columns | {"n": (rows["n"], 0), "percent": (100 * rows["share"], 1)})


def screening_table(screening: Screening, language: Language = "en") -> Table:
    """Which answers should be looked at? How many respondents each check flags, and its rule."""
    rows = screening.report(language)
    columns = {"flag": (rows["check"], None), "rule": (rows["rule"], None), "n": (rows["flagged"], 0)}
    return make("screening", language, columns | {"percent": (100 * rows["share"], 1)}, "screening_note")


def items_table(described: pd.DataFrame, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """What was answered? A row an item: n, mean, sd, skew, kurtosis, share at the lowest and the highest code."""
    names = list(described.index)
    columns: dict[str, Any] = {"item": (names, None)}
    if instrument is not None:
        columns["wording"] = ([label(instrument, name, language) for name in names], None)
    for key, form, scale in (
        ("n", 0, 1),
        ("mean", 2, 1),
        ("sd", 2, 1),
        ("skewness", 2, 1),
        ("kurtosis", 2, 1),
        ("floor", 1, 100),
        ("ceiling", 1, 100),
    ):
        columns[key] = (described[key] * scale, form)
    return make("items", language, columns, "items_note")


def reliability_table(found: Reliability, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """Are the scales reliable? Number of items, mean and sd of the scale, alpha with its interval, omega."""
    scales = found.scales
    columns: dict[str, Any] = {
        "construct": ([label(instrument, name, language) for name in scales.index], None),
        "items_number": (scales["items"], 0), "mean": (scales["mean"], 2), "sd": (scales["sd"], 2),
        **{key: (scales[key], ".3") for key in ("alpha", "low", "high", "omega")},
    }  # fmt: skip
    return make("reliability", language, columns, "reliability_note", level=f"{100 * found.level:g}")


def suitability_table(overall: KMO, sphericity: pd.Series, single: Harman, language: Language = "en") -> Table:
    """Do the items share enough for a factor analysis? KMO, Bartlett's test, and the first component's share."""
    rows = [
        ("kmo", overall.overall, ".2"), ("bartlett", sphericity["chisq"], 2), ("df", sphericity["df"], 0),
        ("pvalue", sphericity["pvalue"], "p"), ("harman", 100 * single.component, 1),
    ]  # fmt: skip
    names = [word(f"survey_table.{key}", language) for key, _, _ in rows]
    columns: dict[str, Any] = {
        "measure": (names, None),
        "value": ([value for _, value, _ in rows], [form for _, _, form in rows]),
    }
    return make("suitability", language, columns, "suitability_note")


def efa_table(found: EFA, language: Language = "en", cutoff: float = 0.30) -> Table:
    """Which items go together? Loadings from `cutoff` up, and communalities."""
    table = found.table(cutoff)
    factors = [c for c in table.columns if c != "communality"]
    heads = {c: word("survey_table.factor", language, n=c.removeprefix("F")) for c in factors}
    frame = table.rename(columns=heads | {"communality": word("survey_table.communality", language)})
    share = found.variance.loc["proportion"].sum()
    note = word(
        "survey_table.efa_note", language, cutoff=f"{cutoff:.2f}", n=found.n, share=f"{100 * share:.1f}",
        extraction=word(f"survey_table.{found.extraction}", language),
        rotation=word(f"survey_table.{found.rotation}", language),
    )  # fmt: skip
    shown = frame.rename_axis(word("survey_table.item", language)).reset_index()
    formats: dict[str, Format] = dict.fromkeys(list(frame.columns), ".2")
    return Table(shown, word("survey_table.efa_title", language), note, formats, language)
