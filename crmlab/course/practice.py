"""Practice in a notebook: a question, an answer checked at once, hints in steps, the solution."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from crmlab.base.errors import check_option
from crmlab.base.words import Language, word
from crmlab.course.exercise import Variant, load_exercise
from crmlab.course.judging import Verdict

# between words of the other direction they would fall apart: inline code, dates; a block of code stays as it is
_APART = re.compile(r"(?<!`)`[^`\n]+`(?!`)|(?<![\d/-])\d{4}-\d\d-\d\d(?![\d-])")
_BLOCK = re.compile(r"(^```.*?^```[ \t]*$)", re.MULTILINE | re.DOTALL)


def laid_out(markdown: str, language: Language) -> str:
    """Markdown for a notebook, which takes all to be written from left to right unless told."""
    if language != "fa":
        return markdown
    parts = _BLOCK.split(markdown)
    parts[::2] = [_APART.sub("\u2066\\g<0>\u2069", part) for part in parts[::2]]
    return f'<div dir="rtl">\n\n{"".join(parts)}\n\n</div>'


@dataclass(frozen=True, repr=False)
class Note:
    """A text that a notebook shows as Markdown."""

    text: str
    language: Language = "en"

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return laid_out(self.text, self.language)


def listed(names: Iterable[Any], language: Language) -> str:
    """Names as code, with the language's comma."""
    return word("practice.comma", language).join(f"`{name}`" for name in names)


def form_text(problem: tuple[str, Mapping[str, Any]], unit: str, language: Language) -> str:
    """What is said (as Markdown) of an answer with this `form_problem`: which form is expected, and in which unit?"""
    key, values = problem
    shown = {name: listed(one, language) if isinstance(one, list | tuple) else one for name, one in values.items()}
    said = word(f"practice.{key}", language, **shown)
    return f"{said} {word('practice.in_unit', language, unit=unit)}" if unit else said


@dataclass(frozen=True, repr=False)
class Feedback(Note):
    """What a check says, and the `verdict` behind it (none where nothing could be judged)."""

    verdict: Verdict | None = None


class Practice:
    """One exercise with its numbers drawn, made by `practice`. A method gives the same result each time."""

    def __init__(self, variant: Variant, language: Language) -> None:
        self._variant, self._language = variant, language
        self._text = variant.text(language)

    def __repr__(self) -> str:
        level = self._word("level", level=self._variant.exercise.level)
        names = ", ".join(f"{name}=..." for name in self._variant.exercise.answers)
        how = self._word("answer_with", call=f".check({names if len(self._variant.exercise.answers) > 1 else '...'})")
        return f"**{self._text.title}** ({level})\n\n{self._text.prompt}\n\n*{how}*"

    def _repr_markdown_(self) -> str:
        return laid_out(repr(self), self._language)

    @property
    def data(self) -> dict[str, Any]:
        """The drawn numbers and tables by name; copies, so change them as you like."""
        return copy.deepcopy(self._variant.shown)

    def check(self, value: Any = ..., **named: Any) -> Feedback:
        """Is the answer right, and if not, which common mistake does it look like? Never raises."""
        answers = self._variant.exercise.answers
        names = listed(answers, self._language)
        if value is not ... and len(answers) == 1:
            named = {next(iter(answers)): value, **named}
        elif value is not ...:
            return Feedback(self._word("name_them", names=names), self._language)
        if unknown := [name for name in named if name not in answers]:
            said = self._word("unknown_name", unknown=listed(unknown, self._language), names=names)
            return Feedback(said, self._language)
        verdict = self._variant.judge(named)
        return Feedback("\n\n".join(self._lines(verdict)), self._language, verdict)

    def hint(self, n: int = 1) -> Note:
        """The n-th hint; each says more than the one before."""
        hints = self._text.hints
        if n not in range(1, len(hints) + 1):
            return Note(self._word("hints_are", count=len(hints)), self._language)
        return Note(f"{self._word('hint', n=n, count=len(hints))} {hints[n - 1]}", self._language)

    def solution(self) -> Note:
        """How it is solved, with this variant's numbers."""
        return Note(f"{self._word('solution')} {self._text.solution}", self._language)

    def _word(self, key: str, **values: Any) -> str:
        return word(f"practice.{key}", self._language, **values)

    def _lines(self, verdict: Verdict) -> list[str]:
        states = verdict.states
        if verdict.right:
            return [self._word("right")]
        if set(states.values()) == {"unanswered"}:
            return [self._word("unanswered")]
        several = len(states) > 1
        lines = [f"`{name}`: {self._word(f'is_{state}')}" for name, state in states.items() if several]
        if not several and "wrong" in states.values():
            lines.append(self._word("wrong"))
        for name, problem in verdict.forms.items():
            text = form_text(problem, self._variant.exercise.answers[name].unit_in(self._language), self._language)
            lines.append(f"`{name}`: {text}" if several else text)
        for name in (name for name, state in states.items() if state == "by_hand"):
            rubric = self._text.rubrics[name]
            told = {"total": f"{sum(n for n, _ in rubric):g}"}
            criteria = [f"- {self._word('points', n=f'{n:g}', said=said, **told)}" for n, said in rubric]
            lines.append("\n".join([(f"`{name}`: " if several else "") + self._word("by_hand"), "", *criteria]))
        if verdict.mistake:
            lines.append(f"{self._word('looks_like')} {self._text.mistakes[verdict.mistake]}")
        elif "wrong" in states.values():
            lines.append(self._word("try_hint"))
        return lines


def practice(slug: str, seed: int | np.random.Generator = 0, language: Language = "en") -> Practice:
    """Which exercise do I solve now? Shows it, checks answers, gives hints and the solution.

    slug: the exercise's name. seed: another seed draws other numbers. language: "en" or "fa".
    An unknown name raises OptionError with near names.

    >>> task = practice("discount-to-today", seed=1)
    >>> sorted(task.data)
    ['amount', 'discount', 'years']
    >>> task.check(...)
    No answer yet. Put it in place of `...` and run the cell again.
    >>> task.check("much")
    A single number is expected, not text, a list or a table. (Unit: dollars)
    """
    check_option("language", language, get_args(Language))
    return Practice(load_exercise(slug).variant(seed), language)
