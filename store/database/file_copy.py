"""Copies of a store's file, taken while it is open."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from barhouse.store.database.database import Database
from barhouse.store.database.failures import is_full, is_not_allowed
from barhouse.store.database.file_lock import identity_of
from barhouse.store.database.replacement import log_of, put_in_place, written_beside
from barhouse.store.errors import InputError, StoreError, StoreFullError
from barhouse.store.model.paths import absolute

# These run in a process of their own: closing a descriptor of the store's file here would end this process's lock
# on it.
# Nobody else may read a copy that is being made.
_COPY = """
import os, shutil, sys
os.umask(0o077)
shutil.copyfile(sys.argv[1], sys.argv[2])
"""
_SYNC = """
import os, sys
descriptor = os.open(sys.argv[-1], os.O_RDWR)
os.fsync(descriptor)
os.close(descriptor)
"""


def copy_file(database: Database, target: Path, *, patience_seconds: float = 60) -> None:
    """Copy an open store, whole and consistent, replacing ``target`` at once or not at all.

    Writers wait meanwhile, readers do not, and the lock on the file is held throughout.

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
    with written_beside(target) as part:
        copy_whole(database, target, part, patience_seconds=patience_seconds)
        put_in_place(part, target)


def copy_whole(database: Database, target: Path, part: Path, *, patience_seconds: float = 60) -> None:
    """Copy an open store into ``part``, which is to take the place of ``target``; see ``copy_file``."""
    if database.path is None:
        raise StoreError("a store in memory has no file that could be copied")
    if identity_of(target) == database.identity:
        raise InputError(f"the copy {target} would be the store itself; name another file")
    with database.writers_held():
        _check_room(database.path, target)
        _complete(database, database.path, patience_seconds)
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
    _apart(_COPY + _SYNC, source, part, task=f"copying {source} to {target}")
    shutil.copymode(source, part)


def sync_file(file: Path) -> None:
    """Make a file's content last, also one that this process holds a lock on."""
    _apart(_SYNC, file, task=f"syncing {file}")


def _apart(program: str, *files: Path, task: str) -> None:
    """Run a program on files in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *map(str, files)], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        if is_not_allowed(why) and str(files[-1]) in why:
            raise StoreError(
                f"{task} failed: the folder {files[-1].parent} may not be written to; name a file elsewhere, or change "
                f"who may write there"
            )
        failed = f"{task} failed: {why}"
        raise StoreFullError(f"{failed}; make room, then do it again") if is_full(why) else StoreError(failed)


def _complete(database: Database, path: Path, patience_seconds: float) -> None:
    """Have everything committed written into the file itself."""
    deadline = time.monotonic() + patience_seconds
    while not database.read_only:
        try:
            with database.explaining():
                database.root.execute("CHECKPOINT")
            break
        except duckdb.TransactionException as error:
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"the store {path} was busy for {patience_seconds:g} seconds: a query that began before the last "
                    f"write is still running; copy again when it has ended"
                ) from error
            time.sleep(0.05)
    log_file = log_of(path)
    if log_file.exists() and log_file.stat().st_size:
        raise StoreError(f"{log_file} holds commits that {path} lacks; open the store for writing once, then copy it")
