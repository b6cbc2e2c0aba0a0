"""From a questionnaire's answers to reliability, validity, CFA, SEM and PLS-SEM. Names load on first use."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# module -> its public names; nothing is imported until a name is used
_MODULES = {
    "instrument": ("Instrument",),
    "screening": ("screen",),
    "descriptives": ("describe_items", "mardia", "demographics"),
    "samplesize": ("cochran", "krejcie_morgan", "rmsea_power", "rmsea_sample_size", "items_rule"),
    "reliability": ("reliability", "alpha", "feldt_interval", "omega", "composite_reliability"),
    "factorability": ("kmo", "bartlett", "parallel_analysis", "map_test", "harman"),
    "efa": ("efa",),
    "ordinal": ("polychoric",),
    "syntax": ("parse",),
    "sem": ("cfa", "sem"),
    "invariance": ("invariance", "compare"),
    "pls": ("pls",),
    "pls_groups": ("pls_groups",),
    "validity": ("validity", "convergent_validity", "fornell_larcker", "htmt", "cross_loadings"),
    "indices": ("nps", "csat", "ces", "acsi", "ecsi"),
    "drivers": ("drivers",),
    "plots": (
        "plot_likert", "plot_missing", "plot_scree", "plot_htmt", "plot_loadings", "plot_estimates",
        "plot_importance_performance",
    ),
    "diagram": ("path_diagram",),
}  # fmt: skip
_NAMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_NAMES)


class _Package(ModuleType):
    """Importing crmlab.survey.efa would put that module where the function efa belongs: the function stays."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _NAMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"crmlab.survey.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"crmlab.survey has no '{name}'; it has {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return list(__all__)
