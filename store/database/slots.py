"""The connection that writes, and Arrow tables handed over on it.

To register a table costs as much as to insert the few rows it holds. So a name is registered once, for an object whose
table is another one each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa


class _Slot:
    """What DuckDB reads in place of a table: whichever it holds when it is asked."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self.table.schema.__arrow_c_schema__()


class WritingConnection:
    """A connection to write through, transaction after transaction, for as long as none leaves anything on it.

    Attributes
    ----------
    is_marked
        Whether temporary tables, registered ones or settings may have been left: it is closed with its transaction.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.is_marked = False
        self._slots: dict[str, _Slot] = {}

    def place(self, name: str, table: pa.Table) -> None:
        """Make a table readable by a name, in place of the one before, which had the same columns."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = _Slot(table)
            self.cursor.register(name, slot)
        slot.table = table


class Writer:
    """Who writes to a store, one transaction at a time: on the connection of the one before, unless that is marked."""

    def __init__(self) -> None:
        self._left: WritingConnection | None = None

    @contextmanager
    def connected(self, root: duckdb.DuckDBPyConnection) -> Iterator[WritingConnection]:
        """Give the connection of a transaction; what was registered and made on it ends with it, if anything was."""
        connection, self._left = self._left or WritingConnection(root.cursor()), None
        try:
            yield connection
            if not connection.is_marked:
                self._left = connection
        finally:
            if self._left is None:
                connection.cursor.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._left is not None:
            self._left.cursor.close()
            self._left = None
