"""Customer lifetime value: expected orders times expected margin, in today's money, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_positive, is_number
from crmlab.base.fit import with_interval
from crmlab.base.period import discount_rate, periods
from crmlab.clv.bgnbd import HISTORY, BGNBDFit
from crmlab.clv.gamma_gamma import GammaGammaFit
from crmlab.clv.inputs import check_unit, histories


@dataclass(frozen=True)
class _Terms:
    """The terms of a valuation, in the fit's unit."""

    length: float
    rate: float
    margin: float
    cost_per_order: float
    acquisition_cost: float

    def worth(self, orders: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """Money from discounted orders at a mean spend: (margin spend - cost per order) orders - acquisition."""
        return (self.margin * spend - self.cost_per_order) * orders - self.acquisition_cost


def _terms(
    fit: BGNBDFit, horizon: float | str, annual_discount: float, margin: float,
    cost_per_order: float, acquisition_cost: float,
) -> _Terms:  # fmt: skip
    if not (is_number(margin) and 0 < margin <= 1):
        raise OptionError(f"margin={margin!r} is not usable; 0.30 means that 30% of an order's amount is left.")
    check_positive("cost_per_order", cost_per_order, zero=True)
    check_positive("acquisition_cost", acquisition_cost, zero=True)
    unit = str(fit.unit)
    rate = discount_rate(annual_discount, unit)
    return _Terms(periods(horizon, unit), rate, margin, cost_per_order, acquisition_cost)


def lifetime_value(
    fit: BGNBDFit, spend: GammaGammaFit, customers: pd.DataFrame, *, horizon: float | str = "3Y",
    annual_discount: float = 0.10, margin: float = 0.30, cost_per_order: float = 0.0,
    acquisition_cost: float = 0.0, level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """What is each customer's future worth today?

    value = (margin x expected spend - cost_per_order) x discounted orders - acquisition_cost, where the
    orders of the `horizon` after T (a number in the fit's unit, or text such as "3Y") are expected from the
    BG/NBD fit and each is discounted from its own moment at `annual_discount` a year, continuously
    compounded, so that no unit changes the value; the spend per order comes from the Gamma-Gamma fit
    (Fader, Hardie & Lee 2005, RFM and CLV, Journal of Marketing Research 42, equation 3, with a finite
    horizon). What a customer cost to win is spent; give `acquisition_cost` only for customers yet to be won.

    Returns a row a customer (with customer_id where the table has it): expected_orders (not discounted),
    discounted_orders, expected_spend, value, se, low, high in the data's currency. se and the `level`
    interval come from the delta method: they hold what the two fits do not know of their parameters
    (taken to be independent), about the expected value and not about one customer's luck.

    >>> from crmlab import BGNBD, GammaGamma, load_cdnow, summarize
    >>> customers = summarize(load_cdnow(sample=True), unit="W", end="1997-09-30")
    >>> fit, spend = BGNBD().fit(customers), GammaGamma().fit(customers)
    >>> value = lifetime_value(fit, spend, customers, horizon="1Y")
    >>> value.loc[0, ["value", "low", "high"]].round(2).tolist()
    [11.06, 10.06, 12.06]
    """
    check_unit(customers, fit.unit)
    terms = _terms(fit, horizon, annual_discount, margin, cost_per_order, acquisition_cost)
    seen = histories(customers, *HISTORY)
    money, by_money = spend.spend(customers)
    plain, _ = fit.purchases_gradient(seen, terms.length)
    orders, orders_variance = fit.purchases(seen, terms.length, terms.rate)
    orders, orders_variance = orders[seen.inverse], orders_variance[seen.inverse]
    per_order = margin * money - cost_per_order
    variance = (margin * orders) ** 2 * spend.variance(by_money) + per_order**2 * orders_variance
    bounds = with_interval(terms.worth(orders, money), variance, level, customers.index)
    table = pd.DataFrame(
        {"expected_orders": plain[seen.inverse], "discounted_orders": orders, "expected_spend": money},
        index=customers.index,
    ).join(bounds.rename(columns={"estimate": "value"}))
    if "customer_id" in customers:
        table.insert(0, "customer_id", customers["customer_id"])
    return table


def total_value(
    fit: BGNBDFit, spend: GammaGammaFit, customers: pd.DataFrame, *, horizon: float | str = "3Y",
    annual_discount: float = 0.10, margin: float = 0.30, cost_per_order: float = 0.0,
    acquisition_cost: float = 0.0, level: float = 0.95,
) -> pd.Series:  # fmt: skip
    """What is the whole customer base worth today, and how sure is that?

    The sum of `lifetime_value` over all rows (times `n_customers` where it is there). An error in a parameter
    moves all customers together, so that the sum's interval is not to be had from the customers' ones:
    the gradients are added first. Returns customers, value, se, low, high.
    """
    check_unit(customers, fit.unit)
    terms = _terms(fit, horizon, annual_discount, margin, cost_per_order, acquisition_cost)
    seen = histories(customers, *HISTORY)
    weight = customers["n_customers"].to_numpy(dtype=float) if "n_customers" in customers else np.ones(len(customers))
    money, by_money = spend.spend(customers)
    orders, by_orders = fit.purchases_gradient(seen, terms.length, terms.rate)
    per_order = np.bincount(seen.inverse, weight * (margin * money - cost_per_order))
    of_orders = per_order @ by_orders
    of_money = (weight * margin * orders[seen.inverse]) @ by_money
    variance = fit.variance(of_orders) + spend.variance(of_money)
    total = weight @ terms.worth(orders[seen.inverse], money)
    row = with_interval(np.array([total]), np.array([variance]), level, pd.Index([0])).iloc[0]
    return pd.concat([pd.Series({"customers": weight.sum()}), row.rename({"estimate": "value"})]).rename(None)


def new_customer_value(
    fit: BGNBDFit, spend: GammaGammaFit, *, horizon: float | str = "3Y", annual_discount: float = 0.10,
    margin: float = 0.30, cost_per_order: float = 0.0, acquisition_cost: float = 0.0,
    first_order: bool = True, level: float = 0.95,
) -> pd.Series:  # fmt: skip
    """What is a customer worth who is yet to be won, and so: how much may winning one cost at most?

    (margin x mean spend - cost_per_order) x (first order, if `first_order`, + discounted repeat orders in the
    `horizon`) - acquisition_cost. Returns orders (discounted), spend, value, se, low, high; the interval as in
    `lifetime_value`. Raises FitError where the mean spend is infinite (q <= 1).
    """
    terms = _terms(fit, horizon, annual_discount, margin, cost_per_order, acquisition_cost)
    money, by_money = spend.mean_spend()
    repeat, by_orders = fit.new_customer(terms.length, terms.rate)
    orders = repeat[0] + float(first_order)
    per_order = margin * money - cost_per_order
    variance = fit.variance(per_order * by_orders[0]) + spend.variance(margin * orders * by_money)
    value = terms.worth(np.array([orders]), np.array([money]))
    row = with_interval(value, np.array([variance]), level, pd.Index([0])).iloc[0]
    return pd.concat([pd.Series({"orders": orders, "spend": money}), row.rename({"estimate": "value"})]).rename(None)
