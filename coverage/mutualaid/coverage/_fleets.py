"""How vehicles of each partner drive: delays at crossings, roads abroad that they may not pass, their speed there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data import Agreement, Parameters
from mutualaid.errors import AgreementError, Defect, RegionError
from mutualaid.network import Network, RouteGraph, edge_times, profile, reweighted, route_graph, travel_times

__all__ = ["Fleet", "Ways", "crossing_delays", "drive_times", "fleet_times", "group_fleets"]

#: Seconds at a crossing beyond which nobody waits: about as much as the search can tell apart.
_LONGEST_S = 1_000_000.0


@dataclass(frozen=True, eq=False)
class Ways:
    """How some vehicles may use the roads: kept as what differs, because there may be many kinds of vehicles.

    Attributes
    ----------
    open
        The roads with no delay at crossings and nothing barred: nobody drives faster.
    edge, ms
        Directed edges, ascending, on which it takes them longer, and how long; -1 where they may not drive.
    """

    open: RouteGraph
    edge: NDArray[np.int64]
    ms: NDArray[np.int32]

    @cached_property
    def graph(self) -> RouteGraph:
        """The roads as these vehicles may use them: delays at crossings, roads that they may not pass, their speed."""
        drive_ms = self.open.drive_ms.copy()
        drive_ms[self.edge] = self.ms
        # A graph of its own, not one with roads closed for a while: nobody gets to what stands on barred roads.
        return replace(reweighted(self.open, drive_ms), before=None)


@dataclass(frozen=True, eq=False)
class Fleet:
    """Stations whose vehicles drive by the same rules to the same places.

    Attributes
    ----------
    ways
        How these vehicles may use the roads.
    stations, places
        (stations,) and (demand,) bool.
    """

    ways: Ways
    stations: NDArray[np.bool_]
    places: NDArray[np.bool_]


def crossing_delays(network: Network, parameters: Parameters) -> NDArray[np.float64]:
    """Seconds of each crossing for the joint team: its own if stated, else the general ones if international."""
    crossings = network.crossings
    general = np.where(crossings["international"], parameters.crossing_s, 0.0)
    delay_s = pd.Series(general, index=crossings.index)
    unknown = [name for name in parameters.crossing_delay_s if name not in delay_s.index]
    if unknown:
        raise RegionError(_unknown_crossing("crossing_delay_s", name, crossings.index) for name in unknown)
    delay_s.update(pd.Series(dict(parameters.crossing_delay_s), dtype="float64"))
    return np.asarray(delay_s, dtype=np.float64)


def _unknown_crossing(where: str, name: str, known: pd.Index) -> Defect:
    near = difflib.get_close_matches(name, map(str, known), n=3, cutoff=0.3)
    remedy = f"use the id of a crossing{', such as ' if near else ''}{', '.join(near)}"
    return Defect("", where, "ids of crossings", repr(name), remedy)


def _check_crossings(network: Network, agreements: Iterable[Agreement]) -> None:
    known = network.crossings.index
    defects = [
        _unknown_crossing(f"agreement {one.id}, {where}", name, known)
        for one in agreements
        for where, names in (("crossings", one.crossings), ("crossing", [item.id for item in one.crossing]))
        for name in names
        if name not in known
    ]
    if defects:
        raise AgreementError(defects)


def group_fleets(
    network: Network,
    graph: RouteGraph,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    parameters: Parameters,
    agreements: Sequence[Agreement],
) -> tuple[Fleet, ...]:
    """Group stations and places by the rules of driving: parameters as of `today`; none if all drive as a joint team.

    Raises
    ------
    AgreementError
        An agreement names a crossing that is not there.
    """
    _check_crossings(network, agreements)
    delayed = bool((graph.drive_ms[graph.crossing_edge] != 0).any())
    open_ = route_graph(network, graph.profile) if delayed else graph
    known: dict[bytes, Ways] = {}
    partners = [str(one) for one in jurisdictions["partner"].unique()]
    left, entered = _sides(network, jurisdictions, partners)
    civilian_ms = None
    if any(one.priority_abroad == "civilian" for one in agreements):
        civilian_ms = edge_times(network, profile("civilian")).drive_ms.astype(np.int64)
    found, differs = [], False
    for name in map(str, stations["partner"].unique()):
        binding = [_binding(name, other, agreements) for other in partners]
        drive_ms = _crossing_ms(network, open_, partners.index(name), (left, entered), parameters, binding)
        if civilian_ms is not None:
            civilian = [any(one.priority_abroad == "civilian" for one in rules) for rules in binding]
            slow = np.isin(entered, np.flatnonzero(civilian)) & (drive_ms >= 0)
            # Whoever has no priority may not drive where civilians may not.
            slower = np.where(civilian_ms < 0, -1, np.maximum(drive_ms, civilian_ms))
            drive_ms = np.where(slow, slower, drive_ms)
        for barred, hosts in _barred(partners, binding).items():
            ms = drive_ms.copy()
            ms[np.isin(entered, list(barred))] = -1
            differs |= not np.array_equal(ms, graph.drive_ms)
            edge = np.flatnonzero(ms != open_.drive_ms)
            ways = Ways(open_, edge, ms[edge].astype(np.int32))
            ways = known.setdefault(ways.edge.tobytes() + ways.ms.tobytes(), ways)
            mine = (stations["partner"] == name).to_numpy()
            found.append(Fleet(ways, mine, demand["partner"].isin(hosts).to_numpy()))
    return tuple(found) if differs else ()


def _sides(
    network: Network, jurisdictions: gpd.GeoDataFrame, partners: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(2m,) position of the partner whose territory each directed edge leaves and enters; -1 outside all."""
    roads, crossings = network.roads, network.crossings

    def position(lands: pd.Index) -> NDArray[np.int64]:
        found = pd.Index(partners).get_indexer(pd.Index(jurisdictions["partner"].reindex(lands)))
        return np.asarray(found, dtype=np.int64)

    land, number = roads["jurisdiction"].cat, roads["crossing"].to_numpy()
    sides = np.repeat(np.append(position(land.categories), -1)[land.codes.to_numpy()][:, None], 2, axis=1)
    ends = np.column_stack([position(pd.Index(crossings[f"{side}_jurisdiction"])) for side in ("from", "to")])
    sides[number >= 0] = ends[number[number >= 0]]
    return sides.ravel(), sides[:, ::-1].ravel()


