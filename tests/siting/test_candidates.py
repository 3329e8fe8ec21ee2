"""Sites of a region: where they may be, how far apart, in which hazard, and what they are called."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from mutualaid.coverage import Analysis, analyse, site_junctions
from mutualaid.data import HazardSource, Region, demo_path, read_region, read_table
from mutualaid.errors import SitingError
from mutualaid.network import Network
from mutualaid.siting import DIRECTIONS, candidates, site_names

STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def points(analysis: Analysis, at: dict[str, tuple[float, float]], **columns: Any) -> gpd.GeoDataFrame:
    """Given sites: steps along the road from place 0, and metres beside it."""
    x, y = ([one[k] for one in at.values()] for k in (0, 1))
    geometry = gpd.points_from_xy(np.array(x) * STEP_M, y, crs=analysis.network.crs)
    return gpd.GeoDataFrame(columns, index=pd.Index(list(at), name="id"), geometry=geometry)


def generated(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return sites[sites["state"] == "candidate"]


def xy(frame: gpd.GeoDataFrame) -> Any:
    return np.column_stack([frame.geometry.x, frame.geometry.y])


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


# --- where they may be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing_m", [120.0, 250.0, 600.0])
def test_sites_are_apart_and_no_junction_is_far_from_one(demo: Analysis, spacing_m: float) -> None:
    sites, junctions = generated(candidates(demo, spacing_m=spacing_m, count=None)), site_junctions(demo)
    for partner in ("SDIS 06", "Sapeurs-Pompiers de Monaco"):
        own = xy(sites[sites["partner"] == partner])
        assert pdist(own).min() >= spacing_m
        far_m, _ = cKDTree(own).query(xy(junctions[junctions["partner"] == partner]))
        assert np.max(far_m) < spacing_m
    assert (sites["spacing_m"] == spacing_m).all()
    at = set(map(tuple, xy(junctions).tolist()))
    assert set(map(tuple, xy(sites).tolist())) <= at


def test_sites_are_named_from_west_to_east_and_always_the_same(demo: Analysis) -> None:
    sites = candidates(demo)
    new = generated(sites)
    assert list(new.index) == [f"site{number}" for number in range(1, len(new) + 1)]
    assert new.geometry.x.is_monotonic_increasing
    pd.testing.assert_frame_equal(pd.DataFrame(candidates(demo)), pd.DataFrame(sites))
    assert set(new["road_status"]) == {"ok"}
    assert new["distance_m"].max() < 0.01
    lands = demo.region.jurisdictions
    for land, point in zip(lands.geometry.reindex(new["jurisdiction"]), new.geometry, strict=True):
        assert land.distance(point) < 0.01
    assert (new["partner"].to_numpy() == lands["partner"].reindex(new["jurisdiction"]).to_numpy()).all()


@pytest.mark.parametrize("count", [1, 7, 40, 100])
def test_no_more_sites_than_asked_for(demo: Analysis, count: int) -> None:
    new = generated(candidates(demo, count=count))
    assert 0.75 * count <= len(new) <= count
    spacing_m = new["spacing_m"].iloc[0]
    assert spacing_m > 250
    for partner in new["partner"].unique():
        own = new[new["partner"] == partner]
        assert len(own) == 1 or pdist(xy(own)).min() >= spacing_m


def test_those_with_most_people_around_come_first(along_road: AlongRoad) -> None:
    """Place i has 2 to the power of i people: place 2 has 2 + 4 + 8 within just over one step, and place 3 only 12."""
    analysis = run(along_road("AAAA", {"sa": 0}))

    def at(spacing_m: float) -> list[float]:
        new = generated(candidates(analysis, spacing_m=spacing_m))
        return [round(x / STEP_M) for x in new.geometry.x]

    assert at(STEP_M) == [0, 1, 2, 3]
    assert at(STEP_M + 1) == [0, 2]
    # Exactly two steps apart is apart; people at two steps are a little farther, beside the road.
    assert at(2 * STEP_M) == [0, 2]
    # Now both in the middle have all people around: the one in the west is taken, and no other is far enough.
    assert at(2 * STEP_M + 1) == [1]


def test_a_neighbour_takes_no_place_from_a_partner(along_road: AlongRoad) -> None:
    """However far apart sites must be, each partner has one."""
    analysis = run(along_road("AAABB", {"sa": 0}))
    new = generated(candidates(analysis, spacing_m=100 * STEP_M))
    assert new["partner"].tolist() == ["A", "B"]
    assert new.geometry.x.tolist() == [0, 3 * STEP_M]


def test_no_id_of_a_station_is_taken(along_road: AlongRoad) -> None:
    sites = candidates(run(along_road("AA", {"site1": 0})), count=2)
    assert list(sites.index) == ["site1", "site2", "site3"]


def test_only_chosen_land(demo: Analysis) -> None:
    """Half of the demonstration, given in degrees."""
    west, south, east, north = demo.region.jurisdictions.total_bounds
    half = gpd.GeoSeries([shapely.box(west, south, (west + east) / 2, north)], crs=demo.region.crs)
    new = generated(candidates(demo, within=half.to_crs(4326)))
    assert 20 < len(new) < len(generated(candidates(demo)))
    assert new.geometry.x.max() <= (west + east) / 2 + 1
    with pytest.raises(SitingError, match="a junction in the chosen land; got none"):
        candidates(demo, within=half.translate(xoff=1e6))
    with pytest.raises(SitingError, match="within: expected a CRS"):
        candidates(demo, within=gpd.GeoSeries(half.to_numpy()))


# --- hazards --------------------------------------------------------------------------------------------------------


def test_outside_a_severity_in_any_layer(demo: Analysis) -> None:
    every, safe = (
        candidates(demo, spacing_m=100, count=None),
        candidates(demo, spacing_m=100, count=None, avoid_severity=3),
    )
    assert (generated(every)["severity"] >= 3).sum() > 50
    assert (generated(safe)["severity"].dropna() < 3).all()
    # Stations that exist stay, wherever they are.
    assert (safe["state"] == "fixed").sum() == len(demo.stations)
    # Monaco's layer of the coast does not go before that of France here, nor the other way round.
    assert set(every["severity_layer"]) >= {"wildfire-fr", "rockfall", "coast-100-fr", "coast-100-mc", ""}
    unknown = generated(safe)["severity"].isna()
    assert unknown.any()
    assert set(generated(safe)["severity_status"][unknown]) == {"unknown"}


def flooded(region: Region, folder: Path, *severities: tuple[float, float, str]) -> Region:
    """Layers of one polygon each: from, to (in steps along the road), and class."""
    sources = []
    for number, (start, end, code) in enumerate(severities):
        file = folder / f"f{number}.geojson"
        box = shapely.box(start * STEP_M, -600, end * STEP_M, 600)
        gpd.GeoDataFrame({"zone": [code]}, geometry=[box], crs=region.crs).to_crs(4326).to_file(file)
        sources.append(
            HazardSource(
                id=f"f{number}", file=file, hazard="flash_flood", quantity="class", column="zone",
                scheme="derived-flash-flood", nodata_means="unknown",
            )
        )  # fmt: skip
    return replace(region, hazards=tuple(sources))


def test_severity_by_hand(along_road: AlongRoad, tmp_path: Path) -> None:
    """The worst of all layers counts, and where no layer says anything nothing is known."""
    region, network = along_road("AAAA", {"sa": 0})
    region = flooded(region, tmp_path, (-0.5, 1.5, "1"), (0.5, 2.5, "3"))
    analysis = run((region, network))
    sites = candidates(analysis)
    assert sites["severity"].isna().tolist() == [False, False, False, False, True]
    assert sites["severity"].tolist()[:4] == [2, 2, 4, 4]
    assert sites["severity_layer"].tolist() == ["f0", "f0", "f1", "f1", ""]
    assert sites["severity_status"].tolist() == ["known", "known", "known", "known", "outside"]
    assert generated(candidates(analysis, avoid_severity=4)).geometry.x.tolist() == [0, 3 * STEP_M]
    assert generated(candidates(analysis, avoid_severity=2)).geometry.x.tolist() == [3 * STEP_M]
    with pytest.raises(SitingError, match="a given site outside severity 2 or worse; got none"):
        candidates(analysis, sites=points(analysis, {"n": (1, 0)}), avoid_severity=2)


def test_without_layers_nobody_asked(along_road: AlongRoad) -> None:
    analysis = run(along_road("AA", {"sa": 0}))
    sites = candidates(analysis)
    assert set(sites["severity_status"]) == {"not_asked"}
    assert sites["severity"].isna().all()
    with pytest.raises(SitingError, match="avoid_severity: expected hazard layers with a scheme; got none"):
        candidates(analysis, avoid_severity=3)


# --- stations and given sites --------------------------------------------------------------------------------------


def test_what_may_become_of_stations(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAAB", {"sa": 0, "sb": 1, "sc": 3}, units=[("sb", "", 3)]))
    sites = candidates(analysis, movable=["sb"], closable=["sc"], opening_cost=5, closing_cost=2)
    stations = sites.iloc[:3]
    assert list(stations.index) == list(analysis.stations.index) == ["sa", "sb", "sc"]
    assert stations["state"].tolist() == ["fixed", "movable", "closable"]
    assert stations["units"].tolist() == [1, 3, 1]
    assert stations["name"].tolist() == ["sa", "sb", "sc"]
    assert set(sites["opening_cost"]) == {5}
    assert set(sites["closing_cost"]) == {2}
    assert stations["spacing_m"].isna().all()


def test_given_sites_are_placed_and_completed(along_road: AlongRoad, tmp_path: Path) -> None:
    analysis = run(along_road("AAB", {"sa": 0}))
    given = points(analysis, {"n": (0.9, 30), "m": (2, -20)}).to_crs(4326)
    lon, lat = given.geometry.x, given.geometry.y
    rows = [f"n,{lon['n']},{lat['n']},Old mill,,,\n", f"m,{lon['m']},{lat['m']},,A,7.5,400\n"]
    (tmp_path / "sites.csv").write_text(
        "id,lon,lat,name,partner,opening_cost,capacity\n" + "".join(rows), "utf-8"
    )
    read = read_table(tmp_path / "sites.csv", "sites")
    assert isinstance(read, gpd.GeoDataFrame)
    before = read.copy()
    new = candidates(analysis, sites=read, opening_cost=3).loc[["n", "m"]]
    pd.testing.assert_frame_equal(pd.DataFrame(read), pd.DataFrame(before))
    assert new["jurisdiction"].tolist() == ["A", "B"]
    assert new["partner"].tolist() == ["A", "A"]
    assert new["name"].tolist() == ["Old mill", ""]
    assert new["opening_cost"].tolist() == [3, 7.5]
    assert new["capacity"].tolist() == [math.inf, 400]
    assert new["distance_m"].tolist() == pytest.approx([30, 20], abs=0.1)
    assert new.geometry.x.tolist() == pytest.approx([0.9 * STEP_M, 2 * STEP_M], abs=0.1)
    assert new.crs == analysis.network.crs


def test_given_sites_may_have_any_columns_and_ids(along_road: AlongRoad) -> None:
    """What is found out anew goes before what a table says, and ids are text."""
    analysis = run(along_road("AAB", {"sa": 0}))
    given = points(analysis, {"n": (2, 0)}, road=7, jurisdiction="X", severity=5, note="at the mill")
    given = given.rename_geometry("where").set_axis([12])
    new = generated(candidates(analysis, sites=given))
    assert list(new.index) == ["12"]
    assert (new["jurisdiction"].iloc[0], new["note"].iloc[0]) == ("B", "at the mill")
    assert new["road"].tolist() != [7]
    assert new["severity"].isna().all()
    assert new.geometry.x.tolist() == [2 * STEP_M]


def test_everything_wrong_with_given_sites_is_said_at_once(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAB", {"sa": 0}))
    at = {"far": (1.0, 450.0), "out": (9.0, 0.0), "whose": (1.0, 0.0)}
    with pytest.raises(SitingError) as error:
        candidates(analysis, sites=points(analysis, at, partner=["", "", "C"]))
    said = str(error.value)
    assert "site far: expected a road within 200 m; got 450 m" in said
    assert "site out: expected a place inside a jurisdiction; got outside all" in said
    assert "site whose: expected one of A, B; got 'C'" in said
    with pytest.raises(SitingError, match="site sa: expected an id of its own; got the id of a station"):
        candidates(analysis, sites=points(analysis, {"sa": (1, 0)}))
    twice = pd.concat([points(analysis, {"n": (1, 0)})] * 2)
    with pytest.raises(SitingError, match="site n: expected an id of its own; got an id that repeats"):
        candidates(analysis, sites=twice)
    lines = points(analysis, {"n": (1, 0)}).set_geometry(
        [shapely.LineString([(0, 0), (1, 1)])], crs=analysis.network.crs
    )
    with pytest.raises(SitingError, match="site n: expected a point"):
        candidates(analysis, sites=lines)
    with pytest.raises(SitingError, match="sites: expected a CRS"):
        candidates(analysis, sites=gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], index=["n"]))


def test_everything_wrong_with_numbers_is_said_at_once(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAB", {"sa": 0, "sb": 2}))
    with pytest.raises(SitingError) as error:
        candidates(
            analysis, spacing_m=0, count=0, avoid_severity=6, movable=["sa", "sx"], closable=["sa"],
            opening_cost=-1, closing_cost=math.nan,
        )  # fmt: skip
    wrong = [one.where for one in error.value.defects]
    assert wrong == [
        "spacing_m", "count", "avoid_severity", "avoid_severity", "movable", "station sa", "opening_cost",
        "closing_cost",
    ]  # fmt: skip


# --- names ----------------------------------------------------------------------------------------------------------


def named(region: Region, *places: tuple[str, str, float, float]) -> Region:
    ground = gpd.GeoDataFrame(
        {
            "kind": "place",
            "name": [one[0] for one in places],
            "place": [one[1] for one in places],
            "population": math.nan,
        },
        geometry=[shapely.Point(one[2], one[3]) for one in places],
        index=[f"G{k}" for k in range(len(places))],
        crs=region.crs,
    )
    return replace(region, ground=ground)


@pytest.mark.parametrize(
    ("east", "north", "direction", "text"),
    [
        (0, 100, "north", "100 m north of"),
        (104, 96, "north_east", "140 m north-east of"),
        (1500, 0, "east", "1.5 km east of"),
        (0, -52, "south", "50 m south of"),
        (-70, -80, "south_west", "110 m south-west of"),
        (-300, 60, "west", "310 m west of"),
        (20, -10, "", ""),
    ],
)
def test_a_site_is_named_by_the_place_nearby(
    along_road: AlongRoad, east: float, north: float, direction: str, text: str
) -> None:
    region, network = along_road("AB", {"sa": 0})
    region = named(region, ("Mill", "hamlet", STEP_M - east, -north), ("Town", "town", -3 * STEP_M, 0))
    analysis = run((region, network))
    sites = candidates(analysis, sites=points(analysis, {"n": (1, 0)}))
    row = site_names(analysis, sites).loc["n"]
    assert (row["near"], row["near_place"], row["near_direction"]) == ("Mill", "hamlet", direction)
    assert row["near_m"] == pytest.approx(math.hypot(east, north))
    assert (row["road_name"], row["jurisdiction_name"]) == ("High Road", "B")
    where = f"{text} Mill" if text else "Mill"
    assert row["text"] == f"High Road, {where}, B"
    assert direction in (*DIRECTIONS, "")


def test_what_has_a_name_goes_by_it(along_road: AlongRoad) -> None:
    region, network = along_road("AB", {"sa": 0})
    analysis = run((region, network))
    sites = candidates(analysis, sites=points(analysis, {"n": (1, 0), "m": (1, 0)}, name=["Old mill", None]))
    assert site_names(analysis, sites)["text"].tolist() == ["sa, A", "Old mill, B", "High Road, B"]
    assert site_names(analysis, sites)["near_m"].isna().all()
    nameless = replace(network, roads=network.roads.assign(name=""))
    analysis = run((named(region, ("b", "village", STEP_M, 900.0)), nameless))
    names = site_names(analysis, candidates(analysis, sites=points(analysis, {"n": (1, 0)})))
    # The place is that of the jurisdiction, which need not be named twice.
    assert names["text"].tolist()[1] == "900 m south of b"


def test_names_at_a_junction_are_of_its_most_important_road(demo: Analysis) -> None:
    sites = candidates(demo)
    names = site_names(demo, sites)
    assert (names["road_name"] != "").mean() > 0.6
    roads = demo.network.roads
    for (_, site), name in zip(sites.iloc[3:60].iterrows(), names["road_name"].iloc[3:60], strict=True):
        end = roads["a" if site["fraction"] == 0 else "b"].iloc[site["road"]]
        here = roads[((roads["a"] == end) | (roads["b"] == end)) & (roads["name"] != "")]
        if len(here):
            best = here["class"].cat.codes.min()
            assert name in set(here["name"][here["class"].cat.codes == best])
