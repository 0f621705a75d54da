"""The state a store is in, to be compared with that of a copy, which lies in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from barhouse.store.database.database import Database
from barhouse.store.database.opening import SCHEMA_VERSION, explained
from barhouse.store.errors import StoreError, StoreVersionError
from barhouse.store.sql import identifier, literal, sql

_COPIED = identifier("copied")


@dataclass(frozen=True, slots=True)
class State:
    """How far a store has come; equal ones hold the same.

    Attributes
    ----------
    batch_id, committed_at
        The newest batch and its moment, in UTC; None before the first.
    bars
        Tells apart what is kept of bars, symbols, intervals and calendars; None for a store of another schema.
    runs
        Tells apart what is kept of runs.
    """

    batch_id: int | None
    committed_at: datetime | None
    bars: str | None
    runs: str | None

    def same_bars(self, other: State) -> bool:
        """Whether both hold the same, their runs aside."""
        return self.bars is not None and self.bars == other.bars


def state_of(database: Database) -> State:
    """Return the state of an open store."""
    (row,) = database.query(sql("copies.state")).to_pylist()
    return State(**row)


def state_in(file: Path) -> State:
    """Return the state of a store that is not open in this process; the file is only read.

    Raises
    ------
    StoreHeldError
        Somebody has it open for writing.
    StoreError
        It is no store, or cannot be read.
    """
    with _attached(file) as connection:
        version = connection.execute(sql("copies.schema_version", database=_COPIED)).fetchall()
        if version == [(SCHEMA_VERSION,)]:
            return State(*connection.execute(sql("copies.state")).fetchall()[0])
        (batch,) = connection.execute(sql("copies.newest_batch")).fetchall() or [(None, None)]
        return State(batch_id=batch[0], committed_at=batch[1], bars=None, runs=None)


def has_been_in(database: Database, state: State) -> bool:
    """Whether an open store was once in a state that another one is in, as far as their batches tell."""
    if state.batch_id is None:
        return True
    found = database.query(sql("copies.batch_count"), {"batch_id": state.batch_id, "committed_at": state.committed_at})
    return bool(found.column(0)[0].as_py())


def file_has_been_in(file: Path, state: State) -> bool:
    """Whether a store that is not open in this process was once in a state that another one is in."""
    if state.batch_id is None:
        return True
    batch = {"batch_id": state.batch_id, "committed_at": state.committed_at}
    with _attached(file) as connection:
        return bool(connection.execute(sql("copies.batch_count"), batch).fetchall()[0][0])


@contextmanager
def _attached(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    # A database of its own: one that this process has open under this name may be of a file that was replaced since.
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute(sql("copies.attach_for_reading", file=literal(str(file)), name=_COPIED))
        except duckdb.Error as error:
            raise explained(str(file), str(error)) from error
        connection.execute(sql("copies.use", name=_COPIED))
        try:
            yield connection
        except duckdb.CatalogException as error:
            raise StoreVersionError(f"{file} is a DuckDB file but not a Barhouse store; name another file") from error
        except duckdb.Error as error:
            raise StoreError(f"{file} cannot be read as a store: {error}") from error
