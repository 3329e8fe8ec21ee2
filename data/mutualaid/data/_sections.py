"""A section added to region.toml, of which nothing else is touched: people edit that file by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutualaid.data._paths import beside, read_text
from mutualaid.data._toml import dump, parse
from mutualaid.errors import Defect, RegionError

__all__ = ["add_section"]


def add_section(toml: Path | str, name: str, values: Mapping[str, Any]) -> bool:
    """Add a section at the end of region.toml if it has none of that name.

    The file is written beside and then takes its name; every byte that was there stays.

    Parameters
    ----------
    toml
        The region.toml, or the folder that holds it.
    name
        Name of the section, such as ``incidents``.
    values
        Its keys and values.

    Returns
    -------
    bool
        Whether it was added; False if there is one already, which then stays as it is.

    Raises
    ------
    RegionError
        If the file is not TOML, or what was to be added is not allowed there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mutualaid.data import add_section
    >>> with TemporaryDirectory() as folder:
    ...     toml = Path(folder) / "region.toml"
    ...     _ = toml.write_text("schema = 1  # by hand", encoding="utf-8")
    ...     add_section(toml, "incidents", {"file": "incidents.csv"})
    ...     print(toml.read_text(encoding="utf-8"))
    True
    schema = 1  # by hand
    <BLANKLINE>
    [incidents]
    file = "incidents.csv"
    <BLANKLINE>
    """
    path = Path(toml)
    path = path / "region.toml" if path.is_dir() else path
    if not path.is_file():
        got = f"nothing at {path.name}"
        raise RegionError(
            [Defect(path.name, "", "a region folder with region.toml", got, "correct the path")]
        )
    before = parse(path)[1]
    text = read_text(path, path.name)
    if name in tomllib.loads(text):
        return False
    data = path.read_bytes()
    end = b"\r\n" if b"\r\n" in data else b"\n"
    block = dump({name: dict(values)}).encode().replace(b"\n", end)
    gap = b"" if not data.strip() else end if data.endswith(b"\n") else end + end
    with beside(path) as temporary:
        temporary.write_bytes(data + gap + block)
        # Whatever was wrong before is not to be told here.
        added = [one for one in parse(temporary)[1] if f"[{name}]" in one.where]
        if added or name not in tomllib.loads(read_text(temporary, path.name)):
            raise RegionError(added or before)
    return True
