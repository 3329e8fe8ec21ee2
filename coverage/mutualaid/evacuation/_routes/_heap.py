"""A binary heap, for functions that numba compiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled

__all__ = ["pop", "push", "regrown"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]


@compiled
def push(keys: Floats, items: Int64, size: int, key: float, item: int) -> int:
    """Add an item to a binary heap that is ordered by key, then item; return the new size."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if keys[up] < key or (keys[up] == key and items[up] <= item):
            break
        keys[at] = keys[up]
        items[at] = items[up]
        at = up
    keys[at] = key
    items[at] = item
    return size + 1


@compiled
def pop(keys: Floats, items: Int64, size: int) -> int:
    """Take out the least; it must be read at place 0 before. Return the new size."""
    size -= 1
    key, item = keys[size], items[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        right = down + 1
        if right < size and (
            keys[right] < keys[down] or (keys[right] == keys[down] and items[right] < items[down])
        ):
            down = right
        if key < keys[down] or (key == keys[down] and item <= items[down]):
            break
        keys[at] = keys[down]
        items[at] = items[down]
        at = down
    keys[at] = key
    items[at] = item
    return size


@compiled
def regrown(keys: Floats, items: Int64, size: int) -> tuple[Floats, Int64]:
    """Give the same heap in arrays twice as long."""
    more, ids = np.empty(2 * len(keys), np.float64), np.empty(2 * len(items), np.int64)
    more[:size] = keys[:size]
    ids[:size] = items[:size]
    return more, ids
