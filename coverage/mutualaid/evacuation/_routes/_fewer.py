"""The routes of a plan, made fewer."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._routes._roads import Roads
from mutualaid.evacuation._routes._search import ENOUGH, Pieces, Search, shortest
from mutualaid.evacuation._routes._simple import held, proportional

__all__ = ["shortened", "tidied"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Ways that carry a smaller share of a source than its fullest way are tried to be left out, first these, then fewer.
_SHARES = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01)


class _Ways:
    """Ways of a plan with the vehicles that take them, the fullest first."""

    def __init__(self, pieces: Pieces) -> None:
        vehicles: dict[tuple[int, bytes], float] = {}
        self.edges: dict[tuple[int, bytes], Int64] = {}
        for way, source, some in zip(pieces.edges, pieces.source, pieces.vehicles, strict=True):
            key = (int(source), way.tobytes())
            vehicles[key] = vehicles.get(key, 0.0) + float(some)
            self.edges[key] = way
        self.vehicles = vehicles
        self.ranked = sorted(vehicles, key=lambda key: (-vehicles[key], key))
        self.fullest: dict[int, tuple[int, bytes]] = {}
        for key in self.ranked:
            self.fullest.setdefault(key[0], key)

    def search(
        self, roads: Roads, supply: Floats, kept: list[tuple[int, bytes]], spare: float, until: float
    ) -> Search:
        """Search rates on some of the ways only."""
        search = Search(roads, supply, more_ways=False, until=until)
        search.spare = spare
        search.add_ways((key[0], self.edges[key]) for key in kept)
        return search


def tidied(roads: Roads, supply: Floats, pieces: Pieces, horizon: float, gap: float, until: float) -> Pieces:
    """Leave out ways that few take, if the others can take these vehicles within the horizon."""
    ways = _Ways(pieces)
    target = float(pieces.vehicles.sum())
    for share in _SHARES:
        kept = [
            key
            for key in ways.ranked
            if key == ways.fullest[key[0]] or ways.vehicles[key] > share * ways.vehicles[ways.fullest[key[0]]]
        ]
        if len(kept) >= len(pieces.edges) or time.monotonic() > until:
            break
        drawn: list[Pieces] = []
        search = ways.search(roads, supply, kept, gap / 8, until)
        most = search.most(horizon, target, until, accept_s=horizon, found=drawn.append)
        fits = [one for one in (most.pieces, *drawn) if one is not None and _does(one, target, horizon)]
        if fits:
            fewest = min(fits, key=lambda one: (len(one.edges), one.clearance_s))
            if len(fewest.edges) < len(pieces.edges):
                return held(roads, fewest)
    return pieces


def _does(pieces: Pieces, target: float, horizon: float) -> bool:
    return bool(
        pieces.vehicles.sum() >= target * (ENOUGH - 2e-6) and pieces.clearance_s <= horizon * (1 + 1e-9)
    )


def shortened(
    roads: Roads, supply: Floats, pieces: Pieces, most_routes: int, gap: float, until: float
) -> Pieces:
    """Keep the ways that most vehicles take, one of each source at least, as long as all get out."""
    if len(pieces.edges) <= most_routes:
        return pieces
    ways = _Ways(pieces)
    kept = list(ways.fullest.values())
    kept += [key for key in ways.ranked if key not in kept][: max(most_routes - len(kept), 0)]
    search = ways.search(roads, supply, kept, gap / 4, until)
    target = float(pieces.vehicles.sum())
    some = np.array([key[0] for key in kept], dtype=np.int64)
    parts = np.array([ways.vehicles[key] for key in kept])
    whole = np.bincount(some, weights=parts, minlength=len(supply))
    out = np.bincount(pieces.source, weights=pieces.vehicles, minlength=len(supply))
    found = [proportional(roads, [ways.edges[key] for key in kept], some, parts / whole[some] * out[some])]
    high = found[0].clearance_s
    if not _does(found[0], target, np.inf):
        high = 2 * max(high, pieces.clearance_s)
        most = search.most(high, target, until)
        if most.pieces is None or not _does(most.pieces, target, np.inf):
            return pieces  # somebody would stay behind
        found.append(most.pieces)
    shortest(search, target, least_s=pieces.clearance_s, most_s=high, goal_s=pieces.clearance_s,
             start_s=pieces.clearance_s * (1 + gap), tolerance=max(gap / 4, 1e-4), until=until,
             found=found.append)  # fmt: skip
    fits = [one for one in found if _does(one, target, np.inf)]
    return held(roads, min(fits, key=lambda one: one.clearance_s))
