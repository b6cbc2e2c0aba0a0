"""How many parameters has a CFA, and how many degrees of freedom are left?"""

from crmlab.survey.partable import build
from crmlab.survey.sem import moments_count
from crmlab.survey.syntax import parse

lesson = 10
level = 1
tags = ("cfa", "degrees of freedom")
answers = {"parameters": {"kind": "number"}, "df": {"kind": "number"}}


def draw(rng):
    constructs = int(rng.integers(2, 6))
    return {"constructs": constructs, "items": [int(n) for n in rng.integers(3, 6, constructs)]}


def solve(constructs, items):
    model = "; ".join(f"c{i} =~ " + " + ".join(f"q{i}{j}" for j in range(n)) for i, n in enumerate(items))
    table = build(parse(model))
    return {"parameters": len(table.names), "df": moments_count(table) - len(table.names)}


def _more(constructs, items, parameters=0, moments=0):
    key = solve(constructs, items)
    return {"parameters": key["parameters"] + parameters, "df": key["df"] + moments - parameters}


def factors_apart(constructs, items):
    return _more(constructs, items, parameters=-constructs * (constructs - 1) // 2)


def fixed_counted(constructs, items):
    return _more(constructs, items, parameters=constructs)


def means_on_one_side(constructs, items):
    return _more(constructs, items, moments=sum(items))


def no_item_variances(constructs, items):
    return _more(constructs, items, moments=-sum(items))


mistakes = {
    "factors_apart": factors_apart,
    "fixed_counted": fixed_counted,
    "means_on_one_side": means_on_one_side,
    "no_item_variances": no_item_variances,
}
