"""From a file of answers, as a survey tool exports it, to codes that can be analysed."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import AssumptionWarning, DataError, Fault, OptionError, check_option, require
from crmlab.data.persian import fold, normalise, number
from crmlab.survey.inputs import nearest
from crmlab.survey.screening import Screening, screen

if TYPE_CHECKING:
    from crmlab.survey.instrument import Background, Instrument

OnInvalid = Literal["flag", "missing", "raise"]
READ = "crmlab_read"  # marks answers that are coded already, so that nobody turns reverse items back
_BLANK = frozenset({"", "-", "–", ".", "na", "n/a", "#n/a", "nan", "null", "#null!", "none", "<na>"})


def read_answers(
    source: pd.DataFrame | str | Path, instrument: Instrument, *, on_invalid: OnInvalid = "flag", **rules: Any
) -> tuple[pd.DataFrame, Screening]:
    """What did the respondents answer, as codes, and whose answers should be looked at first?

    Parameters
    ----------
    source
        A DataFrame, or a file: .csv or .txt (comma, semicolon or tab; UTF-8 or UTF-16), .xlsx (first sheet) or .sav
        (SPSS; its user-missing values are missing). Columns are found by the item's name or by its words. A cell
        is a code in Latin, Persian or Arabic digits, or a label of the scale in either language; both may be mixed.
    instrument
        What was asked.
    on_invalid
        What becomes of codes outside the scale: "flag" (default) counts them as missing, lists them in
        `screening.invalid` and warns; "missing" does not warn; "raise" refuses the file.
    rules
        Thresholds of the screening, see `crmlab.survey.screening.screen`.

    Returns
    -------
    (answers, screening). `answers` has one row a respondent, in the file's order: the items in the questionnaire's
    order (float, NaN is missing, reverse items turned round once, as low + high - code), then the background
    questions, the respondent's identifier and the seconds, if the instrument names them.

    Raises
    ------
    DataError
        With all faults: columns that are missing (with the nearest names) or stand twice, text that is neither
        a code nor a label, answers that were read before, a file that cannot be read.

    Examples
    --------
    >>> from crmlab.survey.instrument import Instrument
    >>> asked = Instrument.from_items({"A": ["a1", "a2"]}, reverse=["a2"])
    >>> read_answers(pd.DataFrame({"a1": ["۴", "5", ""], "a2": [1, 2, 3]}), asked)[0]
        a1   a2
    0  4.0  5.0
    1  5.0  4.0
    2  NaN  3.0
    """
    check_option("on_invalid", on_invalid, get_args(OnInvalid))
    raw, name, notes = _open(source)
    raw, more = _columns(raw, instrument, name)
    coded: dict[str, pd.Series] = {}
    faults: list[Fault] = []
    invalid: list[tuple[int, str, Any]] = []
    decoders: dict[str, Callable[[Any], Any]] = {}
    for item in instrument.items:
        low, high, labels = item.scale.low, item.scale.high, item.scale.codes
        decoders[item.name] = _decoder(labels, set(range(low, high + 1)), item.scale.missing)
    for question in instrument.background:
        decoders[question.name] = _background(question, raw[question.name])
    if instrument.seconds:
        decoders[instrument.seconds] = _decoder({}, None, ())
    for column, decode in decoders.items():
        cells = _decoded(raw[column], decode)
        bad = [i for i, cell in enumerate(cells) if isinstance(cell, _Text)]
        off = [i for i, cell in enumerate(cells) if isinstance(cell, _Off)]
        if bad:
            what, example = "text that is no answer", f"'{cells[bad[0]]}'"
            faults.append(Fault(column, what, _remedy(column, instrument), len(bad), example))
        values = [math.nan if isinstance(cell, _Text | _Off) else cell for cell in cells]
        kind = object if any(isinstance(value, str) for value in values) else float
        coded[column] = pd.Series(values, index=raw.index, dtype=kind)
        invalid += [(i, column, raw[column].iloc[i]) for i in off]
    if invalid and on_invalid == "raise":
        remedy = "Correct the file, or read it with on_invalid='flag'."
        for column in dict.fromkeys(c for _, c, _ in invalid):
            here = [(i, v) for i, c, v in invalid if c == column]
            example = f"{here[0][1]} in row {raw.index[here[0][0]]}"
            faults.append(Fault(column, "codes outside the scale", remedy, len(here), example))
    if faults:
        raise DataError(faults, name)
    if invalid and on_invalid == "flag":
        columns = ", ".join(dict.fromkeys(f"'{column}'" for _, column, _ in invalid))
        message = (
            f"{len(invalid)} answer{'s' * (len(invalid) > 1)} in {name} outside the scale (in {columns}; for example "
            f"{invalid[0][2]}), taken as missing; screening.invalid lists them."
        )
        warnings.warn(message, AssumptionWarning, stacklevel=3)
    return _finish(raw, coded, invalid, [*notes, *more], instrument, rules)


def _decoded(column: pd.Series, decode: Callable[[Any], Any]) -> list[Any]:
    """What each cell says; NaN where it is empty."""
    codes, uniques = pd.factorize(column.astype(object))
    found = [*map(decode, uniques), math.nan]  # an empty cell has the code -1
    return [found[code] for code in codes]


class _Text(str):
    """A cell that is neither a code nor a label."""


class _Off(str):
    """A number that is no answer."""


def _decoder(labels: Mapping[str, Any], allowed: set[int] | None, missing: Sequence[float]) -> Callable[[Any], Any]:
    """Reads one cell: a float, NaN for no answer, _Text or _Off. `allowed` None lets every number from 0 on through."""

    def decode(cell: Any) -> Any:
        if isinstance(cell, str):
            plain = normalise(cell)
            value = number(plain)
            if value is None:
                blank = math.nan if plain.casefold() in _BLANK else _Text(cell)
                return labels.get(fold(plain), blank)
        elif isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool):
            value = float(cell)
        else:
            return _Text(cell)
        if value in missing:
            return math.nan
        right = 0 <= value < math.inf if allowed is None else value in allowed
        return float(value) if right else _Off(cell)

    return decode


def _background(question: Background, column: pd.Series) -> Callable[[Any], Any]:
    """Reads one cell of a background question: a code where there are labels, else a number, else text."""
    codes = {code: number(code) for code in question.labels}
    numeric = all(value is not None for value in codes.values())
    labels = {fold(word): codes[c] if numeric else c for c, texts in question.labels.items() for word in texts.values()}
    if codes and numeric:
        return _decoder(labels, {v for v in codes.values() if v is not None}, question.missing)  # type: ignore[misc]
    if codes:
        return _decoder({fold(code): code for code in codes} | labels, set(), question.missing)
    cells = [normalise(c) for c in column.dropna().unique() if isinstance(c, str)]
    if all(number(c) is not None or c.casefold() in _BLANK for c in cells):
        decode = _decoder({}, None, question.missing)
        return lambda cell: value if not isinstance(value := decode(cell), _Text) else normalise(str(cell))
    return lambda cell: math.nan if normalise(str(cell)).casefold() in _BLANK else normalise(str(cell))


def _remedy(column: str, instrument: Instrument) -> str:
    for item in instrument.items:
        if item.name == column:
            words = next(iter(item.scale.labels.values()), ())
            known = f" and the labels {', '.join(words)}" if words else "; the scale has no labels"
            return (
                f"Known are the codes {item.scale.low} to {item.scale.high}{known}. Leave empty what was not answered."
            )
    for question in instrument.background:
        if question.name == column:
            words = tuple(next(iter(text.values()), code) for code, text in question.labels.items())
            return f"Known are the codes {', '.join(question.labels)} and the labels {', '.join(words)}."
    return "Give numbers."


def _columns(raw: pd.DataFrame, instrument: Instrument, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The columns that the instrument names, under its names; all that are missing or stand twice are faults."""
    raw = raw.set_axis([str(c).strip() for c in raw.columns], axis=1)
    texts: dict[str, Mapping[str, str]] = {i.name: i.text for i in instrument.items}
    texts |= {b.name: b.label for b in instrument.background}
    texts |= {c: {} for c in (instrument.respondent, instrument.seconds) if c}
    folded = [fold(c) for c in raw.columns]
    place, faults = {}, []
    for wanted, words in texts.items():
        exact = [i for i, c in enumerate(raw.columns) if c == wanted]
        # a survey tool's export may have the question itself as the column's name
        keys = {fold(wanted), *map(fold, words.values())} - {""}
        found = exact or [i for i, c in enumerate(folded) if c in keys and raw.columns[i] not in texts]
        if len(found) == 1:
            place[wanted] = found[0]
        elif found:
            faults.append(Fault(wanted, f"{len(found)} columns have this name", "Rename or drop all but one."))
        else:
            free = [c for c in raw.columns if c not in texts]
            near = next(filter(None, (nearest(name, free) for name in (wanted, *words.values()))), "")
            listed = near or f" The columns are {', '.join(map(str, raw.columns[:40]))}."
            faults.append(
                Fault(wanted, "it is missing", f"Add or rename it, or take it out of the instrument.{listed}")
            )
    if faults:
        raise DataError(faults, name)
    unused = [c for i, c in enumerate(raw.columns) if c and i not in place.values()]
    other = [f"{raw.columns[i]} as {wanted}" for wanted, i in place.items() if raw.columns[i] != wanted]
    notes = [f"Columns not used: {', '.join(unused)}."] if unused else []
    notes += [f"Columns read under another name: {'; '.join(other)}."] if other else []
    in_order = sorted(place, key=place.__getitem__)
    return raw.iloc[:, [place[c] for c in in_order]].set_axis(in_order, axis=1), notes


