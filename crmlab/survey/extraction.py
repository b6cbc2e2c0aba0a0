"""Factors out of a correlation matrix: maximum likelihood, minimum residuals and principal axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.optimize import minimize

Extraction = Literal["ml", "minres", "paf"]
LEAST = 0.005  # the least uniqueness; at this bound the solution is a Heywood case
_ROUNDS = 5000


def extract(corr: np.ndarray, m: int, method: Extraction = "ml") -> tuple[np.ndarray, bool]:
    """Unrotated loadings (p x m) of m factors of the correlation matrix `corr`, and whether the search converged.

    "ml": Joreskog (1967), Psychometrika 32(4): the likelihood is profiled over the uniquenesses. "minres": Harman &
    Jones (1966), Psychometrika 31(3), by the same profile of unweighted least squares. "paf": principal axes,
    communalities iterated from squared multiple correlations; it goes to the minres solution, slowly. Uniquenesses
    are held above `LEAST` in all three.
    """
    # 1 - squared multiple correlation; the ridge is for random tables, where two items may coincide
    start = 1 / np.diag(np.linalg.inv(corr + 1e-6 * np.eye(len(corr))))
    if method == "paf":
        psi, converged = _principal_axes(corr, m, start)
    else:
        psi, converged = _profile(_ml if method == "ml" else _least_squares, corr, m, start)
    if method == "ml":
        root = np.sqrt(psi)
        return root[:, None] * _axes(corr / np.outer(root, root), m, 1.0), converged
    return _axes(corr - np.diag(psi), m), converged


def discrepancy(corr: np.ndarray, implied: np.ndarray) -> float:
    """The maximum likelihood discrepancy log|implied| + tr(corr implied^-1) - log|corr| - p; infinite if improper."""
    sign, logdet = np.linalg.slogdet(implied)
    if sign <= 0:
        return np.inf
    return float(logdet + np.trace(np.linalg.solve(implied, corr)) - np.linalg.slogdet(corr)[1] - len(corr))


def _axes(matrix: np.ndarray, m: int, less: float = 0.0) -> np.ndarray:
    """The m leading eigenvectors, each as long as the root of its eigenvalue minus `less`."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, ::-1][:, :m] * np.sqrt(np.maximum(values[::-1][:m] - less, 0))


def _ml(psi: np.ndarray, corr: np.ndarray, m: int) -> tuple[float, np.ndarray]:
    root = np.sqrt(psi)
    values, vectors = np.linalg.eigh(corr / np.outer(root, root))
    rest = values[:-m]
    # the derivative in psi of what the m largest eigenvalues leave over
    slope = (vectors[:, :-m] ** 2 @ (1 - rest)) / psi
    return float((rest - np.log(rest) - 1).sum()), slope


def _least_squares(psi: np.ndarray, corr: np.ndarray, m: int) -> tuple[float, np.ndarray]:
    values, vectors = np.linalg.eigh(corr - np.diag(psi))
    # a negative leading eigenvalue cannot be a factor: it stays in the residual
    rest = np.concatenate([values[:-m], np.minimum(values[-m:], 0)])
    return float(rest @ rest / 2), -(vectors**2 @ rest)


def _profile(
    objective: Callable[[np.ndarray, np.ndarray, int], tuple[float, np.ndarray]],
    corr: np.ndarray, m: int, start: np.ndarray,
) -> tuple[np.ndarray, bool]:  # fmt: skip
    def in_logs(x: np.ndarray) -> tuple[float, np.ndarray]:
        psi = np.exp(x)
        value, slope = objective(psi, corr, m)
        return value, psi * slope

    low, x = np.log(LEAST), np.log(np.clip((1 - 0.5 * m / len(corr)) * start, LEAST, 1))
    for _ in range(3):  # restarted: L-BFGS stops where rounding hides its progress
        found = minimize(
            in_logs, x, jac=True, method="L-BFGS-B", bounds=[(low, 0.0)] * len(x),
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000, "maxcor": 30},
        )  # fmt: skip
        x = found.x
        slope = np.where((x <= low) & (found.jac > 0) | (x >= 0) & (found.jac < 0), 0, found.jac)
        if np.abs(slope).max() < 1e-7:
            break
    return np.exp(x), bool(np.abs(slope).max() < 1e-5)


def _principal_axes(corr: np.ndarray, m: int, start: np.ndarray) -> tuple[np.ndarray, bool]:
    psi = start
    for _ in range(_ROUNDS):
        new = np.clip(1 - (_axes(corr - np.diag(psi), m) ** 2).sum(axis=1), LEAST, 1)
        done = np.abs(new - psi).max() < 1e-8
        psi = new
        if done:
            return psi, True
    return psi, False
