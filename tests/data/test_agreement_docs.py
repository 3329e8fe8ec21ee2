"""The example of docs/cooperation.md is a valid agreement, and says what the page says of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mutualaid.data._schema import AgreementEntry, CostEntry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cooperation.md"


def test_the_example_can_be_read() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    document = tomllib.loads(block)
    (entry,) = (AgreementEntry.model_validate(one) for one in document["agreement"])
    assert entry.parties == ["A", "B"]
    assert entry.crossing[0].max_weight_t == 7.5
    assert entry.confidences["dispatch_delay_s"] == "measured"
    assert CostEntry.model_validate(document["cost"]).alone == {"A": 700_000, "B": 450_000}
    assert set(document) == {"agreement", "cost"}
