"""How every figure looks: one palette, the same colour for the same thing, quiet axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): told apart by the colour-blind; the order also differs in lightness.
COLOURS = {
    "actual": "#000000",
    "expected": "#0072B2",
    "second": "#D55E00",
    "third": "#009E73",
    "accent": "#E69F00",
    "quiet": "#999999",
    "faint": "#DDDDDD",
}
SEQUENTIAL = "cividis"  # reads the same in grey and to the colour-blind


def axes(
    ax: Axes | None = None, *, title: str = "", x: str = "", y: str = "", size: tuple[float, float] = (7, 4)
) -> Axes:
    """The Axes to draw on: `ax`, or a new figure of `size` inches; title and labels set, frame light."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    ax.set_title(title, loc="left", fontsize=12)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(length=3, color=COLOURS["quiet"])
    return ax


def label_line(ax: Axes, line: Any, text: str, *, at: int = -1, dx: float = 4, dy: float = 0) -> None:
    """Write `text` beside a line, in its colour: a direct label instead of a legend."""
    xs, ys = line.get_xdata(), line.get_ydata()
    ax.annotate(
        text, (xs[at], ys[at]), xytext=(dx, dy), textcoords="offset points",
        color=line.get_color(), va="center", fontsize=9,
    )  # fmt: skip


def heat(
    ax: Axes, values: Any, *, label: str, vmin: float | None = None, vmax: float | None = None,
    x: Any = None, y: Any = None,
) -> Any:  # fmt: skip
    """Draw a matrix (rows upwards) with its colour bar, which `label` explains; `x`, `y` are the cells' edges."""
    edges = () if x is None else (x, y)
    image = ax.pcolormesh(*edges, values, cmap=SEQUENTIAL, vmin=vmin, vmax=vmax)
    ax.figure.colorbar(image, ax=ax, label=label)
    return image
