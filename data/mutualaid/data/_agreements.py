"""What partners have agreed: who helps whom, when, how fast, and what may be told of it; and what it costs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from functools import cached_property
from itertools import combinations, permutations

from mutualaid.errors import AgreementError, Defect

__all__ = [
    "CONFIDENCES",
    "MODES",
    "PRIORITIES",
    "SHARING_LEVELS",
    "Agreement",
    "AgreementCrossing",
    "CoalitionCost",
    "Costs",
    "agreement_notes",
    "agreements_in_force",
    "contradictions",
]

#: How a neighbour's unit comes: with the own one by itself, on a call after the own one was alerted, or only where no
#: own unit meets the standard.
MODES: tuple[str, ...] = ("automatic", "on_request", "subsidiary")
#: What a vehicle may do abroad: what those of the host may, or what everybody may.
PRIORITIES: tuple[str, ...] = ("as_host", "civilian")
#: How sure a figure is: measured, written in the agreement, or assumed.
CONFIDENCES: tuple[str, ...] = ("measured", "stated", "assumption")
#: Who may see an attribute: everybody, the partners, or its owner alone.
SHARING_LEVELS: tuple[str, ...] = ("public", "partners", "own")

#: Seconds from the alert of the own crew to that of the neighbour's, where the agreement states none: an assumption,
#: because nobody has published any. Automatic aid needs no call.
DISPATCH_DELAY_S: Mapping[str, float] = {"automatic": 0.0, "on_request": 180.0, "subsidiary": 180.0}

_FINITE = sys.float_info.max
_SECONDS = (0.0, _FINITE, "seconds, 0 or more", "state how many are lost")
_SHARE = (math.ulp(0.0), 1.0, "a share above 0 and up to 1", "90 % is 0.9")
#: Parameters of an agreement that are numbers: lowest and highest value, and the same in words with the remedy.
_NUMBERS: Mapping[str, tuple[float, float, str, str]] = {
    "dispatch_delay_s": _SECONDS,
    "crossing_delay_s": _SECONDS,
    "strip_km": (math.ulp(0.0), math.inf, "kilometres above 0", "leave it out if there is no limit"),
    "home_cover_min": (0, _FINITE, "a number of units, 0 or more", "correct it"),
    "availability": _SHARE,
    "availability_hazard": _SHARE,
    "handover_s": _SECONDS,
}


@dataclass(frozen=True, kw_only=True)
class AgreementCrossing:
    """What an agreement says about one crossing of the border.

    Attributes
    ----------
    id
        Id of the crossing, as in the layer ``crossings`` of the results.
    delay_s
        Seconds that a vehicle of the parties loses each time it passes; None: as the agreement says in general.
    services, hours
        For which services and hour classes this holds; for all if empty. A crossing may be named several times, for
        others each time.
    open
        Whether their vehicles may pass at all.
    max_height_m, max_weight_t
        Size of vehicle above which it may not; NaN if there is no limit.
    """

    id: str
    delay_s: float | None = None
    services: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    open: bool = True
    max_height_m: float = math.nan
    max_weight_t: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """An agreement on mutual aid, as region.toml states it.

    Attributes
    ----------
    id, name
        Key, and what people call it.
    parties
        Partners that it binds.
    helpers
        Those of them that send units; all if empty.
    services
        Services it holds for; all if empty.
    valid_from, valid_to
        First and last day, ISO 8601; open if empty.
    mode
        One of `MODES`.
    dispatch_delay_s
        Seconds from the alert of the own crew to that of the neighbour's; None: the default of the mode.
    crossing_delay_s
        Seconds that a vehicle of the parties loses at each international crossing between them; None: as in
        `Parameters`.
    crossings
        Ids of the crossings that may be used; all public roads if empty.
    crossing
        What differs at single crossings.
    strip_km
        How far from the helper's own territory help may go, in a straight line; inf: anywhere.
    transit
        Whether a vehicle may pass through the territory of another party to reach a third place, its own included.
    priority_abroad
        One of `PRIORITIES`.
    excluded_pairs
        Pairs (helping station, station in whose area the incident is) that the agreement leaves out; ``*`` stands for
        any. The area of a station is where it is first due by the own service.
    capability_map
        What a capability code of one party is called by the others.
    home_cover_min
        Units that must stay at a station; one that has no more does not help.
    availability
        Share of the time that a unit is free to help, above 0 and up to 1.
    availability_hazard
        The same while a hazard strikes all partners; None: as `availability`.
    handover_at_border
        Whether a patient changes vehicle at the border. That lengthens the transport, not the response.
    handover_s
        Seconds that it takes.
    sharing
        Who may see an attribute (``table.column``, or a table as a whole): one of `SHARING_LEVELS`; what is not named
        is public.
    source, confidence
        Where the agreement stands, and how sure its figures are, one of `CONFIDENCES`.
    sources, confidences
        The same for single parameters, by name.
    ranges
        Lowest and highest value that a parameter may have, by name, for its sweep.
    note
        What must be said with every result.

    Raises
    ------
    AgreementError
        It contradicts itself; all contradictions are named.

    Examples
    --------
    >>> from mutualaid.data import Agreement
    >>> treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", crossing_delay_s=60)
    >>> treaty.dispatch_s, sorted(treaty.pairs), treaty.confidence_of("crossing_delay_s")
    (0.0, [('A', 'B'), ('B', 'A')], 'assumption')
    """

    id: str
    parties: tuple[str, ...]
    name: str = ""
    helpers: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    valid_from: str = ""
    valid_to: str = ""
    mode: str = "on_request"
    dispatch_delay_s: float | None = None
    crossing_delay_s: float | None = None
    crossings: tuple[str, ...] = ()
    crossing: tuple[AgreementCrossing, ...] = ()
    strip_km: float = math.inf
    transit: bool = True
    priority_abroad: str = "as_host"
    excluded_pairs: tuple[tuple[str, str], ...] = ()
    capability_map: Mapping[str, str] = field(default_factory=dict)
    home_cover_min: int = 1
    availability: float = 1.0
    availability_hazard: float | None = None
    handover_at_border: bool = False
    handover_s: float = 720.0
    sharing: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    confidence: str = "assumption"
    sources: Mapping[str, str] = field(default_factory=dict)
    confidences: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        defects = _contradictions_within(self)
        if defects:
            raise AgreementError(defects)

    @property
    def dispatch_s(self) -> float:
        """Seconds from the alert of the own crew to that of the neighbour's."""
        return DISPATCH_DELAY_S[self.mode] if self.dispatch_delay_s is None else self.dispatch_delay_s

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Ordered pairs of partners: (who helps, who is helped)."""
        helpers = self.helpers or self.parties
        return frozenset(pair for pair in permutations(self.parties, 2) if pair[0] in helpers)

    def confidence_of(self, parameter: str) -> str:
        """How sure a parameter is: its own word, else that of the agreement; a default is an assumption."""
        if parameter in self.confidences:
            return self.confidences[parameter]
        one = next(one for one in fields(self) if one.name == parameter)
        usual = one.default if one.default_factory is MISSING else one.default_factory()
        return "assumption" if getattr(self, parameter) == usual else self.confidence

    def source_of(self, parameter: str) -> str:
        """Where a parameter stands: its own source, else that of the agreement."""
        return self.sources.get(parameter, self.source)

    def holds_for(self, service: str) -> bool:
        """Whether it is about a service."""
        return not self.services or service in self.services

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a day; the first and the last day belong to it."""
        first = date.fromisoformat(self.valid_from) if self.valid_from else date.min
        last = date.fromisoformat(self.valid_to) if self.valid_to else date.max
        return first <= day <= last


