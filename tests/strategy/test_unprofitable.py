"""Whom to drop: four customers worked out by hand, the spiral, followers, and faulty tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.strategy.unprofitable import customer_profit, death_spiral, drop_or_reprice

FOUR = pd.DataFrame(
    {
        "customer_id": list("abcd"), "margin": [12.0, 7.0, 5.0, 1.0], "cost_to_serve": [2.0, 1.0, 1.0, 3.0],
        "brought_by": [None, None, None, None],
    }
)  # fmt: skip
TERMS: dict[str, Any] = {"fixed_costs": 20, "fee": 3, "saving": 0.5, "leave": 0.0, "rng": 1}


def test_profit_by_hand() -> None:
    """Contributions 10, 6, 4, -2; 20 shared by four is 5 each."""
    table = customer_profit(FOUR, fixed_costs=20)
    assert table["contribution"].tolist() == [10, 6, 4, -2]
    assert table["profit"].tolist() == [5, 1, -1, -7]
    assert table["kind"].tolist() == ["profitable", "profitable", "covers_part", "loses"]
    shared = customer_profit(FOUR, fixed_costs=20, by="margin")  # 20 / 25 of each margin
    assert shared["allocated"].tolist() == pytest.approx([9.6, 5.6, 4.0, 0.8])
    assert shared["profit"].sum() == pytest.approx(table["profit"].sum()) == -2


def test_the_spiral_by_hand() -> None:
    """-2 with all; without c and d 16 - 20 = -4 and 10 each, so b shows a loss; without b 10 - 20; then nobody."""
    spiral = death_spiral(FOUR, fixed_costs=20)
    assert spiral["customers"].tolist() == [4, 2, 1, 0]
    assert spiral["showing_a_loss"].tolist() == [2, 1, 1, 0]
    assert spiral["allocated"].tolist()[:3] == [5, 10, 20]
    assert spiral["total_profit"].tolist() == [-2, -4, -10, -20]


def test_the_spiral_stops_where_nobody_shows_a_loss() -> None:
    spiral = death_spiral(FOUR, fixed_costs=8)  # 2 each: only d; then 8 / 3 each: none
    assert spiral[["customers", "showing_a_loss", "total_profit"]].to_numpy().tolist() == [[4, 1, 10], [3, 0, 12]]


def test_options_by_hand_when_nobody_leaves() -> None:
    """Keep -2; without c and d -4; without d 0; d pays 3 more: 1; d costs half of 3 less: -0.5."""
    table = drop_or_reprice(FOUR, **TERMS)
    expected = {"keep": -2, "drop_showing_loss": -4, "drop_losing": 0, "reprice": 1, "serve_cheaper": -0.5}
    assert table["profit"].to_dict() == pytest.approx(expected)
    assert table["addressed"].tolist() == [0, 2, 1, 1, 1] and table["gone"].tolist() == [0, 2, 1, 0, 0]
    assert table.loc["reprice", "against_keep"] == pytest.approx(3)


def test_who_leaves_takes_along_whom_she_brought() -> None:
    """d brought a: with d goes a's 10 for certain; a range of chances averages to its middle."""
    linked = FOUR.assign(brought_by=["d", None, None, None])
    table = drop_or_reprice(linked, **TERMS, follow=1.0)
    assert table.loc["drop_losing", ["gone", "profit"]].tolist() == [2, -10]
    ranged = drop_or_reprice(linked, **TERMS, follow=(0.2, 0.6), draws=5000)
    # 0 - 0.4 x 10; a draw's standard deviation is below 5, so that 5,000 draws know it to 0.071: 4 of those
    assert ranged.loc["drop_losing", "profit"] == pytest.approx(-4, abs=0.28)
    assert ranged.loc["drop_losing", "low"] == -10 and ranged.loc["drop_losing", "high"] == 0


def test_the_share_that_leaves_against_its_expectation() -> None:
    """500 customers who each cost 2 net; a fee of 3 turns them into +1 if they stay (chance 0.7): 350 x 1."""
    many = pd.DataFrame({"margin": np.full(500, 1.0), "cost_to_serve": np.full(500, 3.0)})
    table = drop_or_reprice(many, **(TERMS | {"fixed_costs": 0, "leave": 0.3}), draws=2000)
    assert table.loc["keep", "profit"] == -1000 and table.loc["drop_losing", "profit"] == 0
    # the count's sd is sqrt(500 x 0.21) = 10.2; the mean of 2,000 draws is known to 0.23
    assert table.loc["reprice", "profit"] == pytest.approx(350, abs=1)
    assert table.loc["reprice", "low"] == pytest.approx(350 - 1.96 * 10.2, abs=2)


def test_same_seed_same_numbers_and_input_untouched() -> None:
    before = FOUR.copy()
    first, again = (drop_or_reprice(FOUR, **(TERMS | {"leave": (0.1, 0.5)})) for _ in range(2))
    assert first.equals(again)
    death_spiral(FOUR, fixed_costs=20)
    pd.testing.assert_frame_equal(FOUR, before)


def test_all_faults_at_once() -> None:
    wrong = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "margin": [1.0, -2.0, np.nan], "brought_by": ["z", None, "b"]}
    )
    with pytest.raises(DataError) as error:
        customer_profit(wrong, fixed_costs=1)
    text = str(error.value)
    for part in ("4 faults", "'cost_to_serve': is missing", "2 rows", "occurs more than once", "nobody else"):
        assert part in text
    with pytest.raises(DataError, match="is text"):
        customer_profit(FOUR.assign(margin=["1", "2", "3", "4"]), fixed_costs=1)
    with pytest.raises(DataError, match="no customers"):
        customer_profit(FOUR.iloc[:0], fixed_costs=1)
    with pytest.raises(DataError, match="all margins are 0"):
        customer_profit(FOUR.assign(margin=0.0), fixed_costs=1, by="margin")


@pytest.mark.parametrize(
    "wrong",
    [
        {"fixed_costs": -1}, {"fee": -1}, {"leave": 1.5}, {"leave": (0.5, 0.1)}, {"follow": -0.1}, {"saving": 2.0},
        {"by": "mood"}, {"level": 1.0}, {"draws": 3},
    ],
)  # fmt: skip
def test_wrong_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        drop_or_reprice(FOUR, **(TERMS | wrong))
