"""Moodle XML: a category of variants for each exercise, of which a quiz draws one at random."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from typing import Any

from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment
from crmlab.course.export.questions import BY_HAND, Field, Pool, Question, answer_form, as_text, clean, number

_SHARES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20)  # so many right choices have a fraction that Moodle's import accepts
_PENALTY = "0.3333333"


def moodle_xml(assignment: Assignment, pools: Sequence[Pool], language: Language) -> bytes:
    """Which file does Moodle's question bank import? One answer becomes a question of its own type, several a cloze.

    What a person must mark is an essay question; it takes the whole exercise with it, the key is told to the grader.
    Several choices earn a part each, and a wrong one takes as much away (Moodle cannot ask for all or nothing).
    """
    title = clean(assignment.title_in(language))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    for pool in pools:
        info = as_text(word("export.pool", language, points=f"{pool.slot.points:g}", draw=pool.slot.draw))
        if pool.slot.slug:
            lines.append(_category([title, f"{pool.place}. {pool.title(language)}"], _html(f"<p>{info}</p>", language)))
        else:  # a quiz that takes subcategories along draws among the exercises, too
            path = [title, f"{pool.place}."]
            lines.append(_category(path, _html(f"<p>{info}</p>", language)))
            lines.append(_category([*path, pool.title(language)], "<text></text>"))
        lines += [_question(question, language) for question in pool.questions]
    return "\n".join([*lines, "</quiz>\n"]).encode()


def _category(path: Sequence[str], info: str) -> str:
    name = "$course$/top/" + "/".join(part.replace("/", "//") for part in path)
    return f'<question type="category"><category>{_text(name)}</category><info format="html">{info}</info></question>'


def _question(question: Question, language: Language) -> str:
    fields = question.fields
    by_hand = any(field.key in (None, ()) for field in fields)  # no right choice at all has no fraction either
    single = len(fields) == 1 and len(fields[0].key or ()) in _SHARES if _chosen(fields[0]) else len(fields) == 1
    prompt = question.prompt
    feedback = question.solution + _usual_mistakes(question, language)
    if by_hand:
        kind, body = "essay", _essay(question, language)
        feedback = ""
        if len(fields) > 1:
            prompt += answer_form(question, lambda *_: "…", language)
    elif single:
        kind, body = _single(question, fields[0], language)
        prompt += f"<p>({as_text(fields[0].unit)})</p>" if fields[0].unit else ""
    else:
        kind, body = "cloze", ""
        weights = _weights(question)
        prompt = prompt.replace("{", "&#123;")
        prompt += answer_form(question, lambda i, field: _cloze(question, i, field, weights[i], language), language)
    prompt = prompt.replace("<table>", '<table class="generaltable table-bordered">')
    files = "".join(
        f'<file name="{name}" path="/" encoding="base64">{base64.b64encode(content).decode("ascii")}</file>'
        for name, content in question.files.items()
    )
    hints = "".join(f'<hint format="html">{_html(hint, language)}</hint>' for hint in question.hints)
    return (
        f'<question type="{kind}"><name>{_text(question.id)}</name>'
        f'<questiontext format="html">{_html(prompt, language)}{files}</questiontext>'
        f'<generalfeedback format="html">{_html(feedback, language)}</generalfeedback>'
        f"<defaultgrade>{number(question.points)}</defaultgrade><penalty>{_PENALTY}</penalty><hidden>0</hidden>"
        f"<idnumber>{as_text(question.id[-100:])}</idnumber>{body}{'' if by_hand else hints}</question>"
    )


def _chosen(field: Field) -> bool:
    return field.kind in ("choice", "choices")


def _single(question: Question, field: Field, language: Language) -> tuple[str, str]:
    if _chosen(field):
        kind, rest = "multichoice", (
            f"<single>{'true' if field.kind == 'choice' else 'false'}</single><shuffleanswers>true</shuffleanswers>"
            "<answernumbering>none</answernumbering>"
        )  # fmt: skip
    else:
        kind, rest = ("numerical", "") if field.kind == "number" else ("shortanswer", "<usecase>0</usecase>")
    for said, fraction, feedback in _alternatives(question, 0, field):
        near = f"<tolerance>{number(field.within(float(said)))}</tolerance>" if field.kind == "number" else ""
        said = as_text(said) if _chosen(field) else said
        shown = _html(feedback, language) if feedback else "<text></text>"
        rest += f'<answer fraction="{fraction}" format="{"html" if _chosen(field) else "plain_text"}">'
        rest += f'{_text(said)}<feedback format="html">{shown}</feedback>{near}</answer>'
    return kind, rest


def _alternatives(question: Question, place: int, field: Field) -> Iterator[tuple[str, str, str]]:
    """What may be answered, in the order in which Moodle looks: text, fraction in percent, feedback."""
    wrong: dict[Any, str] = {}
    for mistake in question.mistakes:
        if place in mistake.values:
            wrong.setdefault(mistake.values[place], mistake.html)
    if _chosen(field):
        part = 100 / len(field.key)
        for choice in field.choices:
            share = part if choice in field.key else -part if field.kind == "choices" else 0
            # what a set of choices means cannot be said beside one of them
            said = wrong.get((choice,), "") if field.kind == "choice" else ""
            yield choice, f"{share:.5f}".removesuffix(".00000"), said
    elif field.kind == "number":
        yield number(field.key), "100", ""
        for value, feedback in wrong.items():
            yield number(value), "0", feedback
    else:
        for wordings, fraction, feedback in [(field.key, "100", ""), *((w, "0", said) for w, said in wrong.items())]:
            for wording in wordings:
                yield wording.replace("*", r"\*"), fraction, feedback  # a bare star stands for any text


def _cloze(question: Question, place: int, field: Field, weight: int, language: Language) -> str:
    kinds = {"number": "NUMERICAL", "text": "SHORTANSWER", "choice": "MULTICHOICE_VS", "choices": "MULTIRESPONSE_S"}
    parts = []
    for said, fraction, feedback in _alternatives(question, place, field):
        if field.kind == "number":
            said += f":{number(field.within(float(said)))}"
        said = _guard(as_text(said) if _chosen(field) else said)
        mark = {"100": "=", "0": ""}.get(fraction, f"%{fraction}%")
        parts.append(mark + said + (f"#{_guard(_wrapped(feedback, language))}" if feedback else ""))
    return f"{{{weight}:{kinds[field.kind]}:{'~'.join(parts)}}}"


def _guard(text: str) -> str:
    """Signs that divide a cloze as entities, which Moodle turns back after dividing; on one line."""
    entities = {ord(sign): f"&#{ord(sign)};" for sign in '}{~#/"\\=%&*'}
    return " ".join(text.split("\n")).translate(entities)


def _weights(question: Question) -> list[int]:
    """Whole numbers in the ratio of the shares; their sum is the question's points where that can be."""
    shares = [field.share for field in question.fields]
    common = math.lcm(*(share.denominator for share in shares))
    if question.points == int(question.points) and int(question.points) % common == 0:
        common = int(question.points)
    return [int(share * common) for share in shares]


