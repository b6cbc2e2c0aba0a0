"""Swift's cycle as a closed loop: discover, plan, interact, refine, and again with what was learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_kind, check_option, check_positive
from crmlab.base.fit import generator, z_value
from crmlab.strategy.policies import CELLS, Learned, Policy, SwiftLog, as_policy, cells, fit_uplift
from crmlab.strategy.swift_world import Shop, SwiftWorld

if TYPE_CHECKING:
    from crmlab.strategy.swift_compare import Comparison

GROUPS = pd.CategoricalDtype(["control", "target", "explore", "rest"])
CONTROL, TARGET, EXPLORE, REST = range(4)
STAGES = ["round", "analysed", "planned", "explored", "control", "contacted", "responses", "learned"]


@dataclass(frozen=True)
class Knowledge:
    """What discovery hands to planning: the log and a score for each customer and arm (NaN: never).

    `explore` is the share of the budget to be spent at random: all of it where nothing is known yet.
    """

    log: SwiftLog
    scores: np.ndarray
    explore: float


@dataclass(frozen=True)
class Responses:
    """What came back: `table` is the plan with orders, bought, amount, contact_cost, discount_cost a customer."""

    table: pd.DataFrame
    log: SwiftLog


def discover(log: SwiftLog) -> Knowledge:
    """Knowledge discovery: how much is a contact with each customer worth? The policy's scores."""
    n, arms = len(log.customers), len(log.arms)
    scores = log.policy.score(log)
    if scores is None:
        return Knowledge(log, np.full((n, arms), np.nan), 1.0)
    scores = np.asarray(scores, dtype=float)
    if scores.shape == (n,):
        wide = np.full((n, arms), np.nan)
        scores = scores + 1e-6 * np.nanmax(np.abs(scores), initial=0) * log.lots[:, 3]  # lots decide between equals
        wide[:, log.arms.index.get_loc(log.standard)] = scores
        scores = wide
    if scores.shape != (n, arms):
        raise OptionError(f"The policy '{log.policy.name}' gave scores of shape {scores.shape}; it must be ({n},) or "
                          f"({n}, {arms}): a row a customer, a column a row of log.arms.")  # fmt: skip
    return Knowledge(log, scores, log.explore if log.policy.learns else 0.0)


def plan(knowledge: Knowledge, budget: float) -> pd.DataFrame:
    """Market planning: who gets which contact for this money? One row a customer: arm, wanted, group.

    Lots first put `control_share` of all customers aside and spend the share to explore (each arm gets
    about the same money). The rest buys the highest scores: each customer's best arm by score - price x cost,
    with the one price of money that uses up the budget. `wanted` is the arm that the scores alone would
    choose, also for the control group; `arm` is -1 for no contact.
    """
    log, cost = knowledge.log, knowledge.log.arms["cost"].to_numpy()
    numbers, n = log.arms.index.to_numpy(), len(log.customers)
    group = np.where(log.lots[:, 0] < log.control_share, CONTROL, REST)
    arm, left = np.full(n, -1), float(budget)
    if knowledge.explore > 0:
        order = np.argsort(log.lots[:, 1])
        order = order[group[order] == REST]
        cheap = np.cumsum(1 / cost) / (1 / cost).sum()
        drawn = np.minimum(np.searchsorted(cheap, log.lots[order, 2]), len(cost) - 1)
        paid = np.cumsum(cost[drawn]) <= knowledge.explore * budget + 1e-9
        group[order[paid]], arm[order[paid]] = EXPLORE, numbers[drawn[paid]]
        left -= cost[drawn[paid]].sum()
    scores = np.where(np.isfinite(knowledge.scores), knowledge.scores, -np.inf)
    price = _price(scores[group == REST], cost, left)
    worth = scores - price * cost
    best = worth.argmax(axis=1)
    wanted = np.where(worth[np.arange(n), best] > 1e-12 * price, numbers[best], -1)
    chosen = (group == REST) & (wanted >= 0)
    group[chosen], arm[chosen] = TARGET, wanted[chosen]
    return pd.DataFrame(
        {
            "customer_id": log.customers["customer_id"], "arm": arm, "wanted": wanted,
            "group": pd.Categorical.from_codes(group, dtype=GROUPS),
        }
    )  # fmt: skip


