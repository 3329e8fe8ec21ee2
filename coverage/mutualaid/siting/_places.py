"""Places to choose among that somebody gives: put on their roads and into their jurisdictions."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.errors import Defect, SitingError
from mutualaid.network import snap

__all__ = ["given_places"]

#: What is found out about a place, whatever its table says.
_FOUND = ["jurisdiction", "road", "fraction", "side", "distance_m", "road_status"]


def given_places(analysis: Analysis, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Put given sites on their roads and into their jurisdictions.

    Parameters
    ----------
    analysis
        A run.
    sites
        See `candidates`.

    Returns
    -------
    GeoDataFrame
        In the CRS of the network, with ``jurisdiction``, ``partner``, ``name`` and the columns of
        `mutualaid.network.snap`.

    Raises
    ------
    SitingError
        With everything that is wrong with them.
    """
    _check_table(analysis, sites)
    jurisdictions, limit_m = analysis.region.jurisdictions, analysis.region.parameters.snap_m
    points = sites.geometry.to_crs(analysis.network.crs)
    stated_columns = pd.DataFrame(sites).drop(columns=[str(points.name), *_FOUND], errors="ignore")
    placed = gpd.GeoDataFrame(stated_columns, geometry=points).set_axis(sites.index.astype(str))
    roads = snap(analysis.network, placed.geometry, max_m=limit_m, graph=analysis.fair.graph)
    land = _around(jurisdictions, placed)
    owner = jurisdictions["partner"].reindex(land).to_numpy(object)
    stated = _texts(placed, "partner")
    partners = list(map(str, jurisdictions["partner"].unique()))
    defects = []
    for name, here, road_m, status, partner in zip(
        placed.index, land, roads["distance_m"], roads["status"], stated, strict=True
    ):
        where = f"site {name}"
        if here is None:
            remedy = "correct its position, or leave it out"
            defects.append(Defect("", where, "a place inside a jurisdiction", "outside all", remedy))
        if status != "ok":
            got = f"{road_m:,.0f} m" if status == "too_far" else "only roads that lead nowhere"
            remedy = "put it at its exit, or raise snap_m in [parameters]"
            defects.append(Defect("", where, f"a road within {limit_m:g} m", got, remedy))
        if partner and partner not in partners:
            remedy = "correct it, or leave it empty"
            defects.append(Defect("", where, f"one of {', '.join(partners)}", repr(partner), remedy))
    if defects:
        raise SitingError(defects)
    called = _texts(placed, "name")
    columns = {
        "jurisdiction": land,
        "partner": np.where(stated == "", owner, stated),
        # A table of sites that has no name for one gives its id.
        "name": np.where(called == placed.index, "", called),
    }
    return placed.assign(**columns).join(roads.rename(columns={"status": "road_status"}))


def _check_table(analysis: Analysis, sites: gpd.GeoDataFrame) -> None:
    """Raise an error that names everything by which the sites cannot be placed."""
    defects = []
    if sites.crs is None:
        defects.append(Defect("", "sites", "a CRS", "none", "set it with set_crs if it is known"))
    geometry = sites.geometry.to_numpy()
    points = (shapely.get_type_id(geometry) == 0) & ~shapely.is_empty(geometry)
    defects += [
        Defect("", f"site {name}", "a point", "something else", "give the point at its exit")
        for name in sites.index[~points]
    ]
    names = sites.index.astype(str)
    for ids, got in (
        (names[names.duplicated()].unique(), "an id that repeats"),
        (names.intersection(analysis.stations.index), "the id of a station"),
    ):
        defects += [Defect("", f"site {name}", "an id of its own", got, "rename it") for name in ids]
    if defects:
        raise SitingError(defects)


def _around(jurisdictions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Id of the jurisdiction around each place, on a border the first; None outside all."""
    tree = shapely.STRtree(jurisdictions.geometry.to_numpy())
    place, land = tree.query(places.geometry.to_numpy(), predicate="intersects")
    order = np.lexsort((land, place))
    found, first = np.unique(place[order], return_index=True)
    around = np.full(len(places), None, dtype=object)
    around[found] = jurisdictions.index.to_numpy(object)[land[order][first]]
    return around


def _texts(places: gpd.GeoDataFrame, column: str) -> NDArray[np.object_]:
    """Texts of a column, "" where it has none or is not there."""
    texts = places[column] if column in places.columns else pd.Series("", index=places.index)
    return texts.fillna("").to_numpy(object)
