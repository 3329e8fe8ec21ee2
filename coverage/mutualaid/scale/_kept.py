"""Results of scenarios on disk: one at a time is held in memory, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from mutualaid.coverage import ScenarioResult
from mutualaid.scale._store import Work, fingerprint, packed

__all__ = ["KeptResults"]


@dataclass(eq=False)
class KeptResults(MutableMapping[str, ScenarioResult]):
    """Results by id of the scenario; their large tables are in files and read when a result is asked for.

    Attributes
    ----------
    work
        Whose folder they are in.
    demand
        Whose index, geometry and CRS their coverage has.
    """

    work: Work
    demand: gpd.GeoDataFrame
    _small: dict[str, ScenarioResult] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def _file(self, key: str) -> Path:
        # By number: ids of scenarios are the user's, and no names of files.
        number = self._numbers.setdefault(key, len(self._numbers))
        return self.work.file(fingerprint("scenarios"), number)

    def __setitem__(self, key: str, result: ScenarioResult) -> None:
        coverage = pd.DataFrame(result.coverage).drop(columns=_geometry(result.coverage))
        self.work.keep(self._file(key), packed({"coverage": coverage, "roads": result.roads}))
        # Taken, not sliced: a slice would hold all of the table in memory.
        self._small[key] = replace(result, coverage=result.coverage.iloc[[]], roads=result.roads.iloc[[]])

    def __getitem__(self, key: str) -> ScenarioResult:
        small = self._small[key]
        tables, _, _ = self.work.read(self._file(key))
        coverage = gpd.GeoDataFrame(tables["coverage"])
        if name := _geometry(small.coverage):
            coverage = coverage.set_geometry(self.demand.geometry.to_numpy(), crs=self.demand.crs)
            coverage = coverage[[*small.coverage.columns]] if name == ["geometry"] else coverage
        return replace(small, coverage=coverage, roads=tables["roads"])

    def __delitem__(self, key: str) -> None:
        del self._small[key]
        self._file(key).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(self._small)

    def __len__(self) -> int:
        return len(self._small)


def _geometry(frame: gpd.GeoDataFrame) -> list[str]:
    return [] if frame.active_geometry_name is None else [str(frame.active_geometry_name)]
