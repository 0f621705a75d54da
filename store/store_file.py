"""StoreFile: an open store as the file it is: read and written through, copied for others, given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from barhouse.store.database.database import Database
from barhouse.store.database.follower import Follower
from barhouse.store.database.limits import STREAMED_ROWS, Limits
from barhouse.store.database.transaction import Transaction
from barhouse.store.errors import InputError
from barhouse.store.hints import Action
from barhouse.store.model.file_mode import FileMode
from barhouse.store.model.spelling import Spelling
from barhouse.store.places.address import is_address, named

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.checks.verification import Progress
    from barhouse.store.model.reports import CopyReport


class StoreFile:
    """An open store: its place, its clock, its queries and transactions, its copies."""

    def __init__(self, source: Database | Follower) -> None:
        self._source = source

    @property
    def _database(self) -> Database:
        """What is open: of a file that is followed the newest."""
        return self._source.current

    @property
    def path(self) -> Path | None:
        """The file, or None for a store in memory."""
        return self._database.path

    @property
    def read_only(self) -> bool:
        """Whether it was opened only to be read."""
        return self._database.read_only

    @property
    def case_sensitive(self) -> bool:
        """Whether symbols that differ in case alone are two, as was said when the store was made."""
        return self._database.spelling.case_sensitive

    @property
    def spelling(self) -> Spelling:
        """How the store spells symbols; whatever names one is read by it."""
        return self._database.spelling

    def now(self) -> datetime:
        """The time by the store's clock, in UTC."""
        return self._database.clock()

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A write transaction: what runs inside is committed together, or not at all."""
        return self._database.transaction()

    def reading(self) -> AbstractContextManager[Transaction]:
        """One consistent view for several statements; nothing is written."""
        return self._database.reading()

    def sql(
        self,
        query: str,
        parameters: dict[str, Any] | list[Any] | None = None,
        *,
        frames: Mapping[str, object] | None = None,
        reads_files: bool = False,
        max_rows: int | None = None,
        max_seconds: float | None = None,
    ) -> pa.Table:
        """Ask with SQL, reading only; ``$name`` or ``?`` in the query stand for ``parameters``.

        No query writes anything, a file neither. Where little memory is allowed, queries wait for each other, so that
        there is enough for who writes: there run as many at once as there are 256 MB, and one in any case.

        Parameters
        ----------
        frames
            Frames of pandas or polars, or Arrow tables, by the names that this query, and no other, knows them by; of
            an index the levels that have names are columns.
        reads_files
            Whether the query may read files, such as ``read_csv('holidays.csv')``; otherwise it knows the store alone.
        max_rows, max_seconds
            How many rows the answer may have, and how long it may take; as much as it takes by default.

        Raises
        ------
        InputError
            When the query does more than read, or its answer is beyond its limits; for a frame with the name of a
            table of the store, or with none that a table can have.
        """
        tables = None
        if frames is not None:
            from barhouse.store.frames.arrow_tables import as_tables

            tables = as_tables(frames)
        limits = Limits(max_rows, max_seconds)
        return self._database.query(query, parameters, tables=tables, reads_files=reads_files, limits=limits)

    def stream(
        self,
        query: str,
        parameters: dict[str, Any] | list[Any] | None = None,
        *,
        batch_rows: int = STREAMED_ROWS,
        reads_files: bool = False,
        max_rows: int | None = None,
        max_seconds: float | None = None,
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """Ask with SQL as :meth:`sql` does, for an answer that is larger than memory: it comes batch by batch.

        Parameters
        ----------
        query, parameters, reads_files
            As for ``sql``.
        batch_rows
            How many rows a batch has at most.
        max_rows, max_seconds
            How many rows the answer may have; and how long its beginning, and each batch, may take.

        Returns
        -------
        context manager
            Of a ``pyarrow.RecordBatchReader``. The answer is of the moment the query began, and ends with the context.
        """
        limits = Limits(max_rows, max_seconds)
        return self._database.stream(query, parameters, batch_rows=batch_rows, reads_files=reads_files, limits=limits)

    def running(self) -> Sequence[duckdb.DuckDBPyConnection]:
        """The connections of queries and writes that are under way now; for ``interrupt``."""
        return self._database.running.connections()

    def interrupt(self, running: Sequence[duckdb.DuckDBPyConnection] | None = None) -> bool:
        """End the queries and writes that run now, in whatever thread: each raises ``KeyboardInterrupt`` there.

        ``running`` are the only ones to be ended, as ``running()`` gave them. Returns whether any was there still.

        What a write has not committed is not written. For signal handlers and other threads: a statement of DuckDB may
        run for long without looking whether somebody pressed Ctrl-C.
        """
        return self._database.running.interrupt(running)

    def progress(self) -> float | None:
        """How far the statement that runs now has come, from 0 to 1; None where none runs, or none says so.

        For a thread that shows it to somebody. Statements are measured once this was asked for the first time.
        """
        return self._database.running.progress()

    def publish(self, target: str | Path, *, keep: int = 1, mode: FileMode | int | None = None) -> CopyReport:
        """Publish a snapshot for analysts: a whole store in a file that any DuckDB client may read at any time.

        ``target`` always names the newest; it is replaced by a rename, so that opening it never fails, and whoever
        has the one before open goes on with that. The file is read-only, and not opened to be written by Barhouse even
        where the system would allow it, as it does root. When bars, symbols, intervals and calendars are those that
        ``target`` has already, nothing is written.

        Writers wait for a moment, not until the copy is made; it is the store as it was at that moment. A query that
        reads what was before the last write is waited for, for a minute; writers go on meanwhile.

        Parameters
        ----------
        target
            A file in an existing folder: a new one, or an earlier copy of this store. Or an object,
            ``s3://bucket/path``: DuckDB opens none there, whoever reads it fetches it first.
        keep
            How many snapshots to have at most, the newest included. Older ones lie beside it, named by when they
            were published and by their newest batch.
        mode
            Who may read it: ``"0400"`` (the owner), ``"0440"`` (the group too) or ``"0444"`` (everybody), also as a
            number; by default whoever may read the store. A group other than the owner's own is that of the folder,
            where the folder hands it on (``chmod g+s``).

        Raises
        ------
        InputError
            ``target`` is the store itself, or another store.
        StoreError
            The snapshot could not be written, or a query was too long in its way; ``target`` is as it was.
        PlaceError
            The bucket cannot be reached, or refuses; what was there is there still.
        """
        if is_address(target):
            from barhouse.store.copies import far_publication

            return far_publication.publish(self._database, target, keep=keep, mode=mode)
        from barhouse.store.copies import publication

        return publication.publish(self._database, target, keep=keep, mode=mode)

    def publishing(
        self, target: str | Path, *, keep: int = 1, mode: FileMode | int | None = None
    ) -> AbstractContextManager[None]:
        """Publish a snapshot, and keep it up to date until the context ends: ``barhouse serve`` follows every commit.

        What each commit changes is put beside ``target``, into the folder ``NAME.increments``, within a second and by a
        thread of its own: writers do not wait for it, nor for anybody who reads. What cannot be told so (a purge, a
        repair, a symbol that is removed, more than 200,000 bars at a time), and what has become more than 32 MB, is in
        a new snapshot. ``target`` itself is as old as the last of these; whoever opens it sees that state.

        Parameters
        ----------
        target, keep, mode
            As for ``publish``.

        Raises
        ------
        InputError
            ``target`` is the store itself, or another store; or in a bucket.
        StoreError
            The first snapshot could not be written, or the store is only read.
        """
        if is_address(target):
            raise InputError(
                f"{named(target)} is in a bucket, where a snapshot cannot follow every commit; name a file on a disk, "
                f"or publish there every now and then, with {Action('publish')}"
            )
        from barhouse.store.copies.snapshot_keeper import publishing

        return publishing(self._database, target, keep=keep, mode=mode)

    def backup(
        self,
        target: str | Path,
        *,
        keep: int = 1,
        mode: FileMode | int | None = None,
        check: bool = True,
        progress: Progress | None = None,
    ) -> CopyReport:
        """Copy the store to ``target`` as ``publish`` does, proven with ``verify`` before it is put in place.

        Parameters
        ----------
        target, keep, mode
            As for ``publish``.
        check
            Whether to verify the copy; without it a store that does not verify is copied as it is.
        progress
            Called with (bars verified, bars in all).

        Raises
        ------
        InputError
            ``target`` is the store itself, or another store.
        StoreError
            The copy could not be written or does not verify; ``target`` is as it was.
        PlaceError
            The bucket cannot be reached, or refuses; what was there is there still.
        """
        if is_address(target):
            from barhouse.store.copies import far_publication

            return far_publication.backup(self._database, target, keep=keep, mode=mode, check=check, progress=progress)
        from barhouse.store.copies import publication

        return publication.backup(self._database, target, keep=keep, mode=mode, check=check, progress=progress)

    def close(self) -> None:
        """Give the file back, after whoever writes, reads or copies has finished; closing twice is fine."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path or ':memory:')!r})"
