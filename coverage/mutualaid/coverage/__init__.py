"""Who reaches whom within the standard, alone and together, and the gaps that remain."""

from mutualaid.coverage._again import coverage_again, covered_without, without_crossings
from mutualaid.coverage._analysis import (
    Analysis,
    Hazards,
    analyse,
    analysis_from,
    hazards_of,
    run_gaps,
    run_isochrones,
    run_numbers,
)
from mutualaid.coverage._coverage import LEVELS, coverage, levels, within
from mutualaid.coverage._fair import FairWeather
from mutualaid.coverage._fair_run import FairRun, fair_weather, finish
from mutualaid.coverage._gaps import gaps
from mutualaid.coverage._isochrones import isochrones
from mutualaid.coverage._part import Computed, Part, compute, join_computed, part, whole
from mutualaid.coverage._ready import Ready, lean_ready, on_road, prepare
from mutualaid.coverage._response import SEGMENTS, clock, response_times
from mutualaid.coverage._risk import RiskResult, later_minutes, scenario_risk
from mutualaid.coverage._scenario import (
    HazardComputed,
    ReadyHazard,
    ScenarioResult,
    compute_hazard,
    hazard_part,
    join_hazard_computed,
    lean_hazard,
    ready_hazard,
    scenario_coverage,
    scenario_result,
)
from mutualaid.coverage._scenario_table import hazard_numbers, scenario_numbers, scenario_table
from mutualaid.coverage._site_times import NEVER, Driven, SiteTimes, site_times
from mutualaid.coverage._sites import candidate_sites, site_junctions
from mutualaid.coverage._standards import CLOCK, Standard, standard, standards
from mutualaid.coverage._summary import NULL_MEANS, json_ready, summarise
from mutualaid.coverage._units import station_units
from mutualaid.coverage._weighted import percentile_weighted
from mutualaid.coverage._what_if import (
    WhatIfLevel,
    WhatIfTables,
    WhatIfTimes,
    what_if_coverage,
    what_if_tables,
)

__all__ = [
    "CLOCK",
    "LEVELS",
    "NEVER",
    "NULL_MEANS",
    "SEGMENTS",
    "Analysis",
    "Computed",
    "Driven",
    "FairRun",
    "FairWeather",
    "HazardComputed",
    "Hazards",
    "Part",
    "Ready",
    "ReadyHazard",
    "RiskResult",
    "ScenarioResult",
    "SiteTimes",
    "Standard",
    "WhatIfLevel",
    "WhatIfTables",
    "WhatIfTimes",
    "analyse",
    "analysis_from",
    "candidate_sites",
    "clock",
    "compute",
    "compute_hazard",
    "coverage",
    "coverage_again",
    "covered_without",
    "fair_weather",
    "finish",
    "gaps",
    "hazard_numbers",
    "hazard_part",
    "hazards_of",
    "isochrones",
    "join_computed",
    "join_hazard_computed",
    "json_ready",
    "later_minutes",
    "lean_hazard",
    "lean_ready",
    "levels",
    "on_road",
    "part",
    "percentile_weighted",
    "prepare",
    "ready_hazard",
    "response_times",
    "run_gaps",
    "run_isochrones",
    "run_numbers",
    "scenario_coverage",
    "scenario_numbers",
    "scenario_result",
    "scenario_risk",
    "scenario_table",
    "site_junctions",
    "site_times",
    "standard",
    "standards",
    "station_units",
    "summarise",
    "what_if_coverage",
    "what_if_tables",
    "whole",
    "within",
    "without_crossings",
]
