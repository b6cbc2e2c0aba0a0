"""Copied answers: wrong ones that are right for another student, files handed in twice, notebooks made for another."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crmlab.base.words import Language, word
from crmlab.course.forms import Form, flat, read
from crmlab.course.judging import Answer, fold, same

if TYPE_CHECKING:
    from crmlab.course.assignment import Assignment
    from crmlab.course.exercise import Exercise
    from crmlab.course.gradebook import Gradebook, Result
    from crmlab.course.roster import Roster

_COMPARED = ("number", "table", "function")  # a choice that equals another's says nothing
_MOST_CHANCE = 0.02  # of a flagged student, were the work honest


@dataclass(frozen=True)
class Flag:
    """What an instructor should look at; it proves nothing.

    kind: "key" (wrong answers that are right for `other`), "file" (the same file or code as `other`'s) or "owner" (a
    notebook made for `other`). chance: how many others would fit as well by accident, at most.
    """

    student: str
    attempt: int
    other: str
    answers: tuple[str, ...]
    kind: Literal["key", "file", "owner"]
    chance: float = 0.0

    def text(self, language: Language) -> str:
        """The evidence in words."""
        return word(f"class_report.flag_{self.kind}", language, other=self.other, answers=", ".join(self.answers))


def find_copies(
    gradebook: Gradebook, assignment: Assignment, roster: Roster, secret: bytes, results: Sequence[Result]
) -> list[Flag]:
    """Whose work looks like another student's? In the roster's order; one flag for a pair and a kind.

    A wrong number, table or function counts where it equals another student's key of the same exercise and is not one
    of the known mistakes. How often two keys agree says how many others it would fit by accident; a pair's exercises
    multiply that, since each is drawn on its own. At most `_MOST_CHANCE` is a flag. Code is compared without comments
    and without the lines that the student was given.
    """
    found = [*_handed(gradebook, roster), *_keys(gradebook, assignment, roster, secret, results)]
    best: dict[tuple[str, str, str], Flag] = {}
    for flag in sorted(found, key=lambda flag: (flag.chance, flag.attempt)):
        best.setdefault((flag.student, flag.other, flag.kind), flag)
    place = {student.id: n for n, student in enumerate(roster.students)}
    return sorted(best.values(), key=lambda flag: (place[flag.student], flag.kind, flag.other))


def _handed(gradebook: Gradebook, roster: Roster) -> Iterator[Flag]:
    first: dict[str, list[Any]] = defaultdict(list)
    for student in roster.students:
        for one in gradebook.handed_in(student.id):
            if one.meant_for and fold(one.meant_for) != fold(student.id):
                yield Flag(student.id, one.attempt, one.meant_for[:64], (), "owner")
            for print_ in filter(None, (one.sha256, one.own)):
                first[print_].append((one.time, student.id, one.attempt))
    for handed in first.values():
        (_, owner, _), *later = sorted(handed)
        yield from (Flag(student, attempt, owner, (), "file") for _, student, attempt in later if student != owner)


def _keys(
    gradebook: Gradebook, assignment: Assignment, roster: Roster, secret: bytes, results: Sequence[Result]
) -> Iterator[Flag]:
    keys: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for student in roster.students:
        for piece in assignment.pieces(secret, student.id):
            keys[piece.exercise.slug][student.id] = piece.variant.key
    known: dict[tuple[str, str], _Known] = {}
    for result in results:
        for attempt in result.attempts:
            fits: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
            given: dict[int, dict[str, Any]] = {}
            for one in (one for one in attempt.pieces if one.mistake is None):
                exercise = assignment.exercises[one.slug]
                for name, state in one.states.items():
                    if state == "wrong" and exercise.answers[name].kind in _COMPARED:
                        given = given or gradebook.given(result.student.id, attempt.attempt)
                        if (one.slug, name) not in known:
                            known[one.slug, name] = _Known(exercise, name, keys[one.slug])
                        here = known[one.slug, name]
                        others = here.like(given[one.number][name], result.student.id)
                        for other in others:
                            fits[other][one.slug][name] = max(here.rate, (len(others) - 1) / len(here.keys))
            for other, slugs in fits.items():
                chance = (len(roster.students) - 1) * math.prod(min(names.values()) for names in slugs.values())
                if chance <= _MOST_CHANCE:
                    answers = tuple(f"{slug}/{name}" for slug, names in slugs.items() for name in names)
                    yield Flag(result.student.id, attempt.attempt, other, answers, "key", float(f"{chance:.2g}"))


class _Known:
    """One answer's keys, of all students."""

    def __init__(self, exercise: Exercise, name: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self.exercise, self.name, self.answer = exercise, name, exercise.answers[name]
        self.students, self.keys = list(keys), [key[name] for key in keys.values()]
        self.sizes, self.slack = _sizes(self.answer, self.keys)

    def like(self, value: Any, student: str) -> list[str]:
        """For which other students is this value right?"""
        own = self.keys[self.students.index(student)]
        try:
            value = read(self.answer.form(own), value)
        except Form:
            return []
        found = _alike(self.answer, value, self.keys, self.sizes, self.slack)
        function = self.answer.kind == "function"  # it was called with this student's arguments
        return [
            self.students[at]
            for at in found
            if self.students[at] != student and not (function and not _same_calls(own, self.keys[at]))
        ]

    @cached_property
    def rate(self) -> float:
        """How often do two keys agree? Never 0: one pair more than there is."""
        least = math.ceil(2 * math.sqrt(len(self.keys) / _MOST_CHANCE))  # with fewer no answer alone could be a flag
        more = range(max(0, least - len(self.keys)))
        keys = self.keys + [self.exercise.variant(seed).key[self.name] for seed in more]
        sizes, slack = _sizes(self.answer, keys)
        equal = sum(len(_alike(self.answer, key, keys, sizes, slack)) - 1 for key in keys)
        return (equal / 2 + 1) / (len(keys) * (len(keys) - 1) / 2 + 1)


def _same_calls(key: Any, other: Any) -> bool:
    return repr([arguments for arguments, _ in key]) == repr([arguments for arguments, _ in other])


def _alike(answer: Answer, value: Any, keys: Sequence[Any], sizes: np.ndarray, slack: np.ndarray) -> list[int]:
    """Which keys is this value equal to? Few are compared in full: those of about its size."""
    size = _numbers(answer, value).sum()
    return [at for at in np.flatnonzero(np.abs(sizes - size) <= slack).tolist() if same(answer, keys[at], value)]


def _sizes(answer: Answer, keys: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each key's numbers, and how far an equal value's may be from it."""
    numbers = [np.abs(_numbers(answer, key)) for key in keys]
    slack = [len(n) * answer.tolerance + (answer.relative + 1e-9) * n.sum() for n in numbers]
    return np.array([_numbers(answer, key).sum() for key in keys]), np.array(slack)


def _numbers(answer: Answer, value: Any) -> np.ndarray:
    if answer.kind == "number":
        return np.array([float(value)])
    if answer.kind == "table":
        return np.nan_to_num(flat(value).select_dtypes("number").to_numpy(float).ravel(), posinf=0, neginf=0)
    return np.zeros(1)  # functions are few
