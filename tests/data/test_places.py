"""Regions out of place names, against a server on this machine that answers as Nominatim and Overpass do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import osmium
import osmnx
import pytest
import requests

from mutualaid.data import _places, check_region, new_region_from_places
from mutualaid.errors import DownloadError, RegionError

# Two squares of 0.02°: West (10.00-10.02° east) and East (10.02-10.04°), in two countries.
PLACES = {
    "West, Westland": (1, 10.00, 10.02),
    "East, Eastland": (2, 10.02, 10.04),
}
CORNERS = {
    1: (10.00, 47.00),
    2: (10.02, 47.00),
    3: (10.04, 47.00),
    4: (10.00, 47.02),
    5: (10.02, 47.02),
    6: (10.04, 47.02),
}
POINTS = {20: (10.005, 47.01), 21: (10.02, 47.01), 22: (10.035, 47.01), 23: (10.20, 47.01)}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="Overpass API 0.7.62">
<note>The data included in this document is from www.openstreetmap.org.</note>
<meta osm_base="2024-05-06T07:08:09Z"/>
"""


def overpass() -> str:
    """What Overpass gives for the two squares: sorted, without versions."""
    places = CORNERS | POINTS
    for first, lon in ((30, 10.006), (40, 10.03)):
        for number, (x, y) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
            places[first + number] = (lon + x * 2e-4, 47.0085 + y * 2e-4)
    tags = {50: {"amenity": "fire_station", "name": "Station West"}, 51: {"place": "town", "name": "East"}}
    tags[51]["population"] = "300"
    places |= {50: (10.006, 47.0102), 51: (10.03, 47.009)}
    lines = [HEAD]
    for key, (lon, lat) in sorted(places.items()):
        inner = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.get(key, {}).items())
        lines.append(f'<node id="{key}" lat="{lat:.7f}" lon="{lon:.7f}">{inner}</node>\n')
    house = {"building": "yes"}
    ways: dict[int, tuple[list[int], dict[str, str]]] = {
        10: ([20, 21, 22, 23], {"highway": "secondary"}),
        30: ([30, 31, 32, 33, 30], house),
        40: ([40, 41, 42, 43, 40], house),
        101: ([2, 1, 4, 5], {}),
        102: ([2, 5], {}),
        103: ([5, 6, 3, 2], {}),
    }
    for key, (refs, tagged) in ways.items():
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tagged.items())
        lines.append(f'<way id="{key}">{inner}</way>\n')
    relations = {
        1: ((101, 102), {"admin_level": "8", "name": "West", "population": "1200"}),
        2: ((102, 103), {"admin_level": "8", "name": "East"}),
        3: ((101, 102), {"admin_level": "2", "name": "Westland", "ISO3166-1": "AA"}),
        4: ((102, 103), {"admin_level": "2", "name": "Eastland", "ISO3166-1": "BB"}),
    }
    for key, (members, tagged) in relations.items():
        inner = "".join(f'<member type="way" ref="{way}" role="outer"/>' for way in members)
        kind = {"type": "boundary", "boundary": "administrative"}
        inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in (kind | tagged).items())
        lines.append(f'<relation id="{key}">{inner}</relation>\n')
    return "".join(lines) + "</osm>\n"


def nominatim(query: str) -> list[dict[str, Any]]:
    """What Nominatim gives for a search."""
    if query == "A point":
        shape: dict[str, Any] = {"type": "Point", "coordinates": [10.0, 47.0]}
        key, west, east = 9, 10.0, 10.0
    elif query in PLACES:
        key, west, east = PLACES[query]
        ring = [[west, 47.0], [east, 47.0], [east, 47.02], [west, 47.02], [west, 47.0]]
        shape = {"type": "Polygon", "coordinates": [ring]}
    else:
        return []
    return [
        {
            "osm_type": "relation",
            "osm_id": key,
            "lat": "47.01",
            "lon": str(west),
            "importance": 0.5,
            "name": query.split(",")[0],
            "display_name": query,
            "class": "boundary",
            "type": "administrative",
            "place_rank": 16,
            "addresstype": "town",
            "boundingbox": ["47.0", "47.02", str(west), str(east)],
            "geojson": shape,
        }
    ]


