"""What a run says about hazards: tables, and layers for a GIS."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import pandas as pd

from mutualaid.coverage import LEVELS, SEGMENTS, Analysis, ScenarioResult, scenario_table
from mutualaid.hazards import mapping, picture_polygons, scenario_picture

__all__ = ["hazard_layers", "hazard_tables"]

#: Most cells along the longer side of a picture of severity.
_PICTURE_CELLS = 2_000
#: Columns of coverage under a scenario that a GIS has no use for: what a time is made of is in that of fair weather.
_LEFT_OUT = [
    *(f"{level}_{segment}" for level in LEVELS for segment in SEGMENTS),
    *(f"{level}_{name}" for level in LEVELS for name in ("second_s", "third_s", "depth")),
]


def hazard_tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Give each table about hazards by the name of its file; empty where there is nothing to say."""
    scenarios = [
        scenario_table(one).assign(scenario=one.scenario.id, name=one.scenario.name)
        for one in analysis.scenarios
    ]
    risks = [one.table.assign(risk=one.risk.id, name=one.risk.name) for one in analysis.risks]
    return {
        "scenarios.csv": _first(scenarios, "scenario", "name"),
        "seams.csv": pd.DataFrame(analysis.seams.drop(columns=analysis.seams.geometry.name)).reset_index(),
        "crosswalk.csv": mapping(analysis.layers.layers),
        "risk.csv": _first(risks, "risk", "name"),
    }


def _first(tables: list[pd.DataFrame], *lead: str) -> pd.DataFrame:
    """Put tables below each other, with some columns first."""
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables)
    return table[[*lead, *(column for column in table.columns if column not in lead)]]


def hazard_layers(analysis: Analysis) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Give the layers about hazards by name: seams, and of each scenario people, roads and stations."""
    yield "seams", analysis.seams
    network = analysis.network
    for one in analysis.scenarios:
        key = one.scenario.id
        yield f"scenario_{key}", one.coverage.drop(columns=_LEFT_OUT, errors="ignore")
        touched = one.roads[(one.roads["factor"] < 1) | one.roads["closed"] | (one.roads["probability"] > 0)]
        rows = touched.index.to_numpy()
        named = network.roads.loc[rows, ["name", "class", "way", "jurisdiction", "length_m"]]
        yield (
            f"roads_{key}",
            gpd.GeoDataFrame(touched.join(named), geometry=network.lines(rows), crs=network.crs),
        )
        if (severity := _severity_polygons(analysis, one)) is not None:
            yield f"severity_{key}", severity
        states = analysis.stations[["name", "jurisdiction", "partner", "geometry"]].join(one.stations)
        yield f"stations_{key}", gpd.GeoDataFrame(states, crs=analysis.stations.crs)
    for risk in analysis.risks:
        places = analysis.coverage[["population", "jurisdiction", "geometry"]].join(risk.places)
        yield f"risk_{risk.risk.id}", gpd.GeoDataFrame(places, crs=analysis.coverage.crs)


def _severity_polygons(analysis: Analysis, result: ScenarioResult) -> gpd.GeoDataFrame | None:
    """Severity over the whole region as polygons along cells; None for a scenario that only closes roads."""
    if not any(layer.scheme for layer in result.layers):
        return None
    region = analysis.region
    left, bottom, right, top = region.jurisdictions.total_bounds.tolist()
    side_m = max(right - left, top - bottom)
    picture = scenario_picture(
        analysis.layers.layers,
        result.scenario,
        bounds=(left, bottom, right, top),
        crs=region.crs,
        cell_m=max((region.cell_m or 100.0) / 2, side_m / _PICTURE_CELLS),
        jurisdictions=region.jurisdictions,
    )
    return picture_polygons(picture)
