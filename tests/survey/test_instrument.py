"""The instrument: what a TOML says, and every fault in one at once."""

import tomllib

import pytest

from crmlab.base.errors import DataError
from crmlab.base.share import share
from crmlab.survey.instrument import Instrument
from crmlab.survey.syntax import parse

GOOD = """
title = "A test"
scale = "agree"
[scales.agree]
low = 1
high = 3
missing = [9]
labels = { en = ["No", "Perhaps", "Yes"], fa = ["خیر", "شاید", "بله"] }
[scales.ten]
low = 0
high = 10
[constructs.Trust]
label = { en = "Trust", fa = "اعتماد" }
items = { T1 = { en = "I trust it", fa = "اعتماد دارم" }, T2 = { en = "I doubt it", reverse = true } }
[constructs.Price]
mode = "B"
items = ["P1", "P2"]
[constructs.Loyalty]
scale = "ten"
items = { L1 = "Would you come again?", L2 = { fa = "توصیه می‌کنم", scale = "agree" } }
[constructs.Bond]
parts = ["Trust", "Price"]
[hypotheses]
H1 = { from = "Trust", to = "Loyalty", sign = "+", en = "Trust makes loyal." }
H2 = { from = "Price", through = "Trust", to = "Loyalty" }
[background.sex]
label = "Sex"
labels = { 1 = { en = "Woman", fa = "زن" }, 2 = { en = "Man", fa = "مرد" } }
[columns]
seconds = "time"
"""


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text("\ufeff" + GOOD, encoding="utf-8")  # Windows' Notepad puts the mark there
    return Instrument.from_toml(path)


def test_everything_is_read(good):
    assert (good.name, good.title) == ("shop", {"en": "A test"})
    assert good.item_names == ("T1", "T2", "P1", "P2", "L1", "L2")
    assert good.measurement == {"Trust": ("T1", "T2"), "Price": ("P1", "P2"), "Loyalty": ("L1", "L2")}
    assert [i.reverse for i in good.items] == [False, True, False, False, False, False]
    assert [i.scale.name for i in good.items] == ["agree"] * 4 + ["ten", "agree"]
    assert good.items[0].scale.codes == {"no": 1, "perhaps": 2, "yes": 3, "خیر": 1, "شاید": 2, "بله": 3}
    assert [(c.mode, c.parts) for c in good.constructs[1::2]] == [("B", ()), ("A", ("Trust", "Price"))]
    assert [(h.name, h.sign, h.through) for h in good.hypotheses] == [("H1", "+", ()), ("H2", "", ("Trust",))]
    assert (good.respondent, good.seconds, good.background[0].name) == ("", "time", "sex")
    assert good.languages == ("en", "fa")


def test_model_is_lavaans_syntax(good):
    assert good.model().splitlines() == [
        "Trust =~ T1 + T2", "Price <~ P1 + P2", "Loyalty =~ L1 + L2", "Bond =~ Trust + Price",
        "Loyalty ~ Trust", "Trust ~ Price",
    ]  # fmt: skip
    assert "~ Price" not in good.model(structural=False)
    assert {t.op for t in parse(good.model())} == {"=~", "<~", "~"}


def test_labels_and_tables(good):
    assert good.label("Trust", "fa") == "اعتماد"
    assert good.label("T2", "fa") == "I doubt it"  # the other language where there is only one
    assert (good.label("P1"), good.label("H1"), good.label("sex"), good.label("nobody")) == (
        "P1", "Trust makes loyal.", "Sex", "nobody",
    )  # fmt: skip
    table = good.table("fa")
    assert table.loc[table["item"] == "L2", ["text", "low", "high"]].to_numpy().tolist() == [["توصیه می‌کنم", 1, 3]]
    assert "H2   Price -> Trust -> Loyalty" in repr(good) and "T2 (R)" in repr(good)
    assert "I trust it" in good._repr_html_()


def test_without_a_file():
    made = Instrument.from_items({"A": ["a1", "a2"], "B": ["b1"]}, scale=(0, 10), paths=[("A", "B")], reverse=["a2"])
    assert made.model() == "A =~ a1 + a2\nB =~ b1\nB ~ A"
    assert [(i.name, i.reverse, i.scale.low, i.scale.high) for i in made.items][1:] == [
        ("a2", True, 0, 10), ("b1", False, 0, 10),
    ]  # fmt: skip
    with pytest.raises(DataError, match="reverse names a9"):
        Instrument.from_items({"A": ["a1"]}, reverse=["a9"])


def test_bundled_ones_are_whole():
    crm, mobi = Instrument.bundled("crm_survey"), Instrument.bundled("mobi")
    assert (len(crm.items), len(crm.constructs), len(crm.hypotheses)) == (25, 7, 11)
    assert [i.name for i in crm.items if i.reverse] == ["KCF4", "KM4", "ORG4"]
    for asked in (crm, mobi):
        for item in asked.items:  # both languages, and no text twice
            assert set(item.text) == {"en", "fa"}
        assert len({i.text["en"] for i in asked.items}) == len({i.text["fa"] for i in asked.items}) == len(asked.items)
        assert all(set(c.label) == {"en", "fa"} for c in asked.constructs)
    # the paths of Tenenhaus et al. (2005), as in the reference model of seminr
    paths = {path for h in mobi.hypotheses for path in h.paths}
    assert len(paths) == 12 and ("Image", "Loyalty") in paths and ("Complaints", "Loyalty") in paths


