"""What region.toml states about an evacuation: read, contradictions named all at once, written and read back."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.data import (
    CAPACITY_FACTORS,
    CAPACITY_PRESETS,
    HAZARDS,
    SPACE_M2,
    STAYS,
    TIME_UNITS,
    ArrivalSource,
    EvacuationCase,
    check_region,
    demo_path,
    read_region,
    read_table,
    region_schema,
    write_region,
    zone_reference,
)
from mutualaid.data._schema import EvacuationEntry
from mutualaid.errors import EvacuationError, RegionError

LAYERS = """
[[hazard]]
id = "fire"
file = "fire.geojson"
hazard = "wildfire"
quantity = "class"
scheme = "derived-wildfire"
column = "class_code"

[[scenario]]
id = "summer"
layers = ["fire"]
"""
FULL = """
[evacuation]
name = "A fire from the west"
zones = ["W", "zones/hill.geojson", "severity:summer>=4"]
scenario = "summer"
persons_per_vehicle = 2.2
without_car = 0.15
buses = 3
bus_seats = 40
bus_turns = 2
bus_pce = 2.5
mobilisation = [[0, 0.1], [20, 0.5], [50.5, 1]]
capacities = "aequilibrae"
factor = "sustained"
background = 0.2
contraflow = ["Harbour Road", "1"]
closed_crossings = ["W--E-1"]
closed_ways = [1]
opened_ways = [2]
duration = "long"
exits = false
gather_m = 150
source = "the county's plan of 2024"
confidence = "stated"
sources = { without_car = "census 2021" }
confidences = { without_car = "measured" }
note = "Agreed by both towns."

