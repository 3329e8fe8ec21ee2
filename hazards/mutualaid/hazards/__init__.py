"""Hazard layers on one common scale, and what each hazard leaves of roads and services."""

from mutualaid.data import HazardScenario
from mutualaid.hazards._areas import overlay_areas
from mutualaid.hazards._arrival import (
    Arrival,
    arrival_areas,
    arrival_at,
    arrival_in,
    arrival_on_lines,
    read_arrival,
)
from mutualaid.hazards._borders import shared_borders
from mutualaid.hazards._classes import layer_classes
from mutualaid.hazards._compare import compare_return_periods
from mutualaid.hazards._crosswalk import crosswalk, severities, unmapped
from mutualaid.hazards._derive import (
    derive_coastal_flood,
    derive_flash_flood,
    derive_rockfall,
    derive_wildfire_interface,
)
from mutualaid.hazards._derived_file import DERIVED_HAZARDS, DerivedStatement, derive_layers, write_derived
from mutualaid.hazards._exposure import EXPOSURE_CLASSES, exposure, exposure_class
from mutualaid.hazards._ground import Ground, read_ground
from mutualaid.hazards._model import (
    HAZARDS,
    NODATA_MEANINGS,
    QUANTITIES,
    SEVERITIES,
    WATER_HAZARDS,
    HazardLayer,
)
from mutualaid.hazards._overlay import Paths, split_on_polygons, split_on_raster
from mutualaid.hazards._passability import (
    Passability,
    affected,
    closures,
    passabilities,
    passability,
    sample_closures,
    speed_factor,
    speeds,
)
from mutualaid.hazards._picture import (
    Picture,
    ScenarioPicture,
    one_picture,
    picture_polygons,
    scenario_picture,
)
from mutualaid.hazards._rasters import read_window
from mutualaid.hazards._read import read_hazard
from mutualaid.hazards._region import (
    Layers,
    check_hazards,
    comparable_layers,
    mapping,
    read_layers,
    region_seams,
    same_maps,
)
from mutualaid.hazards._risk import ExpectedAnnual, expected_annual, expected_annual_by_row
from mutualaid.hazards._roads import overlay_roads, road_effects, split_on_layer
from mutualaid.hazards._sample import sample
from mutualaid.hazards._scenario import scenario_severity
from mutualaid.hazards._scenario_roads import (
    RoadHazard,
    RoadPieces,
    default_rule,
    lay_on_roads,
    open_stretch,
    scenario_roads,
    shares_along,
)
from mutualaid.hazards._schemes import Scheme, scheme, schemes
from mutualaid.hazards._seams import compare_borders, seams
from mutualaid.hazards._terrain import Elevation, height_above_drainage, read_elevation, slope_deg
from mutualaid.hazards._vectors import polygons

__all__ = [
    "DERIVED_HAZARDS",
    "EXPOSURE_CLASSES",
    "HAZARDS",
    "NODATA_MEANINGS",
    "QUANTITIES",
    "SEVERITIES",
    "WATER_HAZARDS",
    "Arrival",
    "DerivedStatement",
    "Elevation",
    "ExpectedAnnual",
    "Ground",
    "HazardLayer",
    "HazardScenario",
    "Layers",
    "Passability",
    "Paths",
    "Picture",
    "RoadHazard",
    "RoadPieces",
    "ScenarioPicture",
    "Scheme",
    "affected",
    "arrival_areas",
    "arrival_at",
    "arrival_in",
    "arrival_on_lines",
    "check_hazards",
    "closures",
    "comparable_layers",
    "compare_borders",
    "compare_return_periods",
    "crosswalk",
    "default_rule",
    "derive_coastal_flood",
    "derive_flash_flood",
    "derive_layers",
    "derive_rockfall",
    "derive_wildfire_interface",
    "expected_annual",
    "expected_annual_by_row",
    "exposure",
    "exposure_class",
    "height_above_drainage",
    "lay_on_roads",
    "layer_classes",
    "mapping",
    "one_picture",
    "open_stretch",
    "overlay_areas",
    "overlay_roads",
    "passabilities",
    "passability",
    "picture_polygons",
    "polygons",
    "read_arrival",
    "read_elevation",
    "read_ground",
    "read_hazard",
    "read_layers",
    "read_window",
    "region_seams",
    "road_effects",
    "same_maps",
    "sample",
    "sample_closures",
    "scenario_picture",
    "scenario_roads",
    "scenario_severity",
    "scheme",
    "schemes",
    "seams",
    "severities",
    "shared_borders",
    "shares_along",
    "slope_deg",
    "speed_factor",
    "speeds",
    "split_on_layer",
    "split_on_polygons",
    "split_on_raster",
    "unmapped",
    "write_derived",
]
