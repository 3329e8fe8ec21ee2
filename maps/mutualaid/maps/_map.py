"""The coverage map: an analysis as a Folium map."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import folium
import geopandas as gpd
import pandas as pd

from mutualaid.errors import InputError
from mutualaid.maps._cells import cell_data
from mutualaid.maps._cooperation import cooperation_facts, crossing_facts, crossing_steps, station_facts
from mutualaid.maps._counts import HIGH, partner_names, statuses
from mutualaid.maps._escape import esc, finite, shorten
from mutualaid.maps._evacuation import evacuation_facts
from mutualaid.maps._evacuation_layers import evacuation_layers
from mutualaid.maps._facts import about, station_lines, totals
from mutualaid.maps._ground import ground_layers, marks_at, name_table
from mutualaid.maps._hazard_layers import closed_roads, seam_layer, severity_layer
from mutualaid.maps._languages import LANGUAGES, page_languages, page_texts
from mutualaid.maps._layers import PageLayer, Panel, Stage
from mutualaid.maps._messages import Message, listed, message, minutes, named, shown
from mutualaid.maps._offline import offline_html
from mutualaid.maps._pack import packed_paths
from mutualaid.maps._palette import (
    BAND_COLOURS,
    NOBODY_COMES,
    band_labels,
    partner_fills,
    partner_mark,
)
from mutualaid.maps._scenarios import not_computed, scenario_cells, scenario_facts
from mutualaid.maps._siting import siting_facts, siting_layer
from mutualaid.maps._what_if import what_if_data

if TYPE_CHECKING:
    from mutualaid.cooperation import Cooperation
    from mutualaid.coverage import Analysis, WhatIfTables
    from mutualaid.evacuation import EvacuationStudy
    from mutualaid.siting import SitingStudy

__all__ = ["CoverageMap", "coverage_map", "data_bounds", "gap_layer", "providers", "station_layer"]

_GAP = {"color": "#7a3300", "weight": 2, "fillOpacity": 0, "interactive": True}
_OSM = "© OpenStreetMap contributors"
#: So many crossings that help hangs on do not fill the map.
_QUIET = 16
#: Municipalities that a gap is named after.
_TOWNS = 3
_GAP_NUMBERS = (
    "population",
    "unreachable_population",
    "closed_population",
    "remaining_population",
    "median_s",
    "worst_s",
    "saved_median_s",
)


class CoverageMap(folium.Map):
    """A Folium map whose layer control stays last, so that layers added later appear in it.

    Attributes
    ----------
    lang
        Language that its page speaks at first.
    """

    lang = "en"

    def add_child(
        self, child: folium.Element, name: str | None = None, index: int | None = None
    ) -> CoverageMap:
        """Add a child below the layer control."""
        super().add_child(child, name=name, index=index)
        for key in [key for key, item in self._children.items() if isinstance(item, folium.LayerControl)]:
            self._children.move_to_end(key)
        return self

    def _repr_html_(self, **kwargs: Any) -> str:
        """Show the map in a notebook, without a network where its layers allow that."""
        try:
            page = offline_html(self)
        except InputError:  # tiles or plugins were added: they need the network anyway
            return str(super()._repr_html_(**kwargs))
        return f'<iframe srcdoc="{html.escape(page)}" style="width: 100%; height: 640px; border: 0"></iframe>'


def coverage_map(
    analysis: Analysis,
    cooperation: Cooperation | None = None,
    what_if: WhatIfTables | None = None,
    *,
    siting: SitingStudy | None = None,
    evacuation: EvacuationStudy | None = None,
    languages: Sequence[str] = tuple(LANGUAGES),
) -> folium.Map:
    """Draw who is reached in time, alone and together.

    The map asks nobody for tiles: its ground is the region's own boundaries and roads. A panel switches
    between each partner alone, today's agreements where any is in force, and the joint team, between fair weather and
    each scenario of hazards, and between who is reached in time, when, and by whom; it holds the numbers, the legend
    and the facts.

    Parameters
    ----------
    analysis
        What `mutualaid.coverage.analyse` returns.
    cooperation
        What `mutualaid.cooperation.cooperation` returns for it: then the map tells what hangs on each crossing and
        station, who depends on whom, and what delays leave of the gain.
    what_if
        What `mutualaid.coverage.what_if_tables` returns for it: then the reader can switch stations off, add new ones,
        and change the standard and the delays, and the page works out map, numbers and tables by itself.
    siting
        What `mutualaid.siting.siting` found of it: then the map shows the plan and its alternatives, and, if the new
        sites of all of them are among those of `what_if`, switches to any of them.
    evacuation
        What `mutualaid.evacuation.evacuation` found of it: then the page opens with that unless it shows a plan for
        stations, and switches to coverage and
        back: zones, traffic moment by moment, the hazard as it arrives, the bottleneck, shelters and routes.
    languages
        Languages that the page speaks: any of ``en``, ``fr``, ``de``, ``it``, ``es`` and ``ar``. The page opens in the
        one that the reader's browser prefers, else in the first. Texts from data stay as they are.

    Returns
    -------
    folium.Map
        A notebook shows it, and it takes further Folium layers with ``add_child``: they appear in its layer
        control. Folium escapes no text; pass texts from data through `esc`. `save_offline` writes it as one
        file.

    Raises
    ------
    InputError
        If `languages` names one that the page does not have, or none.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.maps import coverage_map
    >>> page = coverage_map(analyse(read_region(demo_path())))
    >>> [child.layer_name for child in page._children.values() if getattr(child, "control", False)][0]
    'People'
    """
    region = analysis.region
    bounds = data_bounds(analysis.coverage)
    page = CoverageMap(
        location=[(bounds[0][0] + bounds[1][0]) / 2, (bounds[0][1] + bounds[1][1]) / 2],
        tiles=None,
        zoom_control="topright",
        maxZoom=18,
        zoomSnap=0.5,
    )
    page.lang = page_languages(languages)[0]
    figure: Any = page.get_root()
    figure.title = esc(shorten(region.name))
    cells, people = cell_data(analysis, exact=what_if is not None)
    cells["scenarios"], hazard_people = scenario_cells(analysis)
    limit_s = analysis.standard.limit_s
    stage = {
        **page_texts(languages, evacuation=evacuation is not None),
        "region": shorten(region.name),
        "note": shorten(region.note, 600),
        "service": region.parameters.service,
        "limit_s": limit_s,
        "start": message(f"start_{analysis.standard.start}"),
        "cutoff_s": region.parameters.cutoff_s,
        "counted": _counted(analysis.standard.start),
        "bounds": bounds,
        "statuses": [row._asdict() for row in statuses(analysis.coverage.columns, hazard=False)],
        "bands": BAND_COLOURS,
        "band_labels": [
            *band_labels(limit_s),
            message("band_nobody", time=minutes(region.parameters.cutoff_s)),
            message("unreachable"),
        ],
        "fair": people,
        "partners": [
            {"label": shorten(name), "fills": partner_fills(position), "mark": partner_mark(position)}
            for position, name in enumerate(partner_names(analysis).values())
        ],
        "nobody_comes": NOBODY_COMES,
        "high": HIGH,
        "names": name_table(analysis, page_languages(languages)),
        "about": about(analysis),
        "attribution": esc(" · ".join(providers(analysis))),
        "scenarios": scenario_facts(analysis, hazard_people),
        "scenario_statuses": [row._asdict() for row in statuses(analysis.coverage.columns, hazard=True)]
        if analysis.scenarios
        else [],
        "not_computed": not_computed(analysis),
        "cooperation": cooperation_facts(analysis, cooperation),
        "siting": siting_facts(analysis, siting, what_if) if siting is not None else None,
        "evacuation": evacuation_facts(analysis, evacuation) if evacuation is not None else None,
        "whatif": what_if_data(analysis, what_if) if what_if is not None else None,
        **totals(analysis),
    }
    # The order of the layer control; what lies above what is a matter of panes.
    land, *ground = ground_layers(analysis)
    covered = [
        *severity_layer(analysis),
        *gap_layer(analysis, what_if),
        *station_layer(analysis, cooperation),
        *siting_layer(siting),
        *closed_roads(analysis),
        *seam_layer(analysis),
        *_crossings(analysis.network.crossings, region.jurisdictions, cooperation),
        *_isochrones(analysis.isochrones),
    ]
    layers = [
        land,
        PageLayer("cells", "layer_people", cells),
        *_about("evacuation", evacuation_layers(evacuation)),
        *_about("coverage", covered),
        *ground,
    ]
    for child in (Stage(stage), *layers, Panel()):
        page.add_child(child)
    page.add_child(folium.LayerControl())
    return page


def _about(subject: str, layers: Iterable[PageLayer]) -> Iterator[PageLayer]:
    """Say what layers are about: the page shows those of one subject at a time."""
    for layer in layers:
        layer.data["subject"] = subject
        yield layer


def providers(analysis: Analysis) -> list[str]:
    """Who made the data: sources that are stated, and OpenStreetMap wherever roads or derived layers come from it."""
    region = analysis.region
    stated = [*(source.source for source in region.sources), *(one.source for one in region.hazards)]
    names = [_provider(source) for source in stated if source]
    if any(".osm" in path.name.lower() for path in region.network_files):
        names.insert(0, _OSM)
    # One that is named with and without its sign is one.
    others = [name for name in dict.fromkeys(names) if "openstreetmap" not in name.lower()]
    return [_OSM, *others] if any("openstreetmap" in name.lower() for name in names) else others


def _provider(source: str) -> str:
    """Shorten a source to who made it, for the corner of the map; the whole stands in the panel."""
    return shorten(re.split(r"[,;(]", source, maxsplit=1)[0])


def data_bounds(table: gpd.GeoDataFrame) -> list[list[float]]:
    west, south, east, north = table.geometry.to_crs(4326).total_bounds.tolist()
    return [[south, west], [north, east]]


def _counted(start: str) -> list[str]:
    """Segments that a clock counts which starts at `start`."""
    begins = {"answering": 0, "processing": 1, "dispatch": 2, "turnout": 2, "crossing": 3, "drive": 3}
    return [name for name, point in begins.items() if point >= int(start.removeprefix("t"))]


def _isochrones(isochrones: gpd.GeoDataFrame) -> list[PageLayer]:
    """Draw the merged bands of each level; off at the start."""
    merged = isochrones[isochrones["station"] == ""].sort_values(
        ["level", "from_min"], ascending=[True, False]
    )
    if not len(merged):
        return []
    steps = sorted(set(zip(merged["from_min"], merged["to_min"], strict=True)))
    colours = {step: BAND_COLOURS[min(k, len(BAND_COLOURS) - 3)].colour for k, step in enumerate(steps)}
    features = [
        {
            "level": row.level,
            "style": {"color": colours[row.from_min, row.to_min], "weight": 1.5, "fillOpacity": 0.55},
        }
        for row in merged.itertuples()
    ]
    data = {
        "paths": packed_paths(merged.geometry, 5.0),
        "features": features,
        "style": {"pane": "ma-areas"},
        "title": message("isochrones"),
        "order": 2,
        "fair": True,
        "legend": [
            {
                "fill": [colours[step], ""],
                "label": message("band_between", a=minutes(60 * step[0]), b=minutes(60 * step[1])),
            }
            for step in steps
        ],
    }
    return [PageLayer("paths", "layer_isochrones", data, show=False)]


def gap_layer(analysis: Analysis, what_if: WhatIfTables | None) -> list[PageLayer]:
    """Gaps of each level with their facts, the most people first; a what-if may have some where there are none."""
    gaps = analysis.gaps
    if not len(gaps) and what_if is None:
        return []
    names = analysis.region.jurisdictions["name"].to_dict()
    partners = partner_names(analysis)
    rows: list[dict[Any, Any]] = gaps.drop(columns="geometry").to_dict("records")
    features = []
    titles = _gap_names(rows, names)
    for row, title, at in zip(rows, titles, marks_at(gaps.representative_point()), strict=True):
        facts = {
            "name": title,
            "level": row["level"],
            "jurisdictions": named(row["jurisdictions"], names),
            "closed_by": named(row["closed_by"], partners),
            **{key: finite(row[key]) for key in _GAP_NUMBERS},
        }
        features.append({"level": row["level"], "facts": facts, "at": at})
    data = {
        "paths": packed_paths(gaps.geometry, 1.0),
        "features": features,
        "style": _GAP,
        "chips": True,
        "tells": "gap",
        "order": 7,
        "fair": True,
        "legend": [{"line": _GAP, "label": message("gap_outline")}],
    }
    return [PageLayer("paths", "layer_gaps", data)]


def _gap_names(rows: Iterable[Mapping[Any, Any]], names: Mapping[Any, Any]) -> list[Message]:
    """Name each gap after its municipalities, its part of one, and a road; numbered where a level has one twice."""
    seen: Counter[tuple[str, ...]] = Counter()
    titles: list[Message] = []
    for row in rows:
        places = [names.get(key, key) for key in row["jurisdictions"].split(";")]
        title = message("as_is", what=listed(places, _TOWNS))
        if row["part"]:
            title = message("gap_in", place=listed(places, _TOWNS), part=message(f"part_{row['part']}"))
        if row["road"]:
            title = message("pair_colon", a=title, b=shown(row["road"]))
        alike = row["level"], row["jurisdictions"], row["part"], row["road"]
        seen[alike] += 1
        titles.append(message("gap_again", gap=title, n=seen[alike]) if seen[alike] > 1 else title)
    return titles


def station_layer(analysis: Analysis, cooperation: Cooperation | None) -> list[PageLayer]:
    stations, partners = analysis.stations, partner_names(analysis)
    if not len(stations):
        return []
    several = len(stations["service"].unique()) > 1
    pairs = list(dict.fromkeys(zip(stations["partner"], stations["service"], strict=True)))
    kinds = []
    for partner, service in pairs:
        colour, shape = partner_mark(list(partners).index(partner))
        label: Message = shorten(partners[partner])
        if several:
            label = message("kind_of_service", who=shown(label), service=message(f"service_{service}"))
        kinds.append({"shape": shape, "colour": colour, "glyph": service, "label": label})
    states = _station_states(analysis)
    only = {} if cooperation is None else station_facts(cooperation)
    marks = [
        {"at": at, "kind": pairs.index((partner, service)), "title": shorten(name), "lines": lines}
        | ({"states": states[key]} if key in states else {})
        | ({"facts": only[key]} if key in only else {})
        for key, at, partner, service, name, lines in zip(
            stations.index,
            marks_at(stations.geometry),
            stations["partner"],
            stations["service"],
            stations["name"],
            station_lines(analysis, partners),
            strict=True,
        )
    ]
    data = {
        "title": message("stations"),
        "kinds": kinds,
        "marks": marks,
        "size": 30,
        "order": 1,
        "above": 500,
        "tells": "station",
    }
    return [PageLayer("marks", "layer_stations", data)]


def _station_states(analysis: Analysis) -> dict[Any, dict[str, str]]:
    """State of each station by scenario, where it is not in service as in fair weather."""
    found: dict[Any, dict[str, str]] = {}
    for result in analysis.scenarios:
        state = result.stations["state"]
        for key, word in state[state != "in_service"].items():
            found.setdefault(key, {})[result.scenario.id] = str(word)
    return found


def _crossings(
    crossings: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, cooperation: Cooperation | None
) -> list[PageLayer]:
    """Passages between jurisdictions; off at the start, but for a few that help hangs on."""
    if not len(crossings):
        return []
    facts = {} if cooperation is None else crossing_facts(cooperation)
    names = jurisdictions["name"].to_dict()
    kinds = [
        {"shape": "passage", "colour": "#5c0a4f", "glyph": "", "label": message("crossing_border")},
        {"shape": "passage", "colour": "#4a5560", "glyph": "", "label": message("crossing_other")},
    ]
    marks = {
        row.Index: {
            "at": at,
            "kind": 0 if row.international else 1,
            "title": shorten(row.name),
            "lines": [
                message(
                    "pair_dash",
                    a=shown(names.get(row.from_jurisdiction, row.from_jurisdiction)),
                    b=shown(names.get(row.to_jurisdiction, row.to_jurisdiction)),
                )
            ],
        }
        | ({"facts": facts[row.Index]} if row.Index in facts else {})
        for at, row in zip(marks_at(crossings.geometry), crossings.itertuples(), strict=True)
    }
    # What one level does without may matter at the other, whose delays leave it less time.
    most = {key: max(one["lost_joint"] or 0.0, one.get("lost_agreed") or 0.0) for key, one in facts.items()}
    lost = {key: people for key, people in most.items() if people > 0}
    ranked = _ranked([marks.pop(key) for key in lost], list(lost.values()))
    data = {
        "title": message("crossings"),
        "kinds": kinds,
        "marks": list(marks.values()),
        "size": 16,
        "order": 6,
        "tells": "crossing",
    }
    key = "layer_crossings_other" if ranked else "layer_crossings"
    return [*ranked, *([PageLayer("marks", key, data, show=False)] if marks else [])]


def _ranked(marks: list[dict[str, Any]], lost: list[float]) -> list[PageLayer]:
    """Crossings that help hangs on, the larger the more people."""
    if not marks:
        return []
    steps = crossing_steps(pd.Series(lost))
    labels = [message("crossing_step", n=step) for step in steps]
    labels.append(message("crossing_step_last", n=steps[-1]))
    kinds = [
        {"shape": "passage", "colour": "#5c0a4f", "glyph": "", "label": label, "size": size}
        for label, size in zip(labels, (28, 20, 13)[-len(labels) :], strict=True)
    ]
    for mark, people in zip(marks, lost, strict=True):
        mark["kind"] = next((k for k, step in enumerate(steps) if people >= step), len(steps))
    data = {
        "title": message("crossings_ranked"),
        "fair": True,
        "kinds": kinds,
        "marks": marks,
        "size": 16,
        "order": 6,
        "tells": "crossing",
    }
    return [PageLayer("marks", "layer_crossings_matter", data, show=len(marks) <= _QUIET)]
