"""Clearance time with two proven bounds, routes that people can follow, and what a neighbour's shelters are worth."""

from mutualaid.evacuation._network import FlowNetwork, flow_network
from mutualaid.evacuation._results import Bracket, RoutePlan, Simulation

__all__ = ["Bracket", "FlowNetwork", "RoutePlan", "Simulation", "flow_network"]
