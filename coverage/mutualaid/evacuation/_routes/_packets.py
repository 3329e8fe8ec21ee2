"""Vehicles in packets, and the queues before edges in which they wait for one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled
from mutualaid.evacuation._routes._heap import pop, push, regrown
from mutualaid.evacuation._routes._roads import Roads

__all__ = ["CLOSED_ROAD", "CLOSED_SHELTER", "FULL_SHELTER", "Packets", "Run", "drive", "joined", "when_ready"]

Floats = NDArray[np.float64]
Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]

CLOSED_ROAD, CLOSED_SHELTER, FULL_SHELTER = 1, 2, 3
#: Waits of a second or less come from the size of the packets, and are no queue.
_QUEUE_S = 1.0
#: A closure counts to this part of a second, room to this part of a person.
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class Packets:
    """Vehicles that drive together: when they leave, how many, by what way, and from what source."""

    departs_s: Floats
    vehicles: Floats
    way: Int64
    source: Int64


@dataclass(frozen=True, eq=False)
class Run:
    """How each packet got on, and what happened before each edge.

    Attributes
    ----------
    ended_s, waited_s
        (p,) when a packet arrived or was stopped, and how long it waited before.
    fate
        (p,) 0 if it arrived, else why it did not.
    stopped
        (p,) edge before which it was stopped, -1 if it arrived.
    passed, longest_vehicles, longest_s, first_s, last_s
        (e,) vehicles that passed an edge; the longest queue and wait before it, when the first began to wait (inf if
        nobody) and when the last one was through.
    """

    ended_s: Floats
    waited_s: Floats
    fate: Int8
    stopped: Int64
    passed: Floats
    longest_vehicles: Floats
    longest_s: Floats
    first_s: Floats
    last_s: Floats


def joined(parts: list[Packets]) -> Packets:
    """Put packets together in order of departure."""
    departs = np.concatenate([one.departs_s for one in parts])
    order = np.argsort(departs, kind="stable")
    return Packets(
        departs[order],
        np.concatenate([one.vehicles for one in parts])[order],
        np.concatenate([one.way for one in parts])[order],
        np.concatenate([one.source for one in parts])[order],
    )


def when_ready(roads: Roads, source: int, share: float, way: int, packet: float) -> Packets:
    """Let a share of a source leave as soon as it is ready, in packets of at most `packet` vehicles."""
    ready, times = roads.network.released[source], roads.network.release_s
    vehicles = float(ready[-1]) * share
    count = max(int(np.ceil(vehicles / packet - 1e-9)), 1) if vehicles > 0 else 0
    wanted = (np.arange(count) + 1) / max(count, 1) * ready[-1]
    # the first moment when so many are ready
    at = np.minimum(np.searchsorted(ready, wanted - 1e-9 * ready[-1]), len(ready) - 1)
    before = np.maximum(at - 1, 0)
    grows = ready[at] - ready[before]
    part = np.divide(wanted - ready[before], grows, out=np.zeros(count), where=grows > 0)
    departs = times[before] + np.clip(part, 0.0, 1.0) * (times[at] - times[before])
    each = np.full(count, vehicles / max(count, 1))
    return Packets(departs, each, np.full(count, way), np.full(count, source))


def drive(roads: Roads, packets: Packets, ways: list[Int64]) -> Run:
    """Let packets drive along their ways, first come, first served before each edge."""
    starts = np.concatenate([[0], np.cumsum([len(way) for way in ways])]).astype(np.int64)
    edges = np.concatenate([*ways, np.empty(0, np.int64)]).astype(np.int64)
    return Run(
        *_drive(
            packets.departs_s, packets.vehicles, packets.way, roads.load[packets.source], starts, edges,
            roads.network.n_edges, roads.transit_s, roads.opens_s, roads.closes_s, roads.lane, roads.lane_vph,
            roads.room,
        )
    )  # fmt: skip


@compiled
def _drive(
    departs: Floats,
    vehicles: Floats,
    way: Int64,
    load: Floats,
    starts: Int64,
    edges: Int64,
    n_roads: int,
    transit: Floats,
    opens: Floats,
    closes: Floats,
    lane: Int64,
    lane_vph: Floats,
    room: Floats,
) -> tuple[Floats, Floats, Int8, Int64, Floats, Floats, Floats, Floats, Floats]:
    packets, count = len(departs), len(transit)
    ended, waited = np.zeros(packets), np.zeros(packets)
    fate, stopped = np.zeros(packets, np.int8), np.full(packets, -1)
    passed, longest, wait_s = np.zeros(count), np.zeros(count), np.zeros(count)
    first_s, last_s = np.full(count, np.inf), np.zeros(count)
    before_opening = np.zeros(count)
    free = np.zeros(len(lane_vph))
    inside = np.zeros(len(room))
    at = np.empty(packets, np.int64)
    keys, items, size = np.empty(1024, np.float64), np.empty(1024, np.int64), 0
    upcoming = 0
    while upcoming < packets or size:
        if not size or (upcoming < packets and departs[upcoming] <= keys[0]):
            one, now = upcoming, departs[upcoming]
            at[one] = starts[way[one]]
            upcoming += 1
        else:
            one, now = items[0], keys[0]
            size = pop(keys, items, size)
        edge = edges[at[one]]
        along, vph = lane[edge], lane_vph[lane[edge]]
        enters = max(now, free[along], opens[edge])
        if vph <= 0 or enters + transit[edge] > closes[edge] + _EXACT:
            fate[one] = CLOSED_ROAD if edge < n_roads else CLOSED_SHELTER
            stopped[one] = edge
            ended[one] = now if vph <= 0 else max(now, closes[edge] - transit[edge])
            continue
        people = vehicles[one] * load[one]
        if edge >= n_roads:
            if inside[edge - n_roads] + people > room[edge - n_roads] * (1 + _EXACT) + _EXACT:
                fate[one], stopped[one], ended[one] = FULL_SHELTER, edge, enters
                continue
            inside[edge - n_roads] += people
        free[along] = enters + vehicles[one] / vph * 3600.0
        passed[edge] += vehicles[one]
        wait = enters - now
        if wait > _QUEUE_S:
            waited[one] += wait
            ahead = vehicles[one]
            if vph < np.inf:
                ahead += (enters - max(now, opens[edge])) * vph / 3600.0
            else:
                before_opening[edge] += vehicles[one]
                ahead = before_opening[edge]
            longest[edge] = max(longest[edge], ahead)
            wait_s[edge] = max(wait_s[edge], wait)
            first_s[edge] = min(first_s[edge], now)
            last_s[edge] = max(last_s[edge], enters)
        elif wait > 0:
            waited[one] += wait
        arrives = enters + transit[edge]
        at[one] += 1
        if at[one] == starts[way[one] + 1]:
            ended[one] = arrives
            continue
        if size == len(keys):
            keys, items = regrown(keys, items, size)
        size = push(keys, items, size, arrives, one)
    return ended, waited, fate, stopped, passed, longest, wait_s, first_s, last_s
