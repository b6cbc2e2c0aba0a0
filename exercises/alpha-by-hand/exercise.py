"""What is Cronbach's alpha of a few items, from their covariances?"""

import numpy as np
import pandas as pd

from crmlab.survey.reliability import alpha

lesson = 9
level = 1
tags = ("reliability", "alpha")
answers = {"alpha": {"kind": "number", "tolerance": 0.005}}


def draw(rng):
    while True:
        k = int(rng.integers(3, 5))
        size = rng.uniform(0.5, 2.2, k)  # unequal, so that standardising changes alpha
        common = size * rng.uniform(0.45, 0.9, k)
        cov = np.outer(common, common)
        np.fill_diagonal(cov, size**2)
        names = pd.Index([f"q{i + 1}" for i in range(k)], name="item")
        drawn = {"covariances": pd.DataFrame(cov.round(2), names, names.to_list())}
        found = [way(**drawn)["alpha"] for way in (solve, *mistakes.values())]
        if min(np.diff(sorted(found))) > 0.015 and 0.5 < found[0] < 0.95:
            return drawn


def solve(covariances):
    return {"alpha": alpha(covariances.to_numpy())}


def _correlations(covariances):
    sd = np.sqrt(np.diag(covariances))
    return covariances.to_numpy() / np.outer(sd, sd)


def standardised(covariances):
    return {"alpha": alpha(_correlations(covariances))}


def without_k(covariances):
    cov = covariances.to_numpy()
    return {"alpha": 1 - np.trace(cov) / cov.sum()}


def each_pair_once(covariances):
    cov = covariances.to_numpy()
    k = len(cov)
    return {"alpha": k / (k - 1) * (1 - np.trace(cov) / np.tril(cov).sum())}


def mean_correlation(covariances):
    corr = _correlations(covariances)
    return {"alpha": corr[np.tril_indices(len(corr), -1)].mean()}


mistakes = {
    "standardised": standardised,
    "without_k": without_k,
    "each_pair_once": each_pair_once,
    "mean_correlation": mean_correlation,
}
