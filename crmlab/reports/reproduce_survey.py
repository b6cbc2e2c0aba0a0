"""Every number of the questionnaire methods that published.csv lists, computed here: (model, quantity) -> value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.share import share
from crmlab.data.datasets import load_bfi, load_holzinger_swineford, load_mobi, load_political_democracy
from crmlab.survey.descriptives import mardia
from crmlab.survey.efa import efa
from crmlab.survey.factorability import bartlett, harman, kmo, map_test
from crmlab.survey.instrument import Instrument
from crmlab.survey.invariance import invariance
from crmlab.survey.ordinal import polychoric
from crmlab.survey.pls import pls
from crmlab.survey.pls_fit import PLSFit
from crmlab.survey.reliability import reliability
from crmlab.survey.samplesize import rmsea_power, rmsea_sample_size
from crmlab.survey.sem import cfa, sem
from crmlab.survey.semfit import SEMFit
from crmlab.survey.validity import convergent_validity, htmt

HS = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"
PD = """ind60 =~ x1 + x2 + x3; dem60 =~ y1 + y2 + y3 + y4; dem65 =~ y5 + y6 + y7 + y8
        dem60 ~ ind60; dem65 ~ ind60 + dem60; y1 ~~ y5; y2 ~~ y4 + y6; y3 ~~ y7; y4 ~~ y8; y6 ~~ y8"""
BFI = {"agree": "A", "conscientious": "C", "extraversion": "E", "neuroticism": "N", "openness": "O"}
REVERSED = ["A1", "C4", "C5", "E1", "E2", "O2", "O5"]
Numbers = dict[tuple[str, str], float]
Pairs = Iterable[tuple[Any, Any]]


def survey_numbers() -> Numbers:
    """What the survey functions give for the data and models behind the reference numbers."""
    found: Numbers = {}
    for model, pairs in _parts():
        found |= {(model, str(name)): float(value) for name, value in pairs if value is not None}
    return found


def _parts() -> Iterator[tuple[str, Pairs]]:
    hs, items = load_holzinger_swineford(), [f"x{i}" for i in range(1, 10)]
    plain = cfa(HS, hs)
    yield "CFA, ML", [*plain.fit_indices.items(), *_rows(plain), *_changes(plain)]
    yield "CFA, ML", _rows(plain, standardised=True)
    for estimator in ("MLM", "MLR"):
        fit = cfa(HS, hs, estimator=estimator)
        yield f"CFA, {estimator}", [*fit.fit_indices.items(), *_rows(fit)]
    gaps = pd.read_csv(share("datasets", "holzinger_swineford", "hs_na.csv"))
    fit = cfa(HS, gaps, missing="fiml")
    yield "CFA, FIML", [*fit.fit_indices.items(), *_rows(fit)]
    steps = invariance(HS, hs, "school")
    yield "CFA, groups", [(f"{step} {name}", row[name]) for step, row in steps.iterrows() for name in row.index]
    fit = sem(PD, load_political_democracy())
    yield "SEM, ML", [*fit.fit_indices.items(), *_rows(fit), *((f"R2 {v}", r2) for v, r2 in fit.r2.items())]
    yield "Reliability and validity", _validity(plain, hs)
    yield "Mardia", mardia(hs, items).items()
    yield "RMSEA power", [("n", rmsea_sample_size(24)), ("power", rmsea_power(301, 24))]
    yield from _bfi()
    yield from _mobi()


def _rows(fit: SEMFit, standardised: bool = False) -> Iterator[tuple[str, float]]:
    """est, se and std.all of every row; or the standard errors of the standardised ones."""
    table = fit.standardized() if standardised else fit.estimates
    columns = {"std.se": "se"} if standardised else {"est": "est", "se": "se", "std.all": "std.all"}
    for row in table.to_dict("records"):
        for name, column in columns.items():
            yield f"{row['lhs']}{row['op']}{row['rhs']} {name}", row[column]


def _changes(fit: SEMFit) -> Iterator[tuple[str, float]]:
    for row in fit.modification_indices().to_dict("records"):
        for name in ("mi", "epc"):
            yield f"{row['lhs']}{row['op']}{row['rhs']} {name}", row[name]


def _validity(fit: SEMFit, hs: pd.DataFrame) -> Iterator[tuple[str, float]]:
    for construct, row in convergent_validity(fit).iterrows():
        yield f"omega {construct}", row["omega"]
        yield f"avevar {construct}", row["ave_unstd"]
    for construct, value in reliability(hs, HS).scales["alpha"].items():
        yield f"alpha {construct}", value
    yield from _pairs("HTMT", htmt(hs, HS))
    yield from _pairs("HTMT2", htmt(hs, HS, "htmt2"))


def _pairs(name: str, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    for a, b in permutations(table.index, 2):
        yield f"{name} {a}-{b}", table.loc[a, b] if pd.notna(table.loc[a, b]) else table.loc[b, a]


def _bfi() -> Iterator[tuple[str, Pairs]]:
    every = load_bfi()
    names = list(every.columns[:25])
    turned = every[names].astype(float)
    turned[REVERSED] = 7 - turned[REVERSED]
    scales = {scale: [f"{letter}{i}" for i in range(1, 6)] for scale, letter in BFI.items()}
    alphas = reliability(turned, scales, missing="pairwise").scales
    yield (
        "Reliability, pairwise",
        [(f"{c} {s}", alphas.loc[s, c]) for s in scales for c in ("alpha", "alpha_std", "low", "high")],
    )
    people = every[names].dropna().astype(float)
    adequacy, sphericity = kmo(people), bartlett(people)
    yield "Factorability", [("KMO", adequacy.overall), *((f"KMO {i}", v) for i, v in adequacy.items.items())]
    yield "Factorability", [(f"Bartlett {name}", sphericity[name]) for name in ("chisq", "df")]
    values = np.linalg.eigvalsh(people.corr().to_numpy())[::-1]
    yield "Factorability", [(f"eigenvalue {k}", value) for k, value in enumerate(values, 1)]
    yield "Factorability", [(f"MAP {k}", v) for k, v in map_test(people).table.items()]
    for extraction, rotation in (("ml", "varimax"), ("ml", "promax"), ("minres", "oblimin")):
        fit = efa(people, 5, extraction, rotation)  # type: ignore[arg-type]
        yield f"EFA, {extraction}, {rotation}", [("chisq", fit.chisq), ("df", fit.df), *_largest(fit.loadings)]
    ten = [*scales["agree"], *scales["conscientious"]]
    model = {"A": scales["agree"], "C": scales["conscientious"]}
    yield "Polychoric", _pairs("r", polychoric(people, ten[:5]))
    fit_ordinal = cfa(model, people, estimator="WLSMV")
    yield "CFA, WLSMV", [*fit_ordinal.fit_indices.items(), *_rows(fit_ordinal)]
    yield "CFA, ML, bfi", cfa(model, people).fit_indices.items()


def _largest(loadings: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """The size of each item's largest loading: it does not depend on the factors' order and signs."""
    for item, value in loadings.abs().max(axis=1).items():
        yield f"largest loading {item}", value


def _mobi() -> Iterator[tuple[str, Pairs]]:
    mobi, inst = load_mobi(), Instrument.bundled("mobi")
    several = {name: items for name, items in inst.measurement.items() if len(items) > 1}
    yield (
        "Reliability",
        ((f"alpha {name}", value) for name, value in reliability(mobi, several).scales["alpha"].items()),
    )
    first = harman(mobi.drop(columns="CUSCO"))
    yield "Harman", [("first component", first.component), ("first axis", first.factor)]
    for consistent in (False, True):
        fit = pls(inst, mobi, consistent=consistent, bootstrap=0)
        yield "PLSc-SEM" if consistent else "PLS-SEM", _pls(fit)
    yield "PLS-SEM", _pairs("HTMT", htmt(mobi, inst))


def _pls(fit: PLSFit) -> Iterator[tuple[str, Any]]:
    for row in fit.paths.to_dict("records"):
        yield f"{row['from']}->{row['to']}", row["est"]
    for name, table in (("weight", fit.weights), ("loading", fit.loadings)):
        for construct, items in fit.measurement.items():
            yield from ((f"{name} {construct} {item}", table.loc[item, construct]) for item in items)
    for table, names in ((fit.reliability, ("alpha", "rho_a", "rho_c", "ave")), (fit.r2, ("r2", "r2_adj"))):
        yield from ((f"{name} {construct}", value) for name in names for construct, value in table[name].items())
    for name, table, column in (("f2", fit.f2, "f2"), ("total", fit.total_effects, "est")):
        for row in table.to_dict("records"):
            yield f"{name} {row['from']}->{row['to']}", row[column]