def _price(scores: np.ndarray, cost: np.ndarray, money: float) -> float:
    """The lowest price of money at which the contacts worth more than they cost fit into the budget."""
    scores = scores[(scores > 0).any(axis=1)]
    used = np.flatnonzero((scores > 0).any(axis=0))
    if not len(used):
        return 0.0
    scores, cost = scores[:, used], cost[used]
    if len(used) == 1:
        best, fit = np.sort(scores[:, 0])[::-1], int(np.floor(money / cost[0] + 1e-9))
        return 0.0 if fit >= len(best) else float(best[fit] / cost[0])
    every = np.arange(len(scores))

    def bill(price: float) -> float:
        worth = scores - price * cost
        best = worth.argmax(axis=1)
        return float(cost[best[worth[every, best] > 1e-12 * price]].sum())

    low, high = 0.0, float((scores / cost).max())
    if bill(low) <= money:
        return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if bill(middle) <= money else (middle, high)
    return high


def interact(plan: pd.DataFrame, world: Shop, rng: np.random.Generator) -> Responses:
    """Customer interaction: the contacts go out and the month passes. `rng` is for stages of your own.

    The shop has its own random numbers, the same under every policy.
    """
    log, arm = world.log, plan["arm"].to_numpy()
    orders, amount = world.outcome(arm)
    none = arm < 0
    cost, discount = (np.where(none, 0.0, world.world.arms[name].to_numpy()[arm]) for name in ("cost", "discount"))
    table: dict[str, Any] = {str(name): plan[name] for name in plan.columns}
    table |= {"orders": orders, "bought": orders > 0, "amount": amount}
    table |= {"contact_cost": cost, "discount_cost": discount * amount}
    return Responses(pd.DataFrame(table, copy=False), log)


def refine(responses: Responses) -> Learned:
    """Analysis and refinement: what did the contacts change? Contacted less control, and the uplift model.

    Only what lots decided is compared: contacted by choice against those of the control group who would have
    been chosen; or, in a round of chance alone, explored against all who were left alone.
    """
    table, log = responses.table, responses.log
    orders = table["orders"].to_numpy()
    arm, group = table["arm"].to_numpy(), table["group"].cat.codes.to_numpy()
    chance_alone = not (group == TARGET).any()
    treated = group == (EXPLORE if chance_alone else TARGET)
    control = (
        np.isin(group, (CONTROL, REST)) if chance_alone else (group == CONTROL) & (table["wanted"].to_numpy() >= 0)
    )
    uplift, se, size = _gap(orders, treated, control)
    naive = _gap(orders, arm >= 0, arm < 0)[0]
    if not log.policy.learns:
        return Learned(uplift, se, size, naive)
    tally = np.zeros((len(log.arms) + 1, CELLS, 2)) if log.learned is None else log.learned.tally
    assert tally is not None
    # who is left over by choice is no fair comparison; where lots alone chose they are
    used = (arm >= 0) | (group == CONTROL) | ((group == REST) & chance_alone)
    column = np.append(log.arms.index.get_indexer(pd.RangeIndex(arm.max() + 1)), -1)[arm] + 1
    code = (column * CELLS + cells(log.customers))[used]
    count = [np.bincount(code, w, tally[..., 0].size) for w in (None, table["bought"].to_numpy(float)[used])]
    tally = tally + np.stack(count, axis=-1).reshape(tally.shape)
    start = log.learned.fit[0] if log.learned is not None and log.learned.fit is not None else None
    return Learned(uplift, se, size, naive, tally, *fit_uplift(tally, log.arms, start))


def _gap(y: np.ndarray, treated: np.ndarray, control: np.ndarray) -> tuple[float, float, float]:
    """Difference of means, its standard error, and 1 / (1/n + 1/m); NaN, NaN, 0 where a group has fewer than two."""
    n, m = int(treated.sum()), int(control.sum())
    if min(n, m) < 2:
        return np.nan, np.nan, 0.0
    one, other = y[treated], y[control]
    se = np.sqrt(one.var(ddof=1) / n + other.var(ddof=1) / m)
    return float(one.mean() - other.mean()), float(se), n * m / (n + m)


