"""A published file that is followed: whoever reads next reads the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from barhouse.store.database.database import Database
from barhouse.store.database.file_lock import identity_of


class Follower:
    """The newest of the files that are published under one name, open to be read.

    One that was replaced stays open for those that are reading it, and is closed when the last of them has gone.
    """

    def __init__(self, path: Path, open_newest: Callable[[], Database]) -> None:
        self._path = path
        self._open_newest = open_newest
        self._database = open_newest()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def current(self) -> Database:
        """The newest; opened now if another has taken its place.

        Raises
        ------
        StoreError
            It cannot be opened, as one of a newer version.
        """
        with self._lock:
            if not self._closed and identity_of(self._path) not in (None, self._database.identity):
                self._database = self._open_newest()
            return self._database

    def close(self) -> None:
        """Give the newest back, after whoever reads it has finished."""
        with self._lock:
            self._closed = True
        self._database.close()
