"""Makes grocer.csv and truth.csv again: a made-up chain of five stores. Run from anywhere; always the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crmlab.data.simulate_grocer import simulate_grocer

CUSTOMERS = 600
SEED = 1402  # the first from 1400 on whose best customer, by visits and by money, is loyal to the Corner store


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write grocer.csv and truth.csv into `folder` and return the log's path."""
    log, truth = simulate_grocer(CUSTOMERS, rng=np.random.default_rng(SEED))
    truth.to_csv(folder / "truth.csv", index=False, lineterminator="\n")
    path = folder / "grocer.csv"
    log.to_csv(path, index=False, lineterminator="\n")
    return path


if __name__ == "__main__":
    print(build())
