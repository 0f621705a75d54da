"""Writers go first: while one is at work, queries beside it have half of the memory.

DuckDB has no limit for one query, and a sort or a list of all rows takes what there is; then the writer, whose
statements need little, finds none and fails. So a query is ended that has taken more than half while somebody writes.
What nobody needs, such as blocks of the file that were read, DuckDB gives back by itself and is not counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from barhouse.store.database.failures import is_interrupt
from barhouse.store.errors import StoreMemoryError
from barhouse.store.sql import sql

_LOOK_SECONDS = 0.01
#: A writer waits no longer for memory: functions of texts and lists hear of nothing until they end.
_PATIENCE_SECONDS = 5.0


class Precedence:
    """The memory of one store's process, between who writes and who asks."""

    def __init__(self, root: duckdb.DuckDBPyConnection, memory_bytes: int) -> None:
        self._root = root
        self._half = memory_bytes // 2
        self._writers: list[int] = []  # their threads
        self._queries = 0
        self._lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Go before queries; waits until those that have too much have ended."""
        with self._lock:
            self._writers.append(threading.get_ident())
        try:
            end = time.monotonic() + _PATIENCE_SECONDS
            while self._queries and self._is_short() and time.monotonic() < end:
                time.sleep(_LOOK_SECONDS)
            yield
        finally:
            with self._lock:
                self._writers.remove(threading.get_ident())

    @contextmanager
    def asking(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """End a query of this connection when a writer lacks the memory it has.

        Raises
        ------
        StoreMemoryError
            When it was ended.
        """
        if threading.get_ident() in self._writers:  # the writer's own
            yield
            return
        done, ended = threading.Event(), threading.Event()

        def look() -> None:
            while not done.wait(_LOOK_SECONDS):
                if self._writers and self._is_short():
                    ended.set()
                    with suppress(duckdb.Error):
                        cursor.interrupt()

        watch = threading.Thread(target=look, name="barhouse-precedence", daemon=True)
        with self._lock:
            self._queries += 1
        watch.start()
        try:
            yield
        except BaseException as error:
            if ended.is_set() and (is_interrupt(error) or isinstance(error, KeyboardInterrupt)):
                raise StoreMemoryError(
                    "the query had more than half of the memory allowed while somebody wrote, and was ended so that "
                    "the write goes through; ask again, narrow it, or allow more with memory_limit"
                ) from error
            raise
        finally:
            done.set()
            watch.join()
            with self._lock:
                self._queries -= 1

    def _is_short(self) -> bool:
        """Whether more than half of the memory is in use."""
        try:
            with self._root.cursor() as cursor:
                ((used,),) = cursor.execute(sql("database.memory_in_use")).fetchall()
        except duckdb.Error:  # not even this can be asked
            return True
        return int(used) > self._half
