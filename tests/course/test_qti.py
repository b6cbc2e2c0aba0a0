"""The QTI 2.1 package: its structure, and its own response processing run on the key and on each mistake."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from xml.etree import ElementTree

import pandas as pd
import pytest

from crmlab.base.share import share
from crmlab.course.exercise import slugs
from crmlab.course.export.qti import PACKAGE, QTI, qti_package
from tests.course.asked import TITLE, asked, folder, places, value_at

SLUGS = slugs(share("exercises"))
NCNAME = re.compile(r"[A-Za-z_][\w.-]*")
# what an item may hold, in this order (QTI 2.1, assessmentItem)
ORDER = ["responseDeclaration", "outcomeDeclaration", "stylesheet", "itemBody", "responseProcessing", "modalFeedback"]
BLOCKS = {"p", "div", "table", "ul", "ol", "pre", "blockquote", "hr", "rubricBlock", "h1", "h2", "h3", "h4"}
BLOCKS |= {"choiceInteraction", "extendedTextInteraction", "uploadInteraction"}
INLINE = {"code", "strong", "em", "a", "br", "textEntryInteraction"}
INSIDE = {"thead", "tbody", "tr", "th", "td", "li", "simpleChoice"}
TABLE = {"table": {"thead", "tbody"}, "thead": {"tr"}, "tbody": {"tr"}, "tr": {"th", "td"}, "ul": {"li"}, "ol": {"li"}}


def tag(element):
    return element.tag.split("}")[-1]


def read(content):
    """The files of a package; whatever a strict reader of QTI 2.1 and IMS content packaging would refuse, fails."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.testzip() is None
        files = {name: package.read(name) for name in package.namelist()}
        assert len(files) == len(package.namelist())
        assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    trees = {name: ElementTree.fromstring(body) for name, body in files.items() if name.endswith(".xml")}
    manifest = trees.pop("imsmanifest.xml")
    assert manifest.tag == f"{{{PACKAGE}}}manifest"
    assert [tag(child) for child in manifest] == ["metadata", "organizations", "resources"]
    resources = {one.get("identifier"): one for one in manifest.iter(f"{{{PACKAGE}}}resource")}
    hrefs = [file.get("href") for one in resources.values() for file in one.iter(f"{{{PACKAGE}}}file")]
    assert sorted(hrefs) == sorted(set(files) - {"imsmanifest.xml"})
    everything = [e.get("identifier") for e in manifest.iter() if e.get("identifier")]
    assert len(everything) == len(set(everything)) and all(map(NCNAME.fullmatch, everything))
    for one in resources.values():
        assert all(d.get("identifierref") in resources for d in one.iter(f"{{{PACKAGE}}}dependency"))
    kinds = {one.get("href"): one.get("type") for one in resources.values()}
    items = {name: tree for name, tree in trees.items() if kinds[name] == "imsqti_item_xmlv2p1"}
    (test,) = (tree for name, tree in trees.items() if kinds[name] == "imsqti_test_xmlv2p1")
    refs = [ref.get("href") for ref in test.iter(f"{{{QTI}}}assessmentItemRef")]
    assert sorted(refs) == sorted(items)
    ids = [e.get("identifier") for e in test.iter() if e.get("identifier") and tag(e) != "setOutcomeValue"]
    assert len(ids) == len(set(ids)) and all(map(NCNAME.fullmatch, ids))
    for name, item in items.items():
        check_item(name, item, files)
    return items, test, files


