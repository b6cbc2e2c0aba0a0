"""crmlab: customer relationship management that runs. The public names load on first use."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module; nothing is imported until its name is used
_NAMES = {
    "load_cdnow": "crmlab.data.datasets",
    "load_messy_log": "crmlab.data.datasets",
    "load_mobi": "crmlab.data.datasets",
    "load_crm_survey": "crmlab.data.datasets",
    "load_bfi": "crmlab.data.datasets",
    "load_holzinger_swineford": "crmlab.data.datasets",
    "load_political_democracy": "crmlab.data.datasets",
    "datasets": "crmlab.data.datasets",
    "clean": "crmlab.data.cleaning",
    "simulate_customers": "crmlab.data.simulate",
    "simulate_log": "crmlab.data.simulate",
    "simulate_survey": "crmlab.data.simulate_survey",
    "summarize": "crmlab.customers.summary",
    "rfm": "crmlab.customers.rfm",
    "segment_rules": "crmlab.customers.rfm",
    "segment_migration": "crmlab.customers.rfm",
    "segment_lift": "crmlab.customers.rfm",
    "concentration": "crmlab.customers.concentration",
    "cohorts": "crmlab.customers.cohorts",
    "plot_lorenz": "crmlab.customers.plots",
    "plot_cohorts": "crmlab.customers.plots",
    "plot_rfm": "crmlab.customers.plots",
    "plot_purchases": "crmlab.customers.plots",
    "BGNBD": "crmlab.clv.bgnbd",
    "GammaGamma": "crmlab.clv.gamma_gamma",
    "lifetime_value": "crmlab.clv.value",
    "total_value": "crmlab.clv.value",
    "new_customer_value": "crmlab.clv.value",
    "frequency_table": "crmlab.clv.checks",
    "holdout_table": "crmlab.clv.checks",
    "tracking": "crmlab.clv.checks",
    "alive_history": "crmlab.clv.checks",
    "plot_frequency": "crmlab.clv.plots",
    "plot_tracking": "crmlab.clv.plots",
    "plot_p_alive": "crmlab.clv.plots",
    "plot_expected_purchases": "crmlab.clv.plots",
    "plot_history": "crmlab.clv.plots",
    "Instrument": "crmlab.survey.instrument",
    "study": "crmlab.reports.study",
    "write_tables": "crmlab.reports.write",
    "load_definitions": "crmlab.data.datasets",
    "load_flashcards": "crmlab.data.datasets",
    "load_grocer": "crmlab.data.datasets",
    "load_hotel_ratings": "crmlab.data.datasets",
    "load_crm_project": "crmlab.data.datasets",
    "practice": "crmlab.course.practice",
    "cards": "crmlab.course.cards",
    "quiz": "crmlab.course.quiz",
    "DataError": "crmlab.base.errors",
}
_PACKAGES = ("base", "data", "customers", "clv", "survey", "strategy", "course")

__all__ = ["__version__", *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"crmlab.{name}")
    raise AttributeError(f"crmlab has no '{name}'; it has {', '.join(sorted((*_NAMES, *_PACKAGES)))}.")


def __dir__() -> list[str]:
    return sorted((*__all__, *_PACKAGES))
