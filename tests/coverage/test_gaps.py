"""Gaps: people are kept to the last one, polygons stay off covered people and inside the jurisdictions."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.coverage import gaps, percentile_weighted
from mutualaid.coverage._near_groups import near_groups
from mutualaid.network import from_osmnx
from mutualaid.threads import in_threads, limited_to

CELL = 100.0
AREAS = gpd.GeoDataFrame(
    {"name": ["Aville", "Bstadt"], "partner": ["A", "B"]},
    geometry=[shapely.box(0, 0, 1050, 2000), shapely.box(1050, 0, 2000, 2000)],
    index=pd.Index(["A", "B"], name="id"),
    crs=32632,
)


def covered(
    cells: list[tuple[int, int, str, str]], population: list[float] | None = None
) -> gpd.GeoDataFrame:
    """Coverage of cells (column, row, jurisdiction, status), each with a point on its jurisdiction's side."""
    table = pd.DataFrame(cells, columns=["ix", "iy", "jurisdiction", "status"])
    x, y = table["ix"] * CELL, table["iy"] * CELL
    own, joint = table["status"] == "own", table["status"].isin(["own", "joint"])
    off_road = table["status"] == "unreachable"
    points = [
        shapely.box(a, b, a + CELL, b + CELL).intersection(AREAS.geometry[name]).centroid
        for a, b, name in zip(x, y, table["jurisdiction"], strict=True)
    ]
    return gpd.GeoDataFrame(
        {
            "population": population or [10.0] * len(table),
            "jurisdiction": table["jurisdiction"],
            "partner": table["jurisdiction"],
            "cell_x": x,
            "cell_y": y,
            "road_status": np.where(off_road, "too_far", "ok"),
            "status": table["status"],
            "alone_covered": own,
            "alone_s": np.where(own, 100.0, np.where(off_road, np.inf, 600.0 + table["ix"])),
            "joint_covered": joint,
            "joint_s": np.where(joint, 90.0, np.where(off_road, np.inf, 600.0)),
            "joint_partner": np.where(table["jurisdiction"] == "A", "B", "A"),
        },
        geometry=points,
        crs=32632,
    )


def test_cells_that_touch_are_one_gap_corners_included() -> None:
    found = gaps(
        covered([(0, 0, "A", "gap"), (1, 1, "A", "gap"), (2, 1, "A", "gap"), (5, 1, "A", "gap")]),
        AREAS,
        cell_m=CELL,
    )
    alone = found[found["level"] == "alone"]
    assert alone["population"].tolist() == [30.0, 10.0]
    assert alone.geometry.geom_type.tolist() == ["Polygon", "Polygon"]
    assert found.index.tolist() == ["G1", "G2", "G3", "G4"]
    assert found["population"].is_monotonic_decreasing


def test_who_closes_a_gap_and_what_remains() -> None:
    frame = covered(
        [(0, 0, "A", "gap"), (1, 0, "A", "joint"), (2, 0, "A", "joint"), (3, 0, "A", "unreachable")],
        [1.0, 20.0, 40.0, 3.0],
    )
    found = gaps(frame, AREAS, cell_m=CELL)
    gap = found[found["level"] == "alone"].iloc[0]
    assert gap[["population", "closed_population", "remaining_population"]].tolist() == [64, 60, 4]
    assert gap["unreachable_population"] == 3
    assert gap["closed_by"] == "B"
    assert gap["saved_median_s"] == 602 - 90  # 40 of the 60 people are in the column 2
    assert gap["median_s"] == 602
    assert gap["worst_s"] == 602, "a house off the roads does not hide how late the others are served"
    joint = found[found["level"] == "joint"]
    assert joint["population"].tolist() == [3.0, 1.0]
    assert joint["worst_s"].iloc[0] == math.inf, "nobody in it is reached by road"
    assert joint["closed_by"].tolist() == ["", ""]
    assert joint["saved_median_s"].isna().all()
    assert (joint["remaining_population"] == joint["population"]).all()


def test_no_gap_is_an_empty_table_with_all_columns() -> None:
    found = gaps(covered([(0, 0, "A", "own")]), AREAS, cell_m=CELL)
    assert len(found) == 0
    assert {"level", "name", "population", "geometry", "closed_by"} <= set(found.columns)
    assert found.crs == AREAS.crs


def test_places_without_people_are_no_gap() -> None:
    assert len(gaps(covered([(0, 0, "A", "gap")], [0.0]), AREAS, cell_m=CELL)) == 0


