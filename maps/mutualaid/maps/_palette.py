"""Colours, hatchings and shapes: legible for every type of colour blindness, and never by colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise, product
from typing import NamedTuple

from mutualaid.maps._messages import Message, message, minutes

__all__ = [
    "AGREED_SCENARIO_STATUSES",
    "AGREED_STATUSES",
    "BAND_COLOURS",
    "NOBODY_COMES",
    "SCENARIO_STATUSES",
    "SEVERITY_COLOURS",
    "STATUSES",
    "UNKNOWN_SEVERITY",
    "Status",
    "Swatch",
    "band_edges",
    "band_labels",
    "partner_fills",
    "partner_mark",
]


class Swatch(NamedTuple):
    """A fill: its colour, and the hatching (or ``""``) that says the same without colour."""

    colour: str
    hatch: str = ""


class Status(NamedTuple):
    """How the places of one status are drawn at each level, and what the legend calls them there.

    ``agreed`` is only filled in where an agreement is in force.
    """

    status: str
    alone: Swatch
    joint: Swatch
    alone_label: str
    joint_label: str
    agreed: Swatch | None = None
    agreed_label: str = ""


# Okabe-Ito: blue, sky blue, bluish green and orange; grey for what no road reaches; vermilion for gaps in high
# hazard. Held is a paler kin of what a neighbour reaches. Lost is nearly black: nothing else is so dark.
_OWN, _AGREED, _JOINT = Swatch("#0072B2"), Swatch("#56B4E9", "posts"), Swatch("#009E73", "dots")
_GAP, _GAP_HIGH, _UNREACHABLE = (
    Swatch("#E69F00", "slash"),
    Swatch("#D55E00", "ticks"),
    Swatch("#7A7A7A", "cross"),
)
_HELD, _LOST = Swatch("#8FE3C4", "bars"), Swatch("#241623", "net")

#: What a gap under a hazard is called where the hazard is high.
_IN_HIGH_HAZARD: Mapping[str, str] = {
    "gap_alone_hazard": "gap_high_alone",
    "gap_agreed_hazard": "gap_high_agreed",
    "gap_hazard": "gap_high",
}

#: What a place can be called in the legend.
_FILLS: Mapping[str, Swatch] = {
    "own": _OWN,
    "agreed_only": _AGREED,
    "joint_only": _JOINT,
    "joint_more": _JOINT,
    "held": _HELD,
    **{f"lost_{level}": _LOST for level in ("alone", "agreed", "joint")},
    **{f"{gap}{when}": _GAP for gap in ("gap_alone", "gap_agreed", "gap") for when in ("", "_hazard")},
    **dict.fromkeys(_IN_HIGH_HAZARD.values(), _GAP_HIGH),
    "unreachable": _UNREACHABLE,
}


def _status(status: str, alone: str, joint: str, agreed: str = "") -> Status:
    return Status(status, _FILLS[alone], _FILLS[joint], alone, joint, _FILLS.get(agreed), agreed)


def _and_high(rows: Iterable[Status]) -> tuple[Status, ...]:
    """Statuses under a hazard; those that are a gap at some level once more for places in high hazard."""
    found = []
    for row in rows:
        names = (row.alone_label, row.joint_label, row.agreed_label)
        high = tuple(_IN_HIGH_HAZARD.get(name, name) for name in names)
        found += [row, *([_status(f"{row.status}, high hazard", *high)] if high != names else [])]
    return tuple(found)


#: The statuses in the order of their codes in the page and of the legend; what only the joint team reaches is a gap
#: alone.
STATUSES: tuple[Status, ...] = (
    _status("own", "own", "own"),
    _status("joint", "gap_alone", "joint_only"),
    _status("gap", "gap_alone", "gap"),
    _status("unreachable", "unreachable", "unreachable"),
)

#: The statuses under a hazard.
SCENARIO_STATUSES: tuple[Status, ...] = _and_high(
    (
        _status("own", "own", "own"),
        _status("joint", "gap_alone_hazard", "joint_only"),
        _status("held", "lost_alone", "held"),
        _status("lost_own", "lost_alone", "lost_joint"),
        _status("lost_neighbour", "gap_alone_hazard", "lost_joint"),
        _status("gap", "gap_alone_hazard", "gap_hazard"),
        _status("unreachable", "unreachable", "unreachable"),
    )
)

#: The statuses where an agreement is in force. Who comes in time as agreed may be too late in a joint team, if its
#: delays are longer.
AGREED_STATUSES: tuple[Status, ...] = (
    _status("own", "own", "own", "own"),
    _status("own_not_joint", "own", "gap", "own"),
    _status("agreed", "gap_alone", "agreed_only", "agreed_only"),
    _status("agreed_not_joint", "gap_alone", "gap", "agreed_only"),
    _status("joint", "gap_alone", "joint_more", "gap_agreed"),
    _status("gap", "gap_alone", "gap", "gap_agreed"),
    _status("unreachable", "unreachable", "unreachable", "unreachable"),
)


def _under_hazard(alone: str, agreed: Iterable[str], joint: str) -> list[Status]:
    """Statuses of what is called `alone`: with each of `agreed`, the joint team does, no longer does or never did."""
    rows = product(agreed, (joint, "lost_joint", "gap_hazard"))
    return [_status(f"{alone}, {today}, {together}", alone, together, today) for today, together in rows]


#: The same under a hazard.
AGREED_SCENARIO_STATUSES: tuple[Status, ...] = _and_high(
    (
        *_under_hazard("own", ["own"], "own"),
        *_under_hazard("lost_alone", ["held", "lost_agreed"], "held"),
        *_under_hazard("gap_alone_hazard", ["agreed_only"], "agreed_only"),
        *_under_hazard("gap_alone_hazard", ["lost_agreed", "gap_agreed_hazard"], "joint_more"),
        _status("unreachable", "unreachable", "unreachable", "unreachable"),
    )
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
# Calmer, for areas: of like hues, but far from each other and from the severities for every type of colour blindness.
_PARTNER_FILLS = ("#747B83", "#C289B5", "#7B3F3E", "#D4BA90", "#395386", "#92CFC8")
#: Hatching at home and abroad: of the first six partners, the next six, and again.
_PARTNER_HATCHES = (("", "sash"), ("dots", "net"), ("posts", "bars"))
#: Where nobody comes.
NOBODY_COMES = Swatch("#F7F2E6")


def partner_mark(position: int) -> tuple[str, str]:
    """Colour and shape of the partner at `position`; 30 partners differ, and any two neighbours in both."""
    return (
        _PARTNER_COLOURS[position % len(_PARTNER_COLOURS)],
        _PARTNER_SHAPES[position % len(_PARTNER_SHAPES)],
    )


def partner_fills(position: int) -> tuple[Swatch, Swatch]:
    """Fill of places to which the partner at `position` comes first, at home and abroad; 18 partners differ.

    >>> partner_fills(0)
    (Swatch(colour='#747B83', hatch=''), Swatch(colour='#747B83', hatch='sash'))
    """
    cycle, number = divmod(position, len(_PARTNER_FILLS))
    home, abroad = _PARTNER_HATCHES[cycle % len(_PARTNER_HATCHES)]
    return Swatch(_PARTNER_FILLS[number], home), Swatch(_PARTNER_FILLS[number], abroad)


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


def band_labels(limit_s: float) -> list[Message]:
    """Return the labels of the bands of `band_edges`, as messages.

    >>> band_labels(480)[2]
    ['band_between', {'a': {'min': 360.0}, 'b': {'min': 480}}]
    """
    edges = [minutes(edge) for edge in band_edges(limit_s)]
    return [
        message("band_up_to", a=edges[0]),
        *(message("band_between", a=a, b=b) for a, b in pairwise(edges)),
        message("band_over", a=edges[-1]),
    ]
