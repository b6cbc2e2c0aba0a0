"""PLS path modelling on correlation matrices, many samples at once: weights, paths, effects, reliability."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Scheme = Literal["path", "factorial"]
TOLERANCE = 1e-7  # of the sum of absolute changes of the weights
MAX_ROUNDS = 300


@dataclass(frozen=True)
class Design:
    """A PLS model over columns: each construct's columns, its mode (True for B), and paths[i, j] where i acts on j."""

    blocks: tuple[np.ndarray, ...]
    formative: tuple[bool, ...]
    paths: np.ndarray

    def mask(self, width: int) -> np.ndarray:
        """1 where a column belongs to a construct (constructs x columns)."""
        own = np.zeros((len(self.blocks), width))
        for j, block in enumerate(self.blocks):
            own[j, block] = 1
        return own


@dataclass(frozen=True)
class Structure:
    """The whole model. `design` is over the items and, after them, the scores of the parts of second-order constructs.

    `first` is the stage that weighs the parts (its last constructs); `products` are pairs of constructs, and `paths`
    is over the constructs and the products after them. `chains` are the indirect effects, each a tuple of nodes.
    """

    design: Design
    paths: np.ndarray
    scheme: Scheme
    consistent: bool
    first: Design | None = None
    parts: int = 0
    products: tuple[tuple[int, int], ...] = ()
    chains: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Solution:
    """Estimates; the first axis of each array runs over samples.

    `corr` columns x columns; `weights` and `loadings` (constructs and parts) x columns, `composites` the same scores
    as weights of the standardised items; `rho_a`; `cov` and `coef` over constructs and products, coef[i, j] from i
    to j; `r2`. `mean` and `sd` are the items'.
    """

    corr: np.ndarray
    weights: np.ndarray
    loadings: np.ndarray
    composites: np.ndarray
    rho_a: np.ndarray
    cov: np.ndarray
    coef: np.ndarray
    r2: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    rounds: np.ndarray
    converged: np.ndarray


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x of a x = b for a stack of matrices; NaN where a is singular."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        x = np.full(b.shape, np.nan)
        for i in range(len(a)):
            with contextlib.suppress(np.linalg.LinAlgError):
                x[i] = np.linalg.solve(a[i], b[i])
        return x


