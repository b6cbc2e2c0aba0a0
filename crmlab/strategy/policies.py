"""Who deserves a contact this month? Rules that score customers, from chance to learned uplift."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from crmlab.base.errors import OptionError, require
from crmlab.strategy.swift_world import Shop

PolicyName = Literal["nobody", "random", "best_rfm", "best_clv", "learned", "oracle"]
LEVELS = (3, 3, 2, 2, 2, 2)  # classes of orders, months since last, opens, young, fiction, contacted lately
CELLS = int(np.prod(LEVELS))
REFIT = 6  # months between two BG/NBD fits of best_clv: a fit costs as much as all else of a month
PRIOR = 4.0  # made-up customers behind each coefficient but the constant, half of them buyers
SPREAD = 0.02  # uplift by cell is taken to differ by about two orders per hundred contacts (sd)


@dataclass(frozen=True)
class Learned:
    """What the last round taught: uplift per contact with its standard error and size, and the model so far.

    `tally` counts customers and buyers by cell of traits and by arm (the first is no contact); `fit` holds
    the fitted logit's coefficients and covariance, `table` shows them; None where the policy does not learn.
    """

    uplift: float
    uplift_se: float
    uplift_size: float
    naive: float
    tally: np.ndarray | None = None
    fit: tuple[np.ndarray, np.ndarray] | None = None
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class SwiftLog:
    """All that the firm knows at the start of a round.

    `customers` is a row a customer, `arms` the contacts that it may choose from, `standard` the one that rules
    without learning send, `lots` four uniform numbers a customer (control group, exploration, its arm, ties).
    """

    round: int
    customers: pd.DataFrame
    arms: pd.DataFrame
    standard: int
    margin: float
    control_share: float
    explore: float
    lots: np.ndarray
    policy: Policy
    learned: Learned | None
    shop: Shop = field(repr=False)  # hidden truth, where the oracle alone looks
    memo: dict[str, Any] = field(repr=False)  # fits that a policy keeps between rounds of a run


Score = Callable[[SwiftLog], Any]


@dataclass(frozen=True)
class Policy:
    """A rule that scores customers.

    `score(log)` gives an array (customers,), for the standard contact, or (customers, arms): dollars or ranks,
    higher first, contacted only above 0, NaN for never; None if it knows nothing yet. Lots decide between equals.
    """

    name: str
    score: Score
    knows: str = "its own rule"
    learns: bool = False


def rfm_scores(*values: np.ndarray, bins: int = 5) -> np.ndarray:
    """Which scores from 1 to `bins` would `crm.rfm` give? One column a value, higher is better.

    The rule of `crmlab.customers.rfm` on arrays, floor(bins x (below + equal / 2) / n) + 1; its tables cost a
    hundred times as much a month.

    >>> rfm_scores(np.array([5, 1, 1, 9]), bins=2).ravel().tolist()
    [2, 1, 1, 2]
    """
    from scipy.stats import rankdata

    middle = np.column_stack([rankdata(np.round(v, 6)) - 0.5 for v in values])
    return (np.floor(bins * middle / len(middle) + 1e-12) + 1).astype(int)


def nobody(log: SwiftLog) -> np.ndarray:
    """No customer is worth a contact."""
    return np.full(len(log.customers), np.nan)


def random(log: SwiftLog) -> np.ndarray:
    """All are worth the same: lots decide."""
    return np.ones(len(log.customers))


def best_rfm(log: SwiftLog) -> np.ndarray:
    """The highest sum of the scores R, F and M."""
    known = log.customers
    columns = (-known["months_since_last"], known["frequency"], known["revenue"])
    return rfm_scores(*(c.to_numpy() for c in columns)).sum(axis=1)


def best_clv(log: SwiftLog) -> np.ndarray:
    """The highest margin of the next twelve months: BG/NBD's expected orders times the expected spend."""
    from crmlab.clv.bgnbd import BGNBD

    seen = log.customers[["frequency", "recency", "T"]]
    with warnings.catch_warnings():  # a ranking does not need parameters that the data leave open
        warnings.simplefilter("ignore")
        if "bgnbd" not in log.memo or log.round % REFIT == 0:
            store = log.shop.kept if log.round == 0 else log.memo
            if log.round or "bgnbd" not in store:
                grouped = seen.groupby([*seen.columns], sort=True).size().rename("n_customers").reset_index()
                store["bgnbd"] = BGNBD().fit(grouped, unit="M")
            log.memo["bgnbd"] = store["bgnbd"]
        orders = log.memo["bgnbd"].expected_purchases(seen, 12.0).to_numpy()
    return log.margin * orders * expected_spend(log)


