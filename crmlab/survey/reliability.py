"""Do the items of a scale agree? Cronbach's alpha with Feldt's interval, omega, and what each item adds."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from crmlab.base.errors import AssumptionWarning, FitError, OptionError, check_option
from crmlab.base.fit import Shown, Summary
from crmlab.survey.extraction import LEAST, extract
from crmlab.survey.factorability import Missing
from crmlab.survey.inputs import Spec, item_table, measurement
from crmlab.survey.syntax import parse


def alpha(cov: np.ndarray) -> float:
    """Cronbach's alpha of a covariance matrix: k/(k - 1) (1 - trace/sum); NaN for a single item.

    With a correlation matrix it is the standardised alpha (Cronbach 1951, Psychometrika 16(3)).

    >>> round(alpha(np.array([[1, 0.5], [0.5, 1]])), 4)
    0.6667
    """
    k, total = len(cov), np.sum(cov)
    return float(k / (k - 1) * (1 - np.trace(cov) / total)) if k > 1 and total > 0 else math.nan


def feldt_interval(estimate: float, n: int, k: int, level: float = 0.95) -> tuple[float, float]:
    """Between which bounds does the population's alpha lie, for `k` items and `n` answers?

    (1 - population's) / (1 - sample's alpha) follows F with n - 1 and (n - 1)(k - 1) degrees of freedom where the
    items are normal and parallel (Feldt 1965, Psychometrika 30(3)).

    >>> [round(bound, 3) for bound in feldt_interval(0.80, 100, 5)]
    [0.731, 0.856]
    """
    if not 0 < level < 1:
        raise OptionError(f"level={level!r} is not usable; 0.95 means a 95% interval.")
    if k < 2 or n < 2 or math.isnan(estimate):
        return math.nan, math.nan
    upper, lower = f_distribution.ppf([(1 + level) / 2, (1 - level) / 2], n - 1, (n - 1) * (k - 1))
    return float(1 - (1 - estimate) * upper), float(1 - (1 - estimate) * lower)


def composite_reliability(loadings: np.ndarray, residuals: np.ndarray | None = None) -> float:
    """What share of the sum score's variance is the factor's? (sum of loadings)^2 over itself plus the residuals.

    `residuals` are the items' residual variances, for standardised loadings 1 - loadings^2 (the default).
    McDonald's omega of one factor, and Joreskog's rho_c (Raykov 1997, Applied Psychological Measurement 21(2)).

    >>> round(composite_reliability(np.array([0.7, 0.8, 0.6])), 4)
    0.7449
    """
    size = np.asarray(loadings, dtype=float)
    rest = 1 - size**2 if residuals is None else np.asarray(residuals, dtype=float)
    common = size.sum() ** 2
    return float(common / (common + rest.sum()))


def omega(cov: np.ndarray) -> float:
    """McDonald's omega: composite reliability under one factor, fitted to `cov` by maximum likelihood.

    NaN for fewer than three items, which do not determine a factor's loadings. Raises FitError where an item is a
    sum of others. McDonald (1999), Test Theory, chapter 6.
    """
    return _omega(cov)[0]


def _omega(cov: np.ndarray) -> tuple[float, bool]:
    """Omega, and whether a residual variance ran to zero (a Heywood case)."""
    if len(cov) < 3:
        return math.nan, False
    sd = np.sqrt(np.diag(cov))
    corr = cov / np.outer(sd, sd)
    if np.linalg.eigvalsh(corr)[0] < 1e-8:
        raise FitError("The items' covariances have no inverse: an item repeats or adds up others. Leave it out.")
    load = extract(corr, 1, "ml")[0][:, 0]
    rest = 1 - load**2
    return composite_reliability(load * sd, rest * sd**2), bool(rest.min() < LEAST + 1e-6)


def item_rest(cov: np.ndarray) -> np.ndarray:
    """Each item's correlation with the sum of the others; NaN where that sum does not vary."""
    own = np.diag(cov)
    shared = cov.sum(axis=1) - own
    below = own * (cov.sum() - 2 * shared - own)
    return np.where(below > 0, shared / np.sqrt(np.where(below > 0, below, 1.0)), np.nan)


