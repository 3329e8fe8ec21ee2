"""Text from data on its way into a page: nothing in it may act as markup, script or template."""

from __future__ import annotations

import html
import json
import math
from typing import Any

__all__ = ["esc", "finite", "js_json", "shorten"]

#: Longest name shown on the face of a map.
FACE_CHARACTERS = 80

# What html.escape leaves alone but a JavaScript template literal, a Jinja template (Folium parses its own
# output a second time) or a line end inside a quoted string would act on.
_ENTITIES = str.maketrans(
    {character: f"&#{ord(character)};" for character in "`\\${}\n\r\u2028\u2029"} | {"\0": "\ufffd"}
)

# JSON allows these as escapes in strings, and outside strings they do not occur.
_JSON_ESCAPES = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})


def esc(text: object) -> str:
    r"""Escape a text from data for any string that is handed to Folium.

    Folium escapes nothing: names, tooltips, popups and layer names reach the page as markup, inside
    JavaScript strings that are parsed as templates. The result shows as the very text it was given, wherever
    it lands.

    Parameters
    ----------
    text
        Any text; other objects are converted with `str`.

    Returns
    -------
    str
        The text with ``& < > " ' ` \ $ { }`` and line ends as character references.

    Examples
    --------
    >>> esc("Feu & Secours <b>`${x}`</b>")
    'Feu &amp; Secours &lt;b&gt;&#96;&#36;&#123;x&#125;&#96;&lt;/b&gt;'
    """
    readable = str(text).encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be written
    return html.escape(readable).translate(_ENTITIES)


def js_json(value: Any) -> str:
    """Return `value` as JSON that is safe inside ``<script>``: no ``</script``, no ``<!--``, ASCII only.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: what is missing must be None.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_JSON_ESCAPES)


def finite(value: float, digits: int = 3) -> float | None:
    """Return a number for `js_json`: None if it is missing or infinite."""
    return round(float(value), digits) if math.isfinite(value) else None


def shorten(text: object, limit: int = FACE_CHARACTERS) -> str:
    """Return `text` on one line, cut to `limit` characters with an ellipsis."""
    line = " ".join(str(text)[: 4 * limit].split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
