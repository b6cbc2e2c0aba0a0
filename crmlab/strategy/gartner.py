"""How mature is a firm's CRM? A model of blocks that need one another, read from a TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_option, is_number
from crmlab.base.fit import Shown, Summary
from crmlab.base.toml import bundled_toml, read_toml
from crmlab.base.words import Language

if TYPE_CHECKING:
    from crmlab.strategy.assessment import Assessment, Resample

Bundled = Literal["gartner", "readiness"]
LEVELS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, eq=False, repr=False)
class MaturityModel(Shown):
    """What is rated, how much it counts, and what needs what?

    `blocks` has a row a block (en, fa, what_en, what_fa, weight, needs), `indicators` a row an indicator (block,
    weight within it, en, fa), `projects` a row a candidate (block, en, fa, cost, gain in levels, effort). Work on a
    block may start once every block that it needs stands at `ready`. Made by `bundled` or `from_toml`.

    >>> model = MaturityModel.bundled("gartner")
    >>> model.blocks.index.tolist()
    ['vision', 'strategy', 'experience', 'collaboration', 'processes', 'information', 'technology', 'metrics']
    >>> model.blocks.needs["technology"]
    ('processes', 'information')
    """

    name: str
    title: Mapping[str, str]
    ready: float
    blocks: pd.DataFrame
    indicators: pd.DataFrame
    projects: pd.DataFrame
    texts: Mapping[str, Mapping[str, tuple[str, ...]]]

    @classmethod
    def bundled(cls, name: Bundled = "gartner") -> MaturityModel:
        """Gartner's eight building blocks ("gartner"), or the readiness for customer-centricity ("readiness")?"""
        check_option("name", name, get_args(Bundled))
        model = _bundled(name)
        copies = {key: getattr(model, key).copy() for key in ("blocks", "indicators", "projects")}
        return replace(model, **copies)  # what a reader changes is the reader's alone

    @classmethod
    def from_toml(cls, path: str | Path) -> MaturityModel:
        """The model of a TOML file that is written as crmlab/strategy/gartner.toml is.

        Raises DataError with every fault: weights that do not sum to one, needs that run in a circle (named),
        unknown blocks, level texts that are not five, ids that stand twice, projects without a usable number.
        """
        return _read(read_toml(path), Path(path).name)

    def levels(self, indicator: str, language: Language = "en") -> pd.Series:
        """What do the levels 1 to 5 of an indicator mean?

        >>> MaturityModel.bundled("gartner").levels("INF1")[4]
        'one record, cleaned'
        """
        check_option("language", language, get_args(Language))
        if not isinstance(indicator, str) or indicator not in self.texts:
            raise OptionError(f"indicator={indicator!r} is not known; see model.indicators.")
        texts = self.texts[indicator][language]
        return pd.Series(texts, index=pd.Index(LEVELS, name="level"), name=self.indicators.loc[indicator, language])

    def order(self) -> list[str]:
        """The blocks, each after those that it needs."""
        return list(TopologicalSorter(self.blocks["needs"].to_dict()).static_order())

    def block_values(self, values: Any, what: str) -> pd.Series:
        """A value for every block between 1 and 5, in the model's order; raises DataError for anything else."""
        try:
            given = pd.Series(values, dtype=float)
        except (TypeError, ValueError):
            raise OptionError(f"the {what}s are not usable; give a number from 1 to 5 for every block.") from None
        faults = _strangers(given.index, self.blocks.index, what)
        for block in given.index[given.index.duplicated()]:
            faults.append(Fault(str(block), f"has more than one {what}", "Give one."))
        for block in self.blocks.index.difference(given.index, sort=False):
            faults.append(Fault(block, f"no {what} is given", "Give one for every block."))
        for block, value in given[given.index.isin(self.blocks.index)].items():
            if not 1 <= value <= 5:
                faults.append(Fault(str(block), f"its {what} is {value:g}", "Levels go from 1 to 5."))
        if faults:
            raise DataError(faults, f"the {what}s")
        return given.reindex(self.blocks.index).rename(what)

    def may_start(self, scores: Any) -> pd.DataFrame:
        """On which blocks may work start, if these are today's scores? One row a block: score, waits_for, may_start.

        `scores` maps every block to 1..5; `waits_for` names the needed blocks that are below `ready`.

        >>> model = MaturityModel.bundled("gartner")
        >>> today = model.may_start({block: 3.5 for block in model.blocks.index} | {"processes": 2})
        >>> today[~today.may_start].waits_for.to_dict()
        {'technology': ('processes',)}
        """
        today = self.block_values(scores, "score")
        waits = [tuple(n for n in needs if today[n] < self.ready) for needs in self.blocks["needs"]]
        return pd.DataFrame({"score": today, "waits_for": waits, "may_start": [not w for w in waits]})

    def assess(
        self, ratings: pd.DataFrame, *, target: Any = None, level: float = 0.95, draws: int = 4000,
        resample: Resample = "respondents", rng: Any,
    ) -> Assessment:  # fmt: skip
        """Where does the firm stand, how sure is that, and do the raters agree? See `crmlab.strategy.assessment`."""
        from crmlab.strategy.assessment import assess

        return assess(self, ratings, target=target, level=level, draws=draws, resample=resample, rng=rng)

    def summary(self) -> Summary:
        """The blocks with their weights and needs, as text."""
        table = self.blocks[["en", "weight"]].assign(
            indicators=self.indicators.groupby("block").size(), needs=self.blocks["needs"].map(", ".join)
        )
        return Summary(f"{self.title['en']} (ready from level {self.ready:g})\n\n{table.to_string()}")


