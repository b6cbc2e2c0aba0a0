"""Ordinal items: thresholds, polychoric correlations and how well both are known. (Olsson 1979; Muthen 1984)"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, owens_t

from crmlab.base.errors import AssumptionWarning, DataError, Fault
from crmlab.survey.inputs import item_table

MOST_CATEGORIES = 15
BOUND = 0.9995
BEYOND = 40.0  # a threshold that no latent response passes; stands in for those that an item does not have


def binormal(h: np.ndarray, k: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """P(X <= h, Y <= k) of two standard normals with correlation rho, |rho| < 1 (Owen 1956, equation 2.1).

    >>> float(binormal(np.zeros(1), np.zeros(1), np.array([0.5]))[0])  # 1/4 + asin(1/2) / (2 pi)
    0.3333333333333333
    """
    h, k = (np.where(np.abs(x) < 1e-150, 1e-150, x) for x in (h, k))
    root = np.sqrt((1 - rho) * (1 + rho))
    tail = owens_t(h, (k / h - rho) / root) + owens_t(k, (h / k - rho) / root)
    return 0.5 * (ndtr(h) + ndtr(k)) - tail - np.where(np.signbit(h) != np.signbit(k), 0.5, 0.0)


def _density(h: np.ndarray, k: np.ndarray, rho: np.ndarray) -> np.ndarray:
    left = (1 - rho) * (1 + rho)
    return np.exp(-0.5 * (h * h + k * k - 2 * rho * h * k) / left) / (2 * np.pi * np.sqrt(left))


def _cells(below: np.ndarray) -> np.ndarray:
    """Probabilities of the cells from those of the lower left corners, (pairs, K, K) padded with zeros."""
    return np.diff(np.diff(below, axis=1, prepend=0.0), axis=2, prepend=0.0)


def _corners(inner: np.ndarray, margin_i: np.ndarray | float, margin_j: np.ndarray | float, one: float) -> np.ndarray:
    """Values at all corners: `inner` at the thresholds, then the margins, where one threshold is infinite."""
    full = np.empty((len(inner), inner.shape[1] + 1, inner.shape[2] + 1))
    full[:, :-1, :-1], full[:, :-1, -1], full[:, -1, :-1], full[:, -1, -1] = inner, margin_i, margin_j, one
    return full


def _tables(codes: np.ndarray, i: np.ndarray, j: np.ndarray, size: int) -> np.ndarray:
    """Two-way frequencies of the items i and j, shape (pairs, size, size)."""
    hot = (codes[:, :, None] == np.arange(size)).reshape(len(codes), -1).astype(float)
    every = (hot.T @ hot).reshape(codes.shape[1], size, codes.shape[1], size)
    return every[i, :, j, :]


def _spread(tables: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """2x2 tables with an empty cell get 1/2 there, margins kept: their likelihood has no maximum inside (-1, 1)."""
    thin = (categories == 2).all(axis=1) & (tables[:, :2, :2] == 0).any(axis=(1, 2))
    main = (tables[:, 0, 0] == 0) | (tables[:, 1, 1] == 0)
    sign = np.where(main, 0.5, -0.5) * thin
    out = tables.copy()
    out[:, :2, :2] += sign[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return out


def _rho(tables: np.ndarray, h: np.ndarray, k: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The likelihood's maximum in each pair's correlation: Newton's steps, kept between bounds by the score's sign."""
    h, k = h[:, :, None], k[:, None, :]
    rho, low, high = np.clip(start, -0.9, 0.9), np.full(len(start), -BOUND), np.full(len(start), BOUND)
    seen = tables > 0
    for _ in range(60):
        r = rho[:, None, None]
        left = (1 - r) * (1 + r)
        phi = _density(h, k, r)
        slope = phi * ((h * k * (1 + r * r) - r * (h * h + k * k)) / left**2 + r / left)
        p = np.where(seen, _cells(_corners(binormal(h, k, r), ndtr(h[:, :, 0]), ndtr(k[:, 0]), 1.0)), 1.0)
        p = np.maximum(p, 1e-15)
        first, second = (_cells(_corners(x, 0.0, 0.0, 0.0)) / p for x in (phi, slope))
        score = (tables * first).sum(axis=(1, 2))
        bend = (tables * (second - first**2)).sum(axis=(1, 2))
        low, high = np.where(score > 0, rho, low), np.where(score > 0, high, rho)
        new = rho - score / np.where(bend < 0, bend, -np.inf)
        new = np.where((new >= low) & (new <= high) & (bend < 0), new, (low + high) / 2)
        done = np.abs(new - rho).max(initial=0.0) < 1e-11
        rho = new
        if done:
            break
    return rho


