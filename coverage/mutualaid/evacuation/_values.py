"""What single measures are worth: a lane more, contraflow, a crossing, an earlier start, leaving by a schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mutualaid.evacuation._bracket import bracket
from mutualaid.evacuation._build import EvacuationNetwork
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import Bracket, RoutePlan
from mutualaid.evacuation._simulate import simulate
from mutualaid.evacuation._solve import plan_and_bounds

__all__ = ["MEASURES", "VALUE_COLUMNS", "values_table"]

#: Kinds of measures, and what each means.
MEASURES: dict[str, str] = {
    "lane": "one lane more, in the direction in which people leave",
    "contraflow": "all lanes in the direction in which people leave",
    "without_crossing": "this crossing between partners closed",
    "opened_crossing": "this crossing, which is closed, opened",
    "earlier": "everybody ready to leave at the alarm",
    "unstaged": "the same routes, but everybody leaves when ready and not by the schedule",
}
#: With these as many get out as without: then only the lower bound is asked for again.
_NEVER_FEWER = ("lane", "opened_crossing", "earlier")
#: Columns of the table, and their kinds.
VALUE_COLUMNS: dict[str, type] = {
    "kind": str, "id": str, "name": str, "lower_s": float, "upper_s": float, "saved_s": float, "vehicles": float,
    "vehicles_more": float,
}  # fmt: skip


@dataclass(frozen=True)
class _Measure:
    kind: str
    id: str
    name: str
    network: FlowNetwork


def values_table(
    built: EvacuationNetwork,
    base: Bracket,
    plan: RoutePlan,
    cut: pd.DataFrame,
    flows: pd.DataFrame,
    crossings: pd.DataFrame,
    *,
    rebuilt: Callable[..., EvacuationNetwork],
    most: int = 3,
    gap: float = 0.05,
    time_limit_s: float = 20.0,
    tell: Callable[[str, float], None],
) -> pd.DataFrame:
    """Solve the evacuation again with one measure at a time.

    Parameters
    ----------
    built, base, plan
        The network, its bounds and its plan.
    cut, flows, crossings
        Tables of the bottleneck, and of the roads and crossings that the plan uses.
    rebuilt
        Gives the network with other fields of the case.
    most
        Roads of the bottleneck that are looked at, those that let most through first; and crossings.
    gap, time_limit_s
        Of each solve.
    tell
        Is told each step, and the share done.

    Returns
    -------
    DataFrame
        One row a measure: ``kind`` (see `MEASURES`), ``id`` (of the crossing), ``name`` (of the road or crossing),
        ``lower_s`` and ``upper_s`` of the clearance time with it (inf where no plan was made), ``saved_s`` (by how much
        it lowers the lower bound: exact to within the two gaps; negative where it takes longer), ``vehicles`` that get
        out, and ``vehicles_more``, how many more than without it. What can only help is asked about for as many
        vehicles as without it. A simulation has no ``lower_s``.
    """
    measures = list(_measures(built, cut, flows, crossings, rebuilt, most))
    rows = []
    for number, one in enumerate(measures):
        tell(f"Measure: {MEASURES[one.kind]}", number / (len(measures) + 1))
        if one.kind in _NEVER_FEWER:
            found = bracket(
                one.network, vehicles=base.vehicles, gap=gap, time_limit_s=time_limit_s, earliest=False
            )
        else:
            _, found = plan_and_bounds(one.network, gap=gap, time_limit_s=time_limit_s, earliest=False)
        rows.append(
            (one.kind, one.id, one.name, found.lower_s, found.upper_s, base.lower_s - found.lower_s,
             found.vehicles, found.vehicles - base.vehicles)
        )  # fmt: skip
    if len(plan.routes):
        rows.append(_unstaged(plan))
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))


def _measures(
    built: EvacuationNetwork,
    cut: pd.DataFrame,
    flows: pd.DataFrame,
    crossings: pd.DataFrame,
    rebuilt: Callable[..., EvacuationNetwork],
    most: int,
) -> Iterator[_Measure]:
    named = cut[cut["name"] != ""].sort_values(["vehicles", "name"], ascending=[False, True], kind="stable")
    for name in named["name"].unique()[:most]:
        # Wider where it is narrow, and on along the road as far as people drive on it.
        edges = np.union1d(named.index[named["name"] == name], flows.index[flows["name"] == name])
        yield _Measure("lane", "", name, _wider(built, edges))
        ways = sorted(set(built.network.roads["way"].to_numpy()[edges >> 1].tolist()))
        both_ways = (built.network.roads["oneway"].to_numpy()[edges >> 1] == 0).any()
        given = tuple(built.case.contraflow)
        if both_ways and name not in given and not {str(way) for way in ways} & set(given):
            turned = rebuilt(contraflow=(*given, name))
            yield _Measure("contraflow", "", name, turned.flow)
    if built.level == "joint":
        between = crossings[crossings["between_partners"]]
        ranked = between.sort_values("people", ascending=False, kind="stable")
        for key in ranked.index[:most]:
            shut = rebuilt(closed_crossings=(*built.case.closed_crossings, str(key)))
            yield _Measure("without_crossing", str(key), str(ranked.loc[key, "name"]), shut.flow)
    for key in built.case.closed_crossings:
        left = tuple(other for other in built.case.closed_crossings if other != key)
        name = str(built.network.crossings["name"].get(key, ""))
        yield _Measure("opened_crossing", key, name, rebuilt(closed_crossings=left).flow)
    flow = built.flow
    if len(flow.release_s) > 1:
        yield _Measure("earlier", "", "", _at_once(flow))


def _wider(built: EvacuationNetwork, edges: np.ndarray) -> FlowNetwork:
    """Give directed road edges one lane more."""
    flow, capacities = built.flow, built.capacities
    one_lane = (capacities["capacity_vph"] / capacities["lanes"]).where(capacities["lanes"] > 0, 0.0)
    more = np.where(np.isin(flow.road_edge, edges), one_lane.to_numpy()[np.maximum(flow.road_edge, 0)], 0.0)
    return flow.with_edges(capacity_vph=flow.capacity_vph + more)


def _at_once(flow: FlowNetwork) -> FlowNetwork:
    return replace(
        flow, release_s=np.zeros(1), released=flow.sources["vehicles"].to_numpy(np.float64)[:, None]
    )


def _unstaged(plan: RoutePlan) -> tuple[str, str, str, float, float, float, float, float]:
    """How the plan's routes get on if nobody keeps to the schedule; a simulation, no bound."""
    staged, loose = (
        simulate(plan.network, plan),
        simulate(plan.network, plan, compliance=0.0, detour="planned"),
    )
    out = [float(one.arrivals["vehicles"].sum()) for one in (staged, loose)]
    return (
        "unstaged", "", "", np.nan, loose.clearance_s, staged.clearance_s - loose.clearance_s,
        out[1], out[1] - out[0],
    )  # fmt: skip
