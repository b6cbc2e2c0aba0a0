"""HTML: one page that needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from crmlab.base.table import Heading, Table, localized, text_html
from crmlab.base.words import Language, word
from crmlab.reports.parts import Part, captions, png

_CSS = """
body { max-width: 60em; margin: 2em auto; padding: 0 1em; font-family: FONT, serif; line-height: 1.6; color: #000; }
.caption { margin: 1.8em 0 .4em; } .caption b { display: block; } .title { font-style: STYLE; }
.scroll { overflow-x: auto; } .note { font-size: .85em; margin-top: .4em; } img { max-width: 100%; }
table.apa { border-collapse: collapse; border-top: 1.5px solid; border-bottom: 1.5px solid; font-size: .92em; }
table.apa th { border-bottom: 1px solid; font-weight: normal; vertical-align: bottom; }
table.apa th, table.apa td { padding: .25em .9em; text-align: start; }
table.apa td.number { text-align: right; font-variant-numeric: tabular-nums lining-nums; white-space: nowrap; }
table.apa th.number { text-align: center; }
"""


def write_html(
    parts: Sequence[Part], target: Path, language: Language, title: str, font: str | None, chapter: int | None
) -> None:
    """One page that needs nothing else: figures are inside."""
    persian = language == "fa"
    fonts = f"'{font}', " if font else ""
    fonts += "'B Nazanin', Vazirmatn, 'Times New Roman'" if persian else "'Times New Roman'"
    labels = captions(parts, chapter, language)
    body = [f"<h1>{text_html(title, language)}</h1>"] if title else []
    for name, part in parts:
        if isinstance(part, str):
            tag = "h2" if isinstance(part, Heading) else "p"
            body.append(f"<{tag}>{text_html(part, language)}</{tag}>")
            continue
        shown = text_html(part.title, language)
        body.append(f'<div class="caption"><b>{labels[name]}</b> <span class="title">{shown}</span></div>')
        if isinstance(part, Table):
            body.append(f'<div class="scroll">{part.to_html(language)}</div>')
        else:
            image = base64.b64encode(png(part.figure)).decode()
            body.append(f'<img alt="{html.escape(part.title)}" src="data:image/png;base64,{image}">')
        if part.note:
            body.append(f'<p class="note">{text_html(part.note, language)}</p>')
    style = _CSS.replace("FONT", fonts).replace("STYLE", "normal" if persian else "italic")
    head = html.escape(localized(title or word("survey_table.tables", language), language))
    page = (
        f'<!DOCTYPE html>\n<html lang="{language}" dir="{"rtl" if persian else "ltr"}">\n<head><meta charset="utf-8">\n'
        f"<title>{head}</title>\n<style>{style}</style></head>\n<body>\n"
    )
    target.write_text(page + "\n".join(body) + "\n</body>\n</html>\n", encoding="utf-8")
