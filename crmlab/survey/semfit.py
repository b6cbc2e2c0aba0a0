"""What cfa() and sem() return: estimates, standardised too, indices, residuals, modification indices, scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_option
from crmlab.base.fit import Fit, Scale, Summary
from crmlab.base.table import Table
from crmlab.base.words import Language
from crmlab.survey.effects import Bootstrap, bootstrap, effects
from crmlab.survey.estimate import Fitted, objective
from crmlab.survey.fitmeasures import wald
from crmlab.survey.model import Array, Model, derivative, vech_index
from crmlab.survey.partable import Row, with_rows

Residual = Literal["raw", "cor", "standardized"]
_BLOCKS = {"=~": "Loadings", "<~": "Weights", "~": "Paths", "~~": "(Co)variances", "~1": "Intercepts and means",
           "|": "Thresholds", ":=": "Defined"}  # fmt: skip


@dataclass(frozen=True, repr=False, kw_only=True)
class SEMFit(Fit):
    """An estimated measurement or structural model.

    `params`, `se`, `conf_int()` and `tidy()` are of the free parameters; `estimates` has all rows under lavaan's names.
    `fit_indices` is a Series with lavaan's names. `answers` are the rows that were used, `notes` what to know.
    """

    SCALE: ClassVar[Scale] = "linear"
    COUNTED: ClassVar[str] = "answers"

    fitted: Fitted
    estimator: str
    missing: str
    answers: pd.DataFrame
    code: np.ndarray

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups' names; empty where there are none."""
        names = self.fitted.model.table.groups
        return names if len(names) > 1 else ()

    @property
    def measurement(self) -> dict[str, tuple[str, ...]]:
        """Which items measure which construct (those of second order are left out)."""
        found: dict[str, tuple[str, ...]] = {}
        table = self.fitted.model.table
        for row in table.rows:
            if row.op in ("=~", "<~") and row.group == 0 and row.rhs in table.observed:
                found[row.lhs] = (*found.get(row.lhs, ()), row.rhs)
        return found

    @property
    def fit_indices(self) -> pd.Series:
        """How well does the model fit? chisq, df, pvalue, cfi, tli, rmsea, srmr, ... under lavaan's names."""
        return pd.Series(self.fitted.indices, name="fit", dtype=float)

    def _table(self, values: Array, slope: Array, name: str, **more: Array) -> pd.DataFrame:
        """All rows and defined parameters with Wald statistics; `slope` is the values' derivative by theta."""
        slope = np.where(np.abs(slope) < 1e-12, 0.0, slope)
        stats = wald(values, _errors(slope, self.fitted.solution.cov))
        return pd.DataFrame({**self._keys(), name: stats.pop("est"), **stats, **more})

    def _keys(self) -> dict[str, list[str]]:
        """lhs, op, rhs, group (where there are any) and label of each row, the defined parameters last."""
        table = self.fitted.model.table
        rows, defined = table.rows, table.defined
        keys = {name: [getattr(r, name) for r in rows] for name in ("lhs", "op", "rhs")}
        keys["group"] = [table.groups[r.group] for r in rows] + [""] * len(defined)
        keys["label"] = [r.label for r in rows] + [name for name, _ in defined]
        for name, text in defined:
            for column, value in (("lhs", name), ("op", ":="), ("rhs", text)):
                keys[column].append(value)
        return keys if self.groups else {name: values for name, values in keys.items() if name != "group"}

    @cached_property
    def _estimates(self) -> pd.DataFrame:
        model, theta = self.fitted.model, self.fitted.solution.theta
        table, rows = model.table, model.rows(theta)
        slots = np.array([-1 if r.exogenous or (r.op == "~~" and r.lhs == r.rhs and r.lhs in table.ordered) else r.slot
                          for r in table.rows])  # fmt: skip
        slope = np.where((slots >= 0)[:, None], table.K[slots], 0.0)
        if table.defined:
            slope = np.vstack([slope, derivative(table.define, rows) @ slope])
        std = {}
        for kind in ("lv", "all"):
            values = model.rows(theta, kind)
            std[f"std.{kind}"] = np.concatenate([values, table.define(values)])
        return self._table(np.concatenate([rows, table.define(rows)]), slope, "est", **std)

    @property
    def estimates(self) -> pd.DataFrame:
        """What are the estimates? Like lavaan's parameterEstimates: lhs op rhs [group] label est se z pvalue ci std.

        std.lv has latent variables of variance 1, std.all all of them. Fixed values have se 0. Intervals are of 95%.
        """
        return self._estimates.copy()

    def standardized(self) -> pd.DataFrame:
        """What are the estimates when all variables have variance 1? Standard errors by the delta method."""
        model, theta = self.fitted.model, self.fitted.solution.theta

        def values(t: Array) -> Array:
            rows = model.rows(t, "all")
            return np.concatenate([rows, model.table.define(rows)])

        return self._table(values(theta), derivative(values, theta), "est.std")

    def _by_group(self, make: Callable[[int], Any]) -> Any:
        parts = [make(g) for g in range(len(self.fitted.model.table.groups))]
        return pd.concat(parts, keys=list(self.groups), names=["group"]) if self.groups else parts[0]

    @property
    def r2(self) -> pd.Series:
        """How much of each explained variable's variance is explained?"""
        model, theta = self.fitted.model, self.fitted.solution.theta
        table = model.table
        told = {r.rhs if r.op == "=~" else r.lhs for r in table.rows if r.op in ("=~", "~", "<~")}
        names = [v for v in table.variables if v in told]
        at = [table.variables.index(v) for v in names]

        def one(g: int) -> pd.Series:
            S, cov = model.matrices(theta, g)[1], model.all_moments(theta, g)[0]
            return pd.Series(1 - np.diag(S)[at] / np.diag(cov)[at], index=names, name="r2")

        return self._by_group(one)

    @property
    def loadings(self) -> pd.DataFrame:
        """Standardised loadings, items x constructs; 0 where an item does not measure a construct."""
        table = self.fitted.model.table
        rows = self._estimates.iloc[: len(table.rows)]
        blocks = {r.lhs for r in table.rows if r.op == "=~" and r.rhs in table.observed}
        factors = [v for v in table.latent if v in blocks]
        items = [v for v in table.observed if any(r.op == "=~" and r.rhs == v for r in table.rows)]

        def one(g: int) -> pd.DataFrame:
            frame = pd.DataFrame(0.0, index=pd.Index(items), columns=pd.Index(factors))
            for row, value in zip(table.rows, rows["std.all"], strict=True):
                if row.op == "=~" and row.group == g and row.rhs in items and row.lhs in factors:
                    frame.loc[row.rhs, row.lhs] = value
            return frame

        return self._by_group(one)

    @property
    def latent_correlations(self) -> pd.DataFrame:
        """How do the constructs correlate, as the model implies it?"""
        model, theta = self.fitted.model, self.fitted.solution.theta
        names = list(model.table.latent)
        return self._by_group(lambda g: _correlations(model.all_moments(theta, g)[0][model.p :, model.p :], names))

    def residuals(self, kind: Residual = "raw") -> pd.DataFrame:
        """What does the model not explain? Observed minus implied covariances, items x items.

        "raw"; "cor": of correlations; "standardized": raw by their standard errors, like z (normal theory).
        """
        check_option("kind", kind, get_args(Residual))
        if kind == "standardized" and self.estimator == "WLSMV":
            raise OptionError("Standardized residuals are given for ML, MLM and MLR, not for WLSMV; use kind='cor'.")
        model, theta, samples = self.fitted.model, self.fitted.solution.theta, self.fitted.samples
        names = list(model.table.observed)

        def one(g: int) -> pd.DataFrame:
            S, Sigma = samples[g].cov, model.implied(theta, g)[0]
            if kind == "cor":
                return _correlations(S, names) - _correlations(Sigma, names)
            gap = S - Sigma
            if kind == "standardized":
                r, c = vech_index(model.p)
                J = model.jacobian(theta, g)[0]
                free = (Sigma[r, r] * Sigma[c, c] + Sigma[r, c] ** 2) / samples[g].n
                left = free - np.einsum("ij,jk,ik->i", J, self.fitted.solution.cov, J)
                z = np.where(left > 1e-8 * free, gap[r, c] / np.sqrt(np.maximum(left, 1e-300)), 0.0)
                gap = np.zeros_like(gap)
                gap[r, c] = gap[c, r] = np.where(np.abs(S - Sigma)[r, c] > 1e-10, z, 0.0)
            return pd.DataFrame(gap, index=names, columns=names)

        return self._by_group(one)

    def modification_indices(self, minimum: float = 0.0) -> pd.DataFrame:
        """Which relation that the model leaves out would improve it most? Largest first.

        `mi` is by how much the chi-square would fall (score test with expected information), `epc` the value that the
        parameter would take, sepc.lv and sepc.all the same standardised. A list to think about: freeing what no theory
        asks for fits the sample's accidents (MacCallum, Roznowski & Necowitz 1992).
        """
        if self.estimator == "WLSMV":
            raise OptionError("Modification indices are given for ML, MLM and MLR, not for WLSMV.")
        table, theta = self.fitted.model.table, self.fitted.solution.theta
        wide = Model(with_rows(table, extra := self._candidates()))
        k = len(theta)
        at = np.concatenate([theta, np.zeros(len(extra))])
        n = sum(s.n for s in self.fitted.samples)
        _, slope, info = objective(wide, self.fitted.samples, at)
        score, info = -0.5 * n * slope[k:], info * n / 2
        left = np.diag(info)[k:] - np.einsum("ij,ji->i", info[k:, :k], np.linalg.solve(info[:k, :k], info[:k, k:]))
        known = left > 1e-7 * np.diag(info)[k:]
        safe = np.where(known, left, 1.0)
        frame = pd.DataFrame(
            [(r.lhs, r.op, r.rhs, table.groups[r.group]) for r in extra], columns=["lhs", "op", "rhs", "group"]
        )
        frame["mi"], frame["epc"] = score**2 / safe, score / safe
        for kind in ("lv", "all"):
            frame[f"sepc.{kind}"] = frame["epc"] * _scales(self.fitted.model, theta, extra, kind)
        frame = frame[known & (frame["mi"] >= minimum)].sort_values("mi", ascending=False, ignore_index=True)
        return frame if self.groups else frame.drop(columns="group")

    def _candidates(self) -> list[Row]:
        """Relations that the table does not have free: cross-loadings, covariances, and paths where it has any."""
        table = self.fitted.model.table
        ops = [r for r in table.rows if r.group == 0]
        items = [v for v in table.observed if any(r.op == "=~" and r.rhs == v for r in ops)]
        inner = list(dict.fromkeys(v for r in ops if r.op == "~" for v in (r.lhs, r.rhs)))
        pairs = [(f, "=~", v) for f, v in product(table.latent, items)]
        rest = [v for v in table.observed if v not in table.exogenous]
        pairs += [(a, "~~", b) for names in (rest, list(table.latent)) for a, b in combinations(names, 2)]
        pairs += [(y, "~", x) for y, x in product(inner, inner) if x != y and y not in table.exogenous]
        found = []
        for g in range(len(table.groups)):
            have = {(r.lhs, r.op, r.rhs) for r in table.rows if r.group == g and (r.slot >= 0 or r.value != 0)}
            have |= {(b, op, a) for a, op, b in have if op == "~~"}
            found += [Row(*pair, g) for pair in pairs if pair not in have]
        return found

    def effects(self) -> pd.DataFrame:
        """What acts on what directly, through which mediators, and in total?

        kind ("direct", "indirect" for each chain, "total indirect", "total"), from, to, through (mediators joined by
        ' -> '), est, se, z, pvalue, ci.lower, ci.upper (delta method; Sobel 1982) and std. The product of two estimates
        is skewed: `bootstrap` gives intervals that know it.
        """
        return effects(self.fitted, bool(self.groups))

    def bootstrap(
        self, draws: int = 1000, *, rng: np.random.Generator | int, level: float = 0.95,
        progress: Callable[[int, int], None] | None = None,
    ) -> Bootstrap:  # fmt: skip
        """Between which bounds do parameters and effects lie, without normal theory?

        Respondents are drawn with replacement within their groups and the model is estimated again, `draws` times.
        Intervals are percentile and bias-corrected (Efron 1987; MacKinnon et al. 2004). Draws that do not converge are
        left out and counted (`failed`). `progress(done, draws)` is called after each.
        """
        if self.estimator == "WLSMV":
            raise OptionError("The bootstrap is given for ML, MLM and MLR, not for WLSMV.")
        tables = {"estimates": pd.DataFrame(self._keys()), "effects": self.effects().iloc[:, : 4 + bool(self.groups)]}
        return bootstrap(self.fitted, self.answers.to_numpy(), self.code, draws, rng, level, tables, progress)

    def scores(self) -> pd.DataFrame:
        """Where does each respondent stand on each construct? Factor scores by regression (Thurstone 1935)."""
        if self.estimator == "WLSMV":
            raise OptionError("Factor scores are given for ML, MLM and MLR, not for WLSMV.")
        model, theta = self.fitted.model, self.fitted.solution.theta
        found = np.empty((len(self.answers), len(model.table.latent)))
        for g, group in enumerate(self.fitted.samples):
            cov, mean = model.all_moments(theta, g)
            p = model.p
            middle = mean[:p] if model.table.meanstructure else group.mean
            P = group.score(cov[:p, :p], middle)[3]
            found[self.code == g] = mean[p:] + group.z(P, middle) @ cov[:p, p:]
        return pd.DataFrame(found, index=self.answers.index, columns=list(model.table.latent))

    def tables(self, language: Language = "en", instrument: Any = None) -> dict[str, Table]:
        """The tables of a thesis: fit, loadings, validity, and of a structural model hypotheses, mediation and R2."""
        from crmlab.survey.tables import sem_tables

        return sem_tables(self, language, instrument)

    def summary(self, level: float = 0.95) -> Summary:
        """The fit and the estimates as text, to read or to print."""
        f, text = self.fitted.indices, f"{self.model}   answers: {self.n:,}"
        groups = f"   groups: {', '.join(self.groups)}" if self.groups else ""
        lines = [f"{text}{groups}   converged: {'yes' if self.converged else 'NO'}"]
        lines.append(f"chi-square: {f['chisq']:.3f}   df: {f['df']:.0f}   {_p(f['pvalue'])}")
        if "chisq.scaled" in f:
            lines.append(f"scaled:     {f['chisq.scaled']:.3f}   df: {f['df']:.0f}   {_p(f['pvalue.scaled'])}")
        end = ".scaled" if "cfi.scaled" in f else ""
        ends = [f.get(f"rmsea.ci.{side}{end}", np.nan) for side in ("lower", "upper")]
        bounds = "" if np.isnan(ends).any() else f"[{ends[0]:.3f}, {ends[1]:.3f}]"
        lines.append(
            f"CFI: {f['cfi' + end]:.3f}   TLI: {f['tli' + end]:.3f}   RMSEA: {f['rmsea' + end]:.3f} {bounds}   "
            f"SRMR: {f['srmr']:.3f}{'   (scaled)' if end else ''}"
        )
        if np.isfinite(self.loglik):
            lines.append(f"log-likelihood: {self.loglik:.3f}   AIC: {f['aic']:.1f}   BIC: {f['bic']:.1f}")
        table = self._estimates
        stats = pd.DataFrame(wald(table["est"].to_numpy(), table["se"].to_numpy(), level))
        table = table.assign(**{c: stats[c].to_numpy() for c in ("ci.lower", "ci.upper")})
        wide = max(len(f"{r.lhs} {r.op} {r.rhs}") for r in table.itertuples()) + 2
        low, high = f"{100 * (1 - level) / 2:g}%", f"{100 * (1 + level) / 2:g}%"
        head = "".join(f"{name:>10s}" for name in ("estimate", "se", "z", "p", low, high, "std"))
        parts = table["group"].unique() if self.groups else [""]
        for part in parts:
            rows = table[table["group"] == part] if self.groups else table
            lines += ["", f"Group {part}" if part else ""][: 2 if part else 0]
            for op, title in _BLOCKS.items():
                if (block := rows[rows["op"] == op]).empty:
                    continue
                lines += ["", f"{title:{wide}s}{head}"]
                for r in block.to_dict("records"):
                    numbers = [r[c] for c in ("est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std.all")]
                    if r["se"] == 0:
                        numbers[1:6] = [np.nan] * 5
                    cells = "".join(" " * 10 if np.isnan(x) else f"{x:10.3f}" for x in numbers)
                    lines.append(f"{r['lhs']} {op} {r['rhs']}".ljust(wide) + cells)
        return Summary("\n".join(lines + [line for note in self.notes for line in ("", note)]))


