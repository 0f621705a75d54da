"""Rows that a source itself marks as bars that are not whole: still forming when it was written, or short of something.

Taken as they stand they would be whole bars of part of what was traded, so that each is rejected, naming the column.
"""

from __future__ import annotations

import re

from barhouse.coordinator.load.columns import Column, folded
from barhouse.coordinator.load.parts import Parts
from barhouse.coordinator.load.source_rows import SourceRows
from barhouse.store.sql import Sql, joined, literal

#: How the reason begins.
UNFINISHED = "the bar is not whole"
_OF_A_BAR = "(is)?(this)?(bar|candle|candlestick|kline)?(is)?"
_WHOLE = re.compile(f"{_OF_A_BAR}(complete|completed|closed|confirm|confirmed|final|finalized|finished)|k[.]x")
_PARTIAL = re.compile(f"{_OF_A_BAR}(forming|incomplete|inprogress|partial|provisional|unfinished)")
_NO, _YES = ("false", "f", "no", "n", "0", "0.0"), ("true", "t", "yes", "y", "1", "1.0")


def marked(rows: SourceRows, found: Parts, misread: Sql) -> Sql:
    """An expression for why a row is no whole bar by its own account, or else for what ``misread`` says of it."""
    cases = [
        Sql(
            f"WHEN lower(trim({column.sql}::VARCHAR)) IN ({joined(Sql(', '), map(literal, says))}) "
            f"THEN {literal(f'{UNFINISHED}, as its column {column.name} says')}"
        )
        for column, says in _marks(rows, found)
    ]
    return Sql(f"CASE {' '.join(cases)} ELSE {misread} END") if cases else misread


def columns_of(rows: SourceRows, found: Parts) -> list[Column]:
    """The columns that say whether a bar is whole."""
    return [column for column, _ in _marks(rows, found)]


def _marks(rows: SourceRows, found: Parts) -> list[tuple[Column, tuple[str, ...]]]:
    """The columns that are no part of a bar and say whether it is whole, each with what it says of one that is not."""
    used = {name for column in found.values() if column is not None for name in column.names}
    marks: list[tuple[Column, tuple[str, ...]]] = []
    for name, column in rows.columns.items():
        if name not in used:
            spelled = re.sub("[ _-]", "", folded(name))
            last = spelled.rpartition(".")[2]  # what a field inside of a record is called
            if any(_WHOLE.fullmatch(one) for one in (spelled, last)):
                marks.append((column, _NO))
            elif _PARTIAL.fullmatch(last):
                marks.append((column, _YES))
    return marks
