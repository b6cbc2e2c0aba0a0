"""The whole path, from the file of answers to the chapter."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
from docx import Document
from typer.testing import CliRunner

from crmlab import cli
from crmlab.base.errors import DataError, OptionError
from crmlab.base.share import share
from crmlab.base.table import Table
from crmlab.data.datasets import load_mobi
from crmlab.reports.study import study
from crmlab.reports.write import write_tables
from crmlab.survey.instrument import Instrument
from crmlab.survey.sem import cfa, sem

ROOT = Path(__file__).resolve().parents[2]
CRM = share("datasets", "crm_survey", "instrument.toml"), share("datasets", "crm_survey", "crm_survey.csv")


@pytest.fixture(scope="module")
def both():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # codes outside the scale were planted
        return study(*CRM, method="both", bootstrap=100, rng=3, max_flags=1)


@pytest.fixture(scope="module")
def mobi():
    return study(Instrument.bundled("mobi"), load_mobi(), method="pls", bootstrap=60, rng=5, progress=False)


def test_each_step_is_what_its_function_gives(both):
    assert not both.failures
    options = {"estimator": "MLR"}
    for fit, again in ((both.cfa, cfa), (both.sem, sem)):
        same = again(both.instrument, both.answers, **options)
        pd.testing.assert_series_equal(fit.fit_indices, same.fit_indices)
    rows = both.sem.estimates.query("op == '~'").set_index(["rhs", "lhs"])["std.all"]
    made = both.tables()
    shown = made["hypotheses"].frame.set_index("H")["β"]
    direct = [h for h in both.instrument.hypotheses if not h.through]
    assert shown[[h.name for h in direct]].tolist() == [rows[h.source, h.target] for h in direct]
    assert made["pls_hypotheses"].frame["β"].tolist()[:9] != shown.tolist()[:9]


def test_nobody_is_left_out_without_a_word(both, mobi):
    flags = both.screening.flags["n_flags"]
    out, text = int((flags > 1).sum()), both.summary()
    assert out > 0 and len(both.answers) == 500 - out
    assert f"answers of {500 - out} of 500 respondents were analysed; {out} were set aside" in text
    lost = len(both.answers) - both.sem.n
    assert f"{lost} respondents are not in it" in text
    assert len(mobi.answers) == 250 and "All 250 respondents were analysed" in mobi.summary()


def test_sentences_say_what_the_tables_say(both):
    text = both.summary()
    fit = both.cfa.fit_indices
    assert (
        f"χ²({fit['df']:.0f}) = {fit['chisq.scaled']:.2f}" in text
        and f"SRMR = {fit['srmr']:.3f}".replace("0.", ".") in text
    )
    decided = both.tables()["hypotheses"].frame
    good = decided.loc[decided["Decision"] == "supported", "H"].tolist()
    assert f"{len(good)} of {len(decided)} ({', '.join(good)})" in text
    assert not re.search(r"\b(prove[sd]?|cause[sd]|effect of|confirms?)\b", text)
    # the same numbers in Persian digits
    assert f"{fit['chisq.scaled']:.2f}".replace(".", "٫").translate(
        str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
    ) in both.summary("fa")


def test_the_chapter_in_both_languages(mobi, tmp_path):
    names = []
    for language, first, label in (
        ("en", "Respondents and answers", "Table 1"),
        ("fa", "پاسخ‌دهندگان و پاسخ‌ها", "جدول ۱"),
    ):
        parts = mobi.parts(language)
        names.append(list(parts))
        document = Document(write_tables(parts, tmp_path / f"{language}.docx"))
        texts = [p.text for p in document.paragraphs]
        assert texts[0] == first and label in texts
        assert len(document.tables) == sum(isinstance(part, Table) for part in parts.values()) > 10
    assert names[0] == names[1]


def test_a_step_that_fails_says_why_and_the_rest_stands(tmp_path):
    inst = Instrument.from_items(
        {"Satisfaction": ["CUSA1", "CUSA2", "CUSA3"], "Value": ["PERV1", "PERV2"]}, (1, 10), reverse=()
    )
    alone = Instrument.from_items({"Value": ["PERV1", "PERV2"]}, (1, 10))
    found = study(alone, load_mobi()[["PERV1", "PERV2"]])
    assert "not identified" in found.failures["cfa"] or "parameters" in found.failures["cfa"]
    assert found.cfa is None and "reliability" in found.tables()
    text = "\n".join(p.text for p in Document(write_tables(found.parts("fa"), tmp_path / "a.docx")).paragraphs)
    assert "این بخش برآورد نشد" in text and "Value" in text
    without = study(inst, load_mobi())
    assert without.sem is None and "no hypotheses" in without.summary() and "cfa_fit" in without.tables()


def test_the_seed_is_the_result(mobi):
    again = study(mobi.instrument, load_mobi(), method="pls", bootstrap=60, rng=5)
    pd.testing.assert_frame_equal(mobi.pls.paths, again.pls.paths)
    assert mobi.summary() == again.summary()


def test_refusals():
    with pytest.raises(OptionError, match="method='lisrel'"):
        study(*CRM, method="lisrel")
    with pytest.raises(OptionError, match="alpha=2"):
        study(*CRM, alpha=2)
    with pytest.raises(DataError, match=r"'IMAG1': it is missing.*Did you mean 'IMAGE1'"):
        study(Instrument.bundled("mobi"), load_mobi().rename(columns={"IMAG1": "IMAGE1"}))


def test_the_page_for_newcomers_runs_as_it_stands(tmp_path):
    page = (ROOT / "docs" / "questionnaire.md").read_text(encoding="utf-8")
    (tmp_path / "instrument.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.S)[1], encoding="utf-8")
    lines = re.search(r"```\n(gender,.*?)```", page, re.S)[1]
    inst = Instrument.from_toml(tmp_path / "instrument.toml")
    assert len(inst.items) == 12 and len(inst.constructs) == 4
    (tmp_path / "two.csv").write_text(lines, encoding="utf-8")
    answers, _ = inst.read(tmp_path / "two.csv")
    assert answers["Q3"].tolist() == [4, 3] and answers["Q5"].isna().tolist() == [False, True]  # 6 - 2, 6 - ۳
    options = set(re.findall(r"`(--[a-z-]+)", page))
    known = {o for p in cli.typer.main.get_command(cli.app).commands["survey"].params for o in p.opts}
    assert options <= known
    mobi = tmp_path / "mobi.csv"
    load_mobi().to_csv(mobi, index=False)
    asked = str(share("datasets", "mobi", "instrument.toml"))
    call = ["survey", asked, str(mobi), "--out", str(tmp_path / "t.docx"), "--method", "pls", "--bootstrap", "50"]
    done = CliRunner().invoke(cli.app, call)
    assert done.exit_code == 0 and "250 answers are in" in done.output
    chapter = Document(tmp_path / "t.docx")
    assert chapter.paragraphs[0].text == "Findings" and len(chapter.inline_shapes) == 4
    again = CliRunner().invoke(cli.app, call)
    assert isinstance(again.exception, OptionError) and "is there already" in str(again.exception)
