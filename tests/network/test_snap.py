from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import EdgeTimes, Network, RouteGraph, profile, read_network, route_graph, snap

Draw = Callable[..., Network]
CRS = "EPSG:32632"


def points(*xy: tuple[float, float]) -> gpd.GeoSeries:
    index = [f"p{i}" for i in range(len(xy))]
    return gpd.GeoSeries.from_xy([x for x, _ in xy], [y for _, y in xy], index=index, crs=CRS)


def graph_of(network: Network, closed: tuple[int, ...] = ()) -> RouteGraph:
    drive_ms = np.full(2 * network.n_roads, 10_000, np.int32)
    drive_ms[[2 * road + side for road in closed for side in (0, 1)]] = -1
    return route_graph(
        network, profile("civilian"), times=EdgeTimes(drive_ms, np.zeros(network.n_nodes, np.int32))
    )


def test_points_get_position_side_and_distance(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0), (100, 50)], [(0, 1), (2, 1)])
    found = snap(network, points((25, 10), (25, -10), (60, 0), (-30, 40), (100, -7), (104, 40), (96, 40)))
    assert found["road"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found["fraction"].tolist() == [0.25, 0.25, 0.6, 0.0, 1.0, 0.2, 0.2]
    assert found["side"].tolist() == ["left", "right", "right", "left", "right", "left", "right"]
    assert found["distance_m"].tolist() == [10, 10, 0, 50, 7, 4, 4]
    assert found["status"].tolist() == ["ok"] * 7
    assert found.index.tolist() == [f"p{i}" for i in range(7)]
    assert found.dtypes.astype(str).tolist()[:2] == ["int32", "float64"]


def test_the_fraction_goes_by_length_along_a_bend(draw: Draw) -> None:
    straight = draw([(0, 0), (60, 40)], [(0, 1)])
    bend = np.array([[0.0, 0.0], [60.0, 0.0], [60.0, 40.0]])
    network = replace(straight, road_xy=bend, road_offset=np.array([0, 3]))
    found = snap(network, points((30, 5), (65, 15), (65, -5)))
    assert found["fraction"].tolist() == [0.3, 0.75, 0.6]
    assert found["side"].tolist() == ["left", "right", "right"]


def test_the_distance_at_which_a_point_is_too_far_is_inclusive(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0)], [(0, 1)])
    found = snap(network, points((50, 200), (50, 200.001), (400, 0)), max_m=200)
    assert found["status"].tolist() == ["ok", "too_far", "too_far"]
    assert found["road"].tolist() == [0, -1, -1]
    assert found["fraction"].isna().tolist() == [False, True, True]
    assert found["side"].tolist() == ["left", "", ""]
    assert found["distance_m"].tolist() == [200, 200.001, 300]


@pytest.mark.parametrize(
    "column", [{"tunnel": True}, {"class": "motorway"}, {"class": "motorway_link"}, {"crossing": 0}]
)
def test_nobody_gets_onto_tunnels_motorways_and_crossings(draw: Draw, column: dict[str, Any]) -> None:
    network = draw([(0, 0), (100, 0), (0, 90), (100, 90)], [(0, 1, column), (2, 3)])
    assert snap(network, points((50, 1)))[["road", "distance_m"]].values.tolist() == [[1, 89]]
    alone = draw([(0, 0), (100, 0)], [(0, 1, column)])
    found = snap(alone, points((50, 1)))
    assert (found["status"].iloc[0], found["distance_m"].iloc[0]) == ("too_far", np.inf)


def test_a_road_of_the_main_part_comes_first_if_it_is_not_much_further(draw: Draw) -> None:
    # road 0 is closed; roads 1 and 2 are the main part, 60 m north and beyond
    network = draw([(0, 0), (100, 0), (0, 60), (100, 60), (200, 60)], [(0, 1), (2, 3), (3, 4)])
    graph = graph_of(network, closed=(0,))
    assert graph.routable.tolist() == [False, True, True]
    places = points((50, 5), (50, 4.999), (50, 40), (50, -30))
    found = snap(network, places, graph=graph)
    assert found["status"].tolist() == ["ok", "disconnected", "ok", "disconnected"]
    assert found["road"].tolist() == [1, 0, 1, 0]
    assert found["distance_m"].tolist() == [55, 4.999, 20, 30]
    wider = snap(network, places, graph=graph, detour_m=80)
    assert wider["status"].tolist() == ["ok"] * 4
    near = snap(network, places, graph=graph, detour_m=80, max_m=55)
    assert near["status"].tolist() == ["ok", "disconnected", "ok", "disconnected"]
    assert snap(network, places)["road"].tolist() == [0, 0, 1, 0]