class Server(ThreadingHTTPServer):
    """Keeps what it was asked, and answers Overpass requests from a list."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.queries: list[str] = []
        self.agents: set[str | None] = set()
        self.answers: list[tuple[int, str]] = [(200, overpass())]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def log_message(self, *_words: object) -> None:
        """Say nothing."""

    def _send(self, status: int, text: str, kind: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.server.agents.add(self.headers["User-Agent"])
        query = parse_qs(urlsplit(self.path).query)["q"][0]
        self._send(200, json.dumps(nominatim(query)), "application/json")

    def do_POST(self) -> None:
        self.server.agents.add(self.headers["User-Agent"])
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.queries.append(parse_qs(body)["data"][0])
        answers = self.server.answers
        status, text = answers.pop(0) if len(answers) > 1 else answers[0]
        self._send(status, text, "application/osm3s+xml")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        for name, value in {
            "nominatim_url": running.url,
            "overpass_url": f"{running.url}/api",
            "http_user_agent": "tests",
            "use_cache": False,
            "requests_timeout": 5,
        }.items():
            monkeypatch.setattr(osmnx.settings, name, value)
        monkeypatch.setattr("osmnx._nominatim.time.sleep", lambda _s: None)
        yield running
        running.shutdown()
        thread.join()


def test_two_places_across_a_border_become_a_region(server: Server, tmp_path: Path) -> None:
    region = new_region_from_places(tmp_path / "r", list(PLACES), margin_m=5000)

    assert check_region(region.folder) == []
    assert region.name == "West, Westland; East, Eastland"
    assert region.jurisdictions["country"].to_dict() == {"AA-west": "AA", "BB-east": "BB"}
    assert region.jurisdictions["population"].to_dict() == {"AA-west": 1200, "BB-east": 300}
    assert region.demand.groupby("jurisdiction")["population"].sum().to_dict() == pytest.approx(
        {"AA-west": 1200, "BB-east": 300}
    )
    assert region.stations[["name", "jurisdiction"]].to_numpy().tolist() == [["Station West", "AA-west"]]
    assert region.sources[0].date == "2024-05-06"
    assert server.agents == {"tests"}


def test_one_request_asks_for_roads_one_margin_beyond_the_places(server: Server, tmp_path: Path) -> None:
    new_region_from_places(tmp_path / "r", list(PLACES), margin_m=11_119.5)

    (query,) = server.queries
    # 11,119.5 m are 0.1° of latitude, and 0.1° / cos(47.02°) = 0.146683° of longitude.
    road_line = next(line for line in query.splitlines() if "residential" in line)
    assert "(46.900000,9.853317,47.120000,10.186683)" in road_line
    assert "service|track" in road_line
    station_line = next(line for line in query.splitlines() if "fire_station" in line)
    assert "(47.000000,10.000000,47.020000,10.040000)" in station_line
    water_line = next(line for line in query.splitlines() if "coastline" in line)
    assert "(47.000000,10.000000,47.020000,10.040000)" in water_line
    assert query.startswith("[out:xml][timeout:5];")
    assert "rel(id:1,2)" in query


def test_water_and_places_that_came_become_the_ground(server: Server, tmp_path: Path) -> None:
    lake = """<way id="200"><nd ref="1"/><nd ref="20"/><nd ref="4"/><nd ref="1"/><tag k="natural" v="water"/></way>