def test_a_cell_on_the_border_is_cut_there() -> None:
    found = gaps(covered([(10, 0, "A", "gap"), (10, 0, "B", "own")]), AREAS, cell_m=CELL)
    assert found.geometry.area.tolist() == pytest.approx([5000.0, 5000.0])
    assert found.geometry.iloc[0].within(AREAS.geometry["A"].buffer(1e-6))


def test_a_gap_across_the_border_names_both_sides_most_people_first() -> None:
    found = gaps(
        covered(
            [(9, 0, "A", "gap"), (10, 0, "A", "gap"), (10, 0, "B", "gap"), (2, 9, "B", "own")], [1, 1, 9, 50]
        ),
        AREAS,
        cell_m=CELL,
    )
    assert found["jurisdictions"].tolist() == ["B;A", "B;A"]
    assert found["name"].tolist() == ["Bstadt / Aville", "Bstadt / Aville"]
    assert found.geometry.iloc[0].geom_type == "Polygon"


def test_names_say_where_and_along_which_road() -> None:
    frame = covered([(0, 0, "A", "gap"), (9, 19, "A", "gap"), (5, 10, "A", "gap"), (5, 5, "A", "own")])
    assert gaps(frame, AREAS, cell_m=CELL)["part"].tolist()[:3] == ["south-west", "north-east", "centre"]
    ends = [(10, 90), (10, 60), (60, 95), (0, 99), (5, 99)]
    rows = [[(west, 10 * i + 5), (east, 10 * i + 5)] for i, (west, east) in enumerate(ends)]
    lines = shapely.linestrings(rows)
    roads = pd.DataFrame(
        {
            "name": ["Long Lane", "Split Street", "Split Street", "Motorway", "Tunnel"],
            "class": ["residential", "residential", "residential", "motorway", "residential"],
            "length_m": [80.0, 50.0, 35.0, 99.0, 94.0],
            "tunnel": [False, False, False, False, True],
            "crossing": -1,
        }
    )
    network: Any = SimpleNamespace(
        roads=roads,
        n_roads=len(roads),
        lines=lambda rows: lines[rows],
        road_xy=shapely.get_coordinates(lines),
        road_offset=2 * np.arange(len(roads) + 1),
    )
    named = gaps(frame, AREAS, cell_m=CELL, network=network)
    assert named["name"].iloc[0] == "Aville, south-west: Split Street"
    assert named["road"].tolist()[:3] == ["Split Street", "", ""]


def test_a_gap_that_holds_most_of_a_place_is_called_after_all_of_it() -> None:
    found = gaps(covered([(0, 0, "A", "gap"), (5, 5, "A", "own")], [70, 30]), AREAS, cell_m=CELL)
    assert found["name"].iloc[0] == "Aville"


def test_equal_names_on_a_level_are_numbered() -> None:
    frame = covered([(0, 0, "A", "gap"), (0, 2, "A", "gap"), (5, 5, "A", "own")])
    names = gaps(frame, AREAS, cell_m=CELL).query("level == 'joint'")["name"].tolist()
    assert names == ["Aville, south-west", "Aville, south-west (2)"]


def test_points_are_joined_within_the_distance_given() -> None:
    frame = covered([(0, 0, "A", "gap"), (3, 0, "A", "gap"), (7, 0, "A", "gap")]).drop(
        columns=["cell_x", "cell_y"]
    )
    for link_m, populations in ((299.0, [10, 10, 10]), (300.0, [20, 10]), (400.0, [30])):
        found = gaps(frame, AREAS, link_m=link_m)
        assert found.query("level == 'joint'")["population"].tolist() == populations


def test_two_points_in_one_cell_with_different_fate_are_told_apart() -> None:
    frame = covered([(0, 0, "A", "gap"), (0, 0, "A", "own")])
    frame.geometry = gpd.points_from_xy([20, 80], [50, 50], crs=32632)
    polygon = gaps(frame, AREAS, cell_m=CELL).geometry.iloc[0]
    assert polygon.intersects(frame.geometry[0])
    assert not polygon.intersects(frame.geometry[1])


def squares(frame: gpd.GeoDataFrame) -> shapely.Geometry:
    """Cells of points, each on its jurisdiction's side of the border."""
    boxes = shapely.box(frame["cell_x"], frame["cell_y"], frame["cell_x"] + CELL, frame["cell_y"] + CELL)
    return shapely.union_all(shapely.intersection(boxes, np.asarray(AREAS.geometry[frame["jurisdiction"]])))


