"""An assignment on paper: a handout with its answer sheet for each student, and the key for the instructor."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from crmlab.base.errors import CrmlabError, OptionError, require
from crmlab.base.table import as_table, localized, text_html
from crmlab.base.words import Language, word
from crmlab.course.assignment import Assignment, Piece
from crmlab.course.export.questions import whole_tables
from crmlab.course.forms import flat
from crmlab.course.pages import clean, page
from crmlab.course.roster import Roster, Student
from crmlab.course.whole import whole

_BLANK_ROWS = 10
_NUMBER = re.compile(r'<td>((?:<bdi dir="ltr">)?(?=[^<]*\d)[−+-]?[\d.,٫٬:/-]+[%٪]?(?:</bdi>)?)</td>')
_SIGNED = re.compile(r"(?<![\w#])([−+-][\d.,٫٬]*\d[%٪]?|\d+(?:[/:-]\d+)+)(?!\w)")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def write_printable(
    assignment: Assignment, roster: Roster, secret: bytes, out: Path, language: Language | None = None,
    pdf: bool = False,
) -> Path:  # fmt: skip
    """Which sheets do I print? `out`/ID.html (with `pdf` ID.pdf) for each student, and the key in `out`/keep-private/.

    Each handout holds the student's exercises and, on a page of its own, the answer sheet. An exercise with a table of
    more than 30 rows, or that asks for a function, needs a computer: handout and key say so. A student's own
    language goes before `language`, and that before the assignment's. The same input gives the same bytes (PDF: with
    the same Chromium and fonts). OptionError where `out` holds something already, or there is no Chromium for `pdf`.
    """
    browser = _browser() if pdf else ""
    everyone = []
    with whole(out) as folder:
        folder.mkdir()
        for student in roster.students:
            spoken: Language = student.language or language or assignment.language
            pieces = assignment.pieces(secret, student.id)
            code = f"{assignment.seed(secret, student.id, 'sheet') >> 232:06X}"
            everyone.append((student, code, pieces))
            handout = _handout(assignment, student, code, pieces, spoken)
            (folder / f"{student.id}.html").write_text(handout, encoding="utf-8", newline="\n")
        if pdf:
            with ThreadPoolExecutor(2) as pool:  # each is a process of its own
                list(pool.map(partial(_print, browser), sorted(folder.glob("*.html"))))
        private = folder / "keep-private"
        private.mkdir()
        key = _key(assignment, everyone, language or assignment.language)
        (private / "answer-key.html").write_text(key, encoding="utf-8", newline="\n")
    return out


def _handout(assignment: Assignment, student: Student, code: str, pieces: Sequence[Piece], language: Language) -> str:
    say = partial(_say, language)
    title = _text(assignment.title_in(language), language)
    facts = {"name": _text(clean(student.name), language), "id": _ltr(student.id), "code": _ltr(code)}
    who = "".join(f"<div><span>{say(label)}</span> {fact}</div>" for label, fact in facts.items())
    head = f'<h1>{title}</h1><div class="who">{who}</div>'
    body = [head, f'<p class="how">{say("how", points=f"{assignment.points:g}")}</p>']
    blanks = []
    for piece in pieces:
        text = piece.variant.text(language)
        points = f'<span class="points">{say("points", points=f"{piece.points:g}")}</span>'
        heading = f"<h2>{_text(f'{piece.number}. {text.title}', language)} {points}</h2>"
        if reason := _needs_computer(piece):
            body.append(f'{heading}<p class="computer">{say(reason)}</p>')
            continue
        body.append(
            f"<section>{heading}{_markdown(whole_tables(piece.variant, text.prompt, language)[0], language)}</section>"
        )
        lines = "".join(_blank(piece, name, language) for name in piece.exercise.answers)
        blanks.append(f'<tr><td><div class="part">{heading}{lines}</div></td></tr>')
    if blanks:  # name and code stand in the head, so that they are printed on every page of the sheet
        head = head.replace("<h1>", f"<h1>{say('sheet')}: ", 1)
        sheet = f"<thead><tr><th>{head}</th></tr></thead><tbody>{''.join(blanks)}</tbody>"
        body.append(f'<section class="sheet"><table>{sheet}</table></section>')
    title = f"{assignment.title_in(language)}: {clean(student.name)}"
    return page(title, "\n".join(body), language, style="print.css")


def _needs_computer(piece: Piece) -> str:
    """Why an exercise cannot be done on paper: a key of the [print] words, or nothing."""
    if whole_tables(piece.variant, "", "en")[1]:
        return "long_table"
    return "function" if any(answer.kind == "function" for answer in piece.exercise.answers.values()) else ""


def _blank(piece: Piece, name: str, language: Language) -> str:
    answer = piece.exercise.answers[name]
    label = f"<b>{_ltr(name)}</b>" if len(piece.exercise.answers) > 1 else ""
    if answer.choices:
        hint = _say(language, "tick_one" if answer.kind == "choice" else "tick_all")
        ticks = "".join(f'<span class="tick">{_text(choice, language)}</span>' for choice in answer.choices)
        return f'<div class="answer">{label}{ticks}<span class="unit">{hint}</span></div>'
    if answer.kind == "table":
        columns = flat(piece.variant.key[name]).columns
        heads = "".join(f"<th>{'' if column == 'index' else _ltr(str(column))}</th>" for column in columns)
        rows = f"<tr>{'<td></td>' * len(columns)}</tr>" * _BLANK_ROWS
        return f'<div class="answer">{label}<table class="grid"><tr>{heads}</tr>{rows}</table></div>'
    size = {"number": "", "text": " line"}.get(answer.kind, " page")
    unit = f'<span class="unit">{_text(answer.unit_in(language), language)}</span>'
    return f'<div class="answer">{label}<span class="blank{size}"></span>{unit}</div>'


def _key(assignment: Assignment, everyone: Sequence[tuple[Student, str, tuple[Piece, ...]]], language: Language) -> str:
    say = partial(_say, language)
    computer = {p.exercise.slug: reason for *_, pieces in everyone for p in pieces if (reason := _needs_computer(p))}
    missing = "".join(f"<li>{_ltr(slug)}: {say(reason)}</li>" for slug, reason in sorted(computer.items()))
    rows = []
    for student, code, pieces in everyone:
        cells = [f"{_ltr(student.id)}<br>{_text(clean(student.name), language)}", _ltr(code)]
        for piece in pieces:
            right = (_right(piece, name, language) for name in piece.exercise.answers)
            cells.append(f"<p><i>{_ltr(piece.exercise.slug)}</i></p>{''.join(right)}")
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in (say("name"), say("code"), *range(1, len(everyone[0][2]) + 1)))
    title = f"{word('print.key', language)}: {assignment.title_in(language)}"
    body = f"<h1>{_text(title, language)}</h1><p>{say('key_note')}</p>" + (
        f"<p>{say('key_computer')}</p><ul>{missing}</ul>" if missing else ""
    )
    table = f'<table class="key"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return page(title, body + table, language, style="print.css")


def _right(piece: Piece, name: str, language: Language) -> str:
    answer = piece.exercise.answers[name]
    value: Any = piece.variant.key.get(name)
    if answer.by_hand:
        rubric = piece.variant.text(language).rubrics.get(name, ())
        shown = "".join(f"<br>{points:g}: {_text(criterion, language)}" for points, criterion in rubric)
        shown = _say(language, "by_hand") + shown
    elif answer.kind == "function":
        shown = _say(language, "function")
    elif isinstance(value, pd.DataFrame | pd.Series):
        shown = as_table(flat(value)).to_html("en")
    elif answer.kind == "number":
        wide = max(answer.tolerance, answer.relative * abs(float(value)))
        shown = _ltr(f"{value:,.6g}" + (f" ± {wide:.2g}" if wide > 1e-6 * abs(float(value)) else ""))
    else:
        several = [value] if isinstance(value, str) else sorted(value)
        shown = html.escape(", ".join(map(str, several)) or "–")
    return f"<p>{_ltr(name) + ' = ' if len(piece.exercise.answers) > 1 else ''}{shown}</p>"


def _markdown(text: str, language: Language) -> str:
    """Markdown as HTML: no raw HTML, no pictures from elsewhere, digits and Latin pieces as the language has them."""
    reader = require("markdown_it", "course").MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")

    def words(_self: Any, tokens: Any, place: int, *_: Any) -> str:
        return _text(tokens[place].content, language)

    reader.add_render_rule("text", words)
    return _NUMBER.sub(r'<td class="number" dir="ltr">\1</td>', reader.render(text))


def _text(text: str, language: Language) -> str:
    """Text for a page; in Persian what has no Persian letter, dates and signed numbers are kept from turning round."""
    if language == "fa" and re.search(r"\w", text) and not re.search("[\u0621-\u06cc]", text):
        return _ltr(localized(text, language))
    shown = text_html(text, language)
    return _SIGNED.sub(r'<bdi dir="ltr">\1</bdi>', shown) if language == "fa" else shown


def _say(language: Language, key: str, **values: Any) -> str:
    return _text(word(f"print.{key}", language, **values), language)


def _ltr(text: str) -> str:
    return f'<bdi dir="ltr">{html.escape(text)}</bdi>'


def _browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise OptionError(
            "A PDF needs Chromium or Chrome, and none is installed. Install it, or export to html: that prints as well."
        )
    return found


def _print(browser: str, page: Path) -> None:
    """The page as PDF in its place, with the same dates every time."""
    target = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(prefix="crmlab-") as home:
        flags = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--no-first-run",
                 f"--user-data-dir={home}", "--no-pdf-header-footer", f"--print-to-pdf={target.resolve()}"]  # fmt: skip
        if getattr(os, "geteuid", lambda: 1)() == 0:
            flags.append("--no-sandbox")  # Chromium's own sandbox does not start for root
        try:
            run = subprocess.run([browser, *flags, page.resolve().as_uri()], capture_output=True, timeout=120)
        except subprocess.TimeoutExpired as error:
            raise CrmlabError(f"{browser} did not print in 120 s. Export to html, and print that.") from error
    made = target.read_bytes() if target.exists() else b""
    if not made.startswith(b"%PDF"):
        said = run.stderr.decode(errors="replace")[-300:]
        raise CrmlabError(f"{browser} printed nothing ({said}). Export to html, and print that.")
    target.write_bytes(re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}[^)]*", _same_date, made))
    page.unlink()


def _same_date(found: re.Match[bytes]) -> bytes:
    """As long as before: the PDF's table of places counts bytes."""
    return (found[1] + b"19800101000000+00'00'").ljust(len(found[0]), b" ")[: len(found[0])]
