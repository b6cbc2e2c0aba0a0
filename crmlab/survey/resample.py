"""Bootstrap samples as counts of rows: drawing them, their moments, and the intervals that they give."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from crmlab.base.errors import FitError
from crmlab.base.fit import z_value


def bootstrap_counts(n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often is each of n rows in each of `draws` samples with replacement? (draws, n); chunks change nothing."""
    rows = rng.integers(0, n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(rows.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


def moments(z: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations (n - 1) and correlations of z's columns, with rows counted as each row of `counts`.

    z's columns have variance 1; of a column that is constant in a sample sd and correlations are NaN.
    """
    n = counts.sum(axis=1)[:, None]
    i, j = np.triu_indices(z.shape[1])
    mean = counts @ z / n
    cross = (counts @ (z[:, i] * z[:, j]) - n * mean[:, i] * mean[:, j]) / (n - 1)
    cov = np.empty((len(counts), z.shape[1], z.shape[1]))
    cov[:, i, j] = cov[:, j, i] = cross
    variance = np.einsum("dii->di", cov)
    sd = np.sqrt(np.where(variance > 1e-12, variance, np.nan))
    return mean, sd, cov / (sd[:, :, None] * sd[:, None, :])


def percentiles(draws: np.ndarray, level: float) -> np.ndarray:
    """The two percentile bounds (2, ...) of draws (B, ...); samples with NaN do not count."""
    z_value(level)  # refuses a level outside (0, 1)
    usable = np.isfinite(draws.reshape(len(draws), -1)).all(axis=1)
    if usable.sum() < 0.9 * len(draws):
        raise FitError("In more than a tenth of the bootstrap samples an item does not vary; leave the item out.")
    return np.asarray(np.quantile(draws[usable], [(1 - level) / 2, (1 + level) / 2], axis=0))


def bca(estimate: np.ndarray, boot: np.ndarray, jack: np.ndarray, level: float) -> np.ndarray:
    """Bias-corrected and accelerated bounds (2, p) of p estimates, by bootstrap (B, p) and jackknife (n, p).

    Efron (1987), Journal of the American Statistical Association 82(397).
    """
    half = 0.5 / len(boot)  # so that bounds stay finite where every draw lies on one side
    below = ((boot < estimate).mean(axis=0) + (boot <= estimate).mean(axis=0)) / 2
    bias = ndtri(np.clip(below, half, 1 - half))
    gap = jack.mean(axis=0) - jack
    size = (gap**2).sum(axis=0)
    moving = size > 1e-18
    acceleration = np.where(moving, (gap**3).sum(axis=0) / (6 * np.where(moving, size, 1) ** 1.5), 0)
    z = bias + ndtri([[(1 - level) / 2], [(1 + level) / 2]])
    at = ndtr(bias + z / np.maximum(1 - acceleration * z, 1e-12))  # beyond its pole it would turn round
    return np.array([[np.quantile(column, a) for column, a in zip(boot.T, row, strict=True)] for row in at])
