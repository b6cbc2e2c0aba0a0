"""Pictures of a survey: answers, gaps, factors, validity, paths, and what to improve first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_option
from crmlab.base.look import COLOURS, axes, heat, label_line
from crmlab.base.words import Language, word
from crmlab.survey.inputs import item_table, measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CODES = 21
SMALL = 0.07  # a share below has no room for its percentage
ESTIMATE = ("est", "estimate", "importance", "htmt", "htmt2")


def plot_likert(
    answers: pd.DataFrame,
    items: Any = None,
    language: Language = "en",
    ax: Axes | None = None,
    *,
    scale: tuple[int, int] | None = None,
    only: Sequence[str] | None = None,
) -> Axes:
    """How did people answer? A bar an item, disagreement to the left of zero and agreement to the right.

    `items` is an Instrument (its texts and labels are used, and reverse items, which it has turned round in reading,
    are turned back: the bars say what was ticked beside the words), a list of names, a model or a mapping; by default
    all columns. `only` names some of them. The middle code, if there is one, lies across zero; the shares of the lower
    and the upper codes stand at the ends. `scale=(1, 5)` if not the instrument's, nor the lowest and highest code.
    """
    names = list(only) if only is not None else _names(answers, items)
    table = item_table(answers, names, missing="keep")
    known = {item.name: item for item in getattr(items, "items", ()) if hasattr(item, "scale")}
    for name in (n for n in names if n in known and known[n].reverse):
        table[name] = known[name].scale.low + known[name].scale.high - table[name]
    scales = {(known[n].scale.low, known[n].scale.high) for n in names if n in known}
    if scale is None and len(scales) > 1:
        raise OptionError(f"The items have {len(scales)} scales; draw those of one scale together (items=[...]).")
    low, high = scale or next(iter(scales), (int(table.min().min()), int(table.max().max())))
    codes = np.arange(low, high + 1)
    wrong, what = table.notna() & ~table.isin(codes), f"codes that are not whole numbers from {low} to {high}"
    faults = [Fault(str(n), what, "Correct them, or give scale.", int(k)) for n, k in wrong.sum().items() if k]
    if not faults and not 2 <= len(codes) <= MOST_CODES:
        what = f"{len(codes)} codes are too many or too few for bars"
        faults = [Fault("", what, "Give scale, or bin the answers.")]
    if faults:
        raise DataError(faults, "the answers")
    share = np.array([[(table[n] == c).sum() for c in codes] for n in names]) / table.notna().sum().to_numpy()[:, None]
    middle = (low + high) / 2
    below, above = share[:, codes < middle].sum(axis=1), share[:, codes > middle].sum(axis=1)
    start = -below - share[:, codes == middle].sum(axis=1) / 2
    title, label = word("survey_plot.likert_title", language), word("survey_plot.likert_x", language)
    ax = axes(ax, size=(9, 1.6 + 0.42 * len(names)), title=title, x=label)
    labels = next((known[n].scale.labels.get(language, ()) for n in names if n in known), ())
    rows, colours = range(len(names)), _diverging(len(codes))
    left = start.copy()
    for k, code in enumerate(codes):
        text = str(labels[k]) if len(labels) == len(codes) else str(code)
        ax.barh(rows, share[:, k], left=left, color=colours[k], height=0.7, label=text)
        for row in rows:
            if share[row, k] >= SMALL and len(codes) <= 7:
                ink = "white" if abs(code - middle) > 0.7 * (high - middle) else "black"
                x = left[row] + share[row, k] / 2
                ax.text(x, row, f"{share[row, k]:.0%}", ha="center", va="center", fontsize=8, color=ink)
        left += share[:, k]
    edge = 0.02 + max(np.abs(start).max(), left.max())
    for row in rows:
        ax.text(-edge, row, f"{below[row]:.0%}", ha="right", va="center", fontsize=9, color=COLOURS["second"])
        ax.text(edge, row, f"{above[row]:.0%}", ha="left", va="center", fontsize=9, color=COLOURS["expected"])
    ax.axvline(0, color=COLOURS["quiet"], linewidth=0.8)
    ax.set(xlim=(-edge - 0.16, edge + 0.16), ylim=(len(names) - 0.4, -0.6))
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
    ax.set_yticks(rows, [wrap(_label(items, n, language), 50) for n in names])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    handles, texts = ax.get_legend_handles_labels()
    ax.figure.legend(handles, texts, loc="outside lower center", ncols=min(len(codes), 7 if labels else 11),
                     frameon=False, fontsize=8, handlelength=1, columnspacing=1)  # fmt: skip
    return ax


def plot_missing(answers: pd.DataFrame, language: Language = "en", ax: Axes | None = None) -> Axes:
    """Which answers are missing, and together? A row a respondent, the fullest on top; each gap is a dark mark."""
    if answers.empty:
        raise DataError(Fault("", "the table has no cells", "Read the answers first."), "the answers")
    gaps = answers.isna().to_numpy()
    order = np.lexsort([*gaps.T[::-1], gaps.sum(axis=1)])
    counts = {"share": f"{gaps.mean():.1%}", "full": f"{(~gaps.any(axis=1)).sum():,}"}
    title = word("survey_plot.missing_title", language, **counts)
    ax = axes(ax, size=(max(6, 1.5 + 0.3 * gaps.shape[1]), 4.5), title=title, y=word("survey_plot.answers", language))
    from matplotlib.colors import ListedColormap

    ax.pcolormesh(gaps[order], cmap=ListedColormap([COLOURS["faint"], COLOURS["second"]]), vmin=0, vmax=1)
    ax.vlines(np.arange(1, gaps.shape[1]), 0, len(gaps), color="white", linewidth=1)
    names = [f"{c} ({s:.0%})" if s else str(c) for c, s in zip(answers.columns, gaps.mean(axis=0), strict=True)]
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=8)
    ax.invert_yaxis()
    return ax


def plot_scree(
    source: Any,
    language: Language = "en",
    ax: Axes | None = None,
    *,
    kind: Literal["components", "factors"] = "components",
) -> Axes:
    """How many factors stand out from chance? Eigenvalues in order, with those of random data beside them.

    `source` is what `parallel_analysis` returns (its quantile is the line to compare with), or eigenvalues only.
    """
    check_option("kind", kind, ("components", "factors"))
    if hasattr(source, "table"):
        values, chance = (source.table[c].to_numpy(dtype=float) for c in (kind, f"{kind}_quantile"))
        kept = int(getattr(source, f"n_{kind}"))
    else:
        values, chance, kept = np.sort(np.asarray(source, dtype=float))[::-1], None, 0
    number = np.arange(1, len(values) + 1)
    title = word("survey_plot.scree_title" if chance is not None else "survey_plot.scree", language, kept=kept)
    ax = axes(ax, title=title, x=word("survey_plot.number", language), y=word("survey_plot.eigenvalue", language))
    (line,) = ax.plot(number, values, "-", color=COLOURS["actual"], linewidth=1.2)
    ax.plot(number[:kept], values[:kept], "o", color=COLOURS["actual"])
    ax.plot(number[kept:], values[kept:], "o", color=COLOURS["actual"], mfc="white")
    label_line(ax, line, word("survey_plot.data", language), at=0, dx=8)
    if chance is not None:
        (random,) = ax.plot(number, chance, "--", color=COLOURS["second"], linewidth=1.2)
        text = word("survey_plot.random", language, quantile=f"{source.quantile:.0%}")
        label_line(ax, random, text, at=len(number) // 2, dy=10)
    elif kind == "components":
        ax.axhline(1, color=COLOURS["quiet"], linewidth=1)
    ax.locator_params(axis="x", integer=True)
    return ax


def plot_htmt(
    matrix: pd.DataFrame, language: Language = "en", ax: Axes | None = None, *, threshold: float = 0.9, inst: Any = None
) -> Axes:
    """Which constructs are hardly distinct? The HTMT table as a heat map; cells at or above `threshold` are framed."""
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
        raise DataError(Fault("", f"its shape is {matrix.shape}", "Give the square table of htmt(...)."), "the table")
    from matplotlib.patches import Rectangle

    values = np.where(np.tri(len(matrix), k=-1, dtype=bool), matrix.to_numpy(dtype=float), np.nan)[1:, :-1]
    title = word("survey_plot.htmt_title", language, threshold=f"{threshold:g}")
    labels = [_label(inst, str(name), language) for name in matrix.index]
    ax = _matrix(values, labels[1:], labels[:-1], title, word("survey_plot.htmt", language), ax, top=1.0)
    for row, column in zip(*np.nonzero(values >= threshold), strict=True):
        corner = (column + 0.04, row + 0.04)
        ax.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, linewidth=2.5, edgecolor=COLOURS["second"]))
    return ax


def plot_loadings(
    source: Any, language: Language = "en", ax: Axes | None = None, *, cutoff: float = 0.3, inst: Any = None
) -> Axes:
    """Which item goes with which construct or factor? Loadings as a heat map; those below `cutoff` have no number.

    `source` is a fit with `loadings` (CFA, SEM, PLS-SEM, EFA), or a table of items by constructs.
    """
    table = pd.DataFrame(getattr(source, "loadings", source))
    values = table.to_numpy(dtype=float)
    rows, columns = ([_label(inst, str(name), language) for name in axis] for axis in (table.index, table.columns))
    title, label = word("survey_plot.loadings_title", language), word("survey_plot.loading", language)
    return _matrix(np.where(values == 0, np.nan, values), rows, columns, title, label, ax, top=1.0, cutoff=cutoff)


def plot_estimates(source: Any, language: Language = "en", ax: Axes | None = None, *, inst: Any = None) -> Axes:
    """How large are the effects, and how sure are we? A point and its interval each; those that hold 0 are hollow.

    `source` is a fit of `sem` or `pls` (its paths), or a table with an estimate (est, estimate or importance), low
    and high (or ci.lower, ci.upper): of effects, of `drivers`, of `htmt` with a bootstrap.
    """
    table = source if isinstance(source, pd.DataFrame) else _paths(source)
    names = {"ci.lower": "low", "ci.upper": "high"} | {n: "est" for n in ESTIMATE if n in table}
    table = table.rename(columns=names)
    if not {"est", "low", "high"} <= set(table.columns) or table[["low", "high"]].isna().all().any():
        remedy = "Fit with bootstrap samples, or give a table with est, low and high."
        raise DataError(Fault("", "it has no intervals", remedy), "the estimates")
    labels = _effect_labels(table, inst, language)
    title, label = word("survey_plot.estimates_title", language), word("survey_plot.estimate", language)
    ax = axes(ax, size=(7, 1.2 + 0.34 * len(table)), title=title, x=label)
    for row, (est, low, high) in enumerate(table[["est", "low", "high"]].to_numpy(dtype=float)):
        sure = low > 0 or high < 0
        colour = COLOURS["actual"] if sure else COLOURS["quiet"]
        ax.plot([low, high], [row, row], color=colour, linewidth=1.5)
        ax.plot([est], [row], "o", color=colour, mfc=colour if sure else "white")
    ax.axvline(0, color=COLOURS["quiet"], linewidth=0.8)
    ax.set_yticks(range(len(table)), [wrap(label, 60) for label in labels])
    ax.set_ylim(len(table) - 0.4, -0.6)
    return ax


def plot_importance_performance(
    table: pd.DataFrame, language: Language = "en", ax: Axes | None = None, *, inst: Any = None
) -> Axes:
    """What should be improved first? Importance to the right, performance upwards: act on the right below.

    `table` has columns importance and performance (0 to 100), a row each: of `drivers(..., scale=...)` or of
    `PLSFit.importance_performance(target)`. The lines are the means.
    """
    missing = [c for c in ("importance", "performance") if c not in table]
    if missing:
        remedy = "Use drivers(..., scale=(1, 5)) or a PLS-SEM fit's importance_performance(target)."
        raise DataError([Fault(c, "it is missing", remedy) for c in missing], "the table")
    x, y = table["importance"].to_numpy(dtype=float), table["performance"].to_numpy(dtype=float)
    title, across, up = (word(f"survey_plot.{key}", language) for key in ("ipma_title", "importance", "performance"))
    ax = axes(ax, size=(6.5, 5), title=title, x=across, y=up)
    ax.axvline(x.mean(), color=COLOURS["quiet"], linewidth=0.8)
    ax.axhline(y.mean(), color=COLOURS["quiet"], linewidth=0.8)
    urgent = (x > x.mean()) & (y < y.mean())
    ax.scatter(x, y, color=[COLOURS["second" if u else "actual"] for u in urgent], zorder=3)
    ax.margins(0.18)
    ax.text(0.99, 0.01, word("survey_plot.first", language), transform=ax.transAxes, ha="right", va="bottom",
            fontsize=9, color=COLOURS["second"])  # fmt: skip
    names = [wrap(_label(inst, str(name), language), 20) for name in table.index]
    for k, (name, (dx, dy)) in enumerate(zip(names, _beside(ax, x, y, names), strict=True)):
        ax.annotate(
            name, (x[k], y[k]), xytext=(dx, dy), textcoords="offset points", va="center", fontsize=9,
            ha="center" if dx == 0 else "left" if dx > 0 else "right",
            color=COLOURS["second" if urgent[k] else "actual"],
        ).set_in_layout(False)  # fmt: skip
    return ax


def _beside(ax: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> list[tuple[float, float]]:
    """For each point, the side (offset in points) where its name covers the least and stays inside."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    px, py = ((ax.transData.transform(np.column_stack([x, y])) - box.p0) * 72 / dpi).T
    taken = [(a - 4, b - 4, a + 4, b + 4) for a, b in zip(px, py, strict=True)]
    chosen: list[tuple[float, float]] = []
    for a, b, name in zip(px, py, names, strict=True):
        lines = name.split("\n")
        wide, high = 5.4 * max(map(len, lines)), 5.5 * len(lines)
        options = []
        for dx, dy in ((0, 5 + high), (0, -5 - high), (8, 0), (-8, 0), (0, 15 + high), (0, -15 - high)):
            start = a + dx - (wide / 2 if dx == 0 else 0 if dx > 0 else wide)
            mine = (start, b + dy - high, start + wide, b + dy + high)
            clash = sum(mine[0] < o[2] and o[0] < mine[2] and mine[1] < o[3] and o[1] < mine[3] for o in taken)
            outside = mine[0] < -20 or mine[2] > box.width * 72 / dpi + 20
            options.append((clash + 2 * outside, (dx, dy), mine))
        _, place, mine = min(options, key=lambda option: option[0])
        taken.append(mine)
        chosen.append(place)
    return chosen


