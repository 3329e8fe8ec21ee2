"""Networks to evacuate: the published small ones, a real coast with a fire, and drawn ones with a seed.

The tests reach this file through the fixture `instances`, the benchmark loads it from its path.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from mutualaid.evacuation import FlowNetwork, flow_network

#: Seconds that one step of the published instances lasts.
STEP_S = 60.0
#: Assumed people in a car, and minutes and share of them that are ready.
PERSONS_PER_VEHICLE = 2.5
MOBILISATION = ((0.0, 0.0), (30.0, 0.5), (60.0, 0.9), (90.0, 1.0))

# The published instances


@dataclass(frozen=True)
class Published:
    """A quickest transshipment with its optimum in seconds: in whole steps, and in continuous time."""

    name: str
    network: FlowNetwork
    discrete_s: float
    continuous_s: float


def published(folder: Path) -> list[Published]:
    """Read the 13 instances of ``evacuation/quickest_transshipment_oracle.json``; a step lasts `STEP_S`."""
    path = folder / "evacuation" / "quickest_transshipment_oracle.json"
    return [
        Published(
            name=one["name"],
            network=transshipment(one["edges"], one["balance"]),
            discrete_s=one["T_opt_discrete"] * STEP_S,
            continuous_s=one["T_opt_continuous_cutset"] * STEP_S,
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def transshipment(edges: Sequence[Mapping[str, Any]], balance: Mapping[str, float]) -> FlowNetwork:
    """One person a vehicle; capacity and transit of the edges are by step, a sink takes what its balance says."""
    names = dict.fromkeys([*(one["u"] for one in edges), *(one["v"] for one in edges), *balance])
    node = {name: i for i, name in enumerate(names)}
    leave = {name: float(value) for name, value in balance.items() if value > 0}
    take = {name: float(-value) for name, value in balance.items() if value < 0}
    return flow_network(
        n_nodes=len(node),
        tail=[node[one["u"]] for one in edges],
        head=[node[one["v"]] for one in edges],
        transit_s=[one["transit"] * STEP_S for one in edges],
        capacity_vph=[one["capacity"] * 3600 / STEP_S for one in edges],
        sources=pd.DataFrame(
            {"node": [node[name] for name in leave], "vehicles": list(leave.values())}, index=list(leave)
        ),
        sinks=pd.DataFrame(
            {"node": [node[name] for name in take], "people": list(take.values())}, index=list(take)
        ),
    )


# Surf Coast Shire, with a fire that burns from the hills to the sea in ten hours

#: Zones where the roads lead out; nobody leaves them. A town that the fire spares is not among them.
RECEIVING = (
    "Geelong",
    "Bellarine",
    "North East Region",
    "North Region",
    "North West Region",
    "West Region",
    "South West Region",
)
#: Which zones leave (their Location); None: every zone where somebody is.
ZONE_SETS: dict[str, tuple[str, ...] | None] = {
    "anglesea": ("Anglesea",),
    "coast": ("Aireys Inlet", "Anglesea", "Lorne"),
    "shire": None,
}


@dataclass(frozen=True)
class Roads:
    """The network of MATSim: nodes, links, and the hour after the ignition when fire first touches a link."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    transit_s: NDArray[np.float64]
    capacity_vph: NDArray[np.float64]
    burns_h: NDArray[np.float64]


def read_roads(folder: Path) -> Roads:
    """Links as they are (capacity by hour, all lanes); drawn straight from node to node, as the file has no more."""
    here = folder / "evacuation" / "surf_coast"
    with gzip.open(here / "surf-coast-shire-network-2021-epsg32754.xml.gz") as file:
        root = ET.parse(file).getroot()
    node = {one.attrib["id"]: i for i, one in enumerate(root.iter("node"))}
    xy = np.array([[float(one.attrib["x"]), float(one.attrib["y"])] for one in root.iter("node")])
    links = [one.attrib for one in root.iter("link")]
    tail, head = (np.array([node[one[end]] for one in links]) for end in ("from", "to"))
    length, speed, capacity = (
        np.array([float(one[name]) for one in links]) for name in ("length", "freespeed", "capacity")
    )
    fire = gpd.read_file(
        f"/vsigzip/{here}/anglesea_evac_test_ffdi104_phx5_2016data_minsup_fh2017_grid_epsg32754.json.gz"
    )  # says EPSG:4326 for want of anything else, and is in metres of EPSG:32754
    fire = fire[fire["HOUR_BURNT"].notna()]
    lines = shapely.linestrings(np.stack([xy[tail], xy[head]], axis=1))
    link, cell = shapely.STRtree(fire.geometry.to_numpy()).query(lines, predicate="intersects")
    burns = np.full(len(links), np.inf)
    np.minimum.at(burns, link, fire["HOUR_BURNT"].to_numpy()[cell])
    return Roads(xy[:, 0], xy[:, 1], tail, head, length / speed, capacity, burns)


