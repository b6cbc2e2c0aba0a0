"""Can these items be factored, and into how many? KMO, Bartlett, parallel analysis, MAP and Harman's test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import chi2

from crmlab.base.errors import DataError, Fault, FitError, OptionError, check_option
from crmlab.base.fit import Shown, Summary
from crmlab.survey.extraction import extract
from crmlab.survey.inputs import item_table, measurement

Missing = Literal["listwise", "pairwise"]
Noise = Literal["normal", "permuted"]
KAISER = ((0.9, "marvellous"), (0.8, "meritorious"), (0.7, "middling"), (0.6, "mediocre"), (0.5, "miserable"))
SINGLE_FACTOR = (
    "A share below one half does not show that common method bias is absent: the first share falls as items\n"
    "and constructs are added, and real bias seldom makes one factor of everything (Podsakoff et al. 2003).\n"
    "Procedural remedies, a marker variable or a common latent factor say more."
)


def item_names(answers: pd.DataFrame, items: Any = None) -> list[str]:
    """The items meant: all columns, a list of names, or those of an instrument, a model text or a mapping."""
    if items is None:
        names = list(getattr(answers, "columns", ()))
    elif isinstance(items, Sequence | pd.Index) and not isinstance(items, str):
        names = list(items)
    else:
        names = [name for block in measurement(items).values() for name in block]
    return list(dict.fromkeys(names))


def correlations(
    answers: pd.DataFrame, items: Any = None, missing: Missing = "listwise", needs: int = 2
) -> tuple[pd.DataFrame, int]:
    """The items' correlations and the number of answers behind them; at least `needs` items.

    With missing="pairwise" each correlation comes from all who answered both items, and n is the smallest such
    number. Raises DataError, and FitError where an item is a sum of others (the matrix has no inverse).
    """
    check_option("missing", missing, get_args(Missing))
    names = item_names(answers, items)
    if isinstance(answers, pd.DataFrame) and len(names) < needs:
        what = f"{len(names)} item{'s' if len(names) != 1 else ''}"
        raise DataError(Fault("", what, f"Give {needs} items or more."), "the items")
    table = item_table(answers, names, missing="listwise" if missing == "listwise" else "keep")
    seen = table.notna().to_numpy(dtype=float)
    n = int((seen.T @ seen).min())
    corr = table.corr(min_periods=3)
    if corr.isna().to_numpy().any():
        bad = corr.columns[corr.isna().any()].tolist()
        what = "has no correlation with other items: too few answered both, or all of these answered alike"
        raise DataError([Fault(name, what, "Leave the item out.") for name in bad], "the answers")
    values, vectors = np.linalg.eigh(corr.to_numpy())
    if values[0] < 1e-8:
        culprits = ", ".join(corr.columns[np.abs(vectors[:, 0]) > 0.1])
        few = f" There are {n} answers to {len(names)} items: more answers than items are needed." * (n <= len(names))
        remedy = "" if few else " Leave one of them out, such as a total beside its parts."
        if values[0] < -1e-8:
            remedy += " Correlations from different people do not fit together: use missing='listwise'."
        raise FitError(f"The correlations have no inverse; these items explain each other: {culprits}.{few}{remedy}")
    return corr, n


@dataclass(frozen=True, repr=False)
class KMO(Shown):
    """Result of `kmo`: the measure for all items together and for each."""

    overall: float
    items: pd.Series

    @property
    def word(self) -> str:
        """Kaiser's word for the overall measure, from "unacceptable" to "marvellous"."""
        return next((word for least, word in KAISER if self.overall >= least), "unacceptable")

    def summary(self) -> Summary:
        """The measures as text, the weakest items first."""
        weak = self.items.sort_values().head(3)
        listed = ", ".join(f"{name} {value:.3f}" for name, value in weak.items())
        return Summary(f"KMO: {self.overall:.3f} ({self.word})   lowest items: {listed}")

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() + self.items.round(3).to_frame().to_html()


def kmo(answers: pd.DataFrame, items: Any = None, *, missing: Missing = "listwise") -> KMO:
    """Do the items share enough for a factor analysis? Kaiser-Meyer-Olkin's measure of sampling adequacy.

    Squared correlations over squared correlations plus squared partial correlations, over all pairs and per item;
    0.5 is the least to go on with, 0.8 is good (Kaiser & Rice 1974, Educational and Psychological Measurement 34).
    `items`: all columns, or names, an instrument, a mapping.

    >>> from crmlab.data.datasets import load_mobi
    >>> round(kmo(load_mobi()).overall, 2)
    0.92
    """
    corr, _ = correlations(answers, items, missing)
    squared, partial = _without_diagonal(corr.to_numpy()), _without_diagonal(np.linalg.inv(corr.to_numpy()), True)
    per_item = squared.sum(axis=0) / (squared.sum(axis=0) + partial.sum(axis=0))
    overall = squared.sum() / (squared.sum() + partial.sum())
    return KMO(float(overall), pd.Series(per_item, index=corr.columns, name="kmo"))


