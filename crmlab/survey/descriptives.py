"""Items and respondents described: moments, floor and ceiling, multivariate normality, who answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from crmlab.base.errors import DataError, Fault
from crmlab.base.words import Language, word
from crmlab.survey.inputs import item_table

if TYPE_CHECKING:
    from crmlab.survey.instrument import Instrument


def describe_items(answers: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """What does each item look like: where do answers lie, and do they pile up at an end?

    One row an item: construct, n, missing, mean, sd (n - 1), skewness and kurtosis (G1 and G2, as SPSS and Excel
    print them; kurtosis is 0 for a normal variable), floor and ceiling (the shares with the lowest and the highest
    code). On the codes after reverse items were turned round. NaN where too few answers or no variation leave
    a number undefined.

    >>> from crmlab.survey.instrument import Instrument
    >>> asked = Instrument.from_items({"A": ["a1"]})
    >>> describe_items(pd.DataFrame({"a1": [1, 2, 5, 5, None]}), asked).round(2).T["a1"].tolist()
    ['A', 4, 1, 3.25, 2.06, -0.2, -4.86, 0.25, 0.5]
    """
    rows = {}
    for item in instrument.items:
        if item.name not in answers:
            item_table(answers, instrument.item_names, missing="keep")  # says what is missing
        x = answers[item.name].dropna().astype(float)
        n, varies = len(x), x.nunique() > 1
        rows[item.name] = {
            "construct": item.construct, "n": n, "missing": len(answers) - n, "mean": x.mean(), "sd": x.std(),
            "skewness": x.skew() if varies else np.nan, "kurtosis": x.kurt() if varies else np.nan,
            "floor": (x == item.scale.low).mean(), "ceiling": (x == item.scale.high).mean(),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("item")


def mardia(answers: pd.DataFrame, items: Sequence[str] | None = None) -> pd.Series:
    """Are the items together normal? Mardia's skewness and kurtosis (1970, Biometrika 57).

    Complete rows count; the covariance has n - 1 below the line, as in psych (with n, b1p is larger
    by (n / (n - 1))^3, b2p by its square). Returns n, b1p and b2p, `skew`
    (n b1p / 6, chi-square with `skew_df`) and `skew_p`, `kurt` (standardised b2p, normal) and `kurt_p` (two-sided).

    >>> from crmlab.data.datasets import load_holzinger_swineford
    >>> mardia(load_holzinger_swineford(), [f"x{i}" for i in range(1, 10)])[["b1p", "b2p"]].round(3).tolist()
    [6.807, 102.904]
    """
    table = item_table(answers, list(answers.columns if items is None else items))
    n, p = table.shape
    x = table.to_numpy() - table.to_numpy().mean(axis=0)
    cov = x.T @ x / (n - 1)
    if n <= p or np.linalg.cond(cov) > 1e12:
        what = f"{n} complete rows do not span {p} items"
        raise DataError(Fault("", what, "Leave out items that others add up to, or collect more."), "the answers")
    white = np.linalg.solve(np.linalg.cholesky(cov), x.T)
    # the sum over all pairs of (x_i' S^-1 x_j)^3 is a squared norm of third moments: p^3 numbers, not n^2
    third = np.einsum("in,jn,kn->ijk", white, white, white, optimize=True) / n
    b1p, b2p = float((third**2).sum()), float(((white**2).sum(axis=0) ** 2).mean())
    skew, df = n * b1p / 6, p * (p + 1) * (p + 2) / 6
    kurt = (b2p - p * (p + 2)) / np.sqrt(8 * p * (p + 2) / n)
    values = {
        "n": n, "b1p": b1p, "b2p": b2p, "skew": skew, "skew_df": df, "skew_p": chi2.sf(skew, df),
        "kurt": kurt, "kurt_p": 2 * norm.sf(abs(kurt)),
    }  # fmt: skip
    return pd.Series(values, name="mardia")


def demographics(answers: pd.DataFrame, instrument: Instrument, language: Language = "en") -> pd.DataFrame:
    """Who answered? Columns question, answer, n and share of all rows, for the background questions.

    Coded questions list every code, also those that nobody chose; numbers without labels are cut at their quartiles;
    the last row of a question counts those without an answer, where there are some.
    """
    rows: list[tuple[str, str, int]] = []
    missing = [b for b in instrument.background if b.name not in answers]
    if missing:
        faults = [Fault(b.name, "it is missing", "Read the file with Instrument.read.") for b in missing]
        raise DataError(faults, "the answers")
    for question in instrument.background:
        column, name = answers[question.name], instrument.label(question.name, language)
        if question.labels:
            texts = {
                code: words.get(language) or next(iter(words.values()), code) for code, words in question.labels.items()
            }
            rows += [(name, text, int((column == _code(code, column)).sum())) for code, text in texts.items()]
        elif pd.api.types.is_numeric_dtype(column) and column.nunique() > 6:
            cut = pd.qcut(column, 4, duplicates="drop")
            counts = cut.value_counts(sort=False)
            for span in counts.index:
                inside = column[cut == span]
                rows.append((name, f"{inside.min():g}–{inside.max():g}", int(counts[span])))
        else:
            counts = column.value_counts().sort_index()
            rows += [(name, f"{v:g}" if isinstance(v, float) else str(v), int(k)) for v, k in counts.items()]
        if gaps := int(column.isna().sum()):
            rows.append((name, word("survey_screening.no_answer", language), gaps))
    table = pd.DataFrame(rows, columns=["question", "answer", "n"])
    return table.assign(share=table["n"] / max(len(answers), 1))


def _code(code: str, column: pd.Series) -> float | str:
    return float(code) if pd.api.types.is_numeric_dtype(column) else code
