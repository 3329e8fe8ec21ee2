"""One file that asks nobody for anything, or an error that says why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import folium
import folium.plugins
import pytest

from mutualaid.errors import InputError
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._languages import LANGUAGES


def bare_map() -> folium.Map:
    return folium.Map([43.74, 7.42], tiles=None)


def test_page_links_to_nothing(analysis: Any, tmp_path: Path) -> None:
    text = save_offline(coverage_map(analysis), tmp_path / "map.html").read_text("utf-8")
    assert not re.findall(r"<(?:link|iframe|object|embed)\b", text)
    assert not re.findall(r"<script[^>]+src", text)
    assert "cdn." not in text
    assert "sourceMappingURL" not in text
    assert not re.findall(r"url\((?!data:|#default)", text)


def test_page_states_language_direction_title_and_policy(analysis: Any, tmp_path: Path) -> None:
    text = save_offline(coverage_map(analysis), tmp_path / "map.html", lang="ar-MA").read_text("utf-8")
    assert '<html lang="ar-MA" dir="rtl">' in text
    assert "<title>Both banks of the Ister</title>" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.group(1).split("style-src")[0]
    assert "unsafe-eval" not in policy.group(1)


def test_page_is_small_and_needs_no_jquery(analysis: Any, tmp_path: Path) -> None:
    file = save_offline(coverage_map(analysis), tmp_path / "map.html")
    assert "jQuery" not in file.read_text("utf-8")
    assert file.stat().st_size < 500_000


def test_five_more_languages_cost_a_tenth_of_the_page(analysis: Any, tmp_path: Path) -> None:
    one, six = (
        save_offline(coverage_map(analysis, languages=asked), tmp_path / "map.html").stat().st_size
        for asked in (["en"], list(LANGUAGES))
    )
    assert one + 10_000 < six < 1.15 * one


def test_jquery_stands_in_the_page_only_where_a_popup_of_folium_needs_it(tmp_path: Path) -> None:
    page = bare_map()
    folium.Marker([43.74, 7.42], popup="Hello").add_to(page)
    assert "jQuery" in save_offline(page, tmp_path / "map.html").read_text("utf-8")


def test_everything_that_asks_a_server_is_named_at_once_and_the_old_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "map.html"
    target.write_text("old")
    page = bare_map()
    folium.TileLayer("OpenStreetMap").add_to(page)
    folium.Marker([43.74, 7.42], icon=folium.Icon(icon="fire")).add_to(page)
    fullscreen: Any = folium.plugins.Fullscreen
    fullscreen().add_to(page)
    with pytest.raises(InputError) as caught:
        save_offline(page, target)
    message = str(caught.value)
    assert "tiles" in message
    assert "Font Awesome" in message
    assert "leaflet.fullscreen" in message
    assert len(caught.value.defects) >= 4  # the plugin has a script and a style
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["map.html"]


def test_images_of_other_servers_are_refused(tmp_path: Path) -> None:
    page = bare_map()
    figure: Any = page.get_root()
    figure.html.add_child(folium.Element('<img src="https://example.org/logo.png">'))
    with pytest.raises(InputError, match=r"example\.org"):
        save_offline(page, tmp_path / "map.html")
    assert not list(tmp_path.iterdir())


def test_another_leaflet_than_the_installed_one_is_refused(tmp_path: Path) -> None:
    page = bare_map()
    page.default_js = [("leaflet", "https://cdn.example.org/leaflet@2.0.0/leaflet.js")]
    with pytest.raises(InputError, match="leaflet@2"):
        save_offline(page, tmp_path / "map.html")


def test_saving_leaves_the_map_as_it_was(analysis: Any, tmp_path: Path) -> None:
    page = coverage_map(analysis)
    first = save_offline(page, tmp_path / "a.html").read_text("utf-8")
    assert save_offline(page, tmp_path / "b.html").read_text("utf-8") == first
    assert "https://cdn.jsdelivr.net/npm/leaflet@" in page.get_root().render()


def test_equal_maps_give_equal_bytes(analysis: Any, tmp_path: Path) -> None:
    first, second = (coverage_map(analysis) for _ in range(2))
    for k, page in enumerate((first, second)):
        folium.Circle([47.2, 9.8], radius=300).add_to(page)
        save_offline(page, tmp_path / f"{k}.html")
    assert first.get_name() != second.get_name()
    assert (tmp_path / "0.html").read_bytes() == (tmp_path / "1.html").read_bytes()


def test_a_notebook_shows_the_map_without_a_network(analysis: Any) -> None:
    page = coverage_map(analysis)
    shown = page._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "https://cdn" not in shown
    folium.TileLayer("OpenStreetMap").add_to(page)
    assert "https://cdn" in page._repr_html_()  # the tiles need the network anyway
