"""What an evacuation says: numbers, tables, layers for a GIS, and the plan as a file that can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import json_ready
from mutualaid.evacuation import EvacuationStudy

__all__ = [
    "EVACUATION_NULL_MEANS",
    "evacuation_layers",
    "evacuation_plan",
    "evacuation_summary",
    "evacuation_tables",
]

#: What a missing value means in the numbers on evacuation, by key.
EVACUATION_NULL_MEANS: Mapping[str, str] = {
    "upper_s": "no plan was found in the time given",
    "lower_s": "a simulation, which proves no bound",
    "saved_s": "no plan was found in the time given",
    "gap": "no plan was found in the time given",
    "arrives_s": "never within what is known of the hazard, or unknown there",
    "latest_s": "nothing on the way closes",
    "margin_s": "nothing on the way closes",
    "first_s": "nobody leaves",
    "last_s": "nobody leaves",
    "ete_50_s": "never",
    "ete_90_s": "never",
    "ete_95_s": "never",
    "ete_100_s": "never",
    "nearest_ete_90_s": "never",
    "room": "without limit",
    "closes_s": "stays open",
    "vehicles_more": "not comparable",
}


def evacuation_summary(study: EvacuationStudy) -> dict[str, Any]:
    """Give every number of a study that is reported, ready for JSON; how long it took is not among them."""
    bounds, case, plan = study.bracket, study.case, study.plan
    everybody = study.curves[study.curves["zone"] == ""]
    content: dict[str, Any] = {
        "name": case.name,
        "level": study.level,
        "assumed": {
            "persons_per_vehicle": case.persons_per_vehicle,
            "without_car": case.without_car,
            "buses": case.buses,
            "bus_seats": case.bus_seats,
            "bus_turns": case.bus_turns,
            "mobilisation": [list(one) for one in case.mobilisation],
            "capacities": case.capacities,
            "factor": case.factor,
            "background": case.background,
            "duration": case.duration,
            "exits": case.exits,
            "gather_m": case.gather_m,
        },
        "people": float(study.zones["people"].sum()),
        "vehicles": study.built.flow.vehicles,
        "bracket": {
            "lower_s": bounds.lower_s,
            "upper_s": bounds.upper_s,
            "gap": bounds.gap,
            "status": bounds.status,
            "vehicles": bounds.vehicles,
            "vehicles_least": bounds.vehicles_least,
            "vehicles_most": bounds.vehicles_most,
        },
        "plan": {
            "clearance_s": plan.clearance_s,
            "routes": len(plan.routes),
            "ways": int(study.routes["way"].nunique()),
            "one_route": plan.one_route,
            "vehicles": float(plan.routes["vehicles"].sum()),
        },
        "people_out": float(study.zones["people_out"].sum()),
        "people_left": float(study.zones["people_left"].sum()),
        "left": _rows(study.left),
        "simulated_s": study.simulation.clearance_s,
        "ete": {kind: _shares(everybody[everybody["kind"] == kind]) for kind in ("plan", "nearest")},
        "nearest_people_out": float(study.zones["nearest_people_out"].sum()),
        "zones": _rows(_flat(study.zones, "zone")),
        "shelters": _rows(_flat(study.shelters, "sink")),
        "crossings": _rows(_flat(study.crossings, "crossing")),
        "bottleneck": {
            "roads": _rows(
                study.cut.groupby("name", sort=True)[["capacity_vph", "vehicles"]].sum().reset_index()
            ),
            "people_behind": study.people_behind,
            "why": list(study.why),
        },
        "levels": _rows(study.levels.reset_index()),
        "sensitivity": _rows(study.sensitivity.reset_index()),
        "measures": _rows(study.measures),
        "notes": list(study.notes),
    }
    ready: dict[str, Any] = json_ready(content)
    return ready


def evacuation_tables(study: EvacuationStudy) -> dict[str, pd.DataFrame]:
    """Give each table by the name of its file; empty where there is nothing to say."""
    measures = [
        study.levels.reset_index(names="id").assign(kind="shelters"),
        study.sensitivity.reset_index(names="id").assign(kind="capacities"),
        study.measures,
    ]
    shown = [table for table in measures if len(table)]
    return {
        "evacuation_zones.csv": _flat(study.zones, "zone"),
        "evacuation_routes.csv": pd.DataFrame(study.routes.drop(columns="geometry")).reset_index(
            names="route"
        ),
        "evacuation_curves.csv": study.curves,
        "evacuation_shelters.csv": _flat(study.shelters, "sink"),
        "evacuation_crossings.csv": _flat(study.crossings, "crossing"),
        "evacuation_measures.csv": pd.concat(shown, ignore_index=True) if shown else pd.DataFrame(),
        "evacuation_left.csv": study.left,
    }


def evacuation_layers(study: EvacuationStudy) -> list[tuple[str, gpd.GeoDataFrame]]:
    """Give zones, routes, flows, shelters, the bottleneck and closing roads as layers."""
    return [
        ("evacuation_zones", study.zones),
        ("evacuation_routes", study.routes),
        ("evacuation_flows", study.flows),
        ("evacuation_shelters", study.shelters),
        ("evacuation_bottleneck", study.cut),
        ("evacuation_closures", study.closures),
    ]


def evacuation_plan(study: EvacuationStudy) -> dict[str, Any]:
    """Give the plan with everything that it takes to check it without this package.

    ``edges`` are those that a route drives on; vehicles are passenger-car equivalents, times seconds after the alarm.
    A missing capacity, room or closing time is none.
    """
    flow, routes = study.plan.network, study.plan.routes
    used = np.unique(np.concatenate([*study.plan.paths, np.empty(0, np.int32)])).astype(np.int64)
    return {
        "crs": study.built.network.crs.to_string(),
        "sources": [
            {
                "id": key,
                "node": int(row["node"]),
                "zone": row["zone"],
                "vehicles": float(row["vehicles"]),
                "people": float(row["people"]),
                "released": released.tolist(),
            }
            for (key, row), released in zip(flow.sources.iterrows(), flow.released, strict=True)
        ],
        "release_s": flow.release_s.tolist(),
        "sinks": [
            {
                "id": key,
                "node": int(row["node"]),
                "kind": row["kind"],
                **{name: _finite(row[name]) for name in ("people", "capacity_vph", "opens_s", "closes_s")},
            }
            for key, row in flow.sinks.iterrows()
        ],
        "edges": [
            {
                "id": int(one),
                "from": int(flow.tail[one]),
                "to": int(flow.head[one]),
                "transit_s": float(flow.transit_s[one]),
                "capacity_vph": _finite(flow.capacity_vph[one]),
                "opens_s": float(flow.opens_s[one]),
                "closes_s": _finite(flow.closes_s[one]),
                "road_edge": int(flow.road_edge[one]),
                "group": int(flow.group[one]),
            }
            for one in used
        ],
        "routes": [
            {
                "id": key,
                **{name: row[name] for name in ("source", "zone", "sink")},
                **{name: float(row[name]) for name in ("rate_vph", "from_s", "to_s", "vehicles", "people")},
                "edges": path.tolist(),
            }
            for (key, row), path in zip(routes.iterrows(), study.plan.paths, strict=True)
        ],
        "clearance_s": study.plan.clearance_s,
        "lower_s": study.bracket.lower_s,
    }


def _finite(value: float) -> float | None:
    """Give a number as it is: rounded ones do not add up."""
    return float(value) if np.isfinite(value) else None


def _shares(curve: pd.DataFrame) -> dict[str, float]:
    """When each share of all people is out; inf never."""
    found = {}
    for share in (0.5, 0.9, 0.95, 1.0):
        reached = curve["time_s"][curve["share"] >= share - 1e-9]
        found[f"ete_{share * 100:.0f}_s"] = float(reached.min()) if len(reached) else np.inf
    return found


def _flat(frame: gpd.GeoDataFrame, name: str) -> pd.DataFrame:
    """Rows with the longitude and latitude of a place in each, in place of a geometry."""
    points = frame.geometry.representative_point().to_crs(4326)
    flat = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=points.x.round(6), lat=points.y.round(6))
    return flat.reset_index(names=name)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
