"""Where people are: from municipal totals, a population raster, or census tables, without losing anybody.

Every function gives two frames: the demand, and what could not be placed, with the reason. Together they hold
exactly the people that came in.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from mutualaid.errors import Defect, DemandError

__all__ = [
    "demand_from_census",
    "demand_from_totals",
]

# --- from points with a weight to cells ---


@dataclass(frozen=True, eq=False)
class Pieces:
    # People at places in the CRS of the jurisdictions; jurisdiction is a position, -1 outside all.
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    people: NDArray[np.float64]
    jurisdiction: NDArray[np.int64]


def cells_of(pieces: Pieces, ids: pd.Index, crs: CRS, cell_m: float | None) -> gpd.GeoDataFrame:
    # One row for each square cell and jurisdiction: its point is the piece nearest to the centre of its
    # people.
    keep = (pieces.jurisdiction >= 0) & (pieces.people > 0)
    frame = pd.DataFrame(
        {
            "x": pieces.x[keep],
            "y": pieces.y[keep],
            "population": pieces.people[keep],
            "jurisdiction": pieces.jurisdiction[keep],
        }
    )
    if cell_m is None:
        frame["id"] = [f"{ids[at]}.{n}" for n, at in enumerate(frame["jurisdiction"])]
        return _frame(frame, ids, crs)
    frame["column"] = np.floor(frame["x"] / cell_m).astype(np.int64)
    frame["row"] = np.floor(frame["y"] / cell_m).astype(np.int64)
    keys = ["jurisdiction", "row", "column"]
    frame["wx"], frame["wy"] = frame["x"] * frame["population"], frame["y"] * frame["population"]
    sums = frame.groupby(keys)[["population", "wx", "wy"]].transform("sum")
    frame["off"] = np.hypot(
        frame["x"] - sums["wx"] / sums["population"], frame["y"] - sums["wy"] / sums["population"]
    )
    frame["population"] = sums["population"]
    # Rounding to the millimetre, then the place itself, decides between equally near pieces.
    frame["off"] = frame["off"].round(3)
    cells = frame.sort_values([*keys, "off", "x", "y"], kind="stable").drop_duplicates(keys)
    cells = cells.assign(
        id=[
            f"{ids[at]}.{c}.{r}"
            for at, c, r in zip(cells["jurisdiction"], cells["column"], cells["row"], strict=True)
        ],
        cell_x=cells["column"] * cell_m,
        cell_y=cells["row"] * cell_m,
    )
    return _frame(cells, ids, crs)


def _frame(cells: pd.DataFrame, ids: pd.Index, crs: CRS) -> gpd.GeoDataFrame:
    columns = {
        "population": cells["population"].to_numpy(dtype=np.float64),
        "jurisdiction": ids[cells["jurisdiction"].to_numpy()].astype(str),
    }
    for name in ("cell_x", "cell_y"):
        if name in cells:
            columns[name] = cells[name].to_numpy(dtype=np.float64)
    return gpd.GeoDataFrame(
        columns,
        geometry=shapely.points(cells["x"].to_numpy(), cells["y"].to_numpy()),
        index=pd.Index(cells["id"].to_numpy(dtype=object), name="id", dtype=str),
        crs=crs,
    )


def unplaced_frame(rows: list[tuple[str, float, str]]) -> pd.DataFrame:
    kept = [row for row in rows if row[1] != 0]
    return pd.DataFrame(kept, columns=["jurisdiction", "population", "reason"]).astype(
        {"jurisdiction": str, "population": float, "reason": str}
    )


def _locate(points: NDArray[np.object_], polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    # Position of the polygon that each point lies in, -1 for none; on a shared boundary the first one.
    where = np.full(len(points), len(polygons), dtype=np.int64)
    polygon, point = shapely.STRtree(points).query(polygons, predicate="intersects")
    np.minimum.at(where, point, polygon)
    return np.where(where < len(polygons), where, -1)


def check_target(jurisdictions: gpd.GeoDataFrame, cell_m: float | None) -> CRS:
    defects = []
    crs = jurisdictions.crs
    if crs is None or not crs.is_projected:
        defects.append(
            Defect(
                "",
                "jurisdictions",
                "a projected CRS in metres",
                str(crs),
                "project them, for example with to_crs",
            )
        )
    if cell_m is not None and not (np.isfinite(cell_m) and cell_m > 0):
        defects.append(Defect("", "cell_m", "a width above 0 m", str(cell_m), "give for example cell_m=100"))
    if defects:
        raise DemandError(defects)
    assert crs is not None
    return crs


def _numbers(frame: pd.DataFrame, column: str, what: str) -> NDArray[np.float64]:
    # A column as numbers of 0 or more; NaN where nothing is known.
    if column not in frame:
        got = ", ".join(map(str, frame.columns))[:200]
        raise DemandError([Defect("", what, f"a column {column}", f"the columns {got}", "add or name it")])
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero((values < 0) | np.isinf(values) | (np.isnan(values) & frame[column].notna()))
    if len(bad):
        given = frame[column].to_list()
        raise DemandError(
            [
                Defect(
                    "",
                    f"{what}, id {frame.index[at]}",
                    f"a {column} of 0 or more",
                    str(given[at])[:60],
                    "correct the figure, or leave it empty if it is unknown",
                )
                for at in bad[:100]
            ]
        )
    return values


def _houses(buildings: gpd.GeoDataFrame, crs: CRS) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    # A point in each building that has a surface, and its floor area.
    if buildings.crs is None:
        raise DemandError([Defect("", "buildings", "a CRS", "none", "set it, for example with set_crs")])
    levels = _numbers(buildings, "levels", "buildings")
    shapes = buildings.geometry.to_crs(crs).to_numpy()
    area = np.nan_to_num(shapely.area(shapes) * levels)
    return shapely.point_on_surface(shapes[area > 0]), area[area > 0]


# --- municipal totals ---


def demand_from_totals(
    jurisdictions: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, *, cell_m: float | None = 100.0
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Spread the total of each jurisdiction over its own residential buildings by floor area.

    A building belongs to the jurisdiction that a point inside it lies in, so nobody crosses a boundary.

    Parameters
    ----------
    jurisdictions
        Polygons in a projected CRS in metres with column ``population``; NaN where it is unknown.
    buildings
        Polygons (any CRS) with column ``levels``: storeys; see `floor_levels`.
    cell_m
        Width of the square cells in metres that people are summed to; None for one point a building.

    Returns
    -------
    demand : GeoDataFrame
        Index ``id``; ``population`` (float), ``jurisdiction``, ``cell_x``, ``cell_y`` (lower left corner,
        metres), geometry: a point in a real building, the one nearest to the centre of the cell's people.
    unplaced : DataFrame
        ``jurisdiction``, ``population`` (NaN where unknown), ``reason``.

    Raises
    ------
    DemandError
        No projected CRS, a negative population or one that is no number, buildings without CRS or levels.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> town = {"population": [30.0], "geometry": [box(0, 0, 500, 500)]}
    >>> towns = gpd.GeoDataFrame(town, index=["A"], crs=32632)
    >>> built = {"levels": [1.0, 2.0], "geometry": [box(10, 10, 20, 20), box(210, 10, 220, 20)]}
    >>> demand, unplaced = demand_from_totals(towns, gpd.GeoDataFrame(built, crs=32632))
    >>> demand["population"].tolist(), len(unplaced)
    ([10.0, 20.0], 0)
    """
    crs = check_target(jurisdictions, cell_m)
    totals = _numbers(jurisdictions, "population", "jurisdictions")
    points, floor_m2 = _houses(buildings, crs)
    owner = _locate(points, jurisdictions.geometry.to_numpy())
    sums = np.bincount(owner[owner >= 0], weights=floor_m2[owner >= 0], minlength=len(jurisdictions))
    lost = []
    for name, total, floor in zip(jurisdictions.index.astype(str), totals, sums, strict=True):
        if np.isnan(total):
            lost.append((name, total, "population unknown"))
        elif floor <= 0:
            lost.append((name, float(total), "no residential building in it"))
    share = np.zeros(len(points))
    known = owner >= 0
    share[known] = np.nan_to_num(totals)[owner[known]] * (floor_m2[known] / sums[owner[known]])
    pieces = Pieces(shapely.get_x(points), shapely.get_y(points), share, owner)
    return cells_of(pieces, jurisdictions.index, crs, cell_m), unplaced_frame(lost)


