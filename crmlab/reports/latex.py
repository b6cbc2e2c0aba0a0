"""LaTeX: booktabs tables for \\input, figures as files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crmlab.base.table import Heading, Picture, localized
from crmlab.base.words import Language
from crmlab.reports.parts import Part, png

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "−": "$-$", "²": "$^2$",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def write_tex(
    parts: Sequence[Part], target: Path, language: Language, title: str, font: str | None, chapter: int | None
) -> None:
    r"""A part of a document for \input: booktabs tables, and figures as PNG files beside it."""
    persian = language == "fa"
    lines = [
        "% Needs \\usepackage{booktabs,graphicx}" + (" and xepersian" if persian else "") + "; compile with XeLaTeX",
        *([f"\\section*{{{_tex(localized(title, language))}}}"] if title else []),
    ]
    figures: list[Path] = []
    for _, part in parts:
        if isinstance(part, Heading):
            lines.append(f"\\subsection*{{{_tex(localized(part, language))}}}")
            continue
        if isinstance(part, str):
            lines += [_tex(localized(part, language)), ""]
            continue
        caption = f"\\caption{{{_tex(localized(part.title, language))}}}"
        note = [f"\\\\[3pt]{{\\footnotesize {_tex(localized(part.note, language))}}}"] if part.note else []
        if isinstance(part, Picture):
            figures.append(target.with_name(f"{target.stem}-figure{len(figures) + 1}.png"))
            figures[-1].write_bytes(png(part.figure))
            lines += [
                "\\begin{figure}[htbp]\\centering",
                caption,
                f"\\includegraphics[width=\\linewidth]{{{figures[-1].name}}}",
            ]
            lines += [*note, "\\end{figure}", ""]
            continue
        number = [part.is_number(c) for c in part.frame.columns]
        heads = " & ".join(_tex(localized(c, language)) for c in part.frame.columns)
        lines += ["\\begin{table}[htbp]\\centering", caption]
        lines += [
            f"\\begin{{tabular}}{{{''.join('r' if n else 'l' for n in number)}}}",
            "\\toprule",
            heads + r" \\",
            "\\midrule",
        ]
        for row in part.cells(language):
            cells = [f"\\lr{{{_tex(t)}}}" if persian and n and t else _tex(t) for t, n in zip(row, number, strict=True)]
            lines.append(" & ".join(cells) + r" \\")
        lines += ["\\bottomrule", "\\end{tabular}", *note, "\\end{table}", ""]
    target.write_text("\n".join(lines), encoding="utf-8")
