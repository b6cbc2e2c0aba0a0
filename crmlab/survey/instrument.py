"""A questionnaire as data: its items, constructs, hypotheses and background questions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import pandas as pd

from crmlab.base.errors import DataError, Fault
from crmlab.base.fit import Summary
from crmlab.base.share import share
from crmlab.base.words import Language
from crmlab.data.persian import fold
from crmlab.survey.inputs import nearest

if TYPE_CHECKING:
    from crmlab.survey.screening import Screening

Text = Mapping[str, str]  # {"en": ..., "fa": ...}; either may be missing
LANGUAGES: tuple[Language, ...] = get_args(Language)


def spoken(text: Text, language: str, otherwise: str) -> str:
    """The text in `language`, or in the other one, or `otherwise` where there is none."""
    return text.get(language) or next(iter(text.values()), otherwise)


@dataclass(frozen=True)
class Scale:
    """Whole codes from `low` to `high`, their labels by language, and codes that stand for no answer."""

    name: str
    low: int
    high: int
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[float, ...] = ()

    @property
    def codes(self) -> dict[str, int]:
        """The code that each label stands for; keys are folded (`crmlab.data.persian.fold`)."""
        return {fold(label): self.low + i for labels in self.labels.values() for i, label in enumerate(labels)}


@dataclass(frozen=True)
class Item:
    """One statement or question: which construct it measures, its words, whether it is worded against it."""

    name: str
    construct: str
    text: Text
    reverse: bool
    scale: Scale


@dataclass(frozen=True)
class Construct:
    """What items measure (mode "A"), what they form ("B"), or what other constructs are `parts` of."""

    name: str
    label: Text
    items: tuple[str, ...]
    mode: Literal["A", "B"] = "A"
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hypothesis:
    """source -> target, or source -> mediators in `through`, one after the other -> target; with its sign."""

    name: str
    source: str
    target: str
    sign: Literal["+", "-", ""] = ""
    through: tuple[str, ...] = ()
    text: Text = field(default_factory=dict)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """The regressions that it needs, as (source, target)."""
        chain = (self.source, *self.through, self.target)
        return tuple(pairwise(chain))


@dataclass(frozen=True)
class Background:
    """A question about the respondent; `labels` by code where the answers are coded."""

    name: str
    label: Text
    labels: Mapping[str, Text] = field(default_factory=dict)
    missing: tuple[float, ...] = ()


@dataclass(frozen=True, repr=False)
class Instrument:
    """A questionnaire: what is asked, what it measures, and what is to be tested.

    `respondent` and `seconds` name the columns of the answers that hold an identifier and the time taken.
    """

    name: str
    title: Text
    items: tuple[Item, ...]
    constructs: tuple[Construct, ...]
    hypotheses: tuple[Hypothesis, ...] = ()
    background: tuple[Background, ...] = ()
    respondent: str = ""
    seconds: str = ""

    @classmethod
    def from_toml(cls, path: str | Path) -> Instrument:
        """What does this questionnaire ask, of which constructs, and which hypotheses does it test?

        datasets/crm_survey/instrument.toml shows every part. Raises DataError with all faults at once: an item in
        two constructs, a construct without items, a hypothesis that names an unknown construct, a scale whose
        labels do not count its points, a key that is not known, and so on.

        >>> Instrument.from_toml(share("datasets", "mobi", "instrument.toml")).model().splitlines()[-1]
        'Complaints ~ Satisfaction'
        """
        source = Path(path)
        try:
            data = tomllib.loads(source.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise DataError(Fault("", "no file has this name", "Check the path and the folder."), f"'{path}'") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            remedy = "Mend that line; save the file as UTF-8."
            raise DataError(Fault("", f"it is no valid TOML: {error}", remedy), f"'{path}'") from None
        return cls.from_dict(data, name=source.parent.name if source.stem == "instrument" else source.stem)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str = "instrument") -> Instrument:
        """The same as `from_toml`, from a mapping that has the file's form."""
        from crmlab.survey.instrument_file import Parser

        parser = Parser()
        found = parser.instrument(data, name)
        if parser.faults:
            raise DataError(parser.faults, f"the instrument '{name}'")
        return found

    @classmethod
    def from_items(
        cls,
        constructs: Mapping[str, Sequence[str]],
        scale: tuple[int, int] = (1, 5),
        paths: Iterable[tuple[str, str]] = (),
        reverse: Iterable[str] = (),
    ) -> Instrument:
        """An instrument without a file: items by construct, one scale, and paths, each of which is a hypothesis.

        >>> print(Instrument.from_items({"A": ["a1", "a2"], "B": ["b1", "b2"]}, paths=[("A", "B")]).model())
        A =~ a1 + a2
        B =~ b1 + b2
        B ~ A
        """
        turned = set(reverse)
        unknown = turned.difference(*constructs.values()) if constructs else turned
        if unknown:
            what = f"reverse names {', '.join(sorted(unknown))}, which no construct has"
            raise DataError(Fault("", what, "Correct the name."), "the instrument")
        return cls.from_dict(
            {
                "scales": {"scale": {"low": scale[0], "high": scale[1]}},
                "constructs": {c: {"items": {i: {"reverse": i in turned} for i in of}} for c, of in constructs.items()},
                "hypotheses": {f"H{n}": {"from": a, "to": b} for n, (a, b) in enumerate(paths, 1)},
            }
        )

    @classmethod
    def bundled(cls, name: str) -> Instrument:
        """The instrument of a bundled data set: "crm_survey" or "mobi".

        >>> Instrument.bundled("crm_survey").measurement["KM"]
        ('KM1', 'KM2', 'KM3', 'KM4')
        """
        return cls.from_toml(share("datasets", name, "instrument.toml"))

    def read(self, source: pd.DataFrame | str | Path, **options: Any) -> tuple[pd.DataFrame, Screening]:
        """The answers as codes, and what to look at before using them: see `crmlab.survey.answers.read_answers`."""
        from crmlab.survey.answers import read_answers

        return read_answers(source, self, **options)

    def without(self, *items: str) -> Instrument:
        """The instrument without some of its items, for a model that leaves them out; raises on unknown names.

        >>> Instrument.bundled("crm_survey").without("TEC4").measurement["TEC"]
        ('TEC1', 'TEC2', 'TEC3')
        """
        if unknown := [name for name in items if name not in self.item_names]:
            raise DataError(
                [Fault("", f"'{n}' is no item", f"Correct it.{nearest(n, self.item_names)}") for n in unknown],
                f"the instrument '{self.name}'",
            )
        kept = tuple(replace(c, items=tuple(i for i in c.items if i not in items)) for c in self.constructs)
        if empty := [c.name for c in kept if not c.items and not c.parts]:
            faults = [Fault("", f"'{name}' has no item left", "Keep one of them.") for name in empty]
            raise DataError(faults, f"the instrument '{self.name}'")
        return replace(self, constructs=kept, items=tuple(i for i in self.items if i.name not in items))

    @property
    def item_names(self) -> tuple[str, ...]:
        """The items, in the questionnaire's order."""
        return tuple(item.name for item in self.items)

    @property
    def measurement(self) -> dict[str, tuple[str, ...]]:
        """The items of each construct that has some; constructs made of constructs are left out."""
        return {c.name: c.items for c in self.constructs if c.items}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that some item is written in."""
        return tuple(language for language in LANGUAGES if any(language in item.text for item in self.items))

    def model(self, structural: bool = True) -> str:
        """The model in lavaan's syntax; with `structural` also the regressions that the hypotheses need."""
        lines = [
            f"{c.name} {'=~' if c.mode == 'A' else '<~'} {' + '.join(c.items or c.parts)}" for c in self.constructs
        ]
        causes: dict[str, dict[str, None]] = {}
        for source, target in (path for h in self.hypotheses for path in h.paths):
            causes.setdefault(target, {})[source] = None
        if structural:
            lines += [f"{target} ~ {' + '.join(sources)}" for target, sources in causes.items()]
        return "\n".join(lines)

    def label(self, name: str, language: Language = "en") -> str:
        """What a construct, item, hypothesis or background question reads as; the name itself where no words are."""
        texts: list[tuple[str, Text]] = [(c.name, c.label) for c in self.constructs]
        texts += [(i.name, i.text) for i in self.items] + [(h.name, h.text) for h in self.hypotheses]
        texts += [(b.name, b.label) for b in self.background]
        return next((spoken(text, language, name) for known, text in texts if known == name), name)

    def table(self, language: Language = "en") -> pd.DataFrame:
        """One row an item: construct, its label, item, words, reverse, lowest and highest code."""
        rows = [
            (i.construct, self.label(i.construct, language), i.name, spoken(i.text, language, ""), i.reverse,
             i.scale.low, i.scale.high) for i in self.items
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["construct", "label", "item", "text", "reverse", "low", "high"])

    def summary(self, language: Language = "en") -> Summary:
        """Constructs with their items (reverse ones marked R), hypotheses and background questions, as text."""
        turned = {i.name for i in self.items if i.reverse}
        lines = [
            f"{spoken(self.title, language, self.name)}   items: {len(self.items)}   constructs: {len(self.constructs)}"
        ]
        for c in self.constructs:
            of = " ".join(f"{i} (R)" if i in turned else i for i in c.items) or " + ".join(c.parts)
            lines.append(f"  {c.name:12s} {self.label(c.name, language)}: {of}")
        for h in self.hypotheses:
            path = " -> ".join((h.source, *h.through, h.target))
            lines.append(
                f"  {h.name:5s}{path} {f'({h.sign})' if h.sign else ''}  {spoken(h.text, language, '')}".rstrip()
            )
        if self.background:
            lines.append(f"  background: {', '.join(b.name for b in self.background)}")
        return Summary("\n".join(lines))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        language = cast(Language, (self.languages or LANGUAGES)[0])
        direction = "rtl" if language == "fa" else "ltr"
        hypotheses = pd.DataFrame(
            [(h.name, " → ".join((h.source, *h.through, h.target)), h.sign) for h in self.hypotheses],
            columns=["hypothesis", "path", "sign"],
        )
        tables = [self.table(language)] + ([hypotheses] if len(hypotheses) else [])
        inside = "".join(table.to_html(index=False, border=0) for table in tables)
        return f'<div dir="{direction}">{inside}</div>'
