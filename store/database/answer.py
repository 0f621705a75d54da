"""What a statement answers, on its way into Arrow.

DuckDB 1.5 hands the answer to a query with parameters over value by value when it is asked for as a relation, which
takes 30 times as long; DuckDB 2 copies it once more, and warns of that, when it is asked for as a cursor's result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa

_IS_FIRST = duckdb.__version__.startswith("1.")


class Answer(Protocol):
    """Rows that have not been read."""

    def to_arrow_table(self) -> pa.Table:
        """All of them."""

    def to_arrow_reader(self, batch_size: int) -> pa.RecordBatchReader:
        """Batch by batch, of so many rows."""


def answer(
    cursor: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, Any] | list[Any] | None
) -> Answer | None:
    """Ask; None for a statement that has no rows to give."""
    if not parameters:
        return cursor.sql(text)
    if _IS_FIRST:
        made = cursor.execute(text, parameters)
        return made if made.description else None
    return cursor.sql(text, params=parameters)