def moments(z: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations (n - 1) and correlations of z's columns, with rows counted as each row of `counts`."""
    n = counts.sum(axis=1)[:, None]
    i, j = np.triu_indices(z.shape[1])
    mean = counts @ z / n
    cross = (counts @ (z[:, i] * z[:, j]) - n * mean[:, i] * mean[:, j]) / (n - 1)
    cov = np.empty((len(counts), z.shape[1], z.shape[1]))
    cov[:, i, j] = cov[:, j, i] = cross
    variance = np.einsum("dii->di", cov)
    sd = np.sqrt(np.where(variance > 1e-12, variance, np.nan))  # z has variance 1: less is a constant item
    return mean, sd, cov / (sd[:, :, None] * sd[:, None, :])


def outer_weights(corr: np.ndarray, design: Design, scheme: Scheme) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (samples x constructs x columns) that give scores of variance 1, rounds, and whether they settled.

    Wold's algorithm as in Lohmoeller (1989), from equal weights: inner proxies by the path or the factorial scheme,
    outer weights by covariances (mode A) or regression (mode B).
    """
    size, width = corr.shape[:2]
    own = design.mask(width)
    linked = (design.paths | design.paths.T).astype(float)
    np.fill_diagonal(linked, ~linked.any(axis=0))  # a construct that stands alone is its items' first component
    causes = [np.flatnonzero(column) for column in design.paths.T]
    inverse = {
        j: solve(corr[:, block[:, None], block], np.broadcast_to(np.eye(len(block)), (size, len(block), len(block))))
        for j, block in enumerate(design.blocks)
        if design.formative[j] and len(block) > 1
    }

    def scaled(r: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s = w @ r
        with np.errstate(invalid="ignore", divide="ignore"):
            length = np.sqrt((s * w).sum(axis=2, keepdims=True))
            return w / length, s / length

    weights, cross = scaled(corr, np.broadcast_to(own, (size, *own.shape)))
    rounds, converged, active = np.zeros(size, dtype=int), np.zeros(size, dtype=bool), np.arange(size)
    r, w, s = corr, weights, cross
    for step in range(1, MAX_ROUNDS + 1):
        between = s @ np.swapaxes(w, 1, 2)
        inner = between * linked
        if scheme == "path":
            for j, cause in enumerate(causes):
                if len(cause) > 1:
                    inner[:, cause, j] = solve(between[:, cause[:, None], cause], between[:, cause, j, None])[..., 0]
        new = (np.swapaxes(inner, 1, 2) @ s) * own
        for j, inv in inverse.items():
            block = design.blocks[j]
            new[:, j, block] = np.einsum("dab,db->da", inv[active], new[:, j, block])
        new, s = scaled(r, new)
        with np.errstate(invalid="ignore"):
            change = np.abs(new - w).sum(axis=(1, 2))
        weights[active], rounds[active], converged[active] = new, step, change < TOLERANCE
        keep = change >= TOLERANCE  # NaN is lost for good
        if not keep.any():
            break
        w = new
        if not keep.all():
            active, r, w, s = active[keep], r[keep], w[keep], s[keep]
    return weights, rounds, converged


def _oriented(weights: np.ndarray, corr: np.ndarray, own: np.ndarray, like: np.ndarray | float) -> np.ndarray:
    """Weights whose loadings point as those of `like` (1: their sum is positive)."""
    return weights * np.where(((weights @ corr) * own * like).sum(axis=2, keepdims=True) < 0, -1.0, 1.0)


def reliability_a(
    weights: np.ndarray, corr: np.ndarray, blocks: Sequence[np.ndarray], formative: Sequence[bool]
) -> np.ndarray:
    """rho_A (Dijkstra & Henseler 2015, equation 3) of scores with variance 1; 1 for mode B and single items."""
    rho = np.ones(weights.shape[:2])
    for j, block in enumerate(blocks):
        if len(block) > 1 and not formative[j]:
            w = weights[:, j, block]
            off = 1 - np.eye(len(block))
            observed = np.einsum("di,dij,dj->d", w, corr[:, block[:, None], block] * off, w)
            rho[:, j] = (w**2).sum(1) ** 2 * observed / np.einsum("di,ij,dj->d", w**2, off, w**2)
    return rho


def estimate(z: np.ndarray, counts: np.ndarray, model: Structure, like: np.ndarray | float = 1.0) -> Solution:
    """The model's estimates with z's rows (n x items) counted as each row of `counts` (samples x n).

    `like` are loadings that the constructs' signs follow. Two stages where there are parts (disjoint: Sarstedt et
    al. 2019) or products of scores (Henseler & Chin 2010).
    """
    mean, sd, corr = moments(z, counts)
    q, p = model.parts, z.shape[1]
    lift = np.broadcast_to(np.eye(p), corr.shape)
    settled, rounds = np.ones(len(corr), dtype=bool), np.zeros(len(corr), dtype=int)
    design = model.design
    if model.first is not None:
        part, rounds, settled = outer_weights(corr, model.first, model.scheme)
        own_parts = model.first.mask(p)[-q:]
        part = _oriented(part[:, -q:], corr, own_parts, like if isinstance(like, float) else like[-q:, :p])
        lift = np.concatenate([lift, part], axis=1)
        corr = lift @ corr @ np.swapaxes(lift, 1, 2)
    w, more, ok = outer_weights(corr, design, model.scheme)
    k = len(design.blocks)
    w = _oriented(w, corr, design.mask(p + q), like if isinstance(like, float) else like[:k])
    composites, own = w @ lift, design.mask(p + q)
    rho = reliability_a(w, corr, design.blocks, design.formative)
    loadings, cov = (w @ corr) * own, w @ corr @ np.swapaxes(w, 1, 2)
    if model.consistent:
        with np.errstate(invalid="ignore"):
            root = np.sqrt(rho)
        cov = cov / (root[:, :, None] * root[:, None, :])
        cov[:, np.arange(k), np.arange(k)] = 1
        for j, block in enumerate(design.blocks):
            if len(block) > 1 and not design.formative[j]:
                loadings[:, j] = w[:, j] * (root[:, j] / (w[:, j] ** 2).sum(1))[:, None]
    if model.first is not None:
        w = np.concatenate([w, np.pad(part, ((0, 0), (0, 0), (0, q)))], axis=1)
        loadings = np.concatenate([loadings, (w[:, k:] @ corr) * np.pad(own_parts, ((0, 0), (0, q)))], axis=1)
        more_rho = reliability_a(part, corr, model.first.blocks[-q:], model.first.formative[-q:])
        rho = np.concatenate([rho, more_rho], axis=1)
        composites = np.concatenate([composites, part], axis=1)
    if model.products:
        cov = _with_products(z, counts, composites[:, :k] / sd[:, None], mean, cov, model.products)
    coef, r2 = regressions(cov, model.paths)
    converged = settled & ok & np.isfinite(coef).all(axis=(1, 2)) & np.isfinite(w).all(axis=(1, 2))
    return Solution(corr, w, loadings, composites, rho, cov, coef, r2, mean, sd, rounds + more, converged)


def _with_products(
    z: np.ndarray, counts: np.ndarray, raw: np.ndarray, mean: np.ndarray, cov: np.ndarray,
    products: tuple[tuple[int, int], ...],
) -> np.ndarray:  # fmt: skip
    """The scores' covariances with products of standardised scores after them; `raw` are weights of z's columns."""
    scores = (z[None] - mean[:, None]) @ np.swapaxes(raw, 1, 2)
    terms = np.stack([scores[..., a] * scores[..., b] for a, b in products], axis=2)
    n = counts.sum(axis=1)[:, None, None]
    terms = terms - np.einsum("dn,dni->di", counts, terms)[:, None] / n
    weighted = np.swapaxes(terms * counts[..., None], 1, 2) / (n - 1)
    side = weighted @ scores
    return np.concatenate(
        [np.concatenate([cov, np.swapaxes(side, 1, 2)], axis=2), np.concatenate([side, weighted @ terms], axis=2)],
        axis=1,
    )


def regressions(cov: np.ndarray, paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares coefficients of each node on its causes, and its R2 (0 where it has no cause)."""
    coef, r2 = np.zeros(cov.shape), np.zeros(cov.shape[:2])
    for j, column in enumerate(paths.T):
        cause = np.flatnonzero(column)
        if len(cause):
            coef[:, cause, j] = solve(cov[:, cause[:, None], cause], cov[:, cause, j, None])[..., 0]
            r2[:, j] = (coef[:, cause, j] * cov[:, cause, j]).sum(1) / cov[:, j, j]
    return coef, r2