def _essay(question: Question, language: Language) -> str:
    keys = "".join(
        f"<li><code>{as_text(' '.join((field.name, *(field.cell or ()))))}</code>: {as_text(_key(field))}</li>"
        for field in question.fields
        if field.kind not in BY_HAND
    )
    files = min(3, sum(field.kind == "figure" for field in question.fields))  # Moodle takes three at most
    kind = "monospaced" if {field.kind for field in question.fields} == {"function"} else "editor"
    return (
        f"<responseformat>{kind}</responseformat><responserequired>1</responserequired>"
        f"<responsefieldlines>15</responsefieldlines><attachments>{files}</attachments>"
        f"<attachmentsrequired>{files}</attachmentsrequired>"
        f'<graderinfo format="html">{_html(question.solution + (f"<ul>{keys}</ul>" if keys else ""), language)}'
        '</graderinfo><responsetemplate format="html"><text></text></responsetemplate>'
    )


def _key(field: Field) -> str:
    if field.kind == "number":
        return f"{number(field.key)} ± {number(field.within(field.key))}"
    return ", ".join(field.key)


def _usual_mistakes(question: Question, language: Language) -> str:
    """The mistakes that show in sets of choices alone, for which Moodle has no place but the general feedback."""
    sets = {i for i, field in enumerate(question.fields) if field.kind == "choices"}
    left = [mistake.html for mistake in question.mistakes if set(mistake.values) <= sets]
    head = f"<p><strong>{as_text(word('export.mistakes', language))}</strong></p>"
    return head + "<ul>" + "".join(f"<li>{one}</li>" for one in left) + "</ul>" if left else ""


def _wrapped(body: str, language: Language) -> str:
    return f'<div dir="rtl" lang="fa">{body}</div>' if language == "fa" else body


def _html(body: str, language: Language) -> str:
    return _text(_wrapped(body, language))


def _text(text: str) -> str:
    return f"<text>{as_text(text)}</text>"
