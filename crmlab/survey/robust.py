"""Standard errors and scaled tests for answers that are not normal. (Satorra & Bentler 1994; Yuan & Bentler 2000)"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from crmlab.survey.estimate import casewise, fit_ml, invert, objective, observed_information, start
from crmlab.survey.model import Array, Model
from crmlab.survey.moments import Sample
from crmlab.survey.partable import ParTable, build
from crmlab.survey.syntax import Term


def covariance(model: Model, samples: Sequence[Sample], theta: Array, estimator: str) -> tuple[Array, float]:
    """The estimates' covariance, and the trace whose mean over the degrees of freedom scales the chi-square.

    ML: expected information, observed where answers are missing. MLM: expected information between the scores'
    covariance (Satorra-Bentler). MLR: observed information (Huber-White), with the trace of Yuan-Bentler as in Mplus.
    """
    total = sum(s.n for s in samples)
    complete = all(s.complete for s in samples)
    if estimator == "MLR" or not complete:
        info = observed_information(model, samples, theta)
    else:
        info = objective(model, samples, theta)[2] / 2
    inverse = invert(info)
    if estimator == "ML":
        return inverse / total, np.nan
    score = casewise(model, samples, theta, centred=estimator == "MLM")
    meat = score.T @ score / total
    whole = _saturated_trace(model, samples, theta if estimator == "MLM" else None)
    return inverse @ meat @ inverse / total, whole - float(np.trace(inverse @ meat))


def _saturated_trace(model: Model, samples: Sequence[Sample], theta: Array | None) -> float:
    """tr(W Gamma): Gamma the moments' covariance, W their weight at theta's Sigma, or at the sample's where None."""
    if not all(s.complete for s in samples):
        return sum(group.saturated_trace for group in samples)
    trace = 0.0
    for g, group in enumerate(samples):
        Sigma = group.cov if theta is None else model.implied(theta, g)[0]
        gap, P = group.y - group.mean, np.linalg.inv(Sigma)
        PS = P @ group.cov
        trace += 0.5 * (np.einsum("ni,ij,nj->n", gap, P, gap) ** 2).mean() - 0.5 * np.einsum("ij,ji->", PS, PS)
        trace += np.trace(PS) if model.table.meanstructure else 0.0
    return float(trace)


def baseline(table: ParTable) -> ParTable:
    """The table of the model of unrelated items; observed predictors may covary, as in lavaan."""
    terms = [Term(v, "~~", v) for v in table.observed]
    terms += [Term(a, "~~", b) for a, b in combinations(table.exogenous, 2)]
    return build(terms, groups=table.groups, meanstructure=table.meanstructure)


def baseline_test(table: ParTable, samples: Sequence[Sample], estimator: str) -> tuple[float, int, float]:
    """Chi-square, degrees of freedom and scaling factor of the baseline model."""
    total, x = sum(s.n for s in samples), [table.observed.index(v) for v in table.exogenous]
    p, groups = len(table.observed), len(samples)
    df = groups * (p * (p - 1) - len(x) * (len(x) - 1)) // 2
    if estimator == "ML" and all(s.complete for s in samples):
        chisq = 0.0
        for group in samples:
            rest = np.setdiff1d(np.arange(p), x)
            alone = np.log(np.diag(group.cov)[rest]).sum() + (np.linalg.slogdet(group.cov[np.ix_(x, x)])[1] if x else 0)
            chisq += group.n * float(alone - np.linalg.slogdet(group.cov)[1])
        return chisq, df, 1.0
    model = Model(baseline(table))
    found = fit_ml(model, samples, start(model, samples))
    saturated = sum(s.n * s.F_saturated for s in samples)
    chisq = total * found.deviance - saturated
    if estimator == "ML" or not df:
        return chisq, df, 1.0
    return chisq, df, covariance(model, samples, found.theta, estimator)[1] / df
