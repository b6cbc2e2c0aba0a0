"""Lifecycle stages by hand, transition matrices against a chain with known truth, the steady state on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import AssumptionWarning, DataError, FitError, OptionError

TRUTH = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.05, 0.15, 0.8]])


pytestmark = pytest.mark.usefixtures("agg")


def stages_of(table: pd.DataFrame) -> dict[str, list[str]]:
    return {str(who): [str(s) for s in part["stage"]] for who, part in table.groupby("customer_id")}


def chain(n: int, periods: int, rng: np.random.Generator) -> pd.DataFrame:
    """Customers who move by TRUTH, from a start that is not the steady state."""
    state = np.empty((n, periods), dtype=int)
    state[:, 0] = rng.integers(0, 3, n)
    for t in range(1, periods):
        state[:, t] = (rng.random(n)[:, None] > TRUTH.cumsum(axis=1)[state[:, t - 1]]).sum(axis=1)
    index = pd.MultiIndex.from_product([range(n), range(periods)], names=["customer_id", "period"])
    return pd.DataFrame({"stage": np.array(list("uvw"))[state.ravel()]}, index=index).reset_index()


def test_five_customers_by_hand(small_log: pd.DataFrame) -> None:
    """January to March 2024.

    a: 3 orders, none, none. b: 1, none, none. c: 1 order for 10, none, 1 order for 30 (three times the money).
    d: from February, 2 orders for 24, then 2 orders for 14. e: March only.
    """
    table = crm.lifecycle(small_log, period="M", end="2024-03-31")
    assert stages_of(table) == {
        "a": ["acquired", "at_risk", "lost"],
        "b": ["acquired", "at_risk", "lost"],
        "c": ["acquired", "at_risk", "enhanced"],
        "d": ["acquired", "retained"],
        "e": ["acquired"],
    }
    assert table.loc[table.customer_id == "a", "orders"].tolist() == [3, 0, 0]
    assert table.loc[table.customer_id == "c", "amount"].tolist() == [10.0, 0.0, 30.0]
    assert table.loc[table.customer_id == "d", "phase"].tolist() == ["acquire", "retain"]
    moves = crm.stage_moves(table)
    assert moves.counts.loc["acquired"].to_dict() == {
        "acquired": 0, "enhanced": 0, "retained": 1, "at_risk": 3, "lost": 0
    }  # fmt: skip
    assert moves.shares.loc["at_risk", "lost"] == pytest.approx(2 / 3)
    assert moves.shares.loc["lost"].isna().all()  # nobody was seen after being lost
    assert moves.today.to_dict() == {"acquired": 0.2, "enhanced": 0.2, "retained": 0.2, "at_risk": 0.0, "lost": 0.4}


def test_won_back_and_growth_from_nothing() -> None:
    """Periods of 10 days: bought, two silent ones, back; then a free order (amount 0) followed by a paid one."""
    days = ["2024-01-01", "2024-01-31", "2024-02-10", "2024-02-20", "2024-03-01"]
    log = pd.DataFrame({"customer_id": 1, "date": days, "amount": [20.0, 5.0, 0.0, 9.0, 9.5]})
    table = crm.lifecycle(log, period=10, end="2024-03-15")  # the eighth period is cut short: left out
    assert stages_of(table)["1"] == [
        "acquired", "at_risk", "lost", "won_back", "retained", "enhanced", "retained"
    ]  # fmt: skip
    assert table["period"].iloc[1] == pd.Timestamp("2024-01-11")


def test_a_period_cut_short_is_left_out(small_log: pd.DataFrame) -> None:
    assert crm.lifecycle(small_log, period="M")["period"].max() == pd.Timestamp("2024-02-01")  # the log ends 11 March
    weeks = crm.lifecycle(small_log, period="W", end="2024-01-21")
    assert weeks["period"].min() == pd.Timestamp("2024-01-01")  # a Monday
    assert stages_of(weeks)["a"] == ["acquired", "enhanced", "at_risk"]  # 10, then 25 in the second week
    with pytest.raises(OptionError, match="no whole period"):
        crm.lifecycle(small_log, period="Q", end="2024-03-30")


def test_rules_are_data(small_log: pd.DataFrame) -> None:
    rules = [rule for rule in crm.stage_rules() if rule["stage"] != "enhanced"]
    assert stages_of(crm.lifecycle(small_log, period="M", end="2024-03-31", rules=rules))["c"][-1] == "retained"
    rules = [{"stage": "silent", "silent": [1, np.inf]}, {"stage": "many", "orders": [2, 99]}]
    table = crm.lifecycle(small_log, period="M", end="2024-03-31", rules=rules)
    assert stages_of(table)["a"] == ["many", "silent", "silent"]
    assert stages_of(table)["b"] == ["other", "silent", "silent"]
    assert stages_of(table)["e"] == ["other"]  # no silence before the first purchase; c bought after a silent month
    assert "silent  60%" in [t.get_text() for t in crm.plot_stages(table).texts]
    assert set(crm.stage_strategies()["phase"]) == {"acquire", "enhance", "retain"}
    for rule in crm.stage_rules():  # with the bundled ones nobody is "other": bought or not, first time or not
        assert rule["stage"] in crm.stage_strategies("fa").index


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:DeprecationWarning")
def test_the_same_stages_from_file_and_engine(small_log: pd.DataFrame, tmp_path: Path) -> None:
    expected = crm.lifecycle(small_log, period="M", end="2024-03-31")
    small_log.to_csv(tmp_path / "log.csv", index=False)
    small_log.to_parquet(tmp_path / "log.parquet")
    con = ibis.duckdb.connect()
    for source in (tmp_path / "log.csv", tmp_path / "log.parquet", con.read_parquet(tmp_path / "log.parquet")):
        found = crm.lifecycle(source, period="M", end="2024-03-31")
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    renamed = small_log.rename(columns={"customer_id": "client"})
    pd.testing.assert_frame_equal(
        crm.lifecycle(renamed, period="M", end="2024-03-31", columns={"client": "customer_id"}), expected
    )


def test_known_matrix_is_recovered_and_covered() -> None:
    """60 bases of 150 customers x 8 periods: 95% of the 9 x 60 Wilson intervals should hold the truth.

    The rows' cells depend on one another; counting each base's nine as one, the standard error is at most
    sqrt(0.05 x 0.95 / 60) = 0.028, so 0.88 is 2.5 of them. Steady state on paper from the truth's left eigenvector.
    """
    values, vectors = np.linalg.eig(TRUTH.T)
    steady = np.real(vectors[:, np.argmax(np.real(values))])
    steady = steady / steady.sum()
    rng = np.random.default_rng(3)
    cells, ends = [], []
    for _ in range(60):
        moves = crm.stage_moves(chain(150, 8, rng))
        cells.append(((moves.table["low"] < TRUTH.ravel()) & (TRUTH.ravel() < moves.table["high"])).mean())
        found = crm.steady_state(moves, rng=rng, draws=100)
        ends.append(((found["low"] < steady) & (steady < found["high"])).mean())
    assert 0.92 <= np.mean(cells) <= 0.98
    assert 0.88 <= np.mean(ends) <= 0.99
    large = crm.stage_moves(chain(20_000, 8, rng))
    np.testing.assert_allclose(large.shares, TRUTH, atol=0.01)  # 4 standard errors of the rarest row


def test_intervals_against_the_textbook() -> None:
    """Wilson for 1 of 4 at 95%: (p + z2/2n -+ z sqrt(pq/n + z2/4n2)) / (1 + z2/n) = 0.0456 to 0.6994."""
    table = pd.DataFrame({"customer_id": 1, "period": range(5), "stage": list("uuuuv")})
    moves = crm.stage_moves(table)
    row = moves.table.set_index(["from", "to"]).loc[("u", "v")]
    assert (row["n"], row["of"]) == (1, 4)
    assert (row["low"], row["high"]) == (pytest.approx(0.0456, abs=1e-4), pytest.approx(0.6994, abs=1e-4))
    # Jeffreys: quantiles of Beta(1.5, 3.5)
    from scipy.stats import beta

    other = crm.stage_moves(table, method="jeffreys").table.set_index(["from", "to"]).loc[("u", "v")]
    assert [other["low"], other["high"]] == pytest.approx(list(beta(1.5, 3.5).ppf([0.025, 0.975])))


def test_gaps_make_no_moves() -> None:
    """Period 2 is known to the table, but not for customer 1: her 1 -> 3 is no move."""
    table = pd.DataFrame({"customer_id": [1, 1, 2, 2, 2], "period": [1, 3, 1, 2, 3], "stage": list("uvuuu")})
    assert crm.stage_moves(table).counts.to_numpy().tolist() == [[2, 0], [0, 0]]


def test_steady_state_on_paper() -> None:
    """P = [[0.9, 0.1], [0.4, 0.6]]: p = 0.9 p + 0.4 (1 - p), so p = 0.4 / 0.5 = 0.8."""
    pairs = [("in", "in")] * 9 + [("in", "out")] + [("out", "in")] * 4 + [("out", "out")] * 6
    rows = [(i, t, s) for i, pair in enumerate(pairs) for t, s in enumerate(pair)]
    moves = crm.stage_moves(pd.DataFrame(rows, columns=["customer_id", "period", "stage"]))
    found = crm.steady_state(moves, rng=1, draws=400)
    assert found["share"].to_dict() == pytest.approx({"in": 0.8, "out": 0.2})
    assert found["today"].to_dict() == pytest.approx({"in": 13 / 20, "out": 7 / 20})
    assert found.loc["in", "low"] < 0.8 < found.loc["in", "high"]
    pd.testing.assert_frame_equal(found, crm.steady_state(moves, rng=np.random.default_rng(1), draws=400))


def test_acquired_is_left_for_good(small_log: pd.DataFrame) -> None:
    """Nobody is acquired twice: its share in the end is 0, and cdnow's other stages share all."""
    moves = crm.stage_moves(crm.lifecycle(crm.load_cdnow(sample=True)))
    found = crm.steady_state(moves, rng=1, draws=200)
    assert found.loc["acquired", "share"] == 0
    assert found["share"].sum() == pytest.approx(1)
    p = found["share"].to_numpy()
    np.testing.assert_allclose(p @ moves.shares.to_numpy(), p, atol=1e-12)
    with pytest.raises(FitError, match="enhanced, retained, lost"):
        crm.steady_state(crm.stage_moves(crm.lifecycle(small_log, period="M", end="2024-03-31")), rng=1)