def _binding(name: str, other: str, agreements: Sequence[Agreement]) -> list[Agreement]:
    """Agreements that bind a partner's vehicles at another's border and in its territory.

    That by which it helps the other; else that by which it is helped; else those that name both, of which the
    strictest holds.
    """
    both = [one for one in agreements if name != other and {name, other} <= set(one.parties)]
    for pair in ((name, other), (other, name)):
        if found := [one for one in both if pair in one.pairs]:
            return found
    return both


def _barred(
    partners: Sequence[str], binding: Sequence[Sequence[Agreement]]
) -> dict[frozenset[int], list[str]]:
    """Positions of those whose territory a partner's vehicles may not pass, and the hosts to whom they still go."""
    closed = {number for number, rules in enumerate(binding) if not all(one.transit for one in rules)}
    found: dict[frozenset[int], list[str]] = {}
    for number, host in enumerate(partners):
        found.setdefault(frozenset(closed - {number}), []).append(host)
    return found


def _crossing_ms(
    network: Network,
    open_: RouteGraph,
    mine: int,
    sides: tuple[NDArray[np.int64], NDArray[np.int64]],
    parameters: Parameters,
    binding: Sequence[Sequence[Agreement]],
) -> NDArray[np.int64]:
    """Drive times of a partner's vehicles with what each crossing costs them, -1 where they may not pass."""
    drive_ms = open_.drive_ms.astype(np.int64)
    edges = np.flatnonzero(open_.crossing_edge)
    number = network.roads["crossing"].to_numpy()[edges >> 1]
    delay_s = crossing_delays(network, parameters)[number]
    drive_ms[edges] = np.rint(1000 * delay_s)
    left, entered = (side[edges] for side in sides)
    # The agreement with whom the vehicle goes to; on the way home with whom it comes from.
    other = np.where(entered == mine, left, entered)
    bound = [bool(rules) for rules in binding]
    ids, international = network.crossings.index, network.crossings["international"].to_numpy()
    for k in np.flatnonzero((left != entered) & np.isin(other, np.flatnonzero(bound))):
        at = (ids[number[k]], bool(international[number[k]]), parameters, float(delay_s[k]), open_)
        costs = [_at_crossing(one, *at) for one in binding[other[k]]]
        known = [one for one in costs if one is not None]
        shut = len(known) < len(costs)
        drive_ms[edges[k]] = -1 if shut else round(1000 * min(max(known), _LONGEST_S))
    return drive_ms


