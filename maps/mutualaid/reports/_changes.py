"""What differs between two regions, part by part, in sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.data import Agreement, Region, agreements_in_force
from mutualaid.errors import Defect, RecordError
from mutualaid.network import Network
from mutualaid.reports._mixing import Pair, used_parameters
from mutualaid.reports._road_changes import road_changes
from mutualaid.reports._station_changes import station_changes

__all__ = ["Change", "changes", "other_changes"]

#: Endings of files that belong to one of the same name.
_SIDECARS = (".dbf", ".shx", ".prj", ".cpg", ".xml", ".tfw", ".wld", ".ovr", ".msk")
#: Sentences of one kind that are told; the others are counted.
_TOLD = 12
#: Boundaries are the same up to this share of the area that either covers.
_SAME_AREA = 1e-6
_POSITION_M = 0.01
"""Positions that are closer are the same."""


@dataclass(frozen=True)
class Change:
    """How one part of the data changed.

    Attributes
    ----------
    part
        One of `PARTS`.
    changed
        Whether anything differs that coverage can depend on.
    what
        What, in sentences.
    counts
        ``added``, ``removed`` and ``changed`` things; None where they cannot be counted.
    """

    part: str
    changed: bool
    what: tuple[str, ...]
    counts: Mapping[str, int | None]


def changes(pair: Pair, network: Callable[[bool], Network]) -> tuple[Change, ...]:
    """Find what differs, by content: another file with the same content is no change.

    Parameters
    ----------
    pair
        Two regions.
    network
        Gives the roads of a side, cut at the borders of the later one; only called if the files differ.

    Returns
    -------
    tuple of Change
        One for each part, in the order of `PARTS`.
    """
    return (
        _change("stations", *station_changes(pair)),
        _change("roads", *_roads(pair, network)),
        _change("people", *_people(pair)),
        _change("hazards", *_hazards(pair)),
        _change("agreements", *_agreements(pair)),
        _change("parameters", *_parameters(pair)),
    )


def other_changes(pair: Pair) -> tuple[str, ...]:
    """Name what differs and enters none of the numbers that are compared."""
    a, b = pair.before, pair.after
    found = [
        name
        for name in ("hospitals", "ground", "shelters", "incidents", "decisions")
        if not _same_table(getattr(a, name), getattr(b, name))
    ]
    pairs = (
        ("evacuation", _plain(a.evacuation, a), _plain(b.evacuation, b)),
        ("targets", _plain(a.targets, a), _plain(b.targets, b)),
        ("costs", a.costs, b.costs),
        ("risks", a.risks, b.risks),
        ("local standards", _local(a), _local(b)),
        ("sources", a.sources, b.sources),
        ("note", a.note, b.note),
    )
    return (*found, *(name for name, before, after in pairs if before != after))


def _change(part: str, what: Sequence[str], counts: Mapping[str, int | None]) -> Change:
    told = tuple(what[:_TOLD])
    if len(what) > _TOLD:
        told += (f"… and {len(what) - _TOLD} more.",)
    return Change(part, bool(what), told, {key: counts.get(key) for key in ("added", "removed", "changed")})


# --- roads --------------------------------------------------------------------------------------------------


def _roads(pair: Pair, network: Callable[[bool], Network]) -> tuple[list[str], dict[str, int | None]]:
    what: list[str] = []
    counts: dict[str, int | None] = {"added": 0, "removed": 0, "changed": 0}
    a, b = pair.before, pair.after
    if [sha256(path) for path in a.network_files] != [sha256(path) for path in b.network_files]:
        what, counts = road_changes(network(False), network(True))
    same_name = a.parameters.profile == b.parameters.profile
    own = [side.profile for side in (a, b) if isinstance(side.profile, Path)]
    if same_name and len(own) == 2 and sha256(own[0]) != sha256(own[1]):
        what.append(f"The vehicle profile {a.parameters.profile} states other values.")
    return what, counts


def sha256(path: Path) -> str:
    """Digest of a file."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise RecordError(
            [Defect(path.name, "", "a file of the region", str(error.strerror), "put it back")]
        ) from error


