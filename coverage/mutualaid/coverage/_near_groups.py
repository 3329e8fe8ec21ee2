"""Which points belong together because they are near each other: without a list of all near pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._compiled import compiled

__all__ = ["near_groups"]

Int64 = NDArray[np.int64]


def near_groups(xy: NDArray[np.float64], near_m: float) -> Int64:
    """Group points so that two within a distance of each other are in one group.

    Where houses stand close, each has hundreds of others near it: their pairs are gone through, but not kept.

    Parameters
    ----------
    xy
        (n, 2) coordinates in metres.
    near_m
        The distance; two at exactly this distance belong together.

    Returns
    -------
    array
        (n,) number of the group of each point, in the order in which groups first appear.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage._near_groups import near_groups
    >>> near_groups(np.array([[0.0, 0.0], [90.0, 0.0], [9.0, 0.0]]), 50).tolist()
    [0, 1, 0]
    """
    if not len(xy):
        return np.zeros(0, dtype=np.int64)
    square = np.floor((xy - xy.min(axis=0)) / (near_m * (1 + 1e-9) or 1.0)).astype(np.int64) + 1
    tall = int(square[:, 1].max()) + 2
    key = square[:, 0] * tall + square[:, 1]
    order = np.argsort(key, kind="stable")
    keys, first = np.unique(key[order], return_index=True)
    root = np.arange(len(xy))
    _link(
        np.ascontiguousarray(xy[order]), order, keys, np.append(first, len(xy)), tall, near_m * near_m, root
    )
    return np.asarray(pd.factorize(root)[0], dtype=np.int64)


@compiled
def _root(root: Int64, one: int) -> int:
    """Find what stands for the group of a point, and shorten the way there."""
    while root[one] != one:
        root[one] = root[root[one]]
        one = root[one]
    return one


@compiled
def _link(
    xy: NDArray[np.float64], order: Int64, keys: Int64, ptr: Int64, tall: int, near_m2: float, root: Int64
) -> None:
    """Join points of one square, and of neighbouring squares, that are near each other: `root` becomes the result."""
    for square in range(len(keys)):
        for step in (0, 1, tall - 1, tall, tall + 1):
            other = np.searchsorted(keys, keys[square] + step)
            if other == len(keys) or keys[other] != keys[square] + step:
                continue
            for one in range(ptr[square], ptr[square + 1]):
                for two in range(one + 1 if step == 0 else ptr[other], ptr[other + 1]):
                    dx, dy = xy[one, 0] - xy[two, 0], xy[one, 1] - xy[two, 1]
                    if dx * dx + dy * dy <= near_m2:
                        this, that = _root(root, order[one]), _root(root, order[two])
                        root[max(this, that)] = min(this, that)
    for one in range(len(root)):
        root[one] = _root(root, one)
