"""Pictures of decisions on value: what they plot is what was computed, in both languages."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.words import word

pytestmark = pytest.mark.usefixtures("agg")


@pytest.fixture(scope="module")
def shop() -> Any:
    won, stay = crm.Response(0.06, 0.5, 0.015), crm.Response(0.75, 4.0, 0.66, floor=0.60)
    return crm.allocate(1e6, won, stay, prospects=2e6, customers=136_800, value_new=41, value_kept=79)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_titles_and_labels_in_both_languages(shop: Any, language: Any) -> None:
    customers = pd.DataFrame({"margin": [12, 7, 5, 1], "cost_to_serve": [2, 1, 1, 3]})
    options = crm.drop_or_reprice(customers, fixed_costs=20, fee=3, saving=0.5, leave=0.2, rng=1)
    drawn = {
        "responses": crm.plot_responses(shop, language=language),
        "split": crm.plot_split(shop, language=language),
        "ratio": crm.plot_ratio({"shop": crm.ratio_test(shop)}, language=language),
        "referral": crm.plot_referral(40, language=language),
        "options": crm.plot_options(options, language=language),
    }
    for name, ax in drawn.items():
        assert ax.get_title(loc="left") == word(f"value.{name}_title", language)
        assert ax.get_xlabel()


def test_dots_stand_at_the_best_split(shop: Any) -> None:
    dots = [line for line in crm.plot_responses(shop).lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [shop.to_acquisition, shop.to_retention]
    (dot,) = [line for line in crm.plot_split(shop).lines if line.get_marker() == "o"]
    assert dot.get_ydata()[0] == pytest.approx(float(shop.gain(shop.to_acquisition)))


def test_bars_and_their_order() -> None:
    customers = pd.DataFrame({"margin": [12, 7, 5, 1], "cost_to_serve": [2, 1, 1, 3]})
    table = crm.drop_or_reprice(customers, fixed_costs=20, fee=3, saving=0.5, leave=0.0, rng=1)
    ax = crm.plot_options(table)
    assert [bar.get_width() for bar in ax.patches] == table["against_keep"].tolist()[:0:-1]