def read_zones(folder: Path) -> gpd.GeoDataFrame:
    """Evacuation zones: `people` are full-time and part-time residents and overnight visitors (FR + PR + OV).

    Day visitors, regional visitors and through traffic (DV, RV, T) stand only at the zones that receive.
    """
    zones = gpd.read_file(folder / "evacuation" / "surf_coast" / "zones-epsg4326.geojson").to_crs(32754)
    zones["people"] = zones[["FR", "PR", "OV"]].sum(axis=1).astype(float)
    # An id is used for more than one zone.
    zones.index = pd.Index(zones["IDNum"].astype(str) + " " + zones["IDName"])
    return zones


def surf_coast(
    folder: Path,
    zones: str = "coast",
    *,
    fire: bool = True,
    alarm_h: float = 0.0,
    mobilisation: bool = True,
    every_link: bool = False,
    starts: int = 3,
) -> FlowNetwork:
    """Zones leave for where the roads lead out of the shire, as the fire takes road after road.

    Parameters
    ----------
    folder
        The shared data.
    zones
        One of `ZONE_SETS`: ``anglesea`` (7,687 people), ``coast`` (20,009) or ``shire`` (58,427).
    fire
        Whether links close when the fire first touches them.
    alarm_h
        Hours from the ignition to the alarm.
    mobilisation
        Whether people get ready by `MOBILISATION`; else at the alarm.
    every_link
        All 10,145 links stay, and an exit is the node in the middle of a receiving zone; else who enters the zone is
        out, and what lies in it is left out.
    starts
        Each zone starts from up to so many nodes within it, far apart, each with a link of 600 vehicles an hour or
        more (tracks of 20 would hold up a whole zone); from the nearest such node if there is none.
    """
    roads, frame = read_roads(folder), read_zones(folder)
    wanted = ZONE_SETS[zones]
    leaving = frame[(frame["people"] > 0) & (frame["Location"].isin(wanted) if wanted else True)]
    points: Any = shapely.points(roads.x, roads.y)
    fit = np.zeros(len(points), dtype=bool)
    fit[roads.tail[roads.capacity_vph >= 600]] = True
    inside = np.full(len(points), -1)
    exits = []
    for at, name in enumerate(RECEIVING):
        zone = shapely.union_all(np.array(frame.geometry[frame["Location"] == name]))
        within = shapely.contains(zone, points)
        middle = shapely.point_on_surface(zone)
        nearest = int(np.argmin(np.where(fit, shapely.distance(points, middle), np.inf)))
        inside[within] = at
        inside[nearest] = at  # a zone beyond the last road has at least this one
        exits.append(nearest)
    source = _starts(leaving, points, fit & (inside < 0), starts)
    closes = np.maximum(roads.burns_h - alarm_h, 0.0) * 3600 if fire else np.full(len(roads.tail), np.inf)
    tail, head, keep = roads.tail, roads.head, np.ones(len(roads.tail), dtype=bool)
    node = np.array(exits)
    if not every_link:
        node = len(points) + np.arange(len(RECEIVING))
        head = np.where(inside[head] >= 0, len(points) + inside[head], head)
        keep = inside[tail] < 0
    release = np.array(MOBILISATION) if mobilisation else np.array([[0.0, 1.0]])
    return flow_network(
        n_nodes=len(points) + (0 if every_link else len(RECEIVING)),
        tail=tail[keep],
        head=head[keep],
        transit_s=roads.transit_s[keep],
        capacity_vph=roads.capacity_vph[keep],
        closes_s=closes[keep],
        road_edge=np.flatnonzero(keep),
        sources=source,
        release_s=release[:, 0] * 60,
        released=source["vehicles"].to_numpy()[:, None] * release[:, 1],
        sinks=pd.DataFrame({"node": node, "kind": "exit"}, index=list(RECEIVING)),
    )


def _starts(zones: gpd.GeoDataFrame, points: Any, fit: NDArray[np.bool_], most: int) -> pd.DataFrame:
    tree = shapely.STRtree(points[fit])
    of = np.flatnonzero(fit)
    rows = []
    for zone, people, shape in zip(zones.index, zones["people"], zones.geometry, strict=True):
        middle = shape.representative_point()
        within = np.sort(of[tree.query(shape, predicate="contains")])
        if not len(within):
            within = of[[tree.nearest(middle)]]
        chosen = [int(within[np.argmin(shapely.distance(points[within], middle))])]
        while len(chosen) < min(most, len(within)):
            away = np.min([shapely.distance(points[within], points[one]) for one in chosen], axis=0)
            chosen.append(int(within[np.argmax(away)]))
        share = people / len(chosen)
        rows += [
            (f"{zone} {i}", node, share / PERSONS_PER_VEHICLE, share, zone) for i, node in enumerate(chosen)
        ]
    return pd.DataFrame(rows, columns=["id", "node", "vehicles", "people", "zone"]).set_index("id")


