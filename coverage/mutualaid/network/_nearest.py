"""The nearest road of places, and where along it they lie, compiled with numba.

Roads come as the vertices of all of them (`Network.road_xy`, `Network.road_offset`); no line is made. They are taken
apart into *stretches* of a few segments, of which only those count that come within a margin of a place. A tree of
boxes leads from place to stretch: stretches are halved by their middles, those halves again and so on, in an array that
needs no pointers. It is as good where towns and empty land lie side by side, or a place far out at sea, as where roads
lie evenly, and it takes memory by the number of stretches alone.

Distances and positions are worked out step by step as GEOS does (``distance``, ``line_locate_point``,
``line_interpolate_point``), so that both agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from mutualaid.threads import in_threads

__all__ = ["RoadTree", "positions", "tree_around"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

#: Most segments of a stretch, and most stretches at a leaf of the tree.
_SEGMENTS, _LEAF = 8, 8
#: About as many stretches are halved to the end by one thread as fit into a processor's own memory.
_HALVED_TOGETHER = 16_384
#: The land around places is told apart in no more than this many columns and rows.
_CELLS = 256
#: Margins wider than the Earth leave nothing out.
_EARTH_M = 1e8
#: Distances are rounded to micrometres: their last bits differ from machine to machine. The second is what rounding,
#: and what was lost in working out either distance, may make of the first.
_MICRO, _LOST = 1e6, 1.000001


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


@dataclass(frozen=True, eq=False)
class RoadTree:
    """Stretches of roads, and the boxes of ever smaller lots of them.

    Box ``i`` holds boxes ``2 * i + 1`` and ``2 * i + 2``, which hold half of its stretches each. The ``n`` boxes that
    hold no other ones stand last; the ``i``-th of these holds stretches ``i * len(road) // n`` up to the next.

    Attributes
    ----------
    xy, offset
        The vertices of all roads, as in `Network`.
    stretch
        (k, 4) west, south, east and north end of each stretch.
    first, road
        (k,) first vertex and road of each stretch.
    box
        (2n - 1, 4) boxes, in the same order.
    margin_m
        Places have all roads that come as close as this to them; inf if all roads are there.
    """

    xy: Floats
    offset: Int64
    stretch: Floats
    first: Int64
    road: Int32
    box: Floats
    margin_m: float

    def nearest(self, at: Floats, within_m: Floats) -> tuple[Int64, Floats]:
        """Find the nearest road, of several the first, and its distance in steps of a micrometre.

        Parameters
        ----------
        at
            (n, 2) places, best in such an order that neighbours follow one another.
        within_m
            (n,) farthest distance of each, no more than the margin.

        Returns
        -------
        tuple
            Road and distance; -1 and inf if none is as near.
        """

        def some(at: Floats, within_m: Floats) -> Floats:
            found = np.empty((len(at), 2))
            _nearest(self.xy, self.offset, self.stretch, self.first, self.road, self.box, at, within_m, found)
            return found

        found = in_threads(some, at, within_m)
        return found[:, 0].astype(np.int64), found[:, 1]


def tree_around(xy: Floats, offset: Int64, wanted: Bools, at: Floats, margin_m: float) -> RoadTree:
    """Make a tree of the roads that come as near as a margin to some places.

    Parameters
    ----------
    xy, offset
        The vertices of all roads, as in `Network`.
    wanted
        (m,) whether to consider each road.
    at
        (n, 2) places.
    margin_m
        At least 1 m.
    """
    capacity = int((-(-(np.diff(offset)[wanted] - 1) // _SEGMENTS)).sum())
    stretch, first, road = np.empty((capacity, 4)), np.empty(capacity, np.int64), np.empty(capacity, np.int32)
    size = _stretches(xy, offset, wanted, *_around(at, margin_m), stretch, first, road)
    stretch, first, road = stretch[:size], first[:size], road[:size]
    depth = max(-(-size // _LEAF) - 1, 0).bit_length()
    apart = min(max(-(-size // _HALVED_TOGETHER) - 1, 0).bit_length(), depth)
    for level, deeper in [*pairwise(range(apart + 1)), (apart, depth)]:
        lots = np.arange(1 << level)
        in_threads(partial(_halve, stretch, first, road, level, deeper), lots, least=1)
    everything = size == capacity
    return RoadTree(
        xy, offset, stretch, first, road, _boxes(stretch, depth), np.inf if everything else margin_m
    )


def positions(
    xy: Floats, offset: Int64, at: Floats, road: Int64, *, at_end_m: float, ahead_m: float
) -> Floats:
    """Find where along a road places lie, and on which side.

    Parameters
    ----------
    xy, offset
        The vertices of all roads, as in `Network`.
    at
        (n, 2) places.
    road
        (n,) road of each; -1 for none.
    at_end_m
        Who is as near as this to an end of the road is at its end.
    ahead_m
        The direction of the road is taken over this far to both sides.

    Returns
    -------
    array
        (n, 2) fraction along each road, and 1 for places on its left, else 0; NaN without a road.
    """

    def some(at: Floats, road: Int64) -> Floats:
        found = np.full((len(at), 2), np.nan)
        _positions(xy, offset, at, road, at_end_m, ahead_m, found)
        return found

    return in_threads(some, at, road)


# --- stretches near places -----------------------------------------------------------------------------------


def _around(at: Floats, margin_m: float) -> tuple[Int64, float, float, float]:
    """Lay cells on the land around places, and count those that come within a margin of one.

    Gives counts, and the western end, the southern end and the width of the cells. The count at a column and row is
    that of all cells further west and south. What lies outside of the land falls into one more cell at each end.
    """
    reach = margin_m * _LOST + 1 / _MICRO
    (west, south), (east, north) = (at.min(axis=0) - reach).tolist(), (at.max(axis=0) + reach).tolist()
    side = max(reach, (east - west) / _CELLS, (north - south) / _CELLS)
    if not side <= _EARTH_M:  # all in the same cell
        return np.multiply.outer(np.arange(4), np.arange(4)), 0.0, 0.0, np.inf
    shape = (int((east - west) / side) + 3, int((north - south) / side) + 3)
    near = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int64)
    _mark(at, reach, west, south, side, near)
    return near.cumsum(axis=0).cumsum(axis=1), west, south, side


@_compiled
def _cell(at: float, start: float, side: float, count: int) -> int:
    # Never less for what lies further on, rounding or not: so whoever is within reach has a cell in common.
    return int(min(max((at - start) / side + 1.0, 0.0), count - 1.0))


@_compiled
def _mark(at: Floats, reach: float, west: float, south: float, side: float, near: Int64) -> None:
    """Mark the cells within reach of places, a column and a row further on."""
    columns, rows = near.shape[0] - 1, near.shape[1] - 1
    for i in range(len(at)):
        first = _cell(at[i, 1] - reach, south, side, rows)
        last = _cell(at[i, 1] + reach, south, side, rows)
        for column in range(
            _cell(at[i, 0] - reach, west, side, columns), _cell(at[i, 0] + reach, west, side, columns) + 1
        ):
            for row in range(first, last + 1):
                near[column + 1, row + 1] = 1


@_compiled
def _stretches(
    xy: Floats,
    offset: Int64,
    wanted: Bools,
    near: Int64,
    west: float,
    south: float,
    side: float,
    stretch: Floats,
    first: Int64,
    road: Int32,
) -> int:
    """Take roads apart, and write down the stretches whose box meets a cell near a place; give their number."""
    columns, rows = near.shape[0] - 1, near.shape[1] - 1
    size = 0
    for one in range(len(offset) - 1):
        if not wanted[one]:
            continue
        at, end = offset[one], offset[one + 1] - 1
        while at < end:
            stop = min(at + _SEGMENTS, end)
            low_x = high_x = xy[at, 0]
            low_y = high_y = xy[at, 1]
            for i in range(at + 1, stop + 1):
                low_x, high_x = min(low_x, xy[i, 0]), max(high_x, xy[i, 0])
                low_y, high_y = min(low_y, xy[i, 1]), max(high_y, xy[i, 1])
            left, right = _cell(low_x, west, side, columns), _cell(high_x, west, side, columns) + 1
            lower, upper = _cell(low_y, south, side, rows), _cell(high_y, south, side, rows) + 1
            if near[right, upper] - near[left, upper] - near[right, lower] + near[left, lower] > 0:
                stretch[size, 0], stretch[size, 1] = low_x, low_y
                stretch[size, 2], stretch[size, 3] = high_x, high_y
                first[size], road[size] = at, one
                size += 1
            at = stop
    return size


# --- the tree ------------------------------------------------------------------------------------------------


@_compiled
def _halve(stretch: Floats, first: Int64, road: Int32, level: int, depth: int, lots: Int64) -> Int64:
    """Put the stretches of some lots in order: the lower half before the upper, from one level of boxes to a deeper."""
    size = len(road)
    for lot in lots:
        for deeper in range(level, depth):
            for i in range(lot << (deeper - level), (lot + 1) << (deeper - level)):
                begin, end = (i * size) >> deeper, ((i + 1) * size) >> deeper
                low_x = low_y = np.inf
                high_x = high_y = -np.inf
                for j in range(begin, end):
                    x, y = stretch[j, 0] + stretch[j, 2], stretch[j, 1] + stretch[j, 3]
                    low_x, high_x = min(low_x, x), max(high_x, x)
                    low_y, high_y = min(low_y, y), max(high_y, y)
                axis = 0 if high_x - low_x >= high_y - low_y else 1
                _select(stretch, first, road, begin, end, ((2 * i + 1) * size) >> (deeper + 1), axis)
    return lots


@_compiled
def _select(stretch: Floats, first: Int64, road: Int32, begin: int, end: int, middle: int, axis: int) -> None:
    """Put those that come first along an axis before the middle, the others behind (Hoare's selection)."""
    low, high = begin, end - 1
    while low < high:
        a = stretch[low, axis] + stretch[low, axis + 2]
        b = stretch[(low + high) >> 1, axis] + stretch[(low + high) >> 1, axis + 2]
        c = stretch[high, axis] + stretch[high, axis + 2]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while stretch[i, axis] + stretch[i, axis + 2] < pivot:
                i += 1
            while stretch[j, axis] + stretch[j, axis + 2] > pivot:
                j -= 1
            if i <= j:
                for side in range(4):
                    stretch[i, side], stretch[j, side] = stretch[j, side], stretch[i, side]
                first[i], first[j] = first[j], first[i]
                road[i], road[j] = road[j], road[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@_compiled
def _boxes(stretch: Floats, depth: int) -> Floats:
    size, leaves = len(stretch), 1 << depth
    box = np.empty((2 * leaves - 1, 4))
    for i in range(leaves):
        at = leaves - 1 + i
        box[at, :2], box[at, 2:] = np.inf, -np.inf
        for j in range((i * size) >> depth, ((i + 1) * size) >> depth):
            for side in range(2):
                box[at, side] = min(box[at, side], stretch[j, side])
                box[at, side + 2] = max(box[at, side + 2], stretch[j, side + 2])
    for at in range(leaves - 2, -1, -1):
        for side in range(2):
            box[at, side] = min(box[2 * at + 1, side], box[2 * at + 2, side])
            box[at, side + 2] = max(box[2 * at + 1, side + 2], box[2 * at + 2, side + 2])
    return box


# --- the nearest ---------------------------------------------------------------------------------------------


@_compiled
def _away(box: Floats, i: int, x: float, y: float) -> float:
    """Square of the distance to a box."""
    dx: float = max(box[i, 0] - x, x - box[i, 2], 0.0)
    dy: float = max(box[i, 1] - y, y - box[i, 3], 0.0)
    return dx * dx + dy * dy


@_compiled
def _distance(xy: Floats, i: int, x: float, y: float) -> float:
    """Give the distance to the segment from a vertex to the next."""
    ax, ay, bx, by = xy[i, 0], xy[i, 1], xy[i + 1, 0], xy[i + 1, 1]
    square = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    if square == 0.0:
        return math.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay))
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square
    if along <= 0.0:
        return math.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay))
    if along >= 1.0:
        return math.sqrt((x - bx) * (x - bx) + (y - by) * (y - by))
    return math.fabs(((ay - y) * (bx - ax) - (ax - x) * (by - ay)) / square) * math.sqrt(square)


