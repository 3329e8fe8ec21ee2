"""The rules by which a record is cleaned: each in words, and what each did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

__all__ = ["LEAVES_OUT", "RULES", "Notebook"]

#: Rules by which a whole row is left out.
LEAVES_OUT: Mapping[str, str] = {
    "ragged": "A row with more or fewer fields than the header is left out.",
    "equal_row": "Of rows that are equal in every field, the first stays.",
    "exposure": "NFIRS: further exposures of an incident (EXP_NO above 0) are left out.",
    "other_service": "A row of another service than the one asked for is left out.",
    "unknown_service": "A row whose service is no service of this package, or not translated, is left out.",
    "no_position": "A row without a position, at 0, 0, or with one that is no number, is left out.",
    "outside": "A row whose position lies more than 50 m outside the region is left out.",
    "same_unit": "Of rows of one unit at the same incident, that with most known moments stays, else the first.",
}
#: Rules by which a value is changed, and the row stays.
_MENDS: Mapping[str, str] = {
    "unreadable": "A moment that cannot be read becomes unknown.",
    "out_of_time": "A moment before 1970 or more than a day from now on becomes unknown.",
    "midnight": "A moment that runs back by more than 12 hours on the same day is one day later: midnight has passed.",
    "ambiguous_hour": (
        "A moment in the hour that comes twice when summer time ends is the one that keeps the clock in order and the "
        "incident short."
    ),
    "ambiguous_assumed": "Where both fit equally well, the first of the two hours is assumed.",
    "skipped_hour": "A moment in the hour that is left out when summer time begins is read as if the clock had stayed.",
    "negative": (
        "Moments that contradict the order of the clock become unknown: all that are not part of every largest set of "
        "moments in order."
    ),
    "implausible": "A moment more than 24 hours from those of the same row that agree becomes unknown.",
    "no_clock": "Where nobody can say which of the moments of a row is wrong, all that may be become unknown.",
    "text": "Control characters in texts become spaces, and texts longer than 200 characters are cut.",
}
#: All rules by which a record is cleaned, in words.
RULES: Mapping[str, str] = {**LEAVES_OUT, **_MENDS}


@dataclass
class Notebook:
    """What is written down while a record is cleaned: nothing is dropped or changed without an entry.

    Attributes
    ----------
    left_out
        Row of the file, rule, and what came.
    mended
        Row of the file, our name of the column, rule, and the value before and after as text ("" is unknown).
    """

    left_out: list[tuple[int, str, str]] = field(default_factory=list)
    mended: list[tuple[int, str, str, str, str]] = field(default_factory=list)

    def leave_out(self, row: int, rule: str, what: object) -> None:
        """Enter a row that is left out."""
        self.left_out.append((row, rule, f"{what}"))

    def mend(self, row: int, column: str, rule: str, before: object, after: object = "") -> None:
        """Enter a value that is changed."""
        self.mended.append((row, column, rule, f"{before}", f"{after}"))

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Give both lists as tables, by row."""
        out = pd.DataFrame(sorted(self.left_out), columns=["row", "rule", "what"])
        changed = pd.DataFrame(sorted(self.mended), columns=["row", "column", "rule", "before", "after"])
        return out.astype({"row": "int64"}), changed.astype({"row": "int64"})

    def counts(self) -> dict[str, int]:
        """Count the entries of each rule; 0 where there is none."""
        entries = [entry[1] for entry in self.left_out] + [entry[2] for entry in self.mended]
        return {rule: entries.count(rule) for rule in RULES}
