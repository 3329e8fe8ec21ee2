"""Who leaves: zones by name, by file, drawn, and by severity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Region, demo_path, read_region
from mutualaid.errors import EvacuationError
from mutualaid.evacuation import evacuation_zones, zone_members
from mutualaid.network import Network

AlongRoad = Callable[..., tuple[Region, Network]]
STEP_M = 65_000 / 15


@pytest.fixture
def row(along_road: AlongRoad) -> Analysis:
    """Places 0 and 1 in A, 2 and 3 in B: with 1, 2, 4 and 8 people."""
    region, network = along_road("AABB", {"sa": 0, "sb": 3})
    return analyse(region, network=network)


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


def drawn(analysis: Analysis, first: float, last: float, key: str = "z", **columns: str) -> gpd.GeoDataFrame:
    """A polygon over the places from first to last."""
    shape = shapely.box((first - 0.1) * STEP_M, -400, (last + 0.1) * STEP_M, 400)
    return gpd.GeoDataFrame(columns, geometry=[shape], index=[key], crs=analysis.region.crs)


def test_a_jurisdiction_is_a_zone(row: Analysis) -> None:
    zones = evacuation_zones(row, ["B"])
    assert zones.index.tolist() == ["B"]
    assert list(zones.loc["B", ["name", "jurisdiction", "partner", "people"]]) == ["B", "B", "B", 12]
    assert zone_members(row, ["B"]).tolist() == ["", "", "B", "B"]


def test_a_drawn_zone_is_cut_at_the_border(row: Analysis) -> None:
    polygon = drawn(row, 1, 2, name="Quay")
    zones = evacuation_zones(row, polygon)
    assert zones.index.tolist() == ["z.A", "z.B"]
    assert zones["people"].tolist() == [2, 4]
    assert zones["name"].tolist() == ["Quay, A", "Quay, B"]
    assert zone_members(row, polygon).tolist() == ["", "z.A", "z.B", ""]
    area = zones.geometry.area.sum()
    assert area == pytest.approx(polygon.geometry.area.sum())
    assert not zones.geometry.iloc[0].overlaps(zones.geometry.iloc[1])


def test_a_drawn_zone_in_one_jurisdiction_keeps_its_id(row: Analysis) -> None:
    zones = evacuation_zones(row, drawn(row, 0, 1))
    assert zones.index.tolist() == ["z"]
    assert zones["people"].tolist() == [3]
    assert zones["name"].tolist() == ["z"]


def test_zones_that_were_found_are_found_again_and_some_of_them(row: Analysis) -> None:
    polygon = drawn(row, 1, 2)
    zones = evacuation_zones(row, polygon)
    assert zone_members(row, zones).tolist() == zone_members(row, polygon).tolist()
    some = evacuation_zones(row, zones.loc[["z.B"]])
    assert some.index.tolist() == ["z.B"]
    assert zone_members(row, zones.loc[["z.B"]]).tolist() == ["", "", "z.B", ""]


def test_who_is_in_two_zones_belongs_to_the_first(row: Analysis) -> None:
    both = pd.concat([drawn(row, 2, 2, "west"), drawn(row, 2, 3, "east")])
    zones = evacuation_zones(row, gpd.GeoDataFrame(both, crs=row.region.crs))
    assert zones["people"].to_dict() == {"west": 4, "east": 8}


def test_a_file_of_polygons(row: Analysis) -> None:
    (row.region.folder / "zones").mkdir()
    polygon = drawn(row, 3, 3, "harbour", name="Harbour").rename_axis("id").reset_index()
    polygon.to_crs(4326).to_file(row.region.folder / "zones" / "z.geojson", driver="GeoJSON")
    zones = evacuation_zones(row, ["zones/z.geojson", "A"])
    assert zones["people"].to_dict() == {"harbour": 8, "A": 3}
    assert zones["name"].tolist() == ["Harbour", "A"]
    assert zones["given"].tolist() == ["zones/z.geojson", "A"]


def test_zones_of_one_id_are_told_apart(row: Analysis) -> None:
    for name, place in (("one", 2), ("two", 3)):
        polygon = drawn(row, place, place, "A").rename_axis("id").reset_index()
        polygon.to_crs(4326).to_file(row.region.folder / f"{name}.geojson", driver="GeoJSON")
    zones = evacuation_zones(row, ["A", "one.geojson", "two.geojson"])
    assert zones["people"].to_dict() == {"A": 3, "A (2)": 4, "A (3)": 8}
    assert zones["name"].is_unique


def test_everything_that_is_wrong_is_said_at_once(row: Analysis) -> None:
    wrong = ["Atlantis", "zones/none.geojson", "../outside.geojson", "severity:flood>=3", "severity:flood"]
    with pytest.raises(EvacuationError) as error:
        evacuation_zones(row, [*wrong, "A"])
    assert len(error.value.defects) == len(wrong)
    assert "Atlantis" in str(error.value)


@pytest.mark.parametrize("names", [[], ["empty"]])
def test_zones_without_anybody_are_refused(row: Analysis, names: list[str]) -> None:
    zones = drawn(row, 0.4, 0.6) if names else names
    with pytest.raises(EvacuationError, match="zones"):
        evacuation_zones(row, zones)


def test_a_zone_without_people_beside_others_is_kept(row: Analysis) -> None:
    both = gpd.GeoDataFrame(
        pd.concat([drawn(row, 0.4, 0.6, "field"), drawn(row, 3, 3, "town")]), crs=row.region.crs
    )
    zones = evacuation_zones(row, both)
    assert zones["people"].to_dict() == {"field": 0, "town": 8}
    assert zones.loc["field", "jurisdiction"] == "A"


def test_polygons_without_crs_or_shape_are_refused(row: Analysis) -> None:
    plain = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], index=["z"])
    with pytest.raises(EvacuationError, match="CRS"):
        evacuation_zones(row, plain)
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    drawn_ones = np.array([bow, shapely.Point(0, 0), None], dtype=object)
    shapes = gpd.GeoDataFrame(geometry=drawn_ones, index=["bow", "dot", "none"], crs=row.region.crs)
    with pytest.raises(EvacuationError) as error:
        evacuation_zones(row, shapes)
    assert [one.where for one in error.value.defects] == ["zone bow", "zone dot", "zone none"]


def test_everybody_from_a_severity_on_by_jurisdiction(demo: Analysis) -> None:
    text = "severity:wildfire-fr>=3"
    zones = evacuation_zones(demo, [text])
    member = zone_members(demo, [text])
    wildfire = next(one for one in demo.scenarios if one.scenario.id == "wildfire")
    severity = wildfire.coverage["severity"].reindex(demo.demand.index)
    inside = (severity >= 3).fillna(False)
    assert (member != "").equals(inside.astype(bool).rename("zone"))
    assert zones["people"].sum() == pytest.approx(demo.demand["population"][inside].sum())
    assert zones["jurisdiction"].is_unique
    by_zone = demo.demand["population"].groupby(member).sum()
    assert by_zone.drop("").reindex(zones.index).to_numpy() == pytest.approx(zones["people"].to_numpy())
    unknown = demo.demand["population"][severity.isna()].groupby(demo.demand["jurisdiction"]).sum()
    mine = zones.set_index("jurisdiction")["unknown_people"]
    assert mine.to_numpy() == pytest.approx(unknown.reindex(mine.index).to_numpy())
    # Each zone lies in its jurisdiction, and holds the cells of its people.
    for key, zone in zip(zones.index.astype(str), zones.to_dict("records"), strict=True):
        land = demo.region.jurisdictions.geometry[zone["jurisdiction"]]
        assert land.buffer(1e-6).contains(zone["geometry"])
        homes = demo.demand.geometry[member == key]
        assert homes.distance(zone["geometry"]).max() < 1e-6


def test_a_higher_severity_is_a_smaller_zone(demo: Analysis) -> None:
    people = [evacuation_zones(demo, [f"severity:wildfire-fr>={k}"])["people"].sum() for k in (1, 2, 3)]
    assert people == sorted(people, reverse=True)


def test_the_scenario_of_a_name_counts_where_no_layer_has_it(demo: Analysis) -> None:
    zones = evacuation_zones(demo, ["severity:coast_100>=1"])
    assert zones["people"].gt(0).all()
    assert "MC" in set(zones["jurisdiction"])


def test_nothing_given_is_changed(row: Analysis) -> None:
    polygon = drawn(row, 1, 2)
    before = polygon.copy()
    evacuation_zones(row, polygon)
    pd.testing.assert_frame_equal(pd.DataFrame(polygon), pd.DataFrame(before))


def test_zones_of_equal_names_are_told_apart(demo: Analysis) -> None:
    zones = evacuation_zones(demo, ["severity:wildfire-fr>=3", "severity:coast_100>=1"])
    assert zones["name"].is_unique
    renamed = replace(demo.region, name="elsewhere")
    assert np.array_equal(
        evacuation_zones(replace(demo, region=renamed), ["MC"])["people"],
        evacuation_zones(demo, ["MC"])["people"],
    )
