"""Scenarios: several hazards at once, and how severe they are together at a place."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data import HazardScenario
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import UNKNOWN, as_int8, ask, believed, named_layers, provided

__all__ = ["scenario_severity"]


def scenario_severity(
    points: gpd.GeoDataFrame,
    layers: Iterable[HazardLayer],
    scenario: HazardScenario,
    *,
    jurisdictions: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """How severe a scenario is at each point, and which hazard decides.

    Of several layers of one hazard, as neighbours provide them, the one of the point's own jurisdiction counts,
    else the worst of those that know. Of several hazards the worst counts. Unknown stays apart: a point is in no
    hazard (severity 0) only if every hazard of the scenario is known to be absent; where one is unknown and the
    others are absent, the severity is unknown.

    Parameters
    ----------
    points
        Points with a CRS, such as the demand or the stations of a region.
    layers
        Hazard layers; those that the scenario does not name are ignored, but for a layer of velocity without a
        scheme that the scheme of a depth needs.
    scenario
        The scenario.
    jurisdictions
        Indexed by id, with ``country`` and ``partner`` if layers are provided by these; then `points` needs the
        column ``jurisdiction``. Without it no layer goes before another.

    Returns
    -------
    DataFrame
        Index of `points`. ``severity`` (Int8, missing if unknown); ``status``: ``known``, ``partly`` (at least
        one hazard unknown, the others decide), ``unknown``, ``outside`` (of the bounds of every layer);
        ``hazard`` and ``layer`` that decide ("" if none); ``unknown_hazards`` (joined by ``;``); and
        ``severity_<hazard>`` (Int8) for each hazard.

    Raises
    ------
    HazardError
        The scenario names layers that are not there; `jurisdictions` is given and `points` names none.
    """
    chosen, velocity = named_layers(layers, scenario.layers, f"scenario {scenario.id}")
    own = _own(points, chosen, jurisdictions)
    answers = [ask(layer, points.geometry, velocity) for layer in chosen]
    by_layer = np.array([answer.severity for answer in answers], dtype=np.int8).reshape(len(chosen), -1)
    hazards = list(dict.fromkeys(layer.hazard for layer in chosen))
    by_hazard = np.empty((len(hazards), len(points)), dtype=np.int8)
    deciding = np.empty((len(hazards), len(points)), dtype=np.int64)
    for row, hazard in enumerate(hazards):
        positions = np.flatnonzero([layer.hazard == hazard for layer in chosen])
        by_hazard[row], local = believed(by_layer[positions], own[positions])
        deciding[row] = np.where(local >= 0, positions[local], UNKNOWN)
    severity, worst = believed(by_hazard)
    unknown = by_hazard < 0
    severity = np.where((severity == 0) & unknown.any(axis=0), np.int8(UNKNOWN), severity)
    layer = np.where(severity >= 0, np.take_along_axis(deciding, worst[None, :], axis=0)[0], UNKNOWN)
    outside = np.all([answer.outside for answer in answers], axis=0)
    status = np.select(
        [outside & (severity < 0), severity < 0, unknown.any(axis=0)],
        ["outside", "unknown", "partly"],
        "known",
    )
    table = pd.DataFrame(
        {
            "severity": as_int8(severity, points.index),
            "status": status,
            "hazard": _texts([layer.hazard for layer in chosen], layer),
            "layer": _texts([layer.id for layer in chosen], layer),
            "unknown_hazards": _joined_names(hazards, unknown),
        },
        index=points.index,
    )
    for row, hazard in enumerate(hazards):
        table[f"severity_{hazard}"] = as_int8(by_hazard[row], points.index)
    return table


def _own(
    points: gpd.GeoDataFrame, layers: tuple[HazardLayer, ...], jurisdictions: pd.DataFrame | None
) -> NDArray[np.bool_]:
    """Whether each layer is provided by each point's own jurisdiction: (layers, points)."""
    if jurisdictions is None:
        return np.zeros((len(layers), len(points)), dtype=bool)
    if "jurisdiction" not in points:
        remedy = "add it, or leave out jurisdictions"
        raise HazardError([Defect("", "points", "the column jurisdiction", "none", remedy)])
    return provided(points["jurisdiction"], jurisdictions, layers)


def _texts(texts: list[str], position: NDArray[np.int64]) -> pd.api.extensions.ExtensionArray:
    # The last entry stands for UNKNOWN, which is -1.
    return pd.array([*texts, ""], dtype="str").take(position)


def _joined_names(hazards: list[str], unknown: NDArray[np.bool_]) -> pd.api.extensions.ExtensionArray:
    # Few hazards, many points: each combination is spelled once.
    code = (unknown.T @ (1 << np.arange(len(hazards)))).astype(np.int64)
    kinds, kind = np.unique(code, return_inverse=True)
    names = [
        ";".join(hazard for bit, hazard in enumerate(hazards) if one >> bit & 1) for one in kinds.tolist()
    ]
    return pd.array(names, dtype="str").take(kind)
