"""The chapter of a questionnaire study: its tables and figures, and sentences that say no more than the numbers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmlab.base.table import Format, Heading, Picture, number_text
from crmlab.base.words import Language, word
from crmlab.survey import answer_tables as answered
from crmlab.survey import tables as make
from crmlab.survey.validity import convergent_validity

if TYPE_CHECKING:
    import pandas as pd

    from crmlab.reports.study import Study
    from crmlab.survey.factorability import KMO
    from crmlab.survey.reliability import Reliability

RELIABLE, CONVERGENT, DISTINCT = 0.70, 0.50, 0.90
MOST_BOXES = 16  # items beside the constructs in a path diagram; more cannot be read on a page


class _Words:
    """Sentences of one language: words by key, numbers as they are printed."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        return word(f"survey_study.{key}", self.language, **values)

    def number(self, value: float, form: Format = 0) -> str:
        return number_text(float(value), form, self.language)

    def p(self, value: float) -> str:
        text = self.number(value, "p")
        return text if text.startswith("<") else f"= {text}"

    def listed(self, names: Any) -> str:
        return self("comma").join(map(str, names))


def chapter(study: Study, language: Language, with_figures: bool) -> dict[str, Any]:
    """Headings, sentences, tables and figures in the order in which they are read."""
    say, inst = _Words(language), study.instrument
    drawn = figures(study, language) if with_figures else {}
    parts: dict[str, Any] = {}

    def section(name: str, *sentences: str) -> None:
        parts[f"{name} heading"] = Heading(say(name))
        text = " ".join(filter(None, sentences))
        if text:
            parts[f"{name} text"] = text

    def add(**more: Any) -> None:
        parts.update({name: part for name, part in more.items() if part is not None})

    def failed(name: str) -> None:
        if name in study.failures:
            parts[f"{name} failed"] = say("failed", reason=study.failures[name])

    section("respondents", *_respondents(study, say))
    add(screening=answered.screening_table(study.screening, language))
    if inst.background:
        add(demographics=answered.demographics_table(study.answers, inst, language))
    means = study.items["mean"].dropna().sort_values()
    ends = {"low": say.number(means.iloc[0], 2), "high": say.number(means.iloc[-1], 2)} if len(means) else {}
    section("items", say("means", **ends, lowest=means.index[0], highest=means.index[-1]) if ends else "")
    add(items=answered.items_table(study.items, language, inst))
    parts.update({name: picture for name, picture in drawn.items() if name.startswith("likert")})
    if study.reliability is not None:
        section("reliability", *_reliability(study, study.reliability, say))
        add(reliability=answered.reliability_table(study.reliability, language, inst))
    else:
        section("reliability")
        failed("reliability")
    if study.kmo is not None and study.bartlett is not None and study.harman is not None:
        section("factors", *_factors(study, study.kmo, study.bartlett, say))
        add(suitability=answered.suitability_table(study.kmo, study.bartlett, study.harman, language))
        add(scree=drawn.get("scree"), efa=study.efa and answered.efa_table(study.efa, language))
    else:
        section("factors")
    failed("factors")
    if study.cfa is not None:
        section("cfa", *_model(study, study.cfa, say), *_valid(study, study.cfa, say))
        found = make.sem_tables(study.cfa, language, inst, study.alpha, study.ratio)
        found["convergent"] = make.convergent_table(study.cfa, language, inst, study.reliability)
        add(**{f"cfa_{name}": found[name] for name in ("fit", "loadings", "convergent", "fornell_larcker")})
        add(htmt=found.get("htmt"), htmt_figure=drawn.get("htmt"))
    elif "cfa" in study.failures:
        section("cfa")
        failed("cfa")
        if study.ratio is not None and study.pls is None:
            add(htmt=make.matrix_table(study.ratio, "htmt", language, inst), htmt_figure=drawn.get("htmt"))
    if study.sem is not None:
        section("sem", *_model(study, study.sem, say), *_decisions(study, study.sem, say))
        found = make.sem_tables(study.sem, language, inst, study.alpha)
        add(sem_fit=found["fit"], sem_figure=drawn.get("sem"), hypotheses=found.get("hypotheses"))
        add(mediation=found.get("mediation"), explained=found.get("explained"))
    elif "sem" in study.failures:
        section("sem")
        failed("sem")
    if study.pls is not None:
        _pls(study, say, section, add, drawn)
    elif "pls" in study.failures:
        section("pls")
        failed("pls")
    failed("prediction")
    if not inst.hypotheses:
        parts["no paths"] = say("no_paths")
    return parts


