"""The record of a run: which inputs, which parameters, which versions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mutualaid.coverage import Analysis
from mutualaid.data import Region
from mutualaid.scale import TiledRun

__all__ = ["input_files", "run_record"]

#: Packages whose version can change a number.
_PACKAGES = (
    "mutualaid", "geopandas", "numba", "numpy", "osmium", "pandas", "pyproj", "rasterio", "scipy", "shapely",
)  # fmt: skip


def run_record(
    analysis: Analysis | TiledRun,
    *,
    seconds: float | None = None,
    asked: Mapping[str, Any] | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Describe a run so that it can be repeated and checked years later.

    Parameters
    ----------
    analysis
        A finished analysis, or a run in tiles.
    seconds
        How long it took, wall clock.
    asked
        What was asked for beside region.toml, ready for JSON, so that it can be asked again.
    inputs
        What `input_files` said of the region when it was read; as the files are now if None.

    Returns
    -------
    dict
        ``inputs`` (path inside the region folder, bytes, sha256 of each file that was read; of the roads alone
        for a region made in memory), ``parameters``, ``standard``, ``agreements`` (ids of those in force), ``day``
        (for which they were looked up: `Parameters.date`, else the day of the run), ``versions``, ``created`` (UTC,
        ISO 8601), ``seconds`` and ``asked``. Ready for JSON; holds no absolute path.
    """
    return {
        "schema": 1,
        "region": analysis.region.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": None if seconds is None else round(seconds, 2),
        "asked": dict(asked or {}),
        "inputs": [dict(one) for one in inputs] if inputs is not None else input_files(analysis.region),
        "parameters": asdict(analysis.region.parameters),
        "standard": analysis.standard.id,
        "agreements": [one.id for one in analysis.agreements],
        "day": analysis.day.isoformat(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def input_files(region: Region) -> list[dict[str, Any]]:
    """Give path inside the region folder, bytes and sha256 of each file that was read."""
    # Only what was read: other files in the folder, such as earlier results, change nothing.
    files = set(region.files or region.network_files)
    if isinstance(region.profile, Path):  # which region.toml need not name
        files.add(region.profile)
    return [
        {
            "file": path.relative_to(region.folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in sorted(files)
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
