# ruff: noqa: E501 - the texts of the demo's files stand as they will be
"""Rebuild the embedded demo region, byte for byte, from an OpenStreetMap extract of Monaco and the French Riviera.

    python scripts/build_demo.py SOURCE.osm.pbf [FOLDER]

SOURCE.osm.pbf is ``test/data/monaco.osm.pbf`` of the source distribution of osrm-bindings 26.10.0 on PyPI. FOLDER is
the demo's place in the package by default.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from pyproj import CRS, Geod

from mutualaid.data import STAMPS, read_table, write_table
from mutualaid.data._boundaries import assemble_units
from mutualaid.data._demand import demand_from_totals
from mutualaid.data._osm_buildings import buildings_frame, floor_levels
from mutualaid.data._osm_ground import ground_frame
from mutualaid.data._osm_read import Extract, read_extract
from mutualaid.data._osm_region import hospitals_frame, stations_frame, told_languages, translations
from mutualaid.data._osm_roads import write_roads
from mutualaid.hazards import (
    Ground,
    derive_coastal_flood,
    derive_flash_flood,
    derive_rockfall,
    derive_wildfire_interface,
    read_ground,
)
from mutualaid.network import profile, read_network, route_graph, snap, travel_times

SOURCE_SHA256 = "36c0f0029ed838897322382611b67e8e5e7bcb07d5b17a25f3574dec54f1c23c"
FOLDER = Path(__file__).resolve().parents[1] / "data" / "mutualaid" / "data" / "demo"
CRS_CODE = "EPSG:32632"
CELL_M = 100
DATE = "2016-03-05"
BUILT = "2026-11-26"

SDIS = "SDIS 06"
# Name on the map: id, country, people, partner.
UNITS = {
    "Monaco": ("MC", "MC", 37_308, "Sapeurs-Pompiers de Monaco"),
    "Beausoleil": ("FR-beausoleil", "FR", 11_936, SDIS),
    "Cap-d'Ail": ("FR-cap-d-ail", "FR", 4_482, SDIS),
    "La Turbie": ("FR-la-turbie", "FR", 3_045, SDIS),
    "Roquebrune-Cap-Martin": ("FR-roquebrune-cap-martin", "FR", 12_037, SDIS),
}
CUT = "Roquebrune-Cap-Martin"
CUT_WHOLE_KM2 = 9.33  # the whole commune, INSEE
# OSM key: name, department. The Corps des Sapeurs-Pompiers de Monaco is a military corps of professionals.
STATIONS = {
    "n1866465411": ("Caserne de Fontvieille", "career"),
    "n1866523017": ("Caserne de la Condamine", "career"),
    "n3781320822": ("La Turbie (station without a name on the map)", "unknown"),
}
NOT_A_HOSPITAL = "n2287695176"  # a pharmacy by its name

# Key of a building or ground on the map: name where the map has none, share of its ground that people can use. No floor
# plan was read: half of a building's ground floor, and what may be roofed of a stadium and a sports ground.
HALL, STADIUM, GROUND = 0.5, 0.2, 0.1
SHELTERS = {
    "w49209155": ("", STADIUM),
    "w161885377": ("", HALL),
    "w104863462": ("", HALL),
    "w176131190": ("", HALL),
    "w176684621": ("", HALL),
    "w176722820": ("", HALL),
    "w94399948": ("", HALL),
    "w63018870": ("", HALL),
    "w176565937": ("", GROUND),
    "w143210871": ("", HALL),
    "w143228284": ("Église de La Turbie (without a name on the map)", HALL),
    "w210933747": ("", HALL),
    "w210933746": ("", HALL),
    "w138588362": ("", HALL),
}
FLOOR = "assumed: {share:.0%} of the {footprint:,.0f} m² on the map can be used"

# The illustrative fire: where it starts (degrees), how fast it runs with the wind, where the wind blows to (degrees
# from north), how slender the ellipse is that it burns, the bands that are drawn, and how long before the first of them
# the alarm is given, in minutes.
FIRE_START = (7.3862, 43.7577)
FIRE_KPH, FIRE_TOWARDS_DEG, FIRE_ECCENTRICITY = 3.0, 110.0, 0.866
FIRE_BAND_MIN, FIRE_UNTIL_MIN, FIRE_WARNING_MIN = 15, 300, 30
# Classes of the wildfire interface that it reaches: those of severity 3 and more; and the least patch that is drawn.
FIRE_CLASSES, FIRE_LEAST_M2 = ("2", "3"), 1000.0

# The illustrative record of incidents. Nothing of it happened: places by where people live, times by the hour of the day,
# drives along the roads as the vehicle below would drive them. What a review should find is known, because it is here:
# streets slower than the profile of the example has them, more lost at each junction, neighbours alerted later than the
# agreement assumes (in one municipality so late that most of the gain is lost, in one sooner), turnouts by the hour.
INCIDENTS, INCIDENT_SEED = 345, 2014
FIRST_DAY, LAST_DAY = date(2014, 3, 1), date(2016, 2, 29)
CLOCKS = ZoneInfo("Europe/Paris")  # Monaco's too
DRIVEN_KPH = {
    "primary": 56, "primary_link": 26, "secondary": 46, "secondary_link": 21, "tertiary": 34, "tertiary_link": 17,
    "unclassified": 20, "residential": 17, "living_street": 8, "service": 11,
}  # fmt: skip
DRIVEN_JUNCTION_S = 4.5
# Median and spread (standard deviation of the logarithm) of what takes how long, in seconds; turnouts by the hour class.
ANSWERING_S, PROCESSING_S, ON_SCENE_S = (9, 0.45), (78, 0.4), (2100, 0.55)
NEIGHBOUR_S = (265, 0.3)
NEIGHBOUR_THERE_S = {"FR-roquebrune-cap-martin": (450, 0.2), "FR-cap-d-ail": (110, 0.2)}
TURNOUT_S = {
    "MC": {"day": (72, 0.22), "night": (96, 0.22), "weekend": (80, 0.22)},
    "FR": {"day": (285, 0.25), "night": (330, 0.25), "weekend": (255, 0.25)},
}
# What a drive differs by from one day to the next; how often traffic holds it up and how long; how often a stamp is
# pressed far too late, or not at all.
DRIVE_SPREAD, HELD_UP, HELD_UP_S, LATE, MISSING = 0.09, 0.04, (60, 0.5), 0.01, 0.02
# Share of the incidents of each hour of the day, before they are made to add up; and of each type.
HOURS = [2, 2, 1, 1, 1, 2, 3, 5, 6, 7, 7, 7, 8, 7, 7, 7, 7, 8, 8, 7, 6, 5, 4, 3]
TYPES = {"fire": 0.16, "alarm": 0.3, "traffic": 0.2, "rescue": 0.12, "other": 0.22}
# Units: station, whose it is. One comes from a station that the map does not have.
UNITS_SENT = {
    "FON 1": ("n1866465411", "MC"),
    "FON 2": ("n1866465411", "MC"),
    "CON 1": ("n1866523017", "MC"),
    "CON 2": ("n1866523017", "MC"),
    "TUR 1": ("n3781320822", "FR"),
}
OUTSIDE = ("MEN 1", "menton (not on the map)", "FR-roquebrune-cap-martin", (560, 0.25))
# How often units come beside the first: from outside to Roquebrune, a second one, a neighbour's where it is probably
# sooner, a neighbour's elsewhere.
ALSO_OUTSIDE, ALSO_SECOND, ALSO_SOONER, ALSO_LATER = 0.3, 0.08, 0.55, 0.03

DECISIONS = """\
id,date,kind,who,what,indicator,value,status,due,closed,note,sharing
D1,2014-02-18,decision,Example: both services,"Example, invented: a neighbour's unit is asked for after the own one, and both sides keep a record of each run.",,,done,2014-03-01,2014-03-01,,public
D2,2014-10-09,exercise,Example: both services,"Example, invented: exercise at the border in Beausoleil with one unit of each side. The call between the control rooms took longer than assumed.",,,done,,2014-10-09,Follow-up in D3.,public
D3,2014-10-23,finding,Example: the two control rooms,"Example, invented: the agreement assumes three minutes until a neighbour's crew is alerted; in the exercise it took more than four.",headline.covered_agreed_share,0.67,open,2015-12-31,,To be held against the record of runs.,public
D4,2015-06-23,decision,Example: steering group,"Example, invented: an alert of both sides at the same moment is prepared for Beausoleil and Cap-d'Ail.",headline.closed_by_joint,17309,open,2016-12-31,,,public
D5,2016-01-19,finding,Example: SDIS 06,"Example, invented: most of Roquebrune-Cap-Martin stays beyond eight minutes even as one team; the station in Menton is not on this map.",common.jurisdictions.FR-roquebrune-cap-martin.remaining,7932,open,,,The map ends before Menton.,partners
"""

# Width of the derived coastal band's classes by the return period in years that is assumed for them, in metres.
COASTAL = {20: (25.0, 50.0, 100.0), 100: (50.0, 100.0, 200.0)}
# What the two sides make of the same band: a class of the Floods Directive, and a depth in metres by class.
FRENCH_ZONE = {20: "high", 100: "medium"}
MONACO_DEPTH_M = {"1": 0.2, "2": 0.6, "3": 1.5}
SIMPLIFY_M = 3.0

MONACO_SCHEME = """\
# A scheme of one's own is a file like this one: the three colours in which the example's Monaco shows depths.
# They are made up; nobody uses them.

