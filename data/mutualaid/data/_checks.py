"""What must hold between the tables of a region: known ids, areas without overlap, points inside them."""

from __future__ import annotations

import difflib
import math
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Proj
from pyproj.exceptions import ProjError

from mutualaid.data._formats import LISTED, WGS84, RawTable, said
from mutualaid.data._paths import shown
from mutualaid.errors import Defect

__all__ = [
    "Areas",
    "check_cells",
    "check_crs",
    "check_ground",
    "check_ids",
    "check_overlaps",
    "check_shelters",
    "locate",
    "point_tolerance_m",
]

#: Areas may overlap by slivers up to this width: what two surveys of one boundary differ by, and what the roads
#: are cut with. Whoever lies in a sliver counts for the first of the two.
SLIVER_M = 10.0
#: A point may lie this far outside its jurisdiction: mapped boundaries and positions are no better.
TOLERANCE_M = 50.0
#: Largest error of scale of the region's CRS: UTM has 0.1 % in its zone, Web Mercator 40 % at 45° north.
SCALE_ERROR = 0.03


class Areas:
    """The jurisdictions as areas in the region's CRS, ready for looking points up.

    Attributes
    ----------
    crs
        The region's CRS.
    ids
        Ids of all jurisdictions, in order, each once.
    shapes
        Their polygons; None where there is none that can be used.
    complete
        Whether all have an id and a polygon: only then is a point outside all of them a defect.
    """

    def __init__(self, frame: gpd.GeoDataFrame, *, complete: bool) -> None:
        first = ~frame["id"].duplicated() & frame["id"].notna()
        self.crs: Any = frame.crs
        self.ids: pd.Index[Any] = pd.Index(frame.loc[first, "id"])
        self.shapes = geometries(frame.geometry)[first.to_numpy()]
        self.complete = complete and bool(first.all())
        self.tree = shapely.STRtree(self.shapes)

    def first(self, points: NDArray[np.object_]) -> NDArray[np.int64]:
        """Position of the first area that each point lies in; -1 if none."""
        result = np.full(len(points), len(self.ids), np.int64)
        # The index prepares what it is asked with: areas, which have thousands of vertices.
        area, point = shapely.STRtree(points).query(self.shapes, predicate="intersects")
        np.minimum.at(result, point, area)
        return np.where(result == len(self.ids), -1, result)

    def nearest(self, points: NDArray[np.object_], tolerance_m: float) -> NDArray[np.int64]:
        """Position of the nearest area within the tolerance; -1 if none."""
        result = np.full(len(points), -1, np.int64)
        usable = np.flatnonzero(~shapely.is_missing(points) & ~shapely.is_empty(points))
        point, area = self.tree.query_nearest(points[usable], max_distance=tolerance_m, all_matches=False)
        result[usable[point]] = area
        return result


def geometries(series: gpd.GeoSeries) -> NDArray[np.object_]:
    """Give the geometries as an array of shapely objects, to be changed freely."""
    return np.array(series.array, dtype=object)


def check_crs(crs: CRS, text: str, file: str, lon: float, lat: float) -> Defect | None:
    """Say why a CRS cannot be the region's: not projected, not in metres, or false in scale here."""
    where, expected = "[region] crs", "a projected CRS in metres"
    remedy = "use the UTM zone of the region, such as EPSG:32632, or the national grid"
    if not crs.is_projected:
        return Defect(file, where, expected, f"{text} ({crs.name}), which is not projected", remedy)
    units = {axis.unit_name for axis in crs.axis_info}
    if units != {"metre"}:
        return Defect(file, where, expected, f"{text} ({crs.name}), in {', '.join(sorted(units))}", remedy)
    try:
        factors = Proj(crs).get_factors(lon, lat, errcheck=True)
        error = max(abs(factors.meridional_scale - 1), abs(factors.parallel_scale - 1))
    except ProjError:
        error = np.inf
    if not error <= SCALE_ERROR:
        said_error = f"wrong by {error:.0%} there" if np.isfinite(error) else "not defined there"
        got = f"{text} ({crs.name}), whose scale is {said_error}"
        return Defect(file, where, "a CRS that is true to scale in the region", got, remedy)
    return None


def check_ids(
    raw: RawTable, values: pd.Series[Any], known: pd.Index, *, column: str, what: str
) -> NDArray[np.int64]:
    """Report ids that do not exist, and give the position of each: -1 if unknown or missing."""
    if known.empty:  # which is a defect of its own
        return np.full(len(values), -1, np.int64)
    position = np.asarray(known.get_indexer(pd.Index(values)), np.int64)
    unknown = (position < 0) & values.notna().to_numpy()
    some = ", ".join(shown(name)[1:-1] for name in known[:5]) + (" …" if len(known) > 5 else "")
    names = values[unknown].unique()
    # Few names are probably slips, each with a remedy of its own; many are another list of ids.
    for group in [[name] for name in names] if len(names) <= 5 else [list(names)]:
        close = difflib.get_close_matches(str(group[0]), map(str, known), n=1) if len(group) == 1 else []
        raw.report(
            unknown & values.isin(group).to_numpy(),
            values.to_list(),
            column=column,
            expected=f"the id of a {what}",
            remedy=f"did you mean {shown(close[0])[1:-1]}" if close else f"use one of {some}",
        )
    return position


