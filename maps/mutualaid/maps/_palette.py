"""Colours, hatchings and shapes: legible for every type of colour blindness, and never by colour alone."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

__all__ = [
    "BAND_COLOURS",
    "SCENARIO_STATUSES",
    "SEVERITY_COLOURS",
    "STATUSES",
    "UNKNOWN_SEVERITY",
    "ScenarioStatus",
    "Status",
    "Swatch",
    "band_edges",
    "band_labels",
    "clock",
    "minutes",
    "partner_mark",
]


class Swatch(NamedTuple):
    """A fill: its colour, and the hatching (or ``""``) that says the same without colour."""

    colour: str
    hatch: str = ""


class Status(NamedTuple):
    """How one coverage status is drawn at each level."""

    status: str
    alone: Swatch
    joint: Swatch


# Okabe-Ito: blue, bluish green and orange; grey for what no road reaches. Vermilion stays free for gaps in
# high hazard, sky blue for what today's agreements reach.
_OWN, _JOINT = Swatch("#0072B2"), Swatch("#009E73", "dots")
_GAP, _UNREACHABLE = Swatch("#E69F00", "slash"), Swatch("#7A7A7A", "cross")

#: The statuses in the order of their codes in the page; what only the joint team reaches is a gap alone.
STATUSES: tuple[Status, ...] = (
    Status("own", _OWN, _OWN),
    Status("joint", _GAP, _JOINT),
    Status("gap", _GAP, _GAP),
    Status("unreachable", _UNREACHABLE, _UNREACHABLE),
)


class ScenarioStatus(NamedTuple):
    """How one coverage status under a hazard is drawn at each level, and the text of its legend there."""

    status: str
    alone: Swatch
    joint: Swatch
    alone_label: str
    joint_label: str


# Held is a paler kin of what a neighbour reaches. Lost is nearly black: nothing else is so dark.
_HELD, _LOST = Swatch("#8FE3C4", "bars"), Swatch("#241623", "net")

#: The statuses under a hazard in the order of their codes in the page and of the legend.
SCENARIO_STATUSES: tuple[ScenarioStatus, ...] = (
    ScenarioStatus("own", _OWN, _OWN, "own", "own"),
    ScenarioStatus("joint", _GAP, _JOINT, "gap_alone_hazard", "joint_only"),
    ScenarioStatus("held", _LOST, _HELD, "lost_alone", "held"),
    ScenarioStatus("lost_own", _LOST, _LOST, "lost_alone", "lost_joint"),
    ScenarioStatus("lost_neighbour", _GAP, _LOST, "gap_alone_hazard", "lost_joint"),
    ScenarioStatus("gap", _GAP, _GAP, "gap_alone_hazard", "gap_hazard"),
    ScenarioStatus("unreachable", _UNREACHABLE, _UNREACHABLE, "unreachable", "unreachable"),
)

#: Severities 1 to 5, and unknown: a violet that no status has, the darker the worse.
SEVERITY_COLOURS: tuple[str, ...] = ("#E9DDF5", "#D0B5E8", "#B083D3", "#8A4DB5", "#5E2188")
UNKNOWN_SEVERITY = Swatch("#EFEDE6", "veil")

#: Response bands, soonest first (steps of cividis; hatched where later than the standard), then: nobody, no road.
BAND_COLOURS: tuple[Swatch, ...] = (
    Swatch("#00224E"),
    Swatch("#3B4F7D"),
    Swatch("#7F93B2"),
    Swatch("#C3B46C", "slash"),
    Swatch("#DBC94B", "slash"),
    Swatch("#FEE838", "slash"),
    Swatch("#F3EBDD", "slash"),
    Swatch("#7A7A7A", "cross"),
)

# Dark enough for a white outline and a white glyph (contrast 6 : 1 and more), and unlike every status colour.
_PARTNER_COLOURS = ("#1F1F1F", "#7A1FA2", "#A3123F", "#5B3A00", "#22407F", "#00524A")
_PARTNER_SHAPES = ("circle", "square", "diamond", "hexagon", "triangle")


def partner_mark(position: int) -> tuple[str, str]:
    """Colour and shape of the partner at `position`; 30 partners differ, and any two neighbours in both."""
    return (
        _PARTNER_COLOURS[position % len(_PARTNER_COLOURS)],
        _PARTNER_SHAPES[position % len(_PARTNER_SHAPES)],
    )


def clock(seconds: float) -> str:
    """Return seconds as ``minutes:seconds``, rounded up so that what is late never reads as in time.

    >>> clock(480.2)
    '8:01'
    """
    whole = int(-(-seconds // 1))
    return f"{whole // 60}:{whole % 60:02d}"


def minutes(seconds: float) -> str:
    """Return seconds as minutes, with the seconds only where there are any.

    >>> minutes(480), minutes(570)
    ('8', '9:30')
    """
    return clock(seconds).removesuffix(":00")


def band_edges(limit_s: float) -> tuple[float, ...]:
    """Return upper edges of five response bands in seconds; the third is the standard's limit itself.

    >>> band_edges(480)
    (240.0, 360.0, 480, 720.0, 960.0)
    """
    minute = 60.0
    before = [max(1.0, round(limit_s * share / minute)) * minute for share in (0.5, 0.75)]
    after = [round(limit_s * share / minute) * minute for share in (1.5, 2.0)]
    edges = (*before, limit_s, *after)
    if all(a < b for a, b in pairwise(edges)):
        return edges
    return tuple(limit_s * share for share in (0.5, 0.75, 1.0, 1.5, 2.0))  # limits of a few minutes


def band_labels(limit_s: float) -> list[str]:
    """Return the labels of the bands of `band_edges`, with their unit.

    >>> band_labels(480)[2:4]
    ['6 to 8 min', '8 to 12 min']
    """
    edges = [minutes(edge) for edge in band_edges(limit_s)]
    return [
        f"up to {edges[0]} min",
        *(f"{a} to {b} min" for a, b in pairwise(edges)),
        f"over {edges[-1]} min",
    ]
