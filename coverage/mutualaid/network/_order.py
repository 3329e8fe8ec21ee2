"""Orders: along a Hilbert curve, and by key."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = ["by_key", "hilbert_distance", "locality_rank"]

Int32 = NDArray[np.int32]
UInt32 = NDArray[np.uint32]
Bits = NDArray[Any]

#: Points at a time, so that what is worked out in between stays small.
_CHUNK = 1 << 18
_SIDE = (1 << 16) - 1


def by_key(key: NDArray[np.integer], size: int) -> tuple[Int32, Int32]:
    """Positions of each key 0…size - 1 as CSR, (size + 1,) and (len(key),); those of one key stay in order.

    They are counted, not compared: a matrix with one entry a row, turned round, lists the rows of each column.
    """
    rows = np.arange(len(key) + 1, dtype=np.int32)
    turned = csr_array((np.ones(len(key), np.int8), key, rows), shape=(len(key), size)).tocsc()
    return turned.indptr.astype(np.int32, copy=False), turned.indices.astype(np.int32, copy=False)


def locality_rank(x: NDArray[np.float64], y: NDArray[np.float64], node: Int32) -> Int32:
    """Give each of some things that stand at nodes a number along a Hilbert curve."""
    along = hilbert_distance(x, y)[node]
    rank = np.empty(len(node), dtype=np.int32)
    rank[np.argsort(along, kind="stable")] = np.arange(len(node), dtype=np.int32)
    return rank


def hilbert_distance(x: NDArray[np.float64], y: NDArray[np.float64]) -> UInt32:
    """Distance of each point along a Hilbert curve through the box around all of them.

    The same numbers as those of `geopandas.GeoSeries.hilbert_distance`, without a geometry for each point.
    """
    along = np.empty(len(x), dtype=np.uint32)
    if len(x) == 0:
        return along
    low_x, low_y, span_x, span_y = x.min(), y.min(), np.ptp(x), np.ptp(y)
    for first in range(0, len(x), _CHUNK):
        part = slice(first, first + _CHUNK)
        along[part] = _encode(_steps(x[part], low_x, span_x), _steps(y[part], low_y, span_y))
    return along


def _steps(values: NDArray[np.float64], low: np.float64, span: np.float64) -> UInt32:
    """Coordinates as whole steps of the box, 0…65535."""
    if span == 0:
        return np.zeros(len(values), dtype=np.uint32)
    return np.clip((values - low) * (_SIDE / span), 0, _SIDE).astype(np.uint32)


def _encode(x: Bits, y: Bits) -> UInt32:
    """Distance along the curve of points in 65536 × 65536 steps.

    All turns of the curve are worked out at once, by a prefix scan over bits. Adapted from the public-domain code of
    http://threadlocalmutex.com/, as GeoPandas has it.
    """
    full, one = np.uint32(0xFFFF), np.uint32(1)
    a: Bits = x ^ y
    b: Bits = full ^ a
    c: Bits = full ^ (x | y)
    d: Bits = x & (y ^ full)
    a, b, c, d = (
        a | (b >> one),
        (a >> one) ^ a,
        ((c >> one) ^ (b & (d >> one))) ^ c,
        ((a & (c >> one)) ^ (d >> one)) ^ d,
    )
    for shift in (np.uint32(2), np.uint32(4), np.uint32(8)):
        both = a ^ b
        a, b, c, d = (
            (a & (a >> shift)) ^ (b & (b >> shift)),
            (a & (b >> shift)) ^ (b & (both >> shift)),
            c ^ (a & (c >> shift)) ^ (b & (d >> shift)),
            d ^ (b & (c >> shift)) ^ (both & (d >> shift)),
        )
    a = c ^ (c >> one)
    b = d ^ (d >> one)
    low = x ^ y
    high = b | (full ^ (low | a))
    return np.asarray((_spread(high) << one) | _spread(low), dtype=np.uint32)


def _spread(x: Bits) -> Bits:
    """Bits of numbers below 65536, each with a zero before it."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        x = (x | (x << np.uint32(shift))) & np.uint32(mask)
    return x
