"""Vehicle profiles: how fast a vehicle drives, and which rules of the road bind it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._model import ROAD_CLASSES, Network

__all__ = ["PROFILES", "EdgeTimes", "Profile", "edge_times", "profile"]

#: Names of the built-in profiles.
PROFILES: tuple[str, ...] = ("civilian", "fire_engine", "ambulance")

_SWITCHES = ("obeys_maxspeed", "ignores_oneway", "ignores_access", "ignores_turns", "ignores_u_turns")
_NUMBERS = {
    "against_oneway_kph": (1.0, 250.0),
    "height_m": (0.1, 10.0),
    "junction_s": (0.0, 600.0),
    "weight_t": (0.01, 200.0),
}
_KEYS = {"label", "kinds", "speed_kph", "source", *_SWITCHES, *_NUMBERS}
_MAX_KPH = 250.0
#: Roads at a time, so that what is worked out in between stays small.
_CHUNK = 1 << 18
#: Driveways and tracks: nobody slows down where one joins a street.
_NO_STREET = ("service", "track")
#: Whatever a profile may ignore, nobody plans a run against the traffic of these.
_NEVER_AGAINST = ("motorway", "motorway_link", "trunk", "trunk_link")


@dataclass(frozen=True)
class Profile:
    """How a kind of vehicle drives.

    Attributes
    ----------
    name, label
        Identifier, and what people read.
    kinds
        What the vehicle counts as in ``except=`` of a turn restriction: ``motorcar``, ``hgv``, ``emergency``.
        An ``emergency`` vehicle may use roads that are open to emergency vehicles only.
    speed_kph
        Speed on a free road by class; a class that is missing is not driven.
    obeys_maxspeed
        Whether the legal limit caps the class speed.
    junction_s
        Delay at each junction of at least three streets, in seconds; driveways and tracks do not count.
    ignores_oneway
        May drive against a one-way street, though never against a motorway, a trunk road or their links.
    against_oneway_kph
        Highest speed when it does.
    ignores_access
        May use private and closed roads (not those closed to emergency vehicles as well).
    ignores_turns, ignores_u_turns
        Turn restrictions do not bind; those against U-turns do not bind.
    height_m, weight_t
        Size of the vehicle. A height or weight limit is never ignored.
    source
        Where each value comes from.
    """

    name: str
    label: str
    kinds: frozenset[str]
    speed_kph: Mapping[str, float]
    obeys_maxspeed: bool
    junction_s: float
    ignores_oneway: bool
    against_oneway_kph: float
    ignores_access: bool
    ignores_turns: bool
    ignores_u_turns: bool
    height_m: float
    weight_t: float
    source: Mapping[str, str]

    def __getstate__(self) -> dict[str, Any]:
        """Give the attributes for pickling: read-only views do not travel, what they show does."""
        return {
            key: dict(value) if isinstance(value, MappingProxyType) else value
            for key, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes over, read-only again."""
        for key, value in state.items():
            vars(self)[key] = MappingProxyType(value) if isinstance(value, dict) else value


@dataclass(frozen=True, eq=False)
class EdgeTimes:
    """Driving time of every directed edge for one profile.

    Attributes
    ----------
    drive_ms
        (2m,) int32; milliseconds along directed edge ``2 * i`` (a→b of road ``i``) and ``2 * i + 1`` (b→a),
        rounded half up; -1 where the profile may not drive; 0 on crossings.
    junction_ms
        (n,) int32; milliseconds lost on entering a road at a node, 0 where fewer than three streets meet.
        Nodes that crossings join are one junction, and entering a crossing costs nothing.
    """

    drive_ms: NDArray[np.int32]
    junction_ms: NDArray[np.int32]


def profile(name_or_path: str | Path) -> Profile:
    """Give a built-in profile by name, or read one from a TOML file.

    A file holds one table, named as the profile, with the keys of `Profile`. With ``based_on`` it takes over
    what it does not state from a built-in profile, its ``speed_kph`` class by class.

    Parameters
    ----------
    name_or_path
        One of `PROFILES`, or the path of a ``.toml`` file.

    Raises
    ------
    NetworkError
        The name is unknown, or the file is not a profile; every defect is named.

    Examples
    --------
    >>> from mutualaid.network import profile
    >>> engine = profile("fire_engine")
    >>> engine.speed_kph["primary"], engine.ignores_oneway, engine.weight_t
    (65.0, True, 16.0)
    """
    path = Path(name_or_path)
    if path.suffix.lower() == ".toml":
        return _from_file(path)
    if str(name_or_path) not in PROFILES:
        expected = f"one of {', '.join(PROFILES)}, or a .toml file"
        got, remedy = repr(str(name_or_path))[:80], "correct the name of the profile"
        raise NetworkError([Defect("", "profile", expected, got, remedy)])
    return _built_in()[str(name_or_path)]


