"""Hazard zones for places that have nothing official, derived from the map: illustrative, measured by nobody.

Every number here is an assumption unless its description names a source, and all of them are parameters. The zones
say where a hazard is plausible, neither how often nor how bad it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._ground import VEGETATION_KINDS, WATERWAY_KINDS, Ground
from mutualaid.hazards._terrain import Elevation, energy_line_cells, height_above_drainage, slope_deg
from mutualaid.hazards._zones import cells_as_polygons, joined_lines, segments, side_band, zones_apart

__all__ = [
    "derive_coastal_flood",
    "derive_flash_flood",
    "derive_rockfall",
    "derive_wildfire_interface",
]

#: With heights, a cliff is turned if the ground on its right is higher than that on its left by more than this, in
#: metres, on average so far from it. 10 m is more than nine in ten heights of SRTM are wrong by. Assumptions.
_TURN_M = 10.0
_BESIDE_M = 50.0
#: Differences of heights carry rounding errors far below this, in metres.
_ROUNDING_M = 1e-6

Three = tuple[float, float, float]
Zones = tuple[BaseGeometry, BaseGeometry, BaseGeometry]


def derive_wildfire_interface(
    ground: Ground,
    *,
    near_m: float = 50.0,
    far_m: float = 200.0,
    building_m: float = 50.0,
    kinds: Sequence[str] = ("forest", "scrub"),
    min_patch_m2: float = 5_000.0,
    elevation: Elevation | None = None,
    steep_deg: float = 20.0,
    area: gpd.GeoDataFrame | None = None,
    simplify_m: float = 1.0,
    min_zone_m2: float = 100.0,
) -> gpd.GeoDataFrame:
    """Zones in which a fire in the vegetation would reach people, houses and roads.

    ==  ==========================================================================================
    3   in burnable vegetation, or within `near_m` of it
    2   within `far_m` of it, and within `building_m` of a building which itself is within `far_m`
    1   elsewhere within `far_m` of it
    ==  ==========================================================================================

    Parameters
    ----------
    ground
        Vegetation and buildings.
    near_m, far_m, building_m
        Distances in metres. The defaults are those of the French duty to clear brush (Code forestier, art. L134-6):
        50 m around buildings that are within 200 m of woods. That a fire is as near as that everywhere is an
        assumption.
    kinds
        Kinds of vegetation that carry a fire. The default is what that law speaks of (art. L111-2): woods and
        forests, heath, maquis and garrigue; grass is left out.
    min_patch_m2
        Smaller patches, after those that touch were joined, are left out, in m². An assumption.
    elevation
        With heights, ground at least as steep as `steep_deg` counts one class higher within the zones.
    steep_deg
        An assumption: by McArthur's rule of thumb a fire doubles its speed with every 10° uphill, so that it
        is four times as fast at 20°. Which way is uphill is not asked.
    area
        Polygons, in any CRS, at which the zones end; by default nowhere.
    simplify_m, min_zone_m2
        Outlines may move by so many metres; smaller parts and holes are not told apart.

    Returns
    -------
    GeoDataFrame
        Polygons that do not overlap, in the CRS of the ground: ``class_code`` (``1``, ``2``, ``3``, rising) and
        ``class_label``. Without rows if there is no such vegetation. What is in no polygon is unknown.
        ``attrs["rule"]`` says how they were derived.

    Raises
    ------
    HazardError
        A parameter is out of its range, the area has no CRS, or the elevation does not cover it.

    Examples
    --------
    >>> from mutualaid.hazards import derive_wildfire_interface
    >>> zones = derive_wildfire_interface(ground, near_m=30)  # doctest: +SKIP
    """
    defects = _rising("near_m, far_m", (near_m, far_m))
    defects += _rising("building_m", (building_m,)) + _known("kinds", kinds, set(VEGETATION_KINDS.values()))
    defects += _angle("steep_deg", steep_deg)
    place = _place(ground, area, elevation, defects, simplify_m, min_zone_m2)
    burnable = ground.vegetation[ground.vegetation["kind"].isin(list(kinds))]
    patches = shapely.get_parts(shapely.union_all(burnable.geometry.to_numpy()))
    patches = patches[shapely.area(patches) >= min_patch_m2]
    near = shapely.union_all(shapely.buffer(patches, near_m))
    far = shapely.union_all(shapely.buffer(patches, far_m))
    houses = ground.buildings.geometry.to_numpy()
    shapely.prepare(far)
    around = shapely.union_all(shapely.buffer(houses[shapely.intersects(far, houses)], building_m))
    zones = (near, shapely.union(near, shapely.intersection(far, around)), far)
    rule = f"{' and '.join(kinds)} of at least {min_patch_m2:g} m², {near_m:g} m and {far_m:g} m around it"
    if elevation is not None:
        steep = cells_as_polygons(slope_deg(elevation) >= steep_deg, elevation.transform)
        worst = shapely.union(near, shapely.intersection(zones[1], steep))
        zones = (worst, shapely.union_all([worst, zones[1], shapely.intersection(far, steep)]), far)
        rule += f", one class more from {steep_deg:g}° ({elevation.source or 'elevation'})"
    labels = (
        f"in burnable vegetation or within {near_m:g} m of it",
        f"within {far_m:g} m of burnable vegetation and {building_m:g} m of a building",
        f"within {far_m:g} m of burnable vegetation",
    )
    if elevation is not None:
        labels = (
            f"{labels[0]}, or steep in the class below",
            f"{labels[1]}, or steep in the class below",
            labels[2],
        )
    return _classes(ground, zones, labels, rule, place, simplify_m, min_zone_m2)


def derive_rockfall(
    ground: Ground,
    *,
    reach_m: Three = (25.0, 50.0, 100.0),
    elevation: Elevation | None = None,
    angle_deg: Three = (37.0, 32.0, 27.5),
    lateral_deg: float = 30.0,
    max_reach_m: float = 500.0,
    area: gpd.GeoDataFrame | None = None,
    simplify_m: float = 1.0,
    min_zone_m2: float = 100.0,
) -> gpd.GeoDataFrame:
    """Zones below cliffs that falling rocks may reach.

    Without heights these are bands on the lower side of the cliffs, which on the map is the right one. With heights
    each cliff is the source of rocks that come as far as a straight line, the energy line, stays above the ground;
    the nearest band always counts, because a coarse grid does not show a cliff. A cliff that the map has the wrong
    way round, its right side more than 10 m higher than its left 50 m away, is then turned; the rule says how many.

    Parameters
    ----------
    ground
        Cliffs.
    reach_m
        Width of the bands of classes 3, 2 and 1, in metres, rising. Assumptions: 100 m on level ground is as far as
        a line of 27.5° from 52 m above.
    elevation
        Heights, on cells of a few tens of metres at most.
    angle_deg
        Angles of the energy line of classes 3, 2 and 1, falling. 27.5° is the least angle that Evans & Hungr
        (1993) suggest for a first estimate; they measure it from the top of the talus. From the cliff, as here,
        the same angle reaches further. 37° and 32° are assumptions.
    lateral_deg
        How far rocks leave the fall line, at right angles to the cliff, to either side. An assumption.
    max_reach_m
        Nothing is looked at further from a cliff, in metres. An assumption.
    area, simplify_m, min_zone_m2
        As for `derive_wildfire_interface`.

    Returns
    -------
    GeoDataFrame
        As `derive_wildfire_interface`. Without rows if there are no cliffs.

    Raises
    ------
    HazardError
        A parameter is out of its range, the area has no CRS, or the elevation does not cover it.

    Examples
    --------
    >>> from mutualaid.hazards import derive_rockfall
    >>> zones = derive_rockfall(ground, elevation=heights)  # doctest: +SKIP
    """
    defects = _rising("reach_m", reach_m) + _rising("max_reach_m", (max_reach_m,))
    defects += _rising("angle_deg", angle_deg[::-1]) + _angle("angle_deg", angle_deg[0])
    defects += _angle("lateral_deg", lateral_deg)
    place = _place(ground, area, elevation, defects, simplify_m, min_zone_m2)
    cliffs = joined_lines(ground.cliffs.geometry)
    if elevation is None:
        one, two, three = (side_band(cliffs, reach, side="right", alone=True) for reach in reach_m)
        labels = tuple(f"below a cliff, within {reach:g} m" for reach in reach_m)
        rule = f"{', '.join(f'{reach:g}' for reach in reach_m)} m on the lower side of cliffs"
    else:
        cliffs, turned = _lower_side_right(cliffs, elevation)
        nearest = side_band(cliffs, reach_m[0], side="right", alone=True)
        sources = _rock_sources(cliffs, elevation)
        one, two, three = (
            shapely.union(nearest, _rocks(elevation, sources, angle, lateral_deg, max_reach_m))
            for angle in angle_deg
        )
        labels = tuple(f"below a cliff, energy line of {angle:g}°" for angle in angle_deg)
        labels = (f"{labels[0]}, or within {reach_m[0]:g} m", *labels[1:])
        rule = (
            f"energy lines of {', '.join(f'{angle:g}' for angle in angle_deg)}° from cliffs, at most "
            f"{max_reach_m:g} m ({elevation.source or 'elevation'}), and {reach_m[0]:g} m on their lower side; "
            f"{turned} of {len(cliffs)} cliffs were turned"
        )
    return _classes(ground, (one, two, three), labels, rule, place, simplify_m, min_zone_m2)


def derive_flash_flood(
    ground: Ground,
    *,
    reach_m: Three = (10.0, 25.0, 50.0),
    river_m: Three = (20.0, 50.0, 100.0),
    kinds: Sequence[str] = ("river", "stream", "drain", "ditch", "wadi"),
    elevation: Elevation | None = None,
    height_m: Three = (2.0, 5.0, 10.0),
    max_reach_m: float = 300.0,
    area: gpd.GeoDataFrame | None = None,
    simplify_m: float = 1.0,
    min_zone_m2: float = 100.0,
) -> gpd.GeoDataFrame:
    """Zones along streams that sudden water may take.

    Without heights these are corridors along the streams; with heights, ground that is little higher than the
    stream that its water runs to (HAND). Rain, catchment and culverts are not asked for.

    Parameters
    ----------
    ground
        Streams, of which those in tunnels are not part.
    reach_m, river_m
        Width to either side for classes 3, 2 and 1, in metres, rising: of rivers `river_m`, of all else `reach_m`.
        Half of the width that the map states is added. Assumptions.
    kinds
        Which waterways.
    elevation
        Heights. Where they are unknown there is no zone.
    height_m
        Height above the stream of classes 3, 2 and 1, in metres, rising. Assumptions; heights that are
        wrong by metres, as those of SRTM are, do not carry smaller ones.
    max_reach_m
        With heights, nothing is looked at further from a stream, in metres. An assumption.
    area, simplify_m, min_zone_m2
        As for `derive_wildfire_interface`.

    Returns
    -------
    GeoDataFrame
        As `derive_wildfire_interface`. Without rows if there are no streams.

    Raises
    ------
    HazardError
        A parameter is out of its range, the area has no CRS, or the elevation does not cover it.

    Examples
    --------
    >>> from mutualaid.hazards import derive_flash_flood
    >>> zones = derive_flash_flood(ground, kinds=("river", "stream"))  # doctest: +SKIP
    """
    defects = _rising("reach_m", reach_m) + _rising("river_m", river_m) + _rising("height_m", height_m)
    defects += _rising("max_reach_m", (max_reach_m,)) + _known("kinds", kinds, set(WATERWAY_KINDS))
    place = _place(ground, area, elevation, defects, simplify_m, min_zone_m2)
    streams = ground.streams[ground.streams["kind"].isin(list(kinds))]
    lines = streams.geometry.to_numpy()
    half = streams["width_m"].fillna(0.0).to_numpy() / 2
    if elevation is None:
        river = (streams["kind"] == "river").to_numpy()
        one, two, three = (
            shapely.union_all(shapely.buffer(lines, np.where(river, wide, reach) + half))
            for reach, wide in zip(reach_m, river_m, strict=True)
        )
        labels = tuple(
            f"along a stream, within {reach:g} m (river {wide:g} m)"
            for reach, wide in zip(reach_m, river_m, strict=True)
        )
        rule = (
            f"{', '.join(f'{reach:g}' for reach in reach_m)} m along streams and "
            f"{', '.join(f'{wide:g}' for wide in river_m)} m along rivers"
        )
    else:
        beside = shapely.union_all(shapely.buffer(lines, max_reach_m))
        above = height_above_drainage(elevation, _drawn(lines, elevation))
        one, two, three = (
            shapely.intersection(
                cells_as_polygons(above <= height + _ROUNDING_M, elevation.transform), beside
            )
            for height in height_m
        )
        labels = tuple(f"at most {height:g} m above the stream" for height in height_m)
        rule = (
            f"at most {', '.join(f'{height:g}' for height in height_m)} m above the stream that the water runs to "
            f"and {max_reach_m:g} m from it ({elevation.source or 'elevation'})"
        )
    return _classes(ground, (one, two, three), labels, rule, place, simplify_m, min_zone_m2)


def derive_coastal_flood(
    ground: Ground,
    land: gpd.GeoDataFrame,
    *,
    reach_m: Three = (25.0, 50.0, 100.0),
    elevation: Elevation | None = None,
    height_m: Three = (2.0, 5.0, 10.0),
    simplify_m: float = 1.0,
    min_zone_m2: float = 100.0,
) -> gpd.GeoDataFrame:
    """Zones along the coast that the sea may take.

    Without heights these are bands on the landward side of the coast, which on the map is the left one: a cliff
    above the sea is in them, too. With heights, ground that is low and connected with the coast by ground as low.
    Waves, tides and sea walls are not asked for.

    Parameters
    ----------
    ground
        Coast.
    land
        Polygons of the land, in any CRS, such as the jurisdictions, at which the zones end.
    reach_m
        Width of the bands of classes 3, 2 and 1, in metres, rising. Assumptions.
    elevation
        Heights above the sea. Where they are unknown there is no zone.
    height_m
        Greatest height of classes 3, 2 and 1, in metres, rising. 10 m is the limit of the low elevation coastal
        zone (McGranahan et al. 2007: contiguous along the coast and below 10 m); 2 m and 5 m are assumptions.
    simplify_m, min_zone_m2
        As for `derive_wildfire_interface`.

    Returns
    -------
    GeoDataFrame
        As `derive_wildfire_interface`. Without rows if there is no coast.

    Raises
    ------
    HazardError
        A parameter is out of its range, the land has no CRS, or the elevation does not cover it.

    Examples
    --------
    >>> from mutualaid.hazards import derive_coastal_flood
    >>> zones = derive_coastal_flood(ground, region.jurisdictions)  # doctest: +SKIP
    """
    defects = _rising("reach_m", reach_m) + _rising("height_m", height_m)
    place = _place(ground, land, elevation, defects, simplify_m, min_zone_m2, name="land")
    coast = joined_lines(ground.coast.geometry)
    if elevation is None:
        one, two, three = (side_band(coast, reach, side="left", alone=False) for reach in reach_m)
        labels = tuple(f"within {reach:g} m of the coast" for reach in reach_m)
        rule = f"{', '.join(f'{reach:g}' for reach in reach_m)} m on the landward side of the coast"
    else:
        shore = _drawn(coast, elevation)
        one, two, three = (_connected(elevation, shore, height) for height in height_m)
        labels = tuple(f"at most {height:g} m above the sea, connected with the coast" for height in height_m)
        rule = (
            f"at most {', '.join(f'{height:g}' for height in height_m)} m high and connected with the coast by ground "
            f"as low ({elevation.source or 'elevation'})"
        )
    return _classes(ground, (one, two, three), labels, rule, place, simplify_m, min_zone_m2)


def _classes(
    ground: Ground,
    zones: Zones,
    labels: Sequence[str],
    rule: str,
    area: BaseGeometry | None,
    simplify_m: float,
    min_zone_m2: float,
) -> gpd.GeoDataFrame:
    """Give classes to zones, the worst of which comes first."""
    numbered = list(zip(("3", "2", "1"), labels, zones, strict=True))
    frame = zones_apart(numbered, crs=ground.crs, area=area, simplify_m=simplify_m, min_zone_m2=min_zone_m2)
    frame.attrs["rule"] = f"derived, illustrative: {rule}"
    return frame


def _lower_side_right(cliffs: NDArray[np.object_], elevation: Elevation) -> tuple[NDArray[np.object_], int]:
    """Turn the cliffs whose right side is clearly the higher one, and count them."""
    middle, right, line = _along(cliffs, elevation.cell_m)
    beside = _BESIDE_M * right
    higher = elevation.cells_at(*(middle + beside).T) - elevation.cells_at(*(middle - beside).T)
    known = ~np.isnan(higher)
    count = np.bincount(line[known], minlength=len(cliffs))
    mean = np.bincount(line[known], weights=higher[known], minlength=len(cliffs)) / np.maximum(count, 1)
    wrong = mean > _TURN_M
    return np.where(wrong, shapely.reverse(cliffs), cliffs), int(wrong.sum())


def _along(
    cliffs: NDArray[np.object_], step_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Places along cliffs at most a step apart, the direction to their right there (of length 1), and the cliff."""
    begin, end, line = segments(shapely.segmentize(cliffs, step_m))
    along = end - begin
    along = along / np.hypot(along[:, 0], along[:, 1])[:, None]
    return 0.5 * (begin + end), np.column_stack([along[:, 1], -along[:, 0]]), line


