"""What is found about an evacuation: bounds of its clearance time, a plan, and how the plan runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.evacuation._network import FlowNetwork

__all__ = ["Bracket", "RoutePlan", "Simulation"]


@dataclass(frozen=True, eq=False)
class Bracket:
    """Two proven bounds of the clearance time.

    Attributes
    ----------
    network
        What was asked about.
    vehicles
        Vehicles that the upper bound brings to a sink: all, or as many as `vehicles_least` says.
    lower_s
        No plan brings `vehicles` to a sink sooner.
    upper_s
        A plan that does so by then exists; inf if none was found in time.
    vehicles_least, vehicles_most
        Vehicles that can be brought out at all, before roads and sinks close and with the room there is: at least and
        at most.
    status
        ``gap`` (the gap asked for was reached), ``settled`` (finer steps raise the lower bound no more), ``time limit``
        or ``stopped`` (by the user).
    solves
        One row for each solved network, in order: ``side`` (``lower`` or ``upper``), ``step_s``, ``steps`` (number
        of time steps), ``bound_s``, ``edges`` (of the network expanded in time).
    earliest
        ``share`` (0.5, 0.9, 0.95 and 1 of `vehicles`) and ``lower_s``: no plan has brought that share out sooner.
    notes
        What a reader must know.
    threshold_s
        (n,) moment from which each node is behind the minimum cut that proves `lower_s`: who is there then, or later,
        is out by then only through the cut; inf for never. Empty where there is none.
    full
        (t,) sinks whose room is part of that cut.
    """

    network: FlowNetwork
    vehicles: float
    lower_s: float
    upper_s: float
    vehicles_least: float
    vehicles_most: float
    status: str
    solves: pd.DataFrame
    earliest: pd.DataFrame
    notes: tuple[str, ...] = ()
    threshold_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    full: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def gap(self) -> float:
        """How far the upper bound lies above the lower one, as a share of the lower one; 0 if they are equal."""
        if self.upper_s <= self.lower_s:
            return 0.0
        return self.upper_s / self.lower_s - 1 if self.lower_s > 0 else np.inf


@dataclass(frozen=True, eq=False)
class RoutePlan:
    """Who leaves when, at what rate, by what way, and where to.

    Attributes
    ----------
    network
        What it is a plan for.
    routes
        Index route id (``R1``, ``R2`` …, ordered by zone, then first departure); ``source``, ``zone``, ``sink`` (ids),
        ``rate_vph`` (constant), ``from_s`` and ``to_s`` (first and last departure), ``vehicles`` (the rate times the
        duration), ``people``, ``drive_s`` (along the way, at free flow), ``arrives_s`` (the last one does),
        ``latest_s`` (a departure after this would meet a closed road or shelter; inf if nothing closes) and
        ``margin_s`` (``latest_s`` - ``to_s``).
    paths
        Edges of `network` of each route in driving order; empty where source and sink are at one node.
    clearance_s
        When the last one arrives; 0 if nobody leaves.
    unserved
        Vehicles of each source that the plan leaves behind, by source id.
    one_route
        Whether each source leaves by one way only, and ways that meet go on together (no forks).
    notes
        What a reader must know.
    """

    network: FlowNetwork
    routes: pd.DataFrame
    paths: tuple[NDArray[np.int32], ...]
    clearance_s: float
    unserved: pd.Series
    one_route: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Simulation:
    """How vehicles get on that leave as they are told, or not, computed by point queues.

    Attributes
    ----------
    network
        What they drive on.
    arrivals
        One row for each group of vehicles that arrives, by time: ``time_s``, ``vehicles``, ``people``, ``source``,
        ``zone``, ``sink``, ``departed_s``, ``waited_s`` (in queues).
    caught
        Groups that a closure stopped on the way or before leaving, or for whom the shelter was full or closed:
        ``source``, ``zone``, ``sink`` (where they wanted to), ``vehicles``, ``people``, ``reason`` (``closed road``,
        ``closed shelter``, ``full shelter``, ``no way``), ``edge`` (before which they stand, -1), ``time_s``.
    queues
        One row an edge before which somebody waited: index edge; ``longest_vehicles``, ``longest_s`` (wait),
        ``from_s``, ``to_s``, ``vehicles`` that passed.
    clearance_s
        When the last one arrived; 0 if nobody did.
    """

    network: FlowNetwork
    arrivals: pd.DataFrame
    caught: pd.DataFrame
    queues: pd.DataFrame
    clearance_s: float
