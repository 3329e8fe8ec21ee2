"""Where the embedded demo is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["demo_path"]


def demo_path() -> Path:
    """Give the folder of the embedded demo region: Monaco and the French Riviera.

    Returns
    -------
    Path
        Folder with region.toml, to be read only.

    Examples
    --------
    >>> demo_path().name
    'demo'
    """
    # The package is always installed as files, since numba needs them too.
    return Path(str(files("mutualaid.data").joinpath("demo")))
