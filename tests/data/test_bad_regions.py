# ruff: noqa: E501 - one case a line reads as a table
"""Broken regions: each has one thing wrong, and gets one message with file, place and remedy."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import osmium
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.data import check_region, read_region, write_table
from mutualaid.errors import RegionError

Break = Callable[[Path], None]


class Case(NamedTuple):
    """How a region is broken, and words of its one defect: file, place, expected, got, remedy."""

    name: str
    change: Break
    file: str
    where: str
    expected: str
    got: str
    remedy: str


def replace(file: str, old: str, new: str) -> Break:
    """Replace a text in a file."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return change


def write(file: str, content: str | bytes) -> Break:
    """Replace a file."""

    def change(folder: Path) -> None:
        (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def toml(old: str, new: str) -> Break:
    """Replace a text in region.toml."""
    return replace("region.toml", old, new)


def stations_file(name: str) -> Break:
    """Name another file of stations."""
    return toml("stations.csv", name)


def areas(edit: Callable[[Any], object]) -> Break:
    """Edit the GeoJSON of the jurisdictions."""

    def change(folder: Path) -> None:
        path = folder / "jurisdictions.geojson"
        content = json.loads(path.read_text(encoding="utf-8"))
        edit(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return change


def prop(name: str, value: object, feature: int = 0) -> Break:
    """Set a property of a jurisdiction."""
    return areas(lambda content: content["features"][feature]["properties"].__setitem__(name, value))


def shape(value: object) -> Break:
    """Set the geometry of the first jurisdiction."""
    return areas(lambda content: content["features"][0].__setitem__("geometry", value))


def ring(*points: tuple[float, float]) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": [[list(point) for point in (*points, points[0])]]}


def square(west: float, east: float) -> dict[str, object]:
    return ring((west, 43.70), (east, 43.70), (east, 43.72), (west, 43.72))


def both(first: Break, second: Break) -> Break:
    """Break two files, which together are one thing."""

    def change(folder: Path) -> None:
        first(folder)
        second(folder)

    return change


def without_end(file: str, size: int) -> Break:
    """Cut the last bytes off a file."""
    return lambda folder: write(file, (folder / file).read_bytes()[:-size])(folder)


def directory(folder: Path) -> None:
    (folder / "stations.csv").unlink()
    (folder / "stations.csv").mkdir()


def status(folder: Path) -> None:
    replace("stations.csv", "turnout_s,", "status,turnout_s,")(folder)
    replace("stations.csv", "career,80", "career,open,80")(folder)
    replace("stations.csv", "volunteer,,", "volunteer,,,")(folder)


def symlink(folder: Path) -> None:
    outside = folder.parent / "outside.csv"
    (folder / "stations.csv").rename(outside)
    (folder / "stations.csv").symlink_to(outside)


def fifo(folder: Path) -> None:
    (folder / "stations.csv").unlink()
    os.mkfifo(folder / "stations.csv")


def swap_all(folder: Path) -> None:
    replace("demand.csv", "jurisdiction,lon,lat", "jurisdiction,lat,lon")(folder)


def pbf(damage: Callable[[bytes], bytes]) -> Break:
    """Use a .osm.pbf of which some bytes are lost."""

    def change(folder: Path) -> None:
        path = folder / "roads.osm.pbf"
        with osmium.SimpleWriter(str(path)) as writer:
            for entity in osmium.FileProcessor(str(folder / "roads.osm")):
                writer.add(entity)
        path.write_bytes(damage(path.read_bytes()))
        toml("roads.osm", "roads.osm.pbf")(folder)

    return change


def bare_geopackage(folder: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"id": ["a"], "service": ["fire"]}, geometry=gpd.points_from_xy([7.41], [43.71]), crs=4326
    )
    path = write_table(frame, folder / "s.gpkg")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE gpkg_contents SET srs_id = -1")
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = -1")
    replace("units.csv", "007,engine", "a,engine")(folder)
    stations_file("s.gpkg")(folder)


def lake(geometry: object = None, **properties: object) -> dict[str, object]:
    """A feature of the ground: a lake in the first jurisdiction, unless told otherwise."""
    row = {"kind": "water", "name": ""} | properties
    return {"type": "Feature", "properties": row, "geometry": geometry or square(7.405, 7.41)}


def ground(*features: object) -> Break:
    """Add a ground of these features; without any, only its name."""

    def change(folder: Path) -> None:
        toml("[network]", '[ground]\nfile = "ground.geojson"\n\n[network]')(folder)
        if features != (None,):
            write(G, json.dumps({"type": "FeatureCollection", "features": features}))(folder)

    return change


J, S, D, U, T = "jurisdictions.geojson", "stations.csv", "demand.csv", "units.csv", "region.toml"
G = "ground.geojson"
RIVER = {"type": "LineString", "coordinates": [[7.40, 43.70], [7.42, 43.72]]}
SPOT = {"type": "Point", "coordinates": [7.41, 43.71]}
STANDARD = """\
[[standard]]
id = "a"
name = "A"
service = "fire"
start = "received"
end = "arrived"
limit_s = 600
"""
WIDER = ring((7.40, 43.70), (7.43, 43.70), (7.43, 43.72), (7.42, 43.72), (7.40, 43.72))
LINKED = {"type": "link", "properties": {"href": "http://example.org"}}
SECOND_WEST = {"type": "Feature", "properties": {"id": "V"}, "geometry": square(7.40, 7.42)}
BOWTIE = ring((7.40, 43.70), (7.42, 43.72), (7.42, 43.70), (7.40, 43.72))
PLAIN = "a plain path inside the region folder"
COPY = "copy the file into the region folder"

CASES = [
    # region.toml
    Case("toml syntax", toml('name = "Two towns"', "name = Two towns"), T, "line 4", "TOML", "Invalid value", "double quotes"),
    Case("toml key twice", toml("schema = 1", "schema = 1\nschema = 1"), T, "line 2", "TOML", "overwrite", "correct the line"),
    Case("toml in Latin-1", write(T, "schema = 1\n# é\n".encode("latin-1")), T, "line 2", "UTF-8", "0xe9", "UTF-8"),
    Case("newer schema", toml("schema = 1", "schema = 2"), T, "schema", "1", "2", ""),
    Case("no schema", toml("schema = 1", ""), T, "", "schema = 1", "nothing", "add it"),
    Case("no section", toml('[demand]\nfile = "demand.csv"', ""), T, "", "[demand]", "nothing", "add it"),
    Case("no file key", toml('file = "demand.csv"', ""), T, "[demand]", "a key file", "nothing", "add it"),
    Case("unknown key", toml("crossing_s", "crosing_s"), T, "[parameters]", "keys", "'crosing_s'", "did you mean crossing_s"),
    Case("unknown section", toml("[parameters]", "[parameter]"), T, "", "keys", "'parameter'", "did you mean parameters"),
    Case("number as text", toml("crossing_s = 30", 'crossing_s = "30"'), T, "[parameters] crossing_s", "number", "'30'", "without quotes"),
    Case("parameter NaN", toml("crossing_s = 30", "crossing_s = nan"), T, "[parameters] crossing_s", "finite", "nan", ""),
    Case("parameter infinite", toml("crossing_s = 30", "crossing_s = inf"), T, "[parameters] crossing_s", "finite", "inf", ""),
    Case("negative delay", toml("crossing_s = 30", "crossing_s = -30"), T, "[parameters] crossing_s", "greater than or equal to 0", "-30", "correct"),
    Case("unknown profile", toml("crossing_s = 30", 'profile = "fire engine"'), T, "[parameters] profile", "'fire_engine'", "'fire engine'", "did you mean fire_engine"),
    Case("unknown department", toml("crossing_s = 30", "turnout_s = { carer = 80 }"), T, "[parameters] turnout_s.carer", "'career'", "'carer'", "did you mean career"),
    Case("standard for nobody", toml("crossing_s = 30", 'local_standards = { X = "own" }'), T, "[parameters] local_standards", "id of a jurisdiction", "'X'", "correct the id"),
    Case("control character", toml("Two towns", "Two\\u0007towns"), T, "[region] name", "control characters", "\\x07", ""),
    Case("source date", toml('source = "made by hand"', 'source = "x"\ndate = "5 May"'), T, "[[source]] 1, date", "ISO 8601", "'5 May'", "2016-03"),
    Case("source of nobody", toml('source = "made by hand"', ''), T, "[[source]] 1", "a key source", "nothing", "add"),
    Case("standard twice", toml("[[source]]", STANDARD * 2 + "[[source]]"), T, "[[standard]] id", "once", "a twice", "rename"),
    Case("standard of other end", toml("[[source]]", STANDARD.replace("arrived", "rolling") + "[[source]]"), T, "[[standard]] 1, end", "'arrived'", "'rolling'", ""),
    # CRS of the region
    Case("CRS not projected", toml("32632", "4326"), T, "[region] crs", "projected CRS in metres", "not projected", "UTM"),
    Case("CRS in feet", toml("32632", "2263"), T, "[region] crs", "projected CRS in metres", "foot", "UTM"),
    Case("CRS of Web Mercator", toml("32632", "3857"), T, "[region] crs", "true to scale", "wrong by 38%", "UTM"),
    Case("CRS of another place", toml("32632", "32656"), T, "[region] crs", "true to scale", "EPSG:32656", "UTM"),
    Case("CRS unknown", toml("32632", "99999"), T, "[region] crs", "PROJ knows", "EPSG:99999", "epsg.org"),
    Case("CRS as a definition", toml("EPSG:32632", "+proj=utm +zone=32 +nadgrids=@http://x"), T, "[region] crs", "authority and code", "+proj", "EPSG:32632"),
    # paths
    Case("missing file", stations_file("station.csv"), T, "[stations] file", "exists", "'station.csv'", "add the file"),
    Case("absolute path", stations_file("/etc/passwd"), T, "[stations] file", PLAIN, "/etc/passwd", COPY),
    Case("path upwards", stations_file("../region/stations.csv"), T, "[stations] file", PLAIN, "../region", COPY),
    Case("path up and down", stations_file("a/../stations.csv"), T, "[stations] file", PLAIN, "a/..", COPY),
    Case("home", stations_file("~/stations.csv"), T, "[stations] file", PLAIN, "~/", COPY),
    Case("drive letter", stations_file("C:/stations.csv"), T, "[stations] file", PLAIN, "C:/", COPY),
    Case("backslash", stations_file("a\\\\stations.csv"), T, "[stations] file", PLAIN, "stations.csv", COPY),
    Case("URL", stations_file("https://example.org/stations.csv"), T, "[stations] file", PLAIN, "https:", COPY),
    Case("curl", stations_file("/vsicurl/https://example.org/s.csv"), T, "[stations] file", PLAIN, "/vsicurl", COPY),
    Case("zip", stations_file("/vsizip/s.zip/s.csv"), T, "[stations] file", PLAIN, "/vsizip", COPY),
    Case("archive", stations_file("s.zip!stations.csv"), T, "[stations] file", PLAIN, "s.zip!", COPY),
    Case("connection", stations_file("PG:host=example.org"), T, "[stations] file", PLAIN, "PG:", COPY),
    Case("driver prefix", stations_file("CSV:stations.csv"), T, "[stations] file", PLAIN, "CSV:", COPY),
    Case("NUL in path", stations_file("a\\u0000.csv"), T, "[stations] file", "control characters", "\\x00", "correct"),
    Case("symlink out", symlink, T, "[stations] file", "leads out", "stations.csv", "copy of the file"),
    Case("folder", directory, T, "[stations] file", "a folder or a device", S, "name a file"),
    Case("pipe", fifo, T, "[stations] file", "a folder or a device", S, "name a file"),
    # whole files
    Case("unknown format", both(write("s.shp", b"x"), stations_file("s.shp")), "s.shp", "", ".gpkg", "s.shp", "convert"),
    Case("CSV in Windows-1252", write(S, "id,name,service,lon,lat\n007,A,fire,7.41,43.71\nb,Köln,fire,7.41,43.71\n".encode("cp1252")), S, "line 3", "UTF-8", "0xf6", "UTF-8"),
    Case("CSV in UTF-16", write(S, "id,service\n".encode("utf-16")), S, "", "UTF-8", "UTF-16", "UTF-8"),
    Case("CSV empty", write(D, ""), D, "row 1", "header", "an empty file", "first row"),
    Case("CSV without rows", write(D, "id,population,lon,lat\n"), D, "", "at least one row", "empty table", "add rows"),
    Case("CSV column twice", replace(D, "id,population", "population,population"), D, "row 1", "once", "'population' twice", "first row"),
    Case("CSV row too long", replace(D, "1,10,W", "1,10,5,W"), D, "row 2", "5 fields", "6", "double quotes"),
    Case("CSV open quote", replace(D, "1,10,W", '1,10,"W'), D, "line 5", "comma-separated", "end of data", "quotes"),
    Case("column missing", replace(D, "id,population", "id,weight"), D, "row 1", "a column population", "weight", "add the column"),
    Case("column in capitals", replace(D, "id,population", "id,Population"), D, "row 1", "a column population", "Population", "rename the column 'Population'"),
    Case("optional column misspelt", replace(S, "department", "departement"), S, "row 1", "a column department", "departement", "rename the column 'departement'"),
    Case("weight column missing", toml('file = "demand.csv"', 'file = "demand.csv"\nweight = "people"'), D, "row 1", "a column people", "population", "correct the key weight"),
    Case("CSV without lon and lat", replace(S, "lon,lat", "longitude,latitude"), S, "row 1", "columns lon and lat", "longitude", "name the columns lon and lat"),
    Case("polygons in CSV", both(write("j.csv", "id,name\nW,West\nE,East\n"), toml(J, "j.csv")), "j.csv", "", "polygons", "a CSV", "GeoJSON"),
    Case("layer of a CSV", toml('file = "demand.csv"', 'file = "demand.csv"\nlayer = "x"'), D, "", "only a GeoPackage", "layer 'x'", "remove the key layer"),
    Case("GeoJSON in Latin-1", lambda folder: write(J, (folder / J).read_bytes().replace(b"West", b"W\xe9st"))(folder), J, "line 1", "UTF-8", "0xe9", "UTF-8"),
    Case("GeoJSON number without end", replace(J, "12.5", "9" * 5000), J, "", "GeoJSON", "thousands of digits", "export the layer again"),
    Case("GeoJSON cut off", without_end(J, 40), J, "line 1", "GeoJSON", "", "export the layer again"),
    Case("GeoJSON without end", write(J, "[" * 100_000), J, "", "GeoJSON", "nesting", "export the layer again"),
    Case("GeoJSON of one geometry", write(J, '{"type": "Point", "coordinates": [7, 43]}'), J, "", "FeatureCollection", "another kind", "export the layer again"),
    Case("GeoJSON with a linked CRS", areas(lambda content: content.update(crs=LINKED)), J, "crs", "named CRS", "link", "EPSG:4326"),
    Case("GeoPackage truncated", both(write("s.gpkg", b"SQLite format 3\0" + b"\0" * 52 + b"GPKG" + b"\0" * 40), stations_file("s.gpkg")), "s.gpkg", "", "a GeoPackage that opens", "", "export the layer again"),
    Case("GeoPackage that is none", both(write("s.gpkg", b"<html>404</html>"), stations_file("s.gpkg")), "s.gpkg", "", "a GeoPackage", "another kind", "export the layer again"),
    Case("GeoPackage without CRS", bare_geopackage, "s.gpkg", "", "coordinate reference system", "none", "crs = "),
    Case("GeoParquet that is none", both(write("s.parquet", b"PAR1"), stations_file("s.parquet")), "s.parquet", "", "GeoParquet", "", "export the table again"),
    Case("no jurisdictions", areas(lambda content: content["features"].clear()), J, "", "at least one row", "an empty table", "add rows"),
    # ids and texts
    Case("id twice", replace(S, '"E,1"', "007"), S, "row 2, row 3", "each id once", "'007' 2 times", "id of its own"),
    Case("id empty", replace(S, '"E,1"', " "), S, "row 3, column id", "a text", "' '", "fill it in"),
    Case("id with a semicolon", replace(S, '"E,1"', "E;1"), S, "row 3 (id E;1), column id", "without ;", "'E;1'", "another character"),
    Case("id of another kind", prop("name", ["a"]), J, "feature 1 (id W), column name", "a text", "['a']", "type text"),
    Case("NUL in a name", replace(S, "Harbour", "Har\0bour"), S, "row 2 (id 007), column name", "control characters", "\\x00", "remove"),
    Case("escape in a name", prop("name", "We\u001b[31mst"), J, "feature 1 (id W), column name", "control characters", "\\x1b", "remove"),
    Case("half a character", prop("name", "We\ud800st"), J, "feature 1 (id W), column name", "control characters", "\\ud800", "remove"),
    Case("name without end", replace(S, "Harbour", "H" * 201), S, "row 2 (id 007), column name", "200 characters", "…", "shorten"),
    Case("country in words", prop("country", "France"), J, "feature 1 (id W), column country", "two capital letters", "'France'", "leave it empty"),
    Case("language in words", prop("languages", "fr, Italian"), J, "feature 1 (id W), column languages", "fr;de-CH", "'fr, Italian'", "correct it"),
    Case("flag in words", prop("completed", "maybe"), J, "feature 1 (id W), column completed", "true or false", "'maybe'", "write one"),
    Case("unknown service", replace(S, "W,fire", "W,police"), S, "row 2 (id 007), column service", "fire, ems, rescue", "'police'", "small letters"),
    Case("service empty", replace(S, "W,fire", "W,"), S, "row 2 (id 007), column service", "a text", "''", "fill it in"),
    Case("unknown department", replace(S, "career", "Career"), S, "row 2 (id 007), column department", "career, volunteer", "'Career'", "small letters"),
    Case("unknown status", status, S, "row 2 (id 007), column status", "active, planned, closed", "'open'", "small letters"),
    Case("unknown jurisdiction", replace(S, "Harbour,W", "Harbour,w"), S, "row 2 (id 007), column jurisdiction", "id of a jurisdiction", "'w'", "use one of W, E"),
    Case("unknown station", replace(U, "007,", "7,"), U, "row 2, column station", "id of a station", "'7'", "use one of 007, E,1"),
    # numbers
    Case("negative population", replace(D, "1,10,W", "1,-10,W"), D, "row 2 (id 1), column population", "0…1e+09", "-10", "correct the number"),
    Case("population NaN", replace(D, "1,10,W", "1,NaN,W"), D, "row 2 (id 1), column population", "a number", "'NaN'", "plain digits"),
    Case("population missing", replace(D, "1,10,W", "1,,W"), D, "row 2 (id 1), column population", "a number", "nothing", "fill it in"),
    Case("population infinite", replace(D, "1,10,W", "1,1e999,W"), D, "row 2 (id 1), column population", "0…1e+09", "'1e999'", "correct the number"),
    Case("population huge", prop("population", 10**400), J, "feature 1 (id W), column population", "0…1e+09", "1000", "correct the number"),
    Case("population of the world", replace(D, "1,10,W", "1,8e9,W"), D, "row 2 (id 1), column population", "0…1e+09", "8e9", "correct the number"),
    Case("decimal comma", replace(D, "1,10,W", '1,"1,5",W'), D, "row 2 (id 1), column population", "a number such as 1.5", "'1,5'", "decimal point"),
    Case("number and text mixed", prop("population", "many"), J, "feature 1 (id W), column population", "a number", "'many'", "plain digits"),
    Case("true is no number", prop("population", value=True), J, "feature 1 (id W), column population", "a number", "True", "plain digits"),
    Case("half a unit", replace(U, "ladder,2", "ladder,1.5"), U, "row 2, column count", "whole number", "1.5", "correct the number"),
    Case("turnout in the past", replace(S, "career,80", "career,-1"), S, "row 2 (id 007), column turnout_s", "0…3600", "-1", "correct the number"),
    Case("turnout of hours", replace(S, "career,80", "career,3601"), S, "row 2 (id 007), column turnout_s", "0…3600", "3601", "correct the number"),
    # geometry
    Case("polygon missing", shape(None), J, "feature 1 (id W), column geometry", "a polygon", "nothing", "draw it"),
    Case("polygon empty", shape({"type": "Polygon", "coordinates": []}), J, "feature 1 (id W), column geometry", "a polygon", "nothing", "draw it"),
    Case("polygon of texts", shape({"type": "Polygon", "coordinates": "x"}), J, "feature 1 (id W), column geometry", "a GeoJSON geometry", "Polygon", "export"),
    Case("line for a polygon", shape({"type": "LineString", "coordinates": [[7.40, 43.70], [7.42, 43.72]]}), J, "feature 1 (id W), column geometry", "a polygon", "LineString", "use areas"),
    Case("polygon crossing itself", shape(BOWTIE), J, "feature 1 (id W), column geometry", "a valid polygon", "Self-intersection[7.41 43.71]", "Fix geometries"),
    Case("overlapping polygons", shape(WIDER), J, "feature 1 (id W), feature 2 (id E)", "do not overlap", "m wide, near lon 7.42", "Difference"),
    Case("the same polygon twice", areas(lambda content: content["features"].append(SECOND_WEST)), J, "feature 1 (id W), feature 3 (id V)", "do not overlap", "3,58", "Difference"),
    Case("coordinate out of range", replace(S, "43.705", "437.05"), S, "row 2 (id 007), column geometry", "latitude within ±90", "437.05", "decimal point"),
    Case("metres for degrees", write(D, "id,population,lon,lat\n1,5,371000,4840000\n2,5,371100,4840000\n"), D, "columns lon, lat", "latitude within ±90", "371000, 4.84e+06", "state the CRS"),
    Case("coordinate missing", replace(S, "7.405,43.705", "7.405,"), S, "row 2 (id 007), column geometry", "a point", "nothing", "fill in"),
    Case("coordinate in words", replace(S, "43.705", "43°42'N"), S, "row 2 (id 007), column lat", "a number such as 7.42", "43°42", "decimal point"),
    Case("station outside", replace(S, "7.405,43.705", "7.5,43.705"), S, "row 2 (id 007)", "inside a jurisdiction", "km outside all", "add the jurisdiction"),
    Case("demand outside", replace(D, "7.436,43.716", "7.436,43.9"), D, "row 5 (id 4)", "inside a jurisdiction", "20.0 km outside all", "add the jurisdiction"),
    Case("all demand elsewhere", write(D, "id,population,lon,lat\n1,5,17.4,43.7\n2,5,17.5,43.7\n"), D, "columns lon, lat", "inside the jurisdictions", "all of them outside", "its CRS"),
    Case("station in the other jurisdiction", replace(S, "7.405,43.705", "7.43,43.705"), S, "row 2 (id 007), column jurisdiction", "the point lies in", "'W', but it lies in 'E'", "correct the id"),
    Case("one point swapped", replace(S, "7.405,43.705", "43.705,7.405"), S, "row 2 (id 007)", "inside a jurisdiction", "lon and lat swapped", "exchange"),
    Case("all points swapped", swap_all, D, "columns lon, lat", "inside the jurisdictions", "lon and lat swapped", "exchange"),
    Case("cells without width", write(D, "id,population,lon,lat,cell_x,cell_y\n1,5,7.41,43.71,371000,4840000\n"), T, "[demand]", "cell_m", "cell_x and cell_y alone", "width"),
    Case("cell elsewhere", both(write(D, "id,population,lon,lat,cell_x,cell_y\n1,5,7.41,43.71,7.409,43.709\n2,5,7.41,43.71,371850,4840850\n"), toml('file = "demand.csv"', 'file = "demand.csv"\ncell_m = 100')), D, "row 2 (id 1), column cell_x, cell_y", "lower left corner", "7.409", "metres of the region's CRS"),
    # ground and names in other languages
    Case("ground missing", ground(None), T, "[ground] file", "exists", "ground.geojson", "add the file"),
    Case("ground of another kind", ground(lake(kind="marsh")), G, "feature 1, column kind", "water, river, coast, place", "'marsh'", "write one"),
    Case("ground without kind", ground(lake(kind=None)), G, "feature 1, column kind", "a text", "nothing", "fill it in"),
    Case("lake as a line", ground(lake(geometry=RIVER)), G, "feature 1, column geometry", "a polygon", "LineString", "correct the column kind"),
    Case("river as a surface", ground(lake(kind="river")), G, "feature 1, column geometry", "a line", "Polygon", "correct the column kind"),
    Case("place as a line", ground(lake(kind="place", name="A", geometry=RIVER)), G, "feature 1, column geometry", "a point", "LineString", "correct the column kind"),
    Case("place without a name", ground(lake(kind="place", geometry=SPOT)), G, "feature 1, column name", "the name of a place", "nothing", "remove the row"),
    Case("place in capitals", ground(lake(kind="place", name="A", place="Town", geometry=SPOT)), G, "feature 1, column place", "small letters", "'Town'", "leave it empty"),
    Case("lake crossing itself", ground(lake(geometry=BOWTIE)), G, "feature 1, column geometry", "a valid polygon", "Self-intersection", "Fix geometries"),
    Case("ground elsewhere", ground(lake(geometry=square(9.40, 9.42))), G, "geometry", "ground of the region", "nearest 157.", "of this region"),
    Case("half a lake's name", ground(lake(name_fr="La\x07c")), G, "feature 1, column name_fr", "control characters", "\\x07", "remove"),
    Case("language as OpenStreetMap has it", prop("name:fr", "Ouest"), J, "", "a column name_fr", "'name:fr'", "rename the column 'name:fr'"),
    Case("language in capitals", replace(S, "id,name,", "id,NAME_DE,"), S, "row 1", "a column name_de", "'NAME_DE'", "rename the column 'NAME_DE'"),
    Case("name in French without end", prop("name_fr", "O" * 201), J, "feature 1 (id W), column name_fr", "200 characters", "…", "shorten"),
    # roads
    Case("roads missing", toml("roads.osm", "roads.osm.pbf"), T, "[network] files", "exists", "roads.osm.pbf", "add the file"),
    Case("no roads", toml('files = ["roads.osm"]', "files = []"), T, "[network] files", "at least 1 item", "[]", ""),
    Case("roads twice", toml('files = ["roads.osm"]', 'files = ["roads.osm", "roads.osm"]'), T, "[network] files", "once", "roads.osm twice", "remove one"),
    Case("roads as shapefile", both(write("roads.shp", b"x"), toml("roads.osm", "roads.shp")), "roads.shp", "", ".osm.pbf", "roads.shp", "convert"),
    Case("pbf cut inside a block", pbf(lambda data: data[:-5]), "roads.osm.pbf", "", "a whole .osm.pbf", "truncated at byte", "download"),
    Case("pbf cut after its header", pbf(lambda data: data[: 4 + data[3] + data[4:].index(b"OSMData") - data[3] - 6]), "roads.osm.pbf", "", "a whole .osm.pbf", "", "download"),
    Case("pbf empty", pbf(lambda _: b""), "roads.osm.pbf", "", "a whole .osm.pbf", "an empty file", "download"),
    Case("pbf that is a web page", pbf(lambda _: b"<html>404</html>"), "roads.osm.pbf", "", "a whole .osm.pbf", "another kind of file", "download"),
    Case("osm cut off", without_end("roads.osm", 12), "roads.osm", "", "a whole XML file", "a truncated file", "download"),
    Case("osm that is GraphML", write("roads.osm", "<graphml></graphml>"), "roads.osm", "", "a whole XML file", "another kind of file", "download"),
    Case("osm that expands", write("roads.osm", '<?xml version="1.0"?><!DOCTYPE osm [<!ENTITY a "b">]><osm></osm>'), "roads.osm", "", "a whole XML file", "document type", "download"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_thing_wrong_gives_one_clear_message(region_folder: Path, case: Case) -> None:
    assert check_region(region_folder) == []
    case.change(region_folder)

    defects = check_region(region_folder)

    assert len(defects) == 1, "\n".join(map(str, defects))
    defect = defects[0]
    assert (defect.file, defect.where) == (case.file, case.where)
    assert case.expected in defect.expected
    assert case.got in defect.got
    assert case.remedy in defect.remedy
    assert str(defect).isprintable()
    assert len(str(defect)) < 600
    with pytest.raises(RegionError) as caught:
        read_region(region_folder)
    assert list(caught.value.defects) == defects


def test_all_defects_of_all_files_are_reported_at_once(region_folder: Path) -> None:
    toml("crossing_s = 30", "crossing_s = -30")(region_folder)
    toml("crossing_s = -30", 'crossing_s = -30\nservice = "Fire"')(region_folder)
    toml("units.csv", "../units.csv")(region_folder)
    prop("population", -1)(region_folder)
    shape(BOWTIE)(region_folder)
    replace(S, "Harbour,W,fire,career,80", "Harbour,X,police,carer,-5")(region_folder)
    replace(D, "2,2.5,W", "1,2.5,E")(region_folder)
    replace(D, "7.436,43.716", "8.436,43.716")(region_folder)
    write("hospitals.csv", "name,lon,lat\nK\xf6ln,7,43\n".encode("latin-1"))(region_folder)
    write("roads.osm", "")(region_folder)

    found = {(defect.file, defect.where) for defect in check_region(region_folder)}

    assert found == {
        (T, "[parameters] crossing_s"),
        (T, "[parameters] service"),
        (T, "[units] file"),
        (J, "feature 1 (id W), column population"),
        (J, "feature 1 (id W), column geometry"),
        (S, "row 2 (id 007), column jurisdiction"),
        (S, "row 2 (id 007), column service"),
        (S, "row 2 (id 007), column department"),
        (S, "row 2 (id 007), column turnout_s"),
        (D, "row 2, row 3"),
        (D, "row 3 (id 1), column jurisdiction"),
        (D, "row 5 (id 4)"),
        ("hospitals.csv", "line 2"),
        ("roads.osm", ""),
    }


def test_a_table_that_cannot_be_read_hides_no_defect_of_the_others(region_folder: Path) -> None:
    write(J, "{")(region_folder)
    replace(S, "W,fire", "W,police")(region_folder)
    replace(U, "007,", "008,")(region_folder)

    found = {(defect.file, defect.where) for defect in check_region(region_folder)}

    assert found == {
        (J, "line 1"),
        (S, "row 2 (id 007), column service"),
        (U, "row 2, column station"),
    }


def test_many_defects_of_one_kind_are_counted_and_none_is_dropped(region_folder: Path) -> None:
    rows = "".join(f"{number},engine,water,1\n" for number in range(1000))
    write(U, "station,kind,capabilities,count\n" + rows)(region_folder)
    copies = [{**SECOND_WEST, "properties": {"id": str(number)}} for number in range(8)]
    areas(lambda content: content.update(features=[*content["features"], *copies]))(region_folder)

    defects = check_region(region_folder)
    units = [defect for defect in defects if defect.file == U]
    overlaps = [defect for defect in defects if defect.file == J]

    assert len(units) == 21
    assert (units[-1].where, units[-1].got) == ("rows 22 to 1001, column station", "980 more of the same")
    # West and its eight copies make 36 pairs.
    assert len(overlaps) == 21
    assert overlaps[-1].got == "16 more pairs that do"


def test_nothing_outside_the_folder_is_opened(region_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "jurisdictions.geojson",
        "stations.csv",
        "demand.csv",
        "units.csv",
        "hospitals.csv",
        "roads.osm",
    ):
        toml(f'"{name}"', f'"../{name}"')(region_folder)
        (region_folder / name).rename(region_folder.parent / name)
    opened: list[str] = []
    original = Path.open

    def spy(self: Path, *args: Any, **options: Any) -> Any:
        opened.append(self.name)
        return original(self, *args, **options)

    monkeypatch.setattr(Path, "open", spy)
    defects = check_region(region_folder)

    assert len(defects) == 6
    assert set(opened) <= {"region.toml"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_is_reported_and_never_crashes(region_folder: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(region_folder.iterdir())))
    whole = path.read_bytes()
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, min(len(whole), begin + 20)))
    pieces = [
        b"",
        b"\0",
        b"\xff",
        b'"',
        b",",
        b"\n",
        b"[",
        b"{",
        b"null",
        b"NaN",
        b"1e999",
        b"-",
        b"9" * 5000,
        b"\\ud800",
    ]
    path.write_bytes(whole[:begin] + data.draw(st.sampled_from(pieces)) + whole[end:])

    try:
        defects = check_region(region_folder)
    finally:
        path.write_bytes(whole)

    assert all(str(defect).isprintable() and len(str(defect)) < 1000 for defect in defects)
