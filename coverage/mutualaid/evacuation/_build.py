"""From a region to the flow network of its evacuation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase, zone_reference
from mutualaid.errors import Defect, EvacuationError, HazardError
from mutualaid.evacuation._assemble import Assembled, assemble, pruned, reaches
from mutualaid.evacuation._ground import EvacuationGround, sink_spots
from mutualaid.evacuation._network import FlowNetwork, flow_network
from mutualaid.evacuation._sources import NOBODY, gatherings, source_places, source_spots, vehicle_sources
from mutualaid.evacuation._zones import resolved_zones
from mutualaid.hazards import Arrival, arrival_on_lines, read_arrival
from mutualaid.network import Network, RouteGraph

__all__ = ["LEVELS", "EvacuationNetwork", "arrival_of", "evacuation_network"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Own shelters and ground only, or everybody's.
LEVELS: tuple[str, ...] = ("own", "joint")


@dataclass(frozen=True, eq=False)
class EvacuationNetwork:
    """The flow network of an evacuation, and what its parts stand for; make it with `evacuation_network`.

    Attributes
    ----------
    flow
        Roads, who leaves, and where to. Its sources are what sets out from one place of one zone by one means: besides
        the columns of `FlowNetwork.sources` they have ``kind`` (``cars`` or ``buses``), ``junction`` (OSM node, 0 for a
        place along a road), ``access_s`` (until they are there), ``x`` and ``y``. Its sinks are those that may be used
        and that somebody reaches.
    network, graph
        The roads, and how cars use them.
    level
        ``own`` or ``joint``.
    case
        What was assumed.
    zones
        As of `evacuation_zones`.
    members
        Zone of each demand point, "" for whoever stays.
    sinks
        All shelters and exits: ``name``, ``kind`` (``shelter`` or ``exit``), ``jurisdiction``, ``partner``, ``people``
        (room, inf without limit), ``status`` (``usable``, ``no road``, ``no room``, ``in the hazard``, ``closed``, ``in
        a zone``, ``not own``, ``no way``), ``opens_s``, ``closes_s``, ``arrives_s`` (of the hazard; inf never, NaN
        unknown), ``stands``, ``road``, ``fraction``, and the point.
    from_fraction, to_fraction
        (e,) which part of its road edge each edge of `flow` is.
    capacities
        As of `road_capacities`, with 0 where a road is closed, and ``status``: ``open``, ``not for cars``, ``hazard``
        (from the alarm on), ``closed`` (by name), ``border`` (at level ``own``).
    closes_s
        (2m,) seconds after the alarm from which the hazard closes each directed road edge; inf if it does not.
    borders
        (crossings,) bool: it leads from one partner's ground to another's.
    left_behind
        Who does not take part, and why: ``zone``, ``reason`` (``no road``, ``no way``, ``no car and no bus``),
        ``people``.
    notes
        What a reader must know.
    """

    flow: FlowNetwork
    network: Network
    graph: RouteGraph
    level: str
    case: EvacuationCase
    zones: gpd.GeoDataFrame
    members: pd.Series
    sinks: gpd.GeoDataFrame
    from_fraction: Floats
    to_fraction: Floats
    capacities: pd.DataFrame
    closes_s: Floats
    borders: Bools
    left_behind: pd.DataFrame
    notes: tuple[str, ...]


def evacuation_network(
    analysis: Analysis,
    zones: Sequence[str] | gpd.GeoDataFrame | None = None,
    *,
    case: EvacuationCase | None = None,
    level: str = "joint",
    arrival: Arrival | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> EvacuationNetwork:
    """Build the flow network of an evacuation.

    People gather at junctions (see `EvacuationCase.gather_m`) and drive as private cars do: one-way streets, access
    and turn restrictions are obeyed. A directed edge of the road network has one capacity, whatever turn led there.
    Shelters are reached from both directions of their road, where both may be driven.

    At level ``own`` everybody keeps to the shelters of their own partner and to ground that is their partner's or
    nobody's; the network is the same, with fewer roads open and fewer shelters, so that ``joint`` is never slower for
    the same people.

    Parameters
    ----------
    analysis
        The region.
    zones
        Who leaves, as of `evacuation_zones`; by default the zones of the case.
    case
        What is assumed; by default that of the region.
    level
        One of `LEVELS`.
    arrival
        When the hazard arrives; by default as the case states it, if it does.
    progress
        Called with a step in words and the share of the work that is done before it.

    Returns
    -------
    EvacuationNetwork
        Whoever cannot take part is named in ``left_behind``, whatever cannot be used has its ``status``; the rest is
        there to be planned, if it is nobody at all.

    Raises
    ------
    EvacuationError
        Names that are not there, no zone, zones without anybody, or a region with neither shelters nor exits.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import evacuation_network
    >>> result = analyse(read_region(demo_path()))
    >>> joint = evacuation_network(result, ["FR-beausoleil"])
    >>> own = evacuation_network(result, ["FR-beausoleil"], level="own")
    >>> bool((own.sinks["status"] == "usable").sum() <= (joint.sinks["status"] == "usable").sum())
    True
    """
    if level not in LEVELS:
        raise EvacuationError([Defect("", "level", " or ".join(LEVELS), repr(level)[:80], "use one of them")])
    tell = progress or _silent
    region = analysis.region
    case = case or region.evacuation or EvacuationCase()
    arrival = arrival_of(case, analysis) if arrival is None else arrival
    table, members = resolved_zones(analysis, case.zones if zones is None else zones, progress=tell)
    tell("Closing roads", 0.2)
    ground = EvacuationGround.of(analysis, case, table, level, arrival)
    tell("Gathering people", 0.5)
    sources, left = gatherings(analysis, case, table, members, ground)
    tell("Laying out the network", 0.8)
    return _laid_out(analysis, case, table, members, level, arrival, ground, sources, left)


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def arrival_of(case: EvacuationCase, analysis: Analysis) -> Arrival | None:
    """Read when the hazard arrives, if the case states it."""
    if case.arrival is None:
        return None
    try:
        return read_arrival(case.arrival, analysis.region.folder, analysis.region.crs)
    except HazardError as error:
        raise EvacuationError(error.defects) from error


def _laid_out(
    analysis: Analysis,
    case: EvacuationCase,
    zones: gpd.GeoDataFrame,
    members: pd.Series,
    level: str,
    arrival: Arrival | None,
    ground: EvacuationGround,
    sources: pd.DataFrame,
    left: list[tuple[str, str, float]],
) -> EvacuationNetwork:
    network = analysis.network
    spots = source_spots(ground.graph, sources)
    made = assemble(ground.graph, ground.drive_s, spots, sink_spots(ground.graph, ground.sinks))
    vph = np.where(made.road_edge < 0, np.inf, ground.capacities["capacity_vph"].to_numpy()[made.road_edge])
    closes_s = _closing(made, ground, arrival)
    usable = (ground.sinks["status"] == "usable").to_numpy()
    has_way, used = reaches(made, (vph > 0) & (closes_s >= made.transit_s), usable)
    if level == "own":
        has_way &= ~_abroad(sources, zones, ground)
    sinks = ground.sinks.assign(status=ground.sinks["status"].mask(usable & ~used, "no way"))
    stuck = sources[~has_way].groupby("zone", sort=False)["people"].sum()
    left = left + [(str(zone), "no way", float(count)) for zone, count in stuck.items()]
    kept, edges = pruned(made, has_way, used)
    xy = source_places(ground.graph, spots)
    going = sources.assign(node=kept.source_node, x=xy[:, 0], y=xy[:, 1])[has_way]
    table, release_s, released, walkers = vehicle_sources(
        going, case, zones, kept, vph[edges], kept.sink_node[used]
    )
    left += [
        (str(zone), "no car and no bus", float(count)) for zone, count in walkers.items() if count > NOBODY
    ]
    chosen = sinks[used].assign(node=kept.sink_node[used])
    flow = flow_network(
        n_nodes=kept.n_nodes, tail=kept.tail, head=kept.head, transit_s=kept.transit_s, capacity_vph=vph[edges],
        closes_s=closes_s[edges], road_edge=kept.road_edge, group=kept.group,
        sources=table, release_s=release_s, released=released,
        sinks=pd.DataFrame(chosen[["node", "people", "opens_s", "closes_s", "kind", "name", "partner"]]),
    )  # fmt: skip
    partner = analysis.region.jurisdictions["partner"].to_dict()
    crossings = network.crossings
    borders = crossings["from_jurisdiction"].map(partner) != crossings["to_jurisdiction"].map(partner)
    frame = pd.DataFrame(left, columns=["zone", "reason", "people"])
    frame = frame.astype({"zone": str, "reason": str, "people": np.float64})
    frame = pd.DataFrame(frame.groupby(["zone", "reason"], sort=False)["people"].sum()).reset_index()
    return EvacuationNetwork(
        flow=flow,
        network=network,
        graph=ground.graph,
        level=level,
        case=case,
        zones=zones,
        members=members,
        sinks=sinks,
        from_fraction=kept.from_fraction,
        to_fraction=kept.to_fraction,
        capacities=ground.capacities,
        closes_s=np.repeat(ground.hazard.closes_s, 2),
        borders=borders.to_numpy(dtype=bool),
        left_behind=frame,
        notes=_notes(analysis, zones, sinks, ground, flow, arrival),
    )


def _abroad(sources: pd.DataFrame, zones: gpd.GeoDataFrame, ground: EvacuationGround) -> Bools:
    """Whether people set out on a road of another partner: the street before their door is across the border."""
    road = sources["road"].to_numpy(np.int64)
    theirs = np.where(road >= 0, ground.partner[np.maximum(road, 0)], "")
    own = zones["partner"].reindex(sources["zone"]).to_numpy(object)
    return np.asarray((theirs != "") & (theirs != own), dtype=np.bool_)


def _closing(made: Assembled, ground: EvacuationGround, arrival: Arrival | None) -> Floats:
    """(e,) when the hazard closes each edge: of a part of a road, when it is first on that part."""
    road = made.road_edge >> 1
    closes_s = np.where(made.road_edge < 0, np.inf, ground.hazard.closes_s[road])
    part = (made.road_edge >= 0) & ((made.from_fraction > 0) | (made.to_fraction < 1)) & np.isfinite(closes_s)
    if arrival is None or not part.any():
        return np.asarray(closes_s)
    at = np.flatnonzero(part)
    network = ground.graph.network
    lines = network.lines(road[at])
    back = (made.road_edge[at] & 1) == 1
    lines[back] = shapely.reverse(lines[back])
    parts = [
        shapely.ops.substring(line, start, stop, normalized=True)
        for line, start, stop in zip(lines, made.from_fraction[at], made.to_fraction[at], strict=True)
    ]
    roads = network.roads.iloc[road[at]]
    found = arrival_on_lines(
        gpd.GeoSeries(parts, crs=network.crs), arrival,
        bridge=roads["bridge"].to_numpy(), tunnel=roads["tunnel"].to_numpy(), covered=roads["covered"].to_numpy(),
    )["arrival_s"].to_numpy(np.float64)  # fmt: skip
    closes_s[at] = np.where(np.isnan(found), np.inf, found)
    return np.asarray(closes_s)


def _notes(
    analysis: Analysis,
    zones: gpd.GeoDataFrame,
    sinks: gpd.GeoDataFrame,
    ground: EvacuationGround,
    flow: FlowNetwork,
    arrival: Arrival | None,
) -> tuple[str, ...]:
    notes = []
    hazards = {one.id: one.name for one in analysis.region.scenarios}
    hazards |= {one.id: one.name for one in analysis.layers.layers}
    unknown = zones.groupby("given", sort=False)["unknown_people"].sum()
    for given, count in unknown[unknown > 0].items():
        key = zone_reference(str(given)).key
        notes.append(
            f"{count:,.0f} people of these jurisdictions live where {hazards.get(key, key)} says nothing; "
            "they are not in the zones."
        )
    if empty := [str(one) for one in zones["name"][zones["people"] <= 0]]:
        notes.append(f"Nobody lives in {', '.join(empty)}.")
    used = np.unique(flow.road_edge[flow.road_edge >= 0])
    length_m = ground.graph.network.roads["length_m"].to_numpy()[used >> 1]
    assumed = ground.capacities["lanes_assumed"].to_numpy()[used]
    if length_m.sum() > 0:
        share = 100 * length_m[assumed].sum() / length_m.sum()
        notes.append(f"Lanes are assumed on {share:.0f} % of the length of the roads.")
    if arrival is not None and ground.hazard.unknown_m >= 1000:
        km = ground.hazard.unknown_m / 1000
        notes.append(f"On {km:,.0f} km of road nobody knows whether the hazard arrives; they stay open.")
    out = sinks[sinks["status"] != "usable"]
    for status, which in out.groupby("status"):
        names = ", ".join(map(str, which["name"]))
        room = which["people"][which["kind"] == "shelter"].sum()
        notes.append(
            f"Not used, {status}: {names}" + (f"; room for {room:,.0f} people." if room > 0 else ".")
        )
    return tuple(notes)