def _matrix(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, label: str, ax: Axes | None,
    top: float, cutoff: float = 0.0,
) -> Axes:  # fmt: skip
    n, k = values.shape
    ax = axes(ax, size=(max(6, 2.6 + 0.85 * k), max(2.8, 1.3 + 0.36 * n)), title=title)
    size = np.ma.masked_invalid(np.abs(values))
    heat(ax, size, label=label, vmin=0, vmax=max(top, float(size.max())))
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and abs(value) >= cutoff:
            ink = "white" if abs(value) < 0.55 * top else "black"
            ax.text(column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=9, color=ink)
    ax.set_xticks(np.arange(k) + 0.5, [wrap(c, 12) for c in columns], fontsize=9)
    ax.set_yticks(np.arange(n) + 0.5, [wrap(r, 30) for r in rows], fontsize=9)
    ax.invert_yaxis()
    return ax


def _paths(fit: Any) -> pd.DataFrame:
    if hasattr(fit, "paths"):
        return pd.DataFrame(fit.paths).reset_index()
    rows = fit.estimates[fit.estimates["op"] == "~"]
    return pd.DataFrame(rows.rename(columns={"rhs": "from", "lhs": "to"}))


def _effect_labels(table: pd.DataFrame, inst: Any, language: Language) -> list[str]:
    """'A → B', with mediators between; the arrow points along the reading of the names."""
    ends = next((pair for pair in (("from", "to"), ("first", "second")) if set(pair) <= set(table.columns)), None)
    if ends is None:
        return [_label(inst, str(name), language) for name in table.index]
    labels = []
    for row in table.to_dict("records"):
        through = row.get("through")
        if isinstance(through, str):
            through = [name for name in through.split(" -> ") if name]
        between = through if isinstance(through, list | tuple) else ()
        parts = [_label(inst, str(name), language) for name in (row[ends[0]], *between, row[ends[1]])]
        mark = "–" if ends[0] == "first" else "←" if is_persian(parts[0]) else "→"
        labels.append(f" {mark} ".join(parts))
    return labels


def is_persian(text: str) -> bool:
    """Is the text read from right to left?"""
    return any("\u0600" <= letter <= "\u06ff" for letter in text)


def _names(answers: pd.DataFrame, items: Any) -> list[str]:
    if items is None:
        return [str(c) for c in answers.columns]
    if isinstance(items, str) or hasattr(items, "measurement") or hasattr(items, "keys"):
        return [item for block in measurement(items).values() for item in block]
    return [str(item) for item in items]


def _label(inst: Any, name: str, language: Language) -> str:
    return str(inst.label(name, language)) if hasattr(inst, "label") else name


def wrap(text: str, width: int) -> str:
    """Lines of at most `width` letters; each line of Persian runs from the right, whatever it begins with."""
    mark = "\u200f" if is_persian(text) else ""
    return "\n".join(mark + line for line in textwrap.wrap(text, width, break_long_words=False)) or text


def _diverging(n: int) -> list[Any]:
    from matplotlib.colors import LinearSegmentedColormap

    ends = [COLOURS["second"], "#F3C9A5", "#E4E4E4", "#A9CBE3", COLOURS["expected"]]
    ramp = LinearSegmentedColormap.from_list("likert", ends)
    return [ramp(k / (n - 1)) for k in range(n)]