@cache
def _built_in() -> dict[str, Profile]:
    tables = tomllib.loads(files(__package__).joinpath("profiles.toml").read_text(encoding="utf-8"))
    return {name: _build(name, table) for name, table in tables.items()}


def _from_file(path: Path) -> Profile:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        remedy = "check the path and the syntax"
        raise NetworkError(
            [Defect(path.name, "", "a TOML file in UTF-8", str(error)[:200], remedy)]
        ) from error
    if len(tables) != 1 or not isinstance(next(iter(tables.values())), dict):
        expected, got = (
            "one table named as the profile, such as [rescue_truck]",
            ", ".join(tables) or "nothing",
        )
        remedy = "put all keys of one profile into one table"
        raise NetworkError([Defect(path.name, "", expected, got[:80], remedy)])
    name, table = next(iter(tables.items()))
    base = table.pop("based_on", None)
    if base is not None and base not in PROFILES:
        expected, remedy = f"one of {', '.join(PROFILES)}", "name a built-in profile or leave it out"
        raise NetworkError([Defect(path.name, f"[{name}] based_on", expected, repr(base)[:80], remedy)])
    if base is not None:
        table = _inherit(_built_in()[base], table)
    if defects := _defects(table, file=path.name, where=f"[{name}]"):
        raise NetworkError(defects)
    return _build(name, table)


def _inherit(base: Profile, own: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a profile table with the values of another profile."""
    merged: dict[str, Any] = {key: getattr(base, key) for key in _KEYS}
    merged |= {"kinds": sorted(base.kinds), "speed_kph": dict(base.speed_kph), "source": dict(base.source)}
    for key, value in own.items():
        by_item = key in {"speed_kph", "source"} and isinstance(value, dict)
        merged[key] = merged[key] | value if by_item else value
    return merged


def _within(value: object, low: float, high: float) -> bool:
    """Say whether a value is a number within the limits; NaN and truth values are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _defects(table: Mapping[str, Any], *, file: str, where: str) -> list[Defect]:
    """Find everything that is wrong with a profile table."""
    defects: list[Defect] = []

    def check(key: str, good: bool, expected: str, remedy: str) -> None:
        if not good:
            got = repr(table[key])[:80] if key in table else "nothing"
            defects.append(Defect(file, f"{where} {key}"[:120], expected, got, remedy))

    for key in sorted(set(table) - _KEYS):
        check(key, False, "a key of a profile", "correct or remove the key")
    for key in _SWITCHES:
        check(key, isinstance(table.get(key), bool), "true or false", "state it, or add based_on")
    for key, (low, high) in _NUMBERS.items():
        good = _within(table.get(key), low, high)
        check(key, good, f"a number within {low:g}…{high:g}", "state it in the unit of the key's name")
    check("label", isinstance(table.get("label", ""), str), "text", "put the label in quotes")
    kinds, source, speeds = table.get("kinds", []), table.get("source", {}), table.get("speed_kph")
    good = isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)
    check("kinds", good, 'a list of texts such as ["emergency"]', "put each kind in quotes")
    check("source", isinstance(source, dict), "a table of texts by key", "write [<profile>.source]")
    check("speed_kph", isinstance(speeds, dict) and bool(speeds), "km/h by road class", "state at least one")
    for name, kph in speeds.items() if isinstance(speeds, dict) else ():
        if name not in ROAD_CLASSES or not _within(kph, 0.0, _MAX_KPH):
            expected = f"km/h within 0…{_MAX_KPH:g} for one of the classes {', '.join(ROAD_CLASSES)}"
            got, remedy = f"{name} = {kph!r}"[:80], "correct it; 0 stands for not driven"
            defects.append(Defect(file, f"{where} speed_kph", expected, got, remedy))
    return defects


def _build(name: str, table: Mapping[str, Any]) -> Profile:
    speeds = {road: float(kph) for road, kph in table["speed_kph"].items() if kph > 0}
    values: dict[str, Any] = {key: bool(table[key]) for key in _SWITCHES}
    values |= {key: float(table[key]) for key in _NUMBERS}
    return Profile(
        name=name,
        label=table.get("label", name),
        kinds=frozenset(table.get("kinds", [])),
        speed_kph=MappingProxyType(speeds),
        source=MappingProxyType(dict(table.get("source", {}))),
        **values,
    )


