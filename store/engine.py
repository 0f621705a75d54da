"""Opening a store: the file, its lock, its version, and the one door to write through.

One root connection lives as long as the store and holds the lock on the file. SQLAlchemy's pool hands out cursors
of it, each a connection of its own with its own transaction, so every thread reads freely; writers queue behind
one lock that is held from the first read to the commit.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from store.dialect import ConnectionWrapper
from store.errors import MigrationError, StoreClosedError, StoreError, StoreHeldError, StoreVersionError
from store.sql import statement

log = logging.getLogger("barhouse.store")

#: The schema this version reads and writes: Alembic's head. Known here so that opening an up-to-date store does
#: not have to import Alembic.
SCHEMA_VERSION = "0001"

Clock = Callable[[], datetime]

_TEMPORARY = re.compile(r"\bCREATE (?:OR REPLACE )?TEMP(?:ORARY)? TABLE (\w+)", re.IGNORECASE)
_HOLDER = re.compile(r"\(PID (\d+)\)")

_open_paths: set[Path] = set()
_open_paths_lock = threading.Lock()


def wall_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


class Transaction:
    """One write: everything run through it is committed together, or not at all.

    Attributes
    ----------
    connection
        SQLAlchemy's connection, for the small tables.
    clock
        The store's clock, in UTC; ``now`` is what it showed when the transaction began.
    """

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.connection = connection
        self.clock = clock
        self.now = clock()
        self.broken = False
        self._raw: duckdb.DuckDBPyConnection = connection.connection.driver_connection  # type: ignore[assignment]
        self._temporary: set[str] = set()
        self._registered: set[str] = set()

    def run(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> list[tuple[Any, ...]]:
        """Run the statement ``subject.name``; returns its rows, read to the end.

        ``parameters`` fill the statement's ``$named`` values, ``places`` its ``{named}`` identifiers and
        expressions.
        """
        text = statement(name)
        if places:
            text = text.format(**places)
        return self.execute(text, parameters)

    def execute(self, text: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run SQL text inside this transaction; returns its rows, read to the end."""
        created = _TEMPORARY.search(text)
        if created:
            self._temporary.add(created[1])
        # Read to the end always: DuckDB 2.0 streams, and an unfinished result blocks the connection.
        return self._raw.execute(text, parameters or {}).fetchall()

    def one(self, name: str, parameters: dict[str, Any] | None = None, /, **places: object) -> tuple[Any, ...]:
        """Run a statement that gives exactly one row."""
        (row,) = self.run(name, parameters, **places)
        return row

    def relation(self, text: str) -> duckdb.DuckDBPyRelation:
        """A lazily evaluated query inside this transaction."""
        return self._raw.sql(text)

    def register(self, name: str, table: object) -> None:
        """Make an Arrow table or reader readable as ``name`` until the transaction ends."""
        self._raw.register(name, table)
        self._registered.add(name)

    def temporary(self, *names: str) -> None:
        """Say that a statement made temporary tables by the way, so that they go with the transaction."""
        self._temporary.update(names)

    def clean(self) -> None:
        """Drop what the transaction made for itself; it would leak to the pool's next user."""
        for name in self._registered:
            self._raw.unregister(name)
        self._registered.clear()
        for name in self._temporary:
            self._raw.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._temporary.clear()

    def forget(self) -> None:
        """After a rollback: temporary tables are gone with it, registered views are not."""
        for name in self._registered:
            self._raw.unregister(name)
        self._registered.clear()
        self._temporary.clear()


