"""The connections that somebody reads or writes with now: how far their statements have come, and ending them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import duckdb


class Running:
    """Those connections of one store; any thread may ask."""

    def __init__(self) -> None:
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._measures = False  # whether somebody asks how far statements have come
        self._lock = threading.RLock()  # a signal may ask in the midst of a change

    def connections(self) -> Sequence[duckdb.DuckDBPyConnection]:
        """All of them."""
        with self._lock:
            return tuple(self._cursors)

    def interrupt(self, running: Sequence[duckdb.DuckDBPyConnection] | None = None) -> bool:
        """End the statements that run now, in whatever thread: each raises ``KeyboardInterrupt`` there.

        ``running`` are the only connections to be ended. Returns whether any was there still.
        """
        with self._lock:
            left = [cursor for cursor in self._cursors if running is None or any(cursor is other for other in running)]
            for cursor in left:
                cursor.interrupt()
        return bool(left)

    def progress(self) -> float | None:
        """How far the statement that runs now has come, from 0 to 1; see ``StoreFile.progress``."""
        with self._lock:
            self._measures = True
            made = [cursor.query_progress() for cursor in self._cursors]
        return min((percent / 100 for percent in made if percent >= 0), default=None)

    @contextmanager
    def entered(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Count a connection among them, for as long as it is used."""
        if self._measures:  # DuckDB counts only what it could show as a bar, which it shall not print
            cursor.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
        with self._lock:
            self._cursors.append(cursor)
        try:
            yield
        finally:
            with self._lock:
                self._cursors.remove(cursor)


@contextmanager
def given_up(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let an error end what still runs: DuckDB's own threads go on with a statement that Ctrl-C broke off.

    Closing the connection waits for them, and keeps all of Python waiting, so that nobody else could end them.
    """
    try:
        yield
    except BaseException:
        with suppress(duckdb.ConnectionException):  # closed already
            cursor.interrupt()
        raise
