"""The eight kinds of loyalty programme as objects: what each promises, what it costs, and what it still owes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmlab.base.errors import OptionError, check_kind, check_positive, check_share
from crmlab.strategy.programme_rules import Appeal, Entry, Month, Programme

if TYPE_CHECKING:
    from crmlab.strategy.programme_base import CustomerBase


class _Pool(NamedTuple):
    lots: np.ndarray  # months of age x customers
    rewarded: np.ndarray
    redeemed: float
    expired: float


@dataclass(frozen=True, kw_only=True)
class Points(Programme):
    """Points for purchases, rewards for points: `earn` points per unit of money, each worth `point_value` money.

    With `threshold` points or more, a customer who buys in a month redeems with chance `redeem`, in whole rewards of
    `threshold` (0: the whole balance), oldest points first. Points lapse `expiry` months after they were earned, at
    the month's end (None: never). The liability is what is outstanding at face value, times the share of all
    settled points that were redeemed so far (1 before any was settled: the careful side).

    >>> Points(earn=1, point_value=0.02, threshold=500).point_value
    0.02
    """

    earn: float
    point_value: float
    threshold: float = 0.0
    expiry: int | None = 12
    redeem: float = 0.8

    def start(self, base: CustomerBase) -> _Pool:
        """Empty accounts."""
        return _Pool(np.zeros((self.expiry or 1, len(base))), np.zeros(len(base)), 0.0, 0.0)

    def appeal(self, state: _Pool, base: CustomerBase) -> Appeal:
        """The face value of what is earned, less where points would lapse before they reach a reward."""
        reach, near = np.ones(len(base)), np.zeros(len(base))
        if self.threshold > 0:
            balance = state.lots.sum(axis=0)
            near = np.where(balance < self.threshold, balance, 0.0) / self.threshold
            if self.expiry is not None:
                reach = np.minimum(self.threshold, self.earn * self._counted(base) * self.expiry) / self.threshold
        reward = self.earn * self.point_value * reach
        return Appeal(reward=reward, pressure=reward * near, rewarded=reward * state.rewarded)

    def _counted(self, base: CustomerBase) -> np.ndarray:
        return base.monthly_spend

    def _partners(self, month: Month, base: CustomerBase) -> Any:
        return 0.0

    def settle(self, state: _Pool, month: Month, base: CustomerBase) -> tuple[_Pool, Entry]:
        """Issue, then redeem, then let the oldest lapse."""
        issued = self.earn * (month.spend + self._partners(month, base))
        lots = np.concatenate([issued[None], state.lots[:-1]])
        if self.expiry is None:
            lots = state.lots + issued
        balance = lots.sum(axis=0)
        can = (balance > 0) & (balance >= self.threshold * (1 - 1e-12)) & (month.purchases > 0)
        who = np.flatnonzero(can & (month.redeem_luck < self.redeem))
        taken = np.zeros(len(base))
        taken[who] = balance[who]
        if self.threshold > 0:
            with np.errstate(over="ignore"):  # a threshold next to nothing: then all is taken
                whole = np.floor(balance[who] / self.threshold * (1 + 1e-12)) * self.threshold
            taken[who] = np.minimum(balance[who], whole)
        left = np.maximum(lots[::-1, who].cumsum(axis=0) - taken[who], 0)
        lots[:, who] = np.diff(left, axis=0, prepend=0)[::-1]
        expired = np.zeros(len(base))
        if self.expiry is not None:
            expired = lots[-1].copy()
            lots[-1] = 0
        pool = _Pool(
            lots, (taken > 0).astype(float), state.redeemed + taken.sum(), state.expired + expired.sum()
        )  # fmt: skip
        settled = pool.redeemed + pool.expired
        outstanding = lots.sum(axis=0)
        owed = outstanding * self.point_value * (pool.redeemed / settled if settled > 0 else 1.0)
        return pool, Entry(
            cost=taken * self.point_value, issued=issued, redeemed=taken, expired=expired,
            outstanding=outstanding, liability=owed,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Partners(Points):
    """Points that are also earned at partners: `partner_spend` money there per unit of money expected here.

    Partners pay the firm the share `funded` of the face value of the points earned with them, as they are issued.
    """

    partner_spend: float = 0.5
    funded: float = 0.5

    def _counted(self, base: CustomerBase) -> np.ndarray:
        return base.monthly_spend * (1 + self.partner_spend)

    def _partners(self, month: Month, base: CustomerBase) -> np.ndarray:
        return self.partner_spend * base.monthly_spend * month.active

    def settle(self, state: _Pool, month: Month, base: CustomerBase) -> tuple[_Pool, Entry]:
        """As `Points`, with the partners' payment as income."""
        pool, entry = super().settle(state, month, base)
        paid = self.funded * self.earn * self.point_value * self._partners(month, base)
        return pool, Entry(**{**vars(entry), "income": paid})


