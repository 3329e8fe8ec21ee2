"""From an extract to all results on real countries, as a user goes."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from mutualaid.cooperation import cooperation
from mutualaid.coverage import analyse
from mutualaid.data import new_region
from mutualaid.reports import write_results

#: Extract, admin level, jurisdictions, fire stations, and people on the map of that day.
REGIONS = {
    "liechtenstein/liechtenstein-2024-03-04.osm.pbf": (8, 11, 8, 37_269),
    "andorra/andorra-2025-01-19.osm.pbf": (7, 7, 4, 48_406),
}


@pytest.mark.parametrize("extract", sorted(REGIONS))
def test_an_extract_becomes_a_map(extract: str, shared_data: Path, tmp_path: Path) -> None:
    level, jurisdictions, stations, people = REGIONS[extract]
    region = new_region(tmp_path / "region", pbf=[shared_data / extract], admin_level=level)
    result = analyse(region)
    total = result.summary["common"]["total"]
    assert len(region.jurisdictions) == jurisdictions
    assert len(result.stations) == stations
    assert total["population"] == pytest.approx(people, abs=1)
    assert 0.2 < total["alone"]["covered_share"] < total["joint"]["covered_share"] < 0.95
    parts = total["alone"]["covered"] + total["closed_by_joint"] + total["remaining"]
    assert parts == pytest.approx(total["population"], abs=0.01)
    assert total["unreachable"] < 0.01 * total["population"], "nearly everybody lives at a road"
    found = cooperation(result)
    first = found.reciprocity["people"].sum()
    assert first == pytest.approx(region.demand["population"][np.isfinite(result.coverage["joint_s"])].sum())
    gained = found.indicators.query("kind == 'all'")["closed"].iloc[0]
    assert gained == pytest.approx(total["closed_by_joint"], abs=0.001)
    files = write_results(result, tmp_path / "results", cooperation=found)
    assert {"reciprocity.png", "break_even.png", "cost_shares.csv", "crossings.csv"} <= set(files)
    layer = gpd.read_file(files["coverage.gpkg"], layer="coverage")
    assert len(layer) == len(region.demand)
    assert 200_000 < files["map.html"].stat().st_size < 5_000_000
