"""Direct, indirect and total effects between constructs, and the bootstrap of a structural equation model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from crmlab.base.errors import FitError, OptionError
from crmlab.base.fit import generator, z_value
from crmlab.survey.estimate import Fitted, fit_ml
from crmlab.survey.fitmeasures import wald
from crmlab.survey.model import Array, Model, derivative
from crmlab.survey.moments import sample
from crmlab.survey.resample import bca

MOST_CHAINS = 10_000


@dataclass(frozen=True)
class Bootstrap:
    """Bootstrap intervals: of the `estimates` (defined parameters too) and of the `effects`.

    Columns est, se, ci.lower, ci.upper (percentile), bc.lower, bc.upper (bias-corrected). `draws` is how many were
    tried, `failed` how many of them did not converge and are left out.
    """

    estimates: pd.DataFrame
    effects: pd.DataFrame
    draws: int
    failed: int
    level: float

    def _repr_html_(self) -> str:
        note = f"{self.draws} draws, {self.failed} of them did not converge and are left out; level {self.level:g}."
        table = self.effects if len(self.effects) else self.estimates
        return f"<p>{note}</p>{table.to_html()}"


class Paths:
    """The chains of paths (~) between variables in each group, and their effects from the rows' values."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.keys: list[tuple[str, str, str, str, str]] = []  # group, kind, from, to, through
        self._parts: list[list[tuple[int, ...]]] = []  # the chains that are summed, as numbers of rows
        for g, group in enumerate(model.table.groups):
            paths = {(r.rhs, r.lhs): i for i, r in enumerate(model.table.rows) if r.op == "~" and r.group == g}
            names = [v for v in model.table.variables if any(v in pair for pair in paths)]
            chains = [chain for v in names for chain in _chains(v, paths)]
            self._check(paths, names)
            direct, indirect = [], []
            total: dict[tuple[str, str], list[tuple[int, ...]]] = {}
            total_indirect: dict[tuple[str, str], list[tuple[int, ...]]] = {}
            for chain in chains:
                rows = tuple(paths[pair] for pair in pairwise(chain))
                ends = (chain[0], chain[-1])
                total.setdefault(ends, []).append(rows)
                if len(chain) == 2:
                    direct.append(((group, "direct", *ends, ""), [rows]))
                else:
                    indirect.append(((group, "indirect", *ends, " -> ".join(chain[1:-1])), [rows]))
                    total_indirect.setdefault(ends, []).append(rows)
            summed = [((group, "total indirect", *ends, ""), rows) for ends, rows in total_indirect.items()]
            summed += [((group, "total", *ends, ""), rows) for ends, rows in total.items()]
            for key, chained in direct + indirect + summed:
                self.keys.append(key)
                self._parts.append(chained)

    def _check(self, paths: Mapping[tuple[str, str], int], names: list[str]) -> None:
        reach = np.array([[float((a, b) in paths) for b in names] for a in names]).reshape(len(names), len(names))
        power = np.eye(len(names))
        for _ in names:
            power = np.minimum(power @ reach, 1.0)
        if power.any():
            circle = [names[i] for i in np.flatnonzero(np.diag(np.minimum(_closure(reach), 1.0)))]
            raise FitError(
                f"The paths go in a circle through {', '.join(circle)}: effects along chains have no end there. "
                "Read the direct paths in `estimates`."
            )

    def values(self, rows: Array) -> Array:
        """The effects from the rows' values."""
        return np.array([sum(np.prod(rows[list(chain)]) for chain in part) for part in self._parts], dtype=rows.dtype)


def _closure(reach: Array) -> Array:
    found = reach
    for _ in range(len(reach)):
        found = np.minimum(found + found @ reach, 1.0)
    return found


def _chains(begin: str, paths: Mapping[tuple[str, str], int]) -> list[tuple[str, ...]]:
    """All chains from a variable that pass no variable twice."""
    found: list[tuple[str, ...]] = []
    open_: list[tuple[str, ...]] = [(begin,)]
    while open_:
        chain = open_.pop(0)
        longer = [(*chain, b) for a, b in paths if a == chain[-1] and b not in chain]
        found += longer
        open_ += longer
        if len(found) > MOST_CHAINS:
            raise FitError(f"More than {MOST_CHAINS} chains of paths begin in {begin}. Define those you need (:=).")
    return found


def effects(fitted: Fitted, grouped: bool) -> pd.DataFrame:
    """The table of SEMFit.effects()."""
    model, theta = fitted.model, fitted.solution.theta
    paths = Paths(model)
    keys = pd.DataFrame(paths.keys, columns=["group", "kind", "from", "to", "through"])
    keys = keys if grouped else keys.drop(columns="group")
    if not len(keys):
        names = ["est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std"]
        return keys.assign(**{name: pd.Series(dtype=float) for name in names})
    slope = derivative(lambda t: paths.values(model.rows(t)), theta)
    se = np.sqrt(np.einsum("ij,jk,ik->i", slope, fitted.solution.cov, slope))
    stats = pd.DataFrame(wald(paths.values(model.rows(theta)), se))
    return pd.concat([keys, stats.assign(std=paths.values(model.rows(theta, "all")))], axis=1)


def bootstrap(
    fitted: Fitted, y: Array, code: Array, draws: int, rng: np.random.Generator | int, level: float,
    tables: Mapping[str, pd.DataFrame], progress: Callable[[int, int], None] | None = None,
) -> Bootstrap:  # fmt: skip
    """Estimates of resampled answers; see SEMFit.bootstrap."""
    if not isinstance(draws, int | np.integer) or draws < 10:
        raise OptionError(f"draws={draws!r} is not usable; at least 10, better 1,000 or more.")
    z_value(level)  # refuses a level outside (0, 1)
    source = generator(rng, f"bootstrap({draws})")
    model, theta, paths = fitted.model, fitted.solution.theta, Paths(fitted.model)

    def values(t: Array) -> Array:
        rows = model.rows(t)
        return np.concatenate([rows, model.table.define(rows), paths.values(rows) if paths.keys else np.zeros(0)])

    members = [np.flatnonzero(code == g) for g in range(len(model.table.groups))]
    found, whole = [], values(theta)
    for done in range(1, draws + 1):
        samples = tuple(sample(y[rows[source.integers(0, len(rows), len(rows))]]) for rows in members)
        try:
            again = fit_ml(model, samples, theta)
            if again.converged:
                found.append(values(again.theta))
        except (FitError, np.linalg.LinAlgError):
            pass  # counted below: a draw without a solution
        if progress is not None:
            progress(done, draws)
    if len(found) < 10:
        raise FitError(
            f"Only {len(found)} of {draws} bootstrap draws converged: the model is too frail for these data."
        )
    frame = _intervals(np.array(found), whole, level)
    first = len(tables["estimates"])
    return Bootstrap(
        pd.concat([tables["estimates"], frame.iloc[:first]], axis=1),
        pd.concat([tables["effects"], frame.iloc[first:].reset_index(drop=True)], axis=1),
        draws, draws - len(found), level,
    )  # fmt: skip


def _intervals(found: Array, whole: Array, level: float) -> pd.DataFrame:
    """Percentile and bias-corrected intervals of each column (Efron 1987, section 2)."""
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
    corrected = bca(whole, found, whole[None], level)  # one jackknife row: no acceleration
    return pd.DataFrame(
        {"est": whole, "se": found.std(axis=0, ddof=1), "ci.lower": low, "ci.upper": high,
         "bc.lower": corrected[0], "bc.upper": corrected[1]}
    )  # fmt: skip
