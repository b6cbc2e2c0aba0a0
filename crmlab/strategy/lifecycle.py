"""Acquire, enhance, retain: each customer's stage by period, the moves between stages, and where they lead."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import (
    AssumptionWarning,
    DataError,
    Fault,
    FitError,
    OptionError,
    check_count,
    check_kind,
    check_option,
    is_number,
    require,
)
from crmlab.base.fit import generator, z_value
from crmlab.base.toml import bundled_toml
from crmlab.base.words import Language, word
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import fetch, missing_columns, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

Rule = Mapping[str, Any]
Method = Literal["wilson", "jeffreys"]
FEATURES = ("since_first", "orders", "silent", "growth")


def _bundled() -> dict[str, Any]:
    return bundled_toml("crmlab.strategy", "lifecycle.toml")


def stage_rules() -> list[dict[str, Any]]:
    """Which rules make the stages? A list of mappings, the first that holds counts; pass a changed copy as `rules`.

    >>> stage_rules()[2]
    {'stage': 'enhanced', 'phase': 'enhance', 'orders': [1, inf], 'growth': [1.1, inf]}
    """
    return [{k: v for k, v in rule.items() if k not in get_args(Language)} for rule in _bundled()["stage"]]


def stage_strategies(language: Language = "en") -> pd.DataFrame:
    """What does a firm do for customers in each stage? The stages with label, rule, phase and the phase's strategy.

    The phases acquire, enhance, retain and their strategies are those of Kalakota & Robinson (1999), e-Business:
    Roadmap for Success; which stage belongs to which phase is our choice.
    """
    rows = [
        (rule["stage"], word(f"lifecycle.{rule['stage']}", language), rule[language], rule["phase"],
         _bundled()["phase"][rule["phase"]][language])
        for rule in _bundled()["stage"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["stage", "label", "rule", "phase", "strategy"]).set_index("stage")


def lifecycle(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    period: Literal["M", "Q", "W"] | int = "Q",
    end: str | dt.date | None = None,
    columns: Mapping[str, str] | None = None,
    rules: Sequence[Rule] | None = None,
) -> pd.DataFrame:
    """In which stage of the relationship was each customer in each period?

    `log` is a DataFrame, a path of CSV or Parquet files, or an Ibis table; `columns` maps its names to ours.
    `period`: calendar quarters "Q", months "M", weeks "W" (Monday to Sunday), or a number of days counted from the
    log's first day. A last period that `end` (default: the log's last day) cuts short is left out: in half a quarter
    silence says less. `rules` (default `stage_rules()`): the first that holds counts; each has a stage, a phase and
    ranges [from, to) of since_first, orders, silent or growth. Where none holds: "other".

    A row per customer and period, from the period of the first purchase on: customer_id, period (its first day),
    orders (days with a purchase), amount, stage (categorical, in the rules' order), phase (acquire, enhance, retain).
    Raises DataError with every fault of the log at once, OptionError for an unknown period or rule.

    Whoever bought before the log begins looks acquired in the first period. "Enhanced" needs a tenth more orders or
    money than in the last period with a purchase: chance alone brings such ups, as it brings downs.

    >>> log = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a", "b"], "date": ["2024-01-03", "2024-02-01", "2024-02-09", "2024-01-09"],
    ...     "amount": 10.0,
    ... })
    >>> lifecycle(log, period="M", end="2024-03-31").pivot(index="customer_id", columns="period", values="stage")
    period      2024-01-01 2024-02-01 2024-03-01
    customer_id
    a             acquired   enhanced    at_risk
    b             acquired    at_risk       lost
    """
    import ibis

    table = _checked(stage_rules() if rules is None else rules)
    of_days = period if isinstance(period, int) and not isinstance(period, bool) and period > 0 else 0
    if not of_days and not (isinstance(period, str) and period in ("M", "Q", "W")):
        raise OptionError(f"period={period!r} is not known; it must be 'M', 'Q', 'W' or a number of days, 1 or more.")
    day = as_day(end, "end")
    source = open_table(log, columns, only=("customer_id", "date", "amount"))
    checked = check_transactions(source)
    first, last = checked.first, checked.until(day)
    freq = f"{of_days}D" if of_days else "W-SUN" if period == "W" else str(period)
    spans = pd.period_range(first, last, freq=freq)
    spans = spans[spans.end_time < pd.Timestamp(last) + pd.Timedelta(days=1)]
    if not len(spans):
        raise OptionError(f"Between {first} and {last} lies no whole period ({period!r}); take a shorter one.")
    starts = spans.start_time.as_unit("us")
    rows = checked.table.filter(checked.table.date <= ibis.literal(spans.end_time[-1].date()))
    days = rows.group_by("customer_id", "date").agg(amount=rows.amount.sum())
    since: Any = days.date.delta(ibis.literal(first), unit="day")
    days = days.mutate(active=(since // of_days).cast("int64") if of_days else days.date.truncate(period).cast("date"))
    expr = days.group_by("customer_id", "active").agg(orders=days.count(), amount=days.amount.sum())
    found = fetch(expr.order_by("customer_id", "active"), source)
    who, ids = pd.factorize(found["customer_id"].astype(source.dtypes.get("customer_id", found["customer_id"].dtype)))
    active = found["active"].to_numpy()
    column = active if of_days else np.searchsorted(starts.to_numpy(), active)
    orders, amount = np.zeros((2, len(ids), len(starts)))
    orders[who, column], amount[who, column] = found["orders"], found["amount"]
    customer, at, features = _features(orders, amount)
    code = np.full(len(customer), len(table))
    for i, rule in reversed(list(enumerate(table))):
        within = [(rule[k][0] <= v) & (v < rule[k][1]) for k, v in features.items() if k in rule]
        code[np.logical_and.reduce(within)] = i
    names = np.array([*(rule["stage"] for rule in table), "other"], dtype=object)
    phases = np.array([*(rule.get("phase", "") for rule in table), ""], dtype=object)
    return pd.DataFrame({
        "customer_id": ids[customer], "period": starts[at], "orders": orders[customer, at].astype(np.int64),
        "amount": amount[customer, at], "stage": pd.Categorical(names[code], list(dict.fromkeys(names))),
        "phase": phases[code],
    })  # fmt: skip


def _features(orders: np.ndarray, amount: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Customer, period and the rules' features of every pair from the first purchase on, from (customers, periods)."""
    silent, growth = np.zeros((2, *orders.shape))
    gap, known, before = np.zeros(len(orders)), np.zeros(len(orders), dtype=bool), np.ones((2, len(orders)))
    for t in range(orders.shape[1]):
        now, bought = np.stack([orders[:, t], amount[:, t]]), orders[:, t] > 0
        known |= bought
        gap = gap + (known & ~bought)
        silent[:, t] = gap
        # from nothing to something is growth beyond any bound below inf, from nothing to nothing none
        rise = np.divide(now, before, out=np.where(now > 0, 1e300, 1.0), where=before > 0)
        growth[:, t] = np.where(bought, rise.max(axis=0), 0)
        gap[bought] = 0
        before = np.where(bought, now, before)
    since = np.arange(orders.shape[1]) - np.argmax(orders > 0, axis=1)[:, None]
    who, at = np.nonzero(since >= 0)
    features = {"since_first": since, "orders": orders, "silent": silent, "growth": growth}
    return who, at, {name: values[who, at] for name, values in features.items()}


