"""The same stations or money spent by each partner alone and by all together: the price of not cooperating."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.cooperation import core_table, cost_shares, coverage_game
from mutualaid.coverage import Analysis
from mutualaid.data import Costs
from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice
from mutualaid.siting._mclp import mclp
from mutualaid.siting._measure import first_site, in_time
from mutualaid.siting._plan import Plan
from mutualaid.siting._region import driven_sites, level_table
from mutualaid.siting._table import SiteTable

__all__ = ["SeparateJoint", "separate_and_joint"]

#: The least money is sought to this share of what is spent separately.
_MONEY = 1e-6


@dataclass(frozen=True, eq=False)
class SeparateJoint:
    """What partners reach if each sites and serves alone, and if they do so together; people in fair weather.

    Three plans are compared in four ways: today; each partner's own plan, served alone (*separate*); the same stations,
    but with the closest unit coming (*separate, then joint*); and the joint plan. So the price of siting separately is
    told apart from the price of serving separately.

    Attributes
    ----------
    unit
        ``stations`` or ``money``: what is spent.
    partners
        Index ``partner``, all of the region; ``budget`` (stations or money to spend), ``population``, and
        people reached in time: ``today_alone``, ``today_joint``, ``separate`` (own sites, own people, level alone),
        ``separate_joint`` (all own plans together, level joint), ``joint`` (the joint plan, level joint);
        ``sites_separate`` and ``sites_joint``: ids of the new stations that the partner owns, joined by ``;``;
        ``cost_separate`` and ``cost_joint``: of those.
    separate
        The plan of each partner, on a table of its own sites and people alone; a partner that has no people, or no
        site, is not in it.
    joint
        The joint plan with the sum of what partners may spend, on the table of level ``joint``.
    price_people
        People whom the joint plan reaches and the separate plans do not: joint less separate.
    price_siting, price_serving
        Its two parts: joint less separate_joint, and separate_joint less separate.
    spent
        Stations or money that the separate plans use.
    needed
        The least with which a joint plan reaches as many people as the separate plans do: proven, for money to a
        millionth of what was spent. NaN if that is not known: time ran out, or the joint plan reaches fewer.
    price
        What a joint team saves: `spent` less `needed`.
    shares, core
        Shares of the joint plan's cost by the rules of `mutualaid.cooperation.cost_shares`, and who would walk out of
        them (`mutualaid.cooperation.core_table`). The game is that of what the plan adds: its ``people`` are those whom
        the plan reaches and no station of today does, and partners reach them by their new stations. What a partner
        would pay alone is the cost of its own plan, which may reach fewer.
    notes
        What a reader must know, in words.
    """

    unit: str
    partners: pd.DataFrame
    separate: Mapping[str, Plan]
    joint: Plan
    price_people: float
    price_siting: float
    price_serving: float
    spent: float
    needed: float
    price: float
    shares: pd.DataFrame
    core: pd.DataFrame
    notes: tuple[str, ...]


def separate_and_joint(
    analysis: Analysis,
    sites: gpd.GeoDataFrame,
    budgets: Mapping[str, float],
    *,
    unit: str = "stations",
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> SeparateJoint:
    """Compare new stations that each partner sites and runs alone with the same number, or money, spent together.

    Alone, a partner chooses among its own candidates those that reach the most of its own people, served by its own
    units (level ``alone``). Together, as many stations, or as much money, are spent anywhere, and the closest unit
    comes (level ``joint``). All stations that exist stay. By the maximal covering model, in fair weather.

    Parameters
    ----------
    analysis
        A run.
    sites
        As `candidates` gives them.
    budgets
        New stations, or money, of each partner by id; nothing for partners that are left out.
    unit
        ``stations`` or ``money``.
    time_limit_s, gap
        As for `mclp`, of each plan.

    Returns
    -------
    SeparateJoint

    Raises
    ------
    SitingError
        An unknown partner or unit, a budget that is negative, or more stations than a partner has candidates.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.siting import candidates, separate_and_joint
    >>> result = analyse(read_region(demo_path()))
    >>> both = separate_and_joint(result, candidates(result, count=40), {"SDIS 06": 1})
    >>> both.price_people > 0
    True
    """
    names = list(map(str, analysis.region.jurisdictions["partner"].unique()))
    _check(names, budgets, unit, sites)
    share = pd.Series({name: float(budgets.get(name, 0)) for name in names})
    times = driven_sites(analysis, sites, ("alone", "joint"), ("",))
    alone, together = (level_table(analysis, sites, times, level) for level in ("alone", "joint"))
    solve = _solver(unit, time_limit_s, gap)
    own = {name: _own(alone, name) for name in names}
    separate = {name: solve(table, share[name]) for name, table in own.items() if table is not None}
    joint = solve(together, math.fsum(share))
    separately = together.existing | together.sites.index.isin(
        [one for plan in separate.values() for one in plan.opened]
    )
    owner, host = (frame["partner"].to_numpy(str) for frame in (together.sites, together.demand))

    def reached(table: SiteTable, is_open: NDArray[np.bool_]) -> pd.Series:
        people = table.weight * in_time(table, "", is_open)
        return pd.Series({name: people[host == name].sum() for name in names})

    def new(is_open: NDArray[np.bool_], told: Callable[[pd.DataFrame], object]) -> pd.Series:
        opened = is_open & ~together.existing
        return pd.Series({name: told(together.sites[opened & (owner == name)]) for name in names})

    partners = pd.DataFrame(
        {
            "budget": share,
            "population": pd.Series({name: together.weight[host == name].sum() for name in names}),
            "today_alone": reached(alone, alone.existing),
            "today_joint": reached(together, together.existing),
            "separate": reached(alone, separately),
            "separate_joint": reached(together, separately),
            "joint": reached(together, joint.is_open),
            "sites_separate": new(separately, lambda sites: ";".join(sites.index)),
            "sites_joint": new(joint.is_open, lambda sites: ";".join(sites.index)),
            "cost_separate": new(separately, lambda sites: sites["opening_cost"].sum()),
            "cost_joint": new(joint.is_open, lambda sites: sites["opening_cost"].sum()),
        }
    ).rename_axis("partner")
    total = partners[["separate", "separate_joint", "joint"]].sum()
    spent = _spent(unit, separate.values())
    needed = _needed(together, total["separate"], unit, spent, joint, solve)
    shares, core = _shares(analysis, joint, separate, names)
    return SeparateJoint(
        unit=unit,
        partners=partners,
        separate=separate,
        joint=joint,
        price_people=float(total["joint"] - total["separate"]),
        price_siting=float(total["joint"] - total["separate_joint"]),
        price_serving=float(total["separate_joint"] - total["separate"]),
        spent=spent,
        needed=needed,
        price=spent - needed,
        shares=shares,
        core=core,
        notes=_notes(separate, joint, needed),
    )


Solve = Callable[[SiteTable, float], Plan]


def _solver(unit: str, time_limit_s: float | None, gap: float) -> Solve:
    def solve(table: SiteTable, most: float) -> Plan:
        choice = Choice(add=int(most)) if unit == "stations" else Choice(budget=most)
        return mclp(table, choice, time_limit_s=time_limit_s, gap=gap)

    return solve


def _own(table: SiteTable, partner: str) -> SiteTable | None:
    """Cut a table to the sites and the people of one partner; None if it has no people, or no site."""
    sites, people = (
        (frame["partner"] == partner).to_numpy(np.bool_) for frame in (table.sites, table.demand)
    )
    if not (sites.any() and people.any()):
        return None
    seconds = {name: array[np.ix_(sites, people)] for name, array in table.seconds.items()}
    return replace(table, sites=table.sites[sites], demand=table.demand[people], seconds=seconds)


def _spent(unit: str, plans: Iterable[Plan]) -> float:
    return math.fsum(len(plan.opened) if unit == "stations" else plan.cost for plan in plans)


def _needed(table: SiteTable, people: float, unit: str, spent: float, joint: Plan, solve: Solve) -> float:
    """Least stations or money with which a joint plan reaches so many people; NaN if it is not known."""
    # A person is a person, whatever the order in which people are summed.
    target = people * (1 - 1e-12)
    if joint.value < target:
        return math.nan
    step = 1.0 if unit == "stations" else max(spent, joint.cost) * _MONEY
    # Too little, and enough; of the least, nothing is known in between.
    low, high = -step, _spent(unit, [joint])
    while high - low > step:
        middle = (low + high) / 2 if unit == "money" else float((low + high) // 2)
        plan = solve(table, max(middle, 0.0))
        if plan.value >= target:
            high = min(middle, _spent(unit, [plan]))
        elif plan.bound < target:
            low = middle
        else:
            return math.nan
    return high


def _shares(
    analysis: Analysis, joint: Plan, separate: Mapping[str, Plan], names: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shares of the joint plan's cost, by what it adds to today."""
    table = joint.table
    owner, host = (frame["partner"].to_numpy(str) for frame in (table.sites, table.demand))
    opened = joint.is_open & ~table.existing
    new = in_time(table, "", joint.is_open) > in_time(table, "", table.existing)
    reach = table.reach("")[:, new]
    reached = np.column_stack([reach[opened & (owner == name)].any(axis=0) for name in names])
    people = table.weight[new]
    game = coverage_game(pd.Index(names).get_indexer(pd.Index(host[new])), reached, people, names)
    first = first_site(table, "", joint.is_open)[new]
    abroad = owner[first] != host[new]
    use = pd.Series({name: people[abroad & (host[new] == name)].sum() for name in names})
    costs = Costs(
        budget=joint.cost,
        currency=analysis.region.costs.currency,
        alone={name: separate[name].cost if name in separate else 0.0 for name in names},
    )
    shares = cost_shares(game, costs, use)
    return shares, core_table(game, costs, shares)


