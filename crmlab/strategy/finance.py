"""What do a project's flows of money come to? Cost of ownership, return, NPV, IRR, payback, earnings yield."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np

from crmlab.base.errors import AssumptionWarning, DataError, Fault, OptionError, check_positive, is_number, require
from crmlab.strategy.measures import Measure, Values, numbers


def total_cost_of_ownership(costs: Values | Mapping[str, Values], rate: float = 0.0) -> Measure:
    """What does owning it cost in all? Buying, running, training, upkeep: one cost a period, or lines of them.

    With `rate` per period in today's money, the first cost at t = 0.
    """
    lines = [numbers("costs", line) for line in (costs.values() if isinstance(costs, Mapping) else [costs])]
    if len({len(line) for line in lines}) != 1:
        what = "there are none, or lines of different length"
        raise DataError(Fault("", what, "Give each line a cost for each period, 0 where there is none."), "costs")
    total = np.sum(lines, axis=0)
    return Measure("total_cost_of_ownership", float(_npv(rate, total)))


def return_on_investment(benefits: Values, costs: Values) -> Measure:
    """How much does each unit of money bring beyond itself? (benefits - costs) / costs, over all periods.

    >>> return_on_investment([0, 60, 90], [100, 10, 10])
    return_on_investment: 0.25 share
    """
    gained, spent = numbers("benefits", benefits, signed=True).sum(), numbers("costs", costs).sum()
    check_positive("costs", spent)
    return Measure("return_on_investment", float((gained - spent) / spent))


def net_present_value(rate: float, flows: Values) -> Measure:
    """What are these flows worth today? sum of flow_t / (1 + rate)^t; the first flow is today's (t = 0).

    As numpy_financial.npv (a spreadsheet's NPV discounts the first flow too). `rate` above -1, per period.

    >>> net_present_value(0.10, [-100, 60, 60])
    net_present_value: 4.132 money
    """
    return Measure("net_present_value", float(_npv(rate, numbers("flows", flows, signed=True))))


def internal_rate_of_return(flows: Values) -> Measure:
    """At which rate would these flows be worth nothing today? The internal rate of return, per period.

    OptionError where flows never change sign or no rate exists. Where several rates do, an AssumptionWarning names
    all, and the one nearest to 0 is given: then judge by the net present value.

    >>> internal_rate_of_return([-100, 60, 60])
    internal_rate_of_return: 0.1307 rate per period
    """
    x = numbers("flows", flows, least=2, signed=True)
    if not ((x > 0).any() and (x < 0).any()):
        raise OptionError(
            "flows never change sign: without both a cost and a gain there is no internal rate of return."
        )
    # x = 1 / (1 + rate); a double root may come out with a tiny imaginary part
    roots = np.roots(x[::-1])
    found = np.sort(1 / roots[(np.abs(roots.imag) < 1e-6) & (roots.real > 1e-12)].real - 1)
    rates = found[np.diff(found, prepend=-2) > 1e-4]
    if not len(rates):
        raise OptionError("There is no rate at which these flows are worth nothing; use net_present_value.")
    if len(rates) > 1:
        listed = ", ".join(f"{rate:.4g}" for rate in rates)
        text = f"The internal rate of return is not unique: {listed}. Judge by the net present value."
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    irr = float(require("numpy_financial", "strategy").irr(x))
    return Measure("internal_rate_of_return", irr if math.isfinite(irr) else float(rates[np.abs(rates).argmin()]))


def payback_period(flows: Values, rate: float = 0.0) -> Measure:
    """When has the money come back for good? In periods after the first flow; infinite if never.

    The time from which the cumulated flows, discounted at `rate`, stay at or above 0, on a straight line within
    a period.

    >>> payback_period([-100, 60, 60])
    payback_period: 1.667 periods
    """
    x = numbers("flows", flows, signed=True)
    _npv(rate, x)
    total = np.cumsum(x / (1 + rate) ** np.arange(len(x)))
    below = np.flatnonzero(total < -1e-9 * np.abs(x).max())
    if not len(below):
        return Measure("payback_period", 0.0)
    last = int(below[-1])
    if last == len(x) - 1:
        return Measure("payback_period", math.inf)
    return Measure("payback_period", last - total[last] / (total[last + 1] - total[last]))


def income_to_share(net_income: float, shares: float, share_price: float) -> Measure:
    """What does a share earn for its price? (net income / shares) / price: the earnings yield.

    "Income to share" names no one ratio in the literature. This is our reading; at share_price=1 it is the income
    per share.
    """
    if not (is_number(net_income) and math.isfinite(net_income)):
        raise OptionError(f"net_income={net_income!r} is not usable; it must be a finite number.")
    check_positive("shares", shares)
    check_positive("share_price", share_price)
    return Measure("income_to_share", net_income / shares / share_price)


def _npv(rate: float, flows: np.ndarray) -> float:
    if not (is_number(rate) and -1 < rate < math.inf):
        raise OptionError(f"rate={rate!r} is not usable; 0.10 means 10% a period, and it must be above -1.")
    return float(require("numpy_financial", "strategy").npv(rate, flows))
