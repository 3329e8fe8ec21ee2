"""The region: what its partners share, read from files that people edit by hand, and checked as a whole."""

from __future__ import annotations

from mutualaid.data._agreements import (
    CONFIDENCES,
    MODES,
    PRIORITIES,
    SHARING_LEVELS,
    Agreement,
    AgreementCrossing,
    CoalitionCost,
    Costs,
    agreement_notes,
    agreements_in_force,
    contradictions,
)
from mutualaid.data._area import read_area
from mutualaid.data._decision_log import append_decision
from mutualaid.data._demand import demand_from_census, demand_from_totals
from mutualaid.data._demand_raster import demand_from_raster
from mutualaid.data._demo import demo_path
from mutualaid.data._evacuation import (
    CAPACITY_FACTORS,
    CAPACITY_PRESETS,
    SPACE_M2,
    STAYS,
    TIME_UNITS,
    ArrivalSource,
    EvacuationCase,
    ZoneReference,
    zone_reference,
)
from mutualaid.data._hazard_files import hazard_sections
from mutualaid.data._hazards import (
    COMBINE,
    HAZARDS,
    NODATA_MEANINGS,
    QUANTITIES,
    ROAD_RULES,
    HazardScenario,
    HazardSource,
    RiskCurve,
)
from mutualaid.data._model import HOUR_CLASSES, ROAD_CLASSES, SERVICES, STAMPS, Parameters, Region, Source
from mutualaid.data._new import new_region
from mutualaid.data._places import new_region_from_places
from mutualaid.data._region import check_region, read_region, region_notes, write_region
from mutualaid.data._schema import region_schema
from mutualaid.data._sections import add_section
from mutualaid.data._stamps import incident_table
from mutualaid.data._tables import read_table, write_table
from mutualaid.data._targets import Target, indicator_path
from mutualaid.data._toml import revise

__all__ = [
    "CAPACITY_FACTORS",
    "CAPACITY_PRESETS",
    "COMBINE",
    "CONFIDENCES",
    "HAZARDS",
    "HOUR_CLASSES",
    "MODES",
    "NODATA_MEANINGS",
    "PRIORITIES",
    "QUANTITIES",
    "ROAD_CLASSES",
    "ROAD_RULES",
    "SERVICES",
    "SHARING_LEVELS",
    "SPACE_M2",
    "STAMPS",
    "STAYS",
    "TIME_UNITS",
    "Agreement",
    "AgreementCrossing",
    "ArrivalSource",
    "CoalitionCost",
    "Costs",
    "EvacuationCase",
    "HazardScenario",
    "HazardSource",
    "Parameters",
    "Region",
    "RiskCurve",
    "Source",
    "Target",
    "ZoneReference",
    "add_section",
    "agreement_notes",
    "agreements_in_force",
    "append_decision",
    "check_region",
    "contradictions",
    "demand_from_census",
    "demand_from_raster",
    "demand_from_totals",
    "demo_path",
    "hazard_sections",
    "incident_table",
    "indicator_path",
    "new_region",
    "new_region_from_places",
    "read_area",
    "read_region",
    "read_table",
    "region_notes",
    "region_schema",
    "revise",
    "write_region",
    "write_table",
    "zone_reference",
]
