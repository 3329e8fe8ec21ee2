"""A siting question about a region, answered: the plan, its alternatives, and what they are worth to each partner."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mutualaid.coverage import Analysis
from mutualaid.errors import Defect, SitingError
from mutualaid.siting._alternatives import alternatives as best_plans
from mutualaid.siting._candidates import candidates
from mutualaid.siting._choice import Choice, Fair, Over
from mutualaid.siting._curves import cost_curve, curve
from mutualaid.siting._measure import plan_gains, plan_sites
from mutualaid.siting._models import check_model, solve
from mutualaid.siting._names import site_names
from mutualaid.siting._notes import study_notes, subsidiary_agreements
from mutualaid.siting._plan import Plan
from mutualaid.siting._region import region_table
from mutualaid.siting._separate import SeparateJoint, separate_and_joint
from mutualaid.siting._table import SiteTable
from mutualaid.siting._time_curve import time_curve
from mutualaid.siting._unreached import unreached

__all__ = ["SitingStudy", "siting"]

#: Points of the curves of mean time and of money.
_STEPS, _BUDGETS = 8, 17
#: Models that look at times and not only at who is in time.
_BY_TIME = ("p_median", "p_center")


@dataclass(frozen=True, eq=False)
class SitingStudy:
    """Where the next stations of a region go, as `siting` found it.

    Attributes
    ----------
    analysis
        The run that it was asked about.
    table
        Sites, people and times at `level`: always in fair weather (""), and in each scenario that counts. Its
        ``sites`` are as `candidates` gives them, the stations of the run first, and hold the point of each as
        ``geometry``; its ``demand`` is that of the run, in the same order.
    level
        Level of cooperation: ``alone``, ``agreed`` or ``joint``.
    model
        Model by which was chosen: see `Plan.model`.
    over
        Weathers that count, with their weights, and the rule.
    choice, fair
        What might be opened and closed, and what was fair; None if nothing was asked.
    plan
        The best plan.
    alternatives
        Distinct plans that are nearly as good, the best first, which is `plan` itself; as many as were asked for and
        found.
    sites
        Sites that any of `alternatives` opens or closes, those of the plan first, then by ``in_plans``; index site
        id, and

        * ``change``: ``opened`` or ``closed``;
        * ``in_plan`` (bool): the plan itself does so; ``in_plans`` (0 to 1): share of `alternatives` that do;
          ``plans``: their numbers joined by ``;``, 1 for the plan itself;
        * ``state``, ``partner``, ``jurisdiction`` (id), ``jurisdiction_name``;
        * ``name`` (of a station, or of a site that was given with one, else ""), ``road_name`` ("" if the road has
          none), ``near`` (nearest named place, "" if none is known), ``near_place`` (its kind, such as ``village``),
          ``near_m`` (metres from its point, NaN if none), ``near_direction`` (from there to the site: one of
          `DIRECTIONS`, such as ``north_east``; "" if it is there, or none) and ``text``: where it is in plain English;
        * all other columns of ``table.sites``: ``road``, ``fraction``, ``side``, ``distance_m``, ``road_status``,
          ``severity`` (Int8, missing if unknown) in the worst layer and ``severity_status`` (see `candidates`), and
          ``out_in``: ids of the scenarios in which it is out of service, joined by ``;``;
        * ``cost``: of opening or closing it; ``units`` that the plan puts there;
        * ``people_first``, ``people_added``, ``people_added_expected`` and ``people_added_{partner}``: see
          `plan_sites`, asked of the first of `alternatives` that opens or closes it;
        * ``geometry``: the point, in the region's CRS.
    gains
        What the plan is worth to each jurisdiction, each partner and all, in each weather: see `plan_gains`.
    curve
        People in time by number of new stations: see `curve`; no rows if it was not asked for.
    time_curve
        People in time against the mean time, for the plan's number of new stations: see `time_curve`; no rows if it was
        not asked for, or cannot be (``notes`` say why).
    cost_curve
        People in time by money: see `cost_curve`; no rows if it was not asked for, or money does not matter: there is
        no budget, and all sites cost the same.
    separate
        The same number of stations, or the same money, spent by each partner alone and by all together: see
        `separate_and_joint`; None if it was not asked for, or there is only one partner.
    unreached
        Demand that no site would reach in time in fair weather, were all open: see `unreached`.
    notes
        What a reader must know, in words.
    """

    analysis: Analysis
    table: SiteTable
    level: str
    model: str
    over: Over
    choice: Choice
    fair: Fair | None
    plan: Plan
    alternatives: tuple[Plan, ...]
    sites: gpd.GeoDataFrame
    gains: pd.DataFrame
    curve: pd.DataFrame
    time_curve: pd.DataFrame
    cost_curve: pd.DataFrame
    separate: SeparateJoint | None
    unreached: pd.DataFrame
    notes: tuple[str, ...]


def siting(
    analysis: Analysis,
    *,
    add: int | None = None,
    close: int = 0,
    move: int = 0,
    budget: float | None = None,
    model: str = "mclp",
    level: str = "joint",
    scenarios: Mapping[str, float] | Sequence[str] = "",
    rule: str = "expected",
    tail: float = 0.1,
    sites: gpd.GeoDataFrame | None = None,
    fair: Fair | None = None,
    alternatives: int = 3,
    within: float = 0.02,
    apart_m: float = 1000.0,
    curve_to: int | None = None,
    separate: bool | Mapping[str, float] = True,
    time_limit_s: float | None = 60.0,
    gap: float = 0.0,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> SitingStudy:
    """Find where the next stations of a region should stand, and what they are worth to each partner.

    Parameters
    ----------
    analysis
        A run.
    add
        Number of new stations at most. Not given, it is any number with a `budget` and in models of set covering,
        else 1.
    close, move
        Numbers of closable stations that may be closed, and of movable ones that may be given up for a new one.
    budget
        Opening and closing costs together are at most this.
    model
        One of `MODELS`.
    level
        Level of cooperation: ``alone``, ``agreed`` or ``joint``.
    scenarios
        Weathers that count, with their weights or all alike; "" is fair weather, which counts only if it is named.
    rule, tail
        How they are made one number: see `Over`.
    sites
        As `candidates` gives them, or places to choose among, which are then given to `candidates`. Not given, they are
        junctions, and all stations are closable with `close`, or movable with `move`.
    fair
        What the plan owes to each partner.
    alternatives, within
        Number of plans, the best one included, and the share of its value by which others may be worse: see
        `alternatives`.
    apart_m
        Each plan opens at least one site that is so far, as the crow flies, from every site that each plan before it
        opens. With 0 it is any other set of sites.
    curve_to
        Largest number of new stations of the curve; not given, twice that of the plan and at least 5. With 0 there are
        no curves.
    separate
        Whether to compare with each partner siting and serving alone; then as many stations as the plan opens, or the
        `budget`, are split by the people of each partner, or as stated here by partner.
    time_limit_s, gap
        As for each model: time for each plan that is sought, and for each curve as a whole, and relative gap at which
        to stop.
    options
        What else a model takes: ``busy`` and ``per_site`` (`mexclp`), ``wide_s`` and ``share`` (`dsm`),
        ``cover_at_least`` (`p_median`).
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    SitingStudy

    Raises
    ------
    SitingError
        Something asked cannot be meant or contradicts something else; or a model of times is asked at level ``agreed``
        under an agreement by which units come only where no own one is in time: the time of one depends on the others.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.siting import candidates, siting
    >>> result = analyse(read_region(demo_path()))
    >>> study = siting(result, add=1, sites=candidates(result, count=40))
    >>> study.plan.status
    'optimal'
    >>> gains = study.gains.query("kind == 'all'")
    >>> bool(gains["gained"].iloc[0] > 0)
    True
    """
    tell, options = progress or _silent, options or {}
    named = [scenarios] if isinstance(scenarios, str) else scenarios
    weights = named if isinstance(named, Mapping) else dict.fromkeys(named, 1.0)
    over = Over(weights, rule, tail)
    _check(analysis, model, level, over, fair, options, sites, close, move)
    if add is None and budget is None and not model.startswith("lscp"):
        add = 1
    choice = Choice(add=add, close=close, move=move, budget=budget)

    tell("Choosing candidate sites", 0.0)
    if sites is None:
        every = tuple(map(str, analysis.stations.index))
        sites = candidates(analysis, movable=every if move else (), closable=every if close else ())
    elif "state" not in sites.columns:
        sites = candidates(analysis, sites=sites)
    tell("Driving from each site", 0.05)
    table = region_table(analysis, sites, level=level, weather=tuple(dict.fromkeys(["", *weights])))
    tell("Seeking the best plan", 0.3)
    limits: dict[str, Any] = {"time_limit_s": time_limit_s, "gap": gap}
    plan = solve(model, table, choice, over, fair, options, **limits)
    tell("Seeking plans nearly as good", 0.5)
    apart = _apart(table, apart_m) if apart_m > 0 else None
    plans = tuple(best_plans(plan, count=alternatives, within=within, apart=apart))
    tell("Drawing the curves", 0.65)
    curves, more = _curves(table, plan, over, fair, choice, curve_to, limits)
    tell("Siting separately and jointly", 0.85)
    both = None
    if separate and len(analysis.region.jurisdictions["partner"].unique()) > 1:
        unit = "stations" if budget is None else "money"
        budgets = separate if isinstance(separate, Mapping) else _split(table, plan, budget)
        both = separate_and_joint(analysis, sites, budgets, unit=unit, **limits)
        if set(weights) != {""}:
            more.append("Siting separately and jointly is compared in fair weather alone.")
    return SitingStudy(
        analysis=analysis,
        table=table,
        level=level,
        model=model,
        over=over,
        choice=choice,
        fair=fair,
        plan=plan,
        alternatives=plans,
        sites=_sites(analysis, plans, over),
        gains=_in_order(analysis, plan_gains(plan)),
        curve=curves["curve"],
        time_curve=curves["time_curve"],
        cost_curve=curves["cost_curve"],
        separate=both,
        unreached=unreached(table),
        notes=(*plan.notes, *study_notes(analysis, plan, level, over), *more),
    )


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _check(
    analysis: Analysis,
    model: str,
    level: str,
    over: Over,
    fair: Fair | None,
    options: Mapping[str, Any],
    sites: gpd.GeoDataFrame | None,
    close: int,
    move: int,
) -> None:
    """Raise an error with everything that is wrong before anything is driven."""
    defects = check_model(model, over, fair, options)
    if model in _BY_TIME and level == "agreed" and (rules := subsidiary_agreements(analysis)):
        expected = "a model of who is in time, such as mclp"
        got = f"{model}, while by {', '.join(rules)} units come only where no own one is in time"
        remedy = "ask at level alone or joint, or for another model"
        defects.append(Defect("", "model at level agreed", expected, got, remedy))
    if sites is None and close and move:
        remedy = "give sites as candidates() makes them with closable= and movable="
        got = "both for all stations"
        defects.append(
            Defect("", "close and move", "stations that may be closed, and others moved", got, remedy)
        )
    if defects:
        raise SitingError(defects)


def _apart(table: SiteTable, apart_m: float) -> NDArray[np.bool_]:
    """(s, s) whether two sites are so far from each other."""
    points = gpd.GeoDataFrame(table.sites).geometry
    xy = np.column_stack([points.x, points.y])
    return cdist(xy, xy) >= apart_m


def _in_order(analysis: Analysis, gains: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as all tables of a region are: jurisdictions and partners as the region names them, then all."""
    lands = analysis.region.jurisdictions
    order = pd.Index([*map(str, lands.index), *map(str, lands["partner"].unique()), ""]).unique()
    rank = gains["kind"].map({"jurisdiction": 0, "partner": 1, "all": 2})
    keys = pd.DataFrame(
        {
            "weather": pd.factorize(gains["weather"])[0],
            "kind": rank,
            "id": order.get_indexer(pd.Index(gains["id"])),
        }
    )
    return gains.loc[keys.sort_values(["weather", "kind", "id"]).index].reset_index(drop=True)


