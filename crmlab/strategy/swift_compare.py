"""Policies side by side on the same luck: profit, regret, uplift by decile, Qini, and the price of a control group."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crmlab.base.errors import DataError, Fault, OptionError, check_count, check_kind, check_option
from crmlab.base.fit import z_value
from crmlab.base.parallel import progress_bar, spread
from crmlab.strategy.policies import Policy, as_policy
from crmlab.strategy.swift import SwiftCycle, discover

GRID = np.linspace(0, 1, 21)
MEASURES = ["profit", "incremental", "cost", "contacts"]


@dataclass(frozen=True)
class Qini:
    """A Qini curve: `curve` has share (contacted, best scores first) and incremental (extra outcome a customer);
    `coefficient` is the area between it and the straight line of a score that knows nothing."""

    curve: pd.DataFrame
    coefficient: float


def _experiment(score: Any, treated: Any, outcome: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        columns = [np.asarray(x, dtype=float).ravel() for x in (score, treated, outcome)]
    except (TypeError, ValueError):
        raise DataError(
            Fault("", "they are no numbers", "Give numbers, treated as 0 or 1."), "the experiment"
        ) from None
    faults = []
    if len({len(c) for c in columns}) > 1:
        faults.append(Fault("", "score, treated and outcome differ in length", "Give one value a customer of each."))
    for name, x in zip(("score", "treated", "outcome"), columns, strict=True):
        bad = ~np.isfinite(x)
        if bad.any():
            faults.append(Fault(name, "is missing or infinite", "Leave these customers out.", int(bad.sum())))
    t = columns[1]
    if not faults and (set(np.unique(t)) - {0.0, 1.0} or not 0 < t.sum() < len(t)):
        faults.append(Fault("treated", "must hold 1 (contacted) and 0 (control), both", "Keep a control group by lot."))
    if faults:
        raise DataError(faults, "the experiment")
    return columns[0], t, columns[2]


def qini(score: Any, treated: Any, outcome: Any) -> Qini:
    """How much would be won by contacting the best-scored share of customers, for every share?

    `score`, `treated` (1 contacted, 0 control, by lot) and `outcome` hold a value a customer. Among the k best
    scores let n1, n0 be the contacted and the controls and y1, y0 the sums of their outcomes; the height of the
    curve is (y1 - y0 n1 / n0) / N1, with N1 all contacted (Radcliffe 2007, Direct Marketing Analytics Journal;
    a term with n0 = 0 is left out). Customers with equal scores enter together. A share between two points is
    read on a straight line. Raises DataError where one of the two groups is empty.

    >>> qini([6, 5, 4, 3, 2, 1], [1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1]).curve["incremental"].round(3).tolist()
    [0.0, 0.333, 0.333, 0.667, 0.667, 0.667, 0.333]
    """
    score, t, y = _experiment(score, treated, outcome)
    order = np.argsort(-score, kind="stable")
    s, t, y = score[order], t[order], y[order]
    n1, n0, y1, y0 = (np.cumsum(x) for x in (t, 1 - t, t * y, (1 - t) * y))
    height = (y1 - np.where(n0 > 0, y0 * n1 / np.maximum(n0, 1), 0.0)) / n1[-1]
    ends = np.append(s[1:] != s[:-1], True)
    share = np.concatenate([[0.0], (np.flatnonzero(ends) + 1) / len(s)])
    height = np.concatenate([[0.0], height[ends]])
    area = float(np.trapezoid(height, share) - height[-1] / 2)
    return Qini(pd.DataFrame({"share": share, "incremental": height}), area)


def uplift_deciles(score: Any, treated: Any, outcome: Any, bins: int = 10, level: float = 0.95) -> pd.DataFrame:
    """Do the customers with the highest scores really answer most? Contacted less control, by tenth of the score.

    A row a decile, 1 = highest scores (equal scores in the order given): customers, uplift (mean outcome of
    the contacted less that of the controls), se, low, high (normal). A decile with fewer than two of either
    group is left out.
    """
    score, t, y = _experiment(score, treated, outcome)
    bins, z = check_count("bins", bins, 2), z_value(level)
    place = np.empty(len(score), dtype=int)
    place[np.argsort(-score, kind="stable")] = np.arange(len(score)) * bins // len(score)
    rows = []
    for k in range(bins):
        one, other = y[(place == k) & (t == 1)], y[(place == k) & (t == 0)]
        if min(len(one), len(other)) > 1:
            gap, se = one.mean() - other.mean(), np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
            rows.append((k + 1, len(one) + len(other), gap, se, gap - z * se, gap + z * se))
    return pd.DataFrame(rows, columns=["decile", "customers", "uplift", "se", "low", "high"])


def mean_interval(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the first axis with its t interval; NaN draws (nothing to measure there) are left out."""
    n = np.isfinite(draws).sum(axis=0)
    mean = np.nansum(draws, axis=0) / np.where(n > 0, n, np.nan)
    spread = np.sqrt(np.nansum((draws - mean) ** 2, axis=0) / np.where(n > 1, n - 1, np.nan) / np.maximum(n, 1))
    half = stats.t.ppf(0.5 + level / 2, np.maximum(n - 1, 1)) * spread
    return mean, mean - half, mean + half


