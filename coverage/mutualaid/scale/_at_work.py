"""What runs on a worker."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mutualaid
from mutualaid.scale._parcel import Parcel, open_parcel

__all__ = [
    "Call",
    "ParcelMissingError",
    "VersionsDifferError",
    "arrived",
    "dask_setup",
    "drop",
    "versions",
    "work",
]

# The same numbers, bit for bit, are promised of the same versions only; frames are pickled by the same ones only.
_ROOMS = ("data", "hazards", "network", "coverage", "cooperation", "scale")
_PACKAGES = ("numpy", "pandas", "numba", "scipy", "geopandas", "shapely", "pyarrow", "distributed")

_lock = threading.Lock()
_held: dict[str, Any] = {}  # what was opened, by token of its parcel
_placed: dict[str, Path] = {}  # where parcels are that were sent here as bytes
_pieces: dict[str, dict[int, int]] = {}  # of those: start and size of each piece that has come


class ParcelMissingError(Exception):
    """A worker does not see the files of some parcels (the arguments)."""


class VersionsDifferError(Exception):
    """A worker has other versions than whoever sends it work (argument: those of the worker)."""


@dataclass(frozen=True)
class Call:
    """One call of a spread: where its parts lie, where its task and items, and of which versions they are."""

    parts: tuple[Parcel, ...]
    work: Parcel
    versions: tuple[tuple[str, str], ...]


def work(call: Call, position: int) -> bytes:
    """Do the task of a call on the item at a position."""
    if call.versions != versions():
        raise VersionsDifferError(versions())
    *parts, (task, items) = _opened([*call.parts, call.work])
    job: Callable[[Any, Any], bytes] = task
    rows: Sequence[Any] = items
    return job(tuple(parts), rows[position])


def _opened(parcels: Sequence[Parcel]) -> list[Any]:
    with _lock:  # two threads of a worker must not open one parcel twice
        new = [parcel for parcel in parcels if parcel.token not in _held]
        files = {parcel.token: _placed.get(parcel.token, Path(parcel.path)) for parcel in new}
        missing = [parcel for parcel in new if not parcel.at(files[parcel.token])]
        if missing:
            raise ParcelMissingError(*missing)
        for parcel in new:
            _held[parcel.token] = open_parcel(files[parcel.token])
        return [_held[parcel.token] for parcel in parcels]


def arrived(parcel: Parcel, file: Path, start: int, size: int) -> None:
    """Note that a piece of a parcel was written to a file here; the last one completes it."""
    pieces = _pieces.setdefault(parcel.token, {})
    pieces[start] = size
    if sum(pieces.values()) == parcel.size:
        _placed[parcel.token] = file


def drop(tokens: Iterable[str]) -> None:
    """Let go of parcels that nobody needs any more."""
    with _lock:
        for token in tokens:
            _held.pop(token, None)
            _pieces.pop(token, None)
            file = _placed.pop(token, None)
            if file is not None:
                file.unlink(missing_ok=True)


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Name the versions here of all that results depend on: by package, ``Python`` first."""
    found = {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "mutualaid": _version("mutualaid"),
    }
    # Two checkouts of one version differ all the same.
    found["mutualaid"] += f" ({_code()})"
    return tuple({**found, **{name: _version(name) for name in _PACKAGES}}.items())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _code() -> str:
    """Sum up the source text of what tasks use of mutualaid."""
    # A checkout has several roots, an installed package one: only what stands below them counts. Of files of
    # one name the first is imported.
    roots = [Path(root) for root in mutualaid.__path__][::-1]
    files = {
        file.relative_to(root).as_posix(): file
        for root in roots
        for room in _ROOMS
        for file in (root / room).rglob("*.py")
    }
    known = hashlib.sha256()
    for name in sorted(files):
        known.update(name.encode() + b"\0" + files[name].read_bytes() + b"\0")
    return known.hexdigest()[:8]


def dask_setup(_worker: Any) -> None:
    """Make a process that was started as our worker behave as one (a preload of Dask, by its name)."""
    # Ctrl-C reaches all processes of a terminal. Workers are closed by the one that started them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where memory runs out, Linux should end a worker, which is replaced, not the one that holds all results.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
