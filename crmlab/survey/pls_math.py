"""PLS path modelling on correlation matrices, many samples at once: weights, paths, effects."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from crmlab.survey.resample import moments

Scheme = Literal["path", "factorial"]
TOLERANCE = 1e-7  # of the sum of absolute changes of the weights
MAX_ROUNDS = 300
SINGULAR = 1e10  # numbers in the inverse of a correlation matrix


@dataclass(frozen=True)
class Design:
    """Constructs over columns: each one's columns, and whether it is formative (mode B)."""

    blocks: tuple[np.ndarray, ...]
    formative: tuple[bool, ...]

    def mask(self, width: int) -> np.ndarray:
        """1 where a column belongs to a construct (constructs x columns)."""
        return np.array([np.isin(np.arange(width), block) for block in self.blocks], dtype=float)


@dataclass(frozen=True)
class Structure:
    """The whole model. `design` is over the items and, after them, the scores of the parts of second-order constructs.

    `paths[i, j]` is True where i acts on j, over the constructs and, after them, the `products` (pairs of constructs).
    `first` is the stage that weighs the parts, its last constructs; each of its constructs has the paths of the one
    in `home`. `chains` are the indirect effects, each a tuple of nodes.
    """

    design: Design
    paths: np.ndarray
    scheme: Scheme
    consistent: bool
    first: Design | None
    home: tuple[int, ...]
    parts: int
    products: tuple[tuple[int, int], ...]
    chains: tuple[tuple[int, ...], ...]

    @property
    def reach(self) -> np.ndarray:
        """True where a way of one or more steps leads from i to j."""
        return np.asarray(total_effects(self.paths.astype(float)) > 0.5)


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


def inverse(corr: np.ndarray) -> np.ndarray:
    """Inverses of a stack of correlation matrices; NaN where rounding leaves no digits."""
    x = solve(corr, np.broadcast_to(np.eye(corr.shape[1]), corr.shape))
    return np.where(np.abs(x).max(axis=(1, 2), keepdims=True) < SINGULAR, x, np.nan)