@dataclass(frozen=True, repr=False)
class Comparison:
    """Policies on the same customers and luck, over `replications` draws of the world.

    `draws` has the axes replication, policy, round, measure (profit, incremental, cost, contacts); `tests` holds
    each policy's test month: extra orders by decile, then the Qini curve on 21 shares, then its coefficient.
    Intervals (`level`) say how sure the mean over replications is, not how far one firm's luck may go.
    """

    policies: tuple[str, ...]
    customers: int
    draws: np.ndarray
    tests: np.ndarray
    level: float = 0.95

    def _bounds(self, draws: np.ndarray, names: Sequence[str], index: dict[str, Any]) -> pd.DataFrame:
        values = mean_interval(draws, self.level)
        return pd.DataFrame({**index, **{n: v.ravel() for n, v in zip(names, values, strict=True)}})

    @property
    def totals(self) -> pd.DataFrame:
        """Who earns most over all rounds? A row a policy; incremental is profit less that of contacting nobody.

        `won` is the share of replications in which the policy beat all others, the oracle left aside.
        """
        _, _, rounds, _ = self.draws.shape
        whole_run = self.draws.sum(axis=2)
        gain = whole_run[:, :, 1]
        table = self._bounds(gain, ("incremental", "low", "high"), {"policy": self.policies})
        table.insert(1, "contacts", whole_run[:, :, 3].mean(axis=0))
        table.insert(2, "cost", whole_run[:, :, 2].mean(axis=0))
        table.insert(3, "profit", whole_run[:, :, 0].mean(axis=0))
        table["per_customer_round"] = table["incremental"] / (self.customers * rounds)
        firms = [i for i, name in enumerate(self.policies) if name != "oracle"]
        if firms:
            first = np.bincount(gain[:, firms].argmax(axis=1), minlength=len(firms)) / len(gain)
            table["won"] = pd.Series(dict(zip(firms, first, strict=True)), dtype=float)
        return table

    @property
    def rounds(self) -> pd.DataFrame:
        """How does profit run? A row a policy and round; cumulative is the sum of incremental profit so far."""
        _, k, rounds, _ = self.draws.shape
        index = {"policy": np.repeat(self.policies, rounds), "round": np.tile(np.arange(1, rounds + 1), k)}
        table = self._bounds(self.draws[..., 0], ("profit", "low", "high"), index)
        gain = self.draws[..., 1]
        for name, values in (("incremental", gain), ("cumulative", gain.cumsum(axis=2))):
            table = table.join(self._bounds(values, (name, f"{name}_low", f"{name}_high"), {}))
        return table

    @property
    def differences(self) -> pd.DataFrame:
        """By how much does a beat b over all rounds? Paired: both had the same customers and luck."""
        gain = self.draws[..., 1].sum(axis=2)
        pairs = [*itertools.permutations(range(len(self.policies)), 2)]
        gap = np.stack([gain[:, i] - gain[:, j] for i, j in pairs], axis=1) if pairs else np.zeros((len(gain), 0))
        index = {"a": [self.policies[i] for i, _ in pairs], "b": [self.policies[j] for _, j in pairs]}
        table = self._bounds(gap, ("difference", "low", "high"), index)
        table["won"] = (gap > 0).mean(axis=0)
        return table

    def difference(self, a: str, b: str) -> pd.Series:
        """The row of `differences` for two policies."""
        for name in (a, b):
            check_option("policy", name, self.policies)
        if a == b:
            raise OptionError(f"{a!r}: give two different policies of {', '.join(map(repr, self.policies))}.")
        table = self.differences
        return table[(table["a"] == a) & (table["b"] == b)].iloc[0].rename(None)

    @property
    def regret(self) -> pd.DataFrame:
        """How much less than the oracle, cumulated over rounds? Needs the oracle among the policies."""
        if "oracle" not in self.policies:
            raise OptionError("Regret is measured against the oracle: add 'oracle' to the policies.")
        gain = self.draws[..., 1].cumsum(axis=2)
        gap = gain[:, [self.policies.index("oracle")]] - gain
        index = self.rounds[["policy", "round"]]
        return self._bounds(gap, ("regret", "low", "high"), dict(index))

    def _tested(self, part: slice, names: Sequence[str], index: dict[str, Any], factor: float = 1.0) -> pd.DataFrame:
        at = [i for i in range(len(self.policies)) if np.isfinite(self.tests[:, i]).any()]
        size = len(range(*part.indices(self.tests.shape[2])))
        columns = {"policy": np.repeat([self.policies[i] for i in at], size)}
        columns |= {name: np.tile(values, len(at)) for name, values in index.items()}
        return self._bounds(factor * self.tests[:, at, part], names, columns)

    @property
    def deciles(self) -> pd.DataFrame:
        """Extra orders a contact by decile of the policy's scores (1: highest), in a test month after the last round.

        Every customer's month with and without the standard contact is compared, which only a simulation can do."""
        return self._tested(slice(0, 10), ("uplift", "low", "high"), {"decile": np.arange(1, 11)})

    @property
    def qini(self) -> pd.DataFrame:
        """The Qini curve of that test month: extra orders per 1,000 customers if the best share were contacted."""
        return self._tested(slice(10, 31), ("incremental", "low", "high"), {"share": GRID}, 1000.0)

    @property
    def qini_coefficients(self) -> pd.DataFrame:
        """Area between Qini curve and straight line, per 1,000 customers: 0 for a score that knows nothing."""
        return self._tested(slice(31, 32), ("coefficient", "low", "high"), {}, 1000.0)

    @property
    def profits(self) -> pd.DataFrame:
        """Everything measured: a row a policy, replication and round."""
        n, _, rounds, m = self.draws.shape
        index = pd.MultiIndex.from_product(
            [range(1, n + 1), self.policies, range(1, rounds + 1)], names=["replication", "policy", "round"]
        )
        return pd.DataFrame(self.draws.reshape(-1, m), index=index, columns=MEASURES).reset_index()

    def _repr_html_(self) -> str:
        n, _, rounds, _ = self.draws.shape
        text = f"{n} replications of {rounds} rounds, {self.customers:,} customers; {self.level:.0%} intervals"
        return f"<p>{text}</p>" + self.totals.round(3).to_html(index=False, na_rep="")


