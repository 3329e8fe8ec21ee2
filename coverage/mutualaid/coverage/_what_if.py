"""Times of every station and candidate site, ready to be asked who comes if something were otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.coverage._analysis import Analysis
from mutualaid.coverage._fair import FairWeather
from mutualaid.coverage._response import SEGMENTS, _clock_ms
from mutualaid.coverage._site_times import NEVER, Driven, Times, driven, subsidiary, with_candidates
from mutualaid.coverage._sites import candidate_sites
from mutualaid.network import RouteGraph, route_graph, travel_times

__all__ = ["WhatIfLevel", "WhatIfTables", "WhatIfTimes", "what_if_coverage", "what_if_tables"]


@dataclass(frozen=True, eq=False)
class WhatIfTimes:
    """Times in fair weather or in one scenario, of s sites and n places.

    All are whole milliseconds on the standard's clock, and `NEVER` where the unit does not come: no way within the
    cutoff, no agreement by which it may come, or out of service.

    Attributes
    ----------
    out
        (s,) bool: out of service, because it stands in the hazard or the scenario says so.
    lead_ms
        (s,) int32: before the wheels roll, without calling a neighbour, with what the hazard adds to the turnout.
    joint_ms
        (s, n) int32: as the joint team drives, with the delays of the run.
    agreed_ms
        (s, n) int32: under the agreements in force; None if none is.
    open_ms
        For each number p of international crossings from 0 on, (s, n) int32: the fastest way over exactly p of them
        without any delay at crossings, and without calling a neighbour; `NEVER` where fewer crossings are no slower.
        With a delay of x at each, the fastest way takes the least ``open_ms[p] + p * x``.
    """

    out: NDArray[np.bool_]
    lead_ms: Times
    joint_ms: Times
    agreed_ms: Times | None
    open_ms: tuple[Times, ...]


@dataclass(frozen=True, eq=False)
class WhatIfTables:
    """What the question "who comes, if?" is answered from, for s sites, n places and p partners.

    Attributes
    ----------
    sites
        The run's stations, after them candidate sites: index id; ``name`` (empty for candidates without one),
        ``jurisdiction``, ``partner``, ``candidate`` (bool), ``turnout_used_s`` and the point.
    partners
        Ids of the partners.
    home, place
        (s,) and (n,) position of the partner of each site and place.
    limit_s
        The standard's limit.
    cutoff_s
        Longest drive, delays at crossings included.
    dispatch_s
        Delay until a neighbour's unit is alerted in the run's joint team.
    calling
        Whether the standard's clock counts that delay.
    subsidiary
        (s, p) bool: the site helps that partner only where none of the partner's own is in time; None if no agreement
        is in force.
    weather
        Times in fair weather (id "") and in each scenario of the run, by id. Where roads close by chance, only those
        that are certainly closed count.
    """

    sites: gpd.GeoDataFrame
    partners: tuple[str, ...]
    home: NDArray[np.int64]
    place: NDArray[np.int64]
    limit_s: float
    cutoff_s: float
    dispatch_s: float
    calling: bool
    subsidiary: NDArray[np.bool_] | None
    weather: Mapping[str, WhatIfTimes]


@dataclass(frozen=True, eq=False)
class WhatIfLevel:
    """Who is first due at each of n places at one level of cooperation.

    Attributes
    ----------
    seconds
        (n,) on the standard's clock; inf where nobody comes.
    site
        (n,) position of the site; -1 where nobody comes.
    reached
        (n,) bool: within the limit, inclusive.
    """

    seconds: NDArray[np.float64]
    site: NDArray[np.int64]
    reached: NDArray[np.bool_]


def what_if_tables(analysis: Analysis, *, sites: gpd.GeoDataFrame | None = None) -> WhatIfTables:
    """Work out the times of every station and candidate site, in fair weather and in each scenario.

    They come from the same computation as a run. A candidate site is a career station with the turnout that the
    parameters assume, if it states nothing else, of the partner of its jurisdiction, with the kind of unit that is
    needed; the agreements hold for it. It does not change whose area a place is, which decides about pairs that an
    agreement excludes.

    Parameters
    ----------
    analysis
        A run.
    sites
        Candidate sites as `candidate_sites` gives them; those of the run if not given. Without rows there are none.
        What they state in ``name``, ``department`` and ``turnout_s`` and the like, as stations do, counts.

    Returns
    -------
    WhatIfTables

    Raises
    ------
    RegionError
        A candidate site has the id of a station, or of another one.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, candidate_sites, what_if_coverage, what_if_tables
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> tables = what_if_tables(result, sites=candidate_sites(result, count=8))
    >>> everywhere = what_if_coverage(tables, on=[True] * len(tables.sites))
    >>> bool(everywhere["alone"].reached.sum() > what_if_coverage(tables)["alone"].reached.sum())
    True
    """
    fair = with_candidates(analysis, candidate_sites(analysis) if sites is None else sites)
    graph, parameters, stations, demand = fair.graph, fair.parameters, fair.stations, fair.demand
    delays = bool((graph.drive_ms[graph.crossing_edge] > 0).any())
    open_ = route_graph(graph.network, graph.profile) if delays else graph
    everything = ["", *(result.scenario.id for result in analysis.scenarios)]
    weather = {name: _times(fair, open_, now) for name, now in driven(analysis, fair, everything)}
    partners = pd.Index(fair.jurisdictions["partner"].unique())
    columns = ["name", "jurisdiction", "partner", "candidate", "turnout_used_s", "geometry"]
    return WhatIfTables(
        sites=stations[columns],
        partners=tuple(map(str, partners)),
        home=partners.get_indexer(pd.Index(stations["partner"])).astype(np.int64),
        place=partners.get_indexer(pd.Index(demand["partner"])).astype(np.int64),
        limit_s=fair.standard.limit_s,
        cutoff_s=parameters.cutoff_s,
        dispatch_s=parameters.dispatch_s,
        calling=fair.standard.start <= SEGMENTS["dispatch_s"],
        subsidiary=None if fair.today is None else subsidiary(fair.today),
        weather=weather,
    )


def what_if_coverage(
    tables: WhatIfTables,
    *,
    weather: str = "",
    on: ArrayLike | None = None,
    limit_s: float | None = None,
    dispatch_s: float | None = None,
    crossing_s: float | None = None,
) -> dict[str, WhatIfLevel]:
    """Find who is first due at each place in one setting.

    Parameters
    ----------
    tables
        As `what_if_tables` gives them.
    weather
        Id of a scenario; fair weather if empty.
    on
        (s,) bool, the sites that take part; the run's stations if not given.
    limit_s
        Limit in seconds; that of the standard if not given.
    dispatch_s
        Delay until a neighbour's unit of the joint team is alerted; that of the run if not given.
    crossing_s
        Delay of the joint team at each international crossing, with none at others; the run's delays if not given.
        Where no agreement is in force own units on their way through another country have it too, at every level.

    Returns
    -------
    dict
        By level, as in `mutualaid.coverage.coverage`: there is ``agreed`` only where an agreement is in force. At equal
        times an own unit goes first, then the site that stands first.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, candidate_sites, what_if_coverage, what_if_tables
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> tables = what_if_tables(result, sites=candidate_sites(result, count=0))
    >>> waiting = what_if_coverage(tables, crossing_s=600)["joint"].reached.sum()
    >>> bool(waiting < result.coverage["joint_covered"].sum())
    True
    """
    now = tables.weather[weather]
    taking = ~tables.sites["candidate"].to_numpy(np.bool_) if on is None else np.asarray(on, dtype=np.bool_)
    limit_ms = round(1000 * (tables.limit_s if limit_s is None else limit_s))
    own = tables.home[:, None] == tables.place
    joint = np.where(taking[:, None], _joint_ms(tables, now, own, dispatch_s, crossing_s), NEVER)
    if now.agreed_ms is None or tables.subsidiary is None:
        eligible = {"alone": np.where(own, joint, NEVER)}
    else:
        agreed = np.where(taking[:, None], now.agreed_ms.astype(np.int64), NEVER)
        alone = np.where(own, agreed, NEVER)
        served = alone.min(axis=0, initial=NEVER) <= limit_ms
        comes = own | ~(tables.subsidiary[:, tables.place] & served)
        eligible = {"alone": alone, "agreed": np.where(comes, agreed, NEVER)}
    eligible["joint"] = joint
    return {level: _first(ms, own, limit_ms) for level, ms in eligible.items()}


def _joint_ms(
    tables: WhatIfTables,
    now: WhatIfTimes,
    own: NDArray[np.bool_],
    dispatch_s: float | None,
    crossing_s: float | None,
) -> NDArray[np.int64]:
    """(s, n) milliseconds of the joint team with its delays changed."""
    usual, asked = (
        round(1000 * (tables.dispatch_s if seconds is None else seconds)) for seconds in (None, dispatch_s)
    )
    if crossing_s is None:
        ms, waits = now.joint_ms.astype(np.int64), asked - usual
        comes = ms < NEVER
    else:
        crossing_ms = round(1000 * crossing_s)
        ways = (
            np.where(way < NEVER, way + np.int64(passages * crossing_ms), NEVER)
            for passages, way in enumerate(now.open_ms)
        )
        ms, waits = next(ways), asked
        for way in ways:
            np.minimum(ms, way, out=ms)
        comes = ms - now.lead_ms[:, None] <= round(1000 * tables.cutoff_s)
    return np.where(comes, ms + np.where(own, 0, tables.calling * waits), NEVER)


def _first(ms: NDArray[np.int64], own: NDArray[np.bool_], limit_ms: int) -> WhatIfLevel:
    """Who is first due at each place: the least time, own before foreign, then the first site."""
    n = ms.shape[1]
    if not len(ms):
        return WhatIfLevel(np.full(n, np.inf), np.full(n, -1), np.zeros(n, dtype=np.bool_))
    site = (2 * ms + ~own).argmin(axis=0)
    best = ms[site, np.arange(n)]
    comes = best < NEVER
    return WhatIfLevel(
        np.where(comes, best / 1000, np.inf), np.where(comes, site, -1), comes & (best <= limit_ms)
    )


# --- making the tables ----------------------------------------------------------------------------------------


def _times(fair: FairWeather, open_: RouteGraph, now: Driven) -> WhatIfTimes:
    """Put the tables of one weather together; `open_` are the roads without any delay at crossings."""
    parameters = fair.parameters
    segments = dict.fromkeys(SEGMENTS, 0.0) | {
        "answering_s": parameters.answering_s, "processing_s": parameters.processing_s
    }  # fmt: skip
    before = pd.DataFrame(segments, index=now.origins.index)
    before["turnout_s"] = fair.stations["turnout_used_s"] + now.delay_s
    lead_ms = _clock_ms(before, fair.standard).astype(np.int32)
    return WhatIfTimes(
        out=now.out,
        lead_ms=lead_ms,
        joint_ms=now.joint_ms,
        agreed_ms=now.agreed_ms,
        open_ms=_by_passages(now.change(open_), now.origins, now.places, lead_ms, parameters.cutoff_s),
    )


# --- ways by the number of international crossings ------------------------------------------------------------


def _by_passages(
    graph: RouteGraph, origins: pd.DataFrame, places: pd.DataFrame, lead_ms: Times, cutoff_s: float
) -> tuple[Times, ...]:
    """Find the fastest way of each pair over no, one, two … international crossings: see `WhatIfTimes`.

    As many as the fastest ways pass, of equal ones that with the fewest: a way over more takes as long or longer, and
    longer still with any delay at crossings.
    """
    starts, ends = origins.reset_index(drop=True), places.reset_index(drop=True)
    border = _international(graph)
    # Passages are counted where delays at crossings usually are: beside the time, which stays as it is.
    counted = replace(graph, out=replace(graph.out, weight=graph.out.weight + border[graph.out.edge]))
    passages = travel_times(counted, starts, ends, limit_s=cutoff_s)["crossing_s"].max()
    copies = 1 + round(1000 * np.nan_to_num(passages))
    ends = pd.concat(
        [ends.assign(road=ends["road"] + copy * graph.network.n_roads) for copy in range(copies)],
        ignore_index=True,
    )
    drive = travel_times(_layered(graph, copies), starts, ends, limit_s=cutoff_s)
    ms = np.full((len(starts), len(ends)), NEVER, dtype=np.int32)
    at, to = drive["origin"].to_numpy(), drive["destination"].to_numpy()
    ms[at, to] = lead_ms[at] + np.rint(1000 * drive["drive_s"].to_numpy()).astype(np.int32)
    found = [ms[:, : len(places)]]
    least = found[0]
    for copy in range(1, copies):
        way = ms[:, copy * len(places) : (copy + 1) * len(places)]
        found.append(np.where(way < least, way, NEVER))
        least = np.minimum(least, way)
    return tuple(found)


def _international(graph: RouteGraph) -> NDArray[np.bool_]:
    """(2m,) whether each directed edge is an international crossing."""
    # Roads that are no crossing stand at -1: the last entry.
    border = np.append(graph.network.crossings["international"].to_numpy(np.bool_), False)
    return np.repeat(border[graph.network.roads["crossing"].to_numpy()], 2)


def _layered(graph: RouteGraph, copies: int) -> RouteGraph:
    """Lay copies of the roads over each other: each international crossing leads from one copy to the next.

    Who starts in the first is in copy p after p crossings; from the last one there is no way on. Road, edge and node i
    of copy p have the number i + p times their count.
    """
    network, out, n_states = graph.network, graph.out, graph.n_states
    layer = np.arange(copies)[:, None]

    def laid(values: NDArray[np.integer], count: int) -> NDArray[np.int32]:
        return np.where(values < 0, -1, values + count * layer).astype(np.int32).ravel()

    head = (out.head + n_states * (layer + _international(graph)[out.edge])).ravel()
    there = head < n_states * copies
    begins = np.append(laid(out.indptr[:-1], len(out.head)), copies * len(out.head))
    arcs = replace(
        out,
        indptr=np.concatenate([[0], np.cumsum(there)])[begins].astype(np.int32),
        head=head[there].astype(np.int32),
        edge=laid(out.edge, len(graph.drive_ms))[there],
        weight=np.tile(out.weight, copies)[there],
    )
    # A search asks for the ends of roads and the number of nodes, not for what they look like.
    roads = pd.DataFrame({end: laid(network.roads[end].to_numpy(), network.n_nodes) for end in ("a", "b")})
    return replace(
        graph,
        network=replace(network, node_id=np.tile(network.node_id, copies), roads=roads),
        drive_ms=np.tile(graph.drive_ms, copies),
        junction_ms=np.tile(graph.junction_ms, copies),
        crossing_edge=np.tile(graph.crossing_edge, copies),
        out=arcs,
        node=laid(graph.node, network.n_nodes),
        state_of_node=laid(graph.state_of_node, n_states),
        state_after=laid(graph.state_after, n_states),
        routable=np.tile(graph.routable, copies),
        before=None if graph.before is None else _layered(graph.before, copies),
    )
