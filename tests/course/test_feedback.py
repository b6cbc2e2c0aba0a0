"""Feedback pages: what they say, what they keep to themselves, and that nothing of a student's becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import CrmlabError
from crmlab.course.feedback import shown, write_all
from crmlab.course.packing import Calls, Unusable
from crmlab.course.pages import clean, write_whole
from crmlab.course.roster import Roster, Student
from crmlab.course.running import Trouble
from tests.course.handed_in import SECRET, assignment_in, first_mistake, hand_in, keys, new_gradebook

HOSTILE = "</style></pre></textarea><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e=1+1"
ALI = Student("40012", "Ali Example", "ali@example.org", "en", given={"ID number": "40012"})
SARA = Student("40013", "سارا نمونه", "", "fa")
EVIL = Student("40014", f"Evil {HOSTILE}", "", "en")
LATE = Student("40015", "Late Example", "", "en")
UNREAD = Student("40016", "نگار نمونه", "", "fa")
ABSENT = Student("40017", "Absent Example", "", "en")
STUDENTS = (ALI, SARA, EVIL, LATE, UNREAD, ABSENT)
ROSTER = Roster(STUDENTS, "plain", ("id", "name"))


class Read(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    assignment, out = assignment_in(folder), folder / "out"
    gradebook = new_gradebook(out / "keep-private", assignment)
    hand_in(gradebook, ALI, keys(assignment, ALI))
    gradebook.set_marks(ALI.id, "tell-the-manager", "advice", [1.5, 1], f"Well seen. {HOSTILE}")
    gradebook.set_marks(ALI.id, "tell-the-manager", "plot", [2])
    given = keys(assignment, SARA)
    given[2] = {"top_share": "much", "gini": given[2]["gini"]}
    given[1] = first_mistake(assignment, SARA, 1)
    del given[3]
    troubles = (Trouble(7, "error", "NameError: name 'corr' is not defined"), Trouble(9, "odd", "?"))
    hand_in(gradebook, SARA, given, troubles=troubles)
    answers = {1: {"value": HOSTILE}, 3: {"reverse": [HOSTILE], "alpha": {HOSTILE: HOSTILE}}, 4: {"advice": HOSTILE}}
    hand_in(gradebook, EVIL, answers, troubles=(Trouble(2, "error", HOSTILE),))
    hand_in(gradebook, LATE, keys(assignment, LATE), when="2027-01-17T10:20")
    hand_in(gradebook, UNREAD, {}, fault=f"It is no notebook: {HOSTILE}")
    write_all(gradebook, assignment, ROSTER, SECRET, out)
    gradebook.close()
    return out


def page_of(out: Path, student: Student) -> str:
    return (out / "feedback" / f"{student.id}.html").read_text(encoding="utf-8")


def test_everybody_has_a_page_in_their_language(out: Path) -> None:
    assert {path.stem for path in (out / "feedback").iterdir()} == {student.id for student in STUDENTS}
    assert '<html lang="en" dir="ltr">' in page_of(out, ALI)
    assert '<html lang="fa" dir="rtl">' in page_of(out, SARA)


def test_a_good_page_says_score_marks_and_comment(out: Path) -> None:
    text = Read(page_of(out, ALI)).text
    assert "34.44 of 35 points" in text  # 5 + 10 + 10, and of the last ten a third for each of 2.5/3, 2/2, right
    assert "1.5 of 2" in text and "Well seen." in text
    assert "usual mistake" not in text and "still wait" not in text


def test_mistakes_forms_gaps_and_errors_are_explained_in_persian(out: Path) -> None:
    text = Read(page_of(out, SARA)).text
    assert "به یک اشتباه رایج می‌ماند" in text
    assert "پاسخ باید یک عدد باشد" in text and "بی‌پاسخ" in text and "در انتظار تصحیح" in text
    assert "۱ پاسخ از ۲ پاسخ درست است" in text
    assert "سلول ۷ با خطا متوقف شد" in text and "NameError: name 'corr' is not defined" in text
    assert "سلول ۹ تا پایان اجرا نشد" in text  # a kind of trouble that has no words of its own


def test_lateness_is_said_with_what_it_costs(out: Path) -> None:
    text = Read(page_of(out, LATE)).text
    assert "20% is taken off, that is 5.67 of 28.33 points" in text  # 25 and a third of ten; two days begun
    assert "22.67 of 35 points" in text and "5.33 points still wait" in text


def test_unread_and_absent_are_told_what_to_do(out: Path) -> None:
    unread, absent = Read(page_of(out, UNREAD)).text, Read(page_of(out, ABSENT)).text
    assert "It is no notebook" in unread and "ipynb" in unread
    assert "Nothing was handed in." in absent and "0 of 35" in absent


def test_no_page_holds_keys_solutions_or_others(out: Path) -> None:
    page = page_of(out, EVIL)  # answered nothing right, so that every key would be a leak
    made = keys(assignment_in(out.parent), EVIL)
    for number in (1, 2, 3):
        for value in made[number].values():
            assert not isinstance(value, float) or f"{value:.3f}" not in page
    assert "Solution" not in page and "Ali" not in page and "40012" not in page


def test_solutions_come_where_asked_for_and_the_same_is_written_once(tmp_path: Path) -> None:
    assignment = assignment_in(tmp_path)
    gradebook = new_gradebook(tmp_path / "keep-private", assignment)
    hand_in(gradebook, ALI, keys(assignment, ALI))
    roster = Roster((ALI,), "plain", ("id",))
    made = write_all(gradebook, assignment, roster, SECRET, tmp_path, show_key=True)
    assert "Solution" in page_of(tmp_path, ALI) and "The two largest over the sum" in page_of(tmp_path, ALI)
    files = [path for path in tmp_path.rglob("*") if path.suffix in (".html", ".csv")]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    assert write_all(gradebook, assignment, roster, SECRET, tmp_path, show_key=True) == made
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    gradebook.close()


def test_nothing_of_a_student_is_markup(out: Path) -> None:
    plain, evil = Read(page_of(out, ALI)), Read(page_of(out, EVIL))
    for page in (plain, evil, Read(page_of(out, UNREAD))):
        assert "script" not in page.tags and not {name for name, _ in page.attributes if name.startswith("on")}
        assert all(value.startswith("data:image/png") for name, value in page.attributes if name in ("src", "href"))
        assert "\x1b" not in page.text and "\u202e" not in page.text
    assert evil.tags.count("img") == 0 and "alert(1)" in evil.text


@pytest.mark.slow
def test_chromium_sees_no_script_and_no_overflow(out: Path, browser: Any) -> None:
    for width in (1200, 390):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        for student in STUDENTS:
            browser.get((out / "feedback" / f"{student.id}.html").as_uri())
            seen = "return [document.scripts.length, document.querySelectorAll('[onerror]').length]"
            assert browser.execute_script(seen) == [0, 0]
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert browser.get_log("browser") == []  # nothing was asked for that the page does not hold


def test_answers_are_shown_short_and_as_understood() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    said = {
        "0.1234567891": 0.12345678912345, "q1, q2": ["q1", "q2"], "[]": [], "nan": float("nan"),
        "a table of 2 rows: a, b": frame, "2 values: 1, 2": frame["a"], "1, 2": np.array([1, 2]),
        "an object of the type Model": Unusable("Model"), "a: 1": {"a": 1},
        "a function, called with 1 inputs": Calls((1,)),
    }  # fmt: skip
    for text, value in said.items():
        assert f">{text}<" in shown(value, "en")
    assert len(shown("x" * 10**6, "en")) < 500 and len(shown([[["y" * 999] * 99] * 99] * 99, "en")) < 500
    assert "…" in shown(list(range(99)), "en")
    assert "e+" in shown(10**200, "en")


def test_cleaning_keeps_half_spaces_and_lines() -> None:
    assert clean("می\u200cشود\nb\tc") == "می\u200cشود\nb\tc"
    assert clean("a\x1b]8;;http://x\x07b\x00\x9b\ud800") == "ab"


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.html").mkdir()
    with pytest.raises(CrmlabError, match=r"x\.html cannot be written"):
        write_whole(tmp_path / "x.html", "text")