STATUS = st.sampled_from(["own", "joint", "gap", "unreachable"])
PLACES = st.dictionaries(
    st.one_of(
        st.tuples(st.integers(6, 10), st.integers(0, 5), st.just("A")),
        st.tuples(st.integers(10, 14), st.integers(0, 5), st.just("B")),
    ),
    st.tuples(STATUS, st.floats(0, 50, allow_subnormal=False)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(PLACES, st.booleans())
def test_people_are_conserved_and_polygons_keep_off_others(
    places: dict[tuple[int, int, str], tuple[str, float]], with_cells: bool
) -> None:
    frame = covered(
        [(*place, status) for place, (status, _) in places.items()], [people for _, people in places.values()]
    )
    found = gaps(frame, AREAS, cell_m=CELL if with_cells else None)
    area = shapely.union_all(AREAS.geometry.to_numpy())
    peopled = frame[frame["population"] > 0]
    points = peopled.geometry.to_numpy()
    for level in ("alone", "joint"):
        here = found[found["level"] == level]
        left = math.fsum(frame["population"][~frame[f"{level}_covered"]])
        assert math.fsum(here["population"]) == pytest.approx(left, rel=1e-12)
        if len(here):
            is_covered = peopled[f"{level}_covered"].to_numpy()
            whole = shapely.union_all(here.geometry.to_numpy())
            assert not shapely.intersects(whole, points[is_covered]).any()
            assert shapely.distance(whole, points[~is_covered]).max() < 1e-6
            assert shapely.area(shapely.difference(whole, area)) < 1e-6
            if with_cells:
                assert shapely.area(shapely.intersection(whole, squares(peopled[is_covered]))) < 1e-6
    assert shapely.is_valid(found.geometry.to_numpy()).all()
    assert not shapely.is_empty(found.geometry.to_numpy()).any()


@settings(deadline=None)  # the first example compiles
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40),
    st.sampled_from([0.5, 1.0, 1.5, 3.0, 5.0]),
)
def test_near_points_are_grouped_as_by_going_through_all_pairs(
    xy: list[tuple[int, int]], near_m: float
) -> None:
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(len(xy)))
    graph.add_edges_from(
        (one, two)
        for one, two in itertools.combinations(range(len(xy)), 2)
        if math.dist(xy[one], xy[two]) <= near_m
    )
    expected = {frozenset(group) for group in nx.connected_components(graph)}
    found = near_groups(np.array(xy, dtype=np.float64).reshape(-1, 2), near_m).tolist()
    groups: dict[int, set[int]] = {}
    for point, group in enumerate(found):
        groups.setdefault(group, set()).add(point)
    assert set(map(frozenset, groups.values())) == expected
    assert list(groups) == list(range(len(groups))), "numbered in the order in which they appear"


def test_a_road_counts_by_what_runs_in_the_gap_whole_or_in_part() -> None:
    cells = [(column, 0, "A", "gap") for column in range(4)]
    graph: Any = nx.MultiDiGraph(crs="EPSG:32632")
    ends = {1: (10, 50), 2: (110, 50), 3: (300, 60), 4: (9000, 60)}
    graph.add_nodes_from((node, {"x": float(x), "y": float(y)}) for node, (x, y) in ends.items())
    graph.add_edge(1, 2, highway="residential", name="Inside Lane", length=100.0)
    graph.add_edge(3, 4, highway="residential", name="Long Road", length=8700.0)
    network = from_osmnx(graph, crs="EPSG:32632")
    # Of the long road about 100 m lie within the gap; of the lane all 100 m: 390 to 410 m decide.
    assert gaps(covered(cells), AREAS, cell_m=CELL, network=network)["road"].tolist()[0] == "Inside Lane"
    wider = covered([*cells, (4, 0, "A", "gap")])
    assert gaps(wider, AREAS, cell_m=CELL, network=network)["road"].tolist()[0] == "Long Road"


def test_land_that_a_gap_does_not_touch_changes_nothing() -> None:
    cells = covered([(0, 0, "A", "gap"), (10, 1, "B", "gap"), (10, 0, "A", "joint"), (3, 3, "A", "own")])
    far = AREAS.iloc[[0] * 30].set_index(pd.Index([f"F{one}" for one in range(30)], name="id"))
    far = far.set_geometry([shapely.box(9e4 + 10 * k, 0, 9e4 + 10 * k + 10, 9) for k in range(30)])
    few, many = (gaps(cells, areas, cell_m=CELL) for areas in (AREAS, pd.concat([AREAS, far])))
    assert shapely.equals(few.geometry.to_numpy(), many.geometry.to_numpy()).all()
    assert few["name"].tolist() == many["name"].tolist()


def places_of(places: dict[tuple[int, int, str], tuple[str, float]]) -> gpd.GeoDataFrame:
    """Coverage of drawn places."""
    cells = [(*place, status) for place, (status, _) in places.items()]
    return covered(cells, [people for _, people in places.values()])


