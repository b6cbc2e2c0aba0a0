"""Reading answers: whatever the export looks like, the same codes come out, and what is wrong is named."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from crmlab.base.errors import AssumptionWarning, DataError, OptionError
from crmlab.base.share import share
from crmlab.survey.instrument import Instrument

FA = ["کاملاً مخالفم", "مخالفم", "نه موافقم و نه مخالفم", "موافقم", "کاملاً موافقم"]
EN = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]


@pytest.fixture(scope="module")
def crm():
    return Instrument.bundled("crm_survey")


@pytest.fixture(scope="module")
def small():
    return Instrument.from_dict(
        {
            "scales": {"five": {"low": 1, "high": 5, "missing": [9], "labels": {"en": EN, "fa": FA}}},
            "constructs": {
                "A": {"items": {"a1": {"en": "I would come again.", "fa": "دوباره می‌آیم."}, "a2": {"reverse": True}}},
                "B": {"items": ["b1", "b2"]},
            },
            "background": {
                "sex": {"labels": {"1": {"en": "Woman", "fa": "زن"}, "2": {"en": "Man", "fa": "مرد"}}, "missing": [9]},
                "age": {"missing": [99]},
                "city": {},
            },
            "columns": {"respondent": "who", "seconds": "time"},
        },
        name="small",
    )


RAW = pd.DataFrame(
    {
        "who": ["r1", "r2", "r3", "r4"],
        "a1": [5, 4, 3, 1], "a2": [1, 2, 2, 5], "b1": [2, 3, 5, 4], "b2": [3, 4, 4, 1],
        "sex": [1, 2, 2, 1], "age": [20, 31, 45, 60], "city": ["Tehran", "Yazd", "Rasht", "Yazd"],
        "time": [100, 90, 80, 70.5],
    }
)  # fmt: skip
CODES = [[5, 5, 2, 3], [4, 4, 3, 4], [3, 4, 5, 4], [1, 1, 4, 1]]  # a2 is 6 - code


def test_codes_are_read_and_turned_once(small):
    raw = RAW.copy()
    answers, screening = small.read(raw)
    assert answers[list(small.item_names)].to_numpy().tolist() == CODES
    assert answers.columns.tolist() == ["a1", "a2", "b1", "b2", "sex", "age", "city", "who", "time"]
    assert set(answers[["a1", "a2", "b1", "b2", "sex", "age", "time"]].dtypes) == {np.dtype(float)}
    assert len(screening.invalid) == 0
    pd.testing.assert_frame_equal(raw, RAW)  # what came in is as it was


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv(small, tmp_path, mark, encoding):
    path = tmp_path / "answers.csv"
    mixed = RAW.astype(str).replace(
        {"a1": {"5": "کاملاً موافقم", "4": "۴", "1": "STRONGLY  disagree"}, "city": {"Yazd": "يزد"}}
    )
    path.write_bytes(mixed.to_csv(index=False, sep=mark).encode(encoding))
    answers, _ = small.read(path)
    assert answers[list(small.item_names)].to_numpy().tolist() == CODES
    assert answers["city"].tolist() == ["Tehran", "یزد", "Rasht", "یزد"]  # with the Persian yeh
    assert answers["who"].tolist() == ["r1", "r2", "r3", "r4"]


def test_xlsx(small, tmp_path):
    path = tmp_path / "answers.xlsx"
    raw = RAW.astype(object)
    raw.loc[0, "a1"], raw.loc[1, "a1"], raw.loc[2, "b2"] = "۵", " 4.0", None
    raw.loc[len(raw)] = None  # people leave empty rows at the end
    raw.to_excel(path, index=False)
    answers, screening = small.read(str(path))
    assert answers[["a1", "a2"]].to_numpy().tolist() == [row[:2] for row in CODES]
    assert len(answers) == 4 and np.isnan(answers.loc[2, "b2"]) and screening.flags.loc[2, "missing"] == 1


def test_sav_with_user_missing_values(small, tmp_path):
    path = tmp_path / "answers.sav"
    raw = RAW.copy()
    raw.loc[1, "b1"] = 8.0  # SPSS is told that 7 and 8 mean nothing here, our instrument is not
    labels = {"a1": dict(enumerate(EN, 1)), "sex": {1: "Woman", 2: "Man"}}
    pyreadstat.write_sav(
        raw, str(path), variable_value_labels=labels, missing_ranges={"b1": [{"lo": 7, "hi": 8}]}
    )  # fmt: skip
    answers, screening = small.read(path)
    expected = np.array(CODES, dtype=float)
    expected[1, 2] = np.nan
    np.testing.assert_array_equal(answers[list(small.item_names)].to_numpy(), expected)
    assert len(screening.invalid) == 0 and answers["sex"].tolist() == [1, 2, 2, 1]


def test_labels_of_both_languages_and_digits_in_one_column(small):
    cells = [
        "کاملا مخالفم",
        "كاملاً\u200cمخالفم",
        "agree",
        " Agree. ",
        "۳",
        "٣",
        "3.0",
        3,
        "",
        None,
        "NA",
        "9",
        9.0,
        "٩",
    ]
    raw = pd.concat([RAW.iloc[:1]] * len(cells), ignore_index=True).assign(a1=pd.Series(cells, dtype=object))
    raw["who"] = range(len(cells))
    answers, screening = small.read(raw)
    assert answers["a1"].iloc[:8].tolist() == [1, 1, 4, 4, 3, 3, 3, 3]
    assert answers["a1"].iloc[8:].isna().all() and len(screening.invalid) == 0


def test_pandas_own_types(small):
    raw = RAW.assign(
        a1=pd.Series([5, 4, None, 1], dtype="Int64"),
        b1=pd.Categorical([EN[1], FA[2], EN[4], EN[3]]),
        b2=pd.Series(["3", "4", None, "1"], dtype="string"),
    )
    answers, _ = small.read(raw)
    assert answers["b1"].tolist() == [2, 3, 5, 4]
    assert answers["a1"].isna().tolist() == answers["b2"].isna().tolist() == [False, False, True, False]


def test_background(small):
    raw = RAW.assign(sex=["زن", "man", "۲", None], age=["۲۰", "31", "", "99"])
    answers, _ = small.read(raw)
    np.testing.assert_array_equal(answers["sex"], [1, 2, 2, np.nan])
    np.testing.assert_array_equal(answers["age"], [20, 31, np.nan, np.nan])


def test_the_question_as_the_columns_name(small):
    """Web forms write the question itself into the header."""
    raw = RAW.rename(columns={"a1": "دوباره مي آيم", "b2": "B2 "}).assign(comment="")
    answers, screening = small.read(raw)
    assert answers[["a1", "b2"]].to_numpy().tolist() == [[row[0], row[3]] for row in CODES]
    assert screening.notes[:2] == (
        "Columns not used: comment.",
        "Columns read under another name: دوباره مي آيم as a1; B2 as b2.",
    )


def test_impossible_codes_are_listed(small):
    raw = RAW.astype(object)
    raw.loc[1, "a2"], raw.loc[3, "b1"], raw.loc[3, "sex"], raw.loc[2, "a1"], raw.loc[0, "time"] = "۵۵", 0, 3, 3.5, -4
    with pytest.warns(
        AssumptionWarning, match=r"5 answers in .* outside the scale \(in 'a1', 'a2', 'b1', 'sex', 'time'"
    ):
        answers, screening = small.read(raw)
    found = screening.invalid[["row", "respondent", "column", "value"]].to_numpy().tolist()
    assert sorted(map(str, found)) == sorted(
        map(
            str,
            [
                [1, "r2", "a2", "۵۵"],
                [3, "r4", "b1", 0],
                [3, "r4", "sex", 3],
                [2, "r3", "a1", 3.5],
                [0, "r1", "time", -4],
            ],
        )
    )
    assert answers.isna().sum().sum() == 5
    assert screening.flags["invalid"].tolist() == [1, 1, 1, 2]
    again, _ = small.read(raw, on_invalid="missing")  # no warning
    pd.testing.assert_frame_equal(answers, again)
    with pytest.raises(
        DataError, match=r"'a2': codes outside the scale in 1 row \(for example ۵۵ in row 1\)"
    ) as caught:
        small.read(raw, on_invalid="raise")
    assert len(caught.value.faults) == 5
    with pytest.raises(OptionError, match="'flag', 'missing', 'raise'"):
        small.read(raw, on_invalid="drop")


def test_text_that_is_no_answer(small):
    raw = RAW.astype(object)
    raw.loc[[1, 2], "a1"] = "شاید"
    raw.loc[0, "b2"], raw.loc[0, "sex"], raw.loc[3, "time"] = "1,5", "child", "1:20"
    with pytest.raises(DataError) as caught:
        small.read(raw)
    said = [str(f) for f in caught.value.faults]
    assert len(said) == 4
    assert "column 'a1': text that is no answer in 2 rows (for example 'شاید'). Known are the codes 1 to 5" in said[0]
    assert "'b2'" in said[1] and "labels Woman, Man" in said[2] and "'time'" in said[3]


def test_true_and_false_are_no_codes(small):
    with pytest.raises(DataError, match="'b1': text that is no answer in 4 rows"):
        small.read(RAW.assign(b1=[True, False, True, True]))


def test_missing_and_doubled_columns_all_at_once(small):
    raw = RAW.rename(columns={"a1": "a1x", "b2": "zz"}).drop(columns="sex")
    raw.insert(0, "b1", 3, allow_duplicates=True)
    with pytest.raises(DataError) as caught:
        small.read(raw)
    said = {f.column: str(f) for f in caught.value.faults}
    assert set(said) == {"a1", "b2", "sex", "b1"}
    assert "Did you mean 'a1x'?" in said["a1"] and "The columns are" in said["sex"]
    assert "2 columns have this name" in said["b1"]


def test_answers_are_not_read_twice(small):
    answers, _ = small.read(RAW)
    for again in (answers, answers.iloc[:3].copy()):
        with pytest.raises(DataError, match="read before, reverse items are turned round"):
            small.read(again)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"who,a1\n1,2,3\n", r"header's 2 columns in 1 row \(for example row 2: 1,2,3\)"),
        ("a.csv", b'who,a1\n1,"2\n', "quotation mark is never closed"),
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"who,a1\n", "it has no answers"),
        ("a.csv", "who,a1\nr1,موافقم\n".encode("cp1256"), "not in UTF-8"),
        ("a.xlsx", b"no such thing", "no whole .xlsx file"),
        ("a.sav", b"no such thing", "no whole .sav file"),
        ("a.doc", b"", "files ending in .doc are not known"),
    ],
)
def test_broken_files(small, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        small.read(path)


def test_no_file_and_no_table(small, tmp_path):
    with pytest.raises(DataError, match="no file has this name"):
        small.read(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="A list holds no answers"):
        small.read([1, 2])
    with pytest.raises(DataError, match="it has no rows"):
        small.read(RAW.iloc[:0])


def test_the_bundled_survey_in_every_form(crm, tmp_path):
    """CSV, Excel, SPSS and a frame of labels hold the same answers."""
    path = share("datasets", "crm_survey", "crm_survey.csv")
    answers, screening = crm.read(path, on_invalid="missing")
    raw = pd.read_csv(path)
    assert answers.shape == (500, 31) and len(screening.invalid) == 6
    words = raw.copy().astype(object)
    for item in crm.item_names:
        words[item] = [FA[int(v) - 1] if v in (1, 2) else EN[int(v) - 1] if v in (3, 4, 5) else v for v in raw[item]]
    xlsx, sav = tmp_path / "a.xlsx", tmp_path / "a.sav"
    raw.to_excel(xlsx, index=False)
    pyreadstat.write_sav(raw, str(sav))
    for source in (raw, words, xlsx, sav):
        again, same = crm.read(source, on_invalid="missing")
        pd.testing.assert_frame_equal(again[list(crm.item_names)], answers[list(crm.item_names)])
        assert same.flags["n_flags"].tolist() == screening.flags["n_flags"].tolist()
