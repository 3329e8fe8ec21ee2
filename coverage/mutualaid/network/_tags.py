"""What the tags of a road mean: one row of plain values for each distinct set of tags."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mutualaid.network._model import ROAD_CLASSES
from mutualaid.network._speeds import (
    parse_count,
    parse_height_m,
    parse_layer,
    parse_maxspeed_kph,
    parse_weight_t,
)

__all__ = ["ACCESS", "TAG_KEYS", "Meaning", "meanings", "merge_limits", "normalise_access", "tag_table"]

#: Who may drive on a road, as the column ``access`` says it. ``emergency``: closed to others but open to
#: emergency vehicles; ``closed``: closed to these, too.
ACCESS: tuple[str, ...] = ("yes", "destination", "private", "no", "emergency", "closed")

#: Keys that decide what a road is; the name is kept apart, because nearly every way has its own.
TAG_KEYS: tuple[str, ...] = (
    "highway",
    "area",
    "oneway",
    "junction",
    "maxspeed",
    "maxspeed:forward",
    "maxspeed:backward",
    "maxspeed:type",
    "source:maxspeed",
    "zone:maxspeed",
    "lanes",
    "bridge",
    "tunnel",
    "covered",
    "layer",
    "access",
    "vehicle",
    "motor_vehicle",
    "motorcar",
    "emergency",
    "maxheight",
    "maxheight:physical",
    "maxweight",
)

#: From the narrowest to the widest: the narrowest that is tagged decides.
_ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
_OPEN = frozenset(
    {"yes", "permissive", "designated", "public", "official", "discouraged", "unknown", "allowed"}
)
_DESTINATION = frozenset({"destination", "delivery", "customers", "residents", "residential", "visitors"})
_PRIVATE = frozenset({"private", "permit", "employees", "staff", "members"})
_CLOSED = frozenset(
    {
        "no",
        "agricultural",
        "forestry",
        "agricultural;forestry",
        "forestry;agricultural",
        "military",
        "psv",
        "bus",
    }
    | {"taxi", "hov", "hgv", "foot", "bicycle", "horse", "use_sidepath", "restricted"}
)
_FORWARD = frozenset({"yes", "true", "1"})
_BACKWARD = frozenset({"-1", "reverse"})
_BOTH = frozenset({"no", "false", "0", "alternating", "reversible"})
_NOT_A_TUNNEL = frozenset({"no", "culvert", "flooded"})


@dataclass(frozen=True)
class Meaning:
    """What one distinct set of tags means; the fields are the columns of a network's roads.

    `problems` names the tags that could not be understood.
    """

    road_class: str
    maxspeed_forward_kph: float
    maxspeed_backward_kph: float
    lanes: float
    oneway: int
    bridge: bool
    tunnel: bool
    covered: bool
    layer: int
    access: str
    max_height_m: float
    max_weight_t: float
    problems: tuple[str, ...] = ()


def normalise_access(tags: dict[str, str]) -> tuple[str, bool]:
    """Say who may drive here, as one of `ACCESS`, and whether the tags were understood."""
    value = next((tags[key] for key in _ACCESS_KEYS if key in tags), None)
    if value is None:
        value = "no" if tags.get("highway") == "busway" else "yes"
    if value == "emergency":
        return "emergency", True
    groups = {"yes": _OPEN, "destination": _DESTINATION, "private": _PRIVATE, "no": _CLOSED}
    access = next((name for name, values in groups.items() if value in values), None)
    if access is None:
        return "yes", False
    if access in {"private", "no"} and "emergency" in tags:
        if tags["emergency"] in _OPEN or tags["emergency"] == "destination":
            access = "emergency"
        elif tags["emergency"] == "no":
            access = "closed"
    return access, True


def _oneway(tags: dict[str, str], problems: list[str]) -> int:
    value = tags.get("oneway")
    if value in _FORWARD:
        return 1
    if value in _BACKWARD:
        return -1
    if value == "reversible":
        problems.append("oneway=reversible, taken as both directions")
    elif value is not None and value not in _BOTH:
        problems.append("oneway not understood")
        value = None
    circular = tags.get("junction") in {"roundabout", "circular"}
    return int(value is None and (circular or tags.get("highway") == "motorway"))


def _number(
    tags: dict[str, str], keys: Sequence[str], parse: Callable[[str], float | None], problems: list[str]
) -> float:
    """Give the value of the first of `keys` that is tagged; NaN if none is, or if it is not understood."""
    key = next((key for key in keys if key in tags), None)
    if key is None:
        return math.nan
    number = parse(tags[key])
    if number is None:
        problems.append(f"{key} not understood")
        return math.nan
    return number


def _maxspeeds(tags: dict[str, str], problems: list[str]) -> tuple[float, float]:
    both = _number(tags, ["maxspeed"], parse_maxspeed_kph, problems)
    if math.isnan(both):
        # The kind of limit (FR:urban) says the number where none is tagged; anything else there is a remark.
        kinds = (tags.get(key, "") for key in ("maxspeed:type", "source:maxspeed", "zone:maxspeed"))
        implied = (parse_maxspeed_kph(kind) for kind in kinds if ":" in kind or kind.isdigit())
        both = next((kph for kph in implied if kph is not None and not math.isnan(kph)), math.nan)
    directions = []
    for key in ("maxspeed:forward", "maxspeed:backward"):
        kph = _number(tags, [key], parse_maxspeed_kph, problems)
        directions.append(both if math.isnan(kph) else kph)
    return directions[0], directions[1]


def merge_limits(*limits: float) -> float:
    """Give the lowest known limit, NaN if none is known."""
    return min((limit for limit in limits if not math.isnan(limit)), default=math.nan)


def _meaning(tags: dict[str, str]) -> Meaning:
    problems: list[str] = []
    forward, backward = _maxspeeds(tags, problems)
    access, understood = normalise_access(tags)
    if not understood:
        problems.append("access not understood, taken as open")
    layer = _number(tags, ["layer"], parse_layer, problems)
    return Meaning(
        road_class=tags["highway"],
        maxspeed_forward_kph=forward,
        maxspeed_backward_kph=backward,
        lanes=_number(tags, ["lanes"], parse_count, problems),
        oneway=_oneway(tags, problems),
        bridge=tags.get("bridge", "no") != "no",
        tunnel=tags.get("tunnel", "no") not in _NOT_A_TUNNEL,
        covered=tags.get("covered", "no") != "no" or tags.get("tunnel") == "avalanche_protector",
        layer=0 if math.isnan(layer) else int(layer),
        access=access,
        max_height_m=merge_limits(
            _number(tags, ["maxheight"], parse_height_m, problems),
            _number(tags, ["maxheight:physical"], parse_height_m, problems),
        ),
        max_weight_t=_number(tags, ["maxweight"], parse_weight_t, problems),
        problems=tuple(problems),
    )


def meanings(tag_sets: Sequence[tuple[str | None, ...]]) -> list[Meaning]:
    """Give the meaning of distinct sets of tags, each a tuple in the order of `TAG_KEYS`."""
    return [
        _meaning({key: value for key, value in zip(TAG_KEYS, values, strict=True) if value})
        for values in tag_sets
    ]


def tag_table(rows: Sequence[Meaning], counts: Sequence[int]) -> tuple[pd.DataFrame, Counter[str]]:
    """Lay meanings out as typed columns, and count the problems, each as often as its tags occur."""
    notes: Counter[str] = Counter()
    for row, count in zip(rows, counts, strict=True):
        for problem in row.problems:
            notes[problem] += count
    table = pd.DataFrame(
        {
            "class": pd.Categorical([row.road_class for row in rows], categories=ROAD_CLASSES),
            "maxspeed_forward_kph": np.array([row.maxspeed_forward_kph for row in rows], dtype=np.float32),
            "maxspeed_backward_kph": np.array([row.maxspeed_backward_kph for row in rows], dtype=np.float32),
            "lanes": np.array([row.lanes for row in rows], dtype=np.float32),
            "oneway": np.array([row.oneway for row in rows], dtype=np.int8),
            "bridge": np.array([row.bridge for row in rows], dtype=bool),
            "tunnel": np.array([row.tunnel for row in rows], dtype=bool),
            "covered": np.array([row.covered for row in rows], dtype=bool),
            "layer": np.array([row.layer for row in rows], dtype=np.int8),
            "access": pd.Categorical([row.access for row in rows], categories=ACCESS),
            "max_height_m": np.array([row.max_height_m for row in rows], dtype=np.float32),
            "max_weight_t": np.array([row.max_weight_t for row in rows], dtype=np.float32),
        }
    )
    return table, notes
