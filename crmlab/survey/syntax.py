"""lavaan's model syntax: what a model's text says, term by term."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmlab.base.errors import DataError, Fault

NAME = r"[^\W\d][\w.]*"
_OPERATORS = re.compile(r"=~|<~|~\*~|~~|~|:=|==|<|>|\|")
_UNKNOWN = {"<": "inequalities", ">": "inequalities", "~*~": "scaling factors of ordinal items"}
_TERM = re.compile(rf"(?:(?P<name>{NAME}(?:\s*:\s*{NAME})?)|(?P<one>1))$")


@dataclass(frozen=True)
class Term:
    """One relation of a model: `lhs op rhs`, with what its modifiers say.

    op is =~ (is measured by), <~ (is composed of), ~ (is regressed on), ~1 (intercept, rhs empty), ~~ (covaries
    with), | (threshold), := (is defined as) or == (equals); rhs of the last two is an expression. `fixed` holds a
    value a group, None where the text frees it (NA), and is empty where nothing is said; `labels` and `starts` too.
    """

    lhs: str
    op: str
    rhs: str
    fixed: tuple[float | None, ...] = ()
    labels: tuple[str, ...] = ()
    starts: tuple[float, ...] = ()
    line: int = 0


def parse(model: str) -> tuple[Term, ...]:
    """What does a model's text say?

    `model` is in lavaan's syntax (Rosseel 2012, Journal of Statistical Software 48(2)): =~ <~ ~ ~~ ~1 | := ==,
    modifiers `0.5*x`, `a*x`, `c(a, b)*x`, `NA*x`, `start(0.5)*x`, `label("a")*x`, `equal("a")*x`, products `x:z`,
    comments after # or !, formulas ended by a new line or `;`. Raises DataError with every fault and its line.

    >>> [(t.lhs, t.op, t.rhs, t.fixed) for t in parse("f =~ x1 + 0.5*x2; f ~ z")]
    [('f', '=~', 'x1', ()), ('f', '=~', 'x2', (0.5,)), ('f', '~', 'z', ())]
    """
    if not isinstance(model, str):
        kind = type(model).__name__
        raise DataError(
            Fault("", f"it is a {kind}, no text", "Write it in lavaan's syntax: 'f =~ x1 + x2'."), "the model"
        )
    terms: list[Term] = []
    faults: list[Fault] = []
    for line, formula in _formulas(model):
        try:
            terms += _formula(formula, line)
        except ValueError as error:
            what, _, remedy = str(error).partition("|")
            faults.append(Fault("", f"line {line}: {what}", remedy, example=formula))
    seen: dict[tuple[str, str, str], Term] = {}
    for term in terms:
        key = (term.lhs, term.op, term.rhs)
        if term.op == "~~":
            key = (*sorted((term.lhs, term.rhs)), "~~")  # type: ignore[assignment]
        if term.op in ("==",):
            continue
        if key in seen:
            seen[key] = _merge(seen[key], term)
        else:
            seen[key] = term
    if not terms and not faults:
        faults.append(Fault("", "it says nothing", "Write at least one relation: 'f =~ x1 + x2 + x3'."))
    if faults:
        raise DataError(faults, "the model")
    return (*seen.values(), *(term for term in terms if term.op == "=="))


def _merge(first: Term, again: Term) -> Term:
    """A relation that is written twice carries the modifiers of both: `f =~ a*x1 + start(0.7)*x1`."""
    return Term(
        first.lhs, first.op, first.rhs, again.fixed or first.fixed, again.labels or first.labels,
        again.starts or first.starts, first.line,
    )  # fmt: skip


def _formulas(model: str) -> Iterator[tuple[int, str]]:
    """Each formula with the number of the line that it begins in; an open formula goes on in the next line."""
    held, begun = "", 0
    for number, raw in enumerate(model.splitlines(), 1):
        for piece in re.split(r"[#!]", raw)[0].split(";"):
            text = piece.strip()
            if not text:
                continue
            if held and (text.startswith("+") or re.search(r"[+*~|=(,]$", held) or held.count("(") > held.count(")")):
                held += " " + text
                continue
            if held:
                yield begun, held
            held, begun = text, number
    if held:
        yield begun, held


def _formula(formula: str, line: int) -> Iterator[Term]:
    found = _OPERATORS.search(formula)
    if found is None:
        raise ValueError("there is no operator|Write one of =~ <~ ~ ~~ := == between the two sides.")
    op, left, right = found[0], formula[: found.start()].strip(), formula[found.end() :].strip()
    if op in _UNKNOWN:
        raise ValueError(f"{_UNKNOWN[op]} ({op}) are not estimated here|Take the line out.")
    if not left or not right:
        raise ValueError(f"a side of {op} is empty|Name what stands there.")
    if op in (":=", "=="):
        if op == ":=" and not re.fullmatch(NAME, left):
            raise ValueError(f"'{left}' is no name|Write 'name := expression'.")
        for side in (right,) if op == ":=" else (left, right):
            names_in(side)
        yield Term(left, op, right, line=line)
        return
    for lhs in map(str.strip, left.split("+")):
        if not re.fullmatch(rf"{NAME}(\s*:\s*{NAME})?", lhs):
            raise ValueError(f"'{lhs}' is no name|Names begin with a letter and hold letters, digits, '.' and '_'.")
        for piece in _split(right, "+"):
            yield _term(lhs, op, piece, line)


def _term(lhs: str, op: str, piece: str, line: int) -> Term:
    *modifiers, target = _split(piece, "*")
    match = _TERM.match(target)
    if match is None or (match["one"] and op != "~"):
        raise ValueError(f"'{target}' is no name|Write modifiers before a star: '0.5*x1', 'a*x1'.")
    said: dict[str, tuple[Any, ...]] = {}
    for modifier in modifiers:
        for key, value in _modifier(modifier).items():
            said[key] = value
    rhs = "" if match["one"] else re.sub(r"\s+", "", match["name"])
    return Term(lhs, "~1" if match["one"] else op, rhs, line=line, **said)


def _modifier(text: str) -> dict[str, tuple[Any, ...]]:
    """What a modifier fixes, names or starts: {'fixed': ...}, {'labels': ...} or {'starts': ...}."""
    call = re.fullmatch(r"(start|label|equal|c)\s*\((.*)\)", text)
    inner = call[2].strip() if call else text
    if nested := re.fullmatch(r"c\s*\((.*)\)", inner):
        inner = nested[1]
    parts = [part.strip().strip("\"'") for part in inner.split(",")] if call else [text.strip().strip("\"'")]
    kind = call[1] if call else "c"
    numbers = [_number(part) for part in parts]
    if kind == "start":
        if any(number is None or math.isnan(number) for number in numbers):
            raise ValueError(f"'{text}' gives no number|Write start(0.5)*x1.")
        return {"starts": tuple(numbers)}
    if kind == "c" and all(number is not None for number in numbers):
        return {"fixed": tuple(None if math.isnan(n) else n for n in numbers if n is not None)}
    if all(re.fullmatch(NAME, part) for part in parts):
        return {"labels": tuple(parts)}
    raise ValueError(f"'{text}' is no modifier|Known are 0.5*, a*, c(a, b)*, NA*, start(0.5)*, label(\"a\")*.")


def _number(text: str) -> float | None:
    """The number; NaN for NA; None where it is no number."""
    if text == "NA":
        return math.nan
    try:
        return float(text) if re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", text) else None
    except ValueError:
        return None


def _split(text: str, mark: str) -> list[str]:
    """The parts between `mark`s that stand outside parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth:
        raise ValueError("parentheses do not pair|Close each one.")
    return [part.strip() for part in parts]


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_FUNCTIONS = ("exp", "log", "sqrt")