@dataclass(frozen=True)
class OrdinalMoments:
    """What ordinal answers say: thresholds, polychoric correlations, and n times their covariance matrix.

    `thresholds` run item by item and `owner` says whose each is (position in `items`). `levels` holds the codes
    that occur, `codes` each answer's place among them (n, items). `correlation` is (items, items). `gamma` orders
    thresholds first, then the correlations of `pairs` (below the diagonal, column by column).
    """

    items: tuple[str, ...]
    levels: tuple[np.ndarray, ...]
    thresholds: np.ndarray
    owner: np.ndarray
    correlation: np.ndarray
    codes: np.ndarray

    @property
    def n(self) -> int:
        """How many answers."""
        return len(self.codes)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the two items of each correlation, the first the earlier one."""
        return np.triu_indices(len(self.items), 1)

    @property
    def threshold_names(self) -> list[tuple[str, str]]:
        """(item, "t1"), (item, "t2"), ... of each threshold."""
        return [
            (item, f"t{k}") for item, found in zip(self.items, self.levels, strict=True) for k in range(1, len(found))
        ]

    @cached_property
    def gamma(self) -> np.ndarray:
        """n times the asymptotic covariance of (thresholds, correlations), from the influence of each answer.

        Muthen (1984), Psychometrika 49, section 3: a threshold is a quantile; a correlation's score is
        corrected for the thresholds that it was computed at. Information is that of the answers (outer products).
        """
        size = int(max(map(len, self.levels)))
        grid = _grid(self.thresholds, self.owner, len(self.items), size)
        i, j = self.pairs
        h, k, rho = grid[i][:, :, None], grid[j][:, None, :], self.correlation[i, j][:, None, None]
        tables = _tables(self.codes, i, j, size)
        p = _cells(_corners(binormal(h, k, rho), ndtr(h[:, :, 0]), ndtr(k[:, 0]), 1.0))
        p = np.maximum(np.where(tables > 0, p, 1.0), 1e-15)
        score = np.where(tables > 0, _cells(_corners(_density(h, k, rho), 0.0, 0.0, 0.0)) / p, 0.0)
        information = (tables * score**2).sum(axis=(1, 2))
        steps = self.codes[:, self.owner] <= np.concatenate([np.arange(len(x) - 1) for x in self.levels])
        heights = np.exp(-0.5 * self.thresholds**2) / np.sqrt(2 * np.pi)
        influence = (steps - ndtr(self.thresholds)) / heights
        cross = np.zeros((len(i), len(self.items), size - 1))
        weight = tables * score / p
        for one, h, k, w in ((i, grid[i], grid[j], weight), (j, grid[j], grid[i], weight.transpose(0, 2, 1))):
            given = ndtr((k[:, None, :] - rho * h[:, :, None]) / np.sqrt((1 - rho) * (1 + rho)))
            given = np.diff(given, axis=2, prepend=0.0, append=1.0)
            height = np.exp(-0.5 * h**2) / np.sqrt(2 * np.pi)
            cross[np.arange(len(one)), one] = -height * (given * np.diff(w, axis=1)).sum(axis=2)
        cross = cross.reshape(len(i), -1)[:, (np.arange(grid.size).reshape(grid.shape)[grid < BEYOND])]
        scores = np.take_along_axis(score.reshape(len(i), -1), (self.codes[:, i] * size + self.codes[:, j]).T, axis=1).T
        influence = np.hstack([influence, (scores * self.n - influence @ cross.T) / information])
        return influence.T @ influence / self.n


def _grid(thresholds: np.ndarray, owner: np.ndarray, items: int, size: int) -> np.ndarray:
    """Thresholds as (items, size - 1), filled with BEYOND."""
    grid = np.full((items, size - 1), BEYOND)
    grid[owner, np.arange(len(owner)) - np.searchsorted(owner, owner)] = thresholds
    return grid


def ordinal_moments(codes: np.ndarray, items: Sequence[str]) -> OrdinalMoments:
    """Thresholds and polychoric correlations of complete answers, codes of shape (n, items).

    In two steps (Olsson 1979): thresholds from each item's own frequencies, then each pair's correlation by
    maximum likelihood. Codes that do not occur have no threshold. A 2x2 table with an empty cell gets 1/2
    there with its margins kept; no other table is changed. Says so (AssumptionWarning) where that happens and
    where a correlation runs to -1 or 1. Faulty items raise DataError.
    """
    levels, ranks, faults = [], np.empty(codes.shape, dtype=np.int64), []
    for column, name in enumerate(items):
        found, ranks[:, column] = np.unique(codes[:, column], return_inverse=True)
        levels.append(found)
        if len(found) < 2:
            faults.append(Fault(name, f"has the single answer {found[0]:g}", "Leave the item out."))
        elif len(found) > MOST_CATEGORIES:
            what = f"has {len(found)} different values, too many for an ordinal item (at most {MOST_CATEGORIES})"
            faults.append(Fault(name, what, "Use estimator='MLR', or join categories.", example=found[0]))
        elif (found != np.round(found)).any():
            what, example = "holds values that are not whole numbers", found[found != np.round(found)][0]
            faults.append(Fault(name, what, "Ordinal items have codes as 1, 2, 3.", example=example))
    if faults:
        raise DataError(faults, "the ordinal items")
    sizes = np.array([len(x) for x in levels])
    owner = np.repeat(np.arange(len(items)), sizes - 1)
    below = [np.bincount(ranks[:, c], minlength=sizes[c]).cumsum()[:-1] for c in range(len(items))]
    thresholds = ndtri(np.concatenate(below) / len(codes))
    grid = _grid(thresholds, owner, len(items), int(sizes.max()))
    i, j = np.triu_indices(len(items), 1)
    tables = _tables(ranks, i, j, int(sizes.max()))
    changed = _spread(tables, sizes[np.stack([i, j], axis=1)])
    rho = _rho(changed, grid[i], grid[j], np.atleast_2d(np.corrcoef(ranks.T))[i, j])
    for bad, what in (
        ((changed != tables).any(axis=(1, 2)), "have an empty cell in their 2x2 table; 1/2 was put there"),
        (np.abs(rho) > BOUND - 1e-3, "have a polychoric correlation at its bound of -1 or 1: nearly the same item"),
    ):
        if bad.any():
            named = ", ".join(f"{items[a]}-{items[b]}" for a, b in list(zip(i[bad], j[bad], strict=True))[:5])
            warnings.warn(f"{int(bad.sum())} pairs of items {what} ({named}).", AssumptionWarning, stacklevel=3)
    correlation = np.eye(len(items))
    correlation[i, j] = correlation[j, i] = rho
    return OrdinalMoments(tuple(items), tuple(levels), thresholds, owner, correlation, ranks)


def polychoric(answers: pd.DataFrame, items: Sequence[str] | None = None) -> pd.DataFrame:
    """How strongly do the opinions behind ordinal answers go together?

    A table (items, items) of correlations of the normal variables that are taken to lie behind the codes; with
    two codes an item they are called tetrachoric. `items` are the columns to use, all by default; rows with a
    missing answer are left out. Raises DataError for items with one code, more than 15, or fractions.
    Source: Olsson (1979), Psychometrika 44(4).

    >>> from crmlab.data.datasets import load_bfi
    >>> polychoric(load_bfi(), ["A1", "A2", "A3"]).round(2).loc["A1", "A2"]
    np.float64(-0.41)
    """
    table = item_table(answers, list(answers.columns if items is None else items), missing="listwise")
    found = ordinal_moments(table.to_numpy(dtype=float), list(table.columns))
    return pd.DataFrame(found.correlation, index=table.columns, columns=table.columns)
