"""What a model's text means to PLS: constructs, modes, stages and paths, with everything checked that can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    constructs with paths and the products after them; `names` the constructs with paths, then the parts; `lower`
    those with items of their own; `columns` the items, then the parts; `paths` pairs of nodes in the text's order;
    `order` the nodes' numbers, causes before effects; `scales` the ends of the items' scales, where an Instrument
    gives them.
    """

    items: tuple[str, ...]
    blocks: dict[str, tuple[str, ...]]
    modes: dict[str, str]
    nodes: tuple[str, ...]
    names: tuple[str, ...]
    lower: tuple[str, ...]
    columns: tuple[str, ...]
    paths: tuple[tuple[str, str], ...]
    order: tuple[int, ...]
    structure: Structure
    notes: tuple[str, ...]
    scales: dict[str, tuple[float, float]]

    @property
    def ways(self) -> tuple[np.ndarray, np.ndarray]:
        """The paths as row and column numbers of a matrix over nodes."""
        i, j = np.array([[self.nodes.index(node) for node in path] for path in self.paths]).T
        return i, j

    def at(self, name: str) -> list[int]:
        """The numbers of a construct's columns."""
        return [self.columns.index(column) for column in self.blocks[name]]

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the weights stand in a matrix of names x columns."""
        i, j = np.array([(i, at) for i, name in enumerate(self.names) for at in self.at(name)]).T
        return i, j


def standard(data: pd.DataFrame) -> np.ndarray:
    """The columns with mean 0 and standard deviation 1 (n - 1)."""
    x = data.to_numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)


def read_model(spec: Any, modes: Mapping[str, str] | None, scheme: Scheme, consistent: bool) -> PLSModel:
    """The model of a text in lavaan's syntax or of an Instrument; raises DataError with every fault."""
    terms = parse(model_text(spec))
    blocks: dict[str, tuple[str, ...]] = {}
    for term in terms:
        if term.op in ("=~", "<~"):
            blocks[term.lhs] = (*blocks.get(term.lhs, ()), term.rhs)
    kinds = {term.lhs: "A" if term.op == "=~" else "B" for term in terms if term.op in ("=~", "<~")}
    paths = tuple((term.rhs, term.lhs) for term in terms if term.op == "~")
    whole = {item: name for name, block in blocks.items() for item in block if item in blocks and item != name}
    if faults := list(_faults(terms, paths, blocks, whole)):
        raise DataError(faults, "the PLS model")
    for name, mode in (modes or {}).items():
        if name not in blocks:
            raise OptionError(f"modes names '{name}', which is no construct.{nearest(name, blocks)}")
        check_option(f"modes['{name}']", mode, ("A", "B"))
        kinds[name] = mode
    parts, products = tuple(whole), tuple(dict.fromkeys(cause for cause, _ in paths if ":" in cause))
    if consistent and (parts or products):
        what = f"the second-order construct of '{parts[0]}'" if parts else f"the interaction '{products[0]}'"
        raise OptionError(f"consistent=True has no correction for {what}. Use consistent=False.")
    names = tuple(name for name in blocks if name not in parts)
    nodes = (*names, *products)
    order = _order(paths, nodes)
    lower = (*(name for name in names if not set(blocks[name]) & set(parts)), *parts)
    items = tuple(item for name in blocks if name in lower for item in blocks[name])
    columns = (*items, *parts)

    def design(group: tuple[str, ...]) -> Design:
        at = tuple(np.array([columns.index(column) for column in blocks[name]]) for name in group)
        return Design(at, tuple(kinds[name] == "B" for name in group))

    acts = np.array([[(cause, effect) in paths for effect in nodes] for cause in nodes])
    home = tuple(nodes.index(whole.get(name, name)) for name in lower)
    pairs = tuple((nodes.index(one), nodes.index(other)) for one, other in (p.split(":") for p in products))
    structure = Structure(
        design(names), acts, scheme, consistent, design(lower) if parts else None, home, len(parts), pairs,
        find_chains(acts),
    )  # fmt: skip
    left_out = any(term.op == ":=" for term in terms)
    notes = ("Rows with := were left out: effects() holds every indirect and total effect.",) if left_out else ()
    scales = {} if isinstance(spec, str) else {i.name: (i.scale.low, i.scale.high) for i in spec.items}
    return PLSModel(
        items, blocks, kinds, nodes, (*names, *parts), lower, columns, paths, order, structure, notes, scales
    )


