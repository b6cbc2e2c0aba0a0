"""One number for a board: net promoter score, satisfied customers, effort, ACSI and ECSI, each with its uncertainty."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crmlab.base.errors import AssumptionWarning, DataError, Fault, OptionError, check_option
from crmlab.base.fit import Shown, Summary, z_value
from crmlab.survey.drivers import check_scale, resampled_moments
from crmlab.survey.inputs import item_table
from crmlab.survey.instrument import Instrument
from crmlab.survey.resample import percentiles

Scale = tuple[float, float]


def nps(
    answers: pd.Series | pd.DataFrame, *, weights: Sequence[float] | pd.Series | None = None, level: float = 0.95
) -> pd.DataFrame:
    """How many more customers recommend us than warn of us? The net promoter score in points, -100 to 100.

    `answers` are whole numbers 0 to 10 to "how likely are you to recommend us" (Reichheld 2003, Harvard Business
    Review 81(12)), one question a column: 9 and 10 are promoters, 0 to 6 detractors. `weights` are one a row
    (survey weights). One row a question: nps, se, low, high, n, and the percentages promoters, passives and
    detractors. The variance is that of a difference of two shares of one multinomial sample, (p + d - (p - d)^2) / n;
    with weights the linearised one of a weighted mean, sum w^2 (x - nps)^2 / (sum w)^2 (weights are of people, not
    counts of answers). Empty answers are left out. Raises DataError for other codes and for weights that do not fit.

    >>> nps(pd.Series([10, 9, 9, 8, 7, 6, 0, 10], name="recommend")).round(1).loc["recommend", ["nps", "se"]].tolist()
    [25.0, 29.3]
    """
    z = z_value(level)
    rows = {}
    for name, column in _columns(answers, (0, 10), whole=True).items():
        x, w = column.dropna().to_numpy(), _weights(weights, column)
        side = np.where(x >= 9, 1.0, np.where(x <= 6, -1.0, 0.0))
        score = w @ side
        se = np.sqrt((w**2) @ (side - score) ** 2)
        _warn_flat(name, se)
        rows[name] = {
            "nps": 100 * score, "se": 100 * se, "low": 100 * max(score - z * se, -1),
            "high": 100 * min(score + z * se, 1), "n": len(x), "promoters": 100 * (w @ (side == 1)),
            "passives": 100 * (w @ (side == 0)), "detractors": 100 * (w @ (side == -1)),
        }  # fmt: skip
    return _table(rows)


def csat(
    answers: pd.Series | pd.DataFrame, scale: Scale, *, top: int = 2, threshold: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """What percentage of customers is satisfied? The share of answers in the `top` boxes of the scale.

    `scale=(1, 5)` is the lowest and highest code; `top=2` counts the two highest codes, `threshold=8` counts from
    8 up instead. One row a question: csat, se, low, high (Wilson 1927, JASA 22(158)), all in percent, n, satisfied.

    >>> csat(pd.Series([5, 4, 4, 3, 1], name="service"), (1, 5)).round(1).loc["service"].tolist()
    [60.0, 21.9, 23.1, 88.2, 5.0, 3.0]
    """
    low, high = check_scale(scale)
    if threshold is None and not 1 <= top <= high - low:
        raise OptionError(
            f"top={top!r} is not usable on a scale of {low:g} to {high:g}; 2 means the two highest codes."
        )
    bound = high - top + 1 if threshold is None else threshold
    if not low < bound <= high:
        raise OptionError(f"threshold={threshold!r} must lie above {low:g} and not above {high:g}.")
    z = z_value(level)
    rows = {}
    for name, column in _columns(answers, (low, high)).items():
        x = column.dropna()
        n, k = len(x), int((x >= bound).sum())
        p = k / n
        centre, reach = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        rows[name] = {
            "csat": 100 * p, "se": 100 * np.sqrt(p * (1 - p) / n),
            "low": 100 * max((centre - reach) / (1 + z**2 / n), 0.0),
            "high": 100 * min((centre + reach) / (1 + z**2 / n), 1.0), "n": n, "satisfied": k,
        }  # fmt: skip
    return _table(rows)


def ces(answers: pd.Series | pd.DataFrame, scale: Scale = (1, 7), *, level: float = 0.95) -> pd.DataFrame:
    """How easy do customers find it to deal with us? The mean answer, with Student's t interval.

    By default on the scale 1 to 7 of "the company made it easy for me to handle my issue", where high is good
    (Dixon, Toman & DeLisi 2013, The Effortless Experience); the question of 2010 asked for effort on 1 to 5, where
    low is good. One row a question: ces, se, low, high (in the scale's codes), n, scale.

    >>> ces(pd.Series([7, 6, 5, 6], name="easy")).round(2).loc["easy", ["ces", "low", "high"]].tolist()
    [6.0, 4.7, 7.0]
    """
    z_value(level)
    bottom, top = check_scale(scale)
    rows = {}
    for name, column in _columns(answers, (bottom, top)).items():
        x = column.dropna()
        mean, se = x.mean(), x.std(ddof=1) / np.sqrt(len(x))
        _warn_flat(name, se)
        reach = student.ppf(0.5 + level / 2, len(x) - 1) * se
        rows[name] = {
            "ces": mean, "se": se, "low": max(mean - reach, float(bottom)), "high": min(mean + reach, float(top)),
            "n": len(x), "scale": f"{bottom:g} to {top:g}",
        }  # fmt: skip
    return _table(rows)


@dataclass(frozen=True, repr=False)
class SatisfactionIndex(Shown):
    """An index on 0 to 100: `estimate` with `se`, `low`, `high`; `weights` sum to 1; one of `scores` a customer."""

    estimate: float
    se: float
    low: float
    high: float
    n: int
    weights: pd.Series
    weighting: str
    scores: pd.Series
    level: float = 0.95

    def summary(self) -> Summary:
        """The index as one sentence."""
        weights = ", ".join(f"{item} {w:.3f}" for item, w in self.weights.items())
        return Summary(
            f"{self.estimate:.1f} of 100 (se {self.se:.2f}, {self.level:.0%} {self.low:.1f} to {self.high:.1f}, "
            f"n {self.n:,}); weights ({self.weighting}): {weights}"
        )


def acsi(
    answers: pd.DataFrame,
    items: Sequence[str],
    weights: Mapping[str, float] | Literal["component", "equal"] | Any = "component",
    *,
    scale: Scale = (1, 10),
    level: float = 0.95,
    bootstrap: int = 0,
    rng: np.random.Generator | int | None = None,
) -> SatisfactionIndex:
    """How satisfied are customers, from 0 to 100? The index of the American Customer Satisfaction Index.

    100 * sum of w (mean - low) / (sum of w (high - low)) over the items (Fornell, Johnson, Anderson, Cha & Bryant
    1996, Journal of Marketing 60(4)). `weights`: one a item, for the answers as they are (not standardised);
    a PLS-SEM fit that has a construct of these items, whose weights are divided by the items' standard deviations
    as ACSI does; "component", those of the first principal component in the same way (no model is needed); or
    "equal". Weights are rescaled to sum to 1. The standard error takes the weights as known; with `bootstrap`
    samples "component" weights are estimated again in each, and low and high are percentiles. Rows with gaps are
    left out. Raises DataError for codes outside the scale.

    >>> from crmlab.data.datasets import load_mobi
    >>> acsi(load_mobi(), ["CUSA1", "CUSA2", "CUSA3"], "equal")
    72.0 of 100 (se 0.93, 95% 70.1 to 73.8, n 250); weights (equal): CUSA1 0.333, CUSA2 0.333, CUSA3 0.333
    """
    low, high = check_scale(scale)
    names = list(items)
    if not names:
        raise OptionError("items=[] is not usable; name the columns that the index is made of.")
    table = item_table(answers, names)
    _columns(table, (low, high))
    x = table.to_numpy()
    weighting = weights if isinstance(weights, str) else "given"
    if isinstance(weights, str):
        check_option("weights", weights, ("component", "equal"))
        w = np.ones(len(names))
        if weights == "component":
            w = component(np.atleast_2d(np.corrcoef(x, rowvar=False))) / x.std(axis=0, ddof=1)
    elif isinstance(weights, Mapping | pd.Series):
        if set(weights.keys()) != set(names):
            given = ", ".join(map(str, weights.keys()))
            raise OptionError(f"weights are for {given}, the items are {', '.join(names)}.")
        w = np.array([float(weights[name]) for name in names])
    else:
        w, weighting = _from_model(weights, names) / x.std(axis=0, ddof=1), "PLS-SEM"
    w = _to_one(w, names)
    scores = 100 * (x - low) @ w / (high - low)
    n, estimate = len(x), float(scores.mean())
    se = float(scores.std(ddof=1) / np.sqrt(n))
    reach = z_value(level) * se
    bounds = np.array([estimate - reach, estimate + reach])
    if (w >= 0).all():
        bounds = bounds.clip(0, 100)
    if bootstrap:
        parts = []
        for mean, sd, corr in resampled_moments(x, bootstrap, rng):
            drawn = component(np.nan_to_num(corr)) / sd if weighting == "component" else np.broadcast_to(w, mean.shape)
            parts.append((drawn * (mean - low)).sum(axis=1) / drawn.sum(axis=1))
        draws = 100 * np.concatenate(parts) / (high - low)
        se, bounds = float(np.nanstd(draws, ddof=1)), percentiles(draws, level)
    return SatisfactionIndex(
        estimate, se, float(bounds[0]), float(bounds[1]), n, pd.Series(w, index=names, name="weight"), weighting,
        pd.Series(scores, index=table.index, name="score"), level,
    )  # fmt: skip


def ecsi(
    answers: pd.DataFrame, model: Any = None, *, scale: Scale = (1, 10), level: float = 0.95, fit: Any = None
) -> pd.DataFrame:
    """Where do customers stand on each construct of the European Customer Satisfaction Index, from 0 to 100?

    The model of Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005), Computational Statistics & Data Analysis 48(1),
    with the items of `load_mobi()`, which is `Instrument.bundled("mobi")`; give your own `model` (text or Instrument),
    or a `fit` of `pls` to take its weights. A construct's score is the mean of its items, weighted by PLS weights over
    standard deviations; its mean over customers is the index. One row a construct: estimate, se, low, high, n. The
    standard error takes the weights as known. Warns where a weight is negative: such a score can leave 0 to 100.
    """
    if fit is None:
        from crmlab.survey.pls import pls

        fit = pls(Instrument.bundled("mobi") if model is None else model, answers, bootstrap=0)
    blocks = {name: items for name, items in fit.measurement.items() if set(items) <= set(answers.columns)}
    found = {name: acsi(answers, items, fit, scale=scale, level=level) for name, items in blocks.items()}
    columns = ("estimate", "se", "low", "high", "n")
    return _table({name: {c: getattr(one, c) for c in columns} for name, one in found.items()}, "construct")


def component(corr: np.ndarray) -> np.ndarray:
    """Weights of the first principal component of correlation matrices (..., p, p): (..., p), with a positive sum."""
    vector = np.linalg.eigh(corr)[1][..., -1]
    return vector * np.where(vector.sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)


def _from_model(fit: Any, names: list[str]) -> np.ndarray:
    """The PLS weights of the construct that has exactly these items."""
    if not hasattr(fit, "weights") or not hasattr(fit, "measurement"):
        raise OptionError(
            f"weights={fit!r} is not usable; give 'component', 'equal', a weight per item or a PLS-SEM fit."
        )
    for construct, items in fit.measurement.items():
        if set(items) == set(names):
            return fit.weights.loc[names, construct].to_numpy(dtype=float)
    known = "; ".join(f"{c}: {', '.join(i)}" for c, i in fit.measurement.items())
    raise OptionError(f"No construct of the model has exactly the items {', '.join(names)}. It has {known}.")


def _to_one(w: np.ndarray, names: list[str]) -> np.ndarray:
    if not np.isfinite(w).all() or w.sum() <= 0:
        raise OptionError(f"weights of {', '.join(names)} must be finite numbers with a sum above 0.")
    if (w < 0).any():
        negative = ", ".join(name for name, one in zip(names, w, strict=True) if one < 0)
        text = f"{negative}: the weight is negative; is the item to be reversed? Scores can leave 0 to 100."
        warnings.warn(text, AssumptionWarning, stacklevel=3)
    return w / w.sum()


def _columns(answers: pd.Series | pd.DataFrame, scale: Scale, *, whole: bool = False) -> dict[str, pd.Series]:
    """Each question's answers as numbers; raises with every column that has codes outside the scale."""
    if not isinstance(answers, pd.DataFrame):
        answers = pd.Series(answers)
        answers = answers.to_frame("answers" if answers.name is None else answers.name)
    twice = answers.columns[answers.columns.duplicated()].unique()
    if len(twice):
        raise DataError(
            [Fault(str(c), "more than one column has this name", "Rename them.") for c in twice], "the answers"
        )
    faults, columns = [], {}
    for name in answers.columns:
        column = pd.to_numeric(answers[name], errors="coerce")
        given = answers[name].notna()
        bad = given & ~column.between(*scale)
        if whole:
            bad |= given & (column % 1 != 0)
        if bad.any():
            kind = "whole numbers" if whole else "numbers"
            what, remedy = f"answers other than {kind} from {scale[0]:g} to {scale[1]:g}", "Correct or empty them."
            faults.append(Fault(str(name), what, remedy, int(bad.sum()), answers[name][bad].iloc[0]))
        elif given.sum() < 2:
            faults.append(Fault(str(name), "fewer than two answers", "Leave the question out."))
        columns[str(name)] = column.astype(float)
    if faults:
        raise DataError(faults, "the answers")
    return columns


def _weights(weights: Sequence[float] | pd.Series | None, column: pd.Series) -> np.ndarray:
    """The weights of the rows that answered, with sum 1."""
    seen = column.notna().to_numpy()
    w = np.ones(len(seen)) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != seen.shape or not np.isfinite(w).all() or (w < 0).any() or w[seen].sum() == 0:
        what = f"not one finite number of 0 or more for each of {len(seen):,} answers, with some above 0"
        raise DataError(Fault("", what, "Give one weight a row."), "weights")
    if isinstance(weights, pd.Series) and not weights.index.equals(column.index):
        raise DataError(
            Fault("", "their rows are named otherwise than the answers'", "Use weights.loc[answers.index]."), "weights"
        )
    return w[seen] / w[seen].sum()


def _warn_flat(name: str, se: float) -> None:
    if se == 0:
        what = f"{name}: all answers fall into one group, so that the interval has no width. Do not read it."
        warnings.warn(what, AssumptionWarning, stacklevel=3)


def _table(rows: dict[str, dict[str, Any]], index: str = "question") -> pd.DataFrame:
    return pd.DataFrame([*rows.values()], index=pd.Index([*rows], name=index))
