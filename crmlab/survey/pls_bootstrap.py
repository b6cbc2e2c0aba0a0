"""Resampling of PLS models: many weighted samples at once, and what they say of the estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from crmlab.base.errors import FitError
from crmlab.survey.pls_math import Solution, Structure, chain_effects, estimate, total_effects
from crmlab.survey.pls_model import PLSModel
from crmlab.survey.resample import bca, percentiles
from crmlab.survey.validity import htmt_matrix

MOST_FAILED = 0.1
_ROOM = 6_000_000  # numbers held at a time
Progress = Callable[[int, int], object]
Kept = dict[str, np.ndarray]  # statistics, the first axis over samples


def resample(
    z: np.ndarray, model: Structure, like: np.ndarray, collect: Callable[[Solution, np.ndarray], Kept], draws: int,
    rows: Callable[[int, int], np.ndarray], progress: Progress | None = None,
) -> tuple[Kept, int]:  # fmt: skip
    """What `collect` takes from samples, and how many failed; `rows(a, b)` gives the row counts of samples a to b - 1.

    A sample fails where an item is constant in it or the weights do not settle; more than 10% raise FitError.
    """
    found: list[Kept] = []
    failed, step = 0, max(1, _ROOM // (3 * z.shape[0] + 6 * z.shape[1] ** 2))
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        counts = rows(start, stop)
        solution = estimate(z, counts, model, like)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = collect(solution, counts)
        flat = np.concatenate([value.reshape(stop - start, -1) for value in values.values()], axis=1)
        good = solution.converged & np.isfinite(flat).all(axis=1)
        failed += int((~good).sum())
        found.append({name: value[good] for name, value in values.items()})
        if progress is not None:
            progress(stop, draws)
    if failed > MOST_FAILED * draws:
        raise FitError(
            f"PLS found no estimates in {failed:,} of {draws:,} samples drawn from the answers: items hardly vary, or "
            "constructs hardly differ. Look at the items' frequencies and at vif, and leave out what does not vary."
        )
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}, failed


def statistics(plan: PLSModel, s: Solution, _: np.ndarray) -> Kept:
    """What the bootstrap keeps of each sample."""
    blocks = [plan.at(name) for name in plan.lower]
    total = total_effects(np.where(s.converged[:, None, None], s.coef, 0))
    return {
        "paths": s.coef[:, *plan.ways], "total": total.reshape(len(total), -1),
        "indirect": chain_effects(s.coef, plan.structure.chains),
        "weights": s.weights[:, *plan.cells], "loadings": s.loadings[:, *plan.cells],
        "htmt": htmt_matrix(s.corr, blocks)[:, *np.tril_indices(len(blocks), -1)],
    }  # fmt: skip


@dataclass(frozen=True)
class Draws:
    """Statistics (draws x values) of the bootstrap samples and of the jackknife's."""

    boot: Kept
    jack: Kept
    level: float

    def table(self, name: str, estimate: np.ndarray, pick: slice | np.ndarray) -> pd.DataFrame:
        """se, t, p (normal), percentile and BCa bounds of estimates; `pick` chooses or mixes what is kept by name."""
        mixed = isinstance(pick, np.ndarray) and pick.ndim == 2
        boot, jack = (kept[name] @ pick if mixed else kept[name][:, pick] for kept in (self.boot, self.jack))
        se = boot.std(axis=0, ddof=1)
        t = np.divide(estimate, se, out=np.full(len(se), np.nan), where=se > 1e-9)
        bounds = [*percentiles(boot, self.level), *bca(estimate, boot, jack, self.level)]
        columns = dict(zip(("low", "high", "low_bca", "high_bca"), bounds, strict=True))
        return pd.DataFrame({"se": se, "t": t, "pvalue": 2 * ndtr(-np.abs(t)), **columns})