def _pls(study: Study, say: _Words, section: Any, add: Any, drawn: dict[str, Any]) -> None:
    fit, both = study.pls, study.sem is not None or study.cfa is not None
    about = say(
        "pls_model", n=say.number(fit.n), bootstrap=say.number(study.bootstrap), srmr=say.number(fit.srmr, ".3")
    )
    section("pls", about, _lost(study, fit, say), *_valid(study, fit, say), *_decisions(study, fit, say))
    found: dict[str, Any] = {**make.pls_tables(fit, say.language, study.instrument, study.alpha)}
    if both:
        found.pop("htmt", None)  # the same numbers as beside the CFA
    else:
        found["htmt_figure"] = drawn.get("htmt")
    order = ("loadings", "convergent", "fornell_larcker", "htmt", "htmt_figure", "cross_loadings")
    last = ("hypotheses", "mediation", "explained", "effect_sizes")
    mark = "pls_" if both else ""
    add(**{f"{mark}{name}": found[name] for name in order if name in found})
    add(pls_figure=drawn.get("pls"), **{f"{mark}{name}": found[name] for name in last if name in found})
    if study.prediction is not None:
        add(prediction=make.prediction_table(study.prediction, say.language))


def figures(study: Study, language: Language) -> dict[str, Picture]:
    """Likert bars (one figure a scale), the scree plot, the HTMT heat map and the path diagrams."""
    from crmlab.survey.diagram import path_diagram
    from crmlab.survey.plots import plot_htmt, plot_likert, plot_scree

    say, inst = _Words(language), study.instrument
    drawn: dict[str, Picture] = {}

    def keep(name: str, axes: Any, title: str) -> None:
        axes.set_title("", loc="left")  # the caption says it
        drawn[name] = Picture(axes, say(title))

    scales: dict[tuple[int, int], list[str]] = {}
    for item in inst.items:
        scales.setdefault((item.scale.low, item.scale.high), []).append(item.name)
    for i, ((low, high), names) in enumerate(scales.items()):
        if high - low < 21:
            keep(f"likert {i + 1}", plot_likert(study.answers, inst, language, scale=(low, high), only=names), "likert")
    if study.parallel is not None:
        keep("scree", plot_scree(study.parallel, language), "scree")
    if study.ratio is not None:
        keep("htmt", plot_htmt(study.ratio, language, inst=inst), "htmt")
    for name, fit in (("sem", study.sem), ("pls", study.pls)):
        if fit is not None:
            keep(name, path_diagram(fit, language, inst, items=len(inst.items) <= MOST_BOXES), "diagram")
    return drawn


def _respondents(study: Study, say: _Words) -> list[str]:
    flags = study.screening.flags["n_flags"]
    n, kept = len(flags), len(study.answers)
    if study.max_flags is None:
        first = say("nobody_out", n=say.number(n), flagged=say.number((flags > 0).sum()))
    else:
        numbers = {"kept": kept, "n": n, "dropped": n - kept, "most": study.max_flags}
        first = say("left_out", **{name: say.number(value) for name, value in numbers.items()})
    cells = study.answers[list(study.instrument.item_names)].isna()
    gaps = int(cells.to_numpy().sum())
    share = say.number(100 * gaps / max(cells.size, 1), 1)
    return [first, say("gaps", cells=say.number(cells.size), gaps=say.number(gaps), percent=share)]


