"""A simulated online bookshop whose hidden truth is known: customers who buy, leave, respond, and tire of contacts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from crmlab.base.errors import OptionError, check_count, check_kind, check_positive, check_share, is_number
from crmlab.base.fit import generator
from crmlab.data.simulate import purchase_times

KINDS = ("averse", "unmoved", "persuadable")
Pairs = Mapping[str, tuple[float, float]]


def _value(default: Any, means: str) -> Any:
    return field(default=default, metadata={"means": means})


_CHANNELS = {"email": (0.10, 1.0), "sms": (0.15, 1.0), "post": (1.20, 1.5)}
_OFFERS = {"none": (0.0, 0.5), "discount": (0.15, 1.2), "novelty": (0.0, 1.0)}


@dataclass(frozen=True)
class SwiftWorld:
    """What is true of the shop's customers, though no firm can see it? A round is a month, money in dollars.

    Purchases follow BG/NBD and amounts Gamma-Gamma, with the values published for CDNOW (Fader, Hardie & Lee
    2005; Fader & Hardie 2013). A contact adds an order this month with a small chance if the customer is
    persuadable, does nothing to the unmoved, and makes the averse put off their orders; who has left never
    answers. Each customer likes one channel and one offer. The other values are plausible guesses, not estimates:
    on average a contact adds about one order per hundred, the order of size of e-mail tests. `parameters()` lists
    all.
    """

    n_customers: int = _value(5000, "customers, won evenly over the eight quarters before the first round")
    r: float = _value(0.243, "shape of the purchase rates (CDNOW)")
    alpha: float = _value(1.015, "rate of the purchase rates, months (CDNOW's 4.414 weeks)")
    a: float = _value(0.793, "first shape of the chance to leave after an order (CDNOW)")
    b: float = _value(2.426, "second shape of that chance (CDNOW)")
    p: float = _value(6.25, "shape of an order's amount (CDNOW)")
    q: float = _value(3.74, "shape of the customers' spending levels (CDNOW)")
    v: float = _value(15.44, "rate of the customers' spending levels (CDNOW)")
    margin: float = _value(0.35, "gross margin, share of an order's amount")
    persuadable: float = _value(0.30, "share of customers to whom a contact can add an order")
    averse: float = _value(0.15, "share of customers who dislike contacts")
    response: float = _value(
        0.10, "extra orders of a persuadable at strength 1, liked channel, liked offer, no fatigue"
    )
    aversion: float = _value(0.20, "chance that an averse customer puts off the month's orders when contacted")
    channels: Pairs = field(default_factory=_CHANNELS.copy, metadata={"means": "cost of a contact, strength"})
    offers: Pairs = field(default_factory=_OFFERS.copy, metadata={"means": "discount, strength"})
    mismatch: float = _value(0.5, "factor on the response where the channel (and again the offer) is not the liked one")
    fatigue: float = _value(0.5, "response is divided by 1 + fatigue x contacts lately")
    fatigue_decay: float = _value(0.5, "share of the contacts lately that still weighs a month later")
    explained: float = _value(0.5, "share of the variance of responsiveness that opens and fiction explain")
    correlation: float = _value(0.3, "of responsiveness with the purchase rate (above 0: the best respond more)")

    def __post_init__(self) -> None:
        check_count("n_customers", self.n_customers, 100)
        for name in ("r", "alpha", "a", "b", "p", "q", "v", "margin"):
            check_positive(name, getattr(self, name))
        check_positive("fatigue", self.fatigue, zero=True)
        shares = "margin", "persuadable", "averse", "response", "aversion", "mismatch", "fatigue_decay", "explained"
        for name in shares:
            check_share(name, getattr(self, name))
        if not (is_number(self.correlation) and -1 <= self.correlation <= 1):
            raise OptionError(f"correlation={self.correlation!r} is not usable; it lies between -1 and 1.")
        if self.persuadable + self.averse > 1:
            raise OptionError(
                f"persuadable + averse = {self.persuadable + self.averse:g}; together they are at most 1."
            )
        if self.explained + self.correlation**2 > 1 or self.q <= 1:
            raise OptionError("explained + correlation squared must be at most 1, and q above 1 (a finite mean spend).")
        for kind in ("channels", "offers"):
            pairs = getattr(self, kind)
            check_kind(kind, pairs, Mapping, "give a pair of numbers by name")
            if not pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs.values()):
                raise OptionError(f"{kind} needs one entry or more, each a pair of numbers by name.")
        for name, (cost, strength) in self.channels.items():
            check_positive(f"channels[{name!r}] cost", cost)
            check_positive(f"channels[{name!r}] strength", strength, zero=True)
        for name, (discount, strength) in self.offers.items():
            check_positive(f"offers[{name!r}] strength", strength, zero=True)
            if not (is_number(discount) and 0 <= discount < 1):
                raise OptionError(f"offers[{name!r}] has the discount {discount!r}; it must be from 0 to below 1.")
        strongest = self.response * max(s for _, s in self.channels.values()) * max(s for _, s in self.offers.values())
        if strongest > 1:
            raise OptionError(f"response times the strengths reaches {strongest:g}; a chance is at most 1.")

    def parameters(self) -> pd.DataFrame:
        """Which values does this world have, and what do they mean? A row a parameter.

        >>> SwiftWorld().parameters().loc[9, "parameter"]
        'persuadable'
        """
        rows = [(f.name, str(getattr(self, f.name)), f.metadata["means"]) for f in fields(self)]
        return pd.DataFrame(rows, columns=["parameter", "value", "meaning"])

    @cached_property
    def arms(self) -> pd.DataFrame:
        """Every channel with every offer: channel, offer, cost of a contact, discount, strength."""
        rows = [
            (c, o, cost, discount, by_channel * by_offer)
            for c, (cost, by_channel) in self.channels.items()
            for o, (discount, by_offer) in self.offers.items()
        ]
        return pd.DataFrame(rows, columns=["channel", "offer", "cost", "discount", "strength"])

    def open(self, rounds: int, *, rng: np.random.Generator | int) -> Shop:
        """Draw the customers, their past, and every random number of the coming `rounds` and a test month after."""
        return Shop(self, check_count("rounds", rounds), generator(rng, "open"))


class Shop:
    """One draw of a world, at the start of a month; a `copy()` has the same luck, so that policies differ by acts."""

    def __init__(self, world: SwiftWorld, rounds: int, rng: np.random.Generator) -> None:
        n, self.world, self.month = world.n_customers, world, 0
        self.age = 3.0 * (1 + rng.permutation(n) % 8)  # months since the first order
        self.rate, self.dropout = rng.gamma(world.r, 1 / world.alpha, n), rng.beta(world.a, world.b, n)
        self._if_alive = -np.expm1(-self.rate * self.dropout) / np.maximum(self.dropout, 1e-12)
        who, when, left_at = purchase_times(self.rate, self.dropout, self.age + rounds + 1, rng)
        self.left = left_at - self.age
        months = 24 + rounds + 1
        column = np.minimum(np.floor(when - self.age[who]).astype(int) + 24, months - 1)
        counts = np.bincount(who * months + column, minlength=n * months).reshape(n, months)
        level = rng.gamma(world.q, 1 / world.v, n)
        self.spend = world.p / level  # the customer's own mean amount
        amounts = np.where(counts > 0, rng.gamma(np.maximum(world.p * counts, 1e-9)), 0.0) / level[:, None]
        first = rng.gamma(world.p, 1.0, n) / level
        self.orders, self.amounts = counts[:, 24:], amounts[:, 24:]
        self.extra_amount = rng.gamma(world.p, 1.0, (n, rounds + 1)) / level[:, None]
        self.luck = rng.random((n, rounds + 1))
        self.lots = rng.random((n, rounds + 1, 4))  # control group, exploration, its arm, breaking of ties
        self._characters(rng)
        past = counts[:, :24]
        self.frequency = past.sum(axis=1).astype(float)
        last = 24 - np.argmax(past[:, ::-1] > 0, axis=1)
        # the books are kept by month: the last order lies in the middle of its month
        self.recency = np.where(self.frequency > 0, self.age - 24 + last - 0.5, 0.0)
        self.repeat_revenue, self.first = amounts[:, :24].sum(axis=1), first
        self.lately = np.zeros(n)
        self.kept: dict[str, Any] = {}  # fits of the past before round 1, the same for every copy
        self.past = self.books()
        self.log: Any = None

    def _characters(self, rng: np.random.Generator) -> None:
        """Covariates that the firm sees, and the kind and tastes that it does not see."""
        world, n = self.world, len(self.rate)
        share = {"opens": 0.4, "young": 0.35, "fiction": 0.5}
        self.traits = {name: (rng.random(n) < p).astype(int) for name, p in share.items()}
        seen = sum((self.traits[k] - share[k]) / np.sqrt(2 * share[k] * (1 - share[k])) for k in ("opens", "fiction"))
        by_rate = ndtri((np.argsort(np.argsort(self.rate)) + 0.5) / n)
        hidden = rng.standard_normal(n) * np.sqrt(max(1 - world.explained - world.correlation**2, 0))
        score = np.sqrt(world.explained) * seen + world.correlation * by_rate + hidden
        place = (np.argsort(np.argsort(score)) + 0.5) / n
        self.kind = 1 - (place < world.averse) + (place > 1 - world.persuadable)
        usual = np.where(self.traits["opens"] == 1, 0, np.where(self.traits["young"] == 1, 1, 2))
        some = rng.integers(0, len(world.channels), n)
        self.channel = np.where(rng.random(n) < 0.5, usual % len(world.channels), some)
        names = [*world.offers]
        liked = np.array([i for i, name in enumerate(names) if name != "none"] or [0])
        usual = liked[(self.traits["fiction"] == 1) * (len(liked) - 1)]
        self.offer = np.where(rng.random(n) < 0.5, usual, liked[rng.integers(0, len(liked), n)])

    def copy(self) -> Shop:
        """The same customers and luck, to be treated otherwise."""
        return copy.copy(self)  # the state's arrays are replaced, never changed

    def alive(self) -> np.ndarray:
        """Who has not left at the start of this month?"""
        return np.asarray(self.left > self.month)

    def baseline(self) -> np.ndarray:
        """Expected orders of this month without contact, by each customer's own rate: (1 - exp(-rate p)) / p."""
        return self.alive() * self._if_alive

    def effect(self, arm: np.ndarray) -> np.ndarray:
        """What would a contact change in this month's expected orders? `arm`: rows of world.arms, -1 is none."""
        who, offers = np.flatnonzero(arm >= 0), len(self.world.offers)
        sent, change = arm[who], np.zeros(len(arm))
        gain = self.world.response * self.world.arms["strength"].to_numpy()[sent] * self.alive()[who]
        for liked in (self.channel[who] == sent // offers, self.offer[who] == sent % offers):
            gain *= np.where(liked, 1.0, self.world.mismatch)
        gain /= 1 + self.world.fatigue * self.lately[who]
        loss = -self.world.aversion * self.baseline()[who]
        change[who] = np.select([self.kind[who] == 2, self.kind[who] == 0], [gain, loss], 0.0)
        return change

    def outcome(self, arm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Orders and amount (before discounts) of this month under these contacts; nothing moves on."""
        t, contacted = self.month, arm >= 0
        chance = self.luck[:, t]
        kept = ~(contacted & (self.kind == 0) & (chance < self.world.aversion))
        extra = (self.kind == 2) & (chance < self.effect(arm))
        return kept * self.orders[:, t] + extra, kept * self.amounts[:, t] + extra * self.extra_amount[:, t]

    def advance(self, arm: np.ndarray, orders: np.ndarray, amount: np.ndarray) -> None:
        """Write the month into the books."""
        self.frequency = self.frequency + orders
        self.recency = np.where(orders > 0, self.age + self.month + 0.5, self.recency)
        self.repeat_revenue = self.repeat_revenue + amount
        self.lately = self.world.fatigue_decay * self.lately + (arm >= 0)
        self.month += 1

    def books(self) -> pd.DataFrame:
        """What does the firm know of each customer at the start of this month?"""
        repeat = np.maximum(self.frequency, 1)
        T = self.age + self.month
        return pd.DataFrame(
            {
                "customer_id": np.arange(1, len(T) + 1), "frequency": self.frequency, "recency": self.recency, "T": T,
                "monetary_value": self.repeat_revenue / repeat, "revenue": self.repeat_revenue + self.first,
                "months_since_last": T - self.recency, **self.traits, "contacts_lately": self.lately,
            }
        )  # fmt: skip

    def truth(self) -> pd.DataFrame:
        """What does the firm not know? Kind, tastes, own rate, whether still a customer."""
        offers, channels = np.array([*self.world.offers]), np.array([*self.world.channels])
        return pd.DataFrame(
            {
                "customer_id": np.arange(1, len(self.rate) + 1), "kind": np.array(KINDS)[self.kind],
                "likes_channel": channels[self.channel], "likes_offer": offers[self.offer], "rate": self.rate,
                "spend": self.spend, "alive": self.alive(),
            }
        )  # fmt: skip
