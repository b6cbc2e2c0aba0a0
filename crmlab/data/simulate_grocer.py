"""A grocer's chain with known truth: what each customer is loyal to, and the receipts that follow from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_count, check_kind, check_positive, check_share
from crmlab.base.fit import generator
from crmlab.data.schemas import as_day
from crmlab.data.simulate import purchase_times

KINDS = ("product", "service", "brand", "place", "price", "person")
CATEGORIES = {"bread": 25.0, "milk": 45.0, "tea": 160.0, "rice": 220.0, "soap": 60.0}  # list price, thousand Toman
BRANDS = {"Blue": (0.35, 1.10), "Green": (0.30, 1.00), "Red": (0.20, 0.95), "White": (0.15, 0.85)}  # share, price
VARIANTS = {"A": (0.50, 1.00), "B": (0.30, 1.15), "C": (0.20, 0.90)}
STORES = {"Corner": 0.30, "Station": 0.25, "Market": 0.20, "Park": 0.15, "School": 0.10}
SELLERS = {
    "Corner": ("Mina", "Omid", "Sara"), "Station": ("Reza", "Nima", "Leila"), "Market": ("Arash", "Parisa", "Ali"),
    "Park": ("Shirin", "Kaveh", "Roya"), "School": ("Babak", "Zahra", "Hamid"),
}  # fmt: skip
MIX = {
    "product": 0.14, "service": 0.12, "brand": 0.14, "place": 0.20, "price": 0.14, "person": 0.10, "none": 0.16,
}  # fmt: skip


def simulate_grocer(
    n: int, *, rng: np.random.Generator | int, start: str = "2024-09-20", end: str = "2025-09-19",
    mix: Mapping[str, float] = MIX, strength: tuple[float, float] = (0.6, 0.95), background: float = 0.2,
    rate: tuple[float, float] = (0.9, 4.0), dropout: tuple[float, float] = (0.6, 12.0), offers: float = 0.15,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """What would the receipts of n customers look like, if we knew what each is loyal to?

    Each customer has one hidden kind of loyalty (or none), drawn from `mix`, with a strength drawn evenly from
    `strength`; every other kind has a weak strength, drawn evenly from 0 to `background`. A strength is the chance that
    the loyalty, and not the market, makes a choice:

    - person: today's seller is the favourite one (and so the store is his); else place: the store is the favourite one
    - product: the line is the favourite product of its category; else brand: it is of the favourite brand (one brand
      for all categories); else price: it is one of the category's products on offer this week
    - service: strength x half a visit more in a week, and a chance to leave that is smaller by the same share
    - whatever loyalty leaves open is drawn from the market shares, which are the same for all

    Parameters
    ----------
    n, rng
        How many customers; the random numbers, or a seed.
    start, end
        First and last day. First visits fall evenly on the first quarter of this time.
    mix
        Each kind (and "none") with its share of the customers; shares add up to 1.
    rate, dropout
        Visits follow the BG/NBD story (Fader, Hardie & Lee 2005): rates per week are Gamma(r, rate alpha), chances
        to leave after a visit Beta(a, b).
    offers
        Chance that a product is on offer in a week, at 10, 20 or 30% off.

    Returns
    -------
    (log, truth). The log has a row per purchased line: customer_id, date, order_id, product, category, brand, store,
    seller, price (list price of a unit, thousand Toman), discount (share of the price), quantity and amount (thousand
    Toman paid: quantity x price x (1 - discount)). The truth, which no firm sees, has a row per customer: kind,
    strength (0 for "none"), and the favourite store, seller and brand. Raises OptionError for shares that are no
    shares or do not add up to 1.

    >>> log, truth = simulate_grocer(50, rng=np.random.default_rng(1))
    >>> list(truth.columns), bool((log["discount"] < 1).all())
    (['customer_id', 'kind', 'strength', 'store', 'seller', 'brand'], True)
    """
    _check(n, mix, strength, background, offers)
    for name, pair in (("rate", rate), ("dropout", dropout)):
        for value in _pair(name, pair):
            check_positive(name, value)
    rng = generator(rng, "simulate_grocer")
    day0 = np.datetime64(as_day(start, "start"), "D")
    days = int((np.datetime64(as_day(end, "end"), "D") - day0).astype(int)) + 1
    if days < 28:
        raise OptionError(f"start={start}, end={end} must be four weeks apart at least.")
    kinds = np.array(list(mix))
    kind = kinds[rng.choice(len(kinds), n, p=list(mix.values()))]
    strong = rng.uniform(*strength, n)
    q = {k: np.where(kind == k, strong, rng.uniform(0, background, n)) for k in KINDS}

    stores, store_share = np.array(list(STORES)), np.array(list(STORES.values()))
    sellers = np.array([s for store in STORES for s in SELLERS[store]])
    each = len(sellers) // len(stores)
    home = rng.choice(len(stores), n, p=store_share)
    friend = rng.choice(len(sellers), n, p=np.repeat(store_share / each, each))

    joined = rng.integers(0, days // 4, n)
    per_day = (rng.gamma(rate[0], 1 / rate[1], n) + np.where(kind == "service", q["service"], 0) / 2) / 7
    leaves = rng.beta(*dropout, n) * (1 - q["service"])
    again, when, _ = purchase_times(per_day, leaves, (days - joined).astype(float), rng)
    who = np.concatenate([np.arange(n), again])
    day = joined[who] + np.concatenate([np.zeros(n, dtype=int), np.floor(when).astype(int)])
    who, day = (x[np.lexsort((who, day))] for x in (who, day))  # a row per visit, in time's order
    store = np.where(
        rng.random(len(who)) < q["place"][who], home[who], rng.choice(len(stores), len(who), p=store_share)
    )
    seller = store * each + rng.integers(0, each, len(who))
    follows = rng.random(len(who)) < q["person"][who]
    seller = np.where(follows, friend[who], seller)
    store = seller // each

    brand_share, brand_price = np.array(list(BRANDS.values())).T
    variant_share, variant_price = np.array(list(VARIANTS.values())).T
    width = len(brand_share) * len(variant_share)  # products of a category
    share = np.outer(brand_share, variant_share).ravel()
    favourite = rng.choice(width, (n, len(CATEGORIES)), p=share)
    label = rng.choice(len(brand_share), n, p=brand_share)
    off = np.where(rng.random((days // 7 + 1, len(CATEGORIES), width)) < offers, 0.1, 0.0)
    off = np.round(off * rng.integers(1, 4, off.shape), 1)

    visit = np.repeat(np.arange(len(who)), 1 + rng.poisson(1.8, len(who)))
    buyer, category = who[visit], rng.integers(0, len(CATEGORIES), len(visit))
    market = rng.choice(width, len(visit), p=share)
    branded = label[buyer] * len(variant_share) + rng.choice(len(variant_share), len(visit), p=variant_share)
    today = off[day[visit] // 7, category]
    draw = np.where(today > 0, rng.random(today.shape), -1.0)
    on_offer = np.where((today > 0).any(axis=1), draw.argmax(axis=1), market)
    u = rng.random((3, len(visit)))
    product = np.where(u[2] < q["price"][buyer], on_offer, market)
    product = np.where(u[1] < q["brand"][buyer], branded, product)
    product = np.where(u[0] < q["product"][buyer], favourite[buyer, category], product)

    of_brand, variant = product // len(variant_share), product % len(variant_share)
    level = np.array(list(CATEGORIES.values()))[category]
    price = np.round(level * brand_price[of_brand] * variant_price[variant]).astype(int)
    discount, quantity = today[np.arange(len(visit)), product], 1 + rng.poisson(0.4, len(visit))
    names = [f"{c} {b} {v}" for c in CATEGORIES for b in BRANDS for v in VARIANTS]
    log = pd.DataFrame({
        "customer_id": buyer + 1, "date": (day0 + day[visit]).astype("datetime64[us]"), "order_id": visit + 1,
        "product": np.array(names)[category * width + product], "category": np.array(list(CATEGORIES))[category],
        "brand": np.array(list(BRANDS))[of_brand], "store": stores[store[visit]], "seller": sellers[seller[visit]],
        "price": price, "discount": discount, "quantity": quantity,
        "amount": np.round(quantity * price * (1 - discount), 1),
    })  # fmt: skip
    truth = pd.DataFrame({
        "customer_id": np.arange(n) + 1, "kind": kind, "strength": np.where(kind == "none", 0, strong).round(3),
        "store": stores[home], "seller": sellers[friend], "brand": np.array(list(BRANDS))[label],
    })  # fmt: skip
    return log, truth


def _check(n: int, mix: Mapping[str, float], strength: tuple[float, float], background: float, offers: float) -> None:
    check_count("n", n)
    check_kind("mix", mix, Mapping, "give shares by kind")
    shares = [*((f"mix[{k!r}]", v) for k, v in mix.items()), *(("strength", v) for v in _pair("strength", strength))]
    for name, value in [*shares, ("background", background), ("offers", offers)]:
        check_share(name, value)
    unknown = sorted(set(mix) - {*KINDS, "none"}, key=str)
    problems = [
        (f"mix names {unknown}; kinds are {', '.join(KINDS)} and none", bool(unknown)),
        (f"mix={dict(mix)} must be shares that add up to 1", abs(sum(mix.values()) - 1) > 1e-9),
        (f"strength={strength!r} must be two shares, the smaller first", strength[0] > strength[1]),
        (f"offers={offers!r} must be below 1", offers == 1),
    ]  # fmt: skip
    wrong = [what for what, is_wrong in problems if is_wrong]
    if wrong:
        raise OptionError("; ".join(wrong) + ".")


def _pair(name: str, pair: tuple[float, float]) -> tuple[float, float]:
    check_kind(name, pair, (tuple, list), "give two numbers")
    if len(pair) != 2:
        raise OptionError(f"{name}={pair!r} is not usable; give two numbers.")
    return pair
