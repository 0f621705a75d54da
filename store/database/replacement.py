"""Files that take the place of others at once or not at all: written beside, and renamed when they are whole."""

from __future__ import annotations

import glob
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give the name of a file to write, in the folder of ``target``, for :func:`put_in_place`.

    What is left of it when the block ends is removed, and so is what processes that were killed have left there.
    """
    part = _part_of(target)
    try:
        yield part
    finally:
        for left in (part, log_of(part)):
            left.unlink(missing_ok=True)


def put_in_place(part: Path, target: Path) -> None:
    """Have a whole file take the place of ``target``, for good: whoever has the one before open keeps it."""
    part.replace(target)
    sync_folder(target.parent)


def log_of(file: Path) -> Path:
    """Name the log that DuckDB keeps beside a file: what is committed and not in the file yet."""
    return file.with_name(f"{file.name}.wal")


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder last."""
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part_of(target: Path) -> Path:
    mine = f"{os.getpid()}-{_mark(os.getpid())}"
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        writer = left.name.removeprefix(f".{target.name}.").removesuffix(".part")
        pid = writer.partition("-")[0]
        if (
            pid.isdecimal()
            and not writer.startswith(f"{mine}-")
            and (int(pid) == os.getpid() or not _is_running(int(pid)))
        ):
            left.unlink(missing_ok=True)
            log_of(left).unlink(missing_ok=True)
    return target.with_name(f".{target.name}.{mine}-{threading.get_ident()}.part")


@cache
def _mark(pid: int) -> str:
    """Tell a process apart from one that had its number before; containers start with the same numbers every time."""
    return uuid.uuid4().hex[:8]


def _is_running(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a number that no process has
        return True
    return True