[scheme]
id = "mc-colours"
name = "Three colours of depth (made up for the example)"
jurisdiction = "MC"
hazard = "coastal_flood"
quantity = "depth"
unit = "m"
closed = "right"
source = "made up for the example of mutualaid"
source_date = "{today}"
note = "Made up. Severities by the rule of the built-in schemes: what AIDR's limits for still water give to the middle of each class."

[[class]]
code = "dry"
label = "no water"
lo = 0
hi = 0
closed = "both"
severity = 0

[[class]]
code = "yellow"
label = "yellow, up to 30 cm"
lo = 0
hi = 0.3
severity = 1

[[class]]
code = "orange"
label = "orange, up to 1.2 m"
lo = 0.3
hi = 1.2
severity = 3

[[class]]
code = "red"
label = "red, deeper"
lo = 1.2
severity = 4
"""

HAZARDS = """\

# The hazard layers are derived from the map of 2016 and illustrate how layers are shared: no authority states them.

[[hazard]]
id = "coast-20-fr"
name = "Coastal flood, frequent (French side)"
file = "hazards/coast-20-fr.geojson"
hazard = "coastal_flood"
quantity = "class"
column = "zone"
scheme = "eu-floods-directive"
return_period_years = 20
jurisdiction = "FR"
nodata_means = "none"
covers = [7.349, 43.710, 7.491, 43.770]
derived = true
source = "derived from the coastline of OpenStreetMap: a band of 100 m; the return period is assumed"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "coast-100-fr"
name = "Coastal flood, rare (French side)"
file = "hazards/coast-100-fr.geojson"
hazard = "coastal_flood"
quantity = "class"
column = "zone"
scheme = "eu-floods-directive"
return_period_years = 100
jurisdiction = "FR"
nodata_means = "none"
covers = [7.349, 43.710, 7.491, 43.770]
derived = true
source = "derived from the coastline of OpenStreetMap: a band of 200 m; the return period is assumed"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "coast-20-mc"
name = "Coastal flood, frequent (Monaco)"
file = "hazards/coast-20-mc.geojson"
hazard = "coastal_flood"
quantity = "depth"
unit = "m"
column = "depth_m"
scheme = "hazards/mc-colours.toml"
return_period_years = 20
jurisdiction = "MC"
nodata_means = "none"
covers = [7.408, 43.723, 7.441, 43.753]
derived = true
source = "derived from the coastline of OpenStreetMap: bands of 25, 50 and 100 m; depths and return period are assumed"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "coast-100-mc"
name = "Coastal flood, rare (Monaco)"
file = "hazards/coast-100-mc.geojson"
hazard = "coastal_flood"
quantity = "depth"
unit = "m"
column = "depth_m"
scheme = "hazards/mc-colours.toml"
return_period_years = 100
jurisdiction = "MC"
nodata_means = "none"
covers = [7.408, 43.723, 7.441, 43.753]
derived = true
source = "derived from the coastline of OpenStreetMap: bands of 50, 100 and 200 m; depths and return period are assumed"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "wildfire-fr"
name = "Wildfire interface (French side)"
file = "hazards/wildfire-fr.geojson"
hazard = "wildfire"
quantity = "class"
column = "class_code"
scheme = "derived-wildfire"
jurisdiction = "FR"
derived = true
source = "derived from vegetation and buildings of OpenStreetMap; Monaco shares no such layer in this example"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "rockfall"
name = "Rockfall below cliffs"
file = "hazards/rockfall.geojson"
hazard = "rockfall"
quantity = "class"
column = "class_code"
scheme = "derived-rockfall"
derived = true
source = "derived from the cliffs of OpenStreetMap: 25, 50 and 100 m on their lower side"
licence = "ODbL 1.0"
date = "{date}"

