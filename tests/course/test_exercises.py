"""Every exercise of the bank, by many draws; and what the bank's loader says about a broken folder."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.base.share import share
from crmlab.course.exercise import load_exercise, markdown_table
from crmlab.course.proving import prove

DRAWS = 100  # thirty let an answer pass that was the same in more than half of the draws
SLUGS = sorted(path.parent.name for path in share("exercises").glob("*/exercise.py"))

CODE = '''"""How much is twice n?"""
lesson, level, tags = 4, 1, ("x",)
answers = {"twice": {"kind": "number"}}
def draw(rng): return {"n": int(rng.integers(5, 50))}
def solve(n): return {"twice": 2 * n}
mistakes = {"square": lambda n: {"twice": n * n}}
'''
TEXT = "# Twice\n\nTwice {n}?\n\n## Hint\nAdd.\n\n## Mistake: square\nYou squared {n}.\n\n## Solution\n{twice}\n"


def folder(tmp_path, code=CODE, en=TEXT, fa=TEXT):
    here = tmp_path / "twice"
    here.mkdir()
    (here / "exercise.py").write_text(code, encoding="utf-8")
    for name, text in (("en", en), ("fa", fa)):
        if text is not None:
            (here / f"{name}.md").write_text(text, encoding="utf-8")
    return tmp_path


def test_there_are_exercises():
    assert {"discount-to-today", "orders-and-days"} <= set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_exercise_holds_in_many_draws(slug):
    faults = prove(load_exercise(slug), draws=DRAWS)
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize("slug", SLUGS)
def test_a_seed_gives_the_same_variant_again_and_another_seed_another(slug):
    exercise = load_exercise(slug)
    texts = [exercise.variant(np.random.default_rng(7)).text().prompt, exercise.variant(7).text().prompt]
    assert texts[0] == texts[1]
    assert len({exercise.variant(seed).text().solution for seed in range(3)}) > 1


def test_proof_finds_what_is_wrong(tmp_path):
    code = CODE.replace("rng.integers(5, 50)", "2").replace('"number"', '"number", "tolerance": 1.0')
    faults = "\n".join(map(str, prove(load_exercise("twice", folder(tmp_path, code)), draws=20)))
    assert "mistake 'square' is not told apart in 20 of 20 draws" in faults  # 2 x 2 = 2 squared
    assert "answer 'twice' is 4 in 20 of 20 draws" in faults


def test_proof_finds_draws_that_fail(tmp_path):
    code = CODE.replace('return {"twice": 2 * n}', 'return {"twice": 1 / 0}')
    faults = prove(load_exercise("twice", folder(tmp_path, code)), draws=3)
    assert "it fails with ZeroDivisionError('division by zero') in 3 of 3 draws" in str(faults[0])


def test_a_broken_folder_lists_all_faults_at_once(tmp_path):
    code = CODE.replace("level, tags = 4, 1,", "level, tags = 4, 9,").replace('"number"', '"numbr"')
    en = TEXT.replace("## Hint\nAdd.\n", "").replace("## Solution", "## Solved")
    with pytest.raises(DataError) as error:
        load_exercise("twice", folder(tmp_path, code, en, fa=None))
    message = str(error.value)
    for part in (
        "level is not 1, 2 or 3",
        "numbr",
        "en.md: there is no '## Hint'",
        "'## Solved' is no section",
        "fa.md is missing",
    ):
        assert part in message


def test_texts_are_held_against_the_code(tmp_path):
    en = TEXT.replace("{n}?", "{m}?").replace("Mistake: square", "Mistake: sqare")
    fa = TEXT.replace("## Hint\nAdd.", "## Hint\nThe key is {twice}.\n\n## Hint\n{")
    with pytest.raises(DataError) as error:
        load_exercise("twice", folder(tmp_path, en=en, fa=fa))
    message = str(error.value)
    for part in (
        "en.md: prompt: placeholder {m}",
        "en.md: mistake 'square' has no explanation",
        "'## Mistake: sqare' explains no mistake",
        "fa.md: hint 1: placeholder {twice}",
        "fa.md: hint 2: braces",
        "different numbers of hints",
    ):
        assert part in message


def test_code_that_does_not_run_is_named(tmp_path):
    with pytest.raises(DataError, match="does not run: NameError"):
        load_exercise("twice", folder(tmp_path, "nothing_here"))


def test_unknown_slug_names_near_ones():
    with pytest.raises(OptionError, match="discount-to-today"):
        load_exercise("discount-today")


def test_the_student_cannot_change_the_key_by_changing_the_data(tmp_path):
    code = CODE.replace('draw(rng): return {"n": int(rng.integers(5, 50))}', 'draw(rng): return {"n": [1, 2]}')
    code = code.replace("2 * n}", "n.pop()}").replace("n * n}", "n.pop() + 1}")
    variant = load_exercise("twice", folder(tmp_path, code)).variant(0)
    assert variant.drawn == {"n": [1, 2]} and variant.key == {"twice": 2}
    assert variant.mistakes == variant.mistakes == {"square": {"twice": 3}}


def test_long_tables_are_cut_and_say_so():
    table = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=30), "amount": 1234.5})
    lines = markdown_table(table).splitlines()
    assert lines[2] == "| 2025-01-01 | 1,234.50 |"
    assert len(lines) == 2 + 12 + 1 and lines[-1] == "| ... +18 |  |"


def test_a_series_is_headed_by_its_name():
    assert markdown_table(pd.Series([1], pd.Index(["a"], name="item"), name="ave")).startswith("| item | ave |")
    assert markdown_table(pd.Series([1], pd.Index(["a"], name="item"))).startswith("| item | value |")