# --- people -------------------------------------------------------------------------------------------------


def _people(pair: Pair) -> tuple[list[str], dict[str, int | None]]:
    a, b = pair.before.jurisdictions, pair.after.jurisdictions
    what = [f"New jurisdiction: {b['name'][key]} ({key})." for key in b.index.difference(a.index, sort=False)]
    gone = a.index.difference(b.index, sort=False)
    counts: dict[str, int | None] = {"added": len(what), "removed": len(gone)}
    what += [f"No longer there: {a['name'][key]} ({key})." for key in gone]
    both = [key for key in b.index if key in a.index]
    changed: set[str] = set()
    for key in both:
        for column, word in (("partner", "served by"), ("country", "country")):
            before, after = a[column][key], b[column][key]
            if before != after:
                what.append(f"{b['name'][key]}, {word}: {before or 'unknown'} → {after or 'unknown'}.")
                changed.add(key)
        apart = a.geometry[key].symmetric_difference(b.geometry[key]).area
        if apart > _SAME_AREA * b.geometry[key].area:
            share = apart / b.geometry[key].area
            what.append(
                f"{b['name'][key]}: its boundary moved, by {apart / 1e6:.2g} km² ({share:.1%} of it)."
            )
            changed.add(key)
    demand_a, demand_b = pair.before.demand, pair.after.demand
    if not _same_demand(demand_a, demand_b):
        sums = [frame.groupby("jurisdiction")["population"].sum() for frame in (demand_a, demand_b)]
        total = [f"{frame['population'].sum():,.0f}" for frame in (demand_a, demand_b)]
        points = [f"{len(frame):,}" for frame in (demand_a, demand_b)]
        what.insert(
            0, f"People: {total[0]} at {points[0]} places before, {total[1]} at {points[1]} places after."
        )
        for key in both:
            before, after = (float(one.get(key, 0.0)) for one in sums)
            if abs(after - before) >= 0.5:
                what.append(f"{b['name'][key]}: {before:,.0f} → {after:,.0f} people.")
                changed.add(key)
    counts["changed"] = len(changed)
    return what, counts


def _same_demand(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame) -> bool:
    if len(a) != len(b) or not a.index.equals(b.index):
        return False
    same = (a["jurisdiction"] == b["jurisdiction"]).all() and np.array_equal(a["population"], b["population"])
    return bool(same) and bool((a.geometry.distance(b.geometry) < _POSITION_M).all())


# --- hazards, agreements, parameters ------------------------------------------------------------------------


def _hazards(pair: Pair) -> tuple[list[str], dict[str, int | None]]:
    layers = [{one.id: _plain(one, side) for one in side.hazards} for side in (pair.before, pair.after)]
    scenarios = [{one.id: _plain(one, side) for one in side.scenarios} for side in (pair.before, pair.after)]
    what: list[str] = []
    counts = dict.fromkeys(("added", "removed", "changed"), 0)
    for word, (before, after) in (("Hazard layer", layers), ("Scenario", scenarios)):
        for text, key in _compared(before, after, counts):
            what.append(f"{word} {key}: {text}.")
    return what, dict(counts)


def _agreements(pair: Pair) -> tuple[list[str], dict[str, int | None]]:
    sides = []
    for side in (pair.before, pair.after):
        day = side.parameters.day
        chosen = agreements_in_force(side.agreements, pair.after.parameters.service, day)
        sides.append({one.id: _terms(one) for one in chosen})
    counts = dict.fromkeys(("added", "removed", "changed"), 0)
    what = [f"Agreement {key}: {text}." for text, key in _compared(sides[0], sides[1], counts)]
    said = {"new": "in force now, and was not before", "gone": "no longer in force"}
    return [
        text.replace(": new.", f": {said['new']}.").replace(": gone.", f": {said['gone']}.") for text in what
    ], dict(counts)


