"""What a loyalty programme is: its appeal to customers, and its books, month by month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmlab.base.errors import check_count, check_positive, check_share

if TYPE_CHECKING:
    from crmlab.strategy.programme_base import CustomerBase


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """What a programme holds out to each customer this month (numbers, or arrays of one a customer).

    Shares of spend: `reward` (returned later) and `discount` (at once), as the customer expects them; `cause`, given
    away, times its fit; `pressure`, the reward at stake times how near it is (0 to 1); `rewarded`, the reward where
    one came last month. Between 0 and 1: `status`, the level reached, and `fun`.
    """

    reward: Any = 0.0
    discount: Any = 0.0
    cause: Any = 0.0
    pressure: Any = 0.0
    rewarded: Any = 0.0
    status: Any = 0.0
    fun: Any = 0.0

    @staticmethod
    def together(parts: Iterable[Appeal]) -> Appeal:
        """Several appeals at once: shares of spend add, status and fun saturate, 1 - (1 - x)(1 - y)."""

        def joined(a: Appeal, b: Appeal) -> Appeal:
            both = {f.name: (getattr(a, f.name), getattr(b, f.name)) for f in fields(Appeal)}
            full = ("status", "fun")
            return Appeal(**{k: 1 - (1 - x) * (1 - y) if k in full else x + y for k, (x, y) in both.items()})

        return reduce(joined, parts)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A month in a programme's books, a number a customer (or in all).

    `cost` and `income` in money; points `issued`, `redeemed`, `expired`, `outstanding`; `liability`, the money that
    rewards already earned are still expected to cost.
    """

    cost: Any = 0.0
    income: Any = 0.0
    issued: Any = 0.0
    redeemed: Any = 0.0
    expired: Any = 0.0
    outstanding: Any = 0.0
    liability: Any = 0.0


class Month(NamedTuple):
    """What happened in a month: arrays of one entry a customer. `active` is who had not left when it began."""

    purchases: np.ndarray
    spend: np.ndarray
    active: np.ndarray
    redeem_luck: np.ndarray
    prize_luck: np.ndarray


NEVER = ("expiry", "level_every")  # may be None
# the rule of a field by its name, for all programmes
RULES = {
    **dict.fromkeys(
        ("setup", "running", "earn", "threshold", "voucher", "fee", "level_prize", "partner_spend"), "amount"
    ),
    **dict.fromkeys(("point_value", "half_life"), "above"),
    **dict.fromkeys(("redeem", "funded", "cashback", "discount", "share", "fit"), "share"),
    **dict.fromkeys(("expiry", "period", "window", "level_every"), "count"),
}


@dataclass(frozen=True, kw_only=True)
class Programme:
    """Parent of all programmes. For a kind of your own, write `appeal` and `settle` (and `start`, if it remembers).

    `setup` is money spent once, in the first month; `running` is money a month, whatever customers do.
    """

    setup: float = 0.0
    running: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            rule, name, value = RULES.get(field.name), field.name, getattr(self, field.name)
            if rule == "share":
                check_share(name, value)
            elif rule in ("amount", "above"):
                check_positive(name, value, zero=rule == "amount")
            elif rule == "count" and not (value is None and name in NEVER):
                check_count(name, value)

    def start(self, base: CustomerBase) -> Any:
        """What is remembered of each customer on the first day; by default nothing."""
        return None

    def appeal(self, state: Any, base: CustomerBase) -> Appeal:
        """What does each customer see as the month begins?"""
        raise NotImplementedError

    def settle(self, state: Any, month: Month, base: CustomerBase) -> tuple[Any, Entry]:
        """The state and the books after the month."""
        raise NotImplementedError
