"""Customers who cost more than they bring: keep, drop, reprice, and whom that takes along."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import (
    DataError,
    Fault,
    OptionError,
    check_count,
    check_kind,
    check_option,
    check_positive,
    check_share,
)
from crmlab.base.fit import generator, z_value

Share = Literal["equal", "margin"]
Chance = float | tuple[float, float]
_AGAINST = ("against_keep", "against_low", "against_high")


def customer_profit(customers: pd.DataFrame, *, fixed_costs: float, by: Share = "equal") -> pd.DataFrame:
    """Who makes a profit, and who only looks as if not?

    `customers` has a row each with margin (income less goods) and cost_to_serve, of the same period and currency.
    `fixed_costs` (rent, software, head office) do not change with a customer more or less; accounts share them out, to
    each the same ("equal") or by margin. Adds contribution = margin - cost_to_serve, allocated, profit = contribution -
    allocated, and kind: "profitable"; "covers_part" (profit below 0, contribution not: without this customer all others
    have more to bear); "loses" (contribution below 0). Faulty tables raise DataError.

    >>> table = pd.DataFrame({"margin": [12, 7, 5, 1], "cost_to_serve": [2, 1, 1, 3]})
    >>> customer_profit(table, fixed_costs=20)["kind"].tolist()
    ['profitable', 'profitable', 'covers_part', 'loses']
    """
    check_positive("fixed_costs", fixed_costs, zero=True)
    check_option("by", by, get_args(Share))
    _check(customers)
    contribution = customers["margin"] - customers["cost_to_serve"]
    weight = pd.Series(1.0, index=customers.index) if by == "equal" else customers["margin"]
    if weight.sum() <= 0:
        raise DataError(Fault("margin", "all margins are 0, so nothing can be shared by them", "Use by='equal'."))
    allocated = fixed_costs * weight / weight.sum()
    profit = contribution - allocated
    kind = np.where(profit >= 0, "profitable", np.where(contribution >= 0, "covers_part", "loses"))
    return customers.assign(contribution=contribution, allocated=allocated, profit=profit, kind=kind)


def death_spiral(customers: pd.DataFrame, *, fixed_costs: float, by: Share = "equal") -> pd.DataFrame:
    """What happens if we drop whoever shows a loss, share the fixed costs out again, and repeat?

    One row a round until nobody shows a loss or nobody is left: customers, showing_a_loss, allocated (mean fixed cost
    for each), total_profit of the firm.
    """
    _check(customers)
    rows: list[list[float]] = []
    left = customers.drop(columns="brought_by", errors="ignore")  # who brought one may be gone by then
    while len(left) and (not rows or rows[-1][1]):
        table = customer_profit(left, fixed_costs=fixed_costs, by=by)
        losing = table["profit"] < 0
        rows.append([len(left), int(losing.sum()), fixed_costs / len(left), table["contribution"].sum() - fixed_costs])
        left = left[~losing]
    if not len(left):
        rows.append([0, 0, np.nan, -fixed_costs])
    columns = ["customers", "showing_a_loss", "allocated", "total_profit"]
    return pd.DataFrame(rows, columns=columns).rename_axis("round")


def drop_or_reprice(
    customers: pd.DataFrame, *, fixed_costs: float, fee: float, saving: float, leave: Chance, follow: Chance = 0.0,
    by: Share = "equal", level: float = 0.95, draws: int = 1000, rng: np.random.Generator | int,
) -> pd.DataFrame:  # fmt: skip
    """What brings more: to keep the unprofitable, drop them, charge them, or serve them more cheaply?

    Options: "keep"; "drop_showing_loss" (everybody whose profit after shared fixed costs is below 0); "drop_losing"
    (contribution below 0); "reprice" (these pay `fee` more in the period) and "serve_cheaper" (these cost the share
    `saving` less to serve); of those addressed, the share `leave` leaves. Where the table has customer_id and
    brought_by (the id of the customer with whom one came, empty if none), whoever was brought by one who goes, goes too
    with chance `follow` (one step only: not whom those have brought in turn). Fixed costs stay whatever happens. A
    chance may be a range (low, high): each draw takes one value from it, the same for all options, as are the random
    numbers.

    Returns by option: addressed, gone (mean, with followers), profit (mean of the draws, of the firm), low, high, and
    against_keep with its own low and high (against_low, against_high).
    """
    table = customer_profit(customers, fixed_costs=fixed_costs, by=by)
    check_positive("fee", fee, zero=True)
    check_share("saving", saving)
    for name, given in {"leave": leave, "follow": follow}.items():
        bounds = given if isinstance(given, tuple | list) else (given, given)
        for bound in bounds:
            check_share(name, bound)
        if len(bounds) != 2 or bounds[0] > bounds[1]:
            raise OptionError(f"{name}={given!r} is not usable; it is a share between 0 and 1, or a range (low, high).")
    z_value(level)
    check_count("draws", draws, 100)
    rng = generator(rng, "drop_or_reprice")
    n, who = len(table), _bringer(customers)
    leaves, follows = (np.resize(given, 2) @ [1 - (u := rng.random(draws)), u] for given in (leave, follow))
    worth, cost = table["contribution"].to_numpy(float), table["cost_to_serve"].to_numpy(float)
    loses, shows = worth < 0, table["profit"].to_numpy() < 0
    options = {  # who is addressed, what each of them brings more, and whether they may choose to stay
        "keep": (np.zeros(n, dtype=bool), 0.0, False), "drop_showing_loss": (shows, 0.0, False),
        "drop_losing": (loses, 0.0, False), "reprice": (loses, fee, True),
        "serve_cheaper": (loses, saving * cost, True),
    }  # fmt: skip
    profit, gone = np.empty((2, draws, len(options)))
    for i in range(draws):
        luck, follow_luck = rng.random((2, n))
        for j, (addressed, more, free) in enumerate(options.values()):
            goes = addressed & (luck < (leaves[i] if free else 1.0))
            goes |= goes[who] & (who >= 0) & (follow_luck < follows[i])
            profit[i, j] = (~goes * (worth + addressed * np.asarray(more))).sum() - fixed_costs
            gone[i, j] = goes.sum()
    columns = {"addressed": [option[0].sum() for option in options.values()], "gone": gone.mean(axis=0)}
    for names, money in ((("profit", "low", "high"), profit), (_AGAINST, profit - profit[:, :1])):
        ends = np.quantile(money, [(1 - level) / 2, (1 + level) / 2], axis=0)
        columns |= dict(zip(names, [money.mean(axis=0), *ends], strict=True))
    return pd.DataFrame(columns, index=pd.Index(options, name="option"))


def _bringer(customers: pd.DataFrame) -> np.ndarray:
    """The row of the customer who brought each one, -1 where none did."""
    if "brought_by" not in customers or "customer_id" not in customers:
        return np.full(len(customers), -1)
    return pd.Index(customers["customer_id"]).get_indexer(pd.Index(customers["brought_by"]))


def _check(customers: pd.DataFrame) -> None:
    check_kind("customers", customers, pd.DataFrame, "give a DataFrame with margin and cost_to_serve, a row a customer")
    faults = []
    for column in ("margin", "cost_to_serve"):
        if column not in customers:
            faults.append(Fault(column, "is missing", "Give one amount per customer."))
            continue
        if not pd.api.types.is_numeric_dtype(customers[column]):
            faults.append(Fault(column, "is text", "Turn it into numbers: pd.to_numeric(...)."))
            continue
        wrong = ~customers[column].between(0, np.inf, inclusive="left").fillna(False).astype(bool)
        if wrong.any():
            what, remedy = "no amount of 0 or more", "Mend or leave out these customers."
            faults.append(Fault(column, what, remedy, int(wrong.sum()), customers.loc[wrong, column].iloc[0]))
    if not len(customers):
        faults.append(Fault("", "there are no customers", "Give one row each."))
    if "brought_by" in customers and "customer_id" in customers:
        ids, by = customers["customer_id"], customers["brought_by"]
        if empty := int(ids.isna().sum()):
            faults.append(Fault("customer_id", "is missing", "Give each customer an id.", empty))
        if twice := int(ids.duplicated().sum()):
            faults.append(Fault("customer_id", "occurs more than once", "Give one row each.", twice))
        unknown = by.notna() & (~by.isin(ids) | (by == ids))
        if unknown.any():
            what, remedy = "names nobody else of the table", "Name another of its customers, or leave it empty."
            faults.append(Fault("brought_by", what, remedy, int(unknown.sum()), by[unknown].iloc[0]))
    if faults:
        raise DataError(faults, "the customers")
