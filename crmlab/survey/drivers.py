"""What drives an outcome? Standardised coefficients, and shares of R2 by dominance analysis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crmlab.base.errors import DataError, Fault, FitError, OptionError, check_option
from crmlab.base.fit import generator
from crmlab.survey.inputs import item_table
from crmlab.survey.pls_math import solve
from crmlab.survey.resample import bootstrap_counts, moments, percentiles

Method = Literal["dominance", "shapley", "standardised"]
MOST = 15  # predictors; the number of models doubles with each
CHUNK = 100  # bootstrap samples at a time: bounds the memory, changes no result


def drivers(
    answers: pd.DataFrame,
    target: str,
    predictors: Sequence[str],
    method: Method = "dominance",
    *,
    bootstrap: int = 0,
    rng: np.random.Generator | int | None = None,
    level: float = 0.95,
    scale: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Which of the predictors matters most for the target, and how well do we do in it?

    One row a predictor, the most important first: beta (standardised regression coefficient) with se and pvalue
    (least squares), r (correlation with the target), importance, share (of all importance), mean (of the answers).
    `method` says what importance is: "dominance", the predictor's part in R2, averaged over all models that could
    be built without it (general dominance: Budescu 1993, Psychological Bulletin 114(3); Azen & Budescu 2003;
    "shapley" is the same number under its other name, as is LMG), so that importances sum to R2; "standardised",
    |beta|. With `bootstrap` samples (1,000 will do; `rng` is needed) low and high are the percentile interval of
    importance. `scale=(1, 5)` adds performance, the mean on 0 to 100. `attrs` of the table hold r2 and n. Rows
    with gaps are left out. Raises DataError for faulty columns and codes outside `scale`, FitError where predictors
    determine one another or the target exactly.

    >>> from crmlab.data.datasets import load_mobi
    >>> drivers(load_mobi(), "CUSA1", ["PERQ1", "PERV1", "IMAG1"]).importance.round(3).to_dict()
    {'PERQ1': 0.257, 'IMAG1': 0.104, 'PERV1': 0.047}
    """
    check_option("method", method, get_args(Method))
    names = list(predictors)
    if not 1 <= len(names) <= MOST or len(set(names)) < len(names) or target in names:
        raise OptionError(
            f"predictors={names!r} is not usable; name 1 to {MOST} different columns, the target not among them."
        )
    table = item_table(answers, [target, *names])
    x = table.to_numpy()
    n, p = len(x), len(names)
    if n < p + 3:
        raise FitError(f"{n} complete rows are too few for {p} predictors; {p + 3} is the least.")
    if scale is not None:
        low, high = check_scale(scale)
        outside = dict(zip(names, ((x < low) | (x > high)).sum(axis=0)[1:], strict=True))
        what = f"codes outside the scale from {low:g} to {high:g}"
        if faults := [Fault(name, what, "Correct or empty them.", int(k)) for name, k in outside.items() if k]:
            raise DataError(faults, "the answers")
    corr = np.corrcoef(x, rowvar=False)
    values, vectors = np.linalg.eigh(corr[1:, 1:])
    if values[0] < 1e-10:
        among = [name for name, part in zip(names, vectors[:, 0], strict=True) if abs(part) > 1e-3]
        raise FitError(f"{', '.join(among)} determine one another exactly; leave one of them out.")
    beta = np.linalg.solve(corr[1:, 1:], corr[1:, 0])
    r2, df = float(corr[1:, 0] @ beta), n - p - 1
    if r2 > 1 - 1e-10:
        raise FitError(f"The predictors determine {target} exactly: is it made of them? Leave such predictors out.")
    se = np.sqrt((1 - r2) / df * np.diag(np.linalg.inv(corr[1:, 1:])))
    found = importance(corr, method)
    result = pd.DataFrame(
        {
            "beta": beta, "se": se, "pvalue": 2 * student.sf(np.abs(beta / se), df), "r": corr[1:, 0],
            "importance": found, "share": found / found.sum(), "mean": x[:, 1:].mean(axis=0),
        },
        index=pd.Index(names, name="predictor"),
    )  # fmt: skip
    if scale is not None:
        result["performance"] = 100 * (result["mean"] - low) / (high - low)
    if bootstrap:
        draws = np.concatenate([importance(c, method) for _, _, c in resampled_moments(x, bootstrap, rng)])
        result[["low", "high"]] = percentiles(draws, level).T
    result.attrs.update(r2=r2, n=n)
    return result.sort_values("importance", ascending=False)


def importance(corr: np.ndarray, method: Method = "dominance") -> np.ndarray:
    """Importance of predictors 1.. for variable 0 of correlation matrices (..., p + 1, p + 1): (..., p).

    For dominance, R2 of all 2^p models comes from sweeping one predictor after the other out of half of them
    (Schur complements of shrinking matrices), the same for all matrices at once.
    """
    stack = corr.reshape(-1, *corr.shape[-2:])
    p = stack.shape[-1] - 1
    if method == "standardised":
        beta = solve(stack[:, 1:, 1:], stack[:, 1:, :1])[..., 0]
        return np.abs(beta).reshape(*corr.shape[:-2], p)
    left = stack[None]  # models x samples x remaining variables x remaining variables
    for _ in range(p):
        row = left[..., -1:, :-1]
        pivot = np.maximum(left[..., -1:, -1:], 1e-12)
        rest = left[..., :-1, :-1]
        left = np.stack([rest, rest - np.swapaxes(row, -1, -2) * row / pivot], axis=1)
        left = left.reshape(-1, *left.shape[2:])
    r2 = 1 - left[..., 0, 0].reshape(*(2,) * p, -1)  # axis k: is predictor p - k in the model?
    size = np.indices((2,) * (p - 1)).sum(axis=0) if p > 1 else np.zeros(())
    weight = np.vectorize(lambda s: 1 / (p * math.comb(p - 1, int(s))))(size)[..., None]
    gains = [np.take(r2, 1, axis=k) - np.take(r2, 0, axis=k) for k in reversed(range(p))]
    shares = np.stack([(weight * gain).reshape(-1, len(stack)).sum(axis=0) for gain in gains], axis=-1)
    return shares.reshape(*corr.shape[:-2], p)


def resampled_moments(
    x: np.ndarray, draws: int, rng: np.random.Generator | int | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Means, standard deviations and correlations of x's columns in bootstrap samples of its rows, chunk by chunk.

    sd and correlations are NaN where a column does not vary.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise OptionError(f"bootstrap={draws!r} is not usable; it must be a whole number, 1 or more.")
    source, centre, spread = generator(rng, f"bootstrap={draws}"), x.mean(axis=0), x.std(axis=0, ddof=1)
    for start in range(0, draws, CHUNK):
        counts = bootstrap_counts(len(x), min(CHUNK, draws - start), source)
        mean, sd, corr = moments((x - centre) / spread, counts)
        yield mean * spread + centre, sd * spread, corr


def check_scale(scale: tuple[float, float]) -> tuple[float, float]:
    """The lowest and the highest code; raises OptionError where they are none."""
    low, high = scale
    if not -np.inf < low < high < np.inf:
        raise OptionError(f"scale={scale!r} is not usable; give the lowest and the highest code, such as (1, 5).")
    return low, high
