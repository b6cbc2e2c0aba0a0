"""How well does a model fit? lavaan's indices, from chi-squares and from residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import chdtr, chdtrc, chdtri, chndtr, chndtrinc, ndtr

from crmlab.base.fit import z_value
from crmlab.survey.model import Array
from crmlab.survey.moments import Sample

CLOSE = 0.05  # RMSEA up to here is called close fit (Browne & Cudeck 1993)


def rmsea(chisq: float, df: float, n: float, groups: int = 1, factor: float = 1.0, level: float = 0.90) -> tuple:
    """RMSEA with the bounds of its interval and the p-value of close fit (Steiger & Lind; Browne & Cudeck 1993).

    `chisq` is the (scaled) test statistic; with its scaling `factor` the robust version results
    (Brosseau-Liard, Savalei & Li 2012). In several groups as Steiger (1998).
    """
    if df <= 0:
        return 0.0, 0.0, 0.0, math.nan
    size = factor * groups / (n * df)
    tail = (1 - level) / 2

    def bound(p: float) -> float:
        return math.sqrt(size * float(chndtrinc(chisq, df, p))) if chdtr(df, chisq) > p else 0.0

    close = 1 - float(chndtr(chisq, df, CLOSE**2 / size))
    return math.sqrt(size * max(chisq - df, 0.0)), bound(1 - tail), bound(tail), close


def incremental(chisq: float, df: float, base: float, base_df: float) -> dict[str, float]:
    """CFI, TLI, NFI, RFI, IFI, RNI, PNFI: how much better than the model of unrelated items?"""
    excess, base_excess = max(chisq - df, 0.0), max(chisq - df, base - base_df, 0.0)
    slack = (base - base_df) * df
    nfi = (base - chisq) / base if base > 0 else math.nan
    return {
        "cfi": 1 - excess / base_excess if base_excess > 0 else 1.0,
        "tli": 1 - (chisq - df) * base_df / slack if slack != 0 else 1.0,
        "nfi": nfi,
        "rfi": 1 - (chisq / df) / (base / base_df) if df > 0 and base > 0 else 1.0,
        "ifi": (base - chisq) / (base - df) if base != df else 1.0,
        "rni": 1 - (chisq - df) / (base - base_df) if base != base_df else 1.0,
        "pnfi": df / base_df * nfi if base_df else math.nan,
    }


def from_chisq(
    chisq: float, df: int, base: float, base_df: int, n: int, npar: int, groups: int = 1
) -> dict[str, float]:
    """The indices that need nothing but the chi-squares of the model and of its baseline."""
    at, low, high, close = rmsea(chisq, df, n, groups)
    return {
        "npar": npar, "ntotal": n, "chisq": chisq, "df": df, "pvalue": chdtrc(df, chisq) if df else math.nan,
        "baseline.chisq": base, "baseline.df": base_df,
        "baseline.pvalue": chdtrc(base_df, base) if base_df else math.nan,
        **incremental(chisq, df, base, base_df),
        "rmsea": at, "rmsea.ci.lower": low, "rmsea.ci.upper": high, "rmsea.pvalue": close,
        "ecvi": chisq / n + 2 * npar / n,
        "cn_05": float(chdtri(df, 0.05)) / (chisq / n) + 1 if df and chisq > 0 else math.nan,
    }  # fmt: skip


def scaled(
    chisq: float, df: int, factor: float, base: float, base_df: int, base_factor: float, n: int, groups: int = 1
) -> dict[str, float]:
    """The scaled indices, which put scaled chi-squares in the formulas, and the robust ones, which correct them."""
    test, base_test = chisq / factor if df else chisq, base / base_factor
    plain = incremental(test, df, base_test, base_df)
    robust = incremental(chisq - factor * df + df, df, base - base_factor * base_df + base_df, base_df)
    found: dict[str, float] = {
        "chisq.scaled": test, "df.scaled": df, "pvalue.scaled": chdtrc(df, test) if df else math.nan,
        "chisq.scaling.factor": factor, "baseline.chisq.scaled": base_test,
        "baseline.chisq.scaling.factor": base_factor,
        "cfi.scaled": plain["cfi"], "tli.scaled": plain["tli"],
        "cfi.robust": robust["cfi"], "tli.robust": robust["tli"],
    }  # fmt: skip
    for kind, by in (("scaled", 1.0), ("robust", factor)):
        at, low, high, close = rmsea(test, df, n, groups, by)
        found |= {f"rmsea.{kind}": at, f"rmsea.ci.lower.{kind}": low, f"rmsea.ci.upper.{kind}": high}
        found[f"rmsea.pvalue.{kind}"] = close
    return found


def from_residuals(
    samples: Sequence[Sample], implied: Sequence[tuple[Array, Array]], means: bool, df: int
) -> dict[str, float]:
    """SRMR (Bentler's), RMR, GFI, AGFI, PGFI from the observed and the implied moments of each group."""
    total, p = sum(s.n for s in samples), samples[0].cov.shape[0]
    lower = np.tril_indices(p)
    count = len(lower[0]) + (p if means else 0)
    srmr = rmr = missed = whole = 0.0
    for group, (Sigma, mu) in zip(samples, implied, strict=True):
        share, S, m = group.n / total, group.cov, group.mean
        gap, away = S - Sigma, m - mu if means else np.zeros(p)
        sd = np.sqrt(np.diag(S))
        srmr += share * math.sqrt((((gap / np.outer(sd, sd))[lower] ** 2).sum() + ((away / sd) ** 2).sum()) / count)
        rmr += share * math.sqrt(((gap[lower] ** 2).sum() + (away**2).sum()) / count)
        P = np.linalg.inv(Sigma)
        PG, PS = P @ gap, P @ S
        missed += share * (0.5 * np.einsum("ij,ji->", PG, PG) + away @ P @ away)
        whole += share * (0.5 * np.einsum("ij,ji->", PS, PS) + (m @ P @ m if means else 0.0))
    moments, gfi = count * len(samples), 1 - missed / whole
    agfi = 1 - moments / df * (1 - gfi) if df else 1.0
    return {"srmr": srmr, "rmr": rmr, "gfi": gfi, "agfi": agfi, "pgfi": df / moments * gfi}


def likelihood(loglik: float, saturated: float, npar: int, n: int) -> dict[str, float]:
    """Log-likelihoods and the information criteria; bic2 is the sample-size adjusted one (Sclove 1987)."""
    return {
        "logl": loglik, "unrestricted.logl": saturated, "aic": 2 * npar - 2 * loglik,
        "bic": math.log(n) * npar - 2 * loglik, "bic2": math.log((n + 2) / 24) * npar - 2 * loglik,
    }  # fmt: skip


def wald(est: Array, se: Array, level: float = 0.95) -> dict[str, Array]:
    """z, p-value and interval; NaN for what was not estimated (se = 0)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(se > 0, est / np.where(se > 0, se, 1.0), np.nan)
    reach = z_value(level) * se
    return {
        "est": est,
        "se": se,
        "z": z,
        "pvalue": 2 * ndtr(-np.abs(z)),
        "ci.lower": est - reach,
        "ci.upper": est + reach,
    }
