"""Tables into files: what is read back is what went in, in both directions of writing."""

import re
import zipfile
from html.parser import HTMLParser

import openpyxl
import pandas as pd
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from matplotlib.figure import Figure

from crmlab.base.errors import CrmlabError, OptionError
from crmlab.base.table import Heading, Picture, Table, cell, localized, number_text, pieces
from crmlab.reports import write
from crmlab.reports.write import write_tables

VALUES = [0.51234, -0.2, 1.0204]


@pytest.fixture
def table():
    frame = pd.DataFrame({"path": ["a_1 → b", "50% & c", "<d>"], "β": VALUES, "p": [1e-9, 0.0134, 0.5]})
    return Table(frame, "Tests", "Note. p is two-sided.", {"β": ".3"})


@pytest.fixture
def persian():
    frame = pd.DataFrame({"مسیر": ["کیفیت ← رضایت", "H1"], "β": [-0.204, 1234.5], "p": [1e-9, 0.0134]})
    return Table(frame, "نتایج آزمون", "یادداشت. R² = 0.45، CFI = 0.95 (Hu & Bentler, 1999).", {"β": 2}, "fa")


def figure():
    drawn = Figure()
    drawn.subplots().plot([1, 2])
    return drawn


@pytest.mark.parametrize(
    "value, form, english, farsi",
    [  # APA 7, 6.36: three decimals for p, "< .001" below; no zero before the point where 1 cannot be passed
        (0.0134, "p", ".013", "۰٫۰۱۳"), (0.00099, "p", "< .001", "< ۰٫۰۰۱"), (1.0, "p", "1.000", "۱٫۰۰۰"),
        (-0.204, ".2", "−.20", "−۰٫۲۰"), (1.204, ".2", "1.20", "۱٫۲۰"), (0.9996, ".3", "1.000", "۱٫۰۰۰"),
        (-0.0001, 2, "0.00", "۰٫۰۰"), (12345.6, 0, "12,346", "۱۲٬۳۴۶"), (float("inf"), 2, "∞", "∞"),
    ],
)  # fmt: skip
def test_numbers_as_apa_prints_them(value, form, english, farsi):
    assert number_text(value, form) == english
    assert number_text(value, form, "fa") == farsi


def test_text_and_gaps():
    assert cell(None, 3) == cell(float("nan"), 3) == cell(pd.NA, 3) == ""
    assert localized("Q12 و H1: 12 نفر (3.5%)", "fa") == "Q12 و H1: ۱۲ نفر (۳٫۵٪)"
    assert localized("Q12: 3.5%", "en") == "Q12: 3.5%"


def test_persian_text_keeps_formulas_from_left_to_right():
    found = [
        p.strip("\u200e\u200f ") for p, ltr in pieces(localized("مقدار χ²(24) = 85.3 و حد ≤ 0.08 است", "fa")) if ltr
    ]
    assert found == ["χ²(۲۴) = ۸۵٫۳", "≤ ۰٫۰۸"]
    # a sentence's end parts them: otherwise the number of the next sentence would be drawn into the formula
    assert [ltr for _, ltr in pieces(localized("SRMR = 0.05. 17 نفر", "fa"))] == [True, False]


def test_word_in_english(table, tmp_path):
    wide = pd.DataFrame({f"measure {i}": [i * 1000.5] for i in range(18)})
    parts = {"h": Heading("Findings"), "s": "All answered.", "t": table, "f": Picture(figure(), "Curve"), "w": wide}
    document = Document(write_tables(parts, tmp_path / "a.docx", title="Chapter 4"))
    texts = [p.text for p in document.paragraphs]
    assert [t for t in texts if t][:6] == [
        "Chapter 4",
        "Findings",
        "All answered.",
        "Table 1",
        "Tests",
        "Note. p is two-sided.",
    ]
    assert "Figure 1" in texts and "Table 2" in texts
    label, title = (document.paragraphs[texts.index(t)] for t in ("Table 1", "Tests"))
    assert label.runs[0].bold and title.runs[0].italic
    grid = document.tables[0]
    assert [[c.text for c in row.cells] for row in grid.rows] == [
        ["path", "β", "p"], ["a_1 → b", ".512", "< .001"], ["50% & c", "−.200", ".013"], ["<d>", "1.020", ".500"],
    ]  # fmt: skip
    sides = {side.tag.split("}")[1] for side in grid._tbl.tblPr.find(qn("w:tblBorders"))}
    assert sides == {"top", "bottom"}
    assert len(document.inline_shapes) == 1
    assert [s.orientation for s in document.sections] == [WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE]


