"""Who provides which layer, what a layer says at a place, and which of several layers is believed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import severities
from mutualaid.hazards._model import SEVERITIES, HazardLayer
from mutualaid.hazards._sample import sample
from mutualaid.hazards._schemes import scheme

__all__ = [
    "OUTSIDE",
    "UNKNOWN",
    "Answers",
    "as_int8",
    "ask",
    "believed",
    "named_layers",
    "own_layers",
    "provided",
    "put_before",
    "severity_of_rank",
    "unique_layers",
    "what",
]

#: Code of an unknown severity in arrays of small integers, and of "no layer" in arrays of layer positions.
UNKNOWN = -1
#: Code of what is unknown because it is outside a layer's bounds.
OUTSIDE = -2
#: What is added to a severity that goes before all others, to tell which of several counts.
_BEFORE = 10


@dataclass(frozen=True, eq=False)
class Answers:
    """What one layer says at each of n places.

    Attributes
    ----------
    value
        Canonical value; NaN where unknown.
    severity
        0…5, `UNKNOWN` where unknown.
    class_label
        Label of the class in the layer's own scheme; "" where there is none.
    return_period_years
        That of the class if the scheme states one, else of the layer; NaN if neither does.
    outside
        Outside the layer's bounds.
    """

    value: NDArray[np.float64]
    severity: NDArray[np.int8]
    class_label: NDArray[np.object_]
    return_period_years: NDArray[np.float64]
    outside: NDArray[np.bool_]


def unique_layers(
    layers: Iterable[HazardLayer],
) -> tuple[tuple[HazardLayer, ...], Mapping[str, HazardLayer]]:
    """Sort layers into those that answer, and the velocities that some of these need.

    A layer of velocity without a scheme answers nothing itself: it goes with the depth of the same provider for
    the same hazard and event or return period, if the scheme of this depth needs a velocity. A probability of
    closure without a scheme speaks of roads alone, and answers nothing here.

    Returns
    -------
    layers
        Those that answer, in their order.
    velocity
        Layer of velocity by the id of the depth that needs it.

    Raises
    ------
    HazardError
        If an id repeats, a layer states no scheme, so that nobody could say how severe its values are, or the
        velocity that a scheme needs is not there.
    """
    found = tuple(layers)
    speeds = [layer for layer in found if layer.quantity == "velocity" and not layer.scheme]
    silent = [*speeds, *(layer for layer in found if layer.quantity == "probability" and not layer.scheme)]
    answering = tuple(layer for layer in found if layer not in silent)
    velocity: dict[str, HazardLayer] = {}
    defects = []
    ids = [layer.id for layer in found]
    for number, layer in enumerate(found):
        file, where = layer.file.name, f"hazard layer {layer.id}"
        if layer.id in ids[:number]:
            defects.append(Defect(file, where, "an id of its own", f"{layer.id} twice", "rename one of them"))
        if layer not in answering:
            continue
        if not layer.scheme:
            remedy = "state the scheme of its values"
            defects.append(Defect(file, where, "a scheme of classes", "none", remedy))
        elif layer.quantity == "depth" and scheme(layer.scheme).needs_velocity:
            fitting = [one for one in speeds if _goes_with(one, layer)]
            if len(fitting) == 1:
                velocity[layer.id] = fitting[0]
            else:
                expected = f"one layer of velocity without a scheme, for {what(layer)} by the same provider"
                got = ", ".join(one.id for one in fitting) or "none"
                remedy = "add it, as the scheme needs depth and velocity together"
                defects.append(Defect(file, where, expected, got, remedy))
    if defects:
        raise HazardError(defects)
    return answering, velocity


def named_layers(
    layers: Iterable[HazardLayer], ids: Sequence[str], where: str
) -> tuple[tuple[HazardLayer, ...], Mapping[str, HazardLayer]]:
    """Sort the layers that something, such as ``scenario storm``, names by their ids, as `unique_layers` does.

    A layer of velocity without a scheme takes part without being named.

    Raises
    ------
    HazardError
        If a layer that is named is not there, none of them says how severe it is, or as for `unique_layers`.
    """
    by_id = {layer.id: layer for layer in layers}
    missing = [key for key in ids if key not in by_id]
    if missing:
        remedy = f"choose from {', '.join(sorted(by_id)) or 'none: add a hazard layer'}"
        raise HazardError(
            Defect("", f"{where}, layers", "ids of hazard layers", repr(key), remedy) for key in missing
        )
    speeds = [key for key, layer in by_id.items() if layer.quantity == "velocity" and not layer.scheme]
    chosen, velocity = unique_layers(by_id[key] for key in dict.fromkeys([*ids, *speeds]))
    if not chosen:
        expected, got = "a layer that says how severe it is", "velocity alone" if ids else "none"
        remedy = "name the layer of depth that it goes with" if ids else "name a layer"
        raise HazardError([Defect("", f"{where}, layers", expected, got, remedy)])
    return chosen, velocity


def _goes_with(velocity: HazardLayer, depth: HazardLayer) -> bool:
    return what(velocity) == what(depth) and velocity.jurisdiction == depth.jurisdiction


def own_layers(
    jurisdictions: pd.DataFrame, layers: Sequence[HazardLayer]
) -> Mapping[Hashable, tuple[int, ...]]:
    """Positions of the layers that each jurisdiction provides, itself or through its country or partner.

    Raises
    ------
    HazardError
        If a layer's provider is neither the id of a jurisdiction nor a country nor a partner.
    """
    names = pd.DataFrame({"id": jurisdictions.index.astype(str)})
    for column in ("country", "partner"):
        names[column] = jurisdictions[column].fillna("").to_numpy() if column in jurisdictions else ""
    known = set(names.to_numpy().ravel()) - {""}
    strangers = [layer for layer in layers if layer.jurisdiction and layer.jurisdiction not in known]
    if strangers:
        expected = "the id of a jurisdiction, a country or a partner of the region"
        remedy = "correct its jurisdiction, or leave it empty for a layer that all share"
        raise HazardError(
            Defect(layer.file.name, f"hazard layer {layer.id}", expected, repr(layer.jurisdiction), remedy)
            for layer in strangers
        )
    numbers: dict[str, list[int]] = {}
    for number, layer in enumerate(layers):
        numbers.setdefault(layer.jurisdiction, []).append(number)
    owned: dict[Hashable, tuple[int, ...]] = {}
    for key, row in zip(jurisdictions.index, names.itertuples(index=False), strict=True):
        names_of = {str(name) for name in row} - {""}
        owned[key] = tuple(sorted(number for name in names_of for number in numbers.get(name, ())))
    return owned


def provided(
    place: Sequence[object] | pd.Series, jurisdictions: pd.DataFrame, layers: Sequence[HazardLayer]
) -> NDArray[np.bool_]:
    """Whether each layer is provided by the own jurisdiction of each place: (layers, places).

    `place` is the id of the jurisdiction that each place lies in, missing outside of all.

    Raises
    ------
    HazardError
        As for `own_layers`.
    """
    names = place if isinstance(place, pd.Series) else pd.Series(list(place))
    if isinstance(names.dtype, pd.CategoricalDtype):
        known = jurisdictions.index.get_indexer(names.cat.categories)
        position = np.append(known, -1)[names.cat.codes.to_numpy()]
    else:
        position = jurisdictions.index.get_indexer(pd.Index(names))
    # The last column stands for -1, outside of all.
    table = np.zeros((len(layers), len(jurisdictions) + 1), dtype=np.bool_)
    for number, positions in enumerate(own_layers(jurisdictions, layers).values()):
        table[list(positions), number] = True
    if not table.any():
        return np.broadcast_to(table[:, :1], (len(layers), len(position)))
    return table[:, position]


def believed(
    severity: NDArray[np.int8], own: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Choose for each place among several layers of one hazard.

    Where a layer of the place's own jurisdiction knows, the worst of these counts; elsewhere the worst of all
    that know. Nothing is ever added up, so a layer given twice changes nothing.

    Parameters
    ----------
    severity
        Severity by layer and place, shape (layers, places), `UNKNOWN` where unknown.
    own
        Whether a layer is provided by the place's own jurisdiction; same shape. None: nowhere.

    Returns
    -------
    severity, layer
        By place; `UNKNOWN` in both where nobody knows. Of equals the first layer is named.
    """
    places = severity.shape[1]
    rank = np.full(places, UNKNOWN, np.int8)
    layer = np.full(places, UNKNOWN, np.int64)
    for position, one in enumerate(severity):
        put_before(rank, layer, position, one, None if own is None else own[position])
    return severity_of_rank(rank), layer


