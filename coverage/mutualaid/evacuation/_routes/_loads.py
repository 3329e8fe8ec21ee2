"""How much flow each lane carries at each moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._routes._pricing import INSTANT_S

__all__ = ["Passing", "lane_peaks", "passing"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Lane, seconds when flow begins and ceases to enter it, and its rate: one row for each piece of road of each route.
Passing = tuple[Int64, Floats, Floats, Floats]


def passing(
    starts: Int64, lanes: Int64, offsets: Floats, departs: Floats, until: Floats, rates: Floats
) -> Passing:
    """Say when routes enter lanes; `starts` bounds the lanes and offsets of each route."""
    count = np.diff(starts)
    gone = np.repeat(departs, count) + offsets
    return lanes, gone, np.repeat(until, count) + offsets, np.repeat(rates, count)


def lane_peaks(flow: Passing, *, instant: float = INSTANT_S) -> tuple[Int64, Floats, Floats]:
    """List all moments when flow begins to enter a lane, by lane, then time: lane, moment, and flow just after.

    Flows that overlap for less than `instant` seconds are taken to follow one another.
    """
    lane, enters, leaves, rate = flow
    lanes = np.concatenate([lane, lane])
    times = np.concatenate([enters, leaves - instant])
    change = np.concatenate([rate, -rate])
    order = np.lexsort((change, times, lanes))
    lanes, times, change = lanes[order], times[order], change[order]
    summed = np.cumsum(change)
    before = np.concatenate([[0.0], summed])[np.searchsorted(lanes, lanes, side="left")]
    last = np.ones(len(lanes), bool)
    last[:-1] = (lanes[1:] != lanes[:-1]) | (times[1:] != times[:-1])
    keep = (change > 0) & last
    return lanes[keep], times[keep], np.maximum(summed - before, 0.0)[keep]
