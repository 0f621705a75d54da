"""Which files of this process are stores that are open: no other part of it may open such a file besides.

A POSIX lock ends when a process closes any descriptor of the file, so that to read a few bytes of a store, even by a
link, would let another process into it.
"""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from barhouse.store.errors import SourceError


class OpenStore(Protocol):
    """What is known of an open store: its file's device and inode, and whether it was closed."""

    identity: tuple[int, int] | None
    closed: bool


# Everything that was opened in this process and is still referred to. A set must not change while it is gone through.
_opened: WeakSet[OpenStore] = WeakSet()
_changing = threading.Lock()


def add(store: OpenStore) -> None:
    """Know a store, for as long as it is referred to."""
    with _changing:
        _opened.add(store)


def _open_now() -> list[OpenStore]:
    with _changing:
        return [store for store in _opened if not store.closed]


def refuse_unreadable(path: Path) -> None:
    """Refuse a path that is not to be read as data: a store that is open here, a pipe, a device.

    Raises
    ------
    SourceError
        Saying which it is.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{path} is no regular file but a pipe or a device, which cannot be read twice; write a file")
    if any(one.identity == (found.st_dev, found.st_ino) for one in _open_now()):
        raise SourceError(
            f"{path} is a store that is open in this process, by this name or by a link; name another file"
        )
