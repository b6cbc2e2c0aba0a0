"""Which improvement first? An order of projects that respects needs, capacity and budget, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_count, check_kind, check_option, check_positive
from crmlab.base.fit import Shown, Summary
from crmlab.strategy.assessment import Assessment, check_target
from crmlab.strategy.gartner import MaturityModel, project_faults

Method = Literal["exact", "greedy"]
MOST_EXACT = 12  # projects; the number of sets doubles with each


@dataclass(frozen=True, eq=False, repr=False)
class Roadmap(Shown):
    """Result of `roadmap`.

    `table` has a row a project, in order: block, period, cost, effort, gain (levels that count towards the target),
    value (gain times weight), spent (so far), after (the projects that it had to wait for). `path` has a row a period
    from 0: the blocks' levels, maturity (their weighted mean) and spent. `left_out` says why a project is not in it.
    `worth` is what the exact method makes largest: maturity gained, summed over the ends of the periods.
    """

    model: MaturityModel
    projects: pd.DataFrame
    target: pd.Series
    table: pd.DataFrame
    path: pd.DataFrame
    left_out: pd.Series
    worth: float
    method: str

    def summary(self) -> Summary:
        """The order, what it brings, and what is left out, as text."""
        first, last = self.path.iloc[0], self.path.iloc[-1]
        out = f"\n\nleft out\n{self.left_out.to_string()}" if len(self.left_out) else ""
        return Summary(
            f"maturity {first['maturity']:.2f} -> {last['maturity']:.2f} in {len(self.path) - 1} periods "
            f"for {last['spent']:g} ({self.method})\n\n{self.table.drop(columns='after').round(2).to_string()}{out}"
        )


def roadmap(
    scores: Assessment | Mapping[str, float] | pd.Series,
    target: Any,
    capacity: float,
    *,
    model: MaturityModel | None = None,
    projects: pd.DataFrame | None = None,
    weights: Mapping[str, float] | pd.Series | None = None,
    budget: float | None = None,
    periods: int | None = None,
    method: Method | None = None,
) -> Roadmap:
    """Which improvement first, if some need others and hands and money are short?

    `scores` are today's levels (an Assessment brings its model, too; default: Gartner's), `target` a level or one for
    each block, `capacity` the effort that fits into a period, `budget` the money for all of them, `periods` how many
    there are (default: as many as it takes). `projects` (block, cost, gain, effort) and `weights` replace the model's.

    Rules. A project is done within one period. It may start if every block that its block needs stood at `model.ready`
    when the period began. A block's level rises by the gain, and counts up to the target; a project that no longer
    adds to its block is left out.

    "exact" (default up to 12 projects) finds, by dynamic programming over the sets of finished projects, the plan with
    the largest `worth`: the weighted maturity gained, summed over the ends of all periods, so that early gains count
    longer; of equals the cheaper. "greedy" takes in each period the startable project with the most value per cost,
    as long as one fits. It does not see what a project opens for others.

    Raises DataError for targets below today, projects that are larger than the capacity, weights that do not sum to
    one; OptionError where nothing can be done at all, saying why for each project.

    >>> today = dict.fromkeys(MaturityModel.bundled("gartner").blocks.index, 2.9) | {"vision": 3.5}
    >>> roadmap(today, 4, capacity=5, periods=2).table.period.to_dict()
    {'guest_promise': 1, 'guest_segments': 1, 'shared_rewards': 2, 'scorecard': 2}
    """
    for name, value, kind in (("model", model, MaturityModel), ("projects", projects, pd.DataFrame)):
        check_kind(name, value, (kind, type(None)), f"give a {kind.__name__}, or None")
    check_option("method", method, (*get_args(Method), None))
    if budget is not None:
        check_positive("budget", budget)
    if isinstance(scores, Assessment):
        model, scores = model or scores.model, scores.scores["score"]
    model = model or MaturityModel.bundled("gartner")
    today = model.block_values(scores, "score")
    goal = check_target(model, today, target)
    plan = _Plan(model, today, goal, *_checked(model, capacity, projects, weights), capacity, budget)
    many = len(plan.names) > MOST_EXACT
    method = method or ("greedy" if many else "exact")
    if method == "exact" and many:
        raise OptionError(f"{len(plan.names)} projects are too many for 'exact' (at most {MOST_EXACT}); use 'greedy'.")
    horizon = len(plan.names) if periods is None else check_count("periods", periods)
    batches = plan.exact(horizon) if method == "exact" else plan.greedy(horizon)
    if not batches:
        reasons = "; ".join(f"{name}: {why}" for name, why in plan.left_out(0).items())
        raise OptionError(f"No project can start. {reasons or 'There are none.'}")
    return plan.told(batches, horizon, method, model)


def compare_weights(
    scores: Assessment | Mapping[str, float] | pd.Series, target: Any, capacity: float,
    weights: Mapping[str, Mapping[str, float] | pd.Series], **options: Any,
) -> pd.DataFrame:  # fmt: skip
    """What changes in the order when the weights change? A row a project, a column a set of weights: its period.

    Empty where a project is left out. `options` go to `roadmap`.
    """
    check_kind("weights", weights, Mapping, "give sets of weights by name")
    if not len(weights):
        raise OptionError("weights is empty; give one or more sets of weights by name.")
    found = {
        name: roadmap(scores, target, capacity, weights=w, **options).table["period"] for name, w in weights.items()
    }
    return pd.DataFrame(found).astype("Int64").sort_values(list(found)).rename_axis("project")


class _Plan:
    """The arithmetic of sets of finished projects; a set is a whole number, with a bit for each project."""

    def __init__(
        self, model: MaturityModel, today: pd.Series, goal: pd.Series, projects: pd.DataFrame, weights: pd.Series,
        capacity: float, budget: float | None,
    ) -> None:  # fmt: skip
        self.blocks, self.names = model.blocks.index.tolist(), projects.index.tolist()
        self.today, self.goal, self.weights = today.tolist(), goal.tolist(), weights.tolist()
        self.ready, self.capacity = model.ready, capacity
        self.budget = np.inf if budget is None else budget
        self.block = [self.blocks.index(b) for b in projects["block"]]
        self.needs = [[self.blocks.index(n) for n in needs] for needs in model.blocks["needs"]]
        self.cost, self.gain, self.effort = (projects[c].astype(float).tolist() for c in ("cost", "gain", "effort"))
        self.table, self.target = projects, goal
        # plain numbers and memory: sets come up again and again, and arrays of eight are slow
        self.levels, self.maturity, self.moves = cache(self._levels), cache(self._maturity), cache(self._moves)

    def _levels(self, done: int) -> list[float]:
        level = list(self.today)
        for i in self.members(done):
            level[self.block[i]] += self.gain[i]
        return [min(a, b) for a, b in zip(level, self.goal, strict=True)]

    def _maturity(self, done: int) -> float:
        return sum(a * b for a, b in zip(self.levels(done), self.weights, strict=True))

    def members(self, done: int) -> list[int]:
        return [i for i in range(len(self.names)) if done >> i & 1]

    def spent(self, done: int) -> float:
        return sum(self.cost[i] for i in self.members(done))

    def waits(self, i: int, done: int) -> list[str]:
        """The blocks that project i still waits for."""
        level = self.levels(done)
        return [self.blocks[n] for n in self.needs[self.block[i]] if level[n] < self.ready - 1e-9]

    def adds(self, i: int, done: int) -> float:
        """The value of one more project: levels up to the target, weighted."""
        return self.maturity(done | 1 << i) - self.maturity(done)

    def startable(self, done: int) -> list[int]:
        rest = (i for i in range(len(self.names)) if not done >> i & 1)
        return [i for i in rest if self.adds(i, done) > 1e-9 and not self.waits(i, done)]

    def fits(self, batch: Sequence[int], done: int) -> bool:
        cost, effort = sum(self.cost[i] for i in batch), sum(self.effort[i] for i in batch)
        return effort <= self.capacity + 1e-9 and self.spent(done) + cost <= self.budget + 1e-9

    def _moves(self, done: int) -> list[tuple[tuple[int, ...], int, float, float]]:
        """What can be done in one period: the projects, the set after it, the maturity gained, the cost."""
        start, moves = self.startable(done), []
        for size in range(1, len(start) + 1):
            found = [batch for batch in combinations(start, size) if self.fits(batch, done)]
            for batch in found:
                after = done | sum(1 << i for i in batch)
                gain = self.maturity(after) - self.maturity(done)
                moves.append((batch, after, gain, sum(self.cost[i] for i in batch)))
            if not found:  # a larger batch does not fit either
                break
        return moves

    def exact(self, horizon: int) -> list[tuple[int, ...]]:
        @cache
        def best(done: int, left: int) -> tuple[float, float, tuple[tuple[int, ...], ...]]:
            top: tuple[float, float, tuple[tuple[int, ...], ...]] = (0.0, 0.0, ())
            for batch, after, gain, cost in self.moves(done) if left else ():
                worth, more, rest = best(after, left - 1)
                worth, cost = worth + left * gain, cost + more
                if worth > top[0] + 1e-9 or (worth > top[0] - 1e-9 and cost < top[1] - 1e-9):
                    top = (worth, cost, (batch, *rest))
            return top

        return list(best(0, horizon)[2])

    def greedy(self, horizon: int) -> list[tuple[int, ...]]:
        done = 0
        batches: list[tuple[int, ...]] = []
        while len(batches) < horizon:
            batch: list[int] = []
            start = self.startable(done)
            while True:
                now = done | sum(1 << i for i in batch)
                fit = [i for i in start if i not in batch and self.adds(i, now) > 1e-9 and self.fits([*batch, i], done)]
                if not fit:
                    break
                batch.append(max(fit, key=lambda i: self.adds(i, now) / self.cost[i]))
            if not batch:
                break
            batches.append(tuple(batch))
            done |= sum(1 << i for i in batch)
        return batches

    def left_out(self, done: int) -> dict[str, str]:
        """Why is a project not done?"""
        level, found = dict(zip(self.blocks, self.levels(done), strict=True)), {}
        for i, name in enumerate(self.names):
            if done >> i & 1:
                continue
            if self.adds(i, done) <= 1e-9:
                found[name] = "its block is at the target"
            elif waits := self.waits(i, done):
                listed = ", ".join(f"{block} ({level[block]:.2f} of {self.ready:g})" for block in waits)
                found[name] = f"waits for {listed}"
            elif not self.fits([i], done):
                found[name] = "beyond the budget"
            else:
                found[name] = "no room in these periods"
        return found

    def told(self, batches: list[tuple[int, ...]], horizon: int, method: str, model: MaturityModel) -> Roadmap:
        rows, path, done, worth = [], [self._point(0)], 0, 0.0
        ready: dict[int, list[str]] = {}  # block -> the projects that made it ready
        for period, batch in enumerate(batches, 1):
            before = done
            for i in batch:
                b, was = self.block[i], self.levels(done)
                after = [name for n in self.needs[b] for name in ready.get(n, [])]
                done |= 1 << i
                gain = self.levels(done)[b] - was[b]
                rows.append({
                    "project": self.names[i], "block": self.blocks[b], "period": period, "cost": self.cost[i],
                    "effort": self.effort[i], "gain": gain, "value": gain * self.weights[b],
                    "spent": self.spent(done), "after": tuple(after),
                })  # fmt: skip
            for b, levels in enumerate(zip(self.levels(before), self.levels(done), strict=True)):
                if levels[0] < self.ready - 1e-9 <= levels[1]:
                    ready[b] = [self.names[i] for i in batch if self.block[i] == b]
            worth += (horizon - period + 1) * (self.maturity(done) - self.maturity(before))
            path.append(self._point(done))
        table = pd.DataFrame(rows).set_index("project")
        curve = pd.DataFrame(path).rename_axis("period")
        out = pd.Series(self.left_out(done), dtype=object, name="why").rename_axis("project")
        return Roadmap(model, self.table, self.target, table, curve, out, worth, method)

    def _point(self, done: int) -> dict[str, float]:
        level = dict(zip(self.blocks, self.levels(done), strict=True))
        return level | {"maturity": self.maturity(done), "spent": self.spent(done)}


def _checked(
    model: MaturityModel, capacity: float, projects: pd.DataFrame | None, weights: Any
) -> tuple[pd.DataFrame, pd.Series]:
    """The projects and the weights, checked together with the capacity."""
    check_positive("capacity", capacity)
    table = model.projects if projects is None else projects
    columns = ["block", "cost", "gain", "effort"]
    faults = [Fault(c, "is missing", f"The columns are {', '.join(columns)}.") for c in columns if c not in table]
    if faults:
        raise DataError(faults, "the projects")
    faults = project_faults(table, model.blocks.index)
    for name, effort in table["effort"].items():
        if not faults and effort > capacity:
            what = f"takes {effort:g} of effort, and a period has {capacity:g}"
            faults.append(Fault(str(name), what, "Raise the capacity, split the project or leave it out."))
    try:
        share = model.blocks["weight"] if weights is None else pd.Series(weights, dtype=float)
    except (TypeError, ValueError):
        raise OptionError("weights are not usable; give a number for every block.") from None
    strange = sorted({*share.index} ^ {*model.blocks.index}, key=str)
    strange += share.index[share.index.duplicated()].tolist()
    if strange:
        what = f"weights are missing or unknown: {', '.join(map(str, strange))}"
        faults.append(Fault("", what, "Give one for every block."))
    elif (share < 0).any() or not abs(share.sum() - 1) < 1e-6:
        faults.append(Fault("", f"the weights sum to {share.sum():g}", "Let them be 0 or more and sum to one."))
    if faults:
        raise DataError(faults, "the projects, capacity and weights")
    return table, share.reindex(model.blocks.index)