def _notes(separate: Mapping[str, Plan], joint: Plan, needed: float) -> tuple[str, ...]:
    open_ = [name for name, plan in separate.items() if plan.status != "optimal"]
    notes = [f"The plan of {name} alone is the best found in time, and not proven." for name in open_]
    if joint.status != "optimal":
        notes.append("The joint plan is the best found in time, and not proven.")
    if math.isnan(needed):
        notes.append(
            "How little a joint team needs to reach as many people as the separate plans is not known."
        )
    return tuple(notes)


def _check(names: Sequence[str], budgets: Mapping[str, float], unit: str, sites: gpd.GeoDataFrame) -> None:
    defects = []
    if unit not in ("stations", "money"):
        defects.append(Defect("", "unit", "stations or money", repr(unit), "choose one"))
    own = sites.loc[sites["state"] == "candidate", "partner"].value_counts()
    for name, most in budgets.items():
        if name not in names:
            expected = f"one of the partners {', '.join(names)}"
            defects.append(Defect("", "budgets", expected, repr(name), "correct the name, or leave it out"))
        elif not (most >= 0 and math.isfinite(most)):
            defects.append(Defect("", f"budget of {name}", f"{unit} from 0 on", f"{most}", "correct it"))
        elif unit == "stations" and not (most == int(most) and most <= own.get(name, 0)):
            expected = f"a whole number up to {own.get(name, 0)}, the partner's candidates"
            defects.append(
                Defect("", f"budget of {name}", expected, f"{most}", "ask for fewer, or give more sites")
            )
    if defects:
        raise SitingError(defects)
