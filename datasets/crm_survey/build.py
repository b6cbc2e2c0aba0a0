"""Makes crm_survey.csv again: a made-up CRM survey with planted faults. Run from anywhere; always the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from crmlab.data.simulate_survey import LOADINGS, simulate_survey

RESPONDENTS = 497
STRAIGHT, CARELESS, COPIES = 0.03, 0.02, 3
IMPOSSIBLE = (55, 0, 6, 33, 22, 44)  # a key hit twice, or the wrong one
# in larger firms knowledge goes further into the organisation
GROUPS = {"small": (0.55, {("KM", "ORG"): 0.30}), "large": (0.45, {("KM", "ORG"): 0.60})}


def survey() -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """The raw answers, and what was planted in which respondents (their numbers)."""
    rng = np.random.default_rng(20050805)
    # every item finds more or less consent
    shift = {f"{c}{k}": rng.normal(0.35, 0.3) for c, of in LOADINGS.items() for k in range(1, len(of) + 1)}
    drawn = simulate_survey(
        RESPONDENTS, rng=rng, groups=GROUPS, shift=shift, missing=0.02, straight_liners=STRAIGHT, careless=CARELESS
    )
    truth = drawn.attrs["truth"]
    straight, careless = truth["straight_liners"], truth["careless"]
    items = drawn.columns[1:].tolist()
    drawn.loc[straight, items] = drawn.loc[straight, items].bfill(axis=1).ffill(axis=1)  # they leave nothing out
    answers = drawn[items].astype("Int64")
    seconds = np.round(np.exp(rng.normal(np.log(380), 0.35, RESPONDENTS)))
    seconds[straight] = rng.integers(18, 46, len(straight))
    seconds[careless] = rng.integers(60, 150, len(careless))
    honest = rng.permutation([i for i in range(RESPONDENTS) if i not in (*straight, *careless)])
    wrong = honest[: len(IMPOSSIBLE)]
    for i, code, item in zip(wrong, IMPOSSIBLE, rng.choice(len(items), len(IMPOSSIBLE), replace=False), strict=True):
        answers.iloc[i, item] = code
    empty = np.argwhere(answers.isna().to_numpy())
    for i, item in empty[rng.random(len(empty)) < 0.4]:
        answers.iloc[i, item] = 99  # some leave the question empty, some tick "no answer"
    table = pd.DataFrame({
        "respondent": np.arange(1, RESPONDENTS + 1),
        "firm_size": (drawn["group"] == "large").astype(int) + 1,
        "industry": rng.choice(5, RESPONDENTS, p=[0.28, 0.14, 0.2, 0.18, 0.2]) + 1,
        "role": rng.choice(4, RESPONDENTS, p=[0.34, 0.26, 0.22, 0.18]) + 1,
        "years": np.minimum(1 + rng.gamma(1.8, 3.5, RESPONDENTS).astype(int), 32),
    }).join(answers).assign(seconds=seconds.astype(int))  # fmt: skip
    table["role"] = table["role"].astype("Int64").mask(rng.random(RESPONDENTS) < 0.01)
    twice = np.sort(honest[len(IMPOSSIBLE) : len(IMPOSSIBLE) + COPIES])
    again = table.iloc[twice].assign(
        respondent=range(RESPONDENTS + 1, RESPONDENTS + COPIES + 1), seconds=rng.integers(200, 600, COPIES)
    )  # sent twice, under a new number
    planted = {
        "straight_liners": straight, "careless": careless, "impossible": np.sort(wrong).tolist(),
        "copied": twice.tolist(),
    }  # fmt: skip
    return pd.concat([table, again], ignore_index=True), {k: [i + 1 for i in v] for k, v in planted.items()}


def build(folder: Path = Path(__file__).parent) -> Path:
    """Write crm_survey.csv into `folder` and return its path."""
    path = folder / "crm_survey.csv"
    survey()[0].to_csv(path, index=False, lineterminator="\n")
    return path


if __name__ == "__main__":
    print(build())
    print(survey()[1])
