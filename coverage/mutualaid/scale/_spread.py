"""How independent tasks are worked through: here one after the other; `dask_workers` gives one that shares them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

__all__ = ["Spread", "in_turn"]


class Spread(Protocol):
    """Work through items that do not depend on each other, all with the same parts of a context.

    Whoever shares the work out sends each part to a worker once, in however many calls it is needed.
    """

    def __call__(
        self, parts: tuple[Any, ...], task: Callable[[tuple[Any, ...], Any], bytes], items: Sequence[Any]
    ) -> Iterator[tuple[int, bytes]]:
        """Give the position of each item, and what ``task(parts, item)`` made of it, in any order."""


def in_turn(
    parts: tuple[Any, ...], task: Callable[[tuple[Any, ...], Any], bytes], items: Sequence[Any]
) -> Iterator[tuple[int, bytes]]:
    r"""Work through items in this process, one after the other.

    Parameters
    ----------
    parts
        What all tasks need.
    task
        Called with the parts and an item.
    items
        What to work through.

    Yields
    ------
    tuple
        Position of an item, and its result.

    Examples
    --------
    >>> list(in_turn((10,), lambda parts, item: bytes([parts[0] + item]), [1, 2]))
    [(0, b'\x0b'), (1, b'\x0c')]
    """
    for position, item in enumerate(items):
        yield position, task(parts, item)