def total_effects(coef: np.ndarray) -> np.ndarray:
    """(I - B)^-1 - I: the sum over all ways from one node to another."""
    unit = np.eye(coef.shape[-1])
    return np.linalg.inv(unit - coef) - unit


def chain_effects(coef: np.ndarray, chains: Sequence[tuple[int, ...]]) -> np.ndarray:
    """The product of coefficients along each chain of nodes (samples x chains)."""
    effects = np.ones((len(coef), len(chains)))
    for c, chain in enumerate(chains):
        for i, j in itertools.pairwise(chain):
            effects[:, c] *= coef[:, i, j]
    return effects


def find_chains(paths: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Every way of two or more steps through an acyclic model, each a tuple of nodes."""
    found: list[tuple[int, ...]] = []

    def walk(chain: tuple[int, ...]) -> None:
        if len(chain) > 2:
            found.append(chain)
        for j in np.flatnonzero(paths[chain[-1]]):
            walk((*chain, int(j)))

    for start in range(len(paths)):
        walk((start,))
    return tuple(found)


def alpha(corr: np.ndarray) -> float:
    """Cronbach's alpha of standardised items; 1 for one item."""
    k = len(corr)
    return 1.0 if k == 1 else float(k / (k - 1) * (1 - k / corr.sum()))


def srmr(corr: np.ndarray, loadings: np.ndarray, phi: np.ndarray, design: Design, common: Sequence[bool]) -> float:
    """Standardised root mean square residual over the lower triangle with diagonal (Henseler et al. 2014).

    Between blocks l_i phi l_j'. Within a block the correlations are free (a composite), or l l' where `common`.
    """
    used = np.concatenate(design.blocks)
    implied = loadings.T @ phi @ loadings
    for j, block in enumerate(design.blocks):
        if not common[j]:
            implied[np.ix_(block, block)] = corr[np.ix_(block, block)]
    gap = (corr - implied)[np.ix_(used, used)]
    return float(np.sqrt((np.tril(gap, -1) ** 2).sum() / (len(used) * (len(used) + 1) / 2)))


def implied_cov(cov: np.ndarray, coef: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """The nodes' covariances that a recursive model implies, with those of its causes as they are."""
    phi, endogenous = cov.copy(), np.any(coef, axis=0)
    done = [i for i in order if not endogenous[i]]
    for j in (i for i in order if endogenous[i]):
        phi[j, done] = phi[done, j] = coef[:, j] @ phi[:, done]
        done.append(j)
    return phi
