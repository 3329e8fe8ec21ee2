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

Four things make it fast. All arcs of a bucket are run through in one loop whose length is known, and whether
an arc improves its head decides what is stored, not where the program goes: there is next to nothing for the
processor to mispredict. Indices are cast to unsigned, which spares numba's check for negative ones. The
pool only grows, so that it lists what was touched, in order, for the result and for clearing: work grows with
what is reached, not with the size of the graph. A pool that proves too small is given up for one twice the
size, which happens a few times in a batch at most. And memory is asked for before it is needed: what a state
that is put into the queue will read, and what lies beside it, for states are numbered by place, so that the
search soon gets there. On networks beyond the processor's cache that halves the time.

The scratch of a search, ``left``, holds for each state what its label leaves of the limit plus one, and zero where
nothing has come. It comes as zeros and goes as zeros. So it is made by asking the system for memory, of which only
pages that are touched ever exist, and it serves for any limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # comes with numba
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = [
    "MAX_LABEL",
    "bucket_layout",
    "heaviest_and_mean",
    "in_sequence",
    "k_nearest",
    "reached_rows",
    "table_rows",
]

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
_CACHE_LINE = 64
_SAMPLE = 16
_at = np.uint64


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


@cast("Callable[..., Callable[[NDArray[Any], int], None]]", intrinsic)
def _prefetch(_context: Any, array: Any, index: Any) -> Any:
    """Ask for the memory of an element, without waiting for it; there need not be such an element."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        # To be read, kept in every level of the cache, data.
        builder.call(prefetch, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return numba.void(array, index), code


def heaviest_and_mean(weight: Labels) -> tuple[int, int]:
    """Give what `bucket_layout` asks of weights: the largest, and the mean of every 16th, rounded down; 0 without any.

    Taken as unsigned numbers, so that a negative one is larger than all others.
    """
    largest, total = _largest_and_total(weight.view(f"u{weight.itemsize}"))
    return int(largest), int(total / max(-(-len(weight) // _SAMPLE), 1))


@_compiled
def _largest_and_total(values: NDArray[Any]) -> tuple[Any, float]:
    """Largest value, and sum of every 16th, in one pass over memory."""
    largest = values.dtype.type(0)
    total = 0.0
    for first in range(0, len(values) - _SAMPLE + 1, _SAMPLE):
        total += values[first]
        for i in range(_SAMPLE):
            largest = max(largest, values[first + i])
    rest = len(values) % _SAMPLE
    if rest > 0:
        total += values[len(values) - rest]
    for i in range(len(values) - rest, len(values)):
        largest = max(largest, values[i])
    return largest, total


def bucket_layout(heaviest: int, mean: int, seed_label: Labels, limit: int) -> tuple[int, int]:
    """Choose the width of a bucket, as a shift, and how many there are.

    At any moment the labels in the queue differ by at most the largest weight, so a ring of that span is
    enough. With a width of an eighth to a quarter of the mean weight, less than one state in a hundred is
    expanded twice on road networks. ``heaviest`` is the largest weight, ``mean`` the mean one, or nearly.
    """
    span = min(max(heaviest, int(seed_label.max(initial=0))), limit)
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
    unreached: int,
    shift: int,
    buckets: Int32,
    left: Labels,
    pool: Pool,
) -> int:
    """Label all states within the limit; give the entries used of the pool, or their complement if too few.

    ``unreached`` is the limit plus one. ``left`` must hold 0 everywhere, and ``buckets`` -1. Every state reached
    has at least one entry in the pool.
    """
    pool_next, pool_state, first_arc, end_arc, from_label = pool
    capacity = len(pool_next) - 1
    mask = len(buckets) - 1
    beside = _CACHE_LINE // left.itemsize
    used = 0
    seen = 0
    bucket = np.int64(MAX_LABEL)
    if len(seed_state) > capacity:
        return ~used
    for i in range(len(seed_state)):
        state = seed_state[i]
        label = seed_label[i]
        if unreached - label > left[state]:
            left[state] = unreached - label
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
            label = unreached - left[_at(state)]
            arc = indptr[_at(state)]
            end = indptr[_at(state) + _at(1)]
            _prefetch(head, arc)
            _prefetch(weight, arc - beside)
            _prefetch(weight, arc)
            _prefetch(weight, arc + beside)
            _prefetch(left, state - beside)
            _prefetch(left, state + beside)
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
            rest = unreached - new
            old = left[_at(state)]
            slot = (new >> shift) & mask
            begin = buckets[_at(slot)]
            better = rest > old
            left[_at(state)] = max(rest, old)
            _prefetch(indptr, state)
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
    left: Labels,
    pool: Pool,
) -> tuple[int, Pool]:
    """`_search`, again with a larger pool as long as it does not suffice; give the pool too."""
    while True:
        used = _search(indptr, head, weight, seed_state, seed_label, unreached, shift, buckets, left, pool)
        if used >= 0:
            return used, pool
        for i in range(~used):
            left[pool[1][i]] = 0
        buckets[:] = -1
        pool = _new_pool(max(2 * len(pool[0]), len(seed_state)), left)


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
    low: int,
    left: Labels,
    sequence: Int64,
    first: int,
    last: int,
    counts: Int64,
    states: Int32,
    labels: Labels,
    size: int,
) -> tuple[int, int]:
    """Search from the origins ``sequence[first:last]``, and write down the states reached and their labels.

    ``left`` is scratch, zeros when it comes and when it goes. The rows go into ``states`` and ``labels`` (without so
    many ``low`` bits), from ``size`` on, the count of each origin into ``counts``. Gives how far it came in the
    sequence, which is less than ``last`` where there is no room for the rows of another origin, and how many rows
    there are.
    """
    unreached = limit + 1
    buckets = np.full(n_buckets, -1, np.int32)
    pool = _new_pool(_FIRST_POOL, left)
    for at in range(first, last):
        origin = sequence[at]
        begin, end = seed_ptr[origin], seed_ptr[origin + 1]
        used, pool = _search_growing(
            indptr, head, weight, seed_state[begin:end], seed_label[begin:end],
            unreached, shift, buckets, left, pool,
        )  # fmt: skip
        pool_state = pool[1]
        # No more rows than states, and one that is written down before it is known to count.
        if size + min(used, len(left)) >= len(states):
            for i in range(used):
                left[_at(pool_state[i])] = 0
            return at, size
        before = size
        for i in range(used):
            state = pool_state[i]
            rest = left[_at(state)]
            states[_at(size)] = state
            labels[_at(size)] = (unreached - rest) >> low
            left[_at(state)] = 0
            size += rest != 0  # its first entry takes the label, further ones find none
        counts[origin] = size - before
    return last, size


@_compiled
def table_rows(
    indptr: Int32,
    head: Int32,
    weight: Labels,
    seed_ptr: Int64,
    seed_state: Int32,
    seed_label: Labels,
    attach_at: Int32,
    attach_state: Int32,
    attach_item: Int32,
    attach_label: Labels,
    direct_ptr: Int64,
    direct_item: Int32,
    direct_label: Labels,
    limit: int,
    shift: int,
    n_buckets: int,
    item_left: Labels,
    found_items: Int32,
    left: Labels,
    sequence: Int64,
    first: int,
    last: int,
    counts: Int64,
    items: Int32,
    labels: Labels,
    size: int,
) -> tuple[int, int]:
    """Search as `reached_rows` does, and write down the items reached in order, and their labels.

    An item hangs on states (``attach_*``, by state): its label is the state's plus that of the last stretch.
    ``attach_at`` tells of each state where what hangs on it begins, counted from 1; 0 where nothing does. Items
    reached without passing any state come in ``direct_*``, CSR by origin. ``item_left`` is to items what ``left`` is
    to states, ``found_items`` has room for all of them.
    """
    unreached = limit + 1
    buckets = np.full(n_buckets, -1, np.int32)
    pool = _new_pool(_FIRST_POOL, left)
    for at in range(first, last):
        origin = sequence[at]
        begin, end = seed_ptr[origin], seed_ptr[origin + 1]
        used, pool = _search_growing(
            indptr, head, weight, seed_state[begin:end], seed_label[begin:end],
            unreached, shift, buckets, left, pool,
        )  # fmt: skip
        found = 0
        for i in range(direct_ptr[origin], direct_ptr[origin + 1]):
            item = direct_item[i]
            rest = unreached - direct_label[i]
            if rest > item_left[item]:
                if item_left[item] == 0:
                    found_items[found] = item
                    found += 1
                item_left[item] = rest
        pool_state = pool[1]
        for i in range(used):
            state = pool_state[i]
            rest = left[_at(state)]
            if rest == 0:
                continue
            left[_at(state)] = 0
            a = attach_at[_at(state)] - 1
            while 0 <= a < len(attach_state) and attach_state[a] == state:
                item = attach_item[a]
                after = rest - attach_label[a]
                if after > item_left[item]:
                    if item_left[item] == 0:
                        found_items[found] = item
                        found += 1
                    item_left[item] = after
                a += 1
        if size + found > len(items):
            for i in range(found):
                item_left[found_items[i]] = 0
            return at, size
        found_items[:found].sort()
        for i in range(found):
            item = found_items[i]
            items[size + i] = item
            labels[size + i] = unreached - item_left[item]
            item_left[item] = 0
        size += found
        counts[origin] = found
    return last, size


@_compiled
def in_sequence(
    sequence: Int64,
    first: int,
    last: int,
    ptr: Int64,
    some_items: Int32,
    some_labels: Labels,
    items: Int32,
    labels: Labels,
) -> None:
    """Put rows that come by ``sequence[first:last]`` where those of each origin belong, ``ptr[origin]`` on."""
    size = 0
    for at in range(first, last):
        begin, end = ptr[sequence[at]], ptr[sequence[at] + 1]
        items[begin:end] = some_items[size : size + end - begin]
        labels[begin:end] = some_labels[size : size + end - begin]
        size += end - begin


@_compiled
def _offer(left: Int64, origins: Int32, rest: int, origin: int) -> bool:
    """Put an origin into a short list sorted by what is left and by origin; give whether it went in.

    There is one entry an origin. Where nothing is left there is none, whatever ``origins`` holds.
    """
    k = len(left)
    if rest < left[k - 1] or (rest == left[k - 1] and origin >= origins[k - 1]):
        return False
    old = k - 1  # the entry that makes room: this origin's own, or the last
    for i in range(k):
        if left[i] == 0:
            break
        if origins[i] == origin:
            if left[i] >= rest:
                return False
            old = i
            break
    while old > 0 and (left[old - 1] < rest or (left[old - 1] == rest and origins[old - 1] > origin)):
        left[old] = left[old - 1]
        origins[old] = origins[old - 1]
        old -= 1
    left[old] = rest
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
    left: Int64,
    origins: Int32,
    pool_size: int,
) -> bool:
    """Give each state its k nearest origins; False when the pool is too small. Lists must come empty."""
    unreached = limit + 1
    mask = len(buckets) - 1
    pool_next = np.empty(pool_size, np.int32)
    pool_state = np.empty(pool_size, np.int32)
    pool_origin = np.empty(pool_size, np.int32)
    pool_label = np.empty(pool_size, np.int64)
    k = left.shape[1]
    used = 0
    waiting = 0
    free = -1
    bucket = np.int64(limit >> shift)
    for i in range(len(seed_state)):
        label = seed_label[i]
        state = seed_state[i]
        if label > limit or not _offer(left[state], origins[state], unreached - label, seed_origin[i]):
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
            current |= left[state, i] == unreached - label and origins[state, i] == origin
        if not current:
            continue
        for arc in range(indptr[state], indptr[state + 1]):
            target = head[arc]
            new = label + weight[arc]
            if new > limit or not _offer(left[target], origins[target], unreached - new, origin):
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
    attach_state: Int32,
    attach_item: Int32,
    attach_label: Int64,
    direct_origin: Int32,
    direct_item: Int32,
    direct_label: Int64,
    limit: int,
    shift: int,
    n_buckets: int,
    left: Int64,
    origins: Int32,
    item_left: Int64,
    item_origins: Int32,
) -> None:
    """Give the k nearest origins of every item: (n_items, k) origins, and the limit plus one less their labels.

    ``left`` and ``item_left`` come as zeros; in the latter zeros stay where there are fewer than k, with any origin.
    ``left`` and ``origins`` are scratch, (n, k): of what comes from the system as zeros only pages that are touched
    ever exist.

    One search for all origins: a state passes on only the k best it has seen, each from another origin,
    because whatever k origins beat at a state they beat behind it too. Work grows with states × k, not with
    origins.
    """
    n = len(indptr) - 1
    pool_size = n + len(seed_state)
    while not _label_k(
        indptr, head, weight, seed_origin, seed_state, seed_label,
        limit, shift, np.full(n_buckets, -1, np.int32), left, origins, pool_size,
    ):  # fmt: skip
        left[:] = 0
        pool_size *= 2
    for i in range(len(direct_item)):
        item = direct_item[i]
        if direct_label[i] <= limit:
            _offer(item_left[item], item_origins[item], limit + 1 - direct_label[i], direct_origin[i])
    for a in range(len(attach_state)):
        state = attach_state[a]
        item = attach_item[a]
        for i in range(left.shape[1]):
            rest = left[state, i] - attach_label[a]
            if rest <= 0:
                break
            _offer(item_left[item], item_origins[item], rest, origins[state, i])
