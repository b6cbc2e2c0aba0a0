"""PLS models at work: prediction of unseen answers, and the importance-performance map."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, DataError, Fault, FitError, OptionError, check_option
from crmlab.base.fit import Seed, generator
from crmlab.survey.inputs import nearest
from crmlab.survey.pls_math import Solution, estimate, total_effects
from crmlab.survey.pls_model import PLSModel, standard

if TYPE_CHECKING:
    from crmlab.survey.pls_fit import PLSFit

Technique = Literal["direct", "earliest"]
Ends = float | Mapping[str, float] | None


def predict(
    fit: PLSFit, folds: int = 10, repeats: int = 10, *, rng: Seed = None, technique: Technique = "direct"
) -> pd.DataFrame:
    """How well does the model predict answers that it has not seen? (PLSpredict, Shmueli et al. 2016, 2019)

    Repeated k-fold cross-validation; `rng` is needed. A row an item of each explained construct: rmse and mae of
    PLS, rmse_lm and mae_lm of a linear model, all in the item's units and over all repeats, and q2_predict =
    1 - PLS' squared error / that of the training mean. "direct": constructs are predicted from the scores of
    their direct causes (seminr's default), "earliest": from those of the constructs that nothing explains, along
    the paths (SmartPLS). The linear model regresses the item on the items of the same constructs. PLS has
    predictive power where q2_predict is above 0 and rmse below rmse_lm for most items.

    Raises OptionError for PLSc, FitError where a fold has no solution or fewer rows than the linear model needs.
    """
    plan, n = fit.plan, fit.n
    check_option("technique", technique, get_args(Technique))
    if plan.structure.consistent:
        raise OptionError("Scores of a PLSc model do not predict by its paths. Fit with consistent=False to predict.")
    whole = all(isinstance(number, int | np.integer) for number in (folds, repeats))
    if not whole or not 2 <= folds <= n or repeats < 1:
        what = f"folds={folds!r}, repeats={repeats!r}"
        raise OptionError(f"{what}: folds are 2 to the number of rows ({n}), repeats 1 or more.")
    source = generator(rng, "predict()")
    z = standard(fit.data)
    fold = np.stack([source.permutation(np.arange(n) % folds) for _ in range(repeats)])
    held = (fold[:, None, :] == np.arange(folds)[:, None]).reshape(-1, n)
    s = estimate(z, (~held).astype(float), plan.structure, fit.solution.loadings[0])
    if failed := int((~s.converged).sum()):
        raise FitError(f"{failed} of {len(held)} training sets have no PLS solution. Take fewer folds.")
    paths, k, p = plan.structure.paths, len(plan.structure.design.blocks), len(plan.items)
    caused = [j for j in range(k) if paths[:, j].any()]
    sources = {j: _items(plan, j, technique) for j in caused}
    most, rows = max(map(len, sources.values())), n - -(-n // folds)
    if most + 1 > rows:
        raise FitError(f"The linear model has {most} items and a training set has {rows} rows. Take more folds.")
    loadings = s.loadings[:, :k, :p] + s.loadings[:, :k, p:] @ s.loadings[:, k:, :p]  # items of parts: through them
    items = {j: np.flatnonzero(loadings[0, j]) for j in caused}
    columns = np.concatenate([items[j] for j in caused])
    errors = []  # of PLS, the linear model and the training mean
    for f, out in enumerate(held):
        nodes, mean = _nodes(plan, z, s, f, out, technique), s.mean[f, columns]
        fitted, linear = [], []
        for j in caused:
            fitted.append((nodes @ s.coef[f][:, j])[:, None] * loadings[f, j, items[j]])
            design = np.column_stack([np.ones(n), z[:, sources[j]]])
            linear.append(design[out] @ np.linalg.lstsq(design[~out], z[~out][:, items[j]], rcond=None)[0])
        guess = np.concatenate(fitted, axis=1) * s.sd[f, columns] + mean
        errors.append(z[out][:, columns] - np.stack([guess, np.concatenate(linear, axis=1), 0 * guess + mean]))
    wrong = np.concatenate(errors, axis=1)
    sd = fit.data.to_numpy().std(axis=0, ddof=1)[columns]
    square, size = (wrong**2).mean(axis=1), np.abs(wrong).mean(axis=1) * sd
    rmse = np.sqrt(square) * sd
    return pd.DataFrame({
        "construct": np.repeat([plan.nodes[j] for j in caused], [len(items[j]) for j in caused]),
        "item": [plan.items[c] for c in columns],
        "rmse": rmse[0], "mae": size[0], "q2_predict": 1 - square[0] / square[2], "rmse_lm": rmse[1], "mae_lm": size[1],
    })  # fmt: skip


def _items(plan: PLSModel, j: int, technique: Technique) -> list[int]:
    """The items, through parts and products, of the constructs that predict node j."""
    paths = plan.structure.paths
    causes = np.flatnonzero((paths if technique == "direct" else plan.structure.reach)[:, j])
    names = dict.fromkeys(name for i in causes for name in plan.nodes[i].split(":"))
    used = [name for name in names if technique == "direct" or not paths[:, plan.nodes.index(name)].any()]
    lower = [part for name in used for part in ((name,) if name in plan.lower else plan.blocks[name])]
    return [column for name in lower for column in plan.at(name)]


def _nodes(plan: PLSModel, z: np.ndarray, s: Solution, f: int, out: np.ndarray, technique: Technique) -> np.ndarray:
    """Scores of the rows left out, by the weights of training set f; products after the constructs."""
    k, pairs = len(plan.structure.design.blocks), plan.structure.products
    scores = ((z - s.mean[f]) / s.sd[f]) @ s.composites[f, :k].T
    raw = np.column_stack([scores, *(scores[:, a] * scores[:, b] for a, b in pairs)])
    centre = np.where(np.arange(raw.shape[1]) < k, 0, raw[~out].mean(axis=0))
    nodes = raw[out] - centre
    for i in plan.order if technique == "earliest" else ():
        if i >= k:
            a, b = pairs[i - k]
            nodes[:, i] = nodes[:, a] * nodes[:, b] - centre[i]
        elif plan.structure.paths[:, i].any():
            nodes[:, i] = nodes @ s.coef[f][:, i]
    return nodes


def importance_performance(fit: PLSFit, target: str, low: Ends = None, high: Ends = None) -> pd.DataFrame:
    """What is worth improving? Total effects on `target` against mean scores (IPMA, Ringle & Sarstedt 2016).

    A row a construct that acts on the target: `importance`, by how many points the target rises with one point
    of the construct (unstandardised total effect, scores from 0 to 100), `performance`, its mean score from 0 to
    100, and `total_effect` (standardised). `low` and `high` are the scale's ends, one for all items or by item;
    an Instrument gives them. Warns (AssumptionWarning) where a weight is negative: the score may then leave 0 to
    100. Raises OptionError for an unknown target or end, DataError for answers beyond the ends.
    """
    plan, x = fit.plan, fit.data.to_numpy()
    names = plan.nodes[: len(plan.structure.design.blocks)]
    if target not in names:
        raise OptionError(f"target='{target}' is no construct with paths.{nearest(target, names)}")
    ends = []
    for i, (which, given) in enumerate((("low", low), ("high", high))):
        known = {item: scale[i] for item, scale in plan.scales.items()} if given is None else given
        if not isinstance(known, Mapping):
            known = dict.fromkeys(plan.items, known)
        if missing := [item for item in plan.items if not np.isfinite(known.get(item, np.nan))]:
            raise OptionError(f"{which} is not known for {', '.join(missing)}: give low= and high=, the scale's ends.")
        ends.append(np.array([float(known[item]) for item in plan.items]))
    beyond = (x < ends[0]) | (x > ends[1])
    faults = [
        Fault(item, "answers beyond the scale", "Give the scale's true ends.", int(out.sum()), float(x[out, i][0]))
        for i, (item, out) in enumerate(zip(plan.items, beyond.T, strict=True))
        if out.any()
    ]
    if faults:
        raise DataError(faults, "the answers")
    points = (x - ends[0]) / (ends[1] - ends[0]) * 100
    raw = fit.solution.composites[0, : len(names)] / points.std(axis=0, ddof=1)
    if (negative := np.argwhere(raw < 0)).size:
        listed = ", ".join(f"{plan.items[c]} of '{names[j]}'" for j, c in negative)
        text = f"Weights are negative: {listed}. Scores may leave 0 to 100; drop or reverse them."
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    size, at = raw.sum(axis=1), names.index(target)  # 1 / standard deviation of a score from 0 to 100
    total = total_effects(fit.solution.coef[0])[: len(names), at]
    table = pd.DataFrame(
        {"importance": total * size / size[at], "performance": raw @ points.mean(axis=0) / size, "total_effect": total},
        index=pd.Index(names, name="construct"),
    )
    return table[plan.structure.reach[: len(names), at]]
