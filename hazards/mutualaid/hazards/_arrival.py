"""When a hazard arrives: at points, in areas and along roads, from a raster of times or from polygons with times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from rasterio.features import geometry_mask, shapes

from mutualaid.data import TIME_UNITS, ArrivalSource
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._passability import NOISE_M, affected
from mutualaid.hazards._rasters import read_window
from mutualaid.hazards._read import read_hazard
from mutualaid.hazards._roads import split_on_layer
from mutualaid.hazards._sample import sample
from mutualaid.hazards._vectors import polygons

__all__ = ["Arrival", "arrival_areas", "arrival_at", "arrival_in", "arrival_on_lines", "read_arrival"]

Floats = NDArray[np.float64]

#: A quantity without a unit, under which times are read as any other layer is.
_PLAIN = "fwi"
#: Sums of lengths are no more exact than this.
_ROUNDING_M = 1e-6
#: So many features with a defect are listed one by one; the rest is counted.
_LISTED = 20


@dataclass(frozen=True, eq=False)
class Arrival:
    """When a hazard arrives, place by place; make it with `read_arrival`.

    Attributes
    ----------
    source
        What is stated about it: file, hazard, name, where it comes from.
    crs
        CRS of `polygons`: that of the region.
    polygons
        ``arrival_s`` (seconds after the alarm, 0 or more) and ``geometry``; they may overlap: the earliest counts.
        None where the times are those of a raster.
    layer
        The file as a layer whose values are the seconds with a minus sign: where several overlap, the largest value of
        a layer counts, which is the earliest time.
    """

    source: ArrivalSource
    crs: CRS
    polygons: gpd.GeoDataFrame | None
    layer: HazardLayer

    @property
    def hazard(self) -> str:
        """What arrives."""
        return self.source.hazard

    @property
    def name(self) -> str:
        """What people call it: its name, else that of the file."""
        return self.source.name or self.source.file.stem

    @property
    def elsewhere_s(self) -> float:
        """Time at a place of the covered ground that has none: inf (never) or NaN (unknown)."""
        return np.inf if self.source.nodata_means == "never" else np.nan


def read_arrival(source: ArrivalSource, folder: Path | str, crs: CRS | str) -> Arrival:
    """Open a file of arrival times and check it.

    Parameters
    ----------
    source
        What is stated about it, such as ``region.evacuation.arrival``.
    folder
        Folder of the region, in which a relative file lies.
    crs
        CRS of the region, in metres.

    Returns
    -------
    Arrival

    Raises
    ------
    HazardError
        Everything that is wrong, at once: a file that does not open or has no CRS, a column that is missing, times that
        are no numbers or lie before the alarm, invalid polygons, a raster without a value for no data.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import arrival_at, read_arrival
    >>> region = read_region(demo_path())
    >>> fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)
    >>> bool((fire.polygons["arrival_s"] >= 0).all())
    True
    """
    # As a region gives it, the path begins with the folder; as somebody writes it, it may be one inside.
    path = source.file if source.file.is_relative_to(folder) else Path(folder) / source.file
    layer = read_hazard(
        path,
        id="arrival",
        hazard=source.hazard,
        quantity=_PLAIN,
        name=source.name,
        source=source.source,
        licence=source.licence,
        date=source.date,
        nodata_means="none" if source.nodata_means == "never" else "unknown",
        nodata=source.nodata,
        derived=source.derived,
        band=source.band,
        layer=source.layer,
        column=source.column,
        crs=source.crs,
        covers=source.covers,
    )
    # The last layer of these that counts is the largest number, and so the earliest time.
    layer = replace(layer, factor=-TIME_UNITS[source.unit])
    target = CRS.from_user_input(crs)
    if layer.kind == "raster":
        return Arrival(source, target, None, layer)
    frame = polygons(layer, None, target)
    seconds = -frame["value"].to_numpy()
    _check_times(path.name, seconds)
    known = ~np.isnan(seconds)
    found = gpd.GeoDataFrame(
        {"arrival_s": seconds[known] + 0.0}, geometry=frame.geometry.to_numpy()[known], crs=target
    )
    return Arrival(source, target, found, layer)


def _check_times(file: str, seconds: Floats) -> None:
    early = np.flatnonzero(seconds < 0)
    expected, remedy = (
        "a time after the alarm, 0 or more",
        "correct it, or leave it empty where it never arrives",
    )
    defects = [
        Defect(file, f"feature {at + 1}", expected, f"{seconds[at]:g} seconds", remedy)
        for at in early[:_LISTED]
    ]
    if len(early) > _LISTED:
        got = f"{len(early) - _LISTED} more of the same"
        defects.append(Defect(file, f"from feature {early[_LISTED] + 1}", expected, got, remedy))
    if defects:
        raise HazardError(defects)


def _seconds(arrival: Arrival, value: Floats, state: NDArray[Any]) -> Floats:
    """Turn what a layer says into times: inf never, NaN unknown."""
    seconds = np.where(state == "ok", -value, np.where(state == "nodata", arrival.elsewhere_s, np.nan))
    if arrival.layer.kind == "raster" and (early := seconds[seconds < 0]).size:
        expected, remedy = "times after the alarm, 0 or more", "state the value that means no data as nodata"
        got = f"{early.min():g} seconds"
        raise HazardError([Defect(arrival.layer.file.name, "", expected, got, remedy)])
    return seconds + 0.0  # no -0


def arrival_at(points: gpd.GeoSeries | gpd.GeoDataFrame, arrival: Arrival) -> pd.Series:
    """Say when a hazard arrives at points.

    Parameters
    ----------
    points
        (n,) points with a CRS, any.
    arrival
        When it arrives where.

    Returns
    -------
    Series
        ``arrival_s``, index as `points`: seconds after the alarm; inf where it never arrives as far as is known, NaN
        where nobody knows: outside of what the file covers, or for a point that is missing. A point on an edge is in
        the polygon; of several polygons the earliest counts.

    Raises
    ------
    HazardError
        The points have no CRS or are no points.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import arrival_at, read_arrival
    >>> region = read_region(demo_path())
    >>> fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)
    >>> arrival_at(region.stations, fire).name
    'arrival_s'
    """
    found = sample(arrival.layer, points)  # type: ignore[arg-type]  # a GeoSeries has all that is asked of it
    seconds = _seconds(arrival, found["value"].to_numpy(), found["state"].to_numpy(object))
    return pd.Series(seconds, index=points.index, name="arrival_s")


def arrival_on_lines(
    lines: gpd.GeoSeries,
    arrival: Arrival,
    *,
    bridge: ArrayLike = False,
    tunnel: ArrayLike = False,
    covered: ArrayLike = False,
) -> pd.DataFrame:
    """Say when a hazard first arrives anywhere on each line.

    What it cannot reach (water a bridge, rocks a tunnel or a gallery: see `affected`) it leaves alone, and as with
    scenarios less than a centimetre does not count.

    Parameters
    ----------
    lines
        n LineStrings with a CRS in metres.
    arrival
        When it arrives where.
    bridge, tunnel, covered
        (n,) bool, or one for all; see `affected`.

    Returns
    -------
    DataFrame
        Index as `lines`. ``arrival_s``: seconds after the alarm until it is first somewhere on the line; inf if it is
        known along the whole line that it never comes, NaN if it comes nowhere as far as is known, and a part is
        unknown. ``at_m``: how far along the line that is (where the reached piece begins; NaN if it does not arrive).
        ``unknown_m``: how much of the line is unknown.

    Raises
    ------
    HazardError
        The lines have no CRS, or one that is not in metres, or are no lines.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import arrival_on_lines, read_arrival
    >>> region = read_region(demo_path())
    >>> fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)
    >>> first = fire.polygons.sort_values("arrival_s").geometry.iloc[0].representative_point()
    >>> road = gpd.GeoSeries([shapely.LineString([(first.x, first.y), (first.x + 10, first.y)])], crs=region.crs)
    >>> bool(arrival_on_lines(road, fire)["arrival_s"].iloc[0] == fire.polygons["arrival_s"].min())
    True
    """
    if lines.crs is None:
        raise HazardError([Defect("", "lines", "a CRS", "none", "set the CRS of the lines")])
    plain = np.asarray(lines.array, dtype=object)
    pieces = split_on_layer(arrival.layer, plain, crs=lines.crs)
    line, length_m = pieces["line"].to_numpy(np.int64), pieces["length_m"].to_numpy()
    seconds = _seconds(arrival, pieces["value"].to_numpy(), pieces["state"].to_numpy(object))
    reached = np.broadcast_to(affected(bridge, tunnel, covered=covered, hazard=arrival.hazard), (len(plain),))
    unknown = np.isnan(seconds)
    unknown_m = np.bincount(line, np.where(unknown, length_m, 0.0), minlength=len(plain))
    line_m = np.bincount(line, length_m, minlength=len(plain)).astype(np.float64)
    begins_m = np.cumsum(length_m) - length_m
    begins_m = np.maximum(begins_m - (np.cumsum(line_m) - line_m)[line], 0.0)
    arrival_s, at_m = np.full(len(plain), np.inf), np.full(len(plain), np.nan)
    # By time along each line: the first piece with which a centimetre of it has been reached, or all of a shorter one.
    time = np.where(unknown, np.inf, seconds)
    order = np.lexsort((begins_m, time, line))
    line, time, begins_m = line[order], time[order], begins_m[order]
    passed_m = np.cumsum(length_m[order]) - (np.cumsum(line_m) - line_m)[line]
    enough = passed_m >= np.minimum(NOISE_M, line_m[line]) - _ROUNDING_M
    enough &= np.isfinite(time)
    at, first = np.unique(line[enough], return_index=True)
    arrival_s[at], at_m[at] = time[enough][first], begins_m[enough][first]
    arrival_s[np.isinf(arrival_s) & (unknown_m >= NOISE_M)] = np.nan
    _points_of_no_length(plain, line_m, lines.crs, arrival, arrival_s, at_m)
    return pd.DataFrame(
        {
            "arrival_s": np.where(reached, arrival_s, np.inf),
            "at_m": np.where(reached, at_m, np.nan),
            "unknown_m": np.where(reached, unknown_m, 0.0),
        },
        index=lines.index,
    )


def _points_of_no_length(
    plain: NDArray[np.object_], line_m: Floats, crs: Any, arrival: Arrival, arrival_s: Floats, at_m: Floats
) -> None:
    """Ask where lines of no length lie, which have no pieces; a missing one is nowhere, and unknown."""
    short = np.flatnonzero(line_m == 0)
    if len(short):
        points = gpd.GeoSeries(shapely.get_point(plain[short], 0), crs=crs)
        arrival_s[short] = arrival_at(points, arrival).to_numpy()
        at_m[short] = np.where(np.isfinite(arrival_s[short]), 0.0, np.nan)


def arrival_in(areas: gpd.GeoSeries | gpd.GeoDataFrame, arrival: Arrival) -> pd.Series:
    """Say when a hazard first arrives anywhere in each area.

    Parameters
    ----------
    areas
        (n,) polygons with a CRS, any.
    arrival
        When it arrives where.

    Returns
    -------
    Series
        ``arrival_s``, index as `areas`: seconds after the alarm; inf if it is known that it never comes to any part,
        NaN if it comes to none as far as is known, and a part is unknown. An area that only touches a polygon is
        not reached; of a raster every cell counts that the area touches.

    Raises
    ------
    HazardError
        The areas have no CRS.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import arrival_in, read_arrival
    >>> region = read_region(demo_path())
    >>> fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)
    >>> bool(arrival_in(region.jurisdictions, fire)["FR-la-turbie"] < arrival_in(region.jurisdictions, fire)["MC"])
    True
    """
    if areas.crs is None:
        raise HazardError([Defect("", "areas", "a CRS", "none", "set the CRS of the areas")])
    layer = arrival.layer
    shape = np.asarray(areas.geometry.to_crs(layer.crs).array, dtype=object)
    if layer.kind == "raster":
        seconds = np.array([_in_cells(arrival, one) for one in shape], np.float64)
    else:
        seconds = _in_polygons(arrival, shape)
    return pd.Series(seconds, index=areas.index, name="arrival_s")


def _in_polygons(arrival: Arrival, shape: NDArray[np.object_]) -> Floats:
    frame = polygons(arrival.layer, None, arrival.layer.crs)
    frame = frame[frame["value"].notna()]
    zone = np.asarray(frame.geometry.array, dtype=object)
    area, found = shapely.STRtree(zone).query(shape, predicate="intersects")
    inside = ~shapely.touches(shape[area], zone[found])
    seconds = np.full(len(shape), np.inf)
    np.minimum.at(seconds, area[inside], -frame["value"].to_numpy()[found[inside]])
    covered = shapely.covers(shapely.box(*arrival.layer.bounds), shape)
    if arrival.source.nodata_means == "unknown":
        covered &= shapely.covers(shapely.union_all(zone), shape)
    return np.where(np.isinf(seconds) & ~covered, np.nan, seconds) + 0.0


def _in_cells(arrival: Arrival, shape: Any) -> float:
    layer = arrival.layer
    if shape is None or shape.is_empty:
        return np.nan
    left, bottom, right, top = layer.bounds
    west, south, east, north = shape.bounds
    window = max(west, left), max(south, bottom), min(east, right), min(north, top)
    if not (window[0] < window[2] and window[1] < window[3]):
        return np.nan
    value, transform = read_window(layer, window, layer.crs)
    inside = geometry_mask([shape], value.shape, transform, all_touched=True, invert=True)
    value = value[inside]
    seconds = _seconds(arrival, value, np.where(np.isnan(value), "nodata", "ok").astype(object))
    known = seconds[~np.isnan(seconds)]
    first = float(known.min()) if known.size else np.inf
    whole = known.size == seconds.size and shapely.box(left, bottom, right, top).covers(shape)
    return first if np.isfinite(first) or whole else np.nan


def arrival_areas(
    arrival: Arrival, *, step_s: float = 300.0, within: tuple[float, float, float, float] | None = None
) -> gpd.GeoDataFrame:
    """Give the ground that a hazard reaches step by step, for maps and files.

    Parameters
    ----------
    arrival
        When it arrives where.
    step_s
        Width of the steps in seconds.
    within
        (left, bottom, right, top) in `arrival.crs` to which it is limited; None for all of it.

    Returns
    -------
    GeoDataFrame
        In `arrival.crs`, by time; index 0, 1 …: ``arrival_s``, a multiple of the step that is never later than the
        hazard, and ``geometry``, the ground that it reaches from then until the next step begins. They do not
        overlap.

    Raises
    ------
    HazardError
        The step is not above 0.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import arrival_areas, read_arrival
    >>> region = read_region(demo_path())
    >>> fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)
    >>> bool(arrival_areas(fire, step_s=1800)["arrival_s"].is_monotonic_increasing)
    True
    """
    if not step_s > 0:
        raise HazardError([Defect("", "step_s", "seconds above 0", f"{step_s:g}", "give a step such as 300")])
    if arrival.polygons is None:
        step, ground = _ground_of_cells(arrival, step_s, within)
    else:
        frame = arrival.polygons
        step = np.floor(frame["arrival_s"].to_numpy() / step_s).astype(np.int64)
        ground = np.asarray(frame.geometry.array, dtype=object)
        if within is not None:
            ground = shapely.intersection(ground, shapely.box(*within))
    times: list[float] = []
    parts: list[Any] = []
    before: Any = shapely.Polygon()
    for one in np.unique(step):
        reached = shapely.union_all(ground[step == one])
        # What an earlier step has reached is not reached again.
        new = _areal(shapely.difference(reached, before))
        before = shapely.union(before, reached)
        if not new.is_empty:
            times.append(float(one * step_s))
            parts.append(new)
    return gpd.GeoDataFrame({"arrival_s": np.array(times, np.float64)}, geometry=parts, crs=arrival.crs)


def _areal(shape: Any) -> Any:
    """Only the polygons of a geometry."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    return shapely.union_all([one for one in shapely.get_parts(shape) if one.geom_type.endswith("Polygon")])


def _ground_of_cells(
    arrival: Arrival, step_s: float, within: tuple[float, float, float, float] | None
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    layer = arrival.layer
    bounds = within
    if bounds is None:
        into = Transformer.from_crs(layer.crs, arrival.crs, always_xy=True)
        bounds = into.transform_bounds(*layer.bounds, densify_pts=21)
    value, transform = read_window(layer, bounds, arrival.crs)
    seconds = _seconds(arrival, value, np.where(np.isnan(value), "nodata", "ok").astype(object))
    known = np.isfinite(seconds)
    step = np.where(known, np.floor(np.where(known, seconds, 0.0) / step_s), -1).astype(np.int32)
    found = [
        (int(number), shapely.geometry.shape(one))
        for one, number in shapes(step, mask=known, transform=transform)
    ]
    ground = np.empty(len(found), dtype=object)
    ground[:] = [shape for _, shape in found]
    return np.array([number for number, _ in found], np.int64), ground
