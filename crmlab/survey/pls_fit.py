"""What pls() returns: paths, measures of the constructs, effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_option
from crmlab.base.fit import Estimates
from crmlab.base.table import Table
from crmlab.base.words import Language
from crmlab.survey.pls_bootstrap import Draws
from crmlab.survey.pls_math import (
    Solution,
    alpha,
    chain_effects,
    estimate,
    implied_cov,
    srmr,
    total_effects,
)
from crmlab.survey.pls_model import PLSModel, standard
from crmlab.survey.pls_predict import Technique, importance_performance, predict

RESAMPLED = ("se", "t", "pvalue", "low", "high", "low_bca", "high_bca")


@dataclass(frozen=True, repr=False, kw_only=True)
class PLSFit(Estimates):
    """An estimated PLS model. `params` are the paths, named as lavaan does (`Loyalty~Image`).

    Columns se, t, pvalue (normal), low, high (percentile), low_bca and high_bca come from the bootstrap and are NaN
    without. Fornell-Larcker and plots: crmlab.survey.validity, crmlab.survey.plots.
    """

    data: pd.DataFrame
    plan: PLSModel
    solution: Solution
    draws: Draws | None

    def _tested(self, name: str, estimate: np.ndarray, pick: np.ndarray | slice = slice(None)) -> pd.DataFrame:
        """Estimates with what the bootstrap says of them."""
        table = pd.DataFrame({"est": estimate})
        if self.draws is None:
            return table.assign(**dict.fromkeys(RESAMPLED, np.nan))
        return table.join(self.draws.table(name, estimate, pick))

    def _matrix(self, values: np.ndarray) -> pd.DataFrame:
        """Constructs' values by column, the constructs as the text names them first."""
        table = pd.DataFrame(values.T, index=list(self.plan.columns), columns=list(self.plan.names))
        return table[list(self.plan.blocks)]

    @property
    def measurement(self) -> dict[str, tuple[str, ...]]:
        """Which construct has which items (of a second-order construct: parts)?"""
        return dict(self.plan.blocks)

    @property
    def iterations(self) -> int:
        """How many rounds did the weights take?"""
        return int(self.solution.rounds[0])

    @property
    def paths(self) -> pd.DataFrame:
        """What acts on what, and how strongly? A row a path: from, to, est and its uncertainty."""
        return self._ends().join(self._tested("paths", self.params.to_numpy()))

    @property
    def weights(self) -> pd.DataFrame:
        """How much does each item count in its construct's score? Items (then parts) x constructs, 0 elsewhere."""
        return self._matrix(self.solution.weights[0])

    @property
    def loadings(self) -> pd.DataFrame:
        """How does each item go with its construct? Correlations (corrected by PLSc), 0 elsewhere."""
        return self._matrix(self.solution.loadings[0])

    def outer(self, kind: Literal["weights", "loadings"]) -> pd.DataFrame:
        """Weights or loadings in rows (construct, item) with their bootstrap."""
        check_option("kind", kind, ("weights", "loadings"))
        all_weights = self.solution.weights[0]
        rows = [(self.plan.names[i], self.plan.columns[j]) for i, j in np.argwhere(all_weights)]
        values = (all_weights if kind == "weights" else self.solution.loadings[0])[np.nonzero(all_weights)]
        return pd.DataFrame(rows, columns=["construct", "item"]).join(self._tested(kind, values))

    @property
    def cross_loadings(self) -> pd.DataFrame:
        """How does each item correlate with every construct's score?"""
        p = len(self.plan.items)
        return self._matrix(self.solution.composites[0] @ self.solution.corr[0][:p])

    @property
    def scores(self) -> pd.DataFrame:
        """Each respondent's score in each construct: mean 0, standard deviation 1; products after them."""
        z = standard(self.data)
        table = pd.DataFrame(z @ self.solution.composites[0].T, index=self.data.index, columns=list(self.plan.names))
        table = table[list(self.plan.blocks)]
        for product in self.plan.nodes[len(self.plan.structure.design.blocks) :]:
            one, other = product.split(":")
            table[product] = table[one] * table[other]
        return table

    @property
    def construct_correlations(self) -> pd.DataFrame:
        """How do the constructs correlate? Those of scores, with PLSc of the factors."""
        names = list(self.plan.names)
        w = self.solution.composites[0]
        p, k = len(self.plan.items), len(self.plan.structure.design.blocks)
        corr = w @ self.solution.corr[0][:p, :p] @ w.T
        corr[:k, :k] = self.solution.cov[0][:k, :k]
        order = list(self.plan.blocks)
        return pd.DataFrame(corr, index=names, columns=names).loc[order, order]

    @property
    def reliability(self) -> pd.DataFrame:
        """How well do items agree? alpha (of standardised items), rho_a, rho_c and AVE; NaN for mode B."""
        rows = {}
        for i, name in enumerate(self.plan.names):
            at = [self.plan.columns.index(item) for item in self.plan.blocks[name]]
            load = self.solution.loadings[0][i, at]
            own = load.sum() ** 2
            rows[name] = {
                "alpha": alpha(self.solution.corr[0][np.ix_(at, at)]),
                "rho_a": self.solution.rho_a[0][i],
                "rho_c": own / (own + (1 - load**2).sum()),
                "ave": (load**2).mean(),
            }
            if self.plan.modes[name] == "B" and len(at) > 1:
                rows[name] = dict.fromkeys(rows[name], np.nan)
        return pd.DataFrame.from_dict(rows, orient="index").loc[list(self.plan.blocks)].rename_axis("construct")

    @property
    def r2(self) -> pd.DataFrame:
        """How much of each construct is explained? r2, r2_adj, and aic and bic of its regression."""
        n, rows = self.n, {}
        for j, name in enumerate(self.plan.nodes):
            if causes := int(self.plan.structure.paths[:, j].sum()):
                r2 = self.solution.r2[0, j]
                fit = n * np.log((1 - r2) * (n - 1) / n) if r2 < 1 else np.nan
                rows[name] = {
                    "r2": r2, "r2_adj": 1 - (1 - r2) * (n - 1) / (n - causes - 1),
                    "aic": fit + 2 * (causes + 1), "bic": fit + np.log(n) * (causes + 1),
                }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("construct")

    @property
    def f2(self) -> pd.DataFrame:
        """How much would R2 lose without a path? (R2 - R2 of the model estimated without it) / (1 - R2), a row a path.

        Cohen's rule: 0.02 small, 0.15 medium, 0.35 large.
        """
        model, z, values = self.plan.structure, standard(self.data), []
        for i, j in zip(*self.plan.ways, strict=True):
            paths, inner = model.paths.copy(), model.design.paths.copy()
            paths[i, j] = False
            if i < len(inner):
                inner[i, j] = False
            less = replace(model, paths=paths, design=replace(model.design, paths=inner))
            without = estimate(z, np.ones((1, len(z))), less).r2[0, j] if paths[:, j].any() else 0.0
            values.append((self.solution.r2[0, j] - without) / (1 - self.solution.r2[0, j]))
        return self._ends().assign(f2=values)

    @property
    def vif(self) -> pd.DataFrame:
        """Do the causes of a construct overlap? Variance inflation, a row a path; above 5 is much, 3 worth a look."""
        cov, values = self.solution.cov[0], []
        for i, j in zip(*self.plan.ways, strict=True):
            cause = np.flatnonzero(self.plan.structure.paths[:, j])
            own = np.searchsorted(cause, i)
            values.append(np.linalg.inv(cov[np.ix_(cause, cause)])[own, own] * cov[i, i])
        return self._ends().assign(vif=values)

    def _ends(self) -> pd.DataFrame:
        return pd.DataFrame(self.plan.paths, columns=["from", "to"])

    @property
    def item_vif(self) -> pd.DataFrame:
        """Do a construct's items overlap? Variance inflation, a row an item (matters in mode B)."""
        rows = []
        for name, items in self.plan.blocks.items():
            at = [self.plan.columns.index(item) for item in items]
            inflation = np.diag(np.linalg.inv(self.solution.corr[0][np.ix_(at, at)]))
            rows += [(name, item, value) for item, value in zip(items, inflation, strict=True)]
        return pd.DataFrame(rows, columns=["construct", "item", "vif"])

    @property
    def htmt(self) -> pd.DataFrame:
        """Are constructs told apart by their items? Heterotrait-monotrait ratios with bootstrap, a row a pair."""
        from crmlab.survey.validity import htmt_matrix

        names = [name for name in self.plan.names if set(self.plan.blocks[name]) <= set(self.plan.items)]
        i, j = np.tril_indices(len(names), -1)
        first = self.plan.structure.first or self.plan.structure.design
        values = htmt_matrix(self.solution.corr[0], [list(block) for block in first.blocks])[i, j]
        pairs = pd.DataFrame({"construct": np.array(names)[i], "other": np.array(names)[j]})
        return pairs.join(self._tested("htmt", values))

    @property
    def total_effects(self) -> pd.DataFrame:
        """How does one construct act on another over all ways together? A row a pair that a way joins."""
        effects, k = total_effects(self.solution.coef[0]), len(self.plan.nodes)
        reached = np.argwhere(total_effects(self.plan.structure.paths.astype(float)) > 0.5)
        flat = reached @ [k, 1]
        rows = pd.DataFrame([(self.plan.nodes[i], self.plan.nodes[j]) for i, j in reached], columns=["from", "to"])
        return rows.join(self._tested("total", effects.ravel()[flat], flat))

    @property
    def indirect_effects(self) -> pd.DataFrame:
        """Through which constructs does one act on another? A row a chain; `through` joins the mediators by ' -> '."""
        chains = self.plan.structure.chains
        rows = [
            (self.plan.nodes[c[0]], self.plan.nodes[c[-1]], " -> ".join(self.plan.nodes[m] for m in c[1:-1]))
            for c in chains
        ]
        values = chain_effects(self.solution.coef, chains)[0]
        return pd.DataFrame(rows, columns=["from", "to", "through"]).join(self._tested("indirect", values))

    def effects(self) -> pd.DataFrame:
        """What acts on what directly, through mediators and in total? In the columns of SEMFit.effects()."""
        tables = {"direct": self.paths, "indirect": self.indirect_effects, "total": self.total_effects}
        names = {"t": "z", "low": "ci.lower", "high": "ci.upper"}
        table = pd.concat([t.assign(kind=kind) for kind, t in tables.items() if len(t)], ignore_index=True)
        table = table.rename(columns=names).assign(std=table["est"])
        if "through" not in table:
            table["through"] = ""
        table["through"] = table["through"].fillna("")
        return table[["kind", "from", "to", "through", "est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std"]]

    @property
    def fit_indices(self) -> pd.Series:
        """Does the model reproduce the items' correlations? srmr (of the estimated model) and srmr_saturated.

        Within a composite the correlations are free; with PLSc mode A constructs are common factors.
        """
        structure, s = self.plan.structure, self.solution
        design, k = structure.design, len(structure.design.blocks)
        common = [structure.consistent and not formative for formative in design.formative]
        implied = implied_cov(s.cov[0], s.coef[0], self.plan.order)
        values = [srmr(s.corr[0], s.loadings[0, :k], phi[:k, :k], design, common) for phi in (implied, s.cov[0])]
        return pd.Series(values, index=["srmr", "srmr_saturated"])

    @property
    def srmr(self) -> float:
        """SRMR of the estimated model; below 0.08 is usually called good."""
        return float(self.fit_indices["srmr"])

    def simple_slopes(self) -> pd.DataFrame:
        """How strong is a moderated path where the moderator is low, average and high (-1, 0, +1 sd)?

        A row a product and value: from, to, moderator, at, est and its bootstrap. The first name of `A:B` is the
        cause, the second the moderator.
        """
        at = {path: i for i, path in enumerate(self.plan.paths)}
        rows, mixes = [], np.zeros((0, len(at)))
        for product, effect in (path for path in at if ":" in path[0]):
            cause, moderator = product.split(":")
            for value in (-1, 0, 1):
                mix = np.zeros((1, len(at)))
                mix[0, at[cause, effect]], mix[0, at[product, effect]] = 1, value
                rows.append((cause, effect, moderator, value))
                mixes = np.concatenate([mixes, mix])
        if not rows:
            raise OptionError("The model has no product 'A:B': there are no slopes to compare.")
        table = pd.DataFrame(rows, columns=["from", "to", "moderator", "at"])
        return table.join(self._tested("paths", mixes @ self.params.to_numpy(), mixes.T))

    def tables(self, language: Language = "en", instrument: Any = None) -> dict[str, Table]:
        """The tables of a thesis: loadings, validity, hypotheses, mediation, R2, f2 and VIF."""
        from crmlab.survey.tables import pls_tables

        return pls_tables(self, language, instrument)

    def predict(
        self,
        folds: int = 10,
        repeats: int = 10,
        *,
        rng: np.random.Generator | int | None = None,
        technique: Technique = "direct",
    ) -> pd.DataFrame:
        """How well does the model predict answers that it has not seen? (PLSpredict, Shmueli et al. 2016, 2019)

        Repeated k-fold cross-validation; `rng` is needed. A row an item of each explained construct: rmse and mae of
        PLS, rmse_lm and mae_lm of a linear model, all in the item's units and over all repeats, and q2_predict =
        1 - PLS' squared error / that of the training mean. "direct": constructs are predicted from the scores of
        their direct causes (seminr's default), "earliest": from those of the constructs that nothing explains, along
        the paths (SmartPLS). The linear model regresses the item on the items of the same constructs. PLS has
        predictive power where q2_predict is above 0 and rmse below rmse_lm for most items.

        Raises OptionError for PLSc, FitError where a fold has no solution or fewer rows than the linear model needs.
        """
        return predict(self.plan, self.data, self.solution.loadings[0], folds, repeats, rng, technique)

    def importance_performance(
        self,
        target: str,
        low: float | Mapping[str, float] | None = None,
        high: float | Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """What is worth improving? Total effects on `target` against mean scores (IPMA, Ringle & Sarstedt 2016).

        A row a construct that acts on the target: `importance`, by how many points the target rises with one point
        of the construct (unstandardised total effect, scores from 0 to 100), `performance`, its mean score from 0 to
        100, and `total_effect` (standardised). `low` and `high` are the scale's ends, one for all items or by item;
        an Instrument gives them. Warns (AssumptionWarning) where a weight is negative: the score may then leave 0 to
        100.
        """
        bounds = {"low": low, "high": high}
        return importance_performance(self.plan, self.data, self.solution, target, bounds)
