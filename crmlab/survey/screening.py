"""Which answers should be looked at before they are used? Flags and a report; nothing is left out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2

from crmlab.base.errors import FitError, OptionError, check_positive
from crmlab.base.words import Language, word
from crmlab.survey.inputs import item_table
from crmlab.survey.moments import Sample, sample

if TYPE_CHECKING:
    from crmlab.survey.instrument import Instrument

CHECKS = ("missing", "longstring", "mahalanobis", "even_odd", "seconds", "duplicate", "invalid")
SHARES = ("missing", "longstring")
LEAST_RUN = 6  # half of a short questionnaire is soon answered alike by those who agree with it


@dataclass(frozen=True, repr=False)
class Screening:
    """What screening found; nobody has been left out.

    - flags: a row a respondent with `missing` (items without an answer), `longstring` (longest run of one code),
      `mahalanobis` (squared distance) and `mahalanobis_p`, `even_odd`, `irv`, `seconds`, `duplicate`, `invalid`,
      then `n_flags` and `which` (the checks that fired)
    - missing_by_item: `missing` and `share` of each item
    - missing_patterns: `respondents`, how many items are `missing`, and which (`items`), the most frequent first
    - missing_map: True where an item has no answer, respondents x items
    - mcar: Little's test, `chisq`, `df`, `pvalue`, `patterns` (NaN where nothing is missing)
    - invalid: `row`, `column` and `value` of codes outside the scale
    - rules: the threshold of each check that was applied
    """

    flags: pd.DataFrame
    missing_by_item: pd.DataFrame
    missing_patterns: pd.DataFrame
    missing_map: pd.DataFrame
    mcar: pd.Series
    invalid: pd.DataFrame
    rules: dict[str, float]
    notes: tuple[str, ...] = ()

    def keep(self, max_flags: int = 1, without: Sequence[str] = ()) -> pd.Series:
        """Who has at most `max_flags` flags and none of `without`? For `answers[screening.keep()]`.

        A single flag is a reason to look, not to leave out: it may be an honest answer. Say in the report how many
        were left out and why.
        """
        for name in without:
            if name not in self.rules:
                raise OptionError(f"without={name!r} was not checked; there are {', '.join(self.rules)}.")
        named = [bool(set(which.split(", ")) & set(without)) for which in self.flags["which"]]
        return ((self.flags["n_flags"] <= max_flags) & ~np.array(named, dtype=bool)).rename("keep")

    def report(self, language: Language = "en") -> pd.DataFrame:
        """How many respondents does each check flag? Columns check, rule, flagged, share, who (the first five).

        `who` is by the identifier where the instrument names one, otherwise by the row's label.
        """
        rows, first_column = [], self.flags.columns[0]
        known = self.flags.index if first_column == "missing" else pd.Index(self.flags[first_column])
        for name, rule in self.rules.items():
            hit = known[[name in which.split(", ") for which in self.flags["which"]]]
            said = word(
                f"survey_screening.{name}_rule", language, rule=f"{rule:.0%}" if name in SHARES else f"{rule:g}"
            )
            some = [f"{one:g}" if isinstance(one, float) else str(one) for one in hit[:5]]
            first = ", ".join(some) + (", ..." if len(hit) > 5 else "")
            rows.append((word(f"survey_screening.{name}", language), said, len(hit), len(hit) / len(self.flags), first))
        return pd.DataFrame(rows, columns=["check", "rule", "flagged", "share", "who"])

    def __repr__(self) -> str:
        return "\n".join([self._head(), self.report().round(3).to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p>{self._head()}</p>{self.report().round(3).to_html(index=False, border=0)}{notes}"

    def _head(self) -> str:
        gaps = int(self.missing_map.to_numpy().sum())
        flagged, several = (int((self.flags["n_flags"] >= least).sum()) for least in (1, 2))
        return (
            f"respondents: {len(self.flags):,}   flagged: {flagged:,} (more than once: {several:,})   "
            f"missing answers: {gaps:,} ({gaps / self.missing_map.size:.1%})"
        )


def screen(
    answers: pd.DataFrame,
    instrument: Instrument,
    *,
    max_missing: float = 0.15,
    longstring: float = 0.5,
    mahalanobis: float = 0.001,
    even_odd: float | None = None,
    seconds_per_item: float = 2.0,
    seconds: pd.Series | str | None = None,
    order: Sequence[str] | None = None,
    invalid: pd.DataFrame | None = None,
    notes: Iterable[str] = (),
) -> Screening:
    """Who answered without reading, left much out, is an outlier, or stands twice?

    `Instrument.read` calls it; call it again for other thresholds. Reverse items are turned back where the codes as
    given count (longstring, irv).

    Parameters
    ----------
    answers, instrument
        As from `Instrument.read`.
    max_missing
        Flags who left out more than this share of the items (Hair, Hult, Ringle & Sarstedt 2017: 15%).
    longstring
        Flags whose longest run of one code, blanks passed over, is at least this share of the items (Curran 2016,
        Journal of Experimental Social Psychology 66: half), and at least six, or all.
    mahalanobis
        Flags squared distances with a smaller p under multivariate normality (Tabachnick & Fidell: .001). Mean
        and covariance are those of the EM algorithm; a respondent counts with the items answered.
    even_odd
        Flags whose two halves of the constructs correlate below this, stepped up by Spearman and Brown (Meade & Craig
        2012, Psychological Methods 17). By default it is told, not flagged: with fewer than some 30 constructs many
        who answered with care fall below any line.
    seconds_per_item, seconds
        Flags who took less than this an item (Huang et al. 2012, Journal of Business and Psychology 27: 2 seconds).
        `seconds` are the times, or their column; by default the instrument's.
    order
        The items as they were asked; by default the instrument's order.
    invalid, notes
        What reading found.

    A duplicate has the same answers, background included, as an earlier row, or its identifier.

    >>> from crmlab.survey.instrument import Instrument
    >>> asked = Instrument.from_items({"A": ["a1", "a2"], "B": ["b1", "b2"]})
    >>> seen = pd.DataFrame({"a1": [1, 4, 2], "a2": [1, 5, 4], "b1": [1, 2, 5], "b2": [1, 4, 1]})
    >>> screen(seen, asked).flags["longstring"].tolist()
    [4, 1, 1]
    """
    shares = {"max_missing": max_missing, "longstring": longstring, "mahalanobis": mahalanobis}
    for name, value in (shares | {"seconds_per_item": seconds_per_item}).items():
        check_positive(name, value, zero=True)
    items = list(order or instrument.item_names)
    table = _numbers(answers, items)
    codes = table.to_numpy(copy=True)
    for k, item in enumerate(items):
        known = next(i for i in instrument.items if i.name == item)
        if known.reverse:
            codes[:, k] = known.scale.low + known.scale.high - codes[:, k]
    gaps = table.isna()
    seen = ~gaps.to_numpy()
    said = list(notes)
    n, width = codes.shape
    rows = answers.index
    flags = pd.DataFrame({"missing": gaps.sum(axis=1).to_numpy()}, index=rows)
    flags["longstring"] = longest_run(codes)
    distance, p, mcar, why = _distances(table.to_numpy())
    said += why
    flags["mahalanobis"], flags["mahalanobis_p"] = distance, p
    blocks = [table[list(of)].to_numpy() for of in instrument.measurement.values() if len(of) > 1]
    halves = even_odd_consistency(blocks) if blocks else np.full(n, np.nan)
    flags["even_odd"] = halves
    flags["irv"] = pd.DataFrame(codes, index=rows).std(axis=1)
    fired = {
        "missing": flags["missing"].to_numpy() > max_missing * width,
        "longstring": flags["longstring"].to_numpy() >= max(longstring * width, min(LEAST_RUN, width)),
        "mahalanobis": np.nan_to_num(p, nan=1.0) < mahalanobis,
    }
    rules = {"missing": max_missing, "longstring": longstring, "mahalanobis": mahalanobis}
    if even_odd is not None:
        fired["even_odd"], rules["even_odd"] = np.nan_to_num(halves, nan=1.0) < even_odd, even_odd
    seconds = (instrument.seconds or None) if seconds is None else seconds
    if seconds is not None:
        taken = answers[seconds] if isinstance(seconds, str) else seconds.reindex(rows)
        flags["seconds"] = taken.to_numpy(dtype=float, na_value=np.nan)
        fired["seconds"] = np.nan_to_num(flags["seconds"].to_numpy(), nan=np.inf) < seconds_per_item * width
        rules["seconds"] = seconds_per_item
    same = answers[[*items, *(b.name for b in instrument.background if b.name in answers)]]
    twice = same.duplicated().to_numpy() & seen.any(axis=1)
    if instrument.respondent in answers:
        who = answers[instrument.respondent]
        twice |= (who.duplicated() & who.notna()).to_numpy()
        flags.insert(0, instrument.respondent, who)
    flags["duplicate"] = fired["duplicate"] = twice
    off = pd.DataFrame({"row": [], "column": [], "value": []}) if invalid is None else invalid
    flags["invalid"] = off["row"].value_counts().reindex(rows, fill_value=0).to_numpy() if rows.is_unique else 0
    fired["invalid"] = flags["invalid"].to_numpy() > 0
    rules |= {"duplicate": np.nan, "invalid": np.nan}
    flags["n_flags"] = sum(hit.astype(int) for hit in fired.values())
    flags["which"] = [", ".join(name for name in CHECKS if name in fired and fired[name][i]) for i in range(n)]
    by_item = pd.DataFrame({"missing": gaps.sum(), "share": gaps.mean()}).reindex(list(instrument.item_names))
    return Screening(
        flags, by_item.rename_axis("item"), _patterns(gaps), gaps, mcar, off.reset_index(drop=True), rules, tuple(said)
    )


def longest_run(codes: np.ndarray) -> np.ndarray:
    """The longest run of one code in each row of respondents x items; NaN are passed over.

    >>> longest_run(np.array([[3, 3, np.nan, 3, 2], [1, 2, 1, 2, 1]]))
    array([3, 1])
    """
    last, run, best = np.full(len(codes), np.nan), np.zeros(len(codes), int), np.zeros(len(codes), int)
    for column in codes.T:
        seen = ~np.isnan(column)
        run = np.where(seen, np.where(column == last, run + 1, 1), run)
        last = np.where(seen, column, last)
        best = np.maximum(best, run)
    return best


def even_odd_consistency(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """How alike do the even and the odd items of the constructs order them within each respondent?

    `blocks` are respondents x items, one a construct. The correlation over constructs of the two halves' means, as
    2r / (1 + r), at least -1; NaN with fewer than three constructs answered, or where a half does not vary.
    """
    odd, even = (np.stack([_mean(block[:, start::2]) for block in blocks], axis=1) for start in (0, 1))
    both = ~np.isnan(odd) & ~np.isnan(even)
    count = both.sum(axis=1)
    x, y = (np.where(both, half, 0.0) for half in (odd, even))
    x, y = (
        np.where(both, half - half.sum(axis=1, keepdims=True) / np.maximum(count, 1)[:, None], 0) for half in (x, y)
    )
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    usable = (count >= 3) & (size > 1e-12)
    r = np.where(usable, (x * y).sum(axis=1) / np.where(usable, size, 1.0), np.nan)
    return np.maximum(2 * r / np.maximum(1 + r, 1e-12), -1.0)


def _mean(block: np.ndarray) -> np.ndarray:
    seen = ~np.isnan(block)
    count = seen.sum(axis=1)
    return np.where(count > 0, np.where(seen, block, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _numbers(answers: pd.DataFrame, items: Sequence[str]) -> pd.DataFrame:
    """The items as floats; few rows, or an item that all answer alike, are no fault here."""
    if not all(i in answers and pd.api.types.is_numeric_dtype(answers[i]) for i in items):
        item_table(answers, items, missing="keep")  # says what is wrong
    return pd.DataFrame({i: answers[i].to_numpy(dtype=float, na_value=np.nan) for i in items}, index=answers.index)


def _distances(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, pd.Series, list[str]]:
    """Squared distances with their p, Little's test of MCAR (1988, JASA 83, equation 5), and notes."""
    seen = ~np.isnan(values)
    some, distance = seen.any(axis=1), np.full(len(values), np.nan)
    mcar = dict.fromkeys(("chisq", "df", "pvalue", "patterns"), np.nan)
    found = _moments(values[some])
    if found is None:
        note = "No Mahalanobis distances: too few respondents, or items that say the same."
        return distance, distance, pd.Series(mcar, name="mcar"), [note]
    group, mean, precision = found
    patterns, which = np.unique(seen[some], axis=0, return_inverse=True)
    off = np.where(seen[some], values[some] - mean, 0.0)
    distance[some] = np.einsum("ij,ijk,ik->i", off, precision[which.ravel()], off)
    p = np.where(some, chi2.sf(np.nan_to_num(distance), np.maximum(seen.sum(axis=1), 1)), np.nan)
    if len(patterns) > 1:
        centre = np.where(patterns, group.means - mean, 0.0)
        chisq = group.n * float(group.share @ np.einsum("ij,ijk,ik->i", centre, precision, centre))
        df = int(patterns.sum()) - values.shape[1]
        mcar = {"chisq": chisq, "df": df, "pvalue": chi2.sf(chisq, df), "patterns": len(patterns)}
    return distance, p, pd.Series(mcar, name="mcar", dtype=float), []


def _moments(values: np.ndarray) -> tuple[Sample, np.ndarray, np.ndarray] | None:
    """The sample, its mean, and by pattern of gaps the inverse of the covariance (n - 1); None where there is none."""
    count = (~np.isnan(values)).sum(axis=0)
    if len(values) <= values.shape[1] + 1 or count.min() < 2 or (np.nanmax(values, 0) == np.nanmin(values, 0)).any():
        return None
    group = sample(values)
    try:
        cov, mean = group.saturated
    except FitError:
        return None
    sd = np.sqrt(np.diag(cov))
    if np.linalg.eigvalsh(cov / np.outer(sd, sd))[0] < 1e-8:
        return None
    return group, mean, group.score(cov * group.n / (group.n - 1), mean)[3]


def _patterns(gaps: pd.DataFrame) -> pd.DataFrame:
    rows, counts = np.unique(gaps.to_numpy(), axis=0, return_counts=True)
    order = np.lexsort((rows.sum(axis=1), -counts))
    items = [", ".join(gaps.columns[row]) for row in rows[order]]
    return pd.DataFrame({"respondents": counts[order], "missing": rows[order].sum(axis=1), "items": items})
