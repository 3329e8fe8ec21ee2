"""First arrivals of own and foreign units on roads that differ from those of a run: the base of every what-if."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import SEGMENTS, Analysis, clock, on_road
from mutualaid.network import RouteGraph, reweighted, route_graph, travel_times

__all__ = ["NEVER_MS", "WhatIf", "by_jurisdiction", "prepare", "with_crossing_delay"]

#: Arrival of a unit that does not come; far beyond every limit, and delays may still be added to it.
NEVER_MS = 2**40


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What first arrivals are computed from, prepared once for many settings.

    Attributes
    ----------
    open
        The roads without any delay at crossings.
    origins, places
        Stations and demand on the roads, numbered from 0, with the columns of `mutualaid.network.snap`.
    home, partner
        (stations,) and (demand,) position of the partner.
    lead_ms
        (stations,) milliseconds on the standard's clock before the wheels roll, without calling a neighbour.
    limit_ms
        The standard's limit.
    calling
        1 if the standard's clock counts the delay until a neighbour's unit is alerted, else 0.
    search_s
        Longest drive that can still be within the standard.
    people
        (demand,) population.
    """

    open: RouteGraph
    origins: pd.DataFrame
    places: pd.DataFrame
    home: NDArray[np.int64]
    partner: NDArray[np.int64]
    lead_ms: NDArray[np.int64]
    limit_ms: int
    calling: int
    search_s: float
    people: NDArray[np.float64]

    def arrivals(self, graph: RouteGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First arrival of the own and of foreign units within the standard, else `NEVER_MS`.

        Parameters
        ----------
        graph
            The roads as they are in this setting.

        Returns
        -------
        array, array
            (demand,) milliseconds on the standard's clock, delays at crossings included, dispatch delay left out.
        """
        drive = travel_times(graph, self.origins, self.places, limit_s=self.search_s)
        station, place = drive["origin"].to_numpy(), drive["destination"].to_numpy()
        ms = np.rint(1000 * drive["drive_s"].to_numpy()) + np.rint(1000 * drive["crossing_s"].to_numpy())
        total = self.lead_ms[station] + ms.astype(np.int64)
        own = self.home[station] == self.partner[place]
        found = []
        for rows in (own, ~own):
            first = np.full(len(self.places), NEVER_MS, dtype=np.int64)
            np.minimum.at(first, place[rows], total[rows])
            found.append(np.where(first <= self.limit_ms, first, NEVER_MS))
        return found[0], found[1]

    def covered(
        self, own_ms: NDArray[np.int64], foreign_ms: NDArray[np.int64], dispatch_s: float
    ) -> NDArray[np.bool_]:
        """(demand,) whether the joint team comes in time with a dispatch delay."""
        late_ms = foreign_ms + self.calling * round(1000 * dispatch_s)
        return np.minimum(own_ms, late_ms) <= self.limit_ms


def prepare(analysis: Analysis) -> WhatIf:
    """Prepare first arrivals of a run's stations and demand, by its common standard."""
    graph, stations, demand = analysis.fair.graph, analysis.stations, analysis.demand
    parameters, standard = analysis.region.parameters, analysis.standard
    delays = bool((graph.drive_ms[graph.crossing_edge] > 0).any())
    segments = dict.fromkeys(SEGMENTS, 0.0)
    segments |= {"answering_s": parameters.answering_s, "processing_s": parameters.processing_s}
    before = pd.DataFrame(segments, index=stations.index).assign(turnout_s=stations["turnout_used_s"])
    lead_ms = np.rint(clock(before, standard).to_numpy() * 1000).astype(np.int64)
    limit_ms = round(standard.limit_s * 1000)
    search_s = max(limit_ms - int(lead_ms.min()), 0) / 1000
    partners = pd.Index(analysis.region.jurisdictions["partner"].unique())
    origins, places = (on_road(table).reset_index(drop=True) for table in (stations, demand))
    return WhatIf(
        open=route_graph(graph.network, graph.profile) if delays else graph,
        origins=origins,
        places=places,
        home=partners.get_indexer(pd.Index(stations["partner"])).astype(np.int64),
        partner=partners.get_indexer(pd.Index(demand["partner"])).astype(np.int64),
        lead_ms=lead_ms,
        limit_ms=limit_ms,
        calling=int(standard.start <= SEGMENTS["dispatch_s"]),
        search_s=min(search_s, parameters.cutoff_s),
        people=demand["population"].to_numpy(np.float64),
    )


def with_crossing_delay(open_: RouteGraph, delay_s: float) -> RouteGraph:
    """Give the roads with the same delay at every international crossing, and none at others."""
    network = open_.network
    border = np.append(network.crossings["international"].to_numpy(), False)
    drive_ms = open_.drive_ms.astype(np.int64)
    # Roads that are no crossing stand at -1: the last entry.
    drive_ms[np.repeat(border[network.roads["crossing"].to_numpy()], 2)] = round(1000 * delay_s)
    return reweighted(open_, drive_ms)


def by_jurisdiction(values: NDArray[np.float64], demand: pd.DataFrame) -> dict[str, float]:
    """Sum of values over each jurisdiction, after that over all of them, by id; all have the id ""."""
    codes, names = pd.factorize(demand["jurisdiction"])
    sums = np.bincount(codes, weights=values, minlength=len(names))
    return {"": math.fsum(values)} | {str(name): float(sum_) for name, sum_ in zip(names, sums, strict=True)}
