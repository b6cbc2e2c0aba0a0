"""From an instrument's TOML to an Instrument, with everything that is wrong with the file said at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmlab.base.errors import Fault
from crmlab.data.persian import fold
from crmlab.survey.inputs import nearest
from crmlab.survey.instrument import LANGUAGES, Background, Construct, Hypothesis, Instrument, Item, Scale
from crmlab.survey.syntax import NAME

_PERSIAN = re.compile("[\u0600-\u06ff]")
MAX_POINTS = 101  # a scale with more points than 0 to 100 is no rating scale


class Parser:
    """Builds an Instrument from a mapping and gathers every fault on the way."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def _fault(self, what: str, remedy: str) -> None:
        self.faults.append(Fault("", what, remedy))

    def _table(self, value: Any, where: str, keys: Iterable[str] | None = None) -> dict[str, Any]:
        """A TOML table whose keys are among `keys` (None: any)."""
        if not isinstance(value, Mapping):
            self._fault(f"{where} is {value!r}, no table", f"Write [{where}] and below it lines such as name = value.")
            return {}
        allowed = None if keys is None else list(keys)
        for key in value:
            if allowed is not None and key not in allowed:
                near = nearest(key, allowed) or f" Known are {', '.join(allowed)}."
                self._fault(f"{where} has the key '{key}', which is not known", f"Correct or drop it.{near}")
        return dict(value)

    def _text(self, value: Any, where: str) -> dict[str, str]:
        if isinstance(value, str):
            return {"fa" if _PERSIAN.search(value) else "en": value}
        texts: dict[str, Any] = {k: v for k, v in self._table(value, where, LANGUAGES).items() if k in LANGUAGES}
        if any(not isinstance(text, str) for text in texts.values()):
            self._fault(f"{where} holds something that is no text", 'Write { en = "...", fa = "..." }.')
            return {}
        return texts

    def _names(self, value: Any, where: str) -> tuple[str, ...]:
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            return tuple(value)
        self._fault(f"{where} is {value!r}", 'Write a list of names: ["A", "B"].')
        return ()

    def _numbers(self, value: Any, where: str) -> tuple[float, ...]:
        value = value if isinstance(value, list | tuple) else [value]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
            return tuple(float(v) for v in value)
        self._fault(f"{where} is {value!r}", "Write a list of numbers: [9, 99].")
        return ()

    def _choice(self, value: Any, where: str, allowed: Sequence[Any]) -> Any:
        if value not in allowed:
            self._fault(f"{where} is {value!r}", f"It must be one of {', '.join(map(repr, allowed))}.")
            return allowed[0]
        return value

    def instrument(self, data: Mapping[str, Any], name: str) -> Instrument:
        """The whole; what could not be read is in `faults`."""
        keys = ("title", "scale", "scales", "constructs", "hypotheses", "background", "columns")
        data = self._table(data, "the top", keys)
        raw = self._table(data.get("scales", {}), "scales")
        scales = {key: self._scale(key, value) for key, value in raw.items()}
        if not scales:
            self._fault("no scale is given", "Write [scales.agree5] with low = 1 and high = 5.")
        default = data.get("scale", next(iter(scales)) if len(scales) == 1 else None)
        if default is not None:
            default = self._pick(default, scales, "the top").name
        constructs, items = [], []
        for key, value in self._table(data.get("constructs", {}), "constructs").items():
            construct, of = self._construct(key, value, scales, default)
            constructs.append(construct)
            items += of
        if not constructs:
            self._fault("no construct is given", "Write [constructs.NAME.items] and its items below.")
        background = [self._question(k, v) for k, v in self._table(data.get("background", {}), "background").items()]
        columns = self._table(data.get("columns", {}), "columns", ("respondent", "seconds"))
        self._homes(constructs, items, [b.name for b in background] + list(columns.values()))
        self._parts(constructs)
        known = [c.name for c in constructs]
        found = [
            self._hypothesis(k, v, known) for k, v in self._table(data.get("hypotheses", {}), "hypotheses").items()
        ]
        seen: dict[tuple[str, ...], str] = {}
        for h in found:
            first = seen.setdefault((h.source, *h.through, h.target), h.name)
            if first != h.name and h.source:
                self._fault(f"hypotheses {first} and {h.name} are about the same path", "Keep one of them.")
        return Instrument(
            name, self._text(data.get("title", {}), "title"), tuple(items), tuple(constructs), tuple(found),
            tuple(background), str(columns.get("respondent", "")), str(columns.get("seconds", "")),
        )  # fmt: skip

    def _scale(self, name: str, value: Any) -> Scale:
        where = f"scales.{name}"
        table = self._table(value, where, ("low", "high", "labels", "missing"))
        low, high = table.get("low"), table.get("high")
        if type(low) is not int or type(high) is not int:
            self._fault(f"{where} needs low and high as whole numbers", "Write low = 1 and high = 5.")
            low, high = 0, 100
        elif not low < high < low + MAX_POINTS:
            self._fault(f"{where} goes from {low} to {high}", f"low must lie below high, by less than {MAX_POINTS}.")
        raw = self._table(table.get("labels", {}), f"{where}.labels", LANGUAGES)
        labels = {k: self._names(v, f"{where}.labels.{k}") for k, v in raw.items()}
        points = high - low + 1
        for language, words in labels.items():
            if words and len(words) != points and points > 1:
                remedy = "Give one label a point, from low to high."
                self._fault(f"{where}.labels.{language} has {len(words)} labels for {points} points", remedy)
            elif len({fold(word) for word in words}) < len(words):
                self._fault(f"{where}.labels.{language} has a label twice", "Each point needs a label of its own.")
        missing = self._numbers(table.get("missing", []), f"{where}.missing")
        for code in missing:
            if low <= code <= high:
                remedy = "Choose a code outside the scale."
                self._fault(f"{where}.missing has {code:g}, which is also a point of the scale", remedy)
        return Scale(name, low, high, labels, missing)

    def _pick(self, name: Any, scales: Mapping[str, Scale], where: str) -> Scale:
        if scales and name not in scales:
            what = f"{where} uses the scale '{name}', which is not there" if name else f"{where} names no scale"
            self._fault(what, f"The scales are {', '.join(scales)}.{nearest(str(name), scales)}")
        return scales.get(name) or next(iter(scales.values()), Scale("", 1, 5))

    def _construct(
        self, name: str, value: Any, scales: Mapping[str, Scale], default: Any
    ) -> tuple[Construct, list[Item]]:
        where = f"constructs.{name}"
        table = self._table(value, where, ("label", "items", "parts", "mode", "scale"))
        raw = table.get("items", {})
        if isinstance(raw, list):
            names = self._names(raw, f"{where}.items")
            if len(set(names)) < len(names):
                self._fault(f"{where}.items names an item twice", "Let each item stand once.")
            raw = {i: {} for i in names}
        items = []
        base = table.get("scale", default)
        for item, words in self._table(raw, f"{where}.items").items():
            at = f"item {item}"
            said = self._text(words, at) if isinstance(words, str) else words
            said = self._table(said, at, (*LANGUAGES, "reverse", "scale"))
            text = self._text({k: v for k, v in said.items() if k in LANGUAGES}, at)
            turned = self._choice(said.get("reverse", False), f"reverse of {at}", (False, True))
            items.append(Item(item, name, text, bool(turned), self._pick(said.get("scale", base), scales, at)))
        parts = self._names(table.get("parts", []), f"{where}.parts")
        if not items and not parts:
            self._fault(f"construct '{name}' has no items", f"Write them below [{where}.items], or name its parts.")
        if items and parts:
            self._fault(f"construct '{name}' has both items and parts", "Keep the items, or the parts.")
        mode = self._choice(table.get("mode", "A"), f"mode of {name}", ("A", "B"))
        label = self._text(table.get("label", {}), f"{where}.label")
        return Construct(name, label, tuple(i.name for i in items), mode, parts), items

    def _homes(self, constructs: Sequence[Construct], items: Sequence[Item], others: Sequence[str]) -> None:
        """Each name stands for one thing, and can be written in a model."""
        home: dict[str, str] = {}
        claims = [(c.name, f"construct '{c.name}'") for c in constructs]
        claims += [(i.name, f"an item of '{i.construct}'") for i in items] + [(o, "another column") for o in others]
        for name, place in claims:
            if name in home:
                what = f"'{name}' is {home[name]} and {place}"
                self._fault(what, "An item belongs to one construct, and a name to one thing.")
            home.setdefault(name, place)
        for name, place in claims[: len(constructs) + len(items)]:
            if not re.fullmatch(NAME, name):
                what = f"'{name}' ({place}) cannot be written in a model"
                self._fault(what, "Use letters, digits, '_' and '.', a letter first; the words go into its text.")

    def _parts(self, constructs: Sequence[Construct]) -> None:
        whole: dict[str, str] = {}
        made = {c.name: c.parts for c in constructs}
        for c in constructs:
            for part in c.parts:
                if part not in made:
                    self._fault(f"'{c.name}' has the part '{part}', which is no construct", self._offer(part, made))
                if whole.setdefault(part, c.name) != c.name:
                    self._fault(f"'{part}' is a part of '{whole[part]}' and of '{c.name}'", "Keep it in one.")
            above, seen = c.name, {c.name}
            while (above := whole.get(above, "")) and above not in seen:
                seen.add(above)
            if above == c.name:
                self._fault(f"construct '{c.name}' is a part of itself", "Take it out of its parts.")

    @staticmethod
    def _offer(name: str, known: Iterable[str]) -> str:
        return nearest(name, known).strip() or f"The constructs are {', '.join(known)}."

    def _hypothesis(self, name: str, value: Any, known: Sequence[str]) -> Hypothesis:
        table = self._table(value, f"hypothesis {name}", ("from", "to", "through", "sign", *LANGUAGES))
        chain = [table.get("from"), *self._names(table.get("through", []), f"through of {name}"), table.get("to")]
        for end, place in zip(chain, ["from", *["through"] * (len(chain) - 2), "to"], strict=True):
            if end is None:
                self._fault(f"hypothesis {name} has no '{place}'", 'Write { from = "A", to = "B", sign = "+" }.')
            elif end not in known:
                self._fault(f"hypothesis {name} names '{end}', which is no construct", self._offer(str(end), known))
        if len(set(chain)) < len(chain) and None not in chain:
            self._fault(f"hypothesis {name} comes back to where it was: {' -> '.join(map(str, chain))}", "Correct it.")
        sign = self._choice(table.get("sign", ""), f"sign of {name}", ("", "+", "-"))
        text = self._text({k: v for k, v in table.items() if k in LANGUAGES}, f"hypothesis {name}")
        source, *through, target = (str(c or "") for c in chain)
        return Hypothesis(name, source, target, sign, tuple(through), text)

    def _question(self, name: str, value: Any) -> Background:
        where = f"background.{name}"
        table = self._table(value, where, ("label", "labels", "missing"))
        raw = self._table(table.get("labels", {}), f"{where}.labels")
        labels = {code: self._text(words, f"{where}.labels.{code}") for code, words in raw.items()}
        label = self._text(table.get("label", {}), f"{where}.label")
        return Background(name, label, labels, self._numbers(table.get("missing", []), f"{where}.missing"))
