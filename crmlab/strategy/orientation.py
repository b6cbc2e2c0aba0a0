"""Where does the firm want to go? Statements of mission, of vision and of goals, to be told apart."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, get_args

import pandas as pd

from crmlab.base.errors import check_option

Kind = Literal["mission", "vision", "goal"]


def statements(kind: Kind | None = None) -> pd.DataFrame:
    """What do firms say of themselves: what they do today (mission), want to be (vision), or reach by a date (goal)?

    One row a statement: firm, kind, en, fa (in our paraphrase, not the firms' words) and source. Six are of Tesla,
    Amazon and Google; firms use the two words as they like, so `kind` follows the rule mission = today, vision =
    tomorrow. The hotel group's are invented. How ready the organisation is: `MaturityModel.bundled("readiness")`.

    >>> statements().groupby("kind").size().to_dict()
    {'goal': 4, 'mission': 5, 'vision': 5}
    >>> statements("vision").en["google_vision"]
    'All the information of the world, one click away.'
    """
    if kind is not None:
        check_option("kind", kind, get_args(Kind))
    text = files("crmlab.strategy").joinpath("statements.csv")
    with text.open(encoding="utf-8") as file:
        table = pd.read_csv(file, index_col="id")
    return table if kind is None else table[table["kind"] == kind]