@dataclass(frozen=True, kw_only=True)
class CoalitionCost:
    """What some partners would pay a year if they ran their service together, without the others."""

    parties: tuple[str, ...]
    cost: float


@dataclass(frozen=True, kw_only=True)
class Costs:
    """A budget to be shared, and what partners pay alone.

    Attributes
    ----------
    budget
        What the joint team costs a year; None if that is not known: shares are then of 1.
    currency
        What it is counted in.
    alone
        What each partner would pay for itself, by partner; partners that are missing are unknown.
    coalition
        What several would pay together without the others.
    source, confidence
        Where the figures stand, and how sure they are.

    Raises
    ------
    AgreementError
        A cost below 0, or a coalition that is none or is named twice; all of it is named.
    """

    budget: float | None = None
    currency: str = ""
    alone: Mapping[str, float] = field(default_factory=dict)
    coalition: tuple[CoalitionCost, ...] = ()
    source: str = ""
    confidence: str = "assumption"

    def __post_init__(self) -> None:
        defects = _costs_that_cannot_be(self)
        if defects:
            raise AgreementError(defects)


def agreements_in_force(agreements: Iterable[Agreement], service: str, day: date) -> tuple[Agreement, ...]:
    """Give the agreements that hold for a service on a day.

    Parameters
    ----------
    agreements
        All of a region.
    service
        ``fire``, ``ems`` or ``rescue``.
    day
        The day of the incident.

    Returns
    -------
    tuple of Agreement

    Raises
    ------
    AgreementError
        Two of them contradict each other: see `contradictions`.

    Examples
    --------
    >>> from datetime import date
    >>> from mutualaid.data import Agreement, agreements_in_force
    >>> old = Agreement(id="old", parties=("A", "B"), valid_to="2025-06-30")
    >>> new = Agreement(id="new", parties=("A", "B"), valid_from="2025-07-01")
    >>> [one.id for one in agreements_in_force([old, new], "fire", date(2025, 6, 30))]
    ['old']
    """
    chosen = tuple(one for one in agreements if one.holds_for(service) and one.holds_on(day))
    if defects := contradictions(chosen):
        raise AgreementError(defects)
    return chosen


