"""crm.clean: what is dropped and why, checked against hand calculation and against what was planted."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab as crm
from crmlab.base.errors import OptionError
from crmlab.base.share import share
from crmlab.data.cleaning import WHY

RAW = [
    ("a", "2024-01-05", "10", 1), ("a", "2024-01-05", "30", 3), ("a", "2024-02-05", "-8", -1),
    ("b", "2024-01-01", "5", 1), ("b", "2024-01-03T10:11", "-5", -1),
    ("c", "2024-01-03", "-5", -1), ("c", "2024-02-03", "7", 1),
    ("d", "2024-01-03", "20", 2), ("d", "2024-01-04", "-15", -1), ("d", "2024-01-09", "-9", -1),
    ("e", "2024-02-30", "1", 1), ("e", "2024-12-01", "12,5", 1), ("e", "2024-12-01", "inf", 1),
    (None, "2024-12-01", "3", 1), ("  ", "n/a", "x", 1), ("f", "2024-12-01", "3.5", 1),
    ("f", "2024-12-01", "3.5", 1), ("g", "2026-12-01", "4.5", 1),
    ("g", "2020-12-01", "4", 1),
]  # fmt: skip


@pytest.fixture
def raw() -> pd.DataFrame:
    return pd.DataFrame(RAW, columns=["customer_id", "date", "amount", "quantity"])


def counts(report: pd.DataFrame) -> dict[str, int]:
    return {r: n for r, n in zip(report.reason, report.rows, strict=True) if n}


FIRST = {"read": 19, "no_customer": 2} | dict.fromkeys(
    ["bad_date", "before_start", "after_end", "infinite_amount", "bad_amount"], 1
)


def test_drop(raw: pd.DataFrame) -> None:
    before = raw.copy(deep=True)
    log, report = crm.clean(raw, start="2024-01-01", end="2025-06-30")
    assert counts(report) == FIRST | {"duplicate": 1, "return": 5, "kept": 6}
    assert log.customer_id.tolist() == ["a", "a", "b", "c", "d", "f"]
    assert log.amount.tolist() == [10, 30, 5, 7, 20, 3.5]
    assert str(log.date.dtype).startswith("datetime64")
    pd.testing.assert_frame_equal(raw, before)
    crm.summarize(log)  # what is cleaned can be analysed


def test_net_by_hand(raw: pd.DataFrame) -> None:
    """a: 8 of 40 goes back, so each row keeps 80%; b: all; d: two returns make 24 of 20; c: no purchase yet."""
    log, report = crm.clean(raw, returns="net", duplicates="keep", start="2024-01-01", end="2025-06-30")
    assert counts(report) == FIRST | {
        "unmatched_return": 1, "return_excess": 2, "netted_return": 2, "returned_purchase": 2, "kept": 5,
    }  # fmt: skip
    assert log.customer_id.tolist() == ["a", "a", "c", "f", "f"]
    np.testing.assert_allclose(log.amount, [8, 24, 7, 3.5, 3.5], rtol=1e-14)
    np.testing.assert_allclose(log.quantity, [0.8, 2.4, 1, 1, 1], rtol=1e-14)
    money = report.set_index("reason").amount
    assert money["return_excess"] == -24
    assert money["netted_return"] == -13
    assert money["returned_purchase"] == 25
    assert money["kept"] == pytest.approx(46)


def test_a_return_comes_off_the_latest_day_before_it() -> None:
    days = ["2024-01-01", "2024-01-10", "2024-01-20", "2024-01-10", "2024-01-15"]
    amounts = [100.0, 50.0, 70.0, -5.0, -5.0]
    log = pd.DataFrame({"customer_id": 1, "date": pd.to_datetime(days), "amount": amounts})
    result = crm.clean(log, returns="net")[0]
    assert result.amount.tolist() == [100, 40, 70]  # both from the 10th: on the day itself, and five days later


def test_keep(raw: pd.DataFrame) -> None:
    log, report = crm.clean(raw, returns="keep", duplicates="keep", start="2024-01-01", end="2025-06-30")
    assert counts(report) == FIRST | {"kept": 12}
    assert (log.amount < 0).sum() == 5


def test_report_tells_in_words_and_adds_up(raw: pd.DataFrame) -> None:
    report = crm.clean(raw, end="2025-06-30")[1]
    assert report.columns.tolist() == ["reason", "rows", "share", "amount", "customers", "example", "why"]
    assert report.reason.tolist() == [r for r in WHY if r in set(report.reason)]
    assert report.reason.iloc[[0, -1]].tolist() == ["read", "kept"]
    told = report.set_index("reason")
    assert told.rows["read"] == told.rows.drop("read").sum()
    assert told.amount["read"] == pytest.approx(told.amount.drop("read").sum())
    assert told.example["bad_date"] == "e, 2024-02-30, 1"
    assert told.example["bad_amount"] == "e, 2024-12-01, 12,5"
    assert told.customers["no_customer"] == 0
    assert told.why.str.endswith(".").all()


entries = st.tuples(
    st.sampled_from(["a", "b", "", None]),
    st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-09", "2024-02-30", "", None]),
    st.sampled_from(["1", "2.5", "-1", "-4", "inf", "nan", "free", "1e3", None]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(entries, min_size=1, max_size=25),
    st.sampled_from(["drop", "net", "keep"]),
    st.sampled_from(["drop", "keep"]),
)
def test_rows_always_add_up(rows: list[Any], returns: Any, duplicates: Any) -> None:
    raw = pd.DataFrame(rows, columns=["customer_id", "date", "amount"]).astype("str")
    log, report = crm.clean(raw, returns=returns, duplicates=duplicates, end="2024-01-05")
    told = report.set_index("reason").rows
    assert told["read"] == len(raw) == told.drop("read").sum()
    assert told["kept"] == len(log)
    assert np.isfinite(log.amount).all()
    if returns != "keep":
        assert (log.amount >= 0).all()
    if returns == "net":  # nobody's money grows, and no return makes a purchase negative
        assert log.amount.sum() <= crm.clean(raw, duplicates=duplicates, end="2024-01-05")[0].amount.sum() + 1e-9


def test_what_was_planted_is_found() -> None:
    text = share("datasets", "messy_log", "README.md").read_text(encoding="utf-8")
    planted = {m[1]: int(m[2]) for m in re.finditer(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    assert len(planted) == 7
    raw = crm.load_messy_log()
    report = crm.clean(raw, end="2025-06-30")[1]
    found = counts(report)
    assert {k: found[k] for k in planted} == planted
    assert found["read"] == len(raw) == 2999
    assert set(found) == {"read", "kept", *planted}
    net = counts(crm.clean(raw, end="2025-06-30", returns="net")[1])
    assert net["unmatched_return"] == 12
    assert net["unmatched_return"] + net["return_excess"] + net["netted_return"] == 82


def test_names_and_errors(raw: pd.DataFrame) -> None:
    theirs = raw.rename(columns={"customer_id": "client"})
    assert len(crm.clean(theirs, columns={"client": "customer_id"}, end="2025-06-30")[0]) == 7
    with pytest.raises(crm.DataError) as error:
        crm.clean(theirs.drop(columns="amount"))
    assert [f.column for f in error.value.faults] == ["customer_id", "amount"]
    with pytest.raises(crm.DataError, match="no rows"):
        crm.clean(raw.head(0))
    with pytest.raises(crm.DataError, match="tz_convert"):
        crm.clean(raw.assign(date=pd.Timestamp("2024-01-01", tz="UTC")))
    with pytest.raises(OptionError, match="'drop', 'net', 'keep'"):
        crm.clean(raw, returns="ignore")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'drop', 'keep'"):
        crm.clean(raw, duplicates="net")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="is no date"):
        crm.clean(raw, end="yesterday")
