"""Guards of the layout: areas are source roots of one namespace, never packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
AREAS = ("data", "hazards", "coverage", "maps")


@pytest.mark.parametrize("area", AREAS)
def test_no_area_is_a_package(area: str) -> None:
    assert not (ROOT / area / "__init__.py").exists(), f"{area}/__init__.py would shadow a library"
    assert not (ROOT / area / "mutualaid" / "__init__.py").exists(), "mutualaid is a namespace package"


def test_coverage_at_the_root_is_coverage_py() -> None:
    code = "import coverage, numba; assert hasattr(coverage, 'Coverage'), coverage.__path__"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_room_is_typed() -> None:
    rooms = [path.parent for area in AREAS for path in (ROOT / area / "mutualaid").glob("*/__init__.py")]
    assert len(rooms) >= 7
    assert [room.name for room in rooms if not (room / "py.typed").is_file()] == []
