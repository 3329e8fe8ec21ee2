"""Parcels: any object in one file, which many processes of a machine open without holding it more than once."""

from __future__ import annotations

import mmap
import pickle
import struct
import uuid
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Parcel", "open_parcel", "write_parcel"]

_HEAD = struct.Struct("<8s32sqq")  # mark, token, length of the pickle, count of buffers
_MARK = b"mutual-1"
_ALIGN = 64  # what vector instructions ask for at most; a page starts at a multiple of it


@dataclass(frozen=True)
class Parcel:
    """Where an object lies that was written once.

    Attributes
    ----------
    path
        The file.
    token
        Unlike that of any other parcel.
    size
        Of the file, in bytes.
    """

    path: str
    token: str
    size: int

    def at(self, file: Path) -> bool:
        """Tell whether this very parcel lies, complete, in a file."""
        try:
            with file.open("rb") as stream:
                head = stream.read(_HEAD.size)
            return file.stat().st_size == self.size and _HEAD.unpack(head)[1] == self.token.encode()
        except (OSError, struct.error):
            return False


def write_parcel(value: Any, folder: Path) -> Parcel:
    """Write an object to a file of its own; what it holds in arrays is written as it lies in memory.

    Parameters
    ----------
    value
        Anything that can be pickled; functions and classes that cannot be imported travel with it.
    folder
        Where to.

    Raises
    ------
    OSError
        There is no room, or the folder cannot be written to.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as folder:
    ...     parcel = write_parcel({"minutes": np.arange(3)}, Path(folder))
    ...     open_parcel(Path(parcel.path))["minutes"]
    array([0, 1, 2])
    """
    # It comes with Dask. Unlike pickle it takes functions of a notebook, or of the script that was started.
    cloudpickle = import_module("cloudpickle")
    buffers: list[pickle.PickleBuffer] = []
    body = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    token = uuid.uuid4().hex
    file = folder / f"{token}.parcel"
    with file.open("wb") as stream:
        stream.write(_HEAD.pack(_MARK, token.encode(), len(body), len(views)))
        stream.write(struct.pack(f"<{len(views)}q", *(view.nbytes for view in views)))
        stream.write(body)
        for view in views:
            stream.write(bytes(-stream.tell() % _ALIGN))
            stream.write(view)
        size = stream.tell()
    return Parcel(str(file), token, size)


def open_parcel(file: Path) -> Any:
    """Give back the object of a parcel: its arrays are the file itself, mapped.

    Processes that open the same file share its pages. Whoever writes to such an array gets a copy of the page that
    is written to, for itself; the file stays as it is. It may be deleted as soon as it is open, but on Windows.

    Parameters
    ----------
    file
        As `write_parcel` left it.
    """
    with file.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    view = memoryview(mapped)
    _, _, length, count = _HEAD.unpack_from(view)
    lengths = struct.unpack_from(f"<{count}q", view, _HEAD.size)
    start = _HEAD.size + 8 * count
    at = start + length
    buffers = []
    for size in lengths:
        at += -at % _ALIGN
        buffers.append(view[at : at + size])
        at += size
    return pickle.loads(view[start : start + length], buffers=buffers)  # noqa: S301  (we wrote it)