def test_word_in_persian_runs_from_right_to_left(persian, tmp_path):
    path = write_tables({"t": persian}, tmp_path / "a.docx", chapter=4)  # the language is the table's
    document = Document(path)
    assert document.paragraphs[0].text == "جدول ۴-۱"
    for paragraph in document.paragraphs[:3]:
        assert paragraph._p.pPr.find(qn("w:bidi")) is not None
    assert document.tables[0]._tbl.tblPr.find(qn("w:bidiVisual")) is not None
    assert document.sections[0]._sectPr.find(qn("w:bidi")) is not None
    cells = [[c for c in row.cells] for row in document.tables[0].rows]
    assert [c.text for c in cells[1]] == ["کیفیت ← رضایت", "−۰٫۲۰", "< ۰٫۰۰۱"]
    assert cells[2][1].text == "۱٬۲۳۴٫۵۰"
    words, number = cells[1][0].paragraphs[0].runs[0], cells[1][1].paragraphs[0].runs[0]
    assert words.font.rtl and not number.font.rtl and number.font.complex_script
    note = document.paragraphs[2]
    assert "".join(r.text for r in note.runs if not r.font.rtl).startswith("R²")
    xml = zipfile.ZipFile(path).read("word/styles.xml").decode()
    assert 'w:cs="B Nazanin"' in xml


def test_excel_keeps_numbers(table, persian, tmp_path):
    book = openpyxl.load_workbook(write_tables({"a/b": table, "A b": table, "s": "Said."}, tmp_path / "a.xlsx"))
    assert book.sheetnames == ["Text", "a b", "A b 2"]
    sheet = book["a b"]
    assert [sheet.cell(5 + i, 2).value for i in range(3)] == VALUES
    assert sheet["B5"].number_format == ".000" and '"< .001"' in sheet["C5"].number_format
    assert sheet["A1"].value == "Table 1" and sheet["A8"].value == "Note. p is two-sided."
    right = openpyxl.load_workbook(write_tables({"t": persian, "f": figure()}, tmp_path / "b.xlsx"))
    assert right["t"].sheet_view.rightToLeft and right["t"]["B5"].value == -0.204
    assert len(right["f"]._images) == 1


def test_latex_escapes_and_rules(table, persian, tmp_path):
    text = write_tables({"t": table, "f": Picture(figure(), "50%")}, tmp_path / "a.tex").read_text(encoding="utf-8")
    assert r"a\_1 → b & .512 & $<$ .001 \\" in text and r"50\% \& c & $-$.200" in text and r"$<$d$>$" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", "|")] == [1, 1, 1, 0]
    assert (tmp_path / "a-figure1.png").read_bytes()[:4] == b"\x89PNG" and "a-figure1.png" in text
    assert r"\lr{$-$۰٫۲۰}" in write_tables(persian, tmp_path / "b.tex").read_text(encoding="utf-8")


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1] += data


def test_html_is_one_whole_page(table, persian, tmp_path):
    text = write_tables({"t": table, "f": figure()}, tmp_path / "a.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open and page.cells[:3] == ["a_1 → b", ".512", "< .001"] and page.cells[6] == "<d>"
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    page = Page(write_tables(persian, tmp_path / "b.html").read_text(encoding="utf-8"))
    assert ("html", {"lang": "fa", "dir": "rtl"}) in page.tags
    assert page.cells[1] == "−۰٫۲۰" and ("td", {"class": "number", "dir": "ltr"}) in page.tags


def test_a_data_frame_will_do(tmp_path):
    frame = pd.DataFrame({"n": [3, 4], "mean": [1.5, None]}, index=pd.Index(["x", "y"], name="item"))
    document = Document(write_tables(frame, tmp_path / "a.docx"))
    assert [[c.text for c in row.cells] for row in document.tables[0].rows] == [
        ["item", "n", "mean"], ["x", "3", "1.500"], ["y", "4", ""],
    ]  # fmt: skip
    assert list(frame.columns) == ["n", "mean"]


def test_a_failing_write_leaves_what_was_there(table, tmp_path, monkeypatch):
    path = write_tables(table, tmp_path / "a.tex")
    before = path.read_bytes()

    def half(parts, target, *rest):
        target.write_text("half")
        raise OSError("disk full")

    monkeypatch.setitem(write._WRITERS, ".tex", half)
    with pytest.raises(CrmlabError, match=r"a\.tex cannot be written \(disk full\)"):
        write_tables(table, path, overwrite=True)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_refusals(table, tmp_path):
    path = write_tables(table, tmp_path / "a.html")
    with pytest.raises(OptionError, match=r"a\.html is there already.*overwrite=True"):
        write_tables(table, path)
    write_tables(table, path, overwrite=True)
    with pytest.raises(OptionError, match=r"'\.pdf' is not known; .*\.docx, \.xlsx, \.tex, \.html"):
        write_tables(table, tmp_path / "a.pdf")
    with pytest.raises(OptionError, match="nowhere does not exist"):
        write_tables(table, tmp_path / "nowhere" / "a.docx")
    with pytest.raises(OptionError, match="'t' is a int"):
        write_tables({"t": 3}, tmp_path / "b.docx")
    with pytest.raises(OptionError, match="no table"):
        write_tables({}, tmp_path / "b.docx")
    with pytest.raises(OptionError, match="language='de'"):
        write_tables(table, tmp_path / "b.docx", language="de")
    with pytest.raises(OptionError, match="several columns called 'a'"):
        Table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    (tmp_path / "c-figure1.png").write_bytes(b"mine")
    with pytest.raises(OptionError, match=r"c-figure1\.png is there already"):
        write_tables({"f": figure()}, tmp_path / "c.tex")
    assert (tmp_path / "c-figure1.png").read_bytes() == b"mine" and not (tmp_path / "c.tex").exists()