def check_item(name, item, files):
    assert item.tag == f"{{{QTI}}}assessmentItem" and all(e.tag.startswith(f"{{{QTI}}}") for e in item.iter())
    children = [tag(child) for child in item]
    assert children == sorted(children, key=ORDER.index)
    declared = {e.get("identifier"): e for e in item if "Declaration" in tag(e)}
    assert len(declared) == sum("Declaration" in one for one in children)
    used = [e.get("responseIdentifier") for e in item.iter() if e.get("responseIdentifier")]
    assert len(used) == len(set(used)) and set(used) == {n for n, e in declared.items() if tag(e).startswith("resp")}
    for element in item.iter(f"{{{QTI}}}variable"):
        assert element.get("identifier") in declared
    for feedback in item.iter(f"{{{QTI}}}modalFeedback"):
        assert feedback.get("outcomeIdentifier") in declared
    told = [e.get("identifier") for e in item.iter(f"{{{QTI}}}modalFeedback")]
    assert len(told) == len(set(told)) and all(map(NCNAME.fullmatch, [*told, *declared, item.get("identifier")]))
    body = item.find(f"{{{QTI}}}itemBody")
    assert all(tag(child) in BLOCKS for child in body)
    assert {tag(e) for e in body.iter()} <= BLOCKS | INLINE | INSIDE | {"itemBody"}
    for element in body.iter():
        assert {tag(c) for c in element} <= TABLE.get(tag(element), {*BLOCKS, *INLINE, "simpleChoice"})
        if tag(element) in ("p", "code", "strong", "em", "a"):
            assert not {tag(c) for c in element} & BLOCKS
        assert not set(element.attrib) & {"style", "dir", "start", "align"}
        if tag(element) == "a" and ":" not in element.get("href"):
            assert posixpath.join("items", element.get("href")) in files
        if tag(element) == "choiceInteraction":
            choices = [c.get("identifier") for c in element]
            assert len(choices) == len(set(choices)) > 1 and all(c.text for c in element)
            right = declared[element.get("responseIdentifier")]
            assert {v.text for v in right.iter(f"{{{QTI}}}value")} <= set(choices)


def process(item, responses):
    """Run an item's response processing; its outcomes."""
    outcomes = {}
    for declared in item.findall(f"{{{QTI}}}outcomeDeclaration"):
        default = declared.findtext(f".//{{{QTI}}}value")
        many = declared.get("cardinality") == "multiple"
        outcomes[declared.get("identifier")] = [] if many else float(default)

    def evaluate(e):
        inner = [evaluate(child) for child in e]
        kind = tag(e)
        if kind == "variable":
            return {**outcomes, **responses}[e.get("identifier")]
        if kind == "baseValue":
            return float(e.text) if e.get("baseType") == "float" else e.text
        if kind == "equal":
            low, high = map(float, e.get("tolerance").split())
            assert e.get("toleranceMode") == "absolute"
            return inner[0] is not None and inner[1] - low <= inner[0] <= inner[1] + high
        if kind == "stringMatch":
            assert e.get("caseSensitive") == "false"
            return inner[0] is not None and inner[0].lower() == inner[1].lower()
        if kind == "multiple":
            return [one for i in inner for one in (i if isinstance(i, list) else [i])]
        rules = {
            "match": lambda: inner[0] is not None and sorted(inner[0]) == sorted(inner[1]),
            "isNull": lambda: inner[0] in (None, []),
            "and": lambda: all(inner), "or": lambda: any(inner), "sum": lambda: sum(inner),
            "gte": lambda: inner[0] >= inner[1],
        }  # fmt: skip
        return rules[kind]()

    for condition in item.find(f"{{{QTI}}}responseProcessing"):
        assert tag(condition) == "responseCondition"
        for branch in condition:
            test, *actions = branch
            if evaluate(test):
                for action in actions:
                    outcomes[action.get("identifier")] = evaluate(action[0])
                break
    return outcomes


def respond(item, values):
    """What a student answers whose answers are `values`, as the platform holds it."""
    responses = {}
    for identifier, name, cell in places(item.find(f"{{{QTI}}}itemBody")):
        declared = next(e for e in item if e.get("identifier") == identifier)
        interaction = next(e for e in item.iter() if e.get("responseIdentifier") == identifier)
        value = value_at(values, name, cell)
        if declared.get("baseType") == "string":
            value = value if isinstance(value, str) else value[0]  # of several accepted wordings, the first
        if tag(interaction) == "choiceInteraction":
            choices = {choice.text: choice.get("identifier") for choice in interaction}
            value = choices[value] if isinstance(value, str) else [choices[one] for one in value]
        responses[identifier] = float(value) if declared.get("baseType") == "float" else value
    return responses


