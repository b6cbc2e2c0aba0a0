"""An exercise: a folder whose code draws a variant and solves it, and whose texts ask and explain."""

from __future__ import annotations

import copy
import difflib
import hashlib
import importlib.util
import inspect
import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError
from crmlab.base.share import share
from crmlab.base.words import Language
from crmlab.course.forms import BY_HAND
from crmlab.course.judging import Answer, Verdict, answer_faults, judge, outcomes

ROWS_SHOWN = 12


@dataclass(frozen=True)
class Text:
    """What an exercise says in one language; `mistakes` holds an explanation for each.

    `rubrics` holds for each answer that is marked by hand (points, criterion), in order.
    """

    title: str
    prompt: str
    hints: tuple[str, ...]
    mistakes: dict[str, str]
    solution: str
    rubrics: dict[str, tuple[tuple[float, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Exercise:
    """One exercise of the bank: `exercises/SLUG/` with exercise.py, en.md, fa.md. Made by `load_exercise`."""

    slug: str
    about: str
    lesson: int
    level: int
    tags: tuple[str, ...]
    answers: dict[str, Answer]
    draw: Callable[[np.random.Generator], dict[str, Any]]
    solve: Callable[..., dict[str, Any]]
    mistakes: dict[str, Callable[..., dict[str, Any]]]
    texts: dict[str, Text]
    digest: str = ""  # of its files

    @property
    def automatic(self) -> float:
        """Which share of the score needs no person to mark it?"""
        told = sum(answer.weight for answer in self.answers.values() if not answer.by_hand)
        return told / sum(answer.weight for answer in self.answers.values())

    def variant(self, rng: np.random.Generator | int) -> Variant:
        """What does one student get? The same `rng` state or seed draws the same variant."""
        drawn = self.draw(np.random.default_rng(rng))
        if set(drawn) != set(names := _parameters(self.solve)):
            raise CrmlabError(f"exercises/{self.slug}: draw gives {sorted(drawn)}, but solve takes {sorted(names)}.")
        key = {name: value for name, value in self.solve(**copy.deepcopy(drawn)).items() if value is not None}
        if set(key) != (wanted := {name for name, answer in self.answers.items() if not answer.by_hand}):
            raise CrmlabError(f"exercises/{self.slug}: solve gives {sorted(key)}, not {sorted(wanted)}.")
        return Variant(self, drawn, key)


@dataclass(frozen=True)
class Variant:
    """An exercise with its numbers drawn: the data that the student sees, and the key."""

    exercise: Exercise
    drawn: dict[str, Any]
    key: dict[str, Any]

    @cached_property
    def mistakes(self) -> dict[str, dict[str, Any]]:
        """The wrong answers that each usual mistake leads to in this variant."""
        found = {name: wrong(**copy.deepcopy(self.drawn)) for name, wrong in self.exercise.mistakes.items()}
        functions = {name for name, answer in self.exercise.answers.items() if answer.kind == "function"}
        return {
            name: {a: outcomes(value, self.key[a]) if a in functions else value for a, value in values.items()}
            for name, values in found.items()
        }

    @property
    def shown(self) -> dict[str, Any]:
        """What the student sees of `drawn`: all but the names that begin with `_`, told by the solution alone."""
        return {name: value for name, value in self.drawn.items() if not name.startswith("_")}

    def calls(self) -> dict[str, list[tuple[Any, ...]]]:
        """With which hidden arguments is each answer that is a function called?"""
        functions = [name for name, answer in self.exercise.answers.items() if answer.kind == "function"]
        return {name: [arguments for arguments, _ in self.key[name]] for name in functions}

    def forms(self) -> dict[str, dict[str, Any]]:
        """What must each answer look like? Plain data for `form_problem` (crmlab.course.forms), without the key."""
        return {name: answer.form(self.key.get(name)) for name, answer in self.exercise.answers.items()}

    def judge(self, given: Mapping[str, Any]) -> Verdict:
        """How good are these answers? See crmlab.course.judging.judge."""
        return judge(self.exercise.answers, self.key, lambda: self.mistakes, given)

    def text(self, language: Language = "en") -> Text:
        """The exercise's text with this variant's numbers; tables that the prompt does not name follow it."""
        raw = self.exercise.texts[language]
        fill = self.shown
        placed = set(placeholders(raw.prompt))
        tables = "".join(
            f"\n\n`{name}`:\n\n{markdown_table(value)}"
            for name, value in fill.items()
            if isinstance(value, pd.DataFrame | pd.Series) and name not in placed
        )
        return Text(
            _fill(raw.title, fill),
            _fill(raw.prompt, fill) + tables,
            tuple(_fill(hint, fill) for hint in raw.hints),
            {name: _fill(text, fill) for name, text in raw.mistakes.items()},
            _fill(raw.solution, self.drawn | self.key),
            {name: tuple((n, _fill(said, fill)) for n, said in lines) for name, lines in raw.rubrics.items()},
        )


def load_exercise(slug: str, root: Path | None = None) -> Exercise:
    """Which exercise has this name? Read from `root` (default: the bundled bank) and checked.

    Raises OptionError, naming near ones, where there is none; DataError with everything that is wrong
    with the folder otherwise.
    """
    root = share("exercises") if root is None else root
    folder = root / str(slug)
    if folder.name != slug or not (folder / "exercise.py").is_file():
        known = slugs(root)
        near = difflib.get_close_matches(str(slug), known, n=3, cutoff=0.5)
        raise OptionError(f"No exercise is called {slug!r}. " + (f"Near: {', '.join(near)}." if near else
                          f"There are {', '.join(known) or 'none'}."))  # fmt: skip
    try:
        module = _import(folder / "exercise.py")
    except Exception as error:
        raise DataError(Fault("", f"exercise.py does not run: {error!r}", "Mend it."), f"exercises/{slug}") from error
    texts, faults = {}, list(_module_faults(module))
    for language in get_args(Language):
        path = folder / f"{language}.md"
        if not path.exists():
            faults.append(Fault("", f"{path.name} is missing", "Write it; every language has every section."))
            continue
        texts[language], wrong = read_text(_read(path))
        faults += [Fault("", f"{path.name}: {what}", remedy) for what, remedy in wrong]
    if faults:
        raise DataError(faults, f"exercises/{slug}")
    for language, text in texts.items():
        faults += [Fault("", f"{language}.md: {w}", remedy) for w, remedy in _text_faults(module, text)]
    if len({len(text.hints) for text in texts.values()}) > 1:
        faults.append(Fault("", "the languages have different numbers of hints", "Give each the same hints."))
    points = [{name: [n for n, _ in lines] for name, lines in text.rubrics.items()} for text in texts.values()]
    if any(one != points[0] for one in points):
        faults.append(Fault("", "the languages have rubrics of different points", "Give each the same points."))
    if faults:
        raise DataError(faults, f"exercises/{slug}")
    return Exercise(
        slug, (module.__doc__ or "").strip(), module.lesson, module.level, tuple(module.tags),
        {name: Answer(**spec) for name, spec in module.answers.items()},
        module.draw, module.solve, dict(module.mistakes), texts, _digest(folder),
    )  # fmt: skip


def _digest(folder: Path) -> str:
    said = [_read(folder / name) for name in ("exercise.py", "en.md", "fa.md")]  # as text: line ends do not count
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def exercises(lesson: int | None = None) -> list[Exercise]:
    """Which exercises are there (for one lesson, if given)? By lesson, level and name."""
    root, says = share("exercises"), re.compile(rf"^lesson = {lesson}\b", re.M)
    chosen = [slug for slug in slugs(root) if lesson is None or says.search(_read(root / slug / "exercise.py"))]
    found = [load_exercise(slug) for slug in chosen]
    kept = [exercise for exercise in found if lesson in (None, exercise.lesson)]
    return sorted(kept, key=lambda exercise: (exercise.lesson, exercise.level, exercise.slug))


def slugs(root: Path) -> list[str]:
    """The names of the exercises in a folder."""
    return sorted(path.parent.name for path in root.glob("*/exercise.py"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _import(path: Path) -> ModuleType:
    """The file as a module of its own; nothing is added to sys.modules."""
    spec = importlib.util.spec_from_file_location(f"exercise_{path.parent.name.replace('-', '_')}", path)
    if spec is None or spec.loader is None:
        raise CrmlabError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _module_faults(module: ModuleType) -> Iterator[Fault]:
    if not (module.__doc__ or "").strip():
        yield Fault("", "exercise.py has no docstring", "Say in a sentence what is asked.")
    wanted: dict[str, tuple[type | tuple[type, ...], str]] = {
        "lesson": (int, "lesson = 4"),
        "level": (int, "level = 1 (2 or 3)"),
        "tags": ((tuple, list), "tags = ('rfm',)"),
        "answers": (dict, "answers = {'orders': {'kind': 'number'}}"),
        "mistakes": (dict, "mistakes = {'key': function}"),
    }
    for name, (kind, example) in wanted.items():
        if not isinstance(getattr(module, name, None), kind):
            yield Fault("", f"exercise.py does not say {name}", f"Write {example}.")
    if getattr(module, "level", 1) not in (1, 2, 3):
        yield Fault("", "level is not 1, 2 or 3", "Choose one.", example=module.level)
    for name in ("draw", "solve"):
        if not callable(getattr(module, name, None)):
            yield Fault("", f"exercise.py has no {name}", f"Define {name}.")
    answers = getattr(module, "answers", {})
    if not answers:
        yield Fault("", "there is no answer to give", "Name at least one in `answers`.")
    for name, spec in answers.items() if isinstance(answers, dict) else ():
        yield from answer_faults(name, spec)
    if callable(solve := getattr(module, "solve", None)):
        if any(p.kind == p.VAR_KEYWORD for p in inspect.signature(solve).parameters.values()):
            yield Fault("", "solve takes **drawn", "Name its parameters: they are the placeholders of the texts.")
        if both := set(_parameters(solve)) & set(answers):
            yield Fault("", "a drawn name is also an answer's name", "Rename one.", example=sorted(both)[0])


def read_text(source: str) -> tuple[Text, list[tuple[str, str]]]:
    """The parts of an en.md or fa.md, and what is wrong with them as (what, remedy)."""
    pieces = re.split(r"^##[ \t]+(.+?)[ \t]*$", source.strip(), flags=re.M)
    head = re.match(r"#[ \t]+(.+)\n", pieces[0] + "\n")
    prompt = pieces[0][head.end() :].strip() if head else ""
    sections = [(name, body.strip()) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)]
    faults = []
    if head is None:
        faults.append(("it does not begin with '# Title'", "Put the title in the first line."))
    if not prompt:
        faults.append(("there is no prompt", "Write it below the title."))
    for name, body in sections:
        if name not in ("Hint", "Solution") and not name.startswith(("Mistake: ", "Rubric: ")):
            known = "'## Hint', '## Mistake: key', '## Rubric: answer', '## Solution'"
            faults.append((f"'## {name}' is no section", f"Sections are {known}."))
        elif not body:
            faults.append((f"'## {name}' is empty", "Write it, or take it away."))
    hints = tuple(body for name, body in sections if name == "Hint")
    solutions = [body for name, body in sections if name == "Solution"]
    if not hints:
        faults.append(("there is no '## Hint'", "Write at least one."))
    if len(solutions) != 1:
        faults.append((f"there are {len(solutions)} sections '## Solution'", "Write one."))
    mistakes = {name.removeprefix("Mistake: "): body for name, body in sections if name.startswith("Mistake: ")}
    title = head[1].strip() if head else ""
    rubrics, line = {}, re.compile(r"-[ \t]+(\d+(?:\.\d+)?):[ \t]+(\S.*)")
    for name, body in sections:
        if name.startswith("Rubric: "):
            lines = [line.fullmatch(one) for one in body.splitlines() if one.strip()]
            rubrics[name.removeprefix("Rubric: ")] = tuple((float(one[1]), one[2]) for one in lines if one)
            if not all(one and float(one[1]) > 0 for one in lines):
                remedy = "Write each as '- 2: criterion', points above 0."
                faults.append((f"'## {name}' has lines without points", remedy))
    return Text(title, prompt, hints, mistakes, solutions[0] if solutions else "", rubrics), faults


def _text_faults(module: ModuleType, text: Text) -> Iterator[tuple[str, str]]:
    for name in module.mistakes.keys() - text.mistakes.keys():
        yield f"mistake '{name}' has no explanation", f"Add '## Mistake: {name}'."
    for name in text.mistakes.keys() - module.mistakes.keys():
        yield f"'## Mistake: {name}' explains no mistake of exercise.py", "Rename it, or add the mistake."
    kinds = {name: spec["kind"] for name, spec in module.answers.items()}
    marked = {name for name, kind in kinds.items() if kind in BY_HAND}
    for name in marked - text.rubrics.keys():
        yield f"answer '{name}' is marked by hand, but has no rubric", f"Add '## Rubric: {name}', '- 2: criterion'."
    for name in text.rubrics.keys() - marked:
        yield f"'## Rubric: {name}' is of no answer that is marked by hand", "Rename it, or take it away."
    drawn = {name for name in _parameters(module.solve) if not name.startswith("_")}
    told = {name for name, kind in kinds.items() if name not in marked and kind != "function"}
    parts = {"title": text.title, "prompt": text.prompt, "solution": text.solution}
    parts |= {f"hint {i}": hint for i, hint in enumerate(text.hints, 1)}
    parts |= {f"mistake {name}": explanation for name, explanation in text.mistakes.items()}
    parts |= {f"rubric {name}": " ".join(said for _, said in lines) for name, lines in text.rubrics.items()}
    for part, body in parts.items():
        known = set(_parameters(module.solve)) | told if part == "solution" else drawn
        try:
            unknown = sorted(set(placeholders(body)) - known)
        except ValueError as error:
            yield f"{part}: braces do not pair ({error})", "Double a brace that is no placeholder: {{ }}."
            continue
        for name in unknown:
            yield f"{part}: placeholder {{{name}}} is not known", f"Known are {', '.join(sorted(known))}."


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def placeholders(text: str) -> Iterator[str]:
    """The names that a text has in braces."""
    for _, name, spec, _ in string.Formatter().parse(text):
        if name is not None:
            yield re.split(r"[.\[]", name)[0]
            yield from placeholders(spec or "")


class _Filler(string.Formatter):
    """str.format that also shows tables and arrays."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, pd.DataFrame | pd.Series):
            return f"\n\n{markdown_table(value)}\n\n"
        if isinstance(value, np.ndarray | list | tuple):
            return ", ".join(self.format_field(one, format_spec) for one in value)
        return str(super().format_field(value, format_spec))


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _Filler().vformat(text, (), values)


def as_frame(table: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """The table with a head for each column; that of a Series without a name is "value"."""
    if isinstance(table, pd.DataFrame):
        return table
    return table.to_frame("value" if table.name is None else table.name)


def markdown_table(table: pd.DataFrame | pd.Series, rows: int = ROWS_SHOWN) -> str:
    """A table as Markdown: the first `rows` rows, and how many more there are.

    >>> print(markdown_table(pd.DataFrame({"customer": ["a", "b"], "orders": [2, 1]})))
    | customer | orders |
    |---|---|
    | a | 2 |
    | b | 1 |
    """
    frame = as_frame(table)
    frame = frame.reset_index(drop=isinstance(frame.index, pd.RangeIndex))
    lines = [list(map(str, frame.columns)), ["---"] * frame.shape[1]]
    lines += [list(map(_cell, row)) for row in frame.head(rows).itertuples(index=False)]
    if len(frame) > rows:
        lines.append([f"... +{len(frame) - rows:,}", *[""] * (frame.shape[1] - 1)])
    return "\n".join(f"| {' | '.join(line)} |" if i != 1 else f"|{'|'.join(line)}|" for i, line in enumerate(lines))


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    return str(value).replace("|", "\\|")