def _sites(analysis: Analysis, plans: Sequence[Plan], over: Over) -> gpd.GeoDataFrame:
    """Sites that any plan opens or closes: see `SitingStudy`."""
    table = plans[0].table
    worth = pd.concat(
        [plan_sites(plan, over=over).assign(number=number) for number, plan in enumerate(plans, 1)]
    )
    numbers = worth["number"].astype(str).groupby(level=0).agg(";".join)
    first = worth[~worth.index.duplicated()].sort_values("number", kind="stable")
    in_plans = (numbers.str.count(";") + 1) / len(plans)
    first = first.assign(in_plan=first["number"] == 1, in_plans=in_plans, plans=numbers)
    order = first.reset_index(names="id").sort_values(
        ["in_plan", "in_plans", "number"], ascending=[False, False, True], kind="stable"
    )["id"]
    worth = first.loc[order].drop(columns=["number", "partner"])
    # What a plan does with a site stands in place of what it is by itself.
    found = gpd.GeoDataFrame(table.sites).loc[order].drop(columns=["units", "opening_cost", "closing_cost"])
    return found.join(site_names(analysis, found)).join(worth)


def _curves(
    table: SiteTable,
    plan: Plan,
    over: Over,
    fair: Fair | None,
    choice: Choice,
    curve_to: int | None,
    limits: Mapping[str, Any],
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Draw the curves, without rows where they are not asked for, and say why those that cannot be are not there."""
    found = dict.fromkeys(("curve", "time_curve", "cost_curve"), pd.DataFrame())
    if curve_to == 0:
        return found, []
    added = _added(plan)
    costs = table.sites["opening_cost"].to_numpy(np.float64)[~table.existing]
    most = min(max(5, 2 * added) if curve_to is None else curve_to, len(costs))
    top = 2 * choice.budget if choice.budget else float(np.sort(costs)[::-1][:most].sum())

    def wishes(plans: int) -> dict[str, Any]:
        limit_s = limits["time_limit_s"]
        share_s = None if limit_s is None else limit_s / plans
        return {"over": over, "fair": fair, "gap": limits["gap"], "time_limit_s": share_s}

    asked: dict[str, Callable[[], pd.DataFrame]] = {
        "curve": lambda: curve(table, most=most, **wishes(most + 1)),
        "time_curve": lambda: time_curve(table, added, steps=_STEPS, **wishes(_STEPS)),
        "cost_curve": lambda: cost_curve(table, np.linspace(0, top, _BUDGETS), **wishes(_BUDGETS)),
    }
    if added == 0:
        del asked["time_curve"]
    if choice.budget is None and (costs == costs[:1]).all():
        del asked["cost_curve"]
    lacking = []
    for name, draw in asked.items():
        try:
            found[name] = draw()
        except SitingError as error:
            why = "; ".join(f"{one.where}: {one.got}, not {one.expected}" for one in error.defects)
            lacking.append(f"There is no {name.replace('_', ' ')}: {why}.")
    return found, lacking


def _added(plan: Plan) -> int:
    """Count the new stations that stand for no movable one."""
    moved = (plan.table.sites["state"] == "movable").to_numpy(np.bool_) & ~plan.is_open
    return max(len(plan.opened) - int(moved.sum()), 0)


def _split(table: SiteTable, plan: Plan, budget: float | None) -> dict[str, float]:
    """Stations, or money, of each partner by its people; of stations the largest remainders get the rest."""
    people = pd.Series(table.weight).groupby(table.demand["partner"].to_numpy(str)).sum()
    share = people.to_numpy() / max(people.sum(), np.finfo(np.float64).tiny)
    if budget is None:
        owners = table.sites.loc[~table.existing, "partner"].value_counts()
        most = owners.reindex(people.index, fill_value=0).to_numpy()
        left = min(_added(plan), int(most.sum()))
        parts = np.minimum(np.floor(share * left), most)
        while parts.sum() < left:
            parts[np.where(parts < most, share * left - parts, -math.inf).argmax()] += 1
    else:
        parts = share * budget
    return dict(zip(map(str, people.index), parts.tolist(), strict=True))