@_compiled
def _nearest(
    xy: Floats,
    offset: Int64,
    stretch: Floats,
    first: Int64,
    road: Int32,
    box: Floats,
    at: Floats,
    within_m: Floats,
    found: Floats,
) -> None:
    size, leaves = len(road), (len(box) + 1) // 2
    depth = 0
    while 1 << depth < leaves:
        depth += 1
    ahead, ahead_away = np.empty(depth + 2, np.int64), np.empty(depth + 2)
    for place in range(len(at)):
        x, y = at[place, 0], at[place, 1]
        best_m, best = within_m[place], len(offset)
        reach = ((best_m + 1 / _MICRO) * _LOST) ** 2
        ahead[0], ahead_away[0] = 0, _away(box, 0, x, y)
        waiting = 1
        while waiting:
            waiting -= 1
            i = ahead[waiting]
            if not ahead_away[waiting] <= reach:
                continue
            if i < leaves - 1:
                near, far = 2 * i + 1, 2 * i + 2
                near_away, far_away = _away(box, near, x, y), _away(box, far, x, y)
                if far_away < near_away:
                    near, far, near_away, far_away = far, near, far_away, near_away
                ahead[waiting], ahead_away[waiting] = far, far_away
                ahead[waiting + 1], ahead_away[waiting + 1] = near, near_away
                waiting += 2
                continue
            leaf = i - leaves + 1
            for j in range((leaf * size) >> depth, ((leaf + 1) * size) >> depth):
                if not _away(stretch, j, x, y) <= reach:
                    continue
                one = road[j]
                for k in range(first[j], min(first[j] + _SEGMENTS, offset[one + 1] - 1)):
                    away_m = np.rint(_distance(xy, k, x, y) * _MICRO) / _MICRO
                    if away_m < best_m or (away_m == best_m and one < best):
                        best_m, best = away_m, one
                        reach = ((best_m + 1 / _MICRO) * _LOST) ** 2
        there = best < len(offset)
        found[place, 0], found[place, 1] = (best, best_m) if there else (-1, np.inf)


