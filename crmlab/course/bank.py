"""The exercise bank: a new exercise after the pattern of an old one, and the proof of all of them."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crmlab.base.errors import Fault, OptionError, check_positive
from crmlab.base.share import share
from crmlab.course.exercise import load_exercise, slugs
from crmlab.course.proving import prove
from crmlab.course.whole import whole

PATTERN = "break-even-response"  # short, with a unit, hints and four mistakes


def new_exercise(slug: str, root: str | Path) -> Path:
    """Where do I begin? A folder `root`/`slug` with an exercise that works (a copy of one), to be changed into yours.

    Raises OptionError where the name is no slug (small letters, digits, hyphens) or the folder is there already.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise OptionError(f"{slug!r} is no name for an exercise; use small letters, digits and hyphens: which-price.")
    target = Path(root) / slug
    with whole(target) as half:
        shutil.copytree(share("exercises", PATTERN), half, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@dataclass(frozen=True)
class Proof:
    """What many draws of an exercise showed: `faults` (none where it holds) and milliseconds a draw."""

    slug: str
    lesson: int
    level: int
    faults: tuple[Fault, ...]
    milliseconds: float


def prove_exercises(
    names: Sequence[str] = (), *, draws: int = 100, seed: int = 0, root: Path | None = None
) -> Iterator[Proof]:
    """Do these exercises (by default all of `root`) hold for any student? One Proof after the other.

    root: a folder of exercises; by default the bundled bank. See crmlab.course.proving.prove for what is proved.
    A folder that does not load raises DataError; an unknown name OptionError.
    """
    check_positive("draws", draws)
    root = share("exercises") if root is None else Path(root)
    if not (chosen := list(names) or slugs(root)):
        raise OptionError(f"{root} holds no exercise; make one with: crmlab exercise new which-price.")
    for slug in chosen:
        exercise = load_exercise(slug, root)
        begun = time.perf_counter()
        faults = prove(exercise, draws, seed)
        spent = 1000 * (time.perf_counter() - begun) / draws
        yield Proof(slug, exercise.lesson, exercise.level, tuple(faults), spent)