def _p(value: float) -> str:
    return "p: -" if np.isnan(value) else "p < .001" if value < 0.001 else f"p = {value:.3f}"


def _errors(slope: Array, cov: Array) -> Array:
    """Standard errors of functions with these slopes; 0 where a function does not move."""
    moving = np.any(slope != 0, axis=1)
    se = np.zeros(len(slope))
    if moving.any():
        with np.errstate(invalid="ignore"):
            se[moving] = np.sqrt(np.einsum("ij,jk,ik->i", slope[moving], cov, slope[moving]))
    return np.where(se < 1e-9, 0.0, se)


def _correlations(cov: Array, names: Sequence[str]) -> pd.DataFrame:
    sd = np.sqrt(np.where(np.diag(cov) > 0, np.diag(cov), np.nan))
    return pd.DataFrame(cov / np.outer(sd, sd), index=list(names), columns=list(names))


def _scales(model: Model, theta: Array, extra: Sequence[Row], kind: str) -> Array:
    """What a row's value is multiplied by when variables have variance 1."""
    at = {name: i for i, name in enumerate(model.table.variables)}
    groups = [(model.matrices(theta, g)[1], model.all_moments(theta, g)[0]) for g in range(len(model.table.groups))]

    def size(v: int, M: Array) -> float:
        return float(np.sqrt(M[v, v])) if (kind == "all" or v >= model.p) and M[v, v] > 0 else 1.0

    found = np.ones(len(extra))
    for k, row in enumerate(extra):
        S, cov = groups[row.group]
        i, j = at[row.lhs], at[row.rhs]
        if row.op == "~~":
            found[k] = 1 / (size(i, S) * size(j, S))
        else:
            found[k] = size(i, cov) / size(j, cov) if row.op == "=~" else size(j, cov) / size(i, cov)
    return found
