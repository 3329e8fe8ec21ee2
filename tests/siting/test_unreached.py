"""People whom no site reaches: named, counted, and never a reason to refuse a plan."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from mutualaid.errors import SitingError
from mutualaid.siting import SiteTable, site_table, unreached
from mutualaid.siting._unreached import unreached_note


@pytest.fixture
def table() -> SiteTable:
    demand = pd.DataFrame({"population": [500, 1200, 40, 0], "partner": list("XXYY")}, index=list("abcd"))
    fair = [[300, 900, math.inf, 700], [480, 481, math.inf, 600]]
    flood = [[math.inf] * 4, [480.0] * 4]
    return site_table({"": fair, "flood": flood}, ["north", "south"], demand, limit_s=480)


def test_rows_with_the_nearest_site(table: SiteTable) -> None:
    found = unreached(table)
    assert found.index.tolist() == ["b", "c", "d"]
    assert found["population"].tolist() == [1200, 40, 0]
    assert found["partner"].tolist() == ["X", "Y", "Y"]
    assert found["seconds"].tolist() == [481, math.inf, 600]
    assert found["site"].tolist()[::2] == ["south", "south"]
    assert found["site"].isna().tolist() == [False, True, False]
    assert "site" not in table.demand.columns
    assert unreached(table, "flood").empty
    assert list(unreached(table, "flood").columns) == list(found.columns)


def test_sentence_counts_people_and_points_that_have_some(table: SiteTable) -> None:
    text = "1,240 people at 2 points are reached by no site, even if all were open."
    assert unreached_note(table) == (text,)
    assert unreached_note(table, limit_s=481) == (
        "40 people at 1 point are reached by no site, even if all were open.",
    )
    assert unreached_note(table, "flood") == ()
    assert unreached_note(table, "flood", 100) == (
        "1,740 people at 3 points are reached by no site in flood, even if all were open.",
    )
    assert unreached_note(table, limit_s=math.inf) == unreached_note(table, limit_s=481), "inf never counts"


def test_unknown_weather(table: SiteTable) -> None:
    with pytest.raises(SitingError, match="weather: expected one of '', 'flood'; got 'storm'"):
        unreached(table, "storm")
