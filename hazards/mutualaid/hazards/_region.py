"""The hazard layers of a region: opened together, so that one that is broken does not hide the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from mutualaid.data import HazardSource, Region
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._compare import compare_return_periods
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import unique_layers
from mutualaid.hazards._read import read_hazard
from mutualaid.hazards._scenario_roads import scenario_rules
from mutualaid.hazards._schemes import scheme

__all__ = ["Layers", "check_hazards", "comparable_layers", "mapping", "read_layers"]


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
    """Open the hazard layers that a region names.

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
    for source in region.hazards:
        try:
            layers.append(_opened(source))
        except HazardError as error:
            defects[source.id] = error.defects
    return Layers(tuple(layers), defects)


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


def check_hazards(region: Region) -> list[Defect]:
    """Find everything that is wrong with the hazard layers of a region.

    Parameters
    ----------
    region
        A region whose region.toml is valid.

    Returns
    -------
    list of Defect
        By layer, in the order of region.toml; then depths that lack their velocity; what the layers of several
        return periods of one hazard contradict each other in, as far as that makes one of them the wrong file; and
        rules of scenarios that are unknown or do not fit their layer.

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
    compared = compare_return_periods(found.layers)
    same = compared[compared["finding"].isin(["same file", "same values"])]
    defects += [
        Defect(
            "region.toml",
            f"hazard layers {row.frequent} and {row.rare}",
            "a map of its own for each return period",
            str(row.finding),
            "get the missing map, or remove one of the two",
        )
        for row in same.itertuples()
    ]
    for scenario in region.scenarios:
        chosen = [layer for layer in found.layers if layer.id in scenario.layers]
        try:
            scenario_rules(
                scenario, [one for one in chosen if one.scheme or one.quantity != "velocity"], "emergency"
            )
        except HazardError as error:
            defects += error.defects
    return defects


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
