"""The moments that a structural equation model implies, and their derivatives. (McArdle & McDonald 1984)

All variables v (observed, then latent) follow v = m + A v + e, Cov(e) = S, so that with E = (I - A)^-1 and F picking
the observed ones Sigma = F E S E' F', mu = F E m. A holds loadings and paths, S the (co)variances, m the intercepts.
Each derivative of Sigma has rank two, w (u v' + v u'): gradients and information need no matrix of second moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from crmlab.survey.partable import ParTable, Row

Array = np.ndarray


@dataclass(frozen=True)
class Slopes:
    """d Sigma / d theta_k = w_k (u_k v_k' + v_k u_k') and d mu / d theta_k, before equal values are summed by `K`."""

    u: Array  # (observed, rows)
    v: Array
    w: Array  # (rows,)
    dmu: Array  # (observed, rows)
    K: Array  # (rows, parameters)

    def gradient(self, W: Array, g: Array) -> Array:
        """tr(W dSigma) - 2 g'dmu for each parameter."""
        return 2 * (self.w * (self.u * (W @ self.v)).sum(axis=0) - g @ self.dmu) @ self.K

    def information(self, P: Array, share: Array) -> Array:
        """1/2 tr(P dSigma P dSigma') + dmu' P dmu for each pair of parameters, over the patterns' shares."""
        if len(P) == 1:
            pv = P[0] @ self.v
            a, b, c = self.u.T @ pv, self.u.T @ P[0] @ self.u, self.v.T @ pv
            raw = self.w[:, None] * (a * a.T + b * c) * self.w + self.dmu.T @ P[0] @ self.dmu
        else:
            pv = P @ self.v
            a, b, c = self.u.T @ pv, self.u.T @ P @ self.u, self.v.T @ pv
            raw = self.w[:, None] * np.tensordot(share, a * a.swapaxes(1, 2) + b * c, 1) * self.w
            raw += self.dmu.T @ np.tensordot(share, P, 1) @ self.dmu
        return self.K.T @ raw @ self.K

    def observed(self, P: Array, C: Array, d: Array) -> Array:
        """A pattern's minus Hessian of log L / n where Sigma and mu are linear in theta; C around mu, d = mean - mu."""
        B, z = P @ C @ P, P @ d
        pu, pv, bv = P @ self.u, P @ self.v, B @ self.v
        a, b, c, e = self.u.T @ pv, self.u.T @ pu, self.v.T @ pv, self.u.T @ bv
        both = a.T * e + a * e.T + b * (self.v.T @ bv) + c * (self.u.T @ B @ self.u) - a * a.T - b * c
        cross = ((self.dmu.T @ pu) * (z @ self.v) + (self.dmu.T @ pv) * (z @ self.u)) * self.w
        raw = self.w[:, None] * both * self.w + cross + cross.T + self.dmu.T @ P @ self.dmu
        return self.K.T @ raw @ self.K

    def scores(self, z: Array, expected: Array) -> Array:
        """1/2 z'dSigma z - 1/2 tr(expected dSigma) + z'dmu for each row of z, shape (n, parameters)."""
        centre = self.w * (self.u * (expected @ self.v)).sum(axis=0)
        return (self.w * (z @ self.u) * (z @ self.v) - centre + z @ self.dmu) @ self.K


