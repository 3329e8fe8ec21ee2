"""Networks to evacuate, and what tells whether an answer is right."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Region
from mutualaid.network import Network

HERE = Path(__file__).resolve().parent


def beside(name: str) -> ModuleType:
    """The file of this name in this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def instances() -> ModuleType:
    """Published, real and drawn networks."""
    return beside("_instances")


@pytest.fixture(scope="session")
def oracles() -> ModuleType:
    """The optimum by slow means."""
    return beside("_oracles")


@pytest.fixture(scope="session")
def checker() -> ModuleType:
    """What a plan breaks."""
    return beside("_checker")


@pytest.fixture(scope="session")
def drawn() -> ModuleType:
    """Small random networks."""
    return beside("_drawn")


@pytest.fixture(scope="session")
def surf_coast_data(shared_data: Path) -> Path:
    """The shared data; the test is skipped without Surf Coast Shire."""
    if not (shared_data / "evacuation" / "surf_coast").is_dir():
        pytest.skip("real data not found: shared/data/evacuation/surf_coast")
    return shared_data


# Evacuations along the straight road of the other tests

#: Metres between two places of it.
STEP_M = 65_000 / 15


def _shelter_table(at: dict[str, float], lands: str, region: Region, **columns: Any) -> gpd.GeoDataFrame:
    """Shelters along the road, in steps from place 0, with room for 1,000 people each."""
    land = [lands[min(int(x + 0.5), len(lands) - 1)] for x in at.values()]
    values: dict[str, Any] = {
        "name": [f"School {key}" for key in at], "jurisdiction": land, "owner": [one.upper() for one in land],
        "capacity": 1000.0, "area_m2": np.nan, "opens_min": 0.0, "closes_min": np.nan, "services": "", "stands": "",
        "capacity_source": "",
    }  # fmt: skip
    points = gpd.points_from_xy(STEP_M * np.array(list(at.values())), np.full(len(at), 3.0))
    return gpd.GeoDataFrame(values | columns, geometry=points, index=pd.Index(at, name="id"), crs=region.crs)


@pytest.fixture
def row(along_road: Callable[..., tuple[Region, Network]]) -> Callable[..., Analysis]:
    """``row("AABB", {"s": 3})``: the places along the road, and shelters at some of them."""

    def make(
        lands: str,
        shelters: dict[str, float],
        *,
        change: Callable[[Network], Network] = lambda network: network,
        **columns: Any,
    ) -> Analysis:
        region, network = along_road(lands, {"s0": 0})
        region = replace(region, shelters=_shelter_table(shelters, lands, region, **columns))
        return analyse(region, network=change(network))

    return make
