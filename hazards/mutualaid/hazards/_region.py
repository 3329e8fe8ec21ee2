"""The hazard layers of a region: opened together, so that one that is broken does not hide the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from mutualaid.data import HazardSource, Region
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._arrival import arrival_in, read_arrival
from mutualaid.hazards._classes import layer_classes
from mutualaid.hazards._compare import compare_return_periods
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import unique_layers
from mutualaid.hazards._rasters import check_readable
from mutualaid.hazards._read import read_hazard
from mutualaid.hazards._scenario_roads import scenario_rules
from mutualaid.hazards._schemes import scheme
from mutualaid.hazards._seams import seams

__all__ = [
    "Layers",
    "check_hazards",
    "comparable_layers",
    "mapping",
    "read_layers",
    "region_seams",
    "same_maps",
]

#: Rasters are read, to see whether they are whole, so far beyond the jurisdictions: where their roads are.
_AROUND_M = 10_000.0


@dataclass(frozen=True, eq=False)
class Layers:
    """The hazard layers of a region.

    Attributes
    ----------
    layers
        Those that open, in the order of region.toml.
    defects
        What is wrong with each of the others, by id.
    """

    layers: tuple[HazardLayer, ...]
    defects: Mapping[str, tuple[Defect, ...]]

    def broken(self, ids: Iterable[str]) -> tuple[Defect, ...]:
        """Give what is wrong with the layers of these ids."""
        return tuple(defect for key in ids for defect in self.defects.get(key, ()))


def read_layers(region: Region) -> Layers:
    """Open the hazard layers that a region names, and make sure that the part around the region can be read.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.

    Returns
    -------
    Layers
        A layer that cannot be used is in ``defects``; the others can be used without it.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> read_layers(read_region(demo_path())).defects
    {}
    """
    layers: list[HazardLayer] = []
    defects: dict[str, tuple[Defect, ...]] = {}
    left, bottom, right, top = region.jurisdictions.total_bounds.tolist()
    around = (left - _AROUND_M, bottom - _AROUND_M, right + _AROUND_M, top + _AROUND_M)
    for source in region.hazards:
        try:
            layer = _opened(source)
            _check_place(layer, region)
            check_readable(layer, around, region.crs)
            layers.append(layer)
        except HazardError as error:
            defects[source.id] = tuple(_told(source.id, defect) for defect in error.defects)
    return Layers(tuple(layers), defects)


def _told(key: str, defect: Defect) -> Defect:
    """Say which layer of region.toml a defect is about."""
    where = f"hazard layer {key}"
    return (
        defect
        if where in defect.where
        else replace(defect, where=", ".join(filter(None, (where, defect.where))))
    )


def _check_place(layer: HazardLayer, region: Region) -> None:
    """Refuse a layer that lies somewhere else: it would leave everything unknown, which looks like fair weather."""
    into = Transformer.from_crs(layer.crs, region.crs, always_xy=True)
    there = into.transform_bounds(*layer.bounds, densify_pts=21)
    here = region.jurisdictions.total_bounds
    apart = there[0] > here[2] or there[2] < here[0] or there[1] > here[3] or there[3] < here[1]
    if apart or not np.isfinite(there).all():
        degrees = Transformer.from_crs(region.crs, 4326, always_xy=True)
        expected = f"a layer that covers a part of the region, {_box(degrees.transform_bounds(*here))}"
        away = Transformer.from_crs(layer.crs, 4326, always_xy=True).transform_bounds(*layer.bounds)
        remedy = "check the file, and whether its CRS is the right one"
        raise HazardError([Defect(layer.file.name, f"hazard layer {layer.id}", expected, _box(away), remedy)])


def _box(bounds: tuple[float, ...]) -> str:
    west, south, east, north = bounds
    return f"lon {west:.3f}…{east:.3f}, lat {south:.3f}…{north:.3f}"


def _opened(source: HazardSource) -> HazardLayer:
    stated = asdict(source)
    path = stated.pop("file")
    layer = read_hazard(path, **stated)
    if not layer.scheme and layer.quantity not in ("velocity", "probability"):
        remedy = "state the scheme of its values; `mutualaid hazards schemes` lists the built-in ones"
        raise HazardError(
            [Defect(path.name, f"hazard layer {layer.id}", "a scheme of classes", "none", remedy)]
        )
    return layer


def comparable_layers(
    layers: Iterable[HazardLayer],
) -> tuple[tuple[HazardLayer, ...], tuple[Defect, ...]]:
    """Leave out depths whose scheme needs a velocity that is not there, so that all others can be compared.

    Parameters
    ----------
    layers
        Layers of a region.

    Returns
    -------
    layers
        Those that `seams` and `scenario_severity` can use together.
    defects
        What the others lack.

    Examples
    --------
    >>> from mutualaid.hazards import comparable_layers
    >>> comparable_layers([])
    ((), ())
    """
    found = tuple(layers)
    speeds = [one for one in found if one.quantity == "velocity" and not one.scheme]
    kept: list[HazardLayer] = []
    defects: list[Defect] = []
    for layer in found:
        try:
            unique_layers([layer] if layer in speeds else [layer, *speeds])
            kept.append(layer)
        except HazardError as error:
            defects += error.defects
    return tuple(kept), tuple(defects)


def region_seams(region: Region, layers: Layers) -> tuple[gpd.GeoDataFrame, tuple[Defect, ...]]:
    """Compare a region's layers at its borders, as far as all layers of a hazard can be used.

    Where a provider's layer is broken, its borders are not compared for this hazard: that a layer cannot be read
    does not mean that there is none.

    Parameters
    ----------
    region
        The region.
    layers
        Its layers, as `read_layers` gave them.

    Returns
    -------
    seams
        As of `seams`.
    defects
        What other layers than the broken ones lack.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers, region_seams
    >>> region = read_region(demo_path())
    >>> region_seams(region, read_layers(region))[0]["kind"].unique().tolist()
    ['severity']
    """
    comparable, lacking = comparable_layers(layers.layers)
    used = {layer.id for layer in comparable}
    found = seams(region.jurisdictions, comparable)
    lands = region.jurisdictions
    doubtful = np.zeros(len(found), dtype=np.bool_)
    for source in region.hazards:
        if source.id in used or not len(found):
            continue
        names = {source.jurisdiction} if source.jurisdiction else set()
        belongs = lands.index.isin(names) | lands["country"].isin(names) | lands["partner"].isin(names)
        theirs = lands.index[belongs if names else np.ones(len(lands), dtype=np.bool_)]
        side = found["a"].isin(theirs) | found["b"].isin(theirs)
        doubtful |= ((found["hazard"] == source.hazard) & side).to_numpy()
    left = found[~doubtful]
    left.index = pd.Index([f"S{number}" for number in range(1, len(left) + 1)], name="id", dtype="str")
    return left, lacking


def same_maps(layers: Iterable[HazardLayer]) -> list[Defect]:
    """List maps that are given for two return periods.

    Parameters
    ----------
    layers
        Layers of any hazards.

    Returns
    -------
    list of Defect

    Examples
    --------
    >>> from mutualaid.hazards import same_maps
    >>> same_maps([])
    []
    """
    compared = compare_return_periods(layers)
    same = compared[compared["finding"].isin(["same file", "same values"])]
    return [
        Defect(
            "region.toml",
            f"hazard layers {row.frequent} and {row.rare}",
            "a map of its own for each return period",
            str(row.finding),
            "get the missing map, or remove one of the two",
        )
        for row in same.itertuples()
    ]


def _without_class(layer: HazardLayer) -> list[Defect]:
    """Say that nothing in a layer belongs to a class of its scheme: then all of it is unknown."""
    if not layer.scheme:
        return []
    classes = layer_classes(layer)
    if (
        not len(classes)
        or classes.loc[classes["mapped"], "count"].sum() > 0
        or scheme(layer.scheme).needs_velocity
    ):
        return []
    got = ", ".join(classes.loc[~classes["mapped"], "class_code"].head(5))[:80] or "nothing"
    remedy = "correct its scheme, unit or nodata; `mutualaid hazards crosswalk` shows its classes"
    expected = f"values in the classes of {scheme(layer.scheme).name}"
    return [Defect(layer.file.name, f"hazard layer {layer.id}", expected, got, remedy)]


def check_hazards(region: Region) -> list[Defect]:
    """Find everything that is wrong with the hazard layers of a region, and with its times of arrival.

    Parameters
    ----------
    region
        A region whose region.toml is valid.

    Returns
    -------
    list of Defect
        By layer, in the order of region.toml; then depths that lack their velocity; what the layers of several
        return periods of one hazard contradict each other in, as far as that makes one of them the wrong file;
        rules of scenarios that are unknown or do not fit their layer; and what is wrong with the times of arrival of an
        evacuation.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import check_hazards
    >>> check_hazards(read_region(demo_path()))
    []
    """
    found = read_layers(region)
    defects = [defect for some in found.defects.values() for defect in some]
    defects += comparable_layers(found.layers)[1]
    defects += [defect for layer in found.layers for defect in _without_class(layer)]
    defects += same_maps(found.layers)
    vehicle = "car" if region.parameters.profile == "civilian" else "emergency"
    for scenario in region.scenarios:
        chosen = [layer for layer in found.layers if layer.id in scenario.layers]
        try:
            scenario_rules(
                scenario, [one for one in chosen if one.scheme or one.quantity != "velocity"], vehicle
            )
        except HazardError as error:
            defects += error.defects
    return defects + _arrival_defects(region)


def _arrival_defects(region: Region) -> list[Defect]:
    """Say what is wrong with the times of arrival, if there are any: also if they are those of another place."""
    source = None if region.evacuation is None else region.evacuation.arrival
    if source is None:
        return []
    try:
        arrival = read_arrival(source, region.folder, region.crs)
        layer = arrival.layer
        _check_place(layer, region)
        if layer.kind == "raster":
            left, bottom, right, top = region.jurisdictions.total_bounds.tolist()
            around = (left - _AROUND_M, bottom - _AROUND_M, right + _AROUND_M, top + _AROUND_M)
            check_readable(layer, around, region.crs)
            arrival_in(region.jurisdictions, arrival)
    except HazardError as error:
        return [_told("arrival", defect) for defect in error.defects]
    return []


def mapping(layers: Iterable[HazardLayer]) -> pd.DataFrame:
    """Give the mapping onto the common scale that layers are read with: part of every output.

    Parameters
    ----------
    layers
        Hazard layers; those without a scheme have no mapping.

    Returns
    -------
    DataFrame
        One row a class of each scheme used, as of `schemes`, and ``layers``: ids of the layers, joined by ``;``.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import mapping, read_layers
    >>> used = mapping(read_layers(read_region(demo_path())).layers)
    >>> bool(used["severity"].notna().any())
    True
    """
    users: dict[str, list[str]] = {}
    for layer in layers:
        if layer.scheme:
            users.setdefault(layer.scheme, []).append(layer.id)
    tables = [scheme(key).table().assign(layers=";".join(ids)) for key, ids in users.items()]
    if not tables:
        return scheme("inasafe-flood-depth").table().iloc[:0].assign(layers="")
    return pd.concat(tables, ignore_index=True)
