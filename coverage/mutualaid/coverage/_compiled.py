"""Functions that numba compiles, as the type checker sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled) -> Compiled:
    """Compile a function when it is first called, and keep what was compiled for later runs."""
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))
