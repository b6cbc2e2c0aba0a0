"""What a written chapter is made of: tables, figures, headings and sentences, in order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crmlab.base.table import Heading, Picture, Table, localized
from crmlab.base.words import Language, word

Part = tuple[str, Table | Picture | Heading | str]


def caption_label(kind: str, n: int, chapter: int | None, language: Language) -> str:
    """ "Table 2", "Table 4-2" in chapter 4, and the same in Persian."""
    number = f"{n}" if chapter is None else f"{chapter}-{n}"
    return localized(f"{word(f'survey_table.{kind}', language)} {number}", language)


def png(figure: Any) -> bytes:
    """The picture as PNG: drawn from matplotlib's Figure or Axes, or read from a file."""
    if isinstance(figure, (str, Path)):
        return Path(figure).read_bytes()
    target = io.BytesIO()
    getattr(figure, "figure", figure).savefig(target, format="png", dpi=200, bbox_inches="tight")
    return target.getvalue()


def captions(parts: Sequence[Part], chapter: int | None, language: Language) -> dict[str, str]:
    """The label of each table and figure, counted apart."""
    counts, labels = {"table": 0, "figure": 0}, {}
    for name, part in parts:
        if isinstance(part, (Table, Picture)):
            kind = "table" if isinstance(part, Table) else "figure"
            counts[kind] += 1
            labels[name] = caption_label(kind, counts[kind], chapter, language)
    return labels
