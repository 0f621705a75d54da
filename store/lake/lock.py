"""The lock of a lake: one writer at a time, on however many machines.

A lake takes the same rows twice if two writers add them, for nothing in it is unique. So whoever publishes looks which
files of shards count and writes what follows under one lock: a file beside a catalog that is a file, and a lock of
PostgreSQL's own where the catalog lies there, which ends with the connection, and so with the process that had it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barhouse.store.errors import LakeError, LakeHeldError
from barhouse.store.lake.address import LakeAddress, without_secrets

if TYPE_CHECKING:
    import psycopg

#: Says that a lock is still there; raises when it is not.
Proof = Callable[[], None]


@contextmanager
def lake_lock(address: LakeAddress, patience_seconds: float) -> Iterator[Proof]:
    """Have the lock of a lake, waiting for it for so long at most.

    Yields what to call right before a commit.

    Raises
    ------
    LakeHeldError
        Somebody else has it for longer.
    LakeError
        The catalog is not to be reached.
    """
    if address.file is not None:
        with _file_lock(address, patience_seconds):
            yield lambda: None
    else:
        with _postgres_lock(address, patience_seconds) as proof:
            yield proof


@contextmanager
def _file_lock(address: LakeAddress, patience_seconds: float) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(f"{address.file}.lock")
    try:
        lock.acquire(timeout=patience_seconds)
    except Timeout:
        raise _held(address, patience_seconds) from None
    except OSError as error:
        raise LakeError(f"the lake {address} cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _postgres_lock(address: LakeAddress, patience_seconds: float) -> Iterator[Proof]:
    import psycopg

    try:
        connection = psycopg.connect(str(address.connection), autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise _away(address, error) from error
    with connection:
        try:
            # Of one lake the lock is the same whatever the database is called by.
            (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
            number = int.from_bytes(hashlib.sha256(f"barhouse {database}".encode()).digest()[:8], signed=True)
            connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(patience_seconds * 1000)}ms"])
            connection.execute("SELECT pg_advisory_lock(%s)", [number])
        except psycopg.errors.LockNotAvailable:
            raise _held(address, patience_seconds) from None
        except psycopg.Error as error:
            raise _away(address, error) from error
        yield lambda: _prove(address, connection)


def _prove(address: LakeAddress, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """See that the connection that has the lock is still there."""
    import psycopg

    try:
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise _away(address, error) from error


def _held(address: LakeAddress, patience_seconds: float) -> LakeHeldError:
    return LakeHeldError(
        f"the lake {address} was being written to by another process for {patience_seconds:g} seconds; nothing was "
        f"published here: run again, and what was done until then is taken up"
    )


def _away(address: LakeAddress, error: Exception) -> LakeError:
    said = without_secrets(" ".join(str(error).split()))
    return LakeError(
        f"the lake {address} cannot be reached: {said}; nothing was published: see that its PostgreSQL runs, and run "
        f"again"
    )
