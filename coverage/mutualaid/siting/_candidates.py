"""Sites of a region: its stations, and where new ones could be."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import count as numbers
from itertools import islice

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mutualaid.coverage import Analysis, site_junctions
from mutualaid.data import HazardScenario
from mutualaid.errors import Defect, SitingError
from mutualaid.hazards import SEVERITIES, scenario_severity
from mutualaid.network import snap
from mutualaid.siting._places import given_places

__all__ = ["candidates"]

#: Halvings of the spacing that is sought, on a scale of ratios: far below a metre.
_STEPS = 20


def candidates(
    analysis: Analysis,
    *,
    spacing_m: float = 250.0,
    count: int | None = 300,
    within: gpd.GeoSeries | gpd.GeoDataFrame | None = None,
    avoid_severity: int | None = None,
    sites: gpd.GeoDataFrame | None = None,
    movable: Collection[str] = (),
    closable: Collection[str] = (),
    opening_cost: float = 1.0,
    closing_cost: float = 0.0,
    capacity: float = math.inf,
) -> gpd.GeoDataFrame:
    """Choose where new stations could be, and say what may become of those that exist.

    Unless sites are given, they are junctions as of `mutualaid.coverage.site_junctions`, those with the most people
    around first. Of each partner, no two are closer to each other than the spacing, and each junction where a station
    may be is closer than that to one of them, a station nearby or not: the station may be in a hazard, or of another
    partner. Always the same for the same run.

    Parameters
    ----------
    analysis
        A run.
    spacing_m
        Least distance between two generated sites of a partner, as the crow flies.
    count
        At most so many generated sites: the spacing is widened until they are no more. Any number if None.
    within
        Polygons: only sites in them or on their edge, such as land that is for sale.
    avoid_severity
        1 to 5: only sites where no hazard layer of the region says so much or more, of whatever return period, and
        whoever provides it. Where nobody looked, a site stays, and ``severity_status`` says so: unknown is not safe.
    sites
        Places to choose among instead of junctions: points at their exit, in any CRS, indexed by id, as
        ``mutualaid.data.read_table(path, "sites")`` gives them. What is not stated in ``name``, ``partner`` (that of
        the jurisdiction around it), ``opening_cost`` and ``capacity`` is as of other new stations; so are
        ``department``, ``turnout_s`` and the like, of a career station.
    movable, closable
        Ids of stations that may be given up for a new one, or closed; all others stay.
    opening_cost, closing_cost
        Of each site for which none is stated; in one unit for all.
    capacity
        People that a station can serve, old or new, if none is stated; for `cmclp`.

    Returns
    -------
    GeoDataFrame
        The stations of the run, then candidates, from west to east if they are generated (``site1`` …); index id, in
        the CRS of the region. Columns as `SiteTable.sites` and

        * ``jurisdiction``, ``name`` ("" if it has none);
        * ``road``, ``fraction``, ``side``, ``distance_m``, ``road_status``: see `mutualaid.network.snap`;
        * ``severity`` (Int8, missing if unknown), ``severity_status`` (``known``, ``partly``, ``unknown`` or
          ``outside`` of every layer; ``not_asked`` if the region has no layers) and ``severity_layer``, the id of
          the one that says the most: see `mutualaid.hazards.scenario_severity`;
        * ``spacing_m``: that of generated sites; NaN for others.

    Raises
    ------
    SitingError
        A number or an id that cannot be meant; a given site that is off every road or outside all jurisdictions;
        nowhere to build.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.siting import candidates
    >>> result = analyse(read_region(demo_path()))
    >>> sites = candidates(result, spacing_m=400, avoid_severity=3, closable=result.stations.index[:1])
    >>> sites["state"].value_counts().to_dict()
    {'candidate': 48, 'fixed': 2, 'closable': 1}
    """
    _check(
        analysis, spacing_m, count, avoid_severity, movable, closable, (opening_cost, closing_cost), capacity
    )
    known = _stations(analysis, movable, closable)
    new = site_junctions(analysis).assign(name="") if sites is None else given_places(analysis, sites)
    new = _allowed(analysis, new, within, avoid_severity)
    if not len(new):
        raise _nowhere("a junction" if sites is None else "a given site", within, avoid_severity)
    if sites is None:
        new = _thinned(analysis, new, spacing_m, count)
    unstated = {
        "opening_cost": opening_cost,
        "closing_cost": closing_cost,
        "capacity": capacity,
        "spacing_m": math.nan,
    }
    known, new = known.assign(**unstated), new.assign(state="candidate", units=1)
    for name, value in unstated.items():
        new[name] = new[name].fillna(value) if name in new.columns else value
    placed = pd.concat([_with_severity(analysis, known), _with_severity(analysis, new)])
    first = ["state", "partner", "jurisdiction", "name", "opening_cost", "closing_cost", "capacity", "units"]
    return placed[[*first, *placed.columns.difference(first, sort=False)]]


def _stations(analysis: Analysis, movable: Collection[str], closable: Collection[str]) -> gpd.GeoDataFrame:
    stations = analysis.stations
    kept = ["jurisdiction", "partner", "road", "fraction", "side", "distance_m", "road_status", "geometry"]
    state = np.select(
        [stations.index.isin(movable), stations.index.isin(closable)], ["movable", "closable"], "fixed"
    )
    return stations[kept].assign(
        state=state,
        name=stations["name"].fillna(""),
        # Nobody knows the units of a station whose units are not stated: it has one.
        units=stations["units"].fillna(1).clip(lower=1).astype(np.int64),
    )


# --- where a station may be -----------------------------------------------------------------------------------


def _allowed(
    analysis: Analysis,
    sites: gpd.GeoDataFrame,
    within: gpd.GeoSeries | gpd.GeoDataFrame | None,
    avoid_severity: int | None,
) -> gpd.GeoDataFrame:
    """Leave out what lies outside the chosen land, or in a hazard of that severity."""
    if within is not None:
        if within.crs is None:
            raise SitingError([Defect("", "within", "a CRS", "none", "set it with set_crs if it is known")])
        land = shapely.union_all(within.to_crs(analysis.network.crs).geometry.to_numpy())
        shapely.prepare(land)
        sites = sites[shapely.intersects(land, sites.geometry.to_numpy())]
    if avoid_severity is not None and len(sites):
        sites = sites[
            ~(_severity(analysis, sites)["severity"] >= avoid_severity).fillna(False).to_numpy(np.bool_)
        ]
    return sites


def _severity(analysis: Analysis, points: gpd.GeoDataFrame) -> pd.DataFrame:
    """Ask the layers of the region about points: the worst counts, whoever provides it."""
    layers = analysis.layers.layers
    named = tuple(layer.id for layer in layers if layer.scheme)
    if not named:
        nothing = pd.array([pd.NA] * len(points), dtype="Int8")
        return pd.DataFrame({"severity": nothing, "status": "not_asked", "layer": ""}, index=points.index)
    return scenario_severity(points, layers, HazardScenario("", "", named))[["severity", "status", "layer"]]


def _with_severity(analysis: Analysis, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    said = _severity(analysis, sites)
    return sites.assign(
        severity=said["severity"],
        severity_status=said["status"].astype("str"),
        severity_layer=said["layer"].astype("str"),
    )


def _thinned(
    analysis: Analysis, junctions: gpd.GeoDataFrame, spacing_m: float, count: int | None
) -> gpd.GeoDataFrame:
    """Junctions thinned out, named from west to east and placed on their roads."""
    xy = np.column_stack([junctions.geometry.x, junctions.geometry.y])
    order = np.lexsort((xy[:, 1], xy[:, 0], -_people_around(analysis, xy, spacing_m)))
    owner = junctions["partner"].to_numpy(object)
    groups = [order[owner[order] == name] for name in pd.unique(owner)]
    chosen = _apart(xy, groups, spacing_m)
    if count is not None and len(chosen) > count:
        # More room does not always mean fewer places: the best of those that were tried is taken.
        near, far = spacing_m, float(np.hypot(*np.ptp(xy, axis=0))) + spacing_m
        chosen, spacing_m = _apart(xy, groups, far)[:count], far
        for _ in range(_STEPS):
            middle = math.sqrt(near * far)
            found = _apart(xy, groups, middle)
            if len(found) > count:
                near = middle
                continue
            far = middle
            if len(found) > len(chosen):
                chosen, spacing_m = found, middle
    sites = junctions.iloc[chosen[np.lexsort((xy[chosen, 1], xy[chosen, 0]))]]
    free = (name for number in numbers(1) if (name := f"site{number}") not in analysis.stations.index)
    sites = sites.set_axis(pd.Index(list(islice(free, len(sites))), name="id", dtype="object"))
    roads = snap(analysis.network, sites, max_m=analysis.region.parameters.snap_m, graph=analysis.fair.graph)
    return sites.join(roads.rename(columns={"status": "road_status"})).assign(spacing_m=spacing_m)


def _people_around(analysis: Analysis, xy: NDArray[np.float64], radius_m: float) -> NDArray[np.float64]:
    """(n,) people within a radius."""
    demand = analysis.demand
    people = demand["population"].to_numpy(np.float64)
    tree = cKDTree(np.column_stack([demand.geometry.x, demand.geometry.y]))
    return np.array([people[near].sum() for near in tree.query_ball_point(xy, radius_m, return_sorted=True)])


def _apart(
    xy: NDArray[np.float64], groups: Sequence[NDArray[np.int64]], spacing_m: float
) -> NDArray[np.int64]:
    """Of each group in its order, those that are not closer than the spacing to one before."""
    chosen: list[int] = []
    for group in groups:
        tree, free = cKDTree(xy[group]), np.ones(len(group), dtype=np.bool_)
        # What is exactly so far away stays.
        radius_m = np.nextafter(spacing_m, 0)
        for row in range(len(group)):
            if free[row]:
                chosen.append(int(group[row]))
                free[tree.query_ball_point(xy[group[row]], radius_m)] = False
    return np.array(chosen, dtype=np.int64)


# --- bad input ------------------------------------------------------------------------------------------------


def _check(
    analysis: Analysis,
    spacing_m: float,
    count: int | None,
    avoid_severity: int | None,
    movable: Collection[str],
    closable: Collection[str],
    costs: tuple[float, float],
    capacity: float,
) -> None:
    defects = []
    if not (spacing_m > 0 and math.isfinite(spacing_m)):
        defects.append(Defect("", "spacing_m", "metres above 0", f"{spacing_m}", "250 is usual in towns"))
    if count is not None and not (count >= 1 and count == int(count)):
        defects.append(
            Defect("", "count", "a whole number from 1 on", f"{count}", "leave it out for any number")
        )
    worst = max(SEVERITIES)
    if avoid_severity is not None and avoid_severity not in range(1, worst + 1):
        expected, remedy = f"a severity from 1 to {worst}", "see mutualaid.hazards.SEVERITIES"
        defects.append(Defect("", "avoid_severity", expected, f"{avoid_severity}", remedy))
    if avoid_severity is not None and not any(layer.scheme for layer in analysis.layers.layers):
        remedy = "add a hazard layer, or leave avoid_severity out"
        defects.append(Defect("", "avoid_severity", "hazard layers with a scheme", "none", remedy))
    stations = analysis.stations.index
    for name, ids in (("movable", movable), ("closable", closable)):
        wrong = [one for one in dict.fromkeys(ids) if one not in stations]
        expected = "ids of active stations of the service"
        defects += [Defect("", name, expected, repr(one), "correct the id") for one in wrong]
    for one in sorted(set(map(str, movable)) & set(map(str, closable))):
        defects.append(Defect("", f"station {one}", "movable or closable", "both", "choose one"))
    for name, cost in zip(("opening_cost", "closing_cost"), costs, strict=True):
        if not (cost >= 0 and math.isfinite(cost)):
            defects.append(Defect("", name, "a cost from 0 on", f"{cost}", "correct it"))
    if not capacity >= 0:
        defects.append(Defect("", "capacity", "people from 0 on", f"{capacity}", "correct it"))
    if defects:
        raise SitingError(defects)


def _nowhere(what: str, within: object, avoid_severity: int | None) -> SitingError:
    wishes = [
        *(["in the chosen land"] if within is not None else []),
        *([f"outside severity {avoid_severity} or worse"] if avoid_severity is not None else []),
    ]
    expected = " ".join([what, *([" and ".join(wishes)] if wishes else [])])
    remedy = "choose more land or a higher severity, or give sites"
    return SitingError([Defect("", "candidates", expected, "none", remedy)])