def put_before(
    rank: NDArray[np.int8],
    layer: NDArray[Any],
    position: int,
    severity: NDArray[np.int8],
    own: NDArray[np.bool_] | None = None,
) -> None:
    """Let one more layer decide, in place, where it goes before those so far: the rule of `believed`.

    Parameters
    ----------
    rank
        What decides so far: a severity, `UNKNOWN` or `OUTSIDE`, and more than that where it is of the place's own
        jurisdiction; `severity_of_rank` gives it back. Begin with `OUTSIDE`, or `UNKNOWN`, everywhere.
    layer
        Position of the layer that decides so far, `UNKNOWN` where none knows. Begin with that everywhere.
    position, severity
        The layer, and what it says, which may be `UNKNOWN` or `OUTSIDE`.
    own
        Whether the layer is provided by the place's own jurisdiction; None: nowhere.
    """
    new = severity
    if own is not None:
        new = severity + np.int8(_BEFORE) * (own & (severity >= 0)).view(np.int8)
    better = new > rank
    np.copyto(rank, new, where=better)
    np.copyto(layer, position, where=better & (severity >= 0), casting="unsafe")


def severity_of_rank(rank: NDArray[np.int8]) -> NDArray[np.int8]:
    """Severity, `UNKNOWN` or `OUTSIDE`, of what `put_before` decided by."""
    return rank - np.int8(_BEFORE) * (rank >= _BEFORE).view(np.int8)


