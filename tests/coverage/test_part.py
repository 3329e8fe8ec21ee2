"""Parts of a region, computed apart and joined: to the bit what is computed of the whole at once."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal
from pyproj import CRS

from mutualaid.coverage import (
    Computed,
    FairWeather,
    HazardComputed,
    Part,
    Ready,
    ReadyHazard,
    compute,
    compute_hazard,
    finish,
    hazard_part,
    join_computed,
    join_hazard_computed,
    lean_hazard,
    lean_ready,
    part,
    prepare,
    ready_hazard,
    scenario_result,
    whole,
)
from mutualaid.data import Agreement, HazardScenario, Parameters, Region, demo_path, read_region
from mutualaid.errors import RegionError
from mutualaid.hazards import HazardLayer, read_hazard, read_layers
from mutualaid.network import Network, cut_at_boundaries, from_osmnx

UTM = CRS.from_epsg(32632)
#: Blocks along each side of the town, and their length: a fire engine drives a block of a primary road in 55 s.
SIDE, BLOCK_M = 6, 1000.0
WIDE = SIDE * BLOCK_M


def land_of(x: float) -> str:
    """A on the left, B in the middle, C on the right, and an exclave of A at the right end."""
    return "ABCa"[min(int(4 * x / WIDE), 3)]


def town(random: Random) -> Network:
    """A lattice of roads of three classes, some one-way, some missing, with the borders across."""
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=UTM.to_string())
    for node in range((SIDE + 1) ** 2):
        # Off the lattice, so that no two ways are of one length.
        jitter = (random.uniform(-90, 90), random.uniform(-90, 90))
        x, y = (BLOCK_M * at + off for at, off in zip(divmod(node, SIDE + 1), jitter, strict=True))
        graph.add_node(node, x=x, y=y)
    pairs = [(n, n + 1) for n in graph if (n + 1) % (SIDE + 1)]
    pairs += [(n, n + SIDE + 1) for n in graph if n + SIDE + 1 in graph]
    for way, (a, b) in enumerate(pairs, start=1):
        if random.random() < 0.15:
            continue
        facts: dict[str, Any] = {
            "osmid": way,
            "highway": random.choice(["primary", "residential", "service"]),
            "length": float(np.hypot(*(graph.nodes[a][k] - graph.nodes[b][k] for k in "xy"))),
            "oneway": random.random() < 0.1,
        }
        graph.add_edge(a, b, **facts)
        if not facts["oneway"]:
            graph.add_edge(b, a, **facts)
    return cut_at_boundaries(from_osmnx(graph, crs=UTM), lands())


def lands() -> gpd.GeoDataFrame:
    names = ["A", "B", "C", "a"]
    return gpd.GeoDataFrame(
        {
            "name": names, "country": ["AA", "BB", "BB", "AA"], "languages": "", "population": np.nan,
            "partner": ["A", "B", "C", "A"], "completed": False,
        },
        geometry=[
            shapely.box(left - 200 * (k == 0), -200, left + WIDE / 4 + 200 * (k == 3), WIDE + 200)
            for k, left in enumerate(np.arange(4) * WIDE / 4)
        ],
        index=pd.Index(names, name="id"), crs=UTM,
    )  # fmt: skip


def points(random: Random, prefix: str, count: int, **columns: Any) -> gpd.GeoDataFrame:
    """Points near the streets."""
    x, y = np.array([[random.uniform(0, WIDE), BLOCK_M * random.randint(0, SIDE)] for _ in range(count)]).T
    swap = np.array([random.random() < 0.5 for _ in range(count)])
    x, y = np.where(swap, y, x), np.where(swap, x, y)
    return gpd.GeoDataFrame(
        {"jurisdiction": [land_of(one) for one in x], **{k: [f() for _ in x] for k, f in columns.items()}},
        geometry=gpd.points_from_xy(x, y),
        index=pd.Index([f"{prefix}{k}" for k in range(count)], name="id"),
        crs=UTM,
    )


def agreements(random: Random, crossings: Sequence[str], stations: Sequence[str]) -> tuple[Agreement, ...]:
    there = [*stations, "*"]
    return tuple(
        Agreement(
            id="-".join(parties),
            parties=parties,
            mode=random.choice(["automatic", "on_request", "subsidiary"]),
            dispatch_delay_s=random.choice([None, 0.0, 40.0]),
            crossing_delay_s=random.choice([None, 0.0, 20.0, 150.0]),
            crossings=tuple(name for name in crossings if random.random() < 0.7) if random.random() < 0.3 else (),
            strip_km=random.choice([np.inf, 0.7, 2.0]),
            transit=random.random() < 0.6,
            priority_abroad=random.choice(["as_host", "civilian"]),
            excluded_pairs=tuple((random.choice(there), random.choice(there)) for _ in range(random.randint(0, 2))),
            home_cover_min=random.choice([0, 1]),
            availability=random.choice([1.0, 0.8]),
            availability_hazard=random.choice([None, 0.5]),
        )
        for parties in (("A", "B"), ("B", "C"))
        if random.random() < 0.7
    )  # fmt: skip


def made_up(random: Random, folder: Path) -> tuple[Region, Network]:
    network = town(random)
    demand = points(
        random, "d", random.randint(4, 30), population=lambda: random.choice([0.0, 1.0, 3.7, 0.1, 250.0])
    )
    stations = points(
        random, "s", random.randint(1, 6), name=lambda: "", service=lambda: "fire", department=lambda: "career",
        status=lambda: "active", turnout_s=lambda: random.choice([np.nan, 60.0, 100.0]),
    )  # fmt: skip
    region = Region(
        name="A town", folder=folder, crs=UTM, jurisdictions=lands(), stations=stations,
        units=pd.DataFrame(columns=["station", "kind", "capabilities", "staffing", "count"]), demand=demand,
        cell_m=None, hospitals=gpd.GeoDataFrame({"name": []}, geometry=[], crs=UTM), network_files=(),
        parameters=Parameters(
            turnout_s={"career": 80.0}, cutoff_s=random.choice([420.0, 460.0, 900.0]),
            crossing_s=random.choice([0.0, 45.0]), dispatch_s=random.choice([0.0, 60.0]),
            availability=random.choice([1.0, 0.7]), local_standards=random.choice([{}, {"B": "us-nfpa-1710-engine"}]),
        ),
        agreements=agreements(random, list(network.crossings.index), list(stations.index)),
    )  # fmt: skip
    return region, network


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[HazardLayer, ...]:
    """Water of some depths, and roads that close by chance, in squares of 500 m."""
    folder, numbers = tmp_path_factory.mktemp("layers"), np.random.default_rng(5)
    size = int(WIDE / 500) + 2
    bands = {
        "w": numbers.choice([0.0, 0.0, 0.0, 0.05, 0.3, 1.0], (size, size)),
        "c": numbers.choice([0.0, 0.0, 0.0, 0.3, 1.0], (size, size)),
    }
    for name, band in bands.items():
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", height=size, width=size, count=1, dtype="float32",
            crs=UTM, nodata=np.nan, transform=Affine(500, 0, -500, 0, -500, WIDE + 500),
        ) as raster:  # fmt: skip
            raster.write(band.astype(np.float32), 1)
    return (
        read_hazard(
            folder / "w.tif", id="w", hazard="flood", quantity="depth", unit="m", scheme="inasafe-flood-depth"
        ),
        read_hazard(folder / "c.tif", id="c", hazard="flood", quantity="probability", unit="", scheme=""),
    )


def scenarios(random: Random, network: Network, stations: Sequence[str]) -> list[HazardScenario]:
    ways = [int(way) for way in network.roads["way"].unique() if way and random.random() < 0.1]
    closed: dict[str, Any] = {
        "closed_ways": tuple(ways),
        "closed_crossings": tuple(name for name in network.crossings.index if random.random() < 0.1),
        "closed_stations": tuple(name for name in stations if random.random() < 0.2),
    }
    water: dict[str, Any] = {"stations_delayed": 1, "stations_delay_s": 30.0}
    return [
        HazardScenario("w", "Water", ("w",), **water),
        HazardScenario(
            "c", "By chance", ("w", "c"), draws=random.choice([10, 13]), seed=random.randint(1, 9), **closed
        ),
    ]  # fmt: skip


def partition(random: Random, n: int) -> list[NDArray[np.int64]]:
    """Rows in any order, in parts of any sizes: neighbours in space or not."""
    rows = list(range(n))
    random.shuffle(rows)
    cuts = sorted(random.sample(range(1, n), random.randint(1, min(4, n - 1))))
    return [np.array(one) for one in np.split(np.array(rows), cuts)]


def travelled(thing: Any) -> Any:
    """What arrives in another process."""
    return pickle.loads(pickle.dumps(thing))


def same_fair(joined: Computed, at_once: Computed) -> None:
    for name in ("coverage", "coverage_local", "times", "times_agreed"):
        ours, theirs = getattr(joined, name), getattr(at_once, name)
        if theirs is None:
            assert ours is None
            continue
        plain = pd.DataFrame(theirs.drop(columns="geometry", errors="ignore"))
        if name == "times_agreed":
            plain = plain.reset_index(drop=True)
        assert_frame_equal(
            pd.DataFrame(ours.drop(columns="geometry", errors="ignore")), plain, check_exact=True
        )
    assert joined.station_codes.tolist() == at_once.station_codes.tolist()
    assert joined.area.tolist() == at_once.area.tolist()
    assert joined.pairs == at_once.pairs


def same_hazard(
    fair: FairWeather, hazard: ReadyHazard, joined: HazardComputed, at_once: HazardComputed
) -> None:
    assert joined.pairs == at_once.pairs
    ours, theirs = (scenario_result(fair, hazard, one) for one in (joined, at_once))
    for name in ("coverage", "stations", "roads", "draws"):
        assert_frame_equal(getattr(ours, name), getattr(theirs, name), check_exact=True)
    assert ours.end_s == theirs.end_s


def holds(
    ready: Ready,
    rows: Sequence[NDArray[np.int64]],
    cases: Sequence[tuple[HazardScenario, Sequence[HazardLayer]]],
) -> tuple[FairWeather, list[Part]]:
    """Compute a region at once and in parts, in fair weather and in scenarios."""
    at_once = compute(whole(ready))
    light = travelled(lean_ready(ready))
    parts = [part(light, one) for one in rows]
    same_fair(join_computed([(one.rows, compute(one, threads=1)) for one in parts]), at_once)
    fair = finish(ready, at_once).fair
    for scenario, layers in cases:
        hazard = ready_hazard(fair, scenario, layers)
        carried = travelled(lean_hazard(hazard))
        found = [(one.rows, compute_hazard(one, hazard_part(carried, one), threads=1)) for one in parts]
        same_hazard(fair, hazard, join_hazard_computed(found), compute_hazard(whole(fair), hazard))
    return fair, parts


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip
@given(seed=st.integers(0, 2**32))
def test_parts_of_any_region_join_to_the_whole(
    seed: int, layers: tuple[HazardLayer, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = Random(seed)
    region, network = made_up(random, tmp_path_factory.getbasetemp())
    ready = prepare(region, network=network)
    cases = [(one, layers) for one in scenarios(random, network, list(ready.stations.index))]
    holds(ready, partition(random, len(ready.demand)), cases)


def test_parts_of_the_demo_join_to_the_whole_in_every_scenario() -> None:
    region = read_region(demo_path())
    # So short that what is far from a part matters.
    region = replace(region, parameters=replace(region.parameters, cutoff_s=420.0))
    found = read_layers(region).layers
    ready = prepare(region)
    x = ready.demand.geometry.x.to_numpy()
    rows = np.array_split(np.argsort(x, kind="stable"), 6)
    _, parts = holds(ready, rows, [(one, found) for one in region.scenarios])
    assert all(len(one.roads) < ready.graph.network.n_roads for one in parts), "the parts are the whole"
    assert any("far" in set(one.ready.stations["road_status"]) for one in parts), (
        "no station is far from any part"
    )


@pytest.fixture
def road(five_places: Region, straight_road: Network) -> Ready:
    return prepare(five_places, network=straight_road)


def test_of_a_part_only_what_leads_to_it_in_time_is_there(
    five_places: Region, straight_road: Network
) -> None:
    # Stations at the places 0 and 3, four minutes from place to place, cutoff seven minutes.
    region = replace(five_places, parameters=replace(five_places.parameters, cutoff_s=420.0))
    ready = prepare(region, network=straight_road)
    ends = part(ready, [0])
    assert ends.ready.stations["road_status"].tolist() == ["ok", "far"]
    # The station at 3 is not in the part at the places 2 and 4, but serves both: of the border nothing is cut off.
    middle = part(ready, [4, 2])
    assert middle.ready.stations["road_status"].tolist() == ["far", "ok"]
    found = compute(middle)
    assert found.coverage.index.tolist() == ["d4", "d2"]
    assert found.coverage["joint_station"].tolist() == ["sb", "sb"]
    assert found.coverage["joint_drive_s"].tolist() == pytest.approx([240, 240], abs=0.01)
    assert found.station_codes.tolist() == [1]
    assert len(ends.roads) < len(middle.roads) + 1 <= straight_road.n_roads + 1


def test_a_way_that_leaves_a_part_and_comes_back_is_driven(five_places: Region) -> None:
    # From 0 to 1 the direct road is a crawl; the way round through 2, which has no place of the part, is fast.
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=UTM.to_string())
    for node, (x, y) in enumerate([(0, 0), (2000, 0), (1000, 1000)]):
        graph.add_node(node, x=float(x), y=float(y))
    for a, b, highway, length in (
        (0, 1, "service", 2000.0),
        (0, 2, "primary", 1415.0),
        (2, 1, "primary", 1415.0),
    ):
        for ends in ((a, b), (b, a)):
            graph.add_edge(*ends, highway=highway, length=length, oneway=False)
    network = cut_at_boundaries(from_osmnx(graph, crs=UTM), five_places.jurisdictions.iloc[:0].set_crs(UTM))
    stations = five_places.stations.iloc[:1].set_geometry(gpd.points_from_xy([0.0], [0.0], crs=UTM))
    demand = five_places.demand.iloc[:2].set_geometry(
        gpd.points_from_xy([2000.0, 1000.0], [0.0, 1000.0], crs=UTM)
    )
    ready = prepare(replace(five_places, stations=stations, demand=demand), network=network)
    found = compute(part(ready, [0])).coverage
    assert found["joint_drive_s"].tolist() == pytest.approx([2830 / 65 * 3.6], abs=0.01)


def test_areas_of_fair_weather_are_excluded_in_parts_under_a_hazard(
    five_places: Region, straight_road: Network
) -> None:
    # B may not come into the area of A's station, which is out: the area stays what it is in fair weather.
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", excluded_pairs=(("sb", "sa"),))
    ready = prepare(replace(five_places, agreements=(treaty,)), network=straight_road)
    fair = finish(ready, compute(whole(ready))).fair
    hazard = ready_hazard(fair, HazardScenario("out", "Out", (), closed_stations=("sa",)), ())
    some = part(lean_ready(ready), [2])
    found = compute_hazard(some, hazard_part(lean_hazard(hazard), some)).coverage.iloc[0]
    assert found["joint_station"] == "sb"
    assert pd.isna(found["agreed_station"])


def test_draws_of_a_part_are_those_of_the_whole(layers: tuple[HazardLayer, ...], tmp_path: Path) -> None:
    region, network = made_up(Random(4), tmp_path)
    ready = prepare(region, network=network)
    hazard = ready_hazard(ready, HazardScenario("c", "By chance", ("c",), draws=13), layers)
    chosen = part(ready, [0, 3])
    mine = hazard_part(hazard, chosen).closures
    assert hazard.closures is not None
    assert mine is not None
    assert 0 < len(mine.road) < len(hazard.closures.road)
    everywhere = np.zeros((13, network.n_roads), dtype=np.bool_)
    everywhere[:, hazard.closures.road] = hazard.closures.closed()
    assert (mine.closed() == everywhere[:, chosen.roads[mine.road]]).all()


def test_what_travels_has_no_lines_and_no_polygons(road: Ready) -> None:
    light = lean_ready(road)
    assert not {"geometry", "name"} & {*light.demand.columns, *light.stations.columns}
    assert len(light.graph.network.road_xy) == 0
    assert len(pickle.dumps(light)) < len(pickle.dumps(road))


@pytest.mark.parametrize(("rows", "got"), [([0, 5], "row 5"), ([-1], "row -1"), ([1, 2, 1], "a row twice")])
def test_rows_that_are_no_part_of_the_demand_are_refused(road: Ready, rows: list[int], got: str) -> None:
    with pytest.raises(RegionError, match=got):
        part(road, rows)
