"""What a run changed of a shard's store, as files of rows that go and come in the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from barhouse.store.errors import StoreError
from barhouse.store.lake.lake_table import TABLES, LakeTable
from barhouse.store.session_store import open_store
from barhouse.store.sql import Sql, identifier, literal, sql

_NOW, _BEFORE = identifier("store_now"), identifier("store_before")
_ROWS_NOW, _ROWS_BEFORE, _KEYS_GONE = identifier("rows_now"), identifier("rows_before"), identifier("keys_gone")
#: Smaller stores are compared by one thread: several would only wait for each other.
_SMALL_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """The rows of a table that go, by their keys, and those that come; files, or None where there are none."""

    gone: Path | None
    gone_count: int
    come: Path | None
    come_count: int


@dataclass(frozen=True, slots=True)
class StoreChange:
    """How a store differs from what it was.

    Attributes
    ----------
    tables
        By the names of the lake's tables; those alone of which a row goes or comes.
    """

    tables: dict[str, ChangedRows]
    batch_id: int
    bar_count: int
    revision_count: int

    @property
    def is_none(self) -> bool:
        """Whether nothing changed but runs, which tell of themselves."""
        return not self.tables.keys() - {"run"}


def store_change(
    now: Path, before: Path | None, shard: int, folder: Path, *, threads: int | None = None
) -> StoreChange:
    """Compare a store's file with what it was, and write what differs into a folder.

    Most runs only add batches: then what these wrote and replaced is all there is to bars and revisions. Where some may
    have taken bars away without leaving their values (retention, purges, a store that was restored), everything is
    compared with everything.

    Parameters
    ----------
    now, before
        Files that nobody has open; None: there was none.

    Raises
    ------
    StoreError
        When they cannot be compared.
    """
    if now.stat().st_size < _SMALL_BYTES:
        threads = 1
    if before is not None and _schema_of(before) != _schema_of(now):
        before = _upgraded(before, folder)
    with _attached(now, before, threads) as connection:
        connection.execute(sql("cluster.spill", folder=literal(str(folder / "spilled"))))
        try:
            return _Comparison(connection, shard, folder, has_before=before is not None).made()
        except duckdb.Error as error:
            raise StoreError(f"{now} cannot be compared with what it was: {error}") from error


class _Comparison:
    def __init__(self, connection: duckdb.DuckDBPyConnection, shard: int, folder: Path, *, has_before: bool) -> None:
        self._connection = connection
        self._shard = shard
        self._folder = folder
        self._has_before = has_before

    def made(self) -> StoreChange:
        bars, revisions, newest = self._one(sql("cluster.counts", store=_NOW))
        after = self._only_added(bars, revisions) if self._has_before else None
        tables = {}
        for table in TABLES:
            if not self._has_before:
                changed = self._written(table, self._rows(table, _NOW, sql("cluster.everything")), None)
            elif table.grows_by is not None and after is not None:
                changed = self._added(table, after)
            else:
                changed = self._compared(table)
            if changed.gone_count or changed.come_count:
                tables[table.name] = changed
        return StoreChange(tables, newest, bars, revisions)

    def _only_added(self, bars: int, revisions: int) -> int | None:
        """The newest batch there was, where what later ones wrote and replaced is all that is otherwise."""
        (is_continued,) = self._one(sql("cluster.is_continued", before=_BEFORE, now=_NOW))
        if not is_continued:
            return None
        bars_before, revisions_before, after = self._one(sql("cluster.counts", store=_BEFORE))
        new_bars = self._count(self._rows(TABLES[0], _NOW, sql("cluster.written_after", after=after)))
        new_revisions = self._count(self._rows(TABLES[1], _NOW, sql("cluster.replaced_after", after=after)))
        gone = self._count(sql("cluster.replaced_bars", shard=self._shard, store=_NOW, after=after))
        adds_up = bars == bars_before + new_bars - gone and revisions == revisions_before + new_revisions
        return int(after) if adds_up else None

    def _added(self, table: LakeTable, after: int) -> ChangedRows:
        assert table.grows_by is not None
        gone = None
        if table.name == "bar":
            gone = sql("cluster.replaced_bars", shard=self._shard, store=_NOW, after=after)
        return self._written(table, self._rows(table, _NOW, sql(table.grows_by, after=after)), gone)

    def _compared(self, table: LakeTable) -> ChangedRows:
        """Each view is asked once, for what it takes to answer is most of it."""
        for name, store in ((_ROWS_NOW, _NOW), (_ROWS_BEFORE, _BEFORE)):
            self._keep(name, self._rows(table, store, sql("cluster.everything")))
        self._keep(_KEYS_GONE, sql("cluster.keys_gone", key=table.keys, before=_ROWS_BEFORE, now=_ROWS_NOW))
        come = sql("cluster.rows_come", now=_ROWS_NOW, before=_ROWS_BEFORE, key=table.keys, gone=_KEYS_GONE)
        return self._written(table, come, sql("cluster.all_rows", kept=_KEYS_GONE))

    def _written(self, table: LakeTable, come: Sql, gone: Sql | None) -> ChangedRows:
        gone_file, come_file = (self._folder / f"{table.name}-{what}.parquet" for what in ("gone", "come"))
        gone_count = 0 if gone is None else self._write(gone, table, gone_file)
        come_count = self._write(come, table, come_file)
        return ChangedRows(gone_file if gone_count else None, gone_count, come_file if come_count else None, come_count)

    def _keep(self, name: Sql, rows: Sql) -> None:
        self._connection.execute(sql("cluster.keep_rows", kept=name, rows=rows))

    def _write(self, rows: Sql, table: LakeTable, file: Path) -> int:
        text = sql("cluster.write_rows", rows=rows, key=table.keys, file=literal(str(file)))
        (count,) = self._connection.execute(text).fetchone() or (0,)
        return int(count)

    def _rows(self, table: LakeTable, store: Sql, wanted: Sql) -> Sql:
        return sql(f"cluster.rows_of_{table.name}", shard=self._shard, store=store, wanted=wanted)

    def _count(self, rows: Sql) -> int:
        return int(self._one(sql("cluster.row_count", rows=rows))[0])

    def _one(self, text: Sql) -> tuple[int, ...]:
        return self._connection.execute(text).fetchall()[0]


@contextmanager
def _attached(now: Path, before: Path | None, threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={} if threads is None else {"threads": threads}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for file, name in ((now, _NOW), (before, _BEFORE)):
            if file is not None:
                connection.execute(sql("cluster.attach", file=literal(str(file)), store=name))
        yield connection


def _schema_of(file: Path) -> object:
    with _attached(file, None, 1) as connection:
        return connection.execute(sql("cluster.schema_version", store=_NOW)).fetchall()


def _upgraded(file: Path, folder: Path) -> Path:
    """A copy of a store of an older schema, brought to this one."""
    import shutil

    copy = folder / "before.duckdb"
    shutil.copyfile(file, copy)
    open_store(copy).close()
    return copy