def _checked(rules: Sequence[Rule]) -> Sequence[Rule]:
    check_kind("rules", rules, Sequence, "give a list such as crm.stage_rules()")
    if not len(rules):
        raise OptionError("rules is empty; give one or more, such as crm.stage_rules().")
    for rule in rules:
        check_kind("a rule", rule, Mapping, "write {'stage': name, 'phase': name, 'silent': [from, to]}")
        ranges = {k: v for k, v in rule.items() if k in FEATURES}
        pairs = all(
            isinstance(v, list | tuple) and len(v) == 2 and all(map(is_number, v)) and v[0] < v[1]
            for v in ranges.values()
        )
        if set(rule) - {*ranges, "phase"} != {"stage"} or not ranges or not pairs:
            raise OptionError(
                f"The rule {dict(rule)!r} is not usable; write {{'stage': name, 'phase': name, 'silent': [from, to]}} "
                f"with any of {', '.join(FEATURES)}."
            )
    return rules


@dataclass(frozen=True)
class StageMoves:
    """Result of `stage_moves`: `counts` and `shares` (from in rows, to in columns), `table` with the intervals.

    `today` is the share of customers in each stage in the last period. `histories` are the distinct rows of
    customers' own counts (from x to, flattened), `customers` how many have each: what a bootstrap draws from.
    """

    counts: pd.DataFrame
    shares: pd.DataFrame
    table: pd.DataFrame
    today: pd.Series
    histories: np.ndarray
    customers: np.ndarray


