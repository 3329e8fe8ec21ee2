"""The ground that the map draws: water, names of places, and names in other languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.data import demo_path, read_region
from mutualaid.maps._ground import ground_layers, marks_at, name_table
from mutualaid.maps._pack import path_columns

# Metres from the lower left corner of the made-up region, a square of 9 km at 47.2° north.
RIVER = [(0, 4_000), (10_000, 4_000)]
BROOK = [(0, 5_000), (900, 5_000)]
COAST = [(0, 0), (9_000, 0)]
SEA = shapely.box(1_000, 1_000, 4_000, 4_000)  # a square of 3 km
POND = shapely.box(6_000, 6_000, 6_080, 6_080)


def ground(corner: tuple[float, float], crs: Any, rows: list[tuple[Any, ...]]) -> gpd.GeoDataFrame:
    """Rows of kind, name, place, population, geometry, and maybe a French name."""
    frame = pd.DataFrame(
        [(*row[:4], row[5] if len(row) > 5 else "") for row in rows],
        columns=["kind", "name", "place", "population", "name_fr"],
        index=pd.Index([f"G{n}" for n in range(1, len(rows) + 1)], name="id"),
    )
    shapes = [shapely.transform(row[4], lambda at: at + np.array(corner)) for row in rows]
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=crs)


@pytest.fixture
def on_ground(analysis: Any) -> Callable[..., Any]:
    """The made-up region with a ground."""

    def make(*rows: tuple[Any, ...]) -> Any:
        region = analysis.region
        corner = tuple(region.jurisdictions.total_bounds[:2])
        values = vars(analysis) | {"region": replace(region, ground=ground(corner, region.crs, list(rows)))}
        return SimpleNamespace(**values)

    return make


def layers(analysis: Any) -> dict[str, Any]:
    """What is drawn, by the key of the layer."""
    return {(one.data.get("name") or ["land"])[0]: one.data for one in ground_layers(analysis)}


def line(points: Sequence[tuple[float, float]]) -> shapely.Geometry:
    return shapely.LineString(points)


def test_without_a_ground_there_is_neither_water_nor_place(analysis: Any) -> None:
    assert list(layers(analysis)) == ["land", "layer_roads", "layer_boundaries", "layer_names"]


def test_the_ground_comes_in_the_order_of_the_layer_control(on_ground: Callable[..., Any]) -> None:
    made = on_ground(
        ("water", "", "", np.nan, SEA), ("place", "Elsewhere", "town", np.nan, shapely.Point(1, 1))
    )

    assert list(layers(made)) == [
        "land", "layer_water", "layer_roads", "layer_boundaries", "layer_names", "layer_places",
    ]  # fmt: skip


def test_water_appears_when_it_is_large_enough_to_be_seen(on_ground: Callable[..., Any]) -> None:
    made = on_ground(
        ("river", "Long", "", np.nan, line(RIVER)),
        ("river", "Brook", "", np.nan, line(BROOK)),
        ("water", "Sea", "", np.nan, SEA),
        ("water", "", "", np.nan, POND),
        ("coast", "", "", np.nan, line(COAST)),
    )

    water = layers(made)["layer_water"]
    # At zoom 0 a pixel of a map of 256 of them is 40,075,017 m / 256 · cos 47.2° = 106,363 m. A river is drawn from
    # 60 px on: 10 km need 2^9.32 of it, 900 m 2^12.79; a surface from 4 px: 3 km need 2^7.15, 80 m 2^12.38.
    assert [feature["min_zoom"] for feature in water["features"]] == [8, 13, 10, 13, 0]
    assert [feature["style"].get("fill", True) for feature in water["features"]] == [
        True,
        True,
        False,
        False,
        False,
    ]
    # A closed ring of a square has five vertices, a line two.
    assert water["paths"]["shapes"] == [[[5]], [[5]], [[2]], [[2]], [[2]]]
    assert [entry["label"] for entry in water["legend"]] == [["water"], ["coast"]]
    assert water["features"][0]["style"]["pane"] == "ma-water"


def test_water_is_drawn_where_it_is(on_ground: Callable[..., Any]) -> None:
    made = on_ground(("water", "Sea", "", np.nan, SEA), ("river", "Long", "", np.nan, line(RIVER)))

    drawn = layers(made)["layer_water"]["paths"]["packed"]
    expected, _ = path_columns(made.region.ground.to_crs(4326).geometry)
    assert drawn == expected


def test_only_what_is_there_stands_in_the_legend(on_ground: Callable[..., Any]) -> None:
    coast = layers(on_ground(("coast", "", "", np.nan, line(COAST))))["layer_water"]
    river = layers(on_ground(("river", "", "", np.nan, line(RIVER))))["layer_water"]

    assert [entry["label"] for entry in coast["legend"]] == [["coast"]]
    assert [entry["label"] for entry in river["legend"]] == [["water"]]
    assert "line" in river["legend"][0]


def test_places_come_by_their_kind_and_people(on_ground: Callable[..., Any]) -> None:
    spot = shapely.Point(500, 8_000)
    made = on_ground(
        ("place", "Field", "locality", np.nan, spot),
        ("place", "Smallville", "village", 90.0, spot),
        ("place", "Bigville", "village", 900.0, spot),
        ("place", "Unknownville", "village", np.nan, spot),
        ("place", "Metropolis", "city", np.nan, spot),
        ("place", "Townton", "town", 5.0, spot),
        ("place", "Quarter", "suburb", 1e6, spot),
    )

    names, places = (layers(made)[key]["places"] for key in ("layer_names", "layer_places"))
    assert [(one["name"], one["kind"], one["rank"]) for one in names] == [
        ("Westport", "jurisdiction", 0), ("Easton", "jurisdiction", 1),
    ]  # fmt: skip
    assert [(one["name"], one["kind"]) for one in places] == [
        ("Metropolis", "town"), ("Townton", "town"), ("Bigville", "village"), ("Smallville", "village"),
        ("Unknownville", "village"), ("Quarter", "small"), ("Field", "small"),
    ]  # fmt: skip
    ranks, zooms = ([one[key] for one in places] for key in ("rank", "min_zoom"))
    assert ranks == sorted(set(ranks))
    assert ranks[0] == 2
    # The people of gaps have the ranks from 1,000 on.
    assert ranks[1] < 1_000 < ranks[2]
    assert zooms == sorted(zooms)
    assert places[0]["at"] == marks_at(made.region.ground.geometry.iloc[:1])[0]


def test_a_place_that_a_jurisdiction_is_called_after_is_left_out_nearby(
    on_ground: Callable[..., Any],
) -> None:
    made = on_ground(
        ("place", "westport", "town", 1.0, shapely.Point(2_000, 3_000)),
        ("place", "Westport", "village", 1.0, shapely.Point(-1_900, 3_000)),
        ("place", "Easton", "hamlet", 1.0, shapely.Point(-8_000, 3_000)),
        ("place", "Westport Hill", "village", 1.0, shapely.Point(2_000, 3_000)),
    )

    assert [one["name"] for one in layers(made)["layer_places"]["places"]] == ["Westport Hill", "Easton"]


def test_names_of_water_stand_on_it(on_ground: Callable[..., Any]) -> None:
    bay = shapely.MultiPolygon([POND, SEA])
    made = on_ground(
        ("water", "Bay", "", np.nan, bay),
        ("river", "Long", "", np.nan, line(RIVER)),
        ("water", "", "", np.nan, POND),
    )

    places = {one["name"]: one for one in layers(made)["layer_places"]["places"]}
    assert set(places) == {"Bay", "Long"}
    corner = made.region.jurisdictions.total_bounds[:2]
    latitude, longitude = zip(*(one["at"] for one in places.values()), strict=True)
    at = gpd.GeoSeries.from_xy(longitude, latitude, crs=4326)
    bay_at, river_at = shapely.get_coordinates(at.to_crs(made.region.crs)) - corner
    assert SEA.contains(shapely.Point(bay_at))
    assert river_at == pytest.approx([5_000, 4_000], abs=1)
    # 3 km are 70 px at 2^11.28, 10 km are 400 px at 2^12.05 of a zoom.
    assert (places["Bay"]["min_zoom"], places["Long"]["min_zoom"]) == (12, 13)


def test_names_in_other_languages_are_told_by_the_name_that_is_shown(on_ground: Callable[..., Any]) -> None:
    made = on_ground(
        ("place", "Elsewhere", "town", np.nan, shapely.Point(1, 1), "Ailleurs"),
        ("place", "Easton", "town", np.nan, shapely.Point(1, 1), "Un autre Estville"),
        ("river", "Long", "", np.nan, line(RIVER), "Long"),
        ("place", "x" * 100, "town", np.nan, shapely.Point(1, 1), "y" * 100),
    )
    land = made.region.jurisdictions.assign(
        name_fr=["", "Estville"], name_ar=["ميناء", ""], name_de=["Westhafen", ""]
    )
    made.region = replace(made.region, jurisdictions=land)
    made.stations = made.stations.assign(name_fr=["Centre", "", ""])

    assert name_table(made, ["fr", "ar", "it"]) == {
        "Westport": {"ar": "ميناء"},
        "Easton": {"fr": "Estville"},
        "Westport Central": {"fr": "Centre"},
        "Elsewhere": {"fr": "Ailleurs"},
        "x" * 79 + "…": {"fr": "y" * 79 + "…"},
    }


def test_the_demo_shows_quarters_and_coast_and_speaks_of_monaco(analysis: Any) -> None:
    region = read_region(demo_path())
    demo: Any = SimpleNamespace(**(vars(analysis) | {"region": region, "stations": region.stations}))

    assert name_table(demo, ["fr", "es", "ar"]) == {"Monaco": {"es": "Mónaco", "ar": "موناكو"}}
    drawn = layers(demo)
    assert [entry["label"] for entry in drawn["layer_water"]["legend"]] == [["coast"]]
    places = {one["name"]: one["kind"] for one in drawn["layer_places"]["places"]}
    assert places["Monte-Carlo"] == "small"
    assert not {"Monaco", "Beausoleil", "Cap-d'Ail", "La Turbie", "Roquebrune-Cap-Martin"} & set(places)
