"""The class report: how the scores lie, which exercises were hard, which mistakes were made, what to ask about."""

from __future__ import annotations

import html
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import t as t_distribution

from crmlab.base.look import COLOURS, axes
from crmlab.base.table import number_text, text_html
from crmlab.base.words import Language, word
from crmlab.course.pages import clean, markdown, page, picture, points_text, write_whole
from crmlab.survey.plots import wrap
from crmlab.survey.reliability import alpha, feldt_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmlab.course.assignment import Assignment
    from crmlab.course.copied import Flag
    from crmlab.course.gradebook import Result

_LEAST = 10  # students for a correlation or alpha
_Z = 1.959964


def item_table(results: Sequence[Result]) -> pd.DataFrame:
    """How did each student do in each exercise? A row for each exercise of each counted attempt.

    Columns: student, number, slug, share (of the points, without lateness; NaN where marks by hand are awaited), rest
    (share of the points of the student's other exercises), points, unanswered (share of its answers), mistake.
    """
    rows = []
    for result in results:
        pieces = result.chosen.pieces if result.chosen else ()
        known = [piece for piece in pieces if not piece.waiting]
        for piece in pieces:
            others = [one for one in known if one is not piece]
            most = sum(one.points for one in others)
            states = list(piece.states.values())
            rows.append({
                "student": result.student.id, "number": piece.number, "slug": piece.slug,
                "share": math.nan if piece.waiting else piece.score / piece.points,
                "rest": sum(one.score for one in others) / most if most else math.nan,
                "points": piece.points, "unanswered": states.count("unanswered") / max(1, len(states)),
                "mistake": piece.mistake or "",
            })  # fmt: skip
    columns = ["student", "number", "slug", "share", "rest", "points", "unanswered", "mistake"]
    return pd.DataFrame(rows, columns=columns)


def exercise_table(items: pd.DataFrame) -> pd.DataFrame:
    """How hard is each exercise, and does it tell students apart? From `item_table`'s rows; indexed by its name.

    n, difficulty (mean share) with low and high (Wilson, 95%), r (item-rest correlation) with r_low and r_high
    (Fisher's z, 95%) or else why there is none ("few", "no_variance"), unanswered, mistake and its count.
    """
    found = {}
    for slug, rows in sorted(items.groupby("slug"), key=lambda pair: (pair[1]["number"].min(), pair[0])):
        graded = rows.dropna(subset=["share", "rest"])
        shares = rows["share"].dropna()
        n, p = len(shares), shares.mean()
        middle, half = _wilson(p, n)
        why = "few" if len(graded) < _LEAST else "no_variance" if graded[["share", "rest"]].std().min() < 1e-9 else ""
        r = math.nan if why else float(np.corrcoef(graded["share"], graded["rest"])[0, 1])
        z, se = (math.nan, 1.0) if why else (math.atanh(max(-1 + 1e-12, min(1 - 1e-12, r))), (len(graded) - 3) ** -0.5)
        mistake, count = (Counter(filter(None, rows["mistake"])).most_common(1) or [("", 0)])[0]
        found[slug] = {
            "n": n, "difficulty": p, "low": middle - half, "high": middle + half,
            "r": r, "r_low": math.tanh(z - _Z * se), "r_high": math.tanh(z + _Z * se), "why": why,
            "unanswered": rows["unanswered"].mean(), "mistake": mistake, "count": count,
        }  # fmt: skip
    return pd.DataFrame.from_dict(found, orient="index")