@dataclass(frozen=True, repr=False)
class Run:
    """One firm through the rounds: `table` and `stages` a row a round, the last `log` and `responses`, the `shop`."""

    policy: str
    table: pd.DataFrame
    stages_by_round: pd.DataFrame
    log: SwiftLog
    responses: Responses
    shop: Shop

    @property
    def stages(self) -> pd.Series:
        """How many customers did each stage of the last round concern?"""
        return self.stages_by_round.iloc[-1]

    @property
    def model(self) -> pd.DataFrame | None:
        """The learned model's coefficients with intervals; None for policies that do not learn."""
        return None if self.log.learned is None else self.log.learned.table

    def naive(self, level: float = 0.95) -> pd.DataFrame:
        """What did contacts add, as a firm without control group would say, as the control group says, and in truth?

        Orders per contact over all rounds: rows "naive" (contacted less everyone not contacted), "control"
        (less those held back by lots, rounds weighted by their numbers) and "truth"; columns estimate,
        se, low, high. The naive figure is off because the contacted were chosen. A value that no round has is left out.
        """
        t, z = self.table, z_value(level)
        weight = t["uplift_size"][t["uplift_size"] > 0]  # of sizes: by precision, months of few orders would weigh more
        rows = {"truth": ((t["true_uplift"] * t["contacts"]).sum() / max(t["contacts"].sum(), 1), 0.0)}
        if len(weight):
            share = weight / weight.sum()
            rows["control"] = ((share * t["uplift"]).sum(), np.sqrt((share**2 * t["uplift_se"] ** 2).sum()))
        seen = t["naive"].notna()
        if seen.any():
            contacts, rest = t["contacts"][seen], t["customers"][seen] - t["contacts"][seen]
            share = contacts / contacts.sum()
            variance = (t["orders"][seen].sum() / t["customers"][seen].sum()) * (1 / contacts + 1 / rest)
            rows["naive"] = ((t["naive"][seen] * share).sum(), np.sqrt((variance * share**2).sum()))
        table = pd.DataFrame(rows, index=["estimate", "se"]).T.loc[
            [k for k in ("naive", "control", "truth") if k in rows]
        ]
        table["low"], table["high"] = table["estimate"] - z * table["se"], table["estimate"] + z * table["se"]
        return table

    def _repr_html_(self) -> str:
        return f"<p>{self.policy}, {len(self.table)} rounds</p>" + self.table.round(3).to_html(index=False, na_rep="")


