"""Failures of the machine under a store, told in a store's errors: a full disk, no memory, a broken database."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from barhouse.store.errors import StoreBrokenError, StoreError, StoreFullError, StoreMemoryError
from barhouse.store.hints import Action

_NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")
_NOT_ALLOWED = ("Permission denied", "Read-only file system")
_LOOK_AFTER = (
    "look after the disk, open the store again and do it again: what was being written is there whole or not at all"
)
#: A block that does not fit its checksum.
_DAMAGED = ("Corrupt database file", "does not match stored checksum", "Could not read enough bytes")
_NO_ROOM_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: A disk, or the way to it, that does not do what it is told.
_FAILING_CODES = {errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT}
_FAILING = frozenset(map(os.strerror, _FAILING_CODES))


def failure_of(error: BaseException, place: str) -> StoreError | None:
    """Tell an error as what failed under the store at ``place``; None when it is about something else."""
    if isinstance(error, StoreError):
        return None
    for cause in _causes(error):
        if isinstance(cause, OSError) and not isinstance(cause, duckdb.Error):
            if cause.errno in _NO_ROOM_CODES:
                return StoreFullError(
                    f"there is no room left for {place} or a file of it: {cause}; make room, then do it again"
                )
            if cause.errno in _FAILING_CODES:
                return StoreError(f"a disk of {place} does not do what it is told: {cause}; {_LOOK_AFTER}")
        elif isinstance(cause, duckdb.Error):
            return _failure(cause, place)
    return None


@contextmanager
def told(place: str) -> Iterator[None]:
    """Tell failures of the machine as errors of the store at ``place``; for work that no transaction does."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        failure = failure_of(error, place)
        if failure is None:
            raise
        raise failure from error


def is_of_disk(error: OSError) -> bool:
    """Whether a disk has no room, or does not do what it is told."""
    return error.errno in _NO_ROOM_CODES | _FAILING_CODES


def is_of_machine(error: duckdb.Error) -> bool:
    """Whether it is the machine that failed, and not what DuckDB was asked to read or to do."""
    return _failure(error, "") is not None


def is_full(text: str) -> bool:
    """Whether a message says that a disk has no room."""
    return any(said in text for said in _NO_ROOM)


def is_not_allowed(text: str) -> bool:
    """Whether a message says that somebody may not write."""
    return any(said in text for said in _NOT_ALLOWED)


def is_interrupt(error: BaseException) -> bool:
    """Whether a statement ended because somebody wanted the program to stop: Ctrl-C, or ``Database.interrupt``."""
    return any(_is_interrupt(cause) for cause in _causes(error))


def _is_interrupt(error: BaseException) -> bool:
    """Whether DuckDB says so, which has a way of its own for each place where it hears of it."""
    if isinstance(error, duckdb.InterruptException):
        return True
    if type(error) is RuntimeError:
        return str(error) == "Query interrupted"
    return type(error) is duckdb.Error and str(error).startswith("KeyboardInterrupt")


def breaks(error: BaseException) -> bool:
    """Whether DuckDB refuses everything after this error until the file is opened again."""
    return any(isinstance(cause, duckdb.FatalException | duckdb.InternalException) for cause in _causes(error))


def broken(place: str, why: object) -> StoreBrokenError:
    """Make the error of a store that was broken by an earlier failure."""
    return StoreBrokenError(
        f"the store {place} cannot go on after an earlier failure ({_first_line(why)}); close it and open it again: "
        f"what was committed is there"
    )


def _failure(error: duckdb.Error, place: str) -> StoreError | None:
    text, fatal = str(error), breaks(error)
    again = "close the store, open it again and do it again" if fatal else "do it again"
    if is_full(text):
        return StoreFullError(
            f"there is no room left on the disk of {place} or of its temporary files: {_first_line(text)}; make room, "
            f"then {again}: what was being written is there whole or not at all"
        )
    if any(said in text for said in _DAMAGED):
        return StoreBrokenError(
            f"the file of {place} is damaged on the disk: {_first_line(text)}; go back to a backup with "
            f"{Action('restore')}, and look after the disk"
        )
    if is_not_allowed(text) and ".wal" in text:
        return StoreError(
            f"the folder of {place} may not be written to, and a write needs a file there ({_first_line(text)}); "
            f"nothing was written. Change who may use it, or copy the store elsewhere"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreMemoryError(
            f"the memory allowed was not enough for {place}: {_first_line(text)}; nothing was written. Allow more "
            f"(memory_limit, max_temp_directory_size), or do it in smaller parts"
        )
    if any(said in text for said in _FAILING):
        return StoreError(f"a disk of {place} does not do what it is told: {_first_line(text)}; {_LOOK_AFTER}")
    return broken(place, text) if fatal else None


def _first_line(text: object) -> str:
    return str(text).strip().splitlines()[0].rstrip(".") if str(text).strip() else "it did not say why"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
