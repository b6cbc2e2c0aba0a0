"""Customers as a loyalty programme meets them: how they buy and leave, and what would move them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, check_count, check_kind, check_positive, check_share
from crmlab.base.fit import generator
from crmlab.base.period import days_per
from crmlab.strategy.programme_rules import Appeal

if TYPE_CHECKING:
    from crmlab.clv.bgnbd import BGNBDFit
    from crmlab.clv.gamma_gamma import GammaGammaFit

SENSITIVITIES = ("reward", "price", "status", "cause", "fun")
COLUMNS = ("rate", "dropout", "spend", *SENSITIVITIES)


@dataclass(frozen=True, eq=False)
class CustomerBase:
    """Who are the customers, and what would move them?

    `customers` has a row a customer: `rate` (purchases a month), `dropout` (chance to leave after a purchase),
    `spend` (mean of a purchase, in `currency`, a label), and sensitivities `reward`, `price`, `status`, `cause`, `fun`,
    0 or more, about 1 on average; no firm sees them. `margin` is the share of sales left before the programme;
    `basket_cv` the coefficient of variation of a month's mean basket. Raises DataError for faulty columns.
    """

    customers: pd.DataFrame
    margin: float = 0.25
    currency: str = "EUR"
    basket_cv: float = 0.5

    def __post_init__(self) -> None:
        check_kind("customers", self.customers, pd.DataFrame, "give a DataFrame with a row a customer")
        check_kind("currency", self.currency, str, "give a text such as 'EUR'")
        check_positive("margin", self.margin)
        check_share("margin", self.margin)
        check_positive("basket_cv", self.basket_cv, zero=True)
        faults = []
        for name in COLUMNS:
            if name not in self.customers:
                faults.append(Fault(name, "is missing", "Add it; crm.customer_base makes a complete table."))
                continue
            values = pd.to_numeric(self.customers[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            top = 1.0 if name == "dropout" else np.inf
            wrong = ~(np.isfinite(values) & (values >= 0) & (values <= top))
            if wrong.any():
                what = "is no chance between 0 and 1" if name == "dropout" else "is no finite number of 0 or more"
                first = self.customers[name].iloc[int(np.argmax(wrong))]
                faults.append(Fault(name, what, "Correct or drop these customers.", int(wrong.sum()), first))
        if not faults and not self.customers[["rate", "spend"]].astype(float).prod(axis=1).sum() > 0:
            faults.append(Fault("rate", "nobody buys anything", "Give customers with rate and spend above 0."))
        if faults:
            raise DataError(faults, "the customer base")
        object.__setattr__(self, "customers", self.customers[list(COLUMNS)].astype(float))

    @classmethod
    def from_fits(
        cls, fit: BGNBDFit, spend: GammaGammaFit, customers: pd.DataFrame, *, rng: np.random.Generator | int,
        margin: float = 0.25, currency: str = "EUR", basket_cv: float = 0.5, sensitivity_cv: float = 0.7,
    ) -> CustomerBase:  # fmt: skip
        """A base as fitted models see the customers of a summary.

        Each is still a customer with chance P(alive); of those, rates are drawn from Gamma(r + x, alpha + T) and
        dropout from Beta(a, b + x), their distributions given the history under BG/NBD; spend is expected spend.
        """
        draw = generator(rng, "from_fits")
        r, alpha, a, b = fit.theta
        alive = customers[draw.random(len(customers)) < fit.p_alive(customers).to_numpy()]
        x = alive["frequency"].to_numpy(dtype=float)
        rate = draw.gamma(r + x, 1 / (alpha + alive["T"].to_numpy(dtype=float)))
        rate *= days_per("M") / days_per(str(fit.unit))
        return cls(
            _customers(rate, draw.beta(a, b + x), np.asarray(spend.expected_spend(alive)), sensitivity_cv, draw),
            margin, currency, basket_cv,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.customers)

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: self.customers[name].to_numpy() for name in COLUMNS}

    def column(self, name: str) -> np.ndarray:
        """One column as an array."""
        return self._arrays[name]

    @cached_property
    def monthly_spend(self) -> np.ndarray:
        """What each customer usually spends in a month, and knows that he does."""
        return self.column("rate") * self.column("spend")


def _customers(rate: np.ndarray, dropout: np.ndarray, spend: np.ndarray, cv: float, rng: np.random.Generator) -> Any:
    felt = {name: around_one(cv, len(rate), rng) for name in SENSITIVITIES}
    return pd.DataFrame({"rate": rate, "dropout": dropout, "spend": spend, **felt})


def around_one(cv: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """n gamma numbers with mean 1 and coefficient of variation `cv`."""
    return rng.gamma(cv**-2, cv**2, n) if cv > 0 else np.ones(n)


def customer_base(
    n: int, *, rng: np.random.Generator | int, r: float = 1.5, alpha: float = 0.75, a: float = 0.5, b: float = 24.5,
    mean_spend: float = 50.0, spend_cv: float = 0.5, basket_cv: float = 0.5, sensitivity_cv: float = 0.7,
    margin: float = 0.25, currency: str = "EUR",
) -> CustomerBase:  # fmt: skip
    """What base of n customers would the BG/NBD story give?

    Purchases a month are Gamma(r, rate alpha), mean 2; the chance to leave after a purchase is Beta(a, b), mean 2%;
    mean baskets are gamma around `mean_spend`; sensitivities are gamma with mean 1, independent of all else.

    >>> base = customer_base(1000, rng=1)
    >>> len(base), round(float(base.monthly_spend.mean()))
    (1000, 98)
    """
    check_count("n", n)
    for name, value in (("r", r), ("alpha", alpha), ("a", a), ("b", b), ("mean_spend", mean_spend)):
        check_positive(name, value)
    check_positive("spend_cv", spend_cv, zero=True)
    check_positive("sensitivity_cv", sensitivity_cv, zero=True)
    draw = generator(rng, "customer_base")
    rate, dropout = draw.gamma(r, 1 / alpha, n), draw.beta(a, b, n)
    customers = _customers(rate, dropout, mean_spend * around_one(spend_cv, n, draw), sensitivity_cv, draw)
    return CustomerBase(customers, margin, currency, basket_cv)


@dataclass(frozen=True, kw_only=True)
class LoyaltyResponse:
    """How much do programmes move customers? Assumptions, small on purpose; change them and see what follows.

    The purchase rate of a customer rises by the share cap (1 - exp(-x / cap)), where x sums sensitivity times effect
    times appeal. `reward`, `price`, `cause` are elasticities on shares of spend (2: for 1% returned, 2% more
    purchases; near mean price elasticities in meta-analyses, though those are of brands: Tellis 1988; Bijmolt,
    van Heerde & Pieters 2005). `pressure` and `rewarded` are the same just before and after a reward (Taylor & Neslin
    2005 find both; on the rise towards a goal: Kivetz, Urminsky & Zheng 2006; Nunes & Drèze 2006). `fun` is the rise
    from a new game. The chance to leave falls by a share with the same cap: `status` in the highest tier (customers
    care for it: Drèze & Nunes 2009), `belonging` as an elasticity on the share given to a cause. Fun and status cost
    nothing here: doubt them first. All sizes but the price elasticity's are ours. The literature differs: lasting
    effects (Lewis 2004), effects on light buyers alone (Liu 2007), hardly any (Dowling & Uncles 1997; Sharp & Sharp
    1997).
    """

    reward: float = 2.0
    price: float = 2.0
    cause: float = 2.0
    pressure: float = 2.0
    rewarded: float = 1.0
    fun: float = 0.03
    status: float = 0.10
    belonging: float = 5.0
    cap: float = 0.30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_positive(name, value, zero=name != "cap")
        check_share("cap", self.cap)

    @classmethod
    def none(cls) -> LoyaltyResponse:
        """Nobody reacts: all is given to purchases that come anyway."""
        return cls(reward=0, price=0, cause=0, pressure=0, rewarded=0, fun=0, status=0, belonging=0)

    def effects(self, appeal: Appeal, base: CustomerBase, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """By which share do purchases rise, and the chance to leave fall, for each customer?"""
        later = self.reward * appeal.reward + self.pressure * appeal.pressure + self.rewarded * appeal.rewarded
        more = base.column("reward") * later + base.column("price") * self.price * appeal.discount
        more = more + base.column("cause") * self.cause * appeal.cause + base.column("fun") * self.fun * appeal.fun
        stay = base.column("status") * self.status * appeal.status
        stay = stay + base.column("cause") * self.belonging * appeal.cause
        return -self.cap * np.expm1(-strength * more / self.cap), -self.cap * np.expm1(-strength * stay / self.cap)
