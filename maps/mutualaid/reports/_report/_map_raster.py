"""Places painted as pixels: each cell in its colour, with a hatching that says the same without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from mutualaid.maps._palette import Swatch
from mutualaid.reports._report._svg import DOT_RADIUS, DOT_STEP, HATCH_INKS, HATCH_LINES

__all__ = ["Frame", "frame_around", "paint"]

#: Pixels of a picture across, and the least and most of its height as shares of that.
WIDTH = 1_500
_FLATTEST, _TALLEST = 0.6, 0.95
#: Pixels of the picture for one of a legend beside it.
_SCALE = WIDTH / 720
#: Where places are points: least and most pixels from the middle of one to its edge.
_POINT_PX = (2, 9)
#: Cells of so many pixels bear lines as fine as in a legend.
_CELL_PX = 8.0

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """What a picture shows.

    Attributes
    ----------
    left, bottom, right, top
        In metres of the region's CRS.
    width, height
        In pixels.
    """

    left: float
    bottom: float
    right: float
    top: float
    width: int
    height: int

    @property
    def metre_px(self) -> float:
        """Pixels of a metre."""
        return self.width / (self.right - self.left)


def frame_around(
    bounds: Sequence[float] | NDArray[np.float64], *, margin: float = 0.04, least_m: float = 400.0
) -> Frame:
    """Give the frame that holds some bounds with a margin, in a shape that stands well on a page.

    Parameters
    ----------
    bounds
        Left, bottom, right and top in metres.
    margin
        Share of the longer side that is added on each side.
    least_m
        Width at least.
    """
    left, bottom, right, top = bounds
    more = margin * max(right - left, top - bottom)
    wide, tall = max(right - left + 2 * more, least_m), max(top - bottom + 2 * more, least_m * _FLATTEST)
    ratio = min(max(tall / wide, _FLATTEST), _TALLEST)
    wide = max(wide, tall / ratio)
    height = round(WIDTH * ratio)
    tall = wide * height / WIDTH
    x, y = (left + right) / 2, (bottom + top) / 2
    return Frame(x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2, WIDTH, height)


def paint(
    places: gpd.GeoDataFrame,
    codes: NDArray[np.int64],
    looks: Sequence[Swatch],
    frame: Frame,
    cell_m: float | None,
) -> Pixels:
    """Paint places, each in the look of its code.

    Parameters
    ----------
    places
        With ``population`` and, where they are cells, ``cell_x`` and ``cell_y`` (lower left corners). Of places in one
        cell that with the most people is seen.
    codes
        Position of the look of each place; -1 for none.
    looks
        Colours and hatchings.
    frame
        What the picture shows.
    cell_m
        Width of a cell; None where places are points.

    Returns
    -------
    numpy.ndarray
        ``uint8 (height, width, 4)``, clear where there is nobody.
    """
    drawn = _coded(places, codes, frame, cell_m)
    # Small cells have finer lines: each still shows its colour, and its hatching.
    wide = _SCALE * _CELL_PX if cell_m is None else cell_m * frame.metre_px
    scale = min(max(wide / _CELL_PX, 1.0), _SCALE)
    picture = np.zeros((frame.height, frame.width, 4), dtype=np.uint8)
    for code in np.unique(drawn[drawn >= 0]).tolist():
        rows, columns = np.nonzero(drawn == code)
        look = looks[code]
        colour = np.asarray(_rgb(look.colour), dtype=np.float64)
        if look.hatch:
            ink, opacity = HATCH_INKS[look.hatch]
            share = (opacity * _inked(look.hatch, columns, rows, scale))[:, None]
            picture[rows, columns, :3] = np.rint(colour + share * (np.asarray(_rgb(ink)) - colour))
        else:
            picture[rows, columns, :3] = colour
        picture[rows, columns, 3] = 255
    return picture


def _coded(
    places: gpd.GeoDataFrame, codes: NDArray[np.int64], frame: Frame, cell_m: float | None
) -> NDArray[np.int64]:
    """Code of each pixel."""
    order = np.argsort(places["population"].fillna(0.0).to_numpy(dtype=np.float64), kind="stable")
    order = order[codes[order] >= 0]
    empty = np.full((frame.height, frame.width), -1, dtype=np.int64)
    if not len(order):
        return empty
    corner = _corners(places, cell_m)
    if corner is None or cell_m is None:
        return _dotted(places.geometry.to_numpy()[order], codes[order], frame, empty)
    origin = corner.min(axis=0)
    cells = np.rint((corner - origin) / cell_m).astype(np.int64)
    columns, rows = cells.max(axis=0) + 1
    grid = np.full((rows, columns), -1, dtype=np.int64)
    # Later ones stay: those with more people.
    grid[cells[order, 1], cells[order, 0]] = codes[order]
    x = frame.left + (np.arange(frame.width) + 0.5) / frame.metre_px
    y = frame.top - (np.arange(frame.height) + 0.5) / frame.metre_px
    column = np.floor((x - origin[0]) / cell_m).astype(np.int64)
    row = np.floor((y - origin[1]) / cell_m).astype(np.int64)
    inside = ((row >= 0) & (row < rows))[:, None] & ((column >= 0) & (column < columns))[None, :]
    found = grid[np.clip(row, 0, rows - 1)[:, None], np.clip(column, 0, columns - 1)[None, :]]
    return np.where(inside, found, -1)


def _corners(places: gpd.GeoDataFrame, cell_m: float | None) -> NDArray[np.float64] | None:
    """Lower left corners of places that are the cells of one grid."""
    if cell_m is None or "cell_x" not in places or "cell_y" not in places:
        return None
    corner = places[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)
    if not np.isfinite(corner).all():
        return None
    steps = (corner - corner.min(axis=0)) / cell_m
    return corner if np.abs(steps - np.rint(steps)).max(initial=0.0) < 0.01 else None


def _dotted(
    points: NDArray[Any], codes: NDArray[np.int64], frame: Frame, drawn: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Draw a disc for each point, smaller where there are many."""
    at = shapely.get_coordinates(shapely.point_on_surface(points))
    x = np.floor((at[:, 0] - frame.left) * frame.metre_px).astype(np.int64)
    y = np.floor((frame.top - at[:, 1]) * frame.metre_px).astype(np.int64)
    room = math.sqrt(frame.width * frame.height / max(len(points), 1))
    radius = int(np.clip(round(room / 5), *_POINT_PX))
    for across in range(-radius, radius + 1):
        for down in range(-radius, radius + 1):
            if across**2 + down**2 > (radius + 0.3) ** 2:
                continue
            column, row = x + across, y + down
            seen = (column >= 0) & (column < frame.width) & (row >= 0) & (row < frame.height)
            drawn[row[seen], column[seen]] = codes[seen]
    return drawn


def _inked(hatch: str, x: NDArray[np.int64], y: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """Share of each pixel that the ink of a hatching covers."""
    if hatch == "dots":
        step, radius = DOT_STEP * scale, DOT_RADIUS * scale
        away = np.hypot(x % step - step / 2, y % step - step / 2)
        found: NDArray[np.float64] = np.clip(radius - away + 0.5, 0.0, 1.0)
        return found
    covered = np.zeros(len(x), dtype=np.float64)
    for angle, step, width in HATCH_LINES[hatch]:
        turned = math.radians(angle)
        # Rows run down, so that what rises on the page falls in rows.
        across = x * math.sin(turned) + y * math.cos(turned)
        apart = step * scale
        away = np.abs((across + apart / 2) % apart - apart / 2)
        covered = np.maximum(covered, np.clip(width * scale / 2 - away + 0.5, 0.0, 1.0))
    return covered


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue
