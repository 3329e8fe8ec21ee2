"""Mixed-integer programs: the best choice of partners or groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

__all__ = ["best_choice"]


def best_choice(
    gain: NDArray[np.float64], limits: csr_array[np.float64], most: float, *, choices: int
) -> NDArray[np.bool_]:
    """Maximise gain · x under limits · x ≤ most, where x is from 0 to 1 and its first entries are whole.

    Parameters
    ----------
    gain
        (variables,) not all 0. Choosing nothing must be allowed.
    limits
        (rows, variables).
    most
        Right-hand side of all rows.
    choices
        How many variables are whole: those are returned.

    Returns
    -------
    ndarray
        (choices,) bool. The gain is the largest up to about a millionth of Σ |gain|: the tolerance of the solver,
        HiGHS.
    """
    found = milp(
        # It stops at an absolute gap of 1e-6, which is to be a billionth of what is at stake.
        -gain * (1000 / np.abs(gain).sum()),
        constraints=LinearConstraint(limits, ub=most),
        bounds=Bounds(0, 1),
        integrality=(np.arange(len(gain)) < choices).astype(np.int64),
        options={"mip_rel_gap": 0},
    )
    assert found.x is not None  # nothing at all is a solution
    return found.x[:choices] > 0.5
