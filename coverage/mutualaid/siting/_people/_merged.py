"""People merged by who can reach them: the small form of a table that questions of coverage are solved on.

Two demand points that the same sites reach are one row, whatever their weather: whether a row is reached depends on
the open sites only. How many people a row stands for is told apart by *block*: a weather, a partner, a jurisdiction,
or several of these, as far as the question needs it.

Units are busy with probability q and independent of each other, so k of them reach a person with 1 - q^k (Daskin
1983); with q = 0 this is plain coverage, min(1, k). Units that stay anyway scale what a row may gain by q to the
power of their number, so that they need no place in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array

from mutualaid.siting._compiled import compiled
from mutualaid.siting._people._columns import Columns

__all__ = ["Merged", "merged"]


@dataclass(frozen=True, eq=False)
class Merged:
    """Rows of people, the columns that reach them, and what they count for in each block.

    Attributes
    ----------
    reach
        (rows, columns) units of each column that come to each row; 0 where it does not reach it.
    worth
        (rows, blocks) people.
    base
        (blocks,) people who are reached whatever is opened.
    busy
        Probability that a unit is busy.
    """

    reach: csr_array[np.float64]
    worth: csr_array[np.float64]
    base: NDArray[np.float64]
    busy: float

    def people(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(blocks,) people reached if the columns x are open, which may be fractions.

        Between whole numbers of units it is straight.
        """
        units = np.asarray(self.reach @ x)
        whole = np.floor(units + 1e-9)
        left = np.power(self.busy, whole)
        part = np.maximum(units - whole, 0)
        return np.asarray(self.base + (1 - left + part * (1 - self.busy) * left) @ self.worth)

    def only(self, columns: NDArray[np.bool_]) -> Merged:
        """Return it with some columns, merged once more; the others stay closed."""
        reach = csr_array(csc_array(self.reach)[:, np.flatnonzero(columns)])
        row, first = _row_ids(*_hashes_of(reach.indptr, reach.indices, _keys(reach.shape[1])))
        some = np.diff(reach.indptr)[first] > 0
        place = np.where(some, np.cumsum(some) - 1, -1)[row]
        worth = _added(place, self.worth, int(some.sum()))
        return Merged(csr_array(reach[first[some]]), worth, self.base, self.busy)


def merged(
    reached: Sequence[tuple[NDArray[np.float64], float]],
    weight: NDArray[np.float64],
    block: NDArray[np.int64],
    columns: Columns,
    busy: float,
) -> Merged:
    """Merge the demand of several weathers.

    Parameters
    ----------
    reached
        For each of w weathers: (s, n) seconds, and the limit.
    weight
        (w, n) people, with the weight of the weather if blocks go over several.
    block
        (w, n) block that they belong to.
    columns
        What may be switched on and off; all else stays as it is.
    busy
        Probability that a unit is busy.
    """
    keys = _keys(len(columns.site))
    hashes, left = [], []
    for seconds, limit in reached:
        hashes.append(_hashes(seconds, limit, columns.site, keys))
        units = np.zeros(seconds.shape[1])
        for site in np.flatnonzero(columns.units):
            units += columns.units[site] * (seconds[site] <= limit)
        left.append(np.power(busy, units))
    blocks = int(block.max()) + 1
    may = weight * np.array(left)
    base = np.bincount(block.ravel(), (weight - may).ravel(), minlength=blocks)
    first_hash, second_hash = (np.concatenate([pair[k] for pair in hashes]) for k in (0, 1))
    kept = np.flatnonzero((may.ravel() > 0) & (first_hash != 0))
    row, first = _row_ids(first_hash[kept], second_hash[kept])
    at, point = np.divmod(kept[first], weight.shape[1])
    place, column = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for k, (seconds, limit) in enumerate(reached):
        here = np.flatnonzero(at == k)
        which, reaches = _pairs(seconds, limit, columns.site, point[here])
        place.append(here[which])
        column.append(reaches)
    where = (np.concatenate(place), np.concatenate(column))
    size = columns.size[where[1]].astype(np.float64)
    reach = coo_array((size, where), shape=(len(first), len(columns.site))).tocsr()
    worth = coo_array((may.ravel()[kept], (row, block.ravel()[kept])), shape=(len(first), blocks)).tocsr()
    return Merged(csr_array(reach), csr_array(worth), np.asarray(base, np.float64), busy)


def _keys(columns: int) -> NDArray[np.uint64]:
    """(2, columns) random words: a set of columns is known by the exclusive or of theirs, twice 64 bits."""
    return np.random.default_rng(20).integers(1, 2**64, size=(2, columns), dtype=np.uint64)


def _row_ids(
    first: NDArray[np.uint64], second: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row of each point, and a point of each row."""
    pair = (pd.factorize(first)[0].astype(np.int64) << 32) | pd.factorize(second)[0]
    row = pd.factorize(pair)[0].astype(np.int64)
    found = np.empty(int(row.max(initial=-1)) + 1, np.int64)
    found[row[::-1]] = np.arange(len(row) - 1, -1, -1)
    return row, found


def _added(place: NDArray[np.int64], worth: csr_array[np.float64], rows: int) -> csr_array[np.float64]:
    """Add up the rows that have the same place; those at -1 are left out."""
    kept = np.flatnonzero(place >= 0)
    where = coo_array((np.ones(len(kept)), (place[kept], kept)), shape=(rows, worth.shape[0]))
    return csr_array(where.tocsr() @ worth)


@compiled
def _hashes(
    seconds: NDArray[np.float64], limit: float, sites: NDArray[np.int64], keys: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    first = np.zeros(seconds.shape[1], np.uint64)
    second = np.zeros(seconds.shape[1], np.uint64)
    for k in range(len(sites)):
        time = seconds[sites[k]]
        one, two = keys[0, k], keys[1, k]
        for point in range(len(time)):
            if time[point] <= limit:
                first[point] ^= one
                second[point] ^= two
    return first, second


@compiled
def _hashes_of(
    start: NDArray[np.int32], column: NDArray[np.int32], keys: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    first = np.zeros(len(start) - 1, np.uint64)
    second = np.zeros(len(start) - 1, np.uint64)
    for row in range(len(start) - 1):
        for at in range(start[row], start[row + 1]):
            first[row] ^= keys[0, column[at]]
            second[row] ^= keys[1, column[at]]
    return first, second


@compiled
def _pairs(
    seconds: NDArray[np.float64], limit: float, sites: NDArray[np.int64], points: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place in `points` and place in `sites` of each pair that is in time."""
    count = 0
    for k in range(len(sites)):
        for point in points:
            count += seconds[sites[k], point] <= limit
    place = np.empty(count, np.int64)
    column = np.empty(count, np.int64)
    count = 0
    for k in range(len(sites)):
        for i in range(len(points)):
            if seconds[sites[k], points[i]] <= limit:
                place[count] = i
                column[count] = k
                count += 1
    return place, column