class Database:
    """An open store file."""

    def __init__(self, path: Path | None, root: duckdb.DuckDBPyConnection, *, read_only: bool, clock: Clock) -> None:
        self.path = path
        self.read_only = read_only
        self.clock = clock
        self._root: duckdb.DuckDBPyConnection | None = root
        self._write_lock = threading.RLock()
        self._current: Transaction | None = None
        self.engine = sa.create_engine(
            "barhouse://",
            creator=lambda: ConnectionWrapper(self.root.cursor()),
            poolclass=QueuePool,
            pool_reset_on_return="rollback",
        )

    @property
    def root(self) -> duckdb.DuckDBPyConnection:
        if self._root is None:
            raise StoreClosedError(f"the store {self.path or ':memory:'} was closed; open it again with open_store()")
        return self._root

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """The one door to write through; waits for the writer before.

        Entered again by the same thread it joins the transaction already open, so that calls that write can be
        put together into one.
        """
        if self.read_only:
            raise StoreError(f"the store {self.path} was opened read-only; open it without read_only=True to write")
        with self._write_lock:
            if self._current is not None:
                try:
                    yield self._current
                except BaseException:
                    # DuckDB has no savepoints: what the inner part wrote can only go together with the rest.
                    self._current.broken = True
                    raise
                return
            self.root  # closed in the meantime?
            with self.engine.connect() as connection:
                begun = connection.begin()
                transaction = self._current = Transaction(connection, self.clock)
                try:
                    yield transaction
                    if transaction.broken:
                        raise StoreError("a part of this transaction failed, so nothing of it was written")
                    transaction.clean()
                    begun.commit()
                except BaseException:
                    begun.rollback()
                    transaction.forget()
                    raise
                finally:
                    self._current = None

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One consistent view for several statements, which may make temporary tables; nothing is written."""
        _ = self.root  # closed in the meantime?
        with self.engine.connect() as connection:
            begun = connection.begin()
            transaction = Transaction(connection, self.clock)
            try:
                yield transaction
            finally:
                begun.rollback()
                transaction.forget()

    def query(self, text: str, parameters: dict[str, Any] | list[Any] | None = None) -> pa.Table:
        """Read with SQL, in a read-only transaction of an own connection."""
        cursor = self.root.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            relation = cursor.sql(text, params=parameters) if parameters else cursor.sql(text)
            return relation.to_arrow_table() if relation is not None else pa.table({})
        finally:
            cursor.close()

    def close(self) -> None:
        """Give the file back; closing twice is fine."""
        with self._write_lock:
            root, self._root = self._root, None
            if root is None:
                return
            self.engine.dispose()
            root.close()
            if self.path is not None and not self.read_only:
                with _open_paths_lock:
                    _open_paths.discard(self.path)


def open_database(
    path: str | Path,
    *,
    read_only: bool = False,
    clock: Clock = wall_clock,
    settings: dict[str, str | int] | None = None,
) -> Database:
    """Open a store file, creating or upgrading it; ``":memory:"`` gives one that lives as long as the object.

    Raises
    ------
    StoreHeldError
        The file is open for writing elsewhere; names the process.
    StoreVersionError
        The file is of a newer version, or no store.
    MigrationError
        An upgrade failed; the file is as it was.
    """
    if str(path) == ":memory:":
        root = connect(":memory:", read_only=False, settings=settings)
        database = Database(None, root, read_only=False, clock=clock)
    else:
        file = Path(path).expanduser().resolve()
        _check_place(file, read_only=read_only)
        if not read_only:
            with _open_paths_lock:
                if file in _open_paths:
                    raise StoreHeldError(
                        f"the store {file} is already open in this process; use that store object, it may be shared "
                        f"between threads, or close it first"
                    )
                _open_paths.add(file)
        try:
            root = connect(str(file), read_only=read_only, settings=settings)
        except BaseException:
            with _open_paths_lock:
                _open_paths.discard(file)
            raise
        database = Database(file, root, read_only=read_only, clock=clock)
    try:
        _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def _check_place(file: Path, *, read_only: bool) -> None:
    if file.is_dir():
        raise StoreError(f"{file} is a folder; name a file, such as {file / 'bars.duckdb'}")
    if not file.parent.is_dir():
        raise StoreError(f"the folder {file.parent} does not exist; create it first, or name a file elsewhere")
    if read_only and not file.exists():
        raise StoreError(f"there is no store at {file}; open it once without read_only=True to create it")


def connect(place: str, *, read_only: bool, settings: dict[str, str | int] | None = None) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {**(settings or {})}
    if not read_only:
        # Keeps a file made by DuckDB 2 readable to 1.5; it cannot be said later.
        config["storage_compatibility_version"] = "v1.5.0"
    try:
        root = duckdb.connect(place, read_only=read_only, config=config)
    except duckdb.IOException as error:
        raise _explained(place, error) from error
    # Global, so that the pool's cursors have it too.
    root.execute("SET GLOBAL TimeZone = 'UTC'")
    return root


def _explained(place: str, error: duckdb.IOException) -> StoreError:
    text = str(error)
    holder = _HOLDER.search(text)
    if holder:
        return StoreHeldError(
            f"the store {place} is held by process {holder[1]}; wait for it or stop it, or read a published snapshot"
        )
    if "not a valid DuckDB database file" in text:
        return StoreVersionError(f"{place} is not a Barhouse store, nor any DuckDB file; name another file")
    return StoreError(f"the store {place} cannot be opened: {text.splitlines()[0]}")


def schema_version(database: Database) -> str | None:
    """The version written in the file; None for an empty one."""
    with database.root.cursor() as cursor:
        tables = {
            name
            for (name,) in cursor.execute(
                "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND schema_name = 'main' AND database_name = current_database()"
            ).fetchall()
        }
        if "alembic_version" in tables:
            rows = cursor.execute("SELECT version_num FROM alembic_version").fetchall()
            if rows:
                return str(rows[0][0])
            tables.discard("alembic_version")
        if tables:
            raise StoreVersionError(
                f"{database.path} is a DuckDB file but not a Barhouse store (it holds {', '.join(sorted(tables)[:3])}); "
                f"name another file"
            )
    return None


def _bring_up_to_date(database: Database) -> None:
    version = schema_version(database)
    if version == SCHEMA_VERSION:
        return
    if database.read_only:
        raise StoreVersionError(
            f"the store {database.path} has schema {version or 'none'}, this Barhouse reads {SCHEMA_VERSION}; "
            f"open it once without read_only=True to upgrade it"
        )
    from store.upgrade import upgrade

    try:
        upgrade(database, version)
    except StoreError:
        raise
    except Exception as error:
        raise MigrationError(
            f"upgrading {database.path or ':memory:'} from schema {version or 'none'} to {SCHEMA_VERSION} failed, "
            f"the file is as it was: {error}"
        ) from error
