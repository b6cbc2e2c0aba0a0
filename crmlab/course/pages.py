"""Pages that need nothing else, and what somebody else wrote made harmless in them."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from crmlab.base.errors import CrmlabError, require
from crmlab.base.table import localized
from crmlab.base.words import Language
from crmlab.course.roster import write_private

# ANSI sequences; then control characters, marks that turn the direction of what follows, lone surrogates
_HIDDEN = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def page(
    title: str, body: str, language: Language, script: str = "", kind: str = "", style: str = "feedback.css"
) -> str:
    """An HTML page that needs nothing else, and that may load nothing and run nothing but this `script`."""
    way = "rtl" if language == "fa" else "ltr"
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = "default-src 'none'; style-src 'unsafe-inline'; img-src data:" + (
        f"; script-src 'sha256-{mark}'" if script else ""
    )
    css = f' class="{kind}"' if kind else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}" dir="{way}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(localized(title, language))}</title>\n<style>\n{part(style)}</style>\n</head>\n"
        f"<body>\n<main{css}>\n{body}\n</main>\n"
        + (f"<script>{script}</script>" if script else "")
        + "</body>\n</html>\n"
    )


@cache
def part(name: str) -> str:
    """A file of crmlab/course/widgets."""
    return files("crmlab.course").joinpath("widgets", name).read_text(encoding="utf-8")


def markdown(text: str) -> str:
    """A text of ours as HTML; HTML and pictures in it stay as they are written."""
    reader = require("markdown_it", "course").MarkdownIt("commonmark", {"html": False})
    return str(reader.enable("table").disable(["image", "link", "autolink"]).render(text))


def clean(text: object, longest: int = 2000) -> str:
    """What somebody else wrote, without what a terminal or a page would obey; not yet escaped.

    >>> clean("\\x1b[31mred\\x1b[0m \\u202eback", 7)
    'red bac…'
    """
    plain = _HIDDEN.sub("", str(text)[: 4 * longest])
    return plain if len(plain) <= longest else plain[:longest].rstrip() + "…"


def points_text(value: float, language: Language) -> str:
    """Points as they are read: two decimals at most.

    >>> points_text(7.5, "en"), points_text(10.0, "fa")
    ('7.5', '۱۰')
    """
    return localized(f"{value:.2f}".rstrip("0").rstrip("."), language)


def picture(png: bytes, alt: str) -> str:
    """A PNG inside the page."""
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def write_whole(path: Path, text: str) -> Path:
    """The file with this text: all of it or the old one; left alone where it says the same already."""
    text = text.removesuffix("\n")
    try:
        if not (path.is_file() and path.read_bytes() == f"{text}\n".encode()):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, text)
    except OSError as error:
        remedy = "Make room, or close it where it is open; try again."
        raise CrmlabError(f"{path} cannot be written ({error}). {remedy}") from error
    return path