def _terms(one: Agreement) -> dict[str, Any]:
    """Give what an agreement says about who comes how soon."""
    words = (
        "name", "valid_from", "valid_to", "sharing", "source", "confidence", "sources", "confidences", "ranges",
        "note", "handover_at_border", "handover_s",
    )  # fmt: skip
    return {key: value for key, value in asdict(one).items() if key not in words}


def _parameters(pair: Pair) -> tuple[list[str], dict[str, int | None]]:
    before, after = (_flat_parameters(side) for side in (pair.before, pair.after))
    counts = {"added": 0, "removed": 0, "changed": 0}
    what = [text for key in after for text in _differing(key, before.get(key), after[key])]
    counts["changed"] = len(what)
    return [f"{text[0].upper()}{text[1:]}." for text in what], dict(counts)


def _flat_parameters(region: Region) -> dict[str, Any]:
    found = dict(used_parameters(region))
    rule: Any = found.pop("standard")
    terms = ("limit_s", "start", "end", "statistic", "share")
    return found | {"standard": rule.id} | {f"standard {key}": _known(getattr(rule, key)) for key in terms}


def _known(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value


def _compared(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], counts: dict[str, int]
) -> Iterable[tuple[str, str]]:
    """Say what differs of each thing with an id, and count it."""
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in before:
            counts["added"] += 1
            yield "new", key
        elif key not in after:
            counts["removed"] += 1
            yield "gone", key
        else:
            texts = [
                text
                for name in after[key]
                for text in _differing(name, before[key].get(name), after[key][name])
            ]
            if texts:
                counts["changed"] += 1
                yield "; ".join(texts), key


def _differing(name: str, before: Any, after: Any) -> list[str]:
    if _equal(before, after):
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(key for key in after if key not in before)]
        return [
            text for key in names for text in _differing(f"{name}.{key}", before.get(key), after.get(key))
        ]
    if name == "sha256":
        return ["its file has other content"]
    return [f"{name} {_shown(before)} → {_shown(after)}"]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and np.isnan(a) and np.isnan(b):
        return True
    return bool(a == b)


def _shown(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "nothing"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


# --- anything -----------------------------------------------------------------------------------------------


def _plain(thing: Any, region: Region) -> Any:
    """Give a decision as plain values; a file by its content, not by where it lies."""
    if isinstance(thing, Path):
        here = thing.is_absolute() or thing.is_relative_to(region.folder)
        return _content(thing if here else region.folder / thing, region)
    if isinstance(thing, list | tuple):
        return [_plain(one, region) for one in thing]
    if isinstance(thing, Mapping):
        return {key: _plain(value, region) for key, value in thing.items()}
    if hasattr(thing, "__dataclass_fields__"):
        plain = {}
        for one in fields(thing):
            value = _plain(getattr(thing, one.name), region)
            plain["sha256" if one.name == "file" else one.name] = value
        return plain
    return "nan" if isinstance(thing, float) and np.isnan(thing) else thing


def _content(path: Path, region: Region) -> str:
    """Digest of a file and of what belongs to it: a shapefile is several files of one name."""
    beside = [
        one
        for one in sorted(region.files)
        if one.parent == path.parent
        and one.stem in (path.stem, path.name)
        and one.suffix.lower() in _SIDECARS
    ]
    return "".join(sha256(one) for one in (path, *beside))


def _local(region: Region) -> Any:
    names = region.parameters.local_standards
    return {key: (name, region.standards.get(name)) for key, name in names.items()}


def _same_table(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    if len(a) != len(b) or set(a.columns) != set(b.columns) or not a.index.equals(b.index):
        return False
    if isinstance(a, gpd.GeoDataFrame) and isinstance(b, gpd.GeoDataFrame):
        moved = a.geometry if a.crs == b.crs or b.crs is None else a.geometry.to_crs(b.crs)
        if not moved.geom_equals_exact(b.geometry, _POSITION_M).all():
            return False
        a, b = pd.DataFrame(a.drop(columns=a.geometry.name)), pd.DataFrame(b.drop(columns=b.geometry.name))
    return a.equals(b[a.columns])
