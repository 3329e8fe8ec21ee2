"""Networks drawn by hand, for the tests of the room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import strategies as st

from mutualaid.network import ROAD_CLASSES, EdgeTimes, Network, Restriction

CRS = pyproj.CRS("EPSG:32632")
DrawRoad = tuple[int, int] | tuple[int, int, dict[str, Any]]


def draw_network(
    xy: Sequence[tuple[float, float]], roads: Sequence[DrawRoad], restrictions: Sequence[Restriction] = ()
) -> Network:
    """Straight roads (a, b) or (a, b, columns) between nodes; ``crossing`` makes a road a crossing."""
    rows = []
    for a, b, *more in roads:
        row = {
            "a": a, "b": b, "length_m": float(np.hypot(*np.subtract(xy[a], xy[b]))), "way": 0,
            "class": "residential", "name": "", "maxspeed_forward_kph": np.nan, "maxspeed_backward_kph":
            np.nan, "lanes": np.nan, "oneway": 0, "bridge": False, "tunnel": False, "covered": False,
            "layer": 0, "access": "yes", "max_height_m": np.nan, "max_weight_t": np.nan,
            "jurisdiction": None, "crossing": -1,
        }  # fmt: skip
        rows.append(row | (more[0] if more else {}))
    frame = pd.DataFrame(rows).astype(
        {"a": "int32", "b": "int32", "class": pd.CategoricalDtype(list(ROAD_CLASSES)), "oneway": "int8",
         "layer": "int8", "access": "category", "jurisdiction": "category", "crossing": "int32"}
    )  # fmt: skip
    count = int(frame["crossing"].max()) + 1
    crossings = gpd.GeoDataFrame(
        {"name": [f"crossing {i}" for i in range(count)], "international": [True] * count},
        geometry=[shapely.Point(0, 0)] * count,
        index=pd.Index([f"c{i}" for i in range(count)], name="crossing"),
        crs=CRS,
    )
    x, y = (np.array([place[axis] for place in xy], dtype=np.float64) for axis in (0, 1))
    ends = frame[["a", "b"]].to_numpy().ravel()
    return Network(
        crs=CRS,
        node_id=np.arange(len(xy), dtype=np.int64),
        x=x,
        y=y,
        roads=frame,
        road_xy=np.column_stack([x[ends], y[ends]]),
        road_offset=np.arange(len(frame) + 1, dtype=np.int64) * 2,
        crossings=crossings,
        restrictions=tuple(restrictions),
    )


def draw_positions(places: dict[str, tuple[int, float]]) -> pd.DataFrame:
    """Frame as `snap` gives it, from (road, fraction) by label."""
    return pd.DataFrame(
        {
            "road": np.array([road for road, _ in places.values()], dtype=np.int32),
            "fraction": np.array([fraction for _, fraction in places.values()], dtype=np.float64),
            "side": "right",
            "distance_m": 0.0,
            "status": "ok",
        },
        index=list(places),
    )


@pytest.fixture(scope="session")
def draw() -> Callable[..., Network]:
    return draw_network


@pytest.fixture(scope="session")
def put() -> Callable[..., pd.DataFrame]:
    return draw_positions


@dataclass(frozen=True)
class Case:
    """A random network with everything that a route graph is made from, and positions on it."""

    network: Network
    times: EdgeTimes
    crossing_ms: np.ndarray
    positions: pd.DataFrame


@st.composite
def cases(draw: st.DrawFn, *, restrictions: bool = True) -> Case:
    n = draw(st.integers(2, 6))
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    roads = draw(st.lists(ends, min_size=1, max_size=10))
    m = len(roads)
    crossings = draw(st.lists(st.sampled_from([-1, 0, 0, 3, 7]), max_size=2))
    joins: list[DrawRoad] = [(*draw(ends), {"crossing": i}) for i in range(len(crossings))]
    xy = [(float(7 * i % 5), float(3 * i * i % 11)) for i in range(n)]
    drive = draw(st.lists(st.integers(-1, 12), min_size=2 * m, max_size=2 * m)) + [0, 0] * len(joins)
    junction = draw(st.lists(st.sampled_from([0, 0, 2]), min_size=n, max_size=n))
    network = draw_network(xy, [*roads, *joins])
    if restrictions:
        network = draw_network(xy, [*roads, *joins], draw(st.lists(walks(network), max_size=5)))
    place = st.tuples(st.integers(0, m - 1), st.sampled_from([0.0, 0.25, 0.5, 0.875, 1.0]))
    places = draw(st.lists(place, min_size=1, max_size=5))
    return Case(
        network,
        EdgeTimes(np.array(drive, np.int32), np.array(junction, np.int32)),
        np.array(crossings, np.int32),
        draw_positions({f"p{i}": where for i, where in enumerate(places)}),
    )


@st.composite
def walks(draw: st.DrawFn, network: Network) -> Restriction:
    """A restriction along two to four edges that follow one another."""
    tail = network.roads[["a", "b"]].to_numpy().ravel()
    head = network.roads[["b", "a"]].to_numpy().ravel()
    path = [draw(st.integers(0, len(tail) - 1))]
    for _ in range(draw(st.integers(1, 3))):
        path.append(draw(st.sampled_from(np.flatnonzero(tail == head[path[-1]]).tolist())))
    return Restriction(tuple(path), draw(st.sampled_from(["no_left_turn", "no_u_turn", "only_straight_on"])))


@pytest.fixture(scope="session")
def random_cases() -> Callable[..., st.SearchStrategy[Case]]:
    return cases