[evacuation.arrival]
file = "times.geojson"
hazard = "wildfire"
unit = "h"
column = "hours"
nodata_means = "unknown"
covers = [7.4, 43.7, 7.44, 43.72]
name = "Worst case"
source = "modelled"
licence = "CC BY 4.0"
date = "2024"
derived = true
"""


def features(folder: Path, file: str, **columns: object) -> None:
    ring = [[7.40, 43.70], [7.41, 43.70], [7.41, 43.71], [7.40, 43.70]]
    feature = {
        "type": "Feature",
        "properties": columns,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")


@pytest.fixture
def folder(region_folder: Path) -> Path:
    features(region_folder, "fire.geojson", class_code="3")
    features(region_folder, "times.geojson", hours=1.5)
    features(region_folder, "zones/hill.geojson", name="Hill")
    return region_folder


def stated(folder: Path, text: str) -> Path:
    path = folder / "region.toml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return folder


def told(folder: Path, text: str) -> dict[str, tuple[str, str, str]]:
    defects = check_region(stated(folder, text))
    assert len({one.where for one in defects}) == len(defects), "\n".join(map(str, defects))
    return {one.where: (one.expected, one.got, one.remedy) for one in defects}


def test_a_whole_section_is_read(folder: Path) -> None:
    region = read_region(stated(folder, LAYERS + FULL))

    case = region.evacuation
    assert case == EvacuationCase(
        name="A fire from the west",
        zones=("W", "zones/hill.geojson", "severity:summer>=4"),
        scenario="summer",
        arrival=ArrivalSource(
            file=folder / "times.geojson",
            hazard="wildfire",
            unit="h",
            column="hours",
            nodata_means="unknown",
            covers=(7.4, 43.7, 7.44, 43.72),
            name="Worst case",
            source="modelled",
            licence="CC BY 4.0",
            date="2024",
            derived=True,
        ),
        persons_per_vehicle=2.2,
        without_car=0.15,
        buses=3,
        bus_seats=40,
        bus_turns=2,
        bus_pce=2.5,
        mobilisation=((0, 0.1), (20, 0.5), (50.5, 1)),
        capacities="aequilibrae",
        factor="sustained",
        background=0.2,
        contraflow=("Harbour Road", "1"),
        closed_crossings=("W--E-1",),
        closed_ways=(1,),
        opened_ways=(2,),
        duration="long",
        exits=False,
        gather_m=150,
        source="the county's plan of 2024",
        confidence="stated",
        sources={"without_car": "census 2021"},
        confidences={"without_car": "measured"},
        note="Agreed by both towns.",
    )
    # Every parameter was stated, so that none is forgotten on its way from the file.
    assert [
        one.name for one in fields(case) if getattr(case, one.name) == getattr(EvacuationCase(), one.name)
    ] == []
    assert {folder / "zones/hill.geojson", folder / "times.geojson"} <= set(region.files)


def test_an_empty_section_is_the_case_with_all_defaults(folder: Path) -> None:
    assert read_region(stated(folder, "[evacuation]\n")).evacuation == EvacuationCase()


def test_how_sure_a_figure_is() -> None:
    case = EvacuationCase(
        buses=2, gather_m=100, source="plan", confidence="stated",
        sources={"gather_m": "walked"}, confidences={"gather_m": "measured"},
    )  # fmt: skip

    parameters = ("buses", "gather_m", "without_car")
    assert [case.confidence_of(name) for name in parameters] == ["stated", "measured", "assumption"]
    assert [case.source_of(name) for name in parameters] == ["plan", "walked", "plan"]


def test_the_floor_that_a_person_needs_follows_from_the_stay() -> None:
    assert [EvacuationCase(duration=stay).space_m2 for stay in STAYS] == [1.86, 3.7]
    assert tuple(SPACE_M2) == STAYS


@pytest.mark.parametrize(
    ("text", "kind", "key", "severity"),
    [
        ("severity:a-b.c_1>=5", "severity", "a-b.c_1", 5),
        ("zones/Hill.GPKG", "file", "zones/Hill.GPKG", 0),
        ("zones.parquet", "file", "zones.parquet", 0),
        ("FR.06", "jurisdiction", "FR.06", 0),
        ("severity", "jurisdiction", "severity", 0),
    ],
)
def test_what_the_name_of_a_zone_means(text: str, kind: str, key: str, severity: int) -> None:
    zone = zone_reference(text)

    assert (zone.kind, zone.key, zone.severity) == (kind, key, severity)


@pytest.mark.parametrize(
    "text", ["severity:", "severity:fire", "severity:fire>3", "severity:fire>=6", "severity:>=3"]
)
def test_half_a_severity_is_no_zone(text: str) -> None:
    with pytest.raises(EvacuationError, match="write it like severity:wildfire-fr>=3"):
        zone_reference(text)


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(EvacuationError) as caught:
        EvacuationCase(
            zones=("A", "A", "severity:x"), persons_per_vehicle=0, without_car=1.5, buses=-1, bus_seats=0,
            bus_turns=0, bus_pce=0, mobilisation=((1, 0), (1, 0.5), (2, 0.4)), capacities="hcm", factor="best",
            background=1, closed_ways=(1, 2), opened_ways=(2,), duration="weeks", gather_m=-1, confidence="sure",
            sources={"speed": "?"}, confidences={"buses": "sure", "name": "stated"},
        )  # fmt: skip

    found = [(one.where.removeprefix("evacuation, "), one.got) for one in caught.value.defects]
    assert found == [
        ("capacities", "'hcm'"), ("factor", "'best'"), ("duration", "'weeks'"), ("confidence", "'sure'"),
        ("persons_per_vehicle", "0"), ("without_car", "1.5"), ("buses", "-1"), ("bus_seats", "0"), ("bus_turns", "0"),
        ("bus_pce", "0"), ("background", "1"), ("gather_m", "-1"), ("zones", "A twice"), ("zones", "'severity:x'"),
        ("opened_ways", "2 in both"), ("mobilisation", "1"), ("mobilisation", "1, 1, 2"),
        ("mobilisation", "0, 0.5, 0.4"), ("mobilisation", "0.4"), ("sources.speed", "'speed'"),
        ("confidences.name", "'name'"), ("confidences.buses", "'sure'"),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["persons_per_vehicle", "without_car", "background", "gather_m", "bus_pce"])
def test_not_a_number_is_no_number(key: str) -> None:
    with pytest.raises(EvacuationError, match=key):
        EvacuationCase(**{key: math.nan})  # type: ignore[arg-type]


def test_an_arrival_names_all_that_is_wrong_with_it() -> None:
    with pytest.raises(EvacuationError) as caught:
        ArrivalSource(
            file=Path("t.tif"), hazard="fire", unit="days", nodata_means="none", covers=(1, 0, 0, 1)
        )

    assert [one.where for one in caught.value.defects] == [
        "arrival, hazard", "arrival, unit", "arrival, nodata_means", "arrival, covers",
    ]  # fmt: skip


def test_everything_that_is_wrong_with_a_section_is_reported_together(folder: Path) -> None:
    found = told(
        folder,
        LAYERS
        + """
