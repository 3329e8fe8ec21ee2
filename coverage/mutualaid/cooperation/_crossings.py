"""What hangs on each crossing: what is lost if one closes, or two, and the delay at which one is worth nothing."""

from __future__ import annotations

import math
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.cooperation._what_if import NEVER_MS, WhatIf, prepare
from mutualaid.coverage import Analysis, covered_without, without_crossings
from mutualaid.network import RouteGraph, reach

__all__ = ["crossing_criticality", "crossing_pairs"]


def crossing_criticality(analysis: Analysis, *, what_if: WhatIf | None = None) -> gpd.GeoDataFrame:
    """Close each crossing between two partners in turn, and count who is no longer reached in time.

    Parameters
    ----------
    analysis
        A run.
    what_if
        What `prepare` made of the run already.

    Returns
    -------
    GeoDataFrame
        Index ``crossing`` (most people first), ``name``, ``from_partner``, ``to_partner``, ``international``,
        ``reached`` (a unit can be there within the standard: others are not searched, nothing can hang on them),
        ``lost_joint`` (people in time jointly and no longer), ``lost_agreed`` (the same under the agreements in
        force, if any), ``later_population`` and ``later_s`` (people still in time, but later, and by how much on
        average), ``break_even_s`` (largest further delay at it alone at which it still brings anybody in time; NaN if
        it brings nobody) and the point.

    Notes
    -----
    lost(x) = Σ p [t ≤ T] − Σ p [t without x ≤ T]. A place that only x serves in time bears a delay of T − t there, so
    break_even(x) is the largest of those; with any more of it x is worth no more than closed.

    Examples
    --------
    >>> from mutualaid.cooperation import crossing_criticality
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> found = crossing_criticality(analyse(read_region(demo_path())))
    >>> bool(found["lost_joint"].max() <= found.attrs["gain"])
    True
    """
    base = what_if or prepare(analysis)
    graph, dispatch_s = analysis.fair.graph, analysis.region.parameters.dispatch_s
    table = _between_partners(analysis)
    table["reached"] = _reached(base, base.open)[table["position"]]
    before_ms = _joint_ms(base, graph, dispatch_s)
    in_time = before_ms <= base.limit_ms
    agreed = None
    if analysis.agreements:
        agreed = analysis.coverage["agreed_covered"].to_numpy()
    columns: dict[str, list[float]] = {
        name: [] for name in ("lost_joint", "lost_agreed", "later_population", "later_s", "break_even_s")
    }
    for position, reached in zip(table["position"], table["reached"], strict=True):
        after_ms = _joint_ms(base, without_crossings(graph, [position]), dispatch_s) if reached else before_ms
        lost, later = in_time & (after_ms > base.limit_ms), in_time & (after_ms <= base.limit_ms)
        later &= after_ms > before_ms
        weight = base.people[later]
        columns["lost_joint"].append(math.fsum(base.people[lost]))
        columns["later_population"].append(math.fsum(weight))
        delay = (after_ms - before_ms)[later] / 1000
        columns["later_s"].append(float(np.average(delay, weights=weight)) if weight.sum() > 0 else math.nan)
        bears = (base.limit_ms - before_ms[lost & (base.people > 0)]) / 1000
        columns["break_even_s"].append(float(bears.max()) if len(bears) else math.nan)
        if agreed is not None:
            left = agreed
            if reached:
                left = covered_without(analysis, [position], limit_s=base.search_s)["agreed"]
            columns["lost_agreed"].append(math.fsum(base.people[agreed & ~left]))
    if agreed is None:
        del columns["lost_agreed"]
    found = table.drop(columns="position").assign(**columns)
    found = found.iloc[np.argsort(-found["lost_joint"].to_numpy(), kind="stable")]
    found.attrs["gain"] = math.fsum(base.people[in_time])
    return found


