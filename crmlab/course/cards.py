"""Flash cards: in a notebook, as text, and as a deck for Anki."""

from __future__ import annotations

import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import CrmlabError, OptionError, check_count, check_option, require
from crmlab.base.table import text_html
from crmlab.base.words import Language, word
from crmlab.course.widget import fold_out, widget
from crmlab.data.datasets import load_flashcards

WORDS = ("count", "done", "previous", "flip", "next", "known", "again")
_MODEL = 1_672_024_001  # Anki knows a kind of note, and a deck, by a number that must never change
_DECK = 1_672_024_100
_TIME = 1_700_000_000.0  # seconds; a deck's files carry it instead of now, so that the same cards are the same bytes


@dataclass(frozen=True, repr=False)
class Cards:
    """A pile of cards in its order: `table` has front, back, source, id and lesson. Made by `cards`."""

    table: pd.DataFrame
    language: Language = "en"

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        shown = [f"{row.front}\n    {row.back}" for row in self.table.itertuples(index=False)]
        return "\n".join([word("cards.title", self.language, n=len(self)), *shown])

    def _repr_html_(self) -> str:
        rows = self.table.itertuples(index=False)
        return widget("cards", [fold_out(self._html(r.front), self._back(r)) for r in rows], self.language, WORDS)

    def _html(self, text: Any) -> str:
        return text_html(str(text), self.language)

    def _back(self, row: Any) -> str:
        known = "" if row.source == "course" else f'<div class="source">{self._html(row.source)}</div>'
        return self._html(row.back) + known


def cards(lesson: int | None = None, seed: int = 0, language: Language = "en") -> Cards:
    """What should I know by heart (of one lesson, if given)? Cards to flip, shuffled by `seed`.

    In a notebook: click or press Enter to flip, arrow keys for the next and the one before, K for "I know it".
    Raises OptionError where a lesson has no cards, with those that have.

    >>> len(cards(lesson=5)) > 5
    True
    """
    check_option("language", language, get_args(Language))
    table = _pick(load_flashcards(), lesson)
    order = np.random.default_rng(check_count("seed", seed, 0)).permutation(len(table))
    table = table.rename(columns={f"front_{language}": "front", f"back_{language}": "back"})
    return Cards(table.iloc[order][["front", "back", "source", "id", "lesson"]].reset_index(drop=True), language)


def _pick(table: pd.DataFrame, lesson: int | None) -> pd.DataFrame:
    there = sorted(table["lesson"].unique().tolist())
    if lesson is not None and check_count("lesson", lesson) not in there:
        raise OptionError(f"lesson={lesson!r} has no cards; the lessons {', '.join(map(str, there))} have.")
    return table if lesson is None else table[table["lesson"] == lesson]


def write_anki(
    path: str | Path, *, lesson: int | None = None, language: Language = "en", overwrite: bool = False
) -> Path:
    """Which file does Anki import? All cards (or a lesson's), tagged by lesson, a deck for each language.

    The same cards give the same bytes, and cards keep their identity: importing a later edition updates them and leaves
    what was learnt. Raises OptionError for another ending than .apkg, a missing folder, or a file that is there
    already.
    """
    genanki = require("genanki", "course")
    check_option("language", language, get_args(Language))
    target = Path(path)
    if target.suffix.lower() != ".apkg":
        raise OptionError(f"'{target.name}': Anki reads files that end in .apkg; call it {target.stem}.apkg.")
    if not target.parent.is_dir():
        raise OptionError(f"The folder {target.parent} does not exist; make it first, or choose another.")
    if target.exists() and not overwrite:
        raise OptionError(f"{target} is there already; replace it with overwrite=True, or choose another name.")
    table = _pick(load_flashcards(), lesson)
    number = get_args(Language).index(language)
    way = "direction: rtl; " if language == "fa" else ""
    model = genanki.Model(
        _MODEL + number, f"crmlab {language}", fields=[{"name": name} for name in ("Front", "Back", "Source")],
        templates=[{
            "name": "Card", "qfmt": "{{Front}}",
            "afmt": '{{FrontSide}}<hr id="answer">{{Back}}<p class="source">{{Source}}</p>',
        }],
        css=f".card {{ {way}font-size: 20px; line-height: 1.6; text-align: center; }} .source {{ font-size: 13px; }}",
    )  # fmt: skip
    deck = genanki.Deck(_DECK + number, word("cards.deck", language))
    for row in table.to_dict("records"):
        texts = [text_html(str(row[name]), language) for name in (f"front_{language}", f"back_{language}", "source")]
        guid = genanki.guid_for("crmlab", language, row["id"])
        tags = [f"lesson-{row['lesson']:02d}", *([row["group"]] if row["group"] else [])]
        deck.add_note(genanki.Note(model=model, fields=texts, guid=guid, tags=tags))
    try:
        with tempfile.TemporaryDirectory(prefix=".crmlab-", dir=target.parent) as folder:
            raw, half = Path(folder) / "raw.apkg", Path(folder) / target.name
            genanki.Package(deck).write_to_file(str(raw), timestamp=_TIME)
            with zipfile.ZipFile(raw) as made, zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as fixed:
                for name in sorted(made.namelist()):
                    fixed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), made.read(name))
            os.replace(half, target)
    except OSError as error:
        raise CrmlabError(f"{target} cannot be written ({error}). Close it where it is open, and try again.") from error
    return target
