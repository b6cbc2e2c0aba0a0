"""A firm's data sources on a map: Swift's tactical model by the four functions of Peppers & Rogers."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, check_kind
from crmlab.base.look import COLOURS, axes
from crmlab.base.toml import bundled_toml, read_toml
from crmlab.base.words import Language, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEYS = ("serves", "customer_id", "updated", "owner", "consent")


def _file(name: str) -> dict[str, Any]:
    return bundled_toml("crmlab.strategy", name)


@dataclass(frozen=True)
class SourcesMap:
    """Result of `check_sources`: `sources` (a row each), `cells` (16, with their sources) and `gaps` with remedies."""

    firm: str
    sources: pd.DataFrame
    cells: pd.DataFrame
    gaps: pd.DataFrame

    def _repr_html_(self) -> str:
        return f"<p>{len(self.sources)} sources, {len(self.gaps)} gaps</p>" + self.gaps.to_html(index=False)


def example_sources() -> dict[str, Any]:
    """What does a filled-in map look like? A bookshop's, as a dict to change and to give to `check_sources`.

    >>> list(example_sources()["sources"])[:3]
    ['orders', 'newsletter', 'web_visits']
    """
    return copy.deepcopy(_file("bookshop_sources.toml"))


def check_sources(sources: Mapping[str, Any] | str | Path) -> SourcesMap:
    """Which questions about its customers can a firm not answer, because no source serves them or none can be joined?

    `sources` is a TOML file or a mapping like `example_sources()`: firm, and for each source what it serves (a list
    of "stage:function"), customer_id (true or false), updated, owner and consent. Stages are interact, connect, know,
    relate: the tactical model that the course's source gives as Swift's (2001, Accelerating Customer Relationships);
    functions are database, production, communication, channel (Peppers & Rogers). A gap is no error but a finding:
    a cell without a source, a source without customer id, owner or consent, or renewed once a year at most.

    Raises DataError with everything that cannot be read at once: unknown keys, cells and values, with near names.

    >>> check_sources(example_sources()).gaps["gap"].value_counts().to_dict()
    {'no_source': 4, 'no_customer_id': 2, 'no_owner': 1, 'no_consent': 1, 'stale': 1}
    """
    name = "the sources" if isinstance(sources, Mapping) else f"'{sources}'"
    check_kind("sources", sources, (Mapping, str, Path), "give a mapping or the name of a TOML file")
    data = sources if isinstance(sources, Mapping) else read_toml(sources)
    schema, faults = _file("sources_map.toml"), []
    cells = [f"{stage}:{function}" for stage in schema["stages"] for function in schema["functions"]]
    faults += _unknown(data, ("firm", "sources"), "the top has the key")
    given = data.get("sources")
    if not isinstance(given, Mapping) or not given:
        raise DataError([*faults, Fault("", "no source is given", "Write [sources.NAME] and its lines below.")], name)
    for key, source in given.items():
        faults += _faults(str(key), source, cells, schema)
    if faults:
        raise DataError(faults, name)
    table = pd.DataFrame.from_dict(dict(given), orient="index")[list(KEYS)].rename_axis("source")
    table["serves"] = table["serves"].map(tuple)
    rows = [
        (stage, function, schema["question"][stage][function],
         tuple(k for k, s in given.items() if f"{stage}:{function}" in s["serves"]))
        for stage in schema["stages"] for function in schema["functions"]
    ]  # fmt: skip
    grid = pd.DataFrame(rows, columns=["stage", "function", "question", "sources"])
    checks = {
        "no_customer_id": ~table["customer_id"].astype(bool), "no_owner": table["owner"].str.strip() == "",
        "no_consent": table["consent"] == "no", "stale": table["updated"].isin(["yearly", "never"]),
    }  # fmt: skip
    found = [(c, "no_source") for c, s in zip(cells, grid["sources"], strict=True) if not s]
    found += [(key, gap) for key in table.index for gap, holds in checks.items() if holds[key]]
    gaps = [(where, gap, schema["gap"][gap]["what"], schema["gap"][gap]["remedy"]) for where, gap in found]
    return SourcesMap(
        str(data.get("firm", "")), table, grid, pd.DataFrame(gaps, columns=["where", "gap", "what", "remedy"])
    )


def plot_sources(sources: SourcesMap, ax: Axes | None = None, language: Language = "en") -> Axes:
    """Which cells have no source? The 4 x 4 map with the sources written in; cells without one are hatched."""
    check_kind("sources", sources, SourcesMap, "give the result of crm.check_sources(...)")
    ax = axes(ax, size=(9, 4.6), title=word("sources_map.title", language))
    ids = sources.sources["customer_id"]
    for i, names in enumerate(sources.cells["sources"].tolist()):
        row, column = divmod(i, 4)
        look: dict[str, Any] = {"facecolor": COLOURS["faint"], "edgecolor": "white"}
        if not names:
            look = {"facecolor": "white", "hatch": "///", "edgecolor": COLOURS["second"]}
        ax.bar(column, 0.94, 0.94, row - 0.47, **look)
        no_id = f"\n({word('sources_map.no_id', language)})"
        text = "\n".join(s.replace("_", " ") + no_id * (not ids[s]) for s in names) or word(
            "sources_map.none", language
        )
        colour = "black" if any(ids[s] for s in names) else COLOURS["second"]
        box = None if names else {"facecolor": "white", "edgecolor": "none", "pad": 2}
        ax.text(column, row, text, ha="center", va="center", fontsize=8.5, color=colour, bbox=box)
    ax.set_xticks(np.arange(4), [word(f"sources_map.{f}", language) for f in sources.cells["function"][:4]])
    ax.set_yticks(np.arange(4), [word(f"sources_map.{s}", language) for s in sources.cells["stage"][::4]])
    ax.set(xlim=(-0.5, 3.5), ylim=(3.5, -0.5))
    return ax


def _unknown(given: Iterable[Any], known: Iterable[str], what: str) -> list[Fault]:
    faults, known = [], list(known)
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            remedy = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(known)}."
            faults.append(Fault("", f"{what} '{key}', which is not known", remedy))
    return faults


def _faults(key: str, source: Any, cells: list[str], schema: Mapping[str, Any]) -> list[Fault]:
    where = f"sources.{key}"
    if not isinstance(source, Mapping):
        return [Fault("", f"{where} is {source!r}, no table", f"Write [{where}] and its lines below.")]
    faults = _unknown(source, KEYS, f"{where} has the key")
    faults += [Fault("", f"{where} does not say {k}", f"Add {k} = ...") for k in KEYS if k not in source]
    serves = source.get("serves", ["-"])
    if not isinstance(serves, list | tuple) or not serves:
        faults.append(Fault("", f"{where}.serves is {serves!r}", 'Write a list: serves = ["know:database"].'))
    elif "serves" in source:
        faults += _unknown(serves, cells, f"{where}.serves has")
    if not isinstance(source.get("customer_id", True), bool):
        faults.append(Fault("", f"{where}.customer_id is {source['customer_id']!r}", "Write true or false."))
    if not isinstance(source.get("owner", ""), str):
        faults.append(Fault("", f"{where}.owner is {source['owner']!r}", 'Write a text; "" if nobody owns it.'))
    for k in ("updated", "consent"):
        if k in source:
            faults += _unknown([source[k]], schema[k], f"{where}.{k} is")
    return faults
