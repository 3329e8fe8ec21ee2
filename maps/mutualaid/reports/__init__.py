"""What a run leaves behind: the map, files for a GIS, the numbers, and the record of how they were made.

>>> from mutualaid.reports import RESULT_FILES
>>> list(RESULT_FILES)[:3]
['map.html', 'coverage.gpkg', 'gaps.geojson']
"""

from mutualaid.reports._record import run_record
from mutualaid.reports._results import RESULT_FILES, check_target, write_results

__all__ = ["RESULT_FILES", "check_target", "run_record", "write_results"]