def as_int8(severity: NDArray[np.int8], index: pd.Index) -> pd.Series:
    """Severity as a column: missing where unknown."""
    values = pd.arrays.IntegerArray(np.maximum(severity, 0).astype(np.int8), severity < 0)
    return pd.Series(values, index=index)


def what(layer: HazardLayer) -> str:
    """Say which state of which hazard a layer shows: ``flood, 100 years``."""
    if layer.event:
        return f"{layer.hazard}, event {layer.event}"
    if np.isnan(layer.return_period_years):
        return f"{layer.hazard}, no return period"
    return f"{layer.hazard}, {layer.return_period_years:g} years"


def ask(layer: HazardLayer, points: gpd.GeoSeries, velocity: Mapping[str, HazardLayer]) -> Answers:
    """Ask a layer at each point: value, severity, class, return period; `velocity` as from `unique_layers`.

    Raises
    ------
    HazardError
        The points have no CRS or are not points.
    """
    frame = gpd.GeoDataFrame(geometry=points.array, crs=points.crs)
    found = sample(layer, frame)
    speed = sample(velocity[layer.id], frame)["value"] if layer.id in velocity else None
    said = severities(layer, found, velocity=speed)
    severity = said["severity"].to_numpy(dtype=np.int8, na_value=UNKNOWN)
    # A code that is in no class is shown as it is; what has no value and means no hazard has no class.
    label = said["class_label"].fillna(found["class_code"]).fillna("").to_numpy(dtype=object)
    label[(label == "") & (severity == 0)] = SEVERITIES[0]
    return Answers(
        found["value"].to_numpy(),
        severity,
        label,
        said["return_period_years"].to_numpy(),
        (found["state"] == "outside").to_numpy(dtype=bool),
    )
