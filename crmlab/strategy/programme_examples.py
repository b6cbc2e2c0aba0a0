"""The bundled examples of the eight kinds of programme, sized to a customer base."""

from __future__ import annotations

from typing import Any

from crmlab.base.errors import check_kind, check_positive
from crmlab.base.toml import bundled_toml
from crmlab.base.words import Language
from crmlab.strategy.programme_base import CustomerBase
from crmlab.strategy.programme_rules import Programme
from crmlab.strategy.programmes import Game, Hybrid, PaidMembership, Partners, Points, SharedValues, Spend, Tiers

KINDS = {kind.__name__: kind for kind in (Points, Spend, Tiers, PaidMembership, SharedValues, Partners, Game)}


def _examples() -> dict[str, Any]:
    return bundled_toml("crmlab.strategy", "programmes.toml")


def programmes(base: CustomerBase, *, generosity: float = 1.0) -> dict[str, Programme]:
    """Which eight programmes would be about equally generous to these customers?

    The examples of programmes.toml, each worth about 2% of sales to those whom it reaches, with amounts in the base's
    currency; `generosity` multiplies what is given (2.0: about 4%). Keys: points, spend, tiers, paid, values,
    partners, game, hybrid. They show the kinds; none is a real firm's programme.

    >>> from crmlab.strategy.programme_base import customer_base
    >>> list(programmes(customer_base(10, rng=1)))
    ['points', 'spend', 'tiers', 'paid', 'values', 'partners', 'game', 'hybrid']
    """
    check_kind("base", base, CustomerBase, "give one such as crm.customer_base(1000, rng=1)")
    check_positive("generosity", generosity)
    basket = float(base.column("spend").mean())
    # the tables of an entry are named by the unit of their numbers
    units = {
        "plain": 1.0, "baskets": basket, "per_basket": 1 / basket, "setup": basket * len(base),
        "given_share": generosity, "given_baskets": basket * generosity,
    }  # fmt: skip

    def scaled(value: Any, factor: float) -> Any:
        if isinstance(value, list):
            return tuple(scaled(v, factor) for v in value)
        return value if factor == 1.0 else value * factor

    def made(entry: dict[str, Any]) -> Programme:
        if "parts" in entry:
            return Hybrid(*(made(part) for part in entry["parts"]))
        given = {k: scaled(v, units[unit]) for unit in units for k, v in entry.get(unit, {}).items()}
        if "chances" in given:
            given["prizes"] = tuple(zip(given.pop("chances"), given["prizes"], strict=True))
        return KINDS[entry["kind"]](**given)

    return {name: made(entry) for name, entry in _examples().items()}


def label(name: str, language: Language = "en") -> str:
    """What is a bundled programme called? Other names stay as they are."""
    return str(_examples().get(name, {}).get(f"label_{language}", name))
