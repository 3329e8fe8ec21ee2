"""Parts of a region: all that is needed for some of its places, computed by itself and joined to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.coverage._coverage import coverage
from mutualaid.coverage._fleets import Fleet, Ways
from mutualaid.coverage._ready import Ready
from mutualaid.coverage._today import Today, times_today
from mutualaid.errors import Defect, RegionError
from mutualaid.network import Cut, RouteGraph, cut

__all__ = [
    "Computed",
    "Part",
    "compute",
    "in_order",
    "join_computed",
    "part",
    "placed",
    "station_codes",
    "whole",
]

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """Some places of a region, and of everything else what matters for them; made by `part` or `whole`.

    Attributes
    ----------
    ready
        Rows of the demand, and those roads from which one of them can be reached within the cutoff. All stations are
        in its tables, so that their positions are those of the whole; ``road_status`` of those that are too far from
        all places is ``far``.
    rows
        Rows of the whole demand.
    roads
        Road of the whole network for each of the part's.
    cut
        How positions on the whole network become positions on the part's; None if the part is the whole.
    """

    ready: Ready
    rows: Int64
    roads: Int64
    cut: Cut | None


@dataclass(frozen=True, eq=False)
class Computed:
    """What a part was asked in fair weather.

    Attributes
    ----------
    coverage, coverage_local
        By the common standard, and by the one of the jurisdiction where the incident is: see
        `mutualaid.coverage.coverage`. Without geometry if the demand has none.
    station_codes
        Positions of the stations that reach some place within the cutoff, ascending.
    area
        Position of the own station that is first due at each place; -1 if none.
    pairs
        Number of pairs of station and place within the cutoff.
    times, times_agreed
        As of `mutualaid.coverage.Analysis`; None if not kept, or without agreements.
    """

    coverage: pd.DataFrame
    coverage_local: pd.DataFrame
    station_codes: Int64
    area: Int64
    pairs: int
    times: pd.DataFrame | None = None
    times_agreed: pd.DataFrame | None = None


def whole(ready: Ready) -> Part:
    """Take a region as its only part.

    Parameters
    ----------
    ready
        As `prepare` gives it.

    Returns
    -------
    Part

    Examples
    --------
    >>> from mutualaid.coverage import prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> whole(prepare(read_region(demo_path()))).cut is None
    True
    """
    return Part(ready, np.arange(len(ready.demand)), np.arange(ready.graph.network.n_roads), None)


def part(ready: Ready, rows: ArrayLike) -> Part:
    """Take some places of a region, with the roads from which they can be reached within the cutoff.

    What is computed of a part is what is computed of its places in the whole, to the bit.

    Parameters
    ----------
    ready
        As `prepare` or `lean_ready` gives it.
    rows
        Rows of the demand; the nearer they are to each other, the smaller the part.

    Returns
    -------
    Part

    Raises
    ------
    RegionError
        A row that the demand does not have, or the same one twice.

    Examples
    --------
    >>> from mutualaid.coverage import compute, part, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> some = compute(part(ready, [3, 1, 4]))
    >>> some.coverage.equals(compute(whole(ready)).coverage.iloc[[3, 1, 4]])
    True
    """
    chosen = np.asarray(rows, dtype=np.int64)
    _check(chosen, len(ready.demand))
    stations, demand = ready.origins, ready.places.iloc[chosen]
    found = cut(ready.fastest, stations, demand, limit_s=ready.parameters.cutoff_s)
    origins, places = found.placed(stations, origins=True), found.placed(demand)
    small = replace(
        ready,
        graph=found.graph if ready.fastest is ready.graph else _as_driven(found, ready.graph),
        stations=ready.stations.assign(road=origins["road"], road_status=origins["status"]),
        demand=ready.demand.iloc[chosen].assign(road=places["road"]),
        today=None if ready.today is None else _today(ready.today, chosen, found),
        _laid={},
    )
    return Part(small, chosen, found.roads, found)


def _check(rows: Int64, n: int) -> None:
    lacking = rows[(rows < 0) | (rows >= n)]
    got = f"row {lacking[0]}" if len(lacking) else "a row twice" if len(np.unique(rows)) < len(rows) else ""
    if got:
        expected = f"different rows within 0…{n - 1}"
        raise RegionError([Defect("", "part of the demand", expected, got, "give each place once")])


def _as_driven(found: Cut, graph: RouteGraph) -> RouteGraph:
    """Give a cut of the fastest roads the times of another graph over the same roads."""
    drive_ms = graph.drive_ms[found.edges]
    edge = np.flatnonzero(drive_ms != found.graph.drive_ms)
    return Ways(found.graph, edge, drive_ms[edge]).graph


def _today(now: Today, rows: Int64, found: Cut) -> Today:
    """Give what the agreements in force let vehicles do for some places, on a part of the roads."""
    known: dict[Ways, Ways] = {}
    fleets = []
    for fleet in now.fleets:
        places = fleet.places[rows]
        if places.any():
            ways = known.setdefault(fleet.ways, _ways(fleet.ways, found))
            fleets.append(Fleet(ways, fleet.stations & found.origins, places))
    return replace(
        now,
        fleets=tuple(fleets),
        partner=now.partner[rows],
        near={key: inside[rows] for key, inside in now.near.items()},
        area=now.area[rows],
    )


def _ways(ways: Ways, found: Cut) -> Ways:
    """How vehicles use a part of the roads."""
    road = ways.edge >> 1
    at = np.searchsorted(found.roads, road)
    at[at == len(found.roads)] = 0
    here = found.roads[at] == road if len(found.roads) else np.zeros(len(road), dtype=np.bool_)
    return Ways(found.graph, 2 * at[here] + (ways.edge[here] & 1), ways.ms[here])


def compute(part: Part, *, threads: int | None = None, keep_times: bool = True) -> Computed:
    """Compute who reaches whom in fair weather.

    Parameters
    ----------
    part
        Some places of a region, or all.
    threads
        Number of threads; all processors by default. The result does not depend on it.
    keep_times
        Whether the times of pairs are part of the result.

    Returns
    -------
    Computed

    Examples
    --------
    >>> from mutualaid.coverage import compute, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> computed = compute(whole(ready), keep_times=False)
    >>> len(computed.coverage) == len(ready.demand), computed.times is None
    (True, True)
    """
    ready = part.ready
    stations, demand = ready.stations, ready.demand
    times, agreed, now = times_today(
        ready.graph, ready.today, ready.origins, ready.places, stations, demand, ready.parameters,
        threads=threads,
    )  # fmt: skip
    common = coverage(times, demand, stations, ready.standard, agreed=agreed)
    local = common.copy()
    if any(rule != ready.standard for rule in ready.local_standards.values()):
        local = coverage(times, demand, stations, ready.local_standards, agreed=agreed)
    return Computed(
        coverage=common,
        coverage_local=local,
        station_codes=station_codes(times),
        area=np.full(len(demand), -1, dtype=np.int64) if now is None else now.area,
        pairs=len(times),
        times=times if keep_times else None,
        times_agreed=agreed if keep_times else None,
    )


def station_codes(times: pd.DataFrame) -> Int64:
    """Positions of the stations that occur in response times, ascending."""
    return np.unique(times["station"].cat.codes.to_numpy()).astype(np.int64)


def placed(table: pd.DataFrame, demand: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give a table on the index of the demand its geometry, unless it has it already."""
    if isinstance(table, gpd.GeoDataFrame) and table.active_geometry_name is not None:
        return table
    return gpd.GeoDataFrame(table).set_geometry(demand.geometry.to_numpy(), crs=demand.crs)


