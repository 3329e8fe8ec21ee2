"""Several hazards of several providers along roads: every length and factor worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from mutualaid.data import HazardScenario
from mutualaid.errors import HazardError
from mutualaid.hazards import (
    HazardLayer,
    RoadHazard,
    default_rule,
    lay_on_roads,
    overlay_roads,
    read_hazard,
    scenario_roads,
    shares_along,
)

UTM = "EPSG:32632"
WEST, NORTH = 500_000.0, 5_300_000.0
SCHEME = "inasafe-flood-depth"
NAN = math.nan


def line(*points: tuple[float, float]) -> shapely.LineString:
    """Line through points given in metres from the upper left corner, y downwards."""
    return shapely.LineString([(WEST + x, NORTH - y) for x, y in points])


def box(west: float, north: float, east: float, south: float) -> shapely.Polygon:
    return shapely.box(WEST + west, NORTH - south, WEST + east, NORTH - north)


MakeRaster = Callable[..., HazardLayer]


@pytest.fixture
def raster(tmp_path: Path) -> MakeRaster:
    """Write a GeoTIFF of cells of 10 m, NaN for no data, whose left edge is `x` m from the corner; open it."""

    def make(
        key: str, cells: Sequence[Sequence[float]] | np.ndarray, x: float = 0, **stated: Any
    ) -> HazardLayer:
        return write(tmp_path / f"{key}.tif", key, cells, x, **stated)

    return make


def write(file: Path, key: str, cells: Any, x: float = 0, **stated: Any) -> HazardLayer:
    band = np.asarray(cells, np.float32)
    profile: dict[str, Any] = {
        "driver": "GTiff", "height": band.shape[0], "width": band.shape[1], "count": 1, "dtype": "float32",
        "crs": UTM, "nodata": NAN, "transform": Affine(10, 0, WEST + x, 0, -10, NORTH),
    }  # fmt: skip
    with rasterio.open(file, "w", **profile) as dataset:
        dataset.write(band, 1)
    usual: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "m", "scheme": SCHEME}
    if stated.get("quantity", "depth") != "depth":
        usual |= {"unit": "", "scheme": ""}
    return read_hazard(file, id=key, **(usual | stated))


def zones(
    file: Path,
    key: str,
    areas: dict[str, shapely.Polygon],
    hazard: str = "rockfall",
    **stated: Any,
) -> HazardLayer:
    """Zones of a scheme of our own: their code is their severity."""
    scheme = file.with_suffix(".toml")
    scheme.write_text(
        f'[scheme]\nid = "own"\nname = "Own"\nhazard = "{hazard}"\nquantity = "class"\nunit = ""\nsource = "here"\n'
        + "".join(f'[[class]]\ncode = "{n}"\nlabel = "{n}"\nseverity = {n}\n' for n in range(6)),
        encoding="utf-8",
    )
    frame = gpd.GeoDataFrame({"code": list(areas)}, geometry=list(areas.values()), crs=UTM)
    frame.to_file(file, driver="GeoJSON" if file.suffix == ".geojson" else "GPKG")
    west, south, east, north = frame.total_bounds
    covers = (west - 500, south - 500, east + 500, north + 500)
    return read_hazard(
        file, id=key, hazard=hazard, quantity="class", column="code", scheme=scheme, covers=covers, **stated
    )


def scenario(*layers: HazardLayer, **options: Any) -> HazardScenario:
    return HazardScenario("s", "S", tuple(layer.id for layer in layers), **options)


def left_of(
    chosen: HazardScenario, layers: Sequence[HazardLayer], lines: Sequence[Any], **options: Any
) -> RoadHazard:
    laid = [lay_on_roads(layer, list(lines), crs=UTM) for layer in layers]
    usual: dict[str, Any] = {"free_flow_kph": 50.0, "vehicle": "emergency"}
    return scenario_roads(chosen, laid, list(lines), **(usual | options))


def towns() -> pd.DataFrame:
    """A of country AA in the west, B of country BB in the east, and C, of AA and the partner P."""
    return pd.DataFrame(
        {"country": ["AA", "BB", "AA"], "partner": ["A", "B", "P"]},
        index=pd.Index(["A", "B", "C"], name="id"),
    )


def pieces_of(left: RoadHazard, road: int) -> list[tuple[float, float, float]]:
    mine = left.line == road
    return list(
        zip(left.start[mine].round(9), left.stop[mine].round(9), left.factor[mine].round(9), strict=True)
    )


# --- one layer ----------------------------------------------------------------------------------------------


def test_a_depth_closes_from_the_fording_depth_on_and_slows_nothing(raster: MakeRaster) -> None:
    # Cells of 10 m: dry, 0.5, 0.6, dry.
    layer = raster("d", [[0, 0.5, 0.6, 0]])
    left = left_of(
        scenario(layer), [layer], [line((0, 5), (40, 5)), line((0, 5), (19, 5)), line((0, 5), (9, 5))]
    )
    assert left.rules == {"d": "fording-emergency"}
    roads = left.roads
    assert roads["closed"].tolist() == [True, False, False]
    assert roads["factor"].tolist() == [0, 1, 1]
    assert roads["closed_m"].tolist() == pytest.approx([10, 0, 0])
    assert roads["affected_m"].tolist() == pytest.approx([10, 0, 0])
    assert roads["severity"].tolist() == [2, 2, 0]
    assert roads["layer"].tolist() == ["d", "", ""]
    assert roads["unknown_m"].tolist() == [0, 0, 0]
    assert roads["probability"].isna().all()
    assert [piece for piece in pieces_of(left, 0) if piece[2] == 0] == [(0.5, 0.75, 0)]


def test_a_car_is_slowed_by_pregnolato_on_its_wet_stretch_alone(raster: MakeRaster) -> None:
    # 10 m of 0.1 m: 40.6548 of 50 km/h; 30 m dry. Time 30 / 50 + 10 / 40.6548 against 40 / 50.
    layer = raster("d", [[0, 0.1, 0, 0]])
    left = left_of(scenario(layer), [layer], [line((0, 5), (40, 5))], vehicle="car")
    assert left.rules == {"d": "pregnolato-2017"}
    expected = 40 / (30 + 10 * 50 / 40.6548)
    assert left.roads["factor"].tolist() == pytest.approx([expected], rel=1e-6)
    assert left.roads["affected_m"].tolist() == pytest.approx([10])
    assert not left.roads["closed"].any()
    assert shares_along(left, [0, 0], [0.25, 0.5])[0].tolist() == pytest.approx(
        [0.25, 0.25 + 0.25 * 50 / 40.6548]
    )
    assert shares_along(left, [0], [0.0])[1].tolist() == pytest.approx([1 / expected], rel=1e-6)


def test_a_slower_road_is_not_slowed_by_what_it_drives_anyway(raster: MakeRaster) -> None:
    layer = raster("d", [[0.1, 0.1]])
    left = left_of(
        scenario(layer), [layer], [line((0, 5), (20, 5))] * 2, vehicle="car", free_flow_kph=[30.0, 81.3096]
    )
    assert left.roads["factor"].tolist() == pytest.approx([1, 0.5], rel=1e-6)
    assert left.roads["layer"].tolist() == ["", "d"]


@pytest.mark.parametrize(("unknown", "closed_m"), [("passable", 0.0), ("closed", 25.0)])
def test_unknown_is_passable_or_closed_and_is_measured(
    raster: MakeRaster, unknown: str, closed_m: float
) -> None:
    # 10 m nodata, 10 m dry, then 15 m outside of the raster.
    layer = raster("d", [[NAN, 0]])
    left = left_of(scenario(layer, unknown=unknown), [layer], [line((0, 5), (35, 5))])
    row = left.roads.iloc[0]
    assert row["unknown_m"] == pytest.approx(25)
    assert row["closed_m"] == pytest.approx(closed_m)
    assert row["closed"] == (unknown == "closed")
    assert row["layer"] == ""  # no layer says so
    assert row["severity"] == 0


def test_a_road_outside_of_all_layers_is_unknown_and_its_severity_missing(raster: MakeRaster) -> None:
    layer = raster("d", [[1.0]])
    roads = left_of(scenario(layer), [layer], [line((500, 5), (600, 5))]).roads
    assert roads["severity"].isna().all()
    assert roads["unknown_m"].tolist() == pytest.approx([100])
    assert roads[["closed", "factor"]].to_numpy().tolist() == [[False, 1]]


def test_less_than_a_centimetre_closes_nothing_and_cuts_no_road_in_two(raster: MakeRaster) -> None:
    layer = raster("d", [[0, 2]])
    left = left_of(scenario(layer), [layer], [line((0, 5), (10.009, 5)), line((0, 5), (10.011, 5))])
    assert left.roads["closed"].tolist() == [False, True]
    assert left.roads["factor"].tolist() == [1, 0]
    assert shares_along(left, [0], [1.0])[0].tolist() == [1.0]
    assert shares_along(left, [1], [1.0])[0].tolist() == [math.inf]


def test_a_road_without_length_is_open(raster: MakeRaster) -> None:
    layer = raster("d", [[2.0]])
    lines = [line((5, 5), (5, 5)), line((0, 5), (8, 5)), line((3, 3), (3, 3))]
    left = left_of(scenario(layer, unknown="closed"), [layer], lines)
    assert left.roads["closed"].tolist() == [False, True, False]
    assert left.roads["unknown_m"].tolist() == [0, 0, 0]
    assert shares_along(left, [0, 2], [0.5, 1.0])[0].tolist() == [0.5, 1.0]


def test_no_roads_at_all(raster: MakeRaster) -> None:
    layer = raster("d", [[2.0]])
    left = left_of(scenario(layer), [layer], [])
    assert len(left.roads) == 0
    assert [len(part) for part in shares_along(left, [], [])] == [0, 0]


def test_a_scenario_without_layers_leaves_all_roads() -> None:
    left = left_of(
        HazardScenario("s", "S", (), closed_ways=(1,), unknown="closed"), [], [line((0, 5), (8, 5))]
    )
    assert left.roads[["closed", "factor", "unknown_m"]].to_numpy().tolist() == [[False, 1, 0]]
    assert left.roads["severity"].isna().all()
    assert left.rules == {}


def test_polygons_are_cut_exactly(tmp_path: Path) -> None:
    layer = zones(tmp_path / "z.geojson", "z", {"4": box(10.5, 0, 20.25, 10), "3": box(20.25, 0, 40, 10)},
                  nodata_means="none")  # fmt: skip
    left = left_of(scenario(layer), [layer], [line((0, 5), (50, 5))])
    row = left.roads.iloc[0]
    assert left.rules == {"z": "severity-emergency"}
    assert (row["closed"], row["severity"], row["layer"]) == (True, 4, "z")
    assert row["closed_m"] == pytest.approx(9.75, abs=1e-5)
    assert row["unknown_m"] == pytest.approx(0)


# --- two providers on both sides of a border -------------------------------------------------------------------


@pytest.fixture
def two_sides(raster: MakeRaster) -> tuple[HazardLayer, HazardLayer]:
    """What AA and BB say about the same 40 m: AA knows the west 30, BB the east 30; they differ in the middle.

    AA: dry, deep, dry, nothing. BB: nothing, dry, deep, dry.
    """
    return (
        raster("aa", [[0, 2, 0, NAN]], jurisdiction="AA"),
        raster("bb", [[NAN, 0, 2, 0]], jurisdiction="BB"),
    )


def test_of_two_providers_the_own_goes_first_and_the_other_where_it_does_not_know(
    two_sides: tuple[HazardLayer, HazardLayer],
) -> None:
    road = [line((0, 5), (40, 5))] * 4
    found = left_of(
        scenario(*two_sides),
        two_sides,
        road,
        jurisdiction=["A", "B", None, "C"],
        jurisdictions=towns(),
    )
    # A: dry, 2, 0 by AA, then 0 by BB. B: 0 by AA, then 0, 2, 0 by BB. Nobody's: the worst of both.
    closed = [[(0.25, 0.5)], [(0.5, 0.75)], [(0.25, 0.75)], [(0.25, 0.5)]]
    for number, stretches in enumerate(closed):
        shut = [(start, stop) for start, stop, factor in pieces_of(found, number) if factor == 0]
        merged = [(shut[0][0], shut[-1][1])]
        assert merged == stretches
    assert found.roads["closed_m"].tolist() == pytest.approx([10, 10, 20, 10])
    assert found.roads["layer"].tolist() == ["aa", "bb", "aa", "aa"]
    assert found.roads["unknown_m"].tolist() == [0, 0, 0, 0]
    assert found.roads["severity"].tolist() == [4, 4, 4, 4]


def test_without_jurisdictions_the_worst_of_those_that_know_counts(
    two_sides: tuple[HazardLayer, HazardLayer],
) -> None:
    left = left_of(scenario(*two_sides), two_sides, [line((0, 5), (40, 5))])
    assert left.roads["closed_m"].tolist() == pytest.approx([20])


def test_a_partner_and_a_jurisdiction_provide_layers_too(raster: MakeRaster) -> None:
    layers = [raster("p", [[2.0]], jurisdiction="P"), raster("c", [[0.0]], jurisdiction="B")]
    left = left_of(
        scenario(*layers), layers, [line((0, 5), (8, 5))] * 3,
        jurisdiction=["C", "B", "A"], jurisdictions=towns(),
    )  # fmt: skip
    # P runs C, so the deep layer is its own; B has its own dry one; A has none, so the worst counts.
    assert left.roads["closed"].tolist() == [True, False, True]


def test_a_provider_that_nobody_knows_is_an_error(raster: MakeRaster) -> None:
    layer = raster("d", [[2.0]], jurisdiction="XX")
    with pytest.raises(HazardError, match="XX"):
        left_of(scenario(layer), [layer], [line((0, 5), (8, 5))], jurisdiction=["A"], jurisdictions=towns())


def test_unknown_counts_only_where_no_provider_knows(raster: MakeRaster) -> None:
    layers = [
        raster("aa", [[0, NAN, NAN]], jurisdiction="AA"),
        raster("bb", [[NAN, NAN, 0]], jurisdiction="BB"),
    ]
    left = left_of(
        scenario(*layers, unknown="closed"),
        layers,
        [line((0, 5), (30, 5))],
        jurisdiction=["A"],
        jurisdictions=towns(),
    )
    assert left.roads["unknown_m"].tolist() == pytest.approx([10])
    assert list(pieces_of(left, 0)[1]) == pytest.approx([1 / 3, 2 / 3, 0])


def test_a_layer_given_twice_changes_nothing(raster: MakeRaster) -> None:
    one = raster("one", [[0, 0.1, 0.2, NAN]])
    two = raster("two", [[0, 0.1, 0.2, NAN]])
    road = [line((0, 5), (45, 5))]
    once = left_of(scenario(one), [one], road, vehicle="car")
    for rule in ("multiply", "close"):
        single = left_of(scenario(one, roads=rule), [one], road, vehicle="car")
        twice = left_of(scenario(one, two, roads=rule), [one, two], road, vehicle="car")
        pd.testing.assert_frame_equal(single.roads, twice.roads)
    chances = [raster(f"p{n}", [[0.5, 0.2]], quantity="probability") for n in range(2)]
    road = [line((0, 5), (20, 5))]
    both = left_of(scenario(*chances), chances, road)
    assert both.roads["probability"].tolist() == pytest.approx([0.5])
    assert once.roads["factor"].iloc[0] < 1


def test_a_probability_of_the_own_side_does_not_silence_a_depth_of_all(raster: MakeRaster) -> None:
    """A probability of closure says nothing about how deep the water is: the shared depth still closes the road."""
    depth = raster("depth", [[2.0, 2.0]])
    chance = raster("chance", [[0.1, 0.1]], quantity="probability", jurisdiction="AA")
    left = left_of(
        scenario(depth, chance),
        [depth, chance],
        [line((0, 5), (20, 5))],
        jurisdiction=["A"],
        jurisdictions=towns(),
    )
    assert left.roads["closed"].tolist() == [True]
    assert left.roads["probability"].tolist() == pytest.approx([0.1])


def test_a_probability_does_not_make_an_unknown_depth_known(raster: MakeRaster) -> None:
    depth = raster("depth", [[NAN, 0.0]])
    chance = raster("chance", [[0.1, 0.1]], quantity="probability")
    road = [line((0, 5), (20, 5))]
    left = left_of(scenario(depth, chance, unknown="closed"), [depth, chance], road)
    assert left.roads["unknown_m"].tolist() == pytest.approx([10])
    assert left.roads["closed"].tolist() == [True]


# --- several hazards ------------------------------------------------------------------------------------------


RULE = """\
[half]
name = "Half the speed"
hazards = ["flood", "flash_flood", "tsunami", "wildfire"]
quantity = "depth"
unit = "m"
vehicle = "any"
rule = "points"
points = [[0, 1], [0.1, 0.5]]
source = "here"
"""


@pytest.fixture
def half(tmp_path: Path) -> Path:
    file = tmp_path / "half.toml"
    file.write_text(RULE, encoding="utf-8")
    return file


def test_several_hazards_multiply_or_close(raster: MakeRaster, half: Path) -> None:
    # Flood on the first 20 m, flash flood on the middle 20 of 40 m; each leaves half the speed.
    flood = raster("f", [[0.5, 0.5, 0, 0]])
    flash = raster("g", [[0, 0.5, 0.5, 0]], hazard="flash_flood")
    rules = {"flood": half, "flash_flood": half}
    road = [line((0, 5), (40, 5))]
    many = left_of(scenario(flood, flash, rules=rules), [flood, flash], road)
    assert [factor for _, _, factor in pieces_of(many, 0)] == [0.5, 0.25, 0.5, 1]
    assert many.roads["factor"].tolist() == pytest.approx([40 / (20 + 40 + 20 + 10)])
    assert many.rules == {"f": "half", "g": "half"}
    shut = left_of(scenario(flood, flash, rules=rules, roads="close"), [flood, flash], road)
    assert [factor for _, _, factor in pieces_of(shut, 0)] == [0, 0, 0, 1]
    assert shut.roads["closed_m"].tolist() == pytest.approx([30])


def test_one_hazard_that_is_unknown_leaves_the_other(raster: MakeRaster, half: Path) -> None:
    flood, flash = raster("f", [[0.5, 0.5]]), raster("g", [[NAN, 0]], hazard="flash_flood")
    chosen = scenario(flood, flash, rules={"flood": half, "flash_flood": half})
    left = left_of(chosen, [flood, flash], [line((0, 5), (20, 5))])
    assert left.roads["factor"].tolist() == pytest.approx([0.5])
    assert left.roads["unknown_m"].tolist() == pytest.approx([10])


@pytest.mark.parametrize(
    ("hazard", "tags", "closed"),
    [
        ("flood", {}, True),
        ("flood", {"bridge": True}, False),
        ("flood", {"tunnel": True}, True),
        ("flood", {"bridge": True, "tunnel": True}, True),
        ("flood", {"covered": True}, True),
        ("tsunami", {"bridge": True}, False),
    ],
)
def test_water_passes_under_bridges_and_runs_into_tunnels(
    raster: MakeRaster, hazard: str, tags: dict[str, bool], closed: bool
) -> None:
    layer = raster("d", [[3.0]], hazard=hazard)
    left = left_of(scenario(layer), [layer], [line((0, 5), (9, 5))], **tags)
    assert left.roads["closed"].tolist() == [closed]
    # What is spared is not severe either, and nothing slows it.
    assert left.roads["severity"].tolist() == [4 if closed else 0]
    assert left.roads["layer"].tolist() == ["d" if closed else ""]


def test_a_bridge_where_the_flood_is_unknown_is_not_unknown(raster: MakeRaster) -> None:
    layer = raster("d", [[NAN, 0]])
    left = left_of(
        scenario(layer, unknown="closed"), [layer], [line((0, 5), (9, 5))] * 2, bridge=[True, False]
    )
    assert left.roads["unknown_m"].tolist() == pytest.approx([0, 9])
    assert left.roads["closed"].tolist() == [False, True]


def test_galleries_and_tunnels_are_exempt_from_rockfall_and_bridges_are_not(tmp_path: Path) -> None:
    layer = zones(tmp_path / "r.gpkg", "r", {"5": box(0, 0, 10, 10)})
    left = left_of(
        scenario(layer), [layer], [line((1, 5), (9, 5))] * 4,
        covered=[True, False, False, False], tunnel=[False, True, False, False], bridge=[False, False, True, False],
    )  # fmt: skip
    assert left.roads["closed"].tolist() == [False, False, True, True]


def test_one_hazard_is_spared_and_the_other_is_not(raster: MakeRaster, tmp_path: Path) -> None:
    water = raster("w", [[3.0]])
    rocks = zones(tmp_path / "r.gpkg", "r", {"5": box(0, 0, 10, 10)})
    left = left_of(scenario(water, rocks), [water, rocks], [line((1, 5), (9, 5))], bridge=True)
    assert left.roads[["closed", "layer"]].to_numpy().tolist() == [[True, "r"]]


# --- rules ----------------------------------------------------------------------------------------------------


def test_rules_by_layer_go_before_rules_by_hazard(raster: MakeRaster) -> None:
    layers = [raster("a", [[0.4]]), raster("b", [[0.4]])]
    road = [line((0, 5), (9, 5))]
    by_hazard = left_of(scenario(*layers, rules={"flood": "fording-car"}), layers, road)
    assert by_hazard.rules == {"a": "fording-car", "b": "fording-car"}
    assert by_hazard.roads["closed"].tolist() == [True]
    both = scenario(*layers, rules={"flood": "fording-car", "a": "fording-open-gira"})
    by_layer = left_of(both, layers, road)
    assert by_layer.rules == {"a": "fording-open-gira", "b": "fording-car"}
    assert by_layer.roads["layer"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("closure-probability", "probability"),
        ("aidr-any-vehicle", "aidr-h1-h6"),
        ("fording-emergancy", "did you mean fording-emergency"),
        ("nowhere.toml", "nowhere.toml"),
    ],
)
def test_a_rule_that_does_not_fit_or_is_not_there_is_an_error(
    raster: MakeRaster, rule: str, words: str
) -> None:
    layers = [raster("a", [[0.4]]), raster("b", [[0.4]])]
    with pytest.raises(HazardError, match=words) as caught:
        left_of(scenario(*layers, rules={"a": rule}), layers, [line((0, 5), (9, 5))])
    assert len(caught.value.defects) == 1


def test_all_rules_that_do_not_fit_are_named_at_once(raster: MakeRaster) -> None:
    layers = [raster("a", [[0.4]]), raster("b", [[0.4]])]
    wrong = {"a": "closure-probability", "b": "aidr-any-vehicle"}
    with pytest.raises(HazardError) as caught:
        left_of(scenario(*layers, rules=wrong), layers, [line((0, 5), (9, 5))])
    assert [defect.where for defect in caught.value.defects] == [
        "scenario s, layer a, quantity",
        "scenario s, layer b, scheme",
    ]


def test_a_rule_of_the_hazard_beside_a_layer_of_probabilities(raster: MakeRaster) -> None:
    """What is named for the floods of a scenario is for their depths; a probability of closure keeps its own rule."""
    depth, chance = raster("d", [[0.4]]), raster("c", [[0.1]], quantity="probability")
    layers = [depth, chance]
    chosen = scenario(*layers, rules={"flood": "fording-car"})
    left = left_of(chosen, layers, [line((0, 5), (9, 5))])
    assert left.rules == {"d": "fording-car", "c": "closure-probability"}


def test_layers_that_are_missing_are_named(raster: MakeRaster) -> None:
    layer = raster("a", [[0.4]])
    chosen = HazardScenario("s", "S", ("a", "b", "c"))
    with pytest.raises(HazardError) as caught:
        left_of(chosen, [layer], [line((0, 5), (9, 5))])
    assert [defect.got for defect in caught.value.defects] == ["'b'", "'c'"]


@pytest.mark.parametrize("free", [0.0, -5.0, NAN, [50.0, 0.0]])
def test_a_free_flow_that_is_no_speed_is_an_error(raster: MakeRaster, free: Any) -> None:
    """As in `closures`: a speed of 0 must not turn the flood on that road into an unknown one."""
    layer = raster("a", [[0.1]])
    with pytest.raises(HazardError, match="free_flow_kph"):
        left_of(scenario(layer), [layer], [line((0, 5), (9, 5))] * 2, vehicle="car", free_flow_kph=free)


def test_default_rules_by_quantity_and_vehicle(raster: MakeRaster) -> None:
    depth = raster("d", [[0.4]])
    tsunami = raster("t", [[0.4]], hazard="tsunami")
    chance = raster("c", [[0.4]], quantity="probability", hazard="landslide")
    rules = {(layer.id, vehicle): default_rule(layer, vehicle).id for layer in (depth, tsunami, chance)
             for vehicle in ("car", "emergency")}  # fmt: skip
    assert rules == {
        ("d", "car"): "pregnolato-2017", ("d", "emergency"): "fording-emergency",
        ("t", "car"): "fording-car", ("t", "emergency"): "fording-emergency",
        ("c", "car"): "closure-probability", ("c", "emergency"): "closure-probability",
    }  # fmt: skip


# --- probabilities ------------------------------------------------------------------------------------------------


def test_the_worst_probability_along_a_road_counts_and_hazards_are_independent(raster: MakeRaster) -> None:
    slide = raster("s", [[0.1, 0.5, NAN]], quantity="probability", hazard="landslide")
    quake = raster("q", [[0.2, 0.0, NAN]], quantity="probability", hazard="earthquake")
    lines = [line((0, 5), (20, 5)), line((0, 5), (9, 5)), line((21, 5), (29, 5)), line((12, 5), (28, 5))]
    left = left_of(scenario(slide, quake), [slide, quake], lines)
    chance = left.roads["probability"]
    # 1 - (1 - 0.5) (1 - 0.2); 1 - 0.9 × 0.8; nobody knows; half unknown: what is known counts.
    assert chance.tolist() == pytest.approx([0.6, 0.28, NAN, 0.5], nan_ok=True)
    assert not left.roads["closed"].any()
    assert left.roads["factor"].tolist() == [1, 1, 1, 1]
    assert left.roads["unknown_m"].tolist() == pytest.approx([0, 0, 8, 8])
    assert left.roads["severity"].isna().all()


def test_roads_that_a_hazard_cannot_reach_have_probability_0(raster: MakeRaster) -> None:
    layer = raster("r", [[0.7, NAN]], quantity="probability", hazard="rockfall")
    lines = [line((0, 5), (9, 5)), line((0, 5), (9, 5)), line((11, 5), (19, 5))]
    left = left_of(scenario(layer), [layer], lines, tunnel=[True, False, True])
    assert left.roads["probability"].tolist() == pytest.approx([0, 0.7, 0])
    assert left.roads["unknown_m"].tolist() == [0, 0, 0]


def test_of_two_providers_of_probabilities_the_own_goes_first(raster: MakeRaster) -> None:
    layers = [
        raster("aa", [[0.1]], quantity="probability", jurisdiction="AA"),
        raster("bb", [[0.9]], quantity="probability", jurisdiction="BB"),
    ]
    left = left_of(
        scenario(*layers),
        layers,
        [line((0, 5), (9, 5))] * 3,
        jurisdiction=["A", "B", None],
        jurisdictions=towns(),
    )
    assert left.roads["probability"].tolist() == pytest.approx([0.1, 0.9, 0.9])


@pytest.mark.parametrize("value", [-0.1, 5.0])
def test_a_probability_beyond_1_is_an_error(raster: MakeRaster, value: float) -> None:
    layer = raster("p", [[0.5, value]], quantity="probability")
    with pytest.raises(HazardError, match="0…1"):
        left_of(scenario(layer), [layer], [line((0, 5), (20, 5))])


def test_percents_are_probabilities(raster: MakeRaster) -> None:
    layer = raster("p", [[5.0]], quantity="probability", unit="%")
    left = left_of(scenario(layer), [layer], [line((0, 5), (9, 5))])
    assert left.roads["probability"].tolist() == pytest.approx([0.05])


# --- depth and velocity -----------------------------------------------------------------------------------------


def test_aidr_takes_depth_and_velocity_together(raster: MakeRaster) -> None:
    # Depth 0.4 m. Velocity 0, 1, 1.6, unknown: H2; 0.4 m²/s: H2; 0.64: H4; unknown.
    depth = raster("d", [[0.4, 0.4, 0.4, 0.4]], scheme="aidr-h1-h6", event="e")
    speed = raster("v", [[0.0, 1.0, 1.6, NAN]], quantity="velocity", unit="m/s", event="e")
    lines = [line((10 * n + 1, 5), (10 * n + 9, 5)) for n in range(4)]
    for named in ([depth], [depth, speed]):
        for vehicle, closed in (
            ("emergency", [False, False, True, False]),
            ("car", [True, True, True, False]),
        ):
            left = left_of(scenario(*named), [depth, speed], lines, vehicle=vehicle)
            assert left.roads["severity"].fillna(-1).tolist() == [2, 2, 4, -1]
            assert left.roads["closed"].tolist() == closed
            assert left.roads["unknown_m"].tolist() == pytest.approx([0, 0, 0, 8])
            assert list(left.rules) == ["d"]


def test_velocity_of_other_cells_cuts_the_road_too(raster: MakeRaster) -> None:
    # The velocity's cells are moved by 5 m: slow until x = 15, then fast.
    depth = raster("d", [[0.4, 0.4, 0.4]], scheme="aidr-h1-h6", event="e")
    speed = raster("v", [[0.0, 1.6, 1.6]], x=5, quantity="velocity", unit="m/s", event="e")
    left = left_of(scenario(depth), [depth, speed], [line((5, 5), (30, 5))])
    # From 15 on, on a road that begins at 5 and is 25 m long.
    assert pieces_of(left, 0) == [(0, 0.4, 1), (0.4, 1, 0)]


def test_a_depth_that_needs_a_velocity_without_one_is_an_error(raster: MakeRaster) -> None:
    depth = raster("d", [[0.4]], scheme="aidr-h1-h6", event="e")
    with pytest.raises(HazardError, match="velocity"):
        left_of(scenario(depth), [depth], [line((0, 5), (9, 5))])


# --- geometry -----------------------------------------------------------------------------------------------------


def test_pieces_are_contiguous_and_sum_to_the_line(raster: MakeRaster) -> None:
    random = np.random.default_rng(7)
    layers = [
        raster("a", random.choice([0, 0.1, 0.2, 0.7, NAN], (12, 12))),
        raster("b", random.choice([0, 0.1, 0.2, NAN], (12, 12)), x=3.3, hazard="flash_flood"),
    ]
    lines = [line(*random.uniform(-20, 150, (5, 2)).tolist()) for _ in range(40)]
    lines += [line((0, 0), (120, 120)), line((10, 0), (10, 120)), line((120, 0), (0, 120), (60, 60))]
    left = left_of(scenario(*layers), layers, lines, vehicle="car")
    length_m = shapely.length(lines)
    assert (np.diff(left.line) >= 0).all()
    for road in np.unique(left.line):
        mine = left.line == road
        start, stop = left.start[mine], left.stop[mine]
        assert (start[0], stop[-1]) == (0, 1)
        assert (start[1:] == stop[:-1]).all()
        assert (stop > start).all()
        slow = left.factor[mine] < 1
        got = (stop - start)[slow].sum() * length_m[road]
        assert got == pytest.approx(left.roads["affected_m"].iloc[road], abs=1e-6)
    assert set(np.unique(left.line)) == set(np.flatnonzero(left.roads["factor"] < 1))
    assert (left.roads["unknown_m"] <= length_m + 1e-6).all()


def test_layers_of_different_crs_meet_on_the_roads(raster: MakeRaster, tmp_path: Path) -> None:
    # The east half of a road is in a polygon in degrees, the west half wet in a raster in metres.
    depth = raster("d", [[2, 2, 0, 0]])
    shape = gpd.GeoSeries([box(20, -50, 80, 50)], crs=UTM).to_crs("EPSG:4326")
    degrees = zones(
        tmp_path / "z.gpkg", "z", {"5": box(20, -50, 80, 50)}, hazard="landslide", nodata_means="none"
    )
    file = tmp_path / "deg.gpkg"
    gpd.GeoDataFrame({"code": ["5"]}, geometry=shape).to_file(file, driver="GPKG")
    west, south, east, north = map(float, shape.total_bounds)
    bounds = (west - 0.01, south - 0.01, east + 0.01, north + 0.01)
    moved = read_hazard(
        file, id="z", hazard="landslide", quantity="class", column="code", scheme=degrees.scheme, covers=bounds,
        nodata_means="none",
    )  # fmt: skip
    left = left_of(scenario(depth, moved), [depth, moved], [line((0, 5), (40, 5))])
    assert left.roads["closed_m"].tolist() == pytest.approx([40], abs=1e-3)
    assert left.roads["unknown_m"].tolist() == pytest.approx([0], abs=1e-3)
    assert left.roads["severity"].tolist() == [5]


# --- shares along a road ---------------------------------------------------------------------------------------


def test_shares_at_the_edges_of_pieces_and_of_closures(raster: MakeRaster) -> None:
    # 100 m: closed from 40 to 60.
    layer = raster("d", [[0, 0, 0, 0, 2, 2, 0, 0, 0, 0]])
    left = left_of(
        scenario(layer), [layer], [line((0, 5), (100, 5)), line((0, 5), (40, 5)), line((0, 5), (100, 5))]
    )
    at = [0.0, 0.2, 0.4, 0.4001, 0.5, 0.5999, 0.6, 0.8, 1.0]
    for road in (0, 2):
        from_start, from_end = shares_along(left, [road] * len(at), at)
        assert from_start.tolist() == [0.0, 0.2, 0.4, *[math.inf] * 6]
        assert from_end.tolist() == [*[math.inf] * 6, pytest.approx(0.4), pytest.approx(0.2), 0.0]
    # A road that only touches the closure is as it was.
    assert [part.tolist() for part in shares_along(left, [1, 1, 1], [0.0, 0.5, 1.0])] == [
        [0, 0.5, 1],
        [1, 0.5, 0],
    ]


def test_shares_with_several_slow_stretches_add_up(raster: MakeRaster, half: Path) -> None:
    # 40 m; the second and the fourth 10 m take twice as long: 10, 20, 10, 20 of 40.
    layer = raster("d", [[0, 0.5, 0, 0.5]])
    left = left_of(scenario(layer, rules={"d": half}), [layer], [line((0, 5), (40, 5))])
    at = [0.0, 0.25, 0.375, 0.5, 0.75, 1.0]
    from_start, from_end = shares_along(left, [0] * 6, at)
    assert from_start.tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1.0, 1.5])
    assert from_end.tolist() == pytest.approx([1.5, 1.25, 1.0, 0.75, 0.5, 0.0])
    assert left.roads["factor"].tolist() == pytest.approx([1 / 1.5])


def test_shares_do_not_depend_on_what_else_is_closed(raster: MakeRaster) -> None:
    layer = raster("d", [[0, 2, 0]])
    one = [line((0, 5), (30, 5))]
    alone = left_of(scenario(layer), [layer], one)
    among = left_of(scenario(layer), [layer], [line((11, 5), (19, 5))] * 500 + one)
    at = np.linspace(0, 1, 301)
    for first, second in zip(
        shares_along(alone, np.zeros(301, int), at), shares_along(among, np.full(301, 500), at), strict=True
    ):
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-9)


def test_inputs_stay_as_they_are(raster: MakeRaster) -> None:
    layer = raster("d", [[0, 2, 0]])
    lines = [line((0, 5), (30, 5))]
    laid = lay_on_roads(layer, lines, crs=UTM)
    before = [part.copy() for part in (laid.line, laid.stop_m, laid.value, laid.severity)]
    scenario_roads(
        scenario(layer, unknown="closed"), [laid], lines, free_flow_kph=50, vehicle="car", bridge=True
    )
    for part, copy in zip((laid.line, laid.stop_m, laid.value, laid.severity), before, strict=True):
        np.testing.assert_array_equal(part, copy)


# --- whatever the fields -----------------------------------------------------------------------------------------


FIELD = st.lists(
    st.lists(st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9, 2.0]), min_size=6, max_size=6), min_size=3, max_size=3
)
#: Away from the edges of cells, which belong to one of two.
PLACE = st.tuples(st.integers(0, 58).map(lambda n: n + 0.37), st.integers(0, 28).map(lambda n: n + 0.41))
LINES = st.lists(st.lists(PLACE, min_size=2, max_size=4, unique=True), min_size=1, max_size=5)
SOME = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SOME
@given(FIELD, LINES, st.integers(1, 5), st.sampled_from(["car", "emergency"]), st.data())
def test_two_countries_halves_are_the_whole(
    tmp_path: Path, field: list[list[float]], roads: list[Any], column: int, vehicle: str, data: st.DataObject
) -> None:
    cells, lines = np.array(field), [line(*points) for points in roads]
    whole = write(tmp_path / "w.tif", "w", cells)
    west = write(tmp_path / "a.tif", "a", cells[:, :column], jurisdiction="AA")
    east = write(tmp_path / "b.tif", "b", cells[:, column:], x=10 * column, jurisdiction="BB")
    places = data.draw(
        st.lists(st.sampled_from(["A", "B", "C", None]), min_size=len(lines), max_size=len(lines))
    )
    one = left_of(scenario(whole), [whole], lines, vehicle=vehicle)
    two = left_of(
        scenario(west, east), [west, east], lines, vehicle=vehicle, jurisdiction=places, jurisdictions=towns()
    )
    plain = ["closed", "factor", "severity", "affected_m", "closed_m", "unknown_m"]
    pd.testing.assert_frame_equal(one.roads[plain], two.roads[plain], atol=1e-6, rtol=1e-9)
    line_of, at = np.repeat(np.arange(len(lines)), 11), np.tile(np.linspace(0.013, 0.987, 11), len(lines))
    for first, second in zip(shares_along(one, line_of, at), shares_along(two, line_of, at), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-7)


@SOME
@given(FIELD, FIELD, LINES, st.sampled_from(["car", "emergency"]), st.sampled_from(["multiply", "close"]))
def test_deeper_water_never_raises_a_factor_and_never_brings_a_place_nearer(
    tmp_path: Path,
    field: list[list[float]],
    more: list[list[float]],
    roads: list[Any],
    vehicle: str,
    how: str,
) -> None:
    lines = [line(*points) for points in roads]
    shallow = write(tmp_path / "s.tif", "d", field)
    deep = write(tmp_path / "d.tif", "d", np.maximum(field, more))
    less, worse = (
        left_of(scenario(layer, roads=how), [layer], lines, vehicle=vehicle) for layer in (shallow, deep)
    )
    assert (worse.roads["factor"] <= less.roads["factor"] + 1e-12).all()
    assert (worse.roads["closed"] >= less.roads["closed"]).all()
    assert (worse.roads["closed_m"] >= less.roads["closed_m"] - 1e-9).all()
    assert (worse.roads["severity"] >= less.roads["severity"]).all()
    line_of, at = np.repeat(np.arange(len(lines)), 11), np.tile(np.linspace(0, 1, 11), len(lines))
    for first, second in zip(shares_along(less, line_of, at), shares_along(worse, line_of, at), strict=True):
        assert (second >= first - 1e-9).all()


@SOME
@given(FIELD, LINES)
def test_roads_agree_with_the_overlay_of_one_layer(
    tmp_path: Path, field: list[list[float]], roads: list[Any]
) -> None:
    lines = [line(*points) for points in roads]
    layer = write(tmp_path / "d.tif", "d", field)
    left = left_of(scenario(layer), [layer], lines)
    plain = overlay_roads(layer, lines, crs=UTM, above=0.599)
    assert left.roads["closed_m"].tolist() == pytest.approx(plain["affected_m"].tolist(), abs=1e-6)
    assert left.roads["severity"].tolist() == plain["severity"].tolist()


# --- real data ----------------------------------------------------------------------------------------------------

_DRIVE = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "unclassified",
    "residential",
    "living_street",
)
ANY_WATER = """\
[any-water]
name = "Closed by any water"
hazards = ["flood"]
quantity = "depth"
unit = "m"
vehicle = "any"
rule = "threshold"
closed_at = 1e-12
source = "for this test"
"""


def test_kampens_wet_roads_to_the_metre_in_a_scenario(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "flood" / "kampen"
    to_raster = Transformer.from_crs("EPSG:4326", "EPSG:28992", always_xy=True)
    kinds = [*_DRIVE, *(f"{kind}_link" for kind in _DRIVE[:5])]
    ways = osmium.FileProcessor(str(folder / "kampen.osm.pbf")).with_locations()
    ways = ways.with_filter(osmium.filter.TagFilter(*(("highway", kind) for kind in kinds)))
    lines = [
        shapely.LineString(
            np.column_stack(to_raster.transform(*np.array([(node.lon, node.lat) for node in way.nodes]).T))
        )
        for way in ways
        if isinstance(way, osmium.osm.Way) and len(way.nodes) > 1
    ]
    layer = read_hazard(
        folder / "inundation_map.tif", id="kampen", hazard="flood", quantity="depth", unit="m", scheme=SCHEME,
        event="breach", nodata=NAN,
    )  # fmt: skip
    rule = tmp_path / "any.toml"
    rule.write_text(ANY_WATER, encoding="utf-8")
    laid = lay_on_roads(layer, lines, crs="EPSG:28992")
    left = scenario_roads(
        scenario(layer, rules={"kampen": rule}), [laid], lines, free_flow_kph=50.0, vehicle="emergency"
    )
    assert shapely.length(lines).sum() == pytest.approx(337_784, abs=1)
    assert left.roads["affected_m"].sum() == pytest.approx(236_398, abs=1)
    assert left.roads["closed_m"].sum() == pytest.approx(236_398, abs=1)
    assert left.roads["unknown_m"].sum() == pytest.approx(0, abs=1e-3)
    length_m = shapely.length(lines)
    closed = left.factor == 0
    by_piece = ((left.stop - left.start) * length_m[left.line])[closed].sum()
    assert by_piece == pytest.approx(236_398, abs=1)