def _without_diagonal(matrix: np.ndarray, scale: bool = False) -> np.ndarray:
    """Squares off the diagonal, after scaling the diagonal to 1 where asked."""
    root = np.sqrt(np.diag(matrix)) if scale else np.ones(len(matrix))
    squared = (matrix / np.outer(root, root)) ** 2
    np.fill_diagonal(squared, 0)
    return squared


def bartlett(answers: pd.DataFrame, items: Any = None, *, missing: Missing = "listwise") -> pd.Series:
    """Is there any correlation among the items at all? Bartlett's test of sphericity: chisq, df, pvalue, n.

    chisq = -(n - 1 - (2p + 5) / 6) log|R| (Bartlett 1951, Biometrika 38). With a few hundred answers it is
    nearly always significant, so that it says little beside KMO.

    >>> from crmlab.data.datasets import load_mobi
    >>> bartlett(load_mobi()).round(1).to_dict()
    {'chisq': 2868.6, 'df': 276.0, 'pvalue': 0.0, 'n': 250.0}
    """
    corr, n = correlations(answers, items, missing)
    p = len(corr)
    value = -(n - 1 - (2 * p + 5) / 6) * np.linalg.slogdet(corr.to_numpy())[1]
    df = p * (p - 1) / 2
    return pd.Series({"chisq": value, "df": df, "pvalue": chi2.sf(value, df), "n": n}, name="bartlett")


@dataclass(frozen=True, repr=False)
class Parallel(Shown):
    """Result of `parallel_analysis`: how many components and factors stand out, and the curves of the scree plot.

    `table`, a row for each number: `components` and `factors` (eigenvalues of the data), and for each the `_mean`
    and `_quantile` of the random data.
    """

    n_components: int
    n_factors: int
    table: pd.DataFrame
    n: int
    draws: int
    quantile: float
    noise: Noise

    def summary(self) -> Summary:
        """The suggested numbers and the first rows of the table as text."""
        rows = max(self.n_components, self.n_factors) + 2
        head = (
            f"Parallel analysis: {self.n_components} components, {self.n_factors} factors above the {self.quantile:.0%}"
        )
        return Summary(f"{head} quantile of {self.draws} random tables\n\n{self.table.head(rows).round(3).to_string()}")


def parallel_analysis(
    answers: pd.DataFrame, items: Any = None, *, draws: int = 200, quantile: float = 0.95,
    noise: Noise = "permuted", rng: np.random.Generator | int = 0,
) -> Parallel:  # fmt: skip
    """How many factors are there beyond what chance makes of as many answers? Horn's parallel analysis.

    Eigenvalues of the items' correlations (components) and of those with a single factor's communalities on the
    diagonal (factors), each kept while above the `quantile` of `draws` tables of the same size: every item's own
    answers shuffled ("permuted", which keeps their skew), or normal ones. Complete answers only. The components'
    number is the safer one; that of the factors rather counts too many (Lim & Jahng 2019, Psychological Methods
    24). Horn (1965), Psychometrika 30; Glorfeld (1995) for the quantile. The same `rng` gives the same table.

    >>> from crmlab.data.datasets import load_mobi
    >>> parallel_analysis(load_mobi()).n_components
    2
    """
    check_option("noise", noise, get_args(Noise))
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 10:
        raise OptionError(f"draws={draws!r} is not usable; it must be a whole number, 10 or more.")
    if not 0 < quantile < 1:
        raise OptionError(f"quantile={quantile!r} is not usable; 0.95 means above 95% of the random tables.")
    if rng is None:
        raise OptionError("rng=None would give another answer each time; pass a number or a Generator.")
    corr, n = correlations(answers, items, needs=3)
    data = item_table(answers, list(corr.columns), missing="listwise").to_numpy()
    drawn = _random(data, draws, noise, np.random.default_rng(rng), _eigenvalues)
    seen, mean, limit = _eigenvalues(corr.to_numpy()), drawn.mean(axis=0), np.quantile(drawn, quantile, axis=0)
    above = [_above(seen[k], limit[k]) for k in range(2)]
    curves = {
        f"{kind}{suffix}": values[k]
        for k, kind in enumerate(("components", "factors"))
        for suffix, values in (("", seen), ("_mean", mean), ("_quantile", limit))
    }
    table = pd.DataFrame(curves, index=pd.RangeIndex(1, len(corr) + 1, name="number"))
    return Parallel(above[0], above[1], table, n, draws, quantile, noise)


