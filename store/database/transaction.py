"""A transaction: statements of ``store/sql`` run together, with temporary tables handed on as handles."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import duckdb

from barhouse.store.database.answer import Answer, answer
from barhouse.store.database.changes import MOST_KEYS, ChangeNotes, Key
from barhouse.store.database.failures import failure_of
from barhouse.store.database.memory import Memory
from barhouse.store.database.query import check_inside, only_reads
from barhouse.store.database.slots import WritingConnection
from barhouse.store.model.spelling import Spelling
from barhouse.store.sql import Sql, identifier, joined, sql, statement

if TYPE_CHECKING:
    import pyarrow as pa

#: A row of an answer: a tuple whose fields have the names of the columns.
Row = Any


@dataclass(frozen=True, slots=True)
class TemporaryTable:
    """A table that lives as long as its transaction; whoever is to read it is handed this.

    Attributes
    ----------
    name
        What it is called in this transaction.
    shape
        What the statement that made it calls it: tables of one shape have the same columns.
    columns
        The columns declared for it.
    row_count
        How many rows it was made with; None where they have not been counted.
    rows
        The rows themselves, where it stands for an Arrow table.
    """

    name: str
    shape: str
    columns: tuple[str, ...]
    row_count: int | None = None
    rows: pa.Table | None = field(default=None, compare=False, repr=False)

    @property
    def sql(self) -> Sql:
        """Its name, as SQL."""
        return identifier(self.name)


#: What a statement reads rows from: a temporary table, or a piece of SQL in brackets.
Relation = TemporaryTable | Sql


class Transaction:
    """Everything run through it sees one state of the store, and is committed together or not at all.

    Attributes
    ----------
    clock
        The store's clock, in UTC; ``now`` is what it showed when the transaction began.
    owner, pid
        The opening of the store it belongs to, and its process.
    spelling
        How the store spells symbols.
    reads_only
        Whether it may change the store's tables.
    memory
        What writers remember of these.
    changes
        Where it is noted what it writes.
    """

    def __init__(
        self,
        connection: WritingConnection,
        *,
        place: str,
        clock: Callable[[], datetime],
        owner: str,
        pid: int,
        spelling: Spelling,
        reads_only: bool,
        memory: Memory,
        changes: ChangeNotes,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor
        self.memory = memory
        self.changes = changes
        self.clock = clock
        self.owner = owner
        self.pid = pid
        self.spelling = spelling
        self.now = clock()
        self.reads_only = reads_only
        self.failure: BaseException | None = None
        self._place = place

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's connection that the transaction is of, for whoever does with it what nobody follows."""
        self._connection.is_marked = True
        self.memory.end()
        if not self.reads_only:
            self.changes.note_untold("a statement that nobody follows")
        return self._cursor

    @property
    def scratch(self) -> Path:
        """The folder in which there is room for files that are needed only for a moment, as those of DuckDB are."""
        chosen = Path(self.one("database.temporary_folder").folder)
        if chosen != Path(f"{self._place}.tmp" if self._place != ":memory:" else ".tmp"):
            chosen.mkdir(parents=True, exist_ok=True)
            return chosen
        return Path(gettempdir()) if self._place == ":memory:" else chosen.parent

    def run(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> list[Row]:
        """Run the statement ``room.own_name``; returns its rows, read to the end, with fields named as its columns.

        Parameters
        ----------
        parameters
            The values of its ``$named`` parameters.
        places
            What its ``{named}`` holes take: temporary tables, pieces of SQL, whole numbers.

        Raises
        ------
        TypeError
            For a plain text in a hole, or a temporary table of another shape than the statement takes.
        LookupError
            For a hole that is left, or a place that there is no hole for.
        """
        self._note(name, places)
        return self._run(sql(name, **places), parameters)

    def one(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> Row:
        """Run a statement that gives exactly one row."""
        (row,) = self.run(name, parameters, **places)
        return row

    def make(
        self, name: str, parameters: dict[str, Any] | None = None, /, *, named: str | None = None, **places: object
    ) -> TemporaryTable:
        """Run a statement that makes a temporary table; returns its handle.

        Parameters
        ----------
        named
            What to call the table, where another of its shape is to stay; otherwise it is called as its shape is, and
            takes the place of the one before.
        """
        made = statement(name)
        self._connection.is_marked = True
        table = TemporaryTable(named or made.shape, made.shape, made.columns)
        rows = self._run(sql(name, **{made.shape: table}, **places), parameters)
        return TemporaryTable(table.name, table.shape, table.columns, rows[0][0] if rows else None)

    def write(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> int:
        """Run a statement that changes tables of the store; returns how many rows that were."""
        rows = self.run(name, parameters, **places)
        return int(rows[0][0]) if rows else 0

    def attach(self, shape: str, table: pa.Table | pa.RecordBatchReader) -> TemporaryTable:
        """Make an Arrow table or reader readable until the transaction ends; returns its handle."""
        self._connection.is_marked = True
        self._cursor.register(shape, table)
        return TemporaryTable(shape, shape, tuple(table.schema.names))

    def place(self, shape: str, table: pa.Table) -> TemporaryTable:
        """Make a small Arrow table readable until another takes its place; its columns are the same every time."""
        self._connection.place(shape, table)
        return TemporaryTable(shape, shape, tuple(table.schema.names), rows=table)

    def execute(self, text: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        """Run SQL of one's own inside this transaction, as for tables beside those of the store; returns all its rows.

        The statements of the store go through ``run`` and ``make``, which put no text into them. ``$named`` parameters
        take values that come from elsewhere.

        Raises
        ------
        TypeError
            For a statement that ends the transaction, and one that does more than to read or write tables, as one that
            changes a setting; in one that reads, also for more than one statement.
        """
        own = not isinstance(text, Sql)
        if own or self.reads_only:
            check_inside(self._cursor, text, reads_only=self.reads_only, own=own)
        if not self.reads_only:
            self._connection.is_marked = True
            self.memory.end()
            if self.changes.is_watched and not only_reads(self._cursor, text):
                self.changes.note_untold(text[:80])
        return self._run(text, parameters)

    def _note(self, name: str, places: dict[str, object]) -> None:
        """Take notice of what a statement writes."""
        if not (written := statement(name).writes) or self.reads_only:
            return
        self.memory.note(written)
        if self.changes.is_watched:
            self.changes.note(name, written, lambda relation, key: self._keys_in(places[relation], key))

    def _keys_in(self, relation: object, key: Key) -> pa.Table:
        """The keys that a relation has; of one in the database each once, and no more than are told."""
        if isinstance(relation, TemporaryTable) and relation.rows is not None:
            return relation.rows.select(list(key))
        columns = joined(Sql(", "), map(identifier, key))
        found = answer(self._cursor, sql("database.keys_in", keys=columns, relation=relation), {"most": MOST_KEYS + 1})
        if found is None:
            raise TypeError("database.keys_in gives rows")
        return found.to_arrow_table()

    def _run(self, text: str, parameters: dict[str, Any] | None) -> list[Row]:
        # Read to the end always: DuckDB 2.0 streams, and an unfinished result blocks the connection.
        try:
            rows = self._cursor.execute(text, parameters or {}).fetchall()
        except duckdb.Error as error:
            failure = failure_of(error, self._place)
            if failure is None:
                raise
            raise failure from error
        if not rows:
            return rows
        make: Callable[[tuple[Any, ...]], Row] = _row_of(tuple(column[0] for column in self._cursor.description))
        return [make(row) for row in rows]

    def table(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> pa.Table:
        """Run a statement that reads; returns its rows as Arrow."""
        try:
            return self._answer(name, parameters, places).to_arrow_table()
        except duckdb.Error as error:
            failure = failure_of(error, self._place)
            if failure is None:
                raise
            raise failure from error

    def arrays(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> dict[str, Any]:
        """Run a statement that gives rows, or gives back what it writes; returns its columns as numpy arrays."""
        self._note(name, places)
        try:
            return dict(self._cursor.execute(sql(name, **places), parameters or {}).fetchnumpy())
        except duckdb.Error as error:
            failure = failure_of(error, self._place)
            if failure is None:
                raise
            raise failure from error

    @contextmanager
    def stream(
        self, name: str, parameters: dict[str, Any] | None = None, /, *, batch_rows: int, **places: object
    ) -> Iterator[pa.RecordBatchReader]:
        """Run a statement whose rows are read batch by batch; nothing else may be run until they are."""
        reader = self._answer(name, parameters, places).to_arrow_reader(batch_rows)
        try:
            yield reader
        finally:
            reader.close()

    def _answer(self, name: str, parameters: dict[str, Any] | None, places: dict[str, object]) -> Answer:
        found = answer(self._cursor, sql(name, **places), parameters)
        if found is None:
            raise TypeError(f"{name} gives no rows; run it, or make its table")
        return found


@cache
def _row_of(names: tuple[str, ...]) -> Callable[[tuple[Any, ...]], Row]:
    kind_of: Any = namedtuple  # a type checker wants the names to be written down
    made: Callable[[tuple[Any, ...]], Row] = kind_of("Row", names, rename=True)._make
    return made
