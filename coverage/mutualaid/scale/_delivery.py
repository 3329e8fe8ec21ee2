"""Parcels for workers that do not see the files of whoever sends them work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

from mutualaid.scale import _at_work
from mutualaid.scale._parcel import Parcel

__all__ = ["Delivery"]


class Delivery(WorkerPlugin):
    """One piece of a parcel, which each worker, now or later, writes to its own disk.

    Parameters
    ----------
    parcel
        What it is a piece of.
    start
        Where in the parcel the piece begins, in bytes.
    data
        The piece.
    """

    def __init__(self, parcel: Parcel, start: int, data: bytes) -> None:
        self.parcel, self.start, self.data = parcel, start, data

    def setup(self, worker: Any) -> None:
        """Write the piece to its place; with the last one the parcel is there."""
        if self.parcel.at(Path(self.parcel.path)):
            self.data = b""
            return
        # Dask clears this folder when the worker ends.
        file = Path(worker.local_directory) / f"{self.parcel.token}.parcel"
        with suppress(OSError):  # no room: the worker will say what it lacks when it is given work
            file.touch()
            with file.open("r+b") as stream:
                stream.seek(self.start)
                stream.write(self.data)
            _at_work.arrived(self.parcel, file, self.start, len(self.data))
        self.data = b""  # the worker keeps the plugin
