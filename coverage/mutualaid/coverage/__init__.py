"""Who reaches whom within the standard, alone and together, and the gaps that remain."""

from mutualaid.coverage._again import coverage_again, covered_without, without_crossings
from mutualaid.coverage._analysis import Analysis, analyse
from mutualaid.coverage._coverage import LEVELS, coverage, levels, within
from mutualaid.coverage._fair import FairWeather, on_road
from mutualaid.coverage._fair_run import fair_weather
from mutualaid.coverage._gaps import gaps
from mutualaid.coverage._isochrones import isochrones
from mutualaid.coverage._response import SEGMENTS, clock, response_times
from mutualaid.coverage._risk import RiskResult, later_minutes, scenario_risk
from mutualaid.coverage._scenario import ScenarioResult, scenario_coverage
from mutualaid.coverage._scenario_table import scenario_table
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
    "Driven",
    "FairWeather",
    "RiskResult",
    "ScenarioResult",
    "SiteTimes",
    "Standard",
    "WhatIfLevel",
    "WhatIfTables",
    "WhatIfTimes",
    "analyse",
    "candidate_sites",
    "clock",
    "coverage",
    "coverage_again",
    "covered_without",
    "fair_weather",
    "gaps",
    "isochrones",
    "json_ready",
    "later_minutes",
    "levels",
    "on_road",
    "percentile_weighted",
    "response_times",
    "scenario_coverage",
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
    "within",
    "without_crossings",
]
