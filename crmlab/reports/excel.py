"""Excel: a sheet for each table, numbers as numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crmlab.base.errors import require
from crmlab.base.table import Format, Picture, Table, localized
from crmlab.base.words import Language, word
from crmlab.reports.parts import Part, captions, png


def write_xlsx(
    parts: Sequence[Part], target: Path, language: Language, title: str, font: str | None, chapter: int | None
) -> None:
    """A sheet for each table and figure; numbers stay numbers. Sentences stand on a sheet of their own."""
    openpyxl = require("openpyxl", "survey")
    styles = require("openpyxl.styles", "survey")
    book = openpyxl.Workbook()
    book.remove(book.active)
    labels, used = captions(parts, chapter, language), set[str]()

    def sheet_of(name: str) -> Any:
        base = re.sub(r"[\[\]:*?/\\]", " ", name).strip()[:28] or "table"
        name = next(n for n in [base, *(f"{base} {k}" for k in range(2, 99))] if n.lower() not in used)
        used.add(name.lower())
        sheet = book.create_sheet(name)
        sheet.sheet_view.rightToLeft = language == "fa"
        sheet.sheet_view.showGridLines = False
        return sheet

    text = [localized(str(part), language) for _, part in parts if isinstance(part, str)]
    if text or title:
        sheet = sheet_of(word("survey_table.text", language))
        for row in filter(None, [title, *text]):
            sheet.append([row])
            sheet.cell(sheet.max_row, 1).alignment = styles.Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions["A"].width = 100
    for name, part in parts:
        if not isinstance(part, (Table, Picture)):
            continue
        sheet = sheet_of(name)
        sheet["A1"], sheet["A2"] = labels[name], localized(part.title, language)
        sheet["A1"].font = styles.Font(bold=True)
        if isinstance(part, Picture):
            image = require("openpyxl.drawing.image", "survey").Image(io.BytesIO(png(part.figure)))
            image.width, image.height = image.width / 2, image.height / 2
            sheet.add_image(image, "A4")
        else:
            _fill(sheet, part, language, styles)
        if part.note:
            sheet.cell(sheet.max_row + 1, 1, localized(part.note, language))
    book.save(target)


def _fill(sheet: Any, table: Table, language: Language, styles: Any) -> None:
    thin = styles.Side(style="thin")
    shown = table.cells(language)
    last = 4 + len(shown)
    for j, name in enumerate(table.frame.columns, 1):
        number = table.is_number(name)
        head = sheet.cell(4, j, localized(name, language))
        head.border = styles.Border(top=thin, bottom=thin)
        head.alignment = styles.Alignment(horizontal="center" if number else None, wrap_text=True, vertical="center")
        for i, value in enumerate(table.frame[name]):
            box = sheet.cell(5 + i, j)
            if isinstance(value, str) or not shown[i][j - 1]:
                box.value = shown[i][j - 1] or None
            elif isinstance(value, bool) or not hasattr(value, "__float__"):
                box.value = str(value)
            else:
                box.value, box.number_format = float(value), _excel_format(table.format_of(name, i))
        sheet.cell(last, j).border = styles.Border(bottom=thin, top=thin if last == 4 else None)
        widest = max([len(name) if not number else min(len(name), 14), *(len(row[j - 1]) for row in shown)])
        sheet.column_dimensions[head.column_letter].width = min(widest + 3, 60)


def _excel_format(form: Format) -> str:
    if form == "p":
        return '[<0.001]"< .001";.000'
    digits = form if isinstance(form, int) else int(form.removeprefix("."))
    zeros = "." + "0" * digits if digits else ""
    return ("" if isinstance(form, str) else "0") + zeros
