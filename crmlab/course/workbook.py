"""In a student's notebook: has an answer the form that is asked for? Nothing here knows the right answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from crmlab.base.words import Language, word
from crmlab.course.forms import form_problem
from crmlab.course.handout import FORMS
from crmlab.course.practice import Note, form_text, listed


def check_form(number: int, answer: Any, folder: str | Path = ".") -> Note:
    """Has my answer to exercise `number` the form that is asked for? Says nothing about its being right.

    answer: a dict by answer name, or the value itself where one answer is asked for. folder: where the notebook
    lies, with its data/forms.json; the words are in the notebook's language. Never raises.

    >>> check_form(1, {"alpha": 0.8}, folder="nowhere")  # doctest: +ELLIPSIS
    The folder `data` with the file `forms.json` must lie beside this notebook...
    """
    try:
        said = json.loads((Path(folder) / FORMS).read_text(encoding="utf-8"))
        language: Language = said["language"] if said["language"] in get_args(Language) else "en"
        exercises = {int(key): dict(forms) for key, forms in said["exercises"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Note(word("handout.no_forms"))
    if number not in exercises:
        numbers = listed(sorted(exercises), language)
        return Note(word("handout.no_exercise", language, n=number, numbers=numbers), language)
    forms = exercises[number]
    if not isinstance(answer, dict) and len(forms) > 1 and answer is not ... and answer is not None:
        return Note(word("practice.name_them", language, names=listed(forms, language)), language)
    alone = next(iter(forms)) if len(forms) == 1 else ""
    bare = alone and not (isinstance(answer, dict) and (alone in answer or forms[alone]["kind"] != "table"))
    given: dict[Any, Any] = {alone: answer} if bare else answer if isinstance(answer, dict) else {}
    lines = [f"- `{name}`: {_said(form, given.get(name), language)}" for name, form in forms.items()]
    if unknown := [str(name)[:80] for name in given if name not in forms]:
        names = {"unknown": listed(unknown, language), "names": listed(forms, language)}
        lines.append("\n" + word("practice.unknown_name", language, **names))
    return Note("\n".join([*lines, "", word("handout.form_note", language)]), language)


def _said(form: Mapping[str, Any], value: Any, language: Language) -> str:
    blank = form["kind"] == "essay" and isinstance(value, str) and not value.strip()
    problem = form_problem(form, None if blank else value)
    if problem is None:
        return word("handout.right_form", language)
    if problem[0] == "unanswered":
        return word("handout.not_answered", language)
    return form_text(problem, form.get("unit", ""), language)
