"""Open a hazard layer: check what it states about itself, and read nothing more than that takes."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import MaskFlags

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HAZARDS, NODATA_MEANINGS, QUANTITIES, HazardLayer
from mutualaid.hazards._rasters import RASTER_DRIVERS, is_empty, open_raster
from mutualaid.hazards._schemes import scheme as find_scheme
from mutualaid.hazards._shakemap import read_shakemap
from mutualaid.hazards._units import UNITS, find_unit
from mutualaid.hazards._vectors import open_vector, polygon_defects

__all__ = ["read_hazard"]

#: Field of a ShakeMap that holds a quantity.
_FIELDS = {"intensity": "MMI", "acceleration": "PGA", "velocity": "PGV"}
_WGS84 = CRS.from_epsg(4326)
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


def read_hazard(
    file: str | Path,
    *,
    id: str,  # noqa: A002
    hazard: str,
    quantity: str,
    unit: str = "",
    scheme: str | Path = "",
    name: str = "",
    return_period_years: float = math.nan,
    event: str = "",
    jurisdiction: str = "",
    source: str = "",
    licence: str = "",
    date: str = "",
    nodata_means: str = "unknown",
    nodata: float | None = None,
    derived: bool = False,
    band: int = 1,
    layer: str | None = None,
    column: str | None = None,
    crs: str | None = None,
    covers: tuple[float, float, float, float] | None = None,
) -> HazardLayer:
    """Open a hazard layer and check it; values are read later, where they are needed.

    Parameters
    ----------
    file
        A raster (``.tif``, ``.tiff``, ``.asc``, ``.img``, ``.nc``), a USGS ShakeMap (``grid.xml``), or any vector
        file with polygons. A file that refers to other files or to a server is refused.
    id, name
        Key of the layer, and what people call it.
    hazard, quantity
        One of `HAZARDS` and of `QUANTITIES`.
    unit
        Unit of the values in the file: ``m``, ``cm``, ``mm``, ``ft``, ``in``, ``m/s``, ``km/h``, ``%g`` and others.
        Empty for classes and indices, and where the file states it.
    scheme
        Id of the scheme that maps the values to severity, or the path of its file.
    return_period_years, event
        One of them: how rare it is, or which event it was.
    jurisdiction, source, licence, date
        Who provides it, where it comes from, on what terms, from when (ISO 8601).
    nodata_means
        ``unknown`` or ``none``: what a place without a value says.
    nodata
        The value of a raster that means nodata; goes before that in the file. NaN if every cell that is not NaN
        has a value.
    derived
        Derived from other data, illustrative.
    band
        Band of a raster, from 1.
    layer, column
        Layer of a vector file, if it has several, and the column with the values; field of a ShakeMap, by default
        that of the quantity.
    crs
        CRS for a file that states none.
    covers
        (left, bottom, right, top) of what a vector layer covers, in its CRS, if that is more than its polygons.

    Returns
    -------
    HazardLayer

    Raises
    ------
    HazardError
        Everything that is wrong, at once: unknown hazard, quantity, unit or scheme; no CRS, or coordinates that
        cannot be in it; a rotated or empty raster, a band that it does not have, nodata not declared; a missing
        column, values that are no numbers, invalid polygons; XML with entities.

    Examples
    --------
    >>> from mutualaid.hazards import read_hazard
    >>> layer = read_hazard(
    ...     "depth_100.tif", id="depth-100", hazard="flood", quantity="depth", unit="cm",
    ...     scheme="inasafe-flood-depth", return_period_years=100)  # doctest: +SKIP
    """
    path = Path(file)
    draft = HazardLayer(
        id=id,
        name=name or id,
        hazard=hazard,
        quantity=quantity,
        unit=QUANTITIES.get(quantity, ""),
        scheme=str(scheme),
        return_period_years=float(return_period_years),
        event=event,
        jurisdiction=jurisdiction,
        source=source,
        licence=licence,
        date=date,
        nodata_means=nodata_means,
        derived=derived,
        file=path,
        kind="raster",
        crs=_WGS84,
        bounds=(math.nan,) * 4,
        band=band,
        layer=layer,
        column=column,
    )
    stated = _Stated(unit=unit, crs=crs, nodata=nodata)
    stated.defects += _statement_defects(draft)
    if not path.is_file():
        stated.add(path, "", "a file that exists", "none", "check the path")
        raise HazardError(stated.defects)
    try:
        found = _by_kind(draft, stated, covers)
    except HazardError as error:
        raise HazardError([*stated.defects, *error.defects]) from None
    if not stated.defects and found.kind == "raster" and is_empty(found):
        stated.add(path, "", "at least one cell with a value", "nodata everywhere", "export the raster again")
    if stated.defects:
        raise HazardError(stated.defects)
    return found


@dataclass
class _Stated:
    """What was stated for the file, and what is wrong so far."""

    unit: str
    crs: str | None
    nodata: float | None
    defects: list[Defect] = field(default_factory=list)

    def add(self, path: Path, where: str, expected: str, got: object, remedy: str) -> None:
        self.defects.append(Defect(path.name, where, expected, str(got)[:120], remedy))


def _by_kind(
    draft: HazardLayer, stated: _Stated, covers: tuple[float, float, float, float] | None
) -> HazardLayer:
    suffix = draft.file.suffix.lower()
    if suffix == ".xml":
        return _shakemap(draft, stated)
    return _raster(draft, stated) if suffix in RASTER_DRIVERS else _vector(draft, stated, covers)


def _statement_defects(draft: HazardLayer) -> list[Defect]:
    """List what is wrong with what was stated, whatever the file holds."""
    stated = _Stated("", None, None)

    def choice(where: str, value: str, options: Sequence[str]) -> None:
        if value not in options:
            close = difflib.get_close_matches(str(value), options, n=1)
            remedy = f"did you mean {close[0]}" if close else "choose one of them"
            stated.add(draft.file, where, f"one of {', '.join(options)}", repr(value), remedy)

    if not draft.id.strip():
        stated.add(draft.file, "id", "a text", repr(draft.id), "give the layer an id")
    choice("hazard", draft.hazard, HAZARDS)
    choice("quantity", draft.quantity, tuple(QUANTITIES))
    choice("nodata_means", draft.nodata_means, NODATA_MEANINGS)
    years = draft.return_period_years
    if not (math.isnan(years) or 0 < years < math.inf):
        remedy = "state it in years, or leave it out for an event"
        stated.add(draft.file, "return_period_years", "years above 0", years, remedy)
    if draft.date and not _DATE.fullmatch(draft.date):
        stated.add(draft.file, "date", "a date such as 2024-05-31", repr(draft.date), "write year-month-day")
    if draft.scheme:
        try:
            found = find_scheme(draft.scheme)
        except HazardError as error:
            stated.defects += error.defects
        else:
            if draft.quantity in QUANTITIES and draft.quantity not in (found.quantity, "class"):
                expected = f"{found.quantity}, which {found.name} classifies, or class"
                stated.add(draft.file, "quantity", expected, draft.quantity, "choose another scheme")
    return stated.defects


def _factor(draft: HazardLayer, stated: _Stated, in_file: str) -> float:
    """Factor from the unit that was stated, or else from that in the file, to the canonical one."""
    if draft.quantity not in QUANTITIES:
        return 1.0
    file_unit = find_unit(in_file) if in_file.strip() else None
    key = find_unit(stated.unit) if stated.unit.strip() or file_unit is None else file_unit
    fitting = [name for name, (canonical, _) in UNITS.items() if canonical == draft.unit]
    if key is None or key not in fitting:
        expected = f"the unit of the {draft.quantity}, one of {', '.join(name or 'none' for name in fitting)}"
        got = repr(stated.unit or in_file) if stated.unit or in_file else "none"
        stated.add(draft.file, "unit", expected, got, "state the unit of the values in the file")
        return 1.0
    if file_unit in fitting and UNITS[file_unit] != UNITS[key]:
        expected = f"the unit that the file states, {in_file}"
        stated.add(
            draft.file, "unit", expected, repr(stated.unit), "find out which is right, and correct the other"
        )
    return UNITS[key][1]


def _crs(draft: HazardLayer, stated: _Stated, in_file: Any) -> CRS | None:
    """CRS of the file, or else the one stated for it; never a guess. None if there is none."""
    try:
        own = CRS.from_user_input(in_file) if in_file else None
        given = CRS.from_user_input(stated.crs) if stated.crs is not None else None
    except CRSError:
        stated.add(
            draft.file, "crs", "a CRS that PROJ knows", repr(stated.crs), "look the code up at epsg.org"
        )
        return None
    if own is None and given is None:
        remedy = 'save the file with its CRS, or state it, such as crs="EPSG:32632"'
        stated.add(draft.file, "", "a coordinate reference system", "none", remedy)
    elif own is not None and given is not None and not own.equals(given, ignore_axis_order=True):
        remedy = "leave crs out, which is only for files that state none"
        stated.add(
            draft.file, "crs", f"the CRS of the file, {own.to_string()[:60]}", repr(stated.crs), remedy
        )
    return own or given


def _check_range(draft: HazardLayer, stated: _Stated, crs: CRS | None, bounds: tuple[float, ...]) -> None:
    """Coordinates in metres that are called degrees are the most frequent wrong CRS."""
    if crs is None:
        return
    fine = all(map(math.isfinite, bounds))
    if fine and crs.is_geographic:
        fine = max(map(abs, bounds[::2])) <= 361.0 and max(map(abs, bounds[1::2])) <= 91.0
    if not fine:
        got = ", ".join(f"{value:g}" for value in bounds)
        expected = f"coordinates that can be in {crs.to_string()[:60]}"
        stated.add(draft.file, "crs", expected, got, "find out the right CRS and save the file with it")


def _raster(draft: HazardLayer, stated: _Stated) -> HazardLayer:
    path, band = draft.file, draft.band
    with open_raster(path) as dataset:
        transform, crs = dataset.transform, dataset.crs
        shape = (int(dataset.height), int(dataset.width))
        nodata, masked, in_file, kind = stated.nodata, False, "", "float32"
        fine = isinstance(band, int) and 1 <= band <= dataset.count
        if fine:
            flags = set(dataset.mask_flag_enums[band - 1])
            masked = bool({MaskFlags.per_dataset, MaskFlags.alpha} & flags)
            nodata = dataset.nodatavals[band - 1] if nodata is None else nodata
            in_file, kind = dataset.units[band - 1] or "", dataset.dtypes[band - 1]
        if not fine:
            got, remedy = f"band {band}", "correct the number of the band"
            stated.add(path, "band", f"a band from 1 to {dataset.count}", got, remedy)
    if fine and nodata is None and not masked:
        remedy = "state the value, such as nodata=-9999, or nodata=float('nan') if every cell has a value"
        stated.add(path, "nodata", "a declared nodata value", "none, in the file or stated", remedy)
    east, south = transform.c + shape[1] * transform.a, transform.f + shape[0] * transform.e
    bounds = (float(transform.c), float(south), float(east), float(transform.f))
    found_crs = _crs(draft, stated, crs)
    if "complex" in kind:
        stated.add(path, "band", "real numbers", kind, "export the raster again")
    if draft.column is not None or draft.layer is not None:
        stated.add(
            path, "column", "no layer or column, for a raster", draft.column or draft.layer, "name a band"
        )
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        got = (
            "rotated or sheared"
            if transform.b or transform.d
            else f"cells of {transform.a:g} × {transform.e:g}"
        )
        remedy = "warp it, with gdalwarp for example"
        stated.add(path, "", "a raster with north up, and without rotation", got, remedy)
    else:
        _check_range(draft, stated, found_crs, bounds)
    return replace(
        draft,
        crs=found_crs or _WGS84,
        bounds=bounds,
        factor=_factor(draft, stated, in_file),
        nodata=nodata,
        transform=Affine(*transform[:6]),
        shape=shape,
    )


def _shakemap(draft: HazardLayer, stated: _Stated) -> HazardLayer:
    grid = read_shakemap(draft.file)
    name = (draft.column or _FIELDS.get(draft.quantity, "")).upper()
    if name not in grid.values:
        listed = ", ".join(grid.values) or "none"
        stated.add(draft.file, "column", f"a field {name!r}", listed, "name one of the fields as column")
    n_rows, n_columns = grid.shape
    west, north = grid.transform.c, grid.transform.f
    east, south = west + n_columns * grid.transform.a, north + n_rows * grid.transform.e
    return replace(
        draft,
        name=draft.name if draft.name != draft.id else grid.name or draft.id,
        event=draft.event or grid.event,
        date=draft.date or grid.date[:10],
        crs=_crs(draft, stated, _WGS84) or _WGS84,
        bounds=(west, south, east, north),
        factor=_factor(draft, stated, grid.units.get(name, "")),
        column=name,
        transform=grid.transform,
        shape=grid.shape,
    )


def _says_no_crs(path: Path) -> bool:
    """Whether a file is a GeoJSON without a member crs."""
    if path.suffix.lower() not in (".geojson", ".json"):
        return False
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "crs" not in content


def _vector(
    draft: HazardLayer, stated: _Stated, covers: tuple[float, float, float, float] | None
) -> HazardLayer:
    frame, chosen = open_vector(draft.file, draft.layer)
    # Without a member crs a GeoJSON is in degrees, unless somebody knows better.
    silent = stated.crs is not None and _says_no_crs(draft.file)
    crs = _crs(draft, stated, None if silent else frame.crs)
    stated.defects += polygon_defects(
        frame, file=draft.file.name, column=draft.column, quantity=draft.quantity
    )
    left, bottom, right, top = map(float, frame.total_bounds)
    if len(frame):
        _check_range(draft, stated, crs, (left, bottom, right, top))
    if covers is not None:
        if not (covers[0] < covers[2] and covers[1] < covers[3] and np.isfinite(covers).all()):
            expected = "left, bottom, right, top with left < right and bottom < top"
            stated.add(draft.file, "covers", expected, covers, "correct the bounds")
        left, bottom = min(left, covers[0]), min(bottom, covers[1])
        right, top = max(right, covers[2]), max(top, covers[3])
    return replace(
        draft,
        kind="vector",
        crs=crs or _WGS84,
        bounds=(left, bottom, right, top),
        factor=_factor(draft, stated, ""),
        layer=chosen,
    )
