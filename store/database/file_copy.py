"""Copies of a store's file, taken while it is open and written to.

DuckDB writes into a file in two ways only. Transactions write into blocks that the file's header does not name, and
into the log beside it. A checkpoint takes the log over into the file, and at its end has the header name other blocks.
So until the next checkpoint those that the header names stay as they are, and the file without its log is the store as
it was at the last one, whatever is written meanwhile: DuckDB relies on that itself, for there it begins after a crash.

Nobody but the process that holds the lock on a store writes into it, so what happens in this one is all there is to
mind. Here commits that find the log large enough make checkpoints, which is forbidden for the time of a copy; copies,
which are made one at a time; and ``close()``, which waits for them. (``compact`` has a store for itself alone.) A
process that ends meanwhile leaves nothing wrong: what it forbade is a setting of its own, and its copy lies beside the
place.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb

from barhouse.store.database.database import Database
from barhouse.store.database.failures import is_full, is_not_allowed
from barhouse.store.database.file_lock import identity_of
from barhouse.store.database.replacement import log_of, put_in_place, written_beside
from barhouse.store.errors import InputError, StoreError, StoreFullError
from barhouse.store.model.paths import absolute
from barhouse.store.sql import Sql, literal, sql

# How long writers are held for readers of an older state: ever longer, as they do not end.
_SHORTEST_HOLD, _LONGEST_HOLD, _PAUSE = 0.1, 1.0, 0.01
_PROGRAM = Path(__file__).with_name("copy_process.py")


def copy_file(database: Database, target: Path, *, patience_seconds: float = 60) -> None:
    """Copy an open store, whole and consistent, replacing ``target`` at once or not at all.

    Writers wait until everything committed is in the file, not until it is copied. They wait for a second at a time at
    most when somebody still reads an older state, and go on in between, until ``patience_seconds`` are over.

    Parameters
    ----------
    target
        A file beside which there is room for the copy; its folder must exist.
    patience_seconds
        How long to wait for a reader that keeps an old state alive, without which the file is not whole.

    Raises
    ------
    InputError
        ``target`` is the store itself.
    StoreError
        The store is in memory, was busy for too long, or the copy cannot be written; ``target`` is as it was.
    """
    target = absolute(target)
    with database.copying(), written_beside(target) as part:
        copy_whole(database, target, part, patience_seconds=patience_seconds)
        put_in_place(part, target)


def copy_whole(
    database: Database,
    target: Path,
    part: Path,
    *,
    patience_seconds: float = 60,
    at_rest: Callable[[], None] | None = None,
) -> None:
    """Copy an open store into ``part``, which is to take the place of ``target``; see ``copy_file``.

    For whoever has the turn, ``database.copying()``.

    Parameters
    ----------
    at_rest
        Called at the moment whose state is copied, while nobody writes; not for a store that is only read.
    """
    if database.path is None:
        raise StoreError("a store in memory has no file that could be copied")
    if identity_of(target) == database.identity:
        raise InputError(f"the copy {target} would be the store itself; name another file")
    _check_room(database.path, target)
    with _at_rest(database, database.path, patience_seconds, at_rest):
        copy_synced(database.path, part, target)


def _check_room(path: Path, target: Path) -> None:
    """Refuse to begin what a full disk would end: DuckDB does not survive a checkpoint that fails."""
    if not target.parent.is_dir():
        return  # copying says so
    log_file = log_of(path)
    waiting = log_file.stat().st_size if log_file.exists() else 0
    needed = path.stat().st_size + waiting
    if target.parent.stat().st_dev == path.parent.stat().st_dev:
        needed += waiting
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise StoreFullError(
            f"{target.parent} has room for {free:,} bytes, and a copy of {path} takes up to {needed:,}; make room, "
            f"or name a file elsewhere"
        )


def copy_synced(source: Path, part: Path, target: Path) -> None:
    """Copy a file, have it written to the disk, and give it the mode of its source.

    ``target`` is where it is to be, for the error to name.
    """
    _apart("copy", source, part, task=f"copying {source} to {target}")
    shutil.copymode(source, part)


def sync_file(file: Path) -> None:
    """Make a file's content last, also one that this process holds a lock on."""
    _apart("sync", file, task=f"syncing {file}")


def _apart(work: str, *files: Path, task: str) -> None:
    """Do some work on files in a process of its own."""
    command = [sys.executable, "-I", "-S", str(_PROGRAM), work, *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        if is_not_allowed(why) and str(files[-1]) in why:
            raise StoreError(
                f"{task} failed: the folder {files[-1].parent} may not be written to; name a file elsewhere, or change "
                f"who may write there"
            )
        failed = f"{task} failed: {why}"
        raise StoreFullError(f"{failed}; make room, then do it again") if is_full(why) else StoreError(failed)


@contextmanager
def _at_rest(
    database: Database, path: Path, patience_seconds: float, at_rest: Callable[[], None] | None
) -> Iterator[None]:
    """Have everything committed written into the file itself, and then nothing but the log, for the time of a copy."""
    if database.read_only:
        _check_whole(path)
        yield
        return
    with closing(database.root.cursor()) as cursor:
        try:
            _come_to_rest(database, cursor, path, patience_seconds, at_rest or _nothing)
            yield
        finally:
            size = database.log_size
            again = sql("database.take_over") if size is None else sql("database.take_over_from", size=literal(size))
            with suppress(duckdb.Error):  # a database that is broken has to be opened again
                cursor.execute(again)


def _nothing() -> None:
    """Do nothing."""


def _come_to_rest(
    database: Database,
    cursor: duckdb.DuckDBPyConnection,
    path: Path,
    patience_seconds: float,
    at_rest: Callable[[], None],
) -> None:
    """Take a moment in which nobody writes, and nobody reads what was before the last change."""
    deadline = time.monotonic() + patience_seconds
    seconds = _SHORTEST_HOLD
    while True:
        with database.writers_held():  # nobody new reads what was before
            if _written_out(database, cursor, path, time.monotonic() + seconds):
                cursor.execute(sql("database.leave_alone"))
                _check_whole(path)
                at_rest()
                return
        if time.monotonic() >= deadline:
            raise StoreError(
                f"the store {path} was busy for {patience_seconds:g} seconds: a query that began before the last "
                f"write is still running; copy again when it has ended"
            )
        time.sleep(seconds)
        seconds = min(2 * seconds, _LONGEST_HOLD)


def _written_out(database: Database, cursor: duckdb.DuckDBPyConnection, path: Path, until: float) -> bool:
    """Have everything committed written into the file; False where somebody reads an older state for too long."""
    while True:
        try:
            with database.explaining():
                cursor.execute(sql("database.write_out"))
                if _holds(log_of(path)):  # nothing that was committed
                    cursor.execute(sql("database.begin_log_anew", table=Sql("alembic_version")))
                    cursor.execute(sql("database.write_out"))
            return True
        except duckdb.TransactionException:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)


def _holds(log_file: Path) -> bool:
    return log_file.exists() and log_file.stat().st_size > 0


def _check_whole(path: Path) -> None:
    log_file = log_of(path)
    if _holds(log_file):
        raise StoreError(f"{log_file} holds commits that {path} lacks; open the store for writing once, then copy it")