def _wilson(p: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share: its middle and half its width."""
    if n == 0:
        return math.nan, math.nan
    below = 1 + _Z**2 / n
    return (p + _Z**2 / (2 * n)) / below, _Z / below * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))


def write_class_report(results: list[Result], assignment: Assignment, flags: Sequence[Flag], path: Path) -> Path:
    """One page for the instructor, in the assignment's language; it needs nothing else."""
    return write_whole(path, _Report(results, assignment, flags).page())


class _Report:
    def __init__(self, results: list[Result], assignment: Assignment, flags: Sequence[Flag]) -> None:
        self.results, self.assignment, self.flags = results, assignment, flags
        self.language: Language = assignment.language
        self.items = item_table(results)
        self.exercises = exercise_table(self.items)
        self.graded = [result for result in results if result.counted is not None]

    def word(self, key: str, **values: Any) -> str:
        return word(f"class_report.{key}", self.language, **values)

    def html(self, key: str, **values: Any) -> str:
        return text_html(self.word(key, **values), self.language)

    def number(self, value: float, form: int | str = 2) -> str:
        return "–" if math.isnan(value) else number_text(value, form, self.language)

    def page(self) -> str:
        title = self.word("title", title=self.assignment.title_in(self.language))
        body = [f"<h1>{text_html(title, self.language)}</h1>", self._scores()]
        if self.graded:
            body += [self._exercises(), self._reliability(), self._mistakes()]
        body += [self._flags(), *self._lists()]
        return page(title, "\n".join(body), self.language, kind="wide")

    def _section(self, key: str, *parts: str) -> str:
        return f"<section><h2>{self.html(key)}</h2>{''.join(parts)}</section>"

    def _note(self, key: str, **values: Any) -> str:
        return f'<p class="note">{self.html(key, **values)}</p>'

    def _text(self, text: object) -> str:
        return text_html(clean(text, 400), self.language)

    def _table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        lines = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows]
        head = "".join(f'<th scope="col">{self.html(head)}</th>' for head in heads)
        return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'

    def _scores(self) -> str:
        scores = np.array([result.score for result in self.graded])
        n = len(scores)
        facts = {"students": self.number(len(self.results), 0), "submitted": self.number(n, 0)}
        if n:
            half = t_distribution.ppf(0.975, n - 1) * scores.std(ddof=1) / math.sqrt(n) if n > 1 else math.nan
            bounds = f" <small>({self.number(scores.mean() - half)}, {self.number(scores.mean() + half)})</small>"
            facts["mean"] = self.number(scores.mean()) + (bounds if n >= _LEAST else "")
            facts |= {"median": self.number(float(np.median(scores)))}
            facts |= {"sd": self.number(scores.std(ddof=1))} if n > 1 else {}
        facts["most"] = points_text(self.assignment.points, self.language)
        row = "".join(f"<div><dt>{self.html(key)}</dt><dd>{value}</dd></div>" for key, value in facts.items())
        waiting = sum(result.waiting > 0 for result in self.graded)
        return self._section(
            "scores", f'<dl class="facts-row">{row}</dl>', self._histogram(scores) if n else self._note("none"),
            self._note("scores_note"), self._note("scores_wait", n=waiting) if waiting else "",
        )  # fmt: skip

    def _histogram(self, scores: np.ndarray) -> str:
        def draw(ax: Axes) -> None:
            bins = list(np.linspace(0, self.assignment.points, 11))
            ax.hist(scores, bins=bins, color=COLOURS["expected"], ec="white")
            ax.locator_params(axis="y", integer=True)

        return self._plot("histogram", "points", "count", draw)

    def _plot(self, title: str, x: str, y: str, draw: Any) -> str:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.4), layout="constrained")
        ax = figure.subplots()
        heads = [wrap(self.word(key), 70) for key in (title, x, y)]
        draw(axes(ax, title=heads[0], x=heads[1], y=heads[2]))
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
        return picture(file.getvalue(), self.word(title))

    def _name(self, slug: str) -> str:
        return _unfilled(self.assignment.exercises[slug].texts[self.language].title)

    def _exercises(self) -> str:
        rows = []
        for slug, row in self.exercises.iterrows():
            own = self.items[self.items["slug"] == slug]
            place = "/".join(map(str, sorted(set(own["number"]))))
            why = row["why"]
            r = self.word(why, least=_LEAST) if why else self._bounds(row["r"], row["r_low"], row["r_high"])
            common = f"{row['mistake']} ({row['count']})" if row["count"] else ""
            easy = self._bounds(row["difficulty"], row["low"], row["high"])
            cells = (f"{place}. {self._name(str(slug))}", row["n"], easy, r, f"{row['unanswered']:.0%}", common)
            rows.append([self._text(cell) for cell in cells])
        known = self.exercises.dropna(subset=["r", "difficulty"])

        def draw(ax: Axes) -> None:
            ax.axhline(0, color=COLOURS["quiet"], lw=0.8)
            ax.errorbar(known["difficulty"], known["r"], [known["r"] - known["r_low"], known["r_high"] - known["r"]],
                        fmt="o", color=COLOURS["expected"], ecolor=COLOURS["faint"], zorder=3)  # fmt: skip
            for slug, row in known.iterrows():
                number = self.items.loc[self.items["slug"] == slug, "number"].min()
                ax.annotate(number_text(number, 0, self.language), (row["difficulty"], row["r"]), xytext=(6, 4),
                            textcoords="offset points", fontsize=9)  # fmt: skip
            ax.set(xlim=(-0.02, 1.02), ylim=(min(-0.3, *known["r_low"]) - 0.05, 1.05))

        heads = ("exercise", "n", "difficulty", "discrimination", "unanswered", "frequent")
        plot = self._plot("scatter", "difficulty", "discrimination", draw) if len(known) else ""
        return self._section("exercises", self._table(heads, rows), self._note("exercises_note"), plot)

    def _bounds(self, value: float, low: float, high: float) -> str:
        return f"{self.number(value)}\u00a0({self.number(low)},\u00a0{self.number(high)})"

    def _reliability(self) -> str:
        alike = self.items.groupby("student")["slug"].agg(frozenset).nunique() == 1
        scores = self.items.assign(score=self.items["share"] * self.items["points"])
        wide = scores.pivot(index="student", columns="slug" if alike else "number", values="score").dropna()
        n, k = wide.shape
        if n < _LEAST or k < 2 or wide.sum(axis=1).std() < 1e-9:
            return self._section("reliability", f"<p>{self.html('alpha_few', least=_LEAST, n=n, k=k)}</p>")
        value = alpha(wide.cov().to_numpy())
        low, high = (self.number(bound) for bound in feldt_interval(value, n, k))
        said = self.html("alpha", k=k, n=n, alpha=self.number(value), low=low, high=high)
        return self._section("reliability", f"<p>{said}</p>", "" if alike else self._note("alpha_slots"))

    def _mistakes(self) -> str:
        counts = Counter(zip(self.items["slug"], self.items["mistake"], strict=True))
        parts = []
        for (slug, mistake), count in counts.most_common():
            if mistake:
                said = self.assignment.exercises[slug].texts[self.language].mistakes.get(mistake, "")
                head = self._text(f"{self._name(slug)} · {mistake} ({count})")
                parts.append(f"<h3>{head}</h3>{markdown(_unfilled(said))}")
        return self._section(
            "mistakes", *([self._note("mistakes_note"), *parts] if parts else [f"<p>{self.html('no_mistakes')}</p>"])
        )

    def _flags(self) -> str:
        rows = []
        for flag in self.flags:
            chance = ("< " if flag.chance < 1e-4 else "") + self.number(max(flag.chance, 1e-4), 4)
            chance = html.escape(chance) if flag.kind == "key" else ""
            rows.append([_who(flag.student), self._text(flag.text(self.language)), chance])
        table = self._table(("student", "flag", "chance"), rows) if rows else ""
        return self._section("flags", table or f"<p>{self.html('no_flags')}</p>", self._note("flags_note"))

    def _lists(self) -> Iterator[str]:
        who = {one.student.id: _who(one.student.name, one.student.id) for one in self.results}
        attempts = [(who[one.student.id], attempt) for one in self.results for attempt in one.attempts]
        missing = [who[one.student.id] for one in self.results if not one.attempts]
        faults = [[name, self._text(one.attempt), _who(one.why(self.language))] for name, one in attempts if one.fault]
        unsafe = dict.fromkeys(name for name, one in attempts if not (one.fault or one.sandboxed))
        if missing:
            yield self._section("missing", f"<p>{' · '.join(missing)}</p>")
        if faults:
            yield self._section("faults", self._table(("student", "attempt", "reason"), faults))
        if unsafe:
            yield self._section("unsafe", f"<p>{' · '.join(unsafe)}</p>", self._note("unsafe_note"))


def _who(*parts: str | None) -> str:
    """Names, ids, reasons: as they are written, escaped, kept apart from what stands beside them."""
    return " ".join(f"<bdi>{html.escape(clean(part, 300))}</bdi>" for part in parts if part)


def _unfilled(text: str) -> str:
    """A text of an exercise, with dots where each student has other numbers."""
    return re.sub(r"\{[^{}]+\}", "…", re.sub(r"\{\{|\}\}", "", text))
