"""Administrative boundaries: assembled, completed where the extract cuts them, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from mutualaid.data._boundaries import assemble_units, country_units
from mutualaid.data._osm_read import Element, Extract, read_extract
from mutualaid.data._osm_region import jurisdictions_frame, selected_units

Write = Callable[..., Path]

#   4---5---6
#   | W | E |    two squares of 0.02°, the border 2-5 between them
#   1---2---3
NODES: dict[int, tuple[float, float]] = {
    1: (10.00, 47.00),
    2: (10.02, 47.00),
    3: (10.04, 47.00),
    4: (10.00, 47.02),
    5: (10.02, 47.02),
    6: (10.04, 47.02),
}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    101: ([2, 1, 4, 5], {}),
    102: ([2, 5], {}),
    103: ([5, 6, 3, 2], {}),
}


def unit(name: str, level: int, *ways: int, **tags: str) -> tuple[list[tuple[str, int, str]], dict[str, str]]:
    """Boundary relation of some ways."""
    members = [("way", way, "outer") for way in ways]
    head = {"type": "boundary", "boundary": "administrative", "admin_level": str(level), "name": name}
    return members, head | tags


WEST, EAST = unit("West", 8, 101, 102), unit("East", 8, 102, 103)


def read(*files: Path) -> Extract:
    """Read without any buildings."""
    return read_extract(files, building=lambda _tags: None)


def assembled(extract: Extract, level: int = 8) -> tuple[dict[str, Any], list[str]]:
    """Units by name."""
    units, notes = assemble_units(extract, level)
    return {found.name: found for found in units}, notes


def test_boundaries_that_close_are_whole_and_share_their_border(osm_file: Write) -> None:
    extract = read(osm_file("a.osm", nodes=NODES, ways=WAYS, relations={1: WEST, 2: EAST}))

    units, notes = assembled(extract)

    assert notes == []
    assert not units["West"].completed
    assert units["West"].polygon.equals(shapely.box(10.00, 47.00, 10.02, 47.02))
    assert units["West"].polygon.intersection(units["East"].polygon).area == 0


def test_an_enclave_stays_a_hole(osm_file: Write) -> None:
    inner = {11: (10.005, 47.005), 12: (10.010, 47.005), 13: (10.010, 47.010), 14: (10.005, 47.010)}
    ways = WAYS | {104: ([11, 12, 13, 14, 11], {})}
    members, tags = WEST
    relations = {1: ([*members, ("way", 104, "inner")], tags), 2: EAST}

    units, _ = assembled(read(osm_file("a.osm", nodes=NODES | inner, ways=ways, relations=relations)))

    assert units["West"].polygon.area == pytest.approx(0.02**2 - 0.005**2)
    assert len(units["West"].polygon.interiors) == 1


def test_a_boundary_cut_by_the_extract_is_completed_along_its_edge_and_marked(osm_file: Write) -> None:
    # The extract ends at 10.03° east: node 3 and 6 are missing, the ways stop at 10.025°.
    nodes = {key: NODES[key] for key in (1, 2, 4, 5)} | {7: (10.025, 47.00), 8: (10.025, 47.02)}
    ways = WAYS | {103: ([5, 8, 6, 3, 7, 2], {})}
    box = (9.99, 46.99, 10.03, 47.03)
    extract = read(osm_file("a.osm", nodes=nodes, ways=ways, relations={1: WEST, 2: EAST}, box=box))

    units, notes = assembled(extract)

    assert notes == []
    assert not units["West"].completed
    assert units["East"].completed
    inside = shapely.box(10.02, 47.00, 10.03, 47.02)
    assert units["East"].polygon.symmetric_difference(inside).area < 1e-12


def test_the_sea_is_on_the_right_of_the_coastline(osm_file: Write) -> None:
    # East is cut by the extract and reaches the sea in the south: the coast runs eastwards, land on its left.
    nodes = NODES | {7: (10.025, 47.02), 9: (10.028, 47.00)}
    coast = {"natural": "coastline"}
    ways = {101: WAYS[101], 102: WAYS[102], 103: ([5, 7], {}), 104: ([2, 9], coast), 105: ([1, 2], coast)}
    box = (9.99, 46.99, 10.03, 47.03)
    relations = {1: WEST, 2: unit("East", 8, 102, 103)}
    extract = read(osm_file("a.osm", nodes=nodes, ways=ways, relations=relations, box=box))

    units, _ = assembled(extract)

    land = shapely.box(10.02, 47.00, 10.03, 47.02)
    assert units["East"].polygon.symmetric_difference(land).area < 1e-12


def test_a_boundary_that_ends_in_the_middle_is_dropped_and_reported(osm_file: Write) -> None:
    # No edge within reach of node 6: way 103 breaks off there.
    nodes = {key: NODES[key] for key in (1, 2, 4, 5, 6)}
    box = (9.9, 46.9, 10.2, 47.2)
    extract = read(osm_file("a.osm", nodes=nodes, ways=WAYS, relations={1: WEST, 2: EAST}, box=box))

    units, notes = assembled(extract)

    assert set(units) == {"West"}
    assert notes == ["East (r2): cut by the extract and cannot be completed, dropped"]


def test_two_extracts_that_hold_half_a_boundary_each_make_it_whole(osm_file: Write) -> None:
    west = osm_file(
        "w.osm",
        nodes={key: NODES[key] for key in (1, 2, 4, 5)},
        ways={101: WAYS[101], 102: WAYS[102]},
        relations={1: WEST, 2: EAST},
        box=(9.99, 46.99, 10.021, 47.03),
    )
    east = osm_file(
        "e.osm",
        nodes={key: NODES[key] for key in (2, 3, 5, 6)},
        ways={102: WAYS[102], 103: WAYS[103]},
        relations={1: WEST, 2: EAST},
        box=(10.019, 46.99, 10.05, 47.03),
    )

    alone, _ = assembled(read(west))
    both, notes = assembled(read(west, east))

    assert "East" not in alone or alone["East"].completed
    assert not both["West"].completed
    assert not both["East"].completed
    assert notes == []


def test_a_face_that_fits_two_units_goes_to_the_one_named_inside_it(osm_file: Write) -> None:
    # Only the border between them is in the extract, so both sides have the same ways.
    nodes: Mapping[int, tuple[Any, ...]] = {
        2: NODES[2],
        5: NODES[5],
        9: (10.03, 47.01, {"place": "town", "name": "East"}),
    }
    box = (10.0, 46.995, 10.04, 47.025)
    extract = read(osm_file("a.osm", nodes=nodes, ways=WAYS, relations={1: WEST, 2: EAST}, box=box))

    units, _ = assembled(extract)

    assert units["East"].polygon.contains(shapely.Point(10.03, 47.01))
    assert units["West"].polygon.contains(shapely.Point(10.01, 47.01))


def test_a_country_without_the_level_enters_as_itself(osm_file: Write) -> None:
    relations = {
        1: WEST,
        3: unit("Westland", 2, 101, 102, **{"ISO3166-1": "AA"}),
        4: unit("Eastland", 2, 102, 103, **{"ISO3166-1": "BB"}),
    }
    extract = read(osm_file("a.osm", nodes=NODES, ways=WAYS, relations=relations))

    units, countries, _ = selected_units(extract, 8, None)
    frame, _ = jurisdictions_frame(extract, units, countries, populations={}, partners={})

    assert frame["country"].to_dict() == {"AA-west": "AA", "BB": "BB"}
    assert country_units(extract, countries, countries) == []


@given(order=st.permutations([1, 2, 3, 4]), flips=st.lists(st.booleans(), min_size=4, max_size=4))
def test_order_and_direction_of_the_ways_do_not_matter(order: list[int], flips: list[bool]) -> None:
    sides = {1: [1, 2], 2: [2, 5], 3: [5, 4], 4: [4, 1]}
    extract = Extract(boxes=[(9.0, 46.0, 11.0, 48.0)])
    keys = sorted(NODES)
    extract.set_locations(np.array(keys), np.array([NODES[key] for key in keys]))
    members, tags = unit("West", 8, *order)
    extract.ways = {
        way: tuple(reversed(refs) if flip else refs)
        for (way, refs), flip in zip(sides.items(), flips, strict=True)
    }
    extract.boundaries[1] = Element(
        "r", 1, 1, tags, members=tuple(("w", ref, role) for _, ref, role in members)
    )

    units, _ = assemble_units(extract, 8)

    assert units[0].polygon.equals(shapely.box(10.00, 47.00, 10.02, 47.02))


def test_monaco_and_its_neighbours_have_their_known_areas(shared_data: Path) -> None:
    extract = read(shared_data / "monaco" / "monaco.osm.pbf")
    geod = Geod(ellps="WGS84")

    units, notes = assembled(extract)
    country, _ = assembled(extract, 2)
    km2 = {name: abs(geod.geometry_area_perimeter(found.polygon)[0]) / 1e6 for name, found in units.items()}

    known = {"La Turbie": 7.34, "Roquebrune-Cap-Martin": 7.24, "Beausoleil": 2.77, "Cap-d'Ail": 2.11}
    assert {name: km2[name] for name in known} == pytest.approx(known, rel=0.01)
    # The level 8 relation of Monaco holds its harbour basins; the country's land is 2.0 km².
    land = abs(geod.geometry_area_perimeter(country["Monaco"].polygon)[0]) / 1e6
    assert land == pytest.approx(2.02, rel=0.01)
    assert not units["La Turbie"].completed
    assert units["Roquebrune-Cap-Martin"].completed
    polygons = [found.polygon for found in units.values()]
    overlap = sum(shapely.area(polygons)) - shapely.union_all(polygons).area
    assert overlap == pytest.approx(0, abs=1e-12)
    assert all("cannot be completed" in note for note in notes)
