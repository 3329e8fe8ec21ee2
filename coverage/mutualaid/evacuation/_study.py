"""An evacuation of a region, answered: how long it takes, by what ways, what hinders it, what neighbours bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase
from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._bracket import bracket
from mutualaid.evacuation._build import LEVELS, EvacuationNetwork, arrival_of, evacuation_network
from mutualaid.evacuation._capacities import FACTORS
from mutualaid.evacuation._cut import cut
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._plan import check_plan, edge_flows
from mutualaid.evacuation._results import Bracket, RoutePlan, Simulation
from mutualaid.evacuation._simulate import curves, nearest, simulate
from mutualaid.evacuation._solve import plan_and_bounds, with_plan
from mutualaid.evacuation._tables import (
    closures_table,
    crossings_table,
    cut_table,
    flows_table,
    left_table,
    overflow,
    routes_table,
    shelters_table,
    zones_table,
)
from mutualaid.evacuation._values import VALUE_COLUMNS, values_table
from mutualaid.evacuation._why import why
from mutualaid.evacuation._zones import evacuation_zones
from mutualaid.hazards import Arrival, arrival_areas, arrival_in

__all__ = ["EvacuationStudy", "evacuation", "network_of_case"]


@dataclass(frozen=True, eq=False)
class EvacuationStudy:
    """An evacuation of a region, as `evacuation` found it. Times are seconds after the alarm.

    Attributes
    ----------
    analysis, case
        The run that it was asked about, and what is assumed.
    level
        Whose shelters and roads are used: ``own`` (of each zone's partner) or ``joint``.
    built
        The network that was solved, with all shelters, exits and zones.
    bracket
        Two proven bounds of the clearance time.
    plan
        Routes by which it can be done: the best that was found.
    simulation, baseline
        How the plan runs as told, and how it goes if everybody leaves when ready by the fastest way to the nearest
        shelter or exit; both by point queues.
    zones
        Polygons, index zone id: ``name``, ``jurisdiction``, ``partner``, ``people`` (all of them), ``vehicles``,
        ``arrives_s`` (the hazard first reaches it; inf never, NaN unknown), ``people_out`` and ``people_left`` (by the
        plan; those without car, bus, road or way are left), ``first_s`` and ``last_s`` (departures), ``latest_s``
        (first moment from which on some route is no longer safe), ``margin_s`` (least of its routes), ``ete_50_s``,
        ``ete_90_s``, ``ete_95_s``, ``ete_100_s`` (when that share of its people is out; inf never),
        ``nearest_ete_90_s``, ``nearest_people_out`` (of the baseline).
    curves
        People out by time: ``zone`` ("" all), ``kind`` (``plan`` or ``nearest``), ``time_s``, ``people``, ``share``.
    routes
        Lines, index route id: the columns of ``plan.routes``, and ``zone_name``, ``sink_name``, ``sink_kind``,
        ``way`` (routes of one zone to one sink over the same border crossings are one way), ``roads`` (their names in
        driving order), ``length_m``, ``crossings`` (ids joined by ``;``).
    flows
        Lines, index directed road edge, of all that the plan uses: ``name``, ``vehicles``, ``people``, ``peak_vph``,
        ``capacity_vph``, ``from_s``, ``to_s``, ``closes_s``.
    steps
        Flow that enters each of these at each of some moments: ``edge``, ``time_s``, ``vph``.
    shelters
        Points, index sink id, of all shelters and exits, used or not: ``name``, ``kind``, ``jurisdiction``,
        ``partner``,
        ``own`` (whether it is one of a zone's partner, or an exit), ``status``, ``room`` (people, inf without limit),
        ``people``, ``vehicles``, ``overflow`` (people whom the baseline sends there beyond its room), ``opens_s``,
        ``closes_s``.
    crossings
        Points, index crossing id, of those that the plan uses: ``name``, ``from_jurisdiction``, ``to_jurisdiction``,
        ``vehicles``, ``people``, ``peak_vph``, ``capacity_vph``.
    cut
        Lines, index directed road edge: the bottleneck that proves the lower bound; ``name``, ``capacity_vph``,
        ``from_s`` and ``to_s`` (who enters between these passes it), ``vehicles`` (that it lets through).
    why
        What binds, in words.
    people_behind
        People behind the bottleneck.
    closures
        Lines, index directed road edge, of roads that close: ``name``, ``closes_s``.
    hazard
        Polygons that do not overlap: ``arrival_s``, when the hazard arrives, rounded down to steps; none if no arrival
        was given.
    levels
        Index `LEVELS`: ``lower_s``, ``upper_s``, ``people_out``, ``people_left``, ``overflow`` (of the baseline),
        ``crossing_people`` (whom the plan takes across a border between partners).
    sensitivity
        Index capacity factor: ``lower_s``, ``upper_s``, ``vehicles``.
    measures
        What single measures are worth: ``kind``, ``id``, ``name``, ``lower_s``, ``upper_s``, ``saved_s``, ``people``;
        see `values_table`.
    left
        Who is left behind, and why: ``zone``, ``reason``, ``people``.
    notes
        What a reader must know, in words.
    """

    analysis: Analysis
    case: EvacuationCase
    level: str
    built: EvacuationNetwork
    bracket: Bracket
    plan: RoutePlan
    simulation: Simulation
    baseline: Simulation
    zones: gpd.GeoDataFrame
    curves: pd.DataFrame
    routes: gpd.GeoDataFrame
    flows: gpd.GeoDataFrame
    steps: pd.DataFrame
    shelters: gpd.GeoDataFrame
    crossings: gpd.GeoDataFrame
    cut: gpd.GeoDataFrame
    why: tuple[str, ...]
    people_behind: float
    closures: gpd.GeoDataFrame
    hazard: gpd.GeoDataFrame
    levels: pd.DataFrame
    sensitivity: pd.DataFrame
    measures: pd.DataFrame
    left: pd.DataFrame
    notes: tuple[str, ...]


def evacuation(
    analysis: Analysis,
    *,
    case: EvacuationCase | None = None,
    zones: Sequence[str] | gpd.GeoDataFrame | None = None,
    level: str = "joint",
    compliance: float = 1.0,
    one_route: bool = False,
    measures: int = 3,
    gap: float = 0.05,
    time_limit_s: float = 60.0,
    step_s: float = 300.0,
    progress: Callable[[str, float], None] | None = None,
    quick: Callable[[Bracket], None] | None = None,
) -> EvacuationStudy:
    """Find how long clearing takes, a plan of routes, what hinders it, and what the neighbours are worth.

    Parameters
    ----------
    analysis
        A run: its region, roads and hazard layers.
    case
        What is assumed; by default the region's ``[evacuation]``, else the defaults of `EvacuationCase`.
    zones
        Who must leave, in place of those of `case`: see `evacuation_zones`.
    level
        ``joint``: to every shelter and by every road; ``own``: each zone to its own partner's only.
    compliance
        Share of the people who do as the plan says, in the simulation; the others leave when ready, to the nearest.
    one_route
        Whether each place is left by one way only, and ways that meet go on together.
    measures
        Roads and crossings whose worth is looked at, of each kind; 0: none, and no sensitivity.
    gap
        Relative gap of the bracket at which to stop.
    time_limit_s
        Seconds for each question; what was proven until then counts.
    step_s
        Seconds between the moments of ``steps``.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.
    quick
        Called with each bracket of the main question as it gets better, the first after a second or so.

    Returns
    -------
    EvacuationStudy

    Raises
    ------
    EvacuationError
        No zone is named, a zone is unknown or nobody lives there, no shelter or exit can be used by anybody; all at
        once. Zones or shelters that cannot take part beside others that can are named in the results instead.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import evacuation
    >>> study = evacuation(analyse(read_region(demo_path())), zones=["FR-cap-d-ail"], measures=0)
    >>> study.bracket.lower_s <= study.plan.clearance_s
    True
    """
    tell = progress or _silent
    case = _checked(analysis, case, level, compliance)
    tell("Drawing the zones", 0.0)
    areas, arrival = _asked(analysis, case, zones)
    tell("Building the roads", 0.04)

    def build(level: str, **changed: Any) -> EvacuationNetwork:
        return evacuation_network(
            analysis, areas, case=replace(case, **changed), level=level, arrival=arrival
        )

    built = build(level)
    found: dict[str, _Solved] = {}
    for number, one in enumerate([level, *(other for other in LEVELS if other != level)]):
        tell("Bounds and routes" if one == level else f"The same, {one}", 0.1 + 0.25 * number)
        network = built if one == level else build(one)
        found[one] = _solved(
            network, gap=gap, time_limit_s=time_limit_s, one_route=one_route, compliance=compliance,
            shares=one == level, quick=quick if one == level else None,
        )  # fmt: skip
    main = found[level]
    routes = {one: routes_table(solved.built, solved.plan) for one, solved in found.items()}
    tell("The bottleneck", 0.6)
    bottleneck = cut(built.flow, main.bracket)
    narrow = cut_table(built, bottleneck)
    flows, crossings = flows_table(built, main.plan), crossings_table(built, main.plan)
    sensitivity, worth = _no_sensitivity(), _no_values()
    if measures:
        sensitivity = _sensitivity(case, main, lambda factor: build(level, factor=factor), time_limit_s, tell)
        worth = values_table(
            built, main.bracket, main.plan, narrow, flows, crossings, rebuilt=lambda **changed: build(level, **changed),
            most=measures, time_limit_s=time_limit_s,
            tell=lambda step, share: tell(step, 0.7 + 0.25 * share),
        )  # fmt: skip
    tell("Writing it down", 0.95)
    people = built.zones["people"]
    study = EvacuationStudy(
        analysis=analysis,
        case=case,
        level=level,
        built=built,
        bracket=main.bracket,
        plan=main.plan,
        simulation=main.simulation,
        baseline=main.baseline,
        zones=zones_table(built, _arrives(areas, arrival), main.plan, main.simulation, main.baseline),
        curves=pd.concat(
            [
                curves(one, people=people).assign(kind=kind)
                for kind, one in (("plan", main.simulation), ("nearest", main.baseline))
            ],
            ignore_index=True,
        )[["zone", "kind", "time_s", "people", "share"]],
        routes=routes[level],
        flows=flows,
        steps=_steps(built, main.plan, step_s),
        shelters=shelters_table(built, main.simulation, main.baseline),
        crossings=crossings,
        cut=narrow,
        why=why(built, bottleneck, narrow),
        people_behind=bottleneck.people_behind,
        closures=closures_table(built),
        hazard=_hazard(arrival, analysis, step_s),
        levels=pd.DataFrame([_level(found[one], routes[one], one) for one in LEVELS]).set_index("level"),
        sensitivity=sensitivity,
        measures=worth,
        left=left_table(built, main.simulation),
        notes=tuple(dict.fromkeys([*built.notes, *main.bracket.notes, *main.plan.notes])),
    )
    tell("Done", 1.0)
    return study


@dataclass(frozen=True, eq=False)
class _Solved:
    """One level, solved."""

    built: EvacuationNetwork
    bracket: Bracket
    plan: RoutePlan
    simulation: Simulation
    baseline: Simulation


def network_of_case(analysis: Analysis, case: EvacuationCase, *, level: str = "joint") -> EvacuationNetwork:
    """Give the network of an evacuation, for `bracket`: a first answer without routes.

    Parameters
    ----------
    analysis, case, level
        As of `evacuation`, whose errors it raises.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import bracket, network_of_case
    >>> result = analyse(read_region(demo_path()))
    >>> built = network_of_case(result, result.region.evacuation)
    >>> found = bracket(built.flow, gap=0.5)
    >>> 0 < found.lower_s <= found.upper_s
    True
    """
    case = _checked(analysis, case, level, 1.0)
    areas, arrival = _asked(analysis, case, None)
    return evacuation_network(analysis, areas, case=case, level=level, arrival=arrival)


def _asked(
    analysis: Analysis, case: EvacuationCase, zones: Sequence[str] | gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, Arrival | None]:
    """Give the zones, and when the hazard arrives where."""
    areas = evacuation_zones(analysis, case.zones if zones is None else zones)
    return areas, arrival_of(case, analysis)


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _checked(
    analysis: Analysis, case: EvacuationCase | None, level: str, compliance: float
) -> EvacuationCase:
    defects = []
    if level not in LEVELS:
        expected = " or ".join(LEVELS)
        defects.append(Defect("", "level", expected, repr(level), "choose one of them"))
    if not 0 <= compliance <= 1:
        remedy = "give a share"
        defects.append(Defect("", "compliance", "a share within 0…1", f"{compliance:g}", remedy))
    if defects:
        raise EvacuationError(defects)
    return case or analysis.region.evacuation or EvacuationCase()


def _solved(
    built: EvacuationNetwork,
    *,
    gap: float,
    time_limit_s: float,
    one_route: bool,
    compliance: float,
    shares: bool,
    quick: Callable[[Bracket], None] | None,
) -> _Solved:
    plan, bounds = plan_and_bounds(
        built.flow, gap=gap, time_limit_s=time_limit_s, one_route=one_route, earliest=shares, quick=quick
    )
    return _Solved(
        built=built,
        bracket=bounds,
        plan=plan,
        simulation=simulate(built.flow, plan, compliance=compliance),
        baseline=nearest(built.flow),
    )


def _level(one: _Solved, routes: gpd.GeoDataFrame, level: str) -> dict[str, object]:
    out = float(one.simulation.arrivals["people"].sum())
    everybody = float(one.built.zones["people"].sum())
    return {
        "level": level,
        "lower_s": one.bracket.lower_s,
        "upper_s": one.bracket.upper_s,
        "people_out": min(out, everybody),
        "people_left": max(everybody - out, 0.0),
        "overflow": overflow(one.baseline),
        "crossing_people": float(routes.loc[routes["crossings"] != "", "people"].sum()),
    }


def _no_sensitivity() -> pd.DataFrame:
    return pd.DataFrame(
        columns=["lower_s", "upper_s", "vehicles"], index=pd.Index([], name="factor"), dtype=float
    )


def _no_values() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in VALUE_COLUMNS.items()})


def _sensitivity(
    case: EvacuationCase,
    main: _Solved,
    build: Callable[[str], EvacuationNetwork],
    time_limit_s: float,
    tell: Callable[[str, float], None],
) -> pd.DataFrame:
    """Give the bounds at each capacity factor."""
    rows = {}
    for number, factor in enumerate(FACTORS):
        tell(f"Capacities: {factor}", 0.6 + 0.03 * number)
        one = main.bracket if factor == case.factor else _bounds_again(main, build(factor).flow, time_limit_s)
        rows[factor] = (one.lower_s, one.upper_s, one.vehicles)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["lower_s", "upper_s", "vehicles"])
    return table.rename_axis("factor")


def _bounds_again(main: _Solved, flow: FlowNetwork, time_limit_s: float) -> Bracket:
    """Bound the same evacuation with other capacities: if the plan still holds, it need not be made anew."""
    plan = main.plan
    same = flow.n_edges == main.built.flow.n_edges and flow.sources.index.equals(
        main.built.flow.sources.index
    )
    if same and not len(check_plan(flow, plan.routes, plan.paths)):
        vehicles = float(plan.routes["vehicles"].sum())
        bounds = bracket(flow, vehicles=vehicles, gap=_COARSE, time_limit_s=time_limit_s, earliest=False)
        return with_plan(bounds, plan, _COARSE)
    _, bounds = plan_and_bounds(flow, gap=_COARSE, time_limit_s=time_limit_s, earliest=False)
    return bounds


#: Gap of what only stands beside the main question.
_COARSE = 0.05


def _arrives(zones: gpd.GeoDataFrame, arrival: Arrival | None) -> pd.Series:
    """When the hazard first reaches each zone: inf never, NaN unknown."""
    if arrival is None:
        return pd.Series(np.inf, index=zones.index)
    return arrival_in(zones, arrival)


def _hazard(arrival: Arrival | None, analysis: Analysis, step_s: float) -> gpd.GeoDataFrame:
    if arrival is None:
        return gpd.GeoDataFrame(
            {"arrival_s": pd.Series([], dtype=float)}, geometry=[], crs=analysis.region.crs
        )
    return arrival_areas(arrival, step_s=step_s)


def _steps(built: EvacuationNetwork, plan: RoutePlan, step_s: float) -> pd.DataFrame:
    """Give the flow that enters each road at each of some moments."""
    times = np.arange(0.0, plan.clearance_s + step_s, step_s)
    flow = edge_flows(plan, times)
    edge = built.flow.road_edge[flow["edge"].to_numpy()]
    flow = flow.assign(edge=edge)[edge >= 0]
    most = pd.DataFrame(flow.groupby(["edge", "time_s"])["vph"].max())
    return most[most["vph"] > 0].reset_index()
