"""The path diagram of a model: what measures what, what leads to what, and how strongly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_option
from crmlab.base.look import COLOURS, axes
from crmlab.base.words import Language, word
from crmlab.survey.inputs import model_text
from crmlab.survey.layout import Drawing, Point, Rectangle, apex, arrange
from crmlab.survey.syntax import parse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

What = Literal["std", "est", "none"]
GREY = "#555555"
PLACES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)  # of a number along its arrow
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class Edge:
    """An arrow: kind is path, loading, weight (item forms construct) or cov; value is what its label says."""

    source: str
    target: str
    kind: str
    value: float = math.nan
    size: float = math.nan  # the standardised value, for the line's width
    pvalue: float = math.nan


@dataclass(frozen=True)
class Graph:
    """What is drawn: constructs (latent or, in `observed`, single variables), their items, edges and R2."""

    constructs: tuple[str, ...]
    items: dict[str, tuple[str, ...]]
    edges: tuple[Edge, ...]
    observed: frozenset[str] = frozenset()
    r2: dict[str, float] = field(default_factory=dict)

    @property
    def arrows(self) -> list[Edge]:
        """The directed edges between constructs."""
        known = set(self.constructs)
        return [e for e in self.edges if e.kind != "cov" and e.source in known and e.target in known]


def path_diagram(
    model: Any,
    language: Language = "en",
    inst: Any = None,
    ax: Axes | None = None,
    *,
    what: What = "std",
    items: bool = True,
    digits: int = 2,
) -> Axes:
    """What does the model say, and what was found? Its path diagram, laid out by itself.

    `model` is a fit of `cfa`, `sem` or `pls`, or a model that is not estimated: lavaan's syntax or an Instrument.
    Ellipses are constructs (R2 inside), boxes observed variables, curves covariances; causes stand left of their
    effects (the parts of a second-order cause left of it). Numbers are standardised (`what="std"`), as estimated
    ("est") or left out ("none"); arrows are as thick as the standardised value, and dashed where p >= .05.
    `items=False` draws the structural model only. `inst` gives the constructs' names in `language`. Every shape
    carries a gid such as "node:Image" or "path:Image>Loyalty".
    """
    check_option("what", what, get_args(What))
    graph = graph_of(model, what)
    inst = inst if inst is not None else model
    names = {c: _label(inst, c, language) for c in graph.constructs}
    drawing = arrange(graph, names, with_items=items)
    left, low, right, high = drawing.ends
    width, height = right - left, high - low
    ax = axes(ax, size=(width, height))
    ax.set_axis_off()
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    pen = _Pen(ax, drawing, float(np.clip(min(box.width / width, box.height / height), 0.35, 1)), digits)
    for edge in sorted(graph.edges, key=lambda e: e.kind != "cov"):  # numbers on arrows make way for those on curves
        pen.edge(edge)
    for name in graph.constructs:
        pen.node(name, names[name], graph.r2.get(name))
    for item in drawing.boxes:
        pen.item(item)
    if what != "none" and any(e.pvalue == e.pvalue and e.kind != "loading" for e in graph.edges):
        ax.text(0.5, 0, word("survey_plot.diagram_stars", language), transform=ax.transAxes, ha="center", va="bottom",
                fontsize=10 * pen.scale, color=GREY)  # fmt: skip
    return ax


def graph_of(model: Any, what: What = "std") -> Graph:
    """The graph of a fit, of lavaan's syntax or of an Instrument."""
    if hasattr(model, "paths") and hasattr(model, "scores"):
        return _of_pls(model)
    if hasattr(model, "estimates"):
        table = model.estimates
        if "group" in table and table["group"].nunique() > 1:
            raise OptionError("The fit has several groups; draw the diagram of each group's own fit.")
        return _of_rows(table, what, model.r2.dropna().to_dict())
    terms = [(t.lhs, t.op, t.rhs) for t in parse(model_text(model))]
    table = pd.DataFrame(terms, columns=["lhs", "op", "rhs"])
    return _of_rows(table.assign(est=np.nan, **{"std.all": np.nan}, pvalue=np.nan), "none", {})