def test_the_first_of_equally_near_roads_is_taken(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0), (100, 100)], [(1, 2), (0, 1), (1, 0)])
    assert snap(network, points((130, -40), (50, 9)))["road"].tolist() == [0, 1]


def test_inputs_are_checked_row_by_row(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0)], [(0, 1)])
    line = shapely.LineString([(0, 0), (1, 1)])
    shapes: list[Any] = [shapely.Point(1, 1), None, shapely.Point(), line, shapely.Point(np.inf, 0)]
    odd = gpd.GeoSeries(shapes, crs=CRS).set_axis(["fine", "none", "empty", "line", "far"])
    with pytest.raises(NetworkError) as caught:
        snap(network, odd)
    wrong = [defect.where for defect in caught.value.defects]
    assert wrong == ["row none", "row empty", "row line", "row far"]
    with pytest.raises(NetworkError, match="no CRS"):
        snap(network, gpd.GeoSeries([shapely.Point(1, 1)]))
    with pytest.raises(NetworkError, match="WGS 84"):
        snap(network, points((1, 1)).to_crs(4326))
    with pytest.raises(NetworkError, match="max_m=nan"):
        snap(network, points((1, 1)), max_m=np.nan)
    assert snap(network, points()).empty


def test_places_of_monaco_stand_on_roads_that_people_use(shared_data: Path) -> None:
    network = read_network([shared_data / "monaco" / "monaco.osm.pbf"], crs="EPSG:32632")
    graph = route_graph(network, profile("fire_engine"))
    assert 0.85 < graph.routable.mean() < 1
    rng = np.random.default_rng(3)
    x = rng.uniform(network.x.min(), network.x.max(), 500)
    y = rng.uniform(network.y.min(), network.y.max(), 500)
    places = gpd.GeoSeries.from_xy(x, y, crs=network.crs)
    found = snap(network, places, graph=graph)
    on = found[found["road"] >= 0]
    assert len(on) > 100
    roads = network.roads.iloc[on["road"]]
    assert not roads["tunnel"].any()
    assert not roads["class"].isin(["motorway", "motorway_link"]).any()
    lines = network.lines(on["road"].to_numpy())
    at = shapely.line_interpolate_point(lines, on["fraction"].to_numpy(), normalized=True)
    away = shapely.distance(at, np.asarray(places.array)[found["road"] >= 0])
    np.testing.assert_allclose(away, on["distance_m"], atol=1e-6)
    motorway = network.roads["class"].isin(["motorway", "motorway_link"])
    usable = ~(network.roads["tunnel"] | motorway).to_numpy()
    everything = shapely.MultiLineString(list(network.lines(np.flatnonzero(usable))))
    nearest_m = places.distance(everything).to_numpy()
    assert (found["distance_m"].to_numpy() >= nearest_m - 1e-6).all()
    assert (found["distance_m"].to_numpy() <= nearest_m + 50 + 1e-6).all()
    assert set(found.loc[nearest_m > 200, "status"]) == {"too_far"}


# --- in a tree of boxes ---------------------------------------------------------------------------------------


def least_m(network: Network, places: gpd.GeoSeries, among: np.ndarray) -> np.ndarray:
    """Distance to the nearest of some roads, to six digits, by all distances."""
    metres = np.round(shapely.distance(places.to_numpy()[:, None], network.lines()[None, :]), 6)
    return np.asarray(np.where(among, metres, np.inf).min(axis=1))


coordinate = st.integers(-40, 40)
far = st.one_of(coordinate, st.integers(-4000, 4000))


@pytest.mark.parametrize("few", [1, 3, 5000])
@given(
    ends=st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), min_size=1, max_size=8),
    at=st.lists(st.tuples(far, far), min_size=1, max_size=12),
    max_m=st.sampled_from([0.0, 5.0, 30.0, 1000.0]),
    detour_m=st.sampled_from([0.0, 10.0]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tree_leads_to_what_all_roads_together_give(
    few: int,
    draw: Draw,
    monkeypatch: pytest.MonkeyPatch,
    ends: list[tuple[int, int, int, int]],
    at: list[tuple[int, int]],
    max_m: float,
    detour_m: float,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr("mutualaid.network._nearest._LEAF", few)
    monkeypatch.setattr("mutualaid.network._nearest._HALVED_TOGETHER", 2)
    network = draw(
        [xy for a, b, c, d in ends for xy in ((a, b), (c + 100, d + 0.5))],
        [(2 * i, 2 * i + 1) for i in range(len(ends))],
    )
    routable = np.array(data.draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends))))
    graph = replace(graph_of(network), routable=routable)
    places = points(*at)
    found = snap(network, places, max_m=max_m, graph=graph, detour_m=detour_m)
    metres, main_m = least_m(network, places, np.ones(len(ends), bool)), least_m(network, places, routable)
    take = (main_m <= metres + detour_m) & (main_m <= max_m)
    metres = np.where(take, main_m, metres)
    assert found["distance_m"].to_numpy() == pytest.approx(metres, abs=2e-6)
    expected = np.where(metres > max_m, "too_far", np.where(take, "ok", "disconnected"))
    close = np.abs(metres - max_m) < 1e-5
    assert (found["status"].to_numpy() == expected)[~close].all()
    taken = found["road"].to_numpy()
    on = taken >= 0
    assert (on == (found["status"] != "too_far").to_numpy()).all()
    again = shapely.distance(places.to_numpy()[on], network.lines(taken[on]))
    assert again == pytest.approx(metres[on], abs=2e-6)
    assert routable[taken[on & (found["status"] == "ok").to_numpy()]].all()
    assert found.equals(snap(network, places, max_m=max_m, graph=graph, detour_m=detour_m))


