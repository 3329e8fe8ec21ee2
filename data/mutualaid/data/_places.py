"""Makes a region folder out of place names: polygons from Nominatim, all else from Overpass at once."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import requests
import shapely

from mutualaid.data._boundaries import Unit, assemble_units
from mutualaid.data._model import ROAD_CLASSES, Region
from mutualaid.data._new import (
    MARGIN_M,
    Progress,
    beyond,
    check_folder,
    check_numbers,
    figures_source,
    make,
    moved,
    read_figures,
    staged,
)
from mutualaid.data._osm_read import Element, Extract
from mutualaid.data._osm_region import jurisdictions_frame
from mutualaid.data._osm_roads import Box, reading
from mutualaid.data._region import read_region
from mutualaid.errors import Defect, DownloadError, RegionError

__all__ = ["new_region_from_places"]

#: Seconds to wait before asking a busy Overpass server again, and how often.
BUSY_S = 60.0
TRIES = 3

_EXTRACT = "overpass.osm.pbf"


def new_region_from_places(
    folder: Path | str,
    places: Sequence[str],
    *,
    name: str | None = None,
    populations: Mapping[str, float] | Path | str | None = None,
    partners: Mapping[str, str] | None = None,
    cell_m: float = 100.0,
    margin_m: float = MARGIN_M,
    progress: Progress | None = None,
) -> Region:
    """Make a region folder out of the names of its jurisdictions.

    Each place becomes a jurisdiction, with the polygon that Nominatim has for it. Roads up to `margin_m`
    beyond them, buildings, stations, hospitals, water and settlements come from Overpass in one request. What
    came is kept in the folder as ``overpass.osm.pbf``. Servers, headers, timeout and memory limit are those of
    `osmnx.settings`, and so is the cache of place names, unless its folder is OSMnx's default in the working
    directory.

    Parameters
    ----------
    folder
        Folder to make; it must not exist, or be empty. It appears only when all went well.
    places
        What one would type into a search box, each once: ``Haparanda, Sweden``.
    name
        Name of the region; by default the places.
    populations, partners, cell_m, progress
        As for `new_region`.
    margin_m
        How far roads are fetched beyond the places, in metres.

    Returns
    -------
    Region
        As read back from the folder.

    Raises
    ------
    DownloadError
        A server did not answer in time, was busy, or gave only part of what was asked for.
    RegionError
        A place is not found or has no surface; the folder is not empty.
    OsmError
        No road or station was found there.

    Examples
    --------
    >>> places = ["Haparanda, Sweden", "Tornio, Finland"]
    >>> region = new_region_from_places("twin-city", places)  # doctest: +SKIP
    """
    folder = Path(folder)
    defects = check_folder(folder) + check_numbers(cell_m=cell_m, margin_m=margin_m)
    if not places:
        defects.append(
            Defect("", "places", "at least one place", "none", "name one, such as Haparanda, Sweden")
        )
    if defects:
        raise RegionError(defects)
    figures = read_figures(populations)
    tell = progress or (lambda _what, _share: None)
    tell("looking up places", 0.0)
    found = _geocode(places)
    box: Box = tuple(found.total_bounds)  # type: ignore[assignment]
    wide = beyond(box, margin_m)

    def choose(extract: Extract) -> tuple[gpd.GeoDataFrame, list[str]]:
        units = [_unit(row, extract) for row in found.itertuples()]
        countries = _countries(extract)
        return jurisdictions_frame(extract, units, countries, populations=figures, partners=partners or {})

    with staged(folder) as stage:
        tell("downloading the map", 0.05)
        xml = stage / "overpass.osm"
        _download(_query(found, box, wide), xml)
        _save(xml, stage / _EXTRACT, wide)
        xml.unlink()
        make(
            stage,
            [stage / _EXTRACT],
            choose,
            name=name or "; ".join(places),
            given_in=figures_source(populations),
            area=None,
            cell_m=cell_m,
            road_box=None,
            progress=None if progress is None else lambda what, share: progress(what, 0.3 + 0.7 * share),
        )
        region = read_region(stage)
    return moved(region, folder)


# --- Nominatim ---


def _geocode(places: Sequence[str]) -> gpd.GeoDataFrame:
    # One row a place: name, osm_type, osm_id, polygon in degrees.
    import osmnx

    rows, defects = [], []
    for place in places:
        try:
            with _no_unasked_cache():
                rows.append(osmnx.geocoder.geocode_to_gdf(place))
        except (TypeError, osmnx._errors.InsufficientResponseError):  # noqa: SLF001 - not exported elsewhere
            defects.append(
                Defect(
                    "",
                    f"place {place!r}",
                    "a place with a boundary",
                    "nothing of the kind",
                    "add its country, or spell it as the map does",
                )
            )
        except (requests.RequestException, osmnx._errors.ResponseStatusCodeError, ValueError) as error:  # noqa: SLF001
            raise DownloadError(
                f"{osmnx.settings.nominatim_url} did not find out about {place!r}: {error}"
            ) from error
    if defects:
        raise RegionError(defects)
    found = gpd.GeoDataFrame(pd.concat(rows, ignore_index=True), crs=4326)
    twice = found["osm_id"].duplicated()
    if twice.any():
        raise RegionError(
            [
                Defect(
                    "",
                    f"place {places[at]!r}",
                    "each place once",
                    "the same place as another",
                    "leave one of them out",
                )
                for at in np.flatnonzero(twice).tolist()
            ]
        )
    return found


@contextmanager
def _no_unasked_cache() -> Iterator[None]:
    # By default OSMnx makes a folder "cache" wherever the user happens to be; another one was asked for.
    import osmnx

    settings = osmnx.settings
    asked = settings.use_cache
    settings.use_cache = asked and Path(settings.cache_folder) != Path("cache")
    try:
        yield
    finally:
        settings.use_cache = asked


def _unit(place: Any, extract: Extract) -> Unit:
    # The boundary as mapped, if it is a relation, tells population and centre; the polygon is Nominatim's.
    osm_id, shown = int(place.osm_id), str(place.display_name)
    known = extract.boundaries.get(osm_id) if place.osm_type == "relation" else None
    name = str(getattr(place, "name", "") or shown.split(",")[0])
    tags = {"admin_level": "11", **(known.tags if known else {}), "name": name}
    members = known.members if known else ()
    element = Element(str(place.osm_type)[0], osm_id, 0, tags, members=members)
    return Unit(element, int(tags["admin_level"]), place.geometry, completed=False)


def _countries(extract: Extract) -> list[Unit]:
    units, _ = assemble_units(extract, 2)
    alone = [element for element in extract.boundaries.values() if element.tags["admin_level"] == "2"]
    if not units and len(alone) == 1:  # no border in sight: all of it lies in one country
        return [Unit(alone[0], 2, shapely.box(-180, -90, 180, 90), completed=True)]
    return units


# --- Overpass ---


def _query(found: gpd.GeoDataFrame, box: Box, wide: Box) -> str:
    import osmnx

    limit = osmnx.settings.overpass_memory
    memory = "" if limit is None else f"[maxsize:{int(limit)}]"
    near, far = (f"({s:.6f},{w:.6f},{n:.6f},{e:.6f})" for w, s, e, n in (box, wide))
    relations = ",".join(str(row.osm_id) for row in found.itertuples() if row.osm_type == "relation")
    asked = f"rel(id:{relations})" if relations else "rel(id:0)"
    points = shapely.get_coordinates(found.geometry.representative_point().to_numpy())
    inside = "".join(f"is_in({lat:.6f},{lon:.6f});" for lon, lat in points)
    return f"""[out:xml][timeout:{int(osmnx.settings.requests_timeout)}]{memory};
