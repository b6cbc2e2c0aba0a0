"""What pls() returns: paths, measures of the constructs, effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, check_option
from crmlab.base.fit import Estimates
from crmlab.base.table import Table
from crmlab.base.words import Language
from crmlab.survey import pls_predict
from crmlab.survey.pls_bootstrap import Draws
from crmlab.survey.pls_math import Solution, chain_effects, estimate, implied_cov, inverse, srmr, total_effects
from crmlab.survey.pls_model import PLSModel, standard
from crmlab.survey.validity import htmt_matrix

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

    predict = pls_predict.predict
    importance_performance = pls_predict.importance_performance

    def _tested(
        self, rows: Any, columns: str, name: str, estimate: np.ndarray, pick: Any = slice(None)
    ) -> pd.DataFrame:
        """Rows with their estimates and what the bootstrap says of them."""
        table = pd.DataFrame(rows, columns=columns.split()).assign(est=estimate)
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
        return self._tested(self.plan.paths, "from to", "paths", self.params.to_numpy())

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
        i, j = self.plan.cells
        values = (self.solution.weights if kind == "weights" else self.solution.loadings)[0, i, j]
        rows = [(self.plan.names[a], self.plan.columns[b]) for a, b in zip(i, j, strict=True)]
        return self._tested(rows, "construct item", kind, values)

    @property
    def cross_loadings(self) -> pd.DataFrame:
        """How does each item correlate with every construct's score?"""
        return self._matrix(self.solution.composites[0] @ self.solution.corr[0][: len(self.plan.items)])

    @property
    def scores(self) -> pd.DataFrame:
        """Each respondent's score in each construct: mean 0, standard deviation 1; products after them."""
        scores = standard(self.data) @ self.solution.composites[0].T
        table = pd.DataFrame(scores, index=self.data.index, columns=list(self.plan.names))[list(self.plan.blocks)]
        return table.assign(**{node: table[node.split(":")].prod(axis=1) for node in self.plan.nodes if ":" in node})

    @property
    def construct_correlations(self) -> pd.DataFrame:
        """How do the constructs correlate? Those of scores, with PLSc of the factors."""
        names, order, w = list(self.plan.names), list(self.plan.blocks), self.solution.composites[0]
        p, k = len(self.plan.items), len(self.plan.structure.design.blocks)
        corr = w @ self.solution.corr[0][:p, :p] @ w.T
        corr[:k, :k] = self.solution.cov[0][:k, :k]
        return pd.DataFrame(corr, index=names, columns=names).loc[order, order]

    @property
    def reliability(self) -> pd.DataFrame:
        """How well do items agree? alpha (of standardised items), rho_a, rho_c and AVE; NaN for mode B."""
        rows = {}
        for name in self.plan.blocks:
            i, at = self.plan.names.index(name), self.plan.at(name)
            k, load, total = len(at), self.solution.loadings[0][i, at], self.solution.corr[0][np.ix_(at, at)].sum()
            own, alpha = load.sum() ** 2, k / (k - 1) * (1 - k / total) if k > 1 else 1.0
            values = (alpha, self.solution.rho_a[0][i], own / (own + (1 - load**2).sum()), (load**2).mean())
            rows[name] = values if self.plan.modes[name] == "A" or k == 1 else (np.nan,) * 4
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["alpha", "rho_a", "rho_c", "ave"])
        return table.rename_axis("construct")

    @property
    def r2(self) -> pd.DataFrame:
        """How much of each construct is explained? r2, r2_adj, and aic and bic of its regression."""
        n, rows = self.n, {}
        for j, causes in enumerate(self.plan.structure.paths.sum(axis=0)):
            if causes:
                name, r2 = self.plan.nodes[j], self.solution.r2[0, j]
                fit = n * np.log((1 - r2) * (n - 1) / n) if r2 < 1 else np.nan
                adjusted = 1 - (1 - r2) * (n - 1) / (n - causes - 1)
                rows[name] = (r2, adjusted, fit + 2 * (causes + 1), fit + np.log(n) * (causes + 1))
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["r2", "r2_adj", "aic", "bic"])
        return table.rename_axis("construct")

    @property
    def f2(self) -> pd.DataFrame:
        """How much would R2 lose without a path? (R2 - R2 of the model estimated without it) / (1 - R2), a row a path.

        Cohen's rule: 0.02 small, 0.15 medium, 0.35 large. Infinite where nothing is left to explain.
        """
        model, z, values = self.plan.structure, standard(self.data), []
        for i, j in zip(*self.plan.ways, strict=True):
            paths, r2 = model.paths.copy(), self.solution.r2[0, j]
            paths[i, j] = False
            less = estimate(z, np.ones((1, len(z))), replace(model, paths=paths))
            without = 0.0 if not paths[:, j].any() else less.r2[0, j] if less.converged[0] else np.nan
            values.append((r2 - without) / (1 - r2) if r2 < 1 - 1e-12 else np.inf)
        return self.paths[["from", "to"]].assign(f2=values)

    @property
    def vif(self) -> pd.DataFrame:
        """Do the causes of a construct overlap? Variance inflation, a row a path; above 5 is much, 3 worth a look."""
        cov, values = self.solution.cov[0], []
        for i, j in zip(*self.plan.ways, strict=True):
            cause = np.flatnonzero(self.plan.structure.paths[:, j])
            values.append(np.linalg.inv(cov[np.ix_(cause, cause)]).diagonal()[np.searchsorted(cause, i)] * cov[i, i])
        return self.paths[["from", "to"]].assign(vif=values)

    @property
    def item_vif(self) -> pd.DataFrame:
        """Do a construct's items overlap? Variance inflation, a row an item (matters in mode B); inf if determined."""
        rows = []
        for name, items in self.plan.blocks.items():
            at = self.plan.at(name)
            inflation = np.nan_to_num(inverse(self.solution.corr[0][np.ix_(at, at)][None])[0].diagonal(), nan=np.inf)
            rows += [(name, item, value) for item, value in zip(items, inflation, strict=True)]
        return pd.DataFrame(rows, columns=["construct", "item", "vif"])

    @property
    def htmt(self) -> pd.DataFrame:
        """Are constructs told apart by their items? Heterotrait-monotrait ratios with bootstrap, a row a pair."""
        names = self.plan.lower
        i, j = np.tril_indices(len(names), -1)
        values = htmt_matrix(self.solution.corr[0], [self.plan.at(name) for name in names])[i, j]
        return self._tested(np.array(names)[np.column_stack([i, j])], "construct other", "htmt", values)

    @property
    def total_effects(self) -> pd.DataFrame:
        """How does one construct act on another over all ways together? A row a pair that a way joins."""
        nodes, effects = np.array(self.plan.nodes), total_effects(self.solution.coef[0])
        reached = np.argwhere(self.plan.structure.reach)
        flat = reached @ [len(nodes), 1]
        return self._tested(nodes[reached], "from to", "total", effects.ravel()[flat], flat)

    @property
    def indirect_effects(self) -> pd.DataFrame:
        """Through which constructs does one act on another? A row a chain; `through` joins the mediators by ' -> '."""
        chains = self.plan.structure.chains
        named = [[self.plan.nodes[i] for i in chain] for chain in chains]
        rows = [(first, last, " -> ".join(between)) for first, *between, last in named]
        return self._tested(rows, "from to through", "indirect", chain_effects(self.solution.coef, chains)[0])

    def effects(self) -> pd.DataFrame:
        """What acts on what directly, through mediators and in total? In the columns of SEMFit.effects()."""
        tables = {"direct": self.paths, "indirect": self.indirect_effects, "total": self.total_effects}
        table = pd.concat([t.assign(kind=kind) for kind, t in tables.items() if len(t)], ignore_index=True)
        table = table.rename(columns={"t": "z", "low": "ci.lower", "high": "ci.upper"}).assign(std=table["est"])
        table["through"] = table.get("through", pd.Series("", table.index)).fillna("")
        return table[["kind", "from", "to", "through", "est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std"]]

    @property
    def fit_indices(self) -> pd.Series:
        """Does the model reproduce the items' correlations? srmr (of the estimated model) and srmr_saturated.

        Within a composite the correlations are free; with PLSc mode A constructs are common factors.
        """
        design, s = self.plan.structure.design, self.solution
        k = len(design.blocks)
        common = [self.plan.structure.consistent and not formative for formative in design.formative]
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
        rows, mixes, unit = [], [], np.eye(len(self.plan.paths))
        for path, (product, effect) in zip(unit, self.plan.paths, strict=True):
            if ":" in product:
                cause, moderator = product.split(":")
                for value in (-1, 0, 1):
                    rows.append((cause, effect, moderator, value))
                    mixes.append(unit[self.plan.paths.index((cause, effect))] + value * path)
        if not rows:
            raise OptionError("The model has no product 'A:B': there are no slopes to compare.")
        mix = np.array(mixes)
        return self._tested(rows, "from to moderator at", "paths", mix @ self.params.to_numpy(), mix.T)

    def tables(self, language: Language = "en", instrument: Any = None) -> dict[str, Table]:
        """The tables of a thesis: loadings, validity, hypotheses, mediation, R2, f2 and VIF."""
        from crmlab.survey.tables import pls_tables

        return pls_tables(self, language, instrument)
