"""PLS-SEM: pls() and what it returns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, DataError, Fault, FitError, OptionError, check_option
from crmlab.base.fit import generator, z_value
from crmlab.survey.inputs import item_table
from crmlab.survey.pls_bootstrap import Draws, Progress, resample, statistics
from crmlab.survey.pls_fit import PLSFit
from crmlab.survey.pls_math import Scheme, Solution, estimate, inverse
from crmlab.survey.pls_model import PLSModel, read_model, standard
from crmlab.survey.resample import bootstrap_counts


def pls(
    model: Any,
    answers: pd.DataFrame,
    *,
    scheme: Scheme = "path",
    consistent: bool = False,
    bootstrap: int = 5000,
    rng: np.random.Generator | int | None = None,
    modes: Mapping[str, Literal["A", "B"]] | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> PLSFit:
    """How do constructs act on each other, each taken as a weighted sum of its items? (PLS-SEM)

    `model` is an Instrument or lavaan's syntax: `C =~ x1 + x2` (mode A), `C <~ x1 + x2` (mode B), paths `Y ~ A + B`,
    moderation `Y ~ A + B + A:B` (A's effect depends on B; two-stage), second-order constructs `H =~ A + B` or
    `H <~ A + B` (disjoint two-stage). `modes={"Image": "B"}` overrules. `answers` has a column an item; rows with an
    empty item are left out, and counted in `notes`. All items and scores are standardised (n - 1), so that paths are
    standardised; a product is of standardised scores and is not standardised again: its path says by how much A's
    effect grows with one standard deviation of B. The sum of a construct's loadings is positive.

    `scheme`: inner weights by paths (the default) or correlations ("factorial"). `consistent=True` corrects mode A
    constructs as common factors (PLSc, by rho_A). `bootstrap` samples give standard errors and intervals at `level`;
    they need `rng`, a seed or a Generator (0 samples need none). `progress(done, total)` is called in between.

    Raises DataError (model or answers, every fault), OptionError, and FitError where no solution exists. Wold (1982);
    Lohmoeller (1989); Dijkstra & Henseler (2015), MIS Quarterly 39(2). Agrees with R's seminr.

    >>> from crmlab.data.datasets import load_mobi
    >>> text = "Image =~ IMAG1 + IMAG2 + IMAG3; Loyal =~ CUSL1 + CUSL3; Loyal ~ Image"
    >>> fit = pls(text, load_mobi(), bootstrap=500, rng=1)
    >>> fit.paths[["from", "to", "est", "se"]].round(2)
        from     to   est    se
    0  Image  Loyal  0.45  0.06
    """
    check_option("scheme", scheme, get_args(Scheme))
    z_value(level)
    if not isinstance(bootstrap, int | np.integer) or (bootstrap != 0 and bootstrap < 50):
        raise OptionError(f"bootstrap={bootstrap!r} is not usable; 0 for none, at least 50 samples (5000 to report).")
    source = generator(rng, f"bootstrap={bootstrap}") if bootstrap else None
    plan = read_model(model, modes, scheme, consistent)
    data = item_table(answers, plan.items)
    solution, n = _solve(plan, data), len(data)
    notes, draws = list(plan.notes), None
    if lost := len(answers) - n:
        notes.append(f"{lost:,} of {len(answers):,} rows were left out, as an item is empty in them.")
    index = pd.Index([f"{effect}~{cause}" for cause, effect in plan.paths])
    cov = np.full((len(index), len(index)), np.nan)
    if source is not None:
        take = partial(resample, standard(data), plan.structure, solution.loadings[0], partial(statistics, plan))
        boot, failed = take(bootstrap, lambda a, b: bootstrap_counts(n, b - a, source), progress)
        jack, _ = take(n, lambda a, b: 1.0 * (np.arange(n) != np.arange(a, b)[:, None]))  # all rows but one, in turn
        cov, draws = np.atleast_2d(np.cov(boot["paths"].T)), Draws(boot, jack, level)
        more = f"; {failed:,} more failed." if failed else "."
        notes.append(f"Standard errors from {bootstrap - failed:,} bootstrap samples{more}")
    return PLSFit(
        model="PLSc-SEM" if consistent else "PLS-SEM",
        params=pd.Series(solution.coef[0][plan.ways], index=index, name="estimate"),
        cov=pd.DataFrame(cov, index=index, columns=index),
        n=n, converged=True, notes=tuple(notes), data=data, plan=plan, solution=solution, draws=draws,
    )  # fmt: skip


def _solve(plan: PLSModel, data: pd.DataFrame) -> Solution:
    """The estimates of the answers as they are; says what is wrong where there are none."""
    structure = plan.structure
    formative = {name: plan.blocks[name] for name in plan.names if plan.modes[name] == "B"}
    columns = max(int(structure.paths.sum(axis=0).max()), *map(len, formative.values()), 1)
    if len(data) < columns + 2:
        what = f"{len(data)} complete rows for a regression on {columns} columns"
        raise DataError(Fault("", what, f"Collect at least {columns + 2}, or leave items out."), "the answers")
    found = estimate(standard(data), np.ones((1, len(data))), structure)
    for name, items in formative.items():
        block = np.ix_(plan.at(name), plan.at(name))
        if np.isnan(inverse(found.corr[0][block][None])).any():
            raise FitError(
                f"The items of '{name}' (mode B) determine each other, so that their weights are not defined: "
                f"leave one of {', '.join(items)} out, or use mode A."
            )
    if structure.consistent:
        rho = dict(zip(plan.names, found.rho_a[0], strict=True))
        if bad := {name: value for name, value in rho.items() if not value > 0}:
            raise FitError(
                f"rho_A is not positive for {_listed(bad)}: its items do not share a factor, and PLSc has no "
                "correction. Look for items that need reversing, or use consistent=False."
            )
        cov = np.abs(np.tril(found.cov[0], -1))
        over = {name: value for name, value in rho.items() if value > 1}
        over |= {f"{plan.names[i]} with {plan.names[j]}": cov[i, j] for i, j in np.argwhere(cov > 1)}
        if over:
            text = f"PLSc's correction is improper: above 1 is rho_A or a correlation of {_listed(over)}."
            warnings.warn(text, AssumptionWarning, stacklevel=3)
    for j, effect in enumerate(plan.nodes):
        cause = np.flatnonzero(structure.paths[:, j])
        if np.isfinite(found.cov[0][np.ix_(cause, cause)]).all() and np.isnan(found.coef[0][cause, j]).any():
            causes = ", ".join(plan.nodes[i] for i in cause)
            raise FitError(f"The causes of '{effect}' determine each other: leave one of {causes} out.")
    if not found.converged[0]:
        with np.errstate(invalid="ignore", divide="ignore"):  # a sum may be constant
            corr = np.corrcoef([data[list(plan.blocks[name])].sum(axis=1) for name in plan.lower])
        alike = np.tril(np.abs(np.nan_to_num(corr)), -1)
        i, j = np.unravel_index(alike.argmax(), alike.shape)
        raise FitError(
            f"No weights were found in {found.rounds[0]} rounds. Either constructs are the same (most alike are "
            f"'{plan.lower[j]}' and '{plan.lower[i]}', whose sums correlate by {alike[i, j]:.3f}): leave one out; or "
            "a construct does not correlate with those that it is linked to: look at the items' correlations."
        )
    return found


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"'{name}' ({value:.3f})" for name, value in values.items())
