"""Flash cards and quizzes: their texts, their page in a browser, the deck for Anki."""

import re
import sqlite3
import zipfile

import numpy as np
import pytest

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.course.cards import write_anki
from crmlab.course.exercise import load_exercise

CARDS = crm.load_flashcards()
LESSONS = sorted(CARDS["lesson"].unique())


def test_cards_cover_the_lessons_in_both_languages():
    assert len(CARDS) >= 150 and CARDS["id"].is_unique
    assert set(LESSONS) == set(range(1, 12))
    texts = CARDS[["front_en", "back_en", "front_fa", "back_fa", "source"]]
    assert (texts != "").all(axis=None)
    assert (CARDS["id"].str[:2].astype(int) == CARDS["lesson"]).all()
    persian = CARDS[["front_fa", "back_fa"]].map(lambda text: len(re.findall("[\u0600-\u06ff]", text)))
    assert (persian["back_fa"] > 5).all() and CARDS["front_fa"].map(len).gt(0).all()
    assert not CARDS["back_fa"].str.contains("[\u064a\u0643]").any(), "Arabic ya or kaf instead of the Persian letter"
    assert CARDS["back_en"].str.split().map(len).max() <= 60


@pytest.mark.parametrize("language", ["en", "fa"])
def test_cards_of_a_group_can_be_told_apart(language):
    for (lesson, name), group in CARDS[CARDS["group"] != ""].groupby(["lesson", "group"]):
        assert len(group) >= 3, f"{lesson}, {name}: a wrong choice needs two others"
        for text in ("front", "back"):
            assert group[f"{text}_{language}"].is_unique
        for row in group.to_dict("records"):
            front, back = row[f"front_{language}"].casefold(), row[f"back_{language}"].casefold()
            assert front not in back, f"{row['id']}: the back names its front"


def test_a_seed_shuffles_and_a_lesson_without_cards_is_named():
    first, again, other = crm.cards(5), crm.cards(5), crm.cards(5, seed=1)
    assert first.table.equals(again.table) and not first.table["id"].equals(other.table["id"])
    assert set(first.table["id"]) == set(other.table["id"])
    with pytest.raises(OptionError, match=r"lesson=99 has no cards; the lessons 1, 2"):
        crm.cards(99)
    with pytest.raises(OptionError, match="lesson=99 has no quiz"):
        crm.quiz(99)
    with pytest.raises(OptionError, match="n=0"):
        crm.quiz(5, n=0)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_html_is_whole_offline_and_the_same_each_time(language):
    for made in (crm.cards(6, language=language), crm.quiz(6, language=language)):
        page = made._repr_html_()
        assert page == made._repr_html_()
        assert "http" not in page and "src=" not in page
        assert f'dir="{"rtl" if language == "fa" else "ltr"}"' in page
        items = len(made) if hasattr(made, "table") else sum(len(q.choices) for q in made.questions)
        assert page.count("<details") == page.count("</details>") == items


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_quiz_has_one_right_choice_and_says_why_the_others_are_wrong(lesson, language):
    quiz = crm.quiz(lesson, language=language, seed=3)
    assert len(quiz) >= 6
    for question in quiz.questions:
        assert sum(choice.right for choice in question.choices) == 1
        assert 3 <= len(question.choices) <= 4 and len({c.text for c in question.choices}) == len(question.choices)
        assert all(choice.feedback for choice in question.choices if not choice.right)
        assert "{" not in question.prompt.replace("{{", "")


def test_quiz_keys_come_from_solve_and_from_the_cards():
    backs = CARDS.set_index("id")["back_en"]
    worked = 0
    for seed in range(4):
        quiz = crm.quiz(5, seed=seed)
        for question in quiz.questions:
            right = next(choice.text for choice in question.choices if choice.right)
            if question.origin in backs.index:
                assert right == backs[question.origin]
            elif question.origin == "break-even-response":  # by hand: cost over margin of an order
                cost, order, margin = re.search(
                    r"costs ([\d.]+) dollars.* brings (\d+) dollars, of which (\d+)%", question.prompt
                ).groups()
                assert float(right) == pytest.approx(float(cost) / (float(order) * float(margin) / 100), abs=0.001)
                worked += 1
    assert worked, "none of the seeds asked the exercise"


