"""An evacuation as a network of flow over time: roads, who must leave, and where they may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, EvacuationError

__all__ = ["FlowNetwork", "flow_network"]

Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

_SOURCES, _SINKS = ("node", "vehicles"), ("node",)


@dataclass(frozen=True, eq=False)
class FlowNetwork:
    """Roads, who must leave, and where they may go; make it with `flow_network`.

    Vehicles are passenger-car equivalents. A vehicle that enters an edge at t is at its end at t + ``transit_s``; an
    edge takes in at most ``capacity_vph``, and who cannot enter waits before it (a point queue, of any length). Nobody
    may enter an edge before ``opens_s``, and all must have left it at ``closes_s``.

    Attributes
    ----------
    n_nodes
        Number of nodes.
    tail, head
        (e,) node where each directed edge begins and ends.
    transit_s
        (e,) seconds along it, at free flow; 0 or more.
    capacity_vph
        (e,) vehicles an hour that can enter it; 0 or more, inf without limit.
    opens_s, closes_s
        (e,) seconds after the alarm.
    road_edge
        (e,) directed edge of the road network that it stands for, -1 for none. Several edges may stand for parts of
        one, or for one after different turns.
    group
        (e,) edges of the same number share the capacity (which is equal); -1: on its own.
    sources
        Who leaves: index source id; ``node``, ``vehicles``, ``people``, ``zone`` (id, text).
    release_s, released
        (k,) rising seconds after the alarm, the first 0; (s, k) vehicles of each source that are ready to leave by
        then. Between the times it rises linearly; at time 0 it may jump from none; the last column is ``vehicles``.
    sinks
        Where they may go: index sink id; ``node``, ``people`` (that it takes, inf without limit), ``capacity_vph``
        (vehicles an hour that can enter, inf), ``opens_s`` and ``closes_s`` (arrivals within these), ``kind``
        (``shelter`` or ``exit``).
    """

    n_nodes: int
    tail: Int32
    head: Int32
    transit_s: Floats
    capacity_vph: Floats
    opens_s: Floats
    closes_s: Floats
    road_edge: Int64
    group: Int32
    sources: pd.DataFrame
    release_s: Floats
    released: Floats
    sinks: pd.DataFrame

    @property
    def n_edges(self) -> int:
        """Number of directed edges."""
        return len(self.tail)

    @property
    def vehicles(self) -> float:
        """Vehicles of all sources."""
        return float(self.sources["vehicles"].sum())

    def with_edges(self, **changed: ArrayLike) -> FlowNetwork:
        """Give the same network with other values of edges, such as ``capacity_vph`` or ``closes_s``."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return flow_network(**{**given, **changed})