def check_overlaps(raw: RawTable, frame: gpd.GeoDataFrame) -> None:
    """Report each pair of areas that overlap by more than a sliver; `frame` is in the region's CRS."""
    shapes = geometries(frame.geometry)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    left, right = left[left < right], right[left < right]
    common = shapely.intersection(shapes[left], shapes[right])
    wide = ~shapely.is_empty(shapely.buffer(common, -SLIVER_M / 2))
    left, right, common = left[wide], right[wide], common[wide]
    for one, other, shape in zip(left[:LISTED], right[:LISTED], common[:LISTED], strict=True):
        point = gpd.GeoSeries([shape.representative_point()], crs=frame.crs).to_crs(WGS84)
        lon, lat = point.x.iloc[0], point.y.iloc[0]
        width_m = 2 * shapely.length(shapely.maximum_inscribed_circle(shape, tolerance=0.1))
        raw.defects.append(
            Defect(
                raw.file,
                f"{raw.place(one)}, {raw.place(other)}",
                f"areas that do not overlap by more than {SLIVER_M:g} m",
                f"{shape.area:,.0f} m² in common, {width_m:,.1f} m wide, near lon {lon:.5f}, lat {lat:.5f}",
                "cut one area by the other, in QGIS with Difference",
            )
        )
    if len(common) > LISTED:
        got = f"{len(common) - LISTED} more pairs that do"
        raw.defects.append(
            Defect(raw.file, "", "areas that do not overlap so much", got, "cut them by each other")
        )


def point_tolerance_m(cell_m: float | None = None) -> float:
    """How far a point may lie outside its jurisdiction: half the diagonal of its cell, if that is more."""
    return max(TOLERANCE_M, (cell_m or 0.0) * math.sqrt(0.5))


def locate(raw: RawTable, frame: gpd.GeoDataFrame, areas: Areas, tolerance_m: float) -> pd.Series[Any]:
    """Complete the column ``jurisdiction`` by location; report points outside or in another than stated."""
    stated = frame["jurisdiction"]
    if areas.ids.empty:
        return stated
    code = check_ids(raw, stated, areas.ids, column="jurisdiction", what="jurisdiction")
    points = geometries(frame.geometry)
    usable = ~raw.reported & ~(stated.notna().to_numpy() & (code < 0))
    points[~usable] = None
    found = areas.first(points)
    lost = usable & (found < 0)
    found[lost] = areas.nearest(points[lost], tolerance_m)
    far = np.zeros(len(points), bool)
    doubtful = np.flatnonzero(usable & (code >= 0) & (code != found))
    # A missing shape gives a distance of NaN, which is not far.
    far[doubtful] = shapely.distance(points[doubtful], areas.shapes[code[doubtful]]) > tolerance_m
    outside = usable & (found < 0) & (far | (code < 0))
    if areas.complete:
        _report_outside(raw, frame, areas, outside, usable)
    elsewhere = far & (found >= 0)
    texts = [""] * len(points)
    for at in np.flatnonzero(elsewhere).tolist():
        texts[at] = f"{shown(stated.iloc[at])}, but it lies in {shown(areas.ids[found[at]])}"
    raw.report(
        elsewhere,
        said(texts),
        column="jurisdiction",
        expected="the jurisdiction that the point lies in",
        remedy="correct the id, or the coordinates",
    )
    by_place: pd.Series[Any] = pd.Series(areas.ids[found], index=frame.index).where(found >= 0)
    return stated.where(stated.notna(), by_place)


def _report_outside(
    raw: RawTable,
    frame: gpd.GeoDataFrame,
    areas: Areas,
    outside: NDArray[np.bool_],
    usable: NDArray[np.bool_],
) -> None:
    if not outside.any():
        return
    swapped = np.zeros(len(outside), bool)
    swapped[outside] = _fits_swapped(raw, areas, outside)
    expected = "a point inside a jurisdiction"
    place = ("columns lon, lat" if raw.unit == "row" else "geometry") if outside.sum() > 1 else ""
    if place and (swapped == usable).all():
        raw.defects.append(
            Defect(raw.file, place, "points inside the jurisdictions", "lon and lat swapped", "exchange them")
        )
        return
    distance = shapely.distance(geometries(frame.geometry), shapely.union_all(areas.shapes))
    texts = said([f"{value / 1000:,.1f} km outside all of them" for value in distance])
    if place and (outside == usable).all():
        first = texts[int(np.flatnonzero(outside)[0])].removesuffix(" of them")
        got = f"all of them outside, the first {first}"
        remedy = "check that the file is of this region, and its CRS"
        raw.defects.append(Defect(raw.file, place, "points inside the jurisdictions", got, remedy))
        return
    raw.report(
        outside & swapped,
        said(["lon and lat swapped"] * len(texts)),
        column="",
        expected=expected,
        remedy="exchange them",
    )
    remedy = "correct the coordinates, remove the row, or add the jurisdiction it lies in"
    raw.report(outside & ~swapped, texts, column="", expected=expected, remedy=remedy)


