"""What roads carry: presets by class, lanes of each direction, and what is left of it on the day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, EvacuationError
from mutualaid.network import ROAD_CLASSES, Network

__all__ = ["CAPACITIES", "FACTORS", "Capacities", "Factor", "contraflow_roads", "road_capacities"]

#: Lanes of a contraflow carriageway carry this share of their capacity: observed (see `FACTORS`).
CONTRAFLOW = 0.7
#: Faster roads than this are rural, where nothing else is known.
_TOWN_KPH = 50.0
#: Classes that are never streets of a town.
_RURAL = ("motorway", "motorway_link", "trunk", "trunk_link")


@dataclass(frozen=True)
class Capacities:
    """Capacities by class of road.

    Attributes
    ----------
    vph
        Vehicles an hour and lane, by class (`mutualaid.network.ROAD_CLASSES`).
    source
        Where the figures come from, and what is assumed.
    """

    vph: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Factor:
    """What is expected of the roads on the day.

    Attributes
    ----------
    rural, urban
        Share of the preset that a lane carries.
    most_vph
        No lane carries more; inf without limit.
    source
        Where the figures come from.
    """

    rural: float
    urban: float
    most_vph: float
    source: str


def _with_links(vph: Mapping[str, float], links: Mapping[str, float]) -> Mapping[str, float]:
    """Capacities of all classes: a link carries what its road does, unless stated."""
    return MappingProxyType({one: links.get(one, vph[one.removesuffix("_link")]) for one in ROAD_CLASSES})


#: Presets of capacities.
CAPACITIES: Mapping[str, Capacities] = MappingProxyType(
    {
        "matsim": Capacities(
            _with_links(
                {
                    "motorway": 2000.0, "trunk": 2000.0, "primary": 1500.0, "secondary": 1000.0,
                    "tertiary": 600.0, "unclassified": 600.0, "residential": 600.0, "living_street": 300.0,
                    "service": 300.0, "track": 300.0, "road": 600.0, "busway": 600.0,
                },
                {"motorway_link": 1500.0, "trunk_link": 1500.0},
            ),
            "defaults of MATSim and its JOSM plugin as listed in genet (Arup); living streets and tracks as service "
            "roads, roads without a class and busways as residential ones: assumption",
        ),
        "aequilibrae": Capacities(
            _with_links(
                {
                    "motorway": 1400.0, "trunk": 900.0, "primary": 700.0, "secondary": 400.0, "tertiary": 500.0,
                    "unclassified": 600.0, "residential": 400.0, "living_street": 300.0, "service": 300.0,
                    "track": 300.0, "road": 400.0, "busway": 400.0,
                },
                {},
            ),
            "defaults of AequilibraE (road_analytics); links as their road; living streets, service roads and tracks "
            "300 as in MATSim, roads without a class and busways as residential ones: assumption",
        ),
    }
)  # fmt: skip

_OBSERVED = "observed evacuations of the United States, TRID 1093433"

#: What is left of a preset on the day: report them side by side, never one alone.
FACTORS: Mapping[str, Factor] = MappingProxyType(
    {
        "planning": Factor(1.0, 1.0, np.inf, "the preset as it is"),
        "evacuation": Factor(
            0.9, 0.85, np.inf, f"peak flow 10 % (rural) and 15 % (urban) below capacity: {_OBSERVED}"
        ),
        "sustained": Factor(
            0.9,
            0.85,
            600.0,
            f"as evacuation, and no more than the 600 an hour and lane sustained: {_OBSERVED}",
        ),
    }
)


def road_capacities(
    network: Network,
    *,
    preset: str = "matsim",
    factor: str = "evacuation",
    background: float = 0.0,
    contraflow: Sequence[str] = (),
    outbound: ArrayLike | None = None,
    urban: ArrayLike | None = None,
) -> pd.DataFrame:
    """Say how many vehicles an hour can enter each directed edge.

    A road that states no lanes has two for each direction if it is a motorway, else one; those of a two-way road that
    states them are shared evenly between its directions. On roads in contraflow the lanes of both directions lead
    out: those turned round carry 30 % less, and nobody drives the other way.

    Parameters
    ----------
    network
        The roads, m of them.
    preset
        One of `CAPACITIES`.
    factor
        One of `FACTORS`.
    background
        Share of the capacity that other traffic takes, 0 to below 1.
    contraflow
        Roads in contraflow: names, or numbers of OSM ways.
    outbound
        (2m,) bool: whether each directed edge leads out; needed for contraflow, and read of its roads alone.
    urban
        (m,) bool: whether each road is one of a town; by default all but motorways, trunk roads and those whose legal
        limit is above 50 km/h.

    Returns
    -------
    DataFrame
        Index ``edge`` (directed edge, 2m); ``lanes`` (float, those that lead in its direction), ``turned`` (lanes of
        the other direction that join it), ``lanes_assumed`` (bool), ``lane_vph`` (the preset, in vehicles an hour),
        ``factor`` (share of it that is left), ``capacity_vph``: 0 against a one-way road, inf on a crossing, which is
        a point.

    Raises
    ------
    EvacuationError
        An unknown preset, factor or road, a share out of range, or contraflow without knowing what leads out.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.evacuation import road_capacities
    >>> from mutualaid.network import from_osmnx
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(2):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False, name="Pass")
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> road_capacities(network, factor="evacuation")["capacity_vph"].tolist()  # 15 % less than 1,500
    [1275.0, 1275.0]
    >>> out = [True, False]
    >>> road_capacities(network, factor="planning", contraflow=["Pass"], outbound=out)["capacity_vph"].tolist()
    [2550.0, 0.0]
    """
    m = network.n_roads
    _check(preset, factor, background, contraflow, outbound)
    given, left = CAPACITIES[preset], FACTORS[factor]
    turning = contraflow_roads(network, contraflow)
    roads = network.roads
    town = _urban(roads) if urban is None else np.broadcast_to(np.asarray(urban, dtype=bool), (m,))

    lanes, assumed = _lanes(roads)
    turned = np.zeros(2 * m)
    if outbound is not None and turning.any():
        out = np.asarray(outbound, dtype=bool) & np.repeat(turning, 2)
        back = out.reshape(-1, 2)[:, ::-1].ravel()
        turned = np.where(out, lanes.reshape(-1, 2)[:, ::-1].ravel(), 0.0)
        lanes = np.where(back, 0.0, lanes)
    vph = np.array([given.vph.get(str(name), 0.0) for name in roads["class"].cat.categories] + [0.0])
    lane_vph = np.repeat(vph[roads["class"].cat.codes.to_numpy()], 2)
    share = np.repeat(np.where(town, left.urban, left.rural), 2)
    share = np.minimum(share, np.divide(left.most_vph, lane_vph, out=np.ones(2 * m), where=lane_vph > 0))
    share = share * (1 - background)
    capacity = lane_vph * share * (lanes + CONTRAFLOW * turned)
    capacity[np.repeat(roads["crossing"].to_numpy() >= 0, 2)] = np.inf
    return pd.DataFrame(
        {
            "lanes": lanes,
            "turned": turned,
            "lanes_assumed": assumed,
            "lane_vph": lane_vph,
            "factor": share,
            # To a millionth, so that products of shares do not differ in the last bit.
            "capacity_vph": np.round(capacity, 6),
        },
        index=pd.RangeIndex(2 * m, name="edge"),
    )


def contraflow_roads(network: Network, contraflow: Sequence[str]) -> NDArray[np.bool_]:
    """Find roads by name or OSM way: (m,) bool.

    Raises
    ------
    EvacuationError
        A name or way that no road has.
    """
    names, ways = network.roads["name"].to_numpy(object), network.roads["way"].astype(str).to_numpy(object)
    # A crossing belongs to the way that it is on, and has no lanes to turn.
    road = (network.roads["crossing"] < 0).to_numpy()
    found = np.zeros(network.n_roads, dtype=bool)
    defects = []
    for one in contraflow:
        mine = ((names == one) | (ways == str(one).removeprefix("way "))) & road
        found |= mine
        if not mine.any():
            expected = "names or OSM ways of roads of the region"
            defects.append(Defect("", "contraflow", expected, repr(one)[:80], "correct the name"))
    if defects:
        raise EvacuationError(defects)
    return found


def _check(
    preset: str, factor: str, background: float, contraflow: Sequence[str], outbound: ArrayLike | None
) -> None:
    defects = [
        Defect("", key, f"one of {', '.join(options)}", repr(value)[:80], "use one of them")
        for key, value, options in (("preset", preset, CAPACITIES), ("factor", factor, FACTORS))
        if value not in options
    ]
    if not 0 <= background < 1:
        defects.append(Defect("", "background", "a share of 0 to below 1", f"{background:g}", "10 % is 0.1"))
    if contraflow and outbound is None:
        expected = "for contraflow: whether each directed edge leads out"
        defects.append(Defect("", "outbound", expected, "nothing", "give outbound"))
    if defects:
        raise EvacuationError(defects)


def _urban(roads: pd.DataFrame) -> NDArray[np.bool_]:
    legal = roads[["maxspeed_forward_kph", "maxspeed_backward_kph"]].to_numpy(np.float64)
    fast = (legal > _TOWN_KPH).any(axis=1)
    return np.asarray(~(fast | roads["class"].isin(_RURAL).to_numpy()), dtype=np.bool_)


def _lanes(roads: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lanes of each directed edge, and whether nobody stated them: (2m,)."""
    stated = roads["lanes"].to_numpy(np.float64)
    assumed = ~(stated > 0)
    oneway = roads["oneway"].to_numpy()
    usual = np.where(roads["class"] == "motorway", 2.0, 1.0)
    each = np.where(assumed, usual, np.where(oneway == 0, stated / 2, stated))
    both = np.column_stack([np.where(oneway == -1, 0.0, each), np.where(oneway == 1, 0.0, each)])
    return both.ravel(), np.repeat(assumed, 2)