[[hazard]]
id = "flash-flood"
name = "Flash flood along streams"
file = "hazards/flash-flood.geojson"
hazard = "flash_flood"
quantity = "class"
column = "class_code"
scheme = "derived-flash-flood"
derived = true
source = "derived from the streams of OpenStreetMap: 10, 25 and 50 m to both sides"
licence = "ODbL 1.0"
date = "{date}"

[[scenario]]
id = "wildfire"
name = "Wildfire in the hills"
layers = ["wildfire-fr"]

[[scenario]]
id = "coast_20"
name = "Coastal flood, 20 years"
layers = ["coast-20-fr", "coast-20-mc"]
note = "Derived bands along the coast; the return period is assumed."

[[scenario]]
id = "coast_100"
name = "Coastal flood, 100 years"
layers = ["coast-100-fr", "coast-100-mc"]
note = "Derived bands along the coast; the return period is assumed."

[[scenario]]
id = "storm"
name = "Storm: sea, streams and rocks at once"
layers = ["coast-100-fr", "coast-100-mc", "flash-flood", "rockfall"]
stations_out = 1
note = "Assumes that crews leave a station with any water in it, as both of Monaco's would have."

[[risk]]
id = "coast"
name = "Coastal flood"
scenarios = ["coast_20", "coast_100"]
frequent = "triangle"
triangle_year = 5
"""

AGREEMENT = """\

# Nobody has read the text of such an agreement: it and the costs illustrate what can be stated, and all of it is assumed.

[[agreement]]
id = "mc-fr"
name = "Monaco and its French neighbours (assumed for this example)"
parties = ["Sapeurs-Pompiers de Monaco", "SDIS 06"]
services = ["fire"]
mode = "on_request"
dispatch_delay_s = 180
crossing_delay_s = 0
home_cover_min = 0
availability = 0.9
availability_hazard = 0.5
sharing = { "stations.turnout_s" = "partners", units = "own" }
source = "assumed for this example; the text of no agreement was read"
confidence = "assumption"
note = "Assumed throughout: no text of an agreement between Monaco and its neighbours was read, and nobody has confirmed a figure."

[agreement.sources]
parties = "assumed: the two services of the example"
services = "assumed: the example has stations of no other service"
mode = "assumed: a neighbour comes when it is called"
dispatch_delay_s = "assumed: one call between two control rooms; nobody has published seconds"
crossing_delay_s = "assumed: open border between Monaco and France"
home_cover_min = "assumed: how many units stand at a station is not known, so none is held back"
availability = "assumed: one time in ten the unit is out"
availability_hazard = "assumed: half of the units have work of their own when a hazard strikes both sides"
sharing = "assumed, to show what can be kept from others"

[agreement.confidences]
parties = "assumption"
services = "assumption"
mode = "assumption"
dispatch_delay_s = "assumption"
crossing_delay_s = "assumption"
home_cover_min = "assumption"
availability = "assumption"
availability_hazard = "assumption"
sharing = "assumption"

[agreement.ranges]
dispatch_delay_s = [0, 360]
crossing_delay_s = [0, 900]
availability = [0.6, 1.0]
availability_hazard = [0.2, 0.9]

[cost]
budget = 1000000
currency = "EUR"
alone = { "Sapeurs-Pompiers de Monaco" = 700000, "SDIS 06" = 450000 }
source = "illustrative figures, nobody's accounts"
confidence = "assumption"
"""

EVACUATION = """\

# An illustrative wildfire: nobody has modelled it, and every figure is assumed.

