"""Exploratory factor analysis: which items go together, on how many factors, and how well that fits."""

from __future__ import annotations

import html
import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import chi2

from crmlab.base.errors import AssumptionWarning, FitError, OptionError, check_option
from crmlab.base.fit import Shown, Summary
from crmlab.survey.extraction import LEAST, Extraction, discrepancy, extract
from crmlab.survey.factorability import Missing, correlations, count_components, map_test
from crmlab.survey.fitmeasures import rmsea
from crmlab.survey.inputs import item_table
from crmlab.survey.rotation import Rotation, rotate

EXTRACTED = {"ml": "maximum likelihood", "minres": "minimum residuals", "paf": "principal axes"}


@dataclass(frozen=True, repr=False)
class EFA(Shown):
    """Result of `efa`. Tables by item and by factor (F1, F2, ... from the largest variance to the smallest).

    `loadings` is the pattern, `structure` the items' correlations with the factors (the same where these do not
    correlate). `chisq`, `df`, `pvalue`, `rmsea` with its 90% `rmsea_interval` and `tli` test the number of factors;
    `rms` is the root mean square of the residual correlations.
    """

    loadings: pd.DataFrame
    factor_correlations: pd.DataFrame
    communalities: pd.Series
    n: int
    extraction: Extraction
    rotation: Rotation
    chisq: float
    df: int
    pvalue: float
    rmsea: float
    rmsea_interval: tuple[float, float]
    tli: float
    rms: float
    converged: bool
    notes: tuple[str, ...] = ()

    @property
    def n_factors(self) -> int:
        """The number of factors."""
        return self.loadings.shape[1]

    @property
    def structure(self) -> pd.DataFrame:
        """Correlations of items with factors: loadings times the factors' correlations."""
        return self.loadings @ self.factor_correlations

    @property
    def uniqueness(self) -> pd.Series:
        """The share of each item's variance that the factors leave over."""
        return (1 - self.communalities).rename("uniqueness")

    @property
    def variance(self) -> pd.DataFrame:
        """Sum of squared loadings of each factor (its share of a correlated whole), as proportion and cumulated."""
        size = (self.loadings * self.structure).sum()
        share = size / len(self.loadings)
        rows = {"ss_loadings": size, "proportion": share, "cumulative": share.cumsum()}
        return pd.DataFrame(rows).T

    def table(self, cutoff: float = 0.30, sort: bool = True) -> pd.DataFrame:
        """The loadings to print: those below `cutoff` in size as NaN, items by their factor, with communalities."""
        size = self.loadings.abs()
        table = self.loadings.where(size >= cutoff).assign(communality=self.communalities)
        if not sort:
            return table
        order = np.lexsort((-size.max(axis=1).to_numpy(), size.to_numpy().argmax(axis=1)))
        return table.iloc[order]

    def summary(self, cutoff: float = 0.30) -> Summary:
        """The result as text: loadings from `cutoff` up, variance, the factors' correlations and the fit."""
        low, high = self.rmsea_interval
        three = "{:.3f}".format
        lines = [
            f"Exploratory factor analysis   answers: {self.n:,}   items: {len(self.loadings)}   "
            f"factors: {self.n_factors}   converged: {'yes' if self.converged else 'NO'}",
            f"extraction: {EXTRACTED[self.extraction]}   rotation: {self.rotation}   "
            f"(loadings below {cutoff:g} are left out)",
            "",
            self.table(cutoff).to_string(float_format=three, na_rep=""),
            "",
            self.variance.to_string(float_format=three),
        ]
        if self.rotation in ("promax", "oblimin"):
            lines += [
                "",
                "Correlations of the factors",
                self.factor_correlations.to_string(float_format=three),
            ]
        lines += [
            "",
            f"chi-square: {self.chisq:.2f}   df: {self.df}   p: {self.pvalue:.4g}   "
            f"RMSEA: {self.rmsea:.3f} (90% {low:.3f} to {high:.3f})   TLI: {self.tli:.3f}   "
            f"RMS residual: {self.rms:.3f}",
        ]
        return Summary("\n".join([*lines, *(line for note in self.notes for line in ("", note))]))

    def _repr_html_(self) -> str:
        fit = self.summary().split("\n\n")[-1 - len(self.notes) :]
        tables = [self.table(), self.variance]
        if self.rotation in ("promax", "oblimin"):
            tables.append(self.factor_correlations)
        shown = "".join(table.to_html(float_format="{:.3f}".format, na_rep="") for table in tables)
        return shown + "".join(f"<p>{html.escape(line)}</p>" for line in fit)


