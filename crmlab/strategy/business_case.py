"""Does a project pay? Costs and benefits over years, as numbers or ranges: NPV, IRR, payback, what could go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import (
    DataError,
    Fault,
    FitError,
    OptionError,
    check_count,
    check_kind,
    check_option,
    check_share,
)
from crmlab.base.fit import Shown, Summary, generator, z_value
from crmlab.base.toml import read_toml
from crmlab.strategy.finance import (
    internal_rate_of_return,
    net_present_value,
    payback_period,
    return_on_investment,
    total_cost_of_ownership,
)
from crmlab.strategy.measures import Measure, numbers, share

Shape = Literal["triangular", "pert"]
RANGE = ("low", "likely", "high")


@dataclass(frozen=True, repr=False)
class Risk(Shown):
    """Simulated net present values: `p_loss` with its Monte Carlo interval, `low` to `high` of the NPV itself."""

    npv: np.ndarray
    mean: float
    low: float
    high: float
    p_loss: Measure
    level: float

    def percentiles(self, at: Sequence[float] = (5, 25, 50, 75, 95)) -> pd.Series:
        """Below which value does the NPV stay with `at` percent probability?"""
        for percent in numbers("at", at):
            check_share("at / 100", percent / 100)
        return pd.Series(np.percentile(self.npv, at), index=pd.Index(at, name="percentile"), name="npv")

    def summary(self) -> Summary:
        """The risk in two lines."""
        p = self.p_loss
        return Summary(
            f"net present value: mean {self.mean:,.0f}, {self.level:.0%} of draws {self.low:,.0f} to {self.high:,.0f}\n"
            f"probability of loss: {p.estimate:.3f} (Monte Carlo {p.low:.3f} to {p.high:.3f}, {len(self.npv):,} draws)"
        )


class BusinessCase(Shown):
    """Does this project pay? Named lines of costs and benefits over `years`, discounted at `discount` a year.

    A line is a list of years + 1 amounts (year 0, which is today and not discounted, then 1, 2, ...), each a number
    or a range (low, likely, high). A single number, a tuple (low, likely, high) or a mapping with these keys stands
    for every year from 1 on, with nothing in year 0. Costs and benefits are both written as positive amounts, in one
    currency. Raises DataError with every fault of all lines: a wrong number of years, amounts that are no numbers,
    negative costs or benefits, ranges that do not rise, a name used twice; OptionError for years and discount.

    >>> case = BusinessCase({"licence": [100, 10, 10]}, {"margin": (50, 80, 90)}, years=2, discount=0.10)
    >>> case.measures()["net_present_value"]
    net_present_value: 21.49 money
    """

    def __init__(
        self, costs: Mapping[str, Any], benefits: Mapping[str, Any], years: int, discount: float = 0.10
    ) -> None:
        check_count("years", years)
        for kind, lines in (("costs", costs), ("benefits", benefits)):
            check_kind(kind, lines, Mapping, "give lines by name, such as {'licence': [100, 10, 10]}")
        net_present_value(discount, [0.0])  # refuses a discount of -1 or less
        self.years, self.discount = years, float(discount)
        faults = [Fault("", f"there are no {kind}", "Name at least one.") for kind, lines in
                  (("costs", costs), ("benefits", benefits)) if not lines]  # fmt: skip
        faults += [Fault(n, "is both a cost and a benefit", "Rename one.") for n in costs if n in benefits]
        self._lines: dict[str, np.ndarray] = {}  # (years + 1, 3): low, likely, high, costs below 0
        for sign, lines in ((-1, costs), (1, benefits)):
            for name, given in lines.items():
                line, wrong = _line(given, years)
                faults += [Fault(name, what, remedy) for what, remedy in wrong]
                self._lines[name] = sign * line
        if faults:
            raise DataError(faults, "the business case")
        self.costs, self.benefits = tuple(costs), tuple(benefits)

    @classmethod
    def from_toml(cls, path: str | Path) -> BusinessCase:
        """The case in a TOML file: years, discount, and the tables [costs] and [benefits]."""
        found = read_toml(path)
        allowed = {"costs", "benefits", "years", "discount"}
        faults = [Fault(k, "is missing", "Add it.") for k in ("costs", "benefits", "years") if k not in found]
        faults += [Fault(k, "is not known", f"Known: {', '.join(sorted(allowed))}.") for k in found if k not in allowed]
        faults += [
            Fault(k, "is no table", f"Write [{k}] and a line below it: name = [...].") for k in ("costs", "benefits")
            if k in found and not isinstance(found[k], dict)
        ]  # fmt: skip
        if faults:
            raise DataError(faults, f"'{path}'")
        return cls(**found)

    def flows(self) -> pd.DataFrame:
        """What comes and goes each year, if all is as likely? `discounted` is cumulated, too."""
        t = np.arange(self.years + 1)
        table = pd.DataFrame({"costs": self._likely(self.costs), "benefits": self._likely(self.benefits)})
        table["net"] = table["benefits"] - table["costs"]
        table["cumulative"] = table["net"].cumsum()
        table["discounted"] = (table["net"] / (1 + self.discount) ** t).cumsum()
        return table.rename_axis("year")

    def measures(self, risk: Risk | None = None) -> dict[str, Measure]:
        """The case's measures by name, at the likely amounts; with `risk` the NPV has its simulated range.

        total_cost_of_ownership is discounted. internal_rate_of_return is absent where there is none.
        """
        table = self.flows()
        npv = net_present_value(self.discount, table["net"])
        if risk is not None:
            npv = Measure(npv.name, npv.estimate, risk.low, risk.high, level=risk.level)
        found = [
            total_cost_of_ownership(table["costs"], self.discount),
            return_on_investment(table["benefits"], table["costs"]), npv, payback_period(table["net"]),
        ]  # fmt: skip
        with suppress(OptionError):  # no change of sign, or no rate
            found.append(internal_rate_of_return(table["net"]))
        return {one.name: one for one in found}

    def discounted_payback(self) -> Measure:
        """When has the money come back with its interest? In years; infinite if never."""
        return payback_period(self.flows()["net"], self.discount)

    def tornado(self) -> pd.DataFrame:
        """Which line matters most? The NPV with each line at its low and its high, the others likely.

        Columns kind, at_low, at_high (NPV), swing, the largest first. A line's low holds in all years at once.
        """
        base = self._present(self._lines)
        total = sum(value[1] for value in base.values())
        rows = {
            name: {
                "kind": "cost" if name in self.costs else "benefit", "at_low": total - v[1] + v[0],
                "at_high": total - v[1] + v[2], "swing": abs(v[2] - v[0]),
            }
            for name, v in base.items()
        }  # fmt: skip
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("line")
        return table.sort_values("swing", ascending=False, kind="stable")

    def monte_carlo(
        self, n: int = 10_000, *, rng: np.random.Generator | int, shape: Shape = "triangular", level: float = 0.90
    ) -> Risk:
        """How likely is a loss? The NPV when every line falls somewhere in its range.

        A line is drawn once, at the same place of its range in all years (a dear licence stays dear): yearly luck
        would cancel out, and the risk look smaller than it is. Lines are independent. `shape`: "triangular", or
        "pert", the beta distribution with 4 (likely - low) / (high - low) + 1, which has thinner ends
        (Malcolm, Roseboom, Clark & Fazar 1959, Operations Research 7(5)). p_loss is the share of draws below 0,
        with Wilson's 95% interval for the n draws: the simulation's error, not the world's.
        """
        check_option("shape", shape, get_args(Shape))
        z_value(level)
        check_count("n", n, 100)
        random = generator(rng, "monte_carlo")
        npv = np.zeros(n)
        for line in self._lines.values():
            npv += self._weights() @ _drawn(line, random.random(n), shape)
        low, high = np.quantile(npv, [(1 - level) / 2, (1 + level) / 2])
        loss = share("p_loss", int((npv < 0).sum()), n)
        return Risk(npv, float(npv.mean()), float(low), float(high), loss, level)

    def break_even(self, line: str) -> float:
        """By which factor may a line change until the NPV is 0, the others likely? 0.8 means 80% of the likely amounts.

        FitError where no factor from 0 up does it.
        """
        check_option("line", line, tuple(self._lines))
        base = {name: value[1] for name, value in self._present(self._lines).items()}
        rest = sum(base.values()) - base[line]
        factor = -rest / base[line] if base[line] else np.inf
        if not 0 <= factor < np.inf:
            raise FitError(
                f"No amount of '{line}' brings the net present value to 0: without it the case is worth {rest:,.4g}."
            )
        return float(factor)

    def summary(self) -> Summary:
        """The measures as text."""
        lines = [f"business case   {self.years} years at {self.discount:.1%}   likely amounts"]
        lines += [str(one.summary()) for one in self.measures().values()]
        return Summary("\n".join(lines).replace("rate per period", "per year").replace(" periods", " years"))

    def _weights(self) -> np.ndarray:
        return np.asarray((1 + self.discount) ** -np.arange(self.years + 1.0))

    def _present(self, lines: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: self._weights() @ line for name, line in lines.items()}

    def _likely(self, names: Sequence[str]) -> np.ndarray:
        return np.abs(np.sum([self._lines[name][:, 1] for name in names], axis=0))


def _line(given: Any, years: int) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """One line as (years + 1, 3), and what is wrong with it."""
    cells = given if isinstance(given, list | np.ndarray | pd.Series) else [0, *[given] * years]
    line, wrong = np.zeros((years + 1, 3)), []
    if len(cells) != years + 1:
        what = f"has {len(cells)} amounts, and years={years} needs {years + 1} (year 0 to {years})"
        wrong.append((what, "Give an amount for each year."))
    for year, cell in enumerate(cells):
        try:
            if isinstance(cell, Mapping):
                cell = [cell[key] for key in RANGE]
            values = numbers("", np.broadcast_to(cell, 3) if np.ndim(cell) == 0 else cell, signed=True)
        except (DataError, KeyError, ValueError):
            values = np.empty(0)
        wrong += [(f"in year {year}: {what}", remedy) for what, remedy in _cell_faults(values)]
        if year <= years and len(values) == 3:
            line[year] = values
    return line, list(dict.fromkeys(wrong))


def _cell_faults(values: np.ndarray) -> Iterator[tuple[str, str]]:
    if len(values) != 3:
        yield "is no finite number and no range", "Write a number or (low, likely, high)."
        return
    if (values < 0).any():
        yield f"{values.min():g} is negative", "Costs and benefits are both positive; a loss is a cost."
    if (np.diff(values) < 0).any():
        yield f"({', '.join(f'{v:g}' for v in values)}) does not rise", "Write low, likely, high in this order."


def _drawn(line: np.ndarray, u: np.ndarray, shape: Shape) -> np.ndarray:
    """The amounts (years + 1, n) at the quantiles u of each year's range."""
    out = np.empty((len(line), len(u)))
    for year, (low, likely, high) in enumerate(line):
        width = high - low  # below 0 for costs: then u runs from the dear end, which is as good
        if width == 0:
            out[year] = likely
            continue
        mode = (likely - low) / width
        if shape == "pert":
            from scipy.stats import beta

            out[year] = low + width * beta.ppf(u, 1 + 4 * mode, 5 - 4 * mode)
        else:
            left = np.sqrt(u * mode)
            out[year] = low + width * np.where(u <= mode, left, 1 - np.sqrt((1 - u) * (1 - mode)))
    return out
