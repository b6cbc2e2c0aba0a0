"""Quizzes: multiple choice whose keys are worked out, from the exercises' numbers and from the flash cards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_count, check_option
from crmlab.base.table import text_html
from crmlab.base.words import Language, word
from crmlab.course.exercise import ROWS_SHOWN, Exercise, exercises
from crmlab.course.judging import Answer, same
from crmlab.course.pages import markdown
from crmlab.course.widget import fold_out, widget
from crmlab.data.datasets import load_flashcards

_FEWEST_WRONG, _MOST_WRONG = 2, 3
_LETTERS: dict[Language, tuple[str, ...]] = {"en": ("a", "b", "c", "d"), "fa": ("الف", "ب", "ج", "د")}


@dataclass(frozen=True)
class Choice:
    """One answer to choose: what it says, whether it is right, and what is said to whoever chooses it."""

    text: str
    right: bool
    feedback: str


@dataclass(frozen=True)
class Question:
    """A question (Markdown) with its choices in the order shown; `origin` is the exercise's or the card's name."""

    prompt: str
    choices: tuple[Choice, ...]
    origin: str


@dataclass(frozen=True, repr=False)
class Quiz:
    """Questions to answer by a click, or with `.check(question, choice)`. Made by `quiz`."""

    questions: tuple[Question, ...]
    language: Language = "en"

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines += [f"{number}. {question.prompt}"]
            lines += [f"   {letter}) {one.text}" for letter, one in self._lettered(question)]
        return "\n".join(lines)

    def check(self, question: int, choice: str) -> str:
        """Is choice "a", "b", ... ("الف", "ب", ... in Persian) of question 1, 2, ... right? What is said to it."""
        if check_count("question", question) > len(self):
            raise OptionError(f"question={question!r} is not one of 1 to {len(self)}.")
        choices = dict(self._lettered(self.questions[question - 1]))
        check_option("choice", choice, tuple(choices))
        return self._said(choices[choice])

    def _lettered(self, question: Question) -> Iterator[tuple[str, Choice]]:
        return zip(_LETTERS[self.language], question.choices, strict=False)

    def _said(self, choice: Choice) -> str:
        return " ".join(
            filter(None, (word("quiz.right" if choice.right else "quiz.wrong", self.language), choice.feedback))
        )

    def _repr_html_(self) -> str:
        return widget("quiz", map(self._question, range(len(self))), self.language, ("score",))

    def _question(self, number: int) -> str:
        question = self.questions[number]
        head = text_html(word("quiz.number", self.language, n=number + 1), self.language)
        choices = "".join(
            fold_out(text_html(f"{letter}) {one.text}", self.language), markdown(self._said(one)),
                     "right" if one.right else "wrong")
            for letter, one in self._lettered(question)
        )  # fmt: skip
        return f'<div class="number">{head}</div>{markdown(question.prompt)}{choices}'


def quiz(lesson: int, n: int = 8, seed: int = 0, language: Language = "en") -> Quiz:
    """Do I know lesson `lesson`? Up to n questions; another `seed` asks others, with other numbers.

    Half of them (as far as there are) are the lesson's exercises with new numbers: the right choice is what `solve`
    works out, the wrong ones are what the usual mistakes lead to, each with its explanation. The others are flash cards
    of a group whose backs exclude one another. Raises OptionError where a lesson has neither.

    >>> one = quiz(lesson=5, n=4)
    >>> len(one), {sum(choice.right for choice in question.choices) for question in one.questions}
    (4, {1})
    """
    check_option("language", language, get_args(Language))
    for name, value in (("lesson", lesson), ("n", n)):
        check_count(name, value)
    rng = np.random.default_rng([check_count("seed", seed, 0), lesson])
    worked = list(_from_exercises(exercises(lesson), rng, language))
    cards = load_flashcards()
    known = list(_from_cards(cards[cards["lesson"] == lesson], rng, language))
    if not worked + known:
        there = sorted({*cards["lesson"], *(exercise.lesson for exercise in exercises())})
        raise OptionError(f"lesson={lesson!r} has no quiz; the lessons {', '.join(map(str, there))} have one.")
    some = min(len(worked), max(n // 2, n - len(known)))
    chosen = _some(worked, some, rng) + _some(known, n - some, rng)
    return Quiz(tuple(_some(chosen, len(chosen), rng)), language)


def _some(things: list[Any], n: int, rng: np.random.Generator) -> list[Any]:
    return [things[i] for i in rng.permutation(len(things))[:n]]


def _from_exercises(bank: list[Exercise], rng: np.random.Generator, language: Language) -> Iterator[Question]:
    for exercise in bank:
        if {"function", "figure", "essay"} & {answer.kind for answer in exercise.answers.values()}:
            continue
        seed = int(rng.integers(2**31))
        variant = exercise.variant(seed)
        tables = [value for value in variant.drawn.values() if isinstance(value, pd.DataFrame | pd.Series)]
        if any(len(table) > ROWS_SHOWN for table in tables) or "table" in {a.kind for a in exercise.answers.values()}:
            continue  # not to be answered without a cell to compute in
        text = variant.text(language)
        right = _shown(exercise, variant.key, language)
        wrong: dict[str, str] = {}
        for name, values in variant.mistakes.items():
            differs = any(not same(exercise.answers[a], variant.key[a], value) for a, value in values.items())
            shown = _shown(exercise, variant.key | values, language)
            if differs and shown != right:
                wrong.setdefault(shown, text.mistakes[name])
        if len(wrong) >= _FEWEST_WRONG:
            others = [Choice(shown, False, said) for shown, said in wrong.items()]
            yield _question(
                f"**{text.title}**\n\n{text.prompt}", Choice(right, True, text.solution), others, exercise.slug, rng
            )


def _from_cards(cards: pd.DataFrame, rng: np.random.Generator, language: Language) -> Iterator[Question]:
    front, back = f"front_{language}", f"back_{language}"
    for _, group in cards[cards["group"] != ""].groupby("group", sort=True):
        rows = group.to_dict("records")
        for row in rows if len(rows) > _FEWEST_WRONG else ():
            others = [
                Choice(one[back], False, word("quiz.belongs", language, front=one[front]))
                for one in rows
                if one[back] != row[back]
            ]
            prompt = word("quiz.which", language, front=row[front])
            yield _question(prompt, Choice(row[back], True, ""), others, row["id"], rng)


def _question(prompt: str, right: Choice, wrong: list[Choice], origin: str, rng: np.random.Generator) -> Question:
    choices = [right, *_some(wrong, _MOST_WRONG, rng)]
    return Question(prompt, tuple(_some(choices, len(choices), rng)), origin)


def _shown(exercise: Exercise, values: dict[str, Any], language: Language) -> str:
    texts = {name: _text(answer, values[name], language) for name, answer in exercise.answers.items()}
    return next(iter(texts.values())) if len(texts) == 1 else "; ".join(f"{n} = {t}" for n, t in texts.items())


def _text(answer: Answer, value: Any, language: Language) -> str:
    if answer.kind == "number":
        unit = answer.unit_in(language)
        return f"{_number(float(value), answer.tolerance)} {unit}".strip()
    if isinstance(value, str):
        return value
    values = sorted(map(str, value)) if answer.kind == "choices" else [str(v) for v in value][:1]
    return ", ".join(values) or word("quiz.none", language)


def _number(value: float, tolerance: float) -> str:
    """As many decimals as the tolerance asks for; without one six digits."""
    if tolerance > 0:
        return f"{value:,.{max(0, math.ceil(-math.log10(2 * tolerance)))}f}"
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.6g}"
