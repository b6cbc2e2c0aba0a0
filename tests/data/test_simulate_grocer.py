"""The simulated grocer does what its docstring says, and its bundled log can be made again."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import OptionError
from crmlab.base.share import share
from crmlab.data.simulate_grocer import BRANDS, STORES, simulate_grocer


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    log, truth = simulate_grocer(1500, rng=np.random.default_rng(3), background=0.0, strength=(0.8, 0.8))
    return log.merge(truth, on="customer_id", suffixes=("", "_of"))


@pytest.mark.parametrize(
    ("kind", "hit", "expected"),
    [  # strength + (1 - strength) x the market share of the favourite, which is drawn by market share: sum of squares
        ("place", lambda d: d["store"] == d["store_of"], 0.8 + 0.2 * sum(s**2 for s in STORES.values())),
        ("person", lambda d: d["seller"] == d["seller_of"], 0.8 + 0.2 * sum(s**2 for s in STORES.values()) / 3),
        ("brand", lambda d: d["brand"] == d["brand_of"], 0.8 + 0.2 * sum(s**2 for s, _ in BRANDS.values())),
        # one of the 12 products is on offer with 1 - 0.85^12; the market finds an offer with 0.15
        ("price", lambda d: d["discount"] > 0, 0.8 * (1 - 0.85**12) + 0.2 * 0.15),
    ],
)  # fmt: skip
def test_strength_is_the_chance_that_loyalty_chooses(many: pd.DataFrame, kind: str, hit: Any, expected: float) -> None:
    """Per customer means of some 200 customers: within 4 standard errors of their mean."""
    of_kind = many[many["kind"] == kind].drop_duplicates("order_id" if kind in ("place", "person") else None)
    each = hit(of_kind).groupby(of_kind["customer_id"]).agg(["mean", "size"])
    observed = np.average(each["mean"], weights=each["size"])
    error = np.sqrt((each["size"] ** 2 * (each["mean"] - observed) ** 2).sum()) / each["size"].sum()
    assert abs(observed - expected) < 4 * error
    assert error < 0.02


def test_without_loyalty_only_market_shares_are_left() -> None:
    log, truth = simulate_grocer(800, rng=np.random.default_rng(5), mix={"none": 1.0}, background=0.0)
    assert set(truth["kind"]) == {"none"} and (truth["strength"] == 0).all()
    visits = log.drop_duplicates("order_id")
    for frame, column, shares in ((visits, "store", STORES), (log, "brand", {b: s for b, (s, _) in BRANDS.items()})):
        observed = frame[column].value_counts(normalize=True)
        for name, expected in shares.items():
            assert abs(observed[name] - expected) < 4 * np.sqrt(expected * (1 - expected) / len(frame))


def test_amounts_add_up_and_nobody_is_in_two_places(many: pd.DataFrame) -> None:
    paid = many["quantity"] * many["price"] * (1 - many["discount"])
    np.testing.assert_allclose(many["amount"], paid, atol=0.051)  # rounded to 100 Toman
    assert (many.groupby("order_id")[["customer_id", "store", "seller", "date"]].nunique() == 1).all(axis=None)
    assert many.groupby("seller")["store"].nunique().eq(1).all()


def test_same_seed_same_log_and_bad_options() -> None:
    one, two = (simulate_grocer(30, rng=np.random.default_rng(2)) for _ in range(2))
    for left, right in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(left, right)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"mix": {"place": 0.5, "luck": 0.4}}, r"mix names \['luck'\].*add up to 1"),
        ({"strength": (0.9, 0.1)}, "strength"),
        ({"background": 1.2}, "background"),
        ({"rate": (0, 1)}, "rate="),
        ({"start": "2025-09-01"}, "four weeks"),
    ]
    for options, message in bad:
        with pytest.raises(OptionError, match=message):
            simulate_grocer(10, rng=np.random.default_rng(1), **options)
    with pytest.raises(OptionError, match="n=0"):
        simulate_grocer(0, rng=np.random.default_rng(1))


def test_the_bundled_log_is_made_again_and_is_what_its_datasheet_says(tmp_path: Path) -> None:
    path = runpy.run_path(str(share("datasets", "grocer", "build.py")))["build"](tmp_path)
    for name in ("grocer.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == share("datasets", "grocer", name).read_bytes()
    assert path.stat().st_size < 1_500_000
    log, truth = pd.read_csv(path), pd.read_csv(tmp_path / "truth.csv")
    assert (len(log), log["order_id"].nunique(), log["customer_id"].nunique()) == (17_797, 6_362, 600)
    visits = log.groupby("customer_id")["order_id"].nunique()
    money = log.groupby("customer_id")["amount"].sum()
    assert (visits < 5).sum() == 206 and visits.idxmax() == money.idxmax() == 298
    sheet = share("datasets", "grocer", "README.md").read_text(encoding="utf-8")
    for kind, count in truth["kind"].value_counts().items():
        assert f"| {kind} | {count} |" in sheet
