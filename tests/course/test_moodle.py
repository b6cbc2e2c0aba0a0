"""Moodle XML, read back by Moodle's rules of import: the key scores full marks, a mistake does not."""

from __future__ import annotations

import base64
import html
import re
from xml.etree import ElementTree

import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.base.share import share
from crmlab.course.exercise import slugs
from crmlab.course.export import export_assignment
from crmlab.course.export.moodle import moodle_xml
from crmlab.course.roster import read_roster
from tests.course.asked import CODE, SECRET, TEXT, asked, folder, places, value_at

SLUGS = slugs(share("exercises"))
# the fractions that a question's form offers; the import takes what is nearer than 0.00001 to one of them
FRACTIONS = [1, 0.9, 0.8333333, 0.8, 0.75, 0.7, 0.6666667, 0.6, 0.5, 0.4, 0.3333333, 0.3, 0.25, 0.2, 0.1666667]
FRACTIONS += [0.1428571, 0.125, 0.1111111, 0.1, 0.05, 0]
CLOZE = re.compile(r"\{(\d*):(NUMERICAL|SHORTANSWER|MULTICHOICE_VS|MULTIRESPONSE_S):")
NUMBER = r"-?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?"


def read(xml):
    """The questions of a file, as Moodle's import sees them: questions and the categories that they fall into."""
    root = ElementTree.fromstring(xml)
    assert root.tag == "quiz"
    category, found = None, []
    for element in root:
        assert element.tag == "question"
        if element.get("type") == "category":
            category = element.findtext("category/text")
            continue
        assert 0 < len(element.findtext("name/text")) <= 255
        assert len(element.findtext("idnumber")) <= 100
        for text in element.iter("text"):
            assert not list(text), "text holds no elements: everything is escaped"
        for file in element.iter("file"):
            base64.b64decode(file.text, validate=True)
        found.append((category, element, _parts(element)))
    return found


def _parts(element):
    kind = element.get("type")
    if kind == "essay":
        return []
    if kind == "cloze":
        return _cloze(element.findtext("questiontext/text"))[0]
    alternatives = []
    for answer in element.findall("answer"):
        fraction = float(answer.get("fraction")) / 100
        assert min(abs(abs(fraction) - one) for one in FRACTIONS) < 0.00001
        said, feedback = answer.findtext("text").strip(), answer.findtext("feedback/text")
        alternatives.append((said, fraction, float(answer.findtext("tolerance") or 0), feedback))
    several = kind == "multichoice" and element.findtext("single") == "false"
    fractions = [one[1] for one in alternatives]
    if several:
        assert round(sum(one for one in fractions if one > 0), 2) == 1
    else:
        assert max(fractions) == 1
    return [(1, "several" if several else kind, alternatives)]


def _cloze(text):
    """The parts of a cloze, and its text with an element in place of each."""
    parts, shown, at = [], "", 0
    while match := CLOZE.search(text, at):
        shown += text[at : match.start()] + f'<place responseIdentifier="{len(parts)}"/>'
        at, alternatives = match.end(), []
        while True:
            mark = re.compile(r"=|%(-?\d+(?:[.,]\d*)?)%").match(text, at)
            fraction = 0 if not mark else float(mark[1] or 0) / 100 if mark[1] else 1
            at = mark.end() if mark else at
            end = re.compile(r".+?(?<!\\)(?<!&)(?<!&amp;)(?=[~#}])", re.S).match(text, at)
            said, at, feedback = end[0], end.end(), ""
            if text[at] == "#":
                end = re.compile(r".*?(?<!\\)(?=[~}])", re.S).match(text, at + 1)
                feedback, at = html.unescape(end[0]), end.end()
            tolerance = 0.0
            if match[2] == "NUMERICAL":
                number = re.fullmatch(f"({NUMBER}):({NUMBER})", said)
                said, tolerance = number[1], float(number[2])
            alternatives.append((html.unescape(said).strip(), fraction, tolerance, feedback))
            at += 1
            if text[at - 1] == "}":
                break
        kind = {"NUMERICAL": "numerical", "SHORTANSWER": "shortanswer", "MULTICHOICE_VS": "multichoice"}
        kind = kind.get(match[2], "several")
        if kind == "several":  # positive fractions are made to add up to one
            total = sum(one[1] for one in alternatives if one[1] > 0)
            alternatives = [(s, f / total if f > 0 else f, *rest) for s, f, *rest in alternatives]
        assert any(one[1] > 0 for one in alternatives)
        assert match[1] and int(match[1]) > 0
        parts.append((int(match[1]), kind, alternatives))
    assert "{" not in text[at:] and parts
    return parts, shown + text[at:]


