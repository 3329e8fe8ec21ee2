"""A road network of any size: copies of Porto side by side, with stations and people, for benchmarks.

A cell is the real road network of Porto (OpenStreetMap, ODbL; 68,868 nodes), reduced to its largest connected part
and cut at a grid of jurisdictions. `porto_grid` lays k × k copies of it side by side. Facing edges are joined once
in each stretch of 2 km: the outermost node of each of the two copies there by a straight primary road, with a
crossing in its middle. So every copy has the streets, one-way roads and turn restrictions of a real town, and one can
drive from any copy to any other. Everything is made by repeating arrays: ten million nodes take 15 s and 3.5 GB.

    from grid import grid_region
    region, network = grid_region(4)
    analyse(region, network=network)

Run as a program it says what a grid holds: ``python benchmarks/grid.py 4``.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mutualaid.data import Agreement, Parameters, Region
from mutualaid.network import Network, cut_at_boundaries, profile, read_network, route_graph

PORTO = Path(__file__).resolve().parents[2] / "shared" / "data" / "porto" / "porto_portugal.osm.pbf"
CRS_PORTO = "EPSG:32629"
SEED = 20240601

#: One road joins facing edges in each stretch of so many metres.
_STRETCH_M = 2000.0
#: Sides of a jurisdiction are whole multiples of this, so that square cells of demand fit.
_STEP_M = 1000.0
#: How dense streets are is counted in squares of this side.
_QUARTER_M = 500.0
#: OSM ids stay below 2**34: above that is the number of the copy.
_COPY_ID = 1 << 40
_NOT_FOR_PEOPLE = ("motorway", "motorway_link", "trunk", "trunk_link")

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cell:
    """What is repeated: roads, and the grid of jurisdictions that they are cut at.

    Attributes
    ----------
    network
        Its roads.
    x0, y0, part_m, parts
        Lower left corner, and columns × rows of jurisdictions of (width, height) metres each.
    """

    network: Network
    x0: float
    y0: float
    part_m: tuple[float, float]
    parts: tuple[int, int]

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height: how far copies are shifted."""
        return self.part_m[0] * self.parts[0], self.part_m[1] * self.parts[1]

    @property
    def n_parts(self) -> int:
        """Number of jurisdictions."""
        return self.parts[0] * self.parts[1]


def porto_cell(pbf: Path = PORTO, parts: tuple[int, int] = (3, 4)) -> Cell:
    """Read Porto and cut it at a grid of jurisdictions."""
    network = read_network(pbf, crs=CRS_PORTO)
    x0, y0 = (float(np.floor(at.min() / _STEP_M) * _STEP_M) for at in (network.x, network.y))
    widths = [
        float(np.ceil((at.max() + 1 - low) / count / _STEP_M) * _STEP_M)
        for at, low, count in ((network.x, x0, parts[0]), (network.y, y0, parts[1]))
    ]
    cell = Cell(network, x0, y0, (widths[0], widths[1]), parts)
    return replace(cell, network=_largest_part(cut_at_boundaries(network, lands(cell, 1))))


