"""Fitting a structural equation model: Fisher scoring, information, robust standard errors and scaled tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from crmlab.base.errors import FitError
from crmlab.survey.model import Array, Model, derivative
from crmlab.survey.moments import Sample, inverse

STEPS = 200
DECREMENT = 1e-12  # in deviance / n, hence 1e-5 standard errors at n = 200, before the last step
SINGULAR = 1e-9  # a parameter whose information, given the others, is this share of its own counts as unidentified
NEAR = 1e-2  # the gain in deviance / n below which BFGS takes over
IDENTIFY = (  # what to do about a model that is not identified
    "A construct needs three items, or two and a construct that it covaries with, and one loading or its variance "
    "fixed. Add items, fix a value or make loadings equal (a*x1 + a*x2)."
)


@dataclass(frozen=True)
class Solution:
    """What an estimator found: `cov` is that of theta; `deviance` is -2 log L / n without constants.

    `scaling` is the scaling factor of the chi-square (1 where it is not scaled); `slope` the gradient at the end.
    """

    theta: Array
    cov: Array
    deviance: float
    slope: Array
    converged: bool
    steps: int
    scaling: float = 1.0


def start(model: Model, samples: Sequence[Sample]) -> Array:
    """Starting values: centroid loadings of each factor's items, the rest by the simplest rule."""
    table, x = model.table, np.zeros(len(model.table.K))
    items: dict[str, list[str]] = {}
    for row in table.rows:
        if row.op == "=~" and row.group == 0:
            items.setdefault(row.lhs, []).append(row.rhs)
    composites = {row.lhs for row in table.rows if row.op == "<~"}
    given: list[int] = []
    for g, group in enumerate(samples):
        at = {name: i for i, name in enumerate(table.observed)}
        cov = {v: float(group.cov[at[v], at[v]]) for v in table.observed}
        mean = {v: float(group.mean[at[v]]) for v in table.observed}
        loading: dict[tuple[str, str], float] = {}
        unique = dict.fromkeys(table.observed, 0.5)
        fixed = {(r.lhs, r.rhs): r.value for r in table.rows if r.op == "=~" and r.group == g and r.slot < 0}
        for factor, block in items.items():
            inside = [v for v in block if v in at]
            if len(inside) < len(block) or not inside:  # of higher order
                loading |= {(factor, v): 1.0 for v in block}
                cov[factor] = min((cov.get(v, 1.0) for v in block), default=1.0) * 0.5
                continue
            index = [at[v] for v in inside]
            sd = np.sqrt(np.diag(group.cov)[index])
            size = sd * _centroid(group.cov[np.ix_(index, index)] / np.outer(sd, sd))
            marker = next((v for v in inside if fixed.get((factor, v), 0.0) != 0), None)
            k = 0 if marker is None else inside.index(marker)
            size = size if size[k] >= 0 else -size
            scale = 1.0 if marker is None else max(size[k], 0.2 * sd[k]) / fixed[factor, marker]
            cov[factor] = scale**2
            for v, one in zip(inside, size, strict=True):
                loading[factor, v] = one / scale
                unique[v] = min(unique[v], max(1 - one**2 / cov[v], 0.1))
        for row in table.rows:
            if row.group != g or row.slot < 0:
                continue
            if not np.isnan(row.value):
                x[row.slot], given = row.value, [*given, row.slot]
            elif row.slot in given:
                continue
            elif row.op == "=~":
                x[row.slot] = loading.get((row.lhs, row.rhs), 1.0)
            elif row.op == "~1":
                x[row.slot] = mean.get(row.lhs, 0.0)
            elif row.op == "~" and row.rhs in composites:  # at 0 the weights would not matter, whatever they are
                x[row.slot] = 0.1
            elif row.exogenous:
                x[row.slot] = group.cov[at[row.lhs], at[row.rhs]]
            elif row.op == "~~" and row.lhs == row.rhs:
                x[row.slot] = cov.get(row.lhs, 1.0) * unique.get(row.lhs, 1.0)
    # labels and == may contradict the rules above: the nearest values that obey
    return np.linalg.lstsq(table.K, x - table.k, rcond=None)[0] if len(table.names) < len(x) else x - table.k


