"""People in vehicles that meet on the way and go on as one stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import spsolve

__all__ = ["mixed"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]


def mixed(tail: Int64, head: Int64, flow: Floats, known: Floats) -> Floats:
    """Share at each vertex if what comes there mixes; NaN in `known` where it is asked for, 0 where nothing comes."""
    count = len(known)
    begin = np.flatnonzero(np.isfinite(known))
    link = csr_array(
        (np.ones(len(tail) + len(begin)), (np.concatenate([tail, np.full(len(begin), count)]),
         np.concatenate([head, begin]))), shape=(count + 1, count + 1),
    )  # fmt: skip
    # What turns in a circle that nothing enters comes from nowhere, and leads nowhere.
    reached = np.zeros(count + 1, dtype=bool)
    reached[breadth_first_order(link, count, return_predecessors=False)] = True
    asked = np.flatnonzero(reached[:count] & np.isnan(known))
    share = np.where(np.isnan(known), 0.0, known)
    if not len(asked):
        return share
    row = np.full(count, -1, dtype=np.int64)
    row[asked] = np.arange(len(asked))
    some = (row[head] >= 0) & reached[tail]
    tail, head, flow = tail[some], head[some], flow[some]
    weight = flow / np.bincount(row[head], flow, len(asked))[row[head]]
    inner = row[tail] >= 0
    given = np.bincount(row[head[~inner]], weight[~inner] * share[tail[~inner]], len(asked))
    matrix = eye_array(len(asked)) - coo_array(
        (weight[inner], (row[head[inner]], row[tail[inner]])), shape=(len(asked), len(asked))
    )
    share[asked] = spsolve(matrix.tocsc(), given)
    return share
