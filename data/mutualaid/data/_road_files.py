"""Whether a road file is whole, without decoding it: a truncated download is found in the check."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from mutualaid.errors import Defect

__all__ = ["road_file_defect"]

_HEADER_MAX = 64 * 1024
_BLOB_MAX = 32 * 1024 * 1024
_CHUNK = 1024


def road_file_defect(path: Path, file: str) -> Defect | None:
    """Say what is wrong with the frame of a road file: .osm.pbf, .osm or .graphml; None if nothing is.

    The framing of .osm.pbf is that of https://wiki.openstreetmap.org/wiki/PBF_Format: a length of four
    bytes, a BlobHeader with a type and a size, and the blob.
    """
    name = path.name.lower()
    if name.endswith(".osm.pbf"):
        expected, got = "a whole .osm.pbf", _pbf_problem(path)
    elif name.endswith((".osm", ".graphml")):
        expected, got = "a whole XML file", _xml_problem(path, "osm" if name.endswith(".osm") else "graphml")
    else:
        return Defect(
            file, "", "a road file in .osm.pbf, .osm or .graphml", path.name, "convert or rename it"
        )
    return Defect(file, "", expected, got, "download or export it again") if got else None


def _pbf_problem(path: Path) -> str | None:
    size = path.stat().st_size
    kinds: set[str] = set()
    with path.open("rb") as stream:
        while (at := stream.tell()) < size:
            header = _blob_header(stream)
            if header is None or (at == 0 and header[0] != "OSMHeader"):
                return "another kind of file" if at == 0 else f"a file broken or truncated at byte {at:,}"
            kinds.add(header[0])
            stream.seek(header[1], 1)
        if stream.tell() > size:
            return f"a file truncated at byte {size:,}"
    if "OSMData" not in kinds:
        return "a file without data" if kinds else "an empty file"
    return None


def _blob_header(stream: BinaryIO) -> tuple[str, int] | None:
    """Read a BlobHeader: its type and the size of the blob that follows; None if it is none."""
    length = int.from_bytes(stream.read(4), "big")
    data = stream.read(length) if 0 < length <= _HEADER_MAX else b""
    if not data or len(data) < length:
        return None
    kind, size, at = "", -1, 0
    try:
        while at < length:
            tag, at = _varint(data, at)
            value, at = _varint(data, at)
            if tag & 7 == 2:  # bytes: type (field 1) or index (field 2)
                if tag >> 3 == 1:
                    kind = data[at : at + value].decode("ascii")
                at += value
            elif tag & 7 == 0:
                size = value if tag >> 3 == 3 else size
            else:
                return None
    except (IndexError, UnicodeDecodeError):
        return None
    return (kind, size) if kind and 0 <= size <= _BLOB_MAX and at == length else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _xml_problem(path: Path, root: str) -> str | None:
    if path.stat().st_size == 0:
        return "an empty file"
    seen: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _: seen.append(name)
    parser.StartDoctypeDeclHandler = lambda *_: seen.append("!DOCTYPE")
    with path.open("rb") as stream:
        try:
            while not seen and (chunk := stream.read(_CHUNK)):
                parser.Parse(chunk)
        except (expat.ExpatError, LookupError, ValueError):  # the latter of unknown encodings
            return "another kind of file, or broken XML"
        stream.seek(max(0, path.stat().st_size - _CHUNK))
        tail = stream.read().rstrip()
    if not seen or seen[0] not in (root, "!DOCTYPE"):
        return "another kind of file"
    if seen[0] == "!DOCTYPE":
        return "an XML document type, which could make a parser fetch or expand things"
    if not tail.endswith((f"</{root}>".encode(), b"/>")):
        return "a truncated file"
    return None