def _rock_sources(
    cliffs: NDArray[np.object_], elevation: Elevation
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places along the cliffs at most a cell apart, their fall lines, and the height of the edge above them.

    A grid smooths a cliff, so its edge is looked for one cell back on the upper side, too.
    """
    middle, fall, _ = _along(cliffs, elevation.cell_m)
    back = middle - elevation.cell_m * fall
    height = np.fmax(elevation.cells_at(*middle.T), elevation.cells_at(*back.T))
    return middle, fall, height


def _rocks(
    elevation: Elevation,
    sources: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    angle_deg: float,
    lateral_deg: float,
    max_reach_m: float,
) -> BaseGeometry:
    cells = energy_line_cells(
        elevation, *sources, angle_deg=angle_deg, lateral_deg=lateral_deg, reach_m=max_reach_m
    )
    return cells_as_polygons(cells, elevation.transform)


def _drawn(lines: NDArray[np.object_], elevation: Elevation) -> NDArray[np.bool_]:
    """Cells that lines touch."""
    shape = elevation.height_m.shape
    if not len(lines):
        return np.zeros(shape, dtype=bool)
    drawn = rasterize(lines, out_shape=shape, transform=elevation.transform, all_touched=True, dtype=np.uint8)
    return np.asarray(drawn, dtype=bool)


def _connected(elevation: Elevation, shore: NDArray[np.bool_], height_m: float) -> BaseGeometry:
    """Cells that are low and connected with the shore, over corners too."""
    low = elevation.height_m <= height_m
    label, _ = ndimage.label(low, structure=np.ones((3, 3)))
    return cells_as_polygons(low & np.isin(label, np.unique(label[shore & low])), elevation.transform)


def _place(
    ground: Ground,
    area: gpd.GeoDataFrame | None,
    elevation: Elevation | None,
    defects: list[Defect],
    simplify_m: float,
    min_zone_m2: float,
    name: str = "area",
) -> BaseGeometry | None:
    """Join the area in the CRS of the ground, and raise everything that is wrong with what was given."""
    for key, value in (("simplify_m", simplify_m), ("min_zone_m2", min_zone_m2)):
        if not 0.0 <= value < math.inf:
            defects.append(Defect("", key, "a number from 0", f"{value:g}", "correct it"))
    place: BaseGeometry | None = None
    if area is not None and area.crs is None:
        defects.append(Defect("", name, "a CRS", "none", "set it with set_crs"))
    elif area is not None:
        place = shapely.union_all(area.to_crs(ground.crs).geometry.to_numpy())
        if place.geom_type not in ("Polygon", "MultiPolygon") or place.is_empty:
            remedy = "give the surfaces at which the zones end"
            defects.append(Defect("", name, "polygons", place.geom_type, remedy))
    if elevation is not None:
        if not ground.crs.equals(elevation.crs, ignore_axis_order=True):
            expected = f"the CRS of the ground, {ground.crs.to_string()[:60]}"
            remedy = "read it with that CRS"
            defects.append(
                Defect(elevation.source, "elevation", expected, elevation.crs.to_string()[:60], remedy)
            )
        elif place is not None and not shapely.box(*elevation.bounds).contains(shapely.box(*place.bounds)):
            got = ", ".join(f"{value:.0f}" for value in elevation.bounds)
            remedy = "read it with larger bounds"
            defects.append(
                Defect(elevation.source, "elevation", f"heights for the whole {name}", got, remedy)
            )
    if defects:
        raise HazardError(defects)
    return place


def _rising(where: str, values: Sequence[float]) -> list[Defect]:
    fine = all(0.0 < value < math.inf for value in values)
    if fine and all(one < two for one, two in pairwise(values)):
        return []
    got = ", ".join(f"{value:g}" for value in values)
    expected = "numbers above 0, each larger than the one before" if len(values) > 1 else "a number above 0"
    return [Defect("", where, expected, got, "correct them, the worst class first")]


def _angle(where: str, value: float) -> list[Defect]:
    if 0.0 < value < 90.0:
        return []
    return [Defect("", where, "degrees above 0 and below 90", f"{value:g}", "correct it")]


def _known(where: str, values: Sequence[str], options: set[str]) -> list[Defect]:
    odd = sorted(set(values) - options) if not isinstance(values, str) else [values]
    if not odd and len(values):
        return []
    expected = f"some of {', '.join(sorted(options))}"
    return [Defect("", where, expected, ", ".join(map(repr, odd))[:80] or "none", "name them in a tuple")]