def weigh(
    corr: np.ndarray, design: Design, paths: np.ndarray, scheme: Scheme, last: int, like: np.ndarray | float
) -> tuple[np.ndarray, ...]:
    """Weights (samples x constructs x columns; scores have variance 1), loadings and rho_A of the last constructs.

    And the rounds, and whether they settled. Wold's algorithm as in Lohmoeller (1989), from equal weights: inner
    proxies by the path or the factorial scheme, outer weights by covariances (mode A) or regression (mode B). Signs
    are such that loadings point as those of `like` (1: their sum is positive). rho_A as in Dijkstra & Henseler (2015),
    equation 3; 1 for mode B and single items.
    """
    own = design.mask(corr.shape[1])
    linked = (paths | paths.T).astype(float)
    np.fill_diagonal(linked, ~linked.any(axis=0))  # a construct that stands alone is its items' first component
    causes = [np.flatnonzero(column) for column in paths.T]
    formative = [(j, b) for j, b in enumerate(design.blocks) if design.formative[j] and len(b) > 1]
    inverses = [inverse(corr[:, block[:, None], block]) for _, block in formative]

    def scaled(r: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s = w @ r
        with np.errstate(invalid="ignore", divide="ignore"):
            length = np.sqrt((s * w).sum(axis=2, keepdims=True))
            return w / length, s / length

    size = len(corr)
    w, s = scaled(corr, np.broadcast_to(own, (size, *own.shape)))
    weights, rounds, converged = w, np.zeros(size, dtype=int), np.zeros(size, dtype=bool)
    active, r = np.arange(size), corr
    for step in range(1, MAX_ROUNDS + 1):
        between = s @ w.swapaxes(1, 2)
        inner = between * linked
        if scheme == "path":
            for j, cause in enumerate(causes):
                if len(cause) > 1:
                    inner[:, cause, j] = solve(between[:, cause[:, None], cause], between[:, cause, j, None])[..., 0]
        new = (inner.swapaxes(1, 2) @ s) * own
        for (j, block), inv in zip(formative, inverses, strict=True):
            new[:, j, block] = np.einsum("dab,db->da", inv[active], new[:, j, block])
        new, s = scaled(r, new)
        with np.errstate(invalid="ignore"):
            change = np.abs(new - w).sum(axis=(1, 2))
        weights[active], rounds[active], converged[active] = new, step, change < TOLERANCE
        keep = change >= TOLERANCE  # NaN is lost for good
        if not keep.any():
            break
        active, r, w, s = (active, r, new, s) if keep.all() else (active[keep], r[keep], new[keep], s[keep])
    weights = weights[:, -last:]
    loadings = (weights @ corr) * own[-last:]
    sign = np.where((loadings * like).sum(axis=2, keepdims=True) < 0, -1.0, 1.0)
    rho = np.ones(weights.shape[:2])
    for j, (block, mode_b) in enumerate(zip(design.blocks[-last:], design.formative[-last:], strict=True)):
        if len(block) > 1 and not mode_b:
            w, off = weights[:, j, block], 1 - np.eye(len(block))
            observed = np.einsum("di,dij,dj->d", w, corr[:, block[:, None], block] * off, w)
            rho[:, j] = (w**2).sum(1) ** 2 * observed / np.einsum("di,ij,dj->d", w**2, off, w**2)
    return weights * sign, loadings * sign, rho, rounds, converged


def estimate(z: np.ndarray, counts: np.ndarray, model: Structure, like: np.ndarray | float = 1.0) -> Solution:
    """The model's estimates with z's rows (n x items) counted as each row of `counts` (samples x n).

    `like` are loadings that the constructs' signs follow. Two stages where there are parts (disjoint: Sarstedt et
    al. 2019) or products of scores (Henseler & Chin 2010).
    """
    mean, sd, corr = moments(z, counts)
    p, q, k = z.shape[1], model.parts, len(model.design.blocks)
    inner = model.paths[:k, :k]  # the scores behind products come from the model of main effects
    whole, below = (like, like) if isinstance(like, float) else (like[:k], like[k:, :p])
    lift, rounds, settled = np.broadcast_to(np.eye(p), corr.shape), np.zeros(1, dtype=int), np.ones(1, dtype=bool)
    if model.first is not None:
        linked = inner[np.ix_(model.home, model.home)]
        *part, rho_part, rounds, settled = weigh(corr, model.first, linked, model.scheme, q, below)
        lift = np.concatenate([lift, part[0]], axis=1)
        corr = lift @ corr @ lift.swapaxes(1, 2)
    w, loadings, rho, more, ok = weigh(corr, model.design, inner, model.scheme, k, whole)
    composites, cov = w @ lift, w @ corr @ w.swapaxes(1, 2)
    if model.consistent:
        with np.errstate(invalid="ignore"):
            root = np.sqrt(rho)
        cov = cov / (root[:, :, None] * root[:, None, :])
        cov[:, np.arange(k), np.arange(k)] = 1
        for j, block in enumerate(model.design.blocks):
            if len(block) > 1 and not model.design.formative[j]:
                loadings[:, j] = w[:, j] * (root[:, j] / (w[:, j] ** 2).sum(1))[:, None]
    if model.first is not None:
        lower = [np.pad(one, ((0, 0), (0, 0), (0, q))) for one in part]
        w, loadings = (np.concatenate(pair, axis=1) for pair in zip((w, loadings), lower, strict=True))
        rho, composites = np.concatenate([rho, rho_part], axis=1), np.concatenate([composites, part[0]], axis=1)
    if model.products:
        nodes = (z - mean[:, None]) @ (composites[:, :k] / sd[:, None]).swapaxes(1, 2)
        nodes = np.concatenate([nodes, *(nodes[..., [a]] * nodes[..., [b]] for a, b in model.products)], axis=2)
        n = counts.sum(axis=1)[:, None, None]
        nodes -= np.einsum("dn,dni->di", counts, nodes)[:, None] / n
        cov = (nodes * counts[..., None]).swapaxes(1, 2) @ nodes / (n - 1)
    coef, r2 = np.zeros(cov.shape), np.zeros(cov.shape[:2])
    for j, cause in enumerate(map(np.flatnonzero, model.paths.T)):
        if len(cause):
            coef[:, cause, j] = np.einsum("dab,db->da", inverse(cov[:, cause[:, None], cause]), cov[:, cause, j])
            r2[:, j] = (coef[:, cause, j] * cov[:, cause, j]).sum(1) / cov[:, j, j]
    converged = settled & ok & np.isfinite(coef).all(axis=(1, 2)) & np.isfinite(w).all(axis=(1, 2))
    return Solution(corr, w, loadings, composites, rho, cov, coef, r2, mean, sd, rounds + more, converged)


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

    def walk(chain: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        yield chain
        for j in np.flatnonzero(paths[chain[-1]]):
            yield from walk((*chain, int(j)))

    return tuple(chain for start in range(len(paths)) for chain in walk((start,)) if len(chain) > 2)


def srmr(corr: np.ndarray, loadings: np.ndarray, phi: np.ndarray, design: Design, common: Sequence[bool]) -> float:
    """Standardised root mean square residual over the lower triangle with diagonal (Henseler et al. 2014).

    Between blocks l_i phi l_j'. Within a block the correlations are free (a composite), or l l' where `common`.
    """
    used = np.concatenate(design.blocks)
    implied = loadings.T @ phi @ loadings
    for block in itertools.compress(design.blocks, np.logical_not(common)):
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
