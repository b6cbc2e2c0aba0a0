"""Do the items measure their constructs, and different constructs different things?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_option
from crmlab.base.fit import Shown, Summary
from crmlab.survey.drivers import resampled_moments
from crmlab.survey.inputs import Spec, item_table, measurement
from crmlab.survey.resample import percentiles

Kind = Literal["htmt", "htmt2"]


def convergent_validity(fit: Any) -> pd.DataFrame:
    """Do the items of each construct agree? Composite reliability and average variance extracted.

    One row a construct. For a CFA or SEM, in both conventions that programs print:
    `cr` and `ave` of standardised loadings l: (sum l)^2 / ((sum l)^2 + sum(1 - l^2)) and mean l^2 (Fornell &
    Larcker 1981, Journal of Marketing Research 18(1)), as theses report them;
    `omega` and `ave_unstd` of unstandardised loadings and residual variances: (sum l)^2 V / ((sum l)^2 V + sum of
    the items' residual covariance matrix) (Raykov 2001) and sum l^2 V / (sum l^2 V + sum of residual variances),
    V the construct's variance, as semTools prints them. Of ordered items both are of the responses behind them; an
    item of two constructs counts in both, each with its own loading.
    For PLS-SEM: alpha, rho_a, rho_c and ave; mode B constructs have none of it (NaN).
    """
    if _is_pls(fit):
        return pd.DataFrame(fit.reliability).rename_axis("construct")
    table = _estimates(fit)
    loadings, covariances = table[table["op"] == "=~"], table[table["op"] == "~~"]
    residual = {(a, b): v for a, b, v in covariances[["lhs", "rhs", "est"]].itertuples(index=False, name=None)}
    rows = {}
    for name, own in loadings.groupby("lhs", sort=False):
        items, std, raw = list(own["rhs"]), own["std.all"].to_numpy(dtype=float), own["std.lv"].to_numpy(dtype=float)
        if set(items) & set(loadings["lhs"]):  # made of constructs, whose scale is arbitrary
            raw, theta, shared = std, 1 - std**2, 0.0
        else:
            theta = np.array([residual.get((i, i), 1 - s**2) for i, s in zip(items, std, strict=True)])
            shared = 2 * sum(v for (a, b), v in residual.items() if a != b and a in items and b in items)
        common, squares = raw.sum() ** 2, (raw**2).sum()
        rows[name] = {
            "items": len(items),
            "cr": std.sum() ** 2 / (std.sum() ** 2 + (1 - std**2).sum()),
            "ave": (std**2).mean(),
            "omega": common / (common + theta.sum() + shared),
            "ave_unstd": squares / (squares + theta.sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("construct").astype({"items": int})


def fornell_larcker(fit: Any) -> pd.DataFrame:
    """Does each construct share more with its items than with other constructs?

    Square roots of AVE on the diagonal, correlations of constructs below; the criterion of Fornell & Larcker
    (1981) wants each diagonal value above the correlations in its row and its column.
    """
    ave = convergent_validity(fit)["ave"]
    names = list(ave.index)
    corr = _correlations(fit).loc[names, names].to_numpy(dtype=float)
    table = np.where(np.tri(len(names), k=-1, dtype=bool), corr, np.nan)
    np.fill_diagonal(table, np.sqrt(ave.to_numpy(dtype=float)))
    return pd.DataFrame(table, index=pd.Index(names, name="construct"), columns=names)


def htmt_matrix(corr: np.ndarray, blocks: Sequence[Sequence[int]], kind: Kind = "htmt") -> np.ndarray:
    """HTMT of correlation matrices (..., p, p), blocks of columns: (..., k, k) with ones in the diagonal.

    Arithmetic or, for htmt2, geometric means of absolute correlations; a single item agrees with itself by 1. NaN
    where a construct's items do not correlate at all.
    """
    member = np.zeros((corr.shape[-1], len(blocks)))
    for k, block in enumerate(blocks):
        member[list(block), k] = 1
    size = np.abs(corr) if kind == "htmt" else np.log(np.maximum(np.abs(corr), 1e-300))
    number, sums = member.sum(axis=0), member.T @ size @ member
    between = sums / np.outer(number, number)
    own = np.einsum("...kk->...k", sums) - np.einsum("...pp->...p", size) @ member
    own = np.where(number > 1, own / np.maximum(number * (number - 1), 1), float(kind == "htmt"))
    if kind == "htmt":
        both = own[..., :, None] * own[..., None, :]
        value = between / np.sqrt(np.where(both > 0, both, np.nan))
    else:
        value = np.exp(between - (own[..., :, None] + own[..., None, :]) / 2)
    return np.where(np.eye(len(blocks), dtype=bool), 1.0, value)


def htmt(
    answers: pd.DataFrame,
    spec: Spec,
    kind: Kind = "htmt",
    *,
    bootstrap: int = 0,
    rng: np.random.Generator | int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Do items of two constructs correlate as highly as items of one? The heterotrait-monotrait ratio.

    A symmetric table of constructs: the mean absolute correlation between their items over the geometric mean of
    the mean correlations within (Henseler, Ringle & Sarstedt 2015, Journal of the Academy of Marketing Science
    43(1)); above 0.85, or 0.90 for kin constructs, they are hardly distinct. `kind="htmt2"` takes geometric means
    (Roemer, Schuberth & Henseler 2021), for items that load unequally. With `bootstrap` samples (`rng` is needed)
    one row a pair instead: first, second, htmt, low, high (percentiles). Rows with gaps are left out.

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> model = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6"
    >>> htmt(load_holzinger_swineford(), model).round(4).loc["visual", "textual"].item()
    0.4243
    """
    check_option("kind", kind, get_args(Kind))
    construct = measurement(spec)
    names = list(construct)
    if len(names) < 2:
        raise OptionError(f"HTMT compares constructs, and the model has only {', '.join(names)}.")
    items = [item for block in construct.values() for item in block]
    x = item_table(answers, items).to_numpy()
    blocks = [[items.index(item) for item in block] for block in construct.values()]
    found = htmt_matrix(np.corrcoef(x, rowvar=False), blocks, kind)
    if not bootstrap:
        return pd.DataFrame(found, index=pd.Index(names, name="construct"), columns=names)
    draws = np.concatenate([htmt_matrix(c, blocks, kind) for _, _, c in resampled_moments(x, bootstrap, rng)])
    low, high = percentiles(draws, level)
    rows = [
        {"first": names[j], "second": names[i], kind: found[i, j], "low": low[i, j], "high": high[i, j]}
        for i, j in zip(*np.tril_indices(len(names), k=-1), strict=True)
    ]
    return pd.DataFrame(rows)


def cross_loadings(source: Any, spec: Spec | None = None) -> pd.DataFrame:
    """Does each item go with its own construct more than with others? Correlations, items by constructs.

    `source` is a fit: of PLS-SEM its cross-loadings, of a CFA or SEM the correlations that the model implies
    (loadings times construct correlations). Or it is answers, with `spec`: the correlation with the sum of the
    construct's standardised items, the item itself left out (1 for a construct's only item).
    """
    if not isinstance(source, pd.DataFrame):
        if _is_pls(source):
            return pd.DataFrame(source.cross_loadings).rename_axis("item")
        loadings = pd.DataFrame(source.loadings).fillna(0.0)
        names = list(loadings.columns)
        return (loadings @ _correlations(source).loc[names, names]).rename_axis("item")
    if spec is None:
        raise OptionError("cross_loadings(answers, spec) needs spec: which items measure which construct.")
    construct = measurement(spec)
    items = [item for block in construct.values() for item in block]
    corr = item_table(source, items).corr()
    table = pd.DataFrame(index=pd.Index(items, name="item"), columns=list(construct), dtype=float)
    for item in items:
        for name, block in construct.items():
            others = [other for other in block if other != item] or [item]
            total = corr.loc[others, others].to_numpy().sum()
            table.loc[item, name] = corr.loc[item, others].sum() / np.sqrt(total)
    return table


@dataclass(frozen=True, repr=False)
class Validity(Shown):
    """The tables of convergent and discriminant validity; `verdicts` says which criterion each construct meets.

    A missing verdict means that the criterion does not apply (AVE of a mode B construct, for example).
    """

    convergent: pd.DataFrame
    fornell_larcker: pd.DataFrame
    htmt: pd.DataFrame
    cross_loadings: pd.DataFrame
    verdicts: pd.DataFrame
    thresholds: dict[str, float]

    def summary(self) -> Summary:
        """All tables as text."""
        parts = {
            "Convergent validity": self.convergent,
            "Fornell-Larcker (square root of AVE, correlations)": self.fornell_larcker,
            "HTMT": self.htmt,
            f"Criteria met ({', '.join(f'{k} {v:g}' for k, v in self.thresholds.items())})": self.verdicts,
        }
        texts = {k: v.round(3).to_string(na_rep="").replace("<NA>", "    ") for k, v in parts.items() if len(v)}
        return Summary("\n\n".join(f"{title}\n{text}" for title, text in texts.items()))


def validity(
    fit: Any, answers: pd.DataFrame, *, ave: float = 0.5, cr: float = 0.7, htmt_below: float = 0.9
) -> Validity:
    """Is the measurement valid? All tables of a CFA, SEM or PLS-SEM at once, with a verdict per criterion.

    The thresholds are conventions: AVE 0.5 and composite reliability 0.7 (Fornell & Larcker 1981; Hair et al.),
    HTMT 0.85 or 0.90 (Henseler et al. 2015). `cr` judges `cr` of a CFA and rho_c of PLS-SEM. HTMT is computed
    for constructs with items, an item of two constructs taken with the one that it loads on most; a construct of
    constructs is not compared with its own parts.
    """
    table, larcker, cross = convergent_validity(fit), fornell_larcker(fit), cross_loadings(fit)
    names, size = list(table.index), pd.DataFrame(fit.loadings).abs()
    blocks = {name: items for name, items in fit.measurement.items() if set(items) <= set(answers.columns)}
    blocks = {name: tuple(i for i in items if size.loc[i].idxmax() == name) for name, items in blocks.items()}
    blocks = {name: items for name, items in blocks.items() if items}
    ratio = htmt(answers, blocks) if len(blocks) > 1 else pd.DataFrame()
    corr = _correlations(fit).loc[names, names].abs().to_numpy(dtype=float, copy=True)
    np.fill_diagonal(corr, 0)
    for whole, part in _parts(fit):
        a, b = names.index(whole), names.index(part)
        corr[a, b] = corr[b, a] = 0
    known = table["ave"].notna()
    verdicts = pd.DataFrame(
        {
            "cr": table["rho_c" if "rho_c" in table else "cr"] >= cr,
            "ave": table["ave"] >= ave,
            "fornell_larcker": np.sqrt(table["ave"]) > corr.max(axis=1),
        },
        dtype="boolean",
    ).where(known)
    if len(ratio):
        apart = ratio.where(~np.eye(len(ratio), dtype=bool), 0).max() < htmt_below
        verdicts["htmt"] = apart.astype("boolean").reindex(names)
    highest = cross.abs().idxmax(axis=1)
    own = {name: bool((highest[list(items)] == name).all()) for name, items in blocks.items() if name in cross}
    verdicts["cross_loadings"] = pd.Series(own, dtype="boolean").reindex(names)
    return Validity(table, larcker, ratio, cross, verdicts, {"CR": cr, "AVE": ave, "HTMT": htmt_below})


def _is_pls(fit: Any) -> bool:
    return hasattr(fit, "construct_correlations")


def _correlations(fit: Any) -> pd.DataFrame:
    return pd.DataFrame(fit.construct_correlations if _is_pls(fit) else fit.latent_correlations)


def _estimates(fit: Any) -> pd.DataFrame:
    """The rows of a fit's estimates; several groups have no common validity."""
    table: pd.DataFrame = fit.estimates
    if "group" in table and table["group"].nunique() > 1:
        raise OptionError("The fit has several groups; fit and judge each group's answers by themselves.")
    return table


def _parts(fit: Any) -> list[tuple[str, str]]:
    """(whole, part) of constructs that are made of constructs."""
    if _is_pls(fit):
        pairs = [(name, item) for name, items in fit.measurement.items() for item in items]
    else:
        table = _estimates(fit).query("op == '=~'")
        pairs = list(zip(table["lhs"], table["rhs"], strict=True))
    wholes = {whole for whole, _ in pairs}
    return [(whole, part) for whole, part in pairs if part in wholes]
