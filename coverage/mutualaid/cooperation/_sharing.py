"""What may leave: a region without what its partners keep to themselves, and the list of what that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.data import SHARING_LEVELS, Agreement, Region
from mutualaid.errors import AgreementError, Defect

__all__ = ["SharedRegion", "Withheld", "shared_region"]

_REMOVED, _ROW, _NUMBERED = "removed", "removed with its row", "replaced by a number"
_CELL, _CLASSES = "rounded to 1 km", "classes"

#: What happens to an attribute that a reader may not see: if only the public may not, and if nobody may. Whole rows go
#: where an empty value would say something false, and ``own`` never leaves, coarse neither.
_HOW: Mapping[str, tuple[str, str]] = {
    # It joins the tables, so it cannot go. A number tells nothing.
    **dict.fromkeys(
        ("stations.id", "units.id", "hospitals.id", "shelters.id", "demand.id"), (_NUMBERED, _NUMBERED)
    ),
    # Empty means unknown.
    **dict.fromkeys(
        (
            "stations.name", "stations.department", "stations.turnout_s", "stations.turnout_day_s",
            "stations.turnout_night_s", "stations.turnout_weekend_s", "units.kind", "units.capabilities",
            "units.staffing", "hospitals.name", "shelters.name", "shelters.services", "shelters.capacity_source",
            "demand.cell_x", "demand.cell_y",
        ),
        (_REMOVED, _REMOVED),
    ),
    # Required, or empty means something else: active, one unit, where the point lies, always open, no hazard.
    **dict.fromkeys(
        (
            "stations.jurisdiction", "stations.service", "stations.status", "units.station", "shelters.jurisdiction",
            "shelters.owner", "shelters.opens_min", "shelters.closes_min", "shelters.stands", "demand.jurisdiction",
        ),
        (_ROW, _ROW),
    ),
    # Which part of town is enough to follow a result.
    **dict.fromkeys(
        ("stations.geometry", "hospitals.geometry", "shelters.geometry", "demand.geometry"), (_CELL, _ROW)
    ),
    # How many, roughly, is enough to follow a result.
    **dict.fromkeys(
        ("demand.population", "units.count", "shelters.capacity", "shelters.area_m2"), (_CLASSES, _ROW)
    ),
    "demand.incidents": (_CLASSES, _REMOVED),
    # A table as a whole.
    **dict.fromkeys(("stations", "units", "hospitals", "shelters", "demand"), (_ROW, _ROW)),
}  # fmt: skip

#: What gives away an attribute, and so is kept with it.
_ALSO: Mapping[str, tuple[str, ...]] = {
    # Ids may be those of a public map, or hold the coordinates of a cell.
    "stations.geometry": ("stations.id",),
    "hospitals.geometry": ("hospitals.id",),
    "shelters.geometry": ("shelters.id",),
    # The one follows from the other.
    "shelters.capacity": ("shelters.area_m2",),
    "shelters.area_m2": ("shelters.capacity",),
    "demand.geometry": ("demand.id", "demand.cell_x", "demand.cell_y"),
    # Where incidents are the weight they are the same number.
    "demand.population": ("demand.incidents",),
    "stations.turnout_s": (
        "stations.turnout_day_s", "stations.turnout_night_s", "stations.turnout_weekend_s",
    ),
}  # fmt: skip

#: Width of the cells in whose middle a position is told.
_CELL_M = 1000.0
#: Lower ends of the classes in whose middle a count is told: 0 alone, then above 0, 1, 2, 5, 10, 20, 50 …
_STEPS = np.array([0.0, *(digit * 10.0**power for power in range(10) for digit in (1, 2, 5))])
#: What an empty cell of a text column says.
_UNKNOWN: Mapping[str, str] = {"department": "unknown"}
_PREFIX: Mapping[str, str] = {
    "stations": "S",
    "units": "U",
    "hospitals": "H",
    "shelters": "SH",
    "demand": "D",
}


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """One attribute that was kept back or made coarser.

    Attributes
    ----------
    table, attribute
        Where; the attribute is empty for a table as a whole. The table is ``agreement`` or ``scenario`` where
        region.toml names a station that was removed. Of ``incidents`` no row leaves, of ``decisions`` those that may.
    partner
        Whose rows; empty where they are nobody's.
    rows
        How many rows state it and had not been removed already; 0: there was nothing to keep back.
    action
        ``removed`` (unknown in the copy), ``removed with its row``, ``replaced by a number``, ``rounded to 1 km`` or
        ``classes``.
    because
        Agreements that ask for it, each with ``agreement`` (its id), ``word`` and ``source``. Where none has to ask for
        it the id is empty, and the source says why.
    """

    table: str
    attribute: str
    partner: str
    rows: int
    action: str
    because: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, eq=False)
class SharedRegion:
    """A region as readers of some level may see it.

    Attributes
    ----------
    region
        The copy. It may have no station or demand left.
    level
        Who may see it.
    withheld
        What is missing in it, and why.
    stations, demand
        Id in the copy by the original id; those whose row was removed are missing.
    """

    region: Region
    level: str
    withheld: tuple[Withheld, ...]
    stations: pd.Series
    demand: pd.Series

    def hidden(self, table: str) -> frozenset[str]:
        """Attributes of a table that are withheld in at least one row; one that is empty stands for the whole table."""
        return frozenset(one.attribute for one in self.withheld if one.table == table and one.rows)


def shared_region(region: Region, level: str) -> SharedRegion:
    """Make a copy of a region without what its partners keep from the readers of a level.

    Whose a row is decides: the word that counts is the strictest of all agreements that bind its partner, those that
    are not in force included, because a promise of secrecy does not end by expiry. What no agreement names is public.
    A position is told as the middle of a cell of 1 km (or the nearest place of its jurisdiction), a count as the middle
    of its class (0, 1, 2, 5, 10 …), and what can be unknown is unknown; ``own`` never leaves, coarse neither. What
    gives an attribute away is kept with it: the id with the position, the turnouts by hour with the turnout. A hospital
    that lies in no jurisdiction is nobody's, and every agreement binds it.

    Records of incidents never leave: a time and a place are enough to know whose call it was. Of the log of decisions
    the copy has the entries whose own word (``sharing``) allows it.

    Texts (names, notes, sources) that no agreement names pass as they are.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    level
        Who will see it: ``public`` or ``partners``.

    Returns
    -------
    SharedRegion

    Raises
    ------
    AgreementError
        The level is another one, or an agreement keeps back something that is no table or column.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mutualaid.cooperation import shared_region
    >>> from mutualaid.data import Agreement, demo_path, read_region
    >>> region = read_region(demo_path())
    >>> partners = tuple(region.jurisdictions["partner"].unique())
    >>> treaty = Agreement(id="t", parties=partners, sharing={"stations.name": "partners"})
    >>> public = shared_region(replace(region, agreements=(treaty,)), "public")
    >>> sorted((one.attribute, one.rows, one.action) for one in public.withheld if one.table == "stations")
    [('name', 1, 'removed'), ('name', 2, 'removed')]
    >>> bool((public.region.stations["name"] == public.region.stations.index).all())
    True
    """
    _check(region.agreements, level)
    copies = {table: _Copy(region, table, level) for table in _PREFIX}
    stations, units = copies["stations"], copies["units"]
    units.keep_those_of(stations)
    agreements, in_agreements = _agreements(region, stations)
    scenarios, in_scenarios = _scenarios(region, stations)
    left = {one.id for one in scenarios}
    withheld = tuple(one for copy in copies.values() for one in copy.withheld) + in_agreements + in_scenarios
    changed = any(one.rows for one in withheld)
    decisions, kept_back = _decisions(region, level)
    withheld += _incidents(region) + kept_back
    frames = {table: copy.finished() for table, copy in copies.items()}
    coarse = copies["demand"].coarse
    if coarse:
        frames["demand"] = frames["demand"].drop(columns=["cell_x", "cell_y"], errors="ignore")
    note = region.note
    if changed:  # from incidents and decisions nothing is computed that the copy can tell
        note += (
            f"{' ' if note else ''}A copy for the level {level}, in which partners keep something back (manifest.json "
            "says what): numbers that are computed from it are not those of all data."
        )
    shared = replace(
        region,
        **frames,
        cell_m=None if coarse else region.cell_m,
        agreements=agreements,
        scenarios=scenarios,
        risks=tuple(one for one in region.risks if left >= set(one.scenarios)),
        note=note,
        incidents=region.incidents.iloc[:0],
        decisions=decisions,
    )
    return SharedRegion(shared, level, withheld, stations.ids(), copies["demand"].ids())


def _check(agreements: tuple[Agreement, ...], level: str) -> None:
    defects = []
    if level not in SHARING_LEVELS[:-1]:
        expected, remedy = f"one of {', '.join(SHARING_LEVELS[:-1])}", "choose who will read it"
        defects.append(Defect("", "level", expected, repr(level), remedy))
    for one in agreements:
        for name in sorted(set(one.sharing) - set(_HOW)):
            remedy = f"use one of {', '.join(_HOW)}"
            expected = "a table that is shared, or a column of it"
            defects.append(Defect("", f"agreement {one.id}, sharing", expected, name, remedy))
    if defects:
        raise AgreementError(defects)


class _Copy:
    """A table on its way out: its rows with the partner of each, and what has been kept back so far."""

    def __init__(self, region: Region, table: str, level: str) -> None:
        self.table = table
        self.withheld: list[Withheld] = []
        self.frame: Any = getattr(region, table).copy()
        self.coarse = False
        self._land = region.jurisdictions.geometry
        self._owner = _owners(region, table)
        self._keep = np.ones(len(self.frame), dtype=np.bool_)
        self._numbered = np.zeros(len(self.frame), dtype=np.bool_)
        #: Why rows went, by position.
        self._why: dict[int, tuple[Mapping[str, str], ...]] = {}
        for partner in dict.fromkeys([*region.jurisdictions["partner"], *self._owner]):
            words = _words(region.agreements, partner, level)
            mine = [key for key in words if key.partition(".")[0] == table]
            # Rows first: what is left of a table is made coarser then.
            for key in sorted(mine, key=lambda one: _HOW[one][words[one].own] != _ROW):
                self._withhold(key, words[key], partner)

    @property
    def lost(self) -> frozenset[str]:
        """Ids whose row was removed."""
        return frozenset(self.frame.index[~self._keep])

    def because(self, ids: Iterable[str]) -> tuple[Mapping[str, str], ...]:
        """Why the rows of some ids were removed."""
        return _each_once(one for key in ids for one in self._why[int(self.frame.index.get_loc(key))])

    def keep_those_of(self, stations: _Copy) -> None:
        """Remove units whose station was removed, and call the others' stations by their new ids."""
        gone = self.frame["station"].isin(stations.lost).to_numpy() & self._keep
        for partner in dict.fromkeys(self._owner[gone]):
            rows = gone & (self._owner == partner)
            because = stations.because(self.frame["station"][rows].unique())
            self._remove_rows(rows, "station", str(partner), because)
        names = stations.ids()
        self.frame["station"] = [names.get(key, key) for key in self.frame["station"]]

    def ids(self) -> pd.Series:
        """Id in the copy by the original one, of the rows that stay."""
        old = self.frame.index[self._keep]
        numbered = self._numbered[self._keep]
        taken = set(old[~numbered])
        free = (
            name
            for n in range(1, 2 * len(self.frame) + 1)
            if (name := f"{_PREFIX[self.table]}{n}") not in taken
        )
        new = [next(free) if one else key for key, one in zip(old, numbered, strict=True)]
        return pd.Series(new, index=old, dtype="str")

    def finished(self) -> Any:
        """Give the table that may leave; what has no name is called by its id in the copy."""
        frame = self.frame[self._keep]
        ids = self.ids()
        if "name" in frame:
            named = (frame["name"] != "") & (frame["name"] != frame.index)
            frame = frame.assign(name=frame["name"].where(named, ids))
        return frame.rename(index=ids.to_dict()) if self._numbered.any() else frame

    def _withhold(self, key: str, word: _Word, partner: str) -> None:
        column = key.partition(".")[2]
        if column and column not in (*self.frame.columns, "id", "geometry"):
            return
        mine = (self._owner == partner) & self._keep
        action = _HOW[key][word.own]
        rows = mine & self._stated(column)
        if action == _ROW:
            self._remove_rows(mine, column, partner, word.because)
            return
        if column == "name":  # what it is called in other languages goes with it
            other = [name for name in map(str, self.frame.columns) if name.startswith("name_")]
            self.frame.loc[mine, other] = ""
        if word.implied and not rows.any():
            return
        self.withheld.append(
            Withheld(
                table=self.table,
                attribute=column,
                partner=partner,
                rows=int(rows.sum()),
                action=action,
                because=word.because,
            )
        )
        if action == _NUMBERED:
            self._numbered |= mine
        elif action == _CELL:
            self._round(rows)
        elif action == _CLASSES:
            self.frame.loc[rows, column] = _middles(self.frame.loc[rows, column])
        else:
            number = pd.api.types.is_float_dtype(self.frame[column].dtype)
            self.frame.loc[rows, column] = np.nan if number else _UNKNOWN.get(column, "")
        self.coarse |= bool(rows.any()) and column in ("geometry", "cell_x", "cell_y")

    def _remove_rows(
        self, rows: NDArray[np.bool_], column: str, partner: str, because: tuple[Mapping[str, str], ...]
    ) -> None:
        self._keep &= ~rows
        self._why |= {int(at): (*self._why.get(int(at), ()), *because) for at in np.flatnonzero(rows)}
        count = int(rows.sum())
        self.withheld.append(
            Withheld(
                table=self.table, attribute=column, partner=partner, rows=count, action=_ROW, because=because
            )
        )

    def _stated(self, column: str) -> NDArray[np.bool_]:
        """(rows,) whether a row states an attribute."""
        if column in ("", "id", "geometry"):
            return np.ones(len(self.frame), dtype=np.bool_)
        values = self.frame[column]
        if column == "name":
            return np.asarray(values != self.frame.index, dtype=np.bool_)
        return np.asarray(values.notna() & (values.astype("str") != _UNKNOWN.get(column, "")), dtype=np.bool_)

    def _round(self, rows: NDArray[np.bool_]) -> None:
        """Move points to the middle of their cell, or to the place of their jurisdiction that is nearest to it."""
        points = np.array(self.frame.geometry.array, dtype=object)
        corner = np.floor(shapely.get_coordinates(points[rows]) / _CELL_M)
        middle = shapely.points((corner + 0.5) * _CELL_M)
        if "jurisdiction" in self.frame:
            area = np.array(self._land.reindex(self.frame["jurisdiction"][rows]).array, dtype=object)
            middle = shapely.get_point(shapely.shortest_line(area, middle), 0)
        points[rows] = middle
        self.frame = self.frame.set_geometry(
            gpd.GeoSeries(points, index=self.frame.index, crs=self.frame.crs)
        )


