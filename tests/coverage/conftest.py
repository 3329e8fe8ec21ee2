"""A border region worked by hand: places on one straight road, four minutes apart."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from mutualaid.data import Parameters, Region

UTM = CRS.from_epsg(32632)
#: What a fire engine drives in four minutes on a primary road, at 65 km/h.
STEP_M = 65_000 / 15


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
