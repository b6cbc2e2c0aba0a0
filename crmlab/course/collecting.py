"""What the variables answer1, answer2, ... hold, as JSON; runs in the student's kernel and trusts nothing there."""

from __future__ import annotations

import base64
import builtins
import io
import json
import math
import pickle
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from crmlab.course import packing

MARK = "# crmlab collects "  # an execute request that begins so is answered here and never run
LARGEST = 16_000_000  # bytes of all answers of one exercise
_MODULES = (builtins, json, json.encoder, json.decoder, math, base64, pickle, io, signal, np, pd, packing)
_KEPT = [(vars(module), dict(vars(module))) for module in _MODULES]  # as they were before any student's code ran


class _Late(BaseException):
    """A function took too long; not an Exception, so that few students' handlers catch it."""


def request(number: int, names: tuple[str, ...], calls: Mapping[str, list[tuple]], seconds: float) -> str:
    """The code that asks a kernel for the answers to exercise `number`; each call of a function may take `seconds`."""
    hidden = {name: [base64.b64encode(pickle.dumps(args)).decode() for args in given] for name, given in calls.items()}
    return MARK + json.dumps({"number": number, "names": names, "calls": hidden, "seconds": seconds})


def reply(namespace: dict[str, Any], code: str) -> str:
    """Which answers are there now? base64 of lines "name TAB JSON". What is not set, None or `...` has no line.

    The modules that it needs are put back as they were before the notebook began, and the student's afterwards.
    """
    theirs = [(space, dict(space)) for space, _ in _KEPT]
    for space, kept in _KEPT:
        space.update(kept)
    try:
        lines, room = [], LARGEST
        for name, text in send(namespace, json.loads(code[len(MARK) :])).items():
            line = f"{name}\t{text}\n".encode("utf-8", "replace")
            if len(line) > room:
                line = f"{name}\t{json.dumps(_note('too large'))}\n".encode()
            room -= len(line)
            lines.append(line)
        return base64.b64encode(b"".join(lines)).decode()
    finally:
        for space, old in theirs:
            space.update(old)


def send(namespace: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, str]:
    """The answers of one exercise: name -> JSON of packing. Takes the hidden inputs to a function.

    >>> send({"answer1": {"mean": 2.5, "median": ...}}, {"number": 1, "names": ["mean", "median"], "calls": {}})
    {'mean': '2.5'}
    """
    value = namespace.get(f"answer{wanted['number']}", ...)
    names = wanted["names"]
    named = issubclass(type(value), dict) and (len(names) > 1 or dict.__contains__(value, names[0]))
    given = {name: dict.get(value, name, ...) for name in names} if named else {}
    if not named and len(names) == 1:
        given = {names[0]: value}
    found = {}
    for name, one in given.items():
        if one is ... or one is None:
            continue
        try:
            if name in wanted["calls"] and callable(one):
                results = [_call(one, args, wanted["seconds"]) for args in wanted["calls"][name]]
                found[name] = json.dumps({packing.SIGN: "calls", "v": results}, ensure_ascii=False, allow_nan=False)
            else:
                found[name] = packing.to_json(one)
        except BaseException as error:  # an object may raise anything, and an interrupt ends one that never ends
            found[name] = json.dumps(_note(type(error).__name__))
    return found


def _call(function: Any, args: str, seconds: float) -> Any:
    """What the function gives for one hidden input, packed; each call has the input to itself."""

    def late(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return packing.pack(function(*pickle.loads(base64.b64decode(args))))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _note("late" if isinstance(error, _Late) else type(error).__name__)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _note(kind: str) -> dict[str, str]:
    return {packing.SIGN: "other", "v": kind[:80]}
