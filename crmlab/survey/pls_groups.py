"""PLS in two groups: are constructs measured alike, and do paths differ? Permutation tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, FitError, OptionError
from crmlab.base.fit import Summary, generator, z_value
from crmlab.survey.inputs import nearest
from crmlab.survey.pls import pls
from crmlab.survey.pls_bootstrap import Kept, Progress, resample
from crmlab.survey.pls_fit import PLSFit
from crmlab.survey.pls_math import Solution, estimate
from crmlab.survey.pls_model import standard


@dataclass(frozen=True, repr=False)
class PLSGroups:
    """Two groups compared.

    `paths`: from, to, the estimate in each group, difference (first - second), pvalue. `micom`, a row a construct:
    `correlation` of its scores by the two groups' weights with the lower bound and p-value under equal weights
    (step 2), differences of means and of log variances with p-values (step 3), and `invariance`: "none", "partial"
    (step 2 holds: paths may be compared) or "full" (groups may be pooled). `fits` holds each group's PLSFit, `notes`
    which rows were left out.
    """

    group: str
    paths: pd.DataFrame
    micom: pd.DataFrame
    fits: dict[Any, PLSFit]
    permutations: int
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{label} ({fit.n:,})" for label, fit in self.fits.items())
        tables = (table.round(3).to_string(index=False) for table in (self.paths, self.micom))
        head = f"{self.group}: {sizes}; {self.permutations:,} permutations"
        return "\n\n".join([head, *tables, *self.notes])

    def _repr_html_(self) -> str:
        return Summary(repr(self))._repr_html_()


def pls_groups(
    model: Any,
    answers: pd.DataFrame,
    group: str,
    *,
    permutations: int = 1000,
    rng: np.random.Generator | int | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
    **options: Any,
) -> PLSGroups:
    """Do paths differ between two groups, and are the constructs the same in both? (permutation test and MICOM)

    `group` is a column of `answers` with two values; rows where it is empty are left out, and counted in `notes`. The
    tests hold where group membership is exchangeable: Chin & Dibbern (2010) for paths, Henseler, Ringle & Sarstedt
    (2016), International Marketing Review 33(3), for MICOM's steps 2 and 3 (step 1, the same items and treatment, is
    yours). `options` go to `pls` (scheme, consistent, modes). p-values count the observed sample as one permutation;
    a construct is invariant at 1 - `level`. Errors name the group that has no solution.
    """
    source = generator(rng, "pls_groups()")
    z_value(level)
    if not isinstance(permutations, int | np.integer) or permutations < 1:
        raise OptionError(f"permutations={permutations!r} is not usable; 1000 is usual.")
    if group not in answers.columns:
        remedy = f"Name a column with the groups.{nearest(group, answers.columns)}"
        raise DataError(Fault(group, "it is missing", remedy), "the answers")
    filled = answers[group].notna() & (answers[group].astype(str).str.strip() != "")
    known, lost = answers[filled].reset_index(drop=True), int((~filled).sum())
    labels = sorted(known[group].unique(), key=str)
    if len(labels) != 2:
        what, remedy = f"it has {len(labels)} values", "Compare two at a time: answers[answers[column].isin([a, b])]."
        raise DataError(Fault(group, what, remedy, example=", ".join(map(str, labels[:5])) or None), "the answers")
    whole, fits = pls(model, known, bootstrap=0, **options), {}
    for label in labels:
        try:
            fits[label] = pls(model, known[known[group] == label], bootstrap=0, **options)
        except DataError as error:
            raise DataError(error.faults, f"the answers with {group} = {label}") from None
        except FitError as error:
            raise FitError(f"{group} = {label}: {error}") from None
    first = (known.loc[whole.data.index, group] == labels[0]).to_numpy(dtype=float)
    z, structure, pooled = standard(whole.data), whole.plan.structure, whole.solution
    like, corr = pooled.loadings[0], pooled.corr[0, : z.shape[1], : z.shape[1]]
    scores = z @ pooled.composites[0].T

    def collect(s: Solution, counts: np.ndarray) -> Kept:
        both = [s, estimate(z, 1 - counts, structure, like)]
        (v, vr), (w, wr) = ((one.composites, one.composites @ corr) for one in both)
        agree = (vr * w).sum(axis=2) / np.sqrt((vr * v).sum(axis=2) * (wr * w).sum(axis=2))
        paths = [np.where(one.converged[:, None], one.coef[:, *whole.plan.ways], np.nan) for one in both]
        n = counts.sum(axis=1)[:, None], (1 - counts).sum(axis=1)[:, None]
        mean, square = ((counts @ y / n[0], (1 - counts) @ y / n[1]) for y in (scores, scores**2))
        spread = [np.log((square[g] - mean[g] ** 2) * n[g] / (n[g] - 1)) for g in (0, 1)]
        return {
            "paths": paths[0] - paths[1], "each": np.stack(paths, axis=1), "correlation": agree,
            "mean": mean[0] - mean[1], "variance": spread[0] - spread[1],
        }  # fmt: skip

    take = partial(resample, z, structure, like, collect)
    seen, _ = take(1, lambda *_: first[None])
    rows: np.ndarray = np.broadcast_to(first, (permutations, len(first)))
    shuffled, failed = take(permutations, lambda a, b: source.permuted(rows[a:b], axis=1), progress)
    done = permutations - failed

    def pvalue(name: str) -> np.ndarray:
        return (1 + (np.abs(shuffled[name]) >= np.abs(seen[name]) - 1e-12).sum(axis=0)) / (1 + done)

    paths = whole.paths[["from", "to"]].assign(
        **{str(label): seen["each"][0, g] for g, label in enumerate(labels)},
        difference=seen["paths"][0], pvalue=pvalue("paths"),
    )  # fmt: skip
    equal = (1 + (shuffled["correlation"] <= seen["correlation"] + 1e-12).sum(axis=0)) / (1 + done)
    micom = pd.DataFrame({
        "construct": whole.plan.names,
        "correlation": seen["correlation"][0], "low": np.quantile(shuffled["correlation"], 1 - level, axis=0),
        "correlation_pvalue": equal,
        "mean_difference": seen["mean"][0], "mean_pvalue": pvalue("mean"),
        "variance_difference": seen["variance"][0], "variance_pvalue": pvalue("variance"),
    })  # fmt: skip
    same = (micom[["mean_pvalue", "variance_pvalue"]] > 1 - level).all(axis=1)
    micom["invariance"] = np.where(equal > 1 - level, np.where(same, "full", "partial"), "none")
    left_out = (f"{lost:,} of {len(answers):,} rows were left out, as '{group}' is empty in them.",) if lost else ()
    return PLSGroups(group, paths, micom, fits, done, (*left_out, *whole.notes))
