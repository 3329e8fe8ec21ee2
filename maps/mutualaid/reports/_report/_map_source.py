"""What printed maps are drawn from: the layers of a run, and what all of them show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from mutualaid.maps._palette import partner_mark
from mutualaid.reports._report._document import Form, LegendEntry, Mark, Picture, Ref, Text, Value, Words
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._map_drawing import Drawing, drawing
from mutualaid.reports._report._map_raster import frame_around

__all__ = ["MapSource"]

#: Most partners whose stations the legend names; all others share a mark.
_PARTNERS = 12
_OTHER = ("#52606d", "circle")


@dataclass(frozen=True)
class MapSource:
    """What is known for maps, and where.

    Attributes
    ----------
    inputs
        Of the report.
    layers
        Names of the layers in the results.
    jurisdictions
        With their boundaries.
    """

    inputs: ReportInputs
    layers: frozenset[str]
    jurisdictions: gpd.GeoDataFrame

    @classmethod
    def of(cls, inputs: ReportInputs) -> MapSource:
        """Look at what a run left."""
        path = inputs.folder / "coverage.gpkg"
        layers = frozenset(pyogrio.list_layers(path)[:, 0].tolist()) if path.exists() else frozenset()
        return cls(inputs, layers, inputs.region.jurisdictions)

    def read(self, layer: str, *columns: str) -> gpd.GeoDataFrame | None:
        """Read a layer; None if it is not there, empty, or lacks any of `columns`. Others are not read."""
        if layer not in self.layers:
            return None
        path = self.inputs.folder / "coverage.gpkg"
        known = set(pyogrio.read_info(path, layer=layer)["fields"])
        if not known.issuperset(columns):
            return None
        asked: dict[str, Any] = (
            {"columns": [*columns, *sorted(known & _ALWAYS - set(columns))]} if columns else {}
        )
        frame: gpd.GeoDataFrame = pyogrio.read_dataframe(path, layer=layer, use_arrow=True, **asked)
        return frame.to_crs(self.inputs.region.crs) if len(frame) else None

    def fields(self, layer: str) -> frozenset[str]:
        """Names of the columns of a layer."""
        if layer not in self.layers:
            return frozenset()
        info = pyogrio.read_info(self.inputs.folder / "coverage.gpkg", layer=layer)
        return frozenset(str(name) for name in info["fields"])

    def ref(self, *path: str | int, form: Form = "people", compared: bool = False) -> Ref | None:
        """Name a number of the summary, or of the comparison, if it is known."""
        at: Any = self.inputs.comparison if compared else self.inputs.summary
        for step in path:
            try:
                at = at[step]
            except (KeyError, IndexError, TypeError):
                return None
        known = isinstance(at, int | float) and not isinstance(at, bool)
        return Ref(path, form, "comparison" if compared else "summary") if known else None

    def words(self, name: str) -> Words:
        """Give a name with what it is called in other languages."""
        return Words(name, names=dict(self.inputs.names.get(name, {})))

    def alt(self, key: str, **values: Value | None) -> Text:
        """Give the text for who does not see a map; without its numbers if any is not known."""
        found = {name: value for name, value in values.items() if value is not None}
        return (
            Text(key, found)
            if len(found) == len(values)
            else Text("map_alt_plain", {"title": Text(f"{key[:-4]}_caption")})
        )

    # --- drawing ---

    @contextmanager
    def drawn(self, *frames: gpd.GeoDataFrame | None) -> Iterator[Drawing]:
        """Begin a map around places with its ground; around all jurisdictions if there are none."""
        known = [frame for frame in frames if frame is not None and len(frame)]
        boxes = [frame.total_bounds for frame in known] or [self.jurisdictions.total_bounds]
        half = (self.inputs.region.cell_m or 0.0) / 2
        left, bottom = (min(box[k] for box in boxes) - half for k in (0, 1))
        right, top = (max(box[k] for box in boxes) + half for k in (2, 3))
        with drawing(frame_around((left, bottom, right, top))) as one:
            one.busy = np.concatenate(
                [np.empty((0, 2)), *(shapely.get_coordinates(frame.geometry.to_numpy()) for frame in known)]
            )
            one.ground(self.jurisdictions.geometry, self.inputs.region.ground)
            yield one

    def finish(self, one: Drawing, *, stations: gpd.GeoDataFrame | None = None) -> list[LegendEntry]:
        """Draw what lies above: roads, boundaries, scale, north and stations; returns the entries of the stations.

        Names come last, when all is drawn that they keep off.
        """
        one.roads(self.read("main_roads", "class"))
        one.boundaries(self.jurisdictions)
        one.furniture()
        return [] if stations is None else self._stations(one, stations)

    def _stations(self, one: Drawing, stations: gpd.GeoDataFrame) -> list[LegendEntry]:
        listed = pd.concat([self.jurisdictions["partner"], stations["partner"]]).dropna()
        partners = list(dict.fromkeys(listed))
        entries: list[LegendEntry] = []
        for position, partner in enumerate(partners):
            mine = stations[stations["partner"] == partner]
            if not len(mine):
                continue
            named = position < _PARTNERS
            colour, shape = partner_mark(position) if named else _OTHER
            one.marks(mine.geometry, shape, colour)
            mark = Mark(colour, shape)
            label = (
                Text("map_station", {"partner": self.words(self.partner(partner))})
                if named
                else Text("map_station_other")
            )
            if all(entry.label != label for entry in entries):
                entries.append(LegendEntry(mark, label))
        return entries

    def partner(self, partner: str) -> str:
        """Name of a partner as people say it: that of the jurisdiction of its id, if there is one."""
        names = self.jurisdictions["name"]
        return str(names.get(partner, partner))

    def partners(self) -> Sequence[str]:
        """Partners in their order on the map."""
        return list(dict.fromkeys(self.jurisdictions["partner"].dropna()))

    def picture(
        self,
        name: str,
        one: Drawing,
        alt: Text,
        caption: Text,
        legend: Sequence[LegendEntry],
    ) -> Picture:
        """Write the names, and give the picture with its legend."""
        one.names(self.jurisdictions)
        png = one.png(dict.fromkeys(entry.mark.colour for entry in legend))
        return Picture(name, png, one.frame.width, one.frame.height, alt, caption, tuple(legend))


#: Columns that are read wherever they are.
_ALWAYS = frozenset({"cell_x", "cell_y", "population"})
