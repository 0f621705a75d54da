"""Whose turn it is to copy the file of an open store: one thread's at a time, with which closing waits."""

from __future__ import annotations

import threading

from barhouse.store.errors import StoreError


class CopyTurn:
    """The turn of one store; whoever waits for it, takes it or asks has ``lock``, which keeps writers out."""

    def __init__(self, lock: threading.RLock) -> None:
        self._changed = threading.Condition(lock)
        self._thread: int | None = None

    def refuse_own(self) -> None:
        """Refuse what has to wait for a copy, to the thread that makes it, as in a handler of a signal.

        Raises
        ------
        StoreError
            This is that thread.
        """
        if self._thread == threading.get_ident():
            raise StoreError("this thread is copying the store; close it, or copy it again, when that is done")

    def wait(self) -> None:
        """Wait until nobody copies; writers go on meanwhile."""
        self._changed.wait_for(lambda: self._thread is None)

    def take(self) -> None:
        """Have it, when nobody does."""
        self._thread = threading.get_ident()

    def give_back(self) -> None:
        """Let the next have it."""
        with self._changed:
            self._thread = None
            self._changed.notify_all()
