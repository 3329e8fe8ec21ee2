"""Who sets out from where, in what, and when: the sources of a flow network."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase
from mutualaid.evacuation._assemble import Assembled, Spots
from mutualaid.evacuation._gather import gather
from mutualaid.evacuation._ground import EvacuationGround
from mutualaid.evacuation._paths import seconds_to
from mutualaid.evacuation._vehicles import bus_waves, release, vehicles
from mutualaid.network import RouteGraph

__all__ = ["gatherings", "source_places", "source_spots", "vehicle_sources"]

Floats = NDArray[np.float64]

#: Sources are late by whole minutes, so that release curves have few corners; never early.
_WHOLE_S = 60.0
#: A bus stands so long to let people on and off: an assumption.
_BUS_STOPS_S = 600.0
#: Fewer people than this are rounding.
NOBODY = 1e-9


def gatherings(
    analysis: Analysis,
    case: EvacuationCase,
    zones: gpd.GeoDataFrame,
    members: pd.Series,
    ground: EvacuationGround,
) -> tuple[pd.DataFrame, list[tuple[str, str, float]]]:
    """Places from which people of each zone set out, and who has none."""
    demand = analysis.demand[(members != "") & (analysis.demand["population"] > 0)]
    found = gather(
        ground.before,
        demand.assign(zone=members[demand.index]),
        capacity_vph=ground.strength,
        open_node=ground.way_out,
        ground=ground.at_node,
        gather_m=case.gather_m,
        snap_m=analysis.region.parameters.snap_m,
    )
    found = found.assign(zone=members[demand.index], people=demand["population"])
    left = []
    for kind, reason in (("none", "no road"), ("cut off", "no way")):
        lost = found[found["kind"] == kind].groupby("zone", sort=False)["people"].sum()
        left += [(str(zone), reason, float(count)) for zone, count in lost.items()]
    found = found[found["kind"].isin(["junction", "road"])]
    network = analysis.network
    at_junction = (found["kind"] == "junction").to_numpy()
    junction = np.where(at_junction, network.node_id[np.maximum(found["node"].to_numpy(), 0)], 0)
    place = np.where(
        at_junction, junction.astype(str).astype(object), found.index.astype(str).to_numpy(object)
    )
    found = found.assign(junction=junction, source=found["zone"] + "@" + place)
    table = found.groupby("source", sort=False).agg(
        zone=("zone", "first"), people=("people", "sum"), access_s=("access_s", "max"),
        spot=("node", "first"), road=("road", "first"), fraction=("fraction", "first"),
        junction=("junction", "first"),
    )  # fmt: skip
    rank = pd.Series(np.arange(len(zones)), index=zones.index)
    table = table.assign(rank=rank.reindex(table["zone"]).to_numpy())
    table = table.sort_values(["rank", "people"], ascending=[True, False], kind="stable")
    table["access_s"] = np.ceil(table["access_s"] / _WHOLE_S - NOBODY) * _WHOLE_S
    return table.drop(columns="rank"), left


def source_spots(graph: RouteGraph, sources: pd.DataFrame) -> Spots:
    node = sources["spot"].to_numpy(np.int64)
    road = sources["road"].to_numpy(np.int64)
    along = Spots.of(graph, np.maximum(road, 0), np.nan_to_num(sources["fraction"].to_numpy(np.float64)))
    here = node >= 0
    return Spots(
        np.where(here, node, along.node),
        np.where(here, -1, along.road),
        np.where(here, np.nan, along.fraction),
    )


def source_places(graph: RouteGraph, spots: Spots) -> NDArray[np.float64]:
    """(p, 2) coordinates of spots."""
    network = graph.network
    xy = np.column_stack([network.x[np.maximum(spots.node, 0)], network.y[np.maximum(spots.node, 0)]])
    along = spots.node < 0
    if along.any():
        lines = network.lines(spots.road[along])
        xy[along] = shapely.get_coordinates(
            shapely.line_interpolate_point(lines, spots.fraction[along], normalized=True)
        )
    return np.asarray(xy, dtype=np.float64)


def vehicle_sources(
    going: pd.DataFrame,
    case: EvacuationCase,
    zones: gpd.GeoDataFrame,
    kept: Assembled,
    capacity_vph: Floats,
    sink_node: NDArray[np.int64],
) -> tuple[pd.DataFrame, Floats, Floats, pd.Series]:
    """Give sources of cars and buses with their release curves, and people for whom there is neither."""
    by_zone = going.groupby("zone", sort=False)["people"].sum().reindex(zones.index, fill_value=0.0)
    fleet = vehicles(by_zone, case=case)
    shown = ["zone", "people", "vehicles", "node", "kind", "junction", "access_s", "x", "y"]
    drivers = (1 - case.without_car) * going["people"]
    by_car = going.assign(people=drivers, vehicles=drivers / case.persons_per_vehicle, kind="cars")
    by_car = by_car[by_car["people"] > 0]
    groups = [(by_car["vehicles"].to_numpy()[:, None], by_car["access_s"].to_numpy()[:, None])]

    riding = fleet.index[(fleet["by_bus"] > NOBODY)]
    # Buses call where most people of the zone gather.
    first = going.drop_duplicates("zone").set_index("zone", drop=False).loc[riding]
    drive_s = seconds_to(kept.n_nodes, kept.tail, kept.head, kept.transit_s, sink_node, capacity_vph > 0)
    round_s = 2 * drive_s[first["node"].to_numpy(np.int64)] + _BUS_STOPS_S
    round_s = np.ceil(round_s / _WHOLE_S - NOBODY) * _WHOLE_S
    assigned = fleet.loc[riding]
    pce, later_s = bus_waves(assigned["by_bus"], assigned["buses"], round_s, first["access_s"], case=case)
    buses = first.assign(people=assigned["by_bus"], vehicles=pce.sum(axis=1), kind="buses")
    buses.index = pd.Index(_bus_ids(going, riding), dtype=object)
    groups.append((pce, later_s))
    table = pd.concat([by_car[shown], buses[shown]]) if len(buses) else by_car[shown]
    release_s, released = release(groups, case.mobilisation)
    return table, release_s, released, fleet["left_behind"]


def _bus_ids(going: pd.DataFrame, zones: pd.Index) -> list[str]:
    """Ids of the sources of buses: that of the place, and what it is."""
    place = going.reset_index(names="source").drop_duplicates("zone").set_index("zone")["source"]
    return [f"{place[zone]} bus" for zone in zones]