def edge_times(network: Network, profile: Profile) -> EdgeTimes:
    """Give the driving time of every directed edge, and the delay at every junction, for one profile.

    Parameters
    ----------
    network
        The road network, m roads and n nodes.
    profile
        The vehicle.

    Returns
    -------
    EdgeTimes
        ``drive_ms`` (2m,) and ``junction_ms`` (n,).

    Examples
    --------
    >>> from mutualaid.network import edge_times, from_osmnx, profile
    >>> import networkx as nx
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(1, x=0.0, y=0.0)
    >>> G.add_node(2, x=650.0, y=0.0)
    >>> _ = G.add_edge(1, 2, highway="primary", length=650.0, oneway=True)
    >>> edge_times(from_osmnx(G, crs="EPSG:32632"), profile("fire_engine")).drive_ms.tolist()
    [36000, 156000]
    """
    roads = network.roads
    drive_ms = np.empty(2 * len(roads), dtype=np.int32)
    for first in range(0, len(roads), _CHUNK):
        drive_ms[2 * first : 2 * (first + _CHUNK)] = _drive_ms(roads.iloc[first : first + _CHUNK], profile)
    return EdgeTimes(drive_ms=drive_ms, junction_ms=_junction_ms(network, profile))


def _drive_ms(roads: pd.DataFrame, profile: Profile) -> NDArray[np.int32]:
    """Time along each directed edge of some roads, two for each."""
    classes = roads["class"].cat.categories
    codes = roads["class"].cat.codes.to_numpy()
    by_code = np.array([profile.speed_kph.get(name, np.nan) for name in classes] + [np.nan])
    kph = np.repeat(by_code[codes], 2)
    if profile.obeys_maxspeed:
        legal = roads[["maxspeed_forward_kph", "maxspeed_backward_kph"]].to_numpy(np.float64).ravel()
        kph = np.fmin(kph, np.where(np.isnan(kph), np.nan, legal))
    kph = np.where(_against_oneway(roads), np.minimum(kph, profile.against_oneway_kph), kph)
    permitted = _permitted(roads, profile) & (kph > 0)
    seconds = np.repeat(roads["length_m"].to_numpy(), 2) * 3.6 / np.where(permitted, kph, 1.0)
    drive_ms = np.where(permitted, np.floor(seconds * 1000.0 + 0.5), -1).astype(np.int32)
    drive_ms[np.repeat(roads["crossing"].to_numpy() >= 0, 2)] = 0
    return drive_ms


def _permitted(roads: pd.DataFrame, profile: Profile) -> NDArray[np.bool_]:
    """Whether the profile may drive along each directed edge of some roads."""
    open_to = {"yes", "destination"}
    if "emergency" in profile.kinds:
        open_to.add("emergency")
    if profile.ignores_access:
        open_to |= {"private", "no", "emergency"}
    road = roads["access"].isin(open_to).to_numpy(copy=True)
    road &= ~(roads["max_height_m"].to_numpy() < profile.height_m)
    road &= ~(roads["max_weight_t"].to_numpy() < profile.weight_t)
    against = _against_oneway(roads)
    if profile.ignores_oneway:
        against &= np.repeat(roads["class"].isin(_NEVER_AGAINST).to_numpy(), 2)
    return np.repeat(road, 2) & ~against


def _against_oneway(roads: pd.DataFrame) -> NDArray[np.bool_]:
    """(2m,) whether each directed edge leads against a one-way road."""
    oneway = roads["oneway"].to_numpy()
    return np.column_stack([oneway == -1, oneway == 1]).ravel()


def _junction_ms(network: Network, profile: Profile) -> NDArray[np.int32]:
    """(n,) delay where at least three streets meet; driveways and tracks are none, crossings join nodes."""
    roads, n_nodes = network.roads, network.n_nodes
    a, b = (roads[end].to_numpy() for end in ("a", "b"))
    crossing = (roads["crossing"] >= 0).to_numpy()
    street = ~crossing & ~roads["class"].isin(_NO_STREET).to_numpy()
    joins = a[crossing], b[crossing]
    joined = coo_array((np.ones(len(joins[0])), joins), shape=(n_nodes, n_nodes))
    place = connected_components(joined, directed=False)[1]
    arms = np.bincount(place[a[street]], minlength=n_nodes)
    arms += np.bincount(place[b[street]], minlength=n_nodes)
    delay = math.floor(profile.junction_s * 1000.0 + 0.5)
    return np.where(arms[place] >= 3, np.int32(delay), np.int32(0))
