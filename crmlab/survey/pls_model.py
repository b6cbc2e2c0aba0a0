"""What a model's text means to PLS: constructs, modes, stages and paths, with everything checked that can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_option
from crmlab.survey.inputs import model_text, nearest
from crmlab.survey.pls_math import Design, Scheme, Structure, find_chains
from crmlab.survey.syntax import Term, parse

_NOT_PLS = {"~~": "covariances", "~1": "intercepts", "|": "thresholds", "==": "constraints"}


@dataclass(frozen=True)
class PLSModel:
    """A model as PLS reads it.

    `items` in order; `blocks` construct -> items or parts; `modes` construct -> "A" or "B"; `nodes` are the
    constructs with paths and the products after them; `names` the constructs with paths, then the parts; `columns`
    the items, then the parts; `paths` pairs of nodes in the text's order. `scales` are the
    ends of the items' scales, where an Instrument gives them.
    """

    items: tuple[str, ...]
    blocks: dict[str, tuple[str, ...]]
    modes: dict[str, str]
    nodes: tuple[str, ...]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    paths: tuple[tuple[str, str], ...]
    order: tuple[int, ...]
    structure: Structure
    notes: tuple[str, ...] = ()
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def ways(self) -> tuple[np.ndarray, np.ndarray]:
        """The paths as row and column numbers of a matrix over nodes."""
        at = {node: i for i, node in enumerate(self.nodes)}
        return np.array([at[cause] for cause, _ in self.paths]), np.array([at[effect] for _, effect in self.paths])


def standard(data: pd.DataFrame) -> np.ndarray:
    """The columns with mean 0 and standard deviation 1 (n - 1)."""
    x = data.to_numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)


def read_model(spec: Any, modes: Mapping[str, str] | None, scheme: Scheme, consistent: bool) -> PLSModel:
    """The model of a text in lavaan's syntax or of an Instrument; raises DataError with every fault."""
    terms = parse(model_text(spec))
    blocks: dict[str, tuple[str, ...]] = {}
    kinds: dict[str, str] = {}
    faults: list[Fault] = []
    for term in terms:
        if term.op in ("=~", "<~"):
            blocks[term.lhs] = (*blocks.get(term.lhs, ()), term.rhs)
            mode = "A" if term.op == "=~" else "B"
            if kinds.setdefault(term.lhs, mode) != mode:
                faults.append(_fault(f"'{term.lhs}' stands before =~ and before <~", "Choose one."))
    ways = tuple((term.rhs, term.lhs) for term in terms if term.op == "~")
    parts = tuple(item for name, block in blocks.items() for item in block if item in blocks and item != name)
    faults += [*_operators(terms), *_measurement(blocks, parts), *_paths(ways, blocks, parts)]
    if faults:
        raise DataError(faults, "the PLS model")
    for name, mode in (modes or {}).items():
        if name not in blocks:
            raise OptionError(f"modes names '{name}', which is no construct.{nearest(name, blocks)}")
        check_option(f"modes['{name}']", mode, ("A", "B"))
        kinds[name] = mode
    names = tuple(name for name in blocks if name not in parts)
    products = tuple(dict.fromkeys(cause for cause, _ in ways if ":" in cause))
    if consistent and (parts or products):
        what = f"the second-order construct of '{parts[0]}'" if parts else f"the interaction '{products[0]}'"
        raise OptionError(f"consistent=True has no correction for {what}. Use consistent=False.")
    nodes = (*names, *products)
    at = {name: i for i, name in enumerate(nodes)}
    paths = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for cause, effect in ways:
        paths[at[cause], at[effect]] = True
    order = _order(ways, at)
    lower = (*(name for name in names if not set(blocks[name]) & set(parts)), *parts)
    items = tuple(item for name in blocks if name in lower for item in blocks[name])
    k = len(names)
    linked = paths[:k, :k]  # the scores behind products come from the model of main effects
    columns = (*items, *parts)

    def block(name: str) -> np.ndarray:
        return np.array([columns.index(column) for column in blocks[name]])

    def formative(group: tuple[str, ...]) -> tuple[bool, ...]:
        return tuple(kinds[name] == "B" for name in group)

    design = Design(tuple(block(name) for name in names), formative(names), linked)
    first = None
    if parts:  # each part stands where its whole stands
        whole = {part: name for name in names for part in blocks[name]}
        spot = [at[whole.get(name, name)] if name in parts else at[name] for name in lower]
        first = Design(tuple(block(name) for name in lower), formative(lower), linked[np.ix_(spot, spot)])
    pairs = tuple((at[a], at[b]) for a, b in (product.split(":") for product in products))
    structure = Structure(design, paths, scheme, consistent, first, len(parts), pairs, find_chains(paths))
    notes: tuple[str, ...] = ()
    if any(term.op == ":=" for term in terms):
        notes = ("Rows with := were left out: effects() holds every indirect and total effect.",)
    scales = {} if isinstance(spec, str) else {i.name: (i.scale.low, i.scale.high) for i in spec.items}
    return PLSModel(items, blocks, kinds, nodes, (*names, *parts), columns, ways, order, structure, notes, scales)


