"""A model's parameter table: which are free, fixed or equal, in each group, by lavaan's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from crmlab.base.errors import DataError, Fault, OptionError
from crmlab.survey.inputs import nearest
from crmlab.survey.syntax import Term, evaluate, names_in

EQUAL = (
    "loadings", "intercepts", "means", "residuals", "residual.covariances", "lv.variances", "lv.covariances",
    "regressions", "thresholds",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One relation in one group (0, 1, ...). `slot` is its place among the free values, -1 where it is fixed.

    `value` is the fixed or the starting value (NaN: not said). `exogenous` marks the (co)variances and means of
    observed predictors: estimated by those of the sample, and not counted as parameters.
    """

    lhs: str
    op: str
    rhs: str
    group: int
    slot: int = -1
    value: float = np.nan
    label: str = ""
    exogenous: bool = False


@dataclass(frozen=True)
class ParTable:
    """The free values are x = K theta + k: theta holds the parameters, K what labels and == make equal.

    `names` are theta's; `counted` marks those that count as parameters (all but the exogenous ones).
    """

    rows: tuple[Row, ...]
    observed: tuple[str, ...]
    latent: tuple[str, ...]
    exogenous: tuple[str, ...]
    groups: tuple[str, ...]
    ordered: tuple[str, ...]
    meanstructure: bool
    K: np.ndarray = field(repr=False)
    k: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    counted: np.ndarray = field(repr=False)
    defined: tuple[tuple[str, str], ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The observed and then the latent variables: the order of all matrices."""
        return self.observed + self.latent

    def define(self, values: np.ndarray) -> np.ndarray:
        """The defined parameters (:=) from the rows' values, shape (..., rows) -> (..., defined)."""
        known = {row.label: values[..., i] for i, row in reversed(list(enumerate(self.rows))) if row.label}
        for name, expression in self.defined:
            known[name] = evaluate(expression, known)
        shape = values.shape[:-1]
        found = [np.broadcast_to(known[name], shape) for name, _ in self.defined]
        return np.stack(found, axis=-1) if found else np.zeros((*shape, 0))


def _roles(terms: Sequence[Term]) -> tuple[dict[str, list[str]], list[str], list[str], list[str]]:
    """Indicators of each latent variable, observed variables, what is explained (~), what explains."""
    blocks: dict[str, list[str]] = {}
    for t in terms:
        if t.op in ("=~", "<~"):
            blocks.setdefault(t.lhs, []).append(t.rhs)
    explained = list(dict.fromkeys(t.lhs for t in terms if t.op in ("~", "<~")))
    explaining = list(dict.fromkeys(t.rhs for t in terms if t.op in ("~", "<~")))
    seen = [v for op in ("=~", "<~", "~", "~~", "~1", "|") for t in terms if t.op == op for v in (t.rhs, t.lhs)]
    thresholds = {t.rhs for t in terms if t.op == "|"}
    observed = [v for v in dict.fromkeys(seen) if v and v not in blocks and v not in thresholds]
    return blocks, observed, explained, explaining


def build(
    terms: Sequence[Term],
    *,
    groups: Sequence[str] = ("",),
    equal: Sequence[str] = (),
    std_lv: bool = False,
    meanstructure: bool = False,
    fixed_x: bool = True,
    ordered: Mapping[str, int] | None = None,
) -> ParTable:
    """Which parameters does a model have, by lavaan's defaults for cfa() and sem()?

    The first loading of each factor is 1 (`std_lv`: its variance is), residual variances are free, exogenous factors
    covary (with one another, not with observed predictors), and so do outcomes that explain nothing. A single item
    measures without error; the first weight of a composite (<~) is 1. `ordered` gives the number of thresholds of
    ordinal items: these have thresholds, no intercept, and a residual variance that makes the total 1.
    Raises DataError where a label is unknown, modifiers do not fit the groups, or a construct explains itself.
    """
    ordered = dict(ordered or {})
    if unknown := [e for e in equal if e not in EQUAL]:
        raise OptionError(f"equal={unknown} is not known; it may hold {', '.join(map(repr, EQUAL))}.")
    blocks, observed, explained, explaining = _roles(terms)
    measured = {rhs for t in terms if t.op == "=~" for rhs in [t.rhs]}
    latent = list(blocks)
    _check(terms, blocks, len(groups))
    said = {v for t in terms if t.op in ("~~", "~1") for v in (t.lhs, t.rhs)}
    predictors = [v for v in observed if v in explaining and v not in explained and v not in measured]
    exogenous = [v for v in predictors if v not in said]
    free_lv = [v for v in latent if v not in explained and v not in measured]
    ends = [v for v in latent + observed if v in explained and v not in explaining and v not in measured]
    ends = [v for v in ends if not any(t.op == "<~" and t.lhs == v for t in terms)]
    singles = {items[0] for name, items in blocks.items() if len(items) == 1 and items[0] in observed}
    composites = {t.lhs for t in terms if t.op == "<~"}
    rows: list[Row] = []
    slots: dict[object, int] = {}  # what shares a free value -> its place
    constants: dict[str, float] = {}
    names: list[str] = []

    def add(
        lhs: str, op: str, rhs: str, g: int, value: float = np.nan, term: Term | None = None, exo: bool = False
    ) -> None:
        """A row; free unless a value is given here or by its term."""
        said: list[Any] = [None, None, None]
        if term is not None:
            said = [v[g if len(v) > 1 else 0] if v else None for v in (term.fixed, term.labels, term.starts)]
            if term.fixed:
                value = np.nan if said[0] is None else float(said[0])
        label, start = str(said[1] or ""), said[2]
        if label in constants and np.isnan(value):
            value = constants[label]
        slot = -1
        if np.isnan(value) and not (op == "~~" and lhs == rhs and lhs in ordered):
            kind = _kind(lhs, op, rhs, latent)
            key: object = label or (lhs, op, rhs, 0 if kind in equal and not exo else g)
            if key not in slots:
                slots[key] = len(names)
                names.append(label or f"{lhs}{op}{rhs}" + (f".g{g + 1}" if g else ""))
            slot = slots[key]
        elif label:
            constants[label] = value
        rows.append(Row(lhs, op, rhs, g, slot, value if start is None or slot < 0 else float(start), label, exo))

    def default(lhs: str, op: str, rhs: str, value: float = np.nan, exo: bool = False) -> None:
        if (lhs, op, rhs) not in done:
            add(lhs, op, rhs, g, value, exo=exo)

    for g in range(len(groups)):
        done: set[tuple[str, str, str]] = set()
        first: set[str] = set()
        for t in terms:
            if t.op in (":=", "==") or (t.op == "|" and t.lhs not in ordered):
                continue
            marker = t.op in ("=~", "<~") and t.lhs not in first and (not std_lv or t.op == "<~")
            first |= {t.lhs} if t.op in ("=~", "<~") else set()
            add(t.lhs, t.op, t.rhs, g, 1.0 if marker else np.nan, t)
            done |= {(t.lhs, t.op, t.rhs), (t.rhs, t.op, t.lhs)}

        for item, size in ordered.items():
            for step in range(1, size + 1):
                default(item, "|", f"t{step}")
        for v in [*(v for v in observed if v not in exogenous), *latent]:
            unit = std_lv and v in latent and not (g and "loadings" in equal)
            default(v, "~~", v, 0.0 if v in singles or v in composites else 1.0 if unit else np.nan)
        for a, b in [*combinations(free_lv, 2), *combinations(ends, 2)]:
            default(a, "~~", b)
        for i, a in enumerate(exogenous):
            for b in exogenous[i:]:
                default(a, "~~", b, exo=fixed_x)
        if meanstructure:
            for v in observed:
                if v not in ordered:
                    default(v, "~1", "", exo=fixed_x and v in exogenous)
            level = "thresholds" if ordered else "intercepts"
            for v in latent:
                default(v, "~1", "", np.nan if g and level in equal and "means" not in equal else 0.0)
    K, k, kept = _constraints(terms, rows, names, constants)
    exo_slots = {row.slot for row in rows if row.exogenous}
    counted = np.array([names.index(name) not in exo_slots for name in kept], dtype=bool)
    defined = tuple((t.lhs, t.rhs) for t in terms if t.op == ":=")
    return ParTable(
        tuple(rows), tuple(observed), tuple(latent), tuple(exogenous), tuple(groups), tuple(ordered), meanstructure,
        K, k, tuple(kept), counted, defined,
    )  # fmt: skip


def _kind(lhs: str, op: str, rhs: str, latent: Sequence[str]) -> str:
    """lavaan's word (group.equal) for a relation."""
    if op == "~~":
        if lhs in latent and rhs in latent:
            return "lv.variances" if lhs == rhs else "lv.covariances"
        return "residuals" if lhs == rhs else "residual.covariances"
    if op == "~1":
        return "means" if lhs in latent else "intercepts"
    return {"=~": "loadings", "<~": "loadings", "~": "regressions", "|": "thresholds"}[op]


def _check(terms: Sequence[Term], blocks: Mapping[str, Sequence[str]], groups: int) -> None:
    faults = []
    for t in terms:
        where = f"line {t.line}: " if t.line else ""
        if t.op in ("=~", "<~", "~") and t.lhs == t.rhs:
            faults.append(Fault(t.lhs, f"{where}it explains itself", "Take one side out."))
        for kind, given in (("values", t.fixed), ("labels", t.labels), ("starts", t.starts)):
            if len(given) not in (0, 1, groups):
                what = f"{where}{len(given)} {kind} for {groups} group{'s' if groups > 1 else ''}"
                faults.append(Fault(t.rhs or t.lhs, what, "Give one for all groups, or one a group."))
    labels = {label for t in terms for label in t.labels}
    known = set(labels)
    for t in terms:
        if t.op in (":=", "=="):
            sides = (t.rhs,) if t.op == ":=" else (t.lhs, t.rhs)
            for name in dict.fromkeys(n for side in sides for n in names_in(side)):
                if name not in (known if t.op == ":=" else labels):
                    remedy = f"Give a parameter this label: '{name}*x'.{nearest(name, known)}"
                    faults.append(Fault(name, f"line {t.line}: no parameter has this label", remedy))
            known |= {t.lhs} if t.op == ":=" else set()
    if faults:
        raise DataError(faults, "the model")


def _constraints(
    terms: Sequence[Term], rows: Sequence[Row], names: Sequence[str], constants: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """K and k of x = K theta + k from the == lines, which must be linear; with the names of what is left free."""
    size, lines = len(names), [t for t in terms if t.op == "=="]
    if not lines:
        return np.eye(size), np.zeros(size), list(names)
    points = np.vstack([np.zeros(size), np.eye(size), 1 + np.arange(size) * 0.37])
    values: dict[str, np.ndarray] = {label: np.full(len(points), c) for label, c in constants.items()}
    values |= {row.label: points[:, row.slot] for row in rows if row.label and row.slot >= 0}
    system = np.zeros((len(lines), size + 1))
    for i, t in enumerate(lines):
        with np.errstate(all="ignore"):
            gap = np.broadcast_to(evaluate(t.lhs, values) - evaluate(t.rhs, values), len(points))
        slope = gap[1:-1] - gap[0]
        if not np.isclose(gap[0] + slope @ points[-1], gap[-1], rtol=1e-9, atol=1e-9):
            fault = Fault(
                "", f"line {t.line}: '{t.lhs} == {t.rhs}' is not linear", "Only sums and multiples of labels."
            )
            raise DataError(fault, "the model")
        system[i] = [*slope, -gap[0]]
    bound: dict[int, int] = {}  # free value -> the line that gives it
    for i in range(len(lines)):  # Gauss-Jordan; a later label is written in terms of the earlier ones
        if not np.any(np.abs(system[i, :-1]) > 1e-12):
            if abs(system[i, -1]) > 1e-9:
                raise DataError(
                    Fault("", f"line {lines[i].line}: it cannot hold", "Correct the == lines."), "the model"
                )
            continue
        pivot = int(np.flatnonzero(np.abs(system[i, :-1]) > 1e-12)[-1])
        system[i] /= system[i, pivot]
        others = np.arange(len(lines)) != i
        system[others] -= np.outer(system[others, pivot], system[i])
        bound[pivot] = i
    free = [j for j in range(size) if j not in bound]
    K, k = np.zeros((size, len(free))), np.zeros(size)
    K[free, np.arange(len(free))] = 1.0
    for pivot, i in bound.items():
        K[pivot], k[pivot] = -system[i, free], system[i, -1]
    return K, k, [names[j] for j in free]


def with_rows(table: ParTable, extra: Sequence[Row]) -> ParTable:
    """The table with further free rows, each a parameter of its own: the candidates of modification indices."""
    size, new = table.K.shape[0], len(extra)
    rows = tuple(replace(row, slot=size + i) for i, row in enumerate(extra))
    K = np.block([[table.K, np.zeros((size, new))], [np.zeros((new, table.K.shape[1])), np.eye(new)]])
    names = table.names + tuple(f"{r.lhs}{r.op}{r.rhs}" for r in rows)
    counted = np.concatenate([table.counted, np.ones(new, dtype=bool)])
    return replace(
        table, rows=table.rows + rows, K=K, k=np.concatenate([table.k, np.zeros(new)]), names=names, counted=counted
    )
