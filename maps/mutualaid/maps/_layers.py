"""Folium layers of this package: compact data in the page, drawn by its own scripts (``static/*.js``)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import branca.element
import folium

from mutualaid.maps._escape import esc, js_json
from mutualaid.maps._messages import message
from mutualaid.maps._texts import TEXTS

__all__ = ["PageLayer", "Panel", "Raw", "Stage", "asset"]

#: Scripts of the page in their order: each builds on those before it.
_SCRIPTS = (
    "text",
    "pack",
    "stage",
    "whatif",
    "cells",
    "paths",
    "marks",
    "cooperation",
    "siting",
    "country",
    "evacuation",
    "clearance",
    "setting",
    "picture",
    "share",
    "tools",
    "panel",
)
#: Those that a page does without where it has nothing of the kind to tell: each with what it tells of.
_OPTIONAL = {
    "cooperation": "cooperation",
    "siting": "siting",
    "country": "country",
    "evacuation": "evacuation",
    "clearance": "evacuation",
}
_STYLES = ("map", "tools", "print")


def asset(name: str) -> str:
    """Text of a file in ``static/``."""
    return files("mutualaid.maps").joinpath("static", name).read_text(encoding="utf-8")


class Raw(branca.element.Element):
    """Literal text. Folium's own elements parse what they rendered a second time as a Jinja template."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def render(self, **_: Any) -> str:
        """Return the text as it is."""
        return self.text


class Stage(folium.MacroElement):
    """Script and style of the page and what all layers share; the first child of the map.

    Parameters
    ----------
    options
        JSON-ready settings that the layers and the panel read as ``map.mutualaid``.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Stage"
        self.options = options

    def render(self, **_: Any) -> str:
        """Add script and style to the page's head, and the shared settings to its script."""
        figure: Any = self.get_root()
        for part in _STYLES:
            figure.header.add_child(
                Raw(f"<style>{asset(f'{part}.css')}</style>"), name=f"mutualaid_{part}_css"
            )
        for part in _SCRIPTS:
            if part in _OPTIONAL and not self.options.get(_OPTIONAL[part]):
                continue
            figure.header.add_child(
                Raw(f"<script>{asset(f'{part}.js')}</script>"), name=f"mutualaid_{part}_js"
            )
        options = self.options | {"whatif": self._times_apart(figure)}
        call = f"mutualaid.stage({_map_name(self)}, {js_json(options)});\n"
        figure.script.add_child(Raw(call), name=self.get_name())
        return ""

    def _times_apart(self, figure: Any) -> dict[str, Any] | None:
        """Put the times of what-ifs into blocks of text: no browser reads megabytes as script before it draws."""
        what_if: dict[str, Any] | None = self.options["whatif"]
        if what_if is None:
            return None
        weather = {}
        for number, (key, one) in enumerate(what_if["weather"].items()):
            block = f"{_map_name(self)}_times_{number}"
            figure.html.add_child(
                Raw(f'<script type="text/plain" id="{block}">{one["table"]["z"]}</script>'), name=block
            )
            weather[key] = one | {"table": {"columns": one["table"]["columns"], "block": block}}
        return what_if | {"weather": weather}


class PageLayer(folium.map.Layer):
    """A layer drawn by one of the factories of the page's scripts.

    Parameters
    ----------
    factory
        ``cells``, ``paths``, ``marks``, ``places``, ``plan`` or ``evacuated``.
    key
        Key of its name in the layer control; empty if that does not list it. The control holds the English name until
        the page says it in the language of its reader.
    data
        JSON-ready; its texts are shown as texts.
    show
        Whether it is on at the start.
    """

    def __init__(self, factory: str, key: str, data: dict[str, Any], *, show: bool = True) -> None:
        super().__init__(name=esc(TEXTS[key]) if key else None, overlay=True, control=bool(key), show=show)
        self._name = factory.capitalize()
        self.factory = factory
        self.data = data | ({"name": message(key)} if key else {})

    def render(self, **kwargs: Any) -> str:
        """Add the layer to the page's script."""
        call = f"var {self.get_name()} = mutualaid.{self.factory}({js_json(self.data)});\n"
        figure: Any = self.get_root()
        figure.script.add_child(Raw(call), name=self.get_name())
        super().render(**kwargs)  # type: ignore[no-untyped-call]
        return ""


class Panel(folium.MacroElement):
    """The panel with the switch, the numbers, the legend and the facts; frames the map on the people."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Panel"

    def render(self, **_: Any) -> str:
        """Add the panel to the page's script."""
        figure: Any = self.get_root()
        figure.script.add_child(Raw(f"mutualaid.panel({_map_name(self)});\n"), name=self.get_name())
        return ""


def _map_name(element: branca.element.Element) -> str:
    """Name of the page's variable that holds the map."""
    parent: Any = element._parent  # noqa: SLF001
    return str(parent.get_name())
