"""A questionnaire from its answers to the chapter: every step once, in order, and what each one found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import pandas as pd

from crmlab.base.errors import CrmlabError, OptionError, check_option
from crmlab.base.fit import Shown, Summary
from crmlab.base.parallel import progress_bar
from crmlab.base.table import Table
from crmlab.base.words import Language, word
from crmlab.reports.write import write_tables

if TYPE_CHECKING:
    from crmlab.survey.efa import EFA
    from crmlab.survey.factorability import KMO, Harman, Parallel
    from crmlab.survey.instrument import Instrument
    from crmlab.survey.reliability import Reliability
    from crmlab.survey.screening import Screening

Method = Literal["cfa_sem", "pls", "both"]
Step = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True, repr=False)
class Study(Shown):
    """Result of `study`: what each step found; None where a step was not asked for or failed (`failures` says why).

    `answers` are those that were analysed (of `screening`'s), `items` the items' descriptives, `ratio` the HTMT table.
    """

    instrument: Instrument
    answers: pd.DataFrame
    screening: Screening
    max_flags: int | None
    alpha: float
    items: pd.DataFrame
    reliability: Reliability | None = None
    kmo: KMO | None = None
    bartlett: pd.Series | None = None
    harman: Harman | None = None
    parallel: Parallel | None = None
    efa: EFA | None = None
    ratio: pd.DataFrame | None = None
    cfa: Any = None
    sem: Any = None
    pls: Any = None
    prediction: pd.DataFrame | None = None
    bootstrap: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def tables(self, language: Language = "en") -> dict[str, Table]:
        """All tables of the chapter, by name."""
        return {name: part for name, part in self.parts(language).items() if isinstance(part, Table)}

    def figures(self, language: Language = "en") -> dict[str, Any]:
        """All figures of the chapter, by name, as `Picture`s (the Axes are in `.figure`)."""
        from crmlab.reports.chapter import figures

        return figures(self, language)

    def parts(self, language: Language = "en", figures: bool = False) -> dict[str, Any]:
        """The chapter in order: headings, sentences, tables and, where asked for, figures."""
        from crmlab.reports.chapter import chapter

        return chapter(self, language, figures)

    def write(self, path: str | Path, language: Language = "en", **options: Any) -> Path:
        """Write the chapter into a file: .docx, .xlsx, .tex or .html; `options` are those of `write_tables`."""
        parts = self.parts(language, figures=True)
        title = options.pop("title", word("survey_study.chapter", language))
        try:
            return write_tables(parts, path, language=language, title=title, **options)
        finally:
            from matplotlib import pyplot

            for part in parts.values():
                if hasattr(part, "figure"):
                    pyplot.close(part.figure.figure)

    def summary(self, language: Language = "en") -> Summary:
        """The sentences of the chapter."""
        return Summary("\n".join(str(part) for part in self.parts(language).values() if isinstance(part, str)))


def study(
    instrument: Instrument | str | Path,
    source: pd.DataFrame | str | Path,
    *,
    method: Method = "cfa_sem",
    estimator: str = "MLR",
    missing: Literal["listwise", "fiml"] = "listwise",
    max_flags: int | None = None,
    bootstrap: int = 5000,
    rng: int = 1,
    alpha: float = 0.05,
    progress: bool = True,
) -> Study:
    """What do the answers to this questionnaire say? Everything from reading the file to the tests of the hypotheses.

    Parameters
    ----------
    instrument, source
        The instrument, or its TOML file; the answers, as `Instrument.read` takes them.
    method
        "cfa_sem" (confirmatory factor analysis, then the structural model), "pls" (PLS-SEM), or "both".
    estimator
        Of CFA and SEM. "MLR" by default: maximum likelihood, whose standard errors and chi-square allow for answers
        that are not normal, as those on rating scales never are; "WLSMV" treats them as ordered categories, which is
        better with fewer than five or very skewed; "ML" and "MLM" as in lavaan.
    missing
        What CFA and SEM do with empty answers: leave the respondent out, or use all that was answered ("fiml").
    max_flags
        Respondents with more flags of the screening are left out, and the chapter says how many. None keeps all.
    bootstrap, rng
        Samples for PLS-SEM and their seed.
    alpha
        Level of significance of the decisions.
    progress
        A bar on the standard error; silent where that is no terminal and no notebook.

    Returns
    -------
    A `Study`. A step that cannot be done (a model that is not identified) leaves the rest standing; its reason is
    in `failures`, and in the chapter where its tables would be. Answers that cannot be read raise DataError.

    >>> from crmlab.data.datasets import load_mobi
    >>> from crmlab.survey.instrument import Instrument
    >>> done = study(Instrument.bundled("mobi"), load_mobi(), method="pls", bootstrap=100)
    >>> done.tables()["hypotheses"].frame["Decision"].value_counts().index[0]
    'supported'
    """
    from crmlab.survey.descriptives import describe_items
    from crmlab.survey.efa import efa
    from crmlab.survey.factorability import bartlett, harman, kmo, parallel_analysis
    from crmlab.survey.instrument import Instrument
    from crmlab.survey.pls import pls
    from crmlab.survey.reliability import reliability
    from crmlab.survey.validity import htmt

    check_option("method", method, get_args(Method))
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha!r} is not usable; 0.05 is the usual level of significance.")
    inst = instrument if isinstance(instrument, Instrument) else Instrument.from_toml(instrument)
    failures: dict[str, str] = {}

    def attempt(name: str, work: Callable[[], Result]) -> Result | None:
        try:
            return work()
        except CrmlabError as error:
            failures[name] = str(error)
            return None

    by_sem, by_pls = method in ("cfa_sem", "both"), method in ("pls", "both")
    steps = 4 + 2 * by_sem + by_pls
    with _bar(progress, steps) as step:
        step("reading")
        answers, screening = inst.read(source)
        if max_flags is not None:
            answers = answers[screening.keep(max_flags)]
        step("describing")
        described = describe_items(answers, inst)
        names = list(inst.item_names)
        step("rel_step")
        found: dict[str, Any] = {
            "reliability": attempt("reliability", lambda: reliability(answers, inst)),
            "ratio": attempt("htmt", lambda: htmt(answers, inst)),
        }
        step("efa_step")
        found["kmo"] = attempt("factors", lambda: kmo(answers, names))
        if "factors" not in failures:
            found["bartlett"] = bartlett(answers, names)
            found["harman"] = attempt("factors", lambda: harman(answers, names))
            found["parallel"] = attempt("factors", lambda: parallel_analysis(answers, names, rng=rng))
            found["efa"] = attempt("factors", lambda: efa(answers, items=names, rng=rng))
        paths = bool(inst.hypotheses)
        if by_sem:
            from crmlab.survey.sem import cfa, sem

            step("cfa_step")
            options: dict[str, Any] = {"estimator": estimator, "missing": missing}
            found["cfa"] = attempt("cfa", lambda: cfa(inst, answers, **options))
            step("sem_step")
            found["sem"] = attempt("sem", lambda: sem(inst, answers, **options)) if paths else None
        if by_pls:
            step("pls_step")
            if paths:
                found["pls"] = attempt("pls", lambda: pls(inst, answers, bootstrap=bootstrap, rng=rng))
            if found.get("pls") is not None:
                found["prediction"] = attempt("prediction", lambda: found["pls"].predict(rng=rng))
    return Study(inst, answers, screening, max_flags, alpha, described, bootstrap=bootstrap, failures=failures, **found)


@contextmanager
def _bar(wanted: bool, steps: int) -> Iterator[Step]:
    """A progress bar; call what it gives with the name of each step that begins."""
    with progress_bar(wanted, steps) as show:
        begun = 0

        def step(name: str) -> None:
            nonlocal begun
            show(begun, word(f"survey_study.{name}"))
            begun += 1

        yield step
