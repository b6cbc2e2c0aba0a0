"""Questionnaires with known truth: answers cut from normal variables. No model is imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError

Path = tuple[str, str]  # (source, target)

# The constructs of Sin, Tse & Yim (2005) and Garrido-Moreno & Padilla-Melendez (2011); the numbers are made up.
LOADINGS: dict[str, tuple[float, ...]] = {
    "KCF": (0.80, 0.75, 0.78, 0.65),
    "KM": (0.78, 0.82, 0.74, 0.66),
    "TEC": (0.80, 0.84, 0.72, 0.40),
    "EXP": (0.82, 0.78, 0.72),
    "ORG": (0.76, 0.78, 0.80, 0.64),
    "MKT": (0.82, 0.80, 0.76),
    "FIN": (0.84, 0.86, 0.68),
}
PATHS: dict[Path, float] = {
    ("TEC", "KM"): 0.50,
    ("KCF", "ORG"): 0.30, ("KM", "ORG"): 0.45, ("EXP", "ORG"): 0.15,
    ("ORG", "MKT"): 0.50, ("KM", "MKT"): 0.12,
    ("ORG", "FIN"): 0.50, ("KM", "FIN"): 0.08, ("TEC", "FIN"): 0.0,
}  # fmt: skip
CORRELATIONS: dict[Path, float] = {("KCF", "TEC"): 0.40, ("KCF", "EXP"): 0.30, ("TEC", "EXP"): 0.35}
REVERSE = ("KCF4", "KM4", "ORG4")


def simulate_survey(
    n: int = 400, *, rng: np.random.Generator, loadings: Mapping[str, Sequence[float]] | None = None,
    paths: Mapping[Path, float] | None = None, correlations: Mapping[Path, float] | None = None,
    groups: Mapping[str, tuple[float, Mapping[Path, float]]] | None = None, reverse: Sequence[str] | None = None,
    categories: int | None = 5, shift: float | Mapping[str, float] = 0.3, missing: float = 0.0,
    straight_liners: float = 0.0, careless: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """What would n respondents answer, if constructs and paths were these? A row a respondent, a column an item.

    Constructs are normal with variance 1: those without causes correlate as given, the others are the sum of their
    paths and a normal disturbance. An item is loading x construct + noise with variance 1, cut at even steps from
    -1.5 to 1.5 into `categories`. All numbers are therefore standardised, and cutting makes the correlations of the
    answers smaller than those of the variables behind them.

    Parameters
    ----------
    n, rng
        How many respondents; the generator of random numbers.
    loadings
        Each construct with its items' loadings; items are named KM1, KM2, and so on. By default a CRM survey of
        25 items and seven constructs, made up after Sin, Tse & Yim (2005) and Garrido-Moreno & Padilla-Melendez (2011).
    paths, correlations
        (source, target) with its coefficient; pairs of constructs without causes with their correlation (else 0).
        With your own `loadings` both are empty by default.
    groups
        Each group with its share and the paths that differ in it: {"small": (0.6, {}), "large": (0.4, {("KM", "ORG"):
        0.6})}. Adds the column `group`.
    reverse
        Items worded against their construct: answers low + high - code.
    categories, shift
        Points of the scale, from 1; None leaves the items continuous. `shift` is each item's mean before
        the cut, one number or by item.
    missing, straight_liners, careless
        Shares: of cells left empty at random (NaN), of respondents who give one code throughout, of respondents who
        answer at random. The last two need `categories`.

    Returns
    -------
    A DataFrame, whose `attrs["truth"]` holds loadings (by item), paths and correlations (as "KM -> ORG", "KCF ~~ TEC"),
    groups, and the row numbers of straight_liners and careless. Raises OptionError for a share outside [0, 1], unknown
    constructs, causes in a circle, or numbers that leave no variance for a disturbance.

    Examples
    --------
    >>> survey = simulate_survey(300, rng=np.random.default_rng(1))
    >>> survey.shape, survey.attrs["truth"]["paths"]["KM -> ORG"]
    ((300, 25), 0.45)
    """
    if loadings is None:
        loadings, reverse = LOADINGS, REVERSE if reverse is None else reverse
        paths = PATHS if paths is None else paths
        correlations = CORRELATIONS if correlations is None else correlations
    paths, correlations, reverse = dict(paths or {}), dict(correlations or {}), tuple(reverse or ())
    _check(n, loadings, paths, correlations, groups, reverse, shift, categories)
    for name, share in (("missing", missing), ("straight_liners", straight_liners), ("careless", careless)):
        if not 0 <= share <= 1:
            raise OptionError(f"{name}={share!r} is no share; it must lie in 0 to 1.")
    whole = groups or {"": (1.0, {})}
    group = rng.choice(len(whole), size=n, p=[share for share, _ in whole.values()])
    latent = np.zeros((n, len(loadings)))
    for g, (_, own) in enumerate(whole.values()):
        root = np.linalg.cholesky(latent_covariance(tuple(loadings), paths | dict(own), correlations))
        latent[group == g] = rng.standard_normal((int((group == g).sum()), len(loadings))) @ root.T
    strength = {f"{c}{k}": value for c, of in loadings.items() for k, value in enumerate(of, 1)}
    weight = np.array(list(strength.values()))
    home = np.repeat(np.arange(len(loadings)), [len(of) for of in loadings.values()])
    noise = rng.standard_normal((n, len(weight))) * np.sqrt(1 - weight**2)
    means = np.array([shift[i] if isinstance(shift, Mapping) else shift for i in strength])
    answers = latent[:, home] * weight + noise + means
    turned = np.isin(list(strength), reverse)
    straight = careless_rows = np.zeros(0, dtype=int)
    if categories is None:
        answers[:, turned] *= -1
    else:
        answers = np.searchsorted(np.linspace(-1.5, 1.5, categories - 1), answers) + 1.0
        answers[:, turned] = 1 + categories - answers[:, turned]
        order = rng.permutation(n)
        many, few = round(straight_liners * n), round(careless * n)
        straight, careless_rows = np.sort(order[:many]), np.sort(order[many : many + few])
        answers[straight] = rng.integers(1, categories + 1, (len(straight), 1))
        answers[careless_rows] = rng.integers(1, categories + 1, (len(careless_rows), len(weight)))
    answers[rng.random(answers.shape) < missing] = np.nan
    survey = pd.DataFrame(answers, columns=list(strength))
    if groups:
        survey.insert(0, "group", np.array(list(groups))[group])
    survey.attrs["truth"] = {
        "loadings": strength,
        "paths": {f"{a} -> {b}": value for (a, b), value in paths.items()},
        "correlations": {f"{a} ~~ {b}": value for (a, b), value in correlations.items()},
        "groups": {g: {f"{a} -> {b}": v for (a, b), v in own.items()} for g, (_, own) in (groups or {}).items()},
        "straight_liners": straight.tolist(), "careless": careless_rows.tolist(),
    }  # fmt: skip
    return survey


def latent_covariance(
    names: Sequence[str], paths: Mapping[Path, float], correlations: Mapping[Path, float]
) -> np.ndarray:
    """How do standardised constructs correlate, given their paths and the correlations of those without causes?"""
    place = {name: i for i, name in enumerate(names)}
    causes = {t: {s: v for (s, target), v in paths.items() if target == t} for t in names}
    cov = np.eye(len(names))
    for (a, b), r in correlations.items():
        cov[place[a], place[b]] = cov[place[b], place[a]] = r
    done = [name for name in names if not causes[name]]
    while len(done) < len(names):
        ready = [t for t in names if t not in done and set(causes[t]) <= set(done)]
        if not ready:
            raise OptionError(f"paths go in a circle among {', '.join(t for t in names if t not in done)}.")
        target = ready[0]
        at, effect = [place[s] for s in causes[target]], np.array(list(causes[target].values()))
        explained = float(effect @ cov[np.ix_(at, at)] @ effect)
        if explained >= 1:
            raise OptionError(f"paths to {target} explain {explained:.2f} of its variance; make them smaller.")
        others = [place[name] for name in done]
        cov[place[target], others] = cov[others, place[target]] = cov[np.ix_(others, at)] @ effect
        done.append(target)
    if np.linalg.eigvalsh(cov)[0] <= 0:
        raise OptionError("correlations cannot all hold together; make them smaller.")
    return cov


def _check(
    n: int, loadings: Mapping[str, Sequence[float]], paths: Mapping[Path, float], correlations: Mapping[Path, float],
    groups: Mapping[str, tuple[float, Mapping[Path, float]]] | None, reverse: Sequence[str],
    shift: float | Mapping[str, float], categories: Any,
) -> None:  # fmt: skip
    items = {f"{c}{k}" for c, of in loadings.items() for k in range(1, len(of) + 1)}
    named = [
        name
        for pair in (*paths, *correlations, *(p for _, own in (groups or {}).values() for p in own))
        for name in pair
    ]
    caused = {target for _, target in paths}
    problems = [
        ("n must be above 0", n < 1),
        (f"loadings must lie between -1 and 1, each construct needs one: {loadings}",
         not loadings or any(not len(of) or max(map(abs, of)) >= 1 for of in loadings.values())),
        (f"unknown constructs {sorted(set(named) - set(loadings))}", not set(named) <= set(loadings)),
        (f"reverse names unknown items {sorted(set(reverse) - items)}", not set(reverse) <= items),
        ("correlations are for constructs that no path goes to", any(set(pair) & caused for pair in correlations)),
        ("shares of the groups must add up to 1",
         bool(groups) and abs(sum(share for share, _ in (groups or {}).values()) - 1) > 1e-9),
        (f"shift lacks the items {sorted(items - set(shift if isinstance(shift, Mapping) else items))}",
         isinstance(shift, Mapping) and not items <= set(shift)),
        (f"categories={categories!r} must be None, or a whole number from 2",
         categories is not None and (not isinstance(categories, int) or categories < 2)),
    ]  # fmt: skip
    for what, wrong in problems:
        if wrong:
            raise OptionError(what + ".")