def agreement_notes(agreements: Iterable[Agreement], service: str, day: date) -> list[str]:
    """Say which agreements do not count for a service on a day, and why.

    Parameters
    ----------
    agreements, service, day
        As for `agreements_in_force`.

    Returns
    -------
    list of str
        One sentence for each agreement that does not count.

    Examples
    --------
    >>> from datetime import date
    >>> from mutualaid.data import Agreement, agreement_notes
    >>> old = Agreement(id="old", parties=("A", "B"), valid_to="2025-06-30")
    >>> agreement_notes([old], "fire", date(2025, 7, 1))
    ['Agreement old ended on 2025-06-30 and does not count on 2025-07-01.']
    """
    notes = []
    for one in agreements:
        if not one.holds_for(service):
            notes.append(f"Agreement {one.id} is not about the service {service} and does not count.")
        elif not one.holds_on(day):
            ended = bool(one.valid_to) and date.fromisoformat(one.valid_to) < day
            when = f"ended on {one.valid_to}" if ended else f"begins on {one.valid_from}"
            notes.append(f"Agreement {one.id} {when} and does not count on {day.isoformat()}.")
    return notes


def contradictions(agreements: Iterable[Agreement]) -> list[Defect]:
    """Find agreements of which two say something about the same help at the same time.

    Parameters
    ----------
    agreements
        All of a region.

    Returns
    -------
    list of Defect
        One for each pair of agreements whose days, services and pairs of partners overlap.
    """
    defects = []
    for a, b in combinations(agreements, 2):
        both = sorted(a.pairs & b.pairs)
        first = max(filter(None, (a.valid_from, b.valid_from)), default="")
        last = min(filter(None, (a.valid_to, b.valid_to)), default="")
        if both and _meet(a.services, b.services) and (not first or not last or first <= last):
            who = ", ".join(f"{helper} helps {host}" for helper, host in both[:3])
            who += f", and {len(both) - 3} more such" * (len(both) > 3)
            when = f" from {first}" * bool(first) + f" until {last}" * bool(last)
            remedy = "let one end before the other begins, or name different services or helpers"
            where = f"agreements {a.id} and {b.id}"
            got = f"both say how {who}{when}"
            defects.append(Defect("", where, "one agreement at a time for the same help", got, remedy))
    return defects