@dataclass(frozen=True, kw_only=True)
class Spend(Programme):
    """Money back for money spent: `voucher` plus `cashback` (a share of the period's spend), paid at the end of each
    `period` of months to those who spent `threshold` or more in it."""

    threshold: float
    voucher: float = 0.0
    cashback: float = 0.0
    period: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("threshold", self.threshold)

    def start(self, base: CustomerBase) -> tuple[int, np.ndarray, np.ndarray]:
        """Months into the period, spent in it, rewarded last month."""
        return 0, np.zeros(len(base)), np.zeros(len(base))

    def appeal(self, state: tuple[int, np.ndarray, np.ndarray], base: CustomerBase) -> Appeal:
        """The reward of a usual period over its spend, less for those whose usual spend falls short."""
        usual = base.monthly_spend * self.period
        rate = self.voucher / np.maximum(usual, self.threshold) + self.cashback
        reward = rate * np.minimum(1, usual / self.threshold)
        _, spent, rewarded = state
        near = np.where(spent < self.threshold, spent, 0.0) / self.threshold
        return Appeal(reward=reward, pressure=reward * near, rewarded=reward * rewarded)

    def settle(self, state: tuple[int, np.ndarray, np.ndarray], month: Month, base: CustomerBase) -> tuple[Any, Entry]:
        """Pays at the period's end; before it, what was reached is owed."""
        spent = state[1] + month.spend
        due = np.where(spent >= self.threshold, self.voucher + self.cashback * spent, 0.0)
        if state[0] + 1 < self.period:
            return (state[0] + 1, spent, np.zeros(len(base))), Entry(liability=due)
        return (0, np.zeros(len(base)), (due > 0).astype(float)), Entry(cost=due)


@dataclass(frozen=True, kw_only=True)
class Tiers(Programme):
    """Levels by the spend of the last `window` months: who reached `thresholds[i]` gets the share `benefits[i]` of
    what he spends this month. Levels also hold customers; benefits alone cost money."""

    thresholds: tuple[float, ...]
    benefits: tuple[float, ...]
    window: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("thresholds", "benefits"):
            check_kind(name, getattr(self, name), (tuple, list), "give a list of numbers, such as (100, 500)")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for threshold in self.thresholds:
            check_positive("thresholds", threshold)
        for benefit in self.benefits:
            check_share("benefits", benefit)
        rising = all(a < b for a, b in zip(self.thresholds, self.thresholds[1:], strict=False))
        if not self.thresholds or not rising or len(self.thresholds) != len(self.benefits):
            raise OptionError(
                f"thresholds={self.thresholds!r}, benefits={self.benefits!r}: give one or more rising amounts "
                "and as many benefits."
            )

    def start(self, base: CustomerBase) -> np.ndarray:
        """Spend by month of the window."""
        return np.zeros((self.window, len(base)))

    def level(self, state: np.ndarray) -> np.ndarray:
        """0 below the first threshold, then 1, 2, ..."""
        return np.searchsorted(self.thresholds, state.sum(axis=0), side="right")

    def appeal(self, state: np.ndarray, base: CustomerBase) -> Appeal:
        """The level's benefit, its status, and the next level's benefit with the way made towards it."""
        level, steps = self.level(state), np.array([0.0, *self.thresholds, np.inf])
        near = (state.sum(axis=0) - steps[level]) / (steps[level + 1] - steps[level])
        benefits = np.array([0.0, *self.benefits, 0.0])
        status = level / len(self.thresholds)
        return Appeal(reward=benefits[level], status=status, pressure=benefits[level + 1] * near)

    def settle(self, state: np.ndarray, month: Month, base: CustomerBase) -> tuple[np.ndarray, Entry]:
        """The benefit goes by the level with which the month began."""
        cost = np.array([0.0, *self.benefits])[self.level(state)] * month.spend
        return np.concatenate([month.spend[None], state[:-1]]), Entry(cost=cost)


@dataclass(frozen=True, kw_only=True)
class PaidMembership(Programme):
    """A `fee` for each `period` of months buys members the share `discount` off all they spend.

    Who expects to save more than the fee joins, by his own usual spend: those who would have bought most anyway.
    """

    fee: float
    discount: float
    period: int = 1

    def joins(self, base: CustomerBase) -> np.ndarray:
        """Whose usual saving is above the fee?"""
        return self.discount * base.monthly_spend * self.period > self.fee

    def start(self, base: CustomerBase) -> int:
        """Months into the period."""
        return 0

    def appeal(self, state: int, base: CustomerBase) -> Appeal:
        """The fee is paid already; what counts at the till is the discount."""
        return Appeal(discount=self.discount * self.joins(base))

    def settle(self, state: int, month: Month, base: CustomerBase) -> tuple[int, Entry]:
        """Fees come in as a period begins."""
        members = self.joins(base)
        fees = self.fee * (members & month.active) if state == 0 else 0.0
        return (state + 1) % self.period, Entry(cost=self.discount * month.spend * members, income=fees)


