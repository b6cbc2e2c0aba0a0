"""Where the shapes of a path diagram lie: layers from cause to effect, arrows clear of other shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any

import numpy as np
from scipy.optimize import nnls

BOX_H, ROW_GAP = 0.27, 0.08  # inches
GAP = 0.75  # between a construct and its items
UP, DOWN, LEFT, RIGHT = range(4)
DIRECTION = ((0, 1), (0, -1), (-1, 0), (1, 0))
PAGE = 11.0  # inches that many layers are pressed into, if they can be
STARTS, ENOUGH = 4, 350  # more orders to begin with, as long as fewer layouts have been looked at
FAULT = 1000.0  # of a layout in which an arrow runs through a shape
Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, bottom, right, top
Member = str | tuple[str, str]  # of a layer: a construct, or an arrow that runs through
Order = tuple[tuple[Member, ...], ...]  # of the layers, from the top


@dataclass(frozen=True)
class Drawing:
    """Places in inches: centres of constructs (all of one `size`), and centre, width, height of items' boxes."""

    nodes: dict[str, Point]
    boxes: dict[str, tuple[float, float, float, float]]
    side: dict[str, int]  # of a construct's items, and of each item
    layer: dict[str, int]
    size: tuple[float, float]
    arrows: tuple[tuple[str, str], ...]
    curves: tuple[tuple[str, str], ...] = ()
    observed: frozenset[str] = frozenset()

    @property
    def ends(self) -> Rectangle:
        """Left, lower, right and upper end, with room for a line of text below."""
        points = [p for x, y, w, h in self.rectangles() for p in ((x, y), (w, h))]
        points += [apex(*self.curve(a, b)) for a, b in self.curves]
        (left, low), (right, high) = np.min(points, axis=0), np.max(points, axis=0)
        return float(left) - 0.25, float(low) - 0.45, float(right) + 0.25, float(high) + 0.15

    def shape(self, name: str) -> tuple[float, float, float, float]:
        """Centre, width and height of a construct or an item."""
        return self.boxes[name] if name in self.boxes else (*self.nodes[name], *self.size)

    def rectangles(self) -> Iterator[Rectangle]:
        """What every shape covers: constructs, then items."""
        for x, y, w, h in map(self.shape, [*self.nodes, *self.boxes]):
            yield x - w / 2, y - h / 2, x + w / 2, y + h / 2

    def line(self, a: str, b: str) -> tuple[Point, Point]:
        """Both ends of a straight arrow, on the edges of its shapes; a construct meets its items in mid-side."""
        if (a in self.boxes) == (b in self.boxes):
            return self._rim(a, self.shape(b)), self._rim(b, self.shape(a))
        if a in self.boxes:
            end, start = self.line(b, a)
            return start, end
        end = self._face(b, inner=True)
        return self._rim(a, end), end

    def curve(self, a: str, b: str) -> tuple[Point, Point, float]:
        """Both ends of a covariance's curve and its bulge, positive to the right of the way from a to b."""
        (xa, ya, wa, _), (xb, yb, wb, _) = one, other = self.shape(a), self.shape(b)
        if a in self.boxes and b in self.boxes:
            start, end = self._face(a, inner=False), self._face(b, inner=False)
            out = np.add(DIRECTION[self.side[a]], DIRECTION[self.side[b]])
            bulge = 0.12 + 0.09 * math.dist(start, end)
        elif abs(xa - xb) < 0.01:  # one above the other: at the left where causes begin, else at the right
            way = 1 if len(set(self.layer.values())) == 1 or self.layer.get(a, 0) > 0 else -1
            start, end, out = (xa + way * wa / 2, ya), (xb + way * wb / 2, yb), np.array([way, 0])
            bulge = 0.05 + 0.36 * abs(ya - yb)
        else:
            start, end, out = self._rim(a, other), self._rim(b, one), np.array([0, 1])
            bulge = 0.15 * math.dist(start, end)
        right = np.array([end[1] - start[1], start[0] - end[0]])
        return start, end, bulge if right @ out >= 0 else -bulge

    def crossed(self, label: Rectangle, edge: Any) -> int:
        """How many other arrows run under a label?"""
        a = np.array([self.line(*pair) for pair in self.arrows if pair != (edge.source, edge.target)])
        return int(hits(a[:, 0], a[:, 1], np.array([label])).sum()) if len(a) else 0

    def _face(self, item: str, *, inner: bool) -> Point:
        x, y, w, h = self.boxes[item]
        dx, dy = DIRECTION[self.side[item]]
        out = -0.5 if inner else 0.5
        return x + out * dx * w, y + out * dy * h

    def _rim(self, name: str, towards: tuple[float, ...]) -> Point:
        """Where the way from a shape's centre leaves its ellipse or box."""
        x, y, w, h = self.shape(name)
        dx, dy = towards[0] - x, towards[1] - y
        parts = abs(dx) / (w / 2), abs(dy) / (h / 2)
        reach = (max(parts) if name in self.observed or name in self.boxes else math.hypot(*parts)) or 1.0
        return x + dx / reach, y + dy / reach


