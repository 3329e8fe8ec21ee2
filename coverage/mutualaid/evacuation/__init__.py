"""Clearance time with two proven bounds, routes that people can follow, and what a neighbour's shelters are worth."""

from mutualaid.evacuation._bracket import SHARES, bracket, most_out
from mutualaid.evacuation._build import LEVELS, EvacuationNetwork, evacuation_network
from mutualaid.evacuation._capacities import CAPACITIES, FACTORS, road_capacities
from mutualaid.evacuation._cut import Cut, cut
from mutualaid.evacuation._network import FlowNetwork, flow_network
from mutualaid.evacuation._plan import check_plan, edge_flows, edge_loads, plan_routes
from mutualaid.evacuation._results import Bracket, RoutePlan, Simulation
from mutualaid.evacuation._simulate import curves, ete, nearest, simulate
from mutualaid.evacuation._study import EvacuationStudy, evacuation, network_of_case
from mutualaid.evacuation._values import MEASURES
from mutualaid.evacuation._vehicles import mobilised, vehicles
from mutualaid.evacuation._ways import edge_lines, ways
from mutualaid.evacuation._zones import evacuation_zones, zone_members

__all__ = [
    "CAPACITIES",
    "FACTORS",
    "LEVELS",
    "MEASURES",
    "SHARES",
    "Bracket",
    "Cut",
    "EvacuationNetwork",
    "EvacuationStudy",
    "FlowNetwork",
    "RoutePlan",
    "Simulation",
    "bracket",
    "check_plan",
    "curves",
    "cut",
    "edge_flows",
    "edge_lines",
    "edge_loads",
    "ete",
    "evacuation",
    "evacuation_network",
    "evacuation_zones",
    "flow_network",
    "mobilised",
    "most_out",
    "nearest",
    "network_of_case",
    "plan_routes",
    "road_capacities",
    "simulate",
    "vehicles",
    "ways",
    "zone_members",
]