def _middles(values: pd.Series) -> NDArray[Any]:
    """Middle of the class of each count; whole numbers stay whole, and 0 and unknown stay what they are."""
    at = np.searchsorted(_STEPS, values.to_numpy(np.float64), side="right").clip(1, len(_STEPS) - 1)
    low, high = _STEPS[at - 1], _STEPS[at]
    if pd.api.types.is_integer_dtype(values.dtype):
        return np.asarray((low + high - 1) // 2, dtype=np.int64)
    found: NDArray[Any] = np.where(values > 0, (low + high) / 2, values)
    return found


def _owners(region: Region, table: str) -> NDArray[np.object_]:
    """(rows,) whose each row is; empty if nobody's."""
    frame, partner = getattr(region, table), region.jurisdictions["partner"]
    if table == "units":
        place = frame["station"].map(region.stations["jurisdiction"])
    elif table == "hospitals":
        point, area = region.jurisdictions.sindex.query(frame.geometry, predicate="intersects")
        first = pd.Series(region.jurisdictions.index[area], index=point).groupby(level=0).first()
        place = first.reindex(range(len(frame)))
    elif table == "shelters":
        return np.asarray(frame["owner"].astype(object).fillna(""), dtype=object)
    else:
        place = frame["jurisdiction"]
    return np.asarray(place.map(partner).astype(object).fillna(""), dtype=object)


@dataclass(frozen=True)
class _Word:
    """Why readers of a level may not see an attribute.

    `own` is whether nobody may, `implied` whether it only gives away another one that they may not see.
    """

    own: bool
    implied: bool
    because: tuple[Mapping[str, str], ...]


def _words(agreements: tuple[Agreement, ...], partner: str, level: str) -> dict[str, _Word]:
    """By attribute that readers of a level may not see: the strictest word of all agreements that bind a partner."""
    allowed = SHARING_LEVELS.index(level)
    said: dict[str, list[Mapping[str, str]]] = {}
    named = set()
    for one in agreements:
        for key, word in one.sharing.items():
            if SHARING_LEVELS.index(word) > allowed and (not partner or partner in one.parties):
                named.add(key)
                for attribute in (key, *_ALSO.get(key, ())):
                    because = {"agreement": one.id, "word": word, "source": one.source_of("sharing")}
                    said.setdefault(attribute, []).append(because)
    return {
        key: _Word("own" in {one["word"] for one in said[key]}, key not in named, _each_once(said[key]))
        for key in _HOW
        if key in said
    }


def _each_once(because: Iterable[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    return tuple({tuple(one.items()): one for one in because}.values())


def _agreements(region: Region, stations: _Copy) -> tuple[tuple[Agreement, ...], tuple[Withheld, ...]]:
    """Agreements whose excluded pairs name stations as the copy does, without those that were removed."""
    names = stations.ids().to_dict() | {"*": "*"}
    found, withheld = [], []
    for one in region.agreements:
        kept = tuple((names[a], names[b]) for a, b in one.excluded_pairs if a in names and b in names)
        found.append(replace(one, excluded_pairs=kept) if one.excluded_pairs else one)
        if gone := len(one.excluded_pairs) - len(kept):
            because = stations.because(
                [key for pair in one.excluded_pairs for key in pair if key in stations.lost]
            )
            withheld.append(_in_toml("agreement", f"excluded_pairs of {one.id}", gone, because))
    return tuple(found), tuple(withheld)


def _scenarios(region: Region, stations: _Copy) -> tuple[tuple[Any, ...], tuple[Withheld, ...]]:
    """Scenarios that close stations by their ids in the copy, without those that were removed."""
    names = stations.ids()
    found, withheld = [], []
    for one in region.scenarios:
        kept = tuple(str(names.get(key, key)) for key in one.closed_stations if key not in stations.lost)
        gone = [key for key in one.closed_stations if key in stations.lost]
        if kept or one.layers or one.closed_ways or one.closed_crossings:  # else it says nothing any more
            found.append(replace(one, closed_stations=kept))
        if gone:
            withheld.append(
                _in_toml("scenario", f"closed_stations of {one.id}", len(gone), stations.because(gone))
            )
    return tuple(found), tuple(withheld)


def _incidents(region: Region) -> tuple[Withheld, ...]:
    return _rows_of("incidents", len(region.incidents), "own", "records of single incidents never leave")


def _decisions(region: Region, level: str) -> tuple[pd.DataFrame, tuple[Withheld, ...]]:
    """Entries of the log that readers of a level may see, and how many they may not."""
    words = region.decisions["sharing"].where(region.decisions["sharing"].isin(SHARING_LEVELS), "partners")
    hidden = SHARING_LEVELS[SHARING_LEVELS.index(level) + 1 :]
    withheld = [
        _rows_of("decisions", int((words == word).sum()), word, "the entry itself says so") for word in hidden
    ]
    return region.decisions[~words.isin(hidden)], tuple(one for some in withheld for one in some)


def _rows_of(table: str, rows: int, word: str, source: str) -> tuple[Withheld, ...]:
    because = ({"agreement": "", "word": word, "source": source},)
    whole = Withheld(table=table, attribute="", partner="", rows=rows, action=_ROW, because=because)
    return (whole,) if rows else ()


def _in_toml(table: str, attribute: str, rows: int, because: tuple[Mapping[str, str], ...]) -> Withheld:
    return Withheld(table=table, attribute=attribute, partner="", rows=rows, action=_REMOVED, because=because)
