"""What every survey function refuses, in words that help."""

import numpy as np
import pandas as pd
import pytest

from crmlab.base.errors import DataError, OptionError
from crmlab.survey.inputs import item_table, measurement, model_text


@pytest.fixture
def answers():
    return pd.DataFrame({"A1": [1, 2, 3, 4.0], "A2": [2, 2, np.nan, 5], "B1": [5, 4, 3, 1]}, index=list("wxyz"))


def test_columns_in_order_with_the_index_kept(answers):
    table = item_table(answers, ["B1", "A1"])
    assert list(table) == ["B1", "A1"] and list(table.index) == list("wxyz") and set(table.dtypes) == {np.dtype(float)}


def test_listwise_leaves_out_rows_keep_keeps_them_refuse_raises(answers):
    assert list(item_table(answers, ["A1", "A2"]).index) == ["w", "x", "z"]
    assert item_table(answers, ["A1", "A2"], missing="keep")["A2"].isna().sum() == 1
    with pytest.raises(DataError, match="column 'A2': answers are missing in 1 row"):
        item_table(answers, ["A1", "A2"], missing="refuse")
    with pytest.raises(OptionError, match="'listwise', 'keep', 'refuse'"):
        item_table(answers, ["A1"], missing="mean")


def test_every_fault_at_once_with_the_nearest_name(answers):
    bad = answers.assign(T=["a", "b", "c", "d"], I=[1, np.inf, 2, 3], E=np.nan)
    with pytest.raises(DataError) as caught:
        item_table(bad, ["A1", "A3", "T", "I", "E"])
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    for piece in (
        "'A3': it is missing",
        "'A1'",
        "'T': it is not numeric",
        "'I': infinite values in 1 row",
        "'E': it holds no",
    ):
        assert piece in text


def test_a_constant_item_is_refused(answers):
    with pytest.raises(DataError, match="column 'C': every answer is the same"):
        item_table(answers.assign(C=3.0), ["A1", "C"])


def test_an_item_that_is_constant_where_the_others_are_complete_is_refused():
    frame = pd.DataFrame({"a": [1, 1, 1, 2.0], "b": [1, 2, 3, np.nan]})
    with pytest.raises(DataError, match="column 'a': every answer is the same"):
        item_table(frame, ["a", "b"])


def test_two_columns_of_one_name_too_few_rows_and_no_frame(answers):
    with pytest.raises(DataError, match="2 columns have this name"):
        item_table(pd.concat([answers, answers[["A1"]]], axis=1), ["A1"])
    with pytest.raises(DataError, match="only 1 of 4 rows are complete"):
        item_table(answers.assign(A2=[1, np.nan, np.nan, np.nan]), ["A1", "A2"])
    with pytest.raises(DataError, match="they are a list"):
        item_table([1, 2], ["A1"])


def test_the_input_is_left_as_it_was(answers):
    before = answers.copy()
    item_table(answers, ["A1", "A2"])
    pd.testing.assert_frame_equal(answers, before)


def test_measurement_reads_a_mapping_and_a_model():
    assert measurement({"A": ["A1", "A2"]}) == {"A": ("A1", "A2")}
    assert measurement("A =~ A1 + A2; B <~ B1; H =~ A + B; B ~ A") == {"A": ("A1", "A2"), "B": ("B1",)}
    assert model_text({"A": ["A1", "A2"]}) == "A =~ A1 + A2"


def test_measurement_refuses_an_item_in_two_constructs_and_empty_ones():
    with pytest.raises(DataError, match="column 'x2': it stands in 'A' and in 'B'"):
        measurement("A =~ x1 + x2; B =~ x2 + x3")
    with pytest.raises(DataError, match="construct 'A' has no items"):
        measurement({"A": []})
    with pytest.raises(DataError, match="no construct has items"):
        measurement("y ~ x")
    with pytest.raises(DataError, match="it is a int"):
        measurement(3)
