"""Gamma-Gamma: what will a customer spend per order? (Fader & Hardie 2013, note 025)"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln, polygamma

from crmlab.base.errors import AssumptionWarning, FitError
from crmlab.base.fit import Fit, from_optimum, with_interval, z_value
from crmlab.base.mle import maximize
from crmlab.clv.inputs import as_frame, by_count, histories
from crmlab.data.schemas import check_summary

NAMES = ("p", "q", "v")
SPENDING = ("frequency", "monetary_value")
CORRELATION_LIMIT = 0.3


def loglik(theta: np.ndarray, x: np.ndarray, z: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood (note 025, equation 1a) of mean spends z over x orders, with gradient and Hessian."""
    p, q, v = theta
    n, xs = by_count(x, weight)
    shape, total = p * x + q, x * z + v
    log_total, inverse = np.log(total), 1 / total
    log_xz = np.log(x) + np.log(z)
    everyone = weight.sum()
    value = float(
        n @ (gammaln(p * xs + q) - gammaln(p * xs) - gammaln(q))
        + everyone * q * np.log(v)
        + weight @ (p * x * log_xz - np.log(z) - shape * log_total)
    )
    psi, psi_p = digamma(p * xs + q), digamma(p * xs)
    tri, tri_p = polygamma(1, p * xs + q), polygamma(1, p * xs)
    gradient = np.array(
        [
            n @ (xs * (psi - psi_p)) + weight @ (x * (log_xz - log_total)),
            n @ (psi - digamma(q)) + everyone * np.log(v) - weight @ log_total,
            everyone * q / v - weight @ (shape * inverse),
        ]
    )
    pp, pq, qq = n @ (xs**2 * (tri - tri_p)), n @ (xs * tri), n @ (tri - polygamma(1, q))
    pv, qv = -(weight @ (x * inverse)), everyone / v - weight @ inverse
    vv = -everyone * q / v**2 + weight @ (shape * inverse**2)
    return value, gradient, np.array([[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])


class GammaGamma:
    """What does each customer spend per order, seen through few and noisy orders?

    An order's amount varies around the customer's own mean as Gamma(p, rate nu), and nu varies between
    customers as Gamma(q, rate v) (v is written gamma in the paper). Spending is taken to be independent of
    how often one buys. Source: Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value",
    brucehardie.com/notes/025.

    >>> from crmlab.data.datasets import load_cdnow
    >>> from crmlab.customers.summary import summarize
    >>> customers = summarize(load_cdnow(sample=True), unit="W", end="1997-09-30")
    >>> GammaGamma().fit(customers).params.round(2).to_dict()
    {'p': 6.25, 'q': 3.74, 'v': 15.44}
    """

    def fit(self, customers: pd.DataFrame) -> GammaGammaFit:
        """Estimate p, q, v by maximum likelihood from the repeat buyers.

        `customers` has frequency and monetary_value (mean of the repeat purchases), and `n_customers`
        where a row stands for several. Rows with frequency 0 say nothing on spending and are left out.
        Faulty tables raise DataError. Says so (AssumptionWarning) where q <= 1, so that the mean spend of
        all customers is infinite, and where spend goes with frequency (|correlation| above 0.3).
        """
        seen = histories(as_frame(customers), *SPENDING)
        repeat = seen.columns[0] > 0
        (x, z), weight = (column[repeat] for column in seen.columns), seen.weight[repeat]
        n = int(weight.sum())
        if n < 2 or np.ptp(z) == 0:
            raise FitError(
                f"{n} repeat buyers with {len(np.unique(z))} different mean spends: "
                "Gamma-Gamma needs several customers who bought again and did not all spend the same."
            )

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return loglik(theta, x, z, weight)

        mean = float(weight @ z) / n
        starts = [np.array([p, q, mean * max(q - 1, 0.5) / p]) for p, q in ((5.0, 4.0), (1.0, 1.5), (50.0, 50.0))]
        best = maximize(objective, starts, NAMES, n)
        correlation = _correlation(x, z, weight)
        fields = from_optimum(best, NAMES, model="Gamma-Gamma", n=n, unit=None)
        reach = z_value(0.95) / np.sqrt(max(n - 3, 1))
        low, high = np.tanh(np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12)) + np.array([-reach, reach]))
        note = (
            f"correlation of frequency and mean spend: {correlation:.3f} (95% {low:.3f} to {high:.3f}); "
            "the model takes it to be 0"
        )
        if abs(correlation) > CORRELATION_LIMIT:
            warnings.warn(f"{note}. Values of frequent buyers will be off.", AssumptionWarning, stacklevel=2)
        if best.theta[1] <= 1:
            text = (
                f"q = {best.theta[1]:.3f} is not above 1: the mean spend over all customers is infinite, so that "
                "nothing can be said of customers without repeat purchases. Look for a few enormous orders."
            )
            warnings.warn(text, AssumptionWarning, stacklevel=2)
        return GammaGammaFit(**fields, notes=(note,), correlation=correlation)


def _correlation(x: np.ndarray, z: np.ndarray, weight: np.ndarray) -> float:
    """Pearson's correlation of weighted pairs; 0 where one of them does not vary."""
    dx, dz = x - weight @ x / weight.sum(), z - weight @ z / weight.sum()
    size = np.sqrt((weight @ dx**2) * (weight @ dz**2))
    return float(weight @ (dx * dz) / size) if size > 0 else 0.0


@dataclass(frozen=True, repr=False)
class GammaGammaFit(Fit):
    """An estimated Gamma-Gamma model; `correlation` is that of frequency and mean spend in the data."""

    correlation: float = 0.0

    @property
    def theta(self) -> np.ndarray:
        """(p, q, v) as an array."""
        return self.params.to_numpy(dtype=float)

    def expected_spend(self, customers: pd.DataFrame, *, interval: float | None = None) -> pd.Series | pd.DataFrame:
        """What does each customer spend per order on average, in the data's currency? (equation 5)

        The customer's own mean drawn towards everybody's, the more so the fewer the orders. A Series by the
        table's index; with `interval=0.95` a DataFrame with se, low, high (delta method on the logarithm).
        Raises FitError where the expectation is infinite (p x + q <= 1).
        """
        value, gradient = self.spend(customers)
        if interval is not None:
            return with_interval(value, self.variance(gradient), interval, customers.index, "log")
        return pd.Series(value, index=customers.index, name="expected_spend")

    def spend(self, customers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Expected spend per order of each row of a checked table, and its gradient in (p, q, v)."""
        check_summary(customers, needs=SPENDING, free_orders=True)
        return self.spend_gradient(*(customers[name].to_numpy(dtype=float) for name in SPENDING))

    def spend_gradient(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p (v + x z) / (p x + q - 1), and its gradient in (p, q, v)."""
        p, q, v = self.theta
        below = p * x + q - 1
        if (below <= 0).any():
            raise FitError(
                f"q = {q:.3f}: the expected spend of {int((below <= 0).sum()):,} customers with too few orders is "
                "infinite (p x + q must be above 1). Leave them out (frequency > 0), or fit on more data."
            )
        money = v + x * z
        gradient = np.stack([money * (q - 1) / below**2, -p * money / below**2, p / below], axis=1)
        return p * money / below, gradient

    def mean_spend(self) -> tuple[float, np.ndarray]:
        """Everybody's mean spend per order, p v / (q - 1), and its gradient."""
        value, gradient = self.spend_gradient(np.zeros(1), np.zeros(1))
        return float(value[0]), gradient[0]