def against(corr: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Which items run against their scale? None unless some item-rest correlation in `rest` is negative.

    One turned item among three makes all three negative: the sign on the first component tells which it is.
    """
    first = np.linalg.eigh(corr)[1][:, -1]
    minor = np.sign(first) == -np.sign((first * np.abs(first)).sum())
    negative = rest < 0
    return minor if negative.any() and minor.any() and len(corr) > 2 else negative


@dataclass(frozen=True, repr=False)
class Reliability(Shown):
    """Result of `reliability`: a table by construct and one by item.

    `scales`: items, n, alpha with its interval (low, high), alpha_std (of standardised items), omega, mean_r (mean
    correlation), mean and sd of the scale (the mean of its items), note. `items`: construct, mean, sd, item_total
    (correlation with the sum of the other items), alpha_if_deleted.
    """

    scales: pd.DataFrame
    items: pd.DataFrame
    level: float
    missing: Missing

    def summary(self) -> Summary:
        """Both tables and the notes as text."""
        scales = self.scales.drop(columns="note").round(3).to_string(na_rep="-")
        lines = [f"Reliability   interval: {self.level:.0%} (Feldt)   missing answers: {self.missing}", "", scales, ""]
        lines += [self.items.round(3).to_string(na_rep="-")]
        notes = self.scales["note"][self.scales["note"] != ""]
        return Summary("\n".join(lines + [f"\n{name}: {note}" for name, note in notes.items()]))

    def _repr_html_(self) -> str:
        scales = self.scales if (self.scales["note"] != "").any() else self.scales.drop(columns="note")
        return "".join(table.round(3).to_html(na_rep="-") for table in (scales, self.items))


def reliability(
    answers: pd.DataFrame, constructs: Spec, *, level: float = 0.95, missing: Missing = "listwise"
) -> Reliability:
    """Do the items of each construct measure the same thing consistently?

    Parameters
    ----------
    answers
        A row for each respondent, a numeric column for each item, reverse-coded already (as `Instrument.read` does).
    constructs
        An Instrument, a model text (``"Trust =~ t1 + t2 + t3"``) or a mapping from construct to items.
    level
        Of Feldt's interval around alpha.
    missing
        "listwise": those who answered all items of the construct (as SPSS). "pairwise": covariances of all who
        answered both items, n everybody who answered any (as psych's alpha).

    Returns
    -------
    A `Reliability`. alpha is that of the raw items, `alpha_std` that of standardised ones. A single item has no
    reliability, two items no omega, and a formative construct neither (its items need not agree): NaN and a note.

    Raises
    ------
    DataError
        Items that are missing, no numbers, constant or nearly empty; all of them are listed.

    Notes
    -----
    Warns (AssumptionWarning), naming the items, where some correlate negatively with the rest of their scale.

    >>> from crmlab.data.datasets import load_mobi
    >>> found = reliability(load_mobi(), {"Satisfaction": ["CUSA1", "CUSA2", "CUSA3"], "Complaints": ["CUSCO"]})
    >>> found.scales[["items", "alpha", "low", "high", "omega"]].round(3)
                  items  alpha    low   high  omega
    construct
    Satisfaction      3   0.77  0.716  0.815  0.789
    Complaints        1    NaN    NaN    NaN    NaN
    """
    check_option("missing", missing, get_args(Missing))
    feldt_interval(0.5, 10, 2, level)  # says now if the level is unusable
    blocks = measurement(constructs)
    item_table(answers, [item for items in blocks.values() for item in items], missing="keep")
    formative = _formative(constructs)
    scales, parts = {}, []
    for name, items in blocks.items():
        table = item_table(answers, items, missing="listwise" if missing == "listwise" else "keep")
        scales[name], part = _scale(table.dropna(how="all"), level, name in formative)
        parts.append(part.assign(construct=name))
    by_item = pd.concat(parts)
    bad = by_item.index[by_item.pop("against")]
    if len(bad):
        text = (
            f"{', '.join(map(str, bad))}: runs against the other items of the scale (a negative correlation). "
            "Probably not reverse-coded: turn it round (lowest + highest code - answer) or look at its wording."
        )
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    order = ["construct", "mean", "sd", "item_total", "alpha_if_deleted"]
    overall = pd.DataFrame.from_dict(scales, orient="index").rename_axis("construct")
    return Reliability(overall, by_item[order].rename_axis("item"), level, missing)


def _formative(constructs: Any) -> set[str]:
    if isinstance(constructs, str):
        return {term.lhs for term in parse(constructs) if term.op == "<~"}
    return {one.name for one in getattr(constructs, "constructs", ()) if one.mode == "B"}


def _scale(table: pd.DataFrame, level: float, formative: bool) -> tuple[dict[str, Any], pd.DataFrame]:
    n, k = table.shape
    frame = table.cov()
    cov = frame.to_numpy()
    score = table.mean(axis=1)
    row: dict[str, Any] = {"items": k, "n": n}
    row |= dict.fromkeys(("alpha", "low", "high", "alpha_std", "omega", "mean_r"), math.nan)
    row |= {"mean": score.mean(), "sd": score.std(), "note": ""}
    part = pd.DataFrame({"mean": table.mean(), "sd": table.std(), "item_total": np.nan, "alpha_if_deleted": np.nan})
    part["against"] = False
    if k == 1 or formative:
        row["note"] = (
            "formative: its items need not agree, so that alpha and omega say nothing"
            if formative
            else "one item: its reliability cannot be seen from a single question"
        )
        return row, part
    if np.isnan(cov).any():
        row["note"] = "too few answered two of its items both: the covariance is unknown"
        return row, part
    sd = np.sqrt(np.diag(cov))
    corr = cov / np.outer(sd, sd)
    row["alpha"] = alpha(cov)
    row["low"], row["high"] = feldt_interval(row["alpha"], n, k, level)
    row["alpha_std"] = alpha(corr)
    row["mean_r"] = (corr.sum() - k) / (k * (k - 1))
    part["item_total"] = item_rest(cov)
    part["against"] = against(corr, part["item_total"].to_numpy())
    if k == 2:
        row["note"] = "two items: a factor's loadings are not determined, so that omega is left out"
        return row, part
    part["alpha_if_deleted"] = [alpha(np.delete(np.delete(cov, i, 0), i, 1)) for i in range(k)]
    try:
        row["omega"], heywood = _omega(cov)
        row["note"] = "an item's residual variance ran to zero (Heywood case): omega is doubtful" if heywood else ""
    except FitError:
        row["note"] = "an item repeats or adds up others: omega is left out"
    return row, part
