"""Do we get the numbers that were published? Each one beside ours, with its source."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from crmlab.clv import bgnbd_math
from crmlab.clv.bgnbd import BGNBD
from crmlab.clv.bgnbd import NAMES as BGNBD_NAMES
from crmlab.clv.checks import frequency_table, holdout_table
from crmlab.clv.gamma_gamma import NAMES as GAMMA_GAMMA_NAMES
from crmlab.clv.gamma_gamma import GammaGamma
from crmlab.customers.summary import summarize
from crmlab.data.datasets import load_cdnow
from crmlab.reports.reproduce_survey import survey_numbers

# customers 1 to 10 of the 10% sample, by their number in the full log
_FIRST_TEN = (4, 21, 50, 71, 86, 111, 112, 113, 114, 131)


def reproduce() -> pd.DataFrame:
    """Which published numbers do we reproduce?

    A row a number: model, data, quantity, published (with so many `decimals`), ours, tolerance, ok, source,
    note. The tolerance is half a unit of the last printed digit, except where the note says why it cannot be.
    """
    with files("crmlab.reports").joinpath("published.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False, dtype={"published": str})
    table["decimals"] = table["published"].str.partition(".")[2].str.len()
    table["published"] = table["published"].astype(float)
    ours = _cdnow() | survey_numbers()
    keys = list(zip(table["model"], table["quantity"], strict=True))
    if unknown := set(keys) - set(ours):
        raise RuntimeError(f"published.csv lists what is not computed: {sorted(unknown)}.")
    table["ours"] = [ours[key] for key in keys]
    # 1e-9 relative forgives the binary form of decimal numbers, and nothing else
    gap = (table["ours"] - table["published"]).abs()
    table["ok"] = gap <= table["tolerance"] + 1e-9 * table["published"].abs()
    order = [
        "model",
        "data",
        "quantity",
        "published",
        "decimals",
        "ours",
        "tolerance",
        "ok",
        "source",
        "note",
    ]
    return table[order]


def _cdnow() -> dict[tuple[str, str], float]:
    """Every number of the CDNOW analysis: (model, quantity) -> value."""
    customers = summarize(load_cdnow(sample=True), unit="W", end="1997-09-30", holdout_end="1998-06-30")
    fit, spend = BGNBD().fit(customers), GammaGamma().fit(customers)
    one = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    counts = frequency_table(fit, customers)
    rounded = np.array([0.243, 4.414, 0.793, 2.426])
    bgnbd: dict[str, Any] = {
        **{name: fit.params[name] for name in BGNBD_NAMES},
        "loglik": fit.loglik,
        **{f"se {name}": fit.se[name] for name in BGNBD_NAMES},
        **{f"E[X({t:g})]": fit.expected_purchases_new(t) for t in (0.1429, 1, 3, 78)},
        "E[Y(39) | x=2, t_x=30.43, T=38.86]": fit.expected_purchases(one, 39).iloc[0],
        "P(X(39)=0)": float(bgnbd_math.pmf(rounded, 0, 39)),
        "chi-square by frequency": ((counts["actual"] - counts["expected"]) ** 2 / counts["expected"]).sum(),
        "expected total": np.sum(fit.expected_purchases(customers, 39)),
    }
    money = spend.expected_spend(customers.set_index("customer_id").loc[list(_FIRST_TEN)])
    gamma_gamma: dict[str, Any] = {
        **{name: spend.params[name] for name in GAMMA_GAMMA_NAMES},
        "loglik": spend.loglik,
        **{f"E[M] of sample customer {n}": value for n, value in enumerate(money, 1)},
    }
    data = {"actual total": float(customers["holdout_frequency"].sum())}
    for x, row in holdout_table(fit, customers).iterrows():
        data[f"actual mean by x={x}"] = row["actual"]
        bgnbd[f"expected mean by x={x}"] = row["expected"]
    named = {"BG/NBD": bgnbd, "Gamma-Gamma": gamma_gamma, "data": data}
    return {(model, key): float(value) for model, values in named.items() for key, value in values.items()}
