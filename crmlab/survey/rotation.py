"""Loadings turned to simple structure: varimax, promax and oblimin."""

from __future__ import annotations

from typing import Literal

import numpy as np

Rotation = Literal["varimax", "promax", "oblimin", "none"]
_ROUNDS = 5000


def rotate(loadings: np.ndarray, method: Rotation) -> tuple[np.ndarray, np.ndarray]:
    """Rotated loadings and the factors' correlations; columns by variance, signs so that columns sum above 0."""
    m = loadings.shape[1]
    turned, phi = loadings, np.eye(m)
    if m > 1 and method != "none":
        if method == "varimax":
            turned = varimax(loadings)
        else:
            turned, phi = promax(loadings) if method == "promax" else oblimin(loadings)
    order = np.argsort(-np.diag(phi @ turned.T @ turned), kind="stable")
    turned, phi = turned[:, order], phi[np.ix_(order, order)]
    sign = np.where(turned.sum(axis=0) < 0, -1.0, 1.0)
    return turned * sign, phi * np.outer(sign, sign)


def _rows(loadings: np.ndarray) -> np.ndarray:
    """The rows' lengths (roots of the communalities), 1 for a row of zeros."""
    size = np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    return np.where(size > 0, size, 1.0)


def varimax(loadings: np.ndarray) -> np.ndarray:
    """Orthogonal rotation to the largest variance of squared loadings, Kaiser-normalised (Kaiser 1958, 1959)."""
    size = _rows(loadings)
    a = loadings / size
    turn = np.eye(a.shape[1])
    for _ in range(_ROUNDS):
        b = a @ turn
        u, _, v = np.linalg.svd(a.T @ (b**3 - b * (b**2).mean(axis=0)))
        new = u @ v
        done = np.abs(new - turn).max() < 1e-10
        turn = new
        if done:
            break
    return (a @ turn) * size


def promax(loadings: np.ndarray, power: float = 4) -> tuple[np.ndarray, np.ndarray]:
    """Oblique rotation of Kaiser-normalised varimax towards its own `power` (Hendrickson & White 1964).

    The rows stay normalised until the end, as in SPSS and psych.
    """
    size = _rows(loadings)
    v = varimax(loadings / size)
    u = np.linalg.lstsq(v, v * np.abs(v) ** (power - 1), rcond=None)[0]
    inverse = np.linalg.inv(u)
    length = np.sqrt(np.diag(inverse @ inverse.T))
    inverse /= length[:, None]
    return v @ (u * length) * size, inverse @ inverse.T


def oblimin(loadings: np.ndarray, starts: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Direct quartimin (oblimin with gamma 0) without normalisation, by gradient projection (Jennrich 2002).

    The best of a start as it is, one from varimax and `starts` at random (a fixed seed).
    """
    m = loadings.shape[1]
    rng = np.random.default_rng(0)
    first = np.linalg.lstsq(loadings, varimax(loadings), rcond=None)[0]
    turns = [np.eye(m), first, *(np.linalg.qr(rng.normal(size=(m, m)))[0] for _ in range(starts))]
    best = min((_quartimin(loadings, turn) for turn in turns), key=lambda found: found[0])
    return best[1], best[2]


def _quartimin(a: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The criterion sum over factors j < k of sum_i (l_ij l_ik)^2 at its minimum, with loadings and correlations."""
    m = a.shape[1]
    others = 1 - np.eye(m)

    def at(t: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        inverse = np.linalg.inv(t)
        load = a @ inverse.T
        cross = load**2 @ others
        return float((load**2 * cross).sum() / 2), load, -(load.T @ (2 * load * cross) @ inverse).T

    step, (value, load, slope) = 1.0, at(t)
    for _ in range(_ROUNDS):
        along = slope - t * (t * slope).sum(axis=0)  # projected on columns of length 1
        size = (along**2).sum()
        if size < 1e-16:
            break
        step *= 2
        while True:
            new = t - step * along
            new /= np.sqrt((new**2).sum(axis=0))
            trial = at(new)
            if trial[0] < value - step * size / 2 or step < 1e-12:
                break
            step /= 2
        if trial[0] >= value:
            break
        t, (value, load, slope) = new, trial
    return value, load, t.T @ t