def mark(part, value):
    """The share that Moodle gives for this value, and the feedback of the answer that it matches."""
    _, kind, alternatives = part
    if kind == "several":
        chosen = {html.escape(one, quote=False) for one in value}
        assert chosen <= {said for said, *_ in alternatives}
        return min(1, max(0, sum(fraction for said, fraction, *_ in alternatives if said in chosen))), ""
    value = value[0] if isinstance(value, list | tuple) else value  # of several accepted wordings, the first
    for said, fraction, tolerance, feedback in alternatives:
        if kind == "numerical":
            fits = abs(float(said) - float(value)) <= tolerance + 1e-14 * max(1, abs(float(said)))
        elif kind == "multichoice":
            fits = said == html.escape(value, quote=False)
        else:
            pattern = "".join(re.escape(p) if p != "*" else ".*" for p in re.split(r"(?<!\\)(\*)", said))
            fits = re.fullmatch(pattern.replace(r"\\\*", r"\*"), value, re.I)
        if fits:
            return fraction, feedback
    return 0, ""


def marked(element, parts, values, names):
    """The share of a whole question, where the answers are `values`; and all feedback that is shown."""
    if element.get("type") == "cloze":
        shown = _cloze(element.findtext("questiontext/text"))[1]
        where = list(places(ElementTree.fromstring(f"<div>{shown}</div>")))
        assert [one[0] for one in where] == [str(i) for i in range(len(parts))], "each part stands at its place"
    else:
        where = [("0", names[0], None)]
    results = [mark(part, value_at(values, n, cell)) for part, (_, n, cell) in zip(parts, where, strict=True)]
    weights = [part[0] for part in parts]
    score = sum(w * r[0] for w, r in zip(weights, results, strict=True)) / sum(weights)
    return score, "".join(feedback for _, feedback in results)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_key_scores_full_marks_and_a_mistake_does_not(slug):
    assignment, found, variants = asked(slug)
    questions = read(moodle_xml(assignment, found, "en"))
    assert len(questions) == len(variants)
    for (category, element, parts), variant in zip(questions, variants, strict=True):
        assert category.startswith("$course$/top/Homework 1//2 & more/1. ")
        assert element.findtext("defaultgrade") == "10"
        names = list(variant.exercise.answers)
        if not parts:
            assert element.get("type") == "essay" and element.findtext("graderinfo/text")
            assert found[0].questions[0].notes
            continue
        assert marked(element, parts, variant.key, names)[0] == pytest.approx(1, abs=1e-6)
        for name, wrong in variant.mistakes.items():
            given = variant.key | wrong
            if variant.judge(given).share < 1:
                score, feedback = marked(element, parts, given, names)
                assert score < 1 - 1e-6, name
                told = feedback + element.findtext("generalfeedback/text")
                assert told.count("<p>") > found[0].questions[0].solution.count("<p>"), f"{name} is explained"


@pytest.mark.parametrize("language", ["en", "fa"])
def test_signs_that_divide_a_cloze_and_markup_are_guarded(tmp_path, language):
    assignment, found, variants = asked("signs", language, root=folder(tmp_path))
    xml = moodle_xml(assignment, found, language)
    for (_, element, parts), variant in zip(read(xml), variants, strict=True):
        assert [kind for _, kind, _ in parts] == ["shortanswer", "multichoice", "several"] + [
            "numerical", "shortanswer", "numerical"] * 2  # fmt: skip
        assert marked(element, parts, variant.key, [])[0] == pytest.approx(1)
        for wording in ("STAR *", "می‌خواهم", "می خواهم"):
            assert mark(parts[0], wording)[0] == 1
        assert mark(parts[0], "star x")[0] == 0, "a star is no wildcard"
        assert mark(parts[0], "~}#=%1% \\")[0] == 0
        feedback = mark(parts[1], "=x%50%&amp;")[1]
        assert "All } ~ # = % \\ / &quot; &amp; <code>&lt;i&gt;</code> ]]&gt; signs می‌شود." in feedback
        assert ('dir="rtl"' in feedback) == (language == "fa")
        prompt = element.findtext("questiontext/text")
        assert "]]&gt; &lt;script&gt;alert(1)&lt;/script&gt; &#123;1:NUMERICAL:=1} &#123;#1}" in prompt
        assert ("می‌خواهیم" in prompt) and prompt.startswith('<div dir="rtl" lang="fa">') == (language == "fa")
        assert [weight for weight, *_ in parts] == [6, 6, 6, 1, 1, 1, 1, 1, 1], "in whole numbers"


BY_HAND = CODE.replace('"row": {"kind": "table"}', '"row": {"kind": "table"}, "why": {"kind": "essay"}')


def test_what_a_person_marks_is_an_essay_with_rubric_and_key(tmp_path):
    text = TEXT.replace("## Solution", "## Rubric: why\n- 2: names a reason\n- 1: gives an example\n\n## Solution")
    assignment, found, _ = asked("signs", root=folder(tmp_path, BY_HAND, text))
    (_, element, parts), *_ = read(moodle_xml(assignment, found, "en"))
    assert element.get("type") == "essay" and not parts
    told = element.findtext("graderinfo/text")
    assert "names a reason" in told and "<code>sign</code>: a}b~c#d" in told and "row Sara y" in told
    assert element.findtext("generalfeedback/text") == ""
    assert found[0].questions[0].notes == ("signs: 'why' is marked by hand, in Moodle with its whole exercise",)


