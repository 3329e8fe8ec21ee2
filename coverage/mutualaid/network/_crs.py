"""The one coordinate reference system in which a network is worked on."""

from __future__ import annotations

from pyproj import CRS
from pyproj.exceptions import CRSError

from mutualaid.errors import Defect, NetworkError

__all__ = ["projected_crs"]


def projected_crs(crs: CRS | str | int) -> CRS:
    """Check that a CRS is projected, in metres."""
    try:
        target = CRS.from_user_input(crs)
    except CRSError as error:
        got = str(error)[:120]
    else:
        if target.is_projected and target.axis_info[0].unit_conversion_factor == 1.0:
            return target
        got = target.name
    raise NetworkError(
        [
            Defect(
                "",
                "crs",
                "a projected CRS in metres",
                got,
                "use the UTM zone of the region, such as EPSG:32632",
            )
        ]
    )
