"""The drawing of a printed map: ground, boundaries, names, scale and north around what it is about."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib import ft2font
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from mutualaid.maps._escape import shorten
from mutualaid.reports._figure_style import style
from mutualaid.reports._report._map_raster import WIDTH, Frame, Pixels
from mutualaid.reports._report._svg import has_glyphs, rulings, shape_corners, text_width, wrapped

__all__ = ["Drawing"]

#: Dots an inch: the picture is ten inches wide, and printed on two thirds of that.
_DPI = 150
_INK, _OUTSIDE, _LAND, _WATER = "#14202b", "#e9edf0", "#fbfaf5", "#d9e6f0"
_RIVER, _COAST, _ROAD = "#a9c4d6", "#6f8ba0", "#33404d"
#: Points of the names of jurisdictions, and pixels of one.
_NAME_PT = 11.5
_NAME_PX = _NAME_PT * _DPI / 72
#: Most names that are tried, and the widest line in pixels.
_NAMES, _NAME_WIDTH = 150, 300.0
#: Width of roads by the beginning of their class, in points.
_ROADS = (("motorway", 2.0), ("trunk", 2.0), ("primary", 1.5), ("secondary", 1.1), ("tertiary", 0.7))

#: Pixels of the picture for one of its legend.
_LEGEND_PX = WIDTH / 720

Box = tuple[float, float, float, float]
#: Geometries: a GeoSeries, a part of one, or an array.
Shapes: TypeAlias = "gpd.GeoSeries | pd.Series[Any] | NDArray[Any]"


class Drawing:
    """A map that is being drawn; places are in metres of the region's CRS.

    Parameters
    ----------
    frame
        What it shows.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.figure = Figure(figsize=(frame.width / _DPI, frame.height / _DPI), dpi=_DPI, facecolor=_OUTSIDE)
        self.below, self.above = self._axes(0), self._axes(2)
        #: Boxes in pixels, from the upper left, that nothing may be written on.
        self.taken: list[Box] = []
        #: Places in metres that scale and arrow keep off as far as may be.
        self.busy: NDArray[np.float64] = np.empty((0, 2))

    def _axes(self, order: int) -> Axes:
        axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), zorder=order)
        axes.set(xlim=(self.frame.left, self.frame.right), ylim=(self.frame.bottom, self.frame.top))
        axes.set_axis_off()
        return axes

    # --- ground ---

    def ground(self, lands: Shapes, ground: gpd.GeoDataFrame) -> None:
        """Draw land and water, below everything else."""
        self.areas(lands, self.below, facecolor=_LAND)
        kinds = ground["kind"].to_numpy() if len(ground) else np.empty(0, dtype=object)
        wet = ground.geometry[kinds == "water"] if len(ground) else None
        if wet is not None and len(wet):
            self.areas(wet, self.below, facecolor=_WATER)
        for kind, colour, width in (("river", _RIVER, 1.2), ("coast", _COAST, 1.0)):
            if len(ground) and (kinds == kind).any():
                self.lines(ground.geometry[kinds == kind], self.below, color=colour, linewidth=width)

    def cells(self, pixels: Pixels) -> None:
        """Draw painted cells."""
        self.figure.figimage(pixels, zorder=1)

    def roads(self, roads: gpd.GeoDataFrame | None) -> None:
        """Draw main roads thinly: they help to find a place."""
        if roads is None:
            return
        for prefix, width in _ROADS:
            chosen = roads.geometry[roads["class"].str.startswith(prefix)]
            if len(chosen):
                self.lines(chosen, self.above, color=_ROAD, linewidth=width * 0.75, alpha=0.4)

    def boundaries(self, jurisdictions: gpd.GeoDataFrame) -> None:
        """Draw boundaries, dashed within a country and whole between two."""
        outlines = shapely.union_all(shapely.boundary(jurisdictions.geometry.to_numpy()))
        countries = jurisdictions.geometry.groupby(jurisdictions["country"]).agg(shapely.union_all).to_list()
        borders = shapely.union_all(
            [
                shapely.intersection(
                    shapely.boundary(one), shapely.buffer(shapely.union_all(countries[:k]), 5.0)
                )
                for k, one in enumerate(countries)
            ]
        )
        inner = shapely.difference(outlines, shapely.buffer(borders, 5.0))
        for shape, width, dashes in ((inner, 1.3, (0, (5, 3))), (borders, 2.4, "solid")):
            lines = gpd.GeoSeries([shapely.line_merge(shape)])
            self.lines(lines, self.above, color="#ffffff", linewidth=width + 2.2, alpha=0.75)
            self.lines(lines, self.above, color=_INK, linewidth=width, linestyle=dashes)

    # --- shapes ---

    def areas(self, shapes: Shapes, axes: Axes | None = None, **look: Any) -> None:
        """Draw surfaces, holes left out."""
        for shape in self._seen(shapes, 2):
            parts = [_ring_path(ring) for ring in (shape.exterior, *shape.interiors)]
            outline = Path.make_compound_path(*parts)
            (axes or self.above).add_artist(
                PathPatch(outline, **{"linewidth": 0, "edgecolor": "none", **look})
            )

    def lines(self, shapes: Shapes, axes: Axes | None = None, **look: Any) -> None:
        """Draw lines."""
        found = [shapely.get_coordinates(one) for one in self._seen(shapes, 1)]
        (axes or self.above).add_collection(
            LineCollection(found, **{"capstyle": "round", **look}), autolim=False
        )

    def outlines(self, shapes: Shapes, *, colour: str = _INK, width: float = 1.6) -> None:
        """Draw the edges of surfaces, with a white edge."""
        edges = gpd.GeoSeries(shapely.boundary(np.asarray(shapes, dtype=object)))
        self.lines(edges, color="#ffffff", linewidth=width + 1.8, alpha=0.8)
        self.lines(edges, color=colour, linewidth=width)

    def hatched(self, shapes: Shapes, hatch: str, colour: str) -> None:
        """Rule surfaces with the lines of a hatching, below the roads."""
        frame = self.frame
        box = (0.0, 0.0, frame.width / _LEGEND_PX, frame.height / _LEGEND_PX)
        ruled = shapely.multilinestrings(
            [
                [self._place(x1 * _LEGEND_PX, y1 * _LEGEND_PX), self._place(x2 * _LEGEND_PX, y2 * _LEGEND_PX)]
                for x1, y1, x2, y2 in rulings(hatch, box)
            ]
        )
        within = shapely.intersection(
            ruled, shapely.union_all(shapely.make_valid(np.asarray(shapes, dtype=object)))
        )
        self.lines(gpd.GeoSeries([within]), self.below, color=colour, linewidth=1.4, capstyle="butt")

    def line_widths(self, shapes: Shapes, widths: Sequence[float], colour: str) -> None:
        """Draw lines of their own widths in points, the widest on top, with a white edge."""
        order = np.argsort(np.asarray(widths), kind="stable")
        known = np.asarray(shapes, dtype=object)
        lines = [shapely.get_coordinates(known[k]) for k in order]
        wide = [widths[k] for k in order]
        for look, more in (("#ffffff", 1.6), (colour, 0.0)):
            drawn = LineCollection(lines, colors=look, linewidths=[w + more for w in wide], capstyle="round")
            self.above.add_collection(drawn, autolim=False)

    def marks(self, points: Shapes, shape: str, colour: str, *, size: float = 15.0, **look: Any) -> None:
        """Draw a mark at each point, `size` pixels from its middle to its edge, and keep names off it."""
        looks = {"edgecolors": "#ffffff", "linewidths": 1.3, "zorder": 6, **look}
        for x, y in _middles(points):
            if not (self.frame.left <= x <= self.frame.right and self.frame.bottom <= y <= self.frame.top):
                continue
            corners = _shape(shape, x, y, size / self.frame.metre_px)
            self.above.add_collection(PolyCollection([corners], facecolors=colour, **looks), autolim=False)
            at, down = self.pixel(x, y)
            self.taken.append((at - size, down - size, at + size, down + size))

    def crosses(self, points: Shapes, colour: str, *, size: float = 15.0) -> None:
        """Draw a cross at each point, with a white edge."""
        r = size / self.frame.metre_px
        for x, y in _middles(points):
            arms = [[(x - r, y - r), (x + r, y + r)], [(x - r, y + r), (x + r, y - r)]]
            for look, width in (("#ffffff", 6.0), (colour, 3.2)):
                self.above.add_collection(
                    LineCollection(arms, colors=look, linewidths=width, zorder=6), autolim=False
                )
            at, down = self.pixel(x, y)
            self.taken.append((at - size, down - size, at + size, down + size))

    def _seen(self, shapes: Shapes, dimension: int) -> Iterator[Any]:
        """Parts within the frame and a little around it."""
        frame, more = self.frame, 0.02 * (self.frame.right - self.frame.left)
        box = (frame.left - more, frame.bottom - more, frame.right + more, frame.top + more)
        clipped = shapely.clip_by_rect(shapely.make_valid(np.asarray(shapes, dtype=object)), *box)
        for part in shapely.get_parts(shapely.get_parts(clipped)):
            if shapely.get_dimensions(part) == dimension and not shapely.is_empty(part):
                yield part

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Place of a point in pixels from the upper left."""
        return (x - self.frame.left) * self.frame.metre_px, (self.frame.top - y) * self.frame.metre_px

    # --- names, scale, north ---

    def furniture(self) -> None:
        """Draw the scale and the arrow to the north, where least is hidden."""
        frame = self.frame
        length = _round_length((frame.right - frame.left) * 0.2)
        label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
        long = length * frame.metre_px
        wide = max(long, text_width(label, _NAME_PX)) + 44
        self._north()
        edge = frame.width - 16.0 - wide
        left, top = self._calmest(
            [(16.0, frame.height - 84.0), (edge, frame.height - 84.0), (16.0, 16.0)], (wide, 68.0)
        )
        self._plate((left, top, left + wide, top + 68.0))
        start, foot = left + (wide - long) / 2, top + 52.0
        for half, colour in ((0.0, _INK), (0.5, "#ffffff")):
            corner = self._place(start + half * long, foot)
            size = (long / 2 / frame.metre_px, 9 / frame.metre_px)
            look: dict[str, Any] = {"facecolor": colour, "edgecolor": _INK, "linewidth": 1.0, "zorder": 9}
            self.above.add_artist(Rectangle(corner, *size, **look))
        x, y = self._place(left + wide / 2, foot - 18)
        self.above.text(
            x, y, label, ha="center", va="baseline", fontsize=_NAME_PT * 0.95, color=_INK, zorder=9
        )

    def _calmest(
        self, corners: Sequence[tuple[float, float]], size: tuple[float, float]
    ) -> tuple[float, float]:
        """Give the upper left end of the box that hides least; the first of equals."""
        x = (self.busy[:, 0] - self.frame.left) * self.frame.metre_px
        y = (self.frame.top - self.busy[:, 1]) * self.frame.metre_px
        wide, tall = size

        def hidden(corner: tuple[float, float]) -> int:
            left, top = corner
            free = self._free((left, top, left + wide, top + tall))
            inside = (x >= left) & (x <= left + wide) & (y >= top) & (y <= top + tall)
            return int(inside.sum()) + (0 if free else len(x) + 1)

        return min(corners, key=hidden)

    def _north(self) -> None:
        box = self._calmest([(self.frame.width - 80.0, 16.0), (16.0, 16.0)], (60.0, 84.0))
        x, y = box[0] + 30.0, box[1] + 42.0
        self._plate((x - 30, y - 42, x + 30, y + 42))
        for side, colour in ((-1, _INK), (1, "#ffffff")):
            corners = [self._place(*one) for one in ((x, y - 34), (x + side * 18, y + 30), (x, y + 18))]
            look: dict[str, Any] = {"facecolor": colour, "edgecolor": _INK, "linewidth": 1.0, "zorder": 9}
            self.above.add_artist(Polygon(corners, closed=True, **look))

    def _plate(self, box: Box) -> None:
        corner = self._place(box[0], box[3])
        size = ((box[2] - box[0]) / self.frame.metre_px, (box[3] - box[1]) / self.frame.metre_px)
        self.above.add_artist(
            Rectangle(corner, *size, facecolor="#ffffff", alpha=0.85, linewidth=0, zorder=8)
        )
        self.taken.append(box)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Place in metres of a pixel from the upper left."""
        return self.frame.left + x / self.frame.metre_px, self.frame.top - y / self.frame.metre_px

    def names(self, areas: gpd.GeoDataFrame) -> None:
        """Write the names of areas, the largest first, each only where it lies on nothing else."""
        frame = self.frame
        seen = shapely.clip_by_rect(
            shapely.make_valid(areas.geometry.to_numpy()), frame.left, frame.bottom, frame.right, frame.top
        )
        order = np.argsort(-shapely.area(seen), kind="stable")
        for k in order[:_NAMES]:
            name = shorten(areas["name"].iloc[k])
            if shapely.is_empty(seen[k]) or not name or not has_glyphs(name, shaped=_SHAPES_TEXT):
                continue
            lines = wrapped(name, _NAME_WIDTH, _NAME_PX, lines=2, bold=True)
            size = (
                max(text_width(line, _NAME_PX, bold=True) for line in lines),
                _NAME_PX * 1.25 * len(lines),
            )
            for at in self._spots(seen[k], size):
                box = (at[0] - size[0] / 2, at[1] - size[1] / 2, at[0] + size[0] / 2, at[1] + size[1] / 2)
                if self._free(box):
                    self.taken.append((box[0] - 4, box[1] - 2, box[2] + 4, box[3] + 2))
                    self._name("\n".join(lines), at)
                    break

    def _spots(self, area: Any, size: tuple[float, float]) -> Iterable[tuple[float, float]]:
        """Places for a name, the best first: in the widest part of its area, then around it."""
        largest = max(shapely.get_parts(area), key=lambda part: part.area)
        inner = shapely.maximum_inscribed_circle(largest, 1 / self.frame.metre_px)
        x, y = self.pixel(*shapely.get_coordinates(inner)[0].tolist())
        inside = self.pixel(*shapely.get_coordinates(shapely.point_on_surface(largest))[0].tolist())
        wide, tall = size
        yield (x, y)
        yield inside
        for far in (0.6, 1.1, 1.7):
            for a, b in ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)):
                yield x + a * far * wide * 0.6, y + b * far * tall * 1.3

    def _free(self, box: Box) -> bool:
        left, top, right, bottom = box
        if left < 6 or top < 6 or right > self.frame.width - 6 or bottom > self.frame.height - 6:
            return False
        return not any(left < b[2] and b[0] < right and top < b[3] and b[1] < bottom for b in self.taken)

    def _name(self, text: str, at: tuple[float, float]) -> None:
        x, y = self._place(*at)
        halo = [withStroke(linewidth=4.0, foreground="#ffffff")]
        self.above.text(
            x, y, text, ha="center", va="center", fontsize=_NAME_PT, fontweight="bold", linespacing=1.05,
            color=_INK, path_effects=halo, zorder=10,
        )  # fmt: skip

    # --- the file ---

    def png(self, colours: Iterable[str] = ()) -> bytes:
        """Give the picture as PNG, with few colours but these as they are; equal drawings give equal bytes."""
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        picture = _few_colours(np.asarray(canvas.buffer_rgba())[..., :3], colours)  # type: ignore[no-untyped-call]
        out = io.BytesIO()
        picture.save(out, format="PNG", optimize=True)
        return out.getvalue()


