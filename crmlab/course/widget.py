"""The offline HTML of flash cards and quizzes: a list that opens by itself, which a script makes nicer."""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from crmlab.base.words import Language, word


@cache
def _part(name: str) -> str:
    return files("crmlab.course").joinpath("widgets", name).read_text(encoding="utf-8").strip()


def widget(kind: str, items: Iterable[str], language: Language, words: Iterable[str]) -> str:
    """One `<div>` with its style and its script, which needs nothing from outside and holds no random name.

    kind: "cards" or "quiz". items: the inside of each list item. words: keys of the locale's table of that name, which
    the script reads as data attributes. Where scripts are off, what is folded still opens by click or by Enter.
    """
    data = " ".join(f'data-{name}="{html.escape(word(f"{kind}.{name}", language))}"' for name in words)
    way = "rtl" if language == "fa" else "ltr"
    body = "\n".join(f"<li>{item}</li>" for item in items)
    return (
        f'<div class="crmlab {kind}" lang="{language}" dir="{way}" {data}>\n'
        f"<style>\n{_part('widgets.css')}\n</style>\n<ol>\n{body}\n</ol>\n</div>\n<script>\n{_part('widgets.js')}\n</script>"
    )


def fold_out(front: str, back: str, css: str = "") -> str:
    """A line that opens: `front` always seen, `back` after a click or Enter. Both are HTML."""
    kind = f' class="{css}"' if css else ""
    # JupyterLab's own keys must not act on what has the focus
    head = f'<summary data-lm-suppress-shortcuts="true"><span>{front}</span></summary>'
    return f'<details{kind}>{head}<div class="back">{back}</div></details>'
