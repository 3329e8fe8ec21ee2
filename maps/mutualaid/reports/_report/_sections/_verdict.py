"""Whether the record bears out what the model says of neighbours' help."""

from __future__ import annotations

from mutualaid.reports._report._sections._facts import Facts

__all__ = ["VERDICTS", "verdict"]

#: What the record can say of a modelled gain.
VERDICTS = ("confirmed", "not_confirmed", "too_few", "none_modelled")


def verdict(facts: Facts, *place: str) -> str:
    """Give the verdict on the gain at a place; empty if there is none.

    The gain that a report tells is people in time. So minutes that are saved confirm nothing where fewer incidents
    were in time than the model expects, whatever the luck of the draw.
    """
    gain = facts.get("incidents", "gain", *place) or {}
    said = gain.get("verdict")
    expected, most = (gain.get(key) for key in ("in_time_modelled_share", "in_time_high_share"))
    if said == "confirmed" and expected is not None and most is not None and most < expected:
        return "not_confirmed"
    return said if said in VERDICTS else ""
