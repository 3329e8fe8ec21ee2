"""Work shared out to the processors of this machine, where most of it is done outside of Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, partial
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Later", "beside", "in_threads", "limited_to", "processors"]

_limit: ContextVar[int | None] = ContextVar("processors", default=None)
#: Pieces for each of several threads, to even out dense and sparse places.
_PIECES = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Later(Protocol):
    """Have something called, once; gives a call without arguments that waits for what comes of it."""

    def __call__(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Callable[[], _T]:
        """Have a function called with its arguments."""


def processors() -> int:
    """Give the number of processors to use: those that this process may use, or fewer where it is limited.

    Examples
    --------
    >>> from mutualaid.threads import limited_to, processors
    >>> with limited_to(1):
    ...     processors()
    1
    """
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        there = os.cpu_count() or 1
    return min(there, _limit.get() or there)


@contextmanager
def limited_to(count: int | None) -> Iterator[None]:
    """Use no more than so many processors within a block of code; all that there are if None.

    Parameters
    ----------
    count
        At least 1.

    Examples
    --------
    >>> from mutualaid.threads import limited_to, processors
    >>> with limited_to(1), limited_to(None):
    ...     processors() >= 1
    True
    """
    token = _limit.set(count)
    try:
        yield
    finally:
        _limit.reset(token)


def in_threads(function: Callable[..., Any], *arrays: NDArray[Any], least: int = 500) -> NDArray[Any]:
    """Call a function that treats each element by itself on pieces of arrays, and join what it gives.

    It pays where the function releases Python's lock for most of its time, as those of Shapely do.

    Parameters
    ----------
    function
        Called with a piece of each array; gives an array as long as these.
    arrays
        One or more, equally long.
    least
        Elements in a piece: fewer than twice as many are not shared out.

    Returns
    -------
    array
        As one call gives it for all of the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.threads import in_threads
    >>> in_threads(np.hypot, np.array([3.0, 5.0]), np.array([4.0, 12.0])).tolist()
    [5.0, 13.0]
    """
    size, count = len(arrays[0]), processors()
    pieces = min(size // max(least, 1), count * _PIECES)
    if count == 1 or pieces < 2:
        return np.asarray(function(*arrays))
    cuts = np.linspace(0, size, pieces + 1, dtype=np.int64)
    parts = [slice(*ends) for ends in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]
    with ThreadPoolExecutor(count) as pool:
        return np.concatenate(list(pool.map(lambda part: function(*(one[part] for one in arrays)), parts)))


@contextmanager
def beside() -> Iterator[Later]:
    """Have things done while the block of code does something else; with one processor, when they are asked for.

    They are done one after the other, so they need not fear each other. Who wants two things at a time opens two.

    Yields
    ------
    Later
        What it gives raises what the function raised. What nobody asks for may be left undone; what was begun is
        done when the block ends.

    Examples
    --------
    >>> from mutualaid.threads import beside
    >>> with beside() as later:
    ...     total = later(sum, [1, 2, 3])
    ...     # something else
    ...     total()
    6
    """
    if processors() == 1:
        yield _when_asked
        return
    pool = ThreadPoolExecutor(1)

    def later(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Callable[[], _T]:
        call = partial(function, *args, **kwargs)
        return pool.submit(lambda context: context.run(call), copy_context()).result

    try:
        yield later
    finally:
        pool.shutdown(cancel_futures=True)


def _when_asked(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Callable[[], _T]:
    return cache(partial(function, *args, **kwargs))