def efa(
    answers: pd.DataFrame,
    n_factors: int | Literal["parallel", "map"] = "parallel",
    extraction: Extraction = "ml",
    rotation: Rotation = "varimax",
    *,
    items: Any = None,
    missing: Missing = "listwise",
    rng: np.random.Generator | int = 0,
) -> EFA:
    """Which items go together, and on how many factors?

    Parameters
    ----------
    answers
        A row for each respondent, a numeric column for each item.
    n_factors
        A number; "parallel" (components above the 95% quantile of shuffled answers, drawn from `rng`) or "map".
    extraction
        "ml" (maximum likelihood), "minres" (psych's default) or "paf" (principal axes, run to convergence, where
        it meets minres; SPSS stops after 25 rounds).
    rotation
        "varimax" and "promax" (power 4) with Kaiser's normalisation, as in SPSS and psych; "oblimin" (direct
        quartimin) without; "none".
    items
        All columns by default; a list of names, an Instrument, a model text or a mapping.
    missing
        "listwise", or "pairwise" correlations with the smallest number of pairs as n.

    Returns
    -------
    An `EFA`. Factors come by their variance, signs so that a factor's loadings sum above 0.

    Raises
    ------
    DataError, OptionError, FitError
        Items that are missing or no numbers; more factors than the items can tell apart; no factor beyond chance;
        items that are sums of others.

    Notes
    -----
    chisq is (n - 1 - (2p + 5)/6 - 2m/3) times the maximum likelihood discrepancy (Bartlett 1951), for "minres" and
    "paf" at their own loadings, as psych does; rmsea = sqrt((chisq - df) / (df n)); tli takes the same multiplier
    for the model without factors. A communality at 1 (Heywood case) is named in `notes` and warned of.

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> fit = efa(load_holzinger_swineford().filter(regex="^x"), 3)
    >>> round(fit.chisq, 2), fit.df, fit.loadings["F1"].nlargest(3).index.tolist()
    (22.38, 12, ['x5', 'x4', 'x6'])
    """
    check_option("extraction", extraction, get_args(Extraction))
    check_option("rotation", rotation, get_args(Rotation))
    frame, n = correlations(answers, items, missing, needs=3)
    corr, names = frame.to_numpy(), list(frame.columns)
    p = len(names)
    m = _number(answers, n_factors, names, missing, rng)
    raw, converged = extract(corr, m, extraction)
    load, phi = rotate(raw, rotation)
    common = ((load @ phi) * load).sum(axis=1)
    factors = [f"F{k}" for k in range(1, m + 1)]
    notes = tuple(_notes(common, names, converged))
    for note in notes:
        warnings.warn(note, AssumptionWarning, stacklevel=2)
    implied = load @ phi @ load.T
    np.fill_diagonal(implied, 1)
    residual = corr - implied
    return EFA(
        loadings=pd.DataFrame(load, index=names, columns=factors),
        factor_correlations=pd.DataFrame(phi, index=factors, columns=factors),
        communalities=pd.Series(common, index=names, name="communality"),
        n=n, extraction=extraction, rotation=rotation, converged=converged, notes=notes,
        rms=float(np.sqrt((residual**2).sum() / (p * (p - 1)))),
        **_fit(corr, implied, n, m),
    )  # fmt: skip


def degrees(p: int, m: int) -> int:
    """Degrees of freedom of m factors on p items: ((p - m)^2 - p - m) / 2; below 0 the model has too many factors."""
    return ((p - m) ** 2 - p - m) // 2


def _number(answers: pd.DataFrame, wanted: Any, names: list[str], missing: Missing, rng: Any) -> int:
    p = len(names)
    most = max(m for m in range(p) if degrees(p, m) >= 0)
    if isinstance(wanted, str):
        check_option("n_factors", wanted, ("parallel", "map"))
        if wanted == "parallel":
            if rng is None:
                raise OptionError("rng=None would give another answer each time; pass a number or a Generator.")
            found = count_components(item_table(answers, names, missing="listwise").to_numpy(), rng)
        else:
            found = map_test(answers, names, missing=missing).n_components
        if found == 0:
            raise FitError(f"n_factors={wanted!r} finds no factor: the items share no more than chance would make.")
        return min(found, most)
    if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or not 1 <= wanted <= most:
        allowed = f"a whole number from 1 to {most} for {p} items" if most else f"at least 3 items, not {p}"
        raise OptionError(f"n_factors={wanted!r} is not usable; it must be 'parallel', 'map' or {allowed}.")
    return int(wanted)


def _notes(common: np.ndarray, names: list[str], converged: bool) -> list[str]:
    notes = []
    heywood = [name for name, h in zip(names, common, strict=True) if h > 1 - LEAST - 1e-6]
    if heywood:
        notes.append(
            f"Heywood case: the communality of {', '.join(heywood)} would pass 1 and is held at {1 - LEAST:g}. "
            "Too many factors, too few answers, or items that nearly repeat each other; do not read these loadings."
        )
    if not converged:
        notes.append("The extraction stopped before it converged; try another method or fewer factors.")
    return notes


def _fit(corr: np.ndarray, implied: np.ndarray, n: int, m: int) -> dict[str, Any]:
    p = len(corr)
    df, pairs, times = degrees(p, m), p * (p - 1) // 2, n - 1 - (2 * p + 5) / 6 - 2 * m / 3
    chisq, null = times * discrepancy(corr, implied), -times * np.linalg.slogdet(corr)[1]
    if df == 0 or times <= 0 or not math.isfinite(chisq):
        nan = math.nan
        return dict(chisq=chisq, df=df, pvalue=nan, rmsea=nan, rmsea_interval=(nan, nan), tli=nan)
    at, low, high, _ = rmsea(chisq, df, n)
    return {
        "chisq": chisq,
        "df": df,
        "pvalue": float(chi2.sf(chisq, df)),
        "rmsea": at,
        "rmsea_interval": (low, high),
        "tli": float((null / pairs - chisq / df) / (null / pairs - 1)),
    }
