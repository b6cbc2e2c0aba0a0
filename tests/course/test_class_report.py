"""The class report: its numbers against numpy, scipy and pandas by hand, and its page."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from statsmodels.stats.proportion import proportion_confint

from crmlab.course.class_report import exercise_table, item_table, write_class_report
from crmlab.course.copied import Flag
from crmlab.course.gradebook import AttemptResult, PieceResult, Result
from crmlab.course.roster import Student
from crmlab.survey.reliability import reliability
from tests.course.handed_in import SECRET, assignment_in, crowd, new_gradebook

FLAGS = [
    Flag("s03", 1, "s04", ("top-share/gini",), "key", 0.0003),
    Flag("s05", 1, "<script>alert(1)</script>", (), "owner"),
    Flag("s06", 1, "s07", ("top-share/gini",), "key", 3e-7),
]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Result]]:
    folder = tmp_path_factory.mktemp("class")
    assignment = assignment_in(folder)
    gradebook = new_gradebook(folder, assignment)
    roster = crowd(assignment, 60, gradebook)
    results = gradebook.results(assignment, roster, SECRET)
    gradebook.close()
    return assignment, results


@pytest.fixture(scope="module")
def page(graded: tuple[Any, list[Result]], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_class_report(graded[1], graded[0], FLAGS, path).read_text(encoding="utf-8")


def test_shares_and_correlations_are_those_of_scipy_and_statsmodels(graded: tuple[Any, list[Result]]) -> None:
    items = item_table(graded[1])
    table = exercise_table(items)
    assert list(table.index) == ["discount-to-today", "top-share", "reverse-items", "tell-the-manager"]
    wide = items.assign(score=items["share"] * items["points"]).pivot(index="student", columns="slug", values="score")
    wide = wide.drop(index="s09")  # one of whose marks is awaited
    for slug in ("discount-to-today", "top-share", "reverse-items"):
        row, own = table.loc[slug], items[items["slug"] == slug].set_index("student")
        assert row["n"] == 57
        assert (row["low"], row["high"]) == pytest.approx(
            proportion_confint(57 * own["share"].mean(), 57, method="wilson")
        )
        # of s09 the three exercises that are known count
        rest = wide.drop(columns=slug).sum(axis=1)
        known = own.drop(index="s09")
        assert np.corrcoef(rest, known["rest"])[0, 1] == pytest.approx(1)
        found = pearsonr(own["share"], own["rest"])
        assert row["r"] == pytest.approx(found.statistic)
        assert (row["r_low"], row["r_high"]) == pytest.approx(found.confidence_interval(), abs=1e-6)
    assert table.loc["tell-the-manager", "n"] == 56


def test_mistakes_and_gaps_are_counted(graded: tuple[Any, list[Result]]) -> None:
    items = item_table(graded[1])
    row = exercise_table(items).loc["reverse-items"]
    own = items[items["slug"] == "reverse-items"]
    assert row["count"] == own.loc[own["mistake"] != "", "mistake"].value_counts().max() > 5
    assert row["unanswered"] == pytest.approx((own["unanswered"] == 1).mean()) and 0 < row["unanswered"] < 0.3


def test_the_page_says_alpha_with_its_interval(graded: tuple[Any, list[Result]], page: str) -> None:
    items = item_table(graded[1])
    wide = items.assign(score=items["share"] * items["points"]).pivot(index="student", columns="slug", values="score")
    scale = reliability(wide.dropna(), {"score": list(wide)}).scales.loc["score"]
    assert f"is {scale['alpha']:.2f} (95%: {scale['low']:.2f} to {scale['high']:.2f}; n = 56" in page


def test_the_page_lists_flags_the_absent_and_the_unsafe_and_loads_nothing(page: str) -> None:
    assert "a question, not a verdict" in page and "right for s04: top-share/gini" in page and "0.0003" in page
    assert "<td>&lt; 0.0001</td>" in page
    assert "Test 58" in page and "Graded without the sandbox" in page and "Test 07" in page
    assert "<script" not in page and "&lt;script&gt;" in page
    assert page.count('src="data:image/png;base64,') == 2 and "http" not in page.replace("http-equiv", "")
    assert ">nan" not in page.lower() and " nan" not in page.lower()


def test_the_same_results_give_the_same_bytes(graded: tuple[Any, list[Result]], page: str, tmp_path: Path) -> None:
    again = write_class_report(graded[1], graded[0], FLAGS, tmp_path / "report.html")
    assert again.read_text(encoding="utf-8") == page


def test_few_or_equal_scores_leave_numbers_out_with_the_reason(
    graded: tuple[Any, list[Result]], tmp_path: Path
) -> None:
    assignment, results = graded
    few = exercise_table(item_table(results[:9]))
    assert set(few["why"]) == {"few"} and few["r"].isna().all() and few["difficulty"].notna().all()
    page = write_class_report(results[:9], assignment, [], tmp_path / "few.html").read_text(encoding="utf-8")
    assert "n &lt; 10" in page and "Alpha is left out" in page and "Nothing was flagged" in page
    alike = item_table(results).assign(share=1.0)
    table = exercise_table(alike)
    assert set(table["why"]) == {"no_variance"}
    assert table["high"].max() == pytest.approx(1) and table["low"].min() > 0.9  # all right is not certainly easy


def test_nobody_handed_in(graded: tuple[Any, list[Result]], tmp_path: Path) -> None:
    assignment, results = graded
    page = write_class_report(results[-3:], assignment, [], tmp_path / "none.html").read_text(encoding="utf-8")
    assert "No submission could be graded yet." in page and "Without submission" in page


def test_different_exercises_are_taken_by_their_place(graded: tuple[Any, list[Result]], tmp_path: Path) -> None:
    """Half of the students have another exercise in the second place."""

    def other_slug(piece: PieceResult) -> PieceResult:
        return replace(piece, slug="five-percent") if piece.slug == "top-share" else piece

    assignment, results = graded
    other = [
        replace(one, attempts=tuple(replace(a, pieces=tuple(map(other_slug, a.pieces))) for a in one.attempts))
        for one in results[::2]
    ] + results[1::2]
    exercises = {**assignment.exercises, "five-percent": assignment.exercises["top-share"]}
    table = item_table(other)
    assert table.groupby("student")["slug"].agg(frozenset).nunique() == 2
    page = write_class_report(other, replace(assignment, exercises=exercises), [], tmp_path / "slots.html")
    assert "Students have different exercises" in page.read_text(encoding="utf-8")


def test_persian_report_runs_from_right_to_left(graded: tuple[Any, list[Result]], tmp_path: Path) -> None:
    page = write_class_report(graded[1], replace(graded[0], language="fa"), FLAGS, tmp_path / "fa.html")
    text = page.read_text(encoding="utf-8")
    assert 'dir="rtl"' in text and "گزارش کلاس" in text and "۵۷" in text


def test_an_item_without_others_has_no_rest() -> None:
    piece = PieceResult(1, "x", 5, 1.0, {}, {"a": "right"}, None, {}, 5.0)
    attempt = AttemptResult(1, datetime(2027, 1, 1, tzinfo=UTC), 1.0, True, None, (), (piece,), 5.0)
    table = item_table([Result(Student("a"), "en", (attempt,), 1, 5.0, 5.0, 0.0)])
    assert math.isnan(table.loc[0, "rest"]) and isinstance(exercise_table(table), pd.DataFrame)
