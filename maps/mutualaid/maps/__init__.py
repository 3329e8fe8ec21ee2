"""Folium maps of an analysis, and the one file that shows them without a network.

`coverage_map` returns a `folium.Map` that a notebook shows and that takes further Folium layers;
`save_offline` writes any Folium map as one self-contained page; `esc` makes a text from data safe for a
Folium string.
"""

from __future__ import annotations

from mutualaid.maps._escape import esc
from mutualaid.maps._map import coverage_map
from mutualaid.maps._offline import save_offline

__all__ = ["coverage_map", "esc", "save_offline"]
