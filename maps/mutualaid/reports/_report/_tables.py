"""The tables of a report as CSV: the same cells, with exact numbers."""

from __future__ import annotations

import csv
import io

from mutualaid.reports._report._document import Cell, Document, Ref, Table
from mutualaid.reports._report._say import look_up, say

__all__ = ["report_tables", "table_csv"]


def report_tables(document: Document) -> tuple[Table, ...]:
    """Give every table of a report, in its order."""
    return tuple(block for part in document.sections for block in part.blocks if isinstance(block, Table))


def table_csv(table: Table, document: Document) -> str:
    """Write a table as CSV: names of its fields in the first line, numbers as ``summary.json`` has them.

    Parameters
    ----------
    table
        Of the report.
    document
        The report, into whose data the numbers point.

    Returns
    -------
    str
        Lines end with a line feed. What is missing is empty; words of the report are English.

    Examples
    --------
    >>> from mutualaid.reports._report._document import Column, Text, Words
    >>> heads = (Column("place", Text("col_where"), number=False), Column("people", Text("col_people")))
    >>> small = Table("small", Text("table_gaps"), heads, ((Words("A, B"), Ref(("n",))), (Text("total"), None)))
    >>> page = Document(Words(""), Text("subtitle"), (), (), "own", "2026-01-01", {"summary": {"n": 1234.567}})
    >>> print(table_csv(small, page), end="")
    place,people
    "A, B",1234.567
    All,
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_exact(cell, document) for cell in row] for row in table.rows)
    return out.getvalue()


def _exact(cell: Cell, document: Document) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Ref):
        found = look_up(cell, document.data)
        return "" if found is None else str(found)
    return say(cell, "en", document.data)