def lands(cell: Cell, k: int) -> gpd.GeoDataFrame:
    """Jurisdictions of k × k copies: one partner a row of jurisdictions in a copy, one country a column of copies."""
    copy, part = (grid.ravel() for grid in np.indices((k * k, cell.n_parts)))
    column, row = part % cell.parts[0], part // cell.parts[0]
    left = cell.x0 + (copy % k) * cell.size_m[0] + column * cell.part_m[0]
    bottom = cell.y0 + (copy // k) * cell.size_m[1] + row * cell.part_m[1]
    names = [f"C{c}-{p}" for c, p in zip(copy.tolist(), part.tolist(), strict=True)]
    table = {
        "name": names,
        "country": np.where(copy % k % 2 == 0, "PT", "ES"),
        "languages": np.where(copy % k % 2 == 0, "pt", "es"),
        "population": np.nan,
        "partner": [f"Brigade {c}-{r}" for c, r in zip(copy.tolist(), row.tolist(), strict=True)],
        "completed": False,
    }
    boxes = shapely.box(left, bottom, left + cell.part_m[0], bottom + cell.part_m[1])
    index = pd.Index(names, name="id", dtype="str")
    return gpd.GeoDataFrame(table, geometry=boxes, index=index, crs=cell.network.crs)


def porto_grid(k: int, pbf: Path = PORTO, *, cell: Cell | None = None) -> Network:
    """Lay k × k copies of Porto side by side.

    Copy c stands in column ``c % k`` and row ``c // k``; of n nodes (roads, crossings) of a cell its own are c * n to
    (c + 1) * n - 1. What joins the copies comes after all of them.
    """
    cell = cell or porto_cell(pbf)
    base, copies = cell.network, k * k
    joints = _joints(cell, k)
    x = np.concatenate([_shifted(base.x, cell, k, 0), np.repeat(joints["x"].to_numpy(), 2)])
    y = np.concatenate([_shifted(base.y, cell, k, 1), np.repeat(joints["y"].to_numpy(), 2)])
    # Each link is a road, a crossing between two nodes at the same place, and a road.
    middle = copies * base.n_nodes + 2 * np.arange(len(joints))
    a = np.column_stack([joints["from"], middle, middle + 1]).ravel()
    b = np.column_stack([middle, middle + 1, joints["to"]]).ravel()
    vertices = copies * len(base.road_xy)
    road_xy = np.empty((vertices + 2 * len(a), 2))
    for axis, at in enumerate((x, y)):
        road_xy[:vertices, axis] = _shifted(base.road_xy[:, axis], cell, k, axis)
        road_xy[vertices:, axis] = at[np.column_stack([a, b])].ravel()
    starts = _counted(base.road_offset[:-1], len(base.road_xy), copies)
    ids = _counted(base.node_id, _COPY_ID, copies)
    return Network(
        crs=base.crs,
        node_id=np.concatenate([ids, -1 - copies * _COPY_ID - np.arange(2 * len(joints))]),
        x=x,
        y=y,
        roads=_road_table(cell, k, joints, a, b),
        road_xy=road_xy,
        road_offset=np.concatenate([starts, vertices + 2 * np.arange(len(a) + 1)]),
        crossings=_crossing_table(cell, k, joints),
        restrictions=tuple(
            replace(one, path=tuple(edge + 2 * base.n_roads * copy for edge in one.path))
            for copy in range(copies)
            for one in base.restrictions
        ),
    )


def grid_region(
    k: int,
    *,
    pbf: Path = PORTO,
    places: int = 5000,
    scattered: float = 1.0,
    stations: int = 30,
    parts: tuple[int, int] = (3, 4),
    cell_m: float | None = None,
    agreements: bool = False,
    parameters: Mapping[str, Any] | None = None,
    seed: int = SEED,
) -> tuple[Region, Network]:
    """Give a region and its roads, for ``analyse(region, network=network)``.

    Parameters
    ----------
    k
        Copies in a row.
    pbf
        Extract of Porto.
    places, stations
        Points of demand and stations in each copy, on roads drawn at random (stations not on driveways or tracks).
    scattered
        Share of the places that are drawn so. The others fill the densest quarters, the same in each copy: every cell
        (of 100 m if `cell_m` is None) that a street passes, as people live next door to each other.
    parts
        Columns × rows of jurisdictions in each copy; those of a row share a partner.
    cell_m
        Width of cells that demand stands for: a divisor of 1000. Points drawn in the same cell are one place, so
        there are fewer than `places`. None: demand is points.
    agreements
        Whether partners who are neighbours in a copy help each other on request.
    parameters
        What differs from the default parameters of a run (the day is fixed).
    seed
        Of everything that is drawn.
    """
    cell = porto_cell(pbf, parts)
    network = porto_grid(k, cell=cell)
    jurisdictions = lands(cell, k)
    rng = np.random.default_rng(seed)
    demand = _demand(cell, k, network, jurisdictions, places, scattered, cell_m, rng)
    people = demand.groupby("jurisdiction")["population"].sum()
    jurisdictions["population"] = people.reindex(jurisdictions.index).fillna(0.0)
    empty = {"station": "str", "kind": "str", "capabilities": "str", "staffing": "float64", "count": "int64"}
    hospitals = gpd.GeoDataFrame(
        {"name": pd.Series(dtype="str")},
        geometry=[],
        index=pd.Index([], name="id", dtype="str"),
        crs=network.crs,
    )
    treaties = tuple(
        Agreement(id=f"t{c}-{r}", parties=(f"Brigade {c}-{r}", f"Brigade {c}-{r + 1}"), home_cover_min=0)
        for c in range(k * k)
        for r in range(parts[1] - 1)
    )
    region = Region(
        name=f"{k} × {k} copies of Porto",
        folder=pbf.parent,
        crs=network.crs,
        jurisdictions=jurisdictions,
        stations=_stations(cell, k, network, jurisdictions, stations, rng),
        units=pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()}),
        demand=demand,
        cell_m=cell_m,
        hospitals=hospitals,
        network_files=(),
        parameters=Parameters(**{"date": "2026-11-27", **(parameters or {})}),
        agreements=treaties if agreements else (),
    )
    return region, network