[evacuation]
zones = ["Wst", "none.geojson", "severity:fires>=3", "severity:fire>=9", "severity:fire>=3"]
scenario = "sumer"
closed_ways = [5]
opened_ways = [5]
mobilisation = [[0, 0], [10, 0.5]]
confidences = { seats = "stated" }

[evacuation.arrival]
file = "../times.geojson"
hazard = "wildfire"
""",
    )

    assert {where: got for where, (_, got, _) in found.items()} == {
        "[evacuation] scenario": "'sumer'",
        "[evacuation] zones 1": "'Wst'",
        "[evacuation] zones 2": "'none.geojson'",
        "[evacuation] zones 3": "'fires'",
        "[evacuation] zones 4": "'severity:fire>=9'",
        "[evacuation] arrival.file": "'../times.geojson'",
        "[evacuation] opened_ways": "5 in both",
        "[evacuation] mobilisation": "0.5",
        "[evacuation] confidences.seats": "'seats'",
    }
    assert found["[evacuation] scenario"][2] == "did you mean summer"
    assert found["[evacuation] zones 3"][2] == "did you mean fire"


@pytest.mark.parametrize(
    ("text", "where", "got"),
    [
        ("zones = ['W', 'W']", "[evacuation] zones", "W twice"),
        ("without_car = 2", "[evacuation] without_car", "2"),
        ("factor = 'best'", "[evacuation] factor", "'best'"),
        ("seats = 50", "[evacuation]", "'seats'"),
        ("mobilisation = []", "[evacuation] mobilisation", "[]"),
        ("mobilisation = [[0, 0, 0]]", "[evacuation] mobilisation.1", "[0, 0, 0]"),
        ("arrival = { hazard = 'wildfire' }", "[evacuation] arrival", "nothing"),
        ("arrival = { file = 'times.geojson', hazard = 'fire' }", "[evacuation] arrival.hazard", "'fire'"),
    ],
)
def test_one_thing_wrong_gives_one_message(folder: Path, text: str, where: str, got: str) -> None:
    found = told(folder, f"[evacuation]\n{text}\n")

    ((place, (_, what, _)),) = found.items()
    assert (place.replace(", ", ".").replace(" 1", ".1"), what) == (where.replace(" 1", ".1"), got)


def test_a_file_of_zones_is_read_with_the_region(folder: Path) -> None:
    text = (folder / "zones/hill.geojson").read_text(encoding="utf-8")
    (folder / "zones/hill.geojson").write_text(
        text.replace("[7.41, 43.71]", "[7.41, 943.71]"), encoding="utf-8"
    )

    (defect,) = check_region(stated(folder, "[evacuation]\nzones = ['zones/hill.geojson']\n"))

    assert defect.file == "zones/hill.geojson"
    assert "latitude within ±90" in defect.expected


def test_zones_are_read_as_a_table(folder: Path) -> None:
    zones = read_table(folder / "zones" / "hill.geojson", "zones")

    assert zones["name"].to_dict() == {"Z1": "Hill"}
    assert isinstance(zones, gpd.GeoDataFrame)
    assert zones.crs == "EPSG:4326"
    (folder / "zones.csv").write_text("id,lon,lat\na,7.41,43.71\n", encoding="utf-8")
    with pytest.raises(RegionError, match="expected a polygon; got Point"):
        read_table(folder / "zones.csv", "zones")


def test_a_broken_layer_does_not_make_its_zone_unknown(folder: Path) -> None:
    layers = LAYERS.replace('hazard = "wildfire"', 'hazard = "fire"')

    defects = check_region(stated(folder, layers + "[evacuation]\nzones = ['severity:fire>=3']\n"))

    assert [one.where for one in defects] == ["[[hazard]] 1, hazard"]


def test_a_jurisdiction_without_a_readable_id_does_not_make_a_zone_unknown(folder: Path) -> None:
    areas = folder / "jurisdictions.geojson"
    areas.write_text(areas.read_text(encoding="utf-8").replace('"id": "W"', '"id": "W;1"'), encoding="utf-8")

    found = told(folder, "[evacuation]\nzones = ['W']\n")

    assert [where for where in found if "evacuation" in where] == []
    assert any("column id" in where for where in found)


def test_a_section_is_written_and_read_back_with_its_files(folder: Path, tmp_path: Path) -> None:
    region = read_region(stated(folder, LAYERS + FULL))

    copy = write_region(region, tmp_path / "copy").parent
    again = read_region(copy).evacuation

    assert again is not None
    assert again.arrival is not None
    assert again.arrival.file == copy / "times.geojson"
    assert again.arrival.file.read_bytes() == (folder / "times.geojson").read_bytes()
    assert (copy / "zones/hill.geojson").is_file()
    for one in fields(EvacuationCase):
        if one.name != "arrival":
            assert getattr(again, one.name) == getattr(region.evacuation, one.name), one.name


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    minutes = sorted(draw(st.sets(st.integers(1, 10_000), max_size=4)))
    shares = sorted(draw(st.lists(st.floats(0, 1), min_size=len(minutes), max_size=len(minutes))))
    shares = [*shares, 1.0] if minutes else [1.0]
    return tuple(zip([0.0, *map(float, minutes)], shares, strict=True))


@settings(max_examples=50, deadline=None)
@given(
    case=st.builds(
        EvacuationCase,
        zones=st.sets(st.sampled_from(["W", "E"])).map(tuple),
        persons_per_vehicle=st.floats(0.1, 100),
        without_car=st.floats(0, 1),
        buses=st.integers(0, 100_000),
        mobilisation=curves(),
        capacities=st.sampled_from(CAPACITY_PRESETS),
        factor=st.sampled_from(CAPACITY_FACTORS),
        duration=st.sampled_from(STAYS),
        background=st.floats(0, 0.99),
        exits=st.booleans(),
        closed_ways=st.sets(st.integers(1, 50)).map(tuple),
        sources=st.dictionaries(st.sampled_from(["buses", "exits"]), st.text("ab c", max_size=5)),
    )
)
def test_any_case_survives_the_file(case: EvacuationCase) -> None:
    from mutualaid.data._evacuation_files import _tuples
    from mutualaid.data._toml import changed, dump

    document = tomllib.loads(dump({"evacuation": changed(case)})).get("evacuation", {})
    values: Mapping[str, Any] = EvacuationEntry.model_validate(document).model_dump()

    assert EvacuationCase(**{key: _tuples(value) for key, value in values.items()}) == case


def test_schema_and_decision_name_the_same_parameters_and_words() -> None:
    schema = region_schema()["$defs"]
    entry, arrival = schema["EvacuationEntry"]["properties"], schema["ArrivalEntry"]["properties"]

    assert list(entry) == [one.name for one in fields(EvacuationCase)]
    assert sorted(arrival) == sorted(one.name for one in fields(ArrivalSource))
    assert entry["capacities"]["enum"] == list(CAPACITY_PRESETS)
    assert entry["factor"]["enum"] == list(CAPACITY_FACTORS)
    assert entry["duration"]["enum"] == list(STAYS)
    assert arrival["hazard"]["enum"] == list(HAZARDS)
    assert arrival["unit"]["enum"] == list(TIME_UNITS)


# --- the demo -----------------------------------------------------------------------------------------------


def test_the_evacuation_of_the_demo_is_an_assumption_and_says_so() -> None:
    region = read_region(demo_path())

    case = region.evacuation
    assert case is not None
    assert case.zones == ("severity:wildfire-fr>=3",)
    assert not case.exits
    assert "Illustrative" in case.note
    assert "llustrative" in case.name
    assert all(text.startswith(("assumed", "the frame")) for text in case.sources.values())
    assert {case.confidence_of(one.name) for one in fields(case)} == {"assumption"}
    assert case.arrival is not None
    assert case.arrival.derived
    assert "assumed" in case.arrival.source


def test_the_shelters_of_the_demo_stand_on_both_sides_and_say_what_is_assumed() -> None:
    shelters = read_region(demo_path()).shelters

    assert 8 <= len(shelters) <= 14
    by_owner = shelters.groupby("owner").size()
    assert by_owner["Sapeurs-Pompiers de Monaco"] >= 3
    assert by_owner["SDIS 06"] >= 3
    assert shelters["capacity"].isna().all()
    assert (shelters["area_m2"] > 0).all()
    assert shelters["capacity_source"].str.startswith("assumed: ").all()
    # A point inside its building, and none twice.
    assert shelters.geometry.is_unique