def test_a_lonely_place_finds_the_nearest_road_however_far(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0), (0, 9_000), (100, 9_000)], [(0, 1), (2, 3)])
    found = snap(network, points((50, 4_400), (50, 4_600), (50, -90_000), (50, 3)), max_m=10)
    assert found["distance_m"].tolist() == [4_400, 4_400, 90_000, 3]
    assert found["status"].tolist() == ["too_far", "too_far", "too_far", "ok"]


def bent(draw: Draw, lines: list[list[tuple[float, float]]], closed: list[bool]) -> Network:
    """Roads with bends, some of them tunnels."""
    ends = [xy for line in lines for xy in (line[0], line[-1])]
    roads = [(2 * i, 2 * i + 1, {"tunnel": closed[i]}) for i in range(len(lines))]
    offset = np.cumsum([0, *(len(line) for line in lines)])
    xy = np.array([xy for line in lines for xy in line], dtype=np.float64)
    return replace(draw(ends, roads), road_xy=xy, road_offset=offset.astype(np.int64))


def expected(
    network: Network, places: gpd.GeoSeries, routable: np.ndarray, max_m: float, detour_m: float
) -> dict[str, np.ndarray]:
    """What `snap` gives, by the distances of all places to all roads; `bend`: how sure a side is."""
    place, rows = places.to_numpy(), np.arange(len(places))
    open_ = ~network.roads["tunnel"].to_numpy()
    metres = np.round(shapely.distance(place[:, None], network.lines()[None, :]), 6)
    all_m, main_m = np.where(open_, metres, np.inf), np.where(open_ & routable, metres, np.inf)
    road, second = all_m.argmin(axis=1), main_m.argmin(axis=1)
    nearest_m, second_m = all_m[rows, road], main_m[rows, second]
    too_far = (nearest_m > max_m) | np.isinf(nearest_m)
    moved = ~too_far & (second_m <= np.minimum(nearest_m + detour_m, max_m)) & np.isfinite(second_m)
    moved &= ~routable[road]
    road, distance_m = np.where(moved, second, road), np.where(moved, second_m, nearest_m)
    status = np.where(too_far, "too_far", np.where(routable[road], "ok", "disconnected"))
    line = network.lines(road)
    length, along = shapely.length(line), shapely.line_locate_point(line, place)
    along = np.where(along <= 1e-6, 0, np.where(along >= length - 1e-6, length, along))
    at, ahead, behind = (
        shapely.get_coordinates(shapely.line_interpolate_point(line, np.clip(along + by, 0, length)))
        for by in (0.0, 0.01, -0.01)
    )
    (dx, dy), (x, y) = (ahead - behind).T, (shapely.get_coordinates(place) - at).T
    return {
        "road": np.where(too_far, -1, road),
        "fraction": np.where(too_far, np.nan, along / np.where(length > 0, length, 1)),
        "side": np.where(too_far, "", np.where(dx * y > dy * x, "left", "right")),
        "distance_m": distance_m,
        "status": status,
        "bend": np.where(too_far, 1.0, np.abs(dx * y - dy * x)),
    }


spot = st.tuples(coordinate, coordinate)
anywhere = st.one_of(
    spot,
    st.tuples(st.floats(-60, 60, width=32), st.floats(-60, 60, width=32)),
    st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32)),
)


