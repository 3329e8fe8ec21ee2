"""A border region worked by hand: five places on one straight road, four minutes apart."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from mutualaid.data import Parameters, Region
from mutualaid.network import ROAD_CLASSES, Network

UTM = CRS.from_epsg(32632)
#: What a fire engine drives in four minutes on a primary road, at 65 km/h.
STEP_M = 65_000 / 15


@pytest.fixture
def straight_road() -> Network:
    """One primary road along y = 0 through the places 0…4, with the border between the places 2 and 3."""
    at = np.array([0, 1, 2, 2.5, 2.5, 3, 4])
    ends = np.column_stack([np.arange(6), np.arange(1, 7)])
    length = np.diff(at) * STEP_M
    side = ["A", "A", "A", None, "B", "B"]
    roads = pd.DataFrame(
        {
            "a": ends[:, 0].astype(np.int32),
            "b": ends[:, 1].astype(np.int32),
            "length_m": length,
            "way": np.arange(6, dtype=np.int64),
            "class": pd.Categorical(["primary"] * 6, categories=ROAD_CLASSES),
            "name": "High Road",
            "maxspeed_forward_kph": np.float32(np.nan),
            "maxspeed_backward_kph": np.float32(np.nan),
            "lanes": np.float32(np.nan),
            "oneway": np.int8(0),
            "bridge": False,
            "tunnel": False,
            "covered": False,
            "layer": np.int8(0),
            "access": pd.Categorical(["yes"] * 6),
            "max_height_m": np.float32(np.nan),
            "max_weight_t": np.float32(np.nan),
            "jurisdiction": pd.Categorical(side),
            "crossing": np.array([-1, -1, -1, 0, -1, -1], dtype=np.int32),
        }
    )
    crossings = gpd.GeoDataFrame(
        {
            "name": ["High Road"],
            "from_jurisdiction": ["A"],
            "to_jurisdiction": ["B"],
            "from_country": ["AA"],
            "to_country": ["BB"],
            "international": [True],
            "class": ["primary"],
            "bridge": [False],
            "tunnel": [False],
        },
        geometry=[shapely.Point(2.5 * STEP_M, 0)],
        index=pd.Index(["x1"], name="crossing"),
        crs=UTM,
    )
    x = at * STEP_M
    xy = np.column_stack([np.column_stack([x[:-1], x[1:]]).ravel(), np.zeros(12)])
    return Network(
        crs=UTM,
        node_id=np.arange(7, dtype=np.int64),
        x=x,
        y=np.zeros(7),
        roads=roads,
        road_xy=xy,
        road_offset=np.arange(0, 14, 2, dtype=np.int64),
        crossings=crossings,
    )


@pytest.fixture
def five_places(tmp_path: Path) -> Region:
    """A has 100, 80, 60 people at the places 0…2 and a station at 0; B has 40, 20 and a station at 3.

    From the one station it is 0, 4, 8, 12, 16 minutes of driving to the places, from the other 12, 8, 4, 0,
    4.
    """
    x = np.arange(5) * STEP_M
    side = ["A", "A", "A", "B", "B"]
    jurisdictions = gpd.GeoDataFrame(
        {
            "name": ["Aville", "Bstadt"],
            "country": ["AA", "BB"],
            "languages": "",
            "population": [240.0, 60.0],
            "partner": ["A", "B"],
            "completed": False,
        },
        geometry=[
            shapely.box(-500, -500, 2.5 * STEP_M, 500),
            shapely.box(2.5 * STEP_M, -500, 4 * STEP_M + 500, 500),
        ],
        index=pd.Index(["A", "B"], name="id"),
        crs=UTM,
    )
    stations = gpd.GeoDataFrame(
        {
            "name": ["Station A", "Station B", "Ambulance", "Station to come"],
            "jurisdiction": ["A", "B", "A", "A"],
            "service": ["fire", "fire", "ems", "fire"],
            "department": "career",
            "turnout_s": [np.nan, 60.0, np.nan, np.nan],
            "status": ["active", "active", "active", "planned"],
        },
        geometry=gpd.points_from_xy(x[[0, 3, 2, 2]], [5.0] * 4),
        index=pd.Index(["sa", "sb", "ea", "pa"], name="id"),
        crs=UTM,
    )
    demand = gpd.GeoDataFrame(
        {
            "population": [100.0, 80.0, 60.0, 40.0, 20.0],
            "jurisdiction": side,
            "cell_x": x - 50,
            "cell_y": -50.0,
        },
        geometry=gpd.points_from_xy(x, np.full(5, -5.0)),
        index=pd.Index([f"d{i}" for i in range(5)], name="id"),
        crs=UTM,
    )
    return Region(
        name="Five places",
        folder=tmp_path,
        crs=UTM,
        jurisdictions=jurisdictions,
        stations=stations,
        units=pd.DataFrame(columns=["station", "kind", "capabilities", "staffing", "count"]),
        demand=demand,
        cell_m=100.0,
        hospitals=gpd.GeoDataFrame({"name": []}, geometry=[], crs=UTM),
        network_files=(),
        parameters=Parameters(turnout_s={"career": 80.0}),
        note="Worked by hand.",
    )
