"""One benchmark step in a process of its own, so that its peak memory is its own: `steps.py STEP FOLDER`.

Prints one JSON line: seconds of each part, peak memory, and numbers that show that the work was done.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

END = "2025-06-30"
TERMS = {"horizon": "3Y", "annual_discount": 0.10, "margin": 0.30}
seconds: dict[str, float] = {}


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Note how long a part takes."""
    start = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - start


def make(folder: Path, customers: int) -> dict[str, float]:
    """A Parquet log, a million customers a file (CDNOW-like purchases and spending, known truth)."""
    from crmlab.data.simulate import simulate_log

    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    for part, first in enumerate(range(1, customers + 1, 1_000_000)):
        n = min(1_000_000, customers - first + 1)
        log = simulate_log(
            n, r=0.243, alpha=4.414, a=0.793, b=2.426, p=6.25, q=3.74, v=15.44, unit="W", start="2024-07-01",
            end=END, acquired_until="2024-09-30", rng=np.random.default_rng([7, part]), first_id=first,
        )  # fmt: skip
        log.to_parquet(folder / f"log-{part:03d}.parquet", index=False)
        rows += len(log)
    return {"rows": rows}


def ours(folder: Path) -> dict[str, float]:
    """Log to summary, both fits, and the value of each customer with its interval."""
    import crmlab as crm

    with timed("import"):
        import ibis.backends.duckdb  # noqa: F401  (loaded once by whoever uses it)
        import scipy.optimize  # noqa: F401

        from crmlab.clv import value  # noqa: F401
        from crmlab.customers import summary  # noqa: F401
    with timed("summary"):
        customers = crm.summarize(str(folder / "*.parquet"), unit="D", end=END)
    with timed("fit"):
        fit = crm.BGNBD().fit(customers)
    with timed("spend"):
        spend = crm.GammaGamma().fit(customers)
    with timed("value"):
        worth = crm.lifetime_value(fit, spend, customers, **TERMS)
    return {"customers": len(customers), "alpha": float(fit.params["alpha"]), "a": float(fit.params["a"]),
            "purchases": int(customers["frequency"].sum()), "value": float(worth["value"].mean())}  # fmt: skip


def sql(folder: Path) -> dict[str, float]:
    """The same summary as one query written by hand for DuckDB, unchecked, fetched the same way."""
    import duckdb
    import pandas  # noqa: F401

    with timed("summary"):
        customers = duckdb.sql(
            f"""
            WITH days AS (
                SELECT customer_id, date::DATE AS day, sum(amount) AS total
                FROM '{folder}/*.parquet' WHERE date <= DATE '{END}' GROUP BY ALL
            )
            SELECT customer_id, count(*) - 1 AS frequency, (max(day) - min(day))::DOUBLE AS recency,
                   (DATE '{END}' - min(day))::DOUBLE AS T,
                   coalesce((sum(total) - arg_min(total, day)) / nullif(count(*) - 1, 0), 0) AS monetary_value
            FROM days GROUP BY customer_id ORDER BY customer_id
            """
        ).df()
    return {"customers": len(customers), "purchases": int(customers["frequency"].sum())}


def lifetimes(folder: Path) -> dict[str, float]:
    """The peer's path: pandas summary, BetaGeoFitter, GammaGammaFitter, customer_lifetime_value."""
    warnings.simplefilter("ignore")  # archived; its dependencies warn
    import pandas as pd
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

    with timed("summary"):
        log = pd.read_parquet(folder)
        customers = summary_data_from_transaction_data(
            log, "customer_id", "date", monetary_value_col="amount", observation_period_end=END, freq="D"
        )
    with timed("fit"):
        fit = BetaGeoFitter().fit(customers["frequency"], customers["recency"], customers["T"])
    repeat = customers[customers["frequency"] > 0]
    with timed("spend"):
        spend = GammaGammaFitter().fit(repeat["frequency"], repeat["monetary_value"])
    with timed("value"):
        worth = spend.customer_lifetime_value(
            fit, customers["frequency"], customers["recency"], customers["T"], customers["monetary_value"],
            time=36, discount_rate=1.10 ** (1 / 12) - 1, freq="D",
        )  # fmt: skip
    return {"customers": len(customers), "alpha": float(fit.params_["alpha"]), "a": float(fit.params_["a"]),
            "purchases": int(customers["frequency"].sum()), "value": float(0.30 * worth.mean())}  # fmt: skip


if __name__ == "__main__":
    step, folder = sys.argv[1], Path(sys.argv[2])
    facts = (
        make(folder, int(sys.argv[3]))
        if step == "make"
        else {"ours": ours, "sql": sql, "lifetimes": lifetimes}[step](folder)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": step, "seconds": seconds, "peak_mb": peak, **facts}))
