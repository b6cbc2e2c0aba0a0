"""Makes messy_log.csv again: a made-up bookshop's log with planted faults. Run from anywhere; always the same file."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np

FIRST, EXPORT = dt.date(2024, 1, 1), dt.date(2025, 6, 30)
CUSTOMERS = 400
DOUBLED = (dt.date(2024, 11, 25), dt.date(2024, 12, 1))  # this week was exported twice
PRICES = {
    "crime": {"The Empty Ferry": 11.90, "Nine Grey Doors": 12.50, "A Quiet Alibi": 9.90, "Salt and Ash": 14.00},
    "cooking": {"Forty Soups": 24.90, "Bread at Home": 19.50, "Saffron": 32.00},
    "history": {"Roads of Silk": 28.00, "The Long Harvest": 22.40, "Two Rivers": 18.60},
    "children": {"The Moon's Cat": 8.90, "Ten Small Boats": 7.50, "Where Is Bear": 6.90, "Counting Stars": 9.20},
    "science": {"How Bridges Stand": 26.00, "A Short Life of Ice": 17.80, "Numbers at Work": 21.00},
    "poetry": {"Windows": 13.00, "Late Apples": 15.50},
}
COLUMNS = [
    "customer_id", "order_id", "date", "product", "category", "quantity", "price", "discount", "amount", "channel",
]  # fmt: skip

Row = dict[str, str]


def purchases(rng: np.random.Generator) -> list[Row]:
    """Clean order lines: each customer buys at an own rate until the day that the customer is lost."""
    books = [(c, b, p) for c, shelf in PRICES.items() for b, p in shelf.items()]
    days = (EXPORT - FIRST).days
    orders: list[tuple[int, int]] = []
    for customer in range(1, CUSTOMERS + 1):
        day = int(rng.integers(0, 400))
        rate = rng.gamma(1.3, 1 / 60)  # purchases a day
        while day <= days:
            orders.append((day, customer))
            if rng.random() < 0.15:
                break
            day += 1 + int(rng.exponential(1 / rate))
    rows = []
    for number, (day, customer) in enumerate(sorted(orders), 1):
        channel = str(rng.choice(["web", "app", "phone"], p=[0.6, 0.32, 0.08]))
        discount = float(rng.choice([0.0, 0.1, 0.2], p=[0.75, 0.17, 0.08]))
        for i in rng.choice(len(books), size=1 + int(rng.poisson(0.7)), replace=False):
            category, product, price = books[i]
            quantity = 1 + int(rng.random() < 0.12)
            rows.append({
                "customer_id": f"C{customer:04d}", "order_id": f"B{number:05d}",
                "date": str(FIRST + dt.timedelta(days=day)), "product": product, "category": category,
                "quantity": str(quantity), "price": f"{price:.2f}", "discount": f"{discount:.1f}",
                "amount": f"{quantity * price * (1 - discount):.2f}", "channel": channel,
            })  # fmt: skip
    return rows


def returned(rows: list[Row], rng: np.random.Generator, count: int) -> list[Row]:
    """Returns of `count` different lines, 2 to 20 days after the purchase."""
    early = [r for r in rows if dt.date.fromisoformat(r["date"]) < EXPORT - dt.timedelta(days=20)]
    back = []
    for i in sorted(rng.choice(len(early), size=count, replace=False)):
        day = dt.date.fromisoformat(early[i]["date"]) + dt.timedelta(days=int(rng.integers(2, 21)))
        sign = {"quantity": "-" + early[i]["quantity"], "amount": "-" + early[i]["amount"]}
        back.append(early[i] | {"date": str(day)} | sign)
    return back


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write messy_log.csv into `folder` and return its path."""
    rng = np.random.default_rng(20250630)
    rows = purchases(rng)
    returns = returned(rows, rng, 70)
    # Bought before the log begins, so these returns have no purchase: customers that are seen nowhere else.
    strays = [
        r | {"customer_id": f"C{CUSTOMERS + i:04d}", "order_id": f"A{900 + i}", "date": f"2024-01-{2 * i:02d}"}
        for i, r in enumerate(returned(rows, rng, 12), 1)
    ]
    week = [r for r in rows if DOUBLED[0] <= dt.date.fromisoformat(r["date"]) <= DOUBLED[1]]
    rest = [r for r in rows if r not in week]
    order = iter(rng.permutation(len(rest)))

    def spoil(count: int, column: str, *values: str) -> None:
        for i in range(count):
            rest[next(order)][column] = values[i % len(values)]

    spoil(30, "customer_id", "")
    spoil(15, "customer_id", "  ")
    spoil(8, "date", "2024-02-30")
    spoil(6, "date", "2025-04-31")
    spoil(10, "date", "n/a")
    spoil(5, "date", "")
    spoil(9, "date", "2026-03-01", "2052-05-11", "2025-12-24")
    spoil(20, "amount", "12,50", "9,90", "24,90")
    spoil(12, "amount", "free")
    spoil(6, "amount", "")
    spoil(3, "amount", "inf")
    everything = [*rest, *week, *week, *returns, *strays]
    shuffled = [everything[i] for i in rng.permutation(len(everything))]
    path = folder / "messy_log.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(shuffled, key=lambda r: r["order_id"]))
    return path


if __name__ == "__main__":
    print(build())
