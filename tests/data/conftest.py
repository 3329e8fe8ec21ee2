"""A tiny valid region to break: two square jurisdictions side by side at 7.42° east."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

REGION_TOML = """\
schema = 1

[region]
name = "Two towns"
crs = "EPSG:32632"
note = "Made for tests"

[jurisdictions]
file = "jurisdictions.geojson"

[stations]
file = "stations.csv"

[units]
file = "units.csv"

[demand]
file = "demand.csv"

[hospitals]
file = "hospitals.csv"

[network]
files = ["roads.osm"]

[parameters]
crossing_s = 30

[[source]]
what = "everything"
source = "made by hand"
"""
STATIONS = """\
id,name,jurisdiction,service,department,turnout_s,lon,lat
007,Harbour,W,fire,career,80,7.405,43.705
"E,1",Hill,E,fire,volunteer,,7.435,43.715
"""
UNITS = "station,kind,capabilities,count\n007,engine,water;ladder,2\n"
DEMAND = """\
id,population,jurisdiction,lon,lat
1,10,W,7.404,43.704
2,2.5,W,7.416,43.716
3,0,E,7.424,43.704
4,40,,7.436,43.716
"""
HOSPITALS = "name,lon,lat\nSt Mary,7.43,43.71\n"
ROADS = """\
<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6" generator="hand">
  <node id="1" version="1" lon="7.405" lat="43.705"/>
  <node id="2" version="1" lon="7.435" lat="43.715"/>
  <way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way>
</osm>
"""


def square(west: float, east: float, south: float = 43.70, north: float = 43.72) -> dict[str, Any]:
    """GeoJSON of a box."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def jurisdictions() -> dict[str, Any]:
    """GeoJSON of the two towns."""
    rows = [
        (
            {"id": "W", "name": "West", "country": "FR", "languages": "fr;de-CH", "population": 12.5},
            square(7.40, 7.42),
        ),
        ({"id": "E", "name": "East", "country": "MC", "population": None}, square(7.42, 7.44)),
    ]
    features = [{"type": "Feature", "properties": row, "geometry": shape} for row, shape in rows]
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture
def region_folder(tmp_path: Path) -> Path:
    """Folder of a valid region."""
    folder = tmp_path / "region"
    folder.mkdir()
    texts = {
        "region.toml": REGION_TOML,
        "stations.csv": STATIONS,
        "units.csv": UNITS,
        "demand.csv": DEMAND,
        "hospitals.csv": HOSPITALS,
        "roads.osm": ROADS,
        "jurisdictions.geojson": json.dumps(jurisdictions()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def osm_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a small OSM file: nodes (lon, lat, tags), ways (refs, tags), relations (members, tags), by id."""

    def write(
        name: str,
        *,
        nodes: Mapping[int, tuple[Any, ...]],
        ways: Mapping[int, tuple[Sequence[int], Mapping[str, str]]],
        relations: Mapping[int, tuple[Sequence[tuple[str, int, str]], Mapping[str, str]]] | None = None,
        box: tuple[float, float, float, float] | None = None,
        version: int = 1,
    ) -> Path:
        root = ET.Element("osm", version="0.6")
        if box is not None:
            sides = zip(("minlon", "minlat", "maxlon", "maxlat"), map(str, box), strict=True)
            ET.SubElement(root, "bounds", dict(sides))
        for key, (lon, lat, *tags) in sorted(nodes.items()):
            node = _element(root, "node", key, version, tags[0] if tags else {})
            node.set("lon", repr(lon))
            node.set("lat", repr(lat))
        for key, (refs, tagged) in sorted(ways.items()):
            way = _element(root, "way", key, version, tagged)
            for ref in refs:
                ET.SubElement(way, "nd", ref=str(ref))
        for key, (members, tagged) in sorted((relations or {}).items()):
            relation = _element(root, "relation", key, version, tagged)
            for kind, ref, role in members:
                ET.SubElement(relation, "member", type=kind, ref=str(ref), role=role)
        path = tmp_path / name
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
        return path

    return write


def _element(root: ET.Element, kind: str, key: int, version: int, tags: Mapping[str, str]) -> ET.Element:
    element = ET.SubElement(root, kind, id=str(key), version=str(version))
    for k, v in tags.items():
        ET.SubElement(element, "tag", k=k, v=v)
    return element
