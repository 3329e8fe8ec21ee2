"""The road network: import, speeds, snapping, and the travel-time kernel.

Read a network with `read_network`, choose a `profile`, and ask for times. A network is plain arrays and
frames (`Network`), cut at jurisdiction boundaries, so that every passage between jurisdictions is a named
crossing.
"""

from __future__ import annotations

from mutualaid.network._boundary import cut_at_boundaries
from mutualaid.network._cut import Cut, cut, lean, lean_all
from mutualaid.network._graph import RouteGraph, main_part, reweighted, route_graph
from mutualaid.network._graph_io import from_osmnx, read_graphml, to_osmnx, write_graphml
from mutualaid.network._model import ROAD_CLASSES, Network, Restriction
from mutualaid.network._profiles import PROFILES, EdgeTimes, Profile, edge_times, profile
from mutualaid.network._reach import Route, path, reach
from mutualaid.network._roads import read_network
from mutualaid.network._snap import snap
from mutualaid.network._times import bounded_dijkstra, nearest, travel_times

__all__ = [
    "PROFILES",
    "ROAD_CLASSES",
    "Cut",
    "EdgeTimes",
    "Network",
    "Profile",
    "Restriction",
    "Route",
    "RouteGraph",
    "bounded_dijkstra",
    "cut",
    "cut_at_boundaries",
    "edge_times",
    "from_osmnx",
    "lean",
    "lean_all",
    "main_part",
    "nearest",
    "path",
    "profile",
    "reach",
    "read_graphml",
    "read_network",
    "reweighted",
    "route_graph",
    "snap",
    "to_osmnx",
    "travel_times",
    "write_graphml",
]
