"""Makes hotel_ratings.csv again: six managers of a made-up hotel group rate 40 indicators. Always the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from crmlab.strategy.gartner import MaturityModel

TRUTH = {
    "vision": 3.3, "strategy": 3.1, "experience": 2.7, "collaboration": 1.9, "processes": 2.1, "information": 2.5,
    "technology": 3.5, "metrics": 2.3,
}  # fmt: skip
LENIENCE = {
    "general_manager": 0.35, "marketing": 0.05, "it": -0.05, "front_office": -0.35, "finance": -0.15, "hr": 0.15,
}  # fmt: skip
IT_ON_TECHNOLOGY = 1.3
BETWEEN, NOISE = 0.45, 0.50  # standard deviations: of indicators in a block, of single ratings


def ratings() -> pd.DataFrame:
    """One row a manager and indicator: respondent, indicator, rating."""
    rng = np.random.default_rng(20010820)
    indicators = MaturityModel.bundled("gartner").indicators
    level = indicators["block"].map(TRUTH) + rng.normal(0, BETWEEN, len(indicators))
    level -= (level.groupby(indicators["block"]).transform("mean")) - indicators["block"].map(TRUTH)  # as stated
    rows = []
    for who, lenience in LENIENCE.items():
        seen = level + lenience + rng.normal(0, NOISE, len(level))
        if who == "it":
            seen[indicators["block"] == "technology"] += IT_ON_TECHNOLOGY
        rating = np.clip(np.round(seen), 1, 5).astype(int)
        rows.append(pd.DataFrame({"respondent": who, "indicator": indicators.index, "rating": rating}))
    return pd.concat(rows, ignore_index=True)


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write hotel_ratings.csv into `folder` and return its path."""
    path = folder / "hotel_ratings.csv"
    ratings().to_csv(path, index=False, lineterminator="\n")
    return path


if __name__ == "__main__":
    print(build())
