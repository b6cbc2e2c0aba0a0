"""Word: tables in the style of the APA's manual (7th edition), from right to left where the language asks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crmlab.base.errors import require
from crmlab.base.table import Heading, Picture, Table, localized, pieces
from crmlab.base.words import Language
from crmlab.reports.parts import Part, captions, png

FONTS: dict[str, str] = {"en": "Times New Roman", "fa": "B Nazanin"}
_LATIN = "Times New Roman"
PORTRAIT, LANDSCAPE = 16.5, 25.2  # the text's width in centimetres on A4
_AFTER_BIDI = (
    "adjustRightInd", "snapToGrid", "spacing", "ind", "contextualSpacing", "mirrorIndents", "suppressOverlap", "jc",
    "textDirection", "textAlignment", "textboxTightWrap", "outlineLvl", "divId", "cnfStyle", "rPr", "sectPr",
    "pPrChange",
)  # fmt: skip


def write_docx(
    parts: Sequence[Part], target: Path, language: Language, title: str, font: str | None, chapter: int | None
) -> None:
    """Write the parts into a Word document."""
    document = require("docx", "survey").Document()
    _Writer(document, language, font or FONTS[language], chapter).write(parts, title)
    document.save(str(target))


class _Writer:
    """One document on its way: fonts, direction, and the numbers of tables and figures so far."""

    def __init__(self, document: Any, language: Language, font: str, chapter: int | None) -> None:
        self.document, self.language, self.font, self.chapter = document, language, font, chapter
        self.rtl = language == "fa"
        self.size = 12.0 if self.rtl else 11.0
        self.wide = False
        self._page(document.sections[0])
        for name, size in (("Normal", self.size), ("Title", 18.0), ("Heading 1", 14.0), ("Heading 2", self.size + 1)):
            self._style(document.styles[name], size)

    def write(self, parts: Sequence[Part], title: str) -> None:
        labels = captions(parts, self.chapter, self.language)
        if title:
            self._text(title, style="Title")
            self.document.core_properties.title = title
        cells = {name: part.cells(self.language) for name, part in parts if isinstance(part, Table)}
        layouts = {n: _layout(part, cells[n], self.size - 1) for n, part in parts if isinstance(part, Table)}
        for i, (name, part) in enumerate(parts):
            # a heading and its sentences stand on the page of the table that follows them
            after = next((other for other, that in parts[i:] if not isinstance(that, str)), "")
            self._turn(after in layouts and layouts[after][2])
            if isinstance(part, Table):
                self._caption(labels[name], part.title)
                self._table(part, cells[name], layouts[name])
                self._note(part.note)
            elif isinstance(part, Picture):
                self._caption(labels[name], part.title)
                self._picture(part)
                if part.note:
                    self._note(part.note)
            else:
                self._text(part, style="Heading 1" if isinstance(part, Heading) else "Normal", after=6)

    def _page(self, section: Any) -> None:
        from docx.oxml import OxmlElement
        from docx.shared import Cm

        landscape = self.wide
        section.page_width, section.page_height = (Cm(29.7), Cm(21)) if landscape else (Cm(21), Cm(29.7))
        for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
            setattr(section, side, Cm(2.25))
        properties = section._sectPr
        from docx.oxml.ns import qn

        if self.rtl and properties.find(qn("w:bidi")) is None:
            mark = OxmlElement("w:bidi")
            following = [properties.find(qn(f"w:{n}")) for n in ("rtlGutter", "docGrid", "printerSettings")]
            after = next((e for e in following if e is not None), None)
            properties.append(mark) if after is None else after.addprevious(mark)

    def _turn(self, wide: bool) -> None:
        """Begin a landscape page for a wide table, and a portrait one after it."""
        if wide == self.wide:
            return
        from docx.enum.section import WD_ORIENT, WD_SECTION

        section = self.document.add_section(WD_SECTION.NEW_PAGE)
        mark = self.document.element.body[-2]  # an empty paragraph of the break's own could fill a page of its own
        before = mark.getprevious()
        if before is not None and before.tag == mark.tag:
            before.get_or_add_pPr().append(mark.pPr.sectPr)
            mark.getparent().remove(mark)
        self.wide = wide
        section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
        self._page(section)

    def _style(self, style: Any, size: float) -> None:
        from docx.oxml.ns import qn
        from docx.shared import Pt, RGBColor

        style.font.size, style.font.name, style.font.color.rgb = Pt(size), _LATIN, RGBColor(0, 0, 0)
        fonts = style.element.rPr.rFonts
        for name in list(fonts.attrib):
            if name.lower().endswith("theme"):
                del fonts.attrib[name]
        for name in ("ascii", "hAnsi", "eastAsia"):
            fonts.set(qn(f"w:{name}"), self.font if not self.rtl else _LATIN)
        fonts.set(qn("w:cs"), self.font)
        _complex_size(style.element.rPr, size)
        if style.name != "Normal":
            style.font.bold = style.font.cs_bold = True
            border = style.element.pPr.find(qn("w:pBdr")) if style.element.pPr is not None else None
            if border is not None:
                style.element.pPr.remove(border)

    def _text(
        self, text: str, *, style: str = "Normal", bold: bool = False, italic: bool = False, size: float = 0,
        before: float = 0, after: float = 0, keep: bool = False, centre: bool = False,
    ) -> None:  # fmt: skip
        from docx.shared import Pt

        paragraph = self.document.add_paragraph(style=style)
        layout = paragraph.paragraph_format
        layout.space_before, layout.space_after = Pt(before), Pt(after)
        if style != "Normal":
            layout.space_before, layout.space_after = Pt(12), Pt(6)
        layout.keep_with_next = keep or style != "Normal"
        if centre:
            paragraph.alignment = 1
        self._runs(paragraph, text, bold=bold, italic=italic, size=size)

    def _runs(
        self, paragraph: Any, text: str, *, bold: bool = False, italic: bool = False, size: float = 0,
        number: bool = False,
    ) -> None:  # fmt: skip
        """Text as runs: in Persian, right-to-left ones and, for symbols and Latin names, left-to-right ones."""
        text = re.sub(r"(?<=\S) ([=<>≤≥]) (?=\S)", "\u00a0\\1\u00a0", localized(text, self.language))
        if self.rtl and not number:
            _bidi(paragraph)
        for piece, ltr in pieces(text) if self.rtl and not number else [(text, True)]:
            run = paragraph.add_run(piece)
            if bold:
                run.bold = run.font.cs_bold = True
            if italic:
                run.italic = run.font.cs_italic = True
            if size:
                from docx.shared import Pt

                run.font.size = Pt(size)
                _complex_size(run._element.get_or_add_rPr(), size)
            if self.rtl and not ltr:
                run.font.rtl = True
            elif self.rtl and number:  # Persian digits of a number take the Persian font, without turning it round
                run.font.complex_script = True

    def _caption(self, label: str, title: str) -> None:
        self._text(label, bold=True, before=14, keep=True, centre=self.rtl)
        if title:
            self._text(title, italic=not self.rtl, after=4, keep=True, centre=self.rtl)  # Persian has no italic

    def _note(self, note: str) -> None:
        self._text(note, size=self.size - 2 if note else 2, before=3 if note else 0, after=10)

    def _table(self, table: Table, rows: list[list[str]], layout: tuple[float, list[float], bool]) -> None:
        from docx.enum.table import WD_TABLE_ALIGNMENT, WD_TABLE_DIRECTION
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.oxml import OxmlElement
        from docx.shared import Cm, Pt

        columns = list(table.frame.columns)
        size, widths, _ = layout
        grid = self.document.add_table(rows=len(rows) + 1, cols=len(columns))
        grid.autofit = False
        if self.rtl:
            grid.table_direction = WD_TABLE_DIRECTION.RTL
            grid.alignment = WD_TABLE_ALIGNMENT.CENTER  # programs differ on which side "left" is here
        _rules(grid)
        head = grid.rows[0]._tr.get_or_add_trPr()
        for row in grid.rows:
            row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        head.append(OxmlElement("w:tblHeader"))
        boxes = [row.cells for row in grid.rows]  # grid.cell(i, j) walks through the whole table each time
        for j, name in enumerate(columns):
            number = table.is_number(name)
            texts = [row[j] for row in rows]
            inner = max((_ink(t, size) for t in texts), default=0.0)
            grid.columns[j].width = Cm(widths[j])
            for i, text in enumerate([name, *texts]):
                box = boxes[i][j]
                box.width = Cm(widths[j])
                paragraph = box.paragraphs[0]
                space = paragraph.paragraph_format
                space.space_before = space.space_after = Pt(2 if len(rows) <= 16 else 1)
                space.keep_with_next = bool(table.note) if i >= len(rows) - 1 else len(rows) <= 16 or i < 2
                self._runs(paragraph, text, size=size, number=number and i > 0)
                if number and i == 0:
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
                elif number:  # equal decimals end at one edge; the block as a whole stands in the middle
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
                    space.right_indent = Cm(max(0.0, (widths[j] - 0.38 - inner) / 2))

    def _picture(self, picture: Picture) -> None:
        import io

        from docx.shared import Cm

        paragraph = self.document.add_paragraph()
        paragraph.alignment = 1
        image = paragraph.add_run().add_picture(io.BytesIO(png(picture.figure)))
        scale = min(1.0, Cm(PORTRAIT) / image.width, Cm(20) / image.height)
        image.width, image.height = int(image.width * scale), int(image.height * scale)
        image._inline.docPr.set("descr", picture.title)


def _ink(text: str, size: float) -> float:
    """About how many centimetres the text takes at this size in points; capitals and Persian letters are broad."""
    return sum(0.72 if c.isupper() else 0.55 if c.isalpha() and c > "\u0600" else 0.5 for c in text) * size * 2.54 / 72


def _layout(table: Table, rows: Sequence[Sequence[str]], base: float) -> tuple[float, list[float], bool]:
    """Size of the letters, the columns' widths in centimetres, and whether the table needs a landscape page.

    Letters shrink first, then columns of long texts; only what then does not fit lies on its side.
    """
    for room, sizes, least in ((PORTRAIT, (base, 9.0), 99), (PORTRAIT, (9.0, 8.5), 14), (LANDSCAPE, (9.0, 8.0), 14)):
        for size in sizes:
            narrow, broad = _widths(table, rows, size, least), _widths(table, rows, size, 99)
            if sum(narrow) <= room:
                slack = room - sum(narrow)
                want = sum(broad) - sum(narrow)
                share = min(1.0, slack / want) if want > 0 else 0.0
                rest = min((slack - share * want) / len(narrow), 0.8)
                widths = [a + share * (b - a) + rest for a, b in zip(narrow, broad, strict=True)]
                return size, widths, room > PORTRAIT
    return 7.5, [width * LANDSCAPE / sum(narrow) for width in narrow], True


def _widths(table: Table, rows: Sequence[Sequence[str]], size: float, least: int) -> list[float]:
    """Centimetres of each column: its longest word or number, and of long texts `least` letters (46 at most)."""
    widths = []
    for j, name in enumerate(table.frame.columns):
        texts = [row[j] for row in rows]
        number = table.is_number(name)
        words = [word for text in [name, *([] if number else texts)] for word in text.split()]
        whole = texts if number else [text[: min(46, least)] for text in texts]
        heads = [name] if len(name) <= 8 else []
        inks = [_ink(text, size) for text in [*whole, *words, *heads]] + [
            1.15 * _ink(one, size) for one in name.split()
        ]
        widths.append(max(inks, default=0.0) + 0.45)
    return widths


def _rules(grid: Any) -> None:
    """Horizontal rules above and below the heads and below the last row; no others."""
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    line = 'w:val="single" w:sz="8" w:space="0" w:color="000000"'
    borders = parse_xml(f"<w:tblBorders {nsdecls('w')}><w:top {line}/><w:bottom {line}/></w:tblBorders>")
    grid._tbl.tblPr.insert_element_before(
        borders, "w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook", "w:tblCaption", "w:tblDescription"
    )
    for box in grid.rows[0].cells:
        below = parse_xml(f"<w:tcBorders {nsdecls('w')}><w:bottom {line.replace('8', '4', 1)}/></w:tcBorders>")
        box._tc.get_or_add_tcPr().append(below)


def _bidi(paragraph: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = paragraph._p.get_or_add_pPr()
    if properties.find(qn("w:bidi")) is None:
        properties.insert_element_before(OxmlElement("w:bidi"), *(f"w:{name}" for name in _AFTER_BIDI))


def _complex_size(properties: Any, size: float) -> None:
    """The size of Persian letters, which Word keeps apart from that of Latin ones."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = properties.find(qn("w:szCs"))
    if mark is None:
        mark = OxmlElement("w:szCs")
        properties.find(qn("w:sz")).addnext(mark)
    mark.set(qn("w:val"), str(int(2 * size)))
