"""Where a site is, in words that people of the region know: its road, the nearest named place, the jurisdiction."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mutualaid.coverage import Analysis

__all__ = ["DIRECTIONS", "site_names"]

#: From a place to a site, clockwise.
DIRECTIONS: tuple[str, ...] = (
    "north", "north_east", "east", "south_east", "south", "south_west", "west", "north_west",
)  # fmt: skip
#: Closer than this to a place's point is at the place: in which direction does not matter.
_AT_PLACE_M = 50.0


def site_names(analysis: Analysis, sites: gpd.GeoDataFrame) -> pd.DataFrame:
    """Name sites by what is around them.

    Parameters
    ----------
    analysis
        A run.
    sites
        As `candidates` gives them.

    Returns
    -------
    DataFrame
        Index of `sites`; ``jurisdiction_name``; ``road_name`` ("" if the road has none; at a junction that of its most
        important road with a name); ``near``, the nearest of the region's named places ("" if it has none),
        ``near_place`` (its kind as in OpenStreetMap, such as ``village``), ``near_m`` (metres from its point, NaN if
        none), ``near_direction`` (one of `DIRECTIONS`, from there to the site; "" at the place itself); and
        ``text``: where it is in plain English, a station or site by its name, others by the road.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.siting import candidates, site_names
    >>> result = analyse(read_region(demo_path()))
    >>> names = site_names(result, candidates(result))
    >>> names["text"].iloc[0]
    'Caserne de Fontvieille, Fontvieille, Monaco'
    """
    jurisdictions = analysis.region.jurisdictions
    names = pd.DataFrame(
        {
            "jurisdiction_name": jurisdictions["name"].reindex(sites["jurisdiction"]).to_numpy(),
            "road_name": _road_names(analysis, sites),
            **_near(analysis, sites),
        },
        index=sites.index,
    )
    names["text"] = [
        _text(called, row) for called, row in zip(sites["name"], names.to_dict("records"), strict=True)
    ]
    return names


def _road_names(analysis: Analysis, sites: gpd.GeoDataFrame) -> list[str]:
    roads = analysis.network.roads
    road, fraction = sites["road"].to_numpy(np.int64), sites["fraction"].to_numpy(np.float64)
    end = np.select(
        [fraction == 0, fraction == 1], [roads["a"].to_numpy()[road], roads["b"].to_numpy()[road]], -1
    )
    named = roads[roads["name"] != ""]
    ends = pd.concat([named.assign(node=named[which]) for which in ("a", "b")])
    ends = ends[ends["node"].isin(end)].assign(rank=lambda table: table["class"].cat.codes)
    by_node = (
        ends.sort_values(["rank", "name"], kind="stable").drop_duplicates("node").set_index("node")["name"]
    )
    own = np.where(road >= 0, roads["name"].to_numpy(object)[road], "")
    return [str(by_node.get(node, name)) for node, name in zip(end, own, strict=True)]


def _near(analysis: Analysis, sites: gpd.GeoDataFrame) -> dict[str, Any]:
    ground = analysis.region.ground
    places = ground[(ground["kind"] == "place") & (ground["name"] != "")]
    if places.empty:
        nothing = [""] * len(sites)
        unknown = np.full(len(sites), np.nan)
        return {"near": nothing, "near_place": nothing, "near_m": unknown, "near_direction": nothing}
    at = np.column_stack([places.geometry.x, places.geometry.y])
    here = np.column_stack([sites.geometry.x, sites.geometry.y])
    near_m, which = cKDTree(at).query(here)
    east, north = (here - at[which]).T
    eighth = np.rint(np.degrees(np.arctan2(east, north)) / 45).astype(np.int64) % 8
    direction = np.where(near_m > _AT_PLACE_M, np.array(DIRECTIONS, dtype=object)[eighth], "")
    called = places["name"].to_numpy(object)[which]
    kind = places["place"].to_numpy(object)[which]
    return {"near": called, "near_place": kind, "near_m": near_m, "near_direction": direction}


def _text(called: str, names: dict[Hashable, Any]) -> str:
    near, near_m = str(names["near"]), float(names["near_m"])
    direction = str(names["near_direction"]).replace("_", "-")
    far = f"{near_m / 1000:.1f} km" if near_m >= 1000 else f"{max(10, round(near_m, -1)):.0f} m"
    where = f"{far} {direction} of {near}" if direction else near
    road, land = str(names["road_name"]), str(names["jurisdiction_name"])
    last = "" if land.casefold() == near.casefold() else land
    return ", ".join(part for part in (called or road, where, last) if part)
