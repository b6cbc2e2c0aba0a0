"""Six indices by hand, planted kinds recovered, no index out of nothing, and what happens without a column."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, OptionError
from crmlab.base.share import share
from crmlab.customers.loyalty import KINDS, LoyaltyProfile, loyalty_profile
from crmlab.data.simulate_grocer import simulate_grocer


@pytest.fixture(scope="module")
def tiny() -> pd.DataFrame:
    """Two customers, four visits each, a line a visit."""
    rows = [
        # customer, date, store, seller, category, product, brand, discount
        (1, "2024-01-01", "N", "a", "tea", "x", "P", 0.2), (1, "2024-02-15", "N", "a", "tea", "x", "P", 0.0),
        (1, "2024-02-22", "N", "a", "tea", "y", "P", 0.1), (1, "2024-03-01", "S", "c", "milk", "m", "P", 0.0),
        (2, "2024-01-02", "S", "c", "tea", "x", "P", 0.0), (2, "2024-01-03", "S", "d", "tea", "z", "Q", 0.3),
        (2, "2024-01-10", "N", "b", "milk", "m", "P", 0.0), (2, "2024-02-10", "S", "d", "milk", "k", "Q", 0.0),
    ]  # fmt: skip
    names = ["customer_id", "date", "store", "seller", "category", "product", "brand", "discount"]
    return pd.DataFrame(rows, columns=names).assign(amount=[10.0, 10, 10, 10, 20, 20, 20, 20])


@pytest.fixture(scope="module")
def grocer() -> LoyaltyProfile:
    return loyalty_profile(crm.load_grocer())


def test_six_indices_by_hand(tiny: pd.DataFrame) -> None:
    profile = loyalty_profile(tiny, minimum=2, window=28)
    expected = {
        # tea: shares 3/5, 1/5, 1/5, so chance 11/25; 1 of 3 pairs agrees. milk: 2/3, 1/3, chance 5/9; no pair of hers
        "product": [(1 - 3 * 11 / 25) / (3 * 14 / 25), (0 - 11 / 25 - 5 / 9) / (14 / 25 + 4 / 9)],
        "service": [(3 / 4 - 1 / 2) / (1 / 2), (1 / 4 - 1 / 2) / (1 / 2)],  # 3 and 1 of 4 weeks
        # different teas: chance (17/25 - 11/25) / (14/25) = 3/7; two pairs x-y of hers are P and P; x-z are P and Q
        "brand": [1.0, (0 - 3 / 7) / (4 / 7)],
        # pairs with different sellers: chance (1/2 - 9/32) / (23/32) = 7/23; of hers 0 of 3 agree, of his 2 of 5
        "place": [(0 - 7 / 23) / (16 / 23), (2 / 5 - 7 / 23) / (16 / 23)],
        "price": [(2 - 3 * 3 / 5) / (4 - 3 * 3 / 5), (1 - 2 * 3 / 5) / (4 - 2 * 3 / 5)],  # 3 of 5 teas, no milk
        "person": [(3 / 6 - 9 / 32) / (23 / 32), (1 / 6 - 9 / 32) / (23 / 32)],  # 3, 1, 2, 2 of 8 visits
    }  # fmt: skip
    for kind, (hers, his) in expected.items():
        assert profile.excess[kind].tolist() == pytest.approx([hers, his], abs=1e-12), kind
        assert profile.customers[kind].tolist() == pytest.approx([max(hers, 0), max(his, 0)], abs=1e-12)
    assert not profile.missing
    assert profile.customers.loc[1, ["orders", "lines", "revenue", "store", "seller"]].tolist() == [4, 4, 40, "N", "a"]
    assert profile.discount == pytest.approx(0.2)  # 0.2, 0.1, 0.3
    # Simpson's (1949) variance of sum n_i (n_i - 1) / (n (n - 1)) for n = 4 and p = 3/8, 1/8, 2/8, 2/8
    p2, p3, n = 18 / 64, 44 / 512, 4
    variance = (4 * n * (n - 1) * (n - 2) * p3 + 2 * n * (n - 1) * p2 - 2 * n * (n - 1) * (2 * n - 3) * p2**2) / 144
    assert profile.z.loc[1, "person"] == pytest.approx((3 / 6 - p2) / np.sqrt(variance))


def test_one_customers_choices_by_hand(tiny: pd.DataFrame) -> None:
    sellers = tiny.groupby("seller").size()
    hers = crm.choice_index(tiny[tiny["customer_id"] == 1].groupby("seller").size(), sellers)
    assert hers.tolist() == pytest.approx([10 / 16, 3 / 6, 9 / 32, 7 / 23])
    profile = loyalty_profile(tiny, minimum=2, window=28)
    assert hers["index"] == pytest.approx(profile.customers.loc[1, "person"])
    for counts, market in (([1, 0], [5, 5]), ([6, 0], [5, 5]), ([-1, 4], [5, 5]), ([3, 0], [9, 0])):
        with pytest.raises(crm.DataError):
            crm.choice_index(pd.Series(counts), pd.Series(market))


def test_random_choices_give_no_index() -> None:
    """Market shares alone: each index is 0 on average (4 standard errors), z is standard, and the HHI is too high."""
    log, _ = simulate_grocer(1500, rng=np.random.default_rng(11), mix={"none": 1.0}, background=0.0)
    profile = loyalty_profile(log)
    for kind in ("product", "brand", "place", "person"):
        excess, z = profile.excess[kind].dropna(), profile.z[kind].dropna()
        assert len(excess) > 500
        assert abs(excess.mean()) < 4 * excess.sem(), kind
        assert abs(z.mean()) < 4 / np.sqrt(len(z)) and 0.9 < z.std() < 1.1, kind
    # offers last a week and differ between weeks and categories, so price is clumped a little more than chance
    assert abs(profile.excess["price"].mean()) < 4 * profile.excess["price"].sem()
    visits = log.drop_duplicates("order_id")
    shares = visits["store"].value_counts(normalize=True)
    own = visits.groupby("customer_id")["store"].value_counts(normalize=True)
    own = own[visits.groupby("customer_id").size().reindex(own.index.get_level_values(0)).to_numpy() < 10]
    hhi = (own**2).groupby("customer_id").sum()
    assert hhi.mean() - (shares**2).sum() > 0.1
    said = profile.customers["main"].isin(["product", "brand", "place", "price", "person"])
    assert said.mean() < 0.05  # five tests at 1% each, and an index of 0.2 at least


def test_planted_kinds_are_recovered(grocer: LoyaltyProfile) -> None:
    """By chance, one of seven. Who visits often is told better; who is said to be of a kind mostly is."""
    truth = pd.read_csv(share("datasets", "grocer", "truth.csv")).set_index("customer_id")["kind"]
    both = grocer.customers.join(truth)
    judged = both[both["main"] != "too_few"]
    assert (judged["kind"] == judged["main"]).mean() > 0.6
    often = judged[judged["orders"] >= 15]
    assert len(often) > 150 and (often["kind"] == often["main"]).mean() > 0.75
    said = judged[judged["main"] != "none"]
    confusion = pd.crosstab(said["main"], said["kind"], normalize="index")
    assert all(confusion.loc[kind, kind] > 0.75 for kind in KINDS)
    best = grocer.customers.loc[298]
    assert best["main"] == "place" and best["store"] == "Corner" and best["service"] > best["place"]


def test_a_missing_column_is_named_and_the_rest_computed(grocer: LoyaltyProfile, tiny: pd.DataFrame) -> None:
    log = crm.load_grocer()
    with pytest.warns(AssumptionWarning, match=r"brand \(the log has no column 'brand'\); person \(.*'seller'\)"):
        profile = loyalty_profile(log.drop(columns=["brand", "seller"]))
    assert set(profile.missing) == {"brand", "person"}
    assert profile.customers[["brand", "person"]].isna().all(axis=None)
    pd.testing.assert_series_equal(profile.excess["product"], grocer.excess["product"])
    # without sellers, a customer who follows one looks loyal to the place
    truth = pd.read_csv(share("datasets", "grocer", "truth.csv")).set_index("customer_id")["kind"]
    assert profile.excess["place"][truth == "person"].mean() > 0.3 > grocer.excess["place"][truth == "person"].mean()
    assert "No brand index" in str(profile) and "brand" not in profile.shares().index
    with pytest.raises(OptionError, match="leaves needs the person index"):
        profile.what_if(leaves="Mina")
    one_each = tiny.assign(brand=tiny["product"])
    with pytest.warns(AssumptionWarning, match=r"brand \(every brand has a single product\)"):
        loyalty_profile(one_each, minimum=2, window=28)
    with pytest.warns(AssumptionWarning, match=r"place \(every store has a single seller\).*the log is too short"):
        loyalty_profile(tiny.assign(store="N", seller="a"), minimum=2)
    with pytest.warns(AssumptionWarning, match=r"price \(nothing was bought at a discount\)"):
        loyalty_profile(tiny.assign(discount=0.0), minimum=2, window=28)
    with pytest.warns(AssumptionWarning, match=r"place \(nobody bought often enough\)"):
        rare = loyalty_profile(tiny, window=28)
    with pytest.raises(OptionError, match="nobody bought often enough"):
        rare.what_if(closes="N")


def test_few_purchases_have_no_index(grocer: LoyaltyProfile) -> None:
    few = grocer.customers["orders"] < 5
    assert grocer.customers.loc[few, ["place", "person"]].isna().sum().min() == few.sum() == 206
    assert (grocer.customers.loc[grocer.customers["main"] == "too_few", "lines"] < 12).all()
    table = grocer.shares()
    assert table["customers"].sum() + (grocer.customers["main"] == "too_few").sum() == 600
    assert table["share"].sum() == pytest.approx(1) and table["revenue_share"].sum() == pytest.approx(1)
    # Wilson (1927) by hand for 49 of 532
    n, p, z = 532, 49 / 532, 1.959963984540054
    middle, reach = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + (z / n / 2) ** 2),
    )
    assert table.loc["place", ["low", "high"]].tolist() == pytest.approx([middle - reach, middle + reach])


def test_what_if_by_hand() -> None:
    customers = pd.DataFrame({
        "window_revenue": [100.0, 50.0, 200.0, 0.0], "store": ["North", "North", "South", "North"],
        "seller": ["a", "a", "c", "a"],
        "main": ["place", "none", "place", "place"], "place": [0.8, np.nan, 0.4, 0.6], "price": [0.0, 0.5, 1.0, 0.2],
        "person": [0.1, 0.2, 0.3, 0.4],
    })  # fmt: skip
    profile = LoyaltyProfile(customers, customers, customers, {}, 182, 0.2)
    closed = profile.what_if(
        closes="North"
    )  # the last customer did not come in the window; the second has the mean, 0.6
    assert closed.loc["place", ["customers", "exposed", "leavers", "at_risk"]].tolist() == [1, 100, 0.8, 80]
    assert closed.loc["all", ["customers", "leavers", "at_risk"]].tolist() == pytest.approx([2, 1.4, 110])
    reach = 1.959963984540054 * np.sqrt(0.8 * 0.2 * 100**2 + 0.6 * 0.4 * 50**2)
    assert closed.loc["all", "at_risk_low"] == pytest.approx(110 - reach)
    assert closed.loc["all", "at_risk_high"] == 150  # more is not there
    risen = profile.what_if(price_rise=0.1)  # half of the usual discount
    assert risen.loc["all", ["leavers", "at_risk"]].tolist() == pytest.approx([0.75, 112.5])
    assert risen.loc["all", "gained"] == pytest.approx(0.1 * (350 - 112.5))
    assert profile.what_if(price_rise=0.9).loc["all", "at_risk"] == pytest.approx(225)
    assert profile.what_if(leaves="c").loc["all", "at_risk"] == pytest.approx(60)
    for options, message in (
        ({}, "Give one of"), ({"closes": "North", "leaves": "a"}, "Give one of"), ({"price_rise": -0.1}, "price_rise"),
        ({"closes": "Nort"}, "Did you mean 'North'"), ({"closes": "North", "level": 1.5}, "level"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=message):
            profile.what_if(**options)


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:DeprecationWarning")
@pytest.mark.parametrize("form", ["csv", "parquet glob", "duckdb"])
def test_the_same_from_every_engine(grocer: LoyaltyProfile, form: str, tmp_path: Path) -> None:
    source: Any = share("datasets", "grocer", "grocer.csv")
    if form == "parquet glob":
        for i in range(2):
            crm.load_grocer().iloc[i::2].to_parquet(tmp_path / f"part{i}.parquet")
        source = str(tmp_path / "part*.parquet")
    elif form == "duckdb":
        con = ibis.duckdb.connect()
        con.con.execute(f"CREATE TABLE log AS SELECT * FROM read_csv('{source}')").fetchall()
        source = con.table("log")
    other = loyalty_profile(source)
    pd.testing.assert_frame_equal(other.customers, grocer.customers, rtol=1e-10, check_dtype=False)
    pd.testing.assert_frame_equal(other.excess, grocer.excess, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_the_same_from_spark(tiny: pd.DataFrame, spark: Any, tmp_path: Path) -> None:
    tiny.assign(date=pd.to_datetime(tiny["date"])).to_parquet(tmp_path / "log.parquet")
    lazy = spark.read_parquet(str(tmp_path / "log.parquet"), table_name="grocer")
    one, other = (loyalty_profile(log, minimum=2, window=28) for log in (tiny, lazy))
    pd.testing.assert_frame_equal(other.customers, one.customers, rtol=1e-12, check_dtype=False)


def test_bad_input(tiny: pd.DataFrame) -> None:
    before = tiny.copy()
    for frame, message in (
        (tiny.drop(columns="amount"), "amount.*is missing"),
        (tiny.assign(discount=[5.0, *[0.0] * 7]), "no share between 0 and 1 in 1 row"),
        (tiny.assign(discount="10%"), "discount.*is no number"),
        (tiny.assign(date="2024-02-30"), "no date"),
        (tiny.iloc[:0], "no rows"),
    ):
        with pytest.raises(crm.DataError, match=message):
            loyalty_profile(frame)
    for options in ({"minimum": 1}, {"window": 10}, {"every": 0}, {"least": 1.0}, {"level": 2.0}):
        with pytest.raises(OptionError):
            loyalty_profile(tiny, **options)
    pd.testing.assert_frame_equal(tiny, before)
    gaps = tiny.assign(store=[None, *tiny["store"][1:]])  # a visit without a store counts for nothing but service
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        assert loyalty_profile(gaps, minimum=2, window=28).customers.loc[1, "orders"] == 4


@pytest.mark.usefixtures("agg")
@pytest.mark.parametrize("language", ["en", "fa"])
def test_plots(grocer: LoyaltyProfile, language: Any) -> None:
    from matplotlib import pyplot

    for draw in (
        lambda ax: crm.plot_loyalty(grocer, 298, ax, language),
        lambda ax: crm.plot_loyalty_kinds(grocer, ax, language),
        lambda ax: crm.plot_what_if(grocer.what_if(closes="Corner"), ax, language),
    ):
        ax = pyplot.subplots()[1]
        assert draw(ax) is ax
        assert ax.get_title(loc="left") and ax.get_xlabel()
        ax.figure.canvas.draw()
    assert "0.34" in [t.get_text() for t in crm.plot_loyalty(grocer, 298).texts]
    with pytest.raises(OptionError, match="not in the log"):
        crm.plot_loyalty(grocer, 9999)
    with pytest.raises(crm.DataError, match="exposed"):
        crm.plot_what_if(grocer.shares())


@pytest.mark.filterwarnings("ignore:Kinds of loyalty that cannot")
def test_perfect_loyalty_is_one_and_what_follows_is_finite() -> None:
    """Whoever goes to one store alone has the index 1, though 1 may come out a rounding above it, and leaves."""
    rng = np.random.default_rng(5)
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 360, 1200), "D")
    who = rng.integers(1, 61, 1200)
    stores = np.where(who % 3 == 0, "north", rng.choice(["north", "south"], 1200))
    log = pd.DataFrame({"customer_id": who, "date": days, "amount": 10.0, "order_id": range(1200), "store": stores})
    profile = loyalty_profile(log)
    index = profile.customers["place"]
    assert index.between(0, 1).all() and (index[index.index % 3 == 0] == 1).sum() >= 5
    table = profile.what_if(closes="north")
    assert np.isfinite(table.to_numpy(dtype=float)).all()
    assert table.loc["all", "leavers"] >= (index == 1).sum()
    with pytest.raises(OptionError, match="nobody bought twice"):
        loyalty_profile(log.drop_duplicates("customer_id")).what_if(closes="north")