def plain(frame: gpd.GeoDataFrame, level: str, with_cells: bool) -> list[dict[str, Any]]:
    """Gaps of a level one by one: their places by all pairs, and their numbers by what they are defined as."""
    left = frame[(frame["population"] > 0) & ~frame[f"{level}_covered"]]
    graph: Any = nx.Graph()
    graph.add_nodes_from(left.index)
    corner, point = left[["cell_x", "cell_y"]].to_numpy(), left.get_coordinates().to_numpy()
    for one, two in itertools.combinations(range(len(left)), 2):
        apart = np.abs(corner[one] - corner[two]).max() - CELL
        if (apart if with_cells else math.dist(point[one], point[two]) - 250) <= 1e-6:
            graph.add_edge(left.index[one], left.index[two])
    found = []
    for group in nx.connected_components(graph):
        part = left.loc[sorted(group)]
        people, closed, by_road = part["population"], part["joint_covered"], part["road_status"] == "ok"
        saved = part[closed & np.isfinite(part["alone_s"])]

        def ranked(column: str, some: gpd.GeoDataFrame) -> str:
            total = some.groupby(column)["population"].agg(sum)
            return ";".join(sorted(total.index, key=lambda key: (-total[key], key)))

        found.append(
            {
                "level": level,
                "jurisdictions": ranked("jurisdiction", part),
                "population": math.fsum(people),
                "unreachable_population": math.fsum(people[~by_road]),
                "worst_s": part.loc[by_road if by_road.any() else ~by_road, f"{level}_s"].max(),
                "median_s": percentile_weighted(part[f"{level}_s"], people, 0.5),
                "closed_population": math.fsum(people[closed]),
                "closed_by": ranked("joint_partner", part[closed]),
                "saved_median_s": percentile_weighted(
                    saved["alone_s"] - saved["joint_s"], saved["population"], 0.5
                ),
                "remaining_population": math.fsum(people[~closed]),
            }
        )
    return found


@settings(max_examples=60, deadline=None)
@given(PLACES, st.booleans())
def test_numbers_are_those_of_each_gap_by_itself(
    places: dict[tuple[int, int, str], tuple[str, float]], with_cells: bool
) -> None:
    frame = places_of(places)
    found = gaps(frame, AREAS, cell_m=CELL if with_cells else None)
    rows = [row for level in ("alone", "joint") for row in plain(frame, level, with_cells)]
    expected = pd.DataFrame(rows, columns=[*plain_columns(found)])
    order = list(expected.columns)
    one, two = (
        pd.DataFrame(table[order]).sort_values(order).reset_index(drop=True) for table in (found, expected)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True, check_dtype=False)


def plain_columns(found: gpd.GeoDataFrame) -> list[str]:
    return [name for name in found.columns if name not in ("name", "part", "road", "geometry")]


@settings(max_examples=40, deadline=None)
@given(PLACES, st.booleans())
def test_outlines_of_a_level_do_not_depend_on_the_level_before(
    places: dict[tuple[int, int, str], tuple[str, float]], with_cells: bool
) -> None:
    frame, cell_m = places_of(places), CELL if with_cells else None
    later = gaps(frame, AREAS, cell_m=cell_m).query("level == 'joint'").geometry.to_numpy()
    # Coverage alone is now that of joint, so that nothing is taken over from it.
    anew = gaps(frame.assign(alone_covered=frame["joint_covered"]), AREAS, cell_m=cell_m)
    first = anew[anew["level"] == "alone"].geometry.to_numpy()
    assert len(first) == len(later)
    assert shapely.area(shapely.symmetric_difference(first, later)).max(initial=0.0) < 1e-6


@settings(max_examples=30, deadline=None)
@given(PLACES, st.booleans())
def test_one_thread_and_several_give_the_same(
    places: dict[tuple[int, int, str], tuple[str, float]], with_cells: bool
) -> None:
    frame, cell_m = places_of(places), CELL if with_cells else None
    with limited_to(1):
        one = gaps(frame, AREAS, cell_m=cell_m)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mutualaid.threads.processors", lambda: 3)
        patch.setattr(
            "mutualaid.coverage._gaps.in_threads",
            lambda function, *arrays, **_: in_threads(function, *arrays, least=1),
        )
        several = gaps(frame, AREAS, cell_m=cell_m)
    pd.testing.assert_frame_equal(one.drop(columns="geometry"), several.drop(columns="geometry"))
    assert shapely.equals_exact(one.geometry.to_numpy(), several.geometry.to_numpy()).all()
