"""Route cards: one page a zone, to print and to read aloud, in the languages of the region."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from mutualaid.evacuation import EvacuationStudy
from mutualaid.maps import LANGUAGES, card_texts, page_languages

__all__ = ["route_cards"]

_TEMPLATE = "route_cards.html"


def route_cards(study: EvacuationStudy, *, languages: Sequence[str] = tuple(LANGUAGES)) -> str:
    """Write the cards as one page that prints one zone a sheet, once in each language.

    Parameters
    ----------
    study
        What `mutualaid.evacuation.evacuation` found.
    languages
        Codes such as ``fr``, the first one first; all that a map has by default.

    Returns
    -------
    str
        HTML that needs nothing else.

    Raises
    ------
    InputError
        As `mutualaid.maps.page_languages` raises it.
    """
    environment = Environment(
        loader=PackageLoader("mutualaid.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chosen = page_languages(languages)
    template = environment.get_template(_TEMPLATE)
    zones = list(_zones(study))
    parts = [
        {"lang": one, "dir": LANGUAGES[one].direction, "text": card_texts(one), "name": LANGUAGES[one].name}
        for one in chosen
    ]
    return template.render(
        lang=chosen[0],
        arrow={"ltr": "→", "rtl": "←"},
        title=study.case.name or study.analysis.region.name,
        region=study.analysis.region.name,
        note=" ".join(study.analysis.region.note.split()),
        lower=clock(study.bracket.lower_s),
        upper=clock(study.bracket.upper_s) if math.isfinite(study.bracket.upper_s) else "",
        plan=clock(study.plan.clearance_s),
        zones=zones,
        parts=parts,
    )


def clock(seconds: float, *, early: bool = False) -> str:
    """Write seconds after the alarm as hours and minutes, rounded up, or down where `early` is the safe side.

    >>> clock(3661.0), clock(3661.0, early=True)
    ('1:02', '1:01')
    """
    minutes = math.floor(seconds / 60 + 1e-9) if early else math.ceil(seconds / 60 - 1e-9)
    return f"{'−' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def _zones(study: EvacuationStudy) -> Iterator[dict[str, Any]]:
    for key, zone in study.zones.iterrows():
        routes = study.routes[study.routes["zone"] == key]
        yield {
            "name": zone["name"],
            "people": f"{zone['people']:,.0f}",
            "vehicles": f"{zone['vehicles']:,.0f}",
            "left": f"{zone['people_left']:,.0f}" if zone["people_left"] >= 0.5 else "",
            "hazard": clock(zone["arrives_s"], early=True) if math.isfinite(zone["arrives_s"]) else "",
            "ways": [_way(way) for _, way in routes.groupby("way", sort=False)],
        }


def _way(routes: pd.DataFrame) -> dict[str, Any]:
    """One way of a zone: its routes together; exact rates of each stand in evacuation_routes.csv."""
    busiest = routes.iloc[int(routes["vehicles"].to_numpy().argmax())]
    latest = float(routes["latest_s"].min())
    return {
        "id": busiest["way"],
        "roads": [road for road in busiest["roads"] if road],
        "sink": busiest["sink_name"],
        "kind": busiest["sink_kind"],
        "from": clock(routes["from_s"].min(), early=True),
        "to": clock(routes["to_s"].max()),
        "starts": str(routes["source"].nunique()),
        "rate": f"{_peak_vph(routes):,.0f}",
        "vehicles": f"{routes['vehicles'].sum():,.0f}",
        "people": f"{routes['people'].sum():,.0f}",
        "drive": clock(routes["drive_s"].max()),
        "latest": clock(latest, early=True) if math.isfinite(latest) else "",
        "margin": clock(routes["margin_s"].min(), early=True) if math.isfinite(latest) else "",
        "crossings": busiest["crossings"],
    }


def _peak_vph(routes: pd.DataFrame) -> float:
    """Most vehicles an hour that leave by the way at any moment."""
    starts = routes["from_s"].to_numpy()
    going = (routes["from_s"].to_numpy() <= starts[:, None]) & (starts[:, None] < routes["to_s"].to_numpy())
    return float((going * routes["rate_vph"].to_numpy()).sum(axis=1).max())
