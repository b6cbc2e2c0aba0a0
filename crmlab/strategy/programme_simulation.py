"""The same customers with and without a loyalty programme, on the same random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import pdtr, pdtrik

from crmlab.base.errors import DataError, Fault, OptionError, check_count, check_kind, check_positive
from crmlab.base.fit import generator, z_value
from crmlab.base.parallel import spread
from crmlab.strategy.measures import numbers, share
from crmlab.strategy.programme_base import COLUMNS, CustomerBase, LoyaltyResponse, around_one
from crmlab.strategy.programme_rules import Month, Programme

BOOKS = ("cost", "income", "issued", "redeemed", "expired", "outstanding", "liability")
OFTEN = 30.0  # purchases a month above which counts come from scipy's quantile


def _counts(u: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Poisson quantiles: more purchases for a higher rate on the same random number."""
    count, often = np.zeros(len(u)), rate > OFTEN
    if often.any():
        upper = np.ceil(pdtrik(u[often], rate[often]))
        lower = np.maximum(upper - 1, 0)  # where pdtrik's rounding went one too far
        count[often] = np.where(pdtr(lower, rate[often]) >= u[often], lower, upper)
    who = np.flatnonzero(~often)
    term = np.exp(-rate[who])
    total, k = term.copy(), 0
    while len(who) and k < 200:  # beyond, rounding of the total alone decides
        more = u[who] > total
        who, term, total = who[more], term[more], total[more]
        k += 1
        count[who] = k
        term = term * rate[who] / k
        total = total + term
    return count


def _replicate(
    seed: int, base: CustomerBase, given: tuple[Programme, ...], months: int, response: LoyaltyResponse,
    uncertainty: float,
) -> np.ndarray:  # fmt: skip
    """One run: an array (programmes, months, sales without, sales with, books)."""
    rng, n = np.random.default_rng(seed), len(base)
    strength = float(np.exp(uncertainty * rng.standard_normal() - uncertainty**2 / 2))
    rate, keep = base.column("rate"), 1 - base.column("dropout")
    # row 0 lives without a programme, the rows below with one each
    active = np.ones((1 + len(given), n), dtype=bool)
    states = [programme.start(base) for programme in given]
    out = np.zeros((len(given), months, 2 + len(BOOKS)))
    for month in range(months):
        buy, leave, redeem, prize = rng.random((4, n))
        basket = base.column("spend") * around_one(base.basket_cv, n, rng)
        more, stay = np.zeros((2, *active.shape))
        for i, programme in enumerate(given, 1):
            more[i], stay[i] = response.effects(programme.appeal(states[i - 1], base), base, strength)
        usual = _counts(buy, rate)
        count = _counts(np.tile(buy, len(active)), (rate * (1 + more) * active).ravel()).reshape(active.shape)
        out[:, month, 0] = (count[0] * basket).sum()
        for i, programme in enumerate(given):
            happened = Month(count[i + 1], count[i + 1] * basket, active[i + 1], redeem, prize)
            states[i], entry = programme.settle(states[i], happened, base)
            out[i, month, 1:] = [happened.spend.sum(), *(np.sum(getattr(entry, name)) for name in BOOKS)]
        # leaving is tossed for usual purchases: a purchase won is no further occasion to leave
        active &= leave < (keep + (1 - keep) * stay) ** usual
    for i, programme in enumerate(given):
        out[i, :, 2] += programme.running
        out[i, 0, 2] += programme.setup
    return out


@dataclass(frozen=True, eq=False)
class ProgrammeResult:
    """Result of `simulate_programme`.

    `monthly` holds means over the replications in each month's own money (but `cumulative` in today's, less what
    is owed); `draws` has a row a replication, its totals in today's money.
    """

    name: str
    programme: Programme
    currency: str
    months: int
    level: float
    monthly: pd.DataFrame
    draws: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """One row a measure: estimate (mean of the draws), low, high (quantiles of the draws), unit."""
        tail = (1 - self.level) / 2
        table = pd.DataFrame(
            {"estimate": self.draws.mean(), "low": self.draws.quantile(tail), "high": self.draws.quantile(1 - tail)}
        )
        shares = ["sales_uplift", "return_on_cost", "breakage", "break_even_uplift"]
        table["unit"] = [("share" if name in shares else self.currency) for name in table.index]
        ahead = self.monthly["cumulative"] > 0
        lasting = ahead[::-1].cummin()[::-1]
        payback = float(lasting.argmax()) + 1 if lasting.any() else np.nan
        loss = share("p_loss", int((self.draws["net_gain"] < 0).sum()), len(self.draws), self.level)
        rows = {
            "payback_month": (payback, np.nan, np.nan, "month"),
            "p_loss": (loss.estimate, loss.low, loss.high, "share"),
        }
        return pd.concat([table, pd.DataFrame(rows, index=table.columns).T.astype(table.dtypes)]).rename_axis("measure")

    def _repr_html_(self) -> str:
        return f"<p><b>{self.name}</b></p>" + self.summary().round(4).to_html(na_rep="")