def _finish(
    raw: pd.DataFrame, coded: dict[str, Any], invalid: list[tuple[int, str, Any]], notes: Sequence[str],
    instrument: Instrument, rules: Mapping[str, Any],
) -> tuple[pd.DataFrame, Screening]:  # fmt: skip
    answers = pd.DataFrame(coded, index=raw.index)
    for item in instrument.items:
        if item.reverse:
            answers[item.name] = item.scale.low + item.scale.high - answers[item.name]
    if instrument.respondent:
        who = [normalise(c) if isinstance(c, str) else c for c in raw[instrument.respondent]]
        column = pd.Series(who, index=raw.index, dtype=object)
        answers.insert(answers.shape[1] - bool(instrument.seconds), instrument.respondent, column.infer_objects())
    answers.attrs[READ] = instrument.name
    invalid = sorted(invalid, key=lambda cell: cell[0])
    rows = [i for i, _, _ in invalid]
    table = pd.DataFrame(
        {"row": raw.index[rows], "column": [c for _, c, _ in invalid], "value": [v for _, _, v in invalid]}
    )
    if instrument.respondent:
        table.insert(1, "respondent", answers[instrument.respondent].iloc[rows].to_numpy())
    order = [c for c in raw.columns if c in instrument.item_names]
    return answers, screen(answers, instrument, order=order, invalid=table, notes=notes, **rules)


