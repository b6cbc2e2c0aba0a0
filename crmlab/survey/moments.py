"""The normal likelihood of answers with and without gaps: moments by pattern, its score, its saturated maximum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from crmlab.base.errors import DataError, Fault, FitError
from crmlab.survey.model import vech_index

Array = np.ndarray
EM_STEPS, EM_TOLERANCE = 2000, 1e-10


@dataclass(frozen=True)
class Sample:
    """One group's answers `y` (n, p), and the means and covariances (by n) of the rows with the same gaps.

    `seen` (patterns, p) says which items a pattern has; `share` is each pattern's share of the rows. `mean` and `cov`
    are those of the saturated model (EM where answers are missing); F_saturated is its -2 log L / n, without constants.
    """

    y: Array
    seen: Array
    share: Array
    means: Array
    covs: Array

    @property
    def n(self) -> int:
        """How many answers."""
        return len(self.y)

    @property
    def complete(self) -> bool:
        """Is no answer missing?"""
        return bool(len(self.seen) == 1 and self.seen.all())

    @cached_property
    def pattern(self) -> Array:
        """Which pattern each row has."""
        if self.complete:
            return np.zeros(self.n, dtype=int)
        gaps = ~np.isnan(self.y)
        return np.array([np.flatnonzero((self.seen == row).all(axis=1))[0] for row in gaps])

    @cached_property
    def saturated(self) -> tuple[Array, Array]:
        """Covariances and means of the unrestricted model, by maximum likelihood."""
        if self.complete:
            return self.covs[0], self.means[0]
        count = (~np.isnan(self.y)).sum(axis=0)
        mu = np.nansum(self.y, axis=0) / count
        cov = np.diag(np.nansum((self.y - mu) ** 2, axis=0) / count)
        for _ in range(EM_STEPS):
            _, W, g, _ = self.score(cov, mu)
            shift, change = cov @ g, -cov @ W @ cov
            mu, cov = mu + shift, cov + change - np.outer(shift, shift)
            cov = (cov + cov.T) / 2
            # the slope in the metric of the information: the square of the distance to the maximum, in standard errors
            if g @ shift - np.einsum("ij,ji->", W, change) < EM_TOLERANCE**2 * 1e4:
                return cov, mu
        raise FitError(
            "The means and covariances of the answers with gaps cannot be estimated: some items are too seldom "
            "answered together. Leave out the item with the most gaps."
        )

    @property
    def cov(self) -> Array:
        """Covariances of the saturated model."""
        return self.saturated[0]

    @property
    def mean(self) -> Array:
        """Means of the saturated model."""
        return self.saturated[1]

    @cached_property
    def F_saturated(self) -> float:
        """-2 log L / n of the saturated model, without constants."""
        if self.complete:
            return float(np.linalg.slogdet(self.cov)[1]) + self.cov.shape[0]
        return self.score(self.cov, self.mean)[0]

    @cached_property
    def saturated_trace(self) -> float:
        """tr(I^-1 J) of the unrestricted model: I the observed information of covariances and means, J the scores' own.

        For one pattern I(dS, dS') = tr(dS P dS' Q) with Q = P C P - P / 2: all patterns add up in one product of P
        with Q.
        """
        p = self.cov.shape[0]
        r, c = vech_index(p)
        half = np.where(r == c, 0.5, 1.0)
        P = self.score(self.cov, self.mean)[3]
        z, d = self.z(P, self.mean), np.where(self.seen, self.means - self.mean, 0.0)
        score = np.hstack([half * (z[:, r] * z[:, c] - P[:, r, c][self.pattern]), z])
        Q = P @ (self.covs + d[:, :, None] * d[:, None, :]) @ P - P / 2
        weighted = (self.share[:, None, None] * P).reshape(len(P), -1)
        T = (weighted.T @ Q.reshape(len(P), -1)).reshape(p, p, p, p)
        M = (weighted.T @ (P @ d[:, :, None])[:, :, 0]).reshape(p, p, p)
        pairs = [(r, c), (c, r)]
        top = sum(T[b[:, None], one, other, a[:, None]] for a, b in pairs for one, other in pairs)
        top = np.outer(half, half) * (top + top.T) / 2
        side = half[:, None] * (M[:, r, c] + M[:, c, r]).T
        info = np.block([[top, side], [side.T, weighted.sum(axis=0).reshape(p, p)]])
        return float(np.trace(np.linalg.solve(info, score.T @ score / self.n)))

    def deviance(self, Sigma: Array, mu: Array | None) -> float:
        """-2 log L / n without constants; infinite where Sigma is no covariance matrix."""
        return self.score(Sigma, self.mean if mu is None else mu)[0]

    def score(self, Sigma: Array, mu: Array) -> tuple[float, Array, Array, Array]:
        """-2 log L / n, and with P the inverse of each pattern's Sigma: mean P - P C P, mean P d, and P itself.

        C is a pattern's second moment around mu, d its mean's distance from mu: so the deviance has the slope
        tr(W dSigma) - 2 g'dmu. Value is infinite where Sigma is not positive definite.
        """
        if self.complete:
            value, P = inverse(Sigma)
            d = self.means[0] - mu
            PC = P @ (self.covs[0] + d[:, None] * d)
            return value + float(np.trace(PC)), P - PC @ P, P @ d, P[None]
        both = self.seen[:, :, None] & self.seen[:, None, :]
        logdet, P = _inverses(np.where(both, Sigma, np.eye(len(Sigma))))
        P = np.where(both, P, 0.0)
        d = np.where(self.seen, self.means - mu, 0.0)
        PC = P @ (self.covs + d[:, :, None] * d[:, None, :])
        value = float(self.share @ (logdet + np.trace(PC, axis1=1, axis2=2)))
        W = np.tensordot(self.share, P - PC @ P, 1)
        return value, W, (self.share[:, None] * (P @ d[:, :, None])[:, :, 0]).sum(axis=0), P

    def z(self, P: Array, mu: Array) -> Array:
        """P_i (y_i - mu) of each row, zero in its gaps."""
        gap = np.nan_to_num(self.y - mu)
        return gap @ P[0] if self.complete else np.einsum("nij,nj->ni", P[self.pattern], gap)


def inverse(M: Array) -> tuple[float, Array]:
    """log determinant and inverse of a real symmetric matrix; infinite and zeros where it is not positive definite."""
    L, failed = dpotrf(M, lower=1)
    if failed:
        return np.inf, np.zeros_like(M)
    lower = dpotri(L, lower=1)[0]  # zeros above the diagonal
    found = lower + lower.T
    found.flat[:: len(M) + 1] /= 2
    return float(2 * np.log(np.diagonal(L)).sum()), found


def _inverses(stack: Array) -> tuple[Array, Array]:
    """Log determinants and inverses; through correlations, as items of very different units would cost digits.

    Where one of the stack is not positive definite, all determinants are infinite.
    """
    size = np.diagonal(stack, axis1=-2, axis2=-1)
    if not (size > 0).all():
        return np.full(len(stack), np.inf), np.zeros_like(stack)
    both = 1 / np.sqrt(size[:, :, None] * size[:, None, :])
    whole = stack * both
    try:
        L = np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        return np.full(len(stack), np.inf), np.zeros_like(stack)
    logdet = 2 * np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1) + np.log(size).sum(axis=1)
    return logdet, np.linalg.inv(whole) * both


def sample(y: Array) -> Sample:
    """The moments of answers (n, p), NaN where missing; rows without any answer are left out."""
    seen = ~np.isnan(y)
    if seen.all():
        mean = y.mean(axis=0)
        gap = y - mean
        return Sample(y, np.ones((1, y.shape[1]), dtype=bool), np.ones(1), mean[None], (gap.T @ gap / len(y))[None])
    y, seen = y[seen.any(axis=1)], seen[seen.any(axis=1)]
    patterns, which, counts = np.unique(seen, axis=0, return_inverse=True, return_counts=True)
    filled, which = np.where(seen, y, 0.0), which.ravel()
    means = np.stack([filled[which == k].mean(axis=0) for k in range(len(patterns))])
    gap = np.where(seen, y - means[which], 0.0)
    covs = np.stack([gap[which == k].T @ gap[which == k] / counts[k] for k in range(len(patterns))])
    return Sample(y, patterns, counts / len(y), means, covs)


def check_definite(group: Sample, items: tuple[str, ...], where: str = "") -> None:
    """Raise where items are linearly dependent (FitError, naming them) or answers fewer than items (DataError)."""
    if group.n <= len(items):
        few = f"{group.n} answers{where} for {len(items)} items"
        raise DataError(Fault("", few, "Collect more answers than items, or leave items out."), "the answers")
    sd = np.sqrt(np.diag(group.cov))
    if (sd > 0).all():
        correlation = group.cov / np.outer(sd, sd)
        try:
            if np.diag(np.linalg.cholesky(correlation)).min() > 1e-3:
                return
        except np.linalg.LinAlgError:
            pass  # the eigenvectors say which items
        values, vectors = np.linalg.eigh(correlation)
        if values[0] > 1e-10:
            return
        weights = np.abs(vectors[:, 0])
        named = [items[i] for i in np.flatnonzero(weights > 0.1 * weights.max())]
    else:
        named = [items[i] for i in np.flatnonzero(sd == 0)]
    raise FitError(
        f"The covariances of the items{where} are not positive definite: {', '.join(named)} depend on one another "
        "exactly (a sum of the others, or one item twice). Leave one of them out."
    )
