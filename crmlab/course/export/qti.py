"""A QTI 2.1 package: an item for each variant, and a test that draws one of each exercise."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from crmlab.base.words import Language
from crmlab.course.assignment import Assignment
from crmlab.course.export.questions import BY_HAND, ROOT, Field, Pool, Question, answer_form, as_text, clean, number

QTI, PACKAGE = "http://www.imsglobal.org/xsd/imsqti_v2p1", "http://www.imsglobal.org/xsd/imscp_v1p1"
_SCHEMAS = {
    QTI: "http://www.imsglobal.org/xsd/qti/qtiv2p1/imsqti_v2p1p1.xsd",
    PACKAGE: "http://www.imsglobal.org/xsd/qti/qtiv2p1/qtiv2p1_imscpv1p2_v1p0.xsd",
}
_BASES = {"number": "float", "choice": "identifier", "choices": "identifier", "figure": "file"}  # else string
_STYLE = b""".rtl { direction: rtl; text-align: right; }
table { border-collapse: collapse; }
th, td { border: 1px solid #999; padding: 0.2em 0.6em; }
"""


def qti_package(assignment: Assignment, pools: Sequence[Pool], language: Language) -> bytes:
    """Which package does a QTI 2.1 platform import? A zip with manifest, test, items, tables and a style sheet.

    An item's SCORE is in the assignment's points: right parts add up; choices are right as a whole, tables by cell.
    A usual mistake is told as feedback; solution and rubric are for the scorer alone, who adds what is marked by hand.
    QTI 2.1 has no hints: they are left out.
    """
    files, listed, parts = {"style.css": _STYLE}, "", ""
    for place, slot in enumerate(assignment.slots, 1):
        sections = ""
        for pool in (pool for pool in pools if pool.place == place):
            refs = ""
            for question in pool.questions:
                name = f"items/{question.id}.xml"
                beside = {f"items/{question.id}-{file}": content for file, content in question.files.items()}
                files |= beside | {name: _item(question, language)}
                refs += f'<assessmentItemRef identifier="{_id("R", question.id)}" href="{name}"/>'
                listed += _resource("imsqti_item_xmlv2p1", name, *beside, "style.css")
            sections += _section(_id("S", place, pool.exercise.slug), pool.title(language), 1, refs)
        parts += sections if slot.slug else _section(_id("S", place), f"{place}.", slot.draw, sections)
    names = [name for name in files if name.endswith(".xml")]
    listed = _resource("imsqti_test_xmlv2p1", "test.xml", *names) + listed
    listed += "".join(_resource("webcontent", name) for name in files if name not in names)
    title = html.escape(clean(assignment.title_in(language)))
    files["test.xml"] = _document("assessmentTest", QTI, f'identifier="{_id("T", assignment.id)}" title="{title}"', (
        f'{_outcome("SCORE", 0)}<testPart identifier="PART" navigationMode="nonlinear" submissionMode="individual">'
        f'<itemSessionControl maxAttempts="{assignment.attempts}"/>{parts}</testPart><outcomeProcessing>'
        '<setOutcomeValue identifier="SCORE"><sum><testVariables variableIdentifier="SCORE"/></sum></setOutcomeValue>'
        "</outcomeProcessing>"
    ))  # fmt: skip
    files["imsmanifest.xml"] = _document("manifest", PACKAGE, f'identifier="{_id("P", assignment.id)}"', (
        "<metadata><schema>QTIv2.1 Package</schema><schemaversion>1.0.0</schemaversion></metadata>"
        f"<organizations/><resources>{listed}</resources>"
    ))  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            package.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _section(identifier: str, title: str, select: int, body: str) -> str:
    head = f'<assessmentSection identifier="{identifier}" title="{html.escape(title)}" visible="true">'
    return f'{head}<selection select="{select}"/>{body}</assessmentSection>'


def _resource(kind: str, name: str, *needs: str) -> str:
    needed = "".join(f'<dependency identifierref="{_id("F", need)}"/>' for need in needs)
    head = f'<resource identifier="{_id("F", name)}" type="{kind}" href="{name}">'
    return f'{head}<file href="{name}"/>{needed}</resource>'


def _item(question: Question, language: Language) -> bytes:
    declared = ""
    for place, field in enumerate(question.fields):
        many, right = "multiple" if field.kind == "choices" else "single", ""
        if field.key:
            values = _values(field, field.key)[: None if field.kind == "choices" else 1]
            right = "".join(f"<value>{as_text(value)}</value>" for value in values)
            right = f"<correctResponse>{right}</correctResponse>"
        kind = f'cardinality="{many}" baseType="{_BASES.get(field.kind, "string")}"'
        declared += f'<responseDeclaration identifier="A{place}" {kind}>{right}</responseDeclaration>'
    prompt = question.prompt.replace(ROOT, f"{question.id}-") + answer_form(question, _interaction, language)
    told = "".join(
        f'<modalFeedback outcomeIdentifier="FEEDBACK" identifier="{_id("M", mistake.name)}" showHide="show">'
        f"{_flow(mistake.html, language)}</modalFeedback>"
        for mistake in question.mistakes
    )
    head = f'identifier="{_id("I", question.id)}" title="{html.escape(question.title)}" xml:lang="{language}"'
    return _document("assessmentItem", QTI, f'{head} adaptive="false" timeDependent="false"', (
        f'{declared}{_outcome("SCORE", 0)}{_outcome("MAXSCORE", question.points)}'
        '<outcomeDeclaration identifier="FEEDBACK" cardinality="multiple" baseType="identifier"/>'
        '<stylesheet href="../style.css" type="text/css"/><itemBody>'
        f'<rubricBlock view="scorer tutor">{_flow(question.solution, language)}</rubricBlock>{_flow(prompt, language)}'
        f"</itemBody><responseProcessing>{_processing(question)}</responseProcessing>{told}"
    ))  # fmt: skip


def _interaction(place: int, field: Field) -> str:
    answer = f'responseIdentifier="A{place}"'
    if field.choices:
        choices = "".join(
            f'<simpleChoice identifier="C{i}">{as_text(choice)}</simpleChoice>'
            for i, choice in enumerate(field.choices)
        )
        most = 1 if field.kind == "choice" else 0  # 0: as many as you like
        return f'<choiceInteraction {answer} shuffle="false" maxChoices="{most}">{choices}</choiceInteraction>'
    if field.kind == "figure":
        return f"<uploadInteraction {answer}/>"
    if field.kind in BY_HAND:
        return f'<extendedTextInteraction {answer} expectedLines="12"/>'
    return f'<textEntryInteraction {answer} expectedLength="{15 if field.kind == "number" else 30}"/>'


def _processing(question: Question) -> str:
    """Points for each right place; then, if something is missing, the first usual mistake that fits."""
    rules = ""
    for place, field in enumerate(question.fields):
        if field.kind not in BY_HAND:
            points = _value("float", number(float(field.share * Fraction(str(question.points)))))
            scored = _set("SCORE", f'<sum><variable identifier="SCORE"/>{points}</sum>')
            rules += f"<responseCondition><responseIf>{_equals(place, field, field.key)}{scored}</responseIf>"
            rules += "</responseCondition>"
    if question.mistakes:
        full = _value("float", number(question.points * (1 - 1e-9)))  # thirds do not quite add up
        rules += f'<responseCondition><responseIf><gte><variable identifier="SCORE"/>{full}</gte></responseIf>'
        for mistake in question.mistakes:
            alike = "".join(_equals(place, question.fields[place], value) for place, value in mistake.values.items())
            told = f'<variable identifier="FEEDBACK"/>{_value("identifier", _id("M", mistake.name))}'
            said = _set("FEEDBACK", f"<multiple>{told}</multiple>")
            rules += f"<responseElseIf><and>{alike}</and>{said}</responseElseIf>"
        rules += "</responseCondition>"
    return rules


def _equals(place: int, field: Field, value: Any) -> str:
    """The condition that an answer is `value`."""
    given = f'<variable identifier="A{place}"/>'
    values = [_value(_BASES.get(field.kind, "string"), one) for one in _values(field, value)]
    if field.kind == "number":
        near = number(field.within(value))
        return f'<equal toleranceMode="absolute" tolerance="{near} {near}">{given}{values[0]}</equal>'
    if field.kind == "text":
        alike = (f'<stringMatch caseSensitive="false">{given}{one}</stringMatch>' for one in values)
        return f"<or>{''.join(alike)}</or>"
    held = f"<multiple>{''.join(values)}</multiple>" if field.kind == "choices" else "".join(values)
    return f"<match>{given}{held}</match>" if values else f"<isNull>{given}</isNull>"


def _values(field: Field, value: Any) -> list[str]:
    if field.kind == "number":
        return [number(value)]
    return [f"C{field.choices.index(one)}" for one in value] if field.choices else list(value)


def _value(base: str, value: str) -> str:
    return f'<baseValue baseType="{base}">{as_text(value)}</baseValue>'


def _set(outcome: str, expression: str) -> str:
    return f'<setOutcomeValue identifier="{outcome}">{expression}</setOutcomeValue>'


def _outcome(name: str, value: float) -> str:
    default = f"<defaultValue><value>{number(value)}</value></defaultValue>"
    return (
        f'<outcomeDeclaration identifier="{name}" cardinality="single" baseType="float">{default}</outcomeDeclaration>'
    )


def _flow(body: str, language: Language) -> str:
    """XHTML as QTI takes it, without attributes that it does not know (an alignment, a list's start)."""
    plain = re.sub(r"<(td|th|ol|li) [^>]*>", r"<\1>", body)
    return f'<div class="{"rtl" if language == "fa" else "ltr"}" xml:lang="{language}">{plain}</div>'


def _id(kind: str, *parts: object) -> str:
    """An identifier: letters, digits, - and _; `kind` keeps those of different things apart."""
    return kind + "".join("-" + re.sub(r"[^A-Za-z0-9_-]", lambda m: f"_{ord(m[0]):x}", str(part)) for part in parts)


def _document(tag: str, space: str, attributes: str, body: str) -> bytes:
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    head = f'<{tag} xmlns="{space}" {schema} xsi:schemaLocation="{space} {_SCHEMAS[space]}" {attributes}>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{body}</{tag}>\n'.encode()