def _open(source: pd.DataFrame | str | Path) -> tuple[pd.DataFrame, str, list[str]]:
    """The table as it is, its name for messages, and notes; cells of a CSV stay text."""
    if isinstance(source, pd.DataFrame):
        if READ in source.attrs:
            remedy = "Use them as they are; crm.survey.screen(answers, instrument) screens them again."
            raise DataError(Fault("", "they were read before, reverse items are turned round", remedy), "the answers")
        if source.empty:
            raise DataError(Fault("", "it has no rows", "Check the query."), "the DataFrame")
        return source, "the DataFrame", []
    if not isinstance(source, str | Path):
        raise OptionError(f"A {type(source).__name__} holds no answers; give a DataFrame or a path.")
    path, name = Path(source), f"'{source}'"
    if not path.is_file():
        raise DataError(Fault("", "no file has this name", "Check the path and the folder."), name)
    kind = path.suffix.lower()
    if kind in (".csv", ".txt", ".tsv"):
        table = _csv(path, name)
    elif kind in (".xlsx", ".sav"):
        try:
            table = _xlsx(path) if kind == ".xlsx" else _sav(path)
        except (OSError, ValueError, KeyError, _broken(kind)) as error:
            remedy = "Open it in its program and save it again."
            raise DataError(Fault("", f"it is no whole {kind} file: {error}", remedy), name) from None
    else:
        remedy = "Save it as .csv (UTF-8), .xlsx or .sav."
        raise DataError(Fault("", f"files ending in {kind or 'nothing'} are not known", remedy), name)
    empty = table.apply(lambda c: c.isna() | c.astype(str).str.strip().eq("")).all(axis=1)
    table = table[~empty].reset_index(drop=True)
    if table.empty:
        raise DataError(Fault("", "it has no answers", "Check the file."), name)
    return table, name, [f"{int(empty.sum())} empty rows were left out."] if empty.any() else []


def _broken(kind: str) -> type[Exception]:
    """What the library that opens this kind of file raises where it is broken."""
    if kind == ".xlsx":
        from zipfile import BadZipFile

        return BadZipFile
    return require("pyreadstat", "survey").ReadstatError


def _xlsx(path: Path) -> pd.DataFrame:
    require("openpyxl", "survey")
    return pd.read_excel(path, dtype=object, keep_default_na=False, na_values=[""])


def _sav(path: Path) -> pd.DataFrame:
    table, _ = require("pyreadstat", "survey").read_sav(str(path))
    return pd.DataFrame(table)


def _csv(path: Path, name: str) -> pd.DataFrame:
    raw = path.read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        remedy = "Save it again as 'CSV UTF-8'."
        raise DataError(Fault("", "its letters are not in UTF-8", remedy), name) from None
    lines = text.splitlines()
    mark = max(",;\t", key=lines[0].count) if lines else ","
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True) if row]
    except (csv.Error, ValueError):
        what = "a quotation mark is never closed" if lines else "it is empty"
        raise DataError(Fault("", what, "Export it again."), name) from None
    wrong = [(i, row) for i, row in enumerate(rows, 2) if len(row) != len(header) and any(map(str.strip, row))]
    if wrong:
        what = f"rows do not have the header's {len(header)} columns"
        example = f"row {wrong[0][0]}: {mark.join(wrong[0][1])[:60]}"
        raise DataError(Fault("", what, "Export it again, or mend these rows.", len(wrong), example), name)
    return pd.DataFrame([row for row in rows if len(row) == len(header)], columns=header, dtype=object)
