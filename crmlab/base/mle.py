"""Maximum likelihood for positive parameters: Newton steps on their logarithms, and what the data leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

Array = np.ndarray
# theta -> (log-likelihood, gradient, Hessian), all in the natural parameters
Objective = Callable[[Array], tuple[float, Array, Array]]

# A direction in which log(theta) has a standard error above this is called flat: the 95% interval
# then spans a factor of exp(2 x 1.96 x 2) = 2,500 from end to end.
FLAT_SE = 2.0
_FAR = 25.0  # |log theta| beyond this is taken as having run away


@dataclass(frozen=True)
class Optimum:
    """Where the likelihood is highest, and how sharply. `cov` is NaN for parameters that are not identified."""

    theta: Array
    loglik: float
    cov: Array
    converged: bool
    flat: tuple[str, ...]
    iterations: int
    message: str


def maximize(objective: Objective, starts: Sequence[Array], names: Sequence[str], n: float) -> Optimum:
    """Which positive parameters make the data most likely?

    `objective` returns the log-likelihood with its analytic gradient and Hessian; `starts` are tried in
    turn until one ends in a regular maximum, otherwise the best of all is kept. `n` is the number of
    observations (the gradient's tolerance is 1e-9 of it). `flat` names the parameters along which the
    likelihood hardly changes; an optimum there still has its value, but no honest standard error.
    """
    best: Optimum | None = None
    for start in starts:
        found = _newton(objective, np.log(start), names, n)
        if best is None or (found.converged, found.loglik) > (best.converged, best.loglik):
            best = found
        if best.converged and not best.flat:
            break
    assert best is not None, "starts is empty"
    return best


def _newton(objective: Objective, start: Array, names: Sequence[str], n: float) -> Optimum:
    seen: dict[bytes, tuple[float, Array, Array]] = {}

    def in_logs(eta: Array) -> tuple[float, Array, Array]:
        key = eta.tobytes()
        if key not in seen:
            seen.clear()  # scipy asks for value, gradient and Hessian at the same point
            theta = np.exp(np.clip(eta, -_FAR, _FAR))
            value, gradient, hessian = objective(theta)
            slope = theta * gradient
            curve = theta[:, None] * hessian * theta[None, :] + np.diag(slope)
            seen[key] = (-value / n, -slope / n, -curve / n)
        return seen[key]

    result = minimize(
        lambda eta: in_logs(eta)[0],
        start,
        jac=lambda eta: in_logs(eta)[1],
        hess=lambda eta: in_logs(eta)[2],
        method="trust-exact",
        options={"gtol": 1e-9, "maxiter": 500, "initial_trust_radius": 0.5, "max_trust_radius": 4.0},
    )
    value, slope, curve = in_logs(np.asarray(result.x))
    eta = np.clip(result.x, -_FAR, _FAR)
    # trust-exact stops with status 2 or 3 where rounding hides any further gain: judge by the slope itself
    converged = bool(np.isfinite(value) and np.max(np.abs(slope)) < 1e-6)
    cov_eta, flat = _covariance(curve * n, eta, names)
    theta = np.exp(eta)
    cov = cov_eta * np.outer(theta, theta)  # symmetric to the last bit
    return Optimum(theta, -value * n, cov, converged, flat, int(result.nit), str(result.message))


def _covariance(information: Array, eta: Array, names: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Inverse information; NaN for the parameters that a flat direction mixes."""
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    flat = values < 1 / FLAT_SE**2
    named = np.abs(eta) >= _FAR
    for direction in vectors.T[flat]:
        named |= np.abs(direction) > 0.3
    positive = values > 1e-10 * max(values.max(), 1e-300)
    inverse = np.where(positive, 1 / np.where(positive, values, 1.0), 0.0)
    cov = (vectors * inverse) @ vectors.T
    lost = np.zeros(len(eta), dtype=bool)
    for direction in vectors.T[~positive]:
        lost |= np.abs(direction) > 0.05
    cov[lost, :] = np.nan
    cov[:, lost] = np.nan
    return (cov + cov.T) / 2, tuple(name for name, is_flat in zip(names, named, strict=True) if is_flat)
