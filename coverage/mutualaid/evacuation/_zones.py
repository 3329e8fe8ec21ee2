"""Who leaves: zones named, drawn, or taken from a hazard, cut at jurisdictions, and the people in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import HazardScenario, read_table, zone_reference
from mutualaid.errors import Defect, EvacuationError, RegionError
from mutualaid.hazards import scenario_severity

__all__ = ["evacuation_zones", "resolved_zones", "zone_members"]

#: A place without a stated extent is drawn as wide as a city block.
_PLACE_M = 50.0
_COLUMNS = ["name", "jurisdiction", "partner", "people", "unknown_people", "given", "geometry"]
#: How a zone is called that was drawn, and not named.
_DRAWN = "drawn"


@dataclass(frozen=True, eq=False)
class _Part:
    """What one wish gives before it is cut at jurisdictions: who is in it, and the ground of each jurisdiction."""

    id: str
    name: str
    given: str
    inside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    ground: Any
    whole: bool


def evacuation_zones(
    analysis: Analysis,
    zones: Sequence[str] | gpd.GeoDataFrame,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> gpd.GeoDataFrame:
    """Say who leaves.

    Zones are cut at jurisdictions, because somebody must be answerable for each. Who is in two of the zones asked for
    belongs to the first.

    Parameters
    ----------
    analysis
        The region.
    zones
        Texts as of `mutualaid.data.zone_reference`: ids of jurisdictions, files of polygons inside the region folder,
        or ``severity:<id of a layer or scenario>>=<1…5>``; or polygons with a CRS, indexed by id, with ``name`` if
        they have one.
    progress
        Called with a step in words and the share of the work that is done before it.

    Returns
    -------
    GeoDataFrame
        Index zone id; ``name``, ``jurisdiction`` (id), ``partner``, ``people``, ``unknown_people`` (of that
        jurisdiction, for whom nobody knows whether the hazard is so severe there; not in the zone), ``given`` (the
        text it comes from), and its polygon in the region's CRS. Zones by severity are drawn by the cells of their
        people. A zone that was named and in which nobody lives is there with 0 people.

    Raises
    ------
    EvacuationError
        No zone, one that is unknown or cannot be read, or zones without anybody; all that is wrong at once.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import evacuation_zones
    >>> result = analyse(read_region(demo_path()))
    >>> evacuation_zones(result, ["FR-cap-d-ail"])[["name", "partner"]].loc["FR-cap-d-ail"].tolist()
    ["Cap-d'Ail", 'SDIS 06']
    """
    return resolved_zones(analysis, zones, progress=progress)[0]


def zone_members(analysis: Analysis, zones: Sequence[str] | gpd.GeoDataFrame) -> pd.Series:
    """Say which zone each demand point belongs to: parameters and errors as of `evacuation_zones`.

    Returns
    -------
    Series
        Index of ``analysis.demand``: id of the zone, "" for whoever stays.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import zone_members
    >>> result = analyse(read_region(demo_path()))
    >>> leaves = zone_members(result, ["FR-cap-d-ail"]) != ""
    >>> float(result.demand["population"][leaves].sum().round())
    4482.0
    """
    return resolved_zones(analysis, zones)[1]


def resolved_zones(
    analysis: Analysis,
    zones: Sequence[str] | gpd.GeoDataFrame,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[gpd.GeoDataFrame, pd.Series]:
    """Give what `evacuation_zones` and `zone_members` give, together."""
    if progress is not None:
        progress("Finding who leaves", 0.0)
    only: pd.Index | None = None
    if isinstance(zones, gpd.GeoDataFrame) and {"given", "jurisdiction"} <= set(zones.columns):
        only = zones.index
        parts = _known(analysis, zones)
    elif isinstance(zones, gpd.GeoDataFrame):
        parts = _drawn(analysis, zones, _DRAWN)
    else:
        parts = _named(analysis, [zones] if isinstance(zones, str) else list(zones))
    table, member = _cut(analysis, parts)
    if only is not None:
        table = table.loc[[one for one in only if one in table.index]]
        member = member.where(member.isin(table.index), "")
    if not (table["people"] > 0).any():
        got = f"nobody in {', '.join(map(str, table.index)) or 'any of them'}"
        remedy = "name other zones, or draw them where people live"
        raise EvacuationError([Defect("", "zones", "zones in which somebody lives", got[:120], remedy)])
    return table, member


def _known(analysis: Analysis, zones: gpd.GeoDataFrame) -> list[_Part]:
    """Zones that this module has made before: found again as they were asked for."""
    texts = [one for one in dict.fromkeys(zones["given"]) if one != _DRAWN]
    parts = _named(analysis, texts) if texts else []
    drawn = zones[zones["given"] == _DRAWN]
    point = analysis.demand.geometry.to_numpy()
    home = analysis.demand["jurisdiction"].to_numpy()
    for key, row in drawn.iterrows():
        inside = shapely.intersects(row.geometry, point) & (home == row["jurisdiction"])
        parts.append(
            _Part(str(key), row["name"], _DRAWN, inside, np.zeros_like(inside), row.geometry, whole=True)
        )
    return parts


def _named(analysis: Analysis, texts: Sequence[str]) -> list[_Part]:
    if not texts:
        remedy = "name one with zones in [evacuation], or when you ask"
        raise EvacuationError([Defect("", "zones", "at least one zone", "none", remedy)])
    parts: list[_Part] = []
    defects: list[Defect] = []
    for text in dict.fromkeys(texts):
        try:
            reference = zone_reference(text)
            if reference.kind == "severity":
                parts.append(_by_severity(analysis, text, reference.key, reference.severity))
            elif reference.kind == "file":
                parts += _from_file(analysis, text)
            else:
                parts.append(_jurisdiction(analysis, text))
        except EvacuationError as error:
            defects += error.defects
    if defects:
        raise EvacuationError(defects)
    return parts


def _jurisdiction(analysis: Analysis, text: str) -> _Part:
    known = analysis.region.jurisdictions
    if text not in known.index:
        expected = f"a jurisdiction ({', '.join(map(str, known.index))}), a file of polygons, or severity:…"
        raise EvacuationError([Defect("", "zones", expected[:300], repr(text)[:80], "correct the name")])
    inside = (analysis.demand["jurisdiction"] == text).to_numpy()
    row = known.loc[text]
    shape = known.geometry.loc[text]
    return _Part(text, str(row["name"]), text, inside, np.zeros_like(inside), shape, whole=True)


def _by_severity(analysis: Analysis, text: str, key: str, least: int) -> _Part:
    """Everybody where a layer or a scenario is at least so severe."""
    layers = {one.id: one for one in analysis.layers.layers}
    scenarios = {one.id: one for one in analysis.region.scenarios}
    if key in layers:
        name, wanted = layers[key].name, HazardScenario(key, layers[key].name, (key,))
    elif key in scenarios:
        name, wanted = scenarios[key].name, scenarios[key]
    else:
        expected = f"a hazard layer or scenario: {', '.join([*layers, *scenarios]) or 'the region has none'}"
        raise EvacuationError([Defect("", "zones", expected[:300], repr(key)[:80], "correct the id")])
    demand = analysis.demand
    said = scenario_severity(
        demand, analysis.layers.layers, wanted, jurisdictions=analysis.region.jurisdictions
    )
    severity = said["severity"].to_numpy(np.int64, na_value=-1)
    return _Part(f"{key}-{least}", name, text, severity >= least, severity < 0, None, whole=False)


def _from_file(analysis: Analysis, text: str) -> list[_Part]:
    folder = analysis.region.folder.resolve()
    path = (folder / text).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        expected, remedy = "a file of polygons inside the region folder", "correct the path, or put it there"
        raise EvacuationError([Defect(text, "zones", expected, "no such file", remedy)])
    try:
        drawn = read_table(path, "zones")
    except RegionError as error:
        raise EvacuationError(error.defects) from error
    return _drawn(analysis, gpd.GeoDataFrame(drawn), text)


def _drawn(analysis: Analysis, drawn: gpd.GeoDataFrame, given: str) -> list[_Part]:
    """Polygons, each a zone; what is wrong with them is said at once."""
    file = "" if given == _DRAWN else given
    if drawn.crs is None:
        remedy = "set it with set_crs, or write the file with it"
        raise EvacuationError([Defect(file, "zones", "polygons with a CRS", "none", remedy)])
    drawn = drawn.to_crs(analysis.region.crs)
    shape = drawn.geometry.to_numpy()
    flat = np.isin(shapely.get_type_id(shape), (3, 6)) & ~shapely.is_empty(shape)
    wrong = ~(flat & shapely.is_valid(shape))
    defects = [
        Defect(file, f"zone {drawn.index[k]}", "a valid polygon", _shown(shape[k]), "draw it again")
        for k in np.flatnonzero(wrong).tolist()
    ]
    if not drawn.index.is_unique or drawn.empty:
        got = f"{drawn.index[drawn.index.duplicated()][0]} twice" if len(drawn) else "none"
        defects.append(Defect(file, "zones", "at least one zone, each id once", got, "correct the ids"))
    if defects:
        raise EvacuationError(defects)
    point = analysis.demand.geometry.to_numpy()
    parts = []
    for k, key in enumerate(drawn.index.astype(str)):
        called = drawn["name"].iloc[k] if "name" in drawn.columns else ""
        name = called if isinstance(called, str) and called else key
        inside = np.asarray(shapely.intersects(shape[k], point), dtype=np.bool_)
        parts.append(_Part(key, name, given, inside, np.zeros_like(inside), shape[k], whole=False))
    return parts


def _shown(shape: Any) -> str:
    if shape is None or shape.is_empty:
        return "nothing"
    return (
        str(shapely.is_valid_reason(shape))[:80] if shape.geom_type.endswith("Polygon") else shape.geom_type
    )


def _cut(analysis: Analysis, parts: Sequence[_Part]) -> tuple[gpd.GeoDataFrame, pd.Series]:
    """Zones of one jurisdiction each, and who belongs to which."""
    demand, known = analysis.demand, analysis.region.jurisdictions
    home = demand["jurisdiction"].to_numpy(object)
    people = demand["population"].to_numpy(np.float64)
    member = np.full(len(demand), "", dtype=object)
    rows: dict[str, tuple[object, ...]] = {}
    for part in parts:
        mine = part.inside & (member == "")
        lands = set(home[part.inside & (people > 0)].tolist()) or _where_it_lies(part, known)
        for land in [one for one in known.index if one in lands]:
            here = mine & (home == land)
            key = (
                part.id
                if part.whole or (part.ground is not None and len(lands) == 1)
                else f"{part.id}.{land}"
            )
            # Two files may call different zones alike.
            taken = [one for one in rows if one == key or one.startswith(f"{key} (")]
            key = f"{key} ({len(taken) + 1})" if taken else key
            member[here] = key
            name = str(known["name"][land])
            if part.ground is not None:
                name = part.name if part.whole or len(lands) == 1 else f"{part.name}, {name}"
            unknown = float(people[part.unknown & (home == land)].sum())
            ground = _ground(analysis, part, known.geometry[land], here)
            rows[key] = (
                name, land, known["partner"][land], float(people[here].sum()), unknown, part.given, ground,
            )  # fmt: skip
    table = pd.DataFrame(list(rows.values()), columns=_COLUMNS, index=pd.Index(list(rows), name="zone"))
    again = table["name"].duplicated(keep=False).to_numpy()
    called = {part.given: part.name for part in parts}
    longer = [
        f"{name} ({called.get(given, given)})"
        for name, given in zip(table["name"], table["given"], strict=True)
    ]
    table["name"] = np.where(again, longer, table["name"])
    table["name"] = table["name"].mask(table["name"].duplicated(keep=False), table.index.to_series())
    zones = gpd.GeoDataFrame(table, geometry="geometry", crs=analysis.region.crs)
    return zones, pd.Series(member, index=demand.index, name="zone")


def _where_it_lies(part: _Part, known: gpd.GeoDataFrame) -> set[str]:
    """Jurisdiction in which most of a zone lies in which nobody lives."""
    if part.ground is None:
        return set()
    shared = shapely.area(shapely.intersection(known.geometry.to_numpy(), part.ground))
    return {str(known.index[int(np.argmax(shared))])} if shared.max(initial=0.0) > 0 else set()


def _ground(analysis: Analysis, part: _Part, land: Any, here: NDArray[np.bool_]) -> Any:
    if part.whole:
        return part.ground
    if part.ground is not None:
        shared = _polygons_of(shapely.intersection(part.ground, land))
        return part.ground if shared.is_empty else shared
    demand = analysis.demand[here]
    width = analysis.region.cell_m
    if width is not None and {"cell_x", "cell_y"} <= set(demand.columns):
        x, y = demand["cell_x"].to_numpy(), demand["cell_y"].to_numpy()
        cells = shapely.box(x, y, x + width, y + width)
    else:
        cells = shapely.buffer(demand.geometry.to_numpy(), _PLACE_M)
    union = shapely.union_all(cells)
    shared = _polygons_of(shapely.intersection(union, land))
    return union if shared.is_empty else shared


def _polygons_of(shape: Any) -> Any:
    """Give what has an area of a shape: points and lines where two only touch are left out."""
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), (3, 6))])
