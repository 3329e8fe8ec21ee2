"""A Folium map as one file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import branca.element
import folium

from mutualaid.errors import Defect, InputError

__all__ = ["offline_html", "save_offline"]

# Folium links them for its awesome icons alone, and a page that has such an icon is refused.
_DROPPED = (
    "bootstrap",
    "bootstrap_css",
    "glyphicons_css",
    "awesome_markers",
    "awesome_markers_css",
    "awesome_markers_font_css",
    "awesome_rotate_css",
)
_CSP = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)
_RIGHT_TO_LEFT = ("ar", "dv", "fa", "he", "ps", "ur", "yi")


def save_offline(map: folium.Map, path: str | os.PathLike[str], *, lang: str = "") -> Path:  # noqa: A002
    """Write a Folium map as one self-contained HTML file.

    No request leaves the page: libraries come from installed packages and stand in the file itself, and a
    content security policy forbids everything else, so that a security officer can see it. Equal maps give
    equal bytes: where Folium names the elements of a page by chance, the file numbers them (``map_1``).

    Parameters
    ----------
    map
        From `coverage_map`, or any other Folium map of plain Leaflet layers.
    path
        File to write; replaced only when the new one is complete.
    lang
        Language of the page, a BCP 47 tag; the direction of writing follows from it. By default that of the map: a map
        from `coverage_map` has one, others are taken for English.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If the map needs something from a server: tiles, an icon of Font Awesome, a plugin. All of them are
        named.

    Examples
    --------
    >>> import folium, tempfile
    >>> from mutualaid.maps import save_offline
    >>> page = folium.Map([43.74, 7.42], tiles=None)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "<script src=" in save_offline(page, f"{folder}/map.html").read_text("utf-8")
    False
    """
    target = Path(path)
    text = offline_html(map, lang=lang)
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(beside).chmod(0o666 & ~_umask())  # mkstemp makes it private, a file to be passed on is not
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def offline_html(map: folium.Map, *, lang: str = "") -> str:  # noqa: A002
    """Return the page that `save_offline` writes."""
    figure: Any = map.get_root()
    lang = lang or getattr(map, "lang", "en")
    defects = [defect for element in _elements(figure) for defect in _asks_a_server(element)]
    header, body, script = _render(figure)
    head = []
    for name, child in header.items():
        if not isinstance(child, branca.element.Link):
            head.append(child.render())
        elif name == "jquery" and "$(" not in script and "jQuery" not in script:
            continue
        elif name not in _DROPPED:
            found = _inline(name, child)
            head.append(found) if isinstance(found, str) else defects.append(found)
    if defects:
        raise InputError(defects)
    title = html.escape(html.unescape(figure.title or "mutualaid"))
    direction = "rtl" if lang.split("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
    page = (
        f'<!DOCTYPE html>\n<html lang="{html.escape(lang)}" dir="{direction}">\n<head>\n'
        '<meta charset="utf-8">\n<!--policy-->\n'
        f"<title>{title}</title>\n" + "\n".join(head) + "\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n</head>\n'
        f"<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    ).replace("\r\n", "\n")
    page = _numbered(page, figure)
    audit = _Audit()
    audit.feed(page)
    if audit.defects:
        raise InputError(audit.defects)
    policy = _CSP.format(hashes=" ".join(dict.fromkeys(audit.hashes)))
    return page.replace("<!--policy-->", f'<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)


def _render(figure: Any) -> tuple[dict[str, branca.element.Element], str, str]:
    """Return the elements of the head, the body and the script of a page, and leave the figure as it was.

    Rendering makes elements register their links and scripts in the figure, some of them once more each time.
    """
    parts = (figure.header, figure.html, figure.script)
    before = [part._children.copy() for part in parts]  # noqa: SLF001
    try:
        for child in list(figure._children.values()):  # noqa: SLF001
            child.render()
        header = dict(figure.header._children)  # noqa: SLF001
        return header, figure.html.render(), _inside_script(figure.script.render())
    finally:
        for part, children in zip(parts, before, strict=True):
            part._children = children  # noqa: SLF001


def _numbered(page: str, figure: Any) -> str:
    """Return a page with numbers for the random ids of its elements: equal maps give equal files."""
    ids = {str(element._id): str(k) for k, element in enumerate(_elements(figure), start=1)}  # noqa: SLF001
    return re.sub("(?<=_)[0-9a-f]{32}", lambda found: ids.get(found[0], found[0]), page)


def _elements(element: branca.element.Element) -> Iterator[branca.element.Element]:
    for child in element._children.values():  # noqa: SLF001
        yield child
        yield from _elements(child)


def _asks_a_server(element: branca.element.Element) -> list[Defect]:
    """Find what a map's script asks for, where no link shows it."""
    what = getattr(element, "layer_name", element.get_name())
    if isinstance(element, folium.TileLayer | folium.WmsTileLayer):
        remedy = (
            "leave the tiles out, or write this map with its own save(), which needs a network to be seen"
        )
        return [Defect("", f"layer {what}", "a layer that asks no server", "tiles", remedy)]
    if isinstance(element, folium.Icon):
        remedy = "use folium.CircleMarker, folium.DivIcon or the plain folium.Marker"
        return [
            Defect("", f"icon {what}", "an icon drawn by the page itself", "an icon of Font Awesome", remedy)
        ]
    return []


