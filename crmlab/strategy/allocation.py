"""Acquire or retain: how a budget is split where both answer to money, but less and less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_count, check_kind, check_option, check_positive, check_share
from crmlab.base.fit import generator, z_value

Side = Literal["acquisition", "retention"]
# what the split hangs on; `room` is ceiling - floor, `speed` how fast spending uses the room up
PARAMETERS = (
    "prospects", "customers", "value_new", "value_kept",
    "acquisition_room", "retention_room", "acquisition_speed", "retention_speed",
)  # fmt: skip


@dataclass(frozen=True)
class Response:
    """Which share of people says yes (buys first, or stays), by what is spent on each of them?

    floor + (ceiling - floor) (1 - exp(-speed x spend)), the curve of Blattberg & Deighton (1996), Harvard Business
    Review 74(4), from answers that a manager can give: `ceiling`, with all the money in the world; `reaches`, at
    `at_spend` a head; `floor`, with no money at all. Asking managers so is Little's decision calculus (1970),
    Management Science 16(8). Shares lie in 0 <= floor < reaches < ceiling <= 1; else OptionError.

    >>> round(Response(ceiling=0.40, at_spend=5, reaches=0.20).share(10), 4)
    0.3
    """

    ceiling: float
    at_spend: float
    reaches: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        for name in ("ceiling", "at_spend", "reaches", "floor"):
            check_positive(name, getattr(self, name), zero=name == "floor")
        if not 0 <= self.floor < self.reaches < self.ceiling <= 1:
            raise OptionError(
                f"floor={self.floor!r}, reaches={self.reaches!r} and ceiling={self.ceiling!r} do not fit together; "
                "they are shares with 0 <= floor < reaches < ceiling <= 1."
            )

    @property
    def room(self) -> float:
        """Ceiling less floor: the share that money can move."""
        return self.ceiling - self.floor

    @property
    def speed(self) -> float:
        """How fast the room is used up, per unit of money a head."""
        return float(-np.log1p(-(self.reaches - self.floor) / self.room) / self.at_spend)

    def share(self, spend: float | np.ndarray) -> float | np.ndarray:
        """The share that says yes at `spend` a head (0 or more)."""
        value = self.floor - self.room * np.expm1(-self.speed * _amounts("spend", spend))
        return float(value) if np.ndim(spend) == 0 else value


@dataclass(frozen=True)
class Allocation:
    """Result of `allocate`: the best split, with what it was found from."""

    budget: float
    acquisition: Response
    retention: Response
    prospects: float
    customers: float
    value_new: float
    value_kept: float
    to_acquisition: float
    to_retention: float

    @property
    def theta(self) -> np.ndarray:
        """The PARAMETERS as an array."""
        a, r = self.acquisition, self.retention
        heads = [self.prospects, self.customers, self.value_new, self.value_kept]
        return np.array([*heads, a.room, r.room, a.speed, r.speed])

    def gain(self, to_acquisition: float | np.ndarray) -> np.ndarray:
        """What the whole budget adds to customer equity at this split, before the budget itself is taken off."""
        return _gain(_amounts("to_acquisition", to_acquisition, self.budget), self.budget, self.theta)

    def brought(self, side: Side, money: float | np.ndarray) -> np.ndarray:
        """What does `money` on one side, "acquisition" or "retention", add to customer equity?"""
        check_option("side", side, get_args(Side))
        return _brought(_amounts("money", money), *self.theta.reshape(4, 2)[:, get_args(Side).index(side)])

    def table(self) -> pd.DataFrame:
        """Each side: money, per_head, share that says yes, people (won or kept), extra (because of the money),
        cost_per_extra (on average; missing where no money goes), marginal_return (what the next unit brings)."""
        money = np.array([self.to_acquisition, self.to_retention])
        heads, value, room, speed = self.theta.reshape(4, 2)
        per_head = money / heads
        sides = (self.acquisition, self.retention)
        share = np.array([side.share(spend) for side, spend in zip(sides, per_head, strict=True)])
        extra = heads * (share - [side.floor for side in sides])
        columns = {
            "money": money, "per_head": per_head, "share": share, "people": heads * share, "extra": extra,
            "cost_per_extra": np.where(money > 0, money, np.nan) / np.where(money > 0, extra, 1),
            "marginal_return": value * room * speed * np.exp(-speed * per_head),
        }  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(["acquisition", "retention"], name="side"))

    def enough(self) -> pd.Series:
        """From how much money on does the next unit bring back less than it costs, on each side?"""
        heads, value, room, speed = self.theta.reshape(4, 2)
        money = heads / speed * np.log(np.maximum(value * room * speed, 1))
        return pd.Series(money, index=["acquisition", "retention"], name="money")

    def curve(self, points: int = 201) -> pd.DataFrame:
        """The gain at every split: share_to_acquisition, gain."""
        share = np.linspace(0, 1, check_count("points", points, 2))
        return pd.DataFrame({"share_to_acquisition": share, "gain": self.gain(share * self.budget)})

    def flat(self, within: float = 0.01) -> tuple[float, float]:
        """Between which shares to acquisition is the gain at most `within` (1%) below the best?"""
        check_share("within", within)
        curve = self.curve(2001)
        near = curve.loc[curve["gain"] >= (1 - within) * self.gain(self.to_acquisition), "share_to_acquisition"]
        shares = np.append(near, self.to_acquisition / self.budget)  # the best may lie between two points of the curve
        return float(shares.min()), float(shares.max())


def allocate(
    budget: float, acquisition: Response, retention: Response, *, prospects: float, customers: float,
    value_new: float, value_kept: float,
) -> Allocation:  # fmt: skip
    """How much of a budget goes into winning customers, and how much into keeping those that we have?

    `acquisition` answers to money per prospect, `retention` to money per customer. `value_new` is what a customer won
    is worth (`crm.new_customer_value`), `value_kept` what one who stays is worth more than one who leaves
    (`crm.lifetime_value`, `simple_clv`), both in today's money. The split maximises customer equity, won x value_new +
    kept x value_kept: where both sides get money, the next unit returns the same on both, value x room x speed x
    exp(-speed x spend), which gives the split in closed form; otherwise all goes to one side. The whole budget is
    spent: `enough()` says from where on it should not be. Amounts and numbers must be above 0, else OptionError.

    >>> won, stay = Response(0.40, 5, 0.20), Response(0.90, 5, 0.70, floor=0.50)
    >>> split = allocate(1000, won, stay, prospects=100, customers=100, value_new=50, value_kept=50)
    >>> round(split.to_acquisition, 2), round(split.to_retention, 2)
    (500.0, 500.0)
    """
    for side, response in (("acquisition", acquisition), ("retention", retention)):
        check_kind(side, response, Response, "give a crm.Response(ceiling, at_spend, reaches)")
    given = {"budget": budget, "prospects": prospects, "customers": customers}
    for name, number in (given | {"value_new": value_new, "value_kept": value_kept}).items():
        check_positive(name, number)
    start = Allocation(budget, acquisition, retention, prospects, customers, value_new, value_kept, 0.0, budget)
    best = float(_split(budget, start.theta))
    return replace(start, to_acquisition=best, to_retention=budget - best)


def split_sensitivity(allocation: Allocation, *, change: float = 0.20) -> pd.DataFrame:
    """How far does the best split move if a figure is `change` (20%) lower or higher than we believe?

    One row for each of PARAMETERS: share_low and share_high (to acquisition, where the figure is lower, higher), and
    loss_low, loss_high: what keeping today's split would then cost. (Who stays without any money, the floor, is not
    among them: money cannot move those customers.)
    """
    _check(allocation)
    check_positive("change", change)
    if change >= 1:
        raise OptionError(f"change={change!r} is not usable; 0.20 means 20%.")
    rows, here = {}, np.asarray(allocation.to_acquisition)
    for i, name in enumerate(PARAMETERS):
        moved = np.repeat(allocation.theta[:, None], 2, axis=1)
        moved[i] *= np.array([1 - change, 1 + change])
        moved = _possible(allocation, moved)
        best = _split(allocation.budget, moved)
        loss = _gain(best, allocation.budget, moved) - _gain(here, allocation.budget, moved)
        rows[name] = [*(best / allocation.budget), *loss]
    columns = ["share_low", "share_high", "loss_low", "loss_high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("parameter")


def value_of_information(
    allocation: Allocation, *, spread: float | Mapping[str, float] = 0.20, draws: int = 4000, level: float = 0.95,
    rng: np.random.Generator | int,
) -> pd.DataFrame:  # fmt: skip
    """Which figure would be worth a test, and how much could the test cost at most?

    `spread` is the standard deviation of each figure's logarithm (0.20: about 20%), one for all of PARAMETERS or by
    name (names not given are taken as known). One row for each uncertain figure alone, and "all": low and high of the
    best share to acquisition; gain_low and gain_high, what today's split brings; and `worth`: mean gain if the truth
    were known before splitting, less the gain of the best split without knowing it (the expected value of perfect
    information; Raiffa & Schlaifer 1961).
    """
    _check(allocation)
    check_count("draws", draws, 100)
    spreads = dict(spread) if isinstance(spread, Mapping) else dict.fromkeys(PARAMETERS, spread)
    if unknown := sorted(set(spreads) - set(PARAMETERS)):
        raise OptionError(f"spread names {', '.join(unknown)}; it may name {', '.join(PARAMETERS)}.")
    for name, sd in spreads.items():
        check_positive(f"spread of {name}", sd, zero=True)
    z_value(level)
    normal = generator(rng, "value_of_information").standard_normal((len(PARAMETERS), draws))
    sds = np.array([spreads.get(name, 0.0) for name in PARAMETERS])
    money = np.linspace(0, allocation.budget, 401)[:, None]
    rows = {}
    for name in [*(n for n, sd in zip(PARAMETERS, sds, strict=True) if sd > 0), "all"]:
        moves = np.where([name in (parameter, "all") for parameter in PARAMETERS], sds, 0.0)[:, None]
        theta = _possible(allocation, allocation.theta[:, None] * np.exp(moves * normal))
        best = _split(allocation.budget, theta)
        knowing = _gain(best, allocation.budget, theta).mean()
        # draws in blocks: the matrix of splits x draws stays small
        blocks = [_gain(money, allocation.budget, theta[:, i : i + 500]).sum(axis=1) for i in range(0, draws, 500)]
        worth = max(0.0, knowing - np.sum(blocks, axis=0).max() / draws)
        today = _gain(np.asarray(allocation.to_acquisition), allocation.budget, theta)
        ends = np.quantile([best / allocation.budget, today], [(1 - level) / 2, (1 + level) / 2], axis=1)
        rows[name] = [*ends.T.ravel(), worth]
    columns = ["low", "high", "gain_low", "gain_high", "worth"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("parameter")


def ratio_test(allocation: Allocation, ratios: Sequence[float] = tuple(range(2, 13))) -> pd.DataFrame:
    """Winning a customer costs 5 to 11 times as much as keeping one: does that say where the money belongs?

    For each ratio the acquisition curve is scaled so that, at the spending that the managers spoke of (`at_spend`),
    the average customer won costs `ratio` times the average customer kept; the split is found anew. Returns by ratio:
    cost_per_won, cost_per_kept (spending / all who stay), cost_per_saved (spending / those who stay because of it),
    share_to_acquisition. OptionError where a ratio would need more than all prospects.
    """
    _check(allocation)
    check_kind("ratios", ratios, (Sequence, np.ndarray), "give a list of numbers")
    a, r = allocation.acquisition, allocation.retention
    kept, saved = r.at_spend / r.reaches, r.at_spend / (r.reaches - r.floor)
    rows = []
    for ratio in ratios:
        check_positive("ratio", ratio)
        scale = a.at_spend / (ratio * kept) / a.reaches
        if scale * a.ceiling > 1:
            raise OptionError(f"ratio={ratio!r} would mean winning more prospects than there are; take higher ratios.")
        scaled = Response(scale * a.ceiling, a.at_spend, scale * a.reaches, scale * a.floor)
        best = float(_split(allocation.budget, replace(allocation, acquisition=scaled).theta))
        rows.append([ratio, ratio * kept, kept, saved, best / allocation.budget])
    columns = ["ratio", "cost_per_won", "cost_per_kept", "cost_per_saved", "share_to_acquisition"]
    return pd.DataFrame(rows, columns=columns).set_index("ratio")


def simple_clv(
    margin: float, retention: float, *, discount: float = 0.10, acquisition_cost: float = 0.0, first: bool = False
) -> float:
    """What is a customer worth who brings `margin` a year and stays each year with chance `retention`?

    margin x retention / (1 + discount - retention) - acquisition_cost: margins at the ends of years, for ever (Gupta &
    Lehmann 2003, Journal of Interactive Marketing 17(1)). With `first`, one more margin comes at once. It takes the
    chance to be the same for all and always, which `crm.BGNBD` does not.

    >>> round(simple_clv(100, 0.80), 2), round(simple_clv(100, 0.85), 2)
    (266.67, 340.0)
    """
    for name, number in (("margin", margin), ("discount", discount)):
        check_positive(name, number)
    check_positive("acquisition_cost", acquisition_cost, zero=True)
    check_share("retention", retention)
    check_option("first", first, (True, False))
    return margin * (retention / (1 + discount - retention) + first) - acquisition_cost


def _check(allocation: Allocation) -> None:
    check_kind("allocation", allocation, Allocation, "give the result of crm.allocate(...)")


def _amounts(name: str, value: Any, most: float = np.inf) -> np.ndarray:
    try:
        x = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        x = np.array(np.nan)
    if not (np.isfinite(x) & (x >= 0) & (x <= most)).all():
        bound = "" if most == np.inf else f" and at most {most:g}"
        raise OptionError(f"{name}={value!r} is not usable; it must be finite, 0 or more{bound}.")
    return x


def _split(budget: float, theta: np.ndarray) -> np.ndarray:
    """Money to acquisition where both marginal returns are equal, or the end nearer to that."""
    n, m, value_new, value_kept, room_a, room_r, speed_a, speed_r = theta
    lead = np.log(value_new * room_a * speed_a) - np.log(value_kept * room_r * speed_r)
    return np.clip((lead + speed_r * budget / m) / (speed_a / n + speed_r / m), 0, budget)


def _gain(money: np.ndarray, budget: float, theta: np.ndarray) -> np.ndarray:
    sides = theta.reshape(4, 2, *theta.shape[1:])
    return _brought(money, *sides[:, 0]) + _brought(budget - money, *sides[:, 1])


def _brought(money: np.ndarray, heads: Any, value: Any, room: Any, speed: Any) -> np.ndarray:
    return np.asarray(heads * value * room * -np.expm1(-speed * money / heads))


def _possible(allocation: Allocation, theta: np.ndarray) -> np.ndarray:
    """No share above 1: the rooms of moved parameters end there."""
    theta[4] = np.minimum(theta[4], 1 - allocation.acquisition.floor)
    theta[5] = np.minimum(theta[5], 1 - allocation.retention.floor)
    return theta
