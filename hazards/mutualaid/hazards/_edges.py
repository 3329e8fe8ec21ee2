"""Edges of polygons on a coarse grid: what is far from all of them needs no cutting."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from mutualaid.threads import in_threads

__all__ = ["NEAR", "Edges"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Stands for a segment that an edge may be near.
NEAR = -2
_MOST_CELLS = 2048


class Edges:
    """Cells that edges of polygons enter, and the first polygon that holds each of the others.

    A column of cells is all places whose rounded position is its number, so what is between two places is between
    their columns, however that rounds; the first and the last column go on for ever, and so do rows. An edge is
    noted in all cells of the box around it. Two places in cells without an edge that hang together lie in the same
    polygons.
    """

    def __init__(
        self,
        polygons: NDArray[np.object_],
        reach: tuple[float, float, float, float] | None,
        count: int,
    ) -> None:
        """Note the edges of valid polygons, in cells for so many segments or points within reach, if that is known."""
        self.side = min(max(math.isqrt(count), 2), _MOST_CELLS)
        boxes = shapely.bounds(polygons)
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        low, high = boxes[:, :2].min(axis=0, initial=np.inf), boxes[:, 2:].max(axis=0, initial=-np.inf)
        if reach is not None:
            low, high = (
                np.clip(side, low, high) if len(boxes) else side for side in np.reshape(reach, (2, 2))
            )
        width = np.where(high > low, high - low, 1.0)
        self.low, self.step = np.where(np.isfinite(low), low, 0.0), width / (self.side - 1)
        rings = shapely.get_rings(shapely.get_parts(polygons))
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        joined = ring[1:] == ring[:-1]
        at = self._cells(xy)
        first, last = self._boxes(at[:-1][joined], at[1:][joined])
        edged = _covered(first, last, self.side + 2)
        #: Cells with an edge in the rectangle before each corner.
        self.before = np.pad(edged.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32), ((1, 0), (1, 0)))
        self.holder = self._holders(polygons, edged)

    def of(self, start: Floats, end: Floats) -> Ints:
        """Give the first polygon that holds each segment, -1 if none does, `NEAR` if an edge may be near."""
        return in_threads(self._of, start, end, least=50_000)

    def _of(self, start: Floats, end: Floats) -> Ints:
        at = self._cells(start)
        first, last = self._boxes(at, self._cells(end))
        last += 1
        edges = (
            self.before[last[:, 1], last[:, 0]]
            - self.before[first[:, 1], last[:, 0]]
            - self.before[last[:, 1], first[:, 0]]
            + self.before[first[:, 1], first[:, 0]]
        )
        return np.where(edges > 0, NEAR, self.holder[at[:, 1], at[:, 0]])

    def _cells(self, xy: Floats) -> Ints:
        """Column and row of places: every step keeps their order."""
        at = (xy - self.low) / self.step
        at += 1.5
        return np.clip(np.floor(at, out=at), 0, self.side + 1, out=at).astype(np.int64)

    @staticmethod
    def _boxes(start: Ints, end: Ints) -> tuple[Ints, Ints]:
        return np.minimum(start, end), np.maximum(start, end)

    def _holders(self, polygons: NDArray[np.object_], edged: NDArray[np.bool_]) -> Ints:
        part, count = ndimage.label(~edged)
        cell = np.zeros(count + 1, np.int64)
        cell[part.ravel()] = np.arange(edged.size)
        row, column = np.divmod(cell[1:], self.side + 2)
        x, y = (np.column_stack([column, row]) - 1.0).T * self.step[:, None] + self.low[:, None]
        # Boxes first, then the polygons themselves, which know their edges by height once they are prepared.
        point, polygon = shapely.STRtree(polygons).query(shapely.points(x, y))
        shapely.prepare(polygons[np.unique(polygon)])
        within = shapely.intersects_xy(polygons[polygon], x[point], y[point])
        holder = np.full(count + 1, len(polygons), np.int64)
        np.minimum.at(holder, point[within] + 1, polygon[within])
        holder[holder == len(polygons)] = -1
        return holder[part]


def _covered(first: Ints, last: Ints, side: int) -> NDArray[np.bool_]:
    """Cells of a square that some of the boxes (column, row; both ends belong to them) cover."""
    wide = side + 1
    corners = np.zeros(wide * wide, np.int64)
    for sign, column, row in (
        (1, first[:, 0], first[:, 1]),
        (-1, last[:, 0] + 1, first[:, 1]),
        (-1, first[:, 0], last[:, 1] + 1),
        (1, last[:, 0] + 1, last[:, 1] + 1),
    ):
        corners += sign * np.bincount(row * wide + column, minlength=wide * wide)
    return corners.reshape(wide, wide).cumsum(0).cumsum(1)[:side, :side] > 0