def _of_rows(table: pd.DataFrame, what: What, r2: dict[str, float]) -> Graph:
    """From rows of lhs, op, rhs with est, std.all and pvalue."""
    measured, structural = table[table["op"].isin(["=~", "<~"])], table[table["op"] == "~"]
    items: dict[str, tuple[str, ...]] = {c: () for c in measured["lhs"]}
    home = {v: c for c, v in zip(measured["lhs"][::-1], measured["rhs"][::-1], strict=True) if v not in items}
    for v in dict.fromkeys(measured["rhs"]):  # an item of two constructs stands with the first
        if v in home:
            items[home[v]] += (v,)
    single = [v for v in [*structural["rhs"], *structural["lhs"]] if v not in items and v not in home]
    kinds = {"=~": "loading", "<~": "weight", "~": "path", "~~": "cov"}
    edges = []
    for row in table[table["op"].isin([*kinds]) & (table["lhs"] != table["rhs"])].to_dict("records"):
        a, kind, b = row["lhs"], kinds[row["op"]], row["rhs"]
        size, p = float(row["std.all"]), float(row["pvalue"])
        value = math.nan if what == "none" else size if what == "std" else float(row["est"])
        if kind != "cov" or row["est"] != 0 or p == p:  # not what was fixed to 0
            edges.append(Edge(*((b, a) if kind in ("weight", "path") else (a, b)), kind, value, size, p))
    if what == "none" and not {"path", "cov"} & {e.kind for e in edges}:
        parts = {e.target for e in edges if e.kind == "loading"}
        free = [c for c in items if c not in parts]  # a CFA's constructs covary, written or not
        edges += [Edge(a, b, "cov") for a, b in combinations(free, 2)]
    constructs = tuple(dict.fromkeys([*items, *single]))
    if not constructs:
        remedy = "Write 'construct =~ item1 + item2', or a path 'y ~ x'."
        raise DataError(Fault("", "nothing is measured or explained in it", remedy), "the model")
    observed = frozenset(single)
    return Graph(constructs, items, tuple(edges), observed, {c: v for c, v in r2.items() if c in constructs})


def _of_pls(fit: Any) -> Graph:
    measurement, modes = fit.measurement, getattr(getattr(fit, "plan", None), "modes", {})
    edges = []
    for construct, block in measurement.items():
        formed = modes.get(construct) == "B"
        for item in block:
            value = float((fit.weights if formed else fit.loadings).loc[item, construct])
            ends = (item, construct) if formed else (construct, item)
            edges.append(Edge(*ends, "weight" if formed else "loading", value, value))
    for row in fit.paths.to_dict("records"):
        value = float(row["est"])
        edges.append(Edge(row["from"], row["to"], "path", value, value, float(row.get("pvalue", math.nan))))
    constructs = tuple(dict.fromkeys([*measurement, *fit.paths["from"], *fit.paths["to"]]))
    items = {c: tuple(i for i in block if i not in measurement) for c, block in measurement.items()}
    return Graph(constructs, items, tuple(edges), frozenset(), fit.r2["r2"].to_dict())


