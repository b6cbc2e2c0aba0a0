"""The tables of a thesis's fourth chapter, made from results: numbers in a frame, heads in English or in Persian."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError
from crmlab.base.table import Format, Table, number_text
from crmlab.base.words import Language, word
from crmlab.survey.answer_tables import arrow, label, make
from crmlab.survey.validity import convergent_validity, fornell_larcker, htmt

if TYPE_CHECKING:
    from crmlab.survey.instrument import Instrument
    from crmlab.survey.reliability import Reliability

Decision = Literal["supported", "not_supported", "opposite", "not_tested"]
# index, side, usual limit, source: conventions from simulations and practice, no tests
CUTOFFS = (
    ("chisq_df", "≤", 3.0, "Carmines & McIver, 1981"),
    ("cfi", "≥", 0.95, "Hu & Bentler, 1999"),
    ("tli", "≥", 0.95, "Hu & Bentler, 1999"),
    ("rmsea", "≤", 0.06, "Hu & Bentler, 1999"),
    ("srmr", "≤", 0.08, "Hu & Bentler, 1999"),
    ("gfi", "≥", 0.90, "Hooper et al., 2008"),
)


def decide(estimate: float, pvalue: float, sign: str = "", alpha: float = 0.05) -> Decision:
    """Do the data support a hypothesis of this sign ("+", "-", or "" for either)?

    Supported: p (two-sided) below alpha and the sign as expected; "opposite": p below alpha with the other sign.

    >>> decide(0.3, 0.01, "+"), decide(-0.3, 0.01, "+"), decide(0.3, 0.2, "+")
    ('supported', 'opposite', 'not_supported')
    """
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha!r} is not usable; 0.05 is the usual level of significance.")
    if np.isnan(estimate) or np.isnan(pvalue):
        return "not_tested"
    if pvalue >= alpha:
        return "not_supported"
    return "opposite" if (sign == "+" and estimate < 0) or (sign == "-" and estimate > 0) else "supported"


def convergent_table(
    fit: Any, language: Language = "en", instrument: Instrument | None = None, found: Reliability | None = None
) -> Table:
    """Do the items of each construct agree? Alpha (where `found`, or the model's own), composite reliability, AVE."""
    table = convergent_validity(fit)
    if found is not None:
        table = table.assign(alpha=found.scales["alpha"].reindex(table.index))
    table = table.assign(cr=table["rho_c"] if "rho_c" in table else table["cr"])
    columns: dict[str, Any] = {"construct": ([label(instrument, str(name), language) for name in table.index], None)}
    columns |= {key: (table[key], ".3") for key in ("alpha", "rho_a", "cr", "ave") if key in table}
    return make("convergent", language, columns, "convergent_note")


def matrix_table(
    matrix: pd.DataFrame, name: Literal["fornell_larcker", "htmt", "cross_loadings"], language: Language = "en",
    instrument: Instrument | None = None,
) -> Table:  # fmt: skip
    """Are the constructs distinct? A matrix with numbered columns, so that many constructs fit on a page."""
    values = matrix
    if name == "htmt":
        values = matrix.where(np.tri(len(matrix), k=-1, dtype=bool))
    square = name != "cross_loadings"
    labels = [label(instrument if square else None, str(one), language) for one in values.index]
    labels = [f"{i}. {label}" for i, label in enumerate(labels, 1)] if square else labels
    heads = [f"{i}" for i in range(1, values.shape[1] + 1)] if square else [str(c) for c in values.columns]
    first = word("survey_table.construct" if square else "survey_table.item", language)
    frame = pd.DataFrame(values.to_numpy(dtype=float), columns=heads)
    frame.insert(0, first, labels)
    form: Format = 3 if name == "htmt" else ".3"
    title, note = (word(f"survey_table.{name}_{part}", language) for part in ("title", "note"))
    return Table(frame, title, note, dict.fromkeys(heads, form), language)


def fit_table(indices: pd.Series, language: Language = "en") -> Table:
    """Does the model describe the answers? Fit indices beside the usual cut-offs and where these come from."""
    robust = "chisq.scaled" in indices.index
    value = indices.astype(float).to_dict()

    def pick(name: str, scaled: bool) -> float:
        if not scaled:
            return value.get(name, np.nan)
        return next((value[k] for k in (f"{name}.robust", f"{name}.scaled") if k in value), np.nan)

    rows: list[tuple[Any, ...]] = []
    for key, form in (("chisq", 2), ("df", 0), ("pvalue", "p")):
        rows.append((key, pick(key, False), pick(key, True), form, "", ""))
    for key, sign, limit, source in CUTOFFS:
        plain, scaled = pick(key, False), pick(key, True)
        if key == "chisq_df":
            df = value.get("df", np.nan)
            ratios = [pick("chisq", s) / df if df > 0 else np.nan for s in (False, True)]
            plain, scaled = ratios
        if not np.isnan(plain):
            rows.append(
                (
                    key,
                    plain,
                    scaled,
                    2 if key == "chisq_df" else ".3",
                    f"{sign} {limit:g}" if key == "chisq_df" else f"{sign} {limit:.2f}",
                    source,
                )
            )
            if key == "rmsea":
                for bound in ("rmsea.ci.lower", "rmsea.ci.upper"):
                    rows.append((bound.replace(".ci.", "_"), pick(bound, False), pick(bound, True), ".3", "", ""))
    for key in ("aic", "bic"):
        if not np.isnan(value.get(key, np.nan)):
            rows.append((key, value[key], np.nan, 1, "", ""))
    forms = [row[3] for row in rows]
    columns: dict[str, Any] = {
        "index": ([word(f"survey_table.{row[0]}", language) for row in rows], None),
        "value": ([row[1] for row in rows], forms),
    }
    if robust:
        columns["robust"] = ([row[2] for row in rows], forms)
    columns |= {"cutoff": ([row[4] for row in rows], None), "source": ([row[5] for row in rows], None)}
    return make("fit", language, columns, "fit_note")


def loadings_table(fit: Any, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """How does each item go with its construct? Standardised loadings with their standard errors and tests."""
    if hasattr(fit, "outer"):
        rows = fit.outer("loadings")
        rows = rows.assign(weight=fit.outer("weights")["est"], stat=rows["t"], std=rows["est"])
    else:
        table = fit.estimates
        rows = table[table["op"] == "=~"].rename(
            columns={"lhs": "construct", "rhs": "item", "z": "stat", "std.all": "std"}
        )
        rows = rows.assign(se=rows["se"].where(rows["se"] > 0))  # a fixed loading has none
    labels = [label(instrument, name, language) for name in rows["construct"]]
    labels = [label if i == 0 or label != labels[i - 1] else "" for i, label in enumerate(labels)]
    columns: dict[str, Any] = {"construct": (labels, None), "item": (rows["item"], None)}
    if hasattr(fit, "outer"):
        columns |= {"weight": (rows["weight"], 3), "loading": (rows["std"], 3)}
        tests = {"se": (rows["se"], 3), "t": (rows["stat"], 2), "p": (rows["pvalue"], "p")}
        note = "loadings_pls_note"
    else:
        columns |= {"estimate": (rows["est"], 3)}
        tests = {"se": (rows["se"], 3), "z": (rows["stat"], 2), "p": (rows["pvalue"], "p"), "std": (rows["std"], 3)}
        note = "loadings_sem_note"
    return make("loadings", language, columns | (tests if rows["se"].notna().any() else {}), note)


def path_rows(fit: Any) -> pd.DataFrame:
    """Direct and indirect effects of any fit: kind, from, through, to, est, std, se, stat, pvalue, low, high."""
    if hasattr(fit, "paths"):
        direct = fit.paths.assign(std=fit.paths["est"])
    else:
        table = fit.estimates
        direct = table[table["op"] == "~"].rename(columns={"rhs": "from", "lhs": "to", "std.all": "std"})
    direct = direct.assign(kind="direct", through=[()] * len(direct))
    effects = fit.effects()
    indirect = effects[effects["kind"] == "indirect"]
    indirect = indirect.assign(through=[_chain(value) for value in indirect["through"]])
    names = {"z": "stat", "t": "stat", "ci.lower": "low", "ci.upper": "high"}
    both = [one.rename(columns=names) for one in (direct, indirect)]
    keep = ["kind", "from", "through", "to", "est", "std", "se", "stat", "pvalue", "low", "high"]
    return pd.concat([one.reindex(columns=keep) for one in both if len(one)], ignore_index=True)


def _chain(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.replace("->", ",").split(",") if part.strip())
    return tuple(value)


def _asked(fit: Any, instrument: Instrument | None) -> tuple[list[tuple[str, str, Any]], pd.DataFrame]:
    """(name, sign, (source, mediators, target)) of each hypothesis or, without any, path; and what was found."""
    rows = path_rows(fit)
    at = {key: i for i, key in enumerate(rows[["from", "through", "to"]].itertuples(index=False, name=None))}
    if instrument is not None and instrument.hypotheses:
        asked: list[tuple[str, str, Any]] = [
            (h.name, h.sign, (h.source, h.through, h.target)) for h in instrument.hypotheses
        ]
    else:
        asked = [("", "", key) for key in at if not key[1]]
    return asked, rows.reindex([at.get(key, -1) for _, _, key in asked])


def decisions(fit: Any, instrument: Instrument, alpha: float = 0.05) -> dict[str, Decision]:
    """What becomes of each hypothesis? By name: "supported", "not_supported", "opposite" or "not_tested"."""
    asked, found = _asked(fit, instrument)
    numbers = zip(asked, found["est"], found["pvalue"], strict=True)
    return {name: decide(est, p, sign, alpha) for (name, sign, _), est, p in numbers}


def hypotheses_table(
    fit: Any, instrument: Instrument | None = None, language: Language = "en", alpha: float = 0.05
) -> Table:
    """Which hypotheses do the data support? A row a hypothesis; without an instrument a row a path."""
    asked, found = _asked(fit, instrument)
    ways = [(a, *mid, b) for _, _, (a, mid, b) in asked]
    paths = [arrow((label(instrument, one, language) for one in way), language) for way in ways]
    columns: dict[str, Any] = {"path": (paths, None), **_tests(fit, found)}
    if instrument is not None and instrument.hypotheses:
        made = decisions(fit, instrument, alpha)
        columns = {"hypothesis": (list(made), None), **columns}
        columns["sign"] = ([{"-": "−"}.get(sign, sign) for _, sign, _ in asked], None)
        columns["decision"] = ([word(f"survey_table.{one}", language) for one in made.values()], None)
    kind = "pls" if hasattr(fit, "paths") else "sem"
    return make("hypotheses", language, columns, f"hypotheses_{kind}_note", alpha=number_text(alpha, ".2", language))


def _tests(fit: Any, rows: pd.DataFrame) -> dict[str, Any]:
    low_high = {"low": (rows["low"], 3), "high": (rows["high"], 3)}
    if hasattr(fit, "paths"):
        return {
            "beta": (rows["est"], 3),
            "se": (rows["se"], 3),
            "t": (rows["stat"], 2),
            "p": (rows["pvalue"], "p"),
            **low_high,
        }
    return {
        "estimate": (rows["est"], 3), "se": (rows["se"], 3), "z": (rows["stat"], 2), "p": (rows["pvalue"], "p"),
        **low_high, "beta": (rows["std"], 3),
    }  # fmt: skip


def mediation_table(fit: Any, language: Language = "en", instrument: Instrument | None = None) -> Table | None:
    """Which effects run through others? Indirect effects with their intervals; None where there are none."""
    rows = path_rows(fit)
    rows = rows[rows["kind"] == "indirect"]
    if rows.empty:
        return None
    paths = [
        arrow((label(instrument, n, language) for n in (a, *mid, b)), language)
        for a, mid, b in zip(rows["from"], rows["through"], rows["to"], strict=True)
    ]
    kind = "pls" if hasattr(fit, "paths") else "sem"
    return make("mediation", language, {"path": (paths, None), **_tests(fit, rows)}, f"mediation_{kind}_note")


def explained_table(fit: Any, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """How much of each construct is accounted for? R², in PLS also adjusted R²."""
    r2 = pd.DataFrame(fit.r2) if hasattr(fit, "paths") else fit.r2.to_frame("r2")
    if not hasattr(fit, "paths"):
        r2 = r2.loc[[name for name in r2.index if name in set(fit.estimates.query("op == '~'")["lhs"])]]
    columns: dict[str, Any] = {
        "construct": ([label(instrument, str(name), language) for name in r2.index], None), "r2": (r2["r2"], ".3"),
    }  # fmt: skip
    if "r2_adj" in r2:
        columns["r2_adj"] = (r2["r2_adj"], ".3")
    return make("explained", language, columns, "explained_note")


def effect_sizes_table(fit: Any, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """What does each path add, and do the causes overlap? f² and VIF of each path of a PLS model."""
    rows = fit.f2.merge(fit.vif)
    paths = [
        arrow((label(instrument, one, language) for one in ends), language)
        for ends in rows[["from", "to"]].itertuples(index=False)
    ]
    columns = {"path": (paths, None), "f2": (rows["f2"], 3), "vif": (rows["vif"], 2)}
    return make("effect_sizes", language, columns, "effect_sizes_note")


def prediction_table(predicted: pd.DataFrame, language: Language = "en") -> Table:
    """Does a PLS model predict answers that it has not seen? Errors beside a linear model's, and Q² of each item."""
    heads = {"rmse": "rmse_pls", "rmse_lm": "rmse_lm", "q2_predict": "q2"}
    columns: dict[str, Any] = {"item": (predicted["item"], None)}
    columns |= {head: (predicted[name], 3) for name, head in heads.items()}
    return make("prediction", language, columns, "prediction_note")


def invariance_table(compared: pd.DataFrame, language: Language = "en") -> Table:
    """Do groups understand the items in the same way? The steps of `invariance`, each against the one before."""
    forms: dict[str, Format] = {"chisq": 2, "df": 0, "pvalue": "p", "cfi": ".3", "rmsea": ".3", "chisq_diff": 2}
    forms |= {"df_diff": 0, "pvalue_diff": "p", "cfi_diff": ".3"}
    columns: dict[str, Any] = {"model": ([word(f"survey_table.{step}", language) for step in compared.index], None)}
    return make("invariance", language, columns | {k: (compared[k], f) for k, f in forms.items()}, "invariance_note")


def groups_table(compared: Any, language: Language = "en", instrument: Instrument | None = None) -> Table:
    """Do the paths of a PLS model differ between two groups? What `pls_groups` found, with the permutation test."""
    rows = compared.paths
    ends = zip(rows["from"], rows["to"], strict=True)
    table = make(
        "groups", language,
        {
            "path": ([arrow((label(instrument, one, language) for one in pair), language) for pair in ends], None),
            "difference": (rows["difference"], 3), "p": (rows["pvalue"], "p"),
        },
        "groups_note", permutations=number_text(compared.permutations, 0, language),
    )  # fmt: skip
    frame = table.frame
    for i, one in enumerate(compared.fits):
        frame.insert(1 + i, f"β ({one:g})" if isinstance(one, float) else f"β ({one})", rows[str(one)].to_numpy())
    return replace(table, frame=frame)


def validity_tables(
    fit: Any, language: Language = "en", instrument: Instrument | None = None, ratio: pd.DataFrame | None = None
) -> dict[str, Table]:
    """Fornell-Larcker, HTMT (`ratio`, or a PLS model's own) and, of a PLS model, cross-loadings."""
    tables = {"fornell_larcker": matrix_table(fornell_larcker(fit), "fornell_larcker", language, instrument)}
    if ratio is None and hasattr(fit, "htmt"):
        ratio = fit.htmt.pivot(index="construct", columns="other", values="est")
        order = [name for name in fit.measurement if name in {*ratio.index, *ratio.columns}]
        ratio = ratio.reindex(index=order, columns=order)
    if ratio is not None and len(ratio) > 1:
        tables["htmt"] = matrix_table(ratio, "htmt", language, instrument)
    if hasattr(fit, "cross_loadings"):
        tables["cross_loadings"] = matrix_table(fit.cross_loadings, "cross_loadings", language, instrument)
    return tables


def sem_tables(
    fit: Any, language: Language = "en", instrument: Instrument | None = None, alpha: float = 0.05,
    ratio: pd.DataFrame | None = None,
) -> dict[str, Table]:  # fmt: skip
    """The tables of a CFA or SEM: fit, loadings, convergent and discriminant validity, hypotheses, mediation, R²."""
    if ratio is None and len(fit.measurement) > 1:
        ratio = htmt(fit.answers, fit.measurement)
    tables = {"fit": fit_table(fit.fit_indices, language), "loadings": loadings_table(fit, language, instrument)}
    tables |= {"convergent": convergent_table(fit, language, instrument)}
    tables |= validity_tables(fit, language, instrument, ratio)
    return tables | (_structure(fit, language, instrument, alpha) if (fit.estimates["op"] == "~").any() else {})


def pls_tables(
    fit: Any, language: Language = "en", instrument: Instrument | None = None, alpha: float = 0.05
) -> dict[str, Table]:
    """The tables of a PLS model: loadings, convergent and discriminant validity, hypotheses, R², f² and VIF."""
    tables = {"loadings": loadings_table(fit, language, instrument)}
    tables |= {"convergent": convergent_table(fit, language, instrument)}
    tables |= validity_tables(fit, language, instrument) | _structure(fit, language, instrument, alpha)
    return tables | {"effect_sizes": effect_sizes_table(fit, language, instrument)}


def _structure(fit: Any, language: Language, instrument: Instrument | None, alpha: float) -> dict[str, Table]:
    tables = {"hypotheses": hypotheses_table(fit, instrument, language, alpha)}
    mediated = mediation_table(fit, language, instrument)
    tables |= {} if mediated is None else {"mediation": mediated}
    return tables | {"explained": explained_table(fit, language, instrument)}