def crossing_pairs(
    analysis: Analysis,
    crossings: gpd.GeoDataFrame,
    *,
    most: int | None = None,
    what_if: WhatIf | None = None,
) -> pd.DataFrame:
    """Close crossings two at a time: where each is the other's only substitute.

    Parameters
    ----------
    analysis
        A run.
    crossings
        As `crossing_criticality` gives it; those that nobody can reach in time are left out.
    most
        Leave out pairs of which neither is among so many crossings, those first in the table; none if None.
    what_if
        What `prepare` made of the run already.

    Returns
    -------
    DataFrame
        One row for each pair whose closing takes somebody's timely help: ``a``, ``b``, ``lost_joint`` (people in time
        jointly and no longer), ``beyond`` (more than each alone would take, summed), most people first.
    """
    base = what_if or prepare(analysis)
    graph, dispatch_s = analysis.fair.graph, analysis.region.parameters.dispatch_s
    chosen = crossings[crossings["reached"]]
    position = graph.network.crossings.index.get_indexer(chosen.index)
    in_time = _joint_ms(base, graph, dispatch_s) <= base.limit_ms
    alone, names = chosen["lost_joint"].to_numpy(), chosen.index.to_numpy()
    rows = []
    for i, j in combinations(range(len(chosen)), 2):
        if most is not None and i >= most:
            break
        after_ms = _joint_ms(base, without_crossings(graph, [position[i], position[j]]), dispatch_s)
        lost = math.fsum(base.people[in_time & (after_ms > base.limit_ms)])
        if lost > 0:
            beyond = round(max(lost - alone[i] - alone[j], 0.0), 6)  # sums of floats leave a trace
            rows.append((str(names[i]), str(names[j]), lost, beyond))
    table = pd.DataFrame(rows, columns=["a", "b", "lost_joint", "beyond"])
    return table.sort_values("lost_joint", ascending=False, kind="stable", ignore_index=True)


def _between_partners(analysis: Analysis) -> gpd.GeoDataFrame:
    """Crossings from one partner to another, with their position in the network."""
    crossings, partner = analysis.network.crossings, analysis.region.jurisdictions["partner"]
    sides = {
        f"{side}_partner": crossings[f"{side}_jurisdiction"].map(partner).to_numpy()
        for side in ("from", "to")
    }
    table = crossings[["name", "international", "geometry"]].assign(
        **sides, position=np.arange(len(crossings))
    )
    kept = table[table["from_partner"] != table["to_partner"]]
    order = ["name", "from_partner", "to_partner", "international", "position", "geometry"]
    return gpd.GeoDataFrame(kept[order].copy(), crs=crossings.crs)


def _reached(base: WhatIf, graph: RouteGraph) -> NDArray[np.bool_]:
    """(crossings,) whether any unit gets to either side of each within the standard."""
    roads = graph.network.roads
    stretches = reach(graph, base.origins, limit_s=base.search_s, merged=True)
    edge = stretches["edge"].to_numpy()
    near = np.zeros(graph.network.n_nodes, dtype=np.bool_)
    # Both ends: whoever is on a road may get to its end, and the first stretch begins in the middle of one.
    near[roads[["a", "b"]].to_numpy()[edge >> 1]] = True
    crossing = roads["crossing"].to_numpy()
    rows = np.flatnonzero(crossing >= 0)
    found = np.zeros(len(graph.network.crossings), dtype=np.bool_)
    found[crossing[rows]] = near[roads[["a", "b"]].to_numpy()[rows]].any(axis=1)
    return found


def _joint_ms(base: WhatIf, graph: RouteGraph, dispatch_s: float) -> NDArray[np.int64]:
    """(demand,) first arrival of the joint team."""
    own_ms, foreign_ms = base.arrivals(graph)
    first = np.minimum(own_ms, foreign_ms + base.calling * round(1000 * dispatch_s))
    return np.where(first <= base.limit_ms, first, NEVER_MS)