def _inline(name: str, link: branca.element.Link) -> str | Defect:
    """Text of a link's target from an installed package."""
    leaflet = files("xstatic.pkg.leaflet") / "data"
    if name == "leaflet" and _is_leaflet(link.url):
        return f"<script>{_script(leaflet / 'leaflet.js')}\n{_icons(leaflet)}</script>"
    if name == "leaflet_css" and _is_leaflet(link.url):
        return f"<style>{_style(leaflet)}</style>"
    if name == "jquery":
        return f"<script>{_script(files('xstatic.pkg.jquery') / 'data' / 'jquery.min.js')}</script>"
    return Defect(
        "",
        f"link {name}",
        "a library that is installed with this package",
        str(link.url),
        "leave out the layer or plugin that needs it, or write this map with its own save()",
    )


def _is_leaflet(url: str) -> bool:
    """Whether it is the Leaflet that we have: same major and minor version."""
    return re.search(r"/leaflet@1\.9\.\d+/", url) is not None


def _inside_script(text: str) -> str:
    """Return a script in which nothing ends the element or opens a comment; only strings can hold either."""
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE).replace("<!--", r"<\!--")


def _script(file: Traversable) -> str:
    """Return a library without its reference to a source map, which a browser's tools would ask for."""
    return _inside_script(re.sub(r"//[#@] sourceMappingURL=.*", "", file.read_text(encoding="utf-8")))


def _style(folder: Traversable) -> str:
    """Leaflet's style with its images inside."""

    def embed(match: re.Match[str]) -> str:
        return f"url({_data_uri(folder / 'images' / match.group(1))})"

    return re.sub(r"url\(images/([\w.-]+)\)", embed, (folder / "leaflet.css").read_text(encoding="utf-8"))


def _icons(folder: Traversable) -> str:
    """Leaflet finds the images of its plain marker by the address of its style, which is no address here."""
    images = {
        "iconUrl": _data_uri(folder / "images" / "marker-icon.png"),
        "iconRetinaUrl": _data_uri(folder / "images" / "marker-icon-2x.png"),
        "shadowUrl": _data_uri(folder / "images" / "marker-shadow.png"),
    }
    return f"delete L.Icon.Default.prototype._getIconUrl; L.Icon.Default.mergeOptions({json.dumps(images)});"


def _data_uri(file: Traversable) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")


class _Audit(HTMLParser):
    """Reads a page as a browser does: hashes of its scripts, and everything in it that would be fetched."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.hashes: list[str] = []
        self.defects: list[Defect] = []
        self._script: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and dict(attrs).get("type") != "text/plain":  # a block of text is not run
            self._script = []
        for key, value in attrs:
            fetched = key in ("src", "srcset", "poster", "data") or (key == "href" and tag == "link")
            if fetched and not (value or "").startswith(("data:", "#")):
                remedy = "leave out the layer or plugin that needs it, or write this map with its own save()"
                self.defects.append(
                    Defect("", f"<{tag} {key}>", "nothing that is fetched", str(value), remedy)
                )

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            digest = hashlib.sha256("".join(self._script).encode("utf-8")).digest()
            self.hashes.append(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
            self._script = None
