"""Survey plots: what they draw (texts, shares, counts), in both languages, and what they refuse."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.survey.drivers import drivers
from crmlab.survey.factorability import parallel_analysis
from crmlab.survey.instrument import Instrument
from crmlab.survey.plots import (
    plot_estimates,
    plot_htmt,
    plot_importance_performance,
    plot_likert,
    plot_loadings,
    plot_missing,
    plot_scree,
)  # fmt: skip
from crmlab.survey.pls import pls
from crmlab.survey.sem import cfa, sem
from crmlab.survey.validity import htmt

matplotlib.use("agg")
from matplotlib import pyplot as plt

ECSI = Instrument.bundled("mobi").model()


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def inst():
    return Instrument.bundled("mobi")


def texts(ax):
    return [t.get_text() for t in ax.texts]


def labels(axis):
    return [t.get_text() for t in axis.get_ticklabels()]


def test_likert():
    answers = pd.DataFrame({"q1": [1, 2, 3, 3, 4, 5, 5, 5, np.nan, np.nan], "q2": [1, 1, 1, 1, 2, 2, 2, 3, 3, 5]})
    ax = plot_likert(answers, scale=(1, 5))
    assert len(ax.patches) == 10  # two items by five codes
    assert labels(ax.yaxis) == ["q1", "q2"]
    shown = texts(ax)
    assert shown[-4:] == ["25%", "50%", "70%", "10%"]  # lower and upper codes of each, the gaps left out
    assert {"12%", "25%", "38%", "40%", "30%", "20%"} <= set(shown)
    widths = [p.get_width() for p in ax.patches]
    assert sum(widths[::2]) == pytest.approx(1) and sum(widths[1::2]) == pytest.approx(1)
    middle = ax.patches[4]  # code 3 of q1 lies across zero
    assert middle.get_x() == pytest.approx(-middle.get_width() / 2)
    assert [t.get_text() for t in ax.figure.legends[0].get_texts()] == ["1", "2", "3", "4", "5"]


def test_likert_from_an_instrument(mobi, inst):
    ax = plot_likert(mobi, inst)
    assert len(ax.patches) == 240
    assert "Satisfied on the whole" in labels(ax.yaxis)
    persian = plot_likert(mobi, inst, "fa")
    assert any("رضایت" in t for t in labels(persian.yaxis)) and persian.get_title(loc="left").endswith("؟")
    low = (mobi["CUSL2"] <= 5).mean()
    assert f"{low:.0%}" in texts(ax)


def test_likert_turns_reverse_items_back_beside_their_words():
    inst = Instrument.from_items({"A": ["a1", "a2", "a3"]}, scale=(1, 5), reverse=["a2"])
    answers, _ = inst.read(pd.DataFrame({"a1": [1, 2, 3, 4], "a2": [5, 5, 5, 1], "a3": [2, 2, 3, 5]}))
    ax = plot_likert(answers, inst, only=["a2"])
    assert len(ax.patches) == 5 and labels(ax.yaxis) == ["a2"]
    assert texts(ax)[-2:] == ["25%", "75%"]  # three of four ticked the highest code


def test_likert_refusals(mobi):
    with pytest.raises(DataError, match=r"CUSA1.*whole numbers from 1 to 7"):
        plot_likert(mobi, ["CUSA1", "CUSA2"], scale=(1, 7))
    with pytest.raises(DataError, match="101 codes"):
        plot_likert(pd.DataFrame({"q": [0, 50, 100.0]}))
    with pytest.raises(DataError, match="Did you mean"):
        plot_likert(mobi, ["CUSA9"])


def test_missing():
    answers = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, np.nan, 3, np.nan], "c": [np.nan, 1, 2, np.nan]})
    ax = plot_missing(answers)
    assert labels(ax.xaxis) == ["a", "b (50%)", "c (50%)"]
    assert "33.3%" in ax.get_title(loc="left") and "1 row" in ax.get_title(loc="left")
    cells = ax.collections[0].get_array().reshape(4, 3)
    assert cells.sum(axis=1).tolist() == [0, 1, 1, 2]  # the fullest on top
    with pytest.raises(DataError, match="no cells"):
        plot_missing(pd.DataFrame())


def test_scree(mobi):
    found = parallel_analysis(mobi, draws=10)
    ax = plot_scree(found)
    assert ax.lines[0].get_ydata().tolist() == found.table["components"].tolist()
    assert len(ax.lines[1].get_xdata()) == found.n_components
    assert f": {found.n_components}" in ax.get_title(loc="left")
    assert "random data, 95% quantile" in texts(ax)
    plain = plot_scree([0.5, 3.0, 1.5], "fa")
    assert plain.lines[0].get_ydata().tolist() == [3, 1.5, 0.5]
    assert plain.lines[-1].get_ydata() == [1, 1]  # Kaiser's line
    with pytest.raises(OptionError, match="kind='items'"):
        plot_scree(found, kind="items")


def test_htmt(mobi, inst):
    matrix = htmt(mobi, ECSI)
    ax = plot_htmt(matrix, inst=inst, language="fa")
    assert len(texts(ax)) == 21
    assert len(ax.patches) == 4  # .93, .91, .95, .96
    assert len(plot_htmt(matrix, threshold=0.85).patches) == 8
    assert labels(ax.yaxis)[-1] == "\u200f" + inst.label("Loyalty", "fa")
    with pytest.raises(DataError, match="square table"):
        plot_htmt(matrix.head(2))


def test_loadings(hs):
    fit = cfa("visual =~ x1 + x2 + x3; textual =~ x4 + x5 + x6", hs)
    ax = plot_loadings(fit)
    assert sorted(texts(ax)) == sorted(f"{v:.2f}" for v in fit.loadings.to_numpy().ravel() if v)
    assert labels(ax.xaxis) == ["visual", "textual"]
    table = pd.DataFrame({"F1": [0.8, -0.7, 0.1]}, index=list("abc"))
    assert texts(plot_loadings(table)) == ["0.80", "-0.70"]


def test_estimates(mobi, pd_data, inst):
    fit = pls(ECSI, mobi, bootstrap=100, rng=1)
    ax = plot_estimates(fit, "fa", inst=inst)
    assert len(labels(ax.yaxis)) == 12
    assert labels(ax.yaxis)[0] == f"\u200f{inst.label('Image', 'fa')} ← {inst.label('Expectation', 'fa')}"
    points = ax.lines[1:-1:2]
    hollow = [point.get_markerfacecolor() == "white" for point in points]
    assert hollow == [low <= 0 <= high for low, high in fit.paths[["low", "high"]].to_numpy()]
    model = "ind60 =~ x1+x2+x3; dem60 =~ y1+y2+y3+y4; dem60 ~ ind60"
    assert labels(plot_estimates(sem(model, pd_data)).yaxis) == ["ind60 → dem60"]
    effects = pd.DataFrame({"from": ["A"], "through": ["M"], "to": ["B"], "est": 0.2, "ci.lower": 0.1, "ci.upper": 0.3})
    assert labels(plot_estimates(effects).yaxis) == ["A → M → B"]
    chain = effects.assign(**{"from": "Image", "through": "Expectation -> Quality", "to": "Value"})
    words = [inst.label(c, "en") for c in ("Image", "Expectation", "Quality", "Value")]
    assert labels(plot_estimates(chain, inst=inst).yaxis)[0].replace("\n", " ") == " → ".join(words)
    with pytest.raises(DataError, match="no intervals"):
        plot_estimates(effects.drop(columns="ci.lower"))


def test_importance_performance(mobi):
    table = drivers(mobi, "CUSA1", ["PERQ1", "PERQ2", "PERQ4", "PERV1", "IMAG1"], scale=(1, 10))
    ax = plot_importance_performance(table)
    offsets = ax.collections[0].get_offsets()
    assert offsets.tolist() == table[["importance", "performance"]].to_numpy().tolist()
    assert set(table.index) <= set(texts(ax))
    fit = pls(ECSI, mobi, bootstrap=0)
    assert "Satisfaction" in texts(plot_importance_performance(fit.importance_performance("Loyalty", 1, 10)))
    with pytest.raises(DataError, match="performance"):
        plot_importance_performance(drivers(mobi, "CUSA1", ["PERQ1", "PERQ2"]))


def test_given_axes_are_used(mobi):
    _, ax = plt.subplots()
    assert plot_missing(mobi, ax=ax) is ax
    with pytest.raises(OptionError, match="language='de'"):
        plot_missing(mobi, "de")
