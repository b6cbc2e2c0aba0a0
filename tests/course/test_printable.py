"""Handouts on paper: what they hold, that nothing of theirs runs or comes from outside, and the PDF."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from crmlab.base.errors import OptionError
from crmlab.base.share import share
from crmlab.course.assignment import Assignment, read_assignment
from crmlab.course.exercise import slugs
from crmlab.course.export import printable
from crmlab.course.export.printable import write_printable
from crmlab.course.roster import Roster, Student

SECRET = b"a secret of thirty-two bytes ..."
HOSTILE = '<script>alert(1)</script>\u202e\x1b[31m & "x"\''
VOID = {"meta", "br", "hr"}


def roster(*students: Student) -> Roster:
    return Roster(students, "plain", ("id",))


def assigned(tmp_path: Path, *chosen: str) -> Assignment:
    slots = "".join(f'[[exercises]]\nslug = "{slug}"\npoints = 2.5\n' for slug in chosen)
    title = "title = {en = 'On <paper>', fa = 'روی کاغذ'}"
    (tmp_path / "paper.toml").write_text(f'id = "paper"\n{title}\n{slots}', encoding="utf-8")
    return read_assignment(tmp_path / "paper.toml")


class Page(HTMLParser):
    """The page's tags, checked to pair, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def many(self, css: str) -> int:
        return sum(css in (attrs.get("class") or "").split() for _, attrs in self.tags)


def read(path: Path) -> Page:
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form", "base", "a"}
    assert not any(
        name in ("src", "href", "style") or name.startswith("on") for _, attrs in page.tags for name in attrs
    )
    assert not re.search("https?:", html) and "url(" not in html and "@import" not in html
    return page


@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_exercise_of_the_bank_is_printed(tmp_path: Path, language: str) -> None:
    bank = slugs(share("exercises"))
    students = roster(Student("s1", "سارا نمونه", language=language))  # type: ignore[arg-type]
    chosen = assigned(tmp_path, *bank)
    out = write_printable(chosen, students, SECRET, tmp_path / "out")
    page, key = read(out / "s1.html"), read(out / "keep-private" / "answer-key.html")
    assert page.tags[0] == ("html", {"lang": language, "dir": "rtl" if language == "fa" else "ltr"})
    on_paper = len(bank) - page.many("computer")
    assert page.many("part") == on_paper and on_paper >= 60
    assert page.many("answer") >= on_paper
    assert "{" not in re.sub(r'\{"ever": 9, "again": 4, "recent": 5\}', "", page.text)
    assert "**" not in page.text and "|---" not in page.text and "... +" not in page.text
    assert "expected-orders: " in key.text and "lift: " not in key.text
    titles = [exercise.texts["en"].title for exercise in chosen.exercises.values()]
    assert language == "fa" or all("{" in title or title in page.text for title in titles)


def test_each_student_has_own_numbers_and_the_key_has_them_all(tmp_path: Path) -> None:
    chosen = assigned(tmp_path, "top-share", "hypotheses-table", "break-even-response")
    students = roster(Student("s1", "Ali Example"), Student("s2", "سارا نمونه", language="fa"))
    out = write_printable(chosen, students, SECRET, tmp_path / "out")
    one, two = read(out / "s1.html"), read(out / "s2.html")
    assert "Ali Example" in one.text and "سارا نمونه" in two.text and "Ali" not in two.text
    assert "7.5 points in all" in one.text and "۷٫۵" in two.text
    key = read(out / "keep-private" / "answer-key.html").text
    codes = []
    for student in students.students:
        code = f"{chosen.seed(SECRET, student.id, 'sheet') >> 232:06X}"
        codes.append(code)
        assert code in key and code in (out / f"{student.id}.html").read_text(encoding="utf-8")
        first, decisions, _ = chosen.pieces(SECRET, student.id)
        off = chosen.exercises["top-share"].answers["gini"].tolerance
        assert f"gini = {first.variant.key['gini']:.6g} ± {off:g}" in key
        assert all(f"{name} = {value}" in key for name, value in decisions.variant.key.items())
    assert len({*codes}) == 2 and all(re.fullmatch("[0-9A-F]{6}", code) for code in codes)
    assert one.many("tick") == 15 and one.many("blank") == 3
    assert sum(path.is_file() for path in out.rglob("*")) == 3


def test_numbers_are_whole_on_paper(tmp_path: Path) -> None:
    """A notebook reads the data; on paper a number cut to two decimals would make the key wrong."""
    chosen = assigned(tmp_path, "alpha-by-hand")
    out = write_printable(chosen, roster(Student("s1")), SECRET, tmp_path / "out")
    table = chosen.pieces(SECRET, "s1")[0].variant.drawn["covariances"]
    text = read(out / "s1.html").text
    assert all(
        f"{value:.10g}" in text or (f"{value:,.2f}" in text and round(value, 2) == value) for value in table.iloc[0]
    )


def test_hostile_names_are_text(tmp_path: Path) -> None:
    out = write_printable(assigned(tmp_path, "lift"), roster(Student("s1", HOSTILE)), SECRET, tmp_path / "out")
    for page in (out / "s1.html", out / "keep-private" / "answer-key.html"):
        assert "<script>alert(1)</script>" in read(page).text  # as letters
        assert not {"\u202e", "\x1b"} & {*page.read_text(encoding="utf-8")}
    assert "On <paper>" in read(out / "s1.html").text


def test_the_same_input_gives_the_same_bytes_and_replaces_nothing(tmp_path: Path) -> None:
    chosen, students = assigned(tmp_path, "lift", "top-share"), roster(Student("s1", "Ali Example"), Student("s2"))
    made = [write_printable(chosen, students, SECRET, tmp_path / name, "fa") for name in ("one", "two")]
    one, two = ({path.relative_to(out): path.read_bytes() for path in out.rglob("*.html")} for out in made)
    assert one == two and len(one) == 3
    with pytest.raises(OptionError, match="there already"):
        write_printable(chosen, students, SECRET, made[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "paper.toml", "two"]


def test_without_chromium_html_is_advised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printable, "BROWSERS", ("no-such-browser",))
    with pytest.raises(OptionError, match="export to html"):
        write_printable(assigned(tmp_path, "lift"), roster(Student("s1")), SECRET, tmp_path / "out", pdf=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_pdfs_are_the_same_twice(tmp_path: Path) -> None:
    try:
        printable._browser()
    except OptionError as error:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no chromium; .ci/run installs it")
        pytest.skip(str(error))
    chosen, students = (
        assigned(tmp_path, "lift"),
        roster(Student("s1", HOSTILE), Student("s2", "سارا نمونه", language="fa")),
    )
    made = [write_printable(chosen, students, SECRET, tmp_path / name, pdf=True) for name in ("one", "two")]
    for name in ("s1.pdf", "s2.pdf"):
        one, two = ((out / name).read_bytes() for out in made)
        assert one.startswith(b"%PDF") and one == two
        assert len(re.findall(rb"/Type /Page\b", one)) == 2  # the exercise, and the sheet on its own page
        assert b"Date (D:19800101000000+00'00')" in one
        start = int(re.findall(rb"startxref\s+(\d+)", one)[-1])
        assert one[start : start + 4] == b"xref"  # the places that it names are still right
    assert not list(made[0].glob("*.html"))
