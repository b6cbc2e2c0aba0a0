"""Shared by the tests of the exports: an exercise as an assignment, one with awkward signs, and a question's places."""

from __future__ import annotations

import pandas as pd

from crmlab.course.assignment import Assignment, Slot
from crmlab.course.exercise import load_exercise
from crmlab.course.export.questions import pools

SECRET = b"a secret for tests only"
TITLE = {"en": "Homework 1/2 & more", "fa": "تمرین نخست: می‌خواهیم"}


CODE = r"""'Which signs hurt?'
import pandas as pd
lesson, level, tags = 4, 1, ("x",)
answers = {
    "word": {"kind": "text"},
    "sign": {"kind": "choice", "choices": ("a}b~c#d", "=x%50%&amp;", "<b>\\ }</b> ]]>")},
    "some": {"kind": "choices", "choices": ("{1:SA:=x}", "b*", "c\x07")},
    "row": {"kind": "table"},
}
def draw(rng):
    return {"n": int(rng.integers(5, 50)), "bad": "]]> <script>alert(1)</script> {1:NUMERICAL:=1} \x00\x1b{#1}"}
def solve(n, bad):
    row = pd.DataFrame({"who": ["Sara", "Ali"], "x": [n, 2], "grade": ["A", "b*c"], "y": [0.5, 1e-7]})
    return {"word": ["star *", "می‌خواهم"], "sign": "a}b~c#d", "some": {"{1:SA:=x}", "b*"}, "row": row}
def wrong(n, bad):
    return {"word": "~}#=%1% \\", "sign": "=x%50%&amp;", "some": {"b*"}}
mistakes = {"signs": wrong}
"""
TEXT = "# Signs ]]> & <b>\n\nPrompt {n} {bad} می‌خواهیم\n\n## Hint\nA }} ~ # hint.\n\n## Mistake: signs\n"
TEXT += 'All }} ~ # = % \\ / " & `<i>` ]]> signs می‌شود.\n\n## Solution\n{word} {sign}\n'


def folder(tmp_path, code=CODE, text=TEXT):
    here = tmp_path / "signs"
    here.mkdir()
    (here / "exercise.py").write_text(code, encoding="utf-8")
    for language in ("en", "fa"):
        (here / f"{language}.md").write_text(text, encoding="utf-8")
    return tmp_path


def asked(slug, language="en", variants=2, points=10.0, root=None):
    """The assignment that asks this exercise alone, its pools, and the variants behind them."""
    exercise = load_exercise(slug, root)
    assignment = Assignment("homework-1", TITLE, (Slot(points, slug),), {slug: exercise}, language=language)
    seeds = [assignment.seed(SECRET, f"pool {i}", slug) for i in range(1, variants + 1)]
    return assignment, pools(assignment, SECRET, variants, language), [exercise.variant(seed) for seed in seeds]


def places(form):
    """Each place of a form: its identifier, the answer's name, and row and column in a table (else None)."""
    for div in form.iter():
        if div.tag.split("}")[-1] != "div" or div.get("class") != "answer":
            continue
        parts = {element.tag.split("}")[-1]: element for element in div.iter()}
        name = parts["code"].text
        if "table" not in parts:
            yield next(e.get("responseIdentifier") for e in div.iter() if e.get("responseIdentifier")), name, None
            continue
        head, *rows = (row for row in div.iter() if row.tag.split("}")[-1] == "tr")
        for row in rows:
            for column, cell in list(zip(head, row, strict=True))[1:]:
                identifier = next(e.get("responseIdentifier") for e in cell.iter() if e.get("responseIdentifier"))
                yield identifier, name, (row[0].text, column.text)


def value_at(values, name, cell):
    """What a student types at a place whose answers are `values`."""
    value = values[name]
    if cell is not None:
        row, column = cell
        if isinstance(value, pd.Series):
            value = {str(label): one for label, one in value.items()}[row]
        else:
            labels = value.iloc[:, 0].astype(str) if value.index.nlevels == 1 else None
            value = value.loc[(labels == row).to_numpy(), column].iloc[0]
    return value
