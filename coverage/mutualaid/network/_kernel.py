"""Bounded shortest paths over CSR arrays, compiled with numba.

A *label* is an int64 that adds up along a path and is minimised. `mutualaid.network.RouteGraph` packs the
driving time in milliseconds into the high 32 bits and the part of it that is crossing delay into the low 32
bits, so that one addition and one comparison carry both, and among paths of equal time the one with the least
crossing delay wins. Integers make sums exact: no rounding decides who lies within a limit. Who needs plain
milliseconds only may pass them as int32.

The search is delta-stepping on one thread (Meyer & Sanders 2003, doi:10.1016/S0196-6774(03)00076-2). The
queue is a ring of buckets over the labels' high bits, each a linked list in a pool. The states of a bucket
are expanded together, in any order; one that improves later is expanded again. So the result is the exact
minimum for any width of the buckets, and the width only decides how often that happens.

Three things make it fast. All arcs of a bucket are run through in one loop whose length is known, and whether
an arc improves its head decides what is stored, not where the program goes: there is next to nothing for the
processor to mispredict. Indices are cast to unsigned, which spares numba's check for negative ones. And the
pool only grows, so that it lists what was touched, in order, for the result and for clearing: work grows with
what is reached, not with the size of the graph. A pool that proves too small is given up for one twice the
size, which happens a few times in a batch at most.
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
Labels = NDArray[np.int32] | NDArray[np.int64]
#: Next entry in the bucket, and state; then, of the states of one bucket: first arc, end of arcs, label.
Pool = tuple[Int32, Int32, Int32, Int32, Labels]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

#: Label of a state that no origin has reached, in `k_nearest`.
MAX_LABEL: int = np.iinfo(np.int64).max

_FIRST_POOL = 1 << 14
_MAX_BUCKETS = 1 << 16
_at = np.uint64


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


def bucket_layout(weight: Labels, seed_label: Labels, limit: int) -> tuple[int, int]:
    """Choose the width of a bucket, as a shift, and how many there are.

    At any moment the labels in the queue differ by at most the largest weight, so a ring of that span is
    enough. With a width of an eighth to a quarter of the mean weight, less than one state in a hundred is
    expanded twice on road networks.
    """
    span = min(max(int(weight.max(initial=0)), int(seed_label.max(initial=0))), limit)
    mean = int(weight[::16].mean()) if len(weight) else 0  # a sample is enough
    shift = max(mean.bit_length() - 3, (span // (_MAX_BUCKETS - 2)).bit_length(), 0)
    return shift, 1 << ((span >> shift) + 1).bit_length()


@_compiled
def _new_pool(size: int, like: Labels) -> Pool:
    # One more than is counted on: what an arc would store is written down before it is known to improve.
    return (
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, like.dtype),
    )


@_compiled
def _search(
    indptr: Int32,
    head: Int32,
    weight: Labels,
    seed_state: Int32,
    seed_label: Labels,
    shift: int,
    buckets: Int32,
    best: Labels,
    pool: Pool,
) -> int:
    """Label all states within the limit; give the entries used of the pool, or their complement if too few.

    ``best`` must hold the limit plus one everywhere, and ``buckets`` -1. Every state reached has at least one
    entry in the pool.
    """
    pool_next, pool_state, first_arc, end_arc, from_label = pool
    capacity = len(pool_next) - 1
    mask = len(buckets) - 1
    used = 0
    seen = 0
    bucket = np.int64(MAX_LABEL)
    if len(seed_state) > capacity:
        return ~used
    for i in range(len(seed_state)):
        state = seed_state[i]
        label = seed_label[i]
        if label < best[state]:
            best[state] = label
            slot = (label >> shift) & mask
            pool_state[used] = state
            pool_next[used] = buckets[slot]
            buckets[slot] = used
            used += 1
            bucket = min(bucket, label >> shift)
    while seen < used:
        entry = buckets[_at(bucket & mask)]
        if entry < 0:
            bucket += 1
            continue
        buckets[_at(bucket & mask)] = -1
        size = 0
        arcs = 0
        while entry >= 0:
            state = pool_state[_at(entry)]
            label = best[_at(state)]
            arc = indptr[_at(state)]
            end = indptr[_at(state) + _at(1)]
            first_arc[_at(size)] = arc
            end_arc[_at(size)] = end
            from_label[_at(size)] = label
            # A state that has improved since it came here has had its turn in an earlier bucket.
            expand = (label >> shift == bucket) & (end > arc)
            size += expand
            arcs += (end - arc) * expand
            seen += 1
            entry = pool_next[_at(entry)]
        if used + arcs > capacity:
            return ~used
        size = 0
        arc = first_arc[0]
        end = end_arc[0]
        label = from_label[0]
        for _ in range(arcs):
            state = head[_at(arc)]
            new = label + weight[_at(arc)]
            old = best[_at(state)]
            slot = (new >> shift) & mask
            begin = buckets[_at(slot)]
            better = new < old
            best[_at(state)] = min(new, old)
            pool_state[_at(used)] = state
            pool_next[_at(used)] = begin
            buckets[_at(slot)] = used if better else begin
            used += better
            arc += 1
            done = arc == end
            size += done
            arc = first_arc[_at(size)] if done else arc
            end = end_arc[_at(size)]
            label = from_label[_at(size)]
    return used


@_compiled
def _search_growing(
    indptr: Int32,
    head: Int32,
    weight: Labels,
    seed_state: Int32,
    seed_label: Labels,
    unreached: int,
    shift: int,
    buckets: Int32,
    best: Labels,
    pool: Pool,
) -> tuple[int, Pool]:
    """`_search`, again with a larger pool as long as it does not suffice; give the pool too."""
    while True:
        used = _search(indptr, head, weight, seed_state, seed_label, shift, buckets, best, pool)
        if used >= 0:
            return used, pool
        for i in range(~used):
            best[pool[1][i]] = unreached
        buckets[:] = -1
        pool = _new_pool(max(2 * len(pool[0]), len(seed_state)), best)


@_compiled
def _grown(array: NDArray[Any], needed: int) -> Any:
    """Copy of an array with room for ``needed``, and to spare."""
    grown = np.empty(max(2 * len(array), needed), array.dtype)
    grown[: len(array)] = array
    return grown


@_compiled
def reached_rows(
    indptr: Int32,
    head: Int32,
    weight: Labels,
    seed_ptr: Int64,
    seed_state: Int32,
    seed_label: Labels,
    limit: int,
    shift: int,
    n_buckets: int,
    best: Labels,
    states: Int32,
    labels: Labels,
    size: int,
    first: int,
    last: int,
) -> tuple[Int64, Int32, Labels, int]:
    """Search from the origins ``first…last - 1``, and write down the states reached and their labels.

    ``best`` is scratch, one a state, that comes and goes with the limit plus one everywhere. The rows go into
    ``states`` and ``labels`` from ``size`` on. Gives the count of each origin, the two arrays, which are new
    ones if they had to grow, and the size by now.
    """
    unreached = limit + 1
    buckets = np.full(n_buckets, -1, np.int32)
    pool = _new_pool(_FIRST_POOL, best)
    counts = np.zeros(last - first, np.int64)
    for origin in range(first, last):
        low, high = seed_ptr[origin], seed_ptr[origin + 1]
        used, pool = _search_growing(
            indptr, head, weight, seed_state[low:high], seed_label[low:high],
            unreached, shift, buckets, best, pool,
        )  # fmt: skip
        if size + used > len(states):
            states = _grown(states, size + used)
            labels = _grown(labels, size + used)
        before = size
        pool_state = pool[1]
        for i in range(used):
            state = pool_state[i]
            label = best[_at(state)]
            states[_at(size)] = state
            labels[_at(size)] = label
            best[_at(state)] = unreached
            size += label != unreached  # its first entry takes the label, further ones find none
        counts[origin - first] = size - before
    return counts, states, labels, size


@_compiled
def table_rows(
    indptr: Int32,
    head: Int32,
    weight: Labels,
    seed_ptr: Int64,
    seed_state: Int32,
    seed_label: Labels,
    attach_ptr: Int64,
    attach_item: Int32,
    attach_label: Labels,
    direct_ptr: Int64,
    direct_item: Int32,
    direct_label: Labels,
    n_items: int,
    limit: int,
    shift: int,
    n_buckets: int,
    best: Labels,
    items: Int32,
    labels: Labels,
    size: int,
    first: int,
    last: int,
) -> tuple[Int64, Int32, Labels, int]:
    """Search from the origins ``first…last - 1``, and write down the items reached in order, and their labels.

    An item hangs on states (``attach_*``, CSR by state): its label is the state's plus that of the last
    stretch. Those reached without passing any state come in ``direct_*``, CSR by origin.
    """
    unreached = limit + 1
    buckets = np.full(n_buckets, -1, np.int32)
    pool = _new_pool(_FIRST_POOL, best)
    item_best = np.full(n_items, unreached, best.dtype)
    found_items = np.empty(n_items, np.int32)
    counts = np.zeros(last - first, np.int64)
    for origin in range(first, last):
        low, high = seed_ptr[origin], seed_ptr[origin + 1]
        used, pool = _search_growing(
            indptr, head, weight, seed_state[low:high], seed_label[low:high],
            unreached, shift, buckets, best, pool,
        )  # fmt: skip
        found = 0
        for i in range(direct_ptr[origin], direct_ptr[origin + 1]):
            item = direct_item[i]
            if direct_label[i] < item_best[item]:
                if item_best[item] == unreached:
                    found_items[found] = item
                    found += 1
                item_best[item] = direct_label[i]
        pool_state = pool[1]
        for i in range(used):
            state = pool_state[i]
            if best[state] == unreached:
                continue
            for a in range(attach_ptr[state], attach_ptr[state + 1]):
                item = attach_item[a]
                label = best[state] + attach_label[a]
                if label < item_best[item]:
                    if item_best[item] == unreached:
                        found_items[found] = item
                        found += 1
                    item_best[item] = label
            best[state] = unreached
        found_items[:found].sort()
        if size + found > len(items):
            items = _grown(items, size + found)
            labels = _grown(labels, size + found)
        for i in range(found):
            item = found_items[i]
            items[size + i] = item
            labels[size + i] = item_best[item]
            item_best[item] = unreached
        size += found
        counts[origin - first] = found
    return counts, items, labels, size


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
