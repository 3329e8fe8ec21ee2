"""What a run leaves behind: the map, files for a GIS, pictures, the numbers, and the record of how they were made.

>>> from mutualaid.reports import RESULT_FILES
>>> list(RESULT_FILES)[:3]
['map.html', 'coverage.gpkg', 'gaps.geojson']
"""

from mutualaid.reports._combined import write_combined
from mutualaid.reports._evacuation_figures import evacuation_figure
from mutualaid.reports._export import check_export, export_region
from mutualaid.reports._figure_style import save_figure
from mutualaid.reports._figures import break_even_figure, reciprocity_figure
from mutualaid.reports._gpx import routes_gpx
from mutualaid.reports._record import run_record
from mutualaid.reports._results import RESULT_FILES, check_target, tables_for_map, write_results
from mutualaid.reports._route_cards import route_cards
from mutualaid.reports._siting_figures import siting_figure
from mutualaid.reports._summary import full_summary

__all__ = [
    "RESULT_FILES",
    "break_even_figure",
    "check_export",
    "check_target",
    "evacuation_figure",
    "export_region",
    "full_summary",
    "reciprocity_figure",
    "route_cards",
    "routes_gpx",
    "run_record",
    "save_figure",
    "siting_figure",
    "tables_for_map",
    "write_combined",
    "write_results",
]