def count_components(data: np.ndarray, rng: np.random.Generator | int, draws: int = 200, quantile: float = 0.95) -> int:
    """The number of components alone, as `parallel_analysis` finds it: without the factors, which take most time."""
    drawn = _random(data, draws, "permuted", np.random.default_rng(rng), _falling)
    return _above(_falling(np.asarray(np.corrcoef(data, rowvar=False))), np.quantile(drawn, quantile, axis=0))


def _random(
    data: np.ndarray, draws: int, noise: Noise, rng: np.random.Generator, measure: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """`measure` of the correlations of each random table."""
    fakes = (rng.normal(size=data.shape) if noise == "normal" else rng.permuted(data, axis=0) for _ in range(draws))
    return np.stack([measure(np.asarray(np.corrcoef(fake, rowvar=False))) for fake in fakes])


def _above(seen: np.ndarray, limit: np.ndarray) -> int:
    """How many values, from the first on, are above their limit."""
    return int(np.argmin(np.append(seen > limit, False)))


def _falling(corr: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(corr)[::-1]


def _eigenvalues(corr: np.ndarray) -> np.ndarray:
    """Falling eigenvalues of the correlations, and of those with one minres factor's communalities (2 x p)."""
    load = extract(corr, 1, "minres")[0][:, 0]
    reduced = corr.copy()
    np.fill_diagonal(reduced, load**2)
    return np.stack([_falling(corr), _falling(reduced)])


@dataclass(frozen=True, repr=False)
class MapTest(Shown):
    """Result of `map_test`: the number of components, and the mean squared partial correlation after each."""

    n_components: int
    table: pd.Series

    def summary(self) -> Summary:
        """The suggested number and the series as text."""
        head = f"MAP: {self.n_components} components"
        return Summary(f"{head}\n\n{self.table.head(self.n_components + 4).round(4).to_string()}")


def map_test(answers: pd.DataFrame, items: Any = None, *, missing: Missing = "listwise") -> MapTest:
    """After how many components is only the items' own left? Velicer's minimum average partial.

    The mean squared partial correlation with 0, 1, 2, ... principal components held fixed; its least is the number
    (Velicer 1976, Psychometrika 41(3)). It tends to too few where factors have few items.

    >>> from crmlab.data.datasets import load_mobi
    >>> map_test(load_mobi()).n_components
    2
    """
    corr, _ = correlations(answers, items, missing, needs=3)
    matrix = corr.to_numpy()
    p = len(matrix)
    values, vectors = np.linalg.eigh(matrix)
    load = vectors[:, ::-1] * np.sqrt(values[::-1])
    mean = [_without_diagonal(matrix - load[:, :m] @ load[:, :m].T, True).sum() / (p * (p - 1)) for m in range(p - 1)]
    table = pd.Series(mean, index=pd.RangeIndex(p - 1, name="components"), name="mean_squared_partial")
    return MapTest(int(np.argmin(mean)), table)


@dataclass(frozen=True, repr=False)
class Harman(Shown):
    """Result of `harman`: the first component's and the first factor's share of the items' variance."""

    component: float
    factor: float
    caution: str = SINGLE_FACTOR

    @property
    def majority(self) -> bool:
        """Whether the first component holds more than half of the variance."""
        return self.component > 0.5

    def summary(self) -> Summary:
        """Both shares, and what they do not say, as text."""
        word = "more" if self.majority else "less"
        shares = f"first component: {self.component:.1%}   one factor (principal axes): {self.factor:.1%}"
        return Summary(f"Harman's single-factor test   {shares}   {word} than half\n{self.caution}")


def harman(answers: pd.DataFrame, items: Any = None, *, missing: Missing = "listwise") -> Harman:
    """Does a single factor hold most of the variance of all items? Harman's test for common method bias.

    The share of the first principal component (what SPSS users report) and of a single factor by principal axes.
    It is weak: `caution` says what it cannot show. Podsakoff, MacKenzie, Lee & Podsakoff (2003), Journal of
    Applied Psychology 88(5).

    >>> from crmlab.data.datasets import load_mobi
    >>> round(harman(load_mobi()).component, 3)
    0.395
    """
    corr, _ = correlations(answers, items, missing, needs=3)
    load, _ = extract(corr.to_numpy(), 1, "paf")
    first = float(np.linalg.eigvalsh(corr.to_numpy())[-1])
    return Harman(first / len(corr), float((load**2).sum()) / len(corr))
