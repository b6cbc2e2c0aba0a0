"""Feedback: one page for each student, and everything else that is written from the gradebook."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.table import localized, text_html
from crmlab.base.words import Language, word
from crmlab.course.packing import Calls, Picture, Unusable
from crmlab.course.pages import clean, markdown, page, picture, points_text, write_whole
from crmlab.course.practice import form_text

if TYPE_CHECKING:
    from crmlab.course.assignment import Assignment
    from crmlab.course.copied import Flag
    from crmlab.course.exercise import Text
    from crmlab.course.gradebook import AttemptResult, Gradebook, PieceResult, Result
    from crmlab.course.roster import Roster

_LONGEST = 300  # characters of a student's answer
_TROUBLES = ("error", "timeout", "died", "memory", "flood")
_ICONS = {"right": "✔", "wrong": "✘", "form": "✘", "unanswered": "–", "by_hand": "✎", "waits": "…"}


def write_all(
    gradebook: Gradebook, assignment: Assignment, roster: Roster, secret: bytes, out: str | Path, show_key: bool = False
) -> tuple[list[Result], list[Flag], dict[str, Path]]:
    """What follows from the gradebook? The results, what is flagged, and the files, all of them written into `out`.

    feedback/ (a page for each student, in their language; solutions only with `show_key`), keep-private/report.html,
    gradebook.csv, flagged.csv, the tables for Moodle and Canvas where the roster came from there, and marking.html with
    marks.csv where something is marked by hand. Files whose content is the same are left alone.
    """
    from crmlab.course.class_report import write_class_report
    from crmlab.course.copied import find_copies
    from crmlab.course.grade_tables import write_grade_tables
    from crmlab.course.hand_marking import write_marking_form

    folder, private = Path(out), Path(out) / "keep-private"
    results = gradebook.results(assignment, roster, secret)
    flags = find_copies(gradebook, assignment, roster, secret, results)
    for result in results:
        made = _Feedback(result, assignment, gradebook, secret, show_key).page()
        write_whole(folder / "feedback" / f"{result.student.id}.html", made)
    paths = {
        "feedback": folder / "feedback",
        "report": write_class_report(results, assignment, flags, private / "report.html"),
        **write_grade_tables(results, roster, assignment, flags, private),
        **write_marking_form(results, assignment, gradebook, secret, private),
    }
    return results, flags, paths


class _Feedback:
    """The parts of one student's page."""

    def __init__(
        self, result: Result, assignment: Assignment, gradebook: Gradebook, secret: bytes, show_key: bool
    ) -> None:
        self.result, self.assignment, self.show_key, self.language = result, assignment, show_key, result.language
        self.counted = result.chosen
        if self.counted:
            self.given = gradebook.given(result.student.id, self.counted.attempt)
            pieces = assignment.pieces(secret, result.student.id)
            self.texts = {piece.number: piece.variant.text(self.language) for piece in pieces}

    def word(self, key: str, **values: Any) -> str:
        return text_html(word(f"feedback.{key}", self.language, **values), self.language)

    def points(self, value: float) -> str:
        return points_text(value, self.language)

    def page(self) -> str:
        title = self.assignment.title_in(self.language)
        student = self.result.student
        who = " · ".join(f"<bdi>{html.escape(clean(one, 100))}</bdi>" for one in (student.name, student.id) if one)
        body = [f'<header><h1>{text_html(title, self.language)}</h1>\n<p class="who">{who}</p></header>', self._sum()]
        if self.counted is not None:
            body += [self._piece(piece, self.given.get(piece.number, {})) for piece in self.counted.pieces]
            body += self._code(self.counted)
        if len(self.result.attempts) > 1:
            body.append(self._attempts())
        return page(word("feedback.title", self.language, title=title), "\n".join(body), self.language)

    def _sum(self) -> str:
        result = self.result
        share = min(1.0, max(0.0, result.score / result.most)) if result.most else 0.0
        most = self.word("of_points", points="@", most=self.points(result.most))
        shown = most.replace("@", f"<strong>{self.points(result.score)}</strong>", 1)
        said = "".join(f"<li>{line}</li>" for line in self._facts())
        bar = f'<div class="bar"><span style="inline-size:{100 * share:.1f}%"></span></div>'
        return f'<section class="sum"><p>{shown}</p>{bar}<ul class="facts">{said}</ul>{self._unread()}</section>'

    def _facts(self) -> Iterator[str]:
        attempts, counted = self.result.attempts, self.counted
        if not attempts:
            yield self.word("none")
        if counted is None:
            return
        yield f"{self.word('handed_in')} {self._time(counted.time)}"
        if len(attempts) > 1:
            counts = self.assignment.counts if self.assignment.attempts > 1 else "once"
            yield self.word(f"counts_{counts}", n=counted.attempt, count=len(attempts))
        if counted.late_factor < 1:
            full = sum(piece.score for piece in counted.pieces)
            share = f"{100 * (1 - counted.late_factor):.4g}"
            off = self.points(full * (1 - counted.late_factor))
            late = "late" if counted.late_factor > 0 else "too_late"
            yield self.word(late, share=share, off=off, points=self.points(full))
        if self.result.waiting > 0:
            yield self.word("waiting", points=self.points(self.result.waiting))

    def _unread(self) -> str:
        unread = [one for one in self.result.attempts if one.fault]
        lines = [
            f"<p><strong>{self.word('unreadable', n=one.attempt)}</strong></p>{_quote(one.why(self.language))}"
            for one in unread
        ]
        return f'<div class="unread">{"".join(lines)}<p>{self.word("unreadable_do")}</p></div>' if unread else ""

    def _time(self, when: datetime) -> str:
        zone = self.assignment.due.tzinfo if self.assignment.due else UTC
        local = when.astimezone(zone)
        return f'<bdi dir="ltr">{localized(f"{local:%Y-%m-%d %H:%M}", self.language)} {local:%Z}</bdi>'

    def _piece(self, piece: PieceResult, given: Mapping[str, Any]) -> str:
        text = self.texts[piece.number]
        of = self.word("of", points=self.points(piece.score), most=self.points(piece.points))
        lines = [
            f'<section class="exercise"><h2><span class="number">{localized(str(piece.number), self.language)}</span>'
            f'<span class="title">{text_html(text.title, self.language)}</span><span class="points">{of}</span></h2>'
        ]
        answers = "".join(self._answer(piece, name, given.get(name), text) for name in piece.states)
        lines.append(f'<ul class="answers">{answers}</ul>')
        judged = [state for state in piece.states.values() if state != "by_hand"]
        if 0 < judged.count("right") < len(judged):
            lines.append(f"<p>{self.word('parts', right=judged.count('right'), count=len(judged))}</p>")
        if piece.mistake in text.mistakes:
            lines.append(self._box("mistake", text.mistakes[str(piece.mistake)]))
        if self.show_key:
            lines.append(self._box("solution", text.solution))
        return "\n".join([*lines, "</section>"])

    def _box(self, kind: str, text: str) -> str:
        return f'<div class="box {kind}"><h3>{self.word(kind)}</h3>{markdown(text)}</div>'

    def _answer(self, piece: PieceResult, name: str, value: Any, text: Text) -> str:
        state = str(piece.states[name])
        if state == "by_hand" and piece.hand.get(name) is None:
            state = "waits"
        own = "" if value is None else shown(value, self.language)
        return (
            f'<li class="{state}"><span class="state"><i aria-hidden="true">{_ICONS[state]}</i> '
            f"{self.word(f'state_{state}')}</span> <code>{html.escape(name)}</code>{own}"
            f"{self._form(piece, name)}{self._marks(piece, name, text) if state == 'by_hand' else ''}</li>"
        )

    def _form(self, piece: PieceResult, name: str) -> str:
        if name not in piece.forms:
            return ""
        unit = self.assignment.exercises[piece.slug].answers[name].unit_in(self.language)
        return markdown(form_text(piece.forms[name], unit, self.language))

    def _marks(self, piece: PieceResult, name: str, text: Text) -> str:
        mark = piece.marks[name]
        rows = "".join(
            f"<li><span>{text_html(criterion, self.language)}</span>"
            f"<b>{self.word('of', points=self.points(own), most=self.points(most))}</b></li>"
            for own, (most, criterion) in zip(mark.points, text.rubrics[name], strict=True)
        )
        said = f'<p class="comment"><b>{self.word("comment")}:</b> <bdi>{html.escape(clean(mark.comment))}</bdi></p>'
        return f'<ul class="criteria">{rows}</ul>{said if mark.comment else ""}'

    def _code(self, attempt: AttemptResult) -> Iterator[str]:
        if not attempt.troubles:
            return
        yield f'<section class="code"><h2>{self.word("code")}</h2><p class="note">{self.word("code_note")}</p>'
        for trouble in attempt.troubles:
            kind = trouble.kind if trouble.kind in _TROUBLES else "other"
            yield f"<h3>{self.word(f'trouble_{kind}', cell=trouble.cell)}</h3>{_quote(trouble.text)}"
        yield "</section>"

    def _attempts(self) -> str:
        heads = "".join(f'<th scope="col">{self.word(key)}</th>' for key in ("attempt", "time", "score"))
        rows = "".join(
            f"<tr><td>{localized(str(one.attempt), self.language)}</td><td>{self._time(one.time)}</td>"
            f"<td>{self.points(one.score) if one.counts else ''} {self._worth(one)}</td></tr>"
            for one in self.result.attempts
        )
        return f"<section><h2>{self.word('attempts')}</h2><table><tr>{heads}</tr>{rows}</table></section>"

    def _worth(self, one: AttemptResult) -> str:
        if one is self.counted:
            return f"<b>({self.word('counted')})</b>"
        return "" if one.counts else self.word("not_read" if one.fault else "beyond")