# --- census ---


def demand_from_census(
    census: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    *,
    column: str = "population",
    buildings: gpd.GeoDataFrame | None = None,
    cell_m: float | None = 100.0,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Place the people of census points or polygons.

    People of a point are at the point. People of a polygon are in the residential buildings inside it, by
    floor area, or, without buildings, spread evenly over its surface.

    Parameters
    ----------
    census
        Points or polygons with a CRS, which may be mixed.
    jurisdictions
        Polygons in a projected CRS in metres.
    column
        Column of `census` with the people.
    buildings
        As for `demand_from_totals`.
    cell_m
        Width of the square cells; None for points as they are (polygons without buildings then need
        `cell_m`).

    Returns
    -------
    demand, unplaced
        As `demand_from_totals`; people outside every jurisdiction are in `unplaced` with jurisdiction "".

    Raises
    ------
    DemandError
        No CRS, no such column, negative populations or such that are no numbers, polygons that cannot be spread.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> towns = gpd.GeoDataFrame(geometry=[box(0, 0, 500, 500)], index=["A"], crs=32632)
    >>> census = gpd.GeoDataFrame({"population": [7, 2]}, geometry=[Point(50, 50), Point(900, 50)], crs=32632)
    >>> demand, unplaced = demand_from_census(census, towns)
    >>> demand["population"].sum(), unplaced["population"].sum()
    (np.float64(7.0), np.float64(2.0))
    """
    crs = check_target(jurisdictions, cell_m)
    if census.crs is None:
        raise DemandError([Defect("", "census", "a CRS", "none", "set it, for example with set_crs")])
    people = _numbers(census, column, "census")
    shapes = shapely.make_valid(census.geometry.to_crs(crs).to_numpy())
    polygons = jurisdictions.geometry.to_numpy()
    surface = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    place = np.flatnonzero(shapely.get_dimensions(shapes) == 0)
    other = np.setdiff1d(np.arange(len(shapes)), np.concatenate([surface, place]))
    defects = [
        Defect(
            "",
            f"census, id {census.index[at]}",
            "a point or a polygon",
            "a line or nothing",
            "remove the row",
        )
        for at in other[:100]
    ]
    if len(surface) and buildings is None and cell_m is None:
        defects.append(
            Defect(
                "",
                "cell_m",
                "a cell width for polygons",
                "none",
                "give cell_m, or the buildings to place people in",
            )
        )
    if defects:
        raise DemandError(defects)
    parts = [_at_points(shapes[place], people[place], polygons)]
    left = surface
    if buildings is not None:
        in_houses, left = _in_buildings(shapes, people, surface, polygons, _houses(buildings, crs))
        parts.append(in_houses)
    if cell_m is None:
        lost = [
            ("", float(people[at]), f"no residential building in census area {census.index[at]}")
            for at in left.tolist()
        ]
    else:
        lost = []
        parts.extend(_over_surface(shapes[at], float(people[at]), polygons, cell_m) for at in left)
    pieces = joined(parts)
    lost.append(("", float(pieces.people[pieces.jurisdiction < 0].sum()), "outside every jurisdiction"))
    unknown = int(np.isnan(people).sum())
    if unknown:
        lost.append(("", np.nan, f"population unknown in {unknown} census rows"))
    return cells_of(pieces, jurisdictions.index, crs, cell_m), unplaced_frame(lost)


def joined(parts: list[Pieces]) -> Pieces:
    return Pieces(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.nan_to_num(np.concatenate([part.people for part in parts])),
        np.concatenate([part.jurisdiction for part in parts]),
    )


def _at_points(
    points: NDArray[np.object_], people: NDArray[np.float64], polygons: NDArray[np.object_]
) -> Pieces:
    points = shapely.point_on_surface(points)
    return Pieces(shapely.get_x(points), shapely.get_y(points), people, _locate(points, polygons))


def _in_buildings(
    shapes: NDArray[np.object_],
    people: NDArray[np.float64],
    surface: NDArray[np.int64],
    polygons: NDArray[np.object_],
    houses: tuple[NDArray[np.object_], NDArray[np.float64]],
) -> tuple[Pieces, NDArray[np.int64]]:
    points, floor_m2 = houses
    area = _locate(points, shapes[surface])
    lived = area >= 0
    sums = np.bincount(area[lived], weights=floor_m2[lived], minlength=len(surface))
    share = people[surface][area[lived]] * (floor_m2[lived] / sums[area[lived]])
    return _at_points(points[lived], share, polygons), surface[sums == 0]


def _over_surface(shape: BaseGeometry, people: float, polygons: NDArray[np.object_], cell_m: float) -> Pieces:
    # Evenly over the surface, cut by the square cells and by the boundaries.
    west, south, east, north = np.floor(np.array(shape.bounds) / cell_m)
    column, row = np.meshgrid(np.arange(west, east + 1), np.arange(south, north + 1))
    x, y = column.ravel() * cell_m, row.ravel() * cell_m
    parts = shapely.intersection(shapely.box(x, y, x + cell_m, y + cell_m), shape)
    parts = parts[shapely.area(parts) > 0]
    return cut_surfaces(parts, people * shapely.area(parts) / shapely.area(parts).sum(), polygons)


def cut_surfaces(
    shapes: NDArray[np.object_], people: NDArray[np.float64], polygons: NDArray[np.object_]
) -> Pieces:
    # Shares of surfaces by jurisdiction, exact by area; what is left over lies outside all of them.
    # Asked by the polygons, since that is what the index prepares: they are few and have many vertices.
    polygon, shape = shapely.STRtree(shapes).query(polygons, predicate="covers")
    within = np.full(len(shapes), len(polygons), dtype=np.int64)
    np.minimum.at(within, shape, polygon)
    shape, cut = np.flatnonzero(within < len(polygons)), np.flatnonzero(within == len(polygons))
    polygon, piece = shapely.STRtree(shapes[cut]).query(polygons, predicate="intersects")
    parts = shapely.intersection(shapes[cut][piece], polygons[polygon])
    share = shapely.area(parts) / shapely.area(shapes[cut])[piece]
    total = np.bincount(piece, weights=share, minlength=len(cut))
    share = np.where(
        total[piece] > 1, share / np.maximum(total, 1)[piece], share
    )  # overlaps give nobody twice
    inside = share > 0
    rest = people[cut] * np.maximum(1 - total, 0)
    outside = rest > people[cut] * 1e-9
    # Rounding dust goes to the pieces inside, so that the sum stays what it was.
    gone = np.where(outside, rest, 0.0)
    factor = np.divide(
        people[cut] - gone, people[cut] * np.minimum(total, 1), out=np.zeros(len(cut)), where=total > 0
    )
    surfaces = np.concatenate([shapes[shape], parts[inside], shapes[cut][outside]])
    points = shapely.point_on_surface(surfaces)
    return Pieces(
        shapely.get_x(points),
        shapely.get_y(points),
        np.concatenate([people[shape], (people[cut][piece] * share * factor[piece])[inside], gone[outside]]),
        np.concatenate([within[shape], polygon[inside], np.full(int(outside.sum()), -1)]).astype(np.int64),
    )
