"""The minimum cut that proves the lower bound: what holds the evacuation up, and who is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import Bracket

__all__ = ["Cut", "cut"]

#: An edge that is in the cut for a shorter time is there because thresholds are whole milliseconds; it is not listed.
_MOMENT_S = 0.005


@dataclass(frozen=True, eq=False)
class Cut:
    """Why it cannot be done sooner: vehicles behind the cut, less those that it lets through, are not out.

    Attributes
    ----------
    by_s
        The moment that the cut speaks of: the lower bound of the clearance time.
    edges
        Roads that hold up: index edge of the network; ``from_s``, ``to_s`` (who enters it between these passes the
        cut), ``capacity_vph``, ``vehicles`` (that it lets through at most; edges that share a capacity count for
        moments at which several of them are in the cut once, with the first).
    sources
        Index source id; ``zone``, ``vehicles_behind`` and ``people_behind``, as many as must pass the cut.
    sinks
        Index sink id; ``full`` (it counts with its room: it binds), ``vehicles`` (that it takes from behind the cut at
        most).
    vehicles_behind, people_behind
        Of all sources.
    vehicles_through
        What edges and sinks let through by then, at most.
    vehicles_before
        Vehicles that are ready before the cut closes behind them; they need not pass it.
    vehicles
        Vehicles asked for. ``vehicles_before + vehicles_through`` is less: so they cannot be out by ``by_s``.
    """

    by_s: float
    edges: pd.DataFrame
    sources: pd.DataFrame
    sinks: pd.DataFrame
    vehicles_behind: float
    people_behind: float
    vehicles_through: float
    vehicles_before: float
    vehicles: float


def cut(network: FlowNetwork, bracket: Bracket) -> Cut:
    """Give the minimum cut that proves the lower bound of a bracket.

    It is computed from the thresholds in the bracket and the network alone, in continuous time, so it can be checked
    by hand.

    Parameters
    ----------
    network
        The network that the bracket is of.
    bracket
        From `bracket`.

    Raises
    ------
    EvacuationError
        The bracket is of another network, or has no cut.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import bracket, cut, flow_network
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[360.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> why = cut(road, bracket(road))
    >>> list(why.edges.index), why.vehicles_behind, why.vehicles_through < 20
    ([0], 20.0, True)
    """
    threshold, full = bracket.threshold_s, bracket.full
    if threshold.shape != (network.n_nodes,) or full.shape != (len(network.sinks),):
        got = f"thresholds of {len(threshold)} nodes, {len(full)} sinks"
        expected = f"a bracket of this network ({network.n_nodes} nodes, {len(network.sinks)} sinks)"
        raise EvacuationError([Defect("", "bracket", expected, got, "give the network of the bracket")])
    by = bracket.lower_s
    edges = _edges(network, threshold)
    sources = _sources(network, threshold)
    sinks = _sinks(network, threshold, full, by)
    behind = float(sources["vehicles_behind"].sum())
    return Cut(
        by_s=by,
        edges=edges[edges["to_s"] - edges["from_s"] >= _MOMENT_S],
        sources=sources[sources["vehicles_behind"] > 0],
        sinks=sinks,
        vehicles_behind=behind,
        people_behind=float(sources["people_behind"].sum()),
        vehicles_through=float(edges["vehicles"].sum() + sinks["vehicles"].sum()),
        vehicles_before=network.vehicles - behind,
        vehicles=bracket.vehicles,
    )


def _edges(network: FlowNetwork, threshold: np.ndarray) -> pd.DataFrame:
    begin = np.maximum(threshold[network.tail], network.opens_s)
    stop = np.minimum(threshold[network.head], network.closes_s) - network.transit_s
    used = (network.capacity_vph > 0) & (stop > begin) & np.isfinite(begin)
    index = np.flatnonzero(used)
    found = pd.DataFrame(
        {
            "from_s": begin[index],
            "to_s": stop[index],
            "capacity_vph": network.capacity_vph[index],
            "vehicles": network.capacity_vph[index] * (stop[index] - begin[index]) / 3600.0,
        },
        index=pd.Index(index, name="edge"),
    )
    group, vehicles = network.group[index], found["vehicles"].to_numpy(copy=True)
    for one in np.unique(group[group >= 0]):
        rows = np.flatnonzero(group == one)
        rows = rows[np.argsort(found["from_s"].to_numpy()[rows], kind="stable")]
        end = -np.inf
        for row in rows:
            first, last = found["from_s"].iloc[row], found["to_s"].iloc[row]
            alone = max(0.0, last - max(first, end))
            vehicles[row] = found["capacity_vph"].iloc[row] * alone / 3600.0
            end = max(end, last)
    return found.assign(vehicles=vehicles)


def _sources(network: FlowNetwork, threshold: np.ndarray) -> pd.DataFrame:
    moment = threshold[network.sources["node"].to_numpy()]
    before = np.zeros(len(moment))
    for row, (t, ready) in enumerate(zip(moment, network.released, strict=True)):
        if t > 0:
            before[row] = np.interp(t, network.release_s, ready) if np.isfinite(t) else ready[-1]
    vehicles = network.sources["vehicles"].to_numpy()
    behind = np.maximum(vehicles - before, 0.0)
    each = network.sources["people"].to_numpy() / np.where(vehicles > 0, vehicles, 1.0)
    return pd.DataFrame(
        {"zone": network.sources["zone"], "vehicles_behind": behind, "people_behind": behind * each},
        index=network.sources.index,
    )


def _sinks(network: FlowNetwork, threshold: np.ndarray, full: np.ndarray, by: float) -> pd.DataFrame:
    sinks = network.sinks
    vehicles, people = (network.sources[name].to_numpy() for name in ("vehicles", "people"))
    leaves = vehicles > 0
    fewest = float((people[leaves] / vehicles[leaves]).min()) if leaves.any() else 1.0
    room = sinks["people"].to_numpy() / fewest if fewest > 0 else np.full(len(sinks), np.inf)
    begin = np.maximum(threshold[sinks["node"].to_numpy()], sinks["opens_s"].to_numpy())
    during = np.maximum(np.minimum(by, sinks["closes_s"].to_numpy()) - begin, 0.0)
    rate = sinks["capacity_vph"].to_numpy() / 3600.0
    through = np.where(during > 0, np.where(np.isinf(rate), np.inf, 1.0), 0.0)
    finite = np.isfinite(rate)
    through[finite] = rate[finite] * during[finite]
    return pd.DataFrame({"full": full, "vehicles": np.where(full, room, through)}, index=sinks.index)