class SwiftCycle:
    """What does a firm earn that goes through Swift's four stages every month? (Swift 2001, Accelerating Customer
    Relationships: knowledge discovery, market planning, customer interaction, analysis and refinement)

    Parameters
    ----------
    world
        A `SwiftWorld`: the customers' hidden truth.
    budget
        Dollars for contacts in each round. Discounts are not paid from it, but lower the profit.
    channels, offers
        The names of the world's channels and offers that the firm uses; `offers=None` takes all.
    control_share
        Share of all customers, drawn anew each round, whom no policy may contact.
    standard
        (channel, offer) of the policies that do not choose one; by default the first channel with "novelty".
    explore
        Share of the learned policy's budget that lots spend, so that it goes on learning about every contact;
        in the first round, when nothing is known, all of it.
    discover, plan, interact, refine
        The stages: functions to be replaced by your own with the same arguments.

    >>> run = SwiftCycle(SwiftWorld(n_customers=400), 10, ["email"]).run(2, "random", rng=1)
    >>> run.table[["round", "contacts", "contact_cost"]].to_numpy().tolist()
    [[1.0, 100.0, 10.0], [2.0, 100.0, 10.0]]
    """

    def __init__(
        self, world: SwiftWorld, budget: float, channels: Sequence[str], control_share: float = 0.1, *,
        offers: Sequence[str] | None = None, standard: tuple[str, str] | None = None, explore: float = 0.2,
        discover: Callable[[SwiftLog], Any] = discover, plan: Callable[[Any, float], pd.DataFrame] = plan,
        interact: Callable[[pd.DataFrame, Shop, np.random.Generator], Any] = interact,
        refine: Callable[[Any], Any] = refine,
    ) -> None:  # fmt: skip
        check_kind("world", world, SwiftWorld, "give a crm.SwiftWorld(...)")
        check_positive("budget", budget, zero=True)
        for name, share in (("control_share", control_share), ("explore", explore)):
            check_positive(name, share, zero=True)
            if share >= 1:
                raise OptionError(f"{name}={share!r} is not usable; it is a share from 0 to below 1, such as 0.1.")
        offers = [*world.offers] if offers is None else offers
        for kind, chosen, known in (
            ("channels", channels, [*world.channels]),
            ("offers", offers, [*world.offers]),
        ):
            if not isinstance(chosen, Sequence) or not chosen or isinstance(chosen, str):
                raise OptionError(f"{kind} must be a list of one or more of {', '.join(map(repr, known))}.")
            for name in chosen:
                check_option(kind, name, known)
        if standard is None:
            standard = (channels[0], "novelty" if "novelty" in offers else offers[0])
        if not isinstance(standard, tuple | list) or len(standard) != 2:
            raise OptionError(f"standard={standard!r} is not usable; give (channel, offer).")
        check_option("standard[0]", standard[0], list(channels))
        check_option("standard[1]", standard[1], offers)
        self.world, self.budget, self.channels, self.offers = world, float(budget), list(channels), list(offers)
        self.control_share, self.explore, self.standard = float(control_share), float(explore), standard
        self.discover, self.plan, self.interact, self.refine = discover, plan, interact, refine
        arms = world.arms[world.arms["channel"].isin(self.channels) & world.arms["offer"].isin(offers)]
        self.arms = arms.drop(columns="strength")
        self._standard = int(arms.index[(arms["channel"] == standard[0]) & (arms["offer"] == standard[1])][0])

    def run(self, rounds: int, policy: Any, rng: np.random.Generator | int) -> Run:
        """How does one firm fare over `rounds` months under a policy (a name, or a function of the log)?"""
        random = generator(rng, "run")
        return self.follow(self.world.open(rounds, rng=random), rounds, as_policy(policy), random)

    def follow(self, shop: Shop, rounds: int, policy: Policy, rng: np.random.Generator) -> Run:
        """The loop itself, on customers already drawn."""
        rows, stages = [], []
        learned, memo = None, {}  # type: ignore[var-annotated]
        for number in range(1, rounds + 1):
            log = self.log(shop, policy, learned, memo)
            shop.log = log
            knowledge = self.discover(log)
            plan = self.plan(knowledge, self.budget)
            arm = self._checked(plan, log)
            effect = shop.effect(arm)
            base = self.world.margin * shop.amounts[:, shop.month].sum()
            responses = self.interact(plan, shop, rng)
            table = responses.table
            learned = self.refine(responses)
            orders, amount = table["orders"].to_numpy(), table["amount"].to_numpy()
            paid, given = table["contact_cost"].sum(), table["discount_cost"].sum()
            margin, contacted = self.world.margin * amount.sum(), arm >= 0
            profit = margin - paid - given
            rows.append((
                number, len(arm), int(contacted.sum()), paid, given, paid + given, orders.sum(), amount.sum(), margin,
                profit, profit - base, paid / self.budget if self.budget else 0.0, learned.uplift, learned.uplift_se,
                learned.uplift_size, learned.naive, effect[contacted].mean() if contacted.any() else np.nan,
            ))  # fmt: skip
            counted = 0 if learned.tally is None else int(learned.tally[..., 0].sum())
            groups = plan["group"].value_counts() if "group" in plan else {"target": int(contacted.sum())}
            chosen = [int(groups.get(name, 0)) for name in ("target", "explore", "control")]
            answered = int((table["bought"].to_numpy() & contacted).sum())
            stages.append((number, len(arm), *chosen, int(contacted.sum()), answered, counted))
            shop.advance(arm, orders, amount)
        names = "round customers contacts contact_cost discount_cost cost orders sales margin profit incremental "
        names += "budget_spent uplift uplift_se uplift_size naive true_uplift"
        by_stage = pd.DataFrame(stages, columns=STAGES)
        last = replace(log, learned=learned)
        return Run(
            policy.name, pd.DataFrame(rows, columns=names.split()), by_stage.set_index("round"), last, responses, shop
        )

    def log(self, shop: Shop, policy: Policy, learned: Any, memo: dict[str, Any]) -> SwiftLog:
        """What the firm knows at the start of the shop's month."""
        return SwiftLog(
            shop.month, shop.books(), self.arms, self._standard, self.world.margin, self.control_share, self.explore,
            shop.lots[:, shop.month], policy, learned, shop, memo,
        )  # fmt: skip

    def with_control(self, share: float) -> SwiftCycle:
        """The same cycle with another control group."""
        return SwiftCycle(
            self.world, self.budget, self.channels, share, offers=self.offers, standard=self.standard,
            explore=self.explore, discover=self.discover, plan=self.plan, interact=self.interact, refine=self.refine,
        )  # fmt: skip

    def _checked(self, plan: pd.DataFrame, log: SwiftLog) -> np.ndarray:
        if "arm" not in plan or len(plan) != len(log.customers):
            raise OptionError("plan() must return a table with a row a customer and the column 'arm' (-1: no contact).")
        arm = plan["arm"].to_numpy()
        wrong = sorted({*np.unique(arm).tolist()} - {-1, *log.arms.index})
        if wrong:
            raise OptionError(
                f"plan() chose the arm {wrong[0]}; log.arms has {[*log.arms.index]}, and -1 is no contact."
            )
        bill = self.world.arms["cost"].to_numpy()[arm[arm >= 0]].sum()
        if bill > self.budget + 1e-6:
            raise OptionError(f"plan() spends {bill:,.2f} of a budget of {self.budget:,.2f}; plan fewer contacts.")
        return np.asarray(arm, dtype=np.int64)

    def compare(
        self, policies: Sequence[Any], rounds: int, replications: int, rng: np.random.Generator | int, *,
        workers: int = 1, progress: bool = False, level: float = 0.95,
    ) -> Comparison:  # fmt: skip
        """Which policy earns most, by how much, and how sure is that? See `crmlab.strategy.swift_compare`."""
        from crmlab.strategy.swift_compare import compare

        return compare(self, policies, rounds, replications, rng, workers=workers, progress=progress, level=level)