<way id="201"><nd ref="20"/><nd ref="22"/><tag k="waterway" v="river"/><tag k="name" v="Brook"/></way>
"""
    server.answers = [(200, overpass().replace('<relation id="1">', f'{lake}<relation id="1">'))]

    ground = new_region_from_places(tmp_path / "r", list(PLACES), margin_m=5000).ground

    assert ground[["kind", "name"]].to_numpy().tolist() == [
        ["water", ""],
        ["river", "Brook"],
        ["place", "East"],
    ]
    # A triangle of 0.02° of latitude (2,223 m) and 0.005° of longitude (380 m).
    assert ground.area.iloc[0] == pytest.approx(2223 * 380 / 2, rel=0.01)


def test_what_came_is_kept_and_can_be_used_as_an_extract(server: Server, tmp_path: Path) -> None:
    region = new_region_from_places(tmp_path / "r", list(PLACES), margin_m=5000)

    kept = region.folder / "overpass.osm.pbf"
    ways = [entity.id for entity in osmium.FileProcessor(kept, osmium.osm.WAY)]
    assert ways == [10, 30, 40, 101, 102, 103]
    assert not (region.folder / "overpass.osm").exists()
    assert len(server.queries) == 1


@pytest.mark.parametrize(("folder", "kept"), [("./cache", False), ("asked for", True)])
def test_no_cache_of_place_names_appears_unasked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kept: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(osmnx.settings, "use_cache", True)
    monkeypatch.setattr(osmnx.settings, "cache_folder", folder)

    new_region_from_places("r", list(PLACES), margin_m=5000)

    assert server.queries
    assert sorted(path.name for path in tmp_path.iterdir()) == (["asked for", "r"] if kept else ["r"])
    assert osmnx.settings.use_cache


def test_turn_rules_site_nodes_and_versions_are_asked_for_and_only_versions_kept(
    server: Server, tmp_path: Path
) -> None:
    told = overpass().replace('<way id="10">', '<way id="10" version="7" uid="5" user="Ann">')
    server.answers = [(200, told)]

    region = new_region_from_places(tmp_path / "r", list(PLACES), margin_m=5000)

    (query,) = server.queries
    assert 'rel["type"="restriction"](bw.roads)' in query
    assert "node(r.sites)" in query
    assert query.endswith("out meta;\n")
    kept = osmium.FileProcessor(region.folder / "overpass.osm.pbf", osmium.osm.WAY)
    assert [(way.version, way.user) for way in kept if isinstance(way, osmium.osm.Way) and way.id == 10] == [
        (7, "")
    ]


def test_a_place_that_is_not_found_or_has_no_surface_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RegionError) as caught:
        new_region_from_places(tmp_path / "r", ["West, Westland", "Nowhere", "A point"])

    assert [defect.where for defect in caught.value.defects] == ["place 'Nowhere'", "place 'A point'"]
    assert server.queries == []
    with pytest.raises(RegionError, match="expected each place once"):
        new_region_from_places(tmp_path / "r", ["West, Westland", "West, Westland"])
    with pytest.raises(RegionError, match="at least one place"):
        new_region_from_places(tmp_path / "r", [])


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (429, "Too many", "429 Too Many Requests. Remedy: the server is busy"),
        (504, "busy", "504 Gateway Timeout. Remedy: the server is busy"),
        (400, "parse error", "400 Bad Request. Remedy: check that osmnx"),
        (
            200,
            HEAD + '<remark> runtime error: Query timed out in "query" at line 2 </remark>\n</osm>\n',
            "only part of what was asked for: runtime error: Query timed out",
        ),
        (200, overpass()[:-200], "the answer is not whole"),
        (200, "<html>Please log in</html>", "the answer is not whole, or not OpenStreetMap data"),
    ],
)
def test_a_server_that_fails_leaves_no_folder_behind(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, text: str, message: str
) -> None:
    monkeypatch.setattr(osmnx.settings, "overpass_rate_limit", False)
    server.answers = [(status, text)]

    with pytest.raises(DownloadError, match=message):
        new_region_from_places(tmp_path / "r", list(PLACES))
    assert list(tmp_path.iterdir()) == []
    assert len(server.queries) == 1


def test_a_busy_server_is_asked_again_after_a_pause(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("mutualaid.data._places.time.sleep", pauses.append)
    server.answers = [(429, ""), (504, ""), (200, overpass())]

    region = new_region_from_places(tmp_path / "r", list(PLACES))

    assert len(region.jurisdictions) == 2
    assert [pause for pause in pauses if pause > 1] == [_places.BUSY_S, _places.BUSY_S]


def test_nobody_at_the_other_end_is_a_download_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osmnx.settings, "overpass_url", "http://127.0.0.1:9/api")
    with pytest.raises(DownloadError, match="did not answer as expected"):
        new_region_from_places(tmp_path / "r", list(PLACES))

    def refuse(*_words: object, **_more: object) -> None:
        raise requests.ConnectionError("refused")

    monkeypatch.setattr("osmnx._nominatim.requests.get", refuse)
    with pytest.raises(DownloadError, match="did not find out about 'West, Westland'"):
        new_region_from_places(tmp_path / "r", list(PLACES))
    assert server.queries == []