[evacuation]
name = "Wildfire in the hills above the coast (illustrative)"
zones = ["severity:wildfire-fr>=3"]
persons_per_vehicle = 2.5
without_car = 0.1
buses = 6
bus_seats = 50
bus_turns = 2
mobilisation = [[0, 0], [15, 0.3], [30, 0.7], [60, 1]]
duration = "short"
exits = false
source = "assumed for this example"
confidence = "assumption"
note = "Illustrative: start, wind and spread of the fire, and the alarm {warning} minutes before it reaches the first houses and trees, are assumed, and so are people in a car, those without one, buses and how soon people leave. The frame of the map cuts the roads, so that nobody leaves it and only shelters inside are counted."

[evacuation.arrival]
file = "hazards/fire-arrival.geojson"
hazard = "wildfire"
unit = "min"
column = "arrival_min"
name = "A wildfire driven by wind, step by step (illustrative)"
covers = [7.349, 43.710, 7.491, 43.770]
derived = true
source = "derived: an ellipse that grows from an assumed start in the hills north-west of La Turbie, at an assumed {kph:g} km/h with the wind, cut to the derived wildfire interface; the alarm is given {warning} minutes before it gets there"
licence = "ODbL 1.0"
date = "{date}"

[evacuation.sources]
persons_per_vehicle = "assumed"
without_car = "assumed: one person in ten has no car at hand"
buses = "assumed, to show what they do"
mobilisation = "assumed: a fire that people see; most are ready after half an hour, all after an hour"
exits = "the frame cuts the roads that lead on"
"""

MEMORY = """\

# Incidents are drawn at random, decisions and targets are invented: nothing of it happened, and nobody agreed to it.

[incidents]
file = "incidents.csv"

[decisions]
file = "decisions.csv"

[[target]]
id = "example-joint"
name = "Example: share of the people reached within 8 minutes as one team"
indicator = "headline.covered_joint_share"
at_least = 0.85
by = "2017-12-31"
agreed = "invented for this example; nobody has agreed on it"

[[target]]
id = "example-roquebrune"
name = "Example: people in Roquebrune-Cap-Martin whom nobody reaches within 8 minutes"
indicator = "common.jurisdictions.FR-roquebrune-cap-martin.remaining"
at_most = 2000
by = "2017-12-31"
agreed = "invented for this example; nobody has agreed on it"
"""

REGION = """\
schema = 1

[region]
name = "Monaco and the French Riviera (demo, map of 2016)"
crs = "{crs}"
note = \"\"\"
A demonstration, not a study: the map is of 5 March 2016 and nobody in the services has confirmed it. Stations are those \\
mapped then: two in Monaco and only one on the French side, La Turbie; the gap there is partly an artefact of the frame. \\
Roquebrune-Cap-Martin is cut by it: its {inside:,} people inside are an estimate, by share of the area from {whole:,} in all. \\
People are spread by the floor area of mapped buildings. The record of incidents, the decisions and the targets are invented.\"\"\"

[jurisdictions]
file = "jurisdictions.geojson"

[stations]
file = "stations.csv"

[demand]
file = "demand.csv"
cell_m = {cell_m}

[hospitals]
file = "hospitals.csv"

[shelters]
file = "shelters.csv"

[ground]
file = "ground.geojson"

[network]
files = ["roads.osm.pbf"]

[[source]]
what = "boundaries, roads, stations, hospitals, shelters and buildings"
source = "© OpenStreetMap contributors, https://www.openstreetmap.org/copyright; extract from osrm-bindings 26.10.0 (PyPI)"
licence = "ODbL 1.0"
date = "{date}"

[[source]]
what = "population of Beausoleil, Cap-d'Ail, La Turbie and Roquebrune-Cap-Martin"
source = "INSEE, populations de référence 2023 (insee.fr/fr/statistiques/8680726), in @etalab/decoupage-administratif 6.0.0"
licence = "Licence Ouverte 2.0"
date = "2023"

[[source]]
what = "population of Monaco"
source = "IMSEE, Résultats du recensement de la population 2016 (census of 7 June 2016, gouv.mc): 37,308 residents"
licence = "official statistics, cited"
date = "2016-06-07"

[[source]]
what = "incidents, decisions and targets"
source = "invented for this example: nothing of it happened"
licence = "ODbL 1.0, as the map on which incidents are placed"
"""

LICENSE = """\
# Licence and sources of the demo data

This folder is a database derived from OpenStreetMap.

