"""Printed maps of reviews: where the model erred against the record, and what changed between two runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from mutualaid.maps._palette import Swatch
from mutualaid.reports._report._document import LegendEntry, Mark, Picture, Ref, Text
from mutualaid.reports._report._map_raster import paint
from mutualaid.reports._report._map_source import MapSource

__all__ = ["difference_map", "residual_map"]

_LATER, _SOONER, _ALIKE = "#D55E00", "#0072B2", "#8a949e"
#: As where the interactive map compares two results.
_CHANGES = (
    ("gained", Swatch("#009E73", "dots")),
    ("lost", Swatch("#8C1C13", "sash")),
    ("still", Swatch("#B4C7D3")),
    ("still_not", Swatch("#EBD9BB", "slash")),
)


def residual_map(source: MapSource) -> Picture | None:
    """Draw where units came later or sooner than the model says, beyond a tolerance."""
    runs, found = source.read("incident_runs", "residual_s"), _tolerance(source)
    if runs is None or found is None:
        return None
    tolerance, beyond = found
    runs = runs[runs["residual_s"].notna() & ~runs.geometry.is_empty]
    if not len(runs):
        return None
    residual = runs["residual_s"].to_numpy(dtype=np.float64)
    kinds = (
        (np.abs(residual) <= beyond, "circle", _ALIKE, "map_as_modelled", "as_modelled", 7.0),
        (residual < -beyond, "triangle_down", _SOONER, "map_sooner", "sooner", 11.0),
        (residual > beyond, "triangle", _LATER, "map_later", "later", 11.0),
    )
    with source.drawn(runs) as one:
        stations = source.finish(one, stations=source.read("stations", "partner"))
        entries, kept = [], list(one.taken)
        for chosen, shape, colour, text, key, size in kinds:
            if not chosen.any():
                continue
            one.marks(runs.geometry[chosen], shape, colour, size=size, linewidths=0.9)
            count = source.ref("incidents", "fit", key, form="count")
            entries.append(LegendEntry(Mark(colour, shape), Text(text, {"tolerance": tolerance}), count))
        one.taken = kept
        alt = source.alt("map_residuals_alt", tolerance=tolerance)
        return source.picture("residuals", one, alt, Text("map_residuals_caption"), [*entries, *stations])


def _tolerance(source: MapSource) -> tuple[Ref, float] | None:
    """Give what counts as an error: what was agreed on, else half of the spread of all runs."""
    for path in (("incidents", "tolerance_s"), ("incidents", "fit", "all", "mad_s")):
        if (ref := source.ref(*path, form="seconds")) is not None:
            at: Any = source.inputs.summary
            for step in path:
                at = at[step]
            return ref, float(at)
    return None


def difference_map(source: MapSource) -> Picture | None:
    """Draw who is in time since the earlier run, no longer, still, and still not."""
    places = source.inputs.difference
    if places is None or not len(places):
        return None
    asked = [level for level in ("joint", "agreed", "alone") if f"{level}_change" in places]
    if not asked:
        return None
    level, places = asked[0], places.to_crs(source.inputs.region.crs)
    change = places[f"{level}_change"].astype("str").to_numpy()
    codes = np.full(len(places), -1, dtype=np.int64)
    for code, (name, _) in enumerate(_CHANGES):
        codes[change == name] = code
    looks = [look for _, look in _CHANGES]

    def people(name: str) -> Ref | None:
        return source.ref("difference", level, name, "people", compared=True)

    with source.drawn(places) as one:
        one.cells(paint(places, codes, looks, one.frame, source.inputs.region.cell_m))
        entries = [
            LegendEntry(Mark(*look), Text(f"map_change_{name}"), people(name))
            for code, (name, look) in enumerate(_CHANGES)
            if (codes == code).any()
        ]
        entries += source.finish(one, stations=source.read("stations", "partner"))
        alt = source.alt("map_difference_alt", gained=people("gained"), lost=people("lost"))
        return source.picture("difference", one, alt, Text(f"map_difference_{level}_caption"), entries)