class _Pen:
    """Draws shapes in inches on the Axes; `scale` shrinks letters and lines where the Axes is small."""

    def __init__(self, ax: Axes, drawing: Drawing, scale: float, digits: int) -> None:
        self.ax, self.drawing, self.scale, self.digits = ax, drawing, scale, digits
        self.taken: list[Rectangle] = [*drawing.rectangles()]
        self.known = drawing.nodes.keys() | drawing.boxes.keys()

    def text(self, x: float, y: float, text: str, size: float, **options: Any) -> None:
        """Text in the middle of (x, y)."""
        self.ax.text(x, y, text, ha="center", va="center", fontsize=size * self.scale, **options)

    def shape(self, name: str, round_: bool, gid: str, **look: Any) -> None:
        """An ellipse or a box."""
        from matplotlib.patches import Ellipse, Rectangle

        x, y, w, h = self.drawing.shape(name)
        look |= {"gid": f"{gid}:{name}", "zorder": 3}
        self.ax.add_patch(Ellipse((x, y), w, h, **look) if round_ else Rectangle((x - w / 2, y - h / 2), w, h, **look))

    def node(self, name: str, label: str, r2: float | None) -> None:
        """A construct's ellipse (an observed variable's box) with its label and R2."""
        line, paper = 1.3 * self.scale, "#F2F6FA"
        round_ = name not in self.drawing.observed
        self.shape(name, round_, "node", facecolor=paper, edgecolor=COLOURS["actual"], linewidth=line)
        x, y = self.drawing.nodes[name]
        self.text(x, y if r2 is None else y + 0.1, label, 12, zorder=4, linespacing=1.05)
        if r2 is not None:
            drop = 0.18 + 0.08 * label.count("\n")
            self.text(x, y - drop, f"R² = {r2:.{self.digits}f}", 10, zorder=4, color=COLOURS["expected"])

    def item(self, name: str) -> None:
        """An item's box."""
        self.shape(name, False, "item", facecolor="white", edgecolor=GREY, linewidth=0.8 * self.scale)
        x, y, w, h = self.drawing.boxes[name]
        self.text(x, y, name, 9, rotation=90 if h > w else 0, zorder=4)

    def edge(self, edge: Edge) -> None:
        """An arrow, or a covariance's curve, with its number; nothing where an end is not drawn."""
        if not self.known >= {edge.source, edge.target}:
            return
        from matplotlib.patches import FancyArrowPatch

        curved, weak = edge.kind == "cov", edge.pvalue >= 0.05
        strong = not curved and (edge.kind == "path" or self.drawing.nodes.keys() >= {edge.source, edge.target})
        width = (
            1.0 if curved else 0.8 if not strong else 1.3 if math.isnan(edge.size) else 1 + 2.2 * min(abs(edge.size), 1)
        )
        if curved:
            start, end, bulge = self.drawing.curve(edge.source, edge.target)
        else:
            (start, end), bulge = self.drawing.line(edge.source, edge.target), 0.0
        self.ax.add_patch(FancyArrowPatch(
            start, end, arrowstyle="<|-|>" if curved else "-|>", shrinkA=0, shrinkB=0, zorder=2, joinstyle="miter",
            gid=f"{edge.kind}:{edge.source}>{edge.target}",
            connectionstyle=f"arc3,rad={2 * bulge / math.dist(start, end)}",
            color=COLOURS["actual" if strong and not weak else "quiet"], linewidth=width * self.scale,
            linestyle=(0, (4, 3)) if weak and (curved or strong) else "-",
            mutation_scale=(11 if edge.kind == "path" else 7) * self.scale,
        ))  # fmt: skip
        if edge.value == edge.value:
            places = [apex(start, end, bulge)] if curved else [
                ((1 - t) * start[0] + t * end[0], (1 - t) * start[1] + t * end[1])
                for t in (PLACES if strong else (0.38,) if edge.kind == "weight" else (0.62,))
            ]  # fmt: skip
            self.label(edge, places, strong and not weak, 11 if strong else 8.5, strong or curved)

    def label(self, edge: Edge, places: list[Point], dark: bool, size: float, stars: bool) -> None:
        """The number of an edge, at the first of the places where the least else is."""
        text = f"{edge.value:.{self.digits}f}"
        if stars:
            text += next((s for limit, s in STARS if edge.pvalue < limit), "")
        w, h = 0.0105 * size * len(text) / 2, 0.009 * size

        def clashes(place: Point) -> float:
            mine = (place[0] - w, place[1] - h, place[0] + w, place[1] + h)
            over = sum(mine[0] < o[2] and o[0] < mine[2] and mine[1] < o[3] and o[1] < mine[3] for o in self.taken)
            return over + 0.5 * self.drawing.crossed(mine, edge)

        x, y = min(places, key=clashes) if len(places) > 1 else places[0]
        self.taken.append((x - w, y - h, x + w, y + h))
        self.text(
            x, y, text, size, color=COLOURS["actual"] if dark else GREY, zorder=5,
            gid=f"label:{edge.source}>{edge.target}", bbox=_PAPER,
        )  # fmt: skip


_PAPER = {"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}


def _label(inst: Any, name: str, language: Language) -> str:
    from crmlab.survey.plots import wrap

    return wrap(str(inst.label(name, language)) if hasattr(inst, "label") else name.replace(":", " × "), 12)