def apex(start: Point, end: Point, bulge: float) -> Point:
    """The middle of a curve that bulges to the right of its way."""
    (xa, ya), (xb, yb) = start, end
    length = math.dist(start, end)
    return (xa + xb) / 2 + bulge * (yb - ya) / length, (ya + yb) / 2 - bulge * (xb - xa) / length


def layers(nodes: tuple[str, ...], arrows: list[tuple[str, str]]) -> dict[str, int]:
    """How many steps does each node stand from the first causes, at the most? Arrows that close a cycle count not.

    A first cause stands close before its first effect.
    """
    following: dict[str, list[str]] = {n: [] for n in nodes}

    def reaches(a: str, b: str) -> bool:
        return a == b or any(reaches(c, b) for c in following[a])

    for a, b in arrows:
        if not reaches(b, a):
            following[a].append(b)
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for a in nodes:
            for b in following[a]:
                depth[b] = max(depth[b], depth[a] + 1)
    effects = {b for after in following.values() for b in after}
    return depth | {a: min(depth[b] for b in following[a]) - 1 for a in nodes if following[a] and a not in effects}


def arrange(graph: Any, labels: Mapping[str, str], *, with_items: bool = True) -> Drawing:
    """Lay out a graph: constructs in layers, their items at the outer side, arrows clear of other shapes.

    From the graph's own order, and from some others, one construct or arrow after the other moves within its layer,
    and its items to another side, as long as `_Plan.cost` falls. The same graph always looks the same.
    """
    plan, rng = _Plan(graph, labels, with_items), np.random.default_rng(0)
    order: Order = tuple(tuple(row) for row in plan.rows)
    side = {n: sides[0] for n, sides in plan.allowed.items()}
    if not plan.arrows:
        return plan.draw(order, side)
    best = plan.improve(order, side)
    for _ in range(STARTS):
        if best[0] < FAULT / 2 or len(plan.known) > ENOUGH:
            break
        order = tuple(tuple(row[k] for k in rng.permutation(len(row))) for row in order)
        side = {n: sides[rng.integers(len(sides))] for n, sides in plan.allowed.items()}
        best = min(best, plan.improve(order, side), key=lambda found: found[0])
    return plan.draw(*best[1:])