def simulate_programme(
    base: CustomerBase, programme: Programme, *, rng: np.random.Generator | int, months: int = 24,
    replications: int = 50, annual_discount: float = 0.10, response: LoyaltyResponse | None = None,
    uncertainty: float = 0.5, level: float = 0.95, workers: int = 1, name: str = "",
) -> ProgrammeResult:  # fmt: skip
    """What does a loyalty programme bring, and what does it cost, against the same customers without it?

    Each replication runs the months twice on the same random numbers, so that only the programme differs.
    Everybody is a member from the first month, but for paid membership. Money is in today's worth (month t divided by
    (1 + annual_discount)^(t / 12)). Sales are at list prices; what is given is `cost`, and `cost` includes what is
    still owed at the end; `income` is fees and partners' payments. With m the margin and S the sales without:

    net_gain = m (S_with - S) - cost + income; break_even_uplift = (cost - income) / (m S): the rise in sales that
    pays for what was spent; return_on_cost = net_gain / cost; breakage = expired / (expired + redeemed) points;
    payback_month: from when on the cumulative profit, less what is owed, stays above 0; p_loss: share of the runs that
    lose, with Wilson's interval. low and high bound the middle `level` of the runs, so they show luck and doubt:
    all effects of a run are multiplied by one log-normal number with mean 1 and log-sd `uncertainty` (0.5: 95%
    between 0.3 and 2.4; 0: no doubt). The base itself, and the story, are taken as known.
    """
    check_kind("name", name, str, "give a text")
    table = _simulate(
        base, {name or type(programme).__name__: programme}, rng, months, replications, annual_discount, response,
        uncertainty, level, workers,
    )  # fmt: skip
    return next(iter(table.values()))


