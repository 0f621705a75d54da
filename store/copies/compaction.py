"""Compaction: a store's file written anew, in order, without the room that old rows took."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import sqlalchemy as sa

from barhouse.store.database.comments import comment
from barhouse.store.database.database import Database
from barhouse.store.database.declared_views import show_columns
from barhouse.store.database.failures import failure_of
from barhouse.store.database.file_copy import sync_file
from barhouse.store.database.opening import SCHEMA_VERSION, attached, open_database
from barhouse.store.database.replacement import log_of, put_in_place
from barhouse.store.database.tables import metadata
from barhouse.store.errors import InputError, StoreError
from barhouse.store.hints import Action
from barhouse.store.model.paths import absolute
from barhouse.store.model.reports import CompactReport
from barhouse.store.sql import Sql, identifier, joined, sql

#: Rows sorted at a time: bounds the memory a large store takes.
ROWS_PER_RANGE = 5_000_000

#: The order tables are written in; the others stay in the order they have.
_ORDER = {
    "bar": Sql("interval_id, bar_start"),
    "bar_values": Sql("interval_id, bar_start, batch_id"),
    "bar_revision": Sql("interval_id, bar_start, batch_id"),
    "bar_vendor": Sql("interval_id, bar_start, batch_id"),
    "offered_bar": Sql("interval_id, bar_start, batch_id"),
    "session_coverage": Sql("interval_id, session_date"),
    "gap": Sql("interval_id, session_date, gap_start"),
}
_OLD = "before_compaction"

Progress = Callable[[int, int], None]


def compact(
    path: str | Path, *, settings: dict[str, str | int] | None = None, progress: Progress | None = None
) -> CompactReport:
    """Write a store's file anew: bars in the order of interval and time, and no room left over from old rows.

    The store must be open nowhere, not even for reading, and is locked until the new file is in its place. The new
    file is written beside the old one (``NAME.PID.compacting``), compared with it table by table (number of rows,
    and a checksum over every value), synced and renamed. Whenever the process ends, the store is the whole old file
    or the whole new one; what a killed process left beside it, the next call removes.

    Parameters
    ----------
    path
        The store's file; its folder needs room for a copy.
    settings
        DuckDB settings, as in ``open_store``.
    progress
        Called with (parts copied, parts in all).

    Raises
    ------
    StoreHeldError
        The store is open elsewhere, or in this process.
    InputError
        The file holds tables, views or macros that are not Barhouse's.
    StoreError
        There is no store, or the new file cannot be written or is not like the old one; the store is as it was.
    """
    file = absolute(path)
    if not file.is_file():
        raise StoreError(f"there is no store at {file}; name the file of one (a store in memory needs no compaction)")
    if not os.access(file.parent, os.W_OK):
        raise StoreError(
            f"{file} cannot be compacted: the new file is written beside it, and the folder {file.parent} may not be "
            f"written to; change who may write there, or copy the store elsewhere"
        )
    open_database(file, settings=settings).close()  # is it a store, and of this version?
    part = file.with_name(f"{file.name}.{os.getpid()}.compacting")
    _remove(part)
    try:
        new = open_database(part, settings=settings)
        try:
            with attached(new, file, _OLD):
                return _compact(_Copying(new), file, part, progress)
        except (duckdb.Error, OSError) as error:
            failure = failure_of(error, str(file)) or StoreError(str(error))
            raise type(failure)(f"compacting {file} failed, it is as it was: {failure}") from error
        finally:
            new.close()
    finally:
        _remove(part)


def _compact(copying: _Copying, file: Path, part: Path, progress: Progress | None) -> CompactReport:
    """Do it all, with both files locked by this process, so that no other can have them for writing."""
    for left_over in file.parent.glob(f"{glob.escape(file.name)}.*.compacting"):
        if left_over != part:  # of a process that was killed: a live one would hold the store
            _remove(left_over)
    copying.check_schema(file)
    before = file.stat().st_size
    copying.run("copies.write_out", name=copying.old)
    log_file = log_of(file)
    if log_file.exists() and log_file.stat().st_size:  # nothing that was committed
        copying.run("database.begin_log_anew", table=joined(Sql("."), [copying.old, Sql("alembic_version")]))
        copying.run("copies.write_out", name=copying.old)
    row_count = copying.copy(progress)
    copying.show_columns()
    copying.run("copies.write_out", name=copying.new)
    copying.compare(file)
    shutil.copymode(file, part)
    sync_file(part)
    after = part.stat().st_size
    if log_file.exists() and log_file.stat().st_size:
        raise StoreError(f"{log_file} holds commits that {file} lacks; compact again")
    # Both files stay locked beyond it: whoever opens the new one meets a file that nobody else writes.
    put_in_place(part, file)
    return CompactReport(path=str(file), row_count=row_count, bytes_before=before, bytes_after=after)


class _Copying:
    """The connection that has both files."""

    def __init__(self, database: Database) -> None:
        self._root = database.root
        (name,) = self._root.execute("SELECT current_database()").fetchall()[0]
        self.old, self.new = identifier(_OLD), identifier(name)
        self._new_name = name

    def run(
        self, name: str, parameters: dict[str, object] | None = None, /, **places: object
    ) -> list[tuple[object, ...]]:
        return self._root.execute(sql(name, **places), parameters or {}).fetchall()

    def check_schema(self, file: Path) -> None:
        """Make sure, now that the file is locked, that a copy of the tables known here is a copy of all of it."""
        if self.run("copies.schema_version", database=self.old) != [(SCHEMA_VERSION,)]:
            raise StoreError(f"the schema of {file} was changed just now; compact again")
        unknown = self.run("copies.unknown_objects", {"old": _OLD, "new": self._new_name})
        if unknown:
            listed = ", ".join(str(name) for (name,) in unknown[:5])
            raise InputError(
                f"{file} holds what Barhouse did not make and compacting would lose: {listed}"
                f"{', ...' if len(unknown) > 5 else ''}; move it to a file of its own, or drop it, then compact again"
            )

    def copy(self, progress: Progress | None) -> int:
        """Copy every table, in an order that foreign keys allow; returns the number of rows in the ordered ones."""
        ranges: list[tuple[str, dict[str, object]]] = []
        for table in metadata.sorted_tables:
            places: dict[str, object] = {"old": self.old, "new": self.new, "table": identifier(table.name)}
            if table.name not in _ORDER:
                self.run("copies.copy_all", **places)
                continue
            found = self.run(
                "copies.interval_ranges", {"rows_per_range": ROWS_PER_RANGE}, old=self.old, table=places["table"]
            )
            ranges.extend((table.name, {"first_id": first, "last_id": last}) for first, last in found)
        row_count = 0
        for done, (table_name, bounds) in enumerate(ranges, start=1):
            places = {"old": self.old, "new": self.new, "table": identifier(table_name), "order": _ORDER[table_name]}
            ((copied,),) = self.run("copies.copy_range", bounds, **places)
            row_count += int(str(copied))
            if progress is not None:
                progress(done, len(ranges))
        return row_count

    def show_columns(self) -> None:
        """Show in the views of the copy what the store declares, as those of the old file do."""

        def run(text: Sql) -> list[tuple[object, ...]]:
            return self._root.execute(text).fetchall()

        show_columns(run)
        comment(run)

    def compare(self, file: Path) -> None:
        """Compare the copy with what it was made from."""
        for table in metadata.sorted_tables:
            old, new = (self._digest(database, table) for database in (self.old, self.new))
            if old != new:
                raise StoreError(
                    f"the copy of {file} is not like it: {table.name} has {new[0]} rows with checksum {new[1]}, not "
                    f"{old[0]} with {old[1]}; the store is as it was. Run {Action('verify')}, and report this"
                )

    def _digest(self, database: Sql, table: sa.Table) -> tuple[object, ...]:
        columns = joined(Sql(", "), (identifier(column.name) for column in table.columns))
        return self.run("copies.digest", columns=columns, database=database, table=identifier(table.name))[0]


def _remove(file: Path) -> None:
    for path in (file, log_of(file)):
        path.unlink(missing_ok=True)
