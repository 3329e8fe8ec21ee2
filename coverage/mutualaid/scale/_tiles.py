"""Demand cut into tiles: places that are near each other, about equally many in each."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect, ScaleError

__all__ = ["tile_rows"]


def tile_rows(demand: gpd.GeoDataFrame, *, places: int = 20_000) -> list[NDArray[np.int64]]:
    """Cut demand into tiles that hold no more than so many places.

    The land is halved across its longer side, so that equally many places lie on both sides, and the halves again,
    until they are small enough. So tiles are small where people live close together, and none is nearly empty.

    Parameters
    ----------
    demand
        Points.
    places
        Most places in a tile.

    Returns
    -------
    list of array
        Rows of `demand` in each tile, ascending; every row is in one of them. The first tile lies in the south-west. Of
        no places there is one tile that holds none.

    Raises
    ------
    ScaleError
        `places` is no count.

    Examples
    --------
    >>> import geopandas as gpd
    >>> town = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 900, 100, 800], [0, 0, 50, 0]), crs=32632)
    >>> [rows.tolist() for rows in tile_rows(town, places=2)]
    [[0, 2], [1, 3]]
    """
    if places < 1:
        remedy = "give a number of places, such as 20000"
        raise ScaleError([Defect("", "places of a tile", "a count of at least 1", str(places), remedy)])
    xy = demand.get_coordinates().to_numpy()
    halves = [np.arange(len(demand), dtype=np.int64)]
    tiles = []
    while halves:
        rows = halves.pop()
        if len(rows) <= places:
            tiles.append(np.sort(rows))
            continue
        axis = int(np.ptp(xy[rows], axis=0).argmax())
        order = rows[np.lexsort((rows, xy[rows, 1 - axis], xy[rows, axis]))]
        middle = len(rows) // 2
        halves += [order[middle:], order[:middle]]  # the lower half comes first
    return tiles
