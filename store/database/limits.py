"""What a query may take: rows, and time; and how many may run at once, so that there is memory left for who writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import duckdb

from barhouse.store.database.failures import is_interrupt
from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.model.inputs import as_count
from barhouse.store.model.words import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from barhouse.store.database.answer import Answer

#: How many rows a batch of a streamed query has, unless said otherwise: as many as a row group of DuckDB.
STREAMED_ROWS = 122_880
#: A query for each so many bytes that DuckDB may use, and one in any case.
_BYTES_PER_QUERY = 256 * 2**20
#: An interrupt that comes between two statements is lost, so it is repeated.
_AGAIN_SECONDS = 0.05
_LONGEST_SECONDS = 1e8


@dataclass(frozen=True, slots=True)
class Limits:
    """How many rows an answer may have, and how long it may take; None for as many, or as long, as it takes.

    Raises
    ------
    InputError
        For what is no number of rows or seconds.
    """

    max_rows: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.max_rows is not None:
            as_count(self.max_rows, "max_rows", "how many rows an answer may have")
        seconds = self.max_seconds
        if seconds is None:
            return
        usable = isinstance(seconds, int | float) and not isinstance(seconds, bool) and isfinite(seconds)
        if not usable or not 0 < seconds <= _LONGEST_SECONDS:
            raise InputError(
                f"{Option('max_seconds', seconds)} is not usable; give how many seconds a query may take, or leave it "
                f"out"
            )

    def check_rows(self, row_count: int) -> None:
        """Refuse an answer that has more rows than it may.

        Raises
        ------
        InputError
            Saying how to have fewer, or more.
        """
        if self.max_rows is not None and row_count > self.max_rows:
            raise InputError(
                f"the answer has more than {counted(self.max_rows, 'row')}; narrow the query, give it a LIMIT, or "
                f"allow more with {Option('max_rows')}"
            )

    @contextmanager
    def timed(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """End what a connection does when the time is over.

        Raises
        ------
        InputError
            When it was.
        """
        if self.max_seconds is None:
            yield
            return
        done, late = threading.Event(), threading.Event()

        def end() -> None:
            wait = self.max_seconds
            while not done.wait(wait):
                late.set()
                with suppress(duckdb.Error):
                    cursor.interrupt()
                wait = _AGAIN_SECONDS

        watch = threading.Thread(target=end, name="barhouse-limit", daemon=True)
        watch.start()
        try:
            yield
        except BaseException as error:
            if late.is_set() and (is_interrupt(error) or isinstance(error, KeyboardInterrupt)):
                raise InputError(
                    f"the query was ended after {self.max_seconds:g} seconds; narrow it, or allow more with "
                    f"{Option('max_seconds')}"
                ) from None
            raise
        finally:
            done.set()
            watch.join()


#: As much as it takes.
NO_LIMITS = Limits()


def read(relation: Answer | None, limits: Limits) -> pa.Table:
    """Read all of an answer, as far as it may go; of a statement that gives none, nothing."""
    import pyarrow as pa

    if relation is None:
        return pa.table({})
    if limits.max_rows is None:
        return relation.to_arrow_table()
    batches: list[pa.RecordBatch] = []
    with relation.to_arrow_reader(min(STREAMED_ROWS, limits.max_rows + 1)) as reader:
        for batch in reader:
            batches.append(batch)
            limits.check_rows(sum(one.num_rows for one in batches))
        return pa.Table.from_batches(batches, reader.schema)


class Turns:
    """Lets so many threads query at once as there is memory for; a thread that does may begin another query."""

    def __init__(self, memory_bytes: int) -> None:
        self.count = max(1, memory_bytes // _BYTES_PER_QUERY)
        self._free = threading.Semaphore(self.count)
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait until there is one, and have it."""
        if getattr(self._mine, "has", False):
            yield
            return
        with self._free:
            self._mine.has = True
            try:
                yield
            finally:
                self._mine.has = False
