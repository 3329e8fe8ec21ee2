"""Columns that no row links."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["components"]


def components(matrix: Any) -> tuple[int, NDArray[np.int64]]:
    """Find the parts into which the columns of a sparse matrix fall; each row links all its columns.

    Returns
    -------
    count, label
        How many there are, and (c,) the part of each column. A column without entries is a part of its own.
    """
    rows, columns = matrix.shape
    entries = matrix.tocoo()
    nodes = rows + columns
    graph = coo_array(
        (np.ones(entries.nnz, np.int8), (entries.row, entries.col.astype(np.int64) + rows)),
        shape=(nodes, nodes),
    )
    _, label = connected_components(graph, directed=False)
    found, number = np.unique(label[rows:], return_inverse=True)
    return len(found), number.reshape(-1).astype(np.int64)
