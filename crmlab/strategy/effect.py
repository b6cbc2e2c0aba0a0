"""Was it the project? Before against after, with a control group to take season and trend away."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, check_kind, check_option, require
from crmlab.base.fit import z_value
from crmlab.data.tables import missing_columns

Scale = Literal["ratio", "difference"]


def difference_in_differences(
    table: pd.DataFrame, outcome: str, *, treated: str = "treated", after: str = "after", cluster: str | None = None,
    scale: Scale = "ratio", level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """What did the project change, beyond what changed anyway? Three comparisons, of which the last is fair.

    `table` has a row per unit and period with `outcome` (0 or more), `treated` and `after` (True or False, or 0 and
    1). Rows: before_after (the treated alone), treated_control (afterwards alone), difference_in_differences, with
    estimate, se, low, high, p_value, n. scale="ratio": changes as factors less 1 (0.12 is 12% more), by a Poisson
    pseudo-likelihood, fit for trends that multiply (Wooldridge 2023, The Econometrics Journal 26(3)); its intervals
    are symmetric on the logarithm. "difference": in the outcome's unit, by least squares. Standard errors are robust,
    or clustered by the column `cluster` with Student's t on clusters - 1: name what was treated as a whole (the
    shop, not its customers; Bertrand, Duflo & Mullainathan 2004, Quarterly Journal of Economics 119(1)).
    It is right if both groups would have moved alike without the project.

    >>> t = pd.DataFrame({"y": [9, 11, 14, 16, 9, 11, 19, 21], "after": [0, 0, 1, 1] * 2, "treated": [0] * 4 + [1] * 4})
    >>> difference_in_differences(t, "y").estimate.round(3).tolist()
    [1.0, 0.333, 0.333]
    """
    check_option("scale", scale, get_args(Scale))
    z_value(level)
    check_kind("table", table, pd.DataFrame, "give a DataFrame with a row per unit and period")
    names = [outcome, treated, after] + ([] if cluster is None else [cluster])
    for name in names:
        check_kind("the name of a column", name, str, "give a text")
    faults = missing_columns(names, [str(c) for c in table.columns])
    if faults:
        raise DataError(faults, "the table")
    y = pd.to_numeric(table[outcome], errors="coerce").to_numpy(dtype=float)
    flags = {}
    for name in (treated, after):
        flags[name] = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        if not np.isin(flags[name], (0.0, 1.0)).all():
            faults.append(Fault(name, "is not True or False in every row", "Write True, False, 1 or 0."))
    if not np.isfinite(y).all() or (scale == "ratio" and (y < 0).any()):
        faults.append(Fault(outcome, "is missing, infinite or negative", "Fill it; a unit that bought nothing has 0."))
    cells = pd.Series(y).groupby([flags[treated], flags[after]]).agg(["size", "sum", "nunique"])
    if not faults and (len(cells) < 4 or (cells["size"] < 2).any() or (scale == "ratio" and (cells["sum"] <= 0).any())):
        what = "before and after, treated and control: one of the four has fewer than two rows, or nothing in it"
        faults.append(Fault("", what, "Both groups must be seen before and after."))
    if not faults and (cells["nunique"] == 1).all():
        faults.append(Fault(outcome, "does not vary within the four", "Give the units, not their means."))
    if cluster and table[cluster].nunique() < 3:
        faults.append(Fault(cluster, "has fewer than three values", "Cluster by a column with more."))
    if cluster and (empty := int(table[cluster].isna().sum())):
        faults.append(Fault(cluster, "is missing", "Fill it, or leave these rows out.", empty))
    if faults:
        raise DataError(faults, "the table")
    sm = require("statsmodels.api", "strategy")
    d, a = flags[treated], flags[after]
    rows = {}
    for name, keep, columns in (
        ("before_after", d == 1, [a]), ("treated_control", a == 1, [d]),
        ("difference_in_differences", np.ones(len(y), dtype=bool), [d * a, d, a]),
    ):  # fmt: skip
        x = sm.add_constant(np.column_stack(columns)[keep], prepend=False)
        model = sm.GLM(y[keep], x, family=sm.families.Poisson()) if scale == "ratio" else sm.OLS(y[keep], x)
        if cluster:
            groups = pd.factorize(table[cluster])[0][keep]
            fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        else:
            fit = model.fit(cov_type="HC1")
        low, high = fit.conf_int(1 - level)[0]
        rows[name] = {"estimate": fit.params[0], "se": fit.bse[0], "low": low, "high": high, "p_value": fit.pvalues[0]}
        if scale == "ratio":
            rows[name]["se"] *= np.exp(fit.params[0])
            rows[name] |= {c: np.expm1(rows[name][c]) for c in ("estimate", "low", "high")}
        rows[name]["n"] = int(keep.sum())
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("comparison")