def _at_crossing(
    one: Agreement,
    name: str,
    international: bool,
    parameters: Parameters,
    seconds: float,
    graph: RouteGraph,
) -> float | None:
    """Seconds that a crossing costs under an agreement; None if the vehicle may not pass."""
    if one.crossings and name not in one.crossings:
        return None
    if one.crossing_delay_s is not None and international:
        seconds = one.crossing_delay_s
    for item in one.crossing:
        if (
            item.id != name
            or (item.services and parameters.service not in item.services)
            or (item.hours and parameters.hour not in item.hours)
        ):
            continue
        vehicle = graph.profile
        if not item.open or item.max_height_m < vehicle.height_m or item.max_weight_t < vehicle.weight_t:
            return None
        return seconds if item.delay_s is None else item.delay_s
    return seconds


def drive_times(
    graph: RouteGraph,
    origins: pd.DataFrame,
    places: pd.DataFrame,
    limit_s: float,
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """Drive times by pair; ids as categories, because a text for each of millions of pairs is slow."""
    starts, ends = (table.reset_index(drop=True) for table in (origins, places))
    drive = travel_times(graph, starts, ends, limit_s=limit_s, threads=threads)
    return drive.assign(
        origin=pd.Categorical.from_codes(drive["origin"], categories=origins.index),
        destination=pd.Categorical.from_codes(drive["destination"], categories=places.index),
    )


def fleet_times(
    fleets: Iterable[Fleet],
    origins: pd.DataFrame,
    places: pd.DataFrame,
    limit_s: float,
    *,
    change: Callable[[RouteGraph], RouteGraph] | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Drive times of fleets, each by its own rules; `change` gives what a hazard leaves of its roads."""
    parts, left = [], {}
    for fleet in fleets:
        at, to = np.flatnonzero(fleet.stations), np.flatnonzero(fleet.places)
        graph = fleet.ways.graph
        if change is not None:
            if graph not in left:
                left[graph] = change(graph)
            graph = left[graph]
        starts, ends = (
            table.iloc[rows].reset_index(drop=True) for table, rows in ((origins, at), (places, to))
        )
        drive = travel_times(graph, starts, ends, limit_s=limit_s, threads=threads)
        parts.append(
            drive.assign(
                origin=pd.Categorical.from_codes(at[drive["origin"]], categories=origins.index),
                destination=pd.Categorical.from_codes(to[drive["destination"]], categories=places.index),
            )
        )
    if len(parts) == 1:
        return parts[0]
    joined = pd.concat(parts, ignore_index=True)
    # In the order of one fleet, so that parts of a region can be joined whatever fleets they have.
    order = np.lexsort(tuple(joined[name].cat.codes.to_numpy() for name in ("destination", "origin")))
    ordered: pd.DataFrame = joined.iloc[order].reset_index(drop=True)
    return ordered
