"""What a reader of a siting study must know."""

from __future__ import annotations

import numpy as np
import shapely

from mutualaid.coverage import Analysis
from mutualaid.siting._choice import Over
from mutualaid.siting._plan import Plan

__all__ = ["study_notes", "subsidiary_agreements"]

#: Two stations that are closer than this stand at one place.
_ONE_PLACE_M = 250.0


def study_notes(analysis: Analysis, plan: Plan, level: str, over: Over) -> list[str]:
    """Say in words what the plan takes for granted, and what it leaves open."""
    sites = plan.table.sites[~plan.table.existing]
    notes = []
    if plan.status != "optimal":
        notes.append(f"The plan is the best found in time; none is better by more than {plan.gap:.1%}.")
    if (spacing := sites["spacing_m"]).notna().any():
        notes.append(
            f"Candidate sites are junctions {spacing.max():,.0f} m apart or more: each stands for places around it, "
            "and nobody asked whether there is land."
        )
    if "department" not in sites.columns:
        turnout_s = analysis.region.parameters.turnout_s["career"]
        notes.append(f"New stations are taken to be career stations with a turnout of {turnout_s:g} s.")
    notes += _crews(plan)
    status = sites["severity_status"]
    if (status == "not_asked").any():
        notes.append("The region has no hazard layers: nobody asked whether a site is safe.")
    elif unknown := int((status != "known").sum()):
        notes.append(
            f"At {unknown} of {len(sites)} candidate sites it is unknown how severe at least one hazard is; unknown "
            "is not safe."
        )
    if level == "agreed" and (rules := subsidiary_agreements(analysis)):
        notes.append(
            f"By {', '.join(rules)} units come only where no own one is in time; mean times take them as if they "
            "always came."
        )
    if chance := [
        one.scenario.name for one in analysis.scenarios if one.scenario.id in over.weather and len(one.draws)
    ]:
        notes.append(
            f"In {', '.join(chance)} roads close by chance; only those that are certainly closed count."
        )
    return notes


def subsidiary_agreements(analysis: Analysis) -> list[str]:
    """Ids of agreements in force by which units come only where no own one is in time."""
    return [one.id for one in analysis.agreements if one.mode == "subsidiary"]


def _crews(plan: Plan) -> list[str]:
    """Name new stations at the place of one that stays and that only takes longer to turn out."""
    table = plan.table
    sites = table.sites[plan.is_open & table.existing]
    notes = []
    for name, new in table.sites.loc[list(plan.opened)].iterrows():
        apart_m = shapely.distance(sites.geometry.to_numpy(), new["geometry"])
        slower = (sites["turnout_used_s"] > new["turnout_used_s"]).to_numpy(np.bool_)
        near = np.flatnonzero(
            slower & (apart_m < _ONE_PLACE_M) & (sites["partner"] == new["partner"]).to_numpy()
        )
        if len(near):
            first = near[apart_m[near].argmin()]
            station, turnout_s = sites.index[first], sites["turnout_used_s"].iloc[first]
            notes.append(
                f"{name} is {apart_m[first]:.0f} m from the station {sites['name'].iloc[first] or station}, whose crew "
                f"needs {turnout_s:g} s to turn out, and that of the new one {new['turnout_used_s']:g} s: what is "
                "gained is the crew more than the place."
            )
    return notes