def _centroid(cov: Array) -> Array:
    """Loadings of a single factor: each item's share in the sum of correlations (items turned the same way)."""
    off = cov - np.diag(np.diag(cov))
    if len(cov) < 2:
        return np.sqrt(np.diag(cov))
    sign = np.where(off[np.abs(off).sum(axis=0).argmax()] < 0, -1.0, 1.0)
    off = off * np.outer(sign, sign)
    total = off.sum()
    if total <= 0:
        return 0.5 * sign * np.sqrt(np.diag(cov))
    size = off.sum(axis=1) / np.sqrt(total)
    if len(cov) > 2:  # a share of the diagonal belongs to the sums: one step of the centroid method with communalities
        filled = off + np.diag(np.minimum(size**2, np.diag(cov)))
        size = filled.sum(axis=1) / np.sqrt(filled.sum())
    return sign * size


def objective(
    model: Model, samples: Sequence[Sample], theta: Array, curvature: bool = True
) -> tuple[float, Array, Array]:
    """-2 log L / n, its slope, and (with `curvature`) twice the expected information of one answer."""
    total = sum(s.n for s in samples)
    size = len(theta)
    value, slope, info = 0.0, np.zeros(size, dtype=theta.dtype), np.zeros((size, size))
    for g, group in enumerate(samples):
        Sigma, mu, d = model.slopes(theta, g)
        one, W, gap, P = group.score(Sigma, mu if model.table.meanstructure else group.mean)
        share = group.n / total
        value += share * one
        slope = slope + share * d.gradient(W, gap)
        if curvature:
            info = info + 2 * share * d.information(P, group.share)
    return value, slope, info


def deviance(model: Model, samples: Sequence[Sample], theta: Array) -> float:
    """-2 log L / n alone."""
    total, value = sum(s.n for s in samples), 0.0
    for g, group in enumerate(samples):
        Sigma, mu = model.implied(theta, g)
        value += group.n / total * group.deviance(Sigma, mu if model.table.meanstructure else None)
    return value


def fit_ml(model: Model, samples: Sequence[Sample], theta: Array) -> Solution:
    """Maximum likelihood: Fisher scoring, whose last inverse information BFGS then improves. `cov` is left empty.

    Scoring alone is linear near the maximum of a model that fits badly; BFGS alone begins without any scale.
    """
    value, slope, info = objective(model, samples, theta)
    if not np.isfinite(value):
        theta = _inside(model, samples, theta)
        value, slope, info = objective(model, samples, theta)
    back, near, damp, done, steps = _inverse(info), False, 0.0, False, 0
    while steps < STEPS:
        steps += 1
        move = back @ slope
        gain = float(slope @ move)
        if abs(gain) < DECREMENT:  # the last step is taken without looking again
            theta, value, done = theta - move, value - gain / 2, True
            break
        length, new = 1.0, objective(model, samples, theta - move, not near)
        while not new[0] <= value - 1e-4 * length * gain + 1e-14 * abs(value) and length > 1e-4:
            length /= 3
            new = objective(model, samples, theta - length * move, not near)
        if not new[0] <= value + 1e-14 * abs(value):  # no way down: damped scoring from here
            damp = 1e-3 if damp == 0 else 10 * damp
            if damp > 1e3:
                break
            back, near = _inverse(objective(model, samples, theta)[2], damp), False
            continue
        change, bend = -length * move, new[1] - slope
        theta, (value, slope, info) = theta + change, new
        if near:
            if (curve := float(change @ bend)) > 0:
                push = back @ bend
                back = back + np.outer(change, change) * ((curve + bend @ push) / curve**2)
                back = back - (np.outer(push, change) + np.outer(change, push)) / curve
        else:
            damp = 0.0 if length == 1.0 and damp < 1e-2 else damp / 10
            back, near = _inverse(info, damp), gain < NEAR and length == 1.0
    if not done:
        theta, done = _bfgs(model, samples, theta)
        value, slope, info = objective(model, samples, theta)
    return Solution(theta, np.zeros((0, 0)), value, slope, done, steps)


def _inverse(info: Array, damp: float = 0.0) -> Array:
    """The inverse of the information, damped where it is singular."""
    size = np.diag(info)
    scale = np.sqrt(np.where(size > 1e-300, size, 1.0))
    scaled = info / np.outer(scale, scale)
    for ridge in (damp + 1e-13, damp + 1e-8, damp + 1e-4, 1.0):
        logdet, found = inverse(scaled + ridge * np.eye(len(scale)))
        if np.isfinite(logdet):
            return found / np.outer(scale, scale)
    return np.diag(1 / scale**2)


