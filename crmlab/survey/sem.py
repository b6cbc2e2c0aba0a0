"""Confirmatory factor analysis and structural equation models, with lavaan's syntax, defaults and names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, DataError, Fault, FitError, OptionError, check_option
from crmlab.survey import fitmeasures
from crmlab.survey.estimate import IDENTIFY, Fitted, fit_ml, start
from crmlab.survey.inputs import Spec, item_table, model_text, nearest
from crmlab.survey.model import Array, Model
from crmlab.survey.moments import Sample, check_definite, sample
from crmlab.survey.partable import ParTable, build
from crmlab.survey.robust import baseline_test, covariance
from crmlab.survey.semfit import SEMFit
from crmlab.survey.syntax import Term, parse

Estimator = Literal["ML", "MLM", "MLR", "WLSMV"]
Gaps = Literal["listwise", "fiml"]


def cfa(
    model: Spec, answers: pd.DataFrame, *, estimator: Estimator = "ML", missing: Gaps = "listwise",
    group: str | None = None, equal: Sequence[str] = (), std_lv: bool = False, meanstructure: bool | None = None,
) -> SEMFit:  # fmt: skip
    """Do the items measure the constructs as the model says? Confirmatory factor analysis.

    `model` is lavaan's syntax, an Instrument (its measurement model) or {construct: items}. The first loading of each
    factor is 1; with `std_lv` factors have variance 1 instead. All else, and the errors: `sem`.

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> model = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"
    >>> fit = cfa(model, load_holzinger_swineford())
    >>> fit.fit_indices[["chisq", "df", "cfi", "rmsea", "srmr"]].round(3).tolist()
    [85.306, 24.0, 0.931, 0.092, 0.065]
    """
    text = model_text(model, structural=False)
    return _fit(text, answers, estimator, missing, group, tuple(equal), std_lv, meanstructure)


def sem(
    model: Spec, answers: pd.DataFrame, *, estimator: Estimator = "ML", missing: Gaps = "listwise",
    group: str | None = None, equal: Sequence[str] = (), std_lv: bool = False, meanstructure: bool | None = None,
) -> SEMFit:  # fmt: skip
    """Do the constructs act on one another as the hypotheses say? Structural equation model.

    `model` is lavaan's syntax or an Instrument; `answers` one row a respondent. `estimator`: "ML" (normal theory; n as
    divisor), "MLM" (Satorra-Bentler test and errors), "MLR" (Yuan-Bentler and Huber-White) or "WLSMV" (ordinal items).
    `missing`: "listwise" leaves rows with gaps out, "fiml" uses what they hold. `group` names the column of groups,
    and `equal` what they share, in lavaan's words ("loadings", "intercepts", "residuals", ...). Means are modelled
    where `meanstructure` is true (None: with fiml, groups or intercepts in the model). Observed predictors are
    fixed.x as in lavaan: their covariances are those of the sample, count as no parameters, and are given to the
    likelihood (with fiml they are ordinary variables). Sources: Bollen (1989); Rosseel (2012), Journal of Statistical
    Software 48(2).

    Raises DataError on faulty answers or models and FitError where nothing can be estimated (not identified, linearly
    dependent items); warns (AssumptionWarning) on negative variances, correlations beyond 1 and where the search did
    not converge, with the parameter at fault.

    >>> from crmlab.data.datasets import load_political_democracy
    >>> model = '''ind60 =~ x1 + x2 + x3; dem60 =~ y1 + y2 + y3 + y4; dem65 =~ y5 + y6 + y7 + y8
    ...            dem60 ~ a*ind60; dem65 ~ ind60 + b*dem60; through := a*b'''
    >>> sem(model, load_political_democracy()).estimates.iloc[-1][["est", "se"]].astype(float).round(3).tolist()
    [1.274, 0.359]
    """
    return _fit(model_text(model), answers, estimator, missing, group, tuple(equal), std_lv, meanstructure)


def _fit(
    text: str, answers: pd.DataFrame, estimator: Estimator, missing: Gaps, group: str | None, equal: tuple[str, ...],
    std_lv: bool, meanstructure: bool | None,
) -> SEMFit:  # fmt: skip
    check_option("estimator", estimator, get_args(Estimator))
    check_option("missing", missing, get_args(Gaps))
    if missing == "fiml" and estimator in ("MLM", "WLSMV"):
        raise OptionError(f"missing='fiml' goes with estimator 'ML' or 'MLR', not with {estimator!r}.")
    if equal and group is None:
        raise OptionError(f"equal={equal} asks for groups. Name their column with group=.")
    terms = parse(text)
    members, names = _groups(answers, group)
    if meanstructure is None:
        asked = {"intercepts", "means"} & set(equal) or any(t.op == "~1" for t in terms)
        meanstructure = bool(missing == "fiml" or len(names) > 1 or asked)
    options: dict[str, Any] = {"groups": names, "equal": equal, "std_lv": std_lv}
    table = build(terms, meanstructure=meanstructure, fixed_x=missing != "fiml", **options)
    frame, code, notes = _answers(answers, table, members, missing)
    if estimator == "WLSMV":
        fitted = _ordinal(terms, frame, code, options)
    else:
        model = Model(table)
        y = frame.to_numpy()
        samples = tuple(sample(y[code == g]) if len(names) > 1 else sample(y) for g in range(len(names)))
        for name, one in zip(names, samples, strict=True):
            check_definite(one, table.observed, f" in group '{name}'" if name else "")
        check_counts(model, samples)
        fitted = estimate(model, samples, estimator, start(model, samples))
        if missing == "fiml" and not all(one.complete for one in samples):
            patterns = sum(len(one.seen) for one in samples)
            notes.append(f"FIML: {patterns} patterns of missing answers; every answer that was given is used.")
    for text_ in problems(fitted):
        warnings.warn(text_, AssumptionWarning, stacklevel=3)
        notes.append(text_)
    return wrap(fitted, estimator, missing, frame, code, tuple(notes))


def _groups(answers: pd.DataFrame, group: str | None) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Each row's group (-1: none) and the groups' names in the order in which they come."""
    if group is None or not isinstance(answers, pd.DataFrame):
        return None, ("",)
    if group not in answers.columns:
        fault = Fault(
            group, "it is missing", f"Name the column that holds the groups.{nearest(group, answers.columns)}"
        )
        raise DataError(fault, "the answers")
    members, levels = pd.factorize(answers[group])
    if len(levels) < 2:
        raise DataError(
            Fault(group, f"it holds {len(levels)} group", "Groups to compare are at least 2."), "the answers"
        )
    return np.asarray(members), tuple(f"{level:g}" if isinstance(level, float) else str(level) for level in levels)