def _fault(what: str, remedy: str) -> Fault:
    return Fault("", what, remedy)


def _faults(
    terms: tuple[Term, ...],
    paths: tuple[tuple[str, str], ...],
    blocks: dict[str, tuple[str, ...]],
    whole: dict[str, str],
) -> Iterator[Fault]:
    for term in terms:
        if term.op in _NOT_PLS:
            yield _fault(f"line {term.line}: PLS has no {_NOT_PLS[term.op]} ({term.op})", "Take the line out.")
        elif any(value is not None for value in term.fixed):
            yield _fault(f"line {term.line}: PLS cannot fix '{term.lhs} {term.op} {term.rhs}'", "Take the number out.")
        elif term.op != "~" and ":" in term.rhs:
            remedy = "Products stand in paths only: 'Y ~ A + B + A:B'."
            yield _fault(f"line {term.line}: '{term.rhs}' is no item", remedy)
    for label, times in Counter(label for term in terms for label in term.labels if label).items():
        if times > 1:
            yield _fault(f"the label '{label}' stands {times} times, and PLS cannot hold paths equal", "Use it once.")
    home: dict[str, str] = {}
    for name, items in blocks.items():
        if len({term.op for term in terms if term.lhs == name and term.op in ("=~", "<~")}) > 1:
            yield _fault(f"'{name}' stands before =~ and before <~", "Choose one.")
        for item in items:
            if item in home:
                yield Fault(item, f"it stands in '{home[item]}' and in '{name}'", "Let each item stand once.")
            home[item] = name
        if name in whole and name in items:
            yield Fault(name, "it is the name of a construct and of its item", "Give the construct another name.")
        own, rest = [i for i in items if i in whole and i != name], [i for i in items if i not in whole]
        if own and rest:
            yield _fault(f"'{name}' mixes constructs with the item '{rest[0]}'", "Give it either items or constructs.")
        if own and name in whole:
            yield _fault(f"'{name}' is made of constructs and a part itself", "Two orders are the most.")
    if not paths:
        yield _fault("it has no paths", "Write 'Y ~ X', or use cfa() for a measurement model alone.")
    into: dict[str, set[str]] = {}
    for cause, effect in paths:
        into.setdefault(effect, set()).add(cause)
        if cause == effect:
            yield _fault(f"'{cause}' acts on itself", "Take the path out.")
    seen = dict.fromkeys(name for path in paths for node in path for name in node.split(":"))
    for name in seen:
        if name not in blocks:
            remedy = f"Write '{name} =~ item1 + item2', or correct the name.{nearest(name, blocks)}"
            yield _fault(f"'{name}' stands in a path and has no items", remedy)
        elif name in whole:
            what = f"'{name}' is a part of '{whole[name]}' and has a path of its own"
            yield _fault(what, f"Give the path to '{whole[name]}'.")
    for name in blocks:
        if paths and name not in seen and name not in whole:
            yield _fault(f"'{name}' is not connected to any construct", "Give it a path, or take it out.")
    for effect, causes in into.items():
        if ":" in effect:
            yield _fault(f"the product '{effect}' cannot be explained", "Products stand right of ~ only.")
        for product in (cause for cause in causes if ":" in cause):
            one, other = product.split(":")
            if one == other:
                yield _fault(f"'{product}' is a square", "Squares are not estimated here.")
            if missing := [repr(name) for name in (one, other) if name not in causes]:
                yield _fault(f"'{effect}' has '{product}' without {' and '.join(missing)}", "Add the main effects.")
            if f"{other}:{one}" in causes:
                yield _fault(f"'{effect}' has '{product}' twice", "Write it once.")


def _order(paths: tuple[tuple[str, str], ...], nodes: tuple[str, ...]) -> tuple[int, ...]:
    """The nodes so that causes come before effects; names the cycle where there is one."""
    graph = {name: [cause for cause in name.split(":") if cause != name] for name in nodes}
    for cause, effect in paths:
        graph[effect].append(cause)
    try:
        return tuple(nodes.index(name) for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        what = f"the paths go in a circle: {' -> '.join(name for name in error.args[1] if ':' not in name)}"
        raise DataError(_fault(what, "PLS needs paths that lead onwards; drop one."), "the PLS model") from None
