"""What is a customer loyal to? Six indices from the log, the main kind, and what follows if it is taken away."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from crmlab.base.errors import (
    AssumptionWarning,
    DataError,
    Fault,
    OptionError,
    check_count,
    check_kind,
    check_positive,
    is_number,
)
from crmlab.base.fit import Shown, Summary, z_value
from crmlab.data.schemas import as_day, check_transactions, iso_day
from crmlab.data.tables import fetch, nearest, open_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

KINDS = ("product", "service", "brand", "place", "price", "person")
_REASONS = ("product", "brand", "place", "price", "person")  # why she comes; service says that she does
_NEEDS = {"product": "product", "brand": "brand", "place": "store", "price": "discount", "person": "seller"}
_LEFT_OUT = "none", "too_few"


@dataclass(frozen=True, repr=False)
class LoyaltyProfile(Shown):
    """Result of `loyalty_profile`: `customers` has a row each; `missing` names the kinds without an index, and why.

    Columns of `customers`: orders, lines, revenue (all of the log), window_revenue, store and seller (most visited),
    the six indices, main ("none": nothing stands out, "too_few": bought too little to tell) and margin (how far the
    main index is above the next one; the larger the surer). `excess` and `z` hold the indices before they are cut at 0,
    and their distance from chance in standard errors; `discount` is the mean share off where there is one.
    """

    customers: pd.DataFrame
    excess: pd.DataFrame
    z: pd.DataFrame
    missing: Mapping[str, str]
    window: int
    discount: float

    def shares(self, level: float = 0.95) -> pd.DataFrame:
        """How many customers, and how much of the revenue, belong to each main kind? Wilson intervals of the share."""
        from scipy.stats import binomtest

        z_value(level)
        known = self.customers[self.customers["main"] != "too_few"]
        rows = []
        for kind in (*(k for k in KINDS if k not in self.missing), "none"):
            here = known["main"] == kind
            k, n = int(here.sum()), len(known)
            low, high = binomtest(k, n).proportion_ci(level, method="wilson") if n else (np.nan, np.nan)
            rows.append((kind, k, k / n if n else np.nan, low, high, known.loc[here, "revenue"].sum()))
        table = pd.DataFrame(rows, columns=["kind", "customers", "share", "low", "high", "revenue"]).set_index("kind")
        return table.assign(revenue_share=table["revenue"] / table["revenue"].sum())

    def what_if(
        self, *, closes: str | None = None, price_rise: float | None = None, leaves: str | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:  # fmt: skip
        """Who goes if a store closes, prices rise by a share, or a seller leaves? By main kind, and for all.

        Assumption: the index is the chance that she does not switch within the chain, and who goes takes everything.
        `closes`: customers whose most visited store it is go with their place index, the others stay. `leaves`: the
        same with the person index. `price_rise`: everybody goes with the price index x min(1, rise / mean discount),
        so that a rise as large as the usual discount undoes it. A customer without the index has the mean one.

        Returns a row per main kind and "all": customers (affected), exposed (their revenue of the last `window` days),
        leavers and at_risk (expected customers and revenue), each with an interval, for price_rise also `gained` (what
        the others pay more). The interval, sum +- z sqrt(sum p (1 - p) v^2), holds the luck of who goes, and not the
        doubt in the assumption. Raises OptionError unless exactly one event is given that the log knows.
        """
        events = {"place": ("closes", closes), "price": ("price_rise", price_rise), "person": ("leaves", leaves)}
        asked = [kind for kind, (_, value) in events.items() if value is not None]
        if len(asked) != 1:
            raise OptionError("Give one of closes='a store', price_rise=0.10 or leaves='a seller'.")
        kind, c = asked[0], self.customers
        name, value = events[kind]
        if kind in self.missing:
            raise OptionError(f"{name} needs the {kind} index, which is missing: {self.missing[kind]}.")
        p, affected = c[kind].fillna(c[kind].mean()), c["window_revenue"] > 0
        if price_rise is not None:
            check_positive("price_rise", price_rise)
            p = p * min(1.0, price_rise / self.discount)
        else:
            where = c["store" if kind == "place" else "seller"]
            if not isinstance(value, Hashable) or value not in set(where.dropna()):
                near = nearest(str(value), where.dropna().unique())
                hint = f"Did you mean {near!r}? " if near else ""
                listed = ", ".join(map(str, sorted(where.dropna().unique())))
                raise OptionError(f"{name}={value!r} is nobody's most visited. {hint}Known: {listed}.")
            affected &= where == value
        z, revenue, rows = z_value(level), c["window_revenue"], {}
        for main in (*(k for k in KINDS if k not in self.missing), *_LEFT_OUT, "all"):
            here = affected & ((c["main"] == main) | (main == "all"))
            chance, money = p[here].to_numpy(), revenue[here].to_numpy()
            rows[main] = {"customers": int(here.sum()), "exposed": money.sum()}
            for column, each in (("leavers", np.ones(len(money))), ("at_risk", money)):
                total, reach = chance @ each, z * np.sqrt((chance * (1 - chance)) @ each**2)
                bounds = max(total - reach, 0), min(total + reach, each.sum())
                rows[main] |= dict(zip((column, f"{column}_low", f"{column}_high"), (total, *bounds), strict=True))
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("kind").astype({"customers": int})
        return table if price_rise is None else table.assign(gained=price_rise * (table["exposed"] - table["at_risk"]))

    def summary(self) -> Summary:
        """Main kinds with their shares, and what is missing."""
        table = self.shares().round({"share": 3, "low": 3, "high": 3, "revenue": 0, "revenue_share": 3})
        few = int((self.customers["main"] == "too_few").sum())
        notes = [f"{len(self.customers):,} customers; {few:,} bought too little to tell."]
        notes += [f"No {kind} index: {why}." for kind, why in self.missing.items()]
        return Summary("\n".join([table.to_string(), "", *notes]))


def loyalty_profile(
    log: pd.DataFrame | str | Path | ir.Table,
    *,
    window: int = 182,
    every: int = 7,
    minimum: int = 5,
    least: float = 0.2,
    end: str | dt.date | None = None,
    columns: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> LoyaltyProfile:
    """Is she loyal to a product, the service, a brand, a place, a price or a person?

    Parameters
    ----------
    log
        Purchased lines: a DataFrame, a path or glob of CSV or Parquet files, or an Ibis table, with customer_id, date,
        amount and, as far as there are, product, brand, category, store, seller, discount (share of the price) and
        order_id. A visit is an order_id, or else a customer's day in a store with a seller.
    window, every
        Service is judged on the last `window` days (six months) in steps of `every` days: 7 suits a grocer, 30 a
        restaurant. Customers who came first within the window have no service index.
    minimum
        Choices that an index needs: visits or lines for price, and minimum (minimum - 1) / 2 pairs for the others.
    least
        The smallest index that stands out.
    end, columns
        Last day that counts (default: the log's last); their column names to ours.
    level
        A kind also stands out only if chance alone would hardly give it: one-sided z at 1 - (1 - level) / 5.

    Returns
    -------
    A `LoyaltyProfile`, in memory whatever came in. A kind whose column is missing is left out, with an
    AssumptionWarning.

    Raises
    ------
    DataError
        With every fault of the log at once; also for a discount that is no share.

    Notes
    -----
    Every index is (observed - chance) / (1 - chance), cut at 0: 0 is what the market shares alone would give, 1 is
    always the same (the form of Cohen's kappa, 1960).

    - product, brand, place, person: observed is the share of pairs of a customer's choices that agree, Simpson's (1949)
      sum n_i (n_i - 1) / (n (n - 1)), because the HHI, sum (n_i / n)^2, is too high where purchases are few. Chance is
      sum s_i^2 of the market shares s. Products and brands are compared within a category, weighted by pairs.
      Pairs of the same product say nothing of the brand and are left out of it, as are pairs with the
      same seller of place. The standard error is that of Simpson (1949) for choices drawn from the market.
    - price: share of lines bought at a discount; chance is that of all lines of the same categories.
    - service: share of the window's steps with a visit; chance is the mean over customers.

    `main` is the largest of the five that say why she comes, if it stands out; else service, if that does; else "none".

    Examples
    --------
    >>> log = pd.DataFrame({
    ...     "customer_id": [1] * 6 + [2] * 6, "date": pd.date_range("2024-01-01", periods=12), "amount": 10.0,
    ...     "store": list("AAAAAB") + list("ABABAB"),
    ... })
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", AssumptionWarning)
    ...     profile = loyalty_profile(log)
    >>> profile.customers["place"].round(3).tolist()  # 10 of 15 pairs agree; chance is (8/12)^2 + (4/12)^2
    [0.25, 0.0]
    """
    for name, given, low in (("window", window, 2), ("every", every, 1), ("minimum", minimum, 2)):
        check_count(name, given, low)
    if every * 2 > window or not (is_number(least) and 0 <= least < 1):
        raise OptionError(f"every={every} must fit twice into window={window}, and least={least} lie in 0 to 1.")
    critical = float(ndtri(1 - (1 - level) / len(_REASONS))) if z_value(level) else 0.0
    lines, visits, base = _counts(log, columns, as_day(end, "end"), window, every)
    missing = {k: f"the log has no column '{c}'" for k, c in _NEEDS.items() if c not in {*lines, *visits}}
    excess, z = (pd.DataFrame(np.nan, index=base.index, columns=list(KINDS)) for _ in range(2))
    for kind, frame, groups, option, finer in (
        ("product", lines, ["category"], "product", None), ("brand", lines, ["category"], "brand", "product"),
        ("place", visits, [], "store", "seller"), ("person", visits, [], "seller", None),
    ):  # fmt: skip
        if kind not in missing:
            pairs = _agreement(frame, [g for g in groups if g in frame], option, finer if finer in frame else None)
            if pairs.empty:
                why = f"nobody bought twice, or there is one {option} only"
                missing[kind] = f"every {option} has a single {finer}" if finer in frame else why
                continue
            enough = pairs["pairs"] >= minimum * (minimum - 1) / 2
            excess[kind], z[kind] = pairs.loc[enough, "excess"], pairs.loc[enough, "z"]
    if "price" not in missing and not lines["off"].any():
        missing["price"] = "nothing was bought at a discount"
    elif "price" not in missing:
        excess["price"], z["price"] = _at_discount(lines, minimum)
    known = base["known"]
    steps, share = window // every, base["steps"][known] / (window // every)
    chance = share.mean()
    if known.any() and 0 < chance < 1:
        excess["service"] = (share - chance) / (1 - chance)
        z["service"] = (share - chance) / np.sqrt(chance * (1 - chance) / steps)
    else:
        missing["service"] = f"no two customers differ over {window} days" if known.any() else "the log is too short"
    missing |= {k: "nobody bought often enough" for k in KINDS if k not in missing and excess[k].isna().all()}
    if missing:
        text = "; ".join(f"{kind} ({why})" for kind, why in missing.items())
        warnings.warn(f"Kinds of loyalty that cannot be computed: {text}.", AssumptionWarning, stacklevel=2)
    # 1 may come out a rounding above it
    customers = base.drop(columns=["steps", "known"]).join(excess.clip(lower=0, upper=1))
    stands_out = (excess >= least) & (z > critical)
    reasons = customers[list(_REASONS)].where(stands_out[list(_REASONS)], -1.0)
    silent = np.where(customers[list(_REASONS)].isna().all(axis=1), "too_few", "none")
    found = np.where(stands_out["service"], "service", silent)
    customers["main"] = np.where(reasons.max(axis=1) > 0, reasons.idxmax(axis=1), found)
    ranked = np.sort(customers[list(_REASONS)].fillna(0).to_numpy(), axis=1)
    customers["margin"] = pd.Series(ranked[:, -1] - ranked[:, -2], customers.index).where(
        customers["main"].isin(_REASONS)
    )
    bought = lines["off"].sum() if "off" in lines else 0
    discount = float(lines["discount"].sum() / bought) if bought else np.nan
    return LoyaltyProfile(customers, excess, z, missing, window, discount)


def choice_index(counts: pd.Series, market: pd.Series) -> pd.Series:
    """How concentrated are one customer's choices, and is it more than market shares alone would give?

    `counts` and `market` say by option (store, seller, product) how often she, and all customers with her, chose it.
    Returns hhi, sum (n_i / n)^2, which is too high where n is small; agreement, sum n_i (n_i - 1) / (n (n - 1))
    (Simpson 1949), which is not; chance, the sum of squared market shares; and the index of `loyalty_profile`.

    >>> choice_index(pd.Series({"Corner": 3, "Park": 1}), pd.Series({"Corner": 50, "Park": 50})).round(3).tolist()
    [0.625, 0.5, 0.5, 0.0]
    """
    for name, given in (("counts", counts), ("market", market)):
        check_kind(name, given, pd.Series, "give a Series of counts by option")
        if given.index.has_duplicates or not pd.api.types.is_numeric_dtype(given):
            raise DataError(Fault("", "an option stands twice, or is not counted", "Give one count each."), name)
    hers, all_of_it = counts.astype(float), market.astype(float)
    others = all_of_it.sub(hers, fill_value=0)
    counted = ((hers >= 0) & (hers % 1 == 0)).all() and ((others >= 0) & np.isfinite(others)).all()
    if not (hers.sum() >= 2 and counted):
        remedy = "Give two choices or more, and count hers in the market too."
        raise DataError(Fault("", "the counts are no counts, or the market has fewer", remedy), "the choices")
    n, shares = hers.sum(), all_of_it / all_of_it.sum()
    chance, agreement = (shares**2).sum(), (hers * (hers - 1)).sum() / (n * (n - 1))
    if chance == 1:
        raise DataError(Fault("", "there is one option only", "Loyalty needs a choice."), "the market")
    index = max((agreement - chance) / (1 - chance), 0.0)
    return pd.Series({"hhi": ((hers / n) ** 2).sum(), "agreement": agreement, "chance": chance, "index": index})


def _counts(
    log: Any, columns: Mapping[str, str] | None, last: dt.date | None, window: int, every: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lines by product, visits by store and seller, and a row per customer, all counted where the log lies."""
    import ibis

    optional = ("category", "product", "brand", "store", "seller", "discount", "order_id")
    source = open_table(log, columns, only=("customer_id", "date", "amount", *optional))
    last = check_transactions(source).until(last)
    t: Any = source.table
    t = t.mutate(date=iso_day(t.date) if t.date.type().is_string() else t.date.cast("date"))
    end: Any = ibis.literal(last)
    t = t.filter(t.date <= end)
    has = [c for c in optional if c in t.columns]
    agg: dict[str, Any] = {"n": t.count()}
    if "discount" in has:
        if not t.discount.type().is_numeric():
            fault = Fault("discount", f"is no number but {t.discount.type()}", "Give the share off the list price.")
            raise DataError(fault, source.name)
        agg |= {"off": t.count(where=t.discount > 0), "discount": t.discount.cast("float64").sum()}
        wrong = t.filter((t.discount < 0) | (t.discount > 1))
        rows = int(fetch(wrong.aggregate(n=wrong.count()), source)["n"].iloc[0])
        if rows:
            remedy = "Give the share off the list price, such as 0.2: discount money / list price."
            raise DataError(Fault("discount", "is no share between 0 and 1", remedy, rows), source.name)
    keys = ["customer_id", *(c for c in ("category", "product", "brand") if c in has)]
    lines = fetch(t.group_by(keys).agg(**agg).order_by(keys), source)
    age = end.delta(t.date, unit="day")
    where = ["customer_id", *(c for c in ("store", "seller") if c in has)]
    by = [*where, *(["order_id"] if "order_id" in has else []), "date"]
    visit = t.group_by(by).agg(amount=t.amount.sum())
    visits = fetch(visit.group_by(where).agg(n=visit.count(), amount=visit.amount.sum()).order_by(where), source)
    inside = age < window // every * every
    base = fetch(
        t.group_by("customer_id")
        .agg(
            lines=t.count(), revenue=t.amount.sum(), window_revenue=t.amount.sum(where=age < window),
            steps=(age // every).nunique(where=inside), known=t.date.min() <= last - dt.timedelta(days=window),
        )
        .order_by("customer_id"),
        source,
    ).set_index("customer_id")  # fmt: skip
    base["window_revenue"] = base["window_revenue"].fillna(0.0)
    base.insert(0, "orders", visits.groupby("customer_id")["n"].sum())
    for name in ("store", "seller"):
        if name in has:
            count = visits.groupby(["customer_id", name])["n"].sum().reset_index()
            most = count.sort_values("n", kind="stable").drop_duplicates("customer_id", keep="last")
            base[name] = most.set_index("customer_id")[name]
    return lines, visits, base


def _agreement(frame: pd.DataFrame, groups: list[str], option: str, finer: str | None) -> pd.DataFrame:
    """Pairs of choices that agree on `option` (and not on `finer`), against chance: excess, z and pairs by customer."""
    keys = [*groups, option, *([finer] if finer else [])]
    counts = frame.dropna(subset=keys).groupby(["customer_id", *keys], as_index=False)["n"].sum()
    counts["group"] = counts.groupby(groups).ngroup() if groups else 0
    market = counts.groupby(["group", *keys[len(groups) :]], as_index=False)["n"].sum()
    market["s"] = market["n"] / market.groupby("group")["n"].transform("sum")
    market["o"] = market.groupby(["group", option])["s"].transform("sum")  # share of the option of each finer one
    market["f"] = market["s"] if finer else 0.0  # pairs that do not count, because they agree on the finer one
    g = market["group"]
    agree = (market["s"] * (market["o"] - market["f"])).groupby(g).sum()
    apart = (market["s"] * (1 - market["f"])).groupby(g).sum()
    chance = (agree / apart.where(apart > 0)).fillna(1.0)
    first = market["o"] - market["f"] - chance[g].to_numpy() * (1 - market["f"])
    zeta1, zeta2 = (market["s"] * first**2).groupby(g).sum(), apart * chance * (1 - chance)
    if ((chance <= 0) | (chance >= 1)).all():
        return pd.DataFrame(columns=["excess", "z", "pairs"])
    who = ["customer_id", "group"]
    n = counts.groupby(who)["n"].sum()
    by_option = counts.groupby([*who, option])["n"].sum()
    same = (by_option * (by_option - 1)).groupby(level=who).sum()
    squares = counts.assign(n=counts["n"] * (counts["n"] - 1))
    out = squares.groupby(who)["n"].sum() if finer else 0 * n
    here = n.index.get_level_values("group")
    e, pairs = chance[here].to_numpy(), n * (n - 1) - out
    pairs = pairs.where((e > 0) & (e < 1), 0)
    spread = 2 * n * (n - 1) * zeta2[here].to_numpy() + 4 * n * (n - 1) * (n - 2) * zeta1[here].to_numpy()
    parts = {"more": (same - out - e * pairs).where(pairs > 0, 0), "room": (1 - e) * pairs, "pairs": pairs / 2}
    total = pd.DataFrame(parts | {"spread": spread.where(pairs > 0, 0)}).groupby(level="customer_id").sum()
    total = total[total["pairs"] > 0]
    return pd.DataFrame(
        {
            "excess": total["more"] / total["room"],
            "z": total["more"] / np.sqrt(total["spread"]),
            "pairs": total["pairs"],
        }
    )


def _at_discount(lines: pd.DataFrame, minimum: int) -> tuple[pd.Series, pd.Series]:
    """How far is the share of lines bought at a discount above that of everybody's lines? Excess and z by customer."""
    group = lines["category"] if "category" in lines else pd.Series(0, lines.index)
    sums = lines[["off", "n"]].groupby(group, dropna=False).transform("sum")
    offered = sums["off"] / sums["n"]
    parts = {"n": lines["n"], "off": lines["off"], "chance": lines["n"] * offered}
    total = pd.DataFrame(parts | {"spread": lines["n"] * offered * (1 - offered)}).groupby(lines["customer_id"]).sum()
    total = total[(total["n"] >= minimum) & (total["spread"] > 0)]
    more = total["off"] - total["chance"]
    return more / (total["n"] - total["chance"]), more / np.sqrt(total["spread"])
