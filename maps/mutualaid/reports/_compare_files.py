"""Files of a comparison: numbers, a table, the layer of differences and its picture."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyogrio

from mutualaid.reports._compare import Comparison
from mutualaid.reports._difference_figure import difference_figure
from mutualaid.reports._figure_style import save_figure
from mutualaid.reports._results import _for_files, _write_json, check_target

__all__ = ["COMPARISON_FILES", "write_comparison"]

#: What a comparison writes, and what each file is for.
COMPARISON_FILES: dict[str, str] = {
    "comparison.json": "every number of the comparison, with the words and notes to it",
    "comparison.csv": "each number before and after, and what each part of the data did to it",
    "difference.gpkg": "layer for QGIS: who is in time now and was not before, place by place",
    "difference.csv": "people gained and lost, by municipality and level of cooperation",
    "difference.png": "the same as a picture, with what each part did",
}


def write_comparison(comparison: Comparison, folder: str | Path) -> dict[str, Path]:
    """Write a comparison.

    Parameters
    ----------
    comparison
        As `mutualaid.reports.compare` gives it.
    folder
        Where to write; made if it does not exist. Files are written beside it and moved in when all are complete.

    Returns
    -------
    dict
        Path of each of `COMPARISON_FILES`.

    Raises
    ------
    InputError
        The folder cannot be written to.

    Examples
    --------
    >>> from mutualaid.data import read_region
    >>> from mutualaid.reports import compare, write_comparison
    >>> found = compare(read_region("in-2013"), read_region("in-2024"))  # doctest: +SKIP
    >>> write_comparison(found, "changes")["comparison.json"]  # doctest: +SKIP
    PosixPath('changes/comparison.json')
    """
    target = check_target(folder)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name)
        _write_json(comparison.summary, beside / "comparison.json")
        for table, file in (
            (comparison.table, "comparison.csv"),
            (comparison.by_jurisdiction, "difference.csv"),
        ):
            table.to_csv(beside / file, index=False, encoding="utf-8", lineterminator="\n")
        # Equal comparisons give equal bytes.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
        try:
            _for_files(comparison.difference).to_file(
                beside / "difference.gpkg", layer="difference", driver="GPKG", engine="pyogrio"
            )
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        save_figure(difference_figure(comparison), beside / "difference.png")
        target.mkdir(exist_ok=True)
        for file in COMPARISON_FILES:
            (beside / file).replace(target / file)
    return {file: target / file for file in COMPARISON_FILES}
