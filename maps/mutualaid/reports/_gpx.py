"""Routes as GPX, for navigation devices."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import geopandas as gpd

__all__ = ["routes_gpx"]

_NAMESPACE = "http://www.topografix.com/GPX/1/1"


def routes_gpx(routes: gpd.GeoDataFrame, *, name: str) -> bytes:
    r"""Write each way of an evacuation as one track of GPX 1.1.

    Parameters
    ----------
    routes
        Routes of an `EvacuationStudy`.
    name
        Name of the file's content.

    Returns
    -------
    bytes
        UTF-8. Of the routes of one way, that with most vehicles; equal routes give equal bytes.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> line = shapely.LineString([(7.40, 43.74), (7.41, 43.75)])
    >>> table = gpd.GeoDataFrame(
    ...     {"way": ["W1"], "zone_name": "Hill", "sink_name": "School", "roads": [("High Road",)], "vehicles": 9.0},
    ...     geometry=[line], crs=4326,
    ... )
    >>> b"<name>W1: Hill \xe2\x86\x92 School</name>" in routes_gpx(table, name="Fire")
    True
    """
    ET.register_namespace("", _NAMESPACE)
    root = ET.Element(f"{{{_NAMESPACE}}}gpx", {"version": "1.1", "creator": "mutualaid"})
    head = ET.SubElement(root, f"{{{_NAMESPACE}}}metadata")
    ET.SubElement(head, f"{{{_NAMESPACE}}}name").text = name
    busiest = routes.sort_values("vehicles", ascending=False, kind="stable").drop_duplicates("way")
    busiest = busiest.loc[[key for key in routes.index if key in busiest.index]]
    for row, line in zip(busiest.to_dict("records"), busiest.geometry.to_crs(4326), strict=True):
        track = ET.SubElement(root, f"{{{_NAMESPACE}}}trk")
        title = f"{row['way']}: {row['zone_name']} → {row['sink_name']}"
        ET.SubElement(track, f"{{{_NAMESPACE}}}name").text = title
        ET.SubElement(track, f"{{{_NAMESPACE}}}desc").text = " → ".join(part for part in row["roads"] if part)
        segment = ET.SubElement(track, f"{{{_NAMESPACE}}}trkseg")
        for lon, lat in line.coords:
            ET.SubElement(segment, f"{{{_NAMESPACE}}}trkpt", {"lat": f"{lat:.6f}", "lon": f"{lon:.6f}"})
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
