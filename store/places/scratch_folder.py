"""A private folder for files that are needed only for a moment: gone afterwards, and if need be at the next start."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from time import time

from barhouse.store.errors import SourceError
from barhouse.store.hints import Option

if sys.platform != "win32":  # there what is open is not removed
    import fcntl

_PREFIX = ".barhouse-unpacked-"
_LOCK = "in-use"
_NAMES_ONE = re.compile(rf"[^\s'\"]*{re.escape(_PREFIX)}[^\s'\"/]*/[^\s'\",;:]*")
#: Longer ago than it takes to make a folder and take its lock.
_OLD_SECONDS = 3_600
#: What is left free on a disk that others use, too.
_ROOM_BYTES = 256 << 20


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Make a folder inside another, and remove it at the end; folders that killed processes left go first.

    Raises
    ------
    SourceError
        When there can be none.
    """
    _remove_left(beside)
    try:
        folder = Path(mkdtemp(prefix=_PREFIX, dir=beside))
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SourceError(
            f"files cannot be unpacked or kept for a moment in {beside}: {error.strerror}; another place is chosen by "
            f"{Option('settings', {'temp_directory': 'PATH'})}"
        ) from error
    try:
        _take(lock)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def scratch_place(beside: Path) -> Path:
    """Where scratch folders are made for files whose folders may be columns: where no folder above is named so."""
    return Path(gettempdir()) if "=" in str(beside) else beside


def have_room(folder: Path) -> None:
    """Refuse to fill the disk.

    Raises
    ------
    SourceError
        When it is nearly full.
    """
    if shutil.disk_usage(folder).free < _ROOM_BYTES:
        raise SourceError(
            f"there is no room to unpack files in {folder.parent}; make room, or choose another place by "
            f"{Option('settings', {'temp_directory': 'PATH'})}"
        )


def without_scratch(text: str, name: str) -> str:
    """A message in which files of a scratch folder are called by the name of their source."""
    return _NAMES_ONE.sub(lambda _: name, text)


def _remove_left(beside: Path) -> None:
    """Remove the folders that nobody has in use."""
    for folder in beside.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            lock = None
        except OSError:  # somebody else's
            continue
        try:
            if _is_left(folder, lock):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            if lock is not None:
                os.close(lock)


def _is_left(folder: Path, lock: int | None) -> bool:
    if lock is not None and sys.platform != "win32":
        return _take(lock)
    try:
        return time() - folder.stat().st_mtime > _OLD_SECONDS
    except OSError:
        return False


def _take(lock: int) -> bool:
    """Have a lock that ends with its descriptor, and so with the process; False where somebody else has it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
