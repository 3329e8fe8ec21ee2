"""Compare two runs: what changed, what each changed part of the data did, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from mutualaid.coverage import LEVELS, standard
from mutualaid.data import Region
from mutualaid.errors import Defect, RecordError
from mutualaid.reports._attribution import Attributed, Key, Mixes, attribute
from mutualaid.reports._changes import Change, changes, other_changes
from mutualaid.reports._compare_words import comparison_notes, words_of
from mutualaid.reports._difference import difference_layer, difference_sums, difference_table
from mutualaid.reports._mixing import PARTS, Pair
from mutualaid.reports._runs import RunRecord

__all__ = ["COMPARISON_NULL_MEANS", "Comparison", "compare", "comparison_words"]

#: What a missing value in ``comparison.json`` means, by key.
COMPARISON_NULL_MEANS: Mapping[str, str] = {
    "created": "compared from a folder, not from the record of a run",
    "share": "the standard states no share",
    "before": "unknown, or nobody lives there",
    "after": "unknown, or nobody lives there",
    "change": "unknown on one side, or in a mix of both",
    "first": "unknown in the mix in which only this part is new",
    "last": "unknown in the mix in which only this part is old",
    "added": "single things cannot be told apart",
    "removed": "single things cannot be told apart",
    "changed": "single things cannot be told apart",
    "largest": "nothing that was compared changed the people in time",
}

_COLUMNS = [
    "kind", "id", "indicator", "before", "after", "change", "part", "part_change", "part_first", "part_last",
]  # fmt: skip
_TOTAL: Key = ("total", "", "covered_joint")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs, compared.

    Attributes
    ----------
    before, after
        The regions, both in the CRS of the later one.
    changes
        What differs, one entry for each of stations, roads, people, hazards, agreements and parameters.
    table
        One row for each number and part: ``kind`` (``total``, ``jurisdictions``, ``partners``, ``scenarios``), ``id``,
        ``indicator``, ``before``, ``after``, ``change`` (of the number), ``part``, and what the part did to it:
        ``part_change`` (its Shapley share: over the parts they sum to ``change``), ``part_first`` (it alone is new),
        ``part_last`` (it alone was old).
    difference
        Place by place: see `difference_layer`.
    by_jurisdiction
        People of each change by jurisdiction: see `difference_table`.
    notes
        What must be known to read it.
    summary
        All numbers, ready for JSON: what ``comparison.json`` holds.
    """

    before: Region
    after: Region
    changes: tuple[Change, ...]
    table: pd.DataFrame
    difference: gpd.GeoDataFrame
    by_jurisdiction: pd.DataFrame
    notes: tuple[str, ...]
    summary: dict[str, Any]


