"""An open store: the connection that holds the file, and the doors to read and to write through.

One root connection lives as long as the store and holds the lock on the file. Every query has a cursor of it, a
connection of its own that ends with it, so every thread reads freely; writers queue behind one lock that is held from
the first read to the commit, and the connection of one that leaves nothing on it is that of the next.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from barhouse.store.database.answer import Answer, answer
from barhouse.store.database.changes import ChangeNotes
from barhouse.store.database.connections import Running, given_up
from barhouse.store.database.copy_turn import CopyTurn
from barhouse.store.database.failures import breaks, broken, failure_of, is_interrupt
from barhouse.store.database.file_lock import Lock, identity_of, refuse_own
from barhouse.store.database.limits import NO_LIMITS, STREAMED_ROWS, Limits, Turns, read
from barhouse.store.database.memory import Memory
from barhouse.store.database.precedence import Precedence
from barhouse.store.database.query import check_reads
from barhouse.store.database.slots import Writer, WritingConnection
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError, StoreClosedError, StoreError, StoreHeldError
from barhouse.store.hints import Action
from barhouse.store.model import open_stores
from barhouse.store.model.spelling import Spelling
from barhouse.store.sql import Sql, sql

if TYPE_CHECKING:
    import pyarrow as pa

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


class Database:
    """An open store file.

    Attributes
    ----------
    path
        The file, without links; None in memory.
    identity
        The file's device and inode: the same under whatever name it was opened.
    pid
        The process that opened it.
    owner
        Names this opening; no two are alike.
    spelling
        How symbols are spelled in it; as usual, until it was read.
    running
        The connections that somebody reads or writes with now.
    closed
        Whether close() was called.
    changes
        What writers write, for whoever watches.
    log_size
        How large its log may become before it is taken over into the file, as was said when it was opened; None: as
        DuckDB has it.
    """

    def __init__(
        self,
        path: Path | None,
        root: duckdb.DuckDBPyConnection,
        *,
        read_only: bool,
        clock: Clock,
        log_size: str | None = None,
        opened_as: Path | None = None,
    ) -> None:
        self.path = path
        file = opened_as or path
        self.identity = identity_of(file) if file else None
        self.pid = os.getpid()
        self.owner = uuid.uuid4().hex
        self.read_only = read_only
        self.clock = clock
        self.log_size = log_size
        self.spelling = Spelling()
        self._root = root
        self._lock = Lock(file, read_only=read_only) if file else None
        self._broken_by: BaseException | None = None
        self.closed = False
        self._write_lock = threading.RLock()
        self._current: Transaction | None = None
        self._writer = Writer()
        self._memory = Memory()
        self.changes = ChangeNotes()
        self._copy_turn = CopyTurn(self._write_lock)
        self._readers: list[int] = []  # the threads that read, once for each connection they read with
        self.running = Running()
        self._readers_changed = threading.Condition()
        open_stores.add(self)
        memory_bytes = root.execute(sql("database.memory_limit")).fetchall()[0][0]
        self._turns = Turns(memory_bytes)
        self._precedence = Precedence(root, memory_bytes)

    @property
    def current(self) -> Database:
        """Itself: what is opened without following stays what it is."""
        return self

    @property
    def root(self) -> duckdb.DuckDBPyConnection:
        """The connection that holds the file; for work that no transaction can do.

        Raises
        ------
        StoreClosedError
            After close().
        StoreError
            In a fork of the process that opened the store.
        """
        if self.closed:
            raise StoreClosedError(f"the store {self.place} was closed; {Action('open_again')}")
        if self.pid != os.getpid():
            raise StoreError(
                f"the store {self.place} was opened by process {self.pid}, of which this one is a fork; "
                f"open stores after forking, or start processes with the method 'spawn'"
            )
        if self._broken_by is not None:
            raise broken(self.place, self._broken_by) from self._broken_by
        return self._root

    @property
    def place(self) -> str:
        """The file, for a message."""
        return str(self.path or ":memory:")

    def _have_lock(self) -> None:
        """Take the lock on the file again if something in this process has ended it."""
        if self._lock is None or self.path is None:
            return
        try:
            self._lock.renew()
            if not self.read_only and identity_of(self.path) != self.identity:
                raise StoreHeldError(
                    f"{self.path} is another file than the one that was opened: replaced or removed; nothing more "
                    f"is written here: close the store and open it again"
                )
        except StoreHeldError as error:
            self._broken_by = error
            raise

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Tell failures of the machine as errors of the store, and remember those after which nothing goes.

        A statement that was interrupted is a ``KeyboardInterrupt``, whatever DuckDB says of it.
        """
        try:
            yield
        except BaseException as error:
            if is_interrupt(error):
                raise KeyboardInterrupt from error
            if breaks(error):
                self._broken_by = self._broken_by or error
            failure = failure_of(error, self.place)
            if failure is None:
                raise
            raise failure from error

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open the one door to write through; waits for the writer before.

        Entered again by the same thread it joins the transaction already open, so that calls that write can be
        put together into one.
        """
        if self.read_only:
            raise StoreError(f"the store {self.path} was opened read-only; {Action('open_to_write')}")
        with self._write_lock:
            if self._current is not None:
                try:
                    yield self._current
                except BaseException as error:
                    # DuckDB has no savepoints: what the inner part wrote can only go together with the rest.
                    self._current.failure = error
                    raise
                return
            _ = self.root  # closed in the meantime?
            self._have_lock()
            with (
                self._precedence.writing(),
                self.explaining(),
                self._writer.connected(self.root) as connection,
                self.running.entered(connection.cursor),
            ):
                cursor = connection.cursor
                is_ending = False
                try:
                    cursor.begin()
                    transaction = self._current = self._transaction_of(connection, reads_only=False)
                    with given_up(cursor):
                        yield transaction
                    if transaction.failure is not None:
                        raise StoreError(
                            "a part of this transaction failed, so nothing of it was written"
                        ) from transaction.failure
                    self._have_lock()
                    is_ending = True
                    cursor.commit()
                    self.changes.commit()
                except BaseException as error:
                    self._memory.end()
                    self._forget_changes(is_ending)
                    _roll_back(cursor, error)
                    raise
                finally:
                    self._current = None

    def _forget_changes(self, is_ending: bool) -> None:
        """Note that nothing was written; where the commit itself broke off, that nobody knows."""
        if is_ending:
            self.changes.note_untold("a commit that broke off")
            self.changes.commit()
        else:
            self.changes.drop()

    def _transaction_of(self, connection: WritingConnection, *, reads_only: bool) -> Transaction:
        return Transaction(
            connection,
            place=self.place,
            clock=self.clock,
            owner=self.owner,
            pid=self.pid,
            spelling=self.spelling,
            reads_only=reads_only,
            memory=self._memory,
            changes=self.changes,
        )

    @contextmanager
    def writers_held(self) -> Iterator[None]:
        """Keep writers out, between transactions; waits for the writer before."""
        with self._write_lock:
            _ = self.root  # closed in the meantime?
            if self._current is not None:
                raise StoreError("this thread is inside a transaction; end it first")
            self._have_lock()
            yield

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Be the one that copies the file; waits for the copy before, and close() waits for this one."""
        with self.writers_held():
            self._copy_turn.refuse_own()
            self._copy_turn.wait()
            _ = self.root  # closed in the meantime?
            self._copy_turn.take()
        try:
            yield
        finally:
            self._copy_turn.give_back()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Give one consistent view for several statements, which may make temporary tables and cannot write."""
        with self._reader() as cursor, self.explaining():
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                with given_up(cursor):
                    yield self._transaction_of(WritingConnection(cursor), reads_only=True)
            finally:
                with suppress(duckdb.Error):  # closing the connection ends it in any case
                    cursor.rollback()

    def query(
        self,
        text: str,
        parameters: dict[str, Any] | list[Any] | None = None,
        *,
        tables: Mapping[str, pa.Table] | None = None,
        reads_files: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """Read with one SQL statement, in a read-only transaction of a connection of its own.

        ``tables`` are known to it by name, beside those of the store, and to nobody else.

        Raises
        ------
        InputError
            When the statement does anything but read, or there is more or less than one, or it reaches beyond the
            store's tables and (with ``reads_files``) files, or its answer is beyond its limits. A read-only transaction
            alone would let through what ends it, and settings, attached and written files that outlive it.
        """
        with (
            self._turn_of(text),
            self._reader() as cursor,
            self._behind_writers(text, cursor),
            self.explaining(),
            limits.timed(cursor),
        ):
            try:
                for name, table in (tables or {}).items():
                    _register(cursor, name, table)
                relation = self._asked(cursor, text, parameters, reads_files=reads_files)
                try:
                    return read(relation, limits)
                finally:
                    del relation  # an error's traceback would keep it, and with it the file
            finally:
                self._have_lock()  # the query may have named the file in a way that was not seen

    @contextmanager
    def stream(
        self,
        text: str,
        parameters: dict[str, Any] | list[Any] | None = None,
        *,
        batch_rows: int = STREAMED_ROWS,
        reads_files: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> Iterator[pa.RecordBatchReader]:
        """Read as :meth:`query` does, but batch by batch: what is not read yet takes no memory."""
        import pyarrow as pa

        with self._reader() as cursor:
            try:
                with (
                    self._turn_of(text),
                    self._behind_writers(text, cursor),
                    self.explaining(),
                    limits.timed(cursor),
                ):
                    relation = self._asked(cursor, text, parameters, reads_files=reads_files)
                    source = pa.table({}).to_reader() if relation is None else relation.to_arrow_reader(batch_rows)
                    del relation
                with source:
                    yield pa.RecordBatchReader.from_batches(source.schema, self._explained(source, cursor, limits))
            finally:
                self._have_lock()

    def _explained(
        self, batches: Iterator[pa.RecordBatch], cursor: duckdb.DuckDBPyConnection, limits: Limits
    ) -> Iterator[pa.RecordBatch]:
        """Tell failures of reading; those of whoever takes the batches are none of the store's."""
        row_count = 0
        while True:
            with self.explaining(), limits.timed(cursor):
                batch = next(batches, None)
            if batch is None:
                return
            row_count += batch.num_rows
            limits.check_rows(row_count)
            yield batch

    def _turn_of(self, text: str) -> AbstractContextManager[None]:
        """Queries of others wait for each other; the store's own are small, and whoever writes may ask them."""
        return nullcontext() if isinstance(text, Sql) else self._turns.taken()

    def _behind_writers(self, text: str, cursor: duckdb.DuckDBPyConnection) -> AbstractContextManager[None]:
        """Queries of others leave memory to who writes; where nobody can, and for the store's own, there is no need."""
        if self.read_only or isinstance(text, Sql):
            return nullcontext()
        return self._precedence.asking(cursor)

    def _asked(
        self,
        cursor: duckdb.DuckDBPyConnection,
        text: str,
        parameters: dict[str, Any] | list[Any] | None,
        *,
        reads_files: bool,
    ) -> Answer | None:
        if not isinstance(text, Sql):  # the store's own have been looked at
            if self.path is not None:
                refuse_own(text, parameters, self.path)
            check_reads(cursor, text, reads_files=reads_files)
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return answer(cursor, text, parameters)

    @contextmanager
    def _reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection; the store stays open until it is given back."""
        with self._readers_changed:
            cursor = self.root.cursor()
            self._readers.append(thread := threading.get_ident())
        try:
            with self.running.entered(cursor), given_up(cursor):
                yield cursor
        finally:
            cursor.close()
            with self._readers_changed:
                self._readers.remove(thread)
                self._readers_changed.notify_all()

    def close(self) -> None:
        """Give the file back, after whoever writes, reads or copies has finished; closing twice is fine."""
        if self.pid != os.getpid():
            return  # a fork's; only the process that opened the file may write its end
        with self._write_lock:
            if self._current is not None:
                raise StoreError("this thread is inside a transaction; end it before closing the store")
            self._copy_turn.refuse_own()
            with self._readers_changed:
                if threading.get_ident() in self._readers:
                    raise StoreError("this thread is reading, or streams an answer; end that before closing the store")
                self.closed = True
                self._readers_changed.wait_for(lambda: not self._readers)
            self._copy_turn.wait()  # closing writes into the file
            if self._lock is not None:
                self._leave_alone_what_is_lost()
            self._writer.close()
            self._root.close()
            if self._lock is not None:
                self._lock.release()

    def _leave_alone_what_is_lost(self) -> None:
        """Write nothing at the end into a file that is another process's by now."""
        try:
            self._have_lock()
        except StoreHeldError:
            with suppress(duckdb.Error):
                self._root.execute("PRAGMA disable_checkpoint_on_shutdown")


def _register(cursor: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Let one connection read a table by a name, which must be none that the store has."""
    if cursor.execute(sql("database.is_table"), {"name": name, "path": []}).fetchall()[0][0]:
        raise InputError(f"{name!r} is a table or view that the store has; give the frame another name")
    cursor.register(name, table)


def _roll_back(cursor: duckdb.DuckDBPyConnection, error: BaseException) -> None:
    """Roll back because of an error, which stays the one that is raised whatever happens here.

    The connection is closed next, which ends its transaction in any case: a broken database rolls nothing back, one
    whose commit failed has done so already, and DuckDB 2 refuses while the error's traceback keeps a streamed result.
    """
    if breaks(error):
        return
    try:
        cursor.rollback()
    except duckdb.Error as second:
        ended = "no transaction is active" in str(second) or type(second).__name__ == "ResourceInUseException"
        if not ended:
            error.add_note(f"and rolling back failed: {second}")
