"""What contributions say together, as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyogrio

from mutualaid.cooperation import Combined
from mutualaid.reports._results import _for_files, _spare_inputs, _write_json, check_target

__all__ = ["write_combined"]


def write_combined(combined: Combined, folder: str | Path) -> dict[str, Path]:
    """Write the coverage and the numbers of a joint team that did not pool its data.

    Parameters
    ----------
    combined
        What `mutualaid.cooperation.combine` returned.
    folder
        Where to write; made if it does not exist. Files of the same names are replaced, others stay.

    Returns
    -------
    dict
        Path of each file written: ``coverage.gpkg`` with the layers coverage, gaps and jurisdictions, and
        ``summary.json``.

    Raises
    ------
    InputError
        The folder cannot be written to, or a result would take the place of a file of the region.
    """
    target = check_target(folder)
    _spare_inputs(combined.region, target)
    layers = {
        "coverage": combined.coverage,
        "gaps": combined.gaps,
        "jurisdictions": combined.region.jurisdictions,
    }
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name)
        # As in write_results: equal contributions give equal bytes.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
        try:
            for layer, frame in layers.items():
                if len(frame):
                    _for_files(frame).to_file(
                        beside / "coverage.gpkg", layer=layer, driver="GPKG", engine="pyogrio"
                    )
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        _write_json(combined.summary, beside / "summary.json")
        target.mkdir(exist_ok=True)
        written = {path.name: target / path.name for path in sorted(beside.iterdir())}
        for file, place in written.items():
            (beside / file).replace(place)
    return written