def test_check_says_the_mistakes_explanation():
    quiz = next(q for q in (crm.quiz(5, seed=s) for s in range(9)) if "lift" in {x.origin for x in q.questions})
    number, question = next((i, q) for i, q in enumerate(quiz.questions, 1) if q.origin == "lift")
    said = {choice.right: quiz.check(number, "abcd"[i]) for i, choice in enumerate(question.choices)}
    assert said[True].startswith("\u2714") and said[False].startswith("\u2718")
    explanations = load_exercise("lift").texts["en"].mistakes.values()
    assert any(text.split("{")[0][:20] in said[False] for text in explanations)
    with pytest.raises(OptionError, match="choice='z'"):
        quiz.check(1, "z")
    with pytest.raises(OptionError, match="not one of 1 to"):
        quiz.check(99, "a")


def test_anki_deck_is_whole_the_same_again_and_never_overwritten(tmp_path):
    one = write_anki(tmp_path / "one.apkg", language="fa")
    two = write_anki(tmp_path / "two.apkg", language="fa")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as deck:
        deck.extract("collection.anki2", tmp_path)
    base = sqlite3.connect(tmp_path / "collection.anki2")
    notes = base.execute("select guid, flds, tags from notes").fetchall()
    base.close()
    assert len(notes) == len({guid for guid, _, _ in notes}) == len(CARDS)
    fronts = {re.sub("<[^>]*>", "", fields.split("\x1f")[0]) for _, fields, _ in notes}
    assert any("RFM" in front for front in fronts)
    assert {int(re.search(r"lesson-(\d\d)", tags)[1]) for _, _, tags in notes} == set(LESSONS)
    with pytest.raises(OptionError, match="is there already"):
        write_anki(one)
    with pytest.raises(OptionError, match=r"call it deck\.apkg"):
        write_anki(tmp_path / "deck.zip")
    with pytest.raises(OptionError, match="does not exist"):
        write_anki(tmp_path / "no" / "deck.apkg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["collection.anki2", "one.apkg", "two.apkg"]


def page(tmp_path, thing):
    file = tmp_path / "page.html"
    file.write_text(f"<meta charset='utf-8'><body>{thing._repr_html_()}</body>", encoding="utf-8")
    return file.as_uri()


SEEN = "return [...document.querySelectorAll('li')].filter(e => e.offsetParent).map(e => e.innerText)"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fa"])
def test_keys_flip_and_move_in_the_browser(browser, tmp_path, language):
    from selenium.webdriver.common.keys import Keys

    cards = crm.cards(6, language=language)
    browser.get(page(tmp_path, cards))
    forward = Keys.ARROW_LEFT if language == "fa" else Keys.ARROW_RIGHT
    backward = Keys.ARROW_RIGHT if language == "fa" else Keys.ARROW_LEFT
    back = cards.table["back"][0].split()[0]
    seen = browser.execute_script(SEEN)
    assert len(seen) == 1 and back not in seen[0]
    front = browser.find_element("css selector", "li.now summary")
    front.send_keys(Keys.ENTER)
    assert back in browser.execute_script(SEEN)[0]
    front.send_keys(forward)
    count = browser.find_element("css selector", ".count")
    digits = str.maketrans("\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9", "0123456789")
    at = lambda: [int(n) for n in re.findall(r"\d+", count.text.translate(digits))]  # noqa: E731
    assert at() == [2, len(cards)]
    assert cards.table["back"][1].split()[0] not in browser.execute_script(SEEN)[0], "a new card shows its front"
    browser.switch_to.active_element.send_keys(backward)
    assert at() == [1, len(cards)]
    browser.switch_to.active_element.send_keys("k")
    assert at() == [1, len(cards) - 1]
    for _ in range(len(cards) - 1):
        browser.switch_to.active_element.send_keys("k")
    assert not at() and count.text


@pytest.mark.slow
def test_the_quiz_counts_first_tries_in_the_browser(browser, tmp_path):
    quiz = crm.quiz(5, n=4)
    browser.get(page(tmp_path, quiz))
    questions = browser.find_elements("css selector", ".quiz > ol > li")
    for i, kinds in enumerate([("right",), ("wrong", "right")]):
        for kind in kinds:
            questions[i].find_element("css selector", f"details.{kind} summary").click()
    assert browser.find_element("css selector", ".count").text == "1 right at the first try, of 2 tried"


@pytest.mark.slow
@pytest.mark.parametrize("browser", [False], indirect=True, ids=["scripts off"])
def test_without_scripts_cards_are_a_list_that_opens(browser, tmp_path):
    cards = crm.cards(6)
    browser.get(page(tmp_path, cards))
    folded = browser.find_elements("css selector", "details")
    assert len(folded) == len(cards) and not browser.find_elements("css selector", "button")
    assert np.all([one.is_displayed() for one in folded])
    folded[2].find_element("css selector", "summary").click()
    assert cards.table["back"][2].split()[0] in folded[2].text