@cache
def _bundled(name: str) -> MaturityModel:
    return _read(bundled_toml("crmlab.strategy", f"{name}.toml"), name)


def _strangers(given: Iterable[Any], known: Iterable[str], what: str) -> list[Fault]:
    listed = ", ".join(known)
    return [
        Fault(str(name), f"'{name}' is no block, but has a {what}", f"The blocks are {listed}.")
        for name in given if name not in known
    ]  # fmt: skip


def _read(data: Mapping[str, Any], name: str) -> MaturityModel:
    faults: list[Fault] = []
    blocks = {str(key): _table(value) for key, value in _table(data.get("blocks")).items()}
    indicators: dict[str, dict[str, Any]] = {}
    texts: dict[str, dict[str, tuple[str, ...]]] = {}
    if not blocks:
        faults.append(Fault("", "there is no block", "Write [blocks.NAME] with label, weight, needs, indicators."))
    for key, block in blocks.items():
        own = _table(block.get("indicators"))
        if not own:
            faults.append(Fault(key, "has no indicator", f"Write [blocks.{key}.indicators.ID]."))
        for item, value in own.items():
            value = _table(value)
            if item in indicators:
                what = f"the indicator '{item}' also stands in block '{indicators[item]['block']}'"
                faults.append(Fault(key, what, "Give it another id."))
            words = _words(value.get("text"), f"the text of {item}", key, faults)
            indicators[item] = {"block": key, "weight": value.get("weight", 1 / len(own)), **words}
            scale = _table(data.get("levels")) | value
            texts[item] = {lang: tuple(scale.get(lang, ())) for lang in get_args(Language)}
            for lang, levels in texts[item].items():
                if len(levels) != len(LEVELS):
                    what = f"'{item}' has {len(levels)} level texts in {lang}, not {len(LEVELS)}"
                    faults.append(Fault(key, what, "Describe the levels 1 to 5, or write [levels] for all."))
        _sum_to_one([indicators[i]["weight"] for i in own if i in indicators], key, "the indicators", faults)
    _sum_to_one([block.get("weight") for block in blocks.values()], "", "the blocks", faults)
    rows: dict[str, dict[str, Any]] = {}
    for key, block in blocks.items():
        label, what_is = (_words(block.get(k), f"its {k}", key, faults) for k in ("label", "what"))
        needs = tuple(block.get("needs", ()))
        faults += [
            Fault(key, f"needs '{n}', which is no block", f"The blocks are {', '.join(blocks)}.")
            for n in needs if n not in blocks
        ]  # fmt: skip
        rows[key] = {**label, "what_en": what_is["en"], "what_fa": what_is["fa"], "weight": block.get("weight"),
                     "needs": needs}  # fmt: skip
    try:
        TopologicalSorter({k: row["needs"] for k, row in rows.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        faults.append(Fault("", f"the needs run in a circle: {circle}", "Take one of these needs out."))
    ready = data.get("ready", 3.0)
    if not is_number(ready) or not 1 <= ready <= 5:
        faults.append(Fault("ready", f"is {ready!r}", "Give a level from 1 to 5."))
    offered: dict[str, dict[str, Any]] = {}
    for key, value in _table(data.get("projects")).items():
        project = _table(value)
        offered[key] = {**project, **_words(project.get("label"), "its label", key, faults)}
    columns = ["block", "en", "fa", "cost", "gain", "effort"]
    projects = pd.DataFrame.from_dict(offered, orient="index", columns=columns).rename_axis("project")
    faults += project_faults(projects, rows)
    title = _words(data.get("title"), "the title", "", faults)
    if faults:
        raise DataError(faults, name)
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("block")
    items = pd.DataFrame.from_dict(indicators, orient="index").rename_axis("indicator")
    return MaturityModel(name, title, float(ready), frame, items, projects, texts)


def project_faults(projects: pd.DataFrame, blocks: Iterable[str]) -> list[Fault]:
    """What is wrong with a table of projects (block, cost, gain, effort; a project's id in the index)?"""
    known = list(blocks)
    twice = projects.index[projects.index.duplicated()]
    faults = [Fault(str(name), "the project stands twice", "Give each its own id.") for name in twice]
    for name, row in projects.iterrows():
        if row["block"] not in known:
            faults.append(Fault(str(name), f"its block is {row['block']!r}, which is no block", f"Known: {known}."))
        for column in ("cost", "gain", "effort"):
            if not is_number(row[column]) or not 0 < row[column] < float("inf"):
                faults.append(Fault(str(name), f"its {column} is {row[column]!r}", "Give a number above 0."))
    return faults


def _sum_to_one(weights: list[Any], where: str, what: str, faults: list[Fault]) -> None:
    if not all(is_number(w) and w > 0 for w in weights):
        faults.append(Fault(where, f"weights of {what} are missing or not above 0", "Give each a share of 1."))
    elif weights and abs(sum(weights) - 1) > 1e-6:
        faults.append(Fault(where, f"the weights of {what} sum to {sum(weights):g}", "Let them sum to one."))


def _words(value: Any, what: str, where: str, faults: list[Fault]) -> dict[str, str]:
    found = {lang: _table(value).get(lang) for lang in get_args(Language)}
    for lang, text in found.items():
        if not isinstance(text, str) or not text:
            faults.append(Fault(where, f"{what} is missing in {lang}", 'Write { en = "...", fa = "..." }.'))
    return {lang: str(text) for lang, text in found.items()}


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
