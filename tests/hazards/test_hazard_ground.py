"""The ground out of OpenStreetMap extracts: what is taken, on which side, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely

from mutualaid.errors import HazardError, OsmError
from mutualaid.hazards._ground import Ground, read_ground

UTM = "EPSG:32632"
Tags = Mapping[str, str]
Ways = Mapping[int, tuple[list[int], Tags]]

# A square of 0.01° in the middle of a box of 0.1°; 5 and 6 are on a line through it, 7 and 8 inside it.
NODES = {
    1: (9.00, 47.00),
    2: (9.01, 47.00),
    3: (9.01, 47.01),
    4: (9.00, 47.01),
    5: (8.99, 47.005),
    6: (9.02, 47.005),
    7: (9.004, 47.004),
    8: (9.006, 47.004),
    9: (9.006, 47.006),
}
BOX = (8.95, 46.95, 9.05, 47.05)
SQUARE = [1, 2, 3, 4, 1]


def write(
    path: Path,
    *,
    nodes: Mapping[int, tuple[float, float]] = NODES,
    ways: Ways | None = None,
    relations: Mapping[int, tuple[list[tuple[str, int, str]], Tags]] | None = None,
    box: tuple[float, float, float, float] | None = BOX,
    date: str = "2024-05-31T00:00:00Z",
    version: int = 1,
) -> Path:
    header = osmium.io.Header()
    if date:
        header.set("osmosis_replication_timestamp", date)
    if box is not None:
        header.add_box(osmium.osm.Box(osmium.osm.Location(*box[:2]), osmium.osm.Location(*box[2:])))
    writer = osmium.SimpleWriter(str(path), header=header, overwrite=True)
    made = osmium.osm.mutable
    for key, place in nodes.items():
        writer.add_node(made.Node(id=key, location=place, version=version))
    for key, (refs, tags) in (ways or {}).items():
        writer.add_way(made.Way(id=key, nodes=refs, tags=dict(tags), version=version))
    for key, (members, tags) in (relations or {}).items():
        writer.add_relation(made.Relation(id=key, members=members, tags=dict(tags), version=version))
    writer.close()
    return path


def read(path: Path, **other: Any) -> Ground:
    return read_ground(path, crs=UTM, **other)


def back(geometry: Any) -> Any:
    return gpd.GeoSeries([geometry], crs=UTM).to_crs(4326).iloc[0]


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("natural", "wood", "forest"),
        ("landuse", "forest", "forest"),
        ("landcover", "trees", "forest"),
        ("natural", "scrub", "scrub"),
        ("natural", "heath", "scrub"),
        ("natural", "grassland", "grass"),
        ("landuse", "meadow", "grass"),
        ("landuse", "grass", "grass"),
    ],
)
def test_vegetation_by_kind(tmp_path: Path, key: str, value: str, kind: str) -> None:
    got = read(write(tmp_path / "a.osm.pbf", ways={11: (SQUARE, {key: value})})).vegetation
    assert got["kind"].to_dict() == {"w11": kind}
    # 0.01° of latitude is 1,112 m there, of longitude 760 m.
    assert got.area.iloc[0] == pytest.approx(1_112 * 760, rel=0.005)
    assert got.crs == UTM


@pytest.mark.parametrize("tags", [{"natural": "water"}, {"landuse": "residential"}, {"building": "no"}, {}])
def test_what_is_neither_vegetation_nor_a_building_is_left_out(tmp_path: Path, tags: Tags) -> None:
    ground = read(write(tmp_path / "a.osm.pbf", ways={11: (SQUARE, tags)}))
    assert ground.vegetation.empty
    assert ground.buildings.empty


def test_a_multipolygon_keeps_its_hole_and_a_building_inside_is_another(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.osm.pbf",
        ways={11: (SQUARE, {}), 12: ([7, 8, 9, 7], {"building": "yes"})},
        relations={
            21: ([("w", 11, "outer"), ("w", 12, "inner")], {"type": "multipolygon", "natural": "wood"})
        },
    )
    ground = read(path)
    assert ground.vegetation.index.tolist() == ["r21"]
    assert ground.buildings.index.tolist() == ["w12"]
    wood, house = ground.vegetation.geometry.iloc[0], ground.buildings.geometry.iloc[0]
    assert shapely.intersection(wood, house).area == pytest.approx(0.0, abs=1e-6)
    assert shapely.union(wood, house).area == pytest.approx(wood.area + house.area)


def test_cliffs_and_coast_keep_the_direction_in_which_they_are_drawn(tmp_path: Path) -> None:
    ways = {
        11: ([6, 5], {"natural": "cliff", "height": "12.5 m"}),
        12: ([5, 6], {"natural": "cliff", "height": "40'"}),
        13: ([6, 5], {"natural": "coastline"}),
    }
    ground = read(write(tmp_path / "a.osm.pbf", ways=ways))
    assert ground.cliffs["height_m"].tolist()[0] == 12.5
    assert np.isnan(ground.cliffs["height_m"].tolist()[1]), "feet are not guessed"
    starts = [back(line).coords[0][0] for line in [*ground.cliffs.geometry, *ground.coast.geometry]]
    assert np.round(starts, 6).tolist() == [9.02, 8.99, 9.02]


def test_streams_in_the_open_only(tmp_path: Path) -> None:
    tags: list[dict[str, str]] = [
        {"waterway": "stream", "width": "3"},
        {"waterway": "river", "tunnel": "no"},
        {"waterway": "canal"},
        {"waterway": "stream", "tunnel": "culvert"},
        {"waterway": "stream", "tunnel": "yes"},
        {"waterway": "stream", "covered": "yes"},
        {"waterway": "drain", "location": "underground"},
        {"waterway": "drain", "bridge": "aqueduct"},
        {"waterway": "dam"},
    ]
    ways = {number: ([5, 6], one) for number, one in enumerate(tags, 11)}
    got = read(write(tmp_path / "a.osm.pbf", ways=ways)).streams
    assert got["kind"].to_dict() == {"w11": "stream", "w12": "river", "w13": "canal"}
    assert got["width_m"].fillna(-1).tolist() == [3.0, -1.0, -1.0]


def test_an_extract_without_anything_gives_empty_frames_and_says_so(tmp_path: Path) -> None:
    ground = read(write(tmp_path / "bare.osm.pbf"))
    for name in ("vegetation", "buildings", "cliffs", "streams", "coast"):
        frame = getattr(ground, name)
        assert frame.empty
        assert frame.crs == UTM
        assert f"no {name} in bare.osm.pbf" in ground.notes
    assert set(ground.streams.columns) == {"kind", "width_m", "geometry"}
    assert ground.date == "2024-05-31"
    assert "OpenStreetMap contributors" in ground.source
    assert "bare.osm.pbf" in ground.source
    assert str(tmp_path) not in ground.source


def test_the_extent_is_that_of_the_header_or_of_the_nodes(tmp_path: Path) -> None:
    stated = back(read(write(tmp_path / "a.osm.pbf")).extent).bounds
    assert stated == pytest.approx(BOX, abs=1e-4)
    found = read(write(tmp_path / "b.osm.pbf", box=None, date=""))
    assert back(found.extent).bounds == pytest.approx((8.99, 47.0, 9.02, 47.01), abs=1e-4)
    assert found.date == ""


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "EPSG:999999", "nonsense"])
def test_a_crs_not_in_metres_is_refused(tmp_path: Path, crs: str) -> None:
    with pytest.raises(HazardError, match="a projected CRS in metres"):
        read_ground(write(tmp_path / "a.osm.pbf"), crs=crs)


def test_every_bad_file_is_named(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.osm.pbf", ways={11: (SQUARE, {"natural": "wood"})})
    torn = tmp_path / "torn.osm.pbf"
    torn.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(OsmError) as error:
        read_ground([whole, torn, tmp_path / "absent.osm.pbf"], crs=UTM)
    assert [defect.file for defect in error.value.defects] == ["torn.osm.pbf", "absent.osm.pbf"]
    with pytest.raises(OsmError, match="at least one extract"):
        read_ground([], crs=UTM)


def test_of_two_versions_the_newer_counts_once(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old.osm.pbf", ways={11: (SQUARE, {"natural": "wood"})}, date="2023-01-01T00:00:00Z"
    )
    new = write(tmp_path / "new.osm.pbf", ways={11: (SQUARE, {"natural": "scrub"})}, version=2)
    for files in ([old, new], [new, old]):
        ground = read_ground(files, crs=UTM)
        assert ground.vegetation["kind"].to_dict() == {"w11": "scrub"}
        assert ground.date == "2023-01-01", "the oldest"


def test_only_what_comes_near_is_kept_and_stays_whole(tmp_path: Path) -> None:
    nodes = NODES | {31: (9.04, 47.04), 32: (9.041, 47.04), 33: (9.041, 47.041)}
    ways = {11: ([5, 6], {"natural": "cliff"}), 12: ([31, 32, 33], {"natural": "cliff"})}
    path = write(tmp_path / "a.osm.pbf", nodes=nodes, ways=ways)
    near = gpd.GeoDataFrame(geometry=[shapely.box(9.0, 47.0, 9.001, 47.001)], crs=4326)
    assert read(path).cliffs.index.tolist() == ["w11", "w12"]
    got = read(path, within=near, margin_m=1_000)
    assert got.cliffs.index.tolist() == ["w11"]
    assert got.cliffs.length.iloc[0] == pytest.approx(read(path).cliffs.length.iloc[0])
    assert read(path, within=near, margin_m=10_000).cliffs.index.tolist() == ["w11", "w12"]
    assert got.extent.area < read(path).extent.area
    with pytest.raises(HazardError, match="within: expected a CRS"):
        read(path, within=gpd.GeoDataFrame(geometry=near.geometry.to_numpy()))


def cut(tmp_path: Path, box: tuple[float, float, float, float], **other: Any) -> Ground:
    # The wood lies south of the line 1-4-3-2; its southern side 2-1 is missing.
    return read(
        write(tmp_path / "a.osm.pbf", ways={11: ([1, 4, 3, 2], {"natural": "wood"})}, box=box, **other)
    )


def test_a_wood_that_the_edge_of_the_extract_cuts_is_closed_along_it(tmp_path: Path) -> None:
    got = cut(tmp_path, (8.95, 46.999, 9.05, 47.05))
    outline = back(got.vegetation.geometry.loc["w11"])
    assert outline.bounds == pytest.approx((9.0, 46.999, 9.01, 47.01), abs=1e-5)
    assert any("cut by the extract were closed" in note for note in got.notes)


def test_an_open_way_inside_the_extract_is_no_surface(tmp_path: Path) -> None:
    assert cut(tmp_path, BOX).vegetation.empty


def test_a_cut_way_that_is_part_of_a_multipolygon_is_no_surface_of_its_own(tmp_path: Path) -> None:
    relations = {21: ([("w", 11, "outer"), ("w", 99, "outer")], {"type": "multipolygon"})}
    assert cut(tmp_path, (8.95, 46.999, 9.05, 47.05), relations=relations).vegetation.empty


def test_a_ring_that_crosses_itself_is_repaired_and_a_torn_one_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.osm.pbf",
        ways={11: ([1, 3, 2, 4, 1], {"natural": "wood"}), 12: ([1, 2], {})},
        relations={
            21: ([("w", 12, "outer"), ("w", 99, "outer")], {"type": "multipolygon", "natural": "scrub"})
        },
    )
    got = read(path)
    assert got.vegetation.is_valid.all()
    assert got.vegetation.area.to_dict() == {"w11": pytest.approx(1_112 * 760 / 2, rel=0.005)}
    assert "a.osm.pbf: 1 surfaces without a whole outline were left out: r21" in got.notes


def test_a_line_with_a_node_outside_the_extract_is_two(tmp_path: Path) -> None:
    path = write(tmp_path / "a.osm.pbf", ways={11: ([1, 2, 404, 3, 4], {"natural": "cliff"})})
    line = read(path).cliffs.geometry.loc["w11"]
    assert line.geom_type == "MultiLineString"
    assert [len(part.coords) for part in shapely.get_parts(line)] == [2, 2]


def test_a_ground_has_one_crs(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.osm.pbf"))
    frames = {name: getattr(found, name) for name in ("vegetation", "buildings", "streams", "coast")}
    with pytest.raises(
        HazardError, match="cliffs: expected the CRS of the ground, EPSG:32632; got EPSG:4326"
    ):
        Ground(**frames, cliffs=found.cliffs.to_crs(4326), crs=found.crs, extent=found.extent)
    bare = gpd.GeoDataFrame(geometry=found.cliffs.geometry.to_numpy())
    with pytest.raises(HazardError, match="got none"):
        Ground(**frames, cliffs=bare, crs=found.crs, extent=found.extent)


def test_monaco(shared_data: Path) -> None:
    ground = read(shared_data / "monaco" / "monaco.osm.pbf")
    assert ground.date == "2016-03-05"
    assert len(ground.cliffs) == 28
    assert len(ground.coast) == 28
    assert len(ground.buildings) == 23_329
    assert ground.cliffs.length.sum() == pytest.approx(7_624, abs=1)
    assert ground.streams["kind"].value_counts().to_dict() == {"stream": 10, "river": 2}
    assert ground.vegetation.area.groupby(ground.vegetation["kind"]).sum()["forest"] > 5e6
    for name in ("vegetation", "buildings"):
        assert getattr(ground, name).is_valid.all()
        assert getattr(ground, name).index.is_unique
