"""BG/NBD: who is still a customer, and how often will they buy? (Fader, Hardie & Lee 2005)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crmlab.base.errors import FitError, OptionError, check_positive
from crmlab.base.fit import Fit, Scale, from_optimum, with_interval
from crmlab.base.mle import maximize
from crmlab.base.period import Unit, periods
from crmlab.clv import bgnbd_math
from crmlab.clv.inputs import Groups, as_frame, check_unit, group, histories, unit_of
from crmlab.data.simulate import simulate_customers

NAMES = ("r", "alpha", "a", "b")
HISTORY = ("frequency", "recency", "T")
_CHUNK = 1000  # histories evaluated at once: bounds the memory of the node matrices


class BGNBD:
    """How do customers buy until they silently leave? The BG/NBD model of repeat purchases.

    While active, a customer buys at a Poisson rate; rates differ as Gamma(r, rate alpha). After each repeat
    purchase the customer leaves for good with a chance that differs as Beta(a, b). Source: Fader, Hardie &
    Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284, equation 6.

    >>> from crmlab.data.simulate import simulate_customers
    >>> rng = np.random.default_rng(7)
    >>> seen = simulate_customers(2000, r=0.5, alpha=5, a=1, b=3, T=52, rng=rng)
    >>> fit = BGNBD().fit(seen, unit="W")
    >>> fit.converged
    True
    """

    def fit(self, customers: pd.DataFrame, *, unit: Unit | None = None) -> BGNBDFit:
        """Estimate r, alpha, a, b by maximum likelihood.

        `customers` has a row a customer with frequency, recency and T as `crm.summarize` makes them, or a
        row a distinct history with `n_customers` (a lazy Ibis table is fetched). `unit` is
        needed only where the table does not note it.
        Standard errors come from the analytic Hessian. Faulty tables raise DataError; data in which nobody
        came back raise FitError; parameters that the data leave open are named in a FlatLikelihoodWarning.
        """
        customers = as_frame(customers)
        noted = unit_of(customers, unit)
        seen = histories(customers, *HISTORY)
        x, tx, T = seen.columns
        if not (x > 0).any():
            raise FitError("Nobody bought again (frequency is 0 for all): there is nothing to estimate rates from.")
        if len(x) < len(NAMES):
            raise FitError(f"Only {len(x)} distinct histories for {len(NAMES)} parameters: more customers are needed.")

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return bgnbd_math.loglik(theta, x, tx, T, seen.weight)

        purchases, time = float(seen.weight @ x), float(seen.weight @ T)
        starts = [
            np.array([r, r * time / purchases, a, b])
            for r, a, b in ((0.5, 1.0, 3.0), (1.0, 0.3, 10.0), (5.0, 1.0, 1.0), (0.1, 0.1, 0.1))
        ]
        best = maximize(objective, starts, NAMES, seen.n)
        return BGNBDFit(**from_optimum(best, NAMES, model="BG/NBD", n=seen.n, unit=noted))


@dataclass(frozen=True, repr=False)
class BGNBDFit(Fit):
    """An estimated BG/NBD model. Horizons are numbers in the fit's unit, or text such as "3Y"."""

    @property
    def theta(self) -> np.ndarray:
        """(r, alpha, a, b) as an array."""
        return self.params.to_numpy(dtype=float)

    def p_alive(self, customers: pd.DataFrame, *, interval: float | None = None) -> pd.Series | pd.DataFrame:
        """How likely is it that each customer is still active at T?

        A Series by the table's index; with `interval=0.95` a DataFrame with se, low, high (delta method on
        the logit). Who never bought again is active with chance 1: in this model one leaves only after a
        repeat purchase.
        """
        check_unit(customers, self.unit)
        seen = histories(customers, *HISTORY)
        chance, gradient = bgnbd_math.alive(self.theta, *seen.columns)
        return _spread(chance, self.variance(gradient), seen.inverse, customers.index, "p_alive", interval, "logit")

    def expected_purchases(
        self, customers: pd.DataFrame, horizon: float | str, *, interval: float | None = None
    ) -> pd.Series | pd.DataFrame:
        """How many purchases will each customer make in the `horizon` after T? (equation 10)

        A Series by the table's index; with `interval=0.95` a DataFrame with se, low, high (delta method on
        the logarithm; the uncertainty of the expected value, not of one customer's count).
        """
        check_unit(customers, self.unit)
        seen = histories(customers, *HISTORY)
        value, variance = self.purchases(seen, periods(horizon, str(self.unit)))
        return _spread(value, variance, seen.inverse, customers.index, "expected_purchases", interval, "log")

    def purchases(self, seen: Groups, length: float, rate: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Expected purchases of distinct histories in `length` units, discounted at continuous `rate` per
        unit, and their variance through the parameters."""
        value, gradient = self.purchases_gradient(seen, length, rate)
        return value, self.variance(gradient)

    def purchases_gradient(self, seen: Groups, length: float, rate: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The same expectation with its gradient in (r, alpha, a, b)."""
        theta = self.theta
        x, tx, T = seen.columns
        pairs = group((x, T))  # given that a customer is alive, t_x no longer matters
        counts, lengths = pairs.columns
        alive, slope = _each_count(
            theta, counts, lengths, lambda x, T: bgnbd_math.discounted_if_alive(theta, x, T, length, rate)
        )
        alive, slope = alive[pairs.inverse], slope[pairs.inverse]
        chance, by_chance = bgnbd_math.alive(theta, x, tx, T)
        return chance * alive, chance[:, None] * slope + alive[:, None] * by_chance

    def new_customer(self, length: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Discounted repeat purchases of a new customer in `length` units, and their gradient, as rows."""
        return bgnbd_math.discounted_if_alive(self.theta, 0.0, np.zeros(1), length, rate)

    def expected_purchases_new(self, horizon: Any, *, interval: float | None = None) -> Any:
        """How many repeat purchases will a new customer make in the `horizon` after the first? (equation 9)

        A float, or an array for an array of horizons; with `interval` a DataFrame with se, low, high.
        """
        one = np.ndim(horizon) == 0
        lengths = np.array([periods(h, str(self.unit)) for h in np.atleast_1d(horizon)])
        theta = self.theta
        value, slope = bgnbd_math.expected_if_alive(theta, 0.0, np.zeros(len(lengths)), lengths)
        if interval is not None:
            index = pd.Index(lengths, name="horizon")
            return with_interval(value, self.variance(slope), interval, index, "log")
        return float(value[0]) if one else value

    def pmf(self, n: Any, horizon: float | str) -> Any:
        """How likely are n repeat purchases of a new customer within `horizon`? (equation 8)

        `n` is a whole number or an array of them; a float or an array comes back.
        """
        counts = np.asarray(n, dtype=float)
        if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.floor(counts)).all()):
            raise OptionError(f"n={n!r} is not usable; it must be whole numbers, 0 or more.")
        value = bgnbd_math.pmf(self.theta, counts, np.float64(periods(horizon, str(self.unit))))
        return float(value) if counts.ndim == 0 else value

    def simulate(self, n: int, horizon: float | str, *, rng: np.random.Generator) -> pd.DataFrame:
        """What would n new customers do in the `horizon` after their first purchase, if the fit were true?

        A customer summary (see `crm.simulate_customers`) in the fit's unit, ready to be fitted again.
        """
        length = periods(horizon, str(self.unit))
        check_positive("horizon", length)
        customers = simulate_customers(n, **dict(zip(NAMES, self.theta, strict=True)), T=length, rng=rng)
        customers.attrs["unit"] = self.unit
        return customers


def _each_count(
    theta: np.ndarray, x: np.ndarray, T: np.ndarray,
    function: Callable[[float, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Apply `function(x, T array)` count by count, since histories with the same x share their nodes."""
    value, gradient = np.empty(len(x)), np.empty((len(x), len(theta)))
    order = np.argsort(x, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(x[order])) + 1):
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            value[part], gradient[part] = function(float(x[part[0]]), T[part])
    return value, gradient


def _spread(
    value: np.ndarray, variance: np.ndarray, inverse: np.ndarray, index: pd.Index, name: str,
    interval: float | None, scale: Scale,
) -> pd.Series | pd.DataFrame:  # fmt: skip
    """From distinct histories back to the table's rows."""
    if interval is None:
        return pd.Series(value[inverse], index=index, name=name)
    return with_interval(value[inverse], variance[inverse], interval, index, scale)
