"""Opening a store: its place, its lock, its version."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from barhouse.store.database.database import Clock, Database, wall_clock
from barhouse.store.database.failures import failure_of, is_not_allowed, told
from barhouse.store.database.file_lock import identity_of
from barhouse.store.database.other_name import other_name
from barhouse.store.database.replacement import sync_folder, written_beside
from barhouse.store.database.settings import checked, log_size
from barhouse.store.database.store_options import choose_spelling
from barhouse.store.errors import (
    InputError,
    MigrationError,
    StoreBrokenError,
    StoreError,
    StoreHeldError,
    StoreVersionError,
)
from barhouse.store.hints import Action, Option
from barhouse.store.model.paths import absolute
from barhouse.store.sql import identifier, literal, sql

#: The schema this version reads and writes: Alembic's head. Known here so that opening an up-to-date store does
#: not have to import Alembic.
SCHEMA_VERSION = "0018"

#: What DuckDB says of a file that is another's: it takes rows and SQLite's files for a database of theirs.
_NO_DUCKDB = ("not a valid DuckDB database file", "in-memory database in read-only mode", "sqlite_scanner")
#: Tables that are read whenever a store is opened, beside that of its version.
_READ_AT_OPENING = frozenset({"store_option", "symbol"})
#: What every file of DuckDB's begins with.
_HEADER_BYTES = 3 * 4096
_HOLDER = re.compile(r"\(PID (\d+)\)")

# The stores open in this process. Closing any descriptor of a file ends this process's lock on it, whichever
# descriptor took it: a file must not be opened a second time, under whatever name.
_open: weakref.WeakSet[Database] = weakref.WeakSet()
_opening = threading.Lock()


def open_database(
    path: str | Path,
    *,
    read_only: bool = False,
    clock: Clock = wall_clock,
    settings: dict[str, str | int] | None = None,
    case_sensitive: bool | None = None,
    sealed: bool = False,
) -> Database:
    """Open a store file, creating or upgrading it; ``":memory:"`` gives one that lives as long as the object.

    Raises
    ------
    InputError
        For a store in memory that shall only be read: there is nothing in it. For another ``case_sensitive`` than the
        store was made with.
    StoreHeldError
        The file is open for writing elsewhere; names the process.
    StoreVersionError
        The file is of a newer version, or no store.
    MigrationError
        An upgrade failed; the file is as it was.
    """
    if str(path) == ":memory:":
        if read_only:
            raise InputError(
                f"a store in memory begins empty, so {Option('read_only', True)} leaves nothing to be done with it; "
                f"open it without, or name a file"
            )
        database = Database(None, connect(":memory:", settings=settings, sealed=sealed), read_only=False, clock=clock)
    else:
        file = absolute(path)
        _check_place(file, read_only=read_only)
        with _opening, _name_of(file, read_only=read_only) as place:
            if place != file:  # where DuckDB puts what has no room in memory would go with the name
                settings = {"temp_directory": f"{file}.tmp", **(settings or {})}
            root = _connect_in_place(place, read_only=read_only, settings=settings, sealed=sealed)
            database = Database(
                file, root, read_only=read_only, clock=clock, log_size=log_size(settings), opened_as=place
            )
            _open.add(database)
    try:
        with told(database.place):
            _bring_up_to_date(database)
            choose_spelling(database, case_sensitive)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _name_of(file: Path, *, read_only: bool) -> Iterator[Path]:
    """The name to open a file by: another than its own while what was there before is still open here."""
    if _check_not_open(file, read_only=read_only):
        with other_name(file) as place:
            yield place
    else:
        yield file


@contextmanager
def attached(database: Database, file: Path, name: str) -> Iterator[None]:
    """Have another store's file at hand as ``name``, for writing; it counts as open until it is given back.

    Raises
    ------
    StoreHeldError
        The file is open elsewhere.
    """
    with _opening:
        _check_not_open(file, read_only=False)
        root = database.root.cursor()
        try:
            root.execute(sql("database.attach", file=literal(str(file)), name=identifier(name)))
        except duckdb.Error as error:
            raise explained(str(file), str(error)) from error
        other = Database(file, root, read_only=False, clock=database.clock)
        _open.add(other)
    try:
        yield
    finally:
        with _opening, closing(other):
            root.execute(sql("database.detach", name=identifier(name)))


def _connect_in_place(
    file: Path, *, read_only: bool, settings: dict[str, str | int] | None, sealed: bool
) -> duckdb.DuckDBPyConnection:
    """Connect to a file that was not replaced between being found and being locked.

    Without that a writer could go on, unseen, in a file that a compaction has just put another in the place of.
    """
    is_new = not read_only and not os.path.lexists(file)
    if is_new:
        _make(file, settings)
    while True:
        found = identity_of(file)
        try:
            root = connect(str(file), read_only=read_only, settings=settings, sealed=sealed)
        except StoreError:
            if is_new and _is_begun(file):
                file.unlink(missing_ok=True)
            raise
        if found in (None, identity_of(file)):
            return root
        root.close()


def _is_begun(file: Path) -> bool:
    """Whether DuckDB has begun to make a file and not come to the end of its header, so that nothing can be in it."""
    with suppress(OSError):
        return file.stat().st_size < _HEADER_BYTES
    return False


def _make(file: Path, settings: dict[str, str | int] | None) -> None:
    """Make an empty file where there is none, at once or not at all: DuckDB itself writes one piece after the other.

    Where that cannot be, nothing is made, and DuckDB says why when it is to make it.
    """
    with suppress(StoreError, OSError), written_beside(file) as part:
        connect(str(part), settings=settings).close()
        try:
            os.link(part, file)  # unlike a rename, never in the place of one that somebody else has made meanwhile
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            part.rename(file)
        sync_folder(file.parent)


def _check_not_open(file: Path, *, read_only: bool) -> bool:
    """Whether what was in the place of a file before is open here, to be read, and so is this.

    Raises
    ------
    StoreHeldError
        For what must not be opened besides.
    """
    identity, is_renewed = identity_of(file), False
    for other in _open:
        if other.closed:
            continue
        same_name, same_file = other.path == file, other.identity == identity
        if not (same_name or same_file):
            continue
        if other.pid != os.getpid():
            raise StoreHeldError(f"the store {file} is held by process {other.pid}, of which this one is a fork")
        if same_name and not same_file and read_only and other.read_only:
            is_renewed = True
        elif not (same_name and same_file and read_only and other.read_only):
            raise StoreHeldError(
                f"the store {file} is already open in this process{'' if same_name else f' as {other.path}'}; use that "
                f"store object, it may be shared between threads, or close it first"
            )
    return is_renewed


@contextmanager
def kept_closed(file: Path) -> Iterator[None]:
    """Keep this process from opening a file as a store; refuse one that it has open."""
    with _opening:
        _check_not_open(file, read_only=False)
        yield


def check_not_written(file: Path) -> None:
    """Refuse a file that this process has open as a store it may write to."""
    identity = identity_of(file)
    with _opening:  # the set must not change while it is gone through
        written = any(not other.closed and not other.read_only and other.identity == identity for other in _open)
    if written:
        raise StoreHeldError(f"{file} is a store that is open in this process; name another file, or close it first")


def _check_place(file: Path, *, read_only: bool) -> None:
    if file.is_dir():
        raise StoreError(f"{file} is a folder; name a file, such as {file / 'bars.duckdb'}")
    if not file.parent.is_dir():
        raise StoreError(f"the folder {file.parent} does not exist; create it first, or name a file elsewhere")
    if read_only and not file.exists():
        raise StoreError(f"there is no store at {file}; {Action('create_store')}")
    if not read_only and is_read_only(file):
        # The system lets root write into it nevertheless, and the next snapshot would undo that.
        raise StoreError(
            f"{file} is read-only, as published snapshots and backups are; {Action('open_to_read')}, or make a store "
            f"of it with {Action('restore')}"
        )


def is_read_only(file: Path) -> bool:
    """Whether a file's mode lets nobody write into it, as that of published snapshots and backups."""
    try:
        return not file.stat().st_mode & 0o222
    except OSError:
        return False