def compare(
    before: Region,
    after: Region,
    *,
    records: tuple[RunRecord | None, RunRecord | None] = (None, None),
    scenarios: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Comparison:
    """Find what changed between two runs, and what each changed part of the data did to the numbers.

    Both sides are computed again with this version of the program, so that no difference comes from the program. The
    parts of the data that differ by content are swapped: with k of them, all 2ᵏ mixes of old and new are computed, each
    once, and each part gets its Shapley share of the change of each number: what it adds on average over all orders in
    which the parts could have changed (Shapley 1953, doi:10.1515/9781400881970-018). The shares sum to the whole
    change. Beside it stands what the part does if it is the first or the last to change: where the two differ, parts
    act together.

    The parts are ``stations`` (with their units), ``roads`` (with a vehicle profile of the region's own, if both sides
    name the same), ``people`` (jurisdictions and demand), ``hazards`` (layers and scenarios), ``agreements`` (those in
    force on the day of each run) and ``parameters`` (with the common standard).

    Parameters
    ----------
    before, after
        The regions: as `region_of` gives them of a record, or as read from folders.
    records
        The records of both runs, where there are any: their numbers beyond coverage are compared too.
    scenarios
        Whether to compare under the hazard scenarios that both sides have; this takes most of the time.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    Comparison

    Raises
    ------
    RecordError
        The two lie apart: no place of the one is near the other.
    MutualAidError
        One of them cannot be computed; as for `mutualaid.coverage.analyse`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import compare
    >>> old = read_region(demo_path())
    >>> new = replace(old, parameters=replace(old.parameters, dispatch_s=120.0))
    >>> found = compare(old, new, scenarios=False)
    >>> [one.part for one in found.changes if one.changed]
    ['parameters']
    >>> joint = found.summary["total"]["covered_joint"]
    >>> joint["change"] == joint["parts"]["parameters"]["change"] < 0
    True
    """
    tell = progress or _silent
    pair = Pair.of(before, after)
    _check(pair)
    tell("Looking for what differs", 0.0)
    mixes = Mixes(pair)
    found = changes(pair, lambda new: mixes.network(roads=new, people=True))
    both = {one.id for one in before.scenarios} & {one.id for one in after.scenarios}
    mixes.scenarios = tuple(one.id for one in after.scenarios if one.id in both and scenarios)
    swapped = [one.part for one in found if one.changed and (one.part != "hazards" or mixes.scenarios)]
    mixes.parts = frozenset(swapped)
    # Neighbouring mixes differ in the hazards alone, so that fair weather is computed once for both.
    order = sorted(swapped, key=lambda part: part != "hazards")
    attributed = attribute(
        order, mixes.numbers, told=lambda n, count: tell(_step(n, count), 0.05 + 0.9 * n / count)
    )
    tell("Drawing the difference", 0.95)
    ends = (mixes.coverage(mixes.base), mixes.coverage(mixes.parts))
    places = pair.after.demand.assign(
        partner=pair.after.demand["jurisdiction"].map(pair.after.jurisdictions["partner"])
    )
    layer = difference_layer(*ends, places)
    asked = tuple(level for level in LEVELS if f"{level}_change" in layer.columns)
    numbers = _Numbers(pair, attributed, swapped, asked, frozenset(mixes.lost))
    names = {str(key): str(name) for key, name in pair.after.jurisdictions["name"].items()}
    table = difference_table(layer, names)
    summary: dict[str, Any] = {
        "schema": 1,
        "before": _head(pair.before, records[0]),
        "after": _head(pair.after, records[1]),
        "levels": list(asked),
        "parts": [
            {"part": one.part, "changed": one.changed, "what": list(one.what), "counts": dict(one.counts)}
            for one in found
        ],
        "other": list(other_changes(pair)),
        "total": numbers.block("total", ""),
        "jurisdictions": numbers.places("jurisdictions"),
        "partners": numbers.places("partners"),
        "scenarios": numbers.scenarios(mixes.scenarios),
        "largest": numbers.largest(),
        "difference": _rounded(difference_sums(layer)),
        "difference_jurisdictions": _rounded(table.to_dict("records")),
        "recorded": _recorded(records),
        "computed": {"runs": attributed.runs, "exact": True},
    }
    notes = comparison_notes(pair, found, summary, records, [*mixes.notes], mixes.lost)
    summary |= {"words": words_of(summary), "notes": notes, "null_means": dict(COMPARISON_NULL_MEANS)}
    return Comparison(pair.before, pair.after, found, numbers.table(), layer, table, tuple(notes), summary)


def comparison_words(comparison: Comparison) -> list[str]:
    """Say what changed, and why, in a few sentences.

    Parameters
    ----------
    comparison
        As `compare` gives it.

    Returns
    -------
    list of str
        Each is a paragraph.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import compare, comparison_words
    >>> same = read_region(demo_path())
    >>> comparison_words(compare(same, same, scenarios=False))[0]
    'Nothing that coverage depends on differs between the two.'
    """
    return list(comparison.summary["words"])


# --- putting the summary together ---------------------------------------------------------------------------


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _step(number: int, count: int) -> str:
    return f"Mixing before and after: {number + 1} of {count}"


def _check(pair: Pair) -> None:
    """Refuse two places that have nothing to do with each other."""
    a, b = (side.jurisdictions.total_bounds for side in (pair.before, pair.after))
    if a[0] > b[2] or b[0] > a[2] or a[1] > b[3] or b[1] > a[3]:
        expected, got = (
            "two states of one region",
            f"{pair.before.name} and {pair.after.name}, which lie apart",
        )
        raise RecordError([Defect("", "", expected, got, "name two runs of the same region")])


def _head(region: Region, record: RunRecord | None) -> dict[str, Any]:
    rule = standard(region.parameters.standard, own=region.standards)
    serving = region.stations[
        (region.stations["service"] == region.parameters.service) & (region.stations["status"] == "active")
    ]
    return {
        "id": region.folder.name if record is None else record.id,
        "region": region.name,
        "note": region.note if record is None else record.note,
        "created": None if record is None else record.created,
        "day": region.parameters.day.isoformat(),
        "service": region.parameters.service,
        "standard": rule.id,
        "standard_name": rule.name,
        "limit_s": rule.limit_s,
        "population": _round(math.fsum(region.demand["population"])),
        "stations": len(serving),
        "demand_points": len(region.demand),
        "sources": [
            {"what": one.what, "source": one.source, "licence": one.licence, "date": one.date}
            for one in region.sources
        ],
    }


def _recorded(records: tuple[RunRecord | None, RunRecord | None]) -> list[dict[str, Any]]:
    """Compare what both records state, of what differs."""
    first, second = records
    if first is None or second is None:
        return []
    found = []
    for key, value in second.indicators.items():
        if key in first.indicators and first.indicators[key] != value:
            before = first.indicators[key]
            change = None if before is None or value is None else _round(value - before, key)
            found.append({"indicator": key, "before": before, "after": value, "change": change})
    return found


class _Numbers:
    """Numbers of a comparison, in the order in which they are told."""

    def __init__(
        self, pair: Pair, found: Attributed, parts: list[str], asked: tuple[str, ...], lost: frozenset[str]
    ) -> None:
        self._pair, self._found, self._lost = pair, found, lost
        self._parts = [part for part in PARTS if part in parts]
        by_level = [name for level in asked for name in (f"covered_{level}", f"covered_{level}_share")]
        closed = [f"closed_by_{level}" for level in asked[1:]]
        self._names = ["population", "unreachable", "remaining", *closed, *by_level]

    def block(self, kind: str, place: str) -> dict[str, Any]:
        """Before, after, change and what each part did, by number."""
        told = self._names
        if kind == "scenarios":
            told = [name for name in told if name.startswith(("covered", "closed", "remaining"))]
        return {
            name: self._one((kind, place, name)) for name in told if (kind, place, name) in self._found.shares
        }

    def _one(self, key: Key) -> dict[str, Any]:
        before, after = (self._side(key, numbers) for numbers in (self._found.before, self._found.after))
        shares = self._found.shares[key]
        return {
            "before": _round(before, key[2]),
            "after": _round(after, key[2]),
            "change": _round(after - before, key[2]),
            "parts": {
                part: {
                    name: _round(float(shares[name][part]), key[2]) for name in ("change", "first", "last")
                }
                for part in self._parts
            },
        }

    @staticmethod
    def _side(key: Key, numbers: Mapping[Key, float]) -> float:
        """Give a number; of a place that is not there, nobody: but its shares are unknown."""
        return numbers.get(key, math.nan if key[2].endswith("_share") else 0.0)

    def places(self, kind: str) -> dict[str, Any]:
        """Blocks of jurisdictions or partners, those of the later region first."""
        sides = [self._ids(kind, side) for side in (self._pair.before, self._pair.after)]
        names = sides[0] | sides[1]
        order = [*sides[1], *(key for key in sides[0] if key not in sides[1])]
        return {
            key: {
                "name": names[key],
                "in": _where(key, sides[0], sides[1]),
                "indicators": self.block(kind, key),
            }
            for key in order
        }

    @staticmethod
    def _ids(kind: str, region: Region) -> dict[str, str]:
        lands = region.jurisdictions
        if kind == "jurisdictions":
            return {str(key): str(name) for key, name in lands["name"].items()}
        return {str(name): str(name) for name in sorted(lands["partner"].unique())}

    def scenarios(self, computed: tuple[str, ...]) -> dict[str, Any]:
        """Blocks of scenarios; empty for those that were not computed on both sides."""
        sides = [
            {one.id: one.name for one in side.scenarios} for side in (self._pair.before, self._pair.after)
        ]
        names = sides[0] | sides[1]
        order = [*sides[1], *(key for key in sides[0] if key not in sides[1])]
        told = [key for key in computed if key not in self._lost]
        return {
            key: {
                "name": names[key],
                "in": _where(key, sides[0], sides[1]),
                "indicators": self.block("scenarios", key) if key in told else {},
            }
            for key in order
        }

    def largest(self) -> dict[str, Any] | None:
        """Give the part that changed the people in time most."""
        shares = self._found.shares[_TOTAL]["change"]
        parts = [part for part in self._parts if abs(shares[part]) > 0]
        if not parts:
            return None
        part = max(parts, key=lambda one: abs(shares[one]))
        return {"indicator": _TOTAL[2], "part": part, "change": _round(shares[part], _TOTAL[2])}

    def table(self) -> pd.DataFrame:
        """Give one row for each number and part, with full precision."""
        rows = []
        for key, shares in self._found.shares.items():
            kind, place, called = key
            if called not in self._names or (kind == "scenarios" and place in self._lost):
                continue
            before, after = (self._side(key, numbers) for numbers in (self._found.before, self._found.after))
            row: dict[str, Any] = {"kind": kind, "id": place, "indicator": called}
            row |= {"before": before, "after": after, "change": after - before}
            for part in self._parts or [""]:
                did = {
                    f"part_{name}": shares[name][part] if part else math.nan
                    for name in map(str, shares.columns)
                }
                rows.append(row | {"part": part} | did)
        return pd.DataFrame(rows, columns=_COLUMNS)


def _where(key: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    if key in before and key in after:
        return "both"
    return "after" if key in after else "before"


def _round(value: float, name: str = "") -> float | None:
    """People and seconds keep three decimals, shares six; what is unknown is None."""
    if not math.isfinite(value):
        return None
    # Adding zero makes none of -0.
    return round(float(value), 6 if name.endswith("share") else 3) + 0.0


def _rounded(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(one) for one in content]
    return _round(content) if isinstance(content, float) else content