def _test_month(cycle: SwiftCycle, run: Any, policy: Policy) -> np.ndarray:
    """The month after the last round, with and without the standard contact: a simulation can see both."""
    shop, found = run.shop, np.full(32, np.nan)
    knowledge = discover(cycle.log(shop, policy, run.log.learned, run.log.memo))
    score = knowledge.scores[:, cycle.arms.index.get_loc(knowledge.log.standard)]
    if np.isnan(score).any():
        return found
    n = len(score)
    change = shop.outcome(np.full(n, knowledge.log.standard))[0] - shop.outcome(np.full(n, -1))[0]
    change = change[np.argsort(-score, kind="stable")]
    found[:10] = [part.mean() for part in np.array_split(change, 10)]
    won = np.interp(GRID, np.arange(n + 1) / n, np.append(0, np.cumsum(change)) / n)
    found[10:31], found[31] = won, np.trapezoid(won, GRID) - won[-1] / 2
    return found


def _replication(
    cycle: SwiftCycle, policies: tuple[Policy, ...], rounds: int, seed: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """One draw of the world under every policy."""
    begin, *own = seed.spawn(1 + len(policies))
    shop = cycle.world.open(rounds, rng=np.random.default_rng(begin))
    runs = [cycle.follow(shop.copy(), rounds, p, np.random.default_rng(s)) for p, s in zip(policies, own, strict=True)]
    tests = np.stack([_test_month(cycle, run, p) for run, p in zip(runs, policies, strict=True)])
    return np.stack([run.table[MEASURES].to_numpy(dtype=float) for run in runs]), tests


def _seed(rng: np.random.Generator | int) -> int:
    return int(rng.integers(2**63)) if isinstance(rng, np.random.Generator) else check_count("rng", rng, 0)


def compare(
    cycle: SwiftCycle, policies: Sequence[Any], rounds: int, replications: int, rng: np.random.Generator | int, *,
    workers: int = 1, progress: bool = False, level: float = 0.95,
) -> Comparison:  # fmt: skip
    """Which policy earns most, by how much, and how sure is that? What `SwiftCycle.compare` calls.

    Every replication draws new customers; all policies meet the same ones with the same luck. The numbers are
    the same on any number of `workers` (processes; stages and policies of your own must then stand in a module
    and not in a notebook). `progress` shows a bar where there is a terminal or a notebook.
    """
    rounds, replications, workers = (
        check_count("rounds", rounds),
        check_count("replications", replications, 2),
        check_count("workers", workers),
    )
    z_value(level)
    check_kind("policies", policies, (Sequence, Policy), "give a list such as ['random', 'learned']")
    chosen = tuple(as_policy(p) for p in ([policies] if isinstance(policies, str | Policy) else policies))
    names = tuple(p.name for p in chosen)
    if not names or len(set(names)) < len(names):
        raise OptionError(f"policies={list(names)} is not usable; give one or more, each once.")
    seeds = np.random.SeedSequence(_seed(rng)).spawn(replications)
    work = partial(_replication, cycle, chosen, rounds)
    found = []
    with progress_bar(progress, replications) as show:
        for result in spread(work, seeds, workers):
            found.append(result)
            show(len(found), "")
    draws, tests = (np.stack(part) for part in zip(*found, strict=True))
    return Comparison(names, cycle.world.n_customers, draws, tests, level)


def control_value(
    cycle: SwiftCycle, shares: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.4), rounds: int = 12, replications: int = 50,
    *, rng: np.random.Generator | int, policy: Any = "learned", workers: int = 1, progress: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """How large a control group pays for itself? Incremental profit by the share that is kept aside.

    A control group costs the contacts that it forgoes and brings knowledge. A row a share: incremental (mean over
    replications, all rounds) with low, high, and the paired difference to the first share with its interval.
    Without a control group the learned policy takes every order of a contacted customer for its own.
    """
    check_kind("cycle", cycle, SwiftCycle, "give a crm.SwiftCycle(...)")
    check_kind("shares", shares, (Sequence, np.ndarray), "give a list such as (0, 0.1, 0.2)")
    if not len(shares):
        raise OptionError("shares is empty; give one or more, such as (0, 0.1, 0.2).")
    z_value(level)
    seed = _seed(rng)
    gain = []
    for share in shares:
        other = cycle.with_control(share)
        found = compare(other, [policy], rounds, replications, seed, workers=workers, progress=progress)
        gain.append(found.draws[:, 0, :, 1].sum(axis=1))
    values = np.stack(gain, axis=1)
    table = pd.DataFrame({"share": list(shares)})
    for names, draws in (
        (("incremental", "low", "high"), values),
        (("difference", "difference_low", "difference_high"), values - values[:, :1]),
    ):
        table[list(names)] = np.column_stack(mean_interval(draws, level))
    return table