def _largest_part(network: Network) -> Network:
    """Keep the roads that hang together, and what belongs to them."""
    a, b = (network.roads[end].to_numpy().astype(np.int64) for end in ("a", "b"))
    joined = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(network.n_nodes,) * 2)
    part = connected_components(joined, directed=False)[1]
    inside = part == np.bincount(part).argmax()
    road = np.flatnonzero(inside[a])
    node_of, road_of = np.cumsum(inside) - 1, np.full(network.n_roads, -1)
    road_of[road] = np.arange(len(road))
    roads = network.roads.take(road).reset_index(drop=True)
    roads["a"], roads["b"] = (node_of[end[road]].astype(np.int32) for end in (a, b))
    passed = roads["crossing"].to_numpy()
    passage = np.unique(passed[passed >= 0])
    roads["crossing"] = np.where(passed >= 0, np.searchsorted(passage, passed), -1).astype(np.int32)
    counts = np.diff(network.road_offset)
    return replace(
        network,
        node_id=network.node_id[inside],
        x=network.x[inside],
        y=network.y[inside],
        roads=roads,
        road_xy=network.road_xy[np.repeat(inside[a], counts)],
        road_offset=np.concatenate([[0], np.cumsum(counts[road])]),
        crossings=network.crossings.iloc[passage],
        restrictions=tuple(
            replace(one, path=tuple(2 * int(road_of[edge >> 1]) + (edge & 1) for edge in one.path))
            for one in network.restrictions
            if all(road_of[edge >> 1] >= 0 for edge in one.path)
        ),
    )


def _shifted(at: NDArray[Any], cell: Cell, k: int, axis: int) -> NDArray[np.float64]:
    """Coordinates of all copies, one after the other."""
    copy = np.arange(k * k)
    steps = copy % k if axis == 0 else copy // k
    return np.asarray((at[None, :] + cell.size_m[axis] * steps[:, None]).ravel())


def _counted(numbers: NDArray[Any], step: int, copies: int) -> Int64:
    """Numbers of all copies, each a step further from zero than the one before; -1 - i counts down."""
    steps = step * np.arange(copies, dtype=np.int64)[:, None]
    return np.asarray((numbers[None, :] + np.where(numbers < 0, -1, 1)[None, :] * steps).ravel())


