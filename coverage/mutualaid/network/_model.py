"""The road network as plain arrays: nodes, roads, the crossings between jurisdictions, and turn restrictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.data import ROAD_CLASSES
from mutualaid.hazards import Paths

__all__ = ["ROAD_CLASSES", "Network", "Restriction"]


@dataclass(frozen=True)
class Restriction:
    """One turn restriction, as a sequence of directed edges.

    Attributes
    ----------
    path
        Directed edges in driving order (see `Network`). A ``no_`` restriction forbids the whole sequence; an
        ``only_`` restriction says that who has driven all but the last must go on with the last.
    kind
        The OSM value: ``no_left_turn``, ``only_straight_on``, ``no_u_turn`` …
    exempt
        Vehicle kinds named in ``except=``: ``emergency``, ``bus``, ``psv`` …
    osm_id
        OSM relation it comes from; 0 if it does not come from OSM.
    """

    path: tuple[int, ...]
    kind: str
    exempt: frozenset[str] = frozenset()
    osm_id: int = 0

    @property
    def only(self) -> bool:
        """Whether the last edge is mandatory (``only_…``) rather than forbidden (``no_…``)."""
        return self.kind.startswith("only_")


@dataclass(frozen=True, eq=False)
class Network:
    """A road network, cut at jurisdiction boundaries.

    A **road** is a stretch between two nodes that holds both directions; a **directed edge** is one direction of
    it: edge ``2 * i`` runs from node ``a`` to node ``b`` of road ``i``, edge ``2 * i + 1`` from ``b`` to ``a``. Both
    exist for a one-way road too, because an emergency vehicle may be allowed against it: a `Profile` decides.

    Where a road passes from one jurisdiction into another there are two nodes at the same place, one for each
    side, joined by a road of length 0 whose ``crossing`` is set: that road *is* the crossing, so a delay or a
    closure at the border is a weight like any other and is paid by exactly those who pass.

    Attributes
    ----------
    crs
        Projected CRS in metres.
    node_id
        (n,) int64; OSM node id, negative for nodes made by cutting at a boundary.
    x, y
        (n,) float64; metres in `crs`.
    roads
        One row a road, index 0…m-1, with the columns

        ====================== ============= ==================================================================
        a, b                   int32         node positions (0…n-1)
        length_m               float64       length on the ground, in metres (ellipsoidal); 0 for a crossing
        way                    int64         OSM way id, 0 if unknown
        class                  category      one of `ROAD_CLASSES`
        name                   string        name, else ref, else ""
        maxspeed_forward_kph   float32       signed or implied legal limit a→b, NaN if unknown
        maxspeed_backward_kph  float32       the same b→a
        lanes                  float32       total lanes, NaN if unknown
        oneway                 int8          1: a→b only; -1: b→a only; 0: both
        bridge, tunnel         bool
        covered                bool          a roof over the road: a gallery, an avalanche shed, an arcade
        layer                  int8
        access                 category      who may drive: yes, destination, private, no, emergency …
        max_height_m           float32       NaN if no limit is known
        max_weight_t           float32       NaN if no limit is known
        jurisdiction           category      id of the jurisdiction it lies in; missing outside all
        crossing               int32         position in `crossings`; -1 for all other roads
        ====================== ============= ==================================================================
    road_xy
        (p, 2) float64; the vertices of all roads one after the other, each from `a` to `b`.
    road_offset
        (m + 1,) int64; vertices of road ``i`` are ``road_xy[road_offset[i]:road_offset[i + 1]]``.
    crossings
        One row a crossing, index ``crossing`` (a stable text id), columns ``name``, ``from_jurisdiction``,
        ``to_jurisdiction`` (in the order of the road a→b), ``from_country``, ``to_country``, ``international``
        (bool), ``class``, ``bridge``, ``tunnel``, geometry Point in `crs`.
    restrictions
        Turn restrictions; which of them bind is for the `Profile` to say.
    notes
        What a reader should know about how this network was made: ways dropped, tags not understood, with counts.
    """

    crs: CRS
    node_id: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    roads: pd.DataFrame
    road_xy: NDArray[np.float64]
    road_offset: NDArray[np.int64]
    crossings: gpd.GeoDataFrame
    restrictions: tuple[Restriction, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_id)

    @property
    def n_roads(self) -> int:
        """Number of roads; the number of directed edges is twice this."""
        return len(self.roads)

    def lines(self, roads: NDArray[np.integer] | None = None) -> NDArray[np.object_]:
        """LineStrings of the given roads (all by default), from `a` to `b`, in `crs`."""
        if roads is None:
            counts = np.diff(self.road_offset)
            return np.asarray(
                shapely.linestrings(self.road_xy, indices=np.repeat(np.arange(self.n_roads), counts))
            )
        # Of these alone: a few lines of a country cost little.
        return Paths(self.road_xy, self.road_offset).lines(np.asarray(roads, dtype=np.int64))

    def roads_gdf(self) -> gpd.GeoDataFrame:
        """Roads as a GeoDataFrame for GeoPandas or QGIS."""
        return gpd.GeoDataFrame(self.roads.copy(), geometry=self.lines(), crs=self.crs)