def _answers(
    answers: pd.DataFrame, table: ParTable, members: np.ndarray | None, missing: Gaps
) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """The items' columns that are used, each row's group, and notes on what was left out."""
    use = answers
    if isinstance(answers, pd.DataFrame):
        pairs = {v: v.split(":") for v in table.observed if ":" in v}
        products = {v: answers[a] * answers[b] for v, (a, b) in pairs.items() if {a, b} <= set(answers.columns)}
        use = answers.assign(**products) if products else answers
        if members is not None:
            use, members = use[members >= 0], members[members >= 0]
    frame = item_table(use, table.observed, missing="keep" if missing == "fiml" else "listwise")
    code = np.zeros(len(use), dtype=int) if members is None else members
    if missing == "fiml":
        rows = ~np.isnan(frame.to_numpy()).all(axis=1)
        frame, code = frame[rows], code[rows]
    elif len(frame) < len(use):
        code = code[use[list(table.observed)].notna().all(axis=1).to_numpy()]
    notes = []
    if (left := len(answers) - len(frame)) > 0:
        notes.append(f"{left} of {len(answers)} rows are left out (missing answers or group).")
    return frame, code, notes


def _ordinal(terms: Sequence[Term], frame: pd.DataFrame, code: np.ndarray, options: dict[str, Any]) -> Fitted:
    from crmlab.survey.ordinal import ordinal_moments
    from crmlab.survey.wlsmv import as_sample, fit_wlsmv

    moments = [ordinal_moments(frame.to_numpy()[code == g], list(frame.columns)) for g in range(len(options["groups"]))]
    steps = [np.bincount(one.owner, minlength=frame.shape[1]) for one in moments]
    table = build(
        terms, meanstructure=True, ordered=dict(zip(frame.columns, steps[0].tolist(), strict=True)), **options
    )
    model = Model(table)
    solution, indices = fit_wlsmv(model, moments)
    return Fitted(model, tuple(as_sample(one) for one in moments), solution, indices)