def _joints(cell: Cell, k: int) -> pd.DataFrame:
    """Links between copies: nodes ``from`` and ``to``, positions of their jurisdictions, middle, half the length."""
    base = cell.network
    land = np.full(base.n_nodes, -1, dtype=np.int64)
    code = base.roads["jurisdiction"].cat.codes.to_numpy()
    for end in ("a", "b"):
        land[base.roads[end].to_numpy()[code >= 0]] = code[code >= 0]
    inside = np.flatnonzero(land >= 0)
    copy = np.arange(k * k)
    found = []
    for axis, step, last in ((0, 1, copy % k == k - 1), (1, k, copy // k == k - 1)):
        across, along = (base.x, base.y) if axis == 0 else (base.y, base.x)
        stretch = np.floor(along[inside] / _STRETCH_M)
        order = inside[np.lexsort((across[inside], stretch))]
        first = np.flatnonzero(np.append(True, np.diff(np.sort(stretch)) > 0))
        low, high = order[first], order[np.append(first[1:], len(order)) - 1]
        here, shift = copy[~last][:, None], np.eye(2)[axis] * cell.size_m[axis]
        dx, dy = (at[low] + move - at[high] for at, move in zip((base.x, base.y), shift, strict=True))
        columns = {
            "from": here * base.n_nodes + high,
            "to": (here + step) * base.n_nodes + low,
            "from_land": here * cell.n_parts + land[high],
            "to_land": (here + step) * cell.n_parts + land[low],
            "x": base.x[high] + dx / 2 + here % k * cell.size_m[0],
            "y": base.y[high] + dy / 2 + here // k * cell.size_m[1],
            "half_m": np.broadcast_to(np.hypot(dx, dy) / 2, (len(here), len(low))),
        }
        found.append(pd.DataFrame({name: column.ravel() for name, column in columns.items()}))
    return pd.concat(found, ignore_index=True)


def _road_table(cell: Cell, k: int, joints: pd.DataFrame, a: Int64, b: Int64) -> pd.DataFrame:
    """Roads of all copies, then of the links (nodes `a` and `b`)."""
    base, copies = cell.network, k * k
    own, m = copies * base.n_roads, base.n_roads
    # Links take what is not said here from some ordinary primary road.
    plain = (base.roads["class"] == "primary") & (base.roads["crossing"] < 0) & ~base.roads["bridge"]
    model = base.roads.iloc[[int(np.flatnonzero(plain & ~base.roads["tunnel"])[0])]].copy()
    model["name"], model["access"], model["way"], model["oneway"] = "Link", "yes", 0, np.int8(0)
    model[["maxspeed_forward_kph", "maxspeed_backward_kph", "lanes"]] = np.float32(np.nan)
    model[["max_height_m", "max_weight_t"]] = np.float32(np.nan)
    source = np.concatenate([np.tile(np.arange(m), copies), np.full(len(a), m)])
    roads = pd.concat([base.roads, model], ignore_index=True).take(source)
    roads.index = pd.RangeIndex(len(roads))
    for name, joining in (("a", a), ("b", b)):
        ends = _counted(base.roads[name].to_numpy().astype(np.int64), base.n_nodes, copies)
        roads[name] = np.concatenate([ends, joining]).astype(np.int32)
    half = joints["half_m"].to_numpy()
    roads.loc[own:, "length_m"] = np.column_stack([half, np.zeros(len(half)), half]).ravel()
    code = base.roads["jurisdiction"].cat.codes.to_numpy().astype(np.int64)
    sides = np.column_stack([joints["from_land"], np.full(len(joints), -1), joints["to_land"]]).ravel()
    land = np.concatenate([_numbered(code, cell.n_parts, copies), sides])
    roads["jurisdiction"] = pd.Categorical.from_codes(land, categories=pd.Index(lands(cell, k).index))
    none = np.full(len(joints), -1)
    links = np.column_stack([none, len(base.crossings) * copies + np.arange(len(joints)), none]).ravel()
    passed = _numbered(base.roads["crossing"].to_numpy().astype(np.int64), len(base.crossings), copies)
    roads["crossing"] = np.concatenate([passed, links]).astype(np.int32)
    return roads


def _numbered(numbers: Int64, step: int, copies: int) -> Int64:
    """Positions of all copies; -1 stays."""
    shifted = numbers[None, :] + step * np.arange(copies)[:, None]
    return np.asarray(np.where(numbers[None, :] < 0, -1, shifted).ravel())


def _crossing_table(cell: Cell, k: int, joints: pd.DataFrame) -> gpd.GeoDataFrame:
    """Crossings of all copies, then those of the links."""
    base, copies = cell.network.crossings, k * k
    places = lands(cell, k)
    position = lands(cell, 1).index
    copy = np.repeat(np.arange(copies), len(base))
    own = pd.DataFrame(base.drop(columns="geometry")).take(np.tile(np.arange(len(base)), copies))
    sides = {
        side: np.concatenate(
            [
                _numbered(position.get_indexer(pd.Index(base[f"{side}_jurisdiction"])), cell.n_parts, copies),
                joints[f"{side}_land"].to_numpy(),
            ]
        )
        for side in ("from", "to")
    }
    links = pd.DataFrame(
        {"name": "Link", "class": "primary", "bridge": False, "tunnel": False}, index=joints.index
    )
    ids = [f"{c}-{name}" for c, name in zip(copy.tolist(), own.index, strict=True)]
    ids += [f"link{number}" for number in range(len(joints))]
    table = pd.concat([own[["name", "class", "bridge", "tunnel"]], links], ignore_index=True)
    for side, land in sides.items():
        table[f"{side}_jurisdiction"] = places.index.to_numpy()[land]
        table[f"{side}_country"] = places["country"].to_numpy()[land]
    table["international"] = table["from_country"] != table["to_country"]
    xy = shapely.get_coordinates(base.geometry.to_numpy())
    x = np.concatenate([_shifted(xy[:, 0], cell, k, 0), joints["x"]])
    y = np.concatenate([_shifted(xy[:, 1], cell, k, 1), joints["y"]])
    table = table[list(base.columns.drop("geometry"))].astype(base.dtypes.drop("geometry").to_dict())
    index = pd.Index(ids, dtype="str", name="crossing")
    return gpd.GeoDataFrame(table.set_index(index), geometry=gpd.points_from_xy(x, y), crs=base.crs)


def _drawn(
    cell: Cell, k: int, network: Network, road: Int64, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Int64, Int64]:
    """Points on roads of a cell, so many in each copy: (p, 2) metres, copy, and position of the jurisdiction."""
    copy = np.repeat(np.arange(k * k), count)
    line = network.lines(copy * cell.network.n_roads + rng.choice(road, len(copy)))
    xy = shapely.get_coordinates(
        shapely.line_interpolate_point(line, rng.uniform(0.05, 0.95, len(copy)), normalized=True)
    )
    return xy, copy, _land(cell, xy, copy)


def _streets(cell: Cell, without: tuple[str, ...]) -> Int64:
    """Roads of a cell that people live on: those that a fire engine gets to, and away from."""
    roads = cell.network.roads
    graph = route_graph(cell.network, profile("fire_engine"))
    not_here = roads["class"].isin(without) | roads["tunnel"] | (roads["crossing"] >= 0)
    return np.flatnonzero(graph.routable & ~not_here.to_numpy() & (roads["length_m"] > 10).to_numpy())


def _demand(
    cell: Cell,
    k: int,
    network: Network,
    jurisdictions: gpd.GeoDataFrame,
    count: int,
    scattered: float,
    cell_m: float | None,
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    streets = _streets(cell, _NOT_FOR_PEOPLE)
    home = _quarters(cell, streets, count - round(scattered * count), cell_m or 100.0)
    quarters = np.column_stack([_shifted(home[:, axis], cell, k, axis) for axis in (0, 1)])
    anywhere, _, _ = _drawn(cell, k, network, streets, count - len(home), rng)
    xy = np.concatenate([quarters, anywhere])
    copy = np.concatenate([np.repeat(np.arange(k * k), n) for n in (len(home), count - len(home))])
    people = np.rint(rng.lognormal(np.log(150), 1.0, len(xy)))
    order = np.argsort(copy, kind="stable")
    xy, copy, people = xy[order], copy[order], people[order]
    table = pd.DataFrame(
        {
            "population": people,
            "jurisdiction": jurisdictions.index.take(_land(cell, xy, copy)),
            "x": xy[:, 0],
            "y": xy[:, 1],
        },
        index=pd.Index([f"p{c}-{i % count}" for i, c in enumerate(copy.tolist())], name="id", dtype="str"),
    )
    if cell_m is not None:
        for axis in ("x", "y"):
            table[f"cell_{axis}"] = np.floor(table[axis] / cell_m) * cell_m
        table = table[~table.duplicated(["cell_x", "cell_y"])]
    points = gpd.points_from_xy(table["x"], table["y"])
    return gpd.GeoDataFrame(table.drop(columns=["x", "y"]), geometry=points, crs=network.crs)


def _quarters(cell: Cell, streets: Int64, count: int, cell_m: float) -> NDArray[np.float64]:
    """Points on streets of a cell, one in each square that they pass, in the densest quarters: (count, 2) metres."""
    lines = shapely.segmentize(cell.network.lines(streets), cell_m / 4)
    xy = shapely.get_coordinates(lines)
    xy = xy[np.unique(np.floor(xy / cell_m).astype(np.int64), axis=0, return_index=True)[1]]
    quarter = np.unique(np.floor(xy / _QUARTER_M).astype(np.int64), axis=0, return_inverse=True)[1].ravel()
    density = np.bincount(quarter)[quarter]
    return np.asarray(xy[np.lexsort((quarter, -density))[:count]])


def _land(cell: Cell, xy: NDArray[np.float64], copy: Int64) -> Int64:
    """Position of the jurisdiction of points in copies."""
    column = np.floor((xy[:, 0] - cell.x0) % cell.size_m[0] / cell.part_m[0]).astype(np.int64)
    row = np.floor((xy[:, 1] - cell.y0) % cell.size_m[1] / cell.part_m[1]).astype(np.int64)
    return np.asarray(copy * cell.n_parts + row * cell.parts[0] + column)


def _stations(
    cell: Cell,
    k: int,
    network: Network,
    jurisdictions: gpd.GeoDataFrame,
    count: int,
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    roads = _streets(cell, (*_NOT_FOR_PEOPLE, "service", "track"))
    xy, copy, land = _drawn(cell, k, network, roads, count, rng)
    names = [f"s{c}-{i % count}" for i, c in enumerate(copy.tolist())]
    table = {
        "name": names,
        "jurisdiction": jurisdictions.index.take(land),
        "service": "fire",
        "department": rng.choice(["career", "volunteer", "combination"], len(xy), p=[0.2, 0.6, 0.2]),
        **dict.fromkeys(("turnout_s", "turnout_day_s", "turnout_night_s", "turnout_weekend_s"), np.nan),
        "status": "active",
    }
    index = pd.Index(names, name="id", dtype="str")
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(*xy.T), index=index, crs=network.crs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("k", type=int, help="copies in a row")
    parser.add_argument("--pbf", type=Path, default=PORTO)
    options = parser.parse_args()
    begin = time.perf_counter()
    region, network = grid_region(options.k, pbf=options.pbf)
    seconds = time.perf_counter() - begin
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    print(f"{network.n_nodes:,} nodes, {network.n_roads:,} roads, {len(network.crossings):,} crossings")
    print(f"{len(region.stations):,} stations, {len(region.demand):,} places")
    print(f"{len(region.jurisdictions):,} jurisdictions, {region.demand['population'].sum():,.0f} people")
    print(f"made in {seconds:.1f} s, peak memory {gib:.1f} GiB")


if __name__ == "__main__":
    main()
