"""Do two nested models fit equally well, and do groups understand the items in the same way?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from crmlab.base.errors import FitError
from crmlab.survey.inputs import Spec
from crmlab.survey.robust import covariance
from crmlab.survey.sem import Estimator, Gaps, cfa
from crmlab.survey.semfit import SEMFit

STEPS = {
    "configural": (), "metric": ("loadings",), "scalar": ("loadings", "intercepts"),
    "strict": ("loadings", "intercepts", "residuals"),
}  # fmt: skip
_SHOWN = ("chisq", "df", "pvalue", "cfi", "rmsea", "srmr", "aic", "bic")


def compare(narrow: SEMFit, wide: SEMFit) -> pd.Series:
    """Does the model with fewer parameters fit worse than the one that it is nested in?

    Returns chisq_diff, df_diff, pvalue, cfi_diff (narrow minus wide). With MLM and MLR the difference is scaled
    (Satorra & Bentler 2001; where that is negative, 2010). The degrees of freedom tell which is the narrower one.
    Raises FitError where they are the same, or where answers, items or estimators differ.

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> free = cfa("a =~ x1 + x2 + x3; b =~ x4 + x5 + x6", load_holzinger_swineford())
    >>> apart = cfa("a =~ x1 + x2 + x3; b =~ x4 + x5 + x6; a ~~ 0*b", load_holzinger_swineford())
    >>> compare(apart, free)[["chisq_diff", "df_diff"]].round(2).tolist()
    [35.58, 1.0]
    """
    if narrow.fit_indices["df"] < wide.fit_indices["df"]:
        narrow, wide = wide, narrow
    f0, f1 = narrow.fit_indices, wide.fit_indices
    same = narrow.estimator == wide.estimator and narrow.missing == wide.missing and narrow.n == wide.n
    if not same or set(narrow.answers) != set(wide.answers):
        raise FitError("The two models have other answers, items or estimators: a difference of them says nothing.")
    if narrow.estimator == "WLSMV":
        raise FitError("Chi-squares of WLSMV cannot be subtracted. Compare models by MLR, or by CFI and RMSEA.")
    df = f0["df"] - f1["df"]
    if df == 0:
        raise FitError(f"Both models have {f0['df']:.0f} degrees of freedom: neither is nested. Compare AIC and BIC.")
    change = f0["chisq"] - f1["chisq"]
    factor, cfi = 1.0, "cfi"
    if narrow.estimator != "ML":
        c0, c1, cfi = narrow.fitted.solution.scaling, wide.fitted.solution.scaling, "cfi.scaled"
        factor = (f0["df"] * c0 - f1["df"] * c1) / df
        if factor <= 0:
            factor = (f0["df"] * c0 - f1["df"] * _scaling_at(narrow, wide)) / df
    return pd.Series(
        {"chisq_diff": change / factor, "df_diff": df, "pvalue": float(chdtrc(df, max(change / factor, 0.0))),
         "cfi_diff": f0[cfi] - f1[cfi]}, name="comparison",
    )  # fmt: skip


def _scaling_at(narrow: SEMFit, wide: SEMFit) -> float:
    """The wide model's scaling factor at the narrow one's estimates (Satorra & Bentler 2010)."""
    model = wide.fitted.model
    known = {
        (r.lhs, r.op, r.rhs, r.group): value
        for r, value in zip(
            narrow.fitted.model.table.rows, narrow.fitted.model.rows(narrow.fitted.solution.theta), strict=True
        )
    }
    x = model.values(wide.fitted.solution.theta)
    for row in model.table.rows:
        if row.slot >= 0:
            x[row.slot] = known.get((row.lhs, row.op, row.rhs, row.group), 0.0)
    theta = np.linalg.lstsq(model.table.K, x - model.table.k, rcond=None)[0]
    return covariance(model, wide.fitted.samples, theta, wide.estimator)[1] / wide.fit_indices["df"]


def invariance(
    model: Spec, answers: pd.DataFrame, group: str, *, estimator: Estimator = "ML", missing: Gaps = "listwise",
    steps: Sequence[str] = tuple(STEPS),
) -> pd.DataFrame:  # fmt: skip
    """Do groups understand the items in the same way? Configural, metric, scalar and strict invariance, one row each.

    Columns chisq, df, pvalue, cfi, rmsea, srmr, aic, bic (scaled where the estimator scales) and, against the row
    above, chisq_diff, df_diff, pvalue_diff, cfi_diff. Paths between constructs compare with metric, means with scalar
    invariance; a fall of CFI by more than 0.01 speaks against a step (Cheung & Rensvold 2002, Struct. Eq. Modeling 9).

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> model = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"
    >>> invariance(model, load_holzinger_swineford(), "school")[["chisq", "df", "cfi_diff"]].round(3)
                  chisq    df  cfi_diff
    configural  115.851  48.0       NaN
    metric      124.044  54.0    -0.002
    scalar      164.103  60.0    -0.038
    strict      181.511  69.0    -0.009
    """
    rows: dict[str, dict[str, Any]] = {}
    before: SEMFit | None = None
    for step in steps:
        fit = cfa(model, answers, estimator=estimator, missing=missing, group=group, equal=STEPS[step])
        f = fit.fit_indices
        rows[step] = {name: f.get(f"{name}.scaled", f[name]) for name in _SHOWN}
        if before is not None:
            rows[step] |= {str(k).replace("pvalue", "pvalue_diff"): v for k, v in compare(fit, before).items()}
        before = fit
    names = [*_SHOWN, "chisq_diff", "df_diff", "pvalue_diff", "cfi_diff"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=names)
