"""Files that a region names: found inside its folder only, and read as UTF-8 with the line that breaks it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualaid.data._schema import CONTROL, MAX_TEXT
from mutualaid.errors import Defect, RegionError

__all__ = ["beside", "inside", "listed", "read_text", "shown"]

_SHOWN = 80


def shown(value: object) -> str:
    """Show a value in a message: shortened, with control characters escaped."""
    if value is None:
        return "nothing"
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
    text = CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def listed(columns: Iterable[object]) -> str:
    """List the columns of a table in a message."""
    text = ", ".join(shown(str(name))[1:-1] for name in columns)
    return f"columns {text}" if len(text) <= MAX_TEXT else f"columns {text[: MAX_TEXT - 1]}…"


def inside(folder: Path, name: str, *, file: str, where: str) -> Path:
    """Find a file that `file` names in `folder`.

    Anything that could mean a place outside, a server, or a GDAL data source is refused by its form, before
    anything is opened: colons (drive letters, URLs, ``GPKG:…``), ``..``, absolute paths, ``/vsi…``, and
    characters with a meaning in GDAL paths.

    Raises
    ------
    RegionError
        If the name is not that of an existing file inside the folder.
    """

    def refuse(expected: str, remedy: str) -> RegionError:
        return RegionError([Defect(file, where, expected, shown(name), remedy)])

    parts = name.split("/")
    if (
        re.search(r'[\\:!?*"<>|]', name)
        or CONTROL.search(name)
        or name.startswith(("/", "~"))
        or "" in parts
        or {".", ".."} & set(parts)
    ):
        raise refuse(
            "a plain path inside the region folder, parts joined by /",
            "copy the file into the region folder and name it by its path there, such as data/roads.osm.pbf",
        )
    path = folder / name
    if not path.exists():
        raise refuse("a file that exists in the region folder", "add the file, or correct its name")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise refuse(
            "a file inside the region folder; this is a link that leads out of it",
            "replace the link by a copy of the file",
        )
    if not path.is_file():
        raise refuse("a file; this is a folder or a device", "name a file")
    return path


def read_text(path: Path, file: str) -> str:
    """Read UTF-8 text, with or without a byte order mark.

    Raises
    ------
    RegionError
        If the bytes are not UTF-8, with the line of the first that is not.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        line = data.count(b"\n", 0, error.start) + 1
        got = "UTF-16" if utf16 else f"byte 0x{data[error.start]:02x}, as in Windows-1252 or Latin-1"
        raise RegionError(
            [
                Defect(
                    file,
                    "" if utf16 else f"line {line}",
                    "UTF-8 text",
                    got,
                    "save the file again with encoding UTF-8",
                )
            ]
        ) from None


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; it takes the place of `path` once all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