def faults(**changes):
    """What is said of GOOD with these top-level tables in place of its own; None takes a table out."""
    data = tomllib.loads(GOOD) | changes
    with pytest.raises(DataError) as caught:
        Instrument.from_dict({k: v for k, v in data.items() if v is not None})
    return [str(f) for f in caught.value.faults]


SCALE = {"low": 1, "high": 3}
ITEMS = {"items": ["x1", "x2"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scales": None, "scale": None}, "no scale is given"),
        ({"scales": {"agree": SCALE | {"low": 5}, "ten": SCALE}}, "scales.agree goes from 5 to 3"),
        ({"scales": {"agree": {"low": 1}, "ten": SCALE}}, "scales.agree needs low and high"),
        ({"scales": {"agree": SCALE | {"labels": {"en": ["No", "Yes"]}}, "ten": SCALE}}, "2 labels for 3 points"),
        ({"scales": {"agree": SCALE | {"labels": {"en": ["No", "no ", "Yes"]}}, "ten": SCALE}}, "a label twice"),
        ({"scales": {"agree": SCALE | {"missing": [3, 9]}, "ten": SCALE}}, "missing has 3"),
        ({"scale": "agre"}, "the scale 'agre', which is not there. The scales are agree, ten. Did you mean 'agree'?"),
        ({"constructs": {"A": ITEMS, "B": {"items": ["x2"]}}, "hypotheses": {}}, "'x2' is an item of 'A' and"),
        ({"constructs": {"A": {"label": "A"}}, "hypotheses": {}}, "construct 'A' has no items"),
        ({"constructs": {"A": ITEMS, "B": ITEMS | {"parts": ["A"]}}, "hypotheses": {}}, "'B' has both items and parts"),
        ({"constructs": {"A": ITEMS, "B": {"parts": ["C"]}}, "hypotheses": {}}, "the part 'C', which is no construct"),
        ({"constructs": {"A": {"parts": ["B"]}, "B": {"parts": ["A"]}}, "hypotheses": {}}, "is a part of itself"),
        ({"constructs": {"A": {"items": ["A"]}}, "hypotheses": {}}, "'A' is construct 'A' and an item of 'A'"),
        ({"constructs": {"A": {"items": ["my item"]}}, "hypotheses": {}}, "'my item' (an item of 'A') cannot be"),
        ({"constructs": {"A": ITEMS | {"mode": "C"}}, "hypotheses": {}}, "mode of A is 'C'. It must be one of 'A'"),
        ({"constructs": {"A": {"items": ["x1", "x1"]}}, "hypotheses": {}}, "constructs.A.items names an item twice"),
        ({"constructs": None, "hypotheses": {}}, "no construct is given"),
        ({"constructs": {"A": {"items": {"x": {"revers": True}}}}, "hypotheses": {}}, "Did you mean 'reverse'?"),
        ({"hypotheses": {"H1": {"from": "Trus", "to": "Loyalty"}}}, "names 'Trus', which is no construct. Did you"),
        ({"hypotheses": {"H1": {"from": "Trust"}}}, "hypothesis H1 has no 'to'"),
        ({"hypotheses": {"H1": {"from": "Trust", "to": "Trust"}}}, "comes back to where it was: Trust -> Trust"),
        ({"hypotheses": {"H1": {"from": "Trust", "to": "Loyalty", "sign": "plus"}}}, "sign of H1 is 'plus'"),
        ({"hypotheses": {h: {"from": "Trust", "to": "Loyalty"} for h in ("H1", "H2")}}, "H1 and H2 are about the same"),
        ({"hypothesis": {}}, "the key 'hypothesis', which is not known. Correct or drop it. Did you"),
        ({"background": {"T1": {}}}, "'T1' is an item of 'Trust' and another column"),
        ({"constructs": "Trust", "hypotheses": {}}, "constructs is 'Trust', no table"),
        ({"title": {"de": "Ein Test"}}, "title has the key 'de'"),
    ],
)  # fmt: skip
def test_each_fault_is_named(changes, said):
    found = faults(**changes)
    assert any(said in fault for fault in found), found


def test_all_faults_at_once():
    found = faults(
        scales={"agree": {"low": 3, "high": 1}, "ten": SCALE},
        hypotheses={"H1": {"from": "Trst", "to": "Loyalty"}, "H2": {"from": "Trust"}},
    )
    assert len(found) == 3


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no file has this name"):
        Instrument.from_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[constructs\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no valid TOML: .*line 1"):
        Instrument.from_toml(broken)


def test_the_example_is_a_good_example():
    """Every key that the reader knows is shown in the bundled file, but mode, parts, through's list and order."""
    text = share("datasets", "crm_survey", "instrument.toml").read_text(encoding="utf-8")
    for word in (
        "title",
        "scale =",
        "missing",
        "reverse",
        "parts",
        'mode = "B"',
        "through",
        "sign",
        "labels",
        "seconds",
    ):
        assert word in text


def test_items_can_be_left_out():
    inst = Instrument.from_items({"A": ["a1", "a2"], "B": ["b1"]}, paths=[("A", "B")])
    less = inst.without("a2")
    assert less.item_names == ("a1", "b1") and less.model() == "A =~ a1\nB =~ b1\nB ~ A"
    assert inst.item_names == ("a1", "a2", "b1")
    with pytest.raises(DataError, match="'a3' is no item. Correct it. Did you mean"):
        inst.without("a3")
    with pytest.raises(DataError, match="'B' has no item left"):
        inst.without("b1")
