"""The definitions' data set keeps its rules; words, majorities and maps against counts made by hand."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import DataError, OptionError

RATERS = ["A", "B", "C"]


@pytest.fixture(scope="module")
def definitions() -> pd.DataFrame:
    return crm.load_definitions()


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_every_row_is_complete(definitions) -> None:
    assert len(definitions) >= 25
    assert definitions["id"].is_unique
    assert (definitions.astype(str).drop(columns=RATERS) != "").all().all()  # a note says what was checked, or why not
    assert set(definitions["status"]) == {"checked", "unverified"}
    assert definitions["year"].between(1935, 2013).all()
    assert not definitions[["text_en", "text_fa"]].duplicated().any()
    persian, latin = re.compile("[آ-ی]"), re.compile("[a-z]{4}")
    assert definitions["text_fa"].map(lambda t: bool(persian.search(t)) and not latin.search(t)).all()
    assert not definitions["text_en"].map(lambda t: bool(persian.search(t))).any()
    assert not definitions["text_fa"].str.contains("[يىك٠-٩0-9]").any()  # Arabic letters, digits of another script
    assert definitions["text_en"].str.split().str.len().between(4, 50).all()


def test_the_years_of_the_association(definitions) -> None:
    """1985 plans and prices, 2004 names relationships, 2013 repeats 2007 (Wilkie & Moore 2007)."""
    ama = definitions[definitions["author"] == "AMA"].set_index("year")["text_en"]
    assert ama.index.tolist() == [1935, 1985, 2004, 2007, 2013]
    assert [year for year, text in ama.items() if "relationship" in text] == [2004]
    assert [year for year, text in ama.items() if "pricing" in text] == [1985]
    assert ama[2007][1:] in ama[2013]


def test_perspectives_are_what_most_codings_say(definitions) -> None:
    crm_rows = definitions[definitions["subject"] == "crm"]
    assert (crm.majority(crm_rows[RATERS]) == crm_rows["perspective"]).all()
    assert set(crm_rows[RATERS].to_numpy().ravel()) == set(crm.code_book()["perspective"])
    marketing = definitions[definitions["subject"] == "marketing"]
    assert set(marketing["perspective"]) == set(crm.code_book("marketing")["perspective"])
    assert (marketing[RATERS] == "").all().all()


def test_majority_by_hand() -> None:
    codes = pd.DataFrame(
        {"A": ["x", "x", "x", ""], "B": ["x", "y", "y", None], "C": ["y", "y", "z", ""]}, index=list("pqrs")
    )
    assert crm.majority(codes).to_dict() == {"p": "x", "q": "y", "r": "undecided", "s": "undecided"}


def test_words_by_hand() -> None:
    """customer, customers or customer's stands in 3 of 4 texts, in one twice; the small words are left out."""
    texts = pd.Series(["The customer and customers.", "A CUSTOMER'S product", "Our customer", "Sell the product!"])
    found = crm.word_counts(texts)
    assert found.loc["customer"].tolist() == [75.0, 3]
    assert found.loc["product"].tolist() == [50.0, 2]
    assert "the" not in found.index
    groups = crm.word_counts(texts, by=["old", "old", "new", "new"])
    assert list(groups) == ["old", "new", "difference"]
    assert groups.loc["customer"].tolist() == [100.0, 50.0, -50.0]
    assert groups.loc["sell"].tolist() == [0.0, 50.0, 50.0]


def test_bad_texts_and_options(definitions) -> None:
    with pytest.raises(DataError, match="empty ones in 1 row"):
        crm.word_counts(pd.Series(["a word", " "]))
    with pytest.raises(OptionError, match="subject"):
        crm.code_book("sales")
    with pytest.raises(OptionError, match="two groups"):
        crm.plot_words(crm.word_counts(definitions["text_en"]))
    with pytest.raises(DataError, match="'year'"):
        crm.plot_timeline(definitions.drop(columns="year"))
    with pytest.raises(DataError, match="definitions of marketing"):
        crm.plot_timeline(definitions[definitions["subject"] == "crm"])
    with pytest.raises(DataError, match="coded definitions"):
        crm.plot_perspectives(definitions[definitions["subject"] == "marketing"])


@pytest.mark.parametrize("language", ["en", "fa"])
def test_pictures_draw_what_they_are_given(definitions, language) -> None:
    marketing = definitions[definitions["subject"] == "marketing"]
    ax = crm.plot_timeline(definitions, language=language)
    assert sorted(t.get_text() for t in ax.texts) == sorted(marketing["author"] + " " + marketing["year"].astype(str))
    assert ax.lines[0].get_xydata().tolist() == [[1935, 0], [1985, 1], [2004, 3], [2007, 2], [2013, 2]]
    coded = definitions[definitions["subject"] == "crm"]
    ax = crm.plot_perspectives(coded, language=language)
    assert len(ax.get_yticklabels()) == len(coded)
    assert sum(len(t.get_text().split()) for t in ax.texts) == coded[RATERS].size
    counts = crm.word_counts(definitions["text_en"], by=definitions["subject"])
    ax = crm.plot_words(counts, language=language, top=5)
    shown = [t.get_text() for t in ax.get_yticklabels()]
    assert set(shown) == set(counts["difference"].abs().nlargest(5).index)