def _inside(model: Model, samples: Sequence[Sample], theta: Array) -> Array:
    """Starting values with a positive definite Sigma: variances grow until it is."""
    variances = [r.slot for r in model.table.rows if r.op == "~~" and r.lhs == r.rhs and r.slot >= 0]
    for factor in (1.5, 3.0, 10.0, 100.0):
        x = model.values(theta)
        x[variances] *= factor
        trial = np.linalg.lstsq(model.table.K, x - model.table.k, rcond=None)[0]
        if np.isfinite(deviance(model, samples, trial)):
            return trial
    raise FitError(
        "The starting values imply covariances that cannot be (not positive definite). Give better ones with "
        "start(...), or look at fixed values that contradict one another."
    )


def _bfgs(model: Model, samples: Sequence[Sample], theta: Array) -> tuple[Array, bool]:
    """The slow way, for models where Fisher scoring stalls; it has converged where the slope vanishes."""
    scale = np.sqrt(np.maximum(np.diag(objective(model, samples, theta)[2]), 1e-12))

    def scaled(z: Array) -> tuple[float, Array]:
        value, slope, _ = objective(model, samples, z / scale, False)
        return (value, slope / scale) if np.isfinite(value) else (1e10, np.zeros_like(z))

    found = minimize(scaled, theta * scale, jac=True, method="L-BFGS-B", options={"maxiter": 300, "gtol": 1e-9})
    return found.x / scale, bool(np.max(np.abs(scaled(found.x)[1])) < 1e-5)


def observed_information(model: Model, samples: Sequence[Sample], theta: Array) -> Array:
    """Minus the Hessian of log L / n, exactly: as if moments were linear in theta, and their bend by complex steps."""
    total, H = sum(s.n for s in samples), np.zeros((len(theta), len(theta)))
    for g, group in enumerate(samples):
        Sigma, mu, d = model.slopes(theta, g)
        middle = mu if model.table.meanstructure else group.mean
        _, W, gap, P = group.score(Sigma, middle)
        away = np.where(group.seen, group.means - middle, 0.0)
        bend = derivative(lambda t, g=g, W=W, gap=gap: model.slopes(t, g)[2].gradient(W, gap), theta) / 2
        for k, share in enumerate(group.share):
            bend = bend + share * d.observed(P[k], group.covs[k] + np.outer(away[k], away[k]), away[k])
        H = H + group.n / total * bend
    return (H + H.T) / 2


def casewise(model: Model, samples: Sequence[Sample], theta: Array, centred: bool = False) -> Array:
    """The slope of each answer's log-likelihood, shape (n, parameters).

    `centred`: of the answer's covariances and means around those of the sample, as the Satorra-Bentler test has it.
    """
    rows = []
    for g, group in enumerate(samples):
        Sigma, mu, d = model.slopes(theta, g)
        middle = group.mean if centred or not model.table.meanstructure else mu
        _, _, _, P = group.score(Sigma, middle)
        z = group.z(P, middle)
        if not model.table.meanstructure:
            d = type(d)(d.u, d.v, d.w, 0 * d.dmu, d.K)
        if group.complete:
            rows.append(d.scores(z, P[0] @ group.cov @ P[0] if centred else P[0]))
        else:
            part = np.empty((group.n, d.K.shape[1]))
            for k in range(len(P)):
                part[group.pattern == k] = d.scores(z[group.pattern == k], P[k])
            rows.append(part)
    return np.concatenate(rows)


def invert(info: Array) -> Array:
    """Inverse of an information matrix; NaN where it is singular or not positive definite."""
    size = np.sqrt(np.maximum(np.diag(info), 1e-300))
    scaled = info / np.outer(size, size)
    logdet, found = inverse(scaled)
    if not np.isfinite(logdet) or np.diag(found).max() > 1 / SINGULAR:
        return np.full(info.shape, np.nan)
    return found / np.outer(size, size)


@dataclass(frozen=True)
class Fitted:
    """An estimated model before it is wrapped: what every estimator hands over. `samples` are the groups' moments."""

    model: Model
    samples: tuple[Sample, ...]
    solution: Solution
    indices: dict[str, float]
    loglik: float = float("nan")
