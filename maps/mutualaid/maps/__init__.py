"""Folium maps of an analysis, and the one file that shows them without a network.

`coverage_map` returns a `folium.Map` that a notebook shows and that takes further Folium layers;
`save_offline` writes any Folium map as one self-contained page; `page_languages` says which of `LANGUAGES` a page
speaks, and `room_for_sites` whether it has room for what-ifs; `card_texts` gives what route cards say in each language;
`esc` makes a text from data safe for a Folium string.
"""

from __future__ import annotations

from mutualaid.maps._country import country_map
from mutualaid.maps._country_parts import PartPages, part_file, touched_roads
from mutualaid.maps._escape import esc
from mutualaid.maps._languages import LANGUAGES, card_texts, page_languages
from mutualaid.maps._map import coverage_map
from mutualaid.maps._offline import save_offline
from mutualaid.maps._squares import SquareCounts
from mutualaid.maps._what_if import room_for_sites

__all__ = [
    "LANGUAGES",
    "PartPages",
    "SquareCounts",
    "card_texts",
    "country_map",
    "coverage_map",
    "esc",
    "page_languages",
    "part_file",
    "room_for_sites",
    "save_offline",
    "touched_roads",
]