def test_a_large_table_is_marked_by_hand_and_that_is_said(tmp_path):
    code = CODE.replace('"row": row}', '"row": pd.concat([row] * 5)}')
    assignment, found, _ = asked("signs", root=folder(tmp_path, code))
    assert "more than 20 cells" in found[0].questions[0].notes[0]
    assert read(moodle_xml(assignment, found, "en"))[0][1].get("type") == "essay"


def test_eleven_right_choices_have_no_fraction_and_become_a_cloze(tmp_path):
    code = re.sub(r"answers = \{.*?\n\}", 'answers = {"some": {"kind": "choices", "choices": tuple("abcdefghijklm")}}',
                  CODE, flags=re.S)  # fmt: skip
    code = re.sub(r"return \{\"word\": \[.*", 'return {"some": set("abcdefghijk")}', code)
    code = re.sub(r"return \{\"word\": \"~.*", 'return {"some": {"a"}}', code)
    assignment, found, variants = asked("signs", root=folder(tmp_path, code, TEXT.replace("{word} {sign}", "{some}")))
    (_, element, parts), *_ = read(moodle_xml(assignment, found, "en"))
    assert element.get("type") == "cloze" and len(parts) == 1
    assert mark(parts[0], variants[0].key["some"])[0] == pytest.approx(1)
    assert mark(parts[0], set("abcdefghijklm"))[0] == pytest.approx(9 / 11, abs=1e-4)


def test_a_long_table_comes_as_a_file_and_decimals_are_whole():
    assignment, found, variants = asked("expected-orders", variants=1)
    ((_, element, _),) = read(moodle_xml(assignment, found, "en"))
    assert 'href="@@PLUGINFILE@@/customers.csv"' in element.findtext("questiontext/text")
    file = element.find("questiontext/file")
    rows = base64.b64decode(file.text).decode().splitlines()
    assert file.get("name") == "customers.csv" and len(rows) == 1 + len(variants[0].drawn["customers"])
    assignment, found, variants = asked("hypotheses-table", variants=1)
    p = variants[0].drawn["results"]["p"]
    assert all(f"<td>{value:.10g}</td>" in found[0].questions[0].prompt for value in p)


def test_an_export_is_the_same_again_and_replaces_nothing(tmp_path):
    secret = tmp_path / "secret.key"
    secret.write_bytes(SECRET)
    made = [
        export_assignment("lifetime-value", None, secret, to, tmp_path / f"{to}-{i}", variants=2)
        for to in ("moodle", "qti")
        for i in (1, 2)
    ]
    contents = [path.read_bytes() for path in made]
    assert contents[0] == contents[1] and contents[2] == contents[3]
    categories = {category for category, *_ in read(contents[0])}
    drawn = [one for one in categories if "/6./" in one]
    info = {e.findtext("category/text").split("/", 3)[3]: e.findtext("info/text") for e in
            ElementTree.fromstring(contents[0]) if e.get("type") == "category"}  # fmt: skip
    assert "Draw 1 question" in info["6."] and "10 points" in info["6."], "what is drawn stands above its exercises"
    assert all(not info[one.split("/", 3)[3]] for one in drawn)
    assert drawn and len(categories) == 5 + len(drawn), "whichever a slot may draw has its category"
    with pytest.raises(OptionError, match="is there already"):
        export_assignment("lifetime-value", None, secret, "moodle", made[0])
    assert made[0].read_bytes() == contents[0]
    with pytest.raises(OptionError, match="roster"):
        export_assignment("lifetime-value", None, secret, "nbgrader", tmp_path / "n")
    with pytest.raises(OptionError, match="'gift'"):
        export_assignment("lifetime-value", None, secret, "gift", tmp_path / "g")
    with pytest.raises(OptionError, match="variants"):
        export_assignment("lifetime-value", None, secret, "moodle", tmp_path / "v", variants=0)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".crmlab")]


def test_no_variant_of_the_pool_is_a_students(tmp_path):
    """The ids that seed a pool are none that a list of students may hold."""
    _, (pool,), variants = asked("lift", variants=3)
    assert len({repr(variant.drawn) for variant in variants}) == 3 == len(pool.questions)
    (tmp_path / "roster.csv").write_text("id\npool 1\nvariant 1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no safe name.*pool 1.*variant 1"):
        read_roster(tmp_path / "roster.csv")


def test_what_cannot_be_marked_is_warned_of(tmp_path):
    folder(tmp_path, BY_HAND, TEXT.replace("## Solution", "## Rubric: why\n- 2: a reason\n\n## Solution"))
    (tmp_path / "one.toml").write_text(
        'id = "one"\ntitle = "One"\nbank = "."\n[[exercises]]\nslug = "signs"\npoints = 4\n', encoding="utf-8"
    )
    (tmp_path / "secret.key").write_bytes(SECRET)
    with pytest.warns(UserWarning, match="signs: 'why' is marked by hand"):
        export_assignment(tmp_path / "one.toml", None, tmp_path / "secret.key", "qti", tmp_path / "out.zip")
