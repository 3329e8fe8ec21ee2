"""Small random evacuations; the tests reach this file through the fixture `drawn`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from mutualaid.evacuation import FlowNetwork, flow_network

Draw = Callable[[st.SearchStrategy[Any]], Any]

#: Everything that happens falls on whole steps of so many seconds, unless `plain` draws seconds at will.
STEP_S = 60.0


@st.composite
def plain(draw: Draw, *, most_sources: int = 3, most_sinks: int = 3) -> FlowNetwork:
    """No windows, groups or release curves: what the theorem on subsets of terminals covers.

    Times and capacities are any numbers; a vehicle holds two people; shelters may be too small for all, and a place
    without a road may hold a source.
    """
    nodes = draw(st.integers(2, 6))
    seconds = st.one_of(st.integers(0, 300).map(float), st.floats(0, 300).map(lambda x: round(x, 2)))
    ends, columns = _roads(
        draw,
        nodes,
        transit_s=seconds,
        capacity_vph=st.one_of(
            st.sampled_from([0.0, 60.0, 240.0, np.inf]),
            st.integers(30, 600).map(float),
            st.floats(30.0, 600.0),
        ),
    )
    sources = _sources(
        draw, nodes, most_sources, vehicles=st.one_of(st.integers(0, 12).map(float), st.floats(0.1, 12))
    )
    sources["people"] = 2.0 * sources["vehicles"]
    sinks = _sinks(draw, nodes, most_sinks, room=True)
    return flow_network(n_nodes=nodes, **ends, **columns, sources=sources, sinks=sinks)


@st.composite
def networks(
    draw: Draw,
    *,
    windows: bool = True,
    release: bool = True,
    room: bool = True,
    groups: bool = True,
    ratios: bool = True,
) -> FlowNetwork:
    """Everything a network can have, on whole steps; each of the options can be left out."""
    nodes = draw(st.integers(2, 6))
    steps = st.integers(0, 4).map(lambda x: x * STEP_S)
    columns: dict[str, Any]
    ends, columns = _roads(
        draw,
        nodes,
        transit_s=steps,
        capacity_vph=st.sampled_from(
            [0.0, 30.0, 60.0, 60.0, 90.0, 120.0, 150.0, 180.0, 240.0, 360.0, np.inf]
        ),
    )
    count = len(ends["tail"])
    if windows:
        columns["opens_s"] = [draw(_rarely(st.integers(1, 6), 0)) * STEP_S for _ in range(count)]
        columns["closes_s"] = [draw(_rarely(st.integers(0, 16), np.inf)) * STEP_S for _ in range(count)]
    group = [-1] * count
    if groups:
        for number in range(draw(st.sampled_from([0, 0, 1, 2]))):
            edge = draw(st.integers(0, count - 1))
            if group[edge] >= 0:
                continue
            group[edge] = number
            for _ in range(draw(st.integers(1, 2))):  # the same lane, entered from elsewhere
                ends["tail"].append(draw(st.integers(0, nodes - 1)))
                ends["head"].append(ends["head"][edge])
                group.append(number)
                for values in columns.values():
                    values.append(values[edge])
    sources = _sources(
        draw,
        nodes,
        3,
        vehicles=st.one_of(st.integers(0, 9).map(float), st.integers(1, 19).map(lambda x: x / 2)),
    )
    if ratios:
        each = [draw(st.sampled_from([1.0, 2.0, 2.0, 2.5, 20.0])) for _ in range(len(sources))]
        sources["people"] = sources["vehicles"] * each
    sinks = _sinks(draw, nodes, 3, room=room)
    if windows:
        sinks["opens_s"] = [draw(_rarely(st.integers(1, 6), 0)) * STEP_S for _ in range(len(sinks))]
        sinks["closes_s"] = [draw(_rarely(st.integers(0, 16), np.inf)) * STEP_S for _ in range(len(sinks))]
        sinks["capacity_vph"] = [
            draw(_rarely(st.sampled_from([0.0, 60.0, 150.0]), np.inf)) for _ in range(len(sinks))
        ]
    times, share = [0.0], [[1.0] for _ in range(len(sources))]
    if release and draw(st.booleans()):
        times = [
            0.0,
            *(STEP_S * x for x in sorted(draw(st.sets(st.integers(1, 10), min_size=1, max_size=3)))),
        ]
        share = [
            [*sorted(draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])) for _ in times[1:]), 1.0]
            for _ in range(len(sources))
        ]
    return flow_network(
        n_nodes=nodes,
        **ends,
        **columns,
        group=group,
        sources=sources,
        release_s=times,
        released=sources["vehicles"].to_numpy()[:, None] * np.array(share).reshape(len(sources), -1),
        sinks=sinks,
    )


def _roads(
    draw: Draw, nodes: int, **values: st.SearchStrategy[float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A spine through most of the nodes, so that there often is a way, and roads from anywhere to anywhere."""
    spine = [(i, i + 1) for i in range(nodes - 1) if draw(st.integers(0, 7))]
    anywhere = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1))
    ends = spine + draw(st.lists(anywhere, min_size=0 if spine else 1, max_size=7))
    columns = {name: [draw(value) for _ in ends] for name, value in values.items()}
    return {"tail": [tail for tail, _ in ends], "head": [head for _, head in ends]}, columns


def _sources(draw: Draw, nodes: int, most: int, *, vehicles: st.SearchStrategy[float]) -> pd.DataFrame:
    count = draw(st.integers(1, most))
    where = [draw(st.integers(0, nodes - 1 if draw(st.booleans()) else nodes // 2)) for _ in range(count)]
    return pd.DataFrame(
        {"node": where, "vehicles": [draw(vehicles) for _ in range(count)]},
        index=[f"z{i}" for i in range(count)],
    )


def _sinks(draw: Draw, nodes: int, most: int, *, room: bool) -> pd.DataFrame:
    count = draw(st.integers(1, most))
    where = [draw(st.integers(nodes // 2 if draw(st.booleans()) else 0, nodes - 1)) for _ in range(count)]
    takes = st.one_of(st.just(np.inf), st.integers(0, 40).map(float)) if room else st.just(np.inf)
    return pd.DataFrame(
        {"node": where, "people": [draw(takes) for _ in range(count)]}, index=[f"s{i}" for i in range(count)]
    )


def _rarely(value: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    return st.integers(0, 3).flatmap(lambda x: st.just(otherwise) if x else value)


def steps_enough(network: FlowNetwork, step_s: float = STEP_S) -> int:
    """Steps after which nothing more can happen: everything has opened, every queue has run off.

    Each edge and sink is used for no longer than all vehicles need at its capacity, and any way has each edge once.
    """
    rates = np.concatenate([network.capacity_vph, network.sinks["capacity_vph"]])
    rates = rates[(rates > 0) & np.isfinite(rates)]
    queue = network.vehicles / rates.min() * 3600 if len(rates) else 0.0
    opens = max(network.opens_s.max(initial=0), network.sinks["opens_s"].max(), network.release_s[-1])
    last = float(opens + network.transit_s.sum() + queue)
    return int(np.ceil(last / step_s)) + 1
