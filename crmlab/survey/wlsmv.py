"""Ordinal items in a structural model: diagonally weighted least squares, with a test adjusted in mean and variance.

Muthen, du Toit & Spisic (1997); the test is Asparouhov & Muthen's (2010) "scaled and shifted" one; CFI and RMSEA that
compare with those of continuous items are Savalei's (2021). Latent responses have variance 1 (delta parameterisation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import OptimizeResult, least_squares
from scipy.special import chdtrc

from crmlab.base.errors import DataError, Fault, FitError, OptionError
from crmlab.survey.estimate import IDENTIFY, Solution, start
from crmlab.survey.fitmeasures import from_chisq, incremental, rmsea
from crmlab.survey.model import Array, Model, vech_index
from crmlab.survey.moments import Sample
from crmlab.survey.ordinal import OrdinalMoments
from crmlab.survey.partable import ParTable


def as_sample(found: OrdinalMoments) -> Sample:
    """Polychoric correlations as the moments of latent responses, whose means are 0."""
    p = len(found.items)
    return Sample(
        found.codes.astype(float), np.ones((1, p), dtype=bool), np.ones(1), np.zeros((1, p)), found.correlation[None]
    )


class Moments:
    """What answers and model say of thresholds and correlations: all groups below one another."""

    def __init__(self, model: Model, groups: Sequence[OrdinalMoments]) -> None:
        self.model, self.groups, table = model, groups, model.table
        rows, columns = vech_index(model.p)
        self.below = rows > columns
        self.slope, self.level = [], []
        for g, found in enumerate(groups):
            said = {(row.lhs, row.rhs): row for row in table.rows if row.op == "|" and row.group == g}
            order = found.threshold_names
            free = np.array([said[key].slot for key in order])
            fixed = np.array([said[key].value for key in order])
            self.slope.append(np.where((free >= 0)[:, None], table.K[free], 0.0))
            self.level.append(np.where(free >= 0, table.k[free], fixed))
        share = np.array([found.n for found in groups]) / sum(found.n for found in groups)
        self.observed = np.concatenate([np.r_[f.thresholds, f.correlation[f.pairs]] for f in groups])
        kinds = [np.repeat([True, False], [len(f.thresholds), len(f.pairs[0])]) for f in groups]
        self.is_threshold = np.concatenate(kinds)
        self.group = np.repeat(np.arange(len(groups)), [len(kind) for kind in kinds])
        self.gamma = block_diag(*(f.gamma for f in groups))
        self.weight = 1 / np.diag(self.gamma)
        self.scale = np.sqrt(self.weight * share[self.group])

    def implied(self, theta: Array) -> Array:
        """Thresholds and correlations that theta implies."""
        parts = []
        for g, found in enumerate(self.groups):
            parts += [self.slope[g] @ theta + self.level[g], self.model.implied(theta, g)[0][found.pairs]]
        return np.concatenate(parts)

    def jacobian(self, theta: Array) -> Array:
        """Their derivative, (moments, parameters)."""
        parts = []
        for g in range(len(self.groups)):
            parts += [self.slope[g], self.model.jacobian(theta, g)[0][self.below]]
        return np.vstack(parts)

    def begin(self) -> Array:
        """The starting values of continuous items, and the final ones of thresholds, by weighted least squares."""
        theta = start(self.model, [as_sample(found) for found in self.groups])
        slope, scale = np.vstack(self.slope), self.scale[self.is_threshold]
        gap = self.observed[self.is_threshold] - np.concatenate(self.level) - slope @ theta
        return theta + np.linalg.lstsq(scale[:, None] * slope, scale * gap, rcond=None)[0]

    def solve(self) -> tuple[Array, OptimizeResult]:
        """The minimum; as the weights are diagonal, thresholds and correlations are fitted one after the other."""
        theta, rho = self.begin(), ~self.is_threshold
        moving = ~np.vstack(self.slope).any(axis=0)
        scale = self.scale[rho]

        def put(part: Array) -> Array:
            theta[moving] = part
            return theta

        def slope(part: Array) -> Array:
            return scale[:, None] * self.jacobian(put(part))[np.ix_(rho, moving)]

        if self.jacobian(theta)[np.ix_(rho, ~moving)].any():
            raise OptionError("A label joins a threshold and another parameter; give each its own.")
        if moving.sum() > rho.sum():
            refuse_loose(slope(theta[moving]), np.array(self.model.table.names)[moving].tolist())
        found = least_squares(
            lambda part: scale * (self.implied(put(part)) - self.observed)[rho], theta[moving], jac=slope,
            method="lm", xtol=1e-12, ftol=1e-14, gtol=1e-12,
        )  # fmt: skip
        return put(found.x), found


def refuse_loose(slope: Array, names: Sequence[str]) -> None:
    """Raise FitError, with their names, where parameters can move and leave all moments as they are."""
    size = np.linalg.norm(slope, axis=0)
    _, values, vectors = np.linalg.svd(np.linalg.qr(slope / np.where(size > 0, size, 1.0), mode="r"))
    none = np.pad(values, (0, len(vectors) - len(values))) < 1e-7 * values[0]
    if none.any():
        loose = np.abs(vectors[none]).max(axis=0) > 0.05
        raise FitError(
            f"The model is not identified: {', '.join(np.array(names)[loose][:12])} can take other values and fit the "
            f"same. {IDENTIFY}"
        )


def check_ordinal(table: ParTable, groups: Sequence[OrdinalMoments]) -> None:
    """Raise DataError, with all faults, where a model says what has no meaning for ordinal items.

    OptionError where groups share values: their latent responses would need scales of their own.
    """
    faults = []
    used = {(row.slot, row.group) for row in table.rows if row.slot >= 0}
    if len(used) > len({slot for slot, _ in used}):
        raise OptionError(
            "estimator='WLSMV' compares groups with values of their own in each (equal=(), no label in two groups): "
            "equal loadings would need the scales of the latent responses, which are not modelled. Use estimator='MLR'."
        )
    for row in table.rows:
        if row.op == "~1" and (row.slot >= 0 or row.value != 0):
            faults.append(
                Fault(row.lhs, "it has an intercept or a mean", "Leave it out: thresholds stand in its place.")
            )
        elif row.op in ("~", "<~") and row.rhs in table.observed:
            remedy = "Use estimator='MLR', or explain by constructs only."
            faults.append(Fault(row.rhs, f"it is no construct and explains {row.lhs}", remedy))
        elif row.op == "~~" and row.lhs == row.rhs and row.lhs in table.ordered and (row.slot >= 0 or row.value > 0):
            what = "its residual variance is given, but it is what is left of 1"
            faults.append(Fault(row.lhs, what, "Leave it out of the model."))
    for g, found in enumerate(groups):
        said = {(row.lhs, row.rhs) for row in table.rows if row.op == "|" and row.group == g}
        where = f" in group {table.groups[g]}" if len(groups) > 1 else ""
        for item in dict.fromkeys(item for item, _ in said ^ set(found.threshold_names)):
            count = len(found.levels[found.items.index(item)])
            remedy = "Join categories, so that the model's thresholds are those of the answers."
            faults.append(Fault(item, f"it has {count} categories{where}, and the model other thresholds", remedy))
    if faults:
        raise DataError(dict.fromkeys(faults), "the model")


def fit_wlsmv(model: Model, groups: Sequence[OrdinalMoments]) -> tuple[Solution, dict[str, float]]:
    """Estimates of theta with robust covariance, and the indices of fit under lavaan's names.

    `groups` holds each group's moments, its items in the order of `model.table.observed`. As in lavaan the
    chi-square and the covariance count n - 1 answers a group. Raises DataError where the model says what ordinal
    items do not have, FitError where it is not identified.
    """
    check_ordinal(model.table, groups)
    seen = Moments(model, groups)
    theta, found = seen.solve()
    slope = seen.scale[:, None] * seen.jacobian(theta)
    refuse_loose(slope, model.table.names)
    Q, R = np.linalg.qr(slope)
    inverse = np.linalg.inv(R)
    weighted = np.sqrt(seen.weight)[:, None] * seen.gamma * np.sqrt(seen.weight)
    cov = inverse @ (Q.T @ weighted @ Q) @ inverse.T / sum(one.n - 1 for one in groups)
    indices = _indices(seen, theta, weighted, Q)
    gradient = 2 * slope.T @ (seen.scale * (seen.implied(theta) - seen.observed))
    solution = Solution(
        theta=theta, cov=cov, deviance=np.nan, slope=gradient, converged=bool(found.success), steps=int(found.nfev),
        scaling=indices["chisq.scaling.factor"],
    )  # fmt: skip
    return solution, indices


def _indices(seen: Moments, theta: Array, weighted: Array, Q: Array) -> dict[str, float]:
    """Indices of fit; `weighted` is the covariance of the weighted moments, Q spans what the parameters can move."""
    size, total = len(seen.groups), sum(one.n for one in seen.groups)
    n = total - size
    count = np.array([one.n - 1.0 for one in seen.groups])[seen.group] * seen.weight
    Sigma = [seen.model.implied(theta, g)[0] for g in range(size)]
    alone = [np.eye(seen.model.p)] * size
    df, df0 = len(seen.observed) - Q.shape[1], int((~seen.is_threshold).sum())
    left = weighted - Q @ (Q.T @ weighted)
    left -= (left @ Q) @ Q.T
    left0 = weighted * np.outer(~seen.is_threshold, ~seen.is_threshold)
    gap, gap0 = seen.observed - seen.implied(theta), np.where(seen.is_threshold, 0.0, seen.observed)
    chisq, base = float(count @ gap**2), float(count @ gap0**2)
    (test, factor), (test0, factor0) = _shifted(chisq, df, left), _shifted(base, df0, left0)
    out = from_chisq(chisq, df, base, df0, n, Q.shape[1], size)
    out = {name: value for name, value in out.items() if name not in ("ecvi", "cn_05")}  # of likelihoods
    out |= {"ntotal": total, "srmr": _srmr(seen.groups, Sigma)}
    out |= {
        "chisq.scaled": test, "df.scaled": df, "pvalue.scaled": chdtrc(df, test) if df else np.nan,
        "chisq.scaling.factor": factor, "baseline.chisq.scaled": test0, "baseline.chisq.scaling.factor": factor0,
    }  # fmt: skip
    out |= _named("scaled", incremental(test, df, test0, df0), rmsea(test, df, n, size))
    (normal, V), (normal0, V0) = _normal(seen, Sigma), _normal(seen, alone)
    if np.isnan(normal) or not df:
        against, absolute = dict.fromkeys(("cfi", "tli"), np.nan), (np.nan,) * 4
    else:
        centred, centred0 = normal - float((V * left).sum()) + df, normal0 - float((V0 * left0).sum()) + df0
        shifted, by = _shifted(normal, df, left @ V)
        against, absolute = incremental(centred, df, centred0, df0), rmsea(shifted, df, n, size, by)
    return out | _named("robust", against, absolute)


def _srmr(groups: Sequence[OrdinalMoments], implied: Sequence[Array]) -> float:
    """Root of the mean squared residual correlation, the ones of the diagonal counted, as in lavaan."""
    lower = np.tril_indices(len(groups[0].items))
    each = [np.sqrt(((f.correlation - S)[lower] ** 2).mean()) for f, S in zip(groups, implied, strict=True)]
    return float(np.average(each, weights=[f.n for f in groups]))


def _normal(seen: Moments, implied: Sequence[Array]) -> tuple[float, Array]:
    """n times the normal-theory discrepancy of the correlations, and the weights of their squares in it.

    NaN where correlations, observed or implied, are not positive definite.
    """
    value, weight = 0.0, np.zeros((len(seen.observed), len(seen.observed)))
    at = np.flatnonzero(~seen.is_threshold).reshape(len(implied), -1)
    for found, Sigma, where in zip(seen.groups, implied, at, strict=True):
        group, (i, j) = as_sample(found), found.pairs
        if min(np.linalg.eigvalsh(Sigma)[0], np.linalg.eigvalsh(group.cov)[0]) < 1e-10:
            return np.nan, weight
        value += found.n * (group.deviance(Sigma, None) - group.F_saturated)
        P = np.linalg.inv(Sigma)
        weight[np.ix_(where, where)] = P[np.ix_(i, i)] * P[np.ix_(j, j)] + P[np.ix_(i, j)] * P[np.ix_(j, i)]
    return value, weight / np.sqrt(np.outer(seen.weight, seen.weight))


def _named(kind: str, against: dict[str, float], absolute: tuple[float, ...]) -> dict[str, float]:
    names = ("rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue")
    return {f"{name}.{kind}": against[name] for name in ("cfi", "tli")} | {
        f"{name}.{kind}": value for name, value in zip(names, absolute, strict=True)
    }


def _shifted(chisq: float, df: int, U: Array) -> tuple[float, float]:
    """The statistic scaled and shifted to the mean and variance of a chi-square, and its scaling factor.

    U is a matrix whose eigenvalues weight the chi-squares (1 df each) that the statistic is a sum of
    (Asparouhov & Muthen 2010).
    """
    if df == 0:
        return chisq, 1.0
    a = np.sqrt(df / (U * U.T).sum())
    return float(a * (chisq - np.trace(U)) + df), float(1 / a)
