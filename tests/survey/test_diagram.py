"""Path diagrams: what is drawn, where it lies, and what the numbers on it are (lavaan and seminr)."""

import itertools
import re

import matplotlib
import numpy as np
import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.survey.diagram import Graph, graph_of, path_diagram
from crmlab.survey.instrument import Instrument
from crmlab.survey.layout import arrange, hits, layers
from crmlab.survey.pls import pls
from crmlab.survey.sem import cfa, sem

matplotlib.use("agg")
from matplotlib import pyplot as plt

ECSI = Instrument.bundled("mobi").model()
HS = "visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6; speed =~ x7 + x8 + x9"
PD = """ind60 =~ x1+x2+x3; dem60 =~ y1+y2+y3+y4; dem65 =~ y5+y6+y7+y8; dem60 ~ ind60; dem65 ~ ind60+dem60
        y1~~y5; y2~~y4+y6; y3~~y7; y4~~y8; y6~~y8"""
WIDE = "".join(f"F{i} =~ {'+'.join(f'v{i}_{j}' for j in range(5))};" for i in range(5)) + "F4 ~ F0+F1+F2+F3; F3 ~ F0+F1"
MODELS = {
    "cfa": HS,
    "sem": PD,
    "ecsi": ECSI,
    "wide": WIDE,
    "second order": "g =~ visual + textual + speed;" + HS,
    "mediation": "X=~x1+x2+x3; M=~m1+m2; Y=~y1+y2; M ~ X + age; Y ~ M + X; X ~~ age",
    "crowded": "F0 =~ a1+a2+a3;"
    + "".join(f"G{i} =~ b{i}+c{i}+d{i}; G{i} ~ F0;" for i in range(8))
    + "Z =~ z1+z2; Z ~ G0+G5",
    "second order cause": "C =~ K + T; K =~ k1+k2; T =~ t1+t2; Y =~ y1+y2; M =~ m1+m2; M ~ C; Y ~ C + M",
    "formative": "A <~ a1+a2+a3; B =~ b1+b2; C =~ c1; B ~ A; C ~ A + B",
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def gids(ax, kind):
    return {g[len(kind) + 1 :]: p for p in ax.patches if (g := p.get_gid() or "").startswith(kind + ":")}


def written(ax):
    """Number on each edge, by 'source>target'."""
    return {t.get_gid()[6:]: t.get_text() for t in ax.texts if (t.get_gid() or "").startswith("label:")}


def drawing(model, *, items=True):
    graph = graph_of(model)
    return graph, arrange(graph, {c: c for c in graph.constructs}, with_items=items)


@pytest.mark.parametrize("items", [True, False])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_layout(model, items):
    graph, drawn = drawing(model, items=items)
    shapes = [*drawn.rectangles()]
    assert len(shapes) == len(graph.constructs) + (sum(map(len, graph.items.values())) if items else 0)
    for a, b in itertools.combinations(shapes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for edge in graph.arrows:  # causes stand left of effects, and no arrow runs through a third construct
        (xa, ya), (xb, yb) = drawn.nodes[edge.source], drawn.nodes[edge.target]
        # (the parts of a second-order cause stand left of it)
        left, right = (xb, xa) if edge.source == "C" and edge.kind == "loading" else (xa, xb)
        assert left < right
        w, h = drawn.size
        others = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for n, (x, y) in drawn.nodes.items()
                  if n not in (edge.source, edge.target)]  # fmt: skip
        if others:
            assert not hits(np.array([[xa, ya]]), np.array([[xb, yb]]), np.array(others)).any()
    left, bottom, right, top = drawn.ends
    assert all(left < r[0] and r[2] < right and bottom < r[1] and r[3] < top for r in shapes)


def test_a_model_always_looks_the_same():
    assert drawing(ECSI)[1] == drawing(ECSI)[1]


def test_layers_by_hand():
    assert layers(tuple("abcd"), [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]) == {"a": 0, "b": 1, "c": 2, "d": 1}
    assert layers(tuple("ab"), [("a", "b"), ("b", "a")]) == {"a": 0, "b": 1}  # a cycle's second arrow does not count


def test_cfa(hs, r_tables):
    ax = path_diagram(cfa(HS, hs))
    assert set(gids(ax, "node")) == {"visual", "textual", "speed"}
    assert set(gids(ax, "item")) == {f"x{i}" for i in range(1, 10)}
    assert len(gids(ax, "loading")) == 9 and len(gids(ax, "cov")) == 3
    std = {f"{r['lhs']}>{r['rhs']}": r["std.all"] for r in r_tables["hs_pe"] if r["op"] == "=~"}
    numbers = written(ax)
    assert {k: numbers[k] for k in std} == {k: f"{v:.2f}" for k, v in std.items()}
    assert numbers["visual>textual"] == "0.46***"
    assert "p < .05" in ax.texts[-1].get_text()


def test_sem(pd_data):
    fit = sem(PD, pd_data)
    ax = path_diagram(fit)
    assert written(ax)["ind60>dem60"] == "0.45***" and written(ax)["dem60>dem65"] == "0.89***"  # lavaan: .447, .885
    assert written(ax)["y1>y5"] == "0.30"  # p = .08 (lavaan): no star, and dashed
    assert gids(ax, "cov")["y1>y5"].get_linestyle() != "-"
    assert "R² = 0.96" in [t.get_text() for t in ax.texts]  # dem65
    assert written(path_diagram(fit, what="est", digits=3))["ind60>dem60"] == "1.483***"  # lavaan
    plain = path_diagram(fit, what="none", items=False)
    assert not written(plain) and not gids(plain, "item") and not gids(plain, "loading")
    assert len(gids(plain, "path")) == 3


def test_pls(mobi, pls_tables):
    fit = pls(ECSI, mobi, bootstrap=200, rng=1)
    ax = path_diagram(fit)
    paths = {r["_row"]: r for r in pls_tables["path_weighting"]["path_coef"]}
    for edge, text in written(ax).items():
        source, target = edge.split(">")
        if source in paths and target in paths:
            assert float(text.rstrip("*")) == pytest.approx(paths[source][target], abs=0.0051)
    arrows = gids(ax, "path")
    assert len(arrows) == 12
    assert arrows["Quality>Satisfaction"].get_linewidth() > arrows["Value>Satisfaction"].get_linewidth()
    assert arrows["Complaints>Loyalty"].get_linestyle() != "-" and arrows["Image>Expectation"].get_linestyle() == "-"
    assert sum(bool(re.fullmatch(r"R² = 0\.\d\d", t.get_text())) for t in ax.texts) == 6


def test_persian_labels(mobi):
    inst = Instrument.bundled("mobi")
    ax = path_diagram(inst, "fa", items=False)
    shown = [t.get_text().replace("\u200f", "").replace("\n", " ") for t in ax.texts]
    assert [inst.label(c, "fa") for c in inst.measurement] == shown[:7]
    assert set(gids(ax, "node")) == set(inst.measurement)


def test_text_models():
    graph = graph_of(MODELS["mediation"])
    assert graph.observed == {"age"} and [e.kind for e in graph.edges].count("cov") == 1
    assert [e for e in graph_of(HS).edges if e.kind == "cov"] != []  # constructs of a CFA covary, written or not
    forms = path_diagram(MODELS["formative"])
    assert "a1>A" in gids(forms, "weight") and "B>b1" in gids(forms, "loading")
    orthogonal = sem_without_covariance()
    assert [e for e in orthogonal.edges if e.kind == "cov"] == []


def sem_without_covariance():
    import pandas as pd

    rows = pd.DataFrame(
        [("f", "=~", "x", 1, 1, np.nan), ("g", "=~", "y", 1, 1, np.nan), ("f", "~~", "g", 0.0, 0.0, np.nan)],
        columns=["lhs", "op", "rhs", "est", "std.all", "pvalue"],
    )
    return graph_of(type("Fit", (), {"estimates": rows, "r2": pd.Series(dtype=float)})())


def test_arrows_between_items():
    """A path or a covariance may end at an item; an item of two constructs is drawn once, with both loadings."""
    ax = path_diagram("f =~ x1 + x2 + x3; g =~ x4 + x5 + x3; x2 ~ x1; x5 ~~ f; x1 ~~ x1")
    assert set(gids(ax, "item")) == {"x1", "x2", "x3", "x4", "x5"}
    assert {"f>x3", "g>x3"} <= set(gids(ax, "loading"))
    assert set(gids(ax, "path")) == {"x1>x2"} and set(gids(ax, "cov")) == {"x5>f"}


def test_long_words_are_not_broken():
    class Words:
        def label(self, name, language):
            return "Internationalisation of trade"

    shown = [t.get_text() for t in path_diagram("A =~ a1 + a2", inst=Words()).texts]
    assert "Internationalisation\nof trade" in shown


def test_numbers_do_not_lie_on_one_another(mobi):
    inst = Instrument.bundled("mobi")
    ax = path_diagram(pls(inst, mobi, bootstrap=50, rng=1), inst=inst)
    ax.figure.canvas.draw()
    places = [
        t.get_window_extent() for t in ax.texts if (t.get_gid() or "").startswith("label:") and "*" in t.get_text()
    ]
    assert len(places) > 5 and not any(a.overlaps(b) for a, b in itertools.combinations(places, 2))


def test_small_axes_get_small_letters():
    _, ax = plt.subplots(figsize=(4, 3))
    path_diagram(ECSI, ax=ax)
    assert max(t.get_fontsize() for t in ax.texts) < 6
    assert isinstance(graph_of(ECSI), Graph)


def test_refusals(hs):
    with pytest.raises(OptionError, match="what='standard'"):
        path_diagram(HS, what="standard")
    with pytest.raises(OptionError, match="several groups"):
        path_diagram(cfa(HS, hs, group="school"))
    with pytest.raises(DataError, match="operator"):
        path_diagram("visual x1 x2")
    with pytest.raises(DataError, match="it is a int"):
        path_diagram(7)
    with pytest.raises(DataError, match="nothing is measured"):
        path_diagram("x ~~ y")