class Model:
    """A parameter table as matrices, for each group g = 0, 1, ... (theta may be complex, for exact derivatives).

    `matrices(theta, g)` -> A, S, m; `implied(theta, g)` -> Sigma, mu; `jacobian(theta, g)` -> d vech(Sigma)/d theta
    and d mu/d theta, with vech by `vech_index(p)`; `slopes(theta, g)` the same in factors. x = K theta + k are the free
    values; thresholds (op "|") are among them and are not used here. Ordinal items (`table.ordered`) have a residual
    variance that makes Sigma's diagonal 1.
    """

    def __init__(self, table: ParTable) -> None:
        self.table = table
        self.p = len(table.observed)
        self.size = len(table.variables)
        at = {name: i for i, name in enumerate(table.variables)}
        self.unit = np.array([at[v] for v in table.ordered], dtype=int)
        self._base, self._where = [], []
        for g in range(len(table.groups)):
            base = np.zeros((2, self.size, self.size)), np.zeros(self.size)
            free: dict[str, list[tuple[int, int, int]]] = {"A": [], "S": [], "m": []}
            for row in table.rows:
                if row.group != g or row.op == "|":
                    continue
                kind, i, j = place(row, at)
                if row.slot >= 0:
                    free[kind].append((i, j, row.slot))
                elif kind == "m":
                    base[1][i] = row.value
                elif not (row.op == "~~" and i == j and i in self.unit):
                    base[0]["AS".index(kind)][i, j] = row.value
                    if kind == "S":
                        base[0][1][j, i] = row.value
            self._base.append(base)
            self._where.append({k: np.array(v, dtype=int).reshape(-1, 3).T for k, v in free.items()})

    @cached_property
    def _summing(self) -> list[Array]:
        return [self.table.K[np.concatenate([w["A"][2], w["S"][2], w["m"][2]])] for w in self._where]

    def values(self, theta: Array) -> Array:
        """All free values x = K theta + k."""
        return self.table.K @ theta + self.table.k

    def matrices(self, theta: Array, g: int = 0) -> tuple[Array, Array, Array]:
        """A, S and m of group g."""
        return self.fill(self.values(theta), g)

    def fill(self, x: Array, g: int = 0) -> tuple[Array, Array, Array]:
        """A, S and m of group g from the free values."""
        (AS, m), where = self._base[g], self._where[g]
        AS, m = AS.astype(x.dtype), m.astype(x.dtype)
        i, j, s = where["A"]
        AS[0, i, j] = x[s]
        i, j, s = where["S"]
        AS[1, i, j] = x[s]
        AS[1, j, i] = x[s]
        i, _, s = where["m"]
        m[i] = x[s]
        if len(self.unit):
            E = _total_effects(AS[0])
            AS[1, self.unit, self.unit] = 1 - ((E @ AS[1]) * E).sum(axis=1)[self.unit]
        return AS[0], AS[1], m

    def rows(self, theta: Array, standard: Literal["", "lv", "all"] = "") -> Array:
        """The value of every row of the table; `standard`: with latent, or with all variables of variance 1.

        Covariances are then correlations (of what is left unexplained), as lavaan has it. NaN where a variance is
        not positive.
        """
        x, table = self.values(theta), self.table
        found = np.full(len(table.rows), np.nan, dtype=x.dtype)
        at = {name: i for i, name in enumerate(table.variables)}
        for g in range(len(table.groups)):
            matrices = dict(zip("ASm", self.fill(x, g), strict=True))
            E = _total_effects(matrices["A"])
            whole, left = _root(((E @ matrices["S"]) * E).sum(axis=1)), _root(np.diagonal(matrices["S"]))
            if standard != "all":
                stay = slice(None, None if standard == "" else self.p)
                whole[stay] = left[stay] = 1.0
            for r, row in enumerate(table.rows):
                if row.group != g:
                    continue
                if row.op == "|":
                    found[r] = (x[row.slot] if row.slot >= 0 else row.value) / whole[at[row.lhs]]
                    continue
                kind, i, j = place(row, at)
                if kind == "m":
                    found[r] = matrices["m"][i] / whole[i]
                elif kind == "S":
                    scale = whole if i == j else left
                    found[r] = matrices["S"][i, j] / (scale[i] * scale[j])
                else:
                    found[r] = matrices["A"][i, j] * whole[j] / whole[i]
        return found

    def all_moments(self, theta: Array, g: int = 0) -> tuple[Array, Array]:
        """Covariances and means of all variables, the latent ones too."""
        A, S, m = self.matrices(theta, g)
        E = _total_effects(A)
        return E @ S @ E.T, E @ m

    def implied(self, theta: Array, g: int = 0) -> tuple[Array, Array]:
        """Sigma and mu of group g."""
        cov, mean = self.all_moments(theta, g)
        return cov[: self.p, : self.p], mean[: self.p]

    def slopes(self, theta: Array, g: int = 0) -> tuple[Array, Array, Slopes]:
        """Sigma, mu and the factors of their derivatives in group g."""
        A, S, m = self.matrices(theta, g)
        E = _total_effects(A)
        F = E[: self.p]
        T = E @ S @ F.T  # Cov(v, y)
        level = E @ m
        (iA, jA, _), (iS, jS, _), (im, _, _) = (self._where[g][k] for k in "ASm")
        u = F[:, np.concatenate([iA, iS, im])]
        none = np.zeros((self.p, len(im)), dtype=F.dtype)
        v = np.concatenate([T[jA].T, F[:, jS], none], axis=1)
        w = np.concatenate([np.ones(len(iA)), np.where(iS == jS, 0.5, 1.0), np.zeros(len(im))])
        dmu = np.concatenate([F[:, iA] * level[jA], np.zeros((self.p, len(iS))), F[:, im]], axis=1)
        return T[: self.p], level[: self.p], Slopes(u, v, w, dmu, self._summing[g])

    def jacobian(self, theta: Array, g: int = 0) -> tuple[Array, Array]:
        """d vech(Sigma)/d theta, shape (p (p + 1) / 2, parameters), and d mu/d theta, (p, parameters), of group g."""
        _, _, d = self.slopes(theta, g)
        r, c = vech_index(self.p)
        raw = d.w * (d.u[r] * d.v[c] + d.v[r] * d.u[c])
        if len(self.unit):
            raw[(r == c) & np.isin(r, self.unit)] = 0.0
        return raw @ d.K, d.dmu @ d.K


def place(row: Row, at: dict[str, int]) -> tuple[str, int, int]:
    """Where a row stands: matrix ("A", "S" or "m"), row and column."""
    if row.op == "=~":
        return "A", at[row.rhs], at[row.lhs]
    if row.op == "~1":
        return "m", at[row.lhs], 0
    return "S" if row.op == "~~" else "A", at[row.lhs], at[row.rhs]


def _total_effects(A: Array) -> Array:
    """(I - A)^-1; I + A where no arrow follows another, as in a factor model."""
    return np.eye(len(A)) + A if not (A @ A).any() else np.linalg.inv(np.eye(len(A)) - A)


def _root(v: Array) -> Array:
    """Square roots; NaN of what is not positive."""
    return np.sqrt(np.where(v.real > 0, v, np.nan))


def vech_index(p: int) -> tuple[Array, Array]:
    """Rows and columns of a symmetric matrix's lower half, column by column (lavaan's order)."""
    columns, rows = np.triu_indices(p)
    return rows, columns


def derivative(f: Any, x: Array) -> Array:
    """The Jacobian of an analytic function of an array, exact to rounding (complex step), shape (values, x)."""
    step = 1e-30
    columns = []
    for k in range(len(x)):
        z = x.astype(complex)
        z[k] += 1j * step
        columns.append(np.imag(f(z)) / step)
    return np.stack(columns, axis=-1) if columns else np.zeros((0, 0))