# --- joining ---------------------------------------------------------------------------------------------------


def join_computed(parts: Sequence[tuple[Int64, Computed]]) -> Computed:
    """Join what was computed of parts: what would have been computed of all their places at once.

    Parameters
    ----------
    parts
        Rows of the demand, and what was computed of them; each row once.

    Returns
    -------
    Computed
        In the order of the demand; times of pairs in that of the whole too, if all parts kept them.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage import compute, join_computed, part, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> halves = np.array_split(np.arange(len(ready.demand)), 2)
    >>> joined = join_computed([(rows, compute(part(ready, rows))) for rows in halves])
    >>> joined.coverage.equals(compute(whole(ready)).coverage)
    True
    """
    rows = [one for one, _ in parts]
    found = [computed for _, computed in parts]
    joined = in_order(rows, [one.coverage for one in found])
    return Computed(
        coverage=joined,
        coverage_local=in_order(rows, [one.coverage_local for one in found]),
        station_codes=np.unique(np.concatenate([one.station_codes for one in found])),
        area=np.concatenate([one.area for one in found])[np.argsort(np.concatenate(rows))],
        pairs=sum(one.pairs for one in found),
        times=_in_order_of_pairs(rows, [one.times for one in found], joined.index),
        times_agreed=_in_order_of_pairs(rows, [one.times_agreed for one in found], joined.index),
    )


def _in_order_of_pairs(
    rows: Sequence[Int64], tables: Sequence[pd.DataFrame | None], places: pd.Index
) -> pd.DataFrame | None:
    """Put response times of parts one below the other, by station, then place; None if a part did not keep them."""
    kept = [table for table in tables if table is not None]
    if len(kept) < len(tables):
        return None
    place = np.concatenate([own[table["demand"].cat.codes] for own, table in zip(rows, kept, strict=True)])
    joined = pd.concat([table.drop(columns="demand") for table in kept], ignore_index=True)
    order = np.lexsort((place, joined["station"].cat.codes.to_numpy()))
    ordered: pd.DataFrame = joined.iloc[order].reset_index(drop=True)
    at = list(kept[0].columns).index("demand")
    ordered.insert(at, "demand", pd.Series(pd.Categorical.from_codes(place[order], categories=places)))
    return ordered


def in_order(rows: Sequence[Int64], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of places one below the other, in the order of the demand."""
    # Of a part without places nobody knows what its columns hold.
    some = [table for table in tables if len(table)] or list(tables[:1])
    joined: pd.DataFrame = pd.concat(some).iloc[np.argsort(np.concatenate(rows))]
    return joined
