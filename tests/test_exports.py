"""The public surface of every room is what `__all__` says and nothing else; the linter keeps it sorted."""

from __future__ import annotations

import importlib
import types

import pytest

ROOMS = (
    "mutualaid.cli",
    "mutualaid.cooperation",
    "mutualaid.coverage",
    "mutualaid.data",
    "mutualaid.errors",
    "mutualaid.threads",
    "mutualaid.evacuation",
    "mutualaid.hazards",
    "mutualaid.incidents",
    "mutualaid.maps",
    "mutualaid.network",
    "mutualaid.reports",
    "mutualaid.scale",
    "mutualaid.siting",
)


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_locked(room: str) -> None:
    module = importlib.import_module(room)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", room).startswith("mutualaid")
        and name != "annotations"
    }
    assert public <= set(module.__all__), "a public name that __all__ does not list"