@pytest.mark.parametrize("slug", SLUGS)
def test_the_key_scores_full_marks_and_a_mistake_does_not(slug):
    assignment, found, variants = asked(slug)
    items, _, _ = read(qti_package(assignment, found, "en"))
    for item, variant in zip(items.values(), variants, strict=True):
        if any(field.key is None for field in found[0].questions[0].fields):
            assert found[0].questions[0].notes
            continue
        right = process(item, respond(item, variant.key))
        assert right["SCORE"] == pytest.approx(right["MAXSCORE"]) == 10 and right["FEEDBACK"] == []
        for name, wrong in variant.mistakes.items():
            verdict = variant.judge(variant.key | wrong)
            outcome = process(item, respond(item, variant.key | wrong))
            if any(answer.kind == "table" for answer in variant.exercise.answers.values()):
                assert outcome["SCORE"] < 10 * (1 - 1e-9) or verdict.share == 1  # each right cell earns its part
            else:
                assert outcome["SCORE"] == pytest.approx(10 * verdict.share)
            if verdict.share < 1:
                assert outcome["FEEDBACK"] == [f"M-{verdict.mistake}"], name


def test_markup_and_control_characters_do_no_harm(tmp_path):
    assignment, found, variants = asked("signs", root=folder(tmp_path))
    items, _, files = read(qti_package(assignment, found, "en"))
    for item, variant in zip(items.values(), variants, strict=True):
        shown = "".join(item.find(f"{{{QTI}}}itemBody").itertext())
        assert "]]> <script>alert(1)</script> {1:NUMERICAL:=1} {#1}" in shown and item.get("title") == "Signs ]]> & <b>"
        responses = respond(item, variant.key | {"some": ["{1:SA:=x}", "b*"]})
        assert process(item, responses)["SCORE"] == pytest.approx(10)
        assert process(item, responses | {"A0": "می خواهم"})["SCORE"] == pytest.approx(10), "without half-spaces, too"
        assert process(item, responses | {"A0": "می‌روم"})["SCORE"] == pytest.approx(7.5)
        wrong = respond(item, variant.key | variant.mistakes["signs"])
        assert process(item, wrong)["FEEDBACK"] == ["M-signs"]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f]", b"".join(files.values()))


def test_nothing_given_scores_nothing():
    assignment, found, _ = asked("reverse-items")
    items, _, _ = read(qti_package(assignment, found, "en"))
    item = next(iter(items.values()))
    assert process(item, {"A0": [], "A1": None, "A2": None})["SCORE"] == 0


def test_a_test_draws_one_variant_of_each_exercise():
    assignment, found, _ = asked("lift", variants=3)
    _, test, _ = read(qti_package(assignment, found, "en"))
    (section,) = test.iter(f"{{{QTI}}}assessmentSection")
    assert section.find(f"{{{QTI}}}selection").get("select") == "1"
    assert len(section.findall(f"{{{QTI}}}assessmentItemRef")) == 3


def test_a_long_table_is_a_file_beside_its_item():
    assignment, found, variants = asked("expected-orders", variants=1)
    _, _, files = read(qti_package(assignment, found, "en"))
    table = pd.read_csv(io.BytesIO(files["items/expected-orders-0001-customers.csv"]))
    pd.testing.assert_frame_equal(table, variants[0].drawn["customers"].reset_index(drop=True), check_dtype=False)


def test_persian_is_whole_and_marked_as_right_to_left():
    assignment, found, variants = asked("break-even-response", "fa")
    items, test, files = read(qti_package(assignment, found, "fa"))
    item = next(iter(items.values()))
    assert test.get("title") == TITLE["fa"] and "\u200c" in TITLE["fa"]
    text = variants[0].text("fa")
    assert item.get("title") == text.title and item.get("{http://www.w3.org/XML/1998/namespace}lang") == "fa"
    shown = "".join(item.find(f"{{{QTI}}}itemBody").itertext())
    assert text.prompt.split("\n")[1] in shown and "\u200c" in shown
    assert {e.get("class") for e in item.iter(f"{{{QTI}}}div")} == {"rtl", "answer"}
    assert b".rtl { direction: rtl" in files["style.css"]


def test_the_same_input_gives_the_same_bytes():
    def one():
        assignment, found, _ = asked("hypotheses-table")
        return qti_package(assignment, found, "en")

    assert one() == one()