def _fits_swapped(raw: RawTable, areas: Areas, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether points would lie in a jurisdiction if their coordinates were exchanged."""
    if raw.crs is None or not raw.crs.is_geographic or raw.geometry is None:
        return np.zeros(int(rows.sum()), bool)
    x, y = shapely.get_coordinates(shapely.centroid(raw.geometry[rows])).T
    possible = np.abs(x) <= 90
    lon, lat = np.where(possible, y, np.nan), np.where(possible, x, np.nan)
    return areas.first(geometries(gpd.GeoSeries.from_xy(lon, lat, crs=raw.crs).to_crs(areas.crs))) >= 0


def check_ground(raw: RawTable, frame: gpd.GeoDataFrame, areas: Areas) -> None:
    """Report a ground that does not come near any area: it is of another region, or in another CRS."""
    shapes = geometries(frame.geometry)[~raw.reported]
    if not areas.complete or not len(shapes):
        return
    distance_m = float(shapely.distance(shapes, shapely.box(*shapely.total_bounds(areas.shapes))).min())
    if distance_m > 0:
        got = f"all of it outside, the nearest {distance_m / 1000:,.1f} km"
        remedy = "check that the file is of this region, and its CRS"
        raw.defects.append(Defect(raw.file, "geometry", "ground of the region", got, remedy))


def check_shelters(raw: RawTable, frame: pd.DataFrame, areas: pd.DataFrame) -> Any:
    """Report owners that are no partner, and shelters that close before they open; complete the owner by the place."""
    partners = pd.Index(areas["partner"].dropna().unique())
    check_ids(raw, frame["owner"], partners, column="owner", what="partner, as the jurisdictions name it,")
    early = (frame["closes_min"] <= frame["opens_min"]).to_numpy()
    opens, closes = frame["opens_min"].to_list(), frame["closes_min"].to_list()
    got = said([f"closes {b:g}, opens {a:g}" for a, b in zip(opens, closes, strict=True)])
    remedy = "correct one of them, or leave closes_min empty if it stays open"
    raw.report(early, got, column="closes_min", expected="minutes after opens_min", remedy=remedy)
    # Where an id stands twice, which is a defect, nobody can say whose the place is.
    known = areas[["id", "partner"]].dropna().drop_duplicates("id").set_index("id")["partner"]
    return frame.assign(owner=frame["owner"].where(frame["owner"].notna(), frame["jurisdiction"].map(known)))


def check_cells(raw: RawTable, frame: gpd.GeoDataFrame, cell_m: float | None, toml: str) -> gpd.GeoDataFrame:
    """Report cells that are incomplete or do not hold their point; make them if only their width is known."""
    given = [name for name in ("cell_x", "cell_y") if name in frame]
    x, y = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    if not given:
        return frame if cell_m is None else frame.assign(cell_x=x - cell_m / 2, cell_y=y - cell_m / 2)
    if cell_m is None or len(given) == 1:
        missing = "cell_m in [demand]" if cell_m is None else "both columns cell_x and cell_y"
        got = f"{' and '.join(given)} alone"
        raw.defects.append(Defect(toml, "[demand]", missing, got, "state the width of the cells in metres"))
        return frame
    corner = frame[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)
    offset = np.column_stack([x, y]) - corner
    holds = ((offset >= -1.0) & (offset <= cell_m + 1.0)).all(axis=1)
    wrong = ~holds & ~raw.reported
    texts = said([f"cell_x {cx:.10g}, cell_y {cy:.10g}" for cx, cy in corner])
    expected = "the lower left corner of the cell that holds the point"
    remedy = "state it in metres of the region's CRS"
    if wrong.sum() > 1 and wrong.sum() == (~raw.reported).sum():
        got = f"{texts[int(np.flatnonzero(wrong)[0])]} and so on in every row"
        raw.defects.append(Defect(raw.file, "columns cell_x, cell_y", expected, got, remedy))
    else:
        raw.report(wrong, texts, column="cell_x, cell_y", expected=expected, remedy=remedy)
    return frame