**© OpenStreetMap contributors**, map of {date}. It is made available under the Open Database License 1.0
(https://opendatacommons.org/licenses/odbl/1-0/); any rights in individual contents are licensed under the Database
Contents License 1.0 (https://opendatacommons.org/licenses/dbcl/1-0/). Whoever passes this folder on, or a database made
from it, does so under the same licence and names OpenStreetMap contributors as its source
(https://www.openstreetmap.org/copyright).

The rest of the package, which is not data, is under its own licence.

| what | from |
|---|---|
| roads.osm.pbf, jurisdictions.geojson, stations.csv, hospitals.csv, shelters.csv, ground.geojson, and the places in demand.csv | OpenStreetMap, {date} |
| hazards/*.geojson | derived from OpenStreetMap, {date}, by `mutualaid.hazards`; depths, return periods, the scheme in mc-colours.toml, and start, wind and speed of the fire in fire-arrival.geojson are made up |
| incidents.csv | **invented**: drawn at random on the map by scripts/build_demo.py; nothing of it happened |
| decisions.csv, and the targets in region.toml | **invented**: nobody decided or agreed them |
| population of Monaco: 37,308 residents | census of 7 June 2016, IMSEE, "Résultats du recensement de la population 2016", gouv.mc |
| population of Beausoleil 11,936, Cap-d'Ail 4,482, La Turbie 3,045, Roquebrune-Cap-Martin 12,037 | INSEE, populations de référence 2023, through the npm package @etalab/decoupage-administratif 6.0.0, Licence Ouverte 2.0 (https://www.etalab.gouv.fr/licence-ouverte-open-licence) |

What was done to them:

* Roads: all drivable ways of the extract with the tags that matter to driving, and turn restrictions.
* Jurisdictions: municipal boundaries; Monaco without its harbour basins. The frame cuts Roquebrune-Cap-Martin, which was
  closed along the frame ({inside_km2:.2f} of {whole_km2} km²). Its {inside:,} people are an **estimate** by share of the area,
  because nothing in the extract says how densely the rest is built.
* People: each municipality's total over its own residential buildings by floor area, summed to cells of {cell_m} m. The
  figures are of 2016 (Monaco) and 2023 (France), the buildings of 2016.
* Stations: as mapped. That those of Monaco are staffed by a professional corps is not on the map.
* Hazards: bands along the mapped coast, streams, cliffs and vegetation. They illustrate how partners share layers in different
  schemes; they are not official, and no decision may be based on them.
* Hospitals: as mapped; one pharmacy mapped as a hospital was left out.
* Shelters: schools, halls, town halls, churches and sports grounds as mapped. Nobody has said that they are shelters, and the
  floor that people can use is **assumed** as a share of the ground they stand on: half of a building, a fifth of the stadium, a
  tenth of a sports ground.
* Fire: an ellipse that grows from an assumed start at an assumed speed, cut to the derived wildfire interface, in minutes after an
  alarm half an hour before. It shows how a hazard that arrives in time is shared; nobody has modelled it.
* Incidents: {incidents} calls of two years, placed where people live and driven along the roads, all drawn at random with a
  fixed seed. On purpose they differ from what the example assumes: streets are slower (residential ones {residential:g} instead of
  25 km/h), each junction takes {junction_s:g} instead of 2 seconds, a neighbour's crew is alerted after {neighbour_s:g} instead of 180
  seconds (in Cap-d'Ail after {soon_s:g}, in Roquebrune-Cap-Martin after {late_s:g}), and of a hundred stamps two are missing and
  one is wrong. They show what a review finds; no service drove them.
* Ground: the coastline, simplified, and settlements with their names in other languages, as mapped.

Rebuilt byte for byte by `scripts/build_demo.py` from `test/data/monaco.osm.pbf` of the source distribution of
osrm-bindings 26.10.0 (PyPI), SHA-256 {sha256}.
"""


def main(arguments: list[str]) -> int:
    """Build the demo from the command line."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    source = Path(arguments[0])
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        print(f"{source.name}: expected SHA-256 {SOURCE_SHA256}; got {digest}.", file=sys.stderr)
        return 1
    build(source, Path(arguments[1]) if len(arguments) == 2 else FOLDER)
    return 0


def build(source: Path, folder: Path) -> None:
    """Write all files of the demo into a folder, over those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    extract = read_extract([source], building=floor_levels)
    jurisdictions, inside_km2 = make_jurisdictions(extract)
    roads = folder / "roads.osm.pbf"
    roads.unlink(missing_ok=True)
    # Not compressed, so that its bytes do not depend on a compression library; the wheel compresses it anyway.
    write_roads(roads, [source], extent=extract.boxes[0], date=DATE, compression="none")
    crs = CRS.from_user_input(CRS_CODE)
    projected = jurisdictions.to_crs(crs)
    stations, _ = stations_frame(extract, roads, projected)
    buildings = buildings_frame(extract, crs)
    demand, unplaced = demand_from_totals(projected, buildings, cell_m=CELL_M)
    assert unplaced.empty
    write_jurisdictions(folder / "jurisdictions.geojson", jurisdictions)
    write_stations(folder / "stations.csv", stations)
    hospitals = hospitals_frame(extract, projected).drop(index=NOT_A_HOSPITAL)
    write_csv(folder / "hospitals.csv", hospitals, [hospitals["name"]])
    shelters = make_shelters(source, projected)
    texts = [shelters[name] for name in ("name", "jurisdiction", "area_m2", "capacity_source")]
    write_csv(folder / "shelters.csv", shelters, texts)
    write_demand(folder / "demand.csv", demand)
    ground = ground_frame(extract, projected, told_languages(jurisdictions["languages"]))
    # Of crags and capes there are more than of settlements.
    write_table(ground[ground["place"] != "locality"], folder / "ground.geojson")
    facts = {
        "crs": CRS_CODE,
        "cell_m": CELL_M,
        "date": DATE,
        "inside": int(jurisdictions["population"][UNITS[CUT][0]]),
        "whole": UNITS[CUT][2],
        "inside_km2": inside_km2,
        "whole_km2": CUT_WHOLE_KM2,
        "sha256": SOURCE_SHA256,
        "incidents": INCIDENTS,
        "residential": DRIVEN_KPH["residential"],
        "junction_s": DRIVEN_JUNCTION_S,
        "neighbour_s": NEIGHBOUR_S[0],
        "soon_s": NEIGHBOUR_THERE_S["FR-cap-d-ail"][0],
        "late_s": NEIGHBOUR_THERE_S[UNITS[CUT][0]][0],
    }
    make_hazards(source, folder / "hazards", projected)
    write_text(
        folder / "region.toml",
        REGION.format(**facts)
        + HAZARDS.format(date=DATE)
        + AGREEMENT
        + EVACUATION.format(date=DATE, kph=FIRE_KPH, warning=FIRE_WARNING_MIN)
        + MEMORY,
    )
    write_incidents(folder)
    write_text(folder / "decisions.csv", DECISIONS)
    write_text(folder / "LICENSE.md", LICENSE.format(**facts))


def make_jurisdictions(extract: Extract) -> tuple[gpd.GeoDataFrame, float]:
    """Make the five jurisdictions in degrees, and give the surface inside the frame of the one that it cuts, in km²."""
    units = {unit.name: unit for unit in assemble_units(extract, 8)[0]}
    # The country's land; its municipal boundary holds the harbour basins too.
    units["Monaco"] = next(unit for unit in assemble_units(extract, 2)[0] if unit.name == "Monaco")
    surface, _ = Geod(ellps="WGS84").geometry_area_perimeter(units[CUT].polygon)
    inside_km2 = abs(surface) / 1e6
    rows = []
    languages = told_languages(["fr"])
    for name, (key, country, people, partner) in UNITS.items():
        # To the next hundred, lest the estimate look like a count.
        population = people if name != CUT else round(people * inside_km2 / CUT_WHOLE_KM2, -2)
        rows.append(
            {
                "id": key,
                "name": name,
                "country": country,
                "languages": "fr",
                "population": float(population),
                "partner": partner,
                "completed": name == CUT,
                **translations(units[name].element.tags, name, languages),
            }
        )
    shapes = [shapely.orient_polygons(shapely.normalize(units[name].polygon)) for name in UNITS]
    return gpd.GeoDataFrame(pd.DataFrame(rows).set_index("id"), geometry=shapes, crs=4326), inside_km2


def make_hazards(source: Path, folder: Path, jurisdictions: gpd.GeoDataFrame) -> None:
    """Derive the hazard layers, each side's in the way in which it might share them."""
    folder.mkdir(exist_ok=True)
    ground = read_ground(source, crs=CRS_CODE, within=jurisdictions)
    french = jurisdictions[jurisdictions["country"] == "FR"]
    monaco = jurisdictions[jurisdictions["country"] == "MC"]
    for years, reach_m in COASTAL.items():
        zone = coastal(ground, french, reach_m)
        whole = gpd.GeoDataFrame({"zone": [FRENCH_ZONE[years]]}, geometry=[zone.union_all()], crs=zone.crs)
        write_zones(folder / f"coast-{years}-fr.geojson", whole)
        bands = coastal(ground, monaco, reach_m)
        bands = bands.assign(depth_m=bands["class_code"].map(MONACO_DEPTH_M))
        write_zones(folder / f"coast-{years}-mc.geojson", bands[["depth_m", "geometry"]])
    wildfire = derive_wildfire_interface(ground, area=french, simplify_m=SIMPLIFY_M)
    write_zones(folder / "wildfire-fr.geojson", wildfire[["class_code", "geometry"]])
    rockfall = derive_rockfall(ground, area=jurisdictions, simplify_m=SIMPLIFY_M)
    write_zones(folder / "rockfall.geojson", rockfall[["class_code", "geometry"]])
    streams = derive_flash_flood(ground, area=jurisdictions, simplify_m=SIMPLIFY_M)
    write_zones(folder / "flash-flood.geojson", streams[["class_code", "geometry"]])
    write_zones(folder / "fire-arrival.geojson", make_fire(wildfire))
    write_text(folder / "mc-colours.toml", MONACO_SCHEME.format(today=BUILT))


def make_fire(interface: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut the growing ellipse of a fire to the interface: bands with the minute in which it enters each."""
    burns = interface[interface["class_code"].isin(FIRE_CLASSES)].union_all()
    start = (
        gpd.GeoSeries([shapely.Point(*FIRE_START)], crs=4326).to_crs(CRS_CODE).get_coordinates().to_numpy()
    )
    angle = np.radians(np.arange(0.0, 360.0, 3.0))
    # It starts in a focus of the ellipse: at this share of its fastest speed it runs at an angle to the wind.
    share = (1 - FIRE_ECCENTRICITY) / (1 - FIRE_ECCENTRICITY * np.cos(angle))
    bearing = np.radians(FIRE_TOWARDS_DEG) + angle
    away = np.column_stack([np.sin(bearing), np.cos(bearing)]) * share[:, None]
    minutes, bands = [], []
    before: Any = shapely.Polygon()
    for minute in range(0, FIRE_UNTIL_MIN, FIRE_BAND_MIN):
        reach_m = FIRE_KPH * 1000 / 60 * (minute + FIRE_BAND_MIN)
        ellipse = shapely.Polygon(start + reach_m * away)
        band = shapely.intersection(shapely.difference(ellipse, before), burns)
        band = shapely.union_all([one for one in shapely.get_parts(band) if one.area >= FIRE_LEAST_M2])
        before = ellipse
        if not band.is_empty:
            minutes.append(FIRE_WARNING_MIN + minute)
            bands.append(shapely.normalize(band))
    return gpd.GeoDataFrame({"arrival_min": minutes}, geometry=bands, crs=interface.crs)


def make_shelters(source: Path, jurisdictions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Make points of the buildings and grounds that are taken as shelters, with the floor that is assumed."""
    factory = osmium.geom.WKBFactory()
    found: dict[str, tuple[str, Any]] = {}
    entity: Any
    for entity in osmium.FileProcessor(source).with_areas():
        if entity.is_area():
            key = f"{'w' if entity.from_way() else 'r'}{entity.orig_id()}"
            if key in SHELTERS:
                found[key] = (
                    entity.tags.get("name", ""),
                    shapely.from_wkb(factory.create_multipolygon(entity)),
                )
    assert set(found) == set(SHELTERS)
    shapes = gpd.GeoSeries({key: shape for key, (_, shape) in found.items()}, crs=4326).to_crs(CRS_CODE)
    rows = []
    for key, (name, share) in SHELTERS.items():
        footprint = shapes[key].area
        rows.append(
            {
                "id": key,
                "name": name or found[key][0],
                # To ten square metres, lest the assumption look like a measurement.
                "area_m2": round(footprint * share / 10) * 10,
                "capacity_source": FLOOR.format(share=share, footprint=round(footprint, -1)),
            }
        )
    frame = pd.DataFrame(rows).set_index("id")
    inside = shapely.point_on_surface(np.asarray(shapes[frame.index].array, dtype=object))
    points = gpd.GeoSeries(inside, index=frame.index, crs=CRS_CODE)
    areas = jurisdictions[["geometry"]].rename_axis("jurisdiction").reset_index()
    return gpd.sjoin(gpd.GeoDataFrame(frame, geometry=points), areas).drop(columns="index_right")


# --- the invented record of incidents -----------------------------------------------------------------------


class Draws:
    """Random numbers that are the same on every computer: the digits of `Random.random` are promised."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def share(self) -> float:
        """Draw from 0…1, each number as often as any other."""
        return self._random.random()

    def one_of(self, weights: list[float]) -> int:
        """Position, each as often as its weight says."""
        left = self.share() * math.fsum(weights)
        for at, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return at
        return len(weights) - 1

    def about(self, median_and_spread: tuple[float, float]) -> float:
        """Draw from a lognormal distribution."""
        median, spread = median_and_spread
        return median * math.exp(spread * NormalDist().inv_cdf(min(max(self.share(), 1e-9), 1 - 1e-9)))


class Call(NamedTuple):
    """An incident before anybody was sent."""

    place: int
    t0: datetime
    kind: str


class Run(NamedTuple):
    """A unit that was sent: seconds after the call."""

    unit: str
    station: str
    stamps: dict[str, float]


def write_incidents(folder: Path) -> None:
    """Draw the record of incidents on the region as it was written, one row a unit that was sent."""
    areas = gpd.GeoDataFrame(read_table(folder / "jurisdictions.geojson", "jurisdictions")).to_crs(CRS_CODE)
    people = gpd.GeoDataFrame(read_table(folder / "demand.csv", "demand"))
    stations = gpd.GeoDataFrame(read_table(folder / "stations.csv", "stations")).to_crs(CRS_CODE)
    network = read_network([folder / "roads.osm.pbf"], crs=CRS_CODE, jurisdictions=areas)
    draws = Draws(INCIDENT_SEED)
    calls, points = draw_calls(draws, people)
    engine = profile("fire_engine")
    seconds = []
    slower = replace(engine, speed_kph={**engine.speed_kph, **DRIVEN_KPH}, junction_s=DRIVEN_JUNCTION_S)
    for vehicle in (slower, engine):
        graph = route_graph(network, vehicle)
        origins = snap(network, stations, graph=graph)
        times = travel_times(
            graph, origins, snap(network, points.to_crs(CRS_CODE), graph=graph), limit_s=3600
        )
        found: dict[int, dict[str, float]] = {}
        columns = (times[name].to_list() for name in ("destination", "origin", "drive_s"))
        for at, station, drive_s in zip(*columns, strict=True):
            found.setdefault(at, {})[station] = drive_s
        seconds.append(found)
    driven, modelled = seconds
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["incident", "unit", "station", "service", "type", "lon", "lat", *STAMPS])
    free = dict.fromkeys(UNITS_SENT, datetime(2014, 1, 1, tzinfo=UTC))
    number = 0
    for at, call in enumerate(calls):
        if at not in driven:  # no road leads there
            continue
        number += 1
        place, lon, lat = str(people["jurisdiction"].iloc[call.place]), points.x.iloc[at], points.y.iloc[at]
        runs = draw_runs(draws, call, place, driven[at], modelled[at], free)
        for run in runs:
            free[run.unit] = call.t0 + timedelta(seconds=run.stamps["free"])
            stamps = [
                "" if name not in run.stamps or draws.share() < MISSING else stamp(call.t0, run.stamps[name])
                for name in STAMPS
            ]
            said = [f"EX-{number:03d}", run.unit, run.station, "fire", call.kind, f"{lon:.5f}", f"{lat:.5f}"]
            writer.writerow([*said, *stamps])
    write_text(folder / "incidents.csv", text.getvalue())


def draw_calls(draws: Draws, people: gpd.GeoDataFrame) -> tuple[list[Call], gpd.GeoSeries]:
    """Draw when and where calls come from, in the order of time."""
    days = (LAST_DAY - FIRST_DAY).days + 1
    calls = []
    for _ in range(INCIDENTS):
        day = FIRST_DAY + timedelta(days=int(draws.share() * days))
        hour, second = draws.one_of([float(one) for one in HOURS]), int(draws.share() * 3600)
        local = datetime(day.year, day.month, day.day, hour, second // 60, second % 60, tzinfo=CLOCKS)
        kind = list(TYPES)[draws.one_of(list(TYPES.values()))]
        calls.append(Call(draws.one_of(people["population"].to_list()), local.astimezone(UTC), kind))
    calls.sort(key=lambda call: call.t0)
    degrees = people.geometry.take([call.place for call in calls])
    # To about a metre, as the file has them, so that they lie where they were driven to.
    points = gpd.GeoSeries(shapely.points(degrees.get_coordinates().round(5).to_numpy()), crs=4326)
    return calls, points


def draw_runs(
    draws: Draws,
    call: Call,
    place: str,
    driven: dict[str, float],
    modelled: dict[str, float],
    free: dict[str, datetime],
) -> list[Run]:
    """Draw who was sent to a call, and when everything happened, in seconds after it."""
    local = call.t0.astimezone(CLOCKS)
    hour = "weekend" if local.weekday() >= 5 else "day" if 7 <= local.hour < 19 else "night"
    t1 = draws.about(ANSWERING_S)
    alert = t1 + draws.about(PROCESSING_S)
    country = place[:2]

    def best(mine: bool) -> list[tuple[float, str]]:
        """Units at home, the one that is there soonest first; of each station one."""
        home: dict[str, tuple[float, str]] = {}
        for unit, (station, whose) in UNITS_SENT.items():
            if free[unit] <= call.t0 and (whose == country) == mine and station in driven:
                home.setdefault(station, (TURNOUT_S[whose][hour][0] + modelled[station], unit))
        return sorted(home.values())

    own, others = best(True), best(False)
    sent = [(unit, alert) for _, unit in own[: 1 + (draws.share() < ALSO_SECOND)]]
    if others:
        sooner = not own or others[0][0] + NEIGHBOUR_S[0] < own[0][0] + 60
        if not own or draws.share() < (ALSO_SOONER if sooner else ALSO_LATER):
            sent.append((others[0][1], alert + draws.about(NEIGHBOUR_THERE_S.get(place, NEIGHBOUR_S))))
    runs = []
    for unit, t2 in sent:
        station, whose = UNITS_SENT[unit]
        drive = driven[station] * draws.about((1.0, DRIVE_SPREAD))
        if draws.share() < HELD_UP:
            drive += draws.about(HELD_UP_S)
        runs.append(draw_run(draws, (unit, station), (t1, t2), TURNOUT_S[whose][hour], drive))
    if place == OUTSIDE[2] and draws.share() < ALSO_OUTSIDE:
        drive = draws.about(OUTSIDE[3])
        runs.append(draw_run(draws, OUTSIDE[:2], (t1, alert), TURNOUT_S["FR"][hour], drive))
    if len(runs) > 1:
        last = max(run.stamps["t4"] for run in runs)
        runs = [run._replace(stamps={**run.stamps, "t5": last}) for run in runs]
    return runs


def draw_run(
    draws: Draws,
    unit: tuple[str, str],
    alerted: tuple[float, float],
    turnout: tuple[float, float],
    drive: float,
) -> Run:
    t1, t2 = alerted
    t3 = t2 + draws.about(turnout)
    t4 = t3 + drive
    left = t4 + draws.about(ON_SCENE_S)
    if draws.share() < LATE:  # pressed when somebody thought of it
        t4 += (left - t4) * draws.share()
    # The way home takes half as long again.
    return Run(*unit, {"t0": 0.0, "t1": t1, "t2": t2, "t3": t3, "t4": t4, "free": left + 1.5 * drive})


def stamp(t0: datetime, seconds: float) -> str:
    """Give a moment as the record has it: whole seconds, local time with its offset."""
    return (t0 + timedelta(seconds=math.floor(seconds))).astimezone(CLOCKS).isoformat(timespec="seconds")


def coastal(ground: Ground, land: gpd.GeoDataFrame, reach_m: tuple[float, float, float]) -> gpd.GeoDataFrame:
    return derive_coastal_flood(ground, land, reach_m=reach_m, simplify_m=SIMPLIFY_M)


def write_zones(path: Path, zones: gpd.GeoDataFrame) -> None:
    """Write polygons in degrees; on the grid of the file a thin one may have no surface left."""
    shapes = shapely.set_precision(zones.geometry.to_crs(4326).to_numpy(), 1e-7)
    degrees = zones.set_geometry(shapes, crs=4326)
    write_table(degrees[~degrees.geometry.is_empty.to_numpy()].reset_index(drop=True), path)


def write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def write_jurisdictions(path: Path, jurisdictions: gpd.GeoDataFrame) -> None:
    """One feature a line, coordinates as exact as OpenStreetMap's."""
    features = []
    for key, row in jurisdictions.iterrows():
        properties: dict[str, Any] = {"id": key}
        properties.update((str(name), value) for name, value in row.drop("geometry").items() if value != "")
        properties["population"] = int(properties["population"])
        shape = json.loads(shapely.to_geojson(row["geometry"]))
        feature = {"type": "Feature", "properties": properties, "geometry": rounded(shape)}
        features.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    write_text(path, '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n")


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return {key: rounded(part) for key, part in value.items()} if isinstance(value, dict) else value


def write_csv(path: Path, places: gpd.GeoDataFrame, columns: list[pd.Series[Any]]) -> None:
    """Write points with longitude and latitude, in the order of their ids, and the columns given."""
    degrees = places.geometry.to_crs(4326)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "lon", "lat", *(column.name for column in columns)])
    for key in sorted(places.index):
        point = degrees[key]
        writer.writerow([key, f"{point.x:.7f}", f"{point.y:.7f}", *(column[key] for column in columns)])
    write_text(path, text.getvalue())


def write_stations(path: Path, stations: gpd.GeoDataFrame) -> None:
    assert sorted(stations.index) == sorted(STATIONS)
    known = pd.DataFrame.from_dict(STATIONS, orient="index", columns=["name", "department"])
    columns = [known["name"], *(stations[key] for key in ("jurisdiction", "service")), known["department"]]
    write_csv(path, stations, [*columns, stations["status"]])


def write_demand(path: Path, demand: gpd.GeoDataFrame) -> None:
    """People with three decimals that add up to each total exactly: the largest remainders are rounded up."""
    thousandths = demand["population"] * 1000
    people = np.floor(thousandths).astype("int64")
    for _, group in thousandths.groupby(demand["jurisdiction"]):
        missing = round(group.sum()) - people[group.index].sum()
        order = (group - people[group.index]).sort_values(ascending=False, kind="stable").index
        people[order[:missing]] += 1
    text = (people / 1000).map("{:.3f}".format).rename("population")
    cells = [demand[name].astype("int64") for name in ("cell_x", "cell_y")]
    write_csv(path, demand, [text, demand["jurisdiction"], *cells])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
