"""What a siting study says: numbers, tables, layers for a GIS, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import geopandas as gpd
import pandas as pd
from matplotlib.figure import Figure

from mutualaid.coverage import json_ready
from mutualaid.reports._siting_figures import siting_figure
from mutualaid.siting import Plan, SitingStudy

__all__ = ["SITING_NULL_MEANS", "siting_figures", "siting_layers", "siting_summary", "siting_tables"]

#: What a missing value means in the numbers on siting, by key.
SITING_NULL_MEANS: Mapping[str, str] = {
    "add": "any number",
    "fair": "nothing was asked of it",
    "budget": "any",
    "near_m": "no named place is known",
    "severity": "unknown: nobody looked",
    "mean_s": "nobody is reached",
    "mean_before_s": "nobody is reached today",
    "mean_after_s": "nobody is reached",
    "share": "nobody lives there, or nobody has any weight by this rule",
    "bound": "nothing was proven in the time given",
    "gap": "nothing was proven in the time given",
    "needed": "not proven in the time given",
    "price": "not proven in the time given",
    "capacity": "without limit",
    "seconds": "nobody would ever come",
}


def siting_summary(study: SitingStudy) -> dict[str, Any]:
    """Give every number of a study that is reported, ready for JSON; how long it took is not among them."""
    joint = study.separate
    names = study.analysis.region.jurisdictions["name"].to_dict()
    lost = study.unreached.groupby("jurisdiction", sort=True)["population"].agg(["size", "sum"])
    content: dict[str, Any] = {
        "level": study.level,
        "model": study.model,
        "rule": study.over.rule,
        "weather": dict(study.over.weather),
        "choice": asdict(study.choice),
        "fair": None if study.fair is None else asdict(study.fair),
        "candidates": int((study.table.sites["state"] == "candidate").sum()),
        "plan": _plan(study.plan),
        "plans": [_plan(plan) for plan in study.alternatives],
        "sites": _rows(_flat(study.sites)),
        "gains": _rows(_gains(study)),
        "curve": _rows(study.curve),
        "cost_curve": _rows(study.cost_curve),
        "time_curve": _rows(study.time_curve),
        "unreached": {
            "people": float(study.unreached["population"].sum()),
            "points": len(study.unreached),
            "jurisdictions": [
                {"id": name, "name": names[name], "points": int(row["size"]), "people": float(row["sum"])}
                for name, row in lost.iterrows()
            ],
        },
        "notes": list(study.notes),
    }
    if joint is not None:
        content["separate"] = {
            "unit": joint.unit,
            "partners": _rows(joint.partners.reset_index()),
            "joint": _plan(joint.joint),
            "price_people": joint.price_people,
            "price_siting": joint.price_siting,
            "price_serving": joint.price_serving,
            "spent": joint.spent,
            "needed": joint.needed,
            "price": joint.price,
            "shares": _rows(joint.shares.reset_index()),
            "core": _rows(joint.core.reset_index()),
            "notes": list(joint.notes),
        }
    ready: dict[str, Any] = json_ready(content)
    return ready


def siting_tables(study: SitingStudy) -> dict[str, pd.DataFrame]:
    """Give each table by the name of its file; empty where there is nothing to say."""
    plans = [{"number": number, **_plan(plan)} for number, plan in enumerate(study.alternatives, start=1)]
    listed = pd.DataFrame(plans)
    for column in ("opened", "closed"):
        listed[column] = listed[column].map(";".join)
    curves = [
        table.assign(curve=name)
        for name, table in (("stations", study.curve), ("cost", study.cost_curve), ("time", study.time_curve))
        if len(table)
    ]
    joint = study.separate
    return {
        "siting_sites.csv": _flat(study.sites),
        "siting_plans.csv": listed.drop(columns="notes"),
        "siting_gains.csv": _gains(study),
        "siting_curves.csv": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        "siting_separate.csv": pd.DataFrame() if joint is None else joint.partners.reset_index(),
        "siting_shares.csv": pd.DataFrame() if joint is None else joint.shares.reset_index(),
    }


def siting_figures(study: SitingStudy) -> dict[str, Figure]:
    """Give each picture by the name of its file, of those that show something."""
    return {"siting.png": siting_figure(study)} if len(study.curve) > 1 else {}


def siting_layers(study: SitingStudy) -> list[tuple[str, gpd.GeoDataFrame]]:
    """Give the sites of the plans, and all sites that were looked at with what each reaches."""
    sites = study.table.sites
    everywhere = gpd.GeoDataFrame(
        sites.drop(columns="geometry").assign(
            people_in_time=study.table.reach("") @ study.table.weight,
            in_plan=study.plan.is_open,
        ),
        geometry=gpd.GeoSeries(sites["geometry"], crs=study.sites.crs),
    )
    return [("siting", study.sites), ("siting_candidates", everywhere)]


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "status": plan.status,
        "value": plan.value,
        "bound": plan.bound,
        "gap": plan.gap,
        "cost": plan.cost,
        "opened": list(plan.opened),
        "closed": list(plan.closed),
        "notes": list(plan.notes),
    }


def _gains(study: SitingStudy) -> pd.DataFrame:
    """Gains with the name of each place."""
    names = study.analysis.region.jurisdictions["name"].to_dict()
    told = [names.get(key, key) for key in study.gains["id"]]
    table = study.gains.copy()
    table.insert(2, "name", [name or "all" for name in told])
    return table


def _flat(sites: gpd.GeoDataFrame) -> pd.DataFrame:
    """Sites with their longitude and latitude in place of a geometry."""
    points = sites.geometry.to_crs(4326)
    flat = pd.DataFrame(sites.drop(columns="geometry")).assign(lon=points.x, lat=points.y)
    return flat.reset_index(names="site")


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