def moments_count(table: ParTable) -> int:
    """How many variances, covariances and means the items have."""
    p = len(table.observed)
    return len(table.groups) * (p * (p + 1) // 2 + (p if table.meanstructure else 0))


def check_counts(model: Model, samples: Sequence[Sample]) -> None:
    """Raise FitError where there are more parameters than moments or answers."""
    table, answers = model.table, sum(s.n for s in samples)
    if moments_count(table) < len(table.names):
        raise FitError(unidentified(model) or "The model has more parameters than the items have moments.")
    if answers <= (free := int(table.counted.sum())):
        raise FitError(
            f"{answers} answers are fewer than the model's {free} parameters need. Collect more answers, or estimate a "
            "smaller model (fewer items, separate constructs)."
        )


def estimate(model: Model, samples: tuple[Sample, ...], estimator: str, theta: Array) -> Fitted:
    """Maximum likelihood with the standard errors, the test and the indices of an estimator."""
    table, total = model.table, sum(s.n for s in samples)
    solution = fit_ml(model, samples, theta)
    df = moments_count(table) - len(table.names)
    cov, trace = covariance(model, samples, solution.theta, estimator)
    if np.isnan(cov).any() and (why := unidentified(model, solution.theta)):
        raise FitError(why)
    saturated = sum(s.n * s.F_saturated for s in samples)
    chisq = max(total * solution.deviance - saturated, 0.0) if df else 0.0
    npar, groups = int(table.counted.sum()), len(samples)
    base, base_df, base_factor = baseline_test(table, samples, estimator)
    indices = fitmeasures.from_chisq(chisq, df, base, base_df, total, npar, groups)
    if estimator != "ML":
        factor = trace / df if df else 1.0
        solution = replace(solution, scaling=factor)
        indices |= fitmeasures.scaled(chisq, df, factor, base, base_df, base_factor, total, groups)
    constant, given = _constant(table, samples)
    loglik = -0.5 * (total * solution.deviance + constant) - given
    implied = [model.implied(solution.theta, g) for g in range(groups)]
    indices |= fitmeasures.likelihood(loglik, -0.5 * (saturated + constant) - given, npar, total)
    indices |= fitmeasures.from_residuals(samples, implied, table.meanstructure, df)
    return Fitted(model, samples, replace(solution, cov=cov), indices, loglik)


def _constant(table: ParTable, samples: Sequence[Sample]) -> tuple[float, float]:
    """The constant of -2 log L, and the log-likelihood of observed predictors, which the model takes as given."""
    answered = sum(float((~np.isnan(s.y)).sum()) if not s.complete else s.y.size for s in samples)
    given, x = 0.0, [table.observed.index(r.lhs) for r in table.rows if r.exogenous and r.lhs == r.rhs and not r.group]
    for s in samples if x else ():
        given -= 0.5 * s.n * (len(x) * (np.log(2 * np.pi) + 1) + float(np.linalg.slogdet(s.cov[np.ix_(x, x)])[1]))
    return answered * np.log(2 * np.pi), given


def unidentified(model: Model, theta: Array | None = None) -> str:
    """Which parameters can take other values and fit the same? A sentence; empty where every one is identified.

    At theta, or at values drawn around 1: a rank that is too low there is too low almost everywhere.
    """
    table = model.table
    near = np.random.default_rng(7).uniform(0.5, 1.5, len(table.names))
    for where, place in ((near, ""), (theta, " in these data")):
        if where is None:
            continue
        with np.errstate(all="ignore"):
            jacobian = np.vstack([np.vstack(model.jacobian(where, g)) for g in range(len(table.groups))])
        size = np.linalg.norm(jacobian, axis=0)
        _, values, vectors = np.linalg.svd(jacobian / np.where(size > 0, size, 1.0))
        null = np.abs(vectors[(np.r_[values, np.zeros(len(vectors) - len(values))] < 1e-7 * values[0])])
        if not len(null):
            continue
        loose = [table.names[k] for k in np.flatnonzero(null.max(axis=0) > 0.05)]
        slots = {k for k in range(len(table.K)) if np.abs(table.K[k]) @ (null.max(axis=0) > 0.05) > 0}
        held = [v for v in table.latent if any(r.slot in slots and v in (r.lhs, r.rhs) for r in table.rows)]
        about = f" (construct{'s' if len(held) > 1 else ''} {', '.join(held)})" if held else ""
        return (
            f"The model is not identified{place}: {', '.join(loose[:12])}{about} can take other values "
            f"and fit the same. {IDENTIFY}"
        )
    return ""


def problems(fitted: Fitted) -> list[str]:
    """What is wrong with a solution, in words, with the parameter at fault."""
    model, theta, found = fitted.model, fitted.solution.theta, []
    table = model.table
    if not fitted.solution.converged:
        worst = table.names[int(np.argmax(np.abs(fitted.solution.slope * np.maximum(np.abs(theta), 1e-3))))]
        found.append(
            f"The search did not converge; it is furthest from rest in {worst}. Do not use these numbers: look at the "
            "items of that construct (a first item that hardly measures it sets no scale: std_lv=True), give starting "
            "values (start(0.5)*x), or simplify the model."
        )
    p = model.p
    for g, name in enumerate(table.groups):
        where = f" in group '{name}'" if name else ""
        left, cov = np.diag(model.matrices(theta, g)[1]), model.all_moments(theta, g)[0][p:, p:]
        for v in np.flatnonzero(left < -1e-8):
            kind, who = "residual variance of item" if v < p else "variance of construct", table.variables[v]
            found.append(
                f"Heywood case: the {kind} {who}{where} is negative ({left[v]:.3f}). The usual causes are a small "
                f"sample, an outlier or a misfit around {who}; its loading and R2 mean nothing."
            )
        sd = np.sqrt(np.where(np.diag(cov) > 0, np.diag(cov), np.nan))
        beyond = np.argwhere(np.triu(np.abs(cov / np.outer(sd, sd)), 1) > 1 + 1e-8)
        found += [
            f"The correlation of {table.latent[i]} and {table.latent[j]}{where} is beyond 1: the two cannot be told "
            "apart. Make them one construct, or drop the items that they share."
            for i, j in beyond
        ]
    return found


def wrap(
    fitted: Fitted, estimator: str, missing: str, frame: pd.DataFrame, code: np.ndarray, notes: tuple[str, ...] = ()
) -> SEMFit:
    """The fit as the reader sees it."""
    table, solution = fitted.model.table, fitted.solution
    names = pd.Index([name for name, counted in zip(table.names, table.counted, strict=True) if counted])
    cov = solution.cov[np.ix_(table.counted, table.counted)]
    return SEMFit(
        model=f"{'SEM' if any(r.op == '~' for r in table.rows) else 'CFA'}, {estimator}",
        params=pd.Series(solution.theta[table.counted], index=names, name="estimate"),
        cov=pd.DataFrame(cov, index=names, columns=names),
        loglik=fitted.loglik, n=len(frame), converged=solution.converged, notes=notes, fitted=fitted,
        estimator=estimator, missing=missing, answers=frame, code=code,
    )  # fmt: skip