@dataclass(frozen=True)
class _Reader:
    """Walks an expression's tree; nothing but arithmetic on named parameters is let through."""

    values: Mapping[str, Any] | None = None
    names: list[str] = field(default_factory=list)

    def read(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Expression):
            return self.read(node.body)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.read(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = self.read(node.left), self.read(node.right)
            return 1.0 if self.values is None else _BINARY[type(node.op)](left, right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            import numpy as np

            inner = [self.read(argument) for argument in node.args]
            return 1.0 if self.values is None else getattr(np, node.func.id)(*inner)
        if isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            self.names.append(name)
            return 1.0 if self.values is None else self.values[name]
        raise ValueError(f"'{ast.unparse(node)}' is not understood|Use + - * / ^, exp, log, sqrt, numbers and labels.")


def _tree(expression: str) -> ast.Expression:
    try:
        return ast.parse(expression.replace("^", "**").strip(), mode="eval")
    except SyntaxError:
        raise ValueError(
            f"'{expression}' is no expression|Use + - * / ^, exp, log, sqrt, numbers and labels."
        ) from None


def names_in(expression: str) -> tuple[str, ...]:
    """Which labels does an expression name?

    >>> names_in("a*b + 0.5*c")
    ('a', 'b', 'c')
    """
    reader = _Reader()
    reader.read(_tree(expression))
    return tuple(dict.fromkeys(reader.names))


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """What is an expression worth at these values of its labels? They may be arrays, or complex for derivatives.

    >>> evaluate("a*b + 1", {"a": 2.0, "b": 3.0})
    7.0
    """
    return _Reader(values).read(_tree(expression))