def _meet(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether two lists have something in common; an empty one means all."""
    return not some or not others or bool(set(some) & set(others))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _contradictions_within(one: Agreement) -> list[Defect]:
    """Everything about one agreement that cannot be."""
    parties = set(one.parties)
    dates = [(name, getattr(one, name)) for name in ("valid_from", "valid_to")]
    real = all(_is_day(day) for _, day in dates if day)
    backwards = real and all(day for _, day in dates) and one.valid_from > one.valid_to
    twice = sorted({name for name in parties if one.parties.count(name) > 1})
    strangers = sorted(set(one.helpers) - parties)
    not_allowed = sorted({item.id for item in one.crossing if one.crossings and item.id not in one.crossings})
    checks: list[tuple[bool, str, str, object, str]] = [
        (
            len(parties) >= 2 and not twice,
            "parties", "at least two partners, each once",
            f"{', '.join(twice)} twice" if twice else ", ".join(parties) or "none", "name each partner once",
        ),
        (not strangers, "helpers", "one of the parties", ", ".join(strangers), "name parties only"),
        *(
            (not day or _is_day(day), name, "a day in ISO 8601", repr(day), "write it like 2025-06-30")
            for name, day in dates
        ),
        (not backwards, "valid_to", f"a day from valid_from ({one.valid_from}) on", one.valid_to, "exchange them"),
        (
            not not_allowed,
            "crossing", "crossings that may be used", ", ".join(not_allowed), "add them to crossings, or remove them",
        ),
    ]  # fmt: skip
    for name, (low, high, expected, remedy) in _NUMBERS.items():
        number = getattr(one, name)
        checks.append((number is None or low <= number <= high, name, expected, number, remedy))
    words = [("mode", one.mode, MODES), ("priority_abroad", one.priority_abroad, PRIORITIES)]
    words += [("confidence", one.confidence, CONFIDENCES)]
    words += [(f"confidences.{name}", word, CONFIDENCES) for name, word in one.confidences.items()]
    words += [(f"sharing.{name}", word, SHARING_LEVELS) for name, word in one.sharing.items()]
    for name, word, options in words:
        checks.append(
            (word in options, name, f"one of {', '.join(options)}", repr(word), "choose one of them")
        )
    names = {item.name for item in fields(Agreement)}
    for name, known, what in (
        ("sources", names, "parameters of an agreement"),
        ("confidences", names, "parameters of an agreement"),
        ("ranges", set(_NUMBERS), f"parameters that are numbers: {', '.join(_NUMBERS)}"),
    ):
        unknown = sorted(set(getattr(one, name)) - known)
        checks.append((not unknown, name, f"names of {what}", ", ".join(unknown), "correct the name"))
    for name, (low, high) in one.ranges.items():
        if name in _NUMBERS:
            least, most, expected, _ = _NUMBERS[name]
            fine = least <= low <= high <= min(most, _FINITE)
            what = f"two values, the lower one first: {expected}"
            checks.append((fine, f"ranges.{name}", what, f"{low:g}, {high:g}", "correct them"))
    found = [(where, expected, str(got), remedy) for fine, where, expected, got, remedy in checks if not fine]
    found += _crossings_that_cannot_be(one.crossing)
    return [Defect("", f"agreement {one.id}, {where}", *rest) for where, *rest in found]


def _crossings_that_cannot_be(items: tuple[AgreementCrossing, ...]) -> list[tuple[str, str, str, str]]:
    """Place, what was expected, what came and the remedy of everything about single crossings that cannot be."""
    found = []
    for number, item in enumerate(items, 1):
        where = f"crossing {number}"
        if item.delay_s is not None and not 0 <= item.delay_s < math.inf:
            found.append(
                (f"{where}, delay_s", "seconds, 0 or more", str(item.delay_s), "state how many are lost")
            )
        for name in ("max_height_m", "max_weight_t"):
            limit = getattr(item, name)
            if not (math.isnan(limit) or 0 < limit < math.inf):
                found.append(
                    (f"{where}, {name}", "a number above 0", str(limit), "leave it out if there is no limit")
                )
        for before, other in enumerate(items[: number - 1], 1):
            if (
                other.id == item.id
                and _meet(other.services, item.services)
                and _meet(other.hours, item.hours)
            ):
                got = f"{item.id} as in crossing {before}"
                remedy = "keep one of them, or name different services or hours"
                found.append((where, "each crossing once for the same services and hours", got, remedy))
    return found


def _costs_that_cannot_be(costs: Costs) -> list[Defect]:
    """Everything about costs that cannot be."""
    sums = [("budget", costs.budget), *((f"alone.{name}", cost) for name, cost in costs.alone.items())]
    sums += [(f"coalition {number}, cost", one.cost) for number, one in enumerate(costs.coalition, 1)]
    found = [
        (where, "a cost a year, 0 or more", f"{cost:g}", "correct it")
        for where, cost in sums
        if cost is not None and not 0 <= cost < math.inf
    ]
    if costs.confidence not in CONFIDENCES:
        found.append(
            ("confidence", f"one of {', '.join(CONFIDENCES)}", repr(costs.confidence), "choose one of them")
        )
    seen: dict[frozenset[str], int] = {}
    for number, one in enumerate(costs.coalition, 1):
        where, who, parties = f"coalition {number}", ", ".join(one.parties) or "none", frozenset(one.parties)
        if len(parties) < 2 or len(parties) < len(one.parties):
            found.append((f"{where}, parties", "at least two partners, each once", who, "name the partners"))
        elif parties in seen:
            got = f"{who} as in coalition {seen[parties]}"
            found.append((f"{where}, parties", "each coalition once", got, "keep one of them"))
        seen.setdefault(parties, number)
    return [Defect("", f"costs, {where}", *rest) for where, *rest in found]
