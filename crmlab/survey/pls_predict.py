"""PLS models at work: prediction of unseen answers, and the importance-performance map."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, DataError, Fault, FitError, OptionError, check_option
from crmlab.survey.inputs import nearest
from crmlab.survey.pls_bootstrap import generator
from crmlab.survey.pls_math import Solution, estimate, total_effects
from crmlab.survey.pls_model import PLSModel, standard

Technique = Literal["direct", "earliest"]


def predict(
    plan: PLSModel, data: pd.DataFrame, like: np.ndarray, folds: int, repeats: int,
    rng: np.random.Generator | int | None, technique: Technique,
) -> pd.DataFrame:  # fmt: skip
    """PLSFit.predict on a model and its answers."""
    check_option("technique", technique, get_args(Technique))
    if plan.structure.consistent:
        raise OptionError("Scores of a PLSc model do not predict by its paths. Fit with consistent=False to predict.")
    n = len(data)
    if not 2 <= folds <= n or repeats < 1:
        raise OptionError(
            f"folds={folds!r}, repeats={repeats!r}: folds are 2 to the number of rows ({n}), repeats 1 or more."
        )
    source = generator(rng, "predict()")
    z, x = standard(data), data.to_numpy()
    fold = np.stack([source.permutation(np.arange(n) % folds) for _ in range(repeats)])
    held = (fold[:, None, :] == np.arange(folds)[:, None]).reshape(-1, n)
    s = estimate(z, (~held).astype(float), plan.structure, like)
    if not s.converged.all():
        raise FitError(
            f"{int((~s.converged).sum())} of {len(held)} training sets have no PLS solution. Take fewer folds."
        )
    paths, k = plan.structure.paths, len(plan.structure.design.blocks)
    reach = total_effects(paths.astype(float)) > 0.5
    caused = [j for j in range(k) if paths[:, j].any()]
    sources = {
        j: _sources(plan, paths[:, j] if technique == "direct" else reach[:, j] & ~paths.any(axis=0)) for j in caused
    }
    most, rows = max(map(len, sources.values())), n - -(-n // folds)
    if most + 1 > rows:
        raise FitError(f"The linear model has {most} items and a training set has {rows} rows. Take more folds.")
    p = len(plan.items)
    loadings = s.loadings[:, :k, :p] + s.loadings[:, :k, p:] @ s.loadings[:, k:, :p]  # items of parts: through them
    items = {j: np.flatnonzero(loadings[0, j]) for j in caused}
    columns = np.concatenate([items[j] for j in caused])
    errors = np.zeros((3, repeats * n, len(columns)))  # of PLS, the linear model and the training mean
    done = 0
    for f, out in enumerate(held):
        at = slice(done, done := done + int(out.sum()))
        proxies = _nodes(plan, z, s, f, out, technique)
        fitted = {j: (proxies @ s.coef[f][:, j])[:, None] * loadings[f, j, items[j]] for j in caused}
        guess = np.concatenate([fitted[j] for j in caused], axis=1) * s.sd[f, columns] + s.mean[f, columns]
        errors[0, at] = z[out][:, columns] - guess
        errors[2, at] = z[out][:, columns] - s.mean[f, columns]
        linear = []
        for j in caused:
            design = np.column_stack([np.ones(n), z[:, sources[j]]])
            linear.append(design[out] @ np.linalg.lstsq(design[~out], z[~out][:, items[j]], rcond=None)[0])
        errors[1, at] = z[out][:, columns] - np.concatenate(linear, axis=1)
    square, size = (errors**2).mean(axis=1), np.abs(errors).mean(axis=1)
    sd = x.std(axis=0, ddof=1)[columns]
    return pd.DataFrame({
        "construct": np.repeat([plan.nodes[j] for j in caused], [len(items[j]) for j in caused]),
        "item": [plan.items[c] for c in columns],
        "rmse": np.sqrt(square[0]) * sd, "mae": size[0] * sd, "q2_predict": 1 - square[0] / square[2],
        "rmse_lm": np.sqrt(square[1]) * sd, "mae_lm": size[1] * sd,
    })  # fmt: skip


def _sources(plan: PLSModel, causes: np.ndarray) -> list[int]:
    """The items of these nodes, through parts and products."""
    names = dict.fromkeys(name for i in np.flatnonzero(causes) for name in plan.nodes[i].split(":"))
    items = [column for name in names for column in plan.blocks[name]]
    items = [item for column in items for item in ((column,) if column in plan.items else plan.blocks[column])]
    return [plan.items.index(item) for item in items]


def _nodes(plan: PLSModel, z: np.ndarray, s: Solution, f: int, out: np.ndarray, technique: Technique) -> np.ndarray:
    """Scores of the rows left out, by the weights of training set f; products after the constructs."""
    k = len(plan.structure.design.blocks)
    scores = ((z - s.mean[f]) / s.sd[f]) @ s.composites[f, :k].T
    pairs = plan.structure.products
    centre = [(scores[~out, a] * scores[~out, b]).mean() for a, b in pairs]
    nodes = np.column_stack(
        [scores[out], *(scores[out, a] * scores[out, b] - c for (a, b), c in zip(pairs, centre, strict=True))]
    )
    if technique == "earliest":
        for i in plan.order:
            if i >= k:
                a, b = pairs[i - k]
                nodes[:, i] = nodes[:, a] * nodes[:, b] - centre[i - k]
            elif plan.structure.paths[:, i].any():
                nodes[:, i] = nodes @ s.coef[f][:, i]
    return nodes


def importance_performance(
    plan: PLSModel, data: pd.DataFrame, s: Solution, target: str, ends: Mapping[str, float | Mapping[str, float] | None]
) -> pd.DataFrame:
    """PLSFit.importance_performance on a model and its answers."""
    k = len(plan.structure.design.blocks)
    names = plan.nodes[:k]
    if target not in names:
        raise OptionError(f"target='{target}' is no construct with paths.{nearest(target, names)}")
    low, high = (_bounds(plan, which, given) for which, given in ends.items())
    x = data.to_numpy()
    faults = [
        Fault(
            item,
            "answers beyond the scale",
            "Give the scale's true ends.",
            int(beyond.sum()),
            example=float(x[beyond, i][0]),
        )
        for i, item in enumerate(plan.items)
        if (beyond := (x[:, i] < low[i]) | (x[:, i] > high[i])).any()
    ]
    if faults:
        raise DataError(faults, "the answers")
    points = (x - low) / (high - low) * 100
    raw = s.composites[0, :k] / points.std(axis=0, ddof=1)
    size = raw.sum(axis=1)  # 1 / standard deviation of a score from 0 to 100
    if (negative := np.argwhere(raw < 0)).size:
        listed = ", ".join(f"{plan.items[c]} of '{names[j]}'" for j, c in negative)
        warnings.warn(
            f"Weights are negative: {listed}. Scores may leave 0 to 100; drop or reverse them.",
            AssumptionWarning,
            stacklevel=3,
        )
    total = total_effects(s.coef[0])[:k, names.index(target)]
    table = pd.DataFrame({
        "importance": total * size / size[names.index(target)],
        "performance": (raw / size[:, None]) @ points.mean(axis=0),
        "total_effect": total,
    }, index=pd.Index(names, name="construct"))  # fmt: skip
    return table[total_effects(plan.structure.paths.astype(float))[:k, names.index(target)] > 0.5]


def _bounds(plan: PLSModel, which: str, given: float | Mapping[str, float] | None) -> np.ndarray:
    if given is None:
        given = {item: ends[which == "high"] for item, ends in plan.scales.items()}
    if isinstance(given, Mapping):
        if missing := [item for item in plan.items if item not in given]:
            raise OptionError(f"{which} is not known for {', '.join(missing)}: give low= and high=, the scale's ends.")
        return np.array([float(given[item]) for item in plan.items])
    return np.full(len(plan.items), float(given))