def connect(
    place: str, *, read_only: bool = False, settings: dict[str, str | int] | None = None, sealed: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a file with the settings every store needs, and those given; ``sealed`` so that no other file is.

    Raises
    ------
    InputError
        A setting is not among those that may be chosen, or DuckDB does not know its value.
    StoreError
        The file cannot be opened; see ``open_database``.
    """
    # A query's names are the store's, never Python's variables.
    config: dict[str, Any] = {"python_enable_replacements": False, **checked(settings)}
    # What is not built in is nothing a store needs, and would be fetched from the network.
    config |= {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    if sealed:
        config["enable_external_access"] = False
    if not read_only:
        # Keeps a file made by DuckDB 2 readable to 1.5; it cannot be said later.
        config["storage_compatibility_version"] = "v1.5.0"
        # A quarter of DuckDB's own: a store of few bars takes a third of the room, one of many no more, as fast.
        config.setdefault("default_block_size", 65_536)
    try:
        root = duckdb.connect(place, read_only=read_only, config=config)
    except duckdb.InvalidInputException as error:
        raise InputError(f"{Option('settings', settings)} cannot be used: {error}") from error
    except duckdb.Error as error:
        raise failure_of(error, place) or explained(place, str(error)) from error
    # DuckDB opens a file of rows (.csv, .json, .parquet) as a database in memory, and what is written there is lost.
    (kept_in,) = root.execute(sql("database.path")).fetchall()[0]
    if kept_in is None and place != ":memory:":
        root.close()
        raise _no_store(place)
    # Global, so that every cursor has it too.
    root.execute("SET GLOBAL TimeZone = 'UTC'")
    return root


def explained(place: str, text: str) -> StoreError:
    """Make an error of the store of what DuckDB says when it cannot open a file."""
    if "Could not set lock" in text:
        found = _HOLDER.search(text)
        holder = f"process {found[1]}" if found else "another process"
        if "read-only mode" in text:
            return StoreHeldError(
                f"the store {place} is being read by {holder}; wait for it or stop it, or {Action('open_to_read')}"
            )
        return StoreHeldError(
            f"the store {place} is held by {holder}; wait for it or stop it, or read a published snapshot"
        )
    if any(said in text for said in _NO_DUCKDB):
        return _no_store(place)
    if "WAL does not match" in text:
        return StoreBrokenError(
            f"{place}.wal is not the log of {place}, but of another file or of an older copy of it; put the file and "
            f"the log back that belong together, or go back to a backup with {Action('restore')}"
        )
    if is_not_allowed(text) and not Path(place).exists():
        return StoreError(
            f"{place} cannot be made: the folder may not be written to; name a file elsewhere, or change who may write "
            f"there"
        )
    if is_not_allowed(text):
        return StoreError(
            f"{place} may not be written to, as a published snapshot may not; {Action('open_to_read')}, or change "
            f"who may use it"
        )
    if "version number" in text:
        return StoreVersionError(
            f"the file {place} was written by another DuckDB than {duckdb.__version__}, which cannot read it; "
            f"upgrade duckdb"
        )
    return StoreError(f"the store {place} cannot be opened: {text.splitlines()[0]}")


def _no_store(place: str) -> StoreVersionError:
    return StoreVersionError(f"{place} is not a Barhouse store, nor any DuckDB file; name another file")


def schema_version(database: Database) -> str | None:
    """Return the version written in the file; None for an empty one."""
    with database.root.cursor() as cursor:
        tables = {name for (name,) in cursor.execute(sql("database.table_names")).fetchall()}
        if "alembic_version" in tables:
            rows = cursor.execute(sql("database.schema_version")).fetchall()
            if rows and rows[0][0] == SCHEMA_VERSION:
                _refuse_without(tables, database)
            if rows:
                return str(rows[0][0])
            tables.discard("alembic_version")
        if tables:
            raise StoreVersionError(
                f"{database.path} is a DuckDB file but not a Barhouse store (it holds "
                f"{', '.join(sorted(tables)[:3])}); name another file"
            )
    return None


def _refuse_without(tables: set[str], database: Database) -> None:
    """Refuse a file in which somebody's views stand in place of the tables that are read next."""
    lacking = sorted(_READ_AT_OPENING - tables)
    if lacking:
        raise StoreVersionError(
            f"{database.path} is not a Barhouse store (it has no table {', '.join(lacking)}); name another file"
        )


def _bring_up_to_date(database: Database) -> None:
    version = schema_version(database)
    if version == SCHEMA_VERSION:
        return
    if version is not None and version > SCHEMA_VERSION:
        raise StoreVersionError(
            f"the store {database.path} has schema {version}, newer than this Barhouse knows ({SCHEMA_VERSION}); "
            f"upgrade Barhouse"
        )
    if database.read_only:
        a_copy = database.path is not None and is_read_only(database.path)
        raise StoreVersionError(
            f"the store {database.path} has schema {version or 'none'}, this Barhouse reads {SCHEMA_VERSION}; "
            f"{'publish it again, or restore it' if a_copy else Action('upgrade_store')}"
        )
    try:
        if version is None:
            from barhouse.store.database.creation import create

            create(database, SCHEMA_VERSION)
        else:
            from barhouse.store.database.upgrade import upgrade

            upgrade(database, version)
    except StoreError:
        raise
    except Exception as error:
        raise MigrationError(
            f"upgrading {database.path or ':memory:'} from schema {version or 'none'} to {SCHEMA_VERSION} failed, "
            f"the file is as it was: {error}"
        ) from error