@given(
    # Some of no length, some through the same spot again and again, some of more vertices than are looked at together.
    lines=st.lists(st.lists(spot, min_size=2, max_size=20), min_size=1, max_size=8),
    at=st.lists(anywhere, min_size=1, max_size=12),
    away=st.sampled_from([0.0, 5e6]),
    max_m=st.sampled_from([0.0, 5.0, 30.0, 1000.0, np.inf]),
    detour_m=st.sampled_from([0.0, 10.0, np.inf]),
    data=st.data(),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_places_are_taken_where_the_distances_to_all_roads_say(
    draw: Draw,
    lines: list[list[tuple[float, float]]],
    at: list[tuple[float, float]],
    away: float,
    max_m: float,
    detour_m: float,
    data: st.DataObject,
) -> None:
    flags = st.lists(st.booleans(), min_size=len(lines), max_size=len(lines))
    network = bent(draw, [[(x + away, y - away) for x, y in line] for line in lines], data.draw(flags))
    routable = np.array(data.draw(flags))
    places = points(*((x + away, y - away) for x, y in at))
    graph = replace(graph_of(network), routable=routable)
    found = snap(network, places, max_m=max_m, graph=graph, detour_m=detour_m)
    right = expected(network, places, routable, max_m, detour_m)
    for column in ("road", "status", "distance_m"):
        np.testing.assert_array_equal(found[column].to_numpy(), right[column])
    np.testing.assert_allclose(found["fraction"], right["fraction"], rtol=1e-9)
    sure = right["bend"] > 1e-9
    assert found["side"][sure].tolist() == right["side"][sure].tolist()
    assert set(found["side"][~sure]) <= {"left", "right"}


def winding(draw: Draw, count: int, seed: int) -> Network:
    """Roads that wind, somewhere on 10 km × 10 km."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 60, (count, 12, 2)).cumsum(axis=1) + rng.uniform(0, 10_000, (count, 1, 2))
    return bent(draw, [[(x, y) for x, y in line] for line in steps.tolist()], [False] * count)


def test_results_do_not_depend_on_the_number_of_threads(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mutualaid.network._nearest._HALVED_TOGETHER", 50)
    network = winding(draw, 600, seed=1)
    rng = np.random.default_rng(2)
    places = points(*rng.uniform(-500, 10_500, (3_000, 2)).tolist())
    routable = rng.random(600) < 0.7
    graph = replace(graph_of(network), routable=routable)
    found = []
    for count in (1, 2, 5):
        monkeypatch.setattr("mutualaid.threads.processors", lambda count=count: count)
        found.append(snap(network, places, graph=graph))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert set(found[0]["status"]) == {"ok", "too_far", "disconnected"}
    right = expected(network, places, routable, 200, 50)
    assert found[0]["road"].tolist() == right["road"].tolist()
    # In another order each place finds the same.
    order = rng.permutation(len(places))
    assert snap(network, gpd.GeoSeries(places.iloc[order]), graph=graph).equals(found[0].iloc[order])


def test_places_without_roads_and_at_the_ends_of_numbers_come_to_an_end(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0)], [(0, 1)])
    none = replace(
        network, roads=network.roads[:0], road_xy=np.empty((0, 2)), road_offset=np.zeros(1, np.int64)
    )
    for without in (none, draw([(0, 0), (100, 0)], [(0, 1, {"tunnel": True})])):
        for max_m in (200.0, np.inf):
            found = snap(without, points((50, 1), (1e6, -1e6)), max_m=max_m)
            assert found["status"].tolist() == ["too_far"] * 2
            assert found["distance_m"].tolist() == [np.inf] * 2
            assert found["road"].tolist() == [-1] * 2
    far = points((1e30, 0), (-1e9, 3), (50, 1), (1e200, -1e200), (-1.7e308, 1.7e308))
    found = snap(network, far)
    assert found["status"].tolist() == ["too_far", "too_far", "ok", "too_far", "too_far"]
    assert found["distance_m"].tolist() == [1e30, 1e9, 1, np.inf, np.inf]
    same = snap(network, points(*[(25.0, 5.0)] * 5_000))
    assert (same["fraction"] == 0.25).all()
    assert (same["distance_m"] == 5).all()


def test_roads_that_are_apart_by_less_than_a_micrometre_are_equally_near(draw: Draw) -> None:
    network = draw([(0, 1e-8), (100, 1e-8), (0, 0), (100, 0)], [(2, 3), (0, 1), (3, 2)])
    assert snap(network, points((50, 9), (50, -9), (50, 0.5e-8)))["road"].tolist() == [0, 0, 0]


def test_who_is_within_a_micrometre_of_an_end_is_at_it(draw: Draw) -> None:
    network = draw([(0, 0), (100, 0)], [(0, 1)])
    found = snap(network, points((5e-7, 1), (100 - 5e-7, 1), (2e-6, 1), (100 - 2e-6, 1)))
    assert found["fraction"].tolist()[:2] == [0, 1]
    assert (found["fraction"][2:] % 1 > 0).all()
