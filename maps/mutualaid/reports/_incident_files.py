"""What a record of incidents says, as tables and as a layer for a GIS."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from mutualaid.incidents import IncidentStudy, incident_layer

__all__ = ["incident_layers", "incident_tables"]


def incident_tables(study: IncidentStudy) -> dict[str, pd.DataFrame]:
    """Give each table by the name of its file; empty where there is nothing to say."""
    tables = {
        "incidents_performance.csv": _flat(study.performance),
        "incidents_fit.csv": _flat(study.fit),
        "incidents_gain.csv": _flat(study.gain),
        "incidents_rates.csv": _flat(study.rates),
        "incidents_calls.csv": _flat(study.calls),
    }
    if study.calibration is not None:
        tables["incidents_speeds.csv"] = _flat(study.calibration.speeds)
        tables["incidents_delays.csv"] = _flat(study.calibration.delays)
    if study.busy is not None:
        overall = study.busy.levels.assign(jurisdiction="").set_index("jurisdiction", append=True)
        tables["incidents_busy.csv"] = _flat(pd.concat([overall, study.busy.places]))
        tables["incidents_units.csv"] = _flat(study.busy.units)
    return tables


def incident_layers(study: IncidentStudy) -> list[tuple[str, gpd.GeoDataFrame]]:
    """Give the first units that came, with what the model says of the same drives."""
    return [("incident_runs", incident_layer(study))]


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Give the index as columns where it says something."""
    plain = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    return table if plain else table.reset_index()
