"""The embedded region, computed once for all tests of files and pictures."""

from __future__ import annotations

import shutil

import pytest

from mutualaid.cooperation import Cooperation, cooperation
from mutualaid.coverage import Analysis, analyse
from mutualaid.data import demo_path, read_region


@pytest.fixture(scope="session")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The demo in a folder of its own."""
    folder = tmp_path_factory.mktemp("runs") / "region"
    shutil.copytree(demo_path(), folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return analyse(read_region(folder))


@pytest.fixture(scope="session")
def found(analysis: Analysis) -> Cooperation:
    """What was measured of it."""
    return cooperation(analysis)