def flow_network(
    *,
    n_nodes: int,
    tail: ArrayLike,
    head: ArrayLike,
    transit_s: ArrayLike,
    capacity_vph: ArrayLike,
    sources: pd.DataFrame | Mapping[str, Any],
    sinks: pd.DataFrame | Mapping[str, Any],
    opens_s: ArrayLike = 0.0,
    closes_s: ArrayLike = np.inf,
    road_edge: ArrayLike = -1,
    group: ArrayLike = -1,
    release_s: ArrayLike = (0.0,),
    released: ArrayLike | None = None,
) -> FlowNetwork:
    """Check what is given, and complete it.

    Parameters
    ----------
    n_nodes, tail, head, transit_s, capacity_vph, opens_s, closes_s, road_edge, group, release_s, released
        See `FlowNetwork`; one value stands for all edges. Without `released` everybody is ready at the alarm.
    sources
        Frame with ``node`` and ``vehicles``; ``people`` (default: one a vehicle) and ``zone`` (default: the id).
    sinks
        Frame with ``node``; ``people`` (default inf), ``capacity_vph`` (inf), ``opens_s`` (0), ``closes_s`` (inf) and
        ``kind`` (``shelter``).

    Raises
    ------
    EvacuationError
        Everything that does not fit, at once.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import flow_network
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[360.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> road.vehicles, road.sinks.loc["school", "kind"]
    (20.0, 'shelter')
    """
    defects: list[Defect] = []
    tail, head = np.asarray(tail, dtype=np.int32), np.asarray(head, dtype=np.int32)
    edges = len(tail)

    def column(values: ArrayLike, dtype: Any) -> Any:
        array = np.asarray(values, dtype=dtype)
        return np.broadcast_to(array, (edges,)).copy() if array.ndim == 0 else array

    by_edge = {
        "tail": tail,
        "head": head,
        "transit_s": column(transit_s, np.float64),
        "capacity_vph": column(capacity_vph, np.float64),
        "opens_s": column(opens_s, np.float64),
        "closes_s": column(closes_s, np.float64),
        "road_edge": column(road_edge, np.int64),
        "group": column(group, np.int32),
    }

    def expect(what: str, expected: str, wrong: NDArray[np.bool_], values: Any) -> None:
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            got = f"{np.asarray(values)[at]}, {int(wrong.sum())} such"
            defects.append(Defect("", f"{what}, row {at}", expected, got, f"correct {what}"))

    for name, values in by_edge.items():
        if values.shape != (edges,):
            expected = f"one value for each of {edges} edges"
            defects.append(Defect("", name, expected, f"shape {values.shape}", f"correct {name}"))
    if defects:
        raise EvacuationError(defects)
    for name in ("tail", "head"):
        expect(
            name,
            f"nodes within 0…{n_nodes - 1}",
            (by_edge[name] < 0) | (by_edge[name] >= n_nodes),
            by_edge[name],
        )
    finite = by_edge["transit_s"]
    expect("transit_s", "seconds, 0 or more", ~((finite >= 0) & np.isfinite(finite)), finite)
    for name in ("capacity_vph", "opens_s", "closes_s"):
        expect(name, "a number of 0 or more", ~(by_edge[name] >= 0), by_edge[name])
    source = _frame(sources, _SOURCES, "sources", n_nodes, defects)
    sink = _frame(sinks, _SINKS, "sinks", n_nodes, defects)
    if defects:
        raise EvacuationError(defects)
    source["vehicles"] = source["vehicles"].astype(np.float64)
    expect("sources, vehicles", "a finite number of 0 or more",
           ~((source["vehicles"] >= 0) & np.isfinite(source["vehicles"])).to_numpy(), source["vehicles"])  # fmt: skip
    source["people"] = source.get("people", source["vehicles"]).astype(np.float64)
    expect("sources, people", "a finite number of 0 or more",
           ~((source["people"] >= 0) & np.isfinite(source["people"])).to_numpy(), source["people"])  # fmt: skip
    source["zone"] = source["zone"].astype(str) if "zone" in source else source.index.astype(str)
    defaults = {"people": np.inf, "capacity_vph": np.inf, "opens_s": 0.0, "closes_s": np.inf}
    for name, value in defaults.items():
        sink[name] = sink[name].astype(np.float64) if name in sink else value
        expect(f"sinks, {name}", "a number of 0 or more", ~(sink[name] >= 0).to_numpy(), sink[name])
    sink["kind"] = sink["kind"].astype(str) if "kind" in sink else "shelter"
    times = np.asarray(release_s, dtype=np.float64)
    ready = source["vehicles"].to_numpy()[:, None] * np.ones(len(times)) if released is None else released
    ready = np.asarray(ready, dtype=np.float64)
    if ready.shape != (len(source), len(times)) or not len(times):
        expected = (
            f"a row for each of {len(source)} sources, a column for each of {len(times)} times (at least one)"
        )
        defects.append(
            Defect("", "released", expected, f"shape {ready.shape}", "correct released or release_s")
        )
    else:
        expect("release_s", "finite times that rise from 0",
               np.concatenate([times[:1] != 0, ~(np.diff(times) > 0)]) | ~np.isfinite(times), times)  # fmt: skip
        falls = np.asarray((~(np.diff(ready, axis=1, prepend=0.0) >= 0)).any(axis=1), dtype=np.bool_)
        expect("released", "vehicles that never grow fewer", falls, [list(row) for row in ready] or [0])
        total = source["vehicles"].to_numpy()
        last = np.asarray(~np.isclose(ready[:, -1], total, rtol=1e-9, atol=1e-9), dtype=np.bool_)
        expect("released", "all vehicles of the source in the last column", last, ready[:, -1])
    if defects:
        raise EvacuationError(defects)
    return FlowNetwork(
        n_nodes=n_nodes, **by_edge, sources=source, release_s=times, released=ready, sinks=sink
    )


def _frame(
    given: pd.DataFrame | Mapping[str, Any],
    needed: tuple[str, ...],
    what: str,
    n_nodes: int,
    defects: list[Defect],
) -> pd.DataFrame:
    frame = pd.DataFrame(given).copy()
    frame.index = frame.index.astype(str)
    missing = [name for name in needed if name not in frame]
    if missing:
        got = f"no {', '.join(missing)}"
        defects.append(Defect("", what, f"columns {', '.join(needed)}", got, f"add them to {what}"))
        return frame
    if not frame.index.is_unique:
        got = f"{frame.index[frame.index.duplicated()][0]!r} twice"
        defects.append(Defect("", what, "ids without duplicates", got, f"correct the index of {what}"))
    wrong = ~frame["node"].between(0, n_nodes - 1)
    if wrong.any():
        got = f"{frame['node'][wrong].iloc[0]} ({wrong[wrong].index[0]})"
        defects.append(Defect("", f"{what}, node", f"nodes within 0…{n_nodes - 1}", got, f"correct {what}"))
    else:
        frame["node"] = frame["node"].astype(np.int32)
    return frame
