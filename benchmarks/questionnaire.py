"""CFA and PLS beside the peers, and the whole path of a questionnaire; writes docs/benchmarks-questionnaire.md.

`python -m benchmarks.questionnaire` (about 3 minutes).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import crmlab as crm
from benchmarks.page import machine, write

DRAWS = 5000
FIVE_BY_FIVE = "\n".join(f"f{j} =~ " + " + ".join(f"x{j}{i}" for i in range(1, 6)) for j in range(1, 6))
ECSI = {  # construct -> items; the paths of the European customer satisfaction index
    "Image": [f"IMAG{i}" for i in range(1, 6)], "Expectation": [f"CUEX{i}" for i in range(1, 4)],
    "Quality": [f"PERQ{i}" for i in range(1, 8)], "Value": ["PERV1", "PERV2"],
    "Satisfaction": [f"CUSA{i}" for i in range(1, 4)], "Complaints": ["CUSCO"],
    "Loyalty": [f"CUSL{i}" for i in range(1, 4)],
}  # fmt: skip
PATHS = {
    "Image": ["Expectation", "Satisfaction", "Loyalty"], "Expectation": ["Quality", "Value", "Satisfaction"],
    "Quality": ["Value", "Satisfaction"], "Value": ["Satisfaction"], "Satisfaction": ["Complaints", "Loyalty"],
    "Complaints": ["Loyalty"],
}  # fmt: skip


def seconds(*works: Callable[[], Any], times: int) -> list[tuple[float, Any]]:
    """The fastest of `times` runs of each work, in turns, and its result."""
    best: list[tuple[float, Any]] = [(np.inf, None)] * len(works)
    for _ in range(times):
        for i, work in enumerate(works):
            start = time.perf_counter()
            result = work()
            best[i] = min(best[i], (time.perf_counter() - start, result), key=lambda pair: pair[0])
    return best


def five_by_five(n: int) -> pd.DataFrame:
    """Answers to 25 items of five correlated factors (0.3), loadings 0.5 to 0.9."""
    rng = np.random.default_rng(11)
    factors = rng.multivariate_normal(np.zeros(5), 0.3 + 0.7 * np.eye(5), n)
    loadings = np.tile(np.linspace(0.5, 0.9, 5), 5)
    noise = rng.standard_normal((n, 25)) * np.sqrt(1 - loadings**2)
    names = [f"x{j}{i}" for j in range(1, 6) for i in range(1, 6)]
    return pd.DataFrame(np.repeat(factors, 5, axis=1) * loadings + noise, columns=names)


def cfa() -> list[str]:
    """Rows of the table on confirmatory factor analysis."""
    import semopy

    data = five_by_five(400)

    def ours() -> Any:
        fit = crm.survey.cfa(FIVE_BY_FIVE, data)
        return fit.fit_indices["chisq"], fit.estimates, fit.fit_indices

    def theirs() -> Any:
        model = semopy.Model(FIVE_BY_FIVE)
        model.fit(data)
        stats = semopy.calc_stats(model)
        return float(stats["chi2"].iloc[0]), model.inspect(), stats

    (mine, own), (peer, other) = seconds(ours, theirs, times=7)
    return [
        f"| CFA, 5 factors of 5 items, 400 answers: estimates, standard errors, fit indices | {1000 * mine:.0f} ms "
        f"| {1000 * peer:.0f} ms | {peer / mine:.0f} (aim: 10) | chi-square {own[0]:.3f} and {other[0]:.3f} |"
    ]


def pls() -> list[str]:
    """Rows of the table on PLS."""
    import seminr

    mobi = crm.load_mobi()
    text = "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in ECSI.items())
    text += "\n" + "\n".join(f"{effect} ~ {cause}" for cause, effects in PATHS.items() for effect in effects)
    measured = seminr.constructs(*(seminr.composite(name, items) for name, items in ECSI.items()))
    related = seminr.relationships(*(seminr.paths(cause, effects) for cause, effects in PATHS.items()))

    def ours() -> Any:
        return crm.survey.pls(text, mobi, bootstrap=DRAWS, rng=1).paths

    def theirs() -> Any:
        model = seminr.estimate_pls(mobi, measured, related)
        return seminr.bootstrap_model(model, nboot=DRAWS, seed=1)

    ((mine, own),) = seconds(ours, times=3)
    ((peer, _),) = seconds(theirs, times=1)
    first = own.iloc[0]
    return [
        f"| PLS, 7 constructs, 24 items, 250 answers (mobi), {DRAWS:,} bootstrap samples | {mine:.2f} s | {peer:.1f} s "
        f"| {peer / mine:.0f} (aim: 15) | {first['from']} to {first['to']} {first['est']:.3f}, se {first['se']:.3f} |"
    ]


def path() -> list[str]:
    """Rows of the table on the whole path, screening to Word document."""
    inst = crm.Instrument.bundled("crm_survey")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = crm.study(inst, crm.load_crm_survey(), method="both", rng=1, progress=False)
        done.write(Path(folder) / "chapter4.docx")
        took = time.perf_counter() - start
    n, items = len(done.answers), len(inst.item_names)
    return [
        f"{n} answers, {items} items, {len(inst.measurement)} constructs: reading, screening, reliability, CFA, SEM, "
        f"PLS with {DRAWS:,} bootstrap samples, validity, figures, the Word file: **{took:.1f} s** (aim: below 30)."
    ]


def main() -> None:
    """Measure and write the page."""
    lines = [
        "# Benchmarks: the questionnaire",
        "",
        "Made by `make bench` (`python -m benchmarks.questionnaire`), which writes this page. One machine, one run:",
        f"{machine('numpy', 'scipy', 'semopy', 'seminr')} Times without imports. CFA: the",
        "fastest of seven, in turns with semopy. PLS: the fastest of three; PyPI's seminr ran once, on all cores.",
        "",
        "| task | crmlab | semopy or seminr | ratio | numbers found |",
        "|---|---|---|---|---|",
        *cfa(),
        *pls(),
        "",
        "## The whole path",
        "",
        *path(),
        "",
    ]
    page = "\n".join(lines)
    print(page)
    write("benchmarks-questionnaire.md", page)


if __name__ == "__main__":
    main()
