"""How many respondents are needed? For a share, for a model's fit, and the rules of thumb with their caveats."""

from __future__ import annotations

import math
from numbers import Integral

import pandas as pd
from scipy.stats import ncx2

from crmlab.base.errors import OptionError, check_positive
from crmlab.base.fit import z_value

CHI2_1970 = 3.841  # as printed by Krejcie and Morgan
MOST = 10_000_000


def cochran(margin: float = 0.05, p: float = 0.5, level: float = 0.95, population: int | None = None) -> int:
    """How many answers estimate a share p to within `margin`?

    n = z^2 p (1 - p) / margin^2, rounded up, for a simple random sample; p = 0.5 is the most careful. With a
    `population` of N people n becomes n / (1 + (n - 1) / N). Cochran (1977), Sampling Techniques, section 4.4.
    It says nothing on a model's needs, and not how many to invite: divide by the share that answers.

    >>> cochran(), cochran(population=1000)
    (385, 278)
    """
    _share("margin", margin)
    _share("p", p)
    n = (z_value(level) / margin) ** 2 * p * (1 - p)
    if population is not None:
        n /= 1 + (n - 1) / _count("population", population)
    return math.ceil(n - 1e-9)


def krejcie_morgan(population: int) -> int:
    """How large is the sample that Krejcie and Morgan's table gives for a population?

    s = X N p (1 - p) / (d^2 (N - 1) + X p (1 - p)) with X = 3.841, p = 0.5, d = 0.05, rounded to the nearest
    as in their table. Krejcie & Morgan (1970), Educational and Psychological Measurement 30. It is Cochran's
    formula at 5% margin and 95%; their table goes up to 384.

    >>> [krejcie_morgan(n) for n in (250, 1000, 10_000)]
    [152, 278, 370]
    """
    size = _count("population", population)
    return math.floor(CHI2_1970 * size * 0.25 / (0.05**2 * (size - 1) + CHI2_1970 * 0.25) + 0.5)


def rmsea_power(n: int, df: int, rmsea0: float = 0.05, rmsea1: float = 0.08, alpha: float = 0.05) -> float:
    """With what probability do n answers reject a fit of `rmsea0` where the model's true RMSEA is `rmsea1`?

    Where `rmsea1` is the larger, the test of close fit; where it is the smaller, that of not-close fit. Noncentral
    chi-squares with (n - 1) df rmsea^2. MacCallum, Browne & Sugawara (1996), Psychological Methods 1(2).

    >>> round(rmsea_power(200, 50), 3)
    0.769
    """
    _count("n", n, least=2)
    _count("df", df)
    _share("alpha", alpha)
    for name, value in (("rmsea0", rmsea0), ("rmsea1", rmsea1)):
        check_positive(name, value, zero=True)
    if rmsea0 == rmsea1:
        raise OptionError(f"rmsea0 and rmsea1 are both {rmsea0:g}; the power to tell them apart needs two values.")
    scale = (n - 1) * df
    if rmsea1 > rmsea0:
        return float(ncx2.sf(ncx2.ppf(1 - alpha, df, scale * rmsea0**2), df, scale * rmsea1**2))
    return float(ncx2.cdf(ncx2.ppf(alpha, df, scale * rmsea0**2), df, scale * rmsea1**2))


def rmsea_sample_size(
    df: int, power: float = 0.80, rmsea0: float = 0.05, rmsea1: float = 0.08, alpha: float = 0.05
) -> int:
    """How many answers does a model with `df` degrees of freedom need to be tested by its RMSEA?

    The least n at which `rmsea_power` reaches `power`. Models of few degrees of freedom need thousands.

    >>> rmsea_sample_size(24)
    375
    """
    _share("power", power)
    low, high = 1, 2
    while rmsea_power(high, df, rmsea0, rmsea1, alpha) < power:
        low, high = high, 2 * high
        if high > MOST:
            raise OptionError(f"rmsea0={rmsea0:g} and rmsea1={rmsea1:g} are too near: it takes over {MOST:,} answers.")
    while high - low > 1:
        middle = (low + high) // 2
        if rmsea_power(middle, df, rmsea0, rmsea1, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def items_rule(n_items: int, n: int | None = None, *, arrows: int | None = None, path: float = 0.2) -> pd.DataFrame:
    """What do the common rules of thumb ask of a questionnaire with `n_items` items?

    A row a rule: for (EFA, PLS), needs (answers), source and caveat, with `met` where the number of answers `n` is
    given. `arrows` is the largest number of arrows that point at one construct (the 10-times rule), `path` the
    smallest path that is to be found (one-sided at 5%, with a power of 80%). They are no substitute
    for a power analysis.

    >>> items_rule(25, 200, arrows=4)[["needs", "met"]].head(2)
                        needs    met
    rule
    5 answers per item    125   True
    10 answers per item   250  False
    """
    k = _count("n_items", n_items)
    _share("path", path)
    depends = "What is enough depends on communalities and on items per factor (MacCallum et al. 1999)."
    rows = [
        ("5 answers per item", "EFA", 5 * k, "Gorsuch (1983)", f"With 100 answers at the least. {depends}"),
        ("10 answers per item", "EFA", 10 * k, "Nunnally (1978)", depends),
        ("100 answers", "EFA", 100, "Gorsuch (1983)", "Poor on the scale of Comrey & Lee (1992); 300 is good there."),
        ("200 answers", "SEM", 200, "Boomsma (1982); Kline (2016)",
         "Models have needed from 30 to 460 (Wolf et al. 2013); use rmsea_sample_size."),
    ]  # fmt: skip
    if arrows is not None:
        caveat = "Ignores the size of effects; often far too few (Goodhue, Lewis & Thompson 2012)."
        rows.append(("10 times the arrows", "PLS", 10 * _count("arrows", arrows), "Barclay et al. (1995)", caveat))
    root = math.ceil((2.486 / path) ** 2 - 1e-9)
    caveat = f"For a smallest path of {path:g}, one-sided at 5%, with a power of 80%."
    rows.append(("inverse square root", "PLS", root, "Kock & Hadaya (2018)", caveat))
    table = pd.DataFrame(rows, columns=["rule", "for", "needs", "source", "caveat"]).set_index("rule")
    if n is not None:
        table.insert(2, "met", table["needs"] <= _count("n", n))
    return table


def _share(name: str, value: float) -> None:
    check_positive(name, value)
    if value >= 1:
        raise OptionError(f"{name}={value!r} is not usable; it is a share between 0 and 1, such as 0.05.")


def _count(name: str, value: int, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise OptionError(f"{name}={value!r} is not usable; it must be a whole number, {least} or more.")
    return int(value)
