"""Bounded shortest paths over CSR arrays, compiled with numba.

A *label* is an int64 that adds up along a path and is minimised. `mutualaid.network.RouteGraph` packs the
driving time in milliseconds into the high 32 bits and the part of it that is crossing delay into the low 32
bits, so that one addition and one comparison carry both, and among paths of equal time the one with the least
crossing delay wins. Integers make sums exact: no rounding decides who lies within a limit.

The queue is an array of buckets over the label's high bits, each a linked list in a small pool. Within a
bucket the order is free: a state that improves is simply expanded again, so the result is the exact minimum
for any bucket width, and the width only decides how often that happens (delta-stepping, Meyer & Sanders 2003,
doi:10.1016/S0196-6774(03)00076-2, on one thread). Work, and the memory that is cleared, grow with what is
reached, never with the size of the graph.

Pools that would have to grow inside the innermost loop cost more than the search itself, so a search that
runs out of pool stops, is cleared, and starts again with twice the pool. That happens a few times per process
at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_LABEL", "bucket_layout", "k_nearest", "reached_rows", "table_rows"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

#: Label of a state that has not been reached.
MAX_LABEL: int = np.iinfo(np.int64).max

_FIRST_POOL = 4096
_MAX_BUCKETS = 1 << 16


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


def bucket_layout(weight: Int64, seed_label: Int64, limit: int) -> tuple[int, int]:
    """Choose the width of a bucket, as a shift, and how many there are.

    At any moment the labels in the queue differ by at most the largest weight, so a ring of that span is
    enough. A width of an eighth to a sixteenth of the mean weight leaves less than one state in a hundred
    expanded twice on road networks.
    """
    span = min(max(int(weight.max(initial=0)), int(seed_label.max(initial=0))), limit)
    mean = int(weight.mean()) if len(weight) else 0
    shift = max(mean.bit_length() - 4, (span // (_MAX_BUCKETS - 2)).bit_length(), 0)
    return shift, 1 << ((span >> shift) + 1).bit_length()


@_compiled
def _search(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_state: Int32,
    seed_label: Int64,
    limit: int,
    shift: int,
    buckets: Int32,
    best: Int64,
    touched: Int32,
    pool_next: Int32,
    pool_state: Int32,
    pool_label: Int64,
) -> int:
    """Label all states within the limit; give their number, or its complement when the pool is too small.

    ``best`` must hold `MAX_LABEL` and ``buckets`` -1 everywhere; the states reached stand in ``touched``.
    """
    mask = len(buckets) - 1
    capacity = len(pool_next)
    reached = 0
    used = 0
    waiting = 0
    free = -1
    bucket = np.int64(limit >> shift)
    for i in range(len(seed_state)):
        label = seed_label[i]
        state = seed_state[i]
        if label > limit or label >= best[state]:
            continue
        if used == capacity:
            return ~reached
        if best[state] == MAX_LABEL:
            touched[reached] = state
            reached += 1
        best[state] = label
        slot = (label >> shift) & mask
        pool_state[used] = state
        pool_label[used] = label
        pool_next[used] = buckets[slot]
        buckets[slot] = used
        used += 1
        waiting += 1
        bucket = min(bucket, label >> shift)
    while waiting > 0:
        entry = buckets[bucket & mask]
        if entry < 0:
            bucket += 1
            continue
        buckets[bucket & mask] = pool_next[entry]
        state = pool_state[entry]
        label = pool_label[entry]
        pool_next[entry] = free
        free = entry
        waiting -= 1
        if best[state] != label:
            continue
        for arc in range(indptr[state], indptr[state + 1]):
            target = head[arc]
            new = label + weight[arc]
            if new <= limit and new < best[target]:
                if best[target] == MAX_LABEL:
                    touched[reached] = target
                    reached += 1
                best[target] = new
                if free >= 0:
                    entry = free
                    free = pool_next[entry]
                elif used < capacity:
                    entry = used
                    used += 1
                else:
                    return ~reached
                slot = (new >> shift) & mask
                pool_state[entry] = target
                pool_label[entry] = new
                pool_next[entry] = buckets[slot]
                buckets[slot] = entry
                waiting += 1
    return reached


@_compiled
def _grown32(array: Int32, size: int) -> Int32:
    """Copy of an array with room for at least ``size``."""
    grown = np.empty(max(size, 2 * len(array)), np.int32)
    grown[: len(array)] = array
    return grown


@_compiled
def _grown64(array: Int64, size: int) -> Int64:
    """Copy of an array with room for at least ``size``."""
    grown = np.empty(max(size, 2 * len(array)), np.int64)
    grown[: len(array)] = array
    return grown


@_compiled
def _search_in_pool(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_state: Int32,
    seed_label: Int64,
    limit: int,
    shift: int,
    buckets: Int32,
    best: Int64,
    touched: Int32,
    pool_next: Int32,
    pool_state: Int32,
    pool_label: Int64,
) -> tuple[int, Int32, Int32, Int64]:
    """`_search`, again with a larger pool as long as it does not suffice; give the pool too."""
    while True:
        reached = _search(
            indptr, head, weight, seed_state, seed_label, limit, shift,
            buckets, best, touched, pool_next, pool_state, pool_label,
        )  # fmt: skip
        if reached >= 0:
            return reached, pool_next, pool_state, pool_label
        for i in range(~reached):
            best[touched[i]] = MAX_LABEL
        buckets[:] = -1
        size = 2 * len(pool_next)
        pool_next = np.empty(size, np.int32)
        pool_state = np.empty(size, np.int32)
        pool_label = np.empty(size, np.int64)


@_compiled
def reached_rows(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_ptr: Int64,
    seed_state: Int32,
    seed_label: Int64,
    limit: int,
    shift: int,
    n_buckets: int,
    first: int,
    last: int,
) -> tuple[Int64, Int32, Int64]:
    """Search from the origins ``first…last - 1``: counts, states reached, and labels."""
    n = len(indptr) - 1
    best = np.full(n, MAX_LABEL, np.int64)
    touched = np.empty(n, np.int32)
    buckets = np.full(n_buckets, -1, np.int32)
    pool_next = np.empty(_FIRST_POOL, np.int32)
    pool_state = np.empty(_FIRST_POOL, np.int32)
    pool_label = np.empty(_FIRST_POOL, np.int64)
    counts = np.zeros(last - first, np.int64)
    states = np.empty(1024, np.int32)
    labels = np.empty(1024, np.int64)
    size = 0
    for origin in range(first, last):
        low, high = seed_ptr[origin], seed_ptr[origin + 1]
        reached, pool_next, pool_state, pool_label = _search_in_pool(
            indptr, head, weight, seed_state[low:high], seed_label[low:high], limit, shift,
            buckets, best, touched, pool_next, pool_state, pool_label,
        )  # fmt: skip
        if size + reached > len(states):
            states = _grown32(states, size + reached)
            labels = _grown64(labels, size + reached)
        for i in range(reached):
            state = touched[i]
            states[size + i] = state
            labels[size + i] = best[state]
            best[state] = MAX_LABEL
        size += reached
        counts[origin - first] = reached
    return counts, states[:size], labels[:size]


@_compiled
def table_rows(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_ptr: Int64,
    seed_state: Int32,
    seed_label: Int64,
    attach_ptr: Int64,
    attach_item: Int32,
    attach_label: Int64,
    direct_ptr: Int64,
    direct_item: Int32,
    direct_label: Int64,
    n_items: int,
    limit: int,
    shift: int,
    n_buckets: int,
    first: int,
    last: int,
) -> tuple[Int64, Int32, Int64]:
    """Search from the origins ``first…last - 1``: counts, items reached in ascending order, and labels.

    An item hangs on states (``attach_*``, CSR by state): its label is the state's plus that of the last
    stretch. Those reached without passing any state come in ``direct_*``, CSR by origin.
    """
    n = len(indptr) - 1
    best = np.full(n, MAX_LABEL, np.int64)
    touched = np.empty(n, np.int32)
    buckets = np.full(n_buckets, -1, np.int32)
    pool_next = np.empty(_FIRST_POOL, np.int32)
    pool_state = np.empty(_FIRST_POOL, np.int32)
    pool_label = np.empty(_FIRST_POOL, np.int64)
    item_best = np.full(n_items, MAX_LABEL, np.int64)
    found_items = np.empty(n_items, np.int32)
    counts = np.zeros(last - first, np.int64)
    items = np.empty(1024, np.int32)
    labels = np.empty(1024, np.int64)
    size = 0
    for origin in range(first, last):
        low, high = seed_ptr[origin], seed_ptr[origin + 1]
        reached, pool_next, pool_state, pool_label = _search_in_pool(
            indptr, head, weight, seed_state[low:high], seed_label[low:high], limit, shift,
            buckets, best, touched, pool_next, pool_state, pool_label,
        )  # fmt: skip
        found = 0
        for i in range(direct_ptr[origin], direct_ptr[origin + 1]):
            item = direct_item[i]
            label = direct_label[i]
            if label <= limit and label < item_best[item]:
                if item_best[item] == MAX_LABEL:
                    found_items[found] = item
                    found += 1
                item_best[item] = label
        for i in range(reached):
            state = touched[i]
            for a in range(attach_ptr[state], attach_ptr[state + 1]):
                item = attach_item[a]
                label = best[state] + attach_label[a]
                if label <= limit and label < item_best[item]:
                    if item_best[item] == MAX_LABEL:
                        found_items[found] = item
                        found += 1
                    item_best[item] = label
            best[state] = MAX_LABEL
        found_items[:found].sort()
        if size + found > len(items):
            items = _grown32(items, size + found)
            labels = _grown64(labels, size + found)
        for i in range(found):
            item = found_items[i]
            items[size + i] = item
            labels[size + i] = item_best[item]
            item_best[item] = MAX_LABEL
        size += found
        counts[origin - first] = found
    return counts, items[:size], labels[:size]


@_compiled
def _offer(labels: Int64, origins: Int32, label: int, origin: int) -> bool:
    """Put (label, origin) into a short list sorted by both, one entry an origin; give whether it went in."""
    k = len(labels)
    if label > labels[k - 1] or (label == labels[k - 1] and origin >= origins[k - 1]):
        return False
    old = k - 1  # the entry that makes room: this origin's own, or the last
    for i in range(k):
        if origins[i] == origin:
            if labels[i] <= label:
                return False
            old = i
            break
    while old > 0 and (labels[old - 1] > label or (labels[old - 1] == label and origins[old - 1] > origin)):
        labels[old] = labels[old - 1]
        origins[old] = origins[old - 1]
        old -= 1
    labels[old] = label
    origins[old] = origin
    return True


@_compiled
def _label_k(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_origin: Int32,
    seed_state: Int32,
    seed_label: Int64,
    limit: int,
    shift: int,
    buckets: Int32,
    labels: Int64,
    origins: Int32,
    pool_size: int,
) -> bool:
    """Give each state its k nearest origins; False when the pool is too small. Lists must come empty."""
    mask = len(buckets) - 1
    pool_next = np.empty(pool_size, np.int32)
    pool_state = np.empty(pool_size, np.int32)
    pool_origin = np.empty(pool_size, np.int32)
    pool_label = np.empty(pool_size, np.int64)
    k = labels.shape[1]
    used = 0
    waiting = 0
    free = -1
    bucket = np.int64(limit >> shift)
    for i in range(len(seed_state)):
        label = seed_label[i]
        state = seed_state[i]
        if label > limit or not _offer(labels[state], origins[state], label, seed_origin[i]):
            continue
        slot = (label >> shift) & mask
        pool_state[used] = state
        pool_origin[used] = seed_origin[i]
        pool_label[used] = label
        pool_next[used] = buckets[slot]
        buckets[slot] = used
        used += 1
        waiting += 1
        bucket = min(bucket, label >> shift)
    while waiting > 0:
        entry = buckets[bucket & mask]
        if entry < 0:
            bucket += 1
            continue
        buckets[bucket & mask] = pool_next[entry]
        state = pool_state[entry]
        label = pool_label[entry]
        origin = pool_origin[entry]
        pool_next[entry] = free
        free = entry
        waiting -= 1
        current = False
        for i in range(k):
            if origins[state, i] == origin:
                current = labels[state, i] == label
        if not current:
            continue
        for arc in range(indptr[state], indptr[state + 1]):
            target = head[arc]
            new = label + weight[arc]
            if new > limit or not _offer(labels[target], origins[target], new, origin):
                continue
            if free >= 0:
                entry = free
                free = pool_next[entry]
            elif used < pool_size:
                entry = used
                used += 1
            else:
                return False
            slot = (new >> shift) & mask
            pool_state[entry] = target
            pool_origin[entry] = origin
            pool_label[entry] = new
            pool_next[entry] = buckets[slot]
            buckets[slot] = entry
            waiting += 1
    return True


@_compiled
def k_nearest(
    indptr: Int32,
    head: Int32,
    weight: Int64,
    seed_origin: Int32,
    seed_state: Int32,
    seed_label: Int64,
    attach_ptr: Int64,
    attach_item: Int32,
    attach_label: Int64,
    direct_origin: Int32,
    direct_item: Int32,
    direct_label: Int64,
    n_items: int,
    k: int,
    limit: int,
    shift: int,
    n_buckets: int,
) -> tuple[Int32, Int64]:
    """Give the k nearest origins of every item: (n_items, k) origins, -1 where there are fewer, and labels.

    One search for all origins: a state passes on only the k best it has seen, each from another origin,
    because whatever k origins beat at a state they beat behind it too. Work grows with states × k, not with
    origins.
    """
    n = len(indptr) - 1
    pool_size = n + len(seed_state)
    while True:
        buckets = np.full(n_buckets, -1, np.int32)
        labels = np.full((n, k), MAX_LABEL, np.int64)
        origins = np.full((n, k), -1, np.int32)
        if _label_k(
            indptr, head, weight, seed_origin, seed_state, seed_label,
            limit, shift, buckets, labels, origins, pool_size,
        ):  # fmt: skip
            break
        pool_size *= 2
    item_labels = np.full((n_items, k), MAX_LABEL, np.int64)
    item_origins = np.full((n_items, k), -1, np.int32)
    for i in range(len(direct_item)):
        item = direct_item[i]
        if direct_label[i] <= limit:
            _offer(item_labels[item], item_origins[item], direct_label[i], direct_origin[i])
    for state in range(n):
        for a in range(attach_ptr[state], attach_ptr[state + 1]):
            item = attach_item[a]
            for i in range(k):
                if origins[state, i] < 0:
                    break
                label = labels[state, i] + attach_label[a]
                if label <= limit:
                    _offer(item_labels[item], item_origins[item], label, origins[state, i])
    return item_origins, item_labels
