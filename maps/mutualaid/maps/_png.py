"""Small indexed pictures as PNG: a few colours, each pixel one byte that compresses to almost nothing."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["paletted_png", "png_uri"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INDEXED = 3


def paletted_png(index: NDArray[np.uint8], palette: Sequence[tuple[int, int, int, int]]) -> bytes:
    r"""Write a picture with indexed colours.

    Equal pictures give equal bytes: there is neither a time nor a name of a program in them.

    Parameters
    ----------
    index
        (rows, columns) position in the palette.
    palette
        Up to 256 colours: red, green, blue and opacity, each 0…255.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        A picture without pixels, or with a position that the palette does not have.

    Examples
    --------
    >>> import numpy as np
    >>> file = paletted_png(np.zeros((2, 3), dtype=np.uint8), [(0, 0, 0, 0)])
    >>> file[:4], file[25]
    (b'\x89PNG', 3)
    """
    if index.ndim != 2 or not index.size or int(index.max()) >= len(palette):
        raise ValueError("a picture needs pixels, each with a colour of the palette")
    rows, columns = index.shape
    colours = np.array(palette, dtype=np.uint8)
    depth = next(bits for bits in (1, 2, 4, 8) if len(palette) <= 1 << bits)
    lines = np.zeros((rows, 1 + (columns * depth + 7) // 8), dtype=np.uint8)  # each begins with: no filter
    lines[:, 1:] = _narrow(index, depth)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, _INDEXED, 0, 0, 0)),
        (b"PLTE", colours[:, :3].tobytes()),
        (b"tRNS", colours[:, 3].tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _narrow(index: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Put several pixels into one byte where a few bits say which colour it is."""
    if depth == 8:
        return index.astype(np.uint8)
    bits = np.unpackbits(index[:, :, None].astype(np.uint8), axis=2)[:, :, 8 - depth :]
    return np.packbits(bits.reshape(len(index), -1), axis=1)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_uri(file: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(file).decode("ascii")
