"""One task of a run in tiles: one tile in fair weather, or in one scenario."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import (
    Computed,
    HazardComputed,
    Ready,
    ReadyHazard,
    compute,
    compute_hazard,
    hazard_part,
    part,
)
from mutualaid.scale._store import Unpacked, packed

__all__ = ["Base", "fair_tile", "hazard_tile", "work"]

_PAIRS = ("times", "times_agreed")
_DRAWN = "drawn_"


@dataclass(frozen=True, eq=False)
class Base:
    """What all tasks need: the region made ready, without what only drawing needs, and its tiles.

    ``keep_pairs`` says whether the times of all pairs are part of the result, ``threads`` how many each task may use.
    """

    ready: Ready
    tiles: Sequence[NDArray[np.int64]]
    keep_pairs: bool
    threads: int | None


def work(parts: tuple[Any, ...], tile: int) -> bytes:
    """Compute a tile: in fair weather, or if `parts` hold a hazard beside the base, under that."""
    started = time.perf_counter()
    base: Base = parts[0]
    chosen = part(base.ready, base.tiles[tile])
    if len(parts) == 1:
        fair = compute(chosen, threads=base.threads, keep_times=base.keep_pairs)
        tables = {"coverage": fair.coverage, "coverage_local": fair.coverage_local}
        tables |= {name: frame for name in _PAIRS if (frame := getattr(fair, name)) is not None}
        arrays: dict[str, NDArray[Any]] = {"stations": fair.station_codes, "area": fair.area}
        pairs = fair.pairs
    else:
        hazard: ReadyHazard = parts[1]
        found = compute_hazard(chosen, hazard_part(hazard, chosen), threads=base.threads)
        tables, pairs = {"coverage": found.coverage}, found.pairs
        arrays = {"stations": found.station_codes} | {
            _DRAWN + level: bits for level, bits in found.drawn.items()
        }
    return packed(tables, arrays, {"seconds": time.perf_counter() - started, "pairs": pairs})


def fair_tile(result: Unpacked, stations: pd.Index) -> Computed:
    """Give what `work` made of a tile in fair weather; `stations` are the ids of all."""
    tables, arrays, facts = result
    times = {
        name: table.assign(station=pd.Categorical.from_codes(table["station"].cat.codes, categories=stations))
        for name, table in tables.items()
        if name in _PAIRS
    }
    return Computed(
        coverage=tables["coverage"],
        coverage_local=tables["coverage_local"],
        station_codes=arrays["stations"],
        area=arrays["area"],
        pairs=facts["pairs"],
        **times,
    )


def hazard_tile(result: Unpacked) -> HazardComputed:
    """Give what `work` made of a tile under a hazard."""
    tables, arrays, facts = result
    return HazardComputed(
        coverage=tables["coverage"],
        station_codes=arrays["stations"],
        pairs=facts["pairs"],
        drawn={name.removeprefix(_DRAWN): bits for name, bits in arrays.items() if name.startswith(_DRAWN)},
    )
