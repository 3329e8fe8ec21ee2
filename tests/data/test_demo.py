"""The embedded demo: what it says, that it is valid, and that its script rebuilds it byte for byte."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from mutualaid.data import Region, check_region, demo_path, read_region, region_notes
from mutualaid.data._osm_read import read_extract

ROOT = Path(__file__).resolve().parents[2]
GEOD = Geod(ellps="WGS84")
# Surface in km², roads in km and buildings, counted on the extract by other means.
KNOWN = {
    "MC": (2.02, 59, 998),
    "FR-beausoleil": (2.77, 35, 3294),
    "FR-cap-d-ail": (2.11, 27, 2192),
    "FR-la-turbie": (7.34, 64, 3730),
    "FR-roquebrune-cap-martin": (7.24, 73, 6810),
}


@pytest.fixture(scope="module")
def demo() -> Region:
    return read_region(demo_path())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_demo", ROOT / "scripts" / "build_demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo_is_a_valid_region() -> None:
    assert check_region(demo_path()) == []


def test_the_demo_says_on_its_face_what_it_is(demo: Region) -> None:
    for words in ("5 March 2016", "only one on the French side", "artefact of the frame", "estimate"):
        assert words in demo.note
    assert "2016" in demo.name
    assert [source.date for source in demo.sources] == ["2016-03-05", "2023", "2016-06-07", ""]


def test_the_people_of_the_demo_are_the_official_figures(demo: Region) -> None:
    figures = {
        "MC": 37_308,
        "FR-beausoleil": 11_936,
        "FR-cap-d-ail": 4_482,
        "FR-la-turbie": 3_045,
        # 12,037 in the whole commune, 7.28 of its 9.33 km² inside the frame, to the next hundred.
        "FR-roquebrune-cap-martin": 9_400,
    }

    assert demo.jurisdictions["population"].to_dict() == figures
    placed = demo.demand.groupby("jurisdiction")["population"].sum()
    assert placed.to_dict() == pytest.approx(figures, abs=1e-6)
    assert demo.jurisdictions["completed"].to_dict() == {key: "roquebrune" in key for key in figures}


def test_monaco_and_the_french_communes_are_two_partners(demo: Region) -> None:
    partners = demo.jurisdictions.groupby("country")["partner"].unique().map(list).to_dict()

    assert partners == {"FR": ["SDIS 06"], "MC": ["Sapeurs-Pompiers de Monaco"]}
    stations = demo.stations.reset_index()[["id", "jurisdiction", "service", "department", "status"]]
    assert stations.to_numpy().tolist() == [
        ["n1866465411", "MC", "fire", "career", "active"],
        ["n1866523017", "MC", "fire", "career", "active"],
        ["n3781320822", "FR-la-turbie", "fire", "unknown", "active"],
    ]


def test_the_agreement_of_the_demo_is_an_assumption_in_every_parameter(demo: Region) -> None:
    (agreement,) = demo.agreements
    words = {"id", "name", "source", "confidence", "sources", "confidences", "ranges", "note"}
    (stated,) = tomllib.loads((demo_path() / "region.toml").read_text(encoding="utf-8"))["agreement"]

    assert set(agreement.parties) == set(demo.jurisdictions["partner"])
    assert agreement.confidence == "assumption"
    assert set(agreement.sources) == set(agreement.confidences) == set(stated) - words
    assert set(agreement.confidences.values()) == {"assumption"}
    assert all(source.startswith("assumed") for source in agreement.sources.values())
    assert "assumed" in agreement.name
    assert "no text of an agreement" in agreement.note
    # The same numbers for ever.
    assert (agreement.valid_from, agreement.valid_to) == ("", "")
    assert [note for note in region_notes(demo) if note.file == "region.toml"] == []


def test_the_costs_of_the_demo_are_illustrative_and_to_be_shared(demo: Region) -> None:
    assert demo.costs.source == "illustrative figures, nobody's accounts"
    assert demo.costs.confidence == "assumption"
    assert set(demo.costs.alone) == set(demo.jurisdictions["partner"])
    # Nobody would join a team that costs more than all do alone.
    assert demo.costs.budget is not None
    assert max(demo.costs.alone.values()) < demo.costs.budget < sum(demo.costs.alone.values())


def test_the_record_the_log_and_the_targets_say_that_they_are_invented(demo: Region) -> None:
    licence = (demo_path() / "LICENSE.md").read_text(encoding="utf-8")

    assert "The record of incidents, the decisions and the targets are invented." in demo.note
    (source,) = (one for one in demo.sources if "incidents" in one.what)
    assert "nothing of it happened" in source.source
    assert "| incidents.csv | **invented**" in licence
    assert demo.incidents["incident"].str.fullmatch(r"EX-\d{3}").all()
    assert demo.decisions["who"].str.startswith("Example: ").all()
    assert demo.decisions["what"].str.startswith("Example, invented: ").all()
    assert sorted(demo.decisions["kind"].unique()) == ["decision", "exercise", "finding"]
    assert demo.decisions["sharing"].value_counts().to_dict() == {"public": 4, "partners": 1}
    for target in demo.targets:
        assert target.id.startswith("example-")
        assert target.name.startswith("Example: ")
        assert target.agreed == "invented for this example; nobody has agreed on it"


def test_the_record_deviates_from_the_assumptions_as_the_script_says(
    demo: Region, script: ModuleType
) -> None:
    """By plain medians of the file, with what chance allows."""
    record = demo.incidents
    seconds = {
        "turnout": (record["t3"] - record["t2"]).dt.total_seconds(),
        "answering": (record["t1"] - record["t0"]).dt.total_seconds(),
        "alert": (record["t2"] - record["t1"]).dt.total_seconds(),
    }
    local = record["t0"] + pd.to_timedelta(record["offset_min"], unit="min")
    workday = (local.dt.day_of_week < 5) & local.dt.hour.between(7, 18)
    monaco = record["unit"].str.fullmatch("(CON|FON) [12]")
    near = (
        demo.incidents.sjoin(demo.jurisdictions[["geometry", "country"]]).groupby(level=0)["country"].first()
    )
    abroad = monaco & (near.reindex(record.index) == "FR")
    place = record.sjoin(demo.jurisdictions[["geometry"]].rename_axis("place").reset_index())["place"]
    place = place.groupby(level=0).first().reindex(record.index)

    assert len(record) > 400
    assert record["incident"].nunique() > 330
    assert (record["t0"].min().year, record["t0"].max().year) == (2014, 2016)
    assert set(record["offset_min"]) == {60, 120}, "winter and summer"
    stamps = record[["t0", "t1", "t2", "t3", "t4", "free"]]
    assert 0.01 < stamps.isna().to_numpy().mean() < 0.03
    assert set(record["station"]) - set(demo.stations.index) == {"menton (not on the map)"}
    assert seconds["answering"].median() == pytest.approx(script.ANSWERING_S[0], abs=1.5)
    assert seconds["alert"][~abroad].median() == pytest.approx(script.PROCESSING_S[0], rel=0.1)
    own_s = seconds["alert"][~abroad].median()
    told = {"FR-beausoleil": script.NEIGHBOUR_S, **script.NEIGHBOUR_THERE_S}
    for name, (median_s, _) in told.items():
        rows = abroad & (place == name)
        assert rows.sum() > 10, name
        assert seconds["alert"][rows].median() - own_s == pytest.approx(median_s, abs=40), name
    assert script.NEIGHBOUR_S[0] > demo.agreements[0].dispatch_delay_s
    for who, units in (("MC", monaco), ("FR", record["unit"] == "TUR 1")):
        found = seconds["turnout"][units & workday].median()
        assert found == pytest.approx(script.TURNOUT_S[who]["day"][0], rel=0.1), who


def test_every_cell_stands_at_a_place_inside_itself_and_its_jurisdiction(demo: Region) -> None:
    x, y = demo.demand.geometry.x.to_numpy(), demo.demand.geometry.y.to_numpy()
    west, south = demo.demand["cell_x"].to_numpy(), demo.demand["cell_y"].to_numpy()

    assert demo.cell_m == 100
    for low, value in ((west, x), (south, y)):
        assert (low % 100 == 0).all()
        assert ((low - 0.02 <= value) & (value <= low + 100.02)).all()
    own = demo.jurisdictions.geometry.reindex(demo.demand["jurisdiction"])
    assert (shapely.distance(np.asarray(own), demo.demand.geometry.to_numpy()) < 0.02).all()


def test_the_demo_is_small_and_carries_its_licence() -> None:
    files = [path for path in demo_path().rglob("*") if path.is_file()]
    licence = (demo_path() / "LICENSE.md").read_text(encoding="utf-8")

    assert sum(path.stat().st_size for path in files) < 800_000
    for words in ("© OpenStreetMap contributors", "Open Database License", "2016-03-05", "INSEE", "IMSEE"):
        assert words in licence


def test_surfaces_and_roads_of_the_demo_are_the_known_ones(demo: Region) -> None:
    areas = demo.jurisdictions.to_crs(4326).geometry
    lines = []
    way: Any
    for way in osmium.FileProcessor(demo.network_files[0]).with_locations():
        classes = "track busway road"
        if way.is_way() and way.tags["highway"] not in classes.split():
            lines.append(shapely.LineString([(node.lon, node.lat) for node in way.nodes]))
    roads = gpd.GeoSeries(lines, crs=4326)

    for key, (km2, road_km, _) in KNOWN.items():
        assert abs(GEOD.geometry_area_perimeter(areas[key])[0]) / 1e6 == pytest.approx(km2, rel=0.01), key
        inside = roads.intersection(areas[key])
        found_km = sum(GEOD.geometry_length(line) for line in inside if not line.is_empty) / 1000
        assert found_km == pytest.approx(road_km, rel=0.05), key


def test_buildings_of_each_jurisdiction_are_all_read(demo: Region, shared_data: Path) -> None:
    extract = read_extract([shared_data / "monaco" / "monaco.osm.pbf"], building=lambda _tags: 1.0)
    _, shapes, _ = extract.building_areas()
    points = shapely.point_on_surface(shapes)

    for key, area in demo.jurisdictions.to_crs(4326).geometry.items():
        count = int(np.count_nonzero(shapely.contains_xy(area, shapely.get_coordinates(points))))
        assert count == pytest.approx(KNOWN[str(key)][2], abs=6), key


def test_the_script_rebuilds_the_demo_byte_for_byte(
    script: ModuleType, shared_data: Path, tmp_path: Path
) -> None:
    assert script.main([str(shared_data / "monaco" / "monaco.osm.pbf"), str(tmp_path / "demo")]) == 0

    def content(folder: Path) -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    built, kept = content(tmp_path / "demo"), content(demo_path())
    assert sorted(built) == sorted(kept)
    for name, data in kept.items():
        assert built[name] == data, name


def test_the_script_refuses_another_extract(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.osm.pbf"
    other.write_bytes(b"another")

    assert script.main([str(other), str(tmp_path / "demo")]) == 1
    assert "expected SHA-256 36c0f0029ed8" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
    assert script.main([]) == 2
    assert "build_demo.py SOURCE.osm.pbf" in capsys.readouterr().err
