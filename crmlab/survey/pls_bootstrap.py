"""Resampling of PLS models: many weighted samples at once, percentile and BCa intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from crmlab.base.errors import FitError, OptionError
from crmlab.survey.pls_math import Solution, Structure, chain_effects, estimate, total_effects

MOST_FAILED = 0.1
_ROOM = 6_000_000  # numbers held at a time
Progress = Callable[[int, int], object]


def generator(rng: np.random.Generator | int | None, what: str) -> np.random.Generator:
    """The random numbers of a Generator or a seed; raises OptionError where there is none."""
    if rng is None:
        raise OptionError(f"{what} draws at random: give rng=1 (a seed) or a numpy Generator.")
    return np.random.default_rng(rng)


def resample(
    z: np.ndarray, model: Structure, like: np.ndarray, weights: Callable[[int], np.ndarray], draws: int,
    collect: Callable[[Solution, np.ndarray], dict[str, np.ndarray]], progress: Progress | None = None,
) -> tuple[dict[str, np.ndarray], int]:  # fmt: skip
    """What `collect` takes from the samples whose row counts `weights(m)` gives, m at a time, and how many failed.

    A sample fails where an item is constant in it or the weights do not settle; more than 10% raise FitError.
    """
    found: list[dict[str, np.ndarray]] = []
    step = max(1, min(draws, _ROOM // (3 * z.shape[0] + 6 * z.shape[1] ** 2)))
    failed = 0
    for start in range(0, draws, step):
        counts = weights(min(step, draws - start))
        solution = estimate(z, counts, model, like)
        values = collect(solution, counts)
        good = solution.converged.copy()
        for value in values.values():
            good &= np.isfinite(value).reshape(len(good), -1).all(axis=1)
        failed += int((~good).sum())
        found.append({name: value[good] for name, value in values.items()})
        if progress is not None:
            progress(min(start + step, draws), draws)
    if failed > MOST_FAILED * draws:
        raise FitError(
            f"PLS found no estimates in {failed:,} of {draws:,} samples drawn from the answers: items hardly vary, or "
            "constructs hardly differ. Look at the items' frequencies and at vif, and leave out what does not vary."
        )
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}, failed


def bootstrap_counts(n: int, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """How often each of n rows is drawn in each of m samples with replacement."""

    def counts(m: int) -> np.ndarray:
        rows = rng.integers(0, n, size=(m, n)) + n * np.arange(m)[:, None]
        return np.bincount(rows.ravel(), minlength=m * n).reshape(m, n).astype(float)

    return counts


def jackknife_counts(n: int) -> Callable[[int], np.ndarray]:
    """All rows but one, in turn."""
    left_out: Iterator[int] = iter(range(n))

    def counts(m: int) -> np.ndarray:
        sample = np.ones((m, n))
        sample[np.arange(m), [next(left_out) for _ in range(m)]] = 0
        return sample

    return counts


@dataclass(frozen=True)
class Draws:
    """Statistics (draws x values) of the bootstrap samples and of the jackknife's."""

    boot: dict[str, np.ndarray]
    jack: dict[str, np.ndarray]
    level: float

    def table(self, name: str, estimate: np.ndarray, pick: slice | np.ndarray) -> pd.DataFrame:
        """se, t, p (normal), percentile and BCa bounds of estimates; `pick` chooses or mixes what is kept by name."""
        boot, jack = (
            kept[name] @ pick if isinstance(pick, np.ndarray) and pick.ndim == 2 else kept[name][:, pick]
            for kept in (self.boot, self.jack)
        )
        se = boot.std(axis=0, ddof=1)
        moving = se > 1e-9
        t = np.where(moving, estimate / np.where(moving, se, 1), np.nan)
        tails = [(1 - self.level) / 2, (1 + self.level) / 2]
        (low, high), (low_bca, high_bca) = np.quantile(boot, tails, axis=0), bca(estimate, boot, jack, self.level)
        return pd.DataFrame(
            {"se": se, "t": t, "pvalue": 2 * ndtr(-np.abs(t)), "low": low, "high": high,
             "low_bca": low_bca, "high_bca": high_bca}
        )  # fmt: skip


def bca(estimate: np.ndarray, boot: np.ndarray, jack: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected and accelerated bounds (Efron 1987, Journal of the American Statistical Association 82(397))."""
    half = 0.5 / len(boot)  # so that bounds stay finite where every draw lies on one side
    below = ((boot < estimate).mean(axis=0) + (boot <= estimate).mean(axis=0)) / 2
    bias = ndtri(np.clip(below, half, 1 - half))
    gap = jack.mean(axis=0) - jack
    size = (gap**2).sum(axis=0)
    moving = size > 1e-18
    acceleration = np.where(moving, (gap**3).sum(axis=0) / (6 * np.where(moving, size, 1) ** 1.5), 0)
    bounds = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + ndtri(tail)
        at = ndtr(bias + z / (1 - acceleration * z))
        bounds.append(np.array([np.quantile(column, a) for column, a in zip(boot.T, at, strict=True)]))
    return bounds[0], bounds[1]


def statistics(
    model: Structure, ways: tuple[np.ndarray, np.ndarray]
) -> Callable[[Solution, np.ndarray], dict[str, np.ndarray]]:
    """What the bootstrap keeps of each sample; `ways` are the paths as rows and columns of coef."""
    from crmlab.survey.validity import htmt_matrix  # which imports this module

    def collect(s: Solution, _: np.ndarray) -> dict[str, np.ndarray]:
        i, j = np.nonzero(s.loadings[0])
        blocks = [list(block) for block in (model.first or model.design).blocks]
        one, other = np.tril_indices(len(blocks), -1)
        with np.errstate(invalid="ignore"):
            total = total_effects(np.where(s.converged[:, None, None], s.coef, 0))
        return {
            "paths": s.coef[:, *ways],
            "total": total.reshape(len(total), -1),
            "indirect": chain_effects(s.coef, model.chains),
            "weights": s.weights[:, i, j],
            "loadings": s.loadings[:, i, j],
            "htmt": htmt_matrix(s.corr, blocks)[:, one, other],
        }

    return collect
