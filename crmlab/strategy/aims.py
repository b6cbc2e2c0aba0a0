"""What is CRM for? Aims, the benefit that each brings, and the KPI that shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from crmlab.base.errors import DataError, Fault, OptionError, check_kind, check_option
from crmlab.base.look import COLOURS, axes
from crmlab.base.table import localized
from crmlab.base.toml import bundled_toml
from crmlab.base.words import Language, word
from crmlab.data.tables import missing_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEVENTEEN = "seventeen"


def _tree() -> dict[str, Any]:
    return bundled_toml("crmlab.strategy", "aims.toml")


def aims(which: str | None = SEVENTEEN, language: Language = "en") -> pd.DataFrame:
    """What is CRM for, and which figure would show it? One row an aim of a list.

    `which`: "seventeen" (the long list of textbooks), "three_levels", "kalakota_robinson", "galbreath_rogers",
    "newell", "burnett", or None for all. Columns id, list, level (primary, secondary, ultimate), aim, benefit, kind
    (tangible, intangible) and kpis, a tuple of names that `crm.kpis()` explains.

    >>> len(aims()), aims().loc[0, "kpis"]
    (17, ('retention_rate', 'churn_rate'))
    """
    tree = _tree()
    check_option("which", which, (None, *tree["lists"]))
    check_option("language", language, ("en", "fa"))
    rows = []
    for aim in tree["aim"]:
        if which in (None, aim["list"]):
            benefit = tree["benefits"][aim["benefit"]]
            rows.append((aim["id"], aim["list"], aim["level"], aim[language], benefit[language], benefit["kind"],
                         tuple(aim["kpis"])))  # fmt: skip
    return pd.DataFrame(rows, columns=["id", "list", "level", "aim", "benefit", "kind", "kpis"])


def plan_gaps(
    plans: Mapping[str, Collection[str]], measured: Collection[str], which: str | None = SEVENTEEN
) -> pd.DataFrame:
    """Which plan serves which aim, and would anyone notice? One row a plan and aim, then the aims without a plan.

    `plans` names the aims (ids of `aims(which)`) that each plan serves, `measured` the KPIs that the firm has. Columns
    plan, id, aim, have and lack (KPIs of the aim), status: "shown" (at least one KPI is measured), "blind" (none is)
    or "no plan". Raises OptionError for ids and KPIs that the tree does not have.
    """
    from crmlab.strategy.success import kpis

    check_kind("plans", plans, Mapping, "give the aims of each plan, such as {'mailing': ['keep']}")
    for name, some in {**plans, "measured": measured}.items():
        check_kind(str(name), some, Collection, "give a list of names")
    table = aims(which)
    tree = {aim: (text, needs) for aim, text, needs in zip(table["id"], table["aim"], table["kpis"], strict=True)}
    served = {aim for some in plans.values() for aim in some}
    wrong = sorted(served - set(tree), key=str)
    unknown = sorted(set(measured) - set(kpis()["name"]), key=str)
    for what, names, where in (("aim", wrong, "crm.aims()"), ("KPI", unknown, "crm.kpis()")):
        if names:
            raise OptionError(f"{', '.join(map(str, names))}: no such {what}; {where} lists them.")
    pairs = [(plan, aim) for plan, some in plans.items() for aim in some]
    rows = []
    for plan, aim in [*pairs, *(("", aim) for aim in tree if aim not in served)]:
        text, needs = tree[aim]
        have, lack = [kpi for kpi in needs if kpi in measured], [kpi for kpi in needs if kpi not in measured]
        status = "no plan" if not plan else "shown" if have else "blind"
        rows.append((plan, aim, text, ", ".join(have), ", ".join(lack), status))
    return pd.DataFrame(rows, columns=["plan", "id", "aim", "have", "lack", "status"])


def plot_aims(
    table: pd.DataFrame, measured: Collection[str] | None = None, ax: Axes | None = None, language: Language = "en"
) -> Axes:
    """Which figure shows that an aim is reached? A tree from each aim of `aims()` over its benefit to its KPIs.

    With `measured`, the KPIs that the firm has are dark, and the others are marked as missing. `language` is that of
    the KPIs and the heads: for a Persian picture take `aims(language="fa")` as well.
    """
    from crmlab.strategy.success import kpis

    check_kind("table", table, pd.DataFrame, "give some rows of crm.aims()")
    check_kind("measured", measured, (Collection, type(None)), "give a list of names, or None")
    if faults := missing_columns(("aim", "benefit", "kpis"), [str(c) for c in table.columns]):
        raise DataError(faults, "the aims")
    if table.empty:
        raise DataError(Fault("", "there are no aims", "Take some rows of crm.aims()."), "the aims")
    labels = kpis(language).set_index("name")["label"]
    links = table[["aim", "benefit", "kpis"]].explode("kpis")
    order = links.groupby("benefit", sort=False).ngroup().sort_values(kind="stable").index.unique()
    links = links.loc[order]
    columns = [list(dict.fromkeys(links[name])) for name in ("aim", "benefit", "kpis")]
    # a KPI stands near the benefits that lead to it, so that fewer lines cross
    near = links.drop_duplicates(["benefit", "kpis"]).groupby("kpis")["benefit"].agg(
        lambda some: sum(map(columns[1].index, some)) / len(some)
    )  # fmt: skip
    columns[2] = near.sort_values(kind="stable").index.tolist()
    height = max(map(len, columns))
    places = [{one: (i + 0.5) * height / len(some) for i, one in enumerate(some)} for some in columns]
    ax = axes(ax, size=(11, 1 + 0.34 * height), title=word("aims.title", language))
    for aim, benefit, kpi in links.itertuples(index=False, name=None):
        known = measured is None or kpi in measured
        colour = COLOURS["quiet" if known else "accent"]
        ax.plot([0, 1], [places[0][aim], places[1][benefit]], color=COLOURS["faint"], linewidth=1.5, zorder=1)
        ax.plot([1, 2], [places[1][benefit], places[2][kpi]], color=colour, linewidth=1, zorder=1,
                linestyle="-" if known else "--")  # fmt: skip
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": COLOURS["quiet"]}
    for x, place in enumerate(places):
        for one, y in place.items():
            lost = x == 2 and measured is not None and one not in measured
            text = labels[one] if x == 2 else one
            edge = {"edgecolor": COLOURS["second"], "linestyle": "--"} if lost else {}
            ax.text(x, y, text, ha=("right", "center", "left")[x], va="center", fontsize=8.5, bbox=box | edge,
                    color=COLOURS["second" if lost else "actual"])  # fmt: skip
    ax.set_xticks([-0.35, 1, 2.2], [word(f"aims.{name}", language) for name in ("aim", "benefit", "kpi")])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set(xlim=(-1.15, 2.75), ylim=(height + 0.2, -0.2), yticks=[])
    ax.spines[:].set_visible(False)
    if measured is not None:
        seen = word("aims.measured", language, n=len(set(links["kpis"]) & set(measured)), of=links["kpis"].nunique())
        ax.set_xlabel(f"{localized(seen, language)}; - - {word('aims.missing', language)}")
    return ax
