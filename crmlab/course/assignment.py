"""An assignment: which exercises, for how many points, until when; and which variant belongs to which student."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from crmlab.base.errors import CrmlabError, DataError, Fault, OptionError, is_number
from crmlab.base.share import share
from crmlab.base.toml import read_toml
from crmlab.base.words import Language
from crmlab.course.exercise import Exercise, Variant, load_exercise, slugs
from crmlab.course.judging import fold

Counts = Literal["best", "last"]
_SHORTEST_SECRET = 16  # bytes
_KNOWN = {"id", "title", "due", "attempts", "counts", "language", "bank", "late", "limits", "exercises"}
_KNOWN_LIMITS = {"cell_s": 3600, "total_s": 36_000, "memory_mb": 65_536}  # and the most that makes sense
_KNOWN_LATE = {"per_day", "grace_minutes", "days"}
_KNOWN_SLOT = {"slug", "tag", "lesson", "level", "draw", "points"}


@dataclass(frozen=True)
class Late:
    """What does a late answer cost? `per_day` of the score for each day begun, and all of it after `days`.

    Up to `grace_minutes` after the time nothing is taken off.
    """

    per_day: float = 0.0
    grace_minutes: float = 0.0
    days: int = 0

    def factor(self, late_by: timedelta) -> float:
        """Which share of the score is left of a submission that is so late?

        >>> Late(per_day=0.1, days=5).factor(timedelta(hours=25))
        0.8
        """
        if late_by <= timedelta(minutes=self.grace_minutes):
            return 1.0
        begun = -(-late_by // timedelta(days=1))
        return 0.0 if begun > self.days else round(max(0.0, 1 - self.per_day * begun), 10)


@dataclass(frozen=True)
class Slot:
    """A place of an assignment: an exercise by its name, or `draw` of those with a tag, a lesson or a level."""

    points: float
    slug: str = ""
    tag: str = ""
    lesson: int | None = None
    level: int | None = None
    draw: int = 1

    def takes(self, exercise: Exercise) -> bool:
        """May this exercise stand here?"""
        if self.slug:
            return exercise.slug == self.slug
        return (
            (not self.tag or self.tag in exercise.tags)
            and self.lesson in (None, exercise.lesson)
            and self.level in (None, exercise.level)
        )


@dataclass(frozen=True)
class Piece:
    """One exercise of one student: its number in the notebook (from 1), its points, its variant."""

    number: int
    points: float
    variant: Variant

    @property
    def exercise(self) -> Exercise:
        """The exercise that the variant is drawn from."""
        return self.variant.exercise


@dataclass(frozen=True)
class Assignment:
    """What `read_assignment` read. `due` None: nothing is late. `limits`: see crmlab.course.sandbox.Limits."""

    id: str
    title: Mapping[str, str]
    slots: tuple[Slot, ...]
    exercises: Mapping[str, Exercise]
    due: datetime | None = None
    attempts: int = 1
    counts: Counts = "best"
    language: Language = "en"
    late: Late = Late()
    limits: Mapping[str, Any] = field(default_factory=dict)
    _made: dict[Any, tuple[Piece, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def points(self) -> float:
        """The largest score."""
        return sum(slot.points * slot.draw for slot in self.slots)

    @property
    def size(self) -> int:
        """How many exercises does each student get?"""
        return sum(slot.draw for slot in self.slots)

    def title_in(self, language: Language) -> str:
        """The title in this language, or else in the one that there is."""
        return self.title.get(language) or next(iter(self.title.values()))

    @cached_property
    def digest(self) -> str:
        """A mark of everything that a score depends on: the specification, but for its title, and the exercises."""
        slots, files = [vars(slot) for slot in self.slots], {e.slug: e.digest for e in self.exercises.values()}
        said = [self.id, slots, vars(self.late), self.attempts, self.counts, str(self.due), files]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def seed(self, secret: bytes, student: str, part: str = "") -> int:
        """Which seed has this student? HMAC-SHA256 of assignment, student and part, under the instructor's secret.

        The student's id counts as it is compared: small letters, ASCII digits, no spaces at its ends.
        """
        message = json.dumps(["crmlab", self.id, fold(student), part]).encode("ascii")
        return int.from_bytes(hmac.digest(secret, message, "sha256"), "big")

    def slugs(self, secret: bytes, student: str) -> tuple[tuple[str, float], ...]:
        """Which exercises does this student get, each with its points?"""
        rng = np.random.default_rng(self.seed(secret, student, "choice"))
        taken = {slot.slug for slot in self.slots if slot.slug}
        found: list[tuple[str, float]] = []
        for slot in self.slots:
            chosen = [slot.slug]
            if not slot.slug:
                open_ = sorted(e.slug for e in self.exercises.values() if slot.takes(e) and e.slug not in taken)
                chosen = [open_[i] for i in sorted(rng.choice(len(open_), slot.draw, replace=False))]
                taken.update(chosen)
            found += [(slug, slot.points) for slug in chosen]
        return tuple(found)

    def pieces(self, secret: bytes, student: str) -> tuple[Piece, ...]:
        """Which variants does this student get? The same ones each time, solved; they are kept, so change nothing."""
        if (secret, student) not in self._made:
            self._made[secret, student] = tuple(
                Piece(number, points, self.exercises[slug].variant(self.seed(secret, student, slug)))
                for number, (slug, points) in enumerate(self.slugs(secret, student), 1)
            )
        return self._made[secret, student]


def read_assignment(path: str | Path) -> Assignment:
    """Which assignment does this TOML file describe? Bundled ones also by name, such as "lifetime-value".

    Raises DataError with everything that is wrong in it at once. A `bank` is a folder of exercises of one's own,
    beside the file; its exercises go before the bundled ones of the same name, and tags draw from it alone.
    """
    file = Path(path)
    bundled = share("exercises", "assignments") / f"{file.name}.toml"
    if not file.suffix and not file.exists() and bundled.exists():
        file = bundled
    said = read_toml(file)
    faults = list(_faults(said))
    slots: tuple[Slot, ...] = ()
    exercises: dict[str, Exercise] = {}
    if not faults:
        slots = tuple(Slot(**slot) for slot in said["exercises"])
        exercises, faults = _load(slots, file.parent / said["bank"] if "bank" in said else None)
    if faults:
        raise DataError(faults, f"'{file.name}'")
    title = {"en": said["title"]} if isinstance(said["title"], str) else said["title"]
    rest = {name: said[name] for name in ("due", "attempts", "counts", "language", "limits") if name in said}
    return Assignment(said["id"], title, slots, exercises, late=Late(**said.get("late", {})), **rest)


def _faults(said: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _unknown("", said, _KNOWN)
    name = said.get("id")
    if not (isinstance(name, str) and name.isascii() and name.replace("-", "").isalnum() and len(name) <= 64):
        yield Fault("", "id is no name", "Write letters, digits, hyphens: id = 'homework-1'.", example=name)
    titles = {"en": said["title"]} if isinstance(said.get("title"), str) else said.get("title")
    if not (isinstance(titles, dict) and titles and all(map(_one_line, titles.values()))):
        yield Fault("", "there is no title of one line", "Write title = {en = '...', fa = '...'}.")
    elif unknown := set(titles) - set(get_args(Language)):
        yield Fault("", "title has an unknown language", "Known are en and fa.", example=min(unknown))
    due = said.get("due")
    if due is not None and not (isinstance(due, datetime) and due.tzinfo):
        yield Fault("", "due is no time with a zone", "Write due = 2026-12-04T23:59:00+03:30.", example=due)
    if not _whole(said.get("attempts", 1), 1):
        yield Fault("", "attempts is no whole number of 1 or more", "Write attempts = 2.", example=said["attempts"])
    for option, allowed in (("counts", get_args(Counts)), ("language", get_args(Language))):
        if said.get(option, allowed[0]) not in allowed:
            yield Fault("", f"{option} is none of {', '.join(allowed)}", "Choose one.", example=said[option])
    if not isinstance(said.get("bank", ""), str):
        yield Fault("", "bank is no folder's name", "Write bank = 'my-exercises'.", example=said["bank"])
    limits: Any = said.get("limits", {})
    given: list[tuple[str, Any]] = list(limits.items()) if isinstance(limits, dict) else [("limits", None)]
    for name, value in given:
        if not (is_number(value) and 0 < value <= _KNOWN_LIMITS.get(name, 0)):
            known = ", ".join(f"{limit} (at most {most:,})" for limit, most in _KNOWN_LIMITS.items())
            what = f"limits: {name} is no known limit, or no number for it"
            yield Fault("", what, f"Known are {known}.", example=value)
    late = said.get("late", {})
    if not isinstance(late, dict):
        yield Fault("", "late is no table", "Write [late] and below it per_day = 0.1.")
        late = {}
    yield from _unknown("late: ", late, _KNOWN_LATE)
    for name, most, what, example in (("per_day", 1, "share", "0.1"), ("grace_minutes", 1e6, "time", "10")):
        if not (is_number(late.get(name, 0)) and 0 <= late.get(name, 0) <= most):
            yield Fault("", f"late: {name} is no {what}", f"Write {name} = {example}.", example=late[name])
    if not _whole(late.get("days", 0), 0):
        yield Fault("", "late: days is no whole number", "Write days = 5.", example=late["days"])
    slots = said.get("exercises")
    if not (isinstance(slots, list) and slots and all(isinstance(slot, dict) for slot in slots)):
        yield Fault("", "there are no exercises", "Write [[exercises]] and below it slug = '...' and points = 10.")
        return
    for place, slot in enumerate(slots, 1):
        yield from _slot_faults(f"exercises, entry {place}: ", slot)
    named = [slot["slug"] for slot in slots if slot.get("slug")]
    if twice := {slug for slug in named if named.count(slug) > 1}:
        yield Fault("", "an exercise stands twice", "Take one away.", example=min(twice))


def _one_line(text: object) -> bool:
    return isinstance(text, str) and len(text.splitlines()) == 1


def _slot_faults(where: str, slot: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _unknown(where, slot, _KNOWN_SLOT)
    points: Any = slot.get("points")
    if not (is_number(points) and 0 < points < 1e6):
        yield Fault("", f"{where}points is no number above 0", "Write points = 10.", example=points)
    kinds = {"slug": str, "tag": str, "lesson": int, "level": int}
    for name, kind in kinds.items():
        if name in slot and (not isinstance(slot[name], kind) or isinstance(slot[name], bool)):
            yield Fault("", f"{where}{name} is no {'text' if kind is str else 'whole number'}", "Mend it.")
    if ("slug" in slot) == bool(slot.keys() & {"tag", "lesson", "level"}):
        yield Fault("", f"{where}it needs a slug, or else a tag, a lesson or a level", "Write slug = 'lift'.")
    if not _whole(slot.get("draw", 1), 1) or ("slug" in slot and slot.get("draw", 1) != 1):
        yield Fault("", f"{where}draw is a whole number, for tags, lessons and levels", "Write draw = 2.")


def _unknown(where: str, said: Mapping[str, Any], known: set[str]) -> Iterator[Fault]:
    for name in sorted(set(said) - known):
        yield Fault("", f"{where}'{name}' is not known", f"Known are {', '.join(sorted(known))}.")


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _load(slots: tuple[Slot, ...], bank: Path | None) -> tuple[dict[str, Exercise], list[Fault]]:
    bundled = share("exercises")
    own = set(slugs(bank)) if bank else set()
    if bank and not own:
        return {}, [Fault("", f"bank: {bank} holds no exercise", "Give a folder of exercises.")]
    wanted = fixed = {slot.slug for slot in slots if slot.slug}
    if any(not slot.slug for slot in slots):
        wanted = fixed | (own or set(slugs(bundled)))
    found, faults = {}, []
    for slug in sorted(wanted):
        try:
            found[slug] = load_exercise(slug, bank if slug in own else bundled)
        except CrmlabError as error:
            faults.append(Fault("", str(error).rstrip("."), "Mend its name or its folder."))
    kept = fixed.copy()
    for place, slot in enumerate(slots, 1):
        if slot.slug:
            continue
        fitting = {e.slug for e in found.values() if slot.takes(e)} - fixed
        # at worst, earlier slots that may draw the same exercises have drawn them
        rivals = [s for s in slots[: place - 1] if not s.slug and any(s.takes(found[slug]) for slug in fitting)]
        if len(fitting) < slot.draw + sum(rival.draw for rival in rivals):
            what = f"exercises, entry {place}: only {len(fitting)} exercises fit"
            faults.append(Fault("", what, "Draw fewer, or choose another tag, lesson or level."))
        kept |= fitting
    return {slug: exercise for slug, exercise in found.items() if slug in kept}, faults


def read_secret(path: str | Path) -> bytes:
    """The instructor's secret. OptionError, with what to do, where there is none or it is too short."""
    file = Path(path)
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise OptionError(f"No secret can be read from {file}. Make one: crmlab assignment secret {file}") from error
    if len(secret) < _SHORTEST_SECRET:
        raise OptionError(
            f"{file} holds {len(secret)} bytes, fewer than {_SHORTEST_SECRET}: it could be guessed. "
            "Make another: crmlab assignment secret FILE"
        )
    return secret


def write_secret(path: str | Path) -> Path:
    """A new secret in a file that only its owner may read. OptionError where the file is there already."""
    file = Path(path)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise OptionError(f"{file} is there already. Keep it: without it no variant can be made again.") from None
    except OSError as error:
        raise CrmlabError(f"{file} cannot be written ({error}). Choose another folder.") from error
    with os.fdopen(handle, "w") as out:
        out.write(secrets.token_hex(32) + "\n")
    return file
