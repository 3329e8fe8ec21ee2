"""What a run leaves behind: the map, files for a GIS, pictures, the numbers, and the record of how they were made.

>>> from mutualaid.reports import RESULT_FILES
>>> list(RESULT_FILES)[:3]
['map.html', 'coverage.gpkg', 'gaps.geojson']
"""

from mutualaid.reports._combined import write_combined
from mutualaid.reports._cooperation_files import full_summary
from mutualaid.reports._export import check_export, export_region
from mutualaid.reports._figures import break_even_figure, reciprocity_figure, save_figure
from mutualaid.reports._record import run_record
from mutualaid.reports._results import RESULT_FILES, check_target, tables_for_map, write_results

__all__ = [
    "RESULT_FILES",
    "break_even_figure",
    "check_export",
    "check_target",
    "export_region",
    "full_summary",
    "reciprocity_figure",
    "run_record",
    "save_figure",
    "tables_for_map",
    "write_combined",
    "write_results",
]