def compare_programmes(
    base: CustomerBase, programmes: Mapping[str, Programme], *, rng: np.random.Generator | int, months: int = 24,
    replications: int = 50, annual_discount: float = 0.10, response: LoyaltyResponse | None = None,
    uncertainty: float = 0.5, level: float = 0.95, workers: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Which programme pays, on the same customers and the same random numbers?

    One row a programme, the best first, with the measures of `simulate_programme` (same rng, same numbers) and
    the bounds _low and _high of some; `attrs` hold currency, months, replications and level.
    """
    results = _simulate(
        base, programmes, rng, months, replications, annual_discount, response, uncertainty, level, workers
    )  # fmt: skip
    bounded = ("net_gain", "sales_uplift", "return_on_cost", "p_loss")
    columns = (
        "net_gain", "p_loss", "sales_uplift", "break_even_uplift", "margin_gain", "cost", "income", "return_on_cost",
        "liability", "breakage", "payback_month",
    )  # fmt: skip
    rows = {}
    for name, result in results.items():
        found = result.summary()
        rows[name] = {
            column + end: found.loc[column, part]
            for column in columns
            for end, part in (("", "estimate"), ("_low", "low"), ("_high", "high"))
            if part == "estimate" or column in bounded
        }
    table = pd.DataFrame(rows).T.astype(float).rename_axis("programme").sort_values("net_gain", ascending=False)
    table.attrs.update(currency=base.currency, months=months, replications=replications, level=level)
    return table


def _simulate(
    base: CustomerBase, given: Mapping[str, Programme], rng: Any, months: int, replications: int,
    annual_discount: float, response: LoyaltyResponse | None, uncertainty: float, level: float, workers: int,
) -> dict[str, ProgrammeResult]:  # fmt: skip
    check_kind("base", base, CustomerBase, "give one such as crm.customer_base(1000, rng=1)")
    check_kind("response", response, (LoyaltyResponse, type(None)), "give a crm.LoyaltyResponse(...), or None")
    check_kind("programmes", given, Mapping, "give programmes by name, such as crm.programmes(base)")
    for what, value in (("months", months), ("replications", replications), ("workers", workers)):
        check_count(what, value)
    check_positive("annual_discount", annual_discount, zero=True)
    check_positive("uncertainty", uncertainty, zero=True)
    z_value(level)
    wrong = [name for name, programme in given.items() if not isinstance(programme, Programme)]
    if wrong or not given:
        raise OptionError(
            f"programmes: {wrong or 'there are none'}; give names and programmes, such as crm.Points(...)."
        )
    seeds = [int(seed) for seed in generator(rng, "simulate_programme").integers(2**63, size=replications)]
    job = partial(
        _replicate, base=base, given=tuple(given.values()), months=months, response=response or LoyaltyResponse(),
        uncertainty=uncertainty,
    )  # fmt: skip
    runs = np.array(list(spread(job, seeds, workers)))
    if not (runs[:, 0, :, 0].sum(axis=1) > 0).all():
        raise DataError(Fault("rate", "in some run nobody buys", "Use more customers or months."), "the customer base")
    pairs = enumerate(given.items())
    return {n: _result(n, p, base, runs[:, i], annual_discount, level) for i, (n, p) in pairs}


def _result(
    name: str, programme: Programme, base: CustomerBase, runs: np.ndarray, annual_discount: float, level: float
) -> ProgrammeResult:
    months = np.arange(1, runs.shape[1] + 1)
    today = (1 + annual_discount) ** (-months / 12)
    book = {k: runs[..., i] for i, k in enumerate(("sales_without", "sales_with", *BOOKS))}
    book["margin_gain"] = base.margin * (book["sales_with"] - book["sales_without"])
    book["net"] = book["margin_gain"] - book["cost"] + book["income"]
    cumulative = (book["net"] * today).cumsum(axis=1) - book["liability"] * today
    total = {k: (v * today).sum(axis=1) for k, v in book.items()}
    owed = book["liability"][:, -1] * today[-1]
    draws = pd.DataFrame({k: total[k] for k in ("sales_without", "margin_gain", "income")})
    draws["cost"], draws["net_gain"], draws["liability"] = total["cost"] + owed, cumulative[:, -1], owed
    draws["sales_uplift"] = total["sales_with"] / total["sales_without"] - 1
    draws["break_even_uplift"] = (draws["cost"] - draws["income"]) / (base.margin * draws["sales_without"])
    draws["return_on_cost"] = (draws["net_gain"] / draws["cost"]).where(draws["cost"] > 0)
    settled = book["expired"].sum(axis=1) + book["redeemed"].sum(axis=1)
    draws["breakage"] = pd.Series(book["expired"].sum(axis=1) / np.where(settled > 0, settled, 1)).where(settled > 0)
    low, high = np.quantile(cumulative, [(1 - level) / 2, (1 + level) / 2], axis=0)
    shown = ("sales_without", "sales_with", "margin_gain", "cost", "income", "net")
    monthly = pd.DataFrame(
        {k: book[k].mean(axis=0) for k in shown}
        | {"cumulative": cumulative.mean(axis=0), "cumulative_low": low, "cumulative_high": high}
        | {k: book[k].mean(axis=0) for k in BOOKS[2:]},
        index=pd.Index(months, name="month"),
    )
    return ProgrammeResult(name, programme, base.currency, len(months), level, monthly, draws)


def points_ledger(spend: Any, programme: Programme) -> pd.DataFrame:
    """What happens to one customer's points, month by month? `spend` is what he spends in each month.

    Whoever can redeem does. Returns a row a month: spend, issued, redeemed, expired, outstanding, cost.

    >>> from crmlab.strategy.programmes import Points
    >>> points_ledger([60, 50, 0, 40], Points(earn=1, point_value=0.05, threshold=100, expiry=3)).redeemed.tolist()
    [0.0, 100.0, 0.0, 0.0]
    """
    values = numbers("spend", spend)
    check_kind("programme", programme, Programme, "give one such as crm.Points(...)")
    mean = max(float(values.mean()), 1e-9)
    base = CustomerBase(pd.DataFrame({name: [1.0] for name in COLUMNS}).assign(spend=mean))
    state, rows, one = programme.start(base), [], np.ones(1)
    for value in values:
        month = Month(one * (value > 0), one * value, one > 0, np.zeros(1), np.zeros(1))
        state, entry = programme.settle(state, month, base)
        rows.append({"spend": value} | {name: float(np.sum(getattr(entry, name))) for name in (*BOOKS[2:-1], "cost")})
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="month"))