def _quote(text: str) -> str:
    return f'<pre dir="auto">{html.escape(clean(text))}</pre>'


def shown(value: Any, language: Language, longest: int = _LONGEST) -> str:
    """A student's answer as it was understood, as HTML in which nothing of theirs is markup."""
    if isinstance(value, Picture):
        return f'<div class="given">{picture(value.png, "")}</div>'
    text = value if isinstance(value, str) else _plain(value, language)
    return f'<div class="given" dir="auto">{html.escape(clean(text, longest))}</div>'


def _plain(value: Any, language: Language, depth: int = 0) -> str:
    comma = word("practice.comma", language)
    if depth > 3:
        return "…"
    if isinstance(value, Unusable):
        return word("feedback.is_unusable", language, kind=value.kind)
    if isinstance(value, Calls):
        return word("feedback.is_function", language, n=len(value.results))
    if isinstance(value, pd.DataFrame):
        columns = comma.join(map(str, value.columns[:12]))
        return word("feedback.is_table", language, rows=len(value), columns=columns)
    if isinstance(value, pd.Series):
        return word("feedback.is_series", language, rows=len(value), values=_plain(value.tolist(), language, depth + 1))
    if isinstance(value, Mapping):
        return comma.join(f"{_plain(k, language, depth + 1)}: {_plain(v, language, depth + 1)}"
                          for k, v in list(value.items())[:12])  # fmt: skip
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        parts = [_plain(one, language, depth + 1) for one in list(value)[:12]]
        return comma.join([*parts, "…"] if len(value) > 12 else parts) or "[]"
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else str(value)
    return f"{value:.6e}" if isinstance(value, int) and 1e15 < abs(value) < 1e300 else str(value)[: 4 * _LONGEST]
