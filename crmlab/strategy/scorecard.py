"""How do we stand? Every measure that the firm's tables allow, against its target and against the period before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_kind, check_option, is_number
from crmlab.base.fit import Shown, Summary, z_value
from crmlab.base.toml import read_toml
from crmlab.base.words import Language, word
from crmlab.data.schemas import as_day, check_transactions
from crmlab.data.tables import open_table
from crmlab.strategy import success
from crmlab.strategy.measures import Measure, catalogue
from crmlab.survey import indices

Days = tuple[Any, Any]

# how a survey's columns become a measure; the scales are those of the questions in kpis.toml
_SURVEY: dict[str, Callable[[pd.DataFrame, float], Any]] = {
    "nps": lambda s, level: indices.nps(s["recommend"], level=level),
    "csat": lambda s, level: indices.csat(s["satisfied"], (1, 5), level=level),
    "ces": lambda s, level: indices.ces(s["easy"], level=level),
    "acsi": lambda s, level: indices.acsi(s, ["overall", "expected", "ideal"], "equal", level=level),
    "share_of_wallet": lambda s, level: success.share_of_wallet(s["spend_here"], s["spend_all"], level=level),
    "response_time": lambda s, level: success.response_time(s["response_minutes"].dropna(), level=level),
}


class Scorecard(Shown):
    """Where do we stand against our targets, and are we getting better?

    `log`: transactions; `survey`: a row an answer, with date; `finance`: a row a quarter (or more), with quarter such
    as "2024Q3". Each may be left out. The columns that each measure needs are in `crm.kpis()`. `period` and
    `previous` are (first day, last day), both counted; of finance, the quarters that lie wholly within. `targets`: a
    number per measure, or a TOML file of such lines. `given`: measures computed elsewhere, by name, such as
    `BusinessCase(...).measures()` or {"average_clv": average_clv(values)}.

    `table` has a row a measure: group, estimate, low, high, unit, target, met ("yes", "no", "not_sure" where the
    `level` interval holds the target, "" without one), change (against `previous`) with change_low and change_high,
    n. The interval of a change is the two intervals' (MOVER: Zou & Donner 2008, Statistics in Medicine 27(10)), as
    of independent samples: where the same customers are seen twice it is rather too wide. `not_computed` says which
    measures are missing, and why. Raises DataError and OptionError for tables, targets and periods that are wrong.
    """

    def __init__(
        self, log: Any = None, survey: pd.DataFrame | None = None, finance: pd.DataFrame | None = None, *,
        period: Days, previous: Days | None = None, targets: Mapping[str, float] | str | Path | None = None,
        given: Mapping[str, Measure] | None = None, level: float = 0.95,
    ) -> None:  # fmt: skip
        z_value(level)
        for name, table in (("survey", survey), ("finance", finance)):
            check_kind(name, table, (pd.DataFrame, type(None)), "give a DataFrame, or None")
        check_kind("given", given, (Mapping, type(None)), "give measures by name, such as BusinessCase(...).measures()")
        for name, measure in (given or {}).items():
            check_kind(f"given[{name!r}]", measure, Measure, "give a measure, such as crm.average_clv(values)")
        self.level, self._given = level, dict(given or {})
        self._log, self._survey, self._finance = log, survey, finance
        self._columns = {
            "log": () if log is None else open_table(log).columns,
            "survey": () if survey is None else tuple(survey.columns),
            "finance": () if finance is None else tuple(finance.columns),
        }
        if log is not None:  # faults of the log are raised here; later ones are of a period that it does not cover
            needs = ("customer_id", "date", "amount")[: 2 + ("amount" in self._columns["log"])]
            check_transactions(open_table(log, only=needs), needs=needs)
        self._check_times()
        self.targets = _targets(targets)
        _known(self._given, "given")
        now, before = _days(period, "period"), None if previous is None else _days(previous, "previous")
        rows, missing = [], {}
        for name, kpi in catalogue()["kpi"].items():
            found = self._measure(name, kpi, now, before)
            if isinstance(found, str):
                missing[name] = found
                continue
            old = None
            if before is not None and kpi["input"] != "given" and not any(n.endswith("_before") for n in kpi["needs"]):
                old = self._measure(name, kpi, before, None)
            rows.append({"name": name, "group": kpi["group"], **self._row(found, kpi, old)})
        self.table = pd.DataFrame(rows).set_index("name") if rows else pd.DataFrame()
        self.not_computed = pd.Series(missing, name="why", dtype=object).rename_axis("name")

    def words(self, language: Language = "en") -> pd.DataFrame:
        """The table for a reader: labels instead of keys, in English or Persian."""
        check_option("language", language, get_args(Language))
        all_words = catalogue()
        table = self.table.assign(
            group=[all_words["groups"][g][language] for g in self.table["group"]],
            unit=[all_words["units"][u][language] for u in self.table["unit"]],
            met=[word(f"success.{m}", language) if m else "" for m in self.table["met"]],
        )
        table.insert(1, "label", [all_words["kpi"][name]["label"][language] for name in table.index])
        return table

    def summary(self) -> Summary:
        """How many targets are met, and which measures are missing."""
        met: Mapping[Any, int] = self.table["met"].value_counts().to_dict() if len(self.table) else {}
        text = (
            f"scorecard: {len(self.table)} measures; targets met {met.get('yes', 0)}, missed {met.get('no', 0)}, "
            f"not sure {met.get('not_sure', 0)}"
        )
        return Summary("\n".join([text, *(f"not computed: {name} ({why})" for name, why in self.not_computed.items())]))

    def _measure(self, name: str, kpi: Mapping[str, Any], days: Days, before: Days | None) -> Measure | str:
        """The measure of this period, or why there is none."""
        kind = kpi["input"]
        if name in self._given:
            return self._given[name]
        if kind == "given":
            return "given= does not hold it"
        lack = sorted({n.removesuffix("_before") for n in kpi["needs"]} - set(self._columns[kind]))
        if lack:
            return f"{kind} lacks {', '.join(lack)}" if self._columns[kind] else f"there is no {kind}"
        if kind == "log":
            try:
                if kpi["group"] != "growth":
                    return getattr(success, name)(self._log, *days, level=self.level)
                if before is None:
                    return "there is no previous period"
                return success.growth_between(self._log, name, days, before, self.level)
            except DataError as error:
                return str(error.faults[0])
        rows = self._within(kind, days)
        if not len(rows):
            return f"{kind} has no rows in the period"
        if kind == "survey":
            return _as_measure(name, _SURVEY[name](rows, self.level), self.level)
        if any(n.endswith("_before") for n in kpi["needs"]) and (before is None or not len(self._within(kind, before))):
            return "there is no previous period"
        old = self._within(kind, before) if before is not None else rows
        stock = kpi.get("stock", ())
        values = [
            rows[n].iloc[-1] if n in stock else old[n.removesuffix("_before")].sum() if n.endswith("_before")
            else rows[n].sum(skipna=False) for n in kpi["needs"]
        ]  # fmt: skip
        keywords = {"level": self.level} if "level" in getattr(success, name).__annotations__ else {}
        return getattr(success, name)(*map(float, values), **keywords)

    def _row(self, now: Measure, kpi: Mapping[str, Any], old: Measure | str | None) -> dict[str, Any]:
        row = {"estimate": now.estimate, "low": now.low, "high": now.high, "unit": kpi["unit"]}
        target = self.targets.get(now.name)
        met = ""
        if target is not None:
            sure = now.low is None or now.high is None or not now.low <= target <= now.high
            reached = now.estimate >= target if kpi["better"] == "up" else now.estimate <= target
            met = ("yes" if reached else "no") if sure else "not_sure"
        row |= {"target": target, "met": met, "change": None, "change_low": None, "change_high": None, "n": now.n}
        if isinstance(old, Measure):
            change = row["change"] = now.estimate - old.estimate
            if None not in (now.low, now.high, old.low, old.high):
                row["change_low"] = change - math.hypot(now.estimate - now.low, old.high - old.estimate)  # type: ignore[operator]
                row["change_high"] = change + math.hypot(now.high - now.estimate, old.estimate - old.low)  # type: ignore[operator]
        numbers = ("low", "high", "target", "change", "change_low", "change_high", "n")
        return row | {c: float("nan") if row[c] is None else float(row[c]) for c in numbers}

    def _within(self, kind: str, days: Days) -> pd.DataFrame:
        first, last = (pd.Timestamp(day) for day in days)
        table = self._survey if kind == "survey" else self._finance
        if table is None:
            return pd.DataFrame()
        if kind == "survey":
            when = pd.to_datetime(table["date"])
            return table[(when >= first) & (when < last + pd.Timedelta(days=1))]
        quarters = pd.PeriodIndex(table["quarter"].astype(str), freq="Q")
        inside = (quarters.start_time >= first) & (quarters.end_time.normalize() <= last)
        order = quarters.argsort(kind="stable")  # of a stock the last quarter counts, wherever its row stands
        return table.iloc[order[inside[order]]]

    def _check_times(self) -> None:
        faults = []
        for kind, column in (("survey", "date"), ("finance", "quarter")):
            table = getattr(self, f"_{kind}")
            if table is None:
                continue
            if column not in table:
                faults.append(Fault(column, f"is missing in {kind}", "Add it: rows are assigned to periods by it."))
                continue
            try:
                text = table[column].astype(str)
                times = pd.to_datetime(table[column]) if column == "date" else pd.PeriodIndex(text, freq="Q")
                bad = times.isna() | text.str.fullmatch(r"-?\d+(\.\d*)?").to_numpy()
                if bad.any():
                    what = f"of {kind} is missing or a bare number"
                    faults.append(Fault(column, what, "Write 2024-07-31, 2024Q3.", int(bad.sum())))
            except (ValueError, TypeError) as error:
                faults.append(Fault(column, f"of {kind} cannot be read: {error}", "Write 2024-07-31, 2024Q3."))
        if faults:
            raise DataError(faults, "the scorecard")


def _as_measure(name: str, found: Any, level: float) -> Measure:
    if isinstance(found, Measure):
        return found
    row = found.iloc[0].rename({name: "estimate"}) if isinstance(found, pd.DataFrame) else vars(found)
    return Measure(name, float(row["estimate"]), float(row["low"]), float(row["high"]), int(row["n"]), level)


def _known(names: Mapping[str, Any], argument: str) -> None:
    unknown = [str(n) for n in names if n not in catalogue()["kpi"]]
    if unknown:
        raise OptionError(f"{argument}: {', '.join(unknown)} is no measure; crm.kpis() lists them.")


def _targets(targets: Mapping[str, float] | str | Path | None) -> dict[str, float]:
    if isinstance(targets, str | Path):
        targets = read_toml(targets)
    check_kind("targets", targets, (Mapping, type(None)), "give a number a measure, such as {'nps': 30}, or a file")
    found = dict(targets or {})
    _known(found, "targets")
    wrong = [name for name, value in found.items() if not (is_number(value) and math.isfinite(value))]
    if wrong:
        raise OptionError(f"targets: {', '.join(wrong)} must be finite numbers.")
    return {name: float(value) for name, value in found.items()}


def _days(days: Days, name: str) -> Days:
    if not isinstance(days, tuple | list) or len(days) != 2:
        raise OptionError(f"{name}={days!r} is not usable; give (first day, last day).")
    first, last = as_day(days[0], name), as_day(days[1], name)
    if first is None or last is None or last < first:
        raise OptionError(f"{name}={days!r} is not usable; the first day must not lie after the last.")
    return first, last
