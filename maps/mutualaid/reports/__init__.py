"""What a run leaves behind: the map, files for a GIS, pictures, the numbers, and the record of how they were made.

>>> from mutualaid.reports import RESULT_FILES
>>> list(RESULT_FILES)[:3]
['map.html', 'coverage.gpkg', 'gaps.geojson']
"""

from mutualaid.reports._agreed import check_targets
from mutualaid.reports._combined import write_combined
from mutualaid.reports._compare import COMPARISON_NULL_MEANS, Comparison, compare, comparison_words
from mutualaid.reports._compare_files import COMPARISON_FILES, write_comparison
from mutualaid.reports._country_files import write_tiled
from mutualaid.reports._difference_figure import difference_figure
from mutualaid.reports._evacuation_figures import evacuation_figure
from mutualaid.reports._export import check_export, export_region
from mutualaid.reports._figure_style import save_figure
from mutualaid.reports._figures import break_even_figure, reciprocity_figure
from mutualaid.reports._gpx import routes_gpx
from mutualaid.reports._history import HISTORY_INDICATORS, history, history_figure, write_history
from mutualaid.reports._indicators import run_indicators
from mutualaid.reports._record import input_files, run_record
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report_files import (
    REPORT_LEVELS,
    changed_inputs,
    check_edition,
    check_report,
    report_inputs,
    write_report,
)
from mutualaid.reports._results import RESULT_FILES, TILED_FILES, check_target, tables_for_map, write_results
from mutualaid.reports._route_cards import route_cards
from mutualaid.reports._runs import (
    RunRecord,
    check_runs,
    damaged_records,
    find_record,
    read_records,
    summary_bytes,
    write_record,
)
from mutualaid.reports._siting_figures import siting_figure
from mutualaid.reports._store import as_it_ran, region_of
from mutualaid.reports._summary import full_summary

__all__ = [
    "COMPARISON_FILES",
    "COMPARISON_NULL_MEANS",
    "HISTORY_INDICATORS",
    "REPORT_LEVELS",
    "RESULT_FILES",
    "TILED_FILES",
    "Comparison",
    "ReportInputs",
    "RunRecord",
    "as_it_ran",
    "break_even_figure",
    "changed_inputs",
    "check_edition",
    "check_export",
    "check_report",
    "check_runs",
    "check_target",
    "check_targets",
    "compare",
    "comparison_words",
    "damaged_records",
    "difference_figure",
    "evacuation_figure",
    "export_region",
    "find_record",
    "full_summary",
    "history",
    "history_figure",
    "input_files",
    "read_records",
    "reciprocity_figure",
    "region_of",
    "report_inputs",
    "route_cards",
    "routes_gpx",
    "run_indicators",
    "run_record",
    "save_figure",
    "siting_figure",
    "summary_bytes",
    "tables_for_map",
    "write_combined",
    "write_comparison",
    "write_history",
    "write_record",
    "write_report",
    "write_results",
    "write_tiled",
]