way["highway"~"^({"|".join(ROAD_CLASSES)})$"]{far}->.roads;
rel["type"="restriction"](bw.roads)->.turns;
(nwr["amenity"="fire_station"]{near};nwr["emergency"="ambulance_station"]{near};
nwr["amenity"="hospital"]{near};nwr["healthcare"="hospital"]{near};
way["building"]{near};rel["building"]["type"="multipolygon"]{near};
way["natural"~"^(water|coastline)$"]{near};rel["natural"="water"]["type"="multipolygon"]{near};
way["waterway"~"^(river|canal|riverbank)$"]{near};)->.sites;
way(r.sites)->.parts;
node(r.sites)->.corners;
({inside})->.around;
(rel["boundary"="administrative"]["admin_level"="2"]{far};
rel(pivot.around)["boundary"="administrative"]["admin_level"="2"];)->.countries;
way(r.countries){far}->.borders;
{asked}->.asked;
(node["place"]["name"]{near};node(r.asked);)->.names;
(.roads;.sites;.parts;.borders;)->.ways;
(.roads;.turns;.sites;.parts;.countries;.borders;.asked;.names;.corners;node(w.ways););
out meta;
"""


def _download(query: str, target: Path) -> None:
    import osmnx

    settings = osmnx.settings
    url = settings.overpass_url.rstrip("/") + "/interpreter"
    headers = {
        "User-Agent": settings.http_user_agent,
        "referer": settings.http_referer,
        "Accept-Language": settings.http_accept_language,
    }
    tries = TRIES if settings.overpass_rate_limit else 1
    for attempt in range(1, tries + 1):
        try:
            with requests.post(
                url,
                data={"data": query},
                headers=headers,
                timeout=settings.requests_timeout,
                stream=True,
                **settings.requests_kwargs,
            ) as response:
                if response.status_code in (429, 504) and attempt < tries:
                    time.sleep(BUSY_S)
                    continue
                if not response.ok:
                    raise DownloadError(
                        f"{url} answered {response.status_code} {response.reason}. "
                        f"Remedy: {_remedy(response.status_code)}."
                    )
                with target.open("wb") as stream:
                    for chunk in response.iter_content(1 << 20):
                        stream.write(chunk)
        except requests.RequestException as error:
            raise DownloadError(
                f"{url} did not answer as expected: {error}. Remedy: try again later, ask for a "
                "smaller region, or download an extract and use --pbf."
            ) from error
        _check_whole(target, url)
        return


def _remedy(status: int) -> str:
    if status in (429, 504):
        return "the server is busy: wait some minutes, or download an extract and use --pbf"
    if status == 400:
        return "check that osmnx.settings.overpass_url is an Overpass server"
    return "try again later, or download an extract and use --pbf"


def _check_whole(file: Path, url: str) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(4096).decode("utf-8", "replace")
        stream.seek(max(0, size - 4096))
        tail = stream.read().decode("utf-8", "replace")
    remark = re.search(r"<remark>(.*?)</remark>", tail, re.DOTALL)
    if remark is not None:
        got = " ".join(remark[1].split())[:300]
    elif "<osm" not in head or not tail.rstrip().endswith("</osm>"):
        got = "the answer is not whole, or not OpenStreetMap data"
    else:
        return
    raise DownloadError(
        f"{url} gave only part of what was asked for: {got}. Remedy: ask for a smaller region or margin, "
        "raise osmnx.settings.requests_timeout, or download an extract and use --pbf."
    )


def _save(xml: Path, target: Path, box: Box) -> None:
    # As an extract that says which box and date it covers; of who edited what, only versions stay.
    with xml.open("rb") as stream:
        head = stream.read(4096).decode("utf-8", "replace")
    base = re.search(r'osm_base="(\d{4}-\d{2}-\d{2}T[\d:]+Z)"', head)
    header = osmium.io.Header()
    header.set("generator", "mutualaid")
    if base is not None:
        header.set("osmosis_replication_timestamp", base[1])
    header.add_box(osmium.osm.Box(osmium.osm.Location(*box[:2]), osmium.osm.Location(*box[2:])))
    writer = osmium.SimpleWriter(osmium.io.File(os.fspath(target), "pbf,add_metadata=version"), header=header)
    try:
        with reading(xml):
            for entity in osmium.FileProcessor(xml):
                writer.add(entity)
    finally:
        writer.close()