def _reliability(study: Study, found: Reliability, say: _Words) -> list[str]:
    alpha = found.scales["alpha"].dropna().sort_values()
    if alpha.empty:
        return []
    label = {name: study.instrument.label(str(name), say.language) for name in alpha.index}
    ends = {"low": say.number(alpha.iloc[0], ".3"), "lowest": label[alpha.index[0]]}
    if len(alpha) == 1:
        first = say("alpha_one", **ends)
    else:
        first = say("alphas", **ends, high=say.number(alpha.iloc[-1], ".3"), highest=label[alpha.index[-1]])
    weak = [label[name] for name in alpha.index[alpha < RELIABLE]]
    return [first, say("weak", names=say.listed(weak)) if weak else say("no_weak")]


def _factors(study: Study, found: KMO, test: pd.Series, say: _Words) -> list[str]:
    numbers = {"kmo": say.number(found.overall, ".2"), "df": say.number(test["df"]), "p": say.p(test["pvalue"])}
    lines = [say("kmo", chisq=say.number(test["chisq"], 2), **numbers)]
    if study.efa is not None and study.parallel is not None:
        k, m = say.number(study.parallel.n_components), say.number(study.efa.n_factors)
        lines.append(say("parallel", k=k, m=m))
    return lines


def _lost(study: Study, fit: Any, say: _Words) -> str:
    lost = len(study.answers) - fit.n
    return say("listwise", lost=say.number(lost)) if lost else ""


def _model(study: Study, fit: Any, say: _Words) -> list[str]:
    index = fit.fit_indices
    robust = "chisq.scaled" in index.index

    def pick(name: str) -> float:
        names = (f"{name}.robust", f"{name}.scaled", name) if robust else (name,)
        return float(next((index[one] for one in names if one in index.index and not np.isnan(index[one])), np.nan))

    text = say(
        "model", estimator=str(getattr(fit, "estimator", "")), n=say.number(fit.n), df=say.number(index["df"]),
        chisq=say.number(pick("chisq"), 2), p=say.p(pick("pvalue")),
        **{name: say.number(pick(name), ".3") for name in ("cfi", "tli", "rmsea", "srmr")},
    )  # fmt: skip
    return [text, say("scaled") if robust else "", _lost(study, fit, say)]


def _valid(study: Study, fit: Any, say: _Words) -> list[str]:
    ave = convergent_validity(fit)["ave"].dropna()
    low = [study.instrument.label(str(name), say.language) for name in ave.index[ave < CONVERGENT]]
    lines = [say("low_ave", names=say.listed(low)) if low else say("no_low_ave")]
    if study.ratio is not None and len(study.ratio) > 1:
        names = [study.instrument.label(str(one), say.language) for one in study.ratio.index]
        close = np.argwhere(np.tril(study.ratio.to_numpy(dtype=float), -1) >= DISTINCT)
        pairs = [f"{names[b]} – {names[a]}" for a, b in close]
        limit = say.number(DISTINCT, 2)
        found = say("high_htmt", limit=limit, names=say.listed(pairs)) if pairs else say("no_high_htmt", limit=limit)
        lines.append(found)
    return lines


def _decisions(study: Study, fit: Any, say: _Words) -> list[str]:
    made = make.decisions(fit, study.instrument, study.alpha)
    by = {kind: [name for name, one in made.items() if one == kind] for kind in set(made.values())}
    alpha, m = say.number(study.alpha, ".2" if round(study.alpha, 2) == study.alpha else ".3"), say.number(len(made))
    good = by.get("supported", [])
    lines = [
        say("supported", alpha=alpha, k=say.number(len(good)), m=m, names=say.listed(good))
        if good
        else say("supported_none", alpha=alpha, m=m)
    ]
    kinds = ("not_supported", "opposite", "not_tested")
    return lines + [say(kind, names=say.listed(by[kind])) for kind in kinds if kind in by]
