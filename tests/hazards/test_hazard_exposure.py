"""Scenarios and exposure: the worst hazard decides, unknown is not none, and nobody is lost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, HazardScenario, exposure, read_hazard, scenario_severity

CRS = "EPSG:32632"
LANDS = pd.DataFrame(
    {"country": ["AA", "BB"], "partner": ["a", "b"]}, index=pd.Index(["west", "east"], name="id")
)
CLASSES = ["none", "very low", "low", "moderate", "high", "extreme", "unknown", "outside"]


def zones(folder: Path, name: str, areas: dict[tuple[float, float], float], **stated: Any) -> HazardLayer:
    """Layer of zones from an x to an x, each with its depth."""
    frame = gpd.GeoDataFrame(
        {"depth": list(areas.values())}, geometry=[box(a, 0, b, 10) for a, b in areas], crs=CRS
    )
    frame.to_file(folder / f"{name}.geojson")
    defaults: dict[str, Any] = {
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "scheme": "inasafe-flood-depth",
        "column": "depth",
        "return_period_years": 100,
        "covers": (0, 0, 100, 10),
    }
    return read_hazard(folder / f"{name}.geojson", id=name, **(defaults | stated))


def at(*x: float) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"jurisdiction": ["west" if one < 50 else "east" for one in x]},
        geometry=[Point(one, 5) for one in x],
        index=[f"p{one:g}" for one in x],
        crs=CRS,
    )


def severity(values: list[int | None], index: Any = None) -> pd.DataFrame:
    """What a scenario says, None unknown and -1 outside."""
    known = pd.array([None if value is None or value < 0 else value for value in values], dtype="Int8")
    status = ["outside" if value == -1 else "unknown" if value is None else "known" for value in values]
    return pd.DataFrame({"severity": known, "status": status}, index=index)


# --- scenarios ----------------------------------------------------------------------------------------------


def test_the_worst_hazard_decides_and_is_named(tmp_path: Path) -> None:
    flood = zones(tmp_path, "flood", {(0, 20): 1.0, (20, 100): 0.0})
    quake = zones(
        tmp_path,
        "quake",
        {(0, 100): 5.0},
        hazard="earthquake",
        quantity="intensity",
        unit="mmi",
        scheme="mmi",
    )
    fire = zones(
        tmp_path,
        "fire",
        {(10, 40): 45.0, (60, 100): 1.0},
        hazard="wildfire",
        quantity="fwi",
        unit="",
        scheme="effis-fwi",
    )
    found = scenario_severity(
        at(5, 15, 30, 80), [fire, quake, flood], HazardScenario("s", "S", ("flood", "fire"))
    )
    assert found.index.tolist() == ["p5", "p15", "p30", "p80"]
    assert found["severity_flood"].tolist() == [3, 3, 0, 0]
    assert found["severity_wildfire"].isna().tolist() == [True, False, False, False]
    assert (found["severity_wildfire"].iloc[1:] >= [4, 4, 0]).all()
    assert found["severity"].equals(found[["severity_flood", "severity_wildfire"]].max(axis=1).astype("Int8"))
    assert found["status"].tolist() == ["partly", "known", "known", "known"]
    assert found["layer"].tolist()[:3] == ["flood", "fire", "fire"]
    assert found["hazard"].tolist()[:3] == ["flood", "wildfire", "wildfire"]
    assert found["unknown_hazards"].tolist() == ["wildfire", "", "", ""]
    assert "severity_earthquake" not in found


def test_absent_here_and_unknown_there_is_unknown(tmp_path: Path) -> None:
    flood = zones(tmp_path, "flood", {(0, 40): 0.0, (40, 60): 1.0})
    sea = zones(tmp_path, "sea", {(20, 30): 0.0}, hazard="tsunami", scheme="inasafe-tsunami")
    found = scenario_severity(
        at(10, 25, 50, 80, 500), [flood, sea], HazardScenario("s", "S", ("flood", "sea"))
    )
    assert found["severity"].astype(object).where(found["severity"].notna(), None).tolist() == [
        None,
        0,
        3,
        None,
        None,
    ]
    assert found["status"].tolist() == ["unknown", "known", "partly", "unknown", "outside"]
    assert found["layer"].tolist() == ["", "flood", "flood", "", ""]
    assert found["unknown_hazards"].tolist()[-1] == "flood;tsunami"


def test_of_neighbours_layers_the_own_one_counts_then_the_worst(tmp_path: Path) -> None:
    one = zones(tmp_path, "one", {(0, 60): 2.0}, jurisdiction="AA")
    two = zones(tmp_path, "two", {(40, 80): 0.5}, jurisdiction="east")
    scenario = HazardScenario("s", "S", ("one", "two"))
    points = at(20, 45, 55, 70, 90)
    own = scenario_severity(points, [one, two], scenario, jurisdictions=LANDS)
    assert own["layer"].tolist() == ["one", "one", "two", "two", ""]
    assert own["severity"].tolist()[:4] == [4, 4, 2, 2]
    worst = scenario_severity(points, [one, two], scenario)
    assert worst["severity"].tolist()[:4] == [4, 4, 4, 2]
    with pytest.raises(HazardError, match="points: expected the column jurisdiction"):
        scenario_severity(points.drop(columns="jurisdiction"), [one, two], scenario, jurisdictions=LANDS)


def test_a_scenario_that_cannot_be_is_refused(tmp_path: Path) -> None:
    flood = zones(tmp_path, "flood", {(0, 40): 0.0})
    with pytest.raises(HazardError, match="got 'fire'"):
        scenario_severity(at(1), [flood], HazardScenario("s", "S", ("flood", "fire")))
    with pytest.raises(HazardError) as caught:
        HazardScenario("s", "S", ("a", "a"), combine="sum", roads="drown")
    assert [defect.got for defect in caught.value.defects] == ["'sum'", "'drown'", "a twice"]
    with pytest.raises(HazardError, match="at least one hazard layer"):
        HazardScenario("s", "S", ())


def test_a_depth_takes_the_velocity_that_its_scheme_needs(tmp_path: Path) -> None:
    depth = zones(tmp_path, "depth", {(0, 100): 0.4}, scheme="aidr-h1-h6", jurisdiction="west")
    slow = {(0.0, 30.0): 0.5, (30.0, 60.0): 1.6}
    stated = {"quantity": "velocity", "unit": "m/s", "scheme": ""}
    speed = zones(tmp_path, "speed", slow, jurisdiction="west", **stated)
    other = zones(tmp_path, "other", {(0, 100): 9.0}, jurisdiction="east", **stated)
    found = scenario_severity(at(10, 40, 80), [other, speed, depth], HazardScenario("s", "S", ("depth",)))
    assert found["severity"].tolist()[:2] == [2, 4]  # H2 and, at 0.64 m²/s, H4
    assert found["status"].tolist() == ["known", "known", "unknown"]
    with pytest.raises(HazardError, match="layer depth: expected one layer of velocity without a scheme"):
        scenario_severity(at(10), [other, depth], HazardScenario("s", "S", ("depth",)))
    with pytest.raises(HazardError, match="got velocity alone"):
        scenario_severity(at(10), [speed], HazardScenario("s", "S", ("speed",)))


# --- exposure -----------------------------------------------------------------------------------------------


def test_people_are_counted_by_class_and_jurisdiction() -> None:
    people = pd.DataFrame(
        {"population": [5.0, 7.5, 1.0, 2.0, 4.0], "jurisdiction": ["B", "A", "A", "A", None]},
        index=list("vwxyz"),
    )
    said = severity([0, 4, None, -1, 4], people.index)[::-1]
    table = exposure(people, said)
    assert table["class"].tolist() == CLASSES * 3
    assert table["jurisdiction"].drop_duplicates().tolist() == ["B", "A", ""]
    some = table[table["points"] > 0]
    assert some[["jurisdiction", "class", "points", "population"]].to_numpy().tolist() == [
        ["B", "none", 1, 5.0],
        ["A", "high", 1, 7.5],
        ["A", "unknown", 1, 1.0],
        ["A", "outside", 1, 2.0],
        ["", "high", 1, 4.0],
    ]
    assert table["severity"].iloc[:8].isna().tolist() == [False] * 6 + [True] * 2


def test_stations_are_counted_without_a_weight() -> None:
    stations = pd.DataFrame({"jurisdiction": ["A", "A"]})
    table = exposure(stations, severity([5, 5]), weights=None)
    assert table.columns.tolist() == ["jurisdiction", "severity", "class", "points"]
    assert table.loc[table["class"] == "extreme", "points"].tolist() == [2]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["A", "B", "C"]),
            st.one_of(st.none(), st.integers(-1, 5)),
            st.integers(0, 10**6),
        ),
        max_size=40,
    )
)
def test_nobody_is_lost_or_counted_twice(rows: list[tuple[str, int | None, int]]) -> None:
    people = pd.DataFrame(rows, columns=["jurisdiction", "said", "population"])
    said = severity([row[1] for row in rows], people.index)
    before = people.copy()
    table = exposure(people, said)
    assert table["points"].sum() == len(rows)
    assert table["population"].sum() == sum(row[2] for row in rows)
    for name, part in table.groupby("jurisdiction"):
        assert part["population"].sum() == sum(row[2] for row in rows if row[0] == name)
        assert part["class"].tolist() == CLASSES
    unknown = table.loc[table["class"] == "unknown", "population"].sum()
    assert unknown == sum(row[2] for row in rows if row[1] is None)
    assert people.equals(before)


def test_weights_that_are_no_weights_are_refused_at_once() -> None:
    people = pd.DataFrame({"population": [1.0, -2.0, math.nan], "jurisdiction": "A"}, index=list("xyz"))
    with pytest.raises(HazardError) as caught:
        exposure(people, severity([1, 9], ["x", "y"]))
    assert [(defect.where, defect.got) for defect in caught.value.defects] == [
        ("severity", "none for z"),
        ("severity", "[1, 9]"),
        ("population", "something else for y, z"),
    ]


def test_scenario_and_exposure_fit_together(tmp_path: Path) -> None:
    flood = zones(tmp_path, "flood", {(0, 60): 2.0}, nodata_means="none")
    points = at(20, 70, 300).assign(population=[10.0, 20.0, 30.0])
    table = exposure(points, scenario_severity(points, [flood], HazardScenario("s", "S", ("flood",))))
    some = table[table["points"] > 0]
    assert some[["jurisdiction", "class", "population"]].to_numpy().tolist() == [
        ["west", "high", 10.0],
        ["east", "none", 20.0],
        ["east", "outside", 30.0],
    ]
    assert np.isclose(table["population"].sum(), 60.0)
