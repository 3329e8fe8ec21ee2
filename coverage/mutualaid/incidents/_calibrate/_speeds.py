"""Speeds and ways together: the fastest way depends on the speeds, and what a record says of speeds on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.incidents._calibrate._fit import Fit, Prior, fit_drives
from mutualaid.incidents._calibrate._routes import Made, made_of
from mutualaid.incidents._modelled import snapped_stations
from mutualaid.network import ROAD_CLASSES, Network, Profile, RouteGraph, edge_times, route_graph

__all__ = ["Drives", "Settled", "drives_of", "enough", "folds_of", "prior_of", "settle", "with_speeds"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

#: A class of road is fitted if at least so many drives went along at least so many metres of it, and so many km in all.
_LEAST_DRIVES, _LEAST_M, _LEAST_KM = 20, 50.0, 3.0
#: Less is known of a speed than a factor of about 1.6 either way, or of a junction than 10 s: it stays as it was.
_WIDEST_LOG_PACE, _WIDEST_DELAY_S = 0.25, 5.0
#: What rests on fewer drives, because all others tell of two classes at once, stays as it was too.
_LEAST_BEHIND = 5.0
_ROUNDS, _FREELY = 25, 4
#: A change is none if it is small against what is unknown anyway; ways that are as good as each other may take turns.
_SAME, _SAME_LOG_PACE, _SAME_DELAY_S = 0.1, 0.002, 0.02


@dataclass(frozen=True, eq=False)
class Drives:
    """Drives of a record, placed on the roads; `graph` is the one before, ``origin_of`` (r,) the station of each."""

    graph: RouteGraph
    crossing_ms: Int64
    arms: Bool
    origins: pd.DataFrame
    places: pd.DataFrame
    origin_of: Int64
    observed_s: Float

    @property
    def network(self) -> Network:
        """Roads."""
        return self.graph.network

    def made(self, theta: Float | None, rows: Int64) -> Made:
        """Find what some of the drives are made of, at given speeds (None: as before)."""
        graph = self.graph if theta is None else self._graph(theta)
        return made_of(graph, self.arms, self.origins, self.places.iloc[rows], self.origin_of[rows])

    def _graph(self, theta: Float) -> RouteGraph:
        vehicle = with_speeds(self.graph.profile, theta)
        return route_graph(self.network, vehicle, crossing_ms=self.crossing_ms)


@dataclass(frozen=True, eq=False)
class Settled:
    """Speeds at which the fastest ways are those that they were fitted to; ``free`` says what was fitted."""

    fit: Fit
    made: Made
    free: Bool
    settled: bool


def with_speeds(vehicle: Profile, theta: Float) -> Profile:
    """Give a vehicle other speeds and another delay at junctions."""
    kph = {
        name: 3.6 / math.exp(log_pace)
        for name, log_pace in zip(ROAD_CLASSES, theta[:-1], strict=True)
        if not math.isnan(log_pace)
    }
    return replace(vehicle, speed_kph=kph, junction_s=float(theta[-1]))


def prior_of(vehicle: Profile) -> Prior:
    """Speeds and junction delay of a vehicle as what is believed before."""
    pace = [3.6 / vehicle.speed_kph[name] if name in vehicle.speed_kph else math.nan for name in ROAD_CLASSES]
    return Prior(log_pace=np.log(np.array(pace)), delay_s=vehicle.junction_s)


def drives_of(analysis: Analysis, runs: pd.DataFrame) -> Drives:
    """Place usable runs on the roads of an analysis."""
    graph = analysis.fair.graph
    network = graph.network
    crossing = network.roads["crossing"].to_numpy()
    crossing_ms = np.zeros(len(network.crossings), dtype=np.int64)
    roads = np.flatnonzero(crossing >= 0)
    crossing_ms[crossing[roads]] = graph.drive_ms[2 * roads]
    origins = snapped_stations(analysis)
    origins = origins[origins.index.isin(runs["station"])]
    # Which nodes are junctions does not depend on the delay, which may be 0.
    arms = edge_times(network, replace(graph.profile, junction_s=1.0)).junction_ms > 0
    return Drives(
        graph=graph,
        crossing_ms=crossing_ms,
        arms=arms,
        origins=origins,
        places=runs[["road", "fraction"]],
        origin_of=np.asarray(origins.index.get_indexer(pd.Index(runs["station"])), dtype=np.int64),
        observed_s=runs["observed_s"].to_numpy(np.float64),
    )


def enough(made: Made, prior: Prior) -> Bool:
    """(classes + 1,) of what the drives hold enough to learn from: classes of roads, and last the junctions."""
    classes = (made.class_m >= _LEAST_M).sum(axis=0) >= _LEAST_DRIVES
    classes &= made.class_m.sum(axis=0) >= 1000 * _LEAST_KM
    classes &= ~np.isnan(prior.log_pace)
    return np.append(classes, (made.junctions > 0).sum() >= _LEAST_DRIVES)


def settle(drives: Drives, rows: Int64, prior: Prior) -> Settled:
    """Fit speeds and find the ways that are fastest at them, in turn, until neither changes.

    Where two ways are as fast as each other, speeds may drive the ways to and fro: whenever they turn back, only half
    as much of the next step is taken, so that they settle where both ways tie; what the fits on either side leave open
    then counts as unknown. What the drives tell too little of stays as it was.
    """
    believed = np.append(prior.log_pace, prior.delay_s)
    theta, possible = believed.copy(), np.ones(len(believed), dtype=np.bool_)
    least = np.append(np.full(len(theta) - 1, _SAME_LOG_PACE), _SAME_DELAY_S)
    part, last = 1.0, np.zeros(len(theta))
    for turn in range(_ROUNDS):
        made = drives.made(None if turn == 0 else theta, rows)
        free = enough(made, prior) & possible
        fit, free = _fit_what_can_be(drives, rows, made, prior, free, theta)
        theta = np.where(free, theta, believed)
        if turn >= _FREELY:
            possible &= free  # what comes and goes is given up
        step = np.nan_to_num(fit.theta - theta)
        if (step / _widest()) @ (last / _widest()) < 0:
            part /= 2
        last = step
        theta = np.where(free, theta + part * step, theta)
        small = np.abs(step) <= np.maximum(_SAME * fit.error, least)
        if small.all() or (np.abs(part * step) <= least).all():
            break
    error = np.sqrt(fit.error**2 + ((1 - part) * last) ** 2)
    return Settled(replace(fit, theta=theta, error=error), made, free, turn < _ROUNDS - 1)


def _widest() -> Float:
    """Give the standard errors above which a figure is left as it was."""
    return np.append(np.full(len(ROAD_CLASSES), _WIDEST_LOG_PACE), _WIDEST_DELAY_S)


def _fit_what_can_be(
    drives: Drives, rows: Int64, made: Made, prior: Prior, free: Bool, theta: Float
) -> tuple[Fit, Bool]:
    """Fit what the drives tell enough of; what is known worst goes first, because others may be clearer without it."""
    believed = np.append(prior.log_pace, prior.delay_s)
    free = free.copy()
    while True:
        fit = fit_drives(
            drives.observed_s[rows], made.class_m, made.junctions.astype(np.float64),
            made.fixed_s + made.crossing_s, prior, free, np.where(free, theta, believed),
        )  # fmt: skip
        worse = np.maximum(fit.error / _widest(), _LEAST_BEHIND / np.maximum(fit.behind, 1e-9))
        worse[~free] = 0.0
        if worse.max() <= 1:
            return fit, free
        free[int(worse.argmax())] = False


def folds_of(count: int, folds: int, seed: int) -> Sequence[Int64]:
    """Split positions into folds at random, as evenly as can be."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, folds)]
