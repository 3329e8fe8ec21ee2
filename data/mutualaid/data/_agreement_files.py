"""The sections of region.toml on agreements and costs: partners, stations and attributes that exist."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, TypeVar

import pandas as pd

from mutualaid.data._agreements import (
    Agreement,
    AgreementCrossing,
    CoalitionCost,
    Costs,
    contradictions,
)
from mutualaid.data._formats import RawTable
from mutualaid.data._paths import shown
from mutualaid.data._schema import TABLES, AgreementEntry, CostEntry
from mutualaid.errors import AgreementError, Defect

__all__ = ["SHAREABLE", "AgreementSections", "certain"]

_TABLES = ("stations", "units", "hospitals", "shelters", "demand")
#: What an agreement may keep from others: tables, their columns, and where their rows are.
SHAREABLE: tuple[str, ...] = (
    *_TABLES,
    *(f"{table}.{column.name}" for table in _TABLES for column in TABLES[table].columns),
    *(f"{table}.geometry" for table in _TABLES if TABLES[table].geometry != "none"),
)
#: Stands for any station.
_ANY = "*"

_Made = TypeVar("_Made", Agreement, Costs)


class AgreementSections:
    """One reading of ``[[agreement]]`` and ``[cost]``.

    Ids of crossings are checked where the roads are known, in the analysis.

    Attributes
    ----------
    agreements, costs
        What could be read.
    defects
        What is wrong.
    """

    def __init__(
        self,
        toml: str,
        sections: Mapping[str, Any],
        raw: Mapping[str, RawTable],
        frames: Mapping[str, pd.DataFrame],
    ) -> None:
        self._toml = toml
        self.defects: list[Defect] = []
        #: Jurisdictions by all that their partner may be mistaken for; None where nobody can say who the partners are.
        self._areas = frames.get("jurisdictions") if certain(raw, "jurisdictions", "id", "partner") else None
        stations = frames.get("stations") if certain(raw, "stations", "id", "jurisdiction") else None
        #: Partner of each station, "" if unknown; None where nobody can say which stations there are.
        self._stations: dict[str, str] | None = None
        if stations is not None and self._areas is not None:
            partner = dict(zip(self._areas["id"], self._areas["partner"], strict=True))
            place = zip(stations["id"], stations["jurisdiction"], strict=True)
            self._stations = {key: partner.get(area, "") for key, area in place}
        entries = enumerate(sections.get("agreement") or (), 1)
        numbered = [(number, entry) for number, entry in entries if entry is not None]
        self._check_unique([entry.id for _, entry in numbered])
        made = [(number, self._agreement(number, entry)) for number, entry in numbered]
        whole = [(number, agreement) for number, agreement in made if agreement is not None]
        for (a, first), (b, second) in combinations(whole, 2):
            for defect in contradictions((first, second)):
                where = f"[[agreement]] {a} and {b}"
                self.defects.append(replace(defect, file=self._toml, where=where))
        self.agreements: tuple[Agreement, ...] = tuple(agreement for _, agreement in whole)
        entry = sections.get("cost")
        self.costs = (None if entry is None else self._costs(entry)) or Costs()

    def _check_unique(self, ids: list[str]) -> None:
        groups: dict[str, list[str]] = {}
        for name in ids:
            groups.setdefault(name.casefold(), []).append(name)
        for names in groups.values():
            distinct = sorted(set(names))
            if len(names) > 1:
                how = " twice" if len(distinct) == 1 else ", alike but for case"
                got, remedy = f"{' and '.join(distinct)}{how}", "rename one of them"
                self.defects.append(Defect(self._toml, "[[agreement]] id", "each id once", got, remedy))

    def _unknown(self, where: str, expected: str, got: str, known: Iterable[str]) -> None:
        some = list(known)
        close = difflib.get_close_matches(got, some, n=1)
        remedy = f"did you mean {_names(close)}" if close else f"use one of {_names(some)}"
        self.defects.append(Defect(self._toml, where, expected, shown(got), remedy))

    def _check_partners(self, where: str, names: Iterable[str]) -> bool:
        """Whether all are partners; those who are not are reported."""
        if self._areas is None:
            return True
        known = set(self._areas["partner"])
        strangers = [name for name in dict.fromkeys(names) if name not in known]
        for name in strangers:
            expected = "a partner, as the jurisdictions name it"
            meant = (self._areas[["id", "name", "country"]] == name).any(axis=1)
            partners = sorted(self._areas.loc[meant, "partner"].unique())
            if partners:
                remedy = f"name its partner{'s' * (len(partners) > 1)}: {_names(partners)}"
                self.defects.append(Defect(self._toml, where, expected, shown(name), remedy))
            else:
                self._unknown(where, expected, name, sorted(known))
        return not strangers

    def _made(self, place: str, own: str, make: Callable[[], _Made]) -> _Made | None:
        """Make a decision; what it refuses is reported at its place in the file."""
        try:
            return make()
        except AgreementError as error:
            for defect in error.defects:
                where = place + defect.where.removeprefix(own)
                self.defects.append(replace(defect, file=self._toml, where=where))
        return None

    def _agreement(self, number: int, entry: AgreementEntry) -> Agreement | None:
        where = f"[[agreement]] {number}"
        values = _frozen(entry.model_dump(exclude_none=True))
        values["crossing"] = tuple(AgreementCrossing(**one) for one in values["crossing"])
        parties = self._check_partners(f"{where}, parties", entry.parties)
        certain = self._check_partners(f"{where}, helpers", entry.helpers) and parties
        if not certain:
            # Who is misspelt is no stranger to the parties as well, nor are the others if a party is.
            values["helpers"] = ()
        agreement = self._made(f"{where}, ", f"agreement {entry.id}, ", lambda: Agreement(**values))
        for name in entry.sharing:
            if name not in SHAREABLE:
                self._unknown(
                    f"{where}, sharing", "a table that is shared, or a column of it", name, SHAREABLE
                )
        for at, pair in enumerate(entry.excluded_pairs, 1):
            self._check_pair(f"{where}, excluded_pairs {at}", pair, entry, certain=certain)
        return agreement if certain else None

    def _check_pair(self, where: str, pair: list[str], entry: AgreementEntry, *, certain: bool) -> None:
        if self._stations is None or self._areas is None:
            return
        # A party that keeps its stations to itself has none in this table: the name may be one of them.
        all_there = set(entry.parties) & set(self._areas["partner"]) <= set(self._stations.values())
        for name in pair:
            if name != _ANY and name not in self._stations and all_there:
                self._unknown(where, f"the id of a station, or {_ANY}", name, sorted(self._stations))
        helper, host = (self._stations.get(name, "") for name in pair)
        helpers = entry.helpers or entry.parties
        if helper and certain and helper not in helpers:
            expected = "first a station of a party that helps"
            remedy = "exchange them" if host in helpers and helper in entry.parties else "remove the pair"
            self.defects.append(Defect(self._toml, where, expected, f"{shown(pair[0])}, of {helper}", remedy))
        elif host and certain and (host not in entry.parties or host == helper):
            expected = "then a station of another party"
            self.defects.append(
                Defect(self._toml, where, expected, f"{shown(pair[1])}, of {host}", "remove the pair")
            )

    def _costs(self, entry: CostEntry) -> Costs | None:
        values = _frozen(entry.model_dump(exclude_none=True))
        values["coalition"] = tuple(CoalitionCost(**one) for one in values["coalition"])
        self._check_partners("[cost] alone", entry.alone)
        for number, one in enumerate(entry.coalition, 1):
            self._check_partners(f"[cost] coalition {number}, parties", one.parties)
        return self._made("[cost] ", "costs, ", lambda: Costs(**values))


def certain(raw: Mapping[str, RawTable], table: str, *columns: str) -> bool:
    """Whether columns of a table could be read without a defect."""
    places = [f"{defect.where}|{defect.expected}" for defect in raw[table].defects] if table in raw else []
    return not any(f"column {column}" in place for place in places for column in columns)


def _names(names: Iterable[str]) -> str:
    """List up to ten names in a message."""
    return ", ".join(shown(name)[1:-1] for name in list(names)[:10]) or "none"


def _frozen(value: Any) -> Any:
    """Turn lists into tuples, at any depth."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