def around_torquay(folder: Path, *, links: int = 600, vehicles: int = 40_000) -> FlowNetwork:
    """The part of the same roads that is nearest to Torquay in time; who leaves it is out.

    Every node within sends vehicles by the capacity that leaves it, in whole numbers, all at once. Each way out of the
    part is an exit.
    """
    roads = read_roads(folder)
    fit = roads.capacity_vph >= 600
    tail, head, transit, capacity = (
        values[fit] for values in (roads.tail, roads.head, roads.transit_s, roads.capacity_vph)
    )
    zones = read_zones(folder)
    middle = zones[zones["Location"] == "Torquay"].union_all().centroid
    start = tail[np.argmin(np.hypot(roads.x[tail] - middle.x, roads.y[tail] - middle.y))]
    graph = coo_array((transit, (tail, head)), shape=(len(roads.x), len(roads.x))).tocsr()
    far = dijkstra(graph, indices=[int(start)])[0]
    reach = far[tail]  # a link is in the part when its tail is
    keep = reach <= np.sort(reach)[links - 1]
    tail, head, transit, capacity = tail[keep], head[keep], transit[keep], capacity[keep]
    within, outside = np.unique(tail), np.setdiff1d(head, tail)
    node = {int(old): new for new, old in enumerate(np.concatenate([within, outside]))}
    weight = np.bincount([node[int(one)] for one in tail], weights=capacity, minlength=len(within))
    return flow_network(
        n_nodes=len(node),
        tail=[node[int(one)] for one in tail],
        head=[node[int(one)] for one in head],
        transit_s=transit,
        capacity_vph=capacity,
        sources=_whole(np.arange(len(within)), weight[: len(within)], vehicles),
        sinks=pd.DataFrame(
            {"node": len(within) + np.arange(len(outside)), "kind": "exit"},
            index=[f"x{i + 1}" for i in range(len(outside))],
        ),
    )


def grid(rows: int = 12, columns: int = 13, *, vehicles: int = 40_000, seed: int = 20240601) -> FlowNetwork:
    """A drawn town: a grid of two-way streets, every fourth one an arterial; shelters in its corners, an exit east.

    With the 12 × 13 junctions of the default it has 574 links. Vehicles stand at every other junction of the inner
    part; the shelters take a quarter of the people, so that most must go on to the exits. A vehicle holds two people.
    """
    random = np.random.default_rng(seed)
    number = np.arange(rows * columns).reshape(rows, columns)
    across = np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()])
    along = np.column_stack([number[:-1].ravel(), number[1:].ravel()])
    ends = np.concatenate([across, along])
    main = np.concatenate([across[:, 0] // columns % 4 == 1, along[:, 0] % columns % 4 == 1])
    transit = np.round(random.uniform(25, 60, len(ends)) * np.where(main, 0.7, 1.0), 1)
    capacity = np.where(main, random.choice([1200.0, 1800.0], len(ends)), 600.0)
    inner = number[2:-2, 2:-2].ravel()[::2]
    corner = number[[0, 0, -1, -1], [0, -1, 0, -1]]
    gates = number[[1, 5, 9], -1] if rows > 9 else number[[1], -1]
    sources = _whole(inner, random.uniform(1, 3, len(inner)), vehicles)
    sources["people"] = 2.0 * sources["vehicles"]
    room = [vehicles / 8] * len(corner)
    return flow_network(
        n_nodes=number.size,
        tail=np.concatenate([ends[:, 0], ends[:, 1]]),
        head=np.concatenate([ends[:, 1], ends[:, 0]]),
        transit_s=np.tile(transit, 2),
        capacity_vph=np.tile(capacity, 2),
        sources=sources,
        sinks=pd.DataFrame(
            {
                "node": np.concatenate([corner, gates]),
                "people": [*room, *[np.inf] * len(gates)],
                "kind": ["shelter"] * len(corner) + ["exit"] * len(gates),
            },
            index=[f"s{i + 1}" for i in range(len(corner))] + [f"x{i + 1}" for i in range(len(gates))],
        ),
    )


def _whole(nodes: NDArray[Any], weight: NDArray[Any], vehicles: int) -> pd.DataFrame:
    """Whole vehicles by weight: who has the largest remainder gets the rest."""
    exact = vehicles * weight / weight.sum()
    whole = np.floor(exact)
    rest = np.argsort(whole - exact, kind="stable")[: round(vehicles - whole.sum())]
    whole[rest] += 1
    some = whole > 0
    return pd.DataFrame(
        {"node": nodes[some], "vehicles": whole[some]}, index=[f"z{i + 1}" for i in np.flatnonzero(some)]
    )
