"""Good plans of a p-median by exchanging sites, one at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._median._kernel import moves, nearest_two
from mutualaid.siting._median._points import Points

__all__ = ["improved"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def improved(
    points: Points, weight: Float64, free: Bool, rows: Float64, limit: Float64, is_open: Bool
) -> Bool:
    """Open, close or exchange free sites as long as that helps.

    Parameters
    ----------
    points, weight
        Of which Σ weight · time is made small; nobody's going unreached is worth less than everything else.
    free
        (s,) which sites may be changed.
    rows, limit
        ``rows @ x <= limit`` of the free sites; to exceed it costs still more than to leave somebody unreached.
    is_open
        (s,) where to start.
    """
    is_open = is_open.copy()
    m, s = len(points.most), len(free)
    far = 1e3 * max(1.0, points.time.max(initial=0.0))
    most = np.where(np.isfinite(points.most), points.most, far)
    dear = far * max(1.0, float(weight.sum()))
    first, one, two = np.empty(m, np.int64), np.empty(m), np.empty(m)
    closed = np.append(free & ~is_open, True)
    while True:
        open_sites = np.flatnonzero(is_open & free)
        place = np.full(s, -1)
        place[open_sites] = np.arange(len(open_sites))
        saved = np.empty((len(open_sites) + 1, s + 1))
        nearest_two(points.start, points.site, points.time, most, is_open, first, one, two)
        moves(points.start, points.site, points.time, weight, first, one, two, place, saved)
        over = rows[:, open_sites].sum(axis=1) - limit
        slack = 1e-9 * np.maximum(1.0, np.abs(limit))
        for row, now, bit in zip(rows, over, slack, strict=True):
            after = now + np.append(row, 0.0)[None] - np.append(row[open_sites], 0.0)[:, None]
            saved -= dear * (np.where(after > bit, after, 0.0) - (now if now > bit else 0.0))
        closed[:-1] = free & ~is_open
        saved[:, ~closed] = -np.inf
        i, j = divmod(int(saved.argmax()), s + 1)
        if not saved[i, j] > 1e-9 * max(1.0, float(weight @ np.minimum(one, far))):
            return is_open
        if i < len(open_sites):
            is_open[open_sites[i]] = False
        if j < s:
            is_open[j] = True