def test_ends_that_are_none() -> None:
    many = [(i, t, s) for i in range(40) for t, s in enumerate("uuv" if i % 2 else "uvv")]
    swallowed = crm.stage_moves(pd.DataFrame(many, columns=["customer_id", "period", "stage"]))
    with pytest.warns(AssumptionWarning, match="'v' is never left"):
        assert crm.steady_state(swallowed, rng=1, draws=100)["share"].to_dict() == {"u": 0.0, "v": 1.0}
    apart = [(i, t, s) for i, word in enumerate(["uuu", "vvv", "wuu", "wvv"]) for t, s in enumerate(word)]
    with pytest.raises(FitError, match=r"nobody leaves \{u\}; \{v\}"):
        crm.steady_state(crm.stage_moves(pd.DataFrame(apart, columns=["customer_id", "period", "stage"])), rng=1)


def test_bad_input(small_log: pd.DataFrame) -> None:
    period: Any
    for period in ("Y", 0, True, 1.5):
        with pytest.raises(OptionError, match="period="):
            crm.lifecycle(small_log, period=period)
    for rule in ({"stage": "x"}, {"silent": [1, 2]}, {"stage": "x", "silent": [1]}, {"stage": "x", "silence": [1, 2]}):
        with pytest.raises(OptionError, match="since_first, orders, silent, growth"):
            crm.lifecycle(small_log, rules=[rule])
    with pytest.raises(DataError, match="client") as caught:
        crm.lifecycle(small_log.rename(columns={"customer_id": "client"}).assign(amount=-1.0))
    assert len(caught.value.faults) == 2
    table = crm.lifecycle(small_log, period="M", end="2024-03-31")
    with pytest.raises(DataError, match="stands twice"):
        crm.stage_moves(pd.concat([table, table]))
    with pytest.raises(DataError, match="period"):
        crm.stage_moves(table.drop(columns="period"))
    broken: Any = table.assign(stage=table["stage"].where(table["orders"] > 0), period=table["period"])
    with pytest.raises(DataError, match="'stage': is missing"):
        crm.stage_moves(broken)
    with pytest.raises(DataError, match="two periods"):
        crm.stage_moves(table[table["customer_id"] == "e"])
    with pytest.raises(OptionError, match="method"):
        crm.stage_moves(table, method="wald")
    moves = crm.stage_moves(crm.lifecycle(small_log, period="M", end="2024-03-31"))
    with pytest.raises(OptionError, match="draws"):
        crm.steady_state(moves, rng=1, draws=5)


def test_plots_speak_both_languages() -> None:
    stages = crm.lifecycle(crm.load_cdnow(sample=True))
    moves = crm.stage_moves(stages)
    ax = crm.plot_moves(moves)
    shown = {t.get_text() for t in ax.texts}
    assert f"{moves.shares.loc['acquired', 'at_risk']:.0%}" in shown
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["Acquired", "Won back"]
    assert crm.plot_moves(moves, language="fa").get_yticklabels()[0].get_text() == "جذب‌شده"
    last = [t.get_text() for t in crm.plot_stages(stages).texts]
    assert f"Lost  {moves.today['lost']:.0%}" in last
    assert "Acquired" in last  # in its own bar: nobody is acquired in the last quarter