@contextmanager
def drawing(frame: Frame) -> Iterator[Drawing]:
    """Draw a map in the style of the project, whatever the reader has set."""
    with style():
        yield Drawing(frame)


#: Whether names in scripts whose letters join are drawn as they are read.
_SHAPES_TEXT = hasattr(ft2font, "__libraqm_version__")


def _few_colours(pixels: NDArray[np.uint8], kept: Iterable[str]) -> Image.Image:
    """Keep some colours, and those that most pixels have, as they are; others, at edges, become the nearest of these.

    Methods that average colours would draw marks in others than their legend has.
    """
    red, green, blue = (pixels[..., k].astype(np.int64) for k in range(3))
    keys = (red << 16 | green << 8 | blue).ravel()
    counts = np.bincount(keys, minlength=1 << 24)
    there = np.flatnonzero(counts)
    order = there[np.argsort(-counts[there], kind="stable")]
    first = np.array([int(colour[1:], 16) for colour in kept], dtype=np.int64)
    most = np.array(list(dict.fromkeys([*first.tolist(), *order[:256].tolist()]))[:256], dtype=np.int64)
    parts = [np.stack([one >> 16, one >> 8 & 255, one & 255], axis=1) for one in (most, there)]
    places = np.zeros(1 << 24, dtype=np.uint8)
    places[there] = cKDTree(parts[0]).query(parts[1])[1]
    picture = Image.fromarray(places[keys].reshape(pixels.shape[:2]))
    picture.putpalette(parts[0].astype(np.uint8).tobytes(), "RGB")
    return picture


def _middles(shapes: Shapes) -> list[list[float]]:
    """Give a point of each shape."""
    places = shapely.get_coordinates(shapely.point_on_surface(np.asarray(shapes, dtype=object)))
    found: list[list[float]] = places.tolist()
    return found


def _ring_path(ring: Any) -> Path:
    corners = shapely.get_coordinates(ring)
    codes = np.full(len(corners), Path.LINETO, dtype=np.uint8)
    codes[0], codes[-1] = Path.MOVETO, Path.CLOSEPOLY
    return Path(corners, codes)


def _shape(shape: str, x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """Corners of a mark around a point; on a map up is more."""
    corners = shape_corners(shape) or [
        (math.cos(math.radians(10 * k)), math.sin(math.radians(10 * k))) for k in range(36)
    ]
    return [(x + radius * a, y - radius * b) for a, b in corners]


def _round_length(most_m: float) -> float:
    """Give the largest of 1, 2, 5, 10 … metres that is no longer."""
    power = 10.0 ** math.floor(math.log10(max(most_m, 1.0)))
    return max(step * power for step in (1, 2, 5) if step * power <= max(most_m, 1.0) * (1 + 1e-9))
