"""What every estimated model returns: parameters with their uncertainty, and the same few questions answered."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from crmlab.base.errors import FlatLikelihoodWarning, OptionError, is_number
from crmlab.base.mle import Optimum

Scale = Literal["linear", "log", "logit"]
Seed = np.random.Generator | int | None


def z_value(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for level=0.95."""
    if not (is_number(level) and 0 < level < 1):
        raise OptionError(f"level={level!r} is not usable; 0.95 means a 95% interval.")
    return float(ndtri(0.5 + level / 2))


def generator(rng: Seed, what: str) -> np.random.Generator:
    """The random numbers of a Generator or a seed; raises OptionError where there is none."""
    if rng is None:
        raise OptionError(f"{what} draws at random: give rng=1 (a seed) or a numpy Generator.")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise OptionError(f"rng={rng!r} is not usable; give a whole number, 0 or more, or a numpy Generator.") from None


class Summary(str):
    """Text that a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f'<pre style="font-family: monospace">{html.escape(self)}</pre>'


class Shown:
    """A result that shows its `summary()`."""

    def summary(self) -> Summary:
        """The result as text."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


@dataclass(frozen=True, repr=False, kw_only=True)
class Estimates(Shown):
    """Estimated parameters with their covariance, however they were estimated.

    `params` and `se` are Series by parameter name, `cov` is a DataFrame (all in the data's own units). `unit`
    is the time unit ("D", "W", "M"; None where the model has no time). `flat` names parameters that the data
    leave open; `notes` is what the reader of a summary should know.
    """

    SCALE: ClassVar[Scale] = "linear"  # on which the parameters' intervals are symmetric
    COUNTED: ClassVar[str] = "answers"

    model: str
    params: pd.Series
    cov: pd.DataFrame
    n: int
    converged: bool
    unit: str | None = None
    flat: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def se(self) -> pd.Series:
        """Standard errors: the square roots of the covariance's diagonal."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index, name="se")

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Between which bounds do the parameters lie? Wald intervals on the scale of the model's kind.

        Parameters that must be positive have them on their logarithms, params * exp(-+ z se / params): on their
        own scale the intervals would cover too seldom and could start below zero.
        """
        variance = self.se.to_numpy() ** 2
        bounds = with_interval(self.params.to_numpy(), variance, level, self.params.index, self.SCALE)
        return bounds[["low", "high"]]

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """One row a parameter: estimate, se, low, high."""
        table = pd.DataFrame({"estimate": self.params, "se": self.se}).join(self.conf_int(level))
        return table.rename_axis("parameter").reset_index()

    def summary(self, level: float = 0.95) -> Summary:
        """The estimates and the fit as text, to read or to print."""
        unit = "" if self.unit is None else f"   unit: {self.unit}"
        percent = f"{100 * (1 - level) / 2:g}%", f"{100 * (1 + level) / 2:g}%"
        wide = max(10, *(len(str(name)) + 1 for name in self.params.index))
        lines = [
            f"{self.model}   {self.COUNTED}: {self.n:,}{unit}   converged: {'yes' if self.converged else 'NO'}",
            *self._header(),
            "",
            f"{'':{wide}s}{'estimate':>12s}{'se':>12s}{percent[0]:>12s}{percent[1]:>12s}",
        ]
        for name, *values in self.tidy(level).itertuples(index=False, name=None):
            lines.append(f"{name:{wide}s}" + "".join(f"{value:12.5g}" for value in values))
        if self.flat:
            lines += ["", _flat_message(self.flat)]
        lines += [line for note in self.notes for line in ("", note)]
        return Summary("\n".join(lines))

    def _header(self) -> list[str]:
        return []

    def variance(self, gradient: np.ndarray) -> np.ndarray:
        """Delta method: the variance of quantities with this gradient, shape (..., parameters)."""
        return np.einsum("...j,jk,...k->...", gradient, self.cov.to_numpy(), gradient)


@dataclass(frozen=True, repr=False, kw_only=True)
class Fit(Estimates):
    """A model estimated by maximum likelihood.

    `loglik` is the log-likelihood of all `n` customers (or answers) on the data's scale, so that models of the
    same data compare.
    """

    SCALE: ClassVar[Scale] = "log"
    COUNTED: ClassVar[str] = "customers"

    loglik: float

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2k - 2 log L: smaller is better, on the same data."""
        return 2 * len(self.params) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, k log n - 2 log L, with n customers or answers."""
        return math.log(self.n) * len(self.params) - 2 * self.loglik

    def _header(self) -> list[str]:
        return [f"log-likelihood: {self.loglik:.4f}   AIC: {self.aic:.2f}   BIC: {self.bic:.2f}"]


def with_interval(
    estimate: np.ndarray, variance: np.ndarray, level: float, index: pd.Index, scale: Scale = "linear"
) -> pd.DataFrame:
    """Estimates with se, low, high (Wald, on `scale`, so that bounds stay where the quantity can be).

    The interval is about an expected value under the model: it holds what is not known of the parameters,
    not the luck of a single customer.
    """
    se = np.sqrt(np.maximum(variance, 0))
    reach = z_value(level) * se
    if scale == "linear":
        low, high = estimate - reach, estimate + reach
    elif scale == "log":
        factor = np.exp(reach / np.where(estimate > 0, estimate, 1.0))
        low, high = estimate / factor, estimate * factor
    else:
        inner = estimate * (1 - estimate)
        shift = reach / np.where(inner > 0, inner, 1.0)
        centre = logit(estimate)
        low, high = expit(centre - shift), expit(centre + shift)
    return pd.DataFrame({"estimate": estimate, "se": se, "low": low, "high": high}, index=index)


def _flat_message(names: Sequence[str]) -> str:
    listed = ", ".join(names)
    return (
        f"The likelihood is almost flat in {listed}: very different values explain the data equally well. "
        f"Do not read {'it' if len(names) == 1 else 'them'} singly; predictions for such customers can still be used."
    )


def from_optimum(optimum: Optimum, names: Sequence[str], **given: Any) -> dict[str, Any]:
    """The fields of a Fit from an optimum; warns, with the parameter's name, where the likelihood is flat."""
    if optimum.flat:
        warnings.warn(_flat_message(optimum.flat), FlatLikelihoodWarning, stacklevel=3)
    if not optimum.converged:
        text = f"The search for the maximum stopped early: {optimum.message}"
        warnings.warn(text, FlatLikelihoodWarning, stacklevel=3)
    index = pd.Index(names)
    return {
        "params": pd.Series(optimum.theta, index=index, name="estimate"),
        "cov": pd.DataFrame(optimum.cov, index=index, columns=index),
        "loglik": float(optimum.loglik),
        "converged": optimum.converged,
        "flat": optimum.flat,
        **given,
    }