def stage_moves(stages: pd.DataFrame, *, level: float = 0.95, method: Method = "wilson") -> StageMoves:
    """Which stage follows which, and how sure are the shares?

    `stages` is a `lifecycle` table, or any with customer_id, period and stage: a move is a customer's stage in one
    period and in the next one that the table knows. Shares are of the row's moves: n_ij / n_i, the maximum
    likelihood estimate of a Markov chain's transition matrix (Anderson & Goodman 1957, Annals of Mathematical
    Statistics 28(1)). low and high of the result's `table` are intervals for each share by itself, by statsmodels:
    Wilson's (default) or Jeffreys'. A stage that nobody was seen to leave has an empty row (NaN).

    >>> chain = pd.DataFrame({"customer_id": [1, 1, 1, 2, 2], "period": [1, 2, 3, 1, 2], "stage": list("uuvuu")})
    >>> stage_moves(chain).shares.loc["u"].round(3).to_dict()
    {'u': 0.667, 'v': 0.333}
    """
    check_option("method", method, get_args(Method))
    z_value(level)
    check_kind("stages", stages, pd.DataFrame, "give the result of crm.lifecycle(log)")
    faults = missing_columns(keys := ["customer_id", "period", "stage"], [str(c) for c in stages.columns])
    if not faults:
        empty = stages[keys].isna().sum()
        remedy = "Make the table with crm.lifecycle(log)."
        faults = [Fault(str(k), "is missing", remedy, int(n)) for k, n in empty.items() if n]
        if double := int(stages.duplicated(keys[:2]).sum()):
            faults.append(Fault("period", "stands twice for a customer", "A row per customer and period.", double))
    if faults:
        raise DataError(faults, "the stages")
    frame = stages[keys].sort_values(keys[:2], kind="stable")
    given = list(frame["stage"].cat.categories) if isinstance(frame["stage"].dtype, pd.CategoricalDtype) else []
    present = set(frame["stage"].unique())
    order = dict.fromkeys([*given, *(rule["stage"] for rule in stage_rules()), *sorted(present, key=str)])
    states = [s for s in order if s in present]
    k, code = len(states), frame["stage"].map({s: i for i, s in enumerate(states)}).to_numpy(dtype=np.int64)
    who, when = pd.factorize(frame["customer_id"])[0], pd.factorize(frame["period"], sort=True)[0]
    move = (np.diff(who) == 0) & (np.diff(when) == 1)
    if not move.any():
        raise DataError(Fault("period", "no customer is seen in two periods", "Take shorter periods."), "the stages")
    own = np.zeros((int(who.max()) + 1, k * k), dtype=np.int32)
    np.add.at(own, (who[:-1][move], k * code[:-1][move] + code[1:][move]), 1)
    own = own[own.any(axis=1)]
    rows = own.view(f"V{own.itemsize * k * k}").ravel()  # compared as bytes: a tenth of the time of axis=0
    _, one, customers = np.unique(rows, return_index=True, return_counts=True)
    histories = own[one]
    names = {"index": pd.Index(states, name="from"), "columns": pd.Index(states, name="to")}
    counts = pd.DataFrame((customers @ histories).reshape(k, k), **names)
    of = counts.sum(axis=1)
    table = pd.MultiIndex.from_product([states, states], names=["from", "to"]).to_frame(index=False)
    table = table.assign(n=counts.to_numpy().ravel(), of=np.repeat(of.to_numpy(), k)).query("of > 0")
    interval = require("statsmodels.stats.proportion", "strategy").proportion_confint
    low, high = interval(table["n"].to_numpy(), table["of"].to_numpy(), alpha=1 - level, method=method)
    table = table.assign(share=table["n"] / table["of"], low=low, high=high).reset_index(drop=True)
    last = np.bincount(code[when == when.max()], minlength=k)
    today = pd.Series(last / last.sum(), index=pd.Index(states, name="stage"), name="today")
    return StageMoves(counts, counts.div(of.replace(0, np.nan), axis=0), table, today, histories, customers)