# --- along a road --------------------------------------------------------------------------------------------


@_compiled
def _length(xy: Floats, i: int) -> float:
    """Give the length of the segment from a vertex to the next."""
    dx, dy = xy[i + 1, 0] - xy[i, 0], xy[i + 1, 1] - xy[i, 1]
    return math.sqrt(dx * dx + dy * dy)


@_compiled
def _located(xy: Floats, begin: int, end: int, x: float, y: float) -> tuple[float, float]:
    """Give how far along the line of some vertices a place lies, and how long the line is."""
    along, least, passed = 0.0, np.inf, 0.0
    for i in range(begin, end - 1):
        away, length = _distance(xy, i, x, y), _length(xy, i)
        if away < least:
            least = away
            dx, dy = xy[i + 1, 0] - xy[i, 0], xy[i + 1, 1] - xy[i, 1]
            part = 0.0
            if x == xy[i + 1, 0] and y == xy[i + 1, 1] and length > 0.0:
                part = 1.0
            elif length > 0.0:
                part = ((x - xy[i, 0]) * dx + (y - xy[i, 1]) * dy) / (dx * dx + dy * dy)
            along = passed + min(max(part, 0.0), 1.0) * length
        passed += length
    return along, passed


@_compiled
def _interpolated(xy: Floats, begin: int, end: int, along: float) -> tuple[float, float]:
    """Give the point so far along the line of some vertices."""
    if along <= 0.0:
        return xy[begin, 0], xy[begin, 1]
    passed = 0.0
    for i in range(begin, end - 1):
        length = _length(xy, i)
        if passed + length > along:
            part = (along - passed) / length
            if part <= 0.0:
                return xy[i, 0], xy[i, 1]
            return (xy[i + 1, 0] - xy[i, 0]) * part + xy[i, 0], (xy[i + 1, 1] - xy[i, 1]) * part + xy[i, 1]
        passed += length
    return xy[end - 1, 0], xy[end - 1, 1]


@_compiled
def _positions(
    xy: Floats, offset: Int64, at: Floats, road: Int64, at_end_m: float, ahead_m: float, found: Floats
) -> None:
    for place in range(len(road)):
        if road[place] < 0:
            continue
        begin, end = offset[road[place]], offset[road[place] + 1]
        x, y = at[place, 0], at[place, 1]
        along, length = _located(xy, begin, end, x, y)
        if along <= at_end_m:
            along = 0.0
        elif along >= length - at_end_m:
            along = length
        found[place, 0] = along / length if length > 0.0 else 0.0
        on_x, on_y = _interpolated(xy, begin, end, min(along, length))
        to_x, to_y = _interpolated(xy, begin, end, min(along + ahead_m, length))
        from_x, from_y = _interpolated(xy, begin, end, max(along - ahead_m, 0.0))
        left = (to_x - from_x) * (y - on_y) > (to_y - from_y) * (x - on_x)
        found[place, 1] = 1.0 if left else 0.0
