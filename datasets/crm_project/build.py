"""Makes the three tables of crm_project again: a made-up online grocer and its CRM project. Always the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20240701
START, LAUNCH, DAYS = "2023-01-01", "2024-07-01", 731
CUSTOMERS = 1300
EFFECT = 0.15  # of the project on the rate of orders, in its districts, from the launch on
TREND = 0.10  # a year, of the market, everywhere
SEASON = (0.96, 0.94, 0.98, 0.98, 0.99, 0.96, 0.92, 0.94, 1.00, 1.05, 1.16, 1.27)  # by month
NORTH, SOUTH = [f"N{k}" for k in range(1, 7)], [f"S{k}" for k in range(1, 7)]
CATEGORIES = {"fresh": 0.38, "pantry": 0.26, "drinks": 0.16, "household": 0.13, "baby": 0.07}
MARGIN = 0.30
WAVES = {f"{y}-H{h}": (f"{y}-{6 * h - 1:02d}-10", f"{y}-{6 * h:02d}-20") for y in (2023, 2024) for h in (1, 2)}
ASKED = 150  # a wave and region


def log(rng: np.random.Generator) -> pd.DataFrame:
    """Two years of orders. Northern customers have larger baskets, and their districts got the project."""
    day = np.arange(DAYS)
    date = pd.Timestamp(START) + pd.to_timedelta(day, "D")
    pace = (1 + TREND) ** (day / 365.25) * np.array(SEASON)[date.month - 1]
    live = date >= LAUNCH
    store = rng.choice([*NORTH, *SOUTH], CUSTOMERS)
    north = np.char.startswith(store.astype(str), "N")
    # districts differ, and each has its own luck in each quarter
    quarter = (date.year - 2023) * 4 + date.quarter - 1
    own = rng.normal(0, 0.10, 12)[:, None] + rng.normal(0, 0.01, (12, 8))
    luck = np.exp(own)[np.searchsorted([*NORTH, *SOUTH], store)]
    rate = rng.gamma(2.5, 0.031 / 2.5, CUSTOMERS)  # orders a day
    basket = np.exp(rng.normal(np.log(np.where(north, 40, 33)), 0.25))
    joined = np.where(rng.random(CUSTOMERS) < 0.85, 0, rng.integers(0, DAYS, CUSTOMERS))
    left = joined + rng.geometric(1 / 2500, CUSTOMERS)
    there = (day >= joined[:, None]) & (day < left[:, None])
    mean = rate[:, None] * pace * luck[:, quarter] * np.where(north[:, None] & live, 1 + EFFECT, 1.0) * there
    on, who = np.nonzero((rng.random(mean.shape) < 1 - np.exp(-mean)).T)  # by day, then by customer
    amount = np.round(basket[who] * np.exp(rng.normal(-0.06, 0.35, len(who))), 2)
    table = pd.DataFrame({
        "customer_id": 1001 + who, "date": date[on], "store": store[who],
        "region": np.where(north[who], "north", "south"),
        "category": rng.choice(list(CATEGORIES), len(who), p=list(CATEGORIES.values())), "amount": amount,
        "cost": np.round(amount * (1 - rng.normal(MARGIN, 0.04, len(who)).clip(0.1, 0.5)), 2),
    })  # fmt: skip
    table.insert(0, "order_id", np.arange(1, len(table) + 1))
    return table


def survey(orders: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Four waves of answers; from the launch on the north is happier and is answered sooner."""
    half = orders["date"].dt.year.astype(str) + "-H" + np.where(orders["date"].dt.quarter < 3, "1", "2")
    parts = []
    for (wave, region), rows in orders.groupby([half, "region"]):
        spent = rows.groupby("customer_id")["amount"].sum()
        who = np.sort(rng.choice(spent.index, ASKED, replace=False))
        live = (WAVES[wave][0] > LAUNCH) * (region == "north")
        mood = rng.normal(0.05 * (region == "north") + 0.30 * live, 1, ASKED)

        def answer(centre, spread, low, high, mood=mood):
            return np.clip(np.round(centre + spread * (0.8 * mood + 0.6 * rng.normal(size=ASKED))), low, high).astype(
                int
            )

        here = spent.loc[who].to_numpy()
        contact = rng.random(ASKED) < 0.45
        minutes = np.round(np.exp(rng.normal(np.log(95 * (0.65 if live else 1)), 0.7, ASKED)))
        parts.append(pd.DataFrame({
            "date": np.sort(rng.choice(pd.date_range(*WAVES[wave]), ASKED)), "customer_id": who, "region": region,
            "recommend": answer(7.6, 2.2, 0, 10),
            "satisfied": answer(3.7, 1.0, 1, 5), "easy": answer(4.8, 1.4, 1, 7), "overall": answer(7.2, 1.8, 1, 10),
            "expected": answer(6.8, 1.9, 1, 10), "ideal": answer(6.3, 2.0, 1, 10), "spend_here": here.round(2),
            "spend_all": (here / rng.beta(4, 5 - 0.4 * live, ASKED)).round(2),
            "response_minutes": np.where(contact, minutes, np.nan),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def finance(orders: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A row a quarter and region: counts and sums of the log, and what the log does not know."""
    quarter = orders["date"].dt.to_period("Q")
    first = orders.groupby("customer_id")["date"].transform("min") == orders["date"]
    rows = []
    for (q, region), part in orders.groupby([quarter, "region"]):
        live, late = (region == "north") & (q.start_time >= pd.Timestamp(LAUNCH)), q.ordinal - quarter.min().ordinal
        n, revenue = len(part), part["amount"].sum()
        won = int(first[part.index].sum())
        contacts = int(rng.binomial(n, 0.30))
        asked, prospects, lapsed = 400, int(rng.poisson(420)), int(rng.poisson(90))
        rows.append({
            "quarter": str(q), "region": region, "revenue": round(revenue, 2), "orders": n,
            "market_revenue": round(revenue / (0.11 + 0.004 * live) * np.exp(rng.normal(0, 0.01)), 0),
            "panel_asked": asked, "panel_buyers": int(rng.binomial(asked, 0.12 + 0.001 * late + 0.01 * live)),
            "prospects": prospects, "converted": int(rng.binomial(prospects, 0.08 + 0.012 * live)),
            "new_customers": won, "acquisition_spend": round(won * rng.normal(14, 0.8), 0),
            "lapsed": lapsed, "won_back": int(rng.binomial(lapsed, 0.09 + 0.03 * live)),
            "contacts": contacts, "contact_cost": round(contacts * rng.normal(4.1 if live else 4.6, 0.1), 0),
            "settled_first": int(rng.binomial(contacts, 0.74 if live else 0.62)),
            "service_cost": round(n * rng.normal(3.7 if live else 3.9, 0.05), 0),
            "complaints": int(rng.binomial(n, 0.024 if live else 0.031)),
            "on_time": int(rng.binomial(n, 0.92)),
            "net_income": round(0.045 * revenue - (900 if live else 0), 0), "shares": 5000, "share_price": 22.0,
            "mails_sent": int(won * 10 + (9000 if live else 1500) + 100 * late),
        })  # fmt: skip
    table = pd.DataFrame(rows)
    table["accounts"] = table.groupby("region")["new_customers"].cumsum()
    return table


def tables(seed: int = SEED) -> dict[str, pd.DataFrame]:
    """crm_project (the log), survey and finance; `seed` draws another history of the same firm."""
    rng = np.random.default_rng(seed)
    orders = log(rng)
    return {"crm_project": orders, "survey": survey(orders, rng), "finance": finance(orders, rng)}


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write the three files into `folder` and return the log's path."""
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", float_format="%.10g")
    return folder / "crm_project.csv"


if __name__ == "__main__":
    print(build())