@dataclass(frozen=True, kw_only=True)
class SharedValues(Programme):
    """The share `share` of sales goes to a cause; `fit` (0 to 1) is how much it is the customers' own."""

    share: float
    fit: float = 0.5

    def appeal(self, state: None, base: CustomerBase) -> Appeal:
        """A gift that fits."""
        return Appeal(cause=self.share * self.fit)

    def settle(self, state: None, month: Month, base: CustomerBase) -> tuple[None, Entry]:
        """The gift is paid at once."""
        return None, Entry(cost=self.share * month.spend)


@dataclass(frozen=True, kw_only=True)
class Game(Programme):
    """A draw in each month with a purchase: `prizes` are (chance, money). Every `level_every`-th such month brings
    `level_prize` for sure. The fun fades: half of it is gone after `half_life` months."""

    prizes: tuple[tuple[float, float], ...]
    level_every: int | None = None
    level_prize: float = 0.0
    half_life: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_kind("prizes", self.prizes, (tuple, list), "give pairs of chance and money, such as ((0.01, 50),)")
        if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in self.prizes):
            raise OptionError(f"prizes={self.prizes!r} is not usable; give pairs such as ((0.01, 50),).")
        object.__setattr__(self, "prizes", tuple((chance, value) for chance, value in self.prizes))
        for chance, value in self.prizes:
            check_share("chance", chance)
            check_positive("prize", value, zero=True)
        check_share("the sum of the chances", math.fsum(chance for chance, _ in self.prizes))

    def start(self, base: CustomerBase) -> tuple[int, np.ndarray, np.ndarray]:
        """Months since the start, months played, won last month."""
        return 0, np.zeros(len(base), dtype=int), np.zeros(len(base))

    def appeal(self, state: tuple[int, np.ndarray, np.ndarray], base: CustomerBase) -> Appeal:
        """Expected prizes over the spend of a usual month, the fun, and the way to the next level."""
        age, played, won = state
        worth = math.fsum(chance * value for chance, value in self.prizes)
        near: Any = 0.0
        if self.level_every is not None:
            worth += self.level_prize / self.level_every
            near = played % self.level_every / self.level_every
        usual = np.where(base.monthly_spend > 0, base.monthly_spend, np.inf)
        reward = np.minimum(1, worth * -np.expm1(-base.column("rate")) / usual)
        fun = 0.5 ** (age / self.half_life)
        return Appeal(reward=reward, fun=fun, pressure=reward * near, rewarded=reward * won)

    def settle(self, state: tuple[int, np.ndarray, np.ndarray], month: Month, base: CustomerBase) -> tuple[Any, Entry]:
        """Prizes are paid in the month in which they are won."""
        plays = month.purchases > 0
        edges = np.cumsum([chance for chance, _ in self.prizes])
        values = np.array([*(value for _, value in self.prizes), 0.0])
        prize = np.where(plays, values[np.searchsorted(edges, month.prize_luck, side="right")], 0.0)
        played = state[1] + plays
        if self.level_every is not None:
            prize = prize + np.where(plays & (played % self.level_every == 0), self.level_prize, 0.0)
        return (state[0] + 1, played, (prize > 0).astype(float)), Entry(cost=prize)


@dataclass(frozen=True, init=False)
class Hybrid(Programme):
    """Several programmes at once: costs and ledgers add; appeals join as `Appeal.together` says, and the response to
    all of them saturates together, so that no effect counts twice. Hybrids within are flattened; order is nothing.

    >>> a, b = SharedValues(share=0.01), Spend(threshold=100, voucher=2)
    >>> Hybrid(a, b) == Hybrid(Hybrid(b), a)
    True
    """

    parts: tuple[Programme, ...]

    def __init__(self, *parts: Programme, setup: float = 0.0, running: float = 0.0) -> None:
        wrong = [part for part in parts if not isinstance(part, Programme)]
        if wrong or not parts:
            found = f"{wrong[0]!r} is no programme" if wrong else "it has no parts"
            raise OptionError(f"Hybrid(...): {found}; give one or more programmes, such as Hybrid(points, tiers).")
        check_positive("setup", setup, zero=True)
        check_positive("running", running, zero=True)
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Hybrid) else (part,))]
        object.__setattr__(self, "parts", tuple(sorted(flat, key=repr)))
        object.__setattr__(self, "setup", math.fsum([setup, *(part.setup for part in parts)]))
        object.__setattr__(self, "running", math.fsum([running, *(part.running for part in parts)]))

    def start(self, base: CustomerBase) -> tuple[Any, ...]:
        """The states of the parts."""
        return tuple(part.start(base) for part in self.parts)

    def appeal(self, state: tuple[Any, ...], base: CustomerBase) -> Appeal:
        """All parts' appeals, joined."""
        return Appeal.together(part.appeal(own, base) for part, own in zip(self.parts, state, strict=True))

    def settle(self, state: tuple[Any, ...], month: Month, base: CustomerBase) -> tuple[tuple[Any, ...], Entry]:
        """The sums of the parts' books."""
        settled = [part.settle(own, month, base) for part, own in zip(self.parts, state, strict=True)]
        sums = {f.name: sum(getattr(entry, f.name) for _, entry in settled) for f in fields(Entry)}
        return tuple(own for own, _ in settled), Entry(**sums)