class _Plan:
    """What all layouts of a graph share, and the heights, the cost and the drawing of one."""

    def __init__(self, graph: Any, labels: Mapping[str, str], with_items: bool) -> None:
        self.graph, names = graph, graph.constructs
        self.known: dict[tuple[Any, ...], float] = {}  # costs
        self.items = {n: graph.items.get(n, ()) if with_items else () for n in names}
        home = {item: n for n, block in self.items.items() for item in block}
        self.arrows = tuple((e.source, e.target) for e in graph.arrows)
        causes = {e.source for e in graph.arrows if e.kind == "path"} - {e.target for e in graph.arrows}
        ways = [  # the parts of a second-order cause stand left of it
            pair[::-1] if e.kind == "loading" and e.source in causes else pair
            for e, pair in zip(graph.arrows, self.arrows, strict=True)
        ]
        self.layer = layers(names, ways)
        last = max(self.layer.values())
        longest = max(len(line) for label in labels.values() for line in label.split("\n"))
        lines = 1 + max(label.count("\n") for label in labels.values())
        self.size = (max(1.25, 0.088 * longest + 0.42), 0.62 + 0.14 * lines)
        self.box = max(0.5, 0.078 * max(map(len, home), default=0) + 0.16)
        tallest = max(Counter(self.layer.values()).values())  # arrows into many must not be steep
        step = min(self.size[0] + 1.35, (PAGE - self.size[0]) / max(last, 1))
        self.step = max(step, self.size[0] + 0.4, 0.5 * (tallest - 1))
        most = max((len(self.items[n]) for n in names if 0 < self.layer[n] < last), default=0)
        self.upright = most * (self.box + 0.06) > 1.15 * self.step  # items above and below, side by side or turned
        before, after = {a for a, _ in ways}, {b for _, b in ways}
        outer = {n: [LEFT] if n not in after else [RIGHT] if n not in before else [] for n in names}
        self.allowed = {n: outer[n] + ([UP, DOWN] if last else []) if self.items[n] else [UP] for n in names}
        self.fans = {
            (n, s): np.array([box for _, box in self.fan((0, 0), self.items[n], s)]).reshape(-1, 4)
            for n, sides in self.allowed.items() for s in sides
        }  # fmt: skip
        at = {n: k for k, n in enumerate(names)}
        ends = [
            (at.get(home.get(e.source, "")), at.get(home.get(e.target, ""))) for e in graph.edges if e.kind == "cov"
        ]
        self.ties = [(a, b) for a, b in ends if a is not None and b is not None and a != b]  # curves between items
        self.ends = np.array([(at[a], at[b]) for a, b in self.arrows]).reshape(-1, 2)
        unit = np.eye(len(names))
        pulls = [unit[a] - unit[b] for a, b in self.ends] + [2 * (unit[a] - unit[b]) for a, b in self.ties]
        self.pulls = np.array([*pulls, *(0.2 * unit)])
        self.rows: list[dict[Member, np.ndarray]] = [{} for _ in range(last + 1)]  # height, from those of constructs
        for n, row in zip(names, unit, strict=True):
            self.rows[self.layer[n]][n] = row
        for a, b in self.arrows:
            low, high = sorted((self.layer[a], self.layer[b]))
            for k in range(low + 1, high):
                t = (k - self.layer[a]) / (self.layer[b] - self.layer[a])
                self.rows[k][a, b] = (1 - t) * unit[at[a]] + t * unit[at[b]]

    def improve(self, order: Order, side: dict[str, int]) -> tuple[float, Order, dict[str, int]]:
        """The best layout found from a first one: its cost, order and sides."""
        best, before = self.cost(order, side), math.inf
        while best < before:
            before = best
            for i, m in [(i, m) for i, row in enumerate(order) for m in row]:
                for k, turn in product(range(len(order[i])), self.allowed.get(m, [UP])):
                    rest = [other for other in order[i] if other != m]
                    runs = groupby([*rest[:k], m, *rest[k:]], key=lambda other: isinstance(other, str))
                    row = tuple(x for nodes, run in runs for x in (run if nodes else sorted(run)))  # arrows may cross
                    moved = (*order[:i], row, *order[i + 1 :])
                    turned = side | {m: turn} if m in side else side
                    key = (moved, *turned.values())
                    if key not in self.known:
                        self.known[key] = self.cost(moved, turned)
                    if self.known[key] < best - 1e-6:
                        best, order, side = self.known[key], moved, turned
        return best, order, side

    def cost(self, order: Order, side: dict[str, int]) -> float:
        """How bad is a layout? Overlaps and arrows through shapes above all, then crossings, then lengths."""
        y, half = self.heights(order, side), np.array(self.size) / 2
        centre = np.column_stack([[self.layer[n] * self.step for n in side], y])
        owner = np.repeat(np.arange(len(side)), [len(self.items[n]) for n in side])
        boxes = np.concatenate([self.fans[n, s] for n, s in side.items()])
        middle = np.concatenate([centre, centre[owner] + boxes[:, :2]])
        reach = np.concatenate([np.broadcast_to(half, centre.shape), boxes[:, 2:] / 2]) + 0.02
        apart = np.abs(middle[:, None] - middle) - reach[:, None] - reach
        cost = FAULT / 2 * ((apart < 0).all(axis=-1).sum() - len(middle))
        cost += 1.5 * np.ptp(np.concatenate([middle - reach, middle + reach])[:, 1])
        cost += 3 * sum(self.allowed[n][0] != s for n, s in side.items() if len(self.allowed[n]) == 3)
        turned = [*side.values()]
        cost += sum(6 * (turned[a] != turned[b]) + 3 * abs(y[a] - y[b]) for a, b in self.ties)
        a, b = centre[self.ends.T]
        rim = (b - a) / np.hypot(*((b - a) / half).T)[:, None]
        a, b = a + rim, b - rim
        through = hits(a, b, np.hstack([middle - reach - 0.05, middle + reach + 0.05]))
        through[np.arange(len(a))[:, None], self.ends] = False
        crossed = _cross(a, b, np.concatenate([a, centre[owner]]), np.concatenate([b, middle[len(side) :]])).sum(axis=0)
        cost += FAULT * (2 * through[:, : len(side)].sum() + through.sum() + crossed[len(a) :].sum())
        return float(cost + 4 * crossed[: len(a)].sum() + 1.2 * np.abs(a - b)[:, 1].sum())

    def heights(self, order: Order, side: dict[str, int]) -> np.ndarray:
        """Heights y of constructs: least |pulls y|^2 where members of a layer keep their order and distance.

        A breach costs 1,000 times its square. The dual of this quadratic programme is a problem of non-negative least
        squares (Lawson & Hanson 1974, chapter 23).
        """
        rows, least = [], []
        for i, members in enumerate(order):
            for k, one in enumerate(members):
                for other in members[k + 1 :]:
                    if isinstance(one, str) or isinstance(other, str):  # arrows may cross
                        rows.append(self.rows[i][one] - self.rows[i][other])
                        least.append(self.reach(one, side, DOWN) + self.reach(other, side, UP))
        if not rows:
            return np.zeros(len(side))
        g = np.array(rows)
        q = np.linalg.solve(self.pulls.T @ self.pulls, g.T)
        root = np.linalg.cholesky(g @ q + 1e-3 * np.eye(len(g)))
        return np.asarray(q @ nnls(root.T, np.linalg.solve(root, least))[0])

    def draw(self, order: Order, side: dict[str, int]) -> Drawing:
        """The layout with this order and these sides."""
        y = self.heights(order, side)
        nodes = {n: (self.layer[n] * self.step, float(h)) for n, h in zip(side, y - y.min(), strict=True)}
        boxes = {k: v for n in nodes for k, v in self.fan(nodes[n], self.items[n], side[n])}
        sides = side | {item: side[n] for n in nodes for item in self.items[n]}
        curves = [
            (e.source, e.target) for e in self.graph.edges if e.kind == "cov" and {e.source, e.target} <= {*sides}
        ]
        return Drawing(nodes, boxes, sides, self.layer, self.size, self.arrows, tuple(curves), self.graph.observed)

    def reach(self, member: Member, side: dict[str, int], way: int) -> float:
        """From a member's middle up or down to its end, with room around it."""
        if not isinstance(member, str):
            return 0.12
        half, block = self.size[1] / 2, len(self.items[member]) * (BOX_H + ROW_GAP)
        if side[member] in (LEFT, RIGHT):
            half = max(half, block / 2)
        elif side[member] == way and block:
            half += GAP + (self.box if self.upright else BOX_H)
        return half + 0.18

    def fan(self, centre: Point, items: tuple[str, ...], side: int) -> Iterator[tuple[str, Rectangle]]:
        """Centre, width and height of the box of each item at a side of a construct."""
        across = side in (LEFT, RIGHT)
        w, h = (BOX_H, self.box) if self.upright and not across else (self.box, BOX_H)
        pitch = (h if across else w) + (ROW_GAP if across or self.upright else 0.06)
        (x, y), (dx, dy) = centre, DIRECTION[side]
        x += dx * ((self.size[0] + w) / 2 + GAP)
        y += dy * ((self.size[1] + h) / 2 + GAP)
        for k, item in enumerate(items):
            along = (k + 0.5 - len(items) / 2) * pitch
            yield item, (x, y - along, w, h) if across else (x + along, y, w, h)


def hits(start: np.ndarray, end: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which segments (E, 2) run through which rectangles (R, 4)? Booleans (E, R), by clipping."""
    a, way = start[:, None], (end - start)[:, None]
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    one, two = (boxes[:, :2] - a) / way, (boxes[:, 2:] - a) / way
    enter, leave = np.minimum(one, two).max(axis=-1), np.maximum(one, two).min(axis=-1)
    return np.asarray((enter < leave) & (leave > 0) & (enter < 1))


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Which segments from a to b (m, 2) cross which from c to d (n, 2)? Booleans (m, n)."""

    def turn(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    p, q, r, s = a[:, None], b[:, None], c[None], d[None]
    return np.asarray((turn(p, q, r) * turn(p, q, s) < 0) & (turn(r, s, p) * turn(r, s, q) < 0))
