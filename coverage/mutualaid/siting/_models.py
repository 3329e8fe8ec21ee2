"""The models by name: which wishes each takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, Fair, Over
from mutualaid.siting._cmclp import cmclp
from mutualaid.siting._dsm import dsm
from mutualaid.siting._lscp import lscp
from mutualaid.siting._mclp import mclp
from mutualaid.siting._mexclp import mexclp
from mutualaid.siting._p_center import p_center
from mutualaid.siting._p_median import p_median
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["MODELS", "check_model", "solve"]

#: What each model asks for.
MODELS: Mapping[str, str] = {
    "mclp": "most people in time",
    "mexclp": "most people in time, as units are busy a share of the time",
    "p_median": "shortest mean time",
    "p_center": "shortest longest time",
    "lscp": "fewest, or cheapest, new stations that reach everybody in time who can be",
    "lscp_backup": "the same, and of these the one by which most people are in time twice",
    "dsm": "most people in time twice, everybody within a wider limit",
    "cmclp": "most people in time, no station serving more than its capacity",
}


@dataclass(frozen=True)
class _Takes:
    """How a model is asked: by scenarios as ``over`` (with a rule), ``all`` (in each) or ``one``."""

    function: Callable[..., Plan]
    weather: str
    needs: Collection[str] = ()
    may: Collection[str] = ()


_TAKES: Mapping[str, _Takes] = {
    "mclp": _Takes(mclp, "over"),
    "mexclp": _Takes(mexclp, "over", needs=("busy",), may=("per_site",)),
    "p_median": _Takes(p_median, "over", may=("cover_at_least",)),
    "p_center": _Takes(p_center, "all"),
    "lscp": _Takes(lscp, "all"),
    "lscp_backup": _Takes(lscp, "all"),
    "dsm": _Takes(dsm, "one", needs=("wide_s", "share")),
    "cmclp": _Takes(cmclp, "one"),
}


def check_model(model: str, over: Over, fair: Fair | None, options: Mapping[str, Any]) -> list[Defect]:
    """Find everything asked of a model that it does not know, or that it lacks."""
    if model not in _TAKES:
        return [Defect("", "model", f"one of {', '.join(MODELS)}", repr(model), "choose one")]
    takes, defects = _TAKES[model], []
    with_rule = ", ".join(name for name, one in _TAKES.items() if one.weather == "over")
    if takes.weather != "over":
        if fair is not None:
            remedy = f"leave fair out, or use one of {with_rule}"
            defects.append(Defect("", "fair", f"nothing: {model} knows no fairness", f"{fair}", remedy))
        if over.rule != "expected":
            remedy = f"leave rule out, or use one of {with_rule}"
            defects.append(Defect("", "rule", f"none: {model} knows no rule", repr(over.rule), remedy))
    if takes.weather == "one" and len(over.weather) > 1:
        got, remedy = ", ".join(map(repr, over.weather)), f"ask for one, or use one of {with_rule}"
        defects.append(Defect("", "scenarios", f"one: {model} asks about one weather", got, remedy))
    known = {*takes.needs, *takes.may}
    defects += [
        Defect(
            "",
            name,
            f"an option of {model}: {', '.join(sorted(known)) or 'it has none'}",
            "none",
            "leave it out",
        )
        for name in options
        if name not in known
    ]
    defects += [
        Defect("", name, f"a value, which {model} needs", "none", "state it")
        for name in takes.needs
        if name not in options
    ]
    return defects


def solve(
    model: str,
    table: SiteTable,
    choice: Choice,
    over: Over,
    fair: Fair | None,
    options: Mapping[str, Any],
    *,
    time_limit_s: float | None,
    gap: float,
) -> Plan:
    """Ask a model; raises `SitingError` as the model itself does."""
    if defects := check_model(model, over, fair, options):
        raise SitingError(defects)
    takes = _TAKES[model]
    every = tuple(over.weather)
    by_kind: Mapping[str, dict[str, Any]] = {
        "over": {"over": over, "fair": fair}, "all": {"weather": every}, "one": {"weather": every[0]},
    }  # fmt: skip
    asked = by_kind[takes.weather] | ({"backup": True} if model == "lscp_backup" else {})
    return takes.function(table, choice, **asked, **options, time_limit_s=time_limit_s, gap=gap)