def expected_spend(log: SwiftLog) -> np.ndarray:
    """What will each customer's next order amount to? Gamma-Gamma, fitted once on the time before round 1."""
    from crmlab.clv.gamma_gamma import GammaGamma

    if "spend" not in log.shop.kept:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            log.shop.kept["spend"] = GammaGamma().fit(log.shop.past[["frequency", "monetary_value"]])
    x, z = (log.customers[name].to_numpy() for name in ("frequency", "monetary_value"))
    return np.asarray(log.shop.kept["spend"].spend_gradient(x, z)[0])


def money(log: SwiftLog, before: np.ndarray, change: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Expected profit of each contact (customers, arms): margin of the extra orders, less the discount on all
    orders, less the cost. `before` are expected orders without contact, `change` what the contact adds."""
    discount, cost = log.arms["discount"].to_numpy(), log.arms["cost"].to_numpy()
    return np.asarray(spend[:, None] * (log.margin * change - discount * (before[:, None] + change)) - cost)


def learned(log: SwiftLog) -> np.ndarray | None:
    """The highest expected profit by the uplift model; nothing is known before the first round's responses.

    Without a control group there is nothing to subtract: every order of a contacted customer then counts as
    won by the contact, which is how campaigns are often read.
    """
    if log.learned is None or log.learned.fit is None:
        return None
    before, change = uplift_by_cell(log.learned.fit, log.arms, subtract=log.control_share > 0)
    cell = cells(log.customers)
    return money(log, before[cell], change[cell], expected_spend(log))


def uplift_by_cell(
    fit: tuple[np.ndarray, np.ndarray], arms: pd.DataFrame, subtract: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """What would each cell buy without contact (CELLS,), and what would each arm add (CELLS, arms)?

    The logit's difference of chances, drawn towards the mean over all cells and arms by SPREAD^2 / (SPREAD^2 + se^2),
    with se by the delta method: the best of many noisy estimates is otherwise mostly the luckiest one.
    """
    beta, cov = fit
    x = design(arms).reshape(len(arms) + 1, CELLS, -1)
    chance = 1 / (1 + np.exp(-x @ beta))
    slope = (chance * (1 - chance))[..., None] * x
    before = chance[0] if subtract else np.zeros(CELLS)
    gap, by_beta = chance[1:] - before, slope[1:] - slope[0] * subtract
    variance = np.einsum("aci,ij,acj->ac", by_beta, cov, by_beta)
    mean = (gap / (SPREAD**2 + variance)).sum() / (1 / (SPREAD**2 + variance)).sum()
    if subtract:
        gap = mean + (gap - mean) * SPREAD**2 / (SPREAD**2 + variance)
    return before, gap.T


def oracle(log: SwiftLog) -> np.ndarray:
    """The highest expected profit by the hidden truth of this month (it does not plan ahead for fatigue)."""
    n = len(log.customers)
    change = np.column_stack([log.shop.effect(np.full(n, arm)) for arm in log.arms.index])
    return money(log, log.shop.baseline(), change, log.shop.spend)


POLICIES = {
    p.name: p
    for p in (
        Policy("nobody", nobody, "contacts no one"),
        Policy("random", random, "nothing: lots choose, among all but the control group"),
        Policy("best_rfm", best_rfm, "recency, frequency, money: the sum of the scores"),
        Policy("best_clv", best_clv, "purchases: expected orders and spend of the next year"),
        Policy("learned", learned, "purchases, traits, and every earlier response against control", learns=True),
        Policy("oracle", oracle, "the hidden truth, which no firm has"),
    )
}


def swift_policies() -> pd.DataFrame:
    """Which policies are there, and what does each know? A row a policy.

    >>> swift_policies()["policy"].tolist()
    ['nobody', 'random', 'best_rfm', 'best_clv', 'learned', 'oracle']
    """
    return pd.DataFrame([(p.name, p.knows) for p in POLICIES.values()], columns=["policy", "knows"])


def as_policy(policy: Any) -> Policy:
    """A policy by name, a Policy, or a student's function of the log."""
    if isinstance(policy, Policy):
        return policy
    if callable(policy):
        return Policy(getattr(policy, "__name__", "own"), policy)
    if not isinstance(policy, str) or policy not in POLICIES:
        listed = ", ".join(repr(name) for name in POLICIES)
        raise OptionError(f"policy={policy!r} is not known; it must be one of {listed}, or a function of the log.")
    return POLICIES[policy]


def cells(customers: pd.DataFrame) -> np.ndarray:
    """The cell of traits that each customer belongs to, from 0 to CELLS - 1."""
    parts = (
        np.digitize(customers["frequency"], (1, 3)), np.digitize(customers["months_since_last"], (3, 12)),
        customers["opens"], customers["young"], customers["fiction"], customers["contacts_lately"] >= 0.5,
    )  # fmt: skip
    code = np.zeros(len(customers), dtype=np.int64)
    for part, size in zip(parts, LEVELS, strict=True):
        code = code * size + np.asarray(part).astype(np.int64)
    return code


def _columns(arms: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    grid = np.stack(np.unravel_index(np.tile(np.arange(CELLS), len(arms) + 1), LEVELS))
    orders, since, opens, young, fiction, lately = grid
    arm = np.repeat(np.arange(-1, len(arms)), CELLS)
    traits = {
        "orders 1-2": orders == 1, "orders 3+": orders == 2, "last 3-11 months ago": since == 1,
        "last 12+ months ago": since == 2, "opens": opens, "young": young, "fiction": fiction,
        "contacted lately": lately,
    }  # fmt: skip
    contact = arm >= 0
    made = {"constant": np.ones(len(arm)), **traits, "contact": contact}
    made |= {f"contact x {name}": contact * value for name, value in traits.items()}
    for kind, names in (("channel", ("opens", "young")), ("offer", ("fiction",))):
        values = arms[kind].to_numpy()
        for value in pd.unique(values)[1:]:
            chosen = contact & (values[arm] == value)
            made |= {str(value): chosen} | {f"{value} x {name}": chosen * traits[name] for name in names}
    return list(made), np.column_stack([np.asarray(v, dtype=float) for v in made.values()])


_DESIGNS: dict[tuple[str, ...], tuple[list[str], np.ndarray]] = {}


def design(arms: pd.DataFrame) -> np.ndarray:
    """The logit's columns for every arm (first: no contact) and every cell of traits."""
    return _named(arms)[1]


def _named(arms: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    key = (*arms["channel"], *arms["offer"])
    if key not in _DESIGNS:
        _DESIGNS[key] = _columns(arms)
    return _DESIGNS[key]


def fit_uplift(
    tally: np.ndarray, arms: pd.DataFrame, start: np.ndarray | None = None
) -> tuple[tuple[np.ndarray, np.ndarray], pd.DataFrame]:
    """Whom does a contact move? A logit of buying in the month on traits, contact, and their products.

    `tally` (arms + 1, CELLS, 2) counts customers and buyers; statsmodels fits the logit on these groups, which
    is the same likelihood as a row a customer. Each coefficient but the constant is drawn towards 0 by PRIOR
    made-up observations, half of them buyers (a log-F prior; Greenland 2007, International Journal of
    Epidemiology 36), as some cells are nearly empty at first. Returns (coefficients, covariance), and a table of
    coefficient, estimate, se, low, high (95%).
    """
    sm = require("statsmodels.api", "strategy")
    names, x = _named(arms)
    counts = tally.reshape(-1, 2)
    seen = counts[:, 0] > 0
    groups = np.column_stack([counts[seen, 1], counts[seen, 0] - counts[seen, 1]])
    made_up = np.eye(len(names))[1:]
    groups = np.vstack([groups, np.full((len(made_up), 2), PRIOR / 2)])
    fit = sm.GLM(groups, np.vstack([x[seen], made_up]), family=sm.families.Binomial()).fit(start_params=start)
    bounds = fit.conf_int()
    table = pd.DataFrame(
        {"coefficient": names, "estimate": fit.params, "se": fit.bse, "low": bounds[:, 0], "high": bounds[:, 1]}
    )
    return (np.asarray(fit.params), np.asarray(fit.cov_params())), table