def _fault(what: str, remedy: str) -> Fault:
    return Fault("", what, remedy)


def _operators(terms: tuple[Term, ...]) -> Iterator[Fault]:
    for term in terms:
        if term.op in _NOT_PLS:
            yield _fault(f"line {term.line}: PLS has no {_NOT_PLS[term.op]} ({term.op})", "Take the line out.")
        elif any(value is not None for value in term.fixed):
            yield _fault(f"line {term.line}: PLS cannot fix '{term.lhs} {term.op} {term.rhs}'", "Take the number out.")
        elif term.op != "~" and ":" in term.rhs:
            yield _fault(
                f"line {term.line}: '{term.rhs}' is no item", "Products stand in paths only: 'Y ~ A + B + A:B'."
            )


def _measurement(blocks: dict[str, tuple[str, ...]], parts: tuple[str, ...]) -> Iterator[Fault]:
    home: dict[str, str] = {}
    for name, items in blocks.items():
        for item in items:
            if item in home:
                yield Fault(item, f"it stands in '{home[item]}' and in '{name}'", "Let each item stand once.")
            home[item] = name
        if name in parts and name in items:
            yield Fault(name, "it is the name of a construct and of its item", "Give the construct another name.")
        own = [item for item in items if item in parts and item != name]
        if own and len(own) < len(items):
            rest = next(item for item in items if item not in parts)
            yield _fault(f"'{name}' mixes constructs with the item '{rest}'", "Give it either items or constructs.")
        if own and name in parts:
            yield _fault(f"'{name}' is made of constructs and a part itself", "Two orders are the most.")


def _paths(
    ways: tuple[tuple[str, str], ...], blocks: dict[str, tuple[str, ...]], parts: tuple[str, ...]
) -> Iterator[Fault]:
    if not ways:
        yield _fault("it has no paths", "Write 'Y ~ X', or use cfa() for a measurement model alone.")
    into: dict[str, set[str]] = {}
    for cause, effect in ways:
        into.setdefault(effect, set()).add(cause)
        if cause == effect:
            yield _fault(f"'{cause}' acts on itself", "Take the path out.")
    whole = {part: name for name, block in blocks.items() for part in block if part in parts}
    seen = dict.fromkeys(name for way in ways for node in way for name in node.split(":"))
    for name in seen:
        if name not in blocks:
            remedy = f"Write '{name} =~ item1 + item2', or correct the name.{nearest(name, blocks)}"
            yield _fault(f"'{name}' stands in a path and has no items", remedy)
        elif name in whole:
            yield _fault(
                f"'{name}' is a part of '{whole[name]}' and has a path of its own", f"Give the path to '{whole[name]}'."
            )
    for name in blocks:
        if ways and name not in seen and name not in whole:
            yield _fault(f"'{name}' is not connected to any construct", "Give it a path, or take it out.")
    for effect, causes in into.items():
        if ":" in effect:
            yield _fault(f"the product '{effect}' cannot be explained", "Products stand right of ~ only.")
        for product in (cause for cause in causes if ":" in cause):
            one, other = product.split(":")
            if one == other:
                yield _fault(f"'{product}' is a square", "Squares are not estimated here.")
            if missing := [name for name in (one, other) if name not in causes]:
                yield _fault(
                    f"'{effect}' has '{product}' without {' and '.join(repr(m) for m in missing)}",
                    "Add the main effects.",
                )
            if f"{other}:{one}" in causes:
                yield _fault(f"'{effect}' has '{product}' twice", "Write it once.")


def _order(ways: tuple[tuple[str, str], ...], at: Mapping[str, int]) -> tuple[int, ...]:
    """The nodes so that causes come before effects; names the cycle where there is one."""
    graph = {name: [cause for cause in name.split(":") if cause != name] for name in at}
    for cause, effect in ways:
        graph[effect].append(cause)
    try:
        return tuple(at[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = [name for name in error.args[1] if ":" not in name]
        raise DataError(
            _fault(f"the paths go in a circle: {' -> '.join(cycle)}", "PLS needs paths that lead onwards; drop one."),
            "the PLS model",
        ) from None