def steady_state(
    moves: StageMoves, *, rng: np.random.Generator | int, draws: int = 1000, level: float = 0.95
) -> pd.DataFrame:
    """Where does the customer base end up, if customers keep moving as they do?

    The stationary distribution p = pP of the transition matrix P, for the customers there are (no new ones), with
    percentile intervals from `draws` samples of customers, each with all her moves. A row per stage: today, share,
    low, high. It is a reading of the present moves, no forecast: moves change, and depend on more than one stage.

    Raises FitError where a stage was never seen to be left, or where there are several groups of stages that
    nobody leaves (then the end depends on the beginning). Warns (AssumptionWarning) where one stage swallows all.

    >>> chain = pd.DataFrame({"customer_id": 1, "period": range(8), "stage": list("uuuuvuvu")})
    >>> steady_state(stage_moves(chain), rng=1, draws=100)["share"].round(3).to_dict()
    {'u': 0.714, 'v': 0.286}
    """
    z_value(level)
    check_count("draws", draws, 100)
    check_kind("moves", moves, StageMoves, "give the result of crm.stage_moves(...)")
    states, k, counts = list(moves.counts.index), len(moves.counts), moves.counts.to_numpy(dtype=float)
    if unseen := ", ".join(str(s) for s, n in zip(states, counts.sum(axis=1), strict=True) if n == 0):
        raise FitError(f"Nobody was seen in {unseen} and in the period after: take more periods, or join stages.")
    closed = _closed(counts)
    if len(closed) > 1:
        listed = "; ".join("{" + ", ".join(str(states[i]) for i in group) + "}" for group in closed)
        raise FitError(f"There is no one steady state: nobody leaves {listed}, so the end depends on the beginning.")
    if len(closed[0]) == 1:
        text = f"'{states[closed[0][0]]}' is never left (absorbing): the steady state says only that all end there."
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    total = int(moves.customers.sum())
    drawn = generator(rng, "steady_state").multinomial(total, moves.customers / total, draws) @ moves.histories
    boot = []
    for sample in drawn.reshape(draws, k, k).astype(float):
        groups = closed if np.array_equal(sample > 0, counts > 0) else _closed(sample)  # spares most of the searching
        if len(groups) == 1 and sample.sum(axis=1).all():
            boot.append(_stationary(sample, groups[0]))
    if len(boot) < 0.9 * draws:
        raise FitError("In more than a tenth of the samples there is no one steady state: too few moves; join stages.")
    low, high = np.quantile(boot, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"today": moves.today, "share": _stationary(counts, closed[0]), "low": low, "high": high})


def _closed(counts: np.ndarray) -> list[np.ndarray]:
    """The groups of states that reach one another and nothing else."""
    from scipy.sparse.csgraph import connected_components

    n, label = connected_components(counts > 0, directed=True, connection="strong")
    groups = [np.flatnonzero(label == g) for g in range(n)]
    return [g for g in groups if not np.delete(counts[g], g, axis=1).any()]


def _stationary(counts: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """p with p = pP and sum 1: 0 outside the closed group."""
    inner = counts[np.ix_(closed, closed)]
    system = (inner / inner.sum(axis=1, keepdims=True)).T - np.eye(len(closed))
    system[-1] = 1.0
    share = np.zeros(len(counts))
    share[closed] = np.linalg.solve(system, np.eye(len(closed))[-1])
    return share
